/* SPDX-License-Identifier: MIT */
#include "lib/spool-queue.h"
#include <string.h>

/* Those without a job whose last turn is still remembered, at most this many. */
#define SERVED_SPARE 1000

/* Pauses that are over are looked for each time that so many more are there. */
#define PAUSES_SPARE 1000

/* No wait is that long: one that ends later was reckoned by a clock that has been set back. */
#define WAIT_MAX (2 * G_TIME_SPAN_HOUR)

/* A requester, a client, or a pair of both. What a look over all jobs notes of it lies here, so
 * that no look has to find it by its name: there is one for each claim. */
struct SpoolParty {
    unsigned entries;
    guint64 served; /* number of its last turn */
    guint64 look;   /* in which the rest was noted; of an earlier one it means nothing */
    bool settled;   /* a requester whose next slice is known, or a client, one of whose is opened */
    bool unproven;  /* a pair with an unproven job */
    SpoolEntry *first; /* a requester's that must be finished first; a client's to be opened next */
};

struct SpoolQueue {
    GPtrArray *entries;  /* of SpoolEntry, in order of arrival */
    GHashTable *parties; /* name → SpoolParty */
    GHashTable *pauses;  /* pair → gint64: not opened before */
    guint64 turns;
    guint64 order;
    guint64 looks;
    bool opened_last;
    bool more; /* the last look had several candidates */
};

static void entry_free(gpointer data)
{
    SpoolEntry *entry = data;
    entry->requester->entries--;
    entry->client->entries--;
    entry->pair->entries--;
    job_free(entry->job);
    spool_slice_free(entry->slice);
    spool_slice_free(entry->ahead);
    g_free(entry);
}

SpoolQueue *spool_queue_new(void)
{
    SpoolQueue *queue = g_new0(SpoolQueue, 1);
    queue->entries = g_ptr_array_new_with_free_func(entry_free);
    queue->parties = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    queue->pauses = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    return queue;
}

void spool_queue_free(SpoolQueue *queue)
{
    if (!queue)
        return;
    g_ptr_array_unref(queue->entries);
    g_hash_table_unref(queue->parties);
    g_hash_table_unref(queue->pauses);
    g_free(queue);
}

static const char *requester_of(const Job *job)
{
    return job->facts.requester ? job->facts.requester : "";
}

static SpoolParty *queue_of(const SpoolEntry *entry)
{
    return entry->job->state == JOB_RECEIVED ? entry->client : entry->requester;
}

static char *pair_of(const char *sender, const char *client)
{
    return g_strconcat(sender, "\n", client, NULL);
}

/* Takes the name over. One entry more has it. */
static SpoolParty *join_party(SpoolQueue *queue, char *name)
{
    SpoolParty *party = g_hash_table_lookup(queue->parties, name);
    if (party) {
        g_free(name);
    } else {
        party = g_new0(SpoolParty, 1);
        g_hash_table_insert(queue->parties, name, party);
    }
    party->entries++;
    return party;
}

SpoolEntry *spool_queue_add(SpoolQueue *queue, Job *job, SpoolSlice *slice)
{
    g_autofree char *client = spool_client_key(&job->facts);
    SpoolEntry *entry = g_new0(SpoolEntry, 1);
    entry->job = job;
    entry->slice = slice;
    entry->order = ++queue->order;
    entry->since = queue->turns;
    entry->requester = join_party(queue, g_strdup(requester_of(job)));
    entry->client = join_party(queue, g_strconcat("client:", client, NULL));
    entry->pair = join_party(queue, pair_of(requester_of(job), client));
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

/* One that may be next, with what decides that. */
typedef struct {
    SpoolEntry *entry;
    bool opening;
    guint64 turn;
} Candidate;

/* One look over all jobs; the sets borrow their strings from the entries. */
typedef struct {
    guint64 number;
    gint64 now;
    gint64 due;
    GHashTable *domains; /* held by slices that are out or unsettled, or kept for a due one */
    GHashTable *stuck;   /* held by unsettled slices that wait */
    GArray *candidates;  /* of Candidate */
} Look;

static void look_init(Look *look, SpoolQueue *queue, gint64 now)
{
    look->number = ++queue->looks;
    look->now = now;
    look->due = G_MAXINT64;
    look->domains = g_hash_table_new(g_str_hash, g_str_equal);
    look->stuck = g_hash_table_new(g_str_hash, g_str_equal);
    look->candidates = g_array_new(FALSE, FALSE, sizeof(Candidate));
}

static void look_clear(Look *look)
{
    g_hash_table_unref(look->domains);
    g_hash_table_unref(look->stuck);
    g_array_unref(look->candidates);
}

/* With what this look has noted of it so far. */
static SpoolParty *noted(const Look *look, SpoolParty *party)
{
    if (party->look != look->number) {
        party->look = look->number;
        party->settled = party->unproven = false;
        party->first = NULL;
    }
    return party;
}

static void add_candidate(Look *look, SpoolEntry *entry)
{
    bool opening = entry->job->state == JOB_RECEIVED;
    const Candidate candidate = {entry, opening, queue_of(entry)->served};
    g_array_append_val(look->candidates, candidate);
}

static bool is_past(const Look *look, gint64 time)
{
    return time <= look->now || time - look->now > WAIT_MAX;
}

static bool is_due(const Look *look, const Job *job)
{
    return is_past(look, job->not_before);
}

static const gint64 *find_pause(const SpoolQueue *queue, const SpoolEntry *entry)
{
    g_autofree char *client = spool_client_key(&entry->job->facts);
    g_autofree char *pair = pair_of(requester_of(entry->job), client);
    return g_hash_table_lookup(queue->pauses, pair);
}

/* Whether wrong passwords of its pair keep it from being opened. */
static bool is_paused(const SpoolQueue *queue, Look *look, const SpoolEntry *entry)
{
    const gint64 *until = g_hash_table_size(queue->pauses) > 0 ? find_pause(queue, entry) : NULL;
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
    if (entry->claimed && entry->ahead)
        hold(look->domains, entry->ahead->domains);
    if (!entry->claimed && !entry->job->started)
        return;
    SpoolParty *requester = noted(look, entry->requester);
    if (entry->claimed || !requester->first)
        requester->first = entry;
}

/* The turn after which an opening has its own: the last one of its requester at this client, or
 * that in which it came. So neither many mails of one requester nor many requesters' names keep
 * another of the same client waiting. */
static guint64 opening_turn(const SpoolEntry *entry)
{
    return MAX(entry->pair->served, entry->since);
}

static void consider_received(const SpoolQueue *queue, Look *look, SpoolEntry *entry, bool ready)
{
    SpoolParty *client = noted(look, entry->client), *pair = noted(look, entry->pair);
    if (entry->claimed) {
        client->settled = true;
        client->first = NULL;
    } else if (ready && !client->settled && !pair->unproven && !is_paused(queue, look, entry) &&
               (!client->first || opening_turn(entry) < opening_turn(client->first))) {
        client->first = entry;
    }
    pair->unproven = true;
}

static void consider_working(Look *look, SpoolEntry *entry, bool ready)
{
    SpoolParty *requester = noted(look, entry->requester);
    if (requester->first ? requester->first != entry
                         : noted(look, entry->pair)->unproven || requester->settled)
        return;
    requester->settled = true;
    if (ready)
        add_candidate(look, entry);
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
            add_candidate(look, entry);
        break;
    case JOB_DONE:
    case JOB_ANSWER_FAILED:
    case JOB_STATE_COUNT:
        break;
    }
}

static gint compare_turns(gconstpointer left, gconstpointer right, gpointer data)
{
    const Candidate *a = left, *b = right;
    const SpoolQueue *queue = data;
    if (queue->opened_last && a->opening != b->opening)
        return a->opening ? 1 : -1;
    if (a->turn != b->turn)
        return a->turn < b->turn ? -1 : 1;
    return a->entry->order < b->entry->order ? -1 : 1;
}

static void add_openings(const SpoolQueue *queue, Look *look)
{
    for (unsigned i = 0; i < queue->entries->len; i++) {
        SpoolEntry *entry = g_ptr_array_index(queue->entries, i);
        if (entry->job->state == JOB_RECEIVED && entry->client->first == entry)
            add_candidate(look, entry);
    }
}

/* The next one comes first; the others in any order. */
static void bring_first(SpoolQueue *queue, GArray *candidates)
{
    Candidate *all = (Candidate *)(void *)candidates->data;
    for (unsigned i = 1; i < candidates->len; i++)
        if (compare_turns(&all[i], &all[0], queue) < 0) {
            const Candidate first = all[i];
            all[i] = all[0];
            all[0] = first;
        }
}

static SpoolEntry *choose(SpoolQueue *queue, Look *look)
{
    add_openings(queue, look);
    queue->more = look->candidates->len > 1;
    bring_first(queue, look->candidates);
    for (unsigned i = 0; i < look->candidates->len; i++) {
        /* Only where the first can't be taken. */
        if (i == 1)
            g_array_sort_with_data(look->candidates, compare_turns, queue);
        SpoolEntry *entry = g_array_index(look->candidates, Candidate, i).entry;
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

static gboolean is_unused(gpointer name G_GNUC_UNUSED, gpointer party, gpointer data G_GNUC_UNUSED)
{
    return ((const SpoolParty *)party)->entries == 0;
}

/* Forgets the turns of those that have no job left. */
static void trim_served(SpoolQueue *queue)
{
    if (g_hash_table_size(queue->parties) >= 3 * queue->entries->len + SERVED_SPARE)
        g_hash_table_foreach_remove(queue->parties, is_unused, NULL);
}

static void note_turn(SpoolQueue *queue, SpoolParty *party)
{
    party->served = ++queue->turns;
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

static SpoolEntry *find_next(SpoolQueue *queue, gint64 now, gint64 *due)
{
    Look look;
    look_init(&look, queue, now);
    for (unsigned i = 0; i < queue->entries->len; i++)
        note_begun(&look, g_ptr_array_index(queue->entries, i));
    for (unsigned i = 0; i < queue->entries->len; i++)
        consider(queue, &look, g_ptr_array_index(queue->entries, i));
    SpoolEntry *entry = choose(queue, &look);
    *due = look.due;
    look_clear(&look);
    return entry;
}

SpoolEntry *spool_queue_take(SpoolQueue *queue, gint64 now, gint64 *due)
{
    SpoolEntry *entry = find_next(queue, now, due);
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

bool spool_queue_has_more(const SpoolQueue *queue)
{
    return queue->more;
}

bool spool_queue_again(SpoolQueue *queue, SpoolEntry *entry, SpoolSlice *ahead, bool keep,
                       gint64 now)
{
    SpoolSlice *present = entry->slice;
    bool unsettled = entry->unsettled;
    gint64 due;
    note_turn(queue, entry->turn_of);
    entry->slice = ahead;
    entry->claimed = entry->unsettled = false;
    bool again = find_next(queue, now, &due) == entry;
    entry->slice = present;
    entry->unsettled = unsettled;
    entry->claimed = true;
    if (again && keep)
        queue->opened_last = false;
    return again;
}

void spool_queue_give_back(SpoolQueue *queue, SpoolEntry *entry)
{
    entry->claimed = false;
    note_turn(queue, entry->turn_of);
    if (entry->job->state >= JOB_DONE)
        g_ptr_array_remove(queue->entries, entry);
}
