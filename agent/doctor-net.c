/*
 * doctor-net.c - see doctor.h: is our clock right, and do names resolve?
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <arpa/inet.h>
#include <curl/curl.h>
#include <errno.h>
#include <math.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/timex.h>

#include "agent/doctor.h"
#include "config/config.h"
#include "lib/clock.h"

#define DATE_TIMEOUT_MS 5000L
#define DATE_TARGETS_MAX 3
#define DATE_OFF_S 5.0
#define NAMES_MAX 256
#define NAMES_TIMEOUT_MS 30000
#define NAME_SLOW_MS 1000

/* ---- whom the configuration names ---- */

struct addresses {
	const char *who[NAMES_MAX]; /* sources.orders, receivers.oncall: the first that names it */
	char *url[NAMES_MAX];
	size_t n;
	const char *now; /* who is being read */
};

static void
add_address(void *arg, const char *name, const char *text)
{
	struct addresses *a = arg;

	(void)name;
	if (a->n < NAMES_MAX && text != NULL && strstr(text, "://") != NULL) {
		a->who[a->n] = a->now;
		if ((a->url[a->n] = strdup(text)) != NULL)
			a->n++;
	}
}

/* References first: they are what a clock is judged by. */
static void
addresses_take(struct addresses *a, const struct setup *s)
{
	const struct config *c = s->config;
	const char *const *references = c->agent.reference.items;

	*a = (struct addresses){.now = "agent.reference"};
	for (uint32_t i = 0; i < c->agent.reference.n; i++)
		add_address(a, NULL, references[i]);
	for (size_t i = 0; i < s->n_probes; i++) {
		json_t *o = json_loads(s->probes[i].json, 0, NULL);

		a->now = s->probes[i].name;
		doctor_texts(json_object_get(o, "options"), NULL, add_address, a);
		json_decref(o);
	}
	for (size_t i = 0; i < s->n_receivers; i++) {
		a->now = s->receivers[i].name;
		add_address(a, NULL, s->receivers[i].url);
		add_address(a, NULL, s->receivers[i].proxy);
	}
}

static void
addresses_clear(struct addresses *a)
{
	for (size_t i = 0; i < a->n; i++)
		free(a->url[i]);
}

/* The host of an address, whatever its scheme; false: it has none, is an address already, or has
 * a word that is filled in later. */
static bool
host_of(const char *url, char *dst, size_t cap)
{
	const char *from = strstr(url, "://") + 3, *end = from + strcspn(from, "/?#"), *p;
	struct in_addr four;

	for (p = end; p > from && p[-1] != '@'; p--)
		;
	snprintf(dst, cap, "%.*s", (int)(end - p), p);
	if (*p == '[') /* IPv6 */
		return false;
	dst[strcspn(dst, ":,")] = '\0';
	return dst[0] != '\0' && strpbrk(dst, "${}*") == NULL
	       && inet_pton(AF_INET, dst, &four) != 1;
}

/* ---- the clock ---- */

void
doctor_clock(struct doctor *d)
{
	struct timex t = {0};
	int state = adjtimex(&t);

	if (state < 0) {
		doctor_find(
		    d, DOCTOR_WARN, "the clock's state cannot be asked here: %s", strerror(errno));
		doctor_remedy(
		    d, "in a container the machine's clock counts: run `timedatectl` there");
	} else if (state == TIME_ERROR || (t.status & STA_UNSYNC)) {
		doctor_find(d, DOCTOR_WARN, "nothing keeps the clock of this machine right");
		doctor_remedy(d,
		    "timedatectl set-ntp true (systemd-timesyncd), or apt install chrony; in a "
		    "container: on the machine that runs it");
	}
}

/* How far the clock of who answers is ahead of ours; NAN: no answer, or none with a date. */
static double
ahead_s(CURL *curl, const char *url)
{
	wall_t before, after;
	struct curl_header *date;
	time_t theirs;

	curl_easy_reset(curl);
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(curl, CURLOPT_PROXY, "");
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, DATE_TIMEOUT_MS);
	/* A clock that is wrong by much makes every certificate invalid: just then we ask. */
	curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
	curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
	before = wall_now();
	if (curl_easy_perform(curl) != CURLE_OK)
		return NAN;
	after = wall_now();
	if (curl_easy_header(curl, "Date", 0, CURLH_HEADER, -1, &date) != CURLHE_OK
	    || (theirs = curl_getdate(date->value, NULL)) < 0)
		return NAN;
	/* A date is cut to its second, and was stamped somewhere between. */
	if ((double)theirs + 1 < (double)before.ms / 1e3)
		return (double)theirs + 1 - (double)before.ms / 1e3;
	return (double)theirs > (double)after.ms / 1e3 ? (double)theirs - (double)after.ms / 1e3
						       : 0;
}

void
doctor_date(struct doctor *d)
{
	CURL *curl = curl_easy_init();
	struct addresses a;
	int asked = 0;
	double ahead = NAN;
	char host[256];

	addresses_take(&a, d->setup);
	for (size_t i = 0; i < a.n && asked < DATE_TARGETS_MAX && isnan(ahead); i++) {
		if (strncasecmp(a.url[i], "http", 4) != 0 || strpbrk(a.url[i], "${}") != NULL)
			continue;
		(void)host_of(a.url[i], host, sizeof(host));
		ahead = ahead_s(curl, a.url[i]);
		asked++;
	}
	if (isnan(ahead)) {
		d->is_skipped = true;
	} else if (fabs(ahead) > DATE_OFF_S) {
		doctor_find(d, DOCTOR_FAIL, "by the clock of %s ours is %.0f s %s", host,
		    fabs(ahead), ahead > 0 ? "slow" : "fast");
		doctor_remedy(d,
		    "set this machine's clock: timedatectl set-ntp true, or chronyc makestep; if "
		    "the other one is wrong, name an agent.reference that can be trusted");
	}
	addresses_clear(&a);
	curl_easy_cleanup(curl);
}

/* ---- names ---- */

struct names {
	const char *who[NAMES_MAX];
	char host[NAMES_MAX][256];
	size_t n;
};

static void
names_take(struct names *names, const struct addresses *a)
{
	for (size_t i = 0; i < a->n; i++) {
		char *host = names->host[names->n];
		size_t k = 0;

		if (!host_of(a->url[i], host, sizeof(names->host[0])))
			continue;
		while (k < names->n && strcasecmp(names->host[k], host) != 0)
			k++;
		if (k == names->n)
			names->who[names->n++] = a->who[i];
	}
}

/* In the child, a line a name: how many ms it took, and what getaddrinfo said. */
static int
resolve(void *arg)
{
	const struct names *names = arg;

	for (size_t i = 0; i < names->n; i++) {
		struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found = NULL;
		mono_t from = mono_now();
		int rc = getaddrinfo(names->host[i], NULL, &hints, &found);

		printf("%lld %d\n", (long long)(mono_sub_us(mono_now(), from) / 1000), rc);
		fflush(stdout);
		if (rc == 0)
			freeaddrinfo(found);
	}
	return 0;
}

static void
judge_name(struct doctor *d, const char *who, const char *host, const char *line)
{
	char *end;
	long ms = strtol(line, &end, 10), rc = strtol(end, NULL, 10);

	if (rc != 0) {
		doctor_find(d, DOCTOR_FAIL, "%s: %s does not resolve: %s", who, host,
		    gai_strerror((int)rc));
		doctor_remedy(d,
		    "correct the name; if others fail too, the resolver in /etc/resolv.conf does "
		    "not answer (`getent hosts %s`)",
		    host);
	} else if (ms > NAME_SLOW_MS) {
		doctor_find(d, DOCTOR_WARN, "%s: %s took %ld ms to resolve", who, host, ms);
		doctor_remedy(d,
		    "a resolver in /etc/resolv.conf is slow or dead: remove it, or run one on this "
		    "machine (unbound, systemd-resolved)");
	}
}

void
doctor_resolver(struct doctor *d)
{
	struct names *names = calloc(1, sizeof(*names));
	struct addresses a;
	const char *line;
	struct buf out;
	size_t done = 0;

	if (names == NULL)
		abort();
	addresses_take(&a, d->setup);
	names_take(names, &a);
	buf_init(&out, 1 << 16);
	(void)doctor_as_user(&d->user, resolve, names, NAMES_TIMEOUT_MS, &out);
	for (line = buf_str(&out); strchr(line, '\n') != NULL && done < names->n; done++) {
		judge_name(d, names->who[done], names->host[done], line);
		line = strchr(line, '\n') + 1;
	}
	if (done < names->n) {
		doctor_find(d, DOCTOR_FAIL, "%s: %s had not resolved after %d s", names->who[done],
		    names->host[done], NAMES_TIMEOUT_MS / 1000);
		doctor_remedy(d, "a resolver in /etc/resolv.conf does not answer: replace it");
	}
	buf_free(&out);
	addresses_clear(&a);
	free(names);
}
