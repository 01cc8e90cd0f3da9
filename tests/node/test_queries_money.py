"""Totals, entries and statements against sums that a reader could do by hand."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.ledger import GENESIS_TIME, TREASURY_BALANCE, account_id
from kit.payments import AGENCY, OTHERS, VENDORS, Ledger, Payment
from ledger import views
from node.reports import Reports
from primitives import limits
from primitives.codec import decode
from primitives.errors import Malformed, Rejected
from primitives.ids import Height, TimeMs
from services.money import Issue, Retire, Transferred
from services.money.holds import CaptureHold, PlaceHold, ReleaseHold
from services.table import RECEIPT

OPENING_DAY = "2026-05-28"
"""The day of the kit's genesis, and of its first blocks."""


def ask(ledger: Ledger, name: str, **given: str) -> Any:  # noqa: ANN401 - an Answer of any row
    return Reports(ledger.chain.store, ledger.chain.genesis).answer(name, given)


def totals(ledger: Ledger, by: str, account: str = AGENCY) -> dict[str, tuple[int, int, int, int]]:
    """Key → payments, credit notes, net, count."""
    answer = ask(ledger, "money.totals", account=account_id(account).hex(), by=by)
    return {
        row.key: (row.payments_minor, row.credit_notes_minor, row.net_minor, row.count)
        for row in answer.rows
    }


def small_ledger() -> Ledger:
    """Three vendors: one only paid, one that gave a part back, one that owes."""
    ledger = Ledger.begin()
    acme, bolt, copy = VENDORS
    ledger.block(
        [
            Payment(AGENCY, acme, 12_500, "Road repair", "2009-03-01"),
            Payment(AGENCY, acme, 500, "Postage", "2010-01-02"),
            Payment(AGENCY, bolt, 10_000, "Postage", "2009-12-31"),
            Payment(bolt, AGENCY, 4_000, "Postage", "2010-01-01"),
        ]
    )
    ledger.block(
        [
            Payment(copy, AGENCY, 700, "Copying", "2010-06-01"),
            Payment(AGENCY, "works", 100_000, "Grant", "2010-06-01"),
            Payment("works", AGENCY, 30_000, "Grant returned", "2010-07-01"),
        ]
    )
    return ledger


def test_totals_by_payee_are_payments_less_credit_notes() -> None:
    """Whoever only gave back has a negative net; income from another body is no credit note."""
    ids = {name: account_id(name).hex() for name in (*VENDORS, "works")}

    found = totals(small_ledger(), "payee")

    assert found == {
        ids["works"]: (100_000, 0, 100_000, 1),
        ids["ACME LTD"]: (13_000, 0, 13_000, 2),
        ids["BOLT LTD"]: (10_000, 4_000, 6_000, 2),
        ids["COPY LTD"]: (0, 700, -700, 1),
    }
    assert list(found) == [ids[name] for name in ("works", "ACME LTD", "BOLT LTD", "COPY LTD")]


def test_totals_by_year_go_by_the_value_date() -> None:
    """Not by the day on which the payment was booked; in the order of the years."""
    found = totals(small_ledger(), "year")

    assert list(found.items()) == [
        ("2009", (22_500, 0, 22_500, 2)),
        ("2010", (100_500, 4_700, 95_800, 4)),
    ]


def test_a_payment_without_a_value_date_counts_for_the_day_of_its_block() -> None:
    """In UTC, as all block times."""
    ledger = Ledger.begin()
    ledger.block([Payment(AGENCY, "works", 5)])

    assert totals(ledger, "year") == {"2026": (5, 0, 5, 1)}
    rows = ask(ledger, "money.entries", account=account_id(AGENCY).hex()).rows
    assert [row.date for row in rows] == [OPENING_DAY]


def test_totals_by_description_are_by_the_exact_text() -> None:
    """The text stands in the transaction, which is where it is read."""
    assert totals(small_ledger(), "description") == {
        "Grant": (100_000, 0, 100_000, 1),
        "Road repair": (12_500, 0, 12_500, 1),
        "Postage": (10_500, 4_000, 6_500, 3),
        "Copying": (0, 700, -700, 1),
    }


def test_every_row_of_totals_leads_to_the_entries_that_it_sums() -> None:
    """And each entry to a transaction that stands in a block."""
    ledger = small_ledger()

    for by in ("year", "payee", "description"):
        for row in ask(ledger, "money.totals", account=account_id(AGENCY).hex(), by=by).rows:
            parts = urlsplit(row.entries)
            asked = dict(parse_qsl(parts.query, keep_blank_values=True))
            entries = ask(ledger, parts.path.rpartition("/")[2], **asked).rows

            paid = sum(entry.payment_minor for entry in entries)
            back = sum(entry.credit_note_minor for entry in entries)
            assert (paid, back) == (row.payments_minor, row.credit_notes_minor)
            assert len(entries) == row.count
            for entry in entries:
                place = ledger.chain.store.find_transaction(entry.transaction)
                assert place is not None
                assert (place.height, place.index) == (entry.height, entry.index)


def test_a_statement_has_everything_that_moved_the_balance() -> None:
    """Beginning with what genesis gave."""
    ledger = Ledger.begin()
    works, treasury = account_id("works"), account_id("treasury")
    ledger.act("treasury", Issue("GBP", treasury, 1_000, "issue-1"))
    ledger.act("treasury", Retire("GBP", 300, "retire-1"))
    ledger.block([Payment("treasury", "works", 200, "Grant"), Payment("works", "treasury", 50)])

    answer = ask(ledger, "money.statement", account=treasury.hex())

    rows = [(row.kind.value, row.paid_minor, row.received_minor) for row in answer.rows]
    assert rows == [
        ("opening", 0, TREASURY_BALANCE),
        ("issued", 0, 1_000),
        ("retired", 300, 0),
        ("payment", 200, 0),
        ("received", 0, 50),
    ]
    assert [row.other for row in answer.rows] == [None, treasury, treasury, works, works]
    assert answer.rows[-1].balance_minor == TREASURY_BALANCE + 550
    assert answer.rows[3].description == "Grant"
    assert answer.height == 1


def test_a_statement_shows_what_was_captured_of_a_hold_under_its_reference() -> None:
    """As a payment of who promised; what is held, given back or expired moves no balance."""
    ledger = Ledger.begin()
    acme = VENDORS[0]
    works, vendor = account_id("works"), account_id(acme)
    until = TimeMs(GENESIS_TIME + 60_000)
    ledger.act("treasury", PlaceHold("GBP", 100, works, until, None, "bond 1"))
    ledger.act(acme, PlaceHold("GBP", 9, account_id(AGENCY), until, None, None))
    ledger.block()
    held = {
        receipt.events[0].beneficiary: receipt.events[0].hold
        for receipt in (decode(data, RECEIPT, limit=len(data)) for data in receipts(ledger, 1))
    }
    ledger.act("works", CaptureHold(held[works], 60))
    ledger.act("treasury", CaptureHold(held[account_id(AGENCY)], 9))
    ledger.act("works", ReleaseHold(held[works]))
    ledger.block()

    rows = ask(ledger, "money.statement", account=account_id(AGENCY).hex()).rows

    told = [(row.kind.value, row.paid_minor, row.received_minor, row.reference) for row in rows]
    assert told[0][0] == "opening"
    assert sorted(told[1:]) == [("credit_note", 0, 9, ""), ("payment", 60, 0, "bond 1")]
    assert {row.other for row in rows[1:]} == {works, vendor}
    assert rows[-1].balance_minor == TREASURY_BALANCE - 51


def receipts(ledger: Ledger, height: int) -> Sequence[bytes]:
    return ledger.chain.store.receipts(Height(height))


def test_a_vendor_below_zero_shows_what_it_owes() -> None:
    """As a negative balance of its own statement."""
    rows = ask(small_ledger(), "money.statement", account=account_id("COPY LTD").hex()).rows

    assert [(row.kind.value, row.balance_minor) for row in rows] == [("payment", -700)]


AMOUNTS = st.integers(1, 2**40)
PAYMENTS = st.builds(
    Payment,
    payer=st.sampled_from((AGENCY, AGENCY, *OTHERS, *VENDORS)),
    payee=st.sampled_from((AGENCY, *OTHERS, *VENDORS)),
    amount=AMOUNTS,
    description=st.sampled_from(("", "Postage", "Post & more = 1", "Straßenbau")),
    value_date=st.sampled_from((None, "2008-01-01", "2008-12-31", "2009-01-01")),
)
BLOCKS = st.lists(st.lists(st.lists(PAYMENTS, min_size=1, max_size=3), max_size=5), max_size=6)
"""Blocks of transactions of lines. Some pay themselves or more than they have: they are refused."""


COIN: st.SearchStrategy[Any] = st.booleans()


def put(ledger: Ledger, block: list[list[Payment]]) -> None:
    for lines in block:
        payer = lines[0].payer
        ledger.put(*(Payment(payer, *_rest(line)) for line in lines))
    ledger.chain.make_block()


def _rest(line: Payment) -> tuple[str, int, str, str | None]:
    return line.payee, line.amount, line.description, line.value_date


def transfers(ledger: Ledger) -> list[Transferred]:
    """Every payment that was made, straight from the receipts."""
    store = ledger.chain.store
    receipts = [
        decode(data, RECEIPT, limit=len(data))
        for height in range(store.head().height + 1)
        for data in store.receipts(Height(height))
    ]
    return [event for receipt in receipts for event in receipt.events]


@given(BLOCKS)
def test_totals_are_the_sums_over_all_events(blocks: list[list[list[Payment]]]) -> None:
    """Whatever was paid, by whom and in which blocks; refused payments count for nobody."""
    ledger = Ledger.begin()
    for block in blocks:
        put(ledger, block)
    running = {account_id(name) for name in VENDORS}

    for account in (AGENCY, *OTHERS, VENDORS[0]):
        own = account_id(account)
        sums: dict[str, dict[str, list[int]]] = {
            by: defaultdict(lambda: [0, 0, 0, 0]) for by in ("year", "payee", "description")
        }
        for event in transfers(ledger):
            if event.payer == own:
                other, change = event.to, (event.amount, 0, event.amount, 1)
            elif event.to == own and event.payer in running:
                other, change = event.payer, (0, event.amount, -event.amount, 1)
            else:
                continue
            year = (event.value_date or OPENING_DAY)[:4]
            keys = {
                "year": year,
                "payee": other.hex(),
                "description": ledger.paid[event.reference].description,
            }
            for by, key in keys.items():
                sums[by][key] = [sum(pair) for pair in zip(sums[by][key], change, strict=True)]

        for by, expected in sums.items():
            assert totals(ledger, by, account) == {key: tuple(s) for key, s in expected.items()}


@given(BLOCKS, st.integers(1, 4), st.data())
def test_a_statement_is_the_same_in_pages_of_any_size_while_blocks_are_added(
    blocks: list[list[list[Payment]]], limit: int, data: st.DataObject
) -> None:
    """No entry twice, none left out; each balance is the one before and the entry."""
    ledger = Ledger.begin()
    waiting = list(blocks)
    account = account_id(data.draw(st.sampled_from((AGENCY, *OTHERS, *VENDORS)))).hex()

    def page(order: str, after: str | None) -> Any:  # noqa: ANN401 - an Answer
        asked = {"account": account, "order": order, "limit": str(limit)}
        if after is not None:
            asked["after"] = after
        return ask(ledger, "money.statement", **asked)

    rows: list[Any] = []
    after = None
    while True:
        while waiting and data.draw(COIN):
            put(ledger, waiting.pop(0))
        answer = page("oldest", after)
        rows += answer.rows
        if answer.next is None:
            break
        assert len(answer.rows) == limit
        after = answer.next

    with ledger.chain.store.state() as state:
        held = views.balance(state, account_id_of(account), "GBP")
    backwards: list[Any] = []
    after = None
    while True:
        answer = page("newest", after)
        backwards += answer.rows
        if answer.next is None:
            break
        after = answer.next
        while waiting and data.draw(COIN):
            put(ledger, waiting.pop(0))

    assert backwards[::-1] == rows
    balance = 0
    for row in rows:
        balance += row.received_minor - row.paid_minor
        assert row.balance_minor == balance
    assert balance == held


def account_id_of(text: str) -> Any:  # noqa: ANN401 - an AccountId
    return bytes.fromhex(text)


@given(BLOCKS, st.integers(1, 3))
def test_entries_in_pages_are_the_entries(blocks: list[list[list[Payment]]], limit: int) -> None:
    """Also within a transaction of several lines, and by any filter."""
    ledger = Ledger.begin()
    for block in blocks:
        put(ledger, block)

    for chosen in ({}, {"payee": account_id("BOLT LTD").hex()}, {"year": "2008"}):
        asked = {"account": account_id(AGENCY).hex(), **chosen}
        whole = ask(ledger, "money.entries", **asked, limit="1000")
        rows: list[Any] = []
        answer = ask(ledger, "money.entries", **asked, limit=str(limit))
        rows += answer.rows
        while answer.next is not None:
            answer = ask(ledger, "money.entries", **asked, limit=str(limit), after=answer.next)
            rows += answer.rows

        assert whole.next is None
        assert rows == list(whole.rows)


def test_a_page_of_entries_ends_after_so_many_transactions(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """And the next one goes on, however few of them the filter lets through."""
    ledger = Ledger.begin()
    ledger.block([Payment(AGENCY, "works", n, f"number {n}") for n in range(1, 7)])
    asked = {"account": account_id(AGENCY).hex(), "description": "number 6"}
    monkeypatch.setattr(limits, "QUERY_PAGE_TRANSACTIONS_MAX", 5)

    first = ask(ledger, "money.entries", **asked)
    second = ask(ledger, "money.entries", **asked, after=first.next)

    assert first.rows == ()
    assert [row.payment_minor for row in second.rows] == [6]
    assert second.next is None


def test_a_page_that_ends_early_repeats_no_line_of_its_last_transaction(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A transaction's lines stay together."""
    ledger = Ledger.begin()
    ledger.put(Payment(AGENCY, "works", 1), Payment(AGENCY, "works", 2))
    ledger.put(Payment(AGENCY, "works", 3))
    ledger.block()
    account = account_id(AGENCY).hex()
    monkeypatch.setattr(limits, "QUERY_PAGE_TRANSACTIONS_MAX", 1)

    first = ask(ledger, "money.entries", account=account)
    monkeypatch.undo()
    second = ask(ledger, "money.entries", account=account, after=first.next)

    assert [row.payment_minor for row in first.rows] == [1, 2]
    assert [row.payment_minor for row in second.rows] == [3]


def test_totals_over_too_much_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """At the limit they are answered; a part of a sum never is."""
    ledger = Ledger.begin()
    ledger.block([Payment(AGENCY, "works", n, f"number {n}") for n in range(1, 5)])
    account = account_id(AGENCY).hex()

    for limit, by in (("QUERY_TRANSACTIONS_MAX", "year"), ("QUERY_GROUPS_MAX", "description")):
        with monkeypatch.context() as patch:
            patch.setattr(limits, limit, 4)
            assert sum(row[3] for row in totals(ledger, by).values()) == 4
            patch.setattr(limits, limit, 3)
            with pytest.raises(Rejected) as refusal:
                ask(ledger, "money.totals", account=account, by=by)
        assert refusal.value.code == "query.too_wide"


def test_the_asset_may_be_left_out_where_there_is_one() -> None:
    """And nobody invents one."""
    ledger = small_ledger()
    account = account_id(AGENCY).hex()

    named = ask(ledger, "money.totals", account=account, by="year", asset="GBP")
    with pytest.raises(Rejected) as refusal:
        ask(ledger, "money.totals", account=account, by="year", asset="EUR")

    assert named == ask(ledger, "money.totals", account=account, by="year")
    assert refusal.value.code == "asset.unknown"
    assert refusal.value.facts["expected"] == ["GBP"]


@pytest.mark.parametrize("name", ["money.totals", "money.entries", "money.statement"])
def test_an_unknown_account_has_no_report(name: str) -> None:
    """Rather than an empty one."""
    more = {"by": "year"} if name == "money.totals" else {}

    with pytest.raises(Rejected) as refusal:
        ask(Ledger.begin(), name, account="ab" * 32, **more)

    assert refusal.value.code == "account.unknown"


@pytest.mark.parametrize(
    "after", ["", "1", "1.0.0", "9.0.0.7", "1.99.0.0", "0.0.0.7", "-1.0.0.7", "1.0.0.7 ", "x"]
)
def test_a_place_that_no_page_ended_at_is_no_place(after: str) -> None:
    """Above the head, behind the last transaction of its block, or no place at all."""
    with pytest.raises(Malformed, match="after: expected the `next` of another page"):
        ask(small_ledger(), "money.entries", account=account_id(AGENCY).hex(), after=after)
