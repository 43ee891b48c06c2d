/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_SHOW_H
#define BATCHLOAD_SHOW_H

#include "lib/directory.h"
#include "lib/profile.h"

/* What is there, as the rows of a request that would make it: the way back from the directory's
 * entries to a file. doc/requests.md section 8. */

/* Most addresses, and most bytes, of one cell: a list of more members has further rows, which add
 * the rest. */
#define SHOW_ADDRESSES_MAX OPERATION_ADDRESSES_MAX
#define SHOW_CELL_BYTES_MAX 32768

/* What is remembered of a domain while it is shown: addresses that lead on to others, and values
 * of entries that wait until what they lead on to was shown. Past these, rows come in the order in
 * which the directory gives them. */
#define SHOW_WAITING_MAX 200000
#define SHOW_KEPT_VALUES_MAX 500000

/* One row. Its secret cells are empty, but for a hash that was asked for. */
typedef struct {
    ObjectType type;
    Action action;
    char *domain, *user;
    Secret *password;             /* as it is stored, or NULL */
    GPtrArray *cell[FIELD_COUNT]; /* of char *, the values of each other column; NULL: empty */
    GPtrArray *attributes;        /* of AttributeCell, the columns "@attribute"; or NULL */
} ShowRow;

/* What is to be shown. */
typedef struct {
    const char *domain; /* in normal form */
    const char *user;   /* of one address, in normal form; NULL: all in the domain */
    int type;           /* an ObjectType, or TYPE_COUNT: any */
    /* What hangs on the one address, too, as far as it lies in these domains (in normal form; with
     * everywhere in any): what leads to it alone, and that lists and groups have it as a member.
     * NULL: not. */
    const char *const *around;
    bool everywhere;
    /* Mailboxes have their PASSWORD, where the service may read one of these schemes (PASSWORD_*
     * bits); 0: none. */
    unsigned hash_schemes;
} ShowScope;

/* Most lists, groups, aliases and catch-alls that hang on one address and are shown; more of them
 * are DIRECTORY_ERROR_SIZE. */
#define SHOW_AROUND_MAX 2000

/* Takes one row, which stays the caller's; may not use the directory. false: enough. */
typedef bool (*ShowFound)(gpointer data, const ShowRow *row);

/* Hands out the rows of all that is in the scope, so that each comes behind what it names: members
 * and targets, as far as they lie in the scope. Memory is bounded by the limits above, whatever a
 * domain holds. ANSWER_YES: all of it, at least one; ANSWER_NO: there is none; ANSWER_UNKNOWN with
 * DIRECTORY_ERROR, after any number of rows. What found has had enough of is ANSWER_YES. One
 * thread, as the directory. */
Answer show_stream(Directory *directory, const Profile *profile, const ShowScope *scope,
                   ShowFound found, gpointer data, GError **error);

/* The rows of one entry that are of the type (TYPE_COUNT: any); none of what is none of our types.
 * false: found had enough. Any thread. */
bool show_entry(const Profile *profile, const Entry *entry, int type, ShowFound found,
                gpointer data);

/* Whether the column's cell has all values, separated by blanks (of attributes, by line ends); of
 * others it has the first, which is all that a request can give. */
bool show_takes_several(Field field);
/* What stands in the cell, "" where nothing does. Caller owns the result, and wipes that of a
 * secret column. */
char *show_row_cell(const ShowRow *row, Field field);
char *show_row_attribute(const ShowRow *row, const char *attribute);

/* The lines of a file with all columns that rows of the type (TYPE_COUNT: of any) may have,
 * appended to out: its headline, and a row. */
void show_file_head(GString *out, const Profile *profile, int type);
unsigned show_file_row(GString *out, const Profile *profile, int type, const ShowRow *row);
/* Whether the column's cell has values that a file can't hold; show_file_row() returns how many. */
bool show_file_loses(const ShowRow *row, Field field);

#endif
