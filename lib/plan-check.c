/* SPDX-License-Identifier: MIT */
#include "lib/plan-private.h"

/* What can be said against a row before its own entry is looked at. */

static Outcome *foreign_domain(const Grant *grant, const char *field, const char *domain)
{
    const char *nearest = grant_nearest_domain(grant, domain);
    return outcome_failed(field, domain, "Correct the domain, or ask your service provider.",
                          "The domain %s is not one that you manage%s%s%s", domain,
                          nearest ? "; did you mean " : ".", nearest ? nearest : "",
                          nearest ? "?" : "");
}

Answer plan_check_grant(Step *step, GError **error)
{
    (void)error;
    const Operation *operation = step->operation;
    const Grant *grant = step->context->grant;
    const char *type = type_name(operation->type), *action = action_name(operation->action);
    bool makes_domain = operation->type == TYPE_DOMAIN &&
                        (operation->action == ACTION_ADD || operation->action == ACTION_DELETE);
    /* An export has what the grant may manage, whether that is the domain itself or not. */
    bool inside = operation->type == TYPE_DOMAIN && operation->action == ACTION_EXPORT;
    if (!inside && !(grant->types & (1u << operation->type)))
        return step_end(step,
                        outcome_failed("TYPE", type, "Ask your service provider if you need this.",
                                       operation->type < TYPE_DLIST
                                           ? "You may not manage addresses of the type %s."
                                           : "You may not manage objects of the type %s.",
                                       type));
    if (!(grant->actions & (1u << operation->action)))
        return step_end(step, outcome_failed("ACTION", action,
                                             "Ask your service provider if you need this.",
                                             "You may not use the action %s.", action));
    if (makes_domain && !grant->create_domains)
        return step_end(step,
                        outcome_failed("ACTION", action, "Ask your service provider to do this.",
                                       "You may not create and delete domains."));
    if (!grant_covers(grant, operation->address->domain))
        return step_end(step, foreign_domain(grant, "DOMAIN", operation->address->domain));
    Outcome *outcome = plan_words_lacks(step->context->profile, operation);
    return outcome ? step_end(step, outcome) : ANSWER_YES;
}

bool plan_is_batch_address(const PlanContext *context, const char *address)
{
    const char *const *batch = context->batch_addresses;
    return batch && g_strv_contains(batch, address);
}

static Outcome *reserved(const PlanContext *context, const Address *address, const char *field)
{
    const char *const *names = context->reserved_locals;
    if (plan_is_batch_address(context, address->full))
        return outcome_failed(field, address->full, "Choose another address.",
                              "The address %s belongs to this service.", address->full);
    if (names && (g_strv_contains(names, address->local) || g_strv_contains(names, address->full)))
        return outcome_failed(field, address->full,
                              "Choose another address, or ask your service provider.",
                              "The address %s is reserved.", address->full);
    return NULL;
}

Answer plan_check_reserved(Step *step, GError **error)
{
    (void)error;
    const Operation *operation = step->operation;
    const GPtrArray *aliases = operation->aliases.named;
    if (action_reads(operation->action))
        return ANSWER_YES;
    Outcome *outcome =
        type_has_user(operation->type) ? reserved(step->context, operation->address, "USER") : NULL;
    if (!outcome && operation->owner)
        outcome = reserved(step->context, operation->owner, "OWNER");
    for (guint i = 0; !outcome && aliases && i < aliases->len; i++)
        outcome = reserved(step->context, aliases->pdata[i], "ALIAS");
    return outcome ? step_end(step, outcome) : ANSWER_YES;
}

/* MODIFY of password and white pages. */
static bool is_harmless(const Operation *operation)
{
    if (operation->type != TYPE_FULL || operation->action != ACTION_MODIFY ||
        operation->targets.named || operation->aliases.named || operation->members ||
        operation->attributes)
        return false;
    for (Field field = FIELD_WHITE_LAST + 1; field <= FIELD_VALUE_LAST; field++)
        if (operation->value[field - FIELD_VALUE_FIRST])
            return false;
    return true;
}

/* An address that somebody may ask in the name of. */
static Answer check_administrator(Step *step, const Address *address, const char *field,
                                  GError **error)
{
    const PlanContext *context = step->context;
    /* Who sets a password could ask in the address's name. */
    Answer answer = context->has_grant(context->has_grant_data, address,
                                       step->operation->password ? context->grant : NULL, error);
    if (answer != ANSWER_YES)
        return answer == ANSWER_NO ? ANSWER_YES : answer;
    return step_end(step,
                    outcome_failed(field, address->full, "Ask your service provider to do this.",
                                   "The address %s is an administrator's, and you may not "
                                   "change those.",
                                   address->full));
}

Answer plan_check_privilege(Step *step, GError **error)
{
    const PlanContext *context = step->context;
    const Operation *operation = step->operation;
    const Address *address = operation->address;
    const GPtrArray *aliases = operation->aliases.named;
    if (action_reads(operation->action))
        return ANSWER_YES;
    if (g_str_equal(address->full, context->requester->full)) {
        if (is_harmless(operation))
            return ANSWER_YES;
        return step_end(
            step,
            outcome_failed("USER", address->full, "Ask your service provider for any other change.",
                           "Of your own address you can only change the password and personal "
                           "details (name, telephone and so on), with MODIFY."));
    }
    if (context->grant->administrators || !context->has_grant)
        return ANSWER_YES;
    Answer answer = type_has_user(operation->type)
                        ? check_administrator(step, address, "USER", error)
                        : ANSWER_YES;
    if (answer == ANSWER_YES && operation->owner)
        answer = check_administrator(step, operation->owner, "OWNER", error);
    for (guint i = 0; answer == ANSWER_YES && aliases && i < aliases->len; i++)
        answer = check_administrator(step, aliases->pdata[i], "ALIAS", error);
    return answer;
}

GPtrArray *plan_named(const Operation *operation)
{
    return type_is_list(operation->type) || type_is_group(operation->type)
               ? operation->members
               : operation->targets.named;
}

const char *plan_named_field(const Operation *operation)
{
    return type_is_list(operation->type)                           ? "LIST MEMBER"
           : type_is_group(operation->type)                        ? "MEMBER"
           : type_takes(operation->type, ACTION_ADD, FIELD_TARGET) ? "TARGET"
                                                                   : "MAILFORWARD";
}

/* Whether what the row names may be anybody's. */
static bool may_be_external(const Operation *operation)
{
    return type_is_list(operation->type) || operation->type == TYPE_FORWARD ||
           operation->type == TYPE_FULL;
}

static Outcome *check_one_named(const Step *step, const Address *address)
{
    const Operation *operation = step->operation;
    const char *field = plan_named_field(operation);
    bool list = type_is_list(operation->type);
    unsigned bit = list ? GRANT_EXTERNAL_MEMBER : GRANT_EXTERNAL_FORWARD;
    if (plan_is_batch_address(step->context, address->full))
        return outcome_failed(field, address->full, "Take this address out.",
                              "Mail must not be sent on to %s, the address of this service.",
                              address->full);
    if (g_str_equal(address->full, operation->address->full))
        return outcome_failed(field, address->full, "Take this address out.",
                              "The address %s would lead back to itself.", address->full);
    if (grant_covers(step->context->grant, address->domain))
        return NULL;
    if (!may_be_external(operation))
        return outcome_failed(field, address->full, "Use an address of a domain that you manage.",
                              "The address %s lies outside the domains that you manage.",
                              address->full);
    if (step->context->grant->external & bit)
        return NULL;
    return outcome_failed(field, address->full, "Use an address of a domain that you manage.",
                          "The address %s lies outside the domains that you manage, and you may "
                          "not %s.",
                          address->full,
                          list ? "put such addresses on lists" : "forward to such addresses");
}

Answer plan_check_named(Step *step, GError **error)
{
    (void)error;
    const Operation *operation = step->operation;
    const GPtrArray *addresses = plan_named(operation), *aliases = operation->aliases.named;
    /* Taking an address off a list makes nothing ours. */
    if (operation->action == ACTION_DELETE)
        return ANSWER_YES;
    for (guint i = 0; addresses && i < addresses->len; i++) {
        Outcome *outcome = check_one_named(step, addresses->pdata[i]);
        if (outcome)
            return step_end(step, outcome);
    }
    for (guint i = 0; aliases && i < aliases->len; i++) {
        const Address *alias = aliases->pdata[i];
        if (!grant_covers(step->context->grant, alias->domain))
            return step_end(step, outcome_failed("ALIAS", alias->full,
                                                 "Use an address of a domain that you manage.",
                                                 "The address %s lies outside the domains that you "
                                                 "manage.",
                                                 alias->full));
    }
    if (operation->target_domain && !grant_covers(step->context->grant, operation->target_domain))
        return step_end(step,
                        foreign_domain(step->context->grant, "TARGET", operation->target_domain));
    return ANSWER_YES;
}

/* --- the domain --- */

static Outcome *domain_fault(const Profile *profile, const Place *place, const char *domain,
                             const char *field)
{
    const Entry *entry = place->seen->entry;
    ObjectType type;
    if (!entry)
        return outcome_failed(field, domain,
                              "Correct the domain, or ask your service provider to set it up.",
                              "The domain %s is not set up here.", domain);
    if (profile_entry_type(profile, entry, &type) && type == TYPE_DOMAINALIAS)
        return outcome_failed(field, domain, "Use that domain.",
                              "The domain %s is only a further name of %s.", domain,
                              profile_entry_target_domain(profile, entry));
    if (!profile_domain_enabled(profile, entry))
        return outcome_failed(field, domain, "Ask your service provider about it.",
                              "The domain %s is switched off.", domain);
    return NULL;
}

/* The switches of a domain that forbid what is newly made. */
static const struct {
    unsigned types;
    Field field;
    const char *words;
} switches[] = {
    {1u << TYPE_LIST, FIELD_ENABLE_MAILINGLISTS, "Lists are"},
    {1u << TYPE_DLIST, FIELD_ENABLE_DISTRIBUTIONLISTS, "Distribution lists are"},
    {1u << TYPE_ALIAS, FIELD_ENABLE_USERALIASES, "Aliases are"},
    {1u << TYPE_FORWARD, FIELD_ENABLE_FORWARDS, "Forwarding is"},
    {1u << TYPE_AUTORESPONDER, FIELD_ENABLE_AUTORESPONDERS, "Automatic answers are"},
    {1u << TYPE_SPAMFILTER, FIELD_ENABLE_SPAMFILTERS, "Spam filters are"},
};

static Outcome *switched_off(const Profile *profile, const Entry *entry, unsigned types,
                             const char *domain)
{
    for (guint i = 0; i < G_N_ELEMENTS(switches); i++)
        if ((switches[i].types & types) && !profile_entry_switch(profile, entry, switches[i].field))
            return outcome_failed("TYPE", NULL, "Ask your service provider if you need this.",
                                  "%s switched off for the domain %s.", switches[i].words, domain);
    return NULL;
}

/* What the row makes, as far as a switch may forbid it. */
static unsigned made_types(const Operation *operation)
{
    unsigned types = 0;
    if (operation->action != ACTION_ADD && operation->action != ACTION_MODIFY)
        return 0;
    if (operation->type != TYPE_FULL)
        return 1u << operation->type;
    if (operation->targets.named && operation->targets.named->len)
        types |= 1u << TYPE_FORWARD;
    if (operation->aliases.named && operation->aliases.named->len)
        types |= 1u << TYPE_ALIAS;
    return types;
}

Answer plan_check_domain(Step *step, GError **error)
{
    const Operation *operation = step->operation;
    const Profile *profile = step->context->profile;
    const char *domain = operation->address->domain;
    Place *place = NULL, *own = NULL;
    if (view_domain(step->view, domain, &place, error) != ANSWER_YES)
        return ANSWER_UNKNOWN;
    step_looked(step, place);
    step->domain = step->own = place;
    if (operation->type == TYPE_DOMAIN || operation->type == TYPE_DOMAINALIAS)
        return ANSWER_YES;
    Outcome *outcome = domain_fault(profile, place, domain, "DOMAIN");
    if (!outcome)
        outcome = switched_off(profile, place->seen->entry, made_types(operation), domain);
    if (outcome)
        return step_end(step, outcome);
    if (operation->type == TYPE_SPAMFILTER)
        return ANSWER_YES;
    Answer answer = step_look(step, operation->address, true, &own, error);
    step->own = own;
    return answer;
}

Answer plan_check_other_domain(Step *step, const Address *address, const char *field,
                               GError **error)
{
    Place *place = NULL;
    if (view_domain(step->view, address->domain, &place, error) != ANSWER_YES)
        return ANSWER_UNKNOWN;
    step_looked(step, place);
    Outcome *outcome = domain_fault(step->context->profile, place, address->domain, field);
    return outcome ? step_end(step, outcome) : ANSWER_YES;
}
