/* SPDX-License-Identifier: MIT */
#include "policy/map-private.h"
#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <gio/gunixinputstream.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The format is that of postmap(1): a logical line begins with text and goes on in lines that
 * begin with white space; blank lines and lines whose first text is '#' count nowhere, not even
 * between a line and its continuation. The first white space outside double quotes ends the key.
 * Keys are compared without case. Lines that are no "key value" are passed over in look-ups, as
 * Postfix does, and told by each(). */

/* Largest file that is read, in bytes. */
#define TEXTHASH_FILE_MAX (64 * 1024 * 1024)

typedef struct {
    char *key;           /* as written; NULL: not usable */
    char *value;         /* NULL: not usable */
    const char *problem; /* why not; static */
    unsigned line;
} Pair;

typedef struct {
    GPtrArray *pairs;  /* of Pair, in order */
    GHashTable *index; /* folded key → Pair, the first one; keys owned */
    GError *failed;    /* why the file couldn't be read, or NULL */
    char *path;
    char *read_as; /* fingerprint before it was read */
} Texthash;

static void pair_free(gpointer data)
{
    Pair *pair = data;
    g_free(pair->key);
    g_free(pair->value);
    g_free(pair);
}

char *map_fold(const char *key)
{
    if (g_str_is_ascii(key) || !g_utf8_validate(key, -1, NULL))
        return g_ascii_strdown(key, -1);
    return g_utf8_casefold(key, -1);
}

/* Where the key of a logical line ends, or NULL when a quote is left open. */
static const char *key_end(const char *line)
{
    bool quoted = false;
    const char *p = line;
    for (; *p != '\0'; p++) {
        if (*p == '\\') {
            if (*++p == '\0')
                break;
        } else if (*p == '"') {
            quoted = !quoted;
        } else if (g_ascii_isspace(*p) && !quoted) {
            break;
        }
    }
    return quoted ? NULL : p;
}

static void add_line(Texthash *table, const GString *text, unsigned line)
{
    Pair *pair = g_new0(Pair, 1);
    pair->line = line;
    g_ptr_array_add(table->pairs, pair);
    if (memchr(text->str, '\0', text->len) != NULL) {
        pair->problem = "it holds a NUL byte";
        return;
    }
    if (!g_utf8_validate(text->str, (gssize)text->len, NULL)) {
        pair->problem = "it is not UTF-8";
        return;
    }
    if (g_ascii_isspace(text->str[0])) {
        pair->problem = "it begins with white space, but there is no line that it could continue";
        return;
    }
    const char *end = key_end(text->str);
    if (end == NULL) {
        pair->problem = "a double quote is not closed";
        return;
    }
    g_autofree char *value = g_strstrip(g_strdup(end));
    if (*value == '\0') {
        pair->problem = "it has a key and no value";
        return;
    }
    pair->key = g_strndup(text->str, (gsize)(end - text->str));
    pair->value = g_steal_pointer(&value);
    g_autofree char *folded = map_fold(pair->key);
    if (!g_hash_table_contains(table->index, folded))
        g_hash_table_insert(table->index, g_steal_pointer(&folded), pair);
}

static bool counts_nowhere(const char *line, gsize size)
{
    gsize i = 0;
    while (i < size && g_ascii_isspace(line[i]))
        i++;
    return i == size || line[i] == '#';
}

static void parse(Texthash *table, const char *text, gsize size)
{
    g_autoptr(GString) logical = g_string_new(NULL);
    unsigned first = 0, line = 0;
    while (size > 0) {
        const char *newline = memchr(text, '\n', size);
        gsize length = newline != NULL ? (gsize)(newline - text) : size;
        line++;
        if (!counts_nowhere(text, length)) {
            if (!g_ascii_isspace(text[0]) && logical->len > 0) {
                add_line(table, logical, first);
                g_string_truncate(logical, 0);
            }
            if (logical->len == 0)
                first = line;
            g_string_append_len(logical, text, (gssize)length);
        }
        if (newline != NULL)
            length++;
        text += length;
        size -= length;
    }
    if (logical->len > 0)
        add_line(table, logical, first);
}

static char *read_file(const char *name, gsize *size, GError **error)
{
    /* Not blocking, or a FIFO would hold up the start. */
    int fd = open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0) {
        g_set_error(error, MAP_ERROR, MAP_ERROR_FAILED, "The table %s can't be read: %s.", name,
                    g_strerror(errno));
        return NULL;
    }
    g_autoptr(GInputStream) stream = g_unix_input_stream_new(fd, TRUE);
    struct stat status;
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode) || status.st_size > TEXTHASH_FILE_MAX) {
        g_set_error(error, MAP_ERROR, MAP_ERROR_FAILED,
                    "The table %s can't be read: it is no regular file of at most %d bytes.", name,
                    TEXTHASH_FILE_MAX);
        return NULL;
    }
    g_autofree char *text = g_malloc((gsize)status.st_size + 1);
    g_autoptr(GError) failed = NULL;
    if (!g_input_stream_read_all(stream, text, (gsize)status.st_size, size, NULL, &failed)) {
        g_set_error(error, MAP_ERROR, MAP_ERROR_FAILED, "The table %s can't be read: %s.", name,
                    failed->message);
        return NULL;
    }
    return g_steal_pointer(&text);
}

/* Caller owns it. */
static char *fingerprint(const char *path)
{
    struct stat status;
    if (stat(path, &status) != 0)
        return g_strdup_printf("errno %d;", errno);
    return g_strdup_printf("%" G_GUINT64_FORMAT ":%" G_GUINT64_FORMAT ":%" G_GINT64_FORMAT
                           ":%" G_GINT64_FORMAT ".%09ld:%" G_GINT64_FORMAT ".%09ld;",
                           (guint64)status.st_dev, (guint64)status.st_ino, (gint64)status.st_size,
                           (gint64)status.st_mtim.tv_sec, status.st_mtim.tv_nsec,
                           (gint64)status.st_ctim.tv_sec, status.st_ctim.tv_nsec);
}

static gpointer texthash_open(const char *name, GError **error)
{
    if (!g_path_is_absolute(name)) {
        g_set_error(error, MAP_ERROR, MAP_ERROR_SYNTAX,
                    "The table texthash:%s needs a full path, such as texthash:/etc/batchload/"
                    "senders.",
                    name);
        return NULL;
    }
    Texthash *table = g_new0(Texthash, 1);
    table->pairs = g_ptr_array_new_with_free_func(pair_free);
    table->index = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    table->path = g_strdup(name);
    table->read_as = fingerprint(name);
    gsize size = 0;
    g_autofree char *text = read_file(name, &size, &table->failed);
    if (text != NULL)
        parse(table, text, size);
    return table;
}

static bool usable(const Texthash *table, GError **error)
{
    if (table->failed == NULL)
        return true;
    g_propagate_error(error, g_error_copy(table->failed));
    return false;
}

static Answer texthash_lookup(gpointer handle, const char *key, char **value, GError **error)
{
    const Texthash *table = handle;
    if (!usable(table, error))
        return ANSWER_UNKNOWN;
    g_autofree char *folded = map_fold(key);
    const Pair *pair = g_hash_table_lookup(table->index, folded);
    if (pair == NULL)
        return ANSWER_NO;
    *value = g_strdup(pair->value);
    return ANSWER_YES;
}

static Answer texthash_each(gpointer handle,
                            bool (*each)(gpointer data, const char *key, const char *value,
                                         unsigned line, GError **error),
                            gpointer data, GError **error)
{
    const Texthash *table = handle;
    if (!usable(table, error))
        return ANSWER_UNKNOWN;
    for (guint i = 0; i < table->pairs->len; i++) {
        const Pair *pair = g_ptr_array_index(table->pairs, i);
        if (pair->key == NULL) {
            g_set_error(error, MAP_ERROR, MAP_ERROR_SYNTAX, "Line %u can't be used: %s.",
                        pair->line, pair->problem);
            return ANSWER_UNKNOWN;
        }
        if (!each(data, pair->key, pair->value, pair->line, error))
            return ANSWER_UNKNOWN;
    }
    return ANSWER_YES;
}

static void texthash_close(gpointer handle)
{
    Texthash *table = handle;
    g_hash_table_unref(table->index);
    g_ptr_array_unref(table->pairs);
    g_clear_error(&table->failed);
    g_free(table->path);
    g_free(table->read_as);
    g_free(table);
}

static void texthash_fingerprint(gpointer handle, bool now, GString *text)
{
    const Texthash *table = handle;
    g_autofree char *found = now ? fingerprint(table->path) : g_strdup(table->read_as);
    g_string_append(text, found);
}

const MapType map_texthash = {
    .type = "texthash",
    .open = texthash_open,
    .lookup = texthash_lookup,
    .each = texthash_each,
    .close = texthash_close,
    .fingerprint = texthash_fingerprint,
};
