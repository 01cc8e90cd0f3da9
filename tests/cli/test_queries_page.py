"""docs/queries.md tells the truth: its commands are run, its tables are made from the Structs.

`REWRITE=1` writes outputs and tables anew; then read the difference. Ids are cut out: those of
vendors depend on the vendor book's salt.
"""

from __future__ import annotations

import inspect
import os
import re
import shlex
from pathlib import Path
from typing import Final

from msgspec import Struct

from cli.field_kinds import FieldKind, fields_of
from kit.tree import ROOT
from kit.vendors import booked
from node.reports import QUERIES

PAGE: Final = ROOT / "docs/queries.md"
_CONSOLE: Final = re.compile(r"^```console\n\$ mithaq (.*)\n(?:.*\n)*?```$", re.MULTILINE)
_GENERATED: Final = "## The queries\n"


def type_of(kind: FieldKind) -> str:
    """A field's type in a word or two."""
    if kind.item is not None:
        return f"list of {type_of(kind.item)}"
    if kind.is_enum:
        word = " \\| ".join(f"`{member.value}`" for member in kind.core)
    elif kind.is_struct:
        word = ", ".join(f"`{name}`" for name, _, _ in fields_of(kind.core))
    else:
        # NewTypes of int and bytes say what they are of.
        plain = getattr(kind.core, "__supertype__", kind.core)
        word = {int: "integer", str: "text", bytes: "hex"}[plain]
    return f"{word} or null" if kind.optional else word


def parameters(struct: type[Struct]) -> str:
    rows = (
        f"| `{name}` | {'' if kind.optional else 'required'} | "
        f"{type_of(kind).removesuffix(' or null')} | {kind.description} |\n"
        for name, kind, _ in fields_of(struct)
    )
    return "| parameter | | | |\n|---|---|---|---|\n" + "".join(rows)


def columns(struct: type[Struct]) -> str:
    return ", ".join(f"`{name}` ({type_of(kind)})" for name, kind, _ in fields_of(struct))


def sections() -> str:
    """A section for each query."""
    return "\n".join(
        f"### {query.name}\n\n{inspect.getdoc(query.parameters)}\n\n"
        f"{parameters(query.parameters)}\n"
        f"{inspect.getdoc(query.row)}\n\nColumns: {columns(query.row)}.\n"
        for query in QUERIES.values()
    )


def played(page: str, home: Path) -> str:
    """The page with every command's real output and every query's section."""
    with booked(home) as at:

        def run(found: re.Match[str]) -> str:
            done = at.asking(*shlex.split(found[1]))
            said = done.out + done.err
            said = re.sub(r"(?<=: ).*(?= (?:query|proof) )", "mithaq", said)
            said = re.sub(r"[0-9a-f]{64}(?=  )", "…" + 10 * " ", said)
            said = re.sub(r"transaction {53}", "transaction", said)
            said = re.sub(r"[0-9a-f]{64}", "…", said)
            return f"```console\n$ mithaq {found[1]}\n{said}```"

        head = page[: page.index(_GENERATED)]
        return _CONSOLE.sub(run, head) + _GENERATED + "\n" + sections()


def test_the_page_says_what_the_queries_say(tmp_path: Path) -> None:
    """Commands and outputs, parameters and columns."""
    page = PAGE.read_text()

    real = played(page, tmp_path)

    if os.environ.get("REWRITE"):
        PAGE.write_text(real)
    assert page == real, "write docs/queries.md anew with REWRITE=1, and read the difference"


def test_an_output_that_is_not_true_would_be_seen(tmp_path: Path) -> None:
    """An amount that is not the chain's."""
    page = PAGE.read_text()
    assert "1,250.50" in page

    assert played(page.replace("1,250.50", "1,250.51"), tmp_path) == page
