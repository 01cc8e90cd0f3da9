"""Builders of certified pieces: validators with known keys, headers, certificates.

Keys come from seeds that everybody can read, so that every byte a test makes is reproducible.
"""

import hashlib
from collections.abc import Iterable

from primitives.block import Header
from primitives.certificate import Certificate, Seal
from primitives.crypto import Key, SigningKey
from primitives.domains import Domain
from primitives.ids import (
    ZERO32,
    BlockId,
    ChainId,
    Digest,
    Height,
    Seat,
    TimeMs,
    ValidatorKey,
    View,
)
from primitives.statements import VoteDomain, vote_bytes
from primitives.validators import ValidatorSet


def named_digest(name: str) -> Digest:
    """32 bytes that a test calls by a name."""
    return Digest(hashlib.sha256(name.encode()).digest())


def signing_key(name: str) -> SigningKey:
    """The key pair whose seed is SHA-256 of its name."""
    return SigningKey(hashlib.sha256(name.encode()).digest())


def validator_keys(count: int) -> list[SigningKey]:
    """`count` key pairs in the order of their seats."""
    keys = [signing_key(f"validator {number}") for number in range(count)]
    return sorted(keys, key=lambda key: key.public)


def validator_set(keys: Iterable[SigningKey]) -> ValidatorSet:
    """The set of these keys."""
    return ValidatorSet.of([ValidatorKey(key.public) for key in keys])


def sample_header() -> Header:
    """A header in which no two fields are equal."""
    return Header(
        chain=ChainId(named_digest("chain")),
        height=Height(12),
        parent=BlockId(named_digest("parent")),
        time_ms=TimeMs(1_795_342_503_000),
        proposer=ValidatorKey(signing_key("validator 0").public),
        transactions_root=named_digest("transactions"),
        state_root=named_digest("state"),
        receipts_root=named_digest("receipts"),
        validators_hash=named_digest("validators"),
        next_validators_hash=named_digest("next validators"),
    )


def genesis_header(
    validators: ValidatorSet, *, time_ms: TimeMs, state_root: Digest, empty_root: Digest
) -> Header:
    """Block 0 of a chain."""
    return Header(
        chain=ChainId(ZERO32),
        height=Height(0),
        parent=BlockId(ZERO32),
        time_ms=time_ms,
        proposer=ValidatorKey(ZERO32),
        transactions_root=empty_root,
        state_root=state_root,
        receipts_root=empty_root,
        validators_hash=validators.hash,
        next_validators_hash=validators.hash,
    )


def certify(
    keys: Iterable[Key],
    validators: ValidatorSet,
    *,
    chain: ChainId,
    height: Height,
    view: View,
    block: BlockId,
    domain: VoteDomain = Domain.COMMIT,
) -> Certificate:
    """A certificate signed by `keys`, in the order of their seats."""
    message = vote_bytes(domain, chain, height, view, block)
    seals = []
    for key in keys:
        seat = validators.seat(ValidatorKey(key.public))
        assert seat is not None, "only members sign"
        seals.append(Seal(seat=Seat(seat), signature=key.sign(message)))
    return Certificate(
        height=height,
        view=view,
        block_id=block,
        seals=tuple(sorted(seals, key=lambda seal: seal.seat)),
    )
