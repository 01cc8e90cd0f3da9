"""The ledger's own view of a snapshot: storage fulfils it without knowing the ledger."""

import dataclasses
from typing import final

import msgspec

from kit.stored import genesis, grow
from ledger.state import Overlay, StateReader, Table
from primitives.codec import encode
from storage.chain import install_genesis
from storage.keyvalue import KeyValue


@final
class Row(msgspec.Struct, array_like=True, frozen=True):
    value: int


ROWS: Table[int, Row] = Table(5, "rows", lambda key: key.to_bytes(2, "big"), Row)


def test_the_ledger_reads_its_tables_from_a_snapshot(database: KeyValue) -> None:
    """Through its own Protocol, on the twin as on disk."""
    writes = {(5, number.to_bytes(2, "big")): encode(Row(number)) for number in range(4)}
    store = install_genesis(database, dataclasses.replace(genesis(), state_writes=writes))
    grow(store, 1)

    with store.state() as snapshot:
        reader: StateReader = snapshot

        assert ROWS.read(reader, 3) == Row(3)
        assert ROWS.read(reader, 4) is None
        assert [row for _, row in ROWS.scan(reader, after=b"\0\0", limit=2)] == [Row(1), Row(2)]
        assert Overlay(reader)[ROWS].find(2) == Row(2)
        assert (reader.height, reader.root) == (1, store.head().header.state_root)
