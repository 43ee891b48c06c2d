# SPDX-License-Identifier: MIT
# Who may ask, and what a postmaster edits.

noinst_LIBRARIES += policy/libpolicy.a
policy_libpolicy_a_SOURCES = policy/map.c policy/map.h policy/map-texthash.c \
	policy/sender.c policy/sender.h

POLICY_LIBS = policy/libpolicy.a $(ENGINE_LIBS)

check_PROGRAMS += test-map
test_map_SOURCES = policy/test-map.c
test_map_LDADD = $(POLICY_LIBS)
check_PROGRAMS += test-sender
test_sender_SOURCES = policy/test-sender.c
test_sender_LDADD = $(POLICY_LIBS)

# What a postmaster gives to slapd(8), and the profile that knows it.
nobase_dist_pkgdata_DATA += policy/schema/batchload.schema policy/schema/batchload.ldif \
	policy/openldap/slapd.conf policy/openldap/base.ldif policy/profiles/default.conf

# The sample sender table.
nobase_dist_pkgdata_DATA += policy/senders

# What a postmaster gives to Postfix and Dovecot.
nobase_dist_pkgdata_DATA += \
	policy/postfix/batchload-main.cf policy/postfix/batchload-master.cf \
	policy/postfix/batchload-domains.cf policy/postfix/batchload-mailboxes.cf \
	policy/postfix/batchload-forwards.cf policy/postfix/batchload-lists.cf \
	policy/postfix/batchload-recipients policy/postfix/batchload-transport \
	policy/dovecot/batchload-dovecot.conf policy/dovecot/batchload-dovecot-domain.conf.ext \
	policy/dovecot/batchload-dovecot-ldap.conf.ext
