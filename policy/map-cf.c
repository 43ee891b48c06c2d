/* SPDX-License-Identifier: MIT */
#include "policy/map-cf.h"
#include "policy/map-file.h"
#include "policy/map.h"
#include <string.h>

typedef struct {
    GPtrArray *settings; /* of MapCfSetting */
    GHashTable *names;   /* of those, borrowed */
    const char *problem; /* of the first line that has one */
    unsigned line;
} Reading;

static void setting_free(gpointer data)
{
    MapCfSetting *setting = data;
    secret_free(setting->name);
    secret_free(setting->value);
    g_free(setting);
}

/* A value's end, without blanks. */
static gsize stripped(const char *text)
{
    gsize length = strlen(text);
    while (length > 0 && map_is_space(text[length - 1]))
        length--;
    return length;
}

static const char *take(Reading *reading, const char *text, unsigned line)
{
    gsize length = 0;
    while (text[length] != '\0' && text[length] != '=' && !map_is_space(text[length]))
        length++;
    const char *equals = text + length;
    while (map_is_space(*equals))
        equals++;
    if (length == 0 || *equals != '=')
        return "it is no \"name = value\"";
    const char *value = equals + 1;
    while (map_is_space(*value))
        value++;
    MapCfSetting *setting = g_new0(MapCfSetting, 1);
    g_ptr_array_add(reading->settings, setting);
    setting->name = secret_ndup(text, length);
    setting->value = secret_ndup(value, stripped(value));
    setting->line = line;
    return g_hash_table_add(reading->names, setting->name) ? NULL
                                                           : "the same setting was given before";
}

static void take_line(gpointer data, const GString *text, unsigned line)
{
    Reading *reading = data;
    if (reading->problem != NULL)
        return;
    reading->line = line;
    reading->problem = map_line_problem(text);
    if (reading->problem == NULL)
        reading->problem = take(reading, text->str, line);
}

GPtrArray *map_cf_parse(const char *text, gsize size, GError **error)
{
    g_autoptr(GPtrArray) settings = g_ptr_array_new_with_free_func(setting_free);
    g_autoptr(GHashTable) names = g_hash_table_new(g_str_hash, g_str_equal);
    Reading reading = {.settings = settings, .names = names};
    map_file_lines(text, size, take_line, &reading);
    if (reading.problem == NULL)
        return g_steal_pointer(&settings);
    g_set_error(error, MAP_ERROR, MAP_ERROR_SYNTAX, "Line %u can't be used: %s", reading.line,
                reading.problem);
    return NULL;
}
