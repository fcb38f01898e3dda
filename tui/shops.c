/*
 * shops.c - several shops: which is worst, and the keys that go from one to another. Pure.
 *
 * A shop that does not answer stands right behind those that are crit: nobody knows what it is.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tui/ui.h"

#define SILENT_MS 6000     /* without a good answer, and with a reason */
#define FORGOTTEN_MS 30000 /* without any answer */

int
shop_hears(const struct shop *s, int64_t now_ms)
{
	int64_t age;

	if (s->status == NULL || (!s->status->ever && s->status->error[0] == '\0'))
		return SHOP_ASKED;
	if (!s->status->ever)
		return SHOP_SILENT;
	age = now_ms - s->status->fetched_ms;
	return age >= FORGOTTEN_MS || (age >= SILENT_MS && s->status->error[0] != '\0')
		   ? SHOP_SILENT
		   : SHOP_KNOWN;
}

/* Its worst probe; unknown while the agent is blind, stale while nobody answers. */
enum state
shop_state(const struct shop *s, int64_t now_ms)
{
	enum state worst = STATE_OK;

	switch (shop_hears(s, now_ms)) {
	case SHOP_ASKED: return STATE_PENDING;
	case SHOP_SILENT: return STATE_STALE;
	default: break;
	}
	if (isfinite(s->status->blind_since))
		return STATE_UNKNOWN;
	for (int i = 0; i < s->status->n_probes; i++)
		if (state_rank(s->status->probes[i].state) < state_rank(worst))
			worst = s->status->probes[i].state;
	return s->status->n_probes == 0 ? STATE_PENDING : worst;
}

const char *
shop_name(const struct shop *s, int i, char dst[96])
{
	if (s->name[0] != '\0')
		snprintf(dst, 96, "%s", s->name);
	else if (s->status != NULL && s->status->shop[0] != '\0')
		snprintf(dst, 96, "%s", s->status->shop);
	else
		snprintf(dst, 96, "shop %d", i + 1);
	return dst;
}

struct place {
	int i, rank;
	char name[96];
};

static int
by_place(const void *pa, const void *pb)
{
	const struct place *a = pa, *b = pb;
	int d = a->rank != b->rank ? a->rank - b->rank : strcmp(a->name, b->name);

	return d != 0 ? d : a->i - b->i;
}

int
shops_order(const struct ui *ui, const struct model *m, int idx[SHOPS_MAX])
{
	struct place at[SHOPS_MAX];
	int n = m->n_shops < SHOPS_MAX ? m->n_shops : SHOPS_MAX;

	for (int i = 0; i < n; i++) {
		const struct shop *s = &m->shops[i];
		/* Twice the rank, so that silence has a place between two of them. */
		int rank = 2 * state_rank(shop_state(s, ui->now_ms));

		at[i] = (struct place){.i = i, .rank = rank};
		if (shop_hears(s, ui->now_ms) == SHOP_SILENT)
			at[i].rank = 2 * state_rank(STATE_CRIT) + 1;
		shop_name(s, i, at[i].name);
	}
	qsort(at, (size_t)n, sizeof(at[0]), by_place);
	for (int i = 0; i < n; i++)
		idx[i] = at[i].i;
	return n;
}

/* How many alerts fire, and the worst of them, the oldest first. */
int
shop_firing(const struct shop *s, const struct alert_row **worst)
{
	int n = 0;

	*worst = NULL;
	for (int i = 0; s->status != NULL && i < s->status->n_alerts; i++) {
		const struct alert_row *a = &s->status->alerts[i];

		if (a->state != STATE_CRIT && a->state != STATE_WARN)
			continue;
		n++;
		if (*worst == NULL || state_rank(a->state) < state_rank((*worst)->state)
		    || (a->state == (*worst)->state && a->since < (*worst)->since))
			*worst = a;
	}
	return n;
}

/* Another shop is open: its probes have other names. */
static unsigned
open_shop(struct ui *ui, int shop)
{
	ui->lists_shops = false;
	ui->shop = shop;
	ui->probe[0] = ui->flow[0] = '\0';
	return FX_DRAW | FX_SHOP | FX_QUERY;
}

/* Steps by rows of the list; the ends stop, or it goes round. */
static int
stepped(const struct ui *ui, const struct model *m, int by, bool wrap)
{
	int idx[SHOPS_MAX], n = shops_order(ui, m, idx), at = 0;

	for (int i = 0; i < n; i++)
		if (idx[i] == ui->shop)
			at = i;
	if (n == 0)
		return 0;
	at += by;
	at = wrap ? (at + n) % n : at < 0 ? 0 : at >= n ? n - 1 : at;
	return idx[at];
}

static unsigned
select_shop(struct ui *ui, const struct model *m, int by, bool wrap)
{
	int shop = stepped(ui, m, by, wrap);

	if (shop == ui->shop)
		return 0;
	ui->shop = shop;
	return FX_DRAW;
}

unsigned
shops_step_key(struct ui *ui, const struct model *m, uint32_t key)
{
	if (ui->n_shops < 2)
		return 0;
	switch (key) {
	case '<': return open_shop(ui, stepped(ui, m, -1, true));
	case '>':
	case KEY_F9: return open_shop(ui, stepped(ui, m, 1, true));
	case '9': ui->lists_shops = true; return FX_DRAW | FX_SHOP;
	default: return 0;
	}
}

unsigned
shops_list_key(struct ui *ui, const struct model *m, uint32_t key)
{
	int page = ui->h > 12 ? ui->h / 3 : 4;

	for (int i = 0; i < VIEWS; i++)
		if (views[i]->key == key) {
			ui->view = (enum view_id)i;
			return open_shop(ui, ui->shop);
		}
	switch (key) {
	case KEY_ENTER: return open_shop(ui, ui->shop);
	case 'q': return FX_QUIT;
	case 'j':
	case KEY_DOWN: return select_shop(ui, m, 1, false);
	case 'k':
	case KEY_UP: return select_shop(ui, m, -1, false);
	case '>':
	case KEY_F9:
	case 'J':
	case KEY_TAB: return select_shop(ui, m, 1, true);
	case '<':
	case 'K':
	case KEY_BACKTAB: return select_shop(ui, m, -1, true);
	case 'g':
	case KEY_HOME: return select_shop(ui, m, -SHOPS_MAX, false);
	case 'G':
	case KEY_END: return select_shop(ui, m, SHOPS_MAX, false);
	case 6: /* ^F */
	case KEY_PGDN: return select_shop(ui, m, page, false);
	case 2: /* ^B */
	case KEY_PGUP: return select_shop(ui, m, -page, false);
	default: return 0;
	}
}
