/* SPDX-License-Identifier: MIT */
#include "lib/operation-private.h"

#include "lib/damage.h"
#include "lib/nearest.h"
#include <string.h>

static void address_cell_clear(AddressCell *cell)
{
    g_clear_pointer(&cell->named, g_ptr_array_unref);
    g_clear_pointer(&cell->removed, g_ptr_array_unref);
}

void operation_free(Operation *operation)
{
    if (!operation)
        return;
    address_free(operation->address);
    secret_free(operation->password);
    address_cell_clear(&operation->targets);
    address_cell_clear(&operation->aliases);
    g_clear_pointer(&operation->members, g_ptr_array_unref);
    g_free(operation->member_name);
    g_free(operation->target_domain);
    g_free(operation->filter);
    address_free(operation->owner);
    for (unsigned i = 0; i < FIELD_VALUE_COUNT; i++)
        g_free(operation->value[i]);
    g_clear_pointer(&operation->attributes, g_ptr_array_unref);
    g_free(operation);
}

/* --- a row while it is checked --- */

const char *check_cell(const Check *check, Field field)
{
    const char *cell = table_row_cell(check->row, check->head, field);
    return cell ? cell : "";
}

bool check_refuse(Check *check, Field field, const char *value, const char *advice,
                  const char *reason, ...)
{
    va_list args;
    va_start(args, reason);
    g_autofree char *words = g_strdup_vprintf(reason, args);
    va_end(args);
    *check->outcome = outcome_failed(field_name(field), value, advice, "%s", words);
    return false;
}

bool check_refuse_column(Check *check, unsigned column, const char *value, const char *advice,
                         const char *reason)
{
    const char *name = table_head_name(check->head, column);
    *check->outcome = outcome_failed(name, value, advice, "%s %s", name, reason);
    return false;
}

static bool check_fields(Check *check)
{
    const TableRow *row = check->row;
    if (row->found == row->columns)
        return true;
    *check->outcome = outcome_failed(
        NULL, NULL,
        "Look for a cell that holds a separator (such as ; or ,), a quote or a line break: it must "
        "stand in quotes. A cell that is not needed stays empty, but keeps its separator.",
        "The row has %u %s, but the headline has %u.", row->found,
        row->found == 1 ? "field" : "fields", row->columns);
    return false;
}

/* --- a row shifted by its password --- */

static bool find_word(const char *word, const char *const *words)
{
    for (; *words; words++) {
        if (g_ascii_strcasecmp(word, *words) == 0)
            return true;
    }
    return false;
}

static bool word_fits(const char *cell, const char *const *words, const char *const *later)
{
    return find_word(cell, words) || find_word(cell, later) || nearest_meant(cell, words);
}

/* domain: of bare ones, or NULL where they must be whole. A lone "-" is told as what it is. */
static bool addresses_fit(const char *cell, const char *domain)
{
    if (g_str_equal(cell, "-"))
        return true;
    g_auto(GStrv) words = g_strsplit_set(cell, " \t\r\n", OPERATION_ADDRESSES_MAX);
    for (char **word = words; *word; word++) {
        const char *text = *word + strspn(*word, "+~");
        g_autoptr(Address) address = *text ? address_parse(text, domain, NULL) : NULL;
        if (*text && !address)
            return false;
    }
    return true;
}

static bool cell_fits(Field field, const char *cell, bool full)
{
    g_autofree char *domain = NULL;
    g_autoptr(Address) address = NULL;
    switch (field) {
    case FIELD_DOMAIN:
        domain = domain_normalise(cell, NULL);
        return domain != NULL;
    case FIELD_USER:
        address = address_parse(cell, "example.com", NULL);
        return address != NULL;
    case FIELD_TYPE:
        return word_fits(cell, type_names(), type_later_names());
    case FIELD_ACTION:
        return word_fits(cell, action_names(), action_later_names());
    case FIELD_MAILFORWARD:
    case FIELD_LIST_MEMBER:
        return !full || addresses_fit(cell, NULL);
    case FIELD_MEMBER:
    case FIELD_ALIAS:
    case FIELD_TARGET:
    case FIELD_OWNER:
        return !full || addresses_fit(cell, "example.com");
    default:
        return field <= FIELD_WHITE_LAST || field > FIELD_VALUE_LAST ||
               operation_value_fits(field, cell);
    }
}

/* The first field after the password that does not fit, or FIELD_COUNT. */
static Field find_shifted(const TableRow *row, const TableHead *head)
{
    const char *password = table_row_cell(row, head, FIELD_PASSWORD);
    const char *type = table_row_cell(row, head, FIELD_TYPE);
    if (row->found != row->columns || !password || !*password)
        return FIELD_COUNT;
    ObjectType found = TYPE_COUNT;
    bool full = type && type_find(type, &found) && type_takes(found, ACTION_ADD, FIELD_PASSWORD);
    for (unsigned i = (unsigned)head->column_of[FIELD_PASSWORD] + 1; i < head->columns; i++) {
        if (!cell_fits(head->field[i], row->cell[i], full))
            return head->field[i];
    }
    return FIELD_COUNT;
}

static bool is_word(const TableRow *row, const TableHead *head, Field field)
{
    const char *cell = table_row_cell(row, head, field);
    ObjectType type;
    Action action;
    return cell && (type_find(cell, &type) || action_find(cell, &action));
}

/* Whether the cells around the password are those of the columns further to the right: PASSWORD
 * holds a TYPE or an ACTION, or TYPE an ACTION. */
static bool is_shifted_left(const TableRow *row, const TableHead *head)
{
    const char *type = table_row_cell(row, head, FIELD_TYPE);
    Action action;
    return find_shifted(row, head) != FIELD_COUNT &&
           (is_word(row, head, FIELD_PASSWORD) || (type && action_find(type, &action)));
}

/* The first column from which on, up to the password's, cells may be a password that stands too far
 * to the left: one whose TYPE or ACTION is like no known word, or any where what should stand
 * behind the password stands too far to the left itself. The number of columns for none. */
static unsigned find_left(const TableRow *row, const TableHead *head)
{
    int password = head->column_of[FIELD_PASSWORD];
    if (row->found != row->columns)
        return row->columns;
    if (is_shifted_left(row, head))
        return 0;
    for (int i = 0; i < password; i++) {
        Field field = head->field[i];
        if ((field == FIELD_TYPE || field == FIELD_ACTION) && *row->cell[i] &&
            !cell_fits(field, row->cell[i], false))
            return (unsigned)i;
    }
    return row->columns;
}

bool operation_cell_is_doubtful(const TableRow *row, const TableHead *head, unsigned column)
{
    int password = head->column_of[FIELD_PASSWORD];
    if ((int)column > password)
        return find_shifted(row, head) != FIELD_COUNT;
    return column >= find_left(row, head);
}

/* The form of what stands there, whatever it is. */
static const char *form_of(Field field)
{
    switch (field) {
    case FIELD_MAILFORWARD:
        return " MAILFORWARD takes whole addresses like user@example.com, separated by spaces.";
    case FIELD_LIST_MEMBER:
    case FIELD_MEMBER:
    case FIELD_ALIAS:
        return " Several addresses are separated by spaces.";
    default:
        return "";
    }
}

static bool check_shift(Check *check)
{
    Field field = find_shifted(check->row, check->head);
    /* Of a value with a form of its own that form is told. */
    if (field >= FIELD_VALUE_FIRST)
        return true;
    g_autofree char *advice =
        g_strconcat("Check that each cell stands in its column; a password that holds a separator "
                    "or a quote must stand in quotes.",
                    form_of(field), NULL);
    return check_refuse(
        check, field, NULL, advice,
        "%s can't be used as it stands. It comes after the password and may be a part of "
        "it, so nothing after the password is repeated.",
        field_name(field));
}

/* --- a cell that a spreadsheet damaged --- */

/* With DELETE and the like most cells are not looked at. */
static bool is_looked_at(const Check *check, Field field)
{
    Action action;
    if (field < FIELD_PASSWORD || field == FIELD_LIST_MEMBER || field == FIELD_MEMBER ||
        !action_find(check_cell(check, FIELD_ACTION), &action))
        return true;
    return action == ACTION_ADD || action == ACTION_MODIFY;
}

static bool check_damage(Check *check)
{
    const TableHead *head = check->head;
    for (unsigned i = 0; i < head->columns; i++) {
        Field field = head->field[i];
        bool white = field >= FIELD_WHITE_FIRST && field <= FIELD_WHITE_LAST;
        const unsigned *digits = check->rules->digits;
        Damage damage = damage_find(field, check->row->cell[i],
                                    white && digits ? digits[field - FIELD_WHITE_FIRST] : 0);
        if (damage == DAMAGE_NONE || !is_looked_at(check, field))
            continue;
        bool told = !field_is_secret(field) && !operation_cell_is_doubtful(check->row, head, i);
        g_autofree char *reason = g_strconcat(damage_reason(damage), ".", NULL);
        return check_refuse_column(check, i, told ? check->row->cell[i] : NULL,
                                   damage_advice(damage), reason);
    }
    return true;
}

/* --- TYPE, ACTION, DOMAIN, USER --- */

static bool refuse_word(Check *check, Field field, const char *advice, const char *const *words,
                        const char *const *later)
{
    const char *cell = check_cell(check, field), *name = field_name(field);
    if (!*cell)
        return check_refuse(check, field, NULL, advice, "%s is empty.", name);
    if (find_word(cell, later)) {
        g_autofree char *word = g_ascii_strup(cell, -1);
        return check_refuse(check, field, cell, advice, "%s %s is not available yet.", name, word);
    }
    const char *nearest = nearest_meant(cell, words);
    if (nearest)
        return check_refuse(check, field, cell, advice, "Unknown %s; did you mean %s?", name,
                            nearest);
    unsigned column = (unsigned)check->head->column_of[field];
    bool doubtful = operation_cell_is_doubtful(check->row, check->head, column);
    return check_refuse(check, field, doubtful ? NULL : cell, advice, "Unknown %s.", name);
}

static bool check_type(Check *check)
{
    return type_find(check_cell(check, FIELD_TYPE), &check->operation->type) ||
           refuse_word(check, FIELD_TYPE,
                       "Write FULL, FORWARD, LIST or another type of the manual.", type_names(),
                       type_later_names());
}

static bool check_action(Check *check)
{
    const char *cell = check_cell(check, FIELD_ACTION);
    Operation *operation = check->operation;
    if (!action_find(cell, &operation->action))
        return refuse_word(check, FIELD_ACTION,
                           "Write ADD, DELETE, MODIFY, SUSPEND, RESUME, SHOW or EXPORT.",
                           action_names(), action_later_names());
    if (type_does(operation->type, operation->action))
        return true;
    bool modify = type_does(operation->type, ACTION_MODIFY);
    return check_refuse(
        check, FIELD_ACTION, cell,
        action_reads(operation->action)
            ? "Use it with TYPE FULL, or EXPORT with TYPE DOMAIN, which has all that is in it."
        : operation->action == ACTION_MODIFY ? "Use DELETE, and ADD in the next row."
        : modify                             ? "It has ADD, DELETE and MODIFY."
                                             : "It has ADD and DELETE.",
        "TYPE %s has no ACTION %s.", type_name(operation->type), action_name(operation->action));
}

/* Of two wrong parts the domain is told. */
static bool refuse_address(Check *check, const char *user, const char *domain, const char *reason)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *normal = domain_normalise(domain, &error);
    if (!normal)
        return check_refuse(check, FIELD_DOMAIN, *domain ? domain : NULL,
                            *domain ? "Correct the DOMAIN." : "Fill in the DOMAIN.", "%s",
                            *domain ? error->message : "DOMAIN is empty.");
    return check_refuse(check, FIELD_USER, *user ? user : NULL,
                        !*user
                            ? "Fill in USER: what stands before the @ of the address."
                            : "Correct USER: it is what stands before the @, best made of letters "
                              "from a to z, digits, dots and hyphens.",
                        "%s", *user ? reason : "USER is empty.");
}

static bool check_domain_alone(Check *check)
{
    const char *user = check_cell(check, FIELD_USER);
    g_autoptr(GError) error = NULL;
    g_autofree char *domain = domain_normalise(check_cell(check, FIELD_DOMAIN), &error);
    if (!domain)
        return refuse_address(check, "", check_cell(check, FIELD_DOMAIN), error->message);
    if (*user)
        return check_refuse(check, FIELD_USER, user, "Leave USER empty.", "TYPE %s takes no USER.",
                            type_name(check->operation->type));
    check->operation->address = address_of_domain(domain);
    return true;
}

static bool check_address(Check *check)
{
    const char *user = check_cell(check, FIELD_USER), *domain = check_cell(check, FIELD_DOMAIN);
    g_autoptr(GError) error = NULL;
    if (!type_has_user(check->operation->type))
        return check_domain_alone(check);
    check->operation->address = address_from_parts(user, domain, &error);
    if (!check->operation->address)
        return refuse_address(check, user, domain, error->message);
    /* Postfix takes no mail for it (allow_min_user); one that is there may still be changed. */
    if (check->operation->action == ACTION_ADD && check->operation->address->local[0] == '-')
        return check_refuse(check, FIELD_USER, user,
                            "Choose a USER that begins with a letter, a digit or another sign.",
                            "An address that begins with a hyphen can't be created, since mail "
                            "servers take no mail for it.");
    return true;
}

/* In this order; the first that refuses is told. */
static bool (*const checks[])(Check *) = {
    check_fields,
    check_shift,
    check_damage,
    check_type,
    check_action,
    check_address,
    operation_check_columns,
    operation_check_attributes,
    operation_check_password,
    operation_check_names,
    operation_check_values,
};

Operation *operation_from_row(const TableRow *row, const TableHead *head,
                              const OperationRules *rules, Outcome **outcome)
{
    g_autoptr(Operation) operation = g_new0(Operation, 1);
    operation->line = row->line;
    Check check = {row, head, rules, operation, outcome};
    for (unsigned i = 0; i < G_N_ELEMENTS(checks); i++) {
        if (!checks[i](&check))
            return NULL;
    }
    return g_steal_pointer(&operation);
}

static RowKind kind_of(ObjectType type, Action action)
{
    if (action_reads(action))
        return ROW_READS;
    return type == TYPE_DOMAIN && action == ACTION_DELETE ? ROW_ALONE : ROW_WRITES;
}

RowKind operation_row_kind(const TableRow *row, const TableHead *head)
{
    const char *type_cell = table_row_cell(row, head, FIELD_TYPE);
    const char *action_cell = table_row_cell(row, head, FIELD_ACTION);
    ObjectType type = TYPE_COUNT;
    Action action;
    if (!type_cell || !action_cell || !action_find(action_cell, &action))
        return ROW_WRITES;
    (void)type_find(type_cell, &type);
    return kind_of(type, action);
}

RowKind operation_kind(const Operation *operation)
{
    return kind_of(operation->type, operation->action);
}
