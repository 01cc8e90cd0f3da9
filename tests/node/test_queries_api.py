"""Queries over HTTP: parameters, refusals, and what a long one may not hold up."""

from __future__ import annotations

import threading
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
import trio
import trio.testing

from kit.api import ChainOfOne, serving, submit
from kit.ledger import pay
from kit.nets import in_trio
from kit.queries import TREASURY, words_for
from node.reports import QUERIES, QueryKind, Reports
from primitives import limits
from primitives.ids import Digest
from services.registry.stamps import StampAct, StampDocument
from verifier import Outcome, Pin, verify


def path_of(query: QueryKind, paid: httpx.Response) -> str:
    known = {"transaction": paid.json()["id"]}
    return f"/v1/queries/{query.name}?{urlencode(words_for(query, **known))}"


@in_trio
async def test_every_query_is_answered() -> None:
    """With its name, the height and the time that it was read at, and rows of its kind."""
    chain = ChainOfOne()

    async with serving(chain) as client:
        paid = await submit(client, chain.signed("treasury", pay("health", 125, "INV-1")))
        for name, query in QUERIES.items():
            answer = await client.get(path_of(query, paid))

            found = answer.json()
            assert answer.status_code == 200, found
            assert (found["query"], found["height"], found["next"]) == (name, 1, None)
            assert found["time_ms"] == chain.store.head().header.time_ms
            for row in found["rows"]:
                assert set(row) == set(query.row.__struct_fields__)


@in_trio
async def test_whatever_an_answer_says_proves_it_is_a_proof() -> None:
    """Of every row that one thing proves, in the rows' order, and of an entry that is absent."""
    chain = ChainOfOne()
    stamp = StampDocument(Digest(bytes(32)), StampAct.TIMESTAMP)
    proved: dict[str, int] = {}

    async with serving(chain) as client:
        paid = await submit(client, chain.signed("treasury", pay("health", 125, "INV-1")))
        await submit(client, chain.signed("health", stamp))
        for name, query in QUERIES.items():
            found = (await client.get(path_of(query, paid))).json()
            names = [each for each in found["proved_by"] if each is not None]
            assert len(found["proved_by"]) in (len(found["rows"]), 1, 0)
            for each in names:
                file = await client.get(f"/v1/{each}/proof")
                verdict = verify(file.content, Pin(chain.chain))
                assert verdict.outcome is Outcome.VALID, (name, each)
            proved[name] = len(names)

    assert (proved["registry.stamps"], proved["money.statement"]) == (1, 1)


@in_trio
async def test_the_way_down_that_totals_name_is_a_path_of_the_api() -> None:
    """Whatever is in a description."""
    chain = ChainOfOne()
    text = "Tea & coffee = 100 %, +VAT; „ß“"

    async with serving(chain) as client:
        await submit(client, chain.signed("treasury", pay("works", 1, "A", description=text)))
        asked = f"/v1/queries/money.totals?account={TREASURY}&by=description"
        [row] = (await client.get(asked)).json()["rows"]
        [entry] = (await client.get(row["entries"])).json()["rows"]
        proof = await client.get(f"/v1/transactions/{entry['transaction']}/proof")

    assert (row["key"], entry["description"]) == (text, text)
    assert proof.status_code == 200


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("money.totals?by=payee", "account"),
        (f"money.totals?account={TREASURY}", "by"),
        (f"money.totals?account={TREASURY}&by=moon", "by"),
        (f"money.totals?account={TREASURY[:-2]}&by=year", "account"),
        (f"money.totals?account={TREASURY}&by=year&limit=3", "limit"),
        (f"money.entries?account={TREASURY}&year=MMX", "year"),
        (f"money.entries?account={TREASURY}&year=10000", "year"),
        (f"money.entries?account={TREASURY}&after=moon", "after"),
        (f"money.entries?account={TREASURY}&after={'1' * 300}", "after"),
        ("ledger.accounts?after=xy", "after"),
        ("registry.stamps?commitment=ab", "commitment"),
        ("chain.blocks?limit=0", "limit"),
        ("chain.blocks?limit=-1", "limit"),
        ("chain.blocks?limit=99999999999999999999", "limit"),
        (f"chain.blocks?limit={limits.QUERY_ROWS_MAX + 1}", "limit"),
        ("chain.blocks?after=999999999999999999.0.0.0", None),
        (f"chain.blocks?limit={limits.QUERY_ROWS_MAX}", None),
        ("chain.blocks?limit=1&limit=1", "query"),
    ],
)
def test_a_parameter_that_is_not_what_it_must_be_is_named(
    query: str, parameter: str | None
) -> None:
    """400; a number at its limit is fine."""

    @in_trio
    async def scene() -> None:
        async with serving(ChainOfOne()) as client:
            answer = await client.get(f"/v1/queries/{query}")

        if parameter is None:
            assert answer.status_code == 200
            return
        found = answer.json()
        assert (answer.status_code, found["code"]) == (400, "request.parameter")
        assert found["facts"]["parameter"] == parameter

    scene()


@in_trio
async def test_what_is_not_there_is_said_so() -> None:
    """An unknown query, account or asset: 404 and what there is."""
    async with serving(ChainOfOne()) as client:
        query = await client.get("/v1/queries/money.laundering")
        account = await client.get(f"/v1/queries/money.entries?account={'ab' * 32}")
        asset = await client.get(f"/v1/queries/money.entries?account={TREASURY}&asset=EUR")

    assert (query.status_code, query.json()["code"]) == (404, "query.unknown")
    assert query.json()["facts"]["expected"] == list(QUERIES)
    assert (account.status_code, account.json()["code"]) == (404, "account.unknown")
    assert (asset.status_code, asset.json()["code"]) == (404, "asset.unknown")


@in_trio
async def test_long_queries_hold_up_neither_each_other_s_threads_nor_lookups(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """API_QUERIES_MAX at a time; one more waits, and a lookup is answered meanwhile."""
    begun: list[str] = []
    go_on = threading.Event()
    answer = Reports.answer

    def slowly(self: Reports, name: str, given: dict[str, str]) -> Any:  # noqa: ANN401 - an Answer
        begun.append(name)
        assert go_on.wait(20)
        return answer(self, name, given)

    monkeypatch.setattr(Reports, "answer", slowly)
    answers: list[int] = []
    async with serving(ChainOfOne()) as client, trio.open_nursery() as nursery:

        async def ask() -> None:
            answers.append((await client.get("/v1/queries/chain.blocks")).status_code)

        for _ in range(limits.API_QUERIES_MAX + 1):
            nursery.start_soon(ask)
        while len(begun) < limits.API_QUERIES_MAX:
            await trio.testing.wait_all_tasks_blocked(0.01)
        lookup = await client.get(f"/v1/accounts/{TREASURY}")
        at_once = len(begun)
        go_on.set()

    assert lookup.status_code == 200
    assert at_once == limits.API_QUERIES_MAX
    assert answers == [200] * (limits.API_QUERIES_MAX + 1)
