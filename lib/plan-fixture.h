/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_PLAN_FIXTURE_H
#define BATCHLOAD_PLAN_FIXTURE_H

#include "lib/plan.h"
#include "tests/slapd-fixture.h"

/* What plans are tested beside: a private slapd with some of each type, which no test changes, and
 * cases, each of which is some rows and what comes of them. For one test program, in one thread. */

/* Starts and fills the server, for the first; ends it. */
void plan_fixture_begin(void);
void plan_fixture_end(void);
/* Owned by the fixture. */
const SlapdFixture *plan_fixture_slapd(void);

/* A plan of an administrator's with a grant of this text. */
typedef struct {
    PlanContext context;
    Address *requester;
    Grant *grant;
    Plan *plan;
} PlanWorld;

void plan_world_init(PlanWorld *world, const char *grant);
void plan_world_clear(PlanWorld *world);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(PlanWorld, plan_world_clear)

#define PLAN_WIDE "allow domains=one.example,two.example,three.example,off.example,bare.example"

#define PLAN_CASE_ROWS_MAX 16

typedef struct {
    const char *name;
    const char *grant;
    struct {
        const char *row;
        const char *expected; /* "result", or "failed FIELD words of the reason" */
    } rows[PLAN_CASE_ROWS_MAX];
} PlanCase;

/* Adds a test for each, which must live until the tests have run: PREFIX/NAME. */
void plan_cases_add(const char *prefix, const PlanCase *cases, guint count);

#endif
