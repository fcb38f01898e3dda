/*
 * flows.h - what rows alone cannot say of `flows`: from where to where, and that those are systems.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CONFIG_FLOWS_H
#define CONFIG_FLOWS_H

#include "config/config.h"
#include "config/yaml.h"

#define FLOWS_MAX 500
#define FLOW_VIA_MAX 32

/* Is it one of `systems`? False: it was said at the place. */
bool flows_check_system(const struct config *c, const char *name, const struct yaml_place *place,
    const char *path, struct errors *errors);
/* node: `flows` as written, NULL = absent. Also fills in is_direct. */
void flows_check(struct config *c, const struct yaml_node *node, struct errors *errors);

#endif
