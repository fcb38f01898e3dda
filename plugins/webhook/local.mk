# plugins/webhook/local.mk - the webhook source.
noinst_LTLIBRARIES += plugins/webhook/libwebhook.la
plugins_webhook_libwebhook_la_SOURCES = plugins/webhook/body.c plugins/webhook/inbox.c plugins/webhook/seen.c \
	plugins/webhook/webhook.h
plugins_webhook_libwebhook_la_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
plugins_webhook_libwebhook_la_LIBADD = plugins/common/libtwcommon.la lib/libtwinboxfile.la lib/libtw.la $(JANSSON_LIBS)

plugin_LTLIBRARIES += plugins/webhook.la
plugins_webhook_la_SOURCES = plugins/webhook/webhook.c
plugins_webhook_la_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS) $(XXHASH_CFLAGS)
plugins_webhook_la_LDFLAGS = $(PLUGIN_LDFLAGS)
plugins_webhook_la_LIBADD = plugins/webhook/libwebhook.la $(XXHASH_LIBS)

# Every kind of signature, forged and repeated ones, kill -9 in the middle of a stream.
TESTS += tests/blackbox/webhook.sh
EXTRA_DIST += tests/blackbox/webhook.sh tests/blackbox/webhook-post.py

check_PROGRAMS += tests/unit/test-webhook-source
TESTS += tests/unit/test-webhook-source
tests_unit_test_webhook_source_SOURCES = tests/unit/test-webhook-source.c
tests_unit_test_webhook_source_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_webhook_source_LDADD = plugins/webhook/libwebhook.la $(CMOCKA_LIBS) $(JANSSON_LIBS)

# Bodies as strangers post them, and segments as a crash leaves them.
check_PROGRAMS += tests/fuzz/fuzz-webhook tests/fuzz/fuzz-inbox
TESTS += tests/fuzz/fuzz-webhook tests/fuzz/fuzz-inbox
tests_fuzz_fuzz_webhook_SOURCES = tests/fuzz/fuzz-webhook.c $(FUZZ_MAIN)
tests_fuzz_fuzz_webhook_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
tests_fuzz_fuzz_webhook_LDFLAGS = $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_webhook_LDADD = plugins/webhook/libwebhook.la $(JANSSON_LIBS)
tests_fuzz_fuzz_inbox_SOURCES = tests/fuzz/fuzz-inbox.c $(FUZZ_MAIN)
tests_fuzz_fuzz_inbox_LDFLAGS = $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_inbox_LDADD = lib/libtwinboxfile.la lib/libtw.la
EXTRA_DIST += tests/fuzz/corpus/webhook tests/fuzz/corpus/inbox
