# 30-right.sh - assertions and certificates. Sourced by front.sh.
# SPDX-License-Identifier: Apache-2.0
page="http://127.0.0.1:$http/p/linen-lamp" api="http://127.0.0.1:$http/api/stock?page=1"
# both SUBJECT URL ASSERTION-THAT-HOLDS ASSERTION-THAT-DOES-NOT CAUSE PART-OF-THE-REASON
both() {
  run "$(u "$2"), \"assert\": [$3]"
  want "$1 holds" 'v == "ok"'
  run "$(u "$2"), \"assert\": [$4]"
  want "$1 is broken" "v == 'crit' and c == '$5' and '$6' in why"
}
both 'status' "$page" '{"status": [[200, 299]]}' '{"status": [[201, 204]]}' status 'status 200'
both 'a header, whole' "$page" '{"header": {"name": "content-TYPE", "equals": "text/html; charset=utf-8"}}' \
  '{"header": {"name": "content-type", "equals": "text/plain"}}' header 'not "text/plain"'
both 'a part of a header' "$page" '{"header": {"name": "Content-Type", "contains": "html"}}' \
  '{"header": {"name": "Content-Type", "contains": "json"}}' header json
both 'a header, regex' "$page" '{"header": {"name": "Content-Type", "matches": "^text/.+utf-8$"}}' \
  '{"header": {"name": "Content-Type", "matches": "^image/"}}' header '^image/'
both 'no such header' "$page" '{"header": {"name": "X-None", "absent": true}}' \
  '{"header": {"name": "Content-Type", "absent": true}}' header 'is there'
run "$(u "$page"), \"assert\": [{\"header\": {\"name\": \"X-None\", \"contains\": \"a\"}}]"
want 'a header that is not there' 'c == "header" and "no header X-None" in why'
both 'body text' "$page" '{"body": {"contains": "Add to cart"}}' '{"body": {"contains": "Add to basket"}}' body 'Add to basket'
both 'body without a text' "$page" '{"body": {"not_contains": "Fatal error"}}' '{"body": {"not_contains": "Add to cart"}}' body 'Add to cart'
both 'body regex' "$page" '{"body": {"matches": "schema.org/(In|OutOf)Stock"}}' '{"body": {"matches": "schema.org/Gone"}}' body Gone
both 'body size' "$page" '{"body": {"min_bytes": 100}}' '{"body": {"min_bytes": 1000000}}' body 'fewer than'
run "$(u "http://127.0.0.1:$raw/p/?fault=phases&size=100000"), \"assert\": [{\"body\": {\"matches\": \"(.*.*)*.*x9q\$\"}}]"
want 'a regex that explodes is stopped' 'v == "crit" and c in ("regex_limit", "body") and r["duration_us"] < 2500000'
both 'JSON' "$api" '{"json": "/total", "equals": "40"}' '{"json": "/total", "equals": "41"}' json '"40", not "41"'
both 'JSON absent' "$api" '{"json": "/errors", "absent": true}' '{"json": "/total", "absent": true}' json /total
run "$(u "$api"), \"assert\": [{\"json\": \"/items/0/nope\"}]"
want 'nothing at a pointer' 'c == "json" and "/items/0/nope" in why'
run "$(u "$page"), \"assert\": [{\"json\": \"/a\"}]"
want 'no JSON at all' 'c == "json" and "no JSON" in why'
both 'redirects' "http://127.0.0.1:$http/" '{"redirects": [[1, 1]]}' '{"redirects": [[0, 0]]}' redirects '1 redirects'
run "$(u "http://127.0.0.1:$raw/p/?fault=error_in_200"), \"assert\": [{\"body\": {\"contains\": \"Add to cart\"}}]"
want 'an error inside 200' 'v == "crit" and c == "body" and m("runs_total", outcome="business_error") == 1 and m("status") == 200'
run "$(u "http://127.0.0.1:$raw/p/?fault=status&status=404"), \"assert\": [{\"status\": [[404, 404]]}]"
want 'a status that is right is right' 'v == "ok" and m("up") == 1'
for wrong in '{"status": [[200, 200]], "json": "/a"}' '{}' '{"json": "a/b"}' '{"body": {"matches": "("}}'; do
  run "$(u "$page"), \"assert\": [$wrong]"
  want "refused: $wrong" 'r.get("refused", "").startswith("assert/0") and r["text"]'
done

# --- certificates: one server a kind
ca="-CA $dir/c/ca.pem -CAkey $dir/c/ca.key -CAcreateserial"
mkdir "$dir/c"
{
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 300 -subj /CN=test-ca -keyout "$dir/c/ca.key" -out "$dir/c/ca.pem" \
    -addext basicConstraints=critical,CA:TRUE
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 90 -subj /CN=localhost -keyout "$dir/c/self.key" -out "$dir/c/self.pem" \
    -addext subjectAltName=DNS:localhost
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=localhost -keyout "$dir/c/key" -out "$dir/c/csr"
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=other.example -keyout "$dir/c/other.key" -out "$dir/c/other.csr"
  echo subjectAltName=DNS:localhost >"$dir/c/ext"
  echo subjectAltName=DNS:other.example >"$dir/c/other.ext"
  # shellcheck disable=SC2086
  for days in 5 -1; do openssl x509 -req -in "$dir/c/csr" -days "$days" -extfile "$dir/c/ext" $ca -out "$dir/c/days$days.pem"; done
  # shellcheck disable=SC2086
  openssl x509 -req -in "$dir/c/other.csr" -days 60 -extfile "$dir/c/other.ext" $ca -out "$dir/c/other.pem"
} >"$dir/openssl.log" 2>&1 || { bad=$((bad + 1)); echo "FAIL: certificates"; cat "$dir/openssl.log"; }
cat >"$dir/tls.py" <<'P'
import json, os, ssl, socket, sys, threading
d, ports = sys.argv[1], {}
def serve(s, ctx):
    while True:
        try:
            c = ctx.wrap_socket(s.accept()[0], server_side=True)
            c.recv(65536)
            c.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi")
            c.close()
        except OSError:
            pass
for name, cert, key in (("self", "self.pem", "self.key"), ("soon", "days5.pem", "key"), ("old", "days-1.pem", "key"), ("other", "other.pem", "other.key")):
    ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ctx.load_cert_chain(d + "/" + cert, d + "/" + key)
    s = socket.socket()
    s.bind(("127.0.0.1", 0))
    s.listen(16)
    ports[name] = s.getsockname()[1]
    threading.Thread(target=serve, args=(s, ctx), daemon=True).start()
open(d + "/new", "w").write(json.dumps(ports))
os.rename(d + "/new", d + "/ports.json")
threading.Event().wait()
P
python3 "$dir/tls.py" "$dir/c" >"$dir/tls.log" 2>&1 &
within 20 'the servers with their certificates' test -s "$dir/c/ports.json"
trust="\"ca_file\": \"$dir/c/ca.pem\""
at() { u "https://localhost:$(port "$1" "$dir/c/ports.json")/"; }
run "$(at soon), $trust, \"assert\": [{\"certificate_expires_in\": {\"min\": $((3 * 86400))000000}}]"
want 'a certificate with days enough' 'v == "ok" and 4.5 * 86400 < m("certificate_expires_seconds") <= 5 * 86400'
run "$(at soon), $trust, \"assert\": [{\"certificate_expires_in\": {\"min\": $((21 * 86400))000000}}]"
want 'one that expires too soon' 'v == "crit" and c == "certificate" and "expires in" in why'
run "$(at other), $trust"
want 'a certificate of another host' 'v == "crit" and c == "certificate" and hops[0]["failed_phase"] == "tls" and "name" in hops[0]["certificate_error"]'
run "$(at self), $trust"
want 'a self-signed one' 'v == "crit" and c == "certificate" and "self" in hops[0]["certificate_error"]'
run "$(at old), $trust"
want 'an expired one' 'v == "crit" and c == "certificate" and "expired" in hops[0]["certificate_error"]'
want 'why stands in the reason' '"expired" in why'
want 'and since when is published' 'm("certificate_expires_seconds") < 0 and m("up") == 0'
