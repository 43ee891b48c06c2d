/* SPDX-License-Identifier: MIT */
#include "lib/network.h"
#include "lib/spool-private.h"
#include "lib/text.h"
#include <string.h>

/* How much is queued, in all and by whom, and whether there is room for more. An unproven job
 * counts against its client, and against what its requester's name has from this client: so one of
 * several who share a client does not take all of it. A proven one counts against its requester.
 * The caller holds the spool's lock. */

/* Longest login that is kept, in bytes. */
#define LOGIN_MAX 200

typedef struct {
    unsigned jobs;
    guint64 bytes;
} Load;

char *spool_client_key(const JobFacts *facts)
{
    if (!facts->login || !*facts->login)
        return network_of(facts->client ? facts->client : "");
    g_autofree char *login = text_printable(facts->login, -1, LOGIN_MAX);
    return g_strconcat(spool_is_by_door(facts) ? "door:" : "login:", login, NULL);
}

bool spool_is_by_command(const JobFacts *facts)
{
    return g_strcmp0(facts->client, SPOOL_CLIENT_COMMAND) == 0 ||
           g_strcmp0(facts->client, SPOOL_CLIENT_CHECK) == 0 ||
           g_strcmp0(facts->client, SPOOL_CLIENT_PANEL) == 0;
}

bool spool_is_by_door(const JobFacts *facts)
{
    return g_strcmp0(facts->client, SPOOL_CLIENT_DOOR) == 0;
}

bool spool_is_by_program(const JobFacts *facts)
{
    return spool_is_by_door(facts) || g_strcmp0(facts->client, SPOOL_CLIENT_PANEL) == 0;
}

bool spool_is_fetched(const JobFacts *facts)
{
    return spool_is_by_program(facts) || g_strcmp0(facts->client, SPOOL_CLIENT_CHECK) == 0;
}

/* Against whom a job counts; NULL-terminated, the client (or the proven requester) first. */
static GStrv parties_of(const JobFacts *facts, bool proven)
{
    g_autofree char *client = spool_client_key(facts);
    const char *requester = facts->requester ? facts->requester : "";
    g_autoptr(GStrvBuilder) builder = g_strv_builder_new();
    if (spool_is_by_command(facts))
        return g_strv_builder_end(builder); /* who may do so may fill it */
    if (proven) {
        g_autofree char *name = g_strconcat("requester:", requester, NULL);
        g_strv_builder_add(builder, name);
    } else {
        g_autofree char *name = g_strconcat("client:", client, NULL);
        g_autofree char *pair = g_strconcat("pair:", requester, "\n", client, NULL);
        g_strv_builder_add(builder, name);
        g_strv_builder_add(builder, pair);
    }
    return g_strv_builder_end(builder);
}

static void add(Spool *spool, const JobFacts *facts, bool proven, int jobs, gint64 bytes)
{
    g_auto(GStrv) parties = parties_of(facts, proven);
    for (char **party = parties; *party; party++) {
        Load *load = g_hash_table_lookup(spool->loads, *party);
        if (!load) {
            load = g_new0(Load, 1);
            g_hash_table_insert(spool->loads, g_strdup(*party), load);
        }
        load->jobs += (unsigned)jobs;
        load->bytes += (guint64)bytes;
        if (load->jobs == 0)
            g_hash_table_remove(spool->loads, *party);
    }
    spool->jobs += (unsigned)jobs;
    spool->bytes += (guint64)bytes;
}

void spool_room_add(Spool *spool, const JobFacts *facts, bool proven, guint64 bytes)
{
    add(spool, facts, proven, 1, (gint64)bytes);
}

void spool_room_remove(Spool *spool, const JobFacts *facts, bool proven, guint64 bytes)
{
    add(spool, facts, proven, -1, -(gint64)bytes);
}

/* Whether jobs and bytes more are allowed of what is there; 0 is no limit. */
static bool fits(const char *whose, const Load *load, unsigned jobs, guint64 bytes,
                 unsigned jobs_max, guint64 bytes_max, const char *jobs_name,
                 const char *bytes_name, GError **error)
{
    if (jobs_max > 0 && load->jobs + jobs > jobs_max) {
        g_set_error(error, SPOOL_ERROR, SPOOL_ERROR_FULL,
                    "%u jobs%s are queued, as many as are allowed (limit %s)", load->jobs, whose,
                    jobs_name);
        return false;
    }
    if (bytes_max > 0 &&
        (load->bytes >= bytes_max || bytes > bytes_max - MIN(bytes_max, load->bytes))) {
        g_set_error(error, SPOOL_ERROR, SPOOL_ERROR_FULL,
                    "%" G_GUINT64_FORMAT
                    " bytes of mail%s are queued, and no more are allowed (limit %s)",
                    load->bytes, whose, bytes_name);
        return false;
    }
    return true;
}

static bool party_fits(const Spool *spool, const char *name, unsigned jobs, guint64 bytes,
                       GError **error)
{
    static const Load nothing = {0};
    const Load *load = g_hash_table_lookup(spool->loads, name);
    load = load ? load : &nothing;
    if (g_str_has_prefix(name, "client:"))
        return fits(" of this client", load, jobs, bytes, spool->client_jobs_max,
                    spool->client_bytes_max, "client_jobs_max", "client_bytes_max", error);
    return fits(" of this requester", load, jobs, bytes, spool->requester_jobs_max,
                spool->requester_bytes_max, "requester_jobs_max", "requester_bytes_max", error);
}

/* Whether all whom the job would count against have room. */
static bool all_fit(const Spool *spool, const JobFacts *facts, bool proven, unsigned jobs,
                    guint64 bytes, GError **error)
{
    const Load all = {spool->jobs, spool->bytes};
    if (!fits("", &all, jobs, bytes, spool->jobs_max, spool->bytes_max, "jobs_max", "bytes_max",
              error))
        return false;
    g_auto(GStrv) parties = parties_of(facts, proven);
    for (char **party = parties; *party; party++)
        if (!party_fits(spool, *party, jobs, bytes, error))
            return false;
    return true;
}

/* What lies in the queue needs room to be worked on: rows, plans, outcomes and a response. */
static bool disk_fits(const Spool *spool, guint64 bytes, GError **error)
{
    guint64 room = spool->free_min > 0 ? spool_files_room(spool->files) : G_MAXUINT64;
    if (room >= spool->free_min && room - spool->free_min >= bytes)
        return true;
    g_set_error(error, SPOOL_ERROR, SPOOL_ERROR_FULL,
                "%" G_GUINT64_FORMAT " bytes of the spool's disk are free, which are kept for what "
                "is queued (limit free_min)",
                room);
    return false;
}

bool spool_disk_has_room(const Spool *spool, guint64 bytes, GError **error)
{
    guint64 room = spool_files_room(spool->files);
    if (room >= bytes)
        return true;
    g_set_error(error, SPOOL_ERROR, SPOOL_ERROR_STORE,
                "the spool's disk is full: %" G_GUINT64_FORMAT " bytes are free", room);
    return false;
}

bool spool_room_take(Spool *spool, const JobFacts *facts, GError **error)
{
    /* What the requester has proven fills it, too: nobody else can. */
    if (!disk_fits(spool, 0, error) || !all_fit(spool, facts, facts->proven, 1, 0, error) ||
        (!facts->proven && !spool_is_by_command(facts) &&
         !all_fit(spool, facts, true, 1, 0, error)))
        return false;
    add(spool, facts, facts->proven, 1, 0);
    return true;
}

bool spool_room_grow(Spool *spool, const JobFacts *facts, guint64 bytes, GError **error)
{
    if (!disk_fits(spool, bytes, error) || !all_fit(spool, facts, facts->proven, 0, bytes, error))
        return false;
    add(spool, facts, facts->proven, 0, (gint64)bytes);
    return true;
}
