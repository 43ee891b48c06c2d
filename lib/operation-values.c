/* SPDX-License-Identifier: MIT */
#include "lib/operation-private.h"

#include "lib/text.h"
#include <gio/gio.h>
#include <string.h>

/* The columns that hold one value each. */

/* Largest number that is taken: 1 PB, or that many mailboxes. */
#define NUMBER_MAX 1000000000

static const char *switch_value(const char *cell)
{
    static const struct {
        const char *word, *value;
    } words[] = {{"yes", "yes"}, {"no", "no"},    {"1", "yes"},
                 {"0", "no"},    {"true", "yes"}, {"false", "no"}};
    for (unsigned i = 0; i < G_N_ELEMENTS(words); i++)
        if (g_ascii_strcasecmp(cell, words[i].word) == 0)
            return words[i].value;
    return NULL;
}

static bool is_word(const char *cell)
{
    for (; *cell; cell++)
        if (!g_ascii_isalnum(*cell) && !strchr("_-+/.", *cell))
            return false;
    return true;
}

static bool is_url(const char *cell)
{
    return (g_str_has_prefix(cell, "http://") || g_str_has_prefix(cell, "https://")) &&
           g_uri_is_valid(cell, G_URI_FLAGS_NONE, NULL);
}

/* The value in its normal form, or NULL where the cell has another one. */
static char *normal_value(ValueKind kind, const char *cell)
{
    guint64 number = 0;
    g_autoptr(GInetAddress) ip = NULL;
    switch (kind) {
    case VALUE_TEXT:
    case VALUE_LINES:
        return g_strdup(cell);
    case VALUE_COUNTRY:
        return strlen(cell) == 2 && g_ascii_isalpha(cell[0]) && g_ascii_isalpha(cell[1])
                   ? g_ascii_strup(cell, 2)
                   : NULL;
    case VALUE_SWITCH:
        return g_strdup(switch_value(cell));
    case VALUE_LIMIT:
        if (g_str_equal(cell, "-1"))
            return g_strdup("");
        G_GNUC_FALLTHROUGH;
    case VALUE_NUMBER:
        return g_ascii_string_to_unsigned(cell, 10, kind == VALUE_NUMBER, NUMBER_MAX, &number, NULL)
                   ? g_strdup_printf("%" G_GUINT64_FORMAT, number)
                   : NULL;
    case VALUE_IP:
        ip = g_inet_address_new_from_string(cell);
        return ip ? g_inet_address_to_string(ip) : NULL;
    case VALUE_URL:
        return is_url(cell) ? g_strdup(cell) : NULL;
    case VALUE_WORD:
        return is_word(cell) ? g_strdup(cell) : NULL;
    }
    return NULL;
}

bool operation_value_fits(Field field, const char *cell)
{
    g_autofree char *value = NULL;
    if (!*cell || g_str_equal(cell, "-"))
        return true;
    value = normal_value(field_kind(field), cell);
    return value != NULL;
}

static const char *const forms[][2] = {
    [VALUE_TEXT] = {"", ""},
    [VALUE_LINES] = {"", ""},
    [VALUE_COUNTRY] = {"must be a country's code of two letters.",
                       "Write the code, like DE for Germany or US for the United States."},
    [VALUE_SWITCH] = {"must be yes or no.", "Write yes or no, or 1 or 0."},
    [VALUE_NUMBER] = {"must be a whole number above 0.", "Write digits only, like 500."},
    [VALUE_LIMIT] = {"must be a whole number, 0 or above.",
                     "Write digits only, or -1 for no limit."},
    [VALUE_IP] = {"must be an IP address.", "Write an address like 192.0.2.1 or 2001:db8::1."},
    [VALUE_URL] = {"must be a web address.", "Write it whole, like https://mail.example.com/."},
    [VALUE_WORD] = {"has a blank or another sign in it that can't be there.",
                    "Write it with letters, digits, and _ - + / . only, like "
                    "de_DE or Europe/Berlin."},
};

static const char *const too_large[] = {"is too large a number.",
                                        "Write a smaller one, or - for no limit."};

static bool refuse_form(Check *check, Field field, const char *cell)
{
    const ValueKind kind = field_kind(field);
    const bool digits =
        cell[strspn(cell, "0123456789")] == '\0' && strspn(cell, "0") < strlen(cell);
    const bool large = digits && (kind == VALUE_NUMBER || kind == VALUE_LIMIT);
    const char *const *form = large ? too_large : forms[kind];
    unsigned column = (unsigned)check->head->column_of[field];
    bool doubtful = operation_cell_is_doubtful(check->row, check->head, column);
    return check_refuse(check, field, doubtful ? NULL : cell, form[1], "%s %s", field_name(field),
                        form[0]);
}

static bool refuse_control(Check *check, Field field, const char *cell, bool lines)
{
    if (lines)
        return check_refuse(check, field, cell, "Type the text again.",
                            "%s has a character in it that can't be shown.", field_name(field));
    return check_refuse(check, field, cell, "Write it on one line, without tabs.",
                        "%s has a line break, a tab or the like in it.", field_name(field));
}

/* A lone "-": no value. */
static bool take_clear(Check *check, Field field, char **value)
{
    if (field_kind(field) == VALUE_SWITCH)
        return refuse_form(check, field, "-");
    if (field == FIELD_SUBJECT || field == FIELD_MESSAGE)
        return check_refuse(check, field, "-", "Use DELETE to end the automatic answer.",
                            "A lone - empties a field like PHONE, but not this one.");
    *value = check->operation->action == ACTION_MODIFY ? g_strdup("") : NULL;
    return true;
}

static bool check_value(Check *check, Field field, const char *cell)
{
    char **value = &check->operation->value[field - FIELD_VALUE_FIRST];
    gsize max = field_bytes_max(field);
    bool lines = field_kind(field) == VALUE_LINES;
    if (strcmp(cell, "-") == 0)
        return take_clear(check, field, value);
    if (strlen(cell) > max)
        return check_refuse(check, field, cell, "Shorten it.",
                            "%s is longer than the limit of %" G_GSIZE_FORMAT " bytes.",
                            field_name(field), max);
    if (text_has_control(cell, lines ? "\t\r\n" : ""))
        return refuse_control(check, field, cell, lines);
    *value = normal_value(field_kind(field), cell);
    if (!*value)
        return refuse_form(check, field, cell);
    /* Nothing is cleared of what is only created. */
    if (!**value && check->operation->action == ACTION_ADD)
        g_clear_pointer(value, g_free);
    return true;
}

static bool check_answer(Check *check)
{
    const Operation *operation = check->operation;
    if (operation->type != TYPE_AUTORESPONDER || operation->action != ACTION_ADD ||
        operation->value[FIELD_MESSAGE - FIELD_VALUE_FIRST])
        return true;
    return check_refuse(check, FIELD_MESSAGE, NULL, "Fill in the text of the answer.",
                        "MESSAGE is empty, but TYPE AUTORESPONDER with ACTION ADD needs it.");
}

bool operation_check_values(Check *check)
{
    const Operation *operation = check->operation;
    if (operation->action != ACTION_ADD && operation->action != ACTION_MODIFY)
        return true;
    for (unsigned i = 0; i < check->head->columns; i++) {
        Field field = check->head->field[i];
        const char *cell = check->row->cell[i];
        if (*cell && field >= FIELD_VALUE_FIRST && field <= FIELD_VALUE_LAST &&
            type_takes(operation->type, operation->action, field) &&
            !check_value(check, field, cell))
            return false;
    }
    return check_answer(check);
}
