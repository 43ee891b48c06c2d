/* SPDX-License-Identifier: MIT */
#include "milter/workers.h"

#include "lib/secret.h"

/* How long a worker sleeps at most before it looks again whether it shall stop. */
#define NAP (G_USEC_PER_SEC / 2)
#define EXPIRE_EVERY (3600 * (gint64)G_USEC_PER_SEC)

struct Workers {
    Spool *spool;
    Hasher *hasher;      /* of all of them */
    GPtrArray *threads;  /* of GThread */
    GPtrArray *seats;    /* of Seat, one a thread */
    int stopping;        /* atomic */
    gint64 expire_after; /* under lock */
    GMutex lock;
};

/* What one thread works with. */
typedef struct {
    JobWorker *worker;
    World *world; /* that of worker */
} Hand;

/* Only the thread replaces hand, and others look at both under the workers' lock. */
typedef struct {
    Workers *workers;
    Hand *hand;
    Hand *next; /* to be taken before the next step, or NULL */
} Seat;

static void hand_free(Hand *hand)
{
    if (!hand)
        return;
    job_worker_free(hand->worker);
    world_unref(hand->world);
    g_free(hand);
}

static Hand *hand_new(World *world, Hasher *hasher, GError **error)
{
    JobWorker *worker = job_worker_new(world_config(world), world_spool(world), hasher,
                                       world_senders(world) ? sender_table_has_own : NULL,
                                       world_senders(world), error);
    if (!worker)
        return NULL;
    Hand *hand = g_new0(Hand, 1);
    hand->worker = worker;
    hand->world = world_ref(world);
    return hand;
}

/* One for each of so many threads; NULL with an error: not even one. */
static GPtrArray *hands_new(World *world, Hasher *hasher, unsigned count, GError **error)
{
    g_autoptr(GPtrArray) hands = g_ptr_array_new_with_free_func((GDestroyNotify)hand_free);
    for (unsigned i = 0; i < count; i++) {
        Hand *hand = hand_new(world, hasher, error);
        if (!hand)
            return NULL;
        g_ptr_array_add(hands, hand);
    }
    return g_steal_pointer(&hands);
}

static void seat_free(Seat *seat)
{
    hand_free(seat->hand);
    hand_free(seat->next);
    g_free(seat);
}

/* Between two steps: the old hand, and with it the old snapshot, is let go. */
static void take_next_hand(Seat *seat)
{
    Hand *old = NULL;
    g_mutex_lock(&seat->workers->lock);
    if (seat->next) {
        old = seat->hand;
        seat->hand = g_steal_pointer(&seat->next);
    }
    g_mutex_unlock(&seat->workers->lock);
    hand_free(old);
}

/* One of the workers tidies up once an hour. */
static void expire_sometimes(Workers *workers)
{
    gint64 now = g_get_monotonic_time();
    g_mutex_lock(&workers->lock);
    bool due = now >= workers->expire_after;
    if (due)
        workers->expire_after = now + EXPIRE_EVERY;
    g_mutex_unlock(&workers->lock);
    g_autoptr(GError) error = NULL;
    if (due && !spool_expire(workers->spool, &error))
        log_line(LOG_LEVEL_WARNING, NULL, "spool: old records were not removed: %s",
                 error->message);
}

static gpointer work(gpointer data)
{
    Seat *seat = data;
    Workers *workers = seat->workers;
    bool complained = false;
    while (!g_atomic_int_get(&workers->stopping)) {
        g_autoptr(SpoolClaim) claim = NULL;
        g_autoptr(GError) error = NULL;
        take_next_hand(seat);
        gint64 due = G_MAXINT64;
        switch (spool_claim(workers->spool, &claim, &due, &error)) {
        case ANSWER_YES:
            complained = false;
            do
                job_step(seat->hand->worker, claim);
            while (job_is_to_be_answered(seat->hand->worker, claim));
            secret_clear_stack();
            continue;
        case ANSWER_UNKNOWN:
            if (!complained)
                log_line(LOG_LEVEL_ERROR, NULL, "spool: no job can be claimed: %s", error->message);
            complained = true;
            break;
        case ANSWER_NO:
            break;
        }
        expire_sometimes(workers);
        job_worker_prepare(seat->hand->worker);
        spool_wait(workers->spool, MIN(due, g_get_real_time() + NAP));
    }
    return NULL;
}

Workers *workers_start(World *world, GError **error)
{
    g_autoptr(Hasher) hasher = hasher_new(0);
    g_autoptr(GPtrArray) hands = hands_new(world, hasher, world_config(world)->workers, error);
    if (!hands)
        return NULL;
    Workers *workers = g_new0(Workers, 1);
    workers->spool = world_spool(world);
    workers->hasher = g_steal_pointer(&hasher);
    workers->seats = g_ptr_array_new_with_free_func((GDestroyNotify)seat_free);
    workers->threads = g_ptr_array_new();
    g_mutex_init(&workers->lock);
    while (hands->len > 0) {
        Seat *seat = g_new0(Seat, 1);
        seat->workers = workers;
        seat->hand = g_ptr_array_steal_index(hands, hands->len - 1);
        g_ptr_array_add(workers->seats, seat);
        g_autofree char *name = g_strdup_printf("worker-%u", workers->seats->len);
        g_ptr_array_add(workers->threads, g_thread_new(name, work, seat));
    }
    return workers;
}

bool workers_change(Workers *workers, World *world, GError **error)
{
    g_autoptr(GPtrArray) hands = hands_new(world, workers->hasher, workers->seats->len, error);
    if (!hands)
        return false;
    g_autoptr(GPtrArray) never_used = g_ptr_array_new_with_free_func((GDestroyNotify)hand_free);
    g_mutex_lock(&workers->lock);
    for (unsigned i = 0; i < workers->seats->len; i++) {
        Seat *seat = g_ptr_array_index(workers->seats, i);
        job_worker_retire(seat->hand->worker);
        if (seat->next)
            g_ptr_array_add(never_used, seat->next);
        seat->next = g_ptr_array_steal_index(hands, hands->len - 1);
    }
    g_mutex_unlock(&workers->lock);
    return true;
}

/* No hand is handed out any more. */
static void stop_hands(Workers *workers)
{
    g_mutex_lock(&workers->lock);
    for (unsigned i = 0; i < workers->seats->len; i++) {
        const Seat *seat = g_ptr_array_index(workers->seats, i);
        job_worker_stop(seat->hand->worker);
        if (seat->next)
            job_worker_stop(seat->next->worker);
    }
    g_mutex_unlock(&workers->lock);
}

void workers_stop(Workers *workers)
{
    if (!workers)
        return;
    g_atomic_int_set(&workers->stopping, 1);
    stop_hands(workers);
    spool_wake(workers->spool);
    for (unsigned i = 0; i < workers->threads->len; i++)
        g_thread_join(g_ptr_array_index(workers->threads, i));
    g_ptr_array_unref(workers->threads);
    g_ptr_array_unref(workers->seats);
    hasher_free(workers->hasher);
    g_mutex_clear(&workers->lock);
    g_free(workers);
}
