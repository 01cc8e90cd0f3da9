"""An engine that is told anything at all, by anybody, in any order (rules R5, R32, R36).

Two kinds of talk: whatever the decoder lets through, and statements that members did sign, however
many of them lie. Between messages timers fire, ticks pass, and the node is restarted. Whatever was
said: nothing but a RemoteFault comes out, and what the node signed contradicts nothing it signed.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from msgspec.structs import replace

from consensus.messages import PrePrepare, Status
from kit.crafted import built, changed, voices, with_transactions
from kit.engines import Network, begun
from kit.ledger import pay
from kit.spoken import Voice, certificate_by, statements_in
from kit.strategies import mutated, spoilt, values_of
from node import wire
from node.outbox import Outbox, Timer
from node.signer_memory import Memory
from primitives import limits
from primitives.block import Block, block_id
from primitives.certificate import Certificate
from primitives.codec import decode
from primitives.domains import Domain
from primitives.errors import RemoteFault
from primitives.ids import VIEW_MAX, BlockId, Digest, Height, Signature, View
from primitives.statements import Witness, vote_bytes
from sim.spoken import Spoken

ANY_MESSAGE = values_of(wire.Wire)
ANY_BYTES = mutated(ANY_MESSAGE) | spoilt(ANY_MESSAGE)
HEIGHTS = st.sampled_from([2] * 8 + [3, 1, 4, 2**63 - 1])
VIEWS = st.sampled_from([0, 0, 0, 0, 1, 1, 1, 2, 2, 3, VIEW_MAX])
BLOCKS = st.sampled_from([0, 0, 0, 1, 1, 2, 3, 4, 5, 6, 7])
CLAIMED = st.sampled_from([None, None, 0, 0, 1, 2])
SEATS = st.integers(0, 3)


class Talk(RuleBasedStateMachine):
    """One node of four; the other three seats, and every wire, belong to Hypothesis."""

    def __init__(self) -> None:
        super().__init__()
        self.network: Network = begun()
        self.network.passes = lambda _sender, _receiver, _message: False
        self.node = self.network.proposer(3)
        """Its seat proposes in view 1 of height 2."""
        self.peers = [one.name for one in self.network.validators() if one is not self.node]
        self.voices = sorted(voices(self.network), key=lambda voice: voice.seat)
        self.own = self.network.voice(self.node)
        self.timers: list[Timer] = []
        self.spoken = Spoken({})
        self.top = self.memory()
        self.blocks = self.some_blocks()

    def some_blocks(self) -> list[Block]:
        """Good in different views, bad in different ways, and of another height."""
        network = self.network
        tx = network.transaction("treasury", pay("works", 1, "talk"))
        good = built(network, tx)
        return [
            good,
            built(network, view=1, ahead_ms=1),
            built(network, view=2, ahead_ms=2),
            built(network, ahead_ms=3_600_000),
            changed(good, state_root=Digest(bytes(32))),
            changed(good, height=Height(3)),
            with_transactions(good, b"no transaction"),
            self.node.store.block(Height(1)),
        ]

    # --- what is said -----------------------------------------------------------------------

    @initialize(awake=st.booleans(), busy=st.booleans())
    def begin(self, awake: bool, busy: bool) -> None:  # noqa: FBT001 - drawn, not passed
        if not awake:
            self.restart()
        if busy:
            tx = self.network.transaction("treasury", pay("works", 1, "work"))
            _, out = self.node.alive.submit([tx], self.network.now_ms)
            self.note(out)

    @rule(message=ANY_MESSAGE, peer=SEATS)
    def anything_that_decodes(self, message: Any, peer: int) -> None:  # noqa: ANN401 - of any kind
        self.tell(message, peer)

    @rule(data=ANY_BYTES, peer=SEATS)
    def any_bytes(self, data: bytes, peer: int) -> None:
        try:
            message = wire.read(data)
        except RemoteFault:
            return
        if not isinstance(message, wire.Aside):  # the shell keeps what is said beside the protocol
            self.tell(message, peer)

    @rule(height=HEIGHTS, view=VIEWS, block=BLOCKS, seat=SEATS, peer=SEATS)
    def a_vote(self, height: int, view: int, block: int, seat: int, peer: int) -> None:
        voice, named = self.voices[seat], self.named(block)
        if voice.seat != self.own.seat:
            self.tell(voice.prepare(height, view, named), peer)
            self.tell(voice.commit(height, view, named), peer)

    @rule(height=HEIGHTS, view=VIEWS, block=BLOCKS, kind=st.sampled_from([4, 5]))
    def votes_of_everybody(self, height: int, view: int, block: int, kind: int) -> None:
        for voice in self.others():
            vote = voice.prepare if kind == 4 else voice.commit
            self.tell(vote(height, view, self.named(block)), 0)

    @rule(height=HEIGHTS, view=VIEWS, claimed=CLAIMED, block=BLOCKS, asking=st.sets(SEATS))
    def view_changes(
        self, height: int, view: int, claimed: int | None, block: int, asking: set[int]
    ) -> None:
        for voice in self.others():
            if voice.seat in asking:
                self.tell(voice.view_change(height, view, self.proof(height, claimed, block)), 1)

    @rule(
        height=HEIGHTS,
        view=VIEWS,
        claimed=CLAIMED,
        block=BLOCKS,
        body=st.sampled_from(["none", "whole", "another"]),
    )
    def a_proposal(
        self, height: int, view: int, claimed: int | None, block: int, body: str
    ) -> None:
        """Justified wherever it can be, by the three others."""
        members = self.network.members
        seat = members.keys.index(members.primary(Height(height), View(view)))
        if seat == self.own.seat:
            return
        proof = self.proof(height, claimed, block)
        asked = [voice.view_change(height, view, proof) for voice in self.others()] if view else []
        message = self.voices[seat].pre_prepare(
            height,
            view,
            self.named(block),
            tuple(replace(change, prepared=None) for change in asked),
            proof if view else None,
        )
        sent = {"none": None, "whole": block, "another": (block + 1) % 8}[body]
        full = None if sent is None else wire.FullBody(self.blocks[sent])
        self.tell(wire.Proposed(message, full), 2)

    @rule(view=st.sampled_from([0, 0, 2]), kind=st.sampled_from([0, 4, 4, 5]))
    def an_honest_round(self, view: int, kind: int) -> None:
        """A good block and what the three others say about it, up to their prepares or commits."""
        self.a_proposal(height=2, view=view, claimed=None, block=view, body="whole")
        for step in range(4, kind + 1):
            self.votes_of_everybody(height=2, view=view, block=view, kind=step)

    @rule(view=VIEWS, block=BLOCKS, height=HEIGHTS)
    def a_decision(self, view: int, block: int, height: int) -> None:
        certificate = self.certificate(Domain.COMMIT, height, view, block)
        self.tell(wire.Decided(self.blocks[block], certificate), 0)

    @rule(block=BLOCKS, peer=SEATS)
    def a_body_and_a_fetch(self, block: int, peer: int) -> None:
        self.tell(wire.Body(self.blocks[block]), peer)
        self.tell(wire.Fetch(self.named(block)), peer)

    @rule(height=HEIGHTS, view=VIEWS, block=BLOCKS, shows=st.sampled_from([0] * 8 + [1, 2]))
    def a_status(self, height: int, view: int, block: int, shows: int) -> None:
        """With nothing of ours, with a forged statement of ours, or (a clone) with a good one."""
        statement = vote_bytes(
            Domain.PREPARE, self.network.chain, Height(height), View(view), self.named(block)
        )
        signed = Signature(bytes(64)) if shows == 1 else self.own.key.sign(statement)
        newest = None if shows == 0 else Witness(statement, signed)
        self.tell(
            Status(Height(height), View(view), View(view), False, b"", b"", (), newest, True),  # noqa: FBT003 - a field
            0,
        )

    # --- what happens -----------------------------------------------------------------------

    @precondition(lambda self: self.timers)
    @rule(which=st.integers(0, 50), late_ms=st.sampled_from([0, 1, 600, 20_000]))
    def a_timer(self, which: int, late_ms: int) -> None:
        self.pass_time(late_ms)
        timer = self.timers.pop(which % len(self.timers))
        self.note(self.node.alive.fire(timer, self.network.now_ms))

    @rule(late_ms=st.sampled_from([1, 500, 60_000]))
    def a_tick(self, late_ms: int) -> None:
        self.pass_time(late_ms)
        self.note(self.node.alive.tick(self.network.now_ms))
        self.note(self.node.alive.link_up(self.peers[0], self.network.now_ms))

    @rule()
    def peers_answer(self) -> None:
        """So that it may sign (R41)."""
        for peer in range(3):
            self.tell(
                Status(Height(2), View(0), View(-1), False, b"", b"", (), None, True),  # noqa: FBT003 - a field
                peer,
            )

    @rule(chance=st.integers(0, 4))
    def maybe_restart(self, chance: int) -> None:
        if chance == 0:
            self.restart()

    def restart(self) -> None:
        self.network.crash(self.node.name)
        self.timers.clear()
        self.note(self.node.start(self.network.now_ms))

    # --- what must hold ---------------------------------------------------------------------

    @invariant()
    def it_contradicts_itself_nowhere(self) -> None:
        assert self.spoken.evidence() == []

    @invariant()
    def its_memory_only_grows(self) -> None:
        before, after = self.top, self.memory()
        assert (after.height, after.view) >= (before.height, before.view)
        if (after.height, after.view) == (before.height, before.view):
            assert after.signed[: len(before.signed)] == before.signed
        self.top = after

    def tell(self, message: wire.Wire, peer: int) -> None:
        """Deliver it as the shell would; only a RemoteFault may come out."""
        with suppress(RemoteFault):
            sent = wire.read(wire.write(message))
            assert not isinstance(sent, wire.Aside), "it was none when it was written"
            self.note(self.node.deliver(self.peers[peer % 3], sent, self.network.now_ms))

    def note(self, out: Outbox) -> None:
        self.timers += [timer for _, timer in out.timers]
        del self.timers[:-50]
        for _, message in out.messages:
            for statement in statements_in(message):
                if self.is_own(statement):
                    self.spoken.add(statement)

    def is_own(self, statement: object) -> bool:
        if isinstance(statement, PrePrepare):
            primary = self.network.members.primary(statement.height, statement.view)
            return primary == self.network.members.keys[self.own.seat]
        return bool(getattr(statement, "seat", None) == self.own.seat)

    def memory(self) -> Memory:
        data = self.node.memory.read()
        assert data is not None
        return decode(data, Memory, limit=limits.SIGNER_MEMORY_BYTES_MAX)

    def pass_time(self, ms: int) -> None:
        self.network.run_for(0)
        self.network.now_ms = type(self.network.now_ms)(self.network.now_ms + ms)

    def others(self) -> list[Voice]:
        return [voice for voice in self.voices if voice.seat != self.own.seat]

    def named(self, block: int) -> BlockId:
        return block_id(self.blocks[block].header)

    def proof(self, height: int, view: int | None, block: int) -> Certificate | None:
        return None if view is None else self.certificate(Domain.PREPARE, height, view, block)

    def certificate(self, domain: Any, height: int, view: int, block: int) -> Certificate:  # noqa: ANN401 - of votes
        return certificate_by(self.others(), domain, height, view, self.named(block))


Talk.TestCase.settings = settings(
    max_examples=200,
    stateful_step_count=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
TestTalk = Talk.TestCase
