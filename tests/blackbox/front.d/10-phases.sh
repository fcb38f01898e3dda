# 10-phases.sh - six phases a hop, redirects as hops, the phase that failed, cold and warm. Sourced by front.sh.
# SPDX-License-Identifier: Apache-2.0
shop=http://127.0.0.1:$raw
timed '0.055 < hops[0]["wait_s"] < 0.2 and 0.035 < hops[0]["transfer_s"] < 0.2 and abs(sum(hops[0][p] for p in PHASES) - m("total_seconds")) < 0.01' \
  "$(u "$shop/p/?fault=phases&head_ms=60&body_ms=40")"
want 'a page is ok' 'v == "ok" and len(hops) == 1 and hops[0]["status"] == 200'
want 'a hop has its six phases' 'all(p in hops[0] for p in PHASES)'
want 'wait is the server, transfer the body' '0.055 < hops[0]["wait_s"] < 0.2 and 0.035 < hops[0]["transfer_s"] < 0.2'
want 'no TLS, no time of TLS' 'hops[0]["tls_s"] == 0 and hops[0]["connect_s"] > 0'
want 'phases are series too' 'all(m("phase_seconds", phase=p, connection="cold", family="ipv4") is not None
  for p in ("dns", "connect", "tls", "send", "wait", "transfer"))'
want 'and they add up to the total' 'abs(sum(hops[0][p] for p in PHASES) - m("total_seconds")) < 0.01'

run "$(u "http://127.0.0.1:$http/")"
want 'a redirect is a hop' 'v == "ok" and len(hops) == 2 and hops[0]["status"] == 302 and hops[1]["status"] == 200'
want 'and is counted' 'm("redirects") == 1 and hops[0]["location"].endswith("/p/")'
run "$(u "http://127.0.0.1:$http/"), \"max_redirects\": 0"
want 'max_redirects 0 follows none' 'len(hops) == 1 and hops[0]["status"] == 302'
run "$(u "https://localhost:$tls/"), $same"
want 'TLS has its time at each hop' 'len(hops) == 2 and all(h["tls_s"] > 0 for h in hops)'
want 'and its certificate' 'all("certificate_not_after_s" in h for h in hops)'

run "$(u "http://127.0.0.1:$dead/")"
want 'refused is charged to connect' 'v == "crit" and c == "refused" and hops[0]["failed_phase"] == "connect"'
want 'and names the address' '"127.0.0.1" in why and m("failures_total", phase="connect") >= 1'
run "$(u "https://127.0.0.1:$plain/")"
want 'no TLS at the other end' 'v == "crit" and c == "tls" and hops[0]["failed_phase"] == "tls" and hops[0]["tls_s"] > 0'
run "$(u "http://none.test:$http/")"
want 'a name that does not exist' 'v == "crit" and c == "dns" and hops[0]["failed_phase"] == "dns"'
run "$(u "http://mute.test:$http/")" '' 1600
want 'timeout in dns' 'c == "timeout" and hops[0]["failed_phase"] == "dns" and hops[0]["dns_s"] > 0.5'
run "$(u "http://127.0.0.1:$full/")" '' 1600
want 'timeout in connect' 'c == "timeout" and hops[0]["failed_phase"] == "connect" and hops[0]["connect_s"] > 0.5'
run "$(u "https://127.0.0.1:$silent/")" '' 1600
want 'timeout in tls' 'c == "timeout" and hops[0]["failed_phase"] == "tls" and hops[0]["tls_s"] > 0.5'
run "$(u "http://127.0.0.1:$silent/")" '' 1600
want 'timeout in wait' 'c == "timeout" and hops[0]["failed_phase"] == "wait" and hops[0]["wait_s"] > 0.5'
run "$(u "$shop/p/?fault=phases&head_ms=10&body_ms=9000")" '' 1600
want 'timeout in transfer' 'c == "timeout" and hops[0]["failed_phase"] == "transfer" and hops[0]["transfer_s"] > 0.5'
want 'a failure gives no latency' 'm("ttfb_seconds") is None and m("up") == 0'

run "$(u "$shop/p/"), \"connection\": [\"cold\", \"warm\"]"
want 'cold and warm' 'm("ttfb_seconds", connection="cold") and m("ttfb_seconds", connection="warm")'
want 'warm does not connect' 'm("phase_seconds", connection="warm", phase="connect") == 0
  and m("phase_seconds", connection="cold", phase="connect") > 0'
want 'nothing was discarded' 'm("warm_discarded_total") in (None, 0)'
run "$(u "http://127.0.0.1:$closer/"), \"connection\": [\"cold\", \"warm\"]"
want 'a warm run that had to connect is discarded' 'v == "ok" and m("ttfb_seconds", connection="warm") is None'
want 'and counted' 'm("warm_discarded_total") == 1'
