"""Evidence of every kind, made with a validator's key: what no honest node ever signs."""

import hashlib

from primitives.crypto import Key
from primitives.domains import Domain
from primitives.evidence import Evidence, evidence_of
from primitives.ids import NO_VIEW, ZERO32, BlockId, ChainId, Height, ValidatorKey, View
from primitives.statements import VoteDomain, Witness, view_change_bytes, vote_bytes

HEIGHT = 12


def some_block(name: str) -> BlockId:
    """The id of a block that a test calls by this name."""
    return BlockId(hashlib.sha256(f"block {name}".encode()).digest())


def vote(
    key: Key, chain: ChainId, domain: VoteDomain, name: str, *, height: int = HEIGHT, view: int = 0
) -> Witness:
    """A pre-prepare, a prepare or a commit for a block."""
    data = vote_bytes(domain, chain, Height(height), View(view), some_block(name))
    return Witness(data, key.sign(data))


def view_change(
    key: Key,
    chain: ChainId,
    view: int,
    claim: tuple[int, str] | None = None,
    *,
    height: int = HEIGHT,
) -> Witness:
    """A view change that claims a block of a view, or nothing."""
    claimed = (View(claim[0]), some_block(claim[1])) if claim else (NO_VIEW, BlockId(ZERO32))
    data = view_change_bytes(chain, Height(height), View(view), *claimed)
    return Witness(data, key.sign(data))


def two_prepares(key: Key, chain: ChainId, *, height: int = HEIGHT, view: int = 0) -> Evidence:
    """E2, the plainest: one view, two blocks."""
    pair = [vote(key, chain, Domain.PREPARE, name, height=height, view=view) for name in ("A", "B")]
    return evidence_of(ValidatorKey(key.public), pair[0], pair[1])


def pieces_of_evidence(key: Key, chain: ChainId, *, height: int = HEIGHT) -> dict[str, Evidence]:
    """One of each kind, by its kind."""

    def of(domain: VoteDomain, name: str, view: int) -> Witness:
        return vote(key, chain, domain, name, height=height, view=view)

    def asks(view: int, claim: tuple[int, str] | None = None) -> Witness:
        return view_change(key, chain, view, claim, height=height)

    pairs = {
        "E1": (of(Domain.PRE_PREPARE, "A", 4), of(Domain.PRE_PREPARE, "B", 4)),
        "E2": (of(Domain.PREPARE, "A", 0), of(Domain.PREPARE, "B", 0)),
        "E3": (of(Domain.COMMIT, "A", 2**31 - 1), of(Domain.COMMIT, "B", 2**31 - 1)),
        "E4": (asks(3), asks(3, (1, "A"))),
        "E5": (of(Domain.COMMIT, "A", 2), asks(3, (1, "A"))),
        "E6": (of(Domain.PREPARE, "A", 1), of(Domain.COMMIT, "B", 1)),
    }
    signer = ValidatorKey(key.public)
    return {kind: evidence_of(signer, *pair) for kind, pair in pairs.items()}
