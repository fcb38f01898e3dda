/*
 * server.c - listeners, connections, dispatch.
 *
 * DESIGN. libmicrohttpd reads and writes, in a thread for each connection: in a pool, whoever
 * shares a thread with a long query waits for it. A request is collected whole (body at most
 * API_BODY_MAX), then its route's handler runs in the same thread and fills a buffer.
 * libmicrohttpd's timeout is one of silence, so a client that drips a byte a second would live for
 * ever: each connection is registered with the time it began, and api_tick shuts down the sockets
 * of those that have not sent a whole request by API_DEADLINE_MS.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "build-config.h"

#include "agent/api/api.h"

#include <arpa/inet.h>
#include <errno.h>
#include <grp.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "agent/api/request.h"
#include "lib/log.h"
#include "lib/xmalloc.h"

#define PEER_GROUPS_MAX 256           /* of who connects; with more he may only read */

struct connection {
	struct connection *next;
	int fd;
	mono_t since;           /* of the request that is being read; 0 = idle or being answered */
	bool unix_socket;
};

struct api {
	struct api_opts opts;
	gid_t act_gid;          /* who may act through the socket; -1 = nobody but us and root */
	struct MHD_Daemon *on_unix, *on_tcp;
	int port;
	sem_t *queries;
	pthread_mutex_t lock;
	struct connection *connections;
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

static struct connection *
connection_of(struct MHD_Connection *c)
{
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(c, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return info != NULL ? info->socket_context : NULL;
}

static void
set_busy(struct api *api, struct MHD_Connection *c, bool reading)
{
	struct connection *k = connection_of(c);

	if (k == NULL)
		return;
	pthread_mutex_lock(&api->lock);
	k->since = reading ? mono_now() : (mono_t){0};
	pthread_mutex_unlock(&api->lock);
}

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
	if (k != NULL && k->unix_socket)
		r->scope = scope_of_peer(api, k->fd);
	else
		r->scope = scope_of_token(
		    api, MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Authorization"));
	if (strcmp(method, "POST") == 0)
		p->post = MHD_create_post_processor(c, 4096, on_form, r);
	set_busy(api, c, true);
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
	set_busy(api, c, false);
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

static void
on_connection(
    void *cls, struct MHD_Connection *c, void **context, enum MHD_ConnectionNotificationCode code)
{
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct connection *k, **at;
	struct sockaddr_storage address;
	socklen_t len = sizeof(address);
	struct api *api = cls;

	pthread_mutex_lock(&api->lock);
	if (code == MHD_CONNECTION_NOTIFY_STARTED && info != NULL) {
		k = xcalloc(1, sizeof(*k));
		k->fd = info->connect_fd;
		k->since = mono_now();
		k->unix_socket = getsockname(k->fd, (struct sockaddr *)&address, &len) == 0
		    && address.ss_family == AF_UNIX;
		k->next = api->connections;
		api->connections = k;
		*context = k;
	} else if (code == MHD_CONNECTION_NOTIFY_CLOSED && *context != NULL) {
		for (at = &api->connections; *at != *context; at = &(*at)->next)
			;
		k = *at;
		*at = k->next;
		*context = NULL;
		free(k);
	}
	pthread_mutex_unlock(&api->lock);
}

void
api_tick(struct api *api)
{
	mono_t now = mono_now();

	pthread_mutex_lock(&api->lock);
	for (struct connection *k = api->connections; k != NULL; k = k->next)
		if (k->since.us != 0 && mono_sub_us(now, k->since) > API_DEADLINE_MS * 1000LL)
			shutdown(k->fd, SHUT_RDWR);
	pthread_mutex_unlock(&api->lock);
}

/* ---- start and stop ---- */

/* A socket file that nobody answers is what a killed agent left behind; one that answers is
 * somebody else's. */
static int
take_over(const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), rc = 0;

	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0)
		rc = -EADDRINUSE;
	else if (errno == ECONNREFUSED)
		unlink(address->sun_path);
	close(fd);
	return rc;
}

static int
listen_unix(const struct api_opts *o, char *err, size_t cap)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd, rc;

	if (strlen(o->socket_path) >= sizeof(address.sun_path)) {
		snprintf(err, cap, "%s: a socket's path has %zu bytes at most", o->socket_path,
		    sizeof(address.sun_path) - 1);
		return -ENAMETOOLONG;
	}
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", o->socket_path);
	if ((rc = take_over(&address)) != 0) {
		snprintf(err, cap, "%s: another agent answers there", o->socket_path);
		return rc;
	}
	if ((fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) < 0)
		return -errno;
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0
	    || chmod(o->socket_path, o->socket_mode) != 0 || listen(fd, 64) != 0) {
		rc = -errno;
		snprintf(err, cap, "%s: %s", o->socket_path, strerror(-rc));
		close(fd);
		return rc;
	}
	return fd;
}

/* "127.0.0.1:9764" or "[::1]:9764"; numeric, so that nothing is asked of a resolver. */
static int
parse_listen(const char *text, struct sockaddr_storage *address, socklen_t *len)
{
	const char *colon = strrchr(text, ':');
	struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
		.ai_socktype = SOCK_STREAM}, *found;
	char host[64];
	size_t n;

	if (colon == NULL || (size_t)(colon - text) >= sizeof(host))
		return -EINVAL;
	n = (size_t)(colon - text);
	if (n >= 2 && text[0] == '[' && colon[-1] == ']')
		snprintf(host, sizeof(host), "%.*s", (int)n - 2, text + 1);
	else
		snprintf(host, sizeof(host), "%.*s", (int)n, text);
	if (getaddrinfo(host, colon + 1, &hints, &found) != 0)
		return -EINVAL;
	memcpy(address, found->ai_addr, found->ai_addrlen);
	*len = found->ai_addrlen;
	freeaddrinfo(found);
	return 0;
}

static bool
is_loopback(const struct sockaddr_storage *a)
{
	if (a->ss_family == AF_INET)
		return (ntohl(((const struct sockaddr_in *)a)->sin_addr.s_addr) >> 24) == 127;
	return IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)a)->sin6_addr);
}

static int
listen_tcp(struct api *api, char *err, size_t cap)
{
	const char *text = api->opts.listen;
	struct sockaddr_storage address;
	int fd, on = 1, rc;
	socklen_t len;

	if (parse_listen(text, &address, &len) != 0) {
		snprintf(err, cap, "%s is no address to listen on (try 127.0.0.1:9764)", text);
		return -EINVAL;
	}
	if (!is_loopback(&address)) {
		snprintf(
		    err, cap, "%s is not loopback: put a proxy with TLS before 127.0.0.1", text);
		return -EPERM;
	}
	if ((fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&address, len) != 0 || listen(fd, 64) != 0) {
		rc = -errno;
		snprintf(err, cap, "cannot listen on %s: %s", text, strerror(-rc));
		close(fd);
		return rc;
	}
	getsockname(fd, (struct sockaddr *)&address, &len);
	api->port =
	    ntohs(address.ss_family == AF_INET ? ((struct sockaddr_in *)&address)->sin_port
					       : ((struct sockaddr_in6 *)&address)->sin6_port);
	return fd;
}

static struct MHD_Daemon *
start_daemon(struct api *api, int fd)
{
	return MHD_start_daemon(MHD_USE_POLL_INTERNAL_THREAD | MHD_USE_THREAD_PER_CONNECTION, 0,
	    NULL, NULL, on_request, api, MHD_OPTION_LISTEN_SOCKET, fd,
	    MHD_OPTION_CONNECTION_LIMIT, API_CONNECTIONS_MAX, MHD_OPTION_PER_IP_CONNECTION_LIMIT,
	    API_CONNECTIONS_PER_IP, MHD_OPTION_CONNECTION_TIMEOUT, 30u,
	    MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)(64 * 1024), MHD_OPTION_NOTIFY_COMPLETED,
	    on_completed, NULL, MHD_OPTION_NOTIFY_CONNECTION, on_connection, api, MHD_OPTION_END);
}

int
api_start(struct api **out, const struct api_opts *opts, char *err, size_t cap)
{
	struct api *api = xcalloc(1, sizeof(*api));
	const struct group *act;
	int fd;

	*out = NULL;
	api->opts = *opts;
	act = opts->act_group != NULL ? getgrnam(opts->act_group) : NULL;
	api->act_gid = act != NULL ? act->gr_gid : (gid_t)-1;
	pthread_mutex_init(&api->lock, NULL);
	api->queries = xcalloc(1, sizeof(*api->queries));
	sem_init(api->queries, 0, API_QUERIES_MAX);
	if ((fd = listen_unix(opts, err, cap)) < 0)
		goto fail;
	if ((api->on_unix = start_daemon(api, fd)) == NULL) {
		close(fd);
		fd = -EIO;
		goto fail;
	}
	if (opts->listen != NULL) {
		if ((fd = listen_tcp(api, err, cap)) < 0)
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
	pthread_mutex_destroy(&api->lock);
	sem_destroy(api->queries);
	free(api->queries);
	free(api);
}
