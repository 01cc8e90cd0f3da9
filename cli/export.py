"""`mithaq export`: what the chain holds, in the formats of the outside world.

Each command asks a node, writes one file or folder, and says how to check it. The formats are in
`exchange`; nothing of them is known to a node.
"""

from typing import Final

import click

from cli.lazy import LazyGroup

MEMBERS: Final = {
    "data-act": ("cli.export_treasury", "A treasury's files A, B and C of the DATA Act."),
    "trial-balance": ("cli.export_treasury", "Each account of each fund: debits and credits."),
    "sf133": ("cli.export_treasury", "Budgetary resources and their status (SF-133)."),
    "cofog": ("cli.export_treasury", "What was spent, by function of government (COFOG)."),
    "gfsm": ("cli.export_treasury", "The statement of operations (GFSM 2014)."),
    "fiscal-data-package": ("cli.export_treasury", "Budget and payments as a data package."),
    "ocds": ("cli.export_ocds", "A contracting process, from the plan to the payments (OCDS)."),
    "seal": ("cli.export_ocds", "Salts for documents, and the commitments to stamp."),
    "pacs008": ("cli.export_pacs008", "A treasury's payments, for a bank (ISO 20022)."),
    "camt053": ("cli.export_camt053", "An account's month, as a bank's statement (ISO 20022)."),
    "journal": ("cli.export_journal", "A treasury's books, for another bookkeeper (Beancount)."),
    "workbook": ("cli.export_workbook", "All lists of a treasury's books, as a workbook."),
    "holdings": ("cli.export_holdings", "The register of an agency's holdings, for auditors."),
    "xes": ("cli.export_xes", "The moves of cases, for process miners (IEEE 1849)."),
}


@click.group("export", cls=LazyGroup, members=MEMBERS)
def export() -> None:
    """Write what the chain holds in the formats of the outside world."""
