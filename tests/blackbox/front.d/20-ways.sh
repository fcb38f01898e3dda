# 20-ways.sh - families, each address, proxy, HTTP/2. Sourced by front.sh.
# SPDX-License-Identifier: Apache-2.0
run "$(u "http://127.0.0.1:$http/p/")"
want 'a numeric IPv4 address' 'v == "ok" and hops[0]["family"] == "ipv4" and m("ttfb_seconds", family="ipv4") and m("addresses", family="ipv6") is None'
run "$(u "http://[::1]:$http/p/")"
want 'a numeric IPv6 address' 'v == "ok" and hops[0]["family"] == "ipv6" and hops[0]["address"] == "::1" and m("ttfb_seconds", family="ipv6")'
run "$(u "http://two.test:$http/p/"), \"address_family\": [\"ipv4\", \"ipv6\"]"
want 'both families are measured, each by itself' 'v == "ok" and m("ttfb_seconds", family="ipv4") and m("ttfb_seconds", family="ipv6")'
want 'one address of each' 'm("addresses", family="ipv4") == 1 and m("addresses", family="ipv6") == 1'
run "$(u "http://four.test:$http/p/"), \"address_family\": [\"ipv4\", \"ipv6\"]"
want 'a family without an address is wrong' 'v == "crit" and c == "dns" and m("addresses_failed", family="ipv6") == 1 and m("addresses_failed", family="ipv4") == 0'
run "$(u "http://half.test:$http/p/")"
want 'a client takes the next address' 'v == "ok" and hops[0]["address"] == "127.0.0.1"'
run "$(u "http://half.test:$http/p/"), \"each_address\": true"
want 'one dead address of several is wrong' 'v == "crit" and c == "refused" and m("addresses", family="ipv4") == 2 and m("addresses_failed", family="ipv4") == 1'
want 'and named' '"127.0.0.66" in why'
want 'the record has each address with its outcome' 'sorted((a["address"], a["outcome"]) for a in f["addresses"])
  == [("127.0.0.1", "ok"), ("127.0.0.66", "server_error")]'
run "$(u "http://two.test:$http/p/"), \"each_address\": true"
want 'each address of both families' 'v == "ok" and m("addresses", family="ipv4") == 1 and m("addresses", family="ipv6") == 1 and [a["address"] for a in f["addresses"]] == ["127.0.0.1", "::1"]'
run "$(u "http://many.test:$dead/p/"), \"each_address\": true" '' 9000
want 'eight addresses a family and run' 'm("addresses", family="ipv4") == 8 and r["refused"] == 0'

run "$(u "http://127.0.0.1:$http/p/?$$-direct")"
want 'the environment names a proxy, nobody asks it' 'v == "ok"'
run "$(u "http://127.0.0.1:$http/p/?$$-plain"), \"proxy\": \"http://127.0.0.1:$proxy\""
want 'a proxy, plain' "v == 'ok' and 'GET http://127.0.0.1:$http/p/?$$-plain' in open('$dir/proxy.log').read() and '$$-direct' not in open('$dir/proxy.log').read()"
timed 'hops[0]["connect_s"] > 0.1 and hops[0]["wait_s"] < 0.1 and abs(sum(hops[0][p] for p in PHASES) - m("total_seconds")) < 0.01' \
  "$(u "https://localhost:$tls/p/"), $same, \"proxy\": \"http://127.0.0.1:$proxy\""
want 'a proxy, CONNECT' "v == 'ok' and 'CONNECT localhost:$tls' in open('$dir/proxy.log').read()"
want 'the tunnel is connecting, not waiting' 'hops[0]["connect_s"] > 0.1 and hops[0]["wait_s"] < 0.1 and hops[0]["tls_s"] > 0'
want 'and the answer is the shop'"'"'s' 'hops[0]["status"] == 200 and abs(sum(hops[0][p] for p in PHASES) - m("total_seconds")) < 0.01'
run "$(u "https://refuse-me.test:443/p/"), \"proxy\": \"http://127.0.0.1:$proxy\""
want 'a proxy that refuses is a failure of connecting' 'v == "crit" and c != "" and hops[0]["failed_phase"] == "connect" and hops[0]["status"] == 0'
run "$(u "http://127.0.0.1:$http/p/"), \"proxy\": \"http://127.0.0.1:$dead\""
want 'a dead proxy is a failure of connecting' 'v == "crit" and c == "refused" and hops[0]["failed_phase"] == "connect"'

nginx=$(command -v nginx || ls /usr/sbin/nginx 2>/dev/null || :)
if [ -n "$nginx" ]; then
  h2=$(free_port)
  cat >"$dir/nginx.conf" <<N
daemon off; pid $dir/nginx.pid; error_log $dir/nginx.log; worker_processes 1;
events {}
http {
  access_log off; client_body_temp_path $dir/t1; proxy_temp_path $dir/t2; fastcgi_temp_path $dir/t3; uwsgi_temp_path $dir/t4; scgi_temp_path $dir/t5;
  server { listen 127.0.0.1:$h2 ssl http2; ssl_certificate $dir/cert.pem; ssl_certificate_key $dir/key.pem;
    location / { proxy_pass http://127.0.0.1:$raw; } }
}
N
  "$nginx" -c "$dir/nginx.conf" 2>>"$dir/nginx.log" &
  within 20 'nginx answers' curl -sk --noproxy '*' "https://127.0.0.1:$h2/health"
  run "$(u "https://localhost:$h2/p/"), $same"
  want 'HTTP/2 is taken where it is spoken' 'v == "ok" and hops[0]["http_version"] == "2"'
  timed 'hops[0]["wait_s"] > 0.075' "$(u "https://localhost:$h2/p/?fault=phases&head_ms=80&body_ms=1"), $same, \"method\": \"POST\", \"body\": \"a=1\""
  want 'a POST over HTTP/2 waits as long as the server thinks' 'hops[0]["http_version"] == "2" and hops[0]["wait_s"] > 0.075'
  run "$(u "https://localhost:$h2/p/"), $same, \"http_version\": \"1.1\""
  want 'http_version 1.1 is kept to' 'v == "ok" and hops[0]["http_version"] == "1.1"'
  run "$(u "https://localhost:$h2/p/"), $same, \"http_version\": \"2\""
  want 'http_version 2 is met' 'v == "ok" and hops[0]["http_version"] == "2"'
else
  echo "skip: HTTP/2 (no nginx)"
fi
run "$(u "https://localhost:$tls/p/"), $same, \"http_version\": \"2\""
want 'http_version 2 is an expectation' 'v == "crit" and c == "http_version"'
