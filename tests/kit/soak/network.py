"""A network of four validators whose processes are killed at random, some or all, under load."""

import shutil
import sys
import tempfile
from pathlib import Path
from random import Random
from threading import Event
from typing import Final

from kit.load import Client, check_final
from kit.localnet import Localnet

PAYMENTS: Final = 30
"""That each of two agencies has for one round; the kills leave time for a few of them."""


def torment(net: Localnet, chance: Random, rounds: int) -> list[str]:
    """Kill one to four validators in each round and start them again; what was told to be final."""
    final: list[str] = []
    everybody = range(net.validators)
    net.start()
    net.wait(lambda: all(net.height(index) >= 0 for index in everybody))
    for _ in range(rounds):
        doomed = chance.sample(everybody, chance.randint(1, net.validators))
        doors = chance.sample(everybody, 2)
        batches = [[net.payment() for _ in range(PAYMENTS)] for _ in doors]
        with Client(net, doors[0], batches[0]) as one, Client(net, doors[1], batches[1]) as two:
            if not final:  # a slow machine may leave no time for one between the kills
                net.wait(lambda: bool(one.final or two.final))
            for index in doomed:
                Event().wait(chance.uniform(0.0, 0.7))  # the random moment itself
                net.kill(index)
            net.start(*doomed)
            net.wait(lambda: all(net.height(index) >= 0 for index in everybody))
        final += one.final + two.final
    net.wait(lambda: all(net.get(index, "/v1/ready")[0] == 200 for index in everybody))
    return final


def main(seed: int, rounds: int) -> int:
    """For the soak: the exit code, 0 when nothing that was final is lost or doubled."""
    home = Path(tempfile.mkdtemp(prefix="mithaq-soak-network-"))
    net = Localnet.create(home / "net")
    try:
        final = torment(net, Random(seed), rounds)
        check_final(net, final)
    except AssertionError as error:
        sys.stdout.write(f"{error}\nthe folder is kept: {home}\n")
        return 1
    finally:
        net.stop()
    shutil.rmtree(home)
    sys.stdout.write(
        f"{rounds} rounds of kills in a network, {len(final)} payments were told to be final: "
        "each is there once\n"
    )
    return 0
