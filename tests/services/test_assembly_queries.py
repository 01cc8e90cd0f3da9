"""Questions about bodies: their procedures, motions, tallies and ballots, each with its entry."""

from typing import Any

import pytest

from kit.ledger import Chain, account_id
from kit.motions import (
    BODY,
    council,
    does,
    motion_row,
    opened,
    procedure,
    shareholders,
    votes,
    wait_until,
)
from ledger.query import Page, Query, Reading, entry_name
from ledger.tallies import TALLIES, MotionId, MotionStatus
from services.assembly import (
    BallotRow,
    Ballots,
    Counts,
    DelegateVote,
    Motions,
    OneMotionsState,
    Procedures,
    TallyRow,
)


@pytest.fixture
def chain() -> Chain:
    return council(procedure(veto_bp=0), shareholders())


def ask(chain: Chain, query: Query, *, later_ms: int = 0) -> Page[Any]:
    """What the query answers after the last block, or would if that had come later."""
    return query.answer(Reading(chain.state, type(chain.time_ms)(chain.time_ms + later_ms)))


def test_the_motions_of_a_body_are_listed_as_they_were_opened(chain: Chain) -> None:
    """Page by page; another account has none."""
    first, second = opened(chain), opened(chain)
    votes(chain, second, bob="yes", cem="abstain")

    page = ask(chain, Motions(body=BODY, after=None, limit=1))
    rest = ask(chain, Motions(body=BODY, after=page.next, limit=1))

    (one,), (other,) = page.rows, rest.rows
    assert (one.motion, other.motion, rest.next) == (first, second, None)
    assert (other.heads, other.cast, other.electorate) == (2, 2, 5)
    assert (other.status, other.winner) == (MotionStatus.OPEN, None)
    assert not ask(chain, Motions(body=account_id("works"), after=None, limit=None)).rows


def test_a_motion_is_over_when_its_time_is_over(chain: Chain) -> None:
    """Even before a block has said so."""
    motion = opened(chain)
    votes(chain, motion, ann="yes", bob="yes", cem="yes")
    left = motion_row(chain, motion).closes_ms - chain.time_ms

    def status(later_ms: int) -> MotionStatus:
        (row,) = ask(chain, OneMotionsState(motion=motion), later_ms=later_ms).rows
        assert row.closes_ms == row.carries_out_ms
        found: MotionStatus = row.status
        return found

    assert (status(left - 1), status(left)) == (MotionStatus.OPEN, MotionStatus.PASSED)
    wait_until(chain, motion_row(chain, motion).closes_ms)
    (row,) = ask(chain, OneMotionsState(motion=motion)).rows
    assert (row.status, row.winner) == (MotionStatus.PASSED, "yes")


def test_a_tally_has_a_row_for_each_choice(chain: Chain) -> None:
    """All proved by the one entry."""
    motion = opened(chain)
    votes(chain, motion, bob="yes", cem="veto")

    page = ask(chain, Counts(motion=motion))

    weights = {"yes": 1, "against": 0, "abstain": 0, "veto": 1}
    assert page.rows == [TallyRow(choice=c, weight=w) for c, w in weights.items()]
    assert set(page.proved_by) == {entry_name(TALLIES, motion)}


def test_ballots_are_open(chain: Chain) -> None:
    """All of a motion, or one; who has none is proved to have none."""
    motion = opened(chain)
    votes(chain, motion, bob="yes")
    does(chain, "cem", DelegateVote(motion, account_id("bob")))
    bob, cem = account_id("bob"), account_id("cem")

    everybody = Ballots(motion=motion, voter=None, after=None, limit=None)
    rows = {row.voter: row for row in ask(chain, everybody).rows}
    assert rows == {
        bob: BallotRow(voter=bob, choice="yes", delegate=None, weight=1, carried=1),
        cem: BallotRow(voter=cem, choice=None, delegate=bob, weight=1, carried=0),
    }
    one = ask(chain, Ballots(motion=motion, voter=bob, after=None, limit=None))
    assert list(one.rows) == [rows[bob]]
    none = ask(chain, Ballots(motion=motion, voter=account_id("dua"), after=None, limit=None))
    assert (list(none.rows), len(none.proved_by)) == ([], 1)


def test_procedures_are_those_of_the_charter(chain: Chain) -> None:
    """In its order; of who is no body there are none, and that is proved."""
    page = ask(chain, Procedures(body=BODY))

    assert [row.procedure for row in page.rows] == ["ordinary", "shares"]
    assert [row.asset for row in page.rows] == [None, "SHARES"]
    assert len(page.proved_by) == 2
    none = ask(chain, Procedures(body=account_id("works")))
    assert (list(none.rows), len(none.proved_by)) == ([], 1)


@pytest.mark.parametrize("query", [OneMotionsState, Counts])
def test_of_a_motion_that_is_not_there_the_answer_is_its_absence(
    chain: Chain, query: type[OneMotionsState | Counts]
) -> None:
    """No rows, and the entry that would have been."""
    page = ask(chain, query(motion=MotionId(bytes(32))))

    assert (list(page.rows), len(page.proved_by)) == ([], 1)
