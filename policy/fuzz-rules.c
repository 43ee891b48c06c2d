/* SPDX-License-Identifier: MIT */
#include "policy/map.h"
#include "tests/fuzz-file.h"

#include <gio/gio.h>
#include <string.h>

/* Any bytes as the file of a table of patterns, cidr and pcre: what is told of a table that can be
 * used is text, line by line; what a look-up finds is one of that, or has parts of the key in it;
 * what can't be told is a sentence. Networks are looked for by another way, too (GIO's). Seeds:
 * test-fixtures/rules. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const keys[] = {
    "10.1.2.3",          "192.0.2.129", "2001:db8::1", "::ffff:10.1.2.3", "example.com",
    "admin@example.com", "aaaaab",      "a b",         "caf\xc3\xa9",     "",
};

typedef struct {
    GHashTable *values; /* that stand there as they are */
    unsigned line;
    bool varies;
} Told;

static bool take_value(gpointer data, const char *value, bool varies, unsigned line,
                       GError **error G_GNUC_UNUSED)
{
    Told *told = data;
    g_assert_cmpuint(line, >, told->line);
    g_assert_true(*value != '\0' && g_utf8_validate(value, -1, NULL));
    told->line = line;
    told->varies = told->varies || varies;
    if (!varies)
        g_hash_table_add(told->values, g_strdup(value));
    return true;
}

/* --- networks, by GIO --- */

/* Whether the pattern of a line holds, by "!" and GInetAddressMask; -1: it is no such line. */
static int holds(const char *pattern, GInetAddress *address)
{
    bool negated = false;
    for (; *pattern == '!' || g_ascii_isspace(*pattern); pattern++)
        negated ^= *pattern == '!';
    g_autofree char *bare = g_strndup(pattern, strcspn(pattern, " \t\r\f"));
    g_autofree char *plain = g_strconcat(bare[0] == '[' ? bare + 1 : bare, NULL);
    char *bracket = strchr(plain, ']');
    if (bracket != NULL)
        memmove(bracket, bracket + 1, strlen(bracket));
    g_autoptr(GInetAddressMask) mask = g_inet_address_mask_new_from_string(plain, NULL);
    if (mask == NULL)
        return -1;
    return g_inet_address_mask_get_family(mask) == g_inet_address_get_family(address) &&
           g_inet_address_mask_matches(mask, address) != negated;
}

/* Of a table without if and continued lines: the first value that holds; *sure: whether it can be
 * told by these means. Caller owns it. */
static char *first_network(const char *text, const char *key, bool *sure)
{
    g_autoptr(GInetAddress) address = g_inet_address_new_from_string(key);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    *sure = strchr(text, '\v') == NULL;
    for (char **line = lines; *line != NULL; line++)
        *sure = *sure && !g_ascii_isspace(**line);
    for (char **line = lines; *line != NULL && *sure; line++) {
        g_autofree char *stripped = g_strstrip(g_strdup(*line));
        if (*stripped == '\0' || *stripped == '#')
            continue;
        const char *start = stripped + strspn(stripped, "! \t\r\f");
        const char *value = start + strcspn(start, " \t\r\f");
        int found = address != NULL ? holds(stripped, address) : 0;
        *sure = found >= 0 && g_ascii_strncasecmp(stripped, "if", 2) != 0 &&
                g_ascii_strncasecmp(stripped, "endif", 5) != 0;
        if (*sure && found > 0)
            return g_strdup(value + strspn(value, " \t\r\f"));
    }
    return NULL;
}

static void check_network(const char *text, const char *key, const char *value)
{
    bool sure = false;
    g_autofree char *other = first_network(text, key, &sure);
    if (sure)
        g_assert_cmpstr(value, ==, other);
}

/* --- a table --- */

static void check_key(Map *map, const char *key, const Told *told, const char *networks)
{
    g_autofree char *value = NULL;
    g_autoptr(GError) error = NULL;
    Answer answer = map_lookup(map, key, &value, &error);
    g_assert_true((answer == ANSWER_UNKNOWN) == (error != NULL));
    if (error != NULL)
        g_assert_true(g_error_matches(error, MAP_ERROR, MAP_ERROR_FAILED) &&
                      g_utf8_validate(error->message, -1, NULL));
    if (answer == ANSWER_YES)
        g_assert_true(*value != '\0' && g_utf8_validate(value, -1, NULL));
    if (told == NULL)
        return;
    if (answer == ANSWER_YES)
        g_assert_true(told->varies || g_hash_table_contains(told->values, value));
    if (networks != NULL)
        check_network(networks, key, value);
}

static void check_table(const char *type, const char *path, const char *text, gsize size)
{
    g_autofree char *spec = g_strdup_printf("%s:%s", type, path);
    g_autoptr(GError) error = NULL;
    g_autoptr(Map) map = map_open(spec, &error);
    g_assert_no_error(error);
    g_autoptr(GHashTable) values = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    Told told = {values, 0, false};
    Answer answer = map_values(map, take_value, &told, &error);
    g_assert_true(answer == (error == NULL ? ANSWER_YES : ANSWER_UNKNOWN));
    if (error != NULL) {
        g_assert_true(error->domain == MAP_ERROR && g_utf8_validate(error->message, -1, NULL));
        g_assert_null(strstr(error->message, "can't be read"));
    }
    for (gsize i = 0; i < G_N_ELEMENTS(keys); i++)
        check_key(map, keys[i], error == NULL ? &told : NULL,
                  g_str_equal(type, "cidr") && strlen(text) == size ? text : NULL);
}

static void check_inline(const char *type, const char *text)
{
    g_autofree char *spec = g_strdup_printf("%s:{%s}", type, text);
    g_autoptr(GError) error = NULL;
    g_autoptr(Map) map = map_open(spec, &error);
    if (error != NULL)
        g_assert_true(error->domain == MAP_ERROR && g_utf8_validate(error->message, -1, NULL));
    for (unsigned i = 0; map != NULL && i < map_count(map); i++)
        if (g_str_has_prefix(map_spec(map_part(map, i)), type))
            check_key(map_part(map, i), keys[0], NULL, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[FUZZ_FILE_PATH_MAX];
    const int fd = fuzz_file(data, size, path);
    g_autofree char *text = g_strndup((const char *)data, size);
    check_table("cidr", path, text, size);
    check_table("pcre", path, text, size);
    close(fd);
    /* Within braces alone: no other table of the list, which might be a file. */
    if (strchr(text, ':') == NULL) {
        check_inline("cidr", text);
        check_inline("pcre", text);
    }
    return 0;
}
