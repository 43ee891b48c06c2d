/* SPDX-License-Identifier: MIT */
#include "lib/directory-private.h"

#include <string.h>

/* Longest pause before one of several that could not be used is tried again, in seconds. */
#define PAUSE_MAX 4

typedef struct {
    char *uri;
    unsigned failures; /* in a row */
    gint64 not_before; /* monotonic; not tried again until then */
    GError *fault;     /* of the last try, or NULL */
} Server;

struct DirectoryServers {
    Server *servers;
    guint count;
    bool pauses; /* where there is no other, those who ask have pauses of their own */
    GMutex lock; /* of all below, and of what changes in servers */
    guint in_use;
    char *news;
};

GStrv directory_server_list(const char *uri)
{
    g_auto(GStrv) words = g_strsplit_set(uri != NULL ? uri : "", DIRECTORY_SEPARATORS, -1);
    g_autoptr(GStrvBuilder) builder = g_strv_builder_new();
    for (char **word = words; *word != NULL; word++) {
        if (**word != '\0')
            g_strv_builder_add(builder, *word);
    }
    return g_strv_builder_end(builder);
}

static DirectoryServers *servers_new(const char *uri, bool pauses)
{
    g_auto(GStrv) uris = directory_server_list(uri);
    DirectoryServers *servers = g_new0(DirectoryServers, 1);
    servers->count = g_strv_length(uris);
    servers->servers = g_new0(Server, MAX(servers->count, 1));
    servers->pauses = pauses && servers->count > 1;
    for (guint i = 0; i < servers->count; i++)
        servers->servers[i].uri = g_strdup(uris[i]);
    g_mutex_init(&servers->lock);
    return servers;
}

DirectoryServers *directory_servers_new(const char *uri)
{
    return servers_new(uri, true);
}

DirectoryServers *directory_servers_alone(const char *uri)
{
    return servers_new(uri, false);
}

void directory_servers_free(DirectoryServers *servers)
{
    if (servers == NULL)
        return;
    for (guint i = 0; i < servers->count; i++) {
        g_free(servers->servers[i].uri);
        g_clear_error(&servers->servers[i].fault);
    }
    g_free(servers->servers);
    g_free(servers->news);
    g_mutex_clear(&servers->lock);
    g_free(servers);
}

guint directory_servers_count(const DirectoryServers *servers)
{
    return servers->count;
}

const char *directory_servers_uri(const DirectoryServers *servers, guint at)
{
    return servers->servers[at].uri;
}

int directory_servers_find(const DirectoryServers *servers, const char *uri)
{
    for (guint i = 0; i < servers->count; i++) {
        if (g_strcmp0(servers->servers[i].uri, uri) == 0)
            return (int)i;
    }
    return -1;
}

guint directory_servers_in_use(DirectoryServers *servers)
{
    g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&servers->lock);
    return servers->in_use;
}

void directory_servers_follow(DirectoryServers *servers, DirectoryServers *before)
{
    const char *uri = directory_servers_uri(before, directory_servers_in_use(before));
    bool same = servers->count == before->count;
    for (guint i = 0; i < servers->count && same; i++)
        same = strcmp(servers->servers[i].uri, before->servers[i].uri) == 0;
    if (same)
        servers->in_use = (guint)MAX(directory_servers_find(servers, uri), 0);
}

bool directory_servers_may_try(DirectoryServers *servers, guint at, GError **fault)
{
    g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&servers->lock);
    const Server *server = &servers->servers[at];
    if (server->fault == NULL || g_get_monotonic_time() >= server->not_before)
        return true;
    g_propagate_error(fault, g_error_copy(server->fault));
    return false;
}

gint64 directory_servers_pause(unsigned failures)
{
    unsigned seconds = failures > 2 ? PAUSE_MAX : 1u << (failures - 1);
    return (gint64)(g_random_double_range(0.5, 1) * seconds * G_TIME_SPAN_SECOND);
}

void directory_servers_failed(DirectoryServers *servers, guint at, const GError *fault)
{
    g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&servers->lock);
    Server *server = &servers->servers[at];
    g_clear_error(&server->fault);
    server->fault = g_error_copy(fault);
    server->failures++;
    server->not_before =
        servers->pauses ? g_get_monotonic_time() + directory_servers_pause(server->failures) : 0;
}

void directory_servers_works(DirectoryServers *servers, guint at, bool use)
{
    g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&servers->lock);
    Server *server = &servers->servers[at], *before = &servers->servers[servers->in_use];
    server->failures = 0;
    g_clear_error(&server->fault);
    if (!use || servers->in_use == at)
        return;
    g_free(servers->news);
    servers->news =
        g_strdup_printf("%s is used from now on, since %s can't be: %s", server->uri, before->uri,
                        before->fault != NULL ? before->fault->message : "it was left");
    servers->in_use = at;
}

char *directory_servers_news(DirectoryServers *servers)
{
    g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&servers->lock);
    return g_steal_pointer(&servers->news);
}
