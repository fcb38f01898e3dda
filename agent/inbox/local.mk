# agent/inbox/local.mk - webhooks in: the listener, and the segments in which bodies wait for their source.
noinst_LTLIBRARIES += lib/libtwinboxfile.la agent/inbox/libtwinbox.la
lib_libtwinboxfile_la_SOURCES = lib/inbox-file.c lib/inbox-file.h

agent_inbox_libtwinbox_la_SOURCES = agent/inbox/inbox.c agent/inbox/inbox.h agent/inbox/internal.h \
	agent/inbox/segments.c agent/inbox/server.c agent/inbox/sign.c
agent_inbox_libtwinbox_la_CFLAGS = $(AM_CFLAGS) $(MHD_CFLAGS) $(CRYPTO_CFLAGS)
agent_inbox_libtwinbox_la_LIBADD = agent/listen/libtwlisten.la lib/libtwinboxfile.la $(MHD_LIBS) $(CRYPTO_LIBS) -lpthread

check_PROGRAMS += tests/unit/test-inbox
TESTS += tests/unit/test-inbox
tests_unit_test_inbox_SOURCES = tests/unit/test-inbox.c
tests_unit_test_inbox_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_inbox_LDADD = agent/inbox/libtwinbox.la lib/libtwalert.la lib/libtw.la $(CMOCKA_LIBS) -lpthread
