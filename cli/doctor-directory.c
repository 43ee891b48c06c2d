/* SPDX-License-Identifier: MIT */
#include "cli/doctor.h"

#include <string.h>

#define DATABASES_MAX 100

/* What is wrong with one that a type lists, or NULL. Caller owns it. */
static char *listed_fault(const DirectorySchema *schema, const Profile *profile, ObjectType type,
                          const char *name)
{
    switch (directory_schema_attribute(schema, name)) {
    case SCHEMA_UNKNOWN:
        return g_strdup_printf("The directory does not know the attribute %s", name);
    case SCHEMA_KEPT:
        return g_strdup_printf("The directory itself keeps the attribute %s", name);
    case SCHEMA_NOT_TEXT:
        return g_strdup_printf("The attribute %s holds no text, or a password", name);
    case SCHEMA_TEXT:
        break;
    }
    if (directory_schema_allows(schema, profile_classes(profile, type), name))
        return NULL;
    return g_strdup_printf("The classes of the type %s do not allow the attribute %s",
                           type_name(type), name);
}

/* The first that columns may name and that rows would fail with. */
static void look_at_listed(Doctor *doctor, const Profile *profile, const DirectorySchema *schema)
{
    const char *const *const *listed = profile_allowed(profile);

    for (int type = 0; type < TYPE_COUNT; type++)
        for (gsize i = 0; listed[type] != NULL && listed[type][i] != NULL; i++) {
            g_autofree char *fault =
                listed_fault(schema, profile, (ObjectType)type, listed[type][i]);
            if (fault == NULL)
                continue;
            doctor_say(doctor, FINDING_WRONG, "attributes",
                       "%s: rows with the column @%s fail. Take it off \"attributes\" of the "
                       "profile, or load a schema that has it.",
                       fault, listed[type][i]);
            return;
        }
    doctor_say(doctor, FINDING_GOOD, "attributes",
               "The directory takes all attributes that columns may name.");
}

static void look_at_schema(Doctor *doctor, const Config *config, Directory *directory)
{
    const char *const *needed = profile_attributes(config->profile);
    const char *const *listed = profile_table_attributes(config->profile)->allowed;
    g_autoptr(DirectorySchema) schema = NULL;
    g_autoptr(GError) error = NULL;

    if (directory_schema_read(directory, &schema, &error) != ANSWER_YES) {
        doctor_say(doctor, FINDING_UNKNOWN, "schema", "The directory does not tell its schema%s%s.",
                   error != NULL ? ": " : "", error != NULL ? error->message : "");
        return;
    }
    look_at_listed(doctor, config->profile, schema);
    for (gsize i = 0; needed[i] != NULL; i++) {
        if (directory_schema_attribute(schema, needed[i]) != SCHEMA_UNKNOWN ||
            g_strv_contains(listed, needed[i]))
            continue;
        doctor_say(doctor, FINDING_WRONG, "schema",
                   "The directory does not know the attribute %s: load the schema that belongs to "
                   "the profile (policy/schema/batchload.ldif).",
                   needed[i]);
        return;
    }
    doctor_say(doctor, FINDING_GOOD, "schema",
               "The directory knows every attribute of the profile.");
}

/* --- indexes --- */

/* "mail eq" or "uid,mail,ou pres,eq"; without kinds, those of "default". */
static bool is_equality(const char *kinds, GPtrArray *indexes)
{
    if (kinds != NULL)
        return strstr(kinds, "eq") != NULL;
    for (guint i = 0; i < indexes->len; i++)
        if (g_ascii_strncasecmp(g_ptr_array_index(indexes, i), "default ", 8) == 0)
            return strstr(g_ptr_array_index(indexes, i), "eq") != NULL;
    return false;
}

static bool has_index(GPtrArray *indexes, const char *attribute)
{
    for (guint i = 0; indexes != NULL && i < indexes->len; i++) {
        g_auto(GStrv) words = g_strsplit(g_ptr_array_index(indexes, i), " ", 2);
        g_auto(GStrv) names = g_strsplit(words[0], ",", -1);
        if (!is_equality(words[1], indexes))
            continue;
        for (char **name = names; *name != NULL; name++)
            if (g_ascii_strcasecmp(*name, attribute) == 0)
                return true;
    }
    return false;
}

/* The database that holds base, of those found; NULL: none of them, or one without indexes of its
 * own (a proxy). */
static const Entry *find_database(GPtrArray *found, const char *base)
{
    for (guint i = 0; i < found->len; i++) {
        const Entry *database = g_ptr_array_index(found, i);
        const char *suffix = entry_value(database, "olcsuffix");
        const char *kind = entry_value(database, "olcdatabase");
        const gsize more =
            suffix != NULL && strlen(base) > strlen(suffix) ? strlen(base) - strlen(suffix) : 0;
        if (suffix != NULL && kind != NULL && strstr(kind, "db") != NULL &&
            g_ascii_strcasecmp(base + more, suffix) == 0 && (more == 0 || base[more - 1] == ','))
            return database;
    }
    return NULL;
}

/* ANSWER_YES: *found has slapd's databases with their settings. */
static Answer read_databases(Directory *directory, GPtrArray **found)
{
    static const char *const asked[] = {"olcDatabase", "olcSuffix", "olcDbIndex", NULL};

    return directory_search(directory, "cn=config", DIRECTORY_SCOPE_SUB, "(olcSuffix=*)", asked,
                            DATABASES_MAX, found, NULL);
}

/* Debian's slapd shows its settings to root on this machine, and to nobody else. */
static Answer read_databases_as_root(const Config *config, GPtrArray **found)
{
    DirectorySettings settings = config->directory;
    g_autoptr(Directory) directory = NULL;

    if (!g_str_has_prefix(settings.uri, "ldapi://"))
        return ANSWER_UNKNOWN;
    settings.bind_dn = NULL;
    settings.bind_password = NULL;
    directory = directory_new(&settings, NULL);
    return directory != NULL ? read_databases(directory, found) : ANSWER_UNKNOWN;
}

static void look_at_indexes(Doctor *doctor, const Config *config, Directory *directory)
{
    static const char *const searched[] = {"mail", "batchloadMember", "batchloadTarget"};
    const char *const *used = profile_attributes(config->profile);
    g_autoptr(GPtrArray) found = NULL, again = NULL;
    const Entry *database = NULL;

    if (read_databases(directory, &found) == ANSWER_YES)
        database = find_database(found, config->directory.base);
    if (database == NULL && read_databases_as_root(config, &again) == ANSWER_YES)
        database = find_database(again, config->directory.base);
    if (database == NULL) {
        doctor_say(doctor, FINDING_NOTE, "indexes",
                   "Whether the directory has its indexes can't be told from here: its settings "
                   "are not shown. It needs \"eq\" on mail, batchloadMember and "
                   "batchloadTarget.");
        return;
    }
    for (gsize i = 0; i < G_N_ELEMENTS(searched); i++) {
        if (!g_strv_contains(used, searched[i]) ||
            has_index(entry_values(database, "olcdbindex"), searched[i]))
            continue;
        doctor_say(doctor, FINDING_WRONG, "indexes",
                   "The directory has no index \"%s eq\": large requests will be slow.",
                   searched[i]);
        return;
    }
    doctor_say(doctor, FINDING_GOOD, "indexes", "The directory has the indexes.");
}

static void look_at_passwords(Doctor *doctor, Directory *directory)
{
    g_autoptr(GError) error = NULL;

    if (directory_sets_passwords(directory, &error) == ANSWER_YES)
        doctor_say(doctor, FINDING_GOOD, "passwords", "The directory can hash passwords itself.");
    else
        doctor_say(doctor,
                   g_error_matches(error, DIRECTORY_ERROR, DIRECTORY_ERROR_SETTINGS)
                       ? FINDING_WRONG
                       : FINDING_UNKNOWN,
                   "passwords", "%s.", error->message);
}

static void look_at_changes(Doctor *doctor, Directory *directory)
{
    g_autoptr(GError) error = NULL;

    if (directory_can_change(directory, &error) != ANSWER_YES)
        doctor_say(doctor, FINDING_WRONG, "changes", "%s.", error->message);
    else if (directory_checks_conditions(directory))
        doctor_say(doctor, FINDING_GOOD, "changes", "The directory takes changes.");
    else
        doctor_say(
            doctor, FINDING_GOOD, "changes",
            "The directory takes changes. It checks no condition beside a change (RFC 4528), "
            "so each entry is looked at once more before, and the change names what it "
            "replaces.");
}

/* Each server by itself, where there are several. */
static void look_at_servers(Doctor *doctor, const Config *config)
{
    g_auto(GStrv) uris = g_strsplit_set(config->directory.uri, DIRECTORY_SEPARATORS, -1);

    for (unsigned i = 0, number = 0; uris[i] != NULL; i++) {
        DirectorySettings settings = config->directory;
        g_autofree char *what = NULL;
        g_autoptr(Directory) directory = NULL;
        g_autoptr(GError) error = NULL;
        if (*uris[i] == '\0')
            continue;
        settings.uri = uris[i];
        settings.servers = NULL;
        directory = directory_new(&settings, NULL);
        what = g_strdup_printf("server %u", ++number);
        if (directory_can_change(directory, &error) == ANSWER_YES)
            doctor_say(doctor, FINDING_GOOD, what, "%s takes the service's login and changes.",
                       uris[i]);
        else
            doctor_say(doctor, FINDING_WRONG, what, "%s can't be used: %s.", uris[i],
                       error->message);
    }
}

void doctor_directory(Doctor *doctor, const Config *config)
{
    const bool several = strpbrk(config->directory.uri, DIRECTORY_SEPARATORS) != NULL;
    static const char *const nothing[] = {"1.1", NULL};
    g_autoptr(GError) error = NULL;
    g_autoptr(Entry) base = NULL;
    g_autoptr(Directory) directory = directory_new(&config->directory, &error);
    Answer answer = directory != NULL
                        ? directory_read(directory, config->directory.base, nothing, &base, &error)
                        : ANSWER_UNKNOWN;

    if (several)
        look_at_servers(doctor, config);
    if (answer == ANSWER_UNKNOWN) {
        doctor_say(doctor, FINDING_WRONG, "directory", "%s; requests wait. It is looked for at %s.",
                   error->message, config->directory.uri);
        return;
    }
    if (answer == ANSWER_NO) {
        doctor_say(doctor, FINDING_WRONG, "directory",
                   "The directory's base %s is missing, or bind_dn may not see it.",
                   config->directory.base);
        return;
    }
    doctor_say(doctor, FINDING_GOOD, "directory", "The directory takes the service's login.");
    look_at_changes(doctor, directory);
    look_at_schema(doctor, config, directory);
    look_at_indexes(doctor, config, directory);
    if (config->password_scheme == PASSWORD_SCHEME_SERVER)
        look_at_passwords(doctor, directory);
}
