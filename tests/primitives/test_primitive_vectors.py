"""Golden vectors: the exact bytes of everything that is signed or hashed in primitives/.

tests/vectors/primitives.json holds fixed inputs and bytes in hexadecimal. It is compared with our
code, and read a second time with hashlib, struct and the `msgpack` package alone. A change here is
a new protocol. `REWRITE=1 pytest tests/primitives/test_primitive_vectors.py` writes it anew.
"""

import hashlib
import json
import struct
from pathlib import Path
from typing import Any

import msgpack
import pytest

from kit.accused import pieces_of_evidence
from kit.certified import (
    certify,
    genesis_header,
    named_digest,
    sample_header,
    signing_key,
    validator_keys,
    validator_set,
)
from kit.golden import compare_or_rewrite
from primitives.block import Block, Header, block_id, transaction_hash, transactions_root
from primitives.certificate import Certificate
from primitives.codec import encode
from primitives.crypto import commitment
from primitives.digest import digest, list_path, list_root
from primitives.domains import Domain
from primitives.evidence import case_of
from primitives.ids import ZERO32, BlockId, ChainId, Digest, Height, TimeMs, View
from primitives.statements import (
    read_statement,
    ready_bytes,
    statement_bytes,
    view_change_bytes,
    vote_bytes,
)

PATH = Path(__file__).parents[1] / "vectors" / "primitives.json"
CHAIN, BLOCK = ChainId(named_digest("chain")), BlockId(named_digest("block"))
KEYS = validator_keys(4)
VALIDATORS = validator_set(KEYS)

Case = dict[str, Any]


def plain(value: object) -> Any:  # noqa: ANN401  # JSON knows no narrower type
    """Bytes as hexadecimal, Structs as maps, tuples as lists."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    fields = getattr(value, "__struct_fields__", None)
    if fields is not None:
        return {name: plain(getattr(value, name)) for name in fields}
    return value


def votes() -> list[Case]:
    cases: list[Case] = []
    for domain in (Domain.PRE_PREPARE, Domain.PREPARE, Domain.COMMIT):
        for height, view in ((12, 0), (2**63 - 1, 2**31 - 1)):
            data = vote_bytes(domain, CHAIN, Height(height), View(view), BLOCK)
            fields = {"chain": CHAIN, "height": height, "view": view, "block_id": BLOCK}
            cases.append(signed(domain, fields, data))
    return cases


def view_changes() -> list[Case]:
    cases: list[Case] = []
    for view, prepared_view, prepared_id in ((1, -1, ZERO32), (5, 3, BLOCK)):
        data = view_change_bytes(
            CHAIN, Height(12), View(view), View(prepared_view), BlockId(prepared_id)
        )
        fields = {
            "chain": CHAIN,
            "height": 12,
            "view": view,
            "prepared_view": prepared_view,
            "prepared_id": prepared_id,
        }
        cases.append(signed(Domain.VIEW_CHANGE, fields, data))
    return cases


def readies() -> list[Case]:
    data = ready_bytes(CHAIN, Height(12), TimeMs(1_780_000_000_000), Digest(BLOCK))
    fields = {"chain": CHAIN, "height": 12, "time_ms": 1_780_000_000_000, "record": BLOCK}
    return [signed(Domain.READY, fields, data)]


def evidence() -> list[Case]:
    """One piece of each kind, with its case."""
    cases: list[Case] = []
    for kind, piece in pieces_of_evidence(signing_key("validator 0"), CHAIN).items():
        case = case_of(piece, CHAIN)
        fields = {"evidence": plain(piece), "kind": kind, "view": case.view}
        cases.append({**fields, "bytes": encode(piece).hex(), "case": case.id.hex()})
    return cases


def signed(domain: Domain, fields: dict[str, object], data: bytes) -> Case:
    key = signing_key("validator 0")
    return {
        "domain": domain.value,
        "fields": {name: plain(value) for name, value in fields.items()},
        "bytes": data.hex(),
        "key": key.public.hex(),
        "signature": key.sign(data).hex(),
    }


def headers() -> list[Case]:
    empty = list_root(())
    genesis = genesis_header(
        VALIDATORS,
        time_ms=TimeMs(1_795_342_500_000),
        state_root=named_digest("state"),
        empty_root=empty,
    )
    return [
        {"fields": plain(header), "bytes": encode(header).hex(), "block_id": block_id(header).hex()}
        for header in (sample_header(), genesis)
    ]


def hashed(domain: Domain, data: bytes, value: bytes) -> Case:
    return {"domain": domain.value, "data": data.hex(), "hash": value.hex()}


def hashes() -> list[Case]:
    pieces = (Domain.TRANSACTION_ID, Domain.RECEIPT, Domain.ACCOUNT, Domain.WINDOW_IDS)
    return [
        hashed(Domain.TRANSACTION_HASH, b"transaction", transaction_hash(b"transaction")),
        *(hashed(domain, b"some bytes", digest(domain, b"some bytes")) for domain in pieces),
    ]


def lists() -> list[Case]:
    cases: list[Case] = []
    for count in (0, 1, 2, 3, 4, 5, 7, 8, 9):
        items = [transaction_hash(b"transaction %d" % number) for number in range(count)]
        index = count // 2
        path = list_path(items, index) if items else ()
        cases.append(
            {
                "items": plain(items),
                "root": transactions_root(items).hex(),
                "index": index,
                "path": plain(path),
            }
        )
    return cases


def certificates() -> list[Case]:
    made: Certificate = certify(
        KEYS[:3], VALIDATORS, chain=CHAIN, height=Height(12), view=View(2), block=BLOCK
    )
    return [{"chain": CHAIN.hex(), "fields": plain(made), "bytes": encode(made).hex()}]


def document() -> dict[str, Any]:
    salt = named_digest("salt")
    block = Block(sample_header(), (b"first transaction", b"second transaction"))
    return {
        "format": "mithaq.vectors.primitives",
        "version": 1,
        "domains": {domain.value: domain.tag.hex() for domain in Domain},
        "votes": votes(),
        "view_changes": view_changes(),
        "evidence": evidence(),
        "readies": readies(),
        "headers": headers(),
        "blocks": [{"fields": plain(block), "bytes": encode(block).hex()}],
        "hashes": hashes(),
        "lists": lists(),
        "validators": [
            {
                "keys": plain(VALIDATORS.keys),
                "bytes": encode(VALIDATORS.keys).hex(),
                "hash": VALIDATORS.hash.hex(),
            }
        ],
        "certificates": certificates(),
        "commitments": [
            {
                "salt": salt.hex(),
                "data": b"a deed".hex(),
                "commitment": commitment(salt, b"a deed").hex(),
            }
        ],
    }


@pytest.fixture(scope="module")
def golden() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(PATH.read_text(encoding="utf-8"))
    return loaded


def test_the_code_still_makes_the_agreed_bytes() -> None:
    """Fails at the first byte that changed anywhere under a hash or a signature."""
    compare_or_rewrite(PATH, document())


def test_every_domain_has_its_tag_in_the_vectors(golden: dict[str, Any]) -> None:
    """A tag is the protocol's version, the name and a zero byte."""
    for name, tag in golden["domains"].items():
        assert bytes.fromhex(tag) == b"mithaq/1/" + name.encode() + b"\0"


def test_statements_read_back_by_struct_alone(golden: dict[str, Any]) -> None:
    """The fixed layouts of consensus.md §2, field by field, and their signatures by PyNaCl."""
    from nacl.signing import VerifyKey

    layouts = {"votes": ">32sQI32s", "view_changes": ">32sQIi32s"}
    for group, layout in layouts.items():
        for case in golden[group]:
            data = bytes.fromhex(case["bytes"])
            tag = f"mithaq/1/{case['domain']}\0".encode()
            assert data.startswith(tag)
            values = struct.unpack(layout, data[len(tag) :])
            assert [plain(value) for value in values] == list(case["fields"].values())
            key = VerifyKey(bytes.fromhex(case["key"]))
            assert key.verify(data, bytes.fromhex(case["signature"])) == data


def test_every_statement_is_read_back_by_our_own_reader(golden: dict[str, Any]) -> None:
    """`read_statement` is the inverse of what wrote the vectors, field by field."""
    for case in [*golden["votes"], *golden["view_changes"]]:
        data = bytes.fromhex(case["bytes"])

        found = read_statement(data)

        assert statement_bytes(found) == data
        for name, value in case["fields"].items():
            assert plain(getattr(found, name)) == value


def test_cases_are_named_by_kind_signer_height_and_view(golden: dict[str, Any]) -> None:
    """Hashed with hashlib and msgpack alone; each kind once, its statements in order."""
    assert [case["kind"] for case in golden["evidence"]] == ["E1", "E2", "E3", "E4", "E5", "E6"]
    for case in golden["evidence"]:
        signer, first, second = second_reading(bytes.fromhex(case["bytes"]))
        assert [signer, first, second] == as_arrays(case["evidence"])
        assert first[0] < second[0]
        height = int.from_bytes(first[0].partition(b"\0")[2][32:40], "big")
        named = msgpack.packb([case["kind"], signer, height, case["view"]], use_bin_type=True)
        assert sha("evidence", named) == case["case"]


def second_reading(data: bytes) -> Any:  # noqa: ANN401  # whatever the bytes hold
    value = msgpack.unpackb(data, raw=False, strict_map_key=True)
    assert msgpack.packb(value, use_bin_type=True) == data, "both encoders write the same bytes"
    return value


def as_arrays(value: Any) -> Any:  # noqa: ANN401  # JSON in, the shape of MessagePack out
    if isinstance(value, dict):
        return [as_arrays(item) for item in value.values()]
    if isinstance(value, list):
        return [as_arrays(item) for item in value]
    return bytes.fromhex(value) if isinstance(value, str) else value


@pytest.mark.parametrize("group", ["headers", "blocks", "certificates"])
def test_the_msgpack_package_reads_the_same_fields(golden: dict[str, Any], group: str) -> None:
    """A decoder that shares no code with ours finds every field where the vectors say."""
    for case in golden[group]:
        assert second_reading(bytes.fromhex(case["bytes"])) == as_arrays(case["fields"])


def sha(name: str, *parts: bytes) -> str:
    return hashlib.sha256(f"mithaq/1/{name}\0".encode() + b"".join(parts)).hexdigest()


def test_hashes_are_sha_256_behind_a_tag(golden: dict[str, Any]) -> None:
    """Recomputed with hashlib from the vectors alone."""
    for case in golden["hashes"]:
        assert sha(case["domain"], bytes.fromhex(case["data"])) == case["hash"]
    for case in golden["headers"]:
        assert sha("block", bytes.fromhex(case["bytes"])) == case["block_id"]
    for case in golden["validators"]:
        keys = [bytes.fromhex(key) for key in case["keys"]]
        assert second_reading(bytes.fromhex(case["bytes"])) == keys == sorted(keys)
        assert sha("validators", bytes.fromhex(case["bytes"])) == case["hash"]
    for case in golden["commitments"]:
        salt, data = bytes.fromhex(case["salt"]), bytes.fromhex(case["data"])
        assert sha("commitment", salt, data) == case["commitment"]


def test_list_roots_by_hand(golden: dict[str, Any]) -> None:
    """Levels paired from the left, a last odd node carried up, the length in front of the top."""
    for case in golden["lists"]:
        level = [bytes.fromhex(item) for item in case["items"]]
        while len(level) > 1:
            pairs = [level[at : at + 2] for at in range(0, len(level), 2)]
            level = [
                bytes.fromhex(sha("list-node", *pair)) if len(pair) == 2 else pair[0]
                for pair in pairs
            ]
        length = len(case["items"]).to_bytes(8, "big")
        assert sha("list-root", length, *level) == case["root"]


def test_the_certificates_signatures_verify_by_pynacl_alone(golden: dict[str, Any]) -> None:
    """Each seal is over domain ‖ chain ‖ height ‖ view ‖ block id, under the key of its seat."""
    from nacl.signing import VerifyKey

    keys = [bytes.fromhex(key) for key in golden["validators"][0]["keys"]]
    for case in golden["certificates"]:
        fields = case["fields"]
        message = b"mithaq/1/commit\0" + struct.pack(
            ">32sQI32s",
            bytes.fromhex(case["chain"]),
            fields["height"],
            fields["view"],
            bytes.fromhex(fields["block_id"]),
        )
        assert len(fields["seals"]) == 3
        for seal in fields["seals"]:
            VerifyKey(keys[seal["seat"]]).verify(message, bytes.fromhex(seal["signature"]))


def test_ready_by_struct_and_pynacl_alone(golden: dict[str, Any]) -> None:
    """domain ‖ chain ‖ height ‖ time of that block ‖ hash of the record."""
    from nacl.signing import VerifyKey

    [case] = golden["readies"]
    fields = case["fields"]
    chain, record = bytes.fromhex(fields["chain"]), bytes.fromhex(fields["record"])
    packed = struct.pack(">32sQQ32s", chain, fields["height"], fields["time_ms"], record)
    message = b"mithaq/1/ready\0" + packed
    assert message.hex() == case["bytes"]
    VerifyKey(bytes.fromhex(case["key"])).verify(message, bytes.fromhex(case["signature"]))


def test_structs_are_listed_field_by_field() -> None:
    """The vectors show every field of a header: one more would have to be agreed here."""
    assert list(plain(sample_header())) == list(Header.__struct_fields__)
    assert Digest(ZERO32) == bytes(32)
