/*
 * doctor.c - see doctor.h: the table of checks, and their answer as JSON.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "build-config.h"

#include "agent/doctor.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "agent/once.h"
#include "lib/xmalloc.h"

static const struct check {
	const char *name;
	bool needs_setup; /* skipped where the configuration does not load */
	void (*run)(struct doctor *d);
} checks[] = {
    {"plugins", false, doctor_plugins},
    {"sandbox", true, doctor_sandbox},
    {"geoip", true, doctor_geoip},
    {"sources", true, doctor_sources},
    {"store", true, doctor_store},
    {"disk", true, doctor_disk},
    {"integrity", true, doctor_integrity},
    {"clock", false, doctor_clock},
    {"date", true, doctor_date},
    {"resolver", true, doctor_resolver},
};

/* ---- findings ---- */

static char *format(const struct doctor *d, const char *fmt, va_list ap)
    __attribute__((format(printf, 2, 0)));
static char *
format(const struct doctor *d, const char *fmt, va_list ap)
{
	char text[2048];

	vsnprintf(text, sizeof(text), fmt, ap);
	if (d->setup != NULL)
		setup_scrub(d->setup, text);
	return xstrdup(text);
}

/* A text may hold a file's name, which is any bytes: jansson takes UTF-8 alone. */
static json_t *
text_json(char *text)
{
	json_t *v = json_string(text);

	if (v == NULL) {
		for (char *p = text; *p != '\0'; p++)
			if ((unsigned char)*p > 126)
				*p = '?';
		v = json_string(text);
	}
	free(text);
	return v;
}

void
doctor_find(struct doctor *d, enum doctor_level level, const char *fmt, ...)
{
	json_t *o;
	va_list ap;

	va_start(ap, fmt);
	o = json_pack("{s:s, s:s, s:o, s:s}", "check", d->check, "level",
	    level == DOCTOR_FAIL ? "fail" : "warn", "text", text_json(format(d, fmt, ap)), "remedy",
	    "");
	va_end(ap);
	json_array_append_new(d->findings, o);
}

void
doctor_remedy(struct doctor *d, const char *fmt, ...)
{
	size_t n = json_array_size(d->findings);
	va_list ap;

	va_start(ap, fmt);
	json_object_set_new(
	    json_array_get(d->findings, n - 1), "remedy", text_json(format(d, fmt, ap)));
	va_end(ap);
}

void
doctor_texts(const json_t *values, const char *name,
    void (*each)(void *, const char *, const char *), void *arg)
{
	const char *key;
	json_t *v;
	size_t i;

	if (json_is_string(values))
		each(arg, name, json_string_value(values));
	json_array_foreach(values, i, v)
		doctor_texts(v, name, each, arg);
	if (json_is_object(values))
		json_object_foreach((json_t *)(uintptr_t)values, key, v)
			doctor_texts(v, key, each, arg);
}

/* ---- the configuration ---- */

/* What the loader says is mostly its own remedy; these need something done elsewhere. */
static const struct {
	const char *said, *remedy;
} config_remedies[] = {
    {"no plugin is called",
	"correct the name, or put the plugin's .so into one of agent.plugins.path; `tillwatch "
	"doctor` lists what is wrong with those that are there"},
    {"is not in this version", "remove it, or install a version that has it"},
    {"can be written by others", "chmod go-w the file"},
    {"cannot be started", "reinstall the plugin; tillwatchd --log-level debug says more"},
    {"the secret's file",
	"put the secret there, readable for the agent's user alone (chown, chmod 600)"},
    {"No such file or directory", "create the file, or name the right one"},
    {"Permission denied", "let the agent's user read it: chgrp tillwatch FILE; chmod g+r FILE"},
};

static void
config_finding(struct doctor *d, const char *line, size_t len)
{
	const char *remedy = "correct it at that place; `tillwatch check` says when it is right";

	doctor_find(d, DOCTOR_FAIL, "%.*s", (int)len, line);
	for (size_t i = 0; i < sizeof(config_remedies) / sizeof(config_remedies[0]); i++)
		if (memmem(line, len, config_remedies[i].said, strlen(config_remedies[i].said))
		    != NULL) {
			remedy = config_remedies[i].remedy;
			break;
		}
	doctor_remedy(d, "%s", remedy);
}

static void
config_findings(struct doctor *d, const char *errors)
{
	for (const char *line = errors; *line != '\0'; line += strspn(line, "\n")) {
		size_t n = strcspn(line, "\n");

		config_finding(d, line, n);
		line += n;
	}
}

static void
config_warnings(struct doctor *d, const char *warnings)
{
	for (const char *line = warnings; *line != '\0'; line += strspn(line, "\n")) {
		size_t n = strcspn(line, "\n");

		doctor_find(d, DOCTOR_WARN, "%.*s", (int)n, line);
		doctor_remedy(d, "tillwatch config upgrade %s; --dry-run shows what it does",
		    d->config_path);
		line += n;
	}
}

/* ---- all ---- */

static void
run_checks(struct doctor *d, json_t *passed, json_t *skipped)
{
	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
		size_t before = json_array_size(d->findings);

		d->check = checks[i].name;
		d->is_skipped = checks[i].needs_setup && d->setup == NULL;
		if (!d->is_skipped)
			checks[i].run(d);
		if (json_array_size(d->findings) == before)
			json_array_append_new(
			    d->is_skipped ? skipped : passed, json_string(d->check));
	}
}

int
once_doctor(const char *path, const char *user)
{
	json_t *passed = json_array(), *skipped = json_array(), *o;
	struct doctor d = {.config_path = path, .findings = json_array(), .check = "config"};
	struct setup *s = NULL;
	struct buf errors;
	char err[256] = "";
	int rc = 0;

	buf_init(&errors, 1 << 20);
	if (setup_load(&s, path, &errors) != 0 || once_start(s, &errors) != 0)
		config_findings(&d, buf_str(&errors));
	if (s != NULL)
		config_warnings(&d, s->warnings);
	if (json_array_size(d.findings) == 0)
		json_array_append_new(passed, json_string("config"));
	d.setup = s;
	if (doctor_user(&d.user, user, s != NULL ? s->store_path : TW_STATEDIR, err, sizeof(err))
	    != 0) {
		fprintf(stderr, "tillwatchd: %s\n", err);
		rc = EX_USAGE;
		goto out;
	}
	run_checks(&d, passed, skipped);
	o = json_pack("{s:s, s:s, s:s?, s:s, s:O, s:O, s:O}", "version", PACKAGE_VERSION, "config",
	    path, "socket", s != NULL ? s->socket_path : NULL, "user", d.user.name, "findings",
	    d.findings, "passed", passed, "skipped", skipped);
	json_dumpf(o, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(o);
out:
	json_decref(d.findings);
	json_decref(passed);
	json_decref(skipped);
	setup_free(s);
	buf_free(&errors);
	return rc;
}
