/*
 * sandbox-linux.c - limits, Landlock by system call, and libseccomp. See sandbox.h.
 *
 * Landlock's numbers are written out: the headers of Debian 12 know its first version only, and the
 * running kernel is asked for what it has. Rules hang on inodes: a file that is replaced by another
 * (resolv.conf) is lost to us, which is why its directories are listed where they hold nothing
 * else.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "build-config.h"

#include "host/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#ifdef HAVE_SECCOMP
#include <seccomp.h>
#endif

#define MEMORY_BYTES (1LL << 30)
#define DESCRIPTORS 16384

#ifdef TW_SANITIZED
#define IS_SANITIZED true
#else
#define IS_SANITIZED false
#endif

int
sandbox_mode_parse(const char *name)
{
	if (name == NULL || strcmp(name, "enforce") == 0)
		return SANDBOX_ENFORCE;
	if (strcmp(name, "audit") == 0)
		return SANDBOX_AUDIT;
	return strcmp(name, "off") == 0 ? SANDBOX_OFF : -1;
}

/* ---- 1: limits ---- */

static void
limit(int what, rlim_t soft)
{
	struct rlimit now;

	if (getrlimit((__rlimit_resource_t)what, &now) != 0)
		return;
	if (now.rlim_max == RLIM_INFINITY || soft < now.rlim_max)
		now.rlim_max = soft;
	now.rlim_cur = now.rlim_max;
	(void)setrlimit((__rlimit_resource_t)what, &now);
}

static bool
take_limits(const struct sandbox_opts *o)
{
	limit(RLIMIT_CORE, 0);
	limit(RLIMIT_NOFILE, DESCRIPTORS);
	limit(RLIMIT_MEMLOCK, 0);
	limit(RLIMIT_MSGQUEUE, 0);
	if (!IS_SANITIZED) {
		limit(RLIMIT_DATA, (rlim_t)(o->memory_bytes > 0 ? o->memory_bytes : MEMORY_BYTES));
		(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	}
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
}

/* ---- 2: files ---- */

#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_add_rule 445
#define SYS_landlock_restrict_self 446
#endif
#define LL_VERSION 1u            /* flag of create_ruleset: which version is it? */
#define LL_RULE_PATH_BENEATH 1
#define LL_READ_FILE (UINT64_C(1) << 2)
#define LL_READ_DIR (UINT64_C(1) << 3)
#define LL_SCOPES UINT64_C(3)    /* abstract sockets and signals outside our domain */

struct ll_ruleset { /* grows with the kernel; zeroes behind what it knows are accepted */
	uint64_t fs, net, scoped;
};
struct ll_path {
	uint64_t allowed;
	int32_t parent_fd;
} __attribute__((packed));

/* All rights over files that version v knows: execute .. make_sym, then refer, truncate, ioctl. */
static uint64_t
fs_rights(int v)
{
	unsigned bits = v >= 5 ? 16 : v >= 3 ? 15 : v == 2 ? 14 : 13;

	return (UINT64_C(1) << bits) - 1;
}

static size_t
ruleset_size(int v)
{
	return v >= 6 ? 24 : v >= 4 ? 16 : 8;
}

static void
allow_read(int ruleset, const char *path)
{
	struct ll_path rule = {.allowed = LL_READ_FILE, .parent_fd = -1};
	struct stat st;

	if ((rule.parent_fd = open(path, O_PATH | O_CLOEXEC)) < 0)
		return;
	if (fstat(rule.parent_fd, &st) == 0 && S_ISDIR(st.st_mode))
		rule.allowed |= LL_READ_DIR;
	(void)syscall(SYS_landlock_add_rule, ruleset, LL_RULE_PATH_BENEATH, &rule, 0);
	close(rule.parent_fd);
}

/* What the loader, the resolver, TLS and the time zones read. */
static const char *const system_paths[] = {"/lib", "/lib64", "/lib32", "/usr/lib", "/usr/lib64",
    "/usr/local/lib", "/etc/ssl", "/etc/pki", "/usr/share/ca-certificates",
    "/usr/local/share/ca-certificates", "/etc/ca-certificates", "/etc/resolv.conf",
    "/run/systemd/resolve", "/run/resolvconf", "/run/NetworkManager", "/etc/hosts",
    "/etc/nsswitch.conf", "/etc/host.conf", "/etc/gai.conf", "/etc/services", "/etc/protocols",
    "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/ld.so.preload",
    "/etc/localtime", "/usr/share/zoneinfo", "/usr/share/GeoIP", "/var/lib/GeoIP",
    "/proc/sys/vm/overcommit_memory", "/sys/devices/system/cpu", "/dev/urandom", "/dev/null"};

/* The kernel's version of Landlock that now holds, 0 = none. */
static int
close_files(const struct sandbox_opts *o)
{
	struct ll_ruleset attr = {0};
	int v = (int)syscall(SYS_landlock_create_ruleset, NULL, 0, LL_VERSION), fd;

	if (v < 1)
		return 0;
	attr.fs = fs_rights(v);
	attr.scoped = v >= 6 ? LL_SCOPES : 0;
	fd = (int)syscall(SYS_landlock_create_ruleset, &attr, ruleset_size(v), 0);
	if (fd < 0)
		return 0;
	for (size_t i = 0; i < sizeof(system_paths) / sizeof(system_paths[0]); i++)
		allow_read(fd, system_paths[i]);
	for (size_t i = 0; i < o->n_read; i++)
		allow_read(fd, o->read[i]);
	if (syscall(SYS_landlock_restrict_self, fd, 0) != 0)
		v = 0;
	close(fd);
	return v;
}

/* ---- 3: system calls ---- */

#ifdef HAVE_SECCOMP
static const char *const refused_calls[] = {
    /* programs, processes, other processes */
    "execve", "execveat", "fork", "vfork", "ptrace", "process_vm_readv", "process_vm_writev",
    "process_madvise", "pidfd_open", "pidfd_getfd", "pidfd_send_signal", "kcmp", "tkill",
    "rt_sigqueueinfo", "rt_tgsigqueueinfo", "setpgid", "setsid", "personality", "userfaultfd",
    /* the shape of the system */
    "mount", "umount", "umount2", "pivot_root", "chroot", "unshare", "setns", "fsopen", "fsconfig",
    "fsmount", "fspick", "move_mount", "open_tree", "mount_setattr", "swapon", "swapoff", "reboot",
    "init_module", "finit_module", "delete_module", "kexec_load", "kexec_file_load", "acct",
    "quotactl", "quotactl_fd", "sethostname", "setdomainname", "settimeofday", "clock_settime",
    "clock_adjtime", "adjtimex", "syslog", "nfsservctl", "lookup_dcookie", "iopl", "ioperm",
    "vhangup", "uselib", "ustat", "sysfs", "_sysctl", "modify_ldt",
    /* ways around a filter, and wide kernel interfaces */
    "bpf", "perf_event_open", "io_uring_setup", "io_uring_enter", "io_uring_register", "keyctl",
    "add_key", "request_key", "name_to_handle_at", "open_by_handle_at", "fanotify_init",
    "memfd_secret", "vmsplice", "migrate_pages", "move_pages", "mbind", "set_mempolicy",
    /* who we are, and what files are */
    "setuid", "setgid", "setreuid", "setregid", "setresuid", "setresgid", "setgroups", "setfsuid",
    "setfsgid", "capset", "chmod", "fchmod", "fchmodat", "chown", "fchown", "lchown", "fchownat",
    "setxattr", "lsetxattr", "fsetxattr", "removexattr", "lremovexattr", "fremovexattr", "mknod",
    "mknodat", "utime", "utimes", "utimensat", "futimesat"};

static int
refuse_listed(scmp_filter_ctx f, uint32_t action)
{
	for (size_t i = 0; i < sizeof(refused_calls) / sizeof(refused_calls[0]); i++) {
		int nr = seccomp_syscall_resolve_name(refused_calls[i]), rc;

		if (nr == __NR_SCMP_ERROR)
			continue;            /* this machine or this library has no such call */
		if ((rc = seccomp_rule_add(f, action, nr, 0)) != 0 && rc != -EDOM)
			return rc;
	}
	return 0;
}

/* Threads yes, processes no. clone3 hides its flags behind a pointer: "not there" sends libc back
 * to clone. */
static int
refuse_processes(scmp_filter_ctx f, uint32_t action, bool is_audit)
{
	const uint64_t thread = 0x00010000; /* CLONE_THREAD */
	int rc = seccomp_rule_add(
	    f, action, SCMP_SYS(clone), 1, SCMP_A0(SCMP_CMP_MASKED_EQ, thread, 0));

	if (rc == 0 && !is_audit)
		rc = seccomp_rule_add(f, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
	return rc;
}

/* Signals and limits for ourselves alone (abort() and raise() are tgkill of our own). */
static int
refuse_others(scmp_filter_ctx f, uint32_t action)
{
	scmp_datum_t self = (scmp_datum_t)getpid();
	int rc = seccomp_rule_add(f, action, SCMP_SYS(kill), 1, SCMP_A0(SCMP_CMP_NE, self));

	if (rc == 0)
		rc = seccomp_rule_add(f, action, SCMP_SYS(tgkill), 1, SCMP_A0(SCMP_CMP_NE, self));
	if (rc == 0)
		rc = seccomp_rule_add(f, action, SCMP_SYS(prlimit64), 1, SCMP_A0(SCMP_CMP_NE, 0));
	return rc;
}

/* Sockets: Unix, IPv4, IPv6, netlink (which address is ours); none that reads the wire. */
static int
refuse_sockets(scmp_filter_ctx f, uint32_t action)
{
	int rc = seccomp_rule_add(f, action, SCMP_SYS(socket), 1, SCMP_A0(SCMP_CMP_GT, AF_NETLINK));

	for (int family = AF_INET + 1; rc == 0 && family < AF_NETLINK; family++)
		if (family != AF_INET6)
			rc = seccomp_rule_add(f, action, SCMP_SYS(socket), 1,
			    SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)family));
	if (rc == 0)
		rc = seccomp_rule_add(f, action, SCMP_SYS(socket), 2,
		    SCMP_A0(SCMP_CMP_NE, AF_NETLINK), SCMP_A1(SCMP_CMP_MASKED_EQ, 0xf, SOCK_RAW));
	return rc;
}

static bool
close_calls(bool is_audit)
{
	uint32_t action = is_audit ? SCMP_ACT_LOG : SCMP_ACT_ERRNO(EPERM);
	scmp_filter_ctx f = seccomp_init(SCMP_ACT_ALLOW);
	int rc;

	if (f == NULL)
		return false;
	/* A call in another machine's dress (x32, i386) would pass the rules by. */
	rc = seccomp_attr_set(f, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	if (rc == 0)
		rc = refuse_listed(f, action);
	if (rc == 0)
		rc = refuse_processes(f, action, is_audit);
	if (rc == 0)
		rc = refuse_others(f, action);
	if (rc == 0)
		rc = refuse_sockets(f, action);
	if (rc == 0)
		rc = seccomp_load(f);
	seccomp_release(f);
	return rc == 0;
}
static const char no_calls[] = "the kernel has no system-call filter";
#else
static bool
close_calls(bool is_audit)
{
	(void)is_audit;
	return false;
}
static const char no_calls[] = "built without a system-call filter";
#endif

/* ---- all ---- */

void
sandbox_enter(const struct sandbox_opts *o, struct sandbox_report *r)
{
	bool is_audit = o->mode == SANDBOX_AUDIT, has_calls;
	int files;

	r->level = 0;
	if (o->mode == SANDBOX_OFF) {
		snprintf(r->text, sizeof(r->text), "off");
		return;
	}
	if (!take_limits(o)) {
		snprintf(r->text, sizeof(r->text), "no_new_privs: %s", strerror(errno));
		return;
	}
	r->level = 1;
	if (IS_SANITIZED) {
		snprintf(r->text, sizeof(r->text), "limits; a sanitizer watches, so no more");
		return;
	}
	files = is_audit ? 0 : close_files(o);
	has_calls = close_calls(is_audit);
	if (is_audit) {
		snprintf(r->text, sizeof(r->text), "limits; audit: system calls are %s",
		    has_calls ? "logged, not refused" : "not watched");
		return;
	}
	r->level = files == 0 ? 1 : has_calls ? 3 : 2;
	if (files == 0)
		snprintf(r->text, sizeof(r->text), "limits%s; the kernel has no Landlock",
		    has_calls ? ", system calls" : "");
	else
		snprintf(r->text, sizeof(r->text), "limits, Landlock %d%s%s", files,
		    has_calls ? ", system calls" : "; ", has_calls ? "" : no_calls);
}
