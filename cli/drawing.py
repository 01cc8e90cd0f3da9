"""What a terminal shows better than a file: tables with colour, and a view that is drawn again.

Imported only where standard output is a terminal, because rich is; everything else gets the plain
text of `cli.session`.
"""

import io
import shutil
import sys
from collections.abc import Callable, Sequence
from typing import Final

from rich import box
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

_STYLES: Final = {
    "at work": "green",
    "applied": "green",
    "refused": "red",
    "does not answer": "red",
    "halted": "red",
}
"""Beginnings of cells that say how something is."""


def drawn_table(titles: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[bool]) -> str:
    """A table as wide as the terminal lets it be."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bold")
    for title, numeric in zip(titles, right, strict=True):
        table.add_column(title, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell, style=_style(cell)) for cell in row))
    page = io.StringIO()
    width = shutil.get_terminal_size().columns
    Console(file=page, force_terminal=True, width=width).print(table)
    return "\n".join(line.rstrip() for line in page.getvalue().splitlines())


def _style(cell: str) -> str:
    return next((style for word, style in _STYLES.items() if cell.startswith(word)), "")


def redraw(view: Callable[[], str], pause: Callable[[], None]) -> None:
    """Draw a view in one place again and again, until an interrupt comes through."""
    console = Console(file=sys.stdout)
    with Live(console=console, auto_refresh=False, vertical_overflow="visible") as live:
        while True:
            live.update(Text.from_ansi(view()), refresh=True)
            pause()
