# tests/shop/local.mk - the demo shop: what tests, benches and the demo watch.
SHOP_CFLAGS = $(AM_CFLAGS) $(MHD_CFLAGS) $(JANSSON_CFLAGS) $(SSL_CFLAGS) $(CRYPTO_CFLAGS)
# GnuTLS is what libmicrohttpd speaks TLS with; hostile bytes go into its sessions.
SHOP_LIBS = $(MHD_LIBS) -lgnutls $(JANSSON_LIBS) $(SSL_LIBS) $(CRYPTO_LIBS) -lm -lpthread

noinst_LTLIBRARIES += tests/shop/libshop.la
tests_shop_libshop_la_SOURCES = \
	tests/shop/access.c \
	tests/shop/answer.c \
	tests/shop/bomb.c \
	tests/shop/cart.c tests/shop/cart.h \
	tests/shop/catalog.c \
	tests/shop/cert.c \
	tests/shop/control.c \
	tests/shop/fault.c tests/shop/fault.h \
	tests/shop/front.c \
	tests/shop/graphql.c \
	tests/shop/hook.c \
	tests/shop/hostile.c tests/shop/hostile.h \
	tests/shop/listen.c \
	tests/shop/pages.c \
	tests/shop/plan.c \
	tests/shop/polite.c \
	tests/shop/raw.c \
	tests/shop/route.c \
	tests/shop/sign.c tests/shop/sign.h \
	tests/shop/sink.c \
	tests/shop/util.c \
	tests/shop/visitors.c \
	tests/shop/walls.c \
	tests/shop/shop.h
tests_shop_libshop_la_CFLAGS = $(SHOP_CFLAGS)
tests_shop_libshop_la_LIBADD = lib/libtw.la $(SHOP_LIBS)

noinst_PROGRAMS += tests/shop/tillwatch-shop
tests_shop_tillwatch_shop_SOURCES = tests/shop/main.c
tests_shop_tillwatch_shop_CFLAGS = $(SHOP_CFLAGS)
tests_shop_tillwatch_shop_LDADD = tests/shop/libshop.la

check_PROGRAMS += tests/unit/test-shop
TESTS += tests/unit/test-shop tests/blackbox/shop.sh
tests_unit_test_shop_SOURCES = tests/unit/test-shop.c
tests_unit_test_shop_CFLAGS = $(SHOP_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_shop_LDADD = tests/shop/libshop.la $(CMOCKA_LIBS)

EXTRA_DIST += tests/blackbox/shop.sh tests/shop/README.md
