/*
 * emit.c - samples and totals of one probe; see emit.h. Facts: emit-facts.c; how totals
 * outlive the process: emit-totals.c.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "host/emit-internal.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "lib/labels.h"
#include "lib/sanitize.h"

#define SERIES_TEXT_MAX 8192

struct emit_dimension {   /* one label of one metric, and the values it had */
	uint32_t metric, label, n;
	uint64_t *values; /* hashes: two values of one hash, one pair in 10^16, count as one */
};

int
emit_init(struct emit *e, const struct plugin *p, const char *probe)
{
	memset(e, 0, sizeof(*e));
	e->plugin = p;
	emit_forget_facts(e); /* none yet */
	return (e->probe = strdup(probe)) != NULL ? 0 : -ENOMEM;
}

void
emit_clear(struct emit *e)
{
	struct emit_series *s;
	uint32_t at = 0;

	emit_forget_run(e);
	while ((s = index_next(&e->series, &at)) != NULL) {
		hist_free(s->hist);
		free(s);
	}
	index_clear(&e->series);
	for (uint32_t i = 0; i < e->n_dimensions; i++)
		free(e->dimensions[i].values);
	free(e->dimensions);
	free(e->probe);
	memset(e, 0, sizeof(*e));
}

void
emit_refuse(struct emit *e, const char *fmt, ...)
{
	va_list ap;

	if (e->n_refused++ > 0)
		return;
	va_start(ap, fmt);
	if (vasprintf(&e->refused, fmt, ap) < 0)
		e->refused = NULL;
	va_end(ap);
}

/* ---- labels ---- */

static struct emit_dimension *
dimension(struct emit *e, uint32_t metric, uint32_t label)
{
	struct emit_dimension *d = e->dimensions;

	for (uint32_t i = 0; i < e->n_dimensions; i++)
		if (d[i].metric == metric && d[i].label == label)
			return &d[i];
	if ((d = reallocarray(d, e->n_dimensions + 1, sizeof(*d))) == NULL)
		return NULL;
	e->dimensions = d;
	d += e->n_dimensions++;
	*d = (struct emit_dimension){.metric = metric, .label = label};
	return d;
}

/* Is the value one of the first EMIT_DIMENSION_MAX of its label? */
bool
emit_dimension_fits(struct emit *e, uint32_t metric, uint32_t label, const char *value)
{
	struct emit_dimension *d = dimension(e, metric, label);
	uint64_t hash = XXH3_64bits(value, strlen(value)), *grown;

	for (uint32_t i = 0; d != NULL && i < d->n; i++)
		if (d->values[i] == hash)
			return true;
	if (d == NULL || d->n == EMIT_DIMENSION_MAX)
		return false;
	if ((d->n & (d->n - 1)) == 0) { /* a power of two: full */
		grown = reallocarray(d->values, d->n > 0 ? d->n * 2 : 1, sizeof(*grown));
		if (grown == NULL)
			return false;
		d->values = grown;
	}
	d->values[d->n++] = hash;
	return true;
}

uint32_t
emit_label(const struct metric *m, const char *name)
{
	uint32_t i = 0;

	while (i < m->n_labels && strcmp(m->label[i], name) != 0)
		i++;
	return i;
}

struct pairs {
	struct label at[PLUGIN_LABELS_MAX + 2];
	char value[PLUGIN_LABELS_MAX][EMIT_VALUE_MAX * 3 + 1];
	size_t n;
};

static bool
take_label(struct emit *e, const struct metric *m, struct pairs *p, const char *name,
    const char *value)
{
	char *clean = p->value[p->n - 2];

	if (emit_label(m, name) == m->n_labels) {
		emit_refuse(e, "%s has no label %.60s", m->row.name, name);
		return false;
	}
	if (value == NULL || value[0] == '\0')
		return true;
	if (strlen(value) > EMIT_VALUE_MAX) {
		emit_refuse(e, "%s: a value of label %s is longer than %d bytes", m->row.name, name,
		    EMIT_VALUE_MAX);
		return false;
	}
	text_sanitize(clean, EMIT_VALUE_MAX * 3 + 1, value, strlen(value));
	for (size_t i = 2; i < p->n; i++)
		if (strcmp(p->at[i].name, name) == 0) {
			emit_refuse(e, "%s: label %s is given twice", m->row.name, name);
			return false;
		}
	p->at[p->n++] = (struct label){name, clean};
	return true;
}

static bool
take_labels(struct emit *e, uint32_t metric, struct pairs *p, const char *const *labels)
{
	const struct metric *m = &e->plugin->metrics[metric];

	for (size_t i = 0; labels != NULL && labels[i] != NULL; i += 2) {
		if (i / 2 >= PLUGIN_LABELS_MAX) {
			emit_refuse(e, "%s: too many labels", m->row.name);
			return false;
		}
		if (!take_label(e, m, p, labels[i], labels[i + 1]))
			return false;
		if (labels[i + 1] == NULL)
			break;
	}
	/* Only what was not refused counts as a value of its label. */
	for (size_t i = 2; i < p->n; i++)
		if (strlen(p->at[i].value) > EMIT_VALUE_MAX
		    || !emit_dimension_fits(
			e, metric, emit_label(m, p->at[i].name), p->at[i].value))
			p->at[i].value = "other";
	return true;
}

/* The series of a metric and labels; NULL when refused. */
static struct emit_series *
series_new(struct emit *e, uint32_t metric, const char *const *labels)
{
	struct pairs p = {.n = 2};
	struct labels *set;
	char text[SERIES_TEXT_MAX];
	size_t len;

	p.at[0] = (struct label){LABEL_NAME, e->plugin->metrics[metric].row.name};
	p.at[1] = (struct label){"probe", e->probe};
	if (!take_labels(e, metric, &p, labels))
		return NULL;
	if (labels_new(&set, p.at, p.n) != 0) {
		emit_refuse(e, "%s: labels that are no set", p.at[0].value);
		return NULL;
	}
	len = labels_format(set, text, sizeof(text));
	labels_unref(set);
	if (len < sizeof(text))
		return emit_intern(e, metric, text);
	emit_refuse(e, "%s: its labels are too long", p.at[0].value);
	return NULL;
}

static uint64_t
text_hash(const void *series)
{
	const char *text = ((const struct emit_series *)series)->text;

	return XXH3_64bits(text, strlen(text));
}

static bool
has_text(const void *series, const void *text)
{
	return strcmp(((const struct emit_series *)series)->text, text) == 0;
}

struct emit_series *
emit_intern(struct emit *e, uint32_t metric, const char *text)
{
	static const struct index_kind by_text = {text_hash, has_text};
	size_t len = strlen(text);
	struct emit_series *s =
	    index_find(&e->series, &by_text, XXH3_64bits(text, len), text);

	if (s != NULL)
		return s;
	if (e->series.n >= EMIT_SERIES_MAX || (s = calloc(1, sizeof(*s) + len + 1)) == NULL) {
		emit_refuse(e, "more than %d series", EMIT_SERIES_MAX);
		return NULL;
	}
	s->metric = metric;
	s->number = SERIES_UNSENT;
	memcpy(s->text, text, len);
	if (index_add(&e->series, &by_text, s) != 0) {
		free(s);
		return NULL;
	}
	return s;
}

/* A call as it was made, in one number; 0: too long to be known again. */
static uint64_t
call_hash(uint32_t metric, const char *const *labels)
{
	char text[512];
	size_t n = sizeof(metric);

	memcpy(text, &metric, n);
	for (size_t i = 0; labels != NULL && labels[i] != NULL; i++) {
		size_t len = strlen(labels[i]) + 1;

		if (n + len > sizeof(text))
			return 0;
		memcpy(text + n, labels[i], len);
		n += len;
	}
	return XXH3_64bits(text, n);
}

/* The series that a call means, or NULL: refused. Runs make the same calls in the same order: what
 * followed last time is tried first, which spares the text. */
static struct emit_series *
series_again(struct emit *e, uint32_t metric, const char *const *labels)
{
	struct emit_series **at = e->before != NULL ? &e->before->then : &e->first;
	uint64_t call = call_hash(metric, labels);

	if (*at == NULL || call == 0 || (*at)->call != call) {
		if ((*at = series_new(e, metric, labels)) == NULL)
			return NULL;
		(*at)->call = call;
	}
	return e->before = *at;
}

/* The series that a call means, or NULL: refused. `kinds`: bits of the kinds that may be. */
static struct emit_series *
series_of(struct emit *e, uint32_t metric, unsigned kinds, const char *const *labels)
{
	const struct metric *m;

	if (metric >= e->plugin->n_metrics) {
		emit_refuse(e, "metric %u is not declared", metric);
		return NULL;
	}
	m = &e->plugin->metrics[metric];
	if ((kinds & 1u << m->row.kind) == 0) {
		emit_refuse(e, "%s is of another kind than the call that gives it", m->row.name);
		return NULL;
	}
	return series_again(e, metric, labels);
}

/* ---- samples ---- */

/* Takes hist over. */
void
emit_add_sample(struct emit *e, struct emit_series *s, int64_t t_ms, double v, struct hist *hist)
{
	struct run_sample *last = s->last_sample > 0 ? &e->samples[s->last_sample - 1] : NULL;

	if (last != NULL && last->t_ms == t_ms) {
		hist_free(last->hist);
		last->v = v;
		last->hist = hist;
		return;
	}
	if (e->n_samples == EMIT_SAMPLES_MAX || (hist != NULL && e->n_hists == EMIT_HIST_MAX)) {
		emit_refuse(e, "more samples than a run may give");
		hist_free(hist);
		return;
	}
	if (e->n_samples == e->cap_samples) {
		size_t cap = e->cap_samples > 0 ? e->cap_samples * 2 : 32;
		struct run_sample *grown = realloc(e->samples, cap * sizeof(*grown));

		if (grown == NULL) {
			emit_refuse(e, "out of memory");
			hist_free(hist);
			return;
		}
		e->samples = grown;
		e->cap_samples = cap;
	}
	e->samples[e->n_samples++] =
	    (struct run_sample){.series = s, .t_ms = t_ms, .v = v, .hist = hist};
	e->n_hists += hist != NULL;
	s->last_sample = (uint32_t)e->n_samples;
}

void
emit_value(struct emit *e, uint32_t metric, double v, int64_t t_ms, const char *const *labels)
{
	struct emit_series *s = series_of(e, metric, 1u << TW_GAUGE | 1u << TW_COUNTER, labels);

	if (s == NULL)
		return;
	if (!isfinite(v) || t_ms <= 0)
		emit_refuse(e, "%s: a value that is not finite, or has no time", s->text);
	else if (s->has_total)
		emit_refuse(e, "%s: counted by the host, so it cannot be set too", s->text);
	else
		emit_add_sample(e, s, t_ms, v, NULL);
}

static struct hist *
hist_of(const struct tw_histogram *h)
{
	struct hist *out = calloc(1, sizeof(*out));

	if (out == NULL)
		return NULL;
	hist_init(out);
	if (h->n_buckets > 0 && (out->pos = calloc(h->n_buckets, sizeof(*out->pos))) == NULL) {
		free(out);
		return NULL;
	}
	out->cap_pos = h->n_buckets;
	for (uint32_t i = 0; i < h->n_buckets; i++)
		if (h->buckets[i].count > 0)
			out->pos[out->n_pos++] = (struct hist_bucket){
			    h->buckets[i].index, (double)h->buckets[i].count};
	out->zero_count = (double)h->zero_count;
	out->count = (double)h->count;
	out->sum = h->sum;
	return out;
}

static const char *
histogram_wrong(const struct tw_histogram *h)
{
	uint64_t sum = h->zero_count;

	if (h->size < sizeof(*h) || (h->n_buckets > 0 && h->buckets == NULL))
		return "is not filled in";
	if (h->n_buckets > HIST_BUCKETS_MAX)
		return "has too many buckets";
	if (!isfinite(h->sum))
		return "has a sum that is not finite";
	for (uint32_t i = 0; i < h->n_buckets; i++) {
		if (i > 0 && h->buckets[i].index <= h->buckets[i - 1].index)
			return "has buckets out of order";
		sum += h->buckets[i].count;
	}
	return sum != h->count ? "counts something else than its buckets" : NULL;
}

void
emit_histogram(struct emit *e, uint32_t metric, const struct tw_histogram *h, int64_t t_ms,
    const char *const *labels)
{
	struct emit_series *s = series_of(e, metric, 1u << TW_HISTOGRAM, labels);
	const char *wrong;
	struct hist *hist;

	if (s == NULL)
		return;
	if ((wrong = histogram_wrong(h)) != NULL || t_ms <= 0)
		emit_refuse(
		    e, "%s: the histogram %s", s->text, wrong != NULL ? wrong : "has no time");
	else if (s->hist != NULL)
		emit_refuse(e, "%s: observed by the host, so it cannot be set too", s->text);
	else if ((hist = hist_of(h)) == NULL)
		emit_refuse(e, "out of memory");
	else
		emit_add_sample(e, s, t_ms, 0, hist);
}

/* ---- totals ---- */

static void
total_changed(struct emit *e, struct emit_series *s, bool is_new)
{
	if (is_new) {
		if (e->n_pages == 0)
			e->n_pages = 1;
		s->page = (uint32_t)e->n_pages - 1;
		s->next_total = e->totals;
		e->totals = s;
	}
	e->pages_changed |= UINT64_C(1) << s->page;
}

void
emit_count(struct emit *e, uint32_t metric, double delta, const char *const *labels)
{
	struct emit_series *s = series_of(e, metric, 1u << TW_COUNTER, labels);
	bool is_new;

	if (s == NULL)
		return;
	if (!isfinite(delta) || delta < 0 || !isfinite(s->total + delta)) {
		emit_refuse(e, "%s: counts only upwards", s->text);
		return;
	}
	is_new = !s->has_total;
	s->has_total = true;
	s->total += delta;
	total_changed(e, s, is_new);
}

void
emit_observe(struct emit *e, uint32_t metric, double v, const char *const *labels)
{
	struct emit_series *s = series_of(e, metric, 1u << TW_HISTOGRAM, labels);
	bool is_new;

	if (s == NULL)
		return;
	if (!isfinite(v)) {
		emit_refuse(e, "%s: an observation that is not finite", s->text);
		return;
	}
	is_new = s->hist == NULL;
	if (is_new && (s->hist = calloc(1, sizeof(*s->hist))) != NULL)
		hist_init(s->hist);
	if (s->hist == NULL || hist_observe(s->hist, v) != 0) {
		emit_refuse(e, "out of memory");
		if (is_new) {
			hist_free(s->hist);
			s->hist = NULL;
		}
		return;
	}
	total_changed(e, s, is_new);
}

void
emit_observe_all(struct emit *e, uint32_t metric, const struct tw_histogram *h,
    const char *const *labels)
{
	struct emit_series *s = series_of(e, metric, 1u << TW_HISTOGRAM, labels);
	const char *wrong;
	struct hist *hist;

	if (s == NULL)
		return;
	if ((wrong = histogram_wrong(h)) != NULL) {
		emit_refuse(e, "%s: the histogram %s", s->text, wrong);
		return;
	}
	if ((hist = hist_of(h)) == NULL) {
		emit_refuse(e, "out of memory");
	} else if (s->hist == NULL) {
		s->hist = hist;
		total_changed(e, s, true);
	} else {
		if (hist_add(s->hist, hist, 1) != 0)
			emit_refuse(e, "out of memory");
		hist_free(hist);
		total_changed(e, s, false);
	}
}

/* ---- the end of a run ---- */

void
emit_forget_samples(struct emit *e)
{
	for (size_t i = 0; i < e->n_samples; i++) {
		e->samples[i].series->last_sample = 0;
		hist_free(e->samples[i].hist);
	}
	free(e->samples); /* between two runs a probe needs none */
	e->samples = NULL;
	e->n_samples = e->cap_samples = e->n_hists = 0;
	e->before = NULL;
}

void
emit_forget_run(struct emit *e)
{
	emit_forget_samples(e);
	emit_forget_facts(e);
	e->n_refused = 0;
	free(e->refused);
	e->refused = NULL;
}
