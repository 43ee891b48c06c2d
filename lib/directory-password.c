/* SPDX-License-Identifier: MIT */
#include "lib/directory-private.h"

#include <string.h>

/* Passwords that the directory itself sets and hashes: the Password Modify operation (RFC 3062). */

/* Of a password so many characters in a row are never repeated. */
#define ECHO_LENGTH 4

G_DEFINE_AUTOPTR_CLEANUP_FUNC(LDAPControl, ldap_control_free)

Answer directory_sets_passwords(Directory *directory, GError **error)
{
    static const char *const asked[] = {"supportedExtension", NULL};
    g_autoptr(Entry) root = NULL;
    if (directory_session(directory, error) == NULL)
        return ANSWER_UNKNOWN;
    if (directory->sets_passwords)
        return ANSWER_YES;
    if (directory_read(directory, "", asked, &root, error) == ANSWER_UNKNOWN)
        return ANSWER_UNKNOWN;
    if (root != NULL && entry_has(root, asked[0], LDAP_EXOP_MODIFY_PASSWD, false)) {
        directory->sets_passwords = true;
        return ANSWER_YES;
    }
    g_set_error_literal(error, DIRECTORY_ERROR, DIRECTORY_ERROR_SETTINGS,
                        "The directory does not tell the service that it can hash passwords "
                        "(supportedExtension " LDAP_EXOP_MODIFY_PASSWD " of its root entry), which "
                        "password_scheme = server needs: choose another password_scheme");
    return ANSWER_UNKNOWN;
}

int directory_send_password(LDAP *ld, const Change *change, int *id)
{
    char *password = g_ptr_array_index(change_password(change)->values, 0);
    struct berval user = {.bv_val = change->dn, .bv_len = strlen(change->dn)};
    struct berval fresh = {.bv_val = password, .bv_len = strlen(password)};
    g_autoptr(LDAPControl) policy = NULL;
    LDAPControl *controls[] = {NULL, NULL};
    /* Not critical: a server that knows it says more exactly why it refuses. */
    int code = ldap_create_passwordpolicy_control(ld, &policy);
    controls[0] = policy;
    if (code == LDAP_SUCCESS)
        code = ldap_passwd(ld, &user, NULL, &fresh, controls, NULL, id);
    return code;
}

/* --- what an answer means --- */

static const struct {
    int code;
    WriteState state;
    const char *words;
} meanings[] = {
    {LDAP_SUCCESS, WRITE_DONE, NULL},
    {LDAP_NO_SUCH_OBJECT, WRITE_CONFLICT, NULL},
    {LDAP_CONSTRAINT_VIOLATION, WRITE_REFUSED,
     "The directory does not take this password: it breaks one of its rules, for example on its "
     "length."},
    {LDAP_INSUFFICIENT_ACCESS, WRITE_REFUSED,
     "The directory does not allow the password of this address to be set."},
    /* For good or for the moment: if the rest can be taken back, it was not for the moment. */
    {LDAP_UNWILLING_TO_PERFORM, WRITE_REFUSED,
     "The directory is not willing to set this password."},
    {LDAP_UNDEFINED_TYPE, WRITE_REFUSED, "The directory has no place for a password here."},
    {LDAP_OBJECT_CLASS_VIOLATION, WRITE_REFUSED, "The directory has no place for a password here."},
    {LDAP_INVALID_SYNTAX, WRITE_REFUSED,
     "The password has characters that the directory does not take."},
};

static const struct {
    LDAPPasswordPolicyError policy;
    const char *words;
} policy_words[] = {
    {PP_passwordModNotAllowed,
     "The directory does not allow the password of this address to be changed."},
    {PP_mustSupplyOldPassword,
     "The directory changes the password of this address only for its owner."},
    {PP_insufficientPasswordQuality,
     "The directory does not take this password: it is not good enough for its rules."},
    {PP_passwordTooShort, "The directory does not take this password: it is too short."},
    {PP_passwordTooYoung,
     "The directory does not change this password yet: it was changed only a short while ago."},
    {PP_passwordInHistory,
     "The directory does not take this password: it was used for this address before."},
};

bool directory_echoes(const char *text, const Secret *password)
{
    g_autoptr(Secret) folded = secret_dup(password);
    g_autoptr(Secret) heard = secret_dup(text);
    const gsize length = strlen(password);
    bool found = false;
    for (char *at = folded; *at != '\0'; at++)
        *at = g_ascii_tolower(*at);
    for (char *at = heard; *at != '\0'; at++)
        *at = g_ascii_tolower(*at);
    for (gsize i = 0; !found && (i == 0 || i + ECHO_LENGTH <= length); i++) {
        g_autoptr(Secret) part = secret_ndup(folded + i, MIN(ECHO_LENGTH, length - i));
        found = strstr(heard, part) != NULL;
    }
    return found;
}

static const char *words_of_policy(LDAP *ld, LDAPControl **controls)
{
    LDAPControl *control = ldap_control_find(LDAP_CONTROL_PASSWORDPOLICYRESPONSE, controls, NULL);
    LDAPPasswordPolicyError policy = PP_noError;
    ber_int_t expire, grace;
    if (control == NULL ||
        ldap_parse_passwordpolicy_control(ld, control, &expire, &grace, &policy) != LDAP_SUCCESS)
        return NULL;
    for (guint i = 0; i < G_N_ELEMENTS(policy_words); i++)
        if (policy_words[i].policy == policy)
            return policy_words[i].words;
    return NULL;
}

void directory_password_result(LDAP *ld, LDAPMessage *message, Write *write)
{
    const Mod *mod = change_password(write->change);
    LDAPControl **controls = NULL;
    char *text = NULL;
    const char *words = NULL, *policy = NULL;
    int code = LDAP_OTHER;
    if (ldap_parse_result(ld, message, &code, NULL, &text, NULL, &controls, 0) != LDAP_SUCCESS)
        code = LDAP_OTHER;
    write->code = code;
    write->state = WRITE_UNKNOWN;
    for (guint i = 0; i < G_N_ELEMENTS(meanings); i++) {
        if (meanings[i].code != code)
            continue;
        write->state = meanings[i].state;
        words = meanings[i].words;
    }
    if (write->state == WRITE_REFUSED) {
        policy = words_of_policy(ld, controls);
        write->words = g_strdup(policy != NULL ? policy : words);
        write->attribute = g_strdup(mod->attribute);
    }
    if (text != NULL && !directory_echoes(text, g_ptr_array_index(mod->values, 0)))
        write->server_text = directory_clean_text(text);
    ldap_memfree(text);
    ldap_controls_free(controls);
}

Answer directory_doubt_refusal(Directory *directory, Write *write, GError **error)
{
    if (write->state != WRITE_REFUSED || !write->again || !write->changed)
        return ANSWER_YES;
    Answer answer = directory_check_password(
        directory, write->change->dn, g_ptr_array_index(change_password(write->change)->values, 0),
        error);
    if (answer == ANSWER_YES)
        write->state = WRITE_DONE;
    else if (answer == ANSWER_UNKNOWN)
        write->state = WRITE_UNKNOWN;
    if (answer != ANSWER_NO) {
        g_clear_pointer(&write->words, g_free);
        g_clear_pointer(&write->attribute, g_free);
    }
    return answer == ANSWER_UNKNOWN ? answer : ANSWER_YES;
}
