/* SPDX-License-Identifier: MIT */
#include "lib/text.h"
#include "policy/map-pool.h"
#include "policy/map-private.h"
#include "policy/socketmap.h"
#include <gio/gio.h>
#include <gio/gunixsocketaddress.h>
#include <string.h>
#include <sys/un.h>

/* socketmap:inet:host:port:name and socketmap:unix:/path:name. A reply belongs to the request
 * before it for no other reason than that it comes next: so a connection on which anything went
 * wrong, or something came that nobody asked for, is never used again. */

/* Longest wait for an answer. Postfix waits 100 seconds; a mail server waits less for its filters.
 */
#define ANSWER_SECONDS 10
/* A connection is used for so long, and a new one made then, so that a server may change. */
#define CONNECTION_SECONDS 100
#define READ_BYTES 8192
/* Most bytes of a name that an error repeats. */
#define SHOWN_MAX 100

typedef struct {
    GSocketConnectable *server;
    char *name;
} Table;

typedef struct {
    const Table *table;
    GSocketConnection *stream; /* NULL: to be connected */
    GSocket *socket;           /* of stream, borrowed */
    gint64 born;               /* monotonic time of stream */
} Connection;

typedef struct {
    MapPool *pool;
    char *spec; /* for messages */
} Socketmap;

static void table_free(gpointer data)
{
    Table *table = data;
    g_clear_object(&table->server);
    g_free(table->name);
    g_free(table);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Table, table_free)

/* --- one connection --- */

static gpointer connection_open(gpointer table)
{
    Connection *connection = g_new0(Connection, 1);
    connection->table = table;
    return connection;
}

static void hang_up(Connection *connection)
{
    g_clear_object(&connection->stream);
    connection->socket = NULL;
}

static void connection_close(gpointer data)
{
    hang_up(data);
    g_free(data);
}

/* Whole seconds until deadline; 0 with an error: it is over. */
static guint seconds_left(gint64 deadline, GError **error)
{
    gint64 left = deadline - g_get_monotonic_time();
    if (left > 0)
        return (guint)((left + G_TIME_SPAN_SECOND - 1) / G_TIME_SPAN_SECOND);
    g_set_error_literal(error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT, "there was no answer in time");
    return 0;
}

static bool call_up(Connection *connection, gint64 deadline, GError **error)
{
    guint seconds = seconds_left(deadline, error);
    if (seconds == 0)
        return false;
    g_autoptr(GSocketClient) client = g_socket_client_new();
    g_socket_client_set_enable_proxy(client, FALSE);
    g_socket_client_set_timeout(client, seconds);
    connection->stream = g_socket_client_connect(client, connection->table->server, NULL, error);
    if (connection->stream == NULL)
        return false;
    connection->socket = g_socket_connection_get_socket(connection->stream);
    connection->born = g_get_monotonic_time();
    return true;
}

/* Whether the connection can be used again: young, and silent since the last reply. */
static bool reusable(const Connection *connection)
{
    return connection->stream != NULL &&
           g_get_monotonic_time() - connection->born < CONNECTION_SECONDS * G_TIME_SPAN_SECOND &&
           g_socket_condition_check(connection->socket, G_IO_IN | G_IO_HUP | G_IO_ERR) == 0;
}

static bool send_all(Connection *connection, const char *text, gint64 deadline, GError **error)
{
    for (gsize size = strlen(text); size > 0;) {
        guint seconds = seconds_left(deadline, error);
        if (seconds == 0)
            return false;
        g_socket_set_timeout(connection->socket, seconds);
        gssize sent = g_socket_send(connection->socket, text, size, NULL, error);
        if (sent < 0)
            return false;
        text += sent;
        size -= (gsize)sent;
    }
    return true;
}

/* Adds what has come to bytes. */
static bool receive(Connection *connection, GString *bytes, gint64 deadline, GError **error)
{
    char piece[READ_BYTES];
    guint seconds = seconds_left(deadline, error);
    if (seconds == 0)
        return false;
    g_socket_set_timeout(connection->socket, seconds);
    gssize received = g_socket_receive(connection->socket, piece, sizeof piece, NULL, error);
    if (received > 0)
        g_string_append_len(bytes, piece, received);
    else if (received == 0)
        g_set_error_literal(error, G_IO_ERROR, G_IO_ERROR_CONNECTION_CLOSED,
                            "it closed the connection without a whole reply");
    return received > 0;
}

/* One request, and the reply to it, added to bytes; its text within them. */
static bool converse(Connection *connection, const char *request, gint64 deadline, GString *bytes,
                     const char **text, gsize *length, GError **error)
{
    gsize used = 0;
    SocketmapState state = SOCKETMAP_MORE;
    if (!send_all(connection, request, deadline, error))
        return false;
    while (state == SOCKETMAP_MORE) {
        if (!receive(connection, bytes, deadline, error))
            return false;
        state = socketmap_frame(bytes->str, bytes->len, text, length, &used);
    }
    if (state == SOCKETMAP_WHOLE && used == bytes->len)
        return true;
    hang_up(connection);
    if (state == SOCKETMAP_WHOLE)
        return true;
    g_set_error_literal(error, MAP_ERROR, MAP_ERROR_FAILED, "what it sent is no reply");
    return false;
}

/* A server that was started anew has closed before it said anything. */
static bool closed_silently(const GString *bytes, const GError *error)
{
    return bytes->len == 0 && g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CONNECTION_CLOSED);
}

/* The reply's text, within bytes. */
static bool get_reply(Connection *connection, const char *request, gint64 deadline, GString *bytes,
                      const char **text, gsize *length, GError **error)
{
    g_autoptr(GError) why = NULL;
    for (unsigned tries = 0; tries < 2; tries++) {
        g_clear_error(&why);
        if (!reusable(connection))
            hang_up(connection);
        if ((connection->stream != NULL || call_up(connection, deadline, &why)) &&
            converse(connection, request, deadline, bytes, text, length, &why))
            return true;
        hang_up(connection);
        if (!closed_silently(bytes, why))
            break;
    }
    g_set_error_literal(error, MAP_ERROR, MAP_ERROR_FAILED, why->message);
    return false;
}

static Answer connection_ask(gpointer data, const char *key, gint64 deadline, char **value,
                             GError **error)
{
    Connection *connection = data;
    g_autofree char *request = socketmap_request(connection->table->name, key);
    g_autoptr(GString) bytes = g_string_new(NULL);
    const char *text = NULL;
    gsize length = 0;
    if (!get_reply(connection, request, deadline, bytes, &text, &length, error))
        return ANSWER_UNKNOWN;
    return socketmap_reply(text, length, value, error);
}

static const MapPoolType connections = {connection_open, connection_ask, connection_close};

/* --- the name of a table --- */

static bool wrong(const char *name, GError **error)
{
    g_autofree char *shown = text_printable(name, -1, SHOWN_MAX);
    g_set_error(error, MAP_ERROR, MAP_ERROR_SYNTAX,
                "The table socketmap:%s is written as socketmap:inet:HOST:PORT:NAME or "
                "socketmap:unix:/PATH:NAME.",
                shown);
    return false;
}

/* HOST:PORT, the host in brackets where it has colons itself. */
static GSocketConnectable *internet_server(const char *text)
{
    const char *colon = strrchr(text, ':');
    guint64 port = 0;
    if (colon == NULL || colon == text ||
        !g_ascii_string_to_unsigned(colon + 1, 10, 1, G_MAXUINT16, &port, NULL))
        return NULL;
    gsize length = (gsize)(colon - text);
    bool brackets = text[0] == '[' && text[length - 1] == ']';
    g_autofree char *host = brackets ? g_strndup(text + 1, length - 2) : g_strndup(text, length);
    if (*host == '\0' || (!brackets && strchr(host, ':') != NULL) || strpbrk(host, " []") != NULL)
        return NULL;
    return g_network_address_new(host, (guint16)port);
}

static GSocketConnectable *local_server(const char *path)
{
    if (!g_path_is_absolute(path) || strlen(path) >= sizeof((struct sockaddr_un *)NULL)->sun_path)
        return NULL;
    return G_SOCKET_CONNECTABLE(g_unix_socket_address_new(path));
}

static bool find_server(Table *table, const char *name, GError **error)
{
    /* A path may have colons. */
    const char *last = strrchr(name, ':');
    g_autofree char *server = last != NULL ? g_strndup(name, (gsize)(last - name)) : NULL;
    if (server == NULL || last[1] == '\0' || strpbrk(last, " \t\r\n") != NULL)
        return wrong(name, error);
    if (g_str_has_prefix(server, "inet:"))
        table->server = internet_server(server + strlen("inet:"));
    else if (g_str_has_prefix(server, "unix:"))
        table->server = local_server(server + strlen("unix:"));
    table->name = g_strdup(last + 1);
    return table->server != NULL || wrong(name, error);
}

/* --- the table --- */

static gpointer socketmap_open(const char *name, GError **error)
{
    g_autoptr(Table) table = g_new0(Table, 1);
    if (!find_server(table, name, error))
        return NULL;
    Socketmap *map = g_new0(Socketmap, 1);
    map->spec = g_strconcat("socketmap:", name, NULL);
    map->pool = map_pool_new(&connections, g_steal_pointer(&table), table_free);
    return map;
}

static Answer socketmap_lookup(gpointer handle, const char *key, char **value, GError **error)
{
    Socketmap *map = handle;
    Answer answer = map_pool_ask(map->pool, key, ANSWER_SECONDS, value, error);
    if (answer == ANSWER_UNKNOWN)
        g_prefix_error(error, "The table %s could not be asked: ", map->spec);
    return answer;
}

static void socketmap_close(gpointer handle)
{
    Socketmap *map = handle;
    map_pool_free(map->pool);
    g_free(map->spec);
    g_free(map);
}

const MapType map_socketmap = {
    .type = "socketmap",
    .open = socketmap_open,
    .lookup = socketmap_lookup,
    .close = socketmap_close,
    .remote = true,
};
