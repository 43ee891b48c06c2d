/* SPDX-License-Identifier: MIT */
#include "lib/settle-private.h"

/* doc/settling.md tells the rules. The work goes in passes: look at the DNs of what is not done
 * (not in the very first pass of a first attempt), judge each row, then either send what stands
 * before the first row that must be planned anew, or plan anew. */

/* What stands at a DN: as read, and with what the rows judged so far will have made of it. */
typedef struct {
    Entry *entry; /* as read; NULL: absent */
    bool present;
    char *uuid;
    char *version;
    char *mark;
} State;

static void state_free(gpointer data)
{
    State *state = data;
    entry_free(state->entry);
    g_free(state->uuid);
    g_free(state->version);
    g_free(state->mark);
    g_free(state);
}

static void track_clear(Track *track)
{
    g_free(track->parts);
    g_free(track->links);
    planned_row_free(track->refused);
}

static void track_reset(Work *work, guint at)
{
    Track *track = &work->tracks[at];
    g_free(track->parts);
    g_free(track->links);
    track->parts = g_new0(Part, writes_of(row_at(work, at)) + 1);
    track->links = g_new0(Link, writes_of(row_at(work, at)) + 1);
    track->stage = STAGE_OPEN;
    track->conflict = false;
}

static void work_init(Work *work, const Settle *settle, GPtrArray *rows)
{
    work->settle = settle;
    work->rows = rows;
    work->tracks = g_new0(Track, rows->len + 1);
    work->index = g_hash_table_new(NULL, NULL);
    work->deletes = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    work->states = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, state_free);
    for (guint i = 0; i < rows->len; i++) {
        g_hash_table_insert(work->index, GUINT_TO_POINTER(row_at(work, i)->line),
                            GUINT_TO_POINTER(i + 1));
        track_reset(work, i);
    }
}

static void work_clear(Work *work)
{
    for (guint i = 0; i < work->rows->len; i++)
        track_clear(&work->tracks[i]);
    g_free(work->tracks);
    g_hash_table_unref(work->index);
    g_hash_table_unref(work->deletes);
    g_hash_table_unref(work->states);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Work, work_clear)

/* What is done of the row's plan, and of those before it, goes into the trail of to. */
void settle_follow_up(const Work *work, guint at, PlannedRow *to)
{
    const PlannedRow *row = row_at(work, at);
    if (to != row)
        planned_row_follow(to, row);
    for (guint j = 0; j < writes_of(row); j++) {
        const PlannedWrite *write = row->writes->pdata[j];
        if (work->tracks[at].parts[j] == PART_DONE && write->audit)
            g_ptr_array_add(to->trail, g_variant_ref(write->audit));
    }
}

static void row_close(Work *work, guint at)
{
    settle_follow_up(work, at, row_at(work, at));
    planned_row_close(row_at(work, at));
}

/* --- looking --- */

static Answer observe(Work *work, const char *dn, GError **error)
{
    const PlanContext *context = work->settle->context;
    if (g_hash_table_contains(work->states, dn))
        return ANSWER_YES;
    g_autoptr(Entry) entry = NULL;
    Answer answer =
        directory_read(context->directory, dn, profile_attributes(context->profile), &entry, error);
    if (answer == ANSWER_UNKNOWN)
        return answer;
    State *state = g_new0(State, 1);
    if (entry) {
        state->present = true;
        state->uuid = g_strdup(profile_entry_uuid(context->profile, entry));
        state->version = g_strdup(profile_entry_version(context->profile, entry));
        state->mark = g_strdup(profile_entry_mark(context->profile, entry));
        state->entry = g_steal_pointer(&entry);
    }
    g_hash_table_insert(work->states, g_strdup(dn), state);
    return ANSWER_YES;
}

/* Reads the DNs of every row that is not done. */
static Answer observe_all(Work *work, GError **error)
{
    g_hash_table_remove_all(work->states);
    g_hash_table_remove_all(work->deletes);
    for (guint i = 0; i < work->rows->len; i++) {
        const PlannedRow *row = row_at(work, i);
        if (work->tracks[i].stage == STAGE_DONE)
            continue;
        work->tracks[i].stage = STAGE_OPEN;
        for (guint j = 0; j < writes_of(row); j++) {
            const PlannedWrite *write = row->writes->pdata[j];
            if (observe(work, write->change->dn, error) != ANSWER_YES)
                return ANSWER_UNKNOWN;
            if (write->change->kind == CHANGE_DELETE)
                g_hash_table_insert(work->deletes, g_strdup(write->change->dn),
                                    GUINT_TO_POINTER(row->line));
        }
    }
    return ANSWER_YES;
}

/* --- judging --- */

typedef enum { JUDGED_DONE, JUDGED_PASSWORD, JUDGED_CLAIMED, JUDGED_SEND, JUDGED_OTHER } Judged;

/* This row, or a later one, was the last to write here: its line, or 0. */
static unsigned bears_mark(const Work *work, const State *state, const PlannedRow *row)
{
    unsigned line = state->present ? plan_mark_line(work->settle->context->job, state->mark) : 0;
    return line >= row->line ? line : 0;
}

static bool as_expected(const State *state, const PlannedWrite *write)
{
    if (!write->expect_present || !state->present)
        return write->expect_present == state->present;
    if (write->uuid && g_strcmp0(write->uuid, state->uuid) != 0)
        return false;
    if (write->version)
        return g_strcmp0(write->version, state->version) == 0;
    return write->mark && g_strcmp0(write->mark, state->mark) == 0;
}

/* The entry that the write is about exists no more. */
static bool is_gone(const State *state, const PlannedWrite *write)
{
    if (!write->expect_present)
        return false;
    return !state->present ||
           (write->uuid && state->uuid && !g_str_equal(write->uuid, state->uuid));
}

/* disturbed: a row that this one needs is not done as planned, so this one was not sent. */
static Judged judge(const Work *work, const PlannedRow *row, const PlannedWrite *write,
                    bool disturbed)
{
    const State *state = g_hash_table_lookup(work->states, write->change->dn);
    if (!state) /* the first pass of a first attempt does not look */
        return JUDGED_SEND;
    if (as_expected(state, write))
        return JUDGED_SEND;
    unsigned line = bears_mark(work, state, row);
    /* A later row comes only after the password, too. */
    if (line == row->line && change_password(write->change))
        return JUDGED_PASSWORD;
    /* The mark comes before the deletion where the directory checks no condition with that. */
    if (line == row->line && write->change->kind == CHANGE_DELETE)
        return JUDGED_CLAIMED;
    if (line)
        return JUDGED_DONE;
    /* Deleted: by this row, or by a later one, which came only after this one was done. */
    gpointer last = g_hash_table_lookup(work->deletes, write->change->dn);
    if (!disturbed && is_gone(state, write) && GPOINTER_TO_UINT(last) >= row->line)
        return JUDGED_DONE;
    return JUDGED_OTHER;
}

/* What the directory will hold once the write is sent. */
static void foresee(Work *work, const PlannedRow *row, const PlannedWrite *write)
{
    State *state = g_hash_table_lookup(work->states, write->change->dn);
    if (!state)
        return;
    if (write->change->kind != CHANGE_MODIFY)
        g_clear_pointer(&state->uuid, g_free);
    g_clear_pointer(&state->version, g_free);
    g_clear_pointer(&state->mark, g_free);
    state->present = write->change->kind != CHANGE_DELETE;
    if (state->present)
        state->mark = g_strdup_printf("%s/%u", work->settle->context->job, row->line);
}

/* A row is sent only when those that it needs are done: where one of its writes is found, they
 * were. So an entry that was made and deleted again is not made a second time. Those that it merely
 * follows are known only once it is done as a whole, and of one of several writes no more than the
 * one before, which is seen there. */
static void prove(Work *work)
{
    for (guint i = 0; i < work->rows->len; i++)
        work->tracks[i].proven = false;
    for (guint i = work->rows->len; i-- > 0;) {
        const PlannedRow *row = row_at(work, i);
        bool begun = work->tracks[i].proven;
        if (work->tracks[i].stage == STAGE_DONE) /* its links are gone, and those it needed done */
            continue;
        for (guint j = 0; j < writes_of(row) && !begun; j++) {
            const PlannedWrite *write = row->writes->pdata[j];
            const State *state = g_hash_table_lookup(work->states, write->change->dn);
            begun = state && !as_expected(state, write) && bears_mark(work, state, row);
        }
        if (begun)
            links_stamp(work, i);
        for (guint j = 0; begun && row->needs && j < row->needs->len; j++) {
            guint other = need_at(work, row, j);
            if (other && (work->tracks[other - 1].follower != i + 1 ||
                          (work->tracks[i].proven && writes_of(row_at(work, other - 1)) == 1)))
                work->tracks[other - 1].proven = true;
        }
    }
}

/* Whether a row that this one needs turned out, or may yet turn out, otherwise than planned. */
static bool needs_disturbed(const Work *work, const PlannedRow *row)
{
    for (guint i = 0; row->needs && i < row->needs->len; i++) {
        guint other = need_at(work, row, i);
        const Track *track = other ? &work->tracks[other - 1] : NULL;
        if (track && (track->disturbed || track->verdict == VERDICT_REPLAN))
            return true;
    }
    return false;
}

/* The row's own entry is deleted, and only what referred to it differs from what was expected. */
static bool only_removals_left(const Work *work, guint at)
{
    const PlannedRow *row = row_at(work, at);
    const Operation *operation = operation_at(work, at);
    /* A mailbox that loses an alias is changed itself; of a domain the next part is planned anew.
     */
    if (operation && (operation->action != ACTION_DELETE || operation->type == TYPE_DOMAIN))
        return false;
    guint last = writes_of(row) - 1;
    const PlannedWrite *write = row->writes->pdata[last];
    return last > 0 && write->change->kind == CHANGE_DELETE &&
           work->tracks[at].parts[last] == PART_DONE;
}

static Part part_of(Judged judged)
{
    switch (judged) {
    case JUDGED_DONE:
        return PART_DONE;
    case JUDGED_PASSWORD:
        return PART_PASSWORD;
    case JUDGED_CLAIMED:
        return PART_CLAIMED;
    default:
        return PART_OPEN;
    }
}

static Verdict judge_row(Work *work, guint at)
{
    PlannedRow *row = row_at(work, at);
    Track *track = &work->tracks[at];
    guint open = 0, passwords = 0;
    track->mismatch = false;
    if (track->stage == STAGE_DONE)
        return VERDICT_NONE;
    bool disturbed = needs_disturbed(work, row);
    if (writes_of(row) == 0)
        return disturbed ? VERDICT_REPLAN : VERDICT_NONE;
    for (guint j = 0; j < row->writes->len; j++) {
        const PlannedWrite *write = row->writes->pdata[j];
        Judged judged = track->parts[j] == PART_DONE || track->proven
                            ? JUDGED_DONE
                            : judge(work, row, write, disturbed);
        track->parts[j] = part_of(judged);
        track->mismatch |= judged == JUDGED_OTHER;
        open += judged != JUDGED_DONE;
        passwords += judged == JUDGED_PASSWORD;
        if (judged == JUDGED_SEND || judged == JUDGED_CLAIMED)
            foresee(work, row, write);
    }
    if (open == 0) {
        track->stage = STAGE_DONE;
        return VERDICT_NONE;
    }
    if (open == passwords) /* what is begun is not planned anew */
        return VERDICT_SEND;
    if (only_removals_left(work, at))
        return track->mismatch || track->conflict ? VERDICT_RENEW : VERDICT_SEND;
    if (track->mismatch || track->conflict || disturbed) {
        /* One that only follows an earlier row's fate is not counted. */
        track->mismatch = !disturbed;
        return VERDICT_REPLAN;
    }
    return VERDICT_SEND;
}

/* --- planning anew --- */

/* Those of the members that a write takes off a list, or of the lists of a member, which it has
 * still. */
static GPtrArray *members_left(const Profile *profile, const Change *old, const Entry *entry)
{
    g_autoptr(GPtrArray) removed = profile_removed_members(profile, old);
    GPtrArray *left = g_ptr_array_new();
    for (guint i = 0; i < removed->len; i++)
        if (profile_entry_refers(profile, entry, removed->pdata[i]))
            g_ptr_array_add(left, removed->pdata[i]);
    return left;
}

/* What is left of a removal now; NULL: nothing. */
static Change *renew_change(const Work *work, guint at, const Change *old, const Entry *entry)
{
    const Profile *profile = work->settle->context->profile;
    const Operation *operation = operation_at(work, at);
    g_autofree char *mark =
        g_strdup_printf("%s/%u", work->settle->context->job, row_at(work, at)->line);
    if (old->kind == CHANGE_DELETE)
        return operation && profile_entry_refers(profile, entry, operation->address->full)
                   ? profile_delete(profile, entry)
                   : NULL;
    g_autoptr(GPtrArray) left = members_left(profile, old, entry);
    return left->len ? profile_leave(profile, entry, left, mark) : NULL;
}

/* The row of which only removals are left, from the lists as they are now, and of what leads to the
 * address. */
static PlannedRow *renew(const Work *work, guint at)
{
    const Profile *profile = work->settle->context->profile;
    const PlannedRow *row = row_at(work, at);
    PlannedRow *fresh = planned_row_new(row->line, outcome_copy(row->outcome));
    for (guint j = 0; j < row->writes->len; j++) {
        const PlannedWrite *old = row->writes->pdata[j];
        const State *state = g_hash_table_lookup(work->states, old->change->dn);
        const bool open = work->tracks[at].parts[j] != PART_DONE && state && state->entry;
        Change *change = open ? renew_change(work, at, old->change, state->entry) : NULL;
        if (!change)
            continue;
        PlannedWrite *write = g_new0(PlannedWrite, 1);
        write->change = change;
        write->expect_present = true;
        write->uuid = g_strdup(profile_entry_uuid(profile, state->entry));
        write->version = g_strdup(profile_entry_version(profile, state->entry));
        write->audit = audit_change(profile, write->change, state->entry);
        g_ptr_array_add(fresh->writes, write);
    }
    return fresh;
}

/* Plans one row anew; a hash that was made stays the same. */
static Answer replan_row(Work *work, Plan *plan, guint at, PlannedRow **fresh, GError **error)
{
    const PlannedRow *row = row_at(work, at);
    Track *track = &work->tracks[at];
    if (track->verdict == VERDICT_RENEW) {
        *fresh = renew(work, at);
        plan_assume(plan, *fresh);
        return ANSWER_YES;
    }
    const Operation *operation = operation_at(work, at);
    if (!operation) { /* what the row asks for was allowed when it was planned, and is no more */
        *fresh = planned_row_new(
            row->line, outcome_failed(NULL, NULL, "Send this row again.",
                                      "The service's rules changed while the row was worked on."));
        return ANSWER_YES;
    }
    if (track->mismatch && ++track->replans > SETTLE_REPLANS_MAX) {
        *fresh = planned_row_new(
            row->line, outcome_failed(NULL, operation->address->full, "Send this row again.",
                                      "This address was changed by somebody else "
                                      "meanwhile."));
        return ANSWER_YES;
    }
    Operation again = *operation;
    if (row->hash) {
        again.password = row->hash;
        again.password_hashed = true;
    }
    if (plan_row(plan, &again, fresh, error) != ANSWER_YES)
        return ANSWER_UNKNOWN;
    if (row->hash && writes_of(*fresh))
        (*fresh)->hash = secret_dup(row->hash);
    return ANSWER_YES;
}

/* A row that is not planned anew, but not sent yet: the rows after it see its effect. */
static void assume_open(const Work *work, Plan *plan, guint at)
{
    const PlannedRow *row = row_at(work, at);
    g_autoptr(GPtrArray) open = g_ptr_array_new();
    for (guint j = 0; j < writes_of(row); j++)
        if (work->tracks[at].parts[j] != PART_DONE)
            g_ptr_array_add(open, row->writes->pdata[j]);
    PlannedRow rest = {.line = row->line, .writes = open};
    plan_assume(plan, &rest);
}

/* A plan that knows what was just read, and has read ahead for the rows to be planned anew. */
static Plan *plan_prepare(const Work *work, guint first, GError **error)
{
    g_autoptr(Plan) plan = plan_new(work->settle->context);
    g_autoptr(GPtrArray) operations = g_ptr_array_new();
    GHashTableIter iter;
    gpointer dn, state;
    g_hash_table_iter_init(&iter, work->states);
    while (g_hash_table_iter_next(&iter, &dn, &state))
        plan_observe(plan, dn, ((State *)state)->entry);
    for (guint i = first; i < work->rows->len; i++)
        if (work->tracks[i].verdict == VERDICT_REPLAN)
            g_ptr_array_add(operations, (gpointer)operation_at(work, i));
    if (plan_prefetch(plan, operations, error) != ANSWER_YES)
        return NULL;
    return g_steal_pointer(&plan);
}

/* Commits the rows with the fresh ones in the place of the old, then puts them there. */
static Answer commit_fresh(Work *work, Plan *plan, GPtrArray *fresh, GError **error)
{
    g_autoptr(GPtrArray) proposed = g_ptr_array_new();
    for (guint i = 0; i < work->rows->len; i++) {
        if (work->tracks[i].stage == STAGE_DONE)
            row_close(work, i);
        if (fresh->pdata[i])
            settle_follow_up(work, i, fresh->pdata[i]);
        g_ptr_array_add(proposed, fresh->pdata[i] ? fresh->pdata[i] : row_at(work, i));
    }
    *work->settle->deviated = true;
    if (plan_finish(plan, error) != ANSWER_YES ||
        !work->settle->commit(work->settle->data, proposed, error))
        return ANSWER_UNKNOWN;
    for (guint i = 0; i < work->rows->len; i++) {
        work->tracks[i].disturbed = false;
        g_clear_pointer(&work->tracks[i].refused, planned_row_free);
        if (!fresh->pdata[i])
            continue;
        planned_row_free(work->rows->pdata[i]);
        work->rows->pdata[i] = g_steal_pointer(&fresh->pdata[i]);
        track_reset(work, i);
    }
    return ANSWER_YES;
}

/* An attempt has ended early. Passwords that it set would be set again by the next one, which can't
 * see that: so what is done is committed, where that can be. A row that was refused is tried again,
 * as those that rely on it have not been planned anew. */
static void keep_done(Work *work)
{
    if (!work->passwords)
        return;
    g_autoptr(GPtrArray) rows = g_ptr_array_new();
    for (guint i = 0; i < work->rows->len; i++) {
        const Track *track = &work->tracks[i];
        if (track->stage == STAGE_DONE)
            row_close(work, i);
        g_ptr_array_add(rows, track->refused ? track->refused : row_at(work, i));
    }
    work->settle->commit(work->settle->data, rows, NULL);
}

/* Plans the rows anew that need it, from the first on; all rows before it are carried out. */
static Answer replan_rows(Work *work, guint first, GError **error)
{
    g_autoptr(Plan) plan = plan_prepare(work, first, error);
    if (!plan)
        return ANSWER_UNKNOWN;
    g_autoptr(GPtrArray) fresh = g_ptr_array_new_with_free_func((GDestroyNotify)planned_row_free);
    g_ptr_array_set_size(fresh, (gint)work->rows->len);
    for (guint i = first; i < work->rows->len; i++) {
        PlannedRow *row = NULL;
        switch (work->tracks[i].verdict) {
        case VERDICT_NONE:
            break;
        case VERDICT_SEND:
            assume_open(work, plan, i);
            break;
        case VERDICT_REPLAN:
        case VERDICT_RENEW:
            if (replan_row(work, plan, i, &row, error) != ANSWER_YES)
                return ANSWER_UNKNOWN;
            fresh->pdata[i] = row;
            break;
        }
    }
    return commit_fresh(work, plan, fresh, error);
}

/* --- the passes --- */

/* Judges every row in order. ANSWER_NO: nothing is left to do. *first: the first row to be
 * planned anew (or their number); *sends: whether something before it is to be sent. */
static bool judge_rows(Work *work, guint *first, bool *sends)
{
    *first = work->rows->len;
    *sends = false;
    links_find(work);
    prove(work);
    for (guint i = 0; i < work->rows->len; i++) {
        Verdict verdict = judge_row(work, i);
        work->tracks[i].verdict = verdict;
        if ((verdict == VERDICT_REPLAN || verdict == VERDICT_RENEW) && i < *first)
            *first = i;
        if (verdict == VERDICT_SEND && *first == work->rows->len)
            *sends = true;
    }
    return *sends || *first < work->rows->len;
}

Answer settle_rows(const Settle *settle, GPtrArray *rows, GError **error)
{
    g_auto(Work) work = {0};
    guint first;
    bool sends;
    work_init(&work, settle, rows);
    /* Each pass ends a row, or plans one anew for its own sake, which is bounded. */
    guint passes = 2 * rows->len * (SETTLE_REPLANS_MAX + 2) + 3;
    for (bool look = settle->again; passes; passes--, look = true) {
        if (look && observe_all(&work, error) != ANSWER_YES)
            return ANSWER_UNKNOWN;
        if (!judge_rows(&work, &first, &sends)) {
            for (guint i = 0; i < rows->len; i++)
                row_close(&work, i);
            return ANSWER_YES;
        }
        Answer answer = sends ? settle_send(&work, first, error) : replan_rows(&work, first, error);
        if (answer != ANSWER_YES && sends)
            keep_done(&work);
        if (answer != ANSWER_YES)
            return ANSWER_UNKNOWN;
    }
    g_set_error_literal(error, DIRECTORY_ERROR, DIRECTORY_ERROR_AWAY,
                        "the directory's answers do not agree with what it holds");
    return ANSWER_UNKNOWN;
}
