/* SPDX-License-Identifier: MIT */
#include "lib/outcome.h"

#include "lib/text.h"

const char *result_name(Result result)
{
    switch (result) {
    case RESULT_CREATED:
        return "created";
    case RESULT_CHANGED:
        return "changed";
    case RESULT_DELETED:
        return "deleted";
    case RESULT_UNCHANGED:
        return "unchanged";
    case RESULT_FAILED:
        return "failed";
    case RESULT_COUNT:
        break;
    }
    return "unknown";
}

/* What goes into a GVariant must be UTF-8. */
static char *dup_valid(const char *text)
{
    return text != NULL ? g_utf8_make_valid(text, -1) : NULL;
}

Outcome *outcome_new(Result result)
{
    Outcome *outcome = g_new0(Outcome, 1);
    outcome->result = result;
    return outcome;
}

Outcome *outcome_failed(const char *field, const char *value, const char *advice,
                        const char *reason, ...)
{
    Outcome *outcome = outcome_new(RESULT_FAILED);
    g_autofree char *words = NULL;
    va_list arguments;

    va_start(arguments, reason);
    words = g_strdup_vprintf(reason, arguments);
    va_end(arguments);
    outcome->field = dup_valid(field);
    outcome->value = value != NULL ? text_printable(value, -1, OUTCOME_VALUE_MAX) : NULL;
    outcome->reason = dup_valid(words);
    outcome->advice = dup_valid(advice);
    return outcome;
}

Outcome *outcome_copy(const Outcome *outcome)
{
    Outcome *copy = outcome_new(outcome->result);
    copy->field = g_strdup(outcome->field);
    copy->value = g_strdup(outcome->value);
    copy->reason = g_strdup(outcome->reason);
    copy->advice = g_strdup(outcome->advice);
    copy->done = outcome->done;
    return copy;
}

void outcome_free(Outcome *outcome)
{
    if (outcome == NULL)
        return;
    g_free(outcome->field);
    g_free(outcome->value);
    g_free(outcome->reason);
    g_free(outcome->advice);
    g_free(outcome);
}

static void pack_text(Pack *pack, const char *text)
{
    g_autofree char *valid = dup_valid(text);
    pack_maybe_string(pack, valid);
}

void outcome_pack(const Outcome *outcome, Pack *pack)
{
    pack_open(pack, PACK_TUPLE, 1);
    pack_byte(pack, (guint8)outcome->result);
    pack_text(pack, outcome->field);
    pack_text(pack, outcome->value);
    pack_text(pack, outcome->reason);
    pack_text(pack, outcome->advice);
    pack_close(pack);
}

GVariant *outcome_to_variant(const Outcome *outcome)
{
    Pack *pack = pack_new();
    outcome_pack(outcome, pack);
    return pack_end(pack, OUTCOME_TYPE);
}

Outcome *outcome_unpack(Unpack *unpack)
{
    g_autoptr(Outcome) outcome = outcome_new(RESULT_FAILED);
    unpack_open_tuple(unpack, 1, 3);
    const guint8 result = unpack_byte(unpack);
    outcome->field = g_strdup(unpack_maybe_string(unpack));
    outcome->value = g_strdup(unpack_maybe_string(unpack));
    outcome->reason = g_strdup(unpack_maybe_string(unpack));
    outcome->advice = g_strdup(unpack_maybe_string(unpack));
    unpack_close(unpack);
    if (result >= RESULT_COUNT)
        return NULL;
    outcome->result = result;
    return g_steal_pointer(&outcome);
}

Outcome *outcome_from_variant(GVariant *value)
{
    Unpack unpack;
    if (!g_variant_is_of_type(value, G_VARIANT_TYPE(OUTCOME_TYPE)) ||
        !g_variant_is_normal_form(value))
        return NULL;
    unpack_init(&unpack, value);
    return outcome_unpack(&unpack);
}
