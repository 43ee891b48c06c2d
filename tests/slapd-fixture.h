/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_SLAPD_FIXTURE_H
#define BATCHLOAD_SLAPD_FIXTURE_H

#include "lib/directory.h"
#include "lib/profile.h"

/* A private slapd for unit tests: our schema and indexes, dbnosync, a base entry and the domains
 * given, on ldapi and loopback in a temporary folder; killed and removed by slapd_fixture_free(),
 * and killed when the thread that started it dies (PR_SET_PDEATHSIG). Aborts the test when it
 * can't be had. */
typedef struct {
    char *folder;
    char *uri;     /* ldapi://… */
    char *tcp_uri; /* ldap://127.0.0.1:…; another after each restart */
    char *base;    /* dc=example,dc=org */
    char *root_dn;
    char *root_password;
    char *service_dn;
    DirectorySettings settings; /* as rootdn, short timeouts */
    Profile *profile;           /* the shipped default profile, or that of _of_profile() */
    char *profile_path;
    pid_t pid;
} SlapdFixture;

/* domains: NULL-terminated, may be NULL. */
SlapdFixture *slapd_fixture_new(const char *const *domains);
/* The same, hashing passwords by {SSHA256} and with rules for them (slapo-ppolicy): policy is lines
 * of LDIF, like "pwdMinLength: 8\n". settings are the service's own login, since the rules do not
 * hold for the rootdn. */
SlapdFixture *slapd_fixture_with_policy(const char *const *domains, const char *policy);
/* The directory of a site with another profile: its schema and what such a site has made before,
 * from test-fixtures/schema, for each domain with an account admin@DOMAIN and this password. */
SlapdFixture *slapd_fixture_of_profile(const char *profile, const char *const *domains,
                                       const char *admin_password);
/* Replaces a text in slapd.conf, and starts the server again with that. */
void slapd_fixture_configure(SlapdFixture *fixture, const char *from, const char *to);
void slapd_fixture_free(SlapdFixture *fixture);

/* kill -9 and, later, start again with the same files. */
void slapd_fixture_kill(SlapdFixture *fixture);
void slapd_fixture_restart(SlapdFixture *fixture);

/* Adds entries given as LDIF (ldapadd); aborts the test when that fails. */
void slapd_fixture_ldif(SlapdFixture *fixture, const char *ldif);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(SlapdFixture, slapd_fixture_free)

#endif
