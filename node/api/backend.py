"""What the API needs from a node; `node.app` fulfils it, and so does the chain of one in tests."""

from collections.abc import Sequence
from typing import Protocol

from ledger.genesis import GenesisDocument
from node.config import LogLevel
from node.facts import Facts
from node.lag import Load
from node.link_status import PeerLink
from node.mempool import Held
from node.premises import Premises
from node.standing import SigningStatus
from node.status import NodeStatus
from primitives.errors import MithaqError
from primitives.ids import AccountId, Height, TransactionId
from storage.chain import ChainStore


class Backend(Protocol):
    """The public side: submitting, waiting, looking."""

    @property
    def store(self) -> ChainStore:
        """The chain; read in worker threads only."""
        ...

    @property
    def genesis(self) -> GenesisDocument:
        """What the network began with."""
        ...

    def status(self) -> NodeStatus:
        """Where the node stands now."""
        ...

    def facts(self) -> Facts:
        """What the node knows of this moment, for a diagnosis."""
        ...

    @property
    def load(self) -> Load:
        """What the API still does, with the loop as late as it is."""
        ...

    def shed(self, what: str) -> None:
        """A request was refused because of it."""
        ...

    def metrics(self) -> bytes:
        """Counters and times, in the text format of Prometheus."""
        ...

    async def submit(self, data: bytes) -> TransactionId:
        """Check a transaction's canonical bytes, hold it until it is in a block, and tell others.

        Submitting again what already waits changes nothing.

        Raises:
            RemoteFault: not a transaction, or a signature does not verify.
            Rejected: it may stand in no block, or there is no room; with the code.
        """
        ...

    async def submit_many(self, batch: Sequence[bytes]) -> list[TransactionId | MithaqError]:
        """`submit` each, in order; what it would raise stands in the place of the id."""
        ...

    def is_pending(self, identifier: TransactionId) -> bool:
        """Whether a transaction waits here. It does until its block is durable."""
        ...

    async def wait_final(self, identifier: TransactionId, timeout_s: float) -> bool:
        """Until a transaction is in a durable block, known or not yet known; False after the time.

        True at once where it already is.
        """
        ...

    async def next_block(self, height: Height) -> None:
        """Until the newest block is above `height`; at once where it is."""
        ...


class AdminBackend(Protocol):
    """The operator's side, reached through the socket in the node's folder only."""

    def status(self) -> NodeStatus:
        """Where the node stands now."""
        ...

    def peers(self) -> tuple[PeerLink, ...]:
        """The links to other nodes."""
        ...

    @property
    def premises(self) -> Premises:
        """The node's folder and database, for long work."""
        ...

    def set_log_level(self, level: LogLevel) -> None:
        """From now on log from this level, until the node stops."""
        ...

    def unfence(self, height: Height | None, by: str) -> SigningStatus:
        """Let a fenced or cloned validator sign from a height on, or look for one itself.

        Raises:
            Rejected: it is neither, or the height is decided.
        """
        ...

    def held(self) -> tuple[Held, ...]:
        """What waits for a block, oldest first."""
        ...

    def dismiss(self, account: AccountId, by: str) -> int:
        """Drop what an account has waiting here, and take no copies of it; how many there were."""
        ...

    def request_shutdown(self) -> None:
        """Begin to stop; returns at once."""
        ...
