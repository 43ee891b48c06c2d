/* SPDX-License-Identifier: MIT */
#include "policy/map-cf.h"
#include "policy/map-ldap.h"
#include "policy/map.h"

#include <stdint.h>
#include <string.h>

/* Any bytes as the file of an ldap table: settings that keep to their limits, or a sentence that
 * repeats nothing of the password. What a key becomes in a filter or a name has no more signs of
 * these than with a plain key of the same form. The first line is a key, too. Seeds:
 * test-fixtures/ldap. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Passwords that are shorter may stand in any sentence by chance. */
#define SECRET_MIN 8

static void check_words(const GError *error, GPtrArray *lines)
{
    g_assert_true(error->domain == MAP_ERROR && g_utf8_validate(error->message, -1, NULL));
    for (guint i = 0; lines != NULL && i < lines->len; i++) {
        const MapCfSetting *setting = g_ptr_array_index(lines, i);
        if (g_str_equal(setting->name, "bind_pw") && strlen(setting->value) >= SECRET_MIN)
            g_assert_null(strstr(error->message, setting->value));
    }
}

/* Signs of text that no '\' stands before. */
static unsigned count(const char *text, const char *signs)
{
    unsigned found = 0;
    for (; *text != '\0'; text++) {
        if (*text == '\\' && text[1] != '\0')
            text++;
        else if (strchr(signs, *text) != NULL)
            found++;
    }
    return found;
}

/* The same form, with letters in the place of all else. */
static char *plain_key(const char *key)
{
    char *plain = g_strdup(key);
    const char *at = strrchr(key, '@');
    for (char *p = plain; *p != '\0'; p++) {
        const char *here = key + (p - plain);
        if (here != at && !(at != NULL && here > at && *p == '.'))
            *p = 'a';
    }
    return plain;
}

static void check_place(const MapLdapSettings *settings, const char *template, const char *signs,
                        char *(*escape)(const char *text), const char *key)
{
    g_autofree char *plain = plain_key(key);
    g_autoptr(GString) hostile = g_string_new(NULL), harmless = g_string_new(NULL);
    const bool expanded =
        map_template_expand(template, &settings->needs, key, NULL, escape, hostile);
    g_assert_true(expanded || hostile->len == 0);
    if (!expanded ||
        !map_template_expand(template, &settings->needs, plain, NULL, escape, harmless))
        return;
    if (hostile->len > MAP_TEMPLATE_TEXT_MAX || harmless->len > MAP_TEMPLATE_TEXT_MAX)
        return;
    /* A '\' of the template itself would hide what is behind it. */
    if (strchr(template, '\\') == NULL)
        g_assert_cmpuint(count(hostile->str, signs), ==, count(harmless->str, signs));
}

static void check_settings(const MapLdapSettings *settings, const char *key)
{
    g_autoptr(GString) result = g_string_new(NULL);
    const unsigned length = g_strv_length(settings->attributes);
    g_assert_true(length > 0 && settings->terminal_end <= settings->leaf_end &&
                  settings->leaf_end <= settings->ordinary_end && settings->ordinary_end <= length);
    g_assert_true(settings->timeout >= 1 && settings->timeout <= MAP_LDAP_SECONDS_MAX);
    g_assert_cmpuint(settings->directory.connect_seconds, <=, settings->timeout);
    g_assert_true(*settings->search_base != '\0' && settings->needs.labels <= 9);
    g_assert_true(settings->directory.anonymous || settings->directory.bind_dn == NULL ||
                  settings->directory.bind_password != NULL);
    check_place(settings, settings->query_filter, "()*", directory_escape_filter, key);
    check_place(settings, settings->search_base, ",+;<>\"", directory_escape_dn, key);
    map_template_expand(settings->result_format, &settings->needs, key, key, NULL, result);
}

static void check_domains(const char *list)
{
    g_autoptr(GError) error = NULL;
    if (strpbrk(list, "/:") != NULL) /* no file of this machine */
        return;
    g_autoptr(MapDomains) domains = map_domains_new(list, &error);
    g_assert_true((domains == NULL) == (error != NULL));
    if (error != NULL)
        check_words(error, NULL);
    else
        g_assert_cmpint(map_domains_have(domains, "x.example", &error), !=, ANSWER_UNKNOWN);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    const char *end = memchr(text, '\n', size);
    g_autofree char *key = g_strndup(text, end != NULL ? (gsize)(end - text) : MIN(size, 100));
    g_autofree char *whole = g_strndup(text, size);
    g_autoptr(GError) error = NULL, unread = NULL;
    if (end != NULL) {
        size -= (gsize)(end + 1 - text);
        text = end + 1;
    }
    check_domains(whole);
    if (strstr(whole, "domain") != NULL)
        return 0;
    g_autoptr(GPtrArray) lines = map_cf_parse(text, size, &unread);
    g_assert_true((lines == NULL) == (unread != NULL));
    g_autoptr(MapLdapSettings) settings = map_ldap_settings_new(text, size, false, &error);
    g_assert_true((settings == NULL) == (error != NULL));
    if (error != NULL)
        check_words(error, lines);
    else if (g_utf8_validate(key, -1, NULL))
        check_settings(settings, key);
    return 0;
}
