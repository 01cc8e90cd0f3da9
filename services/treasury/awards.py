"""Awards: what an agency promised to whom, and what of it was delivered, invoiced and paid.

An **award** obliges an agency against one line of its budget: a contract, a grant, a loan, a
benefit; or a **blanket** award for small purchases of many payees, which names no recipient. Its
row keeps the totals of all that comes after, so that each later step is judged by one look:

    paid ≤ vouchered ≤ delivered ≤ amount

All four are net of refunds. Interest that was paid because a payment was late is not in them, but
in `interest`: what an award obliges of its line is both together.

Who makes an award has a warrant for its amount, is not its recipient, and does none of the later
duties. Of money no more is promised than the line has.
"""

from collections.abc import Mapping
from enum import Enum, unique
from typing import Annotated, Final, final

from msgspec import Meta
from msgspec.structs import replace

from ledger import books
from ledger.act import Act
from ledger.assets import Amount, AssetCode
from ledger.operation import Event, Operation, Refusal, Refused
from ledger.roles import Role
from ledger.state import Overlay, Table
from primitives import treasury_limits
from primitives.ids import AccountId, Digest, Natural, Sized32
from services.treasury import funds, lines, rolling, treasuries, warrants
from services.treasury.funds import LineCode
from services.treasury.offices import CONTRACTING_OFFICER
from services.treasury.period import Day, judge_day, period_of
from services.treasury.rolling import Book, Rolled
from services.treasury.treasuries import Treasury

AwardCode = Annotated[
    str, Meta(pattern=r"^[A-Z0-9-]+(?!\n)$", max_length=treasury_limits.AWARD_CODE_LENGTH_MAX)
]
Place = Annotated[str, Meta(pattern=r"^[A-Z]{2}-[A-Z0-9]{1,3}(?!\n)$", max_length=6)]
"""A country's subdivision, as in ISO 3166-2."""
ProcessId = Annotated[
    str, Meta(pattern=r"^[!-~]+(?!\n)$", max_length=treasury_limits.PROCESS_ID_LENGTH_MAX)
]
"""A contracting process (Open Contracting ID)."""
Number = Annotated[int, Meta(ge=0, le=2**32 - 1)]

RECIPIENT: Final[Role] = "recipient"
"""Not an office: whoever gets the money, where duties are compared."""


@unique
class AwardKind(Enum):
    """What an award is."""

    CONTRACT = "contract"
    GRANT = "grant"
    LOAN = "loan"
    BENEFIT = "benefit"
    BLANKET = "blanket"
    """Any payee may invoice: small purchases of an office."""


@final
class Award(Rolled, array_like=True, frozen=True):
    """The row of an award; `officer` is who made or last amended it.

    `deliveries` and `vouchers` count what was numbered so far; `modification` is 0 as made. With a
    `token`, it is paid to whoever redeems that asset; `claimed` is what was redeemed and is not
    certified.
    """

    line: LineCode
    agency: Sized32[AccountId]
    kind: AwardKind
    recipient: Sized32[AccountId] | None
    officer: Sized32[AccountId]
    amount: Natural[int]
    delivered: Natural[int]
    vouchered: Natural[int]
    paid: Natural[int]
    interest: Natural[int]
    refunded: Natural[int]
    starts: Day
    ends: Day
    place: Place | None
    process: ProcessId | None
    modification: Number
    deliveries: Number
    vouchers: Number
    terms: Sized32[Digest] | None
    token: AssetCode | None
    claimed: Natural[int]


def award_key(code: str) -> bytes:
    """How an award is written in keys."""
    return code.encode("ascii")


AWARDS: Final = Table[str, Award](72, "awards", award_key, Award)
AWARD_HISTORY: Final = Table[rolling.Past[str], Award](
    73, "award_history", rolling.history_key(award_key), Award
)
AWARD_BOOK: Final = Book(AWARDS, AWARD_HISTORY)


class UnknownAward(Refusal, tag="treasury.unknown_award", frozen=True):
    """There is no award {award}."""

    award: AwardCode


class AwardExists(Refusal, tag="treasury.award_exists", frozen=True):
    """There is an award {award} already, of {agency}."""

    award: AwardCode
    agency: Sized32[AccountId]


class RecipientMissing(Refusal, tag="treasury.recipient_missing", frozen=True):
    """Award {award} must name its recipient: only a blanket award is for any payee."""

    award: AwardCode


class BlanketHasNoRecipient(Refusal, tag="treasury.blanket_has_no_recipient", frozen=True):
    """Award {award} is a blanket award: it cannot name a recipient."""

    award: AwardCode


class EndsBeforeItStarts(Refusal, tag="treasury.ends_before_it_starts", frozen=True):
    """Award {award} cannot end on {ends}: it starts on {starts}."""

    award: AwardCode
    starts: Day
    ends: Day


class TwoDuties(Refusal, tag="treasury.two_duties", frozen=True):
    """{account} is {held} of award {award}, so somebody else must be {role}."""

    award: AwardCode
    account: Sized32[AccountId]
    role: Role
    held: Role


@final
class AwardMade(Event, tag="treasury.award_made", frozen=True):
    """{officer} awarded {amount} from {line} to {recipient}: {kind} {award}, {starts} to {ends}."""

    award: AwardCode
    line: LineCode
    agency: Sized32[AccountId]
    kind: AwardKind
    recipient: Sized32[AccountId] | None
    officer: Sized32[AccountId]
    amount: Amount
    starts: Day
    ends: Day
    place: Place | None
    process: ProcessId | None


def need(state: Overlay, code: str) -> Award:
    """The award of a code.

    Raises:
        Refused: there is none.
    """
    return state[AWARDS].need(code, UnknownAward(code))


def treasury_of(state: Overlay, award: Award) -> Treasury:
    """The treasury that an award is paid from."""
    return treasuries.need(state, funds.need(state, lines.parts_of(award.line).fund).treasury)


def judge_duties(
    code: str, role: Role, account: AccountId, others: Mapping[Role, AccountId | None]
) -> None:
    """An account may do a duty at an award, at which others have theirs.

    Raises:
        Refused: it is one of the others.
    """
    for held, other in others.items():
        if account == other:
            raise Refused(TwoDuties(code, account, role, held))


def set_token(act: Act, code: str, award: Award, token: AssetCode) -> None:
    """From now on an award is paid to who redeems its tokens; whether it may be is not asked."""
    write(act, code, replace(award, token=token))


def write(act: Act, code: str, award: Award) -> None:
    """Set the row of an award."""
    rolling.write(act, AWARD_BOOK, code, award)


AwardField = Annotated[AwardCode, Meta(description="code of the award, such as ROAD-2026-7")]


@final
class MakeAward(Operation, tag="treasury.make_award", frozen=True):
    """Promise money of one line of the budget to a recipient, or to any payee by a blanket award.

    Needs the role contracting_officer of the line's agency, and a warrant for the amount. The line
    must have as much that is not yet obligated, and its fund must be available today. The officer
    is not the recipient.
    """

    award: AwardField
    line: Annotated[LineCode, Meta(description="line of the budget that it draws on")]
    kind: Annotated[AwardKind, Meta(description="what it is")]
    recipient: Annotated[
        Sized32[AccountId] | None, Meta(description="who is paid; none is a blanket award")
    ]
    amount: Annotated[Amount, Meta(description="in minor units of the treasury's asset")]
    starts: Annotated[Day, Meta(description="first day of delivery")]
    ends: Annotated[Day, Meta(description="last day of delivery")]
    place: Annotated[Place | None, Meta(description="where, as in ISO 3166-2, such as GB-LND")]
    process: Annotated[
        ProcessId | None, Meta(description="contracting process (OCID) that it comes from")
    ]
    terms: Annotated[
        Sized32[Digest] | None, Meta(description="salted commitment to the signed document")
    ]

    def apply(self, act: Act) -> None:
        """Oblige the line, and write the award."""
        agency = funds.need(act.state, lines.parts_of(self.line).fund).agency
        act.require_role(CONTRACTING_OFFICER, agency)
        _judge(act, self)
        warrants.judge(act, agency=agency, officer=act.actor, amount=self.amount)

        lines.obligate(act, self.line, self.amount)
        award = Award(
            period=period_of(act.time_ms),
            previous=None,
            line=self.line,
            agency=agency,
            kind=self.kind,
            recipient=self.recipient,
            officer=act.actor,
            amount=self.amount,
            delivered=0,
            vouchered=0,
            paid=0,
            interest=0,
            refunded=0,
            starts=self.starts,
            ends=self.ends,
            place=self.place,
            process=self.process,
            modification=0,
            deliveries=0,
            vouchers=0,
            terms=self.terms,
            token=None,
            claimed=0,
        )
        write(act, self.award, award)
        _tell(act, self, agency)


def judge_term(code: str, starts: Day, ends: Day) -> None:
    """An award may be delivered from one day to another.

    Raises:
        Refused: there is no such day, or they are in the wrong order.
    """
    judge_day(starts)
    judge_day(ends)
    if ends < starts:
        raise Refused(EndsBeforeItStarts(code, starts, ends))


def _judge(act: Act, made: MakeAward) -> None:
    known = act.state[AWARDS].find(made.award)
    if known is not None:
        raise Refused(AwardExists(made.award, known.agency))
    if made.kind is AwardKind.BLANKET:
        act.require(made.recipient is None, BlanketHasNoRecipient(made.award))
    elif made.recipient is None:
        raise Refused(RecipientMissing(made.award))
    else:
        books.need_account(act, made.recipient)
    judge_duties(made.award, CONTRACTING_OFFICER, act.actor, {RECIPIENT: made.recipient})
    judge_term(made.award, made.starts, made.ends)


def _tell(act: Act, made: MakeAward, agency: AccountId) -> None:
    act.emit(
        AwardMade(
            award=made.award,
            line=made.line,
            agency=agency,
            kind=made.kind,
            recipient=made.recipient,
            officer=act.actor,
            amount=made.amount,
            starts=made.starts,
            ends=made.ends,
            place=made.place,
            process=made.process,
        )
    )
