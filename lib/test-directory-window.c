/* SPDX-License-Identifier: MIT */
#include "lib/directory-fixture.h"
#include "lib/directory-window.h"

#include <gio/gio.h>
#include <gio/gunixsocketaddress.h>
#include <glib/gstdio.h>

/* --- a server that is thought up --- */

#define MOST 64

/* It takes one write at a time; the way there and back takes its time, too. */
typedef struct {
    double way;  /* microseconds, there and back */
    double each; /* for a write */
    guint writes;
    guint least, most; /* in flight at the end */
    guint there;       /* no more wait to be sent until an answer comes; 0: any number */
} Phase;

typedef struct {
    double now, free;
    GQueue answers; /* of double *: when each comes */
    guint in_flight_max;
} Server;

static void server_send(Server *server, const Phase *phase)
{
    double *answer = g_new(double, 1);
    server->free = MAX(server->free, server->now + phase->way / 2) + phase->each;
    *answer = server->free + phase->way / 2;
    g_queue_push_tail(&server->answers, answer);
    server->in_flight_max = MAX(server->in_flight_max, server->answers.length);
}

/* Runs the phase; the most that were in flight in its last quarter. */
static guint run_phase(DirectoryWindow *window, Server *server, const Phase *phase, guint most)
{
    for (guint sent = 0; sent < phase->writes || server->answers.length > 0;) {
        if (sent == phase->writes * 3 / 4)
            server->in_flight_max = 0;
        bool open = directory_window_is_open(window, most, (gint64)server->now);
        if (open && sent < phase->writes &&
            (phase->there == 0 || server->answers.length < phase->there)) {
            directory_window_sent(window, (gint64)server->now);
            server_send(server, phase);
            sent++;
            continue;
        }
        if (open)
            directory_window_starved(window);
        g_autofree double *answer = g_queue_pop_head(&server->answers);
        server->now = *answer;
        directory_window_answered(window, (gint64)server->now);
    }
    return server->in_flight_max;
}

static void test_phases(void)
{
    static const Phase phases[] = {
        {200, 600, 2000, 24, 28, 0},    /* the same machine, each write synced */
        {200, 1900, 2000, 7, 9, 0},     /* others write there, too */
        {200, 19000, 2000, 2, 3, 0},    /* and much */
        {200, 600, 20000, 24, 28, 0},   /* and no more */
        {120, 80, 2000, 64, 64, 0},     /* nothing synced */
        {10000, 500, 2000, 28, 36, 0},  /* a long way */
        {40000, 2000, 2000, 22, 30, 0}, /* a longer one to a slower one */
        {10000, 5000, 2000, 3, 6, 0},   /* others write there, too */
        {10000, 500, 4000, 28, 36, 0},  /* and do so no more */
        {100000, 100, 4000, 64, 64, 0}, /* a very long one: what is configured */
        {200, 600, 20000, 24, 28, 0},
    };
    DirectoryWindow window = {0};
    Server server = {.now = 1, .answers = G_QUEUE_INIT};
    for (guint i = 0; i < G_N_ELEMENTS(phases); i++) {
        guint most = run_phase(&window, &server, &phases[i], MOST);
        g_test_message("%.0f + %.0f: %u", phases[i].way, phases[i].each, most);
        g_assert_cmpuint(most, >=, phases[i].least);
        g_assert_cmpuint(most, <=, phases[i].most);
        g_assert_cmpuint(window.in_flight, ==, 0);
    }
}

/* What is configured holds, up to what is possible at all. */
static void test_configured(void)
{
    static const struct {
        guint configured, most;
    } rows[] = {{1, 1}, {2, 2}, {5, 5}, {256, 256}, {0, 1}, {100000, DIRECTORY_WINDOW_MAX}};
    const Phase phase = {1000000, 10, 8000, 0, 0, 0};
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        DirectoryWindow window = {0};
        Server server = {.now = 1, .answers = G_QUEUE_INIT};
        g_assert_cmpuint(run_phase(&window, &server, &phase, rows[i].configured), ==, rows[i].most);
    }
}

/* Where there is seldom something to send, the pauses are not the server's. */
static void test_starved(void)
{
    const Phase phase = {10000, 500, 2000, 0, 0, 0}, seldom = {10000, 500, 200, 0, 0, 3};
    DirectoryWindow window = {0};
    Server server = {.now = 1, .answers = G_QUEUE_INIT};
    run_phase(&window, &server, &phase, MOST);
    const double each = window.each;
    g_assert_cmpuint(window.limit, >, 20);
    g_assert_cmpuint(run_phase(&window, &server, &seldom, MOST), ==, 3);
    g_assert_cmpfloat(window.each, ==, each);
}

/* One that took very long while it was alone is soon made up for. */
static void test_hiccup(void)
{
    const Phase phase = {200, 600, 2000, 0, 0, 0};
    DirectoryWindow window = {0};
    Server server = {.now = 1, .answers = G_QUEUE_INIT};
    server.free = 100000;
    g_assert_cmpuint(run_phase(&window, &server, &phase, MOST), <=, 28);
}

/* --- between us and a real one --- */

/* Passes on what is said; each answer comes later, and not too soon after the one before. */
typedef struct {
    GSocketListener *listener;
    char *path, *target;
    gint64 later, apart; /* microseconds; set while nothing is in flight */
    GIOStream *client, *server;
    GAsyncQueue *answers; /* of Message; the last one has no bytes */
    int in_flight, most;  /* atomic */
    GThread *threads[3];
} Gate;

typedef struct {
    GBytes *bytes;
    gint64 due;
} Message;

/* One LDAP message, or NULL at the end. */
static GBytes *read_message(GInputStream *stream)
{
    guchar head[6];
    gsize count = 0, length;
    if (!g_input_stream_read_all(stream, head, 2, &count, NULL, NULL) || count != 2)
        return NULL;
    gsize more = head[1] & 0x80 ? head[1] & 0x7F : 0;
    g_assert_cmpuint(more, <=, 4);
    if (more && !g_input_stream_read_all(stream, head + 2, more, NULL, NULL, NULL))
        return NULL;
    length = more ? 0 : head[1];
    for (gsize i = 0; i < more; i++)
        length = length << 8 | head[2 + i];
    guchar *bytes = g_malloc(2 + more + length);
    memcpy(bytes, head, 2 + more);
    if (!g_input_stream_read_all(stream, bytes + 2 + more, length, &count, NULL, NULL) ||
        count != length)
        g_clear_pointer(&bytes, g_free);
    return bytes ? g_bytes_new_take(bytes, 2 + more + length) : NULL;
}

static void pass_on(GIOStream *to, GBytes *bytes)
{
    gsize size;
    const void *data = g_bytes_get_data(bytes, &size);
    g_output_stream_write_all(g_io_stream_get_output_stream(to), data, size, NULL, NULL, NULL);
}

static gpointer gate_down(gpointer data)
{
    Gate *gate = data;
    GBytes *bytes;
    do {
        Message *message = g_new(Message, 1);
        message->bytes = bytes = read_message(g_io_stream_get_input_stream(gate->server));
        message->due = g_get_monotonic_time() + gate->later;
        g_async_queue_push(gate->answers, message);
    } while (bytes);
    return NULL;
}

static gpointer gate_deliver(gpointer data)
{
    Gate *gate = data;
    gint64 last = 0;
    for (bool more = true; more;) {
        g_autofree Message *message = g_async_queue_pop(gate->answers);
        gint64 wait = MAX(message->due, last + gate->apart) - g_get_monotonic_time();
        more = message->bytes != NULL;
        if (!more)
            continue;
        if (wait > 0)
            g_usleep((gulong)wait);
        last = g_get_monotonic_time();
        g_atomic_int_add(&gate->in_flight, -1);
        pass_on(gate->client, message->bytes);
        g_bytes_unref(message->bytes);
    }
    return NULL;
}

static gpointer gate_up(gpointer data)
{
    Gate *gate = data;
    g_autoptr(GSocketClient) connector = g_socket_client_new();
    g_autoptr(GSocketAddress) address = g_unix_socket_address_new(gate->target);
    gate->client = G_IO_STREAM(g_socket_listener_accept(gate->listener, NULL, NULL, NULL));
    gate->server =
        G_IO_STREAM(g_socket_client_connect(connector, G_SOCKET_CONNECTABLE(address), NULL, NULL));
    g_assert_nonnull(gate->server);
    gate->threads[1] = g_thread_new("down", gate_down, gate);
    gate->threads[2] = g_thread_new("deliver", gate_deliver, gate);
    GBytes *bytes;
    while ((bytes = read_message(g_io_stream_get_input_stream(gate->client)))) {
        int now = g_atomic_int_add(&gate->in_flight, 1) + 1;
        g_atomic_int_set(&gate->most, MAX(now, g_atomic_int_get(&gate->most)));
        pass_on(gate->server, bytes);
        g_bytes_unref(bytes);
    }
    g_socket_shutdown(g_socket_connection_get_socket(G_SOCKET_CONNECTION(gate->server)), TRUE, TRUE,
                      NULL);
    return NULL;
}

static char *gate_begin(Gate *gate, const SlapdFixture *slapd)
{
    gate->path = g_build_filename(slapd->folder, "gate", NULL);
    gate->target = g_build_filename(slapd->folder, "i", NULL);
    gate->answers = g_async_queue_new();
    gate->listener = g_socket_listener_new();
    g_autoptr(GSocketAddress) address = g_unix_socket_address_new(gate->path);
    g_autoptr(GError) error = NULL;
    g_socket_listener_add_address(gate->listener, address, G_SOCKET_TYPE_STREAM,
                                  G_SOCKET_PROTOCOL_DEFAULT, NULL, NULL, &error);
    g_assert_no_error(error);
    gate->threads[0] = g_thread_new("up", gate_up, gate);
    g_autofree char *escaped = g_uri_escape_string(gate->path, NULL, FALSE);
    return g_strconcat("ldapi://", escaped, NULL);
}

/* The client has gone. */
static void gate_end(Gate *gate)
{
    for (guint i = 0; i < G_N_ELEMENTS(gate->threads); i++)
        g_thread_join(gate->threads[i]);
    g_object_unref(gate->client);
    g_object_unref(gate->server);
    g_object_unref(gate->listener);
    g_async_queue_unref(gate->answers);
    g_free(gate->path);
    g_free(gate->target);
}

/* The most writes in flight, of so many that find the window as it is, after as many that form
 * it. */
static int in_flight(Directory *directory, Gate *gate, guint count, guint *serial)
{
    for (guint round = 0; round < 2; round++) {
        g_autoptr(GPtrArray) changes = changes_new(), writes = writes_new();
        g_atomic_int_set(&gate->most, 0);
        for (guint i = 0; i < count; i++) {
            g_autofree char *name = g_strdup_printf("n%u", ++*serial);
            put(changes, writes, add_of(name));
        }
        g_assert_cmpint(directory_apply(directory, writes, NULL), ==, ANSWER_YES);
        assert_all_done(writes);
    }
    return g_atomic_int_get(&gate->most);
}

static void test_real(Case *one, gconstpointer data)
{
    Gate gate = {.later = 60000};
    guint serial = 0;
    (void)data;
    g_autofree char *uri = gate_begin(&gate, one->slapd);
    DirectorySettings settings = one->slapd->settings;
    settings.uri = uri;
    settings.window = 16;
    g_autoptr(Directory) directory = directory_new(&settings, NULL);
    int wide = in_flight(directory, &gate, 120, &serial);
    gate.apart = 12000; /* others take most of its time */
    int narrow = in_flight(directory, &gate, 120, &serial);
    gate.apart = 0;
    int again = in_flight(directory, &gate, 120, &serial);
    g_test_message("%d, %d, %d", wide, narrow, again);
    g_assert_cmpint(wide, ==, 16);
    g_assert_cmpint(narrow, <, wide);
    g_assert_cmpint(again, ==, 16);
    g_clear_pointer(&directory, directory_free);
    gate_end(&gate);
}

int main(int argc, char **argv)
{
    static const DirectoryCase cases[] = {{"/directory/window/real", test_real, NULL}};
    begin_cases(&argc, &argv);
    g_test_add_func("/directory/window/phases", test_phases);
    g_test_add_func("/directory/window/configured", test_configured);
    g_test_add_func("/directory/window/starved", test_starved);
    g_test_add_func("/directory/window/hiccup", test_hiccup);
    return run_cases(cases, G_N_ELEMENTS(cases));
}
