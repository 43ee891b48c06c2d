/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_SHOW_PRIVATE_H
#define BATCHLOAD_SHOW_PRIVATE_H

#include "lib/show.h"

/* What the sources of this room share: the rows of one entry. */

/* What the rows of one entry are made of, and go to. */
typedef struct {
    const Profile *profile;
    const Entry *entry;
    ObjectType type; /* the entry's own */
    char *domain, *user;
    int wanted; /* the type of rows, TYPE_COUNT: any */
    unsigned hash_schemes;
    ShowFound found;
    gpointer data;
} Rows;

void show_row_clear(ShowRow *row);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ShowRow, show_row_clear)
void show_rows_clear(Rows *rows);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Rows, show_rows_clear)

void show_set_cell(ShowRow *row, Field field, const char *value, gsize length);

/* false: it is none of our types, or has no address. */
bool show_rows_init(Rows *rows, const Profile *profile, const Entry *entry);
/* The row of the entry itself, with or without its owner; and those that it has besides. All of
 * them: false when found had enough. */
bool show_give_own(const Rows *rows, bool owner);
bool show_give_blocked(const Rows *rows);
/* Who owns a domain is said once the account is there. */
bool show_give_owner(const Rows *rows);
/* What a new entry is not: suspended. */
bool show_give_suspended(const Rows *rows);
/* All of them. rows has what init leaves as it is. */
bool show_give_entry(Rows *rows, const Profile *profile, const Entry *entry);
/* What is shown of an entry beside the address that it refers to. */
bool show_give_referrer(const Profile *profile, const Entry *entry, const char *address,
                        ShowFound found, gpointer data);

#endif
