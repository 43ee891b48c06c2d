/* SPDX-License-Identifier: MIT */
#include "policy/map-lmdb-file.h"
#include <string.h>

/* The format is that of data version 1, in the byte order and word size of this machine. */
#define MAGIC 0xBEEFC0DEu
#define DATA_VERSION 1
#define NO_PAGE G_MAXSIZE
#define HEADS 2
#define PAGE_MIN 512
#define PAGE_MAX 32768
/* Most pages from the root to a leaf; liblmdb itself takes 32. */
#define DEPTH_MAX 20

enum { PAGE_BRANCH = 0x01, PAGE_LEAF = 0x02, PAGE_OVERFLOW = 0x04, PAGE_HEAD = 0x08 };
enum { NODE_BIG = 0x01 };

/* What each page begins with. */
typedef struct {
    gsize number;
    guint16 key_size, flags;
    union {
        struct {
            guint16 lower, upper; /* where the offsets of nodes end, and nodes begin */
        };
        guint32 pages; /* of an overflow */
    };
} Page;

typedef struct {
    guint32 page_size; /* of the first database; else of no use */
    guint16 flags, depth;
    gsize branches, leaves, overflows, entries, root;
} Database;

typedef struct {
    guint32 magic, version;
    gsize address, map_size;
    Database free, main;
    gsize last_page, transaction;
} Head;

typedef struct {
#if G_BYTE_ORDER == G_LITTLE_ENDIAN
    guint16 low, high;
#else
    guint16 high, low;
#endif
    guint16 flags, key_size;
} Node;

typedef struct {
    const guint8 *bytes;
    gsize size, page_size, pages; /* pages: that there may be, written or not */
    const guint8 *last;           /* the key that the next one is greater than; NULL: none */
    gsize last_size;
    bool may_equal; /* it only parts two pages */
} File;

G_STATIC_ASSERT(sizeof(Page) == 8 + sizeof(gsize) && sizeof(Node) == 8);

/* --- pages --- */

/* Whether so many pages from this one on are some of the file, and no heads. */
static bool lie_in_file(const File *file, gsize number, gsize count)
{
    return number >= HEADS && count > 0 && number < file->pages && count <= file->pages - number &&
           (number + count) * file->page_size <= file->size;
}

static bool read_page(const File *file, gsize number, Page *page)
{
    if (!lie_in_file(file, number, 1))
        return false;
    memcpy(page, file->bytes + number * file->page_size, sizeof *page);
    return page->number == number;
}

static bool overflow_is_sound(const File *file, gsize number, gsize bytes)
{
    Page page;
    return read_page(file, number, &page) && page.flags == PAGE_OVERFLOW &&
           lie_in_file(file, number, page.pages) &&
           bytes <= page.pages * file->page_size - sizeof page;
}

/* The node at an index, and where it stands in its page; false when it does not lie there whole. */
static bool read_node(const File *file, const guint8 *start, const Page *page, unsigned index,
                      Node *node, gsize *offset)
{
    guint16 place;
    memcpy(&place, start + sizeof *page + index * sizeof place, sizeof place);
    *offset = place;
    if (place < page->upper || place % sizeof place != 0 || place + sizeof *node > file->page_size)
        return false;
    memcpy(node, start + place, sizeof *node);
    return place + sizeof *node + node->key_size <= file->page_size;
}

/* Keys ascend, or a search would miss them; so nothing is reached twice, either. Between pages
 * stand keys that part them; the first one of a page is of no use. */
static bool is_in_order(File *file, const guint8 *key, gsize size, bool parts)
{
    int order = 1;
    if (file->last != NULL) {
        order = memcmp(key, file->last, MIN(size, file->last_size));
        if (order == 0)
            order = size > file->last_size ? 1 : size == file->last_size && file->may_equal;
    }
    file->last = key;
    file->last_size = size;
    file->may_equal = parts;
    return order > 0;
}

static bool leaf_node_is_sound(File *file, const guint8 *start, const Node *node, gsize offset)
{
    gsize bytes = (gsize)node->high << 16 | node->low;
    gsize data = offset + sizeof *node + node->key_size, number;
    if (!is_in_order(file, start + offset + sizeof *node, node->key_size, false))
        return false;
    if (node->flags == 0)
        return bytes <= file->page_size - data;
    if (node->flags != NODE_BIG || sizeof number > file->page_size - data)
        return false;
    memcpy(&number, start + data, sizeof number);
    return overflow_is_sound(file, number, bytes);
}

static gsize child_of(const Node *node)
{
    gsize number = (gsize)node->high << 16 | node->low;
#if GLIB_SIZEOF_SIZE_T > 4
    number |= (gsize)node->flags << 32;
#endif
    return number;
}

static bool tree_is_sound(File *file, gsize number, unsigned depth);

static bool branch_node_is_sound(File *file, const guint8 *start, const Node *node, gsize offset,
                                 bool first, unsigned depth)
{
    return (first || is_in_order(file, start + offset + sizeof *node, node->key_size, true)) &&
           tree_is_sound(file, child_of(node), depth + 1);
}

static bool tree_is_sound(File *file, gsize number, unsigned depth)
{
    Page page;
    if (depth > DEPTH_MAX || !read_page(file, number, &page))
        return false;
    bool branch = page.flags == PAGE_BRANCH;
    if ((!branch && page.flags != PAGE_LEAF) || page.lower > page.upper ||
        page.lower < sizeof page || page.upper > file->page_size)
        return false;
    const guint8 *start = file->bytes + number * file->page_size;
    unsigned nodes = (unsigned)((page.lower - sizeof page) / sizeof(guint16));
    if (nodes < (branch ? 2 : 1))
        return false;
    for (unsigned i = 0; i < nodes; i++) {
        Node node;
        gsize offset = 0;
        if (!read_node(file, start, &page, i, &node, &offset) ||
            !(branch ? branch_node_is_sound(file, start, &node, offset, i == 0, depth)
                     : leaf_node_is_sound(file, start, &node, offset)))
            return false;
    }
    return true;
}

/* --- heads --- */

static bool read_head(const guint8 *bytes, gsize size, gsize place, Head *head)
{
    Page page;
    if (place + sizeof page + sizeof *head > size)
        return false;
    memcpy(&page, bytes + place, sizeof page);
    memcpy(head, bytes + place + sizeof page, sizeof *head);
    return (page.flags & PAGE_HEAD) != 0 && head->magic == MAGIC && head->version == DATA_VERSION;
}

/* The head that liblmdb will go by. */
static bool find_head(const guint8 *bytes, gsize size, Head *head)
{
    Head second;
    if (!read_head(bytes, size, 0, head))
        return false;
    gsize page_size = head->free.page_size;
    if (page_size < PAGE_MIN || page_size > PAGE_MAX || (page_size & (page_size - 1)) != 0 ||
        !read_head(bytes, size, page_size, &second) || second.free.page_size != page_size)
        return false;
    if (second.transaction > head->transaction)
        *head = second;
    return true;
}

bool map_lmdb_file_is_sound(const void *bytes, gsize size, gsize max, gsize *needed)
{
    Head head;
    if (!find_head(bytes, size, &head) || head.main.flags != 0)
        return false;
    gsize page_size = head.free.page_size;
    if (head.last_page < HEADS - 1 || head.last_page >= max / page_size)
        return false;
    *needed = (head.last_page + 1) * page_size;
    if (head.main.root == NO_PAGE)
        return true;
    File file = {.bytes = bytes, .size = size, .page_size = page_size, .pages = head.last_page + 1};
    return tree_is_sound(&file, head.main.root, 1);
}
