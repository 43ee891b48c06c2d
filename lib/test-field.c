/* SPDX-License-Identifier: MIT */
#include "lib/field.h"
#include "lib/nearest.h"

/* One row a spelling. */
static const struct {
    const char *written;
    int field; /* -1: none */
} spellings[] = {
    {"DOMAIN", FIELD_DOMAIN},
    {"domain", FIELD_DOMAIN},
    {"Do_Ma-In", FIELD_DOMAIN},
    {"USER", FIELD_USER},
    {"USERNAME", FIELD_USER},
    {"User Name", FIELD_USER},
    {"ACTION", FIELD_ACTION},
    {"operation", FIELD_ACTION},
    {"LIST MEMBER", FIELD_LIST_MEMBER},
    {"ListMember", FIELD_LIST_MEMBER},
    {"list_member", FIELD_LIST_MEMBER},
    {"list-members", FIELD_LIST_MEMBER},
    {"LISTMEMBERS", FIELD_LIST_MEMBER},
    {"EMPLOYEETYPE", FIELD_EMPLOYEETYPE},
    {"EMPLOYEEETYPE", FIELD_EMPLOYEETYPE},
    {"Given Name", FIELD_GIVENNAME},
    {"postal_address", FIELD_POSTALADDRESS},
    {"RESULT", FIELD_RESULT},
    {"reason", FIELD_REASON},
    {"", -1},
    {"-", -1},
    {"SURNAMES", -1},
    {"objectClass", -1},
    {"uidNumber", -1},
    {"memberOf", -1},
    {"1.2.840.113556", -1},
    {"userPassword;binary", -1},
    {"@displayName", FIELD_ATTRIBUTE},
    {"@MAIL", FIELD_ATTRIBUTE},
    {"@x-y2", FIELD_ATTRIBUTE},
    {"@", -1},
    {"@2x", -1},
    {"@2.5.4.3", -1},
    {"@mail;binary", -1},
    {"@display name", -1},
    {"@@mail", -1},
    {"@mail\n", -1},
    {"@xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", FIELD_ATTRIBUTE},
    {"@xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", -1},
    {"XXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX", -1},
};

static void test_find(void)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(spellings); i++) {
        Field field = FIELD_COUNT;
        bool found = field_find(spellings[i].written, &field);
        g_test_message("%s", spellings[i].written);
        g_assert_cmpint(found ? (int)field : -1, ==, spellings[i].field);
    }
}

/* Every contract name is found as itself. */
static void test_names(void)
{
    for (unsigned i = 0; i < FIELD_COUNT; i++) {
        Field field = FIELD_COUNT;
        g_assert_true(field_find(field_name((Field)i), &field));
        g_assert_cmpint(field, ==, i);
        g_assert_cmpint(field_is_mandatory(field), ==, i < 4);
        g_assert_cmpint(field_is_secret(field), ==, i == FIELD_PASSWORD);
    }
    g_assert_cmpint(FIELD_WHITE_COUNT, ==, 30);
}

static const struct {
    const char *written, *meant;
} mistakes[] = {
    {"SURNME", "SURNAME"},
    {"SURNMAE", "SURNAME"},
    {"GIVENAME", "GIVENNAME"},
    {"TYP", "TYPE"},
    {"ACTON", "ACTION"},
    {"USERNAM", "USER"},
    {"Oparation", "ACTION"},
    {"list membr", "LIST MEMBER"},
    {"POSTALADRESS", "POSTALADDRESS"},
    {"EMPLOYENUMBER", "EMPLOYEENUMBER"},
    {"PHONES", "PHONE"},
    {"objectClass", NULL},
    {"X", NULL},
    {"", NULL},
    {"XXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX", NULL},
};

static void test_nearest(void)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(mistakes); i++)
        g_assert_cmpstr(field_nearest(mistakes[i].written), ==, mistakes[i].meant);
    const char *words[] = {"ADD", "DELETE", "MODIFY"};
    g_assert_cmpstr(nearest_word("delte", words, 3), ==, "DELETE");
    g_assert_cmpstr(nearest_word("dad", words, 3), ==, "ADD");
    g_assert_cmpstr(nearest_word("s3cret", words, 3), ==, NULL);
}

/* R3.54: by what it is called elsewhere, but first by its letters, and only what there is. */
static void test_meant(void)
{
    static const char *const words[] = {"ADD", "DELETE", "MODIFY", "CREAT", NULL};
    g_assert_cmpstr(nearest_meant("insert", words), ==, "ADD");
    g_assert_cmpstr(nearest_meant("CHANGE", words), ==, "MODIFY");
    g_assert_cmpstr(nearest_meant("create", words), ==, "CREAT");
    g_assert_cmpstr(nearest_meant("user", words), ==, NULL);
    g_assert_cmpstr(nearest_meant("", words), ==, NULL);
}

static void test_later(void)
{
    const char *known[] = {"Source Host", "FOLDERS", "source_password", "EXISTING"};
    for (unsigned i = 0; i < G_N_ELEMENTS(known); i++)
        g_assert_true(field_is_later(known[i]));
    g_assert_false(field_is_later("SURNAME"));
    g_assert_false(field_is_later("objectClass"));
    g_assert_false(field_is_later(""));
}

static void test_advice(void)
{
    g_assert_cmpstr(field_advice(FIELD_FAX), ==,
                    "Write the number like +49 228 12345, without other signs.");
    g_assert_cmpstr(field_advice(FIELD_ISDNUMBER), ==, "Write digits only, like 4922812345.");
    g_assert_cmpstr(field_advice(FIELD_TITLE), ==, NULL);
    g_assert_cmpstr(field_advice(FIELD_COUNT), ==, NULL);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/field/find (section 3: other spellings)", test_find);
    g_test_add_func("/field/names", test_names);
    g_test_add_func("/field/nearest", test_nearest);
    g_test_add_func("/field/meant (R3.54)", test_meant);
    g_test_add_func("/field/later", test_later);
    g_test_add_func("/field/advice (R3.17)", test_advice);
    return g_test_run();
}
