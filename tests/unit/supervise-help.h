/*
 * supervise-help.h - hosts that behave in every bad way: what the test program is when it is
 * started as a host.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_UNIT_SUPERVISE_HELP_H
#define TESTS_UNIT_SUPERVISE_HELP_H

#include <stdint.h>

#define T0 INT64_C(1700000000000) /* the wall clock's beginning */

/* Plays the host MODE of the path DIR/MODE until the agent is gone; its marks are left in DIR. */
int play(const char *path);

#endif
