"""Long work on a node's storage, from the command line: where it is done, and how it is drawn.

The work itself is `node.upkeep`'s. A node that runs does it in its own process and tells by lines
how far it is; where none answers on the socket in the folder, the files are opened here. LevelDB's
lock sees to it that never two processes do.
"""

import json
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar, final

import click
from msgspec import Struct

from cli.home import home_of
from cli.progress import Progress
from cli.session import Session, command
from client.connection import Connection, operator_of
from primitives.errors import Malformed, OperatorFault

if TYPE_CHECKING:
    import node.work
    from node.premises import Upkeep

R = TypeVar("R", bound=Struct)

_LINE_S: Final = 1.0
"""Between two lines for programs."""
_SILENCE_S: Final = 60.0
"""A node at work says several times a second how far it is."""


def node_command(
    name: str, *, group: click.Group | None = None
) -> Callable[[Callable[..., None]], click.Command]:
    """Make a command on one node's folder: its function takes the session, then the folder."""

    def make(function: Callable[..., None]) -> click.Command:
        def with_folder(session: Session, node: str | None, **given: Any) -> None:  # noqa: ANN401 - click's own
            function(session, folder_of(session, node), **given)

        own: list[click.Parameter] = getattr(function, "__click_params__", [])
        with_folder.__doc__ = function.__doc__
        with_folder.__dict__["__click_params__"] = [_NODE, *own]
        return command(name, group=group)(with_folder)

    return make


_NODE: Final = click.Option(
    ["--node"], metavar="NAME", help="Which node of the home.  [default: the only one]"
)


def folder_of(session: Session, name: str | None) -> Path:
    """The folder of a node of the home."""
    home = home_of(session)
    folders = {entry.name: home.path / entry.folder for entry in home.entries()}
    by_place = {folder.name: folder for folder in folders.values()}
    if not folders:
        raise click.UsageError(f"{home.path} is no node's folder: say with --home where it is")
    if name is None:
        if len(folders) > 1:
            raise click.UsageError(
                f"{home.path} has {len(folders)} nodes: say which with --node NAME "
                f"({', '.join(folders)})"
            )
        (name,) = folders
    if name not in folders | by_place:
        raise click.BadParameter(
            f"there is no node {name!r}, expected one of {', '.join(folders)}", param_hint="--node"
        )
    return (by_place | folders)[name]


def run_work(session: Session, folder: Path, upkeep: "Upkeep[Any, R]", asked: Any) -> R:  # noqa: ANN401 - its request
    """Have it done by the node of a folder, or on the folder's files where none runs.

    Raises:
        Rejected, Malformed, OperatorFault, StorageFault: as the work does, wherever it is done.
        Unreachable: the node went away before it had done it.
    """
    from primitives.named import from_named, to_named

    if is_running(folder):
        drawn = Drawn(session)
        body = json.dumps(to_named(asked)).encode()
        with Connection(operator_of(folder)) as connection, drawn:
            path = f"/v1/admin/{upkeep.path}"
            answer = connection.work(path, body, drawn.said, timeout_s=_SILENCE_S)
        try:
            return from_named(json.dumps(answer).encode(), upkeep.answered)
        except Malformed as error:
            raise OperatorFault(
                f"the node of {folder} answers otherwise than this program expects ({error}): "
                "are they of one version?"
            ) from error
    from node.premises import premises_of

    with premises_of(folder) as premises:
        return run_here(session, upkeep.work(premises, asked))


def run_here(session: Session, work: "node.work.Work[R]") -> R:
    """Do it in this process."""
    from node.work import finish

    with Drawn(session) as drawn:
        return finish(work, drawn.hear)


def is_running(folder: Path) -> bool:
    """Whether a node answers on the socket in its folder."""
    with socket.socket(socket.AF_UNIX) as asking:
        asking.settimeout(5)
        try:
            asking.connect(str(folder / "admin.sock"))
        except OSError:
            return False
    return True


@final
class Drawn:
    """How far a work is, on standard error: a bar, lines now and then, or JSON by the line."""

    def __init__(self, session: Session, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._machine, self._clock = session.machine, clock
        self._what: tuple[str, int] | None = None
        self._bar: Progress | None = None
        self._said = clock()

    def __enter__(self) -> "Drawn":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Say how far it came in the end; what follows is a work of its own."""
        if self._bar is not None:
            self._bar.close()
        self._bar = self._what = None

    def said(self, progress: Any) -> None:  # noqa: ANN401 - JSON
        """As a node tells it."""
        self.at(int(progress["done"]), int(progress["total"]), str(progress["what"]))

    def hear(self, progress: "node.work.Progress") -> None:
        """As a work here tells it."""
        self.at(progress.done, progress.total, progress.what)

    def at(self, done: int, total: int, what: str) -> None:
        """It is so far."""
        if self._machine:
            now = self._clock()
            if now - self._said >= _LINE_S or self._what != (what, total):
                self._said, self._what = now, (what, total)
                told = {"progress": {"done": done, "total": total, "what": what}}
                sys.stderr.write(json.dumps(told) + "\n")
            return
        if self._bar is None or self._what != (what, total):
            if self._bar is not None:
                self._bar.close()
            self._what = (what, total)
            self._bar = Progress(total, what, clock=self._clock)
        self._bar.reach(done)
