"""Arabic in a terminal: columns, isolates, widths, lines."""

from __future__ import annotations

import pytest

from cli.right_to_left import (
    END,
    LEFT_TO_RIGHT,
    RIGHT_TO_LEFT,
    aligned,
    foreign_isolated,
    isolated,
    line,
    width,
    wrapped,
)
from kit.bidirectional import seen

ROWS = (("العقدة", "الارتفاع"), ("node0", "1,204"), ("مراقب", "7"))


@pytest.mark.parametrize("base", ["L", "R"])
def test_columns_stand_mirrored_and_under_each_other(base: str) -> None:
    """The first column is the rightmost, whichever way the terminal reads lines by itself."""
    shown = [seen(each, base) for each in aligned(ROWS)]

    assert shown == ["عافترالا  ةدقعلا", "   1,204   node0", "       7   بقارم"]


def test_every_line_of_a_table_is_as_wide_as_the_table() -> None:
    """So mirrored columns meet on the right also where lines begin at the left."""
    assert {width(each) for each in aligned(ROWS)} == {width("العقدة  الارتفاع")}


def test_an_id_in_a_sentence_stays_whole() -> None:
    """Without isolates, the slash and what is behind it would change places."""
    said = line(f"الملف {isolated('/home/a b/1')} مفقود")

    assert seen(said) == "دوقفم /home/a b/1 فلملا"


def test_commands_in_a_sentence_read_from_the_left() -> None:
    """Also their hyphens, which have no direction of their own."""
    said = line(foreign_isolated("استعمل `mithaq tx sign` مع --key"))

    assert seen(said) == "--key عم `mithaq tx sign` لمعتسا"


def test_a_field_stays_a_field() -> None:
    """Fields are isolated when they are filled."""
    assert foreign_isolated("لا يوجد دور {role}.") == "لا يوجد دور {role}."


def test_english_has_no_isolates() -> None:
    """Nothing reads from the right in it."""
    assert foreign_isolated("sign it with --key") == "sign it with --key"


def test_controls_have_no_width() -> None:
    """A terminal shows nothing for them, nor for marks above letters; wide letters take two."""
    assert width(f"{RIGHT_TO_LEFT}سجل{END}") == 3
    assert width("يوقّع") == 4
    assert width("中") == 2


def test_a_line_has_one_direction_once() -> None:
    """What is a line already stays as it is, and an empty one empty."""
    once = line("سجل")

    assert line(once) == once
    assert line("") == ""


def test_lines_begin_under_each_other_where_they_are_laid_to_the_left() -> None:
    """Each is filled up to one edge; a longer one is not cut."""
    assert seen(line("سجل", 6)) == "   لجس"
    assert seen(line("سجل كتلة", 6)) == "ةلتك لجس"


def test_a_paragraph_breaks_between_words_and_never_in_an_isolate() -> None:
    """Each line is a whole of its own."""
    command = f"{LEFT_TO_RIGHT}mithaq tx sign{END}"

    lines = wrapped(f"وقّع هذه المعاملة بالأمر {command} ثم قدّمها", 24, first="  ", rest="    ")

    assert all(width(each) <= 24 for each in lines)
    assert sum(command in each for each in lines) == 1
    assert all(
        each.count(END) == each.count(RIGHT_TO_LEFT) + each.count(LEFT_TO_RIGHT) for each in lines
    )
    assert len(lines) > 1
