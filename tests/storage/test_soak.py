"""The soak program: what it finds in a sound storage, which is nothing, and in one that is not."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from kit import alone
from kit.mortal import version
from kit.soak.acts import judge_chain, judge_file
from kit.soak.watching import busy_with
from kit.tree import ROOT
from kit.wholeness import Twin
from primitives.ids import Height, View
from storage import schema
from storage.durable_file import DiskFile
from storage.leveldb import open_leveldb

KILLS = 36


@pytest.fixture
def chain(tmp_path: Path) -> Path:
    """A validator's folder at height 3."""
    alone.begin(tmp_path)
    with alone.awake(tmp_path) as validator:
        while validator.height < 3:
            validator.decide()
    return tmp_path


def test_nothing_is_strange_after_dozens_of_kills(tmp_path: Path) -> None:
    """Of a validator whose LevelDB merges tables all the time, of an operator's work on it, and of
    the signer's file; and after simulated losses of power."""
    words = [sys.executable, "-m", "kit.soak", "--rounds", str(KILLS), "--home", str(tmp_path)]

    done = subprocess.run(
        words,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"},
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{KILLS} rounds, seed 1: nothing is strange" in done.stdout


def test_a_whole_chain_is_not_strange(chain: Path) -> None:
    """At the promised height, and one above it: the kill came between the write and the word."""
    assert judge_chain(chain, 3, Twin()).strange == []
    assert judge_chain(chain, 3, Twin()).strange == []


def test_a_lost_block_is_strange(chain: Path) -> None:
    """What was promised is not there."""
    assert judge_chain(chain, 4, Twin()).strange == ["height 3, promised were 4"]


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        (schema.receipts_key(Height(2)), None, "missing: 1 rows, RECEIPTS 0000000000000002"),
        (schema.receipts_key(Height(2)), b"\x90", "different: 1 rows, RECEIPTS 0000000000000002"),
        (schema.certificate_key(Height(9)), b"", "too much: 1 rows, CERTIFICATE 0000000000000009"),
        (schema.vote_key(Height(2), View(0), 2), b"", "a promise of another height than 4: VOTE"),
        (schema.state_key(9, b"smuggled in"), b"", "state root "),
    ],
)
def test_a_wrong_row_is_strange(chain: Path, key: bytes, value: bytes | None, words: str) -> None:
    """Missing, changed, or too much; and the root over the entries is computed again."""
    with open_leveldb(chain / "data") as database:
        database.write({key: value})

    strange = judge_chain(chain, 3, Twin()).strange

    assert any(one.startswith(words) for one in strange), strange


def test_an_old_version_of_the_file_is_strange(tmp_path: Path) -> None:
    """The signer's file may be one ahead of its word, and never behind."""
    DiskFile(tmp_path / "memory").create(version(6))

    judged = [judge_file(tmp_path, promised, Twin()).strange for promised in (5, 6, 7)]

    assert judged == [[], [], ["version 6, promised were 7"]]


@pytest.mark.parametrize(
    ("lines", "busy"),
    [
        (["Compacting 4@0 + 1@1 files"], "a compaction"),
        (
            ["Compacting 4@0 + 1@1 files", "Compacted 4@0 + 1@1 files => 9 bytes"],
            "writing to its log",
        ),
        (["Level-0 table #7: started"], "writing a table"),
        (["Level-0 table #7: started", "Level-0 table #7: 9 bytes OK"], "writing to its log"),
        (["Recovering log #3"], "reading its log back"),
        (["Recovering log #3", "Delete type=0 #3"], "writing to its log"),
    ],
)
def test_leveldb_itself_tells_what_it_was_at(tmp_path: Path, lines: list[str], busy: str) -> None:
    """So that a run can say how many of its kills met a compaction."""
    (tmp_path / "LOG").write_text("\n".join(lines))

    assert busy_with(tmp_path / "LOG") == busy
