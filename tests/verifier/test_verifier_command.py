"""`python -m verifier`: exit codes, plain text, and what it loads."""

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from kit.proofs import packed, small_chain
from node.lineage import GenesisAnchor, Lineage
from node.proof import EntrySubject, proof_file, write_proof
from primitives.block import block_id
from primitives.digest import digest
from primitives.domains import Domain
from verifier import Outcome, Pin, verify
from verifier.__main__ import main
from verifier.sentences import TABLES, shown, time_text

ROOT = Path(__file__).parents[2]
CHAIN = small_chain()
DATA = write_proof(CHAIN.receipt_proof())
OURS = ("cli", "consensus", "ledger", "node", "p2p", "primitives", "services", "storage")


@pytest.fixture
def proof(tmp_path: Path) -> Path:
    path = tmp_path / "payment.proof"
    path.write_bytes(DATA)
    return path


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    try:
        code = main(arguments)
    except SystemExit as stop:
        code = int(stop.code or 0)
    out, err = capsys.readouterr()
    return code, out, err


def test_valid_is_0(proof: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Under the pinned chain, in either case of the digits."""
    for chain in (CHAIN.id.hex(), CHAIN.id.hex().upper()):
        code, out, err = run(capsys, str(proof), "--chain", chain)
        assert (code, err) == (0, "")
        assert out.startswith("VALID\n\nOn 2026-11-22 10:15:03 UTC, in block 12 of chain ")


def test_not_pinned_is_3_and_tells_how_to_pin(
    proof: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The chain id is printed in full, to be compared."""
    code, out, _ = run(capsys, str(proof))
    assert code == 3
    assert out.startswith(f"VALID UNDER CHAIN {CHAIN.id.hex()}, WHICH YOU HAVE NOT PINNED\n")
    assert f"--chain {CHAIN.id.hex()}" in out


def test_invalid_is_1_and_tells_why(proof: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Another chain, and a damaged file."""
    code, out, _ = run(capsys, str(proof), "--chain", "00" * 32)
    assert code == 1
    assert out.startswith("INVALID\n\nThis file proves nothing: it is of chain ")
    proof.write_bytes(DATA[:-1])
    assert run(capsys, str(proof))[0] == 1


@pytest.mark.parametrize("chain", ["", "00", "zz" * 32, "00" * 33])
def test_a_chain_id_that_is_none_is_2(
    proof: Path, capsys: pytest.CaptureFixture[str], chain: str
) -> None:
    """A mistyped id is never taken for no id."""
    code, out, err = run(capsys, str(proof), "--chain", chain)
    assert (code, out) == (2, "")
    assert "expected CHAINID" in err


def test_an_unreadable_file_is_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Absent, or a folder: one line."""
    for path in (tmp_path / "absent", tmp_path):
        code, out, err = run(capsys, str(path))
        assert (code, out) == (2, "")
        assert err.count("\n") == 1
        assert str(path) in err
    assert run(capsys)[0] == 2


def test_a_file_without_end_is_not_read_to_its_end(capsys: pytest.CaptureFixture[str]) -> None:
    """One byte above the limit decides."""
    code, out, _ = run(capsys, "/dev/zero")
    assert code == 1
    assert "the file has 1048577 bytes, at most 1048576 are allowed" in out


def test_it_runs_as_a_program_in_any_locale(proof: Path) -> None:
    """A terminal without the letters gets escapes, never a traceback."""
    done = subprocess.run(
        [sys.executable, "-m", "verifier", str(proof), "--chain", CHAIN.id.hex()],
        cwd=ROOT,
        env={"PYTHONIOENCODING": "ascii", "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("VALID\n")


def test_it_loads_none_of_our_packages_and_little_else() -> None:
    """A second opinion shares no code; and a light import keeps `proof verify` quick."""
    script = (
        "import sys; before = set(sys.modules); import verifier; "
        "print(*sorted({name.partition('.')[0] for name in set(sys.modules) - before}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.split())
    assert loaded.isdisjoint(OURS)
    foreign = loaded - set(sys.stdlib_module_names) - {"verifier"}
    inner = ("_", "cython_")  # what compiled modules bring with them
    assert {name for name in foreign if not name.startswith(inner)} <= {"nacl", "msgpack", "cffi"}
    assert loaded.isdisjoint({"asyncio", "http", "urllib", "socket", "ssl", "json"})


@pytest.mark.parametrize(
    "text", ["\x1b[2Jgone", "a\nVALID", "a\r\x08", "\u202eDILAV", "\x9b31m", 'a"b\\c', "\u2028"]
)
def test_a_strangers_text_cannot_steer_the_terminal(text: str) -> None:
    """Whatever a terminal obeys or hides is written as its number."""
    operation = ["money.note" + text, text]
    chain = small_chain(operations=[operation])
    verdict = verify(write_proof(chain.receipt_proof()), chain.pin)
    printed = verdict.text()
    assert text not in printed
    assert all(line.isprintable() for line in printed.split("\n"))
    assert "\\u{" in printed


def test_an_operation_of_unknown_shape_is_shown_in_general() -> None:
    """Names that we know with fields that we do not: no guess, the plain fields."""
    for operation in (
        ["money.transfer", "GBP", []],
        ["money.transfer", "GBP", [["x", 1]]],
        ["money.transfer", 5],
        ["money.transfer", "GBP", [[bytes(32), True, "A", "", None]]],
        ["registry.stamp_document", bytes(32), "burn"],
        ["treasury.disburse_voucher", 17, True, None, [b"", "ü"]],
    ):
        chain = small_chain(operations=[operation])
        verdict = verify(write_proof(chain.receipt_proof()), chain.pin)
        assert verdict.sentence.endswith("…."), verdict.sentence
        fields = ", ".join(shown(field) for field in operation[1:])
        assert dict(verdict.details)["call 1"].startswith(f"{operation[0]}({fields}) by ")


def test_several_calls_are_told_in_order() -> None:
    """All of them stand in the sentence and in the facts."""
    stamp = ["registry.stamp_document", bytes([7]) * 32, "timestamp"]
    chain = small_chain(operations=[stamp, ["registry.close"]])
    verdict = verify(write_proof(chain.receipt_proof()), chain.pin)
    assert verdict.sentence.index("stamp_document") < verdict.sentence.index("; registry.close by")
    assert dict(verdict.details)["call 2"].startswith("registry.close() by ")


def test_values_for_people() -> None:
    """Each kind of value has one form; long ones are named by their hash."""
    assert shown([None, True, False, -3, "ü", b"\xab", b""]) == (
        '[none, yes, no, -3, "ü", ab, (no bytes)]'
    )
    assert shown(bytes(81)).startswith("81 bytes, SHA-256 ")
    assert shown("x" * 401) == '"' + "x" * 400 + '…"'
    assert shown(packed([1])) == "9101"


def test_a_time_beyond_every_calendar_is_still_told() -> None:
    """A header may hold any time below 2^63 ms."""
    assert time_text(0) == "1970-01-01 00:00:00 UTC"
    assert time_text(2**63 - 1) == "9223372036854775807 ms after 1970-01-01 UTC"


def entry_sentence(table: int, key: bytes, value: bytes) -> str:
    """What is said of the only entry of a chain's first state."""
    place = digest(Domain.STATE_KEY, table.to_bytes(2, "big"), key)
    root = digest(Domain.STATE_LEAF, place, digest(Domain.STATE_VALUE, value))
    genesis = msgspec.structs.replace(CHAIN.genesis, state_root=root)
    lineage = Lineage(GenesisAnchor(genesis, CHAIN.validators.keys), (), genesis, None, None)
    proof = proof_file(lineage, EntrySubject(table, key, value, ()))
    verdict = verify(write_proof(proof), Pin(block_id(genesis)))
    assert verdict.outcome is Outcome.VALID
    return verdict.sentence.partition("after that block, ")[2]


def test_an_entry_is_called_a_balance_only_where_it_is_one() -> None:
    """Another table, key or value is shown in general: no guess."""
    account = bytes([7]) * 32
    assert entry_sentence(4, account + b"GBP", packed([1_250, 0])) == (
        f"account {account.hex()} held 1,250 minor units of GBP."
    )
    assert entry_sentence(4, account + b"GBP", packed([-1_250, 0])) == (
        f"account {account.hex()} owed 1,250 minor units of GBP."
    )
    assert entry_sentence(4, account + b"GBP", packed([1_250, 1_000])) == (
        f"account {account.hex()} held 1,250 minor units of GBP, with 1,000 promised to others."
    )
    for table, key, value, shown_value in (
        (5, account + b"GBP", packed([1_250, 0]), "[1250, 0]"),
        (4, account, packed([1_250, 0]), "[1250, 0]"),
        (4, account + b"\xff", packed([1_250, 0]), "[1250, 0]"),
        (4, account + b"GBP", packed([True, 0]), "[yes, 0]"),
        (4, account + b"GBP", packed([1]), "[1]"),
        (4, account + b"GBP", packed([1, 2, 3]), "[1, 2, 3]"),
        (4, account + b"GBP", b"\xc1not a record", b"\xc1not a record".hex()),
    ):
        assert entry_sentence(table, key, value) == (
            f"table {table} ({TABLES[table]}) of the state held under key {key.hex()} "
            f"the value {shown_value}."
        )
