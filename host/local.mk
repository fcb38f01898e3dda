# host/local.mk - tillwatch-host: loads the plugins of one group and runs their probes.
include host/engine.mk
include host/core.mk

check_PROGRAMS += tests/unit/test-late
TESTS += tests/unit/test-late
tests_unit_test_late_SOURCES = tests/unit/test-late.c
tests_unit_test_late_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_late_LDADD = host/libtwhost.la $(CMOCKA_LIBS) -lpthread

check_PROGRAMS += tests/unit/test-reuse
TESTS += tests/unit/test-reuse
tests_unit_test_reuse_SOURCES = tests/unit/test-reuse.c
tests_unit_test_reuse_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_reuse_LDADD = host/libtwhost.la $(CMOCKA_LIBS) -lpthread
