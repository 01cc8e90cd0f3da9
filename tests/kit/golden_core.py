"""Golden specimens of kept calls and of the agenda."""

import hashlib

from ledger.agenda import EchoesSpent, Failed
from ledger.calls import (
    NestedTooDeep,
    NoneGiven,
    NotAuthorised,
    RejectedWhenKept,
    SaysTooMuch,
    TooDeep,
    TooMany,
    Unreadable,
)
from ledger.operation import Refusal
from primitives.ids import AccountId

_A = AccountId(hashlib.sha256(b"somebody").digest())

REFUSED: list[Refusal] = [
    Unreadable(),
    NoneGiven(),
    TooDeep(2),
    TooMany(65_536),
    SaysTooMuch(400_000, 397_312),
    NestedTooDeep(8),
    NotAuthorised(_A),
    EchoesSpent(64),
    Failed(),
    RejectedWhenKept("transaction.threshold_not_reached"),
]
