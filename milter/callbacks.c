/* SPDX-License-Identifier: MIT */
#include "milter/callbacks.h"
#include "milter/session.h"
#include <arpa/inet.h>
#include <libmilter/mfapi.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <sodium.h>
#include <string.h>

G_DEFINE_QUARK(batchload_callbacks_error, callbacks_error)

/* Seconds libmilter waits for the MTA; the longest that an SMTP client may take between two
 * commands (RFC 5321, 4.5.3.2) and a little. */
#define MTA_SECONDS 7210

/* --- the snapshot --- */

static GMutex world_lock;
static World *world_now; /* under world_lock */

void callbacks_set_world(World *world)
{
    World *next = world != NULL ? world_ref(world) : NULL;
    g_mutex_lock(&world_lock);
    World *old = world_now;
    world_now = next;
    g_mutex_unlock(&world_lock);
    world_unref(old);
}

World *callbacks_world(void)
{
    g_mutex_lock(&world_lock);
    World *world = world_now != NULL ? world_ref(world_now) : NULL;
    g_mutex_unlock(&world_lock);
    return world;
}

/* --- the gate: libmilter's threads may outlive smfi_main() --- */

static GRWLock gate;
static bool closed; /* under gate */

/* Whether a callback may touch sessions; then gate_leave() ends it. */
static bool gate_enter(void)
{
    g_rw_lock_reader_lock(&gate);
    if (!closed)
        return true;
    g_rw_lock_reader_unlock(&gate);
    return false;
}

static void gate_leave(void)
{
    g_rw_lock_reader_unlock(&gate);
}

static void gate_close(void)
{
    g_rw_lock_writer_lock(&gate);
    closed = true;
    g_rw_lock_writer_unlock(&gate);
}

/* --- one connection --- */

typedef struct {
    unsigned long steps; /* as negotiated */
    Session *session;
    World *world; /* of the mail in work */
} Connection;

static void connection_free(Connection *connection)
{
    session_free(connection->session);
    world_unref(connection->world);
    g_free(connection);
}

/* What a callback returns that has nothing to say: libmilter wants silence where it was agreed. */
static sfsistat go_on(const Connection *connection, unsigned long no_reply)
{
    return connection != NULL && (connection->steps & no_reply) != 0 ? SMFIS_NOREPLY
                                                                     : SMFIS_CONTINUE;
}

static void mail_over(Connection *connection)
{
    if (connection->session != NULL)
        session_abort(connection->session);
    g_clear_pointer(&connection->world, world_unref);
}

static void note_queue_id(SMFICTX *context, Connection *connection)
{
    char macro[] = "i";
    session_queue_id(connection->session, smfi_getsymval(context, macro));
}

/* A reply of our own; without one (it can't be set) the MTA uses its own words for the code. */
static void set_reply(SMFICTX *context, const char *code, const char *status, const char *text)
{
    g_auto(GStrv) pieces = g_strsplit(text, "%", -1);
    g_autofree char *doubled = g_strjoinv("%%", pieces);
    (void)smfi_setreply(context, (char *)code, (char *)status, doubled);
}

static sfsistat defer(SMFICTX *context)
{
    set_reply(context, "451", "4.3.0", "The request can't be stored now; try again later.");
    return SMFIS_TEMPFAIL;
}

/* session_reply() is "5.7.1 text". */
static sfsistat reject(SMFICTX *context, const Connection *connection)
{
    g_auto(GStrv) parts = g_strsplit(session_reply(connection->session), " ", 2);
    set_reply(context, "550", parts[0], parts[1]);
    return SMFIS_REJECT;
}

/* --- callbacks, in the order of a mail --- */

static sfsistat on_negotiate(SMFICTX *context, unsigned long actions, unsigned long steps,
                             unsigned long f2, unsigned long f3, unsigned long *our_actions,
                             unsigned long *our_steps, unsigned long *our_f2, unsigned long *our_f3)
{
    (void)f2;
    (void)f3;
    if ((actions & SMFIF_DELRCPT) == 0) {
        log_line(LOG_LEVEL_ERROR, NULL,
                 "the mail server lets no filter take recipients off; batchload can't work there");
        return SMFIS_REJECT;
    }
    /* No NR_DATA: letting go at DATA is a reply. */
    const unsigned long wanted = SMFIP_NOHELO | SMFIP_NOUNKNOWN | SMFIP_NR_CONN | SMFIP_NR_HELO |
                                 SMFIP_NR_MAIL | SMFIP_NR_RCPT | SMFIP_NR_HDR | SMFIP_NR_EOH |
                                 SMFIP_NR_BODY | SMFIP_HDR_LEADSPC;
    *our_actions = SMFIF_DELRCPT;
    if ((actions & SMFIF_SETSYMLIST) != 0) {
        char client[] = "{client_addr}", mail[] = "{auth_authen} {tls_version}", id[] = "i";
        *our_actions |= SMFIF_SETSYMLIST;
        (void)smfi_setsymlist(context, SMFIM_CONNECT, client);
        (void)smfi_setsymlist(context, SMFIM_ENVFROM, mail);
        (void)smfi_setsymlist(context, SMFIM_ENVRCPT, id);
        (void)smfi_setsymlist(context, SMFIM_DATA, id);
        (void)smfi_setsymlist(context, SMFIM_EOH, id);
        (void)smfi_setsymlist(context, SMFIM_EOM, id);
    }
    *our_steps = steps & wanted;
    *our_f2 = 0;
    *our_f3 = 0;
    Connection *connection = g_new0(Connection, 1);
    connection->steps = *our_steps;
    if (smfi_setpriv(context, connection) == MI_SUCCESS)
        return SMFIS_CONTINUE;
    connection_free(connection);
    return SMFIS_REJECT;
}

static sfsistat on_connect(SMFICTX *context, char *name, _SOCK_ADDR *address)
{
    (void)name;
    char text[INET6_ADDRSTRLEN] = "";
    if (address != NULL && address->sa_family == AF_INET)
        inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)address)->sin_addr, text,
                  sizeof(text));
    else if (address != NULL && address->sa_family == AF_INET6)
        inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr, text,
                  sizeof(text));
    /* The address may be of a kind that is not told here. */
    char macro[] = "{client_addr}";
    const char *told = *text != '\0' ? text : smfi_getsymval(context, macro);
    Connection *connection = smfi_getpriv(context);
    if (connection != NULL) {
        session_free(connection->session);
        connection->session =
            session_new(told != NULL && g_hostname_is_ip_address(told) ? told : NULL);
    }
    return go_on(connection, SMFIP_NR_CONN);
}

static void begin_mail(SMFICTX *context, Connection *connection, const char *sender)
{
    const SessionWorld world = {world_config(connection->world), world_senders(connection->world),
                                world_spool(connection->world)};
    char login[] = "{auth_authen}", tls[] = "{tls_version}";
    session_mail(connection->session, &world, sender, smfi_getsymval(context, login));
    session_tls(connection->session, smfi_getsymval(context, tls));
}

static sfsistat on_mail(SMFICTX *context, char **arguments)
{
    Connection *connection = smfi_getpriv(context);
    if (connection == NULL)
        return defer(context);
    connection->session = connection->session != NULL ? connection->session : session_new(NULL);
    if (!gate_enter())
        return go_on(connection, SMFIP_NR_MAIL);
    mail_over(connection);
    connection->world = callbacks_world();
    if (connection->world != NULL)
        begin_mail(context, connection, arguments[0]);
    gate_leave();
    return go_on(connection, SMFIP_NR_MAIL);
}

/* The connection, if a mail is in work and the gate open; then gate_leave() ends it. */
static Connection *mail_enter(SMFICTX *context)
{
    Connection *connection = smfi_getpriv(context);
    if (connection == NULL || connection->world == NULL || !gate_enter())
        return NULL;
    return connection;
}

static sfsistat on_recipient(SMFICTX *context, char **arguments)
{
    Connection *connection = mail_enter(context);
    if (connection != NULL) {
        session_recipient(connection->session, arguments[0]);
        gate_leave();
    }
    return go_on(smfi_getpriv(context), SMFIP_NR_RCPT);
}

static sfsistat on_data(SMFICTX *context)
{
    Connection *connection = mail_enter(context);
    if (connection == NULL)
        return defer(context);
    note_queue_id(context, connection);
    bool ours = session_data(connection->session) != SESSION_ACCEPT;
    if (!ours)
        mail_over(connection);
    gate_leave();
    return ours ? SMFIS_CONTINUE : SMFIS_ACCEPT;
}

static sfsistat on_header(SMFICTX *context, char *name, char *value)
{
    Connection *connection = mail_enter(context);
    if (connection != NULL) {
        session_header(connection->session, name, value);
        gate_leave();
    }
    return go_on(smfi_getpriv(context), SMFIP_NR_HDR);
}

static sfsistat on_end_of_header(SMFICTX *context)
{
    Connection *connection = mail_enter(context);
    if (connection != NULL) {
        session_end_of_header(connection->session);
        gate_leave();
    }
    return go_on(smfi_getpriv(context), SMFIP_NR_EOH);
}

static sfsistat on_body(SMFICTX *context, unsigned char *data, size_t size)
{
    Connection *connection = mail_enter(context);
    if (connection != NULL) {
        session_body(connection->session, data, size);
        /* The library's buffer, read no more: it may hold the password. */
        sodium_memzero(data, size);
        gate_leave();
    }
    return go_on(smfi_getpriv(context), SMFIP_NR_BODY);
}

/* The job stands, or the mail is dropped: nobody gets it by way of a batch address. */
static sfsistat take_off(SMFICTX *context, const Connection *connection)
{
    if (session_all_ours(connection->session))
        return SMFIS_DISCARD;
    GPtrArray *recipients = session_batch_recipients(connection->session);
    for (guint i = 0; i < recipients->len; i++)
        if (smfi_delrcpt(context, g_ptr_array_index(recipients, i)) != MI_SUCCESS)
            return defer(context);
    return SMFIS_CONTINUE;
}

static sfsistat on_end(SMFICTX *context)
{
    Connection *connection = mail_enter(context);
    if (connection == NULL)
        return defer(context);
    note_queue_id(context, connection);
    sfsistat status = SMFIS_TEMPFAIL;
    switch (session_end(connection->session)) {
    case SESSION_TAKE:
        status = take_off(context, connection);
        break;
    case SESSION_REJECT:
        status = reject(context, connection);
        break;
    case SESSION_DEFER:
    case SESSION_CONTINUE:
    case SESSION_ACCEPT:
        status = defer(context);
        break;
    }
    mail_over(connection);
    gate_leave();
    return status;
}

static sfsistat on_abort(SMFICTX *context)
{
    Connection *connection = smfi_getpriv(context);
    if (connection != NULL && gate_enter()) {
        mail_over(connection);
        gate_leave();
    }
    return SMFIS_CONTINUE;
}

/* Comes without data after a bare connect. */
static sfsistat on_close(SMFICTX *context)
{
    Connection *connection = smfi_getpriv(context);
    if (connection != NULL && gate_enter()) {
        (void)smfi_setpriv(context, NULL);
        connection_free(connection);
        gate_leave();
    }
    return SMFIS_CONTINUE;
}

/* --- start and stop --- */

static bool library_fits(GError **error)
{
    unsigned major = 0, minor = 0, patch = 0;
    (void)smfi_version(&major, &minor, &patch);
    if (major == SM_LM_VRS_MAJOR(SMFI_VERSION))
        return true;
    g_set_error(error, CALLBACKS_ERROR, CALLBACKS_ERROR_LIBRARY,
                "libmilter %u.%u.%u is here, but this program was built for %d.%d.%d.", major,
                minor, patch, SM_LM_VRS_MAJOR(SMFI_VERSION), SM_LM_VRS_MINOR(SMFI_VERSION),
                SM_LM_VRS_PLVL(SMFI_VERSION));
    return false;
}

bool callbacks_listen(const char *socket, GError **error)
{
    struct smfiDesc filter = {
        .xxfi_name = (char *)"batchload",
        .xxfi_version = SMFI_VERSION,
        .xxfi_flags = SMFIF_DELRCPT | SMFIF_SETSYMLIST,
        .xxfi_connect = on_connect,
        .xxfi_envfrom = on_mail,
        .xxfi_envrcpt = on_recipient,
        .xxfi_header = on_header,
        .xxfi_eoh = on_end_of_header,
        .xxfi_body = on_body,
        .xxfi_eom = on_end,
        .xxfi_abort = on_abort,
        .xxfi_close = on_close,
        .xxfi_data = on_data,
        .xxfi_negotiate = on_negotiate,
    };
    if (!library_fits(error))
        return false;
    if (smfi_register(filter) != MI_SUCCESS || smfi_settimeout(MTA_SECONDS) != MI_SUCCESS) {
        g_set_error(error, CALLBACKS_ERROR, CALLBACKS_ERROR_LIBRARY,
                    "libmilter refused the filter.");
        return false;
    }
    g_autofree char *address = g_strdup(socket);
    if (smfi_setconn(address) != MI_SUCCESS || smfi_opensocket(FALSE) != MI_SUCCESS) {
        g_set_error(error, CALLBACKS_ERROR, CALLBACKS_ERROR_SOCKET,
                    "The socket %s can't be opened; is another daemon running, and does its "
                    "folder exist?",
                    socket);
        return false;
    }
    return true;
}

/* libmilter looks every 5 seconds whether it is to stop, and at once where a signal interrupts the
 * poll() of the thread that is in smfi_main(); till then smfi_stop() waits. */
static GMutex serving_lock;
static bool serving;         /* under serving_lock */
static pthread_t serving_in; /* while serving */

static void interrupted(G_GNUC_UNUSED int number)
{
}

static void set_serving(bool now)
{
    g_mutex_lock(&serving_lock);
    serving = now;
    serving_in = pthread_self();
    g_mutex_unlock(&serving_lock);
}

static void interrupt_serving(void)
{
    g_mutex_lock(&serving_lock);
    if (serving)
        pthread_kill(serving_in, SIGURG);
    g_mutex_unlock(&serving_lock);
}

bool callbacks_run(void)
{
    /* Nothing else sends one, and whom it does not reach ignores it. */
    const struct sigaction action = {.sa_handler = interrupted};
    sigaction(SIGURG, &action, NULL);
    set_serving(true);
    bool served = smfi_main() == MI_SUCCESS;
    set_serving(false);
    gate_close();
    callbacks_set_world(NULL);
    return served;
}

static gpointer stop_library(gpointer stopped)
{
    (void)smfi_stop();
    g_atomic_int_set((int *)stopped, 1);
    return NULL;
}

void callbacks_stop(void)
{
    const gulong pause = 2000; /* microseconds; a signal that comes before poll() is lost */
    int stopped = 0;
    GThread *thread = g_thread_new("stop", stop_library, &stopped);
    while (g_atomic_int_get(&stopped) == 0) {
        interrupt_serving();
        g_usleep(pause);
    }
    g_thread_join(thread);
}
