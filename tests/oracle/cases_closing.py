"""Half-closes either way, both ends at once, TIME-WAIT and ports that are used again."""
import socket
import time

from kernel_side import (Failure, expect, kernel_connects, kernel_listens, prepare, reach, receive, send, until)
from table import add, case

PORT = 7000


def opened_by(network, role, script, version=4):
    """A connection with nothing sent yet: the kernel's socket and the stack's flow."""
    if role == "passive":
        network.serve(PORT, script)
        sock = kernel_connects(PORT, version)
        flow = network.opened()
    else:
        listener = kernel_listens(PORT, version)
        flow = network.connect(PORT, script, version)
        sock = prepare(listener.accept()[0])
        listener.close()
    network.line(f"connected {flow}")
    return sock, flow


def kernel_first(network, role):
    network.start(loss=1, delay=3)
    sock, flow = opened_by(network, role, "send=100000 finish=peer")
    sock.shutdown(socket.SHUT_WR)
    network.line(f"peer_finished {flow}")
    count, sha = receive(sock)
    account = network.end(flow)
    expect((count, sha) == (100_000, account["out_sha"]), f"the kernel read {count} bytes after its end")


def stack_first(network, role):
    network.start(loss=1, delay=3)
    sock, flow = opened_by(network, role, "finish=now")
    expect(sock.recv(10) == b"", "the stack's end did not come")
    sha = send(sock, 100_000)
    sock.close()
    account = network.end(flow)
    expect((account["in"], account["in_sha"]) == ("100000", sha), f"the stack read {account['in']} bytes after its end")


def both_at_once(network, role):
    network.start(delay=1)
    sock, flow = opened_by(network, role, "finish=never")
    network.link("both", held=1)
    network.ask(f"finish {flow}")
    sock.shutdown(socket.SHUT_WR)
    reach(sock, "FIN_WAIT1")
    network.link("both", held=0)
    expect(sock.recv(10) == b"", "the stack's end did not come")
    network.line(f"peer_finished {flow}")
    reach(sock, "TIME_WAIT", "CLOSE")
    network.ask(f"abort {flow}") if network.statistics()["flows"] else None
    network.end(flow, "finished|broken_off")


def both_at_once_with_data_and_loss(network, role):
    network.start(delay=5, loss=5)
    sock, flow = opened_by(network, role, "send=5000")
    sha = send(sock, 5_000)
    sock.shutdown(socket.SHUT_WR)
    count, got = receive(sock)
    sock.close()
    account = network.end(flow)
    expect((count, got, account["in_sha"]) == (5_000, account["out_sha"], sha), "bytes were lost at the end")


for role in ("passive", "active"):
    for name, function in (("the kernel ends first, the stack goes on sending", kernel_first),
                           ("the stack ends first, the kernel goes on sending", stack_first),
                           ("both end at once (the FINs cross)", both_at_once),
                           ("both end at once with data before and 5 % loss", both_at_once_with_data_and_loss)):
        add(f"{name}, stack {role}", lambda network, f=function, r=role: f(network, r), short=True)


@case("the stack is in TIME-WAIT: the same ports open again at once, fifty times", short=True)
def ports_again(network):
    network.start()
    network.serve(PORT, "send=100")  # the stack ends first
    for number in range(50):
        sock = kernel_connects(PORT, source_port=5555)
        flow = network.opened()
        expect(receive(sock)[0] == 100, f"connection {number} did not bring everything")
        sock.close()
        network.end(flow)
    return f"{network.statistics()['stray_segments']} strays"


@case("the stack is in TIME-WAIT, timestamps off: the same ports open again", short=True)
def ports_again_without_timestamps(network):
    network.sysctl(ipv4__tcp_timestamps=0)
    network.start()
    network.serve(PORT, "send=100")
    for number in range(10):
        sock = kernel_connects(PORT, source_port=5555)
        flow = network.opened()
        expect(receive(sock)[0] == 100, f"connection {number} did not bring everything")
        sock.close()
        network.end(flow)


@case("the last acknowledgment of a close is lost: the kernel's repeated FIN is answered in TIME-WAIT", short=True)
def last_acknowledgment_lost(network):
    network.start(delay=1)
    sock, flow = opened_by(network, "passive", "finish=now")
    expect(sock.recv(10) == b"", "the stack's end did not come")
    network.link("to_kernel", loss=100)
    sock.shutdown(socket.SHUT_WR)
    network.line(f"peer_finished {flow}")
    time.sleep(0.1)
    reach(sock, "LAST_ACK")
    network.link("to_kernel", loss=0)
    reach(sock, "CLOSE")
    network.end(flow)


@case("the stack's FIN is lost: it comes again", short=True)
def finish_lost(network):
    network.start(delay=1)
    sock, flow = opened_by(network, "passive", "finish=peer send=10")
    network.link("to_kernel", loss=100)
    sock.shutdown(socket.SHUT_WR)
    network.line(f"peer_finished {flow}")
    time.sleep(0.1)
    network.link("to_kernel", loss=0)
    expect(receive(sock)[0] == 10, "the stack's bytes did not come")
    reach(sock, "TIME_WAIT", "CLOSE")
    network.end(flow)


@case("a kernel that closes with unread bytes resets, and the stack is told", short=True)
def closes_unread(network):
    network.start(delay=1)
    sock, flow = opened_by(network, "passive", "send=1000 finish=never")
    until("bytes wait in the kernel", lambda: sock.recv(1000, socket.MSG_PEEK | socket.MSG_DONTWAIT) if select_readable(sock) else b"")
    sock.close()
    network.end(flow, "reset_by_peer")


def select_readable(sock):
    import select
    return bool(select.select([sock], [], [], 0)[0])


@case("bytes that arrive after the stack's application broke off are answered with RST", short=True)
def after_abort(network):
    network.start(delay=1)
    sock, flow = opened_by(network, "passive", "abort=1000 finish=never")
    try:
        for _ in range(1_000):
            sock.sendall(bytes(1_000))
            time.sleep(0.001)
        raise Failure("the kernel was not told")
    except (ConnectionResetError, BrokenPipeError):
        pass
    network.end(flow, "broken_off")
