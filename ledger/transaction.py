"""Transactions: who wants which operations done, until when, on which chain; signed.

```
Transaction = (body, signatures)        body = (chain, valid_until, salt, calls)
Call        = (actor, operation)        1 to 64 calls, all or nothing, in order
id          = SHA-256(TRANSACTION_ID ‖ canonical body)             names the act
hash        = SHA-256(TRANSACTION_HASH ‖ canonical transaction)    names the bytes
signature   over TRANSACTION_SIGNATURE ‖ canonical body            the chain id is in the body
```

Where a transaction is judged:

- Here, from its bytes alone (threads may do it): size, canonical form, known operations, order of
  the signatures, chain, and every signature.
- `BlockRun.admit`, from the window: expired, too far ahead, already committed.
- `BlockRun.apply`, from the state. The id names the act and not its signatures, so no receipt may
  hang on which signatures a copy carries: whoever relays a transaction could leave one away, or add
  one, and so have it refused for ever under its own id. A threshold that is **not reached**, and a
  **superfluous** signature, of a key that counted for no actor and nobody required present, keep it
  out of every block. The second is judged when every call stands; a transaction that is refused
  anyway may carry one.

What is never in a block is `Malformed`, `BadSignature` or `Rejected` with a stable code; what
stands in a block and was refused has a `Refusal` in its receipt.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Any, Final, Generic, TypeVar, final

from msgspec import Meta, Struct

from ledger.operation import Operation
from primitives import limits
from primitives.block import transaction_hash
from primitives.codec import decode, encode
from primitives.crypto import SigningKey, check_signature
from primitives.digest import digest
from primitives.domains import Domain
from primitives.errors import Malformed, Rejected
from primitives.ids import (
    AccountId,
    ChainId,
    Natural,
    PublicKey,
    Signature,
    Sized32,
    Sized64,
    TimeMs,
    TransactionHash,
    TransactionId,
)

O = TypeVar("O", bound=Operation)  # noqa: E741 - as in ledger.md

WRONG_CHAIN: Final = "transaction.wrong_chain"
UNSIGNED: Final = "transaction.unsigned"
EXPIRED: Final = "transaction.expired"
TOO_FAR_AHEAD: Final = "transaction.too_far_ahead"
ALREADY_COMMITTED: Final = "transaction.already_committed"
SUPERFLUOUS_SIGNATURE: Final = "transaction.superfluous_signature"
MALFORMED: Final = "transaction.malformed"
"""The code that a client sees for `Malformed`."""
BAD_SIGNATURE: Final = "transaction.bad_signature"
"""The code that a client sees for `BadSignature`."""


@final
class Call(Struct, Generic[O], array_like=True, frozen=True):
    """An actor performing an operation."""

    actor: Annotated[AccountId, Meta(min_length=32, max_length=32, description="account that acts")]
    operation: O


@final
class Body(Struct, Generic[O], array_like=True, frozen=True):
    """What is signed."""

    chain: Annotated[ChainId, Meta(min_length=32, max_length=32, description="id of block 0")]
    valid_until: Annotated[
        Natural[TimeMs], Meta(description="last block time (ms) at which it may be committed")
    ]
    salt: Annotated[
        bytes,
        Meta(
            min_length=limits.SALT_BYTES_MIN,
            max_length=limits.SALT_BYTES_MAX,
            description="random bytes: equal acts get different ids",
        ),
    ]
    calls: Annotated[
        tuple[Call[O], ...],
        Meta(min_length=1, max_length=limits.CALLS_MAX, description="all or nothing, in order"),
    ]


@final
class SignatureEntry(Struct, array_like=True, frozen=True):
    """A key and its signature over the body."""

    key: Sized32[PublicKey]
    signature: Sized64[Signature]


@final
class Transaction(Struct, Generic[O], array_like=True, frozen=True):
    """A body and the signatures over it, ascending by key, none twice."""

    body: Body[O]
    signatures: Annotated[tuple[SignatureEntry, ...], Meta(max_length=limits.SIGNATURES_MAX)]


@final
@dataclass(frozen=True, slots=True)
class CheckedTransaction:
    """Its form, chain and signatures were checked: by `check_transaction`, here or elsewhere."""

    data: bytes
    hash: TransactionHash
    id: TransactionId
    transaction: Transaction[Any]
    signers: frozenset[PublicKey]

    @property
    def valid_until(self) -> TimeMs:
        """Last block time at which it may be committed."""
        return self.transaction.body.valid_until


def transaction_id(body: bytes) -> TransactionId:
    """SHA-256(domain ‖ canonical body)."""
    return TransactionId(digest(Domain.TRANSACTION_ID, body))


def signing_bytes(body: bytes) -> bytes:
    """What each signer signs."""
    return Domain.TRANSACTION_SIGNATURE.tag + body


def sign_body(body: Body[O], keys: Sequence[SigningKey]) -> Transaction[O]:
    """The transaction with a signature by each key."""
    message = signing_bytes(encode(body))
    entries = [SignatureEntry(key.public, key.sign(message)) for key in keys]
    return Transaction(body, tuple(sorted(entries, key=lambda entry: entry.key)))


def add_signature(transaction: Transaction[O], key: SigningKey) -> Transaction[O]:
    """The transaction with one more signature; a second one by the same key changes nothing."""
    others = [entry for entry in transaction.signatures if entry.key != key.public]
    own = SignatureEntry(key.public, key.sign(signing_bytes(encode(transaction.body))))
    return Transaction(transaction.body, tuple(sorted([*others, own], key=lambda entry: entry.key)))


def read_transaction(data: bytes, kind: Any) -> Transaction[Any]:  # noqa: ANN401 - a generic alias
    """A transaction in canonical form; `kind` is `Transaction[...]` over the known operations.

    Half-signed ones are fine: no signature is checked, there may be none.

    Raises:
        Malformed: too large, not canonical, an unknown operation, signatures out of order.
    """
    transaction: Transaction[Any] = decode(data, kind, limit=limits.TRANSACTION_BYTES_MAX)
    size = len(encode(transaction.body))
    if size > limits.TRANSACTION_BODY_BYTES_MAX:
        raise Malformed(
            f"a body of {size} bytes, at most {limits.TRANSACTION_BODY_BYTES_MAX} are allowed"
        )
    keys = [entry.key for entry in transaction.signatures]
    if any(a >= b for a, b in pairwise(keys)):
        raise Malformed("signatures must be strictly ascending by key, none twice")
    return transaction


def check_transaction(
    data: bytes,
    chain: ChainId,
    kind: Any,  # noqa: ANN401 - a generic alias
) -> CheckedTransaction:
    """Everything about a transaction that needs no state. Costs CPU; safe in threads.

    Raises:
        Malformed: as `read_transaction`.
        Rejected: unsigned, or meant for another chain.
        BadSignature: a signature does not verify.
    """
    transaction = read_transaction(data, kind)
    body = transaction.body
    if body.chain != chain:
        raise Rejected(
            WRONG_CHAIN,
            f"the transaction is for chain {body.chain.hex()}, this chain is {chain.hex()}",
            {"expected": chain.hex(), "actual": body.chain.hex()},
        )
    if not transaction.signatures:
        raise Rejected(
            UNSIGNED, "the transaction has no signature", {"expected": "at least 1", "actual": 0}
        )
    canonical = encode(body)
    message = signing_bytes(canonical)
    for entry in transaction.signatures:
        check_signature(entry.key, message, entry.signature)
    return CheckedTransaction(
        data=data,
        hash=transaction_hash(data),
        id=transaction_id(canonical),
        transaction=transaction,
        signers=frozenset(entry.key for entry in transaction.signatures),
    )


def checked_before(
    data: bytes,
    kind: Any,  # noqa: ANN401 - a generic alias
    *,
    hashed: TransactionHash,
    identifier: TransactionId,
) -> CheckedTransaction:
    """A transaction that `check_transaction` passed in another process of ours, decoded again."""
    transaction: Transaction[Any] = decode(data, kind, limit=limits.TRANSACTION_BYTES_MAX)
    signers = frozenset(entry.key for entry in transaction.signatures)
    return CheckedTransaction(data, hashed, identifier, transaction, signers)
