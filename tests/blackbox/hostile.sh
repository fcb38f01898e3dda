#!/usr/bin/env bash
# hostile.sh - each hostile answer of the demo shop gets its own verdict, in bounded time and memory; each wall is named.
# Ends with "ok: N checks".
set -uo pipefail
. "$(dirname "$0")/../check.sh"
"$build/tests/shop/tillwatch-shop" --dir "$dir" --ready-file "$dir/shop.json" --max-seconds 900 >"$dir/shop.log" 2>&1 &
within 20 'the shop' test -s "$dir/shop.json"
raw=$(sed -n 's/.*"raw_port": *\([0-9]*\).*/\1/p' "$dir/shop.json")

# name | query | verdict | cause | a part of the reason
cases() {
  cat <<'C'
status-503|fault=status&status=503|crit|status|status 503
status-404|fault=status&status=404|crit|status|status 404
throttled|fault=status&status=429|warn|throttled|status 429
drop-before|fault=drop&at=before|crit|reset|
drop-body|fault=drop&at=body|crit|reset|
drip-body|fault=drip&at=body&ms=500|crit|timeout|transfer
drip-head|fault=drip&at=head&ms=500|crit|timeout|
endless|fault=endless|crit|body_too_large|
bomb|fault=gzip_bomb|crit|body_too_large|
headers|fault=giant_headers|crit|headers_too_large|
one-header|fault=one_header|crit|headers_too_large|
loop|fault=redirect_loop|crit|redirects|
file|fault=redirect_file|crit|redirect_blocked|
interim|fault=interim&variant=endless|crit||
negative|fault=bad_length&variant=negative|crit|protocol|
nul|fault=nul|crit|protocol|
http09|fault=http09|crit|protocol|
garbage|fault=garbage|crit|protocol|
silent|fault=silent&at=request|crit|timeout|wait
wall-cloudflare|fault=wall&wall=cloudflare|unknown|blocked|Cloudflare
wall-akamai|fault=wall&wall=akamai|unknown|blocked|
wall-datadome|fault=wall&wall=datadome|unknown|blocked|DataDome
wall-queue|fault=wall&wall=queue|unknown|blocked|
wall-maintenance|fault=wall&wall=maintenance|unknown|blocked|maintenance
healthy||ok||
C
}
{
  echo "shop: {name: hostile}"
  echo "agent: {store: {path: \"$dir/store\"}, api: {socket: \"$dir/agent.sock\"}}"
  echo "defaults: {interval: 20s, timeout: 8s}"
  echo "probes:"
  cases | while IFS='|' read -r name query _; do
    echo "  - {name: $name, plugin: storefront, url: \"http://127.0.0.1:$raw/p/?$query\"}"
  done
} >"$dir/shop.yaml"
chmod 600 "$dir/shop.yaml"

while IFS='|' read -r name _ verdict cause reason; do
  got=$(timeout 20 "$tillwatch" run --json --offline -c "$dir/shop.yaml" "$name" 2>"$dir/err" \
    | python3 -c 'import json,sys; r=json.load(sys.stdin); print(r["verdict"], r.get("cause") or "-", r.get("reason") or "-")' 2>>"$dir/err")
  read -r v c r <<<"$got"
  if [ "$v" = "$verdict" ] && { [ -z "$cause" ] || [ "$c" = "$cause" ]; } && [[ $r == *"$reason"* ]]; then
    ok "$name: $got"
  else
    bad "$name" "wanted $verdict $cause *$reason*, got $got; $(head -n 3 "$dir/err")"
  fi
done < <(cases)

# Memory stays flat: the same host takes a bomb, endless headers and an endless body again and again.
peak=$(python3 - "$build/tillwatch-host" "$build/plugins/.libs/storefront.so" "$raw" <<'P'
import json, resource, subprocess, sys
for q in ("gzip_bomb", "endless", "giant_headers", "one_header"):
    probe = {"name": "x", "plugin": "storefront", "interval_ms": 10000, "offset_ms": 0, "timeout_ms": 3000,
             "options": {"url": "http://127.0.0.1:%s/p/?fault=%s" % (sys.argv[3], q), "method": "GET", "connection": ["cold"],
                         "http_version": "auto", "max_redirects": 10, "max_body": 1 << 20, "max_headers": 65536, "assert": []}}
    subprocess.run([sys.argv[1], "--once", sys.argv[2], "--probe", "-"], input=json.dumps(probe).encode(),
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=20)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
P
)
[ "${peak:-999999}" -lt 65536 ] && ok "peak memory of a host under bombs: $peak KiB" || bad 'memory of a host under bombs' "peak $peak KiB"
ended
