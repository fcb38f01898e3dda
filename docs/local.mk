# docs/local.mk - the documents, manual pages, and what is checked of them.
dist_man_MANS += docs/man/tillwatch.1 docs/man/tillwatch.yaml.5 docs/man/tillwatch-plugin.7 docs/man/tillwatch-host.8 \
	docs/man/tillwatchd.8
# Made by scripts/manual-verbs; tests/docs says when they are not what it makes.
dist_man_MANS += docs/man/tillwatch-alerts.1 docs/man/tillwatch-check.1 docs/man/tillwatch-completion.1 docs/man/tillwatch-config.1 docs/man/tillwatch-db.1 \
	docs/man/tillwatch-doctor.1 docs/man/tillwatch-init.1 docs/man/tillwatch-map.1 docs/man/tillwatch-notify.1 \
	docs/man/tillwatch-plugin.1 docs/man/tillwatch-probes.1 docs/man/tillwatch-query.1 docs/man/tillwatch-reload.1 \
	docs/man/tillwatch-rules.1 docs/man/tillwatch-run.1 docs/man/tillwatch-schema.1 docs/man/tillwatch-source.1 \
	docs/man/tillwatch-status.1 docs/man/tillwatch-top.1
# The JSON of the verbs, and of the API that they ask.
schemasdir = $(docdir)/schemas
dist_schemas_DATA = docs/schemas/alerts.json docs/schemas/check.json docs/schemas/config-upgrade.json docs/schemas/db-check.json docs/schemas/doctor.json \
	docs/schemas/error.json docs/schemas/help.json docs/schemas/init.json docs/schemas/map-coverage.json \
	docs/schemas/map.json docs/schemas/notify-test.json docs/schemas/notify.json docs/schemas/plugin-retry.json \
	docs/schemas/plugin.json docs/schemas/probes.json docs/schemas/query.json docs/schemas/reload.json \
	docs/schemas/rules.json docs/schemas/run.json docs/schemas/schema.json docs/schemas/source-try.json \
	docs/schemas/status-shop.json docs/schemas/status.json
dist_doc_DATA = docs/API.md docs/API_HEALTH.md docs/ARCHITECTURE.md docs/CHECKOUT.md docs/GETTING_STARTED.md docs/INVENTORY.md \
	docs/METRICS.md docs/OPERATIONS.md docs/PLUGINS.md docs/PRIVACY.md docs/STOREFRONT.md docs/SYNTHETIC.md docs/WEBHOOK.md docs/WORDS.md \
	docs/webhook.schema.json
grafanadir = $(docdir)/grafana
dist_grafana_DATA = docs/grafana/tillwatch.json
prometheusdir = $(docdir)/prometheus
dist_prometheus_DATA = docs/prometheus/rules.yaml docs/prometheus/rules-test.yaml docs/prometheus/rules-test-week.yaml
EXTRA_DIST += docs/dashboard.svg docs/verbs tests/docs tests/docs.d/listings.py tests/docs.d/listings.sh tests/docs.d/schema.py \
	tests/docs.d/world.sh tests/docs.d/dashboards.py \
	tests/docs.d/dashboards.sh

TESTS += tests/docs
# What receivers of webhooks copy; also a way to see one before there is a receiver.
verifyexamplesdir = $(docdir)/examples
dist_verifyexamples_DATA = docs/examples/verify.go docs/examples/verify.mjs docs/examples/verify.py docs/examples/backup.py
TESTS += tests/blackbox/verify.sh
# backup.sh makes a past by preloading, which sanitizers do not bear: scripts/test runs it.
EXTRA_DIST += tests/blackbox/verify.sh tests/blackbox/backup.sh
