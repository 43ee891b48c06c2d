/* SPDX-License-Identifier: MIT */
#include "lib/plan-view.h"

/* What a slice's rows make of an entry, as a value that a later slice's plan can begin with. Of the
 * entry only what a plan would read of it is kept: no password is among that. */

static GVariant *attributes_to_variant(const Profile *profile, const Entry *entry)
{
    GVariantBuilder builder;
    g_variant_builder_init(&builder, G_VARIANT_TYPE("a(sas)"));
    for (const char *const *name = profile_attributes(profile); entry && *name; name++) {
        const GPtrArray *values = entry_values(entry, *name);
        if (!values)
            continue;
        g_variant_builder_open(&builder, G_VARIANT_TYPE("(sas)"));
        g_variant_builder_add(&builder, "s", *name);
        g_variant_builder_open(&builder, G_VARIANT_TYPE("as"));
        for (guint i = 0; i < values->len; i++)
            if (g_utf8_validate(values->pdata[i], -1, NULL))
                g_variant_builder_add(&builder, "s", values->pdata[i]);
        g_variant_builder_close(&builder);
        g_variant_builder_close(&builder);
    }
    return g_variant_builder_end(&builder);
}

GVariant *seen_to_variant(const Profile *profile, const Seen *seen)
{
    return g_variant_new("(bsmsms@a(sas))", (gboolean)(seen->entry != NULL),
                         seen->entry ? seen->entry->dn : "", seen->uuid, seen->mark,
                         attributes_to_variant(profile, seen->entry));
}

Seen *seen_from_variant(GVariant *value)
{
    if (!g_variant_is_of_type(value, G_VARIANT_TYPE(PLAN_EFFECT_TYPE)))
        return NULL;
    g_autoptr(GVariantIter) attributes = NULL;
    gboolean present = FALSE;
    const char *dn, *name, *one;
    GVariantIter *values;
    Seen *seen = g_new0(Seen, 1);
    g_variant_get(value, "(b&smsmsa(sas))", &present, &dn, &seen->uuid, &seen->mark, &attributes);
    if (!present)
        return seen;
    seen->entry = entry_new(dn);
    while (g_variant_iter_next(attributes, "(&sas)", &name, &values)) {
        g_autoptr(GVariantIter) owned = values;
        while (g_variant_iter_next(owned, "&s", &one))
            entry_add(seen->entry, name, one);
    }
    return seen;
}
