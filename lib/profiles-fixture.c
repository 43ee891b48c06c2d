/* SPDX-License-Identifier: MIT */
#include "lib/profiles-fixture.h"

#include <curl/curl.h>
#include <gmime/gmime.h>
#include <string.h>

const char *const profile_domains[] = {"one.example", "two.example", NULL};

/* --- looking --- */

Entry *read_entry(const JobFixture *fixture, const char *rdn)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Directory) directory = directory_new(&fixture->slapd->settings, &error);
    g_autofree char *dn = g_strconcat(rdn, ",", fixture->slapd->base, NULL);
    const char *const all[] = {"*", NULL};
    Entry *entry = NULL;
    directory_read(directory, dn, all, &entry, &error);
    g_assert_no_error(error);
    return entry;
}

static void check_attribute(const char *rdn, const Entry *entry, char *text)
{
    char *equals = strchr(text, '=');
    if (*text == '!') {
        if (entry_values(entry, text + 1))
            g_error("%s has %s: %s", rdn, text + 1, entry_value(entry, text + 1));
        return;
    }
    g_assert_nonnull(equals);
    *equals = '\0';
    if (!entry_has(entry, text, equals + 1, false))
        g_error("%s has %s: %s, not %s", rdn, text, entry_value(entry, text), equals + 1);
}

static void check_entry(const JobFixture *fixture, const char *rdn, const char *attributes)
{
    g_autoptr(Entry) entry = read_entry(fixture, rdn);
    if (g_str_equal(attributes, "-")) {
        if (entry)
            g_error("%s is there", rdn);
        return;
    }
    if (!entry)
        g_error("%s is not there", rdn);
    g_auto(GStrv) each = g_strsplit(attributes, "|", -1);
    for (char **one = each; *one; one++)
        check_attribute(rdn, entry, *one);
}

/* Without its line breaks. */
static char *flatten(const char *text)
{
    g_autoptr(GRegex) blanks = g_regex_new("\\s+", 0, 0, NULL);
    return g_regex_replace_literal(blanks, text, -1, 0, " ", 0, NULL);
}

void run_part(JobFixture *fixture, const Part *part)
{
    g_autofree char *password =
        g_strconcat(PASSWORD, part->mode ? "\r\n" : "", part->mode ? part->mode : "", NULL);
    g_autofree char *id =
        job_fixture_mail(fixture, ADMIN,
                         "allow domains=one.example,two.example,three.example "
                         "create_domains=yes "
                         "types=FULL,FORWARD,LIST,DLIST,ALIAS,CATCHALL,DOMAIN,DOMAINALIAS,GROUP,"
                         "RESOURCE,RESOURCEGROUP,AUTORESPONDER,SPAMFILTER",
                         password, part->csv);
    job_fixture_run(fixture);
    g_autoptr(Job) job = job_fixture_job(fixture, id);
    g_autofree char *response = job_fixture_response(fixture, id);
    g_autofree char *mail = flatten(response);
    g_auto(GStrv) says = g_strsplit(part->says ? part->says : "", "|", -1);
    unsigned done = job->counts[RESULT_CREATED] + job->counts[RESULT_CHANGED] +
                    job->counts[RESULT_DELETED] + job->counts[RESULT_UNCHANGED];
    if (done != part->done || job->counts[RESULT_FAILED] != part->failed)
        g_error("%u done, %u failed:\n%s\n%s", done, job->counts[RESULT_FAILED], part->csv,
                response);
    for (char **words = says; *words; words++)
        if (**words)
            job_fixture_assert_holds(mail, *words);
    for (guint i = 0; part->entries && part->entries[i]; i += 2)
        check_entry(fixture, part->entries[i], part->entries[i + 1]);
}

static bool on_shown(gpointer data, const ShowRow *row)
{
    static const Field fields[] = {FIELD_TARGET, FIELD_MAILFORWARD, FIELD_QUOTA, FIELD_ALIAS,
                                   FIELD_LIST_MEMBER};
    GString *text = data;
    g_string_append_printf(text, "%s %s", type_name(row->type), row->user);
    for (guint i = 0; i < G_N_ELEMENTS(fields); i++) {
        g_autofree char *cell = show_row_cell(row, fields[i]);
        if (*cell)
            g_string_append_printf(text, " %s=%s", field_name(fields[i]), cell);
    }
    g_string_append_c(text, '\n');
    return true;
}

char *shown_with(const JobFixture *fixture, const char *user, const char *const *around)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Directory) directory = directory_new(&fixture->slapd->settings, &error);
    const ShowScope scope = {
        .domain = "one.example", .user = user, .type = TYPE_COUNT, .around = around};
    GString *text = g_string_new(NULL);
    show_stream(directory, fixture->slapd->profile, &scope, on_shown, text, &error);
    g_assert_no_error(error);
    return g_string_free(text, FALSE);
}

char *shown(const JobFixture *fixture, const char *user)
{
    return shown_with(fixture, user, NULL);
}

void run_parts(const char *profile, const Part *parts, gsize count)
{
    SlapdFixture *slapd = slapd_fixture_of_profile(profile, profile_domains, PASSWORD);
    g_autoptr(JobFixture) fixture = job_fixture_new(slapd);
    for (gsize i = 0; i < count; i++)
        run_part(fixture, &parts[i]);
    g_clear_pointer(&fixture, job_fixture_free);
    slapd_fixture_free(slapd);
}
void replace_value(Directory *directory, const char *dn, const char *attribute, const char *value)
{
    g_autoptr(GPtrArray) others = g_ptr_array_new_with_free_func((GDestroyNotify)write_free);
    g_autoptr(Change) other = change_new(CHANGE_MODIFY, dn);
    g_autoptr(GError) error = NULL;
    change_mod(other, MOD_REPLACE, attribute, value);
    g_ptr_array_add(others, write_new(other, NULL));
    g_assert_cmpint(directory_apply(directory, others, &error), ==, ANSWER_YES);
    g_assert_no_error(error);
}

void profiles_begin(int *argc, char ***argv)
{
    g_test_init(argc, argv, NULL);
    secret_init();
    curl_global_init(CURL_GLOBAL_DEFAULT);
    g_mime_init();
    directory_init();
}
