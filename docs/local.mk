# docs/local.mk - manual pages, and what is checked of the documents.
dist_man_MANS += docs/man/tillwatch.1 docs/man/tillwatch.yaml.5 docs/man/tillwatch-plugin.7 docs/man/tillwatchd.8
dist_doc_DATA = docs/API.md docs/ARCHITECTURE.md docs/METRICS.md docs/PLUGINS.md docs/WEBHOOK.md \
	docs/webhook.schema.json
EXTRA_DIST += docs/dashboard.svg tests/docs

TESTS += tests/docs
