# plugins/common/local.mk - what several families share; linked into each plugin.
noinst_LTLIBRARIES += plugins/common/libtwcommon.la
plugins_common_libtwcommon_la_SOURCES = plugins/common/answer.c plugins/common/answer.h plugins/common/answer-error.c \
	plugins/common/assertion.c plugins/common/assertion.h plugins/common/glob.c plugins/common/glob.h plugins/common/network.c plugins/common/network.h \
	plugins/common/outcome.c plugins/common/outcome.h \
	plugins/common/private.c plugins/common/private.h \
	plugins/common/quota.c plugins/common/quota.h plugins/common/request.c plugins/common/request.h plugins/common/request-template.c \
	plugins/common/request-template.h \
	plugins/common/season.c plugins/common/season.h plugins/common/season-internal.h \
	plugins/common/season-calendar.c plugins/common/season-learn.c plugins/common/season-page.c \
	plugins/common/season-ratio.c plugins/common/season-time.c
plugins_common_libtwcommon_la_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS) $(PCRE2_CFLAGS)

# What is judged by earlier weeks; its pages come back from a store that may be damaged.
check_PROGRAMS += tests/unit/test-season tests/fuzz/fuzz-season
TESTS += tests/unit/test-season tests/fuzz/fuzz-season
tests_unit_test_season_SOURCES = tests/unit/test-season.c
tests_unit_test_season_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_season_LDADD = plugins/common/libtwcommon.la lib/libtw.la $(CMOCKA_LIBS) -lm
tests_fuzz_fuzz_season_SOURCES = tests/fuzz/fuzz-season.c $(FUZZ_MAIN)
tests_fuzz_fuzz_season_LDFLAGS = $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_season_LDADD = plugins/common/libtwcommon.la lib/libtw.la -lm
EXTRA_DIST += tests/fuzz/corpus/season

# Quotas in every dialect that answers use.
# Of sources that ask a server. The clock of its test is the test's: calls go to the wrappers.
TURN_SOURCES = plugins/common/turn.c plugins/common/turn.h
check_PROGRAMS += tests/unit/test-turn
TESTS += tests/unit/test-turn
tests_unit_test_turn_SOURCES = tests/unit/test-turn.c $(TURN_SOURCES)
tests_unit_test_turn_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_turn_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=mono_now -Wl,--wrap=nanosleep
tests_unit_test_turn_LDADD = lib/libtw.la $(CMOCKA_LIBS) -lm

check_PROGRAMS += tests/unit/test-quota tests/fuzz/fuzz-quota
TESTS += tests/unit/test-quota tests/fuzz/fuzz-quota
tests_unit_test_quota_SOURCES = tests/unit/test-quota.c
tests_unit_test_quota_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_quota_LDADD = plugins/common/libtwcommon.la lib/libtw.la $(CMOCKA_LIBS) $(JANSSON_LIBS) -lm
tests_fuzz_fuzz_quota_SOURCES = tests/fuzz/fuzz-quota.c $(FUZZ_MAIN)
tests_fuzz_fuzz_quota_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
tests_fuzz_fuzz_quota_LDFLAGS = $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_quota_LDADD = plugins/common/libtwcommon.la lib/libtw.la $(JANSSON_LIBS) -lm
EXTRA_DIST += tests/fuzz/corpus/quota
