"""docs/snapshot-format.md is enough to read a snapshot, and its worked example is a real one.

The reader here is written from the page with hashlib and msgpack alone. `REWRITE=1 pytest
tests/node/test_snapshot_format_page.py` writes the example anew: read the difference, it is a
change of the format.
"""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from typing import Any, Final

import msgpack
import pytest

from kit.snapshots import chain_with_payments, snapshot_of
from node.snapshot_format import state_name, window_name

PAGE: Final = Path(__file__).parents[2] / "docs" / "snapshot-format.md"
ROW: Final = re.findall(r"^Row +=.*?\[(time_ms.*?)\]", PAGE.read_text("utf-8"), re.MULTILINE)[0]
"""The row of the window, as the page has it."""
MARK: Final = "<!-- worked example -->\n"
WIDTH: Final = 96


def sha(name: str, *parts: bytes) -> bytes:
    return hashlib.sha256(b"mithaq/1/" + name.encode() + b"\0" + b"".join(parts)).digest()


def bits_of(data: bytes) -> str:
    return "".join(f"{byte:08b}" for byte in data)


def top(leaves: list[tuple[str, bytes]], depth: int) -> bytes:
    """§3, of leaves by the bits of their key hashes."""
    if len(leaves) < 2:
        return leaves[0][1] if leaves else bytes(32)
    halves = [[leaf for leaf in leaves if leaf[0][depth] == bit] for bit in "01"]
    return sha("state-node", *(top(half, depth + 1) for half in halves))


def folded(found: bytes, bits: str, siblings: list[bytes]) -> bytes:
    for bit, sibling in reversed(list(zip(bits, siblings, strict=True))):
        pair = (sibling or bytes(32), found) if bit == "1" else (found, sibling or bytes(32))
        found = sha("state-node", *pair)
    return found


def leaf_of(table: int, key: bytes, value: bytes) -> tuple[bytes, bytes]:
    where = sha("state-key", table.to_bytes(2, "big"), key)
    return where, sha("state-leaf", where, sha("state-value", value))


Facts = list[tuple[str, str]]


def read_state(data: bytes) -> tuple[bytes, Facts]:
    """The root that a chunk of the state leads to, and what is computed on the way."""
    word, version, _, _, (path, depth), siblings, entries = msgpack.unpackb(data)
    assert (word, version) == ("mithaq.snapshot.state", 1)
    prefix = bits_of(path)[:depth]
    found = [leaf_of(*entry) for entry in entries]
    leaves = [(bits_of(where), leaf) for where, leaf in found]
    assert [bits for bits, _ in leaves] == sorted({bits for bits, _ in leaves})
    assert all(bits.startswith(prefix) for bits, _ in leaves)
    above = top(leaves, depth)
    root = folded(above, prefix, siblings)
    facts = [("prefix", prefix)]
    for number, (where, leaf) in enumerate(found):
        facts += [(f"key hash {number}", where.hex()), (f"leaf {number}", leaf.hex())]
    return root, [*facts, ("top", above.hex()), ("state root", root.hex())]


def read_window(data: bytes) -> tuple[set[bytes], Facts]:
    """The roots that the rows of a chunk of the window lead to."""
    word, version, _, _, rows = msgpack.unpackb(data)
    assert (word, version) == ("mithaq.snapshot.window", 1)
    facts: Facts = []
    roots: set[bytes] = set()
    for height, row, siblings, ids in rows:
        assert len(row) == ROW.count(":"), "as many fields as the page has"
        assert ids == sorted(ids)
        hashed = sha("window-ids", *(until.to_bytes(8, "big") + name for until, name in ids))
        assert hashed == row[1]
        where, leaf = leaf_of(10, height.to_bytes(8, "big"), msgpack.packb(row, use_bin_type=True))
        roots.add(folded(leaf, bits_of(where)[: len(siblings)], siblings))
        facts += [(f"ids hash of {height}", hashed.hex()), (f"leaf of {height}", leaf.hex())]
    return roots, facts


def test_a_reader_made_from_the_page_reads_every_chunk(tmp_path: Path) -> None:
    """All lead to the state root of the header in the manifest."""
    source = snapshot_of(chain_with_payments(12), tmp_path / "s")
    manifest: list[Any] = msgpack.unpackb((source.folder / "manifest").read_bytes())
    root = manifest[5][6]
    count = 0

    for number, (prefix, entries, size, hashed) in enumerate(manifest[7]):
        data = (source.folder / f"state-{number:06d}").read_bytes()
        assert (len(data), hashlib.sha256(data).digest()) == (size, hashed)
        assert msgpack.unpackb(data)[4] == prefix
        assert read_state(data)[0] == root
        count += entries
    for number, (first, last, ids, size, hashed) in enumerate(manifest[8]):
        data = (source.folder / f"window-{number:06d}").read_bytes()
        assert (len(data), hashlib.sha256(data).digest()) == (size, hashed)
        rows = msgpack.unpackb(data)[4]
        assert [row[0] for row in rows] == list(range(first, last + 1))
        assert sum(len(row[3]) for row in rows) == ids
        assert read_window(data)[0] == {root}
    assert count == source.manifest.entries


def wrapped(data: bytes) -> str:
    digits = data.hex()
    return "\n".join(digits[at : at + WIDTH] for at in range(0, len(digits), WIDTH))


def example(folder: Path) -> str:
    chain = chain_with_payments(1)
    source = snapshot_of(chain, folder, chunk_bytes=250)
    several = [n for n, file in enumerate(source.manifest.state) if file.entries > 1]
    shown = min(several, key=lambda number: source.manifest.state[number].bytes)
    names = (state_name(shown), window_name(0))
    state, window = ((source.folder / name).read_bytes() for name in names)
    facts = [*read_state(state)[1], *read_window(window)[1]]
    width = max(len(label) for label, _ in facts)
    return "\n".join(
        [
            f"`{names[0]}`, {len(state)} bytes:",
            "```",
            wrapped(state),
            "```",
            f"`{names[1]}`, {len(window)} bytes:",
            "```",
            wrapped(window),
            "```",
            "What a reader computes:",
            "```",
            *(f"{label:<{width}} {fact}" for label, fact in facts),
            "```",
            "",
        ]
    )


def test_the_example_on_the_page_is_what_the_code_writes(tmp_path: Path) -> None:
    """And every number below it follows from the bytes."""
    page = PAGE.read_text(encoding="utf-8")
    before, mark, written = page.partition(MARK)
    assert mark, "the page has its mark"
    made = example(tmp_path / "s")
    if os.environ.get("REWRITE") == "1":
        PAGE.write_text(before + mark + made, encoding="utf-8")
        pytest.skip("rewrote the example: read the difference before you commit it")

    assert written == made
