/* SPDX-License-Identifier: MIT */
#include "lib/config-set.h"

#include "lib/password.h"
#include "lib/text.h"

#include <string.h>
#include <sys/un.h>

#define SHOWN_MAX 100
#define KIB (G_GUINT64_CONSTANT(1) << 10)
#define MIB (G_GUINT64_CONSTANT(1) << 20)
#define GIB (G_GUINT64_CONSTANT(1) << 30)
#define HOUR 3600
#define DAY (24 * HOUR)
/* Longest value of any setting, in bytes. */
#define VALUE_MAX 4096

typedef bool Take(const ConfigSetting *setting, ConfigDraft *draft, const char *const *values,
                  GError **error);

G_GNUC_PRINTF(2, 3)
static bool wrong(GError **error, const char *format, ...)
{
    va_list arguments;
    g_autofree char *words = NULL;

    va_start(arguments, format);
    words = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_set_error_literal(error, CONFIG_ERROR, CONFIG_ERROR_SYNTAX, words);
    return false;
}

static gpointer place(const ConfigSetting *setting, ConfigDraft *draft)
{
    return (char *)draft->config + setting->offset;
}

static void replace(char **text, const char *value)
{
    g_free(*text);
    *text = g_strdup(value);
}

/* --- numbers --- */

typedef struct {
    char suffix;
    guint64 factor;
} Unit;

static const Unit no_units[] = {{'\0', 0}};
static const Unit sizes[] = {{'k', KIB}, {'M', MIB}, {'G', GIB}, {'\0', 0}};
static const Unit times[] = {{'s', 1},   {'m', 60},      {'h', HOUR},
                             {'d', DAY}, {'w', 7 * DAY}, {'\0', 0}};

static bool is_no_number(const char *text, const Unit *units, GError **error)
{
    g_autofree char *shown = text_printable(text, -1, SHOWN_MAX);
    g_autoptr(GString) letters = g_string_new(NULL);

    for (const Unit *unit = units; unit->suffix != '\0'; unit++)
        g_string_append_printf(letters, "%s%c",
                               unit == units            ? ""
                               : unit[1].suffix == '\0' ? " or "
                                                        : ", ",
                               unit->suffix);
    if (letters->len == 0)
        return wrong(error, "\"%s\" is not a number", shown);
    return wrong(error, "\"%s\" is not a number, nor one with %s behind it", shown, letters->str);
}

/* As the manual writes it: in the largest unit that it is a multiple of. Caller owns it. */
static char *in_units(guint64 number, const Unit *units)
{
    const Unit *found = NULL;

    for (; number > 0 && units->suffix != '\0'; units++)
        if (number % units->factor == 0)
            found = units;
    return found != NULL
               ? g_strdup_printf("%" G_GUINT64_FORMAT "%c", number / found->factor, found->suffix)
               : g_strdup_printf("%" G_GUINT64_FORMAT, number);
}

static bool is_out_of_range(const ConfigSetting *setting, const char *text, const Unit *units,
                            GError **error)
{
    g_autofree char *min = in_units(setting->min, units), *max = in_units(setting->max, units);

    return wrong(error, "%s is out of range; it must be from %s to %s", text, min, max);
}

/* Digits and at most one suffix letter. */
static bool parse_number(const ConfigSetting *setting, const char *text, const Unit *units,
                         guint64 *number, GError **error)
{
    const gsize digits = strspn(text, "0123456789");
    const Unit *unit = units;
    g_autofree char *figures = g_strndup(text, digits);
    guint64 factor = 1;
    bool good = g_ascii_string_to_unsigned(figures, 10, 0, G_MAXUINT64, number, NULL);

    if (text[digits] != '\0') {
        while (unit->suffix != '\0' &&
               g_ascii_tolower(unit->suffix) != g_ascii_tolower(text[digits]))
            unit++;
        factor = unit->factor;
        good = good && factor != 0 && text[digits + 1] == '\0';
    }
    if (!good)
        return is_no_number(text, units, error);
    if (*number > setting->max / factor || *number * factor < setting->min)
        return is_out_of_range(setting, text, units, error);
    *number *= factor;
    return true;
}

static bool take_count(const ConfigSetting *setting, ConfigDraft *draft, const char *const *values,
                       GError **error)
{
    guint64 number = 0;
    if (!parse_number(setting, values[0], no_units, &number, error))
        return false;
    *(unsigned *)place(setting, draft) = (unsigned)number;
    return true;
}

static bool take_time(const ConfigSetting *setting, ConfigDraft *draft, const char *const *values,
                      GError **error)
{
    guint64 number = 0;
    if (!parse_number(setting, values[0], times, &number, error))
        return false;
    *(unsigned *)place(setting, draft) = (unsigned)number;
    return true;
}

static bool take_size(const ConfigSetting *setting, ConfigDraft *draft, const char *const *values,
                      GError **error)
{
    return parse_number(setting, values[0], sizes, place(setting, draft), error);
}
/* take_size() also stores into fields of type gsize */
G_STATIC_ASSERT(sizeof(gsize) == sizeof(guint64));

static bool take_version(const ConfigSetting *setting G_GNUC_UNUSED,
                         ConfigDraft *draft G_GNUC_UNUSED, const char *const *values,
                         GError **error)
{
    guint64 number = 0;
    if (!g_ascii_string_to_unsigned(values[0], 10, 1, G_MAXUINT32, &number, NULL))
        return wrong(error, "a version is a number");
    return number <= CONFIG_VERSION ||
           wrong(error,
                 "this file is of version %" G_GUINT64_FORMAT
                 ", for a newer program; this one reads versions up to %d",
                 number, CONFIG_VERSION);
}

static bool take_mode(const ConfigSetting *setting, ConfigDraft *draft, const char *const *values,
                      GError **error)
{
    guint64 mode = 0;
    if (!g_ascii_string_to_unsigned(values[0], 8, 0, 0777, &mode, NULL))
        return wrong(error, "a mode is an octal number up to 0777");
    *(unsigned *)place(setting, draft) = (unsigned)mode;
    return true;
}

static bool take_bool(const ConfigSetting *setting, ConfigDraft *draft, const char *const *values,
                      GError **error)
{
    const bool yes = g_ascii_strcasecmp(values[0], "yes") == 0;
    if (!yes && g_ascii_strcasecmp(values[0], "no") != 0)
        return wrong(error, "yes or no was expected");
    *(bool *)place(setting, draft) = yes;
    return true;
}

/* --- texts --- */

static bool take_text(const ConfigSetting *setting, ConfigDraft *draft, const char *const *values,
                      GError **error G_GNUC_UNUSED)
{
    replace(place(setting, draft), values[0]);
    return true;
}

static bool is_path(const char *text, GError **error)
{
    return g_path_is_absolute(text) || wrong(error, "a path from the root is needed (/…)");
}

static bool take_path(const ConfigSetting *setting, ConfigDraft *draft, const char *const *values,
                      GError **error)
{
    return is_path(values[0], error) && take_text(setting, draft, values, error);
}

static bool take_profile(const ConfigSetting *setting G_GNUC_UNUSED, ConfigDraft *draft,
                         const char *const *values, GError **error)
{
    if (!is_path(values[0], error))
        return false;
    replace(&draft->profile, values[0]);
    return true;
}

static bool take_password_file(const ConfigSetting *setting G_GNUC_UNUSED, ConfigDraft *draft,
                               const char *const *values, GError **error)
{
    if (!is_path(values[0], error))
        return false;
    replace(&draft->password_file, values[0]);
    return true;
}

static bool is_inet(const char *text)
{
    const char *at = strchr(text, '@');
    g_autofree char *port = at != NULL ? g_strndup(text, (gsize)(at - text)) : NULL;
    guint64 number;

    return at != NULL && at[1] != '\0' &&
           g_ascii_string_to_unsigned(port, 10, 1, 65535, &number, NULL);
}

static bool take_socket(const ConfigSetting *setting, ConfigDraft *draft, const char *const *values,
                        GError **error)
{
    const char *text = values[0];
    const gsize longest = sizeof((struct sockaddr_un *)NULL)->sun_path - 1;

    if (g_str_has_prefix(text, "unix:")) {
        if (!is_path(text + strlen("unix:"), error))
            return false;
        if (strlen(text) - strlen("unix:") > longest)
            return wrong(error, "a socket's path can't be longer than %" G_GSIZE_FORMAT " bytes",
                         longest);
    } else if (!(g_str_has_prefix(text, "inet:") && is_inet(text + strlen("inet:")))) {
        return wrong(error, "unix:/PATH or inet:PORT@HOST was expected");
    }
    return take_text(setting, draft, values, error);
}

static bool take_unix_socket(const ConfigSetting *setting, ConfigDraft *draft,
                             const char *const *values, GError **error)
{
    if (!g_str_has_prefix(values[0], "unix:/"))
        return wrong(error, "unix:/PATH was expected");
    return take_socket(setting, draft, values, error);
}

static bool take_log(const ConfigSetting *setting G_GNUC_UNUSED, ConfigDraft *draft,
                     const char *const *values, GError **error)
{
    const char *path = values[0] + strlen("file:");

    if (g_ascii_strcasecmp(values[0], "syslog") == 0) {
        draft->config->log = LOG_TO_SYSLOG;
    } else if (g_ascii_strcasecmp(values[0], "stderr") == 0) {
        draft->config->log = LOG_TO_STDERR;
    } else if (g_str_has_prefix(values[0], "file:") && is_path(path, NULL)) {
        draft->config->log = LOG_TO_FILE;
        replace(&draft->config->log_file, path);
    } else {
        return wrong(error, "syslog, stderr or file:/PATH was expected");
    }
    return true;
}

static bool take_wrong_subject(const ConfigSetting *setting, ConfigDraft *draft,
                               const char *const *values, GError **error)
{
    const bool reject = g_ascii_strcasecmp(values[0], "reject") == 0;
    if (!reject && g_ascii_strcasecmp(values[0], "ignore") != 0)
        return wrong(error, "ignore or reject was expected");
    *(bool *)place(setting, draft) = reject;
    return true;
}

static bool take_table(const ConfigSetting *setting, ConfigDraft *draft, const char *const *values,
                       GError **error)
{
    const char *colon = strchr(values[0], ':');
    if (colon == NULL || colon == values[0] || colon[1] == '\0')
        return wrong(error, "TYPE:NAME was expected, as in texthash:/etc/batchload/senders");
    return take_text(setting, draft, values, error);
}

static bool take_submit(const ConfigSetting *setting, ConfigDraft *draft, const char *const *values,
                        GError **error)
{
    g_autoptr(GError) cause = NULL;
    if (!submit_target_valid(values[0], &cause))
        return wrong(error, "%s", cause->message);
    return take_text(setting, draft, values, error);
}

static bool take_uri(const ConfigSetting *setting, ConfigDraft *draft, const char *const *values,
                     GError **error)
{
    static const char *const schemes[] = {"ldapi://", "ldap://", "ldaps://"};
    g_auto(GStrv) uris = g_strsplit_set(values[0], DIRECTORY_SEPARATORS, -1);

    for (char **uri = uris; *uri != NULL; uri++) {
        g_autofree char *shown = text_printable(*uri, -1, SHOWN_MAX);
        bool known = **uri == '\0';
        for (gsize i = 0; i < G_N_ELEMENTS(schemes) && !known; i++)
            known = g_str_has_prefix(*uri, schemes[i]);
        if (!known)
            return wrong(error, "\"%s\" begins with none of ldapi://, ldap:// and ldaps://", shown);
    }
    return take_text(setting, draft, values, error);
}

static bool take_name(const ConfigSetting *setting, ConfigDraft *draft, const char *const *values,
                      GError **error)
{
    g_autofree char *shown = text_printable(values[0], -1, SHOWN_MAX);

    if (!directory_is_name(values[0]))
        return wrong(error, "\"%s\" is no name of an entry, such as dc=hoster,dc=example", shown);
    return take_text(setting, draft, values, error);
}

/* --- lists --- */

static bool take_batch_addresses(const ConfigSetting *setting, ConfigDraft *draft,
                                 const char *const *values, GError **error)
{
    g_autoptr(GStrvBuilder) builder = g_strv_builder_new();

    for (gsize i = 0; values[i] != NULL; i++) {
        g_autoptr(GError) cause = NULL;
        g_autoptr(Address) address = address_parse(values[i], NULL, &cause);
        if (address == NULL) {
            g_autofree char *shown = text_printable(values[i], -1, SHOWN_MAX);
            return wrong(error, "\"%s\": %s A full address is needed.", shown, cause->message);
        }
        g_strv_builder_add(builder, address->full);
    }
    g_strfreev(*(GStrv *)place(setting, draft));
    *(GStrv *)place(setting, draft) = g_strv_builder_end(builder);
    return values[0] != NULL || wrong(error, "at least one address is needed");
}

static bool take_address(const ConfigSetting *setting, ConfigDraft *draft,
                         const char *const *values, GError **error)
{
    g_autoptr(GError) cause = NULL;
    g_autoptr(Address) address = address_parse(values[0], NULL, &cause);

    if (address == NULL) {
        g_autofree char *shown = text_printable(values[0], -1, SHOWN_MAX);
        return wrong(error, "\"%s\": %s A full address is needed.", shown, cause->message);
    }
    g_free(*(char **)place(setting, draft));
    *(char **)place(setting, draft) = g_strdup(address->full);
    return true;
}

static bool take_locals(const ConfigSetting *setting, ConfigDraft *draft, const char *const *values,
                        GError **error)
{
    g_autoptr(GStrvBuilder) builder = g_strv_builder_new();

    for (gsize i = 0; values[i] != NULL; i++) {
        /* any domain will do: only the user part is of interest */
        g_autoptr(Address) address = address_from_parts(values[i], "example.com", NULL);
        if (address == NULL) {
            g_autofree char *shown = text_printable(values[i], -1, SHOWN_MAX);
            return wrong(error, "\"%s\" is not the user part of an address", shown);
        }
        g_strv_builder_add(builder, address->local);
    }
    g_strfreev(*(GStrv *)place(setting, draft));
    *(GStrv *)place(setting, draft) = g_strv_builder_end(builder);
    return true;
}

/* A scheme in the words of the configuration. */
typedef struct {
    const char *name;
    unsigned bit; /* in a file; 0: never */
    PasswordScheme scheme;
} SchemeName;

static const SchemeName scheme_names[] = {
    {"{CRYPT}$6$", PASSWORD_CRYPT_SHA512, PASSWORD_SCHEME_SHA512},
    {"{CRYPT}$y$", PASSWORD_CRYPT_YESCRYPT, PASSWORD_SCHEME_YESCRYPT},
    {"{ARGON2}", PASSWORD_ARGON2, PASSWORD_SCHEME_ARGON2},
    {"{SSHA512}", PASSWORD_SSHA512, PASSWORD_SCHEME_SSHA512},
    {"server", 0, PASSWORD_SCHEME_SERVER},
};

static const SchemeName *find_scheme(const char *name, bool in_file, GError **error)
{
    g_autofree char *shown = text_printable(name, -1, SHOWN_MAX);

    for (gsize i = 0; i < G_N_ELEMENTS(scheme_names); i++)
        if (g_ascii_strcasecmp(name, scheme_names[i].name) == 0 &&
            (!in_file || scheme_names[i].bit != 0))
            return &scheme_names[i];
    wrong(error, "\"%s\" is not one of {CRYPT}$6$, {CRYPT}$y$, {ARGON2}, {SSHA512}%s", shown,
          in_file ? "" : ", server");
    return NULL;
}

static bool take_scheme(const ConfigSetting *setting, ConfigDraft *draft, const char *const *values,
                        GError **error)
{
    const SchemeName *found = find_scheme(values[0], false, error);

    if (found == NULL)
        return false;
    *(PasswordScheme *)place(setting, draft) = found->scheme;
    return true;
}

static bool take_schemes(const ConfigSetting *setting, ConfigDraft *draft,
                         const char *const *values, GError **error)
{
    unsigned accepted = 0;

    for (gsize i = 0; values[i] != NULL; i++) {
        const SchemeName *found = find_scheme(values[i], true, error);
        if (found == NULL)
            return false;
        accepted |= found->bit;
    }
    *(unsigned *)place(setting, draft) = accepted;
    return true;
}

/* --- the table --- */

#define AT(member) offsetof(Config, member)
#define TOP(name, take, member, standard)                                                          \
    {                                                                                              \
        "", name, take, AT(member), 0, 0, standard, false                                          \
    }
#define LIST(name, take, member, standard)                                                         \
    {                                                                                              \
        "", name, take, AT(member), 0, 0, standard, true                                           \
    }
#define NUMBER(section, name, take, member, min, max, standard)                                    \
    {                                                                                              \
        section, name, take, AT(member), min, max, standard, false                                 \
    }
#define LIMIT(name, take, member, min, max, standard)                                              \
    NUMBER("limits", name, take, member, min, max, standard)
#define SPOOL(name, take, member, min, max, standard)                                              \
    NUMBER("spool", name, take, spool.member, min, max, standard)
#define DIRECTORY(name, take, member, min, max, standard)                                          \
    NUMBER("directory", name, take, directory.member, min, max, standard)

const ConfigSetting config_settings[CONFIG_SETTINGS] = {
    {"", "version", take_version, 0, 0, 0, NULL, false},
    TOP("socket", take_socket, socket, "unix:/run/batchload/milter"),
    TOP("socket_mode", take_mode, socket_mode, "0660"),
    TOP("socket_group", take_text, socket_group, NULL),
    TOP("user", take_text, user, NULL),
    TOP("log", take_log, log, "syslog"),
    NUMBER("", "workers", take_count, workers, 1, 64, "4"),
    TOP("parser", take_path, parser, LIBEXECDIR "/batchload-parse"),
    LIST("batch_addresses", take_batch_addresses, batch_addresses, NULL),
    TOP("sender_table", take_table, sender_table, "texthash:" SYSCONFDIR "/batchload/senders"),
    TOP("login_map", take_table, login_map, NULL),
    TOP("authserv_id", take_text, authserv_id, NULL),
    TOP("authserv_trusted", take_bool, authserv_trusted, "no"),
    TOP("wrong_subject", take_wrong_subject, wrong_subject_reject, "ignore"),
    LIST("reserved_addresses", take_locals, reserved_addresses,
         "postmaster abuse root hostmaster mailer-daemon"),
    TOP("modify_requires_password", take_bool, rules.modify_requires_password, "yes"),
    TOP("password_scheme", take_scheme, password_scheme, "{CRYPT}$6$"),
    LIST("hash_schemes", take_schemes, rules.hash_schemes,
         "{CRYPT}$6$ {CRYPT}$y$ {ARGON2} {SSHA512}"),
    NUMBER("", "atomic_rows", take_count, atomic_rows, 1, 100000, "5000"),
    NUMBER("", "slice_rows", take_count, slice_rows, 1, 5000, "500"),
    NUMBER("", "proof_wait", take_time, proof_wait, 60, 365 * DAY, "5d"),
    NUMBER("", "refusal_pause", take_time, refusal_pause, 0, HOUR, "2s"),
    NUMBER("", "refusals_per_hour", take_count, refusals_per_hour, 1, 100000, "20"),
    NUMBER("", "lockout_after", take_count, lockout.after, 1, 100000, "10"),
    NUMBER("", "lockout_time", take_time, lockout.seconds, 1, 30 * DAY, "1h"),
    NUMBER("", "lockout_pause", take_time, lockout.pause, 0, HOUR, "1s"),
    NUMBER("", "lockout_pairs_max", take_count, lockout.pairs_max, 10, 10000000, "10000"),
    TOP("addons", take_path, addons_folder, SYSCONFDIR "/batchload/addons"),
    TOP("addon_socket", take_unix_socket, addon_socket, "unix:/run/batchload-follow/socket"),
    TOP("addon_user", take_text, addon_user, NULL),
    NUMBER("", "addon_wait", take_time, addon_wait, 1, 7 * DAY, "10m"),
    TOP("panel_requester", take_address, panel_requester, NULL),
    TOP("panel_commands", take_path, panel_commands, SYSCONFDIR "/batchload/panel"),
    {"", "profile", take_profile, 0, 0, 0, PKGDATADIR "/policy/profiles/default.conf", false},
    TOP("submit", take_submit, submit.target, "smtp://127.0.0.1:10026"),
    TOP("submit_helo", take_text, submit.helo, NULL),
    NUMBER("", "response_bytes_max", take_size, response_bytes_max, MIB, 4 * GIB, "10240000"),
    NUMBER("", "compress_above", take_size, compress_above, 0, 4 * GIB, "5M"),
    NUMBER("", "submit_seconds", take_time, submit.seconds, 1, HOUR, "60"),

    LIMIT("message_bytes_max", take_size, request.message_bytes_max, KIB, 4 * GIB, "64M"),
    LIMIT("attachment_bytes_max", take_size, request.attachment_bytes_max, KIB, 4 * GIB, "48M"),
    LIMIT("header_bytes_max", take_size, request.header_bytes_max, KIB, 64 * MIB, "48k"),
    LIMIT("mime_depth_max", take_count, request.mime_depth_max, 1, 500, "20"),
    LIMIT("mime_parts_max", take_count, request.mime_parts_max, 1, 10000, "100"),
    LIMIT("parser_memory_max", take_size, request.parser_memory_max, 64 * MIB, 64 * GIB, "512M"),
    LIMIT("parser_cpu_seconds", take_time, request.parser_cpu_seconds, 1, HOUR, "60"),
    LIMIT("parser_seconds", take_time, request.parser_seconds, 1, HOUR, "120"),
    LIMIT("rows_max", take_count, table.rows_max, 1, 10000000, "1000000"),
    LIMIT("columns_max", take_count, table.columns_max, 4, 1000, "100"),
    LIMIT("field_bytes_max", take_size, table.field_bytes_max, 64, MIB, "64k"),
    LIMIT("export_rows_max", take_count, export_rows_max, 1, 10000000, "50000"),
    LIMIT("export_bytes_max", take_size, export_bytes_max, KIB, 256 * MIB, "16M"),
    LIMIT("list_members_max", take_count, list_members_max, 1, 1000000, "1000"),

    SPOOL("directory", take_path, directory, 0, 0, LOCALSTATEDIR "/spool/batchload"),
    SPOOL("key_file", take_path, key_file, 0, 0, SYSCONFDIR "/batchload/spool.key"),
    SPOOL("jobs_max", take_count, jobs_max, 1, 10000000, "10000"),
    SPOOL("bytes_max", take_size, bytes_max, MIB, 1024 * GIB, "4G"),
    SPOOL("client_jobs_max", take_count, client_jobs_max, 1, 10000000, "3000"),
    SPOOL("client_bytes_max", take_size, client_bytes_max, MIB, 1024 * GIB, "1G"),
    SPOOL("requester_jobs_max", take_count, requester_jobs_max, 1, 10000000, "2000"),
    SPOOL("requester_bytes_max", take_size, requester_bytes_max, MIB, 1024 * GIB, "512M"),
    SPOOL("free_min", take_size, free_min, 0, 1024 * GIB, "64M"),
    SPOOL("duplicate_days", take_count, duplicate_days, 1, 3650, "7"),
    SPOOL("keep_days", take_count, keep_days, 1, 3650, "30"),
    SPOOL("unproven_records_max", take_count, unproven_records_max, 100, 10000000, "10000"),
    SPOOL("audit_days", take_count, audit_days, 1, 36500, "365"),

    DIRECTORY("uri", take_uri, uri, 0, 0, "ldapi:///"),
    DIRECTORY("same_data", take_bool, same_data, 0, 0, "no"),
    DIRECTORY("base", take_name, base, 0, 0, NULL),
    DIRECTORY("bind_dn", take_name, bind_dn, 0, 0, NULL),
    {"directory", "bind_password_file", take_password_file, 0, 0, 0, NULL, false},
    DIRECTORY("starttls", take_bool, starttls, 0, 0, "no"),
    DIRECTORY("ca_file", take_path, ca_file, 0, 0, NULL),
    DIRECTORY("connect_seconds", take_time, connect_seconds, 1, 600, "5"),
    DIRECTORY("answer_seconds", take_time, answer_seconds, 1, HOUR, "30"),
    DIRECTORY("window", take_count, window, 1, 256, "64"),
};

int config_setting_find(const char *section, const char *name)
{
    for (int i = 0; i < CONFIG_SETTINGS; i++)
        if (strcmp(config_settings[i].section, section) == 0 &&
            strcmp(config_settings[i].name, name) == 0)
            return i;
    g_assert_not_reached();
}

bool config_setting_take(ConfigDraft *draft, int index, const char *const *values, GError **error)
{
    const ConfigSetting *setting = &config_settings[index];

    for (gsize i = 0; values[i] != NULL; i++) {
        if (!g_utf8_validate(values[i], -1, NULL))
            return wrong(error, "the value is not written in UTF-8");
        if (strlen(values[i]) > VALUE_MAX)
            return wrong(error, "the value is longer than %d bytes", VALUE_MAX);
        if (values[i][0] == '\0')
            return wrong(error, "an empty value can't be used; leave the setting out");
    }
    return setting->take(setting, draft, values, error);
}

void config_settings_default(ConfigDraft *draft)
{
    for (int i = 0; i < CONFIG_SETTINGS; i++) {
        const ConfigSetting *setting = &config_settings[i];
        g_autoptr(GError) error = NULL;
        g_auto(GStrv) values = NULL;
        if (setting->standard == NULL)
            continue;
        values = g_strsplit(setting->standard, setting->list ? " " : "\n", -1);
        if (!setting->take(setting, draft, (const char *const *)values, &error))
            g_error("default of %s: %s", setting->name, error->message);
    }
}
