"""The room in a block follows how long blocks take: half when late, twice when quick and full."""

import pytest

from node.pace import ROOM_MIN, Pace
from primitives.ids import TimeMs, View
from primitives.limits import BLOCK_TRANSACTIONS_MAX

SEVEN = 7  # tolerates two faults


def decided(
    pace: Pace, *, took_ms: int, transactions: int, view: int = 0, timeout_ms: int = 1_000
) -> int:
    """The room after one more block."""
    pace.entered(View(view), TimeMs(5_000))
    pace.decided(
        View(view),
        TimeMs(5_000 + took_ms),
        transactions=transactions,
        timeout_ms=timeout_ms,
        validators=SEVEN,
    )
    return pace.room


def test_a_block_has_all_the_room_there_is_until_one_is_late() -> None:
    """An idle or healthy network is never slowed down by it."""
    pace = Pace()

    for took_ms, transactions in ((1, 0), (250, 5_000), (500, 5_000), (500, 1)):
        assert decided(pace, took_ms=took_ms, transactions=transactions) == BLOCK_TRANSACTIONS_MAX


def test_half_of_what_a_late_block_held_is_the_room_of_the_next() -> None:
    """Late is more than half of the view's time, whatever the view's time is."""
    pace = Pace()

    assert decided(pace, took_ms=501, transactions=1_001) == 500
    assert decided(pace, took_ms=1_000, transactions=200, timeout_ms=2_000) == 500
    for _ in range(2):
        decided(pace, took_ms=1_000, transactions=200, timeout_ms=2_000)
    assert decided(pace, took_ms=1_001, transactions=200, timeout_ms=2_000) == 100


def test_there_is_always_some_room() -> None:
    """What makes a machine slow may be something else than transactions."""
    pace = Pace()

    for _ in range(20):
        decided(pace, took_ms=999, transactions=100)

    assert pace.room == ROOM_MIN == 64


def test_blocks_that_fill_their_room_and_are_quick_get_twice_the_room() -> None:
    """So it comes back within seven blocks, and never beyond a full block."""
    pace = Pace()
    decided(pace, took_ms=999, transactions=100)

    rooms = [decided(pace, took_ms=250, transactions=pace.room) for _ in range(8)]

    assert rooms == [128, 256, 512, 1_024, 2_048, 4_096, 5_000, 5_000]


def test_between_a_quarter_and_a_half_the_room_grows_by_an_eighth() -> None:
    """On long links no block takes less than a quarter; one outage must not slow them for ever."""
    pace = Pace()
    decided(pace, took_ms=999, transactions=1_000)

    assert decided(pace, took_ms=251, transactions=249) == 500
    assert decided(pace, took_ms=251, transactions=500) == 562
    assert decided(pace, took_ms=500, transactions=562) == 632
    for _ in range(18):
        decided(pace, took_ms=500, transactions=pace.room)
    assert pace.room == BLOCK_TRANSACTIONS_MAX


def test_small_blocks_say_nothing_about_large_ones() -> None:
    """Room that is not used is not made larger."""
    pace = Pace()
    decided(pace, took_ms=999, transactions=1_000)

    assert decided(pace, took_ms=1, transactions=249) == 500
    assert decided(pace, took_ms=1, transactions=250) == 1_000


@pytest.mark.parametrize(("view", "room"), [(1, 5_000), (2, 5_000), (3, 500)])
def test_as_many_lost_views_as_silent_primaries_explain_are_no_sign_of_load(
    view: int, room: int
) -> None:
    """With two faults among seven two primaries in a row may be silent; a third is slow."""
    assert decided(Pace(), view=view, took_ms=100, transactions=1_000) == room


def test_a_block_that_this_node_did_not_wait_for_says_nothing() -> None:
    """It was decided by others; how long that took is not known here."""
    pace = Pace()

    for view in (0, 3):
        pace.decided(View(view), TimeMs(9_999), transactions=5_000, timeout_ms=1, validators=SEVEN)
    pace.entered(View(0), TimeMs(0))
    pace.decided(View(3), TimeMs(9_999), transactions=5_000, timeout_ms=1, validators=SEVEN)

    assert pace.room == BLOCK_TRANSACTIONS_MAX


def test_late_blocks_never_make_room() -> None:
    """A hostile primary fills its block where the others have found out what they carry."""
    pace = Pace()
    decided(pace, took_ms=999, transactions=400)

    assert decided(pace, took_ms=999, transactions=5_000) == 100
    assert decided(pace, view=3, took_ms=999, transactions=5_000) == 64


def test_f_primaries_that_send_empty_blocks_late_cannot_take_the_room_of_the_others() -> None:
    """Two of seven do it at each turn: what the others are offered is carried all the same."""
    pace, waiting, hostile = Pace(), 0, (5, 6)

    for height in range(70):
        waiting += 1_000
        if height % SEVEN in hostile:
            decided(pace, took_ms=900, transactions=0)
        else:
            taken = min(waiting, pace.room)
            waiting -= taken
            decided(pace, took_ms=100, transactions=taken)

    assert waiting <= len(hostile) * 1_000
