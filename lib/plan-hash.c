/* SPDX-License-Identifier: MIT */
#include "lib/plan-hash.h"

struct PlanHashes {
    const PlanContext *context;
    HashBatch *batch; /* NULL: none yet */
    GPtrArray *rows;  /* of PlannedRow, borrowed, in the order of the batch */
    char *place;      /* what the words in the place of hashes begin with */
};

PlanHashes *plan_hashes_new(const PlanContext *context)
{
    PlanHashes *hashes = g_new0(PlanHashes, 1);
    hashes->context = context;
    hashes->rows = g_ptr_array_new();
    return hashes;
}

void plan_hashes_free(PlanHashes *hashes)
{
    hash_batch_free(hashes->batch);
    g_ptr_array_unref(hashes->rows);
    g_free(hashes->place);
    g_free(hashes);
}

static void no_method(GError **error)
{
    g_set_error_literal(error, DIRECTORY_ERROR, DIRECTORY_ERROR_SETTINGS,
                        "this system has no method to hash passwords");
}

static void add_later(PlanHashes *hashes, PlannedRow *row, const Secret *clear)
{
    const PlanContext *context = hashes->context;
    if (!hashes->place)
        hashes->place = g_uuid_string_random();
    if (!hashes->batch)
        hashes->batch = hash_batch_new(context->hasher, context->password_scheme);
    hash_batch_add(hashes->batch, clear);
    g_ptr_array_add(hashes->rows, row);
    row->hash = g_strdup_printf("%s/%u", hashes->place, row->line);
}

const char *plan_hashes_add(PlanHashes *hashes, PlannedRow *row, const Secret *clear,
                            GError **error)
{
    if (hashes->context->hasher)
        add_later(hashes, row, clear);
    else
        row->hash = password_hash(clear, hashes->context->password_scheme);
    if (!row->hash)
        no_method(error);
    return row->hash;
}

static void fill_in(PlannedRow *row, Secret *hash)
{
    for (guint i = 0; i < row->writes->len; i++)
        change_fill(((PlannedWrite *)row->writes->pdata[i])->change, row->hash, hash);
    secret_free(row->hash);
    row->hash = hash;
}

static bool fill_all(PlanHashes *hashes, GError **error)
{
    for (guint i = 0; i < hashes->rows->len; i++) {
        if (!plan_is_wanted(hashes->context, error))
            return false;
        Secret *hash = hash_batch_take(hashes->batch, i);
        if (!hash) {
            no_method(error);
            return false;
        }
        fill_in(hashes->rows->pdata[i], hash);
    }
    return true;
}

Answer plan_hashes_finish(PlanHashes *hashes, GError **error)
{
    bool well = fill_all(hashes, error);
    g_ptr_array_set_size(hashes->rows, 0);
    g_clear_pointer(&hashes->batch, hash_batch_free);
    return well ? ANSWER_YES : ANSWER_UNKNOWN;
}

bool plan_is_wanted(const PlanContext *context, GError **error)
{
    if (!context->dropped || !g_atomic_int_get(context->dropped))
        return true;
    g_set_error_literal(error, DIRECTORY_ERROR, DIRECTORY_ERROR_AWAY, "the plan is not wanted");
    return false;
}
