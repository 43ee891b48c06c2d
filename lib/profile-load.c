/* SPDX-License-Identifier: MIT */
#include "lib/conf-file.h"
#include "lib/profile-private.h"

#include <string.h>

G_DEFINE_QUARK(batchload_profile_error, profile_error)

static const char *const name_options[NAME_COUNT] = {
    [NAME_ADDRESS] = "address",
    [NAME_COMMON_NAME] = "common_name",
    [NAME_ENABLED] = "enabled",
    [NAME_MARK] = "mark",
    [NAME_UNIQUE_ID] = "unique_id",
    [NAME_VERSION] = "entry_version",
    [NAME_PASSWORD] = "password",
    [NAME_MAILBOX_ID] = "mailbox_id",
    [NAME_TARGET] = "target",
    [NAME_MEMBER] = "member",
    [NAME_MEMBER_NAME] = "member_name",
    [NAME_BLOCKED] = "blocked",
    [NAME_OWNER] = "owner",
    [NAME_TARGET_DOMAIN] = "target_domain",
};

static const char *const type_options[TYPE_ENTRY_COUNT] = {
    [TYPE_FULL] = "full",
    [TYPE_FORWARD] = "forward",
    [TYPE_LIST] = "list",
    [TYPE_DLIST] = "dlist",
    [TYPE_ALIAS] = "alias",
    [TYPE_CATCHALL] = "catchall",
    [TYPE_GROUP] = "group",
    [TYPE_RESOURCE] = "resource",
    [TYPE_RESOURCEGROUP] = "resourcegroup",
    [TYPE_DOMAIN] = "domain",
    [TYPE_DOMAINALIAS] = "domainalias",
};

/* A field's name as an option has it: without blanks. Caller owns the result. */
static char *option_of(Field field)
{
    return g_strdelimit(g_strdup(field_name(field)), " ", '_');
}

/* libconfuse hands its error function nothing of the caller's; this lives for one call. */
static _Thread_local struct {
    const char *path;
    char *fault; /* the first */
} parsing;

G_GNUC_PRINTF(2, 0)
static void take_fault(cfg_t *cfg, const char *format, va_list arguments)
{
    g_autofree char *text = g_strdup_vprintf(format, arguments);
    if (parsing.fault == NULL)
        parsing.fault = g_strdup_printf("%s:%d: %s", parsing.path, cfg->line, text);
}

/* --- reading the file --- */

static cfg_t *options_new(void)
{
    cfg_opt_t field_options[FIELD_VALUE_COUNT + 1], digit_options[FIELD_WHITE_COUNT + 1];
    cfg_opt_t type_section[] = {CFG_STR_LIST("classes", NULL, CFGF_NODEFAULT),
                                CFG_STR("known_by", NULL, CFGF_NODEFAULT), CFG_END()};
    cfg_opt_t options[NAME_COUNT + TYPE_ENTRY_COUNT + 6];
    g_auto(GStrv) names = g_new0(char *, FIELD_VALUE_COUNT + 1);
    guint count = 0;
    cfg_t *cfg;
    for (guint i = 0; i < FIELD_VALUE_COUNT; i++) {
        names[i] = option_of(FIELD_VALUE_FIRST + i);
        field_options[i] = (cfg_opt_t)CFG_STR(names[i], NULL, CFGF_NODEFAULT);
    }
    for (guint i = 0; i < FIELD_WHITE_COUNT; i++)
        digit_options[i] = (cfg_opt_t)CFG_INT(field_name(FIELD_WHITE_FIRST + i), 0, CFGF_NONE);
    field_options[FIELD_VALUE_COUNT] = (cfg_opt_t)CFG_END();
    digit_options[FIELD_WHITE_COUNT] = (cfg_opt_t)CFG_END();
    options[count++] = (cfg_opt_t)CFG_INT("version", 0, CFGF_NONE);
    options[count++] = (cfg_opt_t)CFG_STR("domain_dn", NULL, CFGF_NODEFAULT);
    options[count++] = (cfg_opt_t)CFG_STR("entry_dn", NULL, CFGF_NODEFAULT);
    for (guint i = 0; i < NAME_COUNT; i++)
        options[count++] = (cfg_opt_t)CFG_STR(name_options[i], NULL, CFGF_NODEFAULT);
    for (guint i = 0; i < TYPE_ENTRY_COUNT; i++)
        options[count++] = (cfg_opt_t)CFG_SEC(type_options[i], type_section, CFGF_NONE);
    options[count++] = (cfg_opt_t)CFG_SEC("fields", field_options, CFGF_NONE);
    options[count++] = (cfg_opt_t)CFG_SEC("digits", digit_options, CFGF_NONE);
    options[count++] = (cfg_opt_t)CFG_END();
    cfg = cfg_init(options, CFGF_NONE); /* copies them */
    cfg_set_error_function(cfg, take_fault);
    return cfg;
}

static bool parse_file(cfg_t *cfg, const char *path, GError **error)
{
    const char *why = NULL;
    int result;
    parsing.path = path;
    result = conf_file_parse(cfg, path, &why);
    if (result == CFG_FILE_ERROR)
        g_set_error(error, PROFILE_ERROR, PROFILE_ERROR_SYNTAX, "%s: cannot be read: %s", path,
                    why);
    else if (result != CFG_SUCCESS)
        g_set_error(error, PROFILE_ERROR, PROFILE_ERROR_SYNTAX, "%s",
                    parsing.fault != NULL ? parsing.fault : path);
    g_clear_pointer(&parsing.fault, g_free);
    return result == CFG_SUCCESS;
}

/* --- checking --- */

static bool refuse(GError **error, ProfileError code, const char *path, const char *option,
                   const char *why)
{
    g_set_error(error, PROFILE_ERROR, code, "%s: %s: %s", path, option, why);
    return false;
}

static bool check_version(cfg_t *cfg, const char *path, GError **error)
{
    const long version = cfg_getint(cfg, "version");
    if (version < 1)
        return refuse(error, PROFILE_ERROR_SYNTAX, path, "version", "is missing");
    if (version > PROFILE_VERSION)
        return refuse(error, PROFILE_ERROR_NOT_AVAILABLE, path, "version",
                      "this profile is made for a newer batchload");
    return true;
}

/* An attribute or class name, which goes into filters as it is. */
static bool take_name(cfg_t *cfg, const char *option, const char *path, char **out, GError **error)
{
    const char *name = cfg_getstr(cfg, option);
    if (name == NULL || *name == '\0')
        return refuse(error, PROFILE_ERROR_NOT_AVAILABLE, path, option,
                      "a profile without it is not available yet");
    if (!g_ascii_isalpha(*name) ||
        strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") !=
            strlen(name))
        return refuse(error, PROFILE_ERROR_SYNTAX, path, option,
                      "a name has letters, digits and hyphens only");
    *out = g_strdup(name);
    return true;
}

/* The same of what a profile may do without. */
static bool take_optional(cfg_t *cfg, const char *option, const char *path, char **out,
                          GError **error)
{
    const char *name = cfg_getstr(cfg, option);
    return name == NULL || *name == '\0' || take_name(cfg, option, path, out, error);
}

static bool take_template(cfg_t *cfg, const char *option, const char *allowed, const char *path,
                          char **out, GError **error)
{
    const char *text = cfg_getstr(cfg, option);
    if (text == NULL || *text == '\0')
        return refuse(error, PROFILE_ERROR_SYNTAX, path, option, "is missing");
    for (const char *at = strchr(text, '%'); at != NULL; at = strchr(at + 2, '%')) {
        if (at[1] == '\0' || strchr(allowed, at[1]) == NULL)
            return refuse(error, PROFILE_ERROR_SYNTAX, path, option,
                          "a percent sign is followed by something unknown");
    }
    *out = g_strdup(text);
    return true;
}

/* One address, one name: an entry lies directly below its domain, named by its address. */
static bool check_templates(const Profile *profile, const char *path, GError **error)
{
    g_autofree char *below = g_strconcat(",", profile->domain_dn, NULL);
    g_autofree char *rdn = NULL;
    if (strstr(profile->domain_dn, "%d") == NULL)
        return refuse(error, PROFILE_ERROR_SYNTAX, path, "domain_dn", "has no %d");
    if (!g_str_has_suffix(profile->entry_dn, below))
        return refuse(error, PROFILE_ERROR_NOT_AVAILABLE, path, "entry_dn",
                      "entries elsewhere than directly below domain_dn are not available yet");
    rdn = g_strndup(profile->entry_dn, strlen(profile->entry_dn) - strlen(below));
    if (strstr(rdn, "%a") == NULL && strstr(rdn, "%l") == NULL)
        return refuse(error, PROFILE_ERROR_SYNTAX, path, "entry_dn", "has neither %a nor %l");
    if (strpbrk(rdn, ",+") != NULL)
        return refuse(error, PROFILE_ERROR_NOT_AVAILABLE, path, "entry_dn",
                      "entries elsewhere than directly below domain_dn are not available yet");
    return true;
}

static bool take_type(cfg_t *cfg, ProfileType *type, const char *option, bool optional,
                      const char *path, GError **error)
{
    const guint count = cfg_size(cfg, "classes");
    const char *known_by = cfg_getstr(cfg, "known_by");
    if (count == 0 && (known_by == NULL || *known_by == '\0') && optional)
        return true;
    if (!take_name(cfg, "known_by", path, &type->known_by, error))
        return false;
    type->classes = g_new0(char *, count + 1);
    for (guint i = 0; i < count; i++)
        type->classes[i] = g_strdup(cfg_getnstr(cfg, "classes", i));
    for (guint i = 0; i < count; i++) {
        if (g_ascii_strcasecmp(type->classes[i], type->known_by) == 0)
            return true;
    }
    return refuse(error, PROFILE_ERROR_SYNTAX, path, option, "known_by is not one of classes");
}

static bool take_digits(cfg_t *digits, Profile *profile, const char *path, GError **error)
{
    for (guint i = 0; i < FIELD_WHITE_COUNT; i++) {
        long count = cfg_getint(digits, field_name(FIELD_WHITE_FIRST + i));
        if (count < 0 || count > PROFILE_DIGITS_MAX)
            return refuse(error, PROFILE_ERROR_SYNTAX, path, "digits",
                          "a number of digits is not from 0 to 40");
        profile->digits[i] = (unsigned)count;
    }
    return true;
}

static bool take_options(Profile *profile, cfg_t *cfg, const char *path, GError **error)
{
    cfg_t *fields = cfg_getsec(cfg, "fields");
    if (!check_version(cfg, path, error) ||
        !take_template(cfg, "domain_dn", "bd%", path, &profile->domain_dn, error) ||
        !take_template(cfg, "entry_dn", "bdal%", path, &profile->entry_dn, error) ||
        !check_templates(profile, path, error))
        return false;
    for (guint i = 0; i < NAME_COUNT; i++) {
        if (!(i < NAME_FIRST_OPTIONAL ? take_name : take_optional)(cfg, name_options[i], path,
                                                                   &profile->name[i], error))
            return false;
    }
    for (guint i = 0; i < FIELD_VALUE_COUNT; i++) {
        g_autofree char *option = option_of(FIELD_VALUE_FIRST + i);
        if (!(i < FIELD_WHITE_COUNT ? take_name : take_optional)(fields, option, path,
                                                                 &profile->field[i], error))
            return false;
    }
    if (!take_digits(cfg_getsec(cfg, "digits"), profile, path, error))
        return false;
    for (guint i = 0; i < TYPE_ENTRY_COUNT; i++) {
        if (!take_type(cfg_getsec(cfg, type_options[i]), &profile->type[i], type_options[i],
                       i > TYPE_LIST, path, error))
            return false;
    }
    return true;
}

/* --- the whole --- */

/* Each is asked for once: an attribute may be that of several columns. */
static void add_attribute(GPtrArray *list, char *attribute)
{
    for (guint i = 0; i < list->len && attribute != NULL; i++)
        if (g_ascii_strcasecmp(list->pdata[i], attribute) == 0)
            return;
    if (attribute != NULL)
        g_ptr_array_add(list, attribute);
}

/* Passwords are not asked for: nothing needs to see one. */
static void list_attributes(Profile *profile)
{
    profile->attributes = g_ptr_array_new();
    g_ptr_array_add(profile->attributes, (char *)"objectClass");
    for (guint i = 0; i < NAME_COUNT; i++) {
        if (i != NAME_PASSWORD)
            add_attribute(profile->attributes, profile->name[i]);
    }
    for (guint i = 0; i < FIELD_VALUE_COUNT; i++)
        add_attribute(profile->attributes, profile->field[i]);
    g_ptr_array_add(profile->attributes, NULL);
}

static void list_routing(Profile *profile)
{
    static const ProfileName names[] = {NAME_ADDRESS,   NAME_ENABLED,      NAME_MARK,
                                        NAME_UNIQUE_ID, NAME_VERSION,      NAME_TARGET,
                                        NAME_MEMBER,    NAME_TARGET_DOMAIN};
    profile->routing = g_ptr_array_new();
    g_ptr_array_add(profile->routing, (char *)"objectClass");
    for (guint i = 0; i < G_N_ELEMENTS(names); i++)
        add_attribute(profile->routing, profile->name[names[i]]);
    g_ptr_array_add(profile->routing, NULL);
}

static void list_columns(Profile *profile)
{
    profile->columns = g_hash_table_new(g_str_hash, g_str_equal);
    for (guint i = 0; i < NAME_COUNT; i++)
        if (profile->name[i] != NULL)
            g_hash_table_insert(
                profile->columns, profile->name[i],
                GINT_TO_POINTER(profile_column_of_attribute(profile, profile->name[i])));
    for (guint i = 0; i < FIELD_VALUE_COUNT; i++)
        if (profile->field[i] != NULL)
            g_hash_table_insert(
                profile->columns, profile->field[i],
                GINT_TO_POINTER(profile_column_of_attribute(profile, profile->field[i])));
}

Profile *profile_load(const char *path, const char *base, GError **error)
{
    g_autoptr(Profile) profile = g_new0(Profile, 1);
    cfg_t *cfg = options_new();
    const bool good = parse_file(cfg, path, error) && take_options(profile, cfg, path, error);
    cfg_free(cfg);
    if (!good)
        return NULL;
    profile->base = g_strdup(base);
    list_attributes(profile);
    list_routing(profile);
    list_columns(profile);
    profile->other_domain[0] =
        profile->name[NAME_TARGET_DOMAIN] != NULL ? profile->name[NAME_TARGET_DOMAIN] : "1.1";
    return g_steal_pointer(&profile);
}

void profile_free(Profile *profile)
{
    if (profile == NULL)
        return;
    g_free(profile->base);
    g_free(profile->domain_dn);
    g_free(profile->entry_dn);
    for (guint i = 0; i < NAME_COUNT; i++)
        g_free(profile->name[i]);
    for (guint i = 0; i < FIELD_VALUE_COUNT; i++)
        g_free(profile->field[i]);
    for (guint i = 0; i < TYPE_ENTRY_COUNT; i++) {
        g_strfreev(profile->type[i].classes);
        g_free(profile->type[i].known_by);
    }
    g_clear_pointer(&profile->attributes, g_ptr_array_unref);
    g_clear_pointer(&profile->routing, g_ptr_array_unref);
    g_clear_pointer(&profile->columns, g_hash_table_unref);
    g_free(profile);
}
