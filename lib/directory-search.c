/* SPDX-License-Identifier: MIT */
#include "lib/directory-private.h"

#include <string.h>

/* Entries asked for at once; larger results come in pages. */
#define PAGE_ENTRIES 500

/* --- entries --- */

/* They have the NUL behind them that liblber puts there. */
static void take_attribute(Entry *entry, char *name, const struct berval *values)
{
    g_autoptr(GPtrArray) texts = g_ptr_array_new();
    for (; values != NULL && values->bv_val != NULL; values++) {
        if (memchr(values->bv_val, '\0', values->bv_len) != NULL) {
            entry->left_out = true;
            return;
        }
        g_ptr_array_add(texts, values->bv_val);
    }
    if (texts->len > 0)
        entry_add_here(entry, name, g_steal_pointer(&texts));
}

static void free_message(gpointer message)
{
    ldap_msgfree(message);
}

/* In one pass; names and values stay where the message has them, which is taken over.
 * (ldap_get_values_len() looks through the whole of it for each attribute.) */
Entry *directory_take_entry(LDAP *ld, LDAPMessage *message)
{
    BerElement *position = NULL;
    struct berval text = {0}, *values = NULL;
    int code = ldap_get_dn_ber(ld, message, &position, &text);
    Entry *entry = entry_new_in(code == LDAP_SUCCESS ? text.bv_val : "", message, free_message);
    while (code == LDAP_SUCCESS) {
        code = ldap_get_attribute_ber(ld, message, position, &text, &values);
        if (code != LDAP_SUCCESS || text.bv_val == NULL)
            break;
        take_attribute(entry, text.bv_val, values);
        ber_memfree(g_steal_pointer(&values));
    }
    ber_free(position, 0);
    return entry;
}

/* --- several searches at a time --- */

/* One search being carried out, page by page. */
typedef struct {
    DirectoryQuery *query;
    struct berval cookie; /* of the next page; bv_len 0: none */
} Flight;

typedef struct {
    Directory *directory;
    LDAP *ld;
    GHashTable *flights; /* message id → Flight */
    bool paging;         /* one of them comes in pages: a server keeps one such a connection */
    DirectoryFound found;
    gpointer data;
    Answer answer; /* ANSWER_YES: go on */
    GError **error;
} Round;

static void flight_free(gpointer data)
{
    Flight *flight = data;
    ber_memfree(flight->cookie.bv_val);
    g_free(flight);
}

static bool comes_in_pages(const DirectoryQuery *query)
{
    return query->limit >= PAGE_ENTRIES;
}

static int send_page(const Round *round, const Flight *flight, int *id)
{
    static const int scopes[] = {
        [DIRECTORY_SCOPE_BASE] = LDAP_SCOPE_BASE,
        [DIRECTORY_SCOPE_ONE] = LDAP_SCOPE_ONELEVEL,
        [DIRECTORY_SCOPE_SUB] = LDAP_SCOPE_SUBTREE,
    };
    const DirectoryQuery *query = flight->query;
    struct berval cookie = flight->cookie;
    LDAPControl *controls[] = {NULL, NULL};
    int size = 0;
    int code = LDAP_SUCCESS;
    if (comes_in_pages(query))
        code = ldap_create_page_control(round->ld, PAGE_ENTRIES, cookie.bv_len > 0 ? &cookie : NULL,
                                        0, &controls[0]);
    else
        size = (int)query->limit + 1;
    if (code == LDAP_SUCCESS)
        code = ldap_search_ext(round->ld, query->base, scopes[query->scope], query->filter,
                               (char **)query->attributes, 0, controls, NULL, NULL, size, id);
    if (controls[0] != NULL)
        ldap_control_free(controls[0]);
    return code;
}

/* The connection is of no use any more. */
static void round_lose(Round *round, int code)
{
    directory_set_away(round->error, code, NULL);
    g_hash_table_remove_all(round->flights);
    directory_drop(round->directory);
    round->answer = ANSWER_UNKNOWN;
}

/* Takes flight over. */
static void round_send(Round *round, Flight *flight)
{
    int id = 0;
    int code = send_page(round, flight, &id);
    if (code != LDAP_SUCCESS) {
        flight_free(flight);
        round_lose(round, code);
        return;
    }
    round->paging |= comes_in_pages(flight->query);
    g_hash_table_insert(round->flights, GINT_TO_POINTER(id), flight);
}

static void round_begin(Round *round, DirectoryQuery *query)
{
    Flight *flight = g_new0(Flight, 1);
    flight->query = query;
    round_send(round, flight);
}

static bool may_begin(const Round *round, const DirectoryQuery *query)
{
    return g_hash_table_size(round->flights) < DIRECTORY_SEARCHES_MAX &&
           !(round->paging && comes_in_pages(query));
}

/* *message is taken over. */
static void round_entry(Round *round, LDAPMessage **message, int id, DirectoryQuery *query)
{
    if (query->found == query->limit) {
        ldap_abandon_ext(round->ld, id, NULL, NULL);
        query->state = QUERY_TOO_MANY;
        round->paging &= !comes_in_pages(query);
        g_hash_table_remove(round->flights, GINT_TO_POINTER(id));
        return;
    }
    query->found++;
    if (!round->found(round->data, query,
                      directory_take_entry(round->ld, g_steal_pointer(message))))
        round->answer = ANSWER_NO;
}

static void take_cookie(const Round *round, Flight *flight, LDAPControl **controls)
{
    LDAPControl *control = ldap_control_find(LDAP_CONTROL_PAGEDRESULTS, controls, NULL);
    ber_int_t estimate;
    ber_memfree(flight->cookie.bv_val);
    flight->cookie = (struct berval){0};
    if (control != NULL && ldap_parse_pageresponse_control(round->ld, control, &estimate,
                                                           &flight->cookie) != LDAP_SUCCESS)
        flight->cookie = (struct berval){0};
}

static void round_settle(Round *round, DirectoryQuery *query, int code, const char *text)
{
    switch (code) {
    case LDAP_SUCCESS:
        query->state = QUERY_DONE;
        break;
    case LDAP_NO_SUCH_OBJECT:
        query->state = QUERY_NO_BASE;
        break;
    case LDAP_SIZELIMIT_EXCEEDED:
    case LDAP_ADMINLIMIT_EXCEEDED:
        query->state = QUERY_CUT;
        break;
    default:
        directory_set_away(round->error, code, text);
        round->answer = ANSWER_UNKNOWN;
    }
}

/* The end of a page, or of all. */
static void round_result(Round *round, LDAPMessage *message, int id)
{
    Flight *flight = g_hash_table_lookup(round->flights, GINT_TO_POINTER(id));
    LDAPControl **controls = NULL;
    char *text = NULL;
    int code = LDAP_OTHER;
    if (ldap_parse_result(round->ld, message, &code, NULL, &text, NULL, &controls, 0) !=
        LDAP_SUCCESS)
        code = LDAP_OTHER;
    take_cookie(round, flight, controls);
    ldap_controls_free(controls);
    g_hash_table_steal(round->flights, GINT_TO_POINTER(id));
    if (code == LDAP_SUCCESS && flight->cookie.bv_len > 0) {
        round_send(round, flight);
    } else {
        round->paging &= !comes_in_pages(flight->query);
        round_settle(round, flight->query, code, text);
        flight_free(flight);
    }
    ldap_memfree(text);
}

/* Waits for one message. */
static void round_collect(Round *round)
{
    g_autoptr(LDAPMessage) message = NULL;
    int kind = directory_wait(round->directory, round->ld, LDAP_RES_ANY, &message);
    if (kind <= 0) {
        round_lose(round, kind == 0 ? LDAP_TIMEOUT : directory_code(round->ld));
        return;
    }
    const int id = ldap_msgid(message);
    const Flight *flight = g_hash_table_lookup(round->flights, GINT_TO_POINTER(id));
    if (flight == NULL) /* a notice of disconnection comes without a number */
        return;
    if (kind == LDAP_RES_SEARCH_ENTRY)
        round_entry(round, &message, id, flight->query);
    else if (kind == LDAP_RES_SEARCH_REFERENCE)
        round_lose(round, LDAP_REFERRAL);
    else if (kind == LDAP_RES_SEARCH_RESULT)
        round_result(round, message, id);
}

static void round_abandon(const Round *round)
{
    GHashTableIter iter;
    gpointer id;
    g_hash_table_iter_init(&iter, round->flights);
    while (g_hash_table_iter_next(&iter, &id, NULL))
        ldap_abandon_ext(round->ld, GPOINTER_TO_INT(id), NULL, NULL);
}

Answer directory_search_many(Directory *directory, GPtrArray *queries, DirectoryFound found,
                             gpointer data, GError **error)
{
    Round round = {.directory = directory, .found = found, .data = data, .error = error};
    for (guint i = 0; i < queries->len; i++) {
        ((DirectoryQuery *)queries->pdata[i])->state = QUERY_OPEN;
        ((DirectoryQuery *)queries->pdata[i])->found = 0;
    }
    if (queries->len == 0)
        return ANSWER_YES;
    round.ld = directory_session(directory, error);
    if (round.ld == NULL)
        return ANSWER_UNKNOWN;
    g_autoptr(GHashTable) flights = g_hash_table_new_full(NULL, NULL, NULL, flight_free);
    round.flights = flights;
    round.answer = ANSWER_YES;
    guint next = 0;
    while (round.answer == ANSWER_YES && (next < queries->len || g_hash_table_size(flights) > 0)) {
        DirectoryQuery *query = next < queries->len ? queries->pdata[next] : NULL;
        if (query != NULL && may_begin(&round, query)) {
            round_begin(&round, query);
            next++;
        } else {
            round_collect(&round);
        }
    }
    round_abandon(&round);
    return round.answer;
}

void directory_query_fault(const DirectoryQuery *query, GError **error)
{
    if (query->state == QUERY_TOO_MANY)
        g_set_error(error, DIRECTORY_ERROR, DIRECTORY_ERROR_SIZE,
                    "The directory holds more than the %u entries that were asked for",
                    query->limit);
    else
        g_set_error(error, DIRECTORY_ERROR, DIRECTORY_ERROR_SETTINGS,
                    "The directory gives the service only %u entries at once, %u are needed: "
                    "raise its size limit for the service's login",
                    query->found, query->limit);
}

/* --- one --- */

static bool collect(gpointer entries, const DirectoryQuery *query G_GNUC_UNUSED, Entry *entry)
{
    g_ptr_array_add(entries, entry);
    return true;
}

static Answer search_one(Directory *directory, DirectoryQuery *query, GPtrArray *entries,
                         GError **error)
{
    g_autoptr(GPtrArray) queries = g_ptr_array_new();
    g_ptr_array_add(queries, query);
    if (directory_search_many(directory, queries, collect, entries, error) != ANSWER_YES)
        return ANSWER_UNKNOWN;
    switch (query->state) {
    case QUERY_DONE:
        return ANSWER_YES;
    case QUERY_NO_BASE:
        return ANSWER_NO;
    default:
        directory_query_fault(query, error);
        return ANSWER_UNKNOWN;
    }
}

Answer directory_read(Directory *directory, const char *dn, const char *const *attributes,
                      Entry **entry, GError **error)
{
    g_autoptr(GPtrArray) entries = g_ptr_array_new_with_free_func((GDestroyNotify)entry_free);
    DirectoryQuery query = {.base = dn,
                            .scope = DIRECTORY_SCOPE_BASE,
                            .filter = "(objectClass=*)",
                            .attributes = attributes,
                            .limit = 1};
    Answer answer = search_one(directory, &query, entries, error);
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
    DirectoryQuery query = {.base = base,
                            .scope = scope,
                            .filter = filter,
                            .attributes = attributes,
                            .limit = MIN(limit, G_MAXINT - 1)};
    Answer answer = search_one(directory, &query, found, error);
    if (answer == ANSWER_YES)
        *entries = g_steal_pointer(&found);
    return answer;
}
