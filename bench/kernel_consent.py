"""What consent and records cost: each operation beside a plain transfer, and the widest policy.

Measured as bench/kernel_books.py measures: processor time of executing a call, and the entries that
it writes, over a state in memory. An intent is asked of three accounts and needs two; its calls are
one transfer, so the last approval costs a transfer and what is told as `overhead`.
"""

import time
from typing import Any, Final

from bench import ledger
from bench.kernel_books import ACCOUNTS, Blocks
from bench.report import Report
from ledger import policy
from ledger.act import Act, Deed, Work
from ledger.books import Line
from ledger.genesis import Genesis
from ledger.kinds import KINDS, Content, Field, FieldRule, FieldType, Kind, PerSubject
from ledger.operation import Operation
from ledger.policy import Holders, Policy, Signers, Way
from ledger.records import RecordStatus
from ledger.roles import ROLES, RoleGrant, RoleKey
from ledger.state import Overlay
from ledger.transaction import Call
from primitives import kernel_limits
from primitives.codec import encode
from primitives.ids import ZERO32, AccountId, Digest, Height, TimeMs, TransactionId
from services.consent import ApproveIntent, OpenIntent
from services.money import Transfer
from services.registry.records import AmendRecord, IssueRecord, SetRecordStatus
from services.table import LAW

CALLS: Final = 1_000
TIMES: Final = 20
HOUR_MS: Final = 3_600_000
_ISSUER: Final = ledger.account(0)
_CLERK: Final = ledger.account(ACCOUNTS - 1)
_RULES: Final = (
    FieldRule("class", FieldType.CODE, True, 1, 4, ("A", "B", "C")),  # noqa: FBT003
    FieldRule("beds", FieldType.INTEGER, True, 0, 500, ()),  # noqa: FBT003
    FieldRule("since", FieldType.DATE, True, 0, 0, ()),  # noqa: FBT003
)
_FIELDS: Final = (Field("class", "B"), Field("beds", "12"), Field("since", "2026-11-22"))


def _party(number: int, which: int) -> AccountId:
    return ledger.account((3 * number + which) % (ACCOUNTS - 2))


def _tell(report: Report, name: str, found: tuple[float, float, Any]) -> None:
    report.fact(f"kernel.consent/{name}", found[0] * 1e6, "us per call")
    report.fact(f"kernel.consent/{name}.writes", found[1], "entries per call")


def _records(report: Report, begun: Genesis) -> None:
    blocks = Blocks(begun)
    blocks.put(ROLES, RoleKey("notary", None, _ISSUER), RoleGrant(Height(0), None, None))
    kind = Kind(
        owner=_ISSUER,
        version=0,
        per_subject=PerSubject.ONE,
        issuer_role="notary",
        overseer_role=None,
        scope=None,
        subject_consents=False,
        consents=None,
        content=Content.COMMITMENT,
        fields=_RULES,
        kept_days=None,
    )
    blocks.put(KINDS, "bench.licence", kind)

    def issue(number: int) -> tuple[AccountId, Operation]:
        said = (Digest(ZERO32), None, _FIELDS, None, ())
        return _ISSUER, IssueRecord("bench.licence", ledger.account(number), *said)

    def amend(number: int) -> tuple[AccountId, Operation]:
        said = (Digest(ZERO32), None, _FIELDS, None, ())
        return _ISSUER, AmendRecord("bench.licence", ledger.account(number), 0, *said)

    def suspend(number: int) -> tuple[AccountId, Operation]:
        which = ("bench.licence", ledger.account(number), 0)
        return _ISSUER, SetRecordStatus(*which, RecordStatus.SUSPENDED, "inspection")

    _tell(report, "issue_record", blocks.run(issue))
    _tell(report, "amend_record", blocks.run(amend))
    _tell(report, "set_record_status", blocks.run(suspend))


def _intents(report: Report, begun: Genesis) -> None:
    def paid(number: int) -> Transfer:
        line = Line(_party(number, 1), 1, f"intent/{number}", "", None, None)
        return Transfer("GBP", (line,))

    def transfer(number: int) -> tuple[AccountId, Operation]:
        return _party(number, 0), paid(number)

    def asked(number: int) -> tuple[AccountId, Operation]:
        parties = tuple(_party(number, which) for which in range(3))
        calls = encode((Call(parties[0], paid(number)),))
        asks = Policy((Way((Signers(2, parties),)),))
        return _CLERK, OpenIntent(calls, asks, TimeMs(HOUR_MS))

    beside = Blocks(begun).run(transfer)
    blocks = Blocks(begun)
    opened = blocks.run(asked)
    _tell(report, "open_intent", opened)
    names = [event.intent for event in opened[2] if hasattr(event, "opener")]
    assert len(names) == CALLS

    def first(number: int) -> tuple[AccountId, Operation]:
        return _party(number, 2), ApproveIntent(names[number])

    def last(number: int) -> tuple[AccountId, Operation]:
        return _party(number, 0), ApproveIntent(names[number])

    _tell(report, "approve_intent", blocks.run(first))
    done = blocks.run(last)
    _tell(report, "approve_intent/last", done)
    report.fact("kernel.consent/approve_intent/last.overhead", (done[0] - beside[0]) * 1e6, "us")
    assert sum(hasattr(event, "authority") for event in done[2]) == CALLS


def _widest_policy(report: Report, begun: Genesis) -> None:
    """As many ways, conditions and answers as there can be, all of roles, and no way is met."""
    names = [f"role_{number}" for number in range(16)]
    most = kernel_limits.POLICY_ACCOUNTS_MAX
    asks = Policy(
        tuple(
            Way(tuple(Holders(most, name, None) for name in names[4 * way : 4 * way + 4]))
            for way in range(kernel_limits.POLICY_WAYS_MAX)
        )
    )
    blocks = Blocks(begun)
    people = [ledger.account(number) for number in range(kernel_limits.INTENT_ANSWERS_MAX)]
    for name in names:
        for person in people:
            blocks.put(ROLES, RoleKey(name, None, person), RoleGrant(Height(0), None, None))
    spent = 0.0
    for _ in range(TIMES):
        deed = Deed(
            state=Overlay(blocks.state),
            law=LAW,
            block=Work(),
            chain=begun.chain,
            signers=frozenset(),
            transaction_id=TransactionId(ZERO32),
            height=Height(1),
            time_ms=TimeMs(1),
        )
        act = Act(deed, people[0])
        started = time.process_time()
        assert not policy.met(act, asks, people)
        spent += time.process_time() - started
    report.fact("kernel.consent/policy.met, widest", spent / TIMES * 1e3, "ms")


def run(report: Report) -> None:
    """What records, intents and policies cost."""
    begun = ledger.genesis(ACCOUNTS)
    _records(report, begun)
    _intents(report, begun)
    _widest_policy(report, begun)
