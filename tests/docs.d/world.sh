# world.sh - where the documents' commands are run: a demo shop, and an agent that watches it with config/demo.yaml. Each
# page has a folder of its own, and one shell that runs its listings in their order. Sourced by tests/docs.
world=$dir/world http='' agent='' shop=''
mkdir -p "$world/pages"
world_end() {
  [ -z "$agent$shop" ] || { kill $agent $shop; wait $agent $shop; } 2>/dev/null
  agent='' shop=''
}
until_ok() { # SECONDS COMMAND...: until it succeeds
  local limit=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    [ "$SECONDS" -lt "$limit" ] || return 1
    sleep 0.1
  done
}
world_start() {
  local tls slug
  (umask 077; printf 'whsec_%s' "$(head -c 32 /dev/urandom | base64)" >"$world/hook.secret")
  "$build/tests/shop/tillwatch-shop" --dir "$world" --rate 30 --seed 1 --secret "$(cat "$world/hook.secret")" \
    --ready-file "$world/shop.json" --max-seconds 3600 >"$world/shop.log" 2>&1 &
  shop=$!
  until_ok 30 test -s "$world/shop.json" || { bad "the demo shop does not start: $(tail -n 2 "$world/shop.log")"; return 1; }
  read -r http tls < <(python3 -c 'import json, sys; d = json.load(open(sys.argv[1])); print(d["http_port"], d["tls_port"])' "$world/shop.json")
  slug=$(python3 - "$http" <<'P'
import re, sys, urllib.request
at = "http://127.0.0.1:" + sys.argv[1]
get = lambda path: urllib.request.urlopen(at + path, timeout=10).read().decode()
print(next(s for s in sorted(set(re.findall("/p/([a-z0-9-]+)", get("/p/")))) if "Add to cart" in get("/p/" + s)))
P
  )
  sed -e "s|@DIR@|$world|g; s|@HTTP@|$http|g; s|@TLS@|$tls|g; s|@SLUG@|$slug|g" config/demo.yaml >"$world/demo.yaml"
  chmod 600 "$world/demo.yaml"
  "$build/agent/tillwatchd" -c "$world/demo.yaml" >"$world/agent.log" 2>&1 &
  agent=$!
  # Every family has told something: an expression that finds nothing then has a cause.
  until_ok 240 world_asks 'storefront_up and on() checkout_journey_success and on() api_call_up and on() inventory_coherence_ratio' \
    || { bad "the agent does not measure: $(tail -n 3 "$world/agent.log")"; return 1; }
}
world_asks() { TILLWATCH_SOCKET=$world/agent.sock tillwatch query "$1" --json | grep -q '"value"'; }

# What a page writes for an address, a folder, a port of the reader's; here it is the test's.
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
reader_words() { # FOLDER
  printf '%s\n' "s|https://shop\.example|http://127.0.0.1:$http|g" "s|127\.0\.0\.1:8080|127.0.0.1:$(cat "$dir/port")|g" "s|\b8099\b|$reader_port|g" \
    "s|scripts/build build|scripts/build $build|g" "s|make -C build install|make -s -C $build install DESTDIR=$1/root|g" \
    "s#\(^\|[;&|(\`] *\)\(scripts\|bench\|tests\)/#\1$top/\2/#g" "s#\(^\|[ <]\)docs/#\1$top/docs/#g" \
    "s|/usr/local/share|$1/root/usr/local/share|g; s|/usr/share/doc/tillwatch/examples|$top/docs/examples|g" \
    "s|/etc/tillwatch|$1/etc|g; s|/var/lib/tillwatch|$1/store|g" \
    "s|--shop all|--socket $world/agent.sock --socket $world/agent.sock|g" # this machine has no shops of its own
}
# What a shell of a reader has and this one has not: root's rights are its own, a terminal is made.
reader_prelude='
set -eu
trap '\''set +e; kill $(jobs -p) 2>/dev/null; wait'\'' EXIT
sudo() { "$@"; }
chown() { :; }
systemctl() { # what the unit does with the agent of this folder
  case $* in
    *stop*) kill "$(cat "$here/agent.pid")"; wait "$(cat "$here/agent.pid")" || true ;;
    *start*|"enable --now"*)
      mkdir -p "$here/etc/conf.d"
      echo "agent: {store: {path: \"$here/store\"}, api: {socket: \"$here/agent.sock\"}}" >"$here/etc/conf.d/where.yaml"
      tillwatchd -c "$here/etc/tillwatch.yaml" 2>>"$here/agent.log" &
      echo $! >"$here/agent.pid"
      within command tillwatch probes >/dev/null ;;
    *) echo "systemctl: $*?"; return 1 ;;
  esac
}
tillwatch() {
  case ${1:-} in # a run, or the last runs, of a machine that has just stood still are not well
    run|status) within command tillwatch "$@"; return ;;
    top) ;;
    *) command tillwatch "$@"; return ;;
  esac
  { sleep 3; printf q; } | timeout 60 script -qec "stty cols 120 rows 36; command tillwatch top" /dev/null >"$here/top" && grep -a -q "$(printf "\033")" "$here/top"
}
within() { local limit=$((SECONDS + 150)); until ("$@"); do [ "$SECONDS" -lt "$limit" ] || { echo "never came: $*"; return 1; }; sleep 0.2; done; }
'
# run_page PAGE: writes ran (a line each listing that ended well) and N.out into its folder; the rows of index are its sh listings
run_page() {
  local reader_port page=$1 here name n at language mark value waits expects
  name=$(basename "$page") here=$world/pages/$name
  reader_port=$(free_port)
  mkdir -p "$here/etc"
  : >"$here/ran"
  cp "$dir"/*.c "$here/" 2>/dev/null
  case $page in docs/man/*) # what a reader of the manual has already
    install -m 600 "$world/demo.yaml" "$here/shop.yaml"
    install -m 600 "$world/demo.yaml" "$here/etc/tillwatch.yaml"
    ln -s "$world/store" "$here/store" ;;
  esac
  reader_words "$here" >"$here/words"
  {
    printf 'here=%q\ncd "$here"\n%s' "$here" "$reader_prelude"
    while IFS=$'\t' read -r n _ at language mark value waits expects; do
      printf 'exec >"$here/%d.out" 2>&1\n' "$n"
      # A field that is a single - is none.
      [ "$waits" = - ] || printf 'within bash -c %q\n' "$(sed -f "$here/words" <<<"$waits")"
      [ "$mark" != fails ] || echo 'set +e'
      sed -f "$here/words" "$dir/listings/$n.sh"
      # A list of && that ends early does not end the shell: its last line is asked, and only there may one stand.
      [ "$mark" = fails ] || echo '[ $? = 0 ] || exit 1'
      [ "$mark" != fails ] || printf 'rc=$?\nset -e\n[ "$rc" = %q ] || { echo "it ends with $rc"; exit 1; }\n' "$value"
      printf 'echo %d >>"$here/ran"\n' "$n"
    done < <(awk -F'\t' -v page="$page" '$2 == page && $4 == "sh" && $5 != "not run"' "$dir/listings/index")
  } >"$here/page.sh"
  # What is installed lies below root/, where its programs do not look for each other: the build's run, the rest is the installed one's.
  if grep -qx '<!-- listings: alone -->' "$page"; then
    env -u TILLWATCH_CONFIG -u MAKEFLAGS -u MAKELEVEL -u MFLAGS TILLWATCH_SOCKET="$here/agent.sock" HOME="$here" CPATH="$top/include" timeout 1500 bash "$here/page.sh" </dev/null
  else
    env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS HOME="$here" TILLWATCH_SOCKET="$world/agent.sock" TILLWATCH_CONFIG="$world/demo.yaml" CPATH="$top/include" \
      timeout 1500 bash "$here/page.sh" </dev/null
  fi >"$here/page.out" 2>&1
}
