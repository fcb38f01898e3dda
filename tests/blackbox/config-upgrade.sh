#!/usr/bin/env bash
# config-upgrade.sh - words that were: check, the agent's log and doctor tell them, `tillwatch config upgrade` rewrites them
# and nothing else, in all files, keeps the old ones, and leaves alone what it cannot judge. Ends with "ok: N checks".
set -uo pipefail
. "$(dirname "$0")/../check.sh"
same() { if cmp -s "$2" "$3"; then ok; else bad "$1" "$(diff "$2" "$3" | head -8)"; fi; }
mkdir "$dir/plugins" "$dir/etc" "$dir/etc/conf.d"
cp "$build"/plugins/.libs/*.so "$dir/plugins/"
chmod 755 "$dir/plugins"
export TILLWATCH_PLUGINS=$dir/plugins
tw() { "$tillwatch" "$@" 2>&1; }
umask 022
file=$dir/etc/tillwatch.yaml
# A port on which nobody listens: what the sources ask is refused at once.
port=$(free_port)

old_files() {
  cat >"$file" <<Y
# header: of the shop, body: of nothing
shop: {name: acme}
agent: {store: {path: "$dir/store"}, api: {socket: "$dir/agent.sock"}}
synthetic: {"header":   {X-Synthetic: tillwatch}}   # header
sources:
  stock:   # url, body
    type: http_json
    url: 'http://127.0.0.1:$port/stock'
    body: {query: "{body}", key_body: 1}
    'key_body': {keys: "\${keys}"}
    fields: {sku: /sku, body: /body}
probes:
  - {name: home, plugin: storefront, interval: 1h, url: "http://127.0.0.1:$port/", body: x, method: POST}
Y
  cat >"$dir/etc/conf.d/10-pages.yaml" <<Y
sources:
  seen: {type: pages, interval: 1h, sitemap: "http://127.0.0.1:$port/sitemap.xml", url: "http://127.0.0.1:$port/p/\${key}"}   # url
Y
  chmod 640 "$file" "$dir/etc/conf.d/10-pages.yaml"
}
old_files
cp -p "$file" "$dir/was.yaml"
cp -p "$dir/etc/conf.d/10-pages.yaml" "$dir/was-pages.yaml"
sed -e 's/^synthetic: {"header":/synthetic: {"headers":/' -e 's/^    body: /    json: /' -e "s/'key_body': /'key_json': /" "$file" >"$dir/wanted.yaml"
sed -e 's/, url: /, key_url: /' "$dir/was-pages.yaml" >"$dir/wanted-pages.yaml"

# --- told ---------------------------------------------------------------------------------------------------------
out=$(tw check "$file") code=$?
is 'warnings are no errors' "$code" 0
is 'check: the core' "$out" "*$file:4:13: synthetic.header is now \"headers\"; 'tillwatch config upgrade' rewrites it*"
is 'check: a plugin' "$out" "*$file:10:5: sources.stock.key_body is now \"key_json\"; 'tillwatch*"
is 'check: conf.d' "$out" "*$dir/etc/conf.d/10-pages.yaml:2:84: sources.seen.url is now \"key_url\"*"
is 'check: and it is right' "$out" "*$file: ok: *"
is 'check --json' "$(tw check "$file" --json | python3 -c 'import json, sys; d = json.load(sys.stdin); print(d["ok"], len(d["errors"]), len(d["warnings"]))')" 'True 0 4'
tw doctor -c "$file" --no-test --json >"$dir/doctor.json"
is 'doctor' "$(python3 - "$dir/doctor.json" <<'P'
import json, sys
found = [f for f in json.load(open(sys.argv[1]))["findings"] if f["check"] == "config"]
print(len(found), {f["level"] for f in found}, all("tillwatch config upgrade" in f["remedy"] for f in found))
P
)" "4 {'warn'} True"

# --- rewritten ----------------------------------------------------------------------------------------------------
out=$(tw config upgrade --dry-run "$file") code=$?
is 'a dry run' "$code" 0
same 'a dry run writes nothing' "$file" "$dir/was.yaml"
printf '%s\n' "$out" >"$dir/dry.diff"
# The diff is the one that diff writes, but for the times of the files.
{
  diff -u "$dir/was-pages.yaml" "$dir/wanted-pages.yaml" | sed "1s|.*|--- $dir/etc/conf.d/10-pages.yaml.orig|; 2s|.*|+++ $dir/etc/conf.d/10-pages.yaml|"
  diff -u "$dir/was.yaml" "$dir/wanted.yaml" | sed "1s|.*|--- $file.orig|; 2s|.*|+++ $file|"
} >"$dir/wanted.diff"
same 'the diff' "$dir/dry.diff" "$dir/wanted.diff"
is 'a dry run, --json' "$(tw config upgrade --dry-run --json "$file" | python3 -c '
import json, sys
d = json.load(sys.stdin)
print(d["dry_run"], d["written"], d["by_hand"], *(c["path"] + ":" + c["now"] + ":" + str(c["line"]) for c in d["changes"]))')" \
  'True \[\] \[\] sources.seen.url:key_url:2 synthetic.header:headers:4 sources.stock.body:json:9 sources.stock.key_body:key_json:10'
ln -s tillwatch.yaml "$dir/etc/link.yaml"
mine=$dir/etc/tillwatch.yaml.orig
echo mine >"$mine"
out=$(tw config upgrade -c "$dir/etc/link.yaml") code=$?
is 'upgrade' "$code" 0
is 'upgrade says what it did' "$out" "*link.yaml:4:13: synthetic.header: header -> headers*link.yaml: written; as it was: $file.orig.1*"
same 'words of the file, and nothing else' "$file" "$dir/wanted.yaml"
same 'words of conf.d' "$dir/etc/conf.d/10-pages.yaml" "$dir/wanted-pages.yaml"
same 'the file as it was' "$file.orig.1" "$dir/was.yaml"
same 'the piece as it was' "$dir/etc/conf.d/10-pages.yaml.orig" "$dir/was-pages.yaml"
is 'what was called .orig stays' "$(cat "$mine")" mine
is 'the link stays one' "$(readlink "$dir/etc/link.yaml")" tillwatch.yaml
is 'mode and owner' "$(stat -c '%a %u %g' "$file")" "$(stat -c '%a %u %g' "$dir/was.yaml")"
is 'nothing is left beside it' "$(ls -A "$dir/etc" | tr '\n' ' ')" 'conf.d link.yaml tillwatch.yaml tillwatch.yaml.orig tillwatch.yaml.orig.1 '
out=$(tw check "$file") code=$?
is 'check is quiet now' "$code $out" "0 $file: ok: *"
out=$(tw config upgrade "$file") code=$?
is 'a second time' "$code $out" "0 $file: nothing to do*"
is 'a second time, --json' "$(tw config upgrade --json "$file" | python3 -c 'import json, sys; d = json.load(sys.stdin); print(d["changes"], d["written"])')" '\[\] \[\]'
is 'a second time nothing is kept' "$(ls "$dir/etc" | grep -c orig)" 2

# --- left alone ---------------------------------------------------------------------------------------------------
sed 's|^probes:|  both: {type: pages, url: "http://127.0.0.1:1/${key}",\n    key_url: "http://127.0.0.1:1/${key}"}\nprobes:|' "$file" >"$dir/etc/both.yaml"
cp "$dir/etc/both.yaml" "$dir/both.yaml"
out=$(tw config upgrade "$dir/etc/both.yaml") code=$?
is 'both words' "$code $out" "78 *both.yaml:12:23: sources.both.url: is what \"key_url\" in line 13 was called before: leave one of them*"
same 'with errors nothing is written' "$dir/etc/both.yaml" "$dir/both.yaml"
sed 's|^    fields: .*|    fields: {sku: /sku, price: /price}\n    units: {price: cents}|' "$file" >"$dir/etc/elsewhere.yaml"
out=$(tw check "$dir/etc/elsewhere.yaml") code=$?
is 'what belongs elsewhere' "$code $out" '78 *elsewhere.yaml:12:5: sources.stock.units: belongs elsewhere now: write it as probes\[].normalize.NAME.units*'
# An anchor that is a request of a probe, too: there body is the right word.
cat >"$dir/etc/anchor.yaml" <<Y
shop: {name: acme}
sources:
  stock: &all
    type: http_json
    url: "http://127.0.0.1:$port/"
    fields: {sku: /sku}
    body: &b {x: 1}
  other: {type: http_json, url: "http://127.0.0.1:$port/", fields: {sku: /sku}, json: &j {body: 1}, key_url: "http://127.0.0.1:$port/\${key}"}
  third: *all
probes:
  - {name: home, plugin: storefront, url: "http://127.0.0.1:$port/"}
Y
rm -r "$dir/etc/conf.d"
out=$(tw config upgrade "$dir/etc/anchor.yaml") code=$?
is 'a map that stands twice' "$code" 0
is 'is written once' "$(grep -c 'json:' "$dir/etc/anchor.yaml") $(grep -c '^    body:' "$dir/etc/anchor.yaml")" '2 0'
# One that stands where the word is right: what is posted has a member body.
sed 's|^  third: .*|  third: {type: http_json, url: "http://127.0.0.1/", fields: {sku: /sku}, json: *all}|; s|^    json: &b|    body: \&b|' "$dir/etc/anchor.yaml" >"$dir/etc/two.yaml"
cp "$dir/etc/two.yaml" "$dir/two.yaml"
is 'a word that is right elsewhere is taken' "$(tw check "$dir/etc/two.yaml" | grep -c 'is now')" 1
out=$(tw config upgrade "$dir/etc/two.yaml") code=$?
is 'and not rewritten' "$code $out" '65 *two.yaml: rewritten it would not mean the same*'
same 'nothing is written' "$dir/etc/two.yaml" "$dir/two.yaml"
# Written with an escape: its writer has to do it; the rest is done.
sed -e 's|^    body: |    "bod\\x79": |' -e '1a synthetic: {header: {X-Synthetic: t}}' -e 's|third: .*|third: {type: http_json, url: "http://127.0.0.1/", fields: {sku: /sku}}|' "$dir/two.yaml" >"$dir/etc/hand.yaml"
out=$(tw config upgrade "$dir/etc/hand.yaml") code=$?
is 'what is left by hand' "$code $out" '1 *hand.yaml:2:13: synthetic.header: header -> headers*hand.yaml:8:5: sources.stock.body: is left to you*make it json*'
is 'the rest is written' "$(grep -c 'headers: {X-Syn' "$dir/etc/hand.yaml") $(grep -c 'bod.x79' "$dir/etc/hand.yaml")" '1 1'
is 'by hand, --json' "$(tw config upgrade --json "$dir/etc/hand.yaml" | python3 -c 'import json, sys; d = json.load(sys.stdin); print(len(d["changes"]), d["by_hand"][0]["path"])')" '0 sources.stock.body'
chmod 646 "$dir/etc/anchor.yaml"
out=$(tw config upgrade "$dir/etc/anchor.yaml") code=$?
is 'a file that others may write' "$code $out" '78 *can be written by others*'
out=$(tw config downgrade) code=$?
is 'no such verb' "$code" 64

# --- the tables ---------------------------------------------------------------------------------------------------
# A word that was is no word of today, and what it is called now is one; each is in the manual.
"$build/agent/tillwatchd" --schema >"$dir/schema.json"
is 'tables of words' "$(python3 - "$dir/schema.json" "$top/docs/man/tillwatch.yaml.5" <<'P'
import json, sys
schema, manual = json.load(open(sys.argv[1])), open(sys.argv[2]).read()
kinds = schema["properties"]["probes"]["items"]["oneOf"] + schema["properties"]["sources"]["additionalProperties"]["oneOf"]
of = {k["properties"].get("plugin", k["properties"].get("type"))["const"]: k for k in kinds}
wrong = 0
for word in schema["x-former-words"]:
    at = of.get(word["plugin"], schema)["properties"]
    if word["now"].startswith("/"):
        wrong += word["was"] in at
    else:
        *way, was = word["was"].split("/")
        for step in way:
            at = at[step]["properties"]
        wrong += not at[was].get("deprecated") or bool(at[word["now"].split("/")[-1]].get("deprecated"))
    wrong += (".It Cm " + word["was"].replace("/", ".")) not in manual
print(len(schema["x-former-words"]) >= 4, wrong)
P
)" 'True 0'

# --- the agent takes the old words, and says so -------------------------------------------------------------------
mkdir "$dir/old" && cp -p "$dir/was.yaml" "$dir/old/tillwatch.yaml"
"$build/agent/tillwatchd" -c "$dir/old/tillwatch.yaml" >"$dir/agent.log" 2>&1 &
agent=$!
within 60 'the agent starts' grep -q 'watching acme' "$dir/agent.log"
is 'its log' "$(cat "$dir/agent.log")" "*old/tillwatch.yaml:4:13: synthetic.header is now \"headers\"; 'tillwatch config upgrade' rewrites it*"
reload() { tw reload -s "$dir/agent.sock"; }
within 30 'it reloads' reload
is 'its log says it again' "$(grep -c 'synthetic.header is now' "$dir/agent.log")" 2
tw config upgrade "$dir/old/tillwatch.yaml" >"$dir/out" && ok || bad 'upgrade while it runs' "$(cat "$dir/out")"
within 30 'it takes the new file' reload
is 'and says nothing' "$(grep -c 'synthetic.header is now' "$dir/agent.log")" 2

ended
