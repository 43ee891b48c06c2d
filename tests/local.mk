# SPDX-License-Identifier: MIT
# End-to-end tests against real servers.

EXTRA_DIST += tests/lsan.supp

noinst_LIBRARIES += tests/libfixture.a
tests_libfixture_a_SOURCES = tests/slapd-fixture.c tests/slapd-fixture.h
