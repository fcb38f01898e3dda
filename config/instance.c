/*
 * instance.c - see instance.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "config/instance.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/yaml.h"

#define SUFFIX ".yaml"
#define SUFFIX_LEN (sizeof(SUFFIX) - 1)

bool
instance_is_name(const char *name)
{
	static const char may[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.:";
	size_t n = strlen(name);

	return n > 0 && n < INSTANCE_NAME && name[0] != '.' && strspn(name, may) == n;
}

static bool
is_main(const char *name)
{
	return strcmp(name, INSTANCE_MAIN) == 0;
}

/* "acme" of "acme.yaml"; false when it is no such name. */
static bool
name_of_file(const char *file, char dst[INSTANCE_NAME])
{
	size_t n = strlen(file);

	if (n <= SUFFIX_LEN || n - SUFFIX_LEN >= INSTANCE_NAME
	    || strcmp(file + n - SUFFIX_LEN, SUFFIX) != 0)
		return false;
	snprintf(dst, INSTANCE_NAME, "%.*s", (int)(n - SUFFIX_LEN), file);
	return instance_is_name(dst);
}

/* The same folder, whatever it is called: through links, or relative to where we are. */
static bool
is_same_folder(const char *a, const char *b)
{
	struct stat x, y;

	return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

void
instance_name(const char *config_path, char dst[INSTANCE_NAME])
{
	const char *slash = strrchr(config_path, '/');
	char folder[INSTANCE_PATH] = ".", name[INSTANCE_NAME];

	snprintf(dst, INSTANCE_NAME, INSTANCE_MAIN);
	if (slash != NULL && (size_t)(slash - config_path) >= sizeof(folder))
		return;
	if (slash != NULL)
		snprintf(folder, sizeof(folder), "%.*s",
		    slash == config_path ? 1 : (int)(slash - config_path), config_path);
	if (name_of_file(slash != NULL ? slash + 1 : config_path, name)
	    && is_same_folder(folder, instance_folders()->config))
		snprintf(dst, INSTANCE_NAME, "%s", name);
}

void
instance_config(const char *name, char dst[INSTANCE_PATH])
{
	snprintf(dst, INSTANCE_PATH, "%s/%s" SUFFIX, instance_folders()->config, name);
}

void
instance_store(const char *name, char dst[INSTANCE_PATH])
{
	if (is_main(name))
		snprintf(dst, INSTANCE_PATH, "%s", instance_folders()->state);
	else
		snprintf(dst, INSTANCE_PATH, "%s/%s", instance_folders()->state, name);
}

void
instance_socket(const char *name, char dst[INSTANCE_PATH])
{
	if (is_main(name))
		snprintf(dst, INSTANCE_PATH, "%s/agent.sock", instance_folders()->run);
	else
		snprintf(dst, INSTANCE_PATH, "%s/%s/agent.sock", instance_folders()->run, name);
}

/* `agent: api: socket:` of a file; false when it cannot be read or does not say. A reference
 * (${env:...}) is the agent's to follow. */
static bool
socket_in_file(const char *path, char dst[INSTANCE_PATH])
{
	const struct yaml_node *node;
	struct yaml_error err;
	struct yaml_doc *doc;
	struct stat st;
	bool says;

	if (stat(path, &st) != 0 || !S_ISREG(st.st_mode)) /* a pipe can be read only once */
		return false;
	if (yaml_read_file(&doc, path, &err) != 0)
		return false;
	node = yaml_get(yaml_get(yaml_get(yaml_root(doc), "agent"), "api"), "socket");
	says = node != NULL && node->kind == YAML_TEXT && node->text[0] == '/'
	       && strstr(node->text, "${") == NULL && strlen(node->text) < INSTANCE_PATH;
	if (says)
		snprintf(dst, INSTANCE_PATH, "%s", node->text);
	yaml_free(doc);
	return says;
}

void
instance_socket_of(const char *config_path, char dst[INSTANCE_PATH])
{
	char name[INSTANCE_NAME];

	if (socket_in_file(config_path, dst))
		return;
	instance_name(config_path, name);
	instance_socket(name, dst);
}

/* ---- which there are ---- */

struct names {
	char (*at)[INSTANCE_NAME];
	size_t n, cap;
};

static void
add_name(struct names *l, const char *name)
{
	for (size_t i = 0; i < l->n; i++)
		if (strcmp(l->at[i], name) == 0)
			return;
	if (l->n < l->cap && instance_is_name(name))
		snprintf(l->at[l->n++], INSTANCE_NAME, "%s", name);
}

/* A folder of configurations may hold files of rules: they have no `shop:`. */
static bool
is_configuration(const char *path)
{
	struct yaml_error err;
	struct yaml_doc *doc;
	bool is;

	if (access(path, R_OK) != 0)
		return errno == EACCES;
	if (yaml_read_file(&doc, path, &err) != 0)
		return true; /* its agent will say what is wrong */
	is = yaml_get(yaml_root(doc), "shop") != NULL;
	yaml_free(doc);
	return is;
}

static bool
add_configurations(struct names *l)
{
	DIR *dir = opendir(instance_folders()->config);
	char name[INSTANCE_NAME], path[INSTANCE_PATH];
	const struct dirent *e;

	if (dir == NULL)
		return errno != EACCES;
	while ((e = readdir(dir)) != NULL) {
		if (!name_of_file(e->d_name, name))
			continue;
		instance_config(name, path);
		if (is_configuration(path))
			add_name(l, name);
	}
	closedir(dir);
	return true;
}

static bool
has_socket(const char *name)
{
	char path[INSTANCE_PATH];
	struct stat st;

	instance_socket(name, path);
	return stat(path, &st) == 0 && S_ISSOCK(st.st_mode);
}

static void
add_sockets(struct names *l)
{
	DIR *dir = opendir(instance_folders()->run);
	const struct dirent *e;

	if (has_socket(INSTANCE_MAIN))
		add_name(l, INSTANCE_MAIN);
	if (dir == NULL)
		return;
	while ((e = readdir(dir)) != NULL)
		if (instance_is_name(e->d_name) && has_socket(e->d_name))
			add_name(l, e->d_name);
	closedir(dir);
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(a, b);
}

size_t
instance_list(char (*names)[INSTANCE_NAME], size_t cap, bool *is_hidden)
{
	struct names l = {names, 0, cap};
	bool is_whole = add_configurations(&l);

	if (is_hidden != NULL)
		*is_hidden = !is_whole;
	add_sockets(&l);
	qsort(names, l.n, INSTANCE_NAME, by_name);
	return l.n;
}

bool
instance_exists(const char *name)
{
	char path[INSTANCE_PATH];

	instance_config(name, path);
	return instance_is_name(name) && (access(path, F_OK) == 0 || has_socket(name));
}
