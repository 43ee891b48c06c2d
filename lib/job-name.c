/* SPDX-License-Identifier: MIT */
#include "lib/job-private.h"
#include "lib/plan-words.h"

#include <string.h>

/* Rows that came by a door may name what is there without its domain. Such a name is looked for in
 * the domains of the grant alone: it must be the name of one of these, and what others have is
 * neither found nor told. */

/* Domains that one search asks for: less than the entries that a directory gives at once. */
#define DOMAINS_AT_ONCE 400
/* Addresses that are told where a name has several, in a sentence. */
#define TOLD_MAX 3

typedef struct {
    JobWorker *worker;
    const Grant *grant;
    ObjectType type;
    const char *name;
    GPtrArray *found; /* of char *: addresses, at most TOLD_MAX of them */
} Search;

static bool name_error(GError **error, const char *words)
{
    g_set_error_literal(error, JOB_ERROR, JOB_ERROR_NAME, words);
    return false;
}

/* Takes in what the grant covers of what was found. */
static void keep(Search *search, const GPtrArray *entries)
{
    for (guint i = 0; i < entries->len && search->found->len < TOLD_MAX; i++) {
        const Profile *profile = search->worker->config->profile;
        g_autoptr(Address) address = profile_entry_address(profile, entries->pdata[i]);
        if (address && strcmp(address->local, search->name) == 0 &&
            grant_covers(search->grant, address->domain) &&
            !g_ptr_array_find_with_equal_func(search->found, address->full, g_str_equal, NULL))
            g_ptr_array_add(search->found, g_strdup(address->full));
    }
}

/* Entries of the type that bear an address which the filter has; false: could not tell. */
static bool ask(Search *search, const char *filter, unsigned limit, GError **error)
{
    const Profile *profile = search->worker->config->profile;
    g_autofree char *base = profile_domains_dn(profile);
    g_autofree char *kind = profile_filter_type(profile, search->type);
    g_autofree char *both = g_strconcat("(&", kind, filter, ")", NULL);
    g_autoptr(GPtrArray) entries = NULL;
    g_autoptr(GError) problem = NULL;
    Answer answer = directory_search(search->worker->directory, base, DIRECTORY_SCOPE_SUB, both,
                                     profile_attributes(profile), limit, &entries, &problem);
    if (answer == ANSWER_YES)
        keep(search, entries);
    else if (g_error_matches(problem, DIRECTORY_ERROR, DIRECTORY_ERROR_SIZE))
        return name_error(error, "The name has no domain, and too many have it: write it with its "
                                 "domain, as an address.");
    if (answer == ANSWER_UNKNOWN)
        g_propagate_error(error, g_steal_pointer(&problem));
    return answer != ANSWER_UNKNOWN;
}

static bool ask_everywhere(Search *search, GError **error)
{
    g_autofree char *filter =
        profile_filter_local_part(search->worker->config->profile, search->name);
    return ask(search, filter, TOLD_MAX, error);
}

static bool ask_domains(Search *search, GError **error)
{
    const Profile *profile = search->worker->config->profile;
    char **domain = search->grant->domains;
    while (*domain) {
        g_autoptr(GPtrArray) addresses =
            g_ptr_array_new_with_free_func((GDestroyNotify)address_free);
        for (; *domain && addresses->len < DOMAINS_AT_ONCE; domain++) {
            Address *address = address_from_parts(search->name, *domain, NULL);
            if (address)
                g_ptr_array_add(addresses, address);
        }
        g_autofree char *filter = profile_filter_addresses(profile, addresses);
        if (!ask(search, filter, DOMAINS_AT_ONCE, error))
            return false;
    }
    return true;
}

/* The domain in which the name is, or NULL. Caller owns it. */
static char *find_domain(Search *search, GError **error)
{
    bool asked =
        search->grant->every_domain ? ask_everywhere(search, error) : ask_domains(search, error);
    if (!asked)
        return NULL;
    if (search->found->len == 1)
        return g_strdup(strrchr(search->found->pdata[0], '@') + 1);
    g_autofree char *words = NULL;
    if (search->found->len == 0) {
        words = g_strdup_printf("There is no %s of the name %s in your domains. Write the name "
                                "with its domain, as an address, if it is another one.",
                                type_noun(search->type), search->name);
    } else {
        g_ptr_array_add(search->found, NULL);
        g_autofree char *all = g_strjoinv(", ", (char **)search->found->pdata);
        words = g_strdup_printf("The name %s is that of several in your domains (%s): write it "
                                "with its domain, as an address.",
                                search->name, all);
    }
    name_error(error, words);
    return NULL;
}

/* The row with its domain. */
static TableRow *with_domain(const TableRow *row, const TableHead *head, const char *domain)
{
    const gsize room = row->bytes + strlen(domain) + 1;
    char *cells = g_malloc(room), *at = cells;
    for (unsigned i = 0; i < row->columns; i++) {
        const char *cell = (int)i == head->column_of[FIELD_DOMAIN] ? domain : row->cell[i];
        at = g_stpcpy(at, cell) + 1;
    }
    TableRow *new = table_row_new(row->line, row->columns, cells, (gsize)(at - cells));
    secret_wipe(cells, room);
    g_free(cells);
    return new;
}

bool job_name_row(JobWorker *worker, const Grant *grant, const TableHead *head, TableRow **row,
                  GError **error)
{
    const char *domain = table_row_cell(*row, head, FIELD_DOMAIN);
    const char *user = table_row_cell(*row, head, FIELD_USER);
    const char *word = table_row_cell(*row, head, FIELD_TYPE);
    ObjectType type;
    if ((*row)->found != (*row)->columns || *domain || !*user || !type_find(word, &type) ||
        !type_has_user(type) || type >= TYPE_AUTORESPONDER)
        return true; /* whatever is wrong with it is told of the row */
    g_autofree char *no_type = plan_words_no_type(worker->config->profile, type);
    if (no_type)
        return name_error(error, no_type);
    /* Its form and letters, in any domain. */
    g_autoptr(GError) problem = NULL;
    g_autoptr(Address) form = address_from_parts(user, "example.invalid", &problem);
    if (!form)
        return name_error(error, problem->message);
    g_autoptr(GPtrArray) found = g_ptr_array_new_with_free_func(g_free);
    Search search = {worker, grant, type, form->local, found};
    g_autofree char *known = find_domain(&search, error);
    if (!known)
        return false;
    TableRow *named = with_domain(*row, head, known);
    table_row_free(*row);
    *row = named;
    return true;
}
