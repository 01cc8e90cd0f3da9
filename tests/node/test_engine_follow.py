"""Blocks of a range at the engine, and what an observer asks of whom (R22, R29, R70)."""

from __future__ import annotations

import pytest
from msgspec.structs import replace as with_fields

from consensus.messages import Status
from kit.catching import chain, checker_of
from kit.engines import Network, begun
from node.catchup_check import Proven, held
from node.questions import Certified
from primitives.errors import BadSignature, RemoteFault
from primitives.ids import ZERO32, Digest, Height


def proven(network: Network, height: int) -> Proven:
    """A block of the first validator's, as a thread would hand it over."""
    first = network.nodes["validator 0"]
    certificate = first.store.certificate(Height(height))
    assert certificate is not None
    one = Certified(first.store.block(Height(height)), certificate)
    (made,), bad = checker_of(network.chain).check(
        [held("validator 0", one)], first.alive.validators
    )
    assert bad is None
    return made


def test_a_block_of_a_range_is_decided_and_nobody_is_told() -> None:
    """It was asked for; a Status to its sender would bring the next one twice."""
    network = begun()
    late = network.site.machine("late", None)
    engine = late.boot()
    engine.start(late.clock(network.now_ms))

    out = engine.follow(proven(network, 1), late.clock(network.now_ms))

    assert late.height == 1
    assert [decided.block.header.height for decided in out.decided] == [1]
    assert out.messages == []


def test_what_was_checked_under_another_set_is_checked_again() -> None:
    """And refused without a trace, where it is no quorum of this height's validators."""
    network = begun()
    late = network.site.machine("late", None)
    engine = late.boot()
    engine.start(late.clock(network.now_ms))
    made = proven(network, 1)
    elsewhere = Proven(made.link, made.body, made.certificate, Digest(ZERO32), made.size)
    forged = with_fields(made.certificate, seals=made.certificate.seals[:1])

    with pytest.raises(RemoteFault):
        engine.follow(
            Proven(made.link, made.body, forged, Digest(ZERO32), made.size),
            late.clock(network.now_ms),
        )
    assert late.height == 0
    engine.follow(elsewhere, late.clock(network.now_ms))
    assert late.height == 1


def test_the_chain_of_these_tests_has_two_sets_of_validators() -> None:
    """So that every range across the change needs both; a check ahead knows only the first."""
    before, after = chain().parents[0].validators, chain().parents[-1].validators
    checker = checker_of(chain().id)
    first = chain().change
    one = chain().blocks[first - 1]

    assert (before.size, after.size) == (4, 5)
    assert checker.check([held("a", one)], after)[1] is None
    _, bad = checker.check([held("a", one)], before)
    assert bad is not None
    assert not isinstance(bad[1], BadSignature), "it is refused by the set that its header names"


def test_an_observer_asks_one_validator_at_a_tick() -> None:
    """Each in its turn, so that a block that gossip lost comes once and not from everybody."""
    network = begun(4, observers=1)
    network.run_for(2_000)
    network.listening = True
    network.messages.clear()

    network.run_for(2_000)

    asked = [to for who, to, what in network.messages if who == "observer 0"]
    assert len(asked) == 4
    assert len(set(asked)) == 4
    assert all(isinstance(what, Status) for who, _, what in network.messages if who == "observer 0")
