"""A delivery that was accepted by mistake: who takes it back, until when, and what is left."""

import pytest

from kit.actors import give
from kit.holdings import Estate, a_holding
from kit.inequalities import broken
from kit.ledger import account_id
from kit.treasury import (
    AGENCY,
    AWARD,
    AWARDED,
    DELIVERED,
    INVOICE,
    INVOICED,
    MINISTRY,
    World,
    a_delivery,
    a_voucher,
)
from ledger.operation import Refusal
from ledger.query import Reading
from ledger.roles import MissingRole
from services.authority.roles import RevokeRole
from services.treasury import offices
from services.treasury.awards import TwoDuties, UnknownAward
from services.treasury.deliveries import IsWithdrawn, UnknownDelivery
from services.treasury.funds import Posted
from services.treasury.holdings import OverCapitalised
from services.treasury.queries_awards import Deliveries
from services.treasury.rows import DeliveryRow
from services.treasury.vouchers import CancelVoucher
from services.treasury.withdrawals import DeliveryInvoiced, DeliveryWithdrawn, WithdrawDelivery

MISTAKE = WithdrawDelivery(AWARD, 1, "not_there")


def told(world: World, period: str | None) -> list[DeliveryRow]:
    """The deliveries as they are, or as they were at the end of a month."""
    reading = Reading(world.chain.state, world.chain.time_ms)
    asked = Deliveries(
        treasury=account_id(MINISTRY), award=AWARD, period=period, after=None, limit=None
    )
    return list(asked.answer(reading).rows)


def test_what_is_withdrawn_is_owed_no_more_and_can_be_delivered_again() -> None:
    """The award, the line and the ledger accounts are as if it had not come."""
    world, before = World.with_delivery(), World.with_award()

    posted, event = world.does("receiver", MISTAKE)

    assert isinstance(posted, Posted)
    assert (posted.step.value, posted.amount) == ("deliver", -DELIVERED)
    assert event == DeliveryWithdrawn(AWARD, 1, DELIVERED, "not_there", account_id("receiver"))
    assert world.line().delivered == before.line().delivered == 0
    assert world.award().amount == AWARDED
    assert broken(world.chain.state) == []
    world.does("receiver", a_delivery(world.today, amount=AWARDED))
    assert (world.award().delivered, world.award().deliveries) == (AWARDED, 2)


def test_a_withdrawn_delivery_is_invoiced_and_withdrawn_no_more() -> None:
    """It is gone once and for all; another is accepted instead."""
    world = World.with_delivery()
    world.does("receiver", MISTAKE)

    refused = IsWithdrawn(AWARD, 1, world.month)
    assert world.refused("certifier", a_voucher(world.in_days(30))) == refused
    assert world.refused("receiver", MISTAKE) == refused


def test_what_is_invoiced_is_withdrawn_when_its_certification_was_cancelled() -> None:
    """Not before: somebody else has found that it is owed."""
    world = World.with_voucher()

    refusal = world.refused("receiver", MISTAKE)
    world.does("certifier", CancelVoucher(account_id("vendor"), INVOICE, "mistake"))
    world.does("receiver", MISTAKE)

    assert refusal == DeliveryInvoiced(AWARD, 1, INVOICED)


def test_who_has_another_duty_withdraws_nothing() -> None:
    """Who ordered, also when he has become a receiving officer."""
    world, agency, holder = World.with_delivery(), account_id(AGENCY), account_id("contractor")
    world.does("registrar", RevokeRole(offices.CONTRACTING_OFFICER, agency, holder))
    world.does("registrar", give(offices.RECEIVING_OFFICER, agency, holder))

    refused = TwoDuties(AWARD, holder, offices.RECEIVING_OFFICER, offices.CONTRACTING_OFFICER)
    assert world.refused("contractor", MISTAKE) == refused


@pytest.mark.parametrize(
    ("actor", "operation", "refusal"),
    [
        (
            "certifier",
            MISTAKE,
            MissingRole(account_id("certifier"), offices.RECEIVING_OFFICER, account_id(AGENCY)),
        ),
        ("receiver", WithdrawDelivery(AWARD, 2, "x"), UnknownDelivery(AWARD, 2, 1)),
        ("receiver", WithdrawDelivery("ROAD-9", 1, "x"), UnknownAward("ROAD-9")),
    ],
)
def test_who_withdraws_what(actor: str, operation: WithdrawDelivery, refusal: Refusal) -> None:
    """A receiving officer of the agency, a delivery that there is."""
    assert World.with_delivery().refused(actor, operation) == refusal


def test_what_stands_in_the_register_of_holdings_stays_delivered() -> None:
    """Up to the last penny of what it cost."""
    world = Estate.with_delivery()
    world.does("receiver", a_delivery(world.today, amount=5))
    world.does("custodian", a_holding(cost=DELIVERED))

    refusal = world.refused("receiver", MISTAKE)
    world.does("receiver", WithdrawDelivery(AWARD, 2, "not_there"))

    assert refusal == OverCapitalised(AWARD, DELIVERED, 5)


def test_a_month_that_is_over_tells_of_the_delivery_as_it_was() -> None:
    """The month of the withdrawal, and those after it, say that it was taken back."""
    world = World.with_delivery()
    over = world.next_month()
    now = world.month
    world.does("receiver", MISTAKE)

    assert [row.withdrawn for row in told(world, over)] == [None]
    assert [row.withdrawn for row in told(world, now)] == [now]
    assert [row.withdrawn for row in told(world, None)] == [now]
