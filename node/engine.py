"""The engine: turns a replica's effects into deeds, in order (architecture.md §1).

One event in, one outbox out, synchronously. The discipline of consensus.md §7 is this module's one
task: all records of a step in one synchronous batch, then signatures with a durable memory, then
the messages; our own come back as events and count only then (rule R35).

The engine reads no clock: `now_ms` comes with every call, delays go out as timers. It awaits
nothing, and a failed write or sync goes up and ends the process (rule R38).

A node that must not sign at a height has no seat there: it is no validator, its vote log lacks what
its signer remembers (R40), or its signer is fenced or muted (R50-R52). Nothing is signed either
until q − 1 other validators have answered in this run (R41).
"""

from collections import deque
from collections.abc import Sequence
from typing import assert_never, final

from msgspec.structs import replace

from consensus import effects as do
from consensus import events as on
from consensus.effects import Effect, Sending
from consensus.events import Link, Verdict
from consensus.instance import Instance
from consensus.messages import Commit, Prepare, PrePrepare, Proposal, Status, ViewChange
from consensus.replica import Replica
from ledger.transaction import CheckedTransaction
from node import wire
from node.answers import Allowance, Answers
from node.blocks import Blocks
from node.bodies import CheckedBlock
from node.casts import Step, event_of, sign_all
from node.catchup_check import Proven
from node.door import Door
from node.ear import Ear
from node.evidence import Cases
from node.execution import Parent, heartbeat_delay_ms
from node.given_up import given_up
from node.guard import Guard
from node.mempool import Mempool
from node.neighbours import Neighbours
from node.outbox import HeartbeatDue, Note, Outbox, Timer
from node.ports import Ports
from node.relay import Relay
from node.shares import Source
from node.signer import Refused
from node.standing import SigningState, SigningStatus
from node.verify import Gate, KnownGood
from node.votelog import to_entry, to_record
from node.witnesses import Witnesses
from primitives import limits
from primitives.block import Block
from primitives.certificate import Certificate
from primitives.codec import encode
from primitives.domains import Domain
from primitives.errors import BadBlock, Rejected
from primitives.ids import BlockId, Height, Seat, TimeMs, ValidatorKey, View, short
from primitives.validators import ValidatorSet


@final
class Engine:
    """One node's replica at work. Every field is written here alone."""

    def __init__(self, ports: Ports) -> None:
        self.mempool = Mempool()
        self.halted: str | None = None
        """Why this node follows the chain no further, or None (rule R31)."""
        self._ports = ports
        self._replica = Replica()
        self._door = Door(ports.store, self.mempool, self._put)
        self._blocks = Blocks(
            ports.store, self.mempool, chain=ports.chain, kind=ports.kind, clock=ports.clock
        )
        self._gate = Gate(ports.chain, KnownGood(ports.scheme))
        self._guard = Guard(ports.signer, ports.store, self._gate, self._put)
        self._answer = Answers(ports.store, self._blocks)
        own = ports.signer.key if ports.signer is not None else None
        self.witnesses = Witnesses(
            ports.chain, own, lambda witness: self._guard.hear_own(witness, self._now_ms)
        )
        self._cases = Cases(ports.store, self._gate, self._put, own=own)
        self._ear = Ear(self._gate, self._blocks, self.witnesses)
        self._neighbours = Neighbours(self._blocks, ports.link_of, node_key=ports.node_key, own=own)
        self.relay = Relay(self.mempool, self._neighbours)
        self._logged: set[BlockId] = set()
        self._heartbeat = False
        self._mark: tuple[Height, View, View] | None = None
        self._statuses = Allowance(limits.STATUS_ANSWERS_PER_SECOND, self._neighbours.author)
        self._fetches = Allowance(limits.FETCH_ANSWERS_PER_SECOND, self._neighbours.author)
        self._pending: deque[on.Event] = deque()
        self._out = Outbox()
        self._now_ms = TimeMs(0)

    # --- what may be read -------------------------------------------------------------------

    @property
    def height(self) -> Height:
        """The height being decided."""
        return self._blocks.parent.height

    @property
    def instance(self) -> Instance:
        """The replica's state of this height; the replica alone writes it."""
        return self._replica.now

    @property
    def wish(self) -> View:
        """The view this node asks for or has accepted in."""
        return self._replica.now.wish

    @property
    def entered(self) -> View:
        """The view whose timer runs; −1 for none."""
        return self._replica.now.entered

    @property
    def awake(self) -> bool:
        """Whether enough validators have answered in this run (R41)."""
        return self._replica.awake

    @property
    def signing(self) -> SigningStatus | None:
        """Whether we sign, and if not, why; None at an observer."""
        parent, answered = self._blocks.parent, self._neighbours.answered
        seated, named = self.seat is not None, self._neighbours.names_us
        return self._guard.standing(parent, answered, awake=self.awake, seated=seated, named=named)

    def signs(self, validator: ValidatorKey) -> bool | None:
        """Whether another validator says so or did since; None if it said nothing in this run."""
        return self._guard.said_to_sign(validator, self.witnesses.height_of(validator))

    @property
    def seat(self) -> Seat | None:
        """Our seat at this height, or None where nothing is signed."""
        return self._replica.now.seat

    @property
    def validators(self) -> ValidatorSet:
        """Who decides this height."""
        return self._blocks.parent.validators

    @property
    def parent(self) -> Parent:
        """What the state says about this height and the next."""
        return self._blocks.parent

    @property
    def neighbours(self) -> tuple[Link, ...]:
        """The other validators of this height and of the next: who is sent our votes (R45)."""
        return self._neighbours.links

    # --- what can happen --------------------------------------------------------------------

    def start(self, now_ms: TimeMs) -> Outbox:
        """Begin with the height after the head, our own records of it included."""
        self._now_ms = now_ms
        self.witnesses.note_newest_block(self._ports.store)
        self._run(self._height_started())
        self._wake_if_answered()
        return self._release()

    def deliver(
        self, link: Link, message: wire.Wire, body: CheckedBlock | None, now_ms: TimeMs
    ) -> Outbox:
        """A message from a link, with the checked block of it if it carries one.

        Raises:
            RemoteFault: it breaks a rule; nothing has changed, and the link answers for it.
        """
        self._now_ms = now_ms
        match message:
            case wire.Proposed(pre_prepare, _):
                self._hear(self._ear.pre_prepare(pre_prepare, body))
            case Prepare() | Commit():
                self._hear(self._ear.vote(message))
            case ViewChange():
                self._hear(self._ear.view_change(message))
            case Status():
                self._hear_status(message, link)
            case wire.Decided(_, certificate):
                self._hear_decided(certificate, body, link)
            case wire.Fetch(block_id):
                if self._fetches.allows(link, now_ms):
                    self._reply(link, self._answer.fetched(block_id))
            case wire.Body():
                if body is not None and body.id in self._replica.kept_blocks:
                    self._blocks.keep(body)
                    self._run(on.BodyArrived(body.id))
            case wire.Offer() | wire.Want():
                self._out.messages += self.relay.answer(link, message, now_ms)
            case wire.Transactions():
                raise AssertionError("transactions are checked first, and come through `take`")
            case _:
                assert_never(message)
        return self._release()

    def follow(self, block: Proven, now_ms: TimeMs) -> Outbox:
        """A block of a range that was checked ahead (R22); as it was asked for, nobody is told.

        Raises:
            RemoteFault: it was checked under other validators and is none of theirs.
        """
        self._now_ms = now_ms
        if block.validators_hash != self.validators.hash:
            self._gate.decided(block.certificate, self.height, self.validators)
        self._blocks.keep(block.body)
        self._run(on.CertificateReceived(block.certificate))
        return self._release()

    def needs_body(self, message: wire.Wire) -> bool:
        """Whether the body in a message is worth checking, as `Ear.needs_body`.

        Raises:
            RemoteFault: nobody stands behind it.
        """
        return self._ear.needs_body(message, self._replica)

    def fire(self, timer: Timer, now_ms: TimeMs) -> Outbox:
        """A timer that an outbox asked for; a stale one has no effect."""
        self._now_ms = now_ms
        if not isinstance(timer, HeartbeatDue):
            names = [record.name for record in self.parent.records]
            self._out.notes += given_up(self._replica.now, timer, names)
            self._run(timer)
        elif timer.height == self.height:
            self._heartbeat = True
            self._run(on.WorkArrived(timer.height))
        return self._release()

    def tick(self, now_ms: TimeMs) -> Outbox:
        """Called regularly: without progress since the last call, say where we stand (R29)."""
        self._now_ms = now_ms
        mark = (self.height, self.wish, self.entered)
        asks = self._ports.signer is not None and not self._is_signing
        if mark == self._mark or asks:
            self._run(on.Ticked())
            self._work()  # what was too early for the builder may be ripe
        self._mark = mark
        self._blocks.expire(now_ms)
        self._out.messages += self.relay.tick(now_ms)
        return self._release()

    def link_up(self, link: Link, now_ms: TimeMs) -> Outbox:
        """A link works again: say where we stand."""
        self._now_ms = now_ms
        self._tell(link, self._replica.now.status())
        self._out.messages += self.relay.link_up(link)
        return self._release()

    def unfence(self, height: Height | None, by: str, now_ms: TimeMs) -> Outbox:
        """The operator's word about a fenced or cloned signer, as `Guard.unfence` takes it.

        Raises:
            Rejected: it is neither, or the height is certainly not new.
        """
        self._now_ms = now_ms
        self._guard.unfence(height, by, self._blocks.parent, now_ms)
        self._run(self._height_started())  # as after a restart: with a seat, perhaps
        return self._release()

    def submit(
        self, transactions: Sequence[CheckedTransaction], now_ms: TimeMs
    ) -> tuple[list[Rejected | None], Outbox]:
        """From clients of this node: judged against the last state, then relayed (None: waits)."""
        self._now_ms = now_ms
        new = [tx.id not in self.mempool for tx in transactions]
        answers = self._door.submit(transactions, self.parent, now_ms)
        judged = zip(transactions, new, answers, strict=True)
        self._out.relay += [tx for tx, is_new, refused in judged if is_new and refused is None]
        self.relay.submitted(self._out.relay)
        self._work()
        return answers, self._release()

    def take(
        self, link: Link, transactions: Sequence[CheckedTransaction], now_ms: TimeMs
    ) -> Outbox:
        """From a peer: judged again, and not pushed on."""
        self._now_ms = now_ms
        source = Source(link, votes=self._neighbours.author(link) is not None)
        self._door.submit(transactions, self.parent, now_ms, source)  # the rest may wait elsewhere
        self.relay.heard(link, [tx.hash for tx in transactions])
        self._work()
        return self._release()

    def _work(self) -> None:
        if self._blocks.has_work(self._now_ms):
            self._run(on.WorkArrived(self.height))

    # --- messages ---------------------------------------------------------------------------

    def _hear(self, event: on.Event | None) -> None:
        if event is not None:
            self._run(event)

    def _hear_status(self, status: Status, link: Link) -> None:
        if not self._statuses.allows(link, self._now_ms):
            return
        self._guard.hear_shown(status, self.parent, self._now_ms)
        self._neighbours.note_answer(link)
        author = self._neighbours.author(link)
        if author is not None:
            self._guard.hear_answer(author, status, self._blocks.parent, self._now_ms)
            if self._is_signing and not status.signs and status.height >= self.height:
                self._tell(link, self._replica.now.status())  # it asks, whatever our progress (R51)
        self._wake_if_answered()
        self._run(on.StatusReceived(status, link))

    def _hear_decided(
        self, certificate: Certificate, body: CheckedBlock | None, link: Link
    ) -> None:
        height = certificate.height
        body = body if body is not None else self._blocks.get(certificate.block_id)
        if height != self.height or body is None or body.id != certificate.block_id:
            if height < self.height:
                self._guard.look_for_fork(certificate, self._now_ms)
            return
        self._gate.decided(certificate, self.height, self.validators)
        self._blocks.keep(body)
        self._run(on.CertificateReceived(certificate))
        self._tell(link, self._replica.now.status())

    def _wake_if_answered(self) -> None:
        answered = self._neighbours.answered
        asleep = self._ports.signer is not None and not self.awake
        if asleep and answered >= self.validators.quorum - 1:
            self._note("replica.awake", answered=answered)
            self._run(on.Awoke())
            self._work()

    @property
    def _is_signing(self) -> bool:
        standing = self.signing if self.halted is None else None
        return standing is not None and standing.state is SigningState.SIGNING

    # --- the loop: effects into deeds -------------------------------------------------------

    def _run(self, event: on.Event) -> None:
        self._pending.append(event)
        while self._pending and self.halted is None:
            event = self._pending.popleft()
            effects = self._replica.step(event)
            self._ports.observe(event, effects)
            self._perform(effects)
        self._pending.clear()
        self._blocks.keep_only(self._replica.kept_blocks)

    def _perform(self, effects: list[Effect]) -> None:
        step, answers = Step(), list[on.Event]()
        for effect in effects:
            match effect:
                case do.Persist(entry):
                    step.entries.append(entry)
                case do.CastPrePrepare() | do.CastPrepare() | do.CastCommit() | do.CastViewChange():
                    step.casts.append(effect)
                case do.Build(height, view):
                    answers.append(on.Built(height, view, self._build(view)))
                case do.Check(block_id, fresh_view):
                    verdict = self._check(block_id, fresh_view)
                    answers.append(on.Checked(block_id, fresh_view, verdict))
                case do.Decide(certificate):
                    self._write_and_sign(step)
                    step = Step()
                    if self._decide(certificate):
                        answers.append(self._height_started())
                case _:
                    self._send(effect)
        self._write_and_sign(step)
        self._pending.extendleft(reversed(answers))

    def _write_and_sign(self, step: Step) -> None:
        """Write, sign, release (rule R35)."""
        if step.entries:
            bodies = {
                entry.block_id: encode(self._block(entry.block_id))
                for entry in step.entries
                if isinstance(entry, Proposal | PrePrepare) and entry.block_id not in self._logged
            }
            self._ports.store.append([to_record(entry) for entry in step.entries], bodies)
            self._logged |= bodies.keys()
        if step.casts:
            signer = self._ports.signer
            assert signer is not None, "a replica without a signer has no seat"
            assert self.seat is not None, "nothing is signed without a seat"
            for message in sign_all(step.casts, signer, self.seat):
                if isinstance(message, Refused):
                    self._note("signer.refused", alarming=True, reason=message.reason)
                    continue
                self._out.messages.append((None, self._answer.to_wire(message)))
                self._pending.append(event_of(message))

    def _send(self, effect: Sending) -> None:
        match effect:
            case do.Relay(link, message):
                self._reply(link, self._answer.to_wire(message))
            case do.TellStatus(link, status):
                for one in self._neighbours.next_asked() if link is None else [link]:
                    self._tell(one, status)
            case do.SendDecided(link, height):
                self._tell(link, self._replica.now.status())  # one that slept may count it (R41)
                self._reply(link, self._answer.decided(height))
            case do.Behind(link, height):
                self._out.behind.append((link, height))
            case do.Fetch(block_id, seat):
                asked = self._neighbours.link(seat)
                if asked is not None:
                    self._reply(asked, wire.Fetch(block_id))
            case do.After(delay_ms, event):
                self._out.timers.append((delay_ms, event))
                self._blocks.waits(event, self._now_ms)
            case do.Equivocation():
                self._cases.found(effect, self.validators)
            case do.Diverged(block_id):
                reason = "my state differs from a quorum's"
                self._note("state.diverged", alarming=True, block=block_id.hex(), reason=reason)
            case _:
                assert_never(effect)

    def _build(self, view: View) -> BlockId | None:
        signer = self._ports.signer
        assert signer is not None, "a replica without a signer has no seat"
        body = self._blocks.build(view, proposer=signer.key, now_ms=self._now_ms)
        if view == 0 and not body.transactions and not self._heartbeat:
            return None  # R44: no empty block without a reason
        return body.id

    def _check(self, block_id: BlockId, fresh_view: View | None) -> Verdict:
        judgement = self._blocks.judge(block_id, fresh_view, self._now_ms)
        if judgement.verdict is not Verdict.GOOD:
            facts = {"verdict": judgement.verdict.value, "reason": judgement.reason}
            self._note("block.refused", alarming=True, block=block_id.hex(), **facts)
        return judgement.verdict

    def _decide(self, certificate: Certificate) -> bool:
        """Make a decision durable. False if it is bad here: then this node stops (rule R31)."""
        validators = self.validators
        try:
            block, identifiers = self._blocks.commit(certificate, self._now_ms)
        except BadBlock as error:
            self.halted = f"block {certificate.height} was decided and is bad in my state: {error}"
            self._note("chain.halted", alarming=True, reason=self.halted)
            return False
        self.witnesses.note_certificate(certificate, Domain.COMMIT, validators)
        self._out.decided.append(wire.Decided(block, certificate))
        self._out.final += identifiers
        height, view, name = certificate.height, certificate.view, short(certificate.block_id)
        count = len(block.transactions)
        self._note("block.decided", height=height, view=view, block=name, transactions=count)
        return True

    def _height_started(self) -> on.HeightStarted:
        """The next height's beginning: its validators, our seat, our own records of it."""
        parent = self._blocks.parent
        self._heartbeat = False
        self._blocks.restore()
        log = tuple(map(to_entry, self._ports.store.votes(parent.height)))
        self._logged = set(self._ports.store.kept_bodies(parent.height))
        self._guard.look_for_way_back(parent, self._now_ms)
        if self._ports.signer is not None:
            delay_ms = heartbeat_delay_ms(parent, self._ports.signer.key, self._now_ms)
            self._out.timers.append((delay_ms, HeartbeatDue(parent.height)))
        if self._blocks.has_work(self._now_ms):
            self._pending.append(on.WorkArrived(parent.height))
        return on.HeightStarted(
            height=parent.height,
            validators=parent.validators.size,
            seat=self._guard.seat(parent.height, parent.validators, log)
            if self._neighbours.names_us
            else None,
            t0_ms=parent.parameters.t0_ms,
            tmax_ms=parent.parameters.tmax_ms,
            minimum_interval_ms=parent.parameters.minimum_interval_ms,
            log=log,
        )

    def _block(self, identifier: BlockId) -> Block:
        body = self._blocks.get(identifier)
        assert body is not None, f"block {identifier.hex()} is recorded without its body"
        return body.block

    def _reply(self, link: Link, message: wire.Wire | None) -> None:
        if message is not None:
            self._out.messages.append((link, message))

    def _tell(self, link: Link, status: Status) -> None:
        author = self._neighbours.author(link)
        newest = None if author is None else self.witnesses.of(author)
        self._reply(link, replace(status, newest_of_yours=newest, signs=self._is_signing))

    def _note(self, event: str, *, alarming: bool = False, **facts: object) -> None:
        self._put(Note(event, facts, alarming))

    def _put(self, note: Note) -> None:
        self._out.notes.append(note)

    def _release(self) -> Outbox:
        out, self._out = self._out, Outbox()
        return out
