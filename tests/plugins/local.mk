# tests/plugins/local.mk - plugins that behave well or badly on purpose, and the ABI on paper.
TEST_PLUGIN_LDFLAGS = $(PLUGIN_LDFLAGS) -rpath /nowhere
check_LTLIBRARIES += tests/plugins/tp_ok.la tests/plugins/tp_crash.la tests/plugins/tp_hang.la \
	tests/plugins/tp_spin.la tests/plugins/tp_leak.la tests/plugins/tp_exit.la \
	tests/plugins/tp_garbage.la tests/plugins/tp_tail.la tests/plugins/tp_refuse.la \
	tests/plugins/tp_undeclared.la tests/plugins/tp_old_abi.la tests/plugins/tp_reach.la \
	tests/plugins/tp_source.la tests/plugins/tp_reader.la
tests_plugins_tp_ok_la_SOURCES = tests/plugins/tp_ok.c
tests_plugins_tp_ok_la_LDFLAGS = $(TEST_PLUGIN_LDFLAGS)
tests_plugins_tp_crash_la_SOURCES = tests/plugins/tp_crash.c
tests_plugins_tp_crash_la_LDFLAGS = $(TEST_PLUGIN_LDFLAGS)
tests_plugins_tp_hang_la_SOURCES = tests/plugins/tp_hang.c
tests_plugins_tp_hang_la_LDFLAGS = $(TEST_PLUGIN_LDFLAGS)
tests_plugins_tp_spin_la_SOURCES = tests/plugins/tp_spin.c
tests_plugins_tp_spin_la_LDFLAGS = $(TEST_PLUGIN_LDFLAGS)
tests_plugins_tp_leak_la_SOURCES = tests/plugins/tp_leak.c
tests_plugins_tp_leak_la_LDFLAGS = $(TEST_PLUGIN_LDFLAGS)
tests_plugins_tp_exit_la_SOURCES = tests/plugins/tp_exit.c
tests_plugins_tp_exit_la_LDFLAGS = $(TEST_PLUGIN_LDFLAGS)
tests_plugins_tp_garbage_la_SOURCES = tests/plugins/tp_garbage.c
tests_plugins_tp_garbage_la_LDFLAGS = $(TEST_PLUGIN_LDFLAGS)
tests_plugins_tp_tail_la_SOURCES = tests/plugins/tp_tail.c
tests_plugins_tp_tail_la_LDFLAGS = $(TEST_PLUGIN_LDFLAGS)
tests_plugins_tp_refuse_la_SOURCES = tests/plugins/tp_refuse.c
tests_plugins_tp_refuse_la_LDFLAGS = $(TEST_PLUGIN_LDFLAGS)
tests_plugins_tp_undeclared_la_SOURCES = tests/plugins/tp_undeclared.c
tests_plugins_tp_undeclared_la_LDFLAGS = $(TEST_PLUGIN_LDFLAGS)
tests_plugins_tp_old_abi_la_SOURCES = tests/plugins/tp_old_abi.c
tests_plugins_tp_old_abi_la_LDFLAGS = $(TEST_PLUGIN_LDFLAGS)
tests_plugins_tp_reach_la_SOURCES = tests/plugins/tp_reach.c
tests_plugins_tp_reach_la_LDFLAGS = $(TEST_PLUGIN_LDFLAGS)
tests_plugins_tp_source_la_SOURCES = tests/plugins/tp_source.c
tests_plugins_tp_source_la_LDFLAGS = $(TEST_PLUGIN_LDFLAGS)
tests_plugins_tp_reader_la_SOURCES = tests/plugins/tp_reader.c
tests_plugins_tp_reader_la_LDFLAGS = $(TEST_PLUGIN_LDFLAGS)

# The ABI on paper: every word, metric and call of the families and sources; compiled and described, never run.
check_LTLIBRARIES += tests/plugins/paper_storefront.la
tests_plugins_paper_storefront_la_SOURCES = tests/plugins/paper_storefront.c tests/plugins/paper.h
tests_plugins_paper_storefront_la_LDFLAGS = $(TEST_PLUGIN_LDFLAGS)
check_LTLIBRARIES += tests/plugins/paper_checkout.la
tests_plugins_paper_checkout_la_SOURCES = tests/plugins/paper_checkout.c tests/plugins/paper.h
tests_plugins_paper_checkout_la_LDFLAGS = $(TEST_PLUGIN_LDFLAGS)
check_LTLIBRARIES += tests/plugins/paper_api.la
tests_plugins_paper_api_la_SOURCES = tests/plugins/paper_api.c tests/plugins/paper.h
tests_plugins_paper_api_la_LDFLAGS = $(TEST_PLUGIN_LDFLAGS)
check_LTLIBRARIES += tests/plugins/paper_inventory.la
tests_plugins_paper_inventory_la_SOURCES = tests/plugins/paper_inventory.c tests/plugins/paper.h
tests_plugins_paper_inventory_la_LDFLAGS = $(TEST_PLUGIN_LDFLAGS)
check_LTLIBRARIES += tests/plugins/paper_access_log.la
tests_plugins_paper_access_log_la_SOURCES = tests/plugins/paper_access_log.c tests/plugins/paper.h
tests_plugins_paper_access_log_la_LDFLAGS = $(TEST_PLUGIN_LDFLAGS)
check_LTLIBRARIES += tests/plugins/paper_sql.la
tests_plugins_paper_sql_la_SOURCES = tests/plugins/paper_sql.c tests/plugins/paper.h
tests_plugins_paper_sql_la_LDFLAGS = $(TEST_PLUGIN_LDFLAGS)
check_LTLIBRARIES += tests/plugins/paper_http_json.la
tests_plugins_paper_http_json_la_SOURCES = tests/plugins/paper_http_json.c tests/plugins/paper.h
tests_plugins_paper_http_json_la_LDFLAGS = $(TEST_PLUGIN_LDFLAGS)
check_LTLIBRARIES += tests/plugins/paper_csv.la
tests_plugins_paper_csv_la_SOURCES = tests/plugins/paper_csv.c tests/plugins/paper.h
tests_plugins_paper_csv_la_LDFLAGS = $(TEST_PLUGIN_LDFLAGS)
check_LTLIBRARIES += tests/plugins/paper_webhook.la
tests_plugins_paper_webhook_la_SOURCES = tests/plugins/paper_webhook.c tests/plugins/paper.h
tests_plugins_paper_webhook_la_LDFLAGS = $(TEST_PLUGIN_LDFLAGS)

check_PROGRAMS += tests/unit/test-host
TESTS += tests/unit/test-host
tests_unit_test_host_SOURCES = tests/unit/test-host.c tests/unit/test-host-driver.c tests/unit/test-host-driver.h
tests_unit_test_host_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_host_LDADD = wire/libtwwire.la lib/libtw.la $(CMOCKA_LIBS) -lpthread
EXTRA_tests_unit_test_host_DEPENDENCIES = tillwatch-host $(check_LTLIBRARIES)

check_PROGRAMS += tests/unit/test-host-emit
TESTS += tests/unit/test-host-emit
tests_unit_test_host_emit_SOURCES = tests/unit/test-host-emit.c
tests_unit_test_host_emit_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_host_emit_LDADD = host/libtwhost.la $(CMOCKA_LIBS)

check_PROGRAMS += tests/unit/test-host-link
TESTS += tests/unit/test-host-link
tests_unit_test_host_link_SOURCES = tests/unit/test-host-link.c
tests_unit_test_host_link_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_host_link_LDADD = host/libtwhost.la $(CMOCKA_LIBS)

check_PROGRAMS += tests/unit/test-host-load
TESTS += tests/unit/test-host-load
tests_unit_test_host_load_SOURCES = tests/unit/test-host-load.c
tests_unit_test_host_load_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_host_load_LDADD = host/libtwhost.la $(CMOCKA_LIBS)
EXTRA_tests_unit_test_host_load_DEPENDENCIES = tests/plugins/tp_ok.la

# The clocks of these two are the test's: calls of the three go to the wrappers (engine-help.c).
check_PROGRAMS += tests/unit/test-engine
TESTS += tests/unit/test-engine
tests_unit_test_engine_SOURCES = tests/unit/test-engine.c tests/unit/engine-help.c tests/unit/engine-help.h
tests_unit_test_engine_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(JANSSON_CFLAGS) $(CURL_CFLAGS) $(CARES_CFLAGS)
tests_unit_test_engine_LDFLAGS = $(TW_LDFLAGS) -Wl,--wrap=mono_now -Wl,--wrap=wall_now -Wl,--wrap=clock_offset_us
tests_unit_test_engine_LDADD = host/libtwhost.la $(CMOCKA_LIBS)

check_PROGRAMS += tests/unit/test-engine-slots
TESTS += tests/unit/test-engine-slots
tests_unit_test_engine_slots_SOURCES = tests/unit/test-engine-slots.c tests/unit/engine-help.c tests/unit/engine-help.h
tests_unit_test_engine_slots_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(JANSSON_CFLAGS) $(CURL_CFLAGS) $(CARES_CFLAGS)
tests_unit_test_engine_slots_LDFLAGS = $(TW_LDFLAGS) -Wl,--wrap=mono_now -Wl,--wrap=wall_now -Wl,--wrap=clock_offset_us
tests_unit_test_engine_slots_LDADD = host/libtwhost.la $(CMOCKA_LIBS)

check_PROGRAMS += tests/unit/test-engine-url
TESTS += tests/unit/test-engine-url
tests_unit_test_engine_url_SOURCES = tests/unit/test-engine-url.c
tests_unit_test_engine_url_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(JANSSON_CFLAGS) $(CURL_CFLAGS) $(CARES_CFLAGS)
tests_unit_test_engine_url_LDADD = host/libtwhost.la $(CMOCKA_LIBS)

# A clock that is behind, for programs that are to live then.
check_LTLIBRARIES += tests/past.la
tests_past_la_SOURCES = tests/past.c
tests_past_la_LDFLAGS = -module -avoid-version -shared -rpath /nowhere

# A clock that leaps while all wait: days in minutes.
noinst_LTLIBRARIES += tests/leap.la
tests_leap_la_SOURCES = tests/leap.c tests/leap.h
tests_leap_la_LDFLAGS = -module -avoid-version -shared -rpath /nowhere
noinst_PROGRAMS += tests/leap-clock
tests_leap_clock_SOURCES = tests/leap-clock.c tests/leap.h
