/* SPDX-License-Identifier: MIT */
#include "lib/directory-private.h"

#include <lber.h>
#include <malloc.h>
#include <signal.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

/* Longest text of a server that is repeated. */
#define SERVER_TEXT_MAX 200

G_DEFINE_QUARK(batchload_directory_error, directory_error)

/* --- errors --- */

static const struct {
    int code;
    const char *words;
} away_words[] = {
    {LDAP_SERVER_DOWN, "The directory is not reachable"},
    {LDAP_CONNECT_ERROR, "The directory cannot be connected to securely"},
    {LDAP_FILTER_ERROR, "The directory was not asked, since the filter is not well formed"},
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

/* What a server said besides: its code, its words, or both. The library's own codes say nothing to
 * anybody. NULL: nothing. */
static char *details(int code, const char *text)
{
    g_autofree char *clean = directory_clean_text(text);
    if (code < 0)
        return clean != NULL ? g_strdup_printf(" (%s)", clean) : NULL;
    return g_strdup_printf(" (code %d%s%s)", code, clean != NULL ? ": " : "",
                           clean != NULL ? clean : "");
}

void directory_set_away(GError **error, int code, const char *text)
{
    const char *words = "The directory gave an answer that settles nothing";
    g_autofree char *more = details(code, text);
    for (guint i = 0; i < G_N_ELEMENTS(away_words); i++) {
        if (away_words[i].code == code)
            words = away_words[i].words;
    }
    g_set_error(error, DIRECTORY_ERROR, DIRECTORY_ERROR_AWAY, "%s%s", words,
                more != NULL ? more : "");
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

void directory_settings_clear(DirectorySettings *settings)
{
    g_free(settings->uri);
    directory_servers_free(settings->servers);
    g_free(settings->base);
    g_free(settings->bind_dn);
    secret_free(settings->bind_password);
    g_free(settings->ca_file);
    g_free(settings->authz_id);
    g_free(settings->ca_folder);
    g_free(settings->certificate);
    g_free(settings->key);
    *settings = (DirectorySettings){0};
}

bool directory_is_name(const char *text)
{
    LDAPDN dn = NULL;
    if (*text == '\0' || ldap_str2dn(text, &dn, LDAP_DN_FORMAT_LDAPV3) != LDAP_SUCCESS)
        return false;
    ldap_dnfree(dn);
    return true;
}

Directory *directory_new(const DirectorySettings *settings, GError **error)
{
    g_autofree char *fault = directory_settings_fault(settings);
    Directory *directory;
    if (fault != NULL) {
        g_set_error_literal(error, DIRECTORY_ERROR, DIRECTORY_ERROR_SETTINGS, fault);
        return NULL;
    }
    directory = g_new0(Directory, 1);
    directory->settings = settings;
    if (settings->servers == NULL)
        directory->own = directory_servers_alone(settings->uri);
    directory->servers = settings->servers != NULL ? settings->servers : directory->own;
    return directory;
}

void directory_drop(Directory *directory)
{
    if (directory->ld != NULL)
        ldap_unbind_ext(directory->ld, NULL, NULL);
    directory->ld = NULL;
    directory->sets_passwords = directory->inside = false;
    directory->window = (DirectoryWindow){0};
}

void directory_set_deadline(Directory *directory, gint64 deadline)
{
    directory->deadline = deadline;
}

bool directory_is_connected(const Directory *directory)
{
    return directory->ld != NULL;
}

void directory_free(Directory *directory)
{
    if (directory == NULL)
        return;
    directory_drop(directory);
    directory_servers_free(directory->own);
    g_free(directory);
}

/* --- a person's password --- */

Answer directory_check_password(Directory *directory, const char *dn, const Secret *password,
                                GError **error)
{
    g_autofree char *text = NULL;
    const char *server;
    LDAP *ld;
    int code;
    /* Many servers take a name with an empty password as an anonymous login and say yes. */
    if (password == NULL || *password == '\0' || *dn == '\0')
        return ANSWER_NO;
    /* The connection may be in the middle of other things: it is not looked at. */
    server = directory->ld != NULL ? directory_servers_uri(directory->servers, directory->at)
                                   : directory_server(directory, error);
    ld = server != NULL ? directory_connect(directory->settings, server, error) : NULL;
    if (ld == NULL)
        return ANSWER_UNKNOWN;
    code = directory_bind(directory, ld, dn, password, &text);
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

Answer directory_can_change(Directory *directory, GError **error)
{
    LDAP *ld = directory_session(directory, error);
    return ld != NULL && directory_takes_changes(directory, ld, error) ? ANSWER_YES
                                                                       : ANSWER_UNKNOWN;
}

bool directory_checks_conditions(const Directory *directory)
{
    return !directory->inside && !directory->settings->inside;
}

/* --- escapes --- */

bool directory_is_plain(const char *value)
{
    while (g_ascii_isalnum(*value) || *value == '@' || *value == '.' || *value == '-')
        value++;
    return *value == '\0';
}

char *directory_escape_filter(const char *value)
{
    if (directory_is_plain(value))
        return g_strdup(value);
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
    if (directory_is_plain(value))
        return g_strdup(value);
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

/* --- addresses --- */

bool directory_is_url(const char *text)
{
    return ldap_is_ldap_url(text) != 0;
}

static bool take_scope(int scope, DirectoryScope *taken)
{
    switch (scope) {
    case LDAP_SCOPE_DEFAULT:
    case LDAP_SCOPE_BASE:
        *taken = DIRECTORY_SCOPE_BASE;
        return true;
    case LDAP_SCOPE_ONELEVEL:
        *taken = DIRECTORY_SCOPE_ONE;
        return true;
    case LDAP_SCOPE_SUBTREE:
        *taken = DIRECTORY_SCOPE_SUB;
        return true;
    default:
        return false;
    }
}

DirectoryUrl *directory_url_parse(const char *text)
{
    g_autoptr(LDAPURLDesc) found = NULL;
    DirectoryScope scope;
    if (ldap_url_parse(text, &found) != LDAP_URL_SUCCESS || found->lud_crit_exts > 0 ||
        !take_scope(found->lud_scope, &scope))
        return NULL;
    DirectoryUrl *url = g_new0(DirectoryUrl, 1);
    url->base = g_strdup(found->lud_dn != NULL ? found->lud_dn : "");
    url->scope = scope;
    url->filter = g_strdup(found->lud_filter);
    if (found->lud_attrs != NULL && found->lud_attrs[0] != NULL)
        url->attributes = g_strdupv(found->lud_attrs);
    return url;
}

void directory_url_free(DirectoryUrl *url)
{
    if (url == NULL)
        return;
    g_free(url->base);
    g_free(url->filter);
    g_strfreev(url->attributes);
    g_free(url);
}
