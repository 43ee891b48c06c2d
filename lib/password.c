/* SPDX-License-Identifier: MIT */
#include "lib/password.h"

#include "lib/text.h"
#include <crypt.h>
#include <glib.h>
#include <sodium.h>
#include <string.h>

#define CRYPT_ALPHABET "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#define BASE64_ALPHABET "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
#define DIGITS "0123456789"

/* crypt(5) */
#define SHA512_ROUNDS_MIN 1000
#define SHA512_SALT_MAX 16
#define SHA512_SUM 86
#define YESCRYPT_SALT_MAX 86
#define YESCRYPT_SUM 43

/* RFC 9106 and the library's own bounds */
#define ARGON2_VERSION "v=19$"
#define ARGON2_SALT_MIN 8
#define ARGON2_SALT_MAX 64
#define ARGON2_SUM_MIN 16
#define ARGON2_SUM_MAX 64

#define SHA512_BYTES 64
#define SSHA512_SALT_MIN 4
#define SSHA512_SALT_MAX 64
#define SSHA512_SALT 16 /* of our own */

typedef enum { CHECK_FITS, CHECK_BROKEN, CHECK_COSTLY, CHECK_NOT_ACCEPTED } Check;

/* Moves *at behind prefix where it stands there. */
static bool skip(const char **at, const char *prefix)
{
    const gsize length = strlen(prefix);
    if (strncmp(*at, prefix, length) != 0)
        return false;
    *at += length;
    return true;
}

/* Moves *at behind min to max characters of alphabet; more of them is no match. */
static bool skip_run(const char **at, const char *alphabet, gsize min, gsize max)
{
    const gsize length = strspn(*at, alphabet);
    *at += length;
    return length >= min && length <= max;
}

/* A decimal number without leading zeros; one too long for a guint32 becomes G_MAXUINT32. */
static bool skip_number(const char **at, guint32 *number)
{
    const char *start = *at;
    guint64 value = 0;

    if (*start == '0' || !skip_run(at, DIGITS, 1, PASSWORD_MAX))
        return false;
    for (const char *c = start; c < *at && value <= G_MAXUINT32; c++)
        value = value * 10 + (guint64)(*c - '0');
    *number = (guint32)MIN(value, G_MAXUINT32);
    return true;
}

/* rest: behind "$6$" */
static Check check_sha512(const char *rest)
{
    guint32 rounds = SHA512_ROUNDS_MIN;
    const char *at = rest;

    if (skip(&at, "rounds=") && (!skip_number(&at, &rounds) || !skip(&at, "$")))
        return CHECK_BROKEN;
    if (!skip_run(&at, CRYPT_ALPHABET, 1, SHA512_SALT_MAX) || !skip(&at, "$") ||
        !skip_run(&at, CRYPT_ALPHABET, SHA512_SUM, SHA512_SUM) || *at != '\0' ||
        rounds < SHA512_ROUNDS_MIN)
        return CHECK_BROKEN;
    return rounds > PASSWORD_SHA512_ROUNDS_MAX ? CHECK_COSTLY : CHECK_FITS;
}

/* The parameters as crypt_gensalt(3) writes them: flavour j, log2 N and r, one character each,
 * counted from 1. Cost 1 and 2 have r = 8 and N = 2^(cost + 9), the others r = 32 and
 * N = 2^(cost + 7). rest: behind "$y$" */
static Check check_yescrypt(const char *rest)
{
    const char *at = rest, *n, *r;
    gsize log_n, block;

    if (!skip(&at, "j") || *at == '\0' || at[1] == '\0')
        return CHECK_BROKEN;
    n = strchr(CRYPT_ALPHABET, at[0]);
    r = strchr(CRYPT_ALPHABET, at[1]);
    at += 2;
    if (n == NULL || r == NULL || !skip(&at, "$") ||
        !skip_run(&at, CRYPT_ALPHABET, 1, YESCRYPT_SALT_MAX) || !skip(&at, "$") ||
        !skip_run(&at, CRYPT_ALPHABET, YESCRYPT_SUM, YESCRYPT_SUM) || *at != '\0')
        return CHECK_BROKEN;
    log_n = (gsize)(n - CRYPT_ALPHABET) + 1;
    block = (gsize)(r - CRYPT_ALPHABET) + 1;
    if (log_n < 10 || (block != 8 && block != 32))
        return CHECK_BROKEN;
    return log_n > PASSWORD_YESCRYPT_COST_MAX + (block == 8 ? 9u : 7u) ? CHECK_COSTLY : CHECK_FITS;
}

/* Whether text is the base64 (RFC 4648, 4) of min to max bytes, without bits left over. */
static bool base64_fits(const char *text, gsize length, bool padded, gsize min, gsize max)
{
    const gsize digits = strspn(text, BASE64_ALPHABET), size = digits * 6 / 8;
    const unsigned over = digits * 6 % 8; /* bits of the last digit; a digit alone makes no byte */
    const gsize padding = padded ? over / 2 : 0;

    if (digits + padding != length || size < min || size > max || over > 4)
        return false;
    for (gsize i = digits; i < length; i++)
        if (text[i] != '=')
            return false;
    const char *last = strchr(BASE64_ALPHABET, text[digits - 1]);
    return ((gsize)(last - BASE64_ALPHABET) & ((1u << over) - 1)) == 0;
}

/* rest: behind the scheme */
static Check check_argon2(const char *rest)
{
    const char *at = rest, *salt, *sum;
    guint32 kib, passes, lanes;

    if (!skip(&at, "$argon2id$") && !skip(&at, "$argon2i$"))
        return CHECK_BROKEN;
    if (!skip(&at, ARGON2_VERSION) || !skip(&at, "m=") || !skip_number(&at, &kib) ||
        !skip(&at, ",t=") || !skip_number(&at, &passes) || !skip(&at, ",p=") ||
        !skip_number(&at, &lanes) || !skip(&at, "$"))
        return CHECK_BROKEN;
    salt = at;
    sum = strchr(salt, '$');
    if (sum == NULL ||
        !base64_fits(salt, (gsize)(sum - salt), false, ARGON2_SALT_MIN, ARGON2_SALT_MAX) ||
        !base64_fits(sum + 1, strlen(sum + 1), false, ARGON2_SUM_MIN, ARGON2_SUM_MAX))
        return CHECK_BROKEN;
    if (kib > PASSWORD_ARGON2_KIB_MAX || passes > PASSWORD_ARGON2_PASSES_MAX ||
        lanes > PASSWORD_ARGON2_LANES_MAX)
        return CHECK_COSTLY;
    return kib < 8 * lanes ? CHECK_BROKEN : CHECK_FITS;
}

static Check check_ssha512(const char *rest)
{
    return base64_fits(rest, strlen(rest), true, SHA512_BYTES + SSHA512_SALT_MIN,
                       SHA512_BYTES + SSHA512_SALT_MAX)
               ? CHECK_FITS
               : CHECK_BROKEN;
}

/* How hashed passwords begin; of two with the same scheme the longer beginning decides. */
static const struct {
    const char *scheme, *begins;
    unsigned bit;
    Check (*check)(const char *rest);
} schemes[] = {
    {"{CRYPT}", "$6$", PASSWORD_CRYPT_SHA512, check_sha512},
    {"{CRYPT}", "$y$", PASSWORD_CRYPT_YESCRYPT, check_yescrypt},
    {"{ARGON2}", "", PASSWORD_ARGON2, check_argon2},
    {"{SSHA512}", "", PASSWORD_SSHA512, check_ssha512},
};

static Check check_hashed(const char *cell, unsigned accepted)
{
    for (gsize i = 0; i < G_N_ELEMENTS(schemes); i++) {
        const gsize length = strlen(schemes[i].scheme);
        const char *at = cell + length;
        if (g_ascii_strncasecmp(cell, schemes[i].scheme, length) != 0 ||
            !skip(&at, schemes[i].begins))
            continue;
        return (accepted & schemes[i].bit) != 0 ? schemes[i].check(at) : CHECK_NOT_ACCEPTED;
    }
    return CHECK_NOT_ACCEPTED;
}

/* {WORD} at the beginning */
static bool looks_hashed(const char *cell)
{
    gsize word;
    if (*cell != '{')
        return false;
    word = strspn(cell + 1, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./-");
    return word > 0 && cell[word + 1] == '}';
}

static PasswordForm refuse(const char **reason, const char *why, const char **advice,
                           const char *what)
{
    *reason = why;
    *advice = what;
    return PASSWORD_FORM_REFUSED;
}

static PasswordForm form_hashed(const char *cell, unsigned accepted, const char **reason,
                                const char **advice)
{
    static const char other[] =
        "Give the password in clear, or ask your service provider which schemes are taken.";
    static const char again[] =
        "Copy the hashed password again, whole and without spaces, or give it in clear.";

    switch (check_hashed(cell, accepted)) {
    case CHECK_FITS:
        return PASSWORD_FORM_HASHED;
    case CHECK_COSTLY:
        return refuse(reason, "The hashed password would cost too much work at each login.", advice,
                      "Hash the password with a lower cost, or give it in clear.");
    case CHECK_NOT_ACCEPTED:
        return refuse(reason, "Passwords hashed by this scheme are not taken.", advice, other);
    case CHECK_BROKEN:
        break;
    }
    return refuse(reason, "The hashed password does not have the form of its scheme.", advice,
                  again);
}

static bool only_blanks(const char *text)
{
    for (; *text != '\0'; text = g_utf8_next_char(text))
        if (!g_unichar_isspace(g_utf8_get_char(text)))
            return false;
    return true;
}

PasswordForm password_form(const char *cell, unsigned accepted, const char **reason,
                           const char **advice)
{
    *reason = *advice = NULL;
    if (strlen(cell) > PASSWORD_MAX)
        return refuse(reason, "The password is too long.", advice,
                      "Give a shorter one: at most " G_STRINGIFY(
                          PASSWORD_MAX) " letters and signs, of which those like \303\244 count as "
                                        "two or more.");
    if (!g_utf8_validate(cell, -1, NULL))
        return refuse(reason, "The password has characters in another encoding than UTF-8.", advice,
                      "Save the file as CSV UTF-8.");
    if (text_has_control(cell, ""))
        return refuse(
            reason,
            "The password has a line break, a tab or the like in it, which nobody can type.",
            advice, "Type the password again, on one line and without tabs.");
    if (looks_hashed(cell))
        return form_hashed(cell, accepted, reason, advice);
    if (only_blanks(cell))
        return refuse(reason, "The password has only spaces in it.", advice, "Give a password.");
    return PASSWORD_FORM_CLEAR;
}

/* prefix: a method of crypt(5) */
static Secret *hash_crypt(const Secret *clear, const char *prefix)
{
    struct crypt_data *data = g_new0(struct crypt_data, 1);
    char setting[CRYPT_GENSALT_OUTPUT_SIZE];
    g_autoptr(Secret) value = NULL;

    /* count 0: the method's default cost; no bytes given: the system's random ones */
    if (crypt_gensalt_rn(prefix, 0, NULL, 0, setting, sizeof setting) != NULL) {
        const char *hash = crypt_r(clear, setting, data);
        if (hash != NULL && hash[0] == '$')
            value = g_strconcat("{CRYPT}", hash, NULL);
    }
    sodium_memzero(data, sizeof *data);
    g_free(data);
    return g_steal_pointer(&value);
}

static Secret *hash_argon2(const Secret *clear)
{
    char hash[crypto_pwhash_STRBYTES];
    Secret *value = NULL;

    if (crypto_pwhash_str_alg(hash, clear, strlen(clear), PASSWORD_ARGON2_PASSES,
                              (gsize)PASSWORD_ARGON2_KIB * 1024, crypto_pwhash_ALG_ARGON2ID13) == 0)
        value = g_strconcat("{ARGON2}", hash, NULL);
    sodium_memzero(hash, sizeof hash);
    return value;
}

static Secret *hash_ssha512(const Secret *clear)
{
    unsigned char bytes[SHA512_BYTES + SSHA512_SALT];
    char text[sodium_base64_ENCODED_LEN(sizeof bytes, sodium_base64_VARIANT_ORIGINAL)];
    crypto_hash_sha512_state state;
    Secret *value;

    randombytes_buf(bytes + SHA512_BYTES, SSHA512_SALT);
    crypto_hash_sha512_init(&state);
    crypto_hash_sha512_update(&state, (const unsigned char *)clear, strlen(clear));
    crypto_hash_sha512_update(&state, bytes + SHA512_BYTES, SSHA512_SALT);
    crypto_hash_sha512_final(&state, bytes);
    sodium_bin2base64(text, sizeof text, bytes, sizeof bytes, sodium_base64_VARIANT_ORIGINAL);
    value = g_strconcat("{SSHA512}", text, NULL);
    sodium_memzero(&state, sizeof state);
    sodium_memzero(bytes, sizeof bytes);
    sodium_memzero(text, sizeof text);
    return value;
}

Secret *password_hash(const Secret *clear, PasswordScheme scheme)
{
    switch (scheme) {
    case PASSWORD_SCHEME_SHA512:
        return hash_crypt(clear, "$6$");
    case PASSWORD_SCHEME_YESCRYPT:
        return hash_crypt(clear, "$y$");
    case PASSWORD_SCHEME_ARGON2:
        return hash_argon2(clear);
    case PASSWORD_SCHEME_SSHA512:
        return hash_ssha512(clear);
    case PASSWORD_SCHEME_SERVER:
        break;
    }
    return NULL;
}
