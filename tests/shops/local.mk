# tests/shops/local.mk - agent and command line with folders of a test: the objects that are installed, but for
# config/folders.c. So the places of several shops are tried without touching those of the machine.
check_PROGRAMS += tests/shops/cli/tillwatch tests/shops/agent/tillwatchd
tests_shops_cli_tillwatch_SOURCES = tests/shops/folders.c
tests_shops_cli_tillwatch_LDADD = $(cli_tillwatch_OBJECTS) $(cli_tillwatch_LDADD)
tests_shops_agent_tillwatchd_SOURCES = tests/shops/folders.c
tests_shops_agent_tillwatchd_LDADD = $(agent_tillwatchd_OBJECTS) $(agent_tillwatchd_LDADD)

TESTS += tests/blackbox/shops.sh
EXTRA_DIST += tests/blackbox/shops.sh
