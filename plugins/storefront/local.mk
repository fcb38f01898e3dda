# plugins/storefront/local.mk - storefront latency and correctness.
plugin_LTLIBRARIES += plugins/storefront.la
plugins_storefront_la_SOURCES = plugins/storefront/reading.c plugins/storefront/run.c plugins/storefront/storefront.c \
	plugins/storefront/storefront.h
plugins_storefront_la_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
plugins_storefront_la_LDFLAGS = $(PLUGIN_LDFLAGS)
plugins_storefront_la_LIBADD = plugins/common/libtwcommon.la lib/libtw.la
