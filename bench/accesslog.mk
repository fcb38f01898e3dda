# bench/accesslog.mk - what a line of an access log costs, against a bare line count, mtail and goaccess.
noinst_PROGRAMS += bench/accesslog-run
bench_accesslog_run_SOURCES = bench/accesslog.c bench/stub-host.c bench/stub-host.h
bench_accesslog_run_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS) $(MMDB_CFLAGS)
bench_accesslog_run_LDADD = host/libtwhost.la lib/libtw.la $(JANSSON_LIBS) $(MMDB_LIBS) -ldl
EXTRA_DIST += bench/accesslog
