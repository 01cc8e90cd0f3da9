"""Warrants: how much a contracting officer may award at a time."""

from typing import Annotated, Final, NamedTuple, final

from msgspec import Meta, Struct

from ledger import assets, roles
from ledger.act import Act
from ledger.operation import Event, Operation, Refusal, Refused
from ledger.roles import MissingRole
from ledger.state import Table
from primitives.ids import AccountId, Natural, Sized32
from services.treasury import offices


@final
class Warrant(Struct, array_like=True, frozen=True):
    """The row of a warrant: what one award may come to, with its amendments."""

    limit: assets.Amount


class WarrantKey(NamedTuple):
    """What a warrant is found by."""

    agency: AccountId
    officer: AccountId


WARRANTS: Final = Table[WarrantKey, Warrant](76, "warrants", b"".join, Warrant)


class NoWarrant(Refusal, tag="treasury.no_warrant", frozen=True):
    """Officer {officer} has no warrant of agency {agency}."""

    agency: Sized32[AccountId]
    officer: Sized32[AccountId]


class OverWarrant(Refusal, tag="treasury.over_warrant", frozen=True):
    """The warrant of {officer} goes to {limit}, so {amount} cannot be awarded."""

    officer: Sized32[AccountId]
    limit: assets.Amount
    amount: Natural[int]


@final
class WarrantSet(Event, tag="treasury.warrant_set", frozen=True):
    """{by} set the warrant of {officer} for {agency} to {limit}."""

    agency: Sized32[AccountId]
    officer: Sized32[AccountId]
    by: Sized32[AccountId]
    limit: Natural[int]


@final
class SetWarrant(Operation, tag="treasury.set_warrant", frozen=True):
    """Say how much a contracting officer may award at a time; 0 takes the warrant away.

    Needs the role allotment_officer for the agency. The officer has the role contracting_officer.
    """

    agency: Annotated[
        AccountId, Meta(min_length=32, max_length=32, description="account of the agency")
    ]
    officer: Annotated[
        AccountId, Meta(min_length=32, max_length=32, description="account of the officer")
    ]
    limit: Annotated[Natural[int], Meta(description="of one award, in minor units; 0 is none")]

    def apply(self, act: Act) -> None:
        """Write it, or delete it."""
        act.require_role(offices.ALLOTMENT_OFFICER, self.agency)
        key = WarrantKey(self.agency, self.officer)
        if self.limit:
            role = offices.CONTRACTING_OFFICER
            held = roles.has_role(act, self.officer, role, self.agency)
            act.require(held, MissingRole(self.officer, role, self.agency))
            act.state[WARRANTS][key] = Warrant(self.limit)
        else:
            act.require(key in act.state[WARRANTS], NoWarrant(*key))
            del act.state[WARRANTS][key]
        act.emit(WarrantSet(self.agency, self.officer, act.actor, self.limit))


def judge(act: Act, *, agency: AccountId, officer: AccountId, amount: int) -> None:
    """Whether an officer may award an amount for an agency; whether he is one, is not asked.

    Raises:
        Refused: he has no warrant, or not for so much.
    """
    limit = act.state[WARRANTS].need(WarrantKey(agency, officer), NoWarrant(agency, officer)).limit
    if amount > limit:
        raise Refused(OverWarrant(officer, limit, amount))
