"""Which files a LevelDB must have, by its own list: what LevelDB itself does not look for.

LevelDB opens without complaint where a log is gone, and with it everything since the last table;
and it notices a table of another size, or of another database, only when somebody reads that part
of it. Both stand in its MANIFEST, which is read here before LevelDB opens anything. Nothing is
written, and nothing is judged that LevelDB judges better: where the list cannot be read, LevelDB
says so itself.

The formats are LevelDB's (doc/log_format.md, doc/impl.md): a file of records, each in one or more
fragments of ``checksum u32 ‖ length u16 ‖ type u8 ‖ bytes`` in blocks of 32 KiB, little-endian;
each record a sequence of tags and fields of which the newest counts. Checksums are left to LevelDB.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, final

_BLOCK_BYTES: Final = 32 * 1024
_FRAGMENT: Final = struct.Struct("<IHB")
_FULL, _FIRST, _MIDDLE, _LAST = 1, 2, 3, 4

_COMPARATOR, _LOG, _NEXT_FILE, _LAST_SEQUENCE, _POINTER = 1, 2, 3, 4, 5
_DELETED_TABLE, _NEW_TABLE, _PREVIOUS_LOG = 6, 7, 9


class _Unreadable(Exception):
    """Not what LevelDB writes; it will say so."""


@final
@dataclass
class _Listed:
    log: int = 0
    """The oldest log that is still needed; 0 in a database that was never open."""
    tables: dict[int, int] = field(default_factory=dict)
    """Bytes of each table, by its number."""


def lacks(folder: Path) -> str | None:
    """What is missing in a database's folder, or has another size than it must; None if nothing."""
    try:
        current = (folder / "CURRENT").read_bytes().decode("ascii").strip()
        listed = _read((folder / current).read_bytes())
    except (OSError, ValueError, _Unreadable):
        return None
    if listed.log and not (folder / f"{listed.log:06}.log").exists():
        return f"{listed.log:06}.log is missing, and what was written since the last table with it"
    for number, expected in sorted(listed.tables.items()):
        for path in (folder / f"{number:06}.ldb", folder / f"{number:06}.sst"):
            if path.exists():
                actual = path.stat().st_size
                if actual != expected:
                    return f"{path.name} has {actual} bytes, expected {expected}"
                break
        else:
            return f"{number:06}.ldb is missing, a table of {expected} bytes"
    return None


def _read(manifest: bytes) -> _Listed:
    listed = _Listed()
    for record in _records(manifest):
        _apply(record, listed)
    return listed


def _records(data: bytes) -> Iterator[bytes]:
    """Whole records; one that a crash cut off at the end was never written."""
    begun = b""
    for start in range(0, len(data), _BLOCK_BYTES):
        block = memoryview(data)[start : start + _BLOCK_BYTES]
        while len(block) >= _FRAGMENT.size:
            _, length, kind = _FRAGMENT.unpack_from(block)
            fragment = bytes(block[_FRAGMENT.size : _FRAGMENT.size + length])
            if len(fragment) < length:
                return
            block = block[_FRAGMENT.size + length :]
            if kind == _FULL:
                yield fragment
            elif kind == _FIRST:
                begun = fragment
            elif kind in {_MIDDLE, _LAST}:
                begun += fragment
                if kind == _LAST:
                    yield begun
            else:
                raise _Unreadable


def _apply(record: bytes, listed: _Listed) -> None:
    fields = _Fields(record)
    while not fields.at_end:
        tag = fields.number()
        if tag == _LOG:
            listed.log = fields.number()
        elif tag == _NEW_TABLE:
            fields.number()  # its level
            number, size = fields.number(), fields.number()
            fields.skip_bytes()
            fields.skip_bytes()
            listed.tables[number] = size
        elif tag == _DELETED_TABLE:
            fields.number()
            listed.tables.pop(fields.number(), None)
        elif tag == _POINTER:
            fields.number()
            fields.skip_bytes()
        elif tag == _COMPARATOR:
            fields.skip_bytes()
        elif tag in {_NEXT_FILE, _LAST_SEQUENCE, _PREVIOUS_LOG}:
            fields.number()
        else:
            raise _Unreadable


@final
class _Fields:
    """The fields of a record, from the front."""

    def __init__(self, record: bytes) -> None:
        self._record, self._at = record, 0

    @property
    def at_end(self) -> bool:
        return self._at >= len(self._record)

    def number(self) -> int:
        """Seven bits a byte, the lowest first."""
        found = shift = 0
        while not self.at_end:
            byte = self._record[self._at]
            self._at += 1
            found |= (byte & 0x7F) << shift
            if byte < 0x80:
                return found
            shift += 7
        raise _Unreadable

    def skip_bytes(self) -> None:
        """A length and so many bytes."""
        length = self.number()  # which moves on itself
        self._at += length
        if self._at > len(self._record):
            raise _Unreadable
