/* SPDX-License-Identifier: MIT */
#include "lib/addon.h"

#include <glib/gstdio.h>
#include <string.h>

static char *folder_new(void)
{
    g_autoptr(GError) error = NULL;
    char *folder = g_dir_make_tmp("test-addon-XXXXXX", &error);
    g_assert_no_error(error);
    return folder;
}

static void put(const char *folder, const char *name, const char *text)
{
    g_autofree char *path = addon_file(folder, name);
    g_autoptr(GError) error = NULL;
    g_file_set_contents(path, text, -1, &error);
    g_assert_no_error(error);
}

static void folder_remove(char *folder)
{
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    for (const char *name; dir && (name = g_dir_read_name(dir));) {
        g_autofree char *path = g_build_filename(folder, name, NULL);
        g_unlink(path);
    }
    g_rmdir(folder);
    g_free(folder);
}

static char *command_of(const Addon *addon, const char *call)
{
    unsigned program;
    g_autoptr(GPtrArray) command = addon_command(addon, call, &program);
    if (!command)
        return NULL;
    g_ptr_array_add(command, NULL);
    return g_strjoinv(" ", (char **)command->pdata);
}

/* R9.62 */
static void test_store(void)
{
    char *folder = folder_new();
    g_autofree char *below = g_build_filename(folder, "addons", NULL);
    const char *const parameters[] = {"-f", "--", NULL};
    const Addon wanted = {.name = (char *)"Example-Mail",
                          .vendor = (char *)"Example & Söhne",
                          .server = (char *)"Mail",
                          .server_version = (char *)"2.1",
                          .folder = (char *)"/opt/example",
                          .extension = (char *)"php",
                          .interpreter = (char *)"/usr/bin/php",
                          .parameters = (char **)parameters,
                          .older = true,
                          .seconds = 7};
    g_autoptr(GError) error = NULL;
    g_assert_true(addon_store(&wanted, below, &error));
    g_assert_no_error(error);
    g_autoptr(Addon) found = addon_load(below, "Example-Mail", &error);
    g_assert_no_error(error);
    g_assert_cmpstr(found->vendor, ==, wanted.vendor);
    g_assert_cmpstr(found->server, ==, "Mail");
    g_assert_cmpstr(found->server_version, ==, "2.1");
    g_assert_true(found->older);
    g_assert_cmpuint(found->seconds, ==, 7);
    g_autofree char *command = command_of(found, "EAddUser");
    g_assert_cmpstr(command, ==, "/usr/bin/php -f -- /opt/example/EAddUser.php");
    g_assert_false(addon_takes(found, ADDON_MAIL_STORE));
    g_assert_null(command_of(found, ADDON_MAIL_STORE));
    g_autofree char *path = addon_file(below, "Example-Mail");
    g_unlink(path);
    g_rmdir(below);
    folder_remove(folder);
}

/* R9.62 */
static void test_calls(void)
{
    char *folder = folder_new();
    g_autoptr(GError) error = NULL;
    put(folder, "b", "version = 1\nfolder = \"/b\"\ncalls = { \"EAddUser\", \"EDeleteUser\" }\n");
    put(folder, "a", "version = 1\nmail_store = \"/a/remove\"\n");
    put(folder, ".hidden", "junk");
    g_autoptr(GPtrArray) addons = addons_load(folder, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(addons->len, ==, 2);
    const Addon *a = addons->pdata[0], *b = addons->pdata[1];
    g_assert_cmpstr(a->name, ==, "a");
    g_assert_true(addon_takes(a, ADDON_MAIL_STORE));
    g_assert_false(addon_takes(a, "EAddUser"));
    g_autofree char *remove = command_of(a, ADDON_MAIL_STORE), *add = command_of(b, "EAddUser");
    g_assert_cmpstr(remove, ==, "/a/remove");
    g_assert_cmpstr(add, ==, "/b/EAddUser");
    g_assert_false(addon_takes(b, "EAddDomain"));
    g_assert_cmpuint(b->seconds, ==, ADDON_SECONDS);
    folder_remove(folder);
    g_autoptr(GPtrArray) none = addons_load("/nonexistent/addons", &error);
    g_assert_no_error(error);
    g_assert_cmpuint(none->len, ==, 0);
}

/* R9.62 */
static void test_refused(void)
{
    static const struct {
        const char *text, *words;
    } cases[] = {
        {"folder = \"/b\"\n", "version = 1"},
        {"version = 2\nfolder = \"/b\"\n", "newer"},
        {"version = 1\n", "folder is not set"},
        {"version = 1\nfolder = \"b\"\n", "begin with /"},
        {"version = 1\nfolder = \"/b\"\ninterpreter = \"php\"\n", "begin with /"},
        {"version = 1\nfolder = \"/b\"\nmail_store = \"x\"\n", "begin with /"},
        {"version = 1\nfolder = \"/b\"\nextension = \".php\"\n", "without a dot"},
        {"version = 1\nfolder = \"/b\"\nextension = \"a/b\"\n", "without a dot"},
        {"version = 1\nfolder = \"/b\"\ninterpreter_parameters = { \"-f\" }\n", "without an"},
        {"version = 1\nfolder = \"/b\"\nseconds = 0\n", "seconds"},
        {"version = 1\nfolder = \"/b\"\nseconds = 3601\n", "seconds"},
        {"version = 1\nfolder = \"/b\"\ncalls = { \"EGetMailURL\" }\n", "no call"},
        {"version = 1\nfolder = \"/b\"\ncalls = { \"EAddSomething\" }\n", "no call"},
        {"version = 1\nfolder = \"/b\"\nunknown = 1\n", "unknown"},
        {"version = 1\nfolder = \"/b\\n\"\n", "control character"},
    };
    char *folder = folder_new();
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        put(folder, "x", cases[i].text);
        g_assert_null(addon_load(folder, "x", &error));
        g_assert_nonnull(error);
        if (!strstr(error->message, cases[i].words))
            g_error("%s: %s", cases[i].text, error->message);
    }
    g_assert_false(addon_name_is_good("../x"));
    g_assert_false(addon_name_is_good(""));
    g_assert_false(addon_name_is_good("-x"));
    folder_remove(folder);
}

/* R9.62: not more than there are threads for. */
static void test_too_many(void)
{
    char *folder = folder_new();
    g_autoptr(GError) error = NULL;
    for (unsigned i = 0; i <= ADDONS_MAX; i++) {
        g_autofree char *name = g_strdup_printf("a%u", i);
        g_clear_error(&error);
        put(folder, name, "version = 1\nfolder = \"/b\"\n");
        g_autoptr(GPtrArray) addons = addons_load(folder, &error);
        g_assert_true((addons != NULL) == (i < ADDONS_MAX));
    }
    g_assert_error(error, ADDON_ERROR, ADDON_ERROR_SYNTAX);
    folder_remove(folder);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/addon/R9.62 written and read", test_store);
    g_test_add_func("/addon/R9.62 what is called", test_calls);
    g_test_add_func("/addon/R9.62 refused", test_refused);
    g_test_add_func("/addon/R9.62 too many", test_too_many);
    return g_test_run();
}
