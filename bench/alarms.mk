# bench/alarms.mk - how often a healthy shop is called at night, and how soon a sick one.
noinst_PROGRAMS += bench/alarms-run
bench_alarms_run_SOURCES = bench/alarms.c
bench_alarms_run_LDADD = plugins/common/libtwcommon.la lib/libtw.la -lm
EXTRA_DIST += bench/alarms
