"""How Arabic stands in a terminal: directions of lines, isolates around what is not Arabic, widths.

Every line is one right-to-left isolate, so that it reads from the right in a terminal that shows
each line from the left by itself; a line of a table is filled up to the table's width, so that its
columns stand in the mirrored order and under each other. Ids, numbers, paths and commands are
isolates of their own: without them the bidirectional algorithm would order their parts as if they
were words of the sentence. Width is what a terminal shows, not how many code points there are.
"""

import re
import shutil
import sys
from collections.abc import Iterator, Sequence
from typing import Final
from unicodedata import bidirectional

from primitives.languages import FIELD

RIGHT_TO_LEFT: Final = "\u2067"
"""Begins a right-to-left isolate."""
BY_FIRST_LETTER: Final = "\u2068"
"""Begins an isolate whose direction is that of its first letter."""
LEFT_TO_RIGHT: Final = "\u2066"
"""Begins a left-to-right isolate."""
END: Final = "\u2069"
"""Ends the innermost isolate."""
_LATIN: Final = r"[!-'*-_a-z|~]"
"""What a word of Latin letters, an option or a path is made of: no brackets, no backtick."""
_FOREIGN: Final = re.compile(
    rf"`[^`]*`|{FIELD.pattern}|(?:[-$/~.#@'\"]+(?=[A-Za-z0-9])|(?=[A-Za-z])){_LATIN}*"
    rf"(?: +(?=[-$/~.]*[A-Za-z0-9]){_LATIN}+)*"
)
"""Code in backticks, a field that is still in braces, or words that begin like an option."""
_TRAILING: Final = ".,;:!?"
_EDGE: Final = 79
CONTROLS: Final = frozenset((RIGHT_TO_LEFT, BY_FIRST_LETTER, LEFT_TO_RIGHT, END))


def width(text: str) -> int:
    """How many columns a terminal gives to a text."""
    from wcwidth import wcswidth, wcwidth  # tables that who speaks English never needs

    shown = "".join(letter for letter in text if letter not in CONTROLS)
    columns = wcswidth(shown)
    return columns if columns >= 0 else sum(max(0, wcwidth(letter)) for letter in shown)


def isolated(text: str) -> str:
    """A value inside a sentence: its direction is its own, and does not touch what is around it."""
    return f"{BY_FIRST_LETTER}{text}{END}" if text.strip() else text


def line(text: str, columns: int | None = None) -> str:
    """A line that reads from the right; one that does already stays as it is.

    It is filled up to the edge, so that lines begin under each other also where the terminal lays
    them to its left.
    """
    if not text.strip() or text.startswith(RIGHT_TO_LEFT):
        return text
    room = " " * ((edge() if columns is None else columns) - width(text))
    return f"{RIGHT_TO_LEFT}{text}{room}{END}"


def edge() -> int:
    """The column at which lines begin: where a terminal shows them, its right side or the 79th."""
    if not sys.stdout.isatty():
        return 0
    return min(_EDGE, shutil.get_terminal_size().columns - 1)


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows as lines of one width: the first cell is the rightmost, and each begins at its right.

    Numbers too: their digits run to the right, so that units stand under units.
    """
    widths = [max(map(width, column)) for column in zip(*rows, strict=True)]
    return [line("  ".join(map(filled_up, cells, widths))) for cells in rows]


def filled_up(cell: str, columns: int) -> str:
    """A cell as an isolate, with the room that is left to its left."""
    return isolated(cell) + " " * max(0, columns - width(cell))


def has_arabic(text: str) -> bool:
    """Whether some of it reads from the right."""
    return any(bidirectional(letter) in {"R", "AL"} for letter in text)


def wrapped(text: str, columns: int, *, first: str = "", rest: str = "") -> list[str]:
    """A paragraph in lines of at most so many columns; an isolate is never torn between two."""
    lines: list[str] = []
    current, empty = first, True
    for word in _words(text):
        if not empty and width(current) + 1 + width(word) > columns:
            lines.append(line(current))
            current, empty = rest, True
        current += word if empty else f" {word}"
        empty = False
    return [*lines, line(current)]


def foreign_isolated(text: str) -> str:
    """A sentence in Arabic, with each run of Latin letters in it as an isolate."""
    if not has_arabic(text):
        return text
    return "".join(
        piece if depth else _FOREIGN.sub(_isolate_found, piece) for piece, depth in _by_depth(text)
    )


def _isolate_found(found: re.Match[str]) -> str:
    said = found[0]
    if FIELD.fullmatch(said):
        return said
    body = said.rstrip(_TRAILING)
    return f"{LEFT_TO_RIGHT}{body}{END}{said[len(body) :]}"


def _by_depth(text: str) -> Iterator[tuple[str, int]]:
    """What stands outside isolates, and what inside."""
    piece, depth = "", 0
    for letter in text:
        if letter in CONTROLS and letter != END:
            if depth == 0:
                yield piece, 0
                piece = ""
            depth += 1
            piece += letter
        elif letter == END and depth:
            piece += letter
            depth -= 1
            if depth == 0:
                yield piece, 1
                piece = ""
        else:
            piece += letter
    yield piece, depth


def _words(text: str) -> Iterator[str]:
    """Words; an isolate is one with all that is in it."""
    word = ""
    for piece, depth in _by_depth(text):
        if depth:
            word += piece
            continue
        first, *others = piece.split(" ")
        word += first
        for other in others:
            if word:
                yield word
            word = other
    if word:
        yield word
