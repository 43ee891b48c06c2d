/* SPDX-License-Identifier: MIT */
#include "lib/config.h"
#include "milter/start.h"
#include "policy/delegation.h"
#include "policy/spam-filter.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

/* batchload-policy(8): one connection of Postfix's, which spawn(8) has put on standard input and
 * output. */

#define PROGRAM "batchload-policy"
#define SUMMARY                                                                                    \
    "Tells Postfix, by its policy delegation protocol, whom a "                                    \
    "domain takes no mail from."

#define ANSWER_PASS "action=DUNNO\n\n"
#define ANSWER_LATER                                                                               \
    "action=DEFER_IF_PERMIT 4.3.0 Whether this mail is wanted can't be told now, try again later"  \
    "\n\n"
#define ANSWER_REFUSE "action=REJECT 5.7.1 %s takes no mail from this sender or from its server\n\n"

/* spawn(8) makes standard error the connection, too: nothing may be said there. */
static bool errors_go_to_client(void)
{
    struct stat in, err;
    return fstat(STDIN_FILENO, &in) == 0 && fstat(STDERR_FILENO, &err) == 0 &&
           S_ISSOCK(in.st_mode) && in.st_dev == err.st_dev && in.st_ino == err.st_ino;
}

static void leave_client_alone(void)
{
    const int nothing = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (nothing < 0 || dup2(nothing, STDERR_FILENO) < 0)
        close(STDERR_FILENO);
    if (nothing >= 0)
        close(nothing);
}

/* --- the connection --- */

/* Waits where the descriptor would not. */
static bool may_go_on(int fd, short events)
{
    struct pollfd wanted = {.fd = fd, .events = events};
    return errno == EINTR || (errno == EAGAIN && (poll(&wanted, 1, -1) > 0 || errno == EINTR));
}

/* 0 at the end of the connection, or where it broke. */
static gsize read_some(char *room, gsize size)
{
    ssize_t count;
    do
        count = read(STDIN_FILENO, room, size);
    while (count < 0 && may_go_on(STDIN_FILENO, POLLIN));
    return count > 0 ? (gsize)count : 0;
}

static bool write_all(const char *text)
{
    gsize left = strlen(text);
    while (left > 0) {
        const ssize_t count = write(STDOUT_FILENO, text, left);
        if (count < 0 && !may_go_on(STDOUT_FILENO, POLLOUT))
            return false;
        if (count > 0) {
            text += count;
            left -= (gsize)count;
        }
    }
    return true;
}

/* --- requests --- */

static void log_request(const DelegationRequest *request, LogLevel level, const char *action,
                        const char *reason)
{
    g_autofree char *sender = log_value(request->sender);
    g_autofree char *recipient = log_value(request->recipient);
    g_autofree char *client = log_value(request->client);
    g_autofree char *why = log_value(reason);
    (void)log_reopen(NULL); /* it may have been renamed */
    log_line(level, request->queue_id, "action=%s from=%s to=%s client=%s reason=%s", action,
             sender, recipient, client, why);
}

/* Owned by the caller. */
static char *answer_to(SpamFilter *filter, const DelegationRequest *request)
{
    g_autofree char *domain = NULL;
    g_autoptr(GError) error = NULL;
    if (!request->at_recipient)
        return g_strdup(ANSWER_PASS);
    switch (spam_filter_ask(filter, request->recipient, request->sender, request->client, &domain,
                            &error)) {
    case ANSWER_NO:
        return g_strdup(ANSWER_PASS);
    case ANSWER_YES:
        log_request(request, LOG_LEVEL_INFO, "reject", "the domain blocks it");
        return g_strdup_printf(ANSWER_REFUSE, domain);
    case ANSWER_UNKNOWN:
        break;
    }
    log_request(request, LOG_LEVEL_WARNING, "defer", error->message);
    return g_strdup(ANSWER_LATER);
}

static void log_fault(const char *fault)
{
    (void)log_reopen(NULL);
    log_line(LOG_LEVEL_WARNING, NULL, "action=defer reason=\"a request can't be understood: %s\"",
             fault);
}

static int serve(SpamFilter *filter)
{
    g_autoptr(DelegationReader) reader = delegation_reader_new();
    DelegationRequest request;
    const char *fault;
    for (;;) {
        const DelegationState state = delegation_next(reader, &request, &fault);
        g_autofree char *answer = state == DELEGATION_WHOLE  ? answer_to(filter, &request)
                                  : state != DELEGATION_MORE ? g_strdup(ANSWER_LATER)
                                                             : NULL;
        if (state == DELEGATION_BAD || state == DELEGATION_ENDLESS)
            log_fault(fault);
        if (answer != NULL && !write_all(answer))
            return EX_OK; /* it did not wait */
        if (state == DELEGATION_ENDLESS)
            return EX_PROTOCOL;
        if (answer != NULL)
            continue;
        gsize size = 0;
        char *room = delegation_room(reader, &size);
        size = read_some(room, size);
        if (size == 0)
            return delegation_is_inside(reader) ? EX_PROTOCOL : EX_OK;
        delegation_filled(reader, size);
    }
}

/* --- the process --- */

static int run(const Config *config)
{
    g_autoptr(GError) error = NULL;
    /* It only asks: a server that takes no changes will do. */
    DirectorySettings settings = config->directory;
    settings.reads_only = true;
    g_autoptr(SpamFilter) filter = spam_filter_new(
        &settings, config->profile, config->batch_addresses, SPAM_FILTER_STRANGE_SECONDS, &error);
    if (filter != NULL)
        return serve(filter);
    log_line(LOG_LEVEL_ERROR, NULL, "not started: %s", error->message);
    return EX_CONFIG;
}

/* Where the log can't be had, mail is not kept waiting for that: it goes to syslog then. */
static void open_log(const Config *config, bool quiet)
{
    g_autoptr(GError) error = NULL;
    const LogTarget target = config->log == LOG_TO_STDERR && quiet ? LOG_TO_SYSLOG : config->log;
    if (log_open(target, PROGRAM, config->log_file, &error))
        return;
    (void)log_open(LOG_TO_SYSLOG, PROGRAM, NULL, NULL);
    log_line(LOG_LEVEL_WARNING, NULL, "%s", error->message);
}

static int start(const StartOptions *options, bool quiet)
{
    g_autoptr(GError) error = NULL;
    g_auto(StartUser) user = {0};
    g_autoptr(Config) config = config_load(options->config, &error);
    int status = EX_CONFIG;
    if (config != NULL && start_user_find(config->user, &user, &error)) {
        status = EX_NOPERM;
        if (start_drop_rights(&user, false, &error)) {
            open_log(config, quiet);
            return run(config);
        }
    }
    log_line(LOG_LEVEL_ERROR, NULL, "not started: %s", error->message);
    return status;
}

int main(int argc, char **argv)
{
    secret_init();
    StartOptions options = {0};
    int status = EX_USAGE;
    const bool quiet = errors_go_to_client();
    if (quiet)
        leave_client_alone();
    (void)log_open(quiet ? LOG_TO_SYSLOG : LOG_TO_STDERR, PROGRAM, NULL, NULL);
    if (start_options(&argc, &argv, SUMMARY, &options)) {
        if (options.version) {
            g_print(PROGRAM " %s\n", PACKAGE_VERSION);
            status = EX_OK;
        } else {
            directory_init();
            status = start(&options, quiet);
        }
    }
    g_free(options.config);
    return status;
}
