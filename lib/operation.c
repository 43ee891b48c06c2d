/* SPDX-License-Identifier: MIT */
#include "lib/operation.h"

#include "lib/damage.h"
#include "lib/nearest.h"
#include "lib/password.h"
#include "lib/text.h"
#include <string.h>

static const char *const types[TYPE_COUNT] = {
    [TYPE_FULL] = "FULL",
    [TYPE_FORWARD] = "FORWARD",
    [TYPE_LIST] = "LIST",
};

static const char *const actions[ACTION_COUNT] = {
    [ACTION_ADD] = "ADD",
    [ACTION_DELETE] = "DELETE",
    [ACTION_MODIFY] = "MODIFY",
};

/* Of the wider vocabulary: known, and refused by a clear word. */
static const char *const later_types[] = {
    "DLIST",         "ALIAS",      "DOMAIN", "DOMAINALIAS", "CATCHALL",
    "AUTORESPONDER", "SPAMFILTER", "GROUP",  "RESOURCE",    "RESOURCEGROUP",
};
static const char *const later_actions[] = {"SUSPEND", "RESUME", "IMPORT", "EXPORT", "SHOW"};

/* What a white page may hold beyond the usual. */
#define WHITE_BYTES_MAX 1024
static const struct {
    gsize bytes_max; /* 0: WHITE_BYTES_MAX */
    bool lines;      /* may have several */
} white_rules[FIELD_WHITE_COUNT] = {
    [FIELD_DESCRIPTION - FIELD_WHITE_FIRST] = {4096, true},
    [FIELD_STREET - FIELD_WHITE_FIRST] = {0, true},
    [FIELD_POSTALADDRESS - FIELD_WHITE_FIRST] = {0, true},
    [FIELD_HOMEPOSTALADDRESS - FIELD_WHITE_FIRST] = {0, true},
    [FIELD_REGISTEREDADDRESS - FIELD_WHITE_FIRST] = {0, true},
};

static bool find_word(const char *word, const char *const *words, unsigned count, unsigned *found)
{
    for (unsigned i = 0; i < count; i++) {
        if (g_ascii_strcasecmp(word, words[i]) == 0) {
            *found = i;
            return true;
        }
    }
    return false;
}

const char *type_name(ObjectType type)
{
    return types[type];
}

const char *action_name(Action action)
{
    return actions[action];
}

bool type_find(const char *name, ObjectType *type)
{
    unsigned found;
    if (!find_word(name, types, TYPE_COUNT, &found))
        return false;
    *type = (ObjectType)found;
    return true;
}

bool action_find(const char *name, Action *action)
{
    unsigned found;
    if (!find_word(name, actions, ACTION_COUNT, &found))
        return false;
    *action = (Action)found;
    return true;
}

void operation_free(Operation *operation)
{
    if (!operation)
        return;
    address_free(operation->address);
    secret_free(operation->password);
    g_clear_pointer(&operation->targets, g_ptr_array_unref);
    g_clear_pointer(&operation->members, g_ptr_array_unref);
    for (unsigned i = 0; i < FIELD_WHITE_COUNT; i++)
        g_free(operation->white[i]);
    g_free(operation);
}

/* --- a row while it is checked --- */

typedef struct {
    const TableRow *row;
    const TableHead *head;
    const OperationRules *rules;
    Operation *operation;
    Outcome **outcome;
} Check;

/* The cell of a field; "" where the file has no such column. */
static const char *cell_of(const Check *check, Field field)
{
    const char *cell = table_row_cell(check->row, check->head, field);
    return cell ? cell : "";
}

/* Ends the check: always false. */
G_GNUC_PRINTF(5, 6)
static bool refuse(Check *check, Field field, const char *value, const char *advice,
                   const char *reason, ...)
{
    va_list args;
    va_start(args, reason);
    g_autofree char *words = g_strdup_vprintf(reason, args);
    va_end(args);
    *check->outcome = outcome_failed(field_name(field), value, advice, "%s", words);
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

static bool word_fits(const char *cell, const char *const *words, unsigned count,
                      const char *const *later, unsigned later_count)
{
    unsigned found;
    return find_word(cell, words, count, &found) || find_word(cell, later, later_count, &found) ||
           nearest_word(cell, words, count);
}

static bool addresses_fit(const char *cell)
{
    g_auto(GStrv) words = g_strsplit_set(cell, " \t\r\n", OPERATION_ADDRESSES_MAX);
    for (char **word = words; *word; word++) {
        g_autoptr(Address) address = **word ? address_parse(*word, NULL, NULL) : NULL;
        if (**word && !address)
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
        return word_fits(cell, types, TYPE_COUNT, later_types, G_N_ELEMENTS(later_types));
    case FIELD_ACTION:
        return word_fits(cell, actions, ACTION_COUNT, later_actions, G_N_ELEMENTS(later_actions));
    case FIELD_MAILFORWARD:
    case FIELD_LIST_MEMBER:
        return !full || addresses_fit(cell);
    default:
        return true;
    }
}

/* The first field after the password that does not fit, or FIELD_COUNT. */
static Field find_shifted(const TableRow *row, const TableHead *head)
{
    const char *password = table_row_cell(row, head, FIELD_PASSWORD);
    const char *type = table_row_cell(row, head, FIELD_TYPE);
    if (row->found != row->columns || !password || !*password)
        return FIELD_COUNT;
    bool full = type && g_ascii_strcasecmp(type, types[TYPE_FULL]) == 0;
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

static bool check_shift(Check *check)
{
    Field field = find_shifted(check->row, check->head);
    if (field == FIELD_COUNT)
        return true;
    return refuse(check, field, NULL,
                  "Check that each cell stands in its column; a password that holds a separator or "
                  "a quote must stand in quotes.",
                  "%s can't be used as it stands. It comes after the password and may be a part of "
                  "it, so nothing after the password is repeated.",
                  field_name(field));
}

/* --- a cell that a spreadsheet damaged --- */

/* With DELETE most cells are not looked at. */
static bool is_looked_at(const Check *check, Field field)
{
    return field < FIELD_PASSWORD || field == FIELD_LIST_MEMBER ||
           g_ascii_strcasecmp(cell_of(check, FIELD_ACTION), actions[ACTION_DELETE]) != 0;
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
        return refuse(check, field, told ? check->row->cell[i] : NULL, damage_advice(damage),
                      "%s %s.", field_name(field), damage_reason(damage));
    }
    return true;
}

/* --- TYPE, ACTION, DOMAIN, USER --- */

static bool check_word(Check *check, Field field, const char *const *words, unsigned count,
                       const char *const *later, unsigned later_count, unsigned *found)
{
    const char *cell = cell_of(check, field), *name = field_name(field);
    if (find_word(cell, words, count, found))
        return true;
    g_autofree char *advice = g_strdup_printf("Write %s, %s or %s.", words[0], words[1], words[2]);
    if (!*cell)
        return refuse(check, field, NULL, advice, "%s is empty.", name);
    if (find_word(cell, later, later_count, found))
        return refuse(check, field, cell, advice, "%s %s is not available yet.", name,
                      later[*found]);
    const char *nearest = nearest_word(cell, words, count);
    if (nearest)
        return refuse(check, field, cell, advice, "Unknown %s; did you mean %s?", name, nearest);
    unsigned column = (unsigned)check->head->column_of[field];
    bool doubtful = operation_cell_is_doubtful(check->row, check->head, column);
    return refuse(check, field, doubtful ? NULL : cell, advice, "Unknown %s.", name);
}

static bool check_type(Check *check)
{
    unsigned found = 0;
    bool known = check_word(check, FIELD_TYPE, types, TYPE_COUNT, later_types,
                            G_N_ELEMENTS(later_types), &found);
    check->operation->type = (ObjectType)found;
    return known;
}

static bool check_action(Check *check)
{
    unsigned found = 0;
    bool known = check_word(check, FIELD_ACTION, actions, ACTION_COUNT, later_actions,
                            G_N_ELEMENTS(later_actions), &found);
    check->operation->action = (Action)found;
    return known;
}

/* Of two wrong parts the domain is told. */
static bool refuse_address(Check *check, const char *user, const char *domain, const char *reason)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *normal = domain_normalise(domain, &error);
    if (!normal)
        return refuse(check, FIELD_DOMAIN, *domain ? domain : NULL,
                      *domain ? "Correct the DOMAIN." : "Fill in the DOMAIN.", "%s",
                      *domain ? error->message : "DOMAIN is empty.");
    return refuse(check, FIELD_USER, *user ? user : NULL,
                  !*user ? "Fill in USER: what stands before the @ of the address."
                         : "Correct USER: it is what stands before the @, best made of letters "
                           "from a to z, digits, dots and hyphens.",
                  "%s", *user ? reason : "USER is empty.");
}

static bool check_address(Check *check)
{
    const char *user = cell_of(check, FIELD_USER), *domain = cell_of(check, FIELD_DOMAIN);
    g_autoptr(GError) error = NULL;
    check->operation->address = address_from_parts(user, domain, &error);
    if (!check->operation->address)
        return refuse_address(check, user, domain, error->message);
    /* Postfix takes no mail for it (allow_min_user); one that is there may still be changed. */
    if (check->operation->action == ACTION_ADD && check->operation->address->local[0] == '-')
        return refuse(check, FIELD_USER, user,
                      "Choose a USER that begins with a letter, a digit or another sign.",
                      "An address that begins with a hyphen can't be created, since mail servers "
                      "take no mail for it.");
    return true;
}

/* --- PASSWORD, MAILFORWARD, LIST MEMBER --- */

static bool check_password(Check *check)
{
    Operation *operation = check->operation;
    const char *cell = cell_of(check, FIELD_PASSWORD), *reason = NULL, *advice = NULL;
    bool required = operation->action == ACTION_ADD || check->rules->modify_requires_password;
    if (operation->action == ACTION_DELETE)
        return true;
    if (operation->type != TYPE_FULL && *cell)
        return refuse(check, FIELD_PASSWORD, NULL, "Leave PASSWORD empty, or give TYPE FULL.",
                      "TYPE %s takes no PASSWORD.", type_name(operation->type));
    if (operation->type != TYPE_FULL || (!*cell && !required))
        return true;
    if (!*cell)
        return refuse(check, FIELD_PASSWORD, NULL, "Fill in the PASSWORD of the mailbox.",
                      "PASSWORD is empty, but TYPE FULL with ACTION %s needs it.",
                      action_name(operation->action));
    if (strcmp(cell, "-") == 0)
        return refuse(check, FIELD_PASSWORD, NULL, "Give a password.",
                      "A lone - empties a field like PHONE; it is no password.");
    PasswordForm form = password_form(cell, check->rules->hash_schemes, &reason, &advice);
    if (form == PASSWORD_FORM_REFUSED)
        return refuse(check, FIELD_PASSWORD, NULL, advice, "%s", reason);
    operation->password = secret_dup(cell);
    operation->password_hashed = form == PASSWORD_FORM_HASHED;
    return true;
}

/* One address of a cell. default_domain: of a bare one, or NULL where it must be whole. */
static Address *check_one(Check *check, Field field, const char *word, const char *default_domain)
{
    const Operation *operation = check->operation;
    g_autoptr(GError) error = NULL;
    if (strpbrk(word, ",;")) {
        refuse(check, field, word, "Put a space between two addresses.",
               "%s has a comma or a semicolon in it, but addresses are separated by spaces.",
               field_name(field));
        return NULL;
    }
    if (!default_domain && !strchr(word, '@')) {
        refuse(check, field, word,
               "Give whole addresses like user@example.com, separated by spaces.",
               "%s must hold whole addresses.", field_name(field));
        return NULL;
    }
    g_autoptr(Address) address = address_parse(word, default_domain, &error);
    if (!address) {
        refuse(check, field, word, "Correct the address; several are separated by spaces.", "%s",
               error->message);
        return NULL;
    }
    if (operation->action != ACTION_DELETE &&
        strcmp(address->full, operation->address->full) == 0) {
        refuse(check, field, word, "Take the row's own address out.",
               operation->type == TYPE_LIST ? "A list can't be a member of itself."
                                            : "An address can't forward to itself.");
        return NULL;
    }
    return g_steal_pointer(&address);
}

/* Up to how many addresses comparing with each is cheaper than a table. */
#define FEW_ADDRESSES 16

/* Whether the address is among those that were found; *seen is made once they are many. */
static bool is_among(const GPtrArray *found, GHashTable **seen, const Address *address)
{
    if (found->len > FEW_ADDRESSES)
        return g_hash_table_contains(*seen, address->full);
    for (guint i = 0; i < found->len; i++)
        if (g_str_equal(((const Address *)found->pdata[i])->full, address->full))
            return true;
    return false;
}

static void add_found(GPtrArray *found, GHashTable **seen, Address *address)
{
    g_ptr_array_add(found, address);
    if (found->len <= FEW_ADDRESSES)
        return;
    if (!*seen) {
        *seen = g_hash_table_new(g_str_hash, g_str_equal);
        for (guint i = 0; i < found->len; i++)
            g_hash_table_add(*seen, ((Address *)found->pdata[i])->full);
    }
    g_hash_table_add(*seen, address->full);
}

/* The addresses of a cell, without doubles. NULL: refused. */
static GPtrArray *check_addresses(Check *check, Field field, const char *default_domain)
{
    const char *cell = cell_of(check, field);
    g_autoptr(GPtrArray) found = g_ptr_array_new_with_free_func((GDestroyNotify)address_free);
    g_autoptr(GHashTable) seen = NULL;
    if (strcmp(cell, "-") == 0) {
        refuse(check, field, cell, "Give addresses, or leave the cell empty.",
               "A lone - empties a field like PHONE, but not this one.");
        return NULL;
    }
    while (*(cell += strspn(cell, " \t\r\n"))) {
        gsize length = strcspn(cell, " \t\r\n");
        g_autofree char *word = g_strndup(cell, length);
        cell += length;
        g_autoptr(Address) address = check_one(check, field, word, default_domain);
        if (!address)
            return NULL;
        if (is_among(found, &seen, address))
            continue;
        if (found->len == OPERATION_ADDRESSES_MAX) {
            refuse(check, field, NULL, "Spread them over several rows.",
                   "%s holds more addresses than the limit of %d in one cell.", field_name(field),
                   OPERATION_ADDRESSES_MAX);
            return NULL;
        }
        add_found(found, &seen, g_steal_pointer(&address));
    }
    return g_steal_pointer(&found);
}

static bool is_given(const Check *check, Field field)
{
    const char *cell = cell_of(check, field);
    return cell[strspn(cell, " \t\r\n")] != '\0';
}

static bool check_forward(Check *check)
{
    Operation *operation = check->operation;
    bool given = is_given(check, FIELD_MAILFORWARD);
    const char *cell = cell_of(check, FIELD_MAILFORWARD);
    if (operation->type == TYPE_LIST && given)
        return refuse(check, FIELD_MAILFORWARD, cell,
                      "Put the members of the list into LIST MEMBER.",
                      "TYPE LIST takes no MAILFORWARD.");
    if (operation->action == ACTION_DELETE || operation->type == TYPE_LIST)
        return true;
    if (operation->type == TYPE_FULL && given)
        return refuse(check, FIELD_MAILFORWARD, cell, "Leave MAILFORWARD empty.",
                      "MAILFORWARD on FULL is not available yet.");
    if (operation->type == TYPE_FULL)
        return true;
    if (!given)
        return refuse(check, FIELD_MAILFORWARD, NULL,
                      "Fill in the addresses that mail is forwarded to.",
                      "MAILFORWARD is empty, but TYPE FORWARD with ACTION %s needs it.",
                      action_name(operation->action));
    operation->targets = check_addresses(check, FIELD_MAILFORWARD, NULL);
    return operation->targets != NULL;
}

static bool check_members(Check *check)
{
    Operation *operation = check->operation;
    const char *cell = cell_of(check, FIELD_LIST_MEMBER);
    if (!is_given(check, FIELD_LIST_MEMBER))
        return true;
    if (operation->type != TYPE_LIST)
        return refuse(check, FIELD_LIST_MEMBER, cell, "Leave LIST MEMBER empty, or give TYPE LIST.",
                      "TYPE %s takes no LIST MEMBER.", type_name(operation->type));
    if (operation->action == ACTION_MODIFY)
        return refuse(check, FIELD_LIST_MEMBER, cell,
                      "Use ADD to add members and DELETE to remove them.",
                      "LIST MEMBER can't be given with MODIFY.");
    operation->members = check_addresses(check, FIELD_LIST_MEMBER, operation->address->domain);
    return operation->members != NULL;
}

/* --- white pages --- */

static bool check_country(Check *check, const char *cell, char **value)
{
    if (strlen(cell) != 2 || !g_ascii_isalpha(cell[0]) || !g_ascii_isalpha(cell[1]))
        return refuse(check, FIELD_COUNTRYNAME, cell,
                      "Write the code, like DE for Germany or US for the United States.",
                      "COUNTRYNAME must be a country's code of two letters.");
    *value = g_ascii_strup(cell, 2);
    return true;
}

static bool refuse_control(Check *check, Field field, const char *cell, bool lines)
{
    if (lines)
        return refuse(check, field, cell, "Type the text again.",
                      "%s has a character in it that can't be shown.", field_name(field));
    return refuse(check, field, cell, "Write it on one line, without tabs.",
                  "%s has a line break, a tab or the like in it.", field_name(field));
}

static bool check_white_field(Check *check, Field field)
{
    unsigned index = field - FIELD_WHITE_FIRST;
    const char *cell = cell_of(check, field);
    char **value = &check->operation->white[index];
    gsize max = white_rules[index].bytes_max ? white_rules[index].bytes_max : WHITE_BYTES_MAX;
    if (!*cell)
        return true;
    if (strcmp(cell, "-") == 0) {
        *value = check->operation->action == ACTION_MODIFY ? g_strdup("") : NULL;
        return true;
    }
    if (strlen(cell) > max)
        return refuse(check, field, cell, "Shorten it.",
                      "%s is longer than the limit of %" G_GSIZE_FORMAT " bytes.",
                      field_name(field), max);
    if (text_has_control(cell, white_rules[index].lines ? "\t\r\n" : ""))
        return refuse_control(check, field, cell, white_rules[index].lines);
    if (field == FIELD_COUNTRYNAME)
        return check_country(check, cell, value);
    *value = g_strdup(cell);
    return true;
}

static bool check_white(Check *check)
{
    if (check->operation->action == ACTION_DELETE)
        return true;
    for (unsigned i = FIELD_WHITE_FIRST; i <= FIELD_WHITE_LAST; i++) {
        if (!check_white_field(check, (Field)i))
            return false;
    }
    return true;
}

/* In this order; the first that refuses is told. */
static bool (*const checks[])(Check *) = {
    check_fields,  check_shift,    check_damage,  check_type,    check_action,
    check_address, check_password, check_forward, check_members, check_white,
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
