"""One act on a state, for tests of the kernel's parts."""

from ledger.act import Act, Deed, Work
from ledger.state import Overlay, StateReader
from primitives.ids import AccountId, ChainId, Height, PublicKey, TimeMs, TransactionId
from services.table import LAW


def act_of(
    state: Overlay | StateReader,
    actor: AccountId,
    *,
    chain: ChainId,
    time_ms: TimeMs,
    height: int | None = None,
    transaction: bytes = bytes(32),
    signers: frozenset[PublicKey] = frozenset(),
) -> Act:
    """`actor` in a transaction, in the block above a state or in `height`."""
    if not isinstance(state, Overlay):
        height = state.height + 1 if height is None else height
        state = Overlay(state)
    assert height is not None, "an overlay does not know its height"
    deed = Deed(
        state=state,
        law=LAW,
        block=Work(),
        chain=chain,
        signers=signers,
        transaction_id=TransactionId(transaction),
        height=Height(height),
        time_ms=time_ms,
    )
    return Act(deed, actor)
