/*
 * func-hist.c - quantiles and parts of histograms, native ones and those that are series with the
 * label `le`.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "agent/promql/func-special.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- classic ---- */

struct bucket { double le, count; };

static int
by_le(const void *a, const void *b)
{
	double x = ((const struct bucket *)a)->le, y = ((const struct bucket *)b)->le;

	return (x > y) - (x < y);
}

/* Prometheus' bucketQuantile: linear within the bucket; the highest finite bound past it. */
static double
bucket_quantile(double q, struct bucket *b, size_t n)
{
	double rank, start = 0, below = 0;
	size_t kept = 0, i;

	if (isnan(q))
		return NAN;
	if (q < 0 || q > 1)
		return q < 0 ? -INFINITY : INFINITY;
	qsort(b, n, sizeof(*b), by_le);
	for (i = 0; i < n; i++) {
		if (kept > 0 && b[kept - 1].le == b[i].le)
			b[kept - 1].count += b[i].count;
		else
			b[kept++] = b[i];
	}
	n = kept;
	if (n < 2 || !isinf(b[n - 1].le))
		return NAN;
	/* Counts only grow; what shrinks by a rounding error is evened out. */
	for (i = 1; i < n; i++)
		if (b[i].count < b[i - 1].count)
			b[i].count = b[i - 1].count;
	if (b[n - 1].count == 0)
		return NAN;
	rank = q * b[n - 1].count;
	for (i = 0; i < n - 1 && b[i].count < rank; i++)
		;
	if (i == n - 1)
		return b[n - 2].le;
	if (i == 0 && b[0].le <= 0)
		return b[0].le;
	if (i > 0) {
		start = b[i - 1].le;
		below = b[i - 1].count;
	}
	return start + (b[i].le - start) * ((rank - below) / (b[i].count - below));
}

static bool
read_le(const struct labels *l, double *le)
{
	const char *text = labels_get(l, "le");
	char *end;

	*le = strcmp(text, "+Inf") == 0 ? INFINITY : strtod(text, &end);
	return *text != '\0' && (isinf(*le) || *end == '\0');
}

struct family {
	struct labels *labels;
	size_t *members, n;
};

static int
add_family(struct family **fs, size_t *n, const struct labels *l, size_t member, size_t of)
{
	static const char *const drop[] = {LABEL_NAME, "le"};
	struct labels *bare;
	int rc = labels_pick(&bare, l, drop, 2, false);
	size_t i;

	if (rc != 0)
		return rc;
	for (i = 0; i < *n && !labels_equal((*fs)[i].labels, bare); i++)
		;
	if (i == *n) {
		struct family *more = reallocarray(*fs, *n + 1, sizeof(*more));

		if (more == NULL
		    || ((*fs = more)[i].members = calloc(of, sizeof(size_t))) == NULL) {
			labels_unref(bare);
			return -ENOMEM;
		}
		more[i].labels = labels_ref(bare);
		more[i].n = 0;
		(*n)++;
	}
	labels_unref(bare);
	(*fs)[i].members[(*fs)[i].n++] = member;
	return 0;
}

static int
classic(struct eval *e, const struct value *in, const double *q, struct value *out)
{
	struct family *fs = NULL;
	struct bucket *b = calloc(in->n + 1, sizeof(*b));
	size_t n = 0;
	double le;
	int rc = b != NULL ? 0 : -ENOMEM;

	for (size_t i = 0; i < in->n && rc == 0; i++)
		if (read_le(in->at[i].labels, &le))
			rc = add_family(&fs, &n, in->at[i].labels, i, in->n);
	for (size_t f = 0; f < n && rc == 0; f++) {
		struct vseries *to;

		rc = value_add(e, out, fs[f].labels, &to);
		for (size_t k = 0; k < e->n_steps && rc == 0; k++) {
			size_t count = 0;

			for (size_t i = 0; i < fs[f].n; i++) {
				const struct vseries *s = &in->at[fs[f].members[i]];

				if (s->has[k] && (s->h == NULL || s->h[k] == NULL)
				    && read_le(s->labels, &le))
					b[count++] = (struct bucket){le, s->v[k]};
			}
			if (count > 0) {
				to->v[k] = bucket_quantile(q[k], b, count);
				to->has[k] = 1;
			}
		}
	}
	for (size_t f = 0; f < n; f++) {
		labels_unref(fs[f].labels);
		free(fs[f].members);
	}
	free(fs);
	free(b);
	return rc;
}

/* ---- native ---- */

static int
native(struct eval *e, const struct value *in, double (*fn)(const struct hist *, const double *),
    const double *a, const double *b, struct value *out)
{
	int rc = 0;

	for (size_t i = 0; i < in->n && rc == 0; i++) {
		const struct vseries *s = &in->at[i];
		struct vseries *to = NULL;
		struct labels *bare;

		if (s->h == NULL)
			continue;
		if ((rc = labels_drop_name(s->labels, &bare)) != 0)
			break;
		rc = value_add(e, out, bare, &to);
		labels_unref(bare);
		for (size_t k = 0; k < e->n_steps && rc == 0; k++) {
			double params[2] = {a != NULL ? a[k] : 0, b != NULL ? b[k] : 0};

			if (s->h[k] == NULL)
				continue;
			to->v[k] = fn(s->h[k], params);
			to->has[k] = 1;
		}
	}
	return rc == 0 ? value_merge_equal(e, out) : rc;
}

static double
native_quantile(const struct hist *h, const double *q)
{
	return hist_quantile(h, q[0]);
}

int
f_hist_quantile(struct eval *e, const struct node *n, struct value *out)
{
	struct value q = {0}, in = {0};
	int rc = eval_node(e, n->args[0], &q);

	out->type = PROMQL_VECTOR;
	if (rc == 0)
		rc = eval_node(e, n->args[1], &in);
	if (rc == 0)
		rc = classic(e, &in, q.scalar, out);
	if (rc == 0)
		rc = native(e, &in, native_quantile, q.scalar, NULL, out);
	value_clear(e, &q);
	value_clear(e, &in);
	return rc;
}

static double part_count(const struct hist *h, const double *p) { (void)p; return h->count; }
static double part_sum(const struct hist *h, const double *p) { (void)p; return h->sum; }
static double part_avg(const struct hist *h, const double *p) { (void)p; return h->sum / h->count; }

/* Buckets stand for their geometric middle, the zero bucket for 0. */
static double
part_stdvar(const struct hist *h, const double *p)
{
	double mean = h->sum / h->count, var = h->zero_count * mean * mean;

	(void)p;
	for (uint32_t i = 0; i < h->n_pos; i++) {
		double m = sqrt(hist_upper_bound(h->pos[i].idx, h->schema)
				* hist_upper_bound(h->pos[i].idx - 1, h->schema));

		var += h->pos[i].count * (m - mean) * (m - mean);
	}
	for (uint32_t i = 0; i < h->n_neg; i++) {
		double m = -sqrt(hist_upper_bound(h->neg[i].idx, h->schema)
				 * hist_upper_bound(h->neg[i].idx - 1, h->schema));

		var += h->neg[i].count * (m - mean) * (m - mean);
	}
	return var / h->count;
}

static double part_stddev(const struct hist *h, const double *p) { return sqrt(part_stdvar(h, p)); }

int
f_hist_part(struct eval *e, const struct node *n, struct value *out)
{
	static const struct {
		const char *name;
		double (*fn)(const struct hist *, const double *);
	} parts[] = {{"histogram_count", part_count}, {"histogram_sum", part_sum},
	    {"histogram_avg", part_avg}, {"histogram_stdvar", part_stdvar},
	    {"histogram_stddev", part_stddev}};
	struct value in = {0};
	int rc = eval_node(e, n->args[0], &in);

	out->type = PROMQL_VECTOR;
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]) && rc == 0; i++)
		if (strcmp(parts[i].name, n->function->name) == 0)
			rc = native(e, &in, parts[i].fn, NULL, NULL, out);
	value_clear(e, &in);
	return rc;
}

/* The rank of a value: how many observations are below it, interpolated as quantiles are. */
static double
rank_of(const struct hist *h, double v)
{
	double rank = 0;

	for (uint32_t i = h->n_neg; i-- > 0;) {
		double low = -hist_upper_bound(h->neg[i].idx, h->schema),
		       high = -hist_upper_bound(h->neg[i].idx - 1, h->schema);

		if (v <= low)
			return rank;
		if (v < high)
			return rank + h->neg[i].count * (1 - log2(v / high) / log2(low / high));
		rank += h->neg[i].count;
	}
	if (v <= -h->zero_threshold)
		return rank;
	if (v < h->zero_threshold && h->zero_threshold > 0) {
		double low = h->n_neg > 0 ? -h->zero_threshold : 0,
		       high = h->n_pos > 0 || h->n_neg == 0 ? h->zero_threshold : 0;

		return rank + h->zero_count * fmin(1, fmax(0, (v - low) / (high - low)));
	}
	rank += h->zero_count;
	for (uint32_t i = 0; i < h->n_pos; i++) {
		double low = hist_upper_bound(h->pos[i].idx - 1, h->schema),
		       high = hist_upper_bound(h->pos[i].idx, h->schema);

		if (v <= low)
			return rank;
		if (v < high)
			return rank + h->pos[i].count * (log2(v / low) / log2(high / low));
		rank += h->pos[i].count;
	}
	return rank;
}

static double
fraction(const struct hist *h, const double *p)
{
	if (h->count == 0 || isnan(p[0]) || isnan(p[1]))
		return NAN;
	return p[0] >= p[1] ? 0 : (rank_of(h, p[1]) - rank_of(h, p[0])) / h->count;
}

int
f_hist_fraction(struct eval *e, const struct node *n, struct value *out)
{
	struct value low = {0}, high = {0}, in = {0};
	int rc = eval_node(e, n->args[0], &low);

	out->type = PROMQL_VECTOR;
	if (rc == 0)
		rc = eval_node(e, n->args[1], &high);
	if (rc == 0)
		rc = eval_node(e, n->args[2], &in);
	if (rc == 0)
		rc = native(e, &in, fraction, low.scalar, high.scalar, out);
	value_clear(e, &low);
	value_clear(e, &high);
	value_clear(e, &in);
	return rc;
}
