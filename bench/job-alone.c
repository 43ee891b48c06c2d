/* SPDX-License-Identifier: MIT */
/* bench-job KIND ROWS: a request goes all its way in one process, from the stored mail to the
 * response handed over, beside a slapd of its own. Tells rows, and seconds of processor time;
 * instructions can be counted (bench/counted.h). */
#include "bench/counted.h"
#include "lib/job-fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Members of a list that is made, and of one that grows. */
#define LIST_OF 5
#define MEMBERS 1000

#define HEAD "DOMAIN;USER;TYPE;ACTION;PASSWORD;GIVENNAME;SURNAME;PHONE\n"
#define HASH                                                                                       \
    "{SSHA512}qgNPtFjpQnxcmTqgHXVCuNOMk5d5N4Ju5pPpBYcFQ2XgtO7pZ0uFvo0FzP0V0Rw1+Kb1kkw9o1K4GvI7m0S" \
    "fMdh2pKZ5Uuw3"

static void add_row(GString *csv, guint n)
{
    g_string_append_printf(csv, "one.example;user%u;FULL;ADD;" HASH ";Jane;Doe;+49 30 1234\n", n);
}

static void modify_row(GString *csv, guint n)
{
    g_string_append_printf(csv, "one.example;user%u;FULL;MODIFY;" HASH ";Joan;Doe;+49 30 4321\n",
                           n);
}

static void delete_row(GString *csv, guint n)
{
    g_string_append_printf(csv, "one.example;user%u;FULL;DELETE;;;;\n", n);
}

static void make_row(GString *csv, guint n)
{
    g_string_append_printf(csv, "one.example;list%u;LIST;ADD;", n);
    for (guint i = 0; i < LIST_OF; i++)
        g_string_append_printf(csv, "%suser%u", i ? " " : "", (n + 7 * i) % MEMBERS);
    g_string_append_c(csv, '\n');
}

static void grow_row(GString *csv, guint n)
{
    g_string_append_printf(csv, "one.example;list%u;LIST;ADD;user%u\n", n / MEMBERS, n);
}

typedef struct {
    const char *name;
    const char *head;
    void (*row)(GString *csv, guint n);
    guint accounts; /* that stand there before; 0: as many as rows */
    bool before;
} Kind;

static const char lists[] = "DOMAIN;USER;TYPE;ACTION;LIST MEMBER\n";
static const Kind kinds[] = {
    {"add", HEAD, add_row, 0, false},        {"modify", HEAD, modify_row, 0, true},
    {"delete", HEAD, delete_row, 0, true},   {"list-make", lists, make_row, MEMBERS, true},
    {"list-grow", lists, grow_row, 0, true},
};

static const Kind *find_kind(const char *name)
{
    for (guint i = 0; i < G_N_ELEMENTS(kinds); i++)
        if (strcmp(kinds[i].name, name) == 0)
            return &kinds[i];
    return NULL;
}

static char *request(JobFixture *fixture, const Kind *kind, guint rows)
{
    g_autoptr(GString) csv = g_string_new(kind->head);
    for (guint n = 0; n < rows; n++)
        kind->row(csv, n);
    return job_fixture_mail(fixture, "admin@one.example", "allow", JOB_FIXTURE_PASSWORD, csv->str);
}

static double used(void)
{
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void measure(JobFixture *fixture, const Kind *kind, guint rows)
{
    if (kind->before) {
        g_free(request(fixture, find_kind("add"), kind->accounts ? kind->accounts : rows));
        job_fixture_run(fixture);
    }
    g_autofree char *id = request(fixture, kind, rows);
    const double begin = used();
    COUNT_BEGIN;
    job_fixture_run(fixture);
    COUNT_END;
    const double seconds = used() - begin;
    g_autoptr(Job) job = job_fixture_job(fixture, id);
    g_assert_cmpuint(job->counts[RESULT_FAILED], ==, 0);
    g_assert_cmpuint(job->rows, ==, rows);
    printf("%u %.6f\n", rows, seconds);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    const Kind *kind = argc == 3 ? find_kind(argv[1]) : NULL;
    const guint rows = kind ? (guint)strtoul(argv[2], NULL, 10) : 0;
    if (rows == 0) {
        fprintf(stderr, "usage: bench-job add|modify|delete|list-make|list-grow ROWS\n");
        return 64;
    }
    secret_init();
    directory_init();
    g_autoptr(SlapdFixture) slapd = job_fixture_slapd(NULL);
    g_autoptr(JobFixture) fixture = job_fixture_new(slapd);
    fixture->config->response_bytes_max = G_MAXUINT32;
    measure(fixture, kind, rows);
    return 0;
}
