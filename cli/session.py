"""What every command shares: where the network's home is, which node to ask, how to print.

Each command takes --home and --json itself, so that they may stand where people put them. Results
go to standard output, as text or as one JSON value; everything else goes to standard error.
"""

import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, final

import click

from cli.help_pages import short_help
from cli.language import (
    LANGUAGE_OPTION,
    LANGUAGE_VARIABLE,
    cell,
    is_right_to_left,
    label,
    spoken,
)
from cli.right_to_left import aligned
from primitives.languages import LANGUAGES

HOME_VARIABLE: Final = "MITHAQ_HOME"
HOME_DEFAULT: Final = ".mithaq"
_NUMBER: Final = re.compile(r"-|-?\d[\d.,'’\s]*( [A-Z][A-Z0-9]{2,11})?")
"""A number in any locale, perhaps with its asset; a dash is one that is not known."""


@final
@dataclass(frozen=True, slots=True)
class Session:
    """One run of the command line."""

    home: Path
    machine: bool
    """Print JSON for programs."""
    node: str | None = None
    """The one node to ask; otherwise the nodes of the home."""

    def show(self, result: Mapping[str, Any] | Sequence[Any], text: str) -> None:
        """Print a command's result, once."""
        if self.machine:
            click.echo(json.dumps(result, indent=2, ensure_ascii=False))
        elif text:
            click.echo(spoken(text))

    def progress(self, text: str) -> None:
        """Say what is going on, to people only."""
        if not self.machine:
            click.echo(spoken(text))

    def remark(self, text: str) -> None:
        """Say something beside the result, whoever reads that."""
        click.echo(spoken(text), err=True)


def home_folder(given: Path | None) -> Path:
    """--home, else MITHAQ_HOME, else ./.mithaq."""
    return given or Path(os.environ.get(HOME_VARIABLE) or HOME_DEFAULT)


_HOME = click.Option(
    ["--home"],
    type=click.Path(path_type=Path, file_okay=False),
    help=f"The network's folder.  [default: ${HOME_VARIABLE}, else ./{HOME_DEFAULT}]",
)
_JSON = click.Option(["--json", "machine"], is_flag=True, help="Print the result as JSON.")
_NODE = click.Option(
    ["--node"], metavar="URL", help="Ask this node.  [default: the first of the home that answers]"
)

_LANGUAGE = click.Option(
    [LANGUAGE_OPTION],
    type=click.Choice(LANGUAGES),
    expose_value=False,  # `cli.main` has read it before
    help=f"Speak to people in this language.  [default: ${LANGUAGE_VARIABLE}, else the system's]",
)


class SessionCommand(click.Command):
    """A command whose function takes the session first."""

    def __init__(self, *, asks_a_node: bool, **attributes: Any) -> None:  # noqa: ANN401 - click's own
        self._asks_a_node = asks_a_node
        shared = [*([_NODE] if asks_a_node else []), _HOME, _JSON, _LANGUAGE]
        super().__init__(**{**attributes, "params": [*(attributes.get("params") or ()), *shared]})

    def get_short_help_str(self, limit: int = 45) -> str:
        """The first sentence of its help."""
        return short_help(self, limit) if is_right_to_left() else super().get_short_help_str(limit)

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - click's own
        """Make the session of the shared options, and run."""
        assert self.callback is not None, f"{self.name} does something"
        home, machine = ctx.params.pop("home"), ctx.params.pop("machine")
        node = ctx.params.pop("node") if self._asks_a_node else None
        return ctx.invoke(self.callback, Session(home_folder(home), machine, node), **ctx.params)


def command(
    name: str, *, group: click.Group | None = None
) -> Callable[[Callable[..., None]], SessionCommand]:
    """Make a command that works on files and processes of this machine."""
    return _maker(name, group, (), asks_a_node=False)


def asking_command(
    name: str, *, group: click.Group | None = None, options: Sequence[click.Option] = ()
) -> Callable[[Callable[..., None]], SessionCommand]:
    """Make a command that asks a node; it has --node, and options that it shares with others."""
    return _maker(name, group, options, asks_a_node=True)


def _maker(
    name: str, group: click.Group | None, options: Sequence[click.Option], *, asks_a_node: bool
) -> Callable[[Callable[..., None]], SessionCommand]:
    def make(function: Callable[..., None]) -> SessionCommand:
        own: list[click.Parameter] = getattr(function, "__click_params__", [])
        made = SessionCommand(
            asks_a_node=asks_a_node,
            name=name,
            callback=function,
            params=[*own[::-1], *options],
            help=function.__doc__,
        )
        if group is not None:
            group.add_command(made)
        return made

    return make


def wants_json(arguments: Sequence[str]) -> bool:
    """Whether errors are for programs, asked before anything is parsed."""
    return "--json" in arguments


def on_terminal() -> bool:
    """Whether a person looks at standard output, in a terminal that can do more than write."""
    return sys.stdout.isatty() and os.environ.get("TERM") != "dumb"


def table(titles: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Columns as wide as they need to be, numbers on the right; in colour on a terminal."""
    cells = [[str(cell) for cell in row] for row in rows]
    numeric = [
        bool(cells) and all(_NUMBER.fullmatch(row[i]) for row in cells) for i in range(len(titles))
    ]
    if is_right_to_left():
        return "\n".join(mirrored(titles, cells))
    if on_terminal():
        from cli.drawing import drawn_table

        return drawn_table(titles, cells, numeric)
    widths = [max(map(len, column)) for column in zip(titles, *cells, strict=True)]
    lines = [
        "  ".join(
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(row, widths, numeric, strict=True)
        ).rstrip()
        for row in [list(titles), *cells]
    ]
    return "\n".join(lines)


def facts(pairs: Iterable[tuple[str, object]]) -> str:
    """Names and what they stand for, aligned."""
    listed = [(name, str(value)) for name, value in pairs]
    if is_right_to_left():
        return "\n".join(aligned([(label(name), cell(value, name)) for name, value in listed]))
    width = max((len(name) for name, _ in listed), default=0)
    return "\n".join(f"{name:<{width}}  {value}".rstrip() for name, value in listed)


def mirrored(titles: Sequence[str], cells: Sequence[Sequence[str]]) -> list[str]:
    """A table's lines in a language that reads from the right."""
    said = [[cell(one, title) for one, title in zip(row, titles, strict=True)] for row in cells]
    return aligned([[label(title) for title in titles], *said])


def program() -> str:
    """How this program was called, so that a printed command can be pasted."""
    called = Path(sys.argv[0])
    if called.name != "mithaq":
        return f"{sys.executable} -m cli"
    on_path = any(
        (Path(folder) / "mithaq").resolve() == called.resolve()
        for folder in os.environ.get("PATH", "").split(os.pathsep)
        if folder
    )
    return "mithaq" if on_path else str(called)
