/* SPDX-License-Identifier: MIT */
#include "milter/followers.h"

#include "lib/follow-ask.h"
#include "lib/follow.h"
#include "lib/job.h"
#include "lib/secret.h"
#include <string.h>

/* Longest pause while batchload-follow is away, in seconds. */
#define AWAY_SECONDS_MAX 30

struct Followers {
    GMutex lock;
    World *world;     /* under lock */
    GPtrArray *lanes; /* of Lane, under lock */
    int stopping;     /* atomic */
};

/* One add-on's thread. */
typedef struct {
    Followers *followers;
    char *name;
    GThread *thread;
    bool ended;        /* under lock: it is registered no more */
    unsigned failures; /* one after the other, of which nothing is known of the call */
} Lane;

static void lane_free(Lane *lane)
{
    g_free(lane->name);
    g_free(lane);
}

static const Addon *find_addon(const World *world, const char *name)
{
    const GPtrArray *addons = world_config(world)->addons;
    for (guint i = 0; addons && i < addons->len; i++)
        if (strcmp(((const Addon *)addons->pdata[i])->name, name) == 0)
            return addons->pdata[i];
    return NULL;
}

/* The snapshot that is in use, or NULL where it does not have the add-on: then the thread ends. */
static World *look(Lane *lane)
{
    Followers *followers = lane->followers;
    g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&followers->lock);
    if (find_addon(followers->world, lane->name))
        return world_ref(followers->world);
    lane->ended = true;
    return NULL;
}

G_GNUC_PRINTF(3, 4)
static void log_call(LogLevel level, const SpoolCall *call, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_autofree char *object = log_value(*call->object ? call->object : call->domain);
    log_line(level, NULL, "follow: job=%s line=%u addon=%s call=%s object=%s %s", call->job,
             call->line, call->addon, call->name, object, text);
}

static void note_failed(Spool *spool, const SpoolCall *call, const char *reason)
{
    const unsigned seconds = job_pause(call->attempts);
    g_autoptr(GError) error = NULL;
    g_autofree char *shown = log_value(reason);
    log_call(LOG_LEVEL_WARNING, call, "action=wait attempts=%u seconds=%u reason=%s",
             call->attempts + 1, seconds, shown);
    if (!spool_call_failed(spool, call, reason, seconds, &error))
        log_call(LOG_LEVEL_ERROR, call, "action=wait failed: %s", error->message);
}

/* The add-on as such can't be called now: the seconds that pass before it is tried again. */
static unsigned note_away(Lane *lane, const GError *why)
{
    const unsigned pause = job_pause(lane->failures++);
    const unsigned seconds = MIN(pause, AWAY_SECONDS_MAX);
    if (g_atomic_int_get(&lane->followers->stopping))
        return 0;
    g_autofree char *reason = log_value(why->message);
    log_line(LOG_LEVEL_WARNING, NULL, "follow: addon=%s action=wait seconds=%u reason=%s",
             lane->name, seconds, reason);
    return seconds;
}

/* Makes the call. Returns the seconds to pause before the next one. */
static unsigned make_call(Lane *lane, const World *world, const SpoolCall *call)
{
    const Config *config = world_config(world);
    Spool *spool = world_spool(world);
    g_autoptr(GError) error = NULL;
    g_autofree char *reason = NULL;
    if (follow_is_cut(call)) {
        note_failed(spool, call, FOLLOW_CUT);
        return 0;
    }
    const Answer answer =
        follow_ask(config->addon_socket, call, find_addon(world, lane->name)->seconds,
                   &lane->followers->stopping, &reason, &error);
    if (answer == ANSWER_UNKNOWN)
        return note_away(lane, error);
    lane->failures = 0;
    if (answer == ANSWER_NO) {
        note_failed(spool, call, reason);
    } else if (spool_call_done(spool, call, &error)) {
        log_call(LOG_LEVEL_INFO, call, "action=done attempts=%u", call->attempts + 1);
    } else {
        log_call(LOG_LEVEL_ERROR, call, "action=done failed: %s", error->message);
        return 1;
    }
    return 0;
}

/* Whether the snapshot is the one in use still. */
static bool is_current(Followers *followers, const World *world)
{
    g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&followers->lock);
    return followers->world == world;
}

/* Until then, a stop or other settings: calls that come meanwhile change nothing. world is not
 * touched. */
static void sit_out(Lane *lane, Spool *spool, const World *world, unsigned seconds)
{
    const gint64 due = g_get_real_time() + (gint64)seconds * G_USEC_PER_SEC;
    for (guint64 seen = spool_calls_seen(spool);
         g_get_real_time() < due && is_current(lane->followers, world) &&
         !g_atomic_int_get(&lane->followers->stopping);
         seen = spool_calls_seen(spool))
        spool_calls_wait(spool, seen, due);
}

static gpointer follow(gpointer data)
{
    Lane *lane = data;
    while (!g_atomic_int_get(&lane->followers->stopping)) {
        g_autoptr(World) world = look(lane);
        if (!world)
            return NULL;
        Spool *spool = world_spool(world);
        const guint64 seen = spool_calls_seen(spool);
        g_autoptr(SpoolCall) call = NULL;
        g_autoptr(GError) error = NULL;
        gint64 due = G_MAXINT64;
        unsigned seconds = 0;
        const Answer answer = spool_call_next(spool, lane->name, &call, &due, &error);
        if (answer == ANSWER_YES)
            seconds = make_call(lane, world, call);
        else if (answer == ANSWER_UNKNOWN)
            seconds = note_away(lane, error);
        secret_clear_stack();
        /* A call holds secrets, and the world does. */
        const World *used = world;
        g_clear_pointer(&call, spool_call_free);
        g_clear_pointer(&world, world_unref);
        if (seconds > 0)
            sit_out(lane, spool, used, seconds);
        else if (answer == ANSWER_NO && !g_atomic_int_get(&lane->followers->stopping))
            spool_calls_wait(spool, seen, due);
    }
    return NULL;
}

/* Threads of what is registered no more are let go, and started for what is new; under lock. */
static void fit_lanes(Followers *followers)
{
    const GPtrArray *addons = world_config(followers->world)->addons;
    for (guint i = followers->lanes->len; i-- > 0;) {
        Lane *lane = followers->lanes->pdata[i];
        if (!lane->ended)
            continue;
        g_thread_join(lane->thread);
        g_ptr_array_remove_index(followers->lanes, i);
    }
    for (guint i = 0; addons && i < addons->len; i++) {
        const Addon *addon = addons->pdata[i];
        bool there = false;
        for (guint k = 0; k < followers->lanes->len; k++)
            there |= strcmp(((const Lane *)followers->lanes->pdata[k])->name, addon->name) == 0;
        if (there)
            continue;
        Lane *lane = g_new0(Lane, 1);
        lane->followers = followers;
        lane->name = g_strdup(addon->name);
        g_ptr_array_add(followers->lanes, lane);
        lane->thread = g_thread_new("follower", follow, lane);
    }
}

Followers *followers_start(World *world)
{
    Followers *followers = g_new0(Followers, 1);
    g_mutex_init(&followers->lock);
    followers->world = world_ref(world);
    followers->lanes = g_ptr_array_new_with_free_func((GDestroyNotify)lane_free);
    g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&followers->lock);
    fit_lanes(followers);
    return followers;
}

void followers_change(Followers *followers, World *world)
{
    g_mutex_lock(&followers->lock);
    World *before = followers->world;
    followers->world = world_ref(world);
    fit_lanes(followers);
    g_mutex_unlock(&followers->lock);
    world_unref(before);
    spool_calls_wake(world_spool(world));
}

void followers_stop(Followers *followers)
{
    if (!followers)
        return;
    g_atomic_int_set(&followers->stopping, 1);
    spool_calls_wake(world_spool(followers->world));
    for (guint i = 0; i < followers->lanes->len; i++)
        g_thread_join(((Lane *)followers->lanes->pdata[i])->thread);
    g_ptr_array_unref(followers->lanes);
    world_unref(followers->world);
    g_mutex_clear(&followers->lock);
    g_free(followers);
}
