# agent/notify/local.mk - delivery: outbox, sender, receivers; and the two small libraries that go with it.
noinst_LTLIBRARIES += lib/libtwalert.la agent/store/libstate.la agent/notify/libnotify.la

lib_libtwalert_la_SOURCES = \
	lib/template.c lib/template.h \
	lib/webhook-sign.c lib/webhook-sign.h
lib_libtwalert_la_CFLAGS = $(AM_CFLAGS) $(CRYPTO_CFLAGS)
lib_libtwalert_la_LIBADD = $(CRYPTO_LIBS) -lm

agent_store_libstate_la_SOURCES = agent/store/state.c agent/store/state.h
agent_store_libstate_la_CFLAGS = $(AM_CFLAGS) $(SQLITE_CFLAGS)
agent_store_libstate_la_LIBADD = $(SQLITE_LIBS) -lpthread

agent_notify_libnotify_la_SOURCES = \
	agent/notify/drain.c \
	agent/notify/internal.h \
	agent/notify/notice.c agent/notify/notice.h \
	agent/notify/notify.c agent/notify/notify.h \
	agent/notify/outbox.c agent/notify/outbox.h \
	agent/notify/receiver-webhook.c \
	agent/notify/receiver.h \
	agent/notify/receivers.c \
	agent/notify/result.c \
	agent/notify/schedule.c agent/notify/schedule.h \
	agent/notify/transfer.c
agent_notify_libnotify_la_CFLAGS = $(AM_CFLAGS) $(CURL_CFLAGS) $(JANSSON_CFLAGS) $(CRYPTO_CFLAGS)
agent_notify_libnotify_la_LIBADD = $(CURL_LIBS) $(JANSSON_LIBS) \
	$(CRYPTO_LIBS) -lpthread

# What a program of this room links, in order.
NOTIFY_LIBS = agent/notify/libnotify.la agent/store/libstate.la lib/libtwalert.la lib/libtw.la

check_PROGRAMS += tests/unit/test-webhook-sign tests/unit/test-template tests/unit/test-state tests/unit/test-notify \
	tests/fuzz/fuzz-template
TESTS += tests/unit/test-webhook-sign tests/unit/test-template tests/unit/test-state tests/unit/test-notify \
	tests/fuzz/fuzz-template
tests_unit_test_webhook_sign_SOURCES = tests/unit/test-webhook-sign.c
tests_unit_test_webhook_sign_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_webhook_sign_LDADD = lib/libtwalert.la lib/libtw.la $(CMOCKA_LIBS)
tests_unit_test_template_SOURCES = tests/unit/test-template.c
tests_unit_test_template_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_template_LDADD = lib/libtwalert.la lib/libtw.la $(CMOCKA_LIBS)
tests_unit_test_state_SOURCES = tests/unit/test-state.c
tests_unit_test_state_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_state_LDADD = agent/store/libstate.la lib/libtw.la $(CMOCKA_LIBS)
tests_unit_test_notify_SOURCES = tests/unit/test-notify.c tests/unit/http-sink.c tests/unit/http-sink.h
tests_unit_test_notify_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_notify_LDADD = $(NOTIFY_LIBS) $(CMOCKA_LIBS) $(JANSSON_LIBS) -lpthread
tests_fuzz_fuzz_template_SOURCES = tests/fuzz/fuzz-template.c $(FUZZ_MAIN)
tests_fuzz_fuzz_template_LDFLAGS = $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_template_LDADD = lib/libtwalert.la lib/libtw.la
EXTRA_DIST += tests/fuzz/corpus/template
EXTRA_DIST += docs/WEBHOOK.md docs/webhook.schema.json
