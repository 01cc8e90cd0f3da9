"""Where people are paid, as the messages of banks have it: out of an agency's vendor book."""

from cli.home import Home
from cli.vendor_book import Payee, book_path, read_book
from exchange.iso20022 import BankAccount, Party
from primitives.ids import AccountId


def party_of(payee: Payee) -> Party:
    """A payee of the book."""
    return Party(name=payee.name, account=BankAccount(number=payee.number, bic=payee.bic))


def parties_of(home: Home, agency: str) -> dict[AccountId, Party]:
    """Everybody in an agency's book whose bank account is known.

    Raises:
        OperatorFault: there is no book, or it cannot be read.
    """
    book = read_book(book_path(home, agency))
    return {account: party_of(payee) for account, payee in book.payees.items()}
