# bench/top.mk - what the dashboard costs while it is looked at.
noinst_PROGRAMS += bench/top-pty
bench_top_pty_SOURCES = bench/top-pty.c
bench_top_pty_LDADD = -lutil
EXTRA_DIST += bench/top
