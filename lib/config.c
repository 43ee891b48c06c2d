/* SPDX-License-Identifier: MIT */
#include "lib/config.h"
#include "lib/conf-file.h"

#include "lib/config-set.h"
#include "lib/nearest.h"
#include "lib/text.h"

#include <confuse.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Longest file of the directory's password, in bytes. */
#define PASSWORD_FILE_MAX 1024
#define MESSAGE_MAX 400

typedef struct {
    Config config; /* first: what callers see */
    atomic_int references;
} SharedConfig;

G_DEFINE_QUARK(batchload_config_error, config_error)

/* One reading of a file. libconfuse's callbacks have no argument of ours, so they find it here;
 * set only while cfg_parse() runs in this thread. */
typedef struct {
    const char *path;
    ConfigDraft draft;
    bool said[CONFIG_SETTINGS];
    int lines[CONFIG_SETTINGS];   /* where each was said; 0: nowhere */
    bool listed[CONFIG_SETTINGS]; /* a list, which libconfuse tells at each value and at its end */
    GError *error;                /* the first */
} Reading;
static _Thread_local Reading *reading;

/* --- names that are none --- */

static const char *const sections[] = {"limits", "spool", "directory"};

/* "" for the top. */
static const char *section_of(const cfg_t *cfg)
{
    return strcmp(cfg->name, "root") == 0 ? "" : cfg->name;
}

/* The name of this section that was meant, in small letters; NULL: none. Owned by the caller. */
static char *nearest_name(const char *section, const char *name)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    const char *found;

    for (int i = 0; i < CONFIG_SETTINGS; i++)
        if (strcmp(config_settings[i].section, section) == 0)
            g_ptr_array_add(names, g_ascii_strup(config_settings[i].name, -1));
    for (gsize i = 0; *section == '\0' && i < G_N_ELEMENTS(sections); i++)
        g_ptr_array_add(names, g_ascii_strup(sections[i], -1));
    found = nearest_word(name, (const char *const *)names->pdata, names->len);
    return found != NULL ? g_ascii_strdown(found, -1) : NULL;
}

/* A setting of another section that was meant, with its place; NULL: none. Owned by the caller. */
static char *nearest_elsewhere(const char *section, const char *name)
{
    for (gsize i = 0; i <= G_N_ELEMENTS(sections); i++) {
        const char *other = i > 0 ? sections[i - 1] : "";
        g_autofree char *found = strcmp(other, section) != 0 ? nearest_name(other, name) : NULL;
        if (found != NULL)
            return *other != '\0' ? g_strdup_printf("%s in section %s", found, other)
                                  : g_strdup_printf("%s outside of any section", found);
    }
    return NULL;
}

static char *explain_name(const char *section, const char *name)
{
    g_autofree char *meant = nearest_name(section, name);
    g_autofree char *here =
        *section != '\0' ? g_strdup_printf(" in section %s", section) : g_strdup("");

    for (int i = 0; i < CONFIG_SETTINGS; i++) {
        const char *other = config_settings[i].section;
        if (strcmp(config_settings[i].name, name) == 0 && strcmp(other, section) != 0)
            return *other != '\0' ? g_strdup_printf("%s belongs into section %s", name, other)
                                  : g_strdup_printf("%s belongs outside of any section", name);
    }
    if (meant == NULL)
        meant = nearest_elsewhere(section, name);
    if (meant != NULL)
        return g_strdup_printf("there is no setting %s%s; did you mean %s?", name, here, meant);
    return g_strdup_printf("there is no setting %s%s", name, here);
}

/* libconfuse's words, or better ones. */
static char *explain(const cfg_t *cfg, const char *words)
{
    static const char unknown[] = "no such option '";
    const gsize start = strlen(unknown), length = strlen(words);
    g_autofree char *name = NULL;

    if (!g_str_has_prefix(words, unknown) || words[length - 1] != '\'')
        return g_strdup(words);
    name = g_strndup(words + start, length - start - 1);
    return explain_name(section_of(cfg), name);
}

/* --- libconfuse's callbacks --- */

G_GNUC_PRINTF(2, 0)
static void on_error(cfg_t *cfg, const char *format, va_list arguments)
{
    g_autofree char *words = NULL, *explained = NULL, *shown = NULL;

    if (reading->error != NULL)
        return;
    words = g_strdup_vprintf(format, arguments);
    explained = explain(cfg, words);
    shown = text_printable(explained, -1, MESSAGE_MAX);
    g_set_error(&reading->error, CONFIG_ERROR, CONFIG_ERROR_SYNTAX, "%s:%d: %s", reading->path,
                cfg->line, shown);
}

/* Takes over a value as soon as it is read, so that its line is known. */
static int on_value(cfg_t *cfg, cfg_opt_t *option)
{
    const int index = config_setting_find(section_of(cfg), option->name);
    const unsigned size = cfg_opt_size(option);
    g_autoptr(GPtrArray) values = g_ptr_array_new();
    g_autoptr(GError) error = NULL;

    if (reading->said[index] &&
        (!config_settings[index].list || (size == 1 && reading->listed[index]))) {
        cfg_error(cfg, "%s is set twice", option->name);
        return -1;
    }
    reading->listed[index] = reading->listed[index] || reading->said[index];
    reading->said[index] = true;
    reading->lines[index] = cfg->line;
    for (unsigned i = 0; i < size; i++)
        g_ptr_array_add(values, cfg_opt_getnstr(option, i));
    g_ptr_array_add(values, NULL);
    if (config_setting_take(&reading->draft, index, (const char *const *)values->pdata, &error))
        return 0;
    cfg_error(cfg, "%s: %s", option->name, error->message);
    return -1;
}

/* Empty lists are not told at all: they are those that were to be set anew and never were. */
static int take_empty_lists(cfg_t *cfg)
{
    for (int i = 0; i < CONFIG_SETTINGS; i++) {
        const ConfigSetting *setting = &config_settings[i];
        cfg_opt_t *option = setting->list ? cfg_getopt(cfg, setting->name) : NULL;
        const char *const none[] = {NULL};
        g_autoptr(GError) error = NULL;
        if (option == NULL || (option->flags & CFGF_RESET) == 0)
            continue;
        if (reading->said[i])
            cfg_error(cfg, "%s is set twice", setting->name);
        else if (!config_setting_take(&reading->draft, i, none, &error))
            cfg_error(cfg, "%s: %s", setting->name, error->message);
        else
            continue;
        return CFG_PARSE_ERROR;
    }
    return CFG_SUCCESS;
}

/* The options of one section ("": the top) for libconfuse, which copies them. */
static GArray *section_options(const char *section)
{
    GArray *options = g_array_new(FALSE, FALSE, sizeof(cfg_opt_t));

    for (int i = 0; i < CONFIG_SETTINGS; i++) {
        cfg_opt_t text = CFG_STR(config_settings[i].name, NULL, CFGF_NONE);
        cfg_opt_t list = CFG_STR_LIST(config_settings[i].name, NULL, CFGF_NONE);
        if (strcmp(config_settings[i].section, section) != 0)
            continue;
        text.validcb = list.validcb = on_value;
        g_array_append_val(options, *(config_settings[i].list ? &list : &text));
    }
    return options;
}

static cfg_t *grammar(void)
{
    g_autoptr(GArray) options = section_options("");
    g_autoptr(GPtrArray) kept = g_ptr_array_new_with_free_func((GDestroyNotify)g_array_unref);
    const cfg_opt_t end = CFG_END();
    cfg_t *cfg;

    for (gsize i = 0; i < G_N_ELEMENTS(sections); i++) {
        GArray *inner = section_options(sections[i]);
        g_array_append_val(inner, end);
        g_ptr_array_add(kept, inner);
        cfg_opt_t section = CFG_SEC(sections[i], (cfg_opt_t *)(void *)inner->data, CFGF_NONE);
        g_array_append_val(options, section);
    }
    g_array_append_val(options, end);
    cfg = cfg_init((cfg_opt_t *)(void *)options->data, CFGF_NONE);
    cfg_set_error_function(cfg, on_error);
    return cfg;
}

static bool read_file(Reading *read, const char *path, GError **error)
{
    cfg_t *cfg = grammar();
    const char *why = NULL;
    int done;

    reading = read;
    done = conf_file_parse(cfg, path, &why);
    if (done == CFG_SUCCESS)
        done = take_empty_lists(cfg);
    reading = NULL;
    if (done == CFG_FILE_ERROR)
        g_set_error(error, CONFIG_ERROR, CONFIG_ERROR_FILE, "%s can't be read: %s", path, why);
    else if (read->error != NULL)
        g_propagate_error(error, g_steal_pointer(&read->error));
    else if (done != CFG_SUCCESS)
        g_set_error(error, CONFIG_ERROR, CONFIG_ERROR_SYNTAX, "%s is not a configuration file",
                    path);
    g_clear_error(&read->error);
    cfg_free(cfg);
    return done == CFG_SUCCESS && (error == NULL || *error == NULL);
}

/* What can be said only when more is known than one setting: at the line of the first of those
 * named ("section/name") that the file has. */
static bool refuse(const Reading *read, const char *const *names, GError **error, const char *words)
{
    int line = 0;

    for (; *names != NULL && line == 0; names++) {
        const char *slash = strchr(*names, '/');
        g_autofree char *section = g_strndup(*names, (gsize)(slash - *names));
        line = read->lines[config_setting_find(section, slash + 1)];
    }
    if (line > 0)
        g_set_error(error, CONFIG_ERROR, CONFIG_ERROR_SYNTAX, "%s:%d: %s", read->path, line, words);
    else
        g_set_error(error, CONFIG_ERROR, CONFIG_ERROR_SYNTAX, "%s: %s", read->path, words);
    return false;
}
#define REFUSE(words, ...) refuse(read, (const char *const[]){__VA_ARGS__, NULL}, error, words)

static bool check_whole(const Reading *read, GError **error)
{
    const Config *config = read->draft.config;
    const bool bound = config->directory.bind_dn != NULL;

    if (config->batch_addresses == NULL || config->batch_addresses[0] == NULL)
        return REFUSE("batch_addresses is not set; it needs at least one address",
                      "/batch_addresses");
    if (config->directory.base == NULL)
        return REFUSE("base in section directory is not set", "directory/base");
    if (bound != (read->draft.password_file != NULL))
        return REFUSE("bind_dn and bind_password_file in section directory belong together",
                      "directory/bind_dn", "directory/bind_password_file");
    if (!bound && !g_str_has_prefix(config->directory.uri, "ldapi://"))
        return REFUSE("without bind_dn the directory's uri must be an ldapi:// one, where the "
                      "daemon's user is the proof",
                      "directory/uri");
    if (config->request.attachment_bytes_max > config->request.message_bytes_max)
        return REFUSE("attachment_bytes_max is more than message_bytes_max",
                      "limits/attachment_bytes_max", "limits/message_bytes_max");
    if (config->authserv_trusted && config->authserv_id == NULL)
        return REFUSE("authserv_trusted says yes, but authserv_id is not set", "/authserv_trusted");
    if (config->spool.keep_days < config->spool.duplicate_days)
        return REFUSE("keep_days is less than duplicate_days", "spool/keep_days",
                      "spool/duplicate_days");
    return true;
}

/* buffer has PASSWORD_FILE_MAX + 1 bytes; the caller wipes it. */
static bool read_password(int fd, char *buffer, gsize *length, const char **fault)
{
    struct stat st;
    gssize got;

    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        *fault = "it is not a regular file";
    else if ((st.st_mode & S_IRWXO) != 0)
        *fault = "it is open to everybody; its mode must be 0600, 0640 or less";
    else if ((got = read(fd, buffer, PASSWORD_FILE_MAX + 1)) < 0)
        *fault = g_strerror(errno);
    else if (got > PASSWORD_FILE_MAX)
        *fault = "it is too long";
    else
        *length = (gsize)got;
    return *fault == NULL;
}

static Secret *load_password(const char *path, GError **error)
{
    char buffer[PASSWORD_FILE_MAX + 1];
    const char *fault = NULL;
    Secret *password = NULL;
    gsize length = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0)
        fault = g_strerror(errno);
    else if (read_password(fd, buffer, &length, &fault)) {
        if (length > 0 && buffer[length - 1] == '\n')
            length--;
        if (length > 0 && buffer[length - 1] == '\r')
            length--;
        if (length == 0)
            fault = "it is empty";
        else if (memchr(buffer, '\0', length) != NULL || memchr(buffer, '\n', length) != NULL)
            fault = "it has more than one line";
        else
            password = secret_ndup(buffer, length);
    }
    sodium_memzero(buffer, sizeof buffer);
    if (fd >= 0)
        close(fd);
    if (fault != NULL)
        g_set_error(error, CONFIG_ERROR, CONFIG_ERROR_FILE,
                    "bind_password_file %s can't be used: %s", path, fault);
    return password;
}

/* It is read at each connection; that it can't be is said now. */
static bool check_ca_file(const Reading *read, GError **error)
{
    const char *path = read->draft.config->directory.ca_file;
    g_autofree char *words = NULL;
    int fd = path != NULL ? open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1;

    if (path == NULL || fd >= 0) {
        if (fd >= 0)
            close(fd);
        return true;
    }
    words = g_strdup_printf("ca_file can't be read: %s", g_strerror(errno));
    return REFUSE(words, "directory/ca_file");
}

/* The room knows by itself where a password must not go; nothing is connected. */
static bool check_directory(const Reading *read, GError **error)
{
    g_autoptr(GError) cause = NULL;
    g_autoptr(Directory) directory = directory_new(&read->draft.config->directory, &cause);

    return directory != NULL || REFUSE(cause->message, "directory/uri");
}

static void config_free(Config *config)
{
    g_free(config->socket);
    g_free(config->socket_group);
    g_free(config->user);
    g_free(config->log_file);
    g_free(config->parser);
    g_strfreev(config->batch_addresses);
    g_free(config->sender_table);
    g_free(config->login_map);
    g_free(config->authserv_id);
    g_strfreev(config->reserved_addresses);
    g_free(config->spool.directory);
    g_free(config->spool.key_file);
    directory_settings_clear(&config->directory);
    profile_free(config->profile);
    g_free(config->addons_folder);
    g_clear_pointer(&config->addons, g_ptr_array_unref);
    g_free(config->addon_socket);
    g_free(config->addon_user);
    g_free(config->panel_requester);
    g_free(config->panel_commands);
    g_free(config->submit.target);
    g_free(config->submit.helo);
    g_free(config);
}

static void reading_clear(Reading *read)
{
    g_free(read->draft.profile);
    g_free(read->draft.password_file);
    g_clear_error(&read->error);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Reading, reading_clear)

/* The file alone: no other file is opened. */
static Config *load_values(Reading *read, GError **error)
{
    SharedConfig *shared = g_new0(SharedConfig, 1);

    read->draft.config = &shared->config;
    atomic_init(&shared->references, 1);
    config_settings_default(&read->draft);
    if (read_file(read, read->path, error))
        return &shared->config;
    config_free(&shared->config);
    return NULL;
}

Config *config_load(const char *path, GError **error)
{
    g_auto(Reading) read = {.path = path};
    g_autoptr(Config) config = load_values(&read, error);
    g_autoptr(GError) cause = NULL;

    if (config == NULL || !check_whole(&read, error))
        return NULL;
    config->table.bytes_max = config->request.attachment_bytes_max;
    if (read.draft.password_file != NULL) {
        config->directory.bind_password = load_password(read.draft.password_file, error);
        if (config->directory.bind_password == NULL)
            return NULL;
    }
    if (!check_ca_file(&read, error) || !check_directory(&read, error))
        return NULL;
    config->directory.servers = directory_servers_new(config->directory.uri);
    config->profile = profile_load(read.draft.profile, config->directory.base, &cause);
    if (config->profile == NULL) {
        g_set_error(error, CONFIG_ERROR, CONFIG_ERROR_FILE, "the profile can't be used: %s",
                    cause->message);
        return NULL;
    }
    config->rules.digits = profile_digits(config->profile);
    config->rules.attributes = profile_allowed(config->profile);
    config->table.attributes = profile_table_attributes(config->profile);
    config->addons = addons_load(config->addons_folder, &cause);
    if (config->addons == NULL) {
        g_set_error(error, CONFIG_ERROR, CONFIG_ERROR_FILE, "an add-on can't be used: %s",
                    cause->message);
        return NULL;
    }
    return g_steal_pointer(&config);
}

Config *config_load_file(const char *path, GError **error)
{
    g_auto(Reading) read = {.path = path};

    return load_values(&read, error);
}

Config *config_ref(Config *config)
{
    atomic_fetch_add(&((SharedConfig *)config)->references, 1);
    return config;
}

void config_unref(Config *config)
{
    if (config != NULL && atomic_fetch_sub(&((SharedConfig *)config)->references, 1) == 1)
        config_free(config);
}
