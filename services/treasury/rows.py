"""What people see of a treasury: the rows of its queries, out of which every report is made.

Amounts are minor units of the treasury's asset. A row that is asked for as of the end of a month
says in `period` in which month it changed last.
"""

from enum import Enum, unique
from typing import final

from msgspec import Struct

from ledger.assets import AssetCode
from primitives.ids import AccountId, Digest, Height, Natural, Sized32, TimeMs, TransactionId


@final
class TreasuryRow(Struct, frozen=True, kw_only=True):
    """A treasury: whose it is, where its money is, and what it holds now."""

    treasury: Sized32[AccountId]
    asset: AssetCode
    exponent: Natural[int]
    account: Sized32[AccountId]
    balance_minor: int
    legislature: Sized32[AccountId]
    funds: tuple[str, ...]
    opened: str
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
    exponent: Natural[int]


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
    exponent: Natural[int]


@final
class ApportionmentRow(Struct, frozen=True, kw_only=True):
    """A part of a fund that may be used for a quarter or a project."""

    fund: str
    apportionment: str
    period: str
    amount_minor: int
    allotted_minor: int
    asset: AssetCode
    exponent: Natural[int]


@final
class LineRow(Struct, frozen=True, kw_only=True):
    """A line of the budget: allotted, obligated, delivered and outlaid."""

    line: str
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
    exponent: Natural[int]


@final
class AwardRow(Struct, frozen=True, kw_only=True):
    """An award: to whom, on which line, and how much of it was delivered, invoiced and paid.

    Interest on late payment is not in these amounts: it comes on top, on the same line. What the
    payee gave back is taken off all of them, and stands in `refunded_minor`.
    """

    award: str
    line: str
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
    vouchers: int
    period: str
    terms: Sized32[Digest] | None
    token: AssetCode | None
    asset: AssetCode
    exponent: Natural[int]


@final
class DeliveryRow(Struct, frozen=True, kw_only=True):
    """What was accepted under an award, by whom, and how much of it was invoiced.

    In `withdrawn` it was taken back, before anything of it was invoiced.
    """

    award: str
    number: int
    amount_minor: int
    vouchered_minor: int
    receiver: Sized32[AccountId]
    date: str
    milestone: str | None
    record: Sized32[Digest] | None
    period: str
    withdrawn: str | None
    transaction: Sized32[TransactionId]
    asset: AssetCode
    exponent: Natural[int]


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
    line: str
    delivery: int
    amount_minor: int
    interest_minor: int
    offsets: tuple[OffsetRow, ...]
    due: str
    certifier: Sized32[AccountId]
    certified_ms: Natural[TimeMs]
    status: str
    certified_in: Sized32[TransactionId]
    paid_in: Sized32[TransactionId] | None
    paid_ms: Natural[TimeMs] | None
    officers: tuple[Sized32[AccountId], ...]
    period: str
    reason: str | None
    attempt: int
    number: int
    asset: AssetCode
    exponent: Natural[int]


@final
class RefundRow(Struct, frozen=True, kw_only=True):
    """A credit note of a payee: what came back into the single account, under which award."""

    payee: Sized32[AccountId]
    credit_note: str
    award: str
    line: str
    amount_minor: int
    refunded_ms: Natural[TimeMs]
    period: str
    asset: AssetCode
    exponent: Natural[int]
    transaction: Sized32[TransactionId]


@final
class CloseRow(Struct, frozen=True, kw_only=True):
    """A month that was closed: the digest of its trial balance, in which block, and by whom."""

    treasury: Sized32[AccountId]
    period: str
    trial_balance: Sized32[Digest]
    height: Natural[Height]
    chief_accountant: Sized32[AccountId]
    auditor: Sized32[AccountId]


@final
class CloseDigestRow(Struct, frozen=True, kw_only=True):
    """What a close of the month must say: the digest of its trial balance, of so many funds."""

    treasury: Sized32[AccountId]
    period: str
    over: bool
    funds: Natural[int]
    trial_balance: Sized32[Digest]


@final
class CashRow(Struct, frozen=True, kw_only=True):
    """What a fund may still draw on the single account, and what of that is spoken for."""

    fund: str
    claim_minor: int
    undelivered_minor: int
    payable_minor: int
    free_minor: int
    asset: AssetCode
    exponent: Natural[int]


@unique
class Age(Enum):
    """How long an invoice that is not paid has been due."""

    NOT_DUE = "not_due"
    DAYS_1_30 = "days_1_30"
    DAYS_31_60 = "days_31_60"
    DAYS_61_90 = "days_61_90"
    DAYS_OVER_90 = "days_over_90"


@final
class AgeingRow(Struct, frozen=True, kw_only=True):
    """Invoices that are certified and not paid, by how long they have been due."""

    fund: str
    age: Age
    count: Natural[int]
    amount_minor: int
    oldest_due: str
    asset: AssetCode
    exponent: Natural[int]


@final
class PaymentsRow(Struct, frozen=True, kw_only=True):
    """What was certified, paid and returned in a month; how long a payment took from certification.

    Of a hundred payments fifty took at most the median, and ninety at most `p90_ms`.
    """

    fund: str
    certified: Natural[int]
    certified_minor: int
    paid: Natural[int]
    paid_minor: int
    interest_minor: int
    returned: Natural[int]
    returned_minor: int
    median_ms: Natural[int] | None
    p90_ms: Natural[int] | None
    asset: AssetCode
    exponent: Natural[int]


@final
class JournalRow(Struct, frozen=True, kw_only=True):
    """A step that was posted to a fund; `entry` is the number of its event in the transaction.

    An amount below zero takes that much of the step back.
    """

    time_ms: Natural[TimeMs]
    height: Natural[Height]
    index: Natural[int]
    entry: Natural[int]
    period: str
    fund: str
    apportionment: str | None
    line: str | None
    step: str
    amount_minor: int
    asset: AssetCode
    exponent: Natural[int]
    transaction: Sized32[TransactionId]
