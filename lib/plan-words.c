/* SPDX-License-Identifier: MIT */
#include "lib/plan-words.h"

#include "lib/plan.h"
#include <string.h>

/* "a list", "an alias" */
static char *a_noun(ObjectType type)
{
    const char *noun = type_noun(type);
    return g_strconcat(strchr("aeiou", *noun) ? "an " : "a ", noun, NULL);
}

Outcome *plan_words_taken(const Operation *operation, const Address *address, const char *field,
                          ObjectType type, unsigned line)
{
    g_autofree char *noun = a_noun(type);
    g_autofree char *where =
        line ? g_strdup_printf(" (see line %u of the file)", line) : g_strdup("");
    return outcome_failed(field, address->full,
                          type == operation->type && address == operation->address
                              ? "Choose another address, or use MODIFY to change what is there."
                              : "Choose another address, or delete what has this one first.",
                          "The address %s is taken: there is %s with it already%s.", address->full,
                          noun, where);
}

Outcome *plan_words_absent(const Operation *operation, ObjectType wanted)
{
    const Address *address = operation->address;
    bool own = wanted == operation->type;
    const char *advice = operation->action == ACTION_DELETE && own
                             ? "Correct the address. If it should be gone, nothing is left to do."
                         : operation->action == ACTION_MODIFY && own
                             ? "Correct the address, or use ADD to create it."
                         : operation->action == ACTION_ADD
                             ? "Correct the address, or add it in an earlier row."
                             : "Correct the address.";
    if (!type_has_user(wanted))
        return outcome_failed("DOMAIN", address->domain,
                              operation->action == ACTION_DELETE
                                  ? "If it should be gone, nothing is left to do."
                                  : "Use ADD to create it.",
                              "The domain %s has no %s.", address->domain, type_noun(wanted));
    return outcome_failed("USER", address->full, advice, "There is no %s with the address %s.",
                          type_noun(wanted), address->full);
}

Outcome *plan_words_other_type(const Operation *operation, ObjectType type, ObjectType wanted)
{
    g_autofree char *noun = a_noun(type), *other = a_noun(wanted);
    g_autofree char *advice =
        wanted == operation->type
            ? g_strdup_printf("Correct the address, or write %s as its TYPE.", type_name(type))
            : g_strdup("Correct the address.");
    bool own = wanted == operation->type;
    return outcome_failed(own ? "TYPE" : "USER",
                          own ? type_name(operation->type) : operation->address->full, advice,
                          "The address %s is %s, not %s.", operation->address->full, noun, other);
}

Outcome *plan_words_unfit(const char *field, const Address *address, ObjectType type,
                          ObjectType wanted)
{
    g_autofree char *noun = a_noun(type);
    g_autofree char *other =
        wanted == TYPE_COUNT ? g_strdup("something that mail can go to") : a_noun(wanted);
    return outcome_failed(field, address->full, "Name another address.",
                          "The address %s is %s, not %s.", address->full, noun, other);
}

Outcome *plan_words_many(const char *field, const Address *address)
{
    return outcome_failed(field, address->full, "Take it off some of them first.",
                          "The address %s is on more than %d lists.", address->full,
                          PLAN_LISTS_MAX);
}

Outcome *plan_words_no_member(const Profile *profile, const Address *address, ObjectType type)
{
    g_autofree char *noun =
        type == TYPE_COUNT ? g_strdup("addresses of other domains") : a_noun(type);
    return outcome_failed("LIST MEMBER", address->full, "Name another address.",
                          "The directory of this service can't have %s on a list: the profile %s "
                          "has no place for %s there.",
                          address->full, profile_title(profile), noun);
}

Outcome *plan_words_many_members(const Address *list)
{
    return outcome_failed("USER", list->full, "Ask your service provider to do this.",
                          "The list %s has more than %d members.", list->full, PLAN_LISTS_MAX);
}

Outcome *plan_words_no_members(const Profile *profile, const Address *list)
{
    return outcome_failed("LIST MEMBER", list->full, "Name its members.",
                          "The directory of this service has no place for a list without members: "
                          "the profile %s keeps lists with their members alone.",
                          profile_title(profile));
}

Outcome *plan_words_last_member(const Operation *operation, const char *field, const char *member,
                                const Address *group)
{
    if (operation->type == TYPE_DOMAIN)
        return outcome_failed(field, operation->address->domain,
                              "Delete that group first, or add others to it.",
                              "A group is never without members, and all those of %s go with this "
                              "domain.",
                              group ? group->full : "another group");
    return outcome_failed(field, member, "Delete that group first, or add somebody to it.",
                          "A group is never without members, and %s is the last one of %s.", member,
                          group ? group->full : "a group");
}

char *plan_words_no_type(const Profile *profile, ObjectType type)
{
    g_autofree char *noun = a_noun(type);
    if (profile_has_type(profile, type))
        return NULL;
    return g_strdup_printf("The directory of this service has no place for %s: the profile %s has "
                           "no type %s.",
                           noun, profile_title(profile), type_name(type));
}

Outcome *plan_words_lacks(const Profile *profile, const Operation *operation)
{
    const char *type = type_name(operation->type), *action = action_name(operation->action);
    const char *title = profile_title(profile);
    g_autofree char *noun = a_noun(operation->type);
    g_autofree char *no_type = plan_words_no_type(profile, operation->type);
    if (no_type)
        return outcome_failed("TYPE", type, "Ask your service provider if you need this.", "%s",
                              no_type);
    if (!profile_has_action(profile, operation->type, operation->action))
        return outcome_failed("ACTION", action, "Ask your service provider if you need this.",
                              "The directory of this service has no way to do this with %s: the "
                              "profile %s has no %s for the type %s.",
                              noun, title, action, type);
    Field lacks = profile_lacks(profile, operation);
    if (lacks == FIELD_COUNT)
        return NULL;
    return outcome_failed(field_name(lacks), NULL, "Leave this field empty.",
                          "The directory of this service has no place for %s: the profile %s has "
                          "none for the type %s.",
                          field_name(lacks), title, type);
}

/* The first of them. */
static char *join(GPtrArray *addresses, const char *between)
{
    g_autoptr(GStrvBuilder) builder = g_strv_builder_new();
    for (guint i = 0; i < MIN(addresses->len, PLAN_WORDS_NAMED_MAX); i++)
        g_strv_builder_add(builder, ((const Address *)addresses->pdata[i])->full);
    g_auto(GStrv) names = g_strv_builder_end(builder);
    return g_strjoinv(between, names);
}

Outcome *plan_words_missing(const char *field, GPtrArray *addresses)
{
    g_autofree char *cell = join(addresses, " "), *names = join(addresses, ", ");
    guint more = addresses->len - MIN(addresses->len, PLAN_WORDS_NAMED_MAX);
    g_autofree char *rest = more ? g_strdup_printf(" and %u more", more) : g_strdup("");
    if (addresses->len == 1)
        return outcome_failed(field, cell, "Correct the address, or add it in an earlier row.",
                              "There is no address %s.", names);
    return outcome_failed(field, cell, "Correct these addresses, or add them in earlier rows.",
                          "These addresses are not there: %s%s.", names, rest);
}
