"""Help in the language that is spoken: the paragraphs, definitions and headings that click writes.

Commands and their options are made with English help, once. What turns it into another language is
the page that it is written on. Usage lines and options are code and stay as they are typed.
"""

import inspect
import re
from collections.abc import Iterable
from gettext import gettext
from typing import Final, final

import click

from cli.language import is_known, is_right_to_left, phrase, shown
from cli.right_to_left import END, LEFT_TO_RIGHT, filled_up, isolated, line, width, wrapped

_GAP: Final = 2
_NAMES_MAX: Final = 30
_EXTRA: Final = re.compile(r"(?P<help>.*?)(?:  \[(?P<extra>[^\[\]]*)\])?", re.DOTALL)
"""click sets what it knows of an option, such as that it is required, behind its help."""


@final
class HelpPage(click.HelpFormatter):
    """Writes English as click does, and other languages from the right."""

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        """The usage line."""
        if not is_right_to_left():
            super().write_usage(prog, args, prefix)
            return
        said = gettext("Usage:") if prefix is None else prefix
        self.write(f"{line(f'{said} {LEFT_TO_RIGHT}{prog} {args}{END}')}\n")

    def write_heading(self, heading: str) -> None:
        """The title of a section."""
        if is_right_to_left():
            self.write(f"{line(f'{phrase(heading)}:')}\n")
        else:
            super().write_heading(heading)

    def write_text(self, text: str) -> None:
        """Paragraphs."""
        if not is_right_to_left():
            super().write_text(text)
            return
        pages = [
            "\n".join(self._paragraph(each))
            for each in inspect.cleandoc(text).split("\n\n")
            if each
        ]
        self.write("\n\n".join(pages) + "\n")

    def _paragraph(self, text: str) -> list[str]:
        indent = " " * self.current_indent
        if text.startswith("\b"):  # lines that stay as they are
            return [shown(f"{indent}{phrase(each)}") for each in text.splitlines()[1:]]
        said = phrase(" ".join(text.split()))
        return wrapped(said, self.width, first=indent, rest=indent)

    def write_dl(
        self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2
    ) -> None:
        """Names, and what each of them is."""
        if not is_right_to_left():
            super().write_dl(rows, col_max, col_spacing)
            return
        rows = list(rows)
        first = min(_NAMES_MAX, max((len(name) for name, _ in rows), default=0))
        room = max(self.width - self.current_indent - first - _GAP, 20)
        indent = " " * self.current_indent
        for name, what in rows:
            names, said = name, wrapped(_said(what), room) if what else [""]
            if len(name) > first:  # it stands in a line of its own
                self.write(f"{line(f'{indent}{isolated(name)}')}\n")
                names = ""
            for each in said:
                self.write(f"{line(f'{indent}{filled_up(names, first)}  {each}')}\n")
                names = ""


def short_help(command: click.Command, limit: int) -> str:
    """What a list of commands says of one, in a language other than English: one sentence."""
    said = phrase(" ".join(inspect.cleandoc(command.help or "").split("\n\n")[0].split()))
    first = said.partition(". ")[0].rstrip(".")
    return first if width(first) <= 2 * limit else f"{first[: 2 * limit]}…"


def _said(what: str) -> str:
    plain = " ".join(what.split())
    found = _EXTRA.fullmatch(what)
    assert found is not None, "anything is help with nothing behind it"
    if found["extra"] is None or is_known(plain):
        return phrase(plain)
    return f"{phrase(found['help'])}  [{phrase(found['extra'])}]"
