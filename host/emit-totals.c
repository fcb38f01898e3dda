/*
 * emit-totals.c - totals outlive the process: pages of them in the probe's state; see emit.h.
 *
 *      page "tw.totals.N":  u8 version, { text series, u8 is_hist, f64 total | blob histogram }...
 *
 * A series stays on its page; what does not fit any more moves on to the next one. A page is
 * written when a total of it has changed.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "host/emit-internal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/labels.h"
#include "wire/frame.h"

#define PAGE_VERSION 1
#define PAGES_MAX 60                /* 3.75 of the 4 MiB of a probe's state */
#define PAGE_HIST_MAX (48 * 1024)

static bool
put_total(struct frame_writer *w, struct emit_series *s, uint8_t *scratch)
{
	size_t before = w->len;
	ptrdiff_t n = 0;

	put_text(w, s->text);
	put_u8(w, s->hist != NULL);
	if (s->hist == NULL) {
		put_f64(w, s->total);
	} else {
		/* A histogram too wide for a page loses resolution, not counts. */
		while (
		    (n = hist_encode(s->hist, scratch, PAGE_HIST_MAX)) < 0 && s->hist->schema > -4)
			if (hist_reduce(s->hist, s->hist->schema - 1) != 0)
				break;
		put_blob(w, scratch, n > 0 ? (size_t)n : 0);
	}
	if (!w->failed && w->len <= STATE_VALUE_MAX)
		return true;
	w->failed = false;
	w->len = before;
	return false;
}

static void
write_page(struct emit *e, struct state *st, uint32_t page)
{
	/* Under host.shared, or on the loop where nothing is shared; so large that malloc would ask
	 * the kernel for it, run by run. */
	static uint8_t bytes[FRAME_MAX], scratch[PAGE_HIST_MAX];
	struct frame_writer w = {.bytes = bytes};
	char key[32];

	put_u8(&w, PAGE_VERSION);
	for (struct emit_series *s = e->totals; s != NULL; s = s->next_total) {
		if (s->page != page || put_total(&w, s, scratch))
			continue;
		/* Full: it goes to the next page, which is written after this one. */
		if (page + 1 >= PAGES_MAX) {
			emit_refuse(e, "%s: no room for its total", s->text);
			continue;
		}
		s->page = page + 1;
		if (e->n_pages == page + 1)
			e->n_pages++;
		e->pages_changed |= UINT64_C(1) << s->page;
	}
	snprintf(key, sizeof(key), "tw.totals.%u", page);
	if (state_put(st, key, bytes, w.len) != 0)
		emit_refuse(e, "%s: no room for totals", key);
}

void
emit_publish(struct emit *e, int64_t t_ms)
{
	struct hist *copy;

	for (struct emit_series *s = e->totals; s != NULL; s = s->next_total)
		if (s->has_total)
			emit_add_sample(e, s, t_ms, s->total, NULL);
		else if ((copy = hist_new_copy(s->hist)) != NULL)
			emit_add_sample(e, s, t_ms, 0, copy);
}

void
emit_save_totals(struct emit *e, struct state *st)
{
	if (e->pages_changed == 0)
		return;
	for (uint32_t page = 0; page < e->n_pages; page++)
		if (e->pages_changed & UINT64_C(1) << page)
			write_page(e, st, page);
	e->pages_changed = 0;
}

/* ---- restoring ---- */

bool
emit_is_page(const char *key, uint32_t *page)
{
	char *end;
	unsigned long n;

	if (strncmp(key, "tw.totals.", 10) != 0 || key[10] < '0' || key[10] > '9')
		return false;
	n = strtoul(key + 10, &end, 10);
	*page = (uint32_t)n;
	return *end == '\0' && n < PAGES_MAX;
}

/* The metric that a set of labels belongs to, as declared now; n_metrics = to none any more. */
static size_t
metric_of(const struct plugin *p, const struct labels *l)
{
	const char *name = labels_get(l, LABEL_NAME);
	size_t found = 0;

	while (found < p->n_metrics && strcmp(p->metrics[found].row.name, name) != 0)
		found++;
	for (uint32_t i = 0; found < p->n_metrics && i < l->n; i++)
		if (strcmp(l->at[i].name, LABEL_NAME) != 0 && strcmp(l->at[i].name, "probe") != 0
		    && emit_label(&p->metrics[found], l->at[i].name)
			   == p->metrics[found].n_labels)
			return p->n_metrics;
	return found;
}

/* The series of a stored total, its label values counted as seen. NULL: not declared any more. */
static struct emit_series *
restored_series(struct emit *e, const char *text, unsigned kind)
{
	const struct metric *m;
	struct labels *l;
	struct emit_series *s = NULL;
	size_t at, metric;

	if (labels_parse(&l, text, strlen(text), &at) != 0)
		return NULL;
	metric = metric_of(e->plugin, l);
	m = &e->plugin->metrics[metric];
	if (metric < e->plugin->n_metrics && m->row.kind == kind
	    && strcmp(labels_get(l, "probe"), e->probe) == 0) {
		for (uint32_t i = 0; i < l->n; i++) {
			uint32_t label = emit_label(m, l->at[i].name);

			if (label < m->n_labels && strlen(l->at[i].value) <= EMIT_VALUE_MAX)
				(void)emit_dimension_fits(
				    e, (uint32_t)metric, label, l->at[i].value);
		}
		s = emit_intern(e, (uint32_t)metric, text);
	}
	labels_unref(l);
	return s;
}

static void
restore_hist(struct emit_series *s, const void *blob, size_t len)
{
	struct hist *h = calloc(1, sizeof(*h));

	if (h == NULL)
		return;
	hist_init(h);
	if (hist_decode(h, blob, len) != (ptrdiff_t)len) {
		hist_free(h);
		return;
	}
	hist_free(s->hist);
	s->hist = h;
}

void
emit_restore(struct emit *e, uint32_t page, const void *data, size_t len)
{
	struct frame_reader r = {.at = data, .end = (const uint8_t *)data + len};

	if (get_u8(&r) != PAGE_VERSION)
		return;
	if (page >= e->n_pages)
		e->n_pages = page + 1;
	while (!r.failed && r.at < r.end) {
		char *text = get_text(&r);
		bool is_hist = get_u8(&r) != 0;
		size_t n = 0;
		double total = is_hist ? 0 : get_f64(&r);
		const void *blob = is_hist ? get_blob(&r, &n) : NULL;
		struct emit_series *s = NULL;
		bool is_known;

		if (!r.failed)
			s = restored_series(e, text, is_hist ? TW_HISTOGRAM : TW_COUNTER);
		free(text);
		if (s == NULL)
			continue;
		is_known = s->has_total || s->hist != NULL;
		s->page = page;
		if (is_hist) {
			restore_hist(s, blob, n);
		} else if (isfinite(total) && total >= 0) {
			s->has_total = true;
			s->total = total;
		}
		if (!is_known && (s->has_total || s->hist != NULL)) {
			s->next_total = e->totals;
			e->totals = s;
		}
	}
}
