# plugins/storefront/local.mk - storefront latency and correctness.
plugin_LTLIBRARIES += plugins/storefront.la
plugins_storefront_la_SOURCES = plugins/storefront/reading.c plugins/storefront/run.c plugins/storefront/storefront.c \
	plugins/storefront/storefront.h
plugins_storefront_la_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
plugins_storefront_la_LDFLAGS = $(PLUGIN_LDFLAGS)
plugins_storefront_la_LIBADD = plugins/common/libtwcommon.la lib/libtw.la

# What shops answer, through the engine's callbacks (compiled in) to the judgement of this plugin.
check_PROGRAMS += tests/fuzz/fuzz-answer
TESTS += tests/fuzz/fuzz-answer
tests_fuzz_fuzz_answer_SOURCES = tests/fuzz/fuzz-answer.c plugins/storefront/reading.c $(FUZZ_MAIN)
tests_fuzz_fuzz_answer_CFLAGS = $(AM_CFLAGS) $(CURL_CFLAGS) $(CARES_CFLAGS) $(SSL_CFLAGS) $(JANSSON_CFLAGS)
tests_fuzz_fuzz_answer_LDFLAGS = $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_answer_LDADD = plugins/common/libtwcommon.la host/libtwhost.la
EXTRA_DIST += tests/fuzz/corpus/answer
