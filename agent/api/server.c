/*
 * server.c - requests: who asks, what for, and the answer.
 *
 * DESIGN. libmicrohttpd reads and writes, in a thread for each connection: in a pool, whoever
 * shares a thread with a long query waits for it. A request is collected whole (body at most
 * API_BODY_MAX), then its route's handler runs in the same thread and fills a buffer. A connection
 * that has not sent a whole request by API_DEADLINE_MS is ended (agent/listen/connections.h).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "build-config.h"

#include "agent/api/api.h"

#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "agent/api/request.h"
#include "agent/listen/connections.h"
#include "agent/listen/listen.h"
#include "lib/log.h"
#include "lib/xmalloc.h"

#define PEER_GROUPS_MAX 256           /* of who connects; with more he may only read */

struct api {
	struct api_opts opts;
	gid_t act_gid;          /* who may act through the socket; -1 = nobody but us and root */
	struct MHD_Daemon *on_unix, *on_tcp;
	int port;
	sem_t *queries;
	struct connections connections;
};

/* A request while libmicrohttpd still reads it. */
struct pending {
	struct request r;
	struct MHD_PostProcessor *post;
	size_t body_bytes;
	bool too_large;
};

/* ---- who asks ---- */

/* Is the peer of that group, as it was when it connected? */
static bool
is_peer_of_group(int fd, const struct ucred *peer, gid_t gid)
{
	gid_t groups[PEER_GROUPS_MAX];
	socklen_t len = sizeof(groups);

	if (gid == (gid_t)-1)
		return false;
	if (peer->gid == gid)
		return true;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &len) != 0)
		return false; /* more groups than we look at, or an old kernel: it may read */
	for (size_t i = 0; i < len / sizeof(*groups); i++)
		if (groups[i] == gid)
			return true;
	return false;
}

static enum api_scope
scope_of_peer(const struct api *api, int fd)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0)
		return API_NONE;
	return peer.uid == 0 || peer.uid == geteuid()
		|| is_peer_of_group(fd, &peer, api->act_gid)
	    ? API_ACT : API_READ;
}

static enum api_scope
scope_of_token(const struct api *api, const char *header)
{
	enum api_scope scope = API_NONE;
	size_t len;

	if (api->opts.n_tokens == 0)
		return API_READ;
	if (header == NULL || strncasecmp(header, "Bearer ", 7) != 0)
		return API_NONE;
	len = strlen(header + 7);
	/* All tokens are compared, each in constant time: how long it takes tells nothing. */
	for (size_t i = 0; i < api->opts.n_tokens; i++) {
		const struct api_token *t = &api->opts.tokens[i];

		if (strlen(t->token) == len && CRYPTO_memcmp(t->token, header + 7, len) == 0
		    && t->scope > scope)
			scope = t->scope;
	}
	return scope;
}

/* ---- parameters ---- */

static enum MHD_Result
add_param(struct request *r, const char *name, const char *value, size_t len)
{
	struct param *p;

	if (r->n_params == PARAMS_MAX)
		return MHD_NO;
	p = &r->params[r->n_params++];
	p->name = xstrdup(name);
	p->value = xcalloc(1, len + 1);
	memcpy(p->value, value, len);
	return MHD_YES;
}

static enum MHD_Result
on_argument(void *cls, enum MHD_ValueKind kind, const char *name, const char *value)
{
	(void)kind;
	return add_param(cls, name, value != NULL ? value : "", value != NULL ? strlen(value) : 0);
}

/* A piece of a form's value: the same name again with offset > 0 goes on where the last piece
 * ended. */
static enum MHD_Result
on_form(void *cls, enum MHD_ValueKind kind, const char *name, const char *file, const char *type,
    const char *encoding, const char *data, uint64_t offset, size_t size)
{
	struct request *r = cls;
	struct param *p;
	size_t len;

	(void)kind;
	(void)file;
	(void)type;
	(void)encoding;
	if (name == NULL) /* a part of a multipart form need not have one */
		return MHD_NO;
	if (offset == 0)
		return add_param(r, name, data, size);
	if (r->n_params == 0 || strcmp(r->params[r->n_params - 1].name, name) != 0)
		return MHD_NO;
	p = &r->params[r->n_params - 1];
	len = strlen(p->value);
	p->value = xrealloc(p->value, len + size + 1, 1);
	memcpy(p->value + len, data, size);
	p->value[len + size] = '\0';
	return MHD_YES;
}

/* ---- answers ---- */

static enum MHD_Result
send_answer(struct MHD_Connection *c, struct request *r)
{
	struct MHD_Response *response;
	enum MHD_Result rc;

	if (r->out.failed) {
		buf_reset(&r->out);
		answer_error(r, "internal", "the answer is larger than %d MiB: ask for less",
		    API_ANSWER_MAX >> 20);
	}
	response = MHD_create_response_from_buffer(r->out.len, r->out.data, MHD_RESPMEM_MUST_FREE);
	if (response == NULL)
		return MHD_NO;
	r->out.data = NULL; /* the response frees it */
	MHD_add_response_header(response, "Content-Type", r->type);
	MHD_add_response_header(response, "Cache-Control", "no-store");
	MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
	if (r->allow != NULL)
		MHD_add_response_header(
		    response, "Allow", strchr(r->allow, ' ') != NULL ? "GET, POST" : r->allow);
	if (r->status == 401)
		MHD_add_response_header(response, "WWW-Authenticate", "Bearer");
	rc = MHD_queue_response(c, (unsigned)r->status, response);
	MHD_destroy_response(response);
	return rc;
}

static const struct route *
find_route(const char *path, const char **tail)
{
	for (size_t i = 0; i < api_n_routes; i++) {
		const struct route *route = &api_routes[i];
		size_t n = strlen(route->path);

		*tail = path + n;
		if (route->path[n - 1] == '/' ? strncmp(path, route->path, n) == 0
					      : strcmp(path, route->path) == 0)
			return route;
	}
	return NULL;
}

static bool
has_method(const char *methods, const char *method)
{
	size_t len = strlen(method);

	if (strcmp(method, "HEAD") == 0) /* libmicrohttpd leaves the body out */
		return has_method(methods, "GET");
	for (const char *at = methods; len > 0 && (at = strstr(at, method)) != NULL; at++)
		if ((at == methods || at[-1] == ' ') && (at[len] == '\0' || at[len] == ' '))
			return true;
	return false;
}

static void
dispatch(struct request *r, const char *method, const char *path)
{
	const struct route *route = find_route(path, &r->tail);

	if (route == NULL) {
		answer_error(r, "not_found", "no such endpoint: %s", path);
	} else if (!has_method(route->methods, method)) {
		answer_error(r, "bad_data", "%s takes %s", path, route->methods);
		r->status = MHD_HTTP_METHOD_NOT_ALLOWED;
		r->allow = route->methods;
	} else if (r->scope < route->scope) {
		answer_error(r, r->scope == API_NONE ? "unauthorized" : "forbidden",
		    r->scope == API_NONE ? "a bearer token is needed" : "this needs the scope act");
	} else {
		route->handle(r);
	}
}

/* ---- libmicrohttpd's callbacks ---- */

static struct pending *
begin(struct api *api, struct MHD_Connection *c, const char *method)
{
	const struct connection *k = connection_of(c);
	struct pending *p = xcalloc(1, sizeof(*p));
	struct request *r = &p->r;

	buf_init(&r->out, API_ANSWER_MAX);
	r->agent = &api->opts.agent;
	r->queries = api->queries;
	r->status = MHD_HTTP_OK;
	r->type = "application/json";
	if (k != NULL && k->is_local)
		r->scope = scope_of_peer(api, k->fd);
	else
		r->scope = scope_of_token(
		    api, MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Authorization"));
	if (strcmp(method, "POST") == 0)
		p->post = MHD_create_post_processor(c, 4096, on_form, r);
	connections_reading(&api->connections, c, true);
	return p;
}

/* Ends the form, which may give its last piece only now: before the parameters are read or freed.
 * What ends in its middle (a part without its boundary) is refused. */
static void
end_form(struct pending *p)
{
	if (p->post != NULL && MHD_destroy_post_processor(p->post) != MHD_YES)
		p->too_large = true;
	p->post = NULL;
}

static enum MHD_Result
on_request(void *cls, struct MHD_Connection *c, const char *path, const char *method,
    const char *version, const char *data, size_t *size, void **state)
{
	struct pending *p = *state;
	struct api *api = cls;

	(void)version;
	if (p == NULL) {
		*state = begin(api, c, method);
		return MHD_YES;
	}
	if (*size > 0) {
		p->body_bytes += *size;
		if (p->body_bytes > API_BODY_MAX)
			p->too_large = true;
		else if (p->post != NULL && MHD_post_process(p->post, data, *size) != MHD_YES)
			p->too_large = true;
		*size = 0;
		return MHD_YES;
	}
	end_form(p);
	connections_reading(&api->connections, c, false);
	p->r.deadline = mono_add_us(mono_now(), API_QUERY_DEADLINE_MS * 1000LL);
	MHD_get_connection_values(c, MHD_GET_ARGUMENT_KIND, on_argument, &p->r);
	if (p->body_bytes > API_BODY_MAX) {
		answer_error(
		    &p->r, "bad_data", "the body is larger than %d MiB", API_BODY_MAX >> 20);
		p->r.status = MHD_HTTP_CONTENT_TOO_LARGE;
	} else if (p->too_large || p->r.n_params == PARAMS_MAX) {
		answer_error(&p->r, "bad_data",
		    "the form cannot be read, or has %d parameters or more", PARAMS_MAX);
	} else {
		dispatch(&p->r, method, path);
	}
	return send_answer(c, &p->r);
}

static void
on_completed(
    void *cls, struct MHD_Connection *c, void **state, enum MHD_RequestTerminationCode code)
{
	struct pending *p = *state;

	(void)cls;
	(void)c;
	(void)code;
	if (p == NULL)
		return;
	end_form(p);
	for (size_t i = 0; i < p->r.n_params; i++) {
		free(p->r.params[i].name);
		free(p->r.params[i].value);
	}
	buf_free(&p->r.out);
	free(p);
	*state = NULL;
}

void
api_tick(struct api *api)
{
	connections_tick(&api->connections);
}

/* ---- start and stop ---- */

static struct MHD_Daemon *
start_daemon(struct api *api, int fd)
{
	return MHD_start_daemon(MHD_USE_POLL_INTERNAL_THREAD | MHD_USE_THREAD_PER_CONNECTION, 0,
	    NULL, NULL, on_request, api, MHD_OPTION_LISTEN_SOCKET, fd,
	    MHD_OPTION_CONNECTION_LIMIT, API_CONNECTIONS_MAX, MHD_OPTION_PER_IP_CONNECTION_LIMIT,
	    API_CONNECTIONS_PER_IP, MHD_OPTION_CONNECTION_TIMEOUT, 30u,
	    MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)(64 * 1024), MHD_OPTION_NOTIFY_COMPLETED,
	    on_completed, NULL, MHD_OPTION_NOTIFY_CONNECTION, connections_notify, &api->connections,
	    MHD_OPTION_END);
}

int
api_start(struct api **out, const struct api_opts *opts, char *err, size_t cap)
{
	struct api *api = xcalloc(1, sizeof(*api));
	struct listen_address tcp = {opts->listen, "127.0.0.1:9764", true};
	const struct group *act;
	int fd;

	*out = NULL;
	api->opts = *opts;
	act = opts->act_group != NULL ? getgrnam(opts->act_group) : NULL;
	api->act_gid = act != NULL ? act->gr_gid : (gid_t)-1;
	connections_init(&api->connections, API_DEADLINE_MS);
	api->queries = xcalloc(1, sizeof(*api->queries));
	sem_init(api->queries, 0, API_QUERIES_MAX);
	if ((fd = listen_unix(opts->socket_path, opts->socket_mode, err, cap)) < 0)
		goto fail;
	if ((api->on_unix = start_daemon(api, fd)) == NULL) {
		close(fd);
		fd = -EIO;
		goto fail;
	}
	if (opts->listen != NULL) {
		if ((fd = listen_tcp(&tcp, &api->port, err, cap)) < 0)
			goto fail;
		if ((api->on_tcp = start_daemon(api, fd)) == NULL) {
			close(fd);
			fd = -EIO;
			goto fail;
		}
	}
	*out = api;
	return 0;
fail:
	if (fd == -EIO)
		snprintf(err, cap, "the HTTP server does not start");
	api_stop(api);
	return fd;
}

int
api_port(const struct api *api)
{
	return api->port;
}

void
api_stop(struct api *api)
{
	if (api->on_unix != NULL) {
		MHD_stop_daemon(api->on_unix);
		unlink(api->opts.socket_path);
	}
	if (api->on_tcp != NULL)
		MHD_stop_daemon(api->on_tcp);
	connections_destroy(&api->connections);
	sem_destroy(api->queries);
	free(api->queries);
	free(api);
}
