"""Serving ranges of certified blocks to peers that catch up, as the database keeps them."""

import msgspec

from node.questions import Range
from primitives import limits
from primitives.codec import encode
from storage.chain import ChainStore


def serve_range(store: ChainStore, asked: Range) -> bytes:
    """The encoded `RangeAnswer`; blocks are not decoded for it. Reads: run it in a thread.

    The head is read before the blocks and the edge after them: then an answer without a block never
    contradicts itself, whatever is decided or pruned meanwhile.
    """
    height = store.head().height + 1
    found = store.blocks_from(
        asked.height,
        bytes_max=limits.RESPONSE_BYTES_MAX - limits.BLOCK_MESSAGE_BYTES_MAX,
        count_max=asked.count,
    )
    blocks = tuple((msgspec.Raw(one.block), one.certificate) for one in found)
    return encode((store.edges().bodies, height, blocks))
