"""A desk whose agency has paid vendors: a vendor book, running accounts, a credit note."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from msgspec.structs import replace

from cli.vendor_book import open_book
from kit.desk import Desk, desk
from kit.ledger import account_id, running_account

ACME, DOE = "Ácme, Ltd", "J. Doe"
BOOK = "keys/treasury.vendors.json"


@contextmanager
def booked(home: Path) -> Iterator[Desk]:
    """Treasury paid two vendors in two years, and one gave more back than it got."""
    (home / "keys").mkdir(parents=True)
    with open_book(home / BOOK) as book:
        book.enter([ACME, DOE])
        vendors = dict(book.vendors)
    accounts = [replace(running_account("any", "treasury"), id=each) for each in vendors.values()]
    with desk(home, accounts=accounts) as at:
        acme, doe = (vendors[name].hex() for name in (ACME, DOE))
        for line in (
            f"to={acme},amount=1250.00GBP,reference=a,description=Postage,value_date=2009-03-01",
            f"to={acme},amount=0.50GBP,reference=b,description=Road repair,value_date=2010-03-01",
            f"to={doe},amount=10.00GBP,reference=c,description=Postage,value_date=2010-04-01",
        ):
            assert at.pay("--wait", line=line).code == 0
        back = "amount=30.00GBP,reference=d,description=Postage,value_date=2010-05-01"
        returned = f"to={account_id('treasury').hex()},{back}"
        assert at.pay("--actor", doe, "--wait", line=returned).code == 0
        yield at
