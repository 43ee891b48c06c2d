/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_SUBMIT_SENDMAIL_H
#define BATCHLOAD_SUBMIT_SENDMAIL_H

#include "lib/submit.h"

/* The other way of submit_message(): sendmail(1) at path. Only lib/submit*.c use this. */
Answer submit_sendmail(const char *path, unsigned seconds, const char *recipient,
                       GInputStream *message, GError **error);
/* The error of both ways where the message's stream failed with cause. */
void submit_unreadable(const GError *cause, GError **error);

#endif
