"""The chapters, in order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from kit.road import budget, contract, grant, holdings, months, proven, published
from kit.road.stage import Stage

Chapter = Callable[[Stage], None]

CHAPTERS: Final[tuple[Chapter, ...]] = (
    budget.offices_are_given,
    budget.parliament_passes_the_budget_law,
    budget.the_money_is_allotted,
    contract.the_contract_is_awarded,
    grant.the_grant_is_passed_on,
    contract.milestones_are_met,
    contract.invoices_are_paid,
    grant.partners_redeem_their_tokens,
    holdings.the_road_is_entered,
    months.the_months_are_closed,
    published.the_bank_gets_its_files,
    published.the_public_gets_its_files,
    proven.a_grant_is_followed,
    proven.a_payment_is_followed,
    proven.every_figure_has_its_proof,
    grant.what_is_left_lapses,
)
