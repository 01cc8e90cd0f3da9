"""The state machine: a block's transactions on an overlay, giving receipts and the next state.

```
run = BlockRun(state, LAW, chain=..., height=..., time_ms=...)
for tx in transactions:  run.admit(tx);  run.apply(tx)
execution = run.finish()
```

The primary builds with it and everybody checks with it. It is deterministic: same state, same
transactions, same execution, byte for byte. What the agenda has due comes first, and its receipts
stand behind those of the transactions. `admit` and `apply` raise `Rejected` for what may
stand in no block: a builder leaves that transaction out, a checker calls the block bad.

Invariants: a refused transaction leaves nothing but its receipt; what a block does to the balances
of an asset it does to its supply; an exception that is neither `Refused` nor `Rejected` is our bug.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, final

from ledger import tree
from ledger.act import Act, Deed, Work
from ledger.agenda import AGENDA, Due, Failed, due_by, read_duty, share_echoes
from ledger.calls import Law, SaysTooMuch
from ledger.conservation import check_books
from ledger.movements import movements
from ledger.operation import Refusal, Refused
from ledger.parameters import parameters
from ledger.receipt import Outcome, Receipt, receipts_root
from ledger.state import Overlay, Slot, StateReader
from ledger.touched import accounts_named, accounts_touched
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
from primitives.errors import Rejected, StorageFault
from primitives.ids import (
    NOBODY,
    AccountId,
    ChainId,
    Digest,
    Height,
    PublicKey,
    TimeMs,
    TransactionId,
)
from primitives.kernel_limits import AGENDA_RUN_BYTES_MAX, CALLS_RUN_BYTES_MAX
from primitives.limits import RECEIPT_BYTES_MAX

_Kept: TypeAlias = tuple[Receipt[Any, Any], bytes]
"""A receipt, and its canonical bytes."""


@final
@dataclass(frozen=True, slots=True)
class Execution:
    """What a block does: all that its header claims, and all that storage writes."""

    receipts: tuple[bytes, ...]
    """Of each transaction, then of each duty that fell due."""
    receipts_root: Digest
    state_root: Digest
    state_writes: Mapping[Slot, bytes | None]
    node_writes: Mapping[bytes, bytes]
    committed: tuple[CommittedId, ...]
    done: tuple[TransactionId, ...]
    """Ids of the duties that fell due."""
    touched: tuple[tuple[AccountId, ...], ...]
    """For each receipt, the accounts that it and its transaction name."""
    moved: tuple[Mapping[AccountId, bytes], ...]
    """For each receipt, what it says was moved to and from accounts, as their index keeps it."""
    forget_before: TimeMs
    """Ids that were valid until an earlier time are remembered no longer: neither could they be
    committed again, nor does a list of the window's ids need them (ledger/window.py)."""


@final
class BlockRun:
    """One block being built or checked. The only writer of its overlay."""

    def __init__(
        self, state: StateReader, law: Law, *, chain: ChainId, height: Height, time_ms: TimeMs
    ) -> None:
        assert height == state.height + 1, f"height {height} on the state of {state.height}"
        self._state = state
        self._law = law
        self._chain = chain
        self._height = height
        self._time_ms = time_ms
        self._window_ms = parameters(state).window_ms
        self._overlay = Overlay(state)
        self._receipts: list[bytes] = []
        self._committed: dict[TransactionId, TimeMs] = {}
        self._touched: list[tuple[AccountId, ...]] = []
        self._moved: list[Mapping[AccountId, bytes]] = []
        self._work = Work()
        self._done: list[_Kept] | None = None
        """Receipts of what fell due; None until that was done."""

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
        self._do_what_is_due()
        receipt, encoded = self._execute(tx)
        self._overlay.keep()
        self._receipts.append(encoded)
        self._committed[tx.id] = tx.valid_until
        self._touched.append(accounts_touched(tx.transaction, receipt.events))
        self._moved.append(movements(receipt.events))
        return receipt

    @property
    def done(self) -> Sequence[Receipt[Any, Any]]:
        """Receipts of what fell due, in order."""
        return [receipt for receipt, _ in self._do_what_is_due()]

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

        Of a block in which nothing was applied yet this leaves out what falls due first: a node
        that tries each transaction on arrival does not do all of that each time.

        Raises:
            Rejected: as they do.
        """
        self.admit(tx)
        ran = self._work.ran
        try:
            receipt, _ = self._execute(tx)
        finally:
            self._overlay.drop()
            self._work.ran = ran
        return receipt

    def _execute(self, tx: CheckedTransaction) -> _Kept:
        deed, ran = self._deed(tx.signers, tx.id), self._work.ran
        try:
            for call in tx.transaction.body.calls:
                Act(deed, call.actor).perform(call.operation)
            applied = _applied(deed)
        except Refused as verdict:
            self._overlay.drop()
            return _refused(tx.id, verdict.refusal)
        except Rejected:
            self._overlay.drop()
            self._work.ran = ran  # it stands in no block: nobody else performs this
            raise
        unused = tx.signers - deed.used
        if unused:
            self._overlay.drop()
            self._work.ran = ran
            raise Rejected(
                SUPERFLUOUS_SIGNATURE,
                f"key {min(unused).hex()} signed and speaks for no account in the transaction",
                {"keys": [key.hex() for key in sorted(unused)]},
            )
        return applied

    def _do_what_is_due(self) -> Sequence[_Kept]:
        """Before the first transaction; once."""
        if self._done is None:
            self._done = []
            for due in due_by(self._state, self._time_ms):
                if self._work.ran + CALLS_RUN_BYTES_MAX > AGENDA_RUN_BYTES_MAX:
                    break  # the next block goes on
                self._done.append(self._do(due))
        return self._done

    def _do(self, due: Due) -> _Kept:
        """Do what is due, or leave no trace of it but that it was refused; either way it is over.

        Whatever its rule does: a duty that could not be got rid of would end the chain, as every
        block begins with it. A transaction whose rule fails can be left out.
        """
        deed = self._deed(frozenset(), TransactionId(due.key.id))
        try:
            duty = read_duty(due.row.duty, self._law.duties)
            duty.fall_due(Act(deed, NOBODY, frozenset()))
            share_echoes(self._overlay, due.row.echoes, deed.scheduled)
            done = _applied(deed)
        except Refused as verdict:
            self._overlay.drop()
            done = _refused(deed.transaction_id, verdict.refusal)
        except StorageFault:
            raise  # our disk says nothing about the duty
        except Exception:  # noqa: BLE001 - a rule's own fault must not stop the chain
            self._overlay.drop()
            done = _refused(deed.transaction_id, Failed())
        del self._overlay[AGENDA][due.key]
        self._overlay.keep()
        return done

    def _deed(self, signers: frozenset[PublicKey], identifier: TransactionId) -> Deed:
        return Deed(
            state=self._overlay,
            law=self._law,
            block=self._work,
            chain=self._chain,
            signers=signers,
            transaction_id=identifier,
            height=self._height,
            time_ms=self._time_ms,
        )

    def finish(self) -> Execution:
        """The block's results. Called once, last."""
        done = self._do_what_is_due()
        check_books(self._overlay)
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
        receipts = (*self._receipts, *(encoded for _, encoded in done))
        self._overlay.keep()
        writes = self._overlay.writes()
        updated = tree.update(self._state.node, self._height, writes)
        return Execution(
            receipts=receipts,
            receipts_root=receipts_root(receipts),
            state_root=updated.root,
            state_writes=writes,
            node_writes=updated.nodes,
            committed=committed,
            done=tuple(receipt.transaction_id for receipt, _ in done),
            touched=(*self._touched, *(accounts_named(receipt.events) for receipt, _ in done)),
            moved=(*self._moved, *(movements(receipt.events) for receipt, _ in done)),
            forget_before=forgotten,
        )


def _applied(deed: Deed) -> _Kept:
    """The receipt of what was done, and its bytes.

    Raises:
        Refused: it would say more than a receipt that anybody reads may.
    """
    receipt = Receipt[Any, Any](deed.transaction_id, Outcome.APPLIED, None, tuple(deed.events))
    encoded = encode(receipt)
    if len(encoded) > RECEIPT_BYTES_MAX:
        raise Refused(SaysTooMuch(len(encoded), RECEIPT_BYTES_MAX))
    return receipt, encoded


def _refused(identifier: TransactionId, refusal: Refusal) -> _Kept:
    receipt = Receipt[Any, Any](identifier, Outcome.REFUSED, refusal, ())
    return receipt, encode(receipt)
