/* SPDX-License-Identifier: MIT */
#include "lib/audit.h"
#include "lib/show.h"
#include "tests/slapd-fixture.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The columns "@attribute", from the profile's list and the headline to the entry and back. */

#define BASE "dc=example,dc=org"
static const char *const domains[] = {"example.org", NULL};

/* The shipped profile, a text of it replaced, under a name of its own; removed by the caller. */
static char *write_profile(const char *find, const char *replace)
{
    g_autofree char *shipped =
        g_test_build_filename(G_TEST_DIST, "policy", "profiles", "default.conf", NULL);
    g_autofree char *text = NULL;
    g_autoptr(GString) changed = NULL;
    g_autoptr(GError) error = NULL;
    char *path = NULL;
    int fd = g_file_open_tmp("profile-XXXXXX", &path, &error);
    g_assert_no_error(error);
    close(fd);
    g_assert_true(g_file_get_contents(shipped, &text, NULL, NULL));
    changed = g_string_new(text);
    g_assert_cmpuint(g_string_replace(changed, find, replace, 1), ==, 1);
    g_assert_true(g_file_set_contents(path, changed->str, -1, NULL));
    return path;
}

static Profile *load_with(const char *find, const char *replace, GError **error)
{
    g_autofree char *path = write_profile(find, replace);
    Profile *profile = profile_load(path, BASE, error);
    remove(path);
    return profile;
}

/* --- the profile's list --- */

#define FULL                                                                                       \
    "attributes = {\"displayName\", \"physicalDeliveryOfficeName\", \"destinationIndicator\"}"

static const struct {
    const char *name, *why;
} refused[] = {
    {"mail", "batchload itself keeps it"},
    {"CN", "batchload itself keeps it"},
    {"userPassword", "batchload itself keeps it"},
    {"batchloadQuota", "it has a column of its own, QUOTA"},
    {"batchloadSomething", "batchload itself keeps it"},
    {"entryUUID", "batchload itself keeps it"},
    {"TelephoneNumber", "it has a column of its own, PHONE"},
    {"givenName", "it has a column of its own, GIVENNAME"},
    {"ou", "it has a column of its own, ORGANIZATIONALUNIT"},
    {"objectclass", "the directory itself keeps it"},
    {"memberOf", "the directory itself keeps it"},
    {"creatorsName", "the directory itself keeps it"},
    {"sambaNTPassword", "what it holds is a secret"},
    {"pwdHistory", "what it holds is a secret"},
    {"unicodePwd", "what it holds is a secret"},
    {"clientSecret", "what it holds is a secret"},
    {"krbPrincipalKey", "what it holds is a secret"},
    {"jpegPhoto", "its values are not text"},
    {"UserCertificate", "its values are not text"},
    {"title;lang-de", "an attribute's name has letters, digits and hyphens only"},
    {"2.16.840.1.113730.3.1.241", "an attribute's name has letters, digits and hyphens only"},
    {"", "an attribute's name has letters, digits and hyphens only"},
    {"*", "an attribute's name has letters, digits and hyphens only"},
    {"uid)(x", "an attribute's name has letters, digits and hyphens only"},
};

/* R8.17: with the file, the line and the reason; the list is one line after the name's own. */
static void test_refused(void)
{
    for (guint i = 0; i < G_N_ELEMENTS(refused); i++) {
        g_autofree char *list = g_strdup_printf(
            "attributes = {\"displayName\",\n  \"uid\",\n  \"%s\"}", refused[i].name);
        g_autofree char *expected =
            g_strdup_printf(": attributes of full: \"%s\": %s", refused[i].name, refused[i].why);
        g_autofree char *path = write_profile(FULL, list);
        g_autofree char *text = NULL;
        g_autofree char *place = NULL;
        g_autoptr(GError) error = NULL;
        guint line = 3;
        g_assert_null(profile_load(path, BASE, &error));
        g_assert_error(error, PROFILE_ERROR, PROFILE_ERROR_SYNTAX);
        g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
        for (const char *at = text; at != strstr(text, "attributes = {"); at++)
            line += *at == '\n';
        place = g_strdup_printf("%s:%u%s", path, line, expected);
        g_test_message("%s", error->message);
        g_assert_true(g_str_has_prefix(error->message, place));
        remove(path);
    }
}

static void test_list(void)
{
    static const struct {
        const char *find, *replace, *why;
    } faults[] = {
        {FULL, "attributes = {\"uid\", \"displayName\", \"UID\"}",
         "attributes of full: \"UID\": it is listed twice"},
        {"known_by = \"batchloadAlias\"", "known_by = \"batchloadAlias\"\n attributes = {\"uid\"}",
         "attributes of alias: \"uid\": this type has no such attributes"},
        {"known_by = \"batchloadCatchall\"",
         "known_by = \"batchloadCatchall\"\n attributes = {\"uid\"}",
         "attributes of catchall: \"uid\": this type has no such attributes"},
    };
    for (guint i = 0; i < G_N_ELEMENTS(faults); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(load_with(faults[i].find, faults[i].replace, &error));
        g_assert_nonnull(strstr(error->message, faults[i].why));
    }
    for (guint count = PROFILE_ALLOWED_MAX; count <= PROFILE_ALLOWED_MAX + 1; count++) {
        g_autoptr(GString) list = g_string_new("attributes = {\"a0\"");
        g_autoptr(GError) error = NULL;
        for (guint i = 1; i < count; i++)
            g_string_append_printf(list, ", \"a%u\"", i);
        g_string_append_c(list, '}');
        g_autoptr(Profile) profile = load_with(FULL, list->str, &error);
        g_assert_true((profile != NULL) == (count == PROFILE_ALLOWED_MAX));
        g_assert_true(profile != NULL || strstr(error->message, "\"a64\": a type has at most 64"));
    }
    g_autoptr(Profile) none = load_with(FULL, "", NULL);
    g_assert_cmpuint(g_strv_length((char **)profile_allowed(none)[TYPE_FULL]), ==, 0);
    g_assert_true(g_strv_contains(profile_table_attributes(none)->allowed, "displayName"));
    g_assert_false(g_strv_contains(profile_attributes(none), "destinationIndicator"));
}

/* --- the headline --- */

static const struct {
    const char *column; /* "": a good one */
    const char *told;
} heads[] = {
    {"@displayName", ""},
    {"@DISPLAYNAME", ""},
    {"@displayNmae", "Unknown column @displayNmae; did you mean @displayName?"},
    {"@telephoneNumber", "Unknown column @telephoneNumber; did you mean PHONE?"},
    {"@givenname", "Unknown column @givenname; did you mean GIVENNAME?"},
    {"@DEPTNO", "Unknown column @DEPTNO; did you mean DEPTNO?"},
    {"@batchloadQuota", "Unknown column @batchloadQuota; did you mean QUOTA?"},
    {"@objectClass", "The column @objectClass is not one that this service takes."},
    {"@uidNumber", "The column @uidNumber is not one that this service takes."},
    {"@userPassword", "The column @userPassword is not one that this service takes."},
    {"@memberOf", "The column @memberOf is not one that this service takes."},
    {"@displayName;lang-de", "The column @displayName;lang-de is not one that this service takes."},
    {"@2.5.4.3", "The column @2.5.4.3 is not one that this service takes."},
    {"@", "The column @ is not one that this service takes."},
    {"@display Name", "did you mean @displayName?"},
};

/* R8.15: whole, before a row is looked at. */
static void test_head(void)
{
    g_autoptr(Profile) profile = load_with(FULL, FULL, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(heads); i++) {
        const char *names[] = {"DOMAIN", "USER", "TYPE", "ACTION", heads[i].column, NULL};
        g_autoptr(GError) error = NULL;
        g_autoptr(TableHead) head =
            table_head_from_names(names, profile_table_attributes(profile), &error);
        g_assert_true((head != NULL) == (*heads[i].told == '\0'));
        if (head != NULL) {
            g_assert_cmpint(head->field[4], ==, FIELD_ATTRIBUTE);
            g_assert_cmpstr(table_head_name(head, 4), ==, heads[i].column);
            continue;
        }
        g_assert_error(error, TABLE_ERROR, TABLE_ERROR_COLUMN);
        g_test_message("%s", error->message);
        g_assert_nonnull(strstr(error->message, heads[i].told));
    }
}

/* --- a row --- */

/* "name=value,value" of each, or "field|value|reason". */
static char *describe(const Profile *profile, const char *type, const char *action,
                      const char *cell)
{
    const char *names[] = {
        "DOMAIN", "USER", "TYPE", "ACTION", "@displayNAME", "@destinationIndicator", NULL};
    const OperationRules rules = {.attributes = profile_allowed(profile)};
    g_autoptr(TableHead) head = table_head_from_names(names, NULL, NULL);
    g_autoptr(GString) cells = g_string_new("example.org");
    const char *rest[] = {"jo", type, action, cell, ""};
    for (guint i = 0; i < G_N_ELEMENTS(rest); i++)
        g_string_append_len(g_string_append_c(cells, '\0'), rest[i], (gssize)strlen(rest[i]));
    g_autoptr(TableRow) row = table_row_new(2, 6, cells->str, cells->len + 1);
    g_autoptr(Outcome) outcome = NULL;
    g_autoptr(Operation) operation = operation_from_row(row, head, &rules, &outcome);
    GString *out = g_string_new(NULL);
    if (operation == NULL)
        g_string_printf(out, "%s|%s|%s", outcome->field, outcome->value ? outcome->value : "",
                        outcome->reason);
    for (guint i = 0;
         operation != NULL && operation->attributes != NULL && i < operation->attributes->len;
         i++) {
        const AttributeCell *one = operation->attributes->pdata[i];
        g_string_append_printf(out, "%s=", one->name);
        for (guint k = 0; k < one->values->len; k++)
            g_string_append_printf(out, "%s%s", k > 0 ? "," : "", (char *)one->values->pdata[k]);
    }
    return g_string_free(out, FALSE);
}

static const struct {
    const char *type, *action, *cell, *is;
} rows[] = {
    /* R8.16 */
    {"FULL", "MODIFY", "Jo Doe", "displayName=Jo Doe"},
    {"LIST", "ADD", "All", "displayName=All"},
    {"LIST", "ADD", "", ""},
    {"LIST", "ADD", " \n", ""},
    {"LIST", "ADD", "-", ""},
    {"LIST", "MODIFY", "-", "displayName="},
    {"LIST", "MODIFY", "", ""},
    {"LIST", "ADD", "a b\r\n\n  c \nd", "displayName=a b,c,d"},
    {"LIST", "ADD", "a\n-", "@displayNAME|a?-|@displayNAME has a lone - beside other values."},
    {"LIST", "ADD", "Chef  de\nx\nchef de ",
     "@displayNAME|chef de|@displayNAME has the same value "
     "twice."},
    {"LIST", "ADD", "a\tb", "@displayNAME|a?b|@displayNAME has a tab or the like in it."},
    {"LIST", "ADD", "#REF!",
     "@displayNAME|#REF!|@displayNAME holds an error of your spreadsheet "
     "instead of a value."},
    /* R8.15 */
    {"ALIAS", "ADD", "x", "@displayNAME|x|TYPE ALIAS takes no @displayNAME."},
    {"DOMAIN", "MODIFY", "x", "USER|jo|TYPE DOMAIN takes no USER."},
    {"AUTORESPONDER", "MODIFY", "x", "@displayNAME|x|TYPE AUTORESPONDER takes no @displayNAME."},
    {"LIST", "DELETE", "x", ""},
    {"FULL", "SUSPEND", "x", ""},
};

static void test_rows(void)
{
    g_autoptr(Profile) profile = load_with(FULL, FULL, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *is = describe(profile, rows[i].type, rows[i].action, rows[i].cell);
        g_assert_cmpstr(is, ==, rows[i].is);
    }
    /* R8.15: listed for other types. */
    g_autoptr(Profile) other =
        load_with("known_by = \"batchloadList\"\n    attributes = {\"displayName\"}",
                  "known_by = \"batchloadList\"", NULL);
    g_autofree char *list = describe(other, "LIST", "ADD", "x");
    g_autofree char *full = describe(other, "FULL", "MODIFY", "x");
    g_assert_cmpstr(list, ==, "@displayNAME|x|TYPE LIST takes no @displayNAME.");
    g_assert_cmpstr(full, ==, "displayName=x");
}

static void test_limits(void)
{
    g_autoptr(Profile) profile = load_with(FULL, FULL, NULL);
    g_autofree char *most = g_strnfill(1024, 'x');
    g_autofree char *longer = g_strconcat(most, "x", NULL);
    g_autoptr(GString) many = g_string_new(NULL);
    for (guint i = 0; i < OPERATION_ATTRIBUTE_VALUES_MAX; i++)
        g_string_append_printf(many, "v%u\n", i);
    g_autofree char *good = describe(profile, "LIST", "ADD", most);
    g_autofree char *bad = describe(profile, "LIST", "ADD", longer);
    g_autofree char *all = describe(profile, "LIST", "ADD", many->str);
    g_autofree char *more = describe(profile, "LIST", "ADD", g_string_append(many, "more")->str);
    g_assert_true(g_str_has_prefix(good, "displayName=xx"));
    g_assert_true(g_str_has_suffix(bad, "|@displayNAME has a value longer than the limit of 1024 "
                                        "bytes."));
    g_assert_true(g_str_has_suffix(all, ",v99"));
    g_assert_cmpstr(more, ==, "@displayNAME||@displayNAME has more than 100 values.");
}

/* --- the entry --- */

typedef struct {
    SlapdFixture *slapd;
    Directory *directory;
} Case;

static void set_up(Case *one, gconstpointer data)
{
    (void)data;
    one->slapd = slapd_fixture_new(domains);
    one->directory = directory_new(&one->slapd->settings, NULL);
}

static void tear_down(Case *one, gconstpointer data)
{
    (void)data;
    directory_free(one->directory);
    slapd_fixture_free(one->slapd);
}

/* One value a line, of one attribute; NULL: none given. */
static void set_attribute(Operation *operation, const char *name, const char *lines)
{
    g_auto(GStrv) values = g_strsplit(lines, "\n", -1);
    GPtrArray *array = g_ptr_array_new_with_free_func(g_free);
    for (char **value = values; *value != NULL; value++)
        g_ptr_array_add(array, g_strdup(*value));
    if (operation->attributes == NULL)
        operation->attributes = attribute_cells_new();
    attribute_cells_add(operation->attributes, name, array);
}

static Operation *operation_of(Action action)
{
    Operation *operation = g_new0(Operation, 1);
    operation->line = 2;
    operation->type = TYPE_FULL;
    operation->action = action;
    operation->address = address_parse("jo@example.org", NULL, NULL);
    return operation;
}

static const Write *apply(Case *one, Change *change /* taken over */, GPtrArray *writes)
{
    g_autoptr(Change) owned G_GNUC_UNUSED = change;
    g_autoptr(GError) error = NULL;
    g_assert_nonnull(change);
    g_ptr_array_set_size(writes, 0);
    g_ptr_array_add(writes, write_new(change, NULL));
    directory_apply(one->directory, writes, &error);
    g_assert_no_error(error);
    return writes->pdata[0];
}

static Entry *read_back(Case *one)
{
    const Profile *profile = one->slapd->profile;
    g_autoptr(Address) address = address_parse("jo@example.org", NULL, NULL);
    g_autofree char *dn = profile_entry_dn(profile, address);
    Entry *entry = NULL;
    g_assert_cmpint(directory_read(one->directory, dn, profile_attributes(profile), &entry, NULL),
                    ==, ANSWER_YES);
    return entry;
}

static bool take_line(gpointer data, const ShowRow *row)
{
    g_autofree char *name = show_row_attribute(row, "displayName");
    g_autofree char *office = show_row_attribute(row, "PHYSICALdeliveryofficename");
    g_string_append_printf(data, "%s|%s", name, office);
    return true;
}

static void assert_shown(Case *one, const char *expected)
{
    g_autoptr(Entry) entry = read_back(one);
    g_autoptr(GString) shown = g_string_new(NULL);
    g_assert_true(show_entry(one->slapd->profile, entry, TYPE_FULL, take_line, shown));
    g_assert_cmpstr(shown->str, ==, expected);
}

/* R8.16, R8.19: made, replaced, cleared; shown as a cell that makes them again. */
static void test_entry(Case *one, gconstpointer data)
{
    const Profile *profile = one->slapd->profile;
    g_autoptr(GPtrArray) writes = g_ptr_array_new_with_free_func((GDestroyNotify)write_free);
    g_autoptr(Operation) add = operation_of(ACTION_ADD), modify = operation_of(ACTION_MODIFY);
    g_autoptr(Operation) clear = operation_of(ACTION_MODIFY);
    (void)data;
    set_attribute(add, "displayName", "Jo Doe");
    set_attribute(add, "physicalDeliveryOfficeName", "b 1\na 2");
    g_assert_cmpint(apply(one, profile_add(profile, add, NULL, "id", "J/1"), writes)->state, ==,
                    WRITE_DONE);
    assert_shown(one, "Jo Doe|b 1\na 2");
    {
        g_autoptr(Entry) entry = read_back(one);
        g_assert_null(profile_modify(profile, add, NULL, entry, "J/2"));
        set_attribute(modify, "physicalDeliveryOfficeName", "a 2\nb 1"); /* in another order */
        g_assert_null(profile_modify(profile, modify, NULL, entry, "J/2"));
        g_clear_pointer(&modify->attributes, g_ptr_array_unref);
        set_attribute(modify, "physicalDeliveryOfficeName", "c");
        apply(one, profile_modify(profile, modify, NULL, entry, "J/2"), writes);
    }
    assert_shown(one, "Jo Doe|c");
    clear->attributes = attribute_cells_new();
    attribute_cells_add(clear->attributes, "displayName", g_ptr_array_new_with_free_func(g_free));
    {
        g_autoptr(Entry) entry = read_back(one);
        apply(one, profile_modify(profile, clear, NULL, entry, "J/3"), writes);
    }
    assert_shown(one, "|c");
    g_autoptr(Entry) entry = read_back(one);
    g_assert_null(profile_modify(profile, clear, NULL, entry, "J/4"));
}

/* R8.16: what only the directory can tell is the row's error: its syntax, that it takes one value
 * alone, that two are the same to it. */
static void test_refused_values(Case *one, gconstpointer data)
{
    static const struct {
        const char *attribute, *lines, *words;
    } values[] = {
        {"destinationIndicator",
         "Stra\xc3\x9f"
         "e",
         "The value has a form, or characters, that this field does not take."},
        {"displayName", "one\ntwo",
         "The value breaks a rule of the directory, for example on its "
         "length or on how many there may be."},
        {"physicalDeliveryOfficeName", "a  b\na b",
         "The directory takes two of the values for the same one."},
    };
    const Profile *profile = one->slapd->profile;
    g_autoptr(GPtrArray) writes = g_ptr_array_new_with_free_func((GDestroyNotify)write_free);
    g_autoptr(Operation) add = operation_of(ACTION_ADD);
    (void)data;
    apply(one, profile_add(profile, add, NULL, "id", "J/1"), writes);
    for (guint i = 0; i < G_N_ELEMENTS(values); i++) {
        g_autoptr(Entry) entry = read_back(one);
        g_autoptr(Operation) modify = operation_of(ACTION_MODIFY);
        g_autoptr(Operation) other = operation_of(ACTION_ADD);
        set_attribute(modify, values[i].attribute, values[i].lines);
        set_attribute(other, values[i].attribute, values[i].lines);
        address_free(other->address);
        other->address = address_parse("other@example.org", NULL, NULL);
        Change *changes[] = {profile_modify(profile, modify, NULL, entry, "J/2"),
                             profile_add(profile, other, NULL, "id", "J/2")};
        for (guint k = 0; k < G_N_ELEMENTS(changes); k++) {
            const Write *write = apply(one, changes[k], writes);
            g_assert_cmpint(write->state, ==, WRITE_REFUSED);
            g_assert_cmpstr(write->words, ==, values[i].words);
            g_assert_nonnull(profile_column_name(profile, write->attribute));
        }
    }
}

/* R8.18: told by its column in the record of changes, and before in what can be restored. */
static void test_audit(void)
{
    g_autoptr(Profile) profile = load_with(FULL, FULL, NULL);
    g_autoptr(Entry) before = entry_new("mail=jo@example.org,ou=example.org,ou=domains," BASE);
    entry_add(before, "objectClass", "batchloadAccount");
    entry_add(before, "mail", "jo@example.org");
    entry_add(before, "displayName", "Jo");
    g_autoptr(Change) change = change_new(CHANGE_MODIFY, before->dn);
    change_mod(change, MOD_REPLACE, "displayname", "Joe");
    g_autoptr(GVariant) told = audit_change(profile, change, before);
    g_autofree char *text = g_variant_print(told, FALSE);
    g_assert_cmpstr(text, ==,
                    "('jo@example.org', 'FULL', 'MODIFY', [('@displayName', ['Jo'], ['Joe'])])");
    g_autoptr(Change) restore = profile_restore(profile, before, false);
    g_assert_nonnull(change_values(restore, "displayName"));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/attribute/R8.17/refused", test_refused);
    g_test_add_func("/attribute/R8.17/list", test_list);
    g_test_add_func("/attribute/R8.15/head", test_head);
    g_test_add_func("/attribute/R8.15/rows (R8.16)", test_rows);
    g_test_add_func("/attribute/R8.16/limits", test_limits);
    g_test_add("/attribute/R8.16/entry (R8.19)", Case, NULL, set_up, test_entry, tear_down);
    g_test_add("/attribute/R8.16/refused", Case, NULL, set_up, test_refused_values, tear_down);
    g_test_add_func("/attribute/R8.18/audit", test_audit);
    return g_test_run();
}
