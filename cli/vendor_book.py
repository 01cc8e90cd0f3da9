"""An agency's vendor book: which account stands for which vendor.

Vendors may be people, and what enters a block is public for ever: so a name never leaves this
machine. The book has a random salt, and a vendor's account is SHA-256(tag ‖ salt ‖ name), from
which nobody without the salt can tell a name, nor try names out. The same name is the same account,
on every machine that has a copy of the book.

Where a payee is paid, and by which name its bank knows it, stands in the book as well: of vendors,
and of payees who have accounts of their own with keys of their own.

It lies beside the agency's key as NAME.vendors.json, readable by its owner alone. Salt and names
are durable before the first account is opened: an account whose name is lost would be a balance
that nobody can explain. **Lose the book and the names are lost; copy it as you copy the key.**
"""

import fcntl
import os
import secrets
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final, Literal, final

import msgspec
from msgspec import Meta, Struct

from cli.home import Home
from primitives.digest import digest
from primitives.domains import Domain
from primitives.errors import OperatorFault
from primitives.ids import AccountId

SALT_BYTES: Final = 32
_OWNER_ONLY: Final = 0o600

_Hex32 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]


@final
class Payee(Struct, frozen=True, forbid_unknown_fields=True):
    """Where somebody is paid: the name at the bank, an IBAN or another number, the bank's BIC."""

    name: str
    number: str
    bic: str | None


@final
class _BookFile(Struct, frozen=True, forbid_unknown_fields=True):
    format: Literal["mithaq.vendor-book"]
    version: Literal[2]
    salt: _Hex32
    vendors: dict[str, _Hex32]
    payees: dict[_Hex32, Payee]


@final
class VendorBook:
    """Names and accounts; `open_book` makes one."""

    def __init__(
        self,
        path: Path,
        salt: bytes,
        names: Iterable[str] = (),
        payees: Mapping[AccountId, Payee] | None = None,
    ) -> None:
        assert len(salt) == SALT_BYTES, f"a salt of {len(salt)} bytes, expected {SALT_BYTES}"
        self.path = path
        self._salt = salt
        self._accounts = {name: self.account(name) for name in names}
        self._payees = dict(payees or {})

    def __repr__(self) -> str:
        return f"VendorBook({self.path}, {len(self._accounts)} vendors)"

    def account(self, name: str) -> AccountId:
        """The account of a name, whether or not it is in the book."""
        return AccountId(digest(Domain.VENDOR, self._salt, name.encode("utf-8")))

    def file_id(self, content: bytes) -> str:
        """Names a file by the digest of its content; says nothing to those without the book.

        Without the salt, who guesses a name could confirm it by the digest of a short file.
        """
        return digest(Domain.IMPORT_FILE, self._salt, content).hex()[:32]

    @property
    def vendors(self) -> Mapping[str, AccountId]:
        """Who is in the book."""
        return self._accounts

    @property
    def payees(self) -> Mapping[AccountId, Payee]:
        """Whose bank account is known."""
        return self._payees

    def known_names(self) -> dict[AccountId, str]:
        """Every account that has a name here; a vendor's is the one that it was entered by."""
        banks = {account: payee.name for account, payee in self._payees.items()}
        return banks | {account: name for name, account in self._accounts.items()}

    def set_payee(self, account: AccountId, payee: Payee) -> None:
        """Note where an account is paid, durable when this returns."""
        self._payees[account] = payee
        self._write()

    def enter(self, names: Iterable[str]) -> frozenset[AccountId]:
        """Enter those that are not in it yet, durable when this returns; their accounts."""
        new = {name: self.account(name) for name in names if name not in self._accounts}
        if new:
            self._accounts |= new
            self._write()
        return frozenset(new.values())

    def _write(self) -> None:
        stored = _BookFile(
            format="mithaq.vendor-book",
            version=2,
            salt=self._salt.hex(),
            vendors={name: account.hex() for name, account in self._accounts.items()},
            payees={account.hex(): payee for account, payee in self._payees.items()},
        )
        data = msgspec.json.format(msgspec.json.encode(stored), indent=2) + b"\n"
        beside = self.path.with_name(f".{self.path.name}.new")
        try:
            beside.unlink(missing_ok=True)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
            with open(os.open(beside, flags, _OWNER_ONLY), "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(self.path)
            folder = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as error:
            raise OperatorFault(f"{self.path} cannot be written: {error.strerror}") from error


def book_path(home: Home, agency: str) -> Path:
    """Where the book of an agency lies, which is named by its key."""
    return home.key_file(agency).with_suffix(".vendors.json")


@contextmanager
def open_book(path: Path) -> Iterator[VendorBook]:
    """The book at a path, a new one where there is none; nobody else has it meanwhile.

    Raises:
        OperatorFault: it cannot be read, others may read it, somebody has it open, or an account
            in it is not the one of its name.
    """
    lock = path.with_name(f".{path.name}.lock")
    try:
        held = os.open(lock, os.O_RDWR | os.O_CREAT, _OWNER_ONLY)
    except OSError as error:
        raise OperatorFault(f"{lock} cannot be made: {error.strerror}") from error
    try:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise OperatorFault(f"{path} is in use: another import of this agency runs") from error
        book = _read(path)
        if book is None:
            book = VendorBook(path, secrets.token_bytes(SALT_BYTES))
            book._write()
        yield book
    finally:
        os.close(held)


def read_book(path: Path) -> VendorBook:
    """The book at a path as it is now, for whoever only looks names up.

    Raises:
        OperatorFault: there is none, or as `open_book`.
    """
    book = _read(path)
    if book is None:
        raise OperatorFault(f"{path} is missing: expected a vendor book")
    return book


def _read(path: Path) -> VendorBook | None:
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            data = file.read()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise OperatorFault(f"{path} cannot be read: {error.strerror}") from error
    if mode & 0o077:
        raise OperatorFault(
            f"{path} can be read by others (mode {mode & 0o777:o}), expected 600: chmod 600 {path}"
        )
    try:
        stored = msgspec.json.decode(data, type=_BookFile)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise OperatorFault(f"{path} is no vendor book: {error}") from error
    payees = {AccountId(bytes.fromhex(key)): payee for key, payee in stored.payees.items()}
    book = VendorBook(path, bytes.fromhex(stored.salt), stored.vendors, payees)
    for name, account in book.vendors.items():
        if account.hex() != stored.vendors[name]:
            raise OperatorFault(f"{path}: {name!r} has another account than its salt gives it")
    return book
