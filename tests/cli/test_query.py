"""`mithaq query`: what a clerk sees, and what a spreadsheet gets."""

from __future__ import annotations

import csv
import io
import json
import shlex
from pathlib import Path

import pytest

from cli.faults import ExitCode
from cli.query import query
from kit.desk import desk
from kit.vendors import ACME, BOOK, DOE, booked
from node.reports import QUERIES


def rows_of(text: str) -> list[list[str]]:
    """A table's cells, which stand two spaces apart."""
    return [[cell for cell in line.split("  ") if cell] for line in text.splitlines()]


def test_a_table_has_names_whole_units_and_a_sum(tmp_path: Path) -> None:
    """Names come from the vendor book of the home; the node has never heard of them."""
    with booked(tmp_path) as at:
        done = at.asking("query", "money.totals", "treasury", "--by", "payee")

    assert done.code == 0, done.err
    assert [[cell.strip() for cell in row] for row in rows_of(done.out)] == [
        ["payee", "payments", "credit notes", "net", "count"],
        [ACME, "1,250.50 GBP", "0.00 GBP", "1,250.50 GBP", "2"],
        [DOE, "10.00 GBP", "30.00 GBP", "-20.00 GBP", "2"],
        ["all", "1,260.50 GBP", "30.00 GBP", "1,230.50 GBP", "4"],
    ]
    assert done.err.startswith("2 rows, read at height 4\nwhat a row sums: ")


def test_totals_lead_to_entries_and_entries_to_a_proof(tmp_path: Path) -> None:
    """Each command is printed by the one before."""
    with booked(tmp_path) as at:
        totals = at.asking("query", "money.totals", "treasury", "--by", "payee")
        _, _, command = totals.err.partition("what a row sums: ")
        words = shlex.split(command)
        entries = at.asking(*words[words.index("query") :])
        _, _, command = entries.err.partition("proof of an entry: ")
        words = shlex.split(command)
        proof = at.asking(*words[words.index("proof") :], "-o", tmp_path / "entry.proof")
        checked = at.mithaq("proof", "verify", tmp_path / "entry.proof")

    assert [row[1].strip() for row in rows_of(entries.out)] == ["kind", "payment", "payment"]
    assert (proof.code, checked.code) == (0, 0), proof.err + checked.err


def test_csv_has_minor_units_their_exponent_and_names(tmp_path: Path) -> None:
    """One line for each row, whatever is in a name."""
    with booked(tmp_path) as at:
        done = at.asking("query", "money.entries", "treasury", "--format", "csv", "--payee", ACME)

    rows = list(csv.DictReader(io.StringIO(done.out)))
    assert [(row["payment_minor"], row["exponent"], row["asset"]) for row in rows] == [
        ("125000", "2", "GBP"),
        ("50", "2", "GBP"),
    ]
    assert {row["payee_name"] for row in rows} == {ACME}
    assert [row["description"] for row in rows] == ["Postage", "Road repair"]


def test_json_is_the_node_s_answer_with_names(tmp_path: Path) -> None:
    """With --json as with --format json."""
    with booked(tmp_path) as at:
        done = at.asking("query", "money.totals", "treasury", "--by", "payee", "--json")
        same = at.asking("query", "money.totals", "treasury", "--by", "payee", "--format", "json")

    assert json.loads(same.out) == done.result
    assert (done.result["query"], done.result["height"]) == ("money.totals", 4)
    assert [row["key_name"] for row in done.result["rows"]] == [ACME, DOE]
    assert done.result["rows"][1]["net_minor"] == -2_000


def test_all_pages_are_one_answer(tmp_path: Path) -> None:
    """A statement to its end, two entries at a time."""
    with booked(tmp_path) as at:
        words = ("query", "money.statement", "treasury", "--limit", "2", "--format", "json")
        page = at.asking(*words).result
        whole = at.asking(*words, "--all").result
        rest = at.asking(*words, "--after", page["next"], "--all").result

    assert len(page["rows"]) == 2
    assert [row["kind"] for row in whole["rows"]] == ["opening", *["payment"] * 3, "credit_note"]
    assert (whole["next"], whole["heights"]) == (None, [4, 4])
    assert page["rows"] + rest["rows"] == whole["rows"]


def test_a_page_says_how_to_go_on(tmp_path: Path) -> None:
    """Beside the table, so that a pipe gets rows only."""
    with booked(tmp_path) as at:
        done = at.asking("query", "money.statement", DOE, "--limit", "1")

    assert len(done.out.splitlines()) == 2
    assert "there are more: --all, or --after 3.0.0.1000" in done.err


def test_another_vendor_book_can_be_named(tmp_path: Path) -> None:
    """A copy of it at another place; where there is none, ids are shown."""
    with booked(tmp_path) as at:
        elsewhere = tmp_path / "book.json"
        (tmp_path / BOOK).rename(elsewhere)
        words = ("query", "money.totals", "treasury", "--by", "payee")
        without = at.asking(*words)
        named = at.asking(*words, "--vendor-book", elsewhere)

    assert ACME not in without.out
    assert without.code == 0
    assert ACME in named.out


def test_every_list_can_be_asked_for(tmp_path: Path) -> None:
    """Accounts, transactions, blocks, stamps: in each form."""
    with booked(tmp_path) as at:
        stamped = at.asking(
            *("tx", "send", "registry.stamp_document", "--key", "works", "--wait"),
            *("--commitment", "ab" * 32, "--act", "timestamp"),
        )
        assert stamped.code == 0, stamped.err
        for words in (
            ("ledger.accounts",),
            ("ledger.transactions", "treasury"),
            ("chain.blocks",),
            ("registry.stamps", "--by", "works"),
        ):
            for form in ("table", "json", "csv"):
                done = at.asking("query", *words, "--format", form)
                assert done.code == 0, done.err
                assert done.out
        accounts = at.asking("query", "ledger.accounts").out

    assert "1,230.50" not in accounts
    assert "-20.00 GBP" in accounts


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("money.totals", "treasury"), "Missing option '--by'"),
        (("money.entries", "treasury", "--year", "MMX"), "year"),
        (("money.entries", "treasury", "--limit", "1001"), "limit"),
        (("chain.blocks", "--order", "random"), "random"),
        (("chain.blocks", "--json", "--format", "csv"), "--json and --format csv"),
    ],
)
def test_what_is_asked_wrongly_is_a_usage_error(
    words: tuple[str, ...], said: str, tmp_path: Path
) -> None:
    """Found before any node is asked."""
    with desk(tmp_path) as at:
        done = at.asking("query", *words)

    assert done.code == ExitCode.USAGE
    assert said in done.err


def test_an_unknown_name_is_refused(tmp_path: Path) -> None:
    """It is neither an id, nor a vendor, nor a key."""
    with booked(tmp_path) as at:
        done = at.asking("query", "money.statement", "nobody", "--json")

    assert done.code == ExitCode.REFUSED
    assert done.error["code"] == "account.unknown_name"


def test_there_is_a_command_for_every_query() -> None:
    """With the query's own words."""
    assert set(query.commands) == set(QUERIES)


def test_rows_with_parts_of_any_shape_are_shown(tmp_path: Path) -> None:
    """As JSON where there is no better way: a policy, and calls that wait."""
    (tmp_path / "policy.json").write_text(
        '{"ways": [{"conditions": [{"condition": "holders", "least": 2, "role": "registrar"}]}]}'
    )
    with desk(tmp_path / "home") as at:
        calls = tmp_path / "stamp.tx"
        words = ["--actor", "health", "--commitment", "01" * 32, "--act", "timestamp"]
        assert at.asking("tx", "build", "registry.stamp_document", *words, "-o", calls).code == 0
        opened = at.asking(
            *("tx", "send", "consent.open_intent", "--key", "health", "--calls", calls),
            *("--policy", tmp_path / "policy.json", "--expires-ms", "+1d", "--wait"),
        )
        shown = at.asking("query", "consent.intents")
        listed = at.asking("query", "consent.intents", "--format", "csv")

    assert (opened.code, shown.code, listed.code) == (0, 0, 0), opened.err + shown.err
    assert '"condition": "holders"' in shown.out
    assert '""condition"": ""holders""' in listed.out
