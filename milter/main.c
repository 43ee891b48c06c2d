/* SPDX-License-Identifier: MIT */
#include "milter/callbacks.h"
#include "milter/control.h"
#include "milter/followers.h"
#include "milter/notify.h"
#include "milter/reload.h"
#include "milter/start.h"
#include "milter/workers.h"
#include <curl/curl.h>
#include <errno.h>
#include <gmime/gmime.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sysexits.h>
#include <unistd.h>

/* batchload-milter(8): options, start and stop order, and nothing else. */

#define STOPPING_WORDS "finishing what has begun"
#define DEFAULT_CONFIG SYSCONFDIR "/batchload/batchload.conf"

typedef struct {
    char *config;
    gboolean check, make_key, version;
} Options;

typedef struct {
    Config *config;
    StartUser user;
    Spool *spool;
    World *world;
    Workers *workers;
    Followers *followers;
    Control *control;
    Reload *reload;
    bool log_elsewhere; /* lines do not go to stderr */
} Daemon;

/* On standard error, as it is: g_printerr() would drop what the C locale does not know. */
static void say(const char *sentence)
{
    fputs("batchload-milter: ", stderr);
    fputs(sentence, stderr);
    fputc('\n', stderr);
}

/* What keeps the daemon from starting is said where it was started, too. */
static int stop_at(const Daemon *daemon, int status, const GError *error)
{
    if (daemon->log_elsewhere)
        log_line(LOG_LEVEL_ERROR, NULL, "not started: %s", error->message);
    say(error->message);
    return status;
}

static bool parse_options(int *argc, char ***argv, Options *options)
{
    const GOptionEntry entries[] = {
        {"config", 'c', 0, G_OPTION_ARG_FILENAME, &options->config,
         "Configuration (default " DEFAULT_CONFIG ")", "FILE"},
        {"check", 't', 0, G_OPTION_ARG_NONE, &options->check,
         "Check the configuration and the tables, and stop", NULL},
        {"make-key", 'K', 0, G_OPTION_ARG_NONE, &options->make_key,
         "Make the spool's key file, and stop", NULL},
        {"version", 'V', 0, G_OPTION_ARG_NONE, &options->version, "Print the version, and stop",
         NULL},
        {0},
    };
    g_autoptr(GOptionContext) context = g_option_context_new(NULL);
    g_autoptr(GError) error = NULL;
    g_option_context_set_summary(context, "Takes requests for mail users out of the mail stream, "
                                          "and works on them.");
    g_option_context_add_main_entries(context, entries, NULL);
    if (!g_option_context_parse(context, argc, argv, &error)) {
        say(error->message);
        return false;
    }
    if (*argc > 1) {
        g_autofree char *what =
            g_strdup_printf("\"%s\" is not understood; see --help.", (*argv)[1]);
        say(what);
        return false;
    }
    if (options->config == NULL)
        options->config = g_strdup(DEFAULT_CONFIG);
    return true;
}

/* --- -K --- */

static int make_key(const Daemon *daemon)
{
    g_autoptr(GError) error = NULL;
    const char *path = daemon->config->spool.key_file;
    if (!seal_key_create(path, &error) || !start_give_file(path, &daemon->user, &error))
        return stop_at(daemon, EX_CANTCREAT, error);
    return EX_OK;
}

/* --- -t --- */

static void problem(unsigned *count, const char *text)
{
    say(text);
    (*count)++;
}

static void check_key(const Daemon *daemon, unsigned *problems)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(SealKey) key = seal_key_load(daemon->config->spool.key_file, &error);
    if (key != NULL)
        return;
    problem(problems, error->message);
    if (access(daemon->config->spool.key_file, F_OK) != 0)
        say("\"batchload-milter -K\" makes the key file.");
}

static void check_log(const Config *config, unsigned *problems)
{
    g_autofree char *folder =
        config->log == LOG_TO_FILE ? g_path_get_dirname(config->log_file) : NULL;
    if (folder == NULL || g_file_test(folder, G_FILE_TEST_IS_DIR))
        return;
    g_autofree char *text =
        g_strdup_printf("The folder %s of the log file (log) is not there.", folder);
    problem(problems, text);
}

/* As the user that the daemon runs as: what only root can read is of no use to it. */
static int check(const Daemon *daemon, const char *path)
{
    unsigned problems = 0;
    g_autoptr(GError) error = NULL;
    if (!start_drop_rights(&daemon->user, false, &error))
        return stop_at(daemon, EX_NOPERM, error);
    check_key(daemon, &problems);
    /* As a reload does. */
    g_autoptr(Config) config = config_load(path, &error);
    if (config == NULL)
        problem(&problems, error->message);
    g_clear_error(&error);
    g_autoptr(SenderTable) senders = sender_table_for(daemon->config, &error);
    if (senders == NULL)
        problem(&problems, error->message);
    g_clear_error(&error);
    g_autoptr(Directory) directory = directory_new(&daemon->config->directory, &error);
    if (directory == NULL)
        problem(&problems, error->message);
    g_clear_error(&error);
    if (!start_socket_check(daemon->config->socket, daemon->config->socket_group, &error))
        problem(&problems, error->message);
    if (access(daemon->config->parser, X_OK) != 0) {
        g_autofree char *text = g_strdup_printf("The program %s (parser) can't be run: %s.",
                                                daemon->config->parser, g_strerror(errno));
        problem(&problems, text);
    }
    check_log(daemon->config, &problems);
    return problems == 0 ? EX_OK : EX_CONFIG;
}

/* --- the daemon --- */

/* TERM, INT and USR1 are waited for by the main thread, USR2 tells it that libmilter ended. HUP is
 * ignored, not blocked: libmilter would take a blocked one as the word to stop. */
static void waited_for(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGUSR1);
    sigaddset(set, SIGUSR2);
}

static void set_signals(void)
{
    sigset_t set;
    waited_for(&set);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
}

static gpointer serve(gpointer main_thread)
{
    bool served = callbacks_run();
    pthread_kill(*(pthread_t *)main_thread, SIGUSR2);
    return GINT_TO_POINTER(served);
}

/* The next signal that is waited for, or 0 after a second. USR1, however often it comes, does not
 * keep those waiting that end the daemon: the kernel would hand out the lowest number first. */
static int next_signal(void)
{
    const struct timespec second = {.tv_sec = 1}, none = {0};
    sigset_t all, ends;
    waited_for(&all);
    ends = all;
    sigdelset(&ends, SIGUSR1);
    int number = sigtimedwait(&ends, NULL, &none);
    if (number <= 0)
        number = sigtimedwait(&all, NULL, &second);
    return MAX(number, 0);
}

static void reload_by_signal(Reload *reload)
{
    notify(NOTIFY_RELOADING, "reading the configuration anew");
    if (reload_all(reload))
        notify(NOTIFY_READY, "serving");
    else
        notify(NOTIFY_READY, "serving with the old configuration; the new one can't be used, "
                             "see the log");
}

/* Between two signals. */
static void look_around(Reload *reload)
{
    gint64 microseconds;
    reload_look(reload);
    if (notify_watched(&microseconds))
        notify(NOTIFY_WATCHDOG, NULL);
}

static void stop_serving(void)
{
    notify(NOTIFY_STOPPING, STOPPING_WORDS);
    callbacks_stop();
}

/* Until a signal stops the daemon, the spool fails, or libmilter gives up. */
static int serve_until_stopped(const Daemon *daemon)
{
    pthread_t self = pthread_self();
    GThread *thread = g_thread_new("milter", serve, &self);
    bool failed = false, stopping = false;
    notify(NOTIFY_READY, "serving");
    for (int number = 0; number != SIGUSR2;) {
        number = next_signal();
        if (!failed && spool_failed(daemon->spool)) {
            /* Only a new start can tell what the disk holds. */
            failed = true;
            log_line(LOG_LEVEL_ERROR, NULL, "the spool failed; ending, to be started again");
        }
        if (!stopping && (failed || number == SIGTERM || number == SIGINT)) {
            stopping = true;
            stop_serving();
        }
        /* What is taken up now would serve nobody. */
        if (!stopping && number == SIGUSR1)
            reload_by_signal(daemon->reload);
        if (!stopping)
            look_around(daemon->reload);
    }
    /* While a reload is under way libmilter's own thread gets TERM or INT. */
    if (!stopping)
        notify(NOTIFY_STOPPING, STOPPING_WORDS);
    bool served = GPOINTER_TO_INT(g_thread_join(thread));
    if (failed)
        return EX_TEMPFAIL;
    return served ? EX_OK : EX_SOFTWARE;
}

/* As root where started so: the socket, the folder; then never root again. */
static int prepare(Daemon *daemon)
{
    const Config *config = daemon->config;
    g_autoptr(GError) error = NULL;
    if (!start_make_folder(config->spool.directory, &daemon->user, &error))
        return stop_at(daemon, EX_CANTCREAT, error);
    if (!start_socket_prepare(config->socket, config->socket_mode, config->socket_group, &error) ||
        !callbacks_listen(config->socket, &error) ||
        !start_socket_opened(config->socket, config->socket_group, &error))
        return stop_at(daemon, EX_UNAVAILABLE, error);
    if (!start_drop_rights(&daemon->user, submit_runs_program(&config->submit), &error))
        return stop_at(daemon, EX_NOPERM, error);
    if (geteuid() == 0)
        log_line(LOG_LEVEL_WARNING, NULL, "running as root; set user in the configuration");
    return EX_OK;
}

static int spool_status(const Config *config, const GError *error)
{
    if (g_error_matches(error, SEAL_ERROR, SEAL_ERROR_KEY)) {
        if (access(config->spool.key_file, F_OK) != 0)
            say("\"batchload-milter -K\" makes the key file.");
        return EX_CONFIG;
    }
    return g_error_matches(error, SPOOL_ERROR, SPOOL_ERROR_UNSAFE) ||
                   g_error_matches(error, SPOOL_ERROR, SPOOL_ERROR_KEY)
               ? EX_CONFIG
               : EX_TEMPFAIL;
}

static int open_rooms(Daemon *daemon)
{
    Config *config = daemon->config;
    g_autoptr(GError) error = NULL;
    SenderTable *senders = sender_table_for(config, &error);
    if (senders == NULL)
        return stop_at(daemon, EX_CONFIG, error);
    daemon->spool = spool_open(&config->spool, &error);
    if (daemon->spool == NULL) {
        sender_table_free(senders);
        return stop_at(daemon, spool_status(config, error), error);
    }
    daemon->world = world_new(config, senders, daemon->spool);
    daemon->workers = workers_start(daemon->world, &error);
    if (daemon->workers == NULL)
        return stop_at(daemon, EX_OSERR, error);
    daemon->followers = followers_start(daemon->world);
    callbacks_set_world(daemon->world);
    /* Mail goes on without it. */
    daemon->control =
        control_start(config->spool.directory, daemon->spool, callbacks_world, &error);
    if (daemon->control == NULL)
        log_line(LOG_LEVEL_WARNING, NULL, "%s", error->message);
    return EX_OK;
}

static int run(Daemon *daemon, const char *path)
{
    int status = prepare(daemon);
    if (status == EX_OK)
        status = open_rooms(daemon);
    if (status == EX_OK) {
        log_line(LOG_LEVEL_INFO, NULL, "started, version %s", PACKAGE_VERSION);
        daemon->reload = reload_new(path, daemon->world, daemon->workers, daemon->followers);
        /* Who works with them holds them: after a reload nobody does, and they are wiped. */
        g_clear_pointer(&daemon->world, world_unref);
        g_clear_pointer(&daemon->config, config_unref);
        status = serve_until_stopped(daemon);
    }
    /* No callback touches the spool any more; steps that run are finished. */
    control_stop(daemon->control);
    if (daemon->workers != NULL) {
        workers_stop(daemon->workers);
        log_line(LOG_LEVEL_INFO, NULL, "stopped");
    }
    followers_stop(daemon->followers);
    callbacks_set_world(NULL);
    reload_free(daemon->reload);
    world_unref(daemon->world);
    spool_close(daemon->spool);
    return status;
}

/* A log file is the user's, who opens it again at a reload. */
static bool open_log(const Daemon *daemon, GError **error)
{
    const Config *config = daemon->config;
    if (config->log != LOG_TO_FILE)
        return log_open(config->log, "batchload-milter", NULL, error);
    if (!start_make_file(config->log_file, &daemon->user, error) ||
        !start_rights_lend(&daemon->user, error))
        return false;
    bool opened = log_open(config->log, "batchload-milter", config->log_file, error);
    return start_rights_return(&daemon->user, opened ? error : NULL) && opened;
}

static int begin(Daemon *daemon, const char *path)
{
    g_autoptr(GError) error = NULL;
    if (!open_log(daemon, &error))
        return stop_at(daemon, EX_CANTCREAT, error);
    daemon->log_elsewhere = daemon->config->log != LOG_TO_STDERR;
    return run(daemon, path);
}

static int start(const Options *options)
{
    g_auto(StartUser) user = {0};
    g_autoptr(GError) error = NULL;
    Daemon daemon = {0};
    int status = EX_CONFIG;
    daemon.config = config_load(options->config, &error);
    if (daemon.config == NULL || !start_user_find(daemon.config->user, &user, &error)) {
        (void)stop_at(&daemon, status, error);
    } else {
        daemon.user = user;
        status = options->make_key ? make_key(&daemon)
                 : options->check  ? check(&daemon, options->config)
                                   : begin(&daemon, options->config);
    }
    config_unref(daemon.config);
    return status;
}

int main(int argc, char **argv)
{
    secret_init();
    Options options = {0};
    int status = EX_USAGE;
    if (parse_options(&argc, &argv, &options)) {
        if (options.version) {
            g_print("batchload-milter %s\n", PACKAGE_VERSION);
            status = EX_OK;
        } else {
            set_signals();
            directory_init();
            curl_global_init(CURL_GLOBAL_DEFAULT);
            g_mime_init();
            status = start(&options);
            g_mime_shutdown();
            curl_global_cleanup();
        }
    }
    g_free(options.config);
    return status;
}
