"""`mithaq query … --proof`: rows come with proofs, and a node that lies about either is caught."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cli.faults import ExitCode
from cli.query_proofs import Made, ProofFolder, prove
from client.client import Client
from kit.desk import Desk, desk
from kit.ledger import account_id
from kit.vendors import booked
from ledger.query import Page, Reading
from node.reports import QUERIES
from primitives.errors import OperatorFault, Rejected, RemoteFault
from services.registry.stamps import StampRow, Stamps
from verifier import Pin

DOCUMENTS = ("01" * 32, "02" * 32, "03" * 32)
STAMPS = QUERIES["registry.stamps"]


def stamped(at: Desk) -> None:
    for document in DOCUMENTS:
        words = ["--key", "health", "--commitment", document, "--act", "timestamp", "--wait"]
        assert at.asking("tx", "send", "registry.stamp_document", *words).code == 0


def folder_of(at: Desk, client: Client, path: Path) -> ProofFolder:
    return ProofFolder(client, Pin(at.chain.chain), path)


def test_every_row_has_its_proof_and_all_of_them_hold(tmp_path: Path) -> None:
    """Page by page, each checked as `proof verify` does."""
    with desk(tmp_path / "home") as at:
        stamped(at)
        done = at.asking(
            "query", "registry.stamps", "--limit", "2", "--all", "--json", "--proof", tmp_path / "p"
        )
        checked = at.mithaq("proof", "verify", tmp_path / "p", "--json")

    assert done.code == 0, done.err
    assert "3 proofs written; check them: " in done.err
    assert len(done.result["rows"]) == len(done.result["proved_by"]) == 3
    assert [found["verdict"] for found in checked.result] == ["valid"] * 3
    assert sorted(path.name for path in (tmp_path / "p").iterdir()) == [
        f"{number:04}-stamps.proof" for number in (1, 2, 3)
    ]


def test_payments_have_the_proofs_of_their_events(tmp_path: Path) -> None:
    """What no proof shows is said."""
    with booked(tmp_path / "home") as at:
        done = at.asking("query", "money.statement", "treasury", "--proof", tmp_path / "p")
        checked = at.mithaq("proof", "verify", tmp_path / "p", "--json")

    assert done.code == 0, done.err
    assert Made.HISTORY.value in done.err
    assert [found["verdict"] for found in checked.result] == ["valid"] * 4


def test_rows_with_lists_are_proved_as_far_as_that_goes(tmp_path: Path) -> None:
    """The account, but not that these are all of its balances."""
    with desk(tmp_path / "home") as at:
        done = at.asking("query", "ledger.accounts", "--limit", "1", "--proof", tmp_path / "p")

    assert done.code == 0, done.err
    assert Made.OF_LISTS.value in done.err
    assert len(list((tmp_path / "p").iterdir())) == 1


@pytest.mark.parametrize(
    "lie",
    [
        lambda answer: answer["rows"][0].update(by=account_id("works").hex()),
        lambda answer: answer["rows"][0].update(height=9),
        lambda answer: answer["rows"].pop(),
        lambda answer: answer["rows"].reverse(),
        lambda answer: answer["proved_by"].pop(),
        lambda answer: answer["proved_by"].reverse() or answer["rows"].pop(0),
    ],
)
def test_rows_that_are_not_those_of_the_proofs_are_refused(tmp_path: Path, lie: Any) -> None:  # noqa: ANN401
    """Changed, left out, in another order."""
    with desk(tmp_path / "home") as at, Client([at.url]) as client:
        stamped(at)
        answer = client.get("/v1/queries/registry.stamps")
        assert prove(folder_of(at, client, tmp_path / "true"), STAMPS, {}, answer) is Made.AGAIN

        lie(answer)
        with pytest.raises(RemoteFault, match="not what the node's proofs say"):
            prove(folder_of(at, client, tmp_path / "false"), STAMPS, {}, answer)


def test_the_time_of_an_answer_is_that_of_its_block(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the node says that it is, what is over is over."""
    seen: list[int] = []
    answer_of = Stamps.answer

    def watched(asked: Stamps, reading: Reading) -> Page[StampRow]:
        seen.append(reading.time_ms)
        return answer_of(asked, reading)

    with desk(tmp_path / "home") as at, Client([at.url]) as client:
        stamped(at)
        answer = client.get("/v1/queries/registry.stamps") | {"time_ms": 1}
        monkeypatch.setattr(Stamps, "answer", watched)

        assert prove(folder_of(at, client, tmp_path / "p"), STAMPS, {}, answer) is Made.AGAIN
        assert seen == [at.chain.store.head().header.time_ms]


def test_what_nothing_proves_is_said(tmp_path: Path) -> None:
    """Sums, and lists without rows."""
    with booked(tmp_path / "home") as at:
        sums = at.asking(
            "query", "money.totals", "treasury", "--by", "payee", "--proof", tmp_path / "p"
        )
        none = at.asking("query", "registry.stamps", "--proof", tmp_path / "p")

    assert (sums.code, none.code) == (0, 0), sums.err + none.err
    assert Made.NOTHING.value in sums.err
    assert Made.NOTHING.value in none.err
    assert "proofs written" not in sums.err + none.err
    assert not (tmp_path / "p").exists()


@pytest.mark.parametrize("proved_by", [["transactions/" + "00" * 32], [None, None]])
def test_proofs_that_are_not_of_the_rows_are_refused(tmp_path: Path, proved_by: list[Any]) -> None:
    """Of another sort, or not as many."""
    with booked(tmp_path / "home") as at, Client([at.url]) as client:
        [first, *_] = client.get("/v1/queries/chain.events")["proved_by"]
        state = {**client.get("/v1/queries/registry.stamps"), "proved_by": [first]}
        events = client.get("/v1/queries/chain.events") | {"proved_by": [*proved_by, first]}
        folder = folder_of(at, client, tmp_path / "p")

        with pytest.raises(RemoteFault, match="by something else"):
            prove(folder, STAMPS, {}, state)
        with pytest.raises((RemoteFault, Rejected)):
            prove(folder, QUERIES["chain.events"], {}, events)


def test_a_row_of_another_transaction_than_the_proofs_is_refused(tmp_path: Path) -> None:
    """The node shows one payment and proves another."""
    with booked(tmp_path / "home") as at, Client([at.url]) as client:
        treasury = account_id("treasury").hex()
        answer = client.get("/v1/queries/money.entries", {"account": treasury})
        answer["proved_by"].reverse()

        with pytest.raises(RemoteFault, match="name different transactions"):
            prove(folder_of(at, client, tmp_path), QUERIES["money.entries"], {}, answer)


@pytest.mark.parametrize(
    "name",
    [
        "state/moon/00",
        "state/stamps/xy",
        "transactions/moon",
        "transactions/moon/events/1",
        "transactions/" + "00" * 32 + "/events/x",
        "",
        "/",
    ],
)
def test_what_is_no_name_of_a_proof_is_the_nodes_fault(tmp_path: Path, name: str) -> None:
    """Nothing is asked for, and nothing is written."""
    with desk(tmp_path / "home") as at, Client([at.url]) as client:
        folder = folder_of(at, client, tmp_path / "p")
        with pytest.raises(RemoteFault, match="there is none of"):
            folder.proof(name, 1)

    assert not (tmp_path / "p").exists()


def test_a_folder_with_proofs_is_not_added_to(tmp_path: Path) -> None:
    """Nor is a file taken for one; the exit code is that of a fault of this machine."""
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "old.proof").write_bytes(b"")
    with desk(tmp_path / "home") as at:
        done = at.asking("query", "registry.stamps", "--proof", tmp_path / "p")
        with Client([at.url]) as client, pytest.raises(OperatorFault, match="is no folder"):
            folder_of(at, client, tmp_path / "p" / "old.proof")

    assert done.code == ExitCode.LOCAL_FAULT
    assert "holds proofs already" in done.err


def test_without_the_option_nothing_changes(tmp_path: Path) -> None:
    """The answer names its proofs all the same."""
    with desk(tmp_path / "home") as at:
        stamped(at)
        done = at.asking("query", "registry.stamps", "--json")

    assert json.loads(done.out)["proved_by"][0].startswith("state/stamps/" + DOCUMENTS[0])
