"""A transaction on its way from desk to desk: unsigned, half-signed or signed, in its named form.

{"format": "mithaq.transaction", "version": 1, "transaction": {"body": …, "signatures": […]}}
"""

import json
import os
from functools import partial
from pathlib import Path
from typing import Any, Final

from ledger.transaction import Transaction
from primitives import limits
from primitives.errors import Malformed, OperatorFault
from primitives.named import from_named, to_named
from services.table import TRANSACTION

FORMAT: Final = "mithaq.transaction"
VERSION: Final = 1
FILE_BYTES_MAX: Final = 16 * limits.TRANSACTION_BYTES_MAX
"""The named form of the largest transaction, with room for indentation."""


def transaction_text(transaction: Transaction[Any]) -> str:
    """The file of a transaction."""
    named = {"format": FORMAT, "version": VERSION, "transaction": to_named(transaction)}
    return json.dumps(named, indent=2, ensure_ascii=False) + "\n"


def read_transaction_file(path: Path) -> Transaction[Any]:
    """The transaction of a file; no signature is checked.

    Raises:
        OperatorFault: the file cannot be read.
        Malformed: it holds no transaction of this version.
    """
    try:
        with path.open("rb") as file:
            data = file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise OperatorFault(f"{path} cannot be read: {error.strerror}") from error
    if len(data) > FILE_BYTES_MAX:
        raise Malformed(f"{path}: more than {FILE_BYTES_MAX} bytes")
    try:
        found = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise Malformed(f"{path} is no transaction file: {error}") from error
    stated = (found.get("format"), found.get("version")) if isinstance(found, dict) else found
    if stated != (FORMAT, VERSION):
        raise Malformed(f"{path}: expected {FORMAT!r} version {VERSION}, found {stated!r:.80}")
    try:
        transaction: Transaction[Any] = from_named(found.get("transaction"), TRANSACTION)
    except Malformed as error:
        raise Malformed(f"{path}: {error}") from error
    return transaction


def replace_file(path: Path, data: bytes, *, mode: int = 0o666) -> None:
    """Write a file whole or not at all; what was there stays until the new one is complete.

    Raises:
        OperatorFault: it cannot be written.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with open(beside, "xb", opener=partial(os.open, mode=mode)) as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise OperatorFault(f"{path} cannot be written: {error.strerror}") from error
