# Toolchains that Debian 12 has too old are fetched by their pinned sums (tools/toolchains) into the cache, once.
TOOLCHAINS=${PEERS%/*}/toolchains
GO_OLDEST=1.26
CACHED_GO=''   # its folder, once looked for

not_older() { [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -1)" = "$2" ]; } # VERSION THAN
pinned() { # NAME: version, module and sum for this machine
  awk -v name="$1" -v machine="linux-$(uname -m)" '$1 == name && $3 == machine { print $2, $4, $5 }' tools/toolchains
}
toolchain_folder() { # NAME
  local version module sum
  read -r version module sum < <(pinned "$1") || return 1
  echo "$TOOLCHAINS/$1-$version-$(sha256sum <<<"$module $sum" | cut -c1-12)"
}

go_version() { # GO: 1.26.1, or nothing where it does not run
  local version
  version=$("$1" env GOVERSION 2>/dev/null) && echo "${version#go}" || true
}
go_here() { command -v go >/dev/null && not_older "$(go_version go)" $GO_OLDEST; }
can_have_go() { go_here || [ -n "$(pinned go)" ]; }
GO_HINT="Go $GO_OLDEST or newer builds the peers (headscale, derper, tailscaled), and tools/toolchains has none for $(uname -m): install it from https://go.dev/dl and put its bin folder on PATH"

# Afterwards `go` is one that is new enough. What it does not find it would fetch itself: never another toolchain.
go_ready() {
  local folder
  export GOTOOLCHAIN=local
  ! go_here || return 0
  folder=$(toolchain_folder go) || die "$GO_HINT"
  [ -e "$folder/bin/go" ] || fetch_toolchain go "$folder"
  export PATH=$folder/bin:$PATH
  hash -r
  go_here || die "the Go in $folder does not run here: remove that folder, then run this again"
}
# The packages that go_ready will want, so that they can be installed with others.
go_packages() {
  local folder
  go_here && return 0
  folder=$(toolchain_folder go) && [ -e "$folder/bin/go" ] && return 0
  fetching_go >/dev/null || echo golang-go
}
# Any Go from 1.16 on can fetch a module. Debian's is 1.19.
fetching_go() {
  local go
  for go in $(type -ap go) /usr/bin/go; do
    if [ -x "$go" ] && not_older "$(go_version "$go")" 1.16; then echo "$go"; return 0; fi
  done
  return 1
}

# A toolchain that comes as a Go module. What was fetched of it stays until it is whole, so that an interrupted run goes on.
fetch_toolchain() { # NAME FOLDER
  local name=$1 folder=$2 version module sum got dir go part lock
  read -r version module sum < <(pinned "$name")
  install_missing "fetching $name $version" ca-certificates $(go_packages)
  go=$(fetching_go) || die "the golang-go that apt installed does not run: see what /usr/bin/go version says"
  part=$TOOLCHAINS/.fetching-$name-$version
  mkdir -p "$part" || die "cannot make $part: $(full_disk || echo "see to its rights")"
  exec {lock}>"$TOOLCHAINS/.lock"
  flock -n "$lock" || { say "another run fetches a toolchain: waiting for it"; flock "$lock"; }
  if [ ! -e "$folder/bin/$name" ]; then
    say "fetching $name $version, once"
    log=$(mktemp) || die "cannot write to ${TMPDIR:-/tmp}: $(full_disk || echo "see to its rights")"
    module_fetched "$go" "$part" "$module" "$log" || die "cannot fetch $name $version: $(reason "$log" "the module proxy ($("$go" env GOPROXY))" | grep . || tail -1 "$log") (all it said: $log)"
    got=$(sed -n 's/.*"Sum": "\(.*\)".*/\1/p' "$log") dir=$(sed -n 's/.*"Dir": "\(.*\)".*/\1/p' "$log")
    if [ "$got" != "$sum" ]; then
      rm -rf "$part"
      die "the $name $version that the module proxy served has the sum ${got:-of nothing}, and tools/toolchains says $sum: it is not used; see what GOPROXY names ($("$go" env GOPROXY))"
    fi
    find "$dir/bin" "$dir/pkg/tool" -type f -exec chmod +x {} +   # a module's files lose it
    rm -rf "$folder"
    mv "$dir" "$folder" || die "cannot put $name $version in its place ($folder): $(full_disk || echo "see to its rights")"
    rm -rf "$part" "$log"; log=''
  fi
  exec {lock}>&-
}
module_fetched() { # GO CACHE MODULE LOG: 0 when it is in the cache, and what go said of it in the log
  local try
  for try in 1 2 3; do
    ( cd "$2" && GOMODCACHE=$2/modules GOFLAGS=-modcacherw GONOSUMDB=golang.org/toolchain GOWORK=off GO111MODULE=on "$1" mod download -json "$3" ) >"$4" 2>&1 && return 0
    [ $try = 3 ] || worth_another_try "$4" || return 1
    [ $try = 3 ] || say "  the connection was cut: trying again"
  done
  return 1
}
