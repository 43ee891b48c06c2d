/* SPDX-License-Identifier: MIT */
#include "lib/directory-fixture.h"

#include <string.h>

static const char *const domains[] = {"example.org", NULL};
const char *const all[] = {"*", NULL};

void set_up(Case *one, gconstpointer policy)
{
    g_autoptr(GError) error = NULL;
    one->slapd = policy ? slapd_fixture_with_policy(domains, policy) : slapd_fixture_new(domains);
    one->directory = directory_new(&one->slapd->settings, &error);
    g_assert_no_error(error);
}

void tear_down(Case *one, gconstpointer policy)
{
    (void)policy;
    directory_free(one->directory);
    slapd_fixture_free(one->slapd);
}

/* --- writes, made short --- */

GPtrArray *writes_new(void)
{
    return g_ptr_array_new_with_free_func((GDestroyNotify)write_free);
}

/* The writes' changes are freed with this array. */
GPtrArray *changes_new(void)
{
    return g_ptr_array_new_with_free_func((GDestroyNotify)change_free);
}

char *dn_of(const char *name)
{
    g_autofree char *escaped = directory_escape_dn(name);
    return g_strdup_printf("ou=%s," DOMAIN_DN, escaped);
}

Change *add_of(const char *name)
{
    g_autofree char *dn = dn_of(name);
    Change *change = change_new(CHANGE_ADD, dn);
    change_mod(change, MOD_ADD, "objectClass", "organizationalUnit");
    change_mod(change, MOD_ADD, "ou", name);
    return change;
}

Change *modify_of(const char *name, ModKind kind, const char *attribute, const char *value)
{
    g_autofree char *dn = dn_of(name);
    Change *change = change_new(CHANGE_MODIFY, dn);
    change_mod(change, kind, attribute, value);
    return change;
}

Change *delete_of(const char *name)
{
    g_autofree char *dn = dn_of(name);
    return change_new(CHANGE_DELETE, dn);
}

void put(GPtrArray *changes, GPtrArray *writes, Change *change)
{
    g_ptr_array_add(changes, change);
    g_ptr_array_add(writes, write_new(change, NULL));
}

/* One write alone; the caller owns it. It outlives its change. */
Write *apply_one(Directory *directory, Change *change, const char *assertion)
{
    g_autoptr(GPtrArray) writes = g_ptr_array_new();
    Write *write = write_new(change, g_strdup(assertion));
    g_autoptr(GError) error = NULL;
    g_ptr_array_add(writes, write);
    if (directory_apply(directory, writes, &error) == ANSWER_YES)
        g_assert_no_error(error);
    else
        g_assert_nonnull(error);
    write->change = NULL;
    change_free(change);
    return write;
}

void assert_all_done(GPtrArray *writes)
{
    for (guint i = 0; i < writes->len; i++) {
        const Write *write = g_ptr_array_index(writes, i);
        if (write->state != WRITE_DONE)
            g_error("write %u: state %d, code %d, %s", i, write->state, write->code,
                    write->server_text);
    }
}

Answer exists(Directory *directory, const char *name)
{
    g_autofree char *dn = dn_of(name);
    g_autoptr(Entry) entry = NULL;
    return directory_read(directory, dn, all, &entry, NULL);
}

guint count_below(Directory *directory, const char *filter)
{
    g_autoptr(GPtrArray) entries = NULL;
    g_autoptr(GError) error = NULL;
    g_assert_cmpint(directory_search(directory, DOMAIN_DN, DIRECTORY_SCOPE_ONE, filter, all, 100000,
                                     &entries, &error),
                    ==, ANSWER_YES);
    g_assert_no_error(error);
    return entries->len;
}

Change *add_person(const char *attribute, const char *value)
{
    Change *change = change_new(CHANGE_ADD, "mail=a@example.org," DOMAIN_DN);
    change_mod(change, MOD_ADD, "objectClass", "inetOrgPerson");
    change_mod(change, MOD_ADD, "mail", "a@example.org");
    change_mod(change, MOD_ADD, "cn", "a");
    if (strcmp(attribute, "-sn") != 0)
        change_mod(change, MOD_ADD, "sn", "a");
    if (*attribute != '-')
        change_mod(change, MOD_ADD, attribute, value);
    return change;
}

int run_cases(const DirectoryCase *cases, gsize count)
{
    for (gsize i = 0; i < count; i++)
        g_test_add(cases[i].path, Case, cases[i].policy, set_up, cases[i].function, tear_down);
    return g_test_run();
}

void begin_cases(int *argc, char ***argv)
{
    g_test_init(argc, argv, NULL);
    /* What a host may have set for its own tools; it must not loosen ours. */
    g_setenv("LDAPTLS_REQCERT", "never", TRUE);
    g_setenv("LDAPSIZELIMIT", "1", TRUE);
    g_setenv("LDAPREFERRALS", "on", TRUE);
    secret_init();
    directory_init();
}
