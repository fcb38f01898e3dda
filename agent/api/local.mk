# agent/api/local.mk - the HTTP API.
noinst_LTLIBRARIES += agent/api/libtwapi.la
agent_api_libtwapi_la_SOURCES = agent/api/act.c agent/api/api.h agent/api/labels.c agent/api/query.c \
	agent/api/request.c agent/api/request.h agent/api/routes.c agent/api/rules.c agent/api/server.c \
	agent/api/status.c agent/api/tillwatch.c
agent_api_libtwapi_la_CFLAGS = $(AM_CFLAGS) $(MHD_CFLAGS) $(CRYPTO_CFLAGS) $(UV_CFLAGS)
agent_api_libtwapi_la_LIBADD = $(MHD_LIBS) $(CRYPTO_LIBS) $(UTF8PROC_LIBS) -lpthread
