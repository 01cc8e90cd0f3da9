"""Builders for intents: calls that are kept, and what is said to them."""

from kit.ledger import Chain, account_id
from ledger.intents import INTENTS, Intent
from ledger.operation import Operation
from ledger.policy import Policy
from ledger.transaction import Call
from primitives.codec import encode
from primitives.ids import Digest, TimeMs
from services.consent import IntentOpened, OpenIntent

HOUR_MS = 3_600_000


def kept(*calls: tuple[str, Operation]) -> bytes:
    """Calls of the accounts of these names, as they are kept."""
    return encode(tuple(Call(account_id(actor), operation) for actor, operation in calls))


def asks(
    chain: Chain, policy: Policy, *calls: tuple[str, Operation], lasts_ms: int = HOUR_MS
) -> OpenIntent:
    """An intent that expires so long after the chain's last block."""
    return OpenIntent(
        calls=kept(*calls), policy=policy, expires_ms=TimeMs(chain.time_ms + lasts_ms)
    )


def opened(chain: Chain, opener: str, operation: OpenIntent, signer: str | None = None) -> Digest:
    """Open an intent in a block of its own; its id."""
    body = chain.body((opener, operation))
    (receipt,) = chain.block(chain.check(body, signer or opener))
    (event, *_) = receipt.events
    assert isinstance(event, IntentOpened)
    return event.intent


def intent_of(chain: Chain, name: Digest) -> Intent:
    """The row of an intent."""
    row = INTENTS.read(chain.state, name)
    assert row is not None
    return row
