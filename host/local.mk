# host/local.mk - tillwatch-host: loads the plugins of one group and runs their probes.
include host/engine.mk
include host/core.mk

check_PROGRAMS += tests/unit/test-late
TESTS += tests/unit/test-late
tests_unit_test_late_SOURCES = tests/unit/test-late.c
tests_unit_test_late_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_late_LDADD = host/libtwhost.la $(CMOCKA_LIBS) -lpthread

# Timers, by the real clock.
check_PROGRAMS += tests/unit/test-loop
TESTS += tests/unit/test-loop
tests_unit_test_loop_SOURCES = tests/unit/test-loop.c
tests_unit_test_loop_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_loop_LDADD = host/libtwhost.la $(CMOCKA_LIBS)

check_PROGRAMS += tests/unit/test-loop-exact
TESTS += tests/unit/test-loop-exact
tests_unit_test_loop_exact_SOURCES = tests/unit/test-loop-exact.c
tests_unit_test_loop_exact_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_loop_exact_LDFLAGS = $(TW_LDFLAGS) -Wl,--wrap=mono_now -Wl,--wrap=epoll_wait -Wl,--wrap=timerfd_settime
tests_unit_test_loop_exact_LDADD = host/libtwhost.la $(CMOCKA_LIBS)

check_PROGRAMS += tests/unit/test-reuse
TESTS += tests/unit/test-reuse
tests_unit_test_reuse_SOURCES = tests/unit/test-reuse.c
tests_unit_test_reuse_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_reuse_LDADD = host/libtwhost.la $(CMOCKA_LIBS) -lpthread
