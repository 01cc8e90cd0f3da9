"""What a case costs: opening it, moving it, and what silence does, beside an empty run.

10,000 cases of a flow with eight states, four ways out of each, are moved in blocks of 100 by
accounts whose signatures count as checked, over records in memory. Each figure is the CPU of one
call less that of a call that does nothing; calls of a transition are not in it. Writes are entries
of the state that a block changes for each call.
"""

import time
from collections.abc import Iterator, Sequence
from typing import Any, Final, final

from bench.ledger import Memory, account, genesis, signer
from bench.report import Report
from ledger.block import BlockRun
from ledger.calls import NO_CALLS
from ledger.cases import CaseParty
from ledger.flows import Definition, FlowState, Holder, Impartial, Party, Silence, Transition
from ledger.operation import Operation
from ledger.roles import NOTARY
from ledger.transaction import Body, Call, CheckedTransaction, Transaction, transaction_id
from primitives.block import transaction_hash
from primitives.codec import encode
from primitives.ids import Digest, Height, TimeMs
from services.casework.cases import CaseOpened, DefineFlow, MoveCase, OpenCase
from services.table import LAW

CASES: Final = 10_000
PER_BLOCK: Final = 100
STATES: Final = 8
DAY_MS: Final = 86_400_000
GOAL_US: Final = 60
OWNER, APPLICANT = 0, 1


@final
class Nothing(Operation, tag="bench.nothing", frozen=True):
    """Do nothing."""

    def apply(self, act: Any) -> None:  # noqa: ANN401 - the signature of all rules
        """It is done."""


def ring() -> Definition:
    """A flow whose cases go round by the applicant's hand, or end by silence."""

    def way(code: str, to: str, who: Any, *needs: Any) -> Transition:  # noqa: ANN401 - unions
        return Transition(code, to, who, 0, needs, None, NO_CALLS)

    def state(number: int) -> FlowState:
        ahead = f"s{(number + 1) % STATES}"
        return FlowState(
            f"s{number}",
            (
                way("note", f"s{number}", Party("applicant")),
                way("on", ahead, Party("applicant")),
                way("decide", "end", Holder(NOTARY, None), Impartial()),
                way("lapse", "end", Silence(30 * DAY_MS)),
            ),
        )

    door = FlowState("door", (way("apply", "s0", Party("applicant")),))
    return Definition(("applicant",), (door, *map(state, range(STATES)), FlowState("end", ())))


@final
class Casebook:
    """A chain in memory, on which one account moves cases."""

    def __init__(self) -> None:
        self.begun = genesis(PER_BLOCK)
        self.state = Memory(self.begun)
        self.salts = 0
        self.time_ms = 0

    def transaction(self, by: int, operation: Operation) -> CheckedTransaction:
        """One call, as if its signature had been checked."""
        self.salts += 1
        body: Body[Any] = Body(
            chain=self.begun.chain,
            valid_until=TimeMs(self.time_ms + 60_000),
            salt=self.salts.to_bytes(16, "big"),
            calls=(Call(account(by), operation),),
        )
        data = encode(Transaction(body, ()))
        return CheckedTransaction(
            data=data,
            hash=transaction_hash(data),
            id=transaction_id(encode(body)),
            transaction=Transaction(body, ()),
            signers=frozenset((signer(by),)),
        )

    def block(self, transactions: Sequence[CheckedTransaction]) -> tuple[float, int, list[Any]]:
        """CPU seconds of the calls alone, entries written, events."""
        self.time_ms += 1_000
        run = BlockRun(
            self.state,
            law=LAW,
            chain=self.begun.chain,
            height=Height(self.state.height + 1),
            time_ms=TimeMs(self.time_ms),
        )
        for tx in transactions:
            run.admit(tx)
        started = time.process_time()
        receipts = [run.apply(tx) for tx in transactions]
        spent = time.process_time() - started
        for receipt in receipts:
            assert receipt.refusal is None, receipt.refusal
        execution = run.finish()
        self.state.commit(execution)
        self.state.height = Height(self.state.height + 1)
        events = [event for receipt in receipts for event in receipt.events]
        return spent, len(execution.state_writes), events

    def many(self, operations: Sequence[Operation]) -> tuple[float, float, list[Any]]:
        """Microseconds of a call, entries written for it, and all events."""
        spent, written, events = 0.0, 0, []
        for block in _blocks(operations):
            transactions = [self.transaction(APPLICANT, operation) for operation in block]
            seconds, entries, happened = self.block(transactions)
            spent, written = spent + seconds, written + entries - 1
            events += happened
        return spent / len(operations) * 1e6, written / len(operations), events


def _blocks(operations: Sequence[Operation]) -> Iterator[Sequence[Operation]]:
    for first in range(0, len(operations), PER_BLOCK):
        yield operations[first : first + PER_BLOCK]


def run(report: Report) -> None:
    """Opening, moving, and a deadline."""
    book = Casebook()
    book.block([book.transaction(OWNER, DefineFlow("ring", ring()))])
    empty_us, _, _ = book.many([Nothing()] * CASES)
    opening = OpenCase(
        owner=account(OWNER),
        flow="ring",
        version=1,
        parties=(CaseParty("applicant", account(APPLICANT)),),
        transition="apply",
        document=None,
        assignee=None,
        records=(),
    )
    open_us, open_writes, events = book.many([opening] * CASES)
    names = [event.case for event in events if isinstance(event, CaseOpened)]
    report.fact("cases.open", open_us - empty_us, "us per call")
    report.fact("cases.open/writes", open_writes, "entries per call")
    for transition in ("note", "on"):
        moves = [MoveCase(Digest(name), transition, None, None, ()) for name in names]
        move_us, move_writes, _ = book.many(moves)
        name = f"cases.move/{transition}"
        report.goal(name, move_us - empty_us, "us per call", at_most=GOAL_US)
        report.fact(f"{name}/writes", move_writes, "entries per call")
