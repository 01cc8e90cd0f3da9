"""The blocks of the height at hand: built, checked, executed, committed.

Executions are a cache: lost at a restart, dropped with the body, done again where needed. Nothing
is ever written that was not executed here with the roots that its header claims.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, final

from consensus.events import TimerFired, Verdict
from consensus.timeouts import view_timeout_ms
from ledger.block import Execution
from node.bodies import CheckedBlock, check_block
from node.builder import Task, build, transactions_limit
from node.execution import check_fresh, decision_of, execute, is_early, read_parent
from node.mempool import Mempool
from node.outbox import Timer
from node.pace import Pace
from primitives import limits
from primitives.block import Block
from primitives.certificate import Certificate
from primitives.codec import decode
from primitives.errors import BadBlock, MithaqError, StorageFault
from primitives.ids import BlockId, ChainId, Height, TimeMs, TransactionId, ValidatorKey, View
from storage.chain import ChainStore


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """A verdict, and why."""

    verdict: Verdict
    reason: str = ""


@final
class Blocks:
    """Bodies and executions of one height. Written by the engine's thread alone."""

    def __init__(
        self,
        store: ChainStore,
        mempool: Mempool,
        *,
        chain: ChainId,
        kind: Any,  # noqa: ANN401 - a generic alias, as in ledger.transaction
        clock: Callable[[], float],
    ) -> None:
        self._store, self._mempool = store, mempool
        self._chain, self._kind, self._clock = chain, kind, clock
        self._bodies: dict[BlockId, CheckedBlock] = {}
        self._executions: dict[BlockId, Execution] = {}
        self._pace = Pace()
        self.advance()

    def advance(self) -> None:
        """Read what the state at the head says about the next height."""
        head = self._store.head()
        with self._store.state() as state:
            self.parent = read_parent(state, self._chain, head.header, head.block_id)

    def restore(self) -> None:
        """Take the bodies that the vote log keeps (rule R39).

        Raises:
            StorageFault: one of them is not what it was.
        """
        for identifier, data in self._store.kept_bodies(self.parent.height).items():
            try:
                block = decode(data, Block, limit=limits.BLOCK_MESSAGE_BYTES_MAX)
                self.keep(self.checked(block, identifier))
            except MithaqError as error:
                raise StorageFault(f"kept body {identifier.hex()}: {error}") from error

    def checked(self, block: Block, identifier: BlockId) -> CheckedBlock:
        """Match and check a block here and now; the shell does it in a thread instead."""
        find = self._mempool.find
        return check_block(block, identifier, chain=self._chain, kind=self._kind, known=find)

    def keep(self, body: CheckedBlock) -> None:
        """Hold a body until it is no longer wanted."""
        self._bodies[body.id] = body

    def get(self, identifier: BlockId) -> CheckedBlock | None:
        """A body that is held."""
        return self._bodies.get(identifier)

    def keep_only(self, wanted: frozenset[BlockId]) -> None:
        """Drop every other body and execution."""
        self._bodies = {name: body for name, body in self._bodies.items() if name in wanted}
        self._executions = {name: done for name, done in self._executions.items() if name in wanted}

    def expire(self, now_ms: TimeMs) -> None:
        """Drop what waits in vain: no block that a right clock allows may still hold it (rule R67).

        On a chain where nothing happens no block's time does it.
        """
        self._mempool.expire(TimeMs(now_ms - self.parent.parameters.drift_ms - 1))

    def has_work(self, now_ms: TimeMs) -> bool:
        """Whether something waits that the builder would take (R7)."""
        earliest = self._time_of_next(now_ms)
        latest = TimeMs(earliest + self.parent.parameters.window_ms)
        return self._mempool.has_ripe(earliest, latest)

    def _time_of_next(self, now_ms: TimeMs) -> TimeMs:
        return TimeMs(max(now_ms, self.parent.time_ms + 1))

    def build(self, view: View, *, proposer: ValidatorKey, now_ms: TimeMs) -> CheckedBlock:
        """A fresh block on the head, executed (rules R9, R34)."""
        size = self.parent.validators.size
        task = Task(
            parent=self.parent,
            time_ms=self._time_of_next(now_ms),
            proposer=proposer,
            transactions_max=transactions_limit(view, size, self._pace.room),
            budget_ms=self._timeout_ms(view) // 8,
        )
        with self._store.state() as state:
            built = build(state, self._mempool, task, self._clock)
        self._bodies[built.body.id] = built.body
        self._executions[built.body.id] = built.execution
        return built.body

    def judge(self, identifier: BlockId, fresh_view: View | None, now_ms: TimeMs) -> Judgement:
        """Execute a held block and, if it is fresh, judge its proposer and time (R15-R17)."""
        body = self._bodies[identifier]
        try:
            if fresh_view is not None:
                check_fresh(body.block.header, self.parent, fresh_view)
                if is_early(body.block.header, self.parent, now_ms):
                    ahead = body.block.header.time_ms - now_ms
                    return Judgement(verdict=Verdict.EARLY, reason=f"{ahead} ms ahead")
            self._execute(body)
        except BadBlock as error:
            return Judgement(verdict=Verdict.BAD, reason=str(error))
        return Judgement(verdict=Verdict.GOOD)

    def waits(self, timer: Timer, now_ms: TimeMs) -> None:
        """A timer of this height runs from now on; a view's is the measure of its block."""
        if isinstance(timer, TimerFired):
            self._pace.entered(timer.view, now_ms)

    def commit(
        self, certificate: Certificate, now_ms: TimeMs
    ) -> tuple[Block, tuple[TransactionId, ...]]:
        """Execute a decided block unless it was, and write the one batch (rule R23).

        Returns the block and the ids of its transactions.

        Raises:
            BadBlock: a quorum decided what is bad in our state; nothing was written (rule R31).
            StorageFault: the write failed.
        """
        body = self._bodies[certificate.block_id]
        execution = self._execute(body)
        self._store.commit(decision_of(body, certificate, execution))
        identifiers = tuple(identifier for _, identifier in execution.committed)
        self._mempool.decide(body.transactions, body.block.header.time_ms)
        self._pace.decided(
            certificate.view,
            now_ms,
            transactions=len(body.transactions),
            timeout_ms=self._timeout_ms(certificate.view),
            validators=self.parent.validators.size,
        )
        self.advance()
        return body.block, identifiers

    def _timeout_ms(self, view: View) -> int:
        parameters = self.parent.parameters
        return view_timeout_ms(
            view,
            validators=self.parent.validators.size,
            t0_ms=parameters.t0_ms,
            tmax_ms=parameters.tmax_ms,
        )

    def _execute(self, body: CheckedBlock) -> Execution:
        execution = self._executions.get(body.id)
        if execution is None:
            with self._store.state() as state:
                execution = execute(state, self.parent, body)
            self._executions[body.id] = execution
        return execution

    @property
    def height(self) -> Height:
        """The height at hand."""
        return self.parent.height
