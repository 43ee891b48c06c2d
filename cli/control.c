/* SPDX-License-Identifier: MIT */
#include "cli/cli.h"
#include "lib/spool-call.h"

#include "lib/command.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

/* The daemon answers at once, but waits for the worker that has a job. */
#define ANSWER_SECONDS 60
#define ANSWER_MAX (4 * COMMAND_LINE_MAX)
/* Largest response that is fetched, in bytes. */
#define RESPONSE_MAX (512u * 1024 * 1024)
/* How often, and how soon, one asks again who came while too many others did. */
#define BUSY_TIMES 100
#define BUSY_USEC 100000

static int try_connect(const char *spool)
{
    struct sockaddr_un address;
    const struct timeval wait = {.tv_sec = ANSWER_SECONDS};
    socklen_t length = command_address(spool, &address);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -1;
    if (connect(fd, (const struct sockaddr *)&address, length) != 0) {
        int failed = errno;
        close(fd);
        errno = failed;
        return -1;
    }
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait);
    return fd;
}

/* Anybody can take an address; only the spool's owner is the daemon. */
static bool is_daemon(int fd, const struct stat *spool)
{
    struct ucred peer;
    socklen_t size = sizeof peer;

    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
           (peer.uid == spool->st_uid || peer.uid == 0);
}

int cli_control_open(const CliPlace *place, int *code)
{
    g_autoptr(Config) config = place->spool == NULL ? cli_config(place, code) : NULL;
    const char *spool = config != NULL ? config->spool.directory : place->spool;
    struct stat found;
    int fd;

    if (spool == NULL)
        return -1;
    if (stat(spool, &found) != 0) {
        *code = cli_fault(errno == EACCES ? EX_NOPERM : EX_NOINPUT,
                          "the spool %s can't be looked at: %s", spool, g_strerror(errno));
        return -1;
    }
    fd = try_connect(spool);
    if (fd < 0) {
        *code = cli_fault(EX_TEMPFAIL, "no daemon answers for the spool %s (%s); does it run?",
                          spool, g_strerror(errno));
    } else if (!is_daemon(fd, &found)) {
        *code = cli_fault(EX_NOPERM, "another user's program answers in the daemon's place");
        close(fd);
        fd = -1;
    }
    return fd;
}

bool cli_control_send(int fd, const void *data, gsize size)
{
    const char *at = data;

    while (size > 0) {
        ssize_t wrote = send(fd, at, size, MSG_NOSIGNAL);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote <= 0)
            return false;
        at += wrote;
        size -= (gsize)wrote;
    }
    return true;
}

/* All that comes until the daemon closes; NULL where it is more than max or was cut off. */
static GByteArray *read_all(int fd, gsize max)
{
    g_autoptr(GByteArray) all = g_byte_array_new();
    guint8 buffer[4096];

    for (;;) {
        ssize_t got = recv(fd, buffer, sizeof buffer, 0);
        if (got < 0 && errno == EINTR)
            continue;
        /* The daemon needs not read a file to its end to refuse it: what it said came before. */
        if (got < 0 && errno == ECONNRESET)
            got = 0;
        if (got < 0 || all->len + (gsize)got > max)
            return NULL;
        if (got == 0)
            return g_steal_pointer(&all);
        g_byte_array_append(all, buffer, (guint)got);
    }
}

static char *read_answer(int fd)
{
    g_autoptr(GByteArray) all = read_all(fd, ANSWER_MAX);

    if (all == NULL || all->len == 0 || all->data[all->len - 1] != '\n')
        return NULL;
    return g_strndup((const char *)all->data, all->len - 1);
}

static int judge(const char *line, char **text)
{
    if (line == NULL)
        return cli_fault(EX_TEMPFAIL, "the daemon gave no answer; look with batchload queue "
                                      "whether it was done");
    if (g_str_has_prefix(line, "ok ")) {
        *text = g_strdup(line + strlen("ok "));
        return 0;
    }
    if (g_str_has_prefix(line, "no "))
        return cli_fault(CLI_NO, "%s", line + strlen("no "));
    if (g_str_has_prefix(line, "deny "))
        return cli_fault(EX_NOPERM, "%s", line + strlen("deny "));
    return cli_fault(EX_TEMPFAIL, "%s", strchr(line, ' ') != NULL ? strchr(line, ' ') + 1 : line);
}

int cli_control_answer(int fd, char **text)
{
    g_autofree char *line = read_answer(fd);

    *text = NULL;
    return judge(line, text);
}

/* Sends the pieces and reads the line that is answered. *code where there is no daemon. */
static char *converse(const CliPlace *place, const CliPiece *pieces, unsigned count, int *code)
{
    char *line;
    int fd = cli_control_open(place, code);
    bool well = true;

    if (fd < 0)
        return NULL;
    /* what could not be sent is not answered either */
    for (unsigned i = 0; i < count && well; i++)
        well = cli_control_send(fd, pieces[i].data, pieces[i].size);
    line = read_answer(fd);
    close(fd);
    return line;
}

int cli_control_ask_with(const CliPlace *place, const CliPiece *pieces, unsigned count, char **text)
{
    *text = NULL;
    for (unsigned again = 0;; again++) {
        int code = 0;
        g_autofree char *line = converse(place, pieces, count, &code);
        if (code != 0)
            return code;
        if (g_strcmp0(line, "fail " COMMAND_BUSY) != 0 || again >= BUSY_TIMES)
            return judge(line, text);
        g_usleep(BUSY_USEC);
    }
}

int cli_control_ask(const CliPlace *place, const char *request, char **text)
{
    g_autofree char *line = g_strconcat(request, "\n", NULL);
    const CliPiece piece = {line, strlen(line)};

    return cli_control_ask_with(place, &piece, 1, text);
}

static GByteArray *fetch(const CliPlace *place, const char *id, int *code)
{
    g_autofree char *line = g_strdup_printf("response %s\n", id);
    GByteArray *all = NULL;
    int fd = cli_control_open(place, code);

    if (fd < 0)
        return NULL;
    if (cli_control_send(fd, line, strlen(line)))
        all = read_all(fd, RESPONSE_MAX);
    close(fd);
    return all;
}

static bool is_busy(const GByteArray *all)
{
    static const char busy[] = "fail " COMMAND_BUSY "\n";

    return all != NULL && all->len == strlen(busy) && memcmp(all->data, busy, all->len) == 0;
}

GBytes *cli_control_response(const CliPlace *place, const char *id, int *code)
{
    static const char begin[] = "ok response\n";
    g_autoptr(GByteArray) all = fetch(place, id, code);

    for (unsigned again = 0; is_busy(all) && again < BUSY_TIMES; again++) {
        g_usleep(BUSY_USEC);
        g_byte_array_unref(all);
        all = fetch(place, id, code);
    }
    if (*code != 0)
        return NULL;
    if (all == NULL || all->len < strlen(begin) || memcmp(all->data, begin, strlen(begin)) != 0 ||
        all->data[all->len - 1] != *COMMAND_END) {
        *code = cli_fault(EX_TEMPFAIL, "the response of job %s could not be fetched", id);
        return NULL;
    }
    g_byte_array_set_size(all, all->len - 1);
    g_byte_array_remove_range(all, 0, (guint)strlen(begin));
    return g_byte_array_free_to_bytes(g_steal_pointer(&all));
}

/* --- retry and cancel --- */

static int tell_of(const CliPlace *place, const char *word, const char *job)
{
    g_autofree char *id = cli_job_id(job);
    g_autofree char *request = g_strdup_printf("%s %s", word, id), *text = NULL;
    int code = cli_control_ask(place, request, &text);

    if (code == 0)
        puts(text);
    return code;
}

static int tell(const CliPlace *place, int argc, char **argv, const char *usage)
{
    if (argc != 2 || strpbrk(argv[1], "\r\n") != NULL || strlen(argv[1]) > COMMAND_LINE_MAX / 2)
        return cli_fault(EX_USAGE, "%s takes the number of one job; usage: %s", argv[0], usage);
    return tell_of(place, argv[0], argv[1]);
}

/* A GPtrArray's: the numbers of jobs that wait until a time. */
static void add_waiting(gpointer data, const Job *job)
{
    if (job->waiting != NULL && job->not_before != 0)
        g_ptr_array_add(data, g_strdup(job->id));
}

static void add_calling(gpointer data, const SpoolCall *call)
{
    GPtrArray *ids = data;
    guint at;

    if (!g_ptr_array_find_with_equal_func(ids, call->job, g_str_equal, &at))
        g_ptr_array_add(ids, g_strdup(call->job));
}

/* One that ended meanwhile is none of those that wait. */
static int retry_all(const CliPlace *place)
{
    g_autoptr(GPtrArray) ids = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GError) error = NULL;
    int code = 0;
    g_autoptr(Spool) spool = cli_spool(place, &code);

    if (spool == NULL)
        return code;
    if (!spool_list(spool, true, add_waiting, ids, &error) ||
        !spool_calls_list(spool, NULL, add_calling, ids, &error))
        return cli_fault(EX_TEMPFAIL, "%s", error->message);
    for (guint i = 0; i < ids->len && (code == 0 || code == CLI_NO); i++)
        code = tell_of(place, "retry", g_ptr_array_index(ids, i));
    if (ids->len == 0)
        puts("No job waits.");
    return code == CLI_NO ? 0 : code;
}

int cli_retry(const CliPlace *place, int argc, char **argv)
{
    gboolean all = FALSE;
    const GOptionEntry entries[] = {
        {"all", 'a', 0, G_OPTION_ARG_NONE, &all, NULL, NULL},
        G_OPTION_ENTRY_NULL,
    };
    static const char usage[] = "batchload [-c FILE | --spool DIR] retry JOB | --all";
    int code = 0;

    if (!cli_options(
            &argc, &argv, usage,
            "Lets a job that waits go on now. Where the mail server refused the response\n"
            "of a job, hands it over once more; where add-ons have not followed it, calls\n"
            "them now.\n\n"
            "  -a, --all   every job that waits, such as after the directory was away\n"
            "  -h, --help  print this\n\n"
            "Ends with 1 where there is no such job, or nothing to be tried again.\n",
            entries, &code))
        return code;
    if (all && argc == 1)
        return retry_all(place);
    return all ? cli_fault(EX_USAGE, "with --all no job is named; usage: %s", usage)
               : tell(place, argc, argv, usage);
}

int cli_cancel(const CliPlace *place, int argc, char **argv)
{
    static const char usage[] = "batchload [-c FILE | --spool DIR] cancel JOB";
    int code = 0;

    if (!cli_options(
            &argc, &argv, usage,
            "Ends a job: rows that are not done yet are reported to its requester as\n"
            "cancelled. What is done stays done; rows that are half done are finished\n"
            "first. After a job that has ended, calls of add-ons that wait are dropped.\n\n"
            "  -h, --help  print this\n\n"
            "Ends with 1 where there is no such job, or it can't be ended any more.\n",
            NULL, &code))
        return code;
    return tell(place, argc, argv, usage);
}
