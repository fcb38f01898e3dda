#!/usr/bin/env bash
# api.sh - the real agent's HTTP API, asked with curl: every endpoint's envelope, GET and form, errors, who may what,
# deadlines and caps. Ends with "ok: N checks".
set -uo pipefail
. "$(dirname "$0")/../check.sh"

# --- a shop, an agent with a TCP listener and tokens ------------------------------------------------------------
"$build/tests/shop/tillwatch-shop" --dir "$dir" --ready-file "$dir/shop.json" --max-seconds 900 >"$dir/shop.log" 2>&1 &
within 20 'the shop' test -s "$dir/shop.json"
http=$(jq -r .http_port "$dir/shop.json")
(umask 077; printf 'reader-0123456789' >"$dir/read.token"; printf 'doer-0123456789' >"$dir/act.token")
port=$(free_port)
configuration() { # $1: lines of agent.api; $2: more
  cat >"$dir/shop.yaml" <<Y
shop: {name: acme}
agent:
  store: {path: "$dir/store"}
  api:
    socket: "$dir/agent.sock"
$1
defaults: {interval: 1s, timeout: 900ms}
probes:
  - {name: list, plugin: storefront, url: "http://127.0.0.1:$http/p/", connection: [cold, warm]}
  - {name: down, plugin: storefront, url: "http://127.0.0.1:$http/p/?fault=status&status=503"}
receivers:
  oncall: {type: webhook, url: "http://127.0.0.1:$http/hook/oncall"}
$2
Y
  chmod 600 "$dir/shop.yaml"
}
tokens="    listen: 127.0.0.1:$port
    tokens:
      - {scope: read, token: \"\${file:$dir/read.token}\"}
      - {scope: act, token: \"\${file:$dir/act.token}\"}"
configuration "$tokens" ''
start() {
  "$build/agent/tillwatchd" -c "$dir/shop.yaml" >>"$dir/agent.log" 2>&1 &
  agent=$!
  within 20 'the agent' up
}
up() { get '/api/v1/query?query=storefront_up' | jq -e '.data.result | length == 2' && curl -sf "http://127.0.0.1:$port/-/healthy"; }
get() { curl -sS -m 30 --unix-socket "$dir/agent.sock" "${@:2}" "http://agent$1" 2>&1; }
post() { get "$1" -X POST "${@:2}"; }
code() { get "$1" -o /dev/null -w '%{http_code}' "${@:2}"; }
tcp() { curl -sS -m 30 -o "$dir/body" -w '%{http_code}' "${@:2}" "http://127.0.0.1:$port$1" 2>&1; }
data() { get "$@" | jq -c 'if .status == "success" then .data else . end'; }
start
within 20 'rules are judged' bash -c "curl -s --unix-socket '$dir/agent.sock' http://agent/api/v1/rules | jq -e '[.data.groups[].rules[].health] | all(. == \"ok\")'"
within 20 'an alert' bash -c "curl -s --unix-socket '$dir/agent.sock' http://agent/api/v1/alerts | jq -e '.data.alerts | length > 0'"
now=$(date +%s)

# --- Prometheus' endpoints: envelope and shape -----------------------------------------------------------------------
vector='[{"metric":{"__name__":"storefront_up",*"probe":"list"*"shop":"acme"*},"value":[[]*,"[01]"]}]'
is 'query' "$(data '/api/v1/query?query=storefront_up%7Bprobe%3D%22list%22%7D' | jq -c .result)" "$vector"
is 'query type' "$(data '/api/v1/query?query=storefront_up' | jq -r .resultType)" vector
is 'query POST' "$(post /api/v1/query --data-urlencode 'query=storefront_up{probe="list"}' | jq -c .data.result)" "$vector"
is 'query at a time' "$(data "/api/v1/query?query=time()&time=$now.5" | jq -c .)" "{\"resultType\":\"scalar\",\"result\":[[]$now.5*,\"$now.5\"]}"
is 'query RFC 3339' "$(data '/api/v1/query?query=time()&time=2026-01-02T03:04:05Z' | jq -r '.result[1]')" 1767323045
is 'query string' "$(data '/api/v1/query?query=%22a%5C%22b%22' | jq -c '.result[1]')" '"a\\"b"'
is 'a histogram' "$(data '/api/v1/query?query=storefront_duration_seconds%7Bprobe%3D%22list%22,connection%3D%22cold%22%7D' |
  jq -c '.result[0].histogram[1] | [(.count | tonumber) > 0, (.buckets | length) > 0, (.buckets[0] | length)]')" '[[]true,true,4]'
range="start=$((now - 60))&end=$now&step=5"
is 'query_range' "$(data "/api/v1/query_range?query=storefront_up&$range" | jq -c '[.resultType, (.result | length > 0), (.result[0].values | length > 0)]')" \
  '[[]"matrix",true,true]'
is 'query_range POST' "$(post /api/v1/query_range --data-urlencode 'query=1' -d "$range" | jq -c '.data.result[0].values | length')" 13
is 'query_range step as duration' "$(data "/api/v1/query_range?query=1&start=$((now - 60))&end=$now&step=30s" | jq -c '.result[0].values | length')" 3
is 'series' "$(data '/api/v1/series?match[]=storefront_up' -g | jq -c '[length, .[0].__name__]')" '[[]2,"storefront_up"]'
is 'series POST' "$(post /api/v1/series --data-urlencode 'match[]={__name__=~"storefront_(up|runs_total)",probe="list"}' | jq -c '.data | map(.probe) | unique')" '[[]"list"]'
is 'labels' "$(data /api/v1/labels | jq -c 'index("probe") != null and index("__name__") != null')" true
is 'labels POST with match' "$(post /api/v1/labels --data-urlencode 'match[]=tillwatch_plugin_up' | jq -c '.data | index("group") != null and index("probe") == null')" true
is 'label values' "$(data /api/v1/label/probe/values)" '[[]"down","list"]'
is 'label values with match' "$(data '/api/v1/label/probe/values?match[]=storefront_up{probe="list"}' -g)" '[[]"list"]'
is 'names' "$(data /api/v1/label/__name__/values | jq -c 'index("storefront_ttfb_seconds") != null')" true
is 'buildinfo' "$(data /api/v1/status/buildinfo | jq -r '.version, .application' | tr '\n' ' ')" '[0-9]*.* tillwatch '
is 'alerts' "$(data /api/v1/alerts | jq -c '.alerts[0] | [.labels.probe, .state, (.activeAt | test("Z$")), (.value | type), (.annotations | type)]')" \
  '[[]"down","@(pending|firing)",true,"string","object"]'
is 'rules' "$(data /api/v1/rules | jq -c '.groups[0] | [(.name | type), (.interval | type), .rules[0].type, .rules[0].health, (.rules[0].query | type)]')" \
  '[[]"string","number","alerting","ok","string"]'
is 'rules of a type' "$(data '/api/v1/rules?type=record' | jq -c '[.groups[].rules[]] | length')" 0
is 'rules of the other' "$(data '/api/v1/rules?type=alert' | jq -c '[.groups[].rules[]] | length > 0')" true

# Metadata names every metric there is: the plugin's, the probes', the agent's.
get /api/v1/metadata | jq -r '.data | keys[]' | sort >"$dir/described"
get /api/v1/label/__name__/values | jq -r '.data[]' | grep -vx 'ALERTS\|ALERTS_FOR_STATE' | sort >"$dir/stored"
is 'metadata is complete' "$(comm -13 "$dir/described" "$dir/stored" | tr '\n' ' ')" ''
is 'metadata of a gauge' "$(data '/api/v1/metadata?metric=storefront_ttfb_seconds' | jq -c .)" \
  '{"storefront_ttfb_seconds":[[]{"type":"gauge","help":"?*","unit":"seconds"}]}'
is 'metadata of a histogram' "$(data '/api/v1/metadata?metric=storefront_duration_seconds' | jq -r '.[][0].type')" histogram
is 'metadata of the agent' "$(data '/api/v1/metadata?metric=tillwatch_ingest_runs_total' | jq -r '.[][0].type')" counter
is 'metadata, at most' "$(data '/api/v1/metadata?limit=2' | jq length)" 2
is 'metadata, none' "$(data '/api/v1/metadata?metric=nothing')" '{}'

# --- /metrics and management -----------------------------------------------------------------------------------------
get /metrics >"$dir/metrics.txt"
is '/metrics' "$(grep -c '^tillwatch_ingest_runs_total [1-9]' "$dir/metrics.txt")" 1
is '/metrics: type' "$(get /metrics -o /dev/null -w '%{content_type}')" 'text/plain; version=0.0.4*'
is '/metrics: each name described once' "$(grep '^# TYPE' "$dir/metrics.txt" | sort | uniq -d)" ''
if command -v promtool >/dev/null; then
  is '/metrics: promtool' "$(promtool check metrics <"$dir/metrics.txt" 2>&1)" ''
fi
is 'healthy' "$(code /-/healthy)" 200
is 'ready' "$(code /-/ready)" 200
is 'HEAD' "$(get /-/healthy -I | head -1 | tr -d '\r')" 'HTTP/1.1 200 *'
is 'reload' "$(post /-/reload | jq -c .)" '{"status":"success","data":{"reloaded":true}}'

# --- tillwatch's own ---------------------------------------------------------------------------------------------------
probes() { data /tillwatch/v1/probes | jq -e '[.shop, (.probes | map([.name, .verdict]))] == ["acme",[["list","ok"],["down","crit"]]]'; }
within 20 'probes' probes
is 'probes: fields' "$(data /tillwatch/v1/probes | jq -c '.probes[0] | keys_unsorted | sort')" \
  '[[]"cause","interval_s","last_run","late","name","next_run","plugin","reason","runs","since","stale","system","timeout_s","verdict"*]'
is 'runs' "$(data '/tillwatch/v1/runs?probe=list&limit=3' | jq -c '[(.runs | length <= 3), .runs[0].probe, (.runs[0].facts.hops | length > 0)]')" '[[]true,"list",true]'
for kind in all newest slowest failed; do
  is "runs: $kind" "$(get "/tillwatch/v1/runs?kind=$kind&limit=2" | jq -r .status)" success
done
is 'plugins' "$(data /tillwatch/v1/plugins | jq -c '.hosts[0] | [.group, .state, .pid > 0, .sandbox_level >= 1]')" '[[]"storefront","running",true,true]'
is 'outbox' "$(data /tillwatch/v1/outbox | jq -c '[.receivers[0].name, (.messages | type)]')" '[[]"oncall","array"]'
ran() { post "$@" | tee "$dir/ran" | jq -e '.status == "success" and .data.verdict == "ok"'; }
within 30 'a run by query' ran '/tillwatch/v1/run?probe=list'
is 'run' "$(jq -c '[.data.probe, .data.verdict]' "$dir/ran")" '[[]"list","ok"]'
within 30 'a run by form' ran /tillwatch/v1/run -d probe=list
is 'run: none' "$(post '/tillwatch/v1/run?probe=nope' -w ' %{http_code}')" '*"errorType":"not_found"*404'
is 'test message' "$(post '/tillwatch/v1/notify/test?receiver=oncall' | jq -c .data)" '{"queued":true}'
is 'test message: none' "$(code '/tillwatch/v1/notify/test?receiver=nope' -X POST)" 404
is 'retry' "$(code '/tillwatch/v1/plugins/retry?group=storefront' -X POST)" 200

# --- errors ---------------------------------------------------------------------------------------------------------------
# wrong NAME CODE TYPE PATH [CURL-OPTIONS]
wrong() { is "$1" "$(get "$4" -w ' %{http_code}' "${@:5}")" "{\"status\":\"error\",\"errorType\":\"$3\",\"error\":\"?*\"}*$2"; }
wrong 'a query that does not parse' 400 bad_data '/api/v1/query?query=sum('
wrong 'no query' 400 bad_data /api/v1/query
wrong 'a time that is none' 400 bad_data '/api/v1/query?query=1&time=yesterday'
wrong 'no start' 400 bad_data '/api/v1/query_range?query=1&end=2&step=1'
wrong 'no step' 400 bad_data '/api/v1/query_range?query=1&start=1&end=2'
wrong 'step 0' 400 bad_data '/api/v1/query_range?query=1&start=1&end=2&step=0'
wrong 'step below 0' 400 bad_data '/api/v1/query_range?query=1&start=1&end=2&step=-5'
wrong 'end before start' 400 bad_data '/api/v1/query_range?query=1&start=2&end=1&step=1'
wrong 'too many points' 400 bad_data '/api/v1/query_range?query=1&start=0&end=100000&step=1'
wrong 'times without end' 400 bad_data '/api/v1/query_range?query=1&start=-9e99&end=9e99&step=1'
wrong 'a range of a range' 400 bad_data "/api/v1/query_range?query=storefront_up%5B1m%5D&$range"
wrong 'many to many' 422 execution '/api/v1/query?query=storefront_phase_seconds*on(shop)storefront_phase_seconds'
wrong 'no match' 400 bad_data /api/v1/series
wrong 'a match that does not parse' 400 bad_data '/api/v1/series?match[]={' -g
wrong 'a match that is no selector' 400 bad_data '/api/v1/labels?match[]=1' -g
wrong 'a label that is none' 400 bad_data '/api/v1/label/a-b/values'
wrong 'label without values' 404 not_found /api/v1/label/probe
wrong 'a type of rules that is none' 400 bad_data '/api/v1/rules?type=x'
wrong 'limit that is none' 400 bad_data '/tillwatch/v1/runs?limit=x'
wrong 'kind that is none' 400 bad_data '/tillwatch/v1/runs?kind=x'
wrong 'unknown path' 404 not_found /api/v1/nothing
wrong 'unknown path, nasty' 404 not_found '/%00%1b[2J' -g
wrong 'wrong method' 405 bad_data /api/v1/query -X DELETE
wrong 'reload by GET' 405 bad_data /-/reload
is 'what is allowed' "$(get /api/v1/query -X DELETE -o /dev/null -w '%header{allow}')" 'GET, POST'
head -c 1500000 /dev/zero | tr '\0' x >"$dir/big"
wrong 'a body too large' 413 bad_data /api/v1/query --data-binary "@$dir/big" -H 'Expect:'
wrong 'many parameters' 400 bad_data "/api/v1/query?$(printf 'a=1&%.0s' $(seq 80))query=1"
is 'a long address' "$(code "/api/v1/query?query=$(head -c 60000 "$dir/big")")" '4[01]?'
is 'a nested query' "$(post /api/v1/query --data-urlencode "query=$(printf '(%.0s' $(seq 20000))" -w ' %{http_code}')" '*bad_data*400'

# --- deadline: a query that takes too long is ended, others go on -------------------------------------------------------
heavy=$(printf 'quantile_over_time(0.9, vector(time())[1h:1s]) + %.0s' $(seq 60))1
began=$SECONDS
post /api/v1/query_range --data-urlencode "query=$heavy" -d "start=$((now - 10000))&end=$now&step=1" -w ' %{http_code}' >"$dir/heavy" &
heavy_pid=$!
for i in 1 2 3 4 5 6 7 8; do
  is "others are answered meanwhile, $i" "$(code '/api/v1/query?query=1' -m 8)" 200
done
wait "$heavy_pid"
is 'a heavy query is ended' "$(cat "$dir/heavy")" '*"errorType":"timeout"*503'
is 'in time' "$([ $((SECONDS - began)) -le 25 ] && echo 'in time')" 'in time'

# --- who may what ----------------------------------------------------------------------------------------------------------
is 'no token' "$(tcp '/api/v1/query?query=1')" 401
is 'why' "$(jq -r .errorType "$dir/body")" unauthorized
is 'no token: healthy' "$(tcp /-/healthy)" 200
is 'no token: metrics' "$(tcp /metrics)" 401
is 'wrong token' "$(tcp '/api/v1/query?query=1' -H 'Authorization: Bearer reader-0123456788')" 401
is 'half a token' "$(tcp '/api/v1/query?query=1' -H 'Authorization: Bearer reader')" 401
is 'another scheme' "$(tcp '/api/v1/query?query=1' -u reader-0123456789:)" 401
is 'a reader reads' "$(tcp '/api/v1/query?query=1' -H 'Authorization: Bearer reader-0123456789')" 200
is 'a reader does not act' "$(tcp '/tillwatch/v1/plugins/retry?group=storefront' -X POST -H 'Authorization: Bearer reader-0123456789')" 403
is 'nor reload' "$(tcp /-/reload -X POST -H 'Authorization: Bearer reader-0123456789')" 403
is 'a doer acts' "$(tcp '/tillwatch/v1/plugins/retry?group=storefront' -X POST -H 'Authorization: Bearer doer-0123456789')" 200
if [ "$(id -u)" = 0 ]; then # root and the agent's user act on the socket; others only read
  chmod 666 "$dir/agent.sock"
  chmod 711 "$dir"
  other() { setpriv --reuid 65534 --regid 65534 --clear-groups curl -sS -m 10 -o /dev/null -w '%{http_code}' --unix-socket "$dir/agent.sock" "${@:2}" "http://agent$1"; }
  is 'another user reads' "$(other '/api/v1/query?query=1')" 200
  is 'another user does not act' "$(other '/tillwatch/v1/plugins/retry?group=storefront' -X POST)" 403
  chmod 660 "$dir/agent.sock"
  is 'unless the mode forbids' "$(other '/api/v1/query?query=1' 2>/dev/null)" 000
fi

# --- caps: connections that only sit there, and those that drip ------------------------------------------------------------
python3 - "$port" "$dir/agent.sock" >"$dir/caps" <<'P'
import socket, sys, time
port, path = int(sys.argv[1]), sys.argv[2]
held = []
def answered(s):
    try:
        s.settimeout(10)
        s.sendall(b"GET /-/healthy HTTP/1.1\r\nHost: a\r\n\r\n")
        return s.recv(64).startswith(b"HTTP/1.1 200")
    except OSError:
        return False
for _ in range(60):
    held.append(socket.create_connection(("127.0.0.1", port)))
print("of 60 from one address", sum(answered(s) for s in held))
for s in held:
    s.close()
unix = socket.socket(socket.AF_UNIX)
unix.connect(path)
print("the socket goes on", answered(unix))
for _ in range(100): # until those that were closed are forgotten
    if answered(socket.create_connection(("127.0.0.1", port))):
        break
    time.sleep(0.1)
drip = socket.create_connection(("127.0.0.1", port))
began, gone = time.monotonic(), None
try:
    for c in b"GET /-/healthy HTTP/1.1\r\nX: " + b"a" * 300:
        drip.sendall(bytes([c]))
        drip.settimeout(0.1)
        try:
            if drip.recv(64) == b"":
                break
        except socket.timeout:
            pass
except OSError:
    pass
print("a client that drips is cut", 13 < time.monotonic() - began < 30)
P
is 'connections per address' "$(sed -n 's/of 60 from one address //p' "$dir/caps")" '[1-9]*'
is 'are capped' "$([ "$(sed -n 's/of 60 from one address //p' "$dir/caps")" -le 32 ] && echo capped)" capped
is 'the socket is not touched' "$(grep socket "$dir/caps")" 'the socket goes on True'
is 'a drip is cut' "$(grep drips "$dir/caps")" 'a client that drips is cut True'

# --- bytes that are no HTTP ------------------------------------------------------------------------------------------------
head -c 4096 /dev/urandom | timeout 5 python3 -c 'import socket, sys; s = socket.create_connection(("127.0.0.1", int(sys.argv[1]))); s.sendall(sys.stdin.buffer.read()); s.shutdown(1); s.recv(64)' "$port" 2>/dev/null
is 'alive after garbage' "$(code /-/healthy)" 200
kill -TERM "$agent"
wait "$agent"
is 'ends cleanly' "$?" 0

# --- without tokens: loopback reads only; elsewhere it is refused ----------------------------------------------------------
configuration "    listen: 127.0.0.1:$port" ''
start
is 'no tokens: reads' "$(tcp '/api/v1/query?query=1')" 200
is 'no tokens: does not act' "$(tcp /-/reload -X POST)" 403
kill -TERM "$agent"
wait "$agent"
configuration "    listen: 0.0.0.0:$port" ''
timeout 20 "$build/agent/tillwatchd" -c "$dir/shop.yaml" >"$dir/refused" 2>&1
is 'everywhere is refused' "$? $(cat "$dir/refused")" '[1-9]*not loopback*'
ended
