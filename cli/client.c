/*
 * client.c - asks the agent (or any Prometheus-compatible server) over its HTTP API.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "build-config.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "lib/bearer.h"
#include "lib/buf.h"
#include "lib/xmalloc.h"

#define URL_MAX 4096
#define TIMEOUT_MS 40000L

static int fail(const struct cli *cli, int code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static int
fail(const struct cli *cli, int code, const char *fmt, ...)
{
	char text[2048];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (cli->said == NULL)
		return cli_fail(code, "%s", text);
	buf_reset(cli->said);
	buf_text(cli->said, text);
	return code;
}

static size_t
on_body(char *data, size_t size, size_t n, void *arg)
{
	struct buf *b = arg;

	buf_add(b, data, size * n);
	return b->failed ? 0 : size * n;
}

/* "Authorization: Bearer ..." from the token file; NULL when there is none, exit code in *rc when
 * it is unreadable. */
static struct curl_slist *
token_header(struct cli *cli, int *rc)
{
	char line[BEARER_TEXT];

	*rc = 0;
	if (cli->token_file == NULL)
		return NULL;
	if ((*rc = bearer_line(cli->token_file, line)) != 0) {
		*rc = fail(cli, EX_NOINPUT, "%s: %s", cli->token_file, strerror(-*rc));
		return NULL;
	}
	return curl_slist_append(NULL, line);
}

static int
explain(const struct cli *cli, CURLcode code)
{
	char names[1024] = "";

	if (cli->url != NULL)
		return fail(cli,
		    EX_UNAVAILABLE, "%s does not answer: %s", cli->url, curl_easy_strerror(code));
	if (cli->n_shops > 1)
		return fail(cli, EX_UNAVAILABLE, "no agent answers on %s (%s)", cli->socket,
		    curl_easy_strerror(code));
	if (!cli->is_socket_given && cli->n_shops == 0)
		shops_names(names, sizeof(names));
	if (names[0] != '\0')
		return fail(cli, EX_UNAVAILABLE,
		    "no agent answers on %s (%s); --shop names one of %s", cli->socket,
		    curl_easy_strerror(code), names);
	return fail(cli, EX_UNAVAILABLE,
	    "no agent answers on %s (%s); is tillwatchd running? --socket or --url "
	    "names another",
	    cli->socket, curl_easy_strerror(code));
}

static int
explain_error(const struct cli *cli, long status, const json_t *answer)
{
	const char *text = json_string_value(json_object_get(answer, "error"));
	int code = status == 401 || status == 403 ? EX_NOPERM
		   : status == 404                ? 1
		   : status < 500                 ? EX_DATAERR
						  : EX_UNAVAILABLE;

	return fail(cli,
	    code, "%s (HTTP %ld)", text != NULL ? text : "the answer is no success", status);
}

static int
read_answer(const struct cli *cli, const struct buf *body, long status, json_t **data)
{
	json_t *answer = json_loadb(buf_str(body), body->len, 0, NULL), *inner;
	int rc = 0;

	if (answer == NULL)
		return fail(cli, EX_PROTOCOL, "%s answered something that is no JSON (HTTP %ld)",
		    cli->url != NULL ? cli->url : cli->socket, status);
	inner = json_object_get(answer, "data");
	if (status / 100 != 2 || inner == NULL)
		rc = explain_error(cli, status, answer);
	else
		*data = json_incref(inner);
	json_decref(answer);
	return rc;
}

static int
perform(struct cli *cli, const char *path, bool post, json_t **data)
{
	const char *base = cli->url != NULL ? cli->url : "http://agent";
	size_t len = strlen(base);
	char *url = xasprintf(
	    "%.*s%s", (int)(len - (len > 0 && base[len - 1] == '/')), base, path);
	struct curl_slist *headers;
	struct buf body;
	CURLcode code;
	long status = 0;
	int rc;

	*data = NULL;
	buf_init(&body, CLI_ANSWER_MAX);
	if (cli->curl == NULL && (cli->curl = curl_easy_init()) == NULL)
		abort();
	curl_easy_reset(cli->curl);
	headers = token_header(cli, &rc);
	if (rc != 0)
		goto out;
	curl_easy_setopt(cli->curl, CURLOPT_URL, url);
	if (cli->url == NULL)
		curl_easy_setopt(cli->curl, CURLOPT_UNIX_SOCKET_PATH, cli->socket);
	curl_easy_setopt(cli->curl, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(cli->curl, CURLOPT_PROXY, "");
	curl_easy_setopt(cli->curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(cli->curl, CURLOPT_TIMEOUT_MS,
	    cli->timeout_ms > 0 ? cli->timeout_ms : TIMEOUT_MS);
	curl_easy_setopt(cli->curl, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(cli->curl, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(cli->curl, CURLOPT_WRITEDATA, &body);
	if (post)
		curl_easy_setopt(cli->curl, CURLOPT_COPYPOSTFIELDS, "");
	if ((code = curl_easy_perform(cli->curl)) != CURLE_OK) {
		rc = explain(cli, code);
		goto out;
	}
	curl_easy_getinfo(cli->curl, CURLINFO_RESPONSE_CODE, &status);
	rc = read_answer(cli, &body, status, data);
out:
	curl_slist_free_all(headers);
	buf_free(&body);
	free(url);
	return rc;
}

int
client_get(struct cli *cli, const char *path, json_t **data)
{
	return perform(cli, path, false, data);
}

void
client_close(struct cli *cli)
{
	if (cli->curl != NULL)
		curl_easy_cleanup(cli->curl);
	cli->curl = NULL;
}

void
client_param(struct buf *url, const char *name, const char *value)
{
	static const char safe[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";

	if (value == NULL)
		return;
	buf_printf(url, "%c%s=", strchr(buf_str(url), '?') != NULL ? '&' : '?', name);
	for (; *value != '\0'; value++) {
		if (strchr(safe, *value) != NULL)
			buf_char(url, *value);
		else
			buf_printf(url, "%%%02X", (unsigned char)*value);
	}
}

int
client_post(
    struct cli *cli, const char *path, const char *name, const char *value, json_t **data)
{
	struct buf url;
	int rc;

	buf_init(&url, URL_MAX);
	buf_text(&url, path);
	client_param(&url, name, value);
	rc = perform(cli, buf_str(&url), true, data);
	buf_free(&url);
	return rc;
}

int
client_act(struct cli *cli, const char *path, const char *name, const char *value, const char *said)
{
	json_t *data;
	int rc = client_post(cli, path, name, value, &data);

	if (rc == 0 && cli->json)
		print_json(data);
	else if (rc == 0)
		puts(said);
	json_decref(data);
	return rc;
}
