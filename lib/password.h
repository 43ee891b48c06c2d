/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_PASSWORD_H
#define BATCHLOAD_PASSWORD_H

#include "lib/secret.h"
#include <stdbool.h>

/* New passwords: clear ones hashed in the process, hashed ones checked for form and cost. */

/* Longest password taken, in bytes: crypt(3) takes no longer one. */
#define PASSWORD_MAX 511

/* Schemes of hashed passwords a file may bring: bits of PasswordRules.accepted. */
enum {
    PASSWORD_CRYPT_SHA512 = 1,   /* {CRYPT}$6$… */
    PASSWORD_CRYPT_YESCRYPT = 2, /* {CRYPT}$y$… */
    PASSWORD_ARGON2 = 4,         /* {ARGON2}$argon2id$… or $argon2i$… */
    PASSWORD_SSHA512 = 8,        /* {SSHA512}base64 */
};

/* How clear passwords are hashed. The times are of one core, at each login too. */
typedef enum {
    PASSWORD_SCHEME_SHA512,   /* {CRYPT}$6$, 5,000 rounds, about 1.5 ms */
    PASSWORD_SCHEME_YESCRYPT, /* {CRYPT}$y$ at the system's default cost, about 12 ms */
    PASSWORD_SCHEME_ARGON2,   /* {ARGON2}$argon2id$, 19 MiB, 2 passes, about 20 ms */
    PASSWORD_SCHEME_SSHA512,  /* {SSHA512}: fast to try for whoever steals it */
    PASSWORD_SCHEME_SERVER,   /* not here: the directory is given it in clear, and hashes */
} PasswordScheme;

#define PASSWORD_ARGON2_KIB 19456u
#define PASSWORD_ARGON2_PASSES 2u

/* Costs above these are refused: the server pays them at each login. */
#define PASSWORD_SHA512_ROUNDS_MAX 100000
#define PASSWORD_YESCRYPT_COST_MAX 11 /* the cost parameter of crypt(5) */
#define PASSWORD_ARGON2_KIB_MAX 131072
#define PASSWORD_ARGON2_PASSES_MAX 10
#define PASSWORD_ARGON2_LANES_MAX 8

typedef enum {
    PASSWORD_FORM_CLEAR,   /* to be hashed */
    PASSWORD_FORM_HASHED,  /* taken as it is */
    PASSWORD_FORM_REFUSED, /* looks like {WORD}… but can't be taken, or can't be a password */
} PasswordForm;

/* What a PASSWORD cell is. With PASSWORD_FORM_REFUSED *reason and *advice (static, without the
 * value) say why: unknown scheme, broken form, cost too high, control character, too long. Any
 * thread. */
PasswordForm password_form(const char *cell, unsigned accepted, const char **reason,
                           const char **advice);

/* The userPassword value of a clear password, with a random salt. NULL only when the system has no
 * such method, or no memory for it, and for PASSWORD_SCHEME_SERVER. Any thread. */
Secret *password_hash(const Secret *clear, PasswordScheme scheme);

#endif
