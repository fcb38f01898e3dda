/*
 * describe.c - `--describe FILE`: the plugin's manifest as one line of JSON.
 *
 * The agent and the command line never load a plugin, not even to read its tables: constructors run
 * inside dlopen. So the host does it, in its sandbox, and they keep the answer.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/host.h"
#include "lib/manifest.h"

int
host_describe(const char *path)
{
	struct host h = {.setup = {.sandbox = SANDBOX_ENFORCE}};
	struct plugin p;
	char err[512];
	json_t *manifest;
	char *line;

	host_sandbox(&h, &path, 1);
	if (plugin_load(&p, path, &host_api, err, sizeof(err)) != 0) {
		fprintf(stderr, "tillwatch-host: %s\n", err);
		return HOST_EXIT_CONFIG;
	}
	manifest = manifest_write(&p.table);
	line = manifest != NULL ? json_dumps(manifest, JSON_COMPACT) : NULL;
	if (line != NULL)
		puts(line);
	else
		fprintf(stderr, "tillwatch-host: %s: out of memory\n", path);
	free(line);
	json_decref(manifest);
	plugin_clear(&p);
	return line != NULL && fflush(stdout) == 0 ? 0 : HOST_EXIT_AGAIN;
}
