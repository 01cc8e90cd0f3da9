"""Every bound of the treasury, with its reason."""

from typing import Final

from primitives.ids import INTEGER_MAX

FUNDS_MAX: Final = 64
"""Funds of one treasury: a close compares them all in one act. An account symbol is a law's, not a
project's; a state of more founds a second treasury."""
APPORTIONMENT_LENGTH_MAX: Final = 24
"""A quarter or a project, such as 2026-q1 or bridge-lusail-2."""
TOTALS_MAX: Final = 64
"""Ledger accounts of a fund: they stand in its row, which every posting writes."""
PAYMENT_OFFICERS_MAX: Final = 8
"""Disbursing officers who sign one payment above the threshold."""
HOLDING_TAG_LENGTH_MAX: Final = 40
"""An inventory number; with half an agency's id it is the reference of a sale."""
COUNT_CODE_LENGTH_MAX: Final = 24
"""A count of holdings, such as 2026-autumn."""
LIFE_MONTHS_MAX: Final = 1_000
"""Of a holding's useful life: 83 years, fewer months than may follow without a transaction
(kernel_limits.ECHOES_MAX). What lasts longer is a site or a monument, and does not wear out."""
HOLDINGS_COST_MAX: Final = INTEGER_MAX // 4
"""Of all that a fund ever took over, and of all that it capitalised: what is charged for both by
itself can then always be counted, so that no duty ever fails on it."""
PROPERTY_BOARD_MIN: Final = 2
"""Members who decide about a holding, however small the board is."""
PROPERTY_BOARD_MAX: Final = 15
"""Members who sign one decision about a holding."""
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
