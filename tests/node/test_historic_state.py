"""The state at earlier heights: read, proved, and refused where it is not kept."""

import pytest

from kit.api import ChainOfOne, serving, submit
from kit.ledger import account_id, pay
from kit.nets import in_trio
from ledger.books import BALANCES, Balance, Holding
from ledger.tree import key_hash, replaced, value_hash
from node import history
from primitives.errors import Rejected
from primitives.ids import Height
from storage.edges import HISTORY_PRUNED, Part

HEALTH = Holding(account_id("health"), "GBP")
HELD = HEALTH.account + b"GBP"
PATH = f"/v1/state/balances/{HELD.hex()}"


def a_chain(*amounts: int) -> ChainOfOne:
    """One payment to health per block."""
    chain = ChainOfOne()
    chain.holding = True
    for number, amount in enumerate(amounts):
        data = chain.signed("treasury", pay("health", amount, f"INV-{number}"))
        add(chain, data)
        chain.make_block()
    return chain


def add(chain: ChainOfOne, data: bytes) -> None:
    """As a submission does it."""

    @in_trio
    async def scene() -> None:
        await chain.submit(data)

    scene()


def test_every_height_has_its_own_balance_root_and_proof() -> None:
    """What was held after each block, under the root in that block's header."""
    chain = a_chain(100, 20, 3)
    expected = [None, Balance(100, 0), Balance(120, 0), Balance(123, 0)]
    hashed = key_hash(BALANCES.number, HELD)

    with chain.store.state() as state:
        for height, balance in enumerate(expected):
            then = history.at(state, Height(height))
            root = chain.store.header(Height(height)).state_root
            value, path = then.get(BALANCES.number, HELD), then.prove(BALANCES.number, HELD)

            assert (then.height, then.root) == (height, root)
            assert BALANCES.read(then, HEALTH) == balance
            if value is None:
                assert path.proves_absent(hashed, root)
            else:
                assert path.proves(hashed, value_hash(value), root)


def test_a_snapshot_keeps_reading_earlier_heights_while_the_chain_goes_on() -> None:
    """And knows no block that came later."""
    chain = a_chain(100)

    with chain.store.state() as state:
        add(chain, chain.signed("treasury", pay("health", 1, "later")))
        chain.make_block()

        assert BALANCES.read(history.at(state, Height(1)), HEALTH) == Balance(100, 0)
        with pytest.raises(Rejected, match="there is no block 2 yet, the newest is 1"):
            history.at(state, Height(2))


def test_below_the_edge_a_height_is_refused_and_the_edge_itself_is_whole() -> None:
    """Also after the rows are gone."""
    chain = a_chain(100, 20, 3)
    chain.store.retire(Part.STATE, Height(2), lambda _: b"a record")
    while chain.store.sweep(rows_max=10, replaced=replaced):
        pass

    with chain.store.state() as state:
        assert BALANCES.read(history.at(state, Height(2)), HEALTH) == Balance(120, 0)
        with pytest.raises(Rejected) as refused:
            history.at(state, Height(1))
    assert refused.value.code == HISTORY_PRUNED


@in_trio
async def test_the_api_reads_an_entry_at_a_height() -> None:
    """At the newest block unless a height is asked for."""
    chain = ChainOfOne()
    async with serving(chain) as client:
        await submit(client, chain.signed("treasury", pay("health", 100, "one")))
        await submit(client, chain.signed("treasury", pay("health", 20, "two")))
        now = (await client.get(PATH)).json()
        then = (await client.get(f"{PATH}?height=1")).json()
        by_number = (await client.get(f"/v1/state/4/{HELD.hex()}?height=1")).json()

    assert (now["height"], now["record"]) == (2, {"amount": 120, "held": 0})
    assert then == {
        "height": 1,
        "state_root": chain.store.header(Height(1)).state_root.hex(),
        "table": "balances",
        "key": HELD.hex(),
        "value": then["value"],
        "record": {"amount": 100, "held": 0},
    }
    assert BALANCES.decode(bytes.fromhex(then["value"])) == Balance(100, 0)
    assert by_number == then


@in_trio
async def test_the_api_says_at_which_height_an_entry_is_absent() -> None:
    """404 with the facts that a proof of absence is asked for with."""
    chain = ChainOfOne()
    async with serving(chain) as client:
        await submit(client, chain.signed("treasury", pay("health", 100, "one")))
        answer = await client.get(f"{PATH}?height=0")

    assert answer.status_code == 404
    assert answer.json()["code"] == "state.absent"
    assert answer.json()["facts"] == {"table": 4, "key": HELD.hex(), "height": 0}
    assert answer.json()["detail"].endswith("after block 0")


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("?height=9", 404, "block.unknown"),
        ("?height=0", 410, "history.pruned"),
        ("?height=-1", 400, "request.parameter"),
        ("?height=latest", 400, "request.parameter"),
        ("?height=9223372036854775808", 400, "request.parameter"),
        ("?at=1", 400, "request.parameter"),
    ],
)
def test_a_height_that_cannot_be_read_says_why(query: str, status: int, code: str) -> None:
    """Not yet there, no longer there, or no height at all."""
    chain = a_chain(100)
    chain.store.retire(Part.STATE, Height(1), lambda _: b"a record")

    @in_trio
    async def scene() -> None:
        async with serving(chain) as client:
            answer = await client.get(PATH + query)

        assert (answer.status_code, answer.json()["code"]) == (status, code)

    scene()


@in_trio
async def test_every_entry_of_genesis_can_be_read_over_the_api() -> None:
    """Whatever its table: rows of every kind have a named form."""
    chain = ChainOfOne()
    entries = list(chain.begun.execution.state_writes)

    async with serving(chain) as client:
        paths = [f"/v1/state/{table}/{key.hex()}" for table, key in entries]
        answers = [await client.get(path) for path in paths]

    assert {8, 9, 12} < {table for table, _ in entries}, "tables of one entry"
    assert [answer.status_code for answer in answers] == [200] * len(entries)
    assert all(answer.json()["record"] for answer in answers)
