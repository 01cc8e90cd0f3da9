"""What a node tells its operator of its links (`GET /v1/admin/peers`, `mithaq peers`)."""

from typing import final

from msgspec import Struct

from node.status import NodeRole
from primitives.ids import AccountId, Height, Natural, NodeKey, Sized32


@final
class PenaltyStatus(Struct, frozen=True, kw_only=True):
    """Something that a peer did wrong, what it counted, and how long ago."""

    reason: str
    points: Natural[int]
    ago_ms: Natural[int]


@final
class PeerLink(Struct, frozen=True, kw_only=True):
    """A node with which this one keeps a link, and how that link does.

    `role` and `account` are what the chain says of it, null where only the bootstrap list names it.
    The link has been up for `up_ms`. Of what the peer sends, `bytes_per_s` and `messages_per_s` are
    read, and its streams have waited `throttled_ms` for that. At 100 `points` it is paused.
    """

    name: str
    node_key: Sized32[NodeKey]
    role: NodeRole | None
    account: Sized32[AccountId] | None
    addresses: tuple[str, ...]
    connected: bool
    up_ms: Natural[int] | None
    round_trip_us: Natural[int] | None
    last_seen_height: Natural[Height] | None
    sent: Natural[int]
    received: Natural[int]
    dropped: Natural[int]
    waiting_messages: Natural[int]
    waiting_bytes: Natural[int]
    bytes_per_s: Natural[int]
    messages_per_s: Natural[int]
    throttled_ms: Natural[int]
    points: Natural[int]
    paused_ms: Natural[int]
    penalties: tuple[PenaltyStatus, ...]
    last_error: str
