/* SPDX-License-Identifier: MIT */
#include "cli/cli.h"

#include "lib/addon.h"
#include "lib/panel.h"

#include <stdio.h>
#include <string.h>

/* RegisterMailAddon: writes the registration of an add-on. Its executables are those of a folder of
 * its own below this one. */
#define ADDONS_FOLDER LIBEXECDIR "/addons"

enum { VENDOR, SERVER, SERVER_VERSION, EXTENSION, INTERPRETER, PARAMETERS, OLDER, COUNT };

static int fail(const char *format, ...) G_GNUC_PRINTF(1, 2);

static int fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *words = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    fprintf(stderr, "%s: %s\n", CLI_REGISTER, words);
    return 1;
}

static int print_usage(void)
{
    unsigned count;
    const PanelParameter *parameters = panel_parameters(panel_find(CLI_REGISTER), false, &count);

    printf("Usage: %s [-c FILE]", CLI_REGISTER);
    for (unsigned i = 0; i < count; i++)
        printf(" %s", parameters[i].name);
    printf("\n");
    return 1;
}

/* "VENDOR-SERVER", as a file may be called. Caller owns it. */
static char *name_of(const char *vendor, const char *server)
{
    char *name = g_strconcat(vendor, "-", server, NULL);

    for (char *at = name; *at != '\0'; at++)
        if (!g_ascii_isalnum(*at) && strchr("._-", *at) == NULL)
            *at = '-';
    return name;
}

/* Parameters are separated by blanks or commas. Caller owns the result; NULL: none. */
static GStrv split(const char *text)
{
    g_auto(GStrv) words = g_strsplit_set(text, " ,", -1);
    g_autoptr(GStrvBuilder) builder = g_strv_builder_new();

    for (char **word = words; *word != NULL; word++)
        if (**word != '\0')
            g_strv_builder_add(builder, *word);
    return g_strv_builder_end(builder);
}

static char *or_null(const char *text)
{
    return *text != '\0' ? g_strdup(text) : NULL;
}

static int store(const Config *config, char **values)
{
    g_autoptr(Addon) addon = g_new0(Addon, 1);
    g_autoptr(GError) error = NULL;

    addon->name = name_of(values[VENDOR], values[SERVER]);
    addon->vendor = g_strdup(values[VENDOR]);
    addon->server = g_strdup(values[SERVER]);
    addon->server_version = or_null(values[SERVER_VERSION]);
    addon->folder = g_build_filename(ADDONS_FOLDER, addon->name, NULL);
    addon->extension = g_strdup(values[EXTENSION] + (values[EXTENSION][0] == '.'));
    addon->interpreter = or_null(values[INTERPRETER]);
    addon->parameters = split(values[PARAMETERS]);
    addon->older = strcmp(values[OLDER], "1") == 0;
    addon->seconds = ADDON_SECONDS;
    if (addon->interpreter != NULL && !g_path_is_absolute(addon->interpreter)) {
        g_autofree char *found = g_find_program_in_path(addon->interpreter);
        if (found == NULL)
            return fail("the interpreter %s is not to be found", addon->interpreter);
        g_free(addon->interpreter);
        addon->interpreter = g_steal_pointer(&found);
    }
    if (!addon_store(addon, config->addons_folder, &error))
        return fail("%s", error->message);
    printf("The add-on %s is registered. Its executables belong into %s; the daemon takes it up "
           "when it is reloaded.\n",
           addon->name, addon->folder);
    return 0;
}

int cli_register_addon(const CliPlace *installed, int argc, char **argv)
{
    CliPlace place = *installed;
    int code = 0;

    if (argc > 2 && strcmp(argv[1], "-c") == 0) {
        place.config = argv[2];
        argc -= 2;
        argv += 2;
    }
    if (argc == 1)
        return print_usage();
    if (argc - 1 != COUNT)
        return fail("there must be %d parameters, and here are %d", COUNT, argc - 1);
    argv++;
    if (*argv[VENDOR] == '\0' || *argv[SERVER] == '\0')
        return fail("VendorName and MailServerName must not be empty");
    if (strcmp(argv[OLDER], "") != 0 && strcmp(argv[OLDER], "0") != 0 &&
        strcmp(argv[OLDER], "1") != 0)
        return fail("3.XCompliantAPI must be 1 or 0");
    g_autoptr(Config) config = cli_config(&place, &code);
    return config != NULL ? store(config, argv) : 1;
}
