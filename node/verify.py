"""The gate in front of the core: is this statement its author's? (rules R3-R5)

Members, seats, views, signatures and certificates, in the order of their cost. Whether the author
may say it is the core's business. What fails is the fault of whoever delivered it (rule R32).
"""

from typing import Final, final

from consensus.justification import Unjustified, check_justified
from consensus.messages import Commit, Prepare, PrePrepare, ViewChange
from primitives import limits
from primitives.block import Block, block_id, body_bytes, transaction_hash, transactions_root
from primitives.certificate import Certificate, check_shape
from primitives.crypto import Scheme, check_certificate
from primitives.domains import Domain
from primitives.errors import BadBlock, Malformed
from primitives.ids import NO_VIEW, ZERO32, BlockId, ChainId, Height, Seat, TransactionHash
from primitives.statements import VoteDomain, Witness, view_change_bytes, vote_bytes
from primitives.validators import ValidatorSet


@final
class KnownGood:
    """A scheme that judges a signature which it found good a moment ago by looking it up.

    A proposal of a later view, or a view change, carries the signatures of a quorum or two. They
    are good, and anybody can bring them again and again. For one thread.
    """

    def __init__(self, scheme: Scheme) -> None:
        self._scheme = scheme
        self._good: dict[tuple[bytes, bytes, bytes], None] = {}

    def check(self, key: bytes, message: bytes, signature: bytes) -> None:
        """Raises:
        BadSignature: `signature` is not `key`'s over `message`.
        """
        asked = (key, message, signature)
        if asked in self._good:
            return
        self._scheme.check(*asked)
        self._good[asked] = None
        if len(self._good) > limits.SIGNATURES_KNOWN_MAX:
            del self._good[next(iter(self._good))]


@final
class Gate:
    """What every remote statement passes: of one chain, under one signature scheme."""

    def __init__(self, chain: ChainId, scheme: Scheme) -> None:
        self.chain: Final = chain
        self.scheme: Final = scheme

    def vote(self, vote: Prepare | Commit, validators: ValidatorSet) -> Witness:
        """A prepare or a commit of a member.

        Raises:
            Malformed: no such seat.
            BadSignature: not its signature.
        """
        domain: VoteDomain = Domain.PREPARE if isinstance(vote, Prepare) else Domain.COMMIT
        statement = vote_bytes(domain, self.chain, vote.height, vote.view, vote.block_id)
        self.scheme.check(_key(vote.seat, validators), statement, vote.signature)
        return Witness(statement, vote.signature)

    def pre_prepare(self, message: PrePrepare, validators: ValidatorSet) -> Witness:
        """A pre-prepare of the primary of its view, justified, every attachment its author's.

        What needs no key comes first (R5), then the primary's signature, then the others'. Nobody
        honest relays a proposal that is not justified.

        Raises:
            Malformed: not justified (R13, R14), or an attachment outside its bounds.
            BadSignature: one that does not verify.
        """
        try:
            check_justified(message, validators.size)
        except Unjustified as error:
            raise Malformed(f"a proposal that is not justified: {error}") from error
        for change in message.view_changes:
            if change.prepared is not None:
                raise Malformed("a view change in a proposal carries no certificate of its own")
            _check_claim(change, validators)
        if message.prepared is not None:
            check_shape(message.prepared, validators.size)
        statement = vote_bytes(
            Domain.PRE_PREPARE, self.chain, message.height, message.view, message.block_id
        )
        primary = validators.primary(message.height, message.view)
        self.scheme.check(primary, statement, message.signature)
        for change in message.view_changes:
            self._change(change, validators)
        if message.prepared is not None:
            check_certificate(message.prepared, Domain.PREPARE, self.chain, validators, self.scheme)
        return Witness(statement, message.signature)

    def view_change(self, message: ViewChange, validators: ValidatorSet) -> Witness:
        """A view change of a member, whose claim its certificate proves (rule R26).

        Raises:
            Malformed: no such seat, a claim not below its view, or not what the certificate proves.
            BadSignature: a signature that does not verify.
        """
        _check_claim(message, validators)
        certificate = message.prepared
        if certificate is None:
            if message.prepared_view != NO_VIEW:
                raise Malformed(f"a claim of view {message.prepared_view} without a certificate")
            return self._change(message, validators)
        claimed = (message.height, message.prepared_view, message.prepared_id)
        proved = (certificate.height, certificate.view, certificate.block_id)
        if proved != claimed:
            raise Malformed(f"a certificate for {proved[:2]}, the claim is {claimed[:2]}")
        check_shape(certificate, validators.size)
        witness = self._change(message, validators)
        check_certificate(certificate, Domain.PREPARE, self.chain, validators, self.scheme)
        return witness

    def _change(self, change: ViewChange, validators: ValidatorSet) -> Witness:
        statement = view_change_bytes(
            self.chain, change.height, change.view, change.prepared_view, change.prepared_id
        )
        self.scheme.check(_key(change.seat, validators), statement, change.signature)
        return Witness(statement, change.signature)

    def decided(self, certificate: Certificate, height: Height, validators: ValidatorSet) -> None:
        """A commit certificate of this height.

        Raises:
            Malformed: of another height, or not a quorum of members.
            BadSignature: a signature that does not verify.
        """
        if certificate.height != height:
            raise Malformed(f"a certificate of height {certificate.height}, expected {height}")
        check_certificate(certificate, Domain.COMMIT, self.chain, validators, self.scheme)


def check_body(block: Block, identifier: BlockId) -> tuple[TransactionHash, ...]:
    """That these are the header and the transactions behind a block id; returns their hashes.

    Raises:
        BadBlock: the deliverer sent something else.
    """
    actual = block_id(block.header)
    if actual != identifier:
        raise BadBlock(f"the header hashes to {actual.hex()}, expected {identifier.hex()}")
    size = body_bytes(block.transactions)
    if size > limits.BLOCK_BYTES_MAX:
        raise BadBlock(
            f"transactions of {size} bytes, at most {limits.BLOCK_BYTES_MAX} are allowed"
        )
    hashes = tuple(transaction_hash(data) for data in block.transactions)
    root = transactions_root(hashes)
    if root != block.header.transactions_root:
        raise BadBlock(
            f"the transactions have root {root.hex()}, "
            f"the header says {block.header.transactions_root.hex()}"
        )
    return hashes


def _check_claim(change: ViewChange, validators: ValidatorSet) -> None:
    """What a view change says, as far as it needs no key."""
    _key(change.seat, validators)
    if (change.prepared_view == NO_VIEW) != (change.prepared_id == ZERO32):
        raise Malformed("a view change names a prepared view and a prepared block, or neither")
    if change.prepared_view >= change.view:
        raise Malformed(f"a claim of view {change.prepared_view} in one for view {change.view}")


def _key(seat: Seat, validators: ValidatorSet) -> bytes:
    if seat >= validators.size:
        raise Malformed(f"seat {seat} of {validators.size} validators")
    return validators.keys[seat]
