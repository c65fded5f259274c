"""What is odd at a site or a device, with every generation of the client, over the direct way and by the relay."""
import test_1_first_page as first
import test_6_matrix as matrix
import test_g_as_on_the_lan as as_on_the_lan
import test_g_datagrams as datagrams
import test_g_site as site
from site_lab import ipv4, until
from test_a_networks import egress
from world import long_test


class WithClient:
    """A world in which alice stays on one client."""

    def __init__(self, world, client):
        world.engineer("tun", client)
        self.lab, self.agent = world.lab, world.agent

    def engineer(self):
        pass

    def opened(self, device="mfp"):
        return self.agent.opened(device) or self.agent.open(device)


def is_reached(world, how):
    world.lab.ts("ping", "--c", "3", "--timeout", "2s", ipv4(world.opened()))
    return first.path_kind(world, "mfp") == how


def all_of_it(world):
    as_on_the_lan.early_answers(world, 4)
    datagrams.large(world)
    site.lpd_port(world)


@long_test("early answers, long datagrams and ports of LPD are as on the LAN with every client, over the direct way and by the relay")
def with_every_client(world):
    for version, client in matrix.clients().items():
        world.agent.close()
        here = WithClient(world, client)
        until(f"{version}: the path is direct", lambda: is_reached(here, "direct"), 30)
        all_of_it(here)
        with egress(world.lab, "no-udp"):
            until(f"{version}: the path is the relay", lambda: is_reached(here, "relay"), 60)
            all_of_it(here)
        print(f"     {version}: done", flush=True)
