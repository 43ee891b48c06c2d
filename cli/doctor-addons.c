/* SPDX-License-Identifier: MIT */
#include "cli/doctor.h"

#include "lib/panel.h"
#include "lib/spool-call.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* Names that one finding tells. */
#define NAMED_MAX 5

/* The calls that the add-on takes and has no executable for. Caller owns it; "": none. */
static char *missing_calls(const Addon *addon)
{
    GString *names = g_string_new(NULL);
    unsigned count = 0;

    for (const PanelCall *call = panel_calls; call->name != NULL; call++) {
        unsigned program;
        g_autoptr(GPtrArray) command =
            call->kind == PANEL_CHANGE ? addon_command(addon, call->name, &program) : NULL;
        if (command == NULL || access(command->pdata[program], F_OK) == 0)
            continue;
        doctor_add_name(names, &count, NAMED_MAX, call->name);
    }
    return g_string_free(names, FALSE);
}

static void look_at_addon(Doctor *doctor, const Addon *addon)
{
    g_autofree char *missing = missing_calls(addon);

    if (addon->folder != NULL && access(addon->folder, F_OK) != 0)
        doctor_say(doctor, FINDING_WRONG, "addons",
                   "The folder %s of the add-on %s can't be found (%s).", addon->folder,
                   addon->name, g_strerror(errno));
    else if (addon->interpreter != NULL && access(addon->interpreter, X_OK) != 0)
        doctor_say(doctor, FINDING_WRONG, "addons",
                   "The interpreter %s of the add-on %s can't be run (%s).", addon->interpreter,
                   addon->name, g_strerror(errno));
    else if (addon->mail_store != NULL && access(addon->mail_store, X_OK) != 0)
        doctor_say(doctor, FINDING_WRONG, "addons",
                   "The program %s (mail_store) of the add-on %s can't be run (%s).",
                   addon->mail_store, addon->name, g_strerror(errno));
    else if (*missing != '\0')
        doctor_say(doctor, FINDING_NOTE, "addons",
                   "The add-on %s has no program for %s; rows that need one fail. Name those it "
                   "takes in its setting calls.",
                   addon->name, missing);
    else
        doctor_say(doctor, FINDING_GOOD, "addons", "The add-on %s can be called.", addon->name);
}

/* 0, or why not, as errno says it. */
static int try_runner(const char *socket_name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const char *path = socket_name + strlen("unix:");
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), problem = ECONNREFUSED;

    if (fd >= 0 &&
        g_strlcpy(address.sun_path, path, sizeof address.sun_path) < sizeof address.sun_path)
        problem = connect(fd, (const struct sockaddr *)&address, sizeof address) == 0 ? 0 : errno;
    if (fd >= 0)
        close(fd);
    return problem;
}

static void look_at_runner(Doctor *doctor, const Config *config)
{
    const int problem = try_runner(config->addon_socket);

    if (problem != 0)
        doctor_say(doctor, FINDING_WRONG, "addons",
                   "Nobody answers at %s (addon_socket; %s): batchload-follow is not running, and "
                   "no add-on follows.",
                   config->addon_socket, g_strerror(problem));
    else
        doctor_say(doctor, FINDING_GOOD, "addons", "batchload-follow answers.");
}

typedef struct {
    const Config *config;
    unsigned failing, strays;
    char *stray; /* one add-on that is registered no more */
} Waiting;

static void note_call(gpointer data, const SpoolCall *call)
{
    Waiting *waiting = data;
    bool known = false;

    for (guint i = 0; i < waiting->config->addons->len; i++)
        known |= strcmp(((const Addon *)waiting->config->addons->pdata[i])->name, call->addon) == 0;
    waiting->failing += known && call->attempts >= SPOOL_CALL_TRIES;
    waiting->strays += !known;
    if (!known && waiting->stray == NULL)
        waiting->stray = g_strdup(call->addon);
}

static void look_at_calls(Doctor *doctor, const Config *config)
{
    g_autoptr(Spool) spool = spool_open_readonly(config->spool.directory, NULL);
    Waiting waiting = {.config = config};

    if (spool == NULL || !spool_calls_list(spool, NULL, note_call, &waiting, NULL))
        return; /* what keeps the spool from being read is told elsewhere */
    if (waiting.failing > 0)
        doctor_say(doctor, FINDING_WRONG, "addons",
                   "%u call%s of add-ons failed again and again; batchload queue tells why.",
                   waiting.failing, waiting.failing == 1 ? "" : "s");
    if (waiting.strays > 0)
        doctor_say(doctor, FINDING_WRONG, "addons",
                   "%u call%s wait%s for add-ons that are registered no more (%s): register them, "
                   "or drop the calls with batchload cancel.",
                   waiting.strays, waiting.strays == 1 ? "" : "s", waiting.strays == 1 ? "s" : "",
                   waiting.stray);
    g_free(waiting.stray);
}

void doctor_addons(Doctor *doctor, const Config *config)
{
    for (guint i = 0; i < config->addons->len; i++)
        look_at_addon(doctor, config->addons->pdata[i]);
    if (config->addons->len > 0)
        look_at_runner(doctor, config);
    look_at_calls(doctor, config);
}
