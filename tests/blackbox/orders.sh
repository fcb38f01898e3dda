#!/usr/bin/env bash
# orders.sh - 1,000 orders in six systems, five of each fault among them, through the real agent: exactly those are found,
# none before its time, none forgotten by kill -9, and what is mended is well again.
set -uo pipefail
. "$(dirname "$0")/../check.sh"
evidence() { "$tillwatch" status; "$tillwatch" query inventory_order_faults; tail -20 "$dir/agent.log"; }
export TILLWATCH_CONFIG=$dir/shop.yaml TILLWATCH_SOCKET=$dir/agent.sock

# What the six systems say. stories.py START FAULTS: orders placed in the two seconds after START; FAULTS=no: all are well.
cat >"$dir/stories.py" <<'P'
import csv, os, sqlite3, sys
dir_, start, faults = sys.argv[1], float(sys.argv[2]), sys.argv[3] != 'no'
NAMES = ['paid_without_order', 'order_without_payment', 'charged_twice', 'total_mismatch', 'not_exported', 'not_shipped', 'refund_not_booked']
orders, payments, exports, shipments, refunds, bookings = [], [], [], [], [], []
for i in range(1000):
    id_, t, total = 'O%d' % i, start + i * 0.002, 1000 + i
    # every 25th order from the third on has a fault, the seven kinds in turn, until there are five of each
    k = (i - 3) // 25 if i % 25 == 3 else 99
    fault = NAMES[k % 7] if faults and k < 35 else ''
    if fault != 'paid_without_order':
        orders.append((id_, t, total, 'EUR'))
        if fault != 'not_exported':
            exports.append((id_, t + 1))
        if fault != 'not_shipped':
            shipments.append((id_, t + 1.5))
    if fault != 'order_without_payment':
        payments.append((id_, 'p%d' % i, t, total - (300 if fault == 'total_mismatch' else 0), 1))
    if fault == 'charged_twice':
        payments.append((id_, 'q%d' % i, t + 0.5, total, 1))
    if i % 10 == 0:
        payments.append((id_, 'd%d' % i, t - 1, total, 0))  # declined, then tried again
    if i % 20 == 3 or (k < 35 and k % 7 == 6):
        refunds.append((id_, 'r%d' % i, t + 1, 500))
        if fault != 'refund_not_booked':
            bookings.append((id_, 'r%d' % i, t + 1.2, 500))
db = sqlite3.connect(dir_ + '/shop.db')
db.execute('CREATE TABLE IF NOT EXISTS orders (id TEXT PRIMARY KEY, placed_at REAL, cents INTEGER, currency TEXT)')
db.executemany('INSERT OR REPLACE INTO orders VALUES (?, ?, ?, ?)', orders)
db.commit()
db = sqlite3.connect(dir_ + '/psp.db')
db.execute('CREATE TABLE IF NOT EXISTS payments (order_id TEXT, payment TEXT PRIMARY KEY, at REAL, cents INTEGER, ok INTEGER)')
db.executemany('INSERT OR REPLACE INTO payments VALUES (?, ?, ?, ?, ?)', payments)
db.commit()
for name, head, rows in [('exports', 'id,at', exports), ('shipments', 'id,at', shipments), ('refunds', 'id,payment,at,amount', refunds), ('bookings', 'id,payment,at,amount', bookings)]:
    with open(dir_ + '/.' + name, 'w') as f:
        f.write(head + '\n' + ''.join(','.join(str(v / 100) if c == 'amount' else str(v) for c, v in zip(head.split(','), r)) + '\n' for r in rows))
    os.rename(dir_ + '/.' + name, dir_ + '/' + name + '.csv')
P
tell() { python3 "$dir/stories.py" "$dir" "$@"; }
# The systems stand before the first order: what comes then is compared whole.
python3 - "$dir" <<'P'
import sqlite3, sys
d = sys.argv[1]
sqlite3.connect(d + '/shop.db').execute('CREATE TABLE orders (id TEXT PRIMARY KEY, placed_at REAL, cents INTEGER, currency TEXT)')
sqlite3.connect(d + '/psp.db').execute('CREATE TABLE payments (order_id TEXT, payment TEXT PRIMARY KEY, at REAL, cents INTEGER, ok INTEGER)')
P
for s in exports shipments; do echo 'id,at' >"$dir/$s.csv"; done
for s in refunds bookings; do echo 'id,payment,at,amount' >"$dir/$s.csv"; done
cat >"$dir/shop.yaml" <<Y
shop: {name: acme, currency: EUR, timezone: UTC}
agent: {store: {path: "$dir/store"}, api: {socket: "$dir/agent.sock"}}
defaults: {interval: 1s, timeout: 900ms}
systems: {shop: {title: Shop}, psp: {title: Payment}, erp: {title: ERP}, wms: {title: Warehouse}}
sources:
  orders:
    type: sql
    interval: 1s
    system: shop
    file: "$dir/shop.db"
    lateness: 1s
    time: placed_at
    query: "SELECT id, placed_at, cents, currency FROM orders WHERE placed_at > \$watermark_s"
    fields: {value: cents, currency: currency}
    units: {value: cents}
  payments:
    type: sql
    interval: 1s
    system: psp
    file: "$dir/psp.db"
    lateness: 1s
    time: at
    id: payment
    query: "SELECT order_id, payment, at, cents, ok FROM payments WHERE at > \$watermark_s"
    fields: {id: order_id, payment: payment, value: cents, ok: ok}
    units: {value: cents}
  erp: {type: csv, interval: 1s, system: erp, path: "$dir/exports.csv", fields: {id: id}, time: at}
  wms: {type: csv, interval: 1s, system: wms, path: "$dir/shipments.csv", fields: {id: id}, time: at}
  psp_refunds: {type: csv, interval: 1s, system: psp, path: "$dir/refunds.csv", fields: {id: id, payment: payment, value: amount}, time: at}
  erp_refunds: {type: csv, interval: 1s, system: erp, path: "$dir/bookings.csv", fields: {id: id, payment: payment, value: amount}, time: at}
probes:
  - name: order-integrity
    plugin: inventory
    interval: 1s
    timeout: 900ms
    warm_up: 0s
    compare:
      payments: {max_lag: 5s}
      orders: {max_lag: 5s}
      erp: {as: exports, max_lag: 5s}
      wms: {as: shipments, max_lag: 5s}
      psp_refunds: {as: refunds}
      erp_refunds: {as: bookings, max_lag: 5s}
Y
chmod 600 "$dir/shop.yaml"
start() {
  "$build/agent/tillwatchd" -c "$dir/shop.yaml" >>"$dir/agent.log" 2>&1 &
  agent=$!
}
says() { [[ "$("$tillwatch" status)" = *"$1"* ]]; }
each_is() { # N: of each fault
  [ "$("$tillwatch" query "count(inventory_order_faults == $1)" --json | sed -n 's/^ *"\([0-9]*\)"$/\1/p')" = 7 ]
}
"$tillwatch" check >"$dir/out" 2>&1 || fail "check: $(cat "$dir/out")"
ok 'check takes it'
start
within 15 'the agent is up' "$tillwatch" probes
within 15 'all six have been read' eval '"$tillwatch" query "inventory_orders_compared" --json | grep -q "\"0\""'

# The faults are told while the probe looks; then what it says of each is counted.
at=$(date +%s.%N)
sleep 4
tell "$at" yes
within 60 'the orders are known' reads 'inventory_orders_compared > 990' 1000
within 90 'five of each are found' each_is 5
sleep 3
shows 'and no more' 'count(max_over_time(inventory_order_faults[10s]) == 5)' 7
named() {
  local id facts
  facts=$(curl -s --unix-socket "$dir/agent.sock" 'http://agent/tillwatch/v1/runs?probe=order-integrity&limit=1')
  for id in O3 O28 O53 O78 O103; do [[ "$facts" = *"\"$id\""* ]] || { echo "not $id: $facts"; return 1; }; done
}
within 20 'the record names the orders' named
shows 'what was not paid is known' 'inventory_order_fault_value{fault="total_mismatch"}' 15
within 20 'status says it' says '5 paid without an order'
within 30 'who pays twice is paged' reads 'count(ALERTS{alertname="OrderMoneyWrong",alertstate="firing"})' 2

# Nothing is forgotten: hosts and agent die.
kill -9 "$(pgrep -P "$agent" -f tillwatch-host | head -1)"
sleep 1
within 30 'after kill -9 of the host all is known' each_is 5
kill -9 "$agent"
wait "$agent" 2>/dev/null
start
within 15 'the agent is up again' "$tillwatch" probes
within 30 'after kill -9 of the agent too' eval 'reads "inventory_orders_compared" 1000 && each_is 5'

# What is mended is well: the missing orders, payments, exports, parcels and bookings come, the money goes back.
tell "$at" no
python3 - "$dir" <<'P'
import sqlite3, sys, time
shop, psp = sqlite3.connect(sys.argv[1] + '/shop.db'), sqlite3.connect(sys.argv[1] + '/psp.db')
for k in (0, 7, 14, 21, 28):      # told late: rows with a new time
    shop.execute('UPDATE orders SET placed_at = ? WHERE id = ?', (time.time(), 'O%d' % (3 + 25 * k)))
for k in (1, 8, 15, 22, 29):
    psp.execute('UPDATE payments SET at = ? WHERE payment = ?', (time.time(), 'p%d' % (3 + 25 * k)))
for k in (3, 10, 17, 24, 31):
    psp.execute('UPDATE payments SET at = ? WHERE payment = ?', (time.time(), 'p%d' % (3 + 25 * k)))
shop.commit(); psp.commit()
with open(sys.argv[1] + '/refunds.csv') as f:
    text = f.read()
with open(sys.argv[1] + '/bookings.csv') as f:
    books = f.read()
rows = ''.join('O%d,x%d,%f,%.2f\n' % (3 + 25 * k, k, time.time(), (1000 + 3 + 25 * k) / 100) for k in (2, 9, 16, 23, 30))
import os
for name, body in (('bookings', books + rows), ('refunds', text + rows)):
    with open(sys.argv[1] + '/.' + name, 'w') as f:
        f.write(body)
    os.rename(sys.argv[1] + '/.' + name, sys.argv[1] + '/' + name + '.csv')
P
within 60 'what is mended is well' each_is 0
within 10 'and status says so' reads 'tillwatch_probe_verdict{probe="order-integrity"}' 0

# What is wrong in the configuration is said with its place.
sed 's/as: exports, //' "$dir/shop.yaml" >"$dir/bad.yaml"
chmod 600 "$dir/bad.yaml"
"$tillwatch" check -c "$dir/bad.yaml" >"$dir/out" 2>&1 && fail 'a source of nothing is refused'
grep -q 'bad.yaml:[0-9]*:[0-9]*: .*what does it tell of' "$dir/out" || fail "a source of nothing is refused with its place: $(cat "$dir/out")"
ok 'a source that tells of nothing is refused with its place'
ended
