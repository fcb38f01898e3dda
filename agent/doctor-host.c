/*
 * doctor-host.c - see doctor.h: can plugins be used, and what does a host get on this machine?
 *
 * The sandbox and the geo databases are asked of tillwatch-host itself (host/inspect.c), so that
 * what is told is what hosts have.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/doctor.h"
#include "agent/setup-plugins.h"
#include "config/config.h"
#include "lib/clock.h"

#define INSPECT_MS 10000
#define GEO_OLD_DAYS 90
#define DAY_S 86400

/* ---- plugins ---- */

static const struct {
	const char *said, *remedy; /* a part of what the host says of a file, what to do */
} plugin_remedies[] = {
    {"built for ABI",
	"build it again with this version's <tillwatch/plugin.h>, or install the plugin's release "
	"for it"},
    {"because of the directory", "chown root: and chmod go-w the directory"},
    {"may write it", "chmod go-w the file"},
    {"its owner is neither", "chown root: the file"},
    {"symbolic link", "put the file itself there instead of a link"},
    {"was cut", "install the plugin again: the file is not whole"},
    {"exports no", "take the file out of the directory of plugins"},
    {"undefined symbol", "build it again: a plugin calls nothing but what its api struct has"},
    {"cannot open shared object", "install the library that it names"},
    {"No such file or directory", "install tillwatch's plugins there, or set agent.plugins.path"},
    {"--describe", "tillwatch-host is not where it should be: install tillwatch again"},
};

static void
plugin_tried(void *arg, const char *path, const char *err)
{
	const char *remedy = "install the plugin again, or take it out of the directory of plugins";
	struct doctor *d = arg;

	if (err[0] == '\0')
		return;
	for (size_t i = 0; i < sizeof(plugin_remedies) / sizeof(plugin_remedies[0]); i++)
		if (strstr(err, plugin_remedies[i].said) != NULL) {
			remedy = plugin_remedies[i].remedy;
			break;
		}
	doctor_find(d, DOCTOR_FAIL, "%s%s%s", strstr(err, path) == NULL ? path : "",
	    strstr(err, path) == NULL ? ": " : "", err);
	doctor_remedy(d, "%s", remedy);
}

void
doctor_plugins(struct doctor *d)
{
	struct plugins *p = plugins_new();

	plugins_try(p, d->setup != NULL ? d->setup->config : NULL, plugin_tried, d);
	plugins_free(p);
}

/* ---- what a host has ---- */

static int
inspect(void *arg)
{
	const struct setup *s = arg;

	execl(s->host_path, s->host_path, "--inspect", s->host_json, (char *)NULL);
	return 1;
}

/* The host's answer, a new reference; NULL with a finding. */
static json_t *
ask_host(struct doctor *d)
{
	struct buf out;
	json_t *o;

	buf_init(&out, 1 << 16);
	(void)doctor_as_user(&d->user, inspect, (void *)(uintptr_t)d->setup, INSPECT_MS, &out);
	o = json_loadb(buf_str(&out), out.len, 0, NULL);
	buf_free(&out);
	if (o == NULL) {
		doctor_find(d, DOCTOR_FAIL, "%s does not say what it has", d->setup->host_path);
		doctor_remedy(
		    d, "install tillwatch again, so that agent and host are of one version");
	}
	return o;
}

void
doctor_sandbox(struct doctor *d)
{
	const struct config *c = d->setup->config;
	json_t *o = ask_host(d), *sandbox = json_object_get(o, "sandbox");
	const char *text = json_string_value(json_object_get(sandbox, "text"));
	json_int_t level = json_integer_value(json_object_get(sandbox, "level"));

	if (text == NULL) {
		json_decref(o);
		return;
	}
	if (c->agent.plugins.sandbox != 0) {
		doctor_find(d, DOCTOR_WARN, "agent.plugins.sandbox is %s: plugins may do %s",
		    c->agent.plugins.sandbox == 1 ? "audit" : "off",
		    c->agent.plugins.sandbox == 1 ? "what a sandbox would refuse, which is logged"
						  : "whatever the agent's user may");
		doctor_remedy(d, "remove agent.plugins.sandbox (it is enforce then) and reload");
	} else if (level < 3 && strstr(text, "no Landlock") != NULL) {
		doctor_find(d, DOCTOR_WARN, "plugins are not kept from files: %s", text);
		doctor_remedy(d,
		    "run a kernel of 5.13 or later with Landlock (CONFIG_SECURITY_LANDLOCK, and "
		    "landlock in lsm= of its command line); in a container: allow its calls");
	} else if (level < 3) {
		doctor_find(d, DOCTOR_WARN, "plugins are not kept from system calls: %s", text);
		doctor_remedy(d,
		    "install a tillwatch that was built with libseccomp, on a kernel with "
		    "CONFIG_SECCOMP_FILTER");
	}
	json_decref(o);
}

/* ---- geo databases ---- */

#define GEO_REMEDY                                                                                 \
	"geoipupdate (its package) fetches GeoLite2 weekly; DB-IP Lite needs no account"

static void
judge_geo(struct doctor *d, const json_t *file)
{
	const char *key = json_string_value(json_object_get(file, "key")),
		   *path = json_string_value(json_object_get(file, "path")),
		   *err = json_string_value(json_object_get(file, "error")),
		   *use = json_string_value(json_object_get(file, "use")),
		   *type = json_string_value(json_object_get(file, "type"));
	int64_t built_s = json_integer_value(json_object_get(file, "built"));
	int64_t days = (wall_now().ms / 1000 - built_s) / DAY_S;

	if (err != NULL) {
		doctor_find(d, DOCTOR_FAIL, "agent.geoip.%s: %s: %s", key, path, err);
		doctor_remedy(
		    d, "put the database there, readable by %s: " GEO_REMEDY, d->user.name);
	} else if (use == NULL || (strcmp(key, "country") == 0) != (strcmp(use, "country") == 0)) {
		doctor_find(d, DOCTOR_FAIL, "agent.geoip.%s: %s is of type %s, which holds %s", key,
		    path, type,
		    use == NULL                   ? "neither countries nor networks"
		    : strcmp(use, "country") == 0 ? "countries"
						  : "networks");
		doctor_remedy(d, "name a database of %s there, such as %s",
		    strcmp(key, "country") == 0 ? "countries" : "networks",
		    strcmp(key, "country") == 0 ? "GeoLite2-Country.mmdb" : "GeoLite2-ASN.mmdb");
	} else if (days > GEO_OLD_DAYS) {
		doctor_find(d, DOCTOR_WARN, "agent.geoip.%s: %s is %lld days old", key, path,
		    (long long)days);
		doctor_remedy(d, "fetch a new one: " GEO_REMEDY);
	}
}

void
doctor_geoip(struct doctor *d)
{
	json_t *o = ask_host(d), *file;
	size_t i;

	json_array_foreach(json_object_get(o, "geo"), i, file)
		judge_geo(d, file);
	d->is_skipped = json_array_size(json_object_get(o, "geo")) == 0;
	json_decref(o);
}
