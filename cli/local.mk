# SPDX-License-Identifier: MIT
# The command.

bin_PROGRAMS += batchload
batchload_SOURCES = cli/main.c cli/cli.h cli/common.c cli/queue.c cli/show.c cli/log.c \
	cli/policy.c cli/profile.c cli/sample.c \
	cli/control.c cli/progress.c cli/progress.h cli/password.c cli/apply.c cli/lockout.c \
	cli/verb.c cli/verb.h cli/verb-parse.c cli/verb-words.c cli/verb-password.c cli/verb-show.c \
	cli/doctor.c cli/doctor-addons.c cli/doctor-directory.c cli/doctor-panel.c cli/doctor-postfix.c \
	cli/doctor.h
batchload_LDADD = $(POLICY_LIBS)

# The doors of older systems: one program, and a link to it by the name of each command.
pkglibexec_PROGRAMS += batchload-door
batchload_door_SOURCES = cli/door.c cli/door.h cli/door-options.c cli/door-submit.c \
	cli/door-table.c cli/groupware.c cli/panel.c cli/panel.h cli/panel-command.c cli/panel-list.c \
	cli/register.c \
	cli/common.c cli/control.c cli/progress.c cli/password.c
batchload_door_LDADD = $(POLICY_LIBS)
GROUPWARE_COMMANDS = adduser deluser changepasswd setquota addgroup delgroup addmembers2group \
	delmembersfromgroup addresource delresource addresourcegroup delresourcegroup \
	addmembers2resgroup delmembersfromresgroup

PANEL_CALLS = EAddDomain EEditDomain ESuspendDomain EResumeDomain EDeleteDomain EGetMailURL \
	EChangeDomainIP EAddDomainAlias EDeleteDomainAlias EGetDomainAliasList \
	EGetDistributionListList EGetDistributionList EGetMailingListList EGetSpamFilterList \
	EGetCatchallUser EPreExportDomain EPostExportDomain EPreImportDomain \
	EPostImportDomain EAddDistributionList EDeleteDistributionList EAddMailingList \
	EDeleteMailingList EAddSpamFilter EDeleteSpamFilter EStartMailServer EStopMailServer \
	EChangeNetworkSettings EAddUser EEditUser ESuspendUser EResumeUser EDeleteUser \
	EPreExportUser EPostExportUser EPreImportUser EPostImportUser EAddUserAlias \
	EDeleteUserAlias EGetUserAliasList EGetForwardList EGetAutoResponder \
	EDeleteAutoResponder EAddForward EDeleteForward EAddDistributionListMember \
	EDeleteDistributionListMember EGetDistributionListMemberList EAddMailingListMember \
	EDeleteMailingListMember EGetMailingListMemberList ESetCatchallUser \
	ESetAutoResponder RegisterMailAddon

# The links are relative, so that they lead to the program below DESTDIR, too: up from their folder to
# what it has in common with the program's, and down from there.
install-exec-hook: install-doors
install-doors:
	link() { \
	    folder=$${1%/}; shift; above=$$folder; up=; \
	    while case '$(pkglibexecdir)/' in "$$above"/*) false;; esac; do above=$${above%/*}; up=../$$up; done; \
	    program='$(pkglibexecdir)/batchload-door'; program=$$up$${program#"$$above"/}; \
	    $(MKDIR_P) '$(DESTDIR)'"$$folder" || return 1; \
	    for name; do $(LN_S) -f "$$program" '$(DESTDIR)'"$$folder/$$name" || return 1; done; \
	}; \
	link '$(groupwaredir)' $(GROUPWARE_COMMANDS) && link '$(paneldir)' $(PANEL_CALLS)
uninstall-hook: uninstall-doors
uninstall-doors:
	for name in $(GROUPWARE_COMMANDS); do rm -f '$(DESTDIR)$(groupwaredir)'/$$name; done
	for name in $(PANEL_CALLS); do rm -f '$(DESTDIR)$(paneldir)'/$$name; done
	rmdir '$(DESTDIR)$(groupwaredir)' '$(DESTDIR)$(paneldir)' 2>/dev/null || :
.PHONY: install-doors uninstall-doors

check_PROGRAMS += test-cli
test_cli_SOURCES = cli/test-cli.c lib/spool-fixture.c lib/spool-fixture.h \
	policy/map-fixture.c policy/map-fixture.h
EXTRA_test_cli_DEPENDENCIES = batchload$(EXEEXT)
test_cli_LDADD = $(POLICY_LIBS)

# Completion, which asks the program itself.
bashcompletiondir = $(datadir)/bash-completion/completions
dist_bashcompletion_DATA = cli/completion/batchload
zshcompletiondir = $(datadir)/zsh/site-functions
dist_zshcompletion_DATA = cli/completion/_batchload

# What is given to a door's command, by libFuzzer and over its seeds; what it tells is the target's.
fuzz_door = cli/fuzz-door.c cli/door.h cli/door-options.c cli/door-table.c
if FUZZERS
noinst_PROGRAMS += fuzz-door
fuzz_door_SOURCES = $(fuzz_door)
fuzz_door_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
fuzz_door_LDADD = $(POLICY_LIBS)
endif
check_PROGRAMS += seeds-door
seeds_door_SOURCES = $(fuzz_door) tests/fuzz-seeds.c
seeds_door_CPPFLAGS = $(AM_CPPFLAGS) -DSEEDS=\"test-fixtures/door\"
seeds_door_LDADD = $(POLICY_LIBS)
EXTRA_DIST += test-fixtures/door
