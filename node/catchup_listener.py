"""What comes of catching up: blocks for the engine, lines for the log, counts, and penalties."""

from collections.abc import Callable
from typing import Final, final

from node.catchup_check import Lie, Proven
from node.log import Log
from node.metrics import Metrics
from p2p.peers import PeerId
from primitives.errors import RemoteFault

_ALARMS: Final = {
    "chain.out_of_reach": "no peer that is ahead keeps this block; a snapshot or a backup leads on",
    "catchup.disbelieved": "it has nothing of the blocks that it said it has",
}
"""Events that an operator should read, with the reason that they are told."""


@final
class CatchupListener:
    """Fulfils `node.catchup.Listener`."""

    def __init__(
        self,
        follow: Callable[[Proven], None],
        penalise: Callable[[PeerId, RemoteFault], None],
        log: Log,
        metrics: Metrics,
    ) -> None:
        """`penalise` pauses a peer at once: what it did has a proof."""
        self.follow = follow
        self._penalise, self._log, self._metrics = penalise, log, metrics

    def caught(self, lie: Lie) -> None:
        """Say who sent what, so that its operator can be asked, and end its links for a while."""
        self._log.write.error(
            "catchup.lie",
            peer=lie.link,
            height=lie.height,
            kind=type(lie.fault).__name__,
            reason=str(lie.fault),
            sent_sha256=lie.sent,
        )
        self._penalise(PeerId(lie.link), lie.fault)

    def asked(self, outcome: str) -> None:
        """Count a question by how it ended."""
        self._metrics.asked(outcome)

    def say(self, event: str, **facts: object) -> None:
        """A line, loud where somebody must do something."""
        reason = _ALARMS.get(event)
        if reason is None:
            self._log.write.info(event, **facts)
        else:
            self._log.write.error(event, **facts, reason=reason)
