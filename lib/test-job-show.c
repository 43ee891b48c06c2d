/* SPDX-License-Identifier: MIT */
#include "lib/job-fixture.h"
#include <curl/curl.h>
#include <gmime/gmime.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

/* Rows that ask to see what is there: in their turn, within limits, in each mode, and once. */

static SlapdFixture *slapd;
static guint left;    /* commits of shown rows until this process is killed; 0: never */
static bool too_soon; /* before the commit */

bool __real_spool_slice_checked(SpoolClaim *claim, GVariant *outcomes,
                                const unsigned counts[RESULT_COUNT], const SpoolEffects *effects,
                                GError **error);
bool __wrap_spool_slice_checked(SpoolClaim *claim, GVariant *outcomes,
                                const unsigned counts[RESULT_COUNT], const SpoolEffects *effects,
                                GError **error);

bool __wrap_spool_slice_checked(SpoolClaim *claim, GVariant *outcomes,
                                const unsigned counts[RESULT_COUNT], const SpoolEffects *effects,
                                GError **error)
{
    const bool now = left && --left == 0;
    if (now && too_soon)
        kill(getpid(), SIGKILL);
    const bool well = __real_spool_slice_checked(claim, outcomes, counts, effects, error);
    if (now)
        kill(getpid(), SIGKILL);
    return well;
}

#define HEAD "DOMAIN;USER;TYPE;ACTION;PASSWORD;DESCRIPTION;LIST MEMBER\n"
#define SEE(user, type, action) "one.example;" user ";" type ";" action ";;;\n"

/* A file of the response, or NULL. */
static char *file_of(const char *mail, const char *name)
{
    g_autofree char *wanted = g_strdup_printf("filename=%s\n", name);
    g_auto(GStrv) lines = g_strsplit(mail, "\r\n", -1);
    g_autofree char *text = g_strjoinv("\n", lines);
    const char *at = strstr(text, wanted);
    if (!at)
        return NULL;
    at = strstr(at, "\n\n") + 2;
    const char *end = strstr(at, "\n--");
    g_autofree char *encoded = g_strndup(at, (gsize)(end - at));
    gsize size = 0;
    g_autofree guchar *bytes = g_base64_decode(encoded, &size);
    return g_strndup((char *)bytes, size);
}

/* "user TYPE ACTION,…" of export.csv; "-" where there is none. */
static char *shown_in(const char *mail)
{
    g_autofree char *file = file_of(mail, "export.csv");
    g_auto(GStrv) lines = g_strsplit(file ? file : "", "\r\n", -1);
    GString *shown = g_string_new(file ? NULL : "-");
    for (guint i = 1; file && lines[i] && *lines[i]; i++) {
        g_auto(GStrv) cells = g_strsplit(lines[i], ";", 5);
        g_string_append_printf(shown, "%s%s%s %s %s", i > 1 ? "," : "", cells[1],
                               g_str_equal(cells[0], "one.example") ? "" : cells[0], cells[2],
                               cells[3]);
    }
    return g_string_free(shown, FALSE);
}

static int compare(gconstpointer one, gconstpointer other)
{
    return strcmp(*(const char *const *)one, *(const char *const *)other);
}

/* The same sorted: entries come as the directory gives them. */
static char *sorted_in(const char *mail)
{
    g_autofree char *shown = shown_in(mail);
    g_auto(GStrv) rows = g_strsplit(shown, ",", -1);
    qsort(rows, g_strv_length(rows), sizeof *rows, compare);
    return g_strjoinv(",", rows);
}

static char *ask(JobFixture *fixture, const char *grant, const char *mode, const char *csv)
{
    g_autofree char *password =
        g_strdup_printf("%s\r\nMode: %s", JOB_FIXTURE_PASSWORD, mode ? mode : "apply");
    return job_fixture_mail(fixture, JOB_FIXTURE_ADMIN, grant, password, csv);
}

/* The request's response. Caller owns it. */
static char *answer(JobFixture *fixture, const char *grant, const char *mode, const char *csv)
{
    g_autofree char *id = ask(fixture, grant, mode, csv);
    job_fixture_run(fixture);
    job_fixture_assert_done(fixture, id);
    return job_fixture_response(fixture, id);
}

/* --- what is shown --- */

static const struct {
    const char *name, *grant, *rows, *shown, *words;
} cases[] = {
    {"R8.80 SHOW", "allow", SEE("ben", "FULL", "SHOW"), "ben FULL ADD", "processed ok"},
    {"R8.80 EXPORT", "allow", SEE("ben", "FULL", "EXPORT"), "ben FULL ADD,team LIST ADD",
     "processed ok"},
    {"R8.80 SHOW of the domain", "allow types=DOMAIN,FULL", SEE("", "DOMAIN", "SHOW"),
     " DOMAIN ADD", "processed ok"},
    {"R8.80 EXPORT of the domain", "allow", SEE("", "DOMAIN", "EXPORT"),
     "admin FULL ADD,ben FULL ADD,cleo FULL ADD,team LIST ADD", "processed ok"},
    {"R8.82 of types", "allow types=DOMAIN,LIST", SEE("", "DOMAIN", "EXPORT"),
     " DOMAIN ADD,team LIST ADD", "processed ok"},
    {"R8.82 nothing of its types", "allow types=FORWARD", SEE("", "DOMAIN", "EXPORT"), "-",
     "processed ok"},
    {"R8.82 SHOW of the domain needs it", "allow", SEE("", "DOMAIN", "SHOW"), "-",
     "objects of the type DOMAIN"},
    {"R8.82 another action", "allow actions=ADD,SHOW", SEE("ben", "FULL", "EXPORT"), "-",
     "use the action EXPORT"},
    {"R8.82 another domain", "allow", "two.example;admin;FULL;SHOW;;;\n", "-",
     "not one that you manage"},
    {"R8.83 not there", "allow", SEE("nobody", "FULL", "SHOW"), "-", "There is no mailbox"},
    {"R8.83 another type", "allow", SEE("team", "FULL", "EXPORT"), "-", "is a list, not"},
    {"R8.83 one of several", "allow", SEE("nobody", "FULL", "SHOW") SEE("cleo", "FULL", "SHOW"),
     "cleo FULL ADD", "1 of 2 rows failed"},
    {"R8.80 asked twice", "allow", SEE("ben", "FULL", "SHOW") SEE("ben", "FULL", "SHOW"),
     "ben FULL ADD,ben FULL ADD", "processed ok"},
};

/* The words of a response, whose lines are broken somewhere. */
static char *in_one_line(const char *mail)
{
    g_auto(GStrv) words = g_strsplit_set(mail, "\r\n", -1);
    GString *line = g_string_new(NULL);
    for (char **word = words; *word; word++)
        if (**word)
            g_string_append_printf(line, "%s ", g_strstrip(*word));
    return g_string_free(line, FALSE);
}

static void test_case(gconstpointer data)
{
    const gsize at = GPOINTER_TO_SIZE(data);
    g_autoptr(JobFixture) fixture = job_fixture_begin(slapd);
    g_free(answer(fixture, "allow", NULL, HEAD "one.example;team;LIST;ADD;;;ben x@else.example\n"));
    g_autofree char *csv = g_strconcat(HEAD, cases[at].rows, NULL);
    g_autofree char *id = ask(fixture, cases[at].grant, NULL, csv);
    job_fixture_run(fixture);
    g_autofree char *mail = job_fixture_response(fixture, id);
    g_autofree char *shown = sorted_in(mail), *words = in_one_line(mail);
    g_autofree char *file = file_of(mail, "export.csv");
    job_fixture_assert_holds(words, cases[at].words);
    g_assert_cmpstr(shown, ==, cases[at].shown);
    g_assert_true(file == NULL || strstr(file, "{") == NULL);
}

#define CHANGED_BETWEEN                                                                            \
    HEAD SEE("ben", "FULL",                                                                        \
             "SHOW") "one.example;ben;FULL;MODIFY;" JOB_FIXTURE_SECRET                             \
                     ";newer;\n" SEE(                                                              \
                         "ben", "FULL",                                                            \
                         "SHOW") "one.example;anna;FULL;ADD;" JOB_FIXTURE_SECRET                   \
                                 ";;\n" SEE(                                                       \
                                     "anna", "FULL",                                               \
                                     "SHOW") "one.example;cleo;FULL;DELETE;;;\n" SEE("cleo",       \
                                                                                     "FULL",       \
                                                                                     "SHOW")

/* R8.81: after the rows before, and before those behind. */
static void assert_between(const char *mail)
{
    g_autofree char *shown = shown_in(mail), *file = file_of(mail, "export.csv");
    g_assert_cmpstr(shown, ==, "ben FULL ADD,ben FULL ADD,anna FULL ADD");
    g_auto(GStrv) lines = g_strsplit(file, "\r\n", -1);
    g_assert_null(strstr(lines[1], "newer"));
    g_assert_nonnull(strstr(lines[2], ";newer;"));
    g_assert_null(strstr(file, "Canary"));
    job_fixture_assert_holds(mail, "1 of 7 rows failed");
}

static void test_order(void)
{
    static const unsigned slice_rows[] = {1, 2, 500};
    for (guint i = 0; i < G_N_ELEMENTS(slice_rows); i++) {
        g_autoptr(JobFixture) fixture = job_fixture_begin(slapd);
        fixture->config->slice_rows = slice_rows[i];
        g_autofree char *mail = answer(fixture, "allow", NULL, CHANGED_BETWEEN);
        assert_between(mail);
    }
}

/* R8.83: killed before and behind each commit of what was shown, it is shown once all the same. */
static void test_killed(void)
{
    for (guint point = 0; point < 8; point++) {
        g_autoptr(JobFixture) fixture = job_fixture_begin(slapd);
        g_autofree char *id = ask(fixture, "allow", NULL, CHANGED_BETWEEN);
        left = point / 2 + 1;
        too_soon = point % 2;
        const bool died = job_fixture_dies(fixture);
        left = 0;
        g_assert_true(died);
        job_fixture_run(fixture);
        job_fixture_assert_done(fixture, id);
        g_autofree char *mail = job_fixture_response(fixture, id);
        assert_between(mail);
    }
}

/* R8.83 */
static void test_directory_away(void)
{
    g_autoptr(JobFixture) fixture = job_fixture_begin(slapd);
    g_autofree char *id = ask(fixture, "allow", NULL, HEAD SEE("", "DOMAIN", "EXPORT"));
    g_assert_cmpstr(job_state_name(job_fixture_step(fixture)), ==, "working");
    slapd_fixture_kill(slapd);
    g_assert_cmpstr(job_state_name(job_fixture_step(fixture)), ==, "working");
    slapd_fixture_restart(slapd);
    job_fixture_assert_waits(fixture, id, JOB_WORKING, "The directory is not reachable");
    job_fixture_await(fixture, id);
    job_fixture_run(fixture);
    job_fixture_assert_done(fixture, id);
    g_autofree char *mail = job_fixture_response(fixture, id), *shown = sorted_in(mail);
    g_assert_cmpstr(shown, ==, "admin FULL ADD,ben FULL ADD,cleo FULL ADD");
}

/* --- limits --- */

/* R8.84: the row that goes beyond fails, and those behind it that read; in any slices. */
static void test_limits(void)
{
    static const struct {
        unsigned rows, slice_rows;
        guint64 bytes;
        const char *shown, *words;
    } limits[] = {
        {5, 500, 1 << 20, "admin FULL ADD,ben FULL ADD,ben FULL ADD,ben FULL ADD,cleo FULL ADD",
         "processed ok"},
        {4, 500, 1 << 20, "admin FULL ADD,ben FULL ADD,ben FULL ADD,cleo FULL ADD",
         "1 of 4 rows failed"},
        {3, 500, 1 << 20, "ben FULL ADD", "2 of 4 rows failed"},
        {3, 1, 1 << 20, "ben FULL ADD", "2 of 4 rows failed"},
        {500, 1, 300, "ben FULL ADD", "2 of 4 rows failed"},
    };
    for (guint i = 0; i < G_N_ELEMENTS(limits); i++) {
        g_autoptr(JobFixture) fixture = job_fixture_begin(slapd);
        fixture->config->export_rows_max = limits[i].rows;
        fixture->config->export_bytes_max = limits[i].bytes;
        fixture->config->slice_rows = limits[i].slice_rows;
        g_autofree char *mail =
            answer(fixture, "allow", NULL,
                   HEAD SEE("ben", "FULL", "SHOW") SEE("", "DOMAIN", "EXPORT")
                       SEE("ben", "FULL", "SHOW") "one.example;cleo;FULL;DELETE;;;\n");
        g_autofree char *shown = sorted_in(mail), *words = in_one_line(mail);
        job_fixture_assert_holds(words, limits[i].words);
        g_assert_cmpstr(shown, ==, limits[i].shown);
        if (strstr(limits[i].words, "failed"))
            job_fixture_assert_holds(words, "limits export_rows_max");
        g_assert_cmpuint(job_fixture_entries(fixture, "cleo@one.example"), ==, 0);
    }
}

/* R8.84 R4.9: in each form that the size takes. */
static void test_size(void)
{
    static const struct {
        guint64 above;
        const char *holds;
    } forms[] = {{G_MAXUINT64, "filename=export.csv\n"}, {0, "filename=export.csv.gz\n"}};
    for (guint i = 0; i < G_N_ELEMENTS(forms); i++) {
        g_autoptr(JobFixture) fixture = job_fixture_begin(slapd);
        fixture->config->compress_above = forms[i].above;
        g_autofree char *mail = answer(fixture, "allow", NULL, HEAD SEE("", "DOMAIN", "EXPORT"));
        g_auto(GStrv) lines = g_strsplit(mail, "\r\n", -1);
        g_autofree char *text = g_strjoinv("\n", lines);
        job_fixture_assert_holds(text, forms[i].holds);
    }
}

/* --- modes --- */

/* R8.85: it is told what would be shown, and nothing is. */
static void test_check(void)
{
    g_autoptr(JobFixture) fixture = job_fixture_begin(slapd);
    g_autofree char *mail = answer(fixture, "allow", "check", CHANGED_BETWEEN);
    g_autofree char *shown = shown_in(mail), *words = in_one_line(mail);
    g_autofree char *result = file_of(mail, "result.csv");
    g_assert_cmpstr(shown, ==, "-");
    job_fixture_assert_holds(words, "1 of 7 rows failed");
    job_fixture_assert_holds(words, "As it is now, an export.csv with 2 rows would be attached");
    job_fixture_assert_holds(result, "As it is now, it would be shown in export.csv, in 1 row.");
    job_fixture_assert_holds(result, "It would be shown in export.csv as it is then.");
}

#define GOOD                                                                                       \
    HEAD SEE("ben", "FULL", "SHOW") "one.example;anna;FULL;ADD;" JOB_FIXTURE_SECRET                \
                                    ";;\n" SEE("anna", "FULL", "SHOW")

/* R8.81: with Mode: atomic, too; what is taken back is not shown. */
static void test_atomic(void)
{
    for (guint slice_rows = 1; slice_rows < 4; slice_rows++) {
        g_autoptr(JobFixture) fixture = job_fixture_begin(slapd);
        fixture->config->slice_rows = slice_rows;
        g_autofree char *mail = answer(fixture, "allow", "atomic", GOOD);
        g_autofree char *shown = shown_in(mail);
        g_assert_cmpstr(shown, ==, "ben FULL ADD,anna FULL ADD");
        job_fixture_assert_holds(mail, "processed ok");

        fixture->config->export_rows_max = 1;
        job_fixture_reset(slapd);
        g_autofree char *id = ask(fixture, "allow", "atomic", GOOD "\n");
        job_fixture_run(fixture);
        g_autofree char *undone = job_fixture_response(fixture, id);
        g_autofree char *none = shown_in(undone);
        job_fixture_assert_holds(undone, "1 of 3 rows failed (nothing was changed)");
        g_assert_cmpstr(none, ==, "-");
        g_assert_cmpuint(job_fixture_entries(fixture, "anna@one.example"), ==, 0);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    secret_init();
    directory_init();
    curl_global_init(CURL_GLOBAL_DEFAULT);
    g_mime_init();
    slapd = job_fixture_slapd(NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *path = g_strconcat("/job-show/", cases[i].name, NULL);
        g_test_add_data_func(path, GSIZE_TO_POINTER(i), test_case);
    }
    g_test_add_func("/job-show/R8.81 order", test_order);
    g_test_add_func("/job-show/R8.83 killed", test_killed);
    g_test_add_func("/job-show/R8.83 directory-away", test_directory_away);
    g_test_add_func("/job-show/R8.84 limits", test_limits);
    g_test_add_func("/job-show/R8.84 R4.9 size", test_size);
    g_test_add_func("/job-show/R8.85 check", test_check);
    g_test_add_func("/job-show/R8.81 atomic", test_atomic);
    int status = g_test_run();
    slapd_fixture_free(slapd);
    return status;
}
