"""How a terminal that knows the bidirectional algorithm (UAX #9) shows a line: a part of it.

Enough for our lines: isolates, letters of both directions, European digits, and everything else as
neutral. Embeddings and overrides do not occur, mirrored brackets keep their shape.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Final

from cli.right_to_left import BY_FIRST_LETTER, END, LEFT_TO_RIGHT, RIGHT_TO_LEFT

_OPENING: Final = {LEFT_TO_RIGHT: "L", RIGHT_TO_LEFT: "R", BY_FIRST_LETTER: ""}


def seen(line: str, base: str = "L") -> str:
    """What stands on the screen, from its left to its right."""
    return _ordered(_units(line), base)


def _units(text: str) -> list[str]:
    """Letters, and isolates as one unit each."""
    units: list[str] = []
    depth = 0
    for letter in text:
        if depth:
            units[-1] += letter
        else:
            units.append(letter)
        depth += letter in _OPENING
        depth -= letter == END and depth > 0
    assert depth == 0, f"every isolate of {text!r} ends in its line"
    return units


def _ordered(units: Sequence[str], base: str) -> str:
    directions = _resolved([_direction(unit) for unit in units], base)
    runs: list[tuple[str, list[str]]] = []
    for unit, direction in zip(units, directions, strict=True):
        if runs and runs[-1][0] == direction:
            runs[-1][1].append(unit)
        else:
            runs.append((direction, [unit]))
    shown = ["".join(map(_shown, run if way == "L" else run[::-1])) for way, run in runs]
    return "".join(shown if base == "L" else shown[::-1])


def _shown(unit: str) -> str:
    if unit[0] not in _OPENING:
        return unit
    inside = unit[1:-1]
    base = _OPENING[unit[0]] or next(filter(None, map(_strong, _outside(inside))), "L")
    return _ordered(_units(inside), base)


def _outside(text: str) -> list[str]:
    return [unit for unit in _units(text) if unit[0] not in _OPENING]


def _strong(unit: str) -> str:
    match unicodedata.bidirectional(unit[0]):
        case "L":
            return "L"
        case "R" | "AL":
            return "R"
        case _:
            return ""


def _direction(unit: str) -> str:
    if unit[0] in _OPENING:
        return ""
    return "EN" if unit.isdigit() else _strong(unit)


def _resolved(directions: list[str], base: str) -> list[str]:
    """Neutrals between two of one direction take it, all others that of the line; digits run on."""
    sides = ["R" if each == "EN" else each for each in directions]  # for what is beside them
    done: list[str] = []
    for place, each in enumerate(directions):
        if each == "EN":
            done.append("L")
        elif each:
            done.append(each)
        else:
            before = next((one for one in sides[:place][::-1] if one), base)
            after = next((one for one in sides[place + 1 :] if one), base)
            done.append(before if before == after else base)
    return done
