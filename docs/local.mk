# docs/local.mk - the documents, manual pages, and what is checked of them.
dist_man_MANS += docs/man/tillwatch.1 docs/man/tillwatch.yaml.5 docs/man/tillwatch-plugin.7 docs/man/tillwatchd.8
dist_doc_DATA = docs/API.md docs/API_HEALTH.md docs/ARCHITECTURE.md docs/CHECKOUT.md docs/GETTING_STARTED.md docs/INVENTORY.md \
	docs/METRICS.md docs/OPERATIONS.md docs/PLUGINS.md docs/PRIVACY.md docs/STOREFRONT.md docs/SYNTHETIC.md docs/WEBHOOK.md docs/WORDS.md \
	docs/webhook.schema.json
grafanadir = $(docdir)/grafana
dist_grafana_DATA = docs/grafana/tillwatch.json
prometheusdir = $(docdir)/prometheus
dist_prometheus_DATA = docs/prometheus/rules.yaml docs/prometheus/rules-test.yaml
EXTRA_DIST += docs/dashboard.svg tests/docs tests/docs.d/listings.py tests/docs.d/listings.sh tests/docs.d/schema.py \
	tests/docs.d/world.sh tests/docs.d/dashboards.py \
	tests/docs.d/dashboards.sh

TESTS += tests/docs
# What receivers of webhooks copy; also a way to see one before there is a receiver.
verifyexamplesdir = $(docdir)/examples
dist_verifyexamples_DATA = docs/examples/verify.go docs/examples/verify.mjs docs/examples/verify.py docs/examples/backup.py
TESTS += tests/blackbox/verify.sh
# backup.sh makes a past by preloading, which sanitizers do not bear: scripts/test runs it.
EXTRA_DIST += tests/blackbox/verify.sh tests/blackbox/backup.sh
