/* SPDX-License-Identifier: MIT */
#include "policy/map-file.h"
#include "policy/map-lmdb-file.h"
#include "policy/map-private.h"
#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* lmdb_table(5): what postmap(1) has made of a text, in the file NAME.lmdb. Keys were folded then,
 * and end with a NUL or don't.
 *
 * liblmdb maps a file into memory; who shortens it then ends us by SIGBUS, and a page that is wrong
 * leads it astray. So what is opened is a copy in memory that nobody can change, after a look at
 * every page that can be reached. A table is a snapshot in any case. */

/* Largest file, in bytes. */
#define LMDB_FILE_MAX (64 * 1024 * 1024)
/* How often, and after how many microseconds again, a table is tried that postmap begins to write.
 */
#define LOCK_TRIES 50
#define LOCK_PAUSE 20000
#define SUFFIX ".lmdb"

typedef struct {
    char *name;    /* of the text, without .lmdb */
    char *path;    /* with it */
    char *read_as; /* fingerprint before it was read */
    struct timespec made;
    GError *failed; /* why it can't be asked, or NULL */
    MDB_env *env;
    MDB_dbi database;
} Lmdb;

/* --- the copy --- */

/* As Postfix's readers do; its writers wait for them before they use old pages again. */
static bool lock(int fd)
{
    struct flock whole = {.l_type = F_RDLCK, .l_whence = SEEK_SET};
    for (unsigned i = 0; fcntl(fd, F_OFD_SETLK, &whole) != 0; i++) {
        if ((errno != EAGAIN && errno != EACCES) || i == LOCK_TRIES)
            return false;
        g_usleep(LOCK_PAUSE);
    }
    return true;
}

static bool read_all(int fd, guint8 *bytes, gsize size)
{
    while (size > 0) {
        ssize_t got = read(fd, bytes, size);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        bytes += got;
        size -= (gsize)got;
    }
    return true;
}

/* Reads the file into a memory file of that size, and looks at it; *needed is how large it is then.
 * false when it is no table. */
static bool copy(int from, int to, gsize size, gsize *needed)
{
    if (size == 0 || ftruncate(to, (off_t)size) != 0)
        return false;
    void *bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, to, 0);
    if (bytes == MAP_FAILED)
        return false;
    bool good =
        read_all(from, bytes, size) && map_lmdb_file_is_sound(bytes, size, LMDB_FILE_MAX, needed);
    munmap(bytes, size);
    *needed = MAX(size, *needed);
    return good && ftruncate(to, (off_t)*needed) == 0 &&
           fcntl(to, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) == 0;
}

/* --- opening --- */

static int begin(const Lmdb *table, MDB_txn **transaction)
{
    return mdb_txn_begin(table->env, NULL, MDB_RDONLY, transaction);
}

/* As Postfix opens it. */
static int open_copy(Lmdb *table, int fd, gsize size)
{
    g_autofree char *path = g_strdup_printf("/proc/self/fd/%d", fd);
    MDB_txn *transaction = NULL;
    int code = mdb_env_create(&table->env);
    if (code == 0)
        code = mdb_env_set_mapsize(table->env, size);
    if (code == 0)
        code = mdb_env_open(table->env, path, MDB_NOSUBDIR | MDB_NOLOCK | MDB_RDONLY, 0);
    if (code == 0)
        code = begin(table, &transaction);
    if (code == 0)
        code = mdb_dbi_open(transaction, NULL, 0, &table->database);
    if (transaction != NULL)
        mdb_txn_abort(transaction);
    return code;
}

static void fail(Lmdb *table, const char *why)
{
    g_set_error(&table->failed, MAP_ERROR, MAP_ERROR_FAILED,
                "The table %s can't be used: %s; \"postmap lmdb:%s\" makes it anew.", table->path,
                why, table->name);
}

static void read_table(Lmdb *table)
{
    struct stat status;
    int fd = map_file_open(table->path, LMDB_FILE_MAX, &status, &table->failed);
    if (fd < 0)
        return;
    int memory = memfd_create("lmdb", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    gsize size = 0;
    int code = 0;
    if (!lock(fd))
        fail(table, "it is being written");
    else if (memory < 0)
        fail(table, g_strerror(errno));
    else if (!copy(fd, memory, (gsize)status.st_size, &size))
        fail(table, "it is none that postmap has made, or it is damaged");
    else if ((code = open_copy(table, memory, size)) != 0)
        fail(table, mdb_strerror(code));
    table->made = status.st_mtim;
    if (memory >= 0)
        close(memory);
    close(fd);
}

static gpointer lmdb_open(const char *name, GError **error)
{
    if (!map_file_check_path("lmdb", name, error))
        return NULL;
    Lmdb *table = g_new0(Lmdb, 1);
    table->name = g_strdup(name);
    table->path = g_strconcat(name, SUFFIX, NULL);
    table->read_as = map_file_fingerprint(table->path);
    read_table(table);
    return table;
}

static void lmdb_close(gpointer handle)
{
    Lmdb *table = handle;
    if (table->env != NULL)
        mdb_env_close(table->env);
    g_clear_error(&table->failed);
    g_free(table->name);
    g_free(table->path);
    g_free(table->read_as);
    g_free(table);
}

/* --- asking --- */

static Answer unknown(const Lmdb *table, int code, GError **error)
{
    if (table->failed != NULL)
        g_propagate_error(error, g_error_copy(table->failed));
    else
        g_set_error(error, MAP_ERROR, MAP_ERROR_FAILED, "The table %s can't be used: %s.",
                    table->path, mdb_strerror(code));
    return ANSWER_UNKNOWN;
}

/* What a key of this length, its NUL included or not, has. */
static int get(MDB_txn *transaction, MDB_dbi database, const char *key, gsize length,
               MDB_val *found)
{
    MDB_val wanted = {length, (void *)key};
    return length > 0 ? mdb_get(transaction, database, &wanted, found) : MDB_NOTFOUND;
}

static Answer lmdb_lookup(gpointer handle, const char *key, char **value, GError **error)
{
    const Lmdb *table = handle;
    g_autofree char *folded = map_fold(key);
    MDB_txn *transaction = NULL;
    MDB_val found = {0};
    if (table->failed != NULL)
        return unknown(table, 0, error);
    int code = begin(table, &transaction);
    if (code != 0)
        return unknown(table, code, error);
    gsize length = strlen(folded);
    code = get(transaction, table->database, folded, length + 1, &found);
    if (code == MDB_NOTFOUND)
        code = get(transaction, table->database, folded, length, &found);
    if (code == 0)
        *value = g_strndup(found.mv_data, found.mv_size);
    mdb_txn_abort(transaction);
    if (code != 0 && code != MDB_NOTFOUND)
        return unknown(table, code, error);
    return code == 0 ? ANSWER_YES : ANSWER_NO;
}

/* Text of an entry, with or without a NUL at its end; NULL when it is none. Caller owns it. */
static char *as_text(const MDB_val *bytes)
{
    const char *text = bytes->mv_data;
    gsize length = bytes->mv_size;
    if (length > 0 && text[length - 1] == '\0')
        length--;
    return length > 0 && g_utf8_validate(text, (gssize)length, NULL) ? g_strndup(text, length)
                                                                     : NULL;
}

static bool give(const MDB_val *key, const MDB_val *value, MapPairFunc each, gpointer data,
                 GError **error)
{
    g_autofree char *name = as_text(key), *text = as_text(value);
    if (name != NULL && text != NULL)
        return each(data, name, text, 0, error);
    g_set_error(error, MAP_ERROR, MAP_ERROR_SYNTAX,
                "An entry can't be used: its key or its value is empty or no UTF-8.");
    return false;
}

/* Whether the key stands there with a NUL, too, and is not looked for without. */
static bool is_hidden(MDB_txn *transaction, MDB_dbi database, const MDB_val *key)
{
    const char *text = key->mv_data;
    MDB_val found;
    if (key->mv_size == 0 || text[key->mv_size - 1] == '\0')
        return false;
    g_autofree char *copied = g_strndup(text, key->mv_size);
    return get(transaction, database, copied, key->mv_size + 1, &found) == 0;
}

static Answer lmdb_each(gpointer handle, MapPairFunc each, gpointer data, GError **error)
{
    const Lmdb *table = handle;
    MDB_txn *transaction = NULL;
    MDB_cursor *cursor = NULL;
    MDB_val key, value;
    bool good = true;
    if (table->failed != NULL)
        return unknown(table, 0, error);
    int code = begin(table, &transaction);
    if (code == 0)
        code = mdb_cursor_open(transaction, table->database, &cursor);
    while (code == 0 && good && (code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0)
        good =
            is_hidden(transaction, table->database, &key) || give(&key, &value, each, data, error);
    if (cursor != NULL)
        mdb_cursor_close(cursor);
    if (transaction != NULL)
        mdb_txn_abort(transaction);
    if (code != 0 && code != MDB_NOTFOUND)
        return unknown(table, code, error);
    return good ? ANSWER_YES : ANSWER_UNKNOWN;
}

static char *lmdb_advice(gpointer handle)
{
    const Lmdb *table = handle;
    struct stat text;
    if (table->failed != NULL || stat(table->name, &text) != 0 ||
        text.st_mtim.tv_sec < table->made.tv_sec ||
        (text.st_mtim.tv_sec == table->made.tv_sec && text.st_mtim.tv_nsec <= table->made.tv_nsec))
        return NULL;
    return g_strdup_printf("The table lmdb:%s was made before its text was last changed: run "
                           "\"postmap lmdb:%s\".",
                           table->name, table->name);
}

static void lmdb_fingerprint(gpointer handle, bool now, GString *text)
{
    const Lmdb *table = handle;
    g_autofree char *found = now ? map_file_fingerprint(table->path) : g_strdup(table->read_as);
    g_string_append(text, found);
}

const MapType map_lmdb = {
    .type = "lmdb",
    .open = lmdb_open,
    .lookup = lmdb_lookup,
    .each = lmdb_each,
    .advice = lmdb_advice,
    .close = lmdb_close,
    .fingerprint = lmdb_fingerprint,
};
