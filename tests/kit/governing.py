"""A network whose governor decides: parameters, norms."""

from typing import Any

from kit.ledger import Chain, account_id
from ledger.norms import Draft
from ledger.operation import Operation
from ledger.receipt import Receipt
from primitives.ids import Digest, TimeMs
from services.authority.norms import EnactNorm
from services.money import Issue

TEXT = Digest(b"\x07" * 32)
LAW = "law/2026/12"
ISSUE = "money.issue"


def decide(chain: Chain, *operations: Operation) -> Receipt[Any, Any]:
    """What came of operations that the governor performs, all or none."""
    (receipt,) = chain.block(chain.act("governor", *operations))
    return receipt


def issue(chain: Chain, reference: str) -> Receipt[Any, Any]:
    """What comes of making a penny in the next block."""
    made = Issue("GBP", account_id("works"), 1, reference)
    (receipt,) = chain.block(chain.act("treasury", made))
    return receipt


def law(
    *,
    norm: str = LAW,
    from_ms: int | None = None,
    until_ms: int | None = None,
    binds: tuple[str, ...] = (ISSUE,),
) -> EnactNorm:
    """A norm that binds the making of money, from its enactment on."""
    return EnactNorm(norm, TEXT, _time(from_ms), _time(until_ms), binds)


def draft(**fields: Any) -> Draft:  # noqa: ANN401 - as above
    """The same in a genesis document."""
    made = law(**fields)
    return Draft(made.norm, made.commitment, made.from_ms, made.until_ms, made.binds)


def _time(value: int | None) -> TimeMs | None:
    return None if value is None else TimeMs(value)
