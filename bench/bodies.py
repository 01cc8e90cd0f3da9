"""The validators of a genesis that is only measured: records, and the accounts that they name."""

from hashlib import sha256
from typing import Final

from ledger.accounts import AccountKind, WeightedKey
from ledger.genesis import GenesisAccount
from ledger.validators import ValidatorRecord
from primitives.ids import AccountId, NodeKey, PublicKey, ValidatorKey

COUNT: Final = 4


def records() -> tuple[ValidatorRecord, ...]:
    """Four validators; nobody has their keys."""
    return tuple(
        ValidatorRecord(
            f"validator {number}",
            ValidatorKey(sha256(b"vote %d" % number).digest()),
            NodeKey(sha256(b"node %d" % number).digest()),
            _account(number),
        )
        for number in range(COUNT)
    )


def accounts() -> tuple[GenesisAccount, ...]:
    """The accounts of their bodies."""
    return tuple(
        GenesisAccount(
            id=_account(number),
            kind=AccountKind.ORGANISATION,
            threshold=1,
            keys=(WeightedKey(PublicKey(sha256(b"body key %d" % number).digest()), 1),),
            name="",
            keeper=None,
            floor=0,
        )
        for number in range(COUNT)
    )


def _account(number: int) -> AccountId:
    return AccountId(sha256(b"body %d" % number).digest())
