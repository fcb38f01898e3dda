# agent/store/local.mk - samples, run records and probe state in SQLite.
noinst_LTLIBRARIES += agent/store/libtwstore.la
agent_store_libtwstore_la_SOURCES = \
	agent/store/store.c agent/store/store.h \
	agent/store/impl.h agent/store/schema.h \
	agent/store/bits.h \
	agent/store/check.c \
	agent/store/chunk.c agent/store/chunk.h \
	agent/store/close.c \
	agent/store/commit.c \
	agent/store/days.c \
	agent/store/db.c \
	agent/store/frame.c agent/store/frame.h \
	agent/store/head.c \
	agent/store/maintain.c \
	agent/store/probe-state.c \
	agent/store/registry.c \
	agent/store/rescue.c \
	agent/store/runs.c \
	agent/store/samples.c agent/store/samples.h \
	agent/store/seal.c \
	agent/store/select.c
agent_store_libtwstore_la_CFLAGS = $(AM_CFLAGS) $(SQLITE_CFLAGS) $(XXHASH_CFLAGS)
agent_store_libtwstore_la_LIBADD = lib/libtw.la $(SQLITE_LIBS) $(XXHASH_LIBS) -lm -lpthread

STORE_HELP = tests/unit/store-help.c tests/unit/store-help.h
check_PROGRAMS += tests/unit/test-store
TESTS += tests/unit/test-store
tests_unit_test_store_SOURCES = tests/unit/test-store.c $(STORE_HELP)
tests_unit_test_store_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(SQLITE_CFLAGS)
tests_unit_test_store_LDADD = agent/store/libtwstore.la lib/libtw.la $(CMOCKA_LIBS) $(SQLITE_LIBS) -lm

check_PROGRAMS += tests/unit/test-store-chunk tests/fuzz/fuzz-chunk
TESTS += tests/unit/test-store-chunk tests/fuzz/fuzz-chunk
tests_unit_test_store_chunk_SOURCES = tests/unit/test-store-chunk.c $(STORE_HELP)
tests_unit_test_store_chunk_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_store_chunk_LDADD = agent/store/libtwstore.la lib/libtw.la $(CMOCKA_LIBS) -lm
tests_fuzz_fuzz_chunk_SOURCES = tests/fuzz/fuzz-chunk.c $(FUZZ_MAIN)
tests_fuzz_fuzz_chunk_LDFLAGS = $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_chunk_LDADD = agent/store/libtwstore.la lib/libtw.la

check_PROGRAMS += tests/unit/test-store-faults
TESTS += tests/unit/test-store-faults
tests_unit_test_store_faults_SOURCES = tests/unit/test-store-faults.c $(STORE_HELP)
tests_unit_test_store_faults_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(SQLITE_CFLAGS)
tests_unit_test_store_faults_LDADD = agent/store/libtwstore.la lib/libtw.la $(CMOCKA_LIBS) $(SQLITE_LIBS) \
	-lpthread

check_PROGRAMS += tests/unit/test-store-runs
TESTS += tests/unit/test-store-runs
tests_unit_test_store_runs_SOURCES = tests/unit/test-store-runs.c $(STORE_HELP)
tests_unit_test_store_runs_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(SQLITE_CFLAGS)
tests_unit_test_store_runs_LDADD = agent/store/libtwstore.la lib/libtw.la $(CMOCKA_LIBS) $(SQLITE_LIBS)

check_PROGRAMS += bench/store
bench_store_SOURCES = bench/store.c
bench_store_LDADD = agent/store/libtwstore.la lib/libtw.la -lm

EXTRA_DIST += tests/fuzz/corpus/chunk

# Faults: a short run each in make check; --runs 200 is the long form.
check_PROGRAMS += tests/faults/powerloss tests/faults/kill9 tests/faults/full
TESTS += tests/faults/powerloss tests/faults/kill9 tests/faults/full
STORE_LEDGER = tests/faults/ledger.c tests/faults/ledger.h
tests_faults_powerloss_SOURCES = tests/faults/powerloss.c $(STORE_LEDGER)
tests_faults_powerloss_CFLAGS = $(AM_CFLAGS) $(SQLITE_CFLAGS)
tests_faults_powerloss_LDADD = agent/store/libtwstore.la lib/libtw.la $(SQLITE_LIBS)
tests_faults_kill9_SOURCES = tests/faults/kill9.c $(STORE_LEDGER)
tests_faults_kill9_LDADD = agent/store/libtwstore.la lib/libtw.la $(SQLITE_LIBS)
tests_faults_full_SOURCES = tests/faults/full.c $(STORE_LEDGER)
tests_faults_full_LDADD = agent/store/libtwstore.la lib/libtw.la $(SQLITE_LIBS)
