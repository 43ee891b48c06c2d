/* SPDX-License-Identifier: MIT */
#include "lib/text.h"
#include "policy/map-private.h"
#include <string.h>

/* Tables that stand in the configuration itself: inline:{ key=value, { key = text } },
 * static:value and fail:text. What Postfix would complain of at each look-up is an error at once:
 * an empty table, key or value. */

#define SEPARATORS ", \t\r\n"
/* Most bytes of a name that an error repeats. */
#define SHOWN_MAX 100

char *map_next_word(const char **rest)
{
    const char *start = *rest + strspn(*rest, SEPARATORS);
    const char *end = start;
    unsigned depth = 0;
    for (; *end != '\0' && (depth > 0 || strchr(SEPARATORS, *end) == NULL); end++) {
        if (*end == '{')
            depth++;
        else if (*end == '}' && depth > 0)
            depth--;
    }
    *rest = end;
    return end > start ? g_strndup(start, (gsize)(end - start)) : NULL;
}

gsize map_braces(const char *text)
{
    unsigned depth = 0;
    for (gsize i = 0; text[i] != '\0'; i++) {
        if (text[i] == '{')
            depth++;
        else if (text[i] == '}')
            depth--;
        if (depth == 0)
            return text[0] == '{' ? i + 1 : 0;
    }
    return 0;
}

char *map_unbrace(const char *text, GError **error)
{
    gsize length = map_braces(text);
    if (length > 0 && text[length] == '\0')
        return g_strstrip(g_strndup(text + 1, length - 2));
    g_autofree char *shown = text_printable(text, -1, SHOWN_MAX);
    g_set_error(error, MAP_ERROR, MAP_ERROR_SYNTAX, "The braces of \"%s\" don't fit together.",
                shown);
    return NULL;
}

/* --- inline --- */

typedef struct {
    char *key;
    char *value;
} Pair;

typedef struct {
    GPtrArray *pairs;  /* of Pair, in order, each key once */
    GHashTable *index; /* folded key → Pair; keys owned */
} Inline;

static void pair_free(gpointer data)
{
    Pair *pair = data;
    g_free(pair->key);
    g_free(pair->value);
    g_free(pair);
}

static void inline_close(gpointer handle)
{
    Inline *table = handle;
    g_hash_table_unref(table->index);
    g_ptr_array_unref(table->pairs);
    g_free(table);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Inline, inline_close)

/* Where the key ends: at the first '=' or white space outside double quotes; NULL for an open
 * quote. */
static const char *key_end(const char *text)
{
    bool quoted = false;
    const char *p = text;
    for (; *p != '\0'; p++) {
        if (*p == '\\') {
            if (*++p == '\0')
                break;
        } else if (*p == '"') {
            quoted = !quoted;
        } else if (!quoted && (*p == '=' || g_ascii_isspace(*p))) {
            break;
        }
    }
    return quoted ? NULL : p;
}

/* "key = value"; of several ones for a key the last counts, as Postfix has it. */
static bool add_pair(Inline *table, const char *text, GError **error)
{
    const char *end = key_end(text);
    const char *equals = end != NULL ? end + strspn(end, " \t\r\n") : NULL;
    g_autofree char *value =
        equals != NULL && *equals == '=' ? g_strstrip(g_strdup(equals + 1)) : NULL;
    if (value == NULL || end == text || *value == '\0') {
        g_autofree char *shown = text_printable(text, -1, SHOWN_MAX);
        g_set_error(error, MAP_ERROR, MAP_ERROR_SYNTAX,
                    "\"%s\" is no key=value; a value with blanks or commas is written as "
                    "{ key = value }.",
                    shown);
        return false;
    }
    g_autofree char *key = g_strndup(text, (gsize)(end - text));
    g_autofree char *folded = map_fold(key);
    Pair *pair = g_hash_table_lookup(table->index, folded);
    if (pair != NULL) {
        g_free(pair->value);
        pair->value = g_steal_pointer(&value);
        return true;
    }
    pair = g_new0(Pair, 1);
    pair->key = g_steal_pointer(&key);
    pair->value = g_steal_pointer(&value);
    g_ptr_array_add(table->pairs, pair);
    g_hash_table_insert(table->index, g_steal_pointer(&folded), pair);
    return true;
}

static bool add_word(Inline *table, const char *word, GError **error)
{
    if (*word != '{')
        return add_pair(table, word, error);
    g_autofree char *text = map_unbrace(word, error);
    return text != NULL && add_pair(table, text, error);
}

static gpointer inline_open(const char *name, GError **error)
{
    g_autofree char *text = map_unbrace(name, error);
    if (text == NULL) {
        g_prefix_error(error, "A table of type inline is written as inline:{ key=value, ... }. ");
        return NULL;
    }
    g_autoptr(Inline) table = g_new0(Inline, 1);
    table->pairs = g_ptr_array_new_with_free_func(pair_free);
    table->index = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    const char *rest = text;
    for (;;) {
        g_autofree char *word = map_next_word(&rest);
        if (word == NULL)
            break;
        if (!add_word(table, word, error))
            return NULL;
    }
    if (table->pairs->len > 0)
        return g_steal_pointer(&table);
    g_set_error(error, MAP_ERROR, MAP_ERROR_SYNTAX,
                "A table of type inline needs at least one key=value.");
    return NULL;
}

static Answer inline_lookup(gpointer handle, const char *key, char **value,
                            GError **error G_GNUC_UNUSED)
{
    const Inline *table = handle;
    g_autofree char *folded = map_fold(key);
    const Pair *pair = g_hash_table_lookup(table->index, folded);
    if (pair == NULL)
        return ANSWER_NO;
    *value = g_strdup(pair->value);
    return ANSWER_YES;
}

static Answer inline_each(gpointer handle, MapPairFunc each, gpointer data, GError **error)
{
    const Inline *table = handle;
    for (guint i = 0; i < table->pairs->len; i++) {
        const Pair *pair = g_ptr_array_index(table->pairs, i);
        if (!each(data, pair->key, pair->value, 0, error))
            return ANSWER_UNKNOWN;
    }
    return ANSWER_YES;
}

const MapType map_inline = {
    .type = "inline",
    .open = inline_open,
    .lookup = inline_lookup,
    .each = inline_each,
    .close = inline_close,
};

/* --- static and fail --- */

static gpointer open_text(const char *type, const char *name, GError **error)
{
    g_autofree char *value = *name == '{' ? map_unbrace(name, error) : g_strdup(name);
    if (value == NULL)
        return NULL;
    if (*value != '\0')
        return g_steal_pointer(&value);
    g_set_error(error, MAP_ERROR, MAP_ERROR_SYNTAX,
                "A table of type %s needs a text, as in %s:{ text }.", type, type);
    return NULL;
}

static gpointer static_open(const char *name, GError **error)
{
    return open_text("static", name, error);
}

static Answer static_lookup(gpointer handle, const char *key G_GNUC_UNUSED, char **value,
                            GError **error G_GNUC_UNUSED)
{
    *value = g_strdup(handle);
    return ANSWER_YES;
}

static Answer static_values(gpointer handle, MapValueFunc each, gpointer data, GError **error)
{
    return each(data, handle, false, 0, error) ? ANSWER_YES : ANSWER_UNKNOWN;
}

const MapType map_static = {
    .type = "static",
    .open = static_open,
    .lookup = static_lookup,
    .values = static_values,
    .close = g_free,
    .every_key = true,
};

static gpointer fail_open(const char *name, GError **error)
{
    return open_text("fail", name, error);
}

static Answer fail_lookup(gpointer handle, const char *key G_GNUC_UNUSED,
                          char **value G_GNUC_UNUSED, GError **error)
{
    g_autofree char *shown = text_printable(handle, -1, SHOWN_MAX);
    g_set_error(error, MAP_ERROR, MAP_ERROR_FAILED, "The table of type fail says: %s", shown);
    return ANSWER_UNKNOWN;
}

const MapType map_fail = {
    .type = "fail",
    .open = fail_open,
    .lookup = fail_lookup,
    .close = g_free,
};
