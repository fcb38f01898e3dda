/*
 * once-asked.c - what only a running agent knows of what a configuration costs: how many requests a
 * run of a source makes, which depends on how many pages its API has. Asks the agent at the
 * configuration's own socket; that there is none, or that it has not counted yet, is no error.
 *
 * Runs in: `tillwatchd --check-config`, which it keeps waiting for ASK_MS at most.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

#include "agent/footprint.h"
#include "agent/once.h"
#include "lib/buf.h"
#include "lib/json.h"

#define ASK_MS 2000L
#define ANSWER_BYTES (1u << 20)
#define QUERY                                                                                      \
	"sum by (probe) (increase(http_json_requests_total{result=\"asked\"}[1d])) / sum by "      \
	"(probe) (increase(tillwatch_probe_runs_total[1d]))"

static size_t
on_data(char *data, size_t size, size_t n, void *arg)
{
	buf_add(arg, data, size * n);
	return size * n;
}

static int
ask(const char *socket, struct buf *answer)
{
	CURL *curl = curl_easy_init();
	char *query = curl != NULL ? curl_easy_escape(curl, QUERY, 0) : NULL;
	struct buf url;
	CURLcode code = CURLE_OUT_OF_MEMORY;

	buf_init(&url, 4096);
	if (query != NULL) {
		buf_printf(&url, "http://localhost/api/v1/query?query=%s", query);
		curl_easy_setopt(curl, CURLOPT_URL, buf_str(&url));
		curl_easy_setopt(curl, CURLOPT_PROXY, "");
		curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, socket);
		curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, ASK_MS);
		curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
		curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_data);
		curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
		code = curl_easy_perform(curl);
	}
	curl_free(query);
	curl_easy_cleanup(curl);
	buf_free(&url);
	return code == CURLE_OK ? 0 : -1;
}

static void
take(struct footprint_probe *probes, size_t n, const json_t *one)
{
	const char *name =
	    json_string_value(json_object_get(json_object_get(one, "metric"), "probe"));
	const char *value =
	    json_string_value(json_array_get(json_object_get(one, "value"), 1));

	for (size_t i = 0; i < n && name != NULL && value != NULL; i++)
		if (strcmp(probes[i].name, name) == 0)
			probes[i].requests_a_run = strtod(value, NULL);
}

void
once_asked(const char *socket, struct footprint_probe *probes, size_t n)
{
	struct buf answer;
	json_t *all, *list, *one;
	size_t i;

	buf_init(&answer, ANSWER_BYTES);
	if (socket != NULL && ask(socket, &answer) == 0) {
		all = json_loadb(buf_str(&answer), answer.len, 0, NULL);
		list = json_object_get(json_object_get(all, "data"), "result");
		json_array_foreach(list, i, one)
			take(probes, n, one);
		json_decref(all);
	}
	buf_free(&answer);
}
