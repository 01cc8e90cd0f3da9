"""Catching up: ranges of certified blocks from several peers at once (rules R22, R69, R70).

```
claims ─► plan ─► questions to peers ─► threads decode ─► held, by height ─┐
            ▲                                                              ▼
            └────── height ◄── engine, in order ◄── threads check certificates and signatures
```

There is no sync mode: the engine goes on as it is, and each block enters as a decided one. A claim
is a hint whom to ask (`node.catchup_plan`); what does not verify costs the peer that sent it, with
the proof in the log. A gap of one block is closed by Status and Decided alone.

A peer may keep only its newest blocks, and says from where on with every answer. That is no fault.
Where nobody who is ahead has the next block, this node says so once and waits: it takes a snapshot
to go on. Whatever ends this node, it goes on behind the last block that is durable.
"""

from collections import deque
from collections.abc import Callable
from math import inf
from typing import Any, Final, Protocol, TypeVar, final

import trio

from node import questions, wire
from node.catchup_check import (
    RUN_BLOCKS,
    Checker,
    Lie,
    Proven,
    caught,
    fingerprint,
    governs,
    held,
    read_answer,
)
from node.catchup_plan import Held, Plan, Question
from node.execution import Parent
from node.mempool import Mempool
from node.questions import Range
from node.status import Syncing
from node.verify import Gate
from p2p.faults import PeerUnavailable, RequestRefused
from p2p.peers import PeerId
from primitives import limits
from primitives.crypto import ED25519
from primitives.errors import RemoteFault
from primitives.ids import ChainId, Height
from primitives.validators import ValidatorSet

REQUEST_TIMEOUT_S: Final = 20.0
"""What the other side gives itself for an answer; long before, somebody else is asked as well."""
RATE_S: Final = 10.0
"""The speed that is shown is that of the last so many seconds."""
RECALL_S: Final = 30.0
"""Where every link is down, what was said before is shown for so long."""
SAY_EVERY_S: Final = 10.0
"""A line of progress in the log."""
SAY_FROM: Final = 16
"""Blocks from which on catching up is worth a line: gossip loses single ones."""


T = TypeVar("T")


class Threads(Protocol):
    """Where what takes long is done: threads, or here and now in a test."""

    async def __call__(
        self,
        work: Callable[..., T],
        /,
        *args: Any,  # noqa: ANN401 - those of the work
    ) -> T:
        """The result of the work."""
        ...


class Asker(Protocol):
    """One question to one peer."""

    async def request(self, peer: PeerId, question: bytes, *, timeout_s: float) -> bytes:
        """The peer's answer."""
        ...


class Follower(Protocol):
    """What catching up sees of the engine."""

    halted: str | None
    mempool: Mempool

    @property
    def parent(self) -> Parent:
        """What the state says about the height at hand."""
        ...

    @property
    def neighbours(self) -> tuple[str, ...]:
        """The links to those who vote."""
        ...


class Listener(Protocol):
    """Who hears how it goes."""

    def follow(self, proven: Proven) -> None:
        """The next block; the engine decides it.

        Raises:
            RemoteFault: it is none of the chain, and nothing has changed.
        """
        ...

    def caught(self, lie: Lie) -> None:
        """A peer sent what no honest node would have sent."""
        ...

    def asked(self, outcome: str) -> None:
        """A question came to an end: `answered`, `failed`, `overtaken` or `lied`."""
        ...

    def say(self, event: str, **facts: object) -> None:
        """A line for the log."""
        ...


@final
class Catchup:
    """Asks whoever is ahead, until nobody is. Written in the shell's thread alone."""

    def __init__(
        self,
        network: Asker,
        engine: Follower,
        listener: Listener,
        *,
        chain: ChainId,
        kind: Any,  # noqa: ANN401 - a generic alias, as in ledger.transaction
        elsewhere: Threads = trio.to_thread.run_sync,
    ) -> None:
        self._elsewhere = elsewhere
        self._network, self._engine, self._listener = network, engine, listener
        self._plan = Plan(engine.parent.height)
        self._checker = Checker(Gate(chain, ED25519), kind=kind, known=engine.mempool.find)
        self._ready: deque[Proven] = deque()
        self._ready_bytes = 0
        self._checked_to = engine.parent.height
        """Below it, everything is decided or ready."""
        self._asking: dict[Question, trio.CancelScope] = {}
        self._news = trio.Event()
        """Set, and replaced, whenever something happens that somebody here may wait for."""
        self._began: tuple[Height, float] | None = None
        self._last_target = self._height, -inf
        """What was shown while a peer said something, and when that was."""
        self._said_s = 0.0
        self._passed: deque[tuple[float, Height]] = deque()
        self._unreachable: Height | None = None
        self.following: Height | None = None
        """The height whose block of a range is being handed over at this moment."""

    # --- what may be read -------------------------------------------------------------------

    @property
    def behind(self) -> int:
        """Blocks that the others have and this node does not."""
        return self._target - self._height

    @property
    def waiting_bytes(self) -> int:
        """Of blocks that came and wait for those below them."""
        return self._plan.held_bytes

    @property
    def sync(self) -> Syncing | None:
        """How far it is; None when level, or about to be."""
        if self._began is None or self.behind <= 1:
            return None
        return Syncing(
            from_height=Height(self._began[0] - 1),
            height=Height(self._height - 1),
            target=Height(self._target - 1),
            peers=len(self._plan.sources),
            blocks_per_s=round(self._rate()),
        )

    @property
    def _height(self) -> Height:
        return self._engine.parent.height

    @property
    def _target(self) -> Height:
        if not self._plan.hears_anybody:
            target, said_s = self._last_target
            recalled = target if trio.current_time() < said_s + RECALL_S else self._height
            return max(self._height, recalled)
        faults = self._engine.parent.validators.faults
        return max(self._height, self._plan.target(faults, self._engine.neighbours))

    def _rate(self) -> float:
        now_s, height = trio.current_time(), self._height
        then_s, then = self._passed[0] if self._passed else (now_s, height)
        return (height - then) / (now_s - then_s) if now_s > then_s else 0.0

    # --- what peers say ---------------------------------------------------------------------

    def promise(self, peer: PeerId, height: Height) -> None:
        """A peer says that it decides this height now."""
        self._plan.promise(peer, height)
        if height > self._height + 1:
            self._stir()

    def hear(self, peer: PeerId, decided: wire.Decided) -> None:
        """A peer passed on a block above the height at hand; it may not have decided it yet."""
        self._plan.hear(peer, Height(decided.block.header.height + 1))
        one = questions.Certified(decided.block, decided.certificate)
        self._plan.offer(held(peer, one, is_relayed=True))
        self._stir()

    def forget(self, peer: PeerId) -> None:
        """A peer was linked anew, or its link is down."""
        self._plan.forget(peer)
        for asked, scope in self._asking.items():
            if asked.link == peer:
                scope.cancel()
        self._stir()

    def decided(self) -> None:
        """A block is decided, perhaps the last one that was missing, whoever brought it."""
        if self._began is not None and self.following is None:
            self._stir()

    def _stir(self) -> None:
        self._news.set()
        self._news = trio.Event()

    # --- tasks ------------------------------------------------------------------------------

    async def run(self) -> None:
        """For ever."""
        async with trio.open_nursery() as tasks:
            tasks.start_soon(self._check)
            tasks.start_soon(self._feed)
            while True:
                news = self._news
                self._plan.advance(self._height)
                if self._engine.halted is None:
                    self._ask(tasks)
                self._say()
                wake_s = self._plan.wake_s(trio.current_time())
                with trio.move_on_at(inf if wake_s is None else wake_s):
                    await news.wait()

    def _ask(self, tasks: trio.Nursery) -> None:
        now_s = trio.current_time()
        for asked, scope in self._asking.items():
            if asked.stop <= self._height:
                scope.cancel()  # others were faster
        while (asked_now := self._plan.next_question(now_s)) is not None:
            scope = self._asking[asked_now] = trio.CancelScope()
            tasks.start_soon(self._question, asked_now, scope)

    async def _question(self, asked: Question, scope: trio.CancelScope) -> None:
        outcome = "overtaken"
        try:
            with scope:
                await trio.lowlevel.checkpoint_if_cancelled()
                outcome = await self._answer(asked)
        finally:
            del self._asking[asked]
            if outcome in ("failed", "overtaken"):
                self._plan.failed(asked, trio.current_time())
            self._listener.asked(outcome)
            self._stir()

    async def _answer(self, asked: Question) -> str:
        peer, question = PeerId(asked.link), Range(asked.first, asked.count)
        try:
            data = await self._network.request(
                peer, questions.write(question), timeout_s=REQUEST_TIMEOUT_S
            )
        except (PeerUnavailable, RequestRefused):
            return "failed"
        except RemoteFault as fault:
            return self._lied(asked, fault, b"")
        try:
            answer, blocks = await self._elsewhere(read_answer, data, asked)
            kept = self._plan.answered(
                asked,
                kept_from=answer.kept_from,
                height=answer.height,
                blocks=blocks,
                now_s=trio.current_time(),
            )
        except RemoteFault as fault:
            return self._lied(asked, fault, data)
        if not kept:
            self._listener.say("catchup.disbelieved", peer=peer, height=asked.first)
        return "answered"

    def _lied(self, asked: Question, fault: RemoteFault, data: bytes) -> str:
        self._plan.failed(asked, trio.current_time())
        self._catch(Lie(asked.link, asked.first, fault, fingerprint(data)))
        return "lied"

    def _catch(self, lie: Lie) -> None:
        """Whatever else it sent is fetched from others; what was checked of it stands."""
        self._plan.disbelieve(lie.link, self._checked_to)
        for asked, scope in self._asking.items():
            if asked.link == lie.link:
                scope.cancel()
        self._listener.caught(lie)
        self._stir()

    async def _check(self) -> None:
        while True:
            news = self._news
            run, validators = self._next_run()
            if not run or validators is None:
                await news.wait()
                continue
            proven, bad = await self._elsewhere(self._checker.check, run, validators)
            for one in proven:
                self._ready.append(one)
                self._ready_bytes += one.size
                self._checked_to = Height(one.height + 1)
            if bad is not None:
                self._refuse(*bad)
            self._stir()

    def _refuse(self, one: Held, fault: RemoteFault) -> None:
        self._plan.reject(one)
        if not one.is_relayed:
            self._catch(caught(one, fault))

    def _next_run(self) -> tuple[list[Held], ValidatorSet | None]:
        """What a thread may check now: blocks in a row under one set that is known."""
        self._checked_to = at = max(self._checked_to, self._height)
        first = self._plan.held_from(at)
        if first is None or self._ready_bytes >= limits.CATCHUP_CHECKED_BYTES:
            return [], None
        named = first.certified.block.header.validators_hash
        validators = governs(self._engine.parent, at, named)
        run, size = [first], first.size
        while len(run) < RUN_BLOCKS and size < limits.CATCHUP_RUN_BYTES:
            one = self._plan.held_from(Height(at + len(run)))
            if one is None or one.certified.block.header.validators_hash != named:
                break
            run.append(one)
            size += one.size
        return run, validators

    async def _feed(self) -> None:
        while True:
            news = self._news
            if not self._ready or self._engine.halted is not None:
                await news.wait()
                continue
            one = self._ready.popleft()
            self._ready_bytes -= one.size
            if one.height == self._height:
                self._follow(one)
            elif one.height > self._height:  # one below it was refused: all is checked anew
                self._ready.clear()
                self._ready_bytes, self._checked_to = 0, self._height
            self._stir()
            await trio.lowlevel.checkpoint()

    def _follow(self, one: Proven) -> None:
        self.following = one.height
        try:
            self._listener.follow(one)
        except RemoteFault as fault:
            found = self._plan.held_from(one.height)
            self._checked_to = one.height
            if found is not None:
                self._refuse(found, fault)
        finally:
            self.following = None
        self._plan.advance(self._height)

    # --- words ------------------------------------------------------------------------------

    def _say(self) -> None:
        now_s, height = trio.current_time(), self._height
        if self._plan.hears_anybody:
            self._last_target = self._target, now_s
        if self.behind > 1:
            if self._began is None:
                self._began, self._said_s = (height, now_s), -inf
                self._passed.clear()
            self._note_speed(now_s, height)
            if self.behind >= SAY_FROM and now_s >= self._said_s + SAY_EVERY_S:
                self._say_progress("catchup.began" if self._said_s == -inf else "catchup.goes_on")
                self._said_s = now_s
        elif self._began is not None and self.behind == 0:
            began, began_s = self._began
            if self._said_s > -inf:
                facts = {"height": height - 1, "blocks": height - began}
                self._listener.say("catchup.level", **facts, seconds=round(now_s - began_s, 1))
            self._began = None
        kept_from = self._plan.out_of_reach()
        if kept_from is not None and self._unreachable != height:
            self._unreachable = height
            self._listener.say("chain.out_of_reach", height=height, kept_from=kept_from)

    def _note_speed(self, now_s: float, height: Height) -> None:
        if not self._passed or now_s >= self._passed[-1][0] + 1:
            self._passed.append((now_s, height))
        while self._passed[0][0] < now_s - RATE_S and len(self._passed) > 1:
            self._passed.popleft()

    def _say_progress(self, event: str) -> None:
        self._listener.say(
            event,
            height=self._height - 1,
            target=self._target - 1,
            peers=len(self._plan.sources),
            blocks_per_s=round(self._rate()),
        )
