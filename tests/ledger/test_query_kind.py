"""Queries over the state: pages, filters, and which entry each row was made of."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct

from kit.ledger import GENESIS_TIME, Chain, account_id
from ledger.accounts import ACCOUNTS, Account
from ledger.query import Page, Query, Reading, row_of
from ledger.roles import ROLES, RoleKey
from primitives import limits
from primitives.errors import Malformed, Rejected
from primitives.ids import AccountId, Digest, TimeMs
from services.registry.stamps import STAMPS, StampAct, StampDocument, StampRow, Stamps

AUTHORS = ("health", "works", "treasury")


def stamped(*authors: str) -> Chain:
    """A chain where document N is stamped by the Nth of these."""
    chain = Chain.begin()
    chain.block(
        *(
            chain.act(author, StampDocument(document(number), StampAct.TIMESTAMP))
            for number, author in enumerate(authors)
        )
    )
    return chain


def document(number: int) -> Digest:
    return Digest(number.to_bytes(32, "big"))


def reading(chain: Chain) -> Reading:
    return Reading(chain.state, chain.time_ms)


def stamps(chain: Chain, **given: Any) -> Page[StampRow]:  # noqa: ANN401
    parameters = {"commitment": None, "by": None, "after": None, "limit": None, **given}
    return Stamps(**parameters).answer(reading(chain))


@settings(max_examples=25)
@given(
    authors=st.lists(st.sampled_from(AUTHORS), max_size=9),
    by=st.sampled_from((None, *AUTHORS)),
    limit=st.integers(1, 4),
)
def test_pages_together_are_all_that_was_asked_for(
    authors: list[str], by: str | None, limit: int
) -> None:
    """Nothing twice, nothing missing, in the order of the keys, whatever a page holds."""
    chain = stamped(*authors)
    wanted = None if by is None else account_id(by)
    rows: list[StampRow] = []
    after = None

    while True:
        page = stamps(chain, by=wanted, limit=limit, after=after)
        rows += page.rows
        assert len(page.rows) == limit or page.next is None
        after = page.next
        if after is None:
            break

    assert [(row.commitment, row.by) for row in rows] == [
        (document(number), account_id(author))
        for number, author in enumerate(authors)
        if by in (None, author)
    ]


def test_a_prefix_is_all_that_is_walked() -> None:
    """The stamps of one document."""
    chain = stamped("health", "works")

    assert [row.by for row in stamps(chain, commitment=document(1)).rows] == [account_id("works")]


def test_each_row_names_the_entry_that_proves_it() -> None:
    """In the order of the rows, also where entries between them were left out."""
    chain = stamped("health", "works", "health")

    page = stamps(chain, by=account_id("health"))

    assert [row.commitment for row in page.rows] == [document(0), document(2)]
    assert page.proved_by == [
        f"state/stamps/{(document(n) + account_id('health') + b'timestamp').hex()}" for n in (0, 2)
    ]


def test_a_page_ends_where_it_has_looked_at_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """At the limit it ends with no rows and a next page; one entry less, and it is the last."""
    chain = stamped("health", "health", "works")
    nobody = account_id("treasury")

    monkeypatch.setattr(limits, "QUERY_PAGE_TRANSACTIONS_MAX", 3)
    whole = stamps(chain, by=nobody)
    monkeypatch.setattr(limits, "QUERY_PAGE_TRANSACTIONS_MAX", 2)
    part = stamps(chain, by=nobody)
    rest = stamps(chain, by=account_id("works"), after=part.next)

    assert (list(whole.rows), whole.next) == ([], None)
    assert list(part.rows) == []
    assert [row.commitment for row in rest.rows] == [document(2)]


@pytest.mark.parametrize("after", ["", "x", "ABCD", "0"])
def test_what_is_no_place_is_refused(after: str) -> None:
    """A page ends at a key, in lower-case hexadecimal."""
    with pytest.raises(Malformed, match="after: expected the `next` of another page"):
        stamps(Chain.begin(), after=after)


class NameRow(Struct, frozen=True, kw_only=True):
    """The name of an account."""

    name: str


def test_one_entry_is_looked_up_and_its_absence_is_named() -> None:
    """Both answers can be proved: the name of the entry is the same."""
    now = reading(Chain.begin())

    def row(account: Account) -> NameRow:
        return NameRow(name=account.name)

    there = now.look_up(ACCOUNTS, account_id("health"), row)
    absent = now.look_up(ACCOUNTS, account_id("nobody"), row)

    assert [row.name for row in there.rows] == ["Health"]
    assert there.proved_by == [f"state/accounts/{account_id('health').hex()}"]
    assert list(absent.rows) == []
    assert absent.proved_by == [f"state/accounts/{account_id('nobody').hex()}"]


def test_a_reading_is_of_one_block_and_serves_the_kernels_own_functions() -> None:
    """Height and time are that block's; `overlay` reads as a rule does."""
    chain = stamped("health")
    now = reading(chain)

    assert (now.height, now.time_ms) == (1, GENESIS_TIME + 1_000)
    assert RoleKey("notary", None, account_id("notary")) in now.overlay[ROLES]


class Nothing(Query, tag="test.nothing", frozen=True, kw_only=True):
    """A query that says no row."""

    def answer(self, reading: Reading) -> Page:  # type: ignore[type-arg] # noqa: ARG002 - what is judged
        """None."""
        return Page([])


def test_the_row_is_what_the_answer_returns() -> None:
    """A query without one is found when the services are listed, not when it is asked."""
    assert row_of(Stamps.answer) is StampRow
    with pytest.raises(AssertionError, match="returns a Page"):
        row_of(Nothing.answer)


def test_a_query_without_an_answer_says_so() -> None:
    """The base of all is none itself."""
    with pytest.raises(NotImplementedError, match="Query has no answer"):
        Query().answer(Reading(Chain.begin().state, TimeMs(0)))


def test_accounts_are_rows_of_their_ids() -> None:
    """What a table's key holds is handed to the row."""
    page = reading(Chain.begin()).list(
        ACCOUNTS,
        lambda key, _: NameRow(name=AccountId(key).hex()),
        after=None,
        limit=2,
    )

    assert page.next == page.rows[-1].name


def test_a_sum_over_too_many_entries_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """At the limit it is told; a part of a sum never is."""
    asked = reading(stamped("health", "works", "health"))
    monkeypatch.setattr(limits, "QUERY_TRANSACTIONS_MAX", 3)
    assert [key[:32] for key, _ in asked.every(STAMPS)] == [document(n) for n in range(3)]
    assert len(list(asked.every(STAMPS, prefix=document(1)))) == 1

    monkeypatch.setattr(limits, "QUERY_TRANSACTIONS_MAX", 2)
    with pytest.raises(Rejected) as refusal:
        list(asked.every(STAMPS))
    assert refusal.value.code == "query.too_wide"
