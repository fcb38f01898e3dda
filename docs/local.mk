# docs/local.mk - manual pages, and what is checked of the documents.
dist_man_MANS += docs/man/tillwatch.1 docs/man/tillwatchd.8
EXTRA_DIST += docs/API.md docs/ARCHITECTURE.md docs/METRICS.md docs/dashboard.svg
