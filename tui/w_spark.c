/*
 * w_spark.c - a chart of one row. A cell shows the worst value of its buckets; cells are aligned to
 * the clock too. A cell without data is blank, and marked where the probe was known to be stale.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <math.h>

#include "tui/widgets.h"

struct span {
	double worst;
	enum state state;
	bool known;
};

static struct span
worst_of(
    const struct chart *c, const struct series *v, const struct series *verdict, int from, int to)
{
	struct span s = {NAN, STATE_OK, false};

	for (int i = from < 0 ? 0 : from; i < to && i < c->axis->n; i++) {
		if (v != NULL && isfinite(v->v[i]) && !(s.worst >= v->v[i]))
			s.worst = v->v[i];
		if (verdict == NULL || !isfinite(verdict->v[i]))
			continue;
		s.known = true;
		if (state_rank(verdict_state(verdict, i)) < state_rank(s.state))
			s.state = verdict_state(verdict, i);
	}
	return s;
}

void
w_spark(struct cellbuf *b, struct rect r, const struct chart *c, const struct series *v,
    const struct series *verdict, double scale)
{
	int per = r.w > 0 ? (c->axis->n + r.w - 1) / r.w : 1;
	int64_t wide = per * c->axis->step_ms, last = (axis_end(c->axis) - 1) / wide;

	if (v == NULL && verdict == NULL)
		return;
	for (int x = 0; x < r.w; x++) {
		int64_t from_ms = (last - (r.w - 1 - x)) * wide;
		int from = (int)((from_ms - c->axis->start_ms) / c->axis->step_ms);
		struct span s = worst_of(c, v, verdict, from, from + per);
		struct style st = STYLE(s.state == STATE_OK ? ROLE_LINE3 : state_role(s.state));
		int level = isfinite(s.worst) ? (int)ceil(fmin(s.worst / scale, 1) * 8 - 1e-6) : 0;

		if (from + per <= 0 || (double)from_ms >= c->now_ms)
			continue;
		if (isfinite(s.worst))
			put_cp(b, r, x, 0, glyph_spark(c->set, level < 1 ? 1 : level), st);
		else if (s.known && v == NULL)
			put_cp(b, r, x, 0, s.state == STATE_OK ? 0xb7 : state_sign(s.state), st);
		else
			put_cp(b, r, x, 0, s.known ? state_sign(s.state) : 0x25cc,
			    STYLE(
				s.known && s.state != STATE_OK ? state_role(s.state) : ROLE_STALE));
		if (c->cursor >= from && c->cursor < from + per)
			put_attr(b, r, x, 0, 1, ATTR_CURSOR);
	}
}
