"""What a node that dropped history answers: what it has, from where on, and never a wrong sum."""

import pytest

from kit.api import ChainOfOne, serving
from kit.ledger import account_id, key, pay
from kit.nets import in_trio
from kit.stored import born
from ledger.tree import replaced
from node.api.problems import problem_of
from node.events import Cursor, EventReader, Wanted
from node.queries import Queries, id_of_transaction
from node.reports import Reports
from node.retention import Policy, at_once, retire_due
from primitives.codec import encode
from primitives.errors import Rejected
from primitives.ids import INTEGER_MAX, Height
from storage.edges import HISTORY_PRUNED
from storage.memory import MemoryKeyValue

TREASURY = account_id("treasury").hex()


def paying(blocks: int) -> tuple[ChainOfOne, list[bytes]]:
    """A chain with one payment of the treasury in each block."""
    chain = ChainOfOne()
    chain.holding = True
    payments = []
    for number in range(blocks):
        payments.append(chain.signed("treasury", pay("health", 1, f"INV-{number}")))
        add(chain, payments[-1])
        chain.make_block()
    return chain, payments


def add(chain: ChainOfOne, data: bytes) -> None:
    @in_trio
    async def scene() -> None:
        await chain.submit(data)

    scene()


def prune(chain: ChainOfOne, **kept: int) -> None:
    """Keep so many heights of each part, and sweep."""
    policy = Policy(**{"state": "all", **kept})  # type: ignore[arg-type]
    retire_due(chain.store, policy, key("node 0"), at_once)
    while chain.store.sweep(rows_max=1_000, replaced=replaced):
        pass


def ask(chain: ChainOfOne, query: str, **given: str) -> tuple[int, list[int]]:
    """From where on the rows tell, and their heights."""
    answer = Reports(chain.store, chain.genesis).answer(query, given)
    return answer.since, [row.height for row in answer.rows if hasattr(row, "height")]


@pytest.mark.parametrize("part", ["bodies", "receipts"])
@in_trio
async def test_a_dropped_transaction_is_still_named(part: str) -> None:
    """410 with its place, as long as the index is kept; so are its block and its proof."""
    chain = ChainOfOne()
    data = chain.signed("treasury", pay("health", 1, "INV-0"))
    identifier = id_of_transaction(data).hex()
    await chain.submit(data)
    for _ in range(3):
        chain.make_block()
    async with serving(chain) as client:
        before = await client.get(f"/v1/transactions/{identifier}")
        prune(chain, **{part: 1})
        answers = [
            await client.get(path)
            for path in (
                f"/v1/transactions/{identifier}",
                f"/v1/transactions/{identifier}/proof",
                "/v1/blocks/1",
            )
        ]
        kept = await client.get("/v1/blocks/latest")

    assert before.status_code == kept.status_code == 200
    assert [answer.status_code for answer in answers] == [410] * 3
    assert {answer.json()["code"] for answer in answers} == {HISTORY_PRUNED}
    height = chain.store.head().height
    assert answers[0].json()["facts"] == {
        "transaction": identifier,
        "index": 0,
        "part": part,
        "expected": f"at least {height}",
        "actual": 1,
    }
    assert f"transaction {identifier} is number 0 of block 1; the" in answers[0].json()["detail"]


@in_trio
async def test_what_the_index_forgot_is_unknown_from_there_on() -> None:
    """Nothing is found; the answer says how far back it looked."""
    chain = ChainOfOne()
    data = chain.signed("treasury", pay("health", 1, "INV-0"))
    await chain.submit(data)
    for _ in range(3):
        chain.make_block()
    prune(chain, index=1)
    async with serving(chain) as client:
        answer = await client.get(f"/v1/transactions/{id_of_transaction(data).hex()}")

    assert answer.status_code == 404
    edge = chain.store.edges().index
    assert answer.json()["detail"].endswith(f"; this node's index begins at height {edge}")


@in_trio
async def test_one_committed_and_dropped_transaction_fails_no_batch() -> None:
    """Its place in the answer says what it is; the others are taken."""
    chain = ChainOfOne()
    chain.holding = True
    old = chain.signed("treasury", pay("health", 1, "INV-0"))
    await chain.submit(old)
    chain.make_block()
    for _ in range(3):
        chain.make_block()
    prune(chain, bodies=1)
    new = chain.signed("treasury", pay("health", 1, "INV-1"))
    async with serving(chain) as client:
        answer = await client.post(
            "/v1/transactions/batch",
            content=encode((old, new)),
            headers={"content-type": "application/msgpack"},
        )

    first, second = answer.json()
    assert first["error"]["code"] == HISTORY_PRUNED
    assert second["status"] == "pending"


def test_lists_end_at_the_edge_and_say_so() -> None:
    """Newest first they begin at the head; oldest first at the edge, where that makes sense."""
    chain, _ = paying(8)
    prune(chain, bodies=3)

    assert ask(chain, "ledger.transactions", account=TREASURY) == (6, [8, 7, 6])
    assert ask(chain, "ledger.transactions", account=TREASURY, order="oldest") == (6, [6, 7, 8])
    assert ask(chain, "chain.blocks", order="oldest") == (6, [6, 7, 8])
    assert ask(chain, "chain.blocks") == (6, [8, 7, 6])
    assert ask(chain, "money.entries", account=TREASURY) == (6, [6, 7, 8])
    assert ask(chain, "money.statement", account=TREASURY, order="newest") == (6, [8, 7, 6])
    assert ask(chain, "ledger.accounts")[0] == 0


@pytest.mark.parametrize("part", ["bodies", "receipts", "index"])
def test_a_sum_over_dropped_history_is_refused(part: str) -> None:
    """A total that lacks a year would look like any other; so would a balance from the middle."""
    chain, _ = paying(8)
    assert ask(chain, "money.totals", account=TREASURY, by="year")[0] == 0
    prune(chain, **{part: 3})

    for query, given in (
        ("money.totals", {"account": TREASURY, "by": "year"}),
        ("money.statement", {"account": TREASURY}),
        ("casework.procedures", {"owner": TREASURY}),
        ("casework.late", {"owner": TREASURY}),
    ):
        with pytest.raises(Rejected) as refused:
            ask(chain, query, **given)
        assert refused.value.code == HISTORY_PRUNED
        assert "kept here from height 6 on" in refused.value.message
        found = problem_of(refused.value)
        assert found is not None
        assert found.status == 410


def test_the_balance_after_the_newest_entry_is_still_what_is_held() -> None:
    """A statement from its newest end needs nothing that is gone."""
    chain, _ = paying(8)
    whole = Reports(chain.store, chain.genesis).answer(
        "money.statement", {"account": TREASURY, "order": "newest"}
    )
    prune(chain, receipts=3)
    part = Reports(chain.store, chain.genesis).answer(
        "money.statement", {"account": TREASURY, "order": "newest"}
    )

    assert part.rows == whole.rows[:3]


def test_a_page_that_ended_below_the_edge_is_refused() -> None:
    """The history went while somebody turned the pages."""
    chain, _ = paying(8)
    reports = Reports(chain.store, chain.genesis)
    page = reports.answer("money.entries", {"account": TREASURY, "limit": "2"})
    prune(chain, receipts=3)

    with pytest.raises(Rejected) as refused:
        reports.answer("money.entries", {"account": TREASURY, "after": str(page.next)})
    assert refused.value.code == HISTORY_PRUNED


@in_trio
async def test_a_stream_from_below_the_edge_is_refused() -> None:
    """410 before anything is streamed; from the edge on it is whole."""
    chain = ChainOfOne()
    for number in range(5):
        await chain.submit(chain.signed("treasury", pay("health", 1, f"INV-{number}")))
    height = chain.store.head().height
    prune(chain, receipts=2)
    edge = height - 1
    async with serving(chain) as client:
        gone = [
            await client.get(f"/v1/events?after={cursor}")
            for cursor in ("0.0", f"{edge - 1}.0", f"{edge - 2}.{INTEGER_MAX}")
        ]
    reader = EventReader(chain.store)
    behind = reader.read(Cursor(Height(edge - 1), INTEGER_MAX), Wanted())
    within = reader.read(Cursor(Height(edge), 0), Wanted())

    assert [answer.status_code for answer in gone] == [410] * 3
    assert behind.data.count(b"id: ") == 2
    assert behind.data.endswith(within.data)
    assert within.data.count(b"id: ") == 1
    assert within.at_end


def test_a_node_without_the_receipts_of_its_head_streams_from_the_next_block_on() -> None:
    """It was born from a snapshot of that height."""
    store = born(MemoryKeyValue())
    reader = EventReader(store)
    begin = reader.end()

    assert begin == Cursor(Height(6), INTEGER_MAX)
    assert reader.read(begin, Wanted()).at_end
    with pytest.raises(Rejected):
        reader.read(Cursor(Height(6), 0), Wanted())


def test_a_cached_block_is_not_served_below_the_edge() -> None:
    """What was read a moment ago is at hand, and still refused."""
    chain, payments = paying(3)
    queries = Queries(chain.store)
    identifier = id_of_transaction(payments[0])
    assert queries.transaction(identifier) is not None
    assert queries.block(Height(1)) is not None
    prune(chain, bodies=1, receipts=1)

    for read in (lambda: queries.transaction(identifier), lambda: queries.block(Height(1))):
        with pytest.raises(Rejected) as refused:
            read()
        assert refused.value.code == HISTORY_PRUNED
