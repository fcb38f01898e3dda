/*
 * test-tui-query.c - what is asked of the API and what becomes of the answers: good ones, missing
 * ones, and ones that lie.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <math.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cmocka.h>

#include "tests/golden/fixture.h"
#include "tui/query.h"
#include "tui/traffic.h"
#include "tui/worker.h"

static bool
never(void *arg)
{
	(void)arg;
	return false;
}
static bool
always(void *arg)
{
	(void)arg;
	return true;
}
static const struct query_cancel go_on = {never, NULL};

static void
open_fixture(struct source *src, struct buf *calls)
{
	const char *top = getenv("top_srcdir");
	char dir[1024];

	snprintf(dir, sizeof(dir), "%s/tests/golden/fixtures", top != NULL ? top : ".");
	assert_int_equal(fixture_open(src, dir, calls), 0);
}

static struct query_request
request(void)
{
	return (struct query_request){.generation = 7,
	    .view = QUERY_STOREFRONT,
	    .stride = 2,
	    .probe = "product-page",
	    .now_ms = FIXTURE_T,
	    .axis = axis_make(FIXTURE_T, 3600000, 266, true)};
}

static void
test_reads(void **state)
{
	struct query_request q = request();
	struct status *s;
	struct charts *c;
	struct source src;
	struct buf calls;
	double counted = 0;

	(void)state;
	buf_init(&calls, 1 << 20);
	open_fixture(&src, &calls);
	s = query_status(&src, NULL, true, FIXTURE_T, &go_on);
	assert_string_equal(s->error, "");
	assert_true(s->ever);
	assert_int_equal(s->n_probes, 14);
	assert_int_equal(s->n_alerts, 3);
	assert_int_equal(s->n_hosts, 2);
	assert_int_equal(s->n_receivers, 2);
	assert_string_equal(s->probes[4].name, "checkout-page");
	assert_int_equal(s->probes[4].state, STATE_CRIT);
	assert_null(strchr(s->probes[4].reason, '\033')); /* sanitised */
	assert_non_null(strstr(s->probes[4].reason, "503"));
	assert_int_equal(s->probes[5].state, STATE_STALE);
	assert_true(fabs(s->probes[0].target - 0.8) < 1e-9);
	assert_true(isnan(s->probes[6].target));
	c = query_charts(&src, &q, s, &go_on);
	assert_non_null(c);
	assert_string_equal(c->error, "");
	assert_int_equal(c->generation, 7);
	assert_string_equal(c->probe, "product-page");
	assert_int_equal(c->n_lines, 4);
	assert_string_equal(c->lines[0].name, "cold ipv4");
	assert_int_equal(c->n_ttfb, 6);
	assert_int_equal(c->n_runs, 12);
	assert_true(c->newest.at > 0 && c->newest.last.status == 200);
	assert_true(fabs(c->certificate_s - 41 * 86400) < 100);
	assert_true(c->outcome_all >= 118);
	/* the heat map holds as many runs as the histogram gained: two each 30 s */
	assert_non_null(c->heat);
	for (int i = 0; i < c->axis.n * HEAT_ROWS; i++)
		counted += isfinite(c->heat[i]) ? (double)c->heat[i] : 0;
	assert_true(counted > 250 && counted <= 267);
	for (int i = 0; i < c->n_runs - 1; i++)
		assert_true(c->runs[i].total >= c->runs[i + 1].total);
	assert_non_null(
	    strstr(buf_str(&calls), "/api/v1/query_range?query=max%20by%20%28probe%29"));
	assert_non_null(strstr(buf_str(&calls), "kind=slowest&limit=20&since="));
	charts_unref(c);
	status_unref(s);
	src.close(src.ctx);
	buf_free(&calls);
}

/* What the views Funnel and API show is what the fixtures say. */
static void
test_traffic(void **state)
{
	struct query_request q = request();
	struct status *s;
	struct charts *c;
	struct source src;

	(void)state;
	open_fixture(&src, NULL);
	s = query_status(&src, NULL, true, FIXTURE_T, &go_on);
	q.view = QUERY_API;
	q.probe[0] = '\0';
	c = query_charts(&src, &q, s, &go_on);
	assert_string_equal(c->error, "");
	assert_string_equal(c->api->probe, "shop-api");
	assert_int_equal(c->api->n_routes, 5);
	assert_string_equal(c->api->routes[0].name, "payment"); /* the worst one */
	assert_true(fabs(c->api->routes[0].p95 - 1.94) < 1e-6);
	assert_true(fabs(c->api->burn[0] - 68.4) < 1e-6);
	assert_false(c->api->is_asked);
	assert_int_equal(c->api->n_quotas + c->api->n_codes, 0);
	charts_unref(c);
	snprintf(q.probe, sizeof(q.probe), "shop-graphql"); /* it asks by itself */
	c = query_charts(&src, &q, s, &go_on);
	assert_true(c->api->is_asked);
	assert_int_equal(c->api->n_routes, 2);
	assert_true(fabs(c->api->routes[0].by[T_THROTTLED] - 8) < 1e-6);
	assert_int_equal(c->api->n_quotas, 3);
	assert_string_equal(c->api->quotas[0].quota, "cost"); /* the scarcest */
	assert_true(fabs(c->api->quotas[0].exhausted_s - 720) < 1);
	assert_true(isnan(c->api->quotas[1].exhausted_s));
	assert_int_equal(c->api->n_codes, 3);
	assert_string_equal(c->api->codes[0].code, "THROTTLED"); /* the most frequent */
	assert_string_equal(c->api->codes[2].path, "activeOrder/customer");
	charts_unref(c);
	q.probe[0] = '\0';
	q.view = QUERY_FUNNEL;
	c = query_charts(&src, &q, s, &go_on);
	assert_string_equal(c->error, "");
	assert_string_equal(c->funnel->probe, "real-checkout");
	assert_int_equal(c->funnel->n_steps, 6);
	assert_string_equal(c->funnel->steps[5].name, "purchase");
	assert_true(c->funnel->steps[5].alarm > 0 && c->funnel->shown == 5);
	assert_true(fabs(c->funnel->steps[5].tried - 3666) < 1);
	assert_int_equal(c->funnel->n_parts, 4);
	assert_string_equal(c->funnel->parts[0].value, "DE"); /* the most unusual one */
	assert_int_equal(c->funnel->n_journeys, 2);
	assert_true(fabs(c->funnel->rates[0].floor_s - 540) < 1);
	charts_unref(c);
	status_unref(s);
	src.close(src.ctx);
}

static void
test_cancel(void **state)
{
	struct query_request q = request();
	struct query_cancel stop = {always, NULL};
	struct source src;

	(void)state;
	open_fixture(&src, NULL);
	assert_null(query_charts(&src, &q, NULL, &stop));
	src.close(src.ctx);
}

/* One text for every question. */
static int
lying_get(void *ctx, const char *path, struct buf *out, char *err, size_t err_cap,
    bool (*cancelled)(void *), void *arg)
{
	(void)path, (void)cancelled, (void)arg;
	if (ctx == NULL) {
		snprintf(err, err_cap, "the wire is cut");
		return -EIO;
	}
	buf_text(out, *(const char *const *)ctx);
	return 0;
}

static void
test_lies(void **state)
{
	static const char *const lies[] = {"", "{", "[]", "null", "{\"data\":null}",
	    "{\"data\":[]}",
	    "{\"data\":{\"probes\":7,\"alerts\":{\"a\":1},\"hosts\":\"x\",\"result\":{\"a\":[]}}}",
	    "{\"data\":{\"probes\":[null,7,{\"name\":[],\"since\":\"1e999\",\"verdict\":9}],"
	    "\"alerts\":[{},{\"labels\":[],\"activeAt\":\"never\"}],\"receivers\":[[]],"
	    "\"groups\":[{\"rules\":[{\"query\":"
	    "\"storefront_ttfb_seconds{probe=\\\"\\\"} > 1e999\"}]}],"
	    "\"result\":[{\"metric\":7,\"values\":[[1e300,\"1\"],[\"x\"],7,[null,null]],"
	    "\"value\":[1,\"NaN\"],"
	    "\"histograms\":[[1e18,{\"buckets\":[[0,\"-1\",\"inf\",\"1e308\"],"
	    "[0,\"0\",\"1e-320\",\"5\"],7]}],[null]]}],"
	    "\"runs\":[{\"at\":1e300,"
	    "\"facts\":{\"hops\":{\"0\":{\"dns_s\":\"\",\"url\":7}}}},9]}}"};

	(void)state;
	for (size_t i = 0; i <= sizeof(lies) / sizeof(lies[0]); i++) {
		const char *lie = i < sizeof(lies) / sizeof(lies[0]) ? lies[i] : "";
		struct query_request q = request();
		struct source src = {
		    .get = lying_get, .ctx = i < sizeof(lies) / sizeof(lies[0]) ? &lie : NULL};
		struct status *s = query_status(&src, NULL, true, FIXTURE_T, &go_on), *later;
		struct charts *c;

		snprintf(s->probes != NULL && s->n_probes > 0 ? s->probes[0].plugin : q.probe, 40,
		    "storefront");
		c = query_charts(&src, &q, s, &go_on);
		assert_non_null(c);
		later = query_status(&src, s, false, FIXTURE_T, &go_on);
		if (i < 6 || i == sizeof(lies) / sizeof(lies[0]))
			assert_true(s->error[0] != '\0' && !s->ever && c->error[0] != '\0');
		charts_unref(c);
		status_unref(s);
		status_unref(later);
	}
}

/* An agent that stops answering: what was known stays, with its age and the reason. */
static void
test_keeps_last(void **state)
{
	struct source src, cut = {.get = lying_get, .ctx = NULL};
	struct status *s, *later;

	(void)state;
	open_fixture(&src, NULL);
	s = query_status(&src, NULL, true, FIXTURE_T, &go_on);
	later = query_status(&cut, s, true, FIXTURE_T + 9000, &go_on);
	assert_true(later->ever);
	assert_int_equal(later->n_probes, 14);
	assert_int_equal(later->n_receivers, 2);
	assert_int_equal(later->fetched_ms, FIXTURE_T);
	assert_string_equal(later->error, "the wire is cut");
	status_unref(s);
	status_unref(later);
	src.close(src.ctx);
}

static void
test_worker(void **state)
{
	struct query_request q = request();
	struct model m = {0};
	struct worker *w;
	struct source src;

	(void)state;
	open_fixture(&src, NULL);
	assert_int_equal(worker_start(&w, &src), 0);
	worker_ask_status(w, true, FIXTURE_T);
	for (unsigned i = 1; i <= 5; i++) { /* only the last one must be answered */
		q.generation = i;
		worker_ask_charts(w, &q);
	}
	while (m.charts == NULL || m.charts->generation != 5) {
		struct pollfd p = {.fd = worker_fd(w), .events = POLLIN};

		assert_int_equal(poll(&p, 1, 20000), 1);
		worker_take(w, &m);
	}
	assert_non_null(m.status);
	worker_stop(w);
	status_unref(m.status); /* snapshots outlive the worker */
	charts_unref(m.charts);
}

/* The real way: HTTP over a Unix socket, here a server that answers once, byte by byte. */
static void
test_http(void **state)
{
	static const char answer[] = "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n{}";
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	char dir[] = "/tmp/tui-query.XXXXXX", err[200] = "", request_line[200] = "";
	struct source src;
	struct buf out;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), peer, pipes[2];
	pid_t pid;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s/s", dir);
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(pipe(pipes), 0);
	if ((pid = fork()) == 0) {
		char bytes[2000];
		ssize_t n;

		peer = accept(fd, NULL, NULL);
		n = read(peer, bytes, sizeof(bytes));
		if (n > 0 && write(pipes[1], bytes, n > 100 ? 100 : (size_t)n) < 0)
			_exit(1);
		for (size_t i = 0; i < sizeof(answer) - 1; i++)
			if (write(peer, answer + i, 1) < 0)
				_exit(1);
		_exit(0);
	}
	buf_init(&out, 1 << 20);
	assert_int_equal(source_http(&src, sa.sun_path, NULL, NULL), 0);
	assert_int_equal(
	    src.get(src.ctx, "/api/v1/alerts", &out, err, sizeof(err), never, NULL), -ENOENT);
	assert_true(read(pipes[0], request_line, sizeof(request_line) - 1) > 0);
	assert_int_equal(strncmp(request_line, "GET /api/v1/alerts HTTP/1.1", 27), 0);
	src.close(src.ctx);
	close(fd);
	unlink(sa.sun_path);
	rmdir(dir);
	/* and nobody there at all */
	source_http(&src, sa.sun_path, NULL, NULL);
	assert_int_equal(src.get(src.ctx, "/x", &out, err, sizeof(err), never, NULL), -EIO);
	assert_non_null(strstr(err, "does not answer"));
	src.close(src.ctx);
	buf_free(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_reads), cmocka_unit_test(test_traffic),
	    cmocka_unit_test(test_cancel),
	    cmocka_unit_test(test_lies),
	    cmocka_unit_test(test_keeps_last),
	    cmocka_unit_test(test_worker),
	    cmocka_unit_test(test_http),
	};

	alarm(1800);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
