"""Every inequality and every sum of a treasury, counted again from all its rows by schoolbook.

    assert broken(chain.state) == []

Nothing here uses the rules: rows are read out of the state, and added up.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from kit.ledger import MemoryState
from ledger.state import Table
from services.treasury.awards import AWARDS, Award
from services.treasury.deliveries import DELIVERIES
from services.treasury.funds import APPORTIONMENTS, FUNDS, Fund
from services.treasury.lines import BUDGET_LINES, BudgetLine
from services.treasury.returns import REFUNDS
from services.treasury.vouchers import (
    TOKEN_CLAIMS,
    VOUCHER_HISTORY,
    VOUCHERS,
    Voucher,
    VoucherStatus,
)


def rows(state: MemoryState, table: Table[Any, Any]) -> Iterator[tuple[bytes, Any]]:
    """All entries of a table."""
    for (number, key), value in list(state.rows.items()):
        if number == table.number:
            yield key, table.decode(value)


def texts(state: MemoryState, table: Table[Any, Any]) -> dict[str, Any]:
    """All entries of a table whose keys are text."""
    return {key.decode("ascii"): row for key, row in rows(state, table)}


def broken(state: MemoryState) -> list[str]:
    """What does not hold; nothing, if the books are right."""
    return [
        *_budget(state),
        *_awards(state),
        *_ledger_accounts(state),
    ]


def _ordered(what: str, **amounts: int) -> Iterator[str]:
    """Each is no more than the one before, and none is below zero."""
    values = list(amounts.values())
    if values != sorted(values, reverse=True) or values[-1] < 0:
        yield f"{what}: {amounts}"


def _equal(what: str, kept: int, counted: int) -> Iterator[str]:
    if kept != counted:
        yield f"{what}: {kept} is kept, {counted} is counted"


def _budget(state: MemoryState) -> Iterator[str]:
    funds, lines = texts(state, FUNDS), texts(state, BUDGET_LINES)
    apportioned, allotted = Counter[str](), Counter[str]()
    apportionments = texts(state, APPORTIONMENTS)
    for code, row in apportionments.items():
        apportioned[code.partition(":")[0]] += row.amount
        yield from _ordered(code, apportioned=row.amount, allotted=row.allotted)
    for code, row in lines.items():
        allotted[":".join(code.split(":")[:2])] += row.allotted
        yield from _ordered(
            code,
            allotted=row.allotted,
            obligated=row.obligated,
            delivered=row.delivered,
            outlaid=row.outlaid,
        )
    for code, row in funds.items():
        yield from _ordered(code, appropriated=row.appropriated, apportioned=row.apportioned)
        yield from _equal(f"apportioned of {code}", row.apportioned, apportioned[code])
    for code, row in apportionments.items():
        yield from _equal(f"allotted of {code}", row.allotted, allotted[code])


def _awards(state: MemoryState) -> Iterator[str]:
    awards, lines = texts(state, AWARDS), texts(state, BUDGET_LINES)
    obligated, delivered, outlaid = Counter[str](), Counter[str](), Counter[str]()
    counted = _vouchers(state)
    refunded = Counter[str]()
    for _, refund in rows(state, REFUNDS):
        refunded[refund.award] += refund.amount
    for code, row in awards.items():
        obligated[row.line] += row.amount + row.interest
        delivered[row.line] += row.delivered + row.interest
        outlaid[row.line] += row.paid + row.interest
        yield from _award(code, row, counted)
        yield from _equal(f"refunds of {code}", row.refunded, refunded[code])
    for code, row in lines.items():
        yield from _equal(f"obligated of {code}", row.obligated, obligated[code])
        yield from _equal(f"delivered of {code}", row.delivered, delivered[code])
        yield from _equal(f"outlaid of {code}", row.outlaid, outlaid[code])
    received = Counter[str]()
    for key, row in rows(state, DELIVERIES):
        award, number = key[:-5].decode("ascii"), int.from_bytes(key[-4:], "big")
        received[award] += row.amount if row.withdrawn is None else 0
        yield from _ordered(f"{award}, {number}", delivered=row.amount, vouchered=row.vouchered)
        yield from _equal(
            f"invoiced of {award}, {number}", row.vouchered, counted["delivery", award, number]
        )
    for code, row in awards.items():
        yield from _equal(f"deliveries of {code}", row.delivered + row.refunded, received[code])


def _award(code: str, row: Award, counted: Counter[tuple[object, ...]]) -> Iterator[str]:
    yield from _ordered(
        code,
        amount=row.amount,
        delivered=row.delivered,
        vouchered=row.vouchered,
        paid=row.paid,
    )
    back = row.refunded
    yield from _equal(f"vouchers of {code}", row.vouchered + back, counted["vouchered", code])
    yield from _equal(f"payments of {code}", row.paid + back, counted["paid", code])
    yield from _equal(f"claims of {code}", row.claimed, counted["claimed", code])
    yield from _equal(f"interest of {code}", row.interest, counted["interest", code])


def _vouchers(state: MemoryState) -> Counter[tuple[object, ...]]:
    """What vouchers come to, by award and by delivery; those of earlier attempts count, too."""
    counted = Counter[tuple[object, ...]]()
    latest = dict(rows(state, VOUCHERS))
    for key, claim in rows(state, TOKEN_CLAIMS):
        counted["claimed", claim.award] += _open(claim.amount, latest.get(key))
    for table in (VOUCHERS, VOUCHER_HISTORY):
        for key, voucher in rows(state, table):
            assert voucher.withheld <= voucher.amount, f"{key!r} has more set off than it is worth"
            vouchered, paid = _worth(voucher)
            counted["vouchered", voucher.award] += vouchered
            counted["delivery", voucher.award, voucher.delivery] += vouchered
            counted["paid", voucher.award] += paid
            if voucher.status is VoucherStatus.PAID:
                counted["interest", voucher.award] += voucher.interest
    return counted


def _open(claimed: int, voucher: Voucher | None) -> int:
    """What of a claim can be certified."""
    if voucher is None:
        return claimed
    if voucher.status.stands:
        return 0
    kept = voucher.withheld if voucher.status is VoucherStatus.RETURNED else 0
    return voucher.amount - kept


def _worth(voucher: Voucher) -> tuple[int, int]:
    """What of it is invoiced, and what of it is paid."""
    match voucher.status:
        case VoucherStatus.CERTIFIED:
            return voucher.amount, 0
        case VoucherStatus.PAID:
            return voucher.amount, voucher.amount
        case VoucherStatus.RETURNED:  # but what went to creditors
            return voucher.withheld, voucher.withheld
        case VoucherStatus.CANCELLED:
            return 0, 0


def _ledger_accounts(state: MemoryState) -> Iterator[str]:
    lines = texts(state, BUDGET_LINES)
    for code, fund in texts(state, FUNDS).items():
        of_fund = [row for line, row in lines.items() if line.startswith(f"{code}:")]
        yield from _fund_accounts(code, fund, of_fund)


def _fund_accounts(code: str, fund: Fund, lines: list[BudgetLine]) -> Iterator[str]:
    balances = {total.account: total.debits - total.credits for total in fund.totals}
    yield from _equal(f"debits less credits of {code}", sum(balances.values()), 0)
    allotted = sum(row.allotted for row in lines)
    obligated = sum(row.obligated for row in lines)
    delivered = sum(row.delivered for row in lines)
    outlaid = sum(row.outlaid for row in lines)
    expected = {
        "445000": fund.apportioned - fund.appropriated,
        "451000": allotted - fund.apportioned,
        "461000": obligated - allotted,
        "480100": delivered - obligated,
        "490100": outlaid - delivered,
        "490200": -outlaid,
        "101000": fund.appropriated - outlaid,
    }
    for account, balance in expected.items():
        yield from _equal(f"account {account} of {code}", balances.get(account, 0), balance)
