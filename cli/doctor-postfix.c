/* SPDX-License-Identifier: MIT */
#include "cli/doctor.h"

#include "lib/answer.h"

#include <string.h>

/* Postfix is asked by its own tools, postconf(1) and postmap(1). */

#define DEFAULT_SIZE 10240000 /* message_size_limit as Postfix is installed */

typedef struct {
    Doctor *doctor;
    const Config *config;
    const char *folder; /* NULL: Postfix's own */
} Postfix;

/* ANSWER_YES: *out, owned by the caller, is a tool's standard output. ANSWER_NO: it ended with an
 * error and no words, as postmap(1) does where a key is not there. */
static Answer run(const Postfix *postfix, const char *tool, const char *const *words, char **out)
{
    g_autofree char *path = g_find_program_in_path(tool);
    g_autoptr(GPtrArray) argv = g_ptr_array_new();
    g_autofree char *text = NULL, *errors = NULL;
    int status = 0;

    if (path == NULL)
        path = g_build_filename("/usr/sbin", tool, NULL);
    g_ptr_array_add(argv, path);
    if (postfix->folder != NULL) {
        g_ptr_array_add(argv, (char *)"-c");
        g_ptr_array_add(argv, (char *)postfix->folder);
    }
    for (; *words != NULL; words++)
        g_ptr_array_add(argv, (char *)*words);
    g_ptr_array_add(argv, NULL);
    if (!g_spawn_sync(NULL, (char **)argv->pdata, NULL, G_SPAWN_DEFAULT, NULL, NULL, &text, &errors,
                      &status, NULL))
        return ANSWER_UNKNOWN;
    if (!g_spawn_check_wait_status(status, NULL))
        return *errors == '\0' ? ANSWER_NO : ANSWER_UNKNOWN;
    *out = g_strstrip(g_steal_pointer(&text));
    return ANSWER_YES;
}

/* A setting's value, "" where this Postfix has none of the name. */
static char *setting(const Postfix *postfix, const char *name, bool expand)
{
    const char *const words[] = {expand ? "-hx" : "-h", name, NULL};
    char *value = NULL;

    return run(postfix, "postconf", words, &value) == ANSWER_YES ? value : g_strdup("");
}

/* --- the filter --- */

/* How Postfix writes our socket: with a path from the root, or below its queue folder. */
static bool names_socket(const Postfix *postfix, const char *milters)
{
    g_autofree char *queue = setting(postfix, "queue_directory", true);
    const char *ours = postfix->config->socket;
    const char *path = g_str_has_prefix(ours, "unix:") ? ours + strlen("unix:") : NULL;
    const char *at = strchr(ours, '@');

    if (path == NULL && at != NULL) {
        /* inet:PORT@HOST here, inet:HOST:PORT there */
        const char *port = ours + strlen("inet:");
        g_autofree char *end = g_strdup_printf(":%.*s", (int)(at - port), port);
        return strstr(milters, end) != NULL;
    }
    if (path == NULL)
        return false;
    if (strstr(milters, path) != NULL)
        return true;
    return *queue != '\0' && g_str_has_prefix(path, queue) && path[strlen(queue)] == '/' &&
           strstr(milters, path + strlen(queue) + 1) != NULL;
}

static void look_at_filter(const Postfix *postfix)
{
    g_autofree char *milters = setting(postfix, "smtpd_milters", true);
    g_autofree char *action = setting(postfix, "milter_default_action", true);
    const char *own = strstr(milters, "default_action=");
    const char *decides = own != NULL ? own + strlen("default_action=") : action;

    if (!names_socket(postfix, milters)) {
        doctor_say(postfix->doctor, FINDING_WRONG, "milter",
                   "smtpd_milters of Postfix does not name %s: requests never reach the daemon.",
                   postfix->config->socket);
        return;
    }
    doctor_say(postfix->doctor, FINDING_GOOD, "milter", "Postfix asks the daemon.");
    if (g_str_has_prefix(decides, "accept"))
        doctor_say(postfix->doctor, FINDING_WRONG, "action",
                   "While the daemon is away, Postfix lets requests pass with their passwords: set "
                   "default_action=tempfail for it in smtpd_milters.");
    else
        doctor_say(postfix->doctor, FINDING_GOOD, "action",
                   "While the daemon is away, Postfix puts mail off.");
}

/* --- the batch addresses --- */

/* ANSWER_UNKNOWN: the table *failed can't be asked. */
static Answer is_held(const Postfix *postfix, char **tables, const char *address,
                      const char **failed)
{
    for (char **table = tables; *table != NULL; table++) {
        const char *const words[] = {"-q", address, *table, NULL};
        g_autofree char *value = NULL;
        Answer found = **table != '\0' ? run(postfix, "postmap", words, &value) : ANSWER_NO;
        if (found == ANSWER_UNKNOWN) {
            *failed = *table;
            return found;
        }
        if (found == ANSWER_YES && *value != '\0')
            return g_str_has_prefix(value, "retry:") || g_str_has_prefix(value, "error:")
                       ? ANSWER_YES
                       : ANSWER_NO;
    }
    return ANSWER_NO;
}

static void look_at_transport(const Postfix *postfix)
{
    g_autofree char *maps = setting(postfix, "transport_maps", true);
    g_auto(GStrv) tables = g_strsplit_set(maps, ", \t\n", -1);
    char *const *addresses = postfix->config->batch_addresses;

    for (char *const *address = addresses; address != NULL && *address != NULL; address++) {
        const char *failed = NULL;
        Answer held = is_held(postfix, tables, *address, &failed);
        if (held == ANSWER_YES)
            continue;
        if (held == ANSWER_UNKNOWN)
            doctor_say(postfix->doctor, FINDING_UNKNOWN, "transport",
                       "The table %s of transport_maps can't be asked: postmap(1) fails.", failed);
        else
            doctor_say(postfix->doctor, FINDING_WRONG, "transport",
                       "transport_maps has no entry \"%s retry:4.3.0 …\": a request that slips "
                       "past the filter would be delivered with its password.",
                       *address);
        return;
    }
    doctor_say(postfix->doctor, FINDING_GOOD, "transport",
               "A request that slips past the filter is delivered to nobody.");
}

static void look_at_alias_domains(const Postfix *postfix)
{
    g_autofree char *domains = setting(postfix, "virtual_alias_domains", false);

    if (strstr(domains, "virtual_alias_maps") != NULL)
        doctor_say(postfix->doctor, FINDING_WRONG, "domains",
                   "virtual_alias_domains asks the directory about each domain: no request is "
                   "taken while that is away. Set it empty, or to your own alias domains.");
    else
        doctor_say(postfix->doctor, FINDING_GOOD, "domains",
                   "Requests are taken while the directory is away.");
}

/* --- limits --- */

static void look_at_limits(const Postfix *postfix)
{
    g_autofree char *size = setting(postfix, "message_size_limit", true);
    g_autofree char *expansion = setting(postfix, "virtual_alias_expansion_limit", true);
    const guint64 bytes = g_ascii_strtoull(size, NULL, 10);
    const guint64 members = g_ascii_strtoull(expansion, NULL, 10);

    if (bytes != 0 && bytes <= DEFAULT_SIZE)
        doctor_say(postfix->doctor, FINDING_WRONG, "size",
                   "message_size_limit is %s: Postfix refuses requests with a file of more than "
                   "some %" G_GUINT64_FORMAT " MB. Raise it.",
                   size, bytes / 1000 * 73 / 100 / 1000);
    else
        doctor_say(postfix->doctor, FINDING_GOOD, "size",
                   "Postfix takes mail of up to %s bytes (0: any).", size);
    if (members < postfix->config->list_members_max)
        doctor_say(postfix->doctor, FINDING_WRONG, "expansion",
                   "virtual_alias_expansion_limit is %s, list_members_max %u: mail to longer lists "
                   "is put off for ever. Make them equal.",
                   expansion, postfix->config->list_members_max);
    else
        doctor_say(postfix->doctor, FINDING_GOOD, "expansion",
                   "Postfix delivers to lists of %u members.", postfix->config->list_members_max);
}

static void look_at_newlines(const Postfix *postfix)
{
    g_autofree char *forbid = setting(postfix, "smtpd_forbid_bare_newline", true);

    if (g_str_equal(forbid, "yes") || g_str_has_prefix(forbid, "reject"))
        doctor_say(postfix->doctor, FINDING_NOTE, "newlines",
                   "smtpd_forbid_bare_newline is %s: requests of programs that end lines with a "
                   "bare newline are refused; \"normalize\" takes them.",
                   forbid);
    else if (*forbid == '\0')
        doctor_say(postfix->doctor, FINDING_NOTE, "newlines",
                   "This Postfix does not know smtpd_forbid_bare_newline: mail with a forged "
                   "sender can be smuggled in behind other mail; update Postfix.");
    else if (g_str_equal(forbid, "no"))
        doctor_say(
            postfix->doctor, FINDING_NOTE, "newlines",
            "smtpd_forbid_bare_newline is not set: mail with a forged sender can be smuggled "
            "in behind other mail; set \"normalize\".");
    else
        doctor_say(postfix->doctor, FINDING_GOOD, "newlines",
                   "No mail can be smuggled in behind other mail.");
}

static void look_at_rewriting(const Postfix *postfix)
{
    g_autofree char *clients = setting(postfix, "local_header_rewrite_clients", true);

    if (*clients != '\0')
        doctor_say(postfix->doctor, FINDING_NOTE, "rewriting",
                   "local_header_rewrite_clients is %s: Postfix repairs the headers of these "
                   "clients, and a From that it made up counts. Set it empty.",
                   clients);
    else
        doctor_say(postfix->doctor, FINDING_GOOD, "rewriting",
                   "The daemon sees headers as they were sent.");
}

void doctor_postfix(Doctor *doctor, const Config *config, const char *folder)
{
    const Postfix postfix = {doctor, config, folder};
    g_autofree char *version = setting(&postfix, "mail_version", true);

    if (*version == '\0') {
        doctor_say(doctor, FINDING_UNKNOWN, "postfix",
                   "Postfix's settings can't be read: postconf(1) does not answer.");
        return;
    }
    look_at_filter(&postfix);
    look_at_transport(&postfix);
    look_at_alias_domains(&postfix);
    look_at_limits(&postfix);
    look_at_newlines(&postfix);
    look_at_rewriting(&postfix);
}
