"""What an engine stands on; the composition root and the tests put it together."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, final

from consensus.effects import Effect
from consensus.events import Event, Link
from node.signer import Signer
from primitives.crypto import Scheme
from primitives.ids import ChainId, NodeKey
from storage.chain import ChainStore


def unobserved(_event: Event, _effects: Sequence[Effect]) -> None:
    """Nobody looks on."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """What an engine stands on. `clock` gives seconds and only measures execution."""

    chain: ChainId
    kind: Any
    """The kind of transactions, services.table.TRANSACTION."""
    store: ChainStore
    scheme: Scheme
    """How signatures of validators are judged."""
    signer: Signer | None
    """None at an observer."""
    node_key: NodeKey
    """This node's own, by which the chain names it."""
    link_of: Callable[[NodeKey], Link]
    """The link to a node, whether there is one or not."""
    clock: Callable[[], float]
    observe: Callable[[Event, Sequence[Effect]], None] = unobserved
    """Told of every step of the replica before its effects are done; it must change nothing."""
