"""Nodes without a vote, and their consents."""

from kit.ledger import account_id, key
from ledger.observers import Consent, ObserverRecord, consent_statement
from primitives.ids import ChainId, NodeKey, TimeMs


def node_key(name: str) -> NodeKey:
    """The node key of an observer."""
    return NodeKey(key(f"node of {name}").public)


def observer(name: str, account: str = "health") -> ObserverRecord:
    """An observer that the account of a name answers for."""
    return ObserverRecord(name, node_key(name), account_id(account))


def consent(
    chain: ChainId, record: ObserverRecord, *, valid_until: TimeMs, by: str | None = None
) -> Consent:
    """The word of a node: its own, or signed by the node of another name."""
    signer = key(f"node of {by or record.name}")
    signature = signer.sign(consent_statement(chain, record, valid_until))
    return Consent(record, valid_until, signature)
