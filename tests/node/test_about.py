"""What a node says of itself (R72): bounded, and kept apart from what the engine hears."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from kit.ledger import genesis_document
from kit.situations import ABOUT
from ledger.parameters import DEFAULTS
from node import wire
from node.about import parameters_digest
from primitives import limits
from primitives.errors import Malformed


@pytest.mark.parametrize(
    ("name", "limit"),
    [("version", limits.VERSION_LENGTH_MAX), ("standing", limits.STANDING_LENGTH_MAX)],
)
def test_its_texts_are_short(name: str, limit: int) -> None:
    """At the limit, and one character more."""
    longest = replace(ABOUT, **{name: "x" * limit})
    assert wire.read(wire.write(longest)) == longest

    with pytest.raises(Malformed):
        wire.read(wire.write(replace(ABOUT, **{name: "x" * (limit + 1)})))


@pytest.mark.parametrize("name", ["version", "standing"])
@pytest.mark.parametrize("text", ["1\x1b[2J", "1\n", "1\x7f", "1\x9b2J", "1\u202e0"])
def test_its_texts_command_no_terminal(name: str, text: str) -> None:
    """They come from strangers, and operators read them in `mithaq why` and `status --watch`."""
    with pytest.raises(Malformed):
        wire.read(wire.write(replace(ABOUT, **{name: text})))


def test_it_reaches_no_more_validators_than_there_can_be() -> None:
    """A bitmap of so many seats."""
    most = (limits.VALIDATORS_MAX + 7) // 8
    full = replace(ABOUT, reaches=b"\xff" * most)
    assert wire.read(wire.write(full)) == full

    with pytest.raises(Malformed):
        wire.read(wire.write(replace(ABOUT, reaches=b"\xff" * (most + 1))))


def test_a_standing_of_a_later_version_is_read_as_well() -> None:
    """A word that nobody here knows breaks nothing."""
    later = replace(ABOUT, standing="on_holiday")

    assert wire.read(wire.write(later)) == later


def test_it_is_small() -> None:
    """Every peer has one every few seconds."""
    assert len(wire.write(replace(ABOUT, reaches=b"\xff" * 16))) < 200


def test_equal_parameters_have_one_digest() -> None:
    """And any difference has another."""
    assert genesis_document().parameters == DEFAULTS
    assert parameters_digest(DEFAULTS) == parameters_digest(replace(DEFAULTS))
    assert parameters_digest(DEFAULTS) != parameters_digest(replace(DEFAULTS, t0_ms=1_001))
