/*
 * fuzz-frame.c - exercises wire/frame.c and wire/messages.c: any bytes that a host could send.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdlib.h>

#include "wire/messages.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
decode_run(const struct frame *f)
{
	struct wire_sample *samples;
	struct msg_series series;
	struct msg_result result;
	struct msg_state state;
	struct msg_hist hist;
	struct hist h;
	size_t n;

	if (msg_series_decode(&series, f) == 0)
		msg_series_clear(&series);
	if (msg_result_decode(&result, f) == 0)
		msg_result_clear(&result);
	if (msg_state_decode(&state, f) == 0)
		msg_state_clear(&state);
	if (msg_samples_decode(&samples, &n, f) == 0)
		free(samples);
	if (msg_hist_decode(&hist, f) == 0) {
		hist_init(&h);
		(void)hist_decode(&h, hist.bytes, hist.len);
		hist_clear(&h);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct msg_hello hello;
	struct msg_beat beat;
	char *path, *text;
	const char *piece;
	struct frame f;
	uint8_t level;
	size_t len;

	/* Whole frames, and bare bodies: the length field alone would keep a fuzzer out for long.
	 */
	if (frame_parse(&f, data, size) < 0)
		f = (struct frame){.body = data, .len = size};
	decode_run(&f);
	if (msg_hello_decode(&hello, &f) == 0)
		msg_hello_clear(&hello);
	(void)msg_beat_decode(&beat, &f);
	if (msg_refused_decode(&path, &text, &f) == 0) {
		free(path);
		free(text);
	}
	if (msg_log_decode(&level, &text, &f) == 0)
		free(text);
	(void)msg_text_decode(&piece, &len, &f);
	return 0;
}
