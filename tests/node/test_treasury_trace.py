"""Following money: from the law to the last hand that says so, and back."""

from __future__ import annotations

from typing import Any

import pytest

from kit.kept_treasury import KeptWorld
from kit.ledger import GBP, account_id
from kit.treasury import (
    ALLOTTED,
    AWARD,
    AWARDED,
    DELIVERED,
    FUND,
    INVOICE,
    INVOICED,
    LINE,
    MONEY,
    OTHER_LINE,
    a_delivery,
    a_payment,
    a_voucher,
    an_award,
)
from ledger.assets import Purpose
from ledger.books import Line
from ledger.lots import lot_of
from node.reports import Reports
from node.reports.page import QueryAnswer
from primitives import limits
from primitives.errors import Malformed, Rejected
from services.money import Spend, Transfer
from services.treasury.grants import CertifyClaim, Redeem, TokeniseAward
from services.treasury.returns import ReturnPayment, ReturnReason
from services.treasury.treasuries import single_account

IDS = {
    name: account_id(name).hex()
    for name in ("vendor", "grantee", "grantee-2", "creditor", "parliament", "treasury")
}
TSA = single_account(account_id("treasury"))
PAYMENT = lot_of(TSA, f"{AWARD}/1")
VOUCHER = f"voucher {IDS['vendor']}/{INVOICE}"


def pay(to: str, amount: int, reference: str, lot: str | None) -> Transfer:
    return Transfer(GBP, (Line(account_id(to), amount, reference, "", None, lot),))


def spend(to: str, amount: int, reference: str) -> Spend:
    return Spend("ROAD8", "works", (Line(account_id(to), amount, reference, "", None, None),))


@pytest.fixture(scope="module")
def reports() -> Reports:
    """One award is paid and its money passed on; another goes in tokens to a sub-grantee."""
    world = KeptWorld.with_award()
    world.does("treasury", pay("grantee", 10, "gift", None))
    world.does("grantee", pay("creditor", 7, "before", None))
    world.does("receiver", a_delivery(world.today))
    world.does("certifier", a_voucher(world.in_days(30)))
    world.does("payer", a_payment())
    world.does("vendor", pay("grantee", 5_000, "sub 1", PAYMENT))
    world.does("vendor", pay("grantee", 3_000, "sub 2", PAYMENT))
    world.does("vendor", pay("creditor", 900, "other", None))
    world.does("grantee", pay("grantee-2", 1_000, "bricks", PAYMENT))
    world.does("grantee", pay("creditor", 50, "rent", None))

    world.does("contractor", an_award("ROAD-8"))
    purposes = (Purpose("works", None, None),)
    world.does("contractor", TokeniseAward("ROAD-8", "ROAD8", AWARDED, purposes))
    world.does("vendor", spend("grantee", DELIVERED, "part"))
    world.does("receiver", a_delivery(world.today, award="ROAD-8"))
    world.does("grantee", Redeem("ROAD-8", 1, "G-1", INVOICED))
    world.does("certifier", CertifyClaim(account_id("grantee"), "G-1", world.in_days(30)))
    world.does("payer", a_payment("G-1", "grantee"))
    world.does("grantee", ReturnPayment("G-1", ReturnReason.AC04))
    assert isinstance(world, KeptWorld)
    node = world.on_a_node()
    return Reports(node.store, node.genesis)


def ask(reports: Reports, start: str, **given: str) -> QueryAnswer[Any]:
    return reports.answer("treasury.trace", {"from_": start, **given})


def steps(answer: QueryAnswer[Any]) -> list[tuple[int, str, str, str, int, int]]:
    names = {identifier: name for name, identifier in IDS.items()} | {TSA.hex(): "TSA"}
    return [
        (
            row.depth,
            names.get(row.giver, row.giver),
            row.relation.value,
            names.get(row.receiver, row.receiver),
            row.amount_minor,
            row.count,
        )
        for row in answer.rows
    ]


def test_a_payment_is_followed_through_every_hand_that_names_it(reports: Reports) -> None:
    """And what was paid out of something else is no part of it."""
    found = ask(reports, f"voucher:{IDS['vendor']}/{INVOICE}")

    assert steps(found) == [
        (1, VOUCHER, "pays", "vendor", INVOICED, 1),
        (2, "vendor", "passes_on", "grantee", 8_000, 2),
        (3, "grantee", "passes_on", "grantee-2", 1_000, 1),
    ]
    assert steps(ask(reports, f"payment:{PAYMENT}")) == [
        (depth - 1, *rest) for depth, *rest in steps(found)[1:]
    ]


def test_every_step_names_its_proof(reports: Reports) -> None:
    """The event that says so; of a sum, the first."""
    [_, sub, _] = ask(reports, f"voucher:{IDS['vendor']}/{INVOICE}").rows

    assert sub.proof == f"transactions/{sub.transaction.hex()}/events/1"
    assert sub.first is not None
    assert sub.first <= sub.last


def test_a_fund_is_followed_down_to_the_last_supplier(reports: Reports) -> None:
    """Lines and awards are rows of the state; from there on, movements."""
    found = steps(ask(reports, f"fund:{FUND}"))

    assert found[:4] == [
        (1, f"fund {FUND}", "allots", f"line {LINE}", ALLOTTED, 1),
        (1, f"fund {FUND}", "allots", f"line {OTHER_LINE}", ALLOTTED // 5, 1),
        (2, f"line {LINE}", "obligates", f"award {AWARD}", AWARDED, 1),
        (2, f"line {LINE}", "obligates", "award ROAD-8", AWARDED, 1),
    ]
    assert (3, f"award {AWARD}", "pays", "vendor", INVOICED, 1) in found
    assert (3, "award ROAD-8", "pays", "grantee", INVOICED, 1) in found
    assert (3, "award ROAD-8", "tokenises", "vendor", AWARDED, 1) in found
    assert (4, "vendor", "passes_on", "grantee", DELIVERED, 1) in found
    assert (5, "grantee", "redeems", "award ROAD-8", INVOICED, 1) in found
    assert (4, "grantee", "passes_on", "TSA", INVOICED, 1) in found


def test_the_rows_of_the_state_name_their_entries(reports: Reports) -> None:
    """So that a proof of them can be asked for."""
    rows = ask(reports, f"fund:{FUND}", depth="2").rows

    assert rows[0].proof == f"state/budget_lines/{LINE.encode().hex()}"
    assert rows[2].proof == f"state/awards/{AWARD.encode().hex()}"
    assert rows[0].transaction is None


def test_money_is_traced_back_to_the_law(reports: Reports) -> None:
    """From the supplier to the parliament."""
    found = steps(ask(reports, f"payment:{PAYMENT}", direction="back"))

    assert found == [
        (1, f"award {AWARD}", "pays", "vendor", INVOICED, 1),
        (2, f"line {LINE}", "obligates", f"award {AWARD}", AWARDED, 1),
        (3, f"fund {FUND}", "allots", f"line {LINE}", ALLOTTED, 1),
        (4, "parliament", "appropriates", f"fund {FUND}", MONEY, 1),
    ]


def test_an_account_is_traced_back_by_all_that_it_got(reports: Reports) -> None:
    """Each payment by its own lot, where it says one."""
    found = steps(
        ask(reports, f"account:{IDS['grantee-2']}", direction="back", asset=GBP, depth="3")
    )

    assert found == [
        (1, "grantee", "passes_on", "grantee-2", 1_000, 1),
        (2, "vendor", "passes_on", "grantee", 8_000, 2),
        (3, f"award {AWARD}", "pays", "vendor", INVOICED, 1),
    ]


def test_an_invoice_is_traced_back_through_its_award(reports: Reports) -> None:
    """Though it is not paid."""
    found = steps(ask(reports, f"voucher:{IDS['vendor']}/{INVOICE}", direction="back", depth="2"))

    assert found == [
        (1, f"award {AWARD}", "certifies", VOUCHER, INVOICED, 1),
        (2, f"line {LINE}", "obligates", f"award {AWARD}", AWARDED, 1),
    ]


def test_tokens_are_traced_back_to_their_award(reports: Reports) -> None:
    """In their own asset."""
    found = steps(ask(reports, f"account:{IDS['grantee']}", direction="back", asset="ROAD8"))

    assert found[:2] == [
        (1, "vendor", "passes_on", "grantee", DELIVERED, 1),
        (2, "award ROAD-8", "tokenises", "vendor", AWARDED, 1),
    ]


def test_from_an_account_all_is_followed_that_came_after_the_money(reports: Reports) -> None:
    """What it paid before it got anything cannot be out of it."""
    found = steps(ask(reports, f"account:{IDS['vendor']}", asset=GBP))

    assert found[:2] == [
        (1, "vendor", "passes_on", "creditor", 900, 1),
        (1, "vendor", "passes_on", "grantee", 8_000, 2),
    ]
    assert (2, "grantee", "passes_on", "creditor", 50, 1) in found


def test_the_depth_ends_the_walk(reports: Reports) -> None:
    """Six steps unless something else is asked for."""
    start = f"voucher:{IDS['vendor']}/{INVOICE}"
    assert [depth for depth, *_ in steps(ask(reports, start, depth="1"))] == [1]
    with pytest.raises(Malformed, match="depth"):
        ask(reports, start, depth=str(limits.TRACE_DEPTH_MAX + 1))
    ask(reports, start, depth=str(limits.TRACE_DEPTH_MAX))


def test_pages_are_of_one_walk(reports: Reports) -> None:
    """Each goes on where the last one ended."""
    start = f"fund:{FUND}"
    whole = steps(ask(reports, start))
    first = ask(reports, start, limit="2")
    assert first.next is not None
    second = ask(reports, start, limit="1000", after=first.next)

    assert steps(first) + steps(second) == whole
    assert second.next is None
    with pytest.raises(Malformed, match="after"):
        ask(reports, start, after="x")


@pytest.mark.parametrize(
    "start",
    ["", "fund", "fund:", "bridge:7", "account:vendor", "voucher:me/INV-1", "payment:x", "award:é"],
)
def test_a_start_that_is_none_is_refused_in_words(reports: Reports, start: str) -> None:
    """Says what was expected."""
    with pytest.raises(Malformed, match="expected fund:CODE"):
        ask(reports, start)


@pytest.mark.parametrize(
    "start",
    ["fund:000-X-0000-000", "award:NONE", f"payment:{'0' * 64}/x", f"voucher:{'0' * 64}/x"],
)
def test_from_what_there_is_not_no_step_is_taken(reports: Reports, start: str) -> None:
    """No rows, and no fault; whichever way."""
    assert ask(reports, start).rows == ()
    assert ask(reports, start, direction="back").rows == ()


def test_an_unknown_account_is_refused(reports: Reports) -> None:
    """As by every other query."""
    with pytest.raises(Rejected, match="there is no account"):
        ask(reports, f"account:{'0' * 64}", asset=GBP)


def test_a_walk_over_too_much_is_refused(reports: Reports, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of movements, and of steps; at the limit it is answered."""
    start = f"payment:{PAYMENT}"
    monkeypatch.setattr(limits, "QUERY_GROUPS_MAX", 2)
    assert len(ask(reports, start).rows) == 2
    monkeypatch.setattr(limits, "QUERY_GROUPS_MAX", 1)
    with pytest.raises(Rejected, match="more than 1 steps"):
        ask(reports, start)
    monkeypatch.setattr(limits, "QUERY_MOVEMENTS_MAX", 3)
    with pytest.raises(Rejected, match="more than 3 movements"):
        ask(reports, start)
