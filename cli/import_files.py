"""`mithaq import`: files of the outside world become transactions, line by line."""

from typing import Final

import click

from cli.lazy import LazyGroup

MEMBERS: Final = {
    "pain001": ("cli.import_pain001", "Certify the invoices of FILE (ISO 20022, pain.001)."),
    "payments": ("cli.import_payments", "Book every row of FILE (CSV) as a payment."),
    "vouchers": ("cli.import_vouchers", "Pay every row of FILE (CSV) under an award of a budget."),
}


@click.group("import", cls=LazyGroup, members=MEMBERS)
def import_() -> None:
    """Bring in what the outside world has as files."""
