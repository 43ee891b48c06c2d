# SPDX-License-Identifier: MIT
# The engine: everything that can be used without a mail server.

noinst_LIBRARIES += lib/libbatchload.a
lib_libbatchload_a_SOURCES = lib/answer.h \
	lib/secret.c lib/secret.h \
	lib/text.c lib/text.h lib/pack.c lib/pack-check.c lib/pack.h \
	lib/address.c lib/address.h \
	lib/log.c lib/log.h \
	lib/seal.c lib/seal.h \
	lib/grant.c lib/grant.h \
	lib/nearest.c lib/nearest.h \
	lib/field.c lib/field.h \
	lib/damage.c lib/damage.h \
	lib/table.c lib/table-head.c lib/table-row.c lib/table-text.c lib/table-text.h lib/table.h \
	lib/outcome.c lib/outcome.h \
	lib/mode.c lib/mode.h lib/keyword.c lib/keyword.h \
	lib/password.c lib/password.h lib/hasher.c lib/hasher.h \
	lib/operation.c lib/operation-attributes.c lib/operation-names.c lib/operation-values.c lib/operation.h \
	lib/operation-private.h lib/vocabulary.c lib/vocabulary.h \
	lib/request.c lib/request.h \
	lib/entry.c lib/entry.h \
	lib/conf-file.c lib/conf-file.h \
	lib/audit.c lib/audit.h lib/audit-type.h \
	lib/profile.c lib/profile-load.c lib/profile-write.c lib/profile-takes.c lib/profile.h lib/profile-private.h \
	lib/profile-allowed.c lib/profile-show.c lib/profile-members.c lib/show.c lib/show-stream.c lib/show-private.h lib/show-file.c lib/show.h \
	lib/directory.c lib/directory-condition.c lib/directory-connect.c lib/directory-guard.c lib/directory-names.c lib/directory-schema.c lib/directory-search.c lib/directory-servers.c lib/directory-session.c lib/directory-tls.c lib/directory-window.c lib/directory-window.h lib/directory-write.c lib/directory-password.c lib/directory.h lib/directory-private.h \
	lib/plan.c lib/plan.h lib/plan-private.h lib/plan-check.c lib/plan-ways.c lib/plan-members.c lib/plan-joins.c lib/plan-change.c lib/plan-domain.c lib/plan-clear.c lib/plan-gone.c \
	lib/plan-effect.c lib/plan-rows.c lib/plan-words.c lib/plan-words.h lib/plan-hash.c lib/plan-number.c lib/plan-number.h lib/plan-hash.h \
	lib/plan-view.c lib/plan-view.h lib/plan-fetch.c lib/plan-fetch.h lib/plan-ahead.c lib/plan-ahead.h \
	lib/settle.c lib/settle.h lib/settle-link.c lib/settle-private.h lib/settle-send.c \
	lib/undo.c lib/undo.h \
	lib/response.c lib/response-text.c lib/response-stream.c lib/response-stream.h lib/response.h \
	lib/submit.c lib/submit.h lib/submit-sendmail.c lib/submit-sendmail.h \
	lib/config.c lib/config.h lib/config-set.c lib/config-set.h \
	lib/job.c lib/job.h \
	lib/job-open.c lib/job-name.c lib/job-cancel.c lib/job-atomic.c lib/job-slice.c lib/job-show.c lib/job-ahead.c \
	lib/job-report.c lib/job-call.c \
	lib/panel.c lib/panel.h lib/addon.c lib/addon.h lib/follow.c lib/follow.h \
	lib/follow-ask.c lib/follow-ask.h \
	lib/spool-call.c lib/spool-call.h lib/spool-sqlite-call.c \
	lib/job-private.h \
	lib/spool.c lib/spool.h lib/spool-private.h lib/spool-store.h lib/spool-sqlite.c \
	lib/spool-sqlite-open.c lib/spool-sqlite-proof.c lib/spool-sqlite-audit.c \
	lib/spool-sqlite-overlay.c \
	lib/spool-sqlite-private.h lib/lockout.c lib/lockout.h lib/spool-overlay.c \
	lib/spool-content.c lib/spool-content.h lib/spool-files.c lib/spool-files.h \
	lib/spool-queue.c lib/spool-queue.h \
	lib/spool-intake.c lib/spool-ahead.c lib/spool-room.c lib/spool-proof.c lib/spool-work.c lib/spool-hand.c \
	lib/network.c lib/network.h lib/command.c lib/command.h
EXTRA_DIST += tests/tsan-glib.c
if TSAN
lib_libbatchload_a_SOURCES += tests/tsan-glib.c
endif

# What parses a mail runs in a process of its own.
noinst_LIBRARIES += lib/libparse.a
lib_libparse_a_SOURCES = lib/parse.c lib/parse.h lib/parse-stream.c lib/parse-stream.h \
	lib/parse-uuencode.c lib/parse-uuencode.h \
	lib/confine.c lib/confine.h
EXTRA_DIST += test-fixtures/mail
pkglibexec_PROGRAMS += batchload-parse
batchload_parse_SOURCES = lib/parse-main.c
batchload_parse_LDADD = lib/libparse.a lib/libbatchload.a $(GMIME_LIBS) $(SECCOMP_LIBS) $(SODIUM_LIBS) $(GLIB_LIBS) $(IDN2_LIBS) -lpthread

ENGINE_LIBS = lib/libbatchload.a $(GMIME_LIBS) $(CSV_LIBS) $(LDAP_LIBS) $(SQLITE_LIBS) \
	$(CONFUSE_LIBS) $(SODIUM_LIBS) $(IDN2_LIBS) $(CURL_LIBS) $(CRYPT_LIBS) $(JSON_LIBS) $(GLIB_LIBS)

check_PROGRAMS += test-panel
test_panel_SOURCES = lib/test-panel.c
test_panel_LDADD = $(ENGINE_LIBS)
check_PROGRAMS += test-addon
test_addon_SOURCES = lib/test-addon.c
test_addon_LDADD = $(ENGINE_LIBS)
check_PROGRAMS += test-follow
test_follow_SOURCES = lib/test-follow.c
test_follow_LDADD = $(ENGINE_LIBS)
check_PROGRAMS += test-secret
test_secret_SOURCES = lib/test-secret.c
test_secret_LDADD = $(ENGINE_LIBS)
check_PROGRAMS += test-address
test_address_SOURCES = lib/test-address.c
test_address_LDADD = $(ENGINE_LIBS)
check_PROGRAMS += test-pack
test_pack_SOURCES = lib/test-pack.c
test_pack_LDADD = $(ENGINE_LIBS)
check_PROGRAMS += test-log
test_log_SOURCES = lib/test-log.c
test_log_LDADD = $(ENGINE_LIBS)
check_PROGRAMS += test-seal
test_seal_SOURCES = lib/test-seal.c
test_seal_LDADD = $(ENGINE_LIBS)
check_PROGRAMS += test-lockout
test_lockout_SOURCES = lib/test-lockout.c
test_lockout_LDADD = $(ENGINE_LIBS)
check_PROGRAMS += test-network
test_network_SOURCES = lib/test-network.c
test_network_LDADD = $(ENGINE_LIBS)
check_PROGRAMS += test-grant
test_grant_SOURCES = lib/test-grant.c
test_grant_LDADD = $(ENGINE_LIBS)
check_PROGRAMS += test-field
test_field_SOURCES = lib/test-field.c
test_field_LDADD = $(ENGINE_LIBS)
check_PROGRAMS += test-table
test_table_SOURCES = lib/test-table.c
EXTRA_DIST += test-fixtures/table
test_table_LDADD = $(ENGINE_LIBS)
check_PROGRAMS += test-outcome
test_outcome_SOURCES = lib/test-outcome.c
test_outcome_LDADD = $(ENGINE_LIBS)
check_PROGRAMS += test-password
test_password_SOURCES = lib/test-password.c
test_password_LDADD = $(ENGINE_LIBS)
check_PROGRAMS += test-hasher
test_hasher_SOURCES = lib/test-hasher.c
test_hasher_LDADD = $(ENGINE_LIBS)
test_hasher_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=password_hash,--wrap=g_thread_try_new
check_PROGRAMS += test-operation
test_operation_SOURCES = lib/test-operation.c
test_operation_LDADD = $(ENGINE_LIBS)
check_PROGRAMS += test-request
test_request_SOURCES = lib/test-request.c
test_request_LDADD = $(ENGINE_LIBS)
noinst_PROGRAMS += parse-helper
parse_helper_SOURCES = tests/parse-helper.c
if TSAN
parse_helper_SOURCES += tests/tsan-glib.c
endif
parse_helper_LDADD = $(GLIB_LIBS)
check_PROGRAMS += test-audit
test_audit_SOURCES = lib/test-audit.c lib/spool-fixture.c lib/spool-fixture.h
test_audit_LDADD = $(ENGINE_LIBS)
check_PROGRAMS += test-entry
test_entry_SOURCES = lib/test-entry.c
test_entry_LDADD = $(ENGINE_LIBS)
check_PROGRAMS += test-show
test_show_SOURCES = lib/test-show.c
test_show_LDADD = tests/libfixture.a $(ENGINE_LIBS)
check_PROGRAMS += test-attribute
test_attribute_SOURCES = lib/test-attribute.c
test_attribute_LDADD = tests/libfixture.a $(ENGINE_LIBS)
check_PROGRAMS += test-profile
test_profile_SOURCES = lib/test-profile.c
test_profile_LDADD = tests/libfixture.a $(ENGINE_LIBS)
check_PROGRAMS += test-directory
test_directory_SOURCES = lib/test-directory.c lib/directory-fixture.c lib/directory-fixture.h
test_directory_LDADD = tests/libfixture.a $(ENGINE_LIBS)
check_PROGRAMS += test-directory-servers
test_directory_servers_SOURCES = lib/test-directory-servers.c lib/directory-fixture.c lib/directory-fixture.h
test_directory_servers_LDADD = tests/libfixture.a $(ENGINE_LIBS)
check_PROGRAMS += test-directory-write
test_directory_write_SOURCES = lib/test-directory-write.c lib/directory-fixture.c lib/directory-fixture.h
test_directory_write_LDADD = tests/libfixture.a $(ENGINE_LIBS)
check_PROGRAMS += test-directory-window
test_directory_window_SOURCES = lib/test-directory-window.c lib/directory-fixture.c lib/directory-fixture.h
test_directory_window_LDADD = tests/libfixture.a $(ENGINE_LIBS)
check_PROGRAMS += test-plan
test_plan_SOURCES = lib/test-plan.c lib/plan-fixture.c lib/plan-fixture.h
test_plan_LDADD = tests/libfixture.a $(ENGINE_LIBS)
check_PROGRAMS += test-plan-types
test_plan_types_SOURCES = lib/test-plan-types.c lib/plan-fixture.c lib/plan-fixture.h
test_plan_types_LDADD = tests/libfixture.a $(ENGINE_LIBS)
check_PROGRAMS += test-plan-ways
test_plan_ways_SOURCES = lib/test-plan-ways.c
test_plan_ways_LDADD = tests/libfixture.a $(ENGINE_LIBS)
check_PROGRAMS += test-plan-circles
test_plan_circles_SOURCES = lib/test-plan-circles.c
test_plan_circles_LDADD = tests/libfixture.a $(ENGINE_LIBS)
check_PROGRAMS += test-plan-ahead
test_plan_ahead_SOURCES = lib/test-plan-ahead.c
test_plan_ahead_LDADD = tests/libfixture.a $(ENGINE_LIBS)
# Faults are put between lib/settle and the directory.
stream_fixture = lib/stream-fixture.c lib/stream-fixture.h
check_PROGRAMS += test-settle
test_settle_SOURCES = lib/test-settle.c lib/settle-fixture.c lib/settle-fixture.h $(stream_fixture)
test_settle_LDADD = tests/libfixture.a $(ENGINE_LIBS)
test_settle_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=directory_apply,--wrap=directory_stream
check_PROGRAMS += test-settle-others
test_settle_others_SOURCES = lib/test-settle-others.c lib/settle-fixture.c lib/settle-fixture.h $(stream_fixture)
test_settle_others_LDADD = tests/libfixture.a $(ENGINE_LIBS)
test_settle_others_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=directory_apply,--wrap=directory_stream
check_PROGRAMS += test-settle-lists
test_settle_lists_SOURCES = lib/test-settle-lists.c lib/settle-fixture.c lib/settle-fixture.h $(stream_fixture)
test_settle_lists_LDADD = tests/libfixture.a $(ENGINE_LIBS)
test_settle_lists_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=directory_apply,--wrap=directory_stream
check_PROGRAMS += test-settle-password
test_settle_password_SOURCES = lib/test-settle-password.c lib/settle-fixture.c lib/settle-fixture.h $(stream_fixture)
test_settle_password_LDADD = tests/libfixture.a $(ENGINE_LIBS)
test_settle_password_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=directory_apply,--wrap=directory_stream
# The same, as with a server that checks no condition beside a change.
check_PROGRAMS += test-settle-inside
test_settle_inside_SOURCES = $(test_settle_SOURCES)
test_settle_inside_CPPFLAGS = $(AM_CPPFLAGS) -DSETTLE_INSIDE
test_settle_inside_LDADD = $(test_settle_LDADD)
test_settle_inside_LDFLAGS = $(test_settle_LDFLAGS)
check_PROGRAMS += test-settle-others-inside
test_settle_others_inside_SOURCES = $(test_settle_others_SOURCES)
test_settle_others_inside_CPPFLAGS = $(AM_CPPFLAGS) -DSETTLE_INSIDE
test_settle_others_inside_LDADD = $(test_settle_others_LDADD)
test_settle_others_inside_LDFLAGS = $(test_settle_others_LDFLAGS)
check_PROGRAMS += test-settle-lists-inside
test_settle_lists_inside_SOURCES = $(test_settle_lists_SOURCES)
test_settle_lists_inside_CPPFLAGS = $(AM_CPPFLAGS) -DSETTLE_INSIDE
test_settle_lists_inside_LDADD = $(test_settle_lists_LDADD)
test_settle_lists_inside_LDFLAGS = $(test_settle_lists_LDFLAGS)
check_PROGRAMS += test-settle-password-inside
test_settle_password_inside_SOURCES = $(test_settle_password_SOURCES)
test_settle_password_inside_CPPFLAGS = $(AM_CPPFLAGS) -DSETTLE_INSIDE
test_settle_password_inside_LDADD = $(test_settle_password_LDADD)
test_settle_password_inside_LDFLAGS = $(test_settle_password_LDFLAGS)
check_PROGRAMS += test-spool
test_spool_SOURCES = lib/test-spool.c lib/spool-fixture.c lib/spool-fixture.h
test_spool_LDADD = $(ENGINE_LIBS)
check_PROGRAMS += test-spool-proof
test_spool_proof_SOURCES = lib/test-spool-proof.c lib/spool-fixture.c lib/spool-fixture.h
test_spool_proof_LDADD = $(ENGINE_LIBS)
check_PROGRAMS += test-spool-call
test_spool_call_SOURCES = lib/test-spool-call.c lib/spool-fixture.c lib/spool-fixture.h
test_spool_call_LDADD = $(ENGINE_LIBS)
check_PROGRAMS += test-spool-room
test_spool_room_SOURCES = lib/test-spool-room.c lib/spool-fixture.c lib/spool-fixture.h
test_spool_room_LDADD = $(ENGINE_LIBS)
check_PROGRAMS += test-spool-queue
test_spool_queue_SOURCES = lib/test-spool-queue.c
test_spool_queue_LDADD = $(ENGINE_LIBS)
# ThreadSanitizer's builds put a function of their own there.
if !TSAN
check_PROGRAMS += test-spool-wait
test_spool_wait_SOURCES = lib/test-spool-wait.c lib/spool-fixture.c lib/spool-fixture.h
test_spool_wait_LDADD = $(ENGINE_LIBS)
test_spool_wait_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=g_cond_wait
endif
check_PROGRAMS += test-spool-safety
test_spool_safety_SOURCES = lib/test-spool-safety.c lib/spool-fixture.c lib/spool-fixture.h
test_spool_safety_LDADD = $(ENGINE_LIBS)
check_PROGRAMS += test-response
test_response_SOURCES = lib/test-response.c
EXTRA_DIST += \
	test-fixtures/response/all-failed-slowly.eml \
	test-fixtures/response/failed-beyond-ascii.eml \
	test-fixtures/response/failed-formulas.eml \
	test-fixtures/response/failed-hostile-values.eml \
	test-fixtures/response/failed-ragged.eml \
	test-fixtures/response/failed-sent-again.eml \
	test-fixtures/response/failed-shifted.eml \
	test-fixtures/response/ok-no-rows.eml \
	test-fixtures/response/ok-unchanged.eml \
	test-fixtures/response/ok-without-message-id.eml \
	test-fixtures/response/ok-without-reference.eml \
	test-fixtures/response/ok.eml \
	test-fixtures/response/refused-encoded-word.eml \
	test-fixtures/response/refused-hostile-ids.eml \
	test-fixtures/response/refused-hostile-reference.eml \
	test-fixtures/response/refused-long-reference.eml \
	test-fixtures/response/refused-thread.eml \
	test-fixtures/response/refused-without-reference.eml \
	test-fixtures/response/refused.eml \
	test-fixtures/response/some-failed.eml
test_response_LDADD = $(ENGINE_LIBS)
check_PROGRAMS += test-submit
test_submit_SOURCES = lib/test-submit.c
test_submit_LDADD = $(ENGINE_LIBS)
check_PROGRAMS += test-config
test_config_SOURCES = lib/test-config.c
test_config_LDADD = $(ENGINE_LIBS)
check_PROGRAMS += test-job
test_job_SOURCES = lib/test-job.c lib/job-fixture.c lib/job-fixture.h lib/spool-fixture.c \
	lib/spool-fixture.h $(stream_fixture)
test_job_LDADD = tests/libfixture.a $(ENGINE_LIBS)
# Faults are put between lib/job and the rooms that it calls.
test_job_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=directory_apply,--wrap=directory_stream \
	-Wl,--wrap=spool_job_proved,--wrap=spool_intent_store,--wrap=spool_slice_done \
	-Wl,--wrap=spool_slice_done_ahead,--wrap=spool_response_stored
profiles_fixture = lib/profiles-fixture.c lib/profiles-fixture.h lib/job-fixture.c lib/job-fixture.h
check_PROGRAMS += test-profiles
test_profiles_SOURCES = lib/test-profiles.c $(profiles_fixture)
test_profiles_LDADD = tests/libfixture.a $(ENGINE_LIBS)
test_profiles_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=directory_apply
check_PROGRAMS += test-profiles-inside
test_profiles_inside_SOURCES = $(test_profiles_SOURCES)
test_profiles_inside_CPPFLAGS = $(AM_CPPFLAGS) -DSETTLE_INSIDE
test_profiles_inside_LDADD = $(test_profiles_LDADD)
test_profiles_inside_LDFLAGS = $(test_profiles_LDFLAGS)
check_PROGRAMS += test-profiles-lists
test_profiles_lists_SOURCES = lib/test-profiles-lists.c $(profiles_fixture)
test_profiles_lists_LDADD = tests/libfixture.a $(ENGINE_LIBS)
test_profiles_lists_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=directory_stream
check_PROGRAMS += test-profiles-lists-inside
test_profiles_lists_inside_SOURCES = $(test_profiles_lists_SOURCES)
test_profiles_lists_inside_CPPFLAGS = $(AM_CPPFLAGS) -DSETTLE_INSIDE
test_profiles_lists_inside_LDADD = $(test_profiles_lists_LDADD)
test_profiles_lists_inside_LDFLAGS = $(test_profiles_lists_LDFLAGS)
EXTRA_DIST += test-fixtures/schema
check_PROGRAMS += test-job-response
test_job_response_SOURCES = lib/test-job-response.c lib/job-fixture.c lib/job-fixture.h
test_job_response_LDADD = tests/libfixture.a $(ENGINE_LIBS)
test_job_response_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=spool_job_done
check_PROGRAMS += test-job-door
test_job_door_SOURCES = lib/test-job-door.c lib/job-fixture.c lib/job-fixture.h
test_job_door_LDADD = tests/libfixture.a $(ENGINE_LIBS)
test_job_door_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=spool_job_wait
check_PROGRAMS += test-job-call
test_job_call_SOURCES = lib/test-job-call.c lib/job-fixture.c lib/job-fixture.h
test_job_call_LDADD = tests/libfixture.a $(ENGINE_LIBS)
test_job_call_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=spool_calls_have_room
check_PROGRAMS += test-job-show
test_job_show_SOURCES = lib/test-job-show.c lib/job-fixture.c lib/job-fixture.h
test_job_show_LDADD = tests/libfixture.a $(ENGINE_LIBS)
test_job_show_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=spool_slice_checked
check_PROGRAMS += test-job-servers
test_job_servers_SOURCES = lib/test-job-servers.c lib/job-fixture.c lib/job-fixture.h $(stream_fixture)
test_job_servers_LDADD = tests/libfixture.a $(ENGINE_LIBS)
test_job_servers_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=directory_apply,--wrap=directory_stream \
	-Wl,--wrap=spool_job_at_server
check_PROGRAMS += test-ahead
test_ahead_SOURCES = lib/test-ahead.c lib/job-fixture.c lib/job-fixture.h $(stream_fixture)
test_ahead_LDADD = tests/libfixture.a $(ENGINE_LIBS)
test_ahead_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=directory_apply,--wrap=directory_stream \
	-Wl,--wrap=spool_ahead_intent \
	-Wl,--wrap=spool_intent_store,--wrap=spool_slice_done,--wrap=spool_slice_done_ahead \
	-Wl,--wrap=password_hash
check_PROGRAMS += test-atomic
test_atomic_SOURCES = lib/test-atomic.c lib/job-fixture.c lib/job-fixture.h $(stream_fixture)
test_atomic_LDADD = tests/libfixture.a $(ENGINE_LIBS)
test_atomic_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=directory_apply,--wrap=directory_stream,--wrap=spool_slice_step \
	-Wl,--wrap=spool_intent_store_with
check_PROGRAMS += test-undo
test_undo_SOURCES = lib/test-undo.c
test_undo_LDADD = tests/libfixture.a $(ENGINE_LIBS)
check_PROGRAMS += test-atomic-inside
test_atomic_inside_SOURCES = $(test_atomic_SOURCES)
test_atomic_inside_CPPFLAGS = $(AM_CPPFLAGS) -DSETTLE_INSIDE
test_atomic_inside_LDADD = $(test_atomic_LDADD)
test_atomic_inside_LDFLAGS = $(test_atomic_LDFLAGS)
check_PROGRAMS += test-parse
test_parse_SOURCES = lib/test-parse.c
test_parse_LDADD = lib/libparse.a $(ENGINE_LIBS) $(SECCOMP_LIBS)
check_PROGRAMS += test-confine
test_confine_SOURCES = lib/test-confine.c
test_confine_LDADD = lib/libparse.a $(ENGINE_LIBS) $(SECCOMP_LIBS)

# Fuzz targets (configure --enable-fuzzers CC=clang); seeds lie in test-fixtures.
if FUZZERS
noinst_PROGRAMS += fuzz-table
fuzz_table_SOURCES = lib/fuzz-table.c
fuzz_table_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
fuzz_table_LDADD = $(ENGINE_LIBS)
noinst_PROGRAMS += fuzz-address
fuzz_address_SOURCES = lib/fuzz-address.c
fuzz_address_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
fuzz_address_LDADD = $(ENGINE_LIBS)
noinst_PROGRAMS += fuzz-password
fuzz_password_SOURCES = lib/fuzz-password.c
fuzz_password_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
fuzz_password_LDADD = $(ENGINE_LIBS)
noinst_PROGRAMS += fuzz-grant
fuzz_grant_SOURCES = lib/fuzz-grant.c
fuzz_grant_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
fuzz_grant_LDADD = $(ENGINE_LIBS)
noinst_PROGRAMS += fuzz-parse
fuzz_parse_SOURCES = lib/fuzz-parse.c
fuzz_parse_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
fuzz_parse_LDADD = lib/libparse.a $(ENGINE_LIBS)
noinst_PROGRAMS += fuzz-profile
fuzz_profile_SOURCES = lib/fuzz-profile.c
fuzz_profile_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
fuzz_profile_LDADD = $(ENGINE_LIBS)
noinst_PROGRAMS += fuzz-config
fuzz_config_SOURCES = lib/fuzz-config.c
fuzz_config_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
fuzz_config_LDADD = $(ENGINE_LIBS)
noinst_PROGRAMS += fuzz-record
fuzz_record_SOURCES = lib/fuzz-record.c
fuzz_record_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
fuzz_record_LDADD = $(ENGINE_LIBS)
noinst_PROGRAMS += fuzz-request
fuzz_request_SOURCES = lib/fuzz-request.c
fuzz_request_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
fuzz_request_LDADD = $(ENGINE_LIBS)
noinst_PROGRAMS += fuzz-follow
fuzz_follow_SOURCES = lib/fuzz-follow.c
fuzz_follow_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
fuzz_follow_LDADD = $(ENGINE_LIBS)
noinst_PROGRAMS += fuzz-command
fuzz_command_SOURCES = lib/fuzz-command.c
fuzz_command_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
fuzz_command_LDADD = $(ENGINE_LIBS)
endif

# The same targets over their seeds, in every build.
check_PROGRAMS += seeds-table
seeds_table_SOURCES = lib/fuzz-table.c tests/fuzz-seeds.c
seeds_table_CPPFLAGS = $(AM_CPPFLAGS) -DSEEDS=\"test-fixtures/table\"
seeds_table_LDADD = $(ENGINE_LIBS)
check_PROGRAMS += seeds-address
seeds_address_SOURCES = lib/fuzz-address.c tests/fuzz-seeds.c
seeds_address_CPPFLAGS = $(AM_CPPFLAGS) -DSEEDS=\"test-fixtures/address\"
seeds_address_LDADD = $(ENGINE_LIBS)
check_PROGRAMS += seeds-password
seeds_password_SOURCES = lib/fuzz-password.c tests/fuzz-seeds.c
seeds_password_CPPFLAGS = $(AM_CPPFLAGS) -DSEEDS=\"test-fixtures/password\"
seeds_password_LDADD = $(ENGINE_LIBS)
check_PROGRAMS += seeds-grant
seeds_grant_SOURCES = lib/fuzz-grant.c tests/fuzz-seeds.c
seeds_grant_CPPFLAGS = $(AM_CPPFLAGS) -DSEEDS=\"test-fixtures/grant\"
seeds_grant_LDADD = $(ENGINE_LIBS)
check_PROGRAMS += seeds-parse
seeds_parse_SOURCES = lib/fuzz-parse.c tests/fuzz-seeds.c
seeds_parse_CPPFLAGS = $(AM_CPPFLAGS) -DSEEDS=\"test-fixtures/mail\"
seeds_parse_LDADD = lib/libparse.a $(ENGINE_LIBS)
check_PROGRAMS += seeds-profile
seeds_profile_SOURCES = lib/fuzz-profile.c tests/fuzz-seeds.c
seeds_profile_CPPFLAGS = $(AM_CPPFLAGS) -DSEEDS=\"test-fixtures/profile\"
seeds_profile_LDADD = $(ENGINE_LIBS)
check_PROGRAMS += seeds-config
seeds_config_SOURCES = lib/fuzz-config.c tests/fuzz-seeds.c
seeds_config_CPPFLAGS = $(AM_CPPFLAGS) -DSEEDS=\"test-fixtures/config\"
seeds_config_LDADD = $(ENGINE_LIBS)
check_PROGRAMS += seeds-record
seeds_record_SOURCES = lib/fuzz-record.c tests/fuzz-seeds.c
seeds_record_CPPFLAGS = $(AM_CPPFLAGS) -DSEEDS=\"test-fixtures/record\"
seeds_record_LDADD = $(ENGINE_LIBS)
check_PROGRAMS += seeds-request
seeds_request_SOURCES = lib/fuzz-request.c tests/fuzz-seeds.c
seeds_request_CPPFLAGS = $(AM_CPPFLAGS) -DSEEDS=\"test-fixtures/child\"
seeds_request_LDADD = $(ENGINE_LIBS)
check_PROGRAMS += seeds-follow
seeds_follow_SOURCES = lib/fuzz-follow.c tests/fuzz-seeds.c
seeds_follow_CPPFLAGS = $(AM_CPPFLAGS) -DSEEDS=\"test-fixtures/follow\"
seeds_follow_LDADD = $(ENGINE_LIBS)
check_PROGRAMS += seeds-command
seeds_command_SOURCES = lib/fuzz-command.c tests/fuzz-seeds.c
seeds_command_CPPFLAGS = $(AM_CPPFLAGS) -DSEEDS=\"test-fixtures/command\"
seeds_command_LDADD = $(ENGINE_LIBS)
EXTRA_DIST += tests/fuzz-file.h test-fixtures/address test-fixtures/password test-fixtures/grant \
	test-fixtures/profile test-fixtures/config test-fixtures/record test-fixtures/child test-fixtures/follow \
	test-fixtures/command
