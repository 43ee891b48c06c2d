/* SPDX-License-Identifier: MIT */
#include "milter/reload.h"
#include "milter/callbacks.h"
#include <errno.h>
#include <unistd.h>

struct Reload {
    char *path;
    World *world;
    Workers *workers;
    Followers *followers;
    char *tried;   /* fingerprint of the table that was last read, well or not */
    char *seen;    /* at the last look */
    gint64 looked; /* monotonic time of it */
};

Reload *reload_new(const char *path, World *world, Workers *workers, Followers *followers)
{
    Reload *reload = g_new0(Reload, 1);
    /* Nobody else's working directory is asked for it later. */
    reload->path = g_canonicalize_filename(path, NULL);
    reload->world = world_ref(world);
    reload->workers = workers;
    reload->followers = followers;
    reload->tried = sender_table_fingerprint(world_senders(world), false);
    reload->seen = g_strdup(reload->tried);
    reload->looked = g_get_monotonic_time();
    return reload;
}

void reload_free(Reload *reload)
{
    if (reload == NULL)
        return;
    g_free(reload->path);
    world_unref(reload->world);
    g_free(reload->tried);
    g_free(reload->seen);
    g_free(reload);
}

/* --- what a running daemon can't change --- */

static void note(GString *names, bool differs, const char *name)
{
    if (differs)
        g_string_append_printf(names, "%s%s", names->len > 0 ? ", " : "", name);
}

static bool differ(const char *a, const char *b)
{
    return g_strcmp0(a, b) != 0;
}

/* Names of the settings that would need a new start; empty for none. Caller owns it. */
static char *fixed_settings(const Config *old, const Config *new)
{
    GString *names = g_string_new(NULL);
    note(names, differ(old->socket, new->socket), "socket");
    note(names, old->socket_mode != new->socket_mode, "socket_mode");
    note(names, differ(old->socket_group, new->socket_group), "socket_group");
    note(names, differ(old->user, new->user), "user");
    note(names, old->log != new->log || differ(old->log_file, new->log_file), "log");
    note(names, old->workers != new->workers, "workers");
    /* A program may need rights that were given up for good where none was to be run. */
    note(names, !submit_runs_program(&old->submit) && submit_runs_program(&new->submit), "submit");
    note(names, differ(old->spool.directory, new->spool.directory), "directory in section spool");
    note(names, differ(old->spool.key_file, new->spool.key_file), "key_file in section spool");
    return g_string_free(names, FALSE);
}

/* --- taking up --- */

/* The last that can fail comes first. */
static bool use(Reload *reload, World *world, GError **error)
{
    const Config *before = world_config(reload->world), *config = world_config(world);
    if (config != before)
        directory_servers_follow(config->directory.servers, before->directory.servers);
    if (!workers_change(reload->workers, world, error))
        return false;
    spool_change_limits(world_spool(world), &world_config(world)->spool);
    followers_change(reload->followers, world);
    callbacks_set_world(world);
    world_unref(reload->world);
    reload->world = world_ref(world);
    return true;
}

/* Opens config's sender table, and takes both up. */
static bool take_up(Reload *reload, Config *config, GError **error)
{
    g_autoptr(SenderTable) senders = sender_table_for(config, error);
    if (senders == NULL)
        return false;
    g_autoptr(World) world =
        world_new(config, g_steal_pointer(&senders), world_spool(reload->world));
    return use(reload, world, error);
}

static bool fits(const Reload *reload, const Config *config, GError **error)
{
    g_autofree char *fixed = fixed_settings(world_config(reload->world), config);
    if (*fixed != '\0')
        g_set_error(error, CONFIG_ERROR, CONFIG_ERROR_SYNTAX,
                    "%s: these can't change while the daemon runs: %s; restart it to take up "
                    "everything",
                    reload->path, fixed);
    else if (access(config->parser, X_OK) != 0)
        g_set_error(error, CONFIG_ERROR, CONFIG_ERROR_FILE, "%s: the parser %s can't be run: %s",
                    reload->path, config->parser, g_strerror(errno));
    else
        return true;
    return false;
}

/* Files with this fingerprint are not read again. */
static void remember(Reload *reload, char *fingerprint)
{
    g_free(reload->tried);
    reload->tried = fingerprint;
}

bool reload_all(Reload *reload)
{
    g_autoptr(GError) error = NULL;
    if (!log_reopen(&error))
        log_line(LOG_LEVEL_WARNING, NULL, "reload: lines go on to the old log: %s", error->message);
    g_clear_error(&error);
    g_autofree char *before = sender_table_fingerprint(world_senders(reload->world), true);
    g_autoptr(Config) config = config_load(reload->path, &error);
    if (config != NULL && fits(reload, config, &error) && take_up(reload, config, &error)) {
        remember(reload, sender_table_fingerprint(world_senders(reload->world), false));
        log_line(LOG_LEVEL_INFO, NULL, "reload: the configuration and its tables were taken up");
        return true;
    }
    /* What is wrong with a table is told once. */
    if (error->domain == MAP_ERROR || error->domain == GRANT_ERROR)
        remember(reload, g_steal_pointer(&before));
    log_line(LOG_LEVEL_ERROR, NULL,
             "reload: nothing was taken up, the settings and tables in use stay: %s",
             error->message);
    return false;
}

/* Whether the files changed and have been left alone since the last look; then *now is theirs. */
static bool table_settled(Reload *reload, char **now)
{
    *now = sender_table_fingerprint(world_senders(reload->world), true);
    bool settled = g_str_equal(*now, reload->seen);
    g_free(reload->seen);
    reload->seen = g_strdup(*now);
    return settled && !g_str_equal(*now, reload->tried);
}

void reload_look(Reload *reload)
{
    g_autofree char *now = NULL;
    g_autoptr(GError) error = NULL;
    gint64 time = g_get_monotonic_time();
    if (time - reload->looked < RELOAD_SECONDS * G_USEC_PER_SEC)
        return;
    reload->looked = time;
    if (!table_settled(reload, &now))
        return;
    remember(reload, g_steal_pointer(&now));
    if (take_up(reload, world_config(reload->world), &error))
        log_line(LOG_LEVEL_INFO, NULL, "reload: the changed sender table was taken up");
    else
        log_line(LOG_LEVEL_ERROR, NULL,
                 "reload: the changed sender table was not taken up, the one in use stays: %s",
                 error->message);
}
