/* SPDX-License-Identifier: MIT */
#include "lib/undo.h"
#include <string.h>

/* How often one entry is looked at again after another writer came between. */
#define UNDO_ATTEMPTS 10

typedef struct {
    unsigned line;
    Change *change;
} Done;

/* One entry as it was, and what the slice does to it. */
typedef struct {
    char *dn;
    Entry *entry;    /* NULL: absent */
    GPtrArray *done; /* of Done, in order; whether each was sent is seen by the entry's mark */
} Image;

struct Undo {
    const PlanContext *context;
    unsigned first, last;
    GPtrArray *images; /* of Image, in the order in which they were met */
    GHashTable *index; /* DN → Image; both borrowed */
};

static void done_free(gpointer data)
{
    Done *done = data;
    change_free(done->change);
    g_free(done);
}

static void image_free(gpointer data)
{
    Image *image = data;
    g_free(image->dn);
    entry_free(image->entry);
    g_ptr_array_unref(image->done);
    g_free(image);
}

Undo *undo_new(const PlanContext *context, unsigned first, unsigned last)
{
    Undo *undo = g_new0(Undo, 1);
    undo->context = context;
    undo->first = first;
    undo->last = last;
    undo->images = g_ptr_array_new_with_free_func(image_free);
    undo->index = g_hash_table_new(g_str_hash, g_str_equal);
    return undo;
}

void undo_free(Undo *undo)
{
    if (!undo)
        return;
    g_hash_table_unref(undo->index);
    g_ptr_array_unref(undo->images);
    g_free(undo);
}

/* Everything that a person could have written, and what the profile asks for. */
static Answer read_whole(const Undo *undo, const char *dn, Entry **entry, GError **error)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    const char *const *own = profile_attributes(undo->context->profile);
    g_ptr_array_add(names, (gpointer) "*");
    for (; *own; own++)
        g_ptr_array_add(names, (gpointer)*own);
    g_ptr_array_add(names, NULL);
    *entry = NULL;
    return directory_read(undo->context->directory, dn, (const char *const *)names->pdata, entry,
                          error);
}

static const char *mark_of(const Undo *undo, const Entry *entry)
{
    return entry ? profile_entry_mark(undo->context->profile, entry) : NULL;
}

/* A row of this slice was the last to write here. */
static bool is_ours(const Undo *undo, const Entry *entry)
{
    unsigned line = plan_mark_line(undo->context->job, mark_of(undo, entry));
    return line >= undo->first && line <= undo->last;
}

static bool deletes(const Image *image)
{
    for (guint i = 0; i < image->done->len; i++)
        if (((Done *)image->done->pdata[i])->change->kind == CHANGE_DELETE)
            return true;
    return false;
}

/* --- keeping --- */

static Image *image_add(Undo *undo, const char *dn, Entry *entry)
{
    Image *image = g_new0(Image, 1);
    image->dn = g_strdup(dn);
    image->entry = entry;
    image->done = g_ptr_array_new_with_free_func(done_free);
    g_ptr_array_add(undo->images, image);
    g_hash_table_insert(undo->index, image->dn, image);
    return image;
}

static Answer image_of(Undo *undo, const char *dn, GHashTable *looked, Image **image,
                       GError **error)
{
    *image = g_hash_table_lookup(undo->index, dn);
    if (g_hash_table_contains(looked, dn))
        return ANSWER_YES;
    Entry *entry = NULL;
    if (read_whole(undo, dn, &entry, error) == ANSWER_UNKNOWN)
        return ANSWER_UNKNOWN;
    g_hash_table_add(looked, g_strdup(dn));
    if (!*image) {
        *image = image_add(undo, dn, entry);
    } else if (is_ours(undo, entry) || (!entry && deletes(*image))) {
        entry_free(entry); /* written already: what was before is what is kept */
    } else {
        entry_free((*image)->entry);
        (*image)->entry = entry;
        g_ptr_array_set_size((*image)->done, 0);
    }
    return ANSWER_YES;
}

Answer undo_prepare(Undo *undo, GPtrArray *rows, GError **error)
{
    g_autoptr(GHashTable) looked = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (guint i = 0; i < rows->len; i++) {
        const PlannedRow *row = rows->pdata[i];
        for (guint j = 0; row->writes && j < row->writes->len; j++) {
            const PlannedWrite *write = row->writes->pdata[j];
            Image *image = NULL;
            if (image_of(undo, write->change->dn, looked, &image, error) != ANSWER_YES)
                return ANSWER_UNKNOWN;
            Done *done = g_new0(Done, 1);
            done->line = row->line;
            done->change = change_copy(write->change);
            g_ptr_array_add(image->done, done);
        }
    }
    return ANSWER_YES;
}

/* --- what is to be taken back --- */

static bool same_values(const GPtrArray *left, const GPtrArray *right)
{
    guint count = left ? left->len : 0;
    if (count != (right ? right->len : 0))
        return false;
    for (guint i = 0; i < count; i++)
        if (!g_ptr_array_find_with_equal_func((GPtrArray *)right, left->pdata[i], g_str_equal,
                                              NULL))
            return false;
    return true;
}

static bool is_whole(const Mod *mod)
{
    return mod->kind == MOD_REPLACE || mod->values->len == 0;
}

/* What the slice knows of one attribute of an entry. */
typedef struct {
    bool whole;        /* it set all values at least once */
    bool written;      /* and they stand there */
    GPtrArray *values; /* of char *: those that it added or removed one by one; borrowed */
} Touched;

static void touched_free(gpointer data)
{
    Touched *touched = data;
    g_ptr_array_unref(touched->values);
    g_free(touched);
}

/* password_stands: the password that is there is one that the slice had the directory set. */
static void touch(GHashTable *all, const Mod *mod, const Entry *now, bool password_stands)
{
    if (mod->kind == MOD_WAS)
        return;
    g_autofree char *name = g_ascii_strdown(mod->attribute, -1);
    Touched *touched = g_hash_table_lookup(all, name);
    if (!touched) {
        touched = g_new0(Touched, 1);
        touched->values = g_ptr_array_new();
        g_hash_table_insert(all, g_strdup(name), touched);
    }
    if (mod->kind == MOD_PASSWORD) {
        touched->whole = true;
        touched->written |= password_stands;
        return;
    }
    if (is_whole(mod)) {
        touched->whole = true;
        touched->written |= same_values(entry_values(now, name), mod->values);
    }
    for (guint i = 0; !is_whole(mod) && i < mod->values->len; i++)
        g_ptr_array_add(touched->values, mod->values->pdata[i]);
}

/* The mods that bring an attribute back. false: somebody else set it since. */
static bool revert(Change *change, const char *name, const Touched *touched, const Entry *before,
                   const Entry *now)
{
    const GPtrArray *was = entry_values(before, name);
    if (touched->whole) {
        if (same_values(was, entry_values(now, name)))
            return true;
        if (!touched->written)
            return false;
        change_mod(change, MOD_REPLACE, name, NULL);
        for (guint i = 0; was && i < was->len; i++)
            change_mod(change, MOD_REPLACE, name, was->pdata[i]);
        return true;
    }
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    for (guint i = 0; i < touched->values->len; i++) {
        const char *value = touched->values->pdata[i];
        if (!g_hash_table_add(seen, (gpointer)value))
            continue;
        bool then = entry_has(before, name, value, true), still = entry_has(now, name, value, true);
        if (then != still)
            change_mod(change, then ? MOD_ADD : MOD_DELETE, name, value);
    }
    return true;
}

/* The entry is the one that was there, and bears our mark. */
static Change *revert_entry(const Undo *undo, const Image *image, const Entry *now,
                            bool password_stands, bool *left)
{
    const char *mark_name = profile_mark_attribute(undo->context->profile);
    g_autoptr(GHashTable) all =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, touched_free);
    for (guint i = 0; i < image->done->len; i++) {
        const Done *done = image->done->pdata[i];
        for (guint j = 0; done->change->kind == CHANGE_MODIFY && j < done->change->mods->len; j++) {
            const Mod *mod = done->change->mods->pdata[j];
            if (g_ascii_strcasecmp(mod->attribute, mark_name) != 0)
                touch(all, mod, now, password_stands);
        }
    }
    /* The mark that comes before a deletion may have brought its class. */
    g_autoptr(Change) claim = profile_claim(undo->context->profile, image->dn, NULL);
    for (guint i = 0; deletes(image) && i < claim->mods->len; i++)
        if (((const Mod *)claim->mods->pdata[i])->kind == MOD_ADD)
            touch(all, claim->mods->pdata[i], now, false);
    Change *change = change_new(CHANGE_MODIFY, image->dn);
    GHashTableIter iter;
    gpointer name, touched;
    g_hash_table_iter_init(&iter, all);
    while (g_hash_table_iter_next(&iter, &name, &touched))
        if (!revert(change, name, touched, image->entry, now))
            *left = true;
    change_mod(change, MOD_REPLACE, mark_name, mark_of(undo, image->entry));
    return change;
}

/* What stands there is the entry of before. Another unique id is the slice's own entry at a name
 * that it had cleared; or, where it cleared none, the entry that was made again when a later slice
 * was taken back. */
static bool is_same(const Undo *undo, const Image *image, const Entry *now)
{
    const Profile *profile = undo->context->profile;
    return image->entry && (!deletes(image) || g_strcmp0(profile_entry_uuid(profile, image->entry),
                                                         profile_entry_uuid(profile, now)) == 0);
}

/* Of a password that the directory hashed nobody else knows what stands there: it is tried. */
static Answer password_stands(const Undo *undo, const Image *image, const Entry *now, bool *stands,
                              GError **error)
{
    *stands = false;
    for (guint i = image->done->len; !*stands && i-- > 0;) {
        const Change *change = ((Done *)image->done->pdata[i])->change;
        const Mod *mod = change_password(change);
        if (!mod || same_values(entry_values(image->entry, mod->attribute),
                                entry_values(now, mod->attribute)))
            continue;
        Answer answer = directory_check_password(undo->context->directory, change->dn,
                                                 mod->values->pdata[0], error);
        if (answer == ANSWER_UNKNOWN)
            return answer;
        *stands = answer == ANSWER_YES;
    }
    return ANSWER_YES;
}

/* The next change towards what was, or NULL: there is none (any more). */
static Change *next_change(const Undo *undo, const Image *image, const Entry *now, bool relax,
                           bool password_stands, bool *left)
{
    const Profile *profile = undo->context->profile;
    const Entry *before = image->entry;
    if (now && is_ours(undo, now)) {
        if (is_same(undo, image, now))
            return revert_entry(undo, image, now, password_stands, left);
        return profile_delete(profile, now);
    }
    if (!before)
        return NULL; /* absent, or somebody else's own */
    if (!now) {
        if (deletes(image))
            return profile_restore(profile, before, relax);
        *left = true;
        return NULL;
    }
    /* Untouched, or taken back, has the mark that it had. */
    if (g_strcmp0(mark_of(undo, before), mark_of(undo, now)) != 0)
        *left = true;
    return NULL;
}

/* --- doing --- */

/* ANSWER_NO: it came otherwise, look again. */
static Answer send(const Undo *undo, const Change *change, const Entry *now, bool *relax,
                   bool *left, GError **error)
{
    const Profile *profile = undo->context->profile;
    char *assertion = now ? profile_assertion(profile, profile_entry_uuid(profile, now),
                                              profile_entry_version(profile, now), NULL)
                          : NULL;
    g_autoptr(GPtrArray) writes = g_ptr_array_new_with_free_func((GDestroyNotify)write_free);
    Write *write = write_new(change, assertion);
    write->relax = change->kind == CHANGE_ADD && *relax;
    if (change->kind == CHANGE_DELETE && mark_of(undo, now)) /* which it has, so it stays ours */
        write->claim = profile_claim(profile, change->dn, mark_of(undo, now));
    g_ptr_array_add(writes, write);
    if (directory_apply(undo->context->directory, writes, error) != ANSWER_YES)
        return ANSWER_UNKNOWN;
    if (write->state == WRITE_REFUSED && write->relax) {
        *relax = false; /* with a new unique id, then */
        return ANSWER_NO;
    }
    if (write->state == WRITE_REFUSED) {
        *left = true;
        return ANSWER_YES;
    }
    return ANSWER_NO;
}

static Answer undo_image(const Undo *undo, const Image *image, bool *left, GError **error)
{
    bool relax = true;
    for (unsigned i = 0; i < UNDO_ATTEMPTS; i++) {
        Entry *read = NULL;
        bool foreign = false, stands = false;
        if (read_whole(undo, image->dn, &read, error) == ANSWER_UNKNOWN)
            return ANSWER_UNKNOWN;
        g_autoptr(Entry) now = read;
        if (now && is_ours(undo, now) && is_same(undo, image, now) &&
            password_stands(undo, image, now, &stands, error) != ANSWER_YES)
            return ANSWER_UNKNOWN;
        g_autoptr(Change) change = next_change(undo, image, now, relax, stands, &foreign);
        *left |= foreign;
        if (!change)
            return ANSWER_YES;
        Answer answer = send(undo, change, now, &relax, left, error);
        if (answer != ANSWER_NO)
            return answer;
    }
    *left = true;
    return ANSWER_YES;
}

Answer undo_run(Undo *undo, GArray *left, GError **error)
{
    for (guint i = undo->images->len; i-- > 0;) {
        const Image *image = undo->images->pdata[i];
        bool foreign = false;
        if (undo_image(undo, image, &foreign, error) != ANSWER_YES)
            return ANSWER_UNKNOWN;
        for (guint j = 0; foreign && j < image->done->len; j++)
            g_array_append_val(left, ((Done *)image->done->pdata[j])->line);
    }
    return ANSWER_YES;
}

Answer undo_refused(const PlanContext *context, unsigned line, const Change *change, bool *left,
                    GError **error)
{
    g_autoptr(Undo) undo = undo_new(context, line, line);
    Image *image = image_add(undo, change->dn, change_before(change));
    Done *done = g_new0(Done, 1);
    done->line = line;
    done->change = change_alone(change);
    g_ptr_array_add(image->done, done);
    *left = false;
    return undo_image(undo, image, left, error);
}

/* --- as one value --- */

static void add_entry(GVariantBuilder *builder, const Entry *entry)
{
    g_variant_builder_open(builder, G_VARIANT_TYPE("a(saay)"));
    for (guint k = 0; entry && k < entry->attributes->len; k++) {
        const Attribute *attribute = entry_attribute(entry, k);
        g_variant_builder_open(builder, G_VARIANT_TYPE("(saay)"));
        g_variant_builder_add(builder, "s", attribute->name);
        g_variant_builder_open(builder, G_VARIANT_TYPE("aay"));
        for (guint i = 0; i < attribute->values->len; i++)
            g_variant_builder_add_value(builder,
                                        secret_to_bytes_variant(attribute->values->pdata[i]));
        g_variant_builder_close(builder);
        g_variant_builder_close(builder);
    }
    g_variant_builder_close(builder);
}

GVariant *undo_to_variant(const Undo *undo)
{
    GVariantBuilder builder;
    g_variant_builder_init(&builder, G_VARIANT_TYPE(UNDO_TYPE));
    for (guint i = 0; i < undo->images->len; i++) {
        const Image *image = undo->images->pdata[i];
        g_variant_builder_open(&builder, G_VARIANT_TYPE("(sba(saay)a(u" CHANGE_TYPE "))"));
        g_variant_builder_add(&builder, "s", image->dn);
        g_variant_builder_add(&builder, "b", (gboolean)(image->entry != NULL));
        add_entry(&builder, image->entry);
        g_variant_builder_open(&builder, G_VARIANT_TYPE("a(u" CHANGE_TYPE ")"));
        for (guint j = 0; j < image->done->len; j++) {
            const Done *done = image->done->pdata[j];
            g_variant_builder_add(&builder, "(u@" CHANGE_TYPE ")", done->line,
                                  change_to_variant(done->change));
        }
        g_variant_builder_close(&builder);
        g_variant_builder_close(&builder);
    }
    return g_variant_builder_end(&builder);
}

static Entry *entry_from(const char *dn, GVariantIter *attributes)
{
    Entry *entry = entry_new(dn);
    GVariantIter *values;
    const char *name, *value;
    while (g_variant_iter_next(attributes, "(&saay)", &name, &values)) {
        g_autoptr(GVariantIter) owned = values;
        while (g_variant_iter_next(owned, "^&ay", &value))
            entry_add(entry, name, value);
    }
    return entry;
}

Undo *undo_from_variant(const PlanContext *context, unsigned first, unsigned last, GVariant *value)
{
    if (!value || !g_variant_is_of_type(value, G_VARIANT_TYPE(UNDO_TYPE)))
        return NULL;
    g_autoptr(Undo) undo = undo_new(context, first, last);
    GVariantIter iter, *attributes, *changes;
    const char *dn;
    gboolean present;
    g_variant_iter_init(&iter, value);
    while (g_variant_iter_next(&iter, "(&sba(saay)a(u" CHANGE_TYPE "))", &dn, &present, &attributes,
                               &changes)) {
        g_autoptr(GVariantIter) own_attributes = attributes, own_changes = changes;
        Image *image = image_add(undo, dn, present ? entry_from(dn, own_attributes) : NULL);
        unsigned line;
        GVariant *child;
        while (g_variant_iter_next(own_changes, "(u@" CHANGE_TYPE ")", &line, &child)) {
            g_autoptr(GVariant) held = child;
            Done *done = g_new0(Done, 1);
            done->line = line;
            done->change = change_from_variant(held);
            g_ptr_array_add(image->done, done);
            if (!done->change)
                return NULL;
        }
    }
    return g_steal_pointer(&undo);
}
