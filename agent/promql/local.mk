# agent/promql/local.mk - the query language.
noinst_LTLIBRARIES += agent/promql/libtwpromql.la
agent_promql_libtwpromql_la_SOURCES = agent/promql/ast.h agent/promql/eval.c agent/promql/eval.h \
	agent/promql/eval-aggregate.c agent/promql/eval-binary.c agent/promql/expr.c agent/promql/func.c agent/promql/func.h \
	agent/promql/func-hist.c agent/promql/func-range.c agent/promql/func-special.c agent/promql/func-special.h \
	agent/promql/lex.c agent/promql/parse.c agent/promql/promql.h
agent_promql_libtwpromql_la_LIBADD = -lm
