"""What the money bought stands in a register, with somebody who answers for it."""

from __future__ import annotations

from typing import Final

from kit.road.stage import AGENCY, POUND, Stage, pounds
from services.treasury.counts import CountHolding, Finding, OpenCount
from services.treasury.holdings import EnterHolding, MoveHolding

HOLDING: Final = "LANE-1"
COST: Final = 48_000 * POUND
LIFE_MONTHS: Final = 120
CAMPAIGN: Final = "autumn"


def the_road_is_entered(stage: Stage) -> None:
    """Entered at its cost, handed over by two, counted by a third, used up by the month."""
    country = stage.country
    stage.teller.chapter("What was built is on the books")
    agency = country[AGENCY]
    entry = EnterHolding(
        agency=agency,
        holding=HOLDING,
        fund=stage.fund,
        asset_class="61113",
        cost=COST,
        acquired=stage.today,
        life_months=LIFE_MONTHS,
        place="GB-LND",
        award=stage.process.award_code,
        serial=None,
    )
    country.does("custodian", entry)
    handing_over = MoveHolding(agency, HOLDING, country["custodian-2"], "GB-LND")
    country.does("custodian", handing_over, with_=("custodian-2",))
    country.does("counter", OpenCount(agency, CAMPAIGN))
    seen = CountHolding(agency, CAMPAIGN, HOLDING, Finding.SEEN, "GB-LND", None)
    country.does("counter", seen)
    stage.teller.tell(
        "The first lane is a holding of the agency now: its custodian entered it, handed it over "
        "to a colleague who signed too, and a third officer went to look whether it is there. "
        "From next month on it is worn by a hundred-and-twentieth of its cost, in the same books."
    )
    stage.teller.show([(HOLDING, pounds(COST)), ("wear", f"{pounds(COST // LIFE_MONTHS)} a month")])
    stage.attempt(
        "More is entered than was ever delivered.",
        "custodian",
        EnterHolding(
            agency=agency,
            holding="LANE-2",
            fund=stage.fund,
            asset_class="61113",
            cost=COST,
            acquired=stage.today,
            life_months=LIFE_MONTHS,
            place=None,
            award=stage.process.award_code,
            serial=None,
        ),
    )
