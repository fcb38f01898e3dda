# tests/promqltest/local.mk - the query language judged by Prometheus' own test scripts.
check_PROGRAMS += tests/promqltest/promqltest
TESTS += tests/promqltest/promqltest
tests_promqltest_promqltest_SOURCES = tests/promqltest/promqltest.c tests/promqltest/memory.c \
	tests/promqltest/points.c tests/promqltest/points.h
tests_promqltest_promqltest_LDADD = agent/promql/libtwpromql.la lib/libtw.la -lm
EXTRA_DIST += tests/promqltest/floor tests/promqltest/scripts

# Any text as a query, on the same storage in memory.
check_PROGRAMS += tests/fuzz/fuzz-promql
TESTS += tests/fuzz/fuzz-promql
tests_fuzz_fuzz_promql_SOURCES = tests/fuzz/fuzz-promql.c tests/promqltest/memory.c tests/promqltest/points.c \
	tests/promqltest/points.h $(FUZZ_MAIN)
tests_fuzz_fuzz_promql_LDFLAGS = $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_promql_LDADD = agent/promql/libtwpromql.la lib/libtw.la -lm
EXTRA_DIST += tests/fuzz/corpus/promql
