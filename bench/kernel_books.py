"""What the books cost: each operation on money beside a plain transfer, and looking back.

Operations go over a state in memory, one call to a transaction, in blocks of 100; signature checks
are not included. A figure is the processor time of executing the calls of a block, divided by their
number; with it go the entries that each of them writes. The plain transfer is `ledger.apply` of
bench/ledger.py: nothing of the rest may make it dearer.
"""

import time
from collections.abc import Callable, Sequence
from statistics import median
from typing import Any, Final

from bench import ledger
from bench.report import Report
from ledger import books
from ledger.assets import ASSETS, Asset, Purpose
from ledger.block import BlockRun
from ledger.books import BALANCES, Balance, Holding, Line
from ledger.checkpoints import CHECKPOINTS, SERIES, Checkpoint, CheckpointKey, Series
from ledger.genesis import Genesis
from ledger.operation import Operation
from ledger.restraints import RESTRAINTS, Limit, PeriodBound, Restraint
from ledger.state import Overlay, Table
from ledger.transaction import Body, Call, CheckedTransaction, Transaction, transaction_id
from primitives.block import transaction_hash
from primitives.codec import encode
from primitives.ids import AccountId, Height, TimeMs
from services.money import Spend, Transfer
from services.money.holds import CaptureHold, PlaceHold, ReleaseHold
from services.table import LAW

ACCOUNTS: Final = 2_000
PER_BLOCK: Final = 100
BLOCKS: Final = 10
CHECKPOINTS_OF_ONE: Final = 100_000
LOOKUPS: Final = 2_000
HOUR_MS: Final = 3_600_000

Made = Callable[[int], tuple[AccountId, Operation]]
"""The call of a number: who acts, and what."""


class Blocks:
    """A state to which blocks of calls are added."""

    def __init__(self, begun: Genesis) -> None:
        self._begun = begun
        self.state = ledger.Memory(begun)
        self._made = 0

    def put(self, table: Table[Any, Any], key: object, row: Any) -> None:  # noqa: ANN401 - a row
        """Write a row past all rules, below the tree; so its blocks are not finished."""
        self.state.rows[table.number, table.key(key)] = encode(row)

    def run(self, made: Made) -> tuple[float, float, list[Any]]:
        """Seconds and written entries of a call, and the events of all."""
        spent, writes, events = [], 0, list[Any]()
        for block in range(BLOCKS):
            first = block * PER_BLOCK
            calls = [self._transaction(*made(first + i)) for i in range(PER_BLOCK)]
            run = BlockRun(
                self.state,
                chain=self._begun.chain,
                height=Height(self.state.height + 1),
                time_ms=self._time,
                law=LAW,
            )
            started = time.process_time()
            receipts = [run.apply(tx) for tx in calls]
            spent.append((time.process_time() - started) / PER_BLOCK)
            for receipt in receipts:
                assert receipt.refusal is None, receipt.refusal
                events += receipt.events
            execution = run.finish()
            writes += len(execution.state_writes) - 1  # one is the block's own: the window
            self.state.commit(execution)
            self.state.height = Height(self.state.height + 1)
        return median(spent), writes / (BLOCKS * PER_BLOCK), events

    @property
    def _time(self) -> TimeMs:
        return TimeMs(1_000 * self.state.height)

    def _transaction(self, actor: AccountId, operation: Operation) -> CheckedTransaction:
        self._made += 1
        body: Body[Any] = Body(
            chain=self._begun.chain,
            valid_until=TimeMs(self._time + 30_000),
            salt=self._made.to_bytes(16, "big"),
            calls=(Call(actor, operation),),
        )
        data = encode(Transaction(body, ()))
        return CheckedTransaction(
            data=data,
            hash=transaction_hash(data),
            id=transaction_id(encode(body)),
            transaction=Transaction(body, ()),
            signers=frozenset((ledger.signer(_NUMBERS[actor]),)),
        )


_NUMBERS: Final = {ledger.account(number): number for number in range(ACCOUNTS)}


def _pair(number: int) -> tuple[AccountId, AccountId]:
    """Payer and payee of a call: all accounts take turns."""
    return ledger.account(number % ACCOUNTS), ledger.account((number * 7 + 1) % ACCOUNTS)


def _line(number: int) -> Line:
    return Line(_pair(number)[1], 1, f"bench/{number}", "", None, None)


def _transfer(number: int) -> tuple[AccountId, Operation]:
    return _pair(number)[0], Transfer("GBP", (_line(number),))


def _spend(number: int) -> tuple[AccountId, Operation]:
    return _pair(number)[0], Spend("GRANT", "works", (_line(number),))


def _place(number: int) -> tuple[AccountId, Operation]:
    payer, payee = _pair(number)
    return payer, PlaceHold("GBP", 10, payee, TimeMs(HOUR_MS), None, None)


def _tell(report: Report, name: str, found: tuple[float, float, Sequence[Any]]) -> None:
    report.fact(f"kernel.books/{name}", found[0] * 1e6, "us per call")
    report.fact(f"kernel.books/{name}.writes", found[1], "entries per call")


def _held(report: Report, begun: Genesis) -> None:
    state = Blocks(begun)
    found = state.run(_place)
    _tell(report, "place_hold", found)
    placed = found[2]

    def capture(number: int) -> tuple[AccountId, Operation]:
        return placed[number].beneficiary, CaptureHold(placed[number].hold, 4)

    def release(number: int) -> tuple[AccountId, Operation]:
        return placed[number].beneficiary, ReleaseHold(placed[number].hold)

    _tell(report, "capture_hold", state.run(capture))
    _tell(report, "release_hold", state.run(release))


def _variants(report: Report, begun: Genesis) -> None:
    limited = Blocks(begun)
    limit = Limit("GBP", 10**9, PeriodBound(10**12, HOUR_MS), 0, 0)
    for account in _NUMBERS:
        limited.put(RESTRAINTS, account, Restraint(None, (limit,)))
    _tell(report, "transfer/limited", limited.run(_transfer))

    watched = Blocks(begun)
    issuer = ledger.account(0)
    watched.put(ASSETS, "GBP", Asset(2, issuer, snapshots=True, earmark=(), expires_ms=None))
    _tell(report, "transfer/snapshots", watched.run(_transfer))

    earmarked = Blocks(begun)
    purposes = (Purpose("staff", None, None), Purpose("works", None, None))
    earmarked.put(
        ASSETS, "GRANT", Asset(2, issuer, snapshots=False, earmark=purposes, expires_ms=None)
    )
    for account in _NUMBERS:
        earmarked.put(BALANCES, Holding(account, "GRANT"), Balance(10**6, 0))
    _tell(report, "spend/earmarked", earmarked.run(_spend))


def _looking_back(report: Report, begun: Genesis) -> None:
    state = Blocks(begun)
    holder = ledger.account(1)
    state.put(ASSETS, "GBP", Asset(2, holder, snapshots=True, earmark=(), expires_ms=None))
    series = BALANCES.key(Holding(holder, "GBP"))
    state.put(SERIES, series, Series(CHECKPOINTS_OF_ONE, Height(CHECKPOINTS_OF_ONE)))
    for number in range(CHECKPOINTS_OF_ONE):
        state.put(CHECKPOINTS, CheckpointKey(series, number), Checkpoint(Height(number), number))
    started = time.process_time()
    for number in range(LOOKUPS):
        height = number * 7_919 % CHECKPOINTS_OF_ONE
        overlay = Overlay(state.state)
        assert books.balance_at(overlay, holder, "GBP", Height(height)) == height
    spent = (time.process_time() - started) / LOOKUPS
    report.fact("kernel.books/balance_at of 100,000 changes", spent * 1e6, "us")


def run(report: Report) -> None:
    """What each operation on money costs beside a plain transfer."""
    begun = ledger.genesis(ACCOUNTS)
    _tell(report, "transfer", Blocks(begun).run(_transfer))
    _held(report, begun)
    _variants(report, begun)
    _looking_back(report, begun)
