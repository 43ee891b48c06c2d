/* SPDX-License-Identifier: MIT */
#include "policy/map-rules.h"
#include "lib/text.h"
#include "policy/map-file.h"
#include "policy/map-private.h"
#include <string.h>

/* Most bytes of a name that an error repeats. */
#define SHOWN_MAX 100

struct MapRules {
    const MapRulesType *type;
    GArray *rules;  /* of MapRule */
    GArray *open;   /* of unsigned: the ifs without their endif yet; only while it is read */
    gsize bytes;    /* that patterns take */
    GError *failed; /* why the table can't be asked, or NULL */
    char *name;
    char *read_as; /* fingerprint before it was read; NULL: no file */
};

/* --- reading --- */

/* The table as a whole can't be used. */
G_GNUC_PRINTF(3, 4)
static void fail(MapRules *rules, unsigned line, const char *format, ...)
{
    if (rules->failed != NULL)
        return;
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *what = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_set_error(&rules->failed, MAP_ERROR, MAP_ERROR_FAILED,
                "The table %s can't be used: its line %u %s.", rules->name, line, what);
}

/* Whether the line begins with this word, alone. */
static bool is_word(const char *text, const char *word)
{
    gsize length = strlen(word);
    return g_ascii_strncasecmp(text, word, length) == 0 && !g_ascii_isalnum(text[length]);
}

/* Where the pattern begins, behind any "!" and white space. */
static char *read_negation(MapRule *rule, char *text)
{
    for (; *text == '!' || map_is_space(*text); text++)
        if (*text == '!')
            rule->negated = !rule->negated;
    return text;
}

static bool broken(MapRule *rule, const char *problem)
{
    rule->problem = g_strdup(problem);
    return false;
}

static bool read_endif(const MapRules *rules, MapRule *rule, char *rest)
{
    bool more = *map_skip_spaces(rest) != '\0';
    rule->kind = MAP_RULE_ENDIF;
    if (more)
        rule->problem = g_strdup("there is text behind endif");
    if (more && !rules->type->lenient)
        return false;
    if (rules->open->len > 0)
        return true;
    return more ? false : broken(rule, "there is no if for this endif");
}

static bool read_rule(MapRules *rules, MapRule *rule, char *text)
{
    if (is_word(text, "endif"))
        return read_endif(rules, rule, text + strlen("endif"));
    rule->kind = is_word(text, "if") ? MAP_RULE_IF : MAP_RULE_MATCH;
    if (rule->kind == MAP_RULE_IF)
        text += strlen("if");
    else if (rules->type->delimited && g_ascii_isalnum(*text))
        return broken(rule, "a pattern begins with a delimiter such as /");
    text = read_negation(rule, text);
    if (*text == '\0')
        return broken(rule, "it has no pattern");
    gsize bytes = rules->type->parse(rule, text);
    rules->bytes += bytes;
    if (rules->bytes > rules->type->patterns_max)
        fail(rules, rule->line,
             "is one pattern too many: those of a table may take %" G_GSIZE_FORMAT " bytes",
             rules->type->patterns_max);
    return bytes > 0;
}

/* Remembers an if, finds that of an endif. */
static void nest(MapRules *rules, const MapRule *rule)
{
    if (rule->kind == MAP_RULE_IF) {
        g_array_append_val(rules->open, rules->rules->len);
        if (rules->open->len > MAP_RULES_DEPTH_MAX)
            fail(rules, rule->line, "is an if within %d others", MAP_RULES_DEPTH_MAX);
    } else if (rule->kind == MAP_RULE_ENDIF) {
        unsigned start = g_array_index(rules->open, unsigned, rules->open->len - 1);
        g_array_index(rules->rules, MapRule, start).end = rules->rules->len;
        g_array_set_size(rules->open, rules->open->len - 1);
    }
}

static void add_rule(MapRules *rules, const GString *text, unsigned line)
{
    MapRule rule = {.line = line, .end = MAP_RULE_NO_END};
    const char *problem = map_line_problem(text);
    g_autofree char *copy = g_strndup(text->str, text->len);
    /* What is not UTF-8 can be used all the same: Postfix minds it in what is found only. */
    bool usable = memchr(text->str, '\0', text->len) == NULL && !map_is_space(text->str[0]) &&
                  read_rule(rules, &rule, map_strip(copy));
    if (rule.problem == NULL)
        rule.problem = g_strdup(problem);
    if (!usable)
        rule.kind = MAP_RULE_BROKEN;
    else
        nest(rules, &rule);
    g_array_append_val(rules->rules, rule);
}

static void take_line(gpointer data, const GString *text, unsigned line)
{
    MapRules *rules = data;
    if (rules->failed != NULL)
        return;
    if (text->len > MAP_RULE_MAX)
        fail(rules, line, "has more than %d bytes", MAP_RULE_MAX);
    else if (rules->rules->len == rules->type->rules_max)
        fail(rules, line, "is one rule more than the %u that a table may have",
             rules->type->rules_max);
    else
        add_rule(rules, text, line);
}

static void read_text(MapRules *rules, const char *text, gsize size)
{
    map_file_lines(text, size, take_line, rules);
    for (guint i = 0; i < rules->open->len; i++) {
        MapRule *rule =
            &g_array_index(rules->rules, MapRule, g_array_index(rules->open, unsigned, i));
        if (rule->problem == NULL)
            rule->problem = g_strdup("there is no endif for this if");
    }
}

/* "{ { rule }, { rule } }" as the lines of a file. Caller owns it. */
static char *inline_text(const char *name, GError **error)
{
    g_autofree char *all = map_unbrace(name, error);
    g_autoptr(GString) text = g_string_new(NULL);
    const char *rest = all;
    while (rest != NULL) {
        g_autofree char *word = map_next_word(&rest);
        if (word == NULL)
            return g_string_free(g_steal_pointer(&text), FALSE);
        g_autofree char *rule = map_unbrace(word, error);
        if (rule == NULL)
            break;
        g_string_append_printf(text, "%s\n", rule);
    }
    return NULL;
}

static void rule_clear(gpointer data)
{
    MapRule *rule = data;
    g_free(rule->value);
    g_free(rule->problem);
}

static MapRules *rules_new(const MapRulesType *type, const char *name)
{
    MapRules *rules = g_new0(MapRules, 1);
    rules->type = type;
    rules->name = text_printable(name, -1, SHOWN_MAX);
    rules->rules = g_array_new(FALSE, FALSE, sizeof(MapRule));
    g_array_set_clear_func(rules->rules, rule_clear);
    rules->open = g_array_new(FALSE, FALSE, sizeof(unsigned));
    return rules;
}

MapRules *map_rules_open(const MapRulesType *type, const char *name, GError **error)
{
    gsize size = 0;
    g_autofree char *text = *name == '{' ? inline_text(name, error) : NULL;
    if (*name == '{' ? text == NULL : !map_file_check_path(type->type, name, error))
        return NULL;
    MapRules *rules = rules_new(type, name);
    if (text == NULL) {
        g_free(rules->name);
        rules->name = g_strdup(name);
        rules->read_as = map_file_fingerprint(name);
        text = map_file_read(name, MAP_RULES_FILE_MAX, &size, NULL, &rules->failed);
    } else {
        size = strlen(text);
    }
    if (text != NULL)
        read_text(rules, text, size);
    return rules;
}

void map_rules_close(gpointer data)
{
    MapRules *rules = data;
    for (guint i = 0; i < rules->rules->len; i++) {
        MapRule *rule = &g_array_index(rules->rules, MapRule, i);
        if (rule->pattern != NULL)
            rules->type->free(rule->pattern);
    }
    g_array_unref(rules->rules);
    g_array_unref(rules->open);
    g_clear_error(&rules->failed);
    g_free(rules->name);
    g_free(rules->read_as);
    g_free(rules);
}

/* --- asking --- */

static bool usable(const MapRules *rules, GError **error)
{
    if (rules->failed == NULL)
        return true;
    g_propagate_error(error, g_error_copy(rules->failed));
    return false;
}

Answer map_rules_find(const MapRules *rules, MapRuleMatch match, gpointer data,
                      const MapRule **rule, GError **error)
{
    if (!usable(rules, error))
        return ANSWER_UNKNOWN;
    for (guint i = 0; i < rules->rules->len; i++) {
        const MapRule *each = map_rules_get(rules, i);
        if (each->kind != MAP_RULE_MATCH && each->kind != MAP_RULE_IF)
            continue;
        Answer answer = match(data, each, error);
        if (answer == ANSWER_UNKNOWN)
            return answer;
        if (each->kind == MAP_RULE_MATCH && answer == ANSWER_YES) {
            *rule = each;
            return answer;
        }
        if (each->kind == MAP_RULE_MATCH || answer == ANSWER_YES)
            continue;
        if (each->end == MAP_RULE_NO_END)
            break;
        i = each->end;
    }
    return ANSWER_NO;
}

Answer map_rules_values(gpointer handle, MapValueFunc each, gpointer data, GError **error)
{
    const MapRules *rules = handle;
    if (!usable(rules, error))
        return ANSWER_UNKNOWN;
    for (guint i = 0; i < rules->rules->len; i++) {
        const MapRule *rule = map_rules_get(rules, i);
        if (rule->problem != NULL) {
            g_set_error(error, MAP_ERROR, MAP_ERROR_SYNTAX, "Line %u can't be used: %s.",
                        rule->line, rule->problem);
            return ANSWER_UNKNOWN;
        }
        if (rule->kind == MAP_RULE_MATCH &&
            !each(data, rule->value, rule->varies, rule->line, error))
            return ANSWER_UNKNOWN;
    }
    return ANSWER_YES;
}

void map_rules_fingerprint(gpointer handle, bool now, GString *text)
{
    const MapRules *rules = handle;
    if (rules->read_as == NULL)
        return;
    g_autofree char *found = now ? map_file_fingerprint(rules->name) : g_strdup(rules->read_as);
    g_string_append(text, found);
}

const char *map_rules_name(const MapRules *rules)
{
    return rules->name;
}

const MapRule *map_rules_get(const MapRules *rules, unsigned index)
{
    return &g_array_index(rules->rules, MapRule, index);
}

unsigned map_rules_count(const MapRules *rules)
{
    return rules->rules->len;
}
