"""docs/queries.md tells the truth: its commands are run, its tables are made from the Structs.

`REWRITE=1` writes outputs and tables anew; then read the difference. Ids are cut out: those of
vendors depend on the vendor book's salt.
"""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path
from typing import Final

from cli.service_pages import section_of_query
from kit.tree import ROOT
from kit.vendors import booked
from node.reports import QUERIES
from services.table import QUERIES as SERVED

PAGE: Final = ROOT / "docs/queries.md"
_CONSOLE: Final = re.compile(r"^```console\n\$ mithaq (.*)\n(?:.*\n)*?```$", re.MULTILINE)
_GENERATED: Final = "## The queries\n"


def sections() -> str:
    """A section for each query of the node, and where those of the services are."""
    own = [kind for kind in QUERIES.values() if kind.parameters not in SERVED]
    links = "".join(
        f"- [{name}](services/{name.partition('.')[0]}.md#{name.replace('.', '')})\n"
        for name, kind in QUERIES.items()
        if kind.parameters in SERVED
    )
    head = "Of the node and its history here; those of a service are in its page:\n\n"
    return head + links + "\n" + "\n".join(map(section_of_query, own))


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
