"""What moved: each payment as its two accounts find it in their index.

Storage keeps, beside the state, at which places a transaction names an account (`touched`). To
follow money from account to account, a reader would have to read every one of these transactions.
So each entry of the index also holds what its transaction moved to or from this account, in 57
bytes a movement. It is under no root, and it can be made again from the receipts.
"""

import struct
from collections.abc import Iterable, Iterator, Mapping
from enum import IntEnum, unique
from typing import Final, NamedTuple

from ledger.operation import Event
from primitives.digest import digest
from primitives.domains import Domain
from primitives.ids import AccountId, Digest


@unique
class MovementKind(IntEnum):
    """How money moves; the number stands in the index."""

    PAID = 1
    ISSUED = 2
    """Made by its issuer for somebody."""
    RETIRED = 3
    """Taken out of the world, by whoever had it, for its issuer."""


class Movement(NamedTuple):
    """An amount that went from one account to another; `lot` is the payment it was paid out of."""

    kind: MovementKind
    payer: AccountId
    to: AccountId
    asset: str
    amount: int
    lot: str | None


class Passage(NamedTuple):
    """A movement as one of its accounts sees it."""

    entry: int
    """Number of its event in the transaction."""
    kind: MovementKind
    outgoing: bool
    other: AccountId
    asset: str
    amount: int
    lot: Digest | None
    """`lot_digest` of the payment that it was paid out of."""


_PASSAGE: Final = struct.Struct(">BI32sQ12s")
_OUTGOING: Final = 0x10
_IN_LOT: Final = 0x20
_KIND: Final = 0x0F
_LOT_BYTES: Final = 32


def lot_digest(lot: str) -> Digest:
    """A lot as it stands in the index: however long its name is, 32 bytes."""
    return digest(Domain.LOT, lot.encode("ascii"))


def movements(events: Iterable[Event]) -> Mapping[AccountId, bytes]:
    """What these events moved, for the index, by account."""
    found: dict[AccountId, bytes] = {}
    for entry, event in enumerate(events):
        movement = event.moves()
        if movement is None:
            continue
        kind, payer, to, asset, amount, lot = movement
        code, tail = asset.encode("ascii"), b""
        flags = int(kind)
        if lot is not None:
            flags, tail = flags | _IN_LOT, lot_digest(lot)
        gone = _PASSAGE.pack(flags | _OUTGOING, entry, to, amount, code) + tail
        found[payer] = found.get(payer, b"") + gone
        if to != payer:
            came = _PASSAGE.pack(flags, entry, payer, amount, code) + tail
            found[to] = found.get(to, b"") + came
    return found


def passages(data: bytes) -> Iterator[Passage]:
    """What an entry of the index says was moved."""
    at, end = 0, len(data)
    while at < end:
        flags, entry, other, amount, code = _PASSAGE.unpack_from(data, at)
        at += _PASSAGE.size
        lot = None
        if flags & _IN_LOT:
            lot = Digest(data[at : at + _LOT_BYTES])
            at += _LOT_BYTES
        yield Passage(
            entry,
            MovementKind(flags & _KIND),
            bool(flags & _OUTGOING),
            AccountId(other),
            code.rstrip(b"\0").decode("ascii"),
            amount,
            lot,
        )
