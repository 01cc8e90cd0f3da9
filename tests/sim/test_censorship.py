"""A validator that leaves transactions out of its blocks delays them by heights (R66)."""

from __future__ import annotations

import pytest

from ledger.parameters import DEFAULTS
from ledger.transaction import CheckedTransaction
from primitives.ids import Height
from primitives.validators import faults_tolerated
from sim.byzantine import bent
from sim.byzantine.censor import Censor
from sim.byzantine.deeds import seats_of
from sim.founding import found
from sim.world import World


def censored_world(validators: int, censors: int, seed: int) -> World:
    """So many seats hate a half of all transactions, each its own half."""
    actors = {f"v{seat}": bent(Censor) for seat in range(censors)}
    return World(found(validators), seed=seed, actors=actors)


def is_hated(world: World, tx: CheckedTransaction) -> bool:
    seats = list(seats_of(world.actors.values()))
    return any(isinstance(seat, Censor) and seat.hates(tx.hash) for seat in seats)


def height_of(world: World, tx: CheckedTransaction) -> Height:
    found_at = world.validators()[0].store.find_transaction(tx.id)
    assert found_at is not None
    return found_at.height


@pytest.mark.parametrize(("validators", "censors"), [(4, 1), (7, 2)])
@pytest.mark.parametrize("seed", range(5))
def test_a_censored_transaction_is_final_within_f_and_one_heights(
    validators: int, censors: int, seed: int
) -> None:
    """Also while everything else goes on: each censor leads its turns, and an honest seat follows.

    f censors lead at most f heights in a row, so that the next one is an honest primary's.
    """
    world = censored_world(validators, censors, seed)
    world.start()
    world.run(world.all_at(1))
    hated = 0

    for _ in range(12):
        begun = world.validators()[0].height
        new = [world.payment() for _ in range(4)]
        for number, tx in enumerate(new):
            node = world.validators()[number % len(world.validators())]
            world.submit(node, tx)
        world.run(lambda new=new: all(world.is_final(tx)() for tx in new))  # type: ignore[misc]  # a lambda's default cannot be annotated
        for tx in new:
            hated += is_hated(world, tx)
            assert height_of(world, tx) - begun <= faults_tolerated(validators) + 1

    assert hated >= 12, "the censors had something to censor"


def test_a_censor_with_nothing_that_it_likes_costs_one_view() -> None:
    """What it hates waits alone: it proposes nothing, and is replaced in time (R25)."""
    world = censored_world(4, 1, seed=3)
    world.start()
    world.run(world.all_at(1))
    node, lost = world.validators()[0], 0

    for _ in range(8):
        tx = world.payment()
        while not is_hated(world, tx):
            tx = world.payment()
        begun_ms = world.now_ms
        world.submit(node, tx)
        world.run(world.is_final(tx))
        certificate = node.store.certificate(node.height)
        assert certificate is not None
        assert certificate.view <= 1
        lost += certificate.view
        assert world.now_ms - begun_ms < DEFAULTS.t0_ms + 500

    assert lost == 2, "its turns, of eight heights among four"
