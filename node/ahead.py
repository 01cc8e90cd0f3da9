"""Checking the transactions of blocks ahead of their execution, on the machine's other cores.

Form and signatures of a transaction need no state, so they are checked while the blocks before are
being executed. In processes and not in threads: what is left is Python through and through, and a
thread that comes back from a signature waits for the interpreter longer than the check took. A
process gets a block and answers with hashes and ids, or with why the block is bad; the transactions
are decoded here once more, which costs a tenth of what it has done.
"""

import multiprocessing
import signal
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Final

from ledger.transaction import checked_before
from node.bodies import CheckedBlock
from node.replay import Exported, checked
from primitives import limits
from primitives.block import Block
from primitives.codec import decode, encode
from primitives.errors import OperatorFault
from primitives.ids import ChainId, TransactionHash, TransactionId
from services.table import TRANSACTION

Pair = tuple[Exported, CheckedBlock]

SMALL: Final = 8
"""Transactions of a block that is checked at once: to ask another process costs as much."""
AHEAD: Final = 4
"""Blocks under way for each process: at 2 MiB, what a process needs anyway."""

_Found = tuple[bytes, str | None]
"""Hashes and ids, 64 bytes for each transaction; and why the block is bad, if it is."""


@contextmanager
def checked_ahead(
    heights: Iterable[Exported], chain: ChainId, *, workers: int
) -> Iterator[Iterator[Pair]]:
    """Each height with its checked block, in order; `workers` processes, or none.

    The iteration raises:
        BadBlock: the bytes of a height are not those behind its certificate's block id.
        OperatorFault: a process ended that should not have.
    """
    if workers == 0:
        yield ((found, checked(found, chain, TRANSACTION)) for found in heights)
        return
    # Forked: they need nothing of this process but its code, and are there at once.
    context = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_leave_signals) as pool:
        try:
            yield _in_order(pool, heights, chain, most=workers * AHEAD)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _leave_signals() -> None:
    """Ctrl-C is for the process that asks."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _in_order(
    pool: ProcessPoolExecutor, heights: Iterable[Exported], chain: ChainId, *, most: int
) -> Iterator[Pair]:
    under_way: deque[tuple[Exported, Future[_Found] | None]] = deque()
    try:
        for found in heights:
            small = len(found.block.transactions) < SMALL
            asked = None if small else pool.submit(_check, encode(found), chain)
            under_way.append((found, asked))
            if len(under_way) > most:
                yield _answered(*under_way.popleft(), chain)
        while under_way:
            yield _answered(*under_way.popleft(), chain)
    except BrokenProcessPool as error:
        raise OperatorFault(
            "a process that checks signatures was ended: is there too little memory? "
            "--workers 0 needs none"
        ) from error


def _check(data: bytes, chain: ChainId) -> _Found:
    found = decode(data, Exported, limit=limits.EXPORT_RECORD_BYTES_MAX)
    body = checked(found, chain, TRANSACTION)
    return b"".join(tx.hash + tx.id for tx in body.transactions), body.fault


def _answered(found: Exported, asked: Future[_Found] | None, chain: ChainId) -> Pair:
    if asked is None:
        return found, checked(found, chain, TRANSACTION)
    names, fault = asked.result()
    return found, _rebuilt(found, names, fault)


def _rebuilt(found: Exported, names: bytes, fault: str | None) -> CheckedBlock:
    block: Block = found.block
    identifier = found.certificate.block_id
    if fault is not None:
        return CheckedBlock(block, identifier, (), fault)
    transactions = tuple(
        checked_before(
            data,
            TRANSACTION,
            hashed=TransactionHash(names[at : at + 32]),
            identifier=TransactionId(names[at + 32 : at + 64]),
        )
        for at, data in zip(range(0, len(names), 64), block.transactions, strict=True)
    )
    return CheckedBlock(block, identifier, transactions)
