"""The catalogue of refusals: nothing refuses with a code that it does not explain.

`REWRITE=1` writes docs/refusals.md anew; then read the difference.
"""

from __future__ import annotations

import ast
import importlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from kit.api import ChainOfOne, serving
from kit.ledger import pay
from kit.nets import in_trio
from kit.tree import ROOT
from ledger.operation import Refusal
from node.api.problems import STATUS_OF_CODE
from node.api.refusals import RefusalEntry, catalogue
from services.table import REFUSALS

PAGE: Final = ROOT / "docs/refusals.md"
INSIDE: Final = ("primitives", "consensus", "ledger", "services", "storage", "p2p", "node")
_HEAD: Final = """# Refusals

Every code that a node can answer with, as `GET /v1/refusals` tells it. A test compares this page
with the code. A name in braces is a fact of the refusal: `facts` in the answer has its value. What
a rule refuses *in a block* has the same code, in the receipt.

| code | status | meaning | facts |
|---|---|---|---|
"""


def written(entries: tuple[RefusalEntry, ...]) -> str:
    rows = (
        f"| `{entry.code}` | {entry.status} | {entry.meaning} | "
        f"{', '.join(f'`{fact}`' for fact in entry.facts) or '–'} |\n"
        for entry in entries
    )
    return _HEAD + "".join(rows)


def refused_in(path: Path, source: str) -> Iterator[str | None]:
    """The codes with which a module refuses; None where the code is a refusal Struct's own."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            continue
        if node.func.id not in ("Rejected", "problem") or not node.args:
            continue
        match node.args[0]:
            case ast.Constant(value=str(code)):
                yield code
            case ast.Name(id=name):
                module = importlib.import_module(".".join(path.with_suffix("").parts))
                yield getattr(module, name)
            case _:
                yield None


def refused() -> set[str | None]:
    return {
        code
        for folder in INSIDE
        for module in (ROOT / folder).rglob("*.py")
        for code in refused_in(module.relative_to(ROOT), module.read_text())
    }


def test_every_code_that_the_code_can_give_is_explained() -> None:
    """No more, and none twice."""
    own = {str(kind.__struct_config__.tag) for kind in REFUSALS}
    codes = [entry.code for entry in catalogue()]

    # These two stand where a fault of another kind becomes a problem.
    given = refused() - {None} | {"transaction.malformed", "transaction.bad_signature"}

    assert len(codes) == len(set(codes))
    assert set(codes) == given | own


def test_a_code_that_nobody_explains_would_be_seen() -> None:
    """Written out, or by the name of a constant."""
    source = "raise Rejected('moon.full', 'wait')\nraise Rejected(FULL, 'wait')\nproblem(x.y, '')"

    assert list(refused_in(Path("node/mempool.py"), source)) == ["moon.full", "mempool.full", None]


def test_every_refusal_of_the_house_belongs_to_a_service() -> None:
    """A Struct that is in no table could not be read back from a receipt."""
    importlib.import_module("node.app")
    ours = {kind for kind in Refusal.__subclasses__() if kind.__module__.split(".")[0] in INSIDE}

    assert ours == set(REFUSALS)


def test_every_status_belongs_to_a_code() -> None:
    """And a code without one is answered with 422."""
    status = {entry.code: entry.status for entry in catalogue()}

    assert STATUS_OF_CODE.keys() <= status.keys()
    assert all(status[code] == given.value for code, given in STATUS_OF_CODE.items())
    assert {status[code] for code in status.keys() - STATUS_OF_CODE.keys()} == {422}


def test_a_meaning_names_only_facts_that_there_are() -> None:
    """Every name in braces."""
    for entry in catalogue():
        named = set(re.findall(r"\{(\w+)\}", entry.meaning))

        assert entry.meaning.endswith(".")
        assert named <= set(entry.facts), entry.code


def test_the_page_says_what_the_code_says() -> None:
    """Row by row."""
    page = written(catalogue())
    if os.environ.get("REWRITE"):
        PAGE.write_text(page)

    assert PAGE.read_text() == page


@in_trio
async def test_a_node_tells_its_catalogue() -> None:
    """All of it, or a part; a real refusal has the status and the facts that it says."""
    chain = ChainOfOne()
    async with serving(chain) as client:
        everything: list[dict[str, Any]] = (await client.get("/v1/refusals")).json()["refusals"]
        books = (await client.get("/v1/refusals?code=books.")).json()["refusals"]
        nothing = (await client.get("/v1/refusals?code=nothing")).json()
        arabic = (await client.get("/v1/refusals?lang=ar")).json()["refusals"]
        unknown = await client.get("/v1/refusals?kind=x")
        unspoken = await client.get("/v1/refusals?lang=xx")
        overdraft = chain.signed("works", pay("health", 1, "A"))
        refusal = await client.post(
            "/v1/transactions",
            content=overdraft,
            headers={"content-type": "application/msgpack"},
        )

    by_code = {entry["code"]: entry for entry in everything}
    assert [entry["code"] for entry in everything] == [entry.code for entry in catalogue()]
    assert books == [entry for entry in everything if entry["code"].startswith("books.")]
    assert nothing == {"refusals": []}
    assert unknown.json()["code"] == "request.parameter"
    assert [entry | {"meaning": ""} for entry in arabic] == [
        entry | {"meaning": ""} for entry in everything
    ]
    meanings = {entry["code"]: entry["meaning"] for entry in arabic}
    assert meanings["accounts.unknown"] == "لا يوجد حساب {account}."
    assert unspoken.json()["code"] == "request.parameter"
    assert unspoken.json()["facts"]["expected"] == "en or ar"
    said = by_code[refusal.json()["code"]]
    assert refusal.status_code == said["status"]
    assert set(refusal.json()["facts"]) == {"refusal", *said["facts"]}
