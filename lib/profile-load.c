/* SPDX-License-Identifier: MIT */
#include "lib/conf-file.h"
#include "lib/directory.h"
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
    [NAME_ALIAS] = "aliases",
    [NAME_COUNTER] = "counter",
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
    char *fault;       /* the first */
    GHashTable *lines; /* of values of "attributes", as profile_take_allowed() takes them */
} parsing;

G_GNUC_PRINTF(2, 0)
static void take_fault(cfg_t *cfg, const char *format, va_list arguments)
{
    g_autofree char *text = g_strdup_vprintf(format, arguments);
    if (parsing.fault == NULL)
        parsing.fault = g_strdup_printf("%s:%d: %s", parsing.path, cfg->line, text);
}

/* --- reading the file --- */

/* Remembers where an attribute is listed, since what speaks against it may stand further down. */
static int on_attribute(cfg_t *cfg, cfg_opt_t *option)
{
    const unsigned count = cfg_opt_size(option);
    const char *last = count > 0 ? cfg_opt_getnstr(option, count - 1) : NULL;
    g_autofree char *name = g_ascii_strdown(last != NULL ? last : "", -1);
    g_autofree char *key = g_strconcat(cfg_name(cfg), " ", name, NULL);
    if (last != NULL && !g_hash_table_contains(parsing.lines, key))
        g_hash_table_insert(parsing.lines, g_steal_pointer(&key), GINT_TO_POINTER(cfg->line));
    return 0;
}

static cfg_t *options_new(void)
{
    cfg_opt_t field_options[FIELD_VALUE_COUNT + 1], digit_options[FIELD_WHITE_COUNT + 1];
    cfg_opt_t type_section[] = {CFG_STR_LIST("classes", NULL, CFGF_NODEFAULT),
                                CFG_STR("known_by", NULL, CFGF_NODEFAULT),
                                CFG_STR("with", NULL, CFGF_NODEFAULT),
                                CFG_STR("dn", NULL, CFGF_NODEFAULT),
                                CFG_STR_LIST("values", NULL, CFGF_NODEFAULT),
                                CFG_STR_LIST("lacks", NULL, CFGF_NODEFAULT),
                                CFG_BOOL("person", cfg_true, CFGF_NONE),
                                CFG_BOOL("joins", cfg_false, CFGF_NONE),
                                CFG_STR_LIST("containers", NULL, CFGF_NODEFAULT),
                                CFG_BOOL("entry", cfg_true, CFGF_NONE),
                                CFG_STR_LIST("attributes", NULL, CFGF_NODEFAULT),
                                CFG_END()};
    cfg_opt_t options[NAME_COUNT + TYPE_ENTRY_COUNT + 18];
    g_auto(GStrv) names = g_new0(char *, FIELD_VALUE_COUNT + 1);
    guint count = 0;
    cfg_t *cfg;
    type_section[10].validcb = on_attribute;
    for (guint i = 0; i < FIELD_VALUE_COUNT; i++) {
        names[i] = option_of(FIELD_VALUE_FIRST + i);
        field_options[i] = (cfg_opt_t)CFG_STR(names[i], NULL, CFGF_NODEFAULT);
    }
    for (guint i = 0; i < FIELD_WHITE_COUNT; i++)
        digit_options[i] = (cfg_opt_t)CFG_INT(field_name(FIELD_WHITE_FIRST + i), 0, CFGF_NONE);
    field_options[FIELD_VALUE_COUNT] = (cfg_opt_t)CFG_END();
    digit_options[FIELD_WHITE_COUNT] = (cfg_opt_t)CFG_END();
    options[count++] = (cfg_opt_t)CFG_INT("version", 0, CFGF_NONE);
    options[count++] = (cfg_opt_t)CFG_STR("name", NULL, CFGF_NODEFAULT);
    options[count++] = (cfg_opt_t)CFG_STR("domain_dn", NULL, CFGF_NODEFAULT);
    options[count++] = (cfg_opt_t)CFG_STR("counter_dn", NULL, CFGF_NODEFAULT);
    options[count++] = (cfg_opt_t)CFG_STR("mark_class", NULL, CFGF_NODEFAULT);
    options[count++] = (cfg_opt_t)CFG_STR("other_class", NULL, CFGF_NODEFAULT);
    options[count++] = (cfg_opt_t)CFG_STR("enabled_on", "TRUE", CFGF_NONE);
    options[count++] = (cfg_opt_t)CFG_STR("enabled_off", "FALSE", CFGF_NONE);
    options[count++] = (cfg_opt_t)CFG_BOOL("enabled_absent", cfg_true, CFGF_NONE);
    options[count++] = (cfg_opt_t)CFG_BOOL("keep_copy", cfg_false, CFGF_NONE);
    options[count++] = (cfg_opt_t)CFG_BOOL("own_among_aliases", cfg_false, CFGF_NONE);
    options[count++] = (cfg_opt_t)CFG_INT("quota_factor", 1, CFGF_NONE);
    options[count++] = (cfg_opt_t)CFG_STR("entry_dn", NULL, CFGF_NODEFAULT);
    options[count++] = (cfg_opt_t)CFG_STR("member_of", NULL, CFGF_NODEFAULT);
    for (guint i = 0; i < NAME_COUNT; i++)
        options[count++] = (cfg_opt_t)CFG_STR(name_options[i], NULL, CFGF_NODEFAULT);
    for (guint i = 0; i < TYPE_ENTRY_COUNT; i++)
        options[count++] = (cfg_opt_t)CFG_SEC(type_options[i], type_section, CFGF_NONE);
    options[count++] = (cfg_opt_t)CFG_SEC("externals", type_section, CFGF_NONE);
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

static bool is_name(const char *name)
{
    return g_ascii_isalpha(*name) &&
           name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-")] ==
               '\0';
}

/* An attribute or class name, which goes into filters as it is. */
static bool take_name(cfg_t *cfg, const char *option, const char *path, char **out, GError **error)
{
    const char *name = cfg_getstr(cfg, option);
    if (name == NULL || *name == '\0')
        return refuse(error, PROFILE_ERROR_NOT_AVAILABLE, path, option,
                      "a profile without it is not available yet");
    if (!is_name(name))
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

static bool check_template(const char *text, const char *option, const char *allowed,
                           const char *path, GError **error)
{
    for (const char *at = strchr(text, '%'); at != NULL; at = strchr(at + 2, '%')) {
        if (at[1] == '\0' || strchr(allowed, at[1]) == NULL)
            return refuse(error, PROFILE_ERROR_SYNTAX, path, option,
                          "a percent sign is followed by something unknown");
    }
    return true;
}

static bool take_template(cfg_t *cfg, const char *option, const char *allowed, const char *path,
                          char **out, GError **error)
{
    const char *text = cfg_getstr(cfg, option);
    if (text == NULL || *text == '\0')
        return refuse(error, PROFILE_ERROR_SYNTAX, path, option, "is missing");
    *out = g_strdup(text);
    return check_template(text, option, allowed, path, error);
}

/* An entry lies below its domain, named by its address. *depth: how far. */
static bool check_dn(const Profile *profile, const char *dn, const char *option, unsigned *depth,
                     const char *path, GError **error)
{
    g_autofree char *below = g_strconcat(",", profile->domain_dn, NULL);
    g_autofree char *rest = NULL;
    if (!g_str_has_suffix(dn, below))
        return refuse(error, PROFILE_ERROR_NOT_AVAILABLE, path, option,
                      "entries elsewhere than below domain_dn are not available");
    rest = g_strndup(dn, strlen(dn) - strlen(below));
    g_auto(GStrv) parts = g_strsplit(rest, ",", -1);
    if (strstr(parts[0], "%a") == NULL && strstr(parts[0], "%l") == NULL)
        return refuse(error, PROFILE_ERROR_SYNTAX, path, option,
                      "has neither %a nor %l in its first part");
    if (strchr(rest, '+') != NULL)
        return refuse(error, PROFILE_ERROR_NOT_AVAILABLE, path, option,
                      "names of several attributes are not available");
    *depth = g_strv_length(parts);
    return true;
}

static bool check_templates(Profile *profile, const char *path, GError **error)
{
    if (strstr(profile->domain_dn, "%d") == NULL)
        return refuse(error, PROFILE_ERROR_SYNTAX, path, "domain_dn", "has no %d");
    return check_dn(profile, profile->entry_dn, "entry_dn", &profile->depth, path, error);
}

/* "attribute=value" */
static bool take_pair(const char *text, const char *option, char **attribute, char **value,
                      const char *path, GError **error)
{
    const char *equals = strchr(text, '=');
    *attribute = equals != NULL ? g_strndup(text, (gsize)(equals - text)) : NULL;
    *value = equals != NULL ? g_strdup(equals + 1) : NULL;
    if (equals == NULL || **value == '\0' || !is_name(*attribute))
        return refuse(error, PROFILE_ERROR_SYNTAX, path, option,
                      "is not written as attribute=value");
    return true;
}

static bool take_fixed(cfg_t *cfg, ProfileType *type, const Profile *profile, const char *path,
                       GError **error)
{
    const guint count = cfg_size(cfg, "values");
    type->fixed = g_new0(char *, 2 * count + 1);
    for (guint i = 0; i < count; i++) {
        char **pair = &type->fixed[2 * i];
        if (!take_pair(cfg_getnstr(cfg, "values", i), "values", &pair[0], &pair[1], path, error) ||
            !check_template(pair[1], "values", "bdalmn%", path, error))
            return false;
        if (strstr(pair[1], "%n") == NULL)
            continue;
        type->numbered = true;
        if (!g_str_equal(pair[1], "%n"))
            return refuse(error, PROFILE_ERROR_NOT_AVAILABLE, path, "values",
                          "a number of the counter stands for itself only");
        if (profile->counter_dn == NULL || profile->name[NAME_COUNTER] == NULL)
            return refuse(error, PROFILE_ERROR_SYNTAX, path, "values",
                          "%n needs counter and counter_dn");
    }
    return true;
}

/* Columns and actions. */
static bool take_lacks(cfg_t *cfg, ProfileType *type, const char *path, GError **error)
{
    for (guint i = 0; i < cfg_size(cfg, "lacks"); i++) {
        const char *name = cfg_getnstr(cfg, "lacks", i);
        Field field;
        Action action;
        if (action_find(name, &action))
            type->lacks_action[action] = true;
        else if (field_find(name, &field))
            type->lacks[field] = true;
        else
            return refuse(error, PROFILE_ERROR_SYNTAX, path, "lacks",
                          "names neither a column nor an action");
    }
    type->lacks_action[ACTION_RESUME] |= type->lacks_action[ACTION_SUSPEND];
    return true;
}

/* They are organizational units, made and deleted with their domain. */
static bool take_containers(cfg_t *cfg, ProfileType *type, const Profile *profile, const char *path,
                            GError **error)
{
    const guint count = cfg_size(cfg, "containers");
    if (count > 0 && type != &profile->type[TYPE_DOMAIN])
        return refuse(error, PROFILE_ERROR_SYNTAX, path, "containers", "only a domain has them");
    if (count > PROFILE_CONTAINERS_MAX)
        return refuse(error, PROFILE_ERROR_SYNTAX, path, "containers",
                      "are more than " G_STRINGIFY(PROFILE_CONTAINERS_MAX));
    type->containers = count > 0 ? g_new0(char *, count + 1) : NULL;
    for (guint i = 0; i < count; i++) {
        const char *name = cfg_getnstr(cfg, "containers", i);
        if (!directory_is_plain(name) || *name == '\0')
            return refuse(error, PROFILE_ERROR_SYNTAX, path, "containers",
                          "has the name of an organizational unit that is not plain text");
        type->containers[i] = g_strdup(name);
    }
    return true;
}

static bool take_ways(cfg_t *cfg, ProfileType *type, Profile *profile, const char *path,
                      GError **error)
{
    const char *with = cfg_getstr(cfg, "with"), *dn = cfg_getstr(cfg, "dn");
    unsigned depth = 1;
    if (with != NULL && !take_pair(with, "with", &type->with, &type->with_value, path, error))
        return false;
    if (dn != NULL) {
        if (!take_template(cfg, "dn", "bdal%", path, &type->dn, error) ||
            !check_dn(profile, dn, "dn", &depth, path, error))
            return false;
        profile->depth = MAX(profile->depth, depth);
        profile->many |= !g_str_equal(dn, profile->entry_dn);
    }
    type->nameless = !cfg_getbool(cfg, "person");
    type->joins = cfg_getbool(cfg, "joins");
    return take_fixed(cfg, type, profile, path, error) && take_lacks(cfg, type, path, error) &&
           take_containers(cfg, type, profile, path, error);
}

/* One without an entry is known by its members. */
static bool take_bare(ProfileType *type, const Profile *profile, const char *option,
                      const char *path, GError **error)
{
    if (!profile->on_member || !g_str_equal(option, type_options[TYPE_LIST]))
        return refuse(error, PROFILE_ERROR_NOT_AVAILABLE, path, option,
                      "only a list that its members have (member_of) can be without an entry");
    type->bare = true;
    type->classes = g_new0(char *, 1);
    type->known_by = g_strdup(BARE_CLASS);
    return true;
}

static bool take_type(cfg_t *cfg, Profile *profile, ProfileType *type, const char *option,
                      const char *path, GError **error)
{
    const guint count = cfg_size(cfg, "classes");
    const char *known_by = cfg_getstr(cfg, "known_by");
    if (!cfg_getbool(cfg, "entry"))
        return take_bare(type, profile, option, path, error);
    if (count == 0 && (known_by == NULL || *known_by == '\0') &&
        !g_str_equal(option, type_options[TYPE_FULL]))
        return true;
    if (!take_name(cfg, "known_by", path, &type->known_by, error))
        return false;
    type->classes = g_new0(char *, count + 1);
    for (guint i = 0; i < count; i++)
        type->classes[i] = g_strdup(cfg_getnstr(cfg, "classes", i));
    for (guint i = 0; i < count; i++) {
        if (g_ascii_strcasecmp(type->classes[i], type->known_by) == 0)
            return take_ways(cfg, type, profile, path, error);
    }
    return refuse(error, PROFILE_ERROR_SYNTAX, path, option, "known_by is not one of classes");
}

/* They are found by the lists that they have, at a place of their own. */
static bool check_externals(const Profile *profile, const char *path, GError **error)
{
    const ProfileType *type = &profile->externals;
    if (type->known_by == NULL)
        return true;
    if (!profile->on_member)
        return refuse(error, PROFILE_ERROR_SYNTAX, path, "externals", "needs member_of");
    return type->dn != NULL || refuse(error, PROFILE_ERROR_SYNTAX, path, "dn", "is missing");
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

/* What it does without. */
static bool take_rules(Profile *profile, cfg_t *cfg, const char *path, GError **error)
{
    const long factor = cfg_getint(cfg, "quota_factor");
    const char *title = cfg_getstr(cfg, "name");
    g_autofree char *file = g_path_get_basename(path);
    if (g_str_has_suffix(file, ".conf"))
        file[strlen(file) - strlen(".conf")] = '\0';
    profile->title = g_strdup(title != NULL && *title != '\0' ? title : file);
    profile->enabled_on = g_strdup(cfg_getstr(cfg, "enabled_on"));
    profile->enabled_off = g_strdup(cfg_getstr(cfg, "enabled_off"));
    profile->enabled_absent = cfg_getbool(cfg, "enabled_absent");
    profile->keep_copy = cfg_getbool(cfg, "keep_copy");
    profile->own_among_aliases = cfg_getbool(cfg, "own_among_aliases");
    if (factor < 1 || factor > PROFILE_QUOTA_FACTOR_MAX)
        return refuse(error, PROFILE_ERROR_SYNTAX, path, "quota_factor", "is not a number from 1");
    profile->quota_factor = (guint64)factor;
    if (*profile->enabled_on == '\0' || *profile->enabled_off == '\0' ||
        g_ascii_strcasecmp(profile->enabled_on, profile->enabled_off) == 0)
        return refuse(error, PROFILE_ERROR_SYNTAX, path, "enabled_on",
                      "and enabled_off are not two different values");
    return (cfg_getstr(cfg, "counter_dn") == NULL ||
            take_template(cfg, "counter_dn", "b%", path, &profile->counter_dn, error)) &&
           take_optional(cfg, "mark_class", path, &profile->mark_class, error) &&
           take_optional(cfg, "other_class", path, &profile->other_class, error);
}

static bool take_names(Profile *profile, cfg_t *cfg, const char *path, GError **error)
{
    cfg_t *fields = cfg_getsec(cfg, "fields");
    for (guint i = 0; i < NAME_COUNT; i++) {
        if (!(i < NAME_FIRST_OPTIONAL ? take_name : take_optional)(cfg, name_options[i], path,
                                                                   &profile->name[i], error))
            return false;
    }
    for (Field field = FIELD_VALUE_FIRST; field <= FIELD_VALUE_LAST; field++) {
        const bool needed = field == FIELD_GIVENNAME || field == FIELD_SURNAME;
        g_autofree char *option = option_of(field);
        if (!(needed ? take_name : take_optional)(
                fields, option, path, &profile->field[field - FIELD_VALUE_FIRST], error))
            return false;
    }
    profile->many = profile->name[NAME_ALIAS] != NULL;
    if (cfg_getstr(cfg, "member_of") != NULL && profile->name[NAME_MEMBER] != NULL)
        return refuse(error, PROFILE_ERROR_SYNTAX, path, "member_of",
                      "is given beside member: either lists have their members, or these have "
                      "their lists");
    if (!profile->name[NAME_MEMBER]) {
        if (!take_optional(cfg, "member_of", path, &profile->name[NAME_MEMBER], error))
            return false;
        profile->on_member = profile->name[NAME_MEMBER] != NULL;
        profile->many |= profile->on_member;
    }
    return take_digits(cfg_getsec(cfg, "digits"), profile, path, error);
}

static bool take_options(Profile *profile, cfg_t *cfg, const char *path, GError **error)
{
    if (!check_version(cfg, path, error) ||
        !take_template(cfg, "domain_dn", "bd%", path, &profile->domain_dn, error) ||
        !take_template(cfg, "entry_dn", "bdal%", path, &profile->entry_dn, error) ||
        !check_templates(profile, path, error) || !take_names(profile, cfg, path, error) ||
        !take_rules(profile, cfg, path, error))
        return false;
    for (guint i = 0; i < TYPE_ENTRY_COUNT; i++) {
        if (!take_type(cfg_getsec(cfg, type_options[i]), profile, &profile->type[i],
                       type_options[i], path, error))
            return false;
    }
    if (!take_type(cfg_getsec(cfg, "externals"), profile, &profile->externals, "externals", path,
                   error) ||
        !check_externals(profile, path, error))
        return false;
    return profile_take_allowed(profile, cfg, type_options, parsing.lines, path, error);
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
        if (i != NAME_PASSWORD && i != NAME_COUNTER)
            add_attribute(profile->attributes, profile->name[i]);
    }
    for (guint i = 0; i < TYPE_ENTRY_COUNT; i++)
        add_attribute(profile->attributes, profile->type[i].with);
    for (guint i = 0; i < FIELD_VALUE_COUNT; i++)
        add_attribute(profile->attributes, profile->field[i]);
    for (guint i = 0; profile->allowed->pdata[i] != NULL; i++)
        add_attribute(profile->attributes, profile->allowed->pdata[i]);
    g_ptr_array_add(profile->attributes, NULL);
}

static void list_routing(Profile *profile)
{
    static const ProfileName names[] = {NAME_ADDRESS,   NAME_ENABLED,       NAME_MARK,
                                        NAME_UNIQUE_ID, NAME_VERSION,       NAME_TARGET,
                                        NAME_MEMBER,    NAME_TARGET_DOMAIN, NAME_ALIAS};
    profile->routing = g_ptr_array_new();
    g_ptr_array_add(profile->routing, (char *)"objectClass");
    for (guint i = 0; i < G_N_ELEMENTS(names); i++)
        add_attribute(profile->routing, profile->name[names[i]]);
    for (guint i = 0; i < TYPE_ENTRY_COUNT; i++)
        add_attribute(profile->routing, profile->type[i].with);
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
    for (guint i = 0; profile->allowed->pdata[i] != NULL; i++)
        g_hash_table_insert(profile->columns, profile->allowed->pdata[i],
                            GINT_TO_POINTER(FIELD_ATTRIBUTE));
}

Profile *profile_load(const char *path, const char *base, GError **error)
{
    g_autoptr(Profile) profile = g_new0(Profile, 1);
    cfg_t *cfg = options_new();
    parsing.lines = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    const bool good = parse_file(cfg, path, error) && take_options(profile, cfg, path, error);
    g_clear_pointer(&parsing.lines, g_hash_table_unref);
    cfg_free(cfg);
    if (!good)
        return NULL;
    profile->base = g_strdup(base);
    profile_list_allowed(profile);
    list_attributes(profile);
    list_routing(profile);
    list_columns(profile);
    profile->other_domain[0] =
        profile->name[NAME_TARGET_DOMAIN] != NULL ? profile->name[NAME_TARGET_DOMAIN] : "1.1";
    return g_steal_pointer(&profile);
}

static void type_clear(ProfileType *type)
{
    g_strfreev(type->classes);
    g_strfreev(type->fixed);
    g_strfreev(type->attributes);
    g_strfreev(type->containers);
    g_free(type->known_by);
    g_free(type->with);
    g_free(type->with_value);
    g_free(type->dn);
}

void profile_free(Profile *profile)
{
    if (profile == NULL)
        return;
    g_free(profile->title);
    g_free(profile->base);
    g_free(profile->domain_dn);
    g_free(profile->entry_dn);
    g_free(profile->counter_dn);
    g_free(profile->mark_class);
    g_free(profile->other_class);
    g_free(profile->enabled_on);
    g_free(profile->enabled_off);
    for (guint i = 0; i < NAME_COUNT; i++)
        g_free(profile->name[i]);
    for (guint i = 0; i < FIELD_VALUE_COUNT; i++)
        g_free(profile->field[i]);
    for (guint i = 0; i < TYPE_ENTRY_COUNT; i++)
        type_clear(&profile->type[i]);
    type_clear(&profile->externals);
    g_clear_pointer(&profile->allowed, g_ptr_array_unref);
    g_clear_pointer(&profile->allowed_columns, g_ptr_array_unref);
    g_clear_pointer(&profile->attributes, g_ptr_array_unref);
    g_clear_pointer(&profile->routing, g_ptr_array_unref);
    g_clear_pointer(&profile->columns, g_hash_table_unref);
    g_free(profile);
}
