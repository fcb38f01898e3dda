# agent/rules/local.mk - rules as data, rule files, short forms, and when they are evaluated.
noinst_LTLIBRARIES += agent/rules/librules.la

agent_rules_librules_la_SOURCES = \
	agent/rules/eval.c agent/rules/eval.h \
	agent/rules/rule.c agent/rules/rule.h \
	agent/rules/rulefile.c agent/rules/rulefile.h \
	agent/rules/short.c agent/rules/short.h
agent_rules_librules_la_CFLAGS = $(AM_CFLAGS)
agent_rules_librules_la_LIBADD = -lpthread

# What a program of this room links, in order.
RULES_LIBS = agent/rules/librules.la config/libtwconfig.la lib/libtwalert.la lib/libtw.la

check_PROGRAMS += tests/unit/test-rules tests/fuzz/fuzz-rules
TESTS += tests/unit/test-rules tests/fuzz/fuzz-rules
tests_unit_test_rules_SOURCES = tests/unit/test-rules.c
tests_unit_test_rules_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_rules_LDADD = $(RULES_LIBS) $(CMOCKA_LIBS) -lpthread
tests_fuzz_fuzz_rules_SOURCES = tests/fuzz/fuzz-rules.c $(FUZZ_MAIN)
tests_fuzz_fuzz_rules_LDFLAGS = $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_rules_LDADD = $(RULES_LIBS)
EXTRA_DIST += tests/fuzz/corpus/rules
