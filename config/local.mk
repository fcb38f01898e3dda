# config/local.mk - how tillwatch is configured.
noinst_LTLIBRARIES += config/libtwconfig.la
config_libtwconfig_la_SOURCES = config/check.c config/check.h config/config.h config/errors.c config/errors.h \
	config/flows.c config/flows.h config/folders.c config/instance.c config/instance.h config/load.c config/map.c config/map.h config/map-check.c config/map-json.c config/schema.c config/schema.h config/schema-words.c config/secret.c config/secret.h config/table.c config/upgrade.c config/upgrade.h config/upgrade-diff.c config/upgrade-write.c \
	config/word-table.c config/words.c config/words.h config/yaml.c config/yaml.h
config_libtwconfig_la_CFLAGS = $(AM_CFLAGS) $(YAML_CFLAGS) $(JANSSON_CFLAGS)
config_libtwconfig_la_LIBADD = $(YAML_LIBS) $(JANSSON_LIBS)
EXTRA_DIST += config/demo.yaml
examplesdir = $(docdir)/examples
dist_examples_DATA = config/tillwatch.yaml config/examples/magento.yaml config/examples/medusa.yaml \
	config/examples/plain.yaml config/examples/shopify.yaml config/examples/shopware.yaml \
	config/examples/vendure.yaml config/examples/woocommerce.yaml
# Each of them is taken by `tillwatch check`, and says whether it was tried.
TESTS += tests/blackbox/examples.sh
EXTRA_DIST += tests/blackbox/examples.sh

check_PROGRAMS += tests/unit/test-config tests/unit/test-instance tests/unit/test-map tests/unit/test-units tests/unit/test-upgrade tests/fuzz/fuzz-config
TESTS += tests/unit/test-config tests/unit/test-instance tests/unit/test-map tests/unit/test-units tests/unit/test-upgrade tests/fuzz/fuzz-config
tests_unit_test_config_SOURCES = tests/unit/test-config.c
tests_unit_test_config_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_config_LDADD = config/libtwconfig.la lib/libtw.la $(CMOCKA_LIBS)
# With folders of its own in place of config/folders.c.
tests_unit_test_instance_SOURCES = tests/unit/test-instance.c tests/shops/folders.c
tests_unit_test_instance_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_instance_LDADD = config/libtwconfig.la lib/libtw.la $(CMOCKA_LIBS)
tests_unit_test_map_SOURCES = tests/unit/test-map.c
tests_unit_test_map_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_map_LDADD = config/libtwconfig.la lib/libtw.la $(CMOCKA_LIBS)
tests_unit_test_units_SOURCES = tests/unit/test-units.c
tests_unit_test_units_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_units_LDADD = lib/libtw.la $(CMOCKA_LIBS)
tests_unit_test_upgrade_SOURCES = tests/unit/test-upgrade.c
tests_unit_test_upgrade_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_test_upgrade_LDADD = config/libtwconfig.la lib/libtw.la $(CMOCKA_LIBS) $(JANSSON_LIBS)
tests_fuzz_fuzz_config_SOURCES = tests/fuzz/fuzz-config.c $(FUZZ_MAIN)
tests_fuzz_fuzz_config_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
tests_fuzz_fuzz_config_LDFLAGS = $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_config_LDADD = config/libtwconfig.la lib/libtw.la

# Old words, wherever they stand, are rewritten without changing what a file means.
check_PROGRAMS += tests/fuzz/fuzz-upgrade
TESTS += tests/fuzz/fuzz-upgrade
tests_fuzz_fuzz_upgrade_SOURCES = tests/fuzz/fuzz-upgrade.c $(FUZZ_MAIN)
tests_fuzz_fuzz_upgrade_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
tests_fuzz_fuzz_upgrade_LDFLAGS = $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_upgrade_LDADD = config/libtwconfig.la lib/libtw.la $(JANSSON_LIBS)
EXTRA_DIST += tests/fuzz/corpus/upgrade
