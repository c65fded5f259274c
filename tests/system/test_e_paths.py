"""Folders that others may write: what the agent keeps and reads does not stand under them, and is not exchanged through them."""
import os
import re
import signal
import subprocess

from own_agent import STRANGER, OwnAgent, says, seat
from site_lab import AGENT, until
from test_3_bad_input import USAGE
from world import expect, test

AT_A_SEAT = True
NOBODY = 65534


def folder_of_another(agent, mode=0o755, owner=NOBODY):
    folder = os.path.join(agent.folder, "shared")
    os.makedirs(folder, exist_ok=True)
    os.chown(folder, owner, owner)
    os.chmod(folder, mode)
    return folder


@test("a state folder, socket, key, certificate or configuration under a folder of others is refused with a sentence that says which folder and its mode")
def under_a_folder_of_others(world):
    for key, name in {"state_dir": "state", "socket": "run/agent.sock", "join_key_file": "join.key", "ca_file": "lab-ca.pem"}.items():
        agent = OwnAgent(seat(), f"under-{key.replace('_', '-')}")
        shared = folder_of_another(agent)

        agent.edit = lambda text, key=key, path=f"{shared}/{name}": re.sub(f"(?m)^{key} *= .*$", f'{key} = "{path}"', text, count=1)
        agent.prepare()
        for file in ("join.key", "lab-ca.pem"):
            os.link(os.path.join(agent.folder, file), os.path.join(shared, file))
        says(agent.run_to_its_end(), USAGE, f"{shared} (mode 0755), on the way to {shared}/", f"belongs to user {NOBODY}", "choose a path where only root")
        folder_of_another(agent, 0o777, 0)
        says(agent.run_to_its_end(), USAGE, f"{shared} (mode 0777)", "may be written by others", f"chmod go-w {shared}")
        expect(sorted(os.listdir(shared)) == ["join.key", "lab-ca.pem"], f"{key}: something was made in a folder of others: {os.listdir(shared)}")
    os.link(agent.config, os.path.join(shared, "agent.toml"))
    says(agent.run_to_its_end(config=f"{shared}/agent.toml"), USAGE, f"{shared} (mode 0777), on the way to {shared}/agent.toml")


def exchange(agent, folder, *letters):
    """Another user, to whom somebody gave the parent, moves the folder away and puts one of their own there."""
    os.chown(os.path.dirname(folder), NOBODY, NOBODY)
    script = f"mv {folder} {folder}.moved && mkdir {folder} && chmod 777 {folder} && cd {folder}" + "".join(f" && echo a letter >{name}" for name in letters)
    agent.lab.run(agent.seat, *STRANGER, "sh", "-c", script, check=True)
    return f"{folder}.moved"


@test("state and socket folder exchanged by another user while the agent runs: nothing is written to theirs or removed there, and the record is whole")
def exchanged(world):
    agent = OwnAgent(seat(), "exchanged")
    agent.state, agent.socket = os.path.join(agent.folder, "kept/state"), os.path.join(agent.folder, "runs/run/agent.sock")
    with agent.start():
        ours = {"state": exchange(agent, agent.state), "run": exchange(agent, os.path.dirname(agent.socket), "agent.sock")}
        theirs = agent.state, os.path.dirname(agent.socket)
        agent.socket = os.path.join(ours["run"], "agent.sock")
        opening = subprocess.Popen(agent.lab.enter(agent.seat, [AGENT, "open", "mfp", "--for", "30m", "--socket", agent.socket]),
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until("the tunnel is started", agent.children, 5)
        os.kill(agent.children()[0], signal.SIGKILL)
        opening.wait(5)
    expect(os.listdir(theirs[0]) == [], f"root wrote into another's folder: {os.listdir(theirs[0])}")
    expect(os.listdir(theirs[1]) == ["agent.sock"] and os.path.isfile(f"{theirs[1]}/agent.sock"), f"another's file was removed: {os.listdir(theirs[1])}")
    expect(os.listdir(ours["run"]) == [], f"a socket is left: {os.listdir(ours['run'])}")
    verified = agent.lab.run(agent.seat, AGENT, "audit", "verify", "--state-dir", ours["state"])
    expect(verified.returncode == 0 and '"event":"opened"' in open(f"{ours['state']}/audit.jsonl").read().replace(" ", ""), f"{verified.stderr}{verified.stdout}")
