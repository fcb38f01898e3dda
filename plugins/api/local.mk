# plugins/api/local.mk - API error rates, durations and error budgets of real traffic.
plugin_LTLIBRARIES += plugins/api.la
plugins_api_la_SOURCES = plugins/api/api.c plugins/api/api.h plugins/api/budget.c plugins/api/call.c \
	plugins/api/call-error.c plugins/api/call-quota.c plugins/api/cell.c plugins/api/route.c plugins/api/slot.c
plugins_api_la_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
plugins_api_la_LDFLAGS = $(PLUGIN_LDFLAGS)
plugins_api_la_LIBADD = plugins/common/libtwcommon.la lib/libtw.la -lm

check_PROGRAMS += tests/unit/test-api
TESTS += tests/unit/test-api
tests_unit_test_api_SOURCES = tests/unit/test-api.c plugins/api/budget.c plugins/api/cell.c \
	plugins/api/route.c plugins/api/slot.c
tests_unit_test_api_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_api_LDADD = plugins/common/libtwcommon.la lib/libtw.la $(CMOCKA_LIBS) -lm

# What the probe asks by itself, on the demo shop.
TESTS += tests/blackbox/api-calls.sh
EXTRA_DIST += tests/blackbox/api-calls.sh
