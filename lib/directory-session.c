/* SPDX-License-Identifier: MIT */
#include "lib/directory-private.h"

#include <poll.h>
#include <string.h>

/* Which server a connection is made to, and whether it is one that changes can be sent to. */

/* Whether the server has not closed an idle connection meanwhile. */
static bool still_open(LDAP *ld)
{
    struct pollfd poller = {.events = POLLRDHUP};
    if (ldap_get_option(ld, LDAP_OPT_DESC, &poller.fd) != LDAP_OPT_SUCCESS || poller.fd < 0)
        return false;
    return poll(&poller, 1, 0) == 0;
}

static void set_bind_error(GError **error, int code, const char *text)
{
    switch (code) {
    case LDAP_INVALID_CREDENTIALS:
    case LDAP_INAPPROPRIATE_AUTH:
    case LDAP_AUTH_METHOD_NOT_SUPPORTED:
    case LDAP_STRONG_AUTH_REQUIRED:
    case LDAP_CONFIDENTIALITY_REQUIRED:
    case LDAP_INSUFFICIENT_ACCESS:
    case LDAP_INVALID_DN_SYNTAX:
    case LDAP_NO_SUCH_OBJECT:
        g_set_error(error, DIRECTORY_ERROR, DIRECTORY_ERROR_SETTINGS,
                    "The directory refuses the service's own login (code %d%s%s): check the "
                    "configured name and password",
                    code, text != NULL ? ": " : "", text != NULL ? text : "");
        return;
    default:
        directory_set_away(error, code, text);
    }
}

/* --- whether a server takes changes --- */

/* The host that a referral names, or NULL. */
static char *referred_host(LDAP *ld, LDAPMessage *message)
{
    char **referrals = NULL;
    g_autoptr(LDAPURLDesc) url = NULL;
    char *host = NULL;
    if (ldap_parse_result(ld, message, NULL, NULL, NULL, &referrals, NULL, 0) == LDAP_SUCCESS &&
        referrals != NULL && referrals[0] != NULL &&
        ldap_url_parse(referrals[0], &url) == LDAP_URL_SUCCESS && url->lud_host != NULL)
        host = directory_clean_text(url->lud_host);
    ldap_memvfree((void **)referrals);
    return host;
}

void directory_set_referral(GError **error, LDAP *ld, LDAPMessage *message)
{
    g_autofree char *host = referred_host(ld, message);
    g_set_error(error, DIRECTORY_ERROR, DIRECTORY_ERROR_COPY,
                "The directory points to another server (%s), which is not followed: it is a copy "
                "that takes no changes, so the address of that server must be in uri",
                host != NULL ? host : "which it does not name");
}

/* A change that can never be made: under a condition that nothing fulfils, where the server checks
 * such, and to take a value away that is not there. */
static int send_impossible(LDAP *ld, const char *dn, bool condition, int *id)
{
    char never[] = "(!(objectClass=*))", attribute[] = "description";
    g_autofree char *nobody = g_uuid_string_random();
    char *values[] = {nobody, NULL};
    LDAPMod mod = {.mod_op = LDAP_MOD_DELETE, .mod_type = attribute, .mod_values = values};
    LDAPMod *mods[] = {&mod, NULL};
    struct berval value = {0};
    LDAPControl *controls[] = {NULL, NULL};
    int code = LDAP_SUCCESS;
    if (condition)
        code = ldap_create_assertion_control_value(ld, never, &value);
    if (condition && code == LDAP_SUCCESS)
        code = ldap_control_create(LDAP_CONTROL_ASSERT, 1, &value, 1, &controls[0]);
    ber_memfree(value.bv_val);
    if (code == LDAP_SUCCESS)
        code = ldap_modify_ext(ld, dn, mods, controls, NULL, id);
    if (controls[0] != NULL)
        ldap_control_free(controls[0]);
    return code;
}

bool directory_takes_changes(Directory *directory, LDAP *ld, GError **error)
{
    g_autoptr(LDAPMessage) message = NULL;
    char *text = NULL;
    const bool condition = directory_checks_conditions(directory);
    int id = 0, code = send_impossible(ld, directory->settings->base, condition, &id);
    int got = code == LDAP_SUCCESS ? directory_wait(directory, ld, id, &message) : -1;
    if (got <= 0) {
        directory_set_away(error, got == 0 ? LDAP_TIMEOUT : directory_code(ld), NULL);
        return false;
    }
    if (ldap_parse_result(ld, message, &code, NULL, &text, NULL, NULL, 0) != LDAP_SUCCESS)
        code = LDAP_OTHER;
    if (code == LDAP_UNAVAILABLE_CRITICAL_EXTENSION && condition &&
        directory_asserts(directory, ld) == ANSWER_NO) {
        ldap_memfree(text);
        return directory_takes_changes(directory, ld, error);
    }
    switch (code) {
    case LDAP_REFERRAL:
        directory_set_referral(error, ld, message);
        break;
    case LDAP_BUSY:
    case LDAP_UNAVAILABLE:
    case LDAP_UNWILLING_TO_PERFORM:
    case LDAP_UNAVAILABLE_CRITICAL_EXTENSION:
        directory_set_away(error, code, text);
        break;
    default: /* whatever else: it was looked at as a change is */
        code = LDAP_SUCCESS;
        break;
    }
    ldap_memfree(text);
    return code == LDAP_SUCCESS;
}

/* --- connecting --- */

static LDAP *connect_to(Directory *directory, guint at, GError **error)
{
    const DirectorySettings *settings = directory->settings;
    g_autofree char *text = NULL;
    LDAP *ld = directory_connect(settings, directory_servers_uri(directory->servers, at), error);
    bool good = ld != NULL;
    if (good && !settings->anonymous) {
        int code = directory_bind(directory, ld, settings->bind_dn, settings->bind_password, &text);
        good = code == LDAP_SUCCESS;
        if (!good)
            set_bind_error(error, code, text);
    }
    /* Of one server alone a change itself tells it. */
    if (good && !settings->reads_only && directory_servers_count(directory->servers) > 1)
        good = directory_takes_changes(directory, ld, error);
    if (!good && ld != NULL)
        ldap_unbind_ext(ld, NULL, NULL);
    return good ? ld : NULL;
}

/* Whether what was begun at a server has to go on there. */
static bool has_to_stay(const Directory *directory)
{
    return !directory->settings->same_data && !directory->settings->reads_only;
}

/* Connects to this one, if it is not in its pause. */
static bool try_server(Directory *directory, guint at, GError **error)
{
    g_autoptr(GError) fault = NULL;
    if (directory_servers_may_try(directory->servers, at, &fault)) {
        directory->ld = connect_to(directory, at, &fault);
        if (directory->ld == NULL)
            directory_servers_failed(directory->servers, at, fault);
    }
    if (directory->ld != NULL) {
        directory->at = at;
        directory_servers_works(directory->servers, at, !directory->stays);
        directory->stays = has_to_stay(directory);
        return true;
    }
    g_propagate_error(error, g_steal_pointer(&fault));
    return false;
}

/* Where it has to stay. */
static bool try_own(Directory *directory, GError **error)
{
    g_autoptr(GError) fault = NULL;
    if (try_server(directory, directory->at, &fault))
        return true;
    g_set_error(error, fault->domain, fault->code,
                "%s, where this was begun, has to be waited for, since what it has done may not be "
                "known to the other servers yet: %s",
                directory_servers_uri(directory->servers, directory->at), fault->message);
    return false;
}

/* The one in use, then all in their order. */
static bool try_all(Directory *directory, GError **error)
{
    const guint first = directory_servers_in_use(directory->servers);
    const guint count = directory_servers_count(directory->servers);
    g_autoptr(GString) faults = g_string_new(NULL);
    int kind = DIRECTORY_ERROR_SETTINGS;
    for (guint i = 0; i <= count; i++) {
        const guint at = i == 0 ? first : i - 1;
        g_autoptr(GError) fault = NULL;
        if (i > 0 && at == first)
            continue;
        if (try_server(directory, at, &fault))
            return true;
        if (!g_error_matches(fault, DIRECTORY_ERROR, DIRECTORY_ERROR_SETTINGS))
            kind = DIRECTORY_ERROR_AWAY;
        g_string_append_printf(faults, "%s%s: %s", i > 0 ? "; " : "",
                               directory_servers_uri(directory->servers, at), fault->message);
    }
    g_set_error(error, DIRECTORY_ERROR, kind, "None of the directory's servers can be used: %s",
                faults->str);
    return false;
}

/* Whether the connection is to the server that it has to be to. */
static bool is_in_place(const Directory *directory)
{
    return directory->stays || directory->at == directory_servers_in_use(directory->servers);
}

LDAP *directory_session(Directory *directory, GError **error)
{
    if (directory->ld != NULL && !(is_in_place(directory) && still_open(directory->ld)))
        directory_drop(directory);
    if (directory->ld != NULL)
        directory->stays = has_to_stay(directory);
    else if (directory_servers_count(directory->servers) == 1)
        try_server(directory, 0, error);
    else if (directory->stays)
        try_own(directory, error);
    else
        try_all(directory, error);
    return directory->ld;
}

bool directory_begin(Directory *directory, const char *server)
{
    const int at = server != NULL ? directory_servers_find(directory->servers, server) : -1;
    directory->stays = false;
    if (at < 0 || !has_to_stay(directory))
        return server == NULL || at >= 0;
    if (directory->at != (guint)at)
        directory_drop(directory);
    directory->at = (guint)at;
    directory->stays = true;
    return true;
}

const char *directory_server(Directory *directory, GError **error)
{
    if (directory_servers_count(directory->servers) > 1 &&
        directory_session(directory, error) == NULL)
        return NULL;
    return directory_servers_uri(directory->servers, directory->at);
}
