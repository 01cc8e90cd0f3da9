"""The state machine: a block's transactions on an overlay, giving receipts and the next state.

```
run = BlockRun(state, chain=..., height=..., time_ms=...)
for tx in transactions:  run.admit(tx);  run.apply(tx)
execution = run.finish()
```

The primary builds with it and everybody checks with it. It is deterministic: same state, same
transactions, same execution, byte for byte. `admit` and `apply` raise `Rejected` for what may
stand in no block: a builder leaves that transaction out, a checker calls the block bad.

Invariants: a refused transaction leaves nothing but its receipt; what a block does to the balances
of an asset it does to its supply; an exception that is neither `Refused` nor `Rejected` is our bug.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, final

from ledger import tree
from ledger.act import Act
from ledger.books import check_supply
from ledger.operation import Event, Refused
from ledger.parameters import parameters
from ledger.receipt import Outcome, Receipt, receipts_root
from ledger.state import Overlay, Slot, StateReader
from ledger.touched import accounts_touched
from ledger.transaction import (
    ALREADY_COMMITTED,
    EXPIRED,
    SUPERFLUOUS_SIGNATURE,
    TOO_FAR_AHEAD,
    WRONG_CHAIN,
    CheckedTransaction,
)
from ledger.window import (
    WINDOW_IDS,
    CommittedId,
    WindowIds,
    forgotten_by,
    ids_hash,
    past_heights,
)
from primitives.codec import encode
from primitives.errors import Rejected
from primitives.ids import AccountId, ChainId, Digest, Height, PublicKey, TimeMs, TransactionId


@final
@dataclass(frozen=True, slots=True)
class Execution:
    """What a block does: all that its header claims, and all that storage writes."""

    receipts: tuple[bytes, ...]
    receipts_root: Digest
    state_root: Digest
    state_writes: Mapping[Slot, bytes | None]
    node_writes: Mapping[bytes, bytes]
    committed: tuple[CommittedId, ...]
    touched: tuple[tuple[AccountId, ...], ...]
    """For each transaction, the accounts that it names."""
    forget_before: TimeMs
    """Ids that were valid until an earlier time are remembered no longer: neither could they be
    committed again, nor does a list of the window's ids need them (ledger/window.py)."""


@final
class BlockRun:
    """One block being built or checked. The only writer of its overlay."""

    def __init__(
        self, state: StateReader, *, chain: ChainId, height: Height, time_ms: TimeMs
    ) -> None:
        assert height == state.height + 1, f"height {height} on the state of {state.height}"
        self._state = state
        self._chain = chain
        self._height = height
        self._time_ms = time_ms
        self._window_ms = parameters(state).window_ms
        self._overlay = Overlay(state)
        self._receipts: list[bytes] = []
        self._committed: dict[TransactionId, TimeMs] = {}
        self._touched: list[tuple[AccountId, ...]] = []

    def admit(self, tx: CheckedTransaction) -> None:
        """Whether a transaction may stand in this block, from its body and the window.

        Raises:
            Rejected: wrong chain, expired, too far ahead, or committed before (here or earlier).
        """
        chain, until, now = tx.transaction.body.chain, tx.valid_until, self._time_ms
        if chain != self._chain:
            raise Rejected(
                WRONG_CHAIN,
                f"the transaction is for chain {chain.hex()}, this chain is {self._chain.hex()}",
                {"expected": self._chain.hex(), "actual": chain.hex()},
            )
        if until < now:
            raise Rejected(
                EXPIRED,
                f"valid until {until}, the block's time is {now}",
                {"expected": f"at least {now}", "actual": until},
            )
        if until > now + self._window_ms:
            raise Rejected(
                TOO_FAR_AHEAD,
                f"valid until {until}, at most {now + self._window_ms} at the block's time {now}",
                {"expected": f"at most {now + self._window_ms}", "actual": until},
            )
        if tx.id in self._committed or self._state.is_committed(until, tx.id):
            raise Rejected(
                ALREADY_COMMITTED,
                f"transaction {tx.id.hex()} is already committed",
                {"transaction": tx.id.hex()},
            )

    def apply(self, tx: CheckedTransaction) -> Receipt[Any, Any]:
        """Execute an admitted transaction: all its calls, or a refusal and no trace.

        Raises:
            Rejected: an account's threshold is not reached, or a signature is superfluous; nothing
                changed.
        """
        assert tx.id not in self._committed, "a transaction is admitted before it is applied"
        receipt = self._execute(tx)
        self._overlay.keep()
        self._receipts.append(encode(receipt))
        self._committed[tx.id] = tx.valid_until
        self._touched.append(accounts_touched(tx.transaction, receipt.events))
        return receipt

    @property
    def written(self) -> Collection[Slot]:
        """The entries that the transaction wrote that was applied last; none if it was refused."""
        return self._overlay.newest

    @property
    def seen(self) -> Collection[Slot]:
        """The entries of the state below that were looked at so far."""
        return self._overlay.seen

    def preview(self, tx: CheckedTransaction) -> Receipt[Any, Any]:
        """What `admit` and `apply` would say now, changing nothing.

        Raises:
            Rejected: as they do.
        """
        self.admit(tx)
        try:
            return self._execute(tx)
        finally:
            self._overlay.drop()

    def _execute(self, tx: CheckedTransaction) -> Receipt[Any, Any]:
        events: list[Event] = []
        used: set[PublicKey] = set()
        try:
            for call in tx.transaction.body.calls:
                act = Act(
                    state=self._overlay,
                    chain=self._chain,
                    actor=call.actor,
                    signers=tx.signers,
                    transaction_id=tx.id,
                    height=self._height,
                    time_ms=self._time_ms,
                )
                act.require_present(call.actor)
                call.operation.apply(act)
                events += act.events
                used |= act.used
        except Refused as verdict:
            self._overlay.drop()
            return Receipt(tx.id, Outcome.REFUSED, verdict.refusal, ())
        except Rejected:
            self._overlay.drop()
            raise
        unused = tx.signers - used
        if unused:
            self._overlay.drop()
            raise Rejected(
                SUPERFLUOUS_SIGNATURE,
                f"key {min(unused).hex()} signed and speaks for no account in the transaction",
                {"keys": [key.hex() for key in sorted(unused)]},
            )
        return Receipt(tx.id, Outcome.APPLIED, None, tuple(events))

    def finish(self) -> Execution:
        """The block's results. Called once, last."""
        check_supply(self._overlay)
        committed = tuple((until, name) for name, until in self._committed.items())
        forgotten = forgotten_by(
            self._state, height=self._height, time_ms=self._time_ms, window_ms=self._window_ms
        )
        past = past_heights(self._state, height=self._height, forgotten=forgotten)
        window = self._overlay[WINDOW_IDS]
        for height in past:
            del window[Height(height)]
        window[self._height] = WindowIds(
            self._time_ms, ids_hash(committed), Height(past.stop), forgotten
        )
        self._overlay.keep()
        writes = self._overlay.writes()
        updated = tree.update(self._state.node, self._height, writes)
        return Execution(
            receipts=tuple(self._receipts),
            receipts_root=receipts_root(self._receipts),
            state_root=updated.root,
            state_writes=writes,
            node_writes=updated.nodes,
            committed=committed,
            touched=tuple(self._touched),
            forget_before=forgotten,
        )
