"""The journal of a treasury: every step that was posted, with the transaction that posted it."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from kit.kept_treasury import KeptWorld
from kit.ledger import account_id
from kit.treasury import AWARDED, DELIVERED, FUND, INVOICED, LINE, MINISTRY, MONEY, a_voucher
from node.reports import Reports
from node.reports.page import QueryAnswer
from primitives import limits
from primitives.errors import Malformed

OURS = account_id(MINISTRY).hex()


@pytest.fixture(scope="module")
def reports() -> Reports:
    """May has a payment, June an interest-free invoice and a change of an allotment."""
    from services.treasury import lines

    world = KeptWorld.with_payment()
    world.next_month()
    world.does("certifier", a_voucher(world.in_days(1), invoice="INV-2", amount=4_000))
    world.does("allotter", lines.TransferAllotment(LINE, f"{FUND}:2026-q2:BRDG:410", 1_000))
    assert isinstance(world, KeptWorld)
    node = world.on_a_node()
    return Reports(node.store, node.genesis)


def ask(reports: Reports, **given: str) -> QueryAnswer[Any]:
    return reports.answer("treasury.journal", {"treasury": OURS, **given})


def posted(answer: QueryAnswer[Any]) -> list[tuple[str, int]]:
    return [(row.step, row.amount_minor) for row in answer.rows]


def test_every_step_is_in_the_journal_in_its_order(reports: Reports) -> None:
    """From the law to the payment; a certified invoice posts nothing."""
    found = ask(reports)

    assert [step for step, _ in posted(found)] == [
        "appropriate",
        "apportion",
        "allot",
        "allot",
        "obligate",
        "deliver",
        "pay",
        "allot",
        "allot",
    ]
    assert posted(found)[0] == ("appropriate", MONEY)
    assert [row.amount_minor for row in found.rows][-2:] == [-1_000, 1_000]
    apportioned = found.rows[1]
    assert (apportioned.fund, apportioned.apportionment, apportioned.line) == (
        FUND,
        "2026-q2",
        None,
    )
    for row, name in zip(found.rows, found.proved_by, strict=True):
        assert name == f"transactions/{row.transaction.hex()}/events/{row.entry + 1}"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"line": LINE, "step": "obligate"}, [("obligate", AWARDED)]),
        ({"line": LINE, "step": "deliver"}, [("deliver", DELIVERED)]),
        ({"period": "2026-05", "step": "pay"}, [("pay", INVOICED)]),
        ({"period": "2026-06"}, [("allot", -1_000), ("allot", 1_000)]),
        ({"period": "2026-04"}, []),
        ({"period": "2026-09"}, []),
        ({"fund": "019-X-0001-000"}, []),
    ],
)
def test_the_journal_is_asked_for_what_a_figure_sums(
    reports: Reports, given: dict[str, str], expected: list[tuple[str, int]]
) -> None:
    """By line, by step, by month."""
    assert posted(ask(reports, **given)) == expected


@pytest.mark.parametrize("limit", [1, 2, 3, 8])
def test_pages_of_a_journal_are_all_of_it(reports: Reports, limit: int) -> None:
    """Also where a page ends amid a transaction."""
    rows: list[Any] = []
    after: dict[str, str] = {}
    while True:
        page = ask(reports, limit=str(limit), **after)
        rows += page.rows
        assert len(page.rows) <= limit
        if page.next is None:
            break
        after = {"after": page.next}

    assert rows == list(ask(reports).rows)
    assert max(Counter((row.transaction, row.entry) for row in rows).values()) == 1


def test_a_page_ends_after_so_many_transactions(
    reports: Reports, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With fewer rows than it could have, and a next page."""
    whole = ask(reports).rows
    monkeypatch.setattr(limits, "QUERY_PAGE_TRANSACTIONS_MAX", 2)
    rows: list[Any] = []
    after: dict[str, str] = {}
    pages = 0
    while True:
        page = ask(reports, **after)
        rows += page.rows
        pages += 1
        if page.next is None:
            break
        after = {"after": page.next}

    assert rows == list(whole)
    assert pages > 3


def test_a_place_that_no_page_ended_at_is_refused(reports: Reports) -> None:
    """And a ministry without a treasury has no journal, which can be proved."""
    for after in ("moon", "99999.0.0.0"):
        with pytest.raises(Malformed, match="after: expected"):
            ask(reports, after=after)
    nothing = reports.answer("treasury.journal", {"treasury": account_id("works").hex()})
    assert (nothing.rows, len(nothing.proved_by)) == ((), 1)
