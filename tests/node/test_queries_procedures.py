"""What the moves of cases tell about procedures: times, hands, returns, and who is late."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kit.ledger import account_id
from kit.procedures import CLERK, HEAD, PERMIT, SILENCE_S, Office, quick, slow
from ledger.cases import CaseMoved
from node.reports import Reports
from node.reports.procedures import at_rank
from primitives import limits
from primitives.errors import Malformed, Rejected
from primitives.ids import Digest
from services.casework.queries import in_words


def world() -> Office:
    office = Office()
    office.publish(slow())
    return office


def by(row: Any, *columns: str) -> tuple[Any, ...]:  # noqa: ANN401 - rows of any query
    return tuple(getattr(row, column) for column in columns)


def test_a_case_that_goes_straight_through() -> None:
    """The clerk took four seconds, three of them before a first note; then the head took two."""
    office = world()
    case = office.opened()
    office.pass_by(2)
    office.move(case, ("registrar", "note"), ("registrar", "accept"))
    office.pass_by(1)
    office.move(case, ("notary", "grant"))

    (row,) = office.ask("procedures").rows

    assert by(row, "flow", "version", "cases", "finished", "open") == (PERMIT, 1, 1, 1, 0)
    assert by(row, "moves_median", "hand_offs_median", "returns", "silences") == (4, 2, 0, 0)
    assert by(row, "elapsed_median_s", "elapsed_p90_s") == (6, 6)
    assert by(row, "waiting_median_s", "worked_median_s") == (5, 1)


def test_a_case_that_came_back_and_one_that_nobody_answered() -> None:
    """Being sent back is a return when the case comes in again; silence is counted as such."""
    office = world()
    back, gone = office.opened(), office.opened()
    office.move(back, ("registrar", "accept"), ("notary", "send_back"), ("health", "supplement"))
    office.move(gone, ("registrar", "accept"), ("notary", "send_back"))
    office.pass_by(SILENCE_S)

    (row,) = office.ask("procedures").rows
    steps = {step.state: step for step in office.ask("steps", flow=PERMIT).rows}

    assert by(row, "cases", "finished", "open", "returns", "silences") == (2, 1, 1, 1, 1)
    assert by(row, "elapsed_median_s", "moves_median") == (5 + SILENCE_S, 4)
    assert list(steps) == ["incomplete", "received", "review"]
    received, incomplete = steps["received"], steps["incomplete"]
    assert by(received, "stays", "resting", "returns", "oldest_s") == (2, 1, 1, 2 + SILENCE_S)
    assert by(received, "median_s", "p90_s", "longest_s") == (2, 4, 4)
    assert by(incomplete, "stays", "silences", "resting", "oldest_s") == (2, 1, 0, None)
    assert received.who == (in_words(CLERK, None),)
    assert incomplete.who == ("party applicant",)


def test_versions_of_a_flow_stand_side_by_side() -> None:
    """What a simplification brought is the difference of two rows; cases keep their version."""
    office = world()
    old = office.opened()
    office.publish(quick())
    new = office.opened(version=2)
    office.move(new, ("notary", "grant"))
    office.move(old, ("registrar", "accept"), ("notary", "grant"))

    first, second = office.ask("procedures", flow=PERMIT).rows

    assert by(first, "version", "elapsed_median_s", "hand_offs_median") == (1, 5, 2)
    assert by(second, "version", "elapsed_median_s", "hand_offs_median") == (2, 1, 1)


def test_only_cases_opened_from_a_time_on() -> None:
    """To compare one month with another."""
    office = world()
    office.opened()
    since = office.time_ms + 1_000
    office.opened()

    (row,) = office.ask("procedures", from_ms=str(since)).rows

    assert row.cases == 1
    assert office.ask("procedures", from_ms=str(since + 1_000)).rows == ()


def test_who_is_late_is_a_desk_whose_case_rests_longer_than_nine_of_ten_did() -> None:
    """At the usual time it is not late yet, a second later it is; a first stay is never late."""
    office = world()
    office.move(office.opened(), ("registrar", "accept"))
    assert office.ask("late").rows == ()
    slow_one = office.opened()
    office.pass_by(1)
    assert office.ask("late").rows == ()
    office.pass_by(1)

    (row,) = office.ask("late").rows

    assert by(row, "case", "state", "who") == (slow_one, "received", (in_words(CLERK, None),))
    assert by(row, "rested_s", "usual_s", "deadline_ms") == (2, 1, None)
    assert office.ask("late").proved_by == (f"state/cases/{slow_one.hex()}",)


def test_a_deadline_that_comes_is_told_and_silence_leaves_nobody_late() -> None:
    """What silence could move, it moved; the case is over and waits for no desk."""
    office = world()
    case = office.opened()
    office.move(case, ("registrar", "accept"), ("notary", "send_back"))
    office.pass_by(SILENCE_S - 1)
    assert office.ask("late").rows == ()
    office.pass_by(1)

    assert office.ask("late").rows == ()
    (row,) = office.ask("procedures").rows
    assert by(row, "silences", "hand_offs_median") == (1, 2)


def test_the_log_has_every_move_with_its_desk_and_its_proof() -> None:
    """Oldest first, whatever a page holds; silence has no mover."""
    office = world()
    case = office.opened()
    office.opened()
    office.move(case, ("registrar", "accept"), ("notary", "send_back"))
    office.pass_by(SILENCE_S)
    whole = office.ask("moves")

    pages: list[Any] = []
    after: dict[str, str] = {}
    while True:
        answer = office.ask("moves", limit="1", **after)
        pages += answer.rows
        if answer.next is None:
            break
        after = {"after": answer.next}

    assert tuple(pages) == whole.rows
    assert [row.transition for row in whole.rows] == [
        *("apply", "apply", "accept", "send_back", "give_up")
    ]
    last = whole.rows[-1]
    assert by(last, "case", "left", "state", "who", "mover") == (
        *(case, "incomplete", "lapsed", "silence", None),
    )
    assert whole.rows[2].who == in_words(CLERK, None)
    assert whole.rows[3].who == in_words(HEAD, None)
    assert whole.proved_by[0] == f"transactions/{whole.rows[0].transaction.hex()}/events/2"
    assert [row.transition for row in office.ask("moves", case=case.hex()).rows] == [
        *("apply", "accept", "send_back", "give_up")
    ]
    assert office.ask("moves", flow="other").rows == ()


def test_a_page_of_the_log_ends_after_so_many_transactions(monkeypatch: pytest.MonkeyPatch) -> None:
    """And goes on behind them, though it found nothing that was asked for."""
    office = world()
    office.opened()
    monkeypatch.setattr(limits, "QUERY_PAGE_TRANSACTIONS_MAX", 1)

    answer, pages = office.ask("moves"), 1
    while answer.next is not None and not answer.rows and pages < 10:
        answer, pages = office.ask("moves", after=answer.next), pages + 1

    assert len(answer.rows) == 1
    assert pages > 1


def test_what_cannot_be_told_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """No such account, no such place, and more than a report goes over."""
    office = world()
    office.opened()
    with pytest.raises(Rejected, match="there is no account"):
        office.ask("procedures", owner="00" * 32)
    with pytest.raises(Malformed, match="after"):
        office.ask("moves", after="99.0.0.0")
    monkeypatch.setattr(limits, "QUERY_TRANSACTIONS_MAX", 1)
    with pytest.raises(Rejected, match="more than 1 transactions"):
        office.ask("steps", flow=PERMIT)


def test_the_owner_of_a_flow_finds_all_of_its_moves() -> None:
    """Also those that only name others: the event says whose flow it is."""
    office = world()
    case = office.opened()
    office.move(case, ("registrar", "accept"))

    about = {"about": account_id("works").hex(), "type": "cases.moved"}
    chain = office.ledger.chain
    found = Reports(chain.store, chain.genesis).answer("chain.events", about).rows

    assert [row.event.transition for row in found] == ["accept", "apply"]
    assert all(isinstance(row.event, CaseMoved) for row in found)


WAYS = {
    "received": [("registrar", "note"), ("registrar", "accept")],
    "review": [("notary", "send_back"), ("notary", "grant")],
    "incomplete": [("health", "supplement")],
}
"""What hands may do in each state of the slow flow."""


@settings(max_examples=15)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 1), st.integers(0, 12)), max_size=14))
def test_whatever_happens_the_three_reports_say_the_same(
    acts: list[tuple[int, int, int]],
) -> None:
    """Cases are finished or rest somewhere; steps sum up to procedures; the log has each move."""
    office = world()
    cases: list[Digest] = []
    for pick, choice, pause in acts:
        office.pass_by(pause)
        if pick == 0 or not cases:
            cases.append(office.opened())
            continue
        case = cases[pick % len(cases)]
        rows = office.ask("moves", case=case.hex()).rows
        ways = WAYS.get(rows[-1].state, [])
        if ways:
            office.move(case, ways[choice % len(ways)])

    rows, log = office.ask("procedures").rows, office.ask("moves").rows
    steps = office.ask("steps", flow=PERMIT).rows
    late = office.ask("late").rows

    assert sum(row.cases for row in rows) == len(cases)
    assert sum(row.open for row in rows) == sum(step.resting for step in steps)
    assert sum(row.returns for row in rows) == sum(step.returns for step in steps)
    assert sum(row.silences for row in rows) == sum(step.silences for step in steps)
    assert sum(row.silences for row in rows) == sum(row.mover is None for row in log)
    left = sum(row.left not in ("door", row.state) for row in log)
    assert sum(step.stays for step in steps) == left
    assert len(late) <= sum(row.open for row in rows)
    assert all((step.median_s or 0) <= (step.p90_s or 0) <= (step.longest_s or 0) for step in steps)


@settings(max_examples=50)
@given(st.lists(st.integers(0, 50), min_size=1), st.integers(1, 100))
def test_a_percentile_is_the_least_value_that_so_many_do_not_exceed(
    values: list[int], hundredths: int
) -> None:
    """By nearest rank: a time that was really taken."""
    found = at_rank(values, hundredths)

    def share(value: int) -> int:
        return 100 * sum(each <= value for each in values)

    assert found in values
    assert share(found) >= hundredths * len(values)
    assert all(share(each) < hundredths * len(values) for each in values if each < found)


def test_nothing_has_no_percentile() -> None:
    """Where no case has ended."""
    assert at_rank([], 50) is None
