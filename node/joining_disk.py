"""What a node that joins has fetched so far: `joining/HEIGHT-ROOT` in its folder, file by file.

A file has its name when it was checked and written; a half-written one has another name and counts
for nothing. So whoever is interrupted, by whatever, begins again with what is here. The files are
those of a snapshot (docs/snapshot-format.md): when all of them are here, it is one.

Nothing of it is believed when it is read again: what is here is hashed before it counts, and the
tree that the restore builds of it must have the state root that the validators signed.
"""

import os
import shutil
from pathlib import Path
from typing import final

from node.room import leave_room
from node.snapshot_check import Source, check_listed, read_proved_chunk
from node.snapshot_format import MANIFEST, Manifest, read_file, read_manifest
from primitives import limits
from primitives.errors import Malformed, OperatorFault
from storage.new_file import part_of


@final
class Larder:
    """The snapshot that is coming; at most one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def begun(self) -> Manifest | None:
        """The manifest of what was begun, unjudged; None where there is nothing of use."""
        if not self.folder.is_dir():
            return None
        for path in sorted(self.folder.iterdir(), reverse=True):
            try:
                manifest = read_manifest(path)
            except (OperatorFault, Malformed):
                continue
            if path.name == manifest.name:
                return manifest
        return None

    def begin(self, manifest: Manifest, data: bytes) -> None:
        """Make room for a snapshot whose manifest was checked; `data` are its bytes.

        Chunks that are here already, of the same state, stay.

        Raises:
            OperatorFault: the folder cannot be written, or its disk is nearly full.
        """
        place = self.place(manifest)
        try:
            place.mkdir(parents=True, exist_ok=True)
            for other in self.folder.iterdir():
                if other != place:
                    _remove(other)
        except OSError as error:
            raise OperatorFault(f"{place} cannot be made: {error.strerror}") from error
        self.keep(manifest, MANIFEST, data)

    def place(self, manifest: Manifest) -> Path:
        """The folder of a snapshot."""
        return self.folder / manifest.name

    def lacking(self, manifest: Manifest) -> list[str]:
        """The chunks that are not here as the manifest lists them, in its order."""
        return [name for name, _ in manifest.files() if not self._is_here(manifest, name)]

    def _is_here(self, manifest: Manifest, name: str) -> bool:
        try:
            data = read_file(self.place(manifest) / name, limits.SNAPSHOT_CHUNK_BYTES_MAX)
            check_listed(data, manifest.file(name))
        except (OperatorFault, Malformed):
            return False
        return True

    def keep(self, manifest: Manifest, name: str, data: bytes) -> None:
        """Write a file that was checked.

        Raises:
            OperatorFault: it cannot be written, or the disk is nearly full.
        """
        path = self.place(manifest) / name
        leave_room(path)
        try:
            part = part_of(path)
            part.write_bytes(data)
            os.replace(part, path)
        except OSError as error:
            raise OperatorFault(f"{path} cannot be written: {error.strerror}") from error

    def source(self, manifest: Manifest) -> Source:
        """The snapshot, when it is whole; each chunk was proved when it came."""
        return Source(self.place(manifest), manifest, read_proved_chunk)

    def clear(self) -> None:
        """Remove everything: it has become a database, or serves nobody.

        Raises:
            OperatorFault: it cannot be removed.
        """
        try:
            _remove(self.folder)
        except OSError as error:
            raise OperatorFault(f"{self.folder} cannot be removed: {error.strerror}") from error


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
