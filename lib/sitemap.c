/*
 * sitemap.c - see sitemap.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "lib/sitemap.h"

#include <string.h>

#include "lib/markup.h"

static bool
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* The name behind its prefix; how long the prefix is, its colon with it, in *n. */
static const char *
local_name(const char *name, size_t *n)
{
	const char *colon = strchr(name, ':');

	*n = colon != NULL ? (size_t)(colon + 1 - name) : 0;
	return name + *n;
}

static void
end_address(struct sitemap *s)
{
	size_t from = 0, n;

	s->is_address = false;
	while (s->n_url > 0 && is_space(s->url[s->n_url - 1]))
		s->n_url--;
	while (from < s->n_url && is_space(s->url[from]))
		from++;
	n = markup_unescape(s->url + from, s->n_url - from);
	if (n == 0 && !s->is_too_long)
		return;
	if (s->is_too_long || n > SITEMAP_URL_MAX || memchr(s->url + from, '\0', n) != NULL) {
		s->n_too_long++;
		return;
	}
	s->url[from + n] = '\0';
	s->n_addresses++;
	s->is_over = !s->on_address(s->arg, s->url + from, s->is_index);
}

/* A tag is whole: its name is in s->tag, "/url" when it ends something. */
static void
end_tag(struct sitemap *s)
{
	bool is_end = s->tag[0] == '/';
	size_t n_prefix;
	const char *name;

	s->tag[s->n_tag] = '\0';
	name = local_name(s->tag + is_end, &n_prefix);
	if (strcmp(name, "url") == 0 || strcmp(name, "sitemap") == 0) {
		s->is_entry = !is_end;
		s->is_address = false;
		s->is_index = strcmp(name, "sitemap") == 0;
		memcpy(s->prefix, s->tag + is_end, n_prefix);
		s->prefix[n_prefix] = '\0';
	} else if (strcmp(name, "loc") == 0 && s->is_entry && n_prefix == strlen(s->prefix)
	    && memcmp(s->tag + is_end, s->prefix, n_prefix) == 0) {
		if (is_end && s->is_address)
			end_address(s);
		s->is_address = !is_end;
		s->n_url = 0;
		s->is_too_long = false;
	}
}

static void
take_text(struct sitemap *s, char c)
{
	if (!s->is_address)
		return;
	if (s->n_url + 1 < sizeof(s->url))
		s->url[s->n_url++] = c;
	else
		s->is_too_long = true;
}

static void
begin_tag(struct sitemap *s)
{
	s->at = SITEMAP_TAG;
	s->n_tag = 0;
	s->tag[0] = '\0';
	s->is_name_over = false;
	s->quote = '\0';
	s->last[0] = s->last[1] = '\0';
}

/* A byte between < and >. */
static void
take_tag(struct sitemap *s, char c)
{
	if (s->quote != '\0') {
		s->quote = c == s->quote ? '\0' : s->quote;
		return;
	}
	if (s->is_name_over && (c == '"' || c == '\''))
		s->quote = c;
	if (c == '>') {
		s->at = SITEMAP_TEXT;
		if (s->tag[0] != '!' && s->tag[0] != '?')
			end_tag(s);
		return;
	}
	if (is_space(c) || (c == '/' && s->n_tag > 0))
		s->is_name_over = true;
	if (s->is_name_over)
		return;
	if (s->n_tag + 1 < sizeof(s->tag))
		s->tag[s->n_tag++] = c;
	s->tag[s->n_tag] = '\0';
	if (strcmp(s->tag, "!--") == 0)
		s->at = SITEMAP_COMMENT;
	else if (strcmp(s->tag, "![CDATA[") == 0)
		s->at = SITEMAP_CDATA;
}

/* The bytes of CDATA before its end, which is known only when it has come. */
static void
take_cdata(struct sitemap *s, char c)
{
	take_text(s, c);
	if (c != '>' || s->last[0] != ']' || s->last[1] != ']')
		return;
	s->n_url -= s->n_url >= 3 && !s->is_too_long ? 3 : 0;
	s->at = SITEMAP_TEXT;
}

bool
sitemap_feed(struct sitemap *s, const char *data, size_t len)
{
	for (size_t i = 0; i < len && !s->is_over; i++) {
		char c = data[i];

		switch (s->at) {
		case SITEMAP_TEXT:
			if (c == '<')
				begin_tag(s);
			else
				take_text(s, c);
			continue;
		case SITEMAP_TAG:
			take_tag(s, c);
			if (s->at == SITEMAP_CDATA || s->at == SITEMAP_COMMENT)
				s->last[0] = s->last[1] = '\0';
			continue;
		case SITEMAP_CDATA:
			take_cdata(s, c);
			break;
		case SITEMAP_COMMENT:
			if (c == '>' && s->last[0] == '-' && s->last[1] == '-')
				s->at = SITEMAP_TEXT;
			break;
		}
		s->last[0] = s->last[1];
		s->last[1] = c;
	}
	return !s->is_over;
}
