/* SPDX-License-Identifier: MIT */
#include "lib/addon.h"

#include "lib/conf-file.h"
#include "lib/panel.h"
#include "lib/text.h"
#include <errno.h>
#include <string.h>

G_DEFINE_QUARK(batchload_addon_error, addon_error)

#define SUFFIX ".conf"
#define SHOWN_MAX 200

bool addon_name_is_good(const char *name)
{
    return g_ascii_isalnum(*name) && strlen(name) <= ADDON_NAME_MAX &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") ==
               strlen(name);
}

char *addon_file(const char *folder, const char *name)
{
    g_autofree char *file = g_strconcat(name, SUFFIX, NULL);
    return g_build_filename(folder, file, NULL);
}

void addon_free(Addon *addon)
{
    if (!addon)
        return;
    g_free(addon->name);
    g_free(addon->vendor);
    g_free(addon->server);
    g_free(addon->server_version);
    g_free(addon->folder);
    g_free(addon->extension);
    g_free(addon->interpreter);
    g_strfreev(addon->parameters);
    g_strfreev(addon->calls);
    g_free(addon->mail_store);
    g_free(addon);
}

/* --- checking --- */

G_GNUC_PRINTF(3, 4)
static bool wrong(const char *path, GError **error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *words = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_autofree char *shown = text_printable(words, -1, SHOWN_MAX);
    g_set_error(error, ADDON_ERROR, ADDON_ERROR_SYNTAX, "%s: %s", path, shown);
    return false;
}

/* What can stand between quotes in the file, and be an argument. */
static bool is_plain(const char *value)
{
    for (const char *at = value; *at; at++)
        if (g_ascii_iscntrl(*at) || strchr("\"\\$", *at))
            return false;
    return g_utf8_validate(value, -1, NULL) && strlen(value) <= ADDON_VALUE_MAX;
}

static bool is_program(const char *value)
{
    return !value || g_path_is_absolute(value);
}

static bool check_values(const Addon *addon, const char *path, GError **error)
{
    const char *const values[] = {addon->vendor,    addon->server,    addon->server_version,
                                  addon->folder,    addon->extension, addon->interpreter,
                                  addon->mail_store};
    for (gsize i = 0; i < G_N_ELEMENTS(values); i++)
        if (values[i] && !is_plain(values[i]))
            return wrong(path, error,
                         "a value has a control character, a quote, \\ or $, or is "
                         "too long");
    for (char **each = addon->parameters; each && *each; each++)
        if (!is_plain(*each))
            return wrong(path, error,
                         "a parameter of the interpreter has a control character, a "
                         "quote, \\ or $, or is too long");
    if (addon->parameters && g_strv_length(addon->parameters) > ADDON_PARAMETERS_MAX)
        return wrong(path, error, "the interpreter has more than %d parameters",
                     ADDON_PARAMETERS_MAX);
    return true;
}

static bool check(const Addon *addon, const char *path, GError **error)
{
    if (!addon_name_is_good(addon->name))
        return wrong(path, error, "the name of an add-on has letters, digits, . _ and - only");
    if (!check_values(addon, path, error))
        return false;
    if (!addon->folder && !addon->mail_store)
        return wrong(path, error, "folder is not set");
    if (!is_program(addon->folder) || !is_program(addon->interpreter) ||
        !is_program(addon->mail_store))
        return wrong(path, error, "folder, interpreter and mail_store must begin with /");
    if (strchr(addon->extension, '/') || addon->extension[0] == '.')
        return wrong(path, error, "extension is written without a dot before it, as in \"php\"");
    if (addon->parameters && *addon->parameters && !addon->interpreter)
        return wrong(path, error, "interpreter_parameters without an interpreter");
    if (addon->seconds < 1 || addon->seconds > ADDON_SECONDS_MAX)
        return wrong(path, error, "seconds must be from 1 to %d", ADDON_SECONDS_MAX);
    for (char **call = addon->calls; call && *call; call++) {
        const PanelCall *known = panel_find(*call);
        if (!known || known->kind != PANEL_CHANGE)
            return wrong(path, error, "calls: there is no call \"%s\" that follows a change",
                         *call);
    }
    return true;
}

/* --- reading --- */

/* libconfuse hands its error function nothing of the caller's; this lives for one call. */
static _Thread_local char *fault;

G_GNUC_PRINTF(2, 0)
static void take_fault(cfg_t *cfg, const char *format, va_list arguments)
{
    g_autofree char *text = g_strdup_vprintf(format, arguments);
    if (!fault)
        fault = g_strdup_printf("line %d: %s", cfg->line, text);
}

static char *take_text(cfg_t *cfg, const char *option)
{
    const char *text = cfg_getstr(cfg, option);
    return text && *text ? g_strdup(text) : NULL;
}

static GStrv take_list(cfg_t *cfg, const char *option)
{
    const unsigned count = cfg_size(cfg, option);
    GStrv list = count ? g_new0(char *, count + 1) : NULL;
    for (unsigned i = 0; i < count; i++)
        list[i] = g_strdup(cfg_getnstr(cfg, option, i));
    return list;
}

static Addon *take(cfg_t *cfg, const char *name)
{
    Addon *addon = g_new0(Addon, 1);
    const long seconds = cfg_getint(cfg, "seconds");
    addon->name = g_strdup(name);
    addon->vendor = take_text(cfg, "vendor");
    addon->server = take_text(cfg, "server");
    addon->server_version = take_text(cfg, "server_version");
    addon->folder = take_text(cfg, "folder");
    addon->extension = take_text(cfg, "extension");
    if (!addon->extension)
        addon->extension = g_strdup("");
    addon->interpreter = take_text(cfg, "interpreter");
    addon->parameters = take_list(cfg, "interpreter_parameters");
    addon->older = cfg_getbool(cfg, "older_parameters");
    addon->seconds = seconds < 0 || seconds > ADDON_SECONDS_MAX ? 0 : (unsigned)seconds;
    addon->calls = take_list(cfg, "calls");
    addon->mail_store = take_text(cfg, "mail_store");
    return addon;
}

static cfg_t *grammar(void)
{
    cfg_opt_t options[] = {
        CFG_INT("version", 0, CFGF_NONE),
        CFG_STR("vendor", NULL, CFGF_NODEFAULT),
        CFG_STR("server", NULL, CFGF_NODEFAULT),
        CFG_STR("server_version", NULL, CFGF_NODEFAULT),
        CFG_STR("folder", NULL, CFGF_NODEFAULT),
        CFG_STR("extension", NULL, CFGF_NODEFAULT),
        CFG_STR("interpreter", NULL, CFGF_NODEFAULT),
        CFG_STR_LIST("interpreter_parameters", NULL, CFGF_NODEFAULT),
        CFG_BOOL("older_parameters", cfg_false, CFGF_NONE),
        CFG_INT("seconds", ADDON_SECONDS, CFGF_NONE),
        CFG_STR_LIST("calls", NULL, CFGF_NODEFAULT),
        CFG_STR("mail_store", NULL, CFGF_NODEFAULT),
        CFG_END(),
    };
    cfg_t *cfg = cfg_init(options, CFGF_NONE); /* copies them */
    cfg_set_error_function(cfg, take_fault);
    return cfg;
}

static Addon *read_file(cfg_t *cfg, const char *path, const char *name, GError **error)
{
    const char *why = NULL;
    const int result = conf_file_parse(cfg, path, &why);
    if (result == CFG_FILE_ERROR) {
        g_set_error(error, ADDON_ERROR, ADDON_ERROR_FILE, "%s can't be read: %s", path, why);
        return NULL;
    }
    if (result != CFG_SUCCESS) {
        wrong(path, error, "%s", fault ? fault : "this is no registration of an add-on");
        return NULL;
    }
    const long version = cfg_getint(cfg, "version");
    if (version != ADDON_VERSION) {
        wrong(path, error,
              version > ADDON_VERSION ? "it is made for a newer version of this program"
                                      : "\"version = 1\" is missing");
        return NULL;
    }
    g_autoptr(Addon) addon = take(cfg, name);
    return check(addon, path, error) ? g_steal_pointer(&addon) : NULL;
}

Addon *addon_load(const char *folder, const char *name, GError **error)
{
    g_autofree char *path = addon_file(folder, name);
    cfg_t *cfg = grammar();
    Addon *addon = read_file(cfg, path, name, error);
    g_clear_pointer(&fault, g_free);
    cfg_free(cfg);
    return addon;
}

static gint compare_names(gconstpointer left, gconstpointer right)
{
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

/* The names of the registrations, sorted; NULL with an error. */
static GPtrArray *list_names(const char *folder, GError **error)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GError) cause = NULL;
    g_autoptr(GDir) dir = g_dir_open(folder, 0, &cause);
    if (!dir && g_error_matches(cause, G_FILE_ERROR, G_FILE_ERROR_NOENT))
        return g_steal_pointer(&names);
    if (!dir) {
        g_set_error(error, ADDON_ERROR, ADDON_ERROR_FILE, "%s can't be read: %s", folder,
                    cause->message);
        return NULL;
    }
    for (const char *file; (file = g_dir_read_name(dir));)
        if (g_str_has_suffix(file, SUFFIX) && file[0] != '.')
            g_ptr_array_add(names, g_strndup(file, strlen(file) - strlen(SUFFIX)));
    g_ptr_array_sort(names, compare_names);
    if (names->len <= ADDONS_MAX)
        return g_steal_pointer(&names);
    g_set_error(error, ADDON_ERROR, ADDON_ERROR_SYNTAX, "%s has more than %d add-ons", folder,
                ADDONS_MAX);
    return NULL;
}

GPtrArray *addons_load(const char *folder, GError **error)
{
    g_autoptr(GPtrArray) names = list_names(folder, error);
    g_autoptr(GPtrArray) addons = g_ptr_array_new_with_free_func((GDestroyNotify)addon_free);
    for (guint i = 0; names && i < names->len; i++) {
        Addon *addon = addon_load(folder, names->pdata[i], error);
        if (!addon)
            return NULL;
        g_ptr_array_add(addons, addon);
    }
    return names ? g_steal_pointer(&addons) : NULL;
}

/* --- writing --- */

static void add_text(GString *out, const char *option, const char *value)
{
    if (value && *value)
        g_string_append_printf(out, "%s = \"%s\"\n", option, value);
}

static void add_list(GString *out, const char *option, GStrv list)
{
    if (!list || !*list)
        return;
    g_string_append_printf(out, "%s = { ", option);
    for (char **each = list; *each; each++)
        g_string_append_printf(out, "%s\"%s\"", each == list ? "" : ", ", *each);
    g_string_append(out, " }\n");
}

bool addon_store(const Addon *addon, const char *folder, GError **error)
{
    g_autofree char *path = addon_file(folder, addon->name);
    g_autoptr(GString) out = g_string_new("# SPDX-License-Identifier: MIT\n"
                                          "# An add-on of batchload: batchload-follow(8).\n");
    g_autoptr(GError) cause = NULL;
    if (!check(addon, path, error))
        return false;
    g_string_append_printf(out, "version = %d\n", ADDON_VERSION);
    add_text(out, "vendor", addon->vendor);
    add_text(out, "server", addon->server);
    add_text(out, "server_version", addon->server_version);
    add_text(out, "folder", addon->folder);
    add_text(out, "extension", addon->extension);
    add_text(out, "interpreter", addon->interpreter);
    add_list(out, "interpreter_parameters", addon->parameters);
    if (addon->older)
        g_string_append(out, "older_parameters = yes\n");
    g_string_append_printf(out, "seconds = %u\n", addon->seconds);
    add_list(out, "calls", addon->calls);
    add_text(out, "mail_store", addon->mail_store);
    if (g_mkdir_with_parents(folder, 0755) == 0 &&
        g_file_set_contents_full(path, out->str, (gssize)out->len,
                                 G_FILE_SET_CONTENTS_CONSISTENT | G_FILE_SET_CONTENTS_DURABLE, 0644,
                                 &cause))
        return true;
    g_set_error(error, ADDON_ERROR, ADDON_ERROR_FILE, "%s can't be written: %s", path,
                cause ? cause->message : g_strerror(errno));
    return false;
}

/* --- calling --- */

bool addon_takes(const Addon *addon, const char *call)
{
    if (strcmp(call, ADDON_MAIL_STORE) == 0)
        return addon->mail_store != NULL;
    return addon->folder &&
           (!addon->calls || g_strv_contains((const char *const *)addon->calls, call));
}

GPtrArray *addon_command(const Addon *addon, const char *call, unsigned *program)
{
    g_autoptr(GPtrArray) command = g_ptr_array_new_with_free_func(g_free);
    *program = 0;
    if (!addon_takes(addon, call))
        return NULL;
    if (strcmp(call, ADDON_MAIL_STORE) == 0) {
        g_ptr_array_add(command, g_strdup(addon->mail_store));
        return g_steal_pointer(&command);
    }
    if (addon->interpreter)
        g_ptr_array_add(command, g_strdup(addon->interpreter));
    for (char **each = addon->parameters; addon->interpreter && each && *each; each++)
        g_ptr_array_add(command, g_strdup(*each));
    g_autofree char *file =
        *addon->extension ? g_strconcat(call, ".", addon->extension, NULL) : g_strdup(call);
    *program = command->len;
    g_ptr_array_add(command, g_build_filename(addon->folder, file, NULL));
    return g_steal_pointer(&command);
}
