/* SPDX-License-Identifier: MIT */
#include "policy/map-pool.h"
#include "policy/map.h"
#include <stdbool.h>
#include <string.h>

/* Connections that do as they are told by the key: "=value" gives it, "no" and "fail" do not, and
 * "hold" waits at a gate, whatever its deadline. */

typedef struct {
    GMutex lock;
    GCond changed;
    bool gate;                     /* open */
    unsigned held, opened, closed; /* at the gate; connections */
    bool freed;
    gint64 deadline; /* of what was asked last */
} Server;

static gpointer conn_open(gpointer table)
{
    Server *server = table;
    g_mutex_lock(&server->lock);
    server->opened++;
    g_mutex_unlock(&server->lock);
    return server;
}

static void hold(Server *server)
{
    server->held++;
    g_cond_broadcast(&server->changed);
    while (!server->gate)
        g_cond_wait(&server->changed, &server->lock);
    server->held--;
}

static Answer conn_ask(gpointer connection, const char *key, gint64 deadline, char **value,
                       GError **error)
{
    Server *server = connection;
    g_mutex_lock(&server->lock);
    server->deadline = deadline;
    if (strcmp(key, "hold") == 0)
        hold(server);
    g_mutex_unlock(&server->lock);
    if (strcmp(key, "no") == 0)
        return ANSWER_NO;
    if (*key == '=' || strcmp(key, "hold") == 0) {
        *value = g_strdup(key + 1);
        return ANSWER_YES;
    }
    g_set_error(error, MAP_ERROR, MAP_ERROR_FAILED, "it fails");
    return ANSWER_UNKNOWN;
}

static void conn_close(gpointer connection)
{
    Server *server = connection;
    g_mutex_lock(&server->lock);
    server->closed++;
    g_cond_broadcast(&server->changed);
    g_mutex_unlock(&server->lock);
}

static const MapPoolType type = {conn_open, conn_ask, conn_close};

static void server_freed(gpointer data)
{
    Server *server = data;
    g_mutex_lock(&server->lock);
    server->freed = true;
    g_cond_broadcast(&server->changed);
    g_mutex_unlock(&server->lock);
}

static void open_gate(Server *server, bool open)
{
    g_mutex_lock(&server->lock);
    server->gate = open;
    g_cond_broadcast(&server->changed);
    g_mutex_unlock(&server->lock);
}

static void wait_held(Server *server, unsigned count)
{
    g_mutex_lock(&server->lock);
    while (server->held < count)
        g_cond_wait(&server->changed, &server->lock);
    g_mutex_unlock(&server->lock);
}

static void wait_freed(Server *server)
{
    g_mutex_lock(&server->lock);
    while (!server->freed)
        g_cond_wait(&server->changed, &server->lock);
    g_mutex_unlock(&server->lock);
    g_assert_cmpuint(server->opened, ==, server->closed);
    g_mutex_clear(&server->lock);
    g_cond_clear(&server->changed);
}

/* A value, "-" for no, or the error's words. Caller owns it. */
static char *ask(MapPool *pool, const char *key, unsigned seconds)
{
    g_autoptr(GError) error = NULL;
    char *value = NULL;
    switch (map_pool_ask(pool, key, seconds, &value, &error)) {
    case ANSWER_YES:
        g_assert_no_error(error);
        return value;
    case ANSWER_NO:
        g_assert_no_error(error);
        return g_strdup("-");
    case ANSWER_UNKNOWN:
        break;
    }
    g_assert_error(error, MAP_ERROR, MAP_ERROR_FAILED);
    return g_strdup(error->message);
}

static void assert_said(MapPool *pool, const char *key, unsigned seconds, const char *said)
{
    g_autofree char *words = ask(pool, key, seconds);
    g_assert_cmpstr(words, ==, said);
}

/* Seconds that no test waits for. */
#define LONG 3000

/* One after the other they share a connection. */
static void test_answers(void)
{
    Server server = {0};
    MapPool *pool = map_pool_new(&type, &server, server_freed);
    gint64 before = g_get_monotonic_time();
    for (unsigned i = 0; i < 20; i++) {
        assert_said(pool, "=a", LONG, "a");
        assert_said(pool, "no", LONG, "-");
        assert_said(pool, "fail", LONG, "it fails");
    }
    g_assert_cmpuint(server.opened, ==, 1);
    /* The connection has as long again as the one who asks. */
    g_assert_cmpint(server.deadline, >=, before + 2 * LONG * G_TIME_SPAN_SECOND);
    g_autofree char *longest = g_strnfill(MAP_POOL_KEY_MAX, 'x');
    g_autofree char *longer = g_strnfill(MAP_POOL_KEY_MAX + 1, 'x');
    assert_said(pool, longest, LONG, "it fails");
    assert_said(pool, longer, LONG, "the key is too long");
    map_pool_free(pool);
    wait_freed(&server);
}

static void test_unused(void)
{
    Server server = {0};
    map_pool_free(map_pool_new(&type, &server, server_freed));
    wait_freed(&server);
    g_assert_cmpuint(server.opened, ==, 0);
}

static gpointer hold_one(gpointer pool)
{
    assert_said(pool, "hold", LONG, "old");
    return NULL;
}

/* Several at once have a connection each, up to the limit; the others wait for one. */
static void test_several(void)
{
    Server server = {0};
    MapPool *pool = map_pool_new(&type, &server, server_freed);
    GThread *threads[2 * MAP_POOL_CONNECTIONS];
    for (unsigned i = 0; i < G_N_ELEMENTS(threads); i++)
        threads[i] = g_thread_new("ask", hold_one, pool);
    wait_held(&server, MAP_POOL_CONNECTIONS);
    assert_said(pool, "=a", 1, "there was no answer in time");
    g_assert_cmpuint(server.opened, ==, MAP_POOL_CONNECTIONS);
    open_gate(&server, true);
    for (unsigned i = 0; i < G_N_ELEMENTS(threads); i++)
        g_thread_join(threads[i]);
    assert_said(pool, "=a", LONG, "a");
    g_assert_cmpuint(server.opened, ==, MAP_POOL_CONNECTIONS);
    map_pool_free(pool);
    wait_freed(&server);
}

static gpointer hold_late(gpointer pool)
{
    return ask(pool, "hold", LONG);
}

/* Whoever asks leaves in time; from then on only one at a time waits, until there was an answer. */
static void test_late(void)
{
    Server server = {0};
    MapPool *pool = map_pool_new(&type, &server, server_freed);
    assert_said(pool, "hold", 1, "there was no answer in time");
    wait_held(&server, 1);
    GThread *thread = g_thread_new("ask", hold_late, pool);
    wait_held(&server, 2);
    for (unsigned i = 0; i < 20; i++)
        assert_said(pool, "=a", LONG,
                    "there was no answer in time, and somebody else waits for one now");
    open_gate(&server, true);
    g_autofree char *said = g_thread_join(thread);
    g_assert_cmpstr(said, ==, "old");
    open_gate(&server, false);
    thread = g_thread_new("ask", hold_late, pool);
    wait_held(&server, 1);
    assert_said(pool, "=a", LONG, "a");
    open_gate(&server, true);
    g_autofree char *again = g_thread_join(thread);
    g_assert_cmpstr(again, ==, "old");
    map_pool_free(pool);
    wait_freed(&server);
}

/* Nobody waits for a connection that hangs: what it needs lives until it ends by itself. */
static void test_freed_while_held(void)
{
    Server server = {0};
    MapPool *pool = map_pool_new(&type, &server, server_freed);
    assert_said(pool, "hold", 1, "there was no answer in time");
    assert_said(pool, "=a", LONG, "a");
    map_pool_free(pool);
    g_mutex_lock(&server.lock);
    g_assert_cmpuint(server.opened, ==, 2);
    g_assert_cmpuint(server.closed, ==, 1);
    g_assert_false(server.freed);
    g_mutex_unlock(&server.lock);
    open_gate(&server, true);
    wait_freed(&server);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/map-pool/answers", test_answers);
    g_test_add_func("/map-pool/unused", test_unused);
    g_test_add_func("/map-pool/several-at-once", test_several);
    g_test_add_func("/map-pool/late", test_late);
    g_test_add_func("/map-pool/freed-while-one-hangs", test_freed_while_held);
    return g_test_run();
}
