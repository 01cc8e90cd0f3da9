"""Golden vectors of what nodes say, keep and hand out: messages, genesis, memory, proof.

tests/vectors/node.json is compared with our code, and read a second time with hashlib, nacl and
the `msgpack` package alone. A change here is a new protocol, or a disk that the next version must
still read. `REWRITE=1 pytest tests/node/test_node_vectors.py` writes it anew.

The root of a genesis state is not in it: the format of the state tree is settled later.
"""

import hashlib
import json
from pathlib import Path
from typing import Any, get_args

import msgpack
import pytest
from msgspec.structs import replace
from nacl.signing import VerifyKey

from consensus.messages import Status
from kit import consensus as made
from kit.certified import named_digest, sample_header, signing_key
from kit.golden import compare_or_rewrite
from kit.ledger import genesis_document
from kit.proofs import small_chain
from ledger.genesis import genesis_block, read_genesis
from ledger.window import ids_hash
from node import wire
from node.proof import read_proof, write_proof
from node.signer import Request, Signer
from node.signer_memory import Memory, Turn, read_memory
from primitives.block import Block, block_id
from primitives.codec import decode, encode
from primitives.ids import (
    ChainId,
    Height,
    Signature,
    TimeMs,
    TransactionHash,
    TransactionId,
    ValidatorKey,
    View,
)
from primitives.named import to_named
from primitives.statements import Witness
from storage.decision import VoteStep
from storage.durable_file import MemoryFile
from verifier import Outcome, read_pin, verify

PATH = Path(__file__).parents[1] / "vectors" / "node.json"
BLOCK = Block(sample_header(), (b"one", b"two"))
HASHES = (TransactionHash(named_digest("a")), TransactionHash(named_digest("b")))
CHANGES = tuple(made.stripped(made.view_change(seat, 1)) for seat in range(3))
CLAIMED = made.view_change(3, 2, made.prepared("X", view=1))
PRE_PREPARE = made.pre_prepare("X", view=1, changes=CHANGES, proof=made.prepared("X"))
MESSAGES: dict[str, wire.Wire] = {
    "a proposal with its body": wire.Proposed(made.pre_prepare("X"), wire.FullBody(BLOCK)),
    "a new view with hashes": wire.Proposed(PRE_PREPARE, wire.CompactBody(BLOCK.header, HASHES)),
    "a relayed proposal": wire.Proposed(made.pre_prepare("X"), None),
    "a prepare": made.prepare(1, "X"),
    "a commit": made.commit(2, "X", view=2**31 - 1, height=2**63 - 1),
    "a view change with a claim": CLAIMED,
    "a view change without": made.view_change(0, 2),
    "a status": Status(
        height=Height(7),
        wish=View(2),
        entered=View(-1),
        has_proposal=True,
        prepares=b"\x05",
        commits=b"",
        view_changes=(View(0), View(2)),
        newest_of_yours=Witness(b"a statement", Signature(bytes(range(64)))),
        signs=True,
    ),
    "a decided block": wire.Decided(BLOCK, made.committed("X")),
    "a fetch": wire.Fetch(made.block("X")),
    "a body": wire.Body(BLOCK),
    "transactions": wire.Transactions((b"one", b"")),
    "an offer": wire.Offer(HASHES),
    "a want": wire.Want(()),
}
COMMITTED = [
    (TimeMs(at), TransactionId(named_digest(name))) for at, name in ((2, "b"), (1, "c"), (2, "a"))
]
CHAIN_OF_PROOF = small_chain()


def memory() -> bytes:
    """What a signer keeps after a prepare and a commit in one view."""
    key, file = signing_key("a validator"), MemoryFile()
    Signer.create_memory(ValidatorKey(key.public), file)
    signer = Signer(key, file, ChainId(named_digest("chain")))
    place: dict[str, Any] = {"height": Height(3), "view": View(1), "block_id": made.block("X")}
    signer.sign_all([Request(step=step, **place) for step in (VoteStep.PREPARE, VoteStep.COMMIT)])
    signer.silence(Turn.FENCED, "an old memory", TimeMs(5))
    signer.forget_up_to(Height(4))
    signer.sign_again(Turn.RETURNED, Height(7), "3 others answered", TimeMs(6))
    data = file.read()
    assert data is not None
    return data


def memory_of_version_1() -> bytes:
    """The same before it could be lost: the first seven fields, under the older number."""
    name, _, *fields = msgpack.unpackb(memory())
    return bytes(msgpack.packb([name, 1, *fields[:5]]))


def genesis() -> dict[str, Any]:
    """A document, and the header that it makes over a state root of our choice."""
    document = genesis_document()
    header = replace(genesis_block(document).header, state_root=named_digest("state"))
    return {
        "document": to_named(document),
        "header": encode(header).hex(),
        "chain": block_id(header).hex(),
    }


def vectors() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(PATH.read_text(encoding="utf-8"))
    return found


def second_reading(data: bytes) -> Any:  # noqa: ANN401  # whatever the bytes hold
    value = msgpack.unpackb(data)
    assert msgpack.packb(value) == data, "both encoders write the same bytes"
    return value


def sha(name: str, *parts: bytes) -> str:
    return hashlib.sha256(f"mithaq/1/{name}\0".encode() + b"".join(parts)).hexdigest()


def test_the_code_still_makes_the_agreed_bytes() -> None:
    """Byte for byte; every kind of message is among them."""
    compare_or_rewrite(
        PATH,
        {
            "messages": {name: wire.write(message).hex() for name, message in MESSAGES.items()},
            "genesis": genesis(),
            "signer_memory": memory().hex(),
            "signer_memory_version_1": memory_of_version_1().hex(),
            "window": {
                "committed": [[at, name.hex()] for at, name in COMMITTED],
                "hash": ids_hash(COMMITTED).hex(),
            },
            "proof": {
                "chain": CHAIN_OF_PROOF.id.hex(),
                "file": write_proof(CHAIN_OF_PROOF.receipt_proof(1)).hex(),
            },
        },
    )

    assert {type(message) for message in MESSAGES.values()} == set(get_args(wire.Wire))


@pytest.mark.parametrize("name", MESSAGES)
def test_the_msgpack_package_reads_every_message(name: str) -> None:
    """An array whose first item is the kind; the fields of ours follow in their order."""
    data = bytes.fromhex(vectors()["messages"][name])

    kind, *fields = second_reading(data)

    message = wire.read(data)
    assert message == MESSAGES[name]
    assert kind == message.__struct_config__.tag
    assert len(fields) == len(message.__struct_fields__)
    for field, value in zip(message.__struct_fields__, fields, strict=True):
        assert encode(getattr(message, field)) == msgpack.packb(value)


def test_a_second_reader_finds_the_chain_id() -> None:
    """The hash of the header of block 0, whose time is that of the document."""
    case = vectors()["genesis"]
    document, header = case["document"], bytes.fromhex(case["header"])

    fields = second_reading(header)

    zero, empty = bytes(32), bytes.fromhex(sha("list-root", bytes(8)))
    keys = msgpack.packb(sorted(bytes.fromhex(each["key"]) for each in document["validators"]))
    validators = bytes.fromhex(sha("validators", keys))
    state = hashlib.sha256(b"state").digest()
    time = document["time_ms"]
    assert fields == [zero, 0, zero, time, zero, empty, state, empty, validators, validators]
    assert sha("block", header) == case["chain"]
    assert read_genesis(json.dumps(document).encode()) == genesis_document()


def test_a_second_reader_understands_the_signers_memory() -> None:
    """Name, version, key, place, what was signed there, the view of the last commit; the story."""
    data = bytes.fromhex(vectors()["signer_memory"])
    key = signing_key("a validator").public

    name, version, owner, *place, signed, committed_view, since, lost, story = second_reading(data)

    assert (name, version, owner) == ("mithaq.signer", 2, key)
    assert (*place, committed_view) == (3, 1, 1)
    assert (since, lost) == (7, 4)
    assert story == [[1, 5, 0, "an old memory"], [2, 6, 7, "3 others answered"]]
    assert [step for step, *_ in signed] == [step.value for step in list(VoteStep)[2:]]
    for domain, (_, block, statement, signature) in zip(("prepare", "commit"), signed, strict=True):
        where = (3).to_bytes(8, "big") + (1).to_bytes(4, "big")
        chain = hashlib.sha256(b"chain").digest()
        assert statement == f"mithaq/1/{domain}\0".encode() + chain + where + block
        VerifyKey(key).verify(statement, signature)
    assert encode(decode(data, Memory, limit=len(data))) == data


def test_a_second_reader_hashes_the_ids_of_a_window() -> None:
    """Ascending, each behind the time until which it is remembered."""
    case = vectors()["window"]

    ids = sorted((at, bytes.fromhex(name)) for at, name in case["committed"])

    assert ids != [(at, bytes.fromhex(name)) for at, name in case["committed"]]
    assert sha("window-ids", *(at.to_bytes(8, "big") + name for at, name in ids)) == case["hash"]


def test_a_second_reader_believes_the_proof() -> None:
    """The verifier shares no code with the writer; the file begins with its name and version."""
    case = vectors()["proof"]
    data = bytes.fromhex(case["file"])

    assert second_reading(data)[:2] == ["mithaq.proof", 4]
    assert verify(data, read_pin(case["chain"])).outcome is Outcome.VALID
    assert write_proof(read_proof(data)) == data


def test_a_memory_of_the_first_version_is_read_as_one_that_was_never_lost() -> None:
    """An upgrade silences nobody, and forgets nothing."""
    data = bytes.fromhex(vectors()["signer_memory_version_1"])
    key = ValidatorKey(signing_key("a validator").public)

    old, new = read_memory(data, key), read_memory(memory(), key)

    assert (old.sign_from, old.forgotten, old.story) == (0, 0, ())
    assert old == replace(new, sign_from=Height(0), forgotten=Height(0), story=())
