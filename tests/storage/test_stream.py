"""Long files: every record comes back, every damage is named, nothing is gathered without end."""

from __future__ import annotations

import hashlib
import io
import struct
import tracemalloc
from collections.abc import Sequence
from typing import final

import pytest

from primitives.codec import encode
from primitives.errors import Malformed, OperatorFault
from primitives.ids import ChainId
from storage.stream import (
    HEAD_BYTES_MAX,
    READ_BYTES,
    StreamEnd,
    StreamHead,
    StreamReader,
    StreamWriter,
)

HEAD = StreamHead("mithaq.test", 1, ChainId(bytes(range(32))), encode(("about", 7)))
LIMIT = 100_000
RECORDS = [encode(("row", number, bytes(number % 50))) for number in range(1_000)]


def written(records: Sequence[bytes] = RECORDS) -> bytes:
    file = io.BytesIO()
    writer = StreamWriter(file, HEAD)
    for record in records:
        writer.write(record)
    end = writer.end()
    assert (end.count, writer.size) == (len(records), len(file.getvalue()))
    return file.getvalue()


def reader(data: bytes, limit: int = LIMIT) -> StreamReader:
    return StreamReader(
        io.BytesIO(data), where="FILE", name="mithaq.test", version=1, record_bytes_max=limit
    )


def read(data: bytes) -> list[bytes]:
    return list(reader(data))


def test_what_is_written_is_read_again() -> None:
    """Head, records, and the end with their number and digest."""
    data = written()
    found = reader(data)

    assert list(found) == RECORDS
    assert found.head == HEAD
    assert found.end is not None
    assert found.end.count == len(RECORDS)
    last = len(encode(found.end))
    assert found.end.digest == hashlib.sha256(data[:-last]).digest()


def test_records_may_be_of_any_size_up_to_the_limit() -> None:
    """Across the pieces in which a file is read; one byte more is refused."""
    overhead = len(encode((bytes(LIMIT - 10),))) - (LIMIT - 10)
    largest = encode((bytes(LIMIT - overhead),))
    larger = encode((bytes(LIMIT - overhead + 1),))
    assert (len(largest), len(larger)) == (LIMIT, LIMIT + 1)
    assert READ_BYTES < LIMIT

    assert read(written([largest, largest])) == [largest, largest]
    with pytest.raises(Malformed, match=r"FILE: record 2 at byte 100\d\d\d: a record of"):
        read(written([largest, larger]))


def test_a_record_without_end_is_not_gathered() -> None:
    """An array that claims four thousand million byte strings costs no more than the limit."""
    claims = b"\xdd\xff\xff\xff\xff" + b"\xc4\x00" * 5_000_000
    data = encode(HEAD) + claims
    tracemalloc.start()
    with pytest.raises(Malformed, match=r"record 1 at byte .*at most 100000 are allowed"):
        read(data)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 10 * (LIMIT + READ_BYTES)


@pytest.mark.parametrize(
    "hostile",
    [
        b"\x91" * 50_000,  # arrays in arrays in arrays
        b"\xdd\xff\xff\xff\xff" * 2_000,
        b"\xdf\xff\xff\xff\xff" * 2_000,
        b"\x91\xc6\xff\xff\xff\xff",
        b"\xc1",
        b"\x01",
        b"\x81\x01\x02",
    ],
)
def test_what_is_no_record_is_refused_where_it_begins(hostile: bytes) -> None:
    """Nested without end, larger than the file, or no array."""
    with pytest.raises(Malformed, match=f"FILE: record 1 at byte {len(encode(HEAD))}: "):
        read(encode(HEAD) + hostile)


def test_every_cut_is_noticed() -> None:
    """At each byte; the message says in which record."""
    data = written(RECORDS[:20])
    for size in range(len(encode(HEAD)), len(data)):
        found = reader(data[:size])
        with pytest.raises(Malformed, match=rf"record \d+ at byte {found.offset}|cut off"):
            list(found)
        assert found.cut_off


def test_every_changed_bit_is_noticed() -> None:
    """Somewhere: in the head, in a record's form, or by the digest."""
    data = written(RECORDS[:20])
    for index in range(len(data)):
        damaged = bytearray(data)
        damaged[index] ^= 1
        with pytest.raises(Malformed):
            read(bytes(damaged))


def test_a_record_left_out_or_put_in_is_noticed() -> None:
    """By the count and the digest, whichever the writer forgot to mend."""
    data = written(RECORDS[:20])
    end = len(data) - len(encode(StreamEnd("end", 20, HEAD.chain)))  # type: ignore[arg-type]
    without = data[: end - len(RECORDS[19])] + data[end:]
    twice = data[:end] + RECORDS[19] + data[end:]

    for changed in (without, twice):
        with pytest.raises(Malformed, match=r"record \d+ at byte \d+: the last record counts 20"):
            read(changed)
    with pytest.raises(Malformed, match="something follows the last record"):
        read(data + b"\x90")


def test_another_file_is_told_apart() -> None:
    """By name and version; what is no such file at all as well."""
    other = encode(StreamHead("mithaq.other", 1, HEAD.chain, b""))
    newer = encode(StreamHead("mithaq.test", 2, HEAD.chain, b""))

    with pytest.raises(Malformed, match=r"mithaq.test, version 1, found one of 'mithaq.other'"):
        reader(other)
    with pytest.raises(Malformed, match=r"found one of 'mithaq.test', version 2"):
        reader(newer)
    with pytest.raises(Malformed, match=r"FILE is no file of mithaq\.test: record 0 at byte 0"):
        reader(b"PK\x03\x04 and so on")
    with pytest.raises(Malformed, match="cut off"):
        reader(b"")
    assert len(encode(HEAD)) <= HEAD_BYTES_MAX


def test_a_file_is_gone_on_with_behind_its_last_whole_record() -> None:
    """And comes out as if it had been written in one go."""
    whole = written()
    for size in (len(encode(HEAD)), 5_000, 5_001, len(whole) - 1):
        file = io.BytesIO(whole[:size])
        found = StreamReader(
            file, where="FILE", name="mithaq.test", version=1, record_bytes_max=LIMIT
        )
        with pytest.raises(Malformed, match="cut off"):
            list(found)
        writer = StreamWriter.resume(file, found)
        for record in RECORDS[writer.count :]:
            writer.write(record)
        writer.end()

        assert file.getvalue() == whole


@final
class Failing(io.BytesIO):
    """A disk that is full, and a stick that was pulled out."""

    def write(self, _data: object) -> int:
        raise OSError(28, "No space left on device")

    def read(self, _size: int | None = -1) -> bytes:
        raise OSError(5, "Input/output error")


def test_a_disk_that_fails_is_the_operators_affair() -> None:
    """No file of ours is at fault."""
    with pytest.raises(OperatorFault, match="No space left on device"):
        StreamWriter(Failing(), HEAD)
    with pytest.raises(OperatorFault, match="FILE cannot be read: Input/output error"):
        StreamReader(Failing(), where="FILE", name="x", version=1, record_bytes_max=LIMIT)


def test_a_fault_of_a_record_names_it() -> None:
    """For whoever reads what is in it."""
    found = reader(written())
    records = iter(found)
    next(records)
    next(records)

    expected = f"FILE: record 2, before byte {found.offset}: not a block"
    assert str(found.fault("not a block")) == expected


def test_the_end_cannot_be_forged_by_a_record() -> None:
    """The writer's own mistake."""
    writer = StreamWriter(io.BytesIO(), HEAD)
    with pytest.raises(AssertionError, match="taken for the last one"):
        writer.write(encode(("end", 1, bytes(32))))
    with pytest.raises(AssertionError, match="a record is an array"):
        writer.write(struct.pack(">B", 7))
