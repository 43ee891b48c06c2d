/* SPDX-License-Identifier: MIT */
#include "lib/job-fixture.h"
#include "lib/password.h"
#include "tests/operations.h"
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

/* --- the directory --- */

static void apply(SlapdFixture *slapd, GPtrArray *changes)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Directory) directory = directory_new(&slapd->settings, &error);
    g_autoptr(GPtrArray) writes = g_ptr_array_new_with_free_func((GDestroyNotify)write_free);
    g_assert_no_error(error);
    for (guint i = 0; i < changes->len; i++)
        g_ptr_array_add(writes, write_new(changes->pdata[i], NULL));
    g_assert_cmpint(directory_apply(directory, writes, &error), ==, ANSWER_YES);
    g_assert_no_error(error);
    for (guint i = 0; i < writes->len; i++)
        g_assert_cmpint(((Write *)writes->pdata[i])->state, ==, WRITE_DONE);
}

static void add_account(SlapdFixture *slapd, GPtrArray *changes, const char *address,
                        const char *clear)
{
    g_autoptr(Secret) hash = password_hash(clear, PASSWORD_SCHEME_SHA512);
    g_autofree char *text = g_strdup_printf("ADD FULL %s PASSWORD=%s", address, hash);
    g_autofree char *mailbox = g_uuid_string_random();
    g_autoptr(Operation) operation = test_operation(1, text);
    g_ptr_array_add(
        changes, profile_add(slapd->profile, operation, operation->password, mailbox, "before/1"));
}

SlapdFixture *job_fixture_slapd(const char *policy)
{
    static const char *const domains[] = {"one.example", "two.example", NULL};
    SlapdFixture *slapd =
        policy ? slapd_fixture_with_policy(domains, policy) : slapd_fixture_new(domains);
    g_autoptr(GPtrArray) changes = g_ptr_array_new_with_free_func((GDestroyNotify)change_free);
    add_account(slapd, changes, "admin@one.example", JOB_FIXTURE_PASSWORD);
    add_account(slapd, changes, "admin@two.example", JOB_FIXTURE_PASSWORD);
    apply(slapd, changes);
    return slapd;
}

static GPtrArray *find(const SlapdFixture *slapd, const char *filter)
{
    static const char *const attributes[] = {"mail", NULL};
    g_autoptr(GError) error = NULL;
    g_autoptr(Directory) directory = directory_new(&slapd->settings, &error);
    g_autoptr(GPtrArray) entries = NULL;
    directory_search(directory, slapd->base, DIRECTORY_SCOPE_SUB, filter, attributes, 5000,
                     &entries, &error);
    g_assert_no_error(error);
    return g_steal_pointer(&entries);
}

void job_fixture_reset(SlapdFixture *slapd)
{
    g_autoptr(GPtrArray) changes = g_ptr_array_new_with_free_func((GDestroyNotify)change_free);
    g_autoptr(GPtrArray) entries =
        find(slapd, "(&(mail=*)(!(mail=admin@one.example))(!(mail=admin@two.example)))");
    for (guint i = 0; i < entries->len; i++)
        g_ptr_array_add(changes, profile_delete(slapd->profile, entries->pdata[i]));
    add_account(slapd, changes, "ben@one.example", "old");
    add_account(slapd, changes, "cleo@one.example", "old");
    apply(slapd, changes);
}

unsigned job_fixture_entries(const JobFixture *fixture, const char *address)
{
    g_autofree char *filter = g_strdup_printf("(mail=%s)", address);
    g_autoptr(GPtrArray) entries = find(fixture->slapd, filter);
    return entries->len;
}

/* --- files --- */

static char *in_folder(const JobFixture *fixture, const char *name)
{
    return g_build_filename(fixture->folder, name, NULL);
}

static void write_file(const JobFixture *fixture, const char *name, const char *text, int mode)
{
    g_autofree char *path = in_folder(fixture, name);
    g_assert_true(g_file_set_contents(path, text, -1, NULL));
    g_assert_cmpint(g_chmod(path, mode), ==, 0);
}

static void remove_tree(const char *path)
{
    g_autoptr(GDir) folder = g_dir_open(path, 0, NULL);
    const char *name;
    while (folder && (name = g_dir_read_name(folder))) {
        g_autofree char *inner = g_build_filename(path, name, NULL);
        if (g_unlink(inner) != 0)
            remove_tree(inner);
    }
    g_rmdir(path);
}

static Config *make_config(const JobFixture *fixture)
{
    g_autofree char *parser = g_test_build_filename(G_TEST_BUILT, "batchload-parse", NULL);
    g_autofree char *path = in_folder(fixture, "batchload.conf");
    g_autofree char *text = g_strdup_printf(
        "profile = \"%s\"\nparser = \"%s\"\nbatch_addresses = { \"batch@service.example\" }\n"
        "submit = \"sendmail:%s/sendmail\"\nresponse_bytes_max = 1M\nrefusal_pause = 0\nlog = "
        "stderr\nworkers = 2\n"
        "spool {\n directory = \"%s/spool\"\n key_file = \"%s/key\"\n}\n"
        "directory {\n uri = \"%s\"\n base = \"%s\"\n bind_dn = \"%s\"\n"
        " bind_password_file = \"%s/password\"\n connect_seconds = 1\n answer_seconds = 5\n}\n",
        fixture->slapd->profile_path, parser, fixture->folder, fixture->folder, fixture->folder,
        fixture->slapd->uri, fixture->slapd->base, fixture->slapd->settings.bind_dn,
        fixture->folder);
    g_autoptr(GError) error = NULL;
    write_file(fixture, "password", fixture->slapd->root_password, 0600);
    write_file(fixture, "batchload.conf", text, 0600);
    Config *config = config_load(path, &error);
    g_assert_no_error(error);
#ifdef SETTLE_INSIDE
    config->directory.inside = true;
#endif
    return config;
}

/* --- the whole --- */

void job_fixture_open(JobFixture *fixture)
{
    g_autoptr(GError) error = NULL;
    fixture->spool = spool_open(&fixture->config->spool, &error);
    g_assert_no_error(error);
    fixture->hasher = hasher_new(2);
    fixture->worker =
        job_worker_new(fixture->config, fixture->spool, fixture->hasher, NULL, NULL, &error);
    g_assert_no_error(error);
}

void job_fixture_close(JobFixture *fixture)
{
    g_clear_pointer(&fixture->worker, job_worker_free);
    g_clear_pointer(&fixture->hasher, hasher_free);
    g_clear_pointer(&fixture->spool, spool_close);
}

JobFixture *job_fixture_new(SlapdFixture *slapd)
{
    g_autoptr(GError) error = NULL;
    JobFixture *fixture = g_new0(JobFixture, 1);
    fixture->slapd = slapd;
    fixture->folder = g_dir_make_tmp("bl-job-XXXXXX", NULL);
    g_assert_nonnull(fixture->folder);
    g_autofree char *box = in_folder(fixture, "box");
    g_autofree char *script =
        g_strdup_printf("#!/bin/sh\ncd '%s' || exit 75\ncode=$(cat code)\n"
                        "file=$(mktemp taken.XXXXXX)\ncat >\"$file\"\n"
                        "most=$(cat most)\n"
                        "if [ \"$(wc -c <\"$file\")\" -gt \"$most\" ]; then code=65; fi\n"
                        "if [ \"$code\" = 0 ]; then mv \"$file\" box; else rm \"$file\"; fi\n"
                        "exit \"$code\"\n",
                        fixture->folder);
    g_assert_cmpint(g_mkdir(box, 0700), ==, 0);
    write_file(fixture, "sendmail", script, 0700);
    job_fixture_mta(fixture, 0);
    job_fixture_mta_size(fixture, G_MAXINT);
    fixture->config = make_config(fixture);
    seal_key_create(fixture->config->spool.key_file, &error);
    g_assert_no_error(error);
    job_fixture_open(fixture);
    return fixture;
}

JobFixture *job_fixture_begin(SlapdFixture *slapd)
{
    job_fixture_reset(slapd);
    return job_fixture_new(slapd);
}

void job_fixture_free(JobFixture *fixture)
{
    if (!fixture)
        return;
    job_fixture_close(fixture);
    config_unref(fixture->config);
    remove_tree(fixture->folder);
    g_free(fixture->folder);
    g_free(fixture);
}

void job_fixture_mta(JobFixture *fixture, int code)
{
    g_autofree char *text = g_strdup_printf("%d\n", code);
    write_file(fixture, "code", text, 0600);
}

void job_fixture_mta_size(JobFixture *fixture, int bytes)
{
    g_autofree char *text = g_strdup_printf("%d\n", bytes);
    write_file(fixture, "most", text, 0600);
}

unsigned job_fixture_responses(const JobFixture *fixture)
{
    g_autofree char *box = in_folder(fixture, "box");
    g_autoptr(GDir) folder = g_dir_open(box, 0, NULL);
    unsigned count = 0;
    while (g_dir_read_name(folder))
        count++;
    return count;
}

char *job_fixture_response(const JobFixture *fixture, const char *id)
{
    g_autofree char *box = in_folder(fixture, "box");
    g_autofree char *line = id ? g_strdup_printf("<%s.batchload@", id) : g_strdup("");
    g_autoptr(GDir) folder = g_dir_open(box, 0, NULL);
    const char *name;
    while ((name = g_dir_read_name(folder)) != NULL) {
        g_autofree char *path = g_build_filename(box, name, NULL), *text = NULL;
        g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
        if (strstr(text, line))
            return g_steal_pointer(&text);
    }
    return NULL;
}

/* --- jobs --- */

static char *take(JobFixture *fixture, const char *requester, const char *grant,
                  const char *password, const char *csv, const char *client)
{
    g_autofree char *message_id = g_uuid_string_random();
    g_autofree char *id_header = g_strdup_printf("<%s@x>", message_id);
    JobFacts facts = {
        .requester = (char *)requester,
        .batch_address = (char *)"batch@service.example",
        .grant = (char *)grant,
        .own_key = true,
        .client = (char *)(client ? client : "192.0.2.1"),
        .login = (char *)(client ? "uid 4711" : NULL),
        .queue_id = (char *)"4Xyz",
        .message_id = id_header,
        .subject = (char *)"PROCESS",
    };
    g_autofree char *head = g_strdup_printf("From: %s\r\nSubject: PROCESS\r\nMIME-Version: 1.0\r\n"
                                            "Content-Type: multipart/mixed; boundary=b\r\n\r\n",
                                            requester);
    g_autoptr(GString) body = g_string_new(NULL);
    g_string_printf(body, "--b\r\n\r\nPassword: %s\r\nBatchload: ref-1\r\n", password);
    if (csv)
        g_string_append_printf(
            body, "--b\r\nContent-Type: text/csv; name=batchload.csv\r\n\r\n%s\r\n", csv);
    g_string_append(body, "--b--\r\n");
    g_autoptr(GError) error = NULL;
    g_autoptr(SpoolIntake) intake = spool_intake_new(fixture->spool, &facts, &error);
    char *id = NULL;
    g_assert_no_error(error);
    g_assert_true(spool_intake_header(intake, head, strlen(head), &error));
    g_assert_true(spool_intake_body(intake, body->str, body->len, &error));
    g_assert_cmpint(spool_intake_commit(intake, &facts, &id, &error), ==, ANSWER_YES);
    g_assert_no_error(error);
    return id;
}

char *job_fixture_mail(JobFixture *fixture, const char *requester, const char *grant,
                       const char *password, const char *csv)
{
    return take(fixture, requester, grant, password, csv, NULL);
}

char *job_fixture_door(JobFixture *fixture, const char *requester, const char *grant,
                       const char *password, const char *csv)
{
    return take(fixture, requester, grant, password, csv, SPOOL_CLIENT_DOOR);
}

char *job_fixture_panel(JobFixture *fixture, const char *requester, const char *grant,
                        const char *csv)
{
    return take(fixture, requester, grant, "none", csv, SPOOL_CLIENT_PANEL);
}

static bool step(JobFixture *fixture, JobState *state)
{
    g_autoptr(SpoolClaim) claim = NULL;
    g_autoptr(GError) error = NULL;
    gint64 due;
    Answer answer = spool_claim(fixture->spool, &claim, &due, &error);
    g_assert_no_error(error);
    if (answer != ANSWER_YES)
        return false;
    job_step(fixture->worker, claim);
    *state = spool_claim_job(claim)->state;
    return true;
}

JobState job_fixture_step(JobFixture *fixture)
{
    JobState state = JOB_STATE_COUNT;
    g_assert_true(step(fixture, &state));
    return state;
}

void job_fixture_run(JobFixture *fixture)
{
    JobState state;
    while (step(fixture, &state))
        ;
}

Job *job_fixture_job(JobFixture *fixture, const char *id)
{
    g_autoptr(GError) error = NULL;
    Job *job = NULL;
    g_assert_cmpint(spool_find(fixture->spool, id, &job, &error), ==, ANSWER_YES);
    g_assert_no_error(error);
    return job;
}

static void tell_change(gpointer data, const AuditLine *line)
{
    GPtrArray *lines = data;
    g_autofree char *all = g_variant_print(line->fields, FALSE);
    /* Of an account that goes: another one in each run. */
    g_auto(GStrv) parts =
        g_regex_split_simple(", \\('MAIL STORE', \\['[^']*'\\], \\[\\]\\)", all, 0, 0);
    g_autofree char *fields = g_strjoinv("", parts);
    g_assert_cmpint(line->number, >, 0);
    g_assert_cmpstr(line->proof, ==, "password");
    g_ptr_array_add(lines, g_strdup_printf("%06u %s %s %s %s %s\n", line->line, line->result,
                                           line->action, line->type, line->address, fields));
}

static gint compare_lines(gconstpointer a, gconstpointer b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

char *job_fixture_audit(JobFixture *fixture)
{
    g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func(g_free);
    const AuditFilter all = {0};
    g_autoptr(GError) error = NULL;
    gint64 after = 0;
    bool more = true;
    while (more)
        g_assert_true(
            spool_audit_list(fixture->spool, &all, 2, &after, &more, tell_change, lines, &error));
    g_ptr_array_sort(lines, compare_lines);
    g_ptr_array_add(lines, NULL);
    return g_strjoinv("", (char **)lines->pdata);
}

/* --- what a job comes to --- */

void job_fixture_assert_holds(const char *text, const char *words)
{
    if (!text || !strstr(text, words))
        g_error("\"%s\" is not in:\n%s", words, text ? text : "(nothing)");
}

void job_fixture_assert_waits(JobFixture *fixture, const char *id, JobState state,
                              const char *words)
{
    g_autoptr(Job) job = job_fixture_job(fixture, id);
    g_assert_cmpstr(job_state_name(job->state), ==, job_state_name(state));
    job_fixture_assert_holds(job->waiting, words);
    g_assert_cmpint(job->not_before, >, 0);
}

void job_fixture_assert_done(JobFixture *fixture, const char *id)
{
    g_autoptr(Job) job = job_fixture_job(fixture, id);
    g_assert_cmpstr(job_state_name(job->state), ==, "done");
    g_assert_cmpuint(job_fixture_responses(fixture), ==, 1);
}

void job_fixture_assert_rows(JobFixture *fixture, const char *id)
{
    static const unsigned expected[RESULT_COUNT] = {
        [RESULT_CREATED] = 3, [RESULT_CHANGED] = 1, [RESULT_DELETED] = 1, [RESULT_FAILED] = 1};
    g_autoptr(Job) job = job_fixture_job(fixture, id);
    for (unsigned i = 0; i < RESULT_COUNT; i++)
        g_assert_cmpuint(job->counts[i], ==, expected[i]);
    g_assert_cmpuint(job->rows, ==, 6);
    g_assert_cmpuint(job_fixture_entries(fixture, "anna@one.example"), ==, 1);
    g_assert_cmpuint(job_fixture_entries(fixture, "info@one.example"), ==, 1);
    g_assert_cmpuint(job_fixture_entries(fixture, "staff@one.example"), ==, 1);
    g_assert_cmpuint(job_fixture_entries(fixture, "cleo@one.example"), ==, 0);
    g_autofree char *mail = job_fixture_response(fixture, id);
    job_fixture_assert_holds(mail, "Subject: Batchload ref-1: processed, 1 of 6 rows failed\n");
    job_fixture_assert_holds(mail, "Line 5: ben@one.example\n");
    g_assert_null(strstr(mail, JOB_FIXTURE_SECRET));
    g_assert_null(strstr(mail, JOB_FIXTURE_PASSWORD));
}

/* --- time, and a process that dies --- */

void job_fixture_await(JobFixture *fixture, const char *id)
{
    g_autoptr(Job) job = job_fixture_job(fixture, id);
    while (g_get_real_time() < job->not_before)
        g_usleep(10000);
}

void job_fixture_put_off(JobFixture *fixture, const char *id, unsigned seconds)
{
    g_autoptr(SpoolClaim) claim = NULL;
    g_autoptr(GError) error = NULL;
    g_assert_cmpint(spool_claim_this(fixture->spool, id, 0, &claim, &error), ==, ANSWER_YES);
    g_assert_true(seconds ? spool_job_wait(claim, seconds, "a while", &error)
                          : spool_job_hurry(claim, &error));
}

bool job_fixture_dies(JobFixture *fixture)
{
    int status = 0;
    job_fixture_close(fixture);
    pid_t child = fork();
    g_assert_cmpint(child, >=, 0);
    if (child == 0) {
        job_fixture_open(fixture);
        /* Not further: other programs can't be started by a forked GLib. */
        while (job_fixture_step(fixture) != JOB_SENDING)
            ;
        _exit(EX_OK);
    }
    g_assert_cmpint(waitpid(child, &status, 0), ==, child);
    job_fixture_open(fixture);
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
        return true;
    g_assert_true(WIFEXITED(status) && WEXITSTATUS(status) == EX_OK);
    return false;
}
