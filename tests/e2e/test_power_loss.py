"""SIGKILL of every node at once, again and again: nothing final is lost, nobody forks."""

from collections.abc import Iterator
from pathlib import Path
from random import Random
from threading import Event

import pytest

from kit.load import Client, check_final
from kit.localnet import Localnet
from kit.nursery import Nursery

KILLS = 20
SEED = 20_261_122


@pytest.fixture
def net(tmp_path: Path) -> Iterator[Localnet]:
    made = Localnet.create(tmp_path / "home", observers=1)
    made.nursery = Nursery()
    try:
        yield made
    finally:
        made.stop()


def test_what_was_final_survives_twenty_losses_of_power_of_all_nodes(net: Localnet) -> None:
    """R23, R35, R39: kill everybody at random moments of a seeded schedule, under load."""
    chance = Random(SEED)
    final: list[str] = []
    validators = range(net.validators)
    for _ in range(KILLS):
        net.start()
        net.wait(lambda: sum(net.height(index) >= 0 for index in validators) == net.validators)
        batches = [[net.payment() for _ in range(40)] for _ in range(2)]
        with Client(net, 0, batches[0]) as one, Client(net, 2, batches[1]) as two:
            if not final:  # a slow machine may leave no time for one in any of the moments
                net.wait(lambda: bool(one.final or two.final))
            Event().wait(chance.uniform(0.0, 1.0))  # the random moment itself
            net.kill()
        final += one.final + two.final

    net.start()
    everybody = range(net.validators + net.observers)
    net.wait(lambda: min(net.height(index) for index in everybody) >= 0)

    assert final, "the schedule left time for no payment"
    check_final(net, final)
