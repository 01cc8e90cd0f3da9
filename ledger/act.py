"""What a rule may see and do: one `Act` per call, over the `Deed` that its calls share.

A rule sees the actor, the state, the block's time and height, and who signed. It may refuse, change
rows, emit events, perform calls that were kept, and schedule what falls due later; it has no clock,
no randomness, and no other door.
"""

from typing import Any, Final, NoReturn, final

from ledger import delegations
from ledger.accounts import (
    ACCOUNTS,
    Account,
    NewKeysMustSign,
    UnknownAccount,
    speaks_for,
    weight_of,
)
from ledger.agenda import AGENDA, AgendaKey, AgendaRow
from ledger.calls import Law, NestedTooDeep, NotAuthorised, RejectedWhenKept, TooMany, read_calls
from ledger.norms import require_lawful
from ledger.operation import Duty, Event, Operation, Refusal, Refused
from ledger.roles import MissingRole, has_role
from ledger.state import Overlay
from ledger.transaction import Call
from primitives import kernel_limits
from primitives.codec import encode
from primitives.digest import digest
from primitives.domains import Domain
from primitives.errors import Rejected
from primitives.ids import AccountId, ChainId, Digest, Height, PublicKey, TimeMs, TransactionId

THRESHOLD_NOT_REACHED: Final = "transaction.threshold_not_reached"
BLOCK_FULL: Final = "transaction.block_full"
"""May stand in a later block."""


@final
class Work:
    """What kept calls cost one block."""

    __slots__ = ("ran",)

    def __init__(self) -> None:
        self.ran = 0
        """Bytes of kept calls that were performed."""


@final
class Deed:
    """What the calls of one transaction, or one duty, have in common.

    `used` (keys whose signature counted for somebody), `events`, and what is counted are written by
    its acts only.
    """

    __slots__ = (
        "block", "chain", "depth", "events", "height", "ids", "law", "ran", "scheduled", "signers",
        "state", "time_ms", "transaction_id", "used",
    )  # fmt: skip

    def __init__(
        self,
        *,
        state: Overlay,
        law: Law,
        block: "Work",
        chain: ChainId,
        signers: frozenset[PublicKey],
        transaction_id: TransactionId,
        height: Height,
        time_ms: TimeMs,
    ) -> None:
        self.state: Final = state
        self.law: Final = law
        self.block: Final = block
        self.chain: Final = chain
        self.signers: Final = signers
        self.transaction_id: Final = transaction_id
        self.height: Final = height
        self.time_ms: Final = time_ms
        self.events: list[Event] = []
        self.used: set[PublicKey] = set()
        self.ids = 0
        """How many ids were made."""
        self.ran = 0
        """Bytes of kept calls that it performed."""
        self.depth = 0
        """How many runs of kept calls are under way, one within the other."""
        self.scheduled: list[AgendaKey] = []


@final
class Act:
    """One actor performing one operation; or nobody, where a duty falls due.

    `authority` are the accounts for whom kept calls are performed; None for the calls of a
    transaction, where the signatures say who is present. `delegate` is the delegated key that
    speaks for the actor, if its own keys do not; `spent` is what it spent by this call.
    """

    __slots__ = (
        "actor", "authority", "chain", "deed", "delegate", "events", "height", "signers", "spent",
        "state", "time_ms", "transaction_id",
    )  # fmt: skip

    def __init__(
        self, deed: Deed, actor: AccountId, authority: frozenset[AccountId] | None = None
    ) -> None:
        self.deed: Final = deed
        self.actor: Final = actor
        self.authority: Final = authority
        self.state: Final = deed.state
        self.chain: Final = deed.chain
        self.signers: Final = deed.signers
        self.transaction_id: Final = deed.transaction_id
        self.height: Final = deed.height
        self.time_ms: Final = deed.time_ms
        self.events: Final = deed.events
        self.delegate: PublicKey | None = None
        self.spent: dict[str, int] = {}

    def perform(self, operation: Operation) -> None:
        """One call: the actor is present, a norm allows it if one must, and the rule holds.

        Raises:
            Refused: the rule says no; a kept call's actor did not authorise it.
            Rejected: the actor's threshold is not reached, and no delegated key of it may do this.
        """
        self._require_actor(operation)
        require_lawful(self, operation)
        operation.apply(self)

    def require(self, condition: bool, refusal: Refusal) -> None:  # noqa: FBT001 - it is the point
        """Go on if the condition holds.

        Raises:
            Refused: it does not.
        """
        if not condition:
            raise Refused(refusal)

    def refuse(self, refusal: Refusal) -> NoReturn:
        """Say no.

        Raises:
            Refused: always.
        """
        raise Refused(refusal)

    def is_present(self, account_id: AccountId) -> bool:
        """Whether the signatures speak for an account with keys; none of them counts by this."""
        if self.authority is not None:
            return account_id in self.authority
        account = self.state[ACCOUNTS].need(account_id, UnknownAccount(account_id))
        return speaks_for(account, self.signers)

    def require_present(self, account_id: AccountId) -> None:
        """The signatures of this transaction speak for an account; its keeper's, if it has one.

        A threshold that is not reached keeps the transaction out of every block: with a receipt,
        whoever relays a transaction of several signers could leave one signature away and so have
        it refused for ever under its own id.

        Raises:
            Refused: there is no such account; or kept calls are performed without its authority.
            Rejected: its threshold is not reached.
        """
        account = self.state[ACCOUNTS].need(account_id, UnknownAccount(account_id))
        if self.authority is not None:
            spoken_for = {account_id, account.keeper} & self.authority
            self.require(bool(spoken_for), NotAuthorised(account_id))
            return
        if account.keeper is not None:  # who has keys: a keeper is not kept itself
            account_id = account.keeper
            account = self.state[ACCOUNTS].need(account_id, UnknownAccount(account_id))
        self._require_signed(account_id, account, "the signatures")

    def require_new_keys(self, account_id: AccountId, account: Account) -> None:
        """The signatures speak for an account with the keys that it is to have.

        Raises:
            Refused: kept calls are performed, which nobody signs.
            Rejected: its threshold is not reached.
        """
        self.require(self.authority is None, NewKeysMustSign(account_id))
        self._require_signed(account_id, account, "the new keys that signed")

    def _require_signed(self, account_id: AccountId, account: Account, what: str) -> None:
        if not speaks_for(account, self.signers):
            weight = weight_of(account, self.signers)
            raise Rejected(
                THRESHOLD_NOT_REACHED,
                f"{what} weigh {weight} for account {account_id.hex()}, "
                f"which asks for {account.threshold}",
                {
                    "account": account_id.hex(),
                    "expected": f"at least {account.threshold}",
                    "actual": weight,
                },
            )
        self.deed.used.update(entry.key for entry in account.keys if entry.key in self.signers)

    def _require_actor(self, operation: Operation) -> None:
        if self.authority is None:
            account = self.state[ACCOUNTS].need(self.actor, UnknownAccount(self.actor))
            if account.keys and not speaks_for(account, self.signers):
                self.delegate = delegations.speaker(self, account, operation)
        if self.delegate is None:
            self.require_present(self.actor)
        else:
            self.deed.used.add(self.delegate)

    def spend(self, account: AccountId, asset: str, amount: int, to: AccountId | None) -> None:
        """Money leaves an account by this call: a delegated key is charged for it.

        `to` is the payee; None, if nobody is. Asked when all else was judged.

        Raises:
            Rejected: the delegated key may not spend that, or not to this payee.
        """
        if self.delegate is None or account != self.actor:
            return
        before = self.spent.get(asset, 0)
        delegations.charge(
            self, self.delegate, asset=asset, amount=amount, this_act=before, payee=to
        )
        self.spent[asset] = before + amount

    def require_role(self, role: str, scope: AccountId | None = None) -> None:
        """The actor has a role: for `scope`, or for the whole network.

        Raises:
            Refused: neither was granted, or its term is over.
        """
        if not has_role(self, self.actor, role, scope):
            raise Refused(MissingRole(self.actor, role, scope))

    def emit(self, event: Event) -> None:
        """Say what became true."""
        self.events.append(event)

    # what is kept, and what comes later

    def fresh_id(self, domain: Domain) -> Digest:
        """An id that no other thing of this domain ever has.

        SHA-256(domain ‖ id of the transaction or duty ‖ u32 number of the id within it).
        """
        number = self.deed.ids
        self.deed.ids += 1
        return digest(domain, self.transaction_id, number.to_bytes(4, "big"))

    def read_calls(self, data: bytes) -> tuple[Call[Any], ...]:
        """What is to be kept as calls; asked where it is kept.

        Raises:
            Refused: not canonical, none, or calls that keep calls too deep.
        """
        return read_calls(self.deed.law, data)

    def run(self, data: bytes, *, authority: frozenset[AccountId]) -> None:
        """Perform kept calls now, with the authority of these accounts and of nobody else.

        Raises:
            Refused: one of them is refused, or there are too many; the running operation is
                refused with it.
            Rejected: the block performs as many as it may; a later one can.
        """
        deed, work = self.deed, self.deed.block
        deed.ran += len(data)
        if deed.ran > kernel_limits.CALLS_RUN_BYTES_MAX:
            raise Refused(TooMany(kernel_limits.CALLS_RUN_BYTES_MAX))
        work.ran += len(data)
        if work.ran > kernel_limits.CALLS_RUN_BLOCK_BYTES_MAX:
            raise Rejected(
                BLOCK_FULL,
                f"the block's kept calls have {work.ran} bytes, "
                f"at most {kernel_limits.CALLS_RUN_BLOCK_BYTES_MAX} are performed in one",
                {"expected": kernel_limits.CALLS_RUN_BLOCK_BYTES_MAX, "actual": work.ran},
            )
        if deed.depth == kernel_limits.CALLS_NESTING_MAX:  # deeper, Python itself would give up
            raise Refused(NestedTooDeep(kernel_limits.CALLS_NESTING_MAX))
        deed.depth += 1
        try:
            for call in self.read_calls(data):
                Act(self.deed, call.actor, authority).perform(call.operation)
        except Rejected as verdict:
            # A transaction that is rejected stands in no block. What falls due has no such choice,
            # and no signature that somebody may have left away.
            if verdict.code == BLOCK_FULL:
                raise
            raise Refused(RejectedWhenKept(verdict.code)) from verdict
        finally:
            deed.depth -= 1

    def attempt(self, data: bytes, *, authority: frozenset[AccountId]) -> Refusal | None:
        """Perform kept calls as `run` does, or leave no trace of them and say why."""
        events = len(self.events)
        self.state.mark()
        try:
            self.run(data, authority=authority)
        except Refused as verdict:
            self.state.forget()
            del self.events[events:]
            return verdict.refusal
        self.state.settle()
        return None

    def schedule(self, due_ms: TimeMs, duty: Duty) -> AgendaKey:
        """Let a duty fall due: after this block, and not before `due_ms`."""
        encoded = encode(duty)
        assert len(encoded) <= kernel_limits.DUTY_BYTES_MAX, f"a duty of {len(encoded)} bytes"
        due = TimeMs(max(due_ms, self.time_ms + 1))
        key = AgendaKey(due, self.fresh_id(Domain.DUTY))
        self.state[AGENDA][key] = AgendaRow(encoded, kernel_limits.ECHOES_MAX)
        self.deed.scheduled.append(key)
        return key

    def unschedule(self, key: AgendaKey) -> None:
        """Let it not fall due after all; one that is gone already is no matter."""
        del self.state[AGENDA][key]
