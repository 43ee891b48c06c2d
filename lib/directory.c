/* SPDX-License-Identifier: MIT */
#include "lib/directory-private.h"

#include <lber.h>
#include <malloc.h>
#include <signal.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

/* Entries asked for at once; larger results come in pages. */
#define PAGE_ENTRIES 500
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
    const char *fault = directory_settings_fault(settings);
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
    g_free(directory);
}

/* --- reading --- */

static void take_attribute(Entry *entry, const char *name, struct berval **values)
{
    for (guint i = 0; values != NULL && values[i] != NULL; i++) {
        if (memchr(values[i]->bv_val, '\0', values[i]->bv_len) != NULL) {
            entry->left_out = true;
            return;
        }
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
    static const int scopes[] = {
        [DIRECTORY_SCOPE_BASE] = LDAP_SCOPE_BASE,
        [DIRECTORY_SCOPE_ONE] = LDAP_SCOPE_ONELEVEL,
        [DIRECTORY_SCOPE_SUB] = LDAP_SCOPE_SUBTREE,
    };
    g_autoptr(GPtrArray) found = g_ptr_array_new_with_free_func((GDestroyNotify)entry_free);
    Search search = {.base = base,
                     .scope = scopes[scope],
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
    ld = directory_connect(directory->settings, error);
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
