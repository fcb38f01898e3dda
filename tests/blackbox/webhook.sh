#!/usr/bin/env bash
# webhook.sh - bodies posted to the real agent: each kind of signature, what must be refused, ids that come twice (also
# after a restart), kill -9 of any process in the middle of a stream. Each acknowledged body is counted exactly once.
# Ends with "ok: N checks".
set -uo pipefail
. "$(dirname "$0")/../check.sh"
mkdir "$dir/plugins" && cp "$build"/tests/plugins/.libs/tp_reader.so "$build"/plugins/.libs/webhook.so "$dir/plugins" && chmod 700 "$dir/plugins"
export TILLWATCH_CONFIG=$dir/shop.yaml TILLWATCH_SOCKET=$dir/agent.sock
export TILLWATCH_PLUGINS=$dir/plugins
key=whsec_c2VjcmV0LXNlY3JldC1zZWNyZXQtMDE= old=whsec_b2xkLW9sZC1vbGQtb2xkLW9sZC0wMDE= other=whsec_bm9ib2R5LW5vYm9keS1ub2JvZHktMDE=
port=$(free_port)
common='system: storefront, interval: 300ms, timeout: 250ms, lateness: 5s'
configuration() { # $1: secrets of std; $2: more sources, $3: more probes
  cat >"$dir/shop.yaml" <<Y
shop: {name: acme}
agent: {store: {path: "$dir/store"}, api: {socket: "$dir/agent.sock"}, ingest: {listen: "127.0.0.1:$port", max_body: 64KiB, max_size: 1MiB}}
systems: {storefront: {title: Vendure}}
synthetic: {email: "synthetic+*@shop.example"}
sources:
  std: {type: webhook, secret: [$1], fields: {word: /word}, $common}
  shopify: {type: webhook, signature: shopify, secret: shpss_1, fields: {word: /order/word, email: /order/email}, $common}
  hub: {type: webhook, signature: github, secret: gh, fields: {word: /word}, $common}
  plain: {type: webhook, signature: plain, header: X-Mine, secret: [p1, p2], records: /orders, fields: {word: /w~1d/0}, time: /at, $common}
  bare: {type: webhook, signature: plain, header: X-Signature, secret: b, fields: {word: /word}, $common}
  full: {type: webhook, secret: "$key", fields: {word: /word}, system: storefront, interval: 1h, timeout: 1s}
$2
probes:
  - {name: r_std, plugin: tp_reader, source: std, interval: 1s, timeout: 900ms}
  - {name: r_shopify, plugin: tp_reader, source: shopify, interval: 1s, timeout: 900ms}
  - {name: r_hub, plugin: tp_reader, source: hub, interval: 1s, timeout: 900ms}
  - {name: r_bare, plugin: tp_reader, source: bare, interval: 1s, timeout: 900ms}
  - {name: r_plain, plugin: tp_reader, source: plain, interval: 1s, timeout: 900ms}
$3
Y
  chmod 600 "$dir/shop.yaml"
}
start() {
  "$build/agent/tillwatchd" -c "$dir/shop.yaml" >>"$dir/agent.log" 2>&1 &
  agent=$!
}
hosts() { pgrep -P "$agent" -f tillwatch-host; }
value() { "$tillwatch" query "sum($1)" --json 2>/dev/null | sed -n 's/^ *"\([0-9.]*\)"$/\1/p'; }
last() { value "last_over_time($1[1h])"; }
counted() { [ "$(last "reader_records_total{probe=\"r_$1\"}")" = "$2" ]; }
own() { [ "$(last "webhook_$1_total{probe=\"$2\",result=\"$3\"}")" = "$4" ]; }
post() { python3 "$top/tests/blackbox/webhook-post.py" post "$port" "$@"; }
answers() { # STATUS NAME post's arguments
  local wanted=$1 name=$2 got
  shift 2
  got=$(post "$@")
  [ "$got" = "$wanted" ] || fail "$name: $got instead of $wanted"
  ok "$name"
}
listens() { post nobody standard "$key" '{}' | grep -qx 404; }

configuration "\"$key\", \"$old\"" '' ''
start
within 15 'the agent is up' "$tillwatch" probes
within 10 'and listens' listens

# --- each kind ---------------------------------------------------------------------------------------
answers 204 'Standard Webhooks' std standard "$key" '{"word":"a1"}' id=e1
answers 204 'the older secret too' std standard "$old" '{"word":"b1"}' id=e2
answers 204 'in chunks' std standard "$key" '{"word":"a2"}' id=e3 chunked
answers 204 'Shopify' shopify shopify shpss_1 '{"order":{"word":"a","email":"c@example.org"}}' id=s1
answers 204 'Shopify, our own order' shopify shopify shpss_1 '{"order":{"word":"a","email":"synthetic+1@shop.example"}}' id=s2
answers 204 'GitHub' hub github gh '{"word":"b"}' id=g1
now=$(($(date +%s) - 2)) # the second body is of a later second: the reader stamps by event time, and the last stamp is what is asked for
answers 204 'plain, hex' plain plain p1 "{\"orders\":[{\"w/d\":[\"a\"],\"at\":$now},{\"w/d\":[\"b\"],\"at\":\"$(date -u -d @"$now" +%FT%TZ)\"}]}" header=X-Mine
answers 204 'plain, base64, the other secret' plain plain p2 "{\"orders\":[{\"w/d\":[\"a\"],\"at\":$((now + 1))000}]}" header=X-Mine base64
within 15 'Standard Webhooks are counted' counted std 3
within 15 'Shopify too' counted shopify 2
within 15 'our own is known by its address' own records shopify synthetic 1
within 15 'GitHub too' counted hub 1
within 5 'none was bad, and that is said' own bodies std bad 0
within 15 'plain too, by record' counted plain 3

# --- what must be refused ---------------------------------------------------------------------------
python3 "$top/tests/blackbox/webhook-post.py" drip "$port" std >"$dir/drip" &
drip=$!
answers 401 'a forged body' std standard "$key" '{"word":"x"}' forge
answers 401 'a foreign secret' std standard "$other" '{"word":"x"}'
answers 401 'no signature' std none x '{"word":"x"}'
answers 401 'a signature of another kind' std github "$key" '{"word":"x"}'
answers 401 'a timestamp of six minutes ago' std standard "$key" '{"word":"x"}' age=360
answers 401 'a timestamp of the future' std standard "$key" '{"word":"x"}' age=-360
answers 401 'Shopify forged' shopify shopify shpss_1 '{"word":"x"}' forge
answers 401 'GitHub forged' hub github gh '{"word":"x"}' forge
answers 401 'plain forged' plain plain p1 '{"word":"x"}' forge header=X-Mine
answers 401 'plain in another header' plain plain p1 '{"word":"x"}' header=X-Other
answers 404 'an unknown source' nobody standard "$key" '{"word":"x"}'
answers 404 'a path upwards' ../store standard "$key" '{"word":"x"}'
answers 405 'GET' std standard "$key" '' method=GET
answers 413 'a body that is too large' std standard "$key" big:100000
answers 413 'in chunks' std standard "$key" big:100000 chunked
answers 413 'very large, by its head' std standard "$key" big:3000000
post std standard "$key" big:3000000 chunked >"$dir/out"
[ "$(cat "$dir/out")" != 204 ] || fail 'very large in chunks is taken'
ok 'very large in chunks is cut off'
answers 204 'the same id again' std standard "$key" '{"word":"a1"}' id=e1
answers 204 'wrong JSON is a matter of the reader' std standard "$key" '{"word":' id=bad1
within 15 'it is counted as bad' own bodies std bad 1
within 5 'which is an increase' eval '[ -n "$(value "increase(webhook_bodies_total{probe=\"std\",result=\"bad\"}[15m]) > 0")" ]'
within 15 'the repeated one as repeated' own bodies std repeated 1
within 15 'and nothing else' counted std 3
refused() { [ "$(last "tillwatch_inbox_received_total{result=\"$1\"}")" -ge "$2" ]; }
within 25 'the agent counts what it refused' refused unsigned 10
within 25 'and what was too large' refused too_large 3

wait "$drip"
[ "$(cat "$dir/drip")" -ge 13 ] && [ "$(cat "$dir/drip")" -lt 35 ] || fail "a body that drips was cut after $(cat "$dir/drip") s"
ok 'a body that drips is cut off'

# --- after a restart --------------------------------------------------------------------------------
kill "$agent"; wait "$agent" 2>/dev/null
start
within 15 'the agent is up again' "$tillwatch" probes
within 10 'it listens again' listens
answers 204 'an id from before the restart' std standard "$key" '{"word":"a1"}' id=e2
answers 204 'and a new one' std standard "$key" '{"word":"a1"}' id=e4
within 15 'the new one counts, the other does not' counted std 4
configuration "\"$other\"" "  more: {type: webhook, secret: \"$key\", fields: {word: /word}, $common}" \
  '  - {name: r_more, plugin: tp_reader, source: more, interval: 1s, timeout: 900ms}'
"$tillwatch" reload >"$dir/out" 2>&1 || { cat "$dir/out"; fail 'reload'; }
answers 401 'after a reload the old secret is none' std standard "$key" '{"word":"a1"}'
answers 204 'the new one is' std standard "$other" '{"word":"a1"}'
answers 204 'a new source' more standard "$key" '{"word":"a1"}'
within 15 'it is read' counted more 1
within 15 'and the other one goes on' counted std 5

# --- a source that does not read ---------------------------------------------------------------------
got=204 i=0
while [ "$got" = 204 ] && [ $((i += 1)) -le 40 ]; do got=$(post full standard "$key" big:60000); done
[ "$got" = 503 ] || fail "a full inbox says $got"
ok "a full inbox says 503 and when to come again, after $i bodies"
answers 204 'others go on' std standard "$other" '{"word":"a1"}' id=f1
within 15 'and are counted' counted std 6

# --- kill -9 of hosts alone, and nothing to know a body by: each counts once by its position --------------
python3 "$top/tests/blackbox/webhook-post.py" stream "$port" bare plain b '' 3000 8 >"$dir/stream" &
stream=$!
while kill -0 "$stream" 2>/dev/null; do
  sleep "0.$((RANDOM % 4 + 1))"
  for h in $(hosts); do kill -9 "$h" 2>/dev/null; done
done
wait "$stream"
[ "$(cat "$dir/stream")" = 3000 ] || fail "the agent refused some: $(cat "$dir/stream") attempts"
bare=3000
for round in $(seq "${ROUNDS:-6}"); do # much is there at once, and its reader is killed in the middle of it
  for h in $(hosts); do kill -STOP "$h"; done
  [ "$(python3 "$top/tests/blackbox/webhook-post.py" stream "$port" bare plain b '' 1500 8)" = 1500 ] || fail 'the agent refused some'
  bare=$((bare + 1500))
  for h in $(hosts); do kill -CONT "$h"; done
  sleep "0.$((RANDOM % 4))$((RANDOM % 10))"
  for h in $(hosts); do kill -9 "$h" 2>/dev/null; done
done
within 60 'without ids: each counts once, however often its host was killed' counted bare "$bare"
sleep 2
counted bare "$bare" || fail 'more came afterwards (bare)'

# --- kill -9 in the middle of a stream -----------------------------------------------------------------
total=1 each=${BODIES:-1500}
for round in $(seq "${ROUNDS:-6}"); do
  python3 "$top/tests/blackbox/webhook-post.py" stream "$port" more standard "$key" "r$round" "$each" 8 >"$dir/stream" &
  stream=$!
  for step in 1 2 3; do
    sleep "0.$((RANDOM % 5 + 1))"
    case $((RANDOM % 2)) in
      0) for h in $(hosts); do kill -9 "$h" 2>/dev/null; done ;;
      *) kill -9 "$agent"; wait "$agent" 2>/dev/null; start ;;
    esac
  done
  wait "$stream"
    total=$((total + each))
  echo "# round $round: $each bodies in $(cat "$dir/stream") attempts"
done
within 20 'the agent is up after all that' "$tillwatch" probes
within 90 "each of $total acknowledged bodies counts once, whoever was killed" counted more "$total"
sleep 2
counted more "$total" || fail 'more came afterwards'
ok 'and no more come'
within 90 'what was read is removed' eval '[ "$(ls "$dir/store/inbox/more" | wc -l)" -le 2 ]'
ended
