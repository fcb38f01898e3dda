# 40-walls.sh - walls by name, look-alikes that are none; budgets; places; are we blind? Sourced by front.sh.
# SPDX-License-Identifier: Apache-2.0
pg="http://127.0.0.1:$pages"
wall() { # NAME URL NAME-OF-THE-WALL
  run "$(u "$2")"
  want "wall: $1" "v == 'unknown' and c == 'blocked' and '$3' in why"
  want "wall: $1: no latency, no word on the shop" 'm("up") is None and m("ttfb_seconds") is None and m("runs_total", outcome="blocked") == 1'
}
for w in 'cloudflare Cloudflare' 'akamai Akamai' 'datadome DataDome' 'queue waiting' 'maintenance maintenance'; do
  wall "${w% *}" "http://127.0.0.1:$raw/p/?fault=wall&wall=${w% *}" "${w#* }"
done
wall imperva "$pg/wall-imperva" Imperva
wall 'aws waf' "$pg/wall-waf" 'AWS WAF'
wall 'cloudflare room' "$pg/wall-cf-room" 'waiting room'
wall 'a redirect into a queue' "$pg/queue-redirect" 'Queue-it'
run "$(u "$pg/queue-redirect"), \"max_redirects\": 0"
want 'wall: the redirect itself, not followed' 'v == "unknown" and "Queue-it" in why'
alike() { # PAGE VERDICT
  run "$(u "$pg/$1")"
  want "no wall: $1" "v == '$2' and c != 'blocked' and m('up') == int(v == 'ok')"
}
alike cf-own-500 crit
alike cf-own-404 crit
alike datadome-own-404 crit
alike incapsula-page ok
alike queue-page ok
alike waiting-chairs ok
alike 503-catalog crit
alike akamai-own-403 crit

# --- budgets: each is one verdict
shop=http://127.0.0.1:$raw
run "$(u "$shop/p/linen-lamp"), \"max_body\": 200"
want 'a body over its budget' 'v == "crit" and c == "body_too_large"'
run "$(u "$shop/p/linen-lamp"), \"max_body\": 100000"
want 'a body within it' 'v == "ok"'
run "$(u "$shop/p/?fault=giant_headers&size=3000"), \"max_headers\": 2000"
want 'headers over their budget' 'v == "crit" and c == "headers_too_large"'
run "$(u "$shop/p/?fault=giant_headers&size=3000"), \"max_headers\": 60000"
want 'headers within it' 'v == "ok"'

# --- PoP and cache
place() { run "$(u "$pg/$1")"; want "place: $1" "(hops[0].get('pop'), hops[0].get('cache')) == $2"; }
place cf '("CDG", "bypass")'
place cloudfront '("FRA56", "miss")'
place fastly '("AMS", "hit")'
place nginx-cache '(None, "stale")'
place no-cdn '(None, None)'

# --- country and network, from databases of one record each
python3 - "$dir" <<'P'
import struct, sys

def control(kind, size):
    extra = b""
    if size >= 29:
        assert size < 285
        extra, size = bytes([size - 29]), 29
    return (bytes([kind << 5 | size]) if kind < 8 else bytes([size, kind - 7])) + extra

def pack(v):
    if isinstance(v, str):
        return control(2, len(v.encode())) + v.encode()
    if isinstance(v, dict):
        return control(7, len(v)) + b"".join(pack(k) + pack(x) for k, x in v.items())
    if isinstance(v, list):
        return control(11, len(v)) + b"".join(map(pack, v))
    kind, n = v                              # ("u16" | "u32" | "u64", number)
    raw = n.to_bytes(8, "big").lstrip(b"\0")
    return control({"u16": 5, "u32": 6, "u64": 9}[kind], len(raw)) + raw

def write(path, kind, record, bits="01111111"):  # 127.0.0.0/8: a node a bit, the leaf points at the data
    nodes = len(bits)
    tree = b""
    for i, b in enumerate(bits):
        to = i + 1 if i + 1 < nodes else nodes + 16
        pair = (to, nodes) if b == "0" else (nodes, to)
        tree += b"".join(x.to_bytes(3, "big") for x in pair)
    meta = {"node_count": ("u32", nodes), "record_size": ("u16", 24), "ip_version": ("u16", 4), "database_type": kind,
            "languages": ["en"], "binary_format_major_version": ("u16", 2), "binary_format_minor_version": ("u16", 0),
            "build_epoch": ("u64", 1700000000), "description": {"en": "test"}}
    with open(path, "wb") as f:
        f.write(tree + bytes(16) + pack(record) + b"\xab\xcd\xefMaxMind.com" + pack(meta))

write(sys.argv[1] + "/country.mmdb", "GeoLite2-Country", {"country": {"iso_code": "FR"}})
write(sys.argv[1] + "/asn.mmdb", "GeoLite2-ASN",
      {"autonomous_system_number": ("u32", 64500), "autonomous_system_organization": "Example Net"})
open(sys.argv[1] + "/broken.mmdb", "wb").write(b"\xab\xcd\xefMaxMind.com" + b"\xff" * 40)
P
geo() { echo "\"geoip\": {\"country\": \"$dir/$1.mmdb\", \"asn\": \"$dir/$2.mmdb\"}"; }
run "$(u "http://127.0.0.1:$http/p/")" "$(geo country asn)"
want 'country and network' '(hops[0]["country"], hops[0]["asn"], hops[0]["organisation"]) == ("FR", "AS64500", "Example Net")'
run "$(u "http://127.0.0.1:$http/p/")" "$(geo asn country)"
want 'a database is known by what it holds, not by its key' '(hops[0]["country"], hops[0]["asn"]) == ("FR", "AS64500")'
run "$(u "http://[::1]:$http/p/")" "$(geo country asn)"
want 'an address it does not know' 'v == "ok" and "country" not in hops[0] and "asn" not in hops[0]'
run "$(u "http://127.0.0.1:$http/p/")" "$(geo broken none)"
want 'a broken database is no reason not to measure' 'v == "ok" and "country" not in hops[0]'

# --- is it me?
sees="\"references\": [\"http://127.0.0.1:$http/health\"]" blind="\"references\": [\"http://127.0.0.1:$dead/\", \"http://none.test/\"]"
one="\"references\": [\"http://127.0.0.1:$dead/\", \"http://127.0.0.1:$pages/no-cdn\"]"
run "$(u "http://127.0.0.1:$dead/")" "$sees"
want 'we see: the shop is down' 'v == "crit" and c == "refused" and m("up") == 0 and m("retries_total", result="failed") == 1'
run "$(u "http://127.0.0.1:$dead/")" "$blind"
want 'we see nothing: nobody says that the shop is down' 'v == "unknown" and c == "blind" and m("up") is None and m("failures_total", phase="connect") is None'
run "$(u "http://127.0.0.1:$dead/")" "$one"
want 'one reference that answers is sight' 'v == "crit" and c == "refused"'
run "$(u "http://127.0.0.1:$silent/")" "$sees" 8000
want 'we see: a timeout is the shop'"'"'s' 'v == "crit" and c == "timeout" and m("up") == 0'
run "$(u "http://127.0.0.1:$silent/")" "$blind" 2000
want 'we see nothing: a timeout is ours' 'v == "unknown" and c == "blind" and m("up") is None'
run "$(u "http://127.0.0.1:$raw/p/?fault=status&status=503")" "$blind"
want 'an answer is an answer, whatever the references say' 'v == "crit" and c == "status"'
run "$(u "http://127.0.0.1:$http/p/")" "$blind"
want 'what is right is not asked about' 'v == "ok"'
