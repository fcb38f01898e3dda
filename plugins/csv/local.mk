# plugins/csv/local.mk - feed files, here and elsewhere.
FETCH_SOURCES = plugins/common/fetch.c plugins/common/fetch.h
CSV_SOURCES = plugins/csv/csv-parse.c plugins/csv/csv-parse.h
plugin_LTLIBRARIES += plugins/csv.la
plugins_csv_la_SOURCES = plugins/csv/csv.c plugins/csv/csv.h plugins/csv/feed.c plugins/csv/rows.c \
	$(CSV_SOURCES) $(FETCH_SOURCES) $(UNPACK_SOURCES)
plugins_csv_la_CFLAGS = $(AM_CFLAGS) $(CURL_CFLAGS) $(XXHASH_CFLAGS) $(ZLIB_CFLAGS)
plugins_csv_la_LDFLAGS = $(PLUGIN_LDFLAGS)
plugins_csv_la_LIBADD = plugins/common/libtwcommon.la lib/libtw.la $(CURL_LIBS) $(XXHASH_LIBS) $(ZLIB_LIBS)

check_PROGRAMS += tests/unit/test-csv tests/fuzz/fuzz-csv
TESTS += tests/unit/test-csv tests/fuzz/fuzz-csv
tests_unit_test_csv_SOURCES = tests/unit/test-csv.c $(CSV_SOURCES)
tests_unit_test_csv_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_csv_LDADD = lib/libtw.la $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test-csv-rows
TESTS += tests/unit/test-csv-rows
tests_unit_test_csv_rows_SOURCES = tests/unit/test-csv-rows.c plugins/csv/rows.c plugins/csv/csv.h
tests_unit_test_csv_rows_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(XXHASH_CFLAGS)
tests_unit_test_csv_rows_LDADD = lib/libtw.la $(CMOCKA_LIBS) $(XXHASH_LIBS)
# Feeds, and what their cells say as prices and stock.
tests_fuzz_fuzz_csv_SOURCES = tests/fuzz/fuzz-csv.c plugins/inventory/value.c plugins/inventory/value.h $(CSV_SOURCES) \
	$(FUZZ_MAIN)
tests_fuzz_fuzz_csv_LDFLAGS = $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_csv_LDADD = lib/libtw.la -lm
EXTRA_DIST += tests/fuzz/corpus/csv

# A feed on a real SFTP server.
TESTS += tests/blackbox/sftp.sh
EXTRA_DIST += tests/blackbox/sftp.sh
