# SPDX-License-Identifier: MIT
# End-to-end tests against real servers.

EXTRA_DIST += test-fixtures/message test-fixtures/hostile
EXTRA_DIST += tests/lsan.supp tests/tsan.supp tests/README.md tests/timed.sh

# Rules of the sources.
dist_check_SCRIPTS += tests/house.py tests/rules.py
# The programs as they are built.
dist_check_SCRIPTS += tests/hardened.py

noinst_LIBRARIES += tests/libfixture.a
tests_libfixture_a_SOURCES = tests/slapd-fixture.c tests/slapd-fixture.h \
	tests/operations.c tests/operations.h

# Through SMTP, LDAP and IMAP, in Python 3 without further modules.
EXTRA_DIST += tests/tap.py tests/rows.py tests/felt.py tests/mailcases.py tests/lost.py tests/harness/__init__.py tests/harness/process.py \
	tests/harness/servers.py tests/harness/ds389.py tests/harness/mail.py tests/harness/milter.py \
	tests/harness/world.py tests/harness/sites.py tests/harness/build.py tests/harness/check.py tests/harness/stages.py \
	tests/harness/alone.py tests/harness/demo.py \
	tests/harness/big.py tests/harness/flood.py tests/harness/faults.py tests/harness/disk.py \
	tests/harness/memory.py tests/harness/terminal.py \
	tests/harness/gate.py tests/harness/ldapgate.py tests/harness/smtpgate.py \
	tests/harness/miltergate.py

# Is loaded into a daemon, beside its sanitizers and without one.
EXTRA_DIST += tests/faults.c
noinst_DATA += tests/faults.so
CLEANFILES += tests/faults.so
tests/faults.so: tests/faults.c
	$(AM_V_CCLD)$(MKDIR_P) tests && \
		$(CC) $(WARNINGS) -O1 -g -fPIC -shared -o $@ $(top_srcdir)/tests/faults.c

# A machine of its own, and Sendmail.
EXTRA_DIST += tests/harness/machine.py tests/unit-probe.py tests/harness/sendmail.py

EXTRA_DIST += scripts/deps scripts/demo scripts/check scripts/soak scripts/run.sh .ci/run \
	test-fixtures/demo/1-create-users.csv test-fixtures/demo/2-create-list.csv \
	test-fixtures/demo/3-delete-users.csv

dist_check_SCRIPTS += tests/e2e_felt.py
dist_check_SCRIPTS += tests/e2e_guide.py tests/e2e_completion.py tests/e2e_terminal.py tests/e2e_audit.py tests/e2e_addons.py
dist_check_SCRIPTS += tests/e2e_readme.py tests/e2e_example.py tests/harness_self.py tests/e2e_policy.py tests/e2e_basic.py
dist_check_SCRIPTS += tests/e2e_sendmail.py tests/e2e_core.py
dist_check_SCRIPTS += tests/e2e_table.py tests/e2e_attacker.py tests/e2e_sender.py tests/e2e_hostile.py tests/e2e_secrets.py tests/e2e_flood.py tests/e2e_spoofer.py tests/e2e_proofs.py
dist_check_SCRIPTS += tests/e2e_attributes.py tests/e2e_cells.py tests/e2e_fields.py tests/e2e_store.py tests/e2e_examples.py tests/e2e_encodings.py tests/e2e_file.py tests/e2e_rows.py
dist_check_SCRIPTS += tests/e2e_password.py tests/e2e_cli.py tests/e2e_doctor.py tests/e2e_389.py tests/e2e_verbs.py tests/e2e_export.py
dist_check_SCRIPTS += tests/e2e_blocked.py tests/e2e_groupware.py tests/e2e_panel.py tests/e2e_sites.py tests/e2e_openxchange.py
dist_check_SCRIPTS += tests/e2e_reload.py tests/e2e_remote.py tests/e2e_failover.py
dist_check_SCRIPTS += tests/e2e_mail.py tests/e2e_answers.py tests/e2e_messages.py
dist_check_SCRIPTS += tests/e2e_lists.py tests/e2e_lost.py tests/e2e_handover.py tests/e2e_again.py
dist_check_SCRIPTS += tests/e2e_modes.py tests/e2e_domains.py tests/e2e_threads.py tests/e2e_crash.py tests/e2e_turns.py tests/e2e_sweep.py tests/e2e_disk.py

# For scripts/check: which tests there are.
print-tests:
	@for test in $(TESTS); do echo $$test; done
.PHONY: print-tests
