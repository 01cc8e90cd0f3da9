"""What the golden vectors hold of awards, deliveries, vouchers and payments."""

import hashlib

from kit.ledger import GBP, account_id
from ledger.operation import Event, Operation, Refusal
from primitives.ids import INTEGER_MAX, Digest, TransactionId
from services.treasury.amendments import (
    AmendAward,
    AwardAmended,
    AwardTooLarge,
    BelowDelivered,
    NothingAmended,
    WrongModification,
)
from services.treasury.awards import (
    AwardExists,
    AwardKind,
    AwardMade,
    BlanketHasNoRecipient,
    EndsBeforeItStarts,
    MakeAward,
    RecipientMissing,
    TwoDuties,
    UnknownAward,
)
from services.treasury.deliveries import (
    AcceptDelivery,
    DeliveryAccepted,
    IsWithdrawn,
    MoreThanAwarded,
    NotYetDelivered,
    OutsideTheTerm,
    UnknownDelivery,
)
from services.treasury.payments import (
    DisburseVoucher,
    InterestNotCovered,
    MoreThanPayable,
    NotACreditor,
    OfficerTwice,
    OffsetPlaced,
    OffsetTwice,
    OffsetVoucher,
    TooFewOfficers,
    TooManyOffsets,
    VoucherPaid,
)
from services.treasury.returns import (
    AwardRefunded,
    DuplicateCreditNote,
    MoreThanPaid,
    NothingToReturn,
    PaymentReturned,
    RefundAward,
    ReturnPayment,
    ReturnReason,
)
from services.treasury.vouchers import (
    AwardIsTokenised,
    CancelVoucher,
    CertifyVoucher,
    DueTooEarly,
    DuplicateInvoice,
    MoreThanDelivered,
    NotTheRecipient,
    UnknownVoucher,
    VoucherCancelled,
    VoucherCertified,
    VoucherStatus,
    WrongStatus,
)
from services.treasury.withdrawals import DeliveryInvoiced, DeliveryWithdrawn, WithdrawDelivery

A, B, C = (account_id(name) for name in ("treasury", "health", "works"))
PAPER = Digest(hashlib.sha256(b"commitment").digest())
ID = TransactionId(hashlib.sha256(b"transaction").digest())
FUND = "019-2026/2027-1031-000"
LINE = f"{FUND}:2026-q2:BRDG:252"
AWARD, INVOICE = "ROAD-7", "INV-1"
FIRST, LAST = "2026-01-01", "2027-12-31"

TRANSACTIONS: dict[str, tuple[list[tuple[str, Operation]], list[str]]] = {
    "awards, and what is delivered": (
        [
            (
                "health",
                MakeAward(
                    award=AWARD,
                    line=LINE,
                    kind=AwardKind.CONTRACT,
                    recipient=C,
                    amount=INTEGER_MAX,
                    starts=FIRST,
                    ends=LAST,
                    place="GB-LND",
                    process="ocds-213czf-1",
                    terms=PAPER,
                ),
            ),
            (
                "health",
                MakeAward(
                    award="PETTY",
                    line=LINE,
                    kind=AwardKind.BLANKET,
                    recipient=None,
                    amount=1,
                    starts=FIRST,
                    ends=FIRST,
                    place=None,
                    process=None,
                    terms=None,
                ),
            ),
            ("health", AmendAward(AWARD, -1, 1, LAST)),
            ("health", AmendAward(AWARD, 1, 2, None)),
            ("health", AcceptDelivery(AWARD, 7, FIRST, "bridge-1", PAPER)),
            ("health", AcceptDelivery(AWARD, 7, FIRST, None, None)),
            ("health", WithdrawDelivery(AWARD, 2, "not_there")),
        ],
        ["health"],
    ),
    "invoices, certified and paid": (
        [
            ("health", CertifyVoucher(AWARD, 1, C, INVOICE, 7, LAST)),
            ("health", CancelVoucher(C, INVOICE, "wrong_amount")),
            ("health", OffsetVoucher(C, INVOICE, "tax 2025", A, 3)),
            ("health", DisburseVoucher(C, INVOICE, (A,))),
            ("health", DisburseVoucher(C, INVOICE, ())),
            ("works", ReturnPayment(INVOICE, ReturnReason.AC04)),
            ("works", RefundAward(AWARD, "CN-1", 1)),
        ],
        ["health", "works", "treasury"],
    ),
}
REFUSED: list[Refusal] = [
    IsWithdrawn(AWARD, 2, "2026-04"),
    DeliveryInvoiced(AWARD, 1, 7),
    UnknownAward(AWARD),
    AwardExists(AWARD, B),
    RecipientMissing(AWARD),
    BlanketHasNoRecipient(AWARD),
    EndsBeforeItStarts(AWARD, LAST, FIRST),
    TwoDuties(AWARD, A, "certifying_officer", "recipient"),
    WrongModification(AWARD, 2, 1),
    NothingAmended(AWARD),
    BelowDelivered(AWARD, 10, 7, -4),
    AwardTooLarge(AWARD, INTEGER_MAX, 1),
    UnknownDelivery(AWARD, 2, 1),
    MoreThanAwarded(AWARD, 10, 7, 4),
    OutsideTheTerm(AWARD, FIRST, LAST, "2028-01-01"),
    NotYetDelivered(AWARD, LAST, FIRST),
    UnknownVoucher(C, INVOICE),
    DuplicateInvoice(C, INVOICE, VoucherStatus.PAID, AWARD, ID),
    WrongStatus(C, INVOICE, VoucherStatus.RETURNED, VoucherStatus.CERTIFIED),
    MoreThanDelivered(AWARD, 1, 10, 7, 4),
    NotTheRecipient(AWARD, C, A),
    NotTheRecipient(AWARD, None, A),
    DueTooEarly(LAST, FIRST),
    AwardIsTokenised(AWARD, "ROADTOKEN"),
    OfficerTwice(C, INVOICE, A),
    TooFewOfficers(C, INVOICE, 10, 5, expected=2, actual=1),
    InterestNotCovered(C, INVOICE, 30, 12, LINE, 11),
    NotACreditor(C, A),
    OffsetTwice(C, INVOICE, "tax 2025", A),
    TooManyOffsets(C, INVOICE, 4),
    MoreThanPayable(C, INVOICE, 10, 7, 4),
    NothingToReturn(C, INVOICE, 10),
    MoreThanPaid(AWARD, 3, 4),
    DuplicateCreditNote(C, "CN-1", ID),
]
HAPPENED: list[Event] = [
    AwardMade(
        award=AWARD,
        line=LINE,
        agency=B,
        kind=AwardKind.GRANT,
        recipient=C,
        officer=A,
        amount=10,
        starts=FIRST,
        ends=LAST,
        place="GB-LND",
        process="ocds-213czf-1",
    ),
    AwardMade(
        award="PETTY",
        line=LINE,
        agency=B,
        kind=AwardKind.BLANKET,
        recipient=None,
        officer=A,
        amount=10,
        starts=FIRST,
        ends=LAST,
        place=None,
        process=None,
    ),
    AwardAmended(AWARD, 1, -3, 7, LAST, A),
    DeliveryAccepted(AWARD, 1, 7, A, FIRST, "bridge-1"),
    DeliveryAccepted(AWARD, 2, 7, A, FIRST, None),
    DeliveryWithdrawn(AWARD, 2, 7, "not_there", A),
    VoucherCertified(C, INVOICE, AWARD, 1, 7, LAST, A, 1),
    VoucherCancelled(C, INVOICE, AWARD, 7, "wrong_amount", A),
    OffsetPlaced(
        payee=C, invoice=INVOICE, award=AWARD, reference="tax", creditor=A, amount=3, by=B
    ),
    VoucherPaid(
        payee=C,
        invoice=INVOICE,
        award=AWARD,
        treasury=A,
        fund=FUND,
        asset=GBP,
        amount=7,
        interest=1,
        withheld=3,
        reference=f"{AWARD}/1",
        officer=B,
    ),
    PaymentReturned(C, INVOICE, AWARD, 4, 1, ReturnReason.AC04),
    AwardRefunded(C, "CN-1", AWARD, 1),
]
