"""Transactions on their way to the engine: checked in threads, judged in pieces.

Signatures are checked beside the loop. The engine's own judgement, on the last state, is on it and
costs some 50 µs each, so that it takes a piece at a time and votes go on in between.

From peers: what is here already is dropped by its hash, unread. Every peer has a queue, and the
peers take turns, message by message: who floods delays itself. An honest peer relays what passed
its own door, so that a message is read no further than to the first fault in it: a forged signature
costs its sender the message, and us one check.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, TypeVar, final

import trio

from ledger.transaction import CheckedTransaction, check_transaction
from node import wire
from node.engine import Engine
from node.metrics import Metrics
from node.waiting import Waiting
from p2p.peers import PeerId
from primitives import limits
from primitives.block import transaction_hash
from primitives.errors import Rejected, RemoteFault
from primitives.ids import ChainId, TransactionHash

CHECKERS: Final = 8
"""Threads that check signatures."""
PIECE: Final = 100
"""So many transactions the engine judges in one go: some milliseconds."""

T = TypeVar("T")
Answer = CheckedTransaction | RemoteFault | Rejected


def pieces(whole: Sequence[T]) -> Iterator[Sequence[T]]:
    """In order, of at most PIECE each."""
    return (whole[at : at + PIECE] for at in range(0, len(whole), PIECE))


@final
class Incoming:
    """Written in the shell's thread only."""

    def __init__(
        self,
        engine: Engine,
        metrics: Metrics,
        *,
        chain: ChainId,
        kind: Any,  # noqa: ANN401 - a generic alias, as in ledger.transaction
    ) -> None:
        self._engine, self._metrics = engine, metrics
        self._chain, self._kind = chain, kind
        self._threads = trio.CapacityLimiter(CHECKERS)
        self._batches: Waiting[wire.Transactions] = Waiting(
            most=limits.BATCHES_WAITING_MAX, most_per_peer=limits.BATCHES_PER_PEER_MAX
        )

    def put(self, peer: PeerId, message: wire.Transactions) -> bool:
        """Queue what a peer sent; False where there is no room."""
        return self._batches.put(peer, message)

    async def run(
        self,
        take: Callable[[PeerId, Sequence[CheckedTransaction]], None],
        blame: Callable[[PeerId, RemoteFault], None],
    ) -> None:
        """Check what peers sent and have it taken, for ever."""
        while True:
            peer, message = await self._batches.get()
            fresh, known = await trio.to_thread.run_sync(self._unknown, message.transactions)
            self._metrics.relayed(new=len(fresh), known=len(known))
            self._engine.relay.heard(peer, known)
            answers = await self._in_thread(self._until_fault, fresh)
            checked = [one for one in answers if isinstance(one, CheckedTransaction)]
            for fault in answers[len(checked) :]:
                if isinstance(fault, RemoteFault):
                    blame(peer, fault)
            for piece in pieces(checked):
                take(peer, piece)
                await trio.lowlevel.checkpoint()

    async def checked(self, batch: Sequence[bytes]) -> list[Answer]:
        """What a client submitted, each with its answer."""
        return await self._in_thread(self._each, batch)

    async def _in_thread(
        self, check: Callable[[Sequence[bytes]], list[Answer]], batch: Sequence[bytes]
    ) -> list[Answer]:
        answers = await trio.to_thread.run_sync(check, batch, limiter=self._threads)
        signers = (len(one.signers) for one in answers if isinstance(one, CheckedTransaction))
        self._metrics.checked_signatures(sum(signers))
        return answers

    def _unknown(self, batch: Sequence[bytes]) -> tuple[list[bytes], list[TransactionHash]]:
        """What must be checked, and the names of what is here already."""
        named = {transaction_hash(data): data for data in batch}
        knows = self._engine.mempool.knows
        known = [name for name in named if knows(name)]
        for name in known:
            del named[name]
        return list(named.values()), known

    def _each(self, batch: Sequence[bytes]) -> list[Answer]:
        return [self._waiting(data) or self._one(data) for data in batch]

    def _waiting(self, data: bytes) -> CheckedTransaction | None:
        """The same bytes, checked when they came first: clients hand over again what takes long."""
        return self._engine.mempool.find(transaction_hash(data))

    def _until_fault(self, batch: Sequence[bytes]) -> list[Answer]:
        answers: list[Answer] = []
        for data in batch:
            answers.append(self._one(data))
            if not isinstance(answers[-1], CheckedTransaction):
                break
        return answers

    def _one(self, data: bytes) -> Answer:
        try:
            return check_transaction(data, self._chain, self._kind)
        except (RemoteFault, Rejected) as fault:
            return fault


async def in_pieces(
    checked: Sequence[CheckedTransaction],
    judge: Callable[[Sequence[CheckedTransaction]], list[Rejected | None]],
) -> list[Rejected | None]:
    """The engine's answers to what a client submitted, a piece at a time."""
    answers: list[Rejected | None] = []
    for piece in pieces(checked):
        answers += judge(piece)
        await trio.lowlevel.checkpoint()
    return answers
