# Nothing that ./run does ends without a sentence: what fails without one of its own is named here by what was being done.
doing="beginning" log='' failing='' said='' side=''

say() { doing=$*; printf '[%3ds] %s\n' $(( $(date +%s) - started )) "$*"; }
die() { said=yes; echo "run: $*" >&2; exit 1; }

# What a log tells of the cause, and what to do about it; nothing where it tells nothing known.
reason() { # LOG SERVER
  local full
  if full=$(full_disk) || grep -qsE 'No space left on device|enough free space|[Dd]isk quota exceeded' "$1"; then
    echo "${full:-a disk is full (df tells which): make room, then run this again}"
  elif grep -qsE 'Could not get lock|Unable to (lock|acquire the dpkg)|is another process using it|dpkg frontend lock' "$1"; then
    echo "another apt is at work here: wait for it, then run this again"
  elif grep -qsE 'Temporary failure|Could not (resolve|connect)|Cannot initiate|dial tcp|no such host|proxyconnect|server misbehaving|x509: ' "$1"; then
    echo "it cannot reach $2: see to this machine's network, then run this again"
  elif grep -qsE 'unexpected EOF|reset by peer|Connection (timed out|closed|failed)|closed the connection|i/o timeout|handshake timeout|stream error|Undetermined Error|unexpected size|Hash Sum mismatch|not a valid zip|50[0234] [A-Z]' "$1"; then
    echo "the connection to $2 was cut or garbled: run this again, it goes on where it stopped"
  elif grep -qsE 'Failed to fetch|Unable to fetch|Some index files failed' "$1"; then
    echo "it cannot reach $2: see to this machine's network, then run this again"
  fi
}

# The first folder that we write to whose disk is as good as full.
full_disk() {
  local folder mount left
  for folder in "$PWD/build" "$PWD" "${TMPDIR:-/tmp}" "$HOME" "${PEERS%/*}" "$CCACHE_DIR" /var/cache/apt /usr; do
    [ -d "$folder" ] || continue
    read -r left mount < <(df --output=avail,target -m "$folder" 2>/dev/null | tail -1) || continue
    [ "$left" -ge 100 ] || { echo "the disk at $mount is full ($left MB are left): make room, then run this again"; return 0; }
  done
  return 1
}

# The second way on: `./run` tries a thing that talks to the network again when only the connection was at fault.
worth_another_try() { # LOG
  case $(reason "$1" x) in *garbled*) return 0 ;; *) return 1 ;; esac
}

clean_up() { # stops what was begun beside the foreground, and takes down what must not stay
  [ -z "$side" ] || { kill -TERM -- "-$side" 2>/dev/null || true; side=''; }
  daemons_may_start
}

ended() { # STATUS
  trap - ERR INT TERM HUP
  clean_up || true
  [ "$1" = 0 ] || [ -n "$said" ] || {
    local why; why=$(full_disk) || why=''
    echo "run: ended with status $1 while it was at: $doing${failing:+ ($failing)}${why:+; $why}${log:+; all it said: $log}" >&2
  }
}
interrupted() { # SIGNAL
  trap '' INT TERM HUP
  said=yes
  echo "run: interrupted while it was at: $doing; run this again, it goes on where it stopped" >&2
  exit 130
}
set -E
trap 'failing="${BASH_SOURCE[0]##*/}, line $LINENO: $BASH_COMMAND"' ERR
trap 'ended $?' EXIT
trap 'interrupted' INT TERM HUP
