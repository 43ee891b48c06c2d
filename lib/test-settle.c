/* SPDX-License-Identifier: MIT */
#include "lib/settle.h"
#include "tests/operations.h"
#include "tests/slapd-fixture.h"

#include <signal.h>
#include <string.h>

/* Each slice is carried out once without any fault, and then again and again with one: the
 * outcomes and the whole directory must be the same. */

static SlapdFixture *fixture;
static Directory *other; /* another writer, and the one who looks */

#define JOB "20261120-TESTED"
#define HERE(user) "mail=" user "@one.example,ou=one.example,ou=domains,dc=example,dc=org"
#define THERE(user) "mail=" user "@two.example,ou=two.example,ou=domains,dc=example,dc=org"

/* --- faults: every write of lib/settle passes here --- */

typedef enum {
    CUT_NONE,
    CUT_BEFORE, /* the next write is not sent */
    CUT_LOST,   /* the next write is sent and lost on its way */
    CUT_AFTER,  /* the last write is done, its answer lost */
    CUT_COUNT,
} Cut;

static struct {
    Cut cut;
    guint budget; /* writes until the cut */
    guint sent;   /* writes that reached the directory in this run */
    guint meddle_at;
    void (*meddle)(void); /* called once, before write number meddle_at */
} faults;

Answer __real_directory_apply(Directory *directory, GPtrArray *writes, GError **error);
Answer __wrap_directory_apply(Directory *directory, GPtrArray *writes, GError **error);

static Answer apply_some(Directory *directory, GPtrArray *writes, guint from, guint count,
                         GError **error)
{
    g_autoptr(GPtrArray) some = g_ptr_array_new();
    for (guint i = from; i < from + count; i++)
        g_ptr_array_add(some, writes->pdata[i]);
    faults.sent += count;
    return __real_directory_apply(directory, some, error);
}

static Answer cut_off(Directory *directory, GPtrArray *writes, guint from, GError **error)
{
    guint count = writes->len - from;
    if (faults.cut == CUT_NONE || count < faults.budget || (count == faults.budget && !count)) {
        faults.budget -= faults.cut == CUT_NONE ? 0 : count;
        return apply_some(directory, writes, from, count, error);
    }
    guint done = faults.budget;
    Answer answer = apply_some(directory, writes, from, done, error);
    for (guint i = from + done; i < writes->len; i++)
        ((Write *)writes->pdata[i])->state = WRITE_UNSENT;
    if (answer != ANSWER_YES)
        return answer;
    if (faults.cut == CUT_LOST && from + done < writes->len)
        ((Write *)writes->pdata[from + done])->state = WRITE_UNKNOWN;
    if (faults.cut == CUT_AFTER && from + done > 0)
        ((Write *)writes->pdata[from + done - 1])->state = WRITE_UNKNOWN;
    faults.cut = CUT_NONE;
    g_set_error_literal(error, DIRECTORY_ERROR, DIRECTORY_ERROR_AWAY, "cut off");
    return ANSWER_UNKNOWN;
}

Answer __wrap_directory_apply(Directory *directory, GPtrArray *writes, GError **error)
{
    guint from = 0;
    if (faults.meddle && faults.sent + writes->len > faults.meddle_at) {
        void (*meddle)(void) = faults.meddle;
        from = faults.meddle_at - faults.sent;
        faults.meddle = NULL;
        Answer answer = apply_some(directory, writes, 0, from, error);
        for (guint i = from; i < writes->len; i++)
            ((Write *)writes->pdata[i])->state = WRITE_UNSENT;
        if (answer != ANSWER_YES)
            return answer;
        meddle();
    }
    return cut_off(directory, writes, from, error);
}

/* --- the directory before and after --- */

static void apply_change(Change *change)
{
    g_autoptr(Change) owned = change;
    g_autoptr(GPtrArray) writes = g_ptr_array_new_with_free_func((GDestroyNotify)write_free);
    g_autoptr(GError) error = NULL;
    g_ptr_array_add(writes, write_new(owned, NULL));
    g_assert_cmpint(__real_directory_apply(other, writes, &error), ==, ANSWER_YES);
    g_assert_no_error(error);
    g_assert_cmpint(((Write *)writes->pdata[0])->state, ==, WRITE_DONE);
}

static GPtrArray *all_entries(void)
{
    static const char *const attributes[] = {"*", NULL};
    g_autoptr(GPtrArray) entries = NULL;
    g_autoptr(GError) error = NULL;
    g_autofree char *base = g_strdup_printf("ou=domains,%s", fixture->base);
    directory_search(other, base, DIRECTORY_SCOPE_SUB, "(mail=*)", attributes, 5000, &entries,
                     &error);
    g_assert_no_error(error);
    return g_steal_pointer(&entries);
}

static void add_operation(const char *text)
{
    g_autoptr(Operation) operation = test_operation(1, text);
    g_autofree char *mailbox = g_uuid_string_random();
    apply_change(
        profile_add(fixture->profile, operation, operation->password, mailbox, "before/1"));
}

static void reset(void)
{
    static const char *const before[] = {
        "ADD FULL anna@one.example PASSWORD={CRYPT}$6$x$y",
        "ADD FULL ben@one.example PASSWORD={CRYPT}$6$x$y",
        "ADD FULL dora@one.example PASSWORD={CRYPT}$6$x$y",
        "ADD FULL cleo@two.example PASSWORD={CRYPT}$6$x$y",
        "ADD FULL emma@two.example PASSWORD={CRYPT}$6$x$y",
        "ADD FORWARD info@one.example MAILFORWARD=anna@one.example",
        "ADD LIST staff@one.example LIST_MEMBER=anna@one.example,ben@one.example",
        ("ADD LIST all@two.example "
         "LIST_MEMBER=staff@one.example,anna@one.example,x@else.example"),
    };
    g_autoptr(GPtrArray) entries = all_entries();
    for (guint i = 0; i < entries->len; i++)
        apply_change(profile_delete(fixture->profile, entries->pdata[i]));
    for (guint i = 0; i < G_N_ELEMENTS(before); i++)
        add_operation(before[i]);
}

static gint compare_lines(gconstpointer a, gconstpointer b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Values that differ from run to run are named by the row that planned them. */
static const char *known(GHashTable *names, const char *value)
{
    const char *name = g_hash_table_lookup(names, value);
    return name ? name : value;
}

static char *dump(GHashTable *names)
{
    g_autoptr(GPtrArray) entries = all_entries();
    g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < entries->len; i++) {
        const Entry *entry = entries->pdata[i];
        GHashTableIter iter;
        gpointer name, values;
        g_hash_table_iter_init(&iter, entry->attributes);
        while (g_hash_table_iter_next(&iter, &name, &values)) {
            for (guint j = 0; j < ((GPtrArray *)values)->len; j++) {
                const char *value = ((GPtrArray *)values)->pdata[j];
                const char *shown = known(names, value);
                if (shown == value && g_str_equal(name, "batchloadmailboxid"))
                    shown = "mailbox of no row as first planned";
                if (shown == value && strlen(value) > 80 && g_str_has_prefix(value, "{CRYPT}"))
                    shown = "hash of no row as first planned";
                g_ptr_array_add(lines,
                                g_strdup_printf("%s %s: %s", entry->dn, (char *)name, shown));
            }
        }
    }
    g_ptr_array_sort(lines, compare_lines);
    g_ptr_array_add(lines, NULL);
    return g_strjoinv("\n", (char **)lines->pdata);
}

/* --- a run --- */

typedef struct {
    Directory *directory;
    Address *requester;
    Grant *grant;
    PlanContext context;
    GPtrArray *operations;
    GVariant *stored;  /* the intent as committed last */
    GHashTable *names; /* value → which row's it is */
    guint commits;
    guint attempts;
    char *outcomes;
    char *directory_after;
} Run;

static void run_clear(Run *run)
{
    directory_free(run->directory);
    address_free(run->requester);
    grant_free(run->grant);
    g_clear_pointer(&run->operations, g_ptr_array_unref);
    g_clear_pointer(&run->stored, g_variant_unref);
    g_clear_pointer(&run->names, g_hash_table_unref);
    g_free(run->outcomes);
    g_free(run->directory_after);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Run, run_clear)

static bool commit(gpointer data, GPtrArray *rows, GError **error)
{
    Run *run = data;
    (void)error;
    run->commits++;
    g_clear_pointer(&run->stored, g_variant_unref);
    run->stored = g_variant_ref_sink(planned_rows_to_variant(rows));
    return true;
}

static void remember(Run *run, GPtrArray *rows)
{
    run->names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    for (guint i = 0; i < rows->len; i++) {
        const PlannedRow *row = rows->pdata[i];
        if (row->hash)
            g_hash_table_insert(run->names, g_strdup(row->hash),
                                g_strdup_printf("hash of row %u", row->line));
        if (!row->writes->len)
            continue;
        const PlannedWrite *write = row->writes->pdata[0];
        g_autoptr(Entry) made =
            write->change->kind == CHANGE_ADD ? change_effect(write->change, NULL) : NULL;
        if (made && entry_value(made, "batchloadMailboxId"))
            g_hash_table_insert(run->names, g_strdup(entry_value(made, "batchloadMailboxId")),
                                g_strdup_printf("mailbox of row %u", row->line));
    }
}

/* Plans the slice, whose first row stands at a line, and commits the intent. */
static void run_start_at(Run *run, const char *const *texts, unsigned line)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) rows = g_ptr_array_new_with_free_func((GDestroyNotify)planned_row_free);
    run->directory = directory_new(&fixture->settings, &error);
    g_assert_no_error(error);
    run->requester = address_parse("admin@one.example", NULL, NULL);
    run->grant = grant_parse("allow domains=one.example,two.example", run->requester, &error);
    g_assert_no_error(error);
    run->context = (PlanContext){
        .job = JOB,
        .requester = run->requester,
        .grant = run->grant,
        .profile = fixture->profile,
        .directory = run->directory,
        .list_members_max = 1000,
    };
    run->operations = test_operations(texts);
    for (guint i = 0; i < run->operations->len; i++)
        ((Operation *)run->operations->pdata[i])->line = line + i;
    g_autoptr(Plan) plan = plan_new(&run->context);
    g_assert_cmpint(plan_prefetch(plan, run->operations, &error), ==, ANSWER_YES);
    for (guint i = 0; i < run->operations->len; i++) {
        PlannedRow *row = NULL;
        g_assert_cmpint(plan_row(plan, run->operations->pdata[i], &row, &error), ==, ANSWER_YES);
        g_assert_no_error(error);
        g_ptr_array_add(rows, row);
    }
    remember(run, rows);
    commit(run, rows, NULL);
    run->commits = 0;
}

static void run_start(Run *run, const char *const *texts)
{
    run_start_at(run, texts, 2);
}

/* One attempt from the committed intent, as after a crash. */
static Answer run_settle(Run *run, GError **error)
{
    g_autoptr(GPtrArray) rows = planned_rows_from_variant(run->stored);
    Settle settle = {
        .context = &run->context,
        .operations = run->operations,
        .commit = commit,
        .data = run,
        .again = run->attempts++ > 0,
    };
    Answer answer = settle_rows(&settle, rows, error);
    if (answer != ANSWER_YES)
        return answer;
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < rows->len; i++) {
        const PlannedRow *row = rows->pdata[i];
        g_assert_cmpuint(row->writes->len, ==, 0);
        g_string_append_printf(text, "%u %s%s%s\n", row->line, result_name(row->outcome->result),
                               row->outcome->reason ? " " : "",
                               row->outcome->reason ? row->outcome->reason : "");
    }
    g_free(run->outcomes);
    run->outcomes = g_string_free(text, FALSE);
    return answer;
}

static Answer run_attempt(Run *run, GError **error)
{
    Answer answer = run_settle(run, error);
    if (answer == ANSWER_YES) {
        g_free(run->directory_after);
        run->directory_after = dump(run->names);
    }
    return answer;
}

static void run_whole(Run *run)
{
    g_autoptr(GError) error = NULL;
    Answer answer = run_attempt(run, &error);
    g_assert_no_error(error);
    g_assert_cmpint(answer, ==, ANSWER_YES);
}

/* Ends the test at the first line that differs. */
static void assert_same_lines(const char *found, const char *wanted)
{
    g_auto(GStrv) left = g_strsplit(found, "\n", -1);
    g_auto(GStrv) right = g_strsplit(wanted, "\n", -1);
    for (guint i = 0; left[i] && right[i]; i++)
        g_assert_cmpstr(left[i], ==, right[i]);
    g_assert_cmpuint(g_strv_length(left), ==, g_strv_length(right));
}

static void assert_same(const Run *run, const Run *model)
{
    assert_same_lines(run->outcomes, model->outcomes);
    assert_same_lines(run->directory_after, model->directory_after);
}

/* --- the mixed slice --- */

static const struct {
    const char *row;
    const char *expected;
} mixed[] = {
    {"ADD FULL u1@one.example PASSWORD=one", "created"},
    {"MODIFY FULL u1@one.example TITLE=Dr", "changed"},
    {"ADD LIST staff@one.example LIST_MEMBER=u1@one.example", "changed"},
    {"DELETE FULL u1@one.example", "deleted"},
    {"ADD FULL u1@one.example PASSWORD=two", "created"},
    {"ADD FULL anna@one.example PASSWORD=s", "failed"},
    {"MODIFY FULL anna@one.example PASSWORD=new TITLE=Prof", "changed"},
    {"DELETE FULL ben@one.example", "deleted"},
    {"ADD LIST all@two.example LIST_MEMBER=cleo@two.example,u1@one.example", "changed"},
    {"ADD LIST all@two.example LIST_MEMBER=u1@one.example", "unchanged"},
    {"DELETE LIST all@two.example LIST_MEMBER=x@else.example", "changed"},
    {"ADD FORWARD f1@one.example MAILFORWARD=u1@one.example", "created"},
    {"MODIFY FORWARD info@one.example MAILFORWARD=f1@one.example,y@else.example", "changed"},
    {"DELETE FORWARD info@one.example", "deleted"},
    {"DELETE FORWARD info@one.example", "failed"},
    {"ADD LIST new@two.example LIST_MEMBER=anna@one.example,f1@one.example", "created"},
    {"ADD LIST new@two.example LIST_MEMBER=cleo@two.example", "changed"},
    {"MODIFY LIST new@two.example DESCRIPTION=New", "changed"},
    {"DELETE LIST new@two.example LIST_MEMBER=cleo@two.example", "changed"},
    {"DELETE LIST new@two.example", "deleted"},
    {"ADD FULL new@two.example PASSWORD=s", "created"},
    {"DELETE FULL anna@one.example", "deleted"},
    {"ADD FULL anna@one.example PASSWORD=again", "created"},
    {"MODIFY FULL dora@one.example PASSWORD=x", "changed"},
    {"DELETE FULL dora@one.example", "deleted"},
    {"ADD FORWARD dora@one.example MAILFORWARD=anna@one.example", "created"},
    {"DELETE FORWARD dora@one.example", "deleted"},
    {"ADD LIST staff@one.example LIST_MEMBER=dora@one.example", "failed"},
    /* The directory refuses the country; what relied on the row is planned anew. */
    {"ADD FULL bad@one.example PASSWORD=s COUNTRYNAME=Germany", "failed"},
    {"ADD LIST staff@one.example LIST_MEMBER=bad@one.example", "failed"},
    {"ADD FULL bad@one.example PASSWORD=s COUNTRYNAME=DE", "created"},
    {"MODIFY FULL bad@one.example TITLE=Dr", "changed"},
    {"ADD LIST staff@one.example LIST_MEMBER=bad@one.example", "changed"},
    {"MODIFY FULL bad@one.example COUNTRYNAME=Germany", "failed"},
    {"DELETE LIST staff@one.example", "deleted"},
    {"ADD LIST staff@one.example LIST_MEMBER=u1@one.example", "created"},
    {"DELETE FULL cleo@two.example", "deleted"},
    {"ADD FULL b1@one.example PASSWORD={CRYPT}$6$x$y", "created"},
    {"ADD FULL b2@one.example PASSWORD={CRYPT}$6$x$y", "created"},
    {"ADD FULL b3@one.example PASSWORD={CRYPT}$6$x$y", "created"},
    {"ADD FULL b4@one.example PASSWORD={CRYPT}$6$x$y", "created"},
    {"MODIFY FULL b1@one.example GIVENNAME=Bea", "changed"},
    {"MODIFY FULL emma@two.example PASSWORD=kept TITLE=Dr", "changed"},
    {"ADD LIST staff@one.example LIST_MEMBER=b1@one.example,b2@one.example", "changed"},
};
#define MIXED G_N_ELEMENTS(mixed)

static const char *const *mixed_rows(void)
{
    static const char *rows[MIXED + 1];
    for (guint i = 0; i < MIXED; i++)
        rows[i] = mixed[i].row;
    return rows;
}

/* A run of a slice without a cut; faults may have been set before. Writes needed: faults.sent. */
static void model_run(Run *run, const char *const *texts)
{
    reset();
    faults.sent = 0;
    run_start(run, texts);
    run_whole(run);
}

static void test_uninterrupted(void)
{
    g_auto(Run) run = {0};
    model_run(&run, mixed_rows());
    g_auto(GStrv) lines = g_strsplit(run.outcomes, "\n", -1);
    for (guint i = 0; i < MIXED; i++) {
        g_auto(GStrv) words = g_strsplit(lines[i], " ", 3);
        g_test_message("%s: %s", mixed[i].row, lines[i]);
        g_assert_cmpstr(words[1], ==, mixed[i].expected);
    }
    g_assert_nonnull(strstr(run.outcomes, "There is no address bad@one.example"));
    g_assert_nonnull(
        strstr(run.directory_after, HERE("u1") " batchloadmailboxid: mailbox of row 6"));
    g_assert_nonnull(strstr(run.directory_after, HERE("u1") " userpassword: hash of row 6"));
    g_assert_nonnull(strstr(run.directory_after, HERE("anna") " userpassword: hash of row 24"));
    g_assert_nonnull(strstr(run.directory_after, THERE("emma") " userpassword: hash of row 44"));
    g_assert_null(strstr(run.directory_after, "ben@one.example"));
}

/* Settling what is done all through does nothing, and tells the same. */
static void test_settle_all_done(void)
{
    g_auto(Run) run = {0};
    model_run(&run, mixed_rows());
    g_autofree char *outcomes = g_strdup(run.outcomes);
    g_autofree char *after = g_strdup(run.directory_after);
    run_whole(&run);
    assert_same_lines(run.outcomes, outcomes);
    assert_same_lines(run.directory_after, after);
}

/* Cuts a slice off after each number of writes, in each way; only each step-th, where it is not
 * to be thorough (-m thorough). */
static void sweep(const char *const *texts, void (*meddle)(void), guint second, guint step)
{
    g_auto(Run) model = {0};
    faults.meddle = meddle;
    faults.meddle_at = 0;
    model_run(&model, texts);
    guint writes = faults.sent;
    for (Cut cut = CUT_BEFORE; cut < CUT_COUNT; cut++)
        for (guint budget = 0; budget <= writes; budget += g_test_thorough() ? 1 : step) {
            g_auto(Run) run = {0};
            g_autoptr(GError) error = NULL;
            reset();
            run_start(&run, texts);
            faults.sent = 0;
            faults.meddle = meddle;
            faults.cut = cut;
            faults.budget = budget;
            for (guint crashes = 0; run_attempt(&run, &error) != ANSWER_YES; crashes++) {
                g_assert_error(error, DIRECTORY_ERROR, DIRECTORY_ERROR_AWAY);
                g_clear_error(&error);
                g_assert_cmpuint(crashes, <, 100);
                faults.cut = second ? cut : CUT_NONE;
                faults.budget = second;
            }
            faults.cut = CUT_NONE;
            g_test_message("cut %d after %u of %u writes: %u attempts, %u commits", cut, budget,
                           writes, run.attempts, run.commits);
            assert_same(&run, &model);
        }
}

static void test_sweep(void)
{
    sweep(mixed_rows(), NULL, 0, 1);
}

/* Crashes again and again, a few writes further each time. */
static void test_sweep_repeatedly(void)
{
    sweep(mixed_rows(), NULL, 7, 3);
}

/* Writes in flight are done in any order that one connection allows. */
static bool may_go(GPtrArray *rows, guint at, guint number, GArray *done)
{
    const PlannedRow *row = rows->pdata[at];
    const PlannedWrite *own = row->writes->pdata[number];
    guint from = 0;
    for (guint i = 0; i <= at; i++) {
        const PlannedRow *one = rows->pdata[i];
        bool needed = i == at;
        for (guint k = 0; k < row->needs->len; k++)
            needed |= g_array_index(row->needs, unsigned, k) == one->line;
        for (guint j = 0; j < one->writes->len && (i < at || j < number); j++) {
            const PlannedWrite *write = one->writes->pdata[j];
            if ((needed || g_str_equal(write->change->dn, own->change->dn)) &&
                !g_array_index(done, gboolean, from + j))
                return false;
        }
        from += one->writes->len;
    }
    return true;
}

static void apply_at_random(GPtrArray *rows)
{
    g_autoptr(GArray) done = g_array_new(FALSE, TRUE, sizeof(gboolean));
    guint index = 0;
    g_array_set_size(done, 1000);
    for (guint i = 0; i < rows->len; i++) {
        const PlannedRow *row = rows->pdata[i];
        for (guint j = 0; j < row->writes->len; j++, index++) {
            const PlannedWrite *write = row->writes->pdata[j];
            g_autoptr(GPtrArray) one = g_ptr_array_new_with_free_func((GDestroyNotify)write_free);
            if (!may_go(rows, i, j, done) || g_test_rand_int_range(0, 4) == 0)
                continue;
            g_ptr_array_add(one, write_new(write->change, NULL));
            g_assert_cmpint(__real_directory_apply(other, one, NULL), ==, ANSWER_YES);
            g_array_index(done, gboolean, index) = ((Write *)one->pdata[0])->state == WRITE_DONE;
        }
    }
}

static void test_any_subset(void)
{
    g_auto(Run) model = {0};
    model_run(&model, mixed_rows());
    for (guint round = 0; round < 40; round++) {
        g_auto(Run) run = {0};
        reset();
        run_start(&run, mixed_rows());
        g_autoptr(GPtrArray) rows = planned_rows_from_variant(run.stored);
        apply_at_random(rows);
        run.attempts = 1;
        run_whole(&run);
        assert_same(&run, &model);
    }
}

/* --- slices of any rows, cut off anywhere --- */

static char *without_what_differs(const char *text)
{
    g_autoptr(GRegex) regex =
        g_regex_new("^.* (description|batchloadmailboxid): .*\n", G_REGEX_MULTILINE, 0, NULL);
    return g_regex_replace(regex, text, -1, 0, "", 0, NULL);
}

static char *random_row(void)
{
    static const char *const users[] = {"anna@one.example", "ben@one.example",   "u1@one.example",
                                        "info@one.example", "staff@one.example", "all@two.example",
                                        "new@two.example"};
    static const char *const rows[] = {
        "ADD FULL %s PASSWORD={CRYPT}$6$x$y",
        "ADD FULL %s PASSWORD={CRYPT}$6$x$y COUNTRYNAME=Germany",
        "MODIFY FULL %s TITLE=T%s",
        "MODIFY FULL %s COUNTRYNAME=Germany",
        "DELETE FULL %s",
        "DELETE FULL %s",
        "ADD FORWARD %s MAILFORWARD=%s",
        "MODIFY FORWARD %s MAILFORWARD=%s",
        "DELETE FORWARD %s",
        "ADD LIST %s LIST_MEMBER=%s",
        "ADD LIST %s LIST_MEMBER=%s",
        "DELETE LIST %s LIST_MEMBER=%s",
        "DELETE LIST %s",
    };
    const char *row = rows[g_test_rand_int_range(0, G_N_ELEMENTS(rows))];
    const char *own = users[g_test_rand_int_range(0, G_N_ELEMENTS(users))];
    const char *named = users[g_test_rand_int_range(0, G_N_ELEMENTS(users))];
    g_auto(GStrv) parts = g_strsplit(row, "%s", -1);
    return g_strconcat(parts[0], own, parts[1], parts[2] ? named : NULL, NULL);
}

/* What a slice does is what its rows do one by one, each planned when the one before is done. */
static void assert_as_one_by_one(const Run *model, char **texts)
{
    g_autoptr(GString) outcomes = g_string_new(NULL);
    g_autofree char *last = NULL;
    reset();
    for (guint i = 0; texts[i]; i++) {
        const char *const row[] = {texts[i], NULL};
        g_auto(Run) run = {0};
        run_start_at(&run, row, i + 2);
        run_whole(&run);
        g_string_append(outcomes, run.outcomes);
        g_free(last);
        last = without_what_differs(run.directory_after);
    }
    g_autofree char *wanted = without_what_differs(model->directory_after);
    assert_same_lines(outcomes->str, model->outcomes);
    assert_same_lines(last, wanted);
}

static void test_random_slices(void)
{
    for (guint round = 0; round < (g_test_thorough() ? 2000 : 60); round++) {
        g_autoptr(GPtrArray) texts = g_ptr_array_new_with_free_func(g_free);
        g_auto(Run) model = {0};
        g_auto(Run) run = {0};
        g_autoptr(GError) error = NULL;
        guint count = (guint)g_test_rand_int_range(5, 40);
        for (guint i = 0; i < count; i++)
            g_ptr_array_add(texts, random_row());
        g_ptr_array_add(texts, NULL);
        model_run(&model, (const char *const *)texts->pdata);
        gint32 writes = (gint32)faults.sent + 1;
        reset();
        run_start(&run, (const char *const *)texts->pdata);
        do {
            g_clear_error(&error);
            faults.cut = run.attempts < 6 ? (Cut)g_test_rand_int_range(0, CUT_COUNT) : CUT_NONE;
            faults.budget = (guint)g_test_rand_int_range(0, writes);
        } while (run_attempt(&run, &error) != ANSWER_YES);
        faults.cut = CUT_NONE;
        for (guint i = 0; i < count; i++)
            g_test_message("%u %s", i + 2, (char *)texts->pdata[i]);
        g_test_message("%s", model.outcomes);
        assert_same(&run, &model);
        assert_as_one_by_one(&model, (char **)texts->pdata);
    }
}

/* --- another writer --- */

static void replace_value(const char *dn, const char *attribute, const char *value)
{
    Change *change = change_new(CHANGE_MODIFY, dn);
    change_mod(change, MOD_REPLACE, attribute, value);
    apply_change(change);
}

static void meddle_edit(void)
{
    replace_value(HERE("anna"), "description", "by hand");
    replace_value(HERE("dora"), "title", "by hand");
    replace_value(HERE("staff"), "description", "by hand");
}

static void meddle_delete(void)
{
    apply_change(change_new(CHANGE_DELETE, HERE("anna")));
    apply_change(change_new(CHANGE_DELETE, THERE("all")));
}

static void meddle_add(void)
{
    add_operation("ADD FULL u1@one.example PASSWORD={CRYPT}$6$h$h TITLE=hand");
    add_operation("ADD FORWARD b2@one.example MAILFORWARD=z@else.example");
    add_operation("ADD LIST new@two.example LIST_MEMBER=z@else.example");
}

static void meddle_member(void)
{
    Change *change = change_new(CHANGE_MODIFY, THERE("all"));
    change_mod(change, MOD_ADD, "batchloadMember", "cleo@two.example");
    change_mod(change, MOD_DELETE, "batchloadMember", "x@else.example");
    apply_change(change);
}

/* Somebody edits every entry there is between the crash and the settling: what is done stays done,
 * what is not is planned anew, with the same outcomes and the same hashes. */
static void edit_all(void)
{
    g_autoptr(GPtrArray) entries = all_entries();
    for (guint i = 0; i < entries->len; i++)
        replace_value(((Entry *)entries->pdata[i])->dn, "description", "by hand");
}

static void test_edited_before_settling(void)
{
    g_auto(Run) model = {0};
    model_run(&model, mixed_rows());
    guint writes = faults.sent;
    g_autofree char *wanted = without_what_differs(model.directory_after);
    for (guint budget = 0; budget < writes; budget++) {
        g_auto(Run) run = {0};
        g_autoptr(GError) error = NULL;
        reset();
        run_start(&run, mixed_rows());
        faults.cut = budget % 2 ? CUT_AFTER : CUT_LOST;
        faults.budget = budget;
        g_assert_cmpint(run_attempt(&run, &error), ==, ANSWER_UNKNOWN);
        edit_all();
        run_whole(&run);
        g_autofree char *found = without_what_differs(run.directory_after);
        assert_same_lines(run.outcomes, model.outcomes);
        assert_same_lines(found, wanted);
    }
}

/* The same while a first attempt is under way, before each of its writes. */
static void test_edited_at_any_point(void)
{
    g_auto(Run) model = {0};
    model_run(&model, mixed_rows());
    guint writes = faults.sent;
    g_autofree char *wanted = without_what_differs(model.directory_after);
    for (guint at = 0; at < writes; at++) {
        g_auto(Run) run = {0};
        reset();
        run_start(&run, mixed_rows());
        faults.sent = 0;
        faults.meddle = edit_all;
        faults.meddle_at = at;
        run_whole(&run);
        faults.meddle = NULL;
        g_autofree char *found = without_what_differs(run.directory_after);
        assert_same_lines(run.outcomes, model.outcomes);
        assert_same_lines(found, wanted);
    }
}

/* The account is deleted, the answer lost, and its list made anew by somebody with it on. */
static void test_list_made_anew(void)
{
    static const char *const rows[] = {"DELETE FULL anna@one.example", NULL};
    g_auto(Run) run = {0};
    g_autoptr(GError) error = NULL;
    reset();
    run_start(&run, rows);
    faults.cut = CUT_AFTER;
    faults.budget = 3;
    g_assert_cmpint(run_attempt(&run, &error), ==, ANSWER_UNKNOWN);
    apply_change(change_new(CHANGE_DELETE, THERE("all")));
    apply_change(change_new(CHANGE_DELETE, HERE("staff")));
    add_operation("ADD LIST staff@one.example LIST_MEMBER=anna@one.example,ben@one.example");
    run_whole(&run);
    g_assert_cmpstr(run.outcomes, ==, "2 deleted\n");
    g_assert_null(strstr(run.directory_after, "batchloadmember: anna@one"));
    g_assert_nonnull(strstr(run.directory_after, HERE("staff") " batchloadmember: ben@one"));
}

static void test_other_writer(gconstpointer data)
{
    void (*meddle)(void) = (void (*)(void))data;
    sweep(mixed_rows(), meddle, 0, 3);
}

typedef struct {
    const char *name;
    void (*meddle)(void);
    const char *rows[8];
    const char *outcomes; /* as many lines as rows */
    const char *holds;    /* a line of the directory afterwards, or NULL */
} Case;

static const Case cases[] = {
    {"edited-between-is-planned-anew",
     meddle_edit,
     {"MODIFY FULL anna@one.example TITLE=Dr"},
     "2 changed\n",
     HERE("anna") " description: by hand"},
    {"made-between-is-taken",
     meddle_add,
     {"ADD FULL u1@one.example PASSWORD=s", "MODIFY FULL u1@one.example TITLE=Dr"},
     "2 failed The address u1@one.example is taken: there is a mailbox with it already.\n"
     "3 changed\n",
     HERE("u1") " userpassword: {CRYPT}$6$h$h"},
    {"list-made-between-gets-the-members",
     meddle_add,
     {"ADD LIST new@two.example LIST_MEMBER=anna@one.example"},
     "2 changed\n",
     THERE("new") " batchloadmember: z@else.example"},
    {"deleted-between-is-not-there",
     meddle_delete,
     {"MODIFY FULL anna@one.example TITLE=Dr"},
     "2 failed There is no mailbox with the address anna@one.example.\n",
     NULL},
    {"deleted-between-delete-is-done",
     meddle_delete,
     {"DELETE LIST all@two.example"},
     "2 deleted\n",
     NULL},
    {"list-deleted-between",
     meddle_delete,
     {"DELETE FULL anna@one.example"},
     "2 deleted\n",
     HERE("staff") " batchloadmember: ben@one.example"},
    {"member-put-between",
     meddle_member,
     {"ADD LIST all@two.example LIST_MEMBER=cleo@two.example,ben@one.example",
      "DELETE LIST all@two.example LIST_MEMBER=x@else.example",
      "ADD LIST all@two.example LIST_MEMBER=dora@one.example"},
     "2 changed\n3 unchanged None of these members is on the list.\n4 changed\n",
     THERE("all") " batchloadmember: dora@one.example"},
};

static void test_meddle(gconstpointer data)
{
    const Case *one = data;
    g_auto(Run) run = {0};
    faults.meddle = one->meddle;
    faults.meddle_at = 0;
    model_run(&run, one->rows);
    g_assert_cmpstr(run.outcomes, ==, one->outcomes);
    if (one->holds)
        g_assert_nonnull(strstr(run.directory_after, one->holds));
    sweep(one->rows, one->meddle, 0, 1);
}

/* Somebody writes the entry again each time before we do. */
static void meddle_again(void)
{
    g_autofree char *title = g_strdup_printf("by hand %u", faults.sent);
    replace_value(HERE("anna"), "title", title);
    faults.meddle = meddle_again;
    faults.meddle_at = faults.sent + 1;
}

static void test_chased(void)
{
    static const char *const rows[] = {"MODIFY FULL anna@one.example DESCRIPTION=ours", NULL};
    g_auto(Run) run = {0};
    reset();
    run_start(&run, rows);
    faults.sent = 0;
    faults.meddle = meddle_again;
    faults.meddle_at = 0;
    run_whole(&run);
    faults.meddle = NULL;
    g_assert_cmpstr(run.outcomes, ==,
                    "2 failed This address was changed by somebody else meanwhile.\n");
    g_assert_cmpuint(run.commits, ==, SETTLE_REPLANS_MAX + 1);
    g_assert_null(strstr(run.directory_after, "ours"));
}

/* A new plan that could not be committed is not sent. */
static bool commit_fails(gpointer data, GPtrArray *rows, GError **error)
{
    (void)data;
    (void)rows;
    g_set_error_literal(error, DIRECTORY_ERROR, DIRECTORY_ERROR_AWAY, "the disk is full");
    return false;
}

static void test_uncommitted_is_not_sent(void)
{
    static const char *const texts[] = {"MODIFY FULL anna@one.example DESCRIPTION=ours", NULL};
    g_auto(Run) run = {0};
    g_autoptr(GError) error = NULL;
    reset();
    run_start(&run, texts);
    meddle_edit();
    g_autofree char *before = dump(run.names);
    g_autoptr(GPtrArray) rows = planned_rows_from_variant(run.stored);
    Settle settle = {&run.context, run.operations, commit_fails, NULL, false};
    g_assert_cmpint(settle_rows(&settle, rows, &error), ==, ANSWER_UNKNOWN);
    g_assert_nonnull(error);
    g_autofree char *after = dump(run.names);
    assert_same_lines(after, before);
}

/* --- the server dies, or is silent --- */

static void meddle_kill(void)
{
    slapd_fixture_kill(fixture);
}

static void test_killed(void)
{
    g_auto(Run) model = {0};
    model_run(&model, mixed_rows());
    guint writes = faults.sent;
    for (guint at = 0; at < writes; at += 3) {
        g_auto(Run) run = {0};
        g_autoptr(GError) error = NULL;
        reset();
        run_start(&run, mixed_rows());
        faults.sent = 0;
        faults.meddle = meddle_kill;
        faults.meddle_at = at;
        g_assert_cmpint(run_attempt(&run, &error), ==, ANSWER_UNKNOWN);
        g_assert_nonnull(error);
        g_clear_error(&error);
        g_assert_cmpint(run_attempt(&run, &error), ==, ANSWER_UNKNOWN);
        slapd_fixture_restart(fixture);
        run_whole(&run);
        assert_same(&run, &model);
    }
}

/* Many writes in flight when the server is killed: what is answered stays, the rest is found
 * out. */
#define MANY 300
static const char *const *many_rows(void)
{
    static char *rows[MANY + 1];
    for (guint i = 0; i < MANY && !rows[MANY - 1]; i++)
        rows[i] = i % 3 == 0 ? g_strdup_printf("ADD FULL m%u@one.example PASSWORD={CRYPT}$6$x$y", i)
                  : i % 3 == 1
                      ? g_strdup_printf("MODIFY FULL m%u@one.example TITLE=T%u", i - 1, i)
                      : g_strdup_printf(i % 2 ? "DELETE FULL m%u@one.example"
                                              : "ADD FULL m%u@one.example PASSWORD={CRYPT}$6$x$z",
                                        i - 2);
    return (const char *const *)rows;
}

static gpointer kill_later(gpointer data)
{
    g_usleep(GPOINTER_TO_UINT(data));
    kill(fixture->pid, SIGKILL);
    return NULL;
}

static void test_killed_in_flight(void)
{
    g_auto(Run) model = {0};
    model_run(&model, many_rows());
    for (guint round = 0; round < 12; round++) {
        g_auto(Run) run = {0};
        g_autoptr(GError) error = NULL;
        reset();
        run_start(&run, many_rows());
        faults.sent = 0;
        /* Not to wait for anything: the fault comes at some moment of the writing. */
        GThread *killer = g_thread_new("killer", kill_later, GUINT_TO_POINTER(2000 + round * 4000));
        /* The kill may come after the last write: nothing else may ask the server before it. */
        Answer answer = run_settle(&run, &error);
        g_thread_join(killer);
        g_test_message("round %u: %s", round, answer == ANSWER_YES ? "was done" : error->message);
        slapd_fixture_kill(fixture);
        slapd_fixture_restart(fixture);
        run_whole(&run);
        assert_same(&run, &model);
    }
}

static void meddle_stop(void)
{
    kill(fixture->pid, SIGSTOP);
}

/* The server says nothing for longer than we wait, and goes on with what it was sent. */
static void test_silent(void)
{
    unsigned seconds = fixture->settings.answer_seconds;
    g_auto(Run) model = {0};
    model_run(&model, mixed_rows());
    static const guint at[] = {0, 5, 30};
    for (guint i = 0; i < G_N_ELEMENTS(at); i++) {
        g_auto(Run) run = {0};
        g_autoptr(GError) error = NULL;
        reset();
        fixture->settings.answer_seconds = 1;
        run_start(&run, mixed_rows());
        faults.sent = 0;
        faults.meddle = meddle_stop;
        faults.meddle_at = at[i];
        Answer answer = run_attempt(&run, &error);
        kill(fixture->pid, SIGCONT);
        fixture->settings.answer_seconds = seconds;
        g_assert_cmpint(answer, ==, ANSWER_UNKNOWN);
        run_whole(&run);
        assert_same(&run, &model);
    }
}

/* --- rows that rely on one another --- */

/* 40 rows on one list, and as many on one address that is refused each time. */
static void test_many_on_one(void)
{
    g_autoptr(GPtrArray) texts = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < 40; i++) {
        g_ptr_array_add(
            texts, g_strdup_printf("ADD LIST staff@one.example LIST_MEMBER=e%u@else.example", i));
        g_ptr_array_add(texts, g_strdup("ADD FULL bad@one.example PASSWORD={CRYPT}$6$x$y "
                                        "COUNTRYNAME=Germany"));
    }
    g_ptr_array_add(texts, NULL);
    g_auto(Run) run = {0};
    model_run(&run, (const char *const *)texts->pdata);
    g_auto(GStrv) lines = g_strsplit(run.outcomes, "\n", -1);
    for (guint i = 0; i < 80; i++) {
        g_assert_nonnull(strstr(lines[i], i % 2 ? " failed " : " changed"));
        g_assert_null(strstr(lines[i], "meanwhile"));
        g_assert_null(strstr(lines[i], "taken"));
    }
}

int main(int argc, char **argv)
{
    static const char *const domains[] = {"one.example", "two.example", NULL};
    g_autoptr(GError) error = NULL;
    g_test_init(&argc, &argv, NULL);
    directory_init();
    fixture = slapd_fixture_new(domains);
    other = directory_new(&fixture->settings, &error);
    g_assert_no_error(error);
    g_test_add_func("/settle/uninterrupted", test_uninterrupted);
    g_test_add_func("/settle/all-done", test_settle_all_done);
    g_test_add_func("/settle/sweep", test_sweep);
    g_test_add_func("/settle/sweep-repeatedly", test_sweep_repeatedly);
    g_test_add_func("/settle/any-subset", test_any_subset);
    g_test_add_func("/settle/random-slices", test_random_slices);
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *path = g_strdup_printf("/settle/between/%s", cases[i].name);
        g_test_add_data_func(path, &cases[i], test_meddle);
    }
    g_test_add_data_func("/settle/sweep-edited", (gconstpointer)meddle_edit, test_other_writer);
    g_test_add_data_func("/settle/sweep-added", (gconstpointer)meddle_add, test_other_writer);
    g_test_add_data_func("/settle/sweep-member", (gconstpointer)meddle_member, test_other_writer);
    g_test_add_func("/settle/edited-before-settling", test_edited_before_settling);
    g_test_add_func("/settle/edited-at-any-point", test_edited_at_any_point);
    g_test_add_func("/settle/list-made-anew", test_list_made_anew);
    g_test_add_func("/settle/chased", test_chased);
    g_test_add_func("/settle/uncommitted-is-not-sent", test_uncommitted_is_not_sent);
    g_test_add_func("/settle/many-on-one", test_many_on_one);
    g_test_add_func("/settle/killed", test_killed);
    g_test_add_func("/settle/killed-in-flight", test_killed_in_flight);
    g_test_add_func("/settle/silent", test_silent);
    int status = g_test_run();
    directory_free(other);
    slapd_fixture_free(fixture);
    return status;
}
