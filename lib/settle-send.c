/* SPDX-License-Identifier: MIT */
#include "lib/settle-private.h"
#include "lib/undo.h"

/* The writes of a slice on their way: each as soon as what it relies on is done, and those of
 * several rows on one entry in one request where that makes no difference to any row. */

/* Most rows whose writes go in one request, and most bytes of attributes and values of such a one;
 * servers take requests of 256 KiB at least. */
#define JOIN_ROWS_MAX 1000
#define JOIN_BYTES_MAX 100000

/* A row, as far as sending goes. */
typedef struct {
    guint blockers;  /* rows that it needs and that have not ended; but those it merely follows */
    GArray *waiters; /* of guint: the rows that it blocks; NULL: none */
    bool held;       /* a row that it needs did not end as planned */
    bool queued;     /* its next write is to be sent, or is on its way */
    bool alone;      /* goes without waiting for the rows that could go with it */
    bool ended;
    guint share; /* most rows in one request with it */
} Node;

/* One request. */
typedef struct {
    Write *write;
    Change *joined;   /* what it does, for several rows; or NULL */
    gsize size;       /* of that */
    GPtrArray *links; /* of Link: what it carries out, in order */
} Parcel;

typedef struct {
    Work *work;
    guint end;
    Node *nodes;
    GQueue look;         /* rows (index + 1) to be looked at again */
    GQueue ready;        /* rows whose next write can be sent */
    GQueue late;         /* the same, but rows that could go with them are not ready yet */
    GHashTable *parcels; /* Write → Parcel, on its way */
    GPtrArray *refused;  /* of Parcel: all but the password is done, and that was refused */
} Sending;

static void parcel_free(Parcel *parcel)
{
    if (parcel->write)
        write_free(parcel->write);
    change_free(parcel->joined);
    g_ptr_array_unref(parcel->links);
    g_free(parcel);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Parcel, parcel_free)

static void sending_clear(Sending *sending)
{
    for (guint i = 0; i < sending->end; i++)
        g_clear_pointer(&sending->nodes[i].waiters, g_array_unref);
    g_free(sending->nodes);
    g_queue_clear(&sending->look);
    g_queue_clear(&sending->ready);
    g_queue_clear(&sending->late);
    g_hash_table_unref(sending->parcels);
    g_ptr_array_unref(sending->refused);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Sending, sending_clear)

/* --- results --- */

/* What was done of the row before a write is refused: an address that is to be deleted was taken
 * off lists, maybe before it was planned anew; or the mailbox is there, but not all its aliases. */
static const char *done_before(const Work *work, guint at)
{
    const PlannedRow *row = row_at(work, at);
    const PlannedWrite *last = row->writes->pdata[row->writes->len - 1];
    const bool begun = work->tracks[at].parts[0] == PART_DONE;
    if (last->change->kind == CHANGE_DELETE)
        return begun || row->trail->len > 0 ? " It was taken off its lists before that." : "";
    return begun ? " A part of the row was done before that; look at this address." : "";
}

/* What the row gives an attribute, where that is one value. */
static const char *only_value(const Operation *operation, const char *attribute)
{
    const AttributeCell *cell = attribute_cells_find(operation->attributes, attribute);
    return cell && cell->values->len == 1 ? cell->values->pdata[0] : NULL;
}

/* The sentence for a write that the directory refuses. */
static Outcome *refusal(const Work *work, guint at, const Write *write, bool left)
{
    const Operation *operation = operation_at(work, at);
    const Field which =
        profile_field_of_attribute(work->settle->context->profile, write->attribute);
    const char *field = which != FIELD_COUNT ? field_name(which) : NULL;
    if (which == FIELD_ATTRIBUTE)
        field = profile_column_name(work->settle->context->profile, write->attribute);
    const char *value = operation ? operation->address->full : NULL;
    const bool secret = field_is_secret(which);
    if (secret)
        value = NULL;
    else if (operation && which >= FIELD_VALUE_FIRST && which <= FIELD_VALUE_LAST)
        value = operation->value[which - FIELD_VALUE_FIRST];
    else if (operation && which == FIELD_ATTRIBUTE)
        value = only_value(operation, write->attribute);
    bool text = write->server_text && (write->changed || !secret);
    const char *partly =
        left ? " The rest of the row was done before that, and not all of it could be taken back; "
               "look at this address."
             : done_before(work, at);
    const char *advice = field_advice(which);
    const char *words = write->words ? write->words : "The directory refuses this row.";
    return outcome_failed(field, value, advice ? advice : "Correct the row and send it again.",
                          "%.*s%s%s%s.%s", (int)strlen(words) - 1, words,
                          text ? " (the directory says: " : "", text ? write->server_text : "",
                          text ? ")" : "", partly);
}

static void row_refused(Work *work, guint at, Outcome *outcome)
{
    Track *track = &work->tracks[at];
    PlannedRow *row = planned_row_new(row_at(work, at)->line, outcome);
    settle_follow_up(work, at, row);
    track->refused = row_at(work, at);
    work->rows->pdata[at] = row;
    track->stage = STAGE_DONE;
    track->disturbed = *work->settle->deviated = true;
}

static void take_result(Work *work, guint at, guint number, const Write *write)
{
    Track *track = &work->tracks[at];
    switch (write->state) {
    case WRITE_DONE:
        g_assert(track->parts != NULL);
        track->parts[number] = PART_DONE;
        track->stage = STAGE_DONE;
        for (guint j = 0; j < writes_of(row_at(work, at)); j++)
            if (track->parts[j] != PART_DONE)
                track->stage = STAGE_QUEUED;
        return;
    case WRITE_CONFLICT:
        track->stage = STAGE_STUCK;
        track->conflict = true;
        return;
    case WRITE_REFUSED:
        row_refused(work, at, refusal(work, at, write, false));
        return;
    case WRITE_UNSENT:
    case WRITE_UNKNOWN:
        track->stage = STAGE_STUCK;
        return;
    }
}

/* A row whose password is refused is not left half done. */
static Answer take_back(Work *work, guint at, guint number, const Write *write, GError **error)
{
    bool left = false;
    if (undo_refused(work->settle->context, row_at(work, at)->line, write->change, &left, error) !=
        ANSWER_YES)
        return ANSWER_UNKNOWN;
    Outcome *outcome = refusal(work, at, write, left);
    if (left)
        work->tracks[at].parts[number] = PART_DONE;
    row_refused(work, at, outcome);
    return ANSWER_YES;
}

/* --- which row is next --- */

static void push(GQueue *queue, guint at)
{
    g_queue_push_tail(queue, GUINT_TO_POINTER(at + 1));
}

static bool pop(GQueue *queue, guint *at)
{
    guint found = GPOINTER_TO_UINT(g_queue_pop_head(queue));
    *at = found - 1;
    return found > 0;
}

/* The row's first write that is not done. */
static guint next_part(const Work *work, guint at)
{
    guint number = 0;
    while (number < writes_of(row_at(work, at)) && work->tracks[at].parts[number] == PART_DONE)
        number++;
    return number;
}

/* The row takes no more part, however it ended. */
static void row_ended(Sending *sending, guint at)
{
    Node *node = &sending->nodes[at];
    const Track *track = &sending->work->tracks[at];
    const PlannedRow *row = track->refused ? track->refused : row_at(sending->work, at);
    bool otherwise = track->disturbed || track->stage != STAGE_DONE;
    if (writes_of(row) == 0) /* it shares the fate of those that it needs */
        otherwise = track->disturbed || node->held;
    node->ended = true;
    for (guint i = 0; node->waiters && i < node->waiters->len; i++) {
        guint waiter = g_array_index(node->waiters, guint, i);
        sending->nodes[waiter].held |= otherwise;
        if (--sending->nodes[waiter].blockers == 0)
            push(&sending->look, waiter);
    }
    for (guint j = 0; j < writes_of(row); j++)
        if (track->links[j].after && track->links[j].after->at < sending->end)
            push(&sending->look, track->links[j].after->at);
}

/* A row that it needs did not end as planned: it is left to the next pass. */
static void row_hold(Sending *sending, guint at)
{
    if (writes_of(row_at(sending->work, at)) > 0)
        sending->work->tracks[at].stage = STAGE_HELD;
    row_ended(sending, at);
}

/* Whether a row's next write can be sent, or never will be. */
static void look_at(Sending *sending, guint at)
{
    const Work *work = sending->work;
    Node *node = &sending->nodes[at];
    if (node->ended || node->queued || node->blockers > 0)
        return;
    if (node->held || writes_of(row_at(work, at)) == 0) {
        row_hold(sending, at);
        return;
    }
    const Link *before = work->tracks[at].links[next_part(work, at)].before;
    if (before && work->tracks[before->at].parts[before->number] != PART_DONE) {
        if (sending->nodes[before->at].ended)
            row_hold(sending, at);
        return;
    }
    node->queued = true;
    push(&sending->ready, at);
}

static void look_all(Sending *sending)
{
    guint at;
    while (pop(&sending->look, &at))
        look_at(sending, at);
}

/* --- what goes in one request --- */

static const Change *change_at(const Work *work, const Link *link)
{
    return ((const PlannedWrite *)row_at(work, link->at)->writes->pdata[link->number])->change;
}

/* false: the write can't be part of the request. */
static bool parcel_take(const Work *work, Parcel *parcel, Link *link)
{
    const char *own = profile_mark_attribute(work->settle->context->profile);
    if (parcel->links->len > 0) {
        const Change *change = change_at(work, link);
        gsize size = change_size(change);
        if (!parcel->joined) {
            parcel->joined = change_copy(change_at(work, parcel->links->pdata[0]));
            parcel->size = change_size(parcel->joined);
        }
        if (parcel->size + size > JOIN_BYTES_MAX || !change_join(parcel->joined, change, own))
            return false;
        parcel->size += size;
    }
    g_ptr_array_add(parcel->links, link);
    return true;
}

/* The row's next write with those that follow it, as far as they are ready. *grows: the next one of
 * them may yet become so. */
static Parcel *parcel_new(const Sending *sending, guint at, bool *grows)
{
    const Work *work = sending->work;
    Parcel *parcel = g_new0(Parcel, 1);
    Link *link = &work->tracks[at].links[next_part(work, at)];
    guint most = sending->nodes[at].share;
    parcel->links = g_ptr_array_new();
    parcel_take(work, parcel, link);
    *grows = false;
    while ((link = link->after) && link->at < sending->end) {
        const Node *node = &sending->nodes[link->at];
        most = MIN(most, node->share);
        if (node->ended || node->held || parcel->links->len >= most)
            break;
        *grows = node->blockers > 0 || next_part(work, link->at) != link->number;
        if (*grows || !parcel_take(work, parcel, link))
            break;
    }
    return parcel;
}

/* On the condition that what it expects is there: of a deletion that has left its mark, that. */
static Write *conditional_write(const Work *work, const Link *link, const Change *change)
{
    const Profile *profile = work->settle->context->profile;
    const PlannedRow *row = row_at(work, link->at);
    const PlannedWrite *write = row->writes->pdata[link->number];
    const Part part = work->tracks[link->at].parts[link->number];
    if (write->change->kind == CHANGE_ADD)
        return write_new(change, NULL);
    g_autofree char *own = g_strdup_printf("%s/%u", work->settle->context->job, row->line);
    const char *version = part == PART_CLAIMED ? NULL : write->version;
    const char *mark = part == PART_CLAIMED ? own : write->mark;
    Write *sent =
        write_new(change, profile_assertion(profile, write->uuid, version, version ? NULL : mark));
    if (write->change->kind == CHANGE_DELETE)
        sent->claim = profile_claim(profile, write->change->dn, own);
    return sent;
}

static Write *parcel_send(Sending *sending, Parcel *parcel)
{
    Work *work = sending->work;
    const Link *first = parcel->links->pdata[0];
    const PlannedWrite *write = row_at(work, first->at)->writes->pdata[first->number];
    const Change *change = parcel->links->len > 1 ? parcel->joined : write->change;
    parcel->write = conditional_write(work, first, change);
    parcel->write->again = work->tracks[first->at].parts[first->number] == PART_PASSWORD;
    work->passwords |= change_password(change) != NULL;
    for (guint i = 0; i < parcel->links->len; i++) {
        const Link *link = parcel->links->pdata[i];
        sending->nodes[link->at].queued = true;
        work->tracks[link->at].stage = STAGE_QUEUED;
    }
    g_hash_table_insert(sending->parcels, parcel->write, parcel);
    return parcel->write;
}

/* Nothing else can be done before these rows. false: there are none. */
static bool release_late(Sending *sending)
{
    guint at;
    while (pop(&sending->late, &at)) {
        sending->nodes[at].alone = true;
        push(&sending->ready, at);
    }
    return !g_queue_is_empty(&sending->ready);
}

/* A row waits, while there is something else to do, for rows that could go with it. */
static Write *sending_next(gpointer data)
{
    Sending *sending = data;
    for (;;) {
        guint at;
        bool grows;
        if (!pop(&sending->ready, &at)) {
            if (g_hash_table_size(sending->parcels) > 0 || !release_late(sending))
                return NULL;
            continue;
        }
        g_autoptr(Parcel) parcel = parcel_new(sending, at, &grows);
        if (!grows || sending->nodes[at].alone)
            return parcel_send(sending, g_steal_pointer(&parcel));
        push(&sending->late, at);
    }
}

/* The directory refuses something of it: halves of it are tried, until the row is found whose fault
 * that is. */
static void parcel_split(Sending *sending, const Parcel *parcel)
{
    for (guint i = 0; i < parcel->links->len; i++) {
        Node *node = &sending->nodes[((const Link *)parcel->links->pdata[i])->at];
        node->share = MAX(parcel->links->len / 2, 1);
        node->alone = true;
        node->queued = false;
    }
    push(&sending->look, ((const Link *)parcel->links->pdata[0])->at);
}

static void parcel_ended(Sending *sending, const Parcel *parcel)
{
    for (guint i = 0; i < parcel->links->len; i++) {
        const Link *link = parcel->links->pdata[i];
        const Track *track = &sending->work->tracks[link->at];
        sending->nodes[link->at].queued = false;
        sending->nodes[link->at].alone = false;
        if (track->stage != STAGE_QUEUED) {
            row_ended(sending, link->at);
            continue;
        }
        push(&sending->look, link->at);
        if (link->after && link->after->at < sending->end)
            push(&sending->look, link->after->at);
    }
}

static void sending_ended(gpointer data, Write *write)
{
    Sending *sending = data;
    g_autoptr(Parcel) parcel = g_hash_table_lookup(sending->parcels, write);
    g_hash_table_steal(sending->parcels, write);
    if (write->state == WRITE_REFUSED && write->changed) {
        g_ptr_array_add(sending->refused, g_steal_pointer(&parcel));
        return;
    }
    if (write->state == WRITE_REFUSED && parcel->links->len > 1) {
        parcel_split(sending, parcel);
    } else {
        for (guint i = 0; i < parcel->links->len; i++) {
            const Link *link = parcel->links->pdata[i];
            take_result(sending->work, link->at, link->number, write);
        }
        parcel_ended(sending, parcel);
    }
    look_all(sending);
}

/* --- all of it --- */

/* Whether all that a row relies on of an earlier one that it follows is the write on the common
 * entry. While a list is being deleted the lists of its members don't count it any more: so they
 * rely on that, too. A row that is not allowed any more may have been one. */
static bool merely_follows(const Work *work, guint at, guint other)
{
    const Operation *operation = operation_at(work, other);
    return work->tracks[other].follower == at + 1 &&
           (writes_of(row_at(work, other)) == 1 ||
            (operation && !type_is_list(operation->type) && !type_is_group(operation->type)));
}

/* The rows that a row waits for. Those that it merely follows are looked at write by write. */
static void find_blockers(Sending *sending, guint at)
{
    Work *work = sending->work;
    const PlannedRow *row = row_at(work, at);
    Node *node = &sending->nodes[at];
    links_stamp(work, at);
    for (guint i = 0; row->needs && i < row->needs->len; i++) {
        guint other = need_at(work, row, i);
        if (!other || merely_follows(work, at, other - 1))
            continue;
        Node *blocker = &sending->nodes[other - 1];
        if (blocker->ended) {
            node->held |= work->tracks[other - 1].disturbed;
            continue;
        }
        if (!blocker->waiters)
            blocker->waiters = g_array_new(FALSE, FALSE, sizeof(guint));
        g_array_append_val(blocker->waiters, at);
        node->blockers++;
    }
}

static void sending_init(Sending *sending, Work *work, guint end)
{
    sending->work = work;
    sending->end = end;
    sending->nodes = g_new0(Node, end + 1);
    sending->parcels = g_hash_table_new_full(NULL, NULL, NULL, (GDestroyNotify)parcel_free);
    sending->refused = g_ptr_array_new_with_free_func((GDestroyNotify)parcel_free);
    for (guint i = 0; i < end; i++) {
        /* After an attempt that ended early what the directory may have choked on goes alone. */
        sending->nodes[i].share = work->settle->again ? 1 : JOIN_ROWS_MAX;
        if (work->tracks[i].stage == STAGE_DONE) {
            sending->nodes[i].ended = true;
            continue;
        }
        find_blockers(sending, i);
        push(&sending->look, i);
    }
    look_all(sending);
}

static Answer take_back_refused(Sending *sending, GError **error)
{
    for (guint i = 0; i < sending->refused->len; i++) {
        const Parcel *parcel = sending->refused->pdata[i];
        const Link *link = parcel->links->pdata[0];
        if (take_back(sending->work, link->at, link->number, parcel->write, error) != ANSWER_YES)
            return ANSWER_UNKNOWN;
        parcel_ended(sending, parcel);
    }
    g_ptr_array_set_size(sending->refused, 0);
    look_all(sending);
    return ANSWER_YES;
}

Answer settle_send(Work *work, guint end, GError **error)
{
    g_auto(Sending) sending = {.work = NULL};
    sending_init(&sending, work, end);
    const WriteStream stream = {sending_next, sending_ended, &sending};
    Answer answer = ANSWER_YES;
    while (answer == ANSWER_YES && !g_queue_is_empty(&sending.ready)) {
        answer = directory_stream(work->settle->context->directory, &stream, error);
        if (answer == ANSWER_YES)
            answer = take_back_refused(&sending, error);
    }
    return answer == ANSWER_YES ? ANSWER_YES : ANSWER_UNKNOWN;
}
