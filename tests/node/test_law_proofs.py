"""What the law says and does not say is proved to whoever has the chain's id alone (K9)."""

from __future__ import annotations

from typing import Any

import pytest

from kit.api import ChainOfOne, serving, submit
from kit.governing import GOVERNOR, LAW, TEXT, calls_of, law
from kit.ledger import account_id, pay
from kit.nets import in_trio
from ledger.motions import Option
from ledger.norms import BINDINGS, NORMS
from ledger.operation import Operation
from ledger.receipt import Receipt, read_receipt
from ledger.roles import ROLES, RoleKey
from primitives.ids import Height, TimeMs
from services.assembly import MotionOpened, OpenMotion, Vote
from services.authority.norms import NormEnacted
from services.table import RECEIPT
from verifier import Outcome, Pin, verify


def receipts(chain: ChainOfOne) -> list[Receipt[Any, Any]]:
    """Of every block, those of what fell due too."""
    heights = range(1, chain.store.head().height + 1)
    return [
        read_receipt(data, RECEIPT)
        for height in heights
        for data in chain.store.receipts(Height(height))
    ]


def member(name: str) -> bytes:
    return ROLES.key(RoleKey("member", GOVERNOR, account_id(name)))


async def act(chain: ChainOfOne, actor: str, operation: Operation) -> None:
    await chain.submit(chain.signed(actor, operation))


async def enacted() -> ChainOfOne:
    """The governor enacted a norm that binds payments, by a motion that was carried out."""
    chain = ChainOfOne()
    closes = TimeMs(chain.store.head().header.time_ms + 6_000)
    option = Option("yes", calls_of(GOVERNOR, law(binds=("money.transfer",))))
    await act(chain, "body 0", OpenMotion(GOVERNOR, "ordinary", TEXT, (option,), closes))
    (motion,) = [
        event.motion
        for receipt in receipts(chain)
        for event in receipt.events
        if isinstance(event, MotionOpened)
    ]
    for number in range(3):
        await act(chain, f"body {number}", Vote(motion, "yes"))
    for _ in range(4):
        chain.make_block()
    return chain


@in_trio
async def test_what_a_motion_enacted_is_proved_by_the_event_of_what_fell_due() -> None:
    """Nobody signed it: it stands in the receipt of a duty."""
    chain = await enacted()
    (place,) = [
        (receipt.transaction_id, number)
        for receipt in receipts(chain)
        for number, event in enumerate(receipt.events, 1)
        if isinstance(event, NormEnacted)
    ]

    async with serving(chain) as client:
        file = await client.get(f"/v1/transactions/{place[0].hex()}/events/{place[1]}/proof")

    verdict = verify(file.content, Pin(chain.chain))
    assert verdict.outcome is Outcome.VALID
    assert LAW in verdict.sentence


@in_trio
async def test_under_which_norm_something_was_done_is_proved() -> None:
    """By the event that the query names, one for each row."""
    chain = await enacted()

    async with serving(chain) as client:
        paid = await submit(client, chain.signed("treasury", pay("works", 1, "a")))
        identifier = paid.json()["id"]
        asked = f"/v1/queries/authority.norm_of?transaction={identifier}"
        answer = (await client.get(asked)).json()
        (entry,) = answer["proved_by"]
        file = await client.get(f"/v1/{entry}/proof")

    (row,) = answer["rows"]
    assert (row["operation"], row["norm"], row["version"]) == ("money.transfer", LAW, 1)
    assert verify(file.content, Pin(chain.chain)).outcome is Outcome.VALID


@pytest.mark.parametrize(
    ("table", "there", "absent"),
    [
        ("norms", NORMS.key(LAW), NORMS.key("law/1999/1")),
        ("bindings", BINDINGS.key("money.transfer"), BINDINGS.key("money.issue")),
        ("roles", member("body 0"), member("works")),
    ],
    ids=["norm", "bound", "appointed"],
)
@in_trio
async def test_what_is_there_and_what_is_not_are_both_proved(
    table: str, there: bytes, absent: bytes
) -> None:
    """No norm, not bound, not appointed: each is a proof, not a silence."""
    chain = await enacted()
    said = []

    async with serving(chain) as client:
        for key in (there, absent):
            file = await client.get(f"/v1/state/{table}/{key.hex()}/proof")
            verdict = verify(file.content, Pin(chain.chain))
            assert verdict.outcome is Outcome.VALID
            said.append(verdict.sentence)

    assert ["held nothing" in sentence for sentence in said] == [False, True], said
