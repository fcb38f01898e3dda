# plugins/inventory/local.mk - which systems disagree, since when, and what that exposes.
INVENTORY_SOURCES = plugins/inventory/compare.c plugins/inventory/compare.h plugins/inventory/compare-open.h \
	plugins/inventory/compare-ranked.c \
	plugins/inventory/mapping.c plugins/inventory/mapping.h plugins/inventory/table.c plugins/inventory/table.h \
	plugins/inventory/tracer.c plugins/inventory/tracer.h plugins/inventory/value.c plugins/inventory/value.h
CANARY_SOURCES = plugins/inventory/canary.c plugins/inventory/canary.h \
	plugins/inventory/velocity.c plugins/inventory/velocity.h
ORDERS_SOURCES = plugins/inventory/orders.c plugins/inventory/orders.h plugins/inventory/orders-keep.c
plugin_LTLIBRARIES += plugins/inventory.la
INVENTORY_PLUGIN = plugins/inventory/inventory.c plugins/inventory/inventory.h \
	plugins/inventory/keep.c plugins/inventory/plan.c plugins/inventory/report.c \
	plugins/inventory/run.c plugins/inventory/take.c $(INVENTORY_SOURCES) \
	plugins/inventory/canary-plan.c plugins/inventory/canary-report.c plugins/inventory/canary-run.c \
	plugins/inventory/canary-run.h plugins/inventory/sales.c $(CANARY_SOURCES) \
	plugins/inventory/orders-plan.c plugins/inventory/orders-probe.c plugins/inventory/orders-probe.h \
	plugins/inventory/orders-take.c $(ORDERS_SOURCES)
plugins_inventory_la_SOURCES = $(INVENTORY_PLUGIN)
plugins_inventory_la_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS) $(XXHASH_CFLAGS)
plugins_inventory_la_LDFLAGS = $(PLUGIN_LDFLAGS)
plugins_inventory_la_LIBADD = plugins/common/libtwcommon.la lib/libtw.la $(XXHASH_LIBS) -lm

# Cells, rows, differences, without a host.
check_PROGRAMS += tests/unit/test-inventory
TESTS += tests/unit/test-inventory
tests_unit_test_inventory_SOURCES = tests/unit/test-inventory.c $(INVENTORY_SOURCES)
tests_unit_test_inventory_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(XXHASH_CFLAGS)
tests_unit_test_inventory_LDADD = plugins/common/libtwcommon.la lib/libtw.la $(CMOCKA_LIBS) $(XXHASH_LIBS) -lm

# Which stories of an order differ, when, and what proves it.
check_PROGRAMS += tests/unit/test-orders
TESTS += tests/unit/test-orders
tests_unit_test_orders_SOURCES = tests/unit/test-orders.c $(ORDERS_SOURCES)
tests_unit_test_orders_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(XXHASH_CFLAGS)
tests_unit_test_orders_LDADD = $(CMOCKA_LIBS) $(XXHASH_LIBS)

# The whole plugin, by its options: how shops write the same, and what is said when it is read wrongly.
check_PROGRAMS += tests/unit/test-mapping
TESTS += tests/unit/test-mapping
tests_unit_test_mapping_SOURCES = tests/unit/test-mapping.c $(INVENTORY_PLUGIN)
tests_unit_test_mapping_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(JANSSON_CFLAGS) $(XXHASH_CFLAGS)
tests_unit_test_mapping_LDADD = plugins/common/libtwcommon.la lib/libtw.la $(CMOCKA_LIBS) $(JANSSON_LIBS) $(XXHASH_LIBS) -lm

# Two systems as feeds through the real agent: what is changed is reported as exactly that.
TESTS += tests/blackbox/inventory.sh
EXTRA_DIST += tests/blackbox/inventory.sh

# A thousand orders in six systems: each fault that is among them is found, and nothing else.
TESTS += tests/blackbox/orders.sh
EXTRA_DIST += tests/blackbox/orders.sh

# The canary, tracers, sales, without a host; their state comes back from a store that may be damaged.
check_PROGRAMS += tests/unit/test-canary tests/fuzz/fuzz-canary
TESTS += tests/unit/test-canary tests/fuzz/fuzz-canary
tests_unit_test_canary_SOURCES = tests/unit/test-canary.c $(CANARY_SOURCES) $(INVENTORY_SOURCES)
tests_unit_test_canary_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(XXHASH_CFLAGS)
tests_unit_test_canary_LDADD = plugins/common/libtwcommon.la lib/libtw.la $(CMOCKA_LIBS) $(XXHASH_LIBS) -lm
tests_fuzz_fuzz_canary_SOURCES = tests/fuzz/fuzz-canary.c $(CANARY_SOURCES) $(INVENTORY_SOURCES) $(FUZZ_MAIN)
tests_fuzz_fuzz_canary_CFLAGS = $(AM_CFLAGS) $(XXHASH_CFLAGS)
tests_fuzz_fuzz_canary_LDFLAGS = $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_canary_LDADD = plugins/common/libtwcommon.la lib/libtw.la $(XXHASH_LIBS) -lm
EXTRA_DIST += tests/fuzz/corpus/canary

# A connector between two systems that is slow, loses changes, and stops: what is told of it is what it did.
TESTS += tests/blackbox/canary.sh
EXTRA_DIST += tests/blackbox/canary.sh tests/shop/connector.py
