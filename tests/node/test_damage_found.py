"""Damage to the files of a database, and who finds it: opening, `db check`, or nobody at all.

Nobody may find a flip that changes no answer. Whatever changes an answer is found by the one or by
the other; the figures of docs/decisions/ are counted here.
"""

import shutil
from collections import Counter
from pathlib import Path

import pytest

from kit import alone
from kit.soak.acts import SMALL_BUFFER_BYTES
from kit.soak.upkeep import damages_in, premises_at
from kit.wholeness import rows_of
from primitives.errors import MithaqError
from storage import leveldb
from storage.leveldb import open_leveldb
from storage.opening import check_database

BLOCKS = 30
FLIPS = 24
"""In each kind of file."""


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[bytes, bytes]]:
    """A validator's database in tables and a log, and all its rows."""
    folder = tmp_path_factory.mktemp("sound")
    alone.begin(folder)
    rows: dict[bytes, bytes] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(leveldb._OPTIONS, "write_buffer_size", SMALL_BUFFER_BYTES)
        for _ in range(2):
            with alone.awake(folder) as validator:
                for _ in range(BLOCKS // 2):
                    validator.decide()
                rows = rows_of(validator.store.database)
    return folder / "data", rows


def found_by(data: Path, rows: dict[bytes, bytes]) -> str:
    """Who finds that this is not the database that it was."""
    try:
        with open_leveldb(data) as database:
            store = check_database(database, data, alone.CHAIN)
            try:
                damages = damages_in(premises_at(data.parent, store))
            except MithaqError:
                return "db check"
            if damages:
                return "db check"
            if store.head().height < BLOCKS:
                return "the signer: it is older"
            assert rows_of(database) == rows, "an answer is another one, and nobody found it"
            return "nobody: no answer is another one"
    except MithaqError:
        return "opening"


@pytest.mark.parametrize(
    ("pattern", "finders"),
    [
        ("CURRENT", {"opening"}),
        ("MANIFEST-*", {"opening"}),
        ("*.log", {"opening", "the signer: it is older"}),
        ("*.ldb", {"opening", "db check", "nobody: no answer is another one"}),
    ],
)
def test_a_flipped_bit_is_found_or_changes_no_answer(
    sound: tuple[Path, dict[bytes, bytes]], tmp_path: Path, pattern: str, finders: set[str]
) -> None:
    """In each file of a kind, from its first byte to its last."""
    data, rows = sound
    files = sorted(data.glob(pattern))
    found: Counter[str] = Counter()

    for flip in range(FLIPS):
        damaged = tmp_path / str(flip) / "data"
        shutil.copytree(data, damaged)
        file = damaged / files[flip % len(files)].name
        content = bytearray(file.read_bytes())
        content[flip * (len(content) - 1) // (FLIPS - 1)] ^= 0x01
        file.write_bytes(content)
        found[found_by(damaged, rows)] += 1

    assert set(found) <= finders, found
    assert found["opening"] + found["db check"] > FLIPS // 2, found
