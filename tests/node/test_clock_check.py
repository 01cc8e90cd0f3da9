"""What a node makes of the times of other validators' blocks."""

import pytest
from msgspec.structs import replace

from kit.stored import VALIDATORS, new_store, next_decision
from node.clock_check import ClockCheck
from node.status import clock_in_words
from primitives import limits
from primitives.block import Header, block_id
from primitives.ids import Height, TimeMs, ValidatorKey

OWN, *OTHERS = VALIDATORS.keys
DRIFT_MS = 500


def block(number: int, proposer: ValidatorKey) -> Header:
    """A block of its own."""
    store = new_store()
    header = next_decision(store.head(), store.chain).block.header
    return replace(header, height=Height(number), proposer=proposer)


def fed(*differences: int, own: ValidatorKey | None = OWN) -> ClockCheck:
    """Blocks of the others in turn, each heard when our clock was so far ahead of its time."""
    check = ClockCheck(own)
    for number, ahead_ms in enumerate(differences):
        header = block(number, OTHERS[number % 3])
        check.heard(header, TimeMs(header.time_ms + ahead_ms))
        check.decided(block_id(header))
    return check


@pytest.mark.parametrize(
    ("differences", "said"),
    [
        ((), None),
        ((-10_800_000,), None),
        ((-10_800_000, -10_800_000), -10_800_000),
        ((-DRIFT_MS, -DRIFT_MS), None),
        ((-DRIFT_MS - 1, -DRIFT_MS - 1), -DRIFT_MS - 1),
        ((limits.CLOCK_AHEAD_MS, limits.CLOCK_AHEAD_MS), None),
        ((limits.CLOCK_AHEAD_MS + 1, limits.CLOCK_AHEAD_MS + 1), limits.CLOCK_AHEAD_MS + 1),
        ((20, -10_800_000, 30), None),
        ((20, 10_800_000, 30), None),
        ((9_000_000, 9_000_000, 9_000_000, 40, 50), None),
    ],
)
def test_two_others_must_agree_that_our_clock_is_wrong(
    differences: tuple[int, ...], said: int | None
) -> None:
    """One of them whose clock is wrong is outvoted; put right, the newest blocks count."""
    assert fed(*differences).ahead_ms(DRIFT_MS) == said


def test_our_own_blocks_say_nothing() -> None:
    """They have our clock's time."""
    check = fed(40, 40)
    for number in range(5, 9):
        header = block(number, OWN)
        check.heard(header, TimeMs(header.time_ms + 60_000))
        check.decided(block_id(header))

    assert check.ahead_ms(DRIFT_MS) is None
    assert fed(60_000, 60_000, own=None).ahead_ms(DRIFT_MS) == 60_000


def test_a_block_that_is_never_decided_says_nothing() -> None:
    """Anybody can gossip a header."""
    check = ClockCheck(OWN)
    for number in range(20):
        header = block(number, OTHERS[number % 3])
        check.heard(header, TimeMs(header.time_ms - 60_000))

    assert check.ahead_ms(DRIFT_MS) is None


def test_a_block_counts_once_whichever_comes_first() -> None:
    """Decided and then heard of is as good; heard of again, it is only older."""
    check = ClockCheck(OWN)
    for number in range(2):
        header = block(number, OTHERS[number])
        check.decided(block_id(header))
        check.heard(header, TimeMs(header.time_ms + 30))
        check.heard(header, TimeMs(header.time_ms + 90_000))
        check.decided(block_id(block(number + 5, OTHERS[number])))

    assert check.ahead_ms(DRIFT_MS) is None


@pytest.mark.parametrize(
    ("ahead_ms", "words"),
    [
        (-700, "its clock is 0.7 s behind"),
        (65_000, "its clock is 65.0 s ahead"),
        (-10_800_000, "its clock is 180 min behind"),
    ],
)
def test_a_wrong_clock_in_words(ahead_ms: int, words: str) -> None:
    """As status and log say it."""
    assert clock_in_words(ahead_ms) == words
