# plugins/access_log/local.mk - the access_log source.
noinst_LTLIBRARIES += plugins/access_log/libaccesslog.la
plugins_access_log_libaccesslog_la_SOURCES = plugins/access_log/country.c plugins/access_log/follow.c plugins/access_log/format.c \
	plugins/access_log/format-internal.h plugins/access_log/listen.c plugins/access_log/listen.h plugins/access_log/log.h \
	plugins/access_log/log-time.c plugins/access_log/parse.c plugins/access_log/receive.c plugins/access_log/scan.h \
	plugins/access_log/syslog.c plugins/access_log/syslog.h
plugins_access_log_libaccesslog_la_LIBADD = plugins/common/libtwcommon.la lib/libtw.la $(ZLIB_LIBS) -lm

plugin_LTLIBRARIES += plugins/access_log.la
plugins_access_log_la_SOURCES = plugins/access_log/access_log.c
plugins_access_log_la_LDFLAGS = $(PLUGIN_LDFLAGS)
plugins_access_log_la_LIBADD = plugins/access_log/libaccesslog.la

check_PROGRAMS += tests/unit/test-access-log
TESTS += tests/unit/test-access-log
tests_unit_test_access_log_SOURCES = tests/unit/test-access-log.c
tests_unit_test_access_log_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_access_log_LDFLAGS = $(TW_LDFLAGS) -Wl,--wrap=mono_now
tests_unit_test_access_log_LDADD = plugins/access_log/libaccesslog.la $(CMOCKA_LIBS)

check_PROGRAMS += tests/fuzz/fuzz-log
TESTS += tests/fuzz/fuzz-log
tests_fuzz_fuzz_log_SOURCES = tests/fuzz/fuzz-log.c $(FUZZ_MAIN)
tests_fuzz_fuzz_log_LDFLAGS = $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_log_LDADD = plugins/access_log/libaccesslog.la
EXTRA_DIST += tests/fuzz/corpus/log

# Countries: a real database, made by tests/make-mmdb.
check_PROGRAMS += tests/unit/test-geo
TESTS += tests/unit/test-geo
tests_unit_test_geo_SOURCES = tests/unit/test-geo.c
tests_unit_test_geo_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(JANSSON_CFLAGS) $(MMDB_CFLAGS)
tests_unit_test_geo_LDADD = plugins/access_log/libaccesslog.la host/libtwhost.la $(CMOCKA_LIBS)
EXTRA_DIST += tests/make-mmdb

# Lines that are sent: headers, streams, sockets.
check_PROGRAMS += tests/unit/test-receive
TESTS += tests/unit/test-receive
tests_unit_test_receive_SOURCES = tests/unit/test-receive.c
tests_unit_test_receive_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_receive_LDADD = plugins/access_log/libaccesslog.la $(CMOCKA_LIBS)

check_PROGRAMS += tests/fuzz/fuzz-syslog
TESTS += tests/fuzz/fuzz-syslog
tests_fuzz_fuzz_syslog_SOURCES = tests/fuzz/fuzz-syslog.c $(FUZZ_MAIN)
tests_fuzz_fuzz_syslog_LDFLAGS = $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_syslog_LDADD = plugins/access_log/libaccesslog.la
EXTRA_DIST += tests/fuzz/corpus/syslog
