"""SIGKILL of some validators, while the others go on: nothing final is lost or doubled."""

from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from kit.load import check_final
from kit.localnet import Localnet
from kit.nursery import Nursery
from kit.soak.network import torment

ROUNDS = 3
SEED = 20_261_122


@pytest.fixture
def net(tmp_path: Path) -> Iterator[Localnet]:
    made = Localnet.create(tmp_path / "home")
    made.nursery = Nursery()
    try:
        yield made
    finally:
        made.stop()


def test_kills_at_random_lose_and_double_nothing(net: Localnet) -> None:
    """One to four of four validators at a time, by a seed; `make soak` goes on with it."""
    final = torment(net, Random(SEED), ROUNDS)

    assert final, "the schedule left time for no payment"
    check_final(net, final)
