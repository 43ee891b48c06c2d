/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_PACK_H
#define BATCHLOAD_PACK_H

#include <glib.h>
#include <stdbool.h>

/* Writes the bytes of a GVariant one after the other, where building it of many small ones would
 * cost ten times as much. What is called must fit the type: the reader checks untrusted bytes, not
 * the writer. Integers are in the host's order, as GVariant's are. The buffer may hold secrets:
 * it is wiped when it moves and when the value goes. One thread. */
typedef struct Pack Pack;

typedef enum {
    PACK_TUPLE, /* (…) */
    PACK_ARRAY, /* a… */
} PackKind;

Pack *pack_new(void);
void pack_free(Pack *pack);

/* Begins and ends a container; what comes between are its members. alignment: of its type, the
 * largest of its members' (4 where an integer of 32 bits is among them, else 1). */
void pack_open(Pack *pack, PackKind kind, unsigned alignment);
void pack_close(Pack *pack);

void pack_byte(Pack *pack, guint8 value); /* y and b */
void pack_uint32(Pack *pack, guint32 value);
void pack_string(Pack *pack, const char *text);       /* UTF-8 */
void pack_maybe_string(Pack *pack, const char *text); /* NULL: not there */
void pack_maybe_value(Pack *pack, GVariant *value);   /* of alignment 1; NULL: not there */
void pack_value(Pack *pack, GVariant *value);         /* of alignment 1 */

/* What was written as a value of type, floating. Takes pack over. */
GVariant *pack_end(Pack *pack, const char *type);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Pack, pack_free)

/* What g_variant_is_normal_form() tells of a value of type, in a tenth of the time. Of types made
 * of y, b, u, s, m, a and tuples, each with a member of no fixed size; data is aligned to 4 bytes.
 * Any thread. */
bool pack_is_normal(const char *type, gconstpointer data, gsize size);
/* Bytes of each end in a container whose members take size bytes, and which has count ends. */
guint pack_end_width(gsize size, guint count);

/* Reads a value member by member, in order and all of them. What is called must fit the type, and
 * the value be in normal form (pack_is_normal()), which it must outlive. Strings belong
 * to the value. One thread. */
#define PACK_DEPTH_MAX 16

typedef struct {
    const guint8 *begin, *ends;  /* its members; behind them where each of these ends */
    unsigned width, count, next; /* bytes of one such end, their number, the next member's */
    bool tuple;
} UnpackFrame;

typedef struct {
    const guint8 *begin, *at, *end;
    UnpackFrame frames[PACK_DEPTH_MAX];
    guint depth;
} Unpack;

void unpack_init(Unpack *unpack, GVariant *value);
/* How many members an array has that is then open; of members that have no fixed size. */
gsize unpack_open_array(Unpack *unpack, unsigned alignment);
/* sized: how many of its members but the last have no fixed size. */
void unpack_open_tuple(Unpack *unpack, unsigned alignment, unsigned sized);
void unpack_close(Unpack *unpack);
guint8 unpack_byte(Unpack *unpack);
guint32 unpack_uint32(Unpack *unpack);
const char *unpack_string(Unpack *unpack);
const char *unpack_maybe_string(Unpack *unpack); /* NULL: not there */
/* The next member as it is, whatever it is; of no fixed size, and of alignment 1. */
const void *unpack_bytes(Unpack *unpack, gsize *size);

#endif
