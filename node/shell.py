"""The trio shell: carries bytes between the network, the engine and the API; knows no rule.

```
inbox ─► votes, status ──────────────────────────────► engine ─► outbox ─► links, timers, log
     └─► bodies, transactions ─► a thread checks them ─┘              └─► gossip, waiters
```

Signatures of transactions are checked in threads before the engine hears of them, never on the
voting path. Every queue is bounded; what is dropped comes again through Status and Offer.
"""

import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, final

import trio

from consensus.messages import Commit, Prepare, Status, ViewChange
from ledger.transaction import CheckedTransaction
from node import questions, wire
from node.about import About
from node.bodies import CheckedBlock, body_of
from node.catchup import Catchup
from node.catchup_check import Proven
from node.catchup_listener import CatchupListener
from node.clock_check import ClockCheck
from node.engine import Engine
from node.gossip_judge import GossipJudge
from node.incoming import Incoming, in_pieces
from node.log import Log
from node.lookout import Lookout
from node.metrics import Metrics, watch_loop, watch_storage
from node.outbox import Outbox
from node.peering import Peering
from node.range_serve import serve_range
from node.snapshot_questions import Joining
from node.status import clock_in_words
from node.timers import Timers
from node.verify import Gate
from node.waiting import Waiting
from p2p.frames import Lane
from p2p.inbox import Delivery, LinkDown, LinkUp, Via
from p2p.network import Network
from p2p.peers import PeerId
from primitives import limits
from primitives.crypto import ED25519
from primitives.errors import MithaqError, Rejected, RemoteFault
from primitives.ids import AccountId, ChainId, Height, TimeMs, TransactionId, ValidatorKey
from storage.chain import ChainStore

TICK_S: Final = 0.5
RELAY_S: Final = 0.01
"""New transactions wait so long for company: one message instead of one each."""
VOTES: Final = (wire.Proposed, Prepare, Commit, ViewChange)
"""Each has its author's signature."""


def now_ms() -> TimeMs:
    """This machine's clock."""
    return TimeMs(time.time_ns() // 1_000_000)


def steady_ms() -> int:
    """A clock that nobody sets; for how long ago something was."""
    return time.monotonic_ns() // 1_000_000


@final
class Shell:
    """One node's tasks. Written in its own trio thread only."""

    def __init__(
        self,
        *,
        engine: Engine,
        network: Network,
        peering: Peering,
        store: ChainStore,
        chain: ChainId,
        kind: Any,  # noqa: ANN401 - a generic alias, as in ledger.transaction
        key: ValidatorKey | None,
        log: Log,
        metrics: Metrics,
        newcomers: Callable[[Joining], Awaitable[bytes]],
    ) -> None:
        """`newcomers` answers the questions of nodes that join."""
        self.engine = engine
        self.lookout = Lookout(engine, steady_ms())
        self.heights: dict[PeerId, Height] = {}
        """The newest height that each peer said it has decided."""
        self.faults: Counter[PeerId] = Counter()
        """Rules broken by what a peer delivered."""
        self.peering = peering
        self._network, self._store = network, store
        self._chain, self._kind, self._key = chain, kind, key
        self._log, self._metrics, self._newcomers = log, metrics, newcomers
        self._timers = Timers(lambda timer: self._perform(engine.fire(timer, now_ms())))
        self._judge = GossipJudge(Gate(chain, ED25519), lambda: engine.parent)
        self._clock = ClockCheck(key)
        self._clock_was_off = False
        listener = CatchupListener(self._follow, self._penalise, log, metrics)
        self.catchup = Catchup(network, engine, listener, chain=chain, kind=kind)
        self._waiters: dict[TransactionId, set[trio.Event]] = {}
        self._decided = trio.Event()
        """Set, and replaced, with each new block."""
        self._relayed: list[CheckedTransaction] = []
        self._relay_due = trio.Event()
        self._broken: Exception | None = None
        self._breaks = trio.Event()
        self._incoming = Incoming(engine, metrics, chain=chain, kind=kind)
        self._bodies: Waiting[wire.Wire] = Waiting(
            most=limits.BODIES_WAITING_MAX, most_per_peer=limits.BODIES_PER_PEER_MAX
        )

    async def run(self) -> None:
        """For ever; an exception here ends the node."""
        async with trio.open_nursery() as tasks:
            tasks.start_soon(self._end_if_broken)
            tasks.start_soon(self._timers.run)
            tasks.start_soon(self._relay)
            tasks.start_soon(self._check_bodies)
            tasks.start_soon(self._incoming.run, self._take, self._blame)
            tasks.start_soon(self.catchup.run)
            self._perform(self.engine.start(now_ms()))
            tasks.start_soon(self._tick)
            tasks.start_soon(watch_loop, self._metrics, lambda: self.catchup.behind)
            tasks.start_soon(watch_storage, self._metrics, self._store)
            async for event in self._network.inbox:
                match event:
                    case Delivery(peer, payload, via):
                        self._hear(peer, payload, via)
                    case LinkUp(peer):
                        self.catchup.forget(peer)
                        self.lookout.link_up(peer, steady_ms())
                        self.peering.linked(peer)
                        self._log.write.info("link.up", peer=peer)
                        self._perform(self.engine.link_up(peer, now_ms()))
                    case LinkDown(peer, reason):
                        self.catchup.forget(peer)
                        self.lookout.link_down(peer, steady_ms())
                        self.peering.unlinked(peer)
                        self._log.write.info("link.down", peer=peer, reason=reason)

    # --- from the network -------------------------------------------------------------------

    def judge(self, peer: PeerId, payload: bytes) -> bool:
        """Whether gossip that this peer passed on goes any further."""
        try:
            return self._judge.passes(payload)
        except RemoteFault as fault:
            self._blame(peer, fault)
            return False

    def _hear(self, peer: PeerId, payload: bytes, via: Via) -> None:
        if wire.is_foreign(payload):
            return
        try:
            message = wire.read(payload)
            if via is Via.LINK:
                self.lookout.heard(peer, steady_ms())
            if via is Via.GOSSIP and isinstance(message, wire.Decided):  # as it was judged
                self._compare_clocks(message)
            match message:
                case About():
                    self.lookout.told(peer, message, steady_ms(), now_ms())
                case wire.Addresses() | wire.WantAddresses():
                    self.peering.hear(peer, message, now_ms=now_ms(), now_s=trio.current_time())
                case _:
                    self._sort(peer, message)
        except RemoteFault as fault:
            self._blame(peer, fault)

    def _compare_clocks(self, fresh: wire.Decided) -> None:
        if fresh.certificate.view == 0:
            self._clock.heard(fresh.block.header, now_ms())
            self._say_clock()

    @property
    def clock_ahead_ms(self) -> int | None:
        """How far our clock is ahead of the others', behind if negative; None where it is right."""
        return self._clock.ahead_ms(self.engine.parent.parameters.drift_ms)

    def _say_clock(self) -> None:
        ahead_ms = self.clock_ahead_ms
        if ahead_ms is not None and not self._clock_was_off:
            self._log.write.warning("clock.off", ahead_ms=ahead_ms, reason=clock_in_words(ahead_ms))
        elif ahead_ms is None and self._clock_was_off:
            self._log.write.info("clock.right")
        self._clock_was_off = ahead_ms is not None

    def _sort(self, peer: PeerId, message: wire.Wire) -> None:
        """Votes go on at once, what must be checked first goes to its queue."""
        has_room = True
        match message:
            case wire.Proposed() | wire.Body():
                if isinstance(message, wire.Proposed):
                    self._observe(message)
                has_room = self._bodies.put(peer, message)
            case wire.Decided(block):
                if block.header.height > self.engine.height:
                    self.catchup.hear(peer, message)
                elif block.header.height == self.engine.height:
                    has_room = self._bodies.put(peer, message)
                # What is decided here already is checked for a fork by its certificate alone.
                else:
                    self._deliver(peer, message, None)
            case wire.Transactions():
                has_room = self._incoming.put(peer, message)
            case _:
                if isinstance(message, Status):
                    self.heights[peer] = Height(max(0, message.height - 1))
                self._deliver(peer, message, None)
        if not has_room:
            self._log.write.warning("queue.full", peer=peer, kind=type(message).__name__)

    def _deliver(self, peer: PeerId, message: wire.Wire, body: CheckedBlock | None) -> None:
        try:
            out = self.engine.deliver(peer, message, body, now_ms())
        except RemoteFault as fault:
            self._blame(peer, fault)
        else:
            if isinstance(message, VOTES):
                self._metrics.checked_vote()
            self._perform(out)

    def _blame(self, peer: PeerId, fault: RemoteFault) -> None:
        self.faults[peer] += 1
        self._network.penalise(peer, str(fault), points=limits.FAULT_POINTS)
        kind = type(fault).__name__
        self._log.write.warning("peer.fault", peer=peer, kind=kind, reason=str(fault))

    def _penalise(self, peer: PeerId, fault: RemoteFault) -> None:
        """For what has a proof: the peer is paused at once."""
        self.faults[peer] += 1
        self._network.penalise(peer, str(fault), points=limits.PENALTY_POINTS_MAX)

    def _follow(self, block: Proven) -> None:
        self._perform(self.engine.follow(block, now_ms()))

    async def _check_bodies(self) -> None:
        while True:
            await self._accept(*await self._bodies.get())

    async def _accept(self, peer: PeerId, message: wire.Wire) -> None:
        """Check the body of a message in a thread, then let the engine hear it."""
        find = self.engine.mempool.find

        def check() -> CheckedBlock | None:
            return body_of(message, chain=self._chain, kind=self._kind, known=find)

        body: CheckedBlock | None = None
        try:
            if self.engine.needs_body(message):
                body = await trio.to_thread.run_sync(check)
        except RemoteFault as fault:
            self._blame(peer, fault)
        else:
            self._deliver(peer, message, body)

    def _take(self, peer: PeerId, checked: Sequence[CheckedTransaction]) -> None:
        self._perform(self.engine.take(peer, checked, now_ms()))

    async def answer(self, _peer: PeerId, question: bytes) -> bytes:
        """What a peer asked on a stream of its own.

        Raises:
            Malformed: not a question.
        """
        match questions.read(question):
            case questions.Range() as asked:
                return await trio.to_thread.run_sync(serve_range, self._store, asked)
            case asked:
                return await self._newcomers(asked)

    # --- from clients -----------------------------------------------------------------------

    async def submit(self, batch: Sequence[bytes]) -> list[TransactionId | MithaqError]:
        """Check, try on the last state, hold and relay; what fails stands in the id's place."""
        answers = await self._incoming.checked(batch)
        checked = [answer for answer in answers if isinstance(answer, CheckedTransaction)]
        refusals = await in_pieces(checked, self._submit_piece)
        judged = iter(zip(checked, refusals, strict=True))
        results: list[TransactionId | MithaqError] = []
        for answer_ in answers:
            if isinstance(answer_, CheckedTransaction):
                tx, refusal = next(judged)
                results.append(tx.id if refusal is None else refusal)
            else:
                results.append(answer_)
        for result in results:
            if isinstance(result, MithaqError):
                self._metrics.refused(result)
        return results

    def _submit_piece(self, piece: Sequence[CheckedTransaction]) -> list[Rejected | None]:
        with self._ending_the_node():
            refusals, out = self.engine.submit(piece, now_ms())
            taken = [tx.id for tx, refused in zip(piece, refusals, strict=True) if not refused]
            self.lookout.submitted(taken, steady_ms())
            self._perform(out)
        return refusals

    def unfence(self, height: Height | None, by: str) -> None:
        """The operator's word about a fenced or cloned signer.

        Raises:
            Rejected: it is neither, or the height is certainly not new.
        """
        with self._ending_the_node():
            self._perform(self.engine.unfence(height, by, now_ms()))

    def dismiss(self, account: AccountId, by: str) -> int:
        """The operator's word about what an account has waiting here; how much of it left."""
        count = self.engine.mempool.dismiss(account)
        self._log.write.warning("mempool.dropped", account=account.hex(), transactions=count, by=by)
        return count

    @contextmanager
    def _ending_the_node(self) -> Iterator[None]:
        """For deeds in a request of the API: it answers with an error, and we must end (R38)."""
        try:
            yield
        except Rejected:
            raise
        except Exception as error:
            self._broken = error
            self._breaks.set()
            raise

    async def _end_if_broken(self) -> None:
        await self._breaks.wait()
        assert self._broken is not None, "set before the event"
        raise self._broken

    async def wait_final(self, identifier: TransactionId, timeout_s: float) -> bool:
        """Until the transaction is in a durable block; False after the time."""
        done = trio.Event()
        waiting = self._waiters.setdefault(identifier, set())
        waiting.add(done)
        try:
            if self._store.find_transaction(identifier) is not None:
                return True
            with trio.move_on_after(timeout_s):
                await done.wait()
            return done.is_set()
        finally:
            waiting.discard(done)
            if not waiting:
                self._waiters.pop(identifier, None)

    async def next_block(self, height: Height) -> None:
        """Until the newest block is above this height."""
        while self._store.head().height <= height:
            await self._decided.wait()

    # --- out --------------------------------------------------------------------------------

    def _perform(self, out: Outbox) -> None:
        for link, message in out.messages:
            payload = wire.write(message)
            lane = _lane(message)
            if link is None:
                self._observe(message)
                self._broadcast(payload, lane)
            else:
                self._network.send(PeerId(link), payload, lane)
        for delay_ms, timer in out.timers:
            self._timers.set(delay_ms, timer)
        for peer, height in out.behind:
            self.catchup.promise(PeerId(peer), height)
        if out.relay:
            self._relayed += out.relay
            self._relay_due.set()
        for note in out.notes:
            say = self._log.write.warning if note.alarming else self._log.write.info
            say(note.event, **note.facts)
        for decided in out.decided:
            self._publish(decided)
        if out.decided:
            self.peering.decided()
            self.catchup.decided()
            self._decided.set()
            self._decided = trio.Event()
        self.lookout.final(out.final, steady_ms())
        for identifier in out.final:
            for done in self._waiters.get(identifier, ()):
                done.set()

    def _broadcast(self, payload: bytes, lane: Lane) -> None:
        """To whoever votes at this height or the next, as far as there is a link."""
        for link in self.engine.neighbours:
            self._network.send(PeerId(link), payload, lane)

    def _observe(self, message: wire.Wire) -> None:
        """Note the moment of a proposal that came or went, and of our own votes."""
        now_s = time.perf_counter()
        match message:
            case wire.Proposed(proposal, _):
                self._metrics.proposed(proposal.height, proposal.view, now_s)
            case Prepare():
                self._metrics.prepared(message.height, message.view, now_s)
            case Commit():
                self._metrics.committed(message.height, message.view, now_s)

    def _publish(self, decided: wire.Decided) -> None:
        """The proposer gossips its block: certificates differ, so that one copy goes around."""
        self._metrics.decided(
            decided.certificate.height,
            decided.certificate.view,
            len(decided.block.transactions),
            time.perf_counter(),
        )
        self.lookout.decided(decided, steady_ms())
        self._timers.forget_below(self.engine.height)
        self._clock.decided(decided.certificate.block_id)
        self._say_clock()
        is_new = decided.block.header.height != self.catchup.following
        if decided.block.header.proposer == self._key and is_new:
            self._network.publish(wire.write(decided))

    async def _relay(self) -> None:
        while True:
            await self._relay_due.wait()
            await trio.sleep(RELAY_S)
            self._relay_due = trio.Event()
            waiting, self._relayed = self._relayed, []
            self._perform(self.engine.relay.push(waiting))

    async def _tick(self) -> None:
        while True:
            await trio.sleep(TICK_S)
            self.peering.tick(trio.current_time())
            self._perform(self.engine.tick(now_ms()))
            self.lookout.look(steady_ms())


def _lane(message: wire.Wire) -> Lane:
    if isinstance(message, wire.WITH_BODY):
        return Lane.BLOCKS
    return Lane.TRANSACTIONS if isinstance(message, wire.BULK) else Lane.VOTES
