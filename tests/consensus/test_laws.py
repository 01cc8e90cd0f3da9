"""What holds in every run, whatever is lost, repeated, reordered, lied about or crashed.

A state machine of Hypothesis finds and shrinks the unusual; seeded runs are long and then heal.
"""

import random

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from consensus import events as on
from kit.cluster import TMAX_MS, Chaos, Cluster
from primitives.ids import Height, Seat, View

CHANCE = st.randoms(use_true_random=False)


class Laws(RuleBasedStateMachine):
    """Four seats, one of which may lie, equivocate and withhold; the others crash and come back.

    Held after every rule (kit/cluster.py): agreement (R21), one block accepted per view (R18),
    `wish` monotone within a height (R8), no honest equivocation, restarts included (R36, R39),
    nothing cast before its record (R35), memory within bounds (R42).
    """

    def __init__(self) -> None:
        super().__init__()
        self.cluster = Cluster(4)
        self.chaos = Chaos(self.cluster, 0)

    @initialize(liar=st.sampled_from([None, 0, 1, 2, 3]), asleep=st.booleans())
    def begin(self, liar: int | None, asleep: bool) -> None:  # noqa: FBT001  drawn, not passed
        self.cluster = Cluster(4, liar=liar)
        self.chaos = Chaos(self.cluster, 0)
        if not asleep:
            self.cluster.wake()

    @rule(chance=CHANCE)
    def anything_arrives(self, chance: random.Random) -> None:
        self._with(chance).deliver()

    @rule(chance=CHANCE)
    def some_hear_what_waits(self, chance: random.Random) -> None:
        self._with(chance).flood()

    @rule(chance=CHANCE)
    def time_passes(self, chance: random.Random) -> None:
        self._with(chance).time()

    @rule(chance=CHANCE)
    def somebody_ticks(self, chance: random.Random) -> None:
        self._with(chance).tick()

    @rule(chance=CHANCE)
    def somebody_wakes(self, chance: random.Random) -> None:
        self._with(chance).wake()

    @rule(chance=CHANCE)
    def somebody_crashes(self, chance: random.Random) -> None:
        self._with(chance).crash()

    @rule(chance=CHANCE)
    def the_liar_speaks(self, chance: random.Random) -> None:
        if self.cluster.liar is not None:
            self._with(chance).lie()

    @invariant()
    def the_laws_hold(self) -> None:
        self.cluster.check_laws()

    def teardown(self) -> None:
        """Whatever happened, once the faults are over everybody decides."""
        self.cluster.heal(heights=1)

    def _with(self, chance: random.Random) -> Chaos:
        self.chaos.random = chance
        return self.chaos


Laws.TestCase.settings = settings(
    max_examples=150,
    stateful_step_count=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
TestLaws = Laws.TestCase


@pytest.mark.parametrize(
    ("validators", "liar"),
    [(1, None), (2, None), (3, None), (4, None), (4, 0), (4, 1), (4, 3), (5, 2), (7, 4), (7, None)],
)
@pytest.mark.parametrize("steps", [60, 200, 600])
def test_chaos_then_everybody_decides(validators: int, liar: int | None, steps: int) -> None:
    """R8, R18, R21, R28, R33, R35, R39: safe in chaos, and decided within four T_max after it."""
    for seed in range(20):
        cluster = Cluster(validators, liar=liar)
        chaos = Chaos(cluster, seed)
        for _ in range(steps):
            chaos.happen()

        took_ms = cluster.heal(heights=1)

        assert took_ms <= 4 * TMAX_MS


def test_chaos_reaches_what_it_is_for() -> None:
    """The seeds above change views, re-propose prepared blocks, and decide heights."""
    heights, views, proposed_again = 0, 0, 0
    for seed in range(20):
        cluster = Cluster(4, liar=seed % 4)
        chaos = Chaos(cluster, seed)
        for _ in range(600):
            chaos.happen()
        heights += max(node.height for node in cluster.nodes.values()) - 1
        views += max(node.replica.now.wish for node in cluster.nodes.values())
        proposed_again += sum(
            1
            for spoken in cluster.pool
            if isinstance(spoken, on.PrePrepareReceived) and spoken.message.prepared is not None
        )

    assert heights >= 20
    assert views >= 20
    assert proposed_again >= 20


@pytest.mark.parametrize("validators", [1, 2, 3, 4, 7])
def test_without_faults_every_height_is_decided_in_view_zero(validators: int) -> None:
    """R7, R9, R19, R21: three phases and no view change, for every size."""
    cluster = Cluster(validators)

    cluster.heal(heights=10)

    assert len(cluster.certificates) >= 10
    assert {certificate.view for certificate in cluster.certificates.values()} == {0}


@pytest.mark.parametrize("validators", [4, 5, 7, 10])
def test_as_many_silent_validators_as_are_tolerated_stop_nothing(validators: int) -> None:
    """R1, R24, R25, R28: f seats never speak, some of them primary; every height is decided."""
    cluster = Cluster(validators)
    for seat in range((validators - 1) // 3):
        del cluster.nodes[Seat(seat)], cluster.inboxes[Seat(seat)]

    cluster.heal(heights=validators + 1)

    assert max(certificate.view for certificate in cluster.certificates.values()) >= 1


@pytest.mark.parametrize("validators", [4, 5, 7, 10])
def test_with_one_more_silent_nothing_is_decided(validators: int) -> None:
    """R1: q − 1 validators halt rather than guess, and go on when one comes back."""
    cluster = Cluster(validators)
    gone = [cluster.nodes.pop(Seat(seat)) for seat in range((validators - 1) // 3 + 1)]
    inboxes = [cluster.inboxes.pop(node.seat) for node in gone]
    cluster.wake()
    for _ in range(200):
        cluster.pass_time()
    assert cluster.certificates == {}
    assert max(node.replica.now.wish for node in cluster.nodes.values()) <= 1

    cluster.nodes[gone[0].seat], cluster.inboxes[gone[0].seat] = gone[0], inboxes[0]

    assert cluster.heal(heights=1) <= 4 * TMAX_MS


def test_all_crash_at_once_between_any_two_deliveries() -> None:
    """R35, R39, R41: wherever the power fails, the same chain goes on and nobody equivocates."""
    for moment in range(60):
        cluster = Cluster(4)
        cluster.wake()
        for node in cluster.nodes.values():
            cluster.step(node, on.IntervalOver(Height(1)))
            cluster.step(node, on.WorkArrived(Height(1)))
        for turn in range(moment):
            cluster.deliver_next(cluster.nodes[Seat(turn % 4)])

        for node in cluster.nodes.values():
            cluster.restart(node)

        cluster.heal(heights=2)
        cluster.check_laws()


def test_a_prepared_block_survives_every_view() -> None:
    """R10, R14, R26: what one node committed to is what every later view re-proposes."""
    cluster = Cluster(4)
    cluster.wake()
    primary, *others = (cluster.nodes[Seat(seat)] for seat in (1, 0, 2, 3))
    cluster.step(primary, on.IntervalOver(Height(1)))
    cluster.step(primary, on.WorkArrived(Height(1)))
    while any(node.returning or cluster.inboxes[node.seat] for node in cluster.nodes.values()):
        for node in cluster.nodes.values():
            cluster.deliver_next(node)
            if node.replica.now.sent_commit:
                break
        if any(node.replica.now.sent_commit for node in cluster.nodes.values()):
            break
    (committed,) = [node for node in cluster.nodes.values() if node.replica.now.sent_commit]
    prepared = committed.replica.now.prepared
    assert prepared is not None

    for node in cluster.nodes.values():  # no commit of view 0 is ever heard of
        node.returning.clear()
        cluster.inboxes[node.seat].clear()
        cluster.step(node, on.TimerFired(Height(1), View(0)))
        cluster.step(node, on.IntervalOver(Height(1)))
        cluster.step(node, on.WorkArrived(Height(1)))
        cluster.step(node, on.TimerFired(Height(1), View(0)))
    cluster.heal(heights=1)

    assert {node.seat for node in others} | {primary.seat} == set(cluster.nodes)
    assert cluster.certificates[Height(1)].block_id == prepared.block_id
