"""An audit: every block of a chain executed again, by somebody who believes nobody.

What is checked of each height, in this order: the certificate by the validators that the state
below names, the bytes behind the roots of transactions and receipts, the lineage (parent, height,
hashes of validators), the signatures of every transaction, and then, by executing them, each
receipt and the state root.

Two things can be wrong. A file that is damaged, forged or not of this chain proves nothing about
anybody: that is `Malformed`, with the height. A block that a quorum certified and whose result is
not what its transactions make of it is a **divergence**: the audit ends there and says where it is,
as closely as what is at hand allows.
"""

from collections import Counter
from typing import Any, final

from ledger.assets import ASSETS
from ledger.block import BlockRun, Execution
from ledger.books import BALANCES, SUPPLIES
from ledger.receipt import Outcome, Receipt, receipts_root
from node.audit_ground import AuditGround
from node.audit_report import AssetTotal, Counts, Divergence, RootAt
from node.bodies import CheckedBlock
from node.divergence import EntriesOf, block_divergence, receipt_divergence, state_divergence
from node.execution import decision_of, perform
from node.replay import Exported, check_certified, parent_of
from primitives.crypto import Scheme
from primitives.errors import BadBlock, Malformed, RemoteFault
from primitives.ids import INTEGER_MAX, ChainId, Height
from storage.decision import Head
from storage.state import StateSnapshot


@final
class Audit:
    """One audit under way. One thread's; `take` is called once for each height, ascending."""

    def __init__(
        self,
        ground: AuditGround,
        *,
        chain: ChainId,
        scheme: Scheme,
        every: int,
        against: EntriesOf | None = None,
    ) -> None:
        """`ground` is where it begins; `against` knows the chain's entries where it diverges.

        The root of one of `every` heights is listed.
        """
        self._ground, self._chain, self._scheme = ground, chain, scheme
        self._every, self._against = every, against
        self.start = _root_at(ground.head())
        self.roots: list[RootAt] = []
        self.divergence: Divergence | None = None
        """What ended it; nothing is taken after that."""
        self._blocks = self._transactions = self._refused = self._signatures = self._seals = 0
        self._came_out: Counter[Outcome] = Counter()
        """Of the transactions of the block at hand, so far."""
        self._parent = parent_of(ground, chain)

    @property
    def next_height(self) -> Height:
        """The height that `take` expects."""
        return self._parent.height

    def take(self, found: Exported, body: CheckedBlock) -> bool:
        """Execute the next height; `body` is its checked block. False: it diverges.

        Raises:
            Malformed: this is not what a quorum decided at that height, or not in one piece.
        """
        assert self.divergence is None, "nothing is executed above a divergence"
        assert body.id == found.certificate.block_id, "the checked block is the certified one"
        parent = self._parent
        try:
            check_certified(found.certificate, parent, self._scheme)
            _check_receipts(found)
        except RemoteFault as error:
            raise Malformed(f"height {parent.height}: {error}") from error
        with self._ground.state() as state:
            execution = self._execute(state, found, body)
        if execution is None:
            return False
        self._ground.commit(decision_of(body, found.certificate, execution))
        self._count(found, body)
        self._parent = parent_of(self._ground, self._chain)
        if parent.height % self._every == 0:
            self.roots.append(self.last)
        return True

    def _execute(
        self, state: StateSnapshot, found: Exported, body: CheckedBlock
    ) -> Execution | None:
        """What the block does, if that is what it claims."""
        parent, header = self._parent, body.block.header
        self._came_out = Counter()
        try:
            execution = perform(state, parent, body, self._hear)
        except BadBlock as error:
            self.divergence = block_divergence(body, parent, error, self._came_out.total())
            return None
        if execution.receipts_root != header.receipts_root:
            self.divergence = receipt_divergence(body, found.receipts, execution.receipts)
        elif execution.state_root != header.state_root:
            self.divergence = state_divergence(state, parent, body, execution, self._against)
        return execution if self.divergence is None else None

    def _hear(self, _run: BlockRun, receipt: Receipt[Any, Any]) -> None:
        self._came_out[receipt.outcome] += 1

    def _count(self, found: Exported, body: CheckedBlock) -> None:
        self._blocks += 1
        self._transactions += len(body.transactions)
        self._refused += self._came_out[Outcome.REFUSED]
        self._signatures += sum(len(tx.signers) for tx in body.transactions)
        self._seals += len(found.certificate.seals)

    # --- what it found ----------------------------------------------------------------------

    @property
    def last(self) -> RootAt:
        """The newest block that came out as the chain says."""
        return _root_at(self._ground.head())

    @property
    def head(self) -> Head:
        """The same with its header."""
        return self._ground.head()

    def counts(self) -> Counts:
        """How much was executed and checked."""
        return Counts(
            blocks=self._blocks,
            transactions=self._transactions,
            applied=self._transactions - self._refused,
            refused=self._refused,
            signatures=self._signatures,
            seals=self._seals,
        )

    def assets(self) -> tuple[AssetTotal, ...]:
        """Every asset with what exists of it and what all accounts hold, added up."""
        sums: Counter[str] = Counter()
        holders: Counter[str] = Counter()
        with self._ground.state() as state:
            for key, balance in BALANCES.scan(state, limit=INTEGER_MAX):
                asset = key[32:].decode("ascii")
                sums[asset] += balance.amount
                holders[asset] += 1
            found = []
            for key, row in ASSETS.scan(state, limit=INTEGER_MAX):
                code = key.decode("ascii")
                supply = SUPPLIES.read(state, code)
                found.append(
                    AssetTotal(
                        asset=code,
                        exponent=row.exponent,
                        supply=0 if supply is None else supply.amount,
                        balances=sums[code],
                        holders=holders[code],
                    )
                )
        return tuple(found)


def _check_receipts(found: Exported) -> None:
    """They are those that its header names, and there is one for each transaction."""
    header, count = found.block.header, len(found.block.transactions)
    root = receipts_root(found.receipts)
    if root != header.receipts_root or len(found.receipts) < count:
        raise Malformed(
            f"{len(found.receipts)} receipts with root {root.hex()}, the header says "
            f"{header.receipts_root.hex()} for {count} transactions"
        )


def _root_at(head: Head) -> RootAt:
    return RootAt(head.height, head.block_id, head.header.state_root)
