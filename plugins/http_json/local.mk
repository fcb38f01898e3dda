# plugins/http_json/local.mk - records of JSON APIs.
HTTP_JSON_SOURCES = plugins/http_json/ask.c plugins/http_json/crawl.c plugins/http_json/fields.c \
	plugins/http_json/http_json.h
plugin_LTLIBRARIES += plugins/http_json.la
plugins_http_json_la_SOURCES = plugins/http_json/http_json.c $(HTTP_JSON_SOURCES) $(FETCH_SOURCES) $(TURN_SOURCES)
plugins_http_json_la_CFLAGS = $(AM_CFLAGS) $(CURL_CFLAGS) $(JANSSON_CFLAGS) $(XXHASH_CFLAGS)
plugins_http_json_la_LDFLAGS = $(PLUGIN_LDFLAGS)
plugins_http_json_la_LIBADD = plugins/common/libtwcommon.la lib/libtw.la $(CURL_LIBS) $(JANSSON_LIBS) $(XXHASH_LIBS)

# One stock through an API that pages in every way, and breaks in every way.
TESTS += tests/blackbox/http-json.sh
EXTRA_DIST += tests/blackbox/http-json.sh tests/shop/stock-api.py

# Answers of an API, crawled.
check_PROGRAMS += tests/fuzz/fuzz-http-json
TESTS += tests/fuzz/fuzz-http-json
tests_fuzz_fuzz_http_json_SOURCES = tests/fuzz/fuzz-http-json.c $(HTTP_JSON_SOURCES) $(TURN_SOURCES) $(FUZZ_MAIN)
tests_fuzz_fuzz_http_json_CFLAGS = $(AM_CFLAGS) $(CURL_CFLAGS) $(JANSSON_CFLAGS) $(XXHASH_CFLAGS)
tests_fuzz_fuzz_http_json_LDFLAGS = $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_http_json_LDADD = plugins/common/libtwcommon.la lib/libtw.la $(CURL_LIBS) $(JANSSON_LIBS) $(XXHASH_LIBS) -lm
EXTRA_DIST += tests/fuzz/corpus/http-json
