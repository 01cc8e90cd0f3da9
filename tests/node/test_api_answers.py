"""What the API answers about a real chain in a real store."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

import verifier
from kit.api import ChainOfOne, serving, submit
from kit.ledger import account_id, genesis_document, key, pay, running_account
from kit.nets import in_trio
from ledger.genesis import (
    GenesisAsset,
    GenesisBalance,
    GenesisDocument,
    GenesisRole,
    GenesisRoleDefinition,
    genesis_block,
)
from ledger.roles import REGISTRAR
from node.queries import AccountAnswer, BlockAnswer, FinalTransaction
from node.status import NodeStatus
from primitives import limits
from primitives.block import block_id
from primitives.named import from_named
from services.table import TRANSACTION
from storage.leveldb import create_leveldb

JSON = "application/json"


@in_trio
async def test_a_process_that_serves_is_alive() -> None:
    """Whatever else is wrong."""
    chain = ChainOfOne()
    chain.halted = "its state differs from a quorum's"

    async with serving(chain) as client:
        answer = await client.get("/v1/health")

    assert (answer.status_code, answer.json()) == (200, {"alive": True})


@in_trio
async def test_readiness_says_every_reason_why_not() -> None:
    """503, so that a load balancer understands it too."""
    chain = ChainOfOne()

    async with serving(chain) as client:
        ready = await client.get("/v1/ready")
        chain.halted = "its state differs from a quorum's"
        chain.disconnected = {"Ministry 1", "Ministry 2"}
        not_ready = await client.get("/v1/ready")

    assert (ready.status_code, ready.json()) == (200, {"ready": True, "reasons": []})
    assert not_ready.status_code == 503
    assert not_ready.json() == {
        "ready": False,
        "reasons": [
            "halted: its state differs from a quorum's",
            (
                "2 of 4 validators connected and signing, expected at least 3; "
                "missing: Ministry 2, Ministry 1; signing nothing: none"
            ),
        ],
    }


@in_trio
async def test_the_status_reads_back_as_the_struct_that_the_node_filled() -> None:
    """The command line reads it with the same names."""
    chain = ChainOfOne()

    async with serving(chain) as client:
        answer = await client.get("/v1/status")

    assert answer.headers["content-type"] == JSON
    assert from_named(answer.content, NodeStatus) == chain.status()


@in_trio
async def test_the_genesis_document_makes_the_same_chain_again() -> None:
    """Whoever reads it computes the chain id for himself."""
    chain = ChainOfOne()

    async with serving(chain) as client:
        answer = await client.get("/v1/genesis")

    assert genesis_block(from_named(answer.content, GenesisDocument)).chain == chain.chain


@in_trio
async def test_a_final_transaction_comes_with_its_place_and_receipt() -> None:
    """Height, index, time, the whole transaction, and what became of it."""
    chain = ChainOfOne()
    chain.holding = True
    first = chain.signed("treasury", pay("health", 125, "INV-1"))
    second = chain.signed("treasury", pay("works", 250, "INV-2"))

    async with serving(chain) as client:
        await submit(client, first)
        identifier = (await submit(client, second)).json()["id"]
        chain.make_block()
        answer = await client.get(f"/v1/transactions/{identifier}")

    found = answer.json()
    assert answer.status_code == 200
    assert (found["status"], found["id"]) == ("final", identifier)
    assert (found["height"], found["index"]) == (1, 1)
    assert found["block_time_ms"] == chain.store.header(chain.store.head().height).time_ms
    assert from_named(found["transaction"], TRANSACTION) == msgspec.msgpack.decode(
        second, type=TRANSACTION
    )
    assert found["receipt"]["outcome"] == "applied"
    assert found["receipt"]["events"][0]["amount"] == 250
    assert isinstance(from_named(answer.content, FinalTransaction), FinalTransaction)


@in_trio
async def test_a_waiting_transaction_is_pending_and_a_strange_one_unknown() -> None:
    """Unknown means: in no block and not waiting at this node."""
    chain = ChainOfOne()
    chain.holding = True

    async with serving(chain) as client:
        identifier = (await submit(client, chain.signed("treasury", pay("health", 1, "A")))).json()
        pending = await client.get(f"/v1/transactions/{identifier['id']}")
        strange = await client.get(f"/v1/transactions/{'00' * 32}")

    assert (pending.status_code, pending.json()["status"]) == (200, "pending")
    assert (strange.status_code, strange.json()["code"]) == (404, "transaction.unknown")


@pytest.mark.parametrize("durable", ["memory", "leveldb"])
def test_proofs_convince_the_verifier(durable: str, tmp_path: Path) -> None:
    """Of a payment, and of the balance after it, under the pinned chain."""

    @in_trio
    async def scene() -> None:
        database = create_leveldb(tmp_path / "data") if durable == "leveldb" else None
        chain = ChainOfOne(database)
        holding = account_id("health") + b"GBP"
        async with serving(chain) as client:
            payment = await submit(client, chain.signed("treasury", pay("health", 125, "INV-1")))
            transaction = await client.get(f"/v1/transactions/{payment.json()['id']}/proof")
            balance = await client.get(f"/v1/state/balances/{holding.hex()}/proof")
            same = await client.get(f"/v1/state/4/{holding.hex()}/proof")
        chain.store.close()

        assert transaction.headers["content-type"] == "application/vnd.mithaq.proof"
        paid = verifier.verify(transaction.content, verifier.Pin(chain.chain))
        held = verifier.verify(balance.content, verifier.Pin(chain.chain))
        assert (paid.outcome, held.outcome) == (verifier.Outcome.VALID, verifier.Outcome.VALID)
        assert "total 125 minor units of GBP" in paid.sentence
        assert "held 125 minor units of GBP" in held.sentence
        assert same.content == balance.content

    scene()


@in_trio
async def test_the_state_of_genesis_is_provable_before_any_block() -> None:
    """Block 0 has no certificate; the chain id vouches for it."""
    chain = ChainOfOne()

    async with serving(chain) as client:
        proof = await client.get(f"/v1/state/accounts/{account_id('treasury').hex()}/proof")

    assert (
        verifier.verify(proof.content, verifier.Pin(chain.chain)).outcome is verifier.Outcome.VALID
    )


@in_trio
async def test_what_is_not_in_the_state_is_proved_to_be_absent() -> None:
    """An absent entry and an unknown table are told apart."""
    chain = ChainOfOne()
    async with serving(chain) as client:
        absent = await client.get(f"/v1/state/accounts/{'ab' * 32}/proof")
        table = await client.get("/v1/state/marriages/ab/proof")
        number = await client.get("/v1/state/999/ab/proof")
        unknown = await client.get(f"/v1/transactions/{'ab' * 32}/proof")

    verdict = verifier.verify(absent.content, verifier.Pin(chain.chain))
    assert (absent.status_code, verdict.outcome) == (200, verifier.Outcome.VALID)
    assert verdict.sentence.endswith(
        f"table 1 (accounts) of the state held nothing under key {'ab' * 32}."
    )
    assert (table.status_code, table.json()["code"]) == (404, "state.unknown_table")
    assert table.json()["facts"]["expected"]["balances"] == 4
    assert (number.status_code, number.json()["code"]) == (404, "state.unknown_table")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "transaction.unknown")


@in_trio
async def test_a_block_names_who_certified_it_and_what_is_in_it() -> None:
    """Header, id, view, seats with names, transaction ids, count, bytes."""
    chain = ChainOfOne()
    data = chain.signed("treasury", pay("health", 125, "INV-1"))

    async with serving(chain) as client:
        identifier = (await submit(client, data)).json()["id"]
        answer = await client.get("/v1/blocks/1")
        latest = await client.get("/v1/blocks/latest")

    found = from_named(answer.content, BlockAnswer)
    head = chain.store.head()
    assert (found.id, found.header) == (head.block_id, head.header)
    assert found.certificate is not None
    assert [seal.seat for seal in found.certificate.seals] == [0, 1, 2]
    names = {record.key: record.name for record in chain.genesis.validators}
    assert all(names[seal.key] == seal.name for seal in found.certificate.seals)
    assert ([name.hex() for name in found.transactions], found.count, found.bytes) == (
        [identifier],
        1,
        len(data),
    )
    assert latest.content == answer.content


@in_trio
async def test_block_0_is_the_chain_and_has_no_certificate() -> None:
    """Its id is the chain id."""
    chain = ChainOfOne()

    async with serving(chain) as client:
        found = from_named((await client.get("/v1/blocks/0")).content, BlockAnswer)

    assert found.certificate is None
    assert found.id == block_id(found.header)
    assert found.id.hex() == chain.chain.hex()


@pytest.mark.parametrize(
    ("height", "status", "code"),
    [
        ("1", 404, "block.unknown"),
        (str(2**63 - 1), 404, "block.unknown"),
        (str(2**63), 400, "request.parameter"),
        ("-1", 400, "request.parameter"),
        ("01", 400, "request.parameter"),
        ("newest", 400, "request.parameter"),
    ],
)
def test_no_other_height_is_answered(height: str, status: int, code: str) -> None:
    """A height above the head is unknown yet; anything else is no height."""

    @in_trio
    async def scene() -> None:
        async with serving(ChainOfOne()) as client:
            answer = await client.get(f"/v1/blocks/{height}")

        assert (answer.status_code, answer.json()["code"]) == (status, code)

    scene()


@in_trio
async def test_an_account_joins_its_keys_roles_and_balances() -> None:
    """As they are after the newest block, which is named."""
    document = genesis_document()
    scoped = GenesisRole("auditor_2", account_id("works"), account_id("registrar"))
    other = GenesisRole("auditor_2", account_id("registrar"), account_id("works"))
    chain = ChainOfOne(
        document=replace(
            document,
            role_definitions=(GenesisRoleDefinition("auditor_2", REGISTRAR, None, None, ()),),
            roles=(*document.roles, scoped, other),
        )
    )

    async with serving(chain) as client:
        await submit(client, chain.signed("treasury", pay("registrar", 125, "INV-1")))
        answer = await client.get(f"/v1/accounts/{account_id('registrar').hex()}")
        unknown = await client.get(f"/v1/accounts/{'ab' * 32}")

    assert answer.json() == {
        "id": account_id("registrar").hex(),
        "height": 1,
        "kind": "organisation",
        "name": "Registrar",
        "threshold": 1,
        "keys": [{"key": key("registrar").public.hex(), "weight": 1}],
        "keeper": None,
        "floor": 0,
        "roles": [
            {"role": "auditor_2", "scope": account_id("works").hex(), "since": 0, "until_ms": None},
            {"role": "registrar", "scope": None, "since": 0, "until_ms": None},
        ],
        "balances": [{"asset": "GBP", "amount": 125, "exponent": 2}],
        "balances_after": None,
    }
    assert isinstance(from_named(answer.content, AccountAnswer), AccountAnswer)
    assert (unknown.status_code, unknown.json()["code"]) == (404, "account.unknown")


@in_trio
async def test_balances_come_in_pages_of_which_none_is_lost() -> None:
    """One asset more than a page holds is on the next; what is no asset's code is refused."""
    count = limits.API_BALANCES_MAX + 1
    codes = sorted(f"A{number:04}" for number in range(count))
    document, works = genesis_document(), account_id("works")
    chain = ChainOfOne(
        document=replace(
            document,
            assets=(*document.assets, *(GenesisAsset(code, 0, works) for code in codes)),
            balances=(*document.balances, *(GenesisBalance(works, code, 1) for code in codes)),
        )
    )
    path = f"/v1/accounts/{works.hex()}"

    async with serving(chain) as client:
        first = (await client.get(path)).json()
        second = (await client.get(f"{path}?balances_after={first['balances_after']}")).json()
        refused = [
            await client.get(f"{path}?balances_after={given}") for given in ("", "gbp", "A%C3%A9")
        ]

    assert [held["asset"] for held in first["balances"]] == codes[:-1]
    assert first["balances_after"] == codes[-2]
    assert [held["asset"] for held in second["balances"]] == codes[-1:]
    assert second["balances_after"] is None
    assert {answer.json()["code"] for answer in refused} == {"request.parameter"}


@in_trio
async def test_a_running_account_shows_who_signs_and_what_is_owed() -> None:
    """No keys, a keeper; no floor is null, and a balance below zero is a negative amount."""
    document = genesis_document(accounts=[running_account("vendor", keeper="health")])
    chain = ChainOfOne(document=document)

    async with serving(chain) as client:
        await submit(client, chain.signed("vendor", pay("works", 125, "CN-1"), signer="health"))
        answer = await client.get(f"/v1/accounts/{account_id('vendor').hex()}")

    shown = answer.json()
    assert (shown["keys"], shown["threshold"], shown["name"]) == ([], 0, "")
    assert (shown["keeper"], shown["floor"]) == (account_id("health").hex(), None)
    assert shown["balances"] == [{"asset": "GBP", "amount": -125, "exponent": 2}]
    assert from_named(answer.content, AccountAnswer).balances[0].amount == -125


@in_trio
async def test_no_answer_names_the_software_or_opens_itself_to_other_sites() -> None:
    """No server banner, no CORS header, also not when asked."""
    async with serving(ChainOfOne()) as client:
        asked = {"origin": "https://elsewhere.example", "access-control-request-method": "POST"}
        answers = [
            await client.get("/v1/status", headers=asked),
            await client.options("/v1/transactions", headers=asked),
            await client.get("/nothing", headers=asked),
        ]

    for answer in answers:
        assert "server" not in answer.headers
        assert not [name for name in answer.headers if name.startswith("access-control")]
