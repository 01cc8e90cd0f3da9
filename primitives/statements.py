"""The bytes that validators sign (consensus.md §2). Fixed layout, never maps.

```
PRE-PREPARE, PREPARE, COMMIT
    domain ‖ chain(32) ‖ height(u64) ‖ view(u32) ‖ block_id(32)
VIEW-CHANGE
    domain ‖ chain(32) ‖ height(u64) ‖ view(u32) ‖ prepared_view(i32) ‖ prepared_id(32)
```
Integers are big-endian. `prepared_view` is −1, and `prepared_id` zero, where nothing was prepared.
"""

import struct
from typing import Final, Literal

from primitives.domains import Domain
from primitives.ids import BlockId, ChainId, Height, View

_VOTE: Final = struct.Struct(">32sQI32s")
_VIEW_CHANGE: Final = struct.Struct(">32sQIi32s")

VoteDomain = Literal[Domain.PRE_PREPARE, Domain.PREPARE, Domain.COMMIT]


def vote_bytes(
    domain: VoteDomain, chain: ChainId, height: Height, view: View, block_id: BlockId
) -> bytes:
    """What a pre-prepare, a prepare or a commit signs."""
    return domain.tag + _VOTE.pack(chain, height, view, block_id)


def view_change_bytes(
    chain: ChainId, height: Height, view: View, prepared_view: View, prepared_id: BlockId
) -> bytes:
    """What a view change signs; its certificate is attached, not signed."""
    return Domain.VIEW_CHANGE.tag + _VIEW_CHANGE.pack(
        chain, height, view, prepared_view, prepared_id
    )
