/* SPDX-License-Identifier: MIT */
#include "lib/directory-private.h"

#include <gio/gio.h>
#include <lber.h>
#include <string.h>
#include <sys/socket.h>

/* Largest single answer, in bytes. */
#define ANSWER_BYTES_MAX (16 * 1024 * 1024)

/* --- settings --- */

static bool host_is_loopback(const char *host)
{
    g_autoptr(GInetAddress) address = g_inet_address_new_from_string(host);
    if (address == NULL)
        return g_ascii_strcasecmp(host, "localhost") == 0;
    return g_inet_address_get_is_loopback(address);
}

/* Why a login must not be sent to this server, or NULL. */
static const char *login_fault(const DirectorySettings *settings, const LDAPURLDesc *url)
{
    bool local = strcmp(url->lud_scheme, "ldapi") == 0 || host_is_loopback(url->lud_host);
    bool tls = settings->starttls || strcmp(url->lud_scheme, "ldaps") == 0;
    if (!local && !tls)
        return "Passwords would cross the network in clear: use ldaps://, StartTLS, ldapi://, or "
               "ldap:// to a loopback address";
    if (!local && settings->unchecked)
        return "Passwords would go to whoever answers: let the server's certificate be checked";
    if (settings->bind_dn == NULL && strcmp(url->lud_scheme, "ldapi") != 0 &&
        (!tls || settings->certificate == NULL))
        return "Without a login of its own the service can use an ldapi:// address only";
    return NULL;
}

/* Why this server can't be used, or NULL. */
static const char *server_fault(const DirectorySettings *settings, const char *uri)
{
    g_autoptr(LDAPURLDesc) url = NULL;
    const char *scheme;
    if (ldap_url_parse(uri, &url) != LDAP_URL_SUCCESS)
        return "The directory's address is not an ldapi://, ldap:// or ldaps:// address";
    scheme = url->lud_scheme;
    if (strcmp(scheme, "ldapi") != 0 && strcmp(scheme, "ldaps") != 0 && strcmp(scheme, "ldap") != 0)
        return "The directory's address must begin with ldapi://, ldap:// or ldaps://";
    /* ldapi:/// is the socket that libldap knows */
    if (strcmp(scheme, "ldapi") != 0 && (url->lud_host == NULL || *url->lud_host == '\0'))
        return "The directory's address names no host";
    if (url->lud_dn != NULL && *url->lud_dn != '\0')
        return "The directory's address has more in it than where the server is";
    if (settings->starttls && strcmp(scheme, "ldap") != 0)
        return "StartTLS goes with an ldap:// address only";
    return settings->anonymous ? NULL : login_fault(settings, url);
}

char *directory_settings_fault(const DirectorySettings *settings)
{
    g_auto(GStrv) uris = directory_server_list(settings->uri);
    const guint count = g_strv_length(uris);
    if (count == 0)
        return g_strdup("The directory has no address");
    if (count > DIRECTORY_SERVERS_MAX)
        return g_strdup(
            "The directory has more than " G_STRINGIFY(DIRECTORY_SERVERS_MAX) " addresses");
    for (guint i = 0; i < count; i++) {
        const char *fault = server_fault(settings, uris[i]);
        if (fault != NULL)
            return count > 1 ? g_strdup_printf("Server %u: %s", i + 1, fault) : g_strdup(fault);
    }
    if (!settings->anonymous && settings->bind_dn != NULL &&
        (settings->bind_password == NULL || *settings->bind_password == '\0'))
        return g_strdup("The service's own login at the directory has no password");
    return NULL;
}

/* --- connecting --- */

static char *diagnostic(LDAP *ld)
{
    char *text = NULL;
    char *copy;
    ldap_get_option(ld, LDAP_OPT_DIAGNOSTIC_MESSAGE, &text);
    copy = directory_clean_text(text);
    ldap_memfree(text);
    return copy;
}

/* Without a context of its own the handle would take the process-wide one and its checks. */
static bool set_tls(LDAP *ld, const DirectorySettings *settings)
{
    const int client = 0;
    const int check = settings->unchecked ? LDAP_OPT_X_TLS_NEVER : LDAP_OPT_X_TLS_DEMAND;
    const struct {
        int option;
        const char *file;
    } files[] = {
        {LDAP_OPT_X_TLS_CACERTFILE, settings->ca_file},
        {LDAP_OPT_X_TLS_CACERTDIR, settings->ca_folder},
        {LDAP_OPT_X_TLS_CERTFILE, settings->certificate},
        {LDAP_OPT_X_TLS_KEYFILE, settings->key},
    };
    bool good = ldap_set_option(ld, LDAP_OPT_X_TLS_REQUIRE_CERT, &check) == LDAP_OPT_SUCCESS;
    for (guint i = 0; i < G_N_ELEMENTS(files) && good; i++) {
        if (files[i].file != NULL)
            good = ldap_set_option(ld, files[i].option, files[i].file) == LDAP_OPT_SUCCESS;
    }
    return good && ldap_set_option(ld, LDAP_OPT_X_TLS_NEWCTX, &client) == LDAP_OPT_SUCCESS;
}

/* Everything is set on the handle, so that no ldap.conf or environment of the host loosens it. */
static bool set_options(LDAP *ld, const DirectorySettings *settings, const char *uri)
{
    const int version = LDAP_VERSION3;
    const int none = 0;
    const struct timeval connect = {.tv_sec = MAX(settings->connect_seconds, 1)};
    const struct timeval answer = {.tv_sec = MAX(settings->answer_seconds, 1)};
    bool local = g_ascii_strncasecmp(uri, "ldapi:", 6) == 0;
    return ldap_set_option(ld, LDAP_OPT_PROTOCOL_VERSION, &version) == LDAP_OPT_SUCCESS &&
           ldap_set_option(ld, LDAP_OPT_REFERRALS, LDAP_OPT_OFF) == LDAP_OPT_SUCCESS &&
           ldap_set_option(ld, LDAP_OPT_RESTART, LDAP_OPT_ON) == LDAP_OPT_SUCCESS &&
           ldap_set_option(ld, LDAP_OPT_DEREF, &settings->dereference) == LDAP_OPT_SUCCESS &&
           ldap_set_option(ld, LDAP_OPT_SIZELIMIT, &none) == LDAP_OPT_SUCCESS &&
           ldap_set_option(ld, LDAP_OPT_TIMELIMIT, &none) == LDAP_OPT_SUCCESS &&
           ldap_set_option(ld, LDAP_OPT_NETWORK_TIMEOUT, &connect) == LDAP_OPT_SUCCESS &&
           ldap_set_option(ld, LDAP_OPT_TIMEOUT, &answer) == LDAP_OPT_SUCCESS &&
           (local || set_tls(ld, settings));
}

/* A server that is stopped in the middle of something must not hold a read or write for ever, nor
 * may an answer take any amount of memory. */
static void bound_socket(LDAP *ld, const DirectorySettings *settings)
{
    const struct timeval answer = {.tv_sec = MAX(settings->answer_seconds, 1)};
    ber_len_t most = ANSWER_BYTES_MAX;
    Sockbuf *buffer = NULL;
    int fd = -1;
    if (ldap_get_option(ld, LDAP_OPT_SOCKBUF, &buffer) == LDAP_OPT_SUCCESS && buffer != NULL)
        ber_sockbuf_ctrl(buffer, LBER_SB_OPT_SET_MAX_INCOMING, &most);
    if (ldap_get_option(ld, LDAP_OPT_DESC, &fd) != LDAP_OPT_SUCCESS || fd < 0)
        return;
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &answer, sizeof answer);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &answer, sizeof answer);
}

/* From now on what has come is read at once, not answer by answer, and each of them in two pieces.
 * Not before: who waits for the socket would not see what has been read already. */
static void read_ahead(LDAP *ld)
{
    Sockbuf *buffer = NULL;
    if (ldap_get_option(ld, LDAP_OPT_SOCKBUF, &buffer) == LDAP_OPT_SUCCESS && buffer != NULL)
        ber_sockbuf_add_io(buffer, &ber_sockbuf_io_readahead, LBER_SBIOD_LEVEL_PROVIDER, NULL);
}

/* LDAP's code. */
static int connect_guarded(LDAP *ld, const DirectorySettings *settings, DirectoryTry *attempt)
{
    DirectoryGuard guard;
    int code = LDAP_OTHER;
    if (directory_guard_begin(&guard, ld, settings->connect_seconds))
        code = ldap_connect(ld);
    if (code == LDAP_SUCCESS) {
        bound_socket(ld, settings);
        if (settings->starttls)
            code = ldap_start_tls_s(ld, NULL, NULL);
    }
    attempt->reached = guard.deadline != 0;
    attempt->late = attempt->reached && g_get_monotonic_time() >= guard.deadline;
    directory_guard_end(&guard, ld);
    if (code == LDAP_SUCCESS)
        read_ahead(ld);
    return code;
}

LDAP *directory_try(const DirectorySettings *settings, const char *uri, DirectoryTry *attempt)
{
    LDAP *ld = NULL;
    *attempt = (DirectoryTry){.code = ldap_initialize(&ld, uri)};
    if (attempt->code != LDAP_SUCCESS || !set_options(ld, settings, uri)) {
        attempt->code = LDAP_PARAM_ERROR;
    } else {
        attempt->code = connect_guarded(ld, settings, attempt);
        if (attempt->code == LDAP_SUCCESS)
            return ld;
        attempt->text = diagnostic(ld);
    }
    if (ld != NULL)
        ldap_unbind_ext(ld, NULL, NULL);
    return NULL;
}

LDAP *directory_connect(const DirectorySettings *settings, const char *uri, GError **error)
{
    DirectoryTry attempt;
    LDAP *ld = directory_try(settings, uri, &attempt);
    g_autofree char *text = attempt.text;
    bool tls = settings->starttls || g_ascii_strncasecmp(uri, "ldaps:", 6) == 0;
    if (ld != NULL)
        return ld;
    if (attempt.code == LDAP_PARAM_ERROR)
        g_set_error_literal(error, DIRECTORY_ERROR, DIRECTORY_ERROR_SETTINGS,
                            "The directory's address or its certificate file cannot be used");
    else if (settings->starttls && attempt.code > 0)
        g_set_error(error, DIRECTORY_ERROR, DIRECTORY_ERROR_SETTINGS,
                    "The directory refuses StartTLS, without which nothing is sent to it (code "
                    "%d%s%s)",
                    attempt.code, text != NULL ? ": " : "", text != NULL ? text : "");
    else if (tls && attempt.reached && !attempt.late && !settings->unchecked)
        directory_set_tls_fault(settings, uri, error);
    else
        directory_set_away(error, attempt.code, text);
    return NULL;
}

/* How long an answer is waited for, in microseconds. */
static gint64 patience(const Directory *directory)
{
    gint64 most = MAX(directory->settings->answer_seconds, 1) * G_TIME_SPAN_SECOND;
    if (directory->deadline == 0)
        return most;
    return CLAMP(directory->deadline - g_get_monotonic_time(), 1, most);
}

int directory_wait(Directory *directory, LDAP *ld, int id, LDAPMessage **message)
{
    gint64 wait = patience(directory);
    struct timeval limit = {.tv_sec = wait / G_TIME_SPAN_SECOND,
                            .tv_usec = wait % G_TIME_SPAN_SECOND};
    return ldap_result(ld, id, LDAP_MSG_ONE, &limit, message);
}

/* libldap's own copy of the request is beyond our reach and not wiped. */
int directory_bind(Directory *directory, LDAP *ld, const char *dn, const Secret *password,
                   char **text)
{
    /* EXTERNAL: present and perhaps empty, or the server asks on */
    const char *authz_id = directory->settings->authz_id;
    const char *sent = dn != NULL ? password : authz_id != NULL ? authz_id : "";
    struct berval credential = {.bv_val = (char *)sent, .bv_len = strlen(sent)};
    g_autoptr(LDAPMessage) message = NULL;
    char *diagnostic_text = NULL;
    int id;
    int code;
    code = ldap_sasl_bind(ld, dn, dn != NULL ? LDAP_SASL_SIMPLE : "EXTERNAL", &credential, NULL,
                          NULL, &id);
    if (code != LDAP_SUCCESS)
        return code;
    switch (directory_wait(directory, ld, id, &message)) {
    case -1:
        return directory_code(ld);
    case 0:
        return LDAP_TIMEOUT;
    default:
        break;
    }
    if (ldap_parse_result(ld, message, &code, NULL, &diagnostic_text, NULL, NULL, 0) !=
        LDAP_SUCCESS)
        code = LDAP_OTHER;
    *text = directory_clean_text(diagnostic_text);
    ldap_memfree(diagnostic_text);
    return code;
}
