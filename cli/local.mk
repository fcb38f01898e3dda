# cli/local.mk - tillwatch: one file a verb.
INIT_SOURCES = cli/init.h cli/init-fetch.c cli/init-links.c cli/init-look.c cli/init-next.c cli/init-page.c \
	cli/init-platform.c cli/init-write.c $(UNPACK_SOURCES)
bin_PROGRAMS += cli/tillwatch
cli_tillwatch_SOURCES = \
	cli/agent-run.c \
	cli/agent-run.h \
	cli/cli.h \
	cli/client.c \
	cli/cmd-alerts.c \
	cli/cmd-check.c \
	cli/cmd-completion.c \
	cli/cmd-config.c \
	cli/cmd-db.c \
	cli/cmd-doctor.c \
	cli/cmd-init.c \
	cli/cmd-map.c \
	cli/cmd-notify.c \
	cli/cmd-plugin.c \
	cli/cmd-probes.c \
	cli/cmd-query.c \
	cli/cmd-reload.c \
	cli/cmd-rules.c \
	cli/cmd-run.c \
	cli/cmd-schema.c \
	cli/cmd-source.c \
	cli/cmd-status.c \
	cli/cmd-top.c \
	cli/doctor.h cli/doctor-agent.c \
	cli/help-json.c \
	$(INIT_SOURCES) \
	cli/main.c \
	cli/map.h \
	cli/map-draw.c \
	cli/map-live.c \
	cli/print.c \
	cli/shops.c \
	cli/status.h cli/status-screen.c cli/status-shops.c \
	cli/waterfall.c cli/waterfall.h
nodist_cli_tillwatch_SOURCES = cli/init-examples.c
cli_tillwatch_CPPFLAGS = $(AM_CPPFLAGS) -DTW_SBINDIR='"$(sbindir)"' -DTW_DOCDIR='"$(docdir)"'
cli_tillwatch_CFLAGS = $(AM_CFLAGS) $(CURL_CFLAGS) $(JANSSON_CFLAGS) $(ZLIB_CFLAGS)
cli_tillwatch_LDADD = tui/libtwtui.la agent/store/libtwstore.la config/libtwconfig.la lib/libtw.la $(CURL_LIBS) $(JANSSON_LIBS) $(SQLITE_LIBS) \
	$(UTF8PROC_LIBS) $(NCURSES_LIBS) $(ZLIB_LIBS) -lpthread -lm

# What `init` says of a platform's sources is what config/examples/ says: one array of lines a file.
INIT_EXAMPLES = $(srcdir)/config/examples/magento.yaml $(srcdir)/config/examples/medusa.yaml \
	$(srcdir)/config/examples/plain.yaml $(srcdir)/config/examples/shopify.yaml \
	$(srcdir)/config/examples/shopware.yaml $(srcdir)/config/examples/vendure.yaml \
	$(srcdir)/config/examples/woocommerce.yaml
CLEANFILES += cli/init-examples.c
cli/init-examples.c: $(srcdir)/cli/init-examples.awk $(INIT_EXAMPLES)
	$(AM_V_GEN)$(MKDIR_P) cli && awk -f $(srcdir)/cli/init-examples.awk $(INIT_EXAMPLES) >$@.new && mv $@.new $@
EXTRA_DIST += cli/init-examples.awk

TESTS += tests/blackbox/map.sh
EXTRA_DIST += tests/blackbox/map.sh

TESTS += tests/blackbox/doctor.sh
EXTRA_DIST += tests/blackbox/doctor.sh

TESTS += tests/blackbox/config-upgrade.sh
EXTRA_DIST += tests/blackbox/config-upgrade.sh

TESTS += tests/blackbox/status.sh
EXTRA_DIST += tests/blackbox/status.sh

# What programs, shells and readers get of the verbs.
TESTS += tests/blackbox/verbs.sh
EXTRA_DIST += tests/blackbox/verbs.sh tests/blackbox/verbs.py

# What `init` makes of pages; and the whole verb against a shop that counts who asks, and when.
check_PROGRAMS += tests/unit/test-init
TESTS += tests/unit/test-init tests/blackbox/init.sh
tests_unit_test_init_SOURCES = tests/unit/test-init.c $(INIT_SOURCES)
nodist_tests_unit_test_init_SOURCES = cli/init-examples.c
tests_unit_test_init_CPPFLAGS = $(AM_CPPFLAGS) -DTW_DOCDIR='"$(docdir)"'
tests_unit_test_init_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(CURL_CFLAGS) $(JANSSON_CFLAGS) $(ZLIB_CFLAGS)
tests_unit_test_init_LDADD = config/libtwconfig.la lib/libtw.la $(CMOCKA_LIBS) $(CURL_LIBS) $(JANSSON_LIBS) $(ZLIB_LIBS) -lm
EXTRA_DIST += tests/blackbox/init.sh tests/shop/init-shop.py

# A page of a stranger's shop becomes YAML.
check_PROGRAMS += tests/fuzz/fuzz-init
TESTS += tests/fuzz/fuzz-init
tests_fuzz_fuzz_init_SOURCES = tests/fuzz/fuzz-init.c $(INIT_SOURCES) $(FUZZ_MAIN)
nodist_tests_fuzz_fuzz_init_SOURCES = cli/init-examples.c
tests_fuzz_fuzz_init_CPPFLAGS = $(AM_CPPFLAGS) -DTW_DOCDIR='"$(docdir)"'
tests_fuzz_fuzz_init_CFLAGS = $(AM_CFLAGS) $(CURL_CFLAGS) $(JANSSON_CFLAGS) $(ZLIB_CFLAGS)
tests_fuzz_fuzz_init_LDFLAGS = $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_init_LDADD = config/libtwconfig.la lib/libtw.la $(CURL_LIBS) $(JANSSON_LIBS) $(ZLIB_LIBS) -lm
EXTRA_DIST += tests/fuzz/corpus/init
