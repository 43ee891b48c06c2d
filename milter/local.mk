# SPDX-License-Identifier: MIT
# The daemon.

noinst_LIBRARIES += milter/libmilterd.a
milter_libmilterd_a_SOURCES = milter/session.c milter/session.h \
	milter/mailbox.c milter/mailbox.h milter/header.c milter/header.h \
	milter/control.c milter/control.h milter/hand-in.c milter/hand-in.h \
	milter/workers.c milter/workers.h milter/followers.c milter/followers.h milter/world.c milter/world.h \
	milter/reload.c milter/reload.h milter/notify.c milter/notify.h \
	milter/callbacks.c milter/callbacks.h milter/start.c milter/start.h

sbin_PROGRAMS += batchload-milter
batchload_milter_SOURCES = milter/main.c milter/wipe.c
batchload_milter_LDADD = milter/libmilterd.a $(POLICY_LIBS) $(MILTER_LIBS) -lpthread

# The service that Postfix asks about each recipient.
sbin_PROGRAMS += batchload-policy
batchload_policy_SOURCES = milter/policy-main.c milter/wipe.c
batchload_policy_LDADD = milter/libmilterd.a $(POLICY_LIBS)

# What runs add-ons.
sbin_PROGRAMS += batchload-follow
batchload_follow_SOURCES = milter/follow-main.c milter/follow-run.c milter/follow-run.h \
	milter/wipe.c
batchload_follow_LDADD = milter/libmilterd.a $(POLICY_LIBS)

check_PROGRAMS += test-session
test_session_SOURCES = milter/test-session.c
test_session_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=sender_table_grant
test_session_LDADD = milter/libmilterd.a $(POLICY_LIBS)
check_PROGRAMS += test-session-proof
test_session_proof_SOURCES = milter/test-session-proof.c
test_session_proof_LDADD = milter/libmilterd.a $(POLICY_LIBS)
check_PROGRAMS += test-workers
test_workers_SOURCES = milter/test-workers.c lib/job-fixture.c lib/job-fixture.h
test_workers_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=job_worker_stop,--wrap=job_worker_free
test_workers_LDADD = milter/libmilterd.a tests/libfixture.a $(POLICY_LIBS)
check_PROGRAMS += test-start
test_start_SOURCES = milter/test-start.c
test_start_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=setuid
test_start_LDADD = milter/libmilterd.a $(POLICY_LIBS)

check_PROGRAMS += test-notify
test_notify_SOURCES = milter/test-notify.c
test_notify_LDADD = milter/libmilterd.a $(POLICY_LIBS)

if FUZZERS
noinst_PROGRAMS += fuzz-header
fuzz_header_SOURCES = milter/fuzz-header.c
fuzz_header_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
fuzz_header_LDADD = milter/libmilterd.a $(POLICY_LIBS)
endif
EXTRA_DIST += test-fixtures/header/from-angle test-fixtures/header/from-encoded \
	test-fixtures/header/from-group test-fixtures/header/path test-fixtures/header/message-id \
	test-fixtures/header/content-type test-fixtures/header/automatic
check_PROGRAMS += seeds-header
seeds_header_SOURCES = milter/fuzz-header.c tests/fuzz-seeds.c
seeds_header_CPPFLAGS = $(AM_CPPFLAGS) -DSEEDS=\"test-fixtures/header\"
seeds_header_LDADD = milter/libmilterd.a $(POLICY_LIBS)
