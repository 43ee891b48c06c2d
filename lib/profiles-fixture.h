/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_PROFILES_FIXTURE_H
#define BATCHLOAD_PROFILES_FIXTURE_H

#include "lib/job-fixture.h"
#include "lib/show.h"

/* For tests of profiles: files, what is told of their rows, and what stands in the directory after
 * them. */

#define PASSWORD JOB_FIXTURE_PASSWORD
#define SECRET JOB_FIXTURE_SECRET
#define ADMIN "admin@one.example"

extern const char *const profile_domains[3]; /* one.example, two.example; ends with NULL */

typedef struct {
    const char *csv;
    const char *mode; /* a further line of the mail, or NULL */
    const char *says; /* words of the response, divided by "|"; NULL: none */
    unsigned done;    /* rows that did what they say */
    unsigned failed;  /* rows that did not */
    const char *const
        *entries; /* of "RDN… below the base" and then its attributes as
               "name=value|…" in turn, "!name" is absent, "-" no entry; ends with NULL */
} Part;

#define ENTRIES(...)                                                                               \
    (const char *const[])                                                                          \
    {                                                                                              \
        __VA_ARGS__, NULL                                                                          \
    }

#define HEAD "DOMAIN;USER;TYPE;ACTION;ALIAS;TARGET;MAILFORWARD;LIST MEMBER;QUOTA;PASSWORD\n"
#define IRED(user, below) "mail=" user "@one.example,ou=" below ",domainName=one.example,o=domains"

/* Rows whose words are the same in each profile. */
#define ANNA_AND_BEN                                                                               \
    "one.example;anna;FULL;ADD;an@one.example;;;;;" SECRET "\n"                                    \
    "one.example;ben;FULL;ADD;;;;;;" SECRET "\n"                                                   \
    "one.example;info;ALIAS;ADD;;ben@one.example;;;;\n"                                            \
    "one.example;an;FULL;ADD;;;;;;" SECRET "\n"

#define BOOK(user) "mail=" user "@one.example,ou=one.example"

/* Whole entry below the base, NULL: not there. Caller owns it. */
Entry *read_entry(const JobFixture *fixture, const char *rdn);
/* One mail of the administrator, carried out; ends the test where anything is not as it says. */
void run_part(JobFixture *fixture, const Part *part);
/* All of them against one directory with this profile and its schema. */
void run_parts(const char *profile, const Part *parts, gsize count);
/* What is shown of an address, or (NULL) of the domain. around: the domains in which lists and
 * aliases are looked for, or NULL. Caller owns it. */
char *shown_with(const JobFixture *fixture, const char *user, const char *const *around);
char *shown(const JobFixture *fixture, const char *user);
/* As somebody else would. */
void replace_value(Directory *directory, const char *dn, const char *attribute, const char *value);
void profiles_begin(int *argc, char ***argv);

#endif
