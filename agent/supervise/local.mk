# agent/supervise/local.mk - host processes: started, watched, killed, started again.
noinst_LTLIBRARIES += agent/supervise/libtwsupervise.la
agent_supervise_libtwsupervise_la_SOURCES = agent/supervise/host.c agent/supervise/host.h agent/supervise/link.c \
	agent/supervise/supervise.c agent/supervise/supervise.h agent/supervise/watch.c
agent_supervise_libtwsupervise_la_CFLAGS = $(AM_CFLAGS) $(UV_CFLAGS)
agent_supervise_libtwsupervise_la_LIBADD = $(UV_LIBS)
