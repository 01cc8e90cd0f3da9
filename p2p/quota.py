"""What one peer may cost us each second: bytes and messages that we read, answers that we write.

Nothing is refused: whoever is over a share is read later, so that its own window fills and it waits
(back-pressure), while everybody else is read. A share can be saved up for `QUOTA_BURST_S`.

A validator's share is beyond what consensus and a saturated mempool need. Who only follows hears
blocks and passes on what clients submit: its share is small, so that an admitted but hostile
observer costs each validator a tenth of a core at the most.

Only connections are refused beyond a rate, as no honest peer begins them one after the other.

Counted are messages (a payload of a link or a topic, a question), their bytes, and the bytes of
answers to the peer's questions. What we asked for ourselves is free.
"""

from dataclasses import dataclass
from typing import Final

import trio

from p2p.bucket import Bucket
from primitives import limits


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """What a kind of peer may cost, each second."""

    bytes_per_s: float
    messages_per_s: float
    answer_bytes_per_s: float


VALIDATOR: Final = Share(
    bytes_per_s=limits.VALIDATOR_BYTES_PER_SECOND,
    messages_per_s=limits.VALIDATOR_MESSAGES_PER_SECOND,
    answer_bytes_per_s=limits.VALIDATOR_ANSWER_BYTES_PER_SECOND,
)
FOLLOWER: Final = Share(
    bytes_per_s=limits.FOLLOWER_BYTES_PER_SECOND,
    messages_per_s=limits.FOLLOWER_MESSAGES_PER_SECOND,
    answer_bytes_per_s=limits.FOLLOWER_ANSWER_BYTES_PER_SECOND,
)


class Quota:
    """One peer's buckets. Whoever reads or writes for the peer pays here, and may have to wait."""

    def __init__(self) -> None:
        self._connections = Bucket(limits.CONNECTIONS_PER_MINUTE / 60, limits.CONNECTIONS_AT_ONCE)
        self.throttled_s = 0.0
        """How long reading and answering waited, all streams together."""
        self._set(VALIDATOR)

    @property
    def share(self) -> Share:
        """What holds now; a peer may become a validator, or cease to be one."""
        return self._share

    @share.setter
    def share(self, share: Share) -> None:
        if share != self._share:
            self._set(share)

    def _set(self, share: Share) -> None:
        self._share = share
        self._bytes = _bucket(share.bytes_per_s)
        self._messages = _bucket(share.messages_per_s)
        self._answers = _bucket(share.answer_bytes_per_s)

    def may_connect(self) -> bool:
        """Whether it may begin one more connection now; counts it."""
        now = trio.current_time()
        if not self._connections.has(now):
            return False
        self._connections.take(1, now)
        return True

    async def read_bytes(self, count: int) -> None:
        """So many bytes were read that we did not ask for."""
        await self._pay(self._bytes, count)

    async def read_message(self) -> None:
        """A payload was read, or a stream opened."""
        await self._pay(self._messages, 1)

    async def write_answer(self, count: int) -> None:
        """So many bytes of an answer are to be written."""
        await self._pay(self._answers, count)

    async def _pay(self, bucket: Bucket, amount: int) -> None:
        wait_s = bucket.take(amount, trio.current_time())
        if wait_s > 0:
            self.throttled_s += wait_s
            await trio.sleep(wait_s)


def _bucket(per_second: float) -> Bucket:
    return Bucket(per_second, per_second * limits.QUOTA_BURST_S)
