#!/usr/bin/env bash
# front.sh - what the storefront plugin says of every way a page can be reached, be wrong or not be reached: phases,
# connections, addresses, proxy, HTTP/2, assertions, certificates, walls, places, blindness. A host a run, against the
# demo shop and front-servers.py. Ends with "ok: N checks".
#
# SPDX-License-Identifier: Apache-2.0
set -uo pipefail
. "$(dirname "$0")/../check.sh"
host=$build/tillwatch-host plugin=$build/plugins/.libs/storefront.so
"$build/tests/shop/tillwatch-shop" --dir "$dir" --ready-file "$dir/shop.json" --max-seconds 900 >"$dir/shop.log" 2>&1 &
within 20 'the shop' test -s "$dir/shop.json"
port() { sed -n "s/.*\"$1\": *\([0-9]*\).*/\1/p" "$2"; }
http=$(port http_port "$dir/shop.json") tls=$(port tls_port "$dir/shop.json") raw=$(port raw_port "$dir/shop.json")
python3 -B "$top/tests/blackbox/front-servers.py" "$dir" "$http" >"$dir/servers.log" 2>&1 &
within 20 'the servers' test -s "$dir/servers.json"
for s in dns proxy closer silent plain pages full dead; do printf -v "$s" %s "$(port "$s" "$dir/servers.json")"; done

# run OPTIONS [SETUP] [TIMEOUT_MS]: one run, its result in $dir/r.json
run() {
  python3 - "$1" "${2:-}" "${3:-15000}" "$dns" "$dir" >"$dir/probe.json" 2>"$dir/setup.json" <<'P'
import json, sys
options = {"method": "GET", "connection": ["cold"], "http_version": "auto", "max_redirects": 10, "max_body": 1 << 20,
           "max_headers": 65536, "assert": []}
options.update(json.loads("{%s}" % sys.argv[1]))
setup = {"shop": "front", "log_level": 4, "reference_resolver": "127.0.0.1:" + sys.argv[4], "paths": [sys.argv[5]]}
setup.update(json.loads("{%s}" % sys.argv[2]))
print(json.dumps({"name": "p", "plugin": "storefront", "interval_ms": 10000, "offset_ms": 0,
                  "timeout_ms": int(sys.argv[3]), "options": options}))
print(json.dumps(setup), file=sys.stderr)
P
  http_proxy=http://127.0.0.1:$dead HTTPS_PROXY=http://127.0.0.1:$dead ALL_PROXY=http://127.0.0.1:$dead no_proxy='*' NO_PROXY='*' \
    timeout 30 "$host" --once "$plugin" --probe - --setup "$(cat "$dir/setup.json")" <"$dir/probe.json" >"$dir/r.json" 2>"$dir/err"
}
# holds EXPRESSION: python over r (result), v (verdict), c (cause), why (reason), f (facts), hops, m(NAME, label=value...)
holds() {
  python3 - "$dir/r.json" "$1" >"$dir/why" 2>&1 <<'P'
import json, re, sys
r = json.load(open(sys.argv[1]))
v, c, why, f = r.get("verdict"), r.get("cause"), r.get("reason"), r.get("facts") or {}
hops = f.get("hops", [])
PHASES = ["dns_s", "connect_s", "tls_s", "send_s", "wait_s", "transfer_s"]
def m(name, **labels):
    for s in r.get("samples", []):
        head, _, rest = s["series"].partition("{")
        found = dict(re.findall(r'(\w+)="([^"]*)"', rest))
        if found.pop("__name__", head) == "storefront_" + name and all(found.get(k) == x for k, x in labels.items()):
            return s.get("v", s.get("count"))
if not eval("(" + sys.argv[2] + ")"):
    print(json.dumps(r, indent=1)[:6000])
    sys.exit(1)
P
}
want() { # NAME EXPRESSION
  if holds "$2"; then ok "$1"; else bad "$1" "not $2"; cat "$dir/why" "$dir/err" | head -${LINES_OF_WHY:-60}; fi
}
# timed EXPRESSION OPTIONS...: run, ten times at most, until it holds: what had no processor for some ms has one the next time
timed() {
  for _ in 1 2 3 4 5 6 7 8 9 10; do
    run "${@:2}"
    holds "$1" && return
  done
}
u() { echo "\"url\": \"$1\""; }
same="\"ca_file\": \"$dir/ca.pem\""

for part in "$top"/tests/blackbox/front.d/*.sh; do
  [ -z "${ONLY:-}" ] || [[ $part == *"$ONLY"* ]] || continue
  # shellcheck source=/dev/null
  . "$part"
done
ended
