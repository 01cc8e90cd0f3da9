"""Where everything lies: the one place that makes and reads keys.

A key is one byte that names its region and then fields of fixed width, big-endian, so that the
order of the keys is the order of the numbers. Only a state key and a tree node's key end in bytes
of free length.

```
region          key after the region byte            value
META            name                                 format, chain id, head, forgotten, edges
HEADER          height u64                           canonical header
HEIGHT          block id 32                          height u64
BODY            height u64                           canonical array of the transactions
CERTIFICATE     height u64                           canonical commit certificate (none for block 0)
RECEIPTS        height u64                           canonical array of the receipts
TRANSACTION     transaction id 32                    height u64 ‖ index u32
STATE           table u16 ‖ key                      value
NODE            key                                  tree node
WINDOW          valid_until u64 ‖ transaction id 32  height u64 of the block that holds it
VOTE            height u64 ‖ view u32 ‖ step u8      own vote record
VOTE_BODY       height u64 ‖ block id 32             canonical block
ARCHIVE         height u64 ‖ view u32                prepare record with its justification
ACCOUNT_TX      account 32 ‖ height u64 ‖ index u32  what it moved there (ledger/movements)
EVIDENCE        height u64 ‖ case id 32              canonical evidence against a validator
RETENTION       sequence u64                         canonical signed record of what was dropped
ADDRESSES       node key 32                          canonical signed addresses of a node
```

A change of this page is a new FORMAT. Numbers are never used again for something else.
"""

import struct
from enum import IntEnum, unique
from typing import Final

from primitives.ids import (
    AccountId,
    BlockId,
    Digest,
    Height,
    NodeKey,
    TimeMs,
    TransactionId,
    View,
)

FORMAT: Final = b"mithaq.storage/6"
"""Stands under FORMAT_KEY in every database of ours."""


@unique
class Region(IntEnum):
    """The first byte of a key."""

    META = 0
    HEADER = 1
    HEIGHT = 2
    BODY = 3
    CERTIFICATE = 4
    RECEIPTS = 5
    TRANSACTION = 6
    STATE = 7
    NODE = 8
    WINDOW = 9
    VOTE = 10
    VOTE_BODY = 11
    ARCHIVE = 12
    ACCOUNT_TX = 13
    EVIDENCE = 14
    RETENTION = 15
    ADDRESSES = 16


FORMAT_KEY: Final = bytes([Region.META]) + b"format"
CHAIN_KEY: Final = bytes([Region.META]) + b"chain"
HEAD_KEY: Final = bytes([Region.META]) + b"head"
FORGOTTEN_KEY: Final = bytes([Region.META]) + b"forgotten"
UNFINISHED_KEY: Final = bytes([Region.META]) + b"unfinished"
"""Stands there while a restore is under way: what is being restored, in words."""
RECORDS_KEY: Final = bytes([Region.META]) + b"records"
"""How many records the retention log has."""
SWEEP_KEY: Final = bytes([Region.META]) + b"sweep"
"""How far a walk through the index has come: the edge that it works for, and the next key."""

_HEIGHT: Final = struct.Struct(">BQ")
_HEIGHT_VIEW: Final = struct.Struct(">BQI")
_HEIGHT_VIEW_STEP: Final = struct.Struct(">BQIB")
_HEIGHT_ID: Final = struct.Struct(">BQ32s")
_TIME_ID: Final = struct.Struct(">BQ32s")
_ID: Final = struct.Struct(">B32s")
_ID_PLACE: Final = struct.Struct(">B32sQI")
_STATE: Final = struct.Struct(">BH")
_NODE: Final = bytes([Region.NODE])
_EDGE: Final = bytes([Region.META]) + b"edge."
_SWEPT: Final = bytes([Region.META]) + b"swept."
_U64: Final = struct.Struct(">Q")
_PLACE: Final = struct.Struct(">QI")
_HEAD: Final = struct.Struct(">Q32s")

STATE_PREFIX_BYTES: Final = _STATE.size
"""What stands before the ledger's own key in a state key."""


def header_key(height: Height) -> bytes:
    """HEADER: height."""
    return _HEIGHT.pack(Region.HEADER, height)


def height_key(block_id: BlockId) -> bytes:
    """HEIGHT: block id."""
    return _ID.pack(Region.HEIGHT, block_id)


def body_key(height: Height) -> bytes:
    """BODY: height."""
    return _HEIGHT.pack(Region.BODY, height)


def certificate_key(height: Height) -> bytes:
    """CERTIFICATE: height."""
    return _HEIGHT.pack(Region.CERTIFICATE, height)


def receipts_key(height: Height) -> bytes:
    """RECEIPTS: height."""
    return _HEIGHT.pack(Region.RECEIPTS, height)


def transaction_key(transaction_id: TransactionId) -> bytes:
    """TRANSACTION: transaction id."""
    return _ID.pack(Region.TRANSACTION, transaction_id)


def state_key(table: int, key: bytes) -> bytes:
    """STATE: table, the ledger's key."""
    return _STATE.pack(Region.STATE, table) + key


def read_state_table(key: bytes) -> int:
    """Table of a STATE key."""
    table: int = _STATE.unpack_from(key)[1]
    return table


def node_key(key: bytes) -> bytes:
    """NODE: the tree's key."""
    return _NODE + key


def window_key(valid_until: TimeMs, transaction_id: TransactionId) -> bytes:
    """WINDOW: valid_until, transaction id."""
    return _TIME_ID.pack(Region.WINDOW, valid_until, transaction_id)


def window_start(valid_until: TimeMs) -> bytes:
    """Before every WINDOW key of this time or later."""
    return _HEIGHT.pack(Region.WINDOW, valid_until)


def vote_key(height: Height, view: View, step: int) -> bytes:
    """VOTE: height, view, step."""
    return _HEIGHT_VIEW_STEP.pack(Region.VOTE, height, view, step)


def read_vote_key(key: bytes) -> tuple[Height, View, int]:
    """Height, view and step of a VOTE key."""
    _, height, view, step = _HEIGHT_VIEW_STEP.unpack(key)
    return Height(height), View(view), step


def vote_body_key(height: Height, block_id: BlockId) -> bytes:
    """VOTE_BODY: height, block id."""
    return _HEIGHT_ID.pack(Region.VOTE_BODY, height, block_id)


def read_vote_body_key(key: bytes) -> tuple[Height, BlockId]:
    """Height and block id of a VOTE_BODY key."""
    _, height, block_id = _HEIGHT_ID.unpack(key)
    return Height(height), BlockId(block_id)


def archive_key(height: Height, view: View) -> bytes:
    """ARCHIVE: height, view."""
    return _HEIGHT_VIEW.pack(Region.ARCHIVE, height, view)


def read_archive_key(key: bytes) -> tuple[Height, View]:
    """Height and view of an ARCHIVE key."""
    _, height, view = _HEIGHT_VIEW.unpack(key)
    return Height(height), View(view)


def account_tx_key(account: AccountId, height: Height, index: int) -> bytes:
    """ACCOUNT_TX: account, height, index."""
    return _ID_PLACE.pack(Region.ACCOUNT_TX, account, height, index)


def read_account_tx_key(key: bytes) -> tuple[Height, int]:
    """Height and index of an ACCOUNT_TX key."""
    _, _, height, index = _ID_PLACE.unpack(key)
    return Height(height), index


def account_txs(account: AccountId, height: Height) -> tuple[bytes, bytes]:
    """Start and stop of an account's ACCOUNT_TX keys from a height on."""
    stop = successor(_ID.pack(Region.ACCOUNT_TX, account))
    return account_tx_key(account, height, 0), stop


def read_window_key(key: bytes) -> tuple[TimeMs, TransactionId]:
    """Time and transaction id of a WINDOW key."""
    _, valid_until, identifier = _TIME_ID.unpack(key)
    return TimeMs(valid_until), TransactionId(identifier)


def evidence_key(height: Height, case: Digest) -> bytes:
    """EVIDENCE: height, case id."""
    return _HEIGHT_ID.pack(Region.EVIDENCE, height, case)


def read_evidence_key(key: bytes) -> tuple[Height, Digest]:
    """Height and case id of an EVIDENCE key."""
    _, height, case = _HEIGHT_ID.unpack(key)
    return Height(height), Digest(case)


def retention_key(sequence: int) -> bytes:
    """RETENTION: sequence."""
    return _HEIGHT.pack(Region.RETENTION, sequence)


def read_retention_key(key: bytes) -> int:
    """Sequence of a RETENTION key."""
    _, sequence = _HEIGHT.unpack(key)
    return int(sequence)


def addresses_key(node_key: NodeKey) -> bytes:
    """ADDRESSES: node key."""
    return _ID.pack(Region.ADDRESSES, node_key)


def read_addresses_key(key: bytes) -> NodeKey:
    """Node key of an ADDRESSES key."""
    _, node_key = _ID.unpack(key)
    return NodeKey(node_key)


def edge_key(part: str) -> bytes:
    """META: from which height on a part is whole."""
    return _EDGE + part.encode("ascii")


def swept_key(part: str) -> bytes:
    """META: below which height no row of a part is left."""
    return _SWEPT + part.encode("ascii")


def of_height(region: Region, height: Height) -> tuple[bytes, bytes]:
    """Start and stop of a region's keys of one height."""
    return _HEIGHT.pack(region, height), _HEIGHT.pack(region, height + 1)


def successor(prefix: bytes) -> bytes:
    """The smallest key after all keys that begin with `prefix`, whose region byte is not 255."""
    stripped = prefix.rstrip(b"\xff")
    return stripped[:-1] + bytes([stripped[-1] + 1])


def pack_number(number: int) -> bytes:
    """A height or a time as a value."""
    return _U64.pack(number)


def read_number(value: bytes) -> int:
    """A height or a time from a value."""
    number: int = _U64.unpack(value)[0]
    return number


def pack_place(height: Height, index: int) -> bytes:
    """Where a transaction stands."""
    return _PLACE.pack(height, index)


def read_place(value: bytes) -> tuple[Height, int]:
    """Where a transaction stands."""
    height, index = _PLACE.unpack(value)
    return Height(height), index


def pack_sweep(edge: Height, key: bytes) -> bytes:
    """How far a walk through the index has come."""
    return _U64.pack(edge) + key


def read_sweep(value: bytes) -> tuple[Height, bytes]:
    """How far a walk through the index has come."""
    return Height(_U64.unpack_from(value)[0]), value[_U64.size :]


def pack_head(height: Height, block_id: BlockId) -> bytes:
    """The newest block."""
    return _HEAD.pack(height, block_id)


def read_head(value: bytes) -> tuple[Height, BlockId]:
    """The newest block."""
    height, block_id = _HEAD.unpack(value)
    return Height(height), BlockId(block_id)
