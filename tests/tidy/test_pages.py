"""What a page tells its reader to follow, to type or to open is there."""

from __future__ import annotations

from typing import Final

import pytest

from kit.pages import Spoken, absent, anchors, commands, dead, lost, pages, reached, unknown
from kit.tree import ROOT

PLAYED: Final = ROOT / "docs/tutorial-service.md"
"""Its service exists only where its own test has installed it."""


def test_every_relative_link_leads_to_a_file() -> None:
    """In every Markdown page of the repository."""
    found = {str(page): dead(page.read_text("utf-8"), folder=page.parent) for page in pages()}

    assert len(found) > 50
    assert {name: offences for name, offences in found.items() if offences} == {}


def test_a_dead_link_would_be_seen() -> None:
    """Addresses, anchors and examples in fences are none of its business."""
    page = (
        "[a](Makefile) [b](nowhere.md#x) [c](https://example.org/) [d](#here)\n```\n[e](f.md)\n```"
    )

    assert dead(page, folder=ROOT) == ["nowhere.md"]


def test_every_anchor_of_a_link_is_a_heading() -> None:
    """Of the page itself or of another."""
    found = {str(page): lost(page.read_text("utf-8"), page=page) for page in pages()}

    assert {name: offences for name, offences in found.items() if offences} == {}


def test_a_lost_anchor_would_be_seen() -> None:
    """Headings are named as Git hosts do, the second of two alike with a number."""
    page = "# The `a/b` of [C](x.md)\n# Same\n# Same\n[1](#the-ab-of-c) [2](#same-1) [3](#same-2)"
    elsewhere = "[4](README.md#sixty-seconds) [5](README.md#an-hour) [6](Makefile#nothing)"

    assert anchors(page) == {"the-ab-of-c", "same", "same-1"}
    here = ROOT / "docs/kernel/README.md"
    assert lost("[up](../../README.md#an-hour)", page=here) == ["../../README.md#an-hour"]
    assert lost(elsewhere, page=ROOT / "SECURITY.md") == ["README.md#an-hour"]


def test_every_page_is_reached_from_the_first() -> None:
    """Who begins at the README finds all of them by following links."""
    assert set(pages()) - reached(ROOT / "README.md") == set()


def test_every_command_of_a_page_exists_with_its_options() -> None:
    """In blocks and in sentences."""
    given = [
        (str(page), line)
        for page in pages()
        if page != PLAYED
        for line in commands(page.read_text("utf-8"))
    ]

    wrong = [(name, line, what) for name, line in given for what in unknown(line)]

    assert len(given) > 300
    assert wrong == []


@pytest.mark.parametrize(
    ("text", "offences"),
    [
        ("`mithaq pay`", ["no command pay"]),
        (
            "```\n$ .venv/bin/mithaq status --node x \\\n    --fast | less --raw\n```",
            ["no option --fast"],
        ),
        ("`MITHAQ_LANG=ar mithaq db stats|burn`", ["no command stats|burn"]),
        ("`mithaq query … --prof FOLDER`", ["no option --prof"]),
        ("`mithaq query NAME --proof FOLDER`", []),
        ("`mithaq --lang ar tx send money.transfer --key A --line to=B,amount=-1`", []),
        ("mithaq: it says so\n`mithaq.storage/6`", []),
    ],
)
def test_a_command_that_nobody_can_type_would_be_seen(text: str, offences: list[str]) -> None:
    """Also where a word stands for any command, or several are named at once."""
    assert [what for line in commands(text) for what in unknown(line)] == offences


def test_every_file_module_and_target_that_a_page_names_is_there() -> None:
    """As a file, a folder, a module without its ending, or a name in a module."""
    found = {str(page): absent(page.read_text("utf-8")) for page in pages() if page != PLAYED}

    assert {name: offences for name, offences in found.items() if offences} == {}


def test_every_code_limit_and_test_that_a_page_names_is_in_the_code() -> None:
    """Refusals, events, operations, queries; whatever a service or a part of the kernel says."""
    spoken = Spoken()

    found = {
        str(page): spoken.unsaid(page.read_text("utf-8")) for page in pages() if page != PLAYED
    }

    assert {name: offences for name, offences in found.items() if offences} == {}
    assert spoken.unsaid(
        "`money.transfer` `money.vanish` `books.overdraft` `lots.py` `payment.proof` "
        "`HOLDERS_NEVER_MAX` `TRANSACTION_BYTES_MAX` `test_pages` `test_of_nothing`"
    ) == ["money.vanish", "HOLDERS_NEVER_MAX", "test_of_nothing"]


def test_what_a_page_only_dreams_of_would_be_seen() -> None:
    """`storage/chain.commit` is there, and so is `tests/perturb/*.toml`."""
    page = (
        "`storage/chain.commit` `storage/chain.undo` `tests/perturb/*.toml` `node/nobody` "
        "`python -m bench.page` `python -m bench.nothing` `make test` `SEEDS=1..2 make profit`"
    )

    assert absent(page) == ["storage/chain.undo", "node/nobody", "bench.nothing", "make profit"]
