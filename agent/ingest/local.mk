# agent/ingest/local.mk - frames become committed samples.
noinst_LTLIBRARIES += agent/ingest/libtwingest.la
agent_ingest_libtwingest_la_SOURCES = agent/ingest/ingest.c agent/ingest/ingest.h agent/ingest/internal.h \
	agent/ingest/probe.c agent/ingest/run.c agent/ingest/series.c agent/ingest/writer.c
agent_ingest_libtwingest_la_LIBADD = -lpthread
