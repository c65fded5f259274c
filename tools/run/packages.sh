# Packages of Debian: what is missing is installed, once, and none of its daemons starts on this machine.
APT=(-o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 -o Acquire::http::Timeout=30 -o Acquire::https::Timeout=30)

# sudo forgets the environment, so what matters of it is named.
AS_ROOT=()
[ "$(id -u)" = 0 ] || AS_ROOT=(sudo env LC_ALL="$LC_ALL" PYTHONDONTWRITEBYTECODE=1 QUOIN_TEST_PREFIX="${QUOIN_TEST_PREFIX:-qtest}")
if [ ${#AS_ROOT[@]} -gt 0 ]; then
  for name in http_proxy https_proxy no_proxy ftp_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY; do [ -z "${!name:-}" ] || AS_ROOT+=("$name=${!name}"); done
fi
as_root() { "${AS_ROOT[@]}" "$@"; }
need_root() { # WHAT FOR
  [ "$(id -u)" = 0 ] || command -v sudo >/dev/null || die "$1 needs root: run this as root, or install sudo"
}

# policy-rc.d keeps the packages' own daemons from starting, now and at the next boot. One that is not ours stays as it is.
POLICY=/usr/sbin/policy-rc.d OURS='# made by ./run of quoin while it installs packages'
no_daemons_start() {
  [ ! -e $POLICY ] || return 0
  printf '#!/bin/sh\n%s\nexit 101\n' "$OURS" | as_root tee $POLICY >/dev/null
  as_root chmod +x $POLICY
}
daemons_may_start() { ! grep -qsF "$OURS" $POLICY || as_root rm -f $POLICY; }

# What apt says goes to a log; its progress is shown in fifths, counted in packages.
show_apt_progress() { # PACKAGES LOG
  local line steps=0 shown=1 waits=''
  while read -r line; do
    printf '%s\n' "$line" >>"$2" || true
    case $line in
      *' newly installed, '*) line=${line%% newly*}; set -- "${line##* }" "$2"; say "  $1 packages with what they need" ;;
      'Unpacking '* | 'Setting up '*) steps=$(( steps + 1 )) ;;
      *'Could not get lock '*'held by process'*) [ -n "$waits" ] || { waits=yes; say "  another apt is at work (process ${line##*held by process }): waiting up to five minutes for it"; } ;;
    esac
    if [ $(( steps * 5 )) -ge $(( shown * 2 * $1 )) ] && [ $shown -lt 5 ]; then say "  $(( shown * 20 )) %"; shown=$(( shown + 1 )); fi
  done
}

apt_install() { # PACKAGE...
  as_root apt-get "${APT[@]}" update -q && as_root env DEBIAN_FRONTEND=noninteractive apt-get "${APT[@]}" install -y -q --no-install-recommends "$@"
}

why_apt_failed() { # LOG
  local why name
  why=$(reason "$1" "its package server (of /etc/apt)")
  name=$(grep -oE "(Unable to locate package |Package '?)[^ ]+" "$1" | head -1 | grep -oE "[^ ']+$") || name=''
  if [ -n "$why" ]; then echo "$why"
  elif [ -n "$name" ]; then echo "it has no $name: use Debian 12 with the repository that /etc/apt names for it (this is $(. /etc/os-release && echo "$PRETTY_NAME"))"
  else echo "its last words are above"; fi
}

install_missing() { # WHAT PACKAGE...: apt only when something is not there
  local what=$1 missing=() p rc=0 try
  shift
  command -v dpkg-query >/dev/null && command -v apt-get >/dev/null || die "there is no apt here: use Debian 12"
  for p in $(printf '%s\n' "$@" | sort -u); do dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || missing+=("$p"); done
  [ ${#missing[@]} -gt 0 ] || return 0
  need_root "installing packages"
  say "installing for $what: ${missing[*]}"
  doing="installing packages for $what"
  log=$(mktemp) || die "cannot write to ${TMPDIR:-/tmp}: $(full_disk || echo "see to its rights")"
  no_daemons_start || die "cannot write $POLICY, which keeps the packages' daemons from starting: $(full_disk || echo "see to root's rights here")"
  for try in 1 2; do
    rc=0
    apt_install "${missing[@]}" 2>&1 </dev/null | show_apt_progress ${#missing[@]} "$log" || rc=$?
    # An installation that was cut short before is brought to its end first.
    [ $rc != 0 ] && [ $try = 1 ] && grep -qF 'dpkg --configure -a' "$log" || break
    say "  the last installation was cut short: finishing it"
    as_root env DEBIAN_FRONTEND=noninteractive dpkg --configure -a >"$log" 2>&1 </dev/null || break
  done
  [ $rc = 0 ] || { grep -vE '^(Get|Hit|Ign|Reading|Building|Selecting|Preparing)' "$log" | tail -5 >&2 || true; die "apt could not install what $what needs: $(why_apt_failed "$log") (all it said: $log)"; }
  rm -f "$log"; log=''
  if command -v systemctl >/dev/null; then
    while read -r p; do as_root systemctl disable --quiet "$p" </dev/null >/dev/null 2>&1 || true
    done < <(dpkg -L "${missing[@]}" | sed -nE '/\/dbus[^/]*$/d; s,^(/usr)?/lib/systemd/system/([^/@]+\.(service|socket))$,\2,p')
  fi
  daemons_may_start
  hash -r
}
