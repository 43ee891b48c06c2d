# SPDX-License-Identifier: MIT
# The command.

bin_PROGRAMS += batchload
batchload_SOURCES = cli/main.c cli/cli.h cli/common.c cli/queue.c cli/show.c cli/log.c \
	cli/policy.c cli/profile.c cli/sample.c \
	cli/control.c cli/apply.c cli/lockout.c \
	cli/verb.c cli/verb.h cli/verb-parse.c cli/verb-words.c cli/verb-password.c cli/verb-show.c \
	cli/doctor.c cli/doctor-directory.c cli/doctor-postfix.c cli/doctor.h
batchload_LDADD = $(POLICY_LIBS)

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
