/*
 * input.c - see input.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tui/input.h"

#include <string.h>

void
input_init(struct input *in)
{
	*in = (struct input){.state = INPUT_GROUND};
}

bool
input_pending(const struct input *in)
{
	return in->state != INPUT_GROUND;
}

static void
send_key(const struct input *in, uint32_t key, input_fn fn, void *arg)
{
	fn(arg, &(struct event){.kind = in->pasting ? EVENT_PASTE : EVENT_KEY, .key = key});
}

/* The numbers of a sequence, missing ones 0; returns how many. */
static int
numbers(const struct input *in, int *out, int cap)
{
	int n = 0, v = 0;

	for (int i = 0; i < in->len && n < cap; i++) {
		char c = in->text[i];

		if (c >= '0' && c <= '9') {
			v = v < 100000 ? v * 10 + (c - '0') : v;
		} else if (c == ';' || c == ':') {
			out[n++] = v;
			v = 0;
		}
	}
	if (n < cap)
		out[n++] = v;
	return n;
}

static uint32_t
tilde_key(int n)
{
	static const struct {
		int n;
		uint32_t key;
	} keys[] = {{1, KEY_HOME}, {2, KEY_INSERT}, {3, KEY_DELETE}, {4, KEY_END}, {5, KEY_PGUP},
	    {6, KEY_PGDN}, {7, KEY_HOME}, {8, KEY_END}, {11, KEY_F1}, {12, KEY_F2}, {13, KEY_F3},
	    {14, KEY_F4}, {15, KEY_F5}, {17, KEY_F6}, {18, KEY_F7}, {19, KEY_F8}, {20, KEY_F9},
	    {21, KEY_F10}, {23, KEY_F11}, {24, KEY_F12}};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (keys[i].n == n)
			return keys[i].key;
	return 0;
}

/* modifier: xterm's, 2 = shift; 0 = none given. */
static uint32_t
letter_key(char c, int modifier)
{
	switch (c) {
	case 'A': return KEY_UP;
	case 'B': return KEY_DOWN;
	case 'C': return modifier == 2 ? KEY_SHIFT_RIGHT : KEY_RIGHT;
	case 'D': return modifier == 2 ? KEY_SHIFT_LEFT : KEY_LEFT;
	case 'H': return KEY_HOME;
	case 'F': return KEY_END;
	case 'P': return KEY_F1;
	case 'Q': return KEY_F2;
	case 'R': return KEY_F3;
	case 'S': return KEY_F4;
	case 'Z': return KEY_BACKTAB;
	case 'M': return KEY_ENTER;
	default: return 0;
	}
}

static void
finish_csi(struct input *in, char last, input_fn fn, void *arg)
{
	int n[4] = {0}, count = numbers(in, n, 4);
	char first = in->len > 0 ? in->text[0] : '\0';
	uint32_t key = 0;

	in->state = INPUT_GROUND;
	if (in->overflow)
		return;
	if (first == '<' && (last == 'M' || last == 'm')) {
		if (count >= 3 && n[1] > 0 && n[2] > 0)
			fn(arg, &(struct event){.kind = EVENT_MOUSE,
				    .x = n[1] - 1,
				    .y = n[2] - 1,
				    .button = last == 'm' ? -1 : n[0]});
	} else if (first == '?' || first == '>' || last == 'c' || last == 'n'
		   || (last == 'R' && count >= 2 && in->len > 3)) {
		fn(arg,
		    &(struct event){.kind = EVENT_REPLY, .reply = last, .mode = n[0], .x = n[1]});
	} else if (last == '~' && (n[0] == 200 || n[0] == 201)) {
		in->pasting = n[0] == 200;
	} else if (last == '~') {
		key = tilde_key(n[0]);
	} else {
		key = letter_key(last, count >= 2 ? n[1] : 0);
	}
	if (key != 0 && !in->pasting)
		send_key(in, key, fn, arg);
}

static void
begin(struct input *in, enum input_state state)
{
	in->state = state;
	in->len = 0;
	in->overflow = in->string_escape = false;
}

static void
start_utf8(struct input *in, uint8_t c)
{
	in->utf8_left = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : 1;
	in->cp = c & (0x3fu >> in->utf8_left);
	in->state = INPUT_UTF8;
}

static void
ground(struct input *in, uint8_t c, input_fn fn, void *arg)
{
	in->state = INPUT_GROUND;
	if (c == 27)
		begin(in, INPUT_ESCAPE);
	else if (c >= 0xc2 && c <= 0xf4)
		start_utf8(in, c);
	else if (c < 0x80)
		send_key(in, c == '\n' ? KEY_ENTER : c == 8 ? KEY_BACKSPACE : c, fn, arg);
}

static void
utf8(struct input *in, uint8_t c, input_fn fn, void *arg)
{
	if ((c & 0xc0) != 0x80) {
		ground(in, c, fn, arg);
		return;
	}
	in->cp = in->cp << 6 | (c & 0x3fu);
	if (--in->utf8_left > 0)
		return;
	in->state = INPUT_GROUND;
	if (in->cp >= 0xa0 && in->cp < 0x110000 && (in->cp < 0xd800 || in->cp > 0xdfff))
		send_key(in, in->cp, fn, arg);
}

static void
escape(struct input *in, uint8_t c, input_fn fn, void *arg)
{
	if (c == '[')
		begin(in, INPUT_CSI);
	else if (c == 'O')
		begin(in, INPUT_SS3);
	else if (c == 'P' || c == ']' || c == '_' || c == '^' || c == 'X')
		begin(in, INPUT_STRING);
	else if (c == 27)
		send_key(in, KEY_ESC, fn, arg);
	else
		ground(in, c, fn, arg); /* Alt and a key */
}

static void
csi(struct input *in, uint8_t c, input_fn fn, void *arg)
{
	if (c == 27) {
		begin(in, INPUT_ESCAPE);
	} else if (c == '[' && in->len == 0) {
		begin(in, INPUT_LINUX); /* the Linux console's F1 to F5: ESC [ [ A */
	} else if (c >= 0x40 && c <= 0x7e) {
		finish_csi(in, (char)c, fn, arg);
	} else if (c < 0x20 || c > 0x7e) {
		in->state = INPUT_GROUND;
	} else if (in->len == INPUT_SEQUENCE_MAX) {
		in->overflow = true;
	} else {
		in->text[in->len++] = (char)c;
	}
}

/* DCS, OSC and their like are read to their end (BEL or ST) and forgotten. */
static void
string(struct input *in, uint8_t c)
{
	if (c == 7 || c == 0x18 || (in->string_escape && c == '\\'))
		in->state = INPUT_GROUND;
	in->string_escape = c == 27;
}

static void
one(struct input *in, uint8_t c, input_fn fn, void *arg)
{
	uint32_t key = 0;

	switch (in->state) {
	case INPUT_GROUND: ground(in, c, fn, arg); return;
	case INPUT_ESCAPE:
		in->state = INPUT_ESCAPE;
		escape(in, c, fn, arg);
		return;
	case INPUT_CSI: csi(in, c, fn, arg); return;
	case INPUT_STRING: string(in, c); return;
	case INPUT_UTF8: utf8(in, c, fn, arg); return;
	case INPUT_SS3: key = letter_key((char)c, 0); break;
	case INPUT_LINUX: key = c >= 'A' && c <= 'E' ? KEY_F1 + (c - 'A') : 0; break;
	}
	in->state = INPUT_GROUND;
	if (key != 0 && !in->pasting)
		send_key(in, key, fn, arg);
}

void
input_feed(struct input *in, const uint8_t *bytes, size_t n, input_fn fn, void *arg)
{
	for (size_t i = 0; i < n; i++)
		one(in, bytes[i], fn, arg);
}

void
input_silence(struct input *in, input_fn fn, void *arg)
{
	if (in->state == INPUT_ESCAPE)
		send_key(in, KEY_ESC, fn, arg);
	in->state = INPUT_GROUND;
}
