/* SPDX-License-Identifier: MIT */
#include "lib/plan-words.h"

static const char *type_noun(ObjectType type)
{
    switch (type) {
    case TYPE_FULL:
        return "mailbox";
    case TYPE_FORWARD:
        return "forward";
    case TYPE_LIST:
        return "list";
    case TYPE_COUNT:
        break;
    }
    return "object";
}

Outcome *plan_words_taken(const Operation *operation, ObjectType type, unsigned line)
{
    const char *address = operation->address->full;
    g_autofree char *where =
        line ? g_strdup_printf(" (see line %u of the file)", line) : g_strdup("");
    return outcome_failed("USER", address,
                          type == operation->type
                              ? "Choose another address, or use MODIFY to change what is there."
                              : "Choose another address, or delete what has this one first.",
                          "The address %s is taken: there is a %s with it already%s.", address,
                          type_noun(type), where);
}

Outcome *plan_words_absent(const Operation *operation)
{
    const char *address = operation->address->full;
    return outcome_failed("USER", address,
                          operation->action == ACTION_DELETE
                              ? "Correct the address. If it should be gone, nothing is left to do."
                              : "Correct the address, or use ADD to create it.",
                          "There is no %s with the address %s.", type_noun(operation->type),
                          address);
}

Outcome *plan_words_other_type(const Operation *operation, ObjectType type)
{
    g_autofree char *advice =
        g_strdup_printf("Correct the address, or write %s as its TYPE.", type_name(type));
    return outcome_failed("TYPE", type_name(operation->type), advice,
                          "The address %s is a %s, not a %s.", operation->address->full,
                          type_noun(type), type_noun(operation->type));
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
