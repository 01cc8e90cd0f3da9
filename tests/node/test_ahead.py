"""Blocks checked ahead by other processes: the same as here, in order, and an end that is said."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator

import pytest

from kit.exports import Held, records
from kit.other_ledger import OtherChain
from node.ahead import AHEAD, SMALL, checked_ahead
from node.replay import Exported, checked
from primitives.errors import OperatorFault
from services.table import TRANSACTION


@pytest.fixture
def other() -> OtherChain:
    made = OtherChain.begin()
    for payments in (0, SMALL, SMALL - 1, SMALL + 1, 1, *[SMALL] * 2 * AHEAD):
        made.block(payments=payments)
    return made


def test_what_comes_back_is_what_would_have_been_found_here(other: OtherChain) -> None:
    """Large blocks and small ones, each with its transactions checked, in their order."""
    chain = other.chain
    heights = list(records(Held(chain.store, chain.genesis)))
    with checked_ahead(heights, chain.chain, workers=2) as blocks:
        found = list(blocks)

    assert found == [(one, checked(one, chain.chain, TRANSACTION)) for one in heights]


def test_a_process_that_is_ended_is_told_of(other: OtherChain) -> None:
    """As where memory runs out; whether it had work or gets it next."""
    chain = other.chain

    def heights() -> Iterator[Exported]:
        for number, found in enumerate(records(Held(chain.store, chain.genesis))):
            yield found
            if number == AHEAD:
                for process in multiprocessing.active_children():
                    process.kill()
                    process.join()

    with (
        checked_ahead(heights(), chain.chain, workers=1) as blocks,
        pytest.raises(OperatorFault, match="--workers 0 needs none"),
    ):
        list(blocks)


def test_who_stops_half_way_leaves_no_process(other: OtherChain) -> None:
    """As an audit does at a divergence."""
    chain = other.chain
    heights = records(Held(chain.store, chain.genesis))
    with checked_ahead(heights, chain.chain, workers=2) as blocks:
        next(blocks)
        next(blocks)

    assert multiprocessing.active_children() == []
