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
AWARD_CODE_LENGTH_MAX: Final = 50
"""As long as the award ids of US agencies (PIID, FAIN) are at most."""
PROCESS_ID_LENGTH_MAX: Final = 64
"""Characters of a contracting process's id: a prefix of eleven, and the publisher's own."""
MILESTONE_LENGTH_MAX: Final = 50
"""Characters in the code of a milestone."""
VOUCHER_OFFSETS_MAX: Final = 4
"""Debts set off against one invoice: each is one more transfer of its payment."""
