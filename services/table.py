"""Every service, in one list. Adding a service is one module and its lines here.

The unions give the wire its known operations, receipts their known refusals and events; below the
ledger nobody needs them.
"""

from typing import Any, Final, Union, get_args

from ledger import accounts, books, roles
from ledger.receipt import Receipt
from ledger.state import Table
from ledger.transaction import Body, Transaction
from services import money, registry

Operations = Union[  # noqa: UP007 - with one member more, a union type of | reads the same
    money.Transfer,
    registry.StampDocument,
]
Refusals = Union[  # noqa: UP007
    accounts.UnknownAccount,
    roles.MissingRole,
    books.UnknownAsset,
    books.Overdraft,
    books.DuplicateReference,
    books.PaysItself,
    books.NoSuchDate,
    registry.AlreadyStamped,
]
Events = Union[  # noqa: UP007
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
