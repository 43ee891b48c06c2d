/* SPDX-License-Identifier: MIT */
#include "lib/directory-private.h"

#include <lber.h>
#include <string.h>

/* Letters of an attribute that are neither an option nor a kind of test. */
static gsize plain_name(const char *text)
{
    gsize length = 0;
    while (g_ascii_isalnum(text[length]) || text[length] == '-')
        length++;
    return length;
}

/* "(&(attribute=value)…)", of values that are as they stand there: all that the profile makes, but
 * for rare characters. false: something else, or no memory. */
static bool put_plain(BerElement *ber, const char *filter)
{
    const char *at = filter + 2;
    if (strncmp(filter, "(&(", 3) != 0 || ber_printf(ber, "t{", LDAP_FILTER_AND) == -1)
        return false;
    while (*at == '(') {
        const char *name = at + 1;
        const gsize name_length = plain_name(name);
        const char *value = name + name_length + 1;
        if (name_length == 0 || value[-1] != '=')
            return false;
        const gsize length = strcspn(value, "()\\*");
        if (length == 0 || value[length] != ')' ||
            ber_printf(ber, "t{oo}", LDAP_FILTER_EQUALITY, name, (ber_len_t)name_length, value,
                       (ber_len_t)length) == -1)
            return false;
        at = value + length + 1;
    }
    return strcmp(at, ")") == 0 && ber_printf(ber, "}") != -1;
}

int directory_assertion(LDAP *ld, const char *filter, LDAPControl *control)
{
    BerElement *ber = ber_alloc_t(LBER_USE_DER);
    struct berval value = {0};
    int code = LDAP_SUCCESS;
    if (ber == NULL || !put_plain(ber, filter) || ber_flatten2(ber, &value, 1) != 0)
        code = ldap_create_assertion_control_value(ld, (char *)filter, &value);
    ber_free(ber, 1);
    *control = (LDAPControl){(char *)LDAP_CONTROL_ASSERT, value, 1};
    return code;
}

/* --- servers without that control --- */

/* Answers to other requests that come meanwhile are kept by the library. */
static Answer read_controls(Directory *directory, LDAP *ld, int id, Entry **root)
{
    for (;;) {
        g_autoptr(LDAPMessage) message = NULL;
        switch (directory_wait(directory, ld, id, &message)) {
        case LDAP_RES_SEARCH_ENTRY:
            entry_free(*root);
            *root = directory_take_entry(ld, g_steal_pointer(&message));
            break;
        case LDAP_RES_SEARCH_RESULT:
            return ANSWER_YES;
        default:
            return ANSWER_UNKNOWN;
        }
    }
}

Answer directory_asserts(Directory *directory, LDAP *ld)
{
    char name[] = "supportedControl";
    char *asked[] = {name, NULL};
    Entry *found = NULL;
    int id = 0;
    if (directory->inside)
        return ANSWER_NO;
    if (ldap_search_ext(ld, "", LDAP_SCOPE_BASE, "(objectClass=*)", asked, 0, NULL, NULL, NULL, 1,
                        &id) != LDAP_SUCCESS)
        return ANSWER_UNKNOWN;
    Answer answer = read_controls(directory, ld, id, &found);
    g_autoptr(Entry) root = found;
    if (answer != ANSWER_YES || root == NULL || entry_values(root, name) == NULL)
        return ANSWER_UNKNOWN;
    directory->inside = !entry_has(root, name, LDAP_CONTROL_ASSERT, false);
    return directory->inside ? ANSWER_NO : ANSWER_YES;
}

int directory_send_look(LDAP *ld, const Write *write, int *id)
{
    const Change *change = write->change->kind == CHANGE_DELETE ? write->claim : write->change;
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    for (guint i = 0; change != NULL && i < change->mods->len; i++) {
        const Mod *mod = g_ptr_array_index(change->mods, i);
        if (mod->kind <= MOD_REPLACE && change_guards(mod))
            g_ptr_array_add(names, mod->attribute);
    }
    if (names->len == 0)
        g_ptr_array_add(names, (gpointer)LDAP_NO_ATTRS);
    g_ptr_array_add(names, NULL);
    return ldap_search_ext(ld, write->change->dn, LDAP_SCOPE_BASE, write->assertion,
                           (char **)names->pdata, 0, NULL, NULL, NULL, 1, id);
}
