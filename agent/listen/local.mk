# agent/listen/local.mk - what the agent's HTTP servers share: sockets to listen on, and connections with a deadline.
noinst_LTLIBRARIES += agent/listen/libtwlisten.la
agent_listen_libtwlisten_la_SOURCES = agent/listen/connections.c agent/listen/connections.h agent/listen/listen.c \
	agent/listen/listen.h
agent_listen_libtwlisten_la_CFLAGS = $(AM_CFLAGS) $(MHD_CFLAGS)
agent_listen_libtwlisten_la_LIBADD = $(MHD_LIBS) -lpthread
