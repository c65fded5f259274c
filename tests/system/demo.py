#!/usr/bin/env python3
"""Shows the whole thing: a customer's site, the world outside, a warrant, an engineer with the ordinary Tailscale client.

usage: demo.py [--once]      with --once everything is checked and taken down; otherwise it stays up until Ctrl-C
"""
import os
import signal
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from site_lab import AGENT, Agent, Failure, Lab, ipv4, until  # noqa: E402

COLUMN = 24
began = time.monotonic()


def step(who, what):
    print(f"\033[1m{who:<{COLUMN}}\033[0m {what}", flush=True)


def check(condition, what):
    if not condition:
        raise Failure(what)


def show(lab, agent):
    step("at the printing site", "a LAN with printers (mfp, laser, inkjet ...), two hosts that are none (files, pc), and a NAT router")
    lab.up()
    step("in the cloud", "headscale 0.28 as control server, derper as relay; both are other people's programs")
    lab.engineer("tun", "alice")
    step("at the engineer's", "tailscaled 1.92.5, signed in as alice@example.com; no printer is in sight: " +
         f"{len(lab.nodes())} node in the network")
    agent.start()
    check(agent.status()["open"] == [], "something is open before anybody opened it")
    step("at the agent", "quoin-agent runs; nothing is open, no key exists, no tunnel process runs")

    before = {host: lab.touched(host) for host in ("files", "pc")}
    asked = time.monotonic()
    entry = agent.open("mfp", "30m", "--reason", "paper jam, ticket 4711")
    opened = time.monotonic()
    step("the person at the agent", f"quoin-agent open mfp --for 30m: {entry['name']} is {ipv4(entry)} ({opened - asked:.1f} s)")
    lan_page = lab.run("laser", "curl", "-sk", "https://192.168.77.21/").stdout
    page = until("the printer's page", lambda: lab.run("support", "curl", "-sk", "-m", "3", f"https://{ipv4(entry)}/").stdout, 15)
    check(page == lan_page and "LAB C4500" in page, f"this is not the printer's page: {page[:200]}")
    step("the engineer", f"fetches https://{ipv4(entry)}/: the printer's own page, {len(page)} bytes, first byte {time.monotonic() - opened:.1f} s after the opening")
    lab.ts("ping", "--c", "10", "--timeout", "3s", ipv4(entry))
    path = agent.opened("mfp")["paths"][0]
    step("the way", f"{path['path']} through {path['through']}" + (", past the NAT; the relay is only the fallback" if path["path"] == "direct" else ""))
    walk = lab.run("support", "snmpwalk", "-v2c", "-c", "public", "-On", ipv4(entry), "1.3.6.1.2.1.43").stdout
    check(len(walk.splitlines()) > 50, f"the SNMP walk is short: {walk[:200]}")
    step("the engineer", f"walks the Printer MIB by SNMP: {len(walk.splitlines())} objects")
    after = {host: lab.touched(host) for host in ("files", "pc")}
    check(before == after, f"another host was touched: {before} -> {after}")
    step("files and pc", f"got no packet (files: {after['files']}; pc: {after['pc']}; the same as before)")
    return entry


def close(lab, agent, entry):
    agent.close()
    closed = time.monotonic()
    got = lab.run("support", "curl", "-sk", "-m", "1", f"https://{ipv4(entry)}/")
    check(got.returncode != 0, "the page still comes after the close")
    until("the node is gone from the control server", lambda: entry["node_key"] not in lab.nodes(), 2)
    check(agent.children() == [], "a tunnel process is left")
    check(agent.status()["open"] == [], "status shows something open")
    step("the person at the agent", f"quoin-agent close --all: no page, no node, no process, no key ({time.monotonic() - closed:.1f} s)")
    answer = agent.ok("audit", "verify")
    step("the audit file", answer.out.strip().split(": ", 1)[-1])


def stay(lab, agent, entry):
    enter = f"nsenter -t {open(os.path.join(lab.state, 'support', 'holder.pid')).read().strip()} -m -n --"
    site = f"nsenter -t {open(os.path.join(lab.state, 'agent', 'holder.pid')).read().strip()} -m -n --"
    print(f"""
mfp stays open until {entry['until']}. Try, in another terminal (as root):

  as the engineer     {enter} curl -k https://{ipv4(entry)}/
                      {enter} ping {ipv4(entry)}
                      {enter} snmpwalk -v2c -c public {ipv4(entry)} 1.3.6.1.2.1.43
  at the agent        {site} {AGENT} status --socket {agent.socket}
                      {site} {AGENT} close mfp --socket {agent.socket}
                      {site} {AGENT} open laser --for 10m --socket {agent.socket}
                      {site} {AGENT} audit show --socket {agent.socket}

Ctrl-C ends everything and cleans up.""", flush=True)
    signal.sigwait({signal.SIGINT, signal.SIGTERM})
    print()


def main():
    once = "--once" in sys.argv[1:]
    signal.pthread_sigmask(signal.SIG_BLOCK, set() if once else {signal.SIGINT, signal.SIGTERM})
    lab = Lab("quoin-demo")
    agent = Agent(lab)
    try:
        entry = show(lab, agent)
        if not once:
            stay(lab, agent, entry)
        if agent.opened("mfp"):
            close(lab, agent, agent.opened("mfp"))
        agent.stop()
    except Failure as problem:
        print(f"\nThe demo failed: {problem}\nThe agent's log ends:\n{agent.log_tail()}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nThe demo was interrupted; it is taken down.", file=sys.stderr)
        return 130
    finally:
        if agent.process and agent.process.poll() is None:
            agent.process.kill()
        lab.down()
    step("cleaned up", f"{time.monotonic() - began:.0f} s in all")
    return 0


if __name__ == "__main__":
    sys.exit(main())
