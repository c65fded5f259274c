# The programs that the tests run against. A peer is a folder of tests/peers with go.mod and go.sum; its programs live in a cache
# keyed by these files.
EVERYDAY_PEERS="headscale-0.28.0 tailscale-1.92.5"

peer_folder() { echo "$PEERS/$1-$(cat "tests/peers/$1/go.mod" "tests/peers/$1/go.sum" | sha256sum | cut -c1-12)"; }
WITH_PEERS=("${AS_ROOT[@]}" env HEADSCALE="$(peer_folder headscale-0.28.0)" TAILSCALE="$(peer_folder tailscale-1.92.5)")
every_client() { (cd tests/peers && ls -dv tailscale-*); }
have_peers() { local peer; for peer in "$@"; do [ -e "$(peer_folder "$peer")/.done" ] || return 1; done; } # NAME...
can_have_peers() { have_peers "$@" || can_have_go; }
peers_packages() { have_peers "$@" || echo python3 ca-certificates $(go_packages); } # NAME...: what building them needs

peers() { # NAME...
  local peer out tools
  ! have_peers "$@" || return 0
  can_have_go || die "$GO_HINT"
  install_missing "the peers" $(peers_packages "$@")
  go_ready
  for peer in "$@"; do
    out=$(peer_folder "$peer")
    [ ! -e "$out/.done" ] || continue
    say "building $peer, once: some minutes"
    mkdir -p "$out" || die "cannot make $out: $(full_disk || echo "see to its rights")"
    tools=$(cd "tests/peers/$peer" && go mod edit -json | python3 -c 'import json,sys; print(*[t["Path"] for t in json.load(sys.stdin)["Tool"]])') ||
      die "cannot read the programs that tests/peers/$peer/go.mod names"
    build_peer "$peer" "$out/" $tools
    touch "$out/.done" || die "cannot write to $out: $(full_disk || echo "see to its rights")"
  done
}
build_peer() { # NAME OUT PACKAGE...: Go's own messages are shown if it fails, else every 15 seconds how far it is
  local name=$1 out=$2 try
  shift 2
  log=$(mktemp) || die "cannot write to ${TMPDIR:-/tmp}: $(full_disk || echo "see to its rights")"
  for try in 1 2 3; do
    : >"$log"
    # Without symbol tables they link in half the time; what they do is the same.
    ( cd "tests/peers/$name" && CGO_ENABLED=0 GOWORK=off GONOSUMDB=github.com/tailscale/tailsql GOFLAGS=-mod=readonly \
        go build -v -buildvcs=false -trimpath -ldflags='-s -w' -o "$out" "$@" ) 2>&1 | show_go_progress "$name" "$log" && { rm -f "$log"; log=''; return 0; }
    [ $try -lt 3 ] && worth_another_try "$log" || break
    say "  the connection to the module proxy was cut: trying again"
  done
  tail -15 "$log" >&2
  die "$name did not build: $(reason "$log" "the module proxy ($(go env GOPROXY))" | grep . || echo "see above") (all it said: $log)"
}
show_go_progress() { # NAME LOG
  local line steps=0 next=$(( SECONDS + 15 ))
  while read -r line; do
    printf '%s\n' "$line" >>"$2" || true
    steps=$(( steps + 1 ))
    [ $SECONDS -lt $next ] || { say "  $1: $steps modules fetched or packages compiled, now $line"; next=$(( SECONDS + 15 )); }
  done
}

# The peers are built beside our own programs: the one waits for the network while the other compiles.
peers_meanwhile() { # NAME...
  ! have_peers "$@" || return 0
  set -m   # a process group of its own, so that it can be ended as a whole
  ( trap - EXIT INT TERM HUP; set +m; peers "$@" ) </dev/null &
  side=$!
  set +m
}
peers_done() { # 0 when they are there
  [ -n "$side" ] || return 0
  local rc=0
  doing="building the peers"
  wait "$side" || rc=$?
  side=''
  return $rc
}
