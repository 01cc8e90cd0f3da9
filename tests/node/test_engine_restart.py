"""What a node may sign after it was away: the same again, or nothing (rules R39 to R41)."""

from __future__ import annotations

import pytest

from consensus import events as on
from consensus.messages import Claim, Prepare, Proposal, Status, ViewChange
from consensus.replica import Replica
from kit import consensus as made
from kit.disks import MortalDatabase
from kit.engines import begun, everything
from kit.lives import heights_of_new_words, listen, no_commits, stopped_at_commit, words_of, work
from primitives.ids import Height, Seat, View


@pytest.mark.parametrize(("step", "view"), [(1, 0), (2, 0), (3, 0), (0, 1), (1, 1), (2, 1), (3, 1)])
def test_a_restarted_node_says_the_same_again(step: int, view: int) -> None:
    """Whichever step it died after: every message of its view, byte for byte."""
    network = begun()
    node = network.proposer(2, view)
    if view == 1:
        network.crash(network.proposer(2).name)
    network.passes = no_commits
    listen(network)
    work(network)
    network.run(lambda: any(said == step for *_, said in words_of(network, node)))
    before = words_of(network, node)
    network.crash(node.name)

    listen(network)
    network.start(node.name)
    assert words_of(network, node) == {}
    network.run_for(100)

    after = words_of(network, node)
    assert {place: after.get(place) for place in before} == before
    network.passes = everything
    network.run(network.all_at(2))
    network.check_honesty()


@pytest.mark.parametrize("validators", [4, 7])
def test_nothing_is_signed_before_enough_others_have_answered(validators: int) -> None:
    """q − 1 others: with one less it follows the chain and keeps silent (R41)."""
    network = begun(validators)
    node, *others = network.validators()
    needed = network.members.quorum - 1
    heard = {other.name for other in others[: needed - 1]}
    network.crash(node.name)
    network.passes = lambda sender, receiver, message: (
        not (receiver == node.name and isinstance(message, Status) and sender not in heard)
    )

    listen(network)
    network.start(node.name)
    work(network)
    network.run(network.all_at(2))
    network.run_for(5_000)

    assert node.height == 2
    assert not node.alive.awake
    assert words_of(network, node) == {}

    heard.add(others[needed - 1].name)
    network.run(lambda: node.alive.awake, limit_ms=1_500)
    work(network, "more")
    network.run(network.all_at(3))
    assert words_of(network, node)


def test_an_observers_answer_is_no_validators() -> None:
    """Only the links of other validators count."""
    network = begun(observers=5)
    node = network.validators()[0]
    network.crash(node.name)
    network.passes = lambda sender, receiver, message: (
        not (receiver == node.name and isinstance(message, Status) and "observer" not in sender)
    )

    network.start(node.name)
    network.run_for(5_000)

    assert not node.alive.awake


@pytest.mark.parametrize("heights_ago", [0, 1, 2])
def test_a_rolled_back_database_signs_nothing_at_the_height_it_forgot(heights_ago: int) -> None:
    """The signer's file remembers more than the vote log: the node follows, and says why (R40)."""
    network = begun()
    node = network.proposer(2 + heights_ago)
    old = node.database.contents()
    for number in range(heights_ago):
        work(network, f"before {number}")
        network.run(network.all_at(2 + number))
    forgotten = 2 + heights_ago
    network.passes = no_commits
    listen(network)
    work(network)
    network.run(lambda: any(step == 3 for *_, step in words_of(network, node)))
    network.crash(node.name)
    before = words_of(network, node)

    node.database = MortalDatabase(old)
    network.passes = everything
    listen(network)
    network.start(node.name)
    network.run(network.all_at(forgotten))

    assert node.events().count("votelog.rolled_back") == 1, "said once, at however many heights"
    assert heights_of_new_words(network, node, before) <= {forgotten + 1}
    work(network, "next")
    network.run(network.all_at(forgotten + 1))
    assert heights_of_new_words(network, node, before) == {forgotten + 1}
    network.check_agreement()
    network.check_honesty()


def test_a_database_that_lost_the_last_record_alone_is_rolled_back_too() -> None:
    """It has the prepare of this height, but not the commit that the signer remembers."""
    network = begun()
    node = network.proposer(2)
    versions: list[dict[bytes, bytes]] = []
    node.database.danger = lambda point: (
        versions.append(node.database.contents()) if point.startswith("before") else None
    )
    stopped_at_commit(network)
    before = words_of(network, node)

    node.database = MortalDatabase(versions[-1])
    network.passes = everything
    assert len(node.store.votes(Height(2))) == 2
    listen(network)
    network.start(node.name)
    network.run(network.all_at(2))

    assert "votelog.rolled_back" in node.events()
    assert heights_of_new_words(network, node, before) <= {3}


def test_a_view_change_survives_the_restart_of_those_who_asked() -> None:
    """Who asked for view 1 asks again, and is not heard below it."""
    network = begun()
    primary = network.proposer(2)
    network.crash(primary.name)
    one = network.proposer(2, view=2)
    network.passes = lambda _s, _r, message: not isinstance(message, ViewChange | Prepare)
    listen(network)
    work(network)
    network.run(lambda: any(step == 0 for *_, step in words_of(network, one)))
    network.crash(one.name)

    network.start(one.name)
    network.run(lambda: one.alive.awake)

    assert one.alive.wish == 1
    network.passes = everything
    network.run(network.all_at(2))
    network.check_honesty()


def test_a_restarted_replica_counts_on_no_body_that_the_engine_dropped() -> None:
    """A proposal of ours in a view that we left: named by the log alone, forgotten with it."""
    replica = Replica()
    log = (
        Proposal(Height(1), View(0), made.block("X"), (), None),
        Claim(Height(1), View(1), None),
    )
    replica.step(on.HeightStarted(Height(1), 4, Seat(1), 1_000, 10_000, 100, log))
    assert made.block("X") in replica.kept_blocks

    replica.step(on.Awoke())

    assert made.block("X") not in replica.kept_blocks
    assert replica.now.bodies <= replica.kept_blocks
