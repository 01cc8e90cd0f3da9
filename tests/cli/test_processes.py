"""Node processes: found again, ended through a descriptor, never mistaken for another's."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli import processes
from node.config import NodeFolder
from primitives.errors import OperatorFault

SLEEPER = [sys.executable, "-c", "import signal; print(flush=True); signal.pause()"]
WITHOUT_ITS_FIRST_THREAD = """
import ctypes, os, threading
threading.Thread(target=threading.Event().wait).start()
print(flush=True)
ctypes.CDLL(None).syscall({"x86_64": 60}.get(os.uname().machine, 93), 0)
"""
LEADERLESS = [sys.executable, "-c", WITHOUT_ITS_FIRST_THREAD]


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    """A process that waits until it is ended."""
    with subprocess.Popen(SLEEPER, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process
        process.kill()


def record(folder: NodeFolder, process: subprocess.Popen[bytes]) -> None:
    """What `launch` would have written of it."""
    processes._record(folder, process.pid)


def test_a_folder_without_a_record_has_no_node(tmp_path: Path) -> None:
    """Nothing runs, nothing can be signalled, nothing is waited for."""
    folder = NodeFolder(tmp_path)

    assert processes.running(folder) is None
    assert processes.signal_node(folder, signal.SIGTERM) is False
    assert processes.wait_for_end(folder, timeout_s=0)


def test_a_recorded_process_is_found_until_it_ends(
    tmp_path: Path, sleeper: subprocess.Popen[bytes]
) -> None:
    """A zombie has ended, although its id is not free yet."""
    folder = NodeFolder(tmp_path)
    record(folder, sleeper)

    assert processes.running(folder) == sleeper.pid
    assert not processes.wait_for_end(folder, timeout_s=0)
    assert processes.signal_node(folder, signal.SIGTERM)
    assert processes.wait_for_end(folder, timeout_s=10)
    assert processes.running(folder) is None
    assert sleeper.wait(10) == -signal.SIGTERM


def test_a_process_lives_until_its_last_thread_has_ended(tmp_path: Path) -> None:
    """One that is killed dies thread by thread, and holds its ports and files until the last."""
    folder = NodeFolder(tmp_path)
    with subprocess.Popen(LEADERLESS, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        record(folder, process)
        stat = Path(f"/proc/{process.pid}/stat")
        while stat.read_text().rpartition(")")[2].split()[0] != "Z":
            assert process.poll() is None

        assert processes.running(folder) == process.pid
        assert not processes.wait_for_end(folder, timeout_s=0)
        assert processes.signal_node(folder, signal.SIGKILL)
        assert processes.wait_for_end(folder, timeout_s=60)
        assert processes.running(folder) is None


def test_a_process_that_took_the_id_is_left_alone(
    tmp_path: Path, sleeper: subprocess.Popen[bytes]
) -> None:
    """Its start tells it apart; so does the boot it belongs to."""
    folder = NodeFolder(tmp_path)
    record(folder, sleeper)
    stated = json.loads(folder.pid.read_text())

    for change in ({"started": stated["started"] - 1}, {"boot": "another"}):
        folder.pid.write_text(json.dumps({**stated, **change}))
        assert processes.running(folder) is None
        assert processes.signal_node(folder, signal.SIGKILL) is False
    assert sleeper.poll() is None


@pytest.mark.parametrize("text", ["", "123\n", "{}", '{"pid": "x"}', "\x00\x01"])
def test_a_record_that_is_not_ours_names_nobody(tmp_path: Path, text: str) -> None:
    """A number alone is not enough to signal a process."""
    folder = NodeFolder(tmp_path)
    folder.pid.write_text(text)

    assert processes.running(folder) is None
    assert processes.signal_node(folder, signal.SIGKILL) is False


def test_a_second_node_of_a_folder_is_refused(
    tmp_path: Path, sleeper: subprocess.Popen[bytes]
) -> None:
    """The record of the first stays."""
    folder = NodeFolder(tmp_path)
    record(folder, sleeper)

    with pytest.raises(OperatorFault, match=f"runs already, as process {sleeper.pid}"):
        processes.record_own(folder)
    processes.forget_own(folder)

    assert processes.running(folder) == sleeper.pid


def test_a_node_records_itself_and_takes_that_back(tmp_path: Path) -> None:
    """`mithaq start` in the foreground is found as well."""
    folder = NodeFolder(tmp_path)

    processes.record_own(folder)
    found = processes.running(folder)
    processes.forget_own(folder)

    assert found == os.getpid()
    assert not folder.pid.exists()


def test_a_node_that_cannot_start_leaves_its_last_words(tmp_path: Path) -> None:
    """In node.log, in one line."""
    folder = NodeFolder(tmp_path)

    pid = processes.launch(folder)
    ended, _ = os.waitpid(pid, 0)

    assert ended == pid
    assert processes.running(folder) is None
    assert processes.last_words(folder).startswith(f"mithaq: {folder.config} is missing")


def test_a_node_that_wrote_nothing_has_no_last_words(tmp_path: Path) -> None:
    """Neither without a log nor with an empty one."""
    folder = NodeFolder(tmp_path)
    without = processes.last_words(folder)
    folder.log.write_text("\n\n")

    assert without == processes.last_words(folder) == "it wrote nothing"
