/* SPDX-License-Identifier: MIT */
#include "lib/plan-fetch.h"

/* Many addresses are asked for in parts, several searches at a time. A part of which the directory
 * has more than it gives at once, or than is wanted, is asked for again in smaller ones. */

typedef struct {
    guint from, count; /* of the addresses */
    bool divide;
} Part;

typedef struct Fetch Fetch;

/* One search of a part. */
typedef struct {
    DirectoryQuery query; /* the first member */
    char *base, *filter;
    guint part;
} Ask;

struct Fetch {
    View *view;
    GPtrArray *addresses; /* of Address * */
    GArray *parts;        /* of Part: still to be asked for */
    GPtrArray *asks;      /* of Ask: those of the parts */
    gsize room;           /* values in the view from which on nothing more is taken */
    bool whole;           /* all attributes are asked for */
    /* The addresses' places. Of each is noted that it is asked for, and whether an entry bears the
     * address in another place of the domain, or outside of it. */
    GPtrArray *places;
    GHashTable *homes; /* keys of the DNs that their domains' addresses lie below; borrowed */
    /* Adds the searches of a part. */
    void (*ask)(Fetch *fetch, guint part);
    /* Takes an entry over. */
    Answer (*take)(Fetch *fetch, Entry *entry, GError **error);
    /* What is left to do for a part that was answered. */
    Answer (*end)(Fetch *fetch, const Part *part, GError **error);
    /* What to do with one address of which there is too much; *fault says why. */
    Answer (*give_up)(Fetch *fetch, const DirectoryQuery *query, GError **error);
    GError *fault; /* of take */
};

static void ask_free(gpointer data)
{
    Ask *ask = data;
    g_free(ask->base);
    g_free(ask->filter);
    g_free(ask);
}

static void fetch_clear(Fetch *fetch)
{
    g_clear_pointer(&fetch->parts, g_array_unref);
    g_clear_pointer(&fetch->asks, g_ptr_array_unref);
    for (guint i = 0; fetch->places && i < fetch->places->len; i++)
        ((Place *)fetch->places->pdata[i])->asked = false;
    g_clear_pointer(&fetch->places, g_ptr_array_unref);
    g_clear_pointer(&fetch->homes, g_hash_table_unref);
    g_clear_error(&fetch->fault);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Fetch, fetch_clear)

/* How many addresses go into one search. */
static guint most_at_once(const Fetch *fetch)
{
    guint known = fetch->view->at_once;
    if (known >= FETCH_MAX + FETCH_DOUBLES_MAX)
        return FETCH_MAX;
    /* Some room is kept for what bears an address twice. */
    return known > 2 * FETCH_DOUBLES_MAX ? known - FETCH_DOUBLES_MAX : known;
}

/* Makes as many parts as it takes, and at least so many, all of one size. */
static void add_parts(const Fetch *fetch, GArray *parts, guint from, guint count, guint least)
{
    guint most = most_at_once(fetch);
    for (guint left = MAX((count + most - 1) / most, least); left > 0; left--) {
        Part part = {.from = from, .count = count / left};
        from += part.count;
        count -= part.count;
        g_array_append_val(parts, part);
    }
}

static Ask *add_ask(Fetch *fetch, guint part, char *base, DirectoryScope scope, char *filter,
                    unsigned limit)
{
    const Profile *profile = fetch->view->context->profile;
    Ask *ask = g_new0(Ask, 1);
    ask->base = base;
    ask->filter = filter;
    ask->part = part;
    ask->query = (DirectoryQuery){
        .base = base,
        .scope = scope,
        .filter = filter,
        .attributes =
            fetch->whole ? profile_attributes(profile) : profile_routing_attributes(profile),
        .limit = limit,
    };
    g_ptr_array_add(fetch->asks, ask);
    return ask;
}

static bool found_entry(gpointer data, const DirectoryQuery *query, Entry *entry)
{
    Fetch *fetch = data;
    (void)query;
    if (fetch->view->values >= fetch->room) {
        entry_free(entry);
        return false;
    }
    return fetch->take(fetch, entry, &fetch->fault) == ANSWER_YES;
}

/* The part is divided from now on, or given up. */
static Answer heed_query(Fetch *fetch, const Ask *ask, GError **error)
{
    Part *part = &g_array_index(fetch->parts, Part, ask->part);
    if (ask->query.state != QUERY_TOO_MANY && ask->query.state != QUERY_CUT)
        return ANSWER_YES;
    if (ask->query.state == QUERY_CUT && ask->query.found > 0)
        fetch->view->at_once = MIN(fetch->view->at_once, ask->query.found);
    bool first = !part->divide;
    part->divide = true;
    if (part->count > 1 || !first)
        return ANSWER_YES;
    return fetch->give_up(fetch, &ask->query, error);
}

/* What is left to be asked for takes the place of what was. */
static Answer settle_parts(Fetch *fetch, GError **error)
{
    GArray *left = g_array_new(FALSE, FALSE, sizeof(Part));
    Answer answer = ANSWER_YES;
    for (guint i = 0; i < fetch->asks->len && answer == ANSWER_YES; i++)
        answer = heed_query(fetch, fetch->asks->pdata[i], error);
    for (guint i = 0; i < fetch->parts->len && answer == ANSWER_YES; i++) {
        const Part *part = &g_array_index(fetch->parts, Part, i);
        if (!part->divide) {
            answer = fetch->end(fetch, part, error);
        } else if (part->count > 1) {
            add_parts(fetch, left, part->from, part->count, 2);
        }
    }
    g_array_unref(fetch->parts);
    fetch->parts = left;
    return answer;
}

/* ANSWER_NO: there is no more room. */
static Answer fetch_run(Fetch *fetch, GError **error)
{
    fetch->parts = g_array_new(FALSE, FALSE, sizeof(Part));
    fetch->asks = g_ptr_array_new_with_free_func(ask_free);
    add_parts(fetch, fetch->parts, 0, fetch->addresses->len, 0);
    while (fetch->parts->len > 0) {
        g_ptr_array_set_size(fetch->asks, 0);
        for (guint i = 0; i < fetch->parts->len; i++)
            fetch->ask(fetch, i);
        Answer answer = directory_search_many(fetch->view->context->directory, fetch->asks,
                                              found_entry, fetch, error);
        if (fetch->fault) {
            g_propagate_error(error, g_steal_pointer(&fetch->fault));
            return ANSWER_UNKNOWN;
        }
        if (answer == ANSWER_YES)
            answer = settle_parts(fetch, error);
        if (answer != ANSWER_YES)
            return answer;
    }
    return ANSWER_YES;
}

/* --- what an entry is --- */

/* The place where what the entry bears belongs; NULL where it bears no address. */
static Place *entry_home(View *view, const Entry *entry)
{
    const Profile *profile = view->context->profile;
    const GPtrArray *values = profile_entry_addresses(profile, entry);
    const bool vary = profile_addresses_vary(profile);
    Place *known = values && values->len && !vary ? view_place_known(view, values->pdata[0]) : NULL;
    ObjectType type = TYPE_COUNT;
    if (known)
        return known;
    g_autoptr(Address) address = profile_entry_address(profile, entry);
    if (!address || !vary)
        return address ? view_place(view, address) : NULL;
    (void)profile_entry_type(profile, entry, &type);
    g_autofree char *dn = profile_type_dn(profile, type, address);
    g_autofree char *key = view_key(dn);
    Place *place = view_place_at(view, key);
    if (!place->dn)
        place->dn = g_steal_pointer(&dn);
    return place;
}

/* The place of an entry that was read. Brings its DN into the spelling in which we would write it,
 * so that one entry has one spelling in all writes. *home: it stands where what it bears belongs.
 */
static Place *entry_settle_dn(View *view, Entry *entry, bool *home)
{
    Place *place = entry_home(view, entry);
    *home = place && g_str_equal(entry->dn, place->dn);
    if (*home)
        return place;
    g_autofree char *key = view_key(entry->dn);
    *home = place && g_str_equal(key, place->key);
    if (!*home)
        return view_place_at(view, key);
    g_free(entry->dn);
    entry->dn = g_strdup(place->dn);
    return place;
}

static bool check_readable(const View *view, const Entry *entry, GError **error)
{
    const Profile *profile = view->context->profile;
    if (profile_entry_uuid(profile, entry) && profile_entry_version(profile, entry))
        return true;
    g_set_error_literal(error, DIRECTORY_ERROR, DIRECTORY_ERROR_SETTINGS,
                        "the directory does not let the service read the unique identifier and "
                        "the version of entries");
    return false;
}

/* Whether the view knows of it what is asked for now. */
static bool is_known(const Fetch *fetch, const Seen *seen)
{
    return seen && !(fetch->whole && seen->part);
}

/* --- addresses --- */

/* One search for addresses, below all domains: what bears an address elsewhere would get its mail,
 * too, or make it ambiguous. */
static void ask_addresses(Fetch *fetch, guint number)
{
    const Profile *profile = fetch->view->context->profile;
    const Part *part = &g_array_index(fetch->parts, Part, number);
    g_autoptr(GPtrArray) addresses = g_ptr_array_sized_new(part->count);
    for (guint i = 0; i < part->count; i++)
        g_ptr_array_add(addresses, fetch->addresses->pdata[part->from + i]);
    add_ask(fetch, number, profile_domains_dn(profile), DIRECTORY_SCOPE_SUB,
            profile_filter_addresses(profile, addresses), part->count + FETCH_DOUBLES_MAX);
}

/* Notes which of the addresses that are asked for an entry bears: by hand it may have got several.
 * container: the key of what it lies directly below. live: no earlier row has made it go. */
static void note_borne(Fetch *fetch, const Entry *entry, const char *container, bool live)
{
    g_autoptr(GPtrArray) values = profile_entry_bears(fetch->view->context->profile, entry);
    for (guint i = 0; i < values->len; i++) {
        g_autoptr(Address) address = profile_address(values->pdata[i]);
        Place *place = address ? view_place_known(fetch->view, address->full) : NULL;
        if (!place || !place->asked)
            continue;
        bool inside = g_strcmp0(container, view_container(fetch->view, address->domain)) == 0;
        place->outside |= !inside;
        place->borne |= inside && live;
    }
}

/* Whether a row of a slice before this one deletes what was found. */
static bool is_going(const View *view, const Seen *seen)
{
    return seen && !seen->entry && seen->line && seen->line < view->first;
}

/* The key of what an entry lies below: a domain, if that is one of those that are asked for; else
 * what it lies directly below. */
static const char *container_of(const Fetch *fetch, const char *key)
{
    const char *comma = strchr(key, ','), *container = comma ? comma + 1 : "";
    for (unsigned i = profile_depth(fetch->view->context->profile); comma && i > 0; i--) {
        if (g_hash_table_contains(fetch->homes, comma + 1))
            return comma + 1;
        comma = strchr(comma + 1, ',');
    }
    return container;
}

/* What lies in a container of the domains is seen, of all else only the addresses are of
 * interest. */
static Answer take_address(Fetch *fetch, Entry *taken, GError **error)
{
    View *view = fetch->view;
    g_autoptr(Entry) entry = taken;
    bool home = false;
    if (!check_readable(view, entry, error))
        return ANSWER_UNKNOWN;
    Place *place = entry_settle_dn(view, entry, &home);
    const char *container = container_of(fetch, place->key);
    const GPtrArray *values = profile_entry_addresses(view->context->profile, entry);
    const bool vary = profile_addresses_vary(view->context->profile);
    /* Those that a list has of other domains are no addresses of ours. */
    if (is_going(view, place->seen) || profile_entry_is_externals(view->context->profile, entry))
        return ANSWER_YES;
    if (!g_hash_table_contains(fetch->homes, container)) {
        note_borne(fetch, entry, container, true);
        return ANSWER_YES;
    }
    Answer known = is_known(fetch, place->seen) ? ANSWER_YES : view_recall(view, place, error);
    if (known == ANSWER_UNKNOWN)
        return known;
    const Seen *seen = place->seen;
    if (!home || (values->len > 1 && !vary)) /* else it bears but the address that it stands for */
        note_borne(fetch, entry, container, known == ANSWER_NO || seen->entry || seen->line);
    if (known == ANSWER_NO)
        view_put_read(view, place, g_steal_pointer(&entry), !fetch->whole);
    return ANSWER_YES;
}

static Answer end_addresses(Fetch *fetch, const Part *part, GError **error)
{
    (void)fetch;
    (void)part;
    (void)error;
    return ANSWER_YES;
}

static Answer give_up_address(Fetch *fetch, const DirectoryQuery *query, GError **error)
{
    (void)fetch;
    directory_query_fault(query, error);
    return ANSWER_UNKNOWN;
}

/* All was found that there is: the other addresses bear nothing. */
static Answer settle_absent(Fetch *fetch, GError **error)
{
    for (guint i = 0; i < fetch->places->len; i++) {
        Place *place = fetch->places->pdata[i];
        const Address *address = fetch->addresses->pdata[i];
        const Place *now = view_place_known(fetch->view, address->full);
        /* An entry that bears it may have been found elsewhere. */
        if (is_known(fetch, place->seen) || (now != place && is_known(fetch, now->seen)))
            continue;
        Answer answer = view_recall_address(fetch->view, address, place, error);
        if (answer == ANSWER_UNKNOWN)
            return answer;
        now = view_place_known(fetch->view, address->full);
        if (now != place && is_known(fetch, now->seen))
            continue;
        if (answer == ANSWER_NO)
            view_put_read(fetch->view, place, NULL, false);
        place->seen->elsewhere = !place->seen->entry && place->borne;
        place->seen->outside = !place->seen->entry && place->outside;
    }
    return ANSWER_YES;
}

/* Adds an address that is to be asked for. */
static void fetch_add(Fetch *fetch, Address *address, Place *place)
{
    const Address *last =
        fetch->addresses->len ? fetch->addresses->pdata[fetch->addresses->len - 1] : NULL;
    if (!last || !g_str_equal(last->domain, address->domain))
        g_hash_table_add(fetch->homes, (gpointer)view_container(fetch->view, address->domain));
    place->asked = true;
    place->borne = place->outside = false;
    g_ptr_array_add(fetch->places, place);
    g_ptr_array_add(fetch->addresses, address);
}

/* Of the lists among the addresses, who is on them. */
static Answer tell_lists(View *view, const GPtrArray *addresses, gsize room, GError **error)
{
    g_autoptr(GPtrArray) untold = g_ptr_array_new();
    if (!profile_members_join(view->context->profile))
        return ANSWER_YES;
    for (guint i = 0; i < addresses->len; i++) {
        const Place *place = view_place(view, addresses->pdata[i]);
        if (!view_is_told(view, place))
            g_ptr_array_add(untold, addresses->pdata[i]);
    }
    Answer answer = untold->len > 0 ? view_fetch_lists(view, untold, room, error) : ANSWER_YES;
    for (guint i = 0; i < untold->len && answer == ANSWER_YES; i++) {
        const Address *address = untold->pdata[i];
        if (g_hash_table_contains(view->lists_known, address->full) &&
            !view_is_told(view, view_place(view, address)))
            view_tell(view, address);
    }
    return answer;
}

Answer view_fetch(View *view, GPtrArray *addresses, bool whole, gsize room, GError **error)
{
    g_autoptr(GPtrArray) wanted = g_ptr_array_new();
    g_auto(Fetch) fetch = {
        .view = view,
        .addresses = wanted,
        .room = room,
        .whole = whole,
        .places = g_ptr_array_new(),
        .ask = ask_addresses,
        .take = take_address,
        .end = end_addresses,
        .give_up = give_up_address,
    };
    for (guint i = 0; i < addresses->len; i++) {
        Place *place = view_place(view, addresses->pdata[i]);
        if (place->asked || is_known(&fetch, place->seen))
            continue;
        if (!fetch.homes)
            fetch.homes = g_hash_table_new(g_str_hash, g_str_equal);
        fetch_add(&fetch, addresses->pdata[i], place);
    }
    Answer answer = wanted->len > 0 ? fetch_run(&fetch, error) : ANSWER_YES;
    if (answer == ANSWER_YES && wanted->len > 0)
        answer = settle_absent(&fetch, error);
    return answer == ANSWER_YES ? tell_lists(view, addresses, room, error) : answer;
}

/* --- domains --- */

typedef struct {
    DirectoryQuery query; /* the first member */
    char *dn;
    Place *place;
    Entry *entry;
} DomainAsk;

static void domain_ask_free(gpointer data)
{
    DomainAsk *ask = data;
    entry_free(ask->entry);
    g_free(ask->dn);
    g_free(ask);
}

static bool found_domain(gpointer view, const DirectoryQuery *query, Entry *entry)
{
    (void)view;
    DomainAsk *ask = (DomainAsk *)query;
    entry_free(ask->entry);
    ask->entry = entry;
    return true;
}

static void ask_domain(const View *view, GPtrArray *asks, Place *place)
{
    DomainAsk *ask = g_new0(DomainAsk, 1);
    ask->place = place;
    ask->dn = g_strdup(place->dn);
    ask->query = (DirectoryQuery){
        .base = ask->dn,
        .scope = DIRECTORY_SCOPE_BASE,
        .filter = "(objectClass=*)",
        .attributes = profile_attributes(view->context->profile),
        .limit = 1,
    };
    g_ptr_array_add(asks, ask);
}

/* Those that an earlier slice made something of are not asked for. */
static Answer ask_domains(View *view, GPtrArray *asks, GPtrArray *domains, GError **error)
{
    g_autoptr(GHashTable) asked = g_hash_table_new(NULL, NULL);
    for (guint i = 0; i < domains->len; i++) {
        Place *place = view_domain_place(view, domains->pdata[i]);
        if (place->seen || !g_hash_table_add(asked, place))
            continue;
        Answer known = view_recall(view, place, error);
        if (known == ANSWER_UNKNOWN)
            return known;
        if (known == ANSWER_NO)
            ask_domain(view, asks, place);
    }
    return ANSWER_YES;
}

Answer view_fetch_domains(View *view, GPtrArray *domains, GError **error)
{
    g_autoptr(GPtrArray) asks = g_ptr_array_new_with_free_func(domain_ask_free);
    if (ask_domains(view, asks, domains, error) != ANSWER_YES ||
        directory_search_many(view->context->directory, asks, found_domain, view, error) !=
            ANSWER_YES)
        return ANSWER_UNKNOWN;
    for (guint i = 0; i < asks->len; i++) {
        DomainAsk *ask = asks->pdata[i];
        if (ask->query.state == QUERY_TOO_MANY || ask->query.state == QUERY_CUT) {
            directory_query_fault(&ask->query, error);
            return ANSWER_UNKNOWN;
        }
        if (ask->entry && !check_readable(view, ask->entry, error))
            return ANSWER_UNKNOWN;
        view_put_read(view, ask->place, g_steal_pointer(&ask->entry), false);
    }
    return ANSWER_YES;
}

/* --- lists --- */

/* In all that the grant covers, and nowhere else: how many lists of others an address is on must
 * not matter. But where members have their lists, a list's may be anywhere. */
static void ask_lists(Fetch *fetch, guint number)
{
    const PlanContext *context = fetch->view->context;
    const Part *part = &g_array_index(fetch->parts, Part, number);
    g_autoptr(GPtrArray) members = g_ptr_array_sized_new(part->count);
    for (guint i = 0; i < part->count; i++)
        g_ptr_array_add(members, ((Address *)fetch->addresses->pdata[part->from + i])->full);
    g_autofree char *filter = profile_filter_referrers(context->profile, members);
    const bool anywhere = context->grant->every_domain || profile_members_join(context->profile);
    if (anywhere)
        add_ask(fetch, number, g_strdup(profile_base(context->profile)), DIRECTORY_SCOPE_SUB,
                g_strdup(filter), PLAN_LISTS_MAX);
    for (char **domain = context->grant->domains; !anywhere && *domain; domain++)
        add_ask(fetch, number, profile_domain_dn(context->profile, *domain),
                profile_depth(context->profile) > 1 ? DIRECTORY_SCOPE_SUB : DIRECTORY_SCOPE_ONE,
                g_strdup(filter), PLAN_LISTS_MAX);
}

/* Whether what was found is the grant's business: by where it is, or by a list that it is on. */
static bool is_ours(const View *view, const Entry *entry)
{
    const Profile *profile = view->context->profile;
    g_autoptr(Address) address = profile_entry_address(profile, entry);
    const GPtrArray *lists = profile_entry_lists(profile, entry);
    bool ours = address && grant_covers(view->context->grant, address->domain);
    for (guint i = 0; !ours && lists && i < lists->len; i++) {
        g_autoptr(Address) list = address_parse(lists->pdata[i], NULL, NULL);
        ours = list && grant_covers(view->context->grant, list->domain);
    }
    return ours;
}

static Answer take_list(Fetch *fetch, Entry *taken, GError **error)
{
    View *view = fetch->view;
    g_autoptr(Entry) entry = taken;
    bool home = false;
    Place *place = entry_settle_dn(view, entry, &home);
    if (!is_ours(view, entry) || is_known(fetch, place->seen))
        return ANSWER_YES;
    if (!check_readable(view, entry, error))
        return ANSWER_UNKNOWN;
    Answer known = view_recall(view, place, error);
    if (known == ANSWER_NO)
        view_put_read(view, place, g_steal_pointer(&entry), false);
    return known == ANSWER_UNKNOWN ? known : ANSWER_YES;
}

/* The lists of a part are known, but for those that got its addresses in earlier slices. */
static Answer end_lists(Fetch *fetch, const Part *part, GError **error)
{
    View *view = fetch->view;
    for (guint i = 0; i < part->count; i++) {
        const Address *address = fetch->addresses->pdata[part->from + i];
        if (view_recall_lists(view, address, error) != ANSWER_YES)
            return ANSWER_UNKNOWN;
        g_hash_table_add(view->lists_known, g_strdup(address->full));
    }
    return ANSWER_YES;
}

static Answer give_up_lists(Fetch *fetch, const DirectoryQuery *query, GError **error)
{
    /* What is read ahead in vain is left to its row. */
    if (query->state == QUERY_TOO_MANY || fetch->room != G_MAXSIZE)
        return ANSWER_YES;
    directory_query_fault(query, error);
    return ANSWER_UNKNOWN;
}

Answer view_fetch_lists(View *view, GPtrArray *addresses, gsize room, GError **error)
{
    g_autoptr(GPtrArray) wanted = g_ptr_array_new();
    g_autoptr(GHashTable) asked = g_hash_table_new(g_str_hash, g_str_equal);
    g_auto(Fetch) fetch = {
        .view = view,
        .addresses = wanted,
        .room = room,
        .whole = true,
        .ask = ask_lists,
        .take = take_list,
        .end = end_lists,
        .give_up = give_up_lists,
    };
    for (guint i = 0; i < addresses->len; i++) {
        Address *address = addresses->pdata[i];
        if (!g_hash_table_contains(view->lists_known, address->full) &&
            g_hash_table_add(asked, address->full))
            g_ptr_array_add(wanted, address);
    }
    return fetch_run(&fetch, error);
}
