/* SPDX-License-Identifier: MIT */
#include "lib/hasher.h"

#include "lib/secret.h"

#include <sys/resource.h>

/* How much later than others the hashing threads get a processor, as nice(1) counts. */
#define HASHER_NICE 5

/* lock guards everything, also of the batches; nobody hashes with it held. */
struct Hasher {
    GMutex lock;
    GCond work;    /* a password waits, or stopping */
    GCond done;    /* one was hashed */
    GQueue turns;  /* of HashBatch with something waiting: the first one is next */
    unsigned most; /* threads */
    GPtrArray *threads;
    bool stopping;
};

typedef struct {
    Secret *text; /* the password, then its hash */
    bool done;
} Item;

struct HashBatch {
    Hasher *hasher;
    PasswordScheme scheme;
    GArray *items;
    unsigned next;   /* number of the first one that nobody has begun */
    unsigned flying; /* are being hashed */
};

static Item *item_at(const HashBatch *batch, unsigned number)
{
    return &g_array_index(batch->items, Item, number);
}

static void item_clear(gpointer item)
{
    secret_free(((Item *)item)->text);
}

/* One password of the batch whose turn it is; called and left with the lock. */
static void hash_one(Hasher *hasher)
{
    HashBatch *batch = g_queue_pop_head(&hasher->turns);
    unsigned number = batch->next++;
    Secret *clear = g_steal_pointer(&item_at(batch, number)->text);
    PasswordScheme scheme = batch->scheme;
    if (batch->next < batch->items->len)
        g_queue_push_tail(&hasher->turns, batch);
    batch->flying++;
    g_mutex_unlock(&hasher->lock);
    Secret *hash = password_hash(clear, scheme);
    secret_free(clear);
    g_mutex_lock(&hasher->lock);
    batch->flying--;
    Item *item = item_at(batch, number); /* the items may have moved */
    item->text = hash;
    item->done = true;
    g_cond_broadcast(&hasher->done);
}

/* Hashing fills what the directory and others' mail leave of the processors. On Linux each thread
 * has a priority of its own, and 0 is the calling one (setpriority(2)). */
static void give_way(void)
{
#ifdef __linux__
    /* Where it is refused all is as it was. */
    (void)setpriority(PRIO_PROCESS, 0, getpriority(PRIO_PROCESS, 0) + HASHER_NICE);
#endif
}

static gpointer work(gpointer data)
{
    Hasher *hasher = data;
    give_way();
    g_mutex_lock(&hasher->lock);
    while (!hasher->stopping) {
        if (!g_queue_is_empty(&hasher->turns)) {
            hash_one(hasher);
            continue;
        }
        secret_clear_stack();
        g_cond_wait(&hasher->work, &hasher->lock);
    }
    g_mutex_unlock(&hasher->lock);
    return NULL;
}

Hasher *hasher_new(unsigned threads)
{
    Hasher *hasher = g_new0(Hasher, 1);
    g_mutex_init(&hasher->lock);
    g_cond_init(&hasher->work);
    g_cond_init(&hasher->done);
    g_queue_init(&hasher->turns);
    hasher->most = CLAMP(threads ? threads : g_get_num_processors(), 1, HASHER_THREADS_MAX);
    hasher->threads = g_ptr_array_new();
    return hasher;
}

void hasher_free(Hasher *hasher)
{
    if (!hasher)
        return;
    g_mutex_lock(&hasher->lock);
    hasher->stopping = true;
    g_cond_broadcast(&hasher->work);
    g_mutex_unlock(&hasher->lock);
    for (guint i = 0; i < hasher->threads->len; i++)
        g_thread_join(hasher->threads->pdata[i]);
    g_ptr_array_unref(hasher->threads);
    g_assert(g_queue_is_empty(&hasher->turns));
    g_cond_clear(&hasher->work);
    g_cond_clear(&hasher->done);
    g_mutex_clear(&hasher->lock);
    g_free(hasher);
}

/* Where the system gives fewer threads than there are processors, those do it; without any the
 * caller does. Called with the lock. */
static void start_threads(Hasher *hasher)
{
    while (hasher->threads->len < hasher->most) {
        g_autofree char *name = g_strdup_printf("hash-%u", hasher->threads->len + 1);
        GThread *thread = g_thread_try_new(name, work, hasher, NULL);
        if (!thread)
            hasher->most = hasher->threads->len;
        else
            g_ptr_array_add(hasher->threads, thread);
    }
}

HashBatch *hash_batch_new(Hasher *hasher, PasswordScheme scheme)
{
    HashBatch *batch = g_new0(HashBatch, 1);
    batch->hasher = hasher;
    batch->scheme = scheme;
    batch->items = g_array_new(FALSE, TRUE, sizeof(Item));
    g_array_set_clear_func(batch->items, item_clear);
    return batch;
}

void hash_batch_add(HashBatch *batch, const Secret *clear)
{
    Hasher *hasher = batch->hasher;
    const Item item = {.text = secret_dup(clear)};
    g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&hasher->lock);
    start_threads(hasher);
    while (batch->items->len - batch->next >= HASH_BATCH_MAX && hasher->most > 0)
        g_cond_wait(&hasher->done, &hasher->lock);
    if (batch->items->len == batch->next)
        g_queue_push_tail(&hasher->turns, batch);
    g_array_append_val(batch->items, item);
    g_cond_signal(&hasher->work);
}

Secret *hash_batch_take(HashBatch *batch, unsigned number)
{
    Hasher *hasher = batch->hasher;
    g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&hasher->lock);
    while (!item_at(batch, number)->done) {
        if (hasher->most > 0)
            g_cond_wait(&hasher->done, &hasher->lock);
        else
            hash_one(hasher);
    }
    return g_steal_pointer(&item_at(batch, number)->text);
}

void hash_batch_free(HashBatch *batch)
{
    if (!batch)
        return;
    Hasher *hasher = batch->hasher;
    g_mutex_lock(&hasher->lock);
    g_queue_remove(&hasher->turns, batch);
    while (batch->flying > 0)
        g_cond_wait(&hasher->done, &hasher->lock);
    g_mutex_unlock(&hasher->lock);
    g_array_unref(batch->items);
    g_free(batch);
}
