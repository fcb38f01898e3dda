#!/usr/bin/env bash
# sources.sh - one source, two readers, the real agent: whatever process is killed with -9, and whenever, each line is
# counted exactly once by both, in the slot of its own time. Ends with "ok: N checks".
set -uo pipefail
. "$(dirname "$0")/../check.sh"
mkdir "$dir/plugins" && cp "$build"/tests/plugins/.libs/tp_{source,reader}.so "$dir/plugins" && chmod 700 "$dir/plugins"
export TILLWATCH_CONFIG=$dir/shop.yaml TILLWATCH_SOCKET=$dir/agent.sock
export TILLWATCH_PLUGINS=$dir/plugins
configuration() { # $1: more probes
  cat >"$dir/shop.yaml" <<Y
shop: {name: acme}
agent: {store: {path: "$dir/store"}, api: {socket: "$dir/agent.sock"}}
systems: {storefront: {title: Vendure}}
sources:
  lines: {type: tp_source, system: storefront, path: "$dir/lines.log", interval: 300ms}
probes:
  - {name: one, plugin: tp_reader, source: lines, interval: 1s, timeout: 900ms}
  - {name: two, plugin: tp_reader, source: lines, interval: 700ms, timeout: 600ms}
$1
Y
  chmod 600 "$dir/shop.yaml"
}
start() {
  "$build/agent/tillwatchd" -c "$dir/shop.yaml" >>"$dir/agent.log" 2>&1 &
  agent=$!
}
hosts() { pgrep -P "$agent" -f tillwatch-host; }
value() { "$tillwatch" query "sum($1)" --json 2>/dev/null | sed -n 's/^ *"\([0-9]*\)"$/\1/p'; }
write() { # N lines of now
  local i now
  now=$(date +%s%3N)
  for ((i = 0; i < $1; i++)); do
    if ((RANDOM % 3)); then echo "$now a$i"; else echo "$now b$i"; fi
  done >>"$dir/lines.log"
}
later() { sleep 1.1; write 1; } # what may come in two parts is whole when something of a later second stands behind it
both() { [ "$(value 'last_over_time(reader_records_total{probe="one"}[1h])')" = "$1" ] && [ "$(value 'last_over_time(reader_records_total{probe="two"}[1h])')" = "$1" ]; }

: >"$dir/lines.log"
configuration ''
start
within 15 'the agent is up' "$tillwatch" probes
within 10 'one process for the source and both who read it' eval '[ "$(hosts | wc -l)" = 1 ]'
write 500
later
within 20 'both count what was written' both 501
total=501
for round in $(seq "${ROUNDS:-12}"); do
  for step in 1 2 3; do
    k=$((RANDOM % 400))
    write "$k"
    total=$((total + k))
    sleep "0.$((RANDOM % 5))"
  done
  case $((RANDOM % 3)) in
    0) kill -9 "$(hosts | head -1)" 2>/dev/null ;;
    1) kill -9 "$agent"; wait "$agent" 2>/dev/null; start ;;
    *) configuration "  - {name: extra$round, plugin: tp_reader, source: lines, interval: 1s, timeout: 900ms}"
       "$tillwatch" reload >"$dir/out" 2>&1 || true ;;
  esac
done
within 20 'the agent is up again' "$tillwatch" probes
later
total=$((total + 1))
within 90 "each of $total lines counts once for both, whoever was killed" both "$total"
sum=$(awk '{ n[substr($2, 1, 1)]++ } END { print n["a"] + 0 }' "$dir/lines.log")
within 10 'by word too' eval '[ "$(value "last_over_time(reader_records_total{probe=\"one\", word=\"a\"}[1h])")" = "$sum" ]'
ended
