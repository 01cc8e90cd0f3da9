"""Every service, in one list. Adding a service is one module and its lines here.

The unions give the wire its known operations, receipts their known refusals and events; below the
ledger nobody needs them.
"""

from typing import Any, Final, Union, get_args

from ledger import (
    accounts,
    books,
    evidence,
    membership,
    observers,
    roles,
    suspensions,
    validators,
)
from ledger.receipt import Receipt
from ledger.state import Table
from ledger.transaction import Body, Transaction
from services import authority, money, registry

Operations = Union[  # noqa: UP007 - with one member more, a union type of | reads the same
    authority.OpenAccount,
    authority.DefineRole,
    authority.GrantRole,
    authority.RevokeRole,
    authority.ProposeValidatorChange,
    authority.ReportEquivocation,
    authority.AdmitObserver,
    authority.RevokeObserver,
    money.DefineAsset,
    money.Issue,
    money.Retire,
    money.Transfer,
    registry.StampDocument,
]
Refusals = Union[  # noqa: UP007
    accounts.UnknownAccount,
    accounts.AccountInUse,
    accounts.KeysOrKeeper,
    accounts.KeyTwice,
    accounts.ThresholdOutOfReach,
    accounts.NameNotPublic,
    accounts.FloorWithoutKeeper,
    accounts.KeeperIsKept,
    roles.MissingRole,
    roles.UnknownRole,
    roles.RoleInUse,
    roles.AlreadyGranted,
    roles.NotGranted,
    roles.OwnGrant,
    books.UnknownAsset,
    books.AssetInUse,
    books.NotTheIssuer,
    books.SupplyTooLarge,
    books.SupplyTooSmall,
    books.BalanceTooLarge,
    books.Overdraft,
    books.DuplicateReference,
    books.PaysItself,
    books.NoSuchDate,
    membership.NothingToChange,
    membership.TooManyChanges,
    membership.NotAValidator,
    membership.TooFewValidators,
    membership.TooManyValidators,
    validators.AlreadyTaken,
    validators.AccountIsKept,
    validators.KeyDecides,
    validators.ReadyNotRecent,
    validators.ReadyNotSigned,
    suspensions.KeySuspended,
    observers.AlreadyObserver,
    observers.NotAnObserver,
    observers.ObserverTaken,
    observers.ObserverIsKept,
    observers.TooManyObservers,
    observers.ConsentExpired,
    observers.ConsentNotSigned,
    evidence.Unproven,
    evidence.OutOfRange,
    evidence.AlreadyReported,
    evidence.TooManyReports,
    authority.IdMissing,
    registry.AlreadyStamped,
]
Events = Union[  # noqa: UP007
    authority.AccountOpened,
    authority.RoleDefined,
    authority.RoleGranted,
    authority.RoleRevoked,
    authority.ValidatorAdded,
    authority.ValidatorRemoved,
    authority.EquivocationProved,
    authority.ObserverAdmitted,
    authority.ObserverRevoked,
    money.AssetDefined,
    money.Issued,
    money.Retired,
    money.Transferred,
    registry.DocumentStamped,
]

OPERATIONS: Final = get_args(Operations)
REFUSALS: Final = get_args(Refusals)
EVENTS: Final = get_args(Events)

BODY: Final[Any] = Body[Operations]
TRANSACTION: Final[Any] = Transaction[Operations]
"""The kind that `check_transaction` decodes."""
RECEIPT: Final[Any] = Receipt[Refusals, Events]

TABLES: Final[tuple[Table[Any, Any], ...]] = (registry.STAMPS,)
"""Tables of the services; those of the kernel are in `ledger.genesis`."""
