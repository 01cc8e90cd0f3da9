"""What a file is worth to a reader: the pins that they have, and how old is too old (rule R59)."""

from __future__ import annotations

import pytest

from kit.proofs import HEIGHT, TIME_MS, changed_chain, keys_named, small_chain
from node.proof import write_proof
from verifier import (
    AgeLimit,
    Outcome,
    Pin,
    age_text,
    read_age,
    read_pin,
    verify,
    verify_under,
)

CHAIN, OTHER = changed_chain(), small_chain(network="x")
SINCE = {since: write_proof(CHAIN.receipt_proof(since=since)) for since in (0, 3, 6, HEIGHT)}
"""One payment of block 12, from genesis and from three checkpoints."""
DAY_MS = 86_400_000


@pytest.mark.parametrize(
    ("since", "pinned", "outcome"),
    [
        (0, [], Outcome.NOT_PINNED),
        (0, [0], Outcome.VALID),
        (0, [3], Outcome.VALID),
        (0, [0, 6], Outcome.VALID),
        (0, [0, HEIGHT + 1], Outcome.VALID),
        (0, [HEIGHT + 1], Outcome.NOT_PINNED),
        (3, [], Outcome.NOT_PINNED),
        (3, [0], Outcome.NOT_PINNED),
        (3, [3], Outcome.VALID),
        (3, [0, 3, HEIGHT + 1], Outcome.VALID),
        (3, [3, 6], Outcome.VALID),
        (6, [3], Outcome.NOT_PINNED),
        (6, [3, 6], Outcome.VALID),
        (6, [6, HEIGHT], Outcome.VALID),
        (HEIGHT, [6], Outcome.NOT_PINNED),
        (HEIGHT, [6, HEIGHT], Outcome.VALID),
    ],
)
def test_the_highest_pin_at_or_below_the_block_is_the_one_that_counts(
    since: int, pinned: list[int], outcome: Outcome
) -> None:
    """R59: a file that comes by the pinned set is as good as one that begins with it.

    A checkpoint above the block says nothing.
    """
    pins = [CHAIN.pin if height == 0 else CHAIN.checkpoint(height) for height in pinned]

    assert verify_under(SINCE[since], [OTHER.pin, *pins]).outcome is outcome


LEAPT = small_chain(
    validators=7,
    changes={5: keys_named(0, 1, 2, 3, 4, 5, 7), 9: keys_named(0, 1, 2, 3, 4, 7, 8)},
)
"""Five of the first seven are still there at the end: a file skips the set of heights 5 to 8."""


@pytest.mark.parametrize("height", [5, 6, 8])
def test_who_pins_a_set_that_a_file_leaps_over_depends_on_older_keys(height: int) -> None:
    """R59: that file convinces by keys of genesis, which the reader meant to be rid of."""
    file = write_proof(LEAPT.receipt_proof())

    assert verify_under(file, [LEAPT.pin]).outcome is Outcome.VALID
    assert verify_under(file, [LEAPT.checkpoint(4)]).outcome is Outcome.VALID
    assert verify_under(file, [LEAPT.checkpoint(9)]).outcome is Outcome.VALID
    assert verify_under(file, [LEAPT.pin, LEAPT.checkpoint(height)]).outcome is Outcome.NOT_PINNED


def test_the_pinned_set_counts_at_its_height_and_above_only() -> None:
    """R59: what it signed before says nothing to who trusts it since: it may have come back."""
    returned = small_chain(
        validators=4,
        changes={5: keys_named(4, 5, 6, 7), 9: keys_named(0, 1, 2, 3)},
    )
    file = write_proof(returned.receipt_proof(height=6))
    later = Pin(returned.id, 6, returned.checkpoint(10).validators_hash)

    assert verify_under(file, [returned.checkpoint(4)]).outcome is Outcome.VALID
    assert verify_under(file, [later]).outcome is Outcome.NOT_PINNED


def test_a_verdict_names_the_pin_that_it_rests_on() -> None:
    """R59: the chain's, or the checkpoint."""
    pins = [CHAIN.pin, CHAIN.checkpoint(3), OTHER.pin]

    assert verify_under(SINCE[3], pins).pin == str(CHAIN.checkpoint(3))
    assert verify_under(SINCE[0], [CHAIN.pin]).pin == str(CHAIN.pin)
    assert verify_under(SINCE[0], []).pin is None


def test_the_advice_says_what_is_missing() -> None:
    """R59: an id to compare, or where the file should begin."""
    unpinned = verify(SINCE[3], None)
    files = [write_proof(LEAPT.receipt_proof(since=since)) for since in (0, 3)]
    older, lower = (verify_under(file, [LEAPT.pin, LEAPT.checkpoint(6)]) for file in files)

    checkpoint = CHAIN.checkpoint(3)
    assert unpinned.headline == f"VALID UNDER CHECKPOINT {checkpoint}, WHICH YOU HAVE NOT PINNED"
    assert unpinned.text().endswith(f"--chain {checkpoint}\n")
    pinned = LEAPT.checkpoint(6)
    assert older.headline == f"VALID FROM GENESIS ON, BUT YOU PINNED CHECKPOINT {pinned}"
    assert "--from 6" in older.text()
    assert lower.headline == f"VALID FROM HEIGHT 3 ON, BUT YOU PINNED CHECKPOINT {pinned}"


def test_a_checkpoint_that_contradicts_the_pinned_one_is_invalid() -> None:
    """R59: of two sets for one height one is false."""
    false = Pin(CHAIN.id, 3, CHAIN.checkpoint(6).validators_hash)

    for verdict in (verify(SINCE[3], false), verify_under(SINCE[3], [CHAIN.pin, false])):
        assert verdict.outcome is Outcome.INVALID
        assert "of height 3, you pinned" in verdict.sentence
    assert verify_under(SINCE[6], [CHAIN.checkpoint(6), false]).outcome is Outcome.VALID


def test_who_asks_about_one_chain_calls_another_invalid_and_who_trusts_several_does_not() -> None:
    """The first expects this chain; to the other it is one that they do not know."""
    assert verify(SINCE[0], OTHER.pin).outcome is Outcome.INVALID
    assert f"you pinned {OTHER.id.hex()}" in verify(SINCE[0], OTHER.pin).sentence
    assert verify_under(SINCE[0], [OTHER.pin]).outcome is Outcome.NOT_PINNED


@pytest.mark.parametrize(
    ("late", "outcome"),
    [(-DAY_MS, Outcome.VALID), (0, Outcome.VALID), (DAY_MS, Outcome.VALID), (1, Outcome.OLDER)],
)
def test_older_than_asked_for_is_not_simply_valid(late: int, outcome: Outcome) -> None:
    """At the limit it is not older; a block of the future is not old."""
    now = TIME_MS + (DAY_MS + late if outcome is Outcome.OLDER else late)
    age = AgeLimit(now_ms=now, most_ms=DAY_MS)

    verdict = verify(SINCE[0], CHAIN.pin, age=age)

    assert verdict.outcome is outcome
    assert (verdict.headline == "VALID, BUT OLDER THAN 1 DAY") == (outcome is Outcome.OLDER)


def test_what_is_not_pinned_is_that_first_however_old() -> None:
    """And what is invalid is invalid."""
    age = AgeLimit(now_ms=TIME_MS * 2, most_ms=1)

    assert verify(SINCE[0], None, age=age).outcome is Outcome.NOT_PINNED
    assert verify(SINCE[0][:-1], CHAIN.pin, age=age).outcome is Outcome.INVALID


def test_pins_are_read_as_they_are_written() -> None:
    """In either case of the digits."""
    for pin in (CHAIN.pin, CHAIN.checkpoint(3)):
        assert read_pin(str(pin)) == pin
        assert read_pin(str(pin).upper()) == pin


ID = "ab" * 32


@pytest.mark.parametrize(
    "text",
    [
        "",
        ID[1:],
        ID + "a",
        f"{ID}@1",
        f"{ID}@:{ID}",
        f"{ID}@0:{ID}",
        f"{ID}@01:{ID}",
        f"{ID}@-1:{ID}",
        f"{ID}@1:{ID[1:]}",
        f"{ID}@1:{ID}\n",
        f"{ID}@{2**63}:{ID}",
        f"{ID}@\N{ARABIC-INDIC DIGIT ONE}:{ID}",
        f" {ID}",
    ],
)
def test_what_is_no_pin_is_never_taken_for_one(text: str) -> None:
    """Not even for the chain that it begins with."""
    with pytest.raises(ValueError, match=r"expected CHAINID|is above"):
        read_pin(text)


def test_ages_are_read_and_told() -> None:
    """Days, hours, minutes, seconds; told in the largest unit that fits."""
    for text, age, told in (
        ("30d", 30 * DAY_MS, "30 days"),
        ("1d", DAY_MS, "1 day"),
        ("24h", DAY_MS, "1 day"),
        ("90m", 5_400_000, "90 minutes"),
        ("45s", 45_000, "45 seconds"),
        ("120s", 120_000, "2 minutes"),
    ):
        assert read_age(text) == age
        assert age_text(age) == told
    assert age_text(1_500) == "1500 milliseconds"
    for wrong in ("", "30", "d", "0d", "-1d", "1.5d", "1w", "1d ", "1D", "9999999999d"):
        with pytest.raises(ValueError, match="expected a number with d, h, m or s"):
            read_age(wrong)
