"""The page and the verifier in Python say the same of every file, sound or spoilt.

Both were written from docs/proof-format.md, in different languages over different libraries. Where
they differ one of them is wrong, and some reader is told that a fact is proved, or that it is not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

import pytest

from kit.browser import Case, Page
from kit.proofs import TIME_MS, ValidFile, changed_chain, valid_files
from kit.spoilt import flipped, reordered, replaced, respelt, truncated
from kit.verdicts import OUTCOMES, judged, python_says
from verifier import read_pin

VALID: Final = valid_files()
SPOILT: Final = (
    "receipt of two calls",
    "event",
    "entry",
    "absent in block 0",
    "two skips",
    "named step",
    "from checkpoint 3",
)


def case_of(file: ValidFile) -> Case:
    return Case(file.data, str(file.pin))


def test_every_valid_file_is_valid_in_the_same_words(page: Page) -> None:
    """Outcome, sentence, and every labelled fact; in Arabic the same identifiers and numbers."""
    for told, python in judged(page, [case_of(file) for file in VALID.values()]):
        assert told.outcome == "valid", told.sentence
        assert told.sentence == python.sentence
        assert len(told.arabic_facts) == len(python.details) >= 9
        assert python.details[0][1] in told.arabic_facts[0][1]
        assert told.arabic != told.sentence


def test_what_a_pin_makes_of_a_file_is_the_same(page: Page) -> None:
    """No pin, every chain, every checkpoint of each, and checkpoints that contradict."""
    changed = changed_chain()
    pins = {str(file.pin) for file in VALID.values()}
    pins |= {str(changed.checkpoint(height)) for height in (1, 3, 5, 6, 8, 9, 12, 13, 99)}
    pins |= {f"{changed.id.hex()}@{height}:{'ab' * 32}" for height in (1, 3, 6, 12, 13, 2**63 - 1)}
    cases = [Case(file.data, pin) for file in VALID.values() for pin in [None, *sorted(pins)]]

    found = {told.outcome for told, _ in judged(page, cases)}

    assert found == set(OUTCOMES) - {"old"}


def test_what_is_too_old_is_too_old_for_both(page: Page) -> None:
    """To the millisecond; an invalid or unpinned file is that first; no pin makes a file young."""
    file = VALID["receipt"]
    pin = str(file.pin)

    told = judged(
        page,
        [
            Case(file.data, pin, 5000, TIME_MS + 5000),
            Case(file.data, pin, 5000, TIME_MS + 5001),
            Case(file.data, pin, 0, TIME_MS),
            Case(file.data, pin, 0, TIME_MS - 1),
            Case(file.data, pin, None, 2**62),
            Case(file.data, None, 0, TIME_MS + 1),
            Case(file.data[:-1], pin, 0, TIME_MS + 1),
        ],
    )

    assert [one.outcome for one, _ in told] == [
        *("valid", "old", "valid", "valid", "valid"),
        *("unpinned_chain", "invalid"),
    ]


@pytest.mark.parametrize("name", SPOILT)
@pytest.mark.parametrize(
    "spoil", [flipped, truncated, reordered, replaced, respelt], ids=lambda one: one.__name__
)
def test_no_spoilt_file_is_taken_for_the_proof(
    page: Page, name: str, spoil: Callable[[bytes], Iterator[bytes]]
) -> None:
    """Not with a bit of any byte, an end, the order, a value or the form of one changed.

    Two changes leave a proof: that yet another key is absent, and that the same fact follows from
    another height of the pinned validators.
    """
    file = VALID[name]
    cases = [Case(data, str(file.pin)) for data in spoil(file.data) if data != file.data]
    whole = python_says(case_of(file)).sentence

    told = [mine for mine, _ in judged(page, cases)]

    assert len(cases) > 40
    proved = [one.sentence for one in told if one.outcome == "valid"]
    begun = name.startswith("from checkpoint")
    assert all(
        ("held nothing" in one and one != whole) or (begun and one == whole) for one in proved
    )
    unpinned = {one.outcome for one in told} - {"valid", "invalid"}
    assert not unpinned or begun


def test_pins_are_read_alike(page: Page) -> None:
    """The page forgives capitals and spaces, as in a pin from print; nothing else."""
    chain, other = "ab" * 32, "0f" * 32
    texts = [
        *(chain, f"{chain}@1:{other}", f"{chain}@{2**63 - 1}:{other}", f"{chain}@{2**63}:{other}"),
        *(f"{chain}@0:{other}", f"{chain}@01:{other}", f"{chain}@1", f"{chain}@1:", f"{chain}:1"),
        *("", chain[:-1], chain + "a", chain[:-1] + "g", f"{chain}@-1:{other}", f"0x{chain}"),
        *(f"{chain}@1:{other}0", f"{chain}@{'9' * 19}:{other}", f"{chain}@{'9' * 20}:{other}"),
        *(f"{chain}@٣:{other}", f"{chain}@1:{other}@2:{other}", "\u0661" * 64),
    ]

    def read_by_python(text: str) -> bool:
        try:
            read_pin(text)
        except ValueError:
            return False
        return True

    found = page.value(f"{texts!r}.map((text) => readPin(text) !== undefined)")

    assert found == [read_by_python(text) for text in texts]
    assert page.value(f"readPin(' {chain[:32].upper()}\\n{chain[32:]} ').chain") == chain
