# docs/local.mk - the documents, manual pages, and what is checked of them.
dist_man_MANS += docs/man/tillwatch.1 docs/man/tillwatch.yaml.5 docs/man/tillwatch-plugin.7 docs/man/tillwatchd.8
dist_doc_DATA = docs/API.md docs/ARCHITECTURE.md docs/METRICS.md docs/PLUGINS.md docs/WEBHOOK.md \
	docs/webhook.schema.json
EXTRA_DIST += docs/dashboard.svg tests/docs tests/docs.d/listings.py tests/docs.d/listings.sh tests/docs.d/schema.py \
	tests/docs.d/world.sh

TESTS += tests/docs
# What receivers of webhooks copy; also a way to see one before there is a receiver.
verifyexamplesdir = $(docdir)/examples
dist_verifyexamples_DATA = docs/examples/verify.go docs/examples/verify.mjs docs/examples/verify.py docs/examples/backup.py
TESTS += tests/blackbox/verify.sh
EXTRA_DIST += tests/blackbox/verify.sh
