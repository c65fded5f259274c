"""A reset in every state that can be reached, from either side. The states are the stack's."""
import socket
import time

from cases_closing import opened_by
from kernel_side import (Failure, expect, kernel_connects, kernel_listens, reach, reset, until)
from table import add, case

PORT = 7000


def to_established(network):
    return opened_by(network, "passive", "finish=never")


def to_fin_wait_1(network):
    sock, flow = to_established(network)
    network.link("to_kernel", held=1)
    network.ask(f"finish {flow}")
    return sock, flow


def to_fin_wait_2(network):
    sock, flow = to_established(network)
    network.ask(f"finish {flow}")
    expect(sock.recv(10) == b"", "the stack's end did not come")
    time.sleep(0.1)
    return sock, flow


def to_close_wait(network):
    sock, flow = to_established(network)
    sock.shutdown(socket.SHUT_WR)
    network.line(f"peer_finished {flow}")
    reach(sock, "FIN_WAIT2")
    return sock, flow


def to_last_ack(network):
    sock, flow = to_close_wait(network)
    network.link("to_kernel", held=1)
    network.ask(f"finish {flow}")
    return sock, flow


def to_closing(network):
    sock, flow = to_established(network)
    network.link("to_kernel", held=1)
    network.ask(f"finish {flow}")
    sock.shutdown(socket.SHUT_WR)
    network.line(f"peer_finished {flow}")
    return sock, flow


STATES = {"ESTABLISHED": to_established, "FIN-WAIT-1": to_fin_wait_1, "FIN-WAIT-2": to_fin_wait_2, "CLOSE-WAIT": to_close_wait,
          "LAST-ACK": to_last_ack, "CLOSING": to_closing}


def kernel_resets(network, reach_state):
    network.start(delay=1)
    sock, flow = reach_state(network)
    reset(sock)
    network.end(flow, "reset_by_peer")
    network.link("to_kernel", held=0)
    until("the stack has forgotten the flow", lambda: network.statistics()["flows"] == 0)


def stack_resets(network, reach_state):
    network.start(delay=1)
    sock, flow = reach_state(network)
    network.ask(f"abort {flow}")
    network.end(flow, "broken_off")
    network.link("to_kernel", held=0)
    # Either the reset itself, or (after both ends, where there is nothing to reset) the answer to the kernel's next word.
    reach(sock, "CLOSE", "TIME_WAIT")
    until("the stack has forgotten the flow", lambda: network.statistics()["flows"] == 0)


for name, reach_state in STATES.items():
    add(f"the kernel resets in {name}: the stack's application is told", lambda n, r=reach_state: kernel_resets(n, r), short=True)
    add(f"the stack resets in {name}: the kernel's socket closes", lambda n, r=reach_state: stack_resets(n, r), short=True)


@case("the kernel resets in SYN-RECEIVED: the stack's application is told", short=True)
def kernel_in_syn_received(network):
    network.start(delay=1)
    network.serve(PORT, "answer=wait finish=never")
    sock = kernel_connects(PORT, wait=False)
    flow = network.opened()
    network.link("to_stack", loss=100)
    network.ask(f"accept {flow}")
    reach(sock, "ESTABLISHED")
    time.sleep(0.05)
    network.link("to_stack", loss=0)
    reset(sock)
    network.end(flow, "reset_by_peer")


@case("the stack resets in SYN-RECEIVED, the SYN-ACK on its way: the kernel's socket closes", short=True)
def stack_in_syn_received(network):
    network.start(delay=1)
    network.serve(PORT, "answer=wait finish=never")
    sock = kernel_connects(PORT, wait=False)
    flow = network.opened()
    network.link("to_kernel", held=1)
    network.ask(f"accept {flow}")
    network.ask(f"abort {flow}")
    network.link("to_kernel", held=0)
    reach(sock, "CLOSE")
    network.end(flow, "broken_off")


@case("the stack breaks off at once after accepting: the kernel is refused", short=True)
def abort_at_once(network):
    network.start(delay=1)
    network.serve(PORT, "abort=0")
    try:
        sock = kernel_connects(PORT)
        reach(sock, "CLOSE")
    except (ConnectionRefusedError, ConnectionResetError):
        pass


@case("the stack breaks off in SYN-SENT: the kernel keeps nothing", short=True)
def stack_in_syn_sent(network):
    network.start(delay=1)
    listener = kernel_listens(PORT)
    network.link("to_kernel", held=1)
    flow = network.connect(PORT)
    network.ask(f"abort {flow}")
    network.link("to_kernel", held=0)
    listener.settimeout(0.5)
    try:
        sock, _ = listener.accept()
        sock.settimeout(60)
        sock.recv(10)
        raise Failure("a connection came through that the stack had broken off")
    except (TimeoutError, ConnectionResetError):
        pass


@case("the kernel refuses in SYN-SENT: the stack's application is told", short=True)
def kernel_in_syn_sent(network):
    network.start(delay=1)
    for version in (4, 6):
        network.end(network.connect(PORT, version=version), "refused")


@case("a kernel that gives up waiting for the answer to its SYN leaves nothing behind", short=True)
def kernel_gives_up(network):
    network.start(delay=1)
    network.serve(PORT, "answer=wait")
    sock = kernel_connects(PORT, wait=False)
    flow = network.opened()
    sock.close()  # in SYN-SENT the kernel says nothing
    network.ask(f"accept {flow}")
    network.end(flow, "reset_by_peer|refused")  # its answer to our SYN-ACK
    until("the stack has forgotten the flow", lambda: network.statistics()["flows"] == 0)
