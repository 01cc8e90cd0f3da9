"""`mithaq tx send` and its relatives against a real API: what a desk does in a day."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.faults import ExitCode
from kit.commandline import mithaq
from kit.desk import Desk, desk
from kit.ledger import account_id, key
from primitives import limits


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Desk]:
    with desk(tmp_path / "home") as made:
        yield made


def test_a_payment_is_sent_and_its_receipt_printed(office: Desk) -> None:
    """With the names of the home, not with ids."""
    done = office.pay("--wait")

    assert done.code == 0, done.err
    assert "outcome      applied" in done.out
    assert "Line 0 of treasury paid 1.00 GBP to health, reference a." in done.out


def test_for_programs_the_receipt_is_the_answer_of_the_node(office: Desk) -> None:
    """In the named form."""
    done = office.pay("--wait", "--json")

    assert done.result["status"] == "final"
    assert done.result["height"] == 1
    assert done.result["receipt"]["outcome"] == "applied"
    assert done.result["receipt"]["events"][0]["event"] == "money.transferred"


def test_a_proof_is_fetched_on_the_way_and_verifies_offline(office: Desk, tmp_path: Path) -> None:
    """Pinned by the genesis of the home, and the answer says so."""
    sent = office.pay("--proof", tmp_path / "a.proof")
    verified = office.mithaq("proof", "verify", tmp_path / "a.proof", "--json")

    assert sent.code == 0, sent.err
    assert verified.code == 0
    assert verified.result["verdict"] == "valid"
    assert verified.result["pinned_by"] == str(office.home / "genesis.json")


def test_without_waiting_only_the_id_is_known(office: Desk) -> None:
    """Whether it is final can be asked later."""
    office.chain.holding = True
    sent = office.pay("--json")
    identifier = sent.result["id"]
    before = office.asking("tx", "show", identifier)

    office.chain.holding = False
    again = office.pay("--wait", line="to=health,amount=100,reference=b")
    after = office.asking("tx", "show", identifier, "--json")

    assert sent.result == {"status": "pending", "id": identifier}
    assert before.out == f"{identifier} is pending\n"
    assert again.code == 0
    assert after.result["receipt"]["outcome"] == "applied"


def test_what_is_not_final_in_time_has_an_exit_code_of_its_own(office: Desk) -> None:
    """It may become final later; the message says how to find out."""
    office.chain.holding = True

    done = office.pay("--wait", "--timeout", "0")

    assert done.code == ExitCode.TIMED_OUT
    assert "is not final after 0 s; `mithaq tx show " in done.err


def test_a_refusal_ends_with_its_code_and_facts(office: Desk) -> None:
    """The stable code for programs, a sentence for people."""
    office.pay("--wait")

    for_people = office.pay("--wait", key="health", line="to=treasury,amount=101,reference=b")
    for_programs = office.pay(
        "--wait", "--json", key="health", line="to=treasury,amount=101,reference=c"
    )

    assert for_people.code == for_programs.code == ExitCode.REFUSED
    assert "1.00 left above floor 0.00" in for_people.err
    assert for_programs.error["code"] == "books.overdraft"
    assert for_programs.error["facts"]["available"] == 100


def test_a_refusal_that_stands_in_a_block_is_a_refusal_too(office: Desk) -> None:
    """Two payments with one reference wait; the second one's receipt says no."""
    office.chain.holding = True
    office.pay(line="to=health,amount=100,reference=same")
    second = office.pay("--json", line="to=works,amount=100,reference=same")
    office.chain.make_block()

    shown = office.asking("tx", "show", second.result["id"])

    assert shown.code == 0
    assert "refused" in shown.out
    assert "books.duplicate_reference" in shown.out


def test_a_transaction_goes_from_desk_to_desk_as_a_file(office: Desk, tmp_path: Path) -> None:
    """Built by one, signed by another, submitted by a third."""
    file = tmp_path / "payment.json"
    built = office.mithaq(
        "tx", "build", "money.transfer", "--actor", "treasury", "--asset", "GBP",
        "--line", "to=health,amount=1.50GBP,reference=a,description=rent, March", "-o", file,
    )  # fmt: skip
    unsigned = office.asking("tx", "submit", file)
    signed = office.mithaq("tx", "sign", file, "--key", "treasury", "--json")
    submitted = office.asking("tx", "submit", file, "--wait", "--json")

    assert built.code == 0, built.err
    assert unsigned.code == ExitCode.REFUSED
    assert "has no signature" in unsigned.err
    assert signed.result["signers"] == [key("treasury").public.hex()]
    [line] = signed.result["calls"][0]["operation"]["lines"]
    assert line["amount"] == 150
    assert line["description"] == "rent, March"
    assert submitted.result["id"] == signed.result["id"]
    assert submitted.result["receipt"]["outcome"] == "applied"


def test_an_account_is_shown_with_its_balance_in_whole_units(office: Desk) -> None:
    """By the name of its key or by its id."""
    office.pay("--wait", line="to=health,amount=1250.00GBP,reference=a")

    by_name = office.asking("account", "health")
    by_id = office.asking("account", account_id("health").hex())

    assert by_name.out == by_id.out
    assert "balance          1,250.00 GBP" in by_name.out


def test_an_account_is_shown_with_all_its_balances(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many pages the node makes of them."""
    monkeypatch.setattr(limits, "API_BALANCES_MAX", 2)
    with desk(tmp_path / "home", currencies=("CHF", "EUR", "JPY", "SEK", "USD")) as rich:
        for_people = rich.asking("account", "health")
        for_programs = rich.asking("account", "health", "--json")

    assert [line.split()[1:] for line in for_people.out.splitlines() if "balance" in line] == [
        ["5", code] for code in ("CHF", "EUR", "JPY", "SEK", "USD")
    ]
    assert len(for_programs.result["balances"]) == 5
    assert for_programs.result["balances_after"] is None


def test_an_account_that_does_not_exist_is_refused(office: Desk) -> None:
    """By the node, with its code."""
    done = office.asking("account", "ab" * 32, "--json")

    assert done.code == ExitCode.REFUSED
    assert done.error["code"].endswith("unknown")


def test_a_block_is_shown_with_its_signers(office: Desk) -> None:
    """The latest, or that of a height; genesis has no signer."""
    office.pay("--wait")

    latest = office.asking("block")
    first = office.asking("block", "1")
    genesis = office.asking("block", "0")

    assert latest.out == first.out
    assert first.out.count("Ministry") == 3
    assert "nobody: block 0 is the chain's definition" in genesis.out
    assert office.asking("block", "2").code == ExitCode.REFUSED
    assert office.asking("block", "-1").code == ExitCode.USAGE


@pytest.mark.parametrize(
    ("words", "table"),
    [(["--account", "health"], "table          1"), (["--state", "assets", "474250"], "GBP")],
)
def test_an_entry_of_the_state_is_proved(
    office: Desk, tmp_path: Path, words: list[str], table: str
) -> None:
    """An account's, or any other's by table and key."""
    office.pay("--wait")

    fetched = office.asking("proof", "get", *words, "-o", tmp_path / "entry.proof")
    verified = office.mithaq("proof", "verify", tmp_path / "entry.proof")
    shown = office.mithaq("proof", "show", tmp_path / "entry.proof")

    assert fetched.code == 0, fetched.err
    assert verified.code == 0
    assert verified.out.startswith("VALID\n")
    assert table in verified.out or "474250" in verified.out
    assert shown.code == 0


def test_exactly_one_thing_is_proved_at_a_time(office: Desk, tmp_path: Path) -> None:
    """None or two is a usage error; so is an id that is none."""
    file = tmp_path / "a.proof"

    for words in ([], ["ab" * 32, "--account", "health"], ["abc"]):
        assert office.asking("proof", "get", *words, "-o", file).code == ExitCode.USAGE
    assert not file.exists()


def test_status_counts_whom_the_asked_node_sees(office: Desk) -> None:
    """Where the home does not have all the nodes."""
    office.chain.disconnected = {"Ministry 1"}

    done = office.asking("status", "--json")

    assert done.code == 0
    assert done.result["missing"] == ["Ministry 1"]
    assert done.result["can_proceed"] is True
    assert "3 of 4 validators answer; 3 are needed: the chain proceeds." in done.result["summary"]


def test_a_node_without_a_home_serves_a_traveller(office: Desk, tmp_path: Path) -> None:
    """The chain id comes from the node; amounts must be in minor units, accounts are ids."""
    words = ["tx", "send", "money.transfer", "--asset", "GBP", "--wait", "--key"]
    keys = office.home / "keys" / "treasury.key"
    line = f"to={account_id('health').hex()},reference=a,amount="
    bare: list[str | Path] = ["--node", office.url, "--home", tmp_path / "nowhere"]
    minor = mithaq(*words, keys, "--line", f"{line}100", *bare)
    whole = mithaq(*words, keys, "--line", f"{line}1.00GBP", *bare)

    assert minor.code == 0, minor.err
    assert whole.code == ExitCode.USAGE
    assert "give the amount in minor units" in whole.err


def test_a_file_for_another_chain_is_not_signed(office: Desk, tmp_path: Path) -> None:
    """Nobody signs by mistake what a neighbour's network would execute."""
    file = tmp_path / "payment.json"
    office.mithaq(
        "tx", "build", "registry.stamp_document", "--actor", "health",
        "--commitment", "ab" * 32, "--act", "timestamp", "-o", file,
    )  # fmt: skip
    text = file.read_text().replace(office.chain.chain.hex(), "cd" * 32)
    file.write_text(text)

    done = office.mithaq("tx", "sign", file, "--key", "health")

    assert done.code == ExitCode.REFUSED
    assert "nothing was signed" in done.err
    assert file.read_text() == text
