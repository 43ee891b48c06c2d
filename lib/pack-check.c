/* SPDX-License-Identifier: MIT */
#include "lib/pack.h"

#include <string.h>

/* The same rules as GVariant's own, straight over the bytes. Members are told by from and to,
 * counted from the beginning of the value, by which alignments go. */

static const char *type_end(const char *type)
{
    while (*type == 'a' || *type == 'm')
        type++;
    if (*type != '(')
        return type + 1;
    for (type++; *type != ')';)
        type = type_end(type);
    return type + 1;
}

static gsize fixed_size(const char *type)
{
    return *type == 'u' ? 4 : *type == 'y' || *type == 'b' ? 1 : 0;
}

static gsize alignment_of(const char *type)
{
    for (const char *end = type_end(type); type < end; type++)
        if (*type == 'u')
            return 4;
    return 1;
}

static gsize read_end(const guint8 *at, unsigned width)
{
    guint64 end = 0;
    memcpy(&end, at, width);
    return (gsize)GUINT64_FROM_LE(end);
}

/* Where a member of this alignment begins behind offset; G_MAXSIZE where what is skipped is not
 * zero, or not there. */
static gsize begin_at(const guint8 *data, gsize offset, gsize alignment, gsize to)
{
    for (; offset % alignment != 0; offset++)
        if (offset >= to || data[offset] != 0)
            return G_MAXSIZE;
    return offset;
}

static bool is_text(const guint8 *text, gsize size)
{
    const guint64 low = 0x0101010101010101, high = 0x8080808080808080;
    gsize at = 0;
    if (size == 0 || text[size - 1] != 0)
        return false;
    for (; at + sizeof(guint64) < size; at += sizeof(guint64)) {
        guint64 word;
        memcpy(&word, text + at, sizeof word);
        if ((word & high) != 0 || ((word - low) & ~word & high) != 0)
            break;
    }
    return g_utf8_validate((const char *)text + at, (gssize)(size - at - 1), NULL);
}

static bool is_value(const char *type, const guint8 *data, gsize from, gsize to);

static bool is_fixed(const char *type, const guint8 *data, gsize from, gsize to)
{
    return to - from == fixed_size(type) && (*type != 'b' || data[from] <= 1);
}

static bool is_maybe(const char *type, const guint8 *data, gsize from, gsize to)
{
    if (from == to)
        return true;
    if (fixed_size(type) > 0)
        return is_fixed(type, data, from, to);
    return data[to - 1] == 0 && is_value(type, data, from, to - 1);
}

static bool is_fixed_array(const char *type, const guint8 *data, gsize from, gsize to)
{
    const gsize size = fixed_size(type);
    if ((to - from) % size != 0)
        return false;
    for (gsize at = from; *type == 'b' && at < to; at++)
        if (data[at] > 1)
            return false;
    return true;
}

static bool is_array(const char *type, const guint8 *data, gsize from, gsize to)
{
    if (from == to)
        return true;
    const unsigned width = pack_end_width(to - from, 0);
    const gsize alignment = alignment_of(type);
    const gsize members = read_end(data + to - width, width);
    if (members > to - from || (to - from - members) % width != 0)
        return false;
    const gsize count = (to - from - members) / width;
    const guint8 *ends = data + from + members;
    gsize offset = from;
    if (count == 0 || count > G_MAXUINT || pack_end_width(members, (guint)count) != width)
        return false;
    for (gsize i = 0; i < count; i++, ends += width) {
        const gsize begin = begin_at(data, offset, alignment, from + members);
        const gsize end = read_end(ends, width);
        if (begin == G_MAXSIZE || end > members || from + end < begin ||
            !is_value(type, data, begin, from + end))
            return false;
        offset = from + end;
    }
    return true;
}

/* How many members have an end: those of no fixed size but the last member. */
static guint count_ends(const char *type)
{
    guint count = 0;
    while (*type != ')') {
        const char *next = type_end(type);
        count += fixed_size(type) == 0 && *next != ')';
        type = next;
    }
    return count;
}

static bool is_tuple(const char *type, const guint8 *data, gsize from, gsize to)
{
    const unsigned width = pack_end_width(to - from, 0);
    const guint count = count_ends(type);
    if ((gsize)count * width > to - from)
        return false;
    const gsize members = to - (gsize)count * width;
    const guint8 *ends = data + to;
    gsize offset = from;
    if (pack_end_width(members - from, count) != width)
        return false;
    while (*type != ')') {
        const char *next = type_end(type);
        const gsize fixed = fixed_size(type);
        const gsize begin = begin_at(data, offset, alignment_of(type), members);
        gsize end = members;
        if (fixed > 0)
            end = begin + fixed;
        else if (*next != ')')
            end = from + read_end(ends -= width, width);
        if (begin == G_MAXSIZE || end > members || end < begin || !is_value(type, data, begin, end))
            return false;
        offset = end;
        type = next;
    }
    return offset == members;
}

static bool is_value(const char *type, const guint8 *data, gsize from, gsize to)
{
    switch (*type) {
    case 's':
        return is_text(data + from, to - from);
    case 'm':
        return is_maybe(type + 1, data, from, to);
    case 'a':
        return fixed_size(type + 1) > 0 ? is_fixed_array(type + 1, data, from, to)
                                        : is_array(type + 1, data, from, to);
    case '(':
        return is_tuple(type + 1, data, from, to);
    default:
        return is_fixed(type, data, from, to);
    }
}

bool pack_is_normal(const char *type, gconstpointer data, gsize size)
{
    static const guint8 nothing[1];
    return is_value(type, size > 0 ? data : nothing, 0, size);
}
