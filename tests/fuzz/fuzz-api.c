/*
 * fuzz-api.c - any bytes as what a client sends to the API: libmicrohttpd's parser, our collecting
 * of parameters and forms, the tokens, the routes, and every handler see them.
 *
 * DESIGN. server.c is compiled into this program, because what is to be tested are its callbacks:
 * they are hung into a daemon without listener and without thread, which the program polls, and
 * which is given one end of a socket pair. What the handlers ask of the rest of the agent is
 * answered here by rows full of characters that JSON must escape; the store is a real one in a
 * directory of its own.
 *
 * The input's first byte says who asks (bit 0: over the Unix socket, else by its token alone), its
 * second in pieces of how many bytes it is sent (0 = all at once). The rest goes over the wire.
 *
 * What must hold: an answer is complete, ours are JSON, nobody who may not gets anything, and only
 * the methods of the table do anything.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "agent/api/api.h"

/* A query that takes longer is the find. */
#undef API_QUERY_DEADLINE_MS
#define API_QUERY_DEADLINE_MS 1000

#include "agent/api/server.c"

#include <dirent.h>
#include <jansson.h>
#include <sys/un.h>

#include "agent/ingest/ingest.h"
#include "agent/self.h"
#include "agent/store/store.h"
#include "agent/supervise/supervise.h"

#define READ_TOKEN "read-0123456789abcdef"
#define ACT_TOKEN "act-0123456789abcdef"
#define ANSWER_BYTES (1u << 20)   /* more of an answer is read and let go */
#define ROUNDS_IDLE 3
#define NOW_MS INT64_C(1700000000000)
#define STRANGE "\"\\\n\x1b]52;\x7f\xc2\x9b\xe2\x80\xae\xff\xc0\x80"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct {
	struct api api;
	struct store *store;
	char dir[64];
	unsigned acted;             /* calls that need the scope act */
	char answer[ANSWER_BYTES + 1];
	size_t len;
} t;

/* ---- the rest of the agent ---- */

bool
ingest_blind(struct ingest *in, int64_t *since_ms)
{
	(void)in;
	*since_ms = NOW_MS;
	return true;
}

void
ingest_status_each(
    struct ingest *in, void (*each)(void *, const struct probe_status *), void *arg)
{
	char name[] = "storefront", strange[] = STRANGE;
	struct probe_status s = {.name = name, .plugin = name, .system = strange, .cause = strange,
	    .reason = strange, .verdict = PROBE_CRIT, .interval_ms = 30000};

	(void)in;
	each(arg, &s);
	s.name = strange;
	each(arg, &s);
}

size_t
supervisor_status(struct supervisor *s, struct host_status *out, size_t cap)
{
	(void)s;
	if (cap == 0)
		return 0;
	memset(out, 0, sizeof(*out));
	snprintf(out->group, sizeof(out->group), "%s", STRANGE);
	snprintf(out->last_exit, sizeof(out->last_exit), "%s", STRANGE);
	return 1;
}

void
self_each(const struct self *self, void (*each)(void *, const struct self_sample *), void *arg)
{
	struct self_sample s = {"tillwatch_up", "help \\ \"of\" it\n", false, "host", STRANGE, 1};

	(void)self;
	each(arg, &s);
}

static int
on_reload(void *ctx, char *err, size_t cap)
{
	(void)ctx;
	t.acted++;
	snprintf(err, cap, "%s", STRANGE);
	return t.acted % 2 == 0 ? 0 : -EINVAL;
}

static int
on_run(void *ctx, const char *probe, struct buf *out, char *err, size_t cap)
{
	(void)ctx;
	t.acted++;
	snprintf(err, cap, "no probe is called \"%.200s\"", probe);
	if (strcmp(probe, "storefront") != 0)
		return -ENOENT;
	buf_text(out, "{\"probe\":\"storefront\"}");
	return 0;
}

static int
on_retry(void *ctx, const char *group)
{
	(void)ctx;
	t.acted++;
	return group == NULL || group[0] != 'x' ? 0 : -ENOENT;
}

static int
on_notify_test(void *ctx, const char *receiver, char *err, size_t cap)
{
	(void)ctx;
	t.acted++;
	snprintf(err, cap, "no receiver is called \"%.200s\"", receiver);
	return receiver[0] == 'x' ? 0 : -ENOENT;
}

static bool
on_ready(void *ctx)
{
	(void)ctx;
	return true;
}

/* ---- the store ---- */

static int64_t
now_ms(void *arg)
{
	(void)arg;
	return NOW_MS;
}

static void
remove_dir(void)
{
	char path[512];
	struct dirent *e;
	DIR *d;

	MHD_stop_daemon(t.api.on_unix);
	store_close(t.store);
	if ((d = opendir(t.dir)) == NULL)
		return;
	while ((e = readdir(d)) != NULL) {
		snprintf(path, sizeof(path), "%s/%s", t.dir, e->d_name);
		unlink(path);
	}
	closedir(d);
	rmdir(t.dir);
}

static void
fill_store(void)
{
	static const struct label one[] = {{LABEL_NAME, "up"}, {"probe", "storefront"}};
	static const struct label other[] = {{LABEL_NAME, "odd"}, {"probe", STRANGE}};
	struct store_sample samples[20];
	struct store_run run = {.probe = "storefront", .at_ms = NOW_MS - 60000, .verdict = 2,
	    .cause = STRANGE, .reason = STRANGE, .facts = "{\"hops\":[]}", .duration_us = 1500};
	struct store_batch batch = {.samples = samples, .n_samples = 20, .runs = &run, .n_runs = 1};
	struct store_counts counts;
	struct labels *l[2];
	uint32_t sid[2];

	if (labels_new(&l[0], one, 2) != 0 || labels_new(&l[1], other, 2) != 0)
		abort();
	for (int i = 0; i < 2; i++) {
		if (store_series(t.store, l[i], STORE_GAUGE, 0, &sid[i]) != 0)
			abort();
		labels_unref(l[i]);
	}
	for (int i = 0; i < 20; i++)
		samples[i] = (struct store_sample){
		    .sid = sid[i % 2], .t_ms = NOW_MS - 300000 + i * 15000, .v = i};
	if (store_commit(t.store, &batch, 1, &counts) != 0)
		abort();
}

static void
start(void)
{
	static const struct api_token tokens[] = {{READ_TOKEN, API_READ}, {ACT_TOKEN, API_ACT}};
	struct store_opts opts = {.path = t.dir, .now_ms = now_ms};
	const char *tmp = getenv("TMPDIR");
	struct store_error err;

	snprintf(t.dir, sizeof(t.dir), "%.40s/tw-fuzz-XXXXXX", tmp != NULL ? tmp : "/tmp");
	if (mkdtemp(t.dir) == NULL || store_open(&t.store, &opts, &err) != 0)
		abort();
	fill_store();
	t.api.opts = (struct api_opts){.tokens = tokens,
	    .n_tokens = 2,
	    .agent = {.store = t.store,
		.version = "0",
		.shop = STRANGE,
		.reload = on_reload,
		.run = on_run,
		.retry = on_retry,
		.notify_test = on_notify_test,
		.ready = on_ready}};
	connections_init(&t.api.connections, API_DEADLINE_MS);
	/* As start_daemon does it, but polled by us. */
	t.api.on_unix = MHD_start_daemon(MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET, 0, NULL, NULL,
	    on_request, &t.api, MHD_OPTION_CONNECTION_LIMIT, API_CONNECTIONS_MAX,
	    MHD_OPTION_CONNECTION_TIMEOUT, 30u, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
	    (size_t)(64 * 1024), MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL,
	    MHD_OPTION_NOTIFY_CONNECTION, connections_notify, &t.api.connections, MHD_OPTION_END);
	if (t.api.on_unix == NULL)
		abort();
	atexit(remove_dir);
}

/* ---- one conversation ---- */

/* True when anything moved. */
static bool
take_answer(int fd)
{
	char rest[4096];
	bool full = t.len == ANSWER_BYTES;
	ssize_t n = full ? read(fd, rest, sizeof(rest))
			 : read(fd, t.answer + t.len, ANSWER_BYTES - t.len);

	if (n > 0 && !full)
		t.len += (size_t)n;
	return n > 0;
}

static void
run_until_idle(int fd)
{
	for (int idle = 0; idle < ROUNDS_IDLE; idle++) {
		MHD_run(t.api.on_unix);
		if (take_answer(fd))
			idle = -1;
	}
}

static void
send_all(int fd, const uint8_t *data, size_t size, size_t piece)
{
	while (size > 0) {
		size_t want = piece > 0 && piece < size ? piece : size;
		ssize_t n = send(fd, data, want, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno != EAGAIN)
			return;
		if (n > 0) {
			data += n;
			size -= (size_t)n;
		}
		run_until_idle(fd);
		if (n < 0 && t.api.connections.list == NULL)
			return;
	}
}

static void
converse(const uint8_t *data, size_t size, bool over_unix, size_t piece)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd[2];

	t.len = 0;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fd) != 0)
		abort();
	if (MHD_add_connection(t.api.on_unix, fd[1], (struct sockaddr *)&address, sizeof(address))
	    != MHD_YES)
		abort();
	if (t.api.connections.list == NULL)
		abort();
	t.api.connections.list->is_local = over_unix;
	send_all(fd[0], data, size, piece);
	shutdown(fd[0], SHUT_WR);
	run_until_idle(fd[0]);
	close(fd[0]);
	for (int i = 0; i < 10 && t.api.connections.list != NULL; i++)
		MHD_run(t.api.on_unix);
	if (t.api.connections.list != NULL)
		abort();
	t.answer[t.len] = '\0';
}

/* ---- what must hold ---- */

static bool
holds(const uint8_t *data, size_t size, const char *text)
{
	return memmem(data, size, text, strlen(text)) != NULL;
}

static void
check_first_answer(bool is_head)
{
	const char *at = t.answer, *body, *length;
	json_t *json;
	size_t len;

	while (strncmp(at, "HTTP/1.1 100", 12) == 0 && (body = strstr(at, "\r\n\r\n")) != NULL)
		at = body + 4;
	if (*at == '\0' || t.len == ANSWER_BYTES)
		return;
	if ((body = strstr(at, "\r\n\r\n")) == NULL)
		abort();
	body += 4;
	length = strstr(at, "Content-Length: ");
	if (is_head || length == NULL || length > body
	    || memmem(at, (size_t)(body - at), "application/json", 16) == NULL)
		return;
	len = strtoul(length + 16, NULL, 10);
	if (len > t.len - (size_t)(body - t.answer))
		abort();
	if ((json = json_loadb(body, len, JSON_REJECT_DUPLICATES, NULL)) == NULL)
		abort();
	json_decref(json);
}

/* Is there a word that is a method of the table? libmicrohttpd skips lines that are empty or begin
 * with a NUL, so it may stand anywhere. */
static bool
has_known_method(const uint8_t *data, size_t size)
{
	bool at_word = true;

	for (size_t i = 0; i < size; i++) {
		const uint8_t *at = data + i;

		if (at_word
		    && ((size - i > 3 && memcmp(at, "GET", 3) == 0 && at[3] <= ' ')
			|| (size - i > 4 && at[4] <= ' '
			    && (memcmp(at, "POST", 4) == 0 || memcmp(at, "HEAD", 4) == 0))))
			return true;
		at_word = *at <= ' ';
	}
	return false;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	bool over_unix, may_read, may_act;
	unsigned acted = t.acted;

	if (t.store == NULL)
		start();
	if (size < 2)
		return 0;
	over_unix = data[0] & 1;
	may_act = over_unix || holds(data + 2, size - 2, ACT_TOKEN);
	may_read = may_act || holds(data + 2, size - 2, READ_TOKEN);
	converse(data + 2, size - 2, over_unix, data[1]);
	check_first_answer(holds(data + 2, size - 2, "HEAD"));
	if (t.acted != acted && (!may_act || !holds(data + 2, size - 2, "POST")))
		abort();
	if (!may_read && strstr(t.answer, "{\"status\":\"success\"") != NULL)
		abort();
	if (strncmp(t.answer, "HTTP/1.1 2", 10) == 0 && !has_known_method(data + 2, size - 2))
		abort();
	return 0;
}
