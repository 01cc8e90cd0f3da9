"""A loss of power takes what was not synced: simulated on the real files, after every act.

The model and its sources are in kit/crashes/losing.py. A life is recorded by strace, and cut off
after its acts: in each test some of a validator's, all of the signer's file.
"""

from collections import Counter
from itertools import product
from pathlib import Path
from random import Random

import pytest

from kit.crashes.losing import Disk, Names, Tail, crashes
from kit.crashes.recording import (
    Act,
    Created,
    Removed,
    Renamed,
    Said,
    Synced,
    SyncedFolder,
    Wrote,
    acts_in,
    record,
)
from kit.programs import needs
from kit.soak.acts import SMALL_BUFFER_BYTES, judge_chain, judge_file
from kit.wholeness import Twin
from primitives.errors import MithaqError
from storage import leveldb

SEED = 20_261_122
CUTS = 60
"""So often is a validator's life cut off in each test."""
THROWS = 20
"""So often after each act of the signer's file."""
MODELS = list(product(Names, Tail))


@pytest.fixture(scope="module")
def life(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Act]]:
    """Of a validator: three runs, in which LevelDB begins logs, writes tables and merges them."""
    return recorded("validator", tmp_path_factory.mktemp("life"))


@pytest.fixture(scope="module")
def twin() -> Twin:
    """What must be there at each height."""
    return Twin()


def recorded(who: str, folder: Path) -> tuple[Path, list[Act]]:
    needs("strace")
    words = ["-m", "kit.crashes.life", who, str(folder)]
    return folder, record(words, folder, folder.with_suffix(".trace"))


def test_the_recorded_life_is_worth_its_name(life: tuple[Path, list[Act]]) -> None:
    """Logs, tables and MANIFESTs are begun and removed in it, and every height is said."""
    _, acts = life

    made = Counter(Path(act.path).suffix for act in acts if isinstance(act, Created))
    gone = Counter(Path(act.path).suffix for act in acts if isinstance(act, Removed))
    promised = [int(act.line) for act in acts if isinstance(act, Said)]

    assert made[".log"] > 4
    assert made[".ldb"] > 4
    assert gone[".ldb"] > 0
    assert gone[".log"] > 4
    assert promised == list(range(37))


@pytest.mark.parametrize(("names", "tail"), MODELS)
def test_a_loss_of_power_takes_nothing_that_was_durable(
    life: tuple[Path, list[Act]],
    twin: Twin,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    names: Names,
    tail: Tail,
) -> None:
    """Every row is there, at the promised height or the next, and the validator goes on.

    Where the disk keeps the order of names and shows no zeros, always. Elsewhere the node may
    refuse, and says so: a record that begins and ends in zeros cannot be told from a damaged one.
    """
    monkeypatch.setitem(leveldb._OPTIONS, "write_buffer_size", SMALL_BUFFER_BYTES)
    folder, acts = life
    refused: list[str] = []
    judged = 0

    for crash in crashes(acts, Random(SEED), names, tail, every=len(acts) // CUTS):
        if crash.said:
            judged += 1
            left = tmp_path / str(crash.act)
            crash.write(left, instead_of=folder)
            try:
                verdict = judge_chain(left, int(crash.said[-1]), twin)
            except MithaqError as error:
                refused.append(str(error))
            else:
                assert verdict.strange == [], f"{left} after act {crash.act}"

    assert judged > CUTS // 2
    assert len(refused) <= judged // 10, refused
    assert (names, tail) != (Names.IN_ORDER, Tail.CUT) or refused == []
    assert all(str(tmp_path) in message for message in refused)


@pytest.mark.parametrize(("names", "tail"), MODELS)
def test_the_signers_file_is_its_promised_version_or_the_next(
    tmp_path: Path, names: Names, tail: Tail
) -> None:
    """After every act, whatever is lost: that is the whole reason for its being."""
    (tmp_path / "life").mkdir()
    folder, acts = recorded("file", tmp_path / "life")
    found: Counter[int] = Counter()

    for throw in range(THROWS):
        for crash in crashes(acts, Random(throw), names, tail):
            if crash.said:
                left = tmp_path / f"{throw} {crash.act}"
                crash.write(left, instead_of=folder)
                verdict = judge_file(left, int(crash.said[-1]), Twin())
                assert verdict.strange == [], f"{left} after act {crash.act}"
                found[verdict.at] += 1

    assert found.keys() == set(range(6))


# --- the model itself: each careless writer loses something -------------------------------------

OLD, NEW = b"old", b"new"
MADE: list[Act] = [
    Created("/d/f", 0),
    Wrote(0, OLD),
    Synced(0, 2),
    SyncedFolder("/d", 3),
    Said("old"),
]


def left_by(acts: list[Act], names: Names, tail: Tail = Tail.CUT) -> set[bytes | None]:
    """What may be in /d/f in the end."""
    disk = Disk()
    for number, act in enumerate(acts):
        disk.follow(number, act)
    left = (disk.crash(len(acts), Random(throw), names, tail) for throw in range(200))
    return {crash.files.get("/d/f") for crash in left}


@pytest.mark.parametrize("names", Names)
def test_what_was_synced_with_its_folder_stays(names: Names) -> None:
    """And nothing else can be found."""
    assert left_by(MADE, names, Tail.ZEROS) == {OLD}


@pytest.mark.parametrize("names", Names)
def test_what_was_written_without_a_sync_may_be_cut_off_anywhere(names: Names) -> None:
    """Behind what was synced before."""
    assert left_by([*MADE, Wrote(0, NEW)], names) == {OLD + NEW[:cut] for cut in range(4)}


def test_zeros_may_stand_for_what_was_not_synced() -> None:
    """The length of a file can reach the disk before its bytes."""
    left = left_by([*MADE, Wrote(0, NEW)], Names.IN_ORDER, Tail.ZEROS)

    assert {OLD, OLD + b"n\0\0", OLD + b"\0\0\0", OLD + NEW} <= left


def test_a_rename_before_the_sync_may_give_the_name_to_nothing() -> None:
    """The oldest mistake of all: an empty file in the place of a good one."""
    acts = [*MADE, Created("/d/g", 1), Wrote(1, NEW), Renamed("/d/g", "/d/f")]

    assert left_by(acts, Names.IN_ORDER) == {OLD, b"", b"n", b"ne", NEW}


@pytest.mark.parametrize(
    ("names", "left"), [(Names.IN_ORDER, {NEW}), (Names.ANY, {OLD, NEW, None})]
)
def test_a_new_file_without_a_sync_of_its_folder(names: Names, left: set[bytes | None]) -> None:
    """A journal brings its name along, and all names before it; POSIX promises nothing."""
    acts = [
        *MADE,
        Removed("/d/f"),
        Created("/d/f", 1),
        Wrote(1, NEW),
        Synced(1, 8),
    ]

    assert left_by(acts, names) == left


def test_a_sync_is_worth_what_was_done_before_it_began() -> None:
    """What another thread wrote in the meantime may be lost."""
    acts = [*MADE, Wrote(0, NEW), Synced(0, 5)]

    assert left_by(acts, Names.IN_ORDER) == {OLD + NEW[:cut] for cut in range(4)}


def test_a_descriptor_that_is_given_anew_while_its_close_is_under_way_is_the_new_file_s() -> None:
    """One thread closes 5, another is given 5 before strace says that the close is over."""

    def name(path: str) -> str:
        return "".join(f"\\x{byte:02x}" for byte in path.encode())

    lines = [
        f'7 mkdir("{name("/f")}", 0777) = 0',
        f'7 openat(AT_FDCWD, "{name("/f/a")}", O_WRONLY|O_CREAT, 0666) = 5',
        "7 close(5 <unfinished ...>",
        f'8 openat(AT_FDCWD, "{name("/f")}", O_RDONLY) = 5',
        "7 <... close resumed>) = 0",
        "8 fsync(5) = 0",
    ]

    assert acts_in(lines, Path("/f"))[-1] == SyncedFolder("/f", 2)
