/* SPDX-License-Identifier: MIT */
#include "lib/audit.h"
#include "lib/plan.h"
#include "lib/spool-fixture.h"

#include <sqlite3.h>
#include <string.h>

/* What a change is told as, and how it is kept. */

#define HASH "{CRYPT}$6$Canary-5vKq8"

static Profile *load(const char *name)
{
    g_autofree char *path = g_test_build_filename(G_TEST_DIST, "policy", "profiles", name, NULL);
    g_autoptr(GError) error = NULL;
    Profile *profile = profile_load(path, "dc=example,dc=org", &error);
    g_assert_no_error(error);
    return profile;
}

static Entry *person(void)
{
    Entry *entry = entry_new("mail=a@x.example,ou=x.example,ou=domains,dc=example,dc=org");
    const char *const values[][2] = {
        {"objectClass", "inetOrgPerson"},
        {"objectClass", "batchloadAccount"},
        {"mail", "a@x.example"},
        {"cn", "A B"},
        {"sn", "B"},
        {"userPassword", HASH},
        {"telephoneNumber", "+49 1"},
        {"batchloadChange", "20261120-AAAAAA/2"},
        {"entryUUID", "u"},
        {"batchloadMailboxId", "m"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(values); i++)
        entry_add(entry, values[i][0], values[i][1]);
    return entry;
}

static void assert_change(const Profile *profile, const Change *change, const Entry *before,
                          const char *expected)
{
    g_autoptr(GVariant) told = audit_change(profile, change, before);
    g_autofree char *text = g_variant_print(told, FALSE);
    g_assert_true(g_variant_is_of_type(told, G_VARIANT_TYPE(AUDIT_CHANGE_TYPE)));
    g_assert_cmpstr(text, ==, expected);
    g_assert_null(strstr(text, "Canary"));
}

static void test_change(void)
{
    g_autoptr(Profile) profile = load("default.conf");
    g_autoptr(Entry) before = person();
    g_autoptr(Change) modify = change_new(CHANGE_MODIFY, before->dn);
    g_autoptr(Change) gone = change_new(CHANGE_DELETE, before->dn);
    g_autoptr(Change) add = change_new(CHANGE_ADD, before->dn);
    g_autoptr(Change) clear = change_new(CHANGE_MODIFY, before->dn);
    change_mod(modify, MOD_REPLACE, "userPassword", HASH);
    change_mod(modify, MOD_REPLACE, "telephoneNumber", "+49 2");
    change_mod(modify, MOD_REPLACE, "sn", "B");
    change_mod(modify, MOD_REPLACE, "batchloadChange", "20261120-AAAAAA/3");
    change_mod(clear, MOD_REPLACE, "telephoneNumber", NULL);
    change_mod(clear, MOD_DELETE, "sn", NULL);
    change_mod(add, MOD_ADD, "objectClass", "batchloadForward");
    change_mod(add, MOD_ADD, "mail", "f@x.example");
    change_mod(add, MOD_ADD, "batchloadTarget", "a@x.example");
    change_mod(add, MOD_ADD, "batchloadTarget", "b\xff@x.example");
    assert_change(profile, modify, before,
                  "('a@x.example', 'FULL', 'MODIFY', [('PASSWORD', [], ['changed']), "
                  "('PHONE', ['+49 1'], ['+49 2']), ('SURNAME', [], [])])");
    assert_change(profile, clear, before,
                  "('a@x.example', 'FULL', 'MODIFY', [('PHONE', ['+49 1'], []), "
                  "('SURNAME', ['B'], [])])");
    assert_change(profile, add, NULL,
                  "('f@x.example', 'FORWARD', 'ADD', [('MAILFORWARD', [], ['a@x.example', "
                  "'b\xef\xbf\xbd@x.example'])])");
    {
        g_autoptr(GVariant) told = audit_change(profile, gone, before);
        g_autofree char *text = g_variant_print(told, FALSE);
        g_assert_nonnull(strstr(text, "('PHONE', ['+49 1'], [])"));
        g_assert_nonnull(strstr(text, "('SURNAME', ['B'], [])"));
        g_assert_null(strstr(text, "Canary"));
        g_assert_null(strstr(text, "20261120"));
    }
    assert_change(profile, gone, NULL, "('', '', 'DELETE', [])");
}

/* R9.6: quotas in MB, whatever is stored; that an account works is told where it did not before. */
static void test_profiles(void)
{
    static const struct {
        const char *profile, *class, *quota, *enabled, *stored[2], *states[2];
    } rows[] = {
        {"iredmail.conf",
         "mailUser",
         "mailQuota",
         "accountStatus",
         {"2097152", "7340032"},
         {"active", "disabled"}},
        {"qmail-ldap.conf",
         "qmailUser",
         "mailQuotaSize",
         "accountStatus",
         {"2500000", "7340032"},
         {"active", "disabled"}},
        {"postfix-book.conf",
         "PostfixBookMailAccount",
         "mailQuota",
         "mailEnabled",
         {"2048", "7168"},
         {"TRUE", "FALSE"}},
        {"default.conf",
         "batchloadAccount",
         "batchloadQuota",
         "batchloadEnabled",
         {"2", "7"},
         {"TRUE", "FALSE"}},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(Profile) profile = load(rows[i].profile);
        g_autoptr(Entry) before = entry_new("mail=a@x.example,ou=x.example,dc=example,dc=org");
        entry_add(before, "objectClass", rows[i].class);
        entry_add(before, "mail", "a@x.example");
        entry_add(before, rows[i].quota, rows[i].stored[0]);
        entry_add(before, rows[i].enabled, rows[i].states[0]);
        g_autoptr(Change) modify = change_new(CHANGE_MODIFY, before->dn);
        change_mod(modify, MOD_REPLACE, rows[i].quota, rows[i].stored[1]);
        change_mod(modify, MOD_REPLACE, rows[i].enabled, rows[i].states[1]);
        g_autofree char *told =
            g_strdup_printf("('a@x.example', 'FULL', 'MODIFY', [('QUOTA', ['2'], ['7']), "
                            "('ACTIVATED', ['%s'], ['%s'])])",
                            rows[i].states[0], rows[i].states[1]);
        assert_change(profile, modify, before, told);
        g_autoptr(Change) gone = change_new(CHANGE_DELETE, before->dn);
        assert_change(profile, gone, before,
                      "('a@x.example', 'FULL', 'DELETE', [('QUOTA', ['2'], [])])");
        g_autoptr(Entry) off = entry_new(before->dn);
        entry_add(off, "objectClass", rows[i].class);
        entry_add(off, "mail", "a@x.example");
        g_autoptr(Change) works = change_new(CHANGE_MODIFY, off->dn);
        change_mod(works, MOD_REPLACE, rows[i].enabled, rows[i].states[0]);
        g_autofree char *comes =
            g_strdup_printf("('a@x.example', 'FULL', 'MODIFY', [%s%s%s])",
                            profile_entry_enabled(profile, off) ? "" : "('ACTIVATED', [], ['",
                            profile_entry_enabled(profile, off) ? "" : rows[i].states[0],
                            profile_entry_enabled(profile, off) ? "" : "'])");
        assert_change(profile, works, off, comes);
    }
}

static void test_long(void)
{
    g_autoptr(Profile) profile = load("default.conf");
    g_autoptr(Change) change = change_new(CHANGE_MODIFY, "mail=l@x.example");
    g_autofree char *name = g_strnfill(200, 'x');
    for (unsigned i = 0; i < 6000; i++) {
        g_autofree char *member = g_strdup_printf("%s%u@x.example", name, i);
        change_mod(change, MOD_ADD, "batchloadMember", member);
    }
    g_autoptr(GVariant) told = audit_change(profile, change, NULL);
    g_assert_cmpuint(g_variant_get_size(told), <, AUDIT_VALUES_BYTES_MAX + 32768);
    g_autofree char *text = g_variant_print(told, FALSE);
    g_assert_true(g_str_has_suffix(text, "'\xe2\x80\xa6'])])"));
}

/* --- in the record of a slice --- */

static PlannedRow *planned(const Profile *profile)
{
    PlannedRow *row = planned_row_new(7, outcome_new(RESULT_CHANGED));
    PlannedWrite *write = g_new0(PlannedWrite, 1);
    g_autoptr(Entry) before = person();
    write->change = change_new(CHANGE_MODIFY, before->dn);
    change_mod(write->change, MOD_REPLACE, "telephoneNumber", "+49 2");
    write->expect_present = true;
    write->version = g_strdup("v");
    write->audit = audit_change(profile, write->change, before);
    g_ptr_array_add(row->writes, write);
    g_ptr_array_add(row->trail, g_variant_ref(write->audit));
    return row;
}

/* What an earlier version has stored is read, and never taken for what this one stores. */
static void test_record(void)
{
    g_autoptr(Profile) profile = load("default.conf");
    g_autoptr(GPtrArray) rows = g_ptr_array_new_with_free_func((GDestroyNotify)planned_row_free);
    g_ptr_array_add(rows, planned(profile));
    g_autoptr(GVariant) stored = g_variant_ref_sink(planned_rows_to_variant(rows));
    g_autoptr(GPtrArray) again = planned_rows_from_variant(stored);
    const PlannedRow *row = again->pdata[0];
    const PlannedWrite *write = row->writes->pdata[0],
                       *first = ((PlannedRow *)rows->pdata[0])->writes->pdata[0];
    g_assert_true(g_variant_equal(write->audit, first->audit));
    g_assert_cmpuint(row->trail->len, ==, 1);
    g_assert_true(g_variant_equal(row->trail->pdata[0], first->audit));

    g_autoptr(GVariant) old = g_variant_ref_sink(g_variant_new_parsed(
        "@" PLAN_ROWS_TYPE_4 " [(9, [((@y 1, 'mail=a', [(@y 2, 'sn', ['x'])]), true, @ms 'u', "
        "@ms 'v', nothing)], (@y 1, nothing, nothing, nothing, nothing), [@u 8], nothing)]"));
    g_autoptr(GPtrArray) read = planned_rows_from_variant(old);
    g_assert_nonnull(read);
    row = read->pdata[0];
    write = row->writes->pdata[0];
    g_assert_cmpuint(row->line, ==, 9);
    g_assert_null(write->audit);
    g_assert_cmpstr(write->uuid, ==, "u");
    g_assert_cmpuint(row->trail->len, ==, 0);
    g_assert_cmpuint(g_array_index(row->needs, unsigned, 0), ==, 8);
    g_autoptr(GBytes) bytes = g_variant_get_data_as_bytes(old);
    g_autoptr(GVariant) mistaken =
        g_variant_ref_sink(g_variant_new_from_bytes(G_VARIANT_TYPE(PLAN_ROWS_TYPE), bytes, FALSE));
    g_assert_false(g_variant_is_normal_form(mistaken));
}

/* --- in the spool --- */

static void collect(gpointer data, const AuditLine *line)
{
    GString *text = data;
    g_assert_cmpstr(line->requester, ==, "a@example.org");
    g_assert_cmpstr(line->origin, ==, "192.0.2.1");
    g_string_append_printf(text, "%u:%s:%s ", line->line, line->address, line->result);
}

static char *audit(Spool *spool, const AuditFilter *filter, unsigned limit)
{
    g_autoptr(GError) error = NULL;
    GString *text = g_string_new(NULL);
    gint64 after = 0;
    for (bool more = true; more;) {
        g_assert_true(spool_audit_list(spool, filter, limit, &after, &more, collect, text, &error));
        g_assert_no_error(error);
    }
    return g_string_free(text, FALSE);
}

/* Floating. */
static GVariant *trail(void)
{
    return g_variant_new_parsed(
        "@" SPOOL_TRAIL_TYPE " [(2, 'created', ('x@one.example', 'FULL', 'ADD', [])), "
        "(3, 'deleted', ('l@one.example', 'LIST', 'MODIFY', [('LIST MEMBER', ['y'], [])])), "
        "(3, 'deleted', ('y@one.example', 'FULL', 'DELETE', []))]");
}

/* done is sunk. */
static char *with_changes(SpoolFixture *fixture, GVariant *done)
{
    g_autoptr(GVariant) held = g_variant_ref_sink(done);
    static const char *const domains[] = {"example.org", NULL};
    const unsigned counts[RESULT_COUNT] = {[RESULT_CREATED] = 1, [RESULT_DELETED] = 1};
    g_autoptr(GError) error = NULL;
    char *id = spool_fixture_new_mail(fixture, "a@example.org", "192.0.2.1", "<1@x>");
    {
        g_autoptr(SpoolClaim) claim = spool_fixture_claim(fixture, id, JOB_RECEIVED);
        g_assert_true(spool_fixture_prove(claim, 1, domains, &error));
    }
    g_autoptr(SpoolClaim) claim = spool_fixture_claim(fixture, id, JOB_WORKING);
    GVariantBuilder outcomes;
    g_variant_builder_init(&outcomes, G_VARIANT_TYPE(SPOOL_OUTCOMES_TYPE));
    for (guint32 line = 2; line < 2 + FIXTURE_SLICE_ROWS; line++) {
        g_autoptr(Outcome) outcome = outcome_new(RESULT_UNCHANGED);
        g_variant_builder_add(&outcomes, "(u@" OUTCOME_TYPE ")", line, outcome_to_variant(outcome));
    }
    g_assert_true(spool_slice_done(claim, g_variant_builder_end(&outcomes), counts, held, &error));
    g_assert_no_error(error);
    return id;
}

static void test_kept(void)
{
    g_autoptr(SpoolFixture) fixture = spool_fixture_new();
    g_autoptr(GError) error = NULL;
    fixture->settings.audit_days = 1;
    spool_fixture_reopen(fixture);
    g_autofree char *id = with_changes(fixture, trail());
    static const char all[] =
        "2:x@one.example:created 3:l@one.example:deleted 3:y@one.example:deleted ";
    const gint64 now = g_get_real_time();
    const struct {
        AuditFilter filter;
        const char *expected;
    } rows[] = {
        {{0}, all},
        {{.job = id}, all},
        {{.job = "20261120-AAAAAA"}, ""},
        {{.address = "l@one.example"}, "3:l@one.example:deleted "},
        {{.address = "one.example"}, ""},
        {{.job = id, .address = "x@one.example"}, "2:x@one.example:created "},
        {{.requester = "a@example.org"}, all},
        {{.requester = "b@example.org"}, ""},
        {{.since = now - G_TIME_SPAN_HOUR, .until = now + G_TIME_SPAN_HOUR}, all},
        {{.since = now + G_TIME_SPAN_HOUR}, ""},
        {{.until = now - G_TIME_SPAN_HOUR}, ""},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        for (unsigned limit = 1; limit < 5; limit++) {
            g_autofree char *text = audit(fixture->spool, &rows[i].filter, limit);
            g_assert_cmpstr(text, ==, rows[i].expected);
        }
    }
    /* It outlives the job, and a reader sees it. */
    g_assert_true(spool_fixture_drive(fixture->spool, &error));
    g_assert_true(spool_expire(fixture->spool, &error));
    g_autoptr(Spool) reader = spool_open_readonly(fixture->settings.directory, &error);
    g_autofree char *read = audit(reader, &rows[0].filter, 2);
    g_assert_cmpstr(read, ==, all);
}

static void run_sql(const SpoolFixture *fixture, const char *sql, int expected)
{
    g_autofree char *path = g_build_filename(fixture->settings.directory, "spool.db", NULL);
    sqlite3 *db = NULL;
    g_assert_cmpint(sqlite3_open(path, &db), ==, SQLITE_OK);
    g_assert_cmpint(sqlite3_exec(db, sql, NULL, NULL, NULL), ==, expected);
    sqlite3_close(db);
}

/* However many lines one statement adds, each is there once, in order. */
static void test_kept_many(void)
{
    static const guint sizes[] = {1, 24, 25, 26, 49, 50, 51, 137};
    for (gsize i = 0; i < G_N_ELEMENTS(sizes); i++) {
        g_autoptr(SpoolFixture) fixture = spool_fixture_new();
        g_autoptr(GString) expected = g_string_new(NULL);
        const AuditFilter any = {0};
        GVariantBuilder lines;
        g_variant_builder_init(&lines, G_VARIANT_TYPE(SPOOL_TRAIL_TYPE));
        for (guint line = 2; line < 2 + sizes[i]; line++) {
            g_autofree char *address = g_strdup_printf("u%u@one.example", line);
            g_variant_builder_add_parsed(
                &lines, "(%u, 'created', (%s, 'FULL', 'ADD', @a(sasas) []))", line, address);
            g_string_append_printf(expected, "%u:%s:created ", line, address);
        }
        g_free(with_changes(fixture, g_variant_builder_end(&lines)));
        g_autofree char *text = audit(fixture->spool, &any, 1000);
        g_assert_cmpstr(text, ==, expected->str);
    }
}

/* Nothing is changed in it, and only what is old goes. */
static void test_expire(void)
{
    g_autoptr(SpoolFixture) fixture = spool_fixture_new();
    g_autoptr(GError) error = NULL;
    const AuditFilter any = {0};
    fixture->settings.audit_days = 2;
    spool_fixture_reopen(fixture);
    g_free(with_changes(fixture, trail()));
    run_sql(fixture, "UPDATE audit SET address='z@one.example'", SQLITE_CONSTRAINT);
    g_assert_true(spool_expire(fixture->spool, &error));
    g_autofree char *kept = audit(fixture->spool, &any, 10);
    g_assert_cmpuint(strlen(kept), >, 0);
    /* As if three days had gone by. */
    run_sql(fixture,
            "DROP TRIGGER audit_stays; UPDATE audit SET time=time-3*86400000000 WHERE line=3",
            SQLITE_OK);
    g_assert_true(spool_expire(fixture->spool, &error));
    g_autofree char *left = audit(fixture->spool, &any, 10);
    g_assert_cmpstr(left, ==, "2:x@one.example:created ");
}

/* So many that one commit does not take them all; what is young stays. */
static void test_expire_many(void)
{
    g_autoptr(SpoolFixture) fixture = spool_fixture_new();
    g_autoptr(GError) error = NULL;
    const AuditFilter any = {0};
    fixture->settings.audit_days = 2;
    spool_fixture_reopen(fixture);
    run_sql(fixture,
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 12345)"
            " INSERT INTO audit(time, job, line, requester, proof, origin, address, type, action,"
            " result, fields) SELECT i, 'j', i, 'a@example.org', 'password', '192.0.2.1', 'old', "
            "'FULL',"
            " 'ADD', 'created', x'' FROM n",
            SQLITE_OK);
    g_free(with_changes(fixture, trail()));
    g_assert_true(spool_expire(fixture->spool, &error));
    g_assert_no_error(error);
    g_autofree char *left = audit(fixture->spool, &any, 10);
    /* Not all of it is told where it is too much. */
    g_assert_true(g_str_equal(
        left, "2:x@one.example:created 3:l@one.example:deleted 3:y@one.example:deleted "));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    secret_init();
    g_test_add_func("/audit/R5.5/change", test_change);
    g_test_add_func("/audit/R9.6/profiles", test_profiles);
    g_test_add_func("/audit/long", test_long);
    g_test_add_func("/audit/record", test_record);
    g_test_add_func("/audit/R5.5/kept", test_kept);
    g_test_add_func("/audit/R5.5/kept-many", test_kept_many);
    g_test_add_func("/audit/expire", test_expire);
    g_test_add_func("/audit/expire-many", test_expire_many);
    return g_test_run();
}
