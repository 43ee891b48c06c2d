/* SPDX-License-Identifier: MIT */
#include "lib/operation-private.h"

#include "lib/network.h"
#include "lib/password.h"
#include "lib/text.h"
#include <gio/gio.h>
#include <string.h>

/* Most bytes of a MEMBER NAME. */
#define MEMBER_NAME_MAX 256

bool check_is_given(const Check *check, Field field)
{
    const char *cell = check_cell(check, field);
    return cell[strspn(cell, " \t\r\n")] != '\0';
}

/* ADD or MODIFY: the others look at few columns. */
static bool is_filling(const Operation *operation)
{
    return operation->action == ACTION_ADD || operation->action == ACTION_MODIFY;
}

/* --- columns that are not for this TYPE --- */

/* Where what stands in the wrong column was most likely meant to stand. NULL: nowhere. */
static const char *near_column(ObjectType type, Field field)
{
    if (field == FIELD_MEMBER && type_is_list(type))
        return "members of a list stand in LIST MEMBER.";
    if (field == FIELD_LIST_MEMBER && type_is_group(type))
        return "members of a group stand in MEMBER.";
    if (field == FIELD_TARGET && (type == TYPE_FORWARD || type == TYPE_FULL))
        return "where mail is forwarded to stands in MAILFORWARD.";
    if ((field == FIELD_MAILFORWARD || field == FIELD_ALIAS) &&
        (type == TYPE_ALIAS || type == TYPE_CATCHALL))
        return "the address of the mailbox stands in TARGET.";
    return NULL;
}

static bool refuse_column(Check *check, Field field)
{
    const Operation *operation = check->operation;
    const char *name = field_name(field), *type = type_name(operation->type);
    const char *cell = field_is_secret(field) ? NULL : check_cell(check, field);
    if (field == FIELD_LIST_MEMBER && type_is_list(operation->type))
        return check_refuse(check, field, cell, "Use ADD to add members and DELETE to remove them.",
                            "LIST MEMBER can't be given with MODIFY.");
    if (field == FIELD_MEMBER && type_is_group(operation->type))
        return check_refuse(check, field, cell, "Use ADD to add members and DELETE to remove them.",
                            "MEMBER can't be given with MODIFY.");
    if (field == FIELD_MAILFORWARD && type_is_list(operation->type))
        return check_refuse(check, field, cell, "Put the members of the list into LIST MEMBER.",
                            "TYPE %s takes no MAILFORWARD.", type);
    const char *near = near_column(operation->type, field);
    g_autofree char *advice =
        near                         ? g_strdup_printf("Leave %s empty; %s", name, near)
        : field == FIELD_PASSWORD    ? g_strdup("Leave PASSWORD empty, or give TYPE FULL.")
        : field == FIELD_LIST_MEMBER ? g_strdup("Leave LIST MEMBER empty, or give TYPE LIST.")
                                     : g_strdup_printf("Leave %s empty.", name);
    return check_refuse(check, field, cell, advice, "TYPE %s takes no %s.", type, name);
}

/* Whether a cell that the action has no use for is a mistake rather than a left-over. */
static bool is_mistake(const Operation *operation, Field field)
{
    bool members = field == FIELD_LIST_MEMBER || field == FIELD_MEMBER ||
                   (field == FIELD_MAILFORWARD && type_is_list(operation->type));
    return members && !type_takes(operation->type, ACTION_ADD, field);
}

bool operation_check_columns(Check *check)
{
    const Operation *operation = check->operation;
    for (unsigned i = 0; i < check->head->columns; i++) {
        Field field = check->head->field[i];
        if (field <= FIELD_ACTION || field >= FIELD_ATTRIBUTE || !*check->row->cell[i] ||
            type_takes(operation->type, operation->action, field) || !check_is_given(check, field))
            continue;
        if (is_filling(operation) || is_mistake(operation, field))
            return refuse_column(check, field);
    }
    return true;
}

/* --- PASSWORD --- */

static bool is_password_required(const Check *check)
{
    const Operation *operation = check->operation;
    if (operation->type == TYPE_DOMAIN)
        return operation->action == ACTION_ADD && check_is_given(check, FIELD_OWNER);
    return operation->action == ACTION_ADD || check->rules->modify_requires_password;
}

bool operation_check_password(Check *check)
{
    Operation *operation = check->operation;
    const char *cell = check_cell(check, FIELD_PASSWORD), *reason = NULL, *advice = NULL;
    if (!type_takes(operation->type, operation->action, FIELD_PASSWORD))
        return true;
    bool domain = operation->type == TYPE_DOMAIN;
    if (!*cell && !is_password_required(check))
        return true;
    if (!*cell)
        return check_refuse(check, FIELD_PASSWORD, NULL,
                            domain ? "Fill in the PASSWORD of the owner's mailbox."
                                   : "Fill in the PASSWORD of the mailbox.",
                            "PASSWORD is empty, but TYPE %s with %s needs it.",
                            type_name(operation->type),
                            domain                            ? "an OWNER"
                            : operation->action == ACTION_ADD ? "ACTION ADD"
                                                              : "ACTION MODIFY");
    if (domain && (operation->action != ACTION_ADD || !check_is_given(check, FIELD_OWNER)))
        return check_refuse(check, FIELD_PASSWORD, NULL,
                            operation->action == ACTION_ADD
                                ? "Leave PASSWORD empty, or name the OWNER of the new domain."
                                : "Leave PASSWORD empty; a mailbox's is changed by a row of the "
                                  "TYPE FULL.",
                            "A domain has no PASSWORD; it is that of the new owner's mailbox.");
    if (strcmp(cell, "-") == 0)
        return check_refuse(check, FIELD_PASSWORD, NULL, "Give a password.",
                            "A lone - empties a field like PHONE; it is no password.");
    PasswordForm form = password_form(cell, check->rules->hash_schemes, &reason, &advice);
    if (form == PASSWORD_FORM_REFUSED)
        return check_refuse(check, FIELD_PASSWORD, NULL, advice, "%s", reason);
    operation->password = secret_dup(cell);
    operation->password_hashed = form == PASSWORD_FORM_HASHED;
    return true;
}

/* --- addresses --- */

static const char *self_words(const Operation *operation, Field field)
{
    if (type_is_list(operation->type))
        return "A list can't be a member of itself.";
    if (type_is_group(operation->type))
        return "A group can't be a member of itself.";
    return field == FIELD_ALIAS            ? "A mailbox can't be an alias of itself."
           : operation->type == TYPE_ALIAS ? "An alias can't lead to itself."
                                           : "An address can't forward to itself.";
}

/* One address of a cell. default_domain: of a bare one, or NULL where it must be whole. */
static Address *check_one(Check *check, Field field, const char *word, const char *default_domain)
{
    const Operation *operation = check->operation;
    g_autoptr(GError) error = NULL;
    if (strpbrk(word, ",;")) {
        check_refuse(check, field, word, "Put a space between two addresses.",
                     "%s has a comma or a semicolon in it, but addresses are separated by spaces.",
                     field_name(field));
        return NULL;
    }
    if (!default_domain && !strchr(word, '@')) {
        check_refuse(check, field, word,
                     "Give whole addresses like user@example.com, separated by spaces.",
                     "%s must hold whole addresses.", field_name(field));
        return NULL;
    }
    g_autoptr(Address) address = address_parse(word, default_domain, &error);
    if (!address) {
        check_refuse(check, field, word, "Correct the address; several are separated by spaces.",
                     "%s", error->message);
        return NULL;
    }
    if (is_filling(operation) && strcmp(address->full, operation->address->full) == 0) {
        check_refuse(check, field, word, "Take the row's own address out.", "%s",
                     self_words(operation, field));
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

/* A + or ~ where it would be taken for a part of the address, and mail go nowhere. */
static bool refuse_sign(Check *check, Field field, const char *word)
{
    const char *advice = field == FIELD_MAILFORWARD
                             ? "Name all addresses that mail is to go to, without signs."
                         : field == FIELD_TARGET
                             ? "Write the address without the sign."
                             : "Use ADD to add members and DELETE to remove them, without signs.";
    return check_refuse(check, field, word, advice,
                        "%s of TYPE %s takes no + or ~ before an address.", field_name(field),
                        type_name(check->operation->type));
}

/* The addresses of a cell, without doubles. removed: where to put those that a ~ stands before, or
 * NULL where + and ~ mean nothing. NULL: refused. */
static GPtrArray *check_addresses(Check *check, Field field, const char *default_domain,
                                  GPtrArray *removed, bool *edit)
{
    const char *cell = check_cell(check, field);
    g_autoptr(GPtrArray) found = g_ptr_array_new_with_free_func((GDestroyNotify)address_free);
    g_autoptr(GHashTable) seen = NULL, seen_removed = NULL;
    unsigned plain = 0, signs = 0;
    if (strcmp(cell, "-") == 0) {
        check_refuse(check, field, cell,
                     removed ? "Write ~ before each address that is to be removed."
                             : "Give addresses, or leave the cell empty.",
                     "A lone - empties a field like PHONE, but not this one.");
        return NULL;
    }
    while (*(cell += strspn(cell, " \t\r\n"))) {
        gsize length = strcspn(cell, " \t\r\n");
        bool sign = removed && (*cell == '+' || *cell == '~'), away = sign && *cell == '~';
        g_autofree char *word = g_strndup(cell + sign, length - sign);
        cell += length;
        if (!removed && is_filling(check->operation) && (*word == '+' || *word == '~')) {
            refuse_sign(check, field, word);
            return NULL;
        }
        *(sign ? &signs : &plain) += 1;
        g_autoptr(Address) address = check_one(check, field, word, default_domain);
        if (!address)
            return NULL;
        GPtrArray *into = away ? removed : found;
        GHashTable **known = away ? &seen_removed : &seen;
        if (is_among(into, known, address))
            continue;
        if (into->len == OPERATION_ADDRESSES_MAX) {
            check_refuse(check, field, NULL, "Spread them over several rows.",
                         "%s holds more addresses than the limit of %d in one cell.",
                         field_name(field), OPERATION_ADDRESSES_MAX);
            return NULL;
        }
        add_found(into, known, g_steal_pointer(&address));
    }
    if (plain && signs) {
        check_refuse(check, field, NULL,
                     "Write + or ~ before each address, or before none of them.",
                     "%s has addresses with + or ~ and others without.", field_name(field));
        return NULL;
    }
    if (edit)
        *edit = signs > 0;
    return g_steal_pointer(&found);
}

/* A cell that replaces what is there, or adds (+) and removes (~). */
static bool check_edit(Check *check, Field field, const char *default_domain, AddressCell *out)
{
    g_autoptr(GPtrArray) removed = g_ptr_array_new_with_free_func((GDestroyNotify)address_free);
    if (!check_is_given(check, field))
        return true;
    out->named = check_addresses(check, field, default_domain, removed, &out->edit);
    if (out->named && out->edit)
        out->removed = g_steal_pointer(&removed);
    if (out->named && out->edit && check->operation->action == ACTION_ADD && out->removed->len)
        return check_refuse(check, field, NULL, "Name what is to be there, without signs.",
                            "Nothing can be removed from what is only created.");
    return out->named != NULL;
}

static bool check_forward(Check *check)
{
    Operation *operation = check->operation;
    if (operation->type == TYPE_FULL)
        return check_edit(check, FIELD_MAILFORWARD, NULL, &operation->targets) &&
               check_edit(check, FIELD_ALIAS, operation->address->domain, &operation->aliases);
    if (operation->type != TYPE_FORWARD)
        return true;
    if (!check_is_given(check, FIELD_MAILFORWARD))
        return check_refuse(check, FIELD_MAILFORWARD, NULL,
                            "Fill in the addresses that mail is forwarded to.",
                            "MAILFORWARD is empty, but TYPE FORWARD with ACTION %s needs it.",
                            action_name(operation->action));
    operation->targets.named = check_addresses(check, FIELD_MAILFORWARD, NULL, NULL, NULL);
    return operation->targets.named != NULL;
}

/* --- TARGET --- */

static bool check_target_domain(Check *check)
{
    Operation *operation = check->operation;
    const char *cell = check_cell(check, FIELD_TARGET);
    g_autoptr(GError) error = NULL;
    operation->target_domain = domain_normalise(cell, &error);
    if (!operation->target_domain)
        return check_refuse(check, FIELD_TARGET, cell, "Give the domain that the name is for.",
                            "%s", error->message);
    if (g_str_equal(operation->target_domain, operation->address->domain))
        return check_refuse(check, FIELD_TARGET, cell, "Give another domain.",
                            "A domain can't be a further name of itself.");
    return true;
}

static bool check_target(Check *check)
{
    Operation *operation = check->operation;
    if (!type_takes(operation->type, operation->action, FIELD_TARGET) || !is_filling(operation))
        return true;
    if (!check_is_given(check, FIELD_TARGET))
        return check_refuse(check, FIELD_TARGET, NULL,
                            operation->type == TYPE_DOMAINALIAS
                                ? "Fill in the domain that the name is for."
                                : "Fill in the address of the mailbox that the mail goes to.",
                            "TARGET is empty, but TYPE %s with ACTION %s needs it.",
                            type_name(operation->type), action_name(operation->action));
    if (operation->type == TYPE_DOMAINALIAS)
        return check_target_domain(check);
    operation->targets.named =
        check_addresses(check, FIELD_TARGET, operation->address->domain, NULL, NULL);
    if (operation->targets.named && operation->targets.named->len > 1)
        return check_refuse(check, FIELD_TARGET, check_cell(check, FIELD_TARGET),
                            "Name one; for several use a FORWARD or a LIST.",
                            "TARGET holds more than one address.");
    return operation->targets.named != NULL;
}

/* --- members --- */

static bool check_member_name(Check *check)
{
    Operation *operation = check->operation;
    const char *cell = check_cell(check, FIELD_MEMBER_NAME);
    if (operation->action != ACTION_ADD || !check_is_given(check, FIELD_MEMBER_NAME))
        return true;
    if (!operation->members)
        return check_refuse(check, FIELD_MEMBER_NAME, cell, "Fill in the LIST MEMBER of that name.",
                            "MEMBER NAME is the name of one member, but LIST MEMBER is empty.");
    if (operation->members->len != 1)
        return check_refuse(check, FIELD_MEMBER_NAME, cell,
                            "Give each member that has a name a row of its own.",
                            "MEMBER NAME is the name of one member, but LIST MEMBER holds %u.",
                            operation->members->len);
    if (strlen(cell) > MEMBER_NAME_MAX)
        return check_refuse(check, FIELD_MEMBER_NAME, cell, "Shorten it.",
                            "MEMBER NAME is longer than the limit of %d bytes.", MEMBER_NAME_MAX);
    if (text_has_control(cell, ""))
        return check_refuse(check, FIELD_MEMBER_NAME, cell, "Write it on one line, without tabs.",
                            "MEMBER NAME has a line break, a tab or the like in it.");
    operation->member_name = g_strdup(cell);
    return true;
}

static bool check_members(Check *check)
{
    Operation *operation = check->operation;
    Field field = type_is_group(operation->type) ? FIELD_MEMBER : FIELD_LIST_MEMBER;
    if (!type_takes(operation->type, operation->action, field))
        return true;
    if (check_is_given(check, field)) {
        operation->members = check_addresses(check, field, operation->address->domain, NULL, NULL);
        if (!operation->members)
            return false;
    } else if (field == FIELD_MEMBER && operation->action == ACTION_ADD) {
        return check_refuse(check, field, NULL, "Name at least one MEMBER.",
                            "MEMBER is empty, but a group is never without members.");
    }
    return operation->type != TYPE_LIST || check_member_name(check);
}

/* --- FILTER --- */

static const char *const filter_types[] = {"EMAIL", "DOMAIN", "IP", NULL};

static char *filter_value(const char *type, const char *cell)
{
    g_autofree char *domain = NULL;
    if (g_str_equal(type, "EMAIL")) {
        g_autoptr(Address) address = address_parse(cell, NULL, NULL);
        return address ? g_strdup(address->full) : NULL;
    }
    if (g_str_equal(type, "IP"))
        return network_address(cell);
    domain = domain_normalise(cell + (*cell == '@' || *cell == '.'), NULL);
    return g_steal_pointer(&domain);
}

/* What FILTERTYPE says, or what FILTER looks like. */
static const char *filter_type(Check *check, const char *cell)
{
    const char *type = check_cell(check, FIELD_FILTERTYPE);
    if (!check_is_given(check, FIELD_FILTERTYPE))
        return strchr(cell, '@') && *cell != '@' ? filter_types[0]
               : g_hostname_is_ip_address(cell)  ? filter_types[2]
                                                 : filter_types[1];
    for (const char *const *known = filter_types; *known; known++)
        if (g_ascii_strcasecmp(type, *known) == 0)
            return *known;
    check_refuse(check, FIELD_FILTERTYPE, type, "Write EMAIL, DOMAIN or IP.",
                 "Unknown FILTERTYPE.");
    return NULL;
}

static bool refuse_filter(Check *check, const char *type, const char *cell)
{
    if (strchr(cell, '*'))
        return check_refuse(check, FIELD_FILTER, cell,
                            "For a domain with all below it write the domain alone, like "
                            "example.com.",
                            "FILTER can't have the sign * in it.");
    if (check_is_given(check, FIELD_FILTERTYPE))
        return check_refuse(check, FIELD_FILTER, cell,
                            "Correct it, or give the FILTERTYPE that it has; several are rows of "
                            "their own.",
                            "FILTER is no %s.",
                            *type == 'E'   ? "mail address"
                            : *type == 'I' ? "IP address"
                                           : "domain");
    return check_refuse(check, FIELD_FILTER, cell,
                        "Write one address like user@example.com, one domain like example.com, or "
                        "one IP address like 192.0.2.1; several are rows of their own.",
                        "FILTER is no mail address, no domain and no IP address.");
}

static bool check_filter(Check *check)
{
    Operation *operation = check->operation;
    const char *cell = check_cell(check, FIELD_FILTER);
    if (operation->type != TYPE_SPAMFILTER)
        return true;
    if (!check_is_given(check, FIELD_FILTER))
        return check_refuse(check, FIELD_FILTER, NULL,
                            "Fill in an address, a domain or an IP address.", "FILTER is empty.");
    const char *type = filter_type(check, cell);
    if (!type)
        return false;
    g_autofree char *value = filter_value(type, cell);
    /* An address may have a * in it, but hardly anybody means that. */
    if (!value || (operation->action == ACTION_ADD && strchr(cell, '*')))
        return refuse_filter(check, type, cell);
    operation->filter = g_strconcat(type, ":", value, NULL);
    return true;
}

/* --- OWNER --- */

static bool check_owner(Check *check)
{
    Operation *operation = check->operation;
    const char *cell = check_cell(check, FIELD_OWNER);
    g_autoptr(GError) error = NULL;
    if (!type_takes(operation->type, operation->action, FIELD_OWNER) ||
        !check_is_given(check, FIELD_OWNER))
        return true;
    operation->owner = address_parse(cell, operation->address->domain, &error);
    if (!operation->owner)
        return check_refuse(check, FIELD_OWNER, cell, "Correct the address of the owner.", "%s",
                            error->message);
    if (!g_str_equal(operation->owner->domain, operation->address->domain))
        return check_refuse(check, FIELD_OWNER, cell, "Name an address of the domain.",
                            "The owner's address lies outside the domain.");
    return true;
}

bool operation_check_names(Check *check)
{
    return (!is_filling(check->operation) || (check_forward(check) && check_target(check))) &&
           check_members(check) && check_filter(check) && check_owner(check);
}
