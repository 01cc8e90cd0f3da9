"""What a disk may hold after a loss of power, given what a process had done by then.

The model, for files that are only ever appended to, and begun anew rather than changed, which is
all that LevelDB and `storage.durable_file` do (its log and its MANIFEST are sequences of records
with a checksum in blocks of 32 KiB [1], its tables are written once, CURRENT is put in place by a
rename):

- *Data.* What was written to a file before the last sync of it that returned is there. Of what was
  written since, any number of bytes is there, from the front. If `Tail.ZEROS`, the file may have
  grown already and read as zeros from there on: the length reached the disk before the data, as
  ext4 with data=writeback and XFS do it.
- *Names.* A creation, rename, link or removal is there once the folder was synced after it. Of
  those since then:
    - `Names.IN_ORDER`: as many as one likes, from the oldest on, over all folders together; and the
      sync of a file brings all of them up to its own creation. This is what the journals of ext4
      and XFS give, and what every tool relies on that syncs a new file and not its folder.
    - `Names.ANY`: each of them or not, as if by a throw of a coin. A file of which no name is left
      is gone with all that was synced in it. POSIX promises no more than this [2], and
      ["All File Systems Are Not Created Equal"][3] found applications, LevelDB among them, that
      break where only this much holds.

A process that is killed while the machine goes on loses nothing of this: `kit.soak` is for that.

[1]: doc/log_format.md and doc/impl.md of LevelDB 1.22
[2]: fsync(2): "Calling fsync() does not necessarily ensure that the entry in the directory
     containing the file has also reached disk."
[3]: Pillai, Chidambaram, Alagappan, Al-Kiswany, A. and R. Arpaci-Dusseau, OSDI 2014
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from random import Random
from typing import assert_never

from kit.crashes.recording import (
    Act,
    Created,
    Linked,
    MadeFolder,
    Removed,
    Renamed,
    Said,
    Synced,
    SyncedFolder,
    Wrote,
)

Naming = Created | Renamed | Linked | Removed


class Names(Enum):
    """How names reach the disk."""

    IN_ORDER = "in order"
    ANY = "any"


class Tail(Enum):
    """What may stand behind the bytes that have reached the disk."""

    CUT = "cut"
    ZEROS = "zeros"


@dataclass
class _File:
    data: bytes = b""
    synced: int = 0
    """So many bytes of it are on the disk."""
    lengths: list[tuple[int, int]] = field(default_factory=list)
    """(act, length after it)"""


@dataclass(frozen=True)
class Crash:
    """A moment, and what it left."""

    act: int
    """The last act that was done."""
    said: list[str]
    files: dict[str, bytes]

    def write(self, folder: Path, *, instead_of: Path) -> None:
        """Lay it out in another folder than that of the recording."""
        for path, data in self.files.items():
            target = folder / Path(path).relative_to(instead_of)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)


@dataclass(frozen=True)
class _Named:
    """An act of naming, and the file that it was about."""

    number: int
    act: Naming
    file: int


class Disk:
    """Follows the acts of a recording, and can be asked at each of them what a crash leaves."""

    def __init__(self) -> None:
        self._files: dict[int, _File] = {}
        self._now: dict[str, int] = {}
        """The file under each name, as the process sees it."""
        self._namings: list[_Named] = []
        self._settled: set[int] = set()
        """Acts of naming that a sync of their folder made durable."""
        self._in_order = 0
        """Acts of naming before this one are durable on a disk that keeps their order."""
        self.said: list[str] = []

    def follow(self, number: int, act: Act) -> None:
        """One act more."""
        match act:
            case Created(_, file):
                self._files[file] = _File()
                self._name(number, act)
            case Renamed() | Linked() | Removed():
                self._name(number, act)
            case Wrote(file, data):
                written = self._files[file]
                written.data += data
                written.lengths.append((number, len(written.data)))
            case Synced(file, begun):
                written = self._files[file]
                lengths = [length for at, length in written.lengths if at < begun]
                written.synced = max([written.synced, *lengths])
                births = (n for n in self._namings if n.file == file and isinstance(n.act, Created))
                self._in_order = max([self._in_order, *(birth.number + 1 for birth in births)])
            case SyncedFolder(path, begun):
                inside = [n.number for n in self._namings if n.number < begun and _is_in(n, path)]
                self._settled.update(inside)
                self._in_order = max([self._in_order, *(n + 1 for n in inside)])
            case Said(line):
                self.said.append(line)
            case MadeFolder():
                pass  # its files are listed with their whole paths

    def _name(self, number: int, act: Naming) -> None:
        match act:
            case Created(path, file):
                self._now[path] = file
            case Renamed(old, new):
                file = self._now[new] = self._now.pop(old)
            case Linked(old, new):
                file = self._now[new] = self._now[old]
            case Removed(path):
                file = self._now.pop(path)
            case _:
                assert_never(act)
        self._namings.append(_Named(number, act, file))

    def crash(self, number: int, chance: Random, names: Names, tail: Tail) -> Crash:
        """One of the many things that may be left."""
        there: dict[str, int] = {}
        for named in self._kept(chance, names):
            match named.act:
                case Created(path, _):
                    there[path] = named.file
                case Renamed(old, new):
                    there.pop(old, None)
                    there[new] = named.file
                case Linked(_, new):
                    there[new] = named.file
                case Removed(path):
                    there.pop(path, None)
        files = self._files
        left = {path: self._left(files[file], chance, tail) for path, file in there.items()}
        return Crash(number, list(self.said), left)

    def _kept(self, chance: Random, names: Names) -> Iterator[_Named]:
        if names is Names.IN_ORDER:
            unsettled = [n.number for n in self._namings if n.number >= self._in_order]
            last = chance.choice([self._in_order, *(number + 1 for number in unsettled)])
            yield from (named for named in self._namings if named.number < last)
        else:
            for named in self._namings:
                if named.number in self._settled or chance.random() < 0.5:
                    yield named

    @staticmethod
    def _left(file: _File, chance: Random, tail: Tail) -> bytes:
        # As often all or nothing as something in between.
        length = chance.choice(
            [file.synced, len(file.data), chance.randint(file.synced, len(file.data))]
        )
        zeros = 0
        if tail is Tail.ZEROS:
            zeros = chance.choice([0, chance.randint(0, len(file.data) - length)])
        return file.data[:length] + bytes(zeros)


def _is_in(named: _Named, folder: str) -> bool:
    act = named.act
    names = (act.old, act.new) if isinstance(act, Renamed | Linked) else (act.path,)
    return any(str(Path(name).parent) == folder for name in names)


def crashes(
    acts: Sequence[Act], chance: Random, names: Names, tail: Tail, *, every: int = 1
) -> Iterator[Crash]:
    """A crash after every act, or after some of them."""
    disk = Disk()
    for number, act in enumerate(acts):
        disk.follow(number, act)
        if chance.randrange(every) == 0:
            yield disk.crash(number, chance, names, tail)
