/*
 * doctor-agent.c - what only a running agent knows: is it there and as whom, of which version, with
 * which configuration, do its hosts run, do its messages arrive?
 *
 * A TEST message goes the whole way, through the outbox to the receiver; it is waited for 15 s at
 * most, all receivers together.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "build-config.h"

#include <errno.h>
#include <glob.h>
#include <math.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "cli/doctor.h"
#include "config/instance.h"
#include "lib/clock.h"
#include "lib/xmalloc.h"

#define TEST_WAIT_US (15 * 1000000LL)
#define TEST_LOOK_NS 200000000L
#define WAITING_OLD_S 300

/* ---- is it there, and as whom? ---- */

/* Is there a socket that we may not use? Then it is not the agent that is wrong. */
static bool
is_closed_to_us(const struct cli *cli)
{
	return cli->url == NULL && access(cli->socket, W_OK) != 0 && errno == EACCES;
}

/* The unit that runs the agent: tillwatchd, or of several shops tillwatchd@acme. */
static const char *
unit_of(const struct doctor *d, char dst[INSTANCE_NAME + 16])
{
	char name[INSTANCE_NAME];

	instance_name(d->cli->config, name);
	if (strcmp(name, INSTANCE_MAIN) == 0)
		snprintf(dst, INSTANCE_NAME + 16, "tillwatchd");
	else
		snprintf(dst, INSTANCE_NAME + 16, "tillwatchd@%s", name);
	return dst;
}

static void
check_answer(struct doctor *d, json_t **agent)
{
	int rc = client_get(d->cli, "/tillwatch/v1/agent", agent);
	char unit[INSTANCE_NAME + 16], start[300];

	if (rc == 0)
		return;
	unit_of(d, unit);
	snprintf(start, sizeof(start),
	    "start it: systemctl enable --now %s; if it ends again: journalctl -u %s", unit, unit);
	doctor_add(d, "fail",
	    is_closed_to_us(d->cli) ? "ask as root, or join the group of the socket: usermod -aG "
				      "tillwatch YOU, then log in again"
	    : rc == EX_NOPERM ? "give --token-file, or ask on the agent's own socket"
			      : start,
	    "%s", buf_str(d->said));
}

/* Who is at the other end of the socket; false: it cannot be told. */
static bool
peer_of(const char *path, uid_t *uid)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	struct ucred peer;
	socklen_t len = sizeof(peer);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool is_known;

	if (fd < 0)
		return false;
	snprintf(to.sun_path, sizeof(to.sun_path), "%s", path);
	is_known = connect(fd, (const struct sockaddr *)&to, sizeof(to)) == 0
		   && getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0;
	close(fd);
	*uid = is_known ? peer.uid : 0;
	return is_known;
}

static void
check_user(struct doctor *d)
{
	const char *asked = member_text(d->all, "user");
	const struct passwd *pw;
	char remedy[200];
	uid_t uid;

	if (d->cli->url != NULL || !peer_of(d->cli->socket, &uid))
		return;
	if (uid == 0) {
		doctor_add(d, "warn",
		    "run it as a user of its own, as the unit does: User=tillwatch, and chown -R "
		    "tillwatch: its store",
		    "the agent runs as root");
		return;
	}
	pw = getpwuid(uid);
	if (pw == NULL || strcmp(pw->pw_name, asked) == 0)
		return;
	snprintf(remedy, sizeof(remedy), "%stillwatch doctor --user %s",
	    geteuid() != 0 ? "sudo " : "", pw->pw_name);
	doctor_add(d, "warn", remedy, "the agent runs as %s, and files were tried for %s",
	    pw->pw_name, asked);
}

static void
check_version(struct doctor *d, const json_t *agent)
{
	char unit[INSTANCE_NAME + 16], remedy[128];

	snprintf(remedy, sizeof(remedy), "systemctl restart %s", unit_of(d, unit));
	if (strcmp(member_text(agent, "version"), PACKAGE_VERSION) != 0)
		doctor_add(d, "warn", remedy,
		    "the agent that runs is version %s, installed is %s",
		    member_text(agent, "version"), PACKAGE_VERSION);
}

/* ---- its configuration ---- */

/* When the file, or one of its conf.d, was last written; unix seconds. */
static double
written_s(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *pattern =
	    xasprintf("%.*sconf.d/*.yaml", slash != NULL ? (int)(slash + 1 - path) : 0, path);
	glob_t files = {0};
	struct stat st;
	double newest = stat(path, &st) == 0 ? (double)st.st_mtim.tv_sec : 0;

	(void)glob(pattern, 0, NULL, &files);
	for (size_t i = 0; i < files.gl_pathc; i++)
		if (stat(files.gl_pathv[i], &st) == 0 && (double)st.st_mtim.tv_sec > newest)
			newest = (double)st.st_mtim.tv_sec;
	globfree(&files);
	free(pattern);
	return newest;
}

static void
check_config_read(struct doctor *d, const json_t *agent)
{
	const char *theirs = member_text(agent, "config");
	/* What is asked over a network runs on another machine: our files are not its. */
	char *ours = d->cli->url == NULL ? realpath(d->cli->config, NULL) : NULL, remedy[600];

	if (!member_true(agent, "config_ok")) {
		doctor_add(d, "fail",
		    "tillwatch check, correct what it says, then tillwatch reload",
		    "the agent refused its configuration at the last reload, and runs with an "
		    "older one");
	} else if (ours != NULL && strcmp(ours, theirs) != 0) {
		snprintf(remedy, sizeof(remedy), "tillwatch doctor -c %s", theirs);
		doctor_add(d, "warn", remedy, "the agent reads %s, not %s", theirs, ours);
	} else if (ours != NULL && written_s(ours) > member_number(agent, "config_read")) {
		doctor_add(d, "warn", "tillwatch check && tillwatch reload",
		    "%s was changed after the agent read it", ours);
	}
	free(ours);
}

/* ---- hosts ---- */

static void
check_hosts(struct doctor *d)
{
	json_t *data = NULL;
	const json_t *h;
	char remedy[400], unit[INSTANCE_NAME + 16];
	size_t i;

	if (client_get(d->cli, "/tillwatch/v1/plugins", &data) != 0)
		return;
	json_array_foreach(json_object_get(data, "hosts"), i, h) {
		if (strcmp(member_text(h, "state"), "waiting") != 0
		    || member_number(h, "restarts") == 0)
			continue;
		snprintf(remedy, sizeof(remedy),
		    "journalctl -u %s shows why it ended; then tillwatch plugin retry %.100s",
		    unit_of(d, unit), member_text(h, "group"));
		doctor_add(d, "fail", remedy, "the host %s ended %.0f times and waits: %s",
		    member_text(h, "group"), member_number(h, "restarts"),
		    member_text(h, "last_exit"));
	}
	json_decref(data);
}

/* ---- receivers ---- */

static json_t *
outbox(struct doctor *d, const char *parameters)
{
	char path[64];
	json_t *data = NULL;

	snprintf(path, sizeof(path), "/tillwatch/v1/outbox%s", parameters);
	return client_get(d->cli, path, &data) == 0 ? data : NULL;
}

static void
check_outbox(struct doctor *d, const json_t *data)
{
	double now = (double)wall_now().ms / 1e3;
	const json_t *r;
	size_t i;

	json_array_foreach(json_object_get(data, "receivers"), i, r) {
		double dead = member_number(r, "dead"), oldest = member_number(r, "oldest");

		if (dead > 0)
			doctor_add(d, "fail",
			    "tillwatch notify shows them and why; correct the receiver's url or "
			    "secret, and name a fallback:",
			    "%s: %.0f messages could not be delivered: %s", member_text(r, "name"),
			    dead, member_text(r, "last_error"));
		else if (isfinite(oldest) && now - oldest > WAITING_OLD_S)
			doctor_add(d, "fail",
			    "let the receiver answer 2xx; tillwatch notify shows what it answers",
			    "%s: a message has waited for %.0f minutes: %s", member_text(r, "name"),
			    (now - oldest) / 60, member_text(r, "last_error"));
	}
}

static double
newest_id(const json_t *messages)
{
	const json_t *m;
	double id = 0;
	size_t i;

	json_array_foreach(messages, i, m)
		id = fmax(id, member_number(m, "id"));
	return id;
}

/* The test that was sent to a receiver after `after`; NULL: it is not there yet. */
static const json_t *
test_of(const json_t *messages, const char *receiver, double after)
{
	const json_t *m;
	size_t i;

	json_array_foreach(messages, i, m)
		if (member_number(m, "id") > after && strcmp(member_text(m, "kind"), "test") == 0
		    && strcmp(member_text(m, "receiver"), receiver) == 0)
			return m;
	return NULL;
}

/* Asks for a TEST to each; false: we may not. */
static bool
send_tests(struct doctor *d, const json_t *receivers)
{
	const json_t *r;
	bool is_sent = true;
	size_t i;

	json_array_foreach(receivers, i, r) {
		json_t *data = NULL;
		int rc = client_post(d->cli, "/tillwatch/v1/notify/test", "receiver",
		    member_text(r, "name"), &data);

		json_decref(data);
		is_sent = is_sent && rc == 0;
		if (rc == 0)
			continue;
		doctor_add(d, "warn",
		    rc == EX_NOPERM ? "ask as root or as the agent's user, or with --no-test"
				    : "tillwatch notify shows what waits",
		    "%s: no TEST message could be sent: %s", member_text(r, "name"),
		    buf_str(d->said));
		if (rc == EX_NOPERM)
			return false;
	}
	return is_sent;
}

/* How many tests have neither arrived nor failed. */
static size_t
count_open(const json_t *receivers, const json_t *messages, double after)
{
	const json_t *r;
	size_t i, n = 0;

	json_array_foreach(receivers, i, r) {
		const json_t *m = test_of(messages, member_text(r, "name"), after);
		const char *state = m != NULL ? member_text(m, "state") : "";

		n += strcmp(state, "delivered") != 0 && strcmp(state, "dead") != 0
		     && strcmp(state, "dropped") != 0
		     && (m == NULL || member_text(m, "error")[0] == '\0');
	}
	return n;
}

static void
judge_tests(struct doctor *d, const json_t *receivers, const json_t *messages, double after)
{
	const json_t *r;
	size_t i;

	json_array_foreach(receivers, i, r) {
		const char *name = member_text(r, "name");
		const json_t *m = test_of(messages, name, after);

		if (m != NULL && strcmp(member_text(m, "state"), "delivered") == 0)
			continue;
		doctor_add(d, "fail",
		    "try its url with curl from this machine; 401 and 403: its secret or its "
		    "headers; tillwatch notify test shows the next try",
		    "%s: the TEST message did not arrive: %s", name,
		    m == NULL || member_text(m, "error")[0] == '\0' ? "no answer in 15 s"
								    : member_text(m, "error"));
	}
}

static void
check_test(struct doctor *d, const json_t *before)
{
	const json_t *receivers = json_object_get(before, "receivers");
	double after = newest_id(json_object_get(before, "messages"));
	mono_t until = mono_add_us(mono_now(), TEST_WAIT_US);
	json_t *now = NULL;

	if (!send_tests(d, receivers))
		return;
	for (;;) {
		json_decref(now);
		now = outbox(d, "?all=1");
		if (now == NULL
		    || count_open(receivers, json_object_get(now, "messages"), after) == 0
		    || mono_sub_us(until, mono_now()) <= 0)
			break;
		(void)nanosleep(&(struct timespec){0, TEST_LOOK_NS}, NULL);
	}
	judge_tests(d, receivers, json_object_get(now, "messages"), after);
	json_decref(now);
}

/* ---- all ---- */

static void
begin(struct doctor *d, const char *check, size_t *before)
{
	d->check = check;
	*before = json_array_size(d->findings);
}

static void
end(struct doctor *d, size_t before)
{
	if (json_array_size(d->findings) == before)
		json_array_append_new(json_object_get(d->all, "passed"), json_string(d->check));
}

static void
skip(struct doctor *d, const char *check)
{
	json_array_append_new(json_object_get(d->all, "skipped"), json_string(check));
}

static void
ask_receivers(struct doctor *d, bool is_sending)
{
	json_t *data = outbox(d, "?all=1");
	size_t before;

	begin(d, "outbox", &before);
	check_outbox(d, data);
	end(d, before);
	if (!is_sending || json_array_size(json_object_get(data, "receivers")) == 0) {
		skip(d, "receivers");
	} else {
		begin(d, "receivers", &before);
		check_test(d, data);
		end(d, before);
	}
	json_decref(data);
}

void
doctor_ask_agent(struct doctor *d, bool is_sending)
{
	static const char *const further[] = {
	    "agent_user", "version", "config_read", "hosts", "outbox", "receivers"};
	json_t *agent = NULL;
	size_t before;

	begin(d, "agent", &before);
	check_answer(d, &agent);
	end(d, before);
	if (agent == NULL) {
		for (size_t i = 0; i < sizeof(further) / sizeof(further[0]); i++)
			skip(d, further[i]);
		return;
	}
	begin(d, "agent_user", &before);
	check_user(d);
	end(d, before);
	begin(d, "version", &before);
	check_version(d, agent);
	end(d, before);
	begin(d, "config_read", &before);
	check_config_read(d, agent);
	end(d, before);
	begin(d, "hosts", &before);
	check_hosts(d);
	end(d, before);
	ask_receivers(d, is_sending);
	json_decref(agent);
}
