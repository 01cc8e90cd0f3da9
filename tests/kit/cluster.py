"""Replicas among themselves: no engine, no network, one shared pool of everything ever said.

Whatever was said may reach anybody, any number of times, in any order or never; timers fire or do
not; replicas crash at every point of a step and come back with their records. Some seats may belong
to liars, who have no replica: tests speak for them. Every statement and every state is held to the
laws (kit/laws.py), and what each replica met can be told as a dialogue (kit/transcript.py).
"""

import random
from collections import deque
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field

from consensus import effects as do
from consensus import events as on
from consensus.effects import Effect
from consensus.events import Event, Verdict
from consensus.messages import (
    Claim,
    LogEntry,
    Message,
    Prepare,
    PrePrepare,
    Status,
    ViewChange,
)
from consensus.replica import Replica
from kit import consensus as made
from kit.dialogue import STEPS, Machine, cast_key, returned
from kit.laws import Laws
from kit.transcript import Life, Names, told
from primitives.certificate import Certificate
from primitives.ids import BlockId, Height, Seat, View
from primitives.validators import faults_tolerated, primary_of, quorum

T0_MS, TMAX_MS, INTERVAL_MS, TICK_MS = 1_000, 10_000, 100, 500
Spoken = on.PrePrepareReceived | on.PrepareReceived | on.CommitReceived | on.ViewChangeReceived


@dataclass
class Node:
    """An honest validator: a replica, its disk, its timers, and what it said but did not send."""

    seat: Seat
    height: Height
    replica: Machine
    run: int = 0
    """Its lives so far."""
    life: Life = field(default_factory=Life)
    records: dict[tuple[View, int], LogEntry] = field(default_factory=dict)
    bodies: set[BlockId] = field(default_factory=set)
    decided: dict[Height, Certificate] = field(default_factory=dict)
    timers: list[tuple[int, on.Timed]] = field(default_factory=list)
    returning: deque[Event] = field(default_factory=deque)
    """Our own casts on their way back to us: only a crash loses them."""
    blocks_built: int = 0


class Cluster:
    """`validators` seats, of which `liars` have no replica; the others are made by `replica`."""

    def __init__(
        self,
        validators: int,
        *,
        liars: Collection[int] = (),
        replica: Callable[[], Machine] = Replica,
    ) -> None:
        self.validators = validators
        self.liars = sorted(Seat(seat) for seat in liars)
        self.laws = Laws(validators, self.liars)
        self._replica = replica
        self.now_ms = 0
        self.pool: list[Spoken] = []
        """Everything that was ever signed and left."""
        self.inboxes: dict[Seat, deque[Event]] = {}
        """For runs in order: what waits to be delivered."""
        self.bad: set[BlockId] = set()
        """Blocks that every honest node judges bad."""
        self.signed: dict[Message, Spoken] = {}
        """The pool by what is signed, without attachments."""
        self.certificates: dict[Height, Certificate] = {}
        self.nodes = {
            Seat(seat): Node(Seat(seat), Height(1), replica())
            for seat in range(validators)
            if seat not in self.liars
        }
        for node in self.nodes.values():
            self.inboxes[node.seat] = deque()
            self.start(node, Height(1))

    # --- a node's life ----------------------------------------------------------------------

    def start(self, node: Node, height: Height) -> None:
        """Begin a height without records."""
        node.height, node.records = height, {}
        self.step(node, self._height_started(node))

    def restart(self, node: Node) -> None:
        """Lose everything but the disk; nobody has answered yet, so it sleeps."""
        node.replica, node.timers = self._replica(), []
        node.run += 1
        node.bodies = {
            entry.block_id for entry in node.records.values() if not isinstance(entry, Claim)
        }
        node.returning.clear()
        self.inboxes[node.seat].clear()
        started = self._height_started(node)
        node.life.restarts(started)
        self._take(node, started, crash=None)

    def _height_started(self, node: Node) -> on.HeightStarted:
        log = tuple(node.records[key] for key in sorted(node.records))
        return on.HeightStarted(
            node.height, self.validators, node.seat, T0_MS, TMAX_MS, INTERVAL_MS, log
        )

    def step(self, node: Node, event: Event, *, crash: str | None = None) -> None:
        """One event with all its effects, or up to a crash before or after they are written.

        `written` crashes between the disk and the first signature, `half` when half was sent.
        """
        if isinstance(event, on.PrePrepareReceived) and event.has_body:
            self._gain(node, event.message.block_id)
        node.life.meets(event)
        self._take(node, event, crash=crash)

    def _take(self, node: Node, event: Event, *, crash: str | None) -> None:
        effects = node.replica.step(event)
        if crash == "unwritten":
            node.life.forgets_last()
            self.restart(node)
            return
        self._write(node, effects)
        casts = [effect for effect in effects if cast_key(effect) is not None]
        sent = {None: len(casts), "written": 0, "half": (len(casts) + 1) // 2}[crash]
        for cast in casts[:sent]:
            self._say(node, cast)
        if crash is not None:
            self.restart(node)
            return
        for effect in effects:
            self._do(node, effect)

    def _write(self, node: Node, effects: list[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, do.Persist):
                entry = effect.entry
                node.records[entry.view, STEPS.index(type(entry))] = entry

    def _say(self, node: Node, cast: Effect) -> None:
        key = cast_key(cast)
        assert key is not None
        assert key[0] == node.height, f"seat {node.seat} speaks of {key[0]} at {node.height}"
        self.laws.judge_cast(node.seat, cast, list(node.records.values()))
        spoken = returned(cast, node.seat)
        assert isinstance(spoken, Spoken)
        self.release(spoken)
        node.returning.append(spoken)
        for seat, inbox in self.inboxes.items():
            if seat != node.seat:
                inbox.append(spoken)

    def _do(self, node: Node, effect: Effect) -> None:
        match effect:
            case do.Build(height, view):
                node.blocks_built += 1
                name = f"{height}/{view} of {node.seat}, {node.blocks_built}"
                self._gain(node, made.block(name))
                self.step(node, on.Built(height, view, made.block(name)))
            case do.Check(block_id, fresh_view):
                verdict = Verdict.BAD if block_id in self.bad else Verdict.GOOD
                assert block_id in node.bodies, "judged without a body"
                self.step(node, on.Checked(block_id, fresh_view, verdict))
            case do.Decide(certificate):
                self._decide(node, certificate)
            case do.After(delay_ms, event):
                node.timers.append((self.now_ms + delay_ms, event))
            case do.Relay(link, message):
                self._relay(Seat(int(link)), message)
            case do.TellStatus(_, status):
                self._tell(node, status)
            case do.SendDecided(link, height):
                self._send_decided(node, Seat(int(link)), height)
            case do.Equivocation(first, second):
                self.laws.judge_accusation(first, second)
            case do.Fetch(block_id, seat):
                peer = self.nodes.get(seat)
                if peer is not None and block_id in peer.bodies:
                    self.inboxes[node.seat].append(on.BodyArrived(block_id))
            case _:
                pass

    def _decide(self, node: Node, certificate: Certificate) -> None:
        self.laws.judge_decision(certificate)
        self.certificates.setdefault(certificate.height, certificate)
        assert certificate.block_id not in self.bad, "a bad block was decided"
        assert certificate.block_id in node.bodies, "decided without a body"
        node.decided[certificate.height] = certificate
        node.timers.clear()
        self.start(node, Height(certificate.height + 1))

    def _gain(self, node: Node, block_id: BlockId) -> None:
        node.bodies.add(block_id)

    # --- what others are told ---------------------------------------------------------------

    def _relay(self, to: Seat, message: Message) -> None:
        spoken = self.signed.get(_signed_part(message))
        assert spoken is not None, f"relayed what nobody signed: {message}"
        if isinstance(message, PrePrepare):
            spoken = on.PrePrepareReceived(message, has_body=False)  # bodies are fetched
        if to in self.inboxes:
            self.inboxes[to].append(spoken)

    def _tell(self, node: Node, status: Status) -> None:
        for seat, inbox in self.inboxes.items():
            if seat != node.seat:
                inbox.append(on.StatusReceived(status, str(node.seat)))

    def _send_decided(self, node: Node, to: Seat, height: Height) -> None:
        if to in self.inboxes and height in node.decided:
            self.inboxes[to].append(on.CertificateReceived(node.decided[height]))

    def deliver(self, node: Node, event: Event, *, crash: str | None = None) -> None:
        """Hand over one event as the engine would: with the bodies that it speaks of."""
        if isinstance(event, on.CertificateReceived):
            if event.certificate.height != node.height:
                return
            self._gain(node, event.certificate.block_id)
        if isinstance(event, on.BodyArrived):
            self._gain(node, event.block_id)
        if isinstance(event, on.PrePrepareReceived):
            here = event.has_body or event.message.block_id in node.bodies
            event = on.PrePrepareReceived(event.message, has_body=here)
        self.step(node, event, crash=crash)

    def deliver_next(self, node: Node) -> bool:
        """What waits longest, own casts first. False if nothing waits."""
        waiting = node.returning or self.inboxes[node.seat]
        if waiting:
            self.deliver(node, waiting.popleft())
        return bool(waiting)

    # --- the liars --------------------------------------------------------------------------

    def release(self, spoken: Spoken) -> None:
        """Somebody signed this and let it go."""
        if self.signed.setdefault(_signed_part(spoken.message), spoken) is spoken:
            self.pool.append(spoken)
        elif isinstance(spoken, on.PrePrepareReceived) and spoken not in self.pool:
            self.pool.append(spoken)  # the same proposal with other attachments

    def proofs(self, height: Height) -> list[Certificate]:
        """Every prepared certificate that can be made of what was said."""
        votes: dict[tuple[View, BlockId], dict[Seat, Prepare]] = {}
        for event in self.pool:
            if isinstance(event, on.PrepareReceived) and event.message.height == height:
                key = event.message.view, event.message.block_id
                votes.setdefault(key, {})[event.message.seat] = event.message
        return [
            made.prepared_of(height, view, block_id, sorted(seats)[: quorum(self.validators)])
            for (view, block_id), seats in votes.items()
            if len(seats) >= quorum(self.validators)
        ]

    def view_changes(self, height: Height, view: View) -> list[ViewChange]:
        """Every view change for a view that was said, first of each seat."""
        first: dict[Seat, ViewChange] = {}
        for event in self.pool:
            if isinstance(event, on.ViewChangeReceived):
                change = event.message
                if (change.height, change.view) == (height, view):
                    first.setdefault(change.seat, change)
        return [first[seat] for seat in sorted(first)]

    # --- laws -------------------------------------------------------------------------------

    def check_laws(self) -> None:
        """What holds after every event, whatever happened before."""
        for node in self.nodes.values():
            self.laws.judge_state(node.seat, node.run, node.replica, node.records.values())

    def told(self) -> str:
        """What every honest replica met, as dialogues: the shortest is a regression test."""
        names = Names()
        return "\n".join(
            f"# Seat {node.seat} of {self.validators}.\n{told(node.life, names, self._replica)}"
            for node in self.nodes.values()
        )

    # --- runs in order ----------------------------------------------------------------------

    def wake(self) -> None:
        """Everybody hears from everybody."""
        for node in self.nodes.values():
            self.step(node, on.Awoke())

    def settle(self) -> None:
        """Deliver what waits until nothing waits."""
        while sum(self.deliver_next(node) for node in self.nodes.values()):
            self.check_laws()

    def pass_time(self) -> None:
        """One tick: work everywhere, due timers, Status; then everything that follows."""
        self.now_ms += TICK_MS
        for node in self.nodes.values():
            due = [timer for timer in node.timers if timer[0] <= self.now_ms]
            node.timers = [timer for timer in node.timers if timer[0] > self.now_ms]
            for _, event in sorted(due, key=lambda timer: timer[0]):
                self.step(node, event)
            self.step(node, on.WorkArrived(node.height))
            self.step(node, on.Ticked())
        self.settle()

    def heal(self, *, heights: int) -> int:
        """Fair time, the liars silent: milliseconds until all decided `heights` more."""
        began = self.now_ms
        for inbox in self.inboxes.values():
            inbox.clear()  # everything that was under way is lost
        self.wake()
        target = max(node.height for node in self.nodes.values()) + heights
        highest = max(
            [node.replica.now.wish for node in self.nodes.values()]
            + [change.view for node in self.nodes.values() for change in _asked(node)]
        )
        views = highest + 3 * (faults_tolerated(self.validators) + 2)
        while min(node.height for node in self.nodes.values()) < target:
            self.pass_time()
            for node in self.nodes.values():
                assert node.replica.now.wish <= views, f"no decision by view {views}"
            assert self.now_ms - began < 40 * TMAX_MS, "no decision in time"
        return self.now_ms - began


def _asked(node: Node) -> Iterable[ViewChange]:
    return node.replica.now.view_changes.values()


def _signed_part(message: Message) -> Message:
    """A proposal by its signed part: what is attached may differ from one holder to another."""
    if isinstance(message, PrePrepare):
        return PrePrepare(
            message.height, message.view, message.block_id, message.signature, (), None
        )
    return made.stripped(message) if isinstance(message, ViewChange) else message


class Chaos:
    """Random things that happen to a cluster, by one seed; the liars among them."""

    def __init__(self, cluster: Cluster, seed: int) -> None:
        self.cluster = cluster
        self.random = random.Random(seed)

    def happen(self) -> None:
        """One thing."""
        deed = self.random.choices(
            [self.deliver, self.flood, self.time, self.tick, self.crash, self.wake, self.lie],
            [30, 20, 6, 3, 3, 4, 4 if self.cluster.liars else 0],
        )[0]
        deed()
        self.cluster.check_laws()

    def somebody(self) -> Node:
        """An honest node."""
        return self.random.choice(list(self.cluster.nodes.values()))

    def _spoken(self, node: Node) -> Event | None:
        recent = [
            event
            for event in self.cluster.pool[-200:]
            if event.message.height in (node.height, node.height + 1)
        ]
        return self.random.choice(recent) if recent else None

    def deliver(self) -> None:
        """One message to one node."""
        node = self.somebody()
        event = self._spoken(node)
        if event is not None:
            if isinstance(event, on.PrePrepareReceived) and self.random.random() < 0.3:
                event = on.PrePrepareReceived(event.message, has_body=False)
            self.cluster.deliver(node, event)

    def flood(self) -> None:
        """What waits for some nodes, in order: partitions that change with the phase."""
        nodes = list(self.cluster.nodes.values())
        some = self.random.sample(nodes, self.random.randint(1, len(nodes)))
        for _ in range(self.random.randrange(30)):
            self.cluster.deliver_next(self.random.choice(some))

    def time(self) -> None:
        """A timer, or work."""
        if self.random.random() < 0.5:
            self.timer()
        else:
            self.work(self.somebody())

    def timer(self) -> None:
        """A timer that runs, early or late."""
        running = [node for node in self.cluster.nodes.values() if node.timers]
        if running:
            node = self.random.choice(running)
            _, event = node.timers.pop(self.random.randrange(len(node.timers)))
            self.cluster.step(node, event)

    def work(self, node: Node) -> None:
        """Something to build from, the minimum interval being over."""
        self.cluster.step(node, on.IntervalOver(node.height))
        self.cluster.step(node, on.WorkArrived(node.height))

    def tick(self) -> None:
        """Status and fetches."""
        self.cluster.step(self.somebody(), on.Ticked())

    def wake(self) -> None:
        """Enough peers answered."""
        self.cluster.step(self.somebody(), on.Awoke())

    def crash(self) -> None:
        """In the middle of a step, at any point of it."""
        node = self.somebody()
        event = self._spoken(node)
        if event is None:
            self.cluster.restart(node)
        else:
            how = self.random.choice(["unwritten", "written", "half"])
            self.cluster.deliver(node, event, crash=how)

    def lie(self) -> None:
        """A well-formed lie of a dishonest seat."""
        liar = self.random.choice(self.cluster.liars)
        victim = self.somebody()
        height = victim.height
        view = View(max(0, victim.replica.now.wish + self.random.randrange(-1, 3)))
        name = f"lie {height} {self.random.randrange(3)}"
        if self.random.random() < 0.3 and made.block(name) not in self._settled(height):
            self.cluster.bad.add(made.block(name))
        known = sorted(
            {block_id for node in self.cluster.nodes.values() for block_id in node.bodies}
        )
        block_id = self.random.choice([made.block(name), *known])
        match self.random.randrange(4):
            case 0:
                vote = made.prepare_of(liar, height, view, block_id)
                self.cluster.release(on.PrepareReceived(vote))
            case 1:
                self.cluster.release(
                    on.CommitReceived(made.commit_of(liar, height, view, block_id))
                )
            case 2:
                self._ask(liar, height, View(view + 1))
            case _:
                self._propose(liar, height, view, block_id)

    def _settled(self, height: Height) -> set[BlockId]:
        """Blocks that honest nodes hold or a certificate proves: what they find stays the same."""
        return {block_id for node in self.cluster.nodes.values() for block_id in node.bodies} | {
            proof.block_id for proof in self.cluster.proofs(height)
        }

    def _ask(self, liar: Seat, height: Height, view: View) -> None:
        proofs = [proof for proof in self.cluster.proofs(height) if proof.view < view]
        claim = self.random.choice([None, *proofs])
        change = made.view_change(liar, view, claim, height=height)
        self.cluster.release(on.ViewChangeReceived(change))

    def _propose(self, liar: Seat, height: Height, near: View, block_id: BlockId) -> None:
        view = near
        while primary_of(self.cluster.validators, height, view) != liar:
            view = View(view + 1)
        changes = self.cluster.view_changes(height, view)
        proofs: list[Certificate | None] = [None, *self.cluster.proofs(height)]
        proof = self.random.choice(proofs)
        if proof is not None and self.random.random() < 0.8:
            block_id = proof.block_id
        self.random.shuffle(changes)
        message = made.pre_prepare_of(
            height,
            view,
            block_id,
            changes[: self.random.randint(0, len(changes))],
            proof,
            validators=self.cluster.validators,
        )
        self.cluster.release(on.PrePrepareReceived(message, has_body=self.random.random() < 0.7))
