/*
 * inspect.c - `--inspect JSON`: what a host gets on this machine, as one line of JSON. `tillwatch
 * doctor` asks.
 *
 *     {"sandbox":{"level":3,"text":"limits, Landlock 4, system calls"},
 *      "geo":[{"key":"country","path":"/var/lib/GeoIP/c.mmdb","use":"country",
 *              "type":"GeoLite2-Country","built":1790000000},{"key":"asn","path":...,"error":...}]}
 *
 * JSON is that of --setup. The sandbox is really entered, and the databases are opened inside it:
 * what is told is what a host has, not what the machine should be able to give it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/host.h"

static json_t *
one_database(const char *key, const char *path)
{
	struct geo_about about;
	char err[256] = "";

	if (geo_about(path, &about, err, sizeof(err)) != 0)
		return json_pack("{s:s, s:s, s:s}", "key", key, "path", path, "error", err);
	return json_pack("{s:s, s:s, s:s?, s:s, s:I}", "key", key, "path", path, "use", about.use,
	    "type", about.type, "built", (json_int_t)about.built_s);
}

int
host_inspect(const char *setup_json)
{
	static const char *const keys[GEO_FILES] = {"country", "asn"};
	struct host *h = calloc(1, sizeof(*h));
	json_t *geo = json_array(), *o;
	char err[512], *line;

	if (h == NULL
	    || host_setup_read(&h->setup, setup_json, strlen(setup_json), err, sizeof(err)) != 0) {
		fprintf(stderr, "tillwatch-host: --inspect: %s\n", h == NULL ? "memory" : err);
		json_decref(geo);
		free(h);
		return HOST_EXIT_CONFIG;
	}
	host_sandbox(h, NULL, 0);
	for (int i = 0; i < GEO_FILES; i++)
		if (h->setup.geoip[i] != NULL)
			json_array_append_new(geo, one_database(keys[i], h->setup.geoip[i]));
	o = json_pack("{s:{s:i, s:s}, s:o}", "sandbox", "level", (int)h->sandbox.level, "text",
	    h->sandbox.text, "geo", geo);
	line = o != NULL ? json_dumps(o, JSON_COMPACT) : NULL;
	if (line != NULL)
		puts(line);
	json_decref(o);
	free(line);
	host_setup_clear(&h->setup);
	free(h);
	return fflush(stdout) == 0 ? 0 : HOST_EXIT_AGAIN;
}
