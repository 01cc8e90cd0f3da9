"""`mithaq report`: reports of a service, with the proofs of every figure if they are asked for.

A report is made from the rows of queries. With `--proof-pack` each row comes with its proof, and so
does every transaction that a figure is a sum of; what is printed are then the figures that follow
from the proofs, whatever the node said.
"""

import re
import shlex
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, final

import click

from cli.completion import key_names
from cli.conventions import conventions
from cli.home import client_of, home_of
from cli.language import word
from cli.pin import trust_of
from cli.session import Session, asking_command, facts, program, table
from primitives.errors import OperatorFault

if TYPE_CHECKING:
    from cli.query import Names
    from client.client import Client
    from exchange.period_report import Amounts, Execution, PeriodData
    from primitives.ids import AccountId

_MONTH: Final = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])")


@click.group("report")
def report() -> None:
    """Print a report, with the proofs of its figures if asked for."""


@asking_command("treasury.period", group=report)
@click.option(
    "--treasury",
    metavar="NAME",
    shell_complete=key_names,
    help="Account of the ministry.  [default: the only one]",
)
@click.option("--period", required=True, metavar="YYYY-MM", help="Month that it is of.")
@click.option(
    "--proof-pack",
    "pack",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Write the report there, with the proofs of its figures and of their transactions.",
)
@click.option(
    "--workbook",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write the rows that it is made of there, as a workbook (.xlsx).",
)
def treasury_period(
    session: Session,
    treasury: str | None,
    period: str,
    pack: Path | None,
    workbook: Path | None,
) -> None:
    """Print the report of a month: budget, trial balance, cash, what is due and what was paid.

    All figures are as of the end of the month, also if that is long ago; but what the single
    account holds is as of the last block. `mithaq proof verify FOLDER` checks a proof pack without
    any node: that every figure follows from proven entries of the state, and that the proven
    transactions add up to it.
    """
    from cli.query import names_of
    from cli.treasury_data import period_data
    from exchange.period_report import figures
    from exchange.treasury_data import day_of

    if not _MONTH.fullmatch(period):
        raise click.UsageError(f"--period: expected a month, YYYY-MM, found {period!r}")
    names = names_of(home_of(session), None)
    with client_of(session) as client:
        if period > (today := day_of(client.status().block_time_ms)):
            raise click.UsageError(f"--period: {period} has not begun, the books are of {today}")
        ministry = ministry_of(client, names, treasury)
        if pack is None:
            data = period_data(client, ministry, period)
        else:
            from cli.period_pack import write_pack

            trust = trust_of(session, None, None)
            data, count = write_pack(client, trust.home, pack, ministry, period)
            check = f"{program()} proof verify {shlex.quote(str(pack))}"
            session.remark(f"{count} proofs written; check them: {check}")
    if workbook is not None:
        _write_workbook(workbook, data, names)
    result = {"height": data.height, "time_ms": data.time_ms, **figures(data)}
    session.show(result, PeriodText(data, names).whole())
    if data.lines and not session.machine:
        options = ("--treasury", names.shown(ministry), "--line", data.lines[0].line)
        asked = " ".join(map(shlex.quote, options))
        session.remark(f"what a figure sums: {program()} query treasury.journal {asked}")


def _write_workbook(path: Path, data: "PeriodData", names: "Names") -> None:
    from cli.files import replace_file
    from cli.query_workbook import workbook_of

    lists = {
        "treasury.funds": data.funds,
        "treasury.apportionments": data.apportionments,
        "treasury.lines": data.lines,
        "treasury.trial_balance": data.trial_balance,
        "treasury.cash": data.cash,
        "treasury.ageing": data.ageing,
        "treasury.payments": data.payments,
    }
    replace_file(path, workbook_of(lists, names))


def ministry_of(client: "Client", names: "Names", name: str | None) -> "AccountId":
    """The account of the ministry that is named, else of the only one that has a treasury.

    Raises:
        OperatorFault: there is none, or there are several and none is named.
    """
    from primitives.ids import AccountId

    if name is not None:
        return AccountId(bytes.fromhex(names.account(name)))
    found = [row.treasury for row in client.rows("treasury.treasuries")]
    if len(found) != 1:
        listed = ", ".join(names.shown(each) for each in found) or "none"
        raise OperatorFault(f"--treasury: expected one of the treasuries, which are {listed}")
    return AccountId(found[0])


@final
class PeriodText:
    """The report as people read it."""

    def __init__(self, data: "PeriodData", names: "Names") -> None:
        self._data, self._names = data, names

    def whole(self) -> str:
        """All its parts."""
        return "\n\n".join(filter(None, self._parts()))

    def _parts(self) -> Iterator[str]:
        from exchange.period_report import by_fund, by_line

        data = self._data
        yield self._head()
        funds, lines = by_fund(data), by_line(data)
        yield _titled(f"Budget until the end of {data.period}", self._budget(funds))
        yield _titled("Lines until then", self._amounts("line", [(e.name, e.until) for e in lines]))
        moved = [(each.name, each.within) for each in lines if any(each.within)]
        yield _titled(f"Lines in {data.period} alone", self._amounts("line", moved))
        yield _titled("Trial balance", self._trial_balance())
        yield _titled("Cash", self._cash())
        yield _titled("Due and not paid", self._ageing())
        yield _titled(f"Payments in {data.period}", self._payments())

    def _money(self, amount: int) -> str:
        return conventions().amount(amount, self._data.treasury.exponent)

    def _head(self) -> str:
        data, close = self._data, self._data.close
        closed = "not closed"
        if close is not None:
            accountant, auditor = map(self._names.shown, (close.chief_accountant, close.auditor))
            closed = f"in block {close.height} by {accountant}, with {auditor}"
        return facts(
            [
                ("treasury", self._names.shown(data.treasury.treasury)),
                ("month", data.period),
                ("closed", closed),
                ("amounts in", data.treasury.asset),
                ("single account holds", self._money(data.treasury.balance_minor)),
                ("read at height", data.height),
            ]
        )

    def _budget(self, funds: "Sequence[Execution]") -> str:
        rows = [
            [
                row.fund,
                *map(self._money, (row.appropriated_minor, row.apportioned_minor, *each.until)),
            ]
            for row, each in zip(self._data.funds, funds, strict=True)
        ]
        titles = ["fund", "appropriated", "apportioned", *_AMOUNTS]
        return table(titles, rows) if rows else ""

    def _amounts(self, title: str, named: "Iterable[tuple[str, Amounts]]") -> str:
        rows = [[name, *map(self._money, amounts)] for name, amounts in named]
        return table([title, *_AMOUNTS], rows) if rows else ""

    def _trial_balance(self) -> str:
        sums: dict[tuple[str, str], list[int]] = {}
        for row in self._data.trial_balance:
            both = sums.setdefault((row.ussgl, row.title), [0, 0])
            both[0] += row.debits_minor
            both[1] += row.credits_minor
        rows = [[*name, *map(self._money, both)] for name, both in sorted(sums.items())]
        if not rows:
            return ""
        whole = (sum(both[side] for both in sums.values()) for side in (0, 1))
        rows.append(["", "all", *map(self._money, whole)])
        return table(["account", "title", "debits", "credits"], rows)

    def _cash(self) -> str:
        rows = [
            [
                row.fund,
                *map(
                    self._money,
                    (
                        row.claim_minor,
                        row.undelivered_minor,
                        row.payable_minor,
                        row.free_minor,
                    ),
                ),
            ]
            for row in self._data.cash
        ]
        titles = ["fund", "claim", "ordered", "received", "free"]
        return table(titles, rows) if rows else ""

    def _ageing(self) -> str:
        rows = [
            [
                row.fund,
                word(row.age.value).replace("_", " "),
                row.count,
                self._money(row.amount_minor),
                row.oldest_due,
            ]
            for row in self._data.ageing
        ]
        return table(["fund", "due for", "invoices", "amount", "oldest due"], rows) if rows else ""

    def _payments(self) -> str:
        rows = [
            [
                row.fund,
                row.certified,
                self._money(row.certified_minor),
                row.paid,
                self._money(row.paid_minor),
                self._money(row.interest_minor),
                self._money(row.returned_minor),
                _seconds(row.median_ms),
                _seconds(row.p90_ms),
            ]
            for row in self._data.payments
        ]
        return table(_PAYMENTS, rows) if rows else ""


_AMOUNTS: Final = ("allotted", "obligated", "delivered", "outlaid")
_PAYMENTS: Final = (
    "fund",
    "certified",
    "amount",
    "paid",
    "amount paid",
    "interest",
    "returned",
    "median",
    "p90",
)


def _titled(title: str, text: str) -> str:
    return f"{title}\n{text}" if text else ""


def _seconds(time_ms: int | None) -> str:
    if time_ms is None:
        return "-"
    return f"{time_ms / 1000:.1f} s"
