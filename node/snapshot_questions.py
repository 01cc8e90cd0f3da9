"""What a node that joins asks its peers, and what it is answered (decision 0033).

Everything is small and stands for itself. A manifest and a genesis document come in pieces, a chunk
is one answer. Which chunk is wanted is said by its SHA-256, so that it may come from any peer that
holds the same state, and a peer that sends something else is convicted by its own answer.

An answer of None is no fault: what was offered a minute ago may have made room for a newer one.
"""

from typing import Annotated, Final, TypeAlias, final

from msgspec import Meta, Struct

from primitives import limits
from primitives.ids import Digest, Height, Natural, Sized32

Piece = Annotated[bytes, Meta(max_length=limits.JOIN_PIECE_BYTES)]
# `$` alone would also match before a newline at the end.
_NAME: Final = r"^(?:state|window)-[0-9]{6}(?!\n)$"


@final
class SnapshotOffer(Struct, array_like=True, frozen=True, tag=2):
    """Which snapshots do you hold?"""

    write: bool
    """None that is held serves the one who asks: the peer may write one, and says so."""


@final
class SnapshotManifest(Struct, array_like=True, frozen=True, tag=3):
    """A piece of a manifest, from a byte on."""

    height: Natural[Height]
    state_root: Sized32[Digest]
    offset: Natural[int]


@final
class SnapshotChunk(Struct, array_like=True, frozen=True, tag=4):
    """A chunk, by the name of its file and its SHA-256."""

    height: Natural[Height]
    state_root: Sized32[Digest]
    name: Annotated[str, Meta(pattern=_NAME)]
    sha256: Sized32[Digest]


@final
class GenesisPart(Struct, array_like=True, frozen=True, tag=5):
    """A piece of the genesis document in its canonical form, from a byte on."""

    offset: Natural[int]


Joining: TypeAlias = SnapshotOffer | SnapshotManifest | SnapshotChunk | GenesisPart


@final
class Offered(Struct, array_like=True, frozen=True):
    """A snapshot that the peer says it holds: only its manifest proves anything."""

    height: Natural[Height]
    state_root: Sized32[Digest]
    bytes: Natural[int]


@final
class Writing(Struct, array_like=True, frozen=True):
    """How far a peer is that writes a snapshot; a total of 0 is one that is not known yet."""

    done: Natural[int]
    total: Natural[int]


@final
class Offers(Struct, array_like=True, frozen=True):
    """What a peer says of itself: hints, all of it."""

    height: Natural[Height]
    """Its newest block."""
    kept_from: Natural[Height]
    """The lowest height whose block it holds, and all above."""
    writing: Writing | None
    snapshots: Annotated[tuple[Offered, ...], Meta(max_length=limits.SNAPSHOTS_OFFERED_MAX)]
    """The newest first."""


@final
class Held(Struct, array_like=True, frozen=True):
    """A piece of something that has `total` bytes: all that is left, or as long as may be."""

    total: Annotated[int, Meta(ge=1, le=limits.SNAPSHOT_MANIFEST_BYTES_MAX)]
    data: Piece


@final
class Chunk(Struct, array_like=True, frozen=True):
    """The file."""

    data: Annotated[bytes, Meta(min_length=1, max_length=limits.SNAPSHOT_CHUNK_BYTES_MAX)]
