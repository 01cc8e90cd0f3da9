"""Accounts, transactions, blocks and stamps, page by page."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.ledger import account_id
from kit.payments import AGENCY, VENDORS, Ledger, Payment
from node.reports import Reports, moment
from primitives import limits
from primitives.errors import Malformed
from primitives.ids import Digest
from services.registry.stamps import StampAct, StampDocument


def ask(ledger: Ledger, name: str, **given: str) -> Any:  # noqa: ANN401 - an Answer of any row
    return Reports(ledger.chain.store, ledger.chain.genesis).answer(name, given)


def pages(ledger: Ledger, name: str, **given: str) -> list[Any]:
    """All rows, page by page."""
    answer = ask(ledger, name, **given)
    rows = list(answer.rows)
    while answer.next is not None:
        answer = ask(ledger, name, **given, after=answer.next)
        rows += answer.rows
    return rows


def test_accounts_come_with_keeper_floor_and_balances() -> None:
    """A vendor that owes is below zero."""
    ledger = Ledger.begin()
    ledger.block([Payment("ACME LTD", AGENCY, 500)])

    rows = pages(ledger, "ledger.accounts", limit="3")

    by_id = {row.id: row for row in rows}
    acme, agency = by_id[account_id("ACME LTD")], by_id[account_id(AGENCY)]
    assert [row.id for row in rows] == sorted(
        account.id for account in ledger.chain.genesis.accounts
    )
    assert (acme.keeper, acme.floor) == (account_id(AGENCY), None)
    assert [(held.asset, held.amount, held.exponent) for held in acme.balances] == [
        ("GBP", -500, 2)
    ]
    assert (agency.keeper, agency.floor, agency.name) == (None, 0, "Treasury")


@pytest.mark.parametrize("name", ["ledger.accounts", "chain.blocks"])
def test_a_page_has_as_many_rows_as_were_asked_for(name: str) -> None:
    """And names a next page only if it has a row."""
    ledger = Ledger.begin()
    ledger.block()
    count = len(pages(ledger, name))

    short = ask(ledger, name, limit=str(count - 1))
    whole = ask(ledger, name, limit=str(count))

    assert (len(short.rows), short.next is None) == (count - 1, False)
    assert (len(whole.rows), whole.next is None) == (count, True)


@given(
    st.lists(st.lists(st.sampled_from((*VENDORS, "works")), max_size=3), max_size=8),
    st.integers(1, 3),
    st.integers(1, 3),
    st.integers(1, 4),
)
def test_transactions_of_an_account_in_both_orders(
    blocks: list[list[str]], limit: int, stretch: int, chunk: int
) -> None:
    """Those that name it and no others, however the index is read."""
    ledger = Ledger.begin()
    expected = []
    for height, payees in enumerate(blocks, start=1):
        for index, payee in enumerate(payees):
            identifier = ledger.put(Payment(AGENCY, payee, 1))
            if payee == VENDORS[0]:
                expected.append((height, index, identifier))
        ledger.block()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(moment, "_HEIGHTS_AT_ONCE", stretch)
        patch.setattr(moment, "_PLACES_AT_ONCE", chunk)
        found = {
            order: [
                (row.height, row.index, row.id)
                for row in pages(
                    ledger,
                    "ledger.transactions",
                    account=account_id(VENDORS[0]).hex(),
                    order=order,
                    limit=str(limit),
                )
            ]
            for order in ("oldest", "newest")
        }

    assert found == {"oldest": expected, "newest": expected[::-1]}


def test_a_refused_transaction_is_listed_with_its_code() -> None:
    """It stands in a block; it names the account; it changed nothing."""
    ledger = Ledger.begin()
    ledger.block([Payment("works", "health", 1)])

    [row] = ask(ledger, "ledger.transactions", account=account_id("works").hex()).rows

    assert (row.outcome.value, row.refusal) == ("refused", "books.overdraft")
    assert row.operations == ("money.transfer",)


@pytest.mark.parametrize("order", ["oldest", "newest"])
def test_blocks_in_pages_are_the_chain(order: str) -> None:
    """From genesis, which nobody certified, to the head."""
    ledger = Ledger.begin()
    for count in (2, 0, 1):
        ledger.block([Payment(AGENCY, "works", 1)] * count)

    rows = pages(ledger, "chain.blocks", order=order, limit="2")

    shown = [(row.height, row.transactions, row.view, row.seals) for row in rows]
    expected = [(0, 0, None, 0), (1, 2, 0, 3), (2, 0, 0, 3), (3, 1, 0, 3)]
    assert shown == (expected if order == "oldest" else expected[::-1])
    assert rows[expected.index((3, 1, 0, 3)) if order == "oldest" else 0].id == (
        ledger.chain.store.head().block_id
    )


def stamped() -> Ledger:
    ledger = Ledger.begin()
    for number, by in enumerate(("works", "health", "works", "works")):
        commitment = Digest(bytes([number // 2]) * 32)
        act = StampAct.TIMESTAMP
        ledger.act(by, StampDocument(commitment, act))
    ledger.block()
    return ledger


def test_stamps_are_found_by_document_and_by_author() -> None:
    """The fourth act was the third again, and was refused."""
    ledger = stamped()
    first = bytes(32).hex()
    works = account_id("works").hex()

    everything = pages(ledger, "registry.stamps", limit="1")
    of_first = pages(ledger, "registry.stamps", commitment=first, limit="1")
    by_works = pages(ledger, "registry.stamps", by=works, limit="1")

    shown = [(row.commitment[0], row.by) for row in everything]
    assert len(shown) == 3
    assert {by for number, by in shown if number == 0} == {
        account_id("works"),
        account_id("health"),
    }
    assert of_first == everything[:2]
    assert by_works == [row for row in everything if row.by.hex() == works]
    assert all(row.height == 1 for row in everything)


def test_a_page_of_stamps_ends_after_so_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """And the next one goes on."""
    monkeypatch.setattr(limits, "QUERY_PAGE_TRANSACTIONS_MAX", 1)
    ledger = stamped()

    first = ask(ledger, "registry.stamps", by=account_id("works").hex())

    assert len(first.rows) < 2
    assert first.next is not None
    assert len(pages(ledger, "registry.stamps", by=account_id("works").hex())) == 2


@pytest.mark.parametrize("name", ["ledger.accounts", "registry.stamps"])
@pytest.mark.parametrize("after", ["", "x", "abc", "AB"])
def test_a_key_that_no_page_ended_at_is_no_place(name: str, after: str) -> None:
    """Pairs of lower-case hexadecimal digits, as `next` has them."""
    with pytest.raises(Malformed, match="after: expected the `next` of another page"):
        ask(Ledger.begin(), name, after=after)
