"""The vendor book: names stay on this machine, and the same name is always the same account."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.vendor_book import SALT_BYTES, VendorBook, open_book
from primitives.digest import digest
from primitives.domains import Domain
from primitives.errors import OperatorFault

SALT = bytes(range(SALT_BYTES))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "agency-1.vendors.json"


def test_an_account_is_made_of_the_salt_and_the_exact_name(path: Path) -> None:
    """SHA-256(tag ‖ salt ‖ name): who has no salt learns nothing and can try nothing out."""
    book = VendorBook(path, SALT)

    assert bytes(book.account("Oak Ltd")) == digest(Domain.VENDOR, SALT, b"Oak Ltd")
    assert book.account("Oak Ltd") != book.account("Oak Ltd ")
    assert book.account("Oak Ltd") != VendorBook(path, SALT[::-1]).account("Oak Ltd")


@given(st.lists(st.text(min_size=1), unique=True))
def test_names_and_accounts_are_one_to_one(names: list[str]) -> None:
    """Every name that UTF-8 can write has an account of its own."""
    writable = [name for name in names if not re.search("[\ud800-\udfff]", name)]
    book = VendorBook(Path("book"), SALT, writable)

    assert len(set(book.vendors.values())) == len(writable)


def test_a_book_is_made_once_and_read_again(path: Path) -> None:
    """The salt is made with it; names are there for whoever opens it next."""
    with open_book(path) as book:
        book.enter(["Oak Ltd", "Élan"])
        book.enter(["Oak Ltd"])
        entered = dict(book.vendors)

    with open_book(path) as again:
        assert again.vendors == entered
        assert list(entered) == ["Oak Ltd", "Élan"]


def test_a_copy_of_the_book_gives_the_same_accounts(path: Path, tmp_path: Path) -> None:
    """On another machine, also for names that were entered there."""
    with open_book(path) as book:
        copy = tmp_path / "copy.json"
        copy.write_bytes(path.read_bytes())
        copy.chmod(0o600)

        with open_book(copy) as other:
            assert other.account("Ash") == book.account("Ash")


def test_two_books_have_two_salts(path: Path, tmp_path: Path) -> None:
    """Nobody can see that two agencies pay the same person."""
    with open_book(path) as one, open_book(tmp_path / "other.json") as other:
        assert one.account("Oak Ltd") != other.account("Oak Ltd")


def test_a_file_is_named_by_its_content_and_the_salt(path: Path) -> None:
    """Without the salt nobody can confirm a guess at what was in a short file."""
    book = VendorBook(path, SALT)

    assert re.fullmatch("[0-9a-f]{32}", book.file_id(b"rows"))
    assert book.file_id(b"rows") != book.file_id(b"row")
    assert book.file_id(b"rows") != VendorBook(path, SALT[::-1]).file_id(b"rows")


def test_only_the_owner_may_read_it(path: Path) -> None:
    """It is made so, and refused when it is not so any more."""
    with open_book(path) as book:
        book.enter(["Oak Ltd"])
    assert path.stat().st_mode & 0o777 == 0o600

    path.chmod(0o640)
    with pytest.raises(OperatorFault, match=r"mode 640\), expected 600"), open_book(path):
        pass


def test_names_are_on_disk_before_enter_returns(path: Path) -> None:
    """An account whose name is lost would be a balance that nobody can explain."""
    with open_book(path) as book:
        book.enter(["Oak Ltd"])

        assert json.loads(path.read_bytes())["vendors"] == {
            "Oak Ltd": book.account("Oak Ltd").hex()
        }


def test_an_interrupted_write_leaves_the_old_book(path: Path) -> None:
    """What stands beside it is swept away by the next write."""
    with open_book(path) as book:
        book.enter(["Oak Ltd"])
    beside = path.with_name(f".{path.name}.new")
    beside.write_bytes(b"half a bo")

    with open_book(path) as book:
        assert list(book.vendors) == ["Oak Ltd"]
        book.enter(["Ash"])
    assert not beside.exists()


def test_a_book_is_opened_by_one_import_at_a_time(path: Path) -> None:
    """Two would write over each other's names."""
    with (
        open_book(path),
        pytest.raises(OperatorFault, match="in use: another import"),
        open_book(path),
    ):
        pass

    with open_book(path):
        pass


@pytest.mark.parametrize("data", [b"", b"{}", b"[1]", b"\xff", b'{"format":"mithaq.vendor-book"}'])
def test_what_is_no_book_is_refused(path: Path, data: bytes) -> None:
    """A new one in its place would give every vendor another account."""
    path.write_bytes(data)
    path.chmod(0o600)

    with pytest.raises(OperatorFault, match="is no vendor book"), open_book(path):
        pass
    assert path.read_bytes() == data


def test_a_book_whose_salt_was_changed_is_refused(path: Path) -> None:
    """Its accounts are then not those of its names."""
    with open_book(path) as book:
        book.enter(["Oak Ltd"])
    stored = json.loads(path.read_bytes())
    path.write_text(json.dumps({**stored, "salt": SALT.hex()}))

    with pytest.raises(OperatorFault, match="another account than its salt gives it"):
        open_book(path).__enter__()


def test_what_cannot_be_written_is_said(tmp_path: Path) -> None:
    """A folder that is not there."""
    with pytest.raises(OperatorFault, match="cannot be made"), open_book(tmp_path / "no" / "book"):
        pass
