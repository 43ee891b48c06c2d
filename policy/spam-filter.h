/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_SPAM_FILTER_H
#define BATCHLOAD_SPAM_FILTER_H

#include "lib/answer.h"
#include "lib/directory.h"
#include "lib/profile.h"

/* Whom a domain takes no mail from, as the directory has it: one search a question, whatever number
 * of senders a domain blocks. One thread. */
typedef struct SpamFilter SpamFilter;

/* How long a domain that is not in the directory is not looked for again, and how many such
 * domains are known at a time. */
#define SPAM_FILTER_STRANGE_SECONDS 10
#define SPAM_FILTER_STRANGE_MAX 1000
/* Longest wait for the directory's answers to one question, once it is connected. */
#define SPAM_FILTER_ANSWER_SECONDS 30

/* All are borrowed, and outlive the result. exempt: addresses in normal form (NULL at the end, may
 * be NULL) that mail may come to from anybody, also while the directory is away. strange_seconds:
 * as above. Does not connect yet. NULL with DIRECTORY_ERROR. */
SpamFilter *spam_filter_new(const DirectorySettings *settings, const Profile *profile,
                            char *const *exempt, unsigned strange_seconds, GError **error);
void spam_filter_free(SpamFilter *filter);

/* Whether the domain of recipient, or the one that this is a further name of, takes no mail from
 * sender ("": nobody) at client (its IP address; anything else is no address). They may be written
 * in any way that the mail server takes. ANSWER_NO, too: the domain is none of the directory's.
 * ANSWER_YES: *domain, the recipient's, owned by the caller. ANSWER_UNKNOWN with DIRECTORY_ERROR.
 */
Answer spam_filter_ask(SpamFilter *filter, const char *recipient, const char *sender,
                       const char *client, char **domain, GError **error);

/* What a domain may have of this sender or client: EMAIL:, DOMAIN: and IP: (char *), in normal
 * form. Caller owns the result. */
GPtrArray *spam_filter_values(const char *sender, const char *client);

/* The domain of an address in normal form, or NULL. Caller owns the result. */
char *spam_filter_domain(const char *address);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(SpamFilter, spam_filter_free)

#endif
