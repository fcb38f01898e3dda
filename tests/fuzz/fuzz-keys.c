/*
 * fuzz-keys.c - whatever a terminal sends: events come out, the screen state stays sane, every
 * frame is free of controls.
 *
 * The first byte says where the input is cut in two (a silence follows the first part), and whether
 * there are several shops.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdlib.h>
#include <string.h>

#include "tui/ui.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct screen {
	struct ui ui;
	struct model model;
	struct shop shops[3]; /* none has answered */
	int events;
};

static void
on_event(void *arg, const struct event *e)
{
	struct screen *s = arg;

	if (e->key >= 0x80 && e->key < 0xa0)
		abort();
	s->events++;
	(void)ui_event(&s->ui, &s->model, e);
	if (s->ui.span_ms < 60000 || s->ui.end_ms > s->ui.now_ms || s->ui.view >= VIEWS
	    || strlen(s->ui.prompt) >= PROMPT_MAX || s->ui.shop < 0 || s->ui.shop > 2)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct screen s = {.events = 0};
	struct cellbuf b;
	struct input in;
	size_t cut;

	if (size < 1 || size > 4096)
		return 0;
	cut = 1 + data[0] % size;
	ui_init(&s.ui, 1 + data[0] % 120, 1 + data[0] % 40, 1795444327000);
	s.ui.utc = true;
	if (data[0] & 1) {
		s.ui.n_shops = s.model.n_shops = 3;
		s.ui.lists_shops = true;
		s.model.shops = s.shops;
	}
	input_init(&in);
	input_feed(&in, data + 1, cut - 1, on_event, &s);
	input_silence(&in, on_event, &s);
	input_feed(&in, data + cut, size - cut, on_event, &s);
	input_silence(&in, on_event, &s);
	if (input_pending(&in) || s.events > (int)size)
		abort();
	cellbuf_init(&b, s.ui.w, s.ui.h);
	render(&b, &s.ui, &s.model);
	for (int i = 0; i < b.w * b.h; i++)
		if (b.at[i].part != CELL_TAIL
		    && (b.at[i].cp < 0x20 || (b.at[i].cp >= 0x7f && b.at[i].cp < 0xa0)))
			abort();
	cellbuf_free(&b);
	return 0;
}
