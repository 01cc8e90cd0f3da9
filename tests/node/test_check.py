"""`db check`: whatever row of whatever region is changed, lost or added, it is found and named.

The specimen has rows in every region, and each of its rows is damaged in turn. What cannot be seen
is listed with the reason; a new region without a check fails here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Final

import pytest

from kit import ledger as made
from kit.specimen import checked, specimen, specimen_chain
from node.check.findings import Damage
from node.check.run import CheckReport, CheckRequest, check_snapshot
from node.retention import Policy, recorder
from node.work import finish
from primitives import limits
from primitives.errors import Rejected, StorageFault
from primitives.ids import Height
from primitives.named import from_named, to_named
from storage import schema
from storage.edges import Part
from storage.memory import MemoryKeyValue
from storage.schema import Region

CHAIN, ROWS = specimen()
UNSEEN: Final = {
    (Region.VOTE, "missing"): "a vote that is gone is one that was never written: the signer's "
    "own memory knows (R50)",
    (Region.ARCHIVE, "missing"): "a view without our prepare leaves no other trace",
    (Region.EVIDENCE, "missing"): "who was never caught leaves no other trace",
    (Region.ADDRESSES, "missing"): "what a node said of itself it says again with the next link",
}
"""What no check of one database can see."""
UNSEEN_KEYS: Final = {
    schema.edge_key("headers"),
    *(schema.swept_key(part) for part in ("bodies", "receipts", "index")),
}
"""Here they become 1 and 0: a birth one height later, and a sweep that goes over block 0 again."""


def of(region: Region) -> list[bytes]:
    return [key for key in ROWS if key[0] == region]


def damages(rows: dict[bytes, bytes]) -> tuple[Damage, ...]:
    try:
        return checked(CHAIN, rows).damages
    except StorageFault as error:
        # Without head, format or edges there is nothing to check by; the message names what.
        return tuple(
            Damage(region=region, height=None, key=b"", what=str(error))
            for region in ("meta", "header")
        )


def is_unseen(region: Region, how: str, key: bytes) -> bool:
    if how == "changed" and key in UNSEEN_KEYS:
        return True
    return (region, how) in UNSEEN


def named(rows: dict[bytes, bytes], key: bytes) -> bool:
    """The damage of this very row is among those that are told."""
    region = Region(key[0])
    return any(
        damage.region == region.name.lower()
        and (damage.key in {key, b""} or _tells(damage, key) or _is_led_to(damage, rows.get(key)))
        for damage in damages(rows)
    )


def _is_led_to(damage: Damage, row: bytes | None) -> bool:
    """It is of the record that a record of the tree ends with the height of."""
    if row is None or damage.region != Region.NODE.name.lower():
        return False
    return damage.key.startswith(bytes([Region.NODE]) + row[-8:])


def _tells(damage: Damage, key: bytes) -> bool:
    """By its name, or as the one that names another which is not there."""
    return key.hex() in damage.what or (key[0] == Region.META and key[1:].decode() in damage.what)


def test_a_database_that_is_well_has_no_damage() -> None:
    """And the report says what was looked at."""
    report = checked(CHAIN, ROWS)

    assert report.damages == ()
    assert (report.height, report.blocks, report.transactions) == (6, 7, 6)
    assert report.signatures == 6 * 3
    assert report.entries == len(of(Region.STATE))
    assert report.tree_records == len(of(Region.NODE))
    assert report.tree_heights == 5


@pytest.mark.parametrize("region", Region)
def test_a_changed_row_is_found(region: Region) -> None:
    """Its last bit, or a byte where there was none."""
    assert of(region), f"the specimen has no row of {region.name}: give it one, and it a check"
    for key in of(region):
        value = ROWS[key]
        changed = value[:-1] + bytes([value[-1] ^ 1]) if value else b"\1"
        assert named(ROWS | {key: changed}, key) != is_unseen(region, "changed", key), key


@pytest.mark.parametrize("region", Region)
def test_a_missing_row_is_found(region: Region) -> None:
    """Unless nothing else could tell of it."""
    for key in of(region):
        rows = {other: value for other, value in ROWS.items() if other != key}
        assert named(rows, key) != is_unseen(region, "missing", key), key


def superfluous(region: Region) -> Iterator[bytes]:
    """Keys beside those that are there."""
    for key in of(region)[:2]:
        yield key[:-1] + bytes([key[-1] ^ 0x80])
        yield key + b"\0"
        yield key[:-1]
        yield key[:1] + b"\xff" * (len(key) - 1)


@pytest.mark.parametrize("region", Region)
def test_a_row_too_many_is_found(region: Region) -> None:
    """A key like its neighbour's, a longer and a shorter one."""
    value = ROWS[of(region)[0]]
    for key in superfluous(region):
        if key not in ROWS and len(key) > 1:
            assert named(ROWS | {key: value}, key), key


class Torn:
    """A database with one row that the disk does not give back."""

    def __init__(self, key: bytes) -> None:
        self._whole, self._key = MemoryKeyValue(ROWS).snapshot(), key

    def get(self, key: bytes) -> bytes | None:
        if key == self._key:
            raise StorageFault("data cannot be read: block checksum mismatch")
        return self._whole.get(key)

    def iterate(self, *, start: bytes, stop: bytes) -> Iterator[tuple[bytes, bytes]]:
        for key, value in self._whole.iterate(start=start, stop=stop):
            if key == self._key:
                raise StorageFault("data cannot be read: block checksum mismatch")
            yield key, value

    def close(self) -> None:
        self._whole.close()


@pytest.mark.parametrize("region", sorted(set(Region) - {Region.META}))
def test_what_the_disk_does_not_give_back_is_found(region: Region) -> None:
    """The check goes on behind it, and names the region."""
    key = of(region)[0]
    asked = CheckRequest(first=None, last=None)
    report = finish(check_snapshot(Torn(key), CHAIN, asked), lambda _: None)

    told = [damage for damage in report.damages if "block checksum mismatch" in damage.what]
    assert {damage.region for damage in told} == {region.name.lower()}
    assert report.blocks == 7


def test_everything_that_is_wrong_is_told_up_to_a_number() -> None:
    """CHECK_DAMAGES_MAX are listed, all are counted."""
    few = checked(CHAIN, ROWS | {schema.state_key(4, bytes([n])): b"x" for n in range(100)})
    many = checked(CHAIN, ROWS | {schema.state_key(4, bytes([n])): b"x" for n in range(101)})

    assert (few.damage, len(few.damages)) == (100, limits.CHECK_DAMAGES_MAX)
    assert (many.damage, len(many.damages)) == (101, limits.CHECK_DAMAGES_MAX)


def test_a_report_comes_through_the_socket_as_it_is() -> None:
    """Whatever keys it names: in the named form and back."""
    rows = ROWS | {key: b"" for region in Region for key in superfluous(region) if len(key) > 1}
    report = checked(CHAIN, rows)

    assert from_named(json.dumps(to_named(report)).encode(), CheckReport) == report
    assert len(report.damages) > len(Region)


def test_the_parent_of_a_range_is_looked_at() -> None:
    """The first of its blocks must follow from one that is not in it."""
    rows = ROWS | {schema.header_key(Height(3)): ROWS[schema.header_key(Height(2))]}

    (found,) = checked(CHAIN, rows, 4, 5).damages
    assert (found.height, found.region) == (4, "header")
    assert "its parent is" in found.what


def test_a_range_of_heights_is_checked_alone() -> None:
    """What is wrong elsewhere is not seen; heights that are not there are refused."""
    (third,) = (key for key in of(Region.BODY) if key.endswith(b"\3"))
    rows = ROWS | {third: b"\x90"}

    assert checked(CHAIN, rows, 1, 2).damages == ()
    assert checked(CHAIN, rows, 4).damages == ()
    assert checked(CHAIN, rows, 3, 3).damages[0].height == 3
    assert checked(CHAIN, ROWS, 2, 5).blocks == 4
    with pytest.raises(Rejected, match="heights 3 to 7, expected within 0 and the head, 6"):
        checked(CHAIN, ROWS, 3, 7)
    with pytest.raises(Rejected, match="heights 5 to 4"):
        checked(CHAIN, ROWS, 5, 4)


@pytest.mark.parametrize("part", [Part.BODIES, Part.RECEIPTS])
def test_what_waits_to_be_swept_is_no_damage(part: Part) -> None:
    """A node may stop between moving an edge and taking the rows away; the index is whole."""
    database = MemoryKeyValue()
    chain = specimen_chain(database)

    policy = Policy(bodies=2, receipts=2)
    chain.store.retire(part, Height(5), recorder(policy, made.key("node 0")))

    assert damages(database.contents()) == ()
