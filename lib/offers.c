/*
 * offers.c - see offers.h. https://schema.org/Offer, Product, ProductGroup, AggregateOffer,
 * PriceSpecification; JSON-LD 1.1 only as far as shops use it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "lib/offers.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/json.h"
#include "lib/markup.h"

#define BLOCK_MAX (512 * 1024)      /* bytes of JSON */
#define NODES_MAX 20000             /* looked at in a block */
#define DEPTH_MAX 24
#define TEXTS_MAX (OFFERS_MAX * OFFER_FIELDS * OFFER_TEXT_MAX)

const char *const offer_field_names[OFFER_FIELDS] = {
    "sku", "price", "currency", "availability", "gtin", "name", "url"};

struct walk {
	struct offers *o;
	json_t *root;               /* of the block */
	uint32_t block;
	unsigned n_nodes;
	enum offer_key key;
	const char *path_key;
};

/* Who says something of an offer, nearest first. */
#define SOURCES 5
struct said { json_t *by[SOURCES]; };   /* offer, itemOffered, aggregate, product, group */
enum { BY_OFFER, BY_ITEM, BY_AGGREGATE, BY_PRODUCT, BY_GROUP };

void
offers_init(struct offers *o)
{
	memset(o, 0, sizeof(*o));
	buf_init(&o->texts, TEXTS_MAX);
}

void
offers_clear(struct offers *o)
{
	buf_free(&o->texts);
	memset(o, 0, sizeof(*o));
}

const char *
offers_text(const struct offers *o, size_t i, enum offer_field f)
{
	return o->list[i].at[f] != 0 ? o->texts.data + o->list[i].at[f] : NULL;
}

/* ---- values ---- */

/* A scalar, the first one of a list, or what {"@value"} and {"@id"} hold. False: nothing. */
static bool
text_of(const json_t *v, char dst[OFFER_TEXT_MAX])
{
	size_t from = 0, len;

	if (json_is_array(v))
		v = json_array_get(v, 0);
	if (json_is_object(v)) {
		const json_t *value = json_object_get(v, "@value");

		v = value != NULL ? value : json_object_get(v, "@id");
	}
	if (v == NULL || json_is_null(v) || json_is_boolean(v)
	    || !json_scalar_text(v, dst, OFFER_TEXT_MAX))
		return false;
	len = strlen(dst);
	while (len > 0 && (unsigned char)dst[len - 1] <= ' ')
		len--;
	while (from < len && (unsigned char)dst[from] <= ' ')
		from++;
	memmove(dst, dst + from, len - from);
	dst[len - from] = '\0';
	return len > from;
}

static bool
named(const json_t *node, const char *name, char dst[OFFER_TEXT_MAX])
{
	return json_is_object(node) && text_of(json_object_get(node, name), dst);
}

/* The first who says it. */
static bool
first_said(const struct said *s, const char *name, char dst[OFFER_TEXT_MAX])
{
	for (size_t i = 0; i < SOURCES; i++)
		if (named(s->by[i], name, dst))
			return true;
	return false;
}

/* Behind the last slash, hash or colon: https://schema.org/InStock, schema:Product. */
static const char *
local_name(const char *text)
{
	const char *from = text;

	for (; *text != '\0'; text++)
		if (*text == '/' || *text == '#' || *text == ':')
			from = text + 1;
	return from;
}

static bool
is_one_type(const json_t *type, const char *const *wanted)
{
	const char *name = json_string_value(type);

	for (; name != NULL && *wanted != NULL; wanted++)
		if (strcmp(local_name(name), *wanted) == 0)
			return true;
	return false;
}

static bool
is_a(const json_t *node, const char *const *wanted)
{
	const json_t *type = json_object_get(node, "@type"), *one;
	size_t i;

	if (!json_is_array(type))
		return is_one_type(type, wanted);
	json_array_foreach(type, i, one)
		if (is_one_type(one, wanted))
			return true;
	return false;
}

static const char *const products[] = {"Product", "ProductGroup", "ProductModel",
    "IndividualProduct", "SomeProducts", "Vehicle", "Car", "Motorcycle", "Book", NULL};
static const char *const offer_types[] = {"Offer", "AggregateOffer", "OfferForPurchase", NULL};
static const char *const aggregates[] = {"AggregateOffer", NULL};

/* ---- references ---- */

static json_t *
find_id(json_t *nodes, const char *id)
{
	json_t *node;
	size_t i;

	json_array_foreach(nodes, i, node) {
		const char *own = json_string_value(json_object_get(node, "@id"));

		if (own != NULL && strcmp(own, id) == 0 && json_object_size(node) > 1)
			return node;
	}
	return NULL;
}

/* {"@id": "#offer"} alone stands for a node of the block; what is found nowhere is itself. */
static json_t *
resolve(struct walk *w, json_t *node)
{
	const char *id = json_string_value(json_object_get(node, "@id"));
	json_t *nodes = json_is_array(w->root) ? w->root : json_object_get(w->root, "@graph");
	json_t *found;

	if (id == NULL || json_object_size(node) != 1)
		return node;
	w->n_nodes += (unsigned)json_array_size(nodes);
	found = w->n_nodes < NODES_MAX ? find_id(nodes, id) : NULL;
	return found != NULL ? found : node;
}

/* ---- prices ---- */

/* What a price is, roughly: the digits, where a last sign before one or two of them is the decimal
 * one. */
static double
amount_of(const char *text)
{
	const char *end = text + strlen(text), *decimal = NULL;
	double v = 0, part = 1;
	bool has_digits = false;

	while (end > text && (end[-1] < '0' || end[-1] > '9'))
		end--;
	for (const char *c = end; c > text && end - c <= 3; c--)
		if (c[-1] == '.' || c[-1] == ',') {
			decimal = end - c <= 2 ? c - 1 : NULL;
			break;
		}
	for (; text < end; text++) {
		if (*text < '0' || *text > '9')
			continue;
		has_digits = true;
		v = v * 10 + (*text - '0');
		if (decimal != NULL && text > decimal)
			part *= 10;
	}
	return has_digits ? v / part : NAN;
}

/* Not what it costs: struck through, a member's, of a hundred grams. */
static bool
is_other_price(const json_t *spec)
{
	static const char *const others[] = {"ListPrice", "SRP", "MSRP", "StrikethroughPrice",
	    "MinimumAdvertisedPrice", "RegularPrice"};
	char type[OFFER_TEXT_MAX];

	if (json_object_get(spec, "referenceQuantity") != NULL
	    || json_object_get(spec, "validForMemberTier") != NULL)
		return true;
	if (!named(spec, "priceType", type))
		return false;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (strcmp(local_name(type), others[i]) == 0)
			return true;
	return false;
}

/* The specification that says what it costs; NULL: none does. */
static json_t *
price_specification(struct walk *w, json_t *offer)
{
	json_t *specs = json_object_get(offer, "priceSpecification"), *spec;
	size_t i;

	if (!json_is_array(specs))
		return json_is_object(specs) && !is_other_price(specs) ? resolve(w, specs) : NULL;
	json_array_foreach(specs, i, spec) {
		spec = resolve(w, spec);
		if (json_is_object(spec) && !is_other_price(spec))
			return spec;
	}
	return NULL;
}

/* "12.99 EUR", and the currency alone. */
static void
read_price(struct walk *w, const struct said *s, char price[OFFER_TEXT_MAX],
    char currency[OFFER_TEXT_MAX], double *amount)
{
	json_t *offer = s->by[BY_OFFER], *spec = price_specification(w, offer);
	size_t len;

	if (!named(offer, "price", price) && !named(spec, "price", price)
	    && !named(spec, "minPrice", price) && !named(offer, "lowPrice", price))
		price[0] = '\0';
	if (!named(offer, "priceCurrency", currency) && !named(spec, "priceCurrency", currency)
	    && !first_said(s, "priceCurrency", currency))
		currency[0] = '\0';
	*amount = amount_of(price);
	len = strlen(price);
	if (len > 0 && currency[0] != '\0' && strstr(price, currency) == NULL
	    && len + strlen(currency) + 2 <= OFFER_TEXT_MAX) {
		price[len] = ' ';
		memcpy(price + len + 1, currency, strlen(currency) + 1);
	}
}

/* ---- keys ---- */

static bool
read_gtin(const struct said *s, char dst[OFFER_TEXT_MAX])
{
	return first_said(s, "gtin", dst) || first_said(s, "gtin13", dst)
	    || first_said(s, "gtin12", dst) || first_said(s, "gtin14", dst)
	    || first_said(s, "gtin8", dst) || first_said(s, "isbn", dst);
}

static bool
read_key(const struct walk *w, const struct said *s, char dst[OFFER_TEXT_MAX])
{
	struct said own = *s;

	own.by[BY_GROUP] = own.by[BY_AGGREGATE] = NULL; /* they are not the article */
	if (w->key == OFFER_KEY_SKU)
		return first_said(&own, "sku", dst);
	if (w->key == OFFER_KEY_GTIN)
		return read_gtin(&own, dst);
	if (w->key == OFFER_KEY_AUTO
	    && (first_said(&own, "sku", dst) || first_said(&own, "productID", dst)
		|| first_said(&own, "mpn", dst) || read_gtin(&own, dst)))
		return true;
	return snprintf(dst, OFFER_TEXT_MAX, "%s", w->path_key) > 0;
}

static int
hex(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10
	    : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool
offers_path_key(const char *url, char *dst, size_t cap)
{
	static const char *const endings[] = {".html", ".htm"};
	const char *from = strstr(url, "://"), *end;
	size_t n = 0;

	from = from != NULL ? from + 3 : url;
	end = from + strcspn(from, "?#");
	while (end > from && end[-1] == '/')
		end--;
	if ((from = memchr(from, '/', (size_t)(end - from))) == NULL)
		return false;
	for (const char *c = from; c < end; c++)
		if (*c == '/')
			from = c + 1;
	for (; from < end; from++) {
		bool is_coded = *from == '%' && end - from > 2 && hex(from[1]) >= 0
		    && hex(from[2]) >= 0;

		if (n + 1 >= cap)
			return false;
		dst[n++] = is_coded ? (char)(hex(from[1]) * 16 + hex(from[2])) : *from;
		from += is_coded ? 2 : 0;
	}
	dst[n] = '\0';
	for (size_t i = 0; i < 2; i++) {
		size_t len = strlen(endings[i]);

		if (n > len && memcmp(dst + n - len, endings[i], len) == 0)
			dst[n -= len] = '\0';
	}
	return n > 0 && strlen(dst) == n;
}

/* ---- offers ---- */

static uint32_t
keep(struct offers *o, const char *text)
{
	size_t at = o->texts.len;

	if (text[0] == '\0')
		return 0;
	buf_add(&o->texts, text, strlen(text) + 1);
	return o->texts.failed ? 0 : (uint32_t)at;
}

static struct offer *
find_key(struct offers *o, const char *key)
{
	for (size_t i = 0; i < o->n; i++)
		if (strcmp(offers_text(o, i, OFFER_SKU), key) == 0)
			return &o->list[i];
	return NULL;
}

static bool
is_in_stock(const struct offers *o, const struct offer *x)
{
	return x->at[OFFER_AVAILABILITY] != 0
	    && strcmp(o->texts.data + x->at[OFFER_AVAILABILITY], "InStock") == 0;
}

/* Two offers of one article: the cheaper price, and in stock when one of them is. */
static void
merge(struct offers *o, struct offer *old, const struct offer *x)
{
	uint32_t availability = is_in_stock(o, x) || old->at[OFFER_AVAILABILITY] == 0
	    ? x->at[OFFER_AVAILABILITY] : old->at[OFFER_AVAILABILITY];

	if (old->block != x->block)
		return;
	if (isnan(old->amount) || x->amount < old->amount)
		*old = *x;
	old->at[OFFER_AVAILABILITY] = availability;
}

static void
add_offer(struct walk *w, const struct said *s)
{
	struct offers *o = w->o;
	struct offer x = {.block = w->block}, *old;
	char text[OFFER_TEXT_MAX], currency[OFFER_TEXT_MAX];

	if (!read_key(w, s, text)) {
		o->n_keyless++;
		return;
	}
	if ((old = find_key(o, text)) == NULL && o->n == OFFERS_MAX) {
		o->n_left_out++;
		return;
	}
	x.at[OFFER_SKU] = keep(o, text);
	read_price(w, s, text, currency, &x.amount);
	x.at[OFFER_PRICE] = keep(o, text);
	x.at[OFFER_CURRENCY] = keep(o, currency);
	if (first_said(s, "availability", text))
		x.at[OFFER_AVAILABILITY] = keep(o, local_name(text));
	if (read_gtin(s, text))
		x.at[OFFER_GTIN] = keep(o, text);
	if (first_said(s, "name", text))
		x.at[OFFER_NAME] = keep(o, text);
	if (first_said(s, "url", text))
		x.at[OFFER_URL] = keep(o, text);
	if (x.at[OFFER_SKU] == 0)
		return;               /* the texts are full */
	if (old != NULL)
		merge(o, old, &x);
	else
		o->list[o->n++] = x;
}

/* ---- the tree ---- */

static bool
may_look(struct walk *w, int depth)
{
	return depth < DEPTH_MAX && ++w->n_nodes < NODES_MAX;
}

/* `s` has the product, its group and, inside of one, the aggregate. */
static void
take_offers(struct walk *w, json_t *offers, const struct said *s, int depth)
{
	struct said own = *s;
	uint64_t before = w->o->n + w->o->n_keyless + w->o->n_left_out;
	json_t *one;
	size_t i;

	if (!may_look(w, depth))
		return;
	json_array_foreach(offers, i, one)
		take_offers(w, one, s, depth + 1);
	if (!json_is_object(offers))
		return;
	offers = resolve(w, offers);
	if (is_a(offers, aggregates) && s->by[BY_AGGREGATE] == NULL) {
		own.by[BY_AGGREGATE] = offers;
		take_offers(w, json_object_get(offers, "offers"), &own, depth + 1);
		if (w->o->n + w->o->n_keyless + w->o->n_left_out != before)
			return;
		own.by[BY_AGGREGATE] = NULL;
	}
	if (json_object_size(offers) == 0 || !may_look(w, depth))
		return;
	own.by[BY_OFFER] = offers;
	own.by[BY_ITEM] = json_object_get(offers, "itemOffered");
	own.by[BY_ITEM] = json_is_object(own.by[BY_ITEM]) ? resolve(w, own.by[BY_ITEM]) : NULL;
	add_offer(w, &own);
}

static void
take_product(struct walk *w, json_t *product, json_t *group, int depth)
{
	struct said s = {.by = {[BY_PRODUCT] = product, [BY_GROUP] = group}};
	json_t *variants = json_object_get(product, "hasVariant"), *one;
	uint64_t before = w->o->n + w->o->n_keyless + w->o->n_left_out;
	size_t i;

	if (!may_look(w, depth))
		return;
	if (json_is_object(variants))
		take_product(w, resolve(w, variants), product, depth + 1);
	json_array_foreach(variants, i, one)
		if (json_is_object(one))
			take_product(w, resolve(w, one), product, depth + 1);
	if (w->o->n + w->o->n_keyless + w->o->n_left_out == before)
		take_offers(w, json_object_get(product, "offers"), &s, depth + 1);
}

static void
visit(struct walk *w, json_t *node, int depth)
{
	struct said s = {.by = {NULL}};
	json_t *one;
	size_t i;

	if (!may_look(w, depth))
		return;
	json_array_foreach(node, i, one)
		visit(w, one, depth + 1);
	if (!json_is_object(node))
		return;
	if (is_a(node, products)) {
		take_product(w, node, NULL, depth + 1);
	} else if (is_a(node, offer_types)) {
		if (json_is_object(json_object_get(node, "itemOffered")))
			take_offers(w, node, &s, depth + 1);
	} else {
		visit(w, json_object_get(node, "@graph"), depth + 1);
		visit(w, json_object_get(node, "mainEntity"), depth + 1);
	}
}

void
offers_read(struct offers *o, const char *page, size_t len, enum offer_key key,
    const char *path_key)
{
	struct markup m = {.at = page, .end = page + len};
	const char *text;
	char err[128];
	size_t n;

	o->n = 0;
	o->n_blocks = o->n_broken = o->n_keyless = o->n_left_out = 0;
	buf_reset(&o->texts);
	buf_char(&o->texts, '\0');
	while (markup_next(&m, &text, &n)) {
		json_t *root = n <= BLOCK_MAX ? json_read(text, n, err, sizeof(err)) : NULL;
		struct walk w = {.o = o, .root = root, .block = ++o->n_blocks, .key = key,
		    .path_key = path_key};

		if (root == NULL)
			o->n_broken++;
		else
			visit(&w, root, 0);
		json_decref(root);
	}
	o->n_blocks += m.n_unclosed;
	o->n_broken += m.n_unclosed;
}
