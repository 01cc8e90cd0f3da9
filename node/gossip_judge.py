"""Which gossiped payloads go any further: decided blocks, with a quorum behind them, once each.

Whoever gossips is believed nothing (rule R71). Before a payload is heard or passed on, it must be
a decided block whose body is the certificate's and whose certificate a quorum signed (R4, R22). So
an honest node passes on nothing that its neighbours could blame it for, and what is invalid is the
fault of whoever passed it on.

A validator decides a height mostly before its gossip comes; it still passes it on, for the sake of
those who only follow. The second copy of a height's block, under whatever certificate, ends here
without a signature checked: one is enough for everybody.
"""

from collections.abc import Callable
from typing import TypeVar, final

from node import wire
from node.execution import Parent
from node.verify import Gate, check_body
from primitives import limits
from primitives.errors import Malformed, RemoteFault
from primitives.ids import BlockId, Height
from primitives.validators import ValidatorSet

_Value = TypeVar("_Value")


@final
class GossipJudge:
    """One node's. `parent` is what its state says about the height at hand and the next."""

    def __init__(self, gate: Gate, parent: Callable[[], Parent]) -> None:
        self._gate = gate
        self._parent = parent
        self._sets: dict[Height, ValidatorSet] = {}
        """Of the latest heights: gossip of a height comes when it is decided here already."""
        self._passed: dict[Height, BlockId] = {}

    def passes(self, payload: bytes) -> bool:
        """Whether a payload goes further.

        Raises:
            RemoteFault: no honest node would have passed it on.
        """
        if wire.is_foreign(payload):
            return False
        message = wire.read(payload)
        if not isinstance(message, wire.Decided):
            kind = type(message).__name__
            raise Malformed(f"{kind} on the topic of decided blocks, expected Decided")
        certificate, height = message.certificate, message.certificate.height
        parent = self._parent()
        is_old = height + limits.GOSSIP_HEIGHTS_KEPT <= parent.height
        if is_old or self._passed.get(height) == certificate.block_id:
            return False
        check_body(message.block, certificate.block_id)
        _keep(self._sets, parent.height, parent.validators)
        _keep(self._sets, Height(parent.height + 1), parent.next_validators)
        known = self._sets.get(height)
        try:
            self._gate.decided(certificate, height, known or parent.next_validators)
        except RemoteFault:
            if known is None:  # others may vote there than we know of
                return False
            raise
        _keep(self._passed, height, certificate.block_id)
        return True


def _keep(table: dict[Height, _Value], height: Height, value: _Value) -> None:
    table[height] = value
    if len(table) > limits.GOSSIP_HEIGHTS_KEPT:
        del table[min(table)]
