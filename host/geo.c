/*
 * geo.c - see geo.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "host/geo.h"

#include <errno.h>
#include <maxminddb.h>
#include <netdb.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/sanitize.h"

enum geo_kind { GEO_NONE, GEO_COUNTRY, GEO_ASN };

struct geo_db {
	struct {
		enum geo_kind kind;
		MMDB_s db;
	} file[GEO_FILES];
};

/* "GeoLite2-City", "DBIP-Country-Lite", "GeoLite2-ASN", "GeoIP2-ISP" ... */
static enum geo_kind
kind_of(const MMDB_s *db)
{
	const char *type = db->metadata.database_type;

	if (type == NULL)
		return GEO_NONE;
	if (strstr(type, "ASN") != NULL || strstr(type, "ISP") != NULL)
		return GEO_ASN;
	return strstr(type, "Country") != NULL || strstr(type, "City") != NULL
		|| strstr(type, "Enterprise") != NULL
	    ? GEO_COUNTRY : GEO_NONE;
}

static bool
has_kind(const struct geo_db *g, enum geo_kind kind)
{
	for (int i = 0; i < GEO_FILES; i++)
		if (g->file[i].kind == kind)
			return true;
	return false;
}

/* Adds to what is wrong already. */
static void
complain(char *err, size_t cap, const char *path, const char *why)
{
	size_t n = strlen(err);

	if (n < cap)
		snprintf(err + n, cap - n, "%s%s: %s", n > 0 ? "; " : "", path, why);
}

static void
open_one(struct geo_db *g, int i, const char *path, char *err, size_t err_cap)
{
	enum geo_kind kind;
	int rc = MMDB_open(path, MMDB_MODE_MMAP, &g->file[i].db);

	if (rc != MMDB_SUCCESS) {
		complain(err, err_cap, path,
		    rc == MMDB_IO_ERROR ? strerror(errno) : MMDB_strerror(rc));
		return;
	}
	kind = kind_of(&g->file[i].db);
	if (kind == GEO_NONE || has_kind(g, kind)) {
		complain(err, err_cap, path,
		    kind == GEO_NONE ? "holds neither countries nor networks"
				     : "another file holds the same already");
		MMDB_close(&g->file[i].db);
		return;
	}
	g->file[i].kind = kind;
}

struct geo_db *
geo_open(const char *const paths[GEO_FILES], char *err, size_t err_cap)
{
	struct geo_db *g = calloc(1, sizeof(*g));

	if (err_cap > 0)
		err[0] = '\0';
	for (int i = 0; g != NULL && i < GEO_FILES; i++)
		if (paths[i] != NULL)
			open_one(g, i, paths[i], err, err_cap);
	return g;
}

void
geo_close(struct geo_db *g)
{
	if (g == NULL)
		return;
	for (int i = 0; i < GEO_FILES; i++)
		if (g->file[i].kind != GEO_NONE)
			MMDB_close(&g->file[i].db);
	free(g);
}

static void
take_text(MMDB_entry_s *entry, const char *const *path, char *dst, size_t cap)
{
	MMDB_entry_data_s data;

	if (MMDB_aget_value(entry, &data, path) == MMDB_SUCCESS && data.has_data
	    && data.type == MMDB_DATA_TYPE_UTF8_STRING)
		text_sanitize(dst, cap, data.utf8_string, data.data_size);
}

static void
take_country(MMDB_entry_s *entry, struct tw_geo *out)
{
	static const char *const country[] = {"country", "iso_code", NULL};
	static const char *const registered[] = {"registered_country", "iso_code", NULL};

	take_text(entry, country, out->country, sizeof(out->country));
	if (out->country[0] == '\0')
		take_text(entry, registered, out->country, sizeof(out->country));
}

static void
take_network(MMDB_entry_s *entry, struct tw_geo *out)
{
	static const char *const number[] = {"autonomous_system_number", NULL};
	static const char *const name[] = {"autonomous_system_organization", NULL};
	MMDB_entry_data_s data;

	if (MMDB_aget_value(entry, &data, number) == MMDB_SUCCESS && data.has_data
	    && data.type == MMDB_DATA_TYPE_UINT32)
		out->asn = data.uint32;
	take_text(entry, name, out->organisation, sizeof(out->organisation));
}

int
geo_find(const struct geo_db *g, const char *address, struct tw_geo *out)
{
	struct addrinfo hints = {.ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM},
			*ai = NULL;
	struct tw_geo found = {.size = sizeof(found)};
	size_t size = out->size < sizeof(found) ? out->size : sizeof(found);
	bool is_known = false;

	if (g == NULL || !(has_kind(g, GEO_COUNTRY) || has_kind(g, GEO_ASN)) || address == NULL
	    || getaddrinfo(address, NULL, &hints, &ai) != 0)
		return -1;
	for (int i = 0; i < GEO_FILES; i++) {
		int rc = MMDB_SUCCESS;
		MMDB_lookup_result_s r;

		if (g->file[i].kind == GEO_NONE)
			continue;
		r = MMDB_lookup_sockaddr(&g->file[i].db, ai->ai_addr, &rc);
		if (rc != MMDB_SUCCESS || !r.found_entry)
			continue;
		is_known = true;
		if (g->file[i].kind == GEO_COUNTRY)
			take_country(&r.entry, &found);
		else
			take_network(&r.entry, &found);
	}
	freeaddrinfo(ai);
	if (is_known) {
		found.size = out->size;
		memcpy(out, &found, size);
	}
	return is_known ? 0 : -1;
}
