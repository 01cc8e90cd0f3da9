"""Snapshots: the state after one block, in chunks that anybody checks against its root.

The exact bytes are docs/snapshot-format.md. A snapshot is a folder of files, each one canonical
value of bounded size, so that a chunk is also a message:

```
manifest        the certified header, what leads to it from genesis, and the list of the chunks
state-000000 …  entries of the state under one prefix, with the siblings that lead to the root
window-000000 … ids of the transaction window, with the row of the state that each list hashes to
```

Every chunk is judged by the state root alone, in any order, whoever it comes from; which chunks
there are follows from the state. So two nodes write the same chunks of a height, byte for byte, and
manifests that differ in the validators that signed.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final, Literal, final

from msgspec import Meta, Struct

from ledger.subtree import Prefix
from ledger.window import WindowIds
from node.lineage import Keys, Step
from primitives import limits
from primitives.block import Header, block_id
from primitives.certificate import Certificate
from primitives.codec import decode
from primitives.errors import Malformed, OperatorFault
from primitives.ids import ChainId, Digest, Height, Natural, Sized32, TimeMs, TransactionId

MANIFEST: Final = "manifest"
_STATE: Final = "state-"
_WINDOW: Final = "window-"

Sibling = Annotated[bytes, Meta(max_length=32)]
Siblings = Annotated[tuple[Sibling, ...], Meta(max_length=limits.STATE_DEPTH_MAX)]
TableNumber = Annotated[int, Meta(ge=0, le=2**16 - 1)]
WindowId = tuple[Natural[TimeMs], Sized32[TransactionId]]
Size = Annotated[int, Meta(ge=1, le=limits.SNAPSHOT_CHUNK_BYTES_MAX)]


@final
class StateFile(Struct, array_like=True, frozen=True):
    """What the manifest says of a chunk of the state."""

    prefix: Prefix
    entries: Natural[int]
    bytes: Size
    sha256: Sized32[Digest]


@final
class WindowFile(Struct, array_like=True, frozen=True):
    """What the manifest says of a chunk of the window: heights from first to last."""

    first: Natural[Height]
    last: Natural[Height]
    ids: Natural[int]
    bytes: Size
    sha256: Sized32[Digest]


ChunkFile = StateFile | WindowFile


@final
class Manifest(Struct, array_like=True, frozen=True):
    """Which state, who signed it, what leads to them, and which chunks it has."""

    format: Literal["mithaq.snapshot"]
    version: Literal[1]
    genesis: Header
    validators: Annotated[Keys, Meta(description="those of genesis")]
    steps: tuple[Step, ...]
    header: Header
    certificate: Certificate
    state: Annotated[tuple[StateFile, ...], Meta(min_length=1)]
    window: Annotated[tuple[WindowFile, ...], Meta(min_length=1)]

    @property
    def chain(self) -> ChainId:
        """The chain that it claims to be of."""
        return ChainId(block_id(self.genesis))

    @property
    def height(self) -> Height:
        """Whose state it is."""
        return self.header.height

    @property
    def name(self) -> str:
        """How its folder is called."""
        return folder_name(self.height, self.header.state_root)

    @property
    def entries(self) -> int:
        """Of the state, in all chunks."""
        return sum(file.entries for file in self.state)

    @property
    def ids(self) -> int:
        """Of the window, in all chunks."""
        return sum(file.ids for file in self.window)

    @property
    def bytes(self) -> int:
        """Of all chunks."""
        return sum(file.bytes for _, file in self.files())

    def files(self) -> Iterator[tuple[str, ChunkFile]]:
        """Every chunk with the name of its file."""
        for index, state in enumerate(self.state):
            yield state_name(index), state
        for index, window in enumerate(self.window):
            yield window_name(index), window

    def file(self, name: str) -> ChunkFile:
        """What it says of the chunk with this name, which it has."""
        files = self.state if is_of_state(name) else self.window
        return files[index_of(name)]


@final
class StateChunk(Struct, array_like=True, frozen=True):
    """All entries under a prefix: table, key and value, ascending by key hash."""

    format: Literal["mithaq.snapshot.state"]
    version: Literal[1]
    chain: Sized32[ChainId]
    height: Natural[Height]
    prefix: Prefix
    siblings: Siblings
    entries: tuple[tuple[TableNumber, bytes, bytes], ...]


@final
class WindowRow(Struct, array_like=True, frozen=True):
    """The row of a block in the table `window_ids`, its path, and the ids that it hashes."""

    height: Natural[Height]
    row: WindowIds
    siblings: Siblings
    ids: Annotated[tuple[WindowId, ...], Meta(max_length=limits.BLOCK_TRANSACTIONS_MAX)]


@final
class WindowChunk(Struct, array_like=True, frozen=True):
    """Rows of heights one after the other."""

    format: Literal["mithaq.snapshot.window"]
    version: Literal[1]
    chain: Sized32[ChainId]
    height: Natural[Height]
    rows: Annotated[tuple[WindowRow, ...], Meta(min_length=1)]


def folder_name(height: Height, state_root: Digest) -> str:
    """The height, and eight digits of the root, of a snapshot."""
    return f"{height}-{state_root[:4].hex()}"


def state_name(index: int) -> str:
    """The file of a chunk of the state."""
    return f"{_STATE}{index:06d}"


def window_name(index: int) -> str:
    """The file of a chunk of the window."""
    return f"{_WINDOW}{index:06d}"


def is_of_state(name: str) -> bool:
    """Whether a chunk's file is one of the state, not of the window."""
    return name.startswith(_STATE)


def index_of(name: str) -> int:
    """The number in the name of a chunk's file."""
    return int(name.removeprefix(_STATE).removeprefix(_WINDOW))


def sha256(data: bytes) -> Digest:
    """What the manifest says of a file, as `sha256sum` prints it."""
    return Digest(hashlib.sha256(data).digest())


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a snapshot, unjudged.

    Raises:
        OperatorFault: there is none, or it cannot be read.
        Malformed: it is no manifest of version 1.
    """
    data = read_file(folder / MANIFEST, limits.SNAPSHOT_MANIFEST_BYTES_MAX)
    try:
        return decode(data, Manifest, limit=limits.SNAPSHOT_MANIFEST_BYTES_MAX)
    except Malformed as error:
        raise Malformed(f"{folder / MANIFEST}: {error}") from error


def read_file(path: Path, bytes_max: int) -> bytes:
    """A file of bounded size.

    Raises:
        OperatorFault: it is missing, or cannot be read.
        Malformed: it is larger.
    """
    try:
        with path.open("rb") as file:
            data = file.read(bytes_max + 1)
    except FileNotFoundError as error:
        raise OperatorFault(f"{path} is missing") from error
    except OSError as error:
        raise OperatorFault(f"{path} cannot be read: {error.strerror}") from error
    if len(data) > bytes_max:
        raise Malformed(f"{path} has more than {bytes_max} bytes")
    return data
