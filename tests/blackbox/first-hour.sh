#!/usr/bin/env bash
# first-hour.sh - the first hour at one's own shop, twice: with what `tillwatch init` writes, and with the lines that the README has.
# Nothing is edited but the receiver's url (and, of the README's, the shop's); `check` is clean; every page has its series within
# five minutes; a shop that goes down pages, and when it is back that is told, too. Nobody waits for the minutes between two runs:
# they leap (tests/leap.h). What a run takes, it takes.
set -uo pipefail
. "$(dirname "$0")/../check.sh"
evidence() { tail -5 "$dir/agent.log"; }
# leaps LIMIT NAME COMMAND...: it succeeds within so many seconds of the clock that leaps
leaps() {
  local took
  took=$(leap_till "$1" "${@:3}") || { echo "$took"; "$tillwatch" status; fail "$2: not within $1 s"; }
  ok "$2: after $took s"
}
export NO_COLOR=1 TILLWATCH_SOCKET=$dir/agent.sock

. "$top/tests/leap.sh"
leap_start || fail 'there is a clock'
"${then[@]}" "$build/tests/shop/tillwatch-shop" --dir "$dir" --pace 0 --ready-file "$dir/shop.json" --max-seconds 86400 >"$dir/shop.log" 2>&1 &
within 20 'the shop is up' test -s "$dir/shop.json"
shop=http://127.0.0.1:$(jq -r .http_port "$dir/shop.json")
fault() { curl -sf -d "$1" "$shop/control/fault" >/dev/null || fail 'the shop breaks'; }
heal() { curl -sf -X POST "$shop/control/heal" >/dev/null || fail 'the shop is mended'; }
# The store and the socket have to be the test's own; they stand beside the file, in conf.d.
begin() { # FOLDER
  mkdir -p "$1/conf.d"
  printf 'agent: {store: {path: "%s"}, api: {socket: "%s"}}\n' "$1/store" "$dir/agent.sock" >"$1/conf.d/test.yaml"
  TILLWATCH_HOST=$dir/host "${then[@]}" "$build/agent/tillwatchd" -c "$1/shop.yaml" >"$dir/agent.log" 2>&1 &
  agent=$!
  within 20 'the agent is up' eval '"$tillwatch" probes | grep -q storefront'
}
end() { kill "$agent"; wait "$agent" 2>/dev/null; like "$1" $? 0; agent=''; : >"$dir/webhooks.jsonl"; }
query() { "${then[@]}" "$tillwatch" query "$1" --json 2>/dev/null | jq -r '.result[0].value[1]'; }
series() { [ "$(query 'count(storefront_ttfb_seconds)')" = "$1" ]; }
well() { [ "$(query 'min(storefront_up)')" = 1 ]; }
told() { jq -es --arg status "$1" 'any(.[].body | if type == "string" then fromjson else . end | .alerts[];
  .status == $status and .labels.alertname == "StorefrontDown")' "$dir/webhooks.jsonl"; }
clean() { # NAME FOLDER: no error, and no warning
  like "$1" "$("$tillwatch" check -c "$2/shop.yaml" --json | jq -c '[.ok, .errors, .footprint.warnings]')" '[[]true,[[]],[[]]]'
  like "$1: it ends with the footprint, and no other word" "$("$tillwatch" check -c "$2/shop.yaml" 2>&1 | grep -ciE 'warn|error')" 0
}

# --- the README's lines ----------------------------------------------------------------------------------------------
product=$(curl -s "$shop/p/" | grep -o '/p/[a-z0-9-]*' | sort -u | while read -r p; do curl -s "$shop$p" | grep -q 'Add to cart' && { echo "$p"; break; }; done)
[ -n "$product" ] || fail 'the shop has something in stock'
mkdir "$dir/six"
awk '/^shop: \{name: acme\}$/ { is_on = 1 } is_on && /^```$/ { exit } is_on' "$top/README.md" >"$dir/six/README"
like 'the README has a configuration of six lines at most' "$(wc -l <"$dir/six/README")" '[4-6]'
sed -e "s#https://shop.example/products/laptop#$shop$product#" -e "s#https://pager.example/hook#$shop/hook/oncall#" "$dir/six/README" >"$dir/six/shop.yaml"
like 'two addresses are changed' "$(diff "$dir/six/README" "$dir/six/shop.yaml" | grep -c '^>')" 2
clean 'six lines: check is clean' "$dir/six"
begin "$dir/six"
leaps 300 'six lines: the page has its series' series 1
fault '{"name": "status", "status": 500}'
leaps 300 'six lines: a shop that is down pages' told firing
like 'six lines: one message' "$(wc -l <"$dir/webhooks.jsonl")" 1
heal
leaps 900 'six lines: and it is told that it is back' told resolved
end 'six lines: the agent ends well'

# --- what init writes --------------------------------------------------------------------------------------------------
mkdir "$dir/init"
"$tillwatch" init "$shop" -o "$dir/init/written" --json >"$dir/init.json" 2>"$dir/init.said" || { cat "$dir/init.said"; fail 'init'; }
like 'init names the platform' "$(jq -r '.platform.name, .platform.title' "$dir/init.json" | tr '\n' ',')" 'unknown,a shop of its own,'
like 'it finds five pages' "$(jq '.pages | length' "$dir/init.json")" 5
sed "s#https://pager.example/hook#$shop/hook/oncall#" "$dir/init/written" >"$dir/init/shop.yaml"
like "nothing is edited but the receiver's url" "$(diff "$dir/init/written" "$dir/init/shop.yaml" | grep '^[<>]' | tr -d '\n')" \
  "<   oncall: {type: webhook, url: \"https://pager.example/hook\"}>   oncall: {type: webhook, url: \"$shop/hook/oncall\"}"
clean 'init: check is clean' "$dir/init"
begin "$dir/init"
leaps 300 'init: each page has its series' series 5
leaps 300 'init: and all are well' well
like 'init: nobody was paged' "$(wc -l <"$dir/webhooks.jsonl")" 0
fault '{"name": "status", "status": 500}'
leaps 300 'init: a shop that is down pages' told firing
heal
leaps 900 'init: and it is told that it is back' told resolved
leaps 300 'init: all are well again' well
end 'init: the agent ends well'
ended
