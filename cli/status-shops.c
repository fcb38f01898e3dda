/*
 * status-shops.c - several shops: a line each, worst first, and below them what is worst in each.
 *
 *     crit    acme      14 probes: 6 ok, 3 warn, 4 crit, 1 unknown; 2 firing: StorefrontDown
 *             crit product-page: the body lacks "Add to cart"
 *     silent  cumulus   no agent answers on /run/tillwatch/cumulus/agent.sock
 *     ok      borealis  3 probes
 *
 * Each shop is asked by a thread of its own, so that one which does not answer holds up none.
 * Nothing is added up over shops.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "build-config.h"

#include <curl/curl.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "cli/status.h"
#include "lib/buf.h"
#include "lib/xmalloc.h"

#define ANSWER_MS 10000L /* for each question to one of several */
#define WORST_MAX 3      /* probes named below a shop */

struct shop {
	struct cli cli;         /* a client of its own */
	const char *name;
	struct buf said;        /* why it does not answer */
	struct status_answers answers;
	int rc;                 /* 0, or the exit code for no answer */
	bool has_thread;
	pthread_t thread;
};

enum rank { CRIT, SILENT, FIRST_OF_THE_REST };

static void *
ask(void *arg)
{
	struct shop *s = arg;

	s->rc = status_ask(&s->cli, &s->answers);
	client_close(&s->cli);
	return NULL;
}

static void
ask_all(struct cli *cli, struct shop *shops)
{
	/* Before the threads: it is not safe in them. */
	curl_global_init(CURL_GLOBAL_DEFAULT);
	for (int i = 0; i < cli->n_shops; i++) {
		struct shop *s = &shops[i];

		s->cli = *cli;
		s->cli.curl = NULL;
		s->cli.socket = cli->shops[i].socket;
		s->cli.is_socket_given = true;
		s->cli.timeout_ms = ANSWER_MS;
		s->name = cli->shops[i].name;
		buf_init(&s->said, 4096);
		s->cli.said = &s->said;
		s->has_thread = pthread_create(&s->thread, NULL, ask, s) == 0;
		if (!s->has_thread)
			ask(s);
	}
	for (int i = 0; i < cli->n_shops; i++)
		if (shops[i].has_thread)
			pthread_join(shops[i].thread, NULL);
	for (int i = 0; i < cli->n_shops; i++) {
		struct shop *s = &shops[i];

		if (s->name == NULL && s->rc == 0)
			s->name = member_text(s->answers.probes, "shop");
		if (s->name == NULL || *s->name == '\0')
			s->name = cli->shops[i].socket;
	}
}

static const json_t *
probes_of(const struct shop *s)
{
	return json_object_get(s->answers.probes, "probes");
}

static bool
is_blind(const struct shop *s)
{
	return isfinite(member_number(s->answers.probes, "blind_since"));
}

/* The probes that are worst, by status_compare; n of at most cap. */
static size_t
worst_of(const struct shop *s, const json_t **worst, size_t cap)
{
	const json_t *list = probes_of(s);
	size_t n = json_array_size(list);
	json_t **sorted = xcalloc(n + 1, sizeof(*sorted));

	for (size_t i = 0; i < n; i++)
		sorted[i] = json_array_get(list, i);
	qsort(sorted, n, sizeof(*sorted), status_compare);
	n = n < cap ? n : cap;
	for (size_t i = 0; i < n; i++)
		worst[i] = sorted[i];
	free(sorted);
	return n;
}

static const char *
verdict_of(const struct shop *s)
{
	const json_t *worst;

	if (s->rc != 0)
		return "silent";
	if (is_blind(s))
		return "unknown";
	return worst_of(s, &worst, 1) == 0 ? "pending" : status_verdict(worst);
}

/* Who does not answer stands right behind those that are crit: nobody knows what it is. */
static int
rank_of(const struct shop *s)
{
	const json_t *worst;
	int rank;

	if (s->rc != 0)
		return SILENT;
	if (worst_of(s, &worst, 1) == 0)
		return FIRST_OF_THE_REST + 4;
	rank = status_rank(worst);
	if (is_blind(s))
		return FIRST_OF_THE_REST;
	return rank == 0 ? CRIT : FIRST_OF_THE_REST + rank;
}

static int
by_rank(const void *a, const void *b)
{
	const struct shop *x = a, *y = b;
	int d = rank_of(x) - rank_of(y);

	return d != 0 ? d : strcmp(x->name, y->name);
}

/* "2 firing: StorefrontDown", the name being that of the first. */
static void
firing_text(const struct shop *s, char *dst, size_t cap)
{
	const json_t *list = json_object_get(s->answers.alerts, "alerts"), *a, *first = NULL;
	size_t i, n = status_count(list, "state", "firing");

	json_array_foreach(list, i, a)
		if (first == NULL && strcmp(member_text(a, "state"), "firing") == 0)
			first = json_object_get(a, "labels");
	if (n == 0)
		snprintf(dst, cap, "nothing fires");
	else
		snprintf(dst, cap, "%zu firing: %s", n, member_text(first, "alertname"));
}

static void
print_line(const struct shop *s, int width)
{
	const json_t *probes = probes_of(s);
	const char *verdict = verdict_of(s);
	char text[256];

	print_tint(&s->cli, s->rc != 0 ? TINT_WARN : tint_of_verdict(verdict), verdict);
	printf("%*s", (int)(8 - strlen(verdict)), "");
	print_text(s->name);
	printf("%*s", width - (int)strlen(s->name) + 2, "");
	if (s->rc != 0) {
		print_text(buf_str(&s->said));
	} else {
		firing_text(s, text, sizeof(text));
		printf("%zu probes: %zu ok, %zu warn, %zu crit, %zu unknown; ",
		    json_array_size(probes), status_count(probes, "verdict", "ok"),
		    status_count(probes, "verdict", "warn"),
		    status_count(probes, "verdict", "crit"),
		    status_count(probes, "verdict", "unknown"));
		print_text(text);
		if (is_blind(s))
			fputs("; this agent is blind", stdout);
	}
	putchar('\n');
}

static void
print_worst(const struct shop *s)
{
	const json_t *worst[WORST_MAX];
	size_t n = worst_of(s, worst, WORST_MAX);

	for (size_t i = 0; i < n && status_rank(worst[i]) < 4; i++) {
		const char *verdict = status_verdict(worst[i]);

		fputs("        ", stdout);
		print_tint(&s->cli, tint_of_verdict(verdict), verdict);
		putchar(' ');
		print_text(member_text(worst[i], "name"));
		fputs(": ", stdout);
		print_text(member_text(worst[i], "reason")[0] != '\0'
			       ? member_text(worst[i], "reason")
			       : "it did not run");
		putchar('\n');
	}
}

static json_t *
shop_json(const struct shop *s)
{
	json_t *o = json_pack("{s:s, s:s, s:s}", "name", s->name, "socket", s->cli.socket,
		   "verdict", verdict_of(s)),
	       *answers;

	if (s->rc != 0) {
		json_object_set_new(o, "error", json_string(buf_str(&s->said)));
		return o;
	}
	answers = status_json(&s->answers);
	json_object_update(o, answers);
	json_decref(answers);
	return o;
}

static void
print_all(const struct cli *cli, const struct shop *shops)
{
	json_t *list = json_array(), *all = json_pack("{s:o}", "shops", list);
	int width = 0;

	for (int i = 0; i < cli->n_shops; i++)
		if ((int)strlen(shops[i].name) > width)
			width = (int)strlen(shops[i].name);
	for (int i = 0; i < cli->n_shops; i++) {
		if (cli->json) {
			json_array_append_new(list, shop_json(&shops[i]));
			continue;
		}
		print_line(&shops[i], width);
		if (shops[i].rc == 0)
			print_worst(&shops[i]);
	}
	if (cli->json)
		print_json(all);
	json_decref(all);
}

int
status_shops(struct cli *cli)
{
	struct shop *shops = xcalloc((size_t)cli->n_shops, sizeof(*shops));
	int rc = 0;

	ask_all(cli, shops);
	qsort(shops, (size_t)cli->n_shops, sizeof(*shops), by_rank);
	print_all(cli, shops);
	for (int i = 0; i < cli->n_shops; i++) {
		struct shop *s = &shops[i];

		if (s->rc != 0 && rc == 0)
			rc = EX_UNAVAILABLE;
		if (s->rc == 0 && status_count(probes_of(s), "verdict", "crit") > 0)
			rc = 1;
		status_free(&s->answers);
		buf_free(&s->said);
	}
	free(shops);
	return rc;
}
