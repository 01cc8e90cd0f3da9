"""docs/api.md tells the truth: its examples are sent, its tables are compared.

`REWRITE=1` writes the examples anew; then read the difference. The page shows long values cut off
with "…".
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import msgspec
import pytest
import trio

from kit.accused import two_prepares
from kit.api import ChainOfOne, administering, connect, serving
from kit.ledger import GENESIS_TIME, account_id, key, pay
from kit.nets import in_trio
from kit.schema import faults
from kit.tree import ROOT
from ledger.transaction import check_transaction
from node.api.admin import AdminApi
from node.api.openapi import document
from node.api.public import PublicApi
from node.queries import id_of_transaction
from primitives import limits
from primitives.codec import decode, encode
from primitives.evidence import case_of
from primitives.ids import Digest
from primitives.named import to_named
from services.table import TRANSACTION
from storage.decision import KeptEvidence

PAGE: Final = ROOT / "docs/api.md"
_BLOCK: Final = re.compile(r"^```http\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_SHOWN: Final = 24
_WIDTH: Final = 110


@dataclass
class Scene:
    """The chain of the page: one payment, then one that the payer cannot afford."""

    chain: ChainOfOne
    payment: bytes
    overdraft: bytes
    case: Digest

    @classmethod
    def begin(cls) -> Scene:
        chain = ChainOfOne()
        piece = two_prepares(key("validator 1"), chain.chain, height=1)
        case = case_of(piece, chain.chain)
        chain.store.keep_evidence(KeptEvidence(case.height, case.id, encode(piece)))
        line = pay("health", 125, "INV-2026-0001", description="Road repair, March")
        made = cls(
            chain,
            chain.signed("treasury", line),
            chain.signed("works", pay("health", 1, "INV-2026-0002")),
            case.id,
        )
        waits = chain.signed("treasury", pay("works", 70, "INV-2026-0003"))
        chain.mempool.add(check_transaction(waits, chain.chain, TRANSACTION), now_ms=GENESIS_TIME)
        return made

    def bodies(self) -> dict[str, list[Any]]:
        """What the page posts, in the order in which it does."""
        payment, overdraft = named(self.payment), named(self.overdraft)
        return {
            "/v1/transactions": [payment, overdraft],
            "/v1/transactions/batch": [[payment, {}]],
            "/v1/admin/log-level": [{"level": "debug"}],
            "/v1/admin/unfence": [{"height": 7, "by": "a.operator@finance"}],
            "/v1/admin/mempool/drop": [
                {"account": account_id("treasury").hex(), "by": "a.operator@finance"}
            ],
            "/v1/admin/shutdown": [None],
        }

    def path(self, written: str) -> str:
        names: dict[str, bytes] = {
            "transaction": id_of_transaction(self.payment),
            "account": account_id("treasury"),
            "case": self.case,
        }
        return written.format(**{name: value.hex() for name, value in names.items()})


def named(data: bytes) -> Any:  # noqa: ANN401 - JSON
    opened = decode(data, TRANSACTION, limit=limits.TRANSACTION_BYTES_MAX)
    return msgspec.json.decode(msgspec.json.encode(to_named(opened)))


def written(value: Any, indent: str = "") -> str:  # noqa: ANN401 - JSON
    """JSON with as much on a line as fits."""
    flat = json.dumps(value, ensure_ascii=False)
    if len(indent) + len(flat) <= _WIDTH or not isinstance(value, (dict, list)):
        return flat
    deeper = indent + "  "
    if isinstance(value, list):
        items, ends = [written(item, deeper) for item in value], "[]"
    else:
        items = [f"{json.dumps(k)}: {written(v, deeper)}" for k, v in value.items()]
        ends = "{}"
    return f"{ends[0]}\n{deeper}" + f",\n{deeper}".join(items) + f"\n{indent}{ends[1]}"


def shortened(value: Any) -> Any:  # noqa: ANN401 - JSON
    match value:
        case dict():
            return {name: shortened(item) for name, item in value.items()}
        case list():
            return [shortened(item) for item in value]
        case str() if re.fullmatch(f"[0-9a-f]{{{_SHOWN},}}", value):
            return f"{value[:8]}…"
    return value


def request_block(line: str, body: Any) -> str:  # noqa: ANN401 - JSON
    if body is None:
        return f"{line}\n"
    return f"{line}\ncontent-type: application/json\n\n{written(body)}\n"


def response_block(answer: httpx.Response) -> str:
    kind = answer.headers["content-type"]
    extra = [f"{n}: {answer.headers[n]}\n" for n in ("location",) if n in answer.headers]
    head = f"HTTP/1.1 {answer.status_code}\ncontent-type: {kind}\n{''.join(extra)}"
    head = re.sub(r"[0-9a-f]{64}", lambda found: f"{found[0][:8]}…", head)
    shown = "json" in kind and "openapi" not in answer.request.url.path  # too long for a page
    return f"{head}\n{written(shortened(answer.json()))}\n" if shown else head


async def beginning(client: httpx.AsyncClient, path: str) -> str:
    """A stream up to its first event."""
    heard = ""
    async with await connect(client.base_url.netloc.decode()) as stream:
        await stream.send_all(f"GET {path} HTTP/1.0\r\n\r\n".encode())  # 1.0 has no chunks
        while "data: " not in heard or not heard.endswith("\n\n"):
            heard += (await stream.receive_some(65_536)).decode()
    head, _, text = heard.partition("\r\n\r\n")
    kind = re.findall(r"(?im)^content-type: (.*?)\r?$", head)[0]
    shown = re.sub(f"[0-9a-f]{{{_SHOWN},}}", lambda found: f"{found[0][:8]}…", text)
    return f"HTTP/1.1 200\ncontent-type: {kind}\n\n{shown}"


Answered = Callable[[str, httpx.Response], None]


async def played(page: str, folder: Path, answered: Answered = lambda _line, _answer: None) -> str:
    """The page with every example as it really is; `answered` hears of each answer."""
    scene = Scene.begin()
    bodies = scene.bodies()
    blocks = [found[1] for found in _BLOCK.finditer(page)]
    real: list[str] = []
    async with (
        serving(scene.chain) as public,
        administering(scene.chain, folder / "admin.sock") as admin,
    ):
        for block in blocks[::2]:
            line = block.partition("\n")[0]
            method, _, path = line.partition(" ")
            client = admin if path.startswith("/v1/admin/") else public
            body = bodies[path].pop(0) if method == "POST" else None
            if path.startswith("/v1/events"):
                real += [request_block(line, None), await beginning(client, scene.path(path))]
                continue
            answer = await client.request(
                method, scene.path(path), **({} if body is None else {"json": body})
            )
            answered(line, answer)
            real += [request_block(line, body), response_block(answer)]
    assert not any(bodies.values()), "the page posts everything"
    texts = iter(real)
    return _BLOCK.sub(lambda _: f"```http\n{next(texts)}```", page)


def test_every_example_is_what_a_node_answers(tmp_path: Path) -> None:
    """Requests and responses, in the order of the page, on one chain."""

    @in_trio
    async def scene() -> None:
        page = await trio.Path(PAGE).read_text()
        real = await played(page, tmp_path)
        if os.environ.get("REWRITE"):
            await trio.Path(PAGE).write_text(real)

        assert page == real, "write docs/api.md anew with REWRITE=1, and read the difference"

    scene()


def test_every_answer_is_of_its_schema(tmp_path: Path) -> None:
    """What the node answers, problems included, is what its OpenAPI document says."""
    judged: list[str] = []

    @in_trio
    async def scene() -> None:
        found = json.loads(document(PublicApi(ChainOfOne()).routes()))

        def judge(line: str, answer: httpx.Response) -> None:
            method, _, path = line.partition(" ")
            operation = operation_of(found, method, path.partition("?")[0])
            if operation is None:
                return  # the operator's socket is not in the document
            responses = operation["responses"]
            said = responses.get(str(answer.status_code), responses["default"])
            kind = answer.headers["content-type"].partition(";")[0]
            content = said["content"].get(kind) or said["content"].get(f"{kind}; charset=utf-8")
            if content and "schema" in content:
                assert faults(answer.json(), content["schema"], found) == [], line
                judged.append(line)

        await played(await trio.Path(PAGE).read_text(), tmp_path, judge)

    scene()

    assert len(judged) >= 12


def operation_of(found: Any, method: str, path: str) -> Any:  # noqa: ANN401 - JSON
    for written_path, methods in found["paths"].items():
        pattern = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(written_path))
        if re.fullmatch(pattern, path) and method.lower() in methods:
            return methods[method.lower()]
    return None


@pytest.mark.parametrize(
    "change", [("125", "126"), ('"final"', '"pending"'), ("HTTP/1.1 202", "HTTP/1.1 200")]
)
def test_an_example_that_is_not_true_would_be_seen(change: tuple[str, str], tmp_path: Path) -> None:
    """A wrong amount, a wrong word, a wrong status."""

    @in_trio
    async def scene() -> None:
        page = (await trio.Path(PAGE).read_text()).replace(*change)

        assert page != await played(page, tmp_path)

    scene()


def test_the_limits_on_the_page_are_in_force() -> None:
    """Name and number."""
    rows = re.findall(r"\(`([A-Z_0-9]+)`\)[^|]*\| (\d+) \|", PAGE.read_text())

    assert len(rows) == 21
    assert {name: int(value) for name, value in rows} == {
        name: getattr(limits, name) for name, _ in rows
    }


def test_every_endpoint_is_on_the_page() -> None:
    """As a heading."""
    chain = ChainOfOne()
    served = {
        f"{method} {path}"
        for route in (*PublicApi(chain).routes(), *AdminApi(chain).routes())
        for path in route.paths
        for method in route.http_methods
    }
    headings = set(re.findall(r"^### ((?:GET|POST) .*)$", PAGE.read_text(), re.MULTILINE))

    assert {re.sub(r":str", "", one) for one in served} == headings
