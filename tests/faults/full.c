/*
 * full.c - a disk that is really full (a small tmpfs): commits say -ENOSPC, nothing is lost, and
 * when there is room again the store goes on by itself. Skipped (77) where mounting is not
 * allowed.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "tests/faults/ledger.h"

/* Fills the disk, fails again, gets room, goes on. Returns what did not hold, or NULL. */
static const char *
fill_and_grow(struct ledger *l, const char *mount_point)
{
	struct store *s = ledger_open(l);
	const char *wrong = NULL;
	int64_t full_at;

	if (s == NULL)
		return "the store does not open";
	if (ledger_write(l, s, -1, 20000) != -ENOSPC)
		wrong = "a full disk is not said";
	full_at = l->next;
	if (wrong == NULL && ledger_write(l, s, -1, 1) != -ENOSPC)
		wrong = "a full disk is said only once";
	if (mount("tmpfs", mount_point, "tmpfs", MS_REMOUNT, "size=64m") != 0)
		wrong = "remount";
	if (wrong == NULL && (ledger_write(l, s, -1, 300) != 0 || l->next < full_at + 300))
		wrong = "it does not recover";
	store_close(s);
	return wrong;
}

int
main(void)
{
	char dir[] = "/tmp/tw-full-XXXXXX";
	struct verdict v = {0, 0};
	struct ledger l = {0};
	const char *wrong;
	int nothing;

	alarm(120);
	if (mkdtemp(dir) == NULL)
		return 99;
	if (mount("tmpfs", dir, "tmpfs", 0, "size=3m") != 0) {
		rmdir(dir);
		printf("full: no mount here: %s\n", strerror(errno));
		return 77;
	}
	setenv("TMPDIR", dir, 1);
	ledger_init(&l);
	wrong = fill_and_grow(&l, dir);
	nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
	ledger_verify(&l, nothing, &v);
	printf("full: %lld commits, lost %u corrupt %u%s%s\n", (long long)l.next, v.lost, v.corrupt,
	    wrong != NULL ? ": " : "", wrong != NULL ? wrong : "");
	umount2(dir, MNT_DETACH);
	rmdir(dir);
	return wrong != NULL || v.lost + v.corrupt > 0;
}
