"""Who does what in a treasury: the roles, and which of them nobody holds together.

Whoever commits public money does not receive the goods, who receives them does not certify the
invoice, and who certifies does not pay; who audits does nothing else. The roles say so of an
agency, the rules of payment compare the persons again at each voucher, and the close of a month
asks whether its auditor has any such role anywhere.
"""

from typing import Final

from ledger.genesis import GenesisRoleDefinition
from ledger.roles import REGISTRAR, Role

TREASURER: Final[Role] = "treasurer"
"""For the network: opens a treasury."""
BUDGET_OFFICER: Final[Role] = "budget_officer"
"""For a treasury: defines funds and apportions them."""
CHIEF_ACCOUNTANT: Final[Role] = "chief_accountant"
"""For a treasury: closes a month."""
AUDITOR: Final[Role] = "auditor"
"""For a treasury: is there when a month is closed."""
ALLOTMENT_OFFICER: Final[Role] = "allotment_officer"
"""For an agency: allots to its lines, and says what contracting officers may award."""
CONTRACTING_OFFICER: Final[Role] = "contracting_officer"
"""For an agency: awards."""
RECEIVING_OFFICER: Final[Role] = "receiving_officer"
"""For an agency: accepts what is delivered."""
CERTIFYING_OFFICER: Final[Role] = "certifying_officer"
"""For an agency: certifies that an invoice is due."""
DISBURSING_OFFICER: Final[Role] = "disbursing_officer"
"""For an agency: pays what is certified."""
DEBT_OFFICER: Final[Role] = "debt_officer"
"""For an agency: sets what a payee owes off against a payment."""
CUSTODIAN: Final[Role] = "custodian"
"""For an agency: enters its holdings, and keeps them."""
STOCK_COUNTER: Final[Role] = "stock_counter"
"""For an agency: looks whether its holdings are there."""
PROPERTY_BOARD: Final[Role] = "property_board"
"""For an agency: decides with others what of its holdings is worth nothing any more, and goes."""

_DUTIES_OF_A_PAYMENT: Final = (
    CONTRACTING_OFFICER,
    RECEIVING_OFFICER,
    CERTIFYING_OFFICER,
    DISBURSING_OFFICER,
)
AUDITED: Final = (
    TREASURER,
    BUDGET_OFFICER,
    CHIEF_ACCOUNTANT,
    ALLOTMENT_OFFICER,
    *_DUTIES_OF_A_PAYMENT,
    DEBT_OFFICER,
    CUSTODIAN,
    STOCK_COUNTER,
    PROPERTY_BOARD,
)


def _incompatible(role: Role) -> tuple[Role, ...]:
    if role == AUDITOR:
        return tuple(sorted(AUDITED))
    others = _DUTIES_OF_A_PAYMENT if role in _DUTIES_OF_A_PAYMENT else ()
    return tuple(sorted({AUDITOR, *others} - {role}))


ROLE_DEFINITIONS: Final = tuple(
    GenesisRoleDefinition(
        role=role,
        grantor=REGISTRAR,
        max_holders=None,
        max_term_ms=None,
        incompatible=_incompatible(role),
    )
    for role in (*AUDITED, AUDITOR)
)
"""For the genesis of a network that is to have a treasury; an older one defines them by calls."""
