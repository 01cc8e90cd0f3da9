"""`mithaq vendors`: payees' names and bank accounts, which stay on the agency's desk.

What a bank needs to pay somebody never enters a block. It lies in the agency's vendor book beside
its key, and the files that banks get are made with it. A bank account that changes is how payments
get stolen; so a change is never made in passing, and says what it replaces.
"""

import re
from typing import Final

import click

from cli.home import home_of
from cli.session import Session, command, facts, table
from cli.vendor_book import Payee, book_path, open_book, read_book
from exchange.iso20022 import is_account_number, is_bic
from primitives.errors import Rejected

_NAME: Final = re.compile(r"(?! )[^\x00-\x1f\x7f]{1,140}(?<! )")
"""What a bank's message has room for (Max140Text)."""


@click.group("vendors")
def vendors() -> None:
    """Keep payees' names and bank accounts, beside the agency's key."""


@command("enter", group=vendors)
@click.argument("name")
@click.option("--agency", required=True, metavar="NAME", help="Key of the agency whose book it is.")
@click.option(
    "--account",
    "number",
    required=True,
    metavar="NUMBER",
    help="Where the payee is paid: an IBAN, or the number as its bank writes it.",
)
@click.option("--bic", help="The payee's bank.")
@click.option(
    "--payee",
    metavar="ACCOUNT",
    help="The payee's account on the chain.  [default: the one that the book gives to the name]",
)
@click.option("--change", is_flag=True, help="Replace the bank account that is known so far.")
def enter(
    session: Session,
    name: str,
    agency: str,
    number: str,
    bic: str | None,
    payee: str | None,
    change: bool,
) -> None:
    """Note where a payee is paid; NAME is the one by which its bank knows it.

    Ask the payee by a way that you know already, not by the letter that names the account.
    """
    home = home_of(session)
    if not _NAME.fullmatch(name):
        raise click.BadParameter(
            f"expected 1 to 140 printable characters, without spaces around them, found {name!r}",
            param_hint="NAME",
        )
    if not is_account_number(number):
        raise click.BadParameter(
            "expected an IBAN whose check digits hold, or 1 to 34 letters, digits, spaces and "
            f"'-./', found {number!r}",
            param_hint="--account",
        )
    if bic is not None and not is_bic(bic):
        raise click.BadParameter(f"expected 8 or 11 characters, found {bic!r}", param_hint="--bic")
    new = Payee(name, number, bic)
    with open_book(book_path(home, agency)) as book:
        if payee is None:
            book.enter([name])
            account = book.account(name)
        else:
            account = home.account(payee)
        before = book.payees.get(account)
        if before is not None and before != new and not change:
            raise Rejected(
                "vendors.known_otherwise",
                f"{before.name} is paid at {before.number} so far, not at {number}: who says so "
                "may be a thief. If it is true, --change replaces it",
                {"account": account.hex(), "number": before.number},
            )
        book.set_payee(account, new)
        result = {
            "name": name,
            "account": account.hex(),
            "number": number,
            "bic": bic,
            "book": str(book.path),
        }
    session.show(result, facts((key, value) for key, value in result.items() if value))


@command("list", group=vendors)
@click.option("--agency", required=True, metavar="NAME", help="Key of the agency whose book it is.")
def list_vendors(session: Session, agency: str) -> None:
    """List the payees of an agency's book."""
    book = read_book(book_path(home_of(session), agency))
    rows = []
    for account, name in sorted(book.known_names().items(), key=lambda item: item[1]):
        payee = book.payees.get(account)
        rows.append(
            {
                "name": name,
                "account": account.hex(),
                "number": None if payee is None else payee.number,
                "bic": None if payee is None else payee.bic,
            }
        )
    cells = [[value or "-" for value in row.values()] for row in rows]
    text = table(["PAYEE", "ACCOUNT", "PAID AT", "BIC"], cells) if rows else "no payees"
    session.show(rows, text)
