"""Assets: what money is of, who answers for it, and what it may be spent on (K5).

An asset has one issuer, who alone makes it and takes it back. All that its definition says is fixed
for ever, so whoever takes it knows what he takes.

An **earmarked** asset names the purposes that it may be spent on, and for each the role that who
receives it must have: a grant that pays suppliers for building works, and nobody else for anything
else. Its issuer always receives it, for any purpose or none: that is money given back, or
redeemed. An asset whose only purpose asks for a role that nobody has is passed on to nobody, such
as a membership.

An asset may have an end. From then on nothing of it is made or passed on, except back to its
issuer; what is not used by then has lapsed, wherever it lies, and nobody has to collect it.
"""

from collections import Counter
from typing import TYPE_CHECKING, Annotated, Final, final

from msgspec import Meta, Struct

from ledger import roles
from ledger.accounts import ACCOUNTS, UnknownAccount
from ledger.operation import Refusal, Refused
from ledger.roles import ROLE_DEFINITIONS, Role, UnknownRole
from ledger.state import Overlay, Table
from primitives import kernel_limits, limits
from primitives.ids import INTEGER_MAX, AccountId, Natural, Sized32, TimeMs

if TYPE_CHECKING:
    from ledger.act import Act

AssetCode = Annotated[str, Meta(pattern=r"^[A-Z][A-Z0-9]{2,11}(?!\n)$", max_length=12)]
Amount = Annotated[int, Meta(ge=1, le=INTEGER_MAX)]
Exponent = Annotated[int, Meta(ge=0, le=limits.EXPONENT_MAX)]
PurposeCode = Annotated[
    str, Meta(pattern=r"^[a-z][a-z0-9_]*(?!\n)$", max_length=kernel_limits.CODE_LENGTH_MAX)
]


@final
class Purpose(Struct, array_like=True, frozen=True):
    """One thing that an asset may be spent on, and who may receive it for that."""

    code: Annotated[PurposeCode, Meta(description="what it may be spent on")]
    payee: Annotated[
        Role | None, Meta(description="role of who may be paid for it; none is anybody")
    ]
    scope: Annotated[
        Sized32[AccountId] | None,
        Meta(description="account that the payee has the role for; none is the network"),
    ]


Earmark = Annotated[tuple[Purpose, ...], Meta(max_length=kernel_limits.PURPOSES_MAX)]


@final
class Asset(Struct, array_like=True, frozen=True):
    """The row of an asset: decimal places, and the account that answers for it.

    With snapshots, what each account held of it after any earlier block is known. Without purposes
    in its earmark, anybody may pay it to anybody for anything. Without an end it is good for ever.
    """

    exponent: Exponent
    issuer: Sized32[AccountId]
    snapshots: bool
    earmark: Earmark
    expires_ms: Natural[TimeMs] | None


def asset_key(code: str) -> bytes:
    """How an asset is written in keys."""
    return code.encode("ascii")


ASSETS: Final = Table[str, Asset](3, "assets", asset_key, Asset)


class UnknownAsset(Refusal, tag="assets.unknown", frozen=True):
    """There is no asset {asset}."""

    asset: AssetCode


class AssetInUse(Refusal, tag="assets.in_use", frozen=True):
    """There is an asset {asset} already, issued by {issuer}."""

    asset: AssetCode
    issuer: Sized32[AccountId]


class NotTheIssuer(Refusal, tag="assets.not_the_issuer", frozen=True):
    """Account {account} does not issue {asset}, {issuer} does."""

    account: Sized32[AccountId]
    asset: AssetCode
    issuer: Sized32[AccountId]


class NoSnapshots(Refusal, tag="assets.no_snapshots", frozen=True):
    """Of {asset} is not kept what accounts held of it earlier."""

    asset: AssetCode


class PurposeTwice(Refusal, tag="assets.purpose_twice", frozen=True):
    """The purpose {purpose} of {asset} stands twice."""

    asset: AssetCode
    purpose: PurposeCode


class AssetLapsed(Refusal, tag="assets.lapsed", frozen=True):
    """The time of {asset} is over: it lapsed at {expires_ms}."""

    asset: AssetCode
    expires_ms: Natural[TimeMs]


class EndsAtOnce(Refusal, tag="assets.ends_at_once", frozen=True):
    """The asset {asset} would lapse at {expires_ms}, and now it is {time_ms}."""

    asset: AssetCode
    expires_ms: Natural[TimeMs]
    time_ms: Natural[TimeMs]


class NotEarmarked(Refusal, tag="assets.not_earmarked", frozen=True):
    """The asset {asset} is not earmarked: it is paid without a purpose."""

    asset: AssetCode


class PurposeMissing(Refusal, tag="assets.purpose_missing", frozen=True):
    """Line {line}: {asset} is earmarked, so a payment must say what it is for."""

    asset: AssetCode
    line: Natural[int]


class PurposeNotAllowed(Refusal, tag="assets.purpose_not_allowed", frozen=True):
    """Line {line}: {asset} may not be spent on {purpose}."""

    asset: AssetCode
    line: Natural[int]
    purpose: PurposeCode


class PayeeNotEligible(Refusal, tag="assets.payee_not_eligible", frozen=True):
    """Line {line}: {to} lacks the role {role} (scope: {scope}) that {asset} asks for {purpose}."""

    asset: AssetCode
    line: Natural[int]
    to: Sized32[AccountId]
    purpose: PurposeCode
    role: Role
    scope: Sized32[AccountId] | None


def need(state: Overlay, asset: str) -> Asset:
    """The asset of a code.

    Raises:
        Refused: there is none.
    """
    return state[ASSETS].need(asset, UnknownAsset(asset))


def need_of_issuer(act: "Act", asset: str) -> Asset:
    """The asset of a code, whose issuer is the actor.

    Raises:
        Refused: there is none, or the actor does not issue it.
    """
    row = need(act.state, asset)
    if row.issuer != act.actor:
        raise Refused(NotTheIssuer(act.actor, asset, row.issuer))
    return row


def judge_definition(act: "Act", code: str, asset: Asset) -> None:
    """Whether an asset can be defined so. Whether the actor may define one is not asked.

    Raises:
        Refused: the code is in use; a purpose stands twice, or names an unknown role or scope; it
            has lapsed before it begins.
    """
    known = act.state[ASSETS].find(code)
    if known is not None:
        raise Refused(AssetInUse(code, known.issuer))
    if asset.expires_ms is not None and asset.expires_ms <= act.time_ms:
        raise Refused(EndsAtOnce(code, asset.expires_ms, act.time_ms))
    for purpose, count in Counter(each.code for each in asset.earmark).items():
        if count > 1:
            raise Refused(PurposeTwice(code, purpose))
    for each in asset.earmark:
        if each.payee is not None:
            act.state[ROLE_DEFINITIONS].need(each.payee, UnknownRole(each.payee))
        if each.scope is not None:
            act.state[ACCOUNTS].need(each.scope, UnknownAccount(each.scope))


def judge_time(act: "Act", code: str, asset: Asset) -> None:
    """Whether an asset is still good.

    Raises:
        Refused: it has lapsed.
    """
    if asset.expires_ms is not None and act.time_ms >= asset.expires_ms:
        raise Refused(AssetLapsed(code, asset.expires_ms))


def judge_payment(
    act: "Act", code: str, asset: Asset, *, line: int, to: AccountId, purpose: str | None
) -> None:
    """Whether an asset may be paid to an account for a purpose.

    Raises:
        Refused: its time is over; it is earmarked, and this is not what its earmark allows.
    """
    if to != asset.issuer:
        judge_time(act, code, asset)
    if not asset.earmark:
        if purpose is not None:
            raise Refused(NotEarmarked(code))
        return
    if to == asset.issuer:
        return
    if purpose is None:
        raise Refused(PurposeMissing(code, line))
    allowed = next((each for each in asset.earmark if each.code == purpose), None)
    if allowed is None:
        raise Refused(PurposeNotAllowed(code, line, purpose))
    role, scope = allowed.payee, allowed.scope
    if role is not None and not roles.has_role(act, to, role, scope):
        raise Refused(PayeeNotEligible(code, line, to, purpose, role, scope))
