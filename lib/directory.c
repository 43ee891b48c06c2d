/* SPDX-License-Identifier: MIT */
#include "lib/directory-private.h"

#include <gio/gio.h>
#include <lber.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* Entries asked for at once; larger results come in pages. */
#define PAGE_ENTRIES 500
/* Largest single answer, in bytes. */
#define ANSWER_BYTES_MAX (16 * 1024 * 1024)
/* Longest text of a server that is repeated. */
#define SERVER_TEXT_MAX 200

G_DEFINE_QUARK(batchload_directory_error, directory_error)

G_DEFINE_AUTOPTR_CLEANUP_FUNC(LDAPMessage, ldap_msgfree)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LDAPURLDesc, ldap_free_urldesc)

/* --- errors --- */

static const struct {
    int code;
    const char *words;
} away_words[] = {
    {LDAP_SERVER_DOWN, "The directory is not reachable"},
    {LDAP_CONNECT_ERROR, "The directory cannot be connected to securely"},
    {LDAP_TIMEOUT, "The directory answered too late"},
    {LDAP_TIMELIMIT_EXCEEDED, "The directory took too long"},
    {LDAP_ADMINLIMIT_EXCEEDED, "The directory ran into a limit of its own"},
    {LDAP_REFERRAL, "The directory points to another server, which is not followed"},
    {LDAP_UNAVAILABLE_CRITICAL_EXTENSION, "The directory cannot check a condition with a change"},
    {LDAP_BUSY, "The directory is busy"},
    {LDAP_UNAVAILABLE, "The directory is shutting down"},
    {LDAP_UNWILLING_TO_PERFORM, "The directory is not willing to do this now"},
    {LDAP_OTHER, "The directory has an internal problem, it may be full"},
};

void directory_set_away(GError **error, int code, const char *text)
{
    const char *words = "The directory gave an answer that settles nothing";
    g_autofree char *clean = directory_clean_text(text);
    for (guint i = 0; i < G_N_ELEMENTS(away_words); i++) {
        if (away_words[i].code == code)
            words = away_words[i].words;
    }
    g_set_error(error, DIRECTORY_ERROR, DIRECTORY_ERROR_AWAY, "%s (code %d%s%s)", words, code,
                clean != NULL ? ": " : "", clean != NULL ? clean : "");
}

char *directory_clean_text(const char *text)
{
    g_autofree char *valid = NULL;
    gsize length;
    if (text == NULL || *text == '\0')
        return NULL;
    valid = g_utf8_make_valid(text, (gssize)strnlen(text, SERVER_TEXT_MAX));
    for (char *at = valid; *at != '\0'; at = g_utf8_next_char(at)) {
        if (!g_unichar_isprint(g_utf8_get_char(at)))
            memset(at, ' ', (gsize)(g_utf8_next_char(at) - at));
    }
    length = strlen(valid);
    if (length > SERVER_TEXT_MAX) { /* replaced bytes grow */
        length = SERVER_TEXT_MAX;
        while (length > 0 && (valid[length] & 0xC0) == 0x80)
            length--;
        valid[length] = '\0';
    }
    return g_steal_pointer(&valid);
}

int directory_code(LDAP *ld)
{
    int code = LDAP_OTHER;
    ldap_get_option(ld, LDAP_OPT_RESULT_CODE, &code);
    return code == LDAP_SUCCESS ? LDAP_OTHER : code;
}

static char *diagnostic(LDAP *ld)
{
    char *text = NULL;
    char *copy;
    ldap_get_option(ld, LDAP_OPT_DIAGNOSTIC_MESSAGE, &text);
    copy = directory_clean_text(text);
    ldap_memfree(text);
    return copy;
}

/* --- settings --- */

/* The library's own memory holds passwords while they are on their way: it is wiped when freed. */
static void wiping_free(void *memory, void *context G_GNUC_UNUSED)
{
    if (memory != NULL)
        sodium_memzero(memory, malloc_usable_size(memory));
    free(memory);
}

static void *plain_malloc(ber_len_t size, void *context G_GNUC_UNUSED)
{
    return malloc(size);
}

static void *plain_calloc(ber_len_t count, ber_len_t size, void *context G_GNUC_UNUSED)
{
    return calloc(count, size);
}

static void *wiping_realloc(void *memory, ber_len_t size, void *context)
{
    void *larger = size > 0 ? malloc(size) : NULL;
    if (memory != NULL && larger != NULL)
        memcpy(larger, memory, MIN(size, malloc_usable_size(memory)));
    if (larger != NULL || size == 0)
        wiping_free(memory, context);
    return larger;
}

void directory_init(void)
{
    BerMemoryFunctions memory = {plain_malloc, plain_calloc, wiping_realloc, wiping_free};
    ber_set_option(NULL, LBER_OPT_MEMORY_FNS, &memory);
    LDAPAPIInfo info = {.ldapai_info_version = LDAP_API_INFO_VERSION};
    /* A server that goes away must be an error, not the end of the process. */
    signal(SIGPIPE, SIG_IGN);
    if (ldap_get_option(NULL, LDAP_OPT_API_INFO, &info) == LDAP_OPT_SUCCESS) {
        ldap_memfree(info.ldapai_vendor_name);
        ldap_memvfree((void **)info.ldapai_extensions);
    }
}

static bool host_is_loopback(const char *host)
{
    g_autoptr(GInetAddress) address = g_inet_address_new_from_string(host);
    if (address == NULL)
        return g_ascii_strcasecmp(host, "localhost") == 0;
    return g_inet_address_get_is_loopback(address);
}

/* Why the settings can't be used, or NULL. */
static const char *settings_fault(const DirectorySettings *settings)
{
    g_autoptr(LDAPURLDesc) url = NULL;
    const char *scheme;
    if (settings->uri == NULL || strpbrk(settings->uri, " ,\t") != NULL ||
        ldap_url_parse(settings->uri, &url) != LDAP_URL_SUCCESS)
        return "The directory's address is not one ldapi://, ldap:// or ldaps:// address";
    scheme = url->lud_scheme;
    if (strcmp(scheme, "ldapi") != 0 && strcmp(scheme, "ldaps") != 0 && strcmp(scheme, "ldap") != 0)
        return "The directory's address must begin with ldapi://, ldap:// or ldaps://";
    /* ldapi:/// is the socket that libldap knows */
    if (strcmp(scheme, "ldapi") != 0 && (url->lud_host == NULL || *url->lud_host == '\0'))
        return "The directory's address names no host";
    if (settings->starttls && strcmp(scheme, "ldap") != 0)
        return "StartTLS goes with an ldap:// address only";
    if (strcmp(scheme, "ldap") == 0 && !settings->starttls && !host_is_loopback(url->lud_host))
        return "Passwords would cross the network in clear: use ldaps://, StartTLS, ldapi://, or "
               "ldap:// to a loopback address";
    if (settings->bind_dn == NULL && strcmp(scheme, "ldapi") != 0)
        return "Without a login of its own the service can use an ldapi:// address only";
    if (settings->bind_dn != NULL &&
        (settings->bind_password == NULL || *settings->bind_password == '\0'))
        return "The service's own login at the directory has no password";
    return NULL;
}

Directory *directory_new(const DirectorySettings *settings, GError **error)
{
    const char *fault = settings_fault(settings);
    Directory *directory;
    if (fault != NULL) {
        g_set_error_literal(error, DIRECTORY_ERROR, DIRECTORY_ERROR_SETTINGS, fault);
        return NULL;
    }
    directory = g_new0(Directory, 1);
    directory->settings = settings;
    return directory;
}

void directory_drop(Directory *directory)
{
    if (directory->ld != NULL)
        ldap_unbind_ext(directory->ld, NULL, NULL);
    directory->ld = NULL;
    directory->sets_passwords = false;
}

void directory_free(Directory *directory)
{
    if (directory == NULL)
        return;
    directory_drop(directory);
    g_free(directory);
}

/* --- connecting --- */

/* Everything is set on the handle, so that no ldap.conf or environment of the host loosens it. */
static bool set_options(LDAP *ld, const DirectorySettings *settings)
{
    const int version = LDAP_VERSION3;
    const int none = 0;
    const int client = 0;
    const int demand = LDAP_OPT_X_TLS_DEMAND;
    const int deref = LDAP_DEREF_NEVER;
    const struct timeval connect = {.tv_sec = MAX(settings->connect_seconds, 1)};
    const struct timeval answer = {.tv_sec = MAX(settings->answer_seconds, 1)};
    bool good = ldap_set_option(ld, LDAP_OPT_PROTOCOL_VERSION, &version) == LDAP_OPT_SUCCESS &&
                ldap_set_option(ld, LDAP_OPT_REFERRALS, LDAP_OPT_OFF) == LDAP_OPT_SUCCESS &&
                ldap_set_option(ld, LDAP_OPT_RESTART, LDAP_OPT_ON) == LDAP_OPT_SUCCESS &&
                ldap_set_option(ld, LDAP_OPT_DEREF, &deref) == LDAP_OPT_SUCCESS &&
                ldap_set_option(ld, LDAP_OPT_SIZELIMIT, &none) == LDAP_OPT_SUCCESS &&
                ldap_set_option(ld, LDAP_OPT_TIMELIMIT, &none) == LDAP_OPT_SUCCESS &&
                ldap_set_option(ld, LDAP_OPT_NETWORK_TIMEOUT, &connect) == LDAP_OPT_SUCCESS &&
                ldap_set_option(ld, LDAP_OPT_TIMEOUT, &answer) == LDAP_OPT_SUCCESS &&
                ldap_set_option(ld, LDAP_OPT_X_TLS_REQUIRE_CERT, &demand) == LDAP_OPT_SUCCESS;
    if (good && settings->ca_file != NULL)
        good =
            ldap_set_option(ld, LDAP_OPT_X_TLS_CACERTFILE, settings->ca_file) == LDAP_OPT_SUCCESS;
    /* Without a context of its own the handle would take the process-wide one and its checks. */
    if (good && !g_str_has_prefix(settings->uri, "ldapi:"))
        good = ldap_set_option(ld, LDAP_OPT_X_TLS_NEWCTX, &client) == LDAP_OPT_SUCCESS;
    return good;
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

/* A connected handle, not yet bound. NULL with DIRECTORY_ERROR. Caller owns it. */
static LDAP *connect_handle(const DirectorySettings *settings, GError **error)
{
    LDAP *ld = NULL;
    int code = ldap_initialize(&ld, settings->uri);
    if (code != LDAP_SUCCESS || !set_options(ld, settings)) {
        g_set_error_literal(error, DIRECTORY_ERROR, DIRECTORY_ERROR_SETTINGS,
                            "The directory's address or its certificate file cannot be used");
        if (ld != NULL)
            ldap_unbind_ext(ld, NULL, NULL);
        return NULL;
    }
    code = ldap_connect(ld);
    if (code == LDAP_SUCCESS) {
        bound_socket(ld, settings);
        if (settings->starttls)
            code = ldap_start_tls_s(ld, NULL, NULL);
    }
    if (code != LDAP_SUCCESS) {
        g_autofree char *text = diagnostic(ld);
        directory_set_away(error, code, text);
        ldap_unbind_ext(ld, NULL, NULL);
        return NULL;
    }
    return ld;
}

int directory_wait(Directory *directory, LDAP *ld, int id, LDAPMessage **message)
{
    struct timeval limit = {.tv_sec = MAX(directory->settings->answer_seconds, 1)};
    return ldap_result(ld, id, LDAP_MSG_ONE, &limit, message);
}

/* Binds; LDAP's result code, or a client-side one when there was no answer. libldap's own copy of
 * the request is beyond our reach and not wiped. */
static int bind_handle(Directory *directory, LDAP *ld, const char *dn, const Secret *password,
                       char **text)
{
    char none[] = ""; /* EXTERNAL: present and empty, or the server asks on */
    struct berval credential = {.bv_val = none};
    g_autoptr(LDAPMessage) message = NULL;
    char *diagnostic_text = NULL;
    int id;
    int code;
    if (dn != NULL)
        credential = (struct berval){.bv_val = (char *)password, .bv_len = strlen(password)};
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

LDAP *directory_session(Directory *directory, GError **error)
{
    const DirectorySettings *settings = directory->settings;
    g_autofree char *text = NULL;
    int code;
    if (directory->ld != NULL && !still_open(directory->ld))
        directory_drop(directory);
    if (directory->ld != NULL)
        return directory->ld;
    directory->ld = connect_handle(settings, error);
    if (directory->ld == NULL)
        return NULL;
    code = bind_handle(directory, directory->ld, settings->bind_dn, settings->bind_password, &text);
    if (code == LDAP_SUCCESS)
        return directory->ld;
    set_bind_error(error, code, text);
    directory_drop(directory);
    return NULL;
}

/* --- reading --- */

static void take_attribute(Entry *entry, const char *name, struct berval **values)
{
    for (guint i = 0; values != NULL && values[i] != NULL; i++) {
        if (memchr(values[i]->bv_val, '\0', values[i]->bv_len) != NULL)
            return;
    }
    for (guint i = 0; values != NULL && values[i] != NULL; i++)
        entry_add(entry, name, values[i]->bv_val); /* libldap terminates them */
}

static Entry *take_entry(LDAP *ld, LDAPMessage *message)
{
    BerElement *position = NULL;
    char *dn = ldap_get_dn(ld, message);
    Entry *entry = entry_new(dn != NULL ? dn : "");
    ldap_memfree(dn);
    for (char *name = ldap_first_attribute(ld, message, &position); name != NULL;
         name = ldap_next_attribute(ld, message, position)) {
        struct berval **values = ldap_get_values_len(ld, message, name);
        take_attribute(entry, name, values);
        ldap_value_free_len(values);
        ldap_memfree(name);
    }
    ber_free(position, 0);
    return entry;
}

/* One search being carried out, page by page. */
typedef struct {
    Directory *directory;
    LDAP *ld;
    const char *base;
    int scope;
    const char *filter;
    char **attributes;
    unsigned limit;
    GPtrArray *entries;
    struct berval cookie; /* of the next page; bv_len 0: none */
} Search;

static int send_page(Search *search, int *id)
{
    LDAPControl *controls[] = {NULL, NULL};
    int size = 0;
    int code = LDAP_SUCCESS;
    if (search->limit >= PAGE_ENTRIES)
        code = ldap_create_page_control(search->ld, PAGE_ENTRIES,
                                        search->cookie.bv_len > 0 ? &search->cookie : NULL, 0,
                                        &controls[0]);
    else
        size = (int)search->limit + 1;
    if (code == LDAP_SUCCESS)
        code = ldap_search_ext(search->ld, search->base, search->scope, search->filter,
                               search->attributes, 0, controls, NULL, NULL, size, id);
    if (controls[0] != NULL)
        ldap_control_free(controls[0]);
    return code;
}

static void take_cookie(Search *search, LDAPControl **controls)
{
    LDAPControl *control = ldap_control_find(LDAP_CONTROL_PAGEDRESULTS, controls, NULL);
    ber_int_t estimate;
    ber_memfree(search->cookie.bv_val);
    search->cookie = (struct berval){0};
    if (control != NULL && ldap_parse_pageresponse_control(search->ld, control, &estimate,
                                                           &search->cookie) != LDAP_SUCCESS)
        search->cookie = (struct berval){0};
}

static void set_size_error(GError **error, const Search *search)
{
    if (search->entries->len > search->limit)
        g_set_error(error, DIRECTORY_ERROR, DIRECTORY_ERROR_SIZE,
                    "The directory holds more than the %u entries that were asked for",
                    search->limit);
    else
        g_set_error(error, DIRECTORY_ERROR, DIRECTORY_ERROR_SETTINGS,
                    "The directory gives the service only %u entries at once, %u are needed: "
                    "raise its size limit for the service's login",
                    search->entries->len, search->limit);
}

static Answer finish_page(Search *search, LDAPMessage *message, GError **error)
{
    LDAPControl **controls = NULL;
    char *text = NULL;
    int code = LDAP_OTHER;
    Answer answer = ANSWER_UNKNOWN;
    if (ldap_parse_result(search->ld, message, &code, NULL, &text, NULL, &controls, 0) !=
        LDAP_SUCCESS)
        code = LDAP_OTHER;
    take_cookie(search, controls);
    ldap_controls_free(controls);
    if (code == LDAP_SUCCESS)
        answer = ANSWER_YES;
    else if (code == LDAP_NO_SUCH_OBJECT)
        answer = ANSWER_NO;
    else if (code == LDAP_SIZELIMIT_EXCEEDED)
        set_size_error(error, search);
    else
        directory_set_away(error, code, text);
    ldap_memfree(text);
    return answer;
}

static Answer lost(Search *search, int code, GError **error)
{
    directory_set_away(error, code, NULL);
    directory_drop(search->directory);
    return ANSWER_UNKNOWN;
}

static Answer read_page(Search *search, GError **error)
{
    int id;
    int code = send_page(search, &id);
    if (code != LDAP_SUCCESS)
        return lost(search, code, error);
    for (;;) {
        g_autoptr(LDAPMessage) message = NULL;
        switch (directory_wait(search->directory, search->ld, id, &message)) {
        case -1:
            return lost(search, directory_code(search->ld), error);
        case 0:
            return lost(search, LDAP_TIMEOUT, error);
        case LDAP_RES_SEARCH_ENTRY:
            g_ptr_array_add(search->entries, take_entry(search->ld, message));
            if (search->entries->len > search->limit) {
                ldap_abandon_ext(search->ld, id, NULL, NULL);
                set_size_error(error, search);
                return ANSWER_UNKNOWN;
            }
            break;
        case LDAP_RES_SEARCH_REFERENCE:
            return lost(search, LDAP_REFERRAL, error);
        case LDAP_RES_SEARCH_RESULT:
            return finish_page(search, message, error);
        default:
            break;
        }
    }
}

static Answer search_all(Directory *directory, Search *search, GError **error)
{
    Answer answer;
    search->directory = directory;
    search->ld = directory_session(directory, error);
    if (search->ld == NULL)
        return ANSWER_UNKNOWN;
    do
        answer = read_page(search, error);
    while (answer == ANSWER_YES && search->cookie.bv_len > 0);
    ber_memfree(search->cookie.bv_val);
    return answer;
}

Answer directory_read(Directory *directory, const char *dn, const char *const *attributes,
                      Entry **entry, GError **error)
{
    g_autoptr(GPtrArray) entries = g_ptr_array_new_with_free_func((GDestroyNotify)entry_free);
    Search search = {.base = dn,
                     .scope = LDAP_SCOPE_BASE,
                     .filter = "(objectClass=*)",
                     .attributes = (char **)attributes,
                     .limit = 1,
                     .entries = entries};
    Answer answer = search_all(directory, &search, error);
    if (answer == ANSWER_YES && entries->len == 0)
        return ANSWER_NO;
    if (answer == ANSWER_YES)
        *entry = g_ptr_array_steal_index(entries, 0);
    return answer;
}

Answer directory_search(Directory *directory, const char *base, DirectoryScope scope,
                        const char *filter, const char *const *attributes, unsigned limit,
                        GPtrArray **entries, GError **error)
{
    g_autoptr(GPtrArray) found = g_ptr_array_new_with_free_func((GDestroyNotify)entry_free);
    Search search = {.base = base,
                     .scope =
                         scope == DIRECTORY_SCOPE_ONE ? LDAP_SCOPE_ONELEVEL : LDAP_SCOPE_SUBTREE,
                     .filter = filter,
                     .attributes = (char **)attributes,
                     .limit = MIN(limit, G_MAXINT - 1),
                     .entries = found};
    Answer answer = search_all(directory, &search, error);
    if (answer == ANSWER_YES)
        *entries = g_steal_pointer(&found);
    return answer;
}

/* --- a person's password --- */

Answer directory_check_password(Directory *directory, const char *dn, const Secret *password,
                                GError **error)
{
    g_autofree char *text = NULL;
    LDAP *ld;
    int code;
    /* Many servers take a name with an empty password as an anonymous login and say yes. */
    if (password == NULL || *password == '\0' || *dn == '\0')
        return ANSWER_NO;
    ld = connect_handle(directory->settings, error);
    if (ld == NULL)
        return ANSWER_UNKNOWN;
    code = bind_handle(directory, ld, dn, password, &text);
    ldap_unbind_ext(ld, NULL, NULL);
    switch (code) {
    case LDAP_SUCCESS:
        return ANSWER_YES;
    case LDAP_INVALID_CREDENTIALS:
    case LDAP_INAPPROPRIATE_AUTH:   /* the entry has no password */
    case LDAP_NO_SUCH_OBJECT:       /* some servers tell */
    case LDAP_CONSTRAINT_VIOLATION: /* locked after too many tries, on some servers */
        return ANSWER_NO;
    default:
        directory_set_away(error, code, text);
        return ANSWER_UNKNOWN;
    }
}

/* --- escapes --- */

char *directory_escape_filter(const char *value)
{
    struct berval in = {.bv_val = (char *)value, .bv_len = strlen(value)};
    struct berval out = {0};
    char *copy;
    if (ldap_bv2escaped_filter_value(&in, &out) != 0)
        g_error("out of memory");
    copy = g_strndup(out.bv_val != NULL ? out.bv_val : "", out.bv_len);
    ber_memfree(out.bv_val);
    return copy;
}

char *directory_escape_dn(const char *value)
{
    char name[] = "x";
    LDAPAVA ava = {.la_attr = {.bv_val = name, .bv_len = 1},
                   .la_value = {.bv_val = (char *)value, .bv_len = strlen(value)},
                   .la_flags = LDAP_AVA_STRING};
    LDAPAVA *rdn[] = {&ava, NULL};
    char *text = NULL;
    char *copy;
    if (ldap_rdn2str(rdn, &text, LDAP_DN_FORMAT_LDAPV3) != LDAP_SUCCESS)
        g_error("out of memory");
    copy = g_strdup(text + strlen("x="));
    ldap_memfree(text);
    return copy;
}
