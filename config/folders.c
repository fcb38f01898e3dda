/*
 * folders.c - where tillwatch was installed to. Alone in its file, so that a test can be linked
 * with folders of its own (tests/shops/folders.c).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "config/instance.h"

const struct folders *
instance_folders(void)
{
	static const struct folders folders = {TW_SYSCONFDIR, TW_STATEDIR, TW_RUNDIR};

	return &folders;
}
