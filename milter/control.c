/* SPDX-License-Identifier: MIT */
#include "milter/control.h"
#include "lib/job.h"
#include "milter/hand-in.h"
#include "milter/start.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sodium.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* How long a client may be silent, and how long the worker that has a job is waited for. */
#define SILENCE_SECONDS 10
#define BUSY_SECONDS 30
#define BACKLOG 16
#define PAUSE 10000
/* Most groups of a client that are looked at; one in more is none of ours. */
#define GROUPS_MAX 1024

struct Control {
    Spool *spool;
    World *(*world)(void);
    int listener;
    int stop[2];
    GThread *thread;
    GMutex lock;
    int client; /* under lock: who is being served, or -1 */
};

/* One connection. */
typedef struct {
    Control *control;
    int fd;
    uid_t user;
    GString *input; /* what came behind the line */
} Client;

/* --- bytes --- */

static gssize receive(int fd, char *buffer, gsize size)
{
    ssize_t got;
    do
        got = recv(fd, buffer, size, 0);
    while (got < 0 && errno == EINTR);
    return got;
}

/* The line asked, without its end; NULL: none came. */
static char *read_line(Client *client)
{
    char buffer[COMMAND_LINE_MAX];
    for (;;) {
        const char *end = memchr(client->input->str, '\n', client->input->len);
        if (end != NULL) {
            gsize length = (gsize)(end - client->input->str);
            char *line = g_strndup(client->input->str, length);
            g_string_erase(client->input, 0, (gssize)length + 1);
            return line;
        }
        if (client->input->len > COMMAND_LINE_MAX)
            return NULL;
        gssize got = receive(client->fd, buffer, sizeof buffer);
        if (got <= 0)
            return NULL;
        g_string_append_len(client->input, buffer, got);
        sodium_memzero(buffer, sizeof buffer);
    }
}

static bool send_all(int fd, const char *data, gsize size)
{
    while (size > 0) {
        ssize_t wrote = send(fd, data, size, MSG_NOSIGNAL);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote <= 0)
            return false;
        data += wrote;
        size -= (gsize)wrote;
    }
    return true;
}

G_GNUC_PRINTF(3, 4)
static void answer(Client *client, const char *word, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_autofree char *line = g_strdup_printf("%s %s\n", word, g_strdelimit(text, "\r\n", ' '));
    send_all(client->fd, line, strlen(line));
}

/* --- retry, cancel, state --- */

static void answer_error(Client *client, const GError *error)
{
    bool no = g_error_matches(error, JOB_ERROR, JOB_ERROR_LATE);
    answer(client, no ? "no" : "fail", "%s", error->message);
}

/* Of a job that is not unfinished. */
static void answer_finished(Client *client, const char *id)
{
    g_autoptr(Job) job = NULL;
    g_autoptr(GError) error = NULL;
    switch (spool_find(client->control->spool, id, &job, &error)) {
    case ANSWER_YES:
        answer(client, "no", "job %s is %s", job->id, job_state_name(job->state));
        break;
    case ANSWER_NO:
        answer(client, "no", "there is no job %s", id);
        break;
    case ANSWER_UNKNOWN:
        answer_error(client, error);
        break;
    }
}

static void retry(Client *client, const char *id)
{
    Spool *spool = client->control->spool;
    g_autoptr(SpoolClaim) claim = NULL;
    g_autoptr(GError) error = NULL;
    Answer found = spool_claim_this(spool, id, 0, &claim, &error);
    if (found == ANSWER_YES) {
        if (spool_job_hurry(claim, &error))
            answer(client, "ok", "job %s is tried again now", id);
        else
            answer_error(client, error);
    } else if (g_error_matches(error, SPOOL_ERROR, SPOOL_ERROR_BUSY)) {
        answer(client, "ok", "%s", error->message);
    } else if (found == ANSWER_NO) {
        found = spool_job_send_again(spool, id, &error);
        if (found == ANSWER_YES)
            answer(client, "ok", "the response of job %s is sent again", id);
        else if (found == ANSWER_NO)
            answer_finished(client, id);
    }
    if (found == ANSWER_UNKNOWN && !g_error_matches(error, SPOOL_ERROR, SPOOL_ERROR_BUSY))
        answer_error(client, error);
}

static void cancel(Client *client, const char *id)
{
    g_autoptr(SpoolClaim) claim = NULL;
    g_autoptr(GError) error = NULL;
    switch (spool_claim_this(client->control->spool, id, BUSY_SECONDS, &claim, &error)) {
    case ANSWER_YES:
        if (job_cancel(claim, &error))
            answer(client, "ok", "job %s is cancelled; its requester is told so", id);
        else
            answer_error(client, error);
        break;
    case ANSWER_NO:
        answer_finished(client, id);
        break;
    case ANSWER_UNKNOWN:
        answer_error(client, error);
        break;
    }
}

static void state(Client *client, const char *id)
{
    g_autoptr(Job) job = NULL;
    g_autoptr(GError) error = NULL;
    const char *words;
    switch (spool_find(client->control->spool, id, &job, &error)) {
    case ANSWER_YES:
        words = job->refusal != NULL ? job->refusal : job->waiting;
        answer(client, "ok", COMMAND_STATE_FORMAT " %s", (unsigned)job->state,
               job->refusal != NULL ? 1u : 0u, job->rows, job->counts[RESULT_CREATED],
               job->counts[RESULT_CHANGED], job->counts[RESULT_DELETED],
               job->counts[RESULT_UNCHANGED], job->counts[RESULT_FAILED],
               words != NULL ? words : "");
        break;
    case ANSWER_NO:
        answer(client, "no", "there is no job %s", id);
        break;
    case ANSWER_UNKNOWN:
        answer_error(client, error);
        break;
    }
}

/* --- apply --- */

/* A HandInReadFunc. */
static gssize read_file(gpointer data, char *buffer, gsize size)
{
    Client *client = data;
    gsize have = MIN(size, client->input->len);
    if (have == 0)
        return receive(client->fd, buffer, size);
    memcpy(buffer, client->input->str, have);
    g_string_erase(client->input, 0, (gssize)have);
    return (gssize)have;
}

static void take_file(Client *client, const char *argument, bool check)
{
    g_auto(GStrv) words = g_strsplit(argument, " ", 3);
    g_autoptr(World) world = client->control->world();
    g_autofree char *text = NULL;
    g_autoptr(GError) error = NULL;
    guint64 size = 0;
    if (g_strv_length(words) < 3 ||
        !g_ascii_string_to_unsigned(words[1], 10, 0, G_MAXINT64, &size, NULL)) {
        answer(client, "no", "the request can't be understood");
        return;
    }
    if (world == NULL) {
        answer(client, "fail", "the daemon is about to stop");
        return;
    }
    switch (hand_in(world, client->user, words[0], check, words[2], size, read_file, client, &text,
                    &error)) {
    case ANSWER_YES:
        log_line(LOG_LEVEL_INFO, NULL, "control: %s job=%s uid=%u from=%s",
                 check ? "check" : "apply", text, (unsigned)client->user, words[0]);
        answer(client, "ok", "%s", text);
        break;
    case ANSWER_NO:
        answer(client, "no", "%s", text);
        break;
    case ANSWER_UNKNOWN:
        answer_error(client, error);
        break;
    }
}

static void apply(Client *client, const char *argument)
{
    take_file(client, argument, false);
}

static void check(Client *client, const char *argument)
{
    take_file(client, argument, true);
}

/* Sends the response of a request that was only checked, and ends the job. */
static bool send_response(Client *client, SpoolClaim *claim, GError **error)
{
    char buffer[COMMAND_LINE_MAX];
    g_autoptr(GInputStream) stream = spool_response_open(claim, error);
    if (stream == NULL)
        return false;
    answer(client, "ok", "response");
    for (;;) {
        gssize got = g_input_stream_read(stream, buffer, sizeof buffer, NULL, error);
        if (got < 0)
            return false;
        if (got == 0)
            return !send_all(client->fd, COMMAND_END, 1) || spool_job_done(claim, error);
        if (!send_all(client->fd, buffer, (gsize)got))
            return true; /* whoever asked has gone: the job ends by itself */
    }
}

static void response(Client *client, const char *id)
{
    g_autoptr(SpoolClaim) claim = NULL;
    g_autoptr(GError) error = NULL;
    Answer found = spool_claim_this(client->control->spool, id, BUSY_SECONDS, &claim, &error);
    const Job *job = found == ANSWER_YES ? spool_claim_job(claim) : NULL;
    if (found == ANSWER_UNKNOWN) {
        answer_error(client, error);
    } else if (job == NULL || job->state != JOB_SENDING ||
               g_strcmp0(job->facts.client, SPOOL_CLIENT_CHECK) != 0) {
        answer(client, "no", "there is no response of job %s to be fetched", id);
    } else if (!send_response(client, claim, &error)) {
        g_autofree char *reason = log_value(error->message);
        log_line(LOG_LEVEL_WARNING, NULL, "control: response job=%s reason=%s", id, reason);
    }
}

/* --- wrong passwords --- */

static void release(Client *client, const char *argument)
{
    g_auto(GStrv) words = g_strsplit(argument, " ", 2);
    g_autoptr(GError) error = NULL;
    g_autoptr(Address) sender = address_parse(words[0] != NULL ? words[0] : "", NULL, NULL);
    const char *from = words[0] != NULL && words[1] != NULL ? words[1] : "";
    unsigned count = 0;
    if (sender == NULL)
        answer(client, "no", "this is no address of a sender");
    else if (!spool_lockout_release(client->control->spool, sender->full,
                                    *from != '\0' ? from : NULL, &count, &error))
        answer_error(client, error);
    else if (count == 0)
        answer(client, "no", "no wrong passwords are counted there");
    else
        answer(client, "ok", "forgotten for %s: %u %s", sender->full, count,
               count == 1 ? "client" : "clients");
}

/* --- requests --- */

static const struct {
    const char *word;
    void (*act)(Client *client, const char *argument);
    bool changes;
} requests[] = {
    {"retry ", retry, true},     {"cancel ", cancel, true}, {"state ", state, false},
    {"apply ", apply, false},    {"check ", check, false},  {"response ", response, false},
    {"release ", release, true},
};

static void serve_line(Client *client, const char *line)
{
    for (gsize i = 0; i < G_N_ELEMENTS(requests); i++) {
        if (!g_str_has_prefix(line, requests[i].word))
            continue;
        const char *argument = line + strlen(requests[i].word);
        if (requests[i].changes) {
            g_autofree char *shown = log_value(argument);
            log_line(LOG_LEVEL_INFO, NULL, "control: %suid=%u job=%s", requests[i].word,
                     (unsigned)client->user, shown);
        }
        requests[i].act(client, argument);
        return;
    }
    answer(client, "no", "the daemon does not know this request; is it of another version?");
}

/* Root, our user, and members of our group. */
static bool may_ask(int fd, const struct ucred *peer)
{
    gid_t groups[GROUPS_MAX];
    socklen_t size = sizeof groups;
    if (peer->uid == 0 || peer->uid == geteuid() || peer->gid == getegid())
        return peer->uid != (uid_t)-1;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size) != 0)
        return false;
    for (gsize i = 0; i < size / sizeof groups[0]; i++)
        if (groups[i] == getegid())
            return true;
    return false;
}

static void serve(Control *control, int fd)
{
    const struct timeval silence = {.tv_sec = SILENCE_SECONDS};
    struct ucred peer = {.uid = (uid_t)-1, .gid = (gid_t)-1};
    socklen_t size = sizeof peer;
    Client client = {.control = control,
                     .fd =
                         fd, /* as large as it gets: it may hold passwords and must not be copied */
                     .input = g_string_sized_new(2 * COMMAND_LINE_MAX)};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &silence, sizeof silence);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &silence, sizeof silence);
    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size);
    client.user = peer.uid;
    if (may_ask(fd, &peer)) {
        g_autofree char *line = read_line(&client);
        if (line != NULL)
            serve_line(&client, line);
    } else {
        answer(&client, "deny", "only root and members of the daemon's group may do this");
    }
    sodium_memzero(client.input->str, client.input->allocated_len);
    g_string_free(client.input, TRUE);
}

static void set_client(Control *control, int fd)
{
    g_mutex_lock(&control->lock);
    control->client = fd;
    g_mutex_unlock(&control->lock);
}

static gpointer listen_and_serve(gpointer data)
{
    Control *control = data;
    struct pollfd watched[] = {{.fd = control->stop[0], .events = POLLIN},
                               {.fd = control->listener, .events = POLLIN}};
    for (;;) {
        if (poll(watched, G_N_ELEMENTS(watched), -1) < 0 && errno != EINTR)
            return NULL;
        if (watched[0].revents != 0)
            return NULL;
        if ((watched[1].revents & POLLIN) == 0)
            continue;
        int fd = accept4(control->listener, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0) {
            g_usleep(PAUSE); /* no descriptors, perhaps */
            continue;
        }
        set_client(control, fd);
        serve(control, fd);
        set_client(control, -1);
        close(fd);
    }
}

/* --- the socket --- */

static void control_free(Control *control)
{
    const int open_ones[] = {control->listener, control->stop[0], control->stop[1]};
    for (gsize i = 0; i < G_N_ELEMENTS(open_ones); i++)
        if (open_ones[i] >= 0)
            close(open_ones[i]);
    g_mutex_clear(&control->lock);
    g_free(control);
}

Control *control_start(const char *spool_folder, Spool *spool, World *(*world)(void),
                       GError **error)
{
    struct sockaddr_un address;
    socklen_t length = command_address(spool_folder, &address);
    Control *control = g_new0(Control, 1);
    control->spool = spool;
    control->world = world;
    control->client = control->stop[0] = control->stop[1] = -1;
    g_mutex_init(&control->lock);
    control->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (control->listener < 0 ||
        bind(control->listener, (const struct sockaddr *)&address, length) != 0 ||
        listen(control->listener, BACKLOG) != 0 || pipe2(control->stop, O_CLOEXEC) != 0) {
        g_set_error(error, START_ERROR, START_ERROR_SOCKET,
                    "The socket for batchload(1) can't be opened: %s.", g_strerror(errno));
        control_free(control);
        return NULL;
    }
    control->thread = g_thread_new("control", listen_and_serve, control);
    return control;
}

void control_stop(Control *control)
{
    if (control == NULL)
        return;
    /* Closing its end wakes the thread. */
    close(control->stop[1]);
    control->stop[1] = -1;
    g_mutex_lock(&control->lock);
    if (control->client >= 0)
        shutdown(control->client, SHUT_RD);
    g_mutex_unlock(&control->lock);
    g_thread_join(control->thread);
    control_free(control);
}
