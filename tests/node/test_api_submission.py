"""Submitting: one, many, again, and waiting for the block."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import httpx
import msgspec
import pytest
import trio
import trio.testing

from kit.api import ChainOfOne, connect, everything_from, listening, serving, submit, submit_named
from kit.ledger import GBP, account_id, genesis_account, genesis_document, key, pay
from kit.nets import in_trio
from ledger.accounts import AccountKind
from ledger.transaction import add_signature, sign_body
from node.api.problems import STATUS_OF_CODE, problem
from node.mempool import FULL, QUOTA_EXCEEDED
from node.queries import id_of_transaction
from primitives import limits
from primitives.codec import decode, encode
from primitives.errors import MithaqError, Rejected
from primitives.ids import Digest, TransactionId
from primitives.named import to_named
from services.money import Transfer
from services.registry.stamps import StampAct, StampDocument
from services.table import TRANSACTION


def opened(data: bytes) -> Any:  # noqa: ANN401 - a generic alias
    return decode(data, TRANSACTION, limit=limits.TRANSACTION_BYTES_MAX)


def named(data: bytes) -> bytes:
    return msgspec.json.encode(to_named(opened(data)))


async def submit_batch(client: httpx.AsyncClient, content: bytes, kind: str) -> httpx.Response:
    headers = {"content-type": f"application/{kind}"}
    return await client.post("/v1/transactions/batch", content=content, headers=headers)


@in_trio
async def test_what_is_taken_is_pending_and_has_a_place() -> None:
    """202 with the id, and where to look."""
    chain = ChainOfOne()
    chain.holding = True

    async with serving(chain) as client:
        answer = await submit(client, chain.signed("treasury", pay("health", 1, "A")))

    identifier = next(iter(chain.waiting)).hex()
    assert answer.status_code == 202
    assert answer.json() == {"status": "pending", "id": identifier}
    assert answer.headers["location"] == f"/v1/transactions/{identifier}"


@in_trio
async def test_both_forms_are_the_same_transaction() -> None:
    """JSON becomes the canonical bytes that were signed."""
    chain = ChainOfOne()
    chain.holding = True
    data = chain.signed("treasury", pay("health", 2**53 + 1, "A"))
    chain.waiting.clear()

    async with serving(ChainOfOne()) as other:
        refused = await submit_named(other, named(data))
    data = chain.signed("treasury", pay("health", 125, "B"))
    async with serving(chain) as client:
        by_name = await submit_named(client, named(data))
        in_bytes = await submit(client, data)

    assert refused.json()["code"] == "books.overdraft"
    assert by_name.json() == in_bytes.json()
    assert [tx.data for tx in chain.waiting.values()] == [data]


@in_trio
async def test_waiting_ends_with_the_receipt() -> None:
    """As soon as the block is durable."""
    chain = ChainOfOne()
    chain.holding = True
    answers: list[httpx.Response] = []

    async with serving(chain) as client, trio.open_nursery() as nursery:

        async def pay_and_wait() -> None:
            data = chain.signed("treasury", pay("health", 1, "A"))
            answers.append(await submit(client, data, wait_s=20))

        nursery.start_soon(pay_and_wait)
        while not chain.waits:
            await trio.lowlevel.checkpoint()
        chain.make_block()

    assert answers[0].status_code == 200
    assert answers[0].json()["receipt"]["outcome"] == "applied"


@in_trio
async def test_a_wait_that_is_over_leaves_it_pending() -> None:
    """Also where somebody asks about a transaction that nobody knows yet."""
    chain = ChainOfOne()
    chain.holding = True
    answers: dict[str, httpx.Response] = {}

    async with serving(chain) as client:
        known = await submit(client, chain.signed("treasury", pay("health", 1, "A")))

        async def ask(name: str, identifier: str) -> None:
            answers[name] = await client.get(f"/v1/transactions/{identifier}?wait_s=1")

        async def post(name: str) -> None:
            data = chain.signed("treasury", pay("health", 1, "B"))
            answers[name] = await submit(client, data, wait_s=1)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask, "known", known.json()["id"])
            nursery.start_soon(ask, "strange", "00" * 32)
            nursery.start_soon(post, "posted")

    assert (answers["posted"].status_code, answers["posted"].json()["status"]) == (202, "pending")
    assert (answers["known"].status_code, answers["known"].json()["status"]) == (200, "pending")
    assert answers["strange"].status_code == 404
    assert chain.waits == 0


@in_trio
async def test_asking_can_wait_for_what_another_node_took() -> None:
    """It needs not wait here to become final here."""
    chain = ChainOfOne()
    data = chain.signed("treasury", pay("health", 1, "A"))
    path = f"/v1/transactions/{id_of_transaction(data).hex()}?wait_s=20"
    answers: list[httpx.Response] = []

    async with serving(chain) as client, trio.open_nursery() as nursery:

        async def ask() -> None:
            answers.append(await client.get(path))

        nursery.start_soon(ask)
        while not chain.waits:
            await trio.lowlevel.checkpoint()
        await chain.submit(data)

    assert answers[0].json()["status"] == "final"


@in_trio
async def test_submitting_again_what_is_final_gives_its_receipt() -> None:
    """Also when it has expired since: a client that lost our answer asks with the same bytes."""
    chain = ChainOfOne()
    data = chain.signed("treasury", pay("health", 1, "A"), valid_for_ms=3_000)

    async with serving(chain) as client:
        await submit(client, data)
        again = await submit(client, data)
        for _ in range(4):
            chain.make_block()
        late = await submit_named(client, named(data))
        batch = await submit_batch(client, encode((data,)), "msgpack")

    assert (again.status_code, again.json()["status"]) == (200, "final")
    assert late.json() == again.json()
    assert batch.json() == [{"id": again.json()["id"], "status": "final"}]


@in_trio
async def test_a_client_that_leaves_no_longer_waits() -> None:
    """Its place is free again long before the time is over."""
    chain = ChainOfOne()

    async with listening(chain) as address:
        async with await connect(address) as stream:
            path = f"/v1/transactions/{'00' * 32}?wait_s=60"
            await stream.send_all(f"GET {path} HTTP/1.1\r\nhost: x\r\n\r\n".encode())
            while not chain.waits:
                await trio.lowlevel.checkpoint()
        while chain.waits:
            await trio.lowlevel.checkpoint()


@in_trio
async def test_only_so_many_wait_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one too many is told at once, before its transaction is taken."""
    monkeypatch.setattr(limits, "API_WAITERS_MAX", 2)
    chain = ChainOfOne()
    chain.holding = True

    async with serving(chain) as client, trio.open_nursery() as nursery:
        path = f"/v1/transactions/{'00' * 32}?wait_s=60"
        for number in (1, 2):
            nursery.start_soon(client.get, path)
            while chain.waits < number:
                await trio.lowlevel.checkpoint()
        data = chain.signed("treasury", pay("health", 1, "A"))
        refused = await submit(client, data, wait_s=1)
        taken = await submit(client, data)
        nursery.cancel_scope.cancel()

    assert (refused.status_code, refused.json()["code"]) == (503, "node.busy")
    assert refused.headers["retry-after"] == "1"
    assert taken.status_code == 202


@pytest.mark.parametrize("wait", ["61", "-1", "1.5", "", "01", "x", "1&wait_s2=3"])
def test_only_whole_seconds_up_to_a_minute_can_be_waited(wait: str) -> None:
    """One more than API_WAIT_S_MAX, and everything that is no number."""
    assert limits.API_WAIT_S_MAX == 60

    @in_trio
    async def scene() -> None:
        chain = ChainOfOne()
        async with serving(chain) as client:
            answer = await client.get(f"/v1/transactions/{'00' * 32}?wait_s={wait}")

        assert (answer.status_code, answer.json()["code"]) == (400, "request.parameter")

    scene()


def _wrong_chain(chain: ChainOfOne) -> bytes:
    body = opened(chain.signed("treasury", pay("health", 1, "A"))).body
    return encode(sign_body(msgspec.structs.replace(body, chain=bytes(32)), [key("treasury")]))


def _unsigned(chain: ChainOfOne) -> bytes:
    body = opened(chain.signed("treasury", pay("health", 1, "A"))).body
    return encode(sign_body(body, []))


def _forged(chain: ChainOfOne) -> bytes:
    whole = opened(chain.signed("treasury", pay("health", 1, "A")))
    other = opened(chain.signed("treasury", pay("health", 2, "B")))
    return encode(msgspec.structs.replace(whole, signatures=other.signatures))


def _superfluous(chain: ChainOfOne) -> bytes:
    return encode(
        add_signature(opened(chain.signed("treasury", pay("health", 1, "A"))), key("works"))
    )


def _half_signed(chain: ChainOfOne) -> bytes:
    body = opened(chain.signed("board", pay("health", 1, "A"))).body
    return encode(sign_body(body, [key("works")]))


def _unknown_operation(chain: ChainOfOne) -> bytes:
    whole = chain.signed("treasury", pay("health", 1, "A"))
    return whole.replace(b"\xaemoney.transfer", b"\xaemoney.transmit")


def _too_large(chain: ChainOfOne) -> bytes:
    many = [pay("health", 1, f"{index:060}", description="d" * 140) for index in range(70)]
    lines = tuple(each.lines[0] for each in many)
    calls = [msgspec.structs.replace(many[0], lines=lines) for _ in range(4)]
    return chain.signed("treasury", *calls)


def _not_canonical(chain: ChainOfOne) -> bytes:
    whole = chain.signed("treasury", pay("health", 1, "A"))
    return b"\xdc\x00\x02" + whole[1:]  # the same array, its length in two bytes more


def _unauthorised(chain: ChainOfOne) -> bytes:
    body = opened(chain.signed("treasury", pay("health", 1, "A"))).body
    return encode(sign_body(body, [key("health")]))


def _without_the_role(chain: ChainOfOne) -> bytes:
    return chain.signed("health", StampDocument(Digest(bytes(32)), StampAct.CERTIFY_COPY))


def _reference_twice(chain: ChainOfOne) -> bytes:
    line = pay("health", 1, "A").lines[0]
    return chain.signed("treasury", Transfer(GBP, (line, line)))


REFUSED: Any = [
    (_wrong_chain, 422, "transaction.wrong_chain"),
    (_unsigned, 422, "transaction.unsigned"),
    (_forged, 422, "transaction.bad_signature"),
    (_superfluous, 422, "transaction.superfluous_signature"),
    (_half_signed, 422, "transaction.threshold_not_reached"),
    (lambda c: c.signed("treasury", pay("health", 1, "A"), valid_for_ms=-1), 422,
     "transaction.expired"),
    (lambda c: c.signed("treasury", pay("health", 1, "A"), valid_for_ms=10_000_000), 422,
     "transaction.too_far_ahead"),
    (lambda c: c.signed("health", pay("works", 1, "A")), 422, "books.overdraft"),
    (lambda c: c.signed("treasury", pay("nobody", 1, "A")), 422, "accounts.unknown"),
    (_unauthorised, 422, "transaction.threshold_not_reached"),
    (_without_the_role, 422, "roles.missing"),
    (_reference_twice, 422, "books.duplicate_reference"),
    (_unknown_operation, 400, "transaction.malformed"),
    (_too_large, 400, "transaction.malformed"),
    (_not_canonical, 400, "transaction.malformed"),
    (lambda c: c.signed("treasury", pay("health", 1, "A")) + b"\0", 400, "transaction.malformed"),
    (lambda _: b"\x92", 400, "transaction.malformed"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "status", "code"), REFUSED)
def test_a_refusal_has_its_code_and_changes_nothing(make: Any, status: int, code: str) -> None:  # noqa: ANN401 - one of the above
    """problem+json with the ledger's own code, alone and in a batch."""
    board = genesis_account(
        "board", kind=AccountKind.OFFICE, signers=(("works", 1), ("health", 1)), threshold=2
    )

    @in_trio
    async def scene() -> None:
        chain = ChainOfOne(document=genesis_document(accounts=(board,)))
        data = make(chain)
        async with serving(chain) as client:
            answer = await submit(client, data)
            batch = await submit_batch(client, encode((data,)), "msgpack")

        assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert answer.headers["content-type"] == "application/problem+json"
        assert set(answer.json()) == {"type", "title", "status", "code", "detail", "facts"}
        assert batch.status_code == 200
        assert answer.json()["detail"]
        assert answer.json()["facts"] or code == "transaction.bad_signature"
        assert batch.json() == [{"error": answer.json()}]
        assert chain.store.head().height == 0
        assert chain.waiting == {}

    scene()


@in_trio
async def test_facts_are_in_the_named_form() -> None:
    """Bytes as hexadecimal, amounts as numbers."""
    chain = ChainOfOne()

    async with serving(chain) as client:
        answer = await submit(client, chain.signed("health", pay("works", 7, "A")))

    assert answer.json()["facts"] == {
        "refusal": "books.overdraft",
        "account": account_id("health").hex(),
        "asset": "GBP",
        "line": 0,
        "amount": 7,
        "available": 0,
        "floor": 0,
    }


def test_no_room_asks_to_come_back() -> None:
    """503 for a full mempool, 429 for an account's own quota; both say when."""
    assert problem(FULL, "", {}).status == 503
    assert problem(QUOTA_EXCEEDED, "", {}).status == 429
    assert STATUS_OF_CODE[FULL].phrase == "Service Unavailable"


class Crowded(ChainOfOne):
    async def submit(self, data: bytes) -> TransactionId:  # noqa: ARG002 - the protocol's
        raise Rejected(FULL, "50000 transactions wait already; try again later")


@in_trio
async def test_a_full_mempool_is_a_503_with_retry_after() -> None:
    """In a batch each item says so for itself."""
    chain = Crowded()
    data = chain.signed("treasury", pay("health", 1, "A"))

    async with serving(chain) as client:
        answer = await submit(client, data)
        batch = await submit_batch(client, encode((data, data)), "msgpack")

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert batch.status_code == 200
    assert [item["error"]["code"] for item in batch.json()] == [FULL, FULL]


@pytest.mark.parametrize("kind", ["msgpack", "json"])
def test_each_item_of_a_batch_has_its_own_answer(kind: str) -> None:
    """In order, whatever became of its neighbours."""

    @in_trio
    async def scene() -> None:
        chain = ChainOfOne()
        good = chain.signed("treasury", pay("health", 1, "A"))
        poor = chain.signed("works", pay("health", 1, "B"))
        last = chain.signed("treasury", pay("health", 1, "C"))
        if kind == "msgpack":
            content = encode((good, poor, b"\xc1", last))
        else:
            content = b"[" + b", ".join([named(good), named(poor), b"{}", named(last)]) + b"]"

        async with serving(chain) as client:
            answer = await submit_batch(client, content, kind)

        first, second, third, fourth = answer.json()
        assert answer.status_code == 200
        assert first["status"] == fourth["status"] == "pending"
        assert second["error"]["code"] == "books.overdraft"
        assert third["error"]["code"] == "transaction.malformed"
        assert chain.store.head().height == 2

    scene()


@in_trio
async def test_a_batch_holds_a_thousand_and_no_more() -> None:
    """API_BATCH_MAX is taken whole; one more is refused whole, in either form."""
    chain = ChainOfOne()
    full = limits.API_BATCH_MAX

    async with serving(chain) as client:
        most = await submit_batch(client, encode((b"x",) * full), "msgpack")
        binary = await submit_batch(client, encode((b"x",) * (full + 1)), "msgpack")
        text = await submit_batch(client, b"[" + b"{}," * full + b"{}]", "json")

    assert (most.status_code, len(most.json())) == (200, full)
    for answer in (binary, text):
        assert (answer.status_code, answer.json()["code"]) == (413, "request.too_large")
        assert answer.json()["facts"] == {"expected": "at most 1000", "actual": full + 1}


class Slow(ChainOfOne):
    inside = 0
    most = 0

    async def submit_many(self, batch: Sequence[bytes]) -> list[TransactionId | MithaqError]:
        self.inside += 1
        self.most = max(self.most, self.inside)
        while self.most < limits.API_BATCHES_MAX:
            await trio.lowlevel.checkpoint()
        await trio.testing.wait_all_tasks_blocked(0.05)
        self.inside -= 1
        return await super().submit_many(batch)


@in_trio
async def test_only_so_many_batches_are_in_memory_at_a_time() -> None:
    """The one above API_BATCHES_MAX waits for a place."""
    chain = Slow()

    async with serving(chain) as client, trio.open_nursery() as nursery:
        for _ in range(limits.API_BATCHES_MAX + 1):
            nursery.start_soon(submit_batch, client, encode(()), "msgpack")

    assert chain.most == limits.API_BATCHES_MAX


@in_trio
async def test_an_answer_survives_a_client_that_stops_listening_halfway() -> None:
    """A transaction that was taken stays taken."""
    chain = ChainOfOne()
    data = chain.signed("treasury", pay("health", 1, "A"))
    head = (
        "POST /v1/transactions HTTP/1.1\r\nhost: x\r\ncontent-type: application/msgpack\r\n"
        f"content-length: {len(data)}\r\nconnection: close\r\n\r\n"
    ).encode()

    async with listening(chain) as address, await connect(address) as stream:
        await stream.send_all(head + data)
        await stream.send_eof()
        await everything_from(stream)
        while chain.store.head().height == 0:
            await trio.lowlevel.checkpoint()
