"""Serving ranges of certified blocks (R22), and the questions of a peer (R5)."""

from __future__ import annotations

import pytest

from kit.stored import grow, new_store
from node import questions
from node.questions import Range, RangeAnswer
from node.range_serve import serve_range
from primitives import limits
from primitives.codec import decode, encode
from primitives.errors import Malformed
from primitives.ids import Height
from storage.chain import ChainStore
from storage.edges import Part


def served(store: ChainStore, height: int, count: int) -> RangeAnswer:
    data = serve_range(store, Range(Height(height), count))
    found: RangeAnswer = decode(data, RangeAnswer, limit=limits.RESPONSE_BYTES_MAX)
    return found


def test_a_range_is_whole_blocks_with_their_certificates() -> None:
    """As many as were asked for, from the height that was asked for, never block 0."""
    store = new_store()
    grow(store, 8)

    found = served(store, 3, 4)

    assert [one.block for one in found.blocks] == [store.block(Height(h)) for h in (3, 4, 5, 6)]
    assert [one.certificate for one in found.blocks] == [
        store.certificate(Height(h)) for h in range(3, 7)
    ]
    assert served(store, 0, 1).blocks[0].block.header.height == 1


def test_an_answer_without_blocks_says_why() -> None:
    """The height is not decided, or no longer kept; never neither."""
    store = new_store()
    grow(store, 8)

    above = served(store, 9, 5)
    store.retire(Part.BODIES, Height(5), lambda _: b"a record")
    below = served(store, 4, 5)

    assert (above.blocks, above.kept_from, above.height) == ((), 1, 9)
    assert (below.blocks, below.kept_from, below.height) == ((), 5, 9)


def test_a_range_is_bounded() -> None:
    """The longest is served; one more is no question, nor is less than one."""
    store = new_store()
    grow(store, limits.RANGE_BLOCKS_MAX + 2)

    assert len(served(store, 1, limits.RANGE_BLOCKS_MAX).blocks) == limits.RANGE_BLOCKS_MAX
    longest = Range(Height(1), limits.RANGE_BLOCKS_MAX)
    assert questions.read(questions.write(longest)) == longest
    for count in (0, limits.RANGE_BLOCKS_MAX + 1):
        with pytest.raises(Malformed):
            questions.read(encode((1, 1, count)))


def test_a_question_of_no_known_kind_is_malformed() -> None:
    """Cut off, of another tag, or too large."""
    for data in (b"\x93\x01\x01", encode((99, 1, 1)), b"\0" * (limits.REQUEST_BYTES_MAX + 1)):
        with pytest.raises(Malformed):
            questions.read(data)
