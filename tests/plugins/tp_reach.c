/*
 * tp_reach.c - reaches for what the sandbox forbids, and says as samples what it got (1) or did not
 * (0): reading /etc/passwd, writing a file, starting a program or a process, a raw socket, a signal
 * to its parent. Reading a granted path and making a thread must work.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <tillwatch/plugin.h>
#include <unistd.h>

struct reach {
	const char *granted, *scratch;
};
static const struct tw_metric metrics[] = {
    {"reach_got", "", TW_GAUGE, 0, 1, "what", "1 when it was possible"}};
static const struct tw_option options[] = {
    TW_OPTION(struct reach, granted, TW_PATH, .help = "A file that may be read"),
    TW_OPTION(struct reach, scratch, TW_STRING, .help = "A file that it tries to make")};

static bool
opens(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC, 0600);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static bool
forks(bool execs)
{
	static char name[] = "/bin/true";
	char *const argv[] = {name, NULL};
	pid_t pid = execs ? vfork() : fork();
	int status = 0;

	if (pid == 0) {
		if (execs)
			execv(name, argv);
		_exit(execs ? 1 : 0);
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

static void *
nothing(void *arg)
{
	return arg;
}

static bool
threads(void)
{
	pthread_t t;

	return pthread_create(&t, NULL, nothing, NULL) == 0 && pthread_join(t, NULL) == 0;
}

static bool
makes_socket(int family, int type, int protocol)
{
	int fd = socket(family, type | SOCK_CLOEXEC, protocol);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static enum tw_verdict
probe(struct tw_ctx *ctx, void *self)
{
	const struct reach *s = self;

	if (s->granted != NULL)
		tw_emit(ctx, 0, opens(s->granted, O_RDONLY), "what", "granted");
	if (s->scratch != NULL)
		tw_emit(ctx, 0, opens(s->scratch, O_WRONLY | O_CREAT), "what", "write");
	tw_emit(ctx, 0, opens("/etc/passwd", O_RDONLY), "what", "passwd");
	tw_emit(ctx, 0, opens("/proc/self/environ", O_RDONLY), "what", "proc");
	tw_emit(ctx, 0, forks(true), "what", "exec");
	tw_emit(ctx, 0, forks(false), "what", "fork");
	tw_emit(ctx, 0, threads(), "what", "thread");
	tw_emit(ctx, 0, kill(getppid(), 0) == 0, "what", "signal");
	tw_emit(ctx, 0, ptrace(PTRACE_TRACEME, 0, 0, 0) == 0, "what", "ptrace");
	tw_emit(ctx, 0, makes_socket(AF_INET, SOCK_STREAM, 0), "what", "tcp");
	tw_emit(ctx, 0, makes_socket(AF_INET, SOCK_RAW, IPPROTO_ICMP), "what", "raw");
	tw_emit(ctx, 0, makes_socket(AF_PACKET, SOCK_DGRAM, 0), "what", "packet");
	return TW_OK;
}

TW_PLUGIN(.name = "tp_reach", .version = "1", .summary = "Reaches out of the sandbox",
    .prefix = "reach_", .flags = TW_BLOCKING, .self_size = sizeof(struct reach), .probe = probe,
    .options = TW_TABLE(options), .metrics = TW_TABLE(metrics));
