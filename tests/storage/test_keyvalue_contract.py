"""Both databases keep the contract of storage/keyvalue.py, point by point."""

import pytest

from primitives.errors import StorageFault
from storage.keyvalue import KeyValue, Reader


def rows(reader: Reader, start: bytes = b"", stop: bytes = b"\xff") -> list[tuple[bytes, bytes]]:
    return list(reader.iterate(start=start, stop=stop))


def test_a_written_value_is_read(database: KeyValue) -> None:
    """An empty value is a value; what was never written is None."""
    database.write({b"a": b"1", b"b": b""})

    assert database.get(b"a") == b"1"
    assert database.get(b"b") == b""
    assert database.get(b"c") is None


def test_a_batch_replaces_and_deletes(database: KeyValue) -> None:
    """Deleting what is not there is harmless."""
    database.write({b"a": b"1", b"b": b"2"})

    database.write({b"a": b"3", b"b": None, b"c": None})

    assert rows(database) == [(b"a", b"3")]


def test_keys_are_in_the_order_of_their_bytes(database: KeyValue) -> None:
    """A shorter key stands before its extensions, and 0x80 after 0x7f."""
    keys = [b"\x00", b"\x00\x00", b"\x00\x01", b"\x7f", b"\x80", b"\xfe\xff"]

    database.write(dict.fromkeys(reversed(keys), b""))

    assert [key for key, _ in rows(database)] == keys


def test_a_range_has_its_start_and_not_its_stop(database: KeyValue) -> None:
    """An empty range, or one that ends before it starts, has nothing."""
    database.write(dict.fromkeys((b"a", b"b", b"c"), b""))

    assert [key for key, _ in rows(database, b"a", b"c")] == [b"a", b"b"]
    assert rows(database, b"b", b"b") == []
    assert rows(database, b"c", b"a") == []


def test_a_snapshot_never_sees_a_later_write(database: KeyValue) -> None:
    """Neither a new key, nor a changed one, nor a deletion."""
    database.write({b"a": b"1", b"b": b"2"})
    snapshot = database.snapshot()

    database.write({b"a": None, b"b": b"3", b"c": b"4"})

    assert rows(snapshot) == [(b"a", b"1"), (b"b", b"2")]
    assert snapshot.get(b"a") == b"1"
    assert snapshot.get(b"c") is None
    assert rows(database) == [(b"b", b"3"), (b"c", b"4")]
    snapshot.close()


def test_an_iteration_shows_the_moment_it_was_asked_for(database: KeyValue) -> None:
    """Even where its first step comes after the write."""
    database.write({b"a": b"1"})
    iteration = database.iterate(start=b"", stop=b"\xff")

    database.write({b"a": b"2", b"b": b"3"})

    assert list(iteration) == [(b"a", b"1")]


def test_an_iteration_may_be_left_early(database: KeyValue) -> None:
    """Whoever wants the first row takes the first row."""
    database.write({b"a": b"1", b"b": b"2"})

    assert next(database.iterate(start=b"", stop=b"\xff")) == (b"a", b"1")


def test_a_compacted_range_reads_as_before(database: KeyValue) -> None:
    """What was deleted stays deleted, in the range and beside it."""
    database.write({b"a": b"1", b"b": b"2", b"c": b"3"})
    database.write({b"b": None, b"c": b"4"})

    database.compact(start=b"a", stop=b"c")

    assert rows(database) == [(b"a", b"1"), (b"c", b"4")]


def test_a_closed_snapshot_refuses(database: KeyValue) -> None:
    """Closing it twice is harmless, and the database goes on."""
    database.write({b"a": b"1"})
    snapshot = database.snapshot()
    snapshot.close()
    snapshot.close()

    with pytest.raises(StorageFault):
        snapshot.get(b"a")
    with pytest.raises(StorageFault):
        rows(snapshot)
    assert database.get(b"a") == b"1"


def test_a_closed_database_refuses(database: KeyValue) -> None:
    """Closing it twice is harmless."""
    database.close()
    database.close()

    with pytest.raises(StorageFault):
        database.get(b"a")
    with pytest.raises(StorageFault):
        rows(database)
    with pytest.raises(StorageFault):
        database.snapshot()
    with pytest.raises(StorageFault):
        database.write({b"a": b"1"})
