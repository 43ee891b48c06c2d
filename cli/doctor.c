/* SPDX-License-Identifier: MIT */
#include "cli/doctor.h"

#include "policy/map.h"

#include <errno.h>
#include <grp.h>
#include <json-glib/json-glib.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timex.h>
#include <sys/un.h>
#include <sysexits.h>
#include <unistd.h>

static const char *kind_name(FindingKind kind)
{
    switch (kind) {
    case FINDING_GOOD:
        return "good";
    case FINDING_NOTE:
        return "note";
    case FINDING_UNKNOWN:
        return "unknown";
    case FINDING_WRONG:
        return "wrong";
    case FINDING_COUNT:
        break;
    }
    return "unknown";
}

static void print_json(FindingKind kind, const char *what, const char *words)
{
    g_autofree char *valid = g_utf8_make_valid(words, -1);
    g_autoptr(JsonBuilder) builder = json_builder_new();
    g_autoptr(JsonNode) root = NULL;
    g_autofree char *line = NULL;

    json_builder_begin_object(builder);
    json_builder_set_member_name(builder, "what");
    json_builder_add_string_value(builder, what);
    json_builder_set_member_name(builder, "state");
    json_builder_add_string_value(builder, kind_name(kind));
    json_builder_set_member_name(builder, "words");
    json_builder_add_string_value(builder, valid);
    json_builder_end_object(builder);
    root = json_builder_get_root(builder);
    line = json_to_string(root, FALSE);
    puts(line);
}

void doctor_say(Doctor *doctor, FindingKind kind, const char *what, const char *format, ...)
{
    g_autofree char *words = NULL;
    va_list arguments;

    va_start(arguments, format);
    words = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    doctor->counts[kind]++;
    if (doctor->json)
        print_json(kind, what, words);
    else
        printf("%-8s %-12s %s\n", kind_name(kind), what, words);
}

void doctor_add_name(GString *names, unsigned *count, unsigned most, const char *name)
{
    if (*count < most)
        g_string_append_printf(names, "%s%s", *count > 0 ? ", " : "", name);
    else if (*count == most)
        g_string_append(names, " …");
    (*count)++;
}

/* What a fault of a file is: only root can tell whether the daemon could read it. */
static FindingKind fault_kind(const GError *error)
{
    const bool unread = g_error_matches(error, CONFIG_ERROR, CONFIG_ERROR_FILE) ||
                        g_error_matches(error, MAP_ERROR, MAP_ERROR_FAILED);
    return unread && geteuid() != 0 ? FINDING_UNKNOWN : FINDING_WRONG;
}

/* --- files --- */

/* The user whom the daemon runs as, or NULL: whoever starts it. */
static const struct passwd *find_user(Doctor *doctor, const Config *config)
{
    const struct passwd *user = config->user != NULL ? getpwnam(config->user) : NULL;

    if (config->user == NULL)
        doctor_say(doctor, FINDING_NOTE, "user",
                   "user is not set: the daemon stays whoever starts it, perhaps root.");
    else if (user == NULL)
        doctor_say(doctor, FINDING_WRONG, "user",
                   "There is no user %s to run as; make it, or correct user.", config->user);
    else
        doctor_say(doctor, FINDING_GOOD, "user", "The daemon runs as %s.", config->user);
    return user;
}

static void look_at_key(Doctor *doctor, const Config *config, const struct passwd *user)
{
    const char *path = config->spool.key_file;
    struct stat found;

    if (stat(path, &found) != 0)
        doctor_say(doctor, errno == EACCES ? FINDING_UNKNOWN : FINDING_WRONG, "key",
                   "The key file %s can't be looked at (%s); \"batchload-milter -K\" makes a "
                   "missing one.",
                   path, g_strerror(errno));
    else if (!S_ISREG(found.st_mode) || found.st_size != 32)
        doctor_say(doctor, FINDING_WRONG, "key", "%s is no key: it is no file of 32 bytes.", path);
    else if ((found.st_mode & 077) != 0)
        doctor_say(doctor, FINDING_WRONG, "key",
                   "The key file %s is open to its group or to others; chmod 0400 it.", path);
    else if (user != NULL && found.st_uid != user->pw_uid)
        doctor_say(doctor, FINDING_WRONG, "key",
                   "The key file %s is not the daemon's: chown it to %s.", path, config->user);
    else
        doctor_say(doctor, FINDING_GOOD, "key", "The key file is the daemon's alone.");
}

static void look_at_spool(Doctor *doctor, const Config *config, const struct passwd *user)
{
    const char *path = config->spool.directory;
    struct stat found;

    if (lstat(path, &found) != 0)
        doctor_say(doctor, errno == ENOENT ? FINDING_NOTE : FINDING_UNKNOWN, "spool",
                   "The spool %s can't be looked at (%s); the daemon makes a missing one.", path,
                   g_strerror(errno));
    else if (!S_ISDIR(found.st_mode) || (found.st_mode & 077) != 0)
        doctor_say(doctor, FINDING_WRONG, "spool",
                   "The spool %s is not a folder of mode 0700: the daemon does not start with it.",
                   path);
    else if (user != NULL && found.st_uid != user->pw_uid)
        doctor_say(doctor, FINDING_WRONG, "spool",
                   "The spool %s does not belong to %s: the daemon does not start with it.", path,
                   config->user);
    else
        doctor_say(doctor, FINDING_GOOD, "spool", "The spool is the daemon's alone.");
}

/* And at what depends on them. */
static void look_at_senders(Doctor *doctor, const Config *config)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(SenderTable) senders = sender_table_for(config, &error);
    g_autofree char *advice = senders != NULL ? sender_table_advice(senders) : NULL;

    if (senders == NULL)
        doctor_say(doctor, fault_kind(error), "senders", "%s", error->message);
    else if (advice != NULL)
        doctor_say(doctor, FINDING_WRONG, "senders", "%s", advice);
    else if (sender_table_reaches(senders, &error) == ANSWER_UNKNOWN)
        doctor_say(doctor, FINDING_WRONG, "senders", "%s; until it can, requests are put off.",
                   error->message);
    else
        doctor_say(doctor, FINDING_GOOD, "senders", "The sender table can be read.");
    if (senders != NULL)
        doctor_panel(doctor, config, senders);
}

/* --- the daemon --- */

static bool may_write(const struct stat *socket, const struct passwd *user)
{
    gid_t groups[256];
    int count = G_N_ELEMENTS(groups);

    if (user->pw_uid == socket->st_uid)
        return (socket->st_mode & S_IWUSR) != 0;
    if (getgrouplist(user->pw_name, user->pw_gid, groups, &count) < 0)
        return false;
    for (int i = 0; i < count; i++)
        if (groups[i] == socket->st_gid)
            return (socket->st_mode & S_IWGRP) != 0;
    return (socket->st_mode & S_IWOTH) != 0;
}

/* 0, or why not, as errno says it. */
static int try_socket(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int problem = ECONNREFUSED;

    if (fd >= 0 &&
        g_strlcpy(address.sun_path, path, sizeof address.sun_path) < sizeof address.sun_path)
        problem = connect(fd, (const struct sockaddr *)&address, sizeof address) == 0 ? 0 : errno;
    if (fd >= 0)
        close(fd);
    return problem;
}

static void look_at_socket(Doctor *doctor, const Config *config)
{
    const struct passwd *postfix = getpwnam("postfix");
    const char *path = config->socket + strlen("unix:");
    struct stat found;
    int problem = 0;

    if (!g_str_has_prefix(config->socket, "unix:"))
        doctor_say(doctor, FINDING_NOTE, "socket",
                   "The daemon listens at %s: whoever reaches that port can hand it mail.",
                   config->socket);
    else if (stat(path, &found) != 0 && errno == EACCES)
        doctor_say(doctor, FINDING_UNKNOWN, "socket",
                   "You may not look at the socket %s; try as root.", path);
    else if (stat(path, &found) != 0)
        doctor_say(doctor, FINDING_WRONG, "socket",
                   "The daemon's socket %s is not there (%s): is it running?", path,
                   g_strerror(errno));
    else if (postfix != NULL && !may_write(&found, postfix))
        doctor_say(doctor, FINDING_WRONG, "socket",
                   "Postfix may not write to the socket %s: set socket_group = \"postfix\" and "
                   "socket_mode = \"0660\".",
                   path);
    else if ((problem = try_socket(path)) == EACCES)
        doctor_say(doctor, FINDING_UNKNOWN, "socket",
                   "You may not ask at the socket %s whether the daemon runs; try as root.", path);
    else if (problem != 0)
        doctor_say(doctor, FINDING_WRONG, "socket",
                   "Nobody answers at the socket %s: the daemon is not running.", path);
    else
        doctor_say(doctor, FINDING_GOOD, "socket", "The daemon answers, and Postfix may ask it.");
}

static void note_future(gpointer data, const Job *job)
{
    gint64 *latest = data;
    *latest = MAX(*latest, job->received);
}

static void look_at_clock(Doctor *doctor, const Config *config)
{
    struct timex clock = {0};
    g_autoptr(Spool) spool = spool_open_readonly(config->spool.directory, NULL);
    gint64 latest = 0;

    if (spool != NULL && spool_list(spool, true, note_future, &latest, NULL) &&
        latest > g_get_real_time() + G_TIME_SPAN_MINUTE)
        doctor_say(doctor, FINDING_WRONG, "clock",
                   "The clock is behind a request that is here already: it has been set back.");
    else if (adjtimex(&clock) == TIME_ERROR)
        doctor_say(doctor, FINDING_NOTE, "clock",
                   "The system does not say that its clock is kept by a time server.");
    else
        doctor_say(doctor, FINDING_GOOD, "clock", "The clock is kept by a time server.");
}

/* --- jobs --- */

/* Job numbers that one finding names. */
#define NAMED_MAX 10

typedef struct {
    unsigned count;
    GString *names;
} Damaged;

static void note_damaged(gpointer data, const Job *job)
{
    Damaged *damaged = data;

    if (job_is_damaged(job))
        doctor_add_name(damaged->names, &damaged->count, NAMED_MAX, job->id);
}

static void look_at_jobs(Doctor *doctor, const Config *config)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Spool) spool = NULL;
    Damaged damaged = {0, g_string_new(NULL)};
    g_autofree char *names = NULL;

    if (access(config->spool.directory, F_OK) == 0)
        spool = spool_open_readonly(config->spool.directory, &error);
    if (spool != NULL)
        spool_list(spool, false, note_damaged, &damaged, &error);
    names = g_string_free(damaged.names, FALSE);
    if (error != NULL)
        doctor_say(doctor, FINDING_UNKNOWN, "jobs", "The jobs can't be looked at: %s.",
                   error->message);
    else if (damaged.count > 0)
        doctor_say(doctor, FINDING_WRONG, "jobs",
                   "What is stored of %u job%s is damaged, so that they wait for ever: %s. Put the "
                   "file back that batchload show names, or end them with batchload cancel; their "
                   "requesters are told so.",
                   damaged.count, damaged.count > 1 ? "s" : "", names);
    else
        doctor_say(doctor, FINDING_GOOD, "jobs", "No job is damaged.");
}

/* --- all of it --- */

/* The configuration, whole if it is good, else its file alone, else NULL. */
static Config *look_at_configuration(Doctor *doctor, const CliPlace *place, bool *whole)
{
    const char *path = place->config != NULL ? place->config : CLI_CONFIG;
    g_autoptr(GError) error = NULL;
    Config *config = config_load(path, &error);

    *whole = config != NULL;
    if (*whole)
        doctor_say(doctor, FINDING_GOOD, "settings", "The configuration %s can be used.", path);
    else
        doctor_say(doctor, fault_kind(error), "settings", "%s", error->message);
    return *whole ? config : config_load_file(path, NULL);
}

static int verdict(const Doctor *doctor)
{
    if (!doctor->json)
        printf("%u wrong, %u to note, %u unknown, %u good.\n", doctor->counts[FINDING_WRONG],
               doctor->counts[FINDING_NOTE], doctor->counts[FINDING_UNKNOWN],
               doctor->counts[FINDING_GOOD]);
    if (doctor->counts[FINDING_WRONG] > 0)
        return CLI_NO;
    return doctor->counts[FINDING_UNKNOWN] > 0 ? EX_TEMPFAIL : 0;
}

static int examine(Doctor *doctor, const CliPlace *place, const char *postfix)
{
    bool whole = false;
    g_autoptr(Config) config = look_at_configuration(doctor, place, &whole);

    if (config != NULL) {
        const struct passwd *user = find_user(doctor, config);
        look_at_key(doctor, config, user);
        look_at_spool(doctor, config, user);
        look_at_senders(doctor, config);
        look_at_socket(doctor, config);
        look_at_clock(doctor, config);
        look_at_jobs(doctor, config);
        doctor_postfix(doctor, config, postfix);
    }
    if (whole)
        doctor_addons(doctor, config);
    if (whole)
        doctor_directory(doctor, config);
    return verdict(doctor);
}

int cli_doctor(const CliPlace *place, int argc, char **argv)
{
    gboolean json = FALSE;
    g_autofree char *postfix = NULL;
    const GOptionEntry entries[] = {
        {"json", 'j', 0, G_OPTION_ARG_NONE, &json, NULL, NULL},
        {"postfix", 0, 0, G_OPTION_ARG_FILENAME, &postfix, NULL, NULL},
        G_OPTION_ENTRY_NULL,
    };
    static const char usage[] = "batchload [-c FILE] doctor [-j] [--postfix=FOLDER]";
    Doctor doctor = {0};
    int code = 0;

    if (!cli_options(&argc, &argv, usage,
                     "Looks for what is wrong with this installation; for root.\n\n"
                     "  -j, --json         one line of JSON for each finding\n"
                     "  --postfix=FOLDER   Postfix's configuration, where it is not /etc/postfix\n"
                     "  -h, --help         print this\n\n"
                     "Ends with 1 where something is wrong, with 75 where something could not\n"
                     "be looked at.\n",
                     entries, &code))
        return code;
    if (argc > 1 || place->spool != NULL)
        return cli_fault(EX_USAGE, "doctor looks at the whole installation; usage: %s", usage);
    directory_init();
    doctor.json = json;
    return examine(&doctor, place, postfix);
}
