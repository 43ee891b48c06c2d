/* SPDX-License-Identifier: MIT */
#include "lib/nearest.h"
#include "lib/text.h"
#include "policy/map-private.h"
#include <string.h>

G_DEFINE_QUARK(batchload_map_error, map_error)

/* Most tables of one list. */
#define PARTS_MAX 100
/* Most bytes of a type, of a table and of a key that an error repeats. */
#define TYPE_SHOWN_MAX 40
#define SPEC_SHOWN_MAX 200
#define KEY_SHOWN_MAX 100

struct Map {
    char *spec;
    const MapType *type; /* NULL: a list */
    gpointer handle;
    GPtrArray *parts; /* of Map; of a list only */
};

/* One row a type; those without a driver, behind the others, are known, but of a later version. */
static const struct {
    const char *name;
    const MapType *driver;
} types[] = {
    {"texthash", &map_texthash},
    {"inline", &map_inline},
    {"static", &map_static},
    {"fail", &map_fail},
    {"cidr", &map_cidr},
    {"pcre", &map_pcre},
    {"lmdb", &map_lmdb},
    {"ldap", &map_ldap},
    {"socketmap", &map_socketmap},
    {"hash", NULL},
    {"btree", NULL},
    {"cdb", NULL},
    {"regexp", NULL},
    {"mysql", NULL},
    {"pgsql", NULL},
    {"sqlite", NULL},
    {"tcp", NULL},
    {"memcache", NULL},
    {"proxy", NULL},
    {"unionmap", NULL},
    {"pipemap", NULL},
    {"randmap", NULL},
};

/* The type that can be used and was meant by a name, or NULL. */
static const char *meant_type(const char *name)
{
    g_autoptr(GPtrArray) words = g_ptr_array_new_with_free_func(g_free);
    for (gsize i = 0; i < G_N_ELEMENTS(types) && types[i].driver != NULL; i++)
        g_ptr_array_add(words, g_ascii_strup(types[i].name, -1));
    const char *found = nearest_word(name, (const char *const *)words->pdata, words->len);
    for (gsize i = 0; found != NULL && i < words->len; i++)
        if (found == g_ptr_array_index(words, i))
            return types[i].name;
    return NULL;
}

static const MapType *find_type(const char *name, gsize length, GError **error)
{
    for (gsize i = 0; i < G_N_ELEMENTS(types); i++) {
        if (strlen(types[i].name) != length || strncmp(types[i].name, name, length) != 0)
            continue;
        if (types[i].driver == NULL)
            g_set_error(error, MAP_ERROR, MAP_ERROR_TYPE,
                        "Tables of type \"%s\" are not available yet; use texthash:/path/to/file, "
                        "inline:{ key=value } or static:value.",
                        types[i].name);
        return types[i].driver;
    }
    g_autofree char *shown = text_printable(name, (gssize)length, TYPE_SHOWN_MAX);
    const char *meant = meant_type(shown);
    if (meant != NULL)
        g_set_error(error, MAP_ERROR, MAP_ERROR_TYPE,
                    "There is no table type \"%s\"; did you mean %s?", shown, meant);
    else
        g_set_error(
            error, MAP_ERROR, MAP_ERROR_TYPE,
            "There is no table type \"%s\"; use texthash:/path/to/file, inline:{ key=value } or "
            "static:value.",
            shown);
    return NULL;
}

static Map *open_one(const char *spec, GError **error)
{
    if (!g_utf8_validate(spec, -1, NULL)) {
        g_autofree char *broken = text_printable(spec, -1, SPEC_SHOWN_MAX);
        g_set_error(error, MAP_ERROR, MAP_ERROR_SYNTAX, "The table \"%s\" is not UTF-8.", broken);
        return NULL;
    }
    const char *colon = strchr(spec, ':');
    if (colon == NULL || colon == spec) {
        g_autofree char *shown = text_printable(spec, -1, SPEC_SHOWN_MAX);
        g_set_error(error, MAP_ERROR, MAP_ERROR_TYPE,
                    "The table \"%s\" has no type; write it as texthash:/path/to/file. A text with "
                    "blanks or commas stands in braces, as in static:{ text }.",
                    shown);
        return NULL;
    }
    const MapType *type = find_type(spec, (gsize)(colon - spec), error);
    if (type == NULL)
        return NULL;
    gpointer handle = type->open(colon + 1, error);
    if (handle == NULL)
        return NULL;
    Map *map = g_new0(Map, 1);
    map->spec = g_strdup(spec);
    map->type = type;
    map->handle = handle;
    return map;
}

Map *map_open(const char *spec, GError **error)
{
    g_autoptr(GPtrArray) parts = g_ptr_array_new_with_free_func((GDestroyNotify)map_close);
    const char *rest = spec;
    for (;;) {
        g_autofree char *word = map_next_word(&rest);
        if (word == NULL && parts->len > 0)
            break;
        if (parts->len == PARTS_MAX) {
            g_set_error(error, MAP_ERROR, MAP_ERROR_SYNTAX,
                        "A list of tables has at most %d of them.", PARTS_MAX);
            return NULL;
        }
        Map *part = open_one(word != NULL ? word : "", error);
        if (part == NULL)
            return NULL;
        g_ptr_array_add(parts, part);
    }
    if (parts->len == 1)
        return g_ptr_array_steal_index(parts, 0);
    Map *map = g_new0(Map, 1);
    map->spec = g_strdup(spec);
    map->parts = g_steal_pointer(&parts);
    return map;
}

/* What no table may give: Postfix does not take it either. */
static Answer check_value(const Map *map, const char *key, char **value, GError **error)
{
    bool empty = **value == '\0';
    if (!empty && g_utf8_validate(*value, -1, NULL))
        return ANSWER_YES;
    g_autofree char *shown = text_printable(key, -1, KEY_SHOWN_MAX);
    g_autofree char *table = text_printable(map->spec, -1, SPEC_SHOWN_MAX);
    g_clear_pointer(value, g_free);
    g_set_error(error, MAP_ERROR, MAP_ERROR_FAILED, "What the table %s gives for \"%s\" is %s.",
                table, shown, empty ? "empty" : "not UTF-8");
    return ANSWER_UNKNOWN;
}

Answer map_lookup(Map *map, const char *key, char **value, GError **error)
{
    if (!g_utf8_validate(key, -1, NULL))
        return ANSWER_NO;
    if (map->parts == NULL) {
        Answer answer = map->type->lookup(map->handle, key, value, error);
        return answer == ANSWER_YES ? check_value(map, key, value, error) : answer;
    }
    Answer answer = ANSWER_NO;
    for (guint i = 0; i < map->parts->len && answer == ANSWER_NO; i++)
        answer = map_lookup(g_ptr_array_index(map->parts, i), key, value, error);
    return answer;
}

Answer map_each(Map *map, MapPairFunc each, gpointer data, GError **error)
{
    if (map->parts == NULL)
        return map->type->each != NULL ? map->type->each(map->handle, each, data, error)
                                       : ANSWER_NO;
    Answer all = ANSWER_YES;
    for (guint i = 0; i < map->parts->len; i++) {
        Answer answer = map_each(g_ptr_array_index(map->parts, i), each, data, error);
        if (answer == ANSWER_UNKNOWN)
            return answer;
        if (answer == ANSWER_NO)
            all = ANSWER_NO;
    }
    return all;
}

Answer map_values(Map *map, MapValueFunc each, gpointer data, GError **error)
{
    return map->type != NULL && map->type->values != NULL
               ? map->type->values(map->handle, each, data, error)
               : ANSWER_NO;
}

bool map_has_every_key(const Map *map)
{
    return map->type != NULL && map->type->every_key;
}

bool map_has_patterns(const Map *map)
{
    return map->type != NULL && map->type->patterns;
}

bool map_is_remote(const Map *map)
{
    return map->type != NULL && map->type->remote;
}

char *map_advice(const Map *map)
{
    char *advice =
        map->type != NULL && map->type->advice != NULL ? map->type->advice(map->handle) : NULL;
    for (guint i = 0; advice == NULL && map->parts != NULL && i < map->parts->len; i++)
        advice = map_advice(g_ptr_array_index(map->parts, i));
    return advice;
}

unsigned map_count(const Map *map)
{
    return map->parts != NULL ? map->parts->len : 1;
}

Map *map_part(Map *map, unsigned index)
{
    return map->parts != NULL ? g_ptr_array_index(map->parts, index) : map;
}

static void add_fingerprint(const Map *map, bool now, GString *text)
{
    if (map->type != NULL && map->type->fingerprint != NULL)
        map->type->fingerprint(map->handle, now, text);
    for (guint i = 0; map->parts != NULL && i < map->parts->len; i++)
        add_fingerprint(g_ptr_array_index(map->parts, i), now, text);
}

char *map_fingerprint(const Map *map, bool now)
{
    GString *text = g_string_new(NULL);
    add_fingerprint(map, now, text);
    return g_string_free(text, FALSE);
}

const char *map_spec(const Map *map)
{
    return map->spec;
}

void map_close(Map *map)
{
    if (map == NULL)
        return;
    if (map->type != NULL)
        map->type->close(map->handle);
    g_clear_pointer(&map->parts, g_ptr_array_unref);
    g_free(map->spec);
    g_free(map);
}
