/* SPDX-License-Identifier: MIT */
#include "lib/job-fixture.h"
#include "lib/stream-fixture.h"
#include <curl/curl.h>
#include <gmime/gmime.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

/* Mode: atomic against a real directory and spool, killed at each write and commit. */

static SlapdFixture *slapd;
static PasswordScheme scheme;
static bool meddle; /* somebody else is to write before cleo@ is deleted */
static guint left;  /* events until this process is killed; 0: never */

/* --- faults --- */

bool __real_spool_slice_step(SpoolClaim *claim, const SpoolStep *step, GError **error);
bool __wrap_spool_slice_step(SpoolClaim *claim, const SpoolStep *step, GError **error);
bool __real_spool_intent_store_with(SpoolClaim *claim, GVariant *intent,
                                    const SpoolEffects *effects, GError **error);
bool __wrap_spool_intent_store_with(SpoolClaim *claim, GVariant *intent,
                                    const SpoolEffects *effects, GError **error);

static void event(void)
{
    if (left && --left == 0)
        kill(getpid(), SIGKILL);
}

#define CLEO "mail=cleo@one.example,"

static void write_other(Directory *directory, const char *dn, const char *value)
{
    g_autoptr(GPtrArray) writes = g_ptr_array_new_with_free_func((GDestroyNotify)write_free);
    g_autoptr(Change) change = change_new(CHANGE_MODIFY, dn);
    change_mod(change, MOD_REPLACE, "description", value);
    g_ptr_array_add(writes, write_new(change, NULL));
    g_assert_cmpint(__real_directory_apply(directory, writes, NULL), ==, ANSWER_YES);
    g_assert_cmpint(((Write *)writes->pdata[0])->state, ==, WRITE_DONE);
}

/* Conditions go inside of changes. */
#ifdef SETTLE_INSIDE
static const bool inside = true;
#else
static const bool inside = false;
#endif

/* Every so many places are tried, with BATCHLOAD_ALL=1 more. */
static guint stride(void)
{
    return (inside ? 2 : 1) * (g_getenv("BATCHLOAD_ALL") == NULL ? 2 : 1);
}

/* A password that the directory is to hash is a step of its own, and so is what comes before a
 * deletion then. */
static guint steps_of(const Write *write)
{
    return (change_password(write->change) && !write->again) || (inside && write->claim) ? 2 : 1;
}

static void apply_without_password(Directory *directory, const Write *write)
{
    g_autoptr(Change) alone = change_alone(inside && write->claim ? write->claim : write->change);
    g_autoptr(GPtrArray) writes = g_ptr_array_new_with_free_func((GDestroyNotify)write_free);
    g_ptr_array_add(writes, write_new(alone, g_strdup(write->assertion)));
    __real_directory_apply(directory, writes, NULL);
}

static bool dying; /* when what is in flight has ended */

static Pass before(Directory *directory, Write *write, bool idle)
{
    const Change *change = write->change;
    bool meddles = meddle && change->kind == CHANGE_DELETE && g_str_has_prefix(change->dn, CLEO);
    bool within = left && steps_of(write) > left;
    if ((meddles || within || dying) && !idle)
        return PASS_WAIT;
    if (meddles) {
        meddle = false;
        write_other(directory, change->dn, "theirs");
    }
    if (within)
        apply_without_password(directory, write);
    if (within || dying)
        kill(getpid(), SIGKILL);
    dying = left && left == steps_of(write);
    left -= left ? steps_of(write) : 0;
    return PASS_ON;
}

static Answer end(bool stopped, Answer answer, GError **error)
{
    (void)stopped;
    (void)error;
    if (dying)
        kill(getpid(), SIGKILL);
    return answer;
}

StreamFixture stream_fixture = {.before = before, .end = end};

bool __wrap_spool_slice_step(SpoolClaim *claim, const SpoolStep *step, GError **error)
{
    event();
    bool well = __real_spool_slice_step(claim, step, error);
    event();
    return well;
}

bool __wrap_spool_intent_store_with(SpoolClaim *claim, GVariant *intent,
                                    const SpoolEffects *effects, GError **error)
{
    event();
    bool well = __real_spool_intent_store_with(claim, intent, effects, error);
    event();
    return well;
}

/* --- the directory as text --- */

static gint compare_entries(gconstpointer a, gconstpointer b)
{
    const Entry *const *left_entry = a, *const *right_entry = b;
    return strcmp((*left_entry)->dn, (*right_entry)->dn);
}

static gint compare_text(gconstpointer a, gconstpointer b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* exact: with all that is drawn by chance or made of the job's number. Only the rootdn may make an
 * entry again with its unique id. */
static bool shown(const char *name, bool exact)
{
    static const char *const random[] = {"entryuuid", "userpassword", "batchloadmailboxid",
                                         "batchloadchange", NULL};
    bool root = slapd->settings.bind_dn == slapd->root_dn;
    return exact ? root || !g_str_equal(name, "entryuuid") : !g_strv_contains(random, name);
}

static char *dump(bool exact)
{
    static const char *const all[] = {"*", "entryUUID", NULL};
    g_autoptr(GError) error = NULL;
    g_autoptr(Directory) directory = directory_new(&slapd->settings, &error);
    g_autoptr(GPtrArray) entries = NULL;
    directory_search(directory, slapd->base, DIRECTORY_SCOPE_SUB, "(mail=*)", all, 1000, &entries,
                     &error);
    g_assert_no_error(error);
    g_ptr_array_sort(entries, compare_entries);
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < entries->len; i++) {
        const Entry *entry = entries->pdata[i];
        g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func(g_free);
        for (guint k = 0; k < entry->attributes->len; k++) {
            const char *name = entry_attribute(entry, k)->name;
            const GPtrArray *values = entry_attribute(entry, k)->values;
            for (guint j = 0; j < values->len; j++)
                if (shown(name, exact))
                    g_ptr_array_add(lines, g_strdup_printf("%s: %s", name,
                                                           (char *)g_ptr_array_index(values, j)));
        }
        g_ptr_array_sort(lines, compare_text);
        g_string_append_printf(text, "%s\n", entry->dn);
        for (guint j = 0; j < lines->len; j++)
            g_string_append_printf(text, " %s\n", (char *)lines->pdata[j]);
    }
    return g_string_free(text, FALSE);
}

/* --- jobs --- */

#define GOOD                                                                                       \
    JOB_FIXTURE_HEAD                                                                               \
    "one.example;anna;FULL;ADD;" JOB_FIXTURE_SECRET ";;;\n"                                        \
    "one.example;staff;LIST;ADD;;;anna ben cleo;\n"                                                \
    "one.example;ben;FULL;MODIFY;" JOB_FIXTURE_SECRET ";;;first\n"                                 \
    "one.example;staff;LIST;ADD;;;x@else.example;\n"                                               \
    "one.example;cleo;FULL;DELETE;;;;\n"                                                           \
    "one.example;cleo;FORWARD;ADD;;ben@one.example;;\n"                                            \
    "one.example;ben;FULL;MODIFY;" JOB_FIXTURE_SECRET ";;;second\n"                                \
    "one.example;cleo;FORWARD;DELETE;;;;\n"                                                        \
    "one.example;anna;FULL;DELETE;;;;\n"                                                           \
    "one.example;cleo;FULL;ADD;" JOB_FIXTURE_SECRET ";;;\n"
/* The directory refuses the value. */
#define BAD GOOD "one.example;ben;FULL;MODIFY;" JOB_FIXTURE_SECRET ";;;\xc3\xa4\n"

static JobFixture *begin(unsigned slice_rows)
{
    left = 0;
    JobFixture *fixture = job_fixture_begin(slapd);
    fixture->config->slice_rows = slice_rows;
    fixture->config->password_scheme = scheme;
    return fixture;
}

static char *mail(JobFixture *fixture, bool good)
{
    g_autofree char *csv = g_strdup(good ? GOOD : BAD);
    /* A telephone number takes no such sign, a description does. */
    if (!good) {
        g_autoptr(GString) text = g_string_new(csv);
        g_string_replace(text, "DESCRIPTION", "PHONE", 1);
        g_string_replace(text, ";first\n", ";+49 1\n", 1);
        g_string_replace(text, ";second\n", ";+49 2\n", 1);
        g_free(csv);
        csv = g_strdup(text->str);
    }
    return job_fixture_mail(fixture, JOB_FIXTURE_ADMIN, "allow",
                            JOB_FIXTURE_PASSWORD "\r\nMode: atomic", csv);
}

/* Works in a child that is killed after so many events; false where it came to its end. */
static bool work_and_die(JobFixture *fixture, guint events)
{
    left = events;
    const bool died = job_fixture_dies(fixture);
    left = 0;
    return died;
}

static void assert_good(JobFixture *fixture, const char *id)
{
    g_autoptr(Job) job = job_fixture_job(fixture, id);
    g_assert_cmpint(job->phase, ==, PHASE_APPLY);
    g_assert_cmpuint(job->counts[RESULT_CREATED], ==, 4);
    g_assert_cmpuint(job->counts[RESULT_CHANGED], ==, 3);
    g_assert_cmpuint(job->counts[RESULT_DELETED], ==, 3);
    g_assert_cmpuint(job->counts[RESULT_FAILED], ==, 0);
}

static void assert_undone(JobFixture *fixture, const char *id)
{
    g_autoptr(Job) job = job_fixture_job(fixture, id);
    g_assert_cmpint(job->phase, ==, PHASE_UNDONE);
    g_assert_cmpuint(job->counts[RESULT_UNCHANGED], ==, 10);
    g_assert_cmpuint(job->counts[RESULT_FAILED], ==, 1);
}

/* --- tests --- */

/* The children of one sweep: the job is opened before, so that only its rows are swept. */
static char *opened(JobFixture *fixture, bool good)
{
    char *id = mail(fixture, good);
    g_assert_cmpstr(job_state_name(job_fixture_step(fixture)), ==, "working");
    return id;
}

/* R5.5: what was done, and as often what was taken back. */
static void assert_taken_back(const char *audit, bool good)
{
    g_auto(GStrv) lines = g_strsplit(audit, "\n", -1);
    guint done = 0, undone = 0;
    for (char **line = lines; *line && **line; line++)
        *(strstr(*line, " undone ") ? &undone : &done) += 1;
    g_assert_cmpuint(done, >=, 10);
    g_assert_cmpuint(undone, ==, good ? 0 : done);
}

/* R2.17: killed once after each event, the end is that of a run without a kill. */
static void sweep(bool good, unsigned slice_rows)
{
    g_autofree char *expected = NULL, *changes = NULL;
    guint events = 0;
    for (bool killed = true; killed; events += stride()) {
        g_autoptr(JobFixture) fixture = begin(slice_rows);
        g_autofree char *before = dump(true);
        g_autofree char *id = opened(fixture, good);
        /* The first is not killed. */
        killed = work_and_die(fixture, events) || events == 0;
        job_fixture_run(fixture);
        g_autofree char *after = dump(!good);
        if (good) {
            assert_good(fixture, id);
            if (!expected)
                expected = g_strdup(after);
            g_assert_cmpstr(after, ==, expected);
        } else {
            assert_undone(fixture, id);
            g_assert_cmpstr(after, ==, before);
        }
        g_assert_cmpuint(job_fixture_responses(fixture), ==, 1);
        g_autofree char *audit = job_fixture_audit(fixture);
        if (!changes)
            changes = g_strdup(audit);
        g_assert_cmpstr(audit, ==, changes);
        assert_taken_back(audit, good);
    }
    g_test_message("%u events", events);
    g_assert_cmpuint(events, >, 20);
}

static void test_good(void)
{
    sweep(true, 3);
}

static void test_undone(void)
{
    sweep(false, 3);
}

static void test_undone_one_slice(void)
{
    sweep(false, 500);
}

/* Killed again and again. */
static void test_often(void)
{
    for (guint events = 4; events < 9; events += stride()) {
        g_autoptr(JobFixture) fixture = begin(3);
        g_autofree char *before = dump(true);
        g_autofree char *id = opened(fixture, false);
        guint kills = 0;
        while (work_and_die(fixture, events))
            g_assert_cmpuint(++kills, <, 200);
        job_fixture_run(fixture);
        g_autofree char *after = dump(true);
        assert_undone(fixture, id);
        g_assert_cmpstr(after, ==, before);
        g_assert_cmpuint(kills, >, 5);
        g_autofree char *audit = job_fixture_audit(fixture);
        assert_taken_back(audit, false);
    }
}

/* Somebody else comes between, so that rows are planned anew in the middle of a slice: what the
 * slice has written already comes back as it was, and theirs stays. */
static void test_meddled(void)
{
    g_autoptr(JobFixture) fixture = begin(500);
    g_autoptr(GError) error = NULL;
    g_autofree char *before = dump(true);
    g_autofree char *id = opened(fixture, false);
    meddle = true;
    job_fixture_run(fixture);
    g_assert_false(meddle);
    assert_undone(fixture, id);
    g_autofree char *after = dump(true);
    g_assert_nonnull(strstr(after, " description: theirs\n"));
    g_autoptr(Directory) directory = directory_new(&slapd->settings, &error);
    g_autofree char *domain = profile_domain_dn(slapd->profile, "one.example");
    g_autofree char *dn = g_strconcat(CLEO, domain, NULL);
    write_other(directory, dn, NULL);
    g_autofree char *without = dump(true);
    g_assert_cmpstr(without, ==, before);
    /* R5.5: rows planned anew keep the trail of what they had done. */
    g_autofree char *audit = job_fixture_audit(fixture);
    assert_taken_back(audit, false);
}

/* Another requester's rows in the same domain wait until the whole job is done. */
static void test_domains(void)
{
    g_autoptr(JobFixture) fixture = begin(3);
    g_autofree char *id = opened(fixture, true);
    job_fixture_step(fixture);
    g_autofree char *other = job_fixture_mail(
        fixture, JOB_FIXTURE_OTHER_ADMIN, "allow domains=one.example,two.example",
        JOB_FIXTURE_PASSWORD, JOB_FIXTURE_HEAD "one.example;anna;FULL;DELETE;;;;\n");
    for (;;) {
        job_fixture_step(fixture);
        g_autoptr(Job) theirs = job_fixture_job(fixture, other);
        g_autoptr(Job) ours = job_fixture_job(fixture, id);
        if (ours->state != JOB_WORKING)
            break;
        g_assert_cmpint(theirs->state, <=, JOB_WORKING);
    }
    job_fixture_run(fixture);
    assert_good(fixture, id);
    g_autoptr(Job) theirs = job_fixture_job(fixture, other);
    g_assert_cmpuint(theirs->counts[RESULT_FAILED], ==, 1);
}

/* After a new start, too. */
static void test_domains_again(void)
{
    g_autoptr(JobFixture) fixture = begin(3);
    g_autofree char *id = opened(fixture, true);
    g_autofree char *other = job_fixture_mail(
        fixture, JOB_FIXTURE_OTHER_ADMIN, "allow domains=one.example,two.example",
        JOB_FIXTURE_PASSWORD, JOB_FIXTURE_HEAD "one.example;anna;FULL;DELETE;;;;\n");
    for (;;) {
        job_fixture_close(fixture);
        job_fixture_open(fixture);
        job_fixture_step(fixture);
        g_autoptr(Job) theirs = job_fixture_job(fixture, other);
        g_autoptr(Job) ours = job_fixture_job(fixture, id);
        if (ours->state != JOB_WORKING)
            break;
        g_assert_true(theirs->state <= JOB_WORKING || !ours->started);
    }
    job_fixture_run(fixture);
    assert_good(fixture, id);
}

/* --- passwords that the directory hashes --- */

#define POLICY "pwdCheckQuality: 1\npwdMinLength: 8\n"

static void with_server(void (*test)(void))
{
    SlapdFixture *plain = slapd;
    slapd = job_fixture_slapd(POLICY);
    scheme = PASSWORD_SCHEME_SERVER;
    test();
    scheme = PASSWORD_SCHEME_SHA512;
    slapd_fixture_free(slapd);
    slapd = plain;
}

static Answer logs_in(const char *address, const char *password)
{
    g_autoptr(Address) parsed = address_parse(address, NULL, NULL);
    g_autofree char *dn = profile_entry_dn(slapd->profile, parsed);
    g_autoptr(Directory) directory = directory_new(&slapd->settings, NULL);
    return directory_check_password(directory, dn, password, NULL);
}

static void server_good(void)
{
    sweep(true, 3);
    g_assert_cmpint(logs_in("ben@one.example", JOB_FIXTURE_SECRET), ==, ANSWER_YES);
    g_assert_cmpint(logs_in("cleo@one.example", JOB_FIXTURE_SECRET), ==, ANSWER_YES);
}

/* R2.17, R3.50: the old hashes come back. */
static void server_undone(void)
{
    sweep(false, 3);
    g_assert_cmpint(logs_in("ben@one.example", "old"), ==, ANSWER_YES);
    g_assert_cmpint(logs_in("ben@one.example", JOB_FIXTURE_SECRET), ==, ANSWER_NO);
}

static char *short_password(JobFixture *fixture)
{
    char *id = job_fixture_mail(
        fixture, JOB_FIXTURE_ADMIN, "allow", JOB_FIXTURE_PASSWORD "\r\nMode: atomic",
        JOB_FIXTURE_HEAD "one.example;anna;FULL;ADD;" JOB_FIXTURE_SECRET ";;;\n"
                         "one.example;ben;FULL;MODIFY;" JOB_FIXTURE_SECRET ";;;first\n"
                         "one.example;cleo;FULL;MODIFY;short;;;second\n"
                         "one.example;dora;FULL;ADD;short;;;\n"
                         "one.example;emil;FULL;ADD;" JOB_FIXTURE_SECRET ";;;\n");
    g_assert_cmpstr(job_state_name(job_fixture_step(fixture)), ==, "working");
    return id;
}

static void assert_passwords_refused(JobFixture *fixture, const char *id)
{
    g_autoptr(Job) job = job_fixture_job(fixture, id);
    g_assert_cmpint(job->phase, ==, PHASE_UNDONE);
    g_assert_cmpuint(job->counts[RESULT_UNCHANGED], ==, 3);
    g_assert_cmpuint(job->counts[RESULT_FAILED], ==, 2);
}

/* The directory refuses passwords: their rows, and then all others, are taken back. */
static void server_refused(void)
{
    bool killed = true;
    for (guint events = 0; killed; events += stride()) {
        g_autoptr(JobFixture) fixture = begin(500);
        g_autofree char *before = dump(true);
        g_autofree char *id = short_password(fixture);
        killed = work_and_die(fixture, events) || events == 0;
        job_fixture_run(fixture);
        g_autofree char *after = dump(true);
        assert_passwords_refused(fixture, id);
        g_assert_cmpstr(after, ==, before);
    }
}

/* Somebody sets another password before the row is taken back: theirs stays, and is told. */
static void set_theirs(void)
{
    g_autofree char *domain = profile_domain_dn(slapd->profile, "one.example");
    g_autofree char *dn = g_strconcat("mail=ben@one.example,", domain, NULL);
    g_autoptr(Directory) directory = directory_new(&slapd->settings, NULL);
    g_autoptr(GPtrArray) writes = g_ptr_array_new_with_free_func((GDestroyNotify)write_free);
    g_autoptr(Change) change = change_new(CHANGE_MODIFY, dn);
    change_mod(change, MOD_REPLACE, "userPassword", "theirs-of-ben");
    g_ptr_array_add(writes, write_new(change, NULL));
    g_assert_cmpint(__real_directory_apply(directory, writes, NULL), ==, ANSWER_YES);
}

static void server_theirs(void)
{
    g_autoptr(JobFixture) fixture = begin(500);
    g_autofree char *id = short_password(fixture);
    for (;;) {
        g_autoptr(Job) job = job_fixture_job(fixture, id);
        if (job->phase == PHASE_UNDO)
            break;
        job_fixture_step(fixture);
    }
    set_theirs();
    job_fixture_run(fixture);
    g_autoptr(Job) job = job_fixture_job(fixture, id);
    g_assert_cmpint(job->phase, ==, PHASE_UNDONE_LEFT);
    g_assert_cmpuint(job->counts[RESULT_FAILED], ==, 3);
    g_assert_cmpint(logs_in("ben@one.example", "theirs-of-ben"), ==, ANSWER_YES);
    g_autofree char *after = dump(true);
    g_assert_null(strstr(after, "first"));
    g_assert_null(strstr(after, "anna@"));
}

static void test_server(gconstpointer test)
{
    with_server((void (*)(void))test);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    secret_init();
    directory_init();
    curl_global_init(CURL_GLOBAL_DEFAULT);
    g_mime_init();
    slapd = job_fixture_slapd(NULL);
    g_test_add_func("/atomic/R2.17/good", test_good);
    g_test_add_func("/atomic/R2.17/undone", test_undone);
    g_test_add_func("/atomic/R2.17/undone-one-slice", test_undone_one_slice);
    g_test_add_func("/atomic/R2.17/killed-often", test_often);
    g_test_add_func("/atomic/R2.17/meddled", test_meddled);
    g_test_add_data_func("/atomic/R3.50/good", (gconstpointer)server_good, test_server);
    g_test_add_data_func("/atomic/R3.50/undone", (gconstpointer)server_undone, test_server);
    g_test_add_data_func("/atomic/R3.50/refused", (gconstpointer)server_refused, test_server);
    g_test_add_data_func("/atomic/R3.50/theirs", (gconstpointer)server_theirs, test_server);
    g_test_add_func("/atomic/domains", test_domains);
    g_test_add_func("/atomic/domains-again", test_domains_again);
    int status = g_test_run();
    slapd_fixture_free(slapd);
    return status;
}
