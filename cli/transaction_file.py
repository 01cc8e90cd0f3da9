"""A transaction on its way from desk to desk: unsigned, half-signed or signed, in its named form.

{"format": "mithaq.transaction", "version": 1, "transaction": {"body": …, "signatures": […]}}
"""

import json
from pathlib import Path
from typing import Any, Final

from cli.files import read_file
from ledger.transaction import Transaction
from primitives import limits
from primitives.errors import Malformed
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
    data = read_file(path, FILE_BYTES_MAX)
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
