# agent/ingest/local.mk - frames become committed samples.
noinst_LTLIBRARIES += agent/ingest/libtwingest.la
agent_ingest_libtwingest_la_SOURCES = agent/ingest/ingest.c agent/ingest/ingest.h agent/ingest/internal.h \
	agent/ingest/probe.c agent/ingest/run.c agent/ingest/scrub.c agent/ingest/series.c agent/ingest/writer.c
agent_ingest_libtwingest_la_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
agent_ingest_libtwingest_la_LIBADD = $(JANSSON_LIBS) -lpthread

check_PROGRAMS += tests/unit/test-ingest
TESTS += tests/unit/test-ingest
tests_unit_test_ingest_SOURCES = tests/unit/test-ingest.c tests/unit/ingest-help.c tests/unit/ingest-help.h \
	tests/unit/store-help.c tests/unit/store-help.h
tests_unit_test_ingest_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_ingest_LDADD = agent/ingest/libtwingest.la agent/store/libtwstore.la wire/libtwwire.la lib/libtw.la \
	$(CMOCKA_LIBS) $(SQLITE_LIBS) -lpthread -lm
