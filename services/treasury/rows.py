"""What people see of a treasury: the rows of its queries, out of which every report is made.

Amounts are minor units of the treasury's asset. A row that is asked for as of the end of a month
says in `period` in which month it changed last.
"""

from typing import final

from msgspec import Struct

from ledger.assets import AssetCode
from primitives.ids import AccountId, Digest, Sized32, TimeMs, TransactionId


@final
class TreasuryRow(Struct, frozen=True, kw_only=True):
    """A treasury: whose it is, where its money is, and what it holds now."""

    treasury: Sized32[AccountId]
    asset: AssetCode
    exponent: int
    account: Sized32[AccountId]
    balance_minor: int
    legislature: Sized32[AccountId]
    funds: tuple[str, ...]
    closed: str | None
    payment_threshold_minor: int
    payment_officers: int
    interest_bp: int


@final
class FundRow(Struct, frozen=True, kw_only=True):
    """A fund: what was appropriated to it, and what of that was apportioned."""

    fund: str
    treasury: Sized32[AccountId]
    agency: Sized32[AccountId]
    available_from: str
    available_until: str | None
    cofog: str
    period: str
    appropriated_minor: int
    apportioned_minor: int
    asset: AssetCode
    exponent: int


@final
class TrialBalanceRow(Struct, frozen=True, kw_only=True):
    """What was posted to an account of a fund; the balance is debits less credits."""

    fund: str
    ussgl: str
    title: str
    debits_minor: int
    credits_minor: int
    balance_minor: int
    asset: AssetCode
    exponent: int


@final
class ApportionmentRow(Struct, frozen=True, kw_only=True):
    """A part of a fund that may be used for a quarter or a project."""

    fund: str
    apportionment: str
    period: str
    amount_minor: int
    allotted_minor: int
    asset: AssetCode
    exponent: int


@final
class LineRow(Struct, frozen=True, kw_only=True):
    """A line of the budget: allotted, obligated, delivered and outlaid."""

    fund: str
    apportionment: str
    program: str
    object_class: str
    period: str
    allotted_minor: int
    obligated_minor: int
    delivered_minor: int
    outlaid_minor: int
    asset: AssetCode
    exponent: int


@final
class AwardRow(Struct, frozen=True, kw_only=True):
    """An award: to whom, on which line, and how much of it was delivered, invoiced and paid.

    Interest on late payment is not in these amounts: it comes on top, on the same line. What the
    payee gave back is taken off all of them, and stands in `refunded_minor`.
    """

    award: str
    fund: str
    apportionment: str
    program: str
    object_class: str
    agency: Sized32[AccountId]
    kind: str
    recipient: Sized32[AccountId] | None
    officer: Sized32[AccountId]
    amount_minor: int
    delivered_minor: int
    vouchered_minor: int
    paid_minor: int
    interest_minor: int
    refunded_minor: int
    starts: str
    ends: str
    place: str | None
    process: str | None
    modification: int
    deliveries: int
    period: str
    terms: Sized32[Digest] | None
    asset: AssetCode
    exponent: int


@final
class DeliveryRow(Struct, frozen=True, kw_only=True):
    """What was accepted under an award, by whom, and how much of it was invoiced."""

    award: str
    number: int
    amount_minor: int
    vouchered_minor: int
    receiver: Sized32[AccountId]
    date: str
    milestone: str | None
    record: Sized32[Digest] | None
    transaction: Sized32[TransactionId]
    asset: AssetCode
    exponent: int


@final
class OffsetRow(Struct, frozen=True, kw_only=True):
    """A debt of the payee that is kept back from a payment, for whom."""

    reference: str
    creditor: Sized32[AccountId]
    amount_minor: int


@final
class VoucherRow(Struct, frozen=True, kw_only=True):
    """An invoice: certified by whom, and what became of it."""

    payee: Sized32[AccountId]
    invoice: str
    award: str
    delivery: int
    amount_minor: int
    interest_minor: int
    offsets: tuple[OffsetRow, ...]
    due: str
    certifier: Sized32[AccountId]
    certified_ms: TimeMs
    status: str
    certified_in: Sized32[TransactionId]
    paid_in: Sized32[TransactionId] | None
    paid_ms: TimeMs | None
    officers: tuple[Sized32[AccountId], ...]
    period: str
    reason: str | None
    attempt: int
    number: int
    asset: AssetCode
    exponent: int
