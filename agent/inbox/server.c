/*
 * server.c - the listener for webhooks: POST /ingest/SOURCE and nothing else. See inbox.h.
 *
 * DESIGN. What can be refused by its head alone (source, method, Content-Length) is answered before
 * the body is read, and the connection closed. A body without a length is collected up to max_body;
 * what goes on then is read without being kept, for a while, so that the sender hears why (413),
 * and then cut off. Answers say nothing that helps to guess: 401 is 401.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "build-config.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/inbox/internal.h"
#include "agent/listen/listen.h"
#include "lib/buf.h"
#include "lib/xmalloc.h"

#define PREFIX "/ingest/"
#define DRAIN 4                     /* times max_body, of a body that is too large */

struct post {
	const char *source;         /* in the connection's URL */
	struct buf body;
	size_t bytes;
	bool is_answered;
};

/* ---- answers ---- */

static enum MHD_Result
answer(struct MHD_Connection *c, unsigned status)
{
	const char *text = MHD_get_reason_phrase_for(status);
	char line[64] = "";
	struct MHD_Response *r;
	enum MHD_Result rc;

	if (status != MHD_HTTP_NO_CONTENT)
		snprintf(line, sizeof(line), "%s\n", text != NULL ? text : "");
	r = MHD_create_response_from_buffer(strlen(line), line, MHD_RESPMEM_MUST_COPY);
	if (r == NULL)
		return MHD_NO;
	if (*line != '\0')
		MHD_add_response_header(r, "Content-Type", "text/plain");
	if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
		MHD_add_response_header(r, "Allow", "POST");
	if (status == MHD_HTTP_SERVICE_UNAVAILABLE)
		MHD_add_response_header(r, "Retry-After", INBOX_RETRY_AFTER);
	rc = MHD_queue_response(c, status, r);
	MHD_destroy_response(r);
	return rc;
}

static unsigned
status_of(enum inbox_result result)
{
	static const unsigned statuses[INBOX_RESULTS] = {
	    [INBOX_OK] = MHD_HTTP_NO_CONTENT, [INBOX_UNKNOWN] = MHD_HTTP_NOT_FOUND,
	    [INBOX_UNSIGNED] = MHD_HTTP_UNAUTHORIZED,
	    [INBOX_TOO_LARGE] = MHD_HTTP_CONTENT_TOO_LARGE,
	    [INBOX_FULL] = MHD_HTTP_SERVICE_UNAVAILABLE};

	return statuses[result];
}

/* ---- requests ---- */

static enum MHD_Result
finish(struct inbox *b, struct MHD_Connection *c, struct post *p, enum inbox_result result)
{
	inbox_count(b, result, p->body.len);
	p->is_answered = true;
	return answer(c, status_of(result));
}

/* Is the length that the head promises within the limit? One that cannot be read is not. */
static bool
is_small(struct MHD_Connection *c, size_t max)
{
	const char *v = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Content-Length");
	size_t n = v != NULL ? strlen(v) : 0;

	if (v == NULL)
		return true;
	return n > 0 && n < 19 && strspn(v, "0123456789") == n
	    && strtoull(v, NULL, 10) <= max;
}

/* What the head decides. */
static enum MHD_Result
begin(struct inbox *b, struct MHD_Connection *c, const char *path, const char *method,
    void **state)
{
	struct post *p = xcalloc(1, sizeof(*p));

	*state = p;
	buf_init(&p->body, inbox_max_body(b));
	if (strncmp(path, PREFIX, sizeof(PREFIX) - 1) != 0
	    || !inbox_knows(b, path + sizeof(PREFIX) - 1))
		return finish(b, c, p, INBOX_UNKNOWN);
	p->source = path + sizeof(PREFIX) - 1;
	if (strcmp(method, "POST") != 0) {
		p->is_answered = true;
		return answer(c, MHD_HTTP_METHOD_NOT_ALLOWED);
	}
	if (!is_small(c, inbox_max_body(b)))
		return finish(b, c, p, INBOX_TOO_LARGE);
	return MHD_YES;
}

static const char *
header(void *arg, const char *name)
{
	return MHD_lookup_connection_value(arg, MHD_HEADER_KIND, name);
}

struct served { struct inbox *inbox; struct inbox_server *server; };

static enum MHD_Result
on_request(void *cls, struct MHD_Connection *c, const char *path, const char *method,
    const char *version, const char *data, size_t *size, void **state)
{
	struct served *v = cls;
	struct post *p = *state;
	size_t max = inbox_max_body(v->inbox);

	(void)version;
	if (p == NULL) {
		connections_reading(&v->server->connections, c, true);
		return begin(v->inbox, c, path, method, state);
	}
	if (*size > 0) {
		p->bytes += *size;
		if (p->bytes <= max)
			buf_add(&p->body, data, *size);
		*size = 0;
		if (p->bytes / DRAIN <= max)
			return MHD_YES;
		inbox_count(v->inbox, INBOX_TOO_LARGE, 0);
		return MHD_NO;
	}
	if (p->is_answered)
		return MHD_YES;
	connections_reading(&v->server->connections, c, false);
	if (p->bytes > max || p->body.failed)
		return finish(v->inbox, c, p, INBOX_TOO_LARGE);
	return finish(v->inbox, c, p,
	    inbox_take(v->inbox, p->source,
		&(struct inbox_post){.header = header, .arg = c, .body = buf_str(&p->body),
		    .len = p->body.len, .now_ms = wall_now().ms}));
}

static void
on_completed(
    void *cls, struct MHD_Connection *c, void **state, enum MHD_RequestTerminationCode code)
{
	struct served *v = cls;
	struct post *p = *state;

	(void)code;
	connections_reading(&v->server->connections, c, false);
	if (p == NULL)
		return;
	buf_free(&p->body);
	free(p);
	*state = NULL;
}

void
server_tick(struct inbox_server *s)
{
	connections_tick(&s->connections);
}

/* ---- start and stop ---- */

int
server_start(struct inbox_server *s, struct inbox *b, const char *listen, char *err, size_t cap)
{
	int fd = listen_tcp(
	    &(struct listen_address){listen, "127.0.0.1:9765", false}, &s->port, err, cap);

	if (fd < 0)
		return fd;
	s->served = xcalloc(1, sizeof(*s->served));
	*s->served = (struct served){b, s};
	s->daemon = MHD_start_daemon(MHD_USE_POLL_INTERNAL_THREAD | MHD_USE_THREAD_PER_CONNECTION,
	    0, NULL, NULL, on_request, s->served, MHD_OPTION_LISTEN_SOCKET, fd,
	    MHD_OPTION_CONNECTION_LIMIT, INBOX_CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT, 30u,
	    MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)(64 * 1024), MHD_OPTION_NOTIFY_COMPLETED,
	    on_completed, s->served, MHD_OPTION_NOTIFY_CONNECTION, connections_notify,
	    &s->connections, MHD_OPTION_END);
	if (s->daemon != NULL)
		return 0;
	snprintf(err, cap, "the HTTP server does not start");
	close(fd);
	return -EIO;
}

void
server_stop(struct inbox_server *s)
{
	if (s->daemon != NULL)
		MHD_stop_daemon(s->daemon);
	s->daemon = NULL;
	free(s->served);
	s->served = NULL;
}
