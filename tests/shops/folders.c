/*
 * folders.c - folders below $TILLWATCH_TEST_ROOT in place of those that were configured: linked
 * into tests only, instead of config/folders.c.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <stdlib.h>

#include "config/instance.h"

const struct folders *
instance_folders(void)
{
	static char config[INSTANCE_PATH], state[INSTANCE_PATH], run[INSTANCE_PATH];
	static const struct folders folders = {config, state, run};
	const char *root = getenv("TILLWATCH_TEST_ROOT");

	if (root == NULL)
		abort();
	snprintf(config, sizeof(config), "%s/etc", root);
	snprintf(state, sizeof(state), "%s/lib", root);
	snprintf(run, sizeof(run), "%s/run", root);
	return &folders;
}
