"""Every bound of the treasury, with its reason."""

from typing import Final

FUNDS_MAX: Final = 64
"""Funds of one treasury: a close compares them all in one act. An account symbol is a law's, not a
project's; a state of more founds a second treasury."""
APPORTIONMENT_LENGTH_MAX: Final = 24
"""A quarter or a project, such as 2026-q1 or bridge-lusail-2."""
TOTALS_MAX: Final = 64
"""Ledger accounts of a fund: they stand in its row, which every posting writes."""
PAYMENT_OFFICERS_MAX: Final = 8
"""Disbursing officers who sign one payment above the threshold."""
INTEREST_BP_MAX: Final = 10_000
"""Hundred per cent a year: more is no interest for late payment."""
