# bench/probes.mk - the engine against a bare client, the agent against its peers, its times against the truth.
noinst_PROGRAMS += bench/probes-clock bench/probes-engine bench/probes-raw
bench_probes_clock_SOURCES = bench/probes-clock.c
bench_probes_engine_SOURCES = bench/probes-engine.c bench/probes-load.h
bench_probes_engine_CFLAGS = $(AM_CFLAGS) $(CURL_CFLAGS) $(CARES_CFLAGS)
bench_probes_engine_LDADD = host/libtwhost.la
bench_probes_raw_SOURCES = bench/probes-raw.c bench/probes-load.h
bench_probes_raw_CFLAGS = $(AM_CFLAGS) $(SSL_CFLAGS)
bench_probes_raw_LDADD = $(SSL_LIBS)
EXTRA_DIST += bench/probes
