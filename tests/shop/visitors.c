/*
 * visitors.c - made-up customers: they write the access log that real ones would, take stock and
 * place orders.
 *
 *	list 1.0 -> product .70 -> cart .35 -> checkout .70 -> address .90 -> shipping .95
 *	-> payment .92 = order
 *
 * Journeys begin at random (Poisson) so that --rate orders come out a minute when all is well; who
 * comes, when and how far follows from the seed. Faults in force hit them as they hit others:
 * slower, a status, no order. One thread; wakes each 20 ms; at most LIVE journeys at a time, more
 * are turned away and counted.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <build-config.h>

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "tests/shop/shop.h"

#define LIVE 2048
#define CONVERSION (0.70 * 0.35 * 0.70 * 0.90 * 0.95 * 0.92)

/* Where they come from: ranges that the published test databases for country look-up know. */
static const struct origin {
	const char *network, *country, *prefix; /* an address is prefix + 0..span-1 */
	int first, span;
} origins[] = {
	{"81.2.69.160/27", "GB", "81.2.69.", 160, 32},
	{"2.125.160.216/29", "GB", "2.125.160.", 216, 8},
	{"89.160.20.128/25", "SE", "89.160.20.", 128, 128},
	{"216.160.83.56/29", "US", "216.160.83.", 56, 8},
	{"67.43.156.0/24", "BT", "67.43.156.", 0, 256},
	{"175.16.199.0/24", "CN", "175.16.199.", 0, 256},
	{"202.196.224.0/20", "PH", "202.196.224.", 0, 256},
};

static const char *const agents[] = {
	"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148",
	"Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/126.0 Safari/537.36",
	"Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0",
	"Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 Chrome/126.0 Mobile",
};

static const struct stop {
	const char *method, *target; /* %s: the product's slug */
	enum step step;
	double stay;                 /* share that gets here from the stop before */
	int ms, bytes;
} stops[] = {
	{"GET", "/p/", STEP_LIST, 1, 8, 2800},
	{"GET", "/p/%s", STEP_PRODUCT, 0.70, 12, 900},
	{"POST", "/api/cart", STEP_CART, 0.35, 10, 20},
	{"GET", "/checkout", STEP_CHECKOUT, 0.70, 15, 300},
	{"POST", "/api/checkout/address", STEP_CHECKOUT, 0.90, 15, 24},
	{"POST", "/api/checkout/shipping", STEP_CHECKOUT, 0.95, 15, 24},
	{"POST", "/api/payment", STEP_PAYMENT, 0.92, 60, 80},
};
#define N_STOPS ((int)(sizeof(stops) / sizeof(stops[0])))

struct journey {
	uint64_t id;         /* 0: free */
	int stop;
	int64_t next_us;     /* monotonic */
};

struct visitors {
	struct shop *shop;
	pthread_t thread;
	uint64_t begun;
	double next_us;      /* when the next journey begins */
	struct journey live[LIVE];
	atomic_ullong n_journeys, n_orders, n_failed, n_turned_away;
};

static double draw(struct visitors *v, const struct journey *j, unsigned what)
{
	return shop_unit(shop_hash(v->shop->opt.seed, j->id, 1000 + what * 16 + (unsigned)j->stop));
}

/* The status of this visit and what it adds to the time; false: the journey ends here. */
static bool visit_outcome(struct visitors *v, enum step step, unsigned *status, int64_t *extra_us)
{
	struct fault f;
	struct answer a;
	struct request r = {
		.shop = v->shop, .method = "GET", .path = "/", .query = "", .step = step};

	*status = 200;
	*extra_us = faults_delay_ms(v->shop->faults, (int)step, "wait") * 1000;
	if (!faults_pick(v->shop->faults, (int)step, 1u << FAULT_POLITE | 1u << FAULT_HOSTILE, &f))
		return true;
	*status = 502;
	if (f.kind->class == FAULT_POLITE) {
		answer_init(&a);
		f.kind->polite(&f, &r, &a);
		*status = a.status;
		answer_free(&a);
	}
	return false;
}

static void visit_log(struct visitors *v, const struct journey *j, const struct product *p,
	unsigned status, int64_t took_us)
{
	const struct stop *stop = &stops[j->stop];
	const struct origin *o = &origins[shop_hash(v->shop->opt.seed, j->id, 1) %
		(sizeof(origins) / sizeof(origins[0]))];
	char remote[32], target[80], sid[24];

	snprintf(remote, sizeof(remote), "%s%d", o->prefix,
		o->first + (int)(shop_hash(v->shop->opt.seed, j->id, 2) % (uint64_t)o->span));
	snprintf(target, sizeof(target), stop->target, p->slug);
	snprintf(sid, sizeof(sid), "v%llx",
		(unsigned long long)shop_hash(v->shop->opt.seed, j->id, 3));
	access_log(v->shop,
		&(struct log_entry){.remote = remote,
			.method = stop->method,
			.target = target,
			.referer = j->stop ? "https://localhost/p/" : NULL,
			.agent = agents[shop_hash(v->shop->opt.seed, j->id, 4) % 4],
			.visitor = sid,
			.status = status,
			.bytes = status == 200 ? (uint64_t)stop->bytes : 120,
			.at_ms = wall_now().ms,
			.request_us = took_us + 1000,
			.upstream_us = took_us});
}

/* One stop of one journey; afterwards it waits for its next or is over. */
static void journey_step(struct visitors *v, struct journey *j, int64_t now_us)
{
	const struct stop *stop = &stops[j->stop];
	struct product p;
	unsigned status;
	int64_t extra_us;
	bool goes_on = visit_outcome(v, stop->step, &status, &extra_us);

	catalog_at(v->shop->catalog, false,
		(int)(shop_hash(v->shop->opt.seed, j->id, 5) % SHOP_PRODUCTS), &p);
	if (goes_on && stop->step >= STEP_CART && p.stock == 0) {
		status = 409;
		goes_on = false;
	}
	visit_log(v, j, &p, status,
		extra_us + (int64_t)(stop->ms * 1000 * (0.7 + 0.6 * draw(v, j, 0))));
	if (!goes_on)
		atomic_fetch_add(&v->n_failed, 1);
	else if (j->stop == N_STOPS - 1 && catalog_take(v->shop->catalog, p.sku, 1))
		atomic_fetch_add(&v->n_orders, 1);
	j->stop++;
	if (!goes_on || j->stop == N_STOPS || draw(v, j, 1) >= stops[j->stop].stay)
		j->id = 0;
	else
		j->next_us = now_us + 500000 + (int64_t)(4e6 * draw(v, j, 2));
}

static void journey_begin(struct visitors *v, int64_t now_us)
{
	struct journey *j = v->live;

	v->begun++;
	v->next_us += -log(1 - shop_unit(shop_hash(v->shop->opt.seed, 6, v->begun))) * 60e6 *
		CONVERSION / v->shop->opt.rate;
	while (j < v->live + LIVE && j->id)
		j++;
	if (j == v->live + LIVE) {
		atomic_fetch_add(&v->n_turned_away, 1);
		return;
	}
	atomic_fetch_add(&v->n_journeys, 1);
	*j = (struct journey){.id = v->begun, .next_us = now_us};
}

static void *visitors_main(void *arg)
{
	struct visitors *v = arg;

	v->next_us = (double)mono_now().us;
	while (shop_sleep_us(v->shop, 20000)) {
		int64_t now = mono_now().us;

		while (v->next_us <= (double)now)
			journey_begin(v, now);
		for (struct journey *j = v->live; j < v->live + LIVE; j++)
			if (j->id && j->next_us <= now)
				journey_step(v, j, now);
		if (shop_is_ending(v->shop))
			break;
	}
	return NULL;
}

static void countries_write(const char *dir)
{
	char path[640];
	FILE *out;

	snprintf(path, sizeof(path), "%s/countries.csv", dir);
	out = fopen(path, "we");
	if (!out)
		return;
	fprintf(out, "network,country\n");
	for (size_t i = 0; i < sizeof(origins) / sizeof(origins[0]); i++)
		fprintf(out, "%s,%s\n", origins[i].network, origins[i].country);
	fclose(out);
}

struct visitors *visitors_start(struct shop *s)
{
	struct visitors *v = calloc(1, sizeof(*v));

	if (!v)
		return NULL;
	v->shop = s;
	countries_write(s->dir);
	if (pthread_create(&v->thread, NULL, visitors_main, v) == 0)
		return v;
	free(v);
	return NULL;
}

void visitors_stop(struct visitors *v)
{
	if (!v)
		return;
	pthread_join(v->thread, NULL);
	free(v);
}

json_t *visitors_state(struct visitors *v)
{
	if (!v)
		return json_null();
	return json_pack("{s:I, s:I, s:I, s:I}", "journeys",
		(json_int_t)atomic_load(&v->n_journeys), "orders",
		(json_int_t)atomic_load(&v->n_orders), "failed",
		(json_int_t)atomic_load(&v->n_failed), "turned_away",
		(json_int_t)atomic_load(&v->n_turned_away));
}
