# tui/local.mk - the dashboard.
noinst_LTLIBRARIES += tui/libtwtui.la
tui_libtwtui_la_SOURCES = \
	tui/ask.c tui/ask.h \
	tui/cell.c tui/cell.h \
	tui/format.c tui/format.h \
	tui/glyph.c tui/glyph.h \
	tui/input.c tui/input.h \
	tui/layout.c tui/layout.h \
	tui/loop.c tui/tui.h \
	tui/model.c tui/model.h \
	tui/order.c tui/ui.h \
	tui/query_charts.c tui/query_status.c tui/query_stock.c tui/query_sums.c tui/query_traffic.c \
	tui/query.h tui/stock.h tui/traffic.h \
	tui/render.c \
	tui/shops.c \
	tui/source_http.c tui/source.h \
	tui/stock_order.c \
	tui/term_dump.c tui/term_dump.h \
	tui/term_ncurses.c tui/term.h \
	tui/theme.c tui/theme.h \
	tui/update.c \
	tui/view_api.c tui/view_funnel.c tui/view_map.c tui/view_overview.c tui/view_shops.c tui/view_stock.c \
	tui/view_stock.h tui/view_stock_keys.c tui/view_storefront.c \
	tui/w_bar.c tui/w_heat.c tui/w_help.c tui/w_line.c tui/w_spark.c tui/w_strip.c tui/w_table.c \
	tui/w_waterfall.c tui/widgets.h \
	tui/worker.c tui/worker.h
tui_libtwtui_la_CFLAGS = $(AM_CFLAGS) $(NCURSES_CFLAGS) $(CURL_CFLAGS) $(JANSSON_CFLAGS)
tui_libtwtui_la_LIBADD = lib/libtw.la $(NCURSES_LIBS) $(CURL_LIBS) $(JANSSON_LIBS) $(UTF8PROC_LIBS) -lm

noinst_PROGRAMS += tui/tui-demo
tui_tui_demo_SOURCES = tui/demo.c tests/golden/fixture.c tests/golden/fixture.h
tui_tui_demo_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
tui_tui_demo_LDADD = tui/libtwtui.la lib/libtw.la $(JANSSON_LIBS) -lm

check_PROGRAMS += tests/unit/test-tui-term tests/unit/test-tui-clean tests/fuzz/fuzz-keys
TESTS += tests/unit/test-tui-term tests/unit/test-tui-clean tests/fuzz/fuzz-keys \
	tests/golden/check-frames.sh
EXTRA_DIST += tests/golden/fixtures tests/golden/frames tests/golden/remake.sh \
	tests/golden/check-frames.sh tests/golden/make-fixtures.py
tests_unit_test_tui_term_SOURCES = tests/unit/test-tui-term.c tests/unit/tui-sample.h
tests_unit_test_tui_term_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(VTERM_CFLAGS)
tests_unit_test_tui_term_LDADD = tui/libtwtui.la lib/libtw.la $(CMOCKA_LIBS) $(VTERM_LIBS) -lm
tests_unit_test_tui_clean_SOURCES = tests/unit/test-tui-clean.c
tests_unit_test_tui_clean_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(VTERM_CFLAGS)
tests_unit_test_tui_clean_LDADD = $(CMOCKA_LIBS) $(VTERM_LIBS) -lutil
tests_fuzz_fuzz_keys_SOURCES = tests/fuzz/fuzz-keys.c $(FUZZ_MAIN)
tests_fuzz_fuzz_keys_LDFLAGS = $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_keys_LDADD = tui/libtwtui.la lib/libtw.la

check_PROGRAMS += tests/unit/test-tui-units tests/unit/test-tui-query tests/unit/test-tui-shops tests/unit/test-tui-stock
TESTS += tests/unit/test-tui-units tests/unit/test-tui-query tests/unit/test-tui-shops tests/unit/test-tui-stock
tests_unit_test_tui_shops_SOURCES = tests/unit/test-tui-shops.c tests/golden/fixture.c \
	tests/golden/fixture.h tests/unit/tui-sample.h
tests_unit_test_tui_shops_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_tui_shops_LDADD = tui/libtwtui.la lib/libtw.la $(CMOCKA_LIBS) $(JANSSON_LIBS) -lm
tests_unit_test_tui_units_SOURCES = tests/unit/test-tui-units.c tests/unit/tui-sample.h
tests_unit_test_tui_units_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_tui_units_LDADD = tui/libtwtui.la lib/libtw.la $(CMOCKA_LIBS) -lm
tests_unit_test_tui_query_SOURCES = tests/unit/test-tui-query.c tests/golden/fixture.c \
	tests/golden/fixture.h
tests_unit_test_tui_query_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_tui_query_LDADD = tui/libtwtui.la lib/libtw.la $(CMOCKA_LIBS) $(JANSSON_LIBS) -lm
tests_unit_test_tui_stock_SOURCES = tests/unit/test-tui-stock.c tests/golden/fixture.c \
	tests/golden/fixture.h
tests_unit_test_tui_stock_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_tui_stock_LDADD = tui/libtwtui.la lib/libtw.la $(CMOCKA_LIBS) $(JANSSON_LIBS) -lm
