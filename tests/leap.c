/*
 * leap.c - a preloaded library: the program's clocks and waits are those of the file that
 * LEAP_FILE names (leap.h). A wait lasts until the clock that leaps says that it is over; who waits
 * for another thread with a deadline looks every half millisecond, as no signal ends that.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#undef _FORTIFY_SOURCE /* its inline ones would be defined twice */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "tests/leap.h"

#define SEEN __attribute__((visibility("default")))
#define SLICE_NS 50000000       /* should a signal be lost */
#define COND_SLICE_NS 500000
#define S_NS INT64_C(1000000000)
#define WALL_NS (INT64_C(1) << 60)      /* later than that is no time of the monotonic clock */
#define FDS 4096

static struct leap *leap;
static _Thread_local struct leap_slot *mine;
static pthread_key_t gone;
static _Thread_local volatile sig_atomic_t is_woken;
static _Atomic int unanswered[FDS];     /* 1 + the slot of who connected; 0 = none */
static _Atomic int timer_fd = -1;
static _Atomic int64_t timer_due_ns, behind_ns;

/* ---- the clock ---- */

static int64_t
true_ns(clockid_t clock)
{
	static int (*real)(clockid_t, struct timespec *);
	struct timespec t;

	if (real == NULL)
		*(void **)&real = dlsym(RTLD_NEXT, "clock_gettime");
	real(clock, &t);
	return t.tv_sec * S_NS + t.tv_nsec;
}

/* All processes' clock, and this one's: a leap past the time of its timerfd leaves it behind until
 * its loop has done what was due then. So a host sees no slot late, and it never goes back. */
static int64_t
global_ns(void)
{
	return true_ns(CLOCK_MONOTONIC) + (leap != NULL ? leap->offset_ns : 0);
}

static int64_t
mono_ns(void)
{
	int64_t due = timer_due_ns, now = global_ns() - behind_ns;

	return due != 0 && now > due ? due : now;
}

static int
is_timer_due(void)
{
	int64_t due = timer_due_ns;

	return due != 0 && global_ns() - behind_ns >= due;
}

static int64_t
wall_ns(void)
{
	return leap != NULL ? mono_ns() + leap->wall_ns : true_ns(CLOCK_REALTIME);
}

static struct timespec
spec(int64_t ns)
{
	return (struct timespec){ns / S_NS, ns % S_NS};
}

SEEN int
clock_gettime(clockid_t clock, struct timespec *t)
{
	if (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)
		*t = spec(wall_ns());
	else if (clock == CLOCK_MONOTONIC || clock == CLOCK_MONOTONIC_COARSE
	    || clock == CLOCK_MONOTONIC_RAW || clock == CLOCK_BOOTTIME)
		*t = spec(mono_ns());
	else
		return (int)syscall(SYS_clock_gettime, clock, t);
	return 0;
}

SEEN int
gettimeofday(struct timeval *restrict t, void *restrict zone)
{
	int64_t ns = wall_ns();

	(void)zone;
	t->tv_sec = ns / S_NS;
	t->tv_usec = ns % S_NS / 1000;
	return 0;
}

SEEN time_t
time(time_t *t)
{
	time_t now = wall_ns() / S_NS;

	if (t != NULL)
		*t = now;
	return now;
}

/* ---- who waits ---- */

static void
let_go(void *arg)
{
	struct leap_slot *s = arg;

	s->state = LEAP_PARKED;
	s->n_unanswered = 0;
	s->tid = 0;
}

/* It comes only while we wait, and is kept until then. */
static void
block_signal(void)
{
	sigset_t one;

	sigemptyset(&one);
	sigaddset(&one, LEAP_SIGNAL);
	pthread_sigmask(SIG_BLOCK, &one, NULL);
}

static sigset_t
mask_of_wait(const sigset_t *given)
{
	sigset_t m;

	if (given != NULL)
		m = *given;
	else
		pthread_sigmask(SIG_BLOCK, NULL, &m);
	sigdelset(&m, LEAP_SIGNAL);
	return m;
}

static void
on_signal(int number)
{
	(void)number;
	is_woken = 1;
}

static struct leap_slot *
slot(void)
{
	int tid = (int)syscall(SYS_gettid);

	if (mine != NULL && mine->tid == tid)
		return mine;
	for (int i = 0; i < LEAP_SLOTS; i++) {
		int none = 0;

		if (!atomic_compare_exchange_strong(&leap->slots[i].tid, &none, tid))
			continue;
		mine = &leap->slots[i];
		mine->pid = getpid();
		mine->state = LEAP_WORKS;
		pthread_setspecific(gone, mine);
		block_signal();
		return mine;
	}
	abort();
}

static void
at_exit(void)
{
	for (int i = 0; leap != NULL && i < LEAP_SLOTS; i++)
		if (leap->slots[i].tid != 0 && leap->slots[i].pid == getpid())
			let_go(&leap->slots[i]);
}

__attribute__((constructor)) static void
begin(void)
{
	const char *path = getenv("LEAP_FILE");
	int fd = path != NULL ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *at = MAP_FAILED;

	if (fd >= 0)
		at = mmap(NULL, sizeof(*leap), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (fd >= 0)
		close(fd);
	if (at == MAP_FAILED)
		return;
	pthread_key_create(&gone, let_go);
	sigaction(LEAP_SIGNAL, &(struct sigaction){.sa_handler = on_signal}, NULL);
	leap = at;
	slot();
	atexit(at_exit);
}

/* One look of a wait: is it over? */
static int
is_over(struct leap_slot *s, int64_t until_ns)
{
	s->until_ns = until_ns;
	s->state = LEAP_WAITS;
	return mono_ns() >= until_ns;
}

static int
is_ours(int n)
{
	int was = n < 0 && errno == EINTR && is_woken;

	is_woken = 0;
	return was;
}

static int64_t
until_of(int64_t ns)
{
	return ns < 0 ? INT64_MAX : mono_ns() + ns;
}

#define REAL(name) \
	static __typeof__(&name) real; \
	if (real == NULL) \
		real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

/* The value of a function that waits: slice_call waits for `left` under `mask`. */
#define WAIT(until_ns, given_mask, slice_call) \
	struct leap_slot *s = slot(); \
	struct timespec slice = {0, SLICE_NS}, zero = {0, 0}, *left = &slice; \
	sigset_t mask = mask_of_wait(given_mask); \
	int n, e; \
	(void)mask; \
	for (;;) { \
		int over = is_over(s, until_ns); \
		left = over ? &zero : &slice; \
		n = slice_call; \
		e = errno; \
		if (is_ours(n)) \
			continue; \
		if (n != 0 || over) \
			break; \
	} \
	s->state = LEAP_WORKS; \
	errno = e; \
	return n

SEEN int
poll(struct pollfd *fds, nfds_t n_fds, int ms)
{
	if (leap == NULL || ms == 0) {
		struct timespec t = spec((int64_t)ms * 1000000);

		return ppoll(fds, n_fds, ms < 0 ? NULL : &t, NULL);
	}
	int64_t until = until_of((int64_t)ms * 1000000);
	WAIT(until, NULL, ppoll(fds, n_fds, left, &mask));
}

int __poll_chk(struct pollfd *, nfds_t, int, size_t); /* what fortified programs call */
SEEN int
__poll_chk(struct pollfd *fds, nfds_t n_fds, int ms, size_t size)
{
	(void)size;
	return poll(fds, n_fds, ms);
}

SEEN int
select(int n_fds, fd_set *r, fd_set *w, fd_set *x, struct timeval *t)
{
	fd_set in[3], *sets[3] = {r, w, x};
	int64_t until;

	if (leap == NULL) {
		struct timespec ts = {t != NULL ? t->tv_sec : 0, t != NULL ? t->tv_usec * 1000 : 0};

		return pselect(n_fds, r, w, x, t != NULL ? &ts : NULL, NULL);
	}
	until = until_of(t == NULL ? -1 : t->tv_sec * S_NS + t->tv_usec * 1000);
	for (int i = 0; i < 3; i++)
		if (sets[i] != NULL)
			in[i] = *sets[i];
#define AGAIN(i) (sets[i] != NULL ? (*sets[i] = in[i], sets[i]) : NULL)
	WAIT(until, NULL, pselect(n_fds, AGAIN(0), AGAIN(1), AGAIN(2), left, &mask));
}

/* A timerfd that is due is told to the kernel as one that is due at once. */
static void
ring(void)
{
	struct itimerspec now = {{0, 0}, {0, 1}};
	int64_t behind = global_ns() - timer_due_ns;

	behind_ns = behind_ns == 0 || behind < behind_ns ? behind : behind_ns;
	timer_due_ns = 0;
	syscall(SYS_timerfd_settime, timer_fd, 0, &now, NULL);
}

static int
epoll_slice(int fd, struct epoll_event *e, int max, const struct timespec *left, const sigset_t *m)
{
	if (mine->n_unanswered == 0) /* what is measured has no leap in it */
		behind_ns = 0;
	if (is_timer_due())
		ring();
	if (timer_due_ns != 0 && timer_due_ns < mine->until_ns)
		mine->until_ns = timer_due_ns;
	return epoll_pwait2(fd, e, max, left, m);
}

SEEN int
epoll_pwait(int fd, struct epoll_event *events, int max, int ms, const sigset_t *given)
{
	if (leap == NULL || ms == 0) {
		struct timespec t = spec((int64_t)ms * 1000000);

		if (leap != NULL && is_timer_due())
			ring();
		return epoll_pwait2(fd, events, max, ms < 0 ? NULL : &t, given);
	}
	int64_t until = until_of((int64_t)ms * 1000000);
	WAIT(until, given, epoll_slice(fd, events, max, left, &mask));
}

SEEN int
epoll_wait(int fd, struct epoll_event *events, int max, int ms)
{
	return epoll_pwait(fd, events, max, ms, NULL);
}

/* One timerfd a process: the host's loop has no other. */
SEEN int
timerfd_settime(int fd, int flags, const struct itimerspec *t, struct itimerspec *old)
{
	static const struct itimerspec off;
	int64_t ns = t->it_value.tv_sec * S_NS + t->it_value.tv_nsec;

	if (leap == NULL)
		return (int)syscall(SYS_timerfd_settime, fd, flags, t, old);
	timer_fd = fd;
	timer_due_ns = ns == 0 ? 0 : (flags & TFD_TIMER_ABSTIME) != 0 ? ns : mono_ns() + ns;
	return (int)syscall(SYS_timerfd_settime, fd, 0, &off, old);
}

static int
sleep_until(int64_t until_ns)
{
	WAIT(until_ns, NULL, ppoll(NULL, 0, left, &mask));
}

SEEN int
clock_nanosleep(clockid_t clock, int flags, const struct timespec *t, struct timespec *left)
{
	int64_t ns = t->tv_sec * S_NS + t->tv_nsec;

	if (leap == NULL)
		return syscall(SYS_clock_nanosleep, clock, flags, t, left) == 0 ? 0 : errno;
	if ((flags & TIMER_ABSTIME) == 0)
		ns += mono_ns();
	else if (clock == CLOCK_REALTIME)
		ns -= leap->wall_ns;
	return sleep_until(ns) == 0 ? 0 : errno;
}

SEEN int
nanosleep(const struct timespec *t, struct timespec *left)
{
	int rc = clock_nanosleep(CLOCK_MONOTONIC, 0, t, left);

	errno = rc;
	return rc == 0 ? 0 : -1;
}

SEEN int
usleep(useconds_t us)
{
	struct timespec t = spec((int64_t)us * 1000);

	return nanosleep(&t, NULL);
}

SEEN unsigned
sleep(unsigned seconds)
{
	struct timespec t = {seconds, 0};

	(void)nanosleep(&t, NULL);
	return 0;
}

/* ---- conditions ---- */

static int
slice_wait(pthread_cond_t *cond, pthread_mutex_t *lock, int is_zero)
{
	static int (*real)(pthread_cond_t *, pthread_mutex_t *, clockid_t, const struct timespec *);
	struct timespec t = spec(true_ns(CLOCK_MONOTONIC) + (is_zero ? 0 : COND_SLICE_NS));
	int rc;

	if (real == NULL)
		*(void **)&real = dlsym(RTLD_NEXT, "pthread_cond_clockwait");
	rc = real(cond, lock, CLOCK_MONOTONIC, &t);
	return rc == ETIMEDOUT ? 0 : rc == 0 ? -1 : rc; /* -1: woken */
}

static int
cond_until(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t until_ns)
{
	WAIT(until_ns, NULL, slice_wait(cond, lock, left == &zero));
}

SEEN int
pthread_cond_timedwait(pthread_cond_t *restrict cond, pthread_mutex_t *restrict lock,
    const struct timespec *restrict t)
{
	int64_t ns = t->tv_sec * S_NS + t->tv_nsec;
	int rc;

	if (leap == NULL) {
		REAL(pthread_cond_timedwait);
		return real(cond, lock, t);
	}
	rc = cond_until(cond, lock, ns > WALL_NS ? ns - leap->wall_ns : ns);
	return rc == -1 ? 0 : rc == 0 ? ETIMEDOUT : rc;
}

/* Waits for another thread, not for a time. */
SEEN int
pthread_cond_wait(pthread_cond_t *restrict cond, pthread_mutex_t *restrict lock)
{
	int rc;

	REAL(pthread_cond_wait);
	if (leap == NULL)
		return real(cond, lock);
	slot()->state = LEAP_PARKED;
	rc = real(cond, lock);
	slot()->state = LEAP_WORKS;
	return rc;
}

SEEN int
pthread_cond_clockwait(pthread_cond_t *restrict cond, pthread_mutex_t *restrict lock,
    clockid_t clock, const struct timespec *restrict t)
{
	(void)clock;
	return pthread_cond_timedwait(cond, lock, t);
}

/* ---- connections that wait for their first byte; stamps of the kernel's own clock ---- */

static void
answered(int fd)
{
	int by = leap != NULL && fd >= 0 && fd < FDS ? atomic_exchange(&unanswered[fd], 0) : 0;

	if (by != 0 && leap->slots[by - 1].n_unanswered > 0)
		leap->slots[by - 1].n_unanswered--;
}

SEEN int
connect(int fd, const struct sockaddr *to, socklen_t len)
{
	REAL(connect);
	if (leap != NULL && fd >= 0 && fd < FDS
	    && (to->sa_family == AF_INET || to->sa_family == AF_INET6)) {
		struct leap_slot *s = slot();

		answered(fd);
		unanswered[fd] = 1 + (int)(s - leap->slots);
		s->n_unanswered++;
	}
	return real(fd, to, len);
}

SEEN ssize_t
recv(int fd, void *at, size_t n, int flags)
{
	REAL(recv);
	ssize_t rc = real(fd, at, n, flags);

	if (rc >= 0)
		answered(fd);
	return rc;
}

SEEN ssize_t
recvfrom(int fd, void *restrict at, size_t n, int flags, struct sockaddr *restrict from,
    socklen_t *restrict len)
{
	REAL(recvfrom);
	ssize_t rc = real(fd, at, n, flags, from, len);

	if (rc >= 0)
		answered(fd);
	return rc;
}

SEEN ssize_t
read(int fd, void *at, size_t n)
{
	REAL(read);
	ssize_t rc = real(fd, at, n);

	if (rc >= 0)
		answered(fd);
	return rc;
}

SEEN int
close(int fd)
{
	answered(fd);
	return (int)syscall(SYS_close, fd);
}

SEEN int
setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
	REAL(setsockopt);
	if (leap != NULL && level == SOL_SOCKET
	    && (name == SO_TIMESTAMP || name == SO_TIMESTAMPNS || name == SO_TIMESTAMPING))
		return 0;
	return real(fd, level, name, value, len);
}
