"""`mithaq proof get`: what a node gave is checked, said and written, and shown whole."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.faults import ExitCode
from cli.proof_question import Question
from kit.commandline import mithaq
from kit.desk import Desk, desk
from kit.ledger import account_id
from kit.proofs import HEIGHT, KEY, TABLE, changed_chain, id_of, small_chain, valid_files
from node.proof import ProofFile, read_proof, write_proof
from primitives import limits
from primitives.errors import RemoteFault
from primitives.ids import TimeMs
from verifier import Outcome, Pin, verify

HEALTH = account_id("health").hex()
LONG_AGO_MS = TimeMs(1_500_000_000_000)


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Desk]:
    with desk(tmp_path) as found:
        yield found


@pytest.fixture
def paid(at: Desk) -> str:
    """The id of a payment in block 1."""
    identifier: str = at.pay("--wait", "--json").result["id"]
    return identifier


def test_a_transaction_and_one_of_its_events_are_proved(at: Desk, paid: str) -> None:
    """The second without what was asked for; both say what they prove."""
    whole = at.asking("proof", "get", paid, "-o", at.home / "a.proof")
    alone = at.asking("proof", "get", paid, "--event", "1", "-o", at.home / "b.proof")

    assert (whole.code, alone.code) == (ExitCode.OK, ExitCode.OK)
    assert "was executed: money.transfer" in whole.out
    assert "made this happen: money.transferred(" in alone.out
    assert at.mithaq("proof", "verify", at.home / "b.proof").code == ExitCode.OK
    assert (at.home / "b.proof").stat().st_size < (at.home / "a.proof").stat().st_size


def test_an_event_that_is_not_there_is_refused_with_how_many_there_are(at: Desk, paid: str) -> None:
    """Numbers begin at 1; nothing is written."""
    done = at.asking("proof", "get", paid, "--event", "2", "-o", at.home / "b.proof", "--json")

    assert done.code == ExitCode.REFUSED
    assert done.error["code"] == "event.unknown"
    assert done.error["facts"] == {"expected": "1 to 1", "actual": 2}
    assert not (at.home / "b.proof").exists()
    zero = at.asking("proof", "get", paid, "--event", "0", "-o", at.home / "b.proof")
    assert zero.code == ExitCode.USAGE


@pytest.mark.usefixtures("paid")
def test_an_entry_is_proved_at_any_height_and_absence_where_it_was_not_there(at: Desk) -> None:
    """Before the payment the account held none."""
    get = ("proof", "get", "--state", "balances", "health/GBP")
    now = at.asking(*get, "-o", at.home / "now.proof")
    before = at.asking(*get, "--height", "0", "-o", at.home / "before.proof")

    assert now.out.splitlines()[1].endswith("held 100 minor units of GBP.")
    assert before.out.splitlines()[1].endswith(f"account {HEALTH} held no GBP.")
    assert at.mithaq("proof", "verify", at.home / "before.proof").code == ExitCode.OK
    above = at.asking(*get, "--height", "9", "-o", at.home / "above.proof", "--json")
    assert (above.code, above.error["code"]) == (ExitCode.REFUSED, "block.unknown")


def test_an_account_that_does_not_exist_is_proved_not_to(at: Desk) -> None:
    """By its id."""
    done = at.asking("proof", "get", "--account", "ab" * 32, "-o", at.home / "a.proof")

    assert done.code == ExitCode.OK
    assert f"table 1 (accounts) of the state held nothing under key {'ab' * 32}." in done.out


def test_a_proof_from_a_checkpoint_is_for_who_pinned_it(at: Desk, paid: str) -> None:
    """By its height, or by the pin itself, which the answer must keep."""
    file = at.home / "a.proof"
    at.asking("proof", "get", paid, "-o", file)
    header = read_proof(file.read_bytes()).header
    pin = Pin(bytes(at.chain.chain), 1, header.validators_hash)

    for begin in ("1", str(pin)):
        done = at.asking("proof", "get", paid, "--from", begin, "-o", file)
        assert done.code == ExitCode.OK, done.err
        assert verify(file.read_bytes(), pin).outcome is Outcome.VALID
    lie = Pin(pin.chain, 1, bytes(32))
    wrong = at.asking("proof", "get", paid, "--from", str(lie), "-o", at.home / "c.proof")
    assert wrong.code == ExitCode.REFUSED
    assert "of height 1, you pinned" in wrong.err
    late = at.asking("proof", "get", paid, "--from", "2", "-o", at.home / "c.proof")
    assert "cannot begin at a checkpoint of height 2" in late.err
    assert not (at.home / "c.proof").exists()


def test_a_picture_is_drawn_beside_the_file_or_instead(at: Desk, paid: str) -> None:
    """Either kind; one of -o and --qr is needed."""
    only = at.asking("proof", "get", paid, "--qr", at.home / "a.svg")
    both = at.asking("proof", "get", paid, "--qr", at.home / "a.png", "-o", at.home / "a.proof")

    assert (only.code, both.code) == (ExitCode.OK, ExitCode.OK)
    assert (at.home / "a.svg").read_bytes().startswith(b"<?xml")
    assert (at.home / "a.png").read_bytes().startswith(b"\x89PNG")
    assert at.asking("proof", "get", paid).code == ExitCode.USAGE
    assert at.asking("proof", "get", paid, "--qr", at.home / "a.gif").code == ExitCode.USAGE


def test_a_proof_that_fits_no_code_is_refused_before_anything_is_written(at: Desk) -> None:
    """A payment of 40 lines."""
    lines = [word for n in range(40) for word in ("--line", f"to=health,amount=1,reference=r{n}")]
    words = ["tx", "send", "money.transfer", "--key", "treasury", "--asset", "GBP", *lines]
    identifier = at.asking(*words, "--wait", "--json").result["id"]

    done = at.asking(
        "proof", "get", identifier, "--qr", at.home / "a.png", "-o", at.home / "a", "--json"
    )

    assert done.error["code"] == "proof.too_large_for_qr"
    assert done.error["facts"]["expected"] == f"at most {limits.QR_BYTES_MAX} bytes"
    assert not (at.home / "a.png").exists()
    assert not (at.home / "a").exists()


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["ab" * 32, "--account", "health"],
        ["ab"],
        ["ab" * 32, "--height", "1"],
        ["--account", "health", "--event", "1"],
        ["--account", ""],
        ["--state", "balances", "xyz"],
        ["--state", "../x", "ab"],
        ["ab" * 32, "--from", "genesis"],
    ],
)
def test_a_question_that_is_none_is_a_usage_error(tmp_path: Path, words: list[str]) -> None:
    """Before any node is asked."""
    done = mithaq("proof", "get", *words, "-o", tmp_path / "a", "--home", tmp_path)

    assert done.code == ExitCode.USAGE, done.err


# several files, and their age


def test_of_several_files_the_worst_counts(tmp_path: Path) -> None:
    """A folder stands for its .proof files; each has its own verdict."""
    chain = small_chain(time_ms=LONG_AGO_MS)
    good, other = write_proof(chain.receipt_proof()), write_proof(changed_chain().receipt_proof())
    (tmp_path / "a.proof").write_bytes(good)
    (tmp_path / "b.proof").write_bytes(good)
    (tmp_path / "c.txt").write_bytes(b"no proof")
    verify_all = ("proof", "verify", tmp_path, "--chain", chain.id.hex())

    assert mithaq(*verify_all).code == ExitCode.OK
    assert mithaq(*verify_all, "--max-age", "1s").code == 4
    (tmp_path / "b.proof").write_bytes(other)
    done = mithaq(*verify_all, "--json")

    assert done.code == ExitCode.REFUSED
    assert [(row["file"], row["verdict"]) for row in done.result] == [
        (str(tmp_path / "a.proof"), "valid"),
        (str(tmp_path / "b.proof"), "invalid"),
    ]
    unpinned = mithaq("proof", "verify", tmp_path, tmp_path / "a.proof", "--home", tmp_path)
    assert unpinned.code == ExitCode.NOT_PINNED
    (tmp_path / "empty").mkdir()
    assert mithaq("proof", "verify", tmp_path / "empty").code == ExitCode.LOCAL_FAULT


def test_an_old_proof_is_valid_and_4(tmp_path: Path) -> None:
    """A limit of a million days is never reached."""
    chain = small_chain(time_ms=LONG_AGO_MS)
    (tmp_path / "a.proof").write_bytes(write_proof(chain.receipt_proof()))
    words = ("proof", "verify", tmp_path / "a.proof", "--chain", chain.id.hex(), "--max-age")

    young = mithaq(*words, "1000000d", "--json")

    assert mithaq(*words, "1d").code == 4
    assert (young.code, young.result["verdict"]) == (ExitCode.OK, "valid")
    assert mithaq(*words, "soon").code == ExitCode.USAGE


@pytest.mark.parametrize("name", sorted(valid_files()))
def test_every_part_of_a_file_is_shown(tmp_path: Path, name: str) -> None:
    """For people and for programs; with every key, seal and sibling of it."""
    file = valid_files()[name]
    (tmp_path / "a.proof").write_bytes(file.data)

    shown = mithaq("proof", "show", tmp_path / "a.proof")
    listed = mithaq("proof", "show", tmp_path / "a.proof", "--json").result

    proof = read_proof(file.data)
    assert shown.code == ExitCode.OK
    assert shown.out.startswith(listed["sentence"])
    for key in (*proof.anchor.validators, *(key for step in proof.steps for key in step.keys)):
        assert key.hex() in shown.out
    if proof.certificate is not None:
        for seal in proof.certificate.seals:
            assert seal.signature.hex() in shown.out
    assert [part["part"] for part in listed["parts"]][:2] == ["file", "anchor"]


# a node that gives something else

CHAIN = changed_chain()
ID = id_of(CHAIN.transactions[0]).hex()
RECEIPT, EVENT = CHAIN.receipt_proof(), CHAIN.event_proof()
ENTRY, ABSENT = CHAIN.entry_proof(), CHAIN.absent_proof(b"JPY")


@pytest.mark.parametrize(
    ("question", "right"),
    [
        (Question(transaction=ID), RECEIPT),
        (Question(transaction=ID, event=1), EVENT),
        (Question(state=(str(TABLE), KEY)), ENTRY),
        (Question(state=(str(TABLE), KEY), height=HEIGHT), ENTRY),
        (Question(state=("validators", b"JPY")), ABSENT),
    ],
)
def test_only_the_answer_to_the_question_is_taken(question: Question, right: ProofFile) -> None:
    """A file that holds may still be about another payment, event, key, table or block."""
    assert question.check(write_proof(right), None).outcome is Outcome.NOT_PINNED
    others = [CHAIN.receipt_proof(1), CHAIN.event_proof(1), CHAIN.absent_proof(b"CHF")]
    for wrong in (RECEIPT, EVENT, ENTRY, ABSENT, *others):
        if wrong != right:
            with pytest.raises(RemoteFault, match="the node proved something else"):
                question.check(write_proof(wrong), None)


@pytest.mark.parametrize(
    "question",
    [
        Question(transaction=ID, event=2),
        Question(state=(str(TABLE), KEY), height=HEIGHT - 1),
        Question(state=("accounts", KEY)),
        Question(state=("no_such_table", KEY)),
    ],
)
def test_almost_the_answer_is_none(question: Question) -> None:
    """Another event, block or table."""
    for wrong in (EVENT, ENTRY):
        with pytest.raises(RemoteFault, match="the node proved something else"):
            question.check(write_proof(wrong), None)


def test_an_answer_that_proves_nothing_is_not_taken() -> None:
    """Damaged, or of another checkpoint than the reader pinned."""
    question, data = Question(transaction=ID), write_proof(RECEIPT)
    with pytest.raises(RemoteFault, match="the node's answer is no proof"):
        question.check(data[:-1], None)
    with pytest.raises(RemoteFault, match="you pinned"):
        question.check(data, small_chain().pin)


def test_a_proof_of_a_chain_that_is_not_pinned_comes_with_a_remark(
    at: Desk, paid: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody trusts other chains, and asks a node of this one."""
    monkeypatch.setenv("MITHAQ_TRUST", str(tmp_path / "trust.json"))
    elsewhere = tmp_path / "elsewhere"
    mithaq("trust", "add", small_chain().id.hex())
    words = ("proof", "get", paid, "-o", tmp_path / "a", "--node", at.url, "--home", elsewhere)

    done = mithaq(*words)

    assert done.code == ExitCode.OK
    assert (
        done.err == f"this is of chain {bytes(at.chain.chain).hex()}, which you have not pinned\n"
    )
    mithaq("trust", "add", bytes(at.chain.chain).hex())
    assert mithaq(*words).err == ""
