"""READY of a validator that is to join, on its way from its node to whoever proposes it.

{"format": "mithaq.ready", "version": 1, "chain": "…", "ready": {"record": …, "signature": …}}
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final, final

from cli.files import read_file
from ledger.validators import Ready, ready_statement
from primitives.crypto import check_signature
from primitives.errors import BadSignature, Malformed
from primitives.ids import ChainId
from primitives.named import from_named, to_named

FORMAT: Final = "mithaq.ready"
VERSION: Final = 1
FILE_BYTES_MAX: Final = 16 * 1024
"""A record with the longest name, indented, is a tenth of this."""


@final
@dataclass(frozen=True, slots=True)
class ReadyFile:
    """READY, and the chain that it is for."""

    chain: ChainId
    ready: Ready

    def text(self) -> str:
        """The file."""
        named = {
            "format": FORMAT,
            "version": VERSION,
            "chain": self.chain.hex(),
            "ready": to_named(self.ready),
        }
        return json.dumps(named, indent=2, ensure_ascii=False) + "\n"


def read_ready_file(path: Path) -> ReadyFile:
    """What a file says, with its signature checked.

    Raises:
        OperatorFault: the file cannot be read.
        Malformed: it holds no READY of this version, or one that its key did not sign.
    """
    data = read_file(path, FILE_BYTES_MAX)
    if len(data) > FILE_BYTES_MAX:
        raise Malformed(f"{path}: more than {FILE_BYTES_MAX} bytes")
    try:
        found = json.loads(data)
        stated = (found["format"], found["version"])
        chain = ChainId(bytes.fromhex(found["chain"]))
    except (ValueError, RecursionError, KeyError, TypeError) as error:
        raise Malformed(f"{path} is no READY file: {error!r}") from error
    if stated != (FORMAT, VERSION):
        raise Malformed(f"{path}: expected {FORMAT!r} version {VERSION}, found {stated!r:.80}")
    try:
        ready: Ready = from_named(found.get("ready"), Ready)
        statement = ready_statement(chain, ready.record, ready.height, ready.time_ms)
        check_signature(ready.record.key, statement, ready.signature)
    except (Malformed, BadSignature) as error:
        raise Malformed(f"{path}: {error}") from error
    return ReadyFile(chain, ready)
