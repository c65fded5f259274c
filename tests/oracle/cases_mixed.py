"""Everything at once, drawn from a number: rough paths, options of the kernel, slow readers, small buffers, both roles."""
import random

from kernel_side import Exchange, Failure, kernel_connects, kernel_listens, prepare, same
from table import add

PORT = 7000
CASES = 80
SHORT_CASES = 4


def draw(number):
    chance = random.Random(number)
    pick = chance.choice
    sack = pick([0, 1, 1])
    # Without SACK the kernel's own sender backs off for minutes where much is lost.
    losses = [0, 0.5, 2, 5, 10] if sack else [0, 0.5, 2, 4]
    return {
        "role": pick(["passive", "active"]),
        "version": pick([4, 6]),
        "link": {"loss": pick(losses), "reorder": pick([0, 0, 2, 10, 30]), "duplicate": pick([0, 0, 2, 10]),
                 "delay": pick([0, 0.5, 5, 20]), "rate": pick([0, 0, 0, 200_000, 1_000_000])},
        "kernel": {"ipv4__tcp_timestamps": pick([0, 1, 1]), "ipv4__tcp_sack": sack,
                   "ipv4__tcp_window_scaling": pick([0, 1, 1]), "ipv4__tcp_ecn": pick([0, 1])},
        "socket": {"cc": pick(["cubic", "reno"]), "rcvbuf": pick([None, None, 1, 5_000, 30_000]), "mss": pick([None, None, 200, 536])},
        "memory": pick([None, None, 50_000, 400_000]),
        "script": pick(["", "", "read=100", "read=5000 pause=10", "finish=peer", "finish=peer read=999"]),
        "to_stack": pick([0, 1, 1_000, 30_000, 100_000]),
        "to_kernel": pick([0, 1, 1_000, 30_000, 100_000]),
    }


def mixed(network, number):
    with_ = draw(number)
    try:
        network.sysctl(**with_["kernel"])
        network.start(memory=with_["memory"], **with_["link"])
        script = f"send={with_['to_kernel']} {with_['script']}"
        if with_["role"] == "passive":
            network.serve(PORT, script)
            sock = kernel_connects(PORT, with_["version"], patience=200, **with_["socket"])
            flow = network.opened()
        else:
            listener = kernel_listens(PORT, with_["version"], **with_["socket"])
            flow = network.connect(PORT, script, with_["version"])
            sock = prepare(listener.accept()[0], patience=200)
        exchange = Exchange(sock, with_["to_stack"], number)
        exchange.finish()
        same(exchange, network.end(flow, patience=200), with_["to_kernel"])
    except (Failure, OSError) as problem:
        raise Failure(f"{problem!r}; with {with_}")


for number in range(CASES):
    add(f"byte-exact with mixed conditions, draw {number}", lambda network, n=number: mixed(network, n), short=number < SHORT_CASES,
        hang_limit=400)
