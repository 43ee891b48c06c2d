/* SPDX-License-Identifier: MIT */
#include "lib/show.h"
#include "tests/slapd-fixture.h"

#include <string.h>

/* What entries are shown as, and in which order a domain's come. */

#define DOMAIN "example.org"
#define OTHER "other.example"
static const char *const domains[] = {DOMAIN, OTHER, NULL};
static SlapdFixture *fixture;
static Directory *directory;

/* --- entries as LDIF, made short --- */

/* A person of a class, with lines of its own ("" or ended by \n). */
static void add(GString *ldif, const char *class, const char *user, const char *domain,
                const char *lines)
{
    g_string_append_printf(ldif,
                           "dn: mail=%s@%s,ou=%s,ou=domains,dc=example,dc=org\n"
                           "objectClass: inetOrgPerson\nobjectClass: %s\nmail: %s@%s\n%s\n",
                           user, domain, domain, class, user, domain, lines);
}

#define NAMED "cn: x\nsn: x\n"

/* --- what is shown --- */

typedef struct {
    GPtrArray *names; /* "TYPE ACTION user" */
    GPtrArray *lines; /* of the file, with all columns of the type */
    guint enough;     /* after so many; 0: never */
} Shown;

static void shown_init(Shown *shown)
{
    shown->names = g_ptr_array_new_with_free_func(g_free);
    shown->lines = g_ptr_array_new_with_free_func(g_free);
}

static void shown_clear(Shown *shown)
{
    g_ptr_array_unref(shown->names);
    g_ptr_array_unref(shown->lines);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Shown, shown_clear)

/* "COLUMN=cell|…" of what is not empty. */
static char *text_of(const ShowRow *row)
{
    GString *text = g_string_new(NULL);
    for (Field field = 0; field < FIELD_COUNT; field++) {
        g_autofree char *cell = show_row_cell(row, field);
        if (*cell != '\0' && !field_is_mandatory(field))
            g_string_append_printf(text, "%s%s=%s", text->len > 0 ? "|" : "", field_name(field),
                                   cell);
    }
    return g_string_free(text, FALSE);
}

static bool on_row(gpointer data, const ShowRow *row)
{
    Shown *shown = data;
    g_ptr_array_add(shown->names, g_strdup_printf("%s %s %s", type_name(row->type),
                                                  action_name(row->action), row->user));
    g_ptr_array_add(shown->lines, text_of(row));
    return shown->enough == 0 || shown->names->len < shown->enough;
}

static Answer show(const char *domain, const char *user, int type, Shown *shown)
{
    const ShowScope scope = {.domain = domain, .user = user, .type = type};
    g_autoptr(GError) error = NULL;
    Answer answer = show_stream(directory, fixture->profile, &scope, on_row, shown, &error);
    g_assert_no_error(error);
    return answer;
}

/* Which row a user has; aborts where none has one. */
static guint place_of(const Shown *shown, const char *user)
{
    g_autofree char *end = g_strconcat(" ", user, NULL);
    for (guint i = 0; i < shown->names->len; i++)
        if (g_str_has_suffix(shown->names->pdata[i], end))
            return i;
    g_error("%s is not shown", user);
}

/* --- cells --- */

static const struct {
    const char *entry; /* "attribute=value|…" */
    const char *rows;  /* of text_of(), each behind its name and a colon */
} cells[] = {
    {"objectClass=batchloadAccount|mail=jo@example.org|cn=jo|sn=jo|batchloadMailboxId=1|"
     "userPassword={SSHA}x|batchloadChange=J/2|batchloadEnabled=TRUE",
     "FULL ADD jo:"},
    {"objectClass=batchloadAccount|mail=jo@example.org|cn=Jo Doe|sn=Doe|givenName=Jo",
     "FULL ADD jo:GIVENNAME=Jo|SURNAME=Doe"},
    {"objectClass=batchloadAccount|mail=jo@example.org|cn=Jo|sn=jo|givenName=Jo",
     "FULL ADD jo:GIVENNAME=Jo"},
    {"objectClass=batchloadAccount|mail=jo@example.org|cn=Jo jo|sn=jo|givenName=Jo",
     "FULL ADD jo:GIVENNAME=Jo|SURNAME=jo"},
    {"objectClass=batchloadForward|mail=i@example.org|cn=i|sn=i|batchloadTarget=a@b.example|"
     "batchloadTarget=c@d.example|telephoneNumber=+1|telephoneNumber=+2",
     "FORWARD ADD i:MAILFORWARD=a@b.example c@d.example|PHONE=+1"},
    {"objectClass=batchloadList|mail=l@example.org|cn=l|sn=l|batchloadMember=a@b.example|"
     "description=two\nlines",
     "LIST ADD l:LIST MEMBER=a@b.example|DESCRIPTION=two\nlines"},
    {"objectClass=batchloadAccount|mail=jo@example.org|cn=jo|sn=jo|batchloadEnabled=FALSE|"
     "batchloadTarget=a@b.example|batchloadQuota=500|batchloadForwards=FALSE|"
     "batchloadChangePassword=TRUE|batchloadReplySubject=Away|batchloadReplyMessage=Back\nsoon",
     "FULL ADD jo:MAILFORWARD=a@b.example|QUOTA=500|ACTIVATED=no|CHANGEPASSWD=yes|"
     "ENABLE FORWARDS=0//AUTORESPONDER ADD jo:SUBJECT=Away|MESSAGE=Back\nsoon"},
    {"objectClass=batchloadForward|mail=i@example.org|batchloadTarget=a@b.example|"
     "batchloadEnabled=FALSE",
     "FORWARD ADD i:MAILFORWARD=a@b.example//FORWARD SUSPEND i:"},
    {"objectClass=batchloadList|mail=l@example.org|batchloadMember=a@b.example|"
     "batchloadMember=c@d.example|batchloadMemberName=A@b.example An A|batchloadEnabled=FALSE",
     "LIST ADD l:LIST MEMBER=c@d.example//LIST ADD l:LIST MEMBER=A@b.example|MEMBER NAME=An A//"
     "LIST SUSPEND l:"},
    {"objectClass=batchloadDistributionList|mail=d@example.org|batchloadMember=a@b.example",
     "DLIST ADD d:LIST MEMBER=a@b.example"},
    {"objectClass=batchloadAlias|mail=second@example.org|batchloadTarget=jo@example.org",
     "ALIAS ADD second:TARGET=jo@example.org"},
    {"objectClass=batchloadCatchall|mail=@example.org|batchloadTarget=jo@example.org",
     "CATCHALL ADD :TARGET=jo@example.org"},
    {"objectClass=batchloadGroup|mail=g@example.org|batchloadMember=jo@example.org|description=G",
     "GROUP ADD g:MEMBER=jo@example.org|DESCRIPTION=G"},
    {"objectClass=batchloadResource|mail=room@example.org|batchloadMailboxId=1|roomNumber=7",
     "RESOURCE ADD room:ROOMNUMBER=7"},
    {"objectClass=batchloadResourceGroup|mail=rooms@example.org|batchloadMember=room@example.org",
     "RESOURCEGROUP ADD rooms:MEMBER=room@example.org"},
    {"objectClass=batchloadDomain|ou=example.org|batchloadMailboxesMax=5|batchloadEnabled=FALSE|"
     "batchloadMailingLists=FALSE|batchloadOwner=jo@example.org|batchloadIpSite=TRUE|"
     "batchloadBlocked=EMAIL:bad@x.example|batchloadBlocked=IP:2001:db8::1",
     "DOMAIN ADD :OWNER=jo@example.org|MAX MAILBOXES=5|IPSITE=1|ENABLE MAILINGLISTS=0//"
     "SPAMFILTER ADD :FILTER=bad@x.example|FILTERTYPE=EMAIL//"
     "SPAMFILTER ADD :FILTER=2001:db8::1|FILTERTYPE=IP//DOMAIN SUSPEND :"},
    {"objectClass=batchloadDomainAlias|ou=example.org|batchloadTargetDomain=other.example",
     "DOMAINALIAS ADD :TARGET=other.example"},
    {"objectClass=person|mail=x@example.org|cn=x|sn=x", ""},
    {"objectClass=batchloadList|cn=x|sn=x", ""},
    {"objectClass=batchloadList|objectClass=batchloadForward|mail=x@example.org", ""},
};

static Entry *entry_of(const char *text)
{
    g_auto(GStrv) pairs = g_strsplit(text, "|", -1);
    Entry *entry = entry_new("ou=example.org,ou=domains,dc=example,dc=org");
    for (char **pair = pairs; *pair != NULL; pair++) {
        char *equals = strchr(*pair, '=');
        *equals = '\0';
        entry_add(entry, *pair, equals + 1);
    }
    return entry;
}

static void test_cells(void)
{
    for (guint i = 0; i < G_N_ELEMENTS(cells); i++) {
        g_autoptr(Entry) entry = entry_of(cells[i].entry);
        g_auto(Shown) shown = {0};
        g_autoptr(GString) rows = g_string_new(NULL);
        shown_init(&shown);
        g_assert_true(show_entry(fixture->profile, entry, TYPE_COUNT, on_row, &shown));
        for (guint k = 0; k < shown.names->len; k++)
            g_string_append_printf(rows, "%s%s:%s", k > 0 ? "//" : "",
                                   (char *)shown.names->pdata[k], (char *)shown.lines->pdata[k]);
        g_assert_cmpstr(rows->str, ==, cells[i].rows);
    }
}

static void count_members(GPtrArray *lines, guint *members)
{
    for (guint i = 0; i < lines->len; i++) {
        g_auto(GStrv) words = g_strsplit(strchr(lines->pdata[i], '=') + 1, " ", -1);
        g_assert_cmpuint(g_strv_length(words), <=, SHOW_ADDRESSES_MAX);
        g_assert_cmpuint(strlen(lines->pdata[i]), <=, SHOW_CELL_BYTES_MAX + strlen("LIST MEMBER="));
        *members += g_strv_length(words);
    }
}

static void test_large_list(void)
{
    static const struct {
        guint members;
        const char *name;
        guint rows;
    } lists[] = {{1000, "m", 1}, {1001, "m", 2}, {900, "a-member-with-a-rather-long-name-", 2}};
    for (guint i = 0; i < G_N_ELEMENTS(lists); i++) {
        g_autoptr(Entry) entry = entry_of("objectClass=batchloadList|mail=l@example.org");
        g_auto(Shown) shown = {0};
        guint members = 0;
        shown_init(&shown);
        for (guint k = 0; k < lists[i].members; k++) {
            g_autofree char *member = g_strdup_printf("%s%04u@a.example", lists[i].name, k);
            entry_add(entry, "batchloadMember", member);
        }
        g_assert_true(show_entry(fixture->profile, entry, TYPE_COUNT, on_row, &shown));
        g_assert_cmpuint(shown.names->len, ==, lists[i].rows);
        count_members(shown.lines, &members);
        g_assert_cmpuint(members, ==, lists[i].members);
    }
}

/* --- order --- */

#define CHAIN 40
#define ACCOUNTS 1300 /* some pages */
/* With the domain, its further name, a forward and lists. */
#define ALL (ACCOUNTS + CHAIN + 6)

/* Each list has the one as member that the directory tells after it; then two that have each other,
 * which nobody here could make. */
static void fill(void)
{
    g_autoptr(GString) ldif = g_string_new(NULL);
    for (guint i = 0; i < CHAIN; i++) {
        g_autofree char *user = g_strdup_printf("c%u", i);
        g_autofree char *lines = g_strdup_printf(
            NAMED "batchloadMember: c%u@" DOMAIN "\nbatchloadMember: u%u@" DOMAIN "\n", i + 1, i);
        add(ldif, "batchloadList", user, DOMAIN, lines);
    }
    add(ldif, "batchloadForward", "c40", DOMAIN, NAMED "batchloadTarget: u1@" DOMAIN "\n");
    add(ldif, "batchloadList", "ring1", DOMAIN, NAMED "batchloadMember: ring2@" DOMAIN "\n");
    add(ldif, "batchloadList", "ring2", DOMAIN, NAMED "batchloadMember: RING1@" DOMAIN "\n");
    add(ldif, "batchloadList", "empty", DOMAIN, NAMED);
    for (guint i = 0; i < ACCOUNTS; i++) {
        g_autofree char *user = g_strdup_printf("u%u", i);
        add(ldif, "batchloadAccount", user, DOMAIN, NAMED);
    }
    add(ldif, "batchloadAccount", "away", OTHER, NAMED "batchloadReplyMessage: Back soon\n");
    add(ldif, "batchloadCatchall", "", OTHER, NAMED "batchloadTarget: away@" OTHER "\n");
    g_string_append(ldif, "dn: ou=alias.example,ou=domains,dc=example,dc=org\n"
                          "objectClass: organizationalUnit\nobjectClass: batchloadDomainAlias\n"
                          "batchloadTargetDomain: " DOMAIN "\n\n");
    slapd_fixture_ldif(fixture, ldif->str);
}

static void test_order(void)
{
    g_auto(Shown) shown = {0};
    shown_init(&shown);
    g_assert_cmpint(show(DOMAIN, NULL, TYPE_COUNT, &shown), ==, ANSWER_YES);
    g_assert_cmpuint(shown.names->len, ==, ALL);
    g_assert_cmpstr(shown.names->pdata[0], ==, "DOMAIN ADD ");
    for (guint i = 0; i < CHAIN; i++) {
        g_autofree char *list = g_strdup_printf("c%u", i);
        g_autofree char *member = g_strdup_printf("c%u", i + 1);
        g_autofree char *account = g_strdup_printf("u%u", i);
        g_assert_cmpuint(place_of(&shown, list), >, place_of(&shown, member));
        g_assert_cmpuint(place_of(&shown, list), >, place_of(&shown, account));
    }
    place_of(&shown, "ring1");
    place_of(&shown, "ring2");
}

static void test_scope(void)
{
    static const struct {
        const char *domain, *user;
        int type;
        Answer answer;
        guint count;
    } scopes[] = {
        {DOMAIN, NULL, TYPE_FULL, ANSWER_YES, ACCOUNTS},
        {DOMAIN, NULL, TYPE_LIST, ANSWER_YES, CHAIN + 3},
        {DOMAIN, NULL, TYPE_FORWARD, ANSWER_YES, 1},
        {DOMAIN, "u7", TYPE_FULL, ANSWER_YES, 1},
        {DOMAIN, "u7", TYPE_COUNT, ANSWER_YES, 1},
        {DOMAIN, "u7", TYPE_LIST, ANSWER_NO, 0},
        {DOMAIN, "nobody", TYPE_FULL, ANSWER_NO, 0},
        {DOMAIN, "no one", TYPE_FULL, ANSWER_NO, 0},
        {DOMAIN, NULL, TYPE_DOMAIN, ANSWER_YES, 1},
        {DOMAIN, NULL, TYPE_DOMAINALIAS, ANSWER_YES, 1},
        {DOMAIN, NULL, TYPE_SPAMFILTER, ANSWER_NO, 0},
        {DOMAIN, NULL, TYPE_AUTORESPONDER, ANSWER_NO, 0},
        {"alias.example", NULL, TYPE_DOMAINALIAS, ANSWER_YES, 1},
        {"alias.example", NULL, TYPE_DOMAIN, ANSWER_NO, 0},
        {"alias.example", NULL, TYPE_COUNT, ANSWER_YES, 1},
        {OTHER, NULL, TYPE_LIST, ANSWER_NO, 0},
        {OTHER, NULL, TYPE_AUTORESPONDER, ANSWER_YES, 1},
        {OTHER, "away", TYPE_AUTORESPONDER, ANSWER_YES, 1},
        {OTHER, NULL, TYPE_CATCHALL, ANSWER_YES, 1},
        {OTHER, NULL, TYPE_COUNT, ANSWER_YES, 4},
        {"nowhere.example", NULL, TYPE_COUNT, ANSWER_NO, 0},
        {"nowhere.example", "x", TYPE_COUNT, ANSWER_NO, 0},
    };
    for (guint i = 0; i < G_N_ELEMENTS(scopes); i++) {
        g_auto(Shown) shown = {0};
        shown_init(&shown);
        g_test_message("%s %s %d", scopes[i].domain, scopes[i].user, scopes[i].type);
        g_assert_cmpint(show(scopes[i].domain, scopes[i].user, scopes[i].type, &shown), ==,
                        scopes[i].answer);
        g_assert_cmpuint(shown.names->len, ==, scopes[i].count);
    }
}

static void test_enough(void)
{
    static const guint counts[] = {1, 3, ACCOUNTS + 5, ALL - 1};
    for (guint i = 0; i < G_N_ELEMENTS(counts); i++) {
        g_auto(Shown) shown = {.enough = counts[i]};
        shown_init(&shown);
        g_assert_cmpint(show(DOMAIN, NULL, TYPE_COUNT, &shown), ==, ANSWER_YES);
        g_assert_cmpuint(shown.names->len, ==, counts[i]);
    }
}

static void test_away(void)
{
    const ShowScope scope = {.domain = DOMAIN, .type = TYPE_COUNT};
    g_auto(Shown) shown = {0};
    g_autoptr(GError) error = NULL;
    shown_init(&shown);
    slapd_fixture_kill(fixture);
    g_assert_cmpint(show_stream(directory, fixture->profile, &scope, on_row, &shown, &error), ==,
                    ANSWER_UNKNOWN);
    g_assert_error(error, DIRECTORY_ERROR, DIRECTORY_ERROR_AWAY);
    slapd_fixture_restart(fixture);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    secret_init();
    directory_init();
    fixture = slapd_fixture_new(domains);
    directory = directory_new(&fixture->settings, NULL);
    fill();
    g_test_add_func("/show/R8.74/cells", test_cells);
    g_test_add_func("/show/R8.78/large-list", test_large_list);
    g_test_add_func("/show/R8.76/order", test_order);
    g_test_add_func("/show/R8.74/scope", test_scope);
    g_test_add_func("/show/R8.77/enough", test_enough);
    g_test_add_func("/show/away", test_away);
    const int result = g_test_run();
    directory_free(directory);
    slapd_fixture_free(fixture);
    return result;
}
