"""Carries many transactions into blocks: as fast as the nodes take them, whatever dies meanwhile.

Transactions are handed over in batches, to one node after the other, and only so many are under
way at a time. They are followed by reading the ids of each new block: one question for up to 5,000
transactions. What was not seen in a block for a while is handed over again, the same bytes, which
changes nothing where it was not lost. A node that dies, or all of them, cost time and nothing else.

That a transaction stands in a block does not say that it was applied: whoever needs to know asks
the chain afterwards.
"""

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final, Self, TypeVar, final

from client.client import Client
from client.connection import Node
from client.faults import NotFinal, Unreachable
from ledger.transaction import EXPIRED, TOO_FAR_AHEAD
from node.mempool import FULL, QUOTA_EXCEEDED
from primitives.errors import OperatorFault, Rejected
from primitives.ids import TransactionId

T = TypeVar("T")

BATCH: Final = 500
"""Transactions handed over at a time: half a request's limit keeps each node's answer quick."""
UNDER_WAY_MAX: Final = 4_000
"""Handed over and not final yet: several blocks' worth, and a fifth of an account's quota."""
PATIENCE_S: Final = 60.0
"""How long nothing may move before we give up; an import can be continued later."""
AGAIN_S: Final = 5.0
"""After so long without its block a transaction is handed over again."""
_PAUSE_S: Final = 0.05
"""Between two looks for a block: half of the shortest time between two."""
BACK_OFF_S: Final = 0.5
_TRIES_MAX: Final = 20
"""For refusals that pass by themselves when a node catches up."""

NO_ROOM: Final = frozenset({FULL, QUOTA_EXCEEDED})
_STALE: Final = frozenset({EXPIRED, TOO_FAR_AHEAD})
_BLOCK_UNKNOWN: Final = "block.unknown"


@final
@dataclass(frozen=True, slots=True)
class Parcel:
    """A signed transaction, and the number by which its sender knows it."""

    number: int
    id: TransactionId
    data: bytes


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """What to carry, and whom to tell.

    `passing` are the codes of refusals that may pass, such as for an account that a node behind
    the others does not know yet.
    """

    sign: Callable[[int], Parcel]
    settled: Callable[[int], None]
    refused: Callable[[int, Rejected], None]
    passing: frozenset[str] = frozenset()


@final
@dataclass(slots=True)
class _UnderWay:
    parcel: Parcel
    since: float


@final
class Courier:
    """Asks and carries for one command, with patience. Close it in the end."""

    def __init__(self, nodes: Sequence[Node], *, patience_s: float = PATIENCE_S) -> None:
        if not nodes:
            raise OperatorFault("this home has no nodes: name one with --node URL")
        # Each client begins at another node; one that dies costs a client one attempt.
        self._clients = [Client([*nodes[i:], *nodes[:i]]) for i in range(len(nodes))]
        self._turn = 0
        self.patience_s = patience_s
        self.height = 0
        """The highest block that was seen."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for client in self._clients:
            client.close()

    @property
    def client(self) -> Client:
        """The client whose turn it is."""
        return self._clients[self._turn]

    def next_turn(self) -> None:
        """Begin at another node."""
        self._turn = (self._turn + 1) % len(self._clients)

    def ask(self, question: Callable[[Client], T]) -> T:
        """The answer, as soon as a node gives it.

        Raises:
            Unreachable: for as long as our patience lasts, none did.
            Rejected: a node says no.
        """
        deadline = time.monotonic() + self.patience_s
        while True:
            try:
                return question(self.client)
            except Unreachable:
                if time.monotonic() >= deadline:
                    raise
                self.next_turn()
                time.sleep(BACK_OFF_S)

    def catch_up(self) -> None:
        """Until the node whose turn it is has every block that was seen on the way.

        Raises:
            Unreachable, NotFinal: our patience ends before.
        """
        deadline = time.monotonic() + self.patience_s
        while self.ask(lambda client: client.status().height) < self.height:
            if time.monotonic() >= deadline:
                raise NotFinal(f"no node has block {self.height} after {self.patience_s:g} s")
            self.next_turn()
            time.sleep(_PAUSE_S)

    def carry(self, numbers: Iterable[int], errand: Errand) -> None:
        """Sign what these numbers stand for, and hand it over until all of it is settled.

        Raises:
            Unreachable, NotFinal: nothing moved for as long as our patience lasts.
        """
        _Carriage(self, iter(numbers), errand).run()


@final
class _Carriage:
    """One errand on its way.

    Each number is in the source, or waits to be handed over (again), or is under way, or was told
    to the sender once: as settled or as refused.
    """

    def __init__(self, courier: Courier, source: Iterator[int], errand: Errand) -> None:
        self._courier, self._source, self._errand = courier, source, errand
        self._again: deque[Parcel] = deque()
        self._under_way: dict[TransactionId, _UnderWay] = {}
        self._tries: dict[int, int] = {}
        self._exhausted = False
        self._hold_until = 0.0
        self._moved = time.monotonic()
        self._silence: Unreachable | None = None
        courier.height = max(courier.height, courier.ask(lambda client: client.status().height))

    def run(self) -> None:
        """Until nothing is left."""
        while True:
            handed, seen = self._hand_over(), self._follow()
            if not (handed or seen):
                if self._exhausted and not (self._under_way or self._again):
                    return
                self._check_patience()
                time.sleep(_PAUSE_S)
            self._recall()

    def _hand_over(self) -> bool:
        """One batch, if there is room for it."""
        room = UNDER_WAY_MAX - len(self._under_way)
        if room < BATCH or time.monotonic() < self._hold_until:
            return False
        batch = [self._again.popleft() for _ in range(min(BATCH, len(self._again)))]
        fresh = list(islice(self._source, BATCH - len(batch)))
        self._exhausted = self._exhausted or len(batch) + len(fresh) < BATCH
        batch += map(self._errand.sign, fresh)
        if not batch:
            return False
        try:
            answers = self._courier.client.submit_batch([parcel.data for parcel in batch])
        except Unreachable as error:
            self._again.extendleft(reversed(batch))
            self._back_off(error)
            return False
        self._courier.next_turn()
        now = time.monotonic()
        for parcel, answer in zip(batch, answers, strict=True):
            if isinstance(answer, Rejected):
                self._judge(parcel, answer)
            elif answer.final:
                self._settle(parcel)
            else:
                self._under_way[parcel.id] = _UnderWay(parcel, now)
        return True

    def _judge(self, parcel: Parcel, refusal: Rejected) -> None:
        tries = self._tries[parcel.number] = self._tries.get(parcel.number, 0) + 1
        if refusal.code in NO_ROOM:
            self._again.append(parcel)
        elif refusal.code in _STALE and tries < _TRIES_MAX:
            self._again.append(self._errand.sign(parcel.number))
        elif refusal.code in self._errand.passing and tries < _TRIES_MAX:
            self._again.append(parcel)
        else:
            self._moved = time.monotonic()
            self._errand.refused(parcel.number, refusal)
            return
        self._hold_until = time.monotonic() + BACK_OFF_S

    def _settle(self, parcel: Parcel) -> None:
        self._moved = time.monotonic()
        self._errand.settled(parcel.number)

    def _follow(self) -> bool:
        """All blocks that are new; whether there were any."""
        begun = self._courier.height
        try:
            while True:
                block = self._courier.client.block(self._courier.height + 1)
                self._courier.height = block.header.height
                for identifier in block.transactions:
                    found = self._under_way.pop(identifier, None)
                    if found is not None:
                        self._settle(found.parcel)
        except Unreachable as error:
            self._back_off(error)
        except Rejected as refusal:
            if refusal.code != _BLOCK_UNKNOWN:
                raise
        return self._courier.height > begun

    def _back_off(self, error: Unreachable) -> None:
        self._silence = error
        self._courier.next_turn()
        self._hold_until = time.monotonic() + BACK_OFF_S

    def _recall(self) -> None:
        """What was under way for too long is handed over again, and blocks are asked elsewhere.

        Not while others arrive: a slow network has lost nothing.
        """
        now = time.monotonic()
        latest = now - AGAIN_S
        first = next(iter(self._under_way.values()), None)
        if first is None or first.since >= latest or now - self._moved < AGAIN_S / 4:
            return  # they stand in the order in which they were handed over
        overdue = [each.parcel for each in self._under_way.values() if each.since < latest]
        for parcel in overdue:
            del self._under_way[parcel.id]
        self._courier.next_turn()
        self._again.extend(overdue)

    def _check_patience(self) -> None:
        if time.monotonic() - self._moved <= self._courier.patience_s:
            return
        waiting = len(self._under_way) + len(self._again)
        said = f"nothing moved for {self._courier.patience_s:g} s; {waiting} transactions wait"
        if self._silence is not None:
            raise Unreachable(f"{said}; {self._silence}")
        raise NotFinal(f"{said} for their blocks")
