"""Domain tags: bytes made for one purpose can never serve another."""

from itertools import permutations

import pytest

from primitives.domains import Domain


def test_no_tag_is_a_prefix_of_another() -> None:
    """So that no message under one domain is also a message under another."""
    for one, other in permutations(Domain, 2):
        assert not other.tag.startswith(one.tag), f"{one} begins {other}"


@pytest.mark.parametrize("domain", list(Domain))
def test_a_tag_is_ascii_and_ends_in_its_only_zero_byte(domain: Domain) -> None:
    """ledger.md §2; the version in front makes the next protocol's tags different."""
    assert domain.tag.startswith(b"mithaq/1/")
    assert domain.tag.isascii()
    assert domain.tag.index(b"\0") == len(domain.tag) - 1
