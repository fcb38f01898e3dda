/*
 * db-no-mariadb.c - built without libmariadb: its dsn is refused by name. See sql.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "plugins/sql/sql.h"

const struct sql_driver sql_mariadb = {.name = "MySQL and MariaDB"};
