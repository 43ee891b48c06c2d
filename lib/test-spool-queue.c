/* SPDX-License-Identifier: MIT */
#include "lib/spool-queue.h"
#include <string.h>

#define NOW 1000
#define LATER 2000
#define JOBS_MAX 6

/* jobs: requester, client, state (R W P S, then + begun, ! waits, ? with an intent), domains of the
 * next slice.
 * script: a digit is the job that the next take must give, "-" none; "<n" gives job n back, ">n"
 * moves it to its next state, "+n" ends its wait, "~n" makes it wait, "xn" refuses it, "wn" wants
 * it by hand, "fn" no more. "an": the claim of job n holds the domain "far", too, of its slice
 * ahead;
 * "=n" it must get that slice without being given back (else the same one again), "#n" must not. */
typedef struct {
    const char *name;
    const char *jobs[JOBS_MAX];
    const char *script;
} Case;

static const Case cases[] = {
    {"nothing", {NULL}, "-"},
    {"opened in order of arrival, one at a time", {"a c R", "a c R", "a c R"}, "0-<0 0"},
    {"requesters of one client take turns",
     {"a c R", "a c R", "a c R", "b c R", "b c R"},
     "0-x0<0 3x3<3 1x1<1 4x4<4 2"},
    {"two clients are opened side by side", {"a c R", "b d R"}, "01-"},
    {"forged mail in an administrator's name delays none of his",
     {"a evil R!", "a good W x", "a good R"},
     "12-"},
    {"a waiting opening lets its client's others pass", {"a c R!", "b c R"}, "1-<1 1"},
    {"but none of the same requester and client", {"a c R!", "a c R", "b c R"}, "2-<2>2 2- +0 0"},
    {"nor a proven one of them", {"a c R!", "a c W x"}, "-+0 0-"},
    {"a claimed opening holds its requester's proven job of that client",
     {"a c R", "a c W x"},
     "0->0<0 0-"},
    {"a later job is opened, not applied, while an earlier one is applied",
     {"a c W x", "a c R"},
     "01>1<1->0<0 01"},
    {"requests of one requester are applied in order", {"a c W x", "a d W y"}, "0-<0 0>0<0 01-"},
    {"a waiting one holds the later ones", {"a c W! x", "a c W y"}, "-+0 0-"},
    {"one that was begun is finished first", {"a c W x", "a d W+ y"}, "1-<1>1 0 1"},
    {"also while it waits", {"a c W x", "a d W+! y"}, "-+1 1"},
    {"reporting and sending hold up nothing", {"a c P!", "a c S!", "a c W x"}, "2-"},
    {"a refusal in its pause holds up nothing", {"a c R", "a c R"}, "0x0<0 1"},
    {"requesters take turns",
     {"a c W x", "a c W x", "b d W y", "e f W z"},
     "0<0 2<2 3<3 0<0 2<2 3<3 0"},
    {"a new requester comes first", {"a c W x", "b d W! y"}, "0<0 0<0 0<0 +1 1<1 0<0 1"},
    {"openings do not keep proven work out",
     {"a 1 R", "b 2 R", "e 3 R", "f 4 W x"},
     "0 3<3 1 3<3 2 3"},
    {"slices share no domain", {"a c W x y", "b d W y z", "e f W z"}, "0-<0>0 10-"},
    {"others go on meanwhile", {"a c W x", "b d W x", "e f W z"}, "02-<0 1"},
    {"two of a domain take turns", {"a c W x", "b d W x"}, "0-<0 1-<1 0"},
    {"reports during a slice are no turns ahead of the next one",
     {"b d W x", "a c W x", "b d W x"},
     "0>0<0 1 0>0<0 0>0<0 -<1 2"},
    {"all domains meet every other", {"a c W x", "b d W *", "e f W z"}, "0-<0 1-<1 2 0"},
    {"all domains meet all domains", {"a c W *", "b d W *"}, "0-<0 1"},
    {"no domains meet none", {"a c W", "b d W *"}, "01"},
    {"what may be half applied holds its domains while it waits",
     {"a c W+!? x", "b d W x", "e f W z", "g h W *"},
     "2-<2 2<2 +0 0-<0 0"},
    {"and is finished though others came before", {"b d W x", "a c W+? x"}, "1-<1>1 0"},
    {"a domain is free again for reports", {"a c W x", "b d P x"}, "01"},
    {"one that is wanted by hand is not taken, and keeps its place",
     {"a c W x", "a c W x", "b d W y"},
     "0w0<0 2-f0 0<0<2 0"},
    {"a done job is gone", {"a c S"}, "0>0<0 -"},
    {"a job goes on where nobody else is ready", {"a c W x", "b d W! y"}, "0=0=0-+1 #0<0 1#1"},
    {"and beside others that are out", {"a c W x", "b d W y"}, "01=0=1=1=0"},
    {"but not where another waits for a turn", {"a c W x", "b d W y"}, "0#0#0<0 1<1 0"},
    {"or for its domains", {"a c W x", "b d W x"}, "0-#0<0 1-#1"},
    {"or wants it by hand", {"a c W x"}, "0=0w0#0f0=0"},
    {"or to be opened", {"a c W x", "b d R"}, "0#0"},
    {"or to be reported", {"a c W x", "b d P"}, "0#0<0 1"},
    {"an opening after an opening lets it go on once", {"a c W x", "b 1 R", "e 2 R"}, "01=0#0<0 2"},
    {"it holds the domains of its slice ahead", {"a c W x", "b d W far"}, "0a0-#0<0 1"},
    {"which must be free", {"b d W far", "a c W x"}, "01=1a1#1<0#1<1 0"},
    {"a waiting intent keeps others off the slice ahead", {"b d W+!? far", "a c W x"}, "1a1#1<1 1"},
};

typedef struct {
    SpoolQueue *queue;
    SpoolEntry *entries[JOBS_MAX];
} Bench;

static JobState state_of(char letter)
{
    static const char letters[] = "RWPS";
    return (JobState)(strchr(letters, letter) - letters);
}

static SpoolSlice *slice_of(char **domains)
{
    SpoolSlice *slice = g_new0(SpoolSlice, 1);
    slice->domains = g_strdupv(domains);
    return slice;
}

static void fill(Bench *bench, const Case *test)
{
    for (unsigned i = 0; i < JOBS_MAX && test->jobs[i]; i++) {
        g_auto(GStrv) words = g_strsplit(test->jobs[i], " ", -1);
        Job *job = g_new0(Job, 1);
        job->facts.requester = g_strdup(words[0]);
        job->facts.client = g_strdup(words[1]);
        job->state = state_of(words[2][0]);
        job->not_before = strchr(words[2], '!') ? LATER + i : 0;
        job->started = strchr(words[2], '+') ? 1 : 0;
        bench->entries[i] = spool_queue_add(bench->queue, job, slice_of(words + 3));
        bench->entries[i]->unsettled = strchr(words[2], '?') != NULL;
    }
}

static bool goes_on(Bench *bench, SpoolEntry *entry)
{
    SpoolSlice *ahead = entry->ahead ? entry->ahead : entry->slice;
    bool once = spool_queue_again(bench->queue, entry, ahead, false, NOW);
    bool kept = spool_queue_again(bench->queue, entry, ahead, true, NOW);
    g_assert_true(once == kept);
    g_assert_true(entry->claimed);
    return kept;
}

static void act(Bench *bench, char action, unsigned number)
{
    SpoolEntry *entry = bench->entries[number];
    switch (action) {
    case '<':
        spool_queue_give_back(bench->queue, entry);
        break;
    case '>':
        entry->job->state++;
        break;
    case 'x':
        entry->job->state = JOB_REPORTING;
        entry->job->not_before = LATER;
        break;
    case '+':
        entry->job->not_before = 0;
        break;
    case 'w':
    case 'f':
        entry->wanted = action == 'w';
        break;
    case 'a':
        entry->ahead = slice_of((char *[]){(char *)"far", NULL});
        break;
    default:
        g_assert_not_reached();
    }
}

static void test_order(gconstpointer data)
{
    const Case *test = data;
    Bench bench = {.queue = spool_queue_new()};
    fill(&bench, test);
    for (const char *at = test->script; *at; at++) {
        gint64 due;
        if (*at == ' ')
            continue;
        if (g_ascii_isdigit(*at) || *at == '-') {
            SpoolEntry *entry = spool_queue_take(bench.queue, NOW, &due);
            SpoolEntry *expected = *at == '-' ? NULL : bench.entries[*at - '0'];
            if (entry != expected) {
                g_test_fail_printf("at \"%s\" of \"%s\"", at, test->script);
                break;
            }
            continue;
        }
        unsigned number = (unsigned)(at[1] - '0');
        if (*at != '=' && *at != '#') {
            act(&bench, *at, number);
        } else if (goes_on(&bench, bench.entries[number]) != (*at == '=')) {
            g_test_fail_printf("at \"%s\" of \"%s\"", at, test->script);
            break;
        }
        at++;
    }
    spool_queue_free(bench.queue);
}

static void test_due(void)
{
    static const Case test = {"due", {"a c R!", "b d R!"}, ""};
    Bench bench = {.queue = spool_queue_new()};
    gint64 due;
    g_assert_null(spool_queue_take(bench.queue, NOW, &due));
    g_assert_cmpint(due, ==, G_MAXINT64);
    fill(&bench, &test);
    g_assert_null(spool_queue_take(bench.queue, NOW, &due));
    g_assert_cmpint(due, ==, LATER);
    g_assert_true(spool_queue_take(bench.queue, LATER, &due) == bench.entries[0]);
    g_assert_cmpint(due, ==, LATER + 1);
    spool_queue_free(bench.queue);
}

/* Names that nobody used before do not go before one that is known. */
static void test_names(void)
{
    static const Case test = {"names", {"a c R", "a c R"}, ""};
    Bench bench = {.queue = spool_queue_new()};
    gint64 due;
    fill(&bench, &test);
    g_assert_true(spool_queue_take(bench.queue, NOW, &due) == bench.entries[0]);
    act(&bench, 'x', 0);
    spool_queue_give_back(bench.queue, bench.entries[0]);
    for (unsigned i = 0; i < 100; i++) {
        Job *job = g_new0(Job, 1);
        job->facts.requester = g_strdup_printf("name%u", i);
        job->facts.client = g_strdup("c");
        spool_queue_add(bench.queue, job, NULL);
        SpoolEntry *entry = spool_queue_take(bench.queue, NOW, &due);
        spool_queue_give_back(bench.queue, entry);
        if (entry == bench.entries[1]) {
            g_assert_cmpuint(i, <, 3);
            spool_queue_free(bench.queue);
            return;
        }
    }
    g_assert_not_reached();
}

/* A wait reckoned by a clock that was set back since is over. */
static void test_clock(void)
{
    static const Case test = {"clock", {"a c R!"}, ""};
    Bench bench = {.queue = spool_queue_new()};
    gint64 due;
    fill(&bench, &test);
    gint64 before = LATER - 365 * G_TIME_SPAN_DAY;
    g_assert_true(spool_queue_take(bench.queue, before, &due) == bench.entries[0]);
    spool_queue_free(bench.queue);
}

#define MANY 1000

/* R5.1: of a thousand administrators, each with ten requests, each has a turn before anybody has a
 * second one, and of each the oldest is first. */
static void test_many(void)
{
    g_autoptr(SpoolQueue) queue = spool_queue_new();
    for (unsigned i = 0; i < 10 * MANY; i++) {
        Job *job = g_new0(Job, 1);
        job->facts.requester = g_strdup_printf("user@d%u.example", i % MANY);
        job->facts.client = g_strdup("192.0.2.1");
        job->state = JOB_WORKING;
        job->rows = i;
        SpoolSlice *slice = g_new0(SpoolSlice, 1);
        slice->domains = g_new0(char *, 2);
        slice->domains[0] = g_strdup_printf("d%u.example", i % MANY);
        spool_queue_add(queue, job, slice);
    }
    gint64 due;
    for (unsigned i = 0; i < 3 * MANY; i++) {
        SpoolEntry *entry = spool_queue_take(queue, NOW, &due);
        g_assert_cmpuint(entry->job->rows, ==, i);
        g_assert_true(spool_queue_has_more(queue));
        entry->job->state = JOB_DONE;
        spool_queue_give_back(queue, entry);
    }
}

/* A claim among 1,000 queued jobs is cheap. */
static void test_cost(void)
{
    g_autoptr(SpoolQueue) queue = spool_queue_new();
    for (unsigned i = 0; i < 1000; i++) {
        Job *job = g_new0(Job, 1);
        job->facts.requester = g_strdup_printf("user%u@example.org", i % 300);
        job->facts.client = g_strdup_printf("192.0.2.%u", i % 200);
        job->state = i % 2 ? JOB_WORKING : JOB_RECEIVED;
        SpoolSlice *slice = g_new0(SpoolSlice, 1);
        slice->domains = g_strsplit("example.org", " ", -1);
        spool_queue_add(queue, job, slice);
    }
    gint64 begin = g_get_monotonic_time(), due;
    for (unsigned i = 0; i < 1000; i++) {
        SpoolEntry *entry = spool_queue_take(queue, NOW, &due);
        g_assert_nonnull(entry);
        spool_queue_give_back(queue, entry);
    }
    double each = (double)(g_get_monotonic_time() - begin) / 1000;
    g_test_message("a claim among 1,000 jobs takes %.0f µs", each);
    g_assert_cmpfloat(each, <, 20000);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *path = g_strconcat("/spool-queue/", cases[i].name, NULL);
        g_test_add_data_func(path, &cases[i], test_order);
    }
    g_test_add_func("/spool-queue/due", test_due);
    g_test_add_func("/spool-queue/names", test_names);
    g_test_add_func("/spool-queue/clock", test_clock);
    g_test_add_func("/spool-queue/R5.1/many", test_many);
    g_test_add_func("/spool-queue/cost", test_cost);
    return g_test_run();
}
