# agent/alert/local.mk - the life of alerts: routing, grouping, muting, and what is to be told.
noinst_LTLIBRARIES += agent/alert/libalert.la

agent_alert_libalert_la_SOURCES = \
	agent/alert/alert.h \
	agent/alert/engine.c \
	agent/alert/flush.c \
	agent/alert/group.c \
	agent/alert/internal.h \
	agent/alert/life.c \
	agent/alert/mute.c \
	agent/alert/route.c \
	agent/alert/save.c \
	agent/alert/silence.c
agent_alert_libalert_la_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
agent_alert_libalert_la_LIBADD = $(JANSSON_LIBS) -lpthread

ALERT_LIBS = agent/alert/libalert.la agent/rules/librules.la $(NOTIFY_LIBS)

check_PROGRAMS += tests/unit/test-alert
TESTS += tests/unit/test-alert
tests_unit_test_alert_SOURCES = tests/unit/test-alert.c tests/unit/http-sink.c tests/unit/http-sink.h
tests_unit_test_alert_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(JANSSON_CFLAGS) $(SQLITE_CFLAGS)
tests_unit_test_alert_LDADD = $(ALERT_LIBS) $(CMOCKA_LIBS) $(JANSSON_LIBS) $(SQLITE_LIBS) -lpthread
