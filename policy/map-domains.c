/* SPDX-License-Identifier: MIT */
#include "policy/map-domains.h"
#include "lib/text.h"
#include "policy/map-file.h"
#include "policy/map-private.h"
#include <string.h>

/* Largest file of domains, in bytes; most words of a list; deepest nesting of files. */
#define FILE_MAX (1024 * 1024)
#define WORDS_MAX 100000
#define DEPTH_MAX 10
#define SHOWN_MAX 100

typedef struct {
    bool negated;
    char *name; /* folded; or NULL */
    Map *table; /* or NULL */
} Word;

typedef struct {
    char *path, *read_as;
} File;

struct MapDomains {
    GPtrArray *words; /* of Word */
    GPtrArray *files; /* of File: what was read */
};

static void word_free(gpointer data)
{
    Word *word = data;
    g_free(word->name);
    map_close(word->table);
    g_free(word);
}

static void file_free(gpointer data)
{
    File *file = data;
    g_free(file->path);
    g_free(file->read_as);
    g_free(file);
}

static bool wrong(const char *word, const char *why, GError **error)
{
    g_autofree char *shown = text_printable(word, -1, SHOWN_MAX);
    g_set_error(error, MAP_ERROR, MAP_ERROR_SYNTAX, "\"%s\" in domain %s", shown, why);
    return false;
}

/* --- reading --- */

/* Where words come from. */
typedef struct {
    MapDomains *domains;
    bool negated; /* a "!" before a file is one before each of its words */
    unsigned depth;
    GError **error;
    bool failed;
} Source;

static bool add_words(const Source *source, const char *list, GError **error);

static void add_line(gpointer data, const GString *text, unsigned line)
{
    Source *source = data;
    const char *problem = map_line_problem(text);
    if (source->failed)
        return;
    if (problem != NULL) {
        g_set_error(source->error, MAP_ERROR, MAP_ERROR_SYNTAX, "line %u can't be used: %s", line,
                    problem);
        source->failed = true;
    } else {
        source->failed = !add_words(source, text->str, source->error);
    }
}

static bool add_file(const Source *from, const char *path, bool negated, GError **error)
{
    g_autoptr(GError) why = NULL;
    Source source = {from->domains, negated, from->depth + 1, &why, false};
    gsize size = 0;
    if (from->depth == DEPTH_MAX)
        return wrong(path, "is a file within too many others", error);
    File *file = g_new0(File, 1);
    g_ptr_array_add(from->domains->files, file);
    file->path = g_strdup(path);
    file->read_as = map_file_fingerprint(path);
    g_autofree char *text = map_file_read(path, FILE_MAX, &size, NULL, error);
    if (text == NULL)
        return false;
    map_file_lines(text, size, add_line, &source);
    if (!source.failed)
        return true;
    g_propagate_prefixed_error(error, g_steal_pointer(&why), "File %s in domain: ", path);
    return false;
}

/* One that others answer could ask itself. */
static Map *open_table(const char *spec, GError **error)
{
    g_autoptr(Map) table = map_open(spec, error);
    if (table == NULL)
        return NULL;
    if (!map_is_remote(table))
        return g_steal_pointer(&table);
    wrong(spec,
          "is a table that somebody else answers, which can't say for which domains another "
          "one is to be asked",
          error);
    return NULL;
}

static bool add_word(const Source *source, const char *text, GError **error)
{
    bool negated = source->negated;
    for (; *text == '!'; text++)
        negated = !negated;
    if (*text == '/')
        return add_file(source, text, negated, error);
    if (*text == '\0')
        return wrong("!", "has nothing behind it", error);
    if (source->domains->words->len == WORDS_MAX)
        return wrong(text, "is one domain too many", error);
    Word *word = g_new0(Word, 1);
    g_ptr_array_add(source->domains->words, word);
    word->negated = negated;
    if (*text != '[' && strchr(text, ':') != NULL)
        word->table = open_table(text, error);
    else
        word->name = map_fold(text);
    return word->table != NULL || word->name != NULL;
}

static bool add_words(const Source *source, const char *list, GError **error)
{
    const char *rest = list;
    for (;;) {
        g_autofree char *word = map_next_word(&rest);
        if (word == NULL)
            return true;
        if (!add_word(source, word, error))
            return false;
    }
}

MapDomains *map_domains_new(const char *list, GError **error)
{
    g_autoptr(MapDomains) domains = g_new0(MapDomains, 1);
    domains->words = g_ptr_array_new_with_free_func(word_free);
    domains->files = g_ptr_array_new_with_free_func(file_free);
    const Source source = {.domains = domains};
    return add_words(&source, list, error) ? g_steal_pointer(&domains) : NULL;
}

/* --- asking --- */

static Answer fits(const Word *word, const char *folded, GError **error)
{
    g_autofree char *value = NULL;
    if (word->table != NULL)
        return map_lookup(word->table, folded, &value, error);
    return g_str_equal(word->name, folded) ? ANSWER_YES : ANSWER_NO;
}

Answer map_domains_have(const MapDomains *domains, const char *domain, GError **error)
{
    g_autofree char *folded = map_fold(domain);
    for (guint i = 0; i < domains->words->len; i++) {
        const Word *word = g_ptr_array_index(domains->words, i);
        Answer answer = fits(word, folded, error);
        if (answer == ANSWER_YES)
            return word->negated ? ANSWER_NO : ANSWER_YES;
        if (answer == ANSWER_UNKNOWN)
            return answer;
    }
    return ANSWER_NO;
}

void map_domains_fingerprint(const MapDomains *domains, bool now, GString *text)
{
    for (guint i = 0; i < domains->files->len; i++) {
        const File *file = g_ptr_array_index(domains->files, i);
        g_autofree char *found = now ? map_file_fingerprint(file->path) : g_strdup(file->read_as);
        g_string_append(text, found);
    }
    for (guint i = 0; i < domains->words->len; i++) {
        const Word *word = g_ptr_array_index(domains->words, i);
        g_autofree char *found = word->table != NULL ? map_fingerprint(word->table, now) : NULL;
        g_string_append(text, found != NULL ? found : "");
    }
}

void map_domains_free(MapDomains *domains)
{
    if (domains == NULL)
        return;
    g_ptr_array_unref(domains->words);
    g_ptr_array_unref(domains->files);
    g_free(domains);
}
