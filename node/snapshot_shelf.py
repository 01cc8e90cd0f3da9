"""A node's snapshots as its peers read them: from the files alone, in bounded pieces.

Nothing is remembered of who asked for what: a piece is named by its question, so a peer may ask for
the next one anywhere. A chunk is hashed before it is sent, so that a disk that has lost a bit says
"I have it no longer" instead of a lie that would cost this node its link.

Safe in any number of threads.
"""

import time
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import Final, final

from node.snapshot_format import MANIFEST, folder_name, read_file, read_manifest, sha256
from node.snapshot_questions import Chunk, Held, Offered, SnapshotChunk, SnapshotManifest
from node.snapshots import UNFINISHED
from primitives import limits
from primitives.errors import Malformed, OperatorFault
from primitives.ids import ChainId, Digest, Height

_FOLDERS_MAX: Final = 2 * limits.SNAPSHOTS_KEPT_MAX
"""Folders that are looked at; of more, an operator put the others there."""


@final
class Shelf:
    """The folder that holds a node's snapshots."""

    def __init__(
        self, folder: Path, chain: ChainId, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.folder = folder
        self._chain, self._clock = chain, clock
        self._lock = Lock()
        self._known: dict[str, Offered | None] = {}
        """What stands in each folder, which never changes; None for one that is of no use."""
        self._read: tuple[str, float] | None = None
        """The folder that was read from last, and when."""

    def offered(self) -> tuple[Offered, ...]:
        """The newest snapshots of this chain."""
        try:
            names = sorted(path.name for path in self.folder.iterdir())[:_FOLDERS_MAX]
        except OSError:
            return ()
        finished = [name for name in names if not name.endswith(UNFINISHED)]
        with self._lock:
            self._known = {
                name: self._known[name] if name in self._known else self._look(name)
                for name in finished
            }
            found = [one for one in self._known.values() if one is not None]
        found.sort(key=lambda one: one.height, reverse=True)
        return tuple(found[: limits.SNAPSHOTS_OFFERED_MAX])

    def _look(self, name: str) -> Offered | None:
        try:
            manifest = read_manifest(self.folder / name)
        except (OperatorFault, Malformed):
            return None
        if manifest.chain != self._chain or manifest.name != name:
            return None
        return Offered(manifest.height, manifest.header.state_root, manifest.bytes)

    def manifest(self, asked: SnapshotManifest) -> Held | None:
        """A piece of a manifest; None where it is not here, or ends before."""
        path = self._of(asked.height, asked.state_root) / MANIFEST
        try:
            with path.open("rb") as file:
                total = file.seek(0, 2)
                file.seek(asked.offset)
                data = file.read(limits.JOIN_PIECE_BYTES)
        except OSError:
            return None
        return Held(total, data) if 1 <= total <= limits.SNAPSHOT_MANIFEST_BYTES_MAX else None

    def chunk(self, asked: SnapshotChunk) -> Chunk | None:
        """A chunk; None where it is not here, or is not the one that was asked for."""
        path = self._of(asked.height, asked.state_root) / asked.name
        try:
            data = read_file(path, limits.SNAPSHOT_CHUNK_BYTES_MAX)
        except (OperatorFault, Malformed):
            return None
        return Chunk(data) if data and sha256(data) == asked.sha256 else None

    def spared(self) -> Path | None:
        """A snapshot that somebody reads from, and that should stay a little longer."""
        with self._lock:
            if self._read is None or self._clock() - self._read[1] > limits.SNAPSHOT_SPARED_S:
                return None
            return self.folder / self._read[0]

    def _of(self, height: Height, state_root: Digest) -> Path:
        name = folder_name(height, state_root)
        with self._lock:
            if name in self._known:
                self._read = (name, self._clock())
        return self.folder / name
