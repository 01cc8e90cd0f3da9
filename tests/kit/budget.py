"""A small treasury: a ministry, a legislature, two agencies, their officers, a fund with money."""

from typing import Any

from msgspec.structs import replace

from kit.ledger import GBP, Chain, account_id, genesis_account, genesis_document, running_account
from kit.purses import applied
from ledger.genesis import GenesisRole
from services.treasury import offices
from services.treasury.funds import Apportion, Appropriate, DefineFund
from services.treasury.lines import Allot, line_code
from services.treasury.treasuries import OpenTreasury

MINISTRY, PARLIAMENT = "treasury", "parliament"
FUND = "019-2026/2027-1031-000"
ENDLESS = "019-X-1032-000"
QUARTER = "2026-q2"
BRIDGE = line_code(FUND, QUARTER, "BRDG", "252")
STAFF = line_code(FUND, QUARTER, "BRDG", "110")
OFFICERS = {
    "budgeter": (offices.BUDGET_OFFICER, MINISTRY),
    "accountant": (offices.CHIEF_ACCOUNTANT, MINISTRY),
    "auditor": (offices.AUDITOR, MINISTRY),
    "allotter": (offices.ALLOTMENT_OFFICER, "works"),
    "buyer": (offices.CONTRACTING_OFFICER, "works"),
    "receiver": (offices.RECEIVING_OFFICER, "works"),
    "certifier": (offices.CERTIFYING_OFFICER, "works"),
    "payer": (offices.DISBURSING_OFFICER, "works"),
    "debts": (offices.DEBT_OFFICER, "works"),
    "storekeeper": (offices.CUSTODIAN, "works"),
}
"""Who holds which role, for whom."""


def begin(**fields: Any) -> Chain:  # noqa: ANN401 - any field of the genesis document
    """A network with all officers, and the vendor whom the agency `works` keeps; no treasury."""
    document = genesis_document(
        accounts=[
            genesis_account(PARLIAMENT),
            *(genesis_account(name) for name in OFFICERS),
            running_account("vendor", "works"),
        ]
    )
    grants = (
        GenesisRole(role, account_id(scope), account_id(name))
        for name, (role, scope) in OFFICERS.items()
    )
    treasurer = GenesisRole(offices.TREASURER, None, account_id(MINISTRY))
    return Chain.begin(
        replace(
            document,
            role_definitions=offices.ROLE_DEFINITIONS,
            roles=(*document.roles, treasurer, *grants),
            **fields,
        )
    )


def opening(**other: Any) -> OpenTreasury:  # noqa: ANN401 - any field
    """The ministry opens its treasury."""
    given: dict[str, Any] = {
        "asset": GBP,
        "legislature": account_id(PARLIAMENT),
        "payment_threshold": 1_000_000,
        "payment_officers": 2,
        "interest_bp": 800,
    }
    return OpenTreasury(**given | other)


def defining(fund: str = FUND, **other: Any) -> DefineFund:  # noqa: ANN401 - any field
    """A fund of `works` from the year 2026 on, for two years or without end."""
    given: dict[str, Any] = {
        "treasury": account_id(MINISTRY),
        "fund": fund,
        "agency": account_id("works"),
        "available_from": "2026-01-01",
        "available_until": None if "-X-" in fund else "2027-12-31",
        "function": "04.5.1",
    }
    return DefineFund(**given | other)


def with_fund(**fields: Any) -> Chain:  # noqa: ANN401 - as above
    """A treasury, and a fund to which nothing is appropriated."""
    chain = begin(**fields)
    applied(chain, MINISTRY, opening())
    applied(chain, "budgeter", defining())
    return chain


def with_lines() -> Chain:
    """1,000 appropriated, 800 of it apportioned to a quarter, of that 500 and 100 to two lines."""
    chain = with_fund()
    applied(chain, PARLIAMENT, Appropriate(FUND, 1_000, None))
    applied(chain, "budgeter", Apportion(FUND, QUARTER, 800))
    applied(chain, "allotter", Allot(BRIDGE, 500))
    applied(chain, "allotter", Allot(STAFF, 100))
    return chain
