"""`mithaq proof verify` and `show`: which chain is trusted, and what the exit code says."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.faults import ExitCode
from kit.commandline import mithaq, testnet
from kit.proofs import Chain, small_chain
from node.proof import write_proof


@pytest.fixture(scope="module")
def chain() -> Chain:
    return small_chain()


@pytest.fixture
def file(tmp_path: Path, chain: Chain) -> Path:
    path = tmp_path / "a.proof"
    path.write_bytes(write_proof(chain.receipt_proof()))
    return path


def test_a_pinned_chain_makes_a_proof_valid(file: Path, chain: Chain, tmp_path: Path) -> None:
    """Exit code 0; the answer says who pinned it."""
    done = mithaq("proof", "verify", file, "--chain", chain.id.hex(), "--home", tmp_path)

    assert done.code == ExitCode.OK
    assert done.out.startswith("VALID\n")
    assert done.out.endswith("The chain was pinned by --chain.\n")


def test_without_a_pin_the_verdict_is_never_valid(file: Path, tmp_path: Path) -> None:
    """Exit code 3, and how to pin."""
    for_people = mithaq("proof", "verify", file, "--home", tmp_path)
    for_programs = mithaq("proof", "verify", file, "--home", tmp_path, "--json")

    assert for_people.code == for_programs.code == ExitCode.NOT_PINNED
    assert "WHICH YOU HAVE NOT PINNED" in for_people.out
    assert for_programs.result["verdict"] == "not_pinned"
    assert for_programs.result["pinned_by"] is None


@pytest.mark.parametrize("pin", ["chain", "genesis"])
def test_a_proof_of_another_chain_is_invalid(file: Path, tmp_path: Path, pin: str) -> None:
    """To who asks about one chain."""
    home = tmp_path / "home"
    founded = testnet(home).result
    words = {
        "chain": ["--chain", founded["chain"], "--home", tmp_path],
        "genesis": ["--genesis", home / "genesis.json", "--home", tmp_path],
    }[pin]

    done = mithaq("proof", "verify", file, *words)

    assert done.code == ExitCode.REFUSED
    assert done.out.startswith("INVALID\n")
    assert f"you pinned {founded['chain']}" in done.out


def test_one_flipped_bit_makes_a_proof_invalid(file: Path, chain: Chain, tmp_path: Path) -> None:
    """And neither command shows what it said."""
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)

    verified = mithaq("proof", "verify", file, "--chain", chain.id.hex(), "--home", tmp_path)
    shown = mithaq("proof", "show", file, "--home", tmp_path)

    assert verified.code == shown.code == ExitCode.REFUSED
    assert "This file proves nothing" in verified.out
    assert "This file proves nothing" in shown.out


def test_show_says_what_a_proof_says_without_a_pin(file: Path, chain: Chain) -> None:
    """Showing is not trusting."""
    done = mithaq("proof", "show", file, "--json")

    assert done.code == ExitCode.OK
    assert done.result["details"]["chain"] == chain.id.hex()
    assert "VALID" not in mithaq("proof", "show", file).out


@pytest.mark.parametrize(
    "chain_id", ["", "ab", "ab" * 33, "xy" * 32, "ab" * 32 + "@0:" + "ab" * 32]
)
def test_a_chain_id_that_is_none_is_a_usage_error(file: Path, chain_id: str) -> None:
    """Never mistaken for no pin at all."""
    done = mithaq("proof", "verify", file, "--chain", chain_id)

    assert done.code == ExitCode.USAGE
    assert "expected CHAINID" in done.err


def test_two_pins_are_a_usage_error(file: Path, chain: Chain) -> None:
    """One of them would be ignored."""
    done = mithaq("proof", "verify", file, "--chain", chain.id.hex(), "--genesis", "genesis.json")

    assert done.code == ExitCode.USAGE


def test_a_file_that_cannot_be_read_is_a_local_fault(tmp_path: Path) -> None:
    """Not an invalid proof."""
    for words in (["verify"], ["show"]):
        done = mithaq("proof", *words, tmp_path / "nothing.proof", "--home", tmp_path)
        assert done.code == ExitCode.LOCAL_FAULT
        assert "nothing.proof cannot be read: No such file or directory" in done.err
