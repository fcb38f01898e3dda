/*
 * tp_old_abi.c - a plugin of another major version: it exports tw_plugin_v9 alone.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <tillwatch/plugin.h>

__attribute__((visibility("default"))) const void *tw_plugin_v9(const void *api);

const void *
tw_plugin_v9(const void *api)
{
	return api;
}
