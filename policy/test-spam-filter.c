/* SPDX-License-Identifier: MIT */
#include "policy/spam-filter.h"
#include "tests/slapd-fixture.h"
#include <string.h>

/* Far more than a test takes. */
#define LONG_SECONDS 1000

typedef struct {
    SlapdFixture *slapd;
    SpamFilter *filter;
} Case;

static const char *const exempt[] = {"batch@ours.example", NULL};

static void set_up(Case *one, gconstpointer data)
{
    static const char *const domains[] = {"ours.example", "open.example", NULL};
    (void)data;
    one->slapd = slapd_fixture_new(domains);
    slapd_fixture_ldif(one->slapd,
                       "dn: ou=ours.example,ou=domains,dc=example,dc=org\n"
                       "changetype: modify\nadd: batchloadBlocked\n"
                       "batchloadBlocked: EMAIL:bad@x.example\n"
                       "batchloadBlocked: EMAIL:odd*(name)@x.example\n"
                       "batchloadBlocked: DOMAIN:spam.example\n"
                       "batchloadBlocked: DOMAIN:xn--bcher-kva.example\n"
                       "batchloadBlocked: DOMAIN:top\n"
                       "batchloadBlocked: IP:192.0.2.1\n"
                       "batchloadBlocked: IP:2001:db8::1\n\n"
                       "dn: ou=name.example,ou=domains,dc=example,dc=org\n"
                       "objectClass: organizationalUnit\nobjectClass: batchloadDomainAlias\n"
                       "ou: name.example\nbatchloadTargetDomain: ours.example\n\n"
                       "dn: ou=chain.example,ou=domains,dc=example,dc=org\n"
                       "objectClass: organizationalUnit\nobjectClass: batchloadDomainAlias\n"
                       "ou: chain.example\nbatchloadTargetDomain: name.example\n\n"
                       "dn: ou=off.example,ou=domains,dc=example,dc=org\n"
                       "objectClass: organizationalUnit\nobjectClass: batchloadDomain\n"
                       "ou: off.example\nbatchloadBlocked: EMAIL:bad@x.example\n"
                       "batchloadSpamFilters: FALSE\n\n"
                       "dn: ou=on.example,ou=domains,dc=example,dc=org\n"
                       "objectClass: organizationalUnit\nobjectClass: batchloadDomain\n"
                       "ou: on.example\nbatchloadBlocked: EMAIL:bad@x.example\n"
                       "batchloadSpamFilters: TRUE\n\n"
                       "dn: ou=lost.example,ou=domains,dc=example,dc=org\n"
                       "objectClass: organizationalUnit\nobjectClass: batchloadDomainAlias\n"
                       "ou: lost.example\nbatchloadTargetDomain: gone.example\n");
    one->filter = spam_filter_new(&one->slapd->settings, one->slapd->profile, (char *const *)exempt,
                                  LONG_SECONDS, NULL);
    g_assert_nonnull(one->filter);
}

static void tear_down(Case *one, gconstpointer data)
{
    (void)data;
    spam_filter_free(one->filter);
    slapd_fixture_free(one->slapd);
}

static Answer ask(SpamFilter *filter, const char *recipient, const char *sender, const char *client)
{
    g_autofree char *domain = NULL;
    g_autoptr(GError) error = NULL;
    const Answer answer = spam_filter_ask(filter, recipient, sender, client, &domain, &error);
    g_assert_true((answer == ANSWER_YES) == (domain != NULL));
    g_assert_true((answer == ANSWER_UNKNOWN) == (error != NULL));
    return answer;
}

/* R8.40, R8.41, R8.42, R8.46 */
static void test_answers(Case *one, gconstpointer data)
{
    static const struct {
        const char *recipient, *sender, *client;
        Answer answer;
    } rows[] = {
        {"a@ours.example", "good@x.example", "192.0.2.9", ANSWER_NO},
        {"a@ours.example", "bad@x.example", "192.0.2.9", ANSWER_YES},
        {"A@Ours.Example", "BAD@X.Example", "192.0.2.9", ANSWER_YES},
        {"a@open.example", "bad@x.example", "192.0.2.1", ANSWER_NO},
        {"a@elsewhere.example", "bad@x.example", "192.0.2.1", ANSWER_NO},
        {"a@sub.ours.example", "bad@x.example", "192.0.2.1", ANSWER_NO},
        {"a", "bad@x.example", "192.0.2.1", ANSWER_NO},
        {"", "bad@x.example", "192.0.2.1", ANSWER_NO},
        /* part of an address, or more than it */
        {"a@ours.example", "bad@x.example.org", "unknown", ANSWER_NO},
        {"a@ours.example", "bad@sub.x.example", "unknown", ANSWER_NO},
        {"a@ours.example", "notbad@x.example", "unknown", ANSWER_NO},
        {"a@ours.example", "bad+more@x.example", "unknown", ANSWER_NO},
        {"a@ours.example", "odd*(name)@x.example", "unknown", ANSWER_NO},
        {"a@ours.example", "*@x.example", "unknown", ANSWER_NO},
        /* domains and what is below */
        {"a@ours.example", "any@spam.example", "unknown", ANSWER_YES},
        {"a@ours.example", "any@Very.Deep.Spam.Example", "unknown", ANSWER_YES},
        {"a@ours.example", "any@notspam.example", "unknown", ANSWER_NO},
        {"a@ours.example", "any@example", "unknown", ANSWER_NO},
        {"a@ours.example", "any@whatever.top", "unknown", ANSWER_YES},
        {"a@ours.example",
         "any@b\xc3\xbc"
         "cher.example",
         "unknown", ANSWER_YES},
        {"a@ours.example", "any@XN--BCHER-KVA.example", "unknown", ANSWER_YES},
        {"a@ours.example", "\"odd one\"@spam.example", "unknown", ANSWER_YES},
        /* other ways to write it */
        {"a@ours.example", "bad@x.example.", "unknown", ANSWER_YES},
        {"a@ours.example", "x.example!bad", "unknown", ANSWER_YES},
        {"a@ours.example", "bad%x.example", "unknown", ANSWER_YES},
        {"a@ours.example.", "bad@x.example", "unknown", ANSWER_YES},
        {"a%ours.example", "bad@x.example", "unknown", ANSWER_YES},
        {"ours.example!a", "bad@x.example", "unknown", ANSWER_YES},
        /* clients */
        {"a@ours.example", "good@x.example", "192.0.2.1", ANSWER_YES},
        {"a@ours.example", "", "192.0.2.1", ANSWER_YES},
        {"a@ours.example", "", "192.0.2.11", ANSWER_NO},
        {"a@ours.example", "", "::ffff:192.0.2.1", ANSWER_YES},
        {"a@ours.example", "", "2001:DB8:0:0:0::1", ANSWER_YES},
        {"a@ours.example", "", "2001:db8::2", ANSWER_NO},
        {"a@ours.example", "", "unknown", ANSWER_NO},
        {"a@ours.example", "", "", ANSWER_NO},
        /* a further name */
        {"a@name.example", "bad@x.example", "unknown", ANSWER_YES},
        {"a@name.example", "good@x.example", "192.0.2.1", ANSWER_YES},
        {"a@name.example", "good@x.example", "unknown", ANSWER_NO},
        {"a@chain.example", "bad@x.example", "unknown", ANSWER_NO},
        {"a@lost.example", "bad@x.example", "unknown", ANSWER_NO},
        /* the domain's switch */
        {"a@off.example", "bad@x.example", "unknown", ANSWER_NO},
        {"a@on.example", "bad@x.example", "unknown", ANSWER_YES},
        /* R8.44 */
        {"batch@ours.example", "bad@x.example", "192.0.2.1", ANSWER_NO},
        {"Batch@OURS.example", "bad@x.example", "192.0.2.1", ANSWER_NO},
    };
    (void)data;
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        const Answer answer = ask(one->filter, rows[i].recipient, rows[i].sender, rows[i].client);
        if (answer != rows[i].answer)
            g_test_message("%s to %s from %s", rows[i].sender, rows[i].recipient, rows[i].client);
        g_assert_cmpint(answer, ==, rows[i].answer);
    }
}

/* What is asked for, in its order. */
static void test_values(void)
{
    static const struct {
        const char *sender, *client, *values;
    } rows[] = {
        {"A@B.c.Example", "192.0.2.1",
         "EMAIL:a@b.c.example DOMAIN:b.c.example DOMAIN:c.example DOMAIN:example IP:192.0.2.1"},
        {"", "", ""},
        {"a", "fe80::1%eth0", ""},
        {"a@[192.0.2.1]", "unknown", ""},
        {"a b@x.example", "::1", "DOMAIN:x.example DOMAIN:example IP:::1"},
        {"a@b@x.example", "", "DOMAIN:x.example DOMAIN:example"},
        {"a@x..example", "", ""},
        {"a%b@x.example", "", "EMAIL:a%b@x.example DOMAIN:x.example DOMAIN:example"},
        {"@", "", ""},
        {"!", "", ""},
        {"%", "", ""},
        {".", "", ""},
    };
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GPtrArray) values = spam_filter_values(rows[i].sender, rows[i].client);
        g_ptr_array_add(values, NULL);
        g_autofree char *text = g_strjoinv(" ", (char **)values->pdata);
        g_assert_cmpstr(text, ==, rows[i].values);
    }
}

/* R8.43 away is not no; and it is asked again by itself when it is back */
static void test_away(Case *one, gconstpointer data)
{
    (void)data;
    g_assert_cmpint(ask(one->filter, "a@ours.example", "good@x.example", ""), ==, ANSWER_NO);
    slapd_fixture_kill(one->slapd);
    for (int i = 0; i < 2; i++) {
        g_assert_cmpint(ask(one->filter, "a@ours.example", "bad@x.example", ""), ==,
                        ANSWER_UNKNOWN);
        g_assert_cmpint(ask(one->filter, "a@other.example", "good@x.example", ""), ==,
                        ANSWER_UNKNOWN);
        /* R8.44 */
        g_assert_cmpint(ask(one->filter, "batch@ours.example", "good@x.example", ""), ==,
                        ANSWER_NO);
    }
    slapd_fixture_restart(one->slapd);
    g_assert_cmpint(ask(one->filter, "a@ours.example", "bad@x.example", ""), ==, ANSWER_YES);
    /* A restart that nobody noticed costs no answer. */
    slapd_fixture_kill(one->slapd);
    slapd_fixture_restart(one->slapd);
    g_assert_cmpint(ask(one->filter, "a@ours.example", "bad@x.example", ""), ==, ANSWER_YES);
    g_assert_cmpint(ask(one->filter, "a@ours.example", "good@x.example", ""), ==, ANSWER_NO);
}

static const char becomes_ours[] = "dn: ou=new.example,ou=domains,dc=example,dc=org\n"
                                   "objectClass: organizationalUnit\nobjectClass: batchloadDomain\n"
                                   "ou: new.example\nbatchloadBlocked: EMAIL:bad@x.example\n";

/* R8.47 what a domain blocks is asked each time; that one is not ours is remembered for a while */
static void test_remembered(Case *one, gconstpointer data)
{
    (void)data;
    g_autoptr(SpamFilter) forgetful =
        spam_filter_new(&one->slapd->settings, one->slapd->profile, NULL, 0, NULL);
    g_assert_cmpint(ask(one->filter, "a@new.example", "bad@x.example", ""), ==, ANSWER_NO);
    g_assert_cmpint(ask(forgetful, "a@new.example", "bad@x.example", ""), ==, ANSWER_NO);
    g_assert_cmpint(ask(one->filter, "a@open.example", "bad@x.example", ""), ==, ANSWER_NO);
    slapd_fixture_ldif(one->slapd, becomes_ours);
    slapd_fixture_ldif(one->slapd, "dn: ou=open.example,ou=domains,dc=example,dc=org\n"
                                   "changetype: modify\nadd: batchloadBlocked\n"
                                   "batchloadBlocked: EMAIL:bad@x.example\n");
    g_assert_cmpint(ask(one->filter, "a@new.example", "bad@x.example", ""), ==, ANSWER_NO);
    g_assert_cmpint(ask(forgetful, "a@new.example", "bad@x.example", ""), ==, ANSWER_YES);
    g_assert_cmpint(ask(one->filter, "a@open.example", "bad@x.example", ""), ==, ANSWER_YES);
    /* No more than so many are remembered. */
    for (unsigned i = 0; i < SPAM_FILTER_STRANGE_MAX; i++) {
        g_autofree char *recipient = g_strdup_printf("a@strange%u.example", i);
        g_assert_cmpint(ask(one->filter, recipient, "bad@x.example", ""), ==, ANSWER_NO);
    }
    g_assert_cmpint(ask(one->filter, "a@new.example", "bad@x.example", ""), ==, ANSWER_YES);
}

/* R8.48 however many a domain blocks */
static void test_many(Case *one, gconstpointer data)
{
    (void)data;
    g_autoptr(GString) ldif = g_string_new("dn: ou=many.example,ou=domains,dc=example,dc=org\n"
                                           "objectClass: organizationalUnit\n"
                                           "objectClass: batchloadDomain\nou: many.example\n");
    for (unsigned i = 0; i < 10000; i++)
        g_string_append_printf(ldif, "batchloadBlocked: EMAIL:bad%u@x.example\n", i);
    slapd_fixture_ldif(one->slapd, ldif->str);
    g_assert_cmpint(ask(one->filter, "a@many.example", "bad@x.example", ""), ==, ANSWER_NO);
    g_assert_cmpint(ask(one->filter, "a@many.example", "bad0@x.example", ""), ==, ANSWER_YES);
    g_assert_cmpint(ask(one->filter, "a@many.example", "bad9999@x.example", ""), ==, ANSWER_YES);
}

int main(int argc, char **argv)
{
    directory_init();
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/spam-filter/values", test_values);
    g_test_add("/spam-filter/answers", Case, NULL, set_up, test_answers, tear_down);
    g_test_add("/spam-filter/R8.43/away", Case, NULL, set_up, test_away, tear_down);
    g_test_add("/spam-filter/R8.47/remembered", Case, NULL, set_up, test_remembered, tear_down);
    g_test_add("/spam-filter/R8.48/many", Case, NULL, set_up, test_many, tear_down);
    return g_test_run();
}
