"""Statements of a treasury's year: trial balance, SF-133, by function (COFOG), by nature (GFSM).

Which line, function and code there is, and what they are called, is data in the tables beside this
module.

* Trial balance: each account of each fund, as it stands at the end of the period.
* SF-133, *Report on Budget Execution and Budgetary Resources* (OMB Circular A-11, appendix F):
  where the money of each fund comes from, and what became of it. Each fund is shown as
  discretionary authority.
* COFOG: what was spent for (UN Classification of the Functions of Government). A fund has one
  function; a division is the sum of its groups, and of what names none.
* GFSM: the statement of operations of the IMF's Government Finance Statistics Manual 2014 (tables
  4.1 and 6.1), on the accrual basis (what was delivered) beside cash (what was paid). What the
  legislature appropriates is no revenue: the money was government's before.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Final

from exchange.budget_figures import (
    ALLOTTED,
    APPORTIONED,
    APPROPRIATED,
    REDUCED,
    UNAPPORTIONED,
    Books,
    FundFigures,
    award_movements,
    fund_figures,
    line_movements,
)
from exchange.tables import longest_match, rows_of
from exchange.treasury_data import TreasuryData
from exchange.workbook import Amount, Cell, Sheet
from services.treasury.rows import TrialBalanceRow

_BY_QUARTER: Final = re.compile(r".*q[1-4]")
"""An apportionment for a quarter is of category A, any other of category B."""
_DEPRECIATION: Final = "671000"
_PROCEEDS: Final = "573000"
"""What was got for property goes to the single account, out of the fund's hands."""


def trial_balance(data: TreasuryData) -> Sheet:
    """Each account of each fund, and at the end of each fund its sums, which are equal."""
    columns = ("fund", "account", "title", "debits", "credits", "balance")
    posted: defaultdict[str, list[TrialBalanceRow]] = defaultdict(list)
    for row in data.trial_balances:
        posted[row.fund].append(row)
    rows: list[list[Cell]] = []
    for fund in data.funds:
        listed = [(each.ussgl, each.title, [each]) for each in posted[fund.fund]]
        for account, title, summed in [*listed, ("", "Total", posted[fund.fund])]:
            amounts = (
                sum(each.debits_minor for each in summed),
                sum(each.credits_minor for each in summed),
                sum(each.balance_minor for each in summed),
            )
            rows.append([fund.fund, account, title, *_amounts(data, amounts)])
    return Sheet(name="Trial balance", titles=columns, rows=rows)


def sf133(books: Books) -> Sheet:
    """Every line of each fund, also those that are zero."""
    titles = [(row["line"], row["title"]) for row in rows_of("sf133_lines.csv")]
    by_quarter: Counter[str] = Counter()
    for key, movement in line_movements(books).items():
        if _BY_QUARTER.fullmatch(key.apportionment):
            by_quarter[key.fund] += movement.incurred
    rows: list[list[Cell]] = []
    for year in fund_figures(books):
        amounts = _sf133_lines(year, books, by_quarter[year.fund.fund])
        assert amounts.keys() == dict(titles).keys(), "every line of the table, and no other"
        for line, title in titles:
            rows.append([year.fund.fund, line, title, *_amounts(books.now, [amounts[line]])])
    return Sheet(name="SF-133", titles=("fund", "line", "title", "amount"), rows=rows)


def _sf133_lines(year: FundFigures, books: Books, by_quarter: int) -> dict[str, int]:
    """Line → amount, of one fund."""
    movement, adjusted = year.movement, year.adjustments
    recovered = adjusted.undelivered + adjusted.unpaid
    carried = year.brought_forward + adjusted.total
    granted, reduced = -year.since(APPROPRIATED), -year.since(REDUCED)
    authority = granted + reduced
    incurred = movement.incurred
    expired = _is_expired(year, books.now)
    apportioned = sum(year.now.get(account, 0) for account in (APPORTIONED, ALLOTTED))
    unpaid_before = movement.opening.obligated - movement.opening.outlaid
    unpaid_now = movement.closing.obligated - movement.closing.outlaid
    return {
        "1000": year.brought_forward,
        "1021": recovered,
        "1033": adjusted.paid,
        "1051": carried,
        "1100": granted,
        "1130": reduced,
        "1160": authority,
        "1900": authority,
        "1910": carried + authority,
        "2001": by_quarter,
        "2002": incurred - by_quarter,
        "2004": incurred,
        "2190": incurred,
        "2201": 0 if expired else apportioned,
        "2401": 0 if expired else year.now.get(UNAPPORTIONED, 0),
        "2412": 0 if expired else year.unobligated,
        "2413": year.unobligated if expired else 0,
        "2490": year.unobligated,
        "2500": incurred + year.unobligated,
        "3000": unpaid_before,
        "3012": 0 if expired else incurred,
        "3013": incurred if expired else 0,
        "3020": -movement.outlays,
        "3040": -recovered,
        "3050": unpaid_now,
        "3100": unpaid_before,
        "3200": unpaid_now,
        "4190": movement.outlays - adjusted.paid,
    }


def _is_expired(year: FundFigures, data: TreasuryData) -> bool:
    """Whether nothing new may be obligated any more at the end of the period."""
    until = year.fund.available_until
    return until is not None and data.last_day > until


def cofog(books: Books) -> Sheet:
    """What was appropriated, obligated, delivered and paid in the year, by function."""
    columns = ("code", "title", "appropriated", "obligated", "delivered", "paid")
    amounts: defaultdict[str, list[int]] = defaultdict(lambda: [0] * 4)
    for year in fund_figures(books):
        opening, closing = year.movement.opening, year.movement.closing
        granted = -year.since(APPROPRIATED) - year.since(REDUCED)
        changes = [now - before for now, before in zip(closing, opening, strict=True)]
        for code in functions_of(year.fund.cofog):
            amounts[code] = [a + b for a, b in zip(amounts[code], [granted, *changes], strict=True)]
    total = [sum(each) for each in zip([0] * 4, *_divisions(amounts), strict=True)]
    listed = [(row["code"], row["title"], amounts[row["code"]]) for row in rows_of("cofog.csv")]
    return _sheet("COFOG", columns, books, [*listed, ("", "Total", total)])


@cache
def functions_of(code: str) -> tuple[str, ...]:
    """The division and, if it is said, the group of a function: 04.5.1 is 04 and 04.5."""
    digits = code.replace(".", "")
    known = {row["code"] for row in rows_of("cofog.csv")}
    return tuple(each for each in (digits[:2], f"{digits[:2]}.{digits[2:3]}") if each in known)


@cache
def cofog_title(code: str) -> str:
    """What a division or a group is called."""
    return {row["code"]: row["title"] for row in rows_of("cofog.csv")}[code]


def _divisions(amounts: dict[str, list[int]]) -> Iterable[list[int]]:
    return [each for code, each in amounts.items() if "." not in code]


@cache
def gfsm_code(object_class: str) -> str:
    """The economic code of an object class."""
    row = longest_match("gfsm_object_classes.csv", object_class)
    assert row is not None, "an empty prefix fits every class"
    return row["gfsm"]


def gfsm(books: Books) -> Sheet:
    """The statement of operations: accrued, and in cash."""
    columns = ("code", "title", "accrued", "cash")
    leaves: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0])
    late = _interest(books)
    for key, movement in line_movements(books).items():
        opening, closing = movement.opening, movement.closing
        interest = late[key.fund, key.program, key.object_class, key.apportionment]
        code = gfsm_code(key.object_class)
        leaves[code][0] += closing.delivered - opening.delivered - interest
        leaves[code][1] += closing.outlaid - opening.outlaid - interest
        leaves["24"] = [each + interest for each in leaves["24"]]
    consumed = -sum(year.since(_DEPRECIATION) for year in fund_figures(books))
    sold = -sum(year.since(_PROCEEDS) for year in fund_figures(books))
    leaves["23"][0] += consumed
    leaves["3112"] = [each - sold for each in leaves["3112"]]
    leaves["3112"][0] -= consumed
    amounts = {row["code"]: _under(row["code"], leaves) for row in rows_of("gfsm.csv")}
    expense, invested = amounts["2"], amounts["31"]
    amounts |= {
        "GOB": [-a + b for a, b in zip(expense, amounts["23"], strict=True)],
        "NOB": [-a for a in expense],
        "2M": [a + b for a, b in zip(expense, invested, strict=True)],
        "NLB": [-a - b for a, b in zip(expense, invested, strict=True)],
    }
    listed = [(row["code"], row["title"], amounts[row["code"]]) for row in rows_of("gfsm.csv")]
    return _sheet("GFSM", columns, books, listed)


def _interest(books: Books) -> defaultdict[tuple[str, str, str, str], int]:
    """Paid in the year for paying late, by line: interest by nature, whatever the line buys."""
    opening = books.opening.awards if books.opening else ()
    before = {row.award: row.interest_minor for row in opening}
    found: defaultdict[tuple[str, str, str, str], int] = defaultdict(int)
    for row, _ in award_movements(books):
        key = (row.fund, row.program, row.object_class, row.apportionment)
        found[key] += row.interest_minor - before.get(row.award, 0)
    return found


def _under(code: str, leaves: dict[str, list[int]]) -> list[int]:
    """The sum of what a code has below it; codes of the balances have nothing."""
    below = [each for leaf, each in leaves.items() if leaf.startswith(code)]
    return [sum(each) for each in zip([0, 0], *below, strict=True)]


def _sheet(
    name: str, columns: Sequence[str], books: Books, rows: Iterable[tuple[str, str, Sequence[int]]]
) -> Sheet:
    listed = [[code, title, *_amounts(books.now, amounts)] for code, title, amounts in rows]
    return Sheet(name=name, titles=columns, rows=listed)


def _amounts(data: TreasuryData, amounts: Iterable[int]) -> list[Cell]:
    return [Amount(amount, data.treasury.exponent) for amount in amounts]
