/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_SUBMIT_SENDMAIL_H
#define BATCHLOAD_SUBMIT_SENDMAIL_H

#include "lib/submit.h"

/* The other way of submit_message(): sendmail(1) at path. Only lib/submit.c uses this. */
Answer submit_sendmail(const char *path, unsigned seconds, const char *recipient,
                       GInputStream *message, GError **error);

#endif
