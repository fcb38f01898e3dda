#!/usr/bin/env bash
# init.sh - `tillwatch init` against shops of many kinds: it asks at most 20 times, a second apart, by the shops' own logs, and nothing
# that robots.txt forbids; names the platform; writes what `check` takes, its three steps too; never overwrites; says what stops it. An
# agent that is started with what it wrote, and with another receiver, has series, and pages when the shop breaks.
set -uo pipefail
. "$(dirname "$0")/../check.sh"
export NO_COLOR=1
# What the lines of the steps name; nothing is asked with it.
for name in DB_PASSWORD VENDURE_API_KEY MEDUSA_SECRET_KEY SHOPIFY_TOKEN SHOPIFY_WEBHOOK_SECRET WOO_KEY WOO_SECRET MAGENTO_TOKEN \
  $(grep -hoE '\$\{env:[A-Z_]+\}' "$top"/config/examples/*.yaml | sort -u | sed 's/^..env:\(.*\)}$/\1/'); do
  export "$name=whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
done

# --- shops, each with its own log; all are asked at the same time ---------------------------------------------------
mkfifo "$dir/in"
exec 8<>"$dir/in" # the shops end when we do
platforms='plain vendure medusa shopify woocommerce magento shopware prestashop'
odd='deny cut robots wall login json error away loop folder thin latin spa'
declare -A url
for m in $platforms $odd; do
  : >"$dir/$m.log"
  python3 "$top/tests/shop/init-shop.py" "$m" "$dir/$m.log" <"$dir/in" >"$dir/$m.port" 2>"$dir/$m.err" 8>&- &
  done
"$build/tests/shop/tillwatch-shop" --dir "$dir" --ready-file "$dir/demo.json" --max-seconds 900 >"$dir/demo.log" 2>&1 &
for m in $platforms $odd; do
  within 20 "the shop $m is up" test -s "$dir/$m.port"
  url[$m]=http://127.0.0.1:$(cat "$dir/$m.port")
done
within 20 'the demo shop is up' test -s "$dir/demo.json"
url[folder]+=/de/
url[demo]=http://127.0.0.1:$(jq -r .http_port "$dir/demo.json")
url[demo-tls]=https://localhost:$(jq -r .tls_port "$dir/demo.json")
asking=()
for m in $platforms $odd demo; do
  { "$tillwatch" init "${url[$m]}" --json -o "$dir/$m.yaml" >"$dir/$m.json" 2>"$dir/$m.said"; echo $? >"$dir/$m.rc"; } &
  asking+=($!)
done
"$tillwatch" init "${url[demo-tls]}" --ca-file "$dir/ca.pem" --dry-run >"$dir/tls.yaml" 2>"$dir/tls.said" &
asking+=($!)

# --- meanwhile: what is refused before anything is asked ---------------------------------------------------------------
exits() { # NAME CODE PATTERN ARGUMENT...
  local said rc
  said=$("$tillwatch" init "${@:4}" 2>&1 </dev/null)
  rc=$?
  like "$1" "$rc $said" "$2 $3"
}
echo mine >"$dir/there.yaml"
exits 'a file that is there' 73 '*there.yaml is there already*--output*' "${url[plain]}" -o "$dir/there.yaml"
like 'it is left as it is' "$(cat "$dir/there.yaml")" mine
exits 'no folder' 73 '*none/x.yaml: No such file*' http://127.0.0.1:1 -o "$dir/none/x.yaml"
exits 'no address' 64 '*is no address of a shop*' 'ftp://shop.example'
exits 'nobody there' 69 '*does not answer*is the shop up*nothing was written*' http://127.0.0.1:1 -o "$dir/x.yaml"
exits 'no such host' 69 '*does not answer*is the name right*' http://no-such-host.invalid -o "$dir/x.yaml"
exits 'an unknown authority' 69 '*--ca-file*' "${url[demo-tls]}" -o "$dir/x.yaml"
[ ! -e "$dir/x.yaml" ] || fail 'a failure leaves no file'
ok 'a failure leaves no file'

wait "${asking[@]}"

# --- polite: by the shops' own logs --------------------------------------------------------------------------------
for m in $platforms $odd; do
  awk -v m="$m" '
    NR > 1 && $1 - before < 0.99 { printf "%s: %s is asked for %.3f s after the one before\n", m, $3, $1 - before; bad = 1 }
    $4 !~ /^tillwatch\// || $5 != "tillwatch" { print m ": a request that does not say who it is: " $0; bad = 1 }
    $3 ~ /^\/cart/ { print m ": robots.txt forbids " $3; bad = 1 }
    m == "cut" && $3 ~ /^\/(p\/|find)/ { print m ": robots.txt forbids " $3; bad = 1 }
    NR == 1 && $3 != "/robots.txt" { print m ": robots.txt comes first, not " $3; bad = 1 }
    { before = $1 }
    END { if (NR < 1 || NR > 20) { print m ": " NR " requests"; bad = 1 } exit bad }' "$dir/$m.log" || fail "$m: polite"
done
ok 'at most 20 requests, a second apart, each signed, robots.txt first and obeyed'
like 'a sold out product, a packed sitemap and all ten measured fit into 20' "$(jq -c '[.requests <= 20, .ttfb.requests]' "$dir/plain.json")" '[[]true,10]'
like 'as many as the log has' "$(jq .requests "$dir/plain.json")" "$(wc -l <"$dir/plain.log")"

# --- what is found ---------------------------------------------------------------------------------------------
for m in $platforms; do
  like "$m: it goes well" "$(cat "$dir/$m.rc") $(cat "$dir/$m.said")" '0 '
  like "$m: the platform" "$(jq -r .platform.name "$dir/$m.json")" "${m/plain/unknown}"
  like "$m: the pages" "$(jq -c '[.pages[].name]' "$dir/$m.json")" '[[]"home","category","product-1","product-2","search"]'
  like "$m: mode" "$(stat -c %a "$dir/$m.yaml")" 600
  own=5
  [ "$m" = vendure ] && own=6 # its API, too
  like "$m: check takes it" "$("$tillwatch" check "$dir/$m.yaml" 2>&1)" "*.yaml: ok: $own probes, 1 receivers*"
  python3 - "$dir/$m.json" "$dir/$m.yaml" >"$dir/$m-all.yaml" <<'P'
import json, sys
made, text = json.load(open(sys.argv[1])), open(sys.argv[2]).read()
under = {}
for step in made['next'][1:]:
    for lines in step['lines']:
        under[lines['under']] = under.get(lines['under'], '') + lines['text']
for section, lines in under.items():
    at = text.find(f'\n{section}:\n') if section else -1
    text = text[:at + len(section) + 3] + lines + text[at + len(section) + 3:] if at >= 0 else text + (f'{section}:\n' if section else '') + lines
print(text)
P
  like "$m: and with the lines of all three steps: two probes and three sources more" "$("$tillwatch" check "$dir/$m-all.yaml" 2>&1)" "*.yaml: ok: $((own + 5)) probes, 1 receivers*"
done
like 'the currency is of the offers' "$(grep -c 'currency: "CHF"' "$dir/plain.yaml")" 1
like 'what is sold out is left out, and said' "$(grep -c 'p/gone-lamp' "$dir/plain.yaml") $(jq -r '.notes[]' "$dir/plain.json")" '0 *sold out*'
like 'hostile names are texts' "$(jq -r '.pages[0].text' "$dir/plain.json")" 'Shop: &quot;best&quot; # of {all}'
for p in home category product-1 product-2 search; do
  within 20 "$p is as the file says" eval '[ "$("$tillwatch" run -c "$dir/plain.yaml" "$p" --json 2>/dev/null | jq -r .verdict)" = ok ]'
done
like 'the demo is a shop of its own' "$(jq -c '[.platform.name, [.pages[].name]]' "$dir/demo.json")" '[[]"unknown",[[]"home","category","product-1","product-2","search"]]'
like 'check takes that one too' "$("$tillwatch" check "$dir/demo.yaml" 2>&1)" '*: ok: 5 probes*'
like '--dry-run prints the file' "$("$tillwatch" check "$dir/tls.yaml" 2>&1)" '*: ok: 5 probes*'
like 'over TLS the certificate is watched' "$(grep -c 'certificate_expires_in: {min: 14d}' "$dir/tls.yaml")" 5
like 'and says the rest elsewhere' "$(cat "$dir/tls.said")" '*Next, by what it is worth*1. Receiver*2. Orders*3. Stock*'

# --- what stops it -----------------------------------------------------------------------------------------------
stops() { # MODE PATTERN
  like "$1 stops it" "$(cat "$dir/$1.rc") $(cat "$dir/$1.said")" "69 $2"
  [ ! -e "$dir/$1.yaml" ] || fail "$1: nothing is written"
}
stops robots '*robots.txt*503*'
stops wall '*wall (waiting room)*allow the user agent*'
stops login '*asks for a login*'
stops json '*not HTML*'
stops error '*answers 500*'
stops away '*leads to http://localhost:1/*name that address*'
stops loop '*leads on and on*'
like 'robots.txt that forbids everything: the home page is proposed' "$(cat "$dir/deny.rc") $(jq -c '[.requests, [.pages[].name]]' "$dir/deny.json")" '0 [[]1,[[]"home"]]'
like 'and it is said why' "$(tr -s '\n #' ' ' <"$dir/deny.yaml")" '*robots.txt keeps it from us, so nobody looked*'
like 'check takes it' "$("$tillwatch" check "$dir/deny.yaml" 2>&1)" '*: ok: 1 probes*'
like 'products that robots.txt keeps from us are left out' "$(cat "$dir/cut.rc") $(jq -c '[.pages[].name]' "$dir/cut.json")" '0 [[]"home","category"]'

# --- shops of another shape ------------------------------------------------------------------------------------------
for m in folder thin latin spa; do
  like "$m: it goes well" "$(cat "$dir/$m.rc") $(cat "$dir/$m.said")" '0 '
  like "$m: check takes it" "$("$tillwatch" check "$dir/$m.yaml" 2>&1)" '*.yaml: ok: *'
done
paths() { jq -r '[.pages[].url | sub("https?://[^/]*"; "")] | join(" ")' "$dir/$1.json"; }
like 'a shop in a folder: its own pages, and not those of its other language' "$(paths folder)" '/de/ /de/c/all /de/p/*-* /de/p/*-* /find[?]q=*'
like 'a sitemap without products: they come from the home page' "$(paths thin)" '/ /c/all /p/walnut-table /p/last-shelf *'
like 'a page that is not UTF-8: its bytes are in no file' "$(paths latin) $(LC_ALL=C grep -c 'M.bel' "$dir/latin.yaml")" '/ /c/all /p/*-* /p/*-* * 0'
like 'a single-page app: the home page, and what was not found is said' "$(paths spa) $(jq -r '.notes | join(", ")' "$dir/spa.json")" '/ *no link*category*no product page*'

# --- the agent with the file: only the receiver is another, and minutes are seconds -----------------------------------
{
  sed -e "s#https://pager.example/hook#${url[demo]}/hook/oncall#" -e 's/interval: 1m, timeout: 20s/interval: 5s, timeout: 4s/' "$dir/plain.yaml"
  echo "agent: {store: {path: \"$dir/store\"}, api: {socket: \"$dir/agent.sock\"}}"
  echo 'route: {receiver: oncall, group_wait: 1s}'
} >"$dir/run.yaml"
chmod 600 "$dir/run.yaml"
export TILLWATCH_SOCKET=$dir/agent.sock
"$build/agent/tillwatchd" -c "$dir/run.yaml" >"$dir/agent.log" 2>&1 &
agent=$!
series() { [ "$("$tillwatch" query 'sum(storefront_up)' --json 2>/dev/null | jq -r '.result[0].value[1]')" = "$1" ]; }
paged() { curl -s "${url[demo]}/control/webhooks" | grep -q StorefrontDown; }
within 60 'each page has its series' series 5
paged && fail 'nobody is paged while it is well'
touch "$dir/plain.log.down"
within 60 'a broken shop pages' paged
ended
