/*
 * loop.c - the UI thread: poll() on the keys, the worker and signals; draw when something changed.
 *
 *     keys, signals --> ui_event --> ui + effects --> workers, terminal
 *     workers       --> model                    \--> render --> term_draw
 *
 * Frames: at most 10 a second on keys, one a second on data and the clock; none when nothing
 * changed, none while the terminal does not read (the newest one is drawn when it does). A change
 * of size is drawn when it has been quiet for 50 ms. Nothing here blocks but poll and term_draw.
 *
 * Each shop has a worker of its own: one that does not answer holds up none of the others.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "build-config.h"

#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/clock.h"
#include "tui/term.h"
#include "tui/tui.h"
#include "tui/ui.h"
#include "tui/worker.h"

#define FRAME_US 100000    /* between frames on keys */
#define RESIZE_US 50000    /* quiet before a new size is taken */
#define STATUS_US 2000000  /* between questions for the status */
#define FULL_EVERY 5       /* each so manyth asks for hosts, receivers and rules too */
#define ONCE_US (SOURCE_TIMEOUT_MS * 1000 + 1000000) /* for one frame of several shops */
#define ONCE_STEP_MS 100
#define CHARTS_US 15000000 /* at the latest, while live: the open bucket fills */

struct loop {
	struct ui ui;
	struct model model; /* status: a reference of its own to that of the open shop */
	struct shop shops[SHOPS_MAX];
	struct worker *workers[SHOPS_MAX];
	int n;
	int open; /* the shop whose charts are asked for; -1 = none */
	struct cellbuf frame;
	struct terminal *term;
	struct input input;
	unsigned generation, status_count;
	unsigned effects; /* gathered from the events of one round */
	mono_t last_frame, next_status, next_charts, resize_at, key_at;
	bool dirty, urgent, resizing, quit;
	bool selected; /* a key was pressed: the selection is the user's */
};

/* ---- options ---- */

static int
fail(char *err, size_t cap, const char *what, const char *text, const char *hint)
{
	if (err != NULL)
		snprintf(err, cap, "%s: \"%s\" is unknown (%s)", what, text, hint);
	return -EINVAL;
}

static int
set_look(struct ui *ui, const struct tui_opts *o, char *err, size_t cap)
{
	const char *no_color = getenv("NO_COLOR"), *type = getenv("TERM");

	if (no_color != NULL && *no_color != '\0')
		ui->theme = THEME_MONO;
	if (o->theme != NULL && theme_parse(o->theme, &ui->theme) != 0)
		return fail(err, cap, "theme", o->theme, "calm, light, system16, mono, contrast");
	if (strcmp(nl_langinfo(CODESET), "UTF-8") != 0)
		ui->set = GLYPH_ASCII;
	else if (type != NULL && strcmp(type, "linux") == 0)
		ui->set = GLYPH_BLOCK;
	if (o->glyphs != NULL && glyph_set_parse(o->glyphs, &ui->set) != 0)
		return fail(err, cap, "glyphs", o->glyphs, "ascii, block, braille");
	return 0;
}

static int
set_time(struct ui *ui, const struct tui_opts *o, char *err, size_t cap)
{
	if (o->range != NULL && ui_set_range(ui, o->range) != 0)
		return fail(err, cap, "range", o->range, "try 1h, 7d or 09:00..10:30");
	if (o->at != NULL) {
		if (format_clock_parse(o->at, ui->now_ms, ui->utc, &ui->end_ms) != 0)
			return fail(err, cap, "at", o->at, "try 14:32 or 2026-11-23T14:32:00Z");
		ui->live = false;
		ui->end_ms = ui->end_ms > ui->now_ms ? ui->now_ms : ui->end_ms;
	}
	if (o->cursor != NULL) {
		if (format_clock_parse(o->cursor, ui->now_ms, ui->utc, &ui->cursor_ms) != 0)
			return fail(err, cap, "cursor", o->cursor, "try 14:23:15");
		if (ui->live)
			ui->end_ms = ui->now_ms;
		ui->live = false;
	}
	return 0;
}

static bool
view_named(const char *name, enum view_id *view)
{
	for (int i = 0; i < VIEWS; i++)
		if (strcasecmp(views[i]->name, name) == 0) {
			*view = (enum view_id)i;
			return true;
		}
	return false;
}

static int
too_many(char *err, size_t cap, int n)
{
	if (err != NULL)
		snprintf(
		    err, cap, "%d shops are too many for one screen (at most %d)", n, SHOPS_MAX);
	return -EINVAL;
}

static int
set_up(struct ui *ui, const struct tui_opts *o, int w, int h, int64_t now_ms, char *err, size_t cap)
{
	int rc;

	ui_init(ui, w, h, now_ms);
	ui->utc = o->utc;
	if (o->n_shops > SHOPS_MAX)
		return too_many(err, cap, o->n_shops);
	ui->n_shops = o->n_shops > 1 ? o->n_shops : 1;
	ui->lists_shops = ui->n_shops > 1;
	if (o->view != NULL && !view_named(o->view, &ui->view))
		return fail(err, cap, "view", o->view, "overview, storefront, funnel, api, stock");
	if (o->probe != NULL)
		snprintf(ui->probe, sizeof(ui->probe), "%s", o->probe);
	if ((rc = set_look(ui, o, err, cap)) != 0)
		return rc;
	return set_time(ui, o, err, cap);
}

static struct query_request
request_of(const struct ui *ui, unsigned generation)
{
	struct query_request q = {.generation = generation,
	    .view = (enum query_view)ui->view,
	    .axis = ui_axis(ui),
	    .stride = canvas_dots_x(ui->set),
	    .now_ms = ui->now_ms};

	snprintf(q.probe, sizeof(q.probe), "%s", ui->probe);
	return q;
}

/* The i-th shop, or the only one. */
static int
open_source(struct source *src, const struct tui_opts *o, int i)
{
	struct tui_shop only = {.socket = o->socket, .source = o->source};
	const struct tui_shop *s = o->n_shops > 0 ? &o->shops[i] : &only;

	if (s->source != NULL) {
		*src = *s->source;
		return 0;
	}
	return source_http(src, s->socket, o->n_shops > 0 ? NULL : o->url, o->token_file);
}

static int
start_workers(struct loop *l, const struct tui_opts *o)
{
	struct source src;
	int rc = 0;

	for (int i = 0; i < l->ui.n_shops && rc == 0; i++) {
		if ((rc = open_source(&src, o, i)) == 0
		    && (rc = worker_start(&l->workers[i], &src)) == 0)
			l->n++;
		if (o->n_shops > 0 && o->shops[i].name != NULL)
			snprintf(l->shops[i].name, sizeof(l->shops[i].name), "%s",
			    o->shops[i].name);
	}
	l->model.shops = l->shops;
	l->model.n_shops = l->ui.n_shops;
	l->open = l->ui.lists_shops ? -1 : 0;
	return rc;
}

static void
stop_workers(struct loop *l)
{
	for (int i = 0; i < l->n; i++)
		worker_cancel(l->workers[i]);
	for (int i = 0; i < l->n; i++) {
		worker_stop(l->workers[i]);
		status_unref(l->shops[i].status);
	}
	status_unref(l->model.status);
	charts_unref(l->model.charts);
}

/* The worst one. */
static int
first_shop(const struct loop *l)
{
	int idx[SHOPS_MAX];

	return shops_order(&l->ui, &l->model, idx) > 0 ? idx[0] : 0;
}

/* What the worker of shop i has; true when it is new. */
static bool
take(struct loop *l, int i)
{
	struct model m = {.status = l->shops[i].status};

	if (!worker_take(l->workers[i], &m))
		return false;
	l->shops[i].status = m.status;
	if (i != l->open) {
		charts_unref(m.charts);
		return true;
	}
	status_unref(l->model.status);
	l->model.status = status_ref(m.status);
	if (m.charts != NULL) {
		charts_unref(l->model.charts);
		l->model.charts = m.charts;
	}
	return true;
}

/* ---- one frame ---- */

static bool
never(void *arg)
{
	(void)arg;
	return false;
}

static int
dump_frame(const struct ui *ui, const struct model *m, const struct tui_opts *o, FILE *out)
{
	struct cellbuf frame;
	int rc;

	cellbuf_init(&frame, ui->w, ui->h);
	render(&frame, ui, m);
	rc = dump(&frame, o->format, ui->theme, out);
	cellbuf_free(&frame);
	return rc;
}

static int
once_shop(const struct ui *ui, const struct tui_opts *o, FILE *out, char *err, size_t err_cap)
{
	struct query_cancel cancel = {never, NULL};
	struct query_request q = request_of(ui, 1);
	struct model m = {0};
	struct source src;
	int rc = open_source(&src, o, 0);

	if (rc != 0)
		return rc;
	m.status = query_status(&src, NULL, QUERY_FULL, ui->now_ms, &cancel);
	if (m.status->ever)
		m.charts = query_charts(&src, &q, m.status, &cancel);
	if (src.close != NULL)
		src.close(src.ctx);
	rc = dump_frame(ui, &m, o, out);
	if (rc == 0 && !m.status->ever) {
		if (err != NULL)
			snprintf(err, err_cap, "%s", m.status->error);
		rc = -EIO;
	}
	status_unref(m.status);
	charts_unref(m.charts);
	return rc;
}

static bool
is_due(mono_t t, mono_t now)
{
	return mono_sub_us(now, t) >= 0;
}

/* Until each has answered, or has had its time. */
static void
wait_for_shops(struct loop *l)
{
	mono_t end = mono_add_us(mono_now(), ONCE_US);
	int waiting = l->n;

	while (waiting > 0 && !is_due(end, mono_now())) {
		struct pollfd p[SHOPS_MAX];

		for (int i = 0; i < l->n; i++)
			p[i] = (struct pollfd){.fd = worker_fd(l->workers[i]), .events = POLLIN};
		(void)poll(p, (nfds_t)l->n, ONCE_STEP_MS);
		waiting = l->n;
		for (int i = 0; i < l->n; i++) {
			(void)take(l, i);
			waiting -= l->shops[i].status != NULL;
		}
	}
}

static int
once_shops(struct loop *l, const struct tui_opts *o, FILE *out, char *err, size_t err_cap)
{
	int rc = start_workers(l, o), ever = 0;

	for (int i = 0; i < l->n && rc == 0; i++)
		worker_ask_status(l->workers[i], QUERY_FULL | QUERY_SUMS, l->ui.now_ms);
	if (rc == 0) {
		wait_for_shops(l);
		l->ui.shop = first_shop(l);
		rc = dump_frame(&l->ui, &l->model, o, out);
	}
	for (int i = 0; i < l->n; i++)
		ever += l->shops[i].status != NULL && l->shops[i].status->ever;
	if (rc == 0 && ever == 0) {
		if (err != NULL)
			snprintf(err, err_cap, "none of %d shops answers", l->n);
		rc = -EIO;
	}
	stop_workers(l);
	return rc;
}

int
tui_once(const struct tui_opts *o, FILE *out, char *err, size_t err_cap)
{
	int64_t now_ms = o->now_ms != 0 ? o->now_ms : wall_now().ms;
	struct loop l = {0};
	int rc = set_up(&l.ui, o, o->w > 0 ? o->w : 80, o->h > 0 ? o->h : 24, now_ms, err, err_cap);

	if (rc != 0)
		return rc;
	if (l.ui.n_shops > 1)
		return once_shops(&l, o, out, err, err_cap);
	return once_shop(&l.ui, o, out, err, err_cap);
}

/* ---- live ---- */

static void
ask_charts(struct loop *l, mono_t now)
{
	struct query_request q = request_of(&l->ui, ++l->generation);

	if (l->open < 0)
		return;
	worker_ask_charts(l->workers[l->open], &q);
	l->next_charts = mono_add_us(now, CHARTS_US);
}

static void
ask_shop(struct loop *l, int i, bool full)
{
	/* Of a shop that is open, alone or not, the list's figures are not on the screen. */
	unsigned what = !full ? 0 : l->n > 1 ? QUERY_FULL | QUERY_SUMS : QUERY_FULL;

	worker_ask_status(l->workers[i], what, l->ui.now_ms);
}

/* All of them; those that are not on the screen less often. */
static void
ask_status(struct loop *l, mono_t now)
{
	bool full = l->status_count++ % FULL_EVERY == 0;

	for (int i = 0; i < l->n; i++)
		if (full || l->ui.lists_shops || i == l->open)
			ask_shop(l, i, full);
	l->next_status = mono_add_us(now, STATUS_US);
}

/* Another shop was opened, or the list: what the screen had of the last one goes. */
static void
change_shop(struct loop *l, mono_t now)
{
	if (l->open >= 0)
		worker_drop_charts(l->workers[l->open]);
	charts_unref(l->model.charts);
	status_unref(l->model.status);
	l->model.charts = NULL;
	l->model.status = NULL;
	l->open = l->ui.lists_shops ? -1 : l->ui.shop;
	if (l->open >= 0)
		l->model.status = status_ref(l->shops[l->open].status);
	ask_status(l, now);
}

static void
on_key(void *arg, const struct event *e)
{
	struct loop *l = arg;

	l->selected = true;
	l->effects |= ui_event(&l->ui, &l->model, e);
}

static void
apply_effects(struct loop *l, mono_t now)
{
	unsigned fx = l->effects;

	l->effects = 0;
	l->quit = l->quit || (fx & FX_QUIT);
	if (fx & FX_SUSPEND)
		term_suspend(l->term);
	if (fx & FX_REPAINT)
		term_repaint(l->term);
	if (fx & FX_SHOP)
		change_shop(l, now);
	if (fx & FX_QUERY)
		ask_charts(l, now);
	if (fx & (FX_DRAW | FX_REPAINT | FX_SUSPEND | FX_QUERY))
		l->dirty = l->urgent = true;
}

static void
read_keys(struct loop *l, short revents, mono_t now)
{
	uint8_t bytes[512];
	ssize_t n;

	if (revents == 0) {
		if (input_pending(&l->input)
		    && is_due(mono_add_us(l->key_at, INPUT_SILENCE_MS * 1000), now))
			input_silence(&l->input, on_key, l);
		return;
	}
	n = read(STDIN_FILENO, bytes, sizeof(bytes));
	if (n > 0) {
		input_feed(&l->input, bytes, (size_t)n, on_key, l);
		l->key_at = now;
	} else if (n == 0 || (errno != EINTR && errno != EAGAIN)) {
		l->quit = true; /* the terminal is gone */
	}
}

static void
read_signals(struct loop *l, mono_t now)
{
	for (char c; (c = term_signal(l->term)) != 0;) {
		if (c == 'W') {
			l->resizing = true;
			l->resize_at = mono_add_us(now, RESIZE_US);
		} else if (c == 'Z') {
			l->effects |= FX_SUSPEND;
		} else {
			l->effects |= FX_REPAINT;
		}
	}
}

static void
read_workers(struct loop *l)
{
	bool any = false;

	for (int i = 0; i < l->n; i++)
		any = take(l, i) || any;
	if (!any)
		return;
	l->dirty = true;
	if (l->ui.lists_shops && !l->selected) /* the worst, until a key was pressed */
		l->ui.shop = first_shop(l);
	/* What the user waits for is drawn at once; the rest with the next second. */
	if (l->model.charts != NULL && l->model.charts->generation == l->generation)
		l->urgent = true;
}

static void
on_time(struct loop *l, mono_t now)
{
	unsigned fx = ui_tick(&l->ui, wall_now().ms);

	if (fx & FX_DRAW)
		l->dirty = l->urgent = true;
	if ((fx & FX_QUERY) || (l->ui.live && is_due(l->next_charts, now)))
		ask_charts(l, now);
	if (is_due(l->next_status, now))
		ask_status(l, now);
	if (l->resizing && is_due(l->resize_at, now)) {
		int w, h;

		l->resizing = false;
		term_size(l->term, &w, &h);
		l->effects |= ui_resize(&l->ui, w, h);
	}
}

static void
draw(struct loop *l, mono_t now)
{
	if (!l->dirty || !l->urgent || l->resizing || mono_sub_us(now, l->last_frame) < FRAME_US
	    || !term_writable(l->term))
		return;
	if (l->frame.w != l->ui.w || l->frame.h != l->ui.h)
		cellbuf_resize(&l->frame, l->ui.w, l->ui.h);
	render(&l->frame, &l->ui, &l->model);
	term_draw(l->term, &l->frame, l->ui.theme);
	l->dirty = l->urgent = false;
	l->last_frame = now;
}

/* Milliseconds until something is due: the next second, or what waits. */
static int
time_left(const struct loop *l)
{
	int ms = 1000 - (int)(wall_now().ms % 1000);

	if (input_pending(&l->input) && ms > INPUT_SILENCE_MS)
		ms = INPUT_SILENCE_MS;
	if (l->resizing && ms > RESIZE_US / 1000)
		ms = RESIZE_US / 1000;
	if (l->dirty && l->urgent && ms > FRAME_US / 1000)
		ms = FRAME_US / 1000;
	return ms < 1 ? 1 : ms;
}

static void
loop_run(struct loop *l)
{
	while (!l->quit) {
		struct pollfd p[2 + SHOPS_MAX] = {{.fd = STDIN_FILENO, .events = POLLIN},
		    {.fd = term_signal_fd(l->term), .events = POLLIN}};
		mono_t now;

		for (int i = 0; i < l->n; i++)
			p[2 + i] =
			    (struct pollfd){.fd = worker_fd(l->workers[i]), .events = POLLIN};
		if (poll(p, (nfds_t)(2 + l->n), time_left(l)) < 0)
			memset(p, 0, sizeof(p));
		now = mono_now();
		read_keys(l, p[0].revents, now);
		read_signals(l, now);
		read_workers(l);
		on_time(l, now);
		apply_effects(l, now);
		draw(l, now);
	}
}

int
tui_run(const struct tui_opts *o)
{
	struct loop l = {0};
	char err[256] = "";
	int rc, w, h;

	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)) {
		fputs("the dashboard needs a terminal (--once prints one frame)\n", stderr);
		return -ENOTTY;
	}
	if ((rc = set_up(&l.ui, o, 80, 24, wall_now().ms, err, sizeof(err))) != 0)
		goto out;
	rc = term_open(&l.term,
	    &(struct term_opts){.in = STDIN_FILENO, .out = STDOUT_FILENO, .signals = true}, err,
	    sizeof(err));
	if (rc != 0)
		goto out;
	term_size(l.term, &w, &h);
	(void)ui_resize(&l.ui, w, h);
	input_init(&l.input);
	cellbuf_init(&l.frame, w, h);
	if ((rc = start_workers(&l, o)) == 0) {
		ask_status(&l, mono_now());
		ask_charts(&l, mono_now());
		l.dirty = l.urgent = true;
		loop_run(&l);
	}
	term_close(l.term);
	stop_workers(&l);
	cellbuf_free(&l.frame);
out:
	if (rc != 0)
		fprintf(stderr, "%s\n", err[0] != '\0' ? err : strerror(-rc));
	return rc;
}
