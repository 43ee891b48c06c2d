/* SPDX-License-Identifier: MIT */
#include "lib/settle-private.h"

/* Writes of several rows on one entry. */

static const PlannedWrite *write_at(const Work *work, const Link *link)
{
    return row_at(work, link->at)->writes->pdata[link->number];
}

static bool is_deletion(const Work *work, guint at)
{
    const Operation *operation = operation_at(work, at);
    return operation && operation->action == ACTION_DELETE && operation->type != TYPE_ALIAS;
}

/* Whether a write relies on no more of another one's row than that this write is done. A row of one
 * write is done with it. A deletion of several takes an address off its lists before: who takes off
 * another one does not rely on the rest. On that of a row which takes an alias off its account, the
 * account's own deletion does. */
static bool follows(const Work *work, const Link *link, const Link *before)
{
    const PlannedWrite *write = write_at(work, link);
    const Change *earlier = write_at(work, before)->change;
    const PlannedRow *row = row_at(work, before->at);
    const char *own = profile_mark_attribute(work->settle->context->profile);
    /* A password may be taken back again. */
    if (write->change->kind != CHANGE_MODIFY || earlier->kind != CHANGE_MODIFY || !write->mark ||
        change_password(earlier) ||
        plan_mark_line(work->settle->context->job, write->mark) != row->line)
        return false;
    return writes_of(row) == 1 ||
           (is_deletion(work, link->at) && is_deletion(work, before->at) &&
            change_only_removes(earlier, own) && change_only_removes(write->change, own));
}

void links_find(Work *work)
{
    g_autoptr(GHashTable) last = g_hash_table_new(g_str_hash, g_str_equal); /* DN → Link */
    for (guint i = 0; i < work->rows->len; i++)
        for (guint j = 0; j < writes_of(row_at(work, i)); j++) {
            Link *link = &work->tracks[i].links[j];
            *link = (Link){.at = i, .number = j};
            if (work->tracks[i].stage == STAGE_DONE)
                continue;
            const char *dn = write_at(work, link)->change->dn;
            Link *before = g_hash_table_lookup(last, dn);
            if (before && follows(work, link, before)) {
                link->before = before;
                before->after = link;
            }
            g_hash_table_replace(last, (gpointer)dn, link);
        }
}

void links_stamp(Work *work, guint at)
{
    for (guint j = 0; j < writes_of(row_at(work, at)); j++) {
        const Link *before = work->tracks[at].links[j].before;
        if (before)
            work->tracks[before->at].follower = at + 1;
    }
}
