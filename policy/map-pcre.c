/* SPDX-License-Identifier: MIT */
#include "policy/map-file.h"
#include "policy/map-private.h"
#include "policy/map-rules.h"
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <string.h>
#include <time.h>

/* pcre_table(5): "/pattern/flags value", with any character for "/". Letter case does not matter
 * and
 * "." is any character, unless a flag says otherwise. In the value $1, ${1} or $(1) is what the
 * first group matched, "$$" is a "$". A pattern that is not done within the limits is "could not
 * tell": neither is it passed over, nor can it hold up who asks. */

/* Most rules of a table. */
#define PCRE_RULES_MAX 10000
/* Most bytes that the compiled patterns of a table take. */
#define PCRE_PATTERNS_MAX (64 * 1024 * 1024)
/* Longest key and value, in bytes. */
#define PCRE_KEY_MAX 4096
#define PCRE_VALUE_MAX (64 * 1024)
/* Most steps back that one pattern may take for a key, the memory for them in KiB, and the
 * processor time of a whole look-up in milliseconds, which is looked at between patterns. */
#define PCRE_STEPS_MAX 1000000
#define PCRE_HEAP_MAX (16 * 1024)
#define PCRE_TIME_MAX 1000

/* A part of a value. */
typedef struct {
    char *text;     /* NULL: a group's */
    unsigned group; /* from 1 on */
} Piece;

typedef struct {
    pcre2_code *code;
    GArray *pieces; /* of Piece; of a match */
} Pattern;

typedef struct {
    MapRules *rules;
    pcre2_match_context *limits;
    unsigned groups; /* most that a pattern has */
} Pcre;

static void pattern_free(gpointer data)
{
    Pattern *pattern = data;
    pcre2_code_free(pattern->code);
    g_array_unref(pattern->pieces);
    g_free(pattern);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Pattern, pattern_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(pcre2_match_data, pcre2_match_data_free)

static void piece_clear(gpointer data)
{
    Piece *piece = data;
    g_free(piece->text);
}

static bool broken(MapRule *rule, const char *problem)
{
    g_free(rule->problem);
    rule->problem = g_strdup(problem);
    return false;
}

/* --- a value with $1 in it --- */

/* The name behind a "$", which *text stands at; moves it on. NULL: none, or its bracket is not
 * closed. Caller owns it. */
static char *read_name(const char **text)
{
    const char *start = *text + 1, *end = start;
    unsigned depth = 0;
    char open = *start, close = open == '{' ? '}' : ')';
    if (open != '{' && open != '(') {
        while (g_ascii_isalnum(*end) || *end == '_')
            end++;
        *text = end;
        return end > start ? g_strndup(start, (gsize)(end - start)) : NULL;
    }
    do {
        if (*end == open)
            depth++;
        else if (*end == close)
            depth--;
        else if (*end == '\0')
            return NULL;
        end++;
    } while (depth > 0);
    *text = end;
    return end - start > 2 ? g_strndup(start + 1, (gsize)(end - start - 2)) : NULL;
}

static bool add_group(MapRule *rule, Pattern *pattern, const char **text, unsigned groups)
{
    g_autofree char *name = read_name(text);
    guint64 group = 0;
    if (name == NULL)
        return broken(rule, "a $ in its value has no number or no end; write $$ for a $");
    if (!g_ascii_string_to_unsigned(name, 10, 0, G_MAXUINT64, &group, NULL))
        return broken(rule, "what stands behind a $ in its value is no number; write $$ for a $");
    if (group == 0 || group > groups)
        return broken(rule, "a number behind $ in its value is that of no group of the pattern");
    if (rule->negated)
        return broken(rule, "behind ! the pattern has matched nothing that $ could stand for");
    Piece piece = {NULL, (unsigned)group};
    g_array_append_val(pattern->pieces, piece);
    rule->varies = true;
    return true;
}

static void add_text(Pattern *pattern, GString *text)
{
    Piece piece = {g_strndup(text->str, text->len), 0};
    g_array_append_val(pattern->pieces, piece);
    g_string_truncate(text, 0);
}

static bool read_value(MapRule *rule, Pattern *pattern, const char *text, unsigned groups)
{
    g_autoptr(GString) plain = g_string_new(NULL);
    const char *value = text;
    while (*text != '\0') {
        if (*text != '$' || text[1] == '$') {
            g_string_append_c(plain, *text);
            text += *text == '$' ? 2 : 1;
            continue;
        }
        add_text(pattern, plain);
        if (!add_group(rule, pattern, &text, groups))
            return false;
    }
    rule->value = g_strdup(rule->varies ? value : plain->str);
    add_text(pattern, plain);
    if (*value == '\0')
        rule->problem = g_strdup("it has a pattern and no value");
    return true;
}

/* --- reading --- */

/* Ends the pattern, which *text stands at, at its delimiter, and moves on to what is behind; NULL
 * where it has no end. */
static char *read_pattern(char **text)
{
    char delimiter = **text, *start = *text + 1, *end = start;
    for (; *end != '\0' && (*end == '\\' || *end != delimiter); end++)
        if (*end == '\\' && end[1] != '\0')
            end++;
    if (*end == '\0')
        return NULL;
    *end = '\0';
    *text = end + 1;
    return start;
}

/* Each letter switches over what it stands for. */
static bool read_flags(MapRule *rule, char **text, uint32_t *options)
{
    static const struct {
        char letter;
        uint32_t option;
    } flags[] = {
        {'i', PCRE2_CASELESS}, {'m', PCRE2_MULTILINE},
        {'s', PCRE2_DOTALL},   {'x', PCRE2_EXTENDED},
        {'A', PCRE2_ANCHORED}, {'E', PCRE2_DOLLAR_ENDONLY},
        {'U', PCRE2_UNGREEDY}, {'X', 0}, /* of the library before PCRE2 */
    };
    for (; **text != '\0' && !map_is_space(**text); (*text)++) {
        gsize i = 0;
        while (i < G_N_ELEMENTS(flags) && flags[i].letter != **text)
            i++;
        if (i == G_N_ELEMENTS(flags))
            return broken(rule, "a letter behind the pattern is none of the flags imsxAEUX");
        *options ^= flags[i].option;
    }
    return true;
}

static bool compile(MapRule *rule, Pattern *pattern, const char *text, uint32_t options)
{
    int code = 0;
    PCRE2_SIZE offset = 0;
    PCRE2_UCHAR why[200] = "";
    pattern->code =
        pcre2_compile((PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED, options, &code, &offset, NULL);
    if (pattern->code != NULL)
        return true;
    pcre2_get_error_message(code, why, sizeof why);
    rule->problem = g_strdup_printf("the pattern is wrong at its character %" G_GSIZE_FORMAT ": %s",
                                    (gsize)offset + 1, (const char *)why);
    return false;
}

static unsigned count_groups(const Pattern *pattern)
{
    uint32_t groups = 0;
    pcre2_pattern_info(pattern->code, PCRE2_INFO_CAPTURECOUNT, &groups);
    return groups;
}

static gsize parse_rule(MapRule *rule, char *text)
{
    /* \C may end within a letter, which the library does not promise to survive. */
    uint32_t options = PCRE2_CASELESS | PCRE2_DOTALL | PCRE2_NEVER_BACKSLASH_C;
    g_autoptr(Pattern) pattern = g_new0(Pattern, 1);
    size_t size = 0;
    pattern->pieces = g_array_new(FALSE, FALSE, sizeof(Piece));
    g_array_set_clear_func(pattern->pieces, piece_clear);
    const char *source = read_pattern(&text);
    if (source == NULL)
        return broken(rule, "the pattern does not end with the character that it begins with");
    if (!read_flags(rule, &text, &options) || !compile(rule, pattern, source, options))
        return 0;
    text = map_skip_spaces(text);
    if (rule->kind == MAP_RULE_IF && *text != '\0')
        rule->problem = g_strdup("there is text behind the pattern of if");
    if (rule->kind == MAP_RULE_MATCH && !read_value(rule, pattern, text, count_groups(pattern)))
        return 0;
    pcre2_pattern_info(pattern->code, PCRE2_INFO_SIZE, &size);
    rule->pattern = g_steal_pointer(&pattern);
    return size;
}

static const MapRulesType rules_type = {
    .type = "pcre",
    .rules_max = PCRE_RULES_MAX,
    .patterns_max = PCRE_PATTERNS_MAX,
    .delimited = true,
    .lenient = true,
    .parse = parse_rule,
    .free = pattern_free,
};

static gpointer pcre_open(const char *name, GError **error)
{
    MapRules *rules = map_rules_open(&rules_type, name, error);
    if (rules == NULL)
        return NULL;
    Pcre *table = g_new0(Pcre, 1);
    table->rules = rules;
    table->limits = pcre2_match_context_create(NULL);
    pcre2_set_match_limit(table->limits, PCRE_STEPS_MAX);
    pcre2_set_heap_limit(table->limits, PCRE_HEAP_MAX);
    for (unsigned i = 0; i < map_rules_count(rules); i++) {
        const MapRule *rule = map_rules_get(rules, i);
        if (rule->pattern != NULL)
            table->groups = MAX(table->groups, count_groups(rule->pattern));
    }
    return table;
}

static void pcre_close(gpointer handle)
{
    Pcre *table = handle;
    pcre2_match_context_free(table->limits);
    map_rules_close(table->rules);
    g_free(table);
}

/* --- asking --- */

typedef struct {
    const Pcre *table;
    const char *key;
    pcre2_match_data *data;
    gint64 begin; /* processor time of this thread, in milliseconds */
} Asking;

static gint64 processor_time(void)
{
    struct timespec time = {0};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (gint64)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

static Answer cannot_tell(const Asking *asking, const MapRule *rule, const char *why,
                          GError **error)
{
    g_set_error(error, MAP_ERROR, MAP_ERROR_FAILED,
                "The table %s can't tell whether the pattern of its line %u matches: %s.",
                map_rules_name(asking->table->rules), rule->line, why);
    return ANSWER_UNKNOWN;
}

static Answer match(gpointer data, const MapRule *rule, GError **error)
{
    const Asking *asking = data;
    const Pattern *pattern = rule->pattern;
    if (processor_time() - asking->begin > PCRE_TIME_MAX)
        return cannot_tell(asking, rule, "those before it have taken too long", error);
    int code = pcre2_match(pattern->code, (PCRE2_SPTR)asking->key, strlen(asking->key), 0, 0,
                           asking->data, asking->table->limits);
    if (code > 0 || code == PCRE2_ERROR_NOMATCH)
        return (code > 0) != rule->negated ? ANSWER_YES : ANSWER_NO;
    PCRE2_UCHAR why[200] = "";
    pcre2_get_error_message(code, why, sizeof why);
    return cannot_tell(asking, rule, (const char *)why, error);
}

/* The value, with what the groups have matched; a group that took no part is nothing. */
static Answer expand(const Asking *asking, const MapRule *rule, char **value, GError **error)
{
    const Pattern *pattern = rule->pattern;
    const PCRE2_SIZE *place = pcre2_get_ovector_pointer(asking->data);
    g_autoptr(GString) text = g_string_new(NULL);
    for (guint i = 0; i < pattern->pieces->len && text->len <= PCRE_VALUE_MAX; i++) {
        const Piece *piece = &g_array_index(pattern->pieces, Piece, i);
        PCRE2_SIZE start = place[2 * piece->group], end = place[2 * piece->group + 1];
        if (piece->text != NULL)
            g_string_append(text, piece->text);
        else if (start != PCRE2_UNSET && end > start)
            g_string_append_len(text, asking->key + start, (gssize)(end - start));
    }
    if (text->len > PCRE_VALUE_MAX) {
        g_set_error(error, MAP_ERROR, MAP_ERROR_FAILED,
                    "The table %s can't tell: the value of its line %u gets longer than %d bytes.",
                    map_rules_name(asking->table->rules), rule->line, PCRE_VALUE_MAX);
        return ANSWER_UNKNOWN;
    }
    *value = g_string_free(g_steal_pointer(&text), FALSE);
    return ANSWER_YES;
}

static Answer pcre_lookup(gpointer handle, const char *key, char **value, GError **error)
{
    const Pcre *table = handle;
    if (strlen(key) > PCRE_KEY_MAX) {
        g_set_error(error, MAP_ERROR, MAP_ERROR_FAILED,
                    "The table %s can't be asked for keys of more than %d bytes.",
                    map_rules_name(table->rules), PCRE_KEY_MAX);
        return ANSWER_UNKNOWN;
    }
    g_autoptr(pcre2_match_data) data = pcre2_match_data_create(table->groups + 1, NULL);
    Asking asking = {table, key, data, processor_time()};
    const MapRule *rule = NULL;
    Answer answer = map_rules_find(table->rules, match, &asking, &rule, error);
    return answer == ANSWER_YES ? expand(&asking, rule, value, error) : answer;
}

static Answer pcre_values(gpointer handle, MapValueFunc each, gpointer data, GError **error)
{
    const Pcre *table = handle;
    return map_rules_values(table->rules, each, data, error);
}

static void pcre_fingerprint(gpointer handle, bool now, GString *text)
{
    const Pcre *table = handle;
    map_rules_fingerprint(table->rules, now, text);
}

const MapType map_pcre = {
    .type = "pcre",
    .open = pcre_open,
    .lookup = pcre_lookup,
    .values = pcre_values,
    .close = pcre_close,
    .fingerprint = pcre_fingerprint,
    .patterns = true,
};
