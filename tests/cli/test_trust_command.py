"""`mithaq trust`: what a person trusts is kept, named, and never contradicted quietly."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cli import trust_store
from cli.faults import ExitCode
from cli.trust_store import TrustStore, load_trust, trust_file
from kit.commandline import mithaq, testnet
from kit.proofs import HEIGHT, changed_chain, small_chain
from node.proof import write_proof
from primitives import limits
from primitives.errors import OperatorFault, Rejected
from verifier import Pin

CHAIN = changed_chain()
PIN = CHAIN.checkpoint(6)
FALSE = Pin(PIN.chain, PIN.height, CHAIN.checkpoint(3).validators_hash)


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "own" / "trust.json"
    monkeypatch.setenv("MITHAQ_TRUST", str(path))
    return path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a.proof"
    path.write_bytes(write_proof(CHAIN.receipt_proof()))
    return path


def verified(file: Path, *words: str) -> int:
    return mithaq("proof", "verify", file, "--home", file.parent, *words).code


def test_a_chain_that_is_trusted_needs_no_option(file: Path, store: Path) -> None:
    """Added, used, named in the verdict, removed."""
    assert verified(file) == ExitCode.NOT_PINNED
    assert mithaq("trust", "add", CHAIN.id.hex(), "--name", "Ruritania").code == ExitCode.OK

    done = mithaq("proof", "verify", file, "--home", file.parent)

    assert done.code == ExitCode.OK
    assert done.out.endswith(f"The chain was pinned by {store} (Ruritania).\n")
    assert mithaq("trust", "remove", "Ruritania").code == ExitCode.OK
    assert verified(file) == ExitCode.NOT_PINNED


def test_a_proof_of_a_chain_that_is_not_among_them_is_not_pinned(file: Path) -> None:
    """It may be a good proof of another country's chain."""
    mithaq("trust", "add", small_chain().id.hex())

    assert verified(file) == ExitCode.NOT_PINNED


def test_the_home_s_chain_is_trusted_beside_the_others(file: Path, tmp_path: Path) -> None:
    """Who runs a network trusts its genesis; a proof of another chain is then not pinned."""
    home = tmp_path / "home"
    testnet(home)
    mithaq("trust", "add", CHAIN.id.hex())

    assert mithaq("proof", "verify", file, "--home", home).code == ExitCode.OK
    mithaq("trust", "remove", CHAIN.id.hex())
    assert mithaq("proof", "verify", file, "--home", home).code == ExitCode.NOT_PINNED


def test_the_file_is_the_owner_s_alone_and_readable_by_people(store: Path) -> None:
    """Mode 0600, a format with a version, nothing beside it."""
    mithaq("trust", "add", str(PIN), "--name", "six")

    assert store.stat().st_mode & 0o777 == 0o600
    assert json.loads(store.read_text()) == {
        "format": "mithaq.trust",
        "version": 1,
        "pins": [{"pin": str(PIN), "name": "six"}],
    }
    assert [path.name for path in store.parent.iterdir()] == ["trust.json"]


def test_two_checkpoints_of_one_height_are_refused_loudly(store: Path) -> None:
    """One of them is false; the one that is there stays."""
    mithaq("trust", "add", str(PIN))
    before = store.read_bytes()

    done = mithaq("trust", "add", str(FALSE))

    assert done.code == ExitCode.REFUSED
    assert "THIS CONTRADICTS WHAT YOU TRUST" in done.err
    assert str(PIN.validators_hash and PIN.validators_hash.hex()) in done.err
    assert store.read_bytes() == before


def test_a_checkpoint_is_taken_from_a_file_that_holds(file: Path) -> None:
    """Under a chain that is trusted; then what counts for later files is that checkpoint."""
    refused = mithaq("trust", "add", "--from", file, "--home", file.parent)
    assert refused.code == ExitCode.REFUSED
    assert "WHICH YOU HAVE NOT PINNED" in refused.err
    mithaq("trust", "add", CHAIN.id.hex())

    taken = mithaq("trust", "add", "--from", file, "--home", file.parent, "--json")

    assert taken.result["pin"] == str(CHAIN.checkpoint(HEIGHT))
    for since in (0, HEIGHT):
        file.write_bytes(write_proof(CHAIN.receipt_proof(since=since)))
        done = mithaq("proof", "verify", file, "--home", file.parent)
        assert done.code == ExitCode.OK
        assert "The checkpoint was pinned by " in done.out
    file.write_bytes(write_proof(CHAIN.receipt_proof(height=6)))
    assert verified(file) == ExitCode.OK, "older facts rest on genesis"


def test_block_0_is_no_checkpoint(file: Path) -> None:
    """Its validators are those of the chain id."""
    mithaq("trust", "add", CHAIN.id.hex())
    file.write_bytes(write_proof(CHAIN.genesis_entry_proof()))

    done = mithaq("trust", "add", "--from", file, "--home", file.parent)

    assert done.code == ExitCode.REFUSED
    assert "block 0" in done.err


def test_the_list_shows_what_is_trusted_and_says_when_it_is_nothing(store: Path) -> None:
    """In order of chain and height."""
    assert f"you trust no chain yet: `mithaq trust add CHAINID` ({store})" in (
        mithaq("trust", "list").out
    )
    for pin in (CHAIN.checkpoint(6), CHAIN.pin, CHAIN.checkpoint(3)):
        mithaq("trust", "add", str(pin))

    listed = mithaq("trust", "list", "--json").result["pins"]

    assert [entry["pin"] for entry in listed] == [
        str(CHAIN.pin),
        str(CHAIN.checkpoint(3)),
        str(CHAIN.checkpoint(6)),
    ]
    assert "genesis" in mithaq("trust", "list").out


def test_adding_again_names_it_and_a_name_is_of_one_pin() -> None:
    """The same pin is no conflict."""
    mithaq("trust", "add", str(PIN))
    mithaq("trust", "add", str(PIN), "--name", "six")
    mithaq("trust", "add", str(PIN))

    taken = mithaq("trust", "add", CHAIN.id.hex(), "--name", "six")

    assert taken.code == ExitCode.REFUSED
    assert [entry.name for entry in load_trust().entries] == ["six"]


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["zz"],
        ["ab" * 32 + "@07:" + "ab" * 32],
        ["ab" * 32, "--from", "a.proof"],
        ["ab" * 32, "--name", "a\nb"],
        ["ab" * 32, "--name", "x" * (limits.NAME_LENGTH_MAX + 1)],
    ],
)
def test_what_is_no_pin_is_a_usage_error(store: Path, words: list[str]) -> None:
    """Nothing is kept."""
    assert mithaq("trust", "add", *words).code == ExitCode.USAGE
    assert not store.exists()


def test_what_is_not_there_cannot_be_removed() -> None:
    """Exit code 1, and where to look."""
    done = mithaq("trust", "remove", "Ruritania", "--json")

    assert done.code == ExitCode.REFUSED
    assert done.error["code"] == "trust.unknown"


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"{", "no file of trusted chains"),
        (b"[]", "expected 'mithaq.trust' version 1"),
        (b'{"format": "mithaq.trust", "version": 2, "pins": []}', "version 1, found"),
        (b'{"format": "mithaq.trust", "version": 1}', "expected format, version and pins"),
        (b'{"format": "mithaq.trust", "version": 1, "pins": [1]}', "expected a pin"),
        (b'{"format": "mithaq.trust", "version": 1, "pins": [{"pin": "x"}]}', "CHAINID"),
        (
            json.dumps(
                {
                    "format": "mithaq.trust",
                    "version": 1,
                    "pins": [{"pin": str(PIN)}, {"pin": str(FALSE)}],
                }
            ).encode(),
            "CONTRADICTS",
        ),
        (b" " * (limits.TRUST_BYTES_MAX + 1), f"more than {limits.TRUST_BYTES_MAX} bytes"),
    ],
)
def test_a_file_that_was_spoilt_trusts_nothing(file: Path, content: bytes, why: str) -> None:
    """It is never taken for an empty one."""
    trust_file().parent.mkdir()
    trust_file().write_bytes(content)

    with pytest.raises(OperatorFault, match=why):
        load_trust()
    assert verified(file) == ExitCode.LOCAL_FAULT
    assert verified(file, "--chain", CHAIN.id.hex()) == ExitCode.OK, "which asks no file"


def test_so_many_are_trusted_and_no_more() -> None:
    """limits.TRUST_PINS_MAX; their file is within limits.TRUST_BYTES_MAX."""
    pins = [Pin(CHAIN.id, height + 1, bytes(32)) for height in range(limits.TRUST_PINS_MAX)]
    name = "\N{GRINNING FACE}" * (limits.NAME_LENGTH_MAX - 4)
    full = TrustStore(
        trust_file(),
        tuple(trust_store.Trusted(pin, f"{name}{pin.height:04}") for pin in pins),
    )
    full.save()

    assert trust_file().stat().st_size <= limits.TRUST_BYTES_MAX
    assert len(load_trust().entries) == limits.TRUST_PINS_MAX
    with pytest.raises(Rejected, match=f"at most {limits.TRUST_PINS_MAX}"):
        full.with_pin(Pin(bytes(32)), "")


def test_without_a_variable_it_is_the_folder_for_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the desktop's specification says: an absolute XDG_CONFIG_HOME, else ~/.config."""
    monkeypatch.delenv("MITHAQ_TRUST")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "c"))
    assert trust_file() == tmp_path / "c" / "mithaq" / "trust.json"
    monkeypatch.setenv("XDG_CONFIG_HOME", "relative")
    assert trust_file() == tmp_path / ".config" / "mithaq" / "trust.json"


def test_a_folder_that_cannot_be_written_is_a_local_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line."""
    (tmp_path / "taken").write_text("")
    monkeypatch.setenv("MITHAQ_TRUST", str(tmp_path / "taken" / "trust.json"))

    done = mithaq("trust", "add", CHAIN.id.hex())

    assert done.code == ExitCode.LOCAL_FAULT
    assert done.err.count("\n") == 1
