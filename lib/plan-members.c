/* SPDX-License-Identifier: MIT */
#include "lib/plan-fetch.h"

/* Lists whose members have them: who is on one is found by a search, and noted in what is seen of
 * the list, so that everything else looks at that alone. */

/* Whether what is seen is, or may be, a list of that kind. */
static bool is_such(const View *view, const Seen *seen)
{
    const Profile *profile = view->context->profile;
    ObjectType type;
    if (!seen->entry)
        return profile_is_bare(profile, TYPE_LIST) && !seen->elsewhere && !seen->outside;
    return profile_entry_type(profile, seen->entry, &type) && type_is_list(type);
}

bool view_is_told(const View *view, const Place *place)
{
    return !profile_members_join(view->context->profile) || !place->seen || place->seen->told ||
           !is_such(view, place->seen);
}

static bool is_on(const View *view, const Seen *seen, const char *list)
{
    const GPtrArray *lists =
        seen->entry ? profile_entry_lists(view->context->profile, seen->entry) : NULL;
    return lists && entry_values_have(lists, list, true);
}

/* Nobody is on it any more, or somebody is. */
static void settle_bare(const View *view, const Address *address, Seen *seen, bool any)
{
    const Profile *profile = view->context->profile;
    if (!profile_is_bare(profile, TYPE_LIST))
        return;
    if (!any)
        g_clear_pointer(&seen->entry, entry_free);
    else if (!seen->entry)
        seen->entry = profile_bare_list(profile, address);
}

static void note(const View *view, const Address *address, Seen *seen, const Seen *member)
{
    g_autoptr(GPtrArray) found = profile_entry_stands_for(view->context->profile, member->entry);
    settle_bare(view, address, seen, true);
    profile_note_members(view->context->profile, seen->entry, found);
}

void view_tell(View *view, const Address *address)
{
    const Place *own = view_place(view, address);
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, view->lists);
    while (g_hash_table_iter_next(&iter, &value, NULL)) {
        const Place *place = value;
        if (is_on(view, place->seen, address->full))
            note(view, address, own->seen, place->seen);
    }
    own->seen->told = true;
    view_weigh(view, own->seen);
}

void view_untell(const View *view, Seen *seen)
{
    if (!seen->told)
        return;
    seen->told = false;
    if (seen->entry && is_such(view, seen))
        settle_bare(view, NULL, seen, false);
    if (seen->entry)
        profile_drop_members(view->context->profile, seen->entry, NULL);
}

void view_retell(View *view, const GPtrArray *lists, const Place *place, const GPtrArray *was_on,
                 GPtrArray *was)
{
    const Profile *profile = view->context->profile;
    for (guint i = 0; i < lists->len; i++) {
        const Place *list = view_place_known(view, lists->pdata[i]);
        if (!list || !list->seen || !list->seen->told || !is_such(view, list->seen))
            continue;
        g_autoptr(Address) address = address_parse(lists->pdata[i], NULL, NULL);
        if (list->seen->entry && was_on && entry_values_have(was_on, lists->pdata[i], true))
            profile_drop_members(profile, list->seen->entry, was);
        if (is_on(view, place->seen, lists->pdata[i]))
            note(view, address, list->seen, place->seen);
        else if (list->seen->entry && !profile_entry_members(profile, list->seen->entry))
            settle_bare(view, address, list->seen, false);
    }
}
