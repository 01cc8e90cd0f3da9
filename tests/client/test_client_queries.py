"""Queries through the typed client: rows are Structs, pages follow each other."""

from __future__ import annotations

from pathlib import Path

import pytest

from client.client import Client
from kit.ledger import account_id
from kit.queries import words_for
from kit.vendors import booked
from node.reports import QUERIES
from node.reports.money import TotalsBy
from primitives.errors import Rejected


def test_a_page_has_rows_of_the_query_s_own_kind(tmp_path: Path) -> None:
    """Every query, as the node's own Structs."""
    treasury = account_id("treasury")
    more: dict[str, dict[str, object]] = {
        "money.totals": {"account": treasury, "by": TotalsBy.PAYEE},
        "money.entries": {"account": treasury, "year": 2010},
        "money.statement": {"account": treasury.hex()},
        "ledger.transactions": {"account": treasury, "asset": None},
    }

    with booked(tmp_path) as at, Client([at.url]) as client:
        newest = client.query("ledger.transactions", account=treasury).rows[0].id.hex()
        answers = {
            name: client.query(name, **more.get(name, words_for(query, transaction=newest)))
            for name, query in QUERIES.items()
        }

    for name, answer in answers.items():
        assert {type(row) for row in answer.rows} <= {QUERIES[name].row}
        assert (answer.query, answer.height) == (name, 4)
    assert [row.net_minor for row in answers["money.totals"].rows] == [125_050, -2_000]
    assert answers["money.statement"].rows[0].other is None


def test_rows_go_on_from_page_to_page(tmp_path: Path) -> None:
    """Until there are no more."""
    with booked(tmp_path) as at, Client([at.url]) as client:
        blocks = [row.height for row in client.rows("chain.blocks", limit=2)]

    assert blocks == [4, 3, 2, 1, 0]


def test_what_the_node_refuses_is_raised(tmp_path: Path) -> None:
    """With its code, for a query and for a parameter."""
    with booked(tmp_path) as at, Client([at.url]) as client:
        with pytest.raises(Rejected) as parameter:
            client.query("chain.blocks", limit=1_001)
        with pytest.raises(Rejected) as query:
            client.query("chain.stars")

    assert (parameter.value.code, query.value.code) == ("request.parameter", "query.unknown")
