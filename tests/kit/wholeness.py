"""Whether a database of `kit.alone` holds exactly what its height says, every row of it.

The chain there follows from its heights, so its twin in memory says what must be on the disk: not
one row more and none less, whatever happened to the process. Only what the next height has promised
may be there or not. The root of the state is computed again from the entries alone, by the
definition of the tree and without its code.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, final

from kit import alone
from primitives.block import Header
from primitives.domains import Domain
from primitives.errors import MithaqError
from primitives.ids import Height
from storage import schema
from storage.chain import ChainStore
from storage.keyvalue import Reader
from storage.memory import MemoryKeyValue
from storage.reading import read_head
from storage.schema import Region

OF_THE_NEXT_HEIGHT: Final = frozenset({Region.VOTE, Region.VOTE_BODY})
SHOWN: Final = 5
"""Rows that a finding names one by one."""


def rows_of(database: Reader) -> dict[bytes, bytes]:
    """Everything."""
    return dict(database.iterate(start=b"", stop=b"\xff"))


def strange(rows: Mapping[bytes, bytes], expected: Mapping[bytes, bytes]) -> list[str]:
    """How a database differs from the twin that stands at the same height."""
    found = _root(rows)
    next_height = read_head(MemoryKeyValue(expected)).height + 1
    settled = {key: value for key, value in rows.items() if key[0] not in OF_THE_NEXT_HEIGHT}
    for what, keys in (
        ("missing", [key for key in expected if key not in settled]),
        ("too much", [key for key in settled if key not in expected]),
        (
            "different",
            [key for key in expected if settled.get(key, expected[key]) != expected[key]],
        ),
    ):
        found += [f"{what}: {len(keys)} rows, {_names(keys)}"] if keys else []
    for key in rows:
        if key[0] in OF_THE_NEXT_HEIGHT and int.from_bytes(key[1:9], "big") != next_height:
            found.append(f"a promise of another height than {next_height}: {_names([key])}")
    return found


@final
class Twin:
    """The same chain in memory. It can only grow, and remembers the heights it was asked about."""

    def __init__(self) -> None:
        self._alone, self._database = alone.reference()
        self._rows: dict[int, dict[bytes, bytes]] = {}

    def rows_at(self, height: Height) -> dict[bytes, bytes]:
        """What a database must hold at a height, not below those that it was grown to."""
        while height not in self._rows:
            assert self._alone.height <= height, f"the twin is at {self._alone.height}"
            self._rows[self._alone.height] = self._database.contents()
            self._alone.decide()
        return self._rows[height]

    def header_at(self, height: Height) -> Header:
        """The header of a height, not above one that it was grown to or asked about."""
        self.rows_at(height)
        return self._alone.store.header(height)

    def grow(self, height: int) -> None:
        """Up to a height at least."""
        while self._alone.height < height:
            self._alone.decide()


def _names(keys: Sequence[bytes]) -> str:
    shown = ", ".join(f"{Region(key[0]).name} {key[1:].hex()}" for key in keys[:SHOWN])
    return shown + (" …" if len(keys) > SHOWN else "")


def _root(rows: Mapping[bytes, bytes]) -> list[str]:
    try:
        header = ChainStore(MemoryKeyValue(rows)).head().header
    except MithaqError as error:
        return [str(error)]
    found = state_root(rows)
    if found != header.state_root:
        return [f"state root {found.hex()}, the header has {header.state_root.hex()}"]
    return []


def state_root(rows: Mapping[bytes, bytes]) -> bytes:
    """The root over the entries, by the definition in ledger/tree.py."""
    leaves = sorted(_leaves(rows))
    return _subtree(leaves, 0)


def _leaves(rows: Mapping[bytes, bytes]) -> Iterator[tuple[bytes, bytes]]:
    for key, value in rows.items():
        if key[0] == Region.STATE:
            where = _sha(Domain.STATE_KEY, key[1 : schema.STATE_PREFIX_BYTES], _ledger_key(key))
            yield where, _sha(Domain.STATE_LEAF, where, _sha(Domain.STATE_VALUE, value))


def _ledger_key(key: bytes) -> bytes:
    return key[schema.STATE_PREFIX_BYTES :]


def _subtree(leaves: Sequence[tuple[bytes, bytes]], depth: int) -> bytes:
    if not leaves:
        return bytes(32)
    if len(leaves) == 1:
        return leaves[0][1]
    byte, bit = depth // 8, 0x80 >> depth % 8
    left = [leaf for leaf in leaves if not leaf[0][byte] & bit]
    right = [leaf for leaf in leaves if leaf[0][byte] & bit]
    return _sha(Domain.STATE_NODE, _subtree(left, depth + 1), _subtree(right, depth + 1))


def _sha(domain: Domain, *parts: bytes) -> bytes:
    return hashlib.sha256(domain.tag + b"".join(parts)).digest()
