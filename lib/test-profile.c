/* SPDX-License-Identifier: MIT */
#include "lib/profile.h"
#include "tests/slapd-fixture.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BASE "dc=example,dc=org"
static const char *const domains[] = {"example.org", NULL};

static char *shipped(void)
{
    return g_test_build_filename(G_TEST_DIST, "policy", "profiles", "default.conf", NULL);
}

static Profile *load(void)
{
    g_autofree char *path = shipped();
    g_autoptr(GError) error = NULL;
    Profile *profile = profile_load(path, BASE, &error);
    g_assert_no_error(error);
    return profile;
}

/* --- operations, made short --- */

static GPtrArray *addresses_of(const char *text)
{
    g_auto(GStrv) words = g_strsplit(text, " ", -1);
    GPtrArray *addresses = g_ptr_array_new_with_free_func((GDestroyNotify)address_free);
    for (char **word = words; *word != NULL; word++)
        g_ptr_array_add(addresses, address_parse(*word, NULL, NULL));
    return addresses;
}

static Operation *operation_of(ObjectType type, const char *address)
{
    Operation *operation = g_new0(Operation, 1);
    operation->line = 2;
    operation->type = type;
    operation->address = profile_address(address);
    g_assert_nonnull(operation->address);
    return operation;
}

static void set_white(Operation *operation, Field field, const char *value)
{
    g_free(operation->value[field - FIELD_VALUE_FIRST]);
    operation->value[field - FIELD_VALUE_FIRST] = g_strdup(value);
}

/* "name=value|name=value", as the change has them. */
static char *text_of(const Change *change)
{
    GString *text = g_string_new(NULL);
    if (change == NULL)
        return g_string_free(g_string_append(text, "nothing"), FALSE);
    for (guint i = 0; i < change->mods->len; i++) {
        const Mod *mod = g_ptr_array_index(change->mods, i);
        const char *kind = mod->kind == MOD_ADD ? "+" : mod->kind == MOD_DELETE ? "-" : "";
        g_string_append_printf(text, "%s%s%s", text->len > 0 ? "|" : "", kind, mod->attribute);
        for (guint j = 0; j < mod->values->len; j++)
            g_string_append_printf(text, "%s%s", j == 0 ? "=" : ",",
                                   (char *)g_ptr_array_index(mod->values, j));
    }
    return g_string_free(text, FALSE);
}

static Entry *entry_of(const char *text)
{
    g_auto(GStrv) pairs = g_strsplit(text, "|", -1);
    Entry *entry = entry_new("mail=jdoe@example.org,ou=example.org,ou=domains," BASE);
    for (char **pair = pairs; *pair != NULL && **pair != '\0'; pair++) {
        char *equals = strchr(*pair, '=');
        *equals = '\0';
        entry_add(entry, *pair, equals + 1);
    }
    return entry;
}

/* --- the file --- */

static const struct {
    const char *name;
    const char *find; /* in the shipped profile */
    const char *replace;
    ProfileError code;
    const char *message;
} faults[] = {
    {"newer", "version = 1", "version = 2", PROFILE_ERROR_NOT_AVAILABLE, "newer"},
    {"no-version", "version = 1", "", PROFILE_ERROR_SYNTAX, "version"},
    {"unknown-option", "version = 1", "version = 1\nversoin = 1", PROFILE_ERROR_SYNTAX, ":5:"},
    {"syntax", "version = 1", "version = 1\n}", PROFILE_ERROR_SYNTAX, ":5:"},
    {"no-mark", "mark = \"batchloadChange\"", "", PROFILE_ERROR_NOT_AVAILABLE, "mark"},
    {"no-field", "SURNAME = \"sn\"", "", PROFILE_ERROR_NOT_AVAILABLE, "SURNAME"},
    {"unknown-field", "PAGER =", "PAGERS =", PROFILE_ERROR_SYNTAX, "PAGERS"},
    {"bad-attribute", "\"pager\"", "\"pager)(\"", PROFILE_ERROR_SYNTAX, "PAGER"},
    {"attribute-option", "\"pager\"", "\"pager;x-a\"", PROFILE_ERROR_SYNTAX, "PAGER"},
    {"unknown-percent", "mail=%a", "mail=%z", PROFILE_ERROR_SYNTAX, "entry_dn"},
    {"open-percent", "ou=domains,%b\"\nentry", "ou=domains,%\"\nentry", PROFILE_ERROR_SYNTAX,
     "domain_dn"},
    {"constant-name", "mail=%a", "mail=x", PROFILE_ERROR_SYNTAX, "entry_dn"},
    {"elsewhere", "mail=%a,ou=%d,", "mail=%a,", PROFILE_ERROR_NOT_AVAILABLE, "entry_dn"},
    {"no-domain", "domain_dn = \"ou=%d,", "domain_dn = \"", PROFILE_ERROR_SYNTAX, "domain_dn"},
    {"unknown-class", "known_by = \"batchloadList\"", "known_by = \"other\"", PROFILE_ERROR_SYNTAX,
     "list"},
    {"no-type", "known_by = \"batchloadAccount\"", "", PROFILE_ERROR_NOT_AVAILABLE, "known_by"},
    {"member-twice", "member = ", "member_of = \"x\"\nmember = ", PROFILE_ERROR_SYNTAX,
     "member_of"},
    {"no-entry", "list {", "list {\n entry = false", PROFILE_ERROR_NOT_AVAILABLE, "list"},
    {"no-entry-of-others", "forward {", "forward {\n entry = false", PROFILE_ERROR_NOT_AVAILABLE,
     "forward"},
    {"externals-alone", "dlist {",
     "externals {\n classes = {\"x\"}\n known_by = \"x\"\n dn = "
     "\"x=%a,ou=%d,ou=domains,%b\"\n}\ndlist {",
     PROFILE_ERROR_SYNTAX, "externals"},
    {"containers-of-others", "dlist {", "dlist {\n containers = {\"x\"}", PROFILE_ERROR_SYNTAX,
     "containers"},
    {"odd-container", "domain {", "domain {\n containers = {\"a,b\"}", PROFILE_ERROR_SYNTAX,
     "containers"},
    {"externals-nowhere", "member = \"batchloadMember\"",
     "member_of = \"x\"\nexternals {\n classes = {\"x\"}\n known_by = \"x\"\n}",
     PROFILE_ERROR_SYNTAX, "dn"},
};

static void test_fault(gconstpointer data)
{
    const __typeof__(faults[0]) *one = data;
    g_autofree char *path = shipped();
    g_autofree char *text = NULL;
    g_autofree char *broken = NULL;
    g_autoptr(GString) changed = NULL;
    g_autoptr(GError) error = NULL;
    g_autoptr(Profile) profile = NULL;
    int fd;
    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    changed = g_string_new(text);
    g_assert_cmpuint(g_string_replace(changed, one->find, one->replace, 1), ==, 1);
    fd = g_file_open_tmp("bl-profile-XXXXXX", &broken, NULL);
    g_assert_cmpint(fd, >=, 0);
    g_close(fd, NULL);
    g_assert_true(g_file_set_contents(broken, changed->str, -1, NULL));
    profile = profile_load(broken, BASE, &error);
    g_unlink(broken);
    g_assert_null(profile);
    g_assert_error(error, PROFILE_ERROR, (int)one->code);
    g_test_message("%s", error->message);
    g_assert_nonnull(strstr(error->message, broken));
    g_assert_nonnull(strstr(error->message, one->message));
}

static void test_absent_file(void)
{
    g_autoptr(GError) error = NULL;
    g_assert_null(profile_load("/nonexistent/profile", BASE, &error));
    g_assert_error(error, PROFILE_ERROR, PROFILE_ERROR_SYNTAX);
}

static void test_writable_by_all(void)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *path = NULL;
    int fd = g_file_open_tmp("profile-XXXXXX", &path, NULL);
    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(fchmod(fd, 0606), ==, 0);
    close(fd);
    g_assert_null(profile_load(path, BASE, &error));
    g_assert_error(error, PROFILE_ERROR, PROFILE_ERROR_SYNTAX);
    g_assert_nonnull(strstr(error->message, "everybody may write to it"));
    g_unlink(path);
}

/* --- names and filters --- */

static void test_names(void)
{
    g_autoptr(Profile) profile = load();
    const Address odd = {.local = (char *)"a,b+c=\"*)(\\",
                         .domain = (char *)"x,dc=evil",
                         .full = (char *)"a,b+c=\"*)(\\@x,dc=evil"};
    g_autoptr(Address) plain = address_parse("jdoe@example.org", NULL, NULL);
    g_autofree char *domain = profile_domain_dn(profile, "example.org");
    g_autofree char *dn = profile_entry_dn(profile, plain);
    g_autofree char *odd_dn = profile_entry_dn(profile, &odd);
    g_autofree char *filter = profile_filter_address_anywhere(profile, &odd);
    g_assert_cmpstr(profile_base(profile), ==, BASE);
    g_assert_cmpstr(domain, ==, "ou=example.org,ou=domains," BASE);
    g_assert_cmpstr(dn, ==, "mail=jdoe@example.org,ou=example.org,ou=domains," BASE);
    g_assert_cmpstr(odd_dn, ==,
                    "mail=a\\2Cb\\2Bc\\3D\\22*)(\\5C@x\\2Cdc\\3Devil,"
                    "ou=x\\2Cdc\\3Devil,ou=domains," BASE);
    g_assert_cmpint(g_ascii_strcasecmp(filter, "(mail=a,b+c=\"\\2A\\29\\28\\5C@x,dc=evil)"), ==, 0);
}

static void test_filters(void)
{
    g_autoptr(Profile) profile = load();
    g_autoptr(GPtrArray) addresses = addresses_of("a@example.org b@example.org");
    g_autoptr(GPtrArray) members = g_ptr_array_new();
    g_autofree char *by_address = profile_filter_addresses(profile, addresses);
    g_autofree char *lists = NULL;
    static const struct {
        const char *uuid, *version, *mark, *filter;
    } rows[] = {
        {"u", "v", NULL, "(&(entryUUID=u)(entryCSN=v))"},
        {"u", NULL, "J/1", "(&(entryUUID=u)(batchloadChange=J/1))"},
        {NULL, NULL, "J/1", "(&(batchloadChange=J/1))"},
        {NULL, NULL, "*", "(&(batchloadChange=\\2A))"},
        {NULL, NULL, NULL, NULL},
    };
    g_ptr_array_add(members, (char *)"a@example.org");
    g_ptr_array_add(members, (char *)"*");
    lists = profile_filter_referrers(profile, members);
    g_assert_cmpstr(by_address, ==, "(|(mail=a@example.org)(mail=b@example.org))");
    g_assert_cmpstr(lists, ==,
                    "(|(&(|(objectClass=batchloadList)(objectClass=batchloadDistributionList)"
                    "(objectClass=batchloadGroup)(objectClass=batchloadResourceGroup))"
                    "(|(batchloadMember=a@example.org)(batchloadMember=\\2A)))"
                    "(&(|(objectClass=batchloadAlias)(objectClass=batchloadCatchall))"
                    "(|(batchloadTarget=a@example.org)(batchloadTarget=\\2A))))");
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *text =
            profile_assertion(profile, rows[i].uuid, rows[i].version, rows[i].mark);
        if (rows[i].filter == NULL)
            g_assert_null(text);
        else
            g_assert_cmpint(g_ascii_strcasecmp(text, rows[i].filter), ==, 0);
    }
}

static void test_reading(void)
{
    g_autoptr(Profile) profile = load();
    static const struct {
        const char *entry;
        int type; /* -1: none of ours */
        bool enabled;
    } rows[] = {
        {"objectClass=inetOrgPerson|objectClass=BATCHLOADACCOUNT", TYPE_FULL, true},
        {"objectClass=batchloadForward|batchloadEnabled=TRUE", TYPE_FORWARD, true},
        {"objectClass=batchloadList|batchloadEnabled=FALSE", TYPE_LIST, false},
        {"objectClass=batchloadList|batchloadEnabled=what", TYPE_LIST, false},
        {"objectClass=inetOrgPerson", -1, true},
        {"objectClass=batchloadList|objectClass=batchloadAccount", -1, true},
        {"", -1, true},
    };
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(Entry) entry = entry_of(rows[i].entry);
        ObjectType type;
        bool ours = profile_entry_type(profile, entry, &type);
        g_assert_true(ours == (rows[i].type >= 0));
        if (ours)
            g_assert_cmpint(type, ==, rows[i].type);
        g_assert_true(profile_entry_enabled(profile, entry) == rows[i].enabled);
        g_assert_true(profile_domain_enabled(profile, entry) == rows[i].enabled);
    }
}

static void test_attributes(void)
{
    g_autoptr(Profile) profile = load();
    const char *const *names = profile_attributes(profile);
    g_assert_true(g_strv_contains(names, "objectClass"));
    g_assert_true(g_strv_contains(names, "entryUUID"));
    g_assert_true(g_strv_contains(names, "entryCSN"));
    g_assert_true(g_strv_contains(names, "sipAddress"));
    g_assert_true(g_strv_contains(names, "batchloadChange"));
    g_assert_false(g_strv_contains(names, "userPassword"));
    g_assert_cmpint(profile_field_of_attribute(profile, "TelephoneNumber"), ==, FIELD_PHONE);
    g_assert_cmpint(profile_field_of_attribute(profile, "sn"), ==, FIELD_SURNAME);
    g_assert_cmpint(profile_field_of_attribute(profile, "cn"), ==, FIELD_GIVENNAME);
    g_assert_cmpint(profile_field_of_attribute(profile, "batchloadMember"), ==, FIELD_LIST_MEMBER);
    g_assert_cmpint(profile_field_of_attribute(profile, "batchloadTarget"), ==, FIELD_MAILFORWARD);
    g_assert_cmpint(profile_field_of_attribute(profile, "objectClass"), ==, FIELD_COUNT);
    g_assert_cmpint(profile_field_of_attribute(profile, NULL), ==, FIELD_COUNT);
}

/* --- what a row makes --- */

#define CLEAR ""
static const struct {
    const char *name;
    const char *entry; /* NULL: ADD */
    const char *given, *surname;
    const char *change; /* of cn, sn and givenName only */
} names[] = {
    {"add-both", NULL, "John", "Doe", "+cn=John Doe|+sn=Doe|+givenName=John"},
    {"add-given", NULL, "John", NULL, "+cn=John|+sn=jdoe|+givenName=John"},
    {"add-surname", NULL, NULL, "Doe", "+cn=Doe|+sn=Doe"},
    {"add-none", NULL, NULL, NULL, "+cn=jdoe|+sn=jdoe"},
    {"add-hyphen", NULL, CLEAR, CLEAR, "+cn=jdoe|+sn=jdoe"},
    {"none-given", "cn=Other|sn=Doe|givenName=John", NULL, NULL, "nothing"},
    {"surname-only", "cn=John Doe|sn=Doe|givenName=John", NULL, "Roe", "cn=John Roe|sn=Roe"},
    {"given-only", "cn=John Doe|sn=Doe|givenName=John", "Jane", NULL, "cn=Jane Doe|givenName=Jane"},
    {"same", "cn=John Doe|sn=Doe|givenName=John", "John", "Doe", "nothing"},
    {"repair-cn", "cn=Other|sn=Doe|givenName=John", "John", NULL, "cn=John Doe"},
    {"clear-surname", "cn=John Doe|sn=Doe|givenName=John", NULL, CLEAR, "cn=John|sn=jdoe"},
    {"clear-given", "cn=John Doe|sn=Doe|givenName=John", CLEAR, NULL, "cn=Doe|givenName"},
    {"clear-both", "cn=John Doe|sn=Doe|givenName=John", CLEAR, CLEAR, "cn=jdoe|givenName|sn=jdoe"},
    {"given-without-surname", "cn=jdoe|sn=jdoe", "John", NULL, "cn=John|givenName=John"},
    {"surname-without-given", "cn=jdoe|sn=jdoe", NULL, "Doe", "cn=Doe|sn=Doe"},
    {"clear-what-is-not", "cn=jdoe|sn=jdoe", CLEAR, CLEAR, "nothing"},
    {"surname-like-user", "cn=John Doe|sn=Doe|givenName=John", NULL, "jdoe",
     "cn=John jdoe|sn=jdoe"},
    {"keeps-surname-like-user", "cn=John jdoe|sn=jdoe|givenName=John", "Jane", NULL,
     "cn=Jane jdoe|givenName=Jane"},
    {"several-cn", "cn=John Doe|cn=Johnny|sn=Doe|givenName=John", NULL, "Doe", "cn=John Doe"},
};

/* R3: cn and sn come from GIVENNAME and SURNAME, else from USER; on MODIFY they change only if
 * one of these is given. */
static void test_person_names(gconstpointer data)
{
    const __typeof__(names[0]) *one = data;
    g_autoptr(Profile) profile = load();
    g_autoptr(Operation) operation = operation_of(TYPE_LIST, "jdoe@example.org");
    g_autoptr(Entry) entry = one->entry == NULL ? NULL : entry_of(one->entry);
    g_autoptr(Change) change = NULL;
    g_autofree char *text = NULL;
    set_white(operation, FIELD_GIVENNAME, one->given);
    set_white(operation, FIELD_SURNAME, one->surname);
    change = entry == NULL ? profile_add(profile, operation, NULL, NULL, "J/2")
                           : profile_modify(profile, operation, NULL, entry, "J/2");
    for (guint i = 0; change != NULL && i < change->mods->len;) {
        const Mod *mod = g_ptr_array_index(change->mods, i);
        if (g_strv_contains((const char *const[]){"cn", "sn", "givenName", NULL}, mod->attribute))
            i++;
        else
            g_ptr_array_remove_index(change->mods, i);
    }
    text = text_of(change);
    g_assert_cmpstr(text, ==, one->change);
}

static const struct {
    const char *name;
    ObjectType type;
    const char *entry;
    const char *hash, *targets, *description, *country;
    const char *change;
} modifies[] = {
    {"nothing", TYPE_FULL, "cn=x", NULL, NULL, NULL, NULL, "nothing"},
    {"password", TYPE_FULL, "cn=x", "{X}1", NULL, NULL, NULL,
     "userPassword={X}1|batchloadChange=J/2"},
    {"same-password", TYPE_FULL, "userPassword={X}1", "{X}1", NULL, NULL, NULL, "nothing"},
    {"password-of-list", TYPE_LIST, "cn=x", "{X}1", NULL, NULL, NULL, "nothing"},
    {"field", TYPE_LIST, "description=old", NULL, NULL, "new", NULL,
     "description=new|batchloadChange=J/2"},
    {"same-field", TYPE_LIST, "description=new", NULL, NULL, "new", NULL, "nothing"},
    {"other-case", TYPE_LIST, "description=New", NULL, NULL, "new", NULL,
     "description=new|batchloadChange=J/2"},
    {"one-of-two", TYPE_LIST, "description=new|description=b|c=DE", NULL, NULL, "new", "DE",
     "description=new|batchloadChange=J/2"},
    {"clear", TYPE_LIST, "description=old|c=DE", NULL, NULL, CLEAR, NULL,
     "description|batchloadChange=J/2"},
    {"clear-absent", TYPE_LIST, "c=DE", NULL, NULL, CLEAR, NULL, "nothing"},
    {"targets", TYPE_FORWARD, "batchloadTarget=a@example.org", NULL, "b@example.org c@example.org",
     NULL, NULL, "batchloadTarget=b@example.org,c@example.org|batchloadChange=J/2"},
    {"same-targets", TYPE_FORWARD, "batchloadTarget=B@example.org|batchloadTarget=a@example.org",
     NULL, "a@example.org b@example.org", NULL, NULL, "nothing"},
    {"fewer-targets", TYPE_FORWARD, "batchloadTarget=b@example.org|batchloadTarget=a@example.org",
     NULL, "a@example.org", NULL, NULL, "batchloadTarget=a@example.org|batchloadChange=J/2"},
    {"targets-of-account", TYPE_FULL, "cn=x", NULL, "a@example.org", NULL, NULL,
     "batchloadTarget=a@example.org|batchloadChange=J/2"},
};

static void test_modify(gconstpointer data)
{
    const __typeof__(modifies[0]) *one = data;
    g_autoptr(Profile) profile = load();
    g_autoptr(Operation) operation = operation_of(one->type, "jdoe@example.org");
    g_autoptr(Entry) entry = entry_of(one->entry);
    g_autoptr(Change) change = NULL;
    g_autofree char *text = NULL;
    operation->targets.named = one->targets == NULL ? NULL : addresses_of(one->targets);
    set_white(operation, FIELD_DESCRIPTION, one->description);
    set_white(operation, FIELD_COUNTRYNAME, one->country);
    change = profile_modify(profile, operation, one->hash, entry, "J/2");
    text = text_of(change);
    g_assert_cmpstr(text, ==, one->change);
}

/* --- against a real directory --- */

typedef struct {
    SlapdFixture *slapd;
    Directory *directory;
} Case;

static void set_up(Case *one, gconstpointer data)
{
    (void)data;
    one->slapd = slapd_fixture_new(domains);
    one->directory = directory_new(&one->slapd->settings, NULL);
    g_assert_nonnull(one->directory);
}

static void tear_down(Case *one, gconstpointer data)
{
    (void)data;
    directory_free(one->directory);
    slapd_fixture_free(one->slapd);
}

static void apply(Case *one, Change *change, const char *assertion, WriteState state)
{
    g_autoptr(GPtrArray) writes = g_ptr_array_new_with_free_func((GDestroyNotify)write_free);
    g_autoptr(GError) error = NULL;
    Write *write = write_new(change, g_strdup(assertion));
    g_ptr_array_add(writes, write);
    directory_apply(one->directory, writes, &error);
    g_assert_no_error(error);
    if (write->state != state)
        g_error("state %d, code %d, %s", write->state, write->code, write->server_text);
    change_free(change);
}

static Entry *read_back(Case *one, const Address *address)
{
    const Profile *profile = one->slapd->profile;
    g_autofree char *dn = profile_entry_dn(profile, address);
    Entry *entry = NULL;
    g_assert_cmpint(directory_read(one->directory, dn, profile_attributes(profile), &entry, NULL),
                    ==, ANSWER_YES);
    return entry;
}

static const char *const white_values[FIELD_WHITE_COUNT] = {
    "Jörg",
    "O'Neil-漢",
    "Dr. \"X\"",
    "a, b; c=d (e) *\\ #",
    "Main Street 1",
    "D-12345",
    "Bavaria",
    "München",
    "DE",
    "A+B <Ltd>",
    "Sales, EMEA",
    "+49 89 1234",
    "+49 89 1235",
    "+49 170 1",
    "JO",
    "retail",
    "staff",
    "http://x.example/ home",
    "PO 12",
    "A$Main Street 1$12345 X",
    "B$Home",
    "C$Registered",
    "+49 89 1",
    "1234567",
    "+49 89 2",
    "D-7",
    "E-1",
    "R 101",
    "M-AB 123",
    "sip:j@example.org",
};

static bool has_members(ObjectType type)
{
    return type_is_list(type) || type_is_group(type);
}

static const char *usual_value(Field field)
{
    static const char *const values[] = {
        [VALUE_TEXT] = "some words", [VALUE_LINES] = "two\nlines",
        [VALUE_COUNTRY] = "DE",      [VALUE_SWITCH] = "yes",
        [VALUE_NUMBER] = "500",      [VALUE_LIMIT] = "0",
        [VALUE_IP] = "2001:db8::1",  [VALUE_URL] = "https://a.example/",
        [VALUE_WORD] = "de_DE",
    };
    return values[field_kind(field)];
}

static Operation *whole_operation(ObjectType type, const char *address)
{
    Operation *operation = operation_of(type, address);
    for (Field field = FIELD_WHITE_FIRST; field <= FIELD_WHITE_LAST; field++)
        if (type_takes(type, ACTION_MODIFY, field))
            set_white(operation, field, white_values[field - FIELD_WHITE_FIRST]);
    for (Field field = FIELD_WHITE_LAST + 1; field <= FIELD_VALUE_LAST; field++)
        if (type_takes(type, ACTION_MODIFY, field))
            set_white(operation, field, usual_value(field));
    if (type == TYPE_FORWARD || type == TYPE_ALIAS || type == TYPE_CATCHALL)
        operation->targets.named = addresses_of("t1@example.org t2@other.example");
    if (has_members(type))
        operation->members = addresses_of("m1@example.org m2@other.example");
    return operation;
}

static void check_read_back(Case *one, const Operation *operation)
{
    const Profile *profile = one->slapd->profile;
    g_autoptr(Entry) entry = read_back(one, operation->address);
    g_autoptr(Address) address = profile_entry_address(profile, entry);
    GPtrArray *members = profile_entry_members(profile, entry);
    GPtrArray *targets = profile_entry_targets(profile, entry);
    g_autofree char *dn = profile_entry_dn(profile, operation->address);
    ObjectType type;
    g_assert_cmpstr(entry->dn, ==, dn); /* the server spells it as we do */
    g_assert_cmpstr(address->full, ==, operation->address->full);
    g_assert_true(profile_entry_type(profile, entry, &type));
    g_assert_cmpint(type, ==, operation->type);
    g_assert_true(profile_entry_enabled(profile, entry));
    g_assert_cmpstr(profile_entry_mark(profile, entry), ==, "J/2");
    g_assert_nonnull(profile_entry_uuid(profile, entry));
    g_assert_nonnull(profile_entry_version(profile, entry));
    g_assert_true((members != NULL) == has_members(type));
    g_assert_true((targets != NULL) ==
                  (type == TYPE_FORWARD || type == TYPE_ALIAS || type == TYPE_CATCHALL));
    g_assert_true(profile_entry_has_member(profile, entry, "M2@Other.example") ==
                  has_members(type));
    /* The very values are there: nothing is left to change. */
    g_assert_null(profile_modify(profile, operation, NULL, entry, "J/3"));
}

static void test_add_everything(Case *one, gconstpointer data)
{
    static const char *const addresses[] = {
        "a@example.org", "f@example.org", "o'l+x=y#z*/&@example.org",
        "d@example.org", "s@example.org", "@example.org",
        "g@example.org", "r@example.org", "h@example.org"};
    const Profile *profile = one->slapd->profile;
    (void)data;
    G_STATIC_ASSERT(G_N_ELEMENTS(addresses) == TYPE_DOMAIN);
    for (ObjectType type = 0; type < TYPE_DOMAIN; type++) {
        g_autoptr(Operation) operation = whole_operation(type, addresses[type]);
        apply(one, profile_add(profile, operation, "{X}hash", "id-1", "J/2"), NULL, WRITE_DONE);
        check_read_back(one, operation);
        apply(one, profile_add(profile, operation, "{X}hash", "id-1", "J/2"), NULL, WRITE_CONFLICT);
    }
}

/* Every white page can be cleared, names fall back to USER. */
static void test_clear_everything(Case *one, gconstpointer data)
{
    const Profile *profile = one->slapd->profile;
    g_autoptr(Operation) operation = whole_operation(TYPE_FULL, "a@example.org");
    g_autoptr(Entry) before = NULL;
    g_autoptr(Entry) after = NULL;
    (void)data;
    apply(one, profile_add(profile, operation, NULL, "id-1", "J/2"), NULL, WRITE_DONE);
    before = read_back(one, operation->address);
    for (Field field = FIELD_WHITE_FIRST; field <= FIELD_WHITE_LAST; field++)
        set_white(operation, field, CLEAR);
    apply(one, profile_modify(profile, operation, "{X}other", before, "J/3"), NULL, WRITE_DONE);
    after = read_back(one, operation->address);
    g_assert_cmpstr(entry_value(after, "cn"), ==, "a");
    g_assert_cmpstr(entry_value(after, "sn"), ==, "a");
    g_assert_null(entry_values(after, "givenName"));
    g_assert_null(entry_values(after, "telephoneNumber"));
    g_assert_cmpstr(profile_entry_mark(profile, after), ==, "J/3");
    g_assert_cmpstr(profile_entry_uuid(profile, after), ==, profile_entry_uuid(profile, before));
    g_assert_cmpstr(profile_entry_version(profile, after), !=,
                    profile_entry_version(profile, before));
}

static GPtrArray *texts_of(const char *first, const char *second)
{
    GPtrArray *texts = g_ptr_array_new();
    g_ptr_array_add(texts, (char *)first);
    if (second != NULL)
        g_ptr_array_add(texts, (char *)second);
    return texts;
}

static guint lists_with(Case *one, const char *member)
{
    g_autoptr(GPtrArray) members = texts_of(member, NULL);
    g_autofree char *filter = profile_filter_referrers(one->slapd->profile, members);
    g_autoptr(GPtrArray) entries = NULL;
    g_assert_cmpint(directory_search(one->directory, BASE, DIRECTORY_SCOPE_SUB, filter,
                                     profile_attributes(one->slapd->profile), 10, &entries, NULL),
                    ==, ANSWER_YES);
    return entries->len;
}

/* A list that loses its last member stays. */
static void test_list_members(Case *one, gconstpointer data)
{
    const Profile *profile = one->slapd->profile;
    g_autoptr(Operation) operation = whole_operation(TYPE_LIST, "l@example.org");
    g_autoptr(GPtrArray) added = texts_of("m3@example.org", "m4@example.org");
    g_autoptr(GPtrArray) removed = texts_of("M1@example.org", "m2@other.example");
    g_autoptr(Entry) list = NULL;
    g_autoptr(Entry) empty = NULL;
    (void)data;
    apply(one, profile_add(profile, operation, NULL, NULL, "J/2"), NULL, WRITE_DONE);
    list = read_back(one, operation->address);
    g_assert_cmpuint(lists_with(one, "m1@example.org"), ==, 1);
    apply(one, profile_members(profile, list, added, removed, "J/3"), NULL, WRITE_DONE);
    g_assert_cmpuint(lists_with(one, "m1@example.org"), ==, 0);
    g_assert_cmpuint(lists_with(one, "M4@example.org"), ==, 1);
    apply(one, profile_members(profile, list, added, NULL, "J/4"), NULL, WRITE_CONFLICT);
    apply(one, profile_members(profile, list, NULL, added, "J/5"), NULL, WRITE_DONE);
    empty = read_back(one, operation->address);
    g_assert_null(profile_entry_members(profile, empty));
    g_assert_cmpstr(profile_entry_mark(profile, empty), ==, "J/5");
}

/* What was seen is what a write asserts. */
static void test_assertions(Case *one, gconstpointer data)
{
    const Profile *profile = one->slapd->profile;
    g_autoptr(Operation) operation = whole_operation(TYPE_FULL, "a@example.org");
    g_autoptr(Entry) seen = NULL;
    g_autofree char *version = NULL;
    g_autofree char *mark = NULL;
    (void)data;
    apply(one, profile_add(profile, operation, NULL, "id-1", "J/2"), NULL, WRITE_DONE);
    seen = read_back(one, operation->address);
    version = profile_assertion(profile, profile_entry_uuid(profile, seen),
                                profile_entry_version(profile, seen), NULL);
    mark = profile_assertion(profile, profile_entry_uuid(profile, seen), NULL, "J/3");
    set_white(operation, FIELD_TITLE, "other");
    apply(one, profile_modify(profile, operation, NULL, seen, "J/3"), version, WRITE_DONE);
    apply(one, profile_modify(profile, operation, NULL, seen, "J/3"), version, WRITE_CONFLICT);
    apply(one, profile_delete(profile, seen), version, WRITE_CONFLICT);
    apply(one, profile_delete(profile, seen), mark, WRITE_DONE);
    apply(one, profile_delete(profile, seen), mark, WRITE_CONFLICT);
}

static void test_filters_at_server(Case *one, gconstpointer data)
{
    const Profile *profile = one->slapd->profile;
    g_autoptr(GPtrArray) none = g_ptr_array_new();
    g_autoptr(GPtrArray) some = addresses_of("a@example.org b@example.org");
    g_autofree char *no_filter = profile_filter_addresses(profile, none);
    g_autofree char *filter = profile_filter_addresses(profile, some);
    g_autofree char *lists = profile_filter_referrers(profile, none);
    const struct {
        const char *filter;
        guint count;
    } rows[] = {{no_filter, 0}, {filter, 1}, {lists, 0}};
    g_autoptr(Operation) operation = whole_operation(TYPE_LIST, "a@example.org");
    (void)data;
    apply(one, profile_add(profile, operation, NULL, "id-1", "J/2"), NULL, WRITE_DONE);
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GPtrArray) entries = NULL;
        g_assert_cmpint(directory_search(one->directory, BASE, DIRECTORY_SCOPE_SUB, rows[i].filter,
                                         profile_attributes(profile), 10, &entries, NULL),
                        ==, ANSWER_YES);
        g_assert_cmpuint(entries->len, ==, rows[i].count);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    secret_init();
    directory_init();
    for (guint i = 0; i < G_N_ELEMENTS(faults); i++) {
        g_autofree char *path = g_strconcat("/profile/fault/", faults[i].name, NULL);
        g_test_add_data_func(path, &faults[i], test_fault);
    }
    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *path = g_strconcat("/profile/person-names/", names[i].name, NULL);
        g_test_add_data_func(path, &names[i], test_person_names);
    }
    for (guint i = 0; i < G_N_ELEMENTS(modifies); i++) {
        g_autofree char *path = g_strconcat("/profile/modify/", modifies[i].name, NULL);
        g_test_add_data_func(path, &modifies[i], test_modify);
    }
    g_test_add_func("/profile/absent-file", test_absent_file);
    g_test_add_func("/profile/writable-by-all", test_writable_by_all);
    g_test_add_func("/profile/names", test_names);
    g_test_add_func("/profile/filters", test_filters);
    g_test_add_func("/profile/reading", test_reading);
    g_test_add_func("/profile/attributes", test_attributes);
    g_test_add("/profile/server/add", Case, NULL, set_up, test_add_everything, tear_down);
    g_test_add("/profile/server/clear", Case, NULL, set_up, test_clear_everything, tear_down);
    g_test_add("/profile/server/members", Case, NULL, set_up, test_list_members, tear_down);
    g_test_add("/profile/server/assertions", Case, NULL, set_up, test_assertions, tear_down);
    g_test_add("/profile/server/filters", Case, NULL, set_up, test_filters_at_server, tear_down);
    return g_test_run();
}
