# cli/local.mk - tillwatch: one file a verb.
bin_PROGRAMS += cli/tillwatch
cli_tillwatch_SOURCES = \
	cli/agent-run.c \
	cli/agent-run.h \
	cli/cli.h \
	cli/client.c \
	cli/cmd-alerts.c \
	cli/cmd-check.c \
	cli/cmd-completion.c \
	cli/cmd-db.c \
	cli/cmd-doctor.c \
	cli/cmd-map.c \
	cli/cmd-notify.c \
	cli/cmd-plugin.c \
	cli/cmd-probes.c \
	cli/cmd-query.c \
	cli/cmd-reload.c \
	cli/cmd-rules.c \
	cli/cmd-run.c \
	cli/cmd-schema.c \
	cli/cmd-source.c \
	cli/cmd-status.c \
	cli/cmd-top.c \
	cli/doctor.h cli/doctor-agent.c \
	cli/main.c \
	cli/map.h \
	cli/map-draw.c \
	cli/map-live.c \
	cli/print.c \
	cli/status.h cli/status-screen.c \
	cli/waterfall.c cli/waterfall.h
cli_tillwatch_CPPFLAGS = $(AM_CPPFLAGS) -DTW_SBINDIR='"$(sbindir)"'
cli_tillwatch_CFLAGS = $(AM_CFLAGS) $(CURL_CFLAGS) $(JANSSON_CFLAGS)
cli_tillwatch_LDADD = tui/libtwtui.la agent/store/libtwstore.la config/libtwconfig.la lib/libtw.la $(CURL_LIBS) $(JANSSON_LIBS) $(SQLITE_LIBS) \
	$(UTF8PROC_LIBS) $(NCURSES_LIBS) -lpthread -lm

TESTS += tests/blackbox/map.sh
EXTRA_DIST += tests/blackbox/map.sh

TESTS += tests/blackbox/doctor.sh
EXTRA_DIST += tests/blackbox/doctor.sh

TESTS += tests/blackbox/status.sh
EXTRA_DIST += tests/blackbox/status.sh
