#!/usr/bin/env bash
# sql.sh - rows of PostgreSQL, MariaDB and SQLite through the real agent: rows that come late, rows that change, kill -9
# of any process, a hanging query, a column that changes its type. Each row is counted once, on all three alike.
# Ends with "ok: N checks".
set -uo pipefail
. "$(dirname "$0")/../check.sh"
chmod 755 "$dir"
pgbin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -1)
# PostgreSQL will not run as root. Each word of it ends in exec: $! is the server itself.
as_postgres=()
pg=''
at_end() {
  exec 9>&-
  [ -z "$pg" ] || kill -INT "$pg" 2>/dev/null # at once: no client is awaited
  # The one that was started is a shell before it: PostgreSQL says who it is.
  [ -s "$dir/pg/postmaster.pid" ] && kill -INT "$(head -1 "$dir/pg/postmaster.pid")" 2>/dev/null
  for _ in $(seq 50); do [ -s "$dir/pg/postmaster.pid" ] || break; sleep 0.1; done
}
[ "$(id -u)" != 0 ] || as_postgres=(env -C / setpriv --reuid=postgres --regid=postgres --clear-groups)
for program in mariadbd mariadb mariadb-install-db sqlite3 setpriv; do command -v "$program" >/dev/null || fail "$program is not installed: scripts/packages names it"; done
[ -n "$pgbin" ] || fail 'postgresql is not installed: scripts/packages names it'

# --- three databases, on sockets of our own ----------------------------------------------------------
mkdir "$dir/pg" "$dir/run" "$dir/maria" "$dir/lite" "$dir/plugins"
chmod 777 "$dir/run"
[ "$(id -u)" = 0 ] && chown postgres "$dir/pg"
"${as_postgres[@]}" "$pgbin/initdb" -D "$dir/pg" -A trust -U shop >"$dir/initdb.log" 2>&1 || { cat "$dir/initdb.log"; fail 'initdb'; }
"${as_postgres[@]}" "$pgbin/postgres" -D "$dir/pg" -k "$dir/run" -c listen_addresses= -c fsync=off -c unix_socket_permissions=0777 >"$dir/pg.log" 2>&1 &
pg=$!
mariadb-install-db --no-defaults --datadir="$dir/maria" --auth-root-authentication-method=normal --skip-test-db >"$dir/maria.log" 2>&1 \
  || { cat "$dir/maria.log"; fail 'mariadb-install-db'; }
mariadbd --no-defaults --user="$(id -un)" --datadir="$dir/maria" --socket="$dir/run/maria.sock" --skip-networking \
  --pid-file="$dir/maria.pid" --innodb-flush-log-at-trx-commit=0 >>"$dir/maria.log" 2>&1 &
maria=$!
psql() { "$pgbin/psql" -qAt -h "$dir/run" -U shop -d postgres -c "$1"; }
maria() { mariadb --no-defaults -N -B -S "$dir/run/maria.sock" -u root shop -e "$1"; }
lite() { sqlite3 -cmd '.timeout 5000' "$dir/lite/shop.db" "$1"; }
within 30 'PostgreSQL answers' psql 'select 1'
within 30 'MariaDB answers' mariadb --no-defaults -S "$dir/run/maria.sock" -u root -e 'create database shop'
psql 'create table orders (id serial primary key, at timestamptz(3) not null, word text, email text); create index on orders(at); create sequence numbers;
  create table big as select i as id, now() - interval '"'1 hour'"' as at from generate_series(1, 30000) i; analyze big'
maria 'create table orders (id int auto_increment primary key, at datetime(3) not null, word varchar(40), email varchar(80), index(at));
  create table big as select seq as id, now(3) - interval 1 hour as at from seq_1_to_30000; analyze table big' >/dev/null
mariadb --no-defaults -S "$dir/run/maria.sock" -u root shop <<'Q'
delimiter //
create function written() returns int begin insert into orders(at, word) values (now(3), 'w'); return 1; end//
Q
lite 'pragma journal_mode=wal; create table orders (id integer primary key, at integer not null, word, email text); create index o on orders(at)' >/dev/null
# The shop that has its database open: without one, nobody who only reads may look into WAL files.
mkfifo "$dir/run/shop"
sqlite3 "$dir/lite/shop.db" <"$dir/run/shop" >/dev/null &
exec 9>"$dir/run/shop"
echo 'select count(*) from orders;' >&9

# What is: the same stock in all three, its key a number in one of them.
psql 'create table stock as select i as sku, i % 7 as qty, (i * 1.25)::numeric(10,2) as price, now() as updated_at from generate_series(1, 400) i'
maria 'create table stock as select cast(seq as char(20)) as sku, seq % 7 as qty, cast(seq * 1.25 as decimal(10,2)) as price, utc_timestamp(3) as updated_at from seq_1_to_400' >/dev/null
lite "create table stock as with recursive s(i) as (select 1 union all select i + 1 from s where i < 400) select cast(i as text) as sku, i % 7 as qty, i * 1.25 as price, datetime('now') as updated_at from s"
# The same again, for databases that say what has changed by sums: no time of a change, a null, names of all sorts.
psql "create table shelf as select i as sku, i % 40 as qty, null::int as note, 'Größe \"' || i || '\"' as name from generate_series(1, 3000) i"
maria "create table shelf as select cast(seq as char(20)) as sku, seq % 40 as qty, cast(null as int) as note, concat('Größe \"', seq, '\"') as name from seq_1_to_3000" >/dev/null
lite "create table shelf as with recursive s(i) as (select 1 union all select i + 1 from s where i < 3000) select cast(i as text) as sku, i % 40 as qty, null as note, 'Größe \"' || i || '\"' as name from s"

cp "$build"/tests/plugins/.libs/tp_reader.so "$build"/plugins/.libs/{sql,inventory}.so "$dir/plugins" && chmod 700 "$dir/plugins"
export TILLWATCH_CONFIG=$dir/shop.yaml TILLWATCH_SOCKET=$dir/agent.sock
export TILLWATCH_PLUGINS=$dir/plugins
common='system: storefront, interval: 1s, timeout: 950ms, lateness: 1s, overlap: 30s, fields: {word: word}'
stock='system: storefront, interval: 1s, timeout: 900ms, zone: UTC, key: sku, overlap: 5s, fields: {available: qty, price: price}'
shelf='system: storefront, interval: 1s, timeout: 900ms, zone: UTC, key: sku, push_down: true, fields: {available: qty}, query: "SELECT sku, qty, note, name FROM shelf"'
cat >"$dir/shop.yaml" <<Y
shop: {name: acme, timezone: Europe/Paris}
agent: {store: {path: "$dir/store"}, api: {socket: "$dir/agent.sock"}}
systems: {storefront: {title: Vendure}}
synthetic: {email: "synthetic+*@shop.example"}
sources:
  pg: {type: sql, dsn: "postgresql://shop@/postgres?host=$dir/run", query: "SELECT id, at AS time, word, email FROM orders WHERE at > \$watermark", $common}
  maria: {type: sql, dsn: "mariadb://root@localhost/shop?socket=$dir/run/maria.sock", zone: UTC, query: "SELECT id, at AS time, word, email FROM orders WHERE at > \$watermark", $common}
  lite: {type: sql, file: "$dir/lite/shop.db", query: "SELECT id, at AS time, word, email FROM orders WHERE at > \$watermark_ms", $common}
  hangs: {type: sql, system: storefront, interval: 2s, timeout: 1900ms, statement_timeout: 500ms, dsn: "postgresql://shop@/postgres?host=$dir/run", query: "SELECT now() AS time, pg_sleep(60)::text AS id"}
  hangs2: {type: sql, system: storefront, interval: 2s, timeout: 1900ms, statement_timeout: 500ms, dsn: "mariadb://root@localhost/shop?socket=$dir/run/maria.sock", query: "SELECT now(3) AS time, sleep(60) AS id"}
  writes: {type: sql, system: storefront, interval: 2s, timeout: 1900ms, dsn: "postgresql://shop@/postgres?host=$dir/run", query: "SELECT now() AS time, nextval('numbers') AS id"}
  writes2: {type: sql, system: storefront, interval: 2s, timeout: 1900ms, dsn: "mariadb://root@localhost/shop?socket=$dir/run/maria.sock", query: "SELECT now(3) AS time, written() AS id"}
  slow2: {type: sql, system: storefront, interval: 2s, timeout: 1900ms, dsn: "mariadb://root@localhost/shop?socket=$dir/run/maria.sock", query: "SELECT id, at AS time FROM big WHERE at > \$watermark"}
  slow: {type: sql, system: storefront, interval: 2s, timeout: 1900ms, dsn: "postgresql://shop@/postgres?host=$dir/run", query: "SELECT id, at AS time FROM big WHERE at > \$watermark"}
  stock_pg: {type: sql, dsn: "postgresql://shop@/postgres?host=$dir/run", query: "SELECT sku, qty, price, updated_at FROM stock WHERE updated_at > \$watermark", $stock}
  stock_maria: {type: sql, dsn: "mariadb://root@localhost/shop?socket=$dir/run/maria.sock", query: "SELECT sku, qty, price, updated_at FROM stock WHERE updated_at > \$watermark", $stock}
  stock_lite: {type: sql, file: "$dir/lite/shop.db", query: "SELECT sku, qty, price FROM stock", $stock}
  shelf_pg: {type: sql, dsn: "postgresql://shop@/postgres?host=$dir/run", $shelf}
  shelf_maria: {type: sql, dsn: "mariadb://root@localhost/shop?socket=$dir/run/maria.sock", $shelf}
  shelf_lite: {type: sql, file: "$dir/lite/shop.db", $shelf}
probes:
  - name: shelves
    plugin: inventory
    interval: 1s
    timeout: 900ms
    fields: {available: {reference: shelf_pg, compare: {shelf_maria: {grace: 2s}, shelf_lite: {grace: 2s}}}}
  - name: parity
    plugin: inventory
    interval: 1s
    timeout: 900ms
    fields:
      available: {reference: stock_pg, compare: {stock_maria: {grace: 2s}, stock_lite: {grace: 2s}}}
      price: {reference: stock_maria, compare: {stock_pg: {grace: 2s}, stock_lite: {grace: 2s}}}
  - {name: one, plugin: tp_reader, source: pg, interval: 1s, timeout: 900ms}
  - {name: two, plugin: tp_reader, source: maria, interval: 1s, timeout: 900ms}
  - {name: three, plugin: tp_reader, source: lite, interval: 1s, timeout: 900ms}
  - {name: four, plugin: tp_reader, source: hangs, interval: 1s, timeout: 900ms}
  - {name: five, plugin: tp_reader, source: hangs2, interval: 1s, timeout: 900ms}
  - {name: six, plugin: tp_reader, source: writes, interval: 1s, timeout: 900ms}
  - {name: seven, plugin: tp_reader, source: slow, interval: 1s, timeout: 900ms}
  - {name: eight, plugin: tp_reader, source: writes2, interval: 1s, timeout: 900ms}
  - {name: nine, plugin: tp_reader, source: slow2, interval: 1s, timeout: 900ms}
Y
chmod 600 "$dir/shop.yaml"
refused() { # NAME WORDS WHY
  printf 'shop: {name: acme}\nsources:\n  s: {type: sql, system: shop, file: "%s", %s}\nprobes:\n  - {name: p, plugin: tp_reader, source: s}\n' "$dir/lite/shop.db" "$2" >"$dir/refused.yaml"
  chmod 600 "$dir/refused.yaml"
  "$tillwatch" check -c "$dir/refused.yaml" >"$dir/out" 2>&1 && fail "$1: it was taken"
  grep -qF -- "$3" "$dir/out" || { cat "$dir/out"; fail "$1"; }
  ok "$1"
}
refused 'push_down is for rows with a key' 'push_down: true, query: "SELECT sku, qty FROM stock"' 'name their key'
refused 'and for a query that gives all of them' 'push_down: true, key: sku, query: "SELECT sku, qty FROM stock WHERE updated_at > $watermark"' 'without $watermark and $limit'
start() {
  "$build/agent/tillwatchd" -c "$dir/shop.yaml" >>"$dir/agent.log" 2>&1 &
  agent=$!
}
hosts() { pgrep -P "$agent" -f tillwatch-host; }
value() { "$tillwatch" query "sum($1)" --json 2>/dev/null | sed -n 's/^ *"\([0-9.]*\)"$/\1/p'; }
counted() { value "last_over_time(reader_records_total{probe=\"$1\"}[1h])"; }
all_count() { echo "PostgreSQL $(counted one), MariaDB $(counted two), SQLite $(counted three) of $1"; [ "$(counted one)" = "$1" ] && [ "$(counted two)" = "$1" ] && [ "$(counted three)" = "$1" ]; }
insert() { # N SECONDS-AGO: rows of that time in each database, in one transaction each
  local i values_pg='' values_lite='' at word
  at=$(($(date +%s%3N) - $2 * 1000))
  for ((i = 0; i < $1; i++)); do
    word=$([ $((RANDOM % 3)) = 0 ] && echo b || echo a)
    values_pg+=",('$(date -u -d "@$((at / 1000)).$((at % 1000))" '+%F %T.%3N')','$word','c@example.org')"
    values_lite+=",($at,'$word','c@example.org')"
    at=$((at + RANDOM % 3))
  done
  psql "set timezone='UTC'; insert into orders(at,word,email) values ${values_pg:1}"
  maria "insert into orders(at,word,email) values ${values_pg:1}"
  lite "insert into orders(at,word,email) values ${values_lite:1}"
}

# --- history, what comes, what comes late, what changes -------------------------------------------
insert 300 100000
start
within 20 'the agent is up' "$tillwatch" probes
insert 1 0
within 30 'history is read at the first start' all_count 301
total=301
for round in $(seq "${ROUNDS:-8}"); do
  for step in 1 2; do
    k=$((RANDOM % 60 + 1))
    insert "$k" $((RANDOM % 8))
    total=$((total + k))
    sleep "0.$((RANDOM % 9))"
  done
  case $((RANDOM % 3)) in
    0) for h in $(hosts); do ((RANDOM % 2)) && kill -9 "$h" 2>/dev/null; done ;;
    1) kill -9 "$agent"; wait "$agent" 2>/dev/null; start ;;
    *) ;;
  esac
done
within 20 'the agent is up again' "$tillwatch" probes
sleep 1.1   # one that is newer by a slot: the reader stamps by event time, and the last stamp is what is asked for
insert 1 0
total=$((total + 1))
within 60 "each of $total rows counts once on all three, whoever was killed and however late it came" all_count "$total"
psql 'update orders set at = now() where id = (select max(id) from orders)'
maria 'set time_zone="+00:00"; update orders set at = now(3) order by id desc limit 1'
lite "update orders set at = $(date +%s%3N) where id = (select max(id) from orders)"
total=$((total + 1))
within 30 'a row that changed is another event of the same id' all_count "$total"

# --- what is, compared ---------------------------------------------------------------------------------
coherent() { [ "$(value "inventory_coherent_keys{probe=\"parity\",field=\"$1\"}")" = 800 ]; }
drift() { [ "$(value "inventory_drift_keys{source=\"$1\",field=\"$2\"}")" = "$3" ]; }
within 30 'three databases say the same of 400 keys' coherent available
within 10 'and of their prices' coherent price
psql "update stock set qty = qty + 5, updated_at = now() where sku in (7, 14, 21)"
maria "update stock set price = price + 1, updated_at = utc_timestamp(3) where sku = '30'; insert into stock values ('A-1', 2, 1, utc_timestamp(3))"
within 20 'what PostgreSQL changed alone is seen against both: MariaDB' drift stock_maria available 3
within 10 'and SQLite' drift stock_lite available 3
within 10 'a price of MariaDB against PostgreSQL' drift stock_pg price 1
ghost() { [ "$(value 'inventory_ghost_keys{source="stock_maria"}')" = "$1" ]; }
within 20 'a key that is no number is asked for, where all keys are numbers' ghost 1
psql "update stock set qty = qty - 5 where sku in (7, 14, 21)" # in silence
maria "update stock set price = price - 1 where sku = '30'; delete from stock where sku = 'A-1'"
within 20 'what is repaired in silence is seen when both are read again' coherent available
within 10 'the price too' coherent price
within 10 'and the key that is gone' ghost 0

# --- by sums of ranges ----------------------------------------------------------------------------------
shelves() { [ "$(value 'inventory_coherent_keys{probe="shelves"}')" = 6000 ]; }
sent() { value "last_over_time(sql_rows_total{probe=~\"shelf_.*\",result=\"ok\"}[1h])"; }
quiet() { local was; was=$(sent) && sleep 3 && [ "$(sent)" = "$was" ]; }
within 30 'three databases say the same of 3000 keys' shelves
within 30 'and none sends its rows again' quiet
before=$(sent)
maria "update shelf set qty = qty + 5 where sku in ('7', '1400'); update shelf set qty = 41 - qty where sku in ('20', '21')" # the latter change places
lite "update shelf set qty = qty + 1 where sku = '2999'"
within 20 'what MariaDB changed in silence is seen, and that two values changed places' drift shelf_maria available 4
within 10 'what SQLite changed is' drift shelf_lite available 1
psql 'update shelf set qty = qty + 1 where sku = 2999'
maria "update shelf set qty = qty - 5 where sku in ('7', '1400'); update shelf set qty = 41 - qty where sku in ('20', '21'); update shelf set qty = qty + 1 where sku = '2999'"
within 20 'what is repaired is seen, by PostgreSQL too' shelves
sent=$(sent)
[ $((${sent%.*} - ${before%.*})) -lt 3000 ] || fail "$before rows were sent before and $sent are now: that is a whole shelf"
ok "for that $((${sent%.*} - ${before%.*})) rows were sent, of 9000"
for s in pg maria lite; do [ "$(value "last_over_time(sql_ranges_total{probe=\"shelf_$s\",result=\"read\"}[1h])")" -ge 1 ] || fail "no range of $s was read"; done
ok 'each of the three was asked for ranges'
maria 'update shelf set qty = qty + 3 where sku <= 200' # more than are asked for at once
within 20 'two hundred keys are read again, each of them' drift shelf_maria available 200
maria 'update shelf set qty = qty - 3 where sku <= 200'
within 20 'and again when they are repaired' shelves
psql 'delete from shelf where sku = 3000'
shelf_ghosts() { [ "$(value 'inventory_ghost_keys{probe="shelves"}')" = 2 ]; }
within 20 'a key that is gone is seen' shelf_ghosts

# --- what must not happen -------------------------------------------------------------------------
own() { [ "$(value "last_over_time(sql_rows_total{probe=\"$1\",result=\"$2\"}[1h])")" = "$3" ]; }
for db in psql maria; do "$db" "insert into orders(at,word,email) values ('$(date -u '+%F %T.%3N')','a','synthetic+7@shop.example')"; done
lite "insert into orders(at,word,email) values ($(date +%s%3N),'a','synthetic+7@shop.example')"
for s in pg maria lite; do within 20 "our own order is known by its address ($s)" own "$s" synthetic 1; done
lite "insert into orders(at,word,email) values ($(date +%s%3N),7,'c@example.org'),($(date +%s%3N),8,'c@example.org')"
within 20 'a column that changes its type is a counted reject' own lite rejected 2
failed() { [ "$(value "last_over_time(sql_errors_total{probe=\"$1\",cause=\"$2\"}[1h])")" -ge 1 ]; }
within 30 'PostgreSQL: a query that hangs is stopped' failed hangs timeout
within 30 'MariaDB: a query that hangs is stopped' failed hangs2 timeout
has_alert() { "$tillwatch" rules | grep -q SqlSourceFails; }
says() { "$tillwatch" probes | grep -q "^$1 .* unknown .*$2"; }
within 30 'PostgreSQL: the run says why' says hangs 'the query took too long'
within 30 'MariaDB: the run says why' says hangs2 'the query took too long'
within 30 'PostgreSQL refuses a query that writes' failed writes query
[ "$(psql "select is_called from numbers")" = f ] || fail 'the sequence has moved'
within 30 'MariaDB refuses a query that writes' failed writes2 query
[ "$(maria "select count(*) from orders where word = 'w'")" = 0 ] || fail 'a row was written'
ok 'nothing was written'
within 30 'PostgreSQL: a table that is read wholly is named' grep -q 'slow: public.big: all of its 30000 rows are read each time' "$dir/agent.log"
within 30 'MariaDB: a table that is read wholly is named' grep -Eq 'slow2: big: all of its [0-9]+ rows are read each time' "$dir/agent.log"
! grep -E ': (pg|maria|lite): .* read each time' "$dir/agent.log" || fail 'a query that has its index is warned of'
ok 'a query that has its index is not warned of'
! grep -rq 'c@example.org' "$dir/store" "$dir/agent.log" || fail 'an address of a customer was kept'
ok 'no address of a customer is kept'
for s in pg maria lite; do
  for m in sql_lag_seconds sql_query_seconds; do [ -n "$(value "last_over_time($m{probe=\"$s\"}[1h])")" ] || fail "no $m of $s"; done
done
ok 'lag and duration are measured'
within 30 'an alert stands for it' has_alert
kill "$maria"; wait "$maria" 2>/dev/null
within 30 'a database that is down is an error, not a zero' failed maria connect
ended
