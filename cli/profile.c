/* SPDX-License-Identifier: MIT */
#include "cli/cli.h"

#include "lib/profile.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

/* What profiles can express, as they say themselves. */

/* The names of the shipped ones, in the table's order. */
static const char *const shipped[] = {"default",      "inetlocal",    "iredmail",
                                      "open-xchange", "postfix-book", "qmail-ldap"};
/* Any suffix will do: no directory is asked. */
#define BASE "dc=example,dc=org"
#define NAME_WIDTH 26
#define CELL_WIDTH 17

static bool load_all(const char *folder, GPtrArray *profiles, int *code)
{
    for (gsize i = 0; i < G_N_ELEMENTS(shipped); i++) {
        g_autofree char *file = g_strconcat(shipped[i], ".conf", NULL);
        g_autofree char *path = g_build_filename(folder, file, NULL);
        g_autoptr(GError) error = NULL;
        Profile *profile = profile_load(path, BASE, &error);
        if (profile == NULL) {
            *code = cli_fault(EX_CONFIG, "%s", error->message);
            return false;
        }
        g_ptr_array_add(profiles, profile);
    }
    return true;
}

/* "yes", "no", or the letters of the actions that it has, where it has not all. */
static char *cell_of_type(const Profile *profile, ObjectType type)
{
    GString *text = g_string_new(NULL);
    bool all = true;
    for (Action action = 0; action < ACTION_COUNT; action++) {
        if (!type_does(type, action))
            continue;
        if (!profile_has_action(profile, type, action)) {
            all = false;
            continue;
        }
        g_string_append_printf(text, "%s%s", text->len > 0 ? " " : "", action_name(action));
    }
    if (all || text->len == 0)
        g_string_assign(text, all ? "yes" : "no");
    return g_string_free(text, FALSE);
}

static void print_row(const char *name, const GPtrArray *cells)
{
    printf("| %-*s |", NAME_WIDTH, name);
    for (guint i = 0; i < cells->len; i++)
        printf(" %-*s |", CELL_WIDTH, (const char *)cells->pdata[i]);
    putchar('\n');
}

static void print_head(void)
{
    g_autoptr(GPtrArray) cells = g_ptr_array_new(), lines = g_ptr_array_new();
    for (gsize i = 0; i < G_N_ELEMENTS(shipped); i++) {
        g_ptr_array_add(cells, (gpointer)shipped[i]);
        g_ptr_array_add(lines, (gpointer) "------------");
    }
    print_row("", cells);
    print_row("--------------------------", lines);
}

static void print_type(const GPtrArray *profiles, ObjectType type)
{
    g_autoptr(GPtrArray) cells = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < profiles->len; i++)
        g_ptr_array_add(cells, cell_of_type(profiles->pdata[i], type));
    print_row(type_name(type), cells);
}

/* A column that a type takes; one that all profiles have a place for is not worth a line. */
static void print_column(const GPtrArray *profiles, ObjectType type, Field field)
{
    g_autoptr(GPtrArray) cells = g_ptr_array_new();
    g_autofree char *name = g_strdup_printf("%s %s", type_name(type), field_name(field));
    guint count = 0;
    for (guint i = 0; i < profiles->len; i++) {
        const bool takes = profile_takes(profiles->pdata[i], type, field);
        g_ptr_array_add(cells, (gpointer)(takes ? "yes" : "no"));
        count += takes;
    }
    if (count < profiles->len)
        print_row(name, cells);
}

static int print_table(const char *folder)
{
    g_autoptr(GPtrArray) profiles = g_ptr_array_new_with_free_func((GDestroyNotify)profile_free);
    int code = 0;
    if (!load_all(folder, profiles, &code))
        return code;
    print_head();
    for (ObjectType type = 0; type < TYPE_COUNT; type++)
        print_type(profiles, type);
    for (Field field = FIELD_PASSWORD; field <= FIELD_VALUE_LAST; field++)
        if (type_takes(TYPE_FULL, ACTION_ADD, field))
            print_column(profiles, TYPE_FULL, field);
    return 0;
}

int cli_profile(const CliPlace *place, int argc, char **argv)
{
    gboolean table = FALSE;
    g_autofree char *folder = NULL;
    const GOptionEntry entries[] = {
        {"table", 0, 0, G_OPTION_ARG_NONE, &table, NULL, NULL},
        {"folder", 0, 0, G_OPTION_ARG_FILENAME, &folder, NULL, NULL},
        G_OPTION_ENTRY_NULL,
    };
    static const char usage[] = "batchload profile --table";
    int code = 0;

    (void)place;
    if (!cli_options(
            &argc, &argv, usage,
            "Prints what the profiles that are shipped can express: for each type whether\n"
            "they have it (or with which actions), and for the columns of FULL those that\n"
            "not all of them have.\n\n"
            "      --table       that\n"
            "      --folder=DIR  of the profiles in this folder\n"
            "  -h, --help        print this\n",
            entries, &code))
        return code;
    if (!table || argc > 1)
        return cli_fault(EX_USAGE, "profile takes --table; usage: %s", usage);
    return print_table(folder != NULL ? folder : PKGDATADIR "/policy/profiles");
}
