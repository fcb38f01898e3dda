# agent/supervise/local.mk - host processes: started, watched, killed, started again.
noinst_LTLIBRARIES += agent/supervise/libtwsupervise.la
agent_supervise_libtwsupervise_la_SOURCES = agent/supervise/host.c agent/supervise/host.h agent/supervise/link.c \
	agent/supervise/supervise.c agent/supervise/supervise.h agent/supervise/watch.c
agent_supervise_libtwsupervise_la_CFLAGS = $(AM_CFLAGS) $(UV_CFLAGS)
agent_supervise_libtwsupervise_la_LIBADD = $(UV_LIBS)

# Its clocks are the test's: calls of mono_now and wall_now go to the wrappers.
check_PROGRAMS += tests/unit/test-supervise
TESTS += tests/unit/test-supervise
tests_unit_test_supervise_SOURCES = tests/unit/test-supervise.c tests/unit/supervise-help.c tests/unit/supervise-help.h \
	tests/unit/store-help.c tests/unit/store-help.h
tests_unit_test_supervise_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(UV_CFLAGS)
tests_unit_test_supervise_LDFLAGS = $(TW_LDFLAGS) -Wl,--wrap=mono_now -Wl,--wrap=wall_now
tests_unit_test_supervise_LDADD = agent/supervise/libtwsupervise.la agent/ingest/libtwingest.la agent/store/libtwstore.la \
	wire/libtwwire.la lib/libtw.la $(CMOCKA_LIBS) $(UV_LIBS) $(SQLITE_LIBS) -lpthread -lm
