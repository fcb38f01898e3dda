# lib/local.mk - small libraries that know nothing of tillwatch.
# Needs zlib, which few programs link: who unpacks lists it.
UNPACK_SOURCES = lib/unpack.c lib/unpack.h
noinst_LTLIBRARIES += lib/libtw.la
lib_libtw_la_SOURCES = \
	lib/bearer.c lib/bearer.h \
	lib/buf.c lib/buf.h \
	lib/cdn.c lib/cdn.h \
	lib/clock.c lib/clock.h \
	lib/hash.h \
	lib/hop.c lib/hop.h \
	lib/index.c lib/index.h \
	lib/json-scan.c lib/json-write.c lib/json.c lib/json.h \
	lib/little.h \
	lib/log.c lib/log.h \
	lib/manifest.c lib/manifest.h \
	lib/markup.c lib/markup.h \
	lib/offers.c lib/offers.h \
	lib/options.c lib/options.h \
	lib/regex.c lib/regex.h \
	lib/robots.c lib/robots.h \
	lib/sitemap.c lib/sitemap.h \
	lib/units.c lib/units.h \
	lib/wall.c lib/wall.h \
	lib/xmalloc.c lib/xmalloc.h \
	lib/crc32c.c lib/crc32c.h \
	lib/sanitize.c lib/sanitize.h \
	lib/stats.c lib/stats.h \
	lib/time-text.c lib/time-text.h \
	lib/tz.c lib/tz.h lib/tz-internal.h lib/tz-rule.c \
	lib/labels.c lib/labels.h \
	lib/hist.c lib/hist.h \
	lib/series.c lib/series.h
lib_libtw_la_CFLAGS = $(AM_CFLAGS) $(XXHASH_CFLAGS) $(PCRE2_CFLAGS) $(UTF8PROC_CFLAGS) $(JANSSON_CFLAGS) $(CRYPTO_CFLAGS)
lib_libtw_la_LIBADD = $(XXHASH_LIBS) $(PCRE2_LIBS) $(UTF8PROC_LIBS) $(JANSSON_LIBS) $(CRYPTO_LIBS) -lm

# Series texts, histograms and texts to be shown, as strangers send them.
check_PROGRAMS += tests/fuzz/fuzz-labels
TESTS += tests/fuzz/fuzz-labels
tests_fuzz_fuzz_labels_SOURCES = tests/fuzz/fuzz-labels.c $(FUZZ_MAIN)
tests_fuzz_fuzz_labels_LDFLAGS = $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_labels_LDADD = lib/libtw.la -lm
EXTRA_DIST += tests/fuzz/corpus/labels

check_PROGRAMS += tests/unit/test-index
TESTS += tests/unit/test-index
tests_unit_test_index_SOURCES = tests/unit/test-index.c
tests_unit_test_index_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_index_LDADD = lib/libtw.la $(CMOCKA_LIBS)

check_PROGRAMS += tests/unit/test-json
TESTS += tests/unit/test-json
tests_unit_test_json_SOURCES = tests/unit/test-json.c
tests_unit_test_json_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_json_LDADD = lib/libtw.la $(CMOCKA_LIBS) $(JANSSON_LIBS)

# Both are also asked by a grid of values that is computed elsewhere.
check_PROGRAMS += tests/unit/test-stats tests/unit/test-tz
TESTS += tests/unit/test-stats tests/unit/stats-grid tests/unit/test-tz tests/unit/tz-grid
tests_unit_test_stats_SOURCES = tests/unit/test-stats.c
tests_unit_test_stats_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_stats_LDADD = lib/libtw.la $(CMOCKA_LIBS) -lm
tests_unit_test_tz_SOURCES = tests/unit/test-tz.c
tests_unit_test_tz_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_tz_LDADD = lib/libtw.la $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test-time-text
TESTS += tests/unit/test-time-text
tests_unit_test_time_text_SOURCES = tests/unit/test-time-text.c
tests_unit_test_time_text_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_time_text_LDADD = lib/libtw.la $(CMOCKA_LIBS) -lm
EXTRA_DIST += tests/unit/stats-grid tests/unit/tz-grid

check_PROGRAMS += tests/fuzz/fuzz-tz
TESTS += tests/fuzz/fuzz-tz
tests_fuzz_fuzz_tz_SOURCES = tests/fuzz/fuzz-tz.c $(FUZZ_MAIN)
tests_fuzz_fuzz_tz_LDFLAGS = $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_tz_LDADD = lib/libtw.la
EXTRA_DIST += tests/fuzz/corpus/tz
