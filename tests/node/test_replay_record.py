"""What one record of an export may hold."""

import pytest

from kit.certified import sample_header
from node.replay import Exported
from primitives import limits
from primitives.block import Block
from primitives.certificate import Certificate
from primitives.codec import decode, encode
from primitives.errors import Malformed
from primitives.ids import BlockId, Height, View

NOTHING = Certificate(Height(1), View(0), BlockId(bytes(32)), ())


def test_a_record_has_a_receipt_of_each_transaction_and_of_each_duty() -> None:
    """BLOCK_RECEIPTS_MAX, and one more."""

    def written(receipts: int) -> bytes:
        return encode(Exported(Block(sample_header(), ()), NOTHING, (b"",) * receipts))

    most = written(limits.BLOCK_RECEIPTS_MAX)

    assert len(decode(most, Exported, limit=len(most)).receipts) == limits.BLOCK_RECEIPTS_MAX
    with pytest.raises(Malformed):
        decode(written(limits.BLOCK_RECEIPTS_MAX + 1), Exported, limit=2 * len(most))
