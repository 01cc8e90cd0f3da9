"""Checking the blocks of a range ahead of their execution, as far as that needs no state (R70).

A certificate is checked under the validators whose hash the block's header names, as far ahead as
those are known: the sets of the height at hand and the next are, and one set governs until a header
names another. A liar may name a set that is not that height's. Therefore a block goes to the engine
with the hash of the set that it was checked under, and the engine believes the check only if that
is the set of its own state.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final, final

from consensus.events import Link
from node.bodies import CheckedBlock, Lookup, check_block
from node.catchup_plan import Held, Question
from node.execution import Parent
from node.questions import Certified, RangeAnswer
from node.verify import Gate
from primitives import limits
from primitives.block import body_bytes
from primitives.certificate import Certificate
from primitives.codec import decode, encode
from primitives.errors import BadBlock, Malformed, RemoteFault
from primitives.ids import Digest, Height
from primitives.validators import ValidatorSet

RUN_BLOCKS: Final = 64
"""Blocks that a thread checks at a time, however small: what was found is known soon."""
_BLOCK_BYTES: Final = 1024
_TRANSACTION_BYTES: Final = 64
"""What Python needs for them besides their bytes."""


@final
@dataclass(frozen=True, slots=True)
class Proven:
    """A block whose transactions were checked, and its certificate under a set of validators."""

    link: Link
    body: CheckedBlock
    certificate: Certificate
    validators_hash: Digest
    size: int

    @property
    def height(self) -> Height:
        """The height that its header states."""
        return self.body.block.header.height


@final
@dataclass(frozen=True, slots=True)
class Lie:
    """What no honest node would have sent, and enough to recognise it by."""

    link: Link
    height: Height
    fault: RemoteFault
    sent: str
    """SHA-256 over the bytes that came."""


def read_answer(data: bytes, asked: Question) -> tuple[RangeAnswer, tuple[Held, ...]]:
    """The answer to a question, if it is one. Safe in threads.

    Raises:
        Malformed: not an answer, or other heights than those that were asked for.
    """
    found = decode(data, RangeAnswer, limit=limits.RESPONSE_BYTES_MAX)
    if len(found.blocks) > asked.count:
        raise Malformed(f"{len(found.blocks)} blocks, asked for at most {asked.count}")
    for at, one in enumerate(found.blocks):
        height = one.block.header.height
        if height != asked.first + at:
            raise Malformed(f"a block of height {height}, expected {asked.first + at}")
    return found, tuple(held(asked.link, one) for one in found.blocks)


def held(link: Link, one: Certified, *, is_relayed: bool = False) -> Held:
    """A block as the plan holds it."""
    transactions = one.block.transactions
    size = body_bytes(transactions) + _TRANSACTION_BYTES * len(transactions) + _BLOCK_BYTES
    return Held(link, one, size, is_relayed)


def fingerprint(data: bytes) -> str:
    """For the log: what came, without its content."""
    return sha256(data).hexdigest()


def caught(one: Held, fault: RemoteFault) -> Lie:
    """That this block was sent."""
    return Lie(one.link, one.height, fault, fingerprint(encode(one.certified)))


def governs(parent: Parent, height: Height, named: Digest) -> ValidatorSet | None:
    """The set to check a height under whose header names this one; None if it is not known yet."""
    if height == parent.height or named == parent.validators.hash:
        return parent.validators
    return parent.next_validators if named == parent.next_validators.hash else None


@final
class Checker:
    """Of one chain. Safe in threads."""

    def __init__(
        self,
        gate: Gate,
        *,
        kind: Any,  # noqa: ANN401 - a generic alias, as in ledger.transaction
        known: Lookup,
    ) -> None:
        self._gate, self._kind, self._known = gate, kind, known

    def check(
        self, run: Sequence[Held], validators: ValidatorSet
    ) -> tuple[list[Proven], tuple[Held, RemoteFault] | None]:
        """Blocks in a row under one set, up to the first that is none of the chain."""
        proven: list[Proven] = []
        for one in run:
            try:
                proven.append(self._check(one, validators))
            except RemoteFault as fault:
                return proven, (one, fault)
        return proven, None

    def _check(self, one: Held, validators: ValidatorSet) -> Proven:
        block, certificate = one.certified.block, one.certified.certificate
        named, height = block.header.validators_hash, one.height
        if named != validators.hash:
            raise BadBlock(
                f"height {height}: validators hash {named.hex()}, expected {validators.hash.hex()}"
            )
        self._gate.decided(certificate, height, validators)
        body = check_block(
            block,
            certificate.block_id,
            chain=self._gate.chain,
            kind=self._kind,
            known=self._known,
        )
        return Proven(one.link, body, certificate, validators.hash, one.size)
