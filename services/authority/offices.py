"""Offices: posts of a body, who appoints to them, and who holds them."""

from typing import Annotated, final

from msgspec import Meta, Struct

from ledger import offices, parameters, roles
from ledger.act import Act
from ledger.offices import OfficeKey
from ledger.operation import Event, Operation
from ledger.query import After, Limit, Page, Query, Reading
from primitives.ids import AccountId, Digest, Height, Natural, Sized32, TimeMs

OneBody = Annotated[
    AccountId, Meta(min_length=32, max_length=32, description="body whose office it is")
]
OneRole = Annotated[roles.Role, Meta(description="role that its holders have for the body")]
Letter = Annotated[
    Sized32[Digest] | None, Meta(description="commitment to the letter; none if there is none")
]


@final
class OfficeCreated(Event, tag="authority.office_created", frozen=True):
    """There is an office {role} of {body}, to which {appointer} appoints."""

    body: Sized32[AccountId]
    role: roles.Role
    appointer: Sized32[AccountId]


@final
class OfficeAbolished(Event, tag="authority.office_abolished", frozen=True):
    """There is no office {role} of {body} any more."""

    body: Sized32[AccountId]
    role: roles.Role


@final
class Appointed(Event, tag="authority.appointed", frozen=True):
    """{appointer} appointed {holder} to the office {role} of {body}, until {until_ms}."""

    body: Sized32[AccountId]
    role: roles.Role
    holder: Sized32[AccountId]
    appointer: Sized32[AccountId]
    until_ms: Natural[TimeMs] | None
    letter: Sized32[Digest] | None


@final
class Dismissed(Event, tag="authority.dismissed", frozen=True):
    """{appointer} dismissed {holder} from the office {role} of {body}."""

    body: Sized32[AccountId]
    role: roles.Role
    holder: Sized32[AccountId]
    appointer: Sized32[AccountId]
    letter: Sized32[Digest] | None


@final
class CreateOffice(Operation, tag="authority.create_office", frozen=True):
    """Make a role an office of a body: it is held by appointment alone, where it is an office.

    Needs to be the body itself, or the governor. How many seats it has and how long a term lasts is
    what the role's definition says. Who holds the role already keeps it.
    """

    body: OneBody
    role: OneRole
    appointer: Annotated[
        AccountId, Meta(min_length=32, max_length=32, description="account that appoints to it")
    ]

    def apply(self, act: Act) -> None:
        """Write the office."""
        _require_body_or_governor(act, self.body)
        offices.create(act, OfficeKey(self.body, self.role), self.appointer)
        act.emit(OfficeCreated(self.body, self.role, self.appointer))


@final
class AbolishOffice(Operation, tag="authority.abolish_office", frozen=True):
    """Let the role of an office be granted like any other again. Who holds it keeps it.

    Needs to be the body itself, or the governor.
    """

    body: OneBody
    role: OneRole

    def apply(self, act: Act) -> None:
        """Delete the office."""
        _require_body_or_governor(act, self.body)
        offices.abolish(act, OfficeKey(self.body, self.role))
        act.emit(OfficeAbolished(self.body, self.role))


@final
class Appoint(Operation, tag="authority.appoint", frozen=True):
    """Appoint an account to an office, for a term. Only who appoints to it may."""

    body: OneBody
    role: OneRole
    holder: Annotated[
        AccountId, Meta(min_length=32, max_length=32, description="account that is appointed")
    ]
    until_ms: Annotated[
        Natural[TimeMs] | None,
        Meta(description="block time (ms) at which the term is over; none is no end"),
    ]
    letter: Letter

    def apply(self, act: Act) -> None:
        """Grant the role of the office."""
        offices.fill(act, OfficeKey(self.body, self.role), self.holder, self.until_ms)
        act.emit(
            Appointed(
                body=self.body,
                role=self.role,
                holder=self.holder,
                appointer=act.actor,
                until_ms=self.until_ms,
                letter=self.letter,
            )
        )


@final
class Dismiss(Operation, tag="authority.dismiss", frozen=True):
    """Dismiss an account from an office before its term is over. Only who appoints to it may.

    Whoever wants to leave resigns the role.
    """

    body: OneBody
    role: OneRole
    holder: Annotated[
        AccountId, Meta(min_length=32, max_length=32, description="account that is dismissed")
    ]
    letter: Letter

    def apply(self, act: Act) -> None:
        """Take the role of the office away."""
        offices.vacate(act, OfficeKey(self.body, self.role), self.holder)
        act.emit(Dismissed(self.body, self.role, self.holder, act.actor, self.letter))


def _require_body_or_governor(act: Act, body: AccountId) -> None:
    if act.actor != body:
        parameters.require_governor(act)


@final
class OfficeRow(Struct, frozen=True, kw_only=True):
    """An office: `seats` of it may be held at a time (null: any number), `holders` are held."""

    role: roles.Role
    appointer: Sized32[AccountId]
    since: Natural[Height]
    holders: Natural[int]
    seats: Natural[int] | None


@final
class Offices(Query, tag="authority.offices", frozen=True, kw_only=True):
    """The offices of a body, in the order of their roles."""

    body: OneBody
    after: After | None
    limit: Limit | None

    def answer(self, reading: Reading) -> Page[OfficeRow]:
        """List."""

        def row(key: bytes, office: offices.Office) -> OfficeRow:
            role = key[32:].decode("ascii")
            definition = roles.ROLE_DEFINITIONS.read(reading.state, role)
            return OfficeRow(
                role=role,
                appointer=office.appointer,
                since=office.since,
                holders=roles.holders(reading.overlay, role, self.body),
                seats=None if definition is None else definition.max_holders,
            )

        return reading.list(
            offices.OFFICES, row, prefix=self.body, after=self.after, limit=self.limit
        )


@final
class AppointmentRow(Struct, frozen=True, kw_only=True):
    """Who holds an office: since a block, until its term is over."""

    holder: Sized32[AccountId]
    since: Natural[Height]
    until_ms: Natural[TimeMs] | None
    in_force: bool


@final
class Appointment(Query, tag="authority.appointment", frozen=True, kw_only=True):
    """Whether an account holds an office; if not, the answer can prove it."""

    account: Annotated[
        AccountId, Meta(min_length=32, max_length=32, description="account that may hold it")
    ]
    body: OneBody
    role: OneRole

    def answer(self, reading: Reading) -> Page[AppointmentRow]:
        """Look up."""
        return reading.look_up(
            roles.ROLES,
            roles.RoleKey(self.role, self.body, self.account),
            lambda grant: AppointmentRow(
                holder=self.account,
                since=grant.since,
                until_ms=grant.until_ms,
                in_force=grant.in_force(reading.time_ms),
            ),
        )
