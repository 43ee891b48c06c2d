/* SPDX-License-Identifier: MIT */
#include "lib/directory-fixture.h"
#include "lib/directory-private.h"

#include <signal.h>
#include <string.h>

/* --- writing --- */

/* Enough that a server, which keeps no order among what is in flight, would swap some. */
#define ORDER_ROUNDS 1500

static void check_order(Case *one, GPtrArray *writes)
{
    g_autoptr(GError) error = NULL;
    g_assert_cmpint(directory_apply(one->directory, writes, &error), ==, ANSWER_YES);
    g_assert_no_error(error);
    assert_all_done(writes);
}

static void test_order_same(Case *one, gconstpointer data)
{
    g_autoptr(GPtrArray) changes = changes_new();
    g_autoptr(GPtrArray) writes = writes_new();
    (void)data;
    for (guint i = 0; i < ORDER_ROUNDS; i++) {
        put(changes, writes, add_of("x"));
        put(changes, writes, modify_of("x", MOD_ADD, "description", "one"));
        put(changes, writes, modify_of("x", MOD_DELETE, "description", "one"));
        put(changes, writes, delete_of("x"));
    }
    check_order(one, writes);
}

static Change *add_child_of(const char *name)
{
    g_autofree char *dn = g_strdup_printf("ou=Child,OU=%s , " DOMAIN_DN, name);
    Change *change = change_new(CHANGE_ADD, dn);
    change_mod(change, MOD_ADD, "objectClass", "organizationalUnit");
    change_mod(change, MOD_ADD, "ou", "child");
    return change;
}

/* A parent before its child, and the child gone before the parent. */
static void test_order_parents(Case *one, gconstpointer data)
{
    g_autoptr(GPtrArray) changes = changes_new();
    g_autoptr(GPtrArray) writes = writes_new();
    (void)data;
    for (guint i = 0; i < ORDER_ROUNDS; i++) {
        Change *child = add_child_of("p");
        put(changes, writes, add_of("p"));
        put(changes, writes, child);
        put(changes, writes, change_new(CHANGE_DELETE, child->dn));
        put(changes, writes, delete_of("p"));
    }
    check_order(one, writes);
}

/* The same entry named in other letters and blanks is the same entry. */
static void test_order_other_spelling(Case *one, gconstpointer data)
{
    g_autoptr(GPtrArray) changes = changes_new();
    g_autoptr(GPtrArray) writes = writes_new();
    (void)data;
    for (guint i = 0; i < 200; i++) {
        Change *modify = change_new(CHANGE_MODIFY, "OU=a\\20B ,OU=Example.ORG, ou=domains,"
                                                   "dc=example,dc=org");
        change_mod(modify, MOD_REPLACE, "description", "x");
        put(changes, writes, add_of("A b"));
        put(changes, writes, modify);
        put(changes, writes, change_new(CHANGE_DELETE, "ou=a  b ," DOMAIN_DN));
    }
    g_assert_cmpint(directory_apply(one->directory, writes, NULL), ==, ANSWER_YES);
    assert_all_done(writes);
}

typedef struct {
    const char *name;
    Change *(*change)(void);
    const char *assertion;
    WriteState state;
    int code;
    const char *attribute;
} ResultCase;

static Change *make_there(void)
{
    return add_of("there");
}
static Change *make_delete_absent(void)
{
    return delete_of("absent");
}
static Change *make_modify_absent(void)
{
    return modify_of("absent", MOD_REPLACE, "description", "x");
}
static Change *make_add_value(void)
{
    return modify_of("there", MOD_ADD, "description", "x");
}
static Change *make_add_value_there(void)
{
    return modify_of("there", MOD_ADD, "ou", "there");
}
static Change *make_remove_value(void)
{
    return modify_of("there", MOD_DELETE, "description", "y");
}
static Change *make_delete_there(void)
{
    return delete_of("there");
}
static Change *make_bad_phone(void)
{
    return add_person("telephoneNumber", "\xc3\xbc");
}
static Change *make_unknown_attribute(void)
{
    return add_person("noSuchThing", "x");
}
static Change *make_no_surname(void)
{
    return add_person("-sn", NULL);
}
static Change *make_two_values(void)
{
    Change *change = add_person("employeeNumber", "1");
    change_mod(change, MOD_ADD, "employeeNumber", "2");
    return change;
}
static Change *make_not_allowed(void)
{
    return modify_of("there", MOD_REPLACE, "uid", "x");
}
static Change *make_rdn_change(void)
{
    return modify_of("there", MOD_REPLACE, "ou", "elsewhere");
}
static Change *make_nonleaf(void)
{
    return change_new(CHANGE_DELETE, DOMAIN_DN);
}
static Change *make_class_change(void)
{
    return modify_of("there", MOD_REPLACE, "objectClass", "organization");
}
static Change *make_bad_dn(void)
{
    return change_new(CHANGE_DELETE, "nonsense");
}

static const ResultCase results[] = {
    {"add-there", make_there, NULL, WRITE_CONFLICT, 68, NULL},
    {"delete-absent", make_delete_absent, NULL, WRITE_CONFLICT, 32, NULL},
    {"modify-absent", make_modify_absent, NULL, WRITE_CONFLICT, 32, NULL},
    {"assertion-fails", make_delete_there, "(description=zzz)", WRITE_CONFLICT, 122, NULL},
    {"assertion-on-absent", make_delete_absent, "(ou=absent)", WRITE_CONFLICT, 32, NULL},
    {"assertion-holds", make_add_value, "(&(ou=there)(!(description=*)))", WRITE_DONE, 0, NULL},
    {"value-twice", make_add_value_there, NULL, WRITE_CONFLICT, 20, NULL},
    {"value-absent", make_remove_value, NULL, WRITE_CONFLICT, 16, NULL},
    {"syntax", make_bad_phone, NULL, WRITE_REFUSED, 21, "telephoneNumber"},
    {"unknown-attribute", make_unknown_attribute, NULL, WRITE_REFUSED, 17, "noSuchThing"},
    {"missing-attribute", make_no_surname, NULL, WRITE_REFUSED, 65, "sn"},
    {"two-values", make_two_values, NULL, WRITE_REFUSED, 19, "employeeNumber"},
    {"not-allowed", make_not_allowed, NULL, WRITE_REFUSED, 65, "uid"},
    {"rdn", make_rdn_change, NULL, WRITE_REFUSED, 64, "ou"},
    {"non-leaf", make_nonleaf, NULL, WRITE_REFUSED, 66, NULL},
    {"class", make_class_change, NULL, WRITE_REFUSED, 69, NULL},
    {"dn", make_bad_dn, NULL, WRITE_REFUSED, 34, NULL},
};

/* inside: a condition goes inside of each change. */
static void check_results(Case *one, bool inside)
{
    g_autoptr(Write) there = apply_one(one->directory, add_of("there"), NULL);
    g_assert_cmpint(there->state, ==, WRITE_DONE);
    for (guint i = 0; i < G_N_ELEMENTS(results); i++) {
        const ResultCase *row = &results[i];
        Change *change = row->change();
        const char *assertion = row->assertion;
        if (inside && change->kind != CHANGE_ADD && assertion == NULL)
            assertion = "(objectClass=*)";
        g_autoptr(Write) write = apply_one(one->directory, change, assertion);
        g_test_message("%s: %d, %s, %s", row->name, write->code, write->attribute,
                       write->server_text);
        g_assert_cmpint(write->code, ==, row->code);
        g_assert_cmpint(write->state, ==, row->state);
        g_assert_cmpstr(write->attribute, ==, row->attribute);
        g_assert_true((write->words != NULL) == (row->state == WRITE_REFUSED));
        if (write->words != NULL)
            g_assert_true(g_str_has_suffix(write->words, "."));
    }
}

static void test_results(Case *one, gconstpointer data)
{
    (void)data;
    check_results(one, false);
}

static void test_results_inside(Case *one, gconstpointer data)
{
    (void)data;
    one->slapd->settings.inside = true;
    check_results(one, true);
}

static void assert_value(Case *one, const char *attribute, const char *value)
{
    g_autofree char *dn = dn_of("there");
    g_autoptr(Entry) entry = NULL;
    g_assert_cmpint(directory_read(one->directory, dn, all, &entry, NULL), ==, ANSWER_YES);
    g_assert_cmpstr(entry_value(entry, attribute), ==, value);
}

/* What an entry that was read a moment ago makes of a change, where the entry has changed since. */
static void test_guarded(Case *one, gconstpointer data)
{
    static const char *const before[] = {"old", NULL};
    g_autoptr(GPtrArray) plain = g_ptr_array_new();
    g_autoptr(Write) there G_GNUC_UNUSED = apply_one(one->directory, add_of("there"), NULL);
    (void)data;
    for (guint i = 0; i < 2; i++) {
        g_autoptr(Entry) seen = entry_new("x");
        g_autoptr(Change) change = modify_of("there", MOD_REPLACE, "street", "ours");
        if (before[i] != NULL)
            entry_add(seen, "street", before[i]);
        g_autoptr(Write) set G_GNUC_UNUSED =
            apply_one(one->directory, modify_of("there", MOD_REPLACE, "street", before[i]), NULL);
        g_autoptr(Write) good =
            apply_one(one->directory, change_guarded(change, seen, plain), NULL);
        g_assert_cmpint(good->state, ==, WRITE_DONE);
        assert_value(one, "street", "ours");
        g_autoptr(Write) late =
            apply_one(one->directory, change_guarded(change, seen, plain), NULL);
        g_assert_cmpint(late->state, ==, WRITE_CONFLICT);
    }
}

/* What the server can't compare is replaced whatever it is. */
static void test_inside(Case *one, gconstpointer data)
{
    g_autoptr(Write) there G_GNUC_UNUSED = apply_one(one->directory, add_of("there"), NULL);
    (void)data;
    one->slapd->settings.inside = true;
    for (guint i = 0; i < 2; i++) {
        Change *change =
            modify_of("there", MOD_REPLACE, "facsimileTelephoneNumber", i == 0 ? "+49 1" : "+49 2");
        change_mod(change, MOD_REPLACE, "street", i == 0 ? "a" : "b");
        g_autoptr(Write) write = apply_one(one->directory, change, "(ou=there)");
        g_assert_cmpint(write->state, ==, WRITE_DONE);
    }
    assert_value(one, "facsimileTelephoneNumber", "+49 2");
    assert_value(one, "street", "b");
}

static WriteState delete_claimed(Case *one)
{
    g_autoptr(Change) change = delete_of("there");
    g_autoptr(GPtrArray) writes = writes_new();
    Write *write = write_new(change, g_strdup("(ou=there)"));
    write->claim = modify_of("there", MOD_REPLACE, "street", "mine");
    g_ptr_array_add(writes, write);
    g_assert_cmpint(directory_apply(one->directory, writes, NULL), ==, ANSWER_YES);
    return write->state;
}

/* A deletion leaves its mark before it, and only where the server has no condition for it. */
static void test_claim(Case *one, gconstpointer data)
{
    static const char child_dn[] = "ou=child,ou=there," DOMAIN_DN;
    (void)data;
    for (guint i = 0; i < 2; i++) {
        g_autoptr(Write) there G_GNUC_UNUSED = apply_one(one->directory, add_of("there"), NULL);
        Change *child = change_new(CHANGE_ADD, child_dn);
        change_mod(child, MOD_ADD, "objectClass", "organizationalUnit");
        change_mod(child, MOD_ADD, "ou", "child");
        g_autoptr(Write) added G_GNUC_UNUSED = apply_one(one->directory, child, NULL);
        one->slapd->settings.inside = i == 1;
        g_assert_cmpint(delete_claimed(one), ==, WRITE_REFUSED);
        assert_value(one, "street", i == 1 ? "mine" : NULL);
        g_autoptr(Write) gone =
            apply_one(one->directory, change_new(CHANGE_DELETE, child_dn), NULL);
        g_assert_cmpint(gone->state, ==, WRITE_DONE);
        g_assert_cmpint(delete_claimed(one), ==, WRITE_DONE);
        g_assert_cmpint(exists(one->directory, "there"), ==, ANSWER_NO);
    }
}

/* A row that is refused does not stop the others. */
static void test_refused_among_good(Case *one, gconstpointer data)
{
    g_autoptr(GPtrArray) changes = changes_new();
    g_autoptr(GPtrArray) writes = writes_new();
    (void)data;
    put(changes, writes, add_of("a"));
    put(changes, writes, make_bad_phone());
    put(changes, writes, add_of("a"));
    put(changes, writes, add_of("b"));
    g_assert_cmpint(directory_apply(one->directory, writes, NULL), ==, ANSWER_YES);
    g_assert_cmpint(((Write *)g_ptr_array_index(writes, 0))->state, ==, WRITE_DONE);
    g_assert_cmpint(((Write *)g_ptr_array_index(writes, 1))->state, ==, WRITE_REFUSED);
    g_assert_cmpint(((Write *)g_ptr_array_index(writes, 2))->state, ==, WRITE_CONFLICT);
    g_assert_cmpint(((Write *)g_ptr_array_index(writes, 3))->state, ==, WRITE_DONE);
}

/* A filter that can't be sent: nothing has left. */
static void test_bad_assertion(Case *one, gconstpointer data)
{
    g_autoptr(Write) write = apply_one(one->directory, add_of("a"), "((");
    (void)data;
    g_assert_cmpint(write->state, ==, WRITE_UNSENT);
    g_assert_cmpint(exists(one->directory, "a"), ==, ANSWER_NO);
}

/* --- faults --- */

static gpointer kill_after_some(gpointer data)
{
    Case *one = data;
    g_autoptr(Directory) directory = directory_new(&one->slapd->settings, NULL);
    while (exists(directory, "n300") == ANSWER_NO)
        ;
    kill(one->slapd->pid, SIGKILL);
    return NULL;
}

/* DONE, then at most a window of UNKNOWN among them, then UNSENT; what was done is there. */
static void check_after_kill(Case *one, GPtrArray *writes)
{
    guint counts[WRITE_UNKNOWN + 1] = {0};
    for (guint i = 0; i < writes->len; i++) {
        const Write *write = g_ptr_array_index(writes, i);
        g_autofree char *name = g_strdup_printf("n%u", i);
        counts[write->state]++;
        if (write->state == WRITE_DONE)
            g_assert_cmpint(exists(one->directory, name), ==, ANSWER_YES);
        if (write->state == WRITE_UNSENT && counts[WRITE_UNSENT] < 100)
            g_assert_cmpint(exists(one->directory, name), ==, ANSWER_NO);
        if (write->state != WRITE_UNSENT)
            g_assert_cmpuint(counts[WRITE_UNSENT], ==, 0);
    }
    g_assert_cmpuint(counts[WRITE_DONE], >, 0);
    g_assert_cmpuint(counts[WRITE_UNSENT], >, 0);
    g_assert_cmpuint(counts[WRITE_UNKNOWN], >, 0);
    g_assert_cmpuint(counts[WRITE_UNKNOWN], <=, one->slapd->settings.window);
    g_test_message("done %u, unknown %u, unsent %u", counts[WRITE_DONE], counts[WRITE_UNKNOWN],
                   counts[WRITE_UNSENT]);
}

static void test_killed(Case *one, gconstpointer data)
{
    g_autoptr(GPtrArray) changes = changes_new();
    g_autoptr(GPtrArray) writes = writes_new();
    g_autoptr(GError) error = NULL;
    g_autoptr(Entry) entry = NULL;
    GThread *killer;
    (void)data;
    for (guint i = 0; i < 30000; i++) {
        g_autofree char *name = g_strdup_printf("n%u", i);
        put(changes, writes, add_of(name));
    }
    killer = g_thread_new("killer", kill_after_some, one);
    g_assert_cmpint(directory_apply(one->directory, writes, &error), ==, ANSWER_UNKNOWN);
    g_assert_error(error, DIRECTORY_ERROR, DIRECTORY_ERROR_AWAY);
    g_thread_join(killer);
    slapd_fixture_kill(one->slapd);
    g_clear_error(&error);
    g_assert_cmpint(directory_read(one->directory, DOMAIN_DN, all, &entry, &error), ==,
                    ANSWER_UNKNOWN);
    g_assert_error(error, DIRECTORY_ERROR, DIRECTORY_ERROR_AWAY);
    g_assert_cmpint(directory_check_password(one->directory, one->slapd->root_dn, "x", NULL), ==,
                    ANSWER_UNKNOWN);
    slapd_fixture_restart(one->slapd);
    check_after_kill(one, writes);
}

/* An idle connection that the server gave up costs nothing. */
static void test_restart_between(Case *one, gconstpointer data)
{
    (void)data;
    g_assert_cmpint(exists(one->directory, "a"), ==, ANSWER_NO);
    slapd_fixture_kill(one->slapd);
    slapd_fixture_restart(one->slapd);
    g_autoptr(Write) write = apply_one(one->directory, add_of("a"), NULL);
    g_assert_cmpint(write->state, ==, WRITE_DONE);
    slapd_fixture_kill(one->slapd);
    slapd_fixture_restart(one->slapd);
    g_assert_cmpint(exists(one->directory, "a"), ==, ANSWER_YES);
}

/* A server that is there and says nothing: bounded, and large writes do not hang either. */
static void test_silent(Case *one, gconstpointer data)
{
    g_autoptr(GPtrArray) changes = changes_new();
    g_autoptr(GPtrArray) writes = writes_new();
    g_autoptr(GError) error = NULL;
    g_autofree char *large = g_strnfill(200000, 'x');
    gint64 start;
    (void)data;
    one->slapd->settings.answer_seconds = 1;
    g_assert_cmpint(exists(one->directory, "a"), ==, ANSWER_NO);
    for (guint i = 0; i < 100; i++) {
        g_autofree char *name = g_strdup_printf("n%u", i);
        Change *change = add_of(name);
        change_mod(change, MOD_ADD, "description", large);
        put(changes, writes, change);
    }
    kill(one->slapd->pid, SIGSTOP);
    start = g_get_monotonic_time();
    g_assert_cmpint(directory_apply(one->directory, writes, &error), ==, ANSWER_UNKNOWN);
    g_assert_error(error, DIRECTORY_ERROR, DIRECTORY_ERROR_AWAY);
    g_assert_cmpint(g_get_monotonic_time() - start, <, 20 * G_USEC_PER_SEC);
    g_assert_cmpint(((Write *)g_ptr_array_index(writes, 0))->state, ==, WRITE_UNKNOWN);
    g_assert_cmpint(((Write *)g_ptr_array_index(writes, 99))->state, ==, WRITE_UNSENT);
    kill(one->slapd->pid, SIGCONT);
    one->slapd->settings.answer_seconds = 15;
    g_assert_cmpint(directory_apply(one->directory, writes, NULL), ==, ANSWER_YES);
}

/* --- passwords that the directory hashes --- */

/* Rules hold for the service's own login. */
#define POLICY "pwdCheckQuality: 1\npwdMinLength: 8\npwdInHistory: 2\n"
#define PERSON "mail=a@example.org," DOMAIN_DN

static Change *with_password(Change *change, const char *password)
{
    change_mod(change, MOD_PASSWORD, "userPassword", password);
    return change;
}

static Change *modify_person(const char *password)
{
    Change *change = change_new(CHANGE_MODIFY, PERSON);
    change_mod(change, MOD_REPLACE, "title", password);
    return with_password(change, password);
}

static Change *make_good_password(void)
{
    return modify_person("long enough");
}
static Change *make_same_password(void)
{
    return modify_person("long enough");
}
static Change *make_short_password(void)
{
    return modify_person("short");
}
static Change *make_password_of_absent(void)
{
    return with_password(modify_of("absent", MOD_REPLACE, "description", "x"), "long enough");
}
static Change *make_password_of_unit(void)
{
    return with_password(modify_of("there", MOD_REPLACE, "description", "x"), "long enough");
}
static Change *make_password_of_bad_phone(void)
{
    Change *change = change_new(CHANGE_MODIFY, PERSON);
    change_mod(change, MOD_REPLACE, "telephoneNumber", "\xc3\xbc");
    return with_password(change, "another one");
}

static const struct {
    const char *name;
    Change *(*change)(void);
    WriteState state;
    int code;
    bool changed;
    const char *words; /* a part of them */
} password_results[] = {
    {"good", make_good_password, WRITE_DONE, 0, true, NULL},
    {"used-before", make_same_password, WRITE_REFUSED, 19, true, "used for this address before"},
    {"short", make_short_password, WRITE_REFUSED, 19, true, "too short"},
    {"absent", make_password_of_absent, WRITE_CONFLICT, 32, false, NULL},
    {"unit", make_password_of_unit, WRITE_DONE, 0, true, NULL},
    {"rest-refused", make_password_of_bad_phone, WRITE_REFUSED, 21, false, "has a form"},
};

static void test_password_results(Case *one, gconstpointer data)
{
    g_autoptr(Write) unit = apply_one(one->directory, add_of("there"), NULL);
    g_autoptr(Write) person = apply_one(one->directory, add_person("title", "x"), NULL);
    (void)data;
    g_assert_cmpint(unit->state, ==, WRITE_DONE);
    g_assert_cmpint(person->state, ==, WRITE_DONE);
    for (guint i = 0; i < G_N_ELEMENTS(password_results); i++) {
        g_autoptr(Write) write =
            apply_one(one->directory, password_results[i].change(), "(objectClass=*)");
        g_test_message("%s: %d, %s (%s)", password_results[i].name, write->code, write->words,
                       write->server_text);
        g_assert_cmpint(write->code, ==, password_results[i].code);
        g_assert_cmpint(write->state, ==, password_results[i].state);
        g_assert_true(write->changed == password_results[i].changed);
        if (password_results[i].words)
            g_assert_nonnull(strstr(write->words, password_results[i].words));
        if (write->state == WRITE_REFUSED && write->changed)
            g_assert_cmpstr(write->attribute, ==, "userPassword");
    }
    g_assert_cmpint(directory_check_password(one->directory, PERSON, "long enough", NULL), ==,
                    ANSWER_YES);
    g_assert_cmpint(directory_check_password(one->directory, PERSON, "another one", NULL), ==,
                    ANSWER_NO);
}

/* The password alone, and refused: whether it is set already is asked. */
static void test_password_again(Case *one, gconstpointer data)
{
    static const struct {
        const char *password;
        WriteState state;
    } rows[] = {
        {"long enough", WRITE_DONE}, /* refused as used before, but it is the one */
        {"other one", WRITE_DONE},   {"long enough", WRITE_REFUSED},
        {"short", WRITE_REFUSED},    {"other one", WRITE_DONE},
    };
    g_autoptr(Write) person = apply_one(one->directory, add_person("title", "x"), NULL);
    g_autoptr(Write) first = apply_one(one->directory, modify_person("long enough"), NULL);
    (void)data;
    g_assert_cmpint(person->state, ==, WRITE_DONE);
    g_assert_cmpint(first->state, ==, WRITE_DONE);
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(Change) change = modify_person(rows[i].password);
        g_autoptr(GPtrArray) writes = writes_new();
        g_autoptr(Entry) entry = NULL;
        Write *write = write_new(change, g_strdup("(title=never)"));
        write->again = true;
        g_ptr_array_add(writes, write);
        g_assert_cmpint(directory_apply(one->directory, writes, NULL), ==, ANSWER_YES);
        g_assert_cmpint(write->state, ==, rows[i].state);
        g_assert_true((write->words != NULL) == (write->state == WRITE_REFUSED));
        g_assert_cmpint(directory_read(one->directory, PERSON, all, &entry, NULL), ==, ANSWER_YES);
        g_assert_cmpstr(entry_value(entry, "title"), ==, "long enough"); /* nothing but it */
    }
}

/* Between a change and its password nothing else on the entry is sent. */
static void test_password_order(Case *one, gconstpointer data)
{
    g_autoptr(GPtrArray) changes = changes_new();
    g_autoptr(GPtrArray) writes = writes_new();
    g_autoptr(Write) person = apply_one(one->directory, add_person("title", "x"), NULL);
    (void)data;
    g_assert_cmpint(person->state, ==, WRITE_DONE);
    for (guint i = 0; i < 200; i++) {
        g_autofree char *password = g_strdup_printf("password number %u", i);
        g_autofree char *name = g_strdup_printf("n%u", i);
        put(changes, writes, modify_person(password));
        put(changes, writes, add_of(name));
    }
    g_assert_cmpint(directory_apply(one->directory, writes, NULL), ==, ANSWER_YES);
    assert_all_done(writes);
    g_assert_cmpint(directory_check_password(one->directory, PERSON, "password number 199", NULL),
                    ==, ANSWER_YES);
}

/* The service may change people, but not their passwords. */
static void test_password_not_allowed(Case *one, gconstpointer data)
{
    DirectorySettings settings = one->slapd->settings;
    (void)data;
    g_autoptr(Write) person = apply_one(one->directory, add_person("title", "x"), NULL);
    g_assert_cmpint(person->state, ==, WRITE_DONE);
    slapd_fixture_configure(one->slapd, " =rw\n", " =r\n");
    settings.bind_dn = one->slapd->service_dn;
    g_autoptr(Directory) service = directory_new(&settings, NULL);
    g_autoptr(Write) write = apply_one(service, modify_person("long enough"), NULL);
    g_assert_cmpint(write->code, ==, LDAP_INSUFFICIENT_ACCESS);
    g_assert_cmpint(write->state, ==, WRITE_REFUSED);
    g_assert_true(write->changed);
    g_assert_cmpstr(write->words, ==,
                    "The directory does not allow the password of this address to be set.");
}

static void test_echoes(void)
{
    static const struct {
        const char *text, *password;
        bool echoes;
    } rows[] = {
        {"Password fails quality checking policy", "Geheim-77", false},
        {"the password Geheim-77 is too simple", "Geheim-77", true},
        {"based on the word GEHEIM", "geheim-77", true},
        {"contains heim", "Geheim-77", true},
        {"contains hei", "Geheim-77", false},
        {"is abc", "abc", true},
        {"is ab", "abc", false},
        {"ends with m-77", "Geheim-77", true},
    };
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++)
        g_assert_true(directory_echoes(rows[i].text, rows[i].password) == rows[i].echoes);
}

/* What is encoded here is what the library makes of the same filter. */
static void test_assertions(void)
{
    static const char *const filters[] = {
        "(&(entryUUID=1ff2a4c0-5af4-103f-8d4e-af3c))",
        "(&(entryUUID=1ff2a4c0)(entryCSN=20261121140000.123456Z#000000#000#000000))",
        "(&(a-b=c d)(e2=f=g<>~:,+\xc3\xbc)(h= i ))",
        "(&(entryUUID=a\\2ab)(entryCSN=c))",
        "(&(mail=a*))",
        "(&(mail=*))",
        "(&(mail=))",
        "(&(mail>=a))",
        "(&(mail;lang-de=a))",
        "(&(mail:caseExactMatch:=a))",
        "(&(|(mail=a)(mail=b)))",
        "(title=x)",
        "(&)",
    };
    static const char *const faulty[] = {"(&(mail=a)", "(&(mail=a))(", "(&(=a))", "(&(mail))", "("};
    LDAP *ld = NULL;
    g_assert_cmpint(ldap_initialize(&ld, NULL), ==, LDAP_SUCCESS);
    for (guint i = 0; i < G_N_ELEMENTS(filters); i++) {
        g_autofree char *filter = g_strdup(filters[i]);
        struct berval expected = {0};
        LDAPControl control;
        g_test_message("%s", filter);
        g_assert_cmpint(ldap_create_assertion_control_value(ld, filter, &expected), ==,
                        LDAP_SUCCESS);
        g_assert_cmpint(directory_assertion(ld, filter, &control), ==, LDAP_SUCCESS);
        g_assert_cmpmem(control.ldctl_value.bv_val, control.ldctl_value.bv_len, expected.bv_val,
                        expected.bv_len);
        g_assert_cmpstr(control.ldctl_oid, ==, LDAP_CONTROL_ASSERT);
        g_assert_true(control.ldctl_iscritical);
        ber_memfree(control.ldctl_value.bv_val);
        ber_memfree(expected.bv_val);
    }
    for (guint i = 0; i < G_N_ELEMENTS(faulty); i++) {
        g_autofree char *filter = g_strdup(faulty[i]);
        struct berval expected = {0};
        LDAPControl control;
        g_test_message("%s", filter);
        const int code = ldap_create_assertion_control_value(ld, filter, &expected);
        g_assert_cmpint(directory_assertion(ld, filter, &control), ==, code);
        ber_memfree(control.ldctl_value.bv_val);
        ber_memfree(expected.bv_val);
    }
    ldap_unbind_ext(ld, NULL, NULL);
}

typedef enum { OTHER, SAME, BELOW } Relation;

/* What is one entry however it is spelled, and what is above what. */
static void test_names(void)
{
    static const struct {
        const char *left, *right;
        Relation relation; /* of left to right */
    } rows[] = {
        {"mail=a@x.org,dc=x", "mail=a@x.org,dc=x", SAME},
        {"mail=a@x.org,dc=x", "MAIL=A@X.org,DC=X", SAME},
        {"mail=a@x.org,dc=x", "mail = a@x.org , dc=x", SAME},
        {"mail=a@x.org,dc=x", "mail=\\61@x.org,dc=x", SAME},
        {"mail=a=b@x.org,dc=x", "mail=a\\3Db@x.org,dc=x", SAME},
        {"mail=a*b@x.org,dc=x", "mail=a\\2ab@x.org,dc=x", SAME},
        {"mail=a+b@x.org,dc=x", "mail=a\\2Bb@x.org,dc=x", OTHER}, /* no name at all */
        {"mail=a\\+b@x.org,dc=x", "mail=a\\2Bb@x.org,dc=x", SAME},
        {"cn=a b,dc=x", "cn=A   B,dc=x", SAME},
        {"cn=a b,dc=x", "cn=ab,dc=x", OTHER},
        {"cn=a\\,b,dc=x", "cn=a\\2cb,dc=x", SAME},
        {"cn=a\\,b=c,dc=x", "b=c,dc=x", OTHER},
        {"cn=a+sn=b,dc=x", "sn=B+cn=A,dc=x", SAME},
        {"cn=#6161,dc=x", "cn=aa,dc=x", SAME},
        {"cn=\xc3\x9c,dc=x", "cn=\xc3\xbc,dc=x", SAME},
        {"mail=a@x.org,dc=x", "mail=b@x.org,dc=x", OTHER},
        {"mail=a@x.org,dc=x", "dc=x", BELOW},
        {"mail=a@x.org,dc=x", "DC=\\78", BELOW},
        {"cn=a,ou=b,ou=c,dc=x", "ou=c,dc=x", BELOW},
        {"cn=a\\,b,ou=b,dc=x", "ou=B,dc=x", BELOW},
        {"mail=a@x.org,dc=x", "c=x", OTHER},
        {"not,a,name", "name", OTHER},
        {"", "dc=x", OTHER},
    };
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(DirectoryNames) names = directory_names_new();
        DirectoryName *left = directory_name_take(names, rows[i].left);
        DirectoryName *right = directory_name_take(names, rows[i].right);
        g_test_message("%s %s", rows[i].left, rows[i].right);
        g_assert_true((left == right) == (rows[i].relation == SAME));
        g_assert_false(directory_name_clashes(left));
        directory_name_fly(left, true);
        g_assert_true(directory_name_clashes(right) == (rows[i].relation != OTHER));
        directory_name_fly(left, false);
        g_assert_false(directory_name_clashes(right));
        directory_name_fly(right, true);
        g_assert_true(directory_name_clashes(left) == (rows[i].relation != OTHER));
        directory_name_fly(right, false);
        directory_name_give_back(names, left);
        directory_name_give_back(names, right);
    }
}

int main(int argc, char **argv)
{
    static const DirectoryCase cases[] = {
        {"/directory/order/same", test_order_same, NULL},
        {"/directory/order/parents", test_order_parents, NULL},
        {"/directory/order/other-spelling", test_order_other_spelling, NULL},
        {"/directory/results", test_results, NULL},
        {"/directory/results-inside", test_results_inside, NULL},
        {"/directory/guarded", test_guarded, NULL},
        {"/directory/inside", test_inside, NULL},
        {"/directory/claim", test_claim, NULL},
        {"/directory/refused-among-good", test_refused_among_good, NULL},
        {"/directory/bad-assertion", test_bad_assertion, NULL},
        {"/directory/killed", test_killed, NULL},
        {"/directory/restart-between", test_restart_between, NULL},
        {"/directory/silent", test_silent, NULL},
        {"/directory/password/results", test_password_results, POLICY},
        {"/directory/password/again", test_password_again, POLICY},
        {"/directory/password/order", test_password_order, NULL},
        {"/directory/password/not-allowed", test_password_not_allowed, NULL},
    };
    begin_cases(&argc, &argv);
    g_test_add_func("/directory/password/echoes", test_echoes);
    g_test_add_func("/directory/names", test_names);
    g_test_add_func("/directory/assertions", test_assertions);
    return run_cases(cases, G_N_ELEMENTS(cases));
}
