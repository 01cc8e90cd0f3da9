"""The query of events: all of them once, in both orders, whatever a page holds."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kit.ledger import account_id
from kit.payments import AGENCY, VENDORS, Ledger, Payment
from node.events import EVENT_TYPES, Cursor, Wanted, read_cursor
from node.reports import Reports
from primitives import limits
from primitives.errors import Malformed
from primitives.ids import AccountId


def ask(ledger: Ledger, **given: str) -> Any:  # noqa: ANN401 - an Answer of events
    return Reports(ledger.chain.store, ledger.chain.genesis).answer("chain.events", given)


def pages(ledger: Ledger, **given: str) -> list[Any]:
    """All rows, page by page."""
    answer = ask(ledger, **given)
    rows, steps = list(answer.rows), 0
    while answer.next is not None:
        answer = ask(ledger, **given, after=answer.next)
        rows += answer.rows
        steps += 1
        assert steps < 100, "pages come to an end"
    return rows


def paid(*blocks: list[str]) -> Ledger:
    ledger = Ledger.begin()
    for payees in blocks:
        ledger.block([Payment(AGENCY, payee, 1) for payee in payees])
    return ledger


@settings(max_examples=20)
@given(
    st.lists(st.lists(st.sampled_from(VENDORS), max_size=3), max_size=5),
    st.integers(1, 3),
    st.sampled_from([None, *VENDORS]),
    st.integers(1, 4),
)
def test_every_event_comes_once_in_both_orders(
    blocks: list[list[str]], limit: int, about: str | None, looked: int
) -> None:
    """However few a page may hold, or look at."""
    ledger = paid(*blocks)
    given = {} if about is None else {"about": account_id(about).hex()}
    expected = [
        str(Cursor(ledger_height, number))  # type: ignore[arg-type] # a NewType of int
        for ledger_height, payees in enumerate(blocks, start=1)
        for number, payee in enumerate(payees)
        if about in (None, payee)
    ]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limits, "QUERY_PAGE_TRANSACTIONS_MAX", looked)
        oldest = pages(ledger, **given, order="oldest", limit=str(limit))
        newest = pages(ledger, **given, limit=str(limit))

    assert [row.cursor for row in oldest] == expected
    assert [row.cursor for row in newest] == expected[::-1]


def test_a_row_has_its_event_its_type_and_its_proof() -> None:
    """The proof is of the event alone."""
    ledger = paid([VENDORS[0], VENDORS[1]])

    answer = ask(ledger, order="oldest", type="money.*")

    first, second = answer.rows
    assert (first.type, first.event.to) == ("money.transferred", account_id(VENDORS[0]))
    assert answer.proved_by == (
        f"transactions/{first.transaction.hex()}/events/1",
        f"transactions/{second.transaction.hex()}/events/1",
    )
    assert ask(ledger, type="registry.*,authority.*").rows == ()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"type": "money"}, "type: expected SERVICE"),
        ({"type": "moon.*"}, "found 'moon.*'"),
        ({"type": "money.transferred,"}, "found ''"),
        ({"about": "00"}, "about"),
        ({"after": "1"}, "after: expected the `next`"),
    ],
)
def test_what_is_no_filter_is_refused(given: dict[str, str], words: str) -> None:
    """By the name of the parameter."""
    with pytest.raises(Malformed, match=words.replace("`", ".").replace("*", ".")):
        ask(paid(), **given)


def test_an_id_is_found_wherever_an_event_names_it() -> None:
    """Also in a list of ids and in a part of an event."""
    ledger = paid([VENDORS[0]])
    event = ask(ledger).rows[0].event

    assert event in Wanted(account=account_id(VENDORS[0]))
    assert event in Wanted(frozenset(EVENT_TYPES), account_id(AGENCY))
    assert event not in Wanted(account=AccountId(bytes(32)))
    assert read_cursor("1.0") == Cursor(1, 0)  # type: ignore[arg-type] # a NewType of int
