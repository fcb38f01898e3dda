/*
 * test-wire.c - every message comes back as it went; a frame cut or stretched at any byte is
 * refused.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "wire/messages.h"

static void
parse(struct frame *f, const uint8_t *bytes, ptrdiff_t n)
{
	assert_true(n >= FRAME_HEADER);
	assert_int_equal(frame_parse(f, bytes, (size_t)n), n);
}

static ptrdiff_t
a_result(uint8_t *bytes, struct wire_sample *s, size_t n)
{
	struct msg_result m = {.slot_ms = 1795419127000,
	    .duration_us = 81234,
	    .start_lag_us = 40,
	    .engine_lag_us = 90,
	    .verdict = 2,
	    .flags = RESULT_LATE,
	    .refused_samples = 3,
	    .cause = (char *)(uintptr_t) "status",
	    .reason = (char *)(uintptr_t) "HTTP 503",
	    .facts = (char *)(uintptr_t) "{\"a\":1}",
	    .samples = s,
	    .n_samples = (uint32_t)n};

	return msg_result_encode(bytes, 7, 9, &m);
}

static void
result_round_trip(void **state)
{
	struct wire_sample s[2] = {{1, 1795419127000, 0.25}, {4, 1795419127000, -1e300}};
	uint8_t *bytes = malloc(FRAME_MAX);
	struct msg_result back;
	struct frame f;

	(void)state;
	parse(&f, bytes, a_result(bytes, s, 2));
	assert_int_equal(f.type, FRAME_RESULT);
	assert_int_equal(f.probe, 7);
	assert_int_equal(f.generation, 9);
	assert_int_equal(msg_result_decode(&back, &f), 0);
	assert_int_equal(back.slot_ms, 1795419127000);
	assert_int_equal(back.verdict, 2);
	assert_string_equal(back.reason, "HTTP 503");
	assert_string_equal(back.facts, "{\"a\":1}");
	assert_int_equal(back.n_samples, 2);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(back.samples[i].series, s[i].series);
		assert_int_equal(back.samples[i].t_ms, s[i].t_ms);
		assert_true(back.samples[i].v == s[i].v);
	}
	msg_result_clear(&back);
	free(bytes);
}

static void
cut_frames_are_refused(void **state)
{
	struct wire_sample s[3] = {{1, 1, 1}, {2, 2, 2}, {3, 3, 3}};
	uint8_t *bytes = malloc(FRAME_MAX), cut[512];
	ptrdiff_t n = a_result(bytes, s, 3);

	(void)state;
	for (ptrdiff_t keep = 0; keep < n; keep++) {
		struct msg_result back;
		struct frame f = {.type = FRAME_RESULT, .body = cut, .len = (size_t)keep};

		assert_true(frame_parse(&f, bytes, (size_t)keep) < 0);
		if (keep + FRAME_HEADER >= n)
			continue;
		memcpy(cut, bytes + FRAME_HEADER, (size_t)keep);
		f = (struct frame){.type = FRAME_RESULT, .body = cut, .len = (size_t)keep};
		assert_int_not_equal(msg_result_decode(&back, &f), 0);
	}
	free(bytes);
}

static void
sample_count_is_bounded(void **state)
{
	uint8_t *bytes = malloc(FRAME_MAX);
	struct wire_sample *s = calloc(WIRE_SAMPLES_MAX + 1, sizeof(*s)), *back;
	struct frame f;
	size_t n;

	(void)state;
	parse(&f, bytes, msg_samples_encode(bytes, 1, 1, s, WIRE_SAMPLES_MAX));
	assert_int_equal(msg_samples_decode(&back, &n, &f), 0);
	assert_int_equal(n, WIRE_SAMPLES_MAX);
	free(back);
	assert_true(msg_samples_encode(bytes, 1, 1, s, WIRE_SAMPLES_MAX + 1) < 0);
	/* A frame that claims more samples than it carries. */
	parse(&f, bytes, msg_samples_encode(bytes, 1, 1, s, 2));
	bytes[FRAME_HEADER] = 200;
	assert_int_not_equal(msg_samples_decode(&back, &n, &f), 0);
	/* A series number past the ceiling. */
	s[0].series = WIRE_SERIES_MAX;
	parse(&f, bytes, msg_samples_encode(bytes, 1, 1, s, 1));
	assert_int_not_equal(msg_samples_decode(&back, &n, &f), 0);
	free(s);
	free(bytes);
}

struct gathered {
	char text[200 * 1024];
	size_t len;
	int frames;
};

static int
gather(void *arg, const uint8_t *bytes, size_t n)
{
	struct gathered *g = arg;
	struct frame f;
	const char *piece;
	size_t len;

	assert_int_equal(frame_parse(&f, bytes, n), n);
	assert_int_equal(msg_text_decode(&piece, &len, &f), 0);
	memcpy(g->text + g->len, piece, len);
	g->len += len;
	g->frames++;
	return f.flags & FRAME_MORE ? 0 : 1;
}

static void
long_text_in_pieces(void **state)
{
	struct gathered *g = calloc(1, sizeof(*g));
	uint8_t *bytes = malloc(FRAME_MAX);
	size_t len = 2 * WIRE_TEXT_MAX + 17;
	char *text = malloc(len);

	(void)state;
	for (size_t i = 0; i < len; i++)
		text[i] = (char)('a' + i % 26);
	assert_int_equal(msg_text_send(bytes, FRAME_CONFIGURE, 1, 1, text, len, gather, g), 1);
	assert_int_equal(g->frames, 3);
	assert_int_equal(g->len, len);
	assert_memory_equal(g->text, text, len);
	free(text);
	free(bytes);
	free(g);
}

static void
small_messages(void **state)
{
	uint8_t *bytes = malloc(FRAME_MAX);
	struct msg_series series = {
	    .id = 5, .kind = 1, .resolution = 1e-5, .labels = (char *)(uintptr_t) "a{b=\"c\"}"};
	struct msg_series series2;
	struct msg_state st = {.key = (char *)(uintptr_t)"pos", .blob = "\0\1", .len = 2}, st2;
	struct msg_beat beat = {.lag_p99_us = 77, .runs = 1u << 31, .dropped = 2}, beat2;
	struct msg_hello hello = {.wire = 1, .pid = 42, .sandbox = 3}, hello2;
	char *path, *text;
	struct frame f;

	(void)state;
	parse(&f, bytes, msg_series_encode(bytes, 1, 2, &series));
	assert_int_equal(msg_series_decode(&series2, &f), 0);
	assert_string_equal(series2.labels, series.labels);
	assert_true(series2.resolution == 1e-5);
	msg_series_clear(&series2);
	parse(&f, bytes, msg_state_encode(bytes, FRAME_STATE, 1, 2, &st));
	assert_int_equal(msg_state_decode(&st2, &f), 0);
	assert_int_equal(st2.len, 2);
	assert_memory_equal(st2.blob, "\0\1", 2);
	msg_state_clear(&st2);
	parse(&f, bytes, msg_beat_encode(bytes, &beat));
	assert_int_equal(msg_beat_decode(&beat2, &f), 0);
	assert_int_equal(beat2.runs, beat.runs);
	parse(&f, bytes, msg_hello_encode(bytes, &hello));
	assert_int_equal(msg_hello_decode(&hello2, &f), 0);
	assert_int_equal(hello2.pid, 42);
	assert_string_equal(hello2.sandbox_text, "");
	msg_hello_clear(&hello2);
	parse(&f, bytes, msg_refused_encode(bytes, 1, 2, "steps/0/url", "no"));
	assert_int_equal(msg_refused_decode(&path, &text, &f), 0);
	assert_string_equal(path, "steps/0/url");
	free(path);
	free(text);
	free(bytes);
}

static void
histogram_round_trip(void **state)
{
	uint8_t *bytes = malloc(FRAME_MAX);
	struct hist h, back;
	struct msg_hist m;
	struct frame f;

	(void)state;
	hist_init(&h);
	for (int i = 1; i < 100; i++)
		assert_int_equal(hist_observe(&h, i * 0.01), 0);
	parse(&f, bytes, msg_hist_encode(bytes, 1, 1, 3, 1000, &h));
	assert_int_equal(msg_hist_decode(&m, &f), 0);
	hist_init(&back);
	assert_int_equal(hist_decode(&back, m.bytes, m.len), (int)m.len);
	assert_true(back.count == 99);
	hist_clear(&h);
	hist_clear(&back);
	free(bytes);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(result_round_trip),
		cmocka_unit_test(cut_frames_are_refused),
		cmocka_unit_test(sample_count_is_bounded),
		cmocka_unit_test(long_text_in_pieces),
		cmocka_unit_test(small_messages),
		cmocka_unit_test(histogram_round_trip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
