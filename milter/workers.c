/* SPDX-License-Identifier: MIT */
#include "milter/workers.h"

/* How long a worker sleeps at most before it looks again whether it shall stop. */
#define NAP (G_USEC_PER_SEC / 2)
#define EXPIRE_EVERY (3600 * (gint64)G_USEC_PER_SEC)

struct Workers {
    Spool *spool;
    GPtrArray *threads;  /* of GThread */
    GPtrArray *hands;    /* of JobWorker, one a thread */
    int stopping;        /* atomic */
    gint64 expire_after; /* under lock */
    GMutex lock;
};

typedef struct {
    Workers *workers;
    JobWorker *hand;
} Seat;

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
    g_autofree Seat *seat = data;
    Workers *workers = seat->workers;
    bool complained = false;
    while (!g_atomic_int_get(&workers->stopping)) {
        g_autoptr(SpoolClaim) claim = NULL;
        g_autoptr(GError) error = NULL;
        gint64 due = G_MAXINT64;
        switch (spool_claim(workers->spool, &claim, &due, &error)) {
        case ANSWER_YES:
            complained = false;
            job_step(seat->hand, claim);
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
        spool_wait(workers->spool, MIN(due, g_get_real_time() + NAP));
    }
    return NULL;
}

Workers *workers_start(Config *config, Spool *spool, PlanHasGrantFunc has_grant, gpointer data,
                       GError **error)
{
    g_autoptr(GPtrArray) hands = g_ptr_array_new_with_free_func((GDestroyNotify)job_worker_free);
    for (unsigned i = 0; i < config->workers; i++) {
        JobWorker *hand = job_worker_new(config, spool, has_grant, data, error);
        if (!hand)
            return NULL;
        g_ptr_array_add(hands, hand);
    }
    Workers *workers = g_new0(Workers, 1);
    workers->spool = spool;
    workers->hands = g_steal_pointer(&hands);
    workers->threads = g_ptr_array_new();
    g_mutex_init(&workers->lock);
    for (unsigned i = 0; i < config->workers; i++) {
        Seat *seat = g_new0(Seat, 1);
        seat->workers = workers;
        seat->hand = g_ptr_array_index(workers->hands, i);
        g_autofree char *name = g_strdup_printf("worker-%u", i + 1);
        g_ptr_array_add(workers->threads, g_thread_new(name, work, seat));
    }
    return workers;
}

void workers_stop(Workers *workers)
{
    if (!workers)
        return;
    g_atomic_int_set(&workers->stopping, 1);
    for (unsigned i = 0; i < workers->hands->len; i++)
        job_worker_stop(g_ptr_array_index(workers->hands, i));
    spool_wake(workers->spool);
    for (unsigned i = 0; i < workers->threads->len; i++)
        g_thread_join(g_ptr_array_index(workers->threads, i));
    g_ptr_array_unref(workers->threads);
    g_ptr_array_unref(workers->hands);
    g_mutex_clear(&workers->lock);
    g_free(workers);
}
