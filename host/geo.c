/*
 * geo.c - see geo.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "host/geo.h"

#include <arpa/inet.h>
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

int
geo_about(const char *path, struct geo_about *out, char *err, size_t err_cap)
{
	static const char *const uses[] = {
	    [GEO_NONE] = NULL, [GEO_COUNTRY] = "country", [GEO_ASN] = "networks"};
	MMDB_s db;
	int rc = MMDB_open(path, MMDB_MODE_MMAP, &db);

	*out = (struct geo_about){0};
	if (rc != MMDB_SUCCESS) {
		snprintf(err, err_cap, "%s",
		    rc == MMDB_IO_ERROR ? strerror(errno) : MMDB_strerror(rc));
		return -1;
	}
	out->use = uses[kind_of(&db)];
	if (db.metadata.database_type != NULL)
		snprintf(out->type, sizeof(out->type), "%s", db.metadata.database_type);
	out->built_s = (int64_t)db.metadata.build_epoch;
	MMDB_close(&db);
	return 0;
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

/* As what the library takes; IPv4 in IPv6's words is IPv4. */
static bool
read_address(const char *text, struct sockaddr_storage *out)
{
	struct sockaddr_in *four = (struct sockaddr_in *)out;
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)out;
	struct addrinfo hints = {.ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM};
	struct addrinfo *ai = NULL;

	memset(out, 0, sizeof(*out));
	if (inet_pton(AF_INET, text, &four->sin_addr) == 1)
		four->sin_family = AF_INET;
	else if (inet_pton(AF_INET6, text, &six->sin6_addr) == 1)
		six->sin6_family = AF_INET6;
	else if (getaddrinfo(text, NULL, &hints, &ai) == 0) { /* with a zone: fe80::1%eth0 */
		memcpy(out, ai->ai_addr, ai->ai_addrlen);
		freeaddrinfo(ai);
	}
	if (six->sin6_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&six->sin6_addr)) {
		struct in_addr a;

		memcpy(&a, six->sin6_addr.s6_addr + 12, sizeof(a));
		four->sin_family = AF_INET;
		four->sin_addr = a;
	}
	return out->ss_family != 0;
}

/* The library counts the bits of an IPv4 address in a database of IPv6 from the left of 128. */
static uint32_t
prefix_of(const MMDB_s *db, const MMDB_lookup_result_s *r, int family)
{
	uint32_t bits = r->netmask;

	if (family == AF_INET && db->metadata.ip_version == 6)
		return bits > 96 ? bits - 96 : 0;
	return bits;
}

int
geo_find(const struct geo_db *g, const char *address, struct tw_geo *out)
{
	struct tw_geo found = {.size = sizeof(found)};
	size_t size = out->size < sizeof(found) ? out->size : sizeof(found);
	struct sockaddr_storage sa;
	bool is_known = false;

	if (g == NULL || !(has_kind(g, GEO_COUNTRY) || has_kind(g, GEO_ASN)) || address == NULL
	    || !read_address(address, &sa))
		return -1;
	for (int i = 0; i < GEO_FILES; i++) {
		int rc = MMDB_SUCCESS;
		MMDB_lookup_result_s r;
		uint32_t bits;

		if (g->file[i].kind == GEO_NONE)
			continue;
		r = MMDB_lookup_sockaddr(
		    &g->file[i].db, (const struct sockaddr *)&sa, &rc);
		bits = rc == MMDB_SUCCESS ? prefix_of(&g->file[i].db, &r, sa.ss_family) : 0;
		found.prefix = bits > found.prefix ? bits : found.prefix;
		if (rc != MMDB_SUCCESS || !r.found_entry)
			continue;
		is_known = true;
		if (g->file[i].kind == GEO_COUNTRY)
			take_country(&r.entry, &found);
		else
			take_network(&r.entry, &found);
	}
	if (is_known) {
		found.size = out->size;
		memcpy(out, &found, size);
	}
	return is_known ? 0 : -1;
}
