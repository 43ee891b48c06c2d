/* SPDX-License-Identifier: MIT */
#include "cli/verb.h"

#include "lib/show.h"

#include <string.h>
#include <sysexits.h>

/* What stands behind a verb. Columns are options: by the names that the help tells, or as a
 * headline may write them, so that hyphens do not matter. */

/* Options of a verb beside its columns. */
#define OWN_OPTIONS 9

void verb_options_clear(VerbOptions *options)
{
    g_free(options->as);
    g_free(options->reference);
    g_free(options->password_file);
    for (unsigned i = 0; i < FIELD_COUNT; i++)
        g_strfreev(options->cell[i]);
    g_clear_pointer(&options->spelt, g_ptr_array_unref);
}

static gsize add_own(const Verb *verb, VerbOptions *options, GOptionEntry *entries)
{
    const GOptionEntry shown[] = {
        {"csv", 0, 0, G_OPTION_ARG_NONE, &options->csv, NULL, NULL},
        {"json", 'j', 0, G_OPTION_ARG_NONE, &options->json, NULL, NULL},
    };
    const GOptionEntry common[] = {
        {"as", 0, 0, G_OPTION_ARG_STRING, &options->as, NULL, NULL},
        {"reference", 0, 0, G_OPTION_ARG_STRING, &options->reference, NULL, NULL},
        {"no-wait", 0, 0, G_OPTION_ARG_NONE, &options->no_wait, NULL, NULL},
        {"check", 0, 0, G_OPTION_ARG_NONE, &options->check, NULL, NULL},
    };
    const GOptionEntry secret[] = {
        {"password", 0, 0, G_OPTION_ARG_NONE, &options->password, NULL, NULL},
        {"password-fd", 0, 0, G_OPTION_ARG_INT, &options->password_fd, NULL, NULL},
        {"password-file", 0, 0, G_OPTION_ARG_FILENAME, &options->password_file, NULL, NULL},
    };
    gsize count = 0;

    G_STATIC_ASSERT(OWN_OPTIONS >=
                    G_N_ELEMENTS(shown) + G_N_ELEMENTS(common) + G_N_ELEMENTS(secret));
    for (gsize i = 0; verb->show && i < G_N_ELEMENTS(shown); i++)
        entries[count++] = shown[i];
    for (gsize i = 0; !verb->show && i < G_N_ELEMENTS(common); i++)
        entries[count++] = common[i];
    for (gsize i = 0; verb_takes(verb, FIELD_PASSWORD) && i < G_N_ELEMENTS(secret); i++)
        entries[count++] = secret[i];
    return count;
}

/* The entry of a word's name (length bytes behind its hyphens), or NULL. */
static const GOptionEntry *find_entry(const GOptionEntry *entries, const char *name, gsize length)
{
    for (; entries->long_name != NULL; entries++)
        if (strlen(entries->long_name) == length && strncmp(entries->long_name, name, length) == 0)
            return entries;
    return NULL;
}

/* Brings a column's name in a word to the spelling of the help, in a copy that goes to spelt. Where
 * it is none that the verb takes, *code is set; nothing that may be a password is repeated. */
static void spell(const Verb *verb, const GOptionEntry *entries, GPtrArray *spelt, char **word,
                  int *code)
{
    const char *name = *word + 2;
    const gsize length = strcspn(name, "=");
    g_autofree char *own = g_strndup(name, length);
    g_autofree char *usage = verb_usage(verb);
    Field field;

    if (!field_find(own, &field) || field_is_mandatory(field)) {
        const char *nearest = field_nearest(own);
        if (find_entry(entries, name, length) == NULL && nearest != NULL &&
            field_find(nearest, &field) && verb_takes(verb, field)) {
            g_autofree char *meant = verb_option(field);
            *code = cli_fault(EX_USAGE, "there is no --%s; did you mean --%s?", own, meant);
        }
    } else if (field_is_secret(field) && name[length] == '=') {
        *code = cli_fault(EX_USAGE,
                          "a password does not stand on the command line, where others can read "
                          "it: give --password-fd, --password-file or --password alone");
    } else if (!verb_takes(verb, field)) {
        *code = cli_fault(EX_USAGE, "--%s can't be given here; usage: %s", own, usage);
    } else if (!field_is_secret(field)) {
        g_autofree char *option = verb_option(field);
        *word = g_strconcat("--", option, name + length, NULL);
        g_ptr_array_add(spelt, *word);
    }
}

/* All of them, up to "--"; the values between them stay as they are. */
static void spell_all(const Verb *verb, const GOptionEntry *entries, GPtrArray *spelt, char **words,
                      int *code)
{
    for (; *words != NULL && strcmp(*words, "--") != 0 && *code == 0; words++) {
        const GOptionEntry *entry;
        if (!g_str_has_prefix(*words, "--"))
            continue;
        spell(verb, entries, spelt, words, code);
        entry = find_entry(entries, *words + 2, strlen(*words + 2));
        if (entry != NULL && entry->arg != G_OPTION_ARG_NONE && words[1] != NULL)
            words++;
    }
}

static bool check_single(const VerbOptions *options, int *code)
{
    for (Field field = 0; field < FIELD_COUNT; field++) {
        g_autofree char *option = verb_option(field);
        if (options->cell[field] == NULL || g_strv_length(options->cell[field]) < 2 ||
            show_takes_several(field))
            continue;
        *code = cli_fault(EX_USAGE, "--%s can be given once", option);
        return false;
    }
    return true;
}

bool verb_parse(const Verb *verb, int *argc, char ***argv, VerbOptions *options, int *code)
{
    GOptionEntry entries[OWN_OPTIONS + FIELD_COUNT + 1] = {G_OPTION_ENTRY_NULL};
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *usage = verb_usage(verb);
    g_autofree char *help = verb_help(verb);
    gsize count = add_own(verb, options, entries);

    for (Field field = 0; field < FIELD_COUNT; field++) {
        if (field_is_secret(field) || !verb_takes(verb, field))
            continue;
        g_ptr_array_add(names, verb_option(field));
        entries[count++] =
            (GOptionEntry){names->pdata[names->len - 1], 0,    0,   G_OPTION_ARG_STRING_ARRAY,
                           &options->cell[field],        NULL, NULL};
    }
    entries[count] = (GOptionEntry)G_OPTION_ENTRY_NULL;
    *code = 0;
    options->spelt = g_ptr_array_new_with_free_func(g_free);
    spell_all(verb, entries, options->spelt, *argv + 1, code);
    return *code == 0 && cli_options(argc, argv, usage, help, entries, code) &&
           check_single(options, code);
}
