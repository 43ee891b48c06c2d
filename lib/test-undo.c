/* SPDX-License-Identifier: MIT */
#include "lib/undo.h"
#include "tests/slapd-fixture.h"
#include <string.h>

/* A deletion that was left half done: where the directory checks no condition beside a change it
 * has a mark before it. */

static const char *const domains[] = {"one.example", NULL};

typedef struct {
    SlapdFixture *slapd;
    Directory *directory;
    PlanContext context;
} Case;

static void set_up(Case *one, gconstpointer profile)
{
    g_autoptr(GError) error = NULL;
    one->slapd = profile ? slapd_fixture_of_profile(profile, domains, "Sommer-Regen-42")
                         : slapd_fixture_new(domains);
    one->slapd->settings.inside = true;
    one->directory = directory_new(&one->slapd->settings, &error);
    g_assert_no_error(error);
    one->context = (PlanContext){
        .job = "20261122-TESTED", .profile = one->slapd->profile, .directory = one->directory};
}

static void tear_down(Case *one, gconstpointer profile)
{
    (void)profile;
    directory_free(one->directory);
    slapd_fixture_free(one->slapd);
}

static gint compare_lines(gconstpointer a, gconstpointer b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static char *whole(Case *one, const char *dn)
{
    static const char *const all[] = {"*", NULL};
    g_autoptr(Entry) entry = NULL;
    g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func(g_free);
    g_assert_cmpint(directory_read(one->directory, dn, all, &entry, NULL), ==, ANSWER_YES);
    for (guint i = 0; i < entry->attributes->len; i++) {
        const Attribute *attribute = entry_attribute(entry, i);
        for (guint k = 0; k < attribute->values->len; k++)
            g_ptr_array_add(lines, g_strdup_printf("%s=%s", attribute->name,
                                                   (char *)attribute->values->pdata[k]));
    }
    g_ptr_array_sort(lines, compare_lines);
    g_ptr_array_add(lines, NULL);
    return g_strjoinv("\n", (char **)lines->pdata);
}

static void apply(Case *one, const Change *change)
{
    g_autoptr(GPtrArray) writes = g_ptr_array_new_with_free_func((GDestroyNotify)write_free);
    g_ptr_array_add(writes, write_new(change, g_strdup("(objectClass=*)")));
    g_assert_cmpint(directory_apply(one->directory, writes, NULL), ==, ANSWER_YES);
    g_assert_cmpint(((Write *)writes->pdata[0])->state, ==, WRITE_DONE);
}

/* A row that deletes the entry, as planned. */
static GPtrArray *deletion(const char *dn)
{
    GPtrArray *rows = g_ptr_array_new_with_free_func((GDestroyNotify)planned_row_free);
    PlannedRow *row = planned_row_new(2, outcome_new(RESULT_DELETED));
    PlannedWrite *write = g_new0(PlannedWrite, 1);
    write->change = change_new(CHANGE_DELETE, dn);
    write->expect_present = true;
    g_ptr_array_add(row->writes, write);
    g_ptr_array_add(rows, row);
    return rows;
}

/* R9.4, R9.8: the mark goes, and the class that it may have brought. */
static void test_claimed(Case *one, gconstpointer profile)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Address) address = address_parse("admin@one.example", NULL, NULL);
    g_autofree char *domain = profile_domain_dn(one->slapd->profile, "one.example");
    g_autofree char *dn =
        profile ? profile_type_dn(one->slapd->profile, TYPE_FULL, address) : g_strdup(domain);
    g_autofree char *before = whole(one, dn);
    g_autoptr(GPtrArray) rows = deletion(dn);
    g_autoptr(Undo) undo = undo_new(&one->context, 2, 2);
    g_autoptr(GArray) left = g_array_new(FALSE, FALSE, sizeof(unsigned));
    g_assert_cmpint(undo_prepare(undo, rows, &error), ==, ANSWER_YES);
    g_autoptr(Change) claim = profile_claim(one->slapd->profile, dn, "20261122-TESTED/2");
    for (guint i = 0; i < 2; i++) /* also where it has its class already */
        apply(one, claim);
    g_autofree char *marked = whole(one, dn);
    g_assert_cmpstr(marked, !=, before);
    g_assert_cmpint(undo_run(undo, left, &error), ==, ANSWER_YES);
    g_assert_no_error(error);
    g_assert_cmpuint(left->len, ==, 0);
    g_autofree char *after = whole(one, dn);
    g_assert_cmpstr(after, ==, before);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    secret_init();
    directory_init();
    g_test_add("/undo/R9.8/claimed", Case, NULL, set_up, test_claimed, tear_down);
    g_test_add("/undo/R9.8/claimed-with-class", Case, "iredmail", set_up, test_claimed, tear_down);
    return g_test_run();
}
