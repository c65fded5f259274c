"""A new Debian 12 machine in a folder: made by debootstrap, entered by pivot_root in namespaces of its own.

    /proc /sys /dev /run    mounted inside, new; of the devices only those that any machine has, and /dev/net/tun
    network                 this machine's, so that apt and Go reach what they reach here
    mounts, processes       in namespaces that end with the program that made them: nothing stays mounted, nobody goes on

What was made once is kept as an archive beside the peers' cache, one for machines with systemd installed (not booted) and one for
those without.
"""
import glob
import os
import shlex
import shutil
import signal
import subprocess
import tempfile
import time

SUITE = "bookworm"
CACHE = os.path.join(os.path.dirname(os.environ.get("QUOIN_PEERS") or os.path.join(
    os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "quoin", "peers")), "fresh")
# A new machine has git, and whoever clones over https has the roots. sudo is there for those who are not root.
INCLUDED = "git,ca-certificates,sudo"
USER, UID = "newcomer", 1000
# What this machine needs in order to reach its package servers, a new one in its place needs too.
PASSED_ON = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
GO_SETTINGS = ("GOPROXY", "GOSUMDB", "GONOSUMDB", "GOPRIVATE", "GONOPROXY", "GOINSECURE")

ENTER = r"""
set -eu
root=$1; shift
mount --bind "$root" "$root"
cd "$root"
mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t tmpfs -o mode=755,size=1m dev dev
mkdir dev/net dev/pts dev/shm
for node in null zero full random urandom tty net/tun; do [ ! -e /dev/$node ] || { : >dev/$node; mount --bind /dev/$node dev/$node; }; done
mount -t devpts -o newinstance,ptmxmode=0666,mode=0620,gid=5 devpts dev/pts
ln -s pts/ptmx dev/ptmx; ln -s /proc/self/fd dev/fd; ln -s /proc/self/fd/0 dev/stdin; ln -s /proc/self/fd/1 dev/stdout; ln -s /proc/self/fd/2 dev/stderr
mount -t tmpfs -o mode=1777 shm dev/shm
mount -t tmpfs -o mode=755 run run
mkdir -m 1777 run/lock
while [ $# -gt 0 ]; do mkdir -p "$root/$2"; mount --bind "$1" "$root/$2"; mount -o remount,bind,ro "$root/$2"; shift 2; done
hostname new
mkdir -p .before
pivot_root . .before
umount -l /.before
rmdir /.before
echo ready
exec </dev/null >/dev/null 2>&1
while :; do sleep 86400 & wait; done
"""


class CannotBeMade(Exception):
    """This machine lacks what a new one is made with; the text says what."""


class Failure(Exception):
    """A step did not do what it should; the text says which and what came instead."""


def output(*words):
    return subprocess.run(words, capture_output=True, text=True, stdin=subprocess.DEVNULL).stdout


def what_is_missing():
    """A sentence if no machine can be made here, else None."""
    if os.geteuid() != 0:
        return "making a machine needs root"
    for tool, package in (("debootstrap", "debootstrap"), ("unshare", "util-linux"), ("nsenter", "util-linux"), ("setpriv", "util-linux"), ("tar", "tar")):
        if not shutil.which(tool):
            return f"{tool} is missing: install the package {package}"
    tried = subprocess.run(["unshare", "--mount", "--pid", "--fork", "--uts", "--ipc", "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True, text=True)
    if tried.returncode != 0:
        return f"root may make no namespaces or mount nothing in them here ({tried.stderr.strip()}): use a whole machine or a privileged container"
    if not sources():
        return f"apt on this machine names no server of Debian {SUITE}: debootstrap has nothing to take packages from"
    return None


def sources():
    """(address, suite, components) of Debian's packages, as this machine's apt names them."""
    found = {}
    listed = output("apt-get", "indextargets", "--no-release-info", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)", "Created-By: Packages")
    for line in listed.splitlines():
        address, suite, component = line.split()
        if suite.split("-")[0] == SUITE:
            found.setdefault((address, suite), []).append(component)
    return [(address, suite, sorted(set(components))) for (address, suite), components in found.items()]


def remove(folder):
    """Removes a machine's folder; what is mounted in it, if anything, is not followed."""
    subprocess.run(["rm", "-rf", "--one-file-system", folder], check=False)


def remove_abandoned():
    for folder in glob.glob(os.path.join(CACHE, "machine-*-*")):
        if not os.path.exists(f"/proc/{folder.rsplit('-', 1)[-1]}"):
            remove(folder)


def base(systemd):
    """The archive of a machine on which nobody has done anything yet."""
    archive = os.path.join(CACHE, f"{SUITE}-{'systemd' if systemd else 'plain'}.tar")
    if os.path.exists(archive) and time.time() - os.path.getmtime(archive) < 30 * 86400:
        return archive
    os.makedirs(os.path.join(CACHE, "archives"), exist_ok=True)
    address, _, _ = next(source for source in sources() if source[1] == SUITE)
    folder = os.path.join(CACHE, f"machine-base-{os.getpid()}")
    include = INCLUDED + (",systemd,systemd-sysv" if systemd else "")
    log = os.path.join(CACHE, "debootstrap.log")
    try:
        with open(log, "w") as file:
            done = subprocess.run(["debootstrap", "--variant=minbase", f"--include={include}", f"--cache-dir={os.path.join(CACHE, 'archives')}",
                                   SUITE, folder, address], stdout=file, stderr=file, stdin=subprocess.DEVNULL,
                                  env={**os.environ, "DPKG_FORCE": "unsafe-io"})   # nobody misses what a crash would lose of it
        if done.returncode != 0:
            with open(log) as file:
                raise CannotBeMade(f"debootstrap could not make a machine: {file.read().strip().splitlines()[-1]} (all it said: {log})")
        configure(folder)
        subprocess.run(["tar", "-C", folder, "--numeric-owner", "-cf", archive + ".new", "."], check=True)
        os.replace(archive + ".new", archive)
    finally:
        remove(folder)
    return archive


def configure(folder):
    """Somebody has installed it: a user who may use sudo, this machine's package servers and roots."""
    def write(path, text, mode=0o644):
        path = os.path.join(folder, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(text)
        os.chmod(path, mode)

    write("etc/hostname", "new\n")
    write("etc/hosts", "127.0.0.1 localhost new\n::1 localhost\n")
    write(f"etc/sudoers.d/{USER}", f"{USER} ALL=(ALL) NOPASSWD: ALL\n", 0o440)
    write("etc/apt/sources.list", "".join(f"deb {address} {suite} {' '.join(components)}\n" for address, suite, components in sources()))
    settings = [line for line in output("apt-config", "dump").splitlines() if line.startswith("Acquire::") and '""' not in line and "::IndexTargets::" not in line]
    write("etc/apt/apt.conf.d/90network", "\n".join(settings) + "\n")
    for certificate in glob.glob("/usr/local/share/ca-certificates/*.crt"):
        shutil.copy(certificate, os.path.join(folder, "usr/local/share/ca-certificates"))
    for words in (["useradd", "--create-home", "--uid", str(UID), "--shell", "/bin/bash", USER], ["update-ca-certificates"]):
        subprocess.run(["chroot", folder, *words], check=True, capture_output=True)


class Machine:
    """One machine, up from `with` until its end. LENT: folders of this machine that can be read in it, by the path there."""

    def __init__(self, name, systemd, lent=None):
        self.folder = os.path.join(CACHE, f"machine-{name}-{os.getpid()}")
        self.systemd = systemd
        self.lent = lent or {}
        self.holder = None

    def __enter__(self):
        remove_abandoned()
        archive = base(self.systemd)
        os.makedirs(self.folder)
        try:
            subprocess.run(["tar", "-C", self.folder, "-xpf", archive], check=True)
            shutil.copy("/etc/resolv.conf", os.path.join(self.folder, "etc/resolv.conf"))
            words = [word for there, here in self.lent.items() for word in (here, there)]
            self.holder = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--pid", "--uts", "--ipc", "--fork", "--kill-child=KILL", "--propagation", "private",
                 "/bin/sh", "-c", ENTER, "enter", self.folder, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            said = self.holder.stdout.readline()
            if said != "ready\n":
                raise CannotBeMade(f"the machine in {self.folder} cannot be entered: {said.strip() or 'no word'}")
            self.first = int(output("pgrep", "-P", str(self.holder.pid)).split()[0])
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.holder:
            self.holder.kill()   # and with it every process of the machine, and its mounts
            self.holder.wait()
        for _ in range(50):      # until the last of them has let go of its files
            if not os.path.exists(f"/proc/{getattr(self, 'first', 0)}"):
                break
            time.sleep(0.1)
        remove(self.folder)

    def inside(self, command, user="root", settings=None, network=True):
        """The command line that runs COMMAND, for the shell, as USER in their home folder."""
        home = "/root" if user == "root" else f"/home/{user}"
        path = ("/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" if user == "root" else "/usr/local/bin:/usr/bin:/bin:/usr/local/games:/usr/games")
        environment = {"HOME": home, "USER": user, "LOGNAME": user, "PATH": path, "TERM": "dumb", "LANG": "C.UTF-8", **network_settings(), **(settings or {})}
        who = [] if user == "root" else ["setpriv", "--reuid", user, "--regid", user, "--init-groups", "--inh-caps=-all"]
        return ["nsenter", "-t", str(self.first), "-m", "-p", "-u", "-i", "-r", "-w", "--", *([] if network else ["unshare", "--net"]),
                "env", "-i", "--default-signal=INT,TERM", *(f"{name}={value}" for name, value in environment.items()), *who, "/bin/bash", "-c", f"cd {shlex.quote(home)} && {command}"]

    def run(self, command, **options):
        return subprocess.run(self.inside(command, **options), capture_output=True, text=True, stdin=subprocess.DEVNULL)

    def start(self, command, **options):
        return subprocess.Popen(self.inside(command, **options), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True,
                                errors="replace", start_new_session=True)

    def interrupt(self, process):
        """What Ctrl-C does: the signal goes to everything that was started."""
        os.killpg(process.pid, signal.SIGINT)


def network_settings():
    """Names and values of what leads to the package servers from here."""
    found = {name: os.environ[name] for name in PASSED_ON if os.environ.get(name)}
    for name in GO_SETTINGS:
        value = os.environ.get(name) or (output("go", "env", name).strip() if shutil.which("go") else "")
        if value:
            found[name] = value
    return found


def bundle(checkout):
    """A file that git can clone: the files of CHECKOUT as they are now."""
    folder = tempfile.mkdtemp(prefix="quoin-fresh-")
    os.chmod(folder, 0o755)
    listed = subprocess.run(["git", "-C", checkout, "ls-files", "-z", "--cached", "--others", "--exclude-standard"], capture_output=True)
    work = os.path.join(folder, "quoin")
    os.makedirs(work)
    if listed.returncode == 0 and listed.stdout:
        names = b"\0".join(name for name in listed.stdout.split(b"\0") if name and os.path.lexists(os.path.join(os.fsencode(checkout), name)))
        subprocess.run(["tar", "-C", checkout, "--null", "-T", "-", "-cf", os.path.join(folder, "files.tar")], input=names, check=True)
    else:   # not a repository: an archive of one that somebody unpacked
        subprocess.run(["tar", "-C", checkout, "--exclude=./build", "--exclude=./.git", "-cf", os.path.join(folder, "files.tar"), "."], check=True)
    subprocess.run(["tar", "-C", work, "-xf", os.path.join(folder, "files.tar")], check=True)
    git = ["git", "-C", work, "-c", "user.name=fresh", "-c", "user.email=fresh@localhost", "-c", "init.defaultBranch=main", "-c", "core.excludesFile=/dev/null"]
    for words in (["init", "-q"], ["add", "-A", "-f"], ["commit", "-q", "-m", "the files as they are"], ["bundle", "create", "-q", os.path.join(folder, "quoin.bundle"), "HEAD", "main"]):
        subprocess.run([*git, *words], check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    shutil.rmtree(work)
    os.remove(os.path.join(folder, "files.tar"))
    return folder
