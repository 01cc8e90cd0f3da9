"""Nodes, a heap of things to happen, and the time: one world under one seed.

Time is a number; nothing sleeps, and nothing here reads a clock or a die of its own. An event is
taken from the heap, given to a production engine, and what the engine wants comes back onto the
heap. Whoever watches (sim/watch.py) is told of every deed, and the laws among them end the run when
one is broken.

A node is an honest machine, whatever befalls it, or an actor, from which anything may come.
"""

import heapq
from collections.abc import Callable, Iterable, Mapping, Sequence
from random import Random

from consensus.effects import Effect
from consensus.events import Event
from ledger.transaction import CheckedTransaction
from node import wire
from node.outbox import Outbox, Timer
from primitives.block import Block, block_id
from primitives.errors import Malformed, Rejected, RemoteFault, StorageFault
from primitives.ids import INTEGER_MAX, BlockId, Height, TimeMs, ValidatorKey, View
from primitives.validators import ValidatorSet
from sim import founding as founded
from sim.actors import Actor, Stage
from sim.disk import PowerLoss
from sim.founding import GENESIS_TIME, Founding
from sim.letters import VOTING, Letter, place
from sim.machine import TICK_MS, Machine, Site, measure_nothing
from sim.network import Air, CalmAir
from sim.spoken import Statement, author_of, statements_in
from sim.violations import NotTheSame, ProcessEnded, Violation
from sim.watch import Watch

Filter = Callable[[Letter], bool]
Deed = Callable[[Machine, int], Outbox]
Factory = Callable[[Stage], Actor]


def everything(_letter: Letter) -> bool:
    """The filter of a whole network."""
    return True


class World:
    """One network. Made of a founding, a seed and an air; written by itself alone."""

    def __init__(
        self,
        founding: Founding,
        *,
        seed: int = 0,
        air: Air | None = None,
        actors: Mapping[str, Factory] | None = None,
        watches: Sequence[Watch] = (),
        clock: Callable[[], float] = measure_nothing,
    ) -> None:
        self.site = Site(founding, clock)
        self.chain = self.site.chain
        self.now_ms = TimeMs(GENESIS_TIME + 1_000)
        self.lets_through: Filter = everything
        """What a scenario lets pass, asked for each letter when it is sent."""
        self.air: Air = air if air is not None else CalmAir(Random(seed))
        self.watches = list(watches)
        self.members: ValidatorSet = self.site.genesis
        """The validators at genesis."""
        self.blocks: dict[BlockId, Block] = {}
        self.nodes: dict[str, Machine] = {}
        self.actors: dict[str, Actor] = {}
        self.deliveries = 0
        self.losses = 0
        """Machines that lost power over a deed."""
        self.salts = 0
        self._heap: list[tuple[int, int, Callable[[], None]]] = []
        self._order = 0
        given = actors or {}
        for name, key in founding.keys.items():
            if name in given:
                stage = Stage(self, name, key, Random(f"{seed} {name}"))
                self.actors[name] = given[name](stage)
                continue
            self.nodes[name] = self.site.machine(name, key)
        for name, key in founding.waiting.items():
            self.nodes[name] = self.site.machine(name, key)
        for name in founding.observers:
            self.nodes[name] = self.site.machine(name, None)
        if self.watches:
            for machine in self.nodes.values():
                machine.observe = self.observed

    def observed(self, machine: Machine, event: Event, effects: Sequence[Effect]) -> None:
        """A replica took a step."""
        for watch in self.watches:
            watch.observed(machine, event, effects)

    # --- who is there -----------------------------------------------------------------------

    def validators(self) -> list[Machine]:
        """Honest nodes with a key."""
        return [node for node in self.nodes.values() if node.signing]

    def up(self) -> list[Machine]:
        """Honest nodes that run."""
        return [node for node in self.nodes.values() if node.engine is not None]

    def node_of(self, validator: ValidatorKey) -> Machine:
        """The machine of a validator."""
        return self.nodes[self.site.links[validator]]

    def members_at(self, height: int) -> ValidatorSet:
        """Who votes at a height, as far as the state of any node says."""
        return self.site.members_of(Height(height))

    def proposer(self, height: int, view: int = 0) -> Machine:
        """Who proposes at (height, view)."""
        return self.node_of(self.members_at(height).primary(Height(height), View(view)))

    def primary(self, view: int = 0) -> Machine:
        """Who proposes in a view of the height of the lowest node that is up."""
        engines = [node.alive for node in self.validators() if node.engine]
        return self.proposer(min(engine.height for engine in engines), view)

    # --- lives ------------------------------------------------------------------------------

    def start(self, *names: str) -> None:
        """Start nodes; by default all of them, and the actors."""
        for name in names or tuple(self.nodes):
            self._start(self.nodes[name])
        if not names:
            for name, actor in self.actors.items():
                actor.start()
                self._tick_actor(name)
                for node in self.up():
                    self._do(node, lambda machine, at, link=name: machine.link_up(link, at))  # type: ignore[misc]  # as below

    def _start(self, node: Machine) -> None:
        for watch in self.watches:
            watch.began(node)
        if not self._do(node, lambda machine, at: machine.start(at), first=True):
            return
        self._tick(node)
        for other in self.up():
            if other is not node and node.engine is not None:
                self._do(node, lambda machine, at, o=other: machine.link_up(o.name, at))  # type: ignore[misc]  # a lambda's default cannot be annotated
                self._do(other, lambda machine, at: machine.link_up(node.name, at))

    def crash(self, *names: str) -> None:
        """SIGKILL, all nodes by default: what is in memory and on the way is gone."""
        for name in names or tuple(self.nodes):
            self.end(self.nodes[name], "killed")

    def end(self, node: Machine, why: str) -> None:
        """A process ends."""
        node.halt()
        for watch in self.watches:
            watch.ended(node, why)

    def revive(self, *, but: str = "") -> None:
        """Start every node that is down."""
        for node in self.nodes.values():
            if node.engine is None and node.name != but:
                self.start(node.name)

    def failed(self, node: Machine, error: Exception) -> None:
        """A process ended by an exception: a disk's fault is fate (R38), anything else is ours.

        Raises:
            ProcessEnded: it was a bug.
        """
        if not isinstance(error, StorageFault):
            raise ProcessEnded(f"{node.name}: {error!r}") from error
        self.end(node, str(error))

    # --- time -------------------------------------------------------------------------------

    def run(self, until: Callable[[], bool], *, limit_ms: int = 60_000) -> None:
        """Let things happen until something holds; fails when it does not within the limit."""
        end = self.now_ms + limit_ms
        while not until():
            assert self._heap, "nothing is left to happen"
            assert self._heap[0][0] <= end, f"not within {limit_ms} ms; {self.heights()}"
            self.step()

    def step(self) -> None:
        """Let the next thing happen."""
        time_ms, _, deed = heapq.heappop(self._heap)
        self.now_ms = TimeMs(max(self.now_ms, time_ms))
        deed()

    def run_for(self, duration_ms: int) -> None:
        """Let this much time pass."""
        end = self.now_ms + duration_ms
        while self._heap and self._heap[0][0] <= end:
            self.step()
        self.now_ms = TimeMs(end)

    def next_ms(self) -> int:
        """When the next thing happens."""
        return self._heap[0][0]

    def heights(self) -> str:
        """Who is where, for messages."""
        return ", ".join(f"{node.name} at {node.height}" for node in self.nodes.values())

    def all_at(self, height: int, nodes: Iterable[Machine] | None = None) -> Callable[[], bool]:
        """Whether these nodes (all that are up by default) have decided a height."""
        wanted = None if nodes is None else list(nodes)
        return lambda: all(
            node.height >= height for node in (self.up() if wanted is None else wanted)
        )

    def call_later(self, delay_ms: int, deed: Callable[[], None]) -> None:
        """Have something done when time has passed."""
        self._order += 1
        heapq.heappush(self._heap, (self.now_ms + delay_ms, self._order, deed))

    def say_of(self, what: str, who: str = "") -> None:
        """Tell everybody who watches that something befell the world."""
        for watch in self.watches:
            watch.happened(what, who)

    # --- transactions -----------------------------------------------------------------------

    def payment(self, *, ms: int = 60_000) -> CheckedTransaction:
        """Of the treasury, valid for so long."""
        self.salts += 1
        tx = founded.transaction(
            self.chain,
            founded.payment(self.salts),
            number=self.salts,
            valid_until=TimeMs(self.now_ms + ms),
        )
        self.site.transactions[tx.hash] = tx
        return tx

    def submit(self, node: Machine, *transactions: CheckedTransaction) -> list[Rejected | None]:
        """Through a node's door, and on to the others."""
        answers: list[Rejected | None] = []

        def submit(machine: Machine, at: int) -> Outbox:
            given, out = machine.alive.submit(transactions, machine.clock(at))
            answers.extend(given)
            return out

        self._do(node, submit)
        return answers

    def is_final(self, tx: CheckedTransaction) -> Callable[[], bool]:
        """Whether every node that is up holds it in a decided block."""
        return lambda: all(node.store.find_transaction(tx.id) for node in self.up())

    # --- deeds ------------------------------------------------------------------------------

    def _do(self, node: Machine, deed: Deed, *, first: bool = False) -> bool:
        """Do it; False if the node ended over it."""
        try:
            out = deed(node, self.now_ms)
            if first:
                for watch in self.watches:
                    watch.started(node)
            self._perform(node, out)
            for watch in self.watches:
                watch.stepped(node)
        except PowerLoss as loss:
            self.losses += 1
            self.end(node, str(loss))
            return False
        except RemoteFault as fault:
            node.faults.append(fault)
            raise
        except Violation:
            raise
        except Exception as error:  # noqa: BLE001 - whatever ends the process is judged by `failed`
            self.failed(node, error)
            return False
        return True

    def _done(self, node: Machine, deed: Deed) -> None:
        self._do(node, deed)

    def _later(self, delay_ms: int, node: Machine, happen: Callable[[], None]) -> None:
        """Have something happen to this life of a node; while it is paused, that waits."""
        run = node.run

        def when_due() -> None:
            if node.engine is None or node.run != run:
                return
            if node.frozen_until_ms > self.now_ms:
                self.call_later(node.frozen_until_ms - self.now_ms, when_due)
            else:
                happen()

        self.call_later(delay_ms, when_due)

    def _tick(self, node: Machine) -> None:
        def tick() -> None:
            self._tick(node)
            self._do(node, lambda machine, at: machine.tick(at))

        self._later(TICK_MS, node, tick)

    def _tick_actor(self, name: str) -> None:
        def tick() -> None:
            self._tick_actor(name)
            self.actors[name].tick()

        self.call_later(TICK_MS, tick)

    def _fire_later(self, delay_ms: int, node: Machine, timer: Timer) -> None:
        def fire(machine: Machine, at: int) -> Outbox:
            for watch in self.watches:
                watch.firing(machine, timer)
            out = machine.fire(timer, at)
            for watch in self.watches:
                watch.fired(machine, timer, out)
            return out

        self._later(delay_ms, node, lambda: self._done(node, fire))

    def _perform(self, node: Machine, out: Outbox) -> None:
        if node.engine is not None:
            self.site.learn(node.engine.height, node.engine.validators)
            self.site.learn(Height(node.engine.height + 1), node.engine.parent.next_validators)
        for note in out.notes:
            node.notes.append(note)
            for watch in self.watches:
                watch.noted(node, note)
        for decided in out.decided:
            node.reported[decided.block.header.height] = decided.certificate.block_id
            for watch in self.watches:
                watch.decided(node, decided)
        for delay_ms, timer in out.timers:
            self._fire_later(delay_ms, node, timer)
        for link, message in out.messages:
            node.danger("before a message")
            self._speak(node, link, message)
        if out.relay:
            self._perform(node, node.alive.relay.push(out.relay))

    def _audience(self, sender: str) -> Iterable[str]:
        """Whom a node speaks to when it speaks to all: an actor, to all who vote."""
        node = self.nodes.get(sender)
        if node is not None and node.engine is not None:
            return node.alive.neighbours
        members = self.site.members_of(Height(INTEGER_MAX))
        return [self.site.links[key] for key in members.keys]

    def _speak(self, node: Machine, link: str | None, message: wire.Wire) -> None:
        phase, _, _ = place(message)
        if phase in VOTING and node.key is not None:
            statement = next(statements_in(message))  # what it carries was said before
            if self.author_of(statement) == node.validator:
                for watch in self.watches:
                    watch.spoke(node, statement)
        self.speak(node.name, link, message)

    def author_of(self, statement: Statement) -> ValidatorKey:
        """Who signed it, by the validators of its height."""
        return author_of(statement, self.members_at(statement.height))

    # --- letters ----------------------------------------------------------------------------

    def speak(self, sender: str, receiver: str | None, message: wire.Wire) -> None:
        """Send to one node, or to all other validators."""
        data = wire.write(message)
        try:
            heard = wire.read(data)
        except Malformed as error:
            if sender in self.nodes:
                raise NotTheSame(f"{sender} wrote what nobody can read: {error}") from error
            return  # what no decoder takes changes nothing anywhere
        if heard != message:
            raise NotTheSame(f"{sender} wrote {message}, which is read as {heard}")
        assert not isinstance(heard, wire.Aside), "an engine says nothing beside the protocol"
        self._see_blocks(heard)
        phase, height, view = place(heard)
        for watch in self.watches:
            watch.uttered(sender, heard)
        for name in [receiver] if receiver is not None else self._audience(sender):
            if name != sender:
                self._send(Letter(sender, name, heard, phase, height, view))

    def _see_blocks(self, message: wire.Wire) -> None:
        match message:
            case wire.Proposed(_, wire.FullBody(block)) | wire.Body(block):
                pass
            case wire.Decided(block, _):
                pass
            case _:
                return
        self.blocks.setdefault(block_id(block.header), block)

    def _send(self, letter: Letter) -> None:
        delays = self.air.delays(letter, self.now_ms) if self.lets_through(letter) else ()
        for watch in self.watches:
            watch.sent(letter, delays)
        node = self.nodes.get(letter.receiver)
        if node is None:
            actor = self.actors[letter.receiver]
            for delay_ms in delays:
                self.call_later(delay_ms, lambda: actor.hear(letter.sender, letter.message))
            return
        if node.engine is not None:
            for delay_ms in delays:
                self._later(delay_ms, node, lambda: self._deliver(node, letter))

    def _deliver(self, node: Machine, letter: Letter) -> None:
        self.deliveries += 1
        for watch in self.watches:
            watch.heard(node, letter)
        try:
            self._do(node, lambda machine, at: machine.deliver(letter.sender, letter.message, at))
        except RemoteFault as fault:
            for watch in self.watches:
                watch.refused(node, letter, fault)
