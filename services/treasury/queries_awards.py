"""What can be asked about awards: what was delivered under them, invoiced, paid and given back.

An invoice is found by its payee and its number, so "this invoice was never certified" is the
absence of one entry, and provable. As of the end of a month an invoice has the status that it had
then: which of its certifications counted, and whether that was paid or not yet.
"""

from collections.abc import Iterator
from typing import Annotated, Final, final

from msgspec import Meta
from msgspec.structs import replace

from ledger.books import Reference
from ledger.query import After, Limit, Page, Query, Reading, entry_name
from ledger.state import EntrySource
from primitives.ids import AccountId
from services.treasury.awards import AWARD_BOOK, AWARDS, Award, AwardCode
from services.treasury.deliveries import DELIVERIES, Delivery
from services.treasury.funds import FUNDS
from services.treasury.lines import parts_of
from services.treasury.period import Period, period_of
from services.treasury.queries import AsOf, Books, OneFund, OneTreasury, books_of, told, version_of
from services.treasury.returns import REFUNDS, Refund
from services.treasury.rows import AwardRow, DeliveryRow, OffsetRow, RefundRow, VoucherRow
from services.treasury.vouchers import (
    AWARD_VOUCHERS,
    VOUCHER_HISTORY,
    VOUCHERS,
    Attempt,
    AwardVoucher,
    Voucher,
    VoucherKey,
    VoucherStatus,
)

OneAward = Annotated[AwardCode, Meta(description="only under this award")]
OnePayee = Annotated[
    AccountId, Meta(min_length=32, max_length=32, description="only of this payee; an account's id")
]
OneRecipient = Annotated[
    AccountId, Meta(min_length=32, max_length=32, description="only to this recipient")
]


@final
class Awards(Query, tag="treasury.awards", frozen=True, kw_only=True):
    """The awards of a treasury: on which line, to whom, what was delivered, invoiced and paid.

    Amounts are net of refunds; what was paid because a payment was late is in `interest`.
    """

    treasury: OneTreasury
    period: AsOf | None
    fund: OneFund | None
    recipient: OneRecipient | None
    after: After | None
    limit: Limit | None

    def answer(self, reading: Reading) -> Page[AwardRow]:
        """List, in the order of their codes."""

        def tell(books: Books) -> Page[AwardRow]:
            def row(key: bytes, now: Award) -> AwardRow | None:
                fund = parts_of(now.line).fund
                if not books.has(fund) or self.fund not in {None, fund}:
                    return None
                if self.recipient not in {None, now.recipient}:
                    return None
                code = key.decode("ascii")
                then = version_of(books, AWARD_BOOK, code, now)
                return None if then is None else award_row(books, code, then)

            return reading.list(AWARDS, row, after=self.after, limit=self.limit)

        return told(reading, self.treasury, self.period, tell)


@final
class OneAwardQuery(Query, tag="treasury.award", frozen=True, kw_only=True):
    """An award as it is now, or the proof that there is none of this code."""

    award: Annotated[AwardCode, Meta(description="code of the award")]

    def answer(self, reading: Reading) -> Page[AwardRow]:
        """Look it up."""

        def row(award: Award) -> AwardRow:
            return award_row(_books_of_line(reading, award.line, None), self.award, award)

        return reading.look_up(AWARDS, self.award, row)


def award_row(books: Books, code: str, award: Award) -> AwardRow:
    """An award as people see it."""
    parts = parts_of(award.line)
    return AwardRow(
        award=code,
        line=award.line,
        fund=parts.fund,
        apportionment=parts.apportionment,
        program=parts.program,
        object_class=parts.object_class,
        agency=award.agency,
        kind=award.kind.value,
        recipient=award.recipient,
        officer=award.officer,
        amount_minor=award.amount,
        delivered_minor=award.delivered,
        vouchered_minor=award.vouchered,
        paid_minor=award.paid,
        interest_minor=award.interest,
        refunded_minor=award.refunded,
        starts=award.starts,
        ends=award.ends,
        place=award.place,
        process=award.process,
        modification=award.modification,
        deliveries=award.deliveries,
        vouchers=award.vouchers,
        period=award.period,
        terms=award.terms,
        token=award.token,
        asset=books.treasury.asset,
        exponent=books.exponent,
    )


def _books_of_line(reading: Reading, line: str, period: Period | None) -> Books:
    fund = FUNDS.read(reading.state, parts_of(line).fund)
    assert fund is not None, "a line is of a fund"
    books = books_of(reading, fund.treasury, period)
    assert books is not None, "a fund is of a treasury"
    return books


@final
class Deliveries(Query, tag="treasury.deliveries", frozen=True, kw_only=True):
    """What was accepted under the awards of a treasury, or under one of them."""

    treasury: OneTreasury
    period: AsOf | None
    award: OneAward | None
    after: After | None
    limit: Limit | None

    def answer(self, reading: Reading) -> Page[DeliveryRow]:
        """List, award by award."""

        def tell(books: Books) -> Page[DeliveryRow]:
            lines = LinesOfAwards(books)

            def row(key: bytes, delivery: Delivery) -> DeliveryRow | None:
                code = key[:-_NUMBER].decode("ascii")
                if lines.of(code) is None or _is_later(delivery.period, books.period):
                    return None
                return _delivery_row(books, code, key, delivery)

            prefix = b"" if self.award is None else self.award.encode("ascii") + b":"
            return reading.list(DELIVERIES, row, prefix=prefix, after=self.after, limit=self.limit)

        return told(reading, self.treasury, self.period, tell)


_NUMBER: Final = 5
"""A colon and a number of four bytes end the keys of deliveries and of an award's vouchers."""


def _delivery_row(books: Books, code: str, key: bytes, delivery: Delivery) -> DeliveryRow:
    withdrawn = delivery.withdrawn
    is_later = withdrawn is not None and _is_later(withdrawn, books.period)
    return DeliveryRow(
        award=code,
        number=int.from_bytes(key[-_NUMBER + 1 :], "big"),
        amount_minor=delivery.amount,
        vouchered_minor=delivery.vouchered,
        receiver=delivery.receiver,
        date=delivery.date,
        milestone=delivery.milestone,
        record=delivery.record,
        period=delivery.period,
        withdrawn=None if is_later else delivery.withdrawn,
        transaction=delivery.transaction,
        asset=books.treasury.asset,
        exponent=books.exponent,
    )


def _is_later(period: Period, asked: Period | None) -> bool:
    return asked is not None and period > asked


@final
class LinesOfAwards:
    """On which line of a treasury each award draws; remembered, as an award has many vouchers."""

    def __init__(self, books: Books) -> None:
        self._books = books
        self._known: dict[str, str | None] = {}

    def of(self, code: str) -> str | None:
        """The line; None if the award is another treasury's."""
        if code not in self._known:
            award = AWARDS.read(self._books.reading.state, code)
            assert award is not None, "what is delivered or invoiced has an award"
            ours = self._books.has(parts_of(award.line).fund)
            self._known[code] = award.line if ours else None
        return self._known[code]


# vouchers


@final
class Vouchers(Query, tag="treasury.vouchers", frozen=True, kw_only=True):
    """Invoices that were certified: under which award, of whom, when due, and what became of them.

    Those of one payee in the order of their numbers, those of one award in the order in which they
    were certified, with what was certified before and came to nothing.
    """

    treasury: OneTreasury
    period: AsOf | None
    payee: OnePayee | None
    award: OneAward | None
    status: Annotated[VoucherStatus, Meta(description="only those of this status")] | None
    after: After | None
    limit: Limit | None

    def answer(self, reading: Reading) -> Page[VoucherRow]:
        """List."""
        return told(
            reading,
            self.treasury,
            self.period,
            self._of_all if self.award is None else self._of_award,
        )

    def _of_all(self, books: Books) -> Page[VoucherRow]:
        lines, reading = LinesOfAwards(books), books.reading

        def row(key: bytes, newest: Voucher) -> VoucherRow | None:
            name = key_of(key)
            then = voucher_then(reading.state, name, newest, books.period)
            line = None if then is None else lines.of(then.award)
            if then is None or line is None or self.status not in {None, then.status}:
                return None
            return voucher_row(books, line, name, then)

        prefix = self.payee or b""
        return reading.list(VOUCHERS, row, prefix=prefix, after=self.after, limit=self.limit)

    def _of_award(self, books: Books) -> Page[VoucherRow]:
        assert self.award is not None, "it was asked for"
        award = AWARDS.read(books.reading.state, self.award)
        if award is None or not books.has(parts_of(award.line).fund):
            return Page([], None, [entry_name(AWARDS, AWARDS.key(self.award))])

        def row(_: bytes, known: AwardVoucher) -> VoucherRow | None:
            key = VoucherKey(known.payee, known.invoice)
            if self.payee not in {None, known.payee}:
                return None
            voucher = attempt_of(books.reading.state, key, known.attempt)
            then = as_of(voucher, books.period)
            if then is None or self.status not in {None, then.status}:
                return None
            return voucher_row(books, award.line, key, then)

        return books.reading.list(
            AWARD_VOUCHERS,
            row,
            prefix=self.award.encode("ascii") + b":",
            after=self.after,
            limit=self.limit,
        )


@final
class OneVoucher(Query, tag="treasury.voucher", frozen=True, kw_only=True):
    """What became of an invoice, or the proof that it was never certified."""

    payee: Annotated[
        AccountId, Meta(min_length=32, max_length=32, description="who sent it; an account's id")
    ]
    invoice: Annotated[Reference, Meta(description="number of the invoice")]

    def answer(self, reading: Reading) -> Page[VoucherRow]:
        """Look it up."""
        key = VoucherKey(self.payee, self.invoice)

        def row(voucher: Voucher) -> VoucherRow:
            award = AWARDS.read(reading.state, voucher.award)
            assert award is not None, "what is invoiced has an award"
            return voucher_row(_books_of_line(reading, award.line, None), award.line, key, voucher)

        return reading.look_up(VOUCHERS, key, row)


def key_of(key: bytes) -> VoucherKey:
    """The name of an invoice, out of the key of its entry."""
    return VoucherKey(AccountId(key[:32]), key[32:].decode("ascii"))


def attempt_of(state: EntrySource, key: VoucherKey, attempt: int) -> Voucher:
    """One certification of an invoice, the newest or one before."""
    newest = VOUCHERS.read(state, key)
    if newest is not None and newest.attempt == attempt:
        return newest
    past = VOUCHER_HISTORY.read(state, Attempt(key, attempt))
    assert past is not None, "each attempt is kept"
    return past


def attempts_of(state: EntrySource, key: VoucherKey, newest: Voucher) -> Iterator[Voucher]:
    """All certifications of an invoice, the newest first."""
    yield newest
    for attempt in range(newest.attempt - 1, 0, -1):
        yield attempt_of(state, key, attempt)


def voucher_then(
    state: EntrySource, key: VoucherKey, newest: Voucher, period: Period | None
) -> Voucher | None:
    """An invoice as it was at the end of a month: by the certification that counted then."""
    found = (as_of(voucher, period) for voucher in attempts_of(state, key, newest))
    return next((then for then in found if then is not None), None)


def as_of(voucher: Voucher, period: Period | None) -> Voucher | None:
    """One certification of an invoice as it was at the end of a month; None before it."""
    if period is None or voucher.period <= period:
        return voucher
    if period_of(voucher.certified_ms) > period:
        return None
    then = replace(voucher, reason=None, period=period_of(voucher.certified_ms))
    if voucher.paid_ms is not None and period_of(voucher.paid_ms) <= period:
        return replace(then, status=VoucherStatus.PAID, period=period_of(voucher.paid_ms))
    return replace(
        then, status=VoucherStatus.CERTIFIED, interest=0, paid_in=None, paid_ms=None, officers=()
    )


def voucher_row(books: Books, line: str, key: VoucherKey, voucher: Voucher) -> VoucherRow:
    """An invoice as people see it."""
    return VoucherRow(
        payee=key.payee,
        invoice=key.invoice,
        award=voucher.award,
        line=line,
        delivery=voucher.delivery,
        amount_minor=voucher.amount,
        interest_minor=voucher.interest,
        offsets=tuple(
            OffsetRow(reference=each.reference, creditor=each.creditor, amount_minor=each.amount)
            for each in voucher.offsets
        ),
        due=voucher.due,
        certifier=voucher.certifier,
        certified_ms=voucher.certified_ms,
        status=voucher.status.value,
        certified_in=voucher.certified_in,
        paid_in=voucher.paid_in,
        paid_ms=voucher.paid_ms,
        officers=voucher.officers,
        period=voucher.period,
        reason=voucher.reason,
        attempt=voucher.attempt,
        number=voucher.number,
        asset=books.treasury.asset,
        exponent=books.exponent,
    )


@final
class Refunds(Query, tag="treasury.refunds", frozen=True, kw_only=True):
    """Credit notes of payees: what they gave back, under which award."""

    treasury: OneTreasury
    period: AsOf | None
    after: After | None
    limit: Limit | None

    def answer(self, reading: Reading) -> Page[RefundRow]:
        """List, payee by payee."""

        def tell(books: Books) -> Page[RefundRow]:
            lines = LinesOfAwards(books)

            def row(key: bytes, refund: Refund) -> RefundRow | None:
                line = lines.of(refund.award)
                if line is None or _is_later(refund.period, books.period):
                    return None
                return _refund_row(books, line, key_of(key), refund)

            return reading.list(REFUNDS, row, after=self.after, limit=self.limit)

        return told(reading, self.treasury, self.period, tell)


def _refund_row(books: Books, line: str, key: VoucherKey, refund: Refund) -> RefundRow:
    return RefundRow(
        payee=key.payee,
        credit_note=key.invoice,
        award=refund.award,
        line=line,
        amount_minor=refund.amount,
        refunded_ms=refund.refunded_ms,
        period=refund.period,
        asset=books.treasury.asset,
        exponent=books.exponent,
        transaction=refund.transaction,
    )
