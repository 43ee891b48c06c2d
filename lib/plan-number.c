/* SPDX-License-Identifier: MIT */
#include "lib/plan-number.h"

/* How often the counter is read again because somebody else took numbers meanwhile. */
#define NUMBER_TRIES 100

struct PlanNumbers {
    const PlanContext *context;
    GPtrArray *rows; /* of PlannedRow, borrowed */
};

PlanNumbers *plan_numbers_new(const PlanContext *context)
{
    PlanNumbers *numbers = g_new0(PlanNumbers, 1);
    numbers->context = context;
    numbers->rows = g_ptr_array_new();
    return numbers;
}

void plan_numbers_free(PlanNumbers *numbers)
{
    g_ptr_array_unref(numbers->rows);
    g_free(numbers);
}

void plan_numbers_add(PlanNumbers *numbers, PlannedRow *row)
{
    g_ptr_array_add(numbers->rows, row);
}

static Answer no_counter(const char *dn, GError **error)
{
    g_set_error(error, DIRECTORY_ERROR, DIRECTORY_ERROR_SETTINGS,
                "the entry that counts numbers (%s) is not there, or has none", dn);
    return ANSWER_UNKNOWN;
}

static Answer read_counter(const PlanContext *context, const char *dn, guint64 *next,
                           GError **error)
{
    const char *const attributes[] = {profile_counter(context->profile), NULL};
    g_autoptr(Entry) entry = NULL;
    Answer answer = directory_read(context->directory, dn, attributes, &entry, error);
    if (answer == ANSWER_UNKNOWN)
        return answer;
    const char *value = entry ? entry_value(entry, attributes[0]) : NULL;
    return value && g_ascii_string_to_unsigned(value, 10, 1, G_MAXINT32, next, NULL)
               ? ANSWER_YES
               : no_counter(dn, error);
}

/* One modification takes the value that was read away and puts the later one in its place: it fails
 * where somebody else did so before. ANSWER_NO: so it was. */
static Answer move_counter(const PlanContext *context, const char *dn, guint64 from, guint64 to,
                           GError **error)
{
    const char *attribute = profile_counter(context->profile);
    g_autofree char *before = g_strdup_printf("%" G_GUINT64_FORMAT, from);
    g_autofree char *after = g_strdup_printf("%" G_GUINT64_FORMAT, to);
    g_autoptr(Change) change = change_new(CHANGE_MODIFY, dn);
    g_autoptr(GPtrArray) writes = g_ptr_array_new_with_free_func((GDestroyNotify)write_free);
    change_mod(change, MOD_DELETE, attribute, before);
    change_mod(change, MOD_ADD, attribute, after);
    Write *write = write_new(change, NULL);
    g_ptr_array_add(writes, write);
    if (directory_apply(context->directory, writes, error) != ANSWER_YES)
        return ANSWER_UNKNOWN;
    if (write->state == WRITE_REFUSED) {
        g_set_error(error, DIRECTORY_ERROR, DIRECTORY_ERROR_SETTINGS,
                    "the entry that counts numbers (%s) can't be changed", dn);
        return ANSWER_UNKNOWN;
    }
    return write->state == WRITE_DONE ? ANSWER_YES : ANSWER_NO;
}

static void fill_in(PlannedRow *row, const char *mark, guint64 number)
{
    g_autofree char *place = profile_number_place(mark);
    g_autofree char *text = g_strdup_printf("%" G_GUINT64_FORMAT, number);
    for (guint i = 0; i < row->writes->len; i++)
        change_fill(((PlannedWrite *)row->writes->pdata[i])->change, place, text);
}

Answer plan_numbers_finish(PlanNumbers *numbers, GError **error)
{
    const PlanContext *context = numbers->context;
    Answer answer = ANSWER_NO;
    guint64 first = 0;
    if (numbers->rows->len == 0)
        return ANSWER_YES;
    g_autofree char *dn = profile_counter_dn(context->profile);
    for (guint i = 0; i < NUMBER_TRIES && answer == ANSWER_NO; i++) {
        answer = read_counter(context, dn, &first, error);
        if (answer == ANSWER_YES)
            answer = move_counter(context, dn, first, first + numbers->rows->len, error);
    }
    if (answer == ANSWER_NO)
        g_set_error(error, DIRECTORY_ERROR, DIRECTORY_ERROR_AWAY,
                    "others always took numbers meanwhile");
    for (guint i = 0; answer == ANSWER_YES && i < numbers->rows->len; i++) {
        PlannedRow *row = numbers->rows->pdata[i];
        g_autofree char *mark = g_strdup_printf("%s/%u", context->job, row->line);
        fill_in(row, mark, first + i);
    }
    g_ptr_array_set_size(numbers->rows, 0);
    return answer == ANSWER_YES ? ANSWER_YES : ANSWER_UNKNOWN;
}
