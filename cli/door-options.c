/* SPDX-License-Identifier: MIT */
#include "cli/door.h"

#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

/* Options of the doors' commands. Anybody on the machine can read a command line: a password that
 * stands there is taken out of it before anything else is done. */

static void option_free(DoorOption *option)
{
    g_free(option->name);
    g_free(option->given);
    secret_free(option->value);
    g_free(option);
}

static bool may_be_secret(const char *name)
{
    return strstr(name, "pass") != NULL && !g_str_has_suffix(name, "-fd");
}

/* The option that begins with the word, its value taken out of argv where nobody else may see it;
 * *words: how many of them it has. NULL: it is none. */
static DoorOption *take_option(char **argv, int *words)
{
    const gsize length = strcspn(argv[0], "=");
    char *value = argv[0][length] == '=' ? argv[0] + length + 1 : argv[1];
    DoorOption *option;

    if (length < 3 || strncmp(argv[0], "--", 2) != 0 || value == NULL)
        return NULL;
    option = g_new0(DoorOption, 1);
    option->given = g_strndup(argv[0] + 2, length - 2);
    option->name = g_ascii_strdown(option->given, -1);
    option->value = secret_dup(value);
    *words = argv[0][length] == '=' ? 1 : 2;
    if (may_be_secret(option->name))
        secret_wipe(value, strlen(value));
    return option;
}

const char *door_option(const GPtrArray *options, const char *name)
{
    for (guint i = 0; i < options->len; i++) {
        const DoorOption *option = options->pdata[i];
        if (strcmp(option->name, name) == 0)
            return option->value;
    }
    return NULL;
}

/* A name is repeated only where it looks like one. */
static bool is_name(const char *name)
{
    return *name != '\0' &&
           name[strspn(name, G_CSET_a_2_z G_CSET_A_2_Z G_CSET_DIGITS "-_.;@")] == '\0';
}

static int check_option(const GPtrArray *options, const DoorOption *option, int word)
{
    if (!is_name(option->given))
        return cli_fault(EX_USAGE, "word %d of the command line is no option --NAME=VALUE", word);
    if (door_option(options, option->name) != NULL)
        return cli_fault(EX_USAGE, "--%s is given twice", option->given);
    if (!g_utf8_validate(option->value, -1, NULL))
        return cli_fault(EX_DATAERR, "the value of --%s is not UTF-8", option->given);
    return 0;
}

GPtrArray *door_options(int argc, char **argv, int *code)
{
    g_autoptr(GPtrArray) taken = g_ptr_array_new();
    g_autoptr(GPtrArray) options = g_ptr_array_new_with_free_func((GDestroyNotify)option_free);
    int words = 1;

    *code = 0;
    /* First all of them, so that what is secret goes in any case. */
    for (int at = 1; at < argc; at += words) {
        words = 1;
        g_ptr_array_add(taken, take_option(argv + at, &words));
    }
    for (guint i = 0; i < taken->len; i++) {
        DoorOption *option = taken->pdata[i];
        if (option == NULL && *code == 0)
            *code = cli_fault(EX_USAGE,
                              "option %u of the command line is not of the form "
                              "--NAME=VALUE",
                              i + 1);
        if (option == NULL)
            continue;
        if (*code == 0)
            *code = check_option(options, option, (int)i + 1);
        g_ptr_array_add(options, option);
    }
    return *code == 0 ? g_steal_pointer(&options) : NULL;
}

/* --- passwords --- */

/* Nobody who looks at the process later finds it there. */
Secret *door_take_variable(const char *variable)
{
    char *value = getenv(variable);
    Secret *password = secret_dup(value);

    if (value != NULL) {
        secret_wipe(value, strlen(value));
        g_unsetenv(variable);
    }
    return password;
}

int door_read_descriptor(const char *name, const char *number, Secret **password)
{
    g_autofree char *where = NULL;
    guint64 fd = 0;

    if (!g_ascii_string_to_unsigned(number, 10, 0, G_MAXINT, &fd, NULL))
        return cli_fault(EX_USAGE, "%s is the number of a descriptor", name);
    where = g_strdup_printf("descriptor %d", (int)fd);
    return cli_password_read((int)fd, where, password);
}

int door_password(const GPtrArray *options, const char *name, const char *variable,
                  Secret **password)
{
    g_autofree char *by_number = g_strconcat(name, "-fd", NULL);
    g_autofree char *option = g_strconcat("--", by_number, NULL);
    const char *value = door_option(options, name), *number = door_option(options, by_number);
    g_autoptr(Secret) known = door_take_variable(variable);

    if (value != NULL && number != NULL)
        return cli_fault(EX_USAGE, "--%s and --%s can't be given together", name, by_number);
    if (number != NULL)
        return door_read_descriptor(option, number, password);
    *password = value != NULL ? secret_dup(value) : g_steal_pointer(&known);
    return 0;
}
