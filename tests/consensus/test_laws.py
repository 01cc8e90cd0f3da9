"""What holds in every run, whatever is lost, repeated, reordered, lied about or crashed.

A state machine of Hypothesis finds and shrinks the unusual; seeded runs are long and then heal.
"""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from consensus import events as on
from consensus.effects import Effect
from consensus.events import Event
from consensus.instance import Instance
from consensus.replica import Replica
from kit.cluster import TMAX_MS, Chaos, Cluster
from kit.dialogue import Dialogue, Machine
from kit.transcript import Names, replayed
from primitives.ids import Height, Seat, View
from primitives.validators import faults_tolerated

CHANCE = st.randoms(use_true_random=False)


class Clusters(RuleBasedStateMachine):
    """Any number of seats, of which at most f lie, equivocate and withhold; the others crash.

    Every statement and every state is held to kit/laws.py: agreement and the induction behind it
    (R14, R21), one justified block prepared per view (R13, R18), one commit (R19), the first vote
    (R20), nothing after asking for more (R25), the highest view change (R26), the jump and the
    quorum behind a timer (R27, R28), `wish` and `entered` monotone (R8), nothing before its record
    (R35), no honest equivocation, restarts included (R36, R39), memory within bounds (R42), and no
    honest seat accused (R46).

    What goes wrong is printed as the dialogues of all replicas.
    """

    replica: Callable[[], Machine] = Replica
    is_broken = False
    """Whether a law was: then there is nothing to heal."""

    @initialize(
        validators=st.sampled_from([4, 4, 4, 5, 7]),
        liars=st.sets(st.integers(0, 6), max_size=2),
        begun=st.sampled_from(["busy", "idle", "asleep"]),
    )
    def begin(self, validators: int, liars: set[int], begun: str) -> None:
        lying = [seat for seat in sorted(liars) if seat < validators]
        self.cluster = Cluster(
            validators, liars=lying[: faults_tolerated(validators)], replica=self.replica
        )
        self.chaos = Chaos(self.cluster, 0)
        if begun != "asleep":
            self.cluster.wake()
        if begun == "busy":
            for node in self.cluster.nodes.values():
                self.chaos.work(node)

    @rule(chance=CHANCE)
    def anything_arrives(self, chance: random.Random) -> None:
        self._happen(chance, self.chaos.deliver)

    @rule(chance=CHANCE)
    def some_hear_what_waits(self, chance: random.Random) -> None:
        self._happen(chance, self.chaos.flood)

    @rule(chance=CHANCE)
    def a_timer_fires(self, chance: random.Random) -> None:
        self._happen(chance, self.chaos.timer)

    @rule(chance=CHANCE)
    def work_comes(self, chance: random.Random) -> None:
        self._happen(chance, lambda: self.chaos.work(self.chaos.somebody()))

    @rule(chance=CHANCE)
    def somebody_ticks(self, chance: random.Random) -> None:
        self._happen(chance, self.chaos.tick)

    @rule(chance=CHANCE)
    def somebody_wakes(self, chance: random.Random) -> None:
        self._happen(chance, self.chaos.wake)

    @rule(chance=CHANCE)
    def somebody_crashes(self, chance: random.Random) -> None:
        self._happen(chance, self.chaos.crash)

    @precondition(lambda self: self.cluster.liars)
    @rule(chance=CHANCE)
    def a_liar_speaks(self, chance: random.Random) -> None:
        self._happen(chance, self.chaos.lie)

    def teardown(self) -> None:
        """Whatever happened, once the faults are over everybody decides."""
        if not self.is_broken:
            with self._telling():
                self.cluster.heal(heights=1)

    def _happen(self, chance: random.Random, deed: Callable[[], None]) -> None:
        self.chaos.random = chance
        with self._telling():
            deed()
            self.cluster.check_laws()

    @contextmanager
    def _telling(self) -> Iterator[None]:
        try:
            yield
        except AssertionError as error:
            self.is_broken = True
            error.add_note(self.cluster.told())
            raise


SETTINGS = settings(
    max_examples=150,
    stateful_step_count=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
Clusters.TestCase.settings = SETTINGS
TestClusters = Clusters.TestCase


class Amnesiac:
    """A replica that does not read its vote log."""

    def __init__(self) -> None:
        self._replica = Replica()

    @property
    def awake(self) -> bool:
        return self._replica.awake

    @property
    def now(self) -> Instance:
        return self._replica.now

    def step(self, event: Event) -> list[Effect]:
        if isinstance(event, on.HeightStarted):
            event = replace(event, log=())
        return self._replica.step(event)


class Hasty(Amnesiac):
    """A replica that commits on its own prepare and one other."""

    def step(self, event: Event) -> list[Effect]:
        effects = self._replica.step(event)
        self._replica.now.quorum = 2
        return effects


class Amnesiacs(Clusters):
    """A cluster of them."""

    replica = Amnesiac


class HastyOnes(Clusters):
    """A cluster of them."""

    replica = Hasty


@pytest.mark.parametrize("spoilt", [Amnesiacs, HastyOnes])
def test_a_broken_rule_is_found_and_told_as_dialogues(spoilt: type[Clusters]) -> None:
    """R19, R39: few lines for each replica, which lead to the same answers again."""
    found = settings(
        SETTINGS,
        max_examples=500,
        stateful_step_count=15,
        database=None,
        print_blob=False,
        report_multiple_bugs=False,
        phases=[Phase.generate, Phase.shrink],
    )

    with pytest.raises(AssertionError, match=r"^R\d+") as caught:
        run_state_machine_as_test(spoilt, settings=found)

    (told,) = [note for note in caught.value.__notes__ if note.startswith("# Seat ")]
    pages = told.split("# Seat ")[1:]
    assert len(pages) >= 4
    for page in pages:
        assert len(page.split("\n")) <= 120
        assert replayed(f"# {page}", spoilt.replica).strip() == f"# {page}".strip()


def test_the_dialogues_of_a_run_are_what_happened_in_it() -> None:
    """R39: a replica that meets what its page says stands where the one of the run stands."""
    for seed in range(10):
        cluster = Cluster(4, liars=[seed % 4])
        chaos = Chaos(cluster, seed)
        for _ in range(300):
            chaos.happen()

        for node in cluster.nodes.values():
            dialogue, names = Dialogue(), Names()
            for line in node.life.lines(names):
                dialogue.say(line)
            assert dialogue.replica.now.status() == node.replica.now.status()
            assert dialogue.replica.now.proposals.keys() == node.replica.now.proposals.keys()
            assert dialogue.replica.awake == node.replica.awake


@pytest.mark.parametrize(
    ("validators", "liars"),
    [
        (1, []),
        (2, []),
        (3, []),
        (4, []),
        (4, [0]),
        (4, [1]),
        (4, [3]),
        (5, [2]),
        (7, [4]),
        (7, [1, 2]),
        (7, []),
    ],
)
@pytest.mark.parametrize("steps", [60, 200, 600])
def test_chaos_then_everybody_decides(validators: int, liars: list[int], steps: int) -> None:
    """R8, R18, R21, R28, R33, R35, R39: safe in chaos, and decided within four T_max after it."""
    for seed in range(20):
        cluster = Cluster(validators, liars=liars)
        chaos = Chaos(cluster, seed)
        for _ in range(steps):
            chaos.happen()

        took_ms = cluster.heal(heights=1)

        assert took_ms <= 4 * TMAX_MS


def test_chaos_reaches_what_it_is_for() -> None:
    """The seeds above change views, re-propose prepared blocks, and decide heights."""
    heights, views, proposed_again = 0, 0, 0
    for seed in range(20):
        cluster = Cluster(4, liars=[seed % 4])
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
