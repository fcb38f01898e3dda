/*
 * w_waterfall.c - where the time of one answer went: the six phases one after another on one scale,
 * each with its time and what is usual in this range.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tui/format.h"
#include "tui/widgets.h"

void
w_waterfall(struct cellbuf *b, struct rect r, enum glyph_set set, const double *phase,
    const double *usual, const char *failed)
{
	double sum = 0, at = 0;
	char text[FORMAT_TEXT];
	bool wide = r.w >= 48;
	int bar = r.w - 10 - 9 - (wide ? 15 : 0);

	for (int i = 0; i < PHASES; i++)
		sum += isfinite(phase[i]) ? phase[i] : 0;
	for (int i = 0; i < PHASES && i < r.h; i++) {
		double v = isfinite(phase[i]) ? phase[i] : 0;
		bool bad = strcmp(failed, phase_name(i)) == 0;
		/* Only a phase that doubled and costs something is trouble. */
		bool slow =
		    usual != NULL && isfinite(usual[i]) && v > 2 * usual[i] && v - usual[i] > 0.05;
		struct style st = STYLE(bad ? ROLE_CRIT : slow ? ROLE_WARN : ROLE_NORMAL);

		put_text(b, r, 1, i, phase_name(i), st);
		if (sum > 0 && v > 0)
			w_bar(b, r, 10, i, bar, at / sum, (at + v) / sum, set,
			    STYLE(bad    ? ROLE_CRIT
				  : slow ? ROLE_WARN
					 : ROLE_LINE2));
		put_right(
		    b, r, 10 + bar, i, 9, bad ? "failed" : format_latency(phase[i], text), st);
		if (wide && usual != NULL && isfinite(usual[i])) {
			put_text(b, r, 20 + bar, i, "usual", STYLE(ROLE_DIM));
			put_right(
			    b, r, 25 + bar, i, 8, format_latency(usual[i], text), STYLE(ROLE_DIM));
		}
		at += v;
	}
}
