# plugins/common/local.mk - what several families share; linked into each plugin.
noinst_LTLIBRARIES += plugins/common/libtwcommon.la
plugins_common_libtwcommon_la_SOURCES = plugins/common/assertion.c plugins/common/assertion.h plugins/common/cdn.c \
	plugins/common/cdn.h plugins/common/outcome.c plugins/common/outcome.h plugins/common/wall.c plugins/common/wall.h
plugins_common_libtwcommon_la_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS) $(PCRE2_CFLAGS)
