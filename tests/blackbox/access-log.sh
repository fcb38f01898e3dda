#!/usr/bin/env bash
# access-log.sh - a web server's log through the real agent into two api probes: rotations, truncations, kill -9 of any
# process, a time in which nobody ran, garbage. Each request is counted once by both, in the slot of its own time.
# Ends with "ok: N checks".
set -uo pipefail
. "$(dirname "$0")/../check.sh"
export TILLWATCH_CONFIG=$dir/shop.yaml TILLWATCH_SOCKET=$dir/agent.sock
cat >"$dir/shop.yaml" <<Y
shop: {name: acme}
agent: {store: {path: "$dir/store"}, api: {socket: "$dir/agent.sock"}}
systems: {storefront: {title: Vendure}}
sources:
  edge_log: {type: access_log, system: storefront, path: ["$dir/log/shop*.log"], interval: 500ms, lateness: 1s, history: 1d, ignore: ["/health/*"]}
probes:
  - name: shop-api
    plugin: api
    source: edge_log
    interval: 1s
    timeout: 900ms
    step: 1s
    routes: [{name: cart, path: "/api/cart/**"}, {name: search, path: /api/search}]
    outcome: {ignored: [404]}
    slo: {objective: 99.9%}
  - {name: all, plugin: api, source: edge_log, interval: 2s, timeout: 1s, step: 2s}
Y
chmod 600 "$dir/shop.yaml"
mkdir "$dir/log"
live=$dir/log/shop.log
start() {
  "$build/agent/tillwatchd" -c "$dir/shop.yaml" >>"$dir/agent.log" 2>&1 &
  agent=$!
}
hosts() { pgrep -P "$agent" -f tillwatch-host; }
value() { "$tillwatch" query "sum($1)" --json 2>/dev/null | sed -n 's/^ *"\([0-9.]*\)"$/\1/p'; }
total() { value "last_over_time(api_requests_total{probe=\"$1\"${2:-}}[3h])"; }
declare -A wrote
write() { # N SECONDS-AGO: requests, a second's worth each at most
  local i now status path
  now=$(date -u -d "@$(($(date +%s) - ${2:-0}))" +%d/%b/%Y:%H:%M:%S)
  for ((i = 0; i < $1; i++)); do
    case $((RANDOM % 8)) in
      0) path=/api/search status=500 ;;
      1) path=/api/cart/7/items status=200 ;;
      2) path=/wp-login.php status=404 ;;
      3) path=/p/1 status=429 ;;
      *) path=/api/search?q=tea status=200 ;;
    esac
    wrote[$status]=$((${wrote[$status]:-0} + 1))
    echo "10.0.0.$i - - [$now +0000] \"GET $path HTTP/1.1\" $status 12 \"-\" \"Mozilla/5.0\""
  done >>"$live"
  echo "10.0.0.1 - - [$now +0000] \"GET /health/db?x HTTP/1.1\" 500 12 \"-\" \"Mozilla/5.0\"" >>"$live"
}
sum() { echo $((${wrote[200]:-0} + ${wrote[404]:-0} + ${wrote[429]:-0} + ${wrote[500]:-0})); }
both() { [ "$(total shop-api)" = "$(sum)" ] && [ "$(total all)" = "$(sum)" ]; }
rotate() {
  sleep 0.02 # the order of two files is by their times, which have ticks of milliseconds
  rm -f "$live.60"* # so many that none goes before the agent has had a moment to read it
  for ((k = 59; k > 0; k--)); do
    [ -e "$live.$k" ] && mv "$live.$k" "$live.$((k + 1))"
    [ -e "$live.$k.gz" ] && mv "$live.$k.gz" "$live.$((k + 1)).gz"
  done
  mv "$live" "$live.1" && : >"$live"
  ((RANDOM % 2)) && gzip "$live.1"
  return 0
}

write 100 7200 # what was there before the first start is history, and counts for nobody
wrote=()
start
within 15 'the agent is up' "$tillwatch" probes
within 10 'one process for the log and both who read it' eval '[ "$(hosts | wc -l)" = 1 ]'
within 15 'and the log is open once in it' eval '[ "$(ls -l /proc/$(hosts)/fd | grep -c "$live")" = 1 ]'
rules() { curl -s --unix-socket "$dir/agent.sock" http://agent/api/v1/rules | jq -r '.data.groups[].rules[] | .name + " " + .labels.probe' | grep '^Api' | sort | tr '\n' ';'; }
[ "$(rules)" = 'ApiBudgetBurns shop-api;ApiBudgetLeaks shop-api;' ] || fail "default alerts are those of what is configured: $(rules)"
ok 'default alerts are those of what is configured'
sleep 1 # a request belongs to history or to now by the second
write 300
within 20 'both count what was written' both
for round in $(seq "${ROUNDS:-10}"); do
  for step in 1 2; do
    write $((RANDOM % 200))
    sleep "0.$((RANDOM % 5))"
  done
  case $((RANDOM % 5)) in
    0) kill -9 "$(hosts | head -1)" 2>/dev/null ;;
    1) kill -9 "$agent"; wait "$agent" 2>/dev/null; start ;;
    2) rotate ;;
    3) rotate; write 20; kill -9 "$agent"; wait "$agent" 2>/dev/null; rotate; write 20; start ;;
    *) within 40 'both count all before the file is cut' both
       cut=$(value 'last_over_time(access_log_truncations_total[3h])')
       : >"$live" # it is seen to be shorter before it grows again
       within 40 'that it is cut is seen' eval '[ "$(value "last_over_time(access_log_truncations_total[3h])")" -gt "${cut:-0}" ]' ;;
  esac
done
within 20 'the agent is up again' "$tillwatch" probes
within 90 "each of $(sum) requests counts once for both" both
within 10 'errors by what they are' eval '[ "$(total shop-api ",outcome=\"server_error\"")" = "${wrote[500]}" ]'
within 10 'throttled apart' eval '[ "$(total shop-api ",outcome=\"throttled\"")" = "${wrote[429]}" ]'
within 10 'what is ignored apart' eval '[ "$(total shop-api ",outcome=\"ignored\"")" = "${wrote[404]}" ]'
within 10 'and what nobody wants to see is in no count but its own' eval '[ "$(value "last_over_time(access_log_lines_total{result=\"ignored\"}[3h])")" -gt 0 ]'
within 10 'routes by their patterns, without the query' eval '[ "$(total shop-api ",route=\"search\",outcome=\"server_error\"")" = "${wrote[500]}" ]'

# Nobody runs; requests come. Afterwards each is in the slot of its own time.
kill "$agent"; wait "$agent" 2>/dev/null; agent=''
before=$(sum)
at=()
for k in 1 2 3; do
  write 10
  at+=("$(date +%s)")
  sleep 3
done
start
within 30 'the agent is up again' "$tillwatch" probes
within 60 'what came meanwhile is counted' both
as_of() { value "api_requests_total{probe=\"shop-api\"} @ $((at[$1] + 2))"; }
within 20 'in the slots of its own time: the first' eval '[ "$(as_of 0)" = '$((before + 10))' ]'
within 20 'the second' eval '[ "$(as_of 1)" = '$((before + 20))' ]'

printf 'garbage\n\0\0\n\e[31mred\n%s\n' "$(head -c 200000 /dev/zero | tr '\0' x)" >>"$live"
echo '1.1.1.1 - - [10/Oct/2099:13:55:36 +0000] "GET / HTTP/1.1" 200 1 "-" "x"' >>"$live"
write 5
within 30 'garbage between requests changes no number' both
within 10 'and is counted' eval '[ "$(value "access_log_lines_total{result=\"unparsed\"}")" -ge 3 ]'
within 10 'a line that is too long too' eval '[ "$(value "access_log_lines_total{result=\"too_long\"}")" -ge 1 ]'
within 10 'and one from the future' eval '[ "$(value "access_log_lines_total{result=\"future\"}")" = 1 ]'
within 90 'the budget burns, and says so, when the minute is over' eval '[[ "$("$tillwatch" status)" = *shop-api*budget* ]]'
ended
