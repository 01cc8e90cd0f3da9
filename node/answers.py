"""What peers ask of us: bodies and decided blocks. Reads only."""

from collections.abc import Callable
from typing import final

from consensus.events import Link
from consensus.messages import Message, PrePrepare
from node import wire
from node.blocks import Blocks
from primitives import limits
from primitives.block import body_bytes, transaction_hash
from primitives.errors import Rejected
from primitives.ids import BlockId, Height, TimeMs, ValidatorKey
from storage.chain import ChainStore


@final
class Allowance:
    """How much a link is given: at most `per_second` answers, or bytes, in each of our seconds.

    With `author`, that is for validators; who only follows needs, and gets, far fewer.
    """

    def __init__(
        self, per_second: int, author: Callable[[Link], ValidatorKey | None] | None = None
    ) -> None:
        self._per_second, self._author = per_second, author
        self._given: dict[Link, tuple[int, int]] = {}

    def allows(self, link: Link, now_ms: TimeMs, cost: int = 1) -> bool:
        """Whether so much more may be given now; counts what may."""
        second, given = self._given.get(link, (0, 0))
        if second != now_ms // 1000:
            second, given = now_ms // 1000, 0
        most = self._per_second
        if self._author is not None and self._author(link) is None:
            most = limits.FOLLOWER_ANSWERS_PER_SECOND
        has_room = given + cost <= most
        self._given[link] = (second, given + cost if has_room else given)
        return has_room


@final
class Answers:
    """Answers from the blocks at hand and the chain."""

    def __init__(self, store: ChainStore, blocks: Blocks) -> None:
        self._store, self._blocks = store, blocks

    def fetched(self, block_id: BlockId) -> wire.Body | wire.Decided | None:
        """A block at hand, or with its certificate if it is decided by now."""
        held = self._blocks.get(block_id)
        if held is not None:
            return wire.Body(held.block)
        height = self._store.height_of_block(block_id)
        return None if height is None else self.decided(height)

    def decided(self, height: Height) -> wire.Decided | None:
        """A decided block; None for genesis, and for what is not decided or not kept here."""
        if not 0 < height <= self._store.head().height:
            return None
        try:
            block, certificate = self._store.block(height), self._store.certificate(height)
        except Rejected:
            return None
        assert certificate is not None, "only block 0 has none"
        return wire.Decided(block, certificate)

    def with_body(self, message: PrePrepare) -> wire.Proposed:
        """A pre-prepare with its body: whole if it is small, as hashes if not, none if not here."""
        held = self._blocks.get(message.block_id)
        if held is None:
            return wire.Proposed(message, None)
        if body_bytes(held.block.transactions) <= limits.INLINE_BODY_BYTES_MAX:
            return wire.Proposed(message, wire.FullBody(held.block))
        hashes = tuple(transaction_hash(data) for data in held.block.transactions)
        return wire.Proposed(message, wire.CompactBody(held.block.header, hashes))

    def to_wire(self, message: Message) -> wire.Wire:
        """A replica's message as it travels."""
        return self.with_body(message) if isinstance(message, PrePrepare) else message
