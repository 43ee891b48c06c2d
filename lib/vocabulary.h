/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_VOCABULARY_H
#define BATCHLOAD_VOCABULARY_H

#include "lib/field.h"

/* The objects and actions of a request, and which columns each of them takes. doc/requests.md,
 * section 8. The values are never stored (names are). All of it is static; any thread. */

typedef enum {
    TYPE_FULL,
    TYPE_FORWARD,
    TYPE_LIST,
    TYPE_DLIST,
    TYPE_ALIAS,
    TYPE_CATCHALL,
    TYPE_GROUP,
    TYPE_RESOURCE,
    TYPE_RESOURCEGROUP,
    TYPE_DOMAIN,
    TYPE_DOMAINALIAS,
    TYPE_AUTORESPONDER, /* from here on: no entry of its own, but a part of another's */
    TYPE_SPAMFILTER,
    TYPE_COUNT,
} ObjectType;
#define TYPE_ENTRY_COUNT TYPE_AUTORESPONDER

typedef enum {
    ACTION_ADD,
    ACTION_DELETE,
    ACTION_MODIFY,
    ACTION_SUSPEND,
    ACTION_RESUME,
    ACTION_SHOW, /* from here on: nothing is changed, see action_reads() */
    ACTION_EXPORT,
    ACTION_COUNT,
} Action;

const char *type_name(ObjectType type);             /* "FULL" */
const char *type_noun(ObjectType type);             /* "mailbox", for sentences */
const char *action_name(Action action);             /* "ADD" */
bool type_find(const char *name, ObjectType *type); /* without case */
bool action_find(const char *name, Action *action); /* without case */

/* All names; and those that are known and not available yet. NULL-terminated. */
const char *const *type_names(void);
const char *const *action_names(void);
const char *const *type_later_names(void);
const char *const *action_later_names(void);

/* Whether it tells what is there, and changes nothing. */
bool action_reads(Action action);
/* Whether there is this action on this type. */
bool type_does(ObjectType type, Action action);
/* Whether USER names it; else it is the domain's, and USER stays empty. */
bool type_has_user(ObjectType type);
/* Whether it has members: those of lists are addresses of any kind, those of groups ours. */
bool type_is_list(ObjectType type);
bool type_is_group(ObjectType type);
/* Whether it is a person or a thing with a name and the white pages. */
bool type_has_white_pages(ObjectType type);
/* Whether the action on the type looks at the column, DOMAIN to ACTION apart; of columns
 * "@attribute" the profile says which. */
bool type_takes(ObjectType type, Action action, Field field);

/* How the value of a column is written; of the columns that hold one value. */
typedef enum {
    VALUE_TEXT,    /* one line */
    VALUE_LINES,   /* several */
    VALUE_COUNTRY, /* two letters (ISO 3166) */
    VALUE_SWITCH,  /* yes or no, 1 or 0 */
    VALUE_NUMBER,  /* from 1 */
    VALUE_LIMIT,   /* from 0; -1: none */
    VALUE_IP,
    VALUE_URL,
    VALUE_WORD, /* letters, digits, and _ - + / . */
} ValueKind;

ValueKind field_kind(Field field);
gsize field_bytes_max(Field field);

#endif
