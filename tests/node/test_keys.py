"""Key files: made once, for one purpose, readable by one person."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from node.keys import Purpose, StoredKey, create_key, read_key
from primitives.crypto import check_signature
from primitives.errors import OperatorFault


def make(path: Path) -> StoredKey:
    return create_key(path, name="treasury", purpose=Purpose.ACCOUNT)


def rewrite(path: Path, **changes: object) -> None:
    stored = json.loads(path.read_text())
    path.write_text(json.dumps({**stored, **changes}))


def test_a_key_reads_back_as_it_was_made(tmp_path: Path) -> None:
    """The file holds all of it, and what it signs verifies."""
    made = make(tmp_path / "treasury.key")

    read = read_key(tmp_path / "treasury.key", Purpose.ACCOUNT)

    assert read == made
    check_signature(read.public, b"a domain\0text", read.signing().sign(b"a domain\0text"))


def test_two_keys_differ(tmp_path: Path) -> None:
    """Each seed is fresh."""
    assert make(tmp_path / "a.key").seed != make(tmp_path / "b.key").seed


def test_a_key_file_states_its_format_and_version(tmp_path: Path) -> None:
    """So that a later version can tell what it reads."""
    make(tmp_path / "treasury.key")

    stored = json.loads((tmp_path / "treasury.key").read_text())

    assert list(stored) == ["format", "version", "purpose", "name", "public", "secret"]
    assert (stored["format"], stored["version"]) == ("mithaq.key", 1)


def test_only_its_owner_can_read_a_key_file(tmp_path: Path) -> None:
    """Whatever the umask says."""
    make(tmp_path / "treasury.key")

    assert (tmp_path / "treasury.key").stat().st_mode & 0o777 == 0o600


def test_a_key_is_never_overwritten(tmp_path: Path) -> None:
    """The second attempt is refused and changes nothing."""
    first = make(tmp_path / "treasury.key")

    with pytest.raises(OperatorFault, match="exists already; a key is never overwritten"):
        make(tmp_path / "treasury.key")

    assert read_key(tmp_path / "treasury.key", Purpose.ACCOUNT) == first


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o601])
def test_a_key_that_others_can_use_is_refused(tmp_path: Path, mode: int) -> None:
    """Group or world, reading or writing."""
    make(tmp_path / "treasury.key")
    (tmp_path / "treasury.key").chmod(mode)

    with pytest.raises(OperatorFault, match=rf"mode {mode:04o}, expected 0600"):
        read_key(tmp_path / "treasury.key", Purpose.ACCOUNT)


def test_a_key_serves_its_purpose_only(tmp_path: Path) -> None:
    """A validator does not vote with an account's key."""
    make(tmp_path / "treasury.key")

    with pytest.raises(OperatorFault, match="purpose account, expected validator"):
        read_key(tmp_path / "treasury.key", Purpose.VALIDATOR)


def test_a_public_half_of_another_key_is_refused(tmp_path: Path) -> None:
    """Nobody signs under a name that is not their own."""
    make(tmp_path / "treasury.key")
    other = make(tmp_path / "other.key")
    rewrite(tmp_path / "treasury.key", public=other.public.hex())

    with pytest.raises(OperatorFault, match=f"the file says {other.public.hex()}"):
        read_key(tmp_path / "treasury.key", Purpose.ACCOUNT)


@pytest.mark.parametrize(
    "changes",
    [
        {"version": 2},
        {"format": "mithaq.genesis"},
        {"purpose": "everything"},
        {"secret": "00"},
        {"secret": "Z" * 64},
        {"more": 1},
        {"name": "n" * 5000},
    ],
)
def test_what_is_no_key_file_of_this_version_is_refused(
    tmp_path: Path, changes: dict[str, object]
) -> None:
    """With one line that does not contain the secret."""
    secret = make(tmp_path / "treasury.key").seed.hex()
    rewrite(tmp_path / "treasury.key", **changes)

    with pytest.raises(OperatorFault, match="is no key file") as refused:
        read_key(tmp_path / "treasury.key", Purpose.ACCOUNT)

    assert "\n" not in str(refused.value)
    assert secret not in str(refused.value)


def test_a_truncated_key_file_is_refused(tmp_path: Path) -> None:
    """As a crash while it was made may leave one."""
    make(tmp_path / "treasury.key")
    (tmp_path / "treasury.key").write_bytes((tmp_path / "treasury.key").read_bytes()[:40])

    with pytest.raises(OperatorFault, match="is no key file"):
        read_key(tmp_path / "treasury.key", Purpose.ACCOUNT)


def test_a_missing_key_file_is_named(tmp_path: Path) -> None:
    """The path is all that an operator needs."""
    with pytest.raises(OperatorFault, match=r"treasury\.key is missing"):
        read_key(tmp_path / "treasury.key", Purpose.ACCOUNT)


def test_a_folder_that_is_missing_is_named(tmp_path: Path) -> None:
    """And no folder is made on the way."""
    with pytest.raises(OperatorFault, match="cannot be made: No such file or directory"):
        make(tmp_path / "nowhere" / "treasury.key")


def test_a_key_never_shows_its_secret(tmp_path: Path) -> None:
    """Not even in a debugger's or a log's words."""
    key = make(tmp_path / "treasury.key")

    assert repr(key.seed) not in repr(key)
    assert key.seed.hex() not in repr(key)
    assert key.public.hex()[:8] in repr(key.signing())
