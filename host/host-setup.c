/*
 * host-setup.c - SETUP: what the agent says about the host itself, and the sandbox made of it.
 *
 *     {"shop":"acme","references":["https://..."],"ca_file":null,"reference_resolver":null,
 *      "geoip":{"country":path,"asn":path},"log_level":6,"max_in_flight":2000,
 *      "sandbox":"enforce|audit|off","paths":[...],"memory_bytes":1073741824,
 *      "settings":{"shop/currency":"EUR","shop/timezone":"Europe/Paris"}}
 *
 * Every key may be absent; one that is unknown is left alone (the agent is our own build, and a
 * setting that this host does not need is no error).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/host.h"
#include "lib/json.h"
#include "lib/log.h"

#define IN_FLIGHT_DEFAULT 2000
#define LIST_MAX 4096

static char *
text(json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s != NULL && s[0] != '\0' ? strdup(s) : NULL;
}

static int
texts(json_t *o, const char *key, char ***out, size_t *n)
{
	json_t *list = json_object_get(o, key);
	size_t size = json_array_size(list);

	if (size == 0)
		return 0;
	if (size > LIST_MAX || (*out = calloc(size, sizeof(**out))) == NULL)
		return -1;
	for (size_t i = 0; i < size; i++) {
		const char *s = json_string_value(json_array_get(list, i));

		if (s == NULL || ((*out)[*n] = strdup(s)) == NULL)
			return -1;
		(*n)++;
	}
	return 0;
}

static int64_t
number(json_t *o, const char *key, int64_t absent, int64_t min, int64_t max)
{
	json_t *v = json_object_get(o, key);
	int64_t n = json_is_integer(v) ? json_integer_value(v) : absent;

	return n < min ? min : n > max ? max : n;
}

int
host_setup_read(struct host_setup *s, const char *json, size_t len, char *err, size_t cap)
{
	json_t *o = json_read(json, len, err, cap), *geo;
	int mode, rc = -EINVAL;

	memset(s, 0, sizeof(*s));
	if (o == NULL)
		return -EINVAL;
	geo = json_object_get(o, "geoip");
	s->shop = text(o, "shop");
	s->ca_file = text(o, "ca_file");
	s->resolver = text(o, "reference_resolver");
	s->geoip[0] = text(geo, "country");
	s->geoip[1] = text(geo, "asn");
	s->settings = json_incref(json_object_get(o, "settings"));
	s->log_level = (int)number(o, "log_level", LOGL_INFO, LOGL_ERROR, LOGL_DEBUG);
	s->max_in_flight = (uint32_t)number(o, "max_in_flight", IN_FLIGHT_DEFAULT, 1, 100000);
	s->memory_bytes = number(o, "memory_bytes", 0, 0, INT64_MAX);
	mode = sandbox_mode_parse(json_string_value(json_object_get(o, "sandbox")));
	if (mode < 0)
		snprintf(err, cap, "sandbox: enforce, audit or off");
	else if (texts(o, "references", &s->references, &s->n_references) != 0
	    || texts(o, "paths", &s->paths, &s->n_paths) != 0)
		snprintf(err, cap, "references and paths are lists of texts");
	else
		rc = 0;
	s->sandbox = mode < 0 ? SANDBOX_ENFORCE : (enum sandbox_mode)mode;
	json_decref(o);
	return rc;
}

static void
free_texts(char **list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(list[i]);
	free(list);
}

void
host_setup_clear(struct host_setup *s)
{
	free(s->shop);
	free(s->ca_file);
	free(s->resolver);
	json_decref(s->settings);
	for (int i = 0; i < GEO_FILES; i++)
		free(s->geoip[i]);
	free_texts(s->references, s->n_references);
	free_texts(s->paths, s->n_paths);
	memset(s, 0, sizeof(*s));
}

void
host_sandbox(struct host *h, const char *const *plugin_paths, size_t n)
{
	const struct host_setup *s = &h->setup;
	const char **read = calloc(s->n_paths + n + GEO_FILES + 1, sizeof(*read));
	char *directories[HOST_PLUGINS_MAX] = {NULL};
	struct sandbox_opts o = {
	    .mode = s->sandbox, .read = read, .memory_bytes = s->memory_bytes};

	if (read == NULL) {
		snprintf(h->sandbox.text, sizeof(h->sandbox.text), "out of memory");
		return;
	}
	for (size_t i = 0; i < s->n_paths; i++)
		read[o.n_read++] = s->paths[i];
	for (size_t i = 0; i < n && i < HOST_PLUGINS_MAX; i++)
		if ((directories[i] = plugin_directory(plugin_paths[i])) != NULL)
			read[o.n_read++] = directories[i];
	for (int i = 0; i < GEO_FILES; i++)
		if (s->geoip[i] != NULL)
			read[o.n_read++] = s->geoip[i];
	if (s->ca_file != NULL)
		read[o.n_read++] = s->ca_file;
	sandbox_enter(&o, &h->sandbox);
	for (size_t i = 0; i < HOST_PLUGINS_MAX; i++)
		free(directories[i]);
	free(read);
}
