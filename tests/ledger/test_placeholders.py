"""Placeholders in stored calls: what they look like, and that filling them in is safe."""

from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.operation import Refused, sentence
from ledger.placeholders import UnknownPlaceholder, fill, names_in, placeholder
from primitives.codec import decode, encode
from primitives.kernel_limits import FLOW_PARTY_LENGTH_MAX

CASE = sha256(b"a case").digest()
APPLICANT = sha256(b"an applicant").digest()
IDS = {"CASE": CASE, "applicant": APPLICANT}


def test_a_placeholder_is_as_long_as_an_id_and_can_be_read() -> None:
    """Whoever looks at the bytes of stored calls sees what will stand there."""
    assert placeholder("applicant") == b"mithaq $applicant" + bytes(15)
    assert len(placeholder("a" * FLOW_PARTY_LENGTH_MAX)) == 32
    with pytest.raises(AssertionError):
        placeholder("a" * (FLOW_PARTY_LENGTH_MAX + 1))
    with pytest.raises(AssertionError):
        placeholder("")


def test_ids_and_texts_are_filled_in() -> None:
    """An id where bytes stand, its digits where a text does; the encoding stays canonical."""
    stored = encode(
        (placeholder("CASE"), "pay", placeholder("applicant"), placeholder("CASE").hex())
    )

    filled = fill(stored, IDS)

    kind: Any = tuple[bytes, str, bytes, str]
    assert decode(filled, kind, limit=1000) == (CASE, "pay", APPLICANT, CASE.hex())
    assert len(filled) == len(stored)


def test_the_names_of_placeholders_are_found() -> None:
    """So that a flow which names what nobody knows is refused when it is published."""
    stored = encode((placeholder("CASE"), placeholder("applicant").hex(), placeholder("CASE")))

    assert list(names_in(stored)) == ["applicant", "CASE", "CASE"]
    assert list(names_in(encode(("no", b"placeholder", CASE)))) == []


@pytest.mark.parametrize(
    ("piece", "name"),
    [
        (placeholder("officer"), "officer"),
        (placeholder("officer").hex(), "officer"),
        (b"mithaq $", ""),
        (b"mithaq $".hex(), ""),
        (b"mithaq $".hex() + "no digits", "?"),
        (b"mithaq $" + bytes([255]) * 24, "\ufffd" * 24),
    ],
)
def test_what_nothing_stands_for_is_refused(piece: bytes | str, name: str) -> None:
    """Whatever a stranger wrote behind the mark."""
    with pytest.raises(Refused) as no:
        fill(encode((piece,)), IDS)

    assert no.value.refusal == UnknownPlaceholder(name)
    assert list(names_in(encode((piece,)))) == [name]
    assert sentence(no.value.refusal)


def test_what_is_filled_in_is_not_read_again() -> None:
    """An account whose id is a placeholder stands for itself, not for somebody else."""
    ids = {"applicant": placeholder("OWNER"), "OWNER": CASE}
    stored = encode((placeholder("applicant"), placeholder("applicant").hex()))

    filled = fill(stored, ids)

    kind: Any = tuple[bytes, str]
    assert decode(filled, kind, limit=1000) == (placeholder("OWNER"), placeholder("OWNER").hex())


ITEMS = st.one_of(
    st.sampled_from([placeholder("CASE"), placeholder("applicant"), placeholder("CASE").hex()]),
    st.binary(max_size=40).filter(lambda data: b"mithaq $" not in data),
    st.integers(0, 127),
)
ANY_ID = st.one_of(
    st.binary(min_size=32, max_size=32),
    st.sampled_from([placeholder("CASE"), placeholder("applicant"), b"mithaq $" * 4, b"6d69" * 8]),
)


@given(items=st.lists(ITEMS, max_size=12), case=ANY_ID, applicant=ANY_ID)
def test_filling_replaces_placeholders_and_nothing_else(
    items: list[bytes | str | int], case: bytes, applicant: bytes
) -> None:
    """Whatever stands beside them, and whatever ids people chose."""
    ids = {"CASE": case, "applicant": applicant}
    filled: dict[bytes | str | int, bytes | str] = {
        placeholder("CASE").hex(): case.hex(),
        placeholder("CASE"): case,
        placeholder("applicant"): applicant,
    }
    expected = [filled.get(item, item) for item in items]

    assert fill(encode(items), ids) == encode(expected)
