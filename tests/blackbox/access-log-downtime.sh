#!/usr/bin/env bash
# access-log-downtime.sh - two hours in which nobody ran: an agent that lives two hours and ten minutes ago (tests/past.c)
# reads a log and stops; requests go on, the log is rotated every twenty minutes, every other one compressed; an agent of
# now reads on. Each of 120 minutes has the requests that were made in it, for both who read the log.
# Ends with "ok: N checks".
set -uo pipefail
. "$(dirname "$0")/../check.sh"
past=7800
export TILLWATCH_CONFIG=$dir/shop.yaml TILLWATCH_SOCKET=$dir/agent.sock
then=(env LD_PRELOAD="$build/tests/.libs/past.so" PAST_SECONDS=$past)
[ "$("${then[@]}" date +%s)" -lt $(($(date +%s) - past + 5)) ] || fail 'tests/past.so does not work'
# Hosts get no environment: a program between puts it into theirs.
cat >"$dir/past-host" <<H
#!/bin/sh
LD_PRELOAD=$build/tests/.libs/past.so PAST_SECONDS=$past exec "$build/tillwatch-host" "\$@"
H
chmod 755 "$dir" "$dir/past-host"
mkdir "$dir/log"
live=$dir/log/shop.log
cat >"$dir/shop.yaml" <<Y
shop: {name: acme}
agent: {store: {path: "$dir/store"}, api: {socket: "$dir/agent.sock"}}
systems: {storefront: {title: Vendure}}
sources:
  edge_log: {type: access_log, system: storefront, path: ["$live"], interval: 500ms, lateness: 1s, history: 1d}
probes:
  - {name: by-minute, plugin: api, source: edge_log, interval: 1s, timeout: 900ms, step: 1m, routes: [{name: cart, path: "/cart/**"}]}
  - {name: again, plugin: api, source: edge_log, interval: 2s, timeout: 1s, step: 1m}
Y
chmod 600 "$dir/shop.yaml"
write() { # AT N [AGAIN]: N requests of that second
  local i when
  when=$(date -u -d "@$1" +%d/%b/%Y:%H:%M:%S)
  for ((i = 0; i < $2; i++)); do
    echo "10.0.0.$i - - [$when +0000] \"GET /$([ $((i % 3)) = 0 ] && echo cart/7 || echo p/$i) HTTP/1.1\" 200 12 \"-\" \"Mozilla/5.0\""
  done >>"$live"
}

# Two hours and ten minutes ago
: >"$live"
TILLWATCH_HOST=$dir/past-host "${then[@]}" "$build/agent/tillwatchd" -c "$dir/shop.yaml" >>"$dir/agent.log" 2>&1 &
agent=$!
within 20 'an agent of two hours ago is up' "$tillwatch" probes
as_then() { "${then[@]}" "$tillwatch" query "$1" --json 2>/dev/null | sed -n 's/^ *"\([0-9.]*\)"$/\1/p'; }
within 20 'its host has looked' eval '[ -n "$(as_then access_log_files)" ]'
sleep 1 # a request belongs to history or to then by the second
first=$(($(date +%s) - past))
write "$first" 7
within 20 'it reads the log' eval '[ "$(as_then "sum(access_log_lines_total)")" = 7 ]'
kill "$agent"; wait "$agent" 2>/dev/null; agent=''

# Nobody runs: a request or more in each minute, and six rotations
minute=$(((first / 60 + 2) * 60))
declare -A made
total=7
for ((m = 0; m < 120; m++)); do
  at=$((minute + 60 * m))
  made[$m]=$((1 + RANDOM % 40))
  total=$((total + made[$m]))
  write $((at + RANDOM % 30)) $((made[$m] / 2))
  write $((at + 30 + RANDOM % 30)) $((made[$m] - made[$m] / 2))
  if [ $((m % 20)) = 19 ]; then
    for k in 5 4 3 2 1; do
      for ending in '' .gz; do [ -e "$live.$k$ending" ] && mv "$live.$k$ending" "$live.$((k + 1))$ending"; done
    done
    touch -d "@$((at + 59))" "$live"
    mv "$live" "$live.1" && : >"$live"
    [ $((m % 40)) = 19 ] && gzip "$live.1"
  fi
done
ls -l --time-style=+%H:%M "$dir/log" >"$dir/files"

TILLWATCH_HOST=$build/tillwatch-host "$build/agent/tillwatchd" -c "$dir/shop.yaml" >>"$dir/agent.log" 2>&1 &
agent=$!
within 20 'an agent of now is up' "$tillwatch" probes
for probe in by-minute again; do
  within 60 "$probe counts each of $total requests" eval '[ "$(value "sum(last_over_time(api_requests_total{probe=\"'$probe'\"}[3h]))")" = "$total" ]'
  sum=7
  for ((m = 0; m < 120; m++)); do
    sum=$((sum + made[$m]))
    echo "$((minute + 60 * (m + 1))) $sum"
  done >"$dir/wanted"
  curl -s --unix-socket "$dir/agent.sock" --data-urlencode "query=sum(last_over_time(api_requests_total{probe=\"$probe\"}[3h]))" \
    -d "start=$((minute + 60))" -d "end=$((minute + 7200))" -d step=60 http://agent/api/v1/query_range |
    python3 -c '
import json, sys
for at, v in json.load(sys.stdin)["data"]["result"][0]["values"]: print(int(at), v)' >"$dir/got"
  diff "$dir/wanted" "$dir/got" >"$dir/out" || { head -20 "$dir/out"; fail "$probe: minutes have other requests than were made in them"; }
  ok "$probe: each of 120 minutes has its own"
done
[ "$(value 'sum(last_over_time(access_log_lost_files_total[3h]))')" = 0 ] || [ -z "$(value 'access_log_lost_files_total')" ] || fail 'a file was lost'
ok 'no file was lost'
ended
