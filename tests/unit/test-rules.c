/*
 * test-rules.c - rule files and their mistakes, short forms and what they become, when groups are
 * evaluated.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/rules/eval.h"
#include "agent/rules/rulefile.h"
#include "agent/rules/short.h"

static const struct {
	const char *text;
	int line, column;
	const char *says;
} bad[] = {
    {"groups:\n- name: a\n  rulez: []\n", 3, 3, "no key \"rulez\""},
    {"groups:\n- name: a\n  rules:\n  - alert: X\n", 4, 5, "needs expr"},
    {"groups:\n- name: a\n  rules:\n  - {alert: X, record: y, expr: a}\n", 4, 5,
	"either record or alert"},
    {"groups:\n- name: a\n  rules:\n  - {record: 'a b', expr: a}\n", 4, 14, "metric's name"},
    {"groups:\n- name: a\n  rules:\n  - {alert: X, expr: a, for: soon}\n", 4, 30, "not a duration"},
    {"groups:\n- name: a\n  rules:\n  - {alert: X, expr: a, labels: {a-b: c}}\n", 4, 34,
	"not a name"},
    {"groups:\n- name: a\n  rules:\n  - {alert: X, expr: a, annotations: {s: '{{ if }}'}}\n", 4, 42,
	"unknown function"},
    {"groups:\n- name: a\n- name: a\n", 3, 9, "two groups"},
    {"groups:\n- name: a\n  rules:\n  - {record: x, expr: a, for: 5m}\n", 4, 5, "neither for"},
    {"groups:\n- name: a\n  rules:\n  - {alert: X, expr: ''}\n", 4, 22, "empty"},
    {"groups:\n- name: a\n  rules:\n  - {alert: X, expr: BAD}\n", 4, 22, "no good"},
    {"groups:\n- name: a\n  limit: -1\n", 3, 10, "not a number"},
    {"groups: 7\n", 1, 9, "must be a list"},
    {"gruppen: []\n", 1, 1, "no key"},
};

static int
parse(void *ctx, const char *expr, char *err, size_t cap)
{
	(void)ctx;
	if (strstr(expr, "BAD") == NULL)
		return 0;
	snprintf(err, cap, "no good");
	return -EINVAL;
}

static void
mistakes_have_a_place(void **state)
{
	struct rulefile_error err;
	struct rule_set s = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (rulefile_read(&s, "r.yaml", bad[i].text, strlen(bad[i].text), parse, NULL, &err)
		    == 0)
			fail_msg("accepted: %s", bad[i].text);
		if (strstr(err.text, bad[i].says) == NULL || err.line != bad[i].line
		    || err.column != bad[i].column)
			fail_msg("%s: %d:%d (want %d:%d) %s", bad[i].text, err.line, err.column,
			    bad[i].line, bad[i].column, err.text);
		assert_int_equal(s.n, 0);
	}
}

static const char good[] =
    "groups:\n"
    "  - name: shop\n    interval: 30s\n    limit: 10\n    labels: {team: web, severity:"
    " info}\n    rules:\n"
    "      - record: job:errors:rate5m\n        expr: sum by (job) (rate(errors_total[5m]))\n"
    "      - alert: High\n        expr: |\n          job:errors:rate5m > 5\n        for: 1h30m\n"
    "        keep_firing_for: 5m\n        labels: {severity: page}\n"
    "        annotations: {summary: '{{ $labels.job }} \"x\"'}\n"
    "      - {alert: High, expr: vector(1)}\n";

static void
reads_and_writes(void **state)
{
	struct rule_set s = {0}, again = {0};
	struct rulefile_error err;
	struct buf text;

	(void)state;
	if (rulefile_read(&s, "r.yaml", good, strlen(good), parse, NULL, &err) != 0)
		fail_msg("%d:%d %s", err.line, err.column, err.text);
	assert_int_equal(s.n_rules, 3);
	assert_int_equal(s.groups[0].interval_ms, 30000);
	assert_int_equal(s.groups[0].limit, 10);
	assert_true(s.groups[0].rules[0].recording);
	assert_int_equal(s.groups[0].rules[1].for_ms, 5400000);
	assert_int_equal(s.groups[0].rules[1].keep_firing_ms, 300000);
	assert_string_equal(rule_get_label(&s.groups[0].rules[1], "severity"), "page");
	assert_string_equal(rule_get_label(&s.groups[0].rules[1], "team"), "web");
	assert_string_equal(s.groups[0].rules[1].key, "shop/High");
	assert_string_equal(s.groups[0].rules[2].key, "shop/High#2");
	buf_init(&text, 65536);
	rule_set_write(&text, &s);
	if (rulefile_read(&again, "again", buf_str(&text), text.len, parse, NULL, &err) != 0)
		fail_msg("%s\n%d:%d %s", buf_str(&text), err.line, err.column, err.text);
	assert_string_equal(again.groups[0].rules[1].expr, s.groups[0].rules[1].expr);
	assert_string_equal(
	    again.groups[0].rules[1].annotations[0].value, "{{ $labels.job }} \"x\"");
	buf_free(&text);
	rule_set_clear(&s);
	rule_set_clear(&again);
}

static const struct short_default defaults[] = {
    {"StorefrontSlow", "storefront_ttfb{probe=\"${probe}\"} > 2", "2m", NULL, "ticket",
	"{{ $labels.probe }} is slow"},
};
static const struct short_probe probes[] = {
    {.name = "front \"x\"",
	.shop = "acme",
	.interval_ms = 30000,
	.timeout_ms = 10000,
	.defaults = defaults,
	.n_defaults = 1},
    {.name = "quiet",
	.shop = "acme",
	.interval_ms = 300000,
	.timeout_ms = 45000,
	.alerts_off = true},
};

static void
build_short(struct rule_set *s)
{
	const struct short_alert alerts[] = {
	    {.name = "Down", .probe = "front \"x\"", .failures = "2 of 3", .severity = "page"},
	    {.name = "Oversell",
		.expr = "oversell > 5",
		.for_ms = 900000,
		.severity = "ticket",
		.runbook = "https://wiki.example/oversell"},
	};
	char err[200] = "";

	assert_int_equal(short_builtin(s, "acme"), 0);
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(short_probe(s, &probes[i], err, sizeof(err)), 0);
	if (short_alerts(s, alerts, 2, probes, 2, err, sizeof(err)) != 0)
		fail_msg("%s", err);
}

static void
short_forms_compile(void **state)
{
	struct rule_set s = {0};
	const struct rule *r;

	(void)state;
	build_short(&s);
	assert_int_equal(s.n_rules, 5);
	assert_true(s.groups[0].rules[0].about_agent);
	assert_string_equal(s.groups[1].probe, "front \"x\"");
	assert_string_equal(
	    s.groups[1].rules[0].expr, "storefront_ttfb{probe=\"front \\\"x\\\"\"} > 2");
	assert_string_equal(s.groups[1].rules[1].name, "ProbeNoData");
	assert_string_equal(rule_get_label(&s.groups[1].rules[1], "severity"), "ticket");
	r = &s.groups[2].rules[0];
	assert_string_equal(r->expr,
	    "sum_over_time(tillwatch_probe_failed{probe=\"front \\\"x\\\"\"}[1m30s]) >= 2 or "
	    "sum_over_time(tillwatch_probe_failed{probe=\"front \\\"x\\\"\"}[1m30s] offset 10s)"
	    " >= 2");
	assert_int_equal(r->hold_ms, 100000);
	rule_set_clear(&s);
}

static void
short_mistakes(void **state)
{
	static const struct {
		struct short_alert a;
		const char *says;
	} wrong[] = {
	    {{.name = "A", .probe = "nobody", .failures = "2 of 3"}, "alerts[0].probe"},
	    {{.name = "A", .probe = "quiet", .failures = "3 of 2"}, "alerts[0].failures"},
	    {{.name = "A", .probe = "quiet", .failures = "two"}, "k of n"},
	    {{.name = "A", .failures = "2 of 3"}, "need the probe"},
	    {{.name = "A"}, "either failures"},
	    {{.name = "A", .expr = "x", .probe = "quiet", .failures = "2 of 3"}, "either failures"},
	};
	char err[200];

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct rule_set s = {0};

		assert_int_equal(
		    short_alerts(&s, &wrong[i].a, 1, probes, 2, err, sizeof(err)), -EINVAL);
		if (strstr(err, wrong[i].says) == NULL)
			fail_msg("%s", err);
		rule_set_clear(&s);
	}
}

/* The judge that users would ask. Skipped where it is not installed. */
static void
promtool_accepts(void **state)
{
	char path[] = "/tmp/test-rules.XXXXXX";
	struct rule_set s = {0};
	struct buf text;
	int fd = mkstemp(path), status;
	pid_t pid;

	(void)state;
	build_short(&s);
	buf_init(&text, 65536);
	rule_set_write(&text, &s);
	assert_true(fd >= 0 && write(fd, buf_str(&text), text.len) == (ssize_t)text.len);
	close(fd);
	if ((pid = fork()) == 0) {
		execlp("promtool", "promtool", "check", "rules", path, (char *)NULL);
		_exit(77);
	}
	waitpid(pid, &status, 0);
	unlink(path);
	buf_free(&text);
	rule_set_clear(&s);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		skip();
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

struct calls {
	int n, alerts;
	int64_t last_ms;
	int rc;
};

static int
query(void *ctx, struct rule *r, int64_t t_ms, struct rule_vector *out, char *err, size_t cap)
{
	struct calls *c = ctx;

	(void)r;
	(void)out;
	c->n++;
	c->last_ms = t_ms;
	if (c->rc != 0)
		snprintf(err, cap, "disk on fire");
	return c->rc;
}

static int
alerts(void *ctx, struct rule *r, int64_t t_ms, const struct rule_vector *v, char *err, size_t cap)
{
	(void)r, (void)t_ms, (void)v, (void)err, (void)cap;
	((struct calls *)ctx)->alerts++;
	return 0;
}

static void
check_status(void *arg, const struct rule_status *s)
{
	*(struct rule_status *)arg = *s;
	if (s->failures > 0)
		assert_string_equal(s->error, "disk on fire");
}

static void
groups_are_aligned_and_failures_visible(void **state)
{
	struct calls c = {0};
	struct rule_io io = {.ctx = &c, .query = query, .alerts = alerts};
	struct rule_status status;
	struct rule_set s = {0};
	struct rules *r;
	int64_t next, first;

	(void)state;
	assert_non_null(rule_group_add(&s, "g", "f"));
	s.groups[0].interval_ms = 10000;
	s.groups[0].probe = strdup("front");
	assert_non_null(rule_add(&s, "A", "x"));
	r = rules_new(&s, &io, 1000000);
	assert_non_null(r);
	next = rules_tick(r, 1000000);
	assert_true(next >= 1000000 && next < 1010000);
	first = next;
	next = rules_tick(r, first + 3);
	assert_int_equal(c.last_ms, first);
	assert_int_equal(next, first + 10000);
	/* Three are due: the last is evaluated, two are counted. */
	next = rules_tick(r, first + 35000);
	assert_int_equal(c.last_ms, first + 30000);
	assert_int_equal(next, first + 40000);
	rules_each(r, check_status, &status);
	assert_int_equal(status.group_missed, 2);
	assert_int_equal(status.health, RULE_GOOD);
	/* A bad run of its probe. */
	rules_poke(r, "front");
	rules_tick(r, first + 36000);
	assert_int_equal(c.last_ms, first + 36000);
	assert_int_equal(c.alerts, 3);
	/* A failure is no result. */
	c.rc = -EIO;
	rules_tick(r, first + 40000);
	assert_int_equal(c.alerts, 3);
	rules_each(r, check_status, &status);
	assert_int_equal(status.health, RULE_BAD);
	assert_int_equal(status.failures, 1);
	/* The clock goes back by a day: evaluation goes on. */
	c.rc = 0;
	next = rules_tick(r, first - 86400000);
	assert_true(next <= first - 86400000 + 10000);
	rules_free(r);
}

static void
durations(void **state)
{
	int64_t ms;

	(void)state;
	assert_int_equal(rule_duration_parse("1h30m", &ms), 0);
	assert_int_equal(ms, 5400000);
	assert_int_equal(rule_duration_parse("1500ms", &ms), 0);
	assert_int_equal(ms, 1500);
	for (size_t i = 0; i < 6; i++)
		assert_int_equal(
		    rule_duration_parse(
			(const char *const[]){"", "5", "m", "1m1h", "-5m", "5 m"}[i], &ms),
		    -EINVAL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(mistakes_have_a_place),
	    cmocka_unit_test(reads_and_writes),
	    cmocka_unit_test(short_forms_compile),
	    cmocka_unit_test(short_mistakes),
	    cmocka_unit_test(promtool_accepts),
	    cmocka_unit_test(groups_are_aligned_and_failures_visible),
	    cmocka_unit_test(durations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
