/*
 * test-host-driver.h - an agent for tests: starts tillwatch-host with a test plugin, speaks frames
 * with it, remembers what it said. Every wait has a deadline; every failure is a failed assert.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_UNIT_TEST_HOST_DRIVER_H
#define TESTS_UNIT_TEST_HOST_DRIVER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <cmocka.h>

#include "wire/messages.h"

#define PROBE 7
#define GENERATION 3
#define DRIVER_SERIES_MAX 4096

struct kept_state { char key[160]; uint8_t *data; size_t len; };

struct driver {
	pid_t pid;
	int fd;
	char dir[64], plugin[128];    /* its own directory, and the copy of the plugin in it */
	uint8_t *frame;               /* to encode into */
	uint8_t *message;             /* the newest that came; its frames are taken one by one */
	size_t at, len;
	char *series[DRIVER_SERIES_MAX]; /* labels by number */
	uint32_t n_series;
	struct msg_hello hello;
	/* the run that the newest RESULT ended: its own samples and those of SAMPLES before it */
	struct msg_result result;
	struct wire_sample *samples;
	size_t n_samples, n_hists;
	struct msg_beat beat;
	char *refused_path, *refused_text, log[512];
	struct kept_state state[64];
	size_t n_state;
	bool is_started;
	uint32_t n_bad;               /* messages that are no frames */
	int64_t n_results;
};

/* Starts a host with a copy of tests/plugins/NAME, sends SETUP (NULL = "{}"), waits for HELLO. */
struct driver *driver_new(const char *plugin, const char *setup);
/* As driver_new, without waiting and without SETUP. */
struct driver *driver_spawn(const char *plugin);
void driver_send_text(struct driver *d, enum frame_type type, const char *json);
void driver_send(struct driver *d, enum frame_type type, uint32_t generation);
/* CONFIGURE (options: JSON), RESTORE of what is kept, START. */
void driver_start(struct driver *d, const char *plugin, int64_t interval_ms, int64_t timeout_ms,
    const char *options);
/* Reads frames until one of this type came: its type. 0: the host closed, or ms went by. */
int driver_wait(struct driver *d, enum frame_type type, int ms);
/* The next RESULT whose flags & mask == flags; asserts that one comes. */
void driver_result(struct driver *d, unsigned mask, unsigned flags, int ms);
/* The value of the newest run's series whose text begins so; asserts that there is one. */
double driver_value(struct driver *d, const char *series);
bool driver_has(struct driver *d, const char *series);
/* Waits for the end of the process: its wait status. */
int driver_end(struct driver *d, int ms);
void driver_free(struct driver *d);      /* kills what is left, removes the directory */

#endif
