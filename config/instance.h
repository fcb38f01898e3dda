/*
 * instance.h - where the files of an agent lie when nobody says so: of one shop, or of several.
 *
 *                  the only shop              the shop acme
 *     configuration CONFDIR/tillwatch.yaml     CONFDIR/acme.yaml
 *     store        STATEDIR                   STATEDIR/acme
 *     socket       RUNDIR/agent.sock          RUNDIR/acme/agent.sock
 *     unit         tillwatchd.service         tillwatchd@acme.service
 *
 * Agent and command line ask here, so that they agree; packaging/tillwatchd@.service.in makes the
 * folders of the right column (StateDirectory=, RuntimeDirectory=). A configuration that lies
 * anywhere else has the defaults of the left one.
 *
 * Blocks on files. SPDX-License-Identifier: Apache-2.0
 */
#ifndef CONFIG_INSTANCE_H
#define CONFIG_INSTANCE_H

#include <stdbool.h>
#include <stddef.h>

#define INSTANCE_NAME 64        /* with its end */
#define INSTANCE_PATH 512
#define INSTANCE_MAIN "tillwatch" /* the name of the left column */
#define INSTANCE_ALL "all"      /* of the command line: every shop */

struct folders { const char *config, *state, *run; };
const struct folders *instance_folders(void); /* folders.c: as configured when it was built */

/* A name that a file and a unit can have: letters, digits, "_", "-", ".", ":", no "." first. */
bool instance_is_name(const char *name);
/* The shop of a configuration; INSTANCE_MAIN also for one that lies anywhere else. */
void instance_name(const char *config_path, char dst[INSTANCE_NAME]);
/* The files of a shop, by its name. */
void instance_config(const char *name, char dst[INSTANCE_PATH]);
void instance_store(const char *name, char dst[INSTANCE_PATH]);
void instance_socket(const char *name, char dst[INSTANCE_PATH]);
/* The socket that the configuration names, where it can be read and names one in plain text; else
 * the default of its shop. conf.d is not looked at. */
void instance_socket_of(const char *config_path, char dst[INSTANCE_PATH]);

/* The shops of this machine, by name: whoever has a configuration (a file with `shop:`, or one that
 * we may not read) or a socket. Returns how many of at most cap. is_hidden, where not NULL: the
 * folder of the configurations cannot be read, so there may be more. */
size_t instance_list(char (*names)[INSTANCE_NAME], size_t cap, bool *is_hidden);
/* Is there a configuration or a socket of that name? */
bool instance_exists(const char *name);

#endif
