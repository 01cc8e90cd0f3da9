"""Builders for money that is held, limited, frozen and earmarked."""

from typing import Any

from msgspec.structs import replace

from kit.ledger import (
    GBP,
    Chain,
    account_id,
    genesis_account,
    genesis_document,
    pay,
    running_account,
)
from ledger import books
from ledger.assets import Earmark
from ledger.books import Balance, Holding
from ledger.genesis import GenesisRole
from ledger.holds import HoldId
from ledger.operation import Operation, Refusal
from ledger.receipt import Outcome, Receipt
from ledger.roles import COURT, INVESTIGATOR, SUPERVISOR
from ledger.state import Overlay
from primitives.ids import INTEGER_MAX, TimeMs
from services.money import DefineAsset
from services.money.holds import PlaceHold

HOUR = 60 * 60 * 1000
DAY = 24 * HOUR
OFFICES = {"supervisor": SUPERVISOR, "police": INVESTIGATOR, "judge": COURT}


def begin() -> Chain:
    """The treasury pays; health keeps a vendor without a floor; who restrains accounts is there."""
    document = genesis_document(
        accounts=[
            running_account("vendor", "health"),
            running_account("limited", "health", floor=-100),
            *(genesis_account(name) for name in OFFICES),
        ]
    )
    grants = (GenesisRole(role, None, account_id(name)) for name, role in OFFICES.items())
    return Chain.begin(replace(document, roles=(*document.roles, *grants)))


def done(chain: Chain, actor: str, operation: Operation, signer: str = "") -> Receipt[Any, Any]:
    """The receipt of one operation in a block of its own; a refusal leaves no trace."""
    before = dict(chain.state.rows)
    body = chain.body((actor, operation))
    receipt = chain.block(chain.check(body, signer or actor))[-1]
    if receipt.outcome is Outcome.REFUSED:
        changed = {slot[0] for slot, _ in chain.state.rows.items() ^ before.items()}
        assert changed <= {10}, "only the window's entry of ids may change"
    return receipt


def refusal_of(chain: Chain, actor: str, operation: Operation, signer: str = "") -> Refusal:
    """Why an operation is refused."""
    refusal = done(chain, actor, operation, signer).refusal
    assert isinstance(refusal, Refusal)
    return refusal


def applied(chain: Chain, actor: str, operation: Operation, signer: str = "") -> Any:  # noqa: ANN401
    """The events of an operation that is applied."""
    receipt = done(chain, actor, operation, signer)
    assert receipt.outcome is Outcome.APPLIED, receipt.refusal
    return receipt.events


def give(chain: Chain, name: str, amount: int) -> None:
    """Pay an account from the treasury."""
    applied(chain, "treasury", pay(name, amount, f"given in block {chain.state.height}"))


def purse(chain: Chain, name: str, asset: str = GBP) -> Balance:
    """What an account holds, and what of it is held for others."""
    return books.holding_of(Overlay(chain.state), Holding(account_id(name), asset))


def promise(
    chain: Chain,
    beneficiary: str,
    amount: int,
    *,
    after_ms: int = DAY,
    purpose: str | None = None,
    reference: str | None = None,
    asset: str = GBP,
) -> PlaceHold:
    """A hold for so long from the next block on."""
    return PlaceHold(
        asset=asset,
        amount=amount,
        beneficiary=account_id(beneficiary),
        expires_ms=TimeMs(min(chain.time_ms + 1_000 + after_ms, INTEGER_MAX)),
        purpose=purpose,
        reference=reference,
    )


def placed(chain: Chain, actor: str, operation: PlaceHold, signer: str = "") -> HoldId:
    """The id of a hold that is placed."""
    (event,) = applied(chain, actor, operation, signer)
    hold: HoldId = event.hold
    return hold


def define(chain: Chain, code: str, earmark: Earmark) -> None:
    """The treasury defines an asset that may be spent on this."""
    applied(
        chain, "treasury", DefineAsset(code, 0, snapshots=False, earmark=earmark, expires_ms=None)
    )


def wait(chain: Chain, for_ms: int) -> None:
    """A block without transactions, so much later."""
    chain.time_ms = TimeMs(chain.time_ms + for_ms - 1_000)
    chain.block()
