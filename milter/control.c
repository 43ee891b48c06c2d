/* SPDX-License-Identifier: MIT */
#include "milter/control.h"
#include "lib/job.h"
#include "lib/spool-call.h"
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
#define NOT_UNDERSTOOD "the request can't be understood"
/* Most groups of a client that are looked at; one in more is none of ours. */
#define GROUPS_MAX 1024
/* Anybody else on this machine may come by a door: so many at a time, so many of one user, and so
 * long may it take in all to hear and answer one. They are served apart, so that they hold up none
 * of the others. */
#define STRANGERS_MAX 16
#define STRANGERS_OF_ONE_MAX 8
#define STRANGER_SECONDS 20

struct Control {
    Spool *spool;
    World *(*world)(void);
    int listener;
    int stop[2];
    GThread *thread;
    GThreadPool *strangers;
    GMutex lock;
    GPtrArray *clients; /* under lock: of Client, who are being served */
};

/* One connection. */
typedef struct {
    Control *control;
    int fd;
    uid_t user;
    bool trusted;
    gint64 deadline; /* of a stranger (monotonic) */
    GString *input;  /* what came behind the line */
} Client;

/* --- bytes --- */

static void set_silence(int fd, gint64 microseconds)
{
    const struct timeval silence = {.tv_sec = microseconds / G_USEC_PER_SEC,
                                    .tv_usec = microseconds % G_USEC_PER_SEC};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &silence, sizeof silence);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &silence, sizeof silence);
}

/* Whether there is time for another piece; a stranger may take what is left of it. */
static bool in_time(const Client *client)
{
    const gint64 left = client->deadline - g_get_monotonic_time();
    if (client->trusted)
        return true;
    if (left > 0)
        set_silence(client->fd, left);
    return left > 0;
}

static gssize receive(const Client *client, char *buffer, gsize size)
{
    ssize_t got;
    do
        got = in_time(client) ? recv(client->fd, buffer, size, 0) : -1;
    while (got < 0 && errno == EINTR && in_time(client));
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
        gssize got = receive(client, buffer, sizeof buffer);
        if (got <= 0)
            return NULL;
        g_string_append_len(client->input, buffer, got);
        sodium_memzero(buffer, sizeof buffer);
    }
}

static bool send_all(const Client *client, const char *data, gsize size)
{
    while (size > 0) {
        ssize_t wrote = in_time(client) ? send(client->fd, data, size, MSG_NOSIGNAL) : 0;
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
    send_all(client, line, strlen(line));
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

static void retry(Client *client, const CommandRequest *command)
{
    const char *id = command->name;
    Spool *spool = client->control->spool;
    g_autoptr(SpoolClaim) claim = NULL;
    g_autoptr(GError) error = NULL;
    Answer found = spool_claim_this(spool, id, 0, &claim, &error);
    unsigned calls = 0;
    (void)spool_calls_hurry(spool, id, &calls, NULL);
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
        else if (found == ANSWER_NO && calls > 0)
            answer(client, "ok", "%u call%s of add-ons after job %s %s tried again now", calls,
                   calls == 1 ? "" : "s", id, calls == 1 ? "is" : "are");
        else if (found == ANSWER_NO)
            answer_finished(client, id);
    }
    if (found == ANSWER_UNKNOWN && !g_error_matches(error, SPOOL_ERROR, SPOOL_ERROR_BUSY))
        answer_error(client, error);
}

/* Of a finished job: what still waits to follow it is dropped. */
static void drop_calls(Client *client, const char *id)
{
    g_autoptr(GError) error = NULL;
    unsigned calls = 0;
    if (!spool_calls_drop(client->control->spool, id, &calls, &error))
        answer_error(client, error);
    else if (calls == 0)
        answer_finished(client, id);
    else
        answer(client, "ok", "%u call%s of add-ons after job %s dropped; they never learn of it",
               calls, calls == 1 ? "" : "s", id);
}

static void cancel(Client *client, const CommandRequest *command)
{
    const char *id = command->name;
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
        drop_calls(client, id);
        break;
    case ANSWER_UNKNOWN:
        answer_error(client, error);
        break;
    }
}

static void state(Client *client, const CommandRequest *command)
{
    const char *id = command->name;
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
        return receive(client, buffer, size);
    memcpy(buffer, client->input->str, have);
    g_string_erase(client->input, 0, (gssize)have);
    return (gssize)have;
}

/* Answers with the job's number, or why there is none. word is for the log. */
static void store(Client *client, const char *word, const HandIn *what)
{
    g_autoptr(World) world = client->control->world();
    g_autofree char *text = NULL;
    g_autoptr(GError) error = NULL;
    if (world == NULL) {
        answer(client, "fail", "the daemon is about to stop");
        return;
    }
    switch (hand_in(world, what, read_file, client, &text, &error)) {
    case ANSWER_YES:
        log_line(LOG_LEVEL_INFO, NULL, "control: %s job=%s uid=%u from=%s", word, text,
                 (unsigned)client->user, what->address);
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

/* As whom, where from and how, but for the bytes that follow. */
static HandIn hand_in_of(const Client *client, const CommandRequest *command)
{
    return (HandIn){.user = client->user,
                    .address = command->name,
                    .reference = command->rest,
                    .mode = command->mode,
                    .size = command->size};
}

static void apply(Client *client, const CommandRequest *command)
{
    const HandIn what = hand_in_of(client, command);
    store(client, "apply", &what);
}

static void check(Client *client, const CommandRequest *command)
{
    HandIn what = hand_in_of(client, command);
    what.mode = MODE_CHECK;
    store(client, "check", &what);
}

static void panel(Client *client, const CommandRequest *command)
{
    HandIn what = hand_in_of(client, command);
    what.panel = true;
    store(client, "panel", &what);
}

/* Whether the profile lets rows of a type set an attribute. */
static void takes(Client *client, const CommandRequest *command)
{
    g_autoptr(World) world = client->control->world();
    ObjectType type;
    if (!type_find(command->name, &type)) {
        answer(client, "no", NOT_UNDERSTOOD);
    } else if (world == NULL) {
        answer(client, "fail", "the daemon is about to stop");
    } else {
        const char *const *allowed = profile_allowed(world_config(world)->profile)[type];
        bool found = false;
        for (; !found && allowed != NULL && *allowed != NULL; allowed++)
            found = g_ascii_strcasecmp(*allowed, command->rest) == 0;
        answer(client, "ok", found ? COMMAND_TAKEN : "no");
    }
}

/* --- prove --- */

/* So many bytes, or NULL. */
static Secret *read_password(Client *client, gsize size)
{
    char buffer[REQUEST_PASSWORD_MAX];
    Secret *password = NULL;
    gsize have = 0;
    g_assert(size <= sizeof buffer);
    while (have < size) {
        gssize got = read_file(client, buffer + have, size - have);
        if (got <= 0)
            break;
        have += (gsize)got;
    }
    if (have == size)
        password = secret_ndup(buffer, size);
    sodium_memzero(buffer, sizeof buffer);
    return password;
}

/* Whether it can stand in a line of a mail. One that can't is nobody's password here. */
static bool is_line(const char *text, gsize size)
{
    return strlen(text) == size && strpbrk(text, "\r\n") == NULL &&
           g_utf8_validate(text, (gssize)size, NULL);
}

static void prove(Client *client, const CommandRequest *command)
{
    HandIn what = hand_in_of(client, command);
    const gsize size = (gsize)command->password_size;
    g_autoptr(Secret) password = read_password(client, size);
    if (password == NULL) {
        answer(client, "fail", "the password did not come to its end");
    } else if (!is_line(password, size)) {
        answer(client, "no", JOB_DOOR_REFUSED);
    } else {
        what.password = password;
        store(client, "door", &what);
    }
}

/* --- responses --- */

/* Sends the response of a request that nobody is mailed, and ends the job. */
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
            return !send_all(client, COMMAND_END, 1) || spool_job_done(claim, error);
        if (!send_all(client, buffer, (gsize)got))
            return true; /* whoever asked has gone: the job ends by itself */
    }
}

static void response(Client *client, const CommandRequest *command)
{
    const char *id = command->name;
    g_autoptr(SpoolClaim) claim = NULL;
    g_autoptr(GError) error = NULL;
    Answer found = spool_claim_this(client->control->spool, id, BUSY_SECONDS, &claim, &error);
    const Job *job = found == ANSWER_YES ? spool_claim_job(claim) : NULL;
    if (found == ANSWER_UNKNOWN) {
        answer_error(client, error);
    } else if (job == NULL || job->state != JOB_SENDING || !spool_is_fetched(&job->facts)) {
        answer(client, "no", "there is no response of job %s to be fetched", id);
    } else if (!send_response(client, claim, &error)) {
        g_autofree char *reason = log_value(error->message);
        log_line(LOG_LEVEL_WARNING, NULL, "control: response job=%s reason=%s", id, reason);
    }
}

/* --- wrong passwords --- */

static void release(Client *client, const CommandRequest *command)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Address) sender = address_parse(command->name, NULL, NULL);
    unsigned count = 0;
    if (sender == NULL)
        answer(client, "no", "this is no address of a sender");
    else if (!spool_lockout_release(client->control->spool, sender->full,
                                    *command->rest != '\0' ? command->rest : NULL, &count, &error))
        answer_error(client, error);
    else if (count == 0)
        answer(client, "no", "no wrong passwords are counted there");
    else
        answer(client, "ok", "forgotten for %s: %u %s", sender->full, count,
               count == 1 ? "client" : "clients");
}

/* --- requests --- */

/* Whose requests are heard: of those whom the daemon trusts; of him who handed the job in, too; of
 * anybody, since a password comes with it. */
typedef enum { WHO_TRUSTED, WHO_OWNER, WHO_ANYBODY } Who;

static const struct {
    void (*act)(Client *client, const CommandRequest *command);
    Who who;
    bool changes;
} requests[COMMAND_COUNT] = {
    [COMMAND_RETRY] = {retry, WHO_TRUSTED, true},
    [COMMAND_CANCEL] = {cancel, WHO_OWNER, true},
    [COMMAND_STATE] = {state, WHO_OWNER, false},
    [COMMAND_APPLY] = {apply, WHO_TRUSTED, false},
    [COMMAND_CHECK] = {check, WHO_TRUSTED, false},
    [COMMAND_RESPONSE] = {response, WHO_OWNER, false},
    [COMMAND_RELEASE] = {release, WHO_TRUSTED, true},
    [COMMAND_PROVE] = {prove, WHO_ANYBODY, false},
    [COMMAND_PANEL] = {panel, WHO_TRUSTED, false},
    [COMMAND_TAKES] = {takes, WHO_ANYBODY, false},
};

/* Whether the job came by a door from this user. */
static bool is_own(Client *client, const char *id)
{
    g_autofree char *login = g_strdup_printf("uid %u", (unsigned)client->user);
    g_autoptr(Job) job = NULL;
    return spool_find(client->control->spool, id, &job, NULL) == ANSWER_YES &&
           spool_is_by_door(&job->facts) && g_strcmp0(job->facts.login, login) == 0;
}

static bool may_ask(Client *client, Who who, const char *argument)
{
    if (client->trusted || who == WHO_ANYBODY || (who == WHO_OWNER && is_own(client, argument)))
        return true;
    answer(client, "deny", "only root and members of the daemon's group may do this");
    return false;
}

static void serve_line(Client *client, const char *line)
{
    g_auto(CommandRequest) command = {0};
    if (!command_parse(line, &command)) {
        answer(client, "no", "the daemon does not know this request; is it of another version?");
        return;
    }
    if (!may_ask(client, requests[command.word].who, command.name))
        return;
    if (requests[command.word].changes) {
        g_autofree char *shown = log_value(command.argument);
        log_line(LOG_LEVEL_INFO, NULL, "control: %s uid=%u job=%s", command_word(command.word),
                 (unsigned)client->user, shown);
    }
    if (command.good)
        requests[command.word].act(client, &command);
    else
        answer(client, "no", NOT_UNDERSTOOD);
}

/* Root, our user, and members of our group. */
static bool is_trusted(int fd, const struct ucred *peer)
{
    gid_t groups[GROUPS_MAX];
    socklen_t size = sizeof groups;
    if (peer->uid == 0 || peer->uid == geteuid() || peer->gid == getegid())
        return true;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size) != 0)
        return false;
    for (gsize i = 0; i < size / sizeof groups[0]; i++)
        if (groups[i] == getegid())
            return true;
    return false;
}

/* Takes fd over. NULL: nobody knows who it is. */
static Client *client_new(Control *control, int fd)
{
    struct ucred peer = {.uid = (uid_t)-1, .gid = (gid_t)-1};
    socklen_t size = sizeof peer;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0 || peer.uid == (uid_t)-1) {
        close(fd);
        return NULL;
    }
    Client *client = g_new0(Client, 1);
    client->control = control;
    client->fd = fd;
    client->user = peer.uid;
    client->trusted = is_trusted(fd, &peer);
    client->deadline = g_get_monotonic_time() + (gint64)STRANGER_SECONDS * G_USEC_PER_SEC;
    /* as large as it gets: it may hold passwords and must not be copied */
    client->input = g_string_sized_new(2 * COMMAND_LINE_MAX);
    set_silence(fd, (gint64)SILENCE_SECONDS * G_USEC_PER_SEC);
    return client;
}

static void client_free(Client *client)
{
    close(client->fd);
    sodium_memzero(client->input->str, client->input->allocated_len);
    g_string_free(client->input, TRUE);
    g_free(client);
}

/* Whether another one of his may be served now; false: not by us, or too many are. */
static bool enter(Client *client)
{
    Control *control = client->control;
    g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&control->lock);
    unsigned strangers = 0, own = 0;
    for (guint i = 0; !client->trusted && i < control->clients->len; i++) {
        const Client *other = control->clients->pdata[i];
        strangers += !other->trusted;
        own += !other->trusted && other->user == client->user;
    }
    if (strangers >= STRANGERS_MAX || own >= STRANGERS_OF_ONE_MAX)
        return false;
    g_ptr_array_add(control->clients, client);
    return true;
}

static void leave(Client *client)
{
    Control *control = client->control;
    g_mutex_lock(&control->lock);
    g_ptr_array_remove_fast(control->clients, client);
    g_mutex_unlock(&control->lock);
    client_free(client);
}

/* A GFunc of the strangers' threads, too. */
static void serve(gpointer data, gpointer unused)
{
    (void)unused;
    Client *client = data;
    g_autofree char *line = read_line(client);
    if (line != NULL)
        serve_line(client, line);
    leave(client);
}

static void serve_next(Control *control, int fd)
{
    Client *client = client_new(control, fd);
    if (client == NULL)
        return;
    if (!enter(client)) {
        answer(client, "fail", COMMAND_BUSY);
        client_free(client);
    } else if (client->trusted) {
        serve(client, NULL);
    } else {
        g_thread_pool_push(control->strangers, client, NULL); /* waits for a thread at worst */
    }
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
        if (fd < 0)
            g_usleep(PAUSE); /* no descriptors, perhaps */
        else
            serve_next(control, fd);
    }
}

/* --- the socket --- */

static void control_free(Control *control)
{
    const int open_ones[] = {control->listener, control->stop[0], control->stop[1]};
    for (gsize i = 0; i < G_N_ELEMENTS(open_ones); i++)
        if (open_ones[i] >= 0)
            close(open_ones[i]);
    g_ptr_array_unref(control->clients);
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
    control->stop[0] = control->stop[1] = -1;
    control->clients = g_ptr_array_new();
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
    control->strangers = g_thread_pool_new(serve, NULL, STRANGERS_MAX, FALSE, NULL);
    control->thread = g_thread_new("control", listen_and_serve, control);
    return control;
}

static void stop_hearing(Control *control)
{
    g_mutex_lock(&control->lock);
    for (guint i = 0; i < control->clients->len; i++) {
        const Client *client = control->clients->pdata[i];
        shutdown(client->fd, client->trusted ? SHUT_RD : SHUT_RDWR);
    }
    g_mutex_unlock(&control->lock);
}

void control_stop(Control *control)
{
    if (control == NULL)
        return;
    /* Closing its end wakes the thread. */
    close(control->stop[1]);
    control->stop[1] = -1;
    stop_hearing(control);
    g_thread_join(control->thread);
    stop_hearing(control);
    g_thread_pool_free(control->strangers, FALSE, TRUE);
    control_free(control);
}
