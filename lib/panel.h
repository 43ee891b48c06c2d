/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_PANEL_H
#define BATCHLOAD_PANEL_H

#include "lib/vocabulary.h"

/* The calls of the panel-style mail server API with their positional parameters, the one table for
 * both directions: a call that comes in is a row, and a change that was made is a call of an
 * add-on. doc/requests.md section 9. All of it is static; any thread. */

typedef enum {
    PANEL_CHANGE,  /* a row of type and action */
    PANEL_LISTING, /* asks what is there; prints one item a line */
    PANEL_COMMAND, /* runs a command of the configuration, or is not supported */
    PANEL_REGISTER,
} PanelKind;

/* What a parameter stands for. */
typedef enum {
    PANEL_DOMAIN,   /* DOMAIN */
    PANEL_USER,     /* USER: a local part */
    PANEL_CELL,     /* a column of one value, as it is */
    PANEL_SWITCH,   /* the same, 1 or 0 */
    PANEL_PASSWORD, /* PASSWORD */
    PANEL_ADDRESS,  /* a whole address in column */
    PANEL_NAME,     /* what the row of a further name or address is about: its DOMAIN, its USER;
                       DomainName and UserName are its TARGET then */
    PANEL_FILTER,   /* who is blocked, and as what */
    PANEL_FILTERTYPE,
    PANEL_BLOCKS, /* always 0: what it names is blocked, not allowed */
    PANEL_OTHER,  /* of no column: a folder or a server's address */
} PanelMeaning;

typedef struct {
    const char *name;
    PanelMeaning meaning;
    Field field; /* FIELD_COUNT: of none */
} PanelParameter;

#define PANEL_PARAMETERS_MAX 15

typedef struct {
    const char *name;
    PanelKind kind;
    ObjectType type;                  /* of PANEL_CHANGE and PANEL_LISTING; TYPE_COUNT: of none */
    Action action;                    /* of PANEL_CHANGE; ACTION_COUNT: of none */
    const PanelParameter *parameters; /* up to the one without a name */
    const PanelParameter *older;      /* as the older API (3.x) has them; NULL: the same */
} PanelCall;

/* All calls, up to the one without a name. */
extern const PanelCall panel_calls[];

/* By its name, in its own letters; NULL: there is none. */
const PanelCall *panel_find(const char *name);
/* The parameters that a call has for an add-on, and their number. */
const PanelParameter *panel_parameters(const PanelCall *call, bool older, unsigned *count);

#endif
