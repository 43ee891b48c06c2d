/* SPDX-License-Identifier: MIT */
#include "lib/settle-fixture.h"

#include <string.h>

SlapdFixture *fixture;
Directory *other;
PasswordScheme settle_scheme;
static DirectorySettings root; /* whatever the service's own login is */

/* --- faults: every write of lib/settle passes here --- */

Faults faults;

static const Write *victim; /* its answer is lost */
static bool passed;         /* a write has come by */

/* Conditions go inside of changes. */
#ifdef SETTLE_INSIDE
static const bool inside = true;
#else
static const bool inside = false;
#endif

/* Its change alone; of a deletion what comes before it. */
static void apply_without_password(const Write *write)
{
    g_autoptr(Change) change = change_alone(inside && write->claim ? write->claim : write->change);
    g_autoptr(GPtrArray) one = g_ptr_array_new_with_free_func((GDestroyNotify)write_free);
    g_ptr_array_add(one, write_new(change, g_strdup(write->assertion)));
    if (!write->again)
        g_assert_cmpint(__real_directory_apply(other, one, NULL), ==, ANSWER_YES);
}

static Pass cut_off(Write *write)
{
    if (faults.cut == CUT_WITHIN)
        apply_without_password(write);
    if (faults.cut == CUT_WITHIN || faults.cut == CUT_LOST)
        write->state = WRITE_UNKNOWN;
    return PASS_STOP;
}

static Pass before(Directory *directory, Write *write, bool idle)
{
    (void)directory;
    if (faults.meddle && faults.sent >= faults.meddle_at) {
        void (*meddle)(void) = faults.meddle;
        if (!idle)
            return PASS_WAIT;
        faults.meddle = NULL;
        meddle();
    }
    if (faults.cut != CUT_NONE && faults.budget == 0)
        return idle ? cut_off(write) : PASS_WAIT;
    if (faults.cut != CUT_NONE && --faults.budget == 0 && faults.cut == CUT_AFTER)
        victim = write;
    passed = true;
    faults.sent++;
    return PASS_ON;
}

static void after(Write *write)
{
    if (write == victim)
        write->state = WRITE_UNKNOWN;
}

static Answer end(bool stopped, Answer answer, GError **error)
{
    bool last = faults.cut != CUT_NONE && faults.budget == 0 && passed;
    victim = NULL;
    passed = false;
    if (answer != ANSWER_YES || (!stopped && !last))
        return answer;
    faults.cut = CUT_NONE;
    g_set_error_literal(error, DIRECTORY_ERROR, DIRECTORY_ERROR_AWAY, "cut off");
    return ANSWER_UNKNOWN;
}

StreamFixture stream_fixture = {before, after, end};

/* --- the directory before and after --- */

void apply_change(Change *change)
{
    g_autoptr(Change) owned = change;
    g_autoptr(GPtrArray) writes = g_ptr_array_new_with_free_func((GDestroyNotify)write_free);
    g_autoptr(GError) error = NULL;
    g_ptr_array_add(writes, write_new(owned, NULL));
    g_assert_cmpint(__real_directory_apply(other, writes, &error), ==, ANSWER_YES);
    g_assert_no_error(error);
    g_assert_cmpint(((Write *)writes->pdata[0])->state, ==, WRITE_DONE);
}

GPtrArray *all_entries(void)
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

void add_operation(const char *text)
{
    g_autoptr(Operation) operation = test_operation(1, text);
    g_autofree char *mailbox = g_uuid_string_random();
    apply_change(
        profile_add(fixture->profile, operation, operation->password, mailbox, "before/1"));
}

void reset(void)
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
    g_autofree char *domain = profile_domain_dn(fixture->profile, "two.example");
    replace_value(domain, "batchloadBlocked", NULL);
    replace_value(domain, "batchloadChange", NULL); /* of another run, which has the same job */
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

char *dump(GHashTable *names)
{
    g_autoptr(GPtrArray) entries = all_entries();
    g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < entries->len; i++) {
        const Entry *entry = entries->pdata[i];
        for (guint k = 0; k < entry->attributes->len; k++) {
            const char *name = entry_attribute(entry, k)->name;
            const GPtrArray *values = entry_attribute(entry, k)->values;
            for (guint j = 0; j < values->len; j++) {
                const char *value = g_ptr_array_index(values, j);
                const char *shown = known(names, value);
                if (shown == value && g_str_equal(name, "batchloadmailboxid"))
                    shown = "mailbox of no row as first planned";
                if (shown == value && strlen(value) > 80 && g_str_has_prefix(value, "{CRYPT}"))
                    shown = "hash of no row as first planned";
                if (g_str_has_prefix(value, "{SSHA256}"))
                    shown = "hash of the server";
                g_ptr_array_add(lines, g_strdup_printf("%s %s: %s", entry->dn, name, shown));
            }
        }
    }
    g_ptr_array_sort(lines, compare_lines);
    g_ptr_array_add(lines, NULL);
    return g_strjoinv("\n", (char **)lines->pdata);
}

/* --- a run --- */

void run_clear(Run *run)
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
void run_start_at(Run *run, const char *const *texts, unsigned line)
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
        .password_scheme = settle_scheme,
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

void run_start(Run *run, const char *const *texts)
{
    run_start_at(run, texts, 2);
}

/* One attempt from the committed intent, as after a crash. */
Answer run_settle(Run *run, GError **error)
{
    g_autoptr(GPtrArray) rows = planned_rows_from_variant(run->stored);
    bool deviated = false;
    Settle settle = {
        .context = &run->context,
        .operations = run->operations,
        .commit = commit,
        .data = run,
        .again = run->attempts++ > 0,
        .deviated = &deviated,
    };
    Answer answer = settle_rows(&settle, rows, error);
    if (answer != ANSWER_YES)
        return answer;
    GString *text = g_string_new(NULL);
    run->changes = 0;
    for (guint i = 0; i < rows->len; i++) {
        const PlannedRow *row = rows->pdata[i];
        run->changes += row->trail->len;
        g_assert_cmpuint(row->writes->len, ==, 0);
        g_string_append_printf(text, "%u %s%s%s\n", row->line, result_name(row->outcome->result),
                               row->outcome->reason ? " " : "",
                               row->outcome->reason ? row->outcome->reason : "");
    }
    g_free(run->outcomes);
    run->outcomes = g_string_free(text, FALSE);
    return answer;
}

Answer run_attempt(Run *run, GError **error)
{
    Answer answer = run_settle(run, error);
    if (answer == ANSWER_YES) {
        g_free(run->directory_after);
        run->directory_after = dump(run->names);
    }
    return answer;
}

void run_whole(Run *run)
{
    g_autoptr(GError) error = NULL;
    Answer answer = run_attempt(run, &error);
    g_assert_no_error(error);
    g_assert_cmpint(answer, ==, ANSWER_YES);
}

void run_on(Run *run)
{
    Answer answer = ANSWER_UNKNOWN;
    for (guint i = 0; i < PATIENCE && answer == ANSWER_UNKNOWN; i++) {
        g_autoptr(GError) error = NULL;
        answer = run_attempt(run, &error);
        if (error)
            g_test_message("attempt %u: %s", run->attempts, error->message);
    }
    g_assert_cmpint(answer, ==, ANSWER_YES);
}

/* Ends the test at the first line that differs. */
void assert_same_lines(const char *found, const char *wanted)
{
    g_auto(GStrv) left = g_strsplit(found, "\n", -1);
    g_auto(GStrv) right = g_strsplit(wanted, "\n", -1);
    for (guint i = 0; left[i] && right[i]; i++)
        g_assert_cmpstr(left[i], ==, right[i]);
    g_assert_cmpuint(g_strv_length(left), ==, g_strv_length(right));
}

void assert_same(const Run *run, const Run *model)
{
    assert_same_lines(run->outcomes, model->outcomes);
    assert_same_lines(run->directory_after, model->directory_after);
}

/* --- the mixed slice --- */

const MixedRow mixed[MIXED] = {
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
    {"ADD FULL b2@one.example PASSWORD={CRYPT}$6$x$y @displayName=Two", "created"},
    {"ADD FULL b3@one.example PASSWORD={CRYPT}$6$x$y", "created"},
    {"ADD FULL b4@one.example PASSWORD={CRYPT}$6$x$y", "created"},
    {"MODIFY FULL b1@one.example GIVENNAME=Bea @displayName=Bea_One", "changed"},
    {"MODIFY FULL emma@two.example PASSWORD=kept TITLE=Dr @physicalDeliveryOfficeName=1,2",
     "changed"},
    {"ADD LIST staff@one.example LIST_MEMBER=b1@one.example,b2@one.example", "changed"},
};

const char *const *mixed_rows(void)
{
    static const char *rows[MIXED + 1];
    for (guint i = 0; i < MIXED; i++)
        rows[i] = mixed[i].row;
    return rows;
}

/* A run of a slice without a cut; faults may have been set before. Writes needed: faults.sent. */
void model_run(Run *run, const char *const *texts)
{
    reset();
    faults.sent = 0;
    run_start(run, texts);
    run_whole(run);
}

/* Cuts a slice off after each number of writes, in each way; only each step-th, where it is not
 * to be thorough (-m thorough). */
/* So many places on; with conditions inside fewer are tried, unless BATCHLOAD_ALL=1. */
static guint stride(guint step)
{
    if (g_test_thorough())
        return 1;
    return inside && g_getenv("BATCHLOAD_ALL") == NULL ? 4 * step : step;
}

void sweep(const char *const *texts, void (*meddle)(void), guint second, guint step)
{
    g_auto(Run) model = {0};
    faults.meddle = meddle;
    faults.meddle_at = 0;
    model_run(&model, texts);
    guint writes = faults.sent;
    Cut last = inside || settle_scheme == PASSWORD_SCHEME_SERVER ? CUT_WITHIN : CUT_AFTER;
    for (Cut cut = CUT_BEFORE; cut <= last; cut++)
        for (guint budget = 0; budget <= writes; budget += stride(step)) {
            g_auto(Run) run = {0};
            g_autoptr(GError) error = NULL;
            reset();
            run_start(&run, texts);
            faults.sent = 0;
            faults.meddle = meddle;
            faults.cut = cut;
            faults.budget = budget;
            for (guint crashes = 0; run_attempt(&run, &error) != ANSWER_YES; crashes++) {
                g_test_message("%s", error->message);
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

char *without_what_differs(const char *text)
{
    g_autoptr(GRegex) regex =
        g_regex_new("^.* (description|batchloadmailboxid): .*\n", G_REGEX_MULTILINE, 0, NULL);
    return g_regex_replace(regex, text, -1, 0, "", 0, NULL);
}

/* Writes in flight are done in any order that one connection allows. */
static bool removes(const PlannedWrite *write)
{
    return change_only_removes(write->change, profile_mark_attribute(fixture->profile));
}

/* Whether a row relies on no more of an earlier one than its write on the same entry. */
static bool merely_follows(const PlannedRow *row, const PlannedRow *one)
{
    for (guint i = 0; i < row->writes->len; i++)
        for (guint j = 0; j < one->writes->len; j++) {
            const PlannedWrite *write = row->writes->pdata[i], *before = one->writes->pdata[j];
            if (g_str_equal(write->change->dn, before->change->dn) &&
                write->change->kind == CHANGE_MODIFY && before->change->kind == CHANGE_MODIFY &&
                (one->writes->len == 1 || (removes(write) && removes(before))) &&
                plan_mark_line(JOB, write->mark) == one->line)
                return true;
        }
    return false;
}

static bool has_line(const GArray *lines, unsigned line)
{
    for (guint i = 0; i < lines->len; i++)
        if (g_array_index(lines, unsigned, i) == line)
            return true;
    return false;
}

/* The lines of the rows that those without writes rely on whose fate a row shares. */
static GArray *shared_needs(GPtrArray *rows, guint at)
{
    const PlannedRow *row = rows->pdata[at];
    GArray *lines = g_array_new(FALSE, FALSE, sizeof(unsigned));
    for (guint i = at; i-- > 0;) {
        const PlannedRow *one = rows->pdata[i];
        if (one->writes->len == 0 &&
            (has_line(row->needs, one->line) || has_line(lines, one->line)))
            g_array_append_vals(lines, one->needs->data, one->needs->len);
    }
    return lines;
}

static bool may_go(GPtrArray *rows, guint at, guint number, GArray *done)
{
    const PlannedRow *row = rows->pdata[at];
    const PlannedWrite *own = row->writes->pdata[number];
    guint from = 0;
    g_autoptr(GArray) shared = shared_needs(rows, at);
    for (guint i = 0; i <= at; i++) {
        const PlannedRow *one = rows->pdata[i];
        bool needed = i == at || has_line(shared, one->line) ||
                      (has_line(row->needs, one->line) && !merely_follows(row, one));
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

void any_subset(const char *const *texts, guint rounds)
{
    g_auto(Run) model = {0};
    model_run(&model, texts);
    for (guint round = 0; round < rounds; round++) {
        g_auto(Run) run = {0};
        reset();
        run_start(&run, texts);
        g_autoptr(GPtrArray) rows = planned_rows_from_variant(run.stored);
        apply_at_random(rows);
        run.attempts = 1;
        run_whole(&run);
        assert_same(&run, &model);
    }
}

/* What a slice does is what its rows do one by one, each planned when the one before is done. */
void assert_as_one_by_one(const Run *model, char **texts)
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

void random_slices(char *(*random_row)(void), guint rounds)
{
    for (guint round = 0; round < rounds; round++) {
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

void replace_value(const char *dn, const char *attribute, const char *value)
{
    Change *change = change_new(CHANGE_MODIFY, dn);
    change_mod(change, MOD_REPLACE, attribute, value);
    apply_change(change);
}

void settle_begin(int *argc, char ***argv, SlapdFixture *(*make)(void))
{
    g_autoptr(GError) error = NULL;
    g_test_init(argc, argv, NULL);
    secret_init();
    directory_init();
    fixture = make();
    root = fixture->settings;
    fixture->settings.inside = inside;
    root.bind_dn = fixture->root_dn;
    other = directory_new(&root, &error);
    g_assert_no_error(error);
}

int settle_end(void)
{
    int status = g_test_run();
    directory_free(other);
    slapd_fixture_free(fixture);
    return status;
}

SlapdFixture *settle_slapd(void)
{
    static const char *const domains[] = {"one.example", "two.example", NULL};
    return slapd_fixture_new(domains);
}
