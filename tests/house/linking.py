#!/usr/bin/env python3
"""Reads what the four programs of the agent link.

usage: linking.py QUOIN_AGENT QUOIN_TUNNEL QUOIN_SNMP QUOIN_RESOLVER

The gate decides; it must hold no code that speaks to the network's other side. So quoin-agent has no symbol of the control,
derp, wireguard, netstack or node layers, and neither program has the active open of TCP: nothing on the customer's side can
start a connection towards an engineer. What parses SNMP stands in quoin-snmp and what parses DNS in
quoin-resolver, which have nothing of the others.
"""
import re
import subprocess
import sys

agent, tunnel, snmp, resolver = sys.argv[1:]


def symbols(program):
    raw = subprocess.run(["llvm-nm-19", "--just-symbol-name", program], capture_output=True, text=True, check=True).stdout
    return subprocess.run(["llvm-cxxfilt-19"], input=raw, capture_output=True, text=True, check=True).stdout.splitlines()


def holding(names, *spaces):
    return [n for n in names if any(f"quoin::{space}::" in n for space in spaces)]


failed = 0


def check(what, found):
    global failed
    failed += bool(found)
    print(f"{'FAIL' if found else 'ok  '} {what}" + "".join(f"\n     {name}" for name in found[:5]))


in_agent, in_tunnel, in_snmp, in_resolver = map(symbols, (agent, tunnel, snmp, resolver))
# Prove that the reading works before trusting what it does not find.
check("the reader sees the gate in quoin-agent", [] if holding(in_agent, "gate") else ["no quoin::gate symbol at all: stripped?"])
check("the reader sees the stack in quoin-tunnel", [] if holding(in_tunnel, "netstack") else ["no quoin::netstack symbol at all: stripped?"])
check("quoin-agent links no control, derp, wireguard, netstack or node code", holding(in_agent, "control", "derp", "wireguard", "netstack", "node", "noise", "disco"))
check("quoin-tunnel links no gate code", holding(in_tunnel, "gate"))
check("quoin-tunnel cannot open TCP connections from its stack", [n for n in in_tunnel if "quoin::netstack" in n and ("active_open" in n or "connect(" in n)])
net_snmp = re.compile(r"(net)?snmp_[a-z_]+(@.*)?")
check("the reader sees net-snmp in quoin-snmp", [] if any(map(net_snmp.fullmatch, in_snmp)) else ["no net-snmp symbol at all"])
check("no other program links net-snmp", [n for n in in_agent + in_tunnel + in_resolver if net_snmp.fullmatch(n)])
c_ares = re.compile(r"ares_[a-z_]+(@.*)?")
check("the reader sees c-ares in quoin-resolver", [] if any(map(c_ares.fullmatch, in_resolver)) else ["no c-ares symbol at all"])
check("no other program links c-ares", [n for n in in_agent + in_tunnel + in_snmp if c_ares.fullmatch(n)])
for name, its in (("quoin-snmp", in_snmp), ("quoin-resolver", in_resolver)):
    check(f"{name} links nothing of the gate or the tunnel", holding(its, "gate", "control", "derp", "wireguard", "netstack", "node", "noise", "disco", "tunnel"))
sys.exit(1 if failed else 0)
