/* SPDX-License-Identifier: MIT */
#include "lib/pack.h"

#include "lib/secret.h"
#include <string.h>

/* GVariant's serialised form: members one after the other, each at its alignment. Behind those of a
 * container stand the ends of the ones that have no fixed size, counted from its beginning: of an
 * array all, of a tuple all but that of the last member, and the last first. They take as many
 * bytes as the whole container needs. What is there of a maybe has a zero byte behind it. */

#define FIRST_BYTES 512

typedef struct {
    PackKind kind;
    gsize begin;
    guint ends;      /* how many were known when it began */
    bool fixed_last; /* its last member so far has a fixed size */
} Frame;

/* What a value is made of at the end. */
typedef struct {
    gsize size;
    guint8 data[];
} Block;

struct Pack {
    Block *block;
    gsize used;
    gsize *ends; /* of members of all open containers */
    guint ends_used, ends_room;
    Frame frames[PACK_DEPTH_MAX];
    guint depth;
};

static Block *block_new(gsize size)
{
    Block *block = g_malloc(sizeof *block + size);
    block->size = size;
    return block;
}

static void block_free(gpointer data)
{
    Block *block = data;
    secret_wipe(block->data, block->size);
    g_free(block);
}

Pack *pack_new(void)
{
    Pack *pack = g_new0(Pack, 1);
    pack->block = block_new(FIRST_BYTES);
    return pack;
}

void pack_free(Pack *pack)
{
    if (pack == NULL)
        return;
    g_clear_pointer(&pack->block, block_free);
    g_free(pack->ends);
    g_free(pack);
}

/* Where the next size bytes go. */
static guint8 *take(Pack *pack, gsize size)
{
    if (size > pack->block->size - pack->used) {
        Block *larger = block_new(2 * pack->block->size + size);
        memcpy(larger->data, pack->block->data, pack->used);
        block_free(pack->block);
        pack->block = larger;
    }
    pack->used += size;
    return pack->block->data + pack->used - size;
}

static void align(Pack *pack, unsigned alignment)
{
    gsize over = pack->used % alignment;
    if (over > 0)
        memset(take(pack, alignment - over), 0, alignment - over);
}

/* A member has been written to its end. */
static void member(Pack *pack, bool fixed)
{
    if (pack->depth == 0)
        return;
    Frame *frame = &pack->frames[pack->depth - 1];
    frame->fixed_last = fixed;
    if (fixed)
        return;
    if (pack->ends_used == pack->ends_room) {
        pack->ends_room = 2 * pack->ends_room + 16;
        pack->ends = g_renew(gsize, pack->ends, pack->ends_room);
    }
    pack->ends[pack->ends_used++] = pack->used - frame->begin;
}

void pack_open(Pack *pack, PackKind kind, unsigned alignment)
{
    g_assert(pack->depth < PACK_DEPTH_MAX);
    align(pack, alignment);
    pack->frames[pack->depth++] = (Frame){kind, pack->used, pack->ends_used, false};
}

/* Bytes of each end: so many that the size of the container fits, with all its ends. */
guint pack_end_width(gsize size, guint count)
{
    guint width = 1;
    while (width < sizeof(gsize) && size + (gsize)count * width > ((gsize)1 << (8 * width)) - 1)
        width *= 2;
    return width;
}

static void write_ends(Pack *pack, const Frame *frame)
{
    guint count = pack->ends_used - frame->ends;
    bool tuple = frame->kind == PACK_TUPLE;
    if (tuple && count > 0 && !frame->fixed_last)
        count--;
    guint width = pack_end_width(pack->used - frame->begin, count);
    guint8 *to = take(pack, (gsize)count * width);
    for (guint i = 0; i < count; i++) {
        guint from = frame->ends + (tuple ? count - 1 - i : i);
        for (guint k = 0; k < width; k++)
            *to++ = (guint8)(pack->ends[from] >> (8 * k));
    }
}

void pack_close(Pack *pack)
{
    g_assert(pack->depth > 0);
    const Frame *frame = &pack->frames[pack->depth - 1];
    write_ends(pack, frame);
    pack->ends_used = frame->ends;
    pack->depth--;
    member(pack, false);
}

void pack_byte(Pack *pack, guint8 value)
{
    *take(pack, 1) = value;
    member(pack, true);
}

void pack_uint32(Pack *pack, guint32 value)
{
    align(pack, sizeof value);
    memcpy(take(pack, sizeof value), &value, sizeof value);
    member(pack, true);
}

static void put(Pack *pack, gconstpointer data, gsize size)
{
    if (size > 0)
        memcpy(take(pack, size), data, size);
}

void pack_string(Pack *pack, const char *text)
{
    put(pack, text, strlen(text) + 1);
    member(pack, false);
}

void pack_maybe_string(Pack *pack, const char *text)
{
    if (text != NULL) {
        put(pack, text, strlen(text) + 1);
        *take(pack, 1) = 0;
    }
    member(pack, false);
}

void pack_value(Pack *pack, GVariant *value)
{
    put(pack, g_variant_get_data(value), g_variant_get_size(value));
    member(pack, false);
}

void pack_maybe_value(Pack *pack, GVariant *value)
{
    if (value != NULL) {
        put(pack, g_variant_get_data(value), g_variant_get_size(value));
        *take(pack, 1) = 0;
    }
    member(pack, false);
}

GVariant *pack_end(Pack *pack, const char *type)
{
    g_assert(pack->depth == 0);
    Block *block = g_steal_pointer(&pack->block);
    GVariant *value = g_variant_new_from_data(G_VARIANT_TYPE(type), block->data, pack->used, TRUE,
                                              block_free, block);
    pack_free(pack);
    return value;
}

/* --- reading --- */

void unpack_init(Unpack *unpack, GVariant *value)
{
    static const guint8 nothing[1];
    const gsize size = g_variant_get_size(value);
    unpack->begin = unpack->at = size > 0 ? g_variant_get_data(value) : nothing;
    unpack->end = unpack->begin + size;
    unpack->depth = 0;
}

static void skip_padding(Unpack *unpack, unsigned alignment)
{
    gsize over = (gsize)(unpack->at - unpack->begin) % alignment;
    unpack->at += over > 0 ? alignment - over : 0;
}

static gsize end_at(const UnpackFrame *frame, unsigned index)
{
    guint64 end = 0;
    memcpy(&end, frame->ends + (gsize)index * frame->width, frame->width);
    return (gsize)GUINT64_FROM_LE(end);
}

/* Where the next member, which has no fixed size, ends. */
static const guint8 *member_end(Unpack *unpack)
{
    if (unpack->depth == 0)
        return unpack->end;
    UnpackFrame *frame = &unpack->frames[unpack->depth - 1];
    unsigned index = frame->next++;
    if (index >= frame->count)
        return frame->ends;
    return frame->begin + end_at(frame, frame->tuple ? frame->count - 1 - index : index);
}

/* Of a container that is not empty. */
static UnpackFrame *open_frame(Unpack *unpack, unsigned alignment, gsize *size)
{
    g_assert(unpack->depth < PACK_DEPTH_MAX);
    const guint8 *end = member_end(unpack);
    if (end > unpack->at)
        skip_padding(unpack, alignment);
    UnpackFrame *frame = &unpack->frames[unpack->depth++];
    *size = (gsize)(end - unpack->at);
    *frame = (UnpackFrame){.begin = unpack->at, .ends = end, .width = pack_end_width(*size, 0)};
    return frame;
}

gsize unpack_open_array(Unpack *unpack, unsigned alignment)
{
    gsize size;
    UnpackFrame *frame = open_frame(unpack, alignment, &size);
    if (size == 0)
        return 0;
    /* The last end is that of all members, and so where the ends begin. */
    frame->ends -= frame->width;
    gsize members = end_at(frame, 0);
    frame->ends = frame->begin + members;
    frame->count = (unsigned)((size - members) / frame->width);
    return frame->count;
}

void unpack_open_tuple(Unpack *unpack, unsigned alignment, unsigned sized)
{
    gsize size;
    UnpackFrame *frame = open_frame(unpack, alignment, &size);
    frame->tuple = true;
    frame->count = sized;
    frame->ends -= (gsize)sized * frame->width;
}

void unpack_close(Unpack *unpack)
{
    g_assert(unpack->depth > 0);
    const UnpackFrame *frame = &unpack->frames[--unpack->depth];
    unpack->at = frame->ends + (gsize)frame->count * frame->width;
}

guint8 unpack_byte(Unpack *unpack)
{
    return *unpack->at++;
}

guint32 unpack_uint32(Unpack *unpack)
{
    guint32 value;
    skip_padding(unpack, sizeof value);
    memcpy(&value, unpack->at, sizeof value);
    unpack->at += sizeof value;
    return value;
}

const void *unpack_bytes(Unpack *unpack, gsize *size)
{
    const guint8 *bytes = unpack->at;
    unpack->at = member_end(unpack);
    *size = (gsize)(unpack->at - bytes);
    return bytes;
}

const char *unpack_string(Unpack *unpack)
{
    gsize size;
    return unpack_bytes(unpack, &size);
}

const char *unpack_maybe_string(Unpack *unpack)
{
    gsize size;
    const char *text = unpack_bytes(unpack, &size);
    return size > 0 ? text : NULL;
}
