"""Charters: how a body decides (ledger.md §3, K6).

A **body** is an account that nobody signs for: a council, a chamber, an assembly of shareholders.
It acts by its motions alone (ledger/motions.py). Its charter holds its **procedures**: who may
vote, how votes are weighed, how many must take part and agree, how long the vote stays open at
least, how long a decision waits before it is carried out, and what may be decided so. A motion
names a procedure, so nobody chooses the threshold for his own motion; and it keeps the procedure
that it was opened under, so an amended charter changes no vote that runs.

Votes are weighed in one of three ways:

- `one`: each holder of the electorate's role, in the scope of the body, has one vote;
- `asset`: each has as many votes as it held units of an asset before the motion was opened. Without
  a role the holders of the asset are the electorate: shareholders;
- `quadratic`: each holder of the role has the square root of these units, rounded down. It needs
  the role, or who splits his units over two accounts would have more.

How many took part is counted in heads, except by `asset`: there it is units, of all there are.
"""

from collections import Counter
from collections.abc import Iterator
from enum import Enum, unique
from typing import TYPE_CHECKING, Annotated, Final, final

from msgspec import Meta, Struct

from ledger.accounts import ACCOUNTS, AccountKind, UnknownAccount
from ledger.assets import ASSETS, AssetCode, NoSnapshots, UnknownAsset
from ledger.operation import OperationTag, Refusal, Refused
from ledger.roles import ROLE_DEFINITIONS, Role, UnknownRole
from ledger.state import Table
from primitives import kernel_limits
from primitives.ids import AccountId, Sized32

if TYPE_CHECKING:
    from ledger.act import Act

MEMBER: Final[Role] = "member"
"""Belongs to the body that is the scope; the usual electorate."""

WHOLE_BP: Final = 10_000
"""Basis points of the whole."""

ProcedureCode = Annotated[
    str, Meta(pattern=r"^[a-z][a-z0-9_]*(?!\n)$", max_length=kernel_limits.PROCEDURE_LENGTH_MAX)
]
Powers = Annotated[
    tuple[OperationTag, ...], Meta(max_length=kernel_limits.PROCEDURE_OPERATIONS_MAX)
]
ShareAtLeast = Annotated[int, Meta(ge=0, le=WHOLE_BP)]
ShareAbove = Annotated[int, Meta(ge=0, lt=WHOLE_BP)]


@unique
class Weighing(Enum):
    """What a vote counts."""

    ONE = "one"
    ASSET = "asset"
    QUADRATIC = "quadratic"


@final
class Procedure(Struct, array_like=True, frozen=True):
    """One way in which a body decides. Roles are held in the scope of the body."""

    code: Annotated[ProcedureCode, Meta(description="names the procedure in the charter")]
    opener: Annotated[
        Role | None, Meta(description="role that opens motions; none is whoever may vote")
    ]
    electorate: Annotated[
        Role | None, Meta(description="role that votes; none is the holders of the asset")
    ]
    weighing: Annotated[Weighing, Meta(description="what a vote counts")]
    asset: Annotated[AssetCode | None, Meta(description="what weighs; none for one vote each")]
    quorum_bp: Annotated[
        ShareAtLeast, Meta(description="at least this share takes part, in 1/10,000")
    ]
    pass_bp: Annotated[
        ShareAbove,
        Meta(description="more than this share of the votes for, against and veto is for it"),
    ]
    veto_bp: Annotated[
        ShareAbove | None,
        Meta(description="more than this share of all votes forbids it; none is no veto"),
    ]
    least_ms: Annotated[
        int,
        Meta(
            ge=1, le=kernel_limits.VOTING_MS_MAX, description="a vote stays open at least so long"
        ),
    ]
    timelock_ms: Annotated[
        int, Meta(ge=0, le=kernel_limits.TIMELOCK_MS_MAX, description="a decision waits so long")
    ]
    guardian: Annotated[
        Role | None, Meta(description="role that cancels until it is carried out; none is nobody")
    ]
    operations: Annotated[Powers | None, Meta(description="tags that may be decided; none is all")]


@final
class Charter(Struct, array_like=True, frozen=True):
    """The row of a body: its procedures."""

    procedures: Annotated[
        tuple[Procedure, ...],
        Meta(min_length=1, max_length=kernel_limits.PROCEDURES_MAX, description="ways to decide"),
    ]


CHARTERS: Final = Table[AccountId, Charter](38, "charters", bytes, Charter)


class NoCharter(Refusal, tag="charters.none", frozen=True):
    """Account {body} is no body: it has no charter."""

    body: Sized32[AccountId]


class NotABody(Refusal, tag="charters.not_a_body", frozen=True):
    """Account {body} is no body but of the kind {kind}, and has no charter."""

    body: Sized32[AccountId]
    kind: AccountKind


class ProcedureTwice(Refusal, tag="charters.procedure_twice", frozen=True):
    """The procedure {procedure} stands twice in the charter."""

    procedure: ProcedureCode


class NoElectorate(Refusal, tag="charters.no_electorate", frozen=True):
    """The procedure {procedure}, weighed as {weighing}, must name the role that votes."""

    procedure: ProcedureCode
    weighing: Weighing


class AssetMisplaced(Refusal, tag="charters.asset_misplaced", frozen=True):
    """The procedure {procedure}, weighed as {weighing}, names the asset {asset}: an asset weighs in
    all but one."""

    procedure: ProcedureCode
    weighing: Weighing
    asset: AssetCode | None


class UnknownProcedure(Refusal, tag="charters.unknown_procedure", frozen=True):
    """The body {body} has no procedure {procedure}."""

    body: Sized32[AccountId]
    procedure: ProcedureCode


def contradictions(charter: Charter) -> Iterator[Refusal]:
    """What about a charter cannot be, whoever has it; roles and assets are not looked up."""
    for code, count in Counter(each.code for each in charter.procedures).items():
        if count > 1:
            yield ProcedureTwice(code)
    for each in charter.procedures:
        if (each.asset is None) != (each.weighing is Weighing.ONE):
            yield AssetMisplaced(each.code, each.weighing, each.asset)
        if each.electorate is None and each.weighing is not Weighing.ASSET:
            yield NoElectorate(each.code, each.weighing)


def set_charter(act: "Act", body: AccountId, charter: Charter) -> None:
    """Write the charter of a body, its first or another. Whether the actor may is not asked.

    Raises:
        Refused: the account is unknown or no body; the charter contradicts itself, or names a role
            or an asset that is not defined, or an asset whose past is not kept.
    """
    account = act.state[ACCOUNTS].need(body, UnknownAccount(body))
    if account.kind is not AccountKind.BODY:
        raise Refused(NotABody(body, account.kind))
    for refusal in contradictions(charter):
        raise Refused(refusal)
    for each in charter.procedures:
        for role in (each.opener, each.electorate, each.guardian):
            if role is not None:
                act.state[ROLE_DEFINITIONS].need(role, UnknownRole(role))
        if each.asset is not None:
            asset = act.state[ASSETS].need(each.asset, UnknownAsset(each.asset))
            act.require(asset.snapshots, NoSnapshots(each.asset))

    act.state[CHARTERS][body] = charter


def procedure_of(act: "Act", body: AccountId, code: str) -> Procedure:
    """A procedure of a body.

    Raises:
        Refused: the account is no body, or has no such procedure.
    """
    charter = act.state[CHARTERS].need(body, NoCharter(body))
    for each in charter.procedures:
        if each.code == code:
            return each
    raise Refused(UnknownProcedure(body, code))
