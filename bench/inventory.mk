# bench/inventory.mk - what comparing systems costs, by keys and by changes, against SQLite; and what it makes others wait.
noinst_PROGRAMS += bench/inventory-run
bench_inventory_run_SOURCES = bench/inventory.c bench/stub-host.c bench/stub-host.h
bench_inventory_run_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS) $(SQLITE_CFLAGS)
bench_inventory_run_LDADD = lib/libtw.la $(JANSSON_LIBS) $(SQLITE_LIBS) -ldl
EXTRA_DIST += bench/inventory bench/ranges
