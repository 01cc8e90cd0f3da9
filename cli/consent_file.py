"""The consent of a node to be an observer, on its way from its operator to a registrar.

{"format": "mithaq.observer", "version": 1, "chain": "…", "consent": {"record": …, "signature": …}}
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final, final

from cli.files import read_file
from ledger.observers import Consent, ObserverRecord, consent_statement
from node.keys import StoredKey
from primitives.crypto import check_signature
from primitives.errors import BadSignature, Malformed
from primitives.ids import ChainId, TimeMs
from primitives.named import from_named, to_named

FORMAT: Final = "mithaq.observer"
VERSION: Final = 1
FILE_BYTES_MAX: Final = 16 * 1024
"""A consent with the longest name, indented, is a tenth of this."""


@final
@dataclass(frozen=True, slots=True)
class ConsentFile:
    """A consent, and the chain that it is for."""

    chain: ChainId
    consent: Consent

    def text(self) -> str:
        """The file."""
        named = {
            "format": FORMAT,
            "version": VERSION,
            "chain": self.chain.hex(),
            "consent": to_named(self.consent),
        }
        return json.dumps(named, indent=2, ensure_ascii=False) + "\n"


def consented(
    key: StoredKey, chain: ChainId, record: ObserverRecord, valid_until: TimeMs
) -> ConsentFile:
    """Let the key of a node say that it wants to be an observer."""
    signature = key.signing().sign(consent_statement(chain, record, valid_until))
    return ConsentFile(chain, Consent(record, valid_until, signature))


def read_consent_file(path: Path) -> ConsentFile:
    """What a file says, with its signature checked.

    Raises:
        OperatorFault: the file cannot be read.
        Malformed: it holds no consent of this version, or one that its node did not sign.
    """
    data = read_file(path, FILE_BYTES_MAX)
    if len(data) > FILE_BYTES_MAX:
        raise Malformed(f"{path}: more than {FILE_BYTES_MAX} bytes")
    try:
        found = json.loads(data)
        stated = (found["format"], found["version"])
        chain = ChainId(bytes.fromhex(found["chain"]))
    except (ValueError, RecursionError, KeyError, TypeError) as error:
        raise Malformed(f"{path} is no consent of a node: {error!r}") from error
    if stated != (FORMAT, VERSION):
        raise Malformed(f"{path}: expected {FORMAT!r} version {VERSION}, found {stated!r:.80}")
    try:
        consent: Consent = from_named(found.get("consent"), Consent)
        statement = consent_statement(chain, consent.record, consent.valid_until)
        check_signature(consent.record.node_key, statement, consent.signature)
    except (Malformed, BadSignature) as error:
        raise Malformed(f"{path}: {error}") from error
    return ConsentFile(chain, consent)
