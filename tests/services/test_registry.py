"""registry.stamp_document: what it records, and every way in which it says no."""

import pytest

from kit.ledger import Chain, account_id
from ledger.operation import sentence
from ledger.receipt import Outcome
from ledger.roles import MissingRole
from primitives.crypto import commitment
from primitives.ids import Digest
from services.registry.stamps import (
    STAMPS,
    AlreadyStamped,
    DocumentStamped,
    Stamp,
    StampAct,
    StampDocument,
    StampKey,
)

DOCUMENT = Digest(commitment(b"s" * 32, b"deed of sale"))


@pytest.fixture
def chain() -> Chain:
    return Chain.begin()


def test_anybody_stamps_a_time(chain: Chain) -> None:
    """The stamp holds the block's height and time."""
    tx = chain.act("health", StampDocument(DOCUMENT, StampAct.TIMESTAMP))

    (receipt,) = chain.block(tx)

    assert receipt.events == (DocumentStamped(DOCUMENT, account_id("health"), StampAct.TIMESTAMP),)
    key = StampKey(DOCUMENT, account_id("health"), StampAct.TIMESTAMP)
    assert STAMPS.read(chain.state, key) == Stamp(tx.id, chain.state.height, chain.time_ms)


def test_a_notary_certifies_a_copy(chain: Chain) -> None:
    """Nobody else does."""
    operation = StampDocument(DOCUMENT, StampAct.CERTIFY_COPY)

    notary, other = chain.block(chain.act("notary", operation), chain.act("health", operation))

    assert notary.outcome is Outcome.APPLIED
    assert other.refusal == MissingRole(account_id("health"), "notary", None)


def test_the_same_stamp_twice_is_refused(chain: Chain) -> None:
    """With the transaction that has it already: the earlier time is not replaced."""
    operation = StampDocument(DOCUMENT, StampAct.TIMESTAMP)
    first = chain.act("health", operation)
    chain.block(first)

    (receipt,) = chain.block(chain.act("health", operation))

    assert receipt.refusal == AlreadyStamped(
        DOCUMENT, account_id("health"), StampAct.TIMESTAMP, first.id
    )
    assert sentence(receipt.refusal).endswith(f"as timestamp in transaction {first.id.hex()}.")


def test_nobody_can_stamp_in_anothers_place(chain: Chain) -> None:
    """The same commitment is stamped by another account, and as another act."""
    receipts = chain.block(
        chain.act("works", StampDocument(DOCUMENT, StampAct.TIMESTAMP)),
        chain.act("notary", StampDocument(DOCUMENT, StampAct.TIMESTAMP)),
        chain.act("notary", StampDocument(DOCUMENT, StampAct.CERTIFY_COPY)),
    )

    assert {receipt.outcome for receipt in receipts} == {Outcome.APPLIED}
    assert len(list(STAMPS.scan(chain.state, prefix=DOCUMENT, limit=9))) == 3


def test_only_the_commitment_stands_on_chain(chain: Chain) -> None:
    """Neither salt nor document; another salt is another commitment."""
    tx = chain.act("health", StampDocument(DOCUMENT, StampAct.TIMESTAMP))

    chain.block(tx)

    everything = tx.data + b"".join(chain.state.rows.values())
    assert b"deed of sale" not in everything
    assert b"s" * 32 not in everything
    assert commitment(b"t" * 32, b"deed of sale") != DOCUMENT
