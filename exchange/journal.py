"""A treasury's books as a journal in plain text, for any program of double entry to check.

The language is that of Beancount. Every posting of the ledger is a transaction whose entries come
from the chart of accounts; at the end stands, for every account of every fund, the balance that the
chain itself keeps. So whoever loads the file has an independent program add everything up and
compare it, and sees at once whether a posting is missing, is there twice or is out of balance.

Budgetary accounts (4…) are kept beside the others under `Equity:Budget`, which balance among
themselves.
"""

import datetime
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, final

from exchange.treasury_data import TreasuryData, whole_units
from services.treasury.chart import ACCOUNTS, ENTRIES, Step

_ROOTS: Final = {
    "1": "Assets",
    "2": "Liabilities",
    "3": "Equity",
    "4": "Equity:Budget",
    "5": "Income",
    "6": "Expenses",
    "7": "Expenses",
}
"""Where Beancount keeps what begins with a digit; gains and losses are told by their sign."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Posting:
    """A step that was posted to a fund; `amount` below zero takes one back.

    `about` is what it was for, such as a line of the budget; `transaction` is who did it.
    """

    day: str
    fund: str
    step: Step
    amount: int
    about: str
    transaction: bytes
    event: int


def journal(data: TreasuryData, postings: Sequence[Posting]) -> bytes:
    """The journal of a treasury from its beginning to where its data end.

    `postings` in the order of the chain; later ones are left out.
    """
    told = [each for each in postings if each.day <= data.last_day]
    return "\n".join(_lines(data, told)).encode("utf-8") + b"\n"


def _lines(data: TreasuryData, postings: Sequence[Posting]) -> Iterator[str]:
    asset, exponent = data.treasury.asset, data.treasury.exponent
    yield f"; Books of the treasury {data.treasury.treasury.hex()}"
    yield f"; to {data.last_day}, read after block {data.height}"
    yield f'option "title" "Treasury {data.treasury.treasury.hex()[:16]}"'
    yield f'option "operating_currency" "{asset}"'
    first = min((each.day for each in postings), default=data.last_day)
    yield ""
    for fund, account in sorted(_accounts(data, postings)):
        yield f"{first} open {_name(fund, account)} {asset}  ; {ACCOUNTS[account].title}"
    for each in postings:
        yield ""
        yield f'{each.day} * "{each.step.value}" "{each.about}"'
        yield f'  transaction: "{each.transaction.hex()}"'
        yield f"  event: {each.event}"
        for debit, credit in ENTRIES[each.step]:
            yield f"  {_name(each.fund, debit)}  {whole_units(each.amount, exponent)} {asset}"
            yield f"  {_name(each.fund, credit)}  {whole_units(-each.amount, exponent)} {asset}"
    yield ""
    after = datetime.date.fromisoformat(data.last_day) + datetime.timedelta(days=1)
    for row in data.trial_balances:
        held = whole_units(row.balance_minor, exponent)
        yield f"{after} balance {_name(row.fund, row.ussgl)}  {held} {asset}"


def _accounts(data: TreasuryData, postings: Sequence[Posting]) -> set[tuple[str, str]]:
    posted = {
        (each.fund, account) for each in postings for pair in ENTRIES[each.step] for account in pair
    }
    return posted | {(row.fund, row.ussgl) for row in data.trial_balances}


def _name(fund: str, account: str) -> str:
    return f"{_ROOTS[account[0]]}:{account}:{fund.replace('/', '-')}"
