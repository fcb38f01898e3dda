# host/core.mk - tillwatch-host: loading, probes, what plugins may call, the sandbox.
noinst_LTLIBRARIES += host/libtwhost.la
host_libtwhost_la_SOURCES = \
	host/api.c host/api.h host/api-async.c \
	host/describe.c \
	host/emit.c host/emit.h host/emit-facts.c host/emit-internal.h host/emit-send.c host/emit-totals.c \
	host/geo.c host/geo.h \
	host/group.c host/group.h host/group-try.c host/read.c host/read.h \
	host/host.c host/host.h host/host-setup.c host/host-once.c host/inspect.c \
	host/host-link.c host/host-link.h \
	host/host-load.c host/host-load.h \
	host/probe.c host/probe.h host/probe-run.c host/probe-blocking.c \
	host/prompt.c host/prompt.h \
	host/sandbox.h host/sandbox-linux.c \
	host/state.c host/state.h \
	host/work.c host/work.h
EXTRA_DIST += host/sandbox-none.c docs/PLUGINS.md tests/blackbox/host-describe.sh
TESTS += tests/blackbox/host-describe.sh
host_libtwhost_la_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS) $(MMDB_CFLAGS) $(SECCOMP_CFLAGS)
host_libtwhost_la_LIBADD = host/libtwengine.la wire/libtwwire.la lib/libtw.la $(JANSSON_LIBS) $(MMDB_LIBS) $(SECCOMP_LIBS) -lpthread

pkglibexec_PROGRAMS += tillwatch-host
tillwatch_host_SOURCES = host/main.c
tillwatch_host_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
tillwatch_host_LDADD = host/libtwhost.la
