"""What a process does when it is killed, and what must be there afterwards.

Every act has a folder, which lives through many kills. `promised` is the newest thing that any
process said to be durable; nothing older may be found, and nothing that is not whole.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from kit import alone
from kit.mortal import version
from kit.soak import upkeep
from kit.soak.forks import Say
from kit.soak.verdict import Verdict
from kit.wholeness import Twin, rows_of, strange
from primitives.ids import Height
from storage import leveldb
from storage.durable_file import DiskFile
from storage.leveldb import open_leveldb
from storage.opening import check_database

SMALL_BUFFER_BYTES: Final = 64 * 1024
"""The least that LevelDB takes: it goes to a table every few blocks, and tables are merged all the
time. With the buffer of a real node a test would have to write gigabytes."""


@dataclass(frozen=True)
class Act:
    """Something to be killed in the middle of."""

    begin: Callable[[Path], None]
    live: Callable[[Path, Say], None]
    """For ever; says each number that has become durable."""
    judge: Callable[[Path, int, Twin], Verdict]
    """Given the newest number that was said."""
    begun_at: int = 0
    """What is promised from the beginning."""
    grows: bool = True
    """Whether the numbers are heights, of a chain that gets long."""


def shrink_buffers() -> None:
    """From now on, here and in children, LevelDB is busy with its files all the time."""
    leveldb._OPTIONS["write_buffer_size"] = SMALL_BUFFER_BYTES


def decide_for_ever(folder: Path, say: Say) -> None:
    """Propose, vote, decide."""
    with alone.awake(folder) as validator:
        say(validator.height)
        while True:
            say(validator.decide())


def judge_chain(folder: Path, promised: int, twin: Twin) -> Verdict:
    """Compare every row with the twin's; then decide one block more, and compare again."""
    height, rows = _opened(folder / "data")
    if not promised <= height <= promised + 1:
        return Verdict(height, [f"height {height}, promised were {promised}"])
    found = strange(rows, twin.rows_at(height))
    with alone.awake(folder) as validator:
        after = validator.decide()
    # A node that had voted when it was killed decides that height while it wakes up.
    assert after - height in {1, 2}, f"decided {after} on {height}"
    _, rows = _opened(folder / "data")
    return Verdict(after, found + strange(rows, twin.rows_at(after)))


def _opened(data: Path) -> tuple[Height, dict[bytes, bytes]]:
    with open_leveldb(data) as database:
        store = check_database(database, data, alone.CHAIN)
        return store.head().height, rows_of(database)


def begin_file(folder: Path) -> None:
    """A durable file without any database."""
    DiskFile(folder / "memory").create(version(0))


def replace_for_ever(folder: Path, say: Say) -> None:
    """Put new versions into the durable file."""
    file = DiskFile(folder / "memory")
    number = _version_in(file)
    while True:
        number += 1
        file.replace(version(number))
        say(number)


def judge_file(folder: Path, promised: int, twin: Twin) -> Verdict:
    """The version that was promised or the one after it, whole."""
    del twin
    number = _version_in(DiskFile(folder / "memory"))
    fits = promised <= number <= promised + 1
    return Verdict(number, [] if fits else [f"version {number}, promised were {promised}"])


def _version_in(file: DiskFile) -> int:
    found = file.read()
    assert found is not None, "the file is gone"
    number = int(found[:8])
    assert found == version(number), "two versions are mixed"
    return number


ACTS: Final = {
    "decide": Act(alone.begin, decide_for_ever, judge_chain),
    "prune": Act(alone.begin, upkeep.prune_for_ever, upkeep.judge_pruned),
    "write": Act(
        upkeep.begin_with_a_chain, upkeep.write_for_ever, upkeep.judge_written, upkeep.BLOCKS
    ),
    "bring": Act(
        upkeep.begin_with_a_chain, upkeep.bring_for_ever, upkeep.judge_brought, grows=False
    ),
    "replace": Act(begin_file, replace_for_ever, judge_file, grows=False),
}
