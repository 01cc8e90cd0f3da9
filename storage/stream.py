"""Long files as a sequence of records: backups and exports.

A record is one canonical MessagePack array. The first one says what the file is, the last one how
it ends, and between them stand the records of the format:

```
first    [name, version, chain id, about]      `about`: canonical bytes, the format's own affair
…
last     ["end", records in between, SHA-256 over every byte before this record]
```

A file is read record by record in bounded memory, whatever somebody has made of it: the `msgpack`
package's Unpacker finds where a record ends, without building anything from it, and more bytes than
the format allows a record are refused before they are gathered. What is in a record is for
`primitives.codec.decode` to say. Every fault names the record and the byte where it begins.

The digest finds what a disk or a cable did to a file. It proves nothing about who wrote it: whoever
restores from one checks the chain in it (node/check.py).
"""

import hashlib
from collections.abc import Iterator
from typing import Annotated, BinaryIO, Final, Literal, Self, final

import msgpack
from msgspec import Meta, Struct

from primitives.codec import decode, encode
from primitives.errors import Malformed, OperatorFault
from primitives.ids import ChainId, Digest, Natural, Sized32

HEAD_BYTES_MAX: Final = 64 * 1024
"""The first record: ids, heights and names. Whatever is longer belongs in a record of its own."""
READ_BYTES: Final = 64 * 1024


_END_BEGINS: Final = b"\x93\xa3end"
"""How the last record begins, and no other may."""
_ARRAYS: Final = frozenset({*range(0x90, 0xA0), 0xDC, 0xDD})
"""First bytes of a MessagePack array."""


@final
class StreamHead(Struct, array_like=True, frozen=True):
    """The first record."""

    name: Annotated[str, Meta(min_length=1, max_length=64)]
    version: Natural[int]
    chain: Sized32[ChainId]
    about: bytes


@final
class StreamEnd(Struct, array_like=True, frozen=True):
    """The last record."""

    word: Literal["end"]
    count: Natural[int]
    digest: Sized32[Digest]


@final
class StreamWriter:
    """Writes one file. Durable is what its file makes durable (storage/new_file.py)."""

    def __init__(self, file: BinaryIO, head: StreamHead) -> None:
        """Begin with the first record.

        Raises:
            OperatorFault: it cannot be written.
        """
        self._file = file
        self._hash = hashlib.sha256()
        self.size = 0
        """Bytes written."""
        self.count = 0
        """Records written after the first one."""
        data = encode(head)
        assert len(data) <= HEAD_BYTES_MAX, f"a first record of {len(data)} bytes"
        self._put(data)

    @classmethod
    def resume(cls, file: BinaryIO, reader: "StreamReader") -> Self:
        """Go on behind the last whole record that `reader` has given of this same file.

        What follows it, the half of a record or nothing, is cut off.
        """
        writer = cls.__new__(cls)
        writer._file, writer._hash = file, reader.hash_so_far()
        writer.size, writer.count = reader.offset, reader.count
        file.seek(reader.offset)
        file.truncate()
        return writer

    def write(self, record: bytes) -> None:
        """One record: the canonical bytes of an array.

        Raises:
            OperatorFault: it cannot be written.
        """
        assert record[0] in _ARRAYS, "a record is an array"
        assert not record.startswith(_END_BEGINS), "this record would be taken for the last one"
        self._put(record)
        self.count += 1

    def end(self) -> StreamEnd:
        """The last record; nothing may follow."""
        end = StreamEnd("end", self.count, Digest(self._hash.digest()))
        self._put(encode(end))
        return end

    def _put(self, data: bytes) -> None:
        try:
            self._file.write(data)
        except OSError as error:
            raise OperatorFault(f"the file cannot be written: {error.strerror}") from error
        self._hash.update(data)
        self.size += len(data)


@final
class StreamReader:
    """Reads one file: its head at once, its records by iteration, and `end` after the last one."""

    def __init__(
        self, file: BinaryIO, *, where: str, name: str, version: int, record_bytes_max: int
    ) -> None:
        """`where` is how messages call the file.

        Raises:
            Malformed: it does not begin as a file of this name and version.
            OperatorFault: it cannot be read.
        """
        self._file, self._where = file, where
        self._limit = max(record_bytes_max, HEAD_BYTES_MAX)
        self._unpacker = msgpack.Unpacker(max_buffer_size=self._limit + READ_BYTES)
        self._held = bytearray()
        self._hash = hashlib.sha256()
        self.offset = 0
        """Where the next record begins."""
        self.count = -1
        """Records given, the first one not counted."""
        self.cut_off = False
        """The file ended before its last record."""
        self.end: StreamEnd | None = None
        self.head = self._read_head(name, version)

    def __iter__(self) -> Iterator[bytes]:
        """The records in between, as they are written.

        Raises:
            Malformed: the file is cut off or damaged, or a record is too large.
            OperatorFault: it cannot be read.
        """
        while True:
            record = self._next()
            if record.startswith(_END_BEGINS):
                self._finish(record)
                return
            self._take(record)
            yield record

    def hash_so_far(self) -> "hashlib._Hash":
        """SHA-256 over the bytes before `offset`, to go on with."""
        return self._hash.copy()

    def fault(self, what: str) -> Malformed:
        """An error about the record that was given last, for whoever finds that it is none."""
        return Malformed(f"{self._where}: record {self.count}, before byte {self.offset}: {what}")

    def _read_head(self, name: str, version: int) -> StreamHead:
        try:
            data = self._next()
            head = decode(data, StreamHead, limit=HEAD_BYTES_MAX)
        except Malformed as error:
            why = str(error).removeprefix(f"{self._where}: ")
            raise Malformed(f"{self._where} is no file of {name}: {why}") from error
        if (head.name, head.version) != (name, version):
            raise self._damaged(
                f"expected a file of {name}, version {version}, "
                f"found one of {head.name!r}, version {head.version}"
            )
        self._take(data)
        return head

    def _take(self, record: bytes) -> None:
        self._hash.update(record)
        self.offset += len(record)
        self.count += 1

    def _finish(self, record: bytes) -> None:
        try:
            end = decode(record, StreamEnd, limit=len(record))
        except Malformed as error:
            raise self._damaged(f"the last record is none: {error}") from error
        if end.count != self.count:
            raise self._damaged(f"the last record counts {end.count} before it, expected this many")
        if end.digest != self._hash.digest():
            raise self._damaged(
                f"the file is damaged: its bytes have the SHA-256 {self._hash.hexdigest()}, "
                f"its last record says {end.digest.hex()}"
            )
        if self._held or self._read():
            raise self._damaged("something follows the last record")
        self.end = end

    def _next(self) -> bytes:
        """The bytes of the next record, however little of it the file gives at a time."""
        while True:
            try:
                self._unpacker.skip()
            except msgpack.OutOfData:
                self._feed()
                continue
            except ValueError as error:  # FormatError and StackError of msgpack are such
                raise self._damaged(f"this is no MessagePack: {error}") from error
            size = self._unpacker.tell() - self.offset
            if size > self._limit:
                raise self._damaged(f"a record of {size} bytes, at most {self._limit} are allowed")
            record = bytes(self._held[:size])
            del self._held[:size]
            if record[0] not in _ARRAYS:
                raise self._damaged("a record is an array, this is none")
            return record

    def _feed(self) -> None:
        if len(self._held) > self._limit:
            raise self._damaged(
                f"a record of more than {len(self._held)} bytes, at most {self._limit} are allowed"
            )
        data = self._read()
        if not data:
            self.cut_off = True
            raise self._damaged(
                "the file is cut off: it ends after "
                f"{len(self._held)} bytes of this record, without its last one"
            )
        self._held += data
        self._unpacker.feed(data)

    def _read(self) -> bytes:
        try:
            return self._file.read(READ_BYTES)
        except OSError as error:
            raise OperatorFault(f"{self._where} cannot be read: {error.strerror}") from error

    def _damaged(self, what: str) -> Malformed:
        return Malformed(f"{self._where}: record {self.count + 1} at byte {self.offset}: {what}")
