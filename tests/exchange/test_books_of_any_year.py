"""Whatever happened in two years, the files of the second keep every rule and agree."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from exchange.budget_figures import Books
from exchange.data_act import data_act_files
from exchange.statements import cofog, gfsm, sf133
from exchange.tables import sheet_csv
from exchange.treasury_data import Names
from kit.data_act_rules import amount, broken, rows_of
from kit.treasury_books import HEALTH, ROADS, Bookkeeper

LINES = (f"{ROADS}:2026-q1:BRDG:252", f"{ROADS}:2026-q2:BRDG:2520", f"{HEALTH}:wards:HOSP:310")
STEPS = st.tuples(
    st.sampled_from(("award", "amend", "deliver", "pay", "refund", "appropriate", "rescind")),
    st.integers(0, 4),
    st.integers(1, 50_000),
    st.integers(0, 99),
)
YEARS = st.tuples(*[st.lists(STEPS, max_size=12)] * 3)


def _opened() -> Bookkeeper:
    books = Bookkeeper()
    for fund, cofog_code in ((ROADS, "04.5"), (HEALTH, "07")):
        books.fund(fund, cofog_code, None)
        books.appropriate(fund, 900_000)
    for line in LINES:
        fund, part, *_ = line.split(":")
        books.apportion(fund, part, 400_000)
        books.allot(line, 400_000)
    return books


def _do(books: Bookkeeper, what: str, which: int, size: int, interest: int) -> None:
    """A step as far as it is possible: never more than there is, never less than nothing."""
    code = f"A-{which}"
    award = books.awards.get(code)
    if what in ("appropriate", "rescind"):
        fund = (ROADS, HEALTH)[which % 2]
        getattr(books, what)(fund, size)
    elif award is None:
        books.award(code, LINES[which % 3], size, kind=("contract", "grant")[which % 2])
    elif what in ("award", "amend"):
        cut = min(size, award.amount_minor - award.delivered_minor)
        books.amend(code, size if interest % 2 else -cut)
    elif what == "deliver":
        books.deliver(code, min(size, award.amount_minor - award.delivered_minor))
    elif what == "pay":
        paid = min(size, award.delivered_minor - award.paid_minor)
        books.pay(code, f"I-{len(books.vouchers)}", paid, interest=interest)
    else:
        books.give_back(code, min(size, award.paid_minor))


@given(YEARS)
def test_the_files_of_any_year_keep_every_rule(
    years: tuple[list[tuple[str, int, int, int]], ...],
) -> None:
    """DATA Act rules; SF-133, COFOG and GFSM say the same obligations and outlays as file A."""
    books = _opened()
    moments = []
    for steps in years:
        for step in steps:
            _do(books, *step)
        moments.append(books.data())
    opening, before, now = moments
    year = Books(now, opening)
    files = data_act_files(year, before, Names())
    assert broken(files.appropriations, files.program_activity, files.award_financial) == []

    file_a = rows_of(files.appropriations)
    listed = rows_of(sheet_csv(sf133(year)))
    for row in file_a:
        own = {
            each["line"]: Decimal(each["amount"])
            for each in listed
            if each["fund"].split("-")[2] == row["MainAccountCode"]
        }
        assert own["1910"] == own["2500"] == amount(row, "TotalBudgetaryResources_CPE")
        assert own["2190"] == amount(row, "ObligationsIncurredTotalByTAS_CPE")
        assert own["3020"] == amount(row, "GrossOutlayAmountByTAS_CPE")
        unpaid = own["3000"] + own["3012"] + own["3013"] + own["3020"] + own["3040"]
        assert unpaid == own["3050"]
    net_outlays = sum(Decimal(each["amount"]) for each in listed if each["line"] == "4190")
    by_function = {each["code"]: each for each in rows_of(sheet_csv(cofog(year)))}
    by_nature = {each["code"]: each for each in rows_of(sheet_csv(gfsm(year)))}
    assert Decimal(by_function[""]["paid"]) == net_outlays == Decimal(by_nature["2M"]["cash"])
    assert by_function[""]["delivered"] == by_nature["2M"]["accrued"]
