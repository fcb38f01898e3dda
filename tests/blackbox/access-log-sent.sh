#!/usr/bin/env bash
# access-log-sent.sh - lines that are sent to the agent: a real nginx and logger(1) by syslog over UDP and TCP, and the
# agent's standard input. Each is counted once; a killed host goes on; garbage and strangers change no number.
# Ends with "ok: N checks".
set -uo pipefail
. "$(dirname "$0")/../check.sh"
refused() { # NAME WORDS: what `check` says of $dir/wrong.yaml
  chmod 600 "$dir/wrong.yaml"
  "$tillwatch" check "$dir/wrong.yaml" >"$dir/out" 2>&1 && { cat "$dir/out"; fail "$1: nothing is refused"; }
  grep -q "$2" "$dir/out" || { cat "$dir/out"; fail "$1"; }
  ok "$1"
}
export TILLWATCH_CONFIG=$dir/shop.yaml TILLWATCH_SOCKET=$dir/agent.sock
read -r port far taken < <(python3 -c '
import socket
s = [socket.socket() for _ in range(3)]
for one in s: one.bind(("127.0.0.1", 0))
print(*(one.getsockname()[1] for one in s))')
python3 -c '
import socket, sys, time
s = socket.socket()
s.bind(("127.0.0.1", int(sys.argv[1])))
s.listen()
time.sleep(600)' "$taken" &
holder=$!
within 20 'somebody has that port' eval ': >"/dev/tcp/127.0.0.1/$taken"'
cat >"$dir/shop.yaml" <<Y
shop: {name: acme}
agent: {store: {path: "$dir/store"}, api: {socket: "$dir/agent.sock"}}
systems: {storefront: {title: Vendure}}
sources:
  sent:  {type: access_log, system: storefront, interval: 500ms, lateness: 1s, listen: ["udp://127.0.0.1:$port", "tcp://127.0.0.1:$port"]}
  later: {type: access_log, system: storefront, interval: 500ms, lateness: 1s, listen: ["tcp://127.0.0.1:$taken"]}
  far:   {type: access_log, system: storefront, interval: 500ms, lateness: 1s, listen: ["udp://127.0.0.1:$far"], senders: [10.0.0.0/8]}
  piped: {type: access_log, system: storefront, interval: 500ms, lateness: 1s, path: ["-"]}
probes:
  - {name: by-network, plugin: api, source: sent, interval: 1s, timeout: 900ms, step: 1s}
  - {name: by-later, plugin: api, source: later, interval: 1s, timeout: 900ms, step: 1s}
  - {name: by-strangers, plugin: api, source: far, interval: 1s, timeout: 900ms, step: 1s}
  - {name: by-pipe, plugin: api, source: piped, interval: 1s, timeout: 900ms, step: 1s}
Y
chmod 600 "$dir/shop.yaml"

sed 's|, path: \["-"\]||' "$dir/shop.yaml" >"$dir/wrong.yaml"
refused 'a source that nothing comes from is refused' 'path: is missing, and so is listen'
sed 's|listen: \["tcp://127.0.0.1:[0-9]*"\]|path: ["-"]|' "$dir/shop.yaml" >"$dir/wrong.yaml"
refused 'the standard input has one reader' 'read by another one already'
sed 's|"tcp://127.0.0.1:|"tcp://localhost:|' "$dir/shop.yaml" >"$dir/wrong.yaml"
refused 'an address is numeric, says check with its place' 'listen.*localhost.*no numeric address'

value() { "$tillwatch" query "sum($1)" --json 2>/dev/null | sed -n 's/^ *"\([0-9.]*\)"$/\1/p'; }
total() { value "last_over_time(api_requests_total{probe=\"$1\"}[1h])"; }
reads() { [ "$(total "$1")" = "$2" ]; }
verdict() { [ "$(value "tillwatch_probe_verdict{probe=\"$1\"}")" = "$2" ]; }
line() { echo "10.0.0.1 - - [$(date -u +%d/%b/%Y:%H:%M:%S) +0000] \"GET /$1 HTTP/1.1\" 200 12 \"-\" \"Mozilla/5.0\""; }
lines() { for ((i = 0; i < $1; i++)); do line "p/$i"; done; }
mkfifo "$dir/input"
exec 7<>"$dir/input"
"$build/agent/tillwatchd" -c "$dir/shop.yaml" <"$dir/input" >>"$dir/agent.log" 2>&1 7>&- &
agent=$!
host_of() { # SOURCE: its process
  local pid inode
  inode=$(awk -v at="0100007F:$(printf %04X "$port")" '$2 == at { print $10 }' /proc/net/udp)
  for pid in $(pgrep -P "$agent" -f tillwatch-host); do
    [ "$1" = piped ] && [ "$(readlink "/proc/$pid/fd/0")" = "$dir/input" ] && echo "$pid"
    [ "$1" = sent ] && readlink "/proc/$pid"/fd/* 2>/dev/null | grep -q "socket:\[$inode\]" && echo "$pid"
  done
}
within 15 'the agent is up' "$tillwatch" probes
within 15 'the process of one source has the standard input, no other' eval '[ "$(host_of piped | wc -l)" = 1 ]'
within 15 'it listens' eval '[ -n "$(host_of sent)" ]'
within 15 'a port that is taken is said so' eval '[[ "$("$tillwatch" status)" = *later*"in use"* ]]'
kill "$holder"; wait "$holder" 2>/dev/null
within 15 'and taken when it is free' eval 'verdict later 3 && [[ "$("$tillwatch" status)" != *"in use"* ]] && : >"/dev/tcp/127.0.0.1/$taken"'
sleep 1 # a request belongs to history or to now by the second
line 1 >"/dev/tcp/127.0.0.1/$taken"
within 15 'and heard' reads by-later 1

# nginx
cat >"$dir/nginx.conf" <<N
daemon off; worker_processes 1; pid $dir/nginx.pid; error_log $dir/nginx.log;
events {}
http {
  access_log syslog:server=127.0.0.1:$port,tag=shop combined;
  client_body_temp_path $dir/t; proxy_temp_path $dir/t; fastcgi_temp_path $dir/t; uwsgi_temp_path $dir/t; scgi_temp_path $dir/t;
  server { listen unix:$dir/nginx.sock; location / { return 200 hello; } }
}
N
nginx -p "$dir" -e "$dir/nginx.log" -c "$dir/nginx.conf" 7>&- &
nginx=$!
within 10 'nginx answers' curl -sf --unix-socket "$dir/nginx.sock" http://shop/
curl -sf --unix-socket "$dir/nginx.sock" 'http://shop/?[1-60]' >"$dir/out" || fail 'nginx answers 60 requests'
within 20 "each of nginx's 61 requests is counted, once" reads by-network 61

# logger: messages with their length before them, and messages by line
lines 200 | logger -T -n 127.0.0.1 -P "$port" -t shop --octet-count
lines 200 | logger -T -n 127.0.0.1 -P "$port" -t shop --rfc3164
lines 40 | logger -d -n 127.0.0.1 -P "$port" -t shop --rfc5424
lines 30 >"/dev/tcp/127.0.0.1/$port" # lines alone
sum=$((61 + 470))
within 20 'by TCP and UDP, in both formats, and with no header at all' reads by-network $sum
within 10 'who listens elsewhere hears none of it' reads by-later 1

lines 150 >&7
within 20 'lines of the standard input' reads by-pipe 150

# a host that dies
one=$(host_of sent) two=$(host_of piped)
kill -9 "$one" "$two"
within 20 'both are gone' eval '! kill -0 "$one" && ! kill -0 "$two"'
within 30 'both are back' eval '[ -n "$(host_of sent)" ] && [ -n "$(host_of piped)" ] && : >"/dev/tcp/127.0.0.1/$port"'
lines 25 | logger -T -n 127.0.0.1 -P "$port" -t shop
lines 25 >&7
within 30 'what is sent afterwards is counted' reads by-network $((sum + 25))
within 20 'and what is piped' reads by-pipe 175

# garbage, and strangers
head -c 3000 /dev/urandom >"/dev/udp/127.0.0.1/$port"
head -c 300000 /dev/urandom >"/dev/tcp/127.0.0.1/$port"
printf '999999999 <14>x' >"/dev/tcp/127.0.0.1/$port"
head -c 200000 /dev/zero | tr '\0' x >"/dev/tcp/127.0.0.1/$port"
line last >"/dev/udp/127.0.0.1/$port"
line last >"/dev/udp/127.0.0.1/$far"
within 20 'garbage changes no number' reads by-network $((sum + 26))
within 10 'and is counted' eval '[ "$(value "access_log_lines_total{probe=\"sent\",result=\"unparsed\"}")" -ge 1 ]'
within 10 'what is too long too' eval '[ "$(value "access_log_lines_total{probe=\"sent\",result=\"too_long\"}")" -ge 2 ]'
within 10 'who may not send is counted, not heard' eval '[ "$(value "access_log_dropped_total{probe=\"far\",reason=\"sender\"}")" = 1 ] && [ -z "$(total by-strangers)" ]'

exec 7>&-
within 20 'the end of the standard input is said' eval '[[ "$("$tillwatch" status)" = *piped*"standard input has ended"* ]]'
reads by-pipe 175 || fail 'the count of what was piped has changed'
ended
