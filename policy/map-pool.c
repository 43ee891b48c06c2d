/* SPDX-License-Identifier: MIT */
#include "policy/map-pool.h"
#include "policy/map.h"
#include <stdbool.h>
#include <string.h>

typedef enum {
    QUESTION_WAITS,
    QUESTION_TAKEN,    /* by a thread */
    QUESTION_LEFT,     /* by who asked, while a thread has it: the thread frees it */
    QUESTION_ANSWERED, /* or could not be */
} QuestionState;

typedef struct {
    QuestionState state;
    char *key;
    gint64 deadline; /* of the connection */
    Answer answer;
    char *value;
    GError *error;
} Question;

struct MapPool {
    const MapPoolType *type;
    gpointer table;
    GDestroyNotify table_free;
    GMutex lock;
    GCond work;       /* a question waits, or the pool closes */
    GCond done;       /* one was answered, or a thread has closed its connection */
    GQueue questions; /* of Question: those that wait */
    unsigned serving; /* threads that take questions, */
    unsigned idle;    /* those of them that wait for one, */
    unsigned open;    /* and threads that have a connection, */
    unsigned left;    /* those of them that have a question which nobody wants any more */
    unsigned asking;  /* who wait for an answer */
    bool late;        /* the last one who waited got no answer in time */
    bool closing;
    bool given_up; /* by its owner: whoever sees the last connection closed frees it */
};

static void question_free(Question *question)
{
    g_free(question->key);
    g_free(question->value);
    g_clear_error(&question->error);
    g_free(question);
}

static void destroy(MapPool *pool)
{
    pool->table_free(pool->table);
    g_mutex_clear(&pool->lock);
    g_cond_clear(&pool->work);
    g_cond_clear(&pool->done);
    g_free(pool);
}

/* --- the threads; under the lock --- */

/* NULL: nobody asked for long, or the pool closes; the thread serves no more then. */
static Question *next_question(MapPool *pool)
{
    gint64 until = g_get_monotonic_time() + MAP_POOL_IDLE_SECONDS * G_TIME_SPAN_SECOND;
    bool waiting = true;
    pool->idle++;
    while (waiting && pool->questions.length == 0 && !pool->closing)
        waiting = g_cond_wait_until(&pool->work, &pool->lock, until);
    pool->idle--;
    Question *question = pool->closing ? NULL : g_queue_pop_head(&pool->questions);
    if (question == NULL)
        pool->serving--;
    return question;
}

static void answer_question(MapPool *pool, gpointer connection, Question *question)
{
    question->state = QUESTION_TAKEN;
    g_mutex_unlock(&pool->lock);
    Answer answer = pool->type->ask(connection, question->key, question->deadline, &question->value,
                                    &question->error);
    g_mutex_lock(&pool->lock);
    if (question->state == QUESTION_LEFT) {
        pool->left--;
        question_free(question);
        return;
    }
    question->answer = answer;
    question->state = QUESTION_ANSWERED;
    g_cond_broadcast(&pool->done);
}

static gpointer serve(gpointer data)
{
    MapPool *pool = data;
    gpointer connection = pool->type->open(pool->table);
    Question *question;
    g_mutex_lock(&pool->lock);
    while ((question = next_question(pool)) != NULL)
        answer_question(pool, connection, question);
    g_mutex_unlock(&pool->lock);
    pool->type->close(connection);
    g_mutex_lock(&pool->lock);
    pool->open--;
    g_cond_broadcast(&pool->done);
    bool last = pool->given_up && pool->open == 0;
    g_mutex_unlock(&pool->lock);
    if (last)
        destroy(pool);
    return NULL;
}

/* --- who asks; under the lock --- */

/* One more thread where all have something to do. false: there is none at all. */
static bool see_to_threads(MapPool *pool)
{
    if (pool->questions.length <= pool->idle || pool->serving == MAP_POOL_CONNECTIONS)
        return true;
    pool->serving++;
    pool->open++;
    GThread *thread = g_thread_try_new("map", serve, pool, NULL);
    if (thread != NULL) {
        g_thread_unref(thread);
        return true;
    }
    pool->serving--;
    pool->open--;
    return pool->serving > 0;
}

/* Until the question is answered or the time is over. */
static bool wait_for_answer(MapPool *pool, Question *question, gint64 until)
{
    bool waiting = true;
    pool->asking++;
    while (waiting && question->state != QUESTION_ANSWERED)
        waiting = g_cond_wait_until(&pool->done, &pool->lock, until);
    pool->asking--;
    return question->state == QUESTION_ANSWERED;
}

/* Takes back what was asked, as far as it can be. */
static void leave(MapPool *pool, Question *question)
{
    if (question->state == QUESTION_TAKEN) {
        question->state = QUESTION_LEFT;
        pool->left++;
        return;
    }
    g_queue_remove(&pool->questions, question);
    question_free(question);
}

static Answer take_answer(Question *question, char **value, GError **error)
{
    Answer answer = question->answer;
    if (answer == ANSWER_YES)
        *value = g_steal_pointer(&question->value);
    if (question->error != NULL)
        g_propagate_error(error, g_steal_pointer(&question->error));
    question_free(question);
    return answer;
}

static Answer failed(GError **error, const char *words)
{
    g_set_error_literal(error, MAP_ERROR, MAP_ERROR_FAILED, words);
    return ANSWER_UNKNOWN;
}

Answer map_pool_ask(MapPool *pool, const char *key, unsigned seconds, char **value, GError **error)
{
    gint64 until = g_get_monotonic_time() + seconds * G_TIME_SPAN_SECOND;
    if (strlen(key) > MAP_POOL_KEY_MAX)
        return failed(error, "the key is too long");
    g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&pool->lock);
    if (pool->late && pool->asking > 0)
        return failed(error, "there was no answer in time, and somebody else waits for one now");
    Question *question = g_new0(Question, 1);
    question->key = g_strdup(key);
    question->deadline = until + seconds * G_TIME_SPAN_SECOND;
    g_queue_push_tail(&pool->questions, question);
    if (!see_to_threads(pool)) {
        leave(pool, question);
        return failed(error, "the system has no thread left to ask it");
    }
    g_cond_signal(&pool->work);
    pool->late = !wait_for_answer(pool, question, until);
    if (!pool->late)
        return take_answer(question, value, error);
    leave(pool, question);
    return failed(error, "there was no answer in time");
}

/* --- the whole --- */

MapPool *map_pool_new(const MapPoolType *type, gpointer table, GDestroyNotify table_free)
{
    MapPool *pool = g_new0(MapPool, 1);
    pool->type = type;
    pool->table = table;
    pool->table_free = table_free;
    g_mutex_init(&pool->lock);
    g_cond_init(&pool->work);
    g_cond_init(&pool->done);
    g_queue_init(&pool->questions);
    return pool;
}

void map_pool_free(MapPool *pool)
{
    g_mutex_lock(&pool->lock);
    pool->closing = true;
    g_cond_broadcast(&pool->work);
    while (pool->open > pool->left)
        g_cond_wait(&pool->done, &pool->lock);
    pool->given_up = true;
    bool last = pool->open == 0;
    g_mutex_unlock(&pool->lock);
    if (last)
        destroy(pool);
}
