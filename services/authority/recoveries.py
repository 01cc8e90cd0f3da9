"""Who has lost his keys: an account's guardians give it new ones, after a time to object."""

from typing import Annotated, final

from msgspec import Meta, Struct

from ledger import recoveries
from ledger.accounts import Keys, Threshold
from ledger.act import Act
from ledger.operation import Event, Operation
from ledger.query import After, Limit, OneAccount, Page, Query, Reading
from ledger.recoveries import RecoveryKey
from primitives.ids import AccountId, Natural, Sized32, TimeMs
from services.authority.accounts import KeysChanged

_Account = Annotated[
    AccountId, Meta(min_length=32, max_length=32, description="account whose keys are lost")
]
_OpenedBy = Annotated[
    AccountId, Meta(min_length=32, max_length=32, description="guardian who opened the recovery")
]
_NewKeys = Annotated[Keys, Meta(description="all keys that are to sign for it")]
_NewThreshold = Annotated[Threshold, Meta(description="weight of signatures that is to act")]


@final
class GuardiansNamed(Event, tag="authority.guardians_named", frozen=True):
    """Of {guardians} guardians of account {account}, {needed} together give it new keys."""

    account: Sized32[AccountId]
    guardians: recoveries.Needed
    needed: recoveries.Needed


@final
class RecoveryOpened(Event, tag="authority.recovery_opened", frozen=True):
    """Guardian {opened_by} wants other keys for account {account}. See `recovery_approved`."""

    account: Sized32[AccountId]
    opened_by: Sized32[AccountId]


@final
class RecoveryApproved(Event, tag="authority.recovery_approved", frozen=True):
    """Guardian {guardian} approves other keys for account {account}; in force from {ripe_ms} on."""

    account: Sized32[AccountId]
    opened_by: Sized32[AccountId]
    guardian: Sized32[AccountId]
    ripe_ms: Natural[TimeMs] | None


@final
class RecoveryEnded(Event, tag="authority.recovery_ended", frozen=True):
    """Account {by} ended the recovery of account {account}: its keys stay."""

    account: Sized32[AccountId]
    opened_by: Sized32[AccountId]
    by: Sized32[AccountId]


@final
class NameGuardians(Operation, tag="authority.name_guardians", frozen=True):
    """Name who may together give the account that acts new keys, should its own be lost.

    Whoever it named before is guardian no longer, and a recovery under way is over. Without
    guardians nobody recovers it.
    """

    guardians: Annotated[
        recoveries.GuardianIds, Meta(description="accounts that are trusted with this")
    ]
    needed: Annotated[recoveries.Needed, Meta(description="how many of them must agree")]
    delay_ms: Annotated[
        recoveries.DelayMs, Meta(description="time to object in milliseconds, 72 hours or more")
    ]

    def apply(self, act: Act) -> None:
        """Write the guardians."""
        recoveries.name_guardians(act, self.guardians, needed=self.needed, delay_ms=self.delay_ms)
        act.emit(GuardiansNamed(act.actor, len(self.guardians), self.needed))


@final
class OpenRecovery(Operation, tag="authority.open_recovery", frozen=True):
    """Open a recovery of an account whose keys are lost, as its guardian, who thereby approves it.

    A recovery that the same guardian opened before is replaced.
    """

    account: _Account
    threshold: _NewThreshold
    signers: _NewKeys

    def apply(self, act: Act) -> None:
        """Write the recovery."""
        opened = recoveries.open_recovery(
            act, self.account, keys=self.signers, threshold=self.threshold
        )
        act.emit(RecoveryOpened(self.account, act.actor))
        act.emit(RecoveryApproved(self.account, act.actor, act.actor, opened.ripe_ms))


@final
class ApproveRecovery(Operation, tag="authority.approve_recovery", frozen=True):
    """Approve a recovery that another guardian opened, repeating the keys that one agrees to.

    When enough guardians have approved it, the time to object begins.
    """

    account: _Account
    opened_by: _OpenedBy
    threshold: _NewThreshold
    signers: _NewKeys

    def apply(self, act: Act) -> None:
        """Write the approval."""
        key = RecoveryKey(self.account, self.opened_by)
        approved = recoveries.approve(act, key, keys=self.signers, threshold=self.threshold)
        act.emit(RecoveryApproved(self.account, self.opened_by, act.actor, approved.ripe_ms))


@final
class EndRecovery(Operation, tag="authority.end_recovery", frozen=True):
    """End a recovery: the account objects, or a guardian who approved it thinks better of it."""

    account: _Account
    opened_by: _OpenedBy

    def apply(self, act: Act) -> None:
        """Delete the recovery."""
        recoveries.end(act, RecoveryKey(self.account, self.opened_by))
        act.emit(RecoveryEnded(self.account, self.opened_by, act.actor))


@final
class FinishRecovery(Operation, tag="authority.finish_recovery", frozen=True):
    """Give an account the keys of a recovery when the time to object is over, within 30 days.

    Anybody may; the new keys sign as well, up to their threshold.
    """

    account: _Account
    opened_by: _OpenedBy

    def apply(self, act: Act) -> None:
        """Write the keys."""
        recoveries.finish(act, RecoveryKey(self.account, self.opened_by))
        act.emit(KeysChanged(self.account))


@final
class GuardiansRow(Struct, frozen=True, kw_only=True):
    """Whom an account trusts with its recovery."""

    guardians: tuple[Sized32[AccountId], ...]
    needed: Natural[int]
    delay_ms: Natural[int]


@final
class GuardiansOf(Query, tag="authority.guardians", frozen=True, kw_only=True):
    """Who may together give an account new keys, and how long the time to object is."""

    account: OneAccount

    def answer(self, reading: Reading) -> Page[GuardiansRow]:
        """Look it up."""

        def row(found: recoveries.Guardians) -> GuardiansRow:
            return GuardiansRow(
                guardians=found.guardians, needed=found.needed, delay_ms=found.delay_ms
            )

        return reading.look_up(recoveries.GUARDIANS, self.account, row)


@final
class RecoveryRow(Struct, frozen=True, kw_only=True):
    """A recovery under way. It can be finished from `ripe_ms` on; none: too few have approved."""

    opened_by: Sized32[AccountId]
    approved: tuple[Sized32[AccountId], ...]
    ripe_ms: Natural[TimeMs] | None
    threshold: Natural[int]
    keys: Keys


@final
class RecoveriesOf(Query, tag="authority.recoveries", frozen=True, kw_only=True):
    """The recoveries of an account that are under way."""

    account: OneAccount
    after: After | None
    limit: Limit | None

    def answer(self, reading: Reading) -> Page[RecoveryRow]:
        """List."""

        def row(data: bytes, found: recoveries.Recovery) -> RecoveryRow:
            return RecoveryRow(
                opened_by=AccountId(data[32:]),
                approved=found.approved,
                ripe_ms=found.ripe_ms,
                threshold=found.threshold,
                keys=found.keys,
            )

        return reading.list(
            recoveries.RECOVERIES, row, prefix=self.account, after=self.after, limit=self.limit
        )
