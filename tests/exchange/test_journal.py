"""The journal of a treasury, added up by a program of double entry that is not ours."""

from __future__ import annotations

from dataclasses import replace

from beancount.core.data import Balance, Open, Transaction

from exchange.journal import Posting, journal
from exchange.treasury_data import TreasuryData
from kit.bookkeepers import read_journal
from kit.treasury_books import Bookkeeper, two_years_of
from services.treasury.chart import ENTRIES, Step


def books() -> tuple[TreasuryData, list[Posting]]:
    """A bookkeeper's own totals, and what he posted as the ledger tells it."""
    keeper = Bookkeeper(period="2025-09")
    data = two_years_of(keeper)[-1]
    postings = [
        Posting(
            day=f"{period}-15",
            fund=fund,
            step=Step(step),
            amount=amount,
            about=f"{fund} line",
            transaction=bytes(32),
            event=number,
        )
        for number, (period, fund, step, amount) in enumerate(keeper.posted)
    ]
    return data, postings


def test_another_program_comes_to_the_same_balances() -> None:
    """Of every account of every fund, to the penny; and the books are all in it."""
    data, postings = books()

    entries, errors = read_journal(journal(data, postings))

    assert errors == []
    made = [entry for entry in entries if isinstance(entry, Transaction)]
    checked = [entry for entry in entries if isinstance(entry, Balance)]
    assert len(made) == len(postings) > 20
    assert len(checked) == len(data.trial_balances) > 20
    assert sum(len(entry.postings) for entry in made) == sum(
        2 * len(ENTRIES[each.step]) for each in postings
    )
    assert {entry.currencies[0] for entry in entries if isinstance(entry, Open)} == {"GBP"}


def test_a_posting_that_is_missing_or_there_twice_is_found() -> None:
    """By the other program, account by account."""
    data, postings = books()

    for wrong in (postings[1:], postings[:-1], [*postings, postings[5]]):
        _, errors = read_journal(journal(data, wrong))

        assert errors
        assert all("Balance failed" in error for error in errors)


def test_an_entry_that_does_not_balance_is_found() -> None:
    """A pound more on one side."""
    data, postings = books()
    text = journal(data, postings)
    line = next(line for line in text.split(b"\n") if line.endswith(b"9000.00 GBP"))

    _, errors = read_journal(text.replace(line, line.replace(b"9000.00", b"9001.00"), 1))

    assert any("does not balance" in error for error in errors)


def test_what_was_posted_later_is_left_out() -> None:
    """The journal of a closed month is the same for ever."""
    data, postings = books()
    later = [*postings, *(each for each in postings[:1])]
    later[-1] = Posting(
        day="2026-05-01",
        fund=postings[0].fund,
        step=Step.PAY,
        amount=1,
        about="",
        transaction=bytes(32),
        event=0,
    )

    assert journal(data, later) == journal(data, postings)


def test_every_account_of_the_chart_has_its_place() -> None:
    """Each step alone is a journal that the other program takes."""
    data, postings = books()
    every = [replace(postings[0], step=step) for step in ENTRIES]

    _, errors = read_journal(journal(replace(data, trial_balances=()), every))

    assert errors == []
