/*
 * main.c - tillwatch-shop: options, start, the shop's clock, end. See shop.h for what it is.
 *
 * The main thread opens everything, says where on stdout (one JSON line) and in --ready-file, then
 * waits for SIGTERM or SIGINT and keeps the shop's clock: the feed's file each second, break and
 * heal, the end by itself.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <build-config.h>

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <poll.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/shop/shop.h"

enum option_type { O_PORT, O_TEXT, O_U64, O_SECONDS, O_REAL, O_INT };

static const struct option_row {
	const char *name, *argument;
	enum option_type type;
	size_t offset;
	const char *help;
} rows[] = {
	{"http", "PORT", O_PORT, offsetof(struct options, http_port),
		"HTTP/1.1; 0 (default): any free port"},
	{"tls", "PORT", O_PORT, offsetof(struct options, tls_port), "HTTP/1.1 over TLS"},
	{"raw", "PORT", O_PORT, offsetof(struct options, raw_port),
		"the hostile port, plain and TLS"},
	{"cert", "FILE", O_TEXT, offsetof(struct options, cert),
		"certificate chain, PEM; default: a new one"},
	{"key", "FILE", O_TEXT, offsetof(struct options, key), "its key, PEM"},
	{"cert-days", "N", O_INT, offsetof(struct options, cert_days),
		"days a new one is valid (90), below 0: not"},
	{"dir", "DIR", O_TEXT, offsetof(struct options, dir),
		"access.log, truth.log, webhooks.jsonl, stock.csv, countries.csv, ca.pem (.)"},
	{"seed", "N", O_U64, offsetof(struct options, seed),
		"everything random follows from it (1)"},
	{"rate", "N", O_REAL, offsetof(struct options, rate),
		"orders a minute by made-up visitors (0)"},
	{"pace", "X", O_REAL, offsetof(struct options, pace),
		"factor on the shop's own thinking time (1)"},
	{"secret", "whsec_..", O_TEXT, offsetof(struct options, secret),
		"checks webhooks on /hook"},
	{"break-after", "S", O_SECONDS, offsetof(struct options, break_after_s),
		"breaks by itself"},
	{"heal-after", "S", O_SECONDS, offsetof(struct options, heal_after_s),
		"and heals, so long after that"},
	{"break-fault", "F", O_TEXT, offsetof(struct options, break_fault),
		"as in a query (status&status=503); of several, F;F, each begins when the one "
		"before has been healed as long as it took"},
	{"ready-file", "PATH", O_TEXT, offsetof(struct options, ready_file),
		"written when all ports listen"},
	{"max-seconds", "S", O_SECONDS, offsetof(struct options, max_seconds), "ends by itself"},
};
#define N_ROWS (sizeof(rows) / sizeof(rows[0]))

#define PLANNED_MAX 4

struct running {
	struct shop shop;
	struct front *http, *tls;
	struct raw *raw;
	struct planned { struct fault fault; bool is_begun, is_healed; } plan[PLANNED_MAX];
	int n_planned;
	char cert[640], key[640], *cert_pem, *key_pem;
};

static void usage(FILE *to)
{
	fprintf(to, "usage: tillwatch-shop [options]\n\n");
	for (const struct option_row *o = rows; o < rows + N_ROWS; o++)
		fprintf(to, "  --%s %-*s %s\n", o->name, (int)(22 - strlen(o->name)), o->argument,
			o->help);
	faults_help(to);
}

/* 0 or -EINVAL. */
static int option_set(const struct option_row *o, struct options *opt, const char *text)
{
	char *at = (char *)opt + o->offset, *end = NULL;
	double value;

	if (o->type == O_TEXT) {
		memcpy(at, &text, sizeof(text));
		return 0;
	}
	errno = 0;
	if (o->type == O_U64) {
		uint64_t n = strtoull(text, &end, 0);

		memcpy(at, &n, sizeof(n));
		return *text && !*end && !errno ? 0 : -EINVAL;
	}
	value = strtod(text, &end);
	if (!*text || *end || (o->type == O_PORT && (value < 0 || value > 65535)) ||
	    (o->type != O_INT && !(value >= 0 && value < 1e9)))
		return -EINVAL;
	if (o->type == O_REAL)
		memcpy(at, &value, sizeof(value));
	else if (o->type == O_SECONDS)
		memcpy(at, &(int64_t){(int64_t)value}, sizeof(int64_t));
	else
		memcpy(at, &(int){(int)value}, sizeof(int));
	return 0;
}

/* 0, 64 (EX_USAGE), or -1 when --help was all that was asked. */
static int options_read(int argc, char **argv, struct options *opt)
{
	struct option longs[N_ROWS + 2];
	int at;

	*opt = (struct options){.seed = 1, .pace = 1, .dir = ".", .cert_days = 90,
		.break_fault = "status&status=503"};
	memset(longs, 0, sizeof(longs));
	for (size_t i = 0; i < N_ROWS; i++)
		longs[i] = (struct option){rows[i].name, required_argument, NULL, (int)i + 1000};
	longs[N_ROWS] = (struct option){"help", no_argument, NULL, 'h'};
	while ((at = getopt_long(argc, argv, "h", longs, NULL)) != -1) {
		if (at == 'h') {
			usage(stdout);
			return -1;
		}
		if (at < 1000)
			return 64;
		if (option_set(&rows[at - 1000], opt, optarg)) {
			fprintf(stderr, "tillwatch-shop: --%s: \"%s\" is not allowed\n",
				rows[at - 1000].name, optarg);
			return 64;
		}
	}
	if (optind == argc && !opt->cert == !opt->key)
		return 0;
	fprintf(stderr, "tillwatch-shop: %s\n",
		optind < argc ? "takes no arguments" : "--cert needs --key");
	return 64;
}

/* ---- start and end ---- */

static char *file_read(const char *path)
{
	FILE *in = fopen(path, "re");
	char *text = in ? calloc(1, 65536) : NULL;

	if (text && fread(text, 1, 65535, in) == 0) {
		free(text);
		text = NULL;
	}
	if (in)
		fclose(in);
	return text;
}

static const char *cert_ready(struct running *w)
{
	struct options *opt = &w->shop.opt;

	snprintf(w->cert, sizeof(w->cert), "%s%s", opt->cert ? opt->cert : w->shop.dir,
		opt->cert ? "" : "/cert.pem");
	snprintf(w->key, sizeof(w->key), "%s%s", opt->key ? opt->key : w->shop.dir,
		opt->key ? "" : "/key.pem");
	if (!opt->cert && cert_make(w->shop.dir, opt->cert_days))
		return "cannot make a certificate in --dir";
	w->cert_pem = file_read(w->cert);
	w->key_pem = file_read(w->key);
	return w->cert_pem && w->key_pem ? NULL : "cannot read certificate or key";
}

/* --break-fault: one or several with a semicolon between. */
static bool plan_read(struct running *w)
{
	const char *from = w->shop.opt.break_fault;
	char query[256], why[160] = "";

	for (;; w->n_planned++) {
		size_t len = strcspn(from, ";");

		snprintf(query, sizeof(query), "fault=%.*s", (int)len, from);
		if (w->n_planned == PLANNED_MAX)
			snprintf(why, sizeof(why), "more than %d", PLANNED_MAX);
		if (why[0] || fault_from_query(query, &w->plan[w->n_planned].fault, why,
				      sizeof(why))) {
			fprintf(stderr, "tillwatch-shop: --break-fault: %s%s\n", why,
				strchr(query, '&') ? "" : " (NAME&key=value)");
			return false;
		}
		if (!from[len])
			break;
		from += len + 1;
	}
	w->n_planned++;
	return true;
}

static const char *parts_make(struct running *w)
{
	struct shop *s = &w->shop;

	s->faults = faults_new(s->opt.seed);
	if (!s->faults || !plan_read(w))
		return "cannot start";
	s->catalog = catalog_new(s);
	s->carts = carts_new(s);
	s->access = journal_open(s->dir, "access.log");
	s->truth = journal_open(s->dir, "truth.log");
	if (!s->catalog || !s->carts || !s->access || !s->truth)
		return "cannot write into --dir";
	s->hooks = hooks_new(s);
	return s->hooks ? NULL
			: "--secret is no \"whsec_\" secret, or webhooks.jsonl cannot be written";
}

static const char *ports_open(struct running *w)
{
	struct shop *s = &w->shop;
	int rc = front_start(s, false, NULL, NULL, s->opt.http_port, &w->http);

	if (!rc)
		rc = front_start(s, true, w->cert_pem, w->key_pem, s->opt.tls_port, &w->tls);
	if (!rc)
		rc = raw_start(s, w->cert, w->key, s->opt.raw_port, &w->raw);
	if (rc)
		return strerror(-rc);
	s->http_port = front_port(w->http);
	s->tls_port = front_port(w->tls);
	s->raw_port = raw_port(w->raw);
	if (s->opt.rate > 0 && !(s->visitors = visitors_start(s)))
		return "no thread for visitors";
	return NULL;
}

static int say_ready(const struct shop *s)
{
	json_t *o = json_pack("{s:o, s:o, s:o, s:i, s:i, s:i, s:i, s:o, s:s}", "http",
		json_sprintf("http://127.0.0.1:%d", s->http_port), "tls",
		json_sprintf("https://localhost:%d", s->tls_port), "raw",
		json_sprintf("http://127.0.0.1:%d", s->raw_port), "http_port", s->http_port,
		"tls_port", s->tls_port, "raw_port", s->raw_port, "pid", (int)getpid(), "ca",
		json_sprintf("%s/ca.pem", s->dir), "dir", s->dir);
	char *text = json_dumps(o, JSON_COMPACT), next[700];
	FILE *out;
	int rc = 0;

	printf("%s\n", text);
	fflush(stdout);
	if (s->opt.ready_file) {
		snprintf(next, sizeof(next), "%s.new", s->opt.ready_file);
		out = fopen(next, "we");
		rc = !out || fprintf(out, "%s\n", text) < 0 || fclose(out) ||
			rename(next, s->opt.ready_file);
	}
	free(text);
	json_decref(o);
	return rc;
}

/* in_ms: since it is to begin. */
static void planned_tick(struct running *w, struct planned *p, int64_t in_ms)
{
	int64_t heal_ms = w->shop.opt.heal_after_s * 1000;

	if (!p->is_begun && in_ms >= 0) {
		p->is_begun = true;
		faults_add(w->shop.faults, &p->fault);
	}
	if (!p->is_healed && heal_ms && in_ms >= heal_ms) {
		p->is_healed = true;
		faults_heal(w->shop.faults, p->fault.kind->name);
	}
}

/* Every 250 ms. False: it is time to end. */
static bool clock_tick(struct running *w, int64_t up_ms)
{
	const struct options *opt = &w->shop.opt;

	if (up_ms / 1000 != (up_ms - 250) / 1000)
		catalog_write_feed(w->shop.catalog);
	for (int i = 0; opt->break_after_s && i < w->n_planned; i++)
		planned_tick(w, &w->plan[i],
			up_ms - (opt->break_after_s + 2 * i * opt->heal_after_s) * 1000);
	return !opt->max_seconds || up_ms < opt->max_seconds * 1000;
}

static void shop_run(struct running *w, int signals)
{
	struct pollfd p = {.fd = signals, .events = POLLIN};
	int64_t begin = mono_now().us;

	catalog_write_feed(w->shop.catalog);
	while (clock_tick(w, (mono_now().us - begin) / 1000) && poll(&p, 1, 250) == 0)
		continue;
}

static void shop_end(struct running *w)
{
	uint64_t one = 1;

	if (write(w->shop.stop_fd, &one, sizeof(one)) != sizeof(one))
		abort(); /* nothing would hear of the end */
	front_stop(w->http);
	front_stop(w->tls);
	raw_stop(w->raw);
	visitors_stop(w->shop.visitors);
	hooks_free(w->shop.hooks);
	carts_free(w->shop.carts);
	catalog_free(w->shop.catalog);
	faults_free(w->shop.faults);
	journal_close(w->shop.access);
	journal_close(w->shop.truth);
	close(w->shop.stop_fd);
	free(w->cert_pem);
	free(w->key_pem);
}

static int signals_open(void)
{
	sigset_t set;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC);
}

int main(int argc, char **argv)
{
	struct running *w = calloc(1, sizeof(*w));
	int rc = w ? options_read(argc, argv, &w->shop.opt) : 71, signals;
	const char *error;

	if (rc) {
		free(w);
		return rc < 0 ? 0 : rc;
	}
	signals = signals_open();
	w->shop.stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	w->shop.started_ms = wall_now().ms;
	snprintf(w->shop.dir, sizeof(w->shop.dir), "%s", w->shop.opt.dir);
	mkdir(w->shop.dir, 0755);
	error = cert_ready(w);
	if (!error)
		error = parts_make(w);
	if (!error)
		error = ports_open(w);
	if (!error && say_ready(&w->shop))
		error = "cannot write --ready-file";
	if (error)
		fprintf(stderr, "tillwatch-shop: %s\n", error);
	else
		shop_run(w, signals);
	shop_end(w);
	close(signals);
	free(w);
	return error ? 1 : 0;
}
