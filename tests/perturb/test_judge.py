"""The judge of a perturbed network: each law, kept and broken, by facts made up for it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kit.perturb.judge import Verdict, judge
from kit.perturb.manifest import Expect, Manifest, Perturbation
from kit.perturb.record import Chain, Event, Record, Seen, Sight, Weight, Why

NODES = ("node0", "node1", "node2", "node3")
END_S = 40
MANIFEST = Manifest(title="made up", expect=Expect(block_s=4, first_block_s=3, level_s=5))
HALT = Perturbation(
    kind="partition", sides=(("node0", "node1"), ("node2", "node3")), at_s=10, for_s=10
)


def block(height: int) -> str:
    return f"block {height}"


def healthy(*, halts_from: int = END_S, until: int = END_S) -> Record:
    """A block each second with a payment in it, but none while it halts."""
    heights, height = {}, 0
    for second in range(END_S + 1):
        height += not halts_from < second <= until
        heights[second] = height
    top = heights[END_S]
    return Record(
        manifest=MANIFEST,
        loaded=0.0,
        over=float(END_S),
        sights={
            name: [Sight(float(at), h, block(h)) for at, h in heights.items()] for name in NODES
        },
        whys={name: [] for name in NODES},
        weights={name: [Weight(float(at), 7, 100, 30, at) for at in heights] for name in NODES},
        seen=[Seen(h + 0.5, h, block(h), 0, (f"tx {h}",)) for h in range(1, top + 1)],
        chains={
            name: Chain({h: block(h) for h in range(1, top + 1)}, {top: "root"}, top)
            for name in NODES
        },
        transactions=[(f"tx {h}",) for h in range(1, top + 1)],
    )


def halted() -> Record:
    """No blocks while no side has a quorum."""
    record = healthy(halts_from=10, until=21)
    record.events.append(Event(HALT, (), 10.0, 20.0))
    return record


def wrong(record: Record) -> list[str]:
    return list(judge(record).wrong)


def test_nothing_is_wrong_with_a_healthy_network() -> None:
    """And its figures are right."""
    verdict = judge(healthy())

    assert verdict == Verdict((), (), END_S, END_S + 1, float(END_S))
    assert verdict.rate == pytest.approx((END_S + 1) / END_S)


def test_two_blocks_at_one_height_are_a_fork_however_they_were_seen() -> None:
    """By a node's status, by the clients, or in the end."""
    by_status, by_clients, in_the_end = healthy(), healthy(), healthy()
    by_status.sights["node2"][5] = Sight(5.0, 6, "another")
    by_clients.seen = [*by_clients.seen, Seen(9.0, 6, "another", 0, ())]
    in_the_end.chains["node1"] = replace(in_the_end.chains["node1"], blocks={6: "another"})

    for record in (by_status, by_clients, in_the_end):
        [found] = wrong(record)
        assert found.startswith("a fork at height 6: ")


def test_different_states_under_equal_blocks_are_told() -> None:
    """Both nodes are named."""
    record = healthy()
    top = END_S + 1
    record.chains["node3"] = replace(record.chains["node3"], roots={top: "another"})

    assert wrong(record) == [f"different states at height {top}: node0, node3"]


def test_a_final_payment_that_is_gone_is_told() -> None:
    """Whatever the payee has."""
    record = healthy()
    record.seen = [*record.seen, Seen(9.0, 5, block(5), 0, ("tx gone",))]

    assert f"1 of {END_S + 2} final transactions are lost: tx gone …" in wrong(record)


def test_a_payment_that_is_executed_twice_is_told() -> None:
    """By the blocks, or by what the payee has."""
    record, paid_twice = healthy(), healthy()
    record.transactions = [*record.transactions[:-1], ("tx 1", f"tx {END_S + 1}")]
    for name in ("node0", "node1"):
        paid_twice.chains[name] = replace(paid_twice.chains[name], paid=END_S + 2)

    assert "1 transactions are in two blocks: tx 1 …" in wrong(record)
    assert wrong(paid_twice) == [
        f"{name}: the payee has {END_S + 2} pennies from {END_S + 1} transactions"
        for name in ("node0", "node1")
    ]


def test_a_pause_without_a_reason_is_told() -> None:
    """As long as a quorum can speak."""
    [found] = wrong(healthy(halts_from=10, until=15))

    assert found == "no block for 6.0 s while there was a quorum, from 10.0 s on"


def test_a_halt_is_right_where_there_is_no_quorum_and_must_end_soon_after() -> None:
    """The pause is not counted; what comes after it is."""
    assert wrong(halted()) == []

    slow = healthy(halts_from=10, until=25)
    slow.events.append(Event(HALT, (), 10.0, 20.0))
    assert "no block for 6.0 s after there was a quorum again, from 20.0 s on" in wrong(slow)


def test_blocks_without_a_quorum_are_told() -> None:
    """Somebody counted wrong."""
    record = healthy()
    record.events.append(Event(HALT, (), 10.0, 20.0))

    [found] = wrong(record)
    assert found.startswith("blocks [15, 16, ")
    assert found.endswith(" were decided where no quorum could speak")


@pytest.mark.parametrize(("height", "told"), [(12, []), (13, ["blocks [13] were decided"])])
def test_one_block_that_was_on_its_way_may_be_decided_late_in_a_halt(
    height: int, told: list[str]
) -> None:
    """However long a busy machine takes for it, and however late it is asked; a second may not."""
    record = halted()
    late = [Sight(float(at), height, block(height)) for at in range(16, 24)]
    record.sights["node0"][16:24] = late

    found = [one.partition(" where no quorum")[0] for one in wrong(record) if "no quorum" in one]
    assert found == told


def test_a_node_that_stays_behind_is_told() -> None:
    """Within the time that the manifest allows."""
    record = healthy()
    event = Perturbation(kind="pause", nodes=("node3",), at_s=5, for_s=5)
    record.events.append(Event(event, ("node3",), 5.0, 10.0))
    record.sights["node3"][5:20] = [Sight(float(at), 5, block(5)) for at in range(5, 20)]

    [found] = wrong(record)
    assert found == "pause at 5 s: everybody was level after 10.0 s, allowed 5 s"
    [outcome] = judge(record).outcomes
    assert (outcome.gap_s, outcome.level_s) == (1.0, 10.0)


def test_a_halt_counts_from_the_moment_when_processes_answer_again() -> None:
    """One that was killed is no voter before it stands; the second of two is not waited for."""
    record = healthy(halts_from=10, until=24)
    one = Perturbation(kind="kill", nodes=("node0", "node1"), at_s=10, for_s=10)
    record.events.append(Event(one, one.nodes, 10.0, 20.0))
    for name, since in (("node0", 24), ("node1", 35)):
        record.sights[name][11:since] = [Sight(float(at), -1, "") for at in range(11, since)]

    assert wrong(record) == ["kill at 10 s: everybody was level after 15.0 s, allowed 5 s"]
    [outcome] = judge(record).outcomes
    assert outcome.next_block_s == 1.0


def test_growing_processes_are_told() -> None:
    """Descriptors in the second half; memory at any time."""
    record = healthy()
    record.weights["node0"][-1] = Weight(40.0, 7, 100, 90, 40)
    record.weights["node1"][3] = Weight(3.0, 7, 700, 30, 3)

    assert wrong(record) == [
        "node0 has 60 descriptors more than half-way, 90",
        "node1 took 700 MB, allowed 600",
    ]


def test_why_must_name_what_the_manifest_expects() -> None:
    """On the nodes that it names, while it lasts."""
    record = healthy()
    why = {"node0": ("clock.off",), "others": ("validator.missing",)}
    one = Perturbation(kind="kill", nodes=("node3",), at_s=5, for_s=5, why=why)
    record.events.append(Event(one, ("node3",), 5.0, 10.0))
    for name in ("node1", "node2"):
        record.whys[name].append(Why(7.0, "healthy", ("validator.missing", "idle"), ()))
    record.whys["node2"][0] = replace(record.whys["node2"][0], at=12.0)

    assert wrong(record) == [
        "kill at 5 s: why of node0 names nothing; clock.off is missing",
        "kill at 5 s: why of node2 names nothing; validator.missing is missing",
    ]


def test_why_may_name_an_upgrade_when_it_is_done() -> None:
    """Until something else begins."""
    record = healthy()
    why = {"node0": ("version.differs",), "node1": ("version.differs",)}
    one = Perturbation(kind="upgrade", nodes=("node3",), at_s=5, for_s=1, why=why)
    then = Perturbation(kind="pause", nodes=("node2",), at_s=20, for_s=1)
    record.events += [Event(one, one.nodes, 5.0, 6.0), Event(then, then.nodes, 20.0, 21.0)]
    record.whys["node0"].append(Why(12.0, "healthy", ("version.differs",), ()))
    record.whys["node1"].append(Why(22.0, "healthy", ("version.differs",), ()))

    assert wrong(record) == [
        "upgrade at 5 s: why of node1 names nothing; version.differs is missing"
    ]


def test_nobody_who_is_there_may_be_called_missing() -> None:
    """Twice in a row and by one whose loop is not late; who was perturbed lately may be."""
    record = healthy()
    one = Perturbation(kind="kill", nodes=("node3",), at_s=20, for_s=5)
    record.events.append(Event(one, one.nodes, 20.0, 25.0))
    blame = Why(22.0, "slow", ("validator.missing",), (), ("node1", "node3"))
    late = replace(blame, codes=("loop.lagging", "validator.missing"))
    record.whys["node0"] += [blame, replace(blame, at=23.0)]
    record.whys["node2"] += [late, replace(late, at=23.0), replace(blame, at=24.0, missing=())]
    record.whys["node3"] += [blame, replace(blame, at=23.0)]
    record.whys["node1"] += [replace(blame, missing=("node2",)), replace(blame, at=36.0)]

    assert wrong(record) == ["why of node0 calls node1 missing, and nothing happened to either"]


def test_who_did_not_answer_anybody_may_be_called_missing() -> None:
    """Its machine stood still; so it is where nobody asked, whose own machine did."""
    blame = Why(30.0, "slow", ("validator.missing",), (), ("node1",))
    silent, unasked = healthy(), healthy()
    silent.sights["node1"][24] = Sight(24.0, -1, "")
    del unasked.sights["node1"][20:27]
    for record in (silent, unasked):
        record.whys["node0"] += [blame, replace(blame, at=31.0)]
        assert wrong(record) == []

    late = healthy()
    late.sights["node1"][10] = Sight(10.0, -1, "")
    late.whys["node0"] += [blame, replace(blame, at=31.0)]
    assert wrong(late) == ["why of node0 calls node1 missing, and nothing happened to either"]


def test_why_must_say_halted_where_no_quorum_can_speak() -> None:
    """On every node that can be asked."""
    record = halted()
    record.whys["node0"].append(Why(19.0, "halted", ("partition",), ()))
    record.whys["node2"] += [Why(12.0, "healthy", (), ()), Why(19.0, "slow", (), ())]

    assert wrong(record) == ["node2 says slow where no quorum can speak"]


def test_what_went_wrong_on_the_way_is_wrong() -> None:
    """A node that ended by itself, say."""
    record = healthy()
    record.faults.append("node1 ended by itself, 1: …")

    assert wrong(record) == ["node1 ended by itself, 1: …"]
