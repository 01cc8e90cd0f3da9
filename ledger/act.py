"""What a rule may see and do: one `Act` per call.

A rule sees the actor, the state, the block's time and height, and who signed. It may refuse, change
rows and emit events; it has no clock, no randomness, and no other door.
"""

from typing import Final, NoReturn, final

from ledger.accounts import ACCOUNTS, UnknownAccount, weight_of
from ledger.operation import Event, Refusal, Refused
from ledger.roles import ROLES, MissingRole, RoleKey
from ledger.state import Overlay
from primitives.errors import Rejected
from primitives.ids import AccountId, ChainId, Height, PublicKey, TimeMs, TransactionId

THRESHOLD_NOT_REACHED: Final = "transaction.threshold_not_reached"


@final
class Act:
    """One actor performing one operation.

    `used` (keys whose signature counted for somebody) and `events` are written here only.
    """

    __slots__ = (
        "actor", "chain", "events", "height", "signers", "state", "time_ms", "transaction_id",
        "used",
    )  # fmt: skip

    def __init__(
        self,
        *,
        state: Overlay,
        chain: ChainId,
        actor: AccountId,
        signers: frozenset[PublicKey],
        transaction_id: TransactionId,
        height: Height,
        time_ms: TimeMs,
    ) -> None:
        self.state: Final = state
        self.chain: Final = chain
        self.actor: Final = actor
        self.signers: Final = signers
        self.transaction_id: Final = transaction_id
        self.height: Final = height
        self.time_ms: Final = time_ms
        self.events: list[Event] = []
        self.used: set[PublicKey] = set()

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
        account = self.state[ACCOUNTS].need(account_id, UnknownAccount(account_id))
        return bool(account.keys) and weight_of(account, self.signers) >= account.threshold

    def require_present(self, account_id: AccountId) -> None:
        """The signatures of this transaction speak for an account; its keeper's, if it has one.

        A threshold that is not reached keeps the transaction out of every block: with a receipt,
        whoever relays a transaction of several signers could leave one signature away and so have
        it refused for ever under its own id.

        Raises:
            Refused: there is no such account.
            Rejected: its threshold is not reached.
        """
        account = self.state[ACCOUNTS].need(account_id, UnknownAccount(account_id))
        if account.keeper is not None:  # who has keys: a keeper is not kept itself
            account_id = account.keeper
            account = self.state[ACCOUNTS].need(account_id, UnknownAccount(account_id))
        weight = weight_of(account, self.signers)
        if weight < account.threshold:
            raise Rejected(
                THRESHOLD_NOT_REACHED,
                f"the signatures weigh {weight} for account {account_id.hex()}, "
                f"which asks for {account.threshold}",
                {
                    "account": account_id.hex(),
                    "expected": f"at least {account.threshold}",
                    "actual": weight,
                },
            )
        self.used.update(entry.key for entry in account.keys if entry.key in self.signers)

    def require_role(self, role: str, scope: AccountId | None = None) -> None:
        """The actor has a role: for `scope`, or for the whole network.

        Raises:
            Refused: neither was granted.
        """
        grants = self.state[ROLES]
        if RoleKey(role, None, self.actor) in grants:
            return
        if scope is None or RoleKey(role, scope, self.actor) not in grants:
            raise Refused(MissingRole(self.actor, role, scope))

    def emit(self, event: Event) -> None:
        """Say what became true."""
        self.events.append(event)
