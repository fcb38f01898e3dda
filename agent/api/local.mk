# agent/api/local.mk - the HTTP API.
noinst_LTLIBRARIES += agent/api/libtwapi.la
agent_api_libtwapi_la_SOURCES = agent/api/act.c agent/api/api.h agent/api/labels.c agent/api/query.c \
	agent/api/request.c agent/api/request.h agent/api/routes.c agent/api/rules.c agent/api/server.c \
	agent/api/status.c agent/api/tillwatch.c
agent_api_libtwapi_la_CFLAGS = $(AM_CFLAGS) $(MHD_CFLAGS) $(CRYPTO_CFLAGS) $(UV_CFLAGS)
agent_api_libtwapi_la_LIBADD = agent/listen/libtwlisten.la $(MHD_LIBS) $(CRYPTO_LIBS) $(UTF8PROC_LIBS) -lpthread

# The whole of server.c is part of the program; what the handlers ask of the agent is answered by it.
check_PROGRAMS += tests/fuzz/fuzz-api
TESTS += tests/fuzz/fuzz-api
tests_fuzz_fuzz_api_SOURCES = tests/fuzz/fuzz-api.c agent/query.c $(FUZZ_MAIN)
tests_fuzz_fuzz_api_CFLAGS = $(AM_CFLAGS) $(MHD_CFLAGS) $(CRYPTO_CFLAGS) $(JANSSON_CFLAGS) $(UV_CFLAGS)
tests_fuzz_fuzz_api_LDFLAGS = $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_api_LDADD = agent/api/libtwapi.la agent/alert/libalert.la agent/rules/librules.la \
	agent/notify/libnotify.la agent/promql/libtwpromql.la agent/store/libtwstore.la \
	agent/store/libstate.la lib/libtwalert.la lib/libtw.la $(MHD_LIBS) $(JANSSON_LIBS) \
	$(SQLITE_LIBS) $(CURL_LIBS) $(CRYPTO_LIBS) -lpthread -lm
EXTRA_DIST += tests/fuzz/corpus/api
