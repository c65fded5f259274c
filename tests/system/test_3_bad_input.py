"""Bad input that needs no server and no printer: each gets one clear sentence and the right exit code, and nothing opens."""
import os
import re
import shutil
import socket as sockets
import stat
import subprocess

from own_agent import GROUP, MEMBER, STRANGER, SUPPLEMENTARY_MEMBER, OwnAgent, says, seat, shut
from site_lab import AGENT, TUNNEL, Answer, until
from world import expect, test

AT_A_SEAT = True
USAGE, REFUSED, UNREACHABLE, FAILED = 2, 3, 4, 5


def replacing(old, new):
    def edit(text):
        expect(old in text, f"the configuration does not have {old}")
        return text.replace(old, new, 1)

    return edit


def line_of(agent, part):
    """The number of the configuration's first line with PART."""
    return next(at for at, line in enumerate(open(agent.config), 1) if part in line)


# What is changed in a right configuration; what the changed line has; what the sentence says.
WRONG_CONFIGURATIONS = [
    ("[control]", "[control", "[control", "This is not TOML"),
    ('longest = "4h"', 'longest = "4h"\ncolour = "red"', "colour", "warrant.colour is not known here"),
    ('longest = "4h"', "longest = 4", "longest = 4", "warrant.longest must be a text in quotes"),
    ('longest = "4h"', 'longest = "0h"', '"0h"', "warrant.longest must be more than 0s and at most"),
    ('longest = "4h"', 'longest = "1000000h"', "1000000h", "warrant.longest must be more than 0s and at most"),
    ('longest = "4h"', 'longest = "soon"', "soon", 'warrant.longest "soon" is not a duration such as 45s, 30m or 4h'),
    ('"alice@example.com"', "", "engineers", "warrant.engineers names nobody; list login names"),
    ('"alice@example.com"', '"alice smith"', "alice smith", 'warrant.engineers "alice smith" is not a login name'),
    ('"https://203.0.113.10:8443"', '"203.0.113.10"', "url =", "control.url", "must start with https://"),
    ('"https://203.0.113.10:8443"', '"https://203.0.113.10:0"', "url =", "control.url", "port that is not a number from 1 to 65535"),
    ('"https://203.0.113.10:8443"', '"https://0.0.0.0:1"', "url =", "control.url names an address that is not one server's"),
    ('"https://203.0.113.10:8443"', '"http://203.0.113.10:8443"', "url =", "control.url is plain http", "use https, or pin the key"),
    ('ca_file = "lab-ca.pem"', 'server_key = "mkey:12"', "server_key", "control.server_key must be the control server's key"),
    ('join_key_file = "join.key"', "", "[control]", "control.join_key_file is missing; name the file"),
    ('[relay]\nca_file = "lab-ca.pem"', '[relay]\nallow = ["10.1.2.3/24"]', "allow", "relay.allow", "bits after the prefix must be zero"),
    ('address = "192.168.77.21"', 'address = "127.0.0.1"', "127.0.0.1", "device.address 127.0.0.1 is a loopback address"),
    ('address = "192.168.77.21"', 'address = "8.8.8.8"', "8.8.8.8", "device.address 8.8.8.8 is not a private address"),
    ('address = "192.168.77.21"', 'address = "printer.lan"', "printer.lan", "device.address", "is not an IP address"),
    ('address = "192.168.77.21"', 'address = "255.255.255.255"', "255.255", "device.address 255.255.255.255 is the broadcast address"),
    ('address = "192.168.77.21"', 'address = "192.168.77.22"', "name = \"laser\"", "device.address is the address of device mfp too"),
    ('mac = "02:da:00:00:4d:15"', 'mac = "ff:ff:ff:ff:ff:ff"', "ff:ff", "device.mac", "is not the MAC address of one device"),
    ('mac = "02:da:00:00:4d:15"', "", '[[device]]', "device.mac is missing; copy it from the device's network page"),
    ('name = "laser"', 'name = "mfp"', 'name = "laser"', "device.name is used by an earlier device too"),
    ('name = "mfp"', 'name = "MFP 1"', "MFP 1", "device.name", "lower-case letters, digits and hyphens"),
]


@test("a wrong configuration is refused with its file, line, key and what to do")
def wrong_configuration(world):
    agent = OwnAgent(seat(), "configuration")
    agent.prepare()
    right = agent.configuration()
    for old, new, where, *parts in WRONG_CONFIGURATIONS:
        wrong = replacing(old, new)(right)
        with open(agent.config, "w") as file:
            file.write(wrong)
        answer = agent.run_to_its_end()
        says(answer, USAGE, agent.config, *parts)
        # A second device that repeats something of the first is told by its own line.
        lines = wrong.splitlines()
        first = right.splitlines().index('name = "laser"') if "too" in parts[0] else 0
        at = next(number for number, line in enumerate(lines, 1) if number > first and (where in line or (first and "mac" not in line)))
        expect(re.search(rf":({at}|{at + 1}): ", answer.err), f"line {at} is not named: {answer.err}")
    expect(not os.path.exists(agent.state), "a folder was made for a configuration that is wrong")


@test("a configuration that is missing, a folder, unreadable, too large or not text is refused")
def no_configuration(world):
    agent = OwnAgent(seat(), "no-configuration")
    agent.prepare()
    says(agent.run_to_its_end(config=f"{agent.folder}/other.toml"), USAGE, f"{agent.folder}/other.toml", "No such file")
    says(agent.run_to_its_end(config=agent.folder), USAGE, f"{agent.folder} is a folder, not a file")
    os.chmod(agent.config, 0o600)
    says(agent.run_to_its_end(*STRANGER), USAGE, agent.config, "Permission denied")
    for content, part in ((b"# " + b"x" * 300_000, "larger"), (b"\x00\xff\xfe\x81", "agent.toml:1: "), (b"", "control is missing; add a table [control]")):
        with open(agent.config, "wb") as file:
            file.write(content)
        says(agent.run_to_its_end(), USAGE, agent.config, part)


@test("a configuration that others may write, of another user, or behind a link is refused")
def configuration_of_others(world):
    agent = OwnAgent(seat(), "configuration-of-others")
    agent.prepare()
    os.chmod(agent.config, 0o666)
    says(agent.run_to_its_end(), USAGE, f"{agent.config} may be written by others", "chmod go-w")
    os.chmod(agent.config, 0o644)
    os.chown(agent.config, 65534, 0)
    says(agent.run_to_its_end(), USAGE, f"{agent.config} belongs to another user")
    os.chown(agent.config, 0, 0)
    os.symlink(agent.config, f"{agent.folder}/link.toml")
    says(agent.run_to_its_end(config=f"{agent.folder}/link.toml"), USAGE, f"{agent.folder}/link.toml", "name the file itself")


@test("files that the configuration names are looked at when the agent starts")
def named_files(world):
    for name, key, what in (("lab-ca.pem", "ca_file", "control.ca_file"), ("join.key", "join_key_file", "control.join_key_file")):
        agent = OwnAgent(seat(), "named-files", replacing(f'{key} = "{name}"', f'{key} = "absent"'))
        agent.prepare()
        says(agent.run_to_its_end(), USAGE, what, f"{agent.folder}/absent", "No such file")
    agent = OwnAgent(seat(), "named-files")
    agent.prepare()
    os.chmod(f"{agent.folder}/lab-ca.pem", 0o666)
    says(agent.run_to_its_end(), USAGE, "control.ca_file", f"{agent.folder}/lab-ca.pem may be written by others", "chmod go-w")
    os.chmod(f"{agent.folder}/lab-ca.pem", 0o644)
    os.chmod(agent.key_file(), 0o644)
    says(agent.run_to_its_end(), USAGE, "control.join_key_file", agent.key_file(), "may be read by others", "chmod go-r")
    for content in ("", "two words", "x" * 500):
        agent.key(content)
        says(agent.run_to_its_end(), USAGE, "control.join_key_file", agent.key_file(), "put the control server's key, and nothing else")


@test("a file of roots that goes away while the agent runs is named when a device is opened")
def roots_gone(world):
    with OwnAgent(seat(), "roots").start() as agent:
        os.unlink(f"{agent.folder}/lab-ca.pem")
        says(agent.command("open", "mfp", "--for", "30m"), FAILED, f"control.ca_file: cannot open {agent.folder}/lab-ca.pem", "check the path")
        shut(agent)


@test("a DNS server that the host is given while the agent runs may not be dialled as a device")
def new_dns_server(world):
    resolver = f"{seat().state}/resolv.conf"
    with OwnAgent(seat(), "dns").start() as agent:
        with open(resolver, "w") as file:
            file.write("nameserver 192.168.77.21\n")
        try:
            says(agent.command("open", "mfp", "--for", "30m"), REFUSED, "192.168.77.21 is a DNS server of this host")
            shut(agent)
        finally:
            open(resolver, "w").close()


@test("state and socket folders of another user, writable by others, links or files are refused")
def folders(world):
    for which in ("state", "run"):
        agent = OwnAgent(seat(), "folders")
        agent.prepare()
        folder = os.path.join(agent.folder, which)
        elsewhere = os.path.join(agent.folder, "elsewhere")
        os.mkdir(elsewhere)
        os.mkdir(folder)
        os.chown(folder, 65534, 65534)
        says(agent.run_to_its_end(), USAGE, f"{folder} belongs to another user", "give it to")
        os.chown(folder, 0, 0)
        os.chmod(folder, 0o777)
        says(agent.run_to_its_end(), USAGE, f"{folder} may be written by others", "chmod go-w")
        os.rmdir(folder)
        os.symlink(elsewhere, folder)
        says(agent.run_to_its_end(), USAGE, f"{folder} is a symbolic link", "name the folder itself")
        os.unlink(folder)
        open(folder, "w").close()
        says(agent.run_to_its_end(), USAGE, f"{folder} is not a folder")
        expect(os.listdir(elsewhere) == [], "something was written behind the link")


@test("what stands where the socket should be is left alone, unless it is a dead agent's")
def socket_path(world):
    agent = OwnAgent(seat(), "socket")
    agent.prepare()
    os.makedirs(os.path.dirname(agent.socket), mode=0o750)
    with open(agent.socket, "w") as file:
        file.write("a letter")
    says(agent.run_to_its_end(), USAGE, f"{agent.socket} exists and is not a socket", "move it away")
    expect(open(agent.socket).read() == "a letter", "the file was changed")
    os.unlink(agent.socket)
    os.symlink("/nowhere", agent.socket)
    says(agent.run_to_its_end(), USAGE, f"{agent.socket} exists and is not a socket")
    os.unlink(agent.socket)
    with sockets.socket(sockets.AF_UNIX) as other:
        other.bind(agent.socket)
    os.chown(agent.socket, 65534, 65534)
    says(agent.run_to_its_end(), USAGE, f"{agent.socket} belongs to another user")
    os.chown(agent.socket, 0, 0)
    # Now it is a socket of ours that nobody listens on, as after a kill.
    with agent.start():
        agent.kill()
        expect(os.path.exists(agent.socket), "a killed agent could remove its socket?")
        agent.start()
        shut(agent)
    expect(not os.path.exists(agent.socket), "an agent that was told to stop left its socket")


@test("a configuration file named from the folder it lies in: others are still told whole paths")
def named_from_its_folder(world):
    agent = OwnAgent(seat(), "here", lambda text: text.replace(f'"{agent.folder}/', '"'))
    agent.prepare()
    agent.process = agent.lab.start("agent", "sh", "-c", f"cd {agent.folder} && exec {AGENT} run --config agent.toml", stderr=subprocess.DEVNULL)
    with agent:
        until("the agent answers", agent.answers, 5)
        expect(agent.status()["audit_file"] == f"{agent.state}/audit.jsonl", f"the audit file is said to be {agent.status()['audit_file']}")
        expect('"started"' in agent.ok("audit", "show").out, "audit show does not find it")


@test("an answer that cannot be printed is a failure")
def nowhere_to_print(world):
    with OwnAgent(seat(), "print").start() as agent:
        for words in ("status", "status --json", "audit show", "audit verify"):
            answer = Answer(agent.lab.run("agent", "sh", "-c", f"{AGENT} {words} --socket {agent.socket} >/dev/full"))
            says(answer, FAILED, "the answer could not be printed")


@test("a second agent with the same state folder or the same socket is refused, and the first goes on")
def second_agent(world):
    with OwnAgent(seat(), "first").start() as first:
        says(first.run_to_its_end(), REFUSED, "another quoin-agent already runs with the state folder", first.state, "state_dir of its own")
        same_socket = OwnAgent(seat(), "second", replacing(f'socket = "{seat().state}/own-second', f'socket = "{first.folder}'))
        same_socket.prepare()
        says(same_socket.run_to_its_end(), REFUSED, "another quoin-agent already listens on", first.socket, "socket of its own")
        shut(first)


@test("missing folders are made, the state's for its owner and the socket's for the group; paths are relative to the configuration file")
def folders_made(world):
    agent = OwnAgent(seat(), "relative", lambda text: text.replace(agent.folder + "/", ""))
    base = os.path.join(agent.folder, "deep")
    agent.socket, agent.state = f"{base}/run/agent.sock", f"{base}/er/state"
    with agent.start():
        until("the first record is written", lambda: os.path.exists(f"{base}/er/state/audit.head"), 5)
        for path, mode, group in ((f"{base}/er/state", 0o700, 0), (f"{base}/run", 0o750, 4711), (agent.socket, 0o660, 4711),
                                  (f"{base}/er/state/audit.jsonl", 0o600, 0), (f"{base}/er/state/audit.head", 0o600, 0)):
            found = os.stat(path)
            expect(stat.S_IMODE(found.st_mode) == mode and found.st_gid == group and found.st_uid == 0,
                   f"{path} has mode {stat.S_IMODE(found.st_mode):o} and group {found.st_gid}")
        expect(agent.as_user(SUPPLEMENTARY_MEMBER, "status").code == 0, "a supplementary member of the group cannot ask")


def wrong_words(agent):
    """Words of open after the device, the exit code, and what is said."""
    return [
        (["--for", "0s"], USAGE, '"0s" is not a time to be open', "45s, 30m or 4h"),
        (["--for", "-5m"], USAGE, '"-5m" is not a time to be open'),
        (["--for", "soon"], USAGE, '"soon" is not a time to be open'),
        (["--for", ""], USAGE, '"" is not a time to be open'),
        (["--for", "1.5h"], USAGE, '"1.5h" is not a time to be open'),
        (["--for", "5h"], REFUSED, "5h is longer than warrant.longest allows", "4h at most"),
        (["--for", "14401s"], REFUSED, "14401s is longer than warrant.longest allows"),
        (["--for", "1" + "0" * 30 + "h"], REFUSED, "is longer than warrant.longest allows", "4h at most"),
        (["--for", "18446744073709551617s"], REFUSED, "is longer than warrant.longest allows"),
        (["--for", "30m", "--services", "fax"], USAGE, 'There is no service "fax"; use web, ipp'),
        (["--for", "30m", "--services", "tcp/0"], USAGE, 'There is no service "tcp/0"'),
        (["--for", "30m", "--services", "udp/65536"], USAGE, 'There is no service "udp/65536"'),
        (["--for", "30m", "--services", ""], USAGE, 'There is no service ""'),
        (["--for", "30m", "--services", "web,,snmp"], USAGE, 'There is no service ""'),
        (["--for", "30m", "--services", "web,tcp/8443"], USAGE, "The services web and tcp/8443 overlap; leave one of them out."),
        (["--for", "30m", "--services", "ping,all"], USAGE, "The services ping and all overlap; leave one of them out."),
        (["--for", "30m", "--services", "web,web"], USAGE, "The service web is named twice; name it once."),
        (["--for", "30m", "--engineer", "mallory@example.com"], REFUSED, "mallory@example.com is not among warrant.engineers"),
        (["--for", "30m", "--engineer", "*"], REFUSED, "* is not among warrant.engineers"),
        (["--for", "30m", "--engineer", "alice@example.com", "--engineer", "bob@example.com"], REFUSED, "bob@example.com is not among"),
        (["--for", "30m", "--engineer", "two words"], USAGE, '"two words" is not a login name'),
        (["--for", "30m", "--reason", "one\ntwo"], USAGE, "The reason must be one line"),
        (["--for", "30m", "--reason", "x" * 300], USAGE, "The reason must be one line of at most 200 bytes"),
    ]


@test("open refuses wrong times, services, engineers, reasons and devices, and each refusal is recorded")
def wrong_open(world):
    with OwnAgent(seat(), "words").start() as agent:
        for words, code, *parts in wrong_words(agent):
            says(agent.command("open", "mfp", *words), code, *parts)
        says(agent.command("open", "nosuch", "--for", "30m"), USAGE, 'There is no device "nosuch"; the configuration names mfp, laser, inkjet')
        says(agent.command("open", "", "--for", "30m"), USAGE, 'There is no device ""')
        says(agent.command("close", "nosuch"), USAGE, 'There is no device "nosuch"')
        shut(agent)
        refused = [record for record in agent.audit() if record["event"] == "refused"]
        expect(len(refused) >= 20 and all(record["by"] == "root" for record in refused), f"refusals in the audit file: {refused}")


@test("closing what is not open is no failure")
def close_nothing(world):
    with OwnAgent(seat(), "close").start() as agent:
        for words, text in ((["mfp"], "mfp was not open."), (["--all"], "Nothing was open.")):
            answer = agent.ok("close", *words)
            expect(answer.out == text + "\n" and answer.err == "", f"close {words}: {answer}")


@test("a wrong command line gets one sentence and exit code 2")
def wrong_command_line(world):
    for words in ([], ["dance"], ["open"], ["open", "mfp"], ["open", "mfp", "--for"], ["open", "mfp", "--for", "1m", "--loud"], ["close"],
                  ["close", "mfp", "--all"], ["run"], ["audit"], ["audit", "burn"], ["status", "mfp"], ["status", "--socket"]):
        says(Answer(subprocess.run([AGENT, *words], capture_output=True, text=True)), USAGE, "--help")
    answer = Answer(subprocess.run([AGENT, "open", "--help"], capture_output=True, text=True))
    expect(answer.code == 0 and "--services" in answer.out and answer.err == "", f"help: {answer}")


@test("without a running agent every command says so and exits with 4")
def no_agent(world):
    agent = OwnAgent(seat(), "absent")
    agent.prepare()
    for words in (["status"], ["status", "--json"], ["open", "mfp", "--for", "30m"], ["close", "--all"]):
        says(agent.command(*words), UNREACHABLE, "no agent listens on", agent.socket, "quoin-agent run --config")
    says(agent.command("audit", "verify"), UNREACHABLE, "--state-dir")
    with sockets.socket(sockets.AF_UNIX) as dead:  # a socket without a listener, and then one whose listener says nothing sensible
        os.makedirs(os.path.dirname(agent.socket))
        dead.bind(agent.socket)
    says(agent.command("status"), UNREACHABLE, "no agent listens on")
    answer = Answer(agent.lab.run("agent", AGENT, "status", "--socket", "/run/" + "long/" * 40 + "agent.sock"))
    says(answer, UNREACHABLE, "no agent listens on")


@test("only root and the group quoin may command: others are refused, members are not, and rights of files are not trusted for it")
def callers(world):
    with OwnAgent(seat(), "callers").start() as agent:
        for words in (["status"], ["open", "mfp", "--for", "30m"], ["close", "--all"]):
            says(agent.as_user(STRANGER, *words), REFUSED, agent.socket, "root and the group quoin")
        for member in (MEMBER, SUPPLEMENTARY_MEMBER):
            answer = agent.as_user(member, "status")
            expect(answer.code == 0 and answer.out == "Nothing is open.\n", f"a member of the group asks for status: {answer}")
            says(agent.as_user(member, "open", "mfp", "--for", "9h"), REFUSED, "longest")
        os.chmod(os.path.dirname(agent.socket), 0o755)
        os.chmod(agent.socket, 0o666)
        for words in (["status"], ["open", "mfp", "--for", "30m"]):
            says(agent.as_user(STRANGER, *words), REFUSED, "Only root and members of the group quoin")
        says(agent.as_user(STRANGER, "close", "--all"), REFUSED, "root and the group quoin")  # a socket of its own, still closed to them
        shut(agent)
        expect([r for r in agent.audit() if r["event"] == "refused" and r["by"] == "nobody"], "the audit file does not name the stranger")


@test("a member of the group can command while the user directory hangs, under the number instead of the name")
def hanging_directory(world):
    with OwnAgent(seat(), "hanging-directory").start() as agent:
        silent = os.path.join(agent.folder, "passwd")  # who opens it waits for a writer
        os.mkfifo(silent)
        agent.lab.run("agent", "mount", "--bind", silent, "/etc/passwd", check=True)
        try:
            member = ["nsenter", "-S", "65534", "-G", str(GROUP), "--"]  # which, unlike setpriv, asks for no name
            program = shutil.copy(AGENT, seat().state)  # ours may stand in a folder of root's alone
            says(agent.as_user(member, "close", "nosuch", program=program), USAGE, "nosuch")
        finally:
            agent.lab.run("agent", "umount", "--lazy", "/etc/passwd", check=True)
        os.close(os.open(silent, os.O_WRONLY | os.O_NONBLOCK))  # fails if nobody waits there
        refused = [record for record in agent.audit() if record["event"] == "refused"]
        expect([record["by"] for record in refused] == ["65534"], f"not under the number: {refused}")


@test("nonsense on the socket ends that connection and nothing else")
def nonsense_on_the_socket(world):
    with OwnAgent(seat(), "nonsense").start() as agent:
        before = agent.descriptors()
        for sent in (b"\n", b"{}\n", b"GET / HTTP/1.1\r\n\r\n", b"\xff\xfe\x00\n", b'{"command":"open"}\n', b'{"command":"status","x":1}\n',
                     b"[" * 5000 + b"\n", b"x" * 200_000, b'{"command":"close","device":"mfp","all":true}\n'):
            with sockets.socket(sockets.AF_UNIX) as line:
                line.connect(agent.socket)
                line.settimeout(5)
                try:
                    line.sendall(sent)
                    heard = b"".join(iter(lambda: line.recv(65536), b""))
                except (BrokenPipeError, ConnectionResetError):
                    heard = b""
                expect(b'"code":0' not in heard, f"{sent[:40]} was taken: {heard[:200]}")
        crowd = [sockets.socket(sockets.AF_UNIX) for _ in range(100)]
        for line in crowd:
            line.connect(agent.socket)
        for line in crowd:
            line.close()
        shut(agent)
        agent.ok("status")
        agent.has_descriptors(before)


@test("one connection to the socket is one command; what follows it is not heard")
def second_command_of_a_connection(world):
    with OwnAgent(seat(), "second-command").start() as agent:
        with sockets.socket(sockets.AF_UNIX) as line:
            line.connect(agent.socket)
            line.settimeout(5)
            line.sendall(b'{"command":"close","all":true}\n{"command":"open","device":"nosuch","for":"30m"}\n')
            heard = b"".join(iter(lambda: line.recv(65536), b""))
        expect(heard.count(b"\n") == 1 and b"Nothing was open" in heard, f"heard {heard}")
        # The first of these takes its time, so that the second arrives before it is answered.
        with sockets.socket(sockets.AF_UNIX) as line:
            line.connect(agent.socket)
            line.settimeout(30)
            line.sendall(b'{"command":"open","device":"laser","for":"30m"}\n{"command":"open","device":"nosuch","for":"30m"}\n')
            heard = b"".join(iter(lambda: line.recv(65536), b""))
        expect(heard.count(b"\n") == 1 and b"nosuch" not in heard, f"heard {heard}")
        expect(not [r for r in agent.audit() if r["event"] == "refused"], "the second command was heard")
        shut(agent)


@test("the dial guard refuses the agent's own address, its gateway, the broadcast address and other networks when a device is opened")
def guard_at_open(world):
    for address, what in (("192.168.77.10", "is an address of this host"), ("192.168.77.1", "is a gateway of this host"),
                          ("192.168.77.255", "is the network or broadcast address of a local network"),
                          ("192.168.77.0", "is the network or broadcast address"), ("192.168.78.5", "is in none of this host's networks")):
        with OwnAgent(seat(), "guard", replacing("192.168.77.21", address)).start() as agent:
            says(agent.command("open", "mfp", "--for", "30m"), REFUSED, f"The device may not be dialled: {address} {what}")
            shut(agent)


@test("a host at the device's address that is not the device leaves the lock shut")
def another_device(world):
    with OwnAgent(seat(), "another", replacing("02:da:00:00:4d:15", "02:da:00:00:4d:ff")).start() as agent:
        says(agent.command("open", "mfp", "--for", "30m"), UNREACHABLE,
             "What answers at 192.168.77.21 is not the device with MAC address 02:da:00:00:4d:ff", "check address and mac of mfp")
        shut(agent)
        expect([r["event"] for r in agent.audit() if r.get("device")] == [], "a grant was recorded for a device that is not there")


@test("SIGTERM, SIGINT and SIGHUP end the agent with exit code 0, its socket gone and its end recorded")
def signals(world):
    for number in (15, 2, 1):
        with OwnAgent(seat(), "signals").start() as agent:
            agent.process.send_signal(number)
            expect(agent.process.wait(3) == 0, f"signal {number}: exit code {agent.process.returncode}")
            expect(not os.path.exists(agent.socket), f"signal {number} left the socket")
            expect(agent.audit()[-1]["event"] == "stopped", f"signal {number}: {agent.audit()[-1]}")
            log = agent.log_tail(10_000)
            expect(log == "quoin-agent: info: ready; nothing is open\n", f"the log of a run in which nothing happened: {log}")


@test("without quoin-tunnel beside it, or with one that only root may run, the agent does not start")
def no_tunnel(world):
    agent = OwnAgent(seat(), "alone")
    agent.prepare()
    copy = os.path.join(agent.folder, "quoin-agent")
    shutil.copy(AGENT, copy)
    says(Answer(agent.lab.run("agent", copy, "run", "--config", agent.config, timeout=5)), USAGE, "quoin-tunnel must stand beside quoin-agent")
    shutil.copy(TUNNEL, agent.folder)
    os.chmod(f"{agent.folder}/quoin-tunnel", 0o750)
    says(Answer(agent.lab.run("agent", copy, "run", "--config", agent.config, timeout=5)), USAGE, "quoin-tunnel may not be run by others", "chmod o+x")
