/*
 * hop.h - what an answer's headers say.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef LIB_HOP_H
#define LIB_HOP_H

#include <tillwatch/plugin.h>

const char *hop_header(
    const struct tw_hop *hop, const char *name); /* first of that name, or NULL */

#endif
