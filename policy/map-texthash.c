/* SPDX-License-Identifier: MIT */
#include "policy/map-file.h"
#include "policy/map-private.h"
#include <string.h>

/* The format is that of postmap(1): of each logical line (map_file_lines) the first white space
 * outside double quotes ends the key. Keys are compared without case. Lines that are no "key value"
 * are passed over in look-ups, as Postfix does, and told by each(). */

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
        } else if (map_is_space(*p) && !quoted) {
            break;
        }
    }
    return quoted ? NULL : p;
}

static void add_line(gpointer data, const GString *text, unsigned line)
{
    Texthash *table = data;
    Pair *pair = g_new0(Pair, 1);
    pair->line = line;
    g_ptr_array_add(table->pairs, pair);
    pair->problem = map_line_problem(text);
    if (pair->problem != NULL)
        return;
    const char *end = key_end(text->str);
    if (end == NULL) {
        pair->problem = "a double quote is not closed";
        return;
    }
    g_autofree char *rest = g_strdup(end);
    const char *value = map_strip(rest);
    if (*value == '\0') {
        pair->problem = "it has a key and no value";
        return;
    }
    pair->key = g_strndup(text->str, (gsize)(end - text->str));
    pair->value = g_strdup(value);
    g_autofree char *folded = map_fold(pair->key);
    if (!g_hash_table_contains(table->index, folded))
        g_hash_table_insert(table->index, g_steal_pointer(&folded), pair);
}

static gpointer texthash_open(const char *name, GError **error)
{
    if (!map_file_check_path("texthash", name, error))
        return NULL;
    Texthash *table = g_new0(Texthash, 1);
    table->pairs = g_ptr_array_new_with_free_func(pair_free);
    table->index = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    table->path = g_strdup(name);
    table->read_as = map_file_fingerprint(name);
    gsize size = 0;
    g_autofree char *text = map_file_read(name, TEXTHASH_FILE_MAX, &size, NULL, &table->failed);
    if (text != NULL)
        map_file_lines(text, size, add_line, table);
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

static Answer texthash_each(gpointer handle, MapPairFunc each, gpointer data, GError **error)
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
    g_autofree char *found = now ? map_file_fingerprint(table->path) : g_strdup(table->read_as);
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
