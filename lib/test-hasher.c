/* SPDX-License-Identifier: MIT */
#include "lib/hasher.h"

#include <crypt.h>
#include <string.h>
#include <sys/resource.h>

/* Longest wait for what must come, and step of looking for it. */
#define WAIT_USEC (60 * G_USEC_PER_SEC)
#define STEP_USEC 1000

/* What is hashed, in order, and whether it is held up. */
static struct {
    GMutex lock;
    GCond opened;
    bool shut;
    GPtrArray *begun; /* of char * */
    int priority;     /* of the thread that began last, as getpriority(2) tells */
} gate;

Secret *__real_password_hash(const Secret *clear, PasswordScheme scheme);
Secret *__wrap_password_hash(const Secret *clear, PasswordScheme scheme);

Secret *__wrap_password_hash(const Secret *clear, PasswordScheme scheme)
{
    g_mutex_lock(&gate.lock);
    g_ptr_array_add(gate.begun, g_strdup(clear));
    gate.priority = getpriority(PRIO_PROCESS, 0);
    while (gate.shut)
        g_cond_wait(&gate.opened, &gate.lock);
    g_mutex_unlock(&gate.lock);
    return __real_password_hash(clear, scheme);
}

static bool no_threads;

GThread *__real_g_thread_try_new(const char *name, GThreadFunc func, gpointer data, GError **error);
GThread *__wrap_g_thread_try_new(const char *name, GThreadFunc func, gpointer data, GError **error);

GThread *__wrap_g_thread_try_new(const char *name, GThreadFunc func, gpointer data, GError **error)
{
    return no_threads ? NULL : __real_g_thread_try_new(name, func, data, error);
}

static void gate_set(bool shut)
{
    g_mutex_lock(&gate.lock);
    gate.shut = shut;
    g_cond_broadcast(&gate.opened);
    g_mutex_unlock(&gate.lock);
}

static unsigned begun(void)
{
    g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&gate.lock);
    return gate.begun->len;
}

static void await_begun(unsigned count)
{
    gint64 end = g_get_monotonic_time() + WAIT_USEC;
    while (begun() < count) {
        g_assert_cmpint(g_get_monotonic_time(), <, end);
        g_usleep(STEP_USEC);
    }
}

static void begin(bool shut)
{
    g_ptr_array_set_size(gate.begun, 0);
    gate_set(shut);
}

static void add(HashBatch *batch, const char *name, unsigned number)
{
    g_autofree char *clear = g_strdup_printf("%s%u", name, number);
    hash_batch_add(batch, clear);
}

static void assert_hash(HashBatch *batch, const char *name, unsigned number)
{
    g_autofree char *clear = g_strdup_printf("%s%u", name, number);
    g_autofree struct crypt_data *data = g_new0(struct crypt_data, 1);
    g_autoptr(Secret) hash = hash_batch_take(batch, number);
    g_assert_true(g_str_has_prefix(hash, "{CRYPT}$6$"));
    const char *setting = hash + strlen("{CRYPT}");
    g_assert_cmpstr(crypt_r(clear, setting, data), ==, setting);
}

/* Whatever is done first: each number has its own hash. */
static void test_numbers(void)
{
    static const unsigned threads[] = {0, 1, 3, HASHER_THREADS_MAX + 1};
    begin(false);
    for (gsize i = 0; i < G_N_ELEMENTS(threads); i++) {
        g_autoptr(Hasher) hasher = hasher_new(threads[i]);
        g_autoptr(HashBatch) batch = hash_batch_new(hasher, PASSWORD_SCHEME_SHA512);
        for (unsigned number = 0; number < 20; number++)
            add(batch, "a", number);
        for (unsigned number = 20; number-- > 0;)
            assert_hash(batch, "a", number);
        add(batch, "a", 20);
        assert_hash(batch, "a", 20);
    }
}

/* Who hashes gives way to all others; who waits for it does not. */
static void test_gives_way(void)
{
    int before = getpriority(PRIO_PROCESS, 0);
    begin(false);
    g_autoptr(Hasher) hasher = hasher_new(1);
    g_autoptr(HashBatch) batch = hash_batch_new(hasher, PASSWORD_SCHEME_SHA512);
    add(batch, "a", 0);
    assert_hash(batch, "a", 0);
    if (before + 5 <= 19)
        g_assert_cmpint(gate.priority, ==, before + 5);
    g_assert_cmpint(getpriority(PRIO_PROCESS, 0), ==, before);
}

/* A few wait for one each of the many, not for all. */
static void test_turns(void)
{
    begin(true);
    g_autoptr(Hasher) hasher = hasher_new(1);
    g_autoptr(HashBatch) many = hash_batch_new(hasher, PASSWORD_SCHEME_SHA512);
    g_autoptr(HashBatch) few = hash_batch_new(hasher, PASSWORD_SCHEME_SHA512);
    for (unsigned number = 0; number < 30; number++)
        add(many, "many", number);
    await_begun(1);
    for (unsigned number = 0; number < 3; number++)
        add(few, "few", number);
    gate_set(false);
    for (unsigned number = 0; number < 3; number++)
        assert_hash(few, "few", number);
    for (unsigned number = 0; number < 30; number++)
        assert_hash(many, "many", number);
    static const char *const order[] = {"many0", "many1", "few0", "many2", "few1", "many3", "few2"};
    for (gsize i = 0; i < G_N_ELEMENTS(order); i++)
        g_assert_cmpstr(gate.begun->pdata[i], ==, order[i]);
}

typedef struct {
    HashBatch *batch;
    int added; /* atomic */
} Adder;

static gpointer add_many(gpointer data)
{
    Adder *adder = data;
    for (unsigned number = 0; number < HASH_BATCH_MAX + 10; number++) {
        add(adder->batch, "a", number);
        g_atomic_int_inc(&adder->added);
    }
    return NULL;
}

/* Who adds too many waits, and nobody else. */
static void test_full(void)
{
    begin(true);
    g_autoptr(Hasher) hasher = hasher_new(1);
    g_autoptr(HashBatch) batch = hash_batch_new(hasher, PASSWORD_SCHEME_SSHA512);
    g_autoptr(HashBatch) other = hash_batch_new(hasher, PASSWORD_SCHEME_SSHA512);
    Adder adder = {batch, 0};
    GThread *thread = g_thread_new("add", add_many, &adder);
    gint64 end = g_get_monotonic_time() + WAIT_USEC;
    while (g_atomic_int_get(&adder.added) < HASH_BATCH_MAX) {
        g_assert_cmpint(g_get_monotonic_time(), <, end);
        g_usleep(STEP_USEC);
    }
    await_begun(1);
    add(other, "b", 0);
    g_assert_cmpint(g_atomic_int_get(&adder.added), <=, HASH_BATCH_MAX + 1);
    gate_set(false);
    g_thread_join(thread);
    for (unsigned number = 0; number < HASH_BATCH_MAX + 10; number++) {
        g_autoptr(Secret) hash = hash_batch_take(batch, number);
        g_assert_nonnull(hash);
    }
}

/* Let go in the middle: what nobody has begun is hashed no more, and others go on. */
static void test_freed(void)
{
    begin(true);
    g_autoptr(Hasher) hasher = hasher_new(2);
    HashBatch *batch = hash_batch_new(hasher, PASSWORD_SCHEME_SHA512);
    g_autoptr(HashBatch) other = hash_batch_new(hasher, PASSWORD_SCHEME_SHA512);
    for (unsigned number = 0; number < HASH_BATCH_MAX; number++)
        add(batch, "a", number);
    await_begun(2);
    gate_set(false);
    hash_batch_free(batch);
    unsigned count = begun();
    g_assert_cmpuint(count, <, HASH_BATCH_MAX);
    add(other, "b", 0);
    assert_hash(other, "b", 0);
    g_assert_cmpuint(begun(), ==, count + 1);
    hash_batch_free(NULL);
    hasher_free(NULL);
}

/* Where the system gives no thread, who wants a hash makes it; nobody waits for room, which would
 * never come. */
static void test_no_threads(void)
{
    begin(false);
    no_threads = true;
    g_autoptr(Hasher) hasher = hasher_new(2);
    g_autoptr(HashBatch) batch = hash_batch_new(hasher, PASSWORD_SCHEME_SSHA512);
    for (unsigned number = 0; number < HASH_BATCH_MAX + 10; number++)
        add(batch, "a", number);
    g_assert_cmpuint(begun(), ==, 0);
    for (unsigned number = HASH_BATCH_MAX + 10; number-- > 0;) {
        g_autoptr(Secret) hash = hash_batch_take(batch, number);
        g_assert_nonnull(hash);
    }
    no_threads = false;
}

static void test_no_method(void)
{
    begin(false);
    g_autoptr(Hasher) hasher = hasher_new(1);
    g_autoptr(HashBatch) batch = hash_batch_new(hasher, PASSWORD_SCHEME_SERVER);
    add(batch, "a", 0);
    g_assert_null(hash_batch_take(batch, 0));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    secret_init();
    gate.begun = g_ptr_array_new_with_free_func(g_free);
    g_test_add_func("/hasher/numbers", test_numbers);
    g_test_add_func("/hasher/gives-way", test_gives_way);
    g_test_add_func("/hasher/turns", test_turns);
    g_test_add_func("/hasher/full", test_full);
    g_test_add_func("/hasher/freed", test_freed);
    g_test_add_func("/hasher/no-threads", test_no_threads);
    g_test_add_func("/hasher/no-method", test_no_method);
    int status = g_test_run();
    g_ptr_array_unref(gate.begun);
    return status;
}
