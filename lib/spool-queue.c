/* SPDX-License-Identifier: MIT */
#include "lib/spool-queue.h"
#include <string.h>

/* Queues without a job whose last turn is still remembered, at most this many. */
#define SERVED_SPARE 1000

/* Pauses that are over are looked for each time that so many more are there. */
#define PAUSES_SPARE 1000

/* No wait is that long: one that ends later was reckoned by a clock that has been set back. */
#define WAIT_MAX (2 * G_TIME_SPAN_HOUR)

struct SpoolQueue {
    GPtrArray *entries; /* of SpoolEntry, in order of arrival */
    GHashTable *served; /* queue name → number of its last turn */
    GHashTable *pauses; /* pair → gint64: not opened before */
    guint64 turns;
    guint64 order;
    bool opened_last;
};

static void entry_free(gpointer data)
{
    SpoolEntry *entry = data;
    job_free(entry->job);
    spool_slice_free(entry->slice);
    g_free(entry->client_queue);
    g_free(entry->pair);
    g_free(entry);
}

SpoolQueue *spool_queue_new(void)
{
    SpoolQueue *queue = g_new0(SpoolQueue, 1);
    queue->entries = g_ptr_array_new_with_free_func(entry_free);
    queue->served = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    queue->pauses = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    return queue;
}

void spool_queue_free(SpoolQueue *queue)
{
    if (!queue)
        return;
    g_ptr_array_unref(queue->entries);
    g_hash_table_unref(queue->served);
    g_hash_table_unref(queue->pauses);
    g_free(queue);
}

static const char *requester_of(const SpoolEntry *entry)
{
    const char *requester = entry->job->facts.requester;
    return requester ? requester : "";
}

static const char *queue_of(const SpoolEntry *entry)
{
    return entry->job->state == JOB_RECEIVED ? entry->client_queue : requester_of(entry);
}

static char *pair_of(const char *sender, const char *client)
{
    return g_strconcat(sender, "\n", client, NULL);
}

SpoolEntry *spool_queue_add(SpoolQueue *queue, Job *job, SpoolSlice *slice)
{
    g_autofree char *client = spool_client_key(&job->facts);
    SpoolEntry *entry = g_new0(SpoolEntry, 1);
    entry->job = job;
    entry->slice = slice;
    entry->order = ++queue->order;
    entry->since = queue->turns;
    entry->client_queue = g_strconcat("client:", client, NULL);
    entry->pair = pair_of(requester_of(entry), client);
    g_ptr_array_add(queue->entries, entry);
    return entry;
}

/* --- pauses --- */

static gboolean is_of(gpointer pair, gpointer until G_GNUC_UNUSED, gpointer begin)
{
    return g_str_has_prefix(pair, begin);
}

static gboolean is_over(gpointer pair G_GNUC_UNUSED, gpointer until, gpointer now)
{
    return *(gint64 *)until <= *(gint64 *)now;
}

void spool_queue_pause(SpoolQueue *queue, const char *sender, const char *client, gint64 until)
{
    g_autofree char *pair = pair_of(sender, client ? client : "");
    if (!client) {
        g_hash_table_foreach_remove(queue->pauses, is_of, pair);
    } else if (until == 0) {
        g_hash_table_remove(queue->pauses, pair);
    } else {
        gint64 now = g_get_real_time();
        if (g_hash_table_size(queue->pauses) % PAUSES_SPARE == 0)
            g_hash_table_foreach_remove(queue->pauses, is_over, &now);
        g_hash_table_replace(queue->pauses, g_steal_pointer(&pair),
                             g_memdup2(&until, sizeof until));
    }
}

/* --- domains --- */

static bool has_all(char **domains)
{
    return domains && g_strv_contains((const char *const *)domains, "*");
}

static bool meets(GHashTable *held, char **domains)
{
    if (g_hash_table_contains(held, "*") || (has_all(domains) && g_hash_table_size(held) > 0))
        return true;
    for (; domains && *domains; domains++)
        if (g_hash_table_contains(held, *domains))
            return true;
    return false;
}

static void hold(GHashTable *held, char **domains)
{
    for (; domains && *domains; domains++)
        g_hash_table_add(held, *domains);
}

/* --- who is next --- */

/* One look over all jobs; the sets borrow their strings from the entries. */
typedef struct {
    gint64 now;
    gint64 due;
    GHashTable *clients;    /* client → the entry to be opened next; NULL: one is being opened */
    GHashTable *pairs;      /* with an unproven job */
    GHashTable *requesters; /* whose next slice is settled */
    GHashTable *begun;      /* requester → the entry that must be finished first */
    GHashTable *domains;    /* held by slices that are out or unsettled, or kept for a due one */
    GHashTable *stuck;      /* held by unsettled slices that wait */
    GPtrArray *candidates;
} Look;

static void look_init(Look *look, gint64 now)
{
    look->now = now;
    look->due = G_MAXINT64;
    look->clients = g_hash_table_new(g_str_hash, g_str_equal);
    look->pairs = g_hash_table_new(g_str_hash, g_str_equal);
    look->requesters = g_hash_table_new(g_str_hash, g_str_equal);
    look->begun = g_hash_table_new(g_str_hash, g_str_equal);
    look->domains = g_hash_table_new(g_str_hash, g_str_equal);
    look->stuck = g_hash_table_new(g_str_hash, g_str_equal);
    look->candidates = g_ptr_array_new();
}

static void look_clear(Look *look)
{
    g_hash_table_unref(look->clients);
    g_hash_table_unref(look->pairs);
    g_hash_table_unref(look->requesters);
    g_hash_table_unref(look->begun);
    g_hash_table_unref(look->domains);
    g_hash_table_unref(look->stuck);
    g_ptr_array_unref(look->candidates);
}

static bool is_past(const Look *look, gint64 time)
{
    return time <= look->now || time - look->now > WAIT_MAX;
}

static bool is_due(const Look *look, const Job *job)
{
    return is_past(look, job->not_before);
}

/* Whether wrong passwords of its pair keep it from being opened. */
static bool is_paused(const SpoolQueue *queue, Look *look, const SpoolEntry *entry)
{
    const gint64 *until = g_hash_table_lookup(queue->pauses, entry->pair);
    if (!until || is_past(look, *until))
        return false;
    look->due = MIN(look->due, *until);
    return true;
}

static void note_begun(Look *look, SpoolEntry *entry)
{
    if (entry->job->state != JOB_WORKING)
        return;
    if (entry->slice && (entry->claimed || (entry->unsettled && is_due(look, entry->job))))
        hold(look->domains, entry->slice->domains);
    else if (entry->slice && entry->unsettled)
        hold(look->stuck, entry->slice->domains);
    if (!entry->claimed && !entry->job->started)
        return;
    char *requester = (char *)requester_of(entry);
    if (entry->claimed || !g_hash_table_contains(look->begun, requester))
        g_hash_table_insert(look->begun, requester, entry);
}

/* The turn after which an opening has its own: the last one of its requester at this client, or
 * that in which it came. So neither many mails of one requester nor many requesters' names keep
 * another of the same client waiting. */
static guint64 opening_turn(const SpoolQueue *queue, const SpoolEntry *entry)
{
    gsize last = GPOINTER_TO_SIZE(g_hash_table_lookup(queue->served, entry->pair));
    return MAX(last, entry->since);
}

static void consider_received(const SpoolQueue *queue, Look *look, SpoolEntry *entry, bool ready)
{
    gpointer other = NULL;
    bool settled = g_hash_table_lookup_extended(look->clients, entry->client_queue, NULL, &other);
    if (entry->claimed)
        g_hash_table_insert(look->clients, entry->client_queue, NULL);
    else if (ready && !g_hash_table_contains(look->pairs, entry->pair) &&
             !is_paused(queue, look, entry) &&
             (!settled ||
              (other && opening_turn(queue, entry) < opening_turn(queue, (SpoolEntry *)other))))
        g_hash_table_insert(look->clients, entry->client_queue, entry);
    g_hash_table_add(look->pairs, entry->pair);
}

static void consider_working(Look *look, SpoolEntry *entry, bool ready)
{
    char *requester = (char *)requester_of(entry);
    const SpoolEntry *first = g_hash_table_lookup(look->begun, requester);
    if (first ? first != entry
              : g_hash_table_contains(look->pairs, entry->pair) ||
                    g_hash_table_contains(look->requesters, requester))
        return;
    g_hash_table_add(look->requesters, requester);
    if (ready)
        g_ptr_array_add(look->candidates, entry);
}

static void consider(const SpoolQueue *queue, Look *look, SpoolEntry *entry)
{
    const Job *job = entry->job;
    bool ready = !entry->claimed && !entry->wanted && is_due(look, job);
    if (!entry->claimed && !entry->wanted && !ready)
        look->due = MIN(look->due, job->not_before);
    switch (job->state) {
    case JOB_RECEIVED:
        consider_received(queue, look, entry, ready);
        break;
    case JOB_WORKING:
        consider_working(look, entry, ready);
        break;
    case JOB_REPORTING:
    case JOB_SENDING:
        if (ready)
            g_ptr_array_add(look->candidates, entry);
        break;
    case JOB_DONE:
    case JOB_ANSWER_FAILED:
    case JOB_STATE_COUNT:
        break;
    }
}

static gint compare_turns(gconstpointer left, gconstpointer right, gpointer data)
{
    const SpoolEntry *a = *(SpoolEntry *const *)left;
    const SpoolEntry *b = *(SpoolEntry *const *)right;
    const SpoolQueue *queue = data;
    bool opening_a = a->job->state == JOB_RECEIVED, opening_b = b->job->state == JOB_RECEIVED;
    if (queue->opened_last && opening_a != opening_b)
        return opening_a ? 1 : -1;
    gsize turn_a = GPOINTER_TO_SIZE(g_hash_table_lookup(queue->served, queue_of(a)));
    gsize turn_b = GPOINTER_TO_SIZE(g_hash_table_lookup(queue->served, queue_of(b)));
    if (turn_a != turn_b)
        return turn_a < turn_b ? -1 : 1;
    return a->order < b->order ? -1 : 1;
}

static SpoolEntry *choose(SpoolQueue *queue, Look *look)
{
    GHashTableIter iter;
    gpointer opening;
    g_hash_table_iter_init(&iter, look->clients);
    while (g_hash_table_iter_next(&iter, NULL, &opening))
        if (opening)
            g_ptr_array_add(look->candidates, opening);
    g_ptr_array_sort_with_data(look->candidates, compare_turns, queue);
    for (unsigned i = 0; i < look->candidates->len; i++) {
        SpoolEntry *entry = g_ptr_array_index(look->candidates, i);
        /* An unsettled one holds its domains already. */
        if (entry->job->state != JOB_WORKING || !entry->slice || entry->unsettled)
            return entry;
        /* Who knows how long: others are not held up for its sake. */
        if (meets(look->stuck, entry->slice->domains))
            continue;
        if (!meets(look->domains, entry->slice->domains))
            return entry;
        hold(look->domains, entry->slice->domains);
    }
    return NULL;
}

/* Forgets the turns of queues that have no job left. */
static void trim_served(SpoolQueue *queue)
{
    if (g_hash_table_size(queue->served) < 3 * queue->entries->len + SERVED_SPARE)
        return;
    g_autoptr(GHashTable) present = g_hash_table_new(g_str_hash, g_str_equal);
    for (unsigned i = 0; i < queue->entries->len; i++) {
        SpoolEntry *entry = g_ptr_array_index(queue->entries, i);
        g_hash_table_add(present, (char *)requester_of(entry));
        g_hash_table_add(present, entry->client_queue);
        g_hash_table_add(present, entry->pair);
    }
    GHashTableIter iter;
    gpointer name;
    g_hash_table_iter_init(&iter, queue->served);
    while (g_hash_table_iter_next(&iter, &name, NULL))
        if (!g_hash_table_contains(present, name))
            g_hash_table_iter_remove(&iter);
}

static void note_turn(SpoolQueue *queue, const char *name)
{
    g_hash_table_replace(queue->served, g_strdup(name), GSIZE_TO_POINTER((gsize)++queue->turns));
}

SpoolEntry *spool_queue_find(const SpoolQueue *queue, const char *id)
{
    for (unsigned i = 0; i < queue->entries->len; i++) {
        SpoolEntry *entry = g_ptr_array_index(queue->entries, i);
        if (strcmp(entry->job->id, id) == 0)
            return entry;
    }
    return NULL;
}

void spool_queue_take_this(SpoolEntry *entry)
{
    entry->claimed = true;
    entry->wanted = false;
    entry->turn_of = queue_of(entry);
}

SpoolEntry *spool_queue_take(SpoolQueue *queue, gint64 now, gint64 *due)
{
    Look look;
    look_init(&look, now);
    for (unsigned i = 0; i < queue->entries->len; i++)
        note_begun(&look, g_ptr_array_index(queue->entries, i));
    for (unsigned i = 0; i < queue->entries->len; i++)
        consider(queue, &look, g_ptr_array_index(queue->entries, i));
    SpoolEntry *entry = choose(queue, &look);
    *due = look.due;
    look_clear(&look);
    if (!entry)
        return NULL;
    spool_queue_take_this(entry);
    queue->opened_last = entry->job->state == JOB_RECEIVED;
    note_turn(queue, entry->turn_of);
    if (queue->opened_last)
        note_turn(queue, entry->pair);
    trim_served(queue);
    return entry;
}

void spool_queue_give_back(SpoolQueue *queue, SpoolEntry *entry)
{
    entry->claimed = false;
    note_turn(queue, entry->turn_of);
    if (entry->job->state >= JOB_DONE)
        g_ptr_array_remove(queue->entries, entry);
}
