"""How the story is told: chapters, paragraphs, facts, and what was tried in vain."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from typing import Final, TextIO

WIDTH: Final = 88


class Teller:
    """Tells the story on a screen, or on paper."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._chapters = 0

    def chapter(self, title: str) -> None:
        """A line of its own, numbered."""
        self._chapters += 1
        self._write(f"\n{self._chapters}. {title}\n")

    def tell(self, text: str) -> None:
        """A paragraph."""
        self._write(textwrap.fill(" ".join(text.split()), WIDTH, break_long_words=False) + "\n")

    def show(self, rows: Iterable[tuple[str, object]]) -> None:
        """Facts under each other."""
        listed = [(name, str(value)) for name, value in rows]
        width = max((len(name) for name, _ in listed), default=0)
        self._write("\n".join(f"    {name:<{width}}  {value}" for name, value in listed) + "\n")

    def refused(self, attempt: str, why: str) -> None:
        """The attempt, and the answer below it."""
        lead = textwrap.fill(attempt, WIDTH, initial_indent="  - ", subsequent_indent="    ")
        answer = textwrap.fill(
            f"Refused: {why}", WIDTH, initial_indent="    ", subsequent_indent="    "
        )
        self._write(f"{lead}\n{answer}\n")

    def _write(self, text: str) -> None:
        self._out.write(f"{text}\n")
        self._out.flush()
