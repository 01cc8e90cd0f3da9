"""`mithaq observer`: a consent as a file, and what a registrar does with it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cli.consent_file import FILE_BYTES_MAX, ConsentFile, read_consent_file
from cli.faults import ExitCode
from kit.commandline import Done, mithaq
from kit.desk import Desk, desk
from kit.ledger import GENESIS_TIME, account_id
from kit.observers import consent, observer
from node.keys import Purpose, read_key
from primitives.errors import Malformed, OperatorFault
from primitives.ids import ChainId, TimeMs

CHAIN = ChainId(bytes(range(32)))
SAID = ConsentFile(CHAIN, consent(CHAIN, observer("audit"), valid_until=GENESIS_TIME))


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Desk]:
    with desk(tmp_path / "home") as made:
        yield made


def written(tmp_path: Path, **changed: Any) -> Path:  # noqa: ANN401 - JSON
    file = tmp_path / "consent.json"
    file.write_text(json.dumps({**json.loads(SAID.text()), **changed}))
    return file


def requested(tmp_path: Path, *words: str) -> Done:
    """A folder with keys alone asks; it is on no chain yet."""
    folder = tmp_path / "audit"
    if not folder.exists():
        mithaq("init", folder, "--observer")
    given = ("--account", account_id("health").hex(), "--chain", CHAIN.hex())
    return mithaq("observer", "request", folder, *given, "-o", tmp_path / "a.json", *words)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    """With its chain; the names in it are those of the record."""
    assert read_consent_file(written(tmp_path)) == SAID
    assert json.loads(SAID.text())["consent"]["record"]["name"] == "audit"


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"version": 2}, "expected 'mithaq.observer' version 1"),
        ({"format": "mithaq.ready"}, "expected 'mithaq.observer' version 1"),
        ({"chain": "xyz"}, "is no consent of a node"),
        ({"chain": (bytes(32)).hex()}, "does not verify"),
        ({"consent": {}}, "record"),
    ],
)
def test_what_is_no_consent_says_why(
    tmp_path: Path, changed: dict[str, object], words: str
) -> None:
    """Its signature is checked, too: for this chain and no other."""
    with pytest.raises(Malformed, match=words):
        read_consent_file(written(tmp_path, **changed))


def test_a_file_that_is_none_says_why(tmp_path: Path) -> None:
    """Absent, not JSON, too long."""
    with pytest.raises(OperatorFault, match="cannot be read"):
        read_consent_file(tmp_path / "absent.json")
    file = tmp_path / "consent.json"
    for data, words in (
        (b"no", "is no consent"),
        (b"[]", "is no consent"),
        (b" " * (FILE_BYTES_MAX + 1), f"more than {FILE_BYTES_MAX} bytes"),
    ):
        file.write_bytes(data)
        with pytest.raises(Malformed, match=words):
            read_consent_file(file)


def test_a_node_consents_with_its_own_key_before_it_is_on_any_chain(tmp_path: Path) -> None:
    """Its name is that of its key where it has no configuration."""
    done = requested(tmp_path)

    said = read_consent_file(tmp_path / "a.json")
    own = read_key(tmp_path / "audit" / "node.key", Purpose.NODE).public
    assert done.code == 0, done.err
    assert (said.chain, said.consent.record.name) == (CHAIN, "audit")
    assert bytes(said.consent.record.node_key) == own
    assert said.consent.record.account == account_id("health")
    assert "a registrar says mithaq observer admit" in done.err


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--valid-for", "2h"), ExitCode.USAGE, "expected days such as 30d, found '2h'"),
        (("--valid-for", "0d"), ExitCode.USAGE, "expected days such as 30d, found '0d'"),
        (("--chain", "12"), ExitCode.USAGE, "expected 64 hexadecimal digits, found '12'"),
        (("--account", "nobody"), ExitCode.REFUSED, "expected an account id"),
    ],
)
def test_a_request_that_cannot_be_says_why(
    tmp_path: Path, words: tuple[str, ...], code: int, said: str
) -> None:
    """Nothing is written."""
    done = requested(tmp_path, *words)

    assert done.code == code
    assert said in done.err
    assert not (tmp_path / "a.json").exists()


def test_a_registrar_admits_lists_and_revokes(office: Desk, tmp_path: Path) -> None:
    """By the name that the node gave itself; its row stays."""
    until = TimeMs(office.chain.store.head().header.time_ms + 3_600_000)
    said = ConsentFile(
        office.chain.chain, consent(office.chain.chain, observer("audit"), valid_until=until)
    )
    file = tmp_path / "consent.json"
    file.write_text(said.text())
    key = said.consent.record.node_key.hex()

    refused = office.asking("observer", "admit", file, "--key", "treasury", "--wait")
    admitted = office.asking("observer", "admit", file, "--key", "registrar", "--wait")
    listed = office.asking("observer", "list")

    assert refused.code == ExitCode.REFUSED
    assert "does not have the role registrar" in refused.err
    assert "The node audit may connect and follow" in admitted.out
    assert "audit     " in listed.out
    assert "in force" in listed.out

    revoked = office.asking("observer", "revoke", "audit", "--key", "registrar", "--wait")
    again = office.asking("observer", "revoke", "audit", "--key", "registrar", "--wait")
    by_key = office.asking("observer", "revoke", key, "--key", "registrar", "--wait")
    assert "The node audit is no observer any more" in revoked.out
    assert again.code == by_key.code == ExitCode.REFUSED
    assert "there are: none" in again.err
    assert "is not, or no longer, an observer" in by_key.err
    assert office.asking("observer", "list").out == "no observer\n"
    (row,) = office.asking("observer", "list", "--all", "--json").result["observers"]
    assert (row["name"], row["node_key"]) == ("audit", key)
    assert row["until"] > row["since"]


def test_a_consent_for_another_chain_is_not_sent(office: Desk, tmp_path: Path) -> None:
    """The home knows which chain is meant."""
    done = office.asking("observer", "admit", written(tmp_path), "--key", "registrar")

    assert done.code == ExitCode.REFUSED
    assert f"is for chain {CHAIN.hex()}, not" in done.err
