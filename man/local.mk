# SPDX-License-Identifier: MIT
# Manual pages, with the paths of this build, and the test that holds pages and program together.

BUILT_MANS = man/batchload.1 man/batchload.conf.5 man/batchload-senders.5 man/batchload-csv.5 \
	man/batchload-milter.8 man/batchload-policy.8 man/batchload-groupware.8 \
	man/batchload-follow.8 man/batchload-panel.8
man_MANS = $(BUILT_MANS)
dist_man_MANS += man/batchload-policy.5
CLEANFILES += $(BUILT_MANS)
EXTRA_DIST += man/batchload.1.in man/batchload.conf.5.in man/batchload-senders.5.in \
	man/batchload-csv.5.in \
	man/batchload-milter.8.in man/batchload-policy.8.in man/batchload-groupware.8.in \
	man/batchload-follow.8.in man/batchload-panel.8.in doc/decisions.md doc/settling.md

# What administrators and postmasters read, and the sample file.
dist_doc_DATA = doc/administrators-guide.md doc/requests.md doc/sendmail.md doc/upgrading.md \
	doc/batchload.csv

fill_in_page = $(AM_V_GEN)$(MKDIR_P) man && sed -e 's|@sysconfdir[@]|$(sysconfdir)|' \
	-e 's|@localstatedir[@]|$(localstatedir)|' -e 's|@pkgdatadir[@]|$(pkgdatadir)|' \
	-e 's|@groupwaredir[@]|$(groupwaredir)|' -e 's|@paneldir[@]|$(paneldir)|' \
	-e 's|@pkglibexecdir[@]|$(pkglibexecdir)|' -e 's|@docdir[@]|$(docdir)|' $(srcdir)/$@.in >$@.tmp && mv $@.tmp $@
man/batchload.1: $(srcdir)/man/batchload.1.in Makefile
	$(fill_in_page)
man/batchload.conf.5: $(srcdir)/man/batchload.conf.5.in Makefile
	$(fill_in_page)
man/batchload-senders.5: $(srcdir)/man/batchload-senders.5.in Makefile
	$(fill_in_page)
man/batchload-csv.5: $(srcdir)/man/batchload-csv.5.in Makefile
	$(fill_in_page)
man/batchload-milter.8: $(srcdir)/man/batchload-milter.8.in Makefile
	$(fill_in_page)
man/batchload-policy.8: $(srcdir)/man/batchload-policy.8.in Makefile
	$(fill_in_page)
man/batchload-groupware.8: $(srcdir)/man/batchload-groupware.8.in Makefile
	$(fill_in_page)

man/batchload-follow.8: $(srcdir)/man/batchload-follow.8.in Makefile
	$(fill_in_page)
man/batchload-panel.8: $(srcdir)/man/batchload-panel.8.in Makefile
	$(fill_in_page)

check_PROGRAMS += test-man
test_man_SOURCES = man/test-man.c
EXTRA_test_man_DEPENDENCIES = $(BUILT_MANS) policy/batchload.conf
test_man_LDADD = $(ENGINE_LIBS)
