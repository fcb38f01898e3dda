# plugins/pages/local.mk - what the shop's own pages say, a sample of them.
plugin_LTLIBRARIES += plugins/pages.la
plugins_pages_la_SOURCES = plugins/pages/ask.c plugins/pages/discover.c plugins/pages/keep.c plugins/pages/known.c \
	plugins/pages/pages.c plugins/pages/pages.h plugins/pages/visit.c $(FETCH_SOURCES) $(TURN_SOURCES) \
	$(UNPACK_SOURCES)
plugins_pages_la_CFLAGS = $(AM_CFLAGS) $(CURL_CFLAGS) $(JANSSON_CFLAGS) $(XXHASH_CFLAGS) $(ZLIB_CFLAGS)
plugins_pages_la_LDFLAGS = $(PLUGIN_LDFLAGS)
plugins_pages_la_LIBADD = plugins/common/libtwcommon.la lib/libtw.la $(CURL_LIBS) $(JANSSON_LIBS) $(XXHASH_LIBS) $(ZLIB_LIBS) -lm

# Pages, sitemaps, robots.txt, as shops have them.
check_PROGRAMS += tests/unit/test-pages tests/fuzz/fuzz-json-ld tests/fuzz/fuzz-sitemap
TESTS += tests/unit/test-pages tests/fuzz/fuzz-json-ld tests/fuzz/fuzz-sitemap
tests_unit_test_pages_SOURCES = tests/unit/test-pages.c
tests_unit_test_pages_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_pages_LDADD = lib/libtw.la $(CMOCKA_LIBS) $(JANSSON_LIBS) -lm
tests_fuzz_fuzz_json_ld_SOURCES = tests/fuzz/fuzz-json-ld.c $(FUZZ_MAIN)
tests_fuzz_fuzz_json_ld_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
tests_fuzz_fuzz_json_ld_LDFLAGS = $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_json_ld_LDADD = lib/libtw.la $(JANSSON_LIBS) -lm
tests_fuzz_fuzz_sitemap_SOURCES = tests/fuzz/fuzz-sitemap.c $(FUZZ_MAIN)
tests_fuzz_fuzz_sitemap_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
tests_fuzz_fuzz_sitemap_LDFLAGS = $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_sitemap_LDADD = lib/libtw.la $(JANSSON_LIBS) -lm
EXTRA_DIST += tests/fuzz/corpus/json-ld tests/fuzz/corpus/sitemap

# A shop's pages against a feed, through the real agent: what differs, and what must make nothing differ.
TESTS += tests/blackbox/pages.sh
EXTRA_DIST += tests/blackbox/pages.sh tests/shop/page-shop.py
