#!/usr/bin/env bash
# verify.sh - docs/examples/verify.*: receivers in Python, Node and Go take what a real agent signs, with either of two
# secrets while one is replaced, and nothing else: a changed body, another secret, an old timestamp, a missing header.
set -uo pipefail
. "$(dirname "$0")/../check.sh"
evidence() { tail -n 5 "$dir"/*.log "$dir/out"; }
secret() { printf 'whsec_%s' "$(head -c 32 /dev/urandom | base64)"; }
new=$(secret) old=$(secret) other=$(secret)

cp "$top"/docs/examples/verify.* "$dir/"
if command -v go >/dev/null; then
  (cd "$dir" && GOCACHE="$dir/cache" GOFLAGS=-mod=mod go build -o verify-go verify.go) >"$dir/out" 2>&1
else
  (cd "$dir" && gccgo -o verify-go verify.go) >"$dir/out" 2>&1
fi || fail 'the Go example compiles'
# listens NAME SECRETS COMMAND...: a receiver on a port that it takes itself, said in NAME.log; its port in $port
listens() {
  local name=$1
  WEBHOOK_SECRETS=$2 "${@:3}" >"$dir/$name.log" 2>&1 &
  within 20 "$name listens" grep -q '^listening on port [0-9]' "$dir/$name.log"
  port=$(sed -n 's/^listening on port //p' "$dir/$name.log")
}
declare -A at
for kind in python node go; do
  case $kind in python) run=(python3 "$dir/verify.py") ;; node) run=(node "$dir/verify.mjs") ;; go) run=("$dir/verify-go") ;; esac
  for knows in both old; do
    [ $knows = both ] && secrets="$new $old" || secrets=$old
    listens "$kind-$knows" "$secrets" "${run[@]}" 0
    at[$kind-$knows]=$port
  done
  for bad in '' 'whsec_' 'whsec_c2hvcnQ=' 'whsec_!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!'; do
    WEBHOOK_SECRETS=$bad timeout 20 "${run[@]}" 0 >"$dir/out" 2>&1
    rc=$?
    [ $rc != 0 ] && [ $rc != 124 ] || fail "$kind: begins with no key at all (\"$bad\")"
  done
done
ok 'three receivers listen; none begins without a key, or with one that is none'

# Between the agent and them: keeps what came, byte for byte, and hands it on as it is.
cat >"$dir/relay.py" <<'P'
import http.client, http.server, json, sys
class H(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers['Content-Length']))
        name, port = self.path.strip('/').split('/')
        headers = {k.lower(): v for k, v in self.headers.items() if k.lower().startswith('webhook-') or k.lower() == 'content-type'}
        to = http.client.HTTPConnection('127.0.0.1', int(port), timeout=10)
        to.request('POST', '/', body, headers)
        status = to.getresponse().status
        with open(sys.argv[1] + '/' + name + '.message', 'w') as f:
            json.dump({'headers': headers, 'body': body.decode(), 'status': status}, f)
        self.send_response(status)
        self.send_header('Content-Length', '0')
        self.end_headers()
    def log_message(self, *a): pass
s = http.server.ThreadingHTTPServer(('127.0.0.1', 0), H)
print('listening on port', s.server_port, flush=True)
s.serve_forever()
P
listens relay '' python3 "$dir/relay.py" "$dir"
{
  echo 'shop: {name: acme}'
  echo "agent: {store: {path: \"$dir/store\"}, api: {socket: \"$dir/agent.sock\"}}"
  echo 'probes: [{name: page, plugin: storefront, url: "http://127.0.0.1:9/", alerts: off}]'
  echo 'route: {receiver: go-both}'
  echo 'receivers:'
  for name in "${!at[@]}"; do echo "  $name: {url: \"http://127.0.0.1:$port/$name/${at[$name]}\", secret: \"$new\", secret_old: \"$old\"}"; done
} >"$dir/shop.yaml"
chmod 600 "$dir/shop.yaml"
"$build/agent/tillwatchd" -c "$dir/shop.yaml" >"$dir/agent.log" 2>&1 &
export TILLWATCH_SOCKET=$dir/agent.sock
within 20 'the agent answers' "$tillwatch" probes
for name in "${!at[@]}"; do
  "$tillwatch" notify test "$name" >"$dir/out" 2>&1 || fail "$name: a test message is sent"
  within 20 "$name: it came" test -s "$dir/$name.message"
  [ "$(jq .status "$dir/$name.message")" = 204 ] || fail "$name: takes what the agent signed"
  [ "$(jq -r '.headers["webhook-signature"]' "$dir/$name.message" | wc -w)" = 2 ] || fail "$name: two signatures while a secret is replaced"
  within 20 "$name: says what came" grep -q "^$(jq -r '.headers["webhook-id"]' "$dir/$name.message") firing" "$dir/$name.log"
done
ok 'each takes what a real agent signs, and so does who knows the old secret alone'

# What is not as it was sent. Each case: headers, body; and what must be answered.
cat >"$dir/cases.py" <<'P'
import base64, hashlib, hmac, http.client, json, sys, time
message, port, new, old, other = json.load(open(sys.argv[1])), int(sys.argv[2]), *sys.argv[3:6]
headers, body = message['headers'], message['body'].encode()
def sign(secret, id_, stamp, body):
    key = base64.b64decode(secret.removeprefix('whsec_'))
    return 'v1,' + base64.b64encode(hmac.new(key, ('%s.%s.' % (id_, stamp)).encode() + body, hashlib.sha256).digest()).decode()
def signed(secret=new, stamp=None, **more):
    stamp = str(stamp or int(time.time()))
    return {**headers, 'webhook-timestamp': stamp, 'webhook-signature': sign(secret, headers['webhook-id'], stamp, body), **more}
def without(name): return {k: v for k, v in headers.items() if k != name}
now, good = int(time.time()), signed()
first = headers['webhook-signature'].split(' ')[0]
flipped = 'v1,' + ('B' if first[3] == 'A' else 'A') + first[4:]
cases = [
    ('as it was sent', headers, body, 204),
    ('signed with the new secret', good, body, 204),
    ('signed with the old secret', signed(old), body, 204),
    ('a signature of a later version first', {**good, 'webhook-signature': 'v9,abc ' + good['webhook-signature']}, body, 204),
    ('four minutes old', signed(stamp=now - 240), body, 204),
    ('a byte changed', headers, body.replace(b'firing', b'FIRING', 1), 401),
    ('a byte more', headers, body + b'\n', 401),
    ('written again by a JSON library', headers, json.dumps(json.loads(body), indent=1).encode(), 401),
    ('no body', headers, b'', 401),
    ('another secret', signed(other), body, 401),
    ('ten minutes old, and signed so', signed(stamp=now - 600), body, 401),
    ('ten minutes ahead, and signed so', signed(stamp=now + 600), body, 401),
    ('another time than was signed', {**headers, 'webhook-timestamp': str(now + 1)}, body, 401),
    ('another id than was signed', {**headers, 'webhook-id': 'msg_other'}, body, 401),
    ('no id', without('webhook-id'), body, 401),
    ('no timestamp', without('webhook-timestamp'), body, 401),
    ('no signature', without('webhook-signature'), body, 401),
    ('an empty signature', {**headers, 'webhook-signature': ''}, body, 401),
    ('a signature with a letter changed', {**headers, 'webhook-signature': flipped}, body, 401),
    ('a signature without its version', {**headers, 'webhook-signature': first[3:]}, body, 401),
    ('a signature cut short', {**headers, 'webhook-signature': first[:20]}, body, 401),
    ('bytes that are no signature', {**headers, 'webhook-signature': 'v1,\xe9\xff'}, body, 401),
    ('a timestamp that is no number', {**headers, 'webhook-timestamp': '1e9'}, body, 401),
    ('a timestamp without end', {**headers, 'webhook-timestamp': '9' * 200}, body, 401),
    ('as it was sent, after all of it', headers, body, 204),
]
bad = 0
for name, h, b, want in cases:
    c = http.client.HTTPConnection('127.0.0.1', port, timeout=10)
    try:
        c.request('POST', '/', b, h)
        got = c.getresponse().status
    except Exception as e:
        got = repr(e)
    if got != want:
        bad += 1
        print('%s: %s, wanted %d' % (name, got, want))
print(len(cases), 'cases')
sys.exit(bad != 0)
P
for kind in python node go; do
  python3 "$dir/cases.py" "$dir/$kind-both.message" "${at[$kind-both]}" "$new" "$old" "$other" >"$dir/out" 2>&1 || fail "$kind: what is not as it was sent is refused"
  ok "$kind: what is not as it was sent is refused ($(tail -n 1 "$dir/out"))"
done
ended
