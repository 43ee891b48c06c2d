# SPDX-License-Identifier: MIT
# The command.

bin_PROGRAMS += batchload
batchload_SOURCES = cli/main.c cli/cli.h cli/queue.c
batchload_LDADD = $(POLICY_LIBS)
