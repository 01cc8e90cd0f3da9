"""What a vote costs, and its count: with 2,000 members, and with 100,000.

A body decides by one vote each. Its members are rows in memory, put there without a tree, so the
figures are those of the rules: a vote for the first time, the same again with another choice, a
vote that is handed over, and the block's duty that counts. The tree is beside it (`ledger.tree`).
"""

import time
from bisect import insort
from collections.abc import Callable, Iterator
from statistics import median
from typing import Any, Final

from bench.ledger import Memory, account, genesis, signer
from bench.report import Report
from ledger import appointments
from ledger.accounts import ACCOUNTS, Account, AccountKind, WeightedKey
from ledger.act import Act
from ledger.agenda import AGENDA
from ledger.block import BlockRun, Execution
from ledger.calls import NO_CALLS
from ledger.charters import CHARTERS, MEMBER, Charter, Procedure, Weighing
from ledger.genesis import Genesis
from ledger.motions import Option
from ledger.operation import Operation
from ledger.roles import REGISTRAR, ROLE_DEFINITIONS, RoleDefinition, RoleKey
from ledger.state import Table
from ledger.tallies import MotionId
from ledger.transaction import Body, Call, CheckedTransaction, Transaction, transaction_id
from primitives.block import transaction_hash
from primitives.codec import encode
from primitives.ids import AccountId, Digest, Height, TimeMs
from services.assembly import DelegateVote, MotionOpened, OpenMotion, Vote
from services.table import LAW

FEW: Final = 2_000
MANY: Final = 100_000
BODY: Final = AccountId(b"b" * 32)
PER_BLOCK: Final = 50
BLOCKS: Final = 20
GOAL_US: Final = 150
SAME: Final = 1.5
"""Times of the few and of the many differ by less than that, on a machine that does other work."""


class Assembly(Memory):
    """A body and its members; the agenda is scanned, as in a store."""

    def __init__(self, begun: Genesis, members: int) -> None:
        self.agenda: list[bytes] = []
        super().__init__(begun)
        self._put(ROLE_DEFINITIONS, MEMBER, RoleDefinition(REGISTRAR, None, None, ()))
        self._put(ACCOUNTS, BODY, Account(AccountKind.BODY, 0, (), "", None, 0, Height(0)))
        for number in range(members):
            keys = (WeightedKey(signer(number), 1),)
            row = Account(AccountKind.PERSON, 1, keys, "", None, 0, Height(0))
            self._put(ACCOUNTS, account(number), row)
        grants = [RoleKey(MEMBER, BODY, account(number)) for number in range(members)]
        for table, key, held in appointments.rows_of_grants(grants):
            self._put(table, key, held)
        ordinary = Procedure(
            code="ordinary",
            opener=None,
            electorate=MEMBER,
            weighing=Weighing.ONE,
            asset=None,
            quorum_bp=0,
            pass_bp=5_000,
            veto_bp=None,
            least_ms=1,
            timelock_ms=0,
            guardian=None,
            operations=None,
        )
        self._put(CHARTERS, BODY, Charter((ordinary,)))
        self.time_ms = TimeMs(0)

    def _put(self, table: Table[Any, Any], key: object, row: Any) -> None:  # noqa: ANN401
        self.rows[table.number, table.key(key)] = encode(row)

    def commit(self, execution: Execution) -> None:
        """Take over what a block wrote; remember what is due in which order."""
        super().commit(execution)
        for (number, key), value in execution.state_writes.items():
            if number == AGENDA.number:
                self.agenda.remove(key) if value is None else insort(self.agenda, key)

    def scan(
        self, table: int, *, prefix: bytes = b"", after: bytes | None = None, limit: int
    ) -> Iterator[tuple[bytes, bytes]]:
        """Of the agenda alone, from its beginning."""
        assert (table, prefix, after) == (AGENDA.number, b"", None), "no rule scans"
        for key in self.agenda[:limit]:
            yield key, self.rows[table, key]

    def block(self, begun: Genesis) -> BlockRun:
        """The next one, a second later."""
        self.time_ms = TimeMs(self.time_ms + 1_000)
        height = Height(self.height + 1)
        return BlockRun(self, LAW, chain=begun.chain, height=height, time_ms=self.time_ms)

    def end(self, run: BlockRun) -> None:
        """Take the block over."""
        self.commit(run.finish())
        self.height = Height(self.height + 1)


def _act(begun: Genesis, number: int, actor: int, operation: Operation) -> CheckedTransaction:
    body: Body[Any] = Body(
        chain=begun.chain,
        valid_until=TimeMs(3_600_000),
        salt=number.to_bytes(16, "big"),
        calls=(Call(account(actor), operation),),
    )
    data = encode(Transaction(body, ()))
    return CheckedTransaction(
        data=data,
        hash=transaction_hash(data),
        id=transaction_id(encode(body)),
        transaction=Transaction(body, ()),
        signers=frozenset((signer(actor),)),
    )


class Nothing(Operation, tag="bench.nothing", frozen=True):
    """What any call costs: its actor is looked up, and a law that binds it."""

    def apply(self, act: Act) -> None:
        """Nothing."""


def _asks(closes_ms: int) -> OpenMotion:
    options = (Option("yes", NO_CALLS),)
    return OpenMotion(BODY, "ordinary", Digest(bytes(32)), options, TimeMs(closes_ms))


def _open(state: Assembly, begun: Genesis, closes_ms: int) -> MotionId:
    run = state.block(begun)
    receipt = run.apply(_act(begun, closes_ms, 0, _asks(closes_ms)))
    state.end(run)
    (event,) = [event for event in receipt.events if isinstance(event, MotionOpened)]
    return event.motion


def _votes(
    state: Assembly, begun: Genesis, members: int, make: Callable[[int], Operation]
) -> tuple[float, int]:
    """CPU seconds for one of so many acts of different members, and the entries it writes."""
    spent, written = [], 0
    for block in range(BLOCKS):
        numbers = range(block * PER_BLOCK, (block + 1) * PER_BLOCK)
        salt = int(state.time_ms) * PER_BLOCK
        acts = [_act(begun, salt + n, 1 + n % (members - 2), make(n)) for n in numbers]
        run = state.block(begun)
        began = time.process_time()
        for tx in acts:
            assert run.apply(tx).refusal is None
        spent.append((time.process_time() - began) / PER_BLOCK)
        written = len(run.written)
        state.end(run)
    return median(spent), written


def _closings(state: Assembly, begun: Genesis) -> tuple[float, int]:
    """CPU seconds for a block in which one vote ends, beside one in which none does; its writes."""
    began_ms = int(state.time_ms) + 1_000_000
    for number in range(BLOCKS):
        _open(state, begun, began_ms + 2_000 * number)
    state.time_ms = TimeMs(began_ms - 1_000)
    spent: list[float] = []
    written = 0
    for _ in range(2 * BLOCKS):
        began = time.process_time()
        run = state.block(begun)
        ended = len(run.done)
        spent.append(time.process_time() - began)
        written = len(run.written) if ended else written
        state.end(run)
    return median(spent[::2]) - median(spent[1::2]), written


def _measure(begun: Genesis, members: int) -> dict[str, tuple[float, int]]:
    state = Assembly(begun, members)
    motion = _open(state, begun, 1_000_000)
    last = account(members - 1)
    return {
        "nothing": _votes(state, begun, members, lambda _: Nothing()),
        "open": _votes(state, begun, members, lambda n: _asks(9_000_000 + n)),
        "vote": _votes(state, begun, members, lambda _: Vote(motion, "yes")),
        "revote": _votes(state, begun, members, lambda n: Vote(motion, ("yes", "against")[n % 2])),
        "delegate": _votes(state, begun, members, lambda _: DelegateVote(motion, last)),
        "close": _closings(state, begun),
    }


def run(report: Report) -> None:
    """Each act, of the few and of the many."""
    begun = genesis(1)
    few, many = _measure(begun, FEW), _measure(begun, MANY)
    for name, (seconds, written) in many.items():
        report.fact(f"motions.{name}/writes", written, "entries")
        report.goal(f"motions.{name}/100,000 members", seconds * 1e6, "us", at_most=GOAL_US)
    for name in ("vote", "revote", "delegate", "close"):
        ratio = many[name][0] / few[name][0]
        report.goal(f"motions.{name}/100,000 ÷ 2,000", ratio, "", at_most=SAME)


if __name__ == "__main__":
    run(Report())
