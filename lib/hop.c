/*
 * hop.c - see hop.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "lib/hop.h"

#include <strings.h>

const char *
hop_header(const struct tw_hop *hop, const char *name)
{
	for (uint32_t i = 0; i < hop->n_headers; i++)
		if (strcasecmp(hop->headers[i].name, name) == 0)
			return hop->headers[i].value;
	return NULL;
}
