# plugins/checkout/local.mk - can customers buy? Synthetic journeys, and what real traffic says.
plugin_LTLIBRARIES += plugins/checkout.la
plugins_checkout_la_SOURCES = plugins/checkout/checkout.c plugins/checkout/checkout.h $(JOURNEY_SOURCES) \
	$(TRAFFIC_SOURCES)
plugins_checkout_la_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
plugins_checkout_la_LDFLAGS = $(PLUGIN_LDFLAGS)
plugins_checkout_la_LIBADD = plugins/common/libtwcommon.la lib/libtw.la

JOURNEY_SOURCES = plugins/checkout/journey.c plugins/checkout/journey.h plugins/checkout/journey-capture.c \
	plugins/checkout/journey-judge.c plugins/checkout/journey-options.c \
	plugins/checkout/journey-options.h plugins/checkout/journey-orders.c plugins/checkout/journey-plan.c \
	plugins/checkout/journey-report.c

TRAFFIC_SOURCES = plugins/checkout/funnel.c plugins/checkout/funnel.h plugins/checkout/match.c plugins/checkout/match.h \
	plugins/checkout/rate.c plugins/checkout/rate.h plugins/checkout/ratio.c plugins/checkout/ratio.h \
	plugins/checkout/ratio-judge.c plugins/checkout/ratio-attempt.c plugins/checkout/ratio-attempt.h plugins/checkout/session.c plugins/checkout/session.h plugins/checkout/traffic.c \
	plugins/checkout/traffic.h

# Templates, captures, redaction, what is owed, with an API of the test's own.
check_PROGRAMS += tests/unit/test-journey
TESTS += tests/unit/test-journey
tests_unit_test_journey_SOURCES = tests/unit/test-journey.c $(JOURNEY_SOURCES)
tests_unit_test_journey_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_journey_LDADD = plugins/common/libtwcommon.la lib/libtw.la $(CMOCKA_LIBS) $(JANSSON_LIBS)

# The way of a run, and what a process that died leaves to the next one.
check_PROGRAMS += tests/unit/test-journey-run
TESTS += tests/unit/test-journey-run
tests_unit_test_journey_run_SOURCES = tests/unit/test-journey-run.c $(JOURNEY_SOURCES)
tests_unit_test_journey_run_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_journey_run_LDADD = plugins/common/libtwcommon.la lib/libtw.la $(CMOCKA_LIBS) $(JANSSON_LIBS)

# What shops answer: pointers, regexps, headers and bodies into captures, and captures into requests.
check_PROGRAMS += tests/fuzz/fuzz-journey
TESTS += tests/fuzz/fuzz-journey
tests_fuzz_fuzz_journey_SOURCES = tests/fuzz/fuzz-journey.c $(JOURNEY_SOURCES) $(FUZZ_MAIN)
tests_fuzz_fuzz_journey_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
tests_fuzz_fuzz_journey_LDFLAGS = $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_journey_LDADD = plugins/common/libtwcommon.la lib/libtw.la $(JANSSON_LIBS)
EXTRA_DIST += tests/fuzz/corpus/journey

# Whole journeys on the demo shop, one host a run.
TESTS += tests/blackbox/journey.sh
EXTRA_DIST += tests/blackbox/journey.sh

# Rates, ratios and funnels of simulated shops, with an API and a clock of the test's own.
TRAFFIC_TEST = tests/unit/traffic-host.c tests/unit/traffic-host.h $(TRAFFIC_SOURCES)
check_PROGRAMS += tests/unit/test-traffic
TESTS += tests/unit/test-traffic
tests_unit_test_traffic_SOURCES = tests/unit/test-traffic.c $(TRAFFIC_TEST)
tests_unit_test_traffic_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_traffic_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=wall_now
tests_unit_test_traffic_LDADD = plugins/common/libtwcommon.la lib/libtw.la $(CMOCKA_LIBS) $(JANSSON_LIBS) -lm

# A log and orders through the real agent: what is counted is what the database says.
TESTS += tests/blackbox/funnel.sh
EXTRA_DIST += tests/blackbox/funnel.sh

check_PROGRAMS += tests/unit/test-attempts
TESTS += tests/unit/test-attempts
tests_unit_test_attempts_SOURCES = tests/unit/test-attempts.c $(TRAFFIC_TEST)
tests_unit_test_attempts_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_attempts_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=wall_now
tests_unit_test_attempts_LDADD = plugins/common/libtwcommon.la lib/libtw.la $(CMOCKA_LIBS) $(JANSSON_LIBS) -lm
