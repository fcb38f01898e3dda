/*
 * setup-rules.c - see setup-rules.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "agent/setup-rules.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/promql/promql.h"
#include "agent/rules/rulefile.h"
#include "agent/rules/short.h"
#include "lib/xmalloc.h"

static int
parse_expr(void *ctx, const char *expr, char *err, size_t cap)
{
	struct promql_error e;
	struct promql_expr *x;
	int rc = promql_parse(&x, expr, strlen(expr), &e);

	(void)ctx;
	if (rc != 0)
		snprintf(err, cap, "%s", e.text);
	promql_free(x);
	return rc;
}

/* The configuration's words as the short forms want them. */
struct converted {
	struct short_probe *probes;
	struct short_default *defaults;
	struct short_alert *alerts;
	size_t n_probes, n_defaults, n_alerts;
};

static struct tw_alert
alert_row(const struct tw_table *t, uint32_t i)
{
	struct tw_alert row = {0};

	memcpy(&row, (const char *)t->rows + (size_t)i * t->row_size,
	    t->row_size < sizeof(row) ? t->row_size : sizeof(row));
	return row;
}

/* A user's alert for the failures of a probe takes the place of the plugin's default one. */
static bool
is_overridden(const struct config *c, const char *probe)
{
	const struct config_alert *list = c->alerts.items;

	for (uint32_t i = 0; i < c->alerts.n; i++)
		if (list[i].failures != NULL && list[i].probe != NULL
		    && strcmp(list[i].probe, probe) == 0)
			return true;
	return false;
}

/* Has the user written that option ("journey/teardown")? Of "!option": has he not? */
static bool
is_set(const struct yaml_node *node, const char *option)
{
	char key[64];

	if (*option == '!')
		return !is_set(node, option + 1);
	while (node != NULL && *option != '\0') {
		size_t n = strcspn(option, "/");

		snprintf(key, sizeof(key), "%.*s", (int)n, option);
		node = yaml_get(node, key);
		option += n + (option[n] == '/');
	}
	return node != NULL && !yaml_is_null(node);
}

static void
convert_defaults(struct converted *to, const struct config *c, const struct config_probe *p,
    struct short_probe *s)
{
	const struct tw_table *t = &p->manifest->plugin.alerts;

	s->defaults = &to->defaults[to->n_defaults];
	for (uint32_t i = 0; i < t->count && p->alerts; i++) {
		struct tw_alert row = alert_row(t, i);

		if ((row.failures != NULL && is_overridden(c, p->name))
		    || (row.when != NULL && !is_set(p->node, row.when)))
			continue;
		to->defaults[to->n_defaults++] = (struct short_default){row.name, row.expr,
		    row.hold, row.keep_firing_for, row.severity, row.summary, row.failures};
		s->n_defaults++;
	}
}

static void
convert_probes(struct converted *to, const struct config *c)
{
	size_t rows = 0;

	for (size_t i = 0; i < c->n_probes; i++)
		rows += c->probes[i].manifest->plugin.alerts.count;
	to->probes = xcalloc(c->n_probes, sizeof(*to->probes));
	to->defaults = xcalloc(rows, sizeof(*to->defaults));
	to->alerts = xcalloc(c->alerts.n, sizeof(*to->alerts));
	for (size_t i = 0; i < c->n_probes; i++) {
		const struct config_probe *p = &c->probes[i];
		struct short_probe *s = &to->probes[to->n_probes++];

		*s = (struct short_probe){.name = p->name,
		    .shop = c->shop.name,
		    .interval_ms = p->interval / 1000,
		    .timeout_ms = p->timeout / 1000,
		    .alerts_off = !p->alerts};
		convert_defaults(to, c, p, s);
	}
}

static void
convert_alerts(struct converted *to, const struct config *c, struct rule_pair **labels)
{
	const struct config_alert *from = c->alerts.items;
	size_t n = 0, at = 0;

	for (uint32_t i = 0; i < c->alerts.n; i++)
		n += from[i].labels.n;
	*labels = xcalloc(n, sizeof(**labels));
	for (uint32_t i = 0; i < c->alerts.n; i++) {
		const struct tw_pair *pairs = from[i].labels.items;

		to->alerts[to->n_alerts++] = (struct short_alert){.name = from[i].name,
		    .probe = from[i].probe,
		    .failures = from[i].failures,
		    .expr = from[i].expr,
		    .for_ms = from[i].hold / 1000,
		    .keep_firing_ms = from[i].keep_firing_for / 1000,
		    .severity = from[i].severity,
		    .summary = from[i].summary,
		    .description = from[i].description,
		    .runbook = from[i].runbook,
		    .labels = *labels + at,
		    .n_labels = from[i].labels.n};
		for (uint32_t k = 0; k < from[i].labels.n; k++)
			(*labels)[at++] = (struct rule_pair){
			    (char *)(uintptr_t)pairs[k].name, (char *)(uintptr_t)pairs[k].value};
	}
}

static int
add_files(struct rule_set *out, const struct config *c, struct buf *errors)
{
	const char *const *patterns = c->rules.items;

	for (uint32_t i = 0; i < c->rules.n; i++) {
		struct rulefile_error e = {0};

		if (rulefile_glob(out, patterns[i], parse_expr, NULL, &e) == 0)
			continue;
		buf_printf(errors, "%s:%d:%d: %s\n", e.file, e.line, e.column, e.text);
		return -EINVAL;
	}
	return 0;
}

/* What short forms carry as expressions is checked here, so that a typing mistake is found before
 * the start. */
static int
check_exprs(const struct rule_set *s, struct buf *errors)
{
	char err[512];
	int rc = 0;

	for (size_t i = 0; i < s->n; i++)
		for (size_t k = 0; k < s->groups[i].n; k++)
			if (parse_expr(NULL, s->groups[i].rules[k].expr, err, sizeof(err)) != 0) {
				buf_printf(errors, "alert %s: expr: %s\n",
				    s->groups[i].rules[k].name, err);
				rc = -EINVAL;
			}
	return rc;
}

int
setup_rules(struct rule_set *out, const struct config *c, struct buf *errors)
{
	struct rule_pair *labels = NULL;
	struct converted to = {0};
	char err[512] = "";
	int rc = short_builtin(out, c->shop.name);

	convert_probes(&to, c);
	convert_alerts(&to, c, &labels);
	for (size_t i = 0; i < to.n_probes && rc == 0; i++)
		rc = short_probe(out, &to.probes[i], err, sizeof(err));
	if (rc == 0)
		rc = short_alerts(
		    out, to.alerts, to.n_alerts, to.probes, to.n_probes, err, sizeof(err));
	if (rc != 0)
		buf_printf(errors, "%s\n", err[0] != '\0' ? err : strerror(-rc));
	if (rc == 0)
		rc = check_exprs(out, errors);
	if (rc == 0)
		rc = add_files(out, c, errors);
	free(to.probes);
	free(to.defaults);
	free(to.alerts);
	free(labels);
	return rc;
}
