# host/engine.mk - the probe engine.
noinst_LTLIBRARIES += host/libtwengine.la
host_libtwengine_la_SOURCES = host/address.c host/cert.c host/dns.c host/easy.c host/engine.c host/engine.h \
	host/engine-internal.h host/http.c host/http-answer.c \
	host/http-internal.h host/jar.c host/loop.c host/loop.h host/redirect.c host/redirect.h \
	host/sight.c host/trust.c
host_libtwengine_la_CFLAGS = $(AM_CFLAGS) $(CURL_CFLAGS) $(CARES_CFLAGS) $(SSL_CFLAGS) $(JANSSON_CFLAGS)
host_libtwengine_la_LIBADD = $(CURL_LIBS) $(CARES_LIBS) $(SSL_LIBS) $(CRYPTO_LIBS)
