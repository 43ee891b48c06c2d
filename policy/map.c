/* SPDX-License-Identifier: MIT */
#include "policy/map.h"
#include <string.h>

G_DEFINE_QUARK(batchload_map_error, map_error)

struct Map {
    char *spec;
    const MapType *type;
    gpointer handle;
};

/* One row a type; those without a driver are known, but of a later version. */
static const struct {
    const char *name;
    const MapType *driver;
} types[] = {
    {"texthash", &map_texthash},
    {"inline", NULL},
    {"static", NULL},
    {"hash", NULL},
    {"btree", NULL},
    {"lmdb", NULL},
    {"cdb", NULL},
    {"cidr", NULL},
    {"pcre", NULL},
    {"regexp", NULL},
    {"ldap", NULL},
    {"mysql", NULL},
    {"pgsql", NULL},
    {"sqlite", NULL},
    {"tcp", NULL},
    {"socketmap", NULL},
    {"memcache", NULL},
    {"proxy", NULL},
    {"unionmap", NULL},
    {"pipemap", NULL},
    {"randmap", NULL},
    {"fail", NULL},
};

static const MapType *find_type(const char *name, gsize length, GError **error)
{
    for (gsize i = 0; i < G_N_ELEMENTS(types); i++) {
        if (strlen(types[i].name) != length || strncmp(types[i].name, name, length) != 0)
            continue;
        if (types[i].driver == NULL)
            g_set_error(error, MAP_ERROR, MAP_ERROR_TYPE,
                        "Tables of type \"%s\" are not available yet; use texthash:/path/to/file.",
                        types[i].name);
        return types[i].driver;
    }
    g_autofree char *shown = g_strndup(name, MIN(length, 40));
    g_set_error(error, MAP_ERROR, MAP_ERROR_TYPE,
                "There is no table type \"%s\"; use texthash:/path/to/file.", shown);
    return NULL;
}

Map *map_open(const char *spec, GError **error)
{
    const char *colon = strchr(spec, ':');
    if (colon == NULL || colon == spec) {
        g_set_error(error, MAP_ERROR, MAP_ERROR_TYPE,
                    "The table \"%s\" has no type; write it as texthash:/path/to/file.", spec);
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

Answer map_lookup(Map *map, const char *key, char **value, GError **error)
{
    return map->type->lookup(map->handle, key, value, error);
}

Answer map_each(Map *map,
                bool (*each)(gpointer data, const char *key, const char *value, unsigned line,
                             GError **error),
                gpointer data, GError **error)
{
    if (map->type->each == NULL)
        return ANSWER_NO;
    return map->type->each(map->handle, each, data, error);
}

const char *map_spec(const Map *map)
{
    return map->spec;
}

void map_close(Map *map)
{
    if (map == NULL)
        return;
    map->type->close(map->handle);
    g_free(map->spec);
    g_free(map);
}
