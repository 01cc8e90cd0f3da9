"""Everything that a process did to the files of a folder, in order, as the kernel saw it.

The process runs under strace, so nothing is left to what we believe about LevelDB: creations,
writes with their bytes, syncs of files and folders, renames, removals, and what it said on its
standard output, in between. An act stands where its call returned; a sync is worth what had been
done before its call began, and a descriptor is closed where its close began: from then on another
thread may be given its number.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from kit.tree import ROOT

CALLS: Final = (
    "openat,close,write,pwrite64,writev,ftruncate,fsync,fdatasync,sync_file_range,msync,"
    "rename,renameat,renameat2,link,linkat,unlink,unlinkat,mkdir,mkdirat,rmdir,copy_file_range"
)
FOREIGN: Final = frozenset(
    {"pwrite64", "writev", "sync_file_range", "msync", "copy_file_range", "rmdir"}
)
"""What would change the files of the folder, and nothing in this model understands."""

_LINE: Final = re.compile(r"(?P<thread>\d+) +(?P<call>\w+)\((?P<rest>.*)")
_RESUMED: Final = re.compile(
    r"(?P<thread>\d+) +<\.\.\. (?P<call>\w+) resumed>.*= (?P<result>-?\d+)"
)
_RESULT: Final = re.compile(r".*\) += (?P<result>-?\d+)(?: .*)?$")
_TEXT: Final = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
_DESCRIPTOR: Final = re.compile(r"\d+")


@dataclass(frozen=True)
class Created:
    """A new file, empty, under this name; files are numbered, because names change and return."""

    path: str
    file: int


@dataclass(frozen=True)
class MadeFolder:
    """A new folder."""

    path: str


@dataclass(frozen=True)
class Wrote:
    """Bytes at a file's end."""

    file: int
    data: bytes


@dataclass(frozen=True)
class Synced:
    """What had been written to this file, when so many acts were done, is on the disk."""

    file: int
    begun: int


@dataclass(frozen=True)
class SyncedFolder:
    """The names in this folder, as they were when so many acts were done, are on the disk."""

    path: str
    begun: int


@dataclass(frozen=True)
class Renamed:
    """A name, and the one that it became."""

    old: str
    new: str


@dataclass(frozen=True)
class Linked:
    """A second name."""

    old: str
    new: str


@dataclass(frozen=True)
class Removed:
    """A name is gone."""

    path: str


@dataclass(frozen=True)
class Said:
    """A line on standard output: from here on it is a promise."""

    line: str


Act = Created | MadeFolder | Wrote | Synced | SyncedFolder | Renamed | Linked | Removed | Said


def record(words: list[str], folder: Path, trace: Path) -> list[Act]:
    """Run `python WORDS` to its end; all that it did within `folder`."""
    options = ["-f", "-xx", "-s", "100000000", "-e", f"trace={CALLS}", "-o", str(trace)]
    subprocess.run(
        ["strace", *options, sys.executable, *words],
        check=True,
        stdout=subprocess.DEVNULL,
        timeout=600,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}"},
    )
    with trace.open() as lines:
        return acts_in(lines, folder)


def acts_in(lines: Iterable[str], folder: Path) -> list[Act]:
    """What strace's lines say about a folder."""
    return list(_Reader(folder).acts(lines))


class _Reader:
    """From strace's lines to acts. One process, any number of threads."""

    def __init__(self, folder: Path) -> None:
        self._folder = str(folder)
        self._acts: list[Act] = []
        self._named: dict[str, int] = {}
        """The file under each name."""
        self._opened: dict[int, str | int] = {}
        """What each descriptor is: a folder, or a file by its number."""
        self._pending: dict[str, tuple[str, str, int]] = {}
        """Calls that have begun, by thread, and how many acts were done by then."""
        self._files = 0

    def acts(self, lines: Iterable[str]) -> list[Act]:
        """In the order in which their calls returned."""
        for line in lines:
            if resumed := _RESUMED.match(line):
                call, rest, begun = self._pending.pop(resumed["thread"])
                if call != "close":
                    self._returned(call, rest, int(resumed["result"]), begun)
            elif started := _LINE.match(line):
                call, rest = started["call"], started["rest"]
                if rest.rstrip().endswith("<unfinished ...>"):
                    self._pending[started["thread"]] = call, rest, len(self._acts)
                    if call == "close":
                        self._close(rest)
                elif result := _RESULT.match(rest):
                    self._returned(call, rest, int(result["result"]), len(self._acts))
        return self._acts

    def _returned(self, call: str, rest: str, result: int, begun: int) -> None:
        if result < 0:
            return
        texts = [bytes.fromhex(text.replace("\\x", "")) for text in _TEXT.findall(rest)]
        descriptor = int(found[0]) if (found := _DESCRIPTOR.match(rest)) else -1
        if call == "openat":
            self._opened.pop(result, None)
            self._open(texts[0].decode(), rest, result)
        elif call == "close":
            self._close(rest)
        elif call == "write" and descriptor == 1:
            self._acts += [Said(line) for line in texts[0].decode().splitlines()]
        elif call == "write":
            if isinstance(file := self._opened.get(descriptor), int):
                self._acts.append(Wrote(file, texts[0][:result]))
        elif call in {"fsync", "fdatasync"}:
            match self._opened.get(descriptor):
                case str(path):
                    self._acts.append(SyncedFolder(path, begun))
                case int(file):
                    self._acts.append(Synced(file, begun))
        elif paths := [path for text in texts if self._is_ours(path := text.decode())]:
            self._name(call, paths)
        elif call in FOREIGN:
            assert descriptor not in self._opened, f"{call} on a file of the folder"

    def _close(self, rest: str) -> None:
        self._opened.pop(int(_DESCRIPTOR.match(rest)[0]), None)  # type: ignore[index] # a number

    def _is_ours(self, path: str) -> bool:
        return path == self._folder or path.startswith(f"{self._folder}/")

    def _open(self, path: str, rest: str, descriptor: int) -> None:
        if not self._is_ours(path):
            return
        if "O_CREAT" not in rest:
            is_file = path in self._named
            self._opened[descriptor] = self._named[path] if is_file else path
            return
        # Emptied, it is a new file in the place of the old one: LevelDB takes the number of a table
        # again that it had begun when it was closed, and never listed.
        if path not in self._named or "O_TRUNC" in rest:
            self._named[path] = self._files
            self._acts.append(Created(path, self._files))
            self._files += 1
        self._opened[descriptor] = self._named[path]

    def _name(self, call: str, paths: list[str]) -> None:
        match call, paths:
            case ("rename" | "renameat" | "renameat2", [old, new]):
                self._named[new] = self._named.pop(old)
                self._acts.append(Renamed(old, new))
            case ("link" | "linkat", [old, new]):
                self._named[new] = self._named[old]
                self._acts.append(Linked(old, new))
            case ("unlink" | "unlinkat", [path]):
                self._named.pop(path, None)
                self._acts.append(Removed(path))
            case ("mkdir" | "mkdirat", [path]):
                self._acts.append(MadeFolder(path))
            case _:
                raise AssertionError(f"{call} of {paths} is nothing that this model understands")
