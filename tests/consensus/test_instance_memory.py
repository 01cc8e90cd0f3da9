"""What a replica keeps, driven to each bound and one beyond (rules R42, R43)."""

from consensus import effects as do
from consensus import events as on
from consensus.messages import Claim
from consensus.replica import Replica
from kit.consensus import commit, pre_prepare, prepare, prepared, view_change
from primitives import limits
from primitives.ids import VIEW_MAX, Height, Seat, View

WISH = 5
LOWEST, HIGHEST = WISH - limits.VIEWS_BEHIND_KEPT, WISH + limits.VIEWS_AHEAD_KEPT


def replica(*, validators: int = 4, seat: int = 3) -> Replica:
    started = on.HeightStarted(Height(1), validators, Seat(seat), 1_000, 10_000, 100)
    fresh = Replica()
    fresh.step(started)
    fresh.step(on.Awoke())
    return fresh


def in_view_five() -> Replica:
    """It follows two others into view 5."""
    moved = replica()
    for seat in (0, 1):
        moved.step(on.ViewChangeReceived(view_change(seat, WISH)))
    assert moved.now.wish == WISH
    return moved


def offer(to: Replica, name: str, view: int, *, has_body: bool = False) -> list[do.Effect]:
    changes = [view_change(seat, view) for seat in range(3)] if view else []
    message = pre_prepare(name, view=view, changes=changes)
    return to.step(on.PrePrepareReceived(message, has_body=has_body))


def test_votes_are_kept_from_two_views_behind_to_two_ahead() -> None:
    """R42: one beyond either end is dropped, and 2³¹ − 1 costs nothing."""
    moved = in_view_five()

    for view in [*range(HIGHEST + 2), VIEW_MAX]:
        moved.step(on.PrepareReceived(prepare(1, "A", view=view)))
        moved.step(on.CommitReceived(commit(1, "A", view=view)))

    assert moved.now.prepares.views() == tuple(range(LOWEST, HIGHEST + 1))
    assert moved.now.commits.views() == tuple(range(LOWEST, HIGHEST + 1))


def test_votes_that_fall_behind_are_forgotten() -> None:
    """R42: the window moves with the wish."""
    moved = in_view_five()
    moved.step(on.PrepareReceived(prepare(1, "A", view=LOWEST)))
    moved.step(on.CommitReceived(commit(1, "A", view=LOWEST)))

    for seat in (0, 1):
        moved.step(on.ViewChangeReceived(view_change(seat, WISH + 1)))

    assert moved.now.prepares.views() == ()
    assert moved.now.commits.views() == ()


def test_proposals_are_kept_from_the_wish_to_two_ahead() -> None:
    """R42: one below and one beyond are dropped."""
    moved = in_view_five()

    for view in range(HIGHEST + 2):
        offer(moved, f"block {view}", view)

    assert sorted(moved.now.proposals) == [WISH, WISH + 1, HIGHEST]


def test_a_far_proposal_is_kept_only_where_there_is_room() -> None:
    """R42: three at most, even while a far one is judged; the near ones go before it."""
    moved = in_view_five()
    for view in (WISH, WISH + 1):
        offer(moved, f"block {view}", view)

    assert do.Check(pre_prepare("far").block_id, View(40)) in offer(moved, "far", 40, has_body=True)
    assert offer(moved, "farther", 41, has_body=True) == []
    assert sorted(moved.now.proposals) == [WISH, WISH + 1, 40]
    offer(moved, "near", HIGHEST)
    assert sorted(moved.now.proposals) == [WISH, WISH + 1, HIGHEST]


def test_one_view_change_is_kept_per_sender() -> None:
    """R26, R42: the highest, whatever came before or comes after."""
    moved = replica()

    for view in (3, 9, 4):
        moved.step(on.ViewChangeReceived(view_change(0, view)))

    assert {seat: change.view for seat, change in moved.now.view_changes.items()} == {0: 9}


def test_four_bodies_are_wanted_at_once_and_not_a_fifth() -> None:
    """R30: FETCHES_MAX, over proposals and claims together."""
    moved = replica(validators=16, seat=3)
    for seat in range(4, 10):
        moved.step(on.ViewChangeReceived(view_change(seat, 2)))

    fetched = []
    for number in range(limits.FETCHES_MAX + 1):
        claim = prepared(f"claimed {number}", seats=range(11))
        change = view_change(10 + number, 2, claim)
        effects = moved.step(on.ViewChangeReceived(change))
        fetched += [effect for effect in effects if isinstance(effect, do.Fetch)]

    assert len(fetched) == len(moved.now.wanted) == limits.FETCHES_MAX


def test_only_view_zero_of_the_next_height_is_kept_ahead() -> None:
    """R43: one proposal and one vote of a kind per seat, at height + 1."""
    early = replica()
    for name in ("A", "B"):
        early.step(on.PrePrepareReceived(pre_prepare(name, height=2), has_body=True))
        for seat in range(2):
            for height in (2, 3):
                early.step(on.PrepareReceived(prepare(seat, name, height=height)))
                early.step(on.CommitReceived(commit(seat, name, view=height - 2, height=2)))
    assert early.kept_blocks == {pre_prepare("A").block_id}

    started = on.HeightStarted(Height(2), 4, Seat(3), 1_000, 10_000, 100)
    early.step(started)

    assert early.now.prepares.of(View(0)) == (prepare(0, "A", height=2), prepare(1, "A", height=2))
    assert early.now.commits.of(View(0)) == (commit(0, "A", height=2), commit(1, "A", height=2))
    assert early.now.commits.views() == (0,)


def test_bodies_and_verdicts_go_with_what_names_them() -> None:
    """R42: when the views that named a block are over, nothing of it is left."""
    moved = replica()
    offer(moved, "A", 0, has_body=True)
    moved.step(on.Checked(pre_prepare("A").block_id, View(0), on.Verdict.BAD))
    assert moved.now.bodies == moved.kept_blocks == {pre_prepare("A").block_id}

    for seat in (0, 1):
        moved.step(on.ViewChangeReceived(view_change(seat, WISH)))

    assert moved.now.bodies == moved.kept_blocks == frozenset()
    assert moved.now.verdicts == {}
    assert moved.now.judging == set()


def test_what_is_being_judged_goes_with_its_view() -> None:
    """R42: an answer that is still owed keeps nothing."""
    moved = replica()
    offer(moved, "A", 0, has_body=True)
    assert moved.now.judging == {(pre_prepare("A").block_id, View(0))}

    for seat in (0, 1):
        moved.step(on.ViewChangeReceived(view_change(seat, WISH)))

    assert moved.now.judging == set()
    assert moved.kept_blocks == frozenset()


def test_what_was_prepared_is_kept_for_two_views_and_what_was_committed_to_for_ever() -> None:
    """R21, R25, R42: a commit is claimed in every later view, so its block must be here."""
    for commits in (False, True):
        moved = replica()
        offer(moved, "A", 0, has_body=True)
        moved.step(on.Checked(pre_prepare("A").block_id, View(0), on.Verdict.GOOD))
        for seat in range(3 if commits else 2):
            moved.step(on.PrepareReceived(prepare(seat, "A")))
        for view in (2, 3):
            assert pre_prepare("A").block_id in moved.kept_blocks
            for seat in (0, 1):
                moved.step(on.ViewChangeReceived(view_change(seat, view)))

        assert (pre_prepare("A").block_id in moved.kept_blocks) is commits


def test_records_keep_their_blocks_until_they_are_said_again() -> None:
    """R39, R42: then only what the restored state still names is kept."""
    started = on.HeightStarted(
        Height(1),
        4,
        Seat(3),
        1_000,
        10_000,
        100,
        (pre_prepare("A"), Claim(Height(1), View(5), None)),
    )
    again = Replica()

    again.step(started)
    assert again.kept_blocks == {pre_prepare("A").block_id}
    again.step(on.Awoke())

    assert again.now.wish == 5
    assert again.kept_blocks == frozenset()
    assert again.now.bodies == set()


def test_a_height_leaves_nothing_to_the_next() -> None:
    """R23: timers and maps of a decided height are gone when the next one starts (R6)."""
    moved = in_view_five()
    offer(moved, "A", WISH)
    moved.step(on.HeightStarted(Height(2), 4, Seat(3), 1_000, 10_000, 100))

    now = moved.now

    assert (now.wish, now.entered, now.accepted, now.prepared) == (0, -1, None, None)
    assert not now.proposals
    assert not now.view_changes
    assert not now.wanted
    assert now.prepares.views() == now.commits.views() == ()
    assert moved.step(on.TimerFired(Height(1), View(WISH))) == []


def test_the_last_view_is_not_left() -> None:
    """R5, R25: there is no view after 2³¹ − 1."""
    moved = replica(validators=1, seat=0)
    moved.step(on.ViewChangeReceived(view_change(0, VIEW_MAX)))
    assert moved.now.wish == moved.now.entered == VIEW_MAX

    assert moved.step(on.TimerFired(Height(1), View(VIEW_MAX))) == []
