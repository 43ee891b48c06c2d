/* SPDX-License-Identifier: MIT */
#include "lib/spool-private.h"
#include <string.h>

/* The overlay of a job: what its rows would have made of the directory so far. Names of entries and
 * members are requests' contents, too: the store sees keyed hashes of them, the job's own. */

static char *hash_of(const Spool *spool, const char *job, const char *kind, const char *text)
{
    SealHash *hash = seal_hash_new(spool->key);
    seal_hash_part(hash, job, strlen(job));
    seal_hash_part(hash, kind, strlen(kind));
    seal_hash_part(hash, text, strlen(text));
    return seal_hash_final(hash);
}

static char *effect_label(const char *job, const char *hash)
{
    return g_strdup_printf("%s/effect/%s", job, hash);
}

SpoolEffects *spool_effects_new(SpoolClaim *claim)
{
    SpoolEffects *effects = g_new0(SpoolEffects, 1);
    effects->spool = spool_claim_spool(claim);
    effects->job = g_strdup(spool_claim_job(claim)->id);
    effects->names = g_ptr_array_new_with_free_func(g_free);
    effects->sealed = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
    effects->members = g_ptr_array_new_with_free_func(g_free);
    effects->joined = g_ptr_array_new_with_free_func(g_free);
    return effects;
}

void spool_effects_free(SpoolEffects *effects)
{
    if (!effects)
        return;
    g_ptr_array_unref(effects->names);
    g_ptr_array_unref(effects->sealed);
    g_ptr_array_unref(effects->members);
    g_ptr_array_unref(effects->joined);
    g_free(effects->job);
    g_free(effects);
}

void spool_effects_add(SpoolEffects *effects, const char *name, GVariant *effect)
{
    g_autoptr(GVariant) held = g_variant_ref_sink(effect);
    char *hash = hash_of(effects->spool, effects->job, "name", name);
    g_autofree char *label = effect_label(effects->job, hash);
    g_ptr_array_add(effects->names, hash);
    g_ptr_array_add(effects->sealed, spool_seal_variant(effects->spool, label, held));
}

void spool_effects_join(SpoolEffects *effects, const char *member, const char *name)
{
    g_ptr_array_add(effects->members, hash_of(effects->spool, effects->job, "member", member));
    g_ptr_array_add(effects->joined, hash_of(effects->spool, effects->job, "name", name));
}

static GVariant *unseal(const Spool *spool, const char *job, const char *hash, const char *type,
                        GBytes *sealed, GError **error)
{
    gsize size;
    const void *data = g_bytes_get_data(sealed, &size);
    g_autofree char *label = effect_label(job, hash);
    return spool_unseal_variant(spool, label, type, data, size, error);
}

Answer spool_effect_load(SpoolClaim *claim, const char *name, const char *type, GVariant **effect,
                         GError **error)
{
    const Spool *spool = spool_claim_spool(claim);
    const char *job = spool_claim_job(claim)->id;
    g_autofree char *hash = hash_of(spool, job, "name", name);
    g_autoptr(GBytes) sealed = NULL;
    Answer answer = spool->type->effect_load(spool->store, job, hash, &sealed, error);
    if (answer != ANSWER_YES)
        return answer;
    *effect = unseal(spool, job, hash, type, sealed, error);
    return *effect ? ANSWER_YES : ANSWER_UNKNOWN;
}

GPtrArray *spool_effects_with(SpoolClaim *claim, const char *member, const char *type,
                              GError **error)
{
    const Spool *spool = spool_claim_spool(claim);
    const char *job = spool_claim_job(claim)->id;
    g_autofree char *hash = hash_of(spool, job, "member", member);
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GPtrArray) sealed = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
    if (!spool->type->effects_with(spool->store, job, hash, names, sealed, error))
        return NULL;
    g_autoptr(GPtrArray) found = g_ptr_array_new_with_free_func((GDestroyNotify)g_variant_unref);
    for (unsigned i = 0; i < names->len; i++) {
        GVariant *effect = unseal(spool, job, names->pdata[i], type, sealed->pdata[i], error);
        if (!effect)
            return NULL;
        g_ptr_array_add(found, effect);
    }
    return g_steal_pointer(&found);
}
