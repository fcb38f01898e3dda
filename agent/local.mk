# agent/local.mk - tillwatchd, a folder for each stage of the way.
include agent/store/local.mk
include agent/promql/local.mk
include agent/inbox/local.mk
include agent/listen/local.mk
include agent/ingest/local.mk
include agent/supervise/local.mk
include agent/rules/local.mk
include agent/alert/local.mk
include agent/notify/local.mk
include agent/api/local.mk

sbin_PROGRAMS += agent/tillwatchd
agent_tillwatchd_SOURCES = agent/act.c agent/agent.c agent/agent.h agent/apply.c \
	agent/doctor.c agent/doctor.h agent/doctor-files.c agent/doctor-host.c agent/doctor-net.c agent/doctor-store.c agent/doctor-user.c \
	agent/footprint.c agent/footprint.h agent/footprint-plugins.c agent/once-asked.c agent/once-footprint.c \
	agent/judge.c agent/main.c agent/once.c agent/once.h agent/once-start.c agent/once-upgrade.c agent/own.c \
	agent/query.c agent/query.h agent/service.c agent/service.h agent/self.c agent/self.h agent/setup.c agent/setup.h agent/setup-plugins.c \
	agent/setup-plugins.h agent/setup-rules.c agent/setup-rules.h
agent_tillwatchd_CFLAGS = $(AM_CFLAGS) $(UV_CFLAGS) $(MHD_CFLAGS) $(JANSSON_CFLAGS) $(CURL_CFLAGS)
agent_tillwatchd_LDADD = agent/api/libtwapi.la agent/inbox/libtwinbox.la agent/alert/libalert.la agent/rules/librules.la agent/notify/libnotify.la \
	agent/supervise/libtwsupervise.la agent/ingest/libtwingest.la agent/promql/libtwpromql.la \
	agent/store/libtwstore.la agent/store/libstate.la config/libtwconfig.la wire/libtwwire.la lib/libtwalert.la \
	lib/libtw.la $(UV_LIBS) $(MHD_LIBS) $(JANSSON_LIBS) $(SQLITE_LIBS) $(CURL_LIBS) $(CRYPTO_LIBS) -lpthread -lm

check_PROGRAMS += tests/unit/test-footprint
TESTS += tests/unit/test-footprint
tests_unit_test_footprint_SOURCES = tests/unit/test-footprint.c agent/footprint.c agent/footprint-plugins.c
tests_unit_test_footprint_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_footprint_LDADD = lib/libtw.la $(CMOCKA_LIBS) $(JANSSON_LIBS) -lm
