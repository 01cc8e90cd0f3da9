"""Bodies: councils, chambers, boards. They act by their motions, as their charters say."""

from typing import Annotated, final

from msgspec import Meta

from ledger import accounts, appointments, charters, parameters, roles
from ledger.act import Act
from ledger.operation import Event, Operation
from primitives.domains import Domain
from primitives.ids import AccountId, Sized32


@final
class BodyFounded(Event, tag="authority.body_founded", frozen=True):
    """There is a body {body}, called {name}."""

    body: Sized32[AccountId]
    name: accounts.PublicName


@final
class FoundBody(Operation, tag="authority.found_body", frozen=True):
    """Found a body: an account that nobody signs for, which acts by its motions alone.

    Needs the role registrar for the network, or to be the governor. The body is its own registrar:
    by its motions it grants roles in its scope. Its first members are granted theirs by a registrar
    of the network.
    """

    body: Annotated[
        Sized32[AccountId] | None, Meta(description="id of the new account; none makes a new one")
    ]
    name: Annotated[accounts.PublicName, Meta(description="of the body, for all to read")]
    charter: Annotated[charters.Charter, Meta(description="how it decides")]

    def apply(self, act: Act) -> None:
        """Open the account, and give it its charter."""
        if act.actor != parameters.governor_of(act):
            act.require_role(roles.REGISTRAR)
        body = AccountId(act.fresh_id(Domain.BODY)) if self.body is None else self.body
        account = accounts.Account(
            kind=accounts.AccountKind.BODY,
            threshold=0,
            keys=(),
            name=self.name,
            keeper=None,
            floor=0,
            changed=act.height,
        )
        accounts.open_account(act, body, account)
        charters.set_charter(act, body, self.charter)
        appointments.appoint(act, roles.RoleKey(roles.REGISTRAR, body, body), None)
        act.emit(BodyFounded(body, self.name))
