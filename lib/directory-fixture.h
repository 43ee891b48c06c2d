/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_DIRECTORY_FIXTURE_H
#define BATCHLOAD_DIRECTORY_FIXTURE_H

#include "lib/directory.h"
#include "tests/slapd-fixture.h"

/* For tests: each case has a server of its own, and a connection to it. */

#define DOMAIN_DN "ou=example.org,ou=domains,dc=example,dc=org"
extern const char *const all[]; /* every attribute of a person's */

typedef struct {
    SlapdFixture *slapd;
    Directory *directory;
} Case;

typedef struct {
    const char *path;
    void (*function)(Case *, gconstpointer);
    const char *policy; /* of slapd_fixture_with_policy(), or NULL */
} DirectoryCase;

/* The first and the last thing in main(). */
void begin_cases(int *argc, char ***argv);
int run_cases(const DirectoryCase *cases, gsize count);

void set_up(Case *one, gconstpointer policy);
void tear_down(Case *one, gconstpointer policy);

/* --- writes, made short --- */

GPtrArray *writes_new(void);
/* The writes' changes are freed with this array. */
GPtrArray *changes_new(void);
void put(GPtrArray *changes, GPtrArray *writes, Change *change);
/* Of an organizationalUnit below DOMAIN_DN. */
char *dn_of(const char *name);
Change *add_of(const char *name);
Change *modify_of(const char *name, ModKind kind, const char *attribute, const char *value);
Change *delete_of(const char *name);
/* mail=a@example.org with one attribute more, or ("-sn") without one. */
Change *add_person(const char *attribute, const char *value);
/* One write alone; the caller owns it. It outlives its change. */
Write *apply_one(Directory *directory, Change *change, const char *assertion);
void assert_all_done(GPtrArray *writes);
Answer exists(Directory *directory, const char *name);
guint count_below(Directory *directory, const char *filter);

#endif
