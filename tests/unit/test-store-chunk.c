/*
 * test-store-chunk.c - the codec: what goes in comes out bit by bit, sizes are what chunk.h
 * promises, broken bytes are refused.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/store/chunk.h"
#include "agent/store/frame.h"
#include "lib/crc32c.h"
#include "lib/series.h"
#include "tests/unit/store-help.h"

#define T INT64_C(1763899200000)

static void
test_crc(void **state)
{
	uint8_t zeros[32] = {0};

	(void)state;
	assert_int_equal(crc32c(0, "123456789", 9), 0xe3069283); /* RFC 3720, B.4 */
	assert_int_equal(crc32c(0, zeros, 32), 0x8a9136aa);
	assert_int_equal(crc32c(crc32c(0, "12345", 5), "6789", 4), 0xe3069283);
}

static void
same_hist(const struct hist *a, const struct hist *b)
{
	assert_non_null(a);
	assert_true(a->count == b->count && a->sum == b->sum && a->zero_count == b->zero_count
		    && a->zero_threshold == b->zero_threshold && a->schema == b->schema
		    && a->reset == b->reset && a->n_pos == b->n_pos && a->n_neg == b->n_neg);
	for (uint32_t i = 0; i < a->n_pos; i++)
		assert_true(a->pos[i].idx == b->pos[i].idx && a->pos[i].count == b->pos[i].count);
	for (uint32_t i = 0; i < a->n_neg; i++)
		assert_true(a->neg[i].idx == b->neg[i].idx && a->neg[i].count == b->neg[i].count);
}

static size_t
round_trip(const struct samples *in, double resolution)
{
	struct samples out = {0};
	uint32_t sid = 0;
	struct buf b;
	size_t i, len;

	buf_init(&b, CHUNK_BYTES_MAX);
	assert_int_equal(chunk_encode(&b, 77, resolution, in, 0, in->n), 0);
	assert_int_equal(chunk_decode(&out, &sid, b.data, b.len), 0);
	assert_int_equal(sid, 77);
	assert_int_equal(out.n, in->n);
	assert_memory_equal(out.t, in->t, in->n * sizeof(*in->t));
	for (i = 0; i < in->n; i++)
		if (in->h == NULL || in->h[i] == NULL)
			assert_memory_equal(&out.v[i], &in->v[i], sizeof(double));
		else
			same_hist(out.h[i], in->h[i]);
	len = b.len;
	buf_free(&b);
	samples_clear(&out);
	return len;
}

static void
test_shapes(void **state)
{
	uint64_t seed = 5;
	int shape, n, i;

	(void)state;
	for (shape = 0; shape < 10; shape++)
		for (n = 1; n <= 4096; n += n < 70 ? 1 : 503) {
			double resolution = shape == 1   ? 1e-6
					    : shape == 2 ? 0.25
					    : shape == 3 ? 60
							 : 0;
			struct samples s = {0};
			int64_t t = T;

			for (i = 0; i < n; i++) {
				uint64_t r = help_rand(&seed);
				double v = (double)(int64_t)r / 1e12;

				if (shape == 0)
					v = 1;
				else if (shape == 4)
					v = i * 3 + (double)(r % 2);
				else if (shape == 5)
					v = r % 7 == 0   ? stale_nan()
					    : r % 7 == 1 ? -INFINITY
					    : r % 7 == 2 ? -0.0
							 : 1e300;
				else if (shape == 6)
					v = (double)(r % 100) + (r % 64 == 0 ? 1e12 : 0);
				else if (shape == 7)
					v = r % 40 == 0 ? NAN : (double)(r % 1000) / 1000;
				else if (shape == 8)
					memcpy(&v, &r, sizeof(v));
				samples_push(&s, t, chunk_round(v, resolution), NULL);
				t += shape % 2 == 0 ? 10000 : 1 + (int64_t)(r % 30000);
			}
			round_trip(&s, resolution);
			samples_clear(&s);
		}
}

static void
test_histograms(void **state)
{
	struct samples s = {0};
	uint64_t seed = 9;
	int i, k;

	(void)state;
	for (i = 0; i < 100; i++) {
		struct hist *h = calloc(1, sizeof(*h));

		hist_init(h);
		for (k = 0; k < i; k++)
			assert_int_equal(
			    hist_observe(h, (double)(help_rand(&seed) % 1000000) / 1e6), 0);
		samples_push(&s, T + i * 1000, 0, h);
	}
	samples_push(&s, T + 1000000, stale_nan(), NULL);
	round_trip(&s, 0);
	samples_clear(&s);
}

/* A counter of latencies, as each run leaves it: a sample costs what has changed, and a restart, a
 * wider zero bucket and one that has less are told whole. */
static void
test_histogram_that_grows(void **state)
{
	struct samples s = {0};
	struct hist total;
	uint64_t seed = 11;

	(void)state;
	hist_init(&total);
	for (int i = 0; i < 1440; i++) {
		double v = 0.05 * exp((double)(help_rand(&seed) % 3000) / 1000);

		if (i == 700) {
			hist_clear(&total);
			hist_init(&total);
		}
		assert_int_equal(hist_observe(&total, i % 100 == 99 ? -v : v), 0);
		if (i == 900)
			total.zero_threshold = 1e-3;
		samples_push(&s, T + i * 60000, 0, hist_new_copy(&total));
	}
	hist_clear(&total);
	assert_true(round_trip(&s, 0) < 1440 * 45);
	samples_clear(&s);
}

static void
test_rounding(void **state)
{
	(void)state;
	assert_true(chunk_round(1.23456, 0.001) == 1.235);
	assert_true(chunk_round(-1.5, 0) == -1.5);
	assert_true(chunk_round(119, 60) == 120);
	assert_true(chunk_round(0.1 + 0.2, 1e-6) == 0.3);
	assert_true(is_stale(chunk_round(stale_nan(), 0.001)));
	assert_true(chunk_round(1e300, 0.001) == 1e300);
}

static void
test_sizes(void **state)
{
	struct samples s = {0};
	uint64_t seed = 3;
	double log_v = 0;
	int i;

	(void)state;
	for (i = 0; i < 360; i++)
		samples_push(&s, T + i * 10000, 1, NULL);
	assert_true(
	    round_trip(&s, 0) < 60); /* a status that stays: 0.2 bytes a sample with all heads */
	samples_reset(&s);
	for (i = 0; i < 360; i++)
		samples_push(&s, T + i * 10000, i * 25, NULL);
	assert_true(round_trip(&s, 0) < 70);
	samples_reset(&s);
	for (i = 0; i < 360; i++) { /* latency: lognormal around 80 ms, in microseconds */
		log_v = 0.7 * log_v + 0.2 * ((double)(help_rand(&seed) % 2000) / 1000 - 1);
		samples_push(&s, T + i * 10000, chunk_round(0.08 * exp(log_v), 1e-6), NULL);
	}
	assert_true(round_trip(&s, 1e-6) < 360 * 5 / 2);
	samples_clear(&s);
}

static void
no_sample(void *arg, int64_t commit_ms, uint32_t sid, int64_t t_ms, double v, const struct hist *h)
{
	(void)commit_ms, (void)sid, (void)t_ms, (void)v, (void)h;
	++*(int *)arg;
}

static void
test_broken_bytes(void **state)
{
	struct frame_writer w;
	struct samples s = {0}, out = {0};
	struct buf b;
	size_t i, bit;
	int n = 0;

	(void)state;
	buf_init(&b, CHUNK_BYTES_MAX);
	for (i = 0; i < 20; i++)
		samples_push(&s, T + (int64_t)i * 1000, (double)i / 3, NULL);
	assert_int_equal(chunk_encode(&b, 1, 0, &s, 0, 20), 0);
	for (i = 0; i < b.len; i++) {
		assert_int_equal(chunk_decode(&out, NULL, b.data, i), -EBADMSG);
		for (bit = 0; bit < 8; bit++) {
			b.data[i] = (char)(b.data[i] ^ (1 << bit));
			assert_int_equal(chunk_decode(&out, NULL, b.data, b.len), -EBADMSG);
			b.data[i] = (char)(b.data[i] ^ (1 << bit));
		}
	}
	assert_int_equal(out.n, 0);
	live_frame_begin(&w, &b);
	for (i = 0; i < 20; i++)
		live_frame_add(&w, (uint32_t)i, T, 1, NULL);
	assert_int_equal(live_frame_end(&w, T), 0);
	for (i = 0; i < b.len; i++)
		assert_int_equal(live_frame_each(b.data, i, no_sample, &n), -EBADMSG);
	assert_int_equal(n, 0);
	assert_int_equal(live_frame_each(b.data, b.len, no_sample, &n), 0);
	assert_int_equal(n, 20);
	buf_free(&b);
	samples_clear(&s);
	samples_clear(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_crc),
	    cmocka_unit_test(test_shapes),
	    cmocka_unit_test(test_histograms),
	    cmocka_unit_test(test_histogram_that_grows),
	    cmocka_unit_test(test_rounding),
	    cmocka_unit_test(test_sizes),
	    cmocka_unit_test(test_broken_bytes),
	};

	alarm(1800);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
