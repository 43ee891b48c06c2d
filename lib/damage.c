/* SPDX-License-Identifier: MIT */
#include "lib/damage.h"

#include <string.h>

/* As Excel and LibreOffice write them, in the languages they speak most. All begin with a #. */
static const char *const error_values[] = {
    "#REF!",           "#N/A",     "#NAME?",  "#VALUE!",       "#DIV/0!",
    "#NULL!",          "#NUM!",    "#SPILL!", "#CALC!",        "#FIELD!",
    "#BEZUG!",         "#NV",      "#WERT!",  "#ZAHL!",        "#NOM?",
    "#VALEUR!",        "#NOMBRE!", "#N/D",    "#\302\241REF!", "#\302\277NOMBRE?",
    "#\302\241VALOR!", "#NOME?",   "#RIF!",   "#VALORE!",
};

static bool is_error_value(const char *cell)
{
    for (unsigned i = 0; *cell == '#' && i < G_N_ELEMENTS(error_values); i++) {
        if (g_ascii_strcasecmp(cell, error_values[i]) == 0)
            return true;
    }
    /* LibreOffice's "Err:502". */
    return g_str_has_prefix(cell, "Err:5") && strlen(cell) == 7 && g_ascii_isdigit(cell[5]) &&
           g_ascii_isdigit(cell[6]);
}

static bool is_hashes(const char *cell)
{
    gsize count = 0;
    while (cell[count] == '#')
        count++;
    return count >= 3 && cell[count] == '\0';
}

static const char *skip_digits(const char *at)
{
    while (g_ascii_isdigit(*at))
        at++;
    return at;
}

/* 4.9E+11, 4,91512E+11, 5E+11 */
static bool is_exponent(const char *cell)
{
    const char *at = cell + (*cell == '-');
    if (!g_ascii_isdigit(*at++))
        return false;
    if ((*at == '.' || *at == ',') && g_ascii_isdigit(at[1]))
        at = skip_digits(at + 1);
    return (*at == 'E' || *at == 'e') && at[1] == '+' && g_ascii_isdigit(at[2]) &&
           *skip_digits(at + 2) == '\0';
}

static bool is_quote(gunichar c)
{
    return (c >= 0x2018 && c <= 0x201f) || c == 0xab || c == 0xbb || c == 0x2039 || c == 0x203a;
}

static bool is_quoted(const char *cell)
{
    if (!is_quote(g_utf8_get_char(cell)))
        return false;
    glong length = g_utf8_strlen(cell, -1);
    return length >= 2 && is_quote(g_utf8_get_char(g_utf8_offset_to_pointer(cell, length - 1)));
}

static bool lacks_digits(const char *cell, unsigned digits)
{
    if (digits == 0 || !g_ascii_isdigit(*cell))
        return false;
    const char *end = skip_digits(cell);
    return *end == '\0' && (gsize)(end - cell) < digits;
}

Damage damage_find(Field field, const char *cell, unsigned digits)
{
    bool secret = field_is_secret(field);
    if (field == FIELD_RESULT || field == FIELD_REASON)
        return DAMAGE_NONE;
    if (is_error_value(cell))
        return DAMAGE_ERROR;
    if (!secret && is_hashes(cell))
        return DAMAGE_NARROW;
    if (field != FIELD_DESCRIPTION && is_exponent(cell))
        return DAMAGE_EXPONENT;
    if (secret && is_quoted(cell))
        return DAMAGE_QUOTES;
    return lacks_digits(cell, digits) ? DAMAGE_ZERO : DAMAGE_NONE;
}

const char *damage_reason(Damage damage)
{
    switch (damage) {
    case DAMAGE_ERROR:
        return "holds an error of your spreadsheet instead of a value";
    case DAMAGE_NARROW:
        return "holds only # signs: your spreadsheet's column was too narrow to show the value";
    case DAMAGE_EXPONENT:
        return "was turned into the short form of a long number by your spreadsheet, and its last "
               "digits are lost";
    case DAMAGE_QUOTES:
        return "stands in curly quotes, which would be a part of it";
    case DAMAGE_ZERO:
        return "has too few digits; spreadsheets take leading zeros away";
    case DAMAGE_NONE:
        break;
    }
    return "is as it should be";
}

const char *damage_advice(Damage damage)
{
    switch (damage) {
    case DAMAGE_ERROR:
        return "Type the value into the cell in place of the formula.";
    case DAMAGE_NARROW:
        return "Make the column wider before you save the file.";
    case DAMAGE_EXPONENT:
    case DAMAGE_ZERO:
        return "Format the column as text in your spreadsheet, then type the value again.";
    case DAMAGE_QUOTES:
        return "Take the quotes away, or type plain ones (\").";
    case DAMAGE_NONE:
        break;
    }
    return "Nothing.";
}
