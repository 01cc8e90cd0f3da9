"""Registry: a document existed before a time, and who stood for it.

Only a salted commitment stands on chain: SHA-256(COMMITMENT ‖ salt ‖ document). Without the salt,
which stays with whoever holds the document, nothing can be learned from it, not even that a known
document was stamped.
"""

from enum import Enum, unique
from typing import Annotated, Final, NamedTuple, final

from msgspec import Meta, Struct

from ledger.act import Act
from ledger.operation import Event, Operation, Refusal
from ledger.query import After, Limit, Page, Query, Reading
from ledger.roles import NOTARY
from ledger.state import Table
from primitives.ids import AccountId, Digest, Height, Natural, Sized32, TimeMs, TransactionId


@unique
class StampAct(Enum):
    """What a stamp says."""

    TIMESTAMP = "timestamp"
    """The document existed at the block's time. Anybody may say so."""
    CERTIFY_COPY = "certify_copy"
    """The document is a true copy of an original that a notary saw."""


@final
class Stamp(Struct, array_like=True, frozen=True):
    """The row of a stamp."""

    transaction: Sized32[TransactionId]
    height: Natural[Height]
    time_ms: Natural[TimeMs]


class StampKey(NamedTuple):
    """What a stamp is found by. With its author in it, nobody can take another's place."""

    commitment: Digest
    by: AccountId
    act: StampAct


def _key(key: StampKey) -> bytes:
    return key.commitment + key.by + key.act.value.encode("ascii")


STAMPS: Final = Table[StampKey, Stamp](64, "stamps", _key, Stamp)


@final
class AlreadyStamped(Refusal, tag="registry.already_stamped", frozen=True):
    """Account {by} already stamped {commitment} as {act} in transaction {transaction}."""

    commitment: Sized32[Digest]
    by: Sized32[AccountId]
    act: StampAct
    transaction: Sized32[TransactionId]


@final
class DocumentStamped(Event, tag="registry.document_stamped", frozen=True):
    """Account {by} stamped {commitment} as {act}."""

    commitment: Sized32[Digest]
    by: Sized32[AccountId]
    act: StampAct


@final
class StampDocument(Operation, tag="registry.stamp_document", frozen=True):
    """Put a document's salted commitment on record, with the block's time.

    Anybody may stamp a time; certifying a copy needs the role notary.
    """

    delegable = True

    commitment: Annotated[
        Digest,
        Meta(min_length=32, max_length=32, description="SHA-256(domain ‖ salt ‖ document)"),
    ]
    act: Annotated[StampAct, Meta(description="what the stamp says")]

    def apply(self, act: Act) -> None:
        """Write the stamp."""
        if self.act is StampAct.CERTIFY_COPY:
            act.require_role(NOTARY)
        key = StampKey(self.commitment, act.actor, self.act)
        earlier = act.state[STAMPS].find(key)
        if earlier is not None:
            act.refuse(AlreadyStamped(self.commitment, act.actor, self.act, earlier.transaction))

        act.state[STAMPS][key] = Stamp(act.transaction_id, act.height, act.time_ms)
        act.emit(DocumentStamped(self.commitment, act.actor, self.act))


@final
class StampRow(Struct, frozen=True, kw_only=True):
    """A stamp: `by` says `act` of the document behind the commitment."""

    commitment: Sized32[Digest]
    by: Sized32[AccountId]
    act: StampAct
    time_ms: Natural[TimeMs]
    height: Natural[Height]
    transaction: Sized32[TransactionId]


@final
class Stamps(Query, tag="registry.stamps", frozen=True, kw_only=True):
    """Stamps of documents, in the order of their commitments; of one document, or of one author.

    A page may have fewer rows than it could while there are more: it ends after 20,000 stamps.
    """

    commitment: (
        Annotated[Digest, Meta(min_length=32, max_length=32, description="only of this commitment")]
        | None
    )
    by: (
        Annotated[
            AccountId, Meta(min_length=32, max_length=32, description="only stamps of this account")
        ]
        | None
    )
    after: After | None
    limit: Limit | None

    def answer(self, reading: Reading) -> Page[StampRow]:
        """List."""

        def row(key: bytes, stamp: Stamp) -> StampRow | None:
            by = AccountId(key[32:64])
            if self.by not in (None, by):
                return None
            return StampRow(
                commitment=Digest(key[:32]),
                by=by,
                act=StampAct(key[64:].decode("ascii")),
                time_ms=stamp.time_ms,
                height=stamp.height,
                transaction=stamp.transaction,
            )

        return reading.list(
            STAMPS, row, prefix=self.commitment or b"", after=self.after, limit=self.limit
        )
