"""Amendments: an award grows, shrinks or lasts longer, by the word of a contracting officer.

What is delivered already stays promised. Amendments of an award are numbered, so that none of two
officers amends what he has not seen; the one who amends answers for the award from then on.
"""

from typing import Annotated, final

from msgspec import Meta
from msgspec.structs import replace

from ledger.act import Act
from ledger.assets import AssetCode
from ledger.operation import Event, Operation, Refusal, Refused
from primitives.ids import INTEGER_MAX, AccountId, Natural, Signed, Sized32
from services.treasury import awards, lines, warrants
from services.treasury.awards import (
    RECIPIENT,
    Award,
    AwardCode,
    AwardField,
    Number,
    judge_duties,
    judge_term,
)
from services.treasury.offices import CONTRACTING_OFFICER
from services.treasury.period import Day


class WrongModification(Refusal, tag="treasury.wrong_modification", frozen=True):
    """The next amendment of award {award} is number {expected}, not {modification}."""

    award: AwardCode
    modification: Number
    expected: Number


class TokensAreOut(Refusal, tag="treasury.tokens_are_out", frozen=True):
    """Award {award} has tokens out, {token}: until they lapse no money of it is taken back."""

    award: AwardCode
    token: AssetCode


class NothingAmended(Refusal, tag="treasury.nothing_amended", frozen=True):
    """An amendment of award {award} must change its amount or its last day."""

    award: AwardCode


class BelowDelivered(Refusal, tag="treasury.below_delivered", frozen=True):
    """Award {award} of {amount} cannot change by {change}: {delivered} of it is delivered."""

    award: AwardCode
    amount: Natural[int]
    delivered: Natural[int]
    change: Signed[int]


class AwardTooLarge(Refusal, tag="treasury.award_too_large", frozen=True):
    """Award {award} is of {amount}: with {change} more it could not be counted."""

    award: AwardCode
    amount: Natural[int]
    change: Signed[int]


@final
class AwardAmended(Event, tag="treasury.award_amended", frozen=True):
    """{officer} amended award {award} ({modification}) by {change}: now {amount} until {ends}."""

    award: AwardCode
    modification: Number
    change: Signed[int]
    amount: Natural[int]
    ends: Day
    officer: Sized32[AccountId]


@final
class AmendAward(Operation, tag="treasury.amend_award", frozen=True):
    """Change what an award promises, or its last day.

    Needs the role contracting_officer of its agency, and for more money a warrant for the whole
    amount. The amount never falls below what is delivered, and not at all while tokens of it are
    out. Whoever amends an award is its officer from then on.
    """

    award: AwardField
    change: Annotated[Signed[int], Meta(description="what is added; below zero, taken back")]
    modification: Annotated[
        Number, Meta(description="number of the amendment: one more than of the last")
    ]
    ends: Annotated[Day | None, Meta(description="its last day from now on; none is as before")]

    def apply(self, act: Act) -> None:
        """Change the line's obligations, and the award."""
        award = awards.need(act.state, self.award)
        act.require_role(CONTRACTING_OFFICER, award.agency)
        judge_duties(self.award, CONTRACTING_OFFICER, act.actor, {RECIPIENT: award.recipient})
        expected = award.modification + 1
        act.require(
            self.modification == expected,
            WrongModification(self.award, self.modification, expected),
        )
        ends = self.ends or award.ends
        act.require(self.change != 0 or ends != award.ends, NothingAmended(self.award))
        judge_term(self.award, award.starts, ends)
        _judge_change(self.award, award, self.change)
        if self.change < 0 and award.token is not None:
            raise Refused(TokensAreOut(self.award, award.token))
        if self.change > 0:
            amount = award.amount + self.change
            warrants.judge(act, agency=award.agency, officer=act.actor, amount=amount)

        _amend(act, self.award, replace(award, officer=act.actor, ends=ends), self.change)


def set_free(act: Act, code: str, award: Award, amount: int) -> None:
    """Take back what nobody can claim any more, without an officer.

    Raises:
        Refused: more than is not delivered.
    """
    _judge_change(code, award, -amount)
    _amend(act, code, award, -amount)


def _judge_change(code: str, award: Award, change: int) -> None:
    if award.amount + change < award.delivered:
        raise Refused(BelowDelivered(code, award.amount, award.delivered, change))
    if award.amount + change > INTEGER_MAX:
        raise Refused(AwardTooLarge(code, award.amount, change))


def _amend(act: Act, code: str, award: Award, change: int) -> None:
    if change:
        lines.obligate(act, award.line, change)
    amount, number = award.amount + change, award.modification + 1
    awards.write(act, code, replace(award, amount=amount, modification=number))
    act.emit(AwardAmended(code, number, change, amount, award.ends, award.officer))
