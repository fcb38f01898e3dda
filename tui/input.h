/*
 * input.h - bytes from a terminal become events: keys, pasted text, mouse and the terminal's
 * replies.
 *
 * A pure state machine: bytes may come one by one, split anywhere, and may be anything. Each byte
 * costs constant time, memory is fixed, a sequence that grows past its ceiling is dropped whole. A
 * lone ESC is a key only after a silence (the caller says when: input_silence, 25 ms), so that a
 * function key is never taken for ESC and letters. Sources: ECMA-48 5.4, XTerm Control Sequences.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TUI_INPUT_H
#define TUI_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define INPUT_SEQUENCE_MAX 32
#define INPUT_SILENCE_MS 25

enum key { /* beyond Unicode; a control key is its byte (^C = 3), Alt is not told from plain */
	KEY_UP = 0x110000, KEY_DOWN, KEY_LEFT, KEY_RIGHT, KEY_HOME, KEY_END, KEY_PGUP, KEY_PGDN,
	KEY_BACKTAB, KEY_DELETE, KEY_INSERT, KEY_F1, KEY_F2, KEY_F3, KEY_F4, KEY_F5, KEY_F6,
	KEY_F7, KEY_F8, KEY_F9, KEY_F10, KEY_F11, KEY_F12, KEY_SHIFT_LEFT, KEY_SHIFT_RIGHT,
	KEY_ESC = 27, KEY_ENTER = 13, KEY_TAB = 9, KEY_BACKSPACE = 127,
};

enum event_kind { EVENT_KEY, EVENT_PASTE, EVENT_MOUSE, EVENT_REPLY };
struct event {
	enum event_kind kind;
	uint32_t key;           /* KEY, and each character of a PASTE; never a C1 control */
	int x, y, button;       /* MOUSE, from 0 */
	int reply, mode;        /* REPLY: final byte of a report, its first number */
};

enum input_state { INPUT_GROUND, INPUT_ESCAPE, INPUT_CSI, INPUT_SS3, INPUT_STRING, INPUT_UTF8,
	INPUT_LINUX };
struct input {
	enum input_state state;
	char text[INPUT_SEQUENCE_MAX];
	int len;
	bool overflow, pasting, string_escape;
	uint32_t cp;
	int utf8_left;
};

typedef void (*input_fn)(void *arg, const struct event *e);
void input_init(struct input *in);
void input_feed(struct input *in, const uint8_t *bytes, size_t n, input_fn fn, void *arg);
/* Nothing came for INPUT_SILENCE_MS: what is pending is over. */
void input_silence(struct input *in, input_fn fn, void *arg);
bool input_pending(const struct input *in);

#endif
