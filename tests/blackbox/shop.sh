#!/bin/bash
# shop.sh - drives the demo shop with curl: the shop works, each fault shows, webhooks are checked.
#
# Run by `make check`, or alone: top_builddir=BUILD tests/blackbox/shop.sh.
# Its directory stays only when red.
#
# SPDX-License-Identifier: Apache-2.0
set -eu -o pipefail

. "$(dirname "$0")/../check.sh"
shop=$build/tests/shop/tillwatch-shop
secret=whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw
evidence() { cat "$dir/err"; }
begin() { # OPTIONS: a shop of its own directory
	rm -f "$dir/ready"
	"$shop" --dir "$dir/shop" --ready-file "$dir/ready" --secret $secret --max-seconds 900 "$@" >"$dir/out" 2>"$dir/err" &
	pid=$!
	until [ -s "$dir/ready" ]; do
		kill -0 "$pid" 2>/dev/null || fail 'the shop starts'
		sleep 0.02
	done
	http=$(field http) tls=$(field tls) raw=$(field raw) rawtls=${raw/http:/https:}
}
end() {
	kill "$pid"
	wait "$pid" && is 'ends cleanly' 0 0 || is 'ends cleanly' "$?" 0
}
field() { sed -E "s/.*\"$1\":\"([^\"]*)\".*/\1/" "$dir/ready"; }
get() { curl -sS -m 10 --noproxy '*' --cacert "$dir/shop/ca.pem" "$@" 2>&1 || :; }
code() { get -o "$dir/body" -w '%{exitcode} %{http_code}' "$@" 2>/dev/null | tail -n 1; }
fault() { get -X POST -d "$1" "$http/control/fault" >/dev/null; }
heal() { get -X POST "$http/control/heal" >/dev/null; }
until_true() { # waits for a condition, at most 20 s
	local tries=0
	until eval "$1"; do
		tries=$((tries + 1))
		[ $tries -lt 400 ] || { is "$1" 'never true' 'true'; return; }
		sleep 0.05
	done
	ok "$1"
}

begin --pace 0

# --- the shop when nothing is broken, on all ports
for at in "$http" "$tls" "$raw" "$rawtls"; do
	is "$at /" "$(get -o /dev/null -w '%{http_code} %{redirect_url}' "$at/")" "302 $at/p/"
	is "$at page" "$(get "$at/p/linen-lamp")" '*schema.org/InStock*Add to cart*'
	is "$at unknown" "$(code "$at/p/none")" '0 404'
	is "$at method" "$(code -X DELETE "$at/health")" '0 405'
done
if ip -6 addr show dev lo 2>/dev/null | grep -q '::1'; then
	is 'IPv6' "$(code -6 "$tls/health")" '0 200'
fi
is 'search' "$(get "$http/search?q=teapot")" '*8 found*'
is 'escaped' "$(get "$http/search?q=%3Cb%3E")" '*&lt;b&gt;*'
is 'stock page' "$(get "$http/api/stock?page=1")" '*"next":"/api/stock?page=2"*"total":40*'
is 'last page' "$(get "$http/api/stock?page=4")" '*"next":null*'
is 'no page' "$(code "$http/api/stock?page=5")" '0 404'
is 'feed' "$(get "$http/feeds/stock.csv" | wc -l)" 41

jar=(-b "$dir/jar" -c "$dir/jar")
is 'pay first' "$(get "${jar[@]}" -d '{"card":"1"}' "$http/api/payment")" \
	'*ORDER_PAYMENT_STATE_ERROR*'
is 'add' "$(code "${jar[@]}" -d '{"sku":"SKU-003","qty":2}' "$http/api/cart")" '0 200'
is 'cart' "$(get "${jar[@]}" "$http/api/cart")" '*"qty":2,"sku":"SKU-003"*'
is 'too many' "$(get "${jar[@]}" -d '{"sku":"SKU-003","qty":999}' "$http/api/cart")" \
	'*INSUFFICIENT_STOCK*'
is 'address' "$(code "${jar[@]}" -d '{}' "$http/api/checkout/address")" '0 200'
is 'shipping' "$(code "${jar[@]}" -d '{}' "$http/api/checkout/shipping")" '0 200'
is 'declined' "$(code "${jar[@]}" -d '{"card":"4000000000000002"}' "$http/api/payment")" '0 402'
stock() { get "$http/api/stock?page=1" | grep -oE '"qty":[0-9]+,"sku":"SKU-003"'; }
before=$(stock)
is 'paid' "$(get "${jar[@]}" -d '{"card":"4242424242424242"}' "$http/api/payment")" '*"order":"T*'
order=$(get "$http/control/state" | grep -oE '"orders":1' | head -n 1)
is 'counted' "$order" '"orders":1'
is 'stock moved' "$([ "$before" != "$(stock)" ] && echo moved)" moved
ordercode=$(get "${jar[@]}" -d '{"sku":"SKU-003"}' "$http/api/cart" >/dev/null
	get "${jar[@]}" -d '{}' "$http/api/checkout/address" >/dev/null
	get "${jar[@]}" -d '{}' "$http/api/checkout/shipping" >/dev/null
	get "${jar[@]}" -H 'X-Synthetic: tillwatch' -d '{"card":"1"}' "$http/api/payment" |
	grep -oE 'T[0-9]{6}[0-9A-F]{4}')
is 'order' "$(get "$http/api/orders/$ordercode")" '*"placed"*"synthetic":true*'
moved=$(stock)
is 'cancel' "$(get -X POST "$http/cancel/$ordercode")" '*cancelled*'
is 'put back' "$([ "$moved" != "$(stock)" ] && echo back)" back
moved=$(stock)
is 'cancel again' "$(code -X DELETE "$http/api/orders/$ordercode")" '0 200'
is 'put back once' "$(stock)" "$moved"
is 'no order' "$(code -X POST "$http/cancel/T0")" '0 404'
gql() { get "${jar[@]}" -d "{\"query\":\"$1\"}" "$http/shop-api"; }
is 'graphql' "$(gql 'mutation { addItemToOrder(productVariantId: 1, quantity: 1) { code } }')" \
	'*"Order"*'
is 'graphql error' "$(gql 'mutation { addItemToOrder(productVariantId: 1, quantity: 900) {} }')" \
	'*InsufficientStockError*"errorCode":"INSUFFICIENT_STOCK_ERROR"*'
is 'graphql unknown' "$(gql '{ nothing }')" '*"errors"*'
is 'canary' "$(get -X PUT -d '{"available":7}' "$http/api/stock/SKU-009")" '*"qty":7*'
is 'echo' "$(get -H 'Authorization: x' "$raw/echo")" '*"authorization":"x"*'
get -H 'User-Agent: a"b' -H 'X-Forwarded-For: 81.2.69.142' -b visitor=v9 "$http/p/?log=1" >/dev/null
until_true 'grep -q "log=1" "$dir/shop/access.log"'
is 'access log' "$(grep -F 'log=1' "$dir/shop/access.log")" \
	'81.2.69.142 - - \[*\] "GET /p/?log=1 HTTP/1.1" 200 * "-" "a\\x22b" rt=0.* sid=v9 syn=-'

# --- faults that answer in right form
for at in "$http" "$tls" "$raw" "$rawtls"; do
	p=$at/p/linen-lamp
	is 'status' "$(get -i "$p?fault=status&status=429&retry_after=7")" \
		'HTTP/1.1 429*Retry-After: 7*'
	is 'error_in_200' "$(get "$at/api/cart?fault=error_in_200")" '*INTERNAL_SERVER_ERROR*'
	is 'error page' "$(get -i "$p?fault=error_in_200")" 'HTTP/1.1 200*went wrong*'
	is 'soldout' "$(get "$p?fault=soldout")" '*OutOfStock*Sold out*'
	is 'loop' "$(code -L --max-redirs 10 "$p?fault=redirect_loop")" '47 302'
	is 'loop self' "$(get -o /dev/null -w '%{redirect_url}' \
		"$p?fault=redirect_loop&variant=self")" "$p?fault*"
	is 'to file' "$(code -L --proto-redir =http,https "$p?fault=redirect_file")" '1 302'
	is 'to a host' "$(get -L -H 'Authorization: x' "$p?fault=redirect_host")" '*"path":"/echo"*'
	is 'bad name' "$(code "$p?fault=nothing")" '0 400'
	is 'bad value' "$(code "$p?fault=delay&ms=x")" '0 400'
	is 'cloudflare' "$(get -i "$p?fault=wall")" \
		'HTTP/1.1 403*cf-mitigated: challenge*Just a moment*'
	is 'akamai' "$(get -i "$p?fault=wall&wall=akamai")" \
		'HTTP/1.1 403*AkamaiGHost*Access Denied*'
	is 'datadome' "$(get -i "$p?fault=wall&wall=datadome")" '*DataDome*captcha-delivery*'
	is 'queue' "$(get -i "$p?fault=wall&wall=queue")" 'HTTP/1.1 200*You are now in line*'
	is 'maintenance' "$(get -i "$p?fault=wall&wall=maintenance")" \
		'HTTP/1.1 503*Retry-After: 600*'
done
is 'secret not sent on' "$(get -L -H 'X-Key: k' -u u:p "$http/p/?fault=redirect_host")" \
	'*"host":"localhost*'

# --- hostile bytes: libcurl's own verdict names what it met
for at in "$http" "$tls" "$raw" "$rawtls"; do
	p=$at/p/linen-lamp
	is 'drop head' "$(get -i "$p?fault=drop")" 'HTTP/1.1 200 OK?'
	is 'drop before' "$(code "$p?fault=drop&at=before")" '52 000'
	is 'drop body' "$(code "$p?fault=drop&at=body")" '18 200'
	is 'reset' "$(code "$p?fault=drop&at=before&reset=1")" '5[26] 000'
	is 'drip' "$(get -o /dev/null -w '%{size_download} %{time_total}' "$p?fault=drip&ms=10&size=20" |
		awk '{print $1, ($2 >= 0.2 ? "dripped" : $2)}')" '20 dripped'
	is 'drip head' "$(code -m 2 "$p?fault=drip&at=head&ms=50")" '28 200'
	is 'endless' "$(code --max-filesize 1000000 -m 1 "$p?fault=endless")" '28 200'
	is 'endless length' "$(code --max-filesize 1000000 "$p?fault=endless&variant=length")" \
		'63 200'
	is 'bomb' "$(get "$p?fault=gzip_bomb&size=20000000" | gzip -dc | tr -d '\0' | wc -c)" 0
	is 'bomb size' "$(get "$p?fault=gzip_bomb&size=20000000" | gzip -dc | wc -c)" 20970260
	is 'giant headers' "$(code "$p?fault=giant_headers")" '56 200'
	is 'giant headers endless' "$(code "$p?fault=giant_headers&variant=endless")" '56 200'
	is 'one header' "$(code "$p?fault=one_header")" '27 200'
	is 'esc' "$(get -i "$p?fault=esc")" $'HTTP/1.1 500 \e[[]2J*Server: \e*<title>\e[[]2J*'
	is 'interim' "$(get -i "$p?fault=interim&count=5" | grep -c '100 Continue')" 5
	is 'hints' "$(get -i "$p?fault=interim&variant=hints&count=3" | grep -c '103 Early')" 3
	is 'interim endless' "$(code -m 1 "$p?fault=interim&variant=endless")" '[25][86] *'
	is 'length negative' "$(code "$p?fault=bad_length&variant=negative")" '8 200'
	is 'length short' "$(code "$p?fault=bad_length&variant=short")" '18 200'
	is 'length double' "$(get -i "$p?fault=bad_length" | grep -ci content-length)" 2
	is 'length overflow' "$(get -i "$p?fault=bad_length&variant=overflow")" \
		'*18446744073709551619*'
	is 'chunk' "$(code "$p?fault=bad_chunk")" '56 200'
	is 'nul' "$(code "$p?fault=nul")" '8 200'
	is '0.9' "$(code "$p?fault=http09")" '1 000'
	is 'garbage' "$(code "$p?fault=garbage")" '1 000'
	is 'silent' "$(code -m 0.3 "$p?fault=silent")" '28 000'
done

# --- time: each delay is seen in its own phase, in milliseconds
times='%{time_connect} %{time_appconnect} %{time_starttransfer} %{time_total}'
ms() { get -o /dev/null -w "$times" "$@" |
	awk '{printf "%d %d %d %d", $1 * 1000, $2 * 1000, $3 * 1000, $4 * 1000}'; }
in_ms() { # NAME LOW VALUE
	[ "$3" -ge "$2" ] && ok "$1" || bad "$1" "$3 ms, expected at least $2"
}
for at in "$http" "$tls" "$raw" "$rawtls"; do
	read -r _ _ first all <<<"$(ms "$at/p/?fault=delay&ms=150")"
	in_ms wait 150 "$first"
	# Between two stamps of the client, which may take the first of them late: a part of the delay is proof enough.
	read -r _ _ first all <<<"$(ms "$at/p/?fault=delay&phase=transfer&ms=2000")"
	in_ms transfer 300 $((all - first))
done
fault '{"name":"delay","phase":"tls","ms":2000}'
for at in "$tls" "$rawtls"; do
	read -r connect shake first all <<<"$(ms "$at/health")"
	in_ms tls 300 $((shake - connect))
done
heal
fault '{"name":"delay","step":"product","ms":2000}'
read -r _ _ first _ <<<"$(ms "$http/p/linen-lamp")"
in_ms 'step product' 2000 "$first"
read -r _ _ first _ <<<"$(ms "$http/p/")"
is 'step list is spared' "$([ "$first" -lt 2000 ] && echo spared)" spared
heal
fault '{"name":"delay","phase":"connect","for_s":6}'
connected() { get -m 0.2 -o /dev/null -w '%{time_connect}' "$1/health" | tail -n 1; }
for at in "$http" "$tls" "$raw"; do
	until_true '[ "$(connected "$at")" = 0.000000 ]'
done
until_true '[ "$(code "$http/health")" = "0 200" ]'
heal

# --- the truth about time
stamp() { grep -oE "\"$1\":[0-9]+" "$dir/truth" | cut -d: -f2; }
round=0
exact() { # it is never early; a machine that is busy does not wake anybody to the millisecond each time
	round=$((round + 1))
	out=$(get "$raw/p/?fault=phases&head_ms=30&body_ms=40&tag=one$round" "$raw/p/?fault=phases&tag=two$round")
	until_true 'grep -q "\"two$round\"" "$dir/shop/truth.log"'
	grep "\"tag\":\"one$round\"" "$dir/shop/truth.log" >"$dir/truth" || return 1
	head_us=$((($(stamp head_mono) - $(stamp read_mono)) / 1000))
	body_us=$((($(stamp body_mono) - $(stamp head_mono)) / 1000))
	[ $head_us -ge 30000 ] || bad 'the head is never early' "$head_us us"
	[ $head_us -lt 45000 ] && [ $body_us -ge 25000 ] && [ $body_us -lt 55000 ]
}
until_true exact
is 'phases' "$out" 'exactly*exactly*'
is 'one connection' "$(grep -c "\"conn\":$(stamp conn),.*\"two$round\"" "$dir/shop/truth.log")" 1

# --- faults in force, by share, and healed
is 'unknown key' "$(get -d '{"name":"wall","wal":"queue"}' "$http/control/fault")" '*wal: unknown*'
is 'bad variant' "$(get -d '{"name":"wall","wall":"x"}' "$http/control/fault")" \
	'*cloudflare|akamai*'
fault '{"name":"status","status":503,"share":0.5}'
failed=0
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
	[ "$(code "$http/p/")" = '0 503' ] && failed=$((failed + 1))
done
is 'share' "$([ $failed -gt 3 ] && [ $failed -lt 17 ] && echo about half)" 'about half'
is 'health stays green' "$(code "$http/health")" '0 200'
is 'state' "$(get "$http/control/state")" '*"active":[[]{*"hits":'$failed',"name":"status"*'
heal
is 'healed' "$(code "$http/p/")" '0 200'
fault '{"name":"status","for_s":4}'
is 'for a while' "$(code "$http/p/")" '0 500'
until_true '[ "$(code "$http/p/")" = "0 200" ]'
feed() { get "$http/feeds/stock.csv" | grep SKU-009; }
before=$(feed)
fault '{"name":"stale"}'
get -X PUT -d '{"available":3}' "$http/api/stock/SKU-009" >/dev/null
is 'stale' "$(feed)" "$before"
heal
is 'fresh again' "$(feed)" 'SKU-009,3,*'
shown() { get "$http/api/stock?page=1" | grep -oE '"qty":[0-9]+,"sku":"SKU-009"'; }
fault '{"name":"stale","at":"shop"}'
get -X PUT -d '{"available":8}' "$http/api/stock/SKU-009" >/dev/null
is 'the shop shows what was there' "$(shown)" '"qty":3,*'
is 'and the ERP goes on' "$(feed)" 'SKU-009,8,*'
is 'not for one request' "$(code "$http/api/stock?page=1&fault=stale&at=shop")" '0 400'
heal
is 'it listens again' "$(shown)" '"qty":8,*'
fault '{"name":"silent","at":"accept"}'
is 'silent from accept' "$(code -m 0.3 "$tls/health")" '28 000'
is 'raw too' "$(code -m 0.3 "$raw/health")" '28 000'
end

# --- webhooks; the vector of the Standard Webhooks specification is old: its time must be refused
begin --pace 0
hook() { get -o "$dir/body" -w '%{http_code} %header{retry-after}' -H "webhook-id: $1" \
	-H "webhook-timestamp: $2" -H "webhook-signature: $3" -d "$4" "$http/hook${5:-}"; }
is 'old vector' "$(hook msg_p5jXN8AQM9LWM0D4loKWxJek 1614265330 \
	v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE= '{"test": 2432232314}')" '401 '
is 'why' "$(get "$http/control/webhooks")" '*"too_old"*'
key=$(printf %s "${secret#whsec_}" | base64 -d | od -An -tx1 | tr -d ' \n')
sign() { printf %s "$1.$2.$3" |
	openssl dgst -sha256 -mac HMAC -macopt "hexkey:$key" -binary | base64; }
is 'vector' "$(sign msg_p5jXN8AQM9LWM0D4loKWxJek 1614265330 '{"test": 2432232314}')" \
	'g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE='
now=$(date +%s) body='{"status":"firing"}'
good=v1,$(sign m1 "$now" "$body")
is 'valid' "$(hook m1 "$now" "$good" "$body" /oncall)" '204 '
is 'again' "$(hook m1 "$now" "$good" "$body")" '204 '
is 'among several' "$(hook m2 "$now" "v2,xx v1,wrong v1,$(sign m2 "$now" "$body")" "$body")" '204 '
is 'wrong body' "$(hook m3 "$now" "$good" '{}')" '401 '
is 'wrong key' "$(hook m1 "$now" "v1,$(printf x | base64)" "$body")" '401 '
is 'no header' "$(code -d x "$http/hook")" '0 401'
is 'on the raw port' "$(http=$raw hook m4 "$now" "v1,$(sign m4 "$now" "$body")" "$body")" '204 '
is 'sums' "$(get "$http/control/webhooks")" \
	'{"accepted":3,"duplicates":2,"invalid":4,"received":8,"valid":4,"webhooks":*"oncall"*'
is 'journal' "$(grep -c '"valid":true,"verdict":"valid"' "$dir/shop/webhooks.jsonl")" 4
fault '{"name":"status","step":"hook","status":429,"retry_after":3}'
is 'told to wait' "$(hook m5 "$now" "v1,$(sign m5 "$now" "$body")" "$body")" '429 3'
heal
is 'not counted as seen' "$(hook m5 "$now" "v1,$(sign m5 "$now" "$body")" "$body")" '204 '
is 'duplicates still' "$(get "$http/control/webhooks")" '*"duplicates":2,*'
is 'gone' "$(hook m6 "$now" "$good" "$body" '?fault=status&status=410')" '410 '
is 'hangs' "$(code -m 0.3 -d x "$http/hook?fault=silent")" '28 000'
end

# --- it breaks and heals by itself; visitors; the same seed gives the same shop
rm -f "$dir/shop/access.log"
begin --pace 0 --rate 600 --seed 7 --break-after 2 --heal-after 3 \
	--break-fault 'status&status=503&step=product;status&status=410&step=search'
until_true '[ "$(code "$http/p/linen-lamp")" = "0 503" ]'
until_true '[ "$(code "$http/p/linen-lamp")" = "0 200" ]'
until_true '[ "$(code "$http/search?q=lamp")" = "0 410" ]'
until_true 'grep -q "POST /api/payment" "$dir/shop/access.log"'
is 'visitors met the fault' "$(grep -c '"GET /p/[a-z-]* HTTP/1.1" 503' "$dir/shop/access.log")" \
	'[1-9]*'
is 'countries' "$(cut -d. -f1,2 "$dir/shop/access.log" | sort -u | wc -l)" '[6789]'
one=$(get "$http/p/" | cksum)
end
begin --seed 7
is 'same seed' "$(get "$http/p/" | cksum)" "$one"
end
begin --seed 8
is 'other seed' "$([ "$(get "$http/p/" | cksum)" != "$one" ] && echo other)" other
end
ends() { "$@" >/dev/null 2>&1 && echo 0 || echo $?; }
is 'ends by itself' "$(ends "$shop" --dir "$dir/shop" --max-seconds 1)" 0
is 'refuses' "$(ends "$shop" --http nonsense)" 64
is 'help' "$("$shop" --help)" '*gzip_bomb*retry_after*'

ended
