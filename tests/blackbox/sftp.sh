#!/usr/bin/env bash
# sftp.sh - a feed on a real SFTP server: read by key, compared, unchanged ones not read again; a server whose key is
# another one is not spoken to, and neither is one that refuses our key.
set -uo pipefail
. "$(dirname "$0")/../check.sh"
chmod 755 "$dir"
evidence() { "$tillwatch" status; tail -n 5 "$dir/agent.log"; tail -n 5 "$dir/sshd.log"; }
server=$(command -v sshd || ls /usr/sbin/sshd 2>/dev/null) || { echo 'sftp.sh: no sshd here (apt install openssh-server)'; exit 1; }
export TILLWATCH_CONFIG=$dir/shop.yaml TILLWATCH_SOCKET=$dir/agent.sock
port=$(free_port)
ssh-keygen -q -t ed25519 -N '' -f "$dir/host" && ssh-keygen -q -t ed25519 -N '' -f "$dir/us" && ssh-keygen -q -t ed25519 -N '' -f "$dir/stranger"
cp "$dir/us.pub" "$dir/authorized"
feed() { awk -v q="$1" 'BEGIN { print "sku,qty"; for (i = 0; i < 50; i++) print "A-" i "," (i == 7 ? q : i) }'; }
feed 7 >"$dir/wms.csv"
feed 7 >"$dir/stock.csv"
cat >"$dir/sshd_config" <<C
Port $port
ListenAddress 127.0.0.1
HostKey $dir/host
AuthorizedKeysFile $dir/authorized
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
Subsystem sftp internal-sftp -l VERBOSE
C
mkdir -p /run/sshd 2>/dev/null
"$server" -D -e -f "$dir/sshd_config" >"$dir/sshd.log" 2>&1 &
within 10 'a server listens' grep -q 'Server listening on 127.0.0.1' "$dir/sshd.log"
fingerprint=$(ssh-keygen -lf "$dir/host.pub" | sed 's/.*SHA256:\([^ ]*\) .*/\1/')
config() { # PRIVATE_KEY HOST_KEY
  cat >"$dir/shop.yaml" <<Y
shop: {name: acme}
agent: {store: {path: "$dir/store"}, api: {socket: "$dir/agent.sock"}}
sources:
  wms: {type: csv, path: "$dir/wms.csv", interval: 1s, fields: {sku: sku, available: qty}}
  market: {type: csv, url: "sftp://127.0.0.1:$port$dir/stock.csv", user: "$(id -un)", private_key: "$1", host_key: "$2", interval: 4s, fields: {sku: sku, available: qty}}
probes:
  - {name: parity, plugin: inventory, interval: 1s, timeout: 900ms, fields: {available: {reference: wms, compare: {market: {grace: 2s}}}}}
Y
  chmod 600 "$dir/shop.yaml"
}
says() { [[ "$("$tillwatch" probes)" = *"$1"* ]]; }
config "$dir/us" "$fingerprint"
"$tillwatch" check >"$dir/out" 2>&1 || fail "check: $(cat "$dir/out")"
ok 'check takes it'
"$build/agent/tillwatchd" -c "$dir/shop.yaml" >>"$dir/agent.log" 2>&1 &
agent=$!
within 15 'the agent is up' "$tillwatch" probes
within 20 'all 50 keys agree' reads 'inventory_coherent_keys{source="market"}' 50
feed 99 >"$dir/new" && mv "$dir/new" "$dir/stock.csv"
within 20 'one differs' reads 'inventory_drift_units{source="market"}' 92
feed 7 >"$dir/new" && mv "$dir/new" "$dir/stock.csv"
within 20 'and is repaired' reads 'inventory_open_keys{source="market"}' 0
rm "$dir/stock.csv"
within 20 'a feed that is gone is said' reads 'tillwatch_probe_verdict{probe="market"}' 3
shows 'and makes nothing missing' 'inventory_missing_keys{source="market"}' 0
feed 7 >"$dir/stock.csv"
within 20 'it is there again' reads 'tillwatch_probe_verdict{probe="market"}' 0
config "$dir/us" "$(printf '%043d' 0)"
kill -HUP "$agent"
within 20 'a server with another key is not spoken to' reads 'tillwatch_probe_verdict{probe="market"}' 3
config "$dir/us" "$fingerprint"
kill -HUP "$agent"
within 20 'with the right one it is' reads 'tillwatch_probe_verdict{probe="market"}' 0
config "$dir/stranger" "$fingerprint"
kill -HUP "$agent"
within 20 'a server that refuses us is said' says 'Login denied'
config "$dir/us" "$fingerprint"
kill -HUP "$agent"
within 20 'and all is well again' reads 'inventory_coherent_keys{source="market"}' 50
ended
