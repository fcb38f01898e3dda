# dashboards.sh - the Grafana dashboard and the rules for Prometheus: a real agent evaluates each expression, each metric is one of
# METRICS.md, panels find something in the demo shop, promtool takes the rules and their tests. Sourced by
# listings.sh, while pages run.
rules=docs/prometheus/rules.yaml
promtool check rules "$rules" >"$dir/out" 2>&1 && good || bad "$rules: $(tail -n 3 "$dir/out")"
(cd docs/prometheus && promtool test rules rules-test.yaml) >"$dir/out" 2>&1 && good || bad "docs/prometheus/rules-test.yaml: $(tail -n 12 "$dir/out")"
printf 'shop: {name: example}\nrules: ["%s"]\nprobes: [{name: any, plugin: storefront, url: "http://a/"}]\n' "$top/$rules" >"$dir/with-rules.yaml"
chmod 600 "$dir/with-rules.yaml"
tillwatch check "$dir/with-rules.yaml" >"$dir/out" 2>&1 && good || bad "$rules: the agent does not take it: $(head -n 3 "$dir/out")"
python3 tests/docs.d/dashboards.py docs/grafana/tillwatch.json "$rules" >"$dir/expressions" 2>"$dir/err" && good || bad "$(cat "$dir/err")"
[ "$(wc -l <"$dir/expressions")" -ge 50 ] && good || bad "only $(wc -l <"$dir/expressions") expressions were found in dashboard and rules"
while IFS=$'\t' read -r place how expression; do
  evaluate "$place" "$expression"
  [ "$how" = any ] || until_ok 150 world_asks "$expression" && good || bad "$place: it finds nothing: $expression"
done <"$dir/expressions"
