/*
 * rule.c - see rule.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "agent/rules/rule.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
pairs_clear(struct rule_pair *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(p[i].name);
		free(p[i].value);
	}
	free(p);
}

static void
rule_clear(struct rule *r)
{
	if (r->compiled != NULL && r->free_compiled != NULL)
		r->free_compiled(r->compiled);
	free(r->name);
	free(r->expr);
	free(r->key);
	pairs_clear(r->labels, r->n_labels);
	pairs_clear(r->annotations, r->n_annotations);
}

void
rule_set_clear(struct rule_set *s)
{
	for (size_t i = 0; i < s->n; i++) {
		struct rule_group *g = &s->groups[i];

		for (size_t k = 0; k < g->n; k++)
			rule_clear(&g->rules[k]);
		free(g->rules);
		free(g->name);
		free(g->file);
		free(g->probe);
	}
	free(s->groups);
	*s = (struct rule_set){0};
}

/* Room for one more element; false: out of memory. */
static bool
grow(void **at, size_t n, size_t *cap, size_t size)
{
	size_t more = *cap > 0 ? *cap * 2 : 4;
	void *p;

	if (n < *cap)
		return true;
	if ((p = reallocarray(*at, more, size)) == NULL)
		return false;
	*at = p;
	*cap = more;
	return true;
}

struct rule_group *
rule_group_add(struct rule_set *s, const char *name, const char *file)
{
	struct rule_group *g;
	void *at = s->groups;

	if (!grow(&at, s->n, &s->cap, sizeof(*g)))
		return NULL;
	s->groups = at;
	g = &s->groups[s->n];
	*g = (struct rule_group){
	    .name = strdup(name), .file = strdup(file), .interval_ms = RULE_INTERVAL_MS};
	if (g->name == NULL || g->file == NULL) {
		free(g->name);
		free(g->file);
		return NULL;
	}
	s->n++;
	return g;
}

static char *
make_key(const struct rule_group *g, const char *name)
{
	size_t same = 1, cap = strlen(g->name) + strlen(name) + 32;
	char *key = malloc(cap);

	for (size_t i = 0; i < g->n; i++)
		same += strcmp(g->rules[i].name, name) == 0;
	if (key != NULL && same > 1)
		snprintf(key, cap, "%s/%s#%zu", g->name, name, same);
	else if (key != NULL)
		snprintf(key, cap, "%s/%s", g->name, name);
	return key;
}

struct rule *
rule_add(struct rule_set *s, const char *name, const char *expr)
{
	struct rule_group *g = &s->groups[s->n - 1];
	void *at = g->rules;
	struct rule *r;

	if (s->n_rules == RULES_MAX || !grow(&at, g->n, &g->cap, sizeof(*r)))
		return NULL;
	g->rules = at;
	r = &g->rules[g->n];
	*r = (struct rule){.name = strdup(name), .expr = strdup(expr), .key = make_key(g, name)};
	if (r->name == NULL || r->expr == NULL || r->key == NULL) {
		rule_clear(r);
		return NULL;
	}
	g->n++;
	s->n_rules++;
	return r;
}

static int
add_pair(struct rule_pair **at, size_t *n, const char *name, const char *value)
{
	struct rule_pair *p;

	for (size_t i = 0; i < *n; i++)
		if (strcmp((*at)[i].name, name) == 0)
			return -EEXIST;
	if (*n == RULE_PAIRS_MAX)
		return -E2BIG;
	if ((p = reallocarray(*at, *n + 1, sizeof(*p))) == NULL)
		return -ENOMEM;
	*at = p;
	p[*n] = (struct rule_pair){strdup(name), strdup(value)};
	if (p[*n].name == NULL || p[*n].value == NULL) {
		free(p[*n].name);
		free(p[*n].value);
		return -ENOMEM;
	}
	++*n;
	return 0;
}

int
rule_label(struct rule *r, const char *name, const char *value)
{
	return add_pair(&r->labels, &r->n_labels, name, value);
}

int
rule_annotation(struct rule *r, const char *name, const char *value)
{
	return add_pair(&r->annotations, &r->n_annotations, name, value);
}

const char *
rule_get_label(const struct rule *r, const char *name)
{
	for (size_t i = 0; i < r->n_labels; i++)
		if (strcmp(r->labels[i].name, name) == 0)
			return r->labels[i].value;
	return NULL;
}

int
rule_set_move(struct rule_set *to, struct rule_set *from)
{
	void *at = to->groups;

	if (to->n_rules + from->n_rules > RULES_MAX)
		return -E2BIG;
	for (size_t i = 0; i < from->n; i++) {
		if (!grow(&at, to->n + i, &to->cap, sizeof(struct rule_group)))
			return -ENOMEM;
		to->groups = at;
	}
	for (size_t i = 0; i < from->n; i++)
		to->groups[to->n++] = from->groups[i];
	to->n_rules += from->n_rules;
	free(from->groups);
	*from = (struct rule_set){0};
	return 0;
}

/* ---- durations ---- */

static const struct {
	const char *name;
	int64_t ms;
} units[] = {
    {"y", INT64_C(31536000000)},
    {"w", 604800000},
    {"d", 86400000},
    {"h", 3600000},
    {"m", 60000},
    {"s", 1000},
    {"ms", 1},
};
#define N_UNITS (sizeof(units) / sizeof(units[0]))

int
rule_duration_parse(const char *text, int64_t *ms)
{
	size_t unit = 0, digits, letters;
	int64_t total = 0, v;

	if (strcmp(text, "0") == 0) {
		*ms = 0;
		return 0;
	}
	if (*text == '\0')
		return -EINVAL;
	for (; *text != '\0'; text += digits + letters) {
		digits = strspn(text, "0123456789");
		letters = strspn(text + digits, "ywdhms");
		if (digits == 0 || digits > 9)
			return -EINVAL;
		v = strtoll(text, NULL, 10);
		/* From the largest unit to the smallest, each once. */
		for (; unit < N_UNITS; unit++)
			if (strlen(units[unit].name) == letters
			    && memcmp(units[unit].name, text + digits, letters) == 0)
				break;
		if (unit == N_UNITS)
			return -EINVAL;
		total += v * units[unit++].ms;
		if (total > 100 * units[0].ms)
			return -EINVAL;
	}
	*ms = total;
	return 0;
}

void
rule_duration_write(struct buf *out, int64_t ms)
{
	if (ms == 0)
		buf_text(out, "0s");
	for (size_t i = 0; i < N_UNITS; i++) {
		/* Years only when nothing is left: 365d reads better than what a year might be. */
		if (i == 0 ? ms % units[0].ms != 0 : ms < units[i].ms)
			continue;
		if (ms >= units[i].ms)
			buf_printf(out, "%" PRId64 "%s", ms / units[i].ms, units[i].name);
		ms %= units[i].ms;
	}
}

/* ---- the set as a rule file ---- */

/* A YAML text in double quotes: every byte that could mean something is escaped. */
static void
write_quoted(struct buf *out, const char *s)
{
	buf_char(out, '"');
	for (; *s != '\0'; s++) {
		unsigned char c = (unsigned char)*s;

		if (c == '"' || c == '\\')
			buf_printf(out, "\\%c", c);
		else if (c == '\n')
			buf_text(out, "\\n");
		else if (c < 0x20 || c == 0x7f)
			buf_printf(out, "\\x%02x", c);
		else
			buf_char(out, (char)c);
	}
	buf_char(out, '"');
}

static void
write_pairs(struct buf *out, const char *key, const struct rule_pair *p, size_t n)
{
	if (n == 0)
		return;
	buf_printf(out, "        %s:\n", key);
	for (size_t i = 0; i < n; i++) {
		buf_printf(out, "          %s: ", p[i].name);
		write_quoted(out, p[i].value);
		buf_char(out, '\n');
	}
}

static void
write_duration(struct buf *out, const char *key, int64_t ms)
{
	if (ms == 0)
		return;
	buf_text(out, key);
	rule_duration_write(out, ms);
	buf_char(out, '\n');
}

static void
write_rule(struct buf *out, const struct rule *r)
{
	buf_printf(out, "      - %s: ", r->recording ? "record" : "alert");
	write_quoted(out, r->name);
	buf_text(out, "\n        expr: ");
	write_quoted(out, r->expr);
	buf_char(out, '\n');
	write_duration(out, "        for: ", r->for_ms);
	write_duration(out, "        keep_firing_for: ", r->keep_firing_ms);
	write_pairs(out, "labels", r->labels, r->n_labels);
	write_pairs(out, "annotations", r->annotations, r->n_annotations);
}

void
rule_set_write(struct buf *out, const struct rule_set *s)
{
	buf_text(out, "groups:\n");
	for (size_t i = 0; i < s->n; i++) {
		const struct rule_group *g = &s->groups[i];

		buf_text(out, "  - name: ");
		write_quoted(out, g->name);
		buf_char(out, '\n');
		write_duration(out, "    interval: ", g->interval_ms);
		write_duration(out, "    query_offset: ", g->query_offset_ms);
		if (g->limit > 0)
			buf_printf(out, "    limit: %" PRId64 "\n", g->limit);
		buf_text(out, "    rules:\n");
		for (size_t k = 0; k < g->n; k++)
			write_rule(out, &g->rules[k]);
	}
}

const char *
rule_origin_name(enum rule_origin origin)
{
	static const char *const names[] = {"file", "short form", "default", "built in"};

	return names[origin];
}
