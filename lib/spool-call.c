/* SPDX-License-Identifier: MIT */
#include "lib/spool-call.h"
#include "lib/spool-private.h"

/* What a call says: arguments, its password, whether that is hashed. */
#define CALL_TYPE "(asmayb)"

void spool_call_free(SpoolCall *call)
{
    if (!call)
        return;
    g_free(call->job);
    g_free(call->addon);
    g_free(call->domain);
    g_free(call->object);
    g_free(call->name);
    g_clear_pointer(&call->arguments, g_ptr_array_unref);
    secret_free(call->password);
    g_free(call->reason);
    g_clear_pointer(&call->sealed, g_bytes_unref);
    g_free(call);
}

static char *label_of(const char *job)
{
    return spool_label(job, "call");
}

void spool_calls_put(SpoolClaim *claim, GPtrArray *calls)
{
    g_autofree char *label = label_of(claim->entry->job->id);
    for (guint i = 0; i < calls->len; i++) {
        SpoolCall *call = calls->pdata[i];
        g_autoptr(GVariant) said = g_variant_ref_sink(g_variant_new(
            "(@as@mayb)",
            g_variant_new_strv((const char *const *)call->arguments->pdata, call->arguments->len),
            g_variant_new_maybe(G_VARIANT_TYPE_BYTESTRING,
                                call->password ? secret_to_bytes_variant(call->password) : NULL),
            call->password_hashed));
        call->sealed = spool_seal_variant(claim->spool, label, said);
        g_clear_pointer(&call->password, secret_free);
    }
    g_clear_pointer(&claim->calls, g_ptr_array_unref);
    if (calls->len > 0)
        claim->calls = calls;
    else
        g_ptr_array_unref(calls);
}

Answer spool_calls_have_room(Spool *spool, GError **error)
{
    return spool->type->calls_have_room(spool->store, SPOOL_CALLS_MAX, error);
}

/* --- what is due --- */

static bool open_call(const Spool *spool, SpoolCall *call, GError **error)
{
    g_autofree char *label = label_of(call->job);
    gsize size;
    const void *data = g_bytes_get_data(call->sealed, &size);
    g_autoptr(GVariant) said = spool_unseal_variant(spool, label, CALL_TYPE, data, size, error);
    if (!said)
        return false;
    g_autoptr(GVariant) arguments = g_variant_get_child_value(said, 0);
    g_autoptr(GVariant) maybe = g_variant_get_child_value(said, 1);
    g_autoptr(GVariant) password = g_variant_get_maybe(maybe);
    gboolean hashed = FALSE;
    g_variant_get_child(said, 2, "b", &hashed);
    g_auto(GStrv) texts = g_variant_dup_strv(arguments, NULL);
    call->arguments = g_ptr_array_new_with_free_func(g_free);
    for (char **text = texts; *text; text++)
        g_ptr_array_add(call->arguments, g_strdup(*text));
    call->password = password ? secret_dup(g_variant_get_bytestring(password)) : NULL;
    call->password_hashed = hashed;
    return true;
}

Answer spool_call_next(Spool *spool, const char *addon, SpoolCall **call, gint64 *due,
                       GError **error)
{
    g_autoptr(SpoolCall) found = NULL;
    *due = G_MAXINT64;
    if (!spool_usable(spool, error))
        return ANSWER_UNKNOWN;
    Answer answer =
        spool->type->call_next(spool->store, addon, g_get_real_time(), &found, due, error);
    if (answer != ANSWER_YES)
        return answer;
    g_autoptr(GError) damage = NULL;
    if (!open_call(spool, found, &damage)) {
        /* Others are not held up by it for ever. */
        (void)spool_call_failed(spool, found, damage->message, 300, NULL);
        g_propagate_error(error, g_steal_pointer(&damage));
        return ANSWER_UNKNOWN;
    }
    *call = g_steal_pointer(&found);
    return ANSWER_YES;
}

/* Its job, which may wait for its calls, is looked at again. */
static void tell_job(Spool *spool, const char *id)
{
    g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&spool->lock);
    SpoolEntry *entry = spool_queue_find(spool->queue, id);
    if (!entry || !entry->awaits || entry->claimed)
        return;
    entry->awaits = false;
    entry->job->not_before = 0;
    spool_changed(spool);
}

bool spool_call_done(Spool *spool, const SpoolCall *call, GError **error)
{
    if (!spool->type->call_done(spool->store, call->number, error))
        return false;
    tell_job(spool, call->job);
    return true;
}

bool spool_call_failed(Spool *spool, const SpoolCall *call, const char *reason, unsigned seconds,
                       GError **error)
{
    const gint64 then = g_get_real_time() + (gint64)seconds * G_USEC_PER_SEC;
    if (!spool->type->call_after(spool->store, call->number, reason, then, error))
        return false;
    tell_job(spool, call->job);
    return true;
}

/* --- waiting --- */

void spool_calls_changed(Spool *spool)
{
    spool->calls++;
    g_cond_broadcast(&spool->called);
}

guint64 spool_calls_seen(Spool *spool)
{
    g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&spool->lock);
    return spool->calls;
}

void spool_calls_wait(Spool *spool, guint64 seen, gint64 due)
{
    g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&spool->lock);
    while (seen == spool->calls) {
        gint64 now = g_get_real_time();
        if (due <= now)
            break;
        /* At most a minute at a time, as the clock may be set. */
        gint64 pause = MIN(due - now, G_TIME_SPAN_MINUTE);
        g_cond_wait_until(&spool->called, &spool->lock, g_get_monotonic_time() + pause);
    }
}

void spool_calls_wake(Spool *spool)
{
    g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&spool->lock);
    spool_calls_changed(spool);
}

/* --- the job --- */

Answer spool_calls_open(SpoolClaim *claim, unsigned seconds, GError **error)
{
    Spool *spool = claim->spool;
    gint64 last = 0;
    Answer answer = spool->type->calls_open(spool->store, claim->entry->job->id, &last, error);
    if (answer != ANSWER_YES)
        return answer;
    const gint64 now = g_get_real_time();
    /* A clock that was set back is not waited for. */
    return now >= last && now < last + (gint64)seconds * G_USEC_PER_SEC ? ANSWER_YES : ANSWER_NO;
}

void spool_job_await(SpoolClaim *claim, gint64 until)
{
    g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&claim->spool->lock);
    claim->entry->awaits = true;
    claim->entry->job->not_before = until;
}

bool spool_calls_list(Spool *spool, const char *job, SpoolCallFunc found, gpointer data,
                      GError **error)
{
    return spool->type->calls_list(spool->store, job, found, data, error);
}

static bool change(Spool *spool, const char *job, bool drop, unsigned *count, GError **error)
{
    *count = 0;
    if (!spool_usable(spool, error) ||
        !spool->type->calls_change(spool->store, job, drop, count, error))
        return false;
    tell_job(spool, job);
    spool_calls_wake(spool);
    return true;
}

bool spool_calls_hurry(Spool *spool, const char *job, unsigned *count, GError **error)
{
    return change(spool, job, false, count, error);
}

bool spool_calls_drop(Spool *spool, const char *job, unsigned *count, GError **error)
{
    return change(spool, job, true, count, error);
}
