/* SPDX-License-Identifier: MIT */
#include "lib/password.h"

#include <crypt.h>
#include <glib.h>
#include <sodium.h>
#include <string.h>

#define ALL (PASSWORD_CRYPT_SHA512 | PASSWORD_CRYPT_YESCRYPT | PASSWORD_ARGON2 | PASSWORD_SSHA512)

#define S43 "0123456789abcdefghijABCDEFGHIJ./0123456789a"
#define S86 S43 S43
#define YSALT "LdJMENpBABJJ3hIHjB1Bi."
#define ASALT "c29tZXNhbHQ"                                /* 8 bytes */
#define ASUM "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" /* 32 bytes */
/* 64 bytes and 8 of salt; with 64 only; with 66 */
#define A96                                                                                        \
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"                                             \
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define A84                                                                                        \
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"                                                   \
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

enum { CLEAR, HASHED, BROKEN, COSTLY, OTHER, UNFIT };

/* Part of the reason with which each kind is refused. */
static const char *const reasons[] = {
    [BROKEN] = "form of its scheme",
    [COSTLY] = "too much work",
    [OTHER] = "this scheme are not taken",
    [UNFIT] = "The password",
};

static const struct {
    const char *cell;
    int is;
} cases[] = {
    {"secret", CLEAR},
    {" se cret ", CLEAR},
    {"p\xc3\xa4sswort", CLEAR},
    {"{", CLEAR},
    {"{}x", CLEAR},
    {"{not a word}x", CLEAR},
    {"x{CRYPT}y", CLEAR},
    {"$6$salt$hash", CLEAR},
    {"", UNFIT},
    {"   ", UNFIT},
    {"\xe2\x80\x83", UNFIT}, /* a wide blank */
    {"a\nb", UNFIT},
    {"a\tb", UNFIT},
    {"a\x7f", UNFIT},
    {"a\xc2\x85", UNFIT}, /* a control character of the second set */
    {"a\xff", UNFIT},
    /* {CRYPT}$6$ */
    {"{CRYPT}$6$saltsalt$" S86, HASHED},
    {"{crypt}$6$s$" S86, HASHED},
    {"{CRYPT}$6$rounds=5000$saltsaltsaltsalt$" S86, HASHED},
    {"{CRYPT}$6$rounds=100000$salt$" S86, HASHED},
    {"{CRYPT}$6$rounds=100001$salt$" S86, COSTLY},
    {"{CRYPT}$6$rounds=999999999$salt$" S86, COSTLY},
    {"{CRYPT}$6$rounds=99999999999999999999999$salt$" S86, COSTLY},
    {"{CRYPT}$6$rounds=1000$salt$" S86, HASHED},
    {"{CRYPT}$6$rounds=999$salt$" S86, BROKEN},
    {"{CRYPT}$6$rounds=05000$salt$" S86, BROKEN},
    {"{CRYPT}$6$rounds=$salt$" S86, BROKEN},
    {"{CRYPT}$6$rounds=-5000$salt$" S86, BROKEN},
    {"{CRYPT}$6$saltsaltsaltsalts$" S86, BROKEN},
    {"{CRYPT}$6$$" S86, BROKEN},
    {"{CRYPT}$6$sa:t$" S86, BROKEN},
    {"{CRYPT}$6$salt$" S86 "a", BROKEN},
    {"{CRYPT}$6$salt$" S43, BROKEN},
    {"{CRYPT}$6$salt$" S86 " ", BROKEN},
    {"{CRYPT}$6$salt", BROKEN},
    {"{CRYPT}$6$", BROKEN},
    /* {CRYPT}$y$ */
    {"{CRYPT}$y$j9T$" YSALT "$" S43, HASHED},
    {"{CRYPT}$y$jFT$" YSALT "$" S43, HASHED}, /* cost 11 */
    {"{CRYPT}$y$jGT$" YSALT "$" S43, COSTLY},
    {"{CRYPT}$y$j75$" YSALT "$" S43, HASHED}, /* cost 1 */
    {"{CRYPT}$y$j65$" YSALT "$" S43, BROKEN}, /* below it */
    {"{CRYPT}$y$jH5$" YSALT "$" S43, HASHED}, /* cost 11 with r = 8 */
    {"{CRYPT}$y$jI5$" YSALT "$" S43, COSTLY},
    {"{CRYPT}$y$jzT$" YSALT "$" S43, COSTLY},
    {"{CRYPT}$y$j9z$" YSALT "$" S43, BROKEN}, /* another r */
    {"{CRYPT}$y$k9T$" YSALT "$" S43, BROKEN},
    {"{CRYPT}$y$j9T1$" YSALT "$" S43, BROKEN}, /* parallelism and others */
    {"{CRYPT}$y$j9T$$" S43, BROKEN},
    {"{CRYPT}$y$j9T$" YSALT "$" S43 "a", BROKEN},
    {"{CRYPT}$y$j", BROKEN},
    /* other methods of crypt */
    {"{CRYPT}$5$salt$" S43, OTHER},
    {"{CRYPT}$1$salt$0123456789012345678901", OTHER},
    {"{CRYPT}$2b$05$0123456789012345678901", OTHER},
    {"{CRYPT}abcdefghijklm", OTHER},
    {"{CRYPT}", OTHER},
    /* {ARGON2} */
    {"{ARGON2}$argon2id$v=19$m=65536,t=3,p=4$" ASALT "$" ASUM, HASHED},
    {"{argon2}$argon2i$v=19$m=4096,t=3,p=1$" ASALT "$" ASUM, HASHED},
    {"{ARGON2}$argon2id$v=19$m=131072,t=10,p=8$" ASALT "$" ASUM, HASHED},
    {"{ARGON2}$argon2id$v=19$m=131073,t=3,p=1$" ASALT "$" ASUM, COSTLY},
    {"{ARGON2}$argon2id$v=19$m=65536,t=11,p=1$" ASALT "$" ASUM, COSTLY},
    {"{ARGON2}$argon2id$v=19$m=65536,t=3,p=9$" ASALT "$" ASUM, COSTLY},
    {"{ARGON2}$argon2id$v=19$m=4294967296,t=3,p=1$" ASALT "$" ASUM, COSTLY},
    {"{ARGON2}$argon2id$v=19$m=8,t=1,p=1$" ASALT "$" ASUM, HASHED},
    {"{ARGON2}$argon2id$v=19$m=64,t=1,p=8$" ASALT "$" ASUM, HASHED},
    {"{ARGON2}$argon2id$v=19$m=63,t=1,p=8$" ASALT "$" ASUM, BROKEN},
    {"{ARGON2}$argon2id$v=19$m=8,t=1,p=0$" ASALT "$" ASUM, BROKEN},
    {"{ARGON2}$argon2id$v=19$m=7,t=3,p=1$" ASALT "$" ASUM, BROKEN},
    {"{ARGON2}$argon2id$v=19$m=65536,t=0,p=1$" ASALT "$" ASUM, BROKEN},
    {"{ARGON2}$argon2d$v=19$m=65536,t=3,p=1$" ASALT "$" ASUM, BROKEN},
    {"{ARGON2}$argon2id$v=16$m=65536,t=3,p=1$" ASALT "$" ASUM, BROKEN},
    {"{ARGON2}$argon2id$m=65536,t=3,p=1$" ASALT "$" ASUM, BROKEN},
    {"{ARGON2}$argon2id$v=19$m=65536,t=3,p=1,data=x$" ASALT "$" ASUM, BROKEN},
    {"{ARGON2}$argon2id$v=19$m=65536,t=3,p=1$c2FsdA$" ASUM, BROKEN},     /* salt of 4 bytes */
    {"{ARGON2}$argon2id$v=19$m=65536,t=3,p=1$" ASALT "=$" ASUM, BROKEN}, /* padded */
    {"{ARGON2}$argon2id$v=19$m=65536,t=3,p=1$" ASALT "$AAAA", BROKEN},
    {"{ARGON2}$argon2id$v=19$m=65536,t=3,p=1$" ASALT "$" ASUM "$x", BROKEN},
    {"{ARGON2}$argon2id$v=19$m=65536,t=3,p=1$" ASALT, BROKEN},
    {"{ARGON2}", BROKEN},
    {"{ARGON2ID}$argon2id$v=19$m=65536,t=3,p=1$" ASALT "$" ASUM, OTHER},
    /* {SSHA512} */
    {"{SSHA512}" A96, HASHED},
    {"{ssha512}" A96, HASHED},
    {"{SSHA512}" A84 "AA==", BROKEN}, /* 64 bytes: no salt */
    {"{SSHA512}" A84 "AAAA", BROKEN}, /* 2 bytes of salt */
    {"{SSHA512}" A84 "AAAAAAA=", HASHED},
    {"{SSHA512}" A84 "AAAAAAA", BROKEN},  /* padding missing */
    {"{SSHA512}" A84 "AAAAAAB=", BROKEN}, /* not the canonical form */
    {"{SSHA512}" A84 "AAAA AAA=", BROKEN},
    {"{SSHA512}" A84 A84 "AAA=", HASHED}, /* 64 bytes of salt */
    {"{SSHA512}" A84 A84 "AAAA", BROKEN}, /* 65 */
    {"{SSHA512}" A96 A96, BROKEN},        /* 80 */
    {"{SSHA512}", BROKEN},
    /* never */
    {"{SASL}anna@example.com", OTHER},
    {"{sasl}anna", OTHER},
    {"{CLEARTEXT}secret", OTHER},
    {"{PLAIN}secret", OTHER},
    {"{SSHA}AAAA", OTHER},
    {"{SHA512-CRYPT}$6$salt$" S86, OTHER},
    {"{SSHA512.HEX}00", OTHER},
    {"{CRYPT", CLEAR},
};

/* "Hashed passwords: only schemes on the configured list, their form checked and their cost
 * capped." */
static void test_form(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        const char *reason = "untouched", *advice = "untouched";
        PasswordForm form = password_form(cases[i].cell, ALL, &reason, &advice);
        g_autofree char *shown = g_strescape(cases[i].cell, NULL);

        g_test_message("case %" G_GSIZE_FORMAT ": %s", i, shown);
        if (cases[i].is == CLEAR || cases[i].is == HASHED) {
            g_assert_cmpint(form, ==,
                            cases[i].is == CLEAR ? PASSWORD_FORM_CLEAR : PASSWORD_FORM_HASHED);
            g_assert_null(reason);
            continue;
        }
        g_assert_cmpint(form, ==, PASSWORD_FORM_REFUSED);
        g_assert_nonnull(strstr(reason, reasons[cases[i].is]));
        g_assert_true(g_str_has_suffix(reason, ".") && g_str_has_suffix(advice, "."));
    }
}

/* Only what the configuration lists is taken. */
static void test_accepted(void)
{
    static const struct {
        const char *cell;
        unsigned bit;
    } rows[] = {
        {"{CRYPT}$6$saltsalt$" S86, PASSWORD_CRYPT_SHA512},
        {"{CRYPT}$y$j9T$" YSALT "$" S43, PASSWORD_CRYPT_YESCRYPT},
        {"{ARGON2}$argon2id$v=19$m=65536,t=3,p=4$" ASALT "$" ASUM, PASSWORD_ARGON2},
        {"{SSHA512}" A96, PASSWORD_SSHA512},
    };
    const char *reason, *advice;

    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_assert_cmpint(password_form(rows[i].cell, rows[i].bit, &reason, &advice), ==,
                        PASSWORD_FORM_HASHED);
        g_assert_cmpint(password_form(rows[i].cell, ALL & ~rows[i].bit, &reason, &advice), ==,
                        PASSWORD_FORM_REFUSED);
    }
    g_assert_cmpint(password_form("{CRYPT}clear", 0, &reason, &advice), ==, PASSWORD_FORM_REFUSED);
}

static void test_length(void)
{
    g_autofree char *longest = g_strnfill(PASSWORD_MAX, 'x');
    g_autofree char *longer = g_strnfill(PASSWORD_MAX + 1, 'x');
    const char *reason, *advice;

    g_assert_cmpint(password_form(longest, ALL, &reason, &advice), ==, PASSWORD_FORM_CLEAR);
    g_assert_cmpint(password_form(longer, ALL, &reason, &advice), ==, PASSWORD_FORM_REFUSED);
    for (int scheme = PASSWORD_SCHEME_SHA512; scheme <= PASSWORD_SCHEME_SSHA512; scheme++) {
        /* what is taken can be hashed */
        g_autoptr(Secret) hash = password_hash(longest, (PasswordScheme)scheme);
        g_assert_nonnull(hash);
    }
}

#define CLEAR_PASSWORD "p\xc3\xa4ss"

static bool verify_crypt(const char *hash, const char *clear)
{
    struct crypt_data data = {0};
    return g_strcmp0(crypt_r(clear, hash, &data), hash) == 0;
}

static bool verify_argon2(const char *hash, const char *clear)
{
    return crypto_pwhash_str_verify(hash, clear, strlen(clear)) == 0;
}

static bool verify_ssha512(const char *hash, const char *clear)
{
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA512);
    gsize size = 0, length = 64;
    g_autofree guchar *bytes = g_base64_decode(hash, &size);
    guint8 digest[64];

    g_assert_cmpuint(size, ==, 64 + 16);
    g_checksum_update(sum, (const guchar *)clear, -1);
    g_checksum_update(sum, bytes + 64, 16);
    g_checksum_get_digest(sum, digest, &length);
    return memcmp(digest, bytes, 64) == 0;
}

static const struct {
    PasswordScheme scheme;
    unsigned bit;
    const char *begins;
    const char *name; /* what stands before the library's own value */
    bool (*verify)(const char *hash, const char *clear);
} schemes[] = {
    {PASSWORD_SCHEME_SHA512, PASSWORD_CRYPT_SHA512, "{CRYPT}$6$", "{CRYPT}", verify_crypt},
    {PASSWORD_SCHEME_YESCRYPT, PASSWORD_CRYPT_YESCRYPT, "{CRYPT}$y$", "{CRYPT}", verify_crypt},
    {PASSWORD_SCHEME_ARGON2, PASSWORD_ARGON2, "{ARGON2}$argon2id$v=19$m=19456,t=2,p=1$", "{ARGON2}",
     verify_argon2},
    {PASSWORD_SCHEME_SSHA512, PASSWORD_SSHA512, "{SSHA512}", "{SSHA512}", verify_ssha512},
};

/* R3.50: each scheme's value has the form that we ask of others, a salt of its own, and is of this
 * password alone. */
static void test_hash(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(schemes); i++) {
        g_autoptr(Secret) one = password_hash(CLEAR_PASSWORD, schemes[i].scheme);
        g_autoptr(Secret) two = password_hash(CLEAR_PASSWORD, schemes[i].scheme);
        const char *reason, *advice, *value;

        g_assert_true(g_str_has_prefix(one, schemes[i].begins));
        g_assert_cmpstr(one, !=, two);
        g_assert_cmpint(password_form(one, schemes[i].bit, &reason, &advice), ==,
                        PASSWORD_FORM_HASHED);
        value = one + strlen(schemes[i].name);
        g_assert_true(schemes[i].verify(value, CLEAR_PASSWORD));
        g_assert_false(schemes[i].verify(value, "another"));
    }
}

/* The system's yescrypt at its costs. */
static void test_yescrypt(void)
{
    const char *reason, *advice;

    for (unsigned long cost = 1; cost <= PASSWORD_YESCRYPT_COST_MAX; cost++) {
        char setting[CRYPT_GENSALT_OUTPUT_SIZE];
        g_autofree char *cell = NULL;
        if (crypt_gensalt_rn("$y$", cost, NULL, 0, setting, sizeof setting) == NULL)
            continue; /* this libcrypt has no yescrypt */
        cell = g_strconcat("{CRYPT}", setting, "$", S43, NULL);
        g_assert_cmpint(password_form(cell, ALL, &reason, &advice), ==, PASSWORD_FORM_HASHED);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_assert_cmpint(sodium_init(), >=, 0);
    g_test_add_func("/password/form", test_form);
    g_test_add_func("/password/accepted", test_accepted);
    g_test_add_func("/password/length", test_length);
    g_test_add_func("/password/hash", test_hash);
    g_test_add_func("/password/yescrypt", test_yescrypt);
    return g_test_run();
}
