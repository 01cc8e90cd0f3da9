"""Every domain tag, in one list (architecture.md §4.5).

A tag stands in front of everything that is hashed or signed, so that bytes made for one purpose
can never serve another. Tags are ASCII, end in a zero byte, and none is a prefix of another.
Changing one is a breaking change of the protocol.
"""

from enum import Enum, unique
from typing import Final

_VERSION: Final = "mithaq/1/"


@unique
class Domain(Enum):
    """What a hash or a signature is for."""

    # Signed by validators (consensus.md §2).
    PRE_PREPARE = "pre-prepare"
    PREPARE = "prepare"
    COMMIT = "commit"
    VIEW_CHANGE = "view-change"
    READY = "ready"
    # Signed by the keys of nodes.
    RETENTION = "retention"
    OBSERVER_CONSENT = "observer-consent"
    ADDRESSES = "addresses"
    # Signed by the keys of accounts.
    TRANSACTION_SIGNATURE = "transaction-signature"
    # Signed by auditors.
    AUDIT_REPORT = "audit-report"
    # Hashed.
    BLOCK = "block"
    TRANSACTION_ID = "transaction-id"
    TRANSACTION_HASH = "transaction-hash"
    RECEIPT = "receipt"
    VALIDATORS = "validators"
    VALIDATOR_RECORD = "validator-record"
    LIST_NODE = "list-node"
    LIST_ROOT = "list-root"
    STATE_KEY = "state-key"
    STATE_VALUE = "state-value"
    STATE_LEAF = "state-leaf"
    STATE_NODE = "state-node"
    WINDOW_IDS = "window-ids"
    COMMITMENT = "commitment"
    ACCOUNT = "account"
    VENDOR = "vendor"
    IMPORT_FILE = "import-file"
    EVIDENCE = "evidence"
    RETAINED = "retained"
    PARAMETERS = "parameters"
    BODY = "body"
    DUTY = "duty"
    HOLD = "hold"
    LOT = "lot"
    INTENT = "intent"
    MOTION = "motion"
    CASE = "case"
    CASE_MOVE = "case-move"
    TREASURY = "treasury"
    TRIAL_BALANCE = "trial-balance"

    @property
    def tag(self) -> bytes:
        """The bytes that stand in front."""
        return _TAGS[self]


_TAGS: Final = {domain: f"{_VERSION}{domain.value}".encode("ascii") + b"\0" for domain in Domain}
