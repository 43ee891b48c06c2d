/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_SETTLE_FIXTURE_H
#define BATCHLOAD_SETTLE_FIXTURE_H

#include "lib/settle.h"
#include "lib/stream-fixture.h"
#include "tests/operations.h"
#include "tests/slapd-fixture.h"

/* For tests: a slice is carried out once without any fault, and then again and again with one; the
 * outcomes and the whole directory must be the same. */

extern SlapdFixture *fixture;
extern Directory *other;             /* another writer, and the one who looks, as rootdn */
extern PasswordScheme settle_scheme; /* of runs */

#define JOB "20261120-TESTED"
#define HERE(user) "mail=" user "@one.example,ou=one.example,ou=domains,dc=example,dc=org"
#define THERE(user) "mail=" user "@two.example,ou=two.example,ou=domains,dc=example,dc=org"

/* The first and last thing in main(). make: the server. */
void settle_begin(int *argc, char ***argv, SlapdFixture *(*make)(void));
int settle_end(void);
/* The shipped server, with both domains. */
SlapdFixture *settle_slapd(void);

/* --- faults: every write of lib/settle passes here --- */

typedef enum {
    CUT_NONE,
    CUT_BEFORE, /* the next write is not sent */
    CUT_LOST,   /* the next write is sent and lost on its way */
    CUT_AFTER,  /* the last write is done, its answer lost */
    CUT_COUNT,
    CUT_WITHIN = CUT_COUNT, /* the next write is done but for its password, or as a whole; of a
                               deletion what comes before it, where conditions go inside */
} Cut;

typedef struct {
    Cut cut;
    guint budget; /* writes until the cut */
    guint sent;   /* writes that reached the directory in this run */
    guint meddle_at;
    void (*meddle)(void); /* called once, before write number meddle_at */
} Faults;
extern Faults faults;

/* --- the directory before and after --- */

/* By hand; takes the change over. */
void apply_change(Change *change);
void add_operation(const char *text);
void replace_value(const char *dn, const char *attribute, const char *value);
/* Every entry with an address; owned by the caller. */
GPtrArray *all_entries(void);
/* Some accounts, forwards and lists, and nothing else. */
void reset(void);
/* The directory as text, a line a value; what differs from run to run is named by its row. */
char *dump(GHashTable *names);
char *without_what_differs(const char *text);

/* --- a run --- */

typedef struct {
    Directory *directory;
    Address *requester;
    Grant *grant;
    PlanContext context;
    GPtrArray *operations;
    GVariant *stored;  /* the intent as committed last */
    GHashTable *names; /* value → which row's it is */
    guint commits;
    guint attempts;
    char *outcomes;
    guint changes; /* in the trails of all rows */
    char *directory_after;
} Run;

void run_clear(Run *run);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Run, run_clear)

/* Plans the slice, whose first row stands at a line, and commits the intent. */
void run_start_at(Run *run, const char *const *texts, unsigned line);
void run_start(Run *run, const char *const *texts);
/* One attempt from the committed intent, as after a crash; _attempt: and a look at the directory.
 */
Answer run_settle(Run *run, GError **error);
Answer run_attempt(Run *run, GError **error);
/* An attempt that must succeed. */
void run_whole(Run *run);
/* Attempts until one succeeds, PATIENCE of them at most: a server that was just killed and started
 * may still answer that it can't tell. */
#define PATIENCE 3
void run_on(Run *run);
/* A run of a slice without a cut; faults may have been set before. Writes needed: faults.sent. */
void model_run(Run *run, const char *const *texts);

/* Ends the test at the first line that differs. */
void assert_same_lines(const char *found, const char *wanted);
void assert_same(const Run *run, const Run *model);

/* Cuts a slice off after each number of writes, in each way; only each step-th, where it is not to
 * be thorough (-m thorough). second: and again after so many more; 0: no more. */
void sweep(const char *const *texts, void (*meddle)(void), guint second, guint step);

/* Slices of which some writes are done that may be under way at the same time. */
void any_subset(const char *const *texts, guint rounds);
void assert_as_one_by_one(const Run *model, char **texts);
/* Slices of random rows, cut off anywhere, end as their rows one by one. */
void random_slices(char *(*random_row)(void), guint rounds);

/* --- the mixed slice --- */

typedef struct {
    const char *row;
    const char *expected;
} MixedRow;
#define MIXED 44
extern const MixedRow mixed[MIXED];
const char *const *mixed_rows(void);

#endif
