/* SPDX-License-Identifier: MIT */
#include "lib/vocabulary.h"

#define T(type) (1u << TYPE_##type)
#define A(action) (1u << ACTION_##action)

/* What has a name, a description and so on. */
#define NAMED                                                                                      \
    (T(FULL) | T(FORWARD) | T(LIST) | T(DLIST) | T(GROUP) | T(RESOURCE) | T(RESOURCEGROUP))

#define ALWAYS (A(ADD) | A(DELETE))
#define CHANGED (ALWAYS | A(MODIFY))
#define STOPPED (CHANGED | A(SUSPEND) | A(RESUME))
#define READ (A(SHOW) | A(EXPORT))

static const struct {
    const char *noun;
    unsigned actions;
    bool user;
} types[TYPE_COUNT] = {
    [TYPE_FULL] = {"mailbox", STOPPED | READ, true},
    [TYPE_FORWARD] = {"forward", STOPPED, true},
    [TYPE_LIST] = {"list", STOPPED, true},
    [TYPE_DLIST] = {"distribution list", STOPPED, true},
    [TYPE_ALIAS] = {"alias", ALWAYS, true},
    [TYPE_CATCHALL] = {"catch-all", CHANGED, false},
    [TYPE_GROUP] = {"group", CHANGED, true},
    [TYPE_RESOURCE] = {"resource", CHANGED, true},
    [TYPE_RESOURCEGROUP] = {"group of resources", CHANGED, true},
    [TYPE_DOMAIN] = {"domain", STOPPED | READ, false},
    [TYPE_DOMAINALIAS] = {"further name of a domain", ALWAYS, false},
    [TYPE_AUTORESPONDER] = {"automatic answer", CHANGED, true},
    [TYPE_SPAMFILTER] = {"spam filter", ALWAYS, false},
};

static const char *const names[TYPE_COUNT + 1] = {
    [TYPE_FULL] = "FULL",
    [TYPE_FORWARD] = "FORWARD",
    [TYPE_LIST] = "LIST",
    [TYPE_DLIST] = "DLIST",
    [TYPE_ALIAS] = "ALIAS",
    [TYPE_CATCHALL] = "CATCHALL",
    [TYPE_GROUP] = "GROUP",
    [TYPE_RESOURCE] = "RESOURCE",
    [TYPE_RESOURCEGROUP] = "RESOURCEGROUP",
    [TYPE_DOMAIN] = "DOMAIN",
    [TYPE_DOMAINALIAS] = "DOMAINALIAS",
    [TYPE_AUTORESPONDER] = "AUTORESPONDER",
    [TYPE_SPAMFILTER] = "SPAMFILTER",
};

static const char *const actions[ACTION_COUNT + 1] = {
    [ACTION_ADD] = "ADD",         [ACTION_DELETE] = "DELETE", [ACTION_MODIFY] = "MODIFY",
    [ACTION_SUSPEND] = "SUSPEND", [ACTION_RESUME] = "RESUME", [ACTION_SHOW] = "SHOW",
    [ACTION_EXPORT] = "EXPORT",
};

/* Of the wider vocabulary: known, and refused by a clear word. */
static const char *const later_types[] = {NULL};
static const char *const later_actions[] = {"IMPORT", NULL};

/* Who takes a column, with what. */
typedef struct {
    unsigned types, actions;
} Takers;

static const Takers takers[FIELD_COUNT] = {
    [FIELD_PASSWORD] = {T(FULL) | T(DOMAIN), A(ADD) | A(MODIFY)},
    [FIELD_MAILFORWARD] = {T(FULL) | T(FORWARD), A(ADD) | A(MODIFY)},
    [FIELD_LIST_MEMBER] = {T(LIST) | T(DLIST), A(ADD) | A(DELETE)},
    [FIELD_MEMBER_NAME] = {T(LIST), A(ADD)},
    [FIELD_MEMBER] = {T(GROUP) | T(RESOURCEGROUP), A(ADD) | A(DELETE)},
    [FIELD_ALIAS] = {T(FULL), A(ADD) | A(MODIFY)},
    [FIELD_TARGET] = {T(ALIAS) | T(CATCHALL) | T(DOMAINALIAS), A(ADD) | A(MODIFY)},
    [FIELD_FILTER] = {T(SPAMFILTER), A(ADD) | A(DELETE)},
    [FIELD_FILTERTYPE] = {T(SPAMFILTER), A(ADD) | A(DELETE)},
    [FIELD_OWNER] = {T(DOMAIN), A(ADD) | A(MODIFY)},
    [FIELD_QUOTA] = {T(FULL), A(ADD) | A(MODIFY)},
    [FIELD_LANGUAGE] = {T(FULL), A(ADD) | A(MODIFY)},
    [FIELD_TIMEZONE] = {T(FULL), A(ADD) | A(MODIFY)},
    [FIELD_ACTIVATED] = {T(FULL), A(ADD) | A(MODIFY)},
    [FIELD_CHANGEPASSWD] = {T(FULL), A(ADD) | A(MODIFY)},
    [FIELD_DISABLE] = {T(FULL), A(ADD) | A(MODIFY)},
    [FIELD_GLOBALADDRESSBOOK] = {T(FULL), A(ADD) | A(MODIFY)},
    [FIELD_SUBJECT] = {T(AUTORESPONDER), A(ADD) | A(MODIFY)},
    [FIELD_MESSAGE] = {T(AUTORESPONDER), A(ADD) | A(MODIFY)},
    [FIELD_MAX_MAILBOXES] = {T(DOMAIN), A(ADD) | A(MODIFY)},
    [FIELD_IP] = {T(DOMAIN), A(ADD) | A(MODIFY)},
    [FIELD_IPSITE] = {T(DOMAIN), A(ADD) | A(MODIFY)},
    [FIELD_MAILBOX_DIRECTORY] = {T(DOMAIN), A(ADD) | A(MODIFY)},
    [FIELD_WEB_URL] = {T(DOMAIN), A(ADD) | A(MODIFY)},
    [FIELD_ENABLE_MAILINGLISTS] = {T(DOMAIN), A(ADD) | A(MODIFY)},
    [FIELD_ENABLE_DOMAINALIASES] = {T(DOMAIN), A(ADD) | A(MODIFY)},
    [FIELD_ENABLE_DISTRIBUTIONLISTS] = {T(DOMAIN), A(ADD) | A(MODIFY)},
    [FIELD_ENABLE_SPAMFILTERS] = {T(DOMAIN), A(ADD) | A(MODIFY)},
    [FIELD_ENABLE_USERALIASES] = {T(DOMAIN), A(ADD) | A(MODIFY)},
    [FIELD_ENABLE_FORWARDS] = {T(DOMAIN) | T(FULL), A(ADD) | A(MODIFY)},
    [FIELD_ENABLE_AUTORESPONDERS] = {T(DOMAIN) | T(FULL), A(ADD) | A(MODIFY)},
    [FIELD_ENABLE_WEBACCESS] = {T(DOMAIN) | T(FULL), A(ADD) | A(MODIFY)},
    [FIELD_ATTRIBUTE] = {NAMED | T(DOMAIN), A(ADD) | A(MODIFY)},
};

/* Most bytes of a value, where nothing else is said. */
#define VALUE_BYTES_MAX 1024
/* Dovecot hands an answer's text on in one line of its own protocol, which has a limit. */
#define MESSAGE_BYTES_MAX 4096

static const struct {
    ValueKind kind;
    gsize bytes_max; /* 0: VALUE_BYTES_MAX */
} values[FIELD_VALUE_COUNT] = {
    [FIELD_DESCRIPTION - FIELD_VALUE_FIRST] = {VALUE_LINES, 4096},
    [FIELD_STREET - FIELD_VALUE_FIRST] = {VALUE_LINES, 0},
    [FIELD_POSTALADDRESS - FIELD_VALUE_FIRST] = {VALUE_LINES, 0},
    [FIELD_HOMEPOSTALADDRESS - FIELD_VALUE_FIRST] = {VALUE_LINES, 0},
    [FIELD_REGISTEREDADDRESS - FIELD_VALUE_FIRST] = {VALUE_LINES, 0},
    [FIELD_COUNTRYNAME - FIELD_VALUE_FIRST] = {VALUE_COUNTRY, 0},
    [FIELD_QUOTA - FIELD_VALUE_FIRST] = {VALUE_NUMBER, 0},
    [FIELD_LANGUAGE - FIELD_VALUE_FIRST] = {VALUE_WORD, 64},
    [FIELD_TIMEZONE - FIELD_VALUE_FIRST] = {VALUE_WORD, 64},
    [FIELD_ACTIVATED - FIELD_VALUE_FIRST] = {VALUE_SWITCH, 0},
    [FIELD_CHANGEPASSWD - FIELD_VALUE_FIRST] = {VALUE_SWITCH, 0},
    [FIELD_DISABLE - FIELD_VALUE_FIRST] = {VALUE_TEXT, 0},
    [FIELD_GLOBALADDRESSBOOK - FIELD_VALUE_FIRST] = {VALUE_SWITCH, 0},
    [FIELD_SUBJECT - FIELD_VALUE_FIRST] = {VALUE_TEXT, 256},
    [FIELD_MESSAGE - FIELD_VALUE_FIRST] = {VALUE_LINES, MESSAGE_BYTES_MAX},
    [FIELD_MAX_MAILBOXES - FIELD_VALUE_FIRST] = {VALUE_LIMIT, 0},
    [FIELD_IP - FIELD_VALUE_FIRST] = {VALUE_IP, 64},
    [FIELD_IPSITE - FIELD_VALUE_FIRST] = {VALUE_SWITCH, 0},
    [FIELD_MAILBOX_DIRECTORY - FIELD_VALUE_FIRST] = {VALUE_TEXT, 0},
    [FIELD_WEB_URL - FIELD_VALUE_FIRST] = {VALUE_URL, 0},
    [FIELD_ENABLE_MAILINGLISTS - FIELD_VALUE_FIRST] = {VALUE_SWITCH, 0},
    [FIELD_ENABLE_DOMAINALIASES - FIELD_VALUE_FIRST] = {VALUE_SWITCH, 0},
    [FIELD_ENABLE_DISTRIBUTIONLISTS - FIELD_VALUE_FIRST] = {VALUE_SWITCH, 0},
    [FIELD_ENABLE_SPAMFILTERS - FIELD_VALUE_FIRST] = {VALUE_SWITCH, 0},
    [FIELD_ENABLE_USERALIASES - FIELD_VALUE_FIRST] = {VALUE_SWITCH, 0},
    [FIELD_ENABLE_FORWARDS - FIELD_VALUE_FIRST] = {VALUE_SWITCH, 0},
    [FIELD_ENABLE_AUTORESPONDERS - FIELD_VALUE_FIRST] = {VALUE_SWITCH, 0},
    [FIELD_ENABLE_WEBACCESS - FIELD_VALUE_FIRST] = {VALUE_SWITCH, 0},
};

const char *type_name(ObjectType type)
{
    return names[type];
}

const char *type_noun(ObjectType type)
{
    return types[type].noun;
}

const char *action_name(Action action)
{
    return actions[action];
}

bool type_find(const char *name, ObjectType *type)
{
    for (unsigned i = 0; i < TYPE_COUNT; i++) {
        if (g_ascii_strcasecmp(name, names[i]) == 0) {
            *type = (ObjectType)i;
            return true;
        }
    }
    return false;
}

bool action_find(const char *name, Action *action)
{
    for (unsigned i = 0; i < ACTION_COUNT; i++) {
        if (g_ascii_strcasecmp(name, actions[i]) == 0) {
            *action = (Action)i;
            return true;
        }
    }
    return false;
}

const char *const *type_names(void)
{
    return names;
}

const char *const *action_names(void)
{
    return actions;
}

const char *const *type_later_names(void)
{
    return later_types;
}

const char *const *action_later_names(void)
{
    return later_actions;
}

bool action_reads(Action action)
{
    return action >= ACTION_SHOW;
}

bool type_does(ObjectType type, Action action)
{
    return types[type].actions & (1u << action);
}

bool type_has_user(ObjectType type)
{
    return types[type].user;
}

bool type_is_list(ObjectType type)
{
    return (T(LIST) | T(DLIST)) & (1u << type);
}

bool type_is_group(ObjectType type)
{
    return (T(GROUP) | T(RESOURCEGROUP)) & (1u << type);
}

bool type_has_white_pages(ObjectType type)
{
    return NAMED & (1u << type);
}

bool type_takes(ObjectType type, Action action, Field field)
{
    if (field >= FIELD_WHITE_FIRST && field <= FIELD_WHITE_LAST)
        return (NAMED & (1u << type)) && ((A(ADD) | A(MODIFY)) & (1u << action));
    return (takers[field].types & (1u << type)) && (takers[field].actions & (1u << action));
}

ValueKind field_kind(Field field)
{
    return values[field - FIELD_VALUE_FIRST].kind;
}

gsize field_bytes_max(Field field)
{
    gsize most = values[field - FIELD_VALUE_FIRST].bytes_max;
    return most ? most : VALUE_BYTES_MAX;
}
