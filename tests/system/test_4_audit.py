"""The audit file: what was done to it is found and said, what a crash left is repaired, and nothing opens without its record."""
import contextlib
import json
import os
import shutil
import subprocess
import time

from own_agent import MEMBER, OwnAgent, says, seat, shut
from site_lab import AGENT, Answer, until
from world import expect, test

FAILED = 5


def with_history(name):
    """An agent that has run and ended: started, three refusals, stopped."""
    agent = OwnAgent(seat(), name)
    with agent.start():
        for number in range(3):
            agent.command("open", f"nosuch{number}", "--for", "1m")
    expect([r["event"] for r in agent.audit()] == ["started", "refused", "refused", "refused", "stopped"], f"the history: {agent.audit()}")
    return agent


def audit_file(agent):
    return os.path.join(agent.state, "audit.jsonl")


def head_file(agent):
    return os.path.join(agent.state, "audit.head")


def content(path):
    with open(path, "rb") as file:
        return file.read()


def put(path, data):
    with open(path, "wb") as file:
        file.write(data)


def verify(agent):
    return Answer(subprocess.run([AGENT, "audit", "verify", "--state-dir", agent.state], capture_output=True, text=True))


@test("an audit file that was edited, cut, reordered, exchanged or set back keeps the agent from starting, and both say where")
def tampered(world):
    agent = with_history("tampered")
    other = with_history("other")
    file, head = audit_file(agent), head_file(agent)
    whole, whole_head = content(file), content(head)
    lines = whole.splitlines(keepends=True)
    with agent.start():
        older, older_head = content(file), content(head)
    newer, newer_head = content(file), content(head)
    cases = [
        ("edited", whole.replace(b"nosuch1", b"nosuch7"), whole_head, "has been changed: line 3 or the one before it was edited"),
        ("edited without a trace in its text", whole.replace(b'"by":"root"', b'"by": "root"', 1), whole_head, "line 2 or the one before it was edited"),
        ("a line without its record", whole.replace(lines[2], b"nothing\n"), whole_head, "line 3 is not a record"),
        ("a line taken out", whole.replace(lines[2], b""), whole_head, "at line 3 a record is missing, repeated or out of order"),
        ("a line repeated", whole.replace(lines[2], lines[2] * 2), whole_head, "at line 4 a record is missing, repeated or out of order"),
        ("reordered", b"".join([lines[0], lines[2], lines[1], *lines[3:]]), whole_head, "at line 2 a record is missing, repeated or out of order"),
        ("its beginning cut", b"".join(lines[1:]), whole_head, "at line 1 a record is missing"),
        ("its end cut", b"".join(lines[:4]), whole_head, "has been cut: it ends before line 5, which the head says was written"),
        ("cut in the middle of a line", whole[:-20], whole_head, "it ends before line 5"),
        ("emptied", b"", whole_head, "it ends before line 1"),
        ("removed", None, whole_head, "it ends before line 1"),
        ("older than its head", older, newer_head, "has been cut: it ends before line 7"),
        ("another agent's", content(audit_file(other)), whole_head, "line 5 is not the record that the head names"),
        ("its head removed", whole, None, "head is missing"),
        ("its head emptied", whole, b"", "head has been changed: it cannot be read"),
        ("its head edited", whole, whole_head.replace(b'{"seq', b'{"sea'), "head has been changed"),
        ("binary", whole + b"\x00\xff\n", whole_head, "line 6 is not a record"),
        ("one endless line", whole + b"x" * 200_000, whole_head, "line 6 is not a record"),
    ]
    for what, put_file, put_head, part in cases:
        for path, data in ((file, put_file), (head, put_head)):
            if data is None:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(path)
            else:
                put(path, data)
        try:
            says(agent.run_to_its_end(), FAILED, file, part, "Keep both files, and move them away to start anew")
            says(verify(agent), FAILED, file, part)
        except Exception as problem:
            raise type(problem)(f"{what}: {problem}") from problem
        expect(put_file is None or content(file) == put_file, f"{what}: the evidence was changed")
        expect(not os.path.exists(agent.socket), f"{what}: a socket is there")
    # What the sentence advises.
    os.makedirs(f"{agent.folder}/kept")
    shutil.move(file, f"{agent.folder}/kept")
    shutil.move(head, f"{agent.folder}/kept")
    with agent.start():
        expect(agent.audit()[0]["event"] == "started", "the new file does not begin with the start")
    expect(len(newer) > len(older) and older_head != newer_head, "the older file was not older")


@test("an audit file of another user, writable by others or behind a link is not taken")
def not_ours(world):
    agent = with_history("not-ours")
    file = audit_file(agent)
    os.chown(file, 65534, 65534)
    says(agent.run_to_its_end(), FAILED, f"{file} belongs to another user")
    os.chown(file, 0, 0)
    os.chmod(file, 0o622)
    says(agent.run_to_its_end(), FAILED, f"{file} may be written by others", "chmod go-w")
    os.chmod(file, 0o600)
    os.rename(file, file + ".real")
    os.symlink(file + ".real", file)
    says(agent.run_to_its_end(), FAILED, file, "name the file itself, not a link to it")


@test("what a crash leaves is repaired and recorded: a torn last line, and records beyond the head")
def repaired(world):
    agent = with_history("repaired")
    file, head = audit_file(agent), head_file(agent)
    whole, whole_head = content(file), content(head)
    with agent.start():
        between = content(head)  # the head when the sixth record was written
    expect(between != whole_head, "the start did not move the head")
    later = content(file)
    for what, put_file, put_head, beyond, cut in (("torn", later + later.splitlines(keepends=True)[-1][:40], content(head), 0, 40),
                                                  ("beyond", later, whole_head, 2, 0), ("both", later + b'{"seq', between, 1, 5)):
        put(file, put_file)
        put(head, put_head)
        answer = verify(agent)
        expect(answer.code == 0 and "is whole" in answer.out, f"{what}: verify before the repair: {answer}")
        with agent.start():
            record = next((r for r in reversed(agent.audit()) if r["event"] == "repaired"), {})
            expect(record.get("records_beyond_head") == beyond and record.get("bytes_cut") == cut, f"{what}: recorded as {record}")
            shut(agent)
        expect(verify(agent).code == 0, f"{what}: verify after the repair: {verify(agent)}")
        expect(content(file).startswith(later), f"{what}: whole records were lost")
    # Nothing is repaired twice.
    with agent.start():
        expect([r["event"] for r in agent.audit()][-2:] == ["stopped", "started"], "a repair was recorded without a need")
    expect(content(file).startswith(whole), "the old records are gone")


@test("audit show prints the records, audit verify finds the files through the running agent; who may not read them is told so")
def show_and_verify(world):
    with OwnAgent(seat(), "show").start() as agent:
        agent.command("open", "nosuch", "--for", "1m")
        shown = agent.ok("audit", "show").out
        expect(shown.encode() == content(audit_file(agent)), "audit show prints something else than the file")
        events = [json.loads(line) for line in shown.splitlines()]
        expect([e["seq"] for e in events] == [1, 2] and events[1]["device"] == "nosuch" and events[1]["by"] == "root", f"records: {events}")
        answer = agent.ok("audit", "verify")
        expect(answer.out.startswith(audit_file(agent)) and "is whole: 2 records" in answer.out, f"verify: {answer}")
        says(agent.as_user(MEMBER, "audit", "show"), FAILED, agent.state, "Permission denied")
        says(agent.as_user(MEMBER, "audit", "verify"), FAILED, "Permission denied")
    answer = Answer(subprocess.run([AGENT, "audit", "verify", "--state-dir", agent.folder], capture_output=True, text=True))
    says(answer, FAILED, "there is no audit file", agent.folder)


@contextlib.contextmanager
def small_disk(agent):
    """The agent's state folder is a file system of 64 KiB. Yields what fills and empties it."""
    def fill(full):
        if full:
            agent.lab.run(agent.seat, "dd", "if=/dev/zero", f"of={agent.state}/filling", "bs=4096", "count=100")
        else:
            agent.lab.run(agent.seat, "rm", "-f", f"{agent.state}/filling", check=True)

    os.makedirs(agent.state, mode=0o700)
    agent.lab.run(agent.seat, "mount", "-t", "tmpfs", "-o", "size=64k,mode=700", "none", agent.state, check=True)
    try:
        yield fill
    finally:
        agent.stop()
        agent.lab.run(agent.seat, "umount", agent.state, check=True)


def records(agent):
    return [json.loads(line) for line in agent.lab.run(agent.seat, "cat", audit_file(agent), check=True).stdout.splitlines()]


@test("an agent that starts on a full disk opens nothing, and says why")
def full_disk(world):
    agent = OwnAgent(seat(), "full")
    with small_disk(agent) as fill:
        fill(True)
        agent.start()  # on a full disk
        for _ in range(2):
            says(agent.command("open", "mfp", "--for", "30m"), FAILED,
                 "The audit file cannot be written, and nothing is open without its record; make room on the disk.")
            shut(agent)
        expect("The audit file cannot be written; nothing can be opened." in agent.ok("status").out, "status does not say it")
        expect(agent.status()["audit_works"] is False, "status --json does not say it")
        expect(records(agent) == [], f"what could not be recorded stands in the file: {records(agent)}")
        agent.process.terminate()
        expect(agent.process.wait(8) == 0, "it does not end because of the disk")


@test("when the disk fills while a device is open, the next record that must be on it ends the session; with room again all is well")
def disk_fills(world):
    agent = OwnAgent(world.lab, "fills")
    with small_disk(agent) as fill:
        agent.start()
        entry = agent.open("mfp")
        fill(True)
        says(agent.command("open", "laser", "--for", "30m"), FAILED, "The audit file cannot be written", "make room on the disk")
        until("nothing is open", lambda: agent.status()["open"] == [], 3)
        shut(agent)
        until("the node is gone from headscale", lambda: entry["node_key"] not in world.lab.nodes(), 2)
        fill(False)
        until("the agent writes again", lambda: agent.status()["audit_works"], 10)
        closed = [r for r in records(agent) if r["event"] == "closed"]
        expect([(r["device"], r["why"]) for r in closed] == [("mfp", "the audit file cannot be written")], f"the end is recorded as {closed}")
        agent.open("mfp")
        began = time.monotonic()
        agent.close()
        expect(time.monotonic() - began < 5, "closing took long")
        expect(agent.ok("audit", "verify").code == 0, "the file is not whole")
