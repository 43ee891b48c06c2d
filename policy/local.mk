# SPDX-License-Identifier: MIT
# Who may ask, and what a postmaster edits.

noinst_LIBRARIES += policy/libpolicy.a
policy_libpolicy_a_SOURCES = policy/map.c policy/map.h policy/map-texthash.c policy/map-inline.c policy/map-private.h \
	policy/map-file.c policy/map-file.h policy/map-rules.c policy/map-rules.h \
	policy/map-cidr.c policy/map-pcre.c \
	policy/map-lmdb.c policy/map-lmdb-file.c policy/map-lmdb-file.h \
	policy/map-ldap.c policy/map-ldap.h policy/map-ldap-settings.c policy/map-cf.c policy/map-cf.h \
	policy/map-template.c policy/map-template.h policy/map-domains.c policy/map-domains.h \
	policy/map-pool.c policy/map-pool.h policy/map-socketmap.c policy/socketmap.c policy/socketmap.h \
	policy/sender.c policy/sender.h policy/authres.c policy/authres.h \
	policy/delegation.c policy/delegation.h policy/spam-filter.c policy/spam-filter.h

POLICY_LIBS = policy/libpolicy.a $(ENGINE_LIBS) $(PCRE_LIBS) $(LMDB_LIBS)

check_PROGRAMS += test-map
test_map_SOURCES = policy/test-map.c policy/map-fixture.c policy/map-fixture.h
test_map_LDADD = $(POLICY_LIBS)
check_PROGRAMS += test-map-rules
test_map_rules_SOURCES = policy/test-map-rules.c policy/map-fixture.c policy/map-fixture.h
test_map_rules_LDADD = $(POLICY_LIBS)
check_PROGRAMS += test-map-random
test_map_random_SOURCES = policy/test-map-random.c policy/map-fixture.c policy/map-fixture.h
test_map_random_LDADD = $(POLICY_LIBS)
check_PROGRAMS += test-map-lmdb
test_map_lmdb_SOURCES = policy/test-map-lmdb.c policy/map-fixture.c policy/map-fixture.h
test_map_lmdb_LDADD = $(POLICY_LIBS)
check_PROGRAMS += test-map-ldap
test_map_ldap_SOURCES = policy/test-map-ldap.c policy/map-fixture.c policy/map-fixture.h
test_map_ldap_LDADD = tests/libfixture.a $(POLICY_LIBS)
check_PROGRAMS += test-map-pool
test_map_pool_SOURCES = policy/test-map-pool.c
test_map_pool_LDADD = $(POLICY_LIBS)
check_PROGRAMS += test-map-socketmap
test_map_socketmap_SOURCES = policy/test-map-socketmap.c policy/map-fixture.c policy/map-fixture.h
test_map_socketmap_LDADD = $(POLICY_LIBS)
EXTRA_DIST += tests/socketmap-server.py
check_PROGRAMS += test-sender
test_sender_SOURCES = policy/test-sender.c
test_sender_LDADD = $(POLICY_LIBS)

check_PROGRAMS += test-authres
test_authres_SOURCES = policy/test-authres.c
test_authres_LDADD = $(POLICY_LIBS)

check_PROGRAMS += test-delegation
test_delegation_SOURCES = policy/test-delegation.c
test_delegation_LDADD = $(POLICY_LIBS)
check_PROGRAMS += test-spam-filter
test_spam_filter_SOURCES = policy/test-spam-filter.c
test_spam_filter_LDADD = tests/libfixture.a $(POLICY_LIBS)

if FUZZERS
noinst_PROGRAMS += fuzz-delegation
fuzz_delegation_SOURCES = policy/fuzz-delegation.c
fuzz_delegation_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
fuzz_delegation_LDADD = $(POLICY_LIBS)
noinst_PROGRAMS += fuzz-authres
fuzz_authres_SOURCES = policy/fuzz-authres.c
fuzz_authres_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
fuzz_authres_LDADD = $(POLICY_LIBS)
noinst_PROGRAMS += fuzz-map
fuzz_map_SOURCES = policy/fuzz-map.c
fuzz_map_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
fuzz_map_LDADD = $(POLICY_LIBS)
noinst_PROGRAMS += fuzz-rules
fuzz_rules_SOURCES = policy/fuzz-rules.c
fuzz_rules_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
fuzz_rules_LDADD = $(POLICY_LIBS)
noinst_PROGRAMS += fuzz-lmdb
fuzz_lmdb_SOURCES = policy/fuzz-lmdb.c
fuzz_lmdb_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
fuzz_lmdb_LDADD = $(POLICY_LIBS)
noinst_PROGRAMS += fuzz-ldap
fuzz_ldap_SOURCES = policy/fuzz-ldap.c
fuzz_ldap_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
fuzz_ldap_LDADD = $(POLICY_LIBS)
noinst_PROGRAMS += fuzz-socketmap
fuzz_socketmap_SOURCES = policy/fuzz-socketmap.c
fuzz_socketmap_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
fuzz_socketmap_LDADD = $(POLICY_LIBS)
endif
check_PROGRAMS += seeds-delegation
seeds_delegation_SOURCES = policy/fuzz-delegation.c tests/fuzz-seeds.c
seeds_delegation_CPPFLAGS = $(AM_CPPFLAGS) -DSEEDS=\"test-fixtures/delegation\"
seeds_delegation_LDADD = $(POLICY_LIBS)
EXTRA_DIST += test-fixtures/delegation
check_PROGRAMS += seeds-ldap
seeds_ldap_SOURCES = policy/fuzz-ldap.c tests/fuzz-seeds.c
seeds_ldap_CPPFLAGS = $(AM_CPPFLAGS) -DSEEDS=\"test-fixtures/ldap\"
seeds_ldap_LDADD = $(POLICY_LIBS)
EXTRA_DIST += test-fixtures/ldap
check_PROGRAMS += seeds-socketmap
seeds_socketmap_SOURCES = policy/fuzz-socketmap.c tests/fuzz-seeds.c
seeds_socketmap_CPPFLAGS = $(AM_CPPFLAGS) -DSEEDS=\"test-fixtures/socketmap\"
seeds_socketmap_LDADD = $(POLICY_LIBS)
EXTRA_DIST += test-fixtures/socketmap
check_PROGRAMS += seeds-authres
seeds_authres_SOURCES = policy/fuzz-authres.c tests/fuzz-seeds.c
seeds_authres_CPPFLAGS = $(AM_CPPFLAGS) -DSEEDS=\"test-fixtures/authres\"
seeds_authres_LDADD = $(POLICY_LIBS)
EXTRA_DIST += test-fixtures/authres
check_PROGRAMS += seeds-map
seeds_map_SOURCES = policy/fuzz-map.c tests/fuzz-seeds.c
seeds_map_CPPFLAGS = $(AM_CPPFLAGS) -DSEEDS=\"test-fixtures/map\"
seeds_map_LDADD = $(POLICY_LIBS)
EXTRA_DIST += test-fixtures/map
check_PROGRAMS += seeds-rules
seeds_rules_SOURCES = policy/fuzz-rules.c tests/fuzz-seeds.c
seeds_rules_CPPFLAGS = $(AM_CPPFLAGS) -DSEEDS=\"test-fixtures/rules\"
seeds_rules_LDADD = $(POLICY_LIBS)
EXTRA_DIST += test-fixtures/rules
check_PROGRAMS += seeds-lmdb
seeds_lmdb_SOURCES = policy/fuzz-lmdb.c tests/fuzz-seeds.c
seeds_lmdb_CPPFLAGS = $(AM_CPPFLAGS) -DSEEDS=\"test-fixtures/lmdb\"
seeds_lmdb_LDADD = $(POLICY_LIBS)
EXTRA_DIST += test-fixtures/lmdb

# What a postmaster gives to slapd(8), and the profile that knows it.
nobase_dist_pkgdata_DATA += policy/schema/batchload.schema policy/schema/batchload.ldif \
	policy/openldap/slapd.conf policy/openldap/cn-config.ldif policy/openldap/base.ldif \
	policy/profiles/default.conf policy/profiles/open-xchange.conf \
	policy/profiles/iredmail.conf policy/profiles/qmail-ldap.conf \
	policy/profiles/postfix-book.conf policy/profiles/inetlocal.conf

# The sample sender table.
nobase_dist_pkgdata_DATA += policy/senders

# What a postmaster gives to Postfix and Dovecot.
nobase_dist_pkgdata_DATA += \
	policy/postfix/batchload-main.cf policy/postfix/batchload-master.cf \
	policy/postfix/batchload-tables.cf \
	policy/postfix/batchload-domains.cf policy/postfix/batchload-mailboxes.cf \
	policy/postfix/batchload-suspended.cf policy/postfix/batchload-forwards.cf \
	policy/postfix/batchload-copies.cf policy/postfix/batchload-alias-domains.cf \
	policy/postfix/batchload-enabled-domains.cf policy/postfix/batchload-addresses.cf \
	policy/postfix/batchload-recipients policy/postfix/batchload-transport \
	policy/dovecot/batchload-dovecot.conf policy/dovecot/batchload-dovecot-domain.conf.ext \
	policy/dovecot/batchload-dovecot-ldap.conf.ext policy/dovecot/batchload-reply.sieve \
	policy/dovecot/batchload-text.lua policy/dovecot/batchload-remove-mail

# The tables of these that a site with another profile has in the place of those.
nobase_dist_pkgdata_DATA += \
	policy/sites/batchload-domains.cf policy/sites/batchload-dovecot-domain.conf.ext \
	policy/sites/inetlocal/batchload-addresses.cf \
	policy/sites/inetlocal/batchload-dovecot-ldap.conf.ext \
	policy/sites/inetlocal/batchload-tables.cf policy/sites/iredmail/batchload-addresses.cf \
	policy/sites/iredmail/batchload-domains.cf \
	policy/sites/iredmail/batchload-dovecot-domain.conf.ext \
	policy/sites/iredmail/batchload-dovecot-ldap.conf.ext \
	policy/sites/iredmail/batchload-members.cf policy/sites/iredmail/batchload-suspended.cf \
	policy/sites/iredmail/batchload-tables.cf policy/sites/open-xchange/batchload-addresses.cf \
	policy/sites/open-xchange/batchload-dovecot-ldap.conf.ext \
	policy/sites/open-xchange/batchload-suspended.cf \
	policy/sites/open-xchange/batchload-tables.cf \
	policy/sites/postfix-book/batchload-addresses.cf \
	policy/sites/postfix-book/batchload-dovecot-ldap.conf.ext \
	policy/sites/postfix-book/batchload-members.cf \
	policy/sites/postfix-book/batchload-suspended.cf \
	policy/sites/postfix-book/batchload-tables.cf \
	policy/sites/qmail-ldap/batchload-addresses.cf \
	policy/sites/qmail-ldap/batchload-dovecot-ldap.conf.ext \
	policy/sites/qmail-ldap/batchload-forwards.cf \
	policy/sites/qmail-ldap/batchload-suspended.cf policy/sites/qmail-ldap/batchload-tables.cf

# The sample configuration, with the paths of this build; what is there already stays.
pkgpolicydir = $(pkgdatadir)/policy
pkgpolicy_DATA = policy/batchload.conf
EXTRA_DIST += policy/batchload.conf.in
CLEANFILES += policy/batchload.conf
fill_in_policy = $(AM_V_GEN)$(MKDIR_P) $(@D) && sed -e 's|@sysconfdir[@]|$(sysconfdir)|' \
	-e 's|@localstatedir[@]|$(localstatedir)|' -e 's|@pkgdatadir[@]|$(pkgdatadir)|' \
	-e 's|@sbindir[@]|$(sbindir)|' \
	-e 's|@pkglibexecdir[@]|$(pkglibexecdir)|' $(srcdir)/$@.in >$@.tmp && mv $@.tmp $@
policy/batchload.conf: $(srcdir)/policy/batchload.conf.in Makefile
	$(fill_in_policy)

# What systemd and logrotate(8) run it by.
EXTRA_DIST += policy/systemd/batchload-milter.service.in policy/systemd/batchload-follow.service.in \
	policy/systemd/batchload-tmpfiles.conf.in \
	policy/systemd/batchload-sysusers.conf policy/logrotate/batchload.in
CLEANFILES += policy/systemd/batchload-milter.service policy/systemd/batchload-follow.service \
	policy/systemd/batchload-tmpfiles.conf \
	policy/logrotate/batchload
policy/systemd/batchload-milter.service: $(srcdir)/policy/systemd/batchload-milter.service.in Makefile
	$(fill_in_policy)
policy/systemd/batchload-follow.service: $(srcdir)/policy/systemd/batchload-follow.service.in Makefile
	$(fill_in_policy)
policy/systemd/batchload-tmpfiles.conf: $(srcdir)/policy/systemd/batchload-tmpfiles.conf.in Makefile
	$(fill_in_policy)
policy/logrotate/batchload: $(srcdir)/policy/logrotate/batchload.in Makefile
	$(fill_in_policy)
noinst_DATA = policy/logrotate/batchload
if SYSTEMD
noinst_DATA += policy/systemd/batchload-tmpfiles.conf
nodist_systemdsystemunit_DATA = policy/systemd/batchload-milter.service policy/systemd/batchload-follow.service
install-data-hook: policy/systemd/batchload-tmpfiles.conf
	$(MKDIR_P) '$(DESTDIR)$(tmpfilesdir)' '$(DESTDIR)$(sysusersdir)'
	$(INSTALL_DATA) policy/systemd/batchload-tmpfiles.conf '$(DESTDIR)$(tmpfilesdir)/batchload.conf'
	$(INSTALL_DATA) '$(srcdir)/policy/systemd/batchload-sysusers.conf' \
		'$(DESTDIR)$(sysusersdir)/batchload.conf'
REMOVE_SYSTEMD = rm -f '$(DESTDIR)$(tmpfilesdir)/batchload.conf' '$(DESTDIR)$(sysusersdir)/batchload.conf'
endif

# Folders of our own go with the last file in them.
uninstall-hook: uninstall-doors
	$(REMOVE_SYSTEMD)
	for each in '$(DESTDIR)$(pkgdatadir)' '$(DESTDIR)$(pkglibexecdir)' '$(DESTDIR)$(docdir)'; do \
		test ! -d "$$each" || find "$$each" -depth -type d -empty -delete; done

install-data-local: policy/batchload.conf policy/logrotate/batchload
	$(MKDIR_P) '$(DESTDIR)$(sysconfdir)/batchload'
	test -e '$(DESTDIR)$(sysconfdir)/batchload/batchload.conf' || \
		$(INSTALL_DATA) policy/batchload.conf '$(DESTDIR)$(sysconfdir)/batchload/batchload.conf'
	test -e '$(DESTDIR)$(sysconfdir)/batchload/senders' || \
		$(INSTALL_DATA) '$(srcdir)/policy/senders' '$(DESTDIR)$(sysconfdir)/batchload/senders'
	$(MKDIR_P) '$(DESTDIR)$(sysconfdir)/logrotate.d'
	test -e '$(DESTDIR)$(sysconfdir)/logrotate.d/batchload' || \
		$(INSTALL_DATA) policy/logrotate/batchload '$(DESTDIR)$(sysconfdir)/logrotate.d/batchload'

# What somebody has edited stays.
uninstall-local:
	here='$(DESTDIR)$(sysconfdir)/batchload'; \
	cmp -s policy/batchload.conf "$$here/batchload.conf" && rm -f "$$here/batchload.conf"; \
	cmp -s '$(srcdir)/policy/senders' "$$here/senders" && rm -f "$$here/senders"; \
	rmdir "$$here" 2>/dev/null || :
	here='$(DESTDIR)$(sysconfdir)/logrotate.d/batchload'; \
	cmp -s policy/logrotate/batchload "$$here" && rm -f "$$here" || :
