/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_PLAN_H
#define BATCHLOAD_PLAN_H

#include "lib/audit.h"
#include "lib/directory.h"
#include "lib/grant.h"
#include "lib/hasher.h"
#include "lib/profile.h"

/* Operations × grant × what is there → what will change. Reads the directory, never writes. */

/* Whether an address has a grant of its own in the sender table (its full address is a key), or,
 * unless than is NULL, one by its domain that covers a domain which than does not. */
typedef Answer (*PlanHasGrantFunc)(gpointer data, const Address *address, const Grant *than,
                                   GError **error);

/* What rows of the job's earlier slices would have made of the directory and have not (a job that
 * is only checked), kept elsewhere. Names are DNs in one spelling. */
typedef struct {
    /* ANSWER_NO: nothing was made of it. */
    Answer (*find)(gpointer data, const char *name, GVariant **effect, GError **error);
    /* Every list that got the member; of GVariant, owned by the caller. NULL with an error. */
    GPtrArray *(*with_member)(gpointer data, const char *member, GError **error);
    gpointer data;
} PlanOverlay;
#define PLAN_EFFECT_TYPE "(bsmsmsa(sas))"

/* Everything a plan depends on; all borrowed. */
typedef struct {
    const char *job; /* for the marks "JOB/LINE" */
    const Address *requester;
    const Grant *grant;
    const Profile *profile;
    Directory *directory;
    PlanHasGrantFunc has_grant;
    gpointer has_grant_data;
    const char *const *batch_addresses; /* normal form */
    const char *const *reserved_locals; /* postmaster, abuse, …: local parts, lower case */
    unsigned list_members_max;
    PasswordScheme password_scheme; /* of clear passwords */
    Hasher *hasher;                 /* hashes them; NULL: the planning thread does */
    const PlanOverlay *overlay;     /* NULL: every effect of earlier slices is in the directory */
    bool unwritten;                 /* nothing of the plan will be written: no password is hashed */
    const int *dropped;             /* atomic; not 0: the plan is not wanted any more, and ends with
                                       ANSWER_UNKNOWN; or NULL */
} PlanContext;

/* Most addresses behind a row's own targets or members that are looked at while loops are
 * searched for, and how often one may lead on to the next; beyond it the row fails. Those of one
 * step are looked up together: so a row takes a search for each step, and a few more where they
 * are many. */
#define PLAN_LOOP_LOOKUPS_MAX 1000
#define PLAN_LOOP_LEVELS_MAX 100

/* Most lists an address may be on and still be deleted by one row. */
#define PLAN_LISTS_MAX 2000

/* Most entries of a domain that one plan deletes, where it goes with all that is in it. */
#define PLAN_PART_MAX 100

/* Most spam filters of a domain. */
#define PLAN_FILTERS_MAX 1000

/* Most values of entries that were only read kept between rows; one of more than 64 bytes counts
 * for several. */
#define PLAN_VALUES_MAX 100000

/* What a write expects to find: absent (uuid, version and mark all NULL), the version that was
 * read, or the mark that an earlier row of the slice leaves. */
typedef struct {
    Change *change;
    bool expect_present;
    char *uuid;      /* NULL where an earlier row makes the entry */
    char *version;   /* NULL where mark is expected */
    char *mark;      /* "JOB/LINE" of the earlier row, or NULL */
    GVariant *audit; /* AUDIT_CHANGE_TYPE; NULL: planned by an earlier version */
} PlannedWrite;

/* One row's plan. At most one write on each DN. */
typedef struct {
    unsigned line;
    GPtrArray *writes; /* of PlannedWrite, in order; empty or NULL: the outcome stands already */
    Outcome *outcome;  /* on success of all writes; or why nothing is written */
    GArray *needs;     /* of unsigned: lines of the slice's earlier rows whose effects this plan
                          relies on, or that relied on others and looked at what this one writes;
                          NULL: none */
    GPtrArray *trail;  /* of GVariant (AUDIT_CHANGE_TYPE): writes that are done, also of plans
                          before this one */
    Secret *hash;      /* of a clear password, made once and kept when planned anew; or NULL */
} PlannedRow;

/* A row whose outcome stands already; outcome is taken over. Caller owns the result. */
PlannedRow *planned_row_new(unsigned line, Outcome *outcome);
void planned_row_free(PlannedRow *row);
/* Whether it deletes a part of a domain: once that is done, the row is to be planned again. So it
 * is marked in the outcome (PLAN_PART as its reason), which is stored with the intent. */
bool planned_row_is_part(const PlannedRow *row);
#define PLAN_PART "a part of it"
/* The outcome stands: nothing of it is to be sent, and it relies on nothing any more. */
void planned_row_close(PlannedRow *row);
/* Appends the trail of an earlier plan of the row. */
void planned_row_follow(PlannedRow *row, const PlannedRow *earlier);
void planned_write_free(PlannedWrite *write);

/* The plan of a slice (or of single rows of it): an overlay of the rows planned so far lies over
 * the directory, so that a row sees the effect of the earlier ones. One thread. */
typedef struct Plan Plan;
Plan *plan_new(const PlanContext *context);
void plan_free(Plan *plan);

/* Reads ahead in a few searches what the operations (GPtrArray of Operation *, in the order of
 * their lines, NULL members are skipped) will ask for, within the grant: so much as there is room
 * for, and the rest when plan_row() comes to it. The array gets a reference; the operations must
 * live until the last plan_row(). ANSWER_YES or ANSWER_UNKNOWN. */
Answer plan_prefetch(Plan *plan, GPtrArray *operations, GError **error);

/* Plans one row and lays its effect over what the next rows see. Scope and privilege are checked
 * before any look-up. ANSWER_YES: *row, owned by the caller, with a failed outcome where the row
 * can't be done. ANSWER_UNKNOWN: the directory or the sender table could not tell; nothing of the
 * overlay has changed. */
Answer plan_row(Plan *plan, const Operation *operation, PlannedRow **row, GError **error);

/* Waits for the hashes of the rows that were planned since the last call, none of which has been
 * freed, and puts them in: before that, these rows are not to be used. ANSWER_YES or
 * ANSWER_UNKNOWN. */
Answer plan_finish(Plan *plan, GError **error);

/* Tells the overlay what was read of a DN just now (entry NULL: absent), when rows are planned
 * anew after another writer came between. Takes a copy. */
void plan_observe(Plan *plan, const char *dn, const Entry *entry);

/* What is planned next is another slice, from line first on, that begins when every row before it
 * has ended as planned: it relies on none of them, but sees what they make. Rows before line done
 * have ended already: what they made is in the directory, and it is read anew. */
void plan_go_on(Plan *plan, unsigned done, unsigned first);

/* Lays the effect of a row that was planned before (a stored one) over what the next rows see.
 * The DNs of its writes have been observed or looked at before. */
void plan_assume(Plan *plan, const PlannedRow *row);

/* What the rows planned so far make of each entry, for PlanOverlay: found is called for each name
 * (effect is floating or not to be kept), and joined for each member that a list got. */
typedef struct {
    void (*found)(gpointer data, const char *name, GVariant *effect);
    void (*joined)(gpointer data, const char *member, const char *name);
    gpointer data;
} PlanEffects;
void plan_effects(const Plan *plan, const PlanEffects *effects);

/* The line in a mark "JOB/LINE" of this job, or 0. */
unsigned plan_mark_line(const char *job, const char *mark);

/* The intent record of a slice: rows (of PlannedRow) as one value. It holds hashes, and passwords
 * in clear for PASSWORD_SCHEME_SERVER: to be sealed.
 * Floating; _from_variant takes both types, and NULL on other shapes and where it is not in normal
 * form. */
#define PLAN_WRITE_TYPE "(" CHANGE_TYPE "bmsmsmsm" AUDIT_CHANGE_TYPE ")"
#define PLAN_ROW_TYPE "(ua" PLAN_WRITE_TYPE OUTCOME_TYPE "aumsa" AUDIT_CHANGE_TYPE ")"
#define PLAN_ROWS_TYPE "a" PLAN_ROW_TYPE
/* The same as spools up to version 4 have it. */
#define PLAN_WRITE_TYPE_4 "(" CHANGE_TYPE "bmsmsms)"
#define PLAN_ROW_TYPE_4 "(ua" PLAN_WRITE_TYPE_4 OUTCOME_TYPE "aums)"
#define PLAN_ROWS_TYPE_4 "a" PLAN_ROW_TYPE_4
GVariant *planned_rows_to_variant(GPtrArray *rows);
GPtrArray *planned_rows_from_variant(GVariant *value);

/* The domains that a slice's work reads or writes (normal form, no doubles, sorted), for its
 * claim; "*" alone when it may be any (a DELETE under domains=*). Only domains inside the grant:
 * of others nothing is read. Caller owns it (g_strfreev). */
GStrv plan_domains(const Grant *grant, GPtrArray *operations);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(PlannedRow, planned_row_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PlannedWrite, planned_write_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Plan, plan_free)

#endif
