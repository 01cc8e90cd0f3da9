"""`mithaq export camt053`: an account's month as a bank's statement."""

import calendar
import re
from bisect import bisect_left
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, final

import click

from cli.completion import key_names
from cli.export_treasury import a_month
from cli.home import client_of, home_of
from cli.session import Session, asking_command
from primitives.errors import OperatorFault
from primitives.ids import AccountId, TransactionId

if TYPE_CHECKING:
    from cli.query import Names
    from client.client import Client
    from exchange.camt053 import AccountStatement, Entry
    from exchange.iso20022 import Party

_RETURNED: Final = re.compile(r".+/[0-9]+-R")
"""The reference of a payment that came back to a treasury."""


@asking_command("camt053")
@click.argument("account", shell_complete=key_names)
@click.option(
    "--period", required=True, metavar="MONTH", callback=a_month, help="The month, such as 2026-04."
)
@click.option("--asset", metavar="CODE", help="Of what.  [default: the only one it ever held]")
@click.option(
    "--agency", metavar="NAME", help="Key of the agency whose vendor book has its bank account."
)
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where to write the statement.",
)
def camt053(
    session: Session,
    account: str,
    period: str,
    asset: str | None,
    agency: str | None,
    output: Path,
) -> None:
    """Write the statement of an ACCOUNT for a month (ISO 20022 camt.053.001.08).

    What it held before, every entry with its transaction, what it held after.
    """
    from cli.files import replace_file
    from cli.payees import parties_of
    from cli.query import names_of
    from exchange.camt053 import camt053 as written
    from exchange.iso20022 import BankAccount, Party, reference
    from exchange.treasury_data import day_of

    home = home_of(session)
    names = names_of(home, None)
    owner = AccountId(bytes.fromhex(names.account(account)))
    known = {} if agency is None else parties_of(home, agency)
    name = names.by_account.get(owner.hex(), owner.hex())
    party = known.get(owner) or Party(
        name=name, account=BankAccount(number=reference(owner), bic=None)
    )
    with client_of(session) as client:
        if period > (today := day_of(client.status().block_time_ms)):
            raise click.UsageError(f"--period: {period} has not begun, the books are of {today}")
        statement = _Reading(client, names, owner, asset).statement(party, period)
    replace_file(output, written(statement), mode=0o600)  # it has names
    session.show(
        {"file": str(output), "entries": len(statement.entries)},
        f"wrote {output}: {len(statement.entries)} entries",
    )


@final
class _Reading:
    """Makes a statement of what a node says of an account; block times are asked for once."""

    def __init__(
        self, client: "Client", names: "Names", owner: AccountId, asset: str | None
    ) -> None:
        self._client, self._names, self._owner = client, names, owner
        self._times: dict[int, int] = {}
        self._now_ms = client.block().header.time_ms
        self._rows: list[Any] = list(client.rows("money.statement", account=owner, asset=asset))
        if not self._rows:
            raise OperatorFault(f"account {owner.hex()} never held anything")

    def statement(self, owner: "Party", period: str) -> "AccountStatement":
        """The entries of a month, by the times of their blocks."""
        from exchange.camt053 import AccountStatement
        from exchange.iso20022 import utc_day

        year, month = int(period[:4]), int(period[5:])
        days = calendar.monthrange(year, month)[1]
        start_ms = calendar.timegm((year, month, 1, 0, 0, 0)) * 1000
        # Of a month that still runs, as much as there is.
        end_ms = max(start_ms, min(start_ms + days * 86_400_000, self._now_ms + 1))
        first = bisect_left(self._rows, start_ms, key=self._time_of)
        behind = bisect_left(self._rows, end_ms, key=self._time_of)
        if first < behind and self._rows[first].transaction is None:
            first += 1  # what genesis gave was there before anything moved
        told = self._rows[first:behind]
        row, last_day = self._rows[0], utc_day(max(start_ms, end_ms - 1))
        return AccountStatement(
            id=f"{last_day}-{self._digest(told)}",
            time_ms=end_ms,
            owner=owner,
            ledger_account=self._owner,
            asset=row.asset,
            exponent=row.exponent,
            first_day=f"{period}-01",
            last_day=last_day,
            first_ms=start_ms,
            last_ms=max(start_ms, end_ms - 1),
            opening=self._rows[first - 1].balance_minor if first else 0,
            closing=self._rows[behind - 1].balance_minor if behind else 0,
            entries=[self._entry(each) for each in told],
        )

    def _time_of(self, row: Any) -> int:  # noqa: ANN401 - the rows of a query
        if row.height not in self._times:
            self._times[row.height] = self._client.block(row.height).header.time_ms
        return self._times[row.height]

    def _entry(self, row: Any) -> "Entry":  # noqa: ANN401 - as above
        from exchange.camt053 import Entry
        from exchange.iso20022 import utc_day

        other = row.other.hex()
        returned = row.received_minor > 0 and _RETURNED.fullmatch(row.reference)
        return Entry(
            transaction=row.transaction,
            event=row.entry,
            day=utc_day(self._time_of(row)),
            value_day=row.date,
            change=row.received_minor - row.paid_minor,
            reference=row.reference,
            description=row.description,
            other=self._names.by_account.get(other, other),
            returned=self._reason(row.transaction, row.entry) if returned else None,
        )

    def _digest(self, told: list[Any]) -> str:
        """Another name for the statement of another asset, or with one entry more."""
        listed = (f"{each.transaction.hex()} {each.entry}" for each in told)
        named = "\n".join((self._owner.hex(), self._rows[0].asset, *listed))
        return sha256(named.encode("utf-8")).hexdigest()[:24]

    def _reason(self, transaction: TransactionId, entry: int) -> str | None:
        """Why a payment came back: what its receipt says next, behind the event that moved it."""
        from node.queries import FinalTransaction
        from services.treasury.returns import PaymentReturned

        found = self._client.transaction(transaction)
        assert isinstance(found, FinalTransaction), "it stands in the books"
        events = found.receipt.events[entry:]
        reasons = [each.reason for each in events if isinstance(each, PaymentReturned)]
        return reasons[0].value if reasons else None
