/*
 * host-once.c - `--once FILE --probe JSON`: one run without an agent, the result as one line of
 * JSON. What `tillwatch run -c FILE` shows is made of it.
 *
 *     {"probe":"page","verdict":"crit","cause":"status","reason":"status 503","slot_ms":...,
 *      "duration_us":...,"start_lag_us":...,"engine_lag_us":...,"late":false,"timeout":false,
 *      "refused":0,"facts":{...},"samples":[{"series":"up{probe=\"page\"}","t_ms":...,"v":1},
 *      {"series":"...","t_ms":...,"count":3,"sum":0.7}],"sandbox":"limits, Landlock 7, ..."}
 *
 * `--start FILE` only starts the probes that standard input has, a JSON text a line, as `tillwatch
 * check` asks: a line for each that was refused, {"probe":"page","refused":"options path",
 * "text":"..."}; what plugins log goes to standard error. Exit code 0, or 78 when one was refused.
 *
 * Exit code of --once: 0 when a run took place, whatever its verdict; 78 when the plugin or its
 * options were refused (the line is then {"refused":"options path","text":"..."}).
 *
 * Runs in: the main thread of a process of its own.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/probe.h"
#include "lib/buf.h"
#include "lib/json.h"
#include "lib/log.h"

static const char *const verdict_names[] = {"ok", "warn", "crit", "unknown"};

struct once {
	struct host *h;
	json_t *result;
};

static json_t *
sample_json(const struct run_sample *s)
{
	json_t *o = json_pack("{s:s, s:I}", "series", s->series->text, "t_ms", (json_int_t)s->t_ms);

	if (o == NULL)
		return NULL;
	if (s->hist == NULL) {
		json_object_set_new(o, "v", json_real(s->v));
		return o;
	}
	json_object_set_new(o, "count", json_real(s->hist->count));
	json_object_set_new(o, "sum", json_real(s->hist->sum));
	return o;
}

static void
keep_result(struct host *h, struct probe *p, struct msg_result *r, bool has_samples)
{
	struct once *once = h->deliver_arg;
	json_t *samples = json_array();

	for (size_t i = 0; has_samples && i < p->emit.n_samples; i++)
		json_array_append_new(samples, sample_json(&p->emit.samples[i]));
	once->result = json_pack(
	    "{s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:b, s:b, s:b, s:i, s:o, s:s}", "probe",
	    p->name, "verdict", verdict_names[r->verdict & 3], "cause", r->cause, "reason",
	    r->reason, "slot_ms", (json_int_t)r->slot_ms, "duration_us", (json_int_t)r->duration_us,
	    "start_lag_us", (json_int_t)r->start_lag_us, "engine_lag_us",
	    (json_int_t)r->engine_lag_us, "late", (r->flags & RESULT_LATE) != 0, "timeout",
	    (r->flags & RESULT_TIMEOUT) != 0, "skipped", (r->flags & RESULT_SKIPPED) != 0,
	    "refused", (int)r->refused_samples, "samples", samples, "sandbox", h->sandbox.text);
	if (once->result != NULL)
		json_object_set_new(once->result, "facts",
		    json_loads(r->facts, JSON_REJECT_DUPLICATES, NULL));
	host_end(h, 0, NULL);
}

/* Standard input, whole. */
static char *
read_input(size_t *len)
{
	struct buf b;
	char piece[4096];
	char *text = NULL;
	size_t n;

	buf_init(&b, HOST_TEXT_MAX);
	while ((n = fread(piece, 1, sizeof(piece), stdin)) > 0)
		buf_add(&b, piece, n);
	if (!b.failed && (text = strdup(buf_str(&b))) != NULL)
		*len = strlen(text);
	buf_free(&b);
	return text;
}

static char *
json_argument(const char *text, size_t *len)
{
	if (text != NULL && strcmp(text, "-") == 0)
		return read_input(len);
	*len = text != NULL ? strlen(text) : 2;
	return strdup(text != NULL ? text : "{}");
}

static int
print(json_t *o)
{
	char *line = o != NULL ? json_dumps(o, JSON_COMPACT) : NULL;

	if (line != NULL)
		puts(line);
	free(line);
	return line != NULL && fflush(stdout) == 0 ? 0 : HOST_EXIT_AGAIN;
}

static int
refused(const char *path, const char *text)
{
	json_t *o = json_pack("{s:s, s:s}", "refused", path, "text", text);

	(void)print(o);
	json_decref(o);
	return HOST_EXIT_CONFIG;
}

static void
ask(void *arg)
{
	probe_ask(arg, 0);
}

static int
run_once(struct once *once, const char *json, size_t len)
{
	char path[256] = "", err[REASON_MAX] = "out of memory";
	struct probe *p = probe_new(once->h, 0, 0, json, len, err, sizeof(err));
	struct host_post post;
	int code;

	if (p == NULL || probe_start(p, path, sizeof(path), err, sizeof(err)) != 0)
		return refused(path, err);
	host_post(once->h, &post, ask, p);
	code = host_run(once->h);
	if (once->result == NULL)
		return code != 0 ? code : HOST_EXIT_AGAIN;
	return print(once->result);
}

static int
prepare(struct host *h, const char *plugin, const char *setup, size_t len)
{
	char err[512];

	if (host_setup_read(&h->setup, setup, len, err, sizeof(err)) != 0) {
		fprintf(stderr, "tillwatch-host: --setup: %s\n", err);
		return HOST_EXIT_CONFIG;
	}
	log_setup((enum log_level)h->setup.log_level, "tillwatch-host");
	host_sandbox(h, &plugin, 1);
	if (plugin_load(&h->plugins[0], plugin, &host_api, err, sizeof(err)) == 0) {
		h->n_plugins = 1;
		if (plugin_runs_here(&h->plugins[0], err, sizeof(err)) == 0)
			return host_start(h) == 0 ? 0 : HOST_EXIT_AGAIN;
	}
	fprintf(stderr, "tillwatch-host: %s\n", err);
	return HOST_EXIT_CONFIG;
}

/* Starts one; false: it was refused, and that is told. */
static bool
start_one(struct host *h, const char *json, size_t len)
{
	char path[256] = "", err[REASON_MAX] = "out of memory";
	struct probe *p = probe_new(h, 0, 0, json, len, err, sizeof(err));
	json_t *given, *o;

	if (p != NULL && probe_start(p, path, sizeof(path), err, sizeof(err)) == 0) {
		probe_remove(p);
		return true;
	}
	given = json_loadb(json, len, 0, NULL);
	o = json_pack("{s:s*, s:s, s:s}", "probe",
	    json_string_value(json_object_get(given, "name")), "refused", path, "text", err);
	(void)print(o);
	json_decref(o);
	json_decref(given);
	if (p != NULL)
		probe_remove(p);
	return false;
}

int
host_start_only(const char *plugin, const char *setup_json)
{
	struct host *h = calloc(1, sizeof(*h));
	size_t len = 0;
	char *input = read_input(&len);
	int code = HOST_EXIT_AGAIN;

	if (h == NULL || input == NULL || host_init(h, -1) != 0)
		return HOST_EXIT_AGAIN;
	if ((code = prepare(h, plugin, setup_json, strlen(setup_json))) == 0)
		for (char *line = input; *line != '\0'; line += strspn(line, "\n")) {
			size_t n = strcspn(line, "\n");

			if (!start_one(h, line, n))
				code = HOST_EXIT_CONFIG;
			line += n;
		}
	explicit_bzero(input, len);
	free(input);
	host_clear(h);
	free(h);
	return code;
}

int
host_once(const char *plugin, const char *probe_json, const char *setup_json)
{
	struct host *h = calloc(1, sizeof(*h));
	struct once once = {.h = h};
	size_t probe_len = 0, setup_len = 0;
	char *probe = json_argument(probe_json, &probe_len);
	char *setup = json_argument(setup_json, &setup_len);
	int code = HOST_EXIT_AGAIN;

	if (h == NULL || probe == NULL || setup == NULL || host_init(h, -1) != 0)
		return HOST_EXIT_AGAIN;
	h->deliver = keep_result;
	h->deliver_arg = &once;
	h->is_trying = true;
	if ((code = prepare(h, plugin, setup, setup_len)) == 0)
		code = run_once(&once, probe, probe_len);
	json_decref(once.result);
	explicit_bzero(probe, probe_len);
	free(probe);
	free(setup);
	if (host_has_threads(h))
		_exit(code);
	host_clear(h);
	free(h);
	return code;
}
