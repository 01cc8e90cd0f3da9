"""Golden vectors of transactions and receipts: body, id, signing bytes, whole, hash.

tests/vectors/transactions.json is compared with our code, and read a second time with hashlib, nacl
and the `msgpack` package alone. A change here is a new protocol. `REWRITE=1 pytest
tests/ledger/test_transaction_vectors.py` writes it anew.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import msgpack
import pytest
from nacl.signing import VerifyKey

from kit import (
    golden_actors,
    golden_books,
    golden_consent,
    golden_core,
    golden_lots,
    golden_motions,
    golden_treasury_awards,
    golden_treasury_budget,
    golden_treasury_grants,
    golden_treasury_holdings,
    law_vectors,
    samples_cases,
)
from kit.accused import two_prepares
from kit.golden import compare_or_rewrite
from kit.ledger import GBP, account_id, key, line
from kit.membership import ready
from kit.observers import consent, node_key, observer
from ledger.accounts import (
    AccountInUse,
    AccountKind,
    FloorWithoutKeeper,
    KeeperIsKept,
    KeysOrKeeper,
    KeyTwice,
    NameNotPublic,
    ThresholdOutOfReach,
    UnknownAccount,
    WeightedKey,
)
from ledger.assets import AssetInUse, NoSnapshots, NotTheIssuer, UnknownAsset
from ledger.books import (
    BalanceTooLarge,
    DuplicateReference,
    NoSuchDate,
    Overdraft,
    PaysItself,
    SupplyTooLarge,
    SupplyTooSmall,
)
from ledger.evidence import AlreadyReported, OutOfRange, TooManyReports, Unproven
from ledger.membership import (
    NotAValidator,
    NothingToChange,
    Suspension,
    TooFewValidators,
    TooManyChanges,
    TooManyValidators,
)
from ledger.observers import (
    AlreadyObserver,
    ConsentExpired,
    ConsentNotSigned,
    NotAnObserver,
    ObserverIsKept,
    ObserverTaken,
    TooManyObservers,
)
from ledger.operation import Event, Operation, Refusal
from ledger.receipt import Outcome, Receipt, read_receipt, receipt_hash
from ledger.roles import (
    AlreadyGranted,
    MissingRole,
    NotGranted,
    OwnGrant,
    RoleInUse,
    UnknownRole,
)
from ledger.suspensions import KeySuspended
from ledger.transaction import (
    Body,
    Call,
    check_transaction,
    read_transaction,
    sign_body,
    signing_bytes,
    transaction_id,
)
from ledger.validators import (
    AccountIsKept,
    AlreadyTaken,
    KeyDecides,
    ReadyNotRecent,
    ReadyNotSigned,
    Replacement,
)
from primitives.block import transaction_hash
from primitives.codec import encode
from primitives.evidence import EvidenceKind, Flaw
from primitives.ids import (
    INTEGER_MAX,
    ChainId,
    Digest,
    Height,
    NodeKey,
    TimeMs,
    TransactionId,
    ValidatorKey,
    View,
)
from primitives.named import from_named, to_named
from services.authority.accounts import AccountOpened, IdMissing, OpenAccount
from services.authority.observers import (
    AdmitObserver,
    ObserverAdmitted,
    ObserverRevoked,
    RevokeObserver,
)
from services.authority.roles import (
    DefineRole,
    GrantRole,
    RevokeRole,
    RoleDefined,
    RoleGranted,
    RoleRevoked,
)
from services.authority.validators import (
    EquivocationProved,
    ProposeValidatorChange,
    ReportEquivocation,
    ValidatorAdded,
    ValidatorRemoved,
)
from services.money import (
    AssetDefined,
    DefineAsset,
    Issue,
    Issued,
    Retire,
    Retired,
    Transfer,
    Transferred,
)
from services.registry.stamps import AlreadyStamped, DocumentStamped, StampAct, StampDocument
from services.table import EVENTS, OPERATIONS, RECEIPT, REFUSALS, TRANSACTION

PATH = Path(__file__).parents[1] / "vectors" / "transactions.json"
CHAIN = ChainId(hashlib.sha256(b"chain").digest())
PAPER = Digest(hashlib.sha256(b"commitment").digest())
ID = TransactionId(hashlib.sha256(b"transaction").digest())
A, B = account_id("treasury"), account_id("health")
TIME = TimeMs(1_780_000_000_000)
VOTES = ValidatorKey(key("validator 4").public)
PROVED = two_prepares(key("validator 4"), CHAIN)
FOLLOWS = node_key("Audit office")

TRANSACTIONS: dict[str, tuple[list[tuple[str, Operation]], list[str]]] = {
    "one payment": (
        [("treasury", Transfer(GBP, (line("health", 12_345, "INV-1"),)))],
        ["treasury"],
    ),
    "three lines with texts": (
        [
            (
                "treasury",
                Transfer(
                    GBP,
                    (
                        line("health", 1, "a", description="لقاحات", value_date="2026-12-31"),
                        line("works", INTEGER_MAX, "b" * 64, description="d" * 140),
                        line("notary", 2**32, "c d"),
                    ),
                ),
            )
        ],
        ["treasury"],
    ),
    "two actors, two services": (
        [
            ("health", StampDocument(PAPER, StampAct.TIMESTAMP)),
            ("notary", StampDocument(PAPER, StampAct.CERTIFY_COPY)),
            ("health", Transfer("EUR", (line("works", 7, "r"),))),
        ],
        ["health", "notary"],
    ),
    "accounts with keys and without": (
        [
            (
                "registrar",
                OpenAccount(
                    account=None,
                    kind=AccountKind.OFFICE,
                    threshold=3,
                    signers=(WeightedKey(key("a").public, 1), WeightedKey(key("b").public, 2)),
                    name="Land registry",
                    keeper=None,
                    floor=0,
                ),
            ),
            (
                "registrar",
                OpenAccount(
                    account=account_id("vendor"),
                    kind=AccountKind.PERSON,
                    threshold=0,
                    signers=(),
                    name="",
                    keeper=B,
                    floor=None,
                ),
            ),
            (
                "registrar",
                OpenAccount(
                    account=account_id("other vendor"),
                    kind=AccountKind.ORGANISATION,
                    threshold=0,
                    signers=(),
                    name="",
                    keeper=B,
                    floor=-INTEGER_MAX,
                ),
            ),
        ],
        ["registrar"],
    ),
    "roles": (
        [
            ("registrar", DefineRole("payer", "registrar", None, None, ())),
            ("registrar", GrantRole("payer", B, A, None)),
            ("registrar", RevokeRole("payer", B, A)),
            ("registrar", GrantRole("notary", None, B, None)),
        ],
        ["registrar"],
    ),
    "validators that come, go and take each other's place": (
        [
            (
                "body 0",
                ProposeValidatorChange(
                    add=(ready(CHAIN, 4, height=7, time_ms=TIME),),
                    remove=(ValidatorKey(key("validator 1").public),),
                    replace=(
                        Replacement(
                            ValidatorKey(key("validator 2").public),
                            ready(CHAIN, 5, height=8, time_ms=TIME),
                        ),
                    ),
                ),
            )
        ],
        ["body 0", "body 1", "body 2"],
    ),
    "a report of a validator that signed two things": (
        [("works", ReportEquivocation(evidence=PROVED))],
        ["works"],
    ),
    "an observer, admitted and revoked": (
        [
            (
                "registrar",
                AdmitObserver(
                    consent(CHAIN, observer("Audit office"), valid_until=TimeMs(1_780_000_060_000))
                ),
            ),
            ("registrar", RevokeObserver(FOLLOWS)),
        ],
        ["registrar"],
    ),
    "an asset, made and taken back": (
        [
            ("treasury", DefineAsset("EUR", 2, snapshots=False, earmark=(), expires_ms=None)),
            ("treasury", Issue("EUR", B, INTEGER_MAX, "mint 1")),
            ("treasury", Retire("EUR", 1, "burn 1")),
        ],
        ["treasury"],
    ),
    **law_vectors.TRANSACTIONS,
    **golden_actors.TRANSACTIONS,
    **golden_motions.TRANSACTIONS,
    **golden_books.TRANSACTIONS,
    **golden_lots.TRANSACTIONS,
    **golden_consent.TRANSACTIONS,
    **golden_treasury_budget.TRANSACTIONS,
    **golden_treasury_awards.TRANSACTIONS,
    **golden_treasury_holdings.TRANSACTIONS,
    **golden_treasury_grants.TRANSACTIONS,
    **samples_cases.TRANSACTIONS,
}
REFUSED: list[Refusal] = [
    UnknownAccount(A),
    AccountInUse(A),
    KeysOrKeeper(A),
    KeyTwice(A, key("a").public),
    ThresholdOutOfReach(A, 3, 4),
    NameNotPublic(A),
    FloorWithoutKeeper(A),
    KeeperIsKept(A, B),
    IdMissing(None),
    IdMissing(B),
    MissingRole(A, "notary", None),
    MissingRole(A, "notary", B),
    UnknownRole("payer"),
    RoleInUse("payer", "registrar"),
    AlreadyGranted("payer", None, A, Height(7)),
    NotGranted("payer", B, A),
    OwnGrant("registrar", A),
    UnknownAsset("XAU"),
    AssetInUse(GBP, A),
    NoSnapshots(GBP),
    NotTheIssuer(B, GBP, A),
    SupplyTooLarge(GBP, INTEGER_MAX, 1),
    SupplyTooSmall(GBP, 1, 2),
    BalanceTooLarge(B, GBP, 1, 1, INTEGER_MAX),
    Overdraft(A, GBP, 2, INTEGER_MAX, 0, 0),
    Overdraft(A, GBP, 0, INTEGER_MAX, INTEGER_MAX - 1, -INTEGER_MAX),
    DuplicateReference(A, 0, "INV-1", ID),
    PaysItself(A, 1),
    NoSuchDate(0, "2026-02-30"),
    AlreadyStamped(PAPER, A, StampAct.TIMESTAMP, ID),
    NothingToChange(),
    TooManyChanges(Height(7), 2, 1),
    NotAValidator(VOTES, Height(9)),
    TooFewValidators(3, 4),
    TooManyValidators(129, 128),
    AlreadyTaken("node_key", VOTES.hex(), "Ministry 1"),
    AccountIsKept(A),
    KeyDecides(A, VOTES),
    ReadyNotRecent(VOTES, Height(7)),
    ReadyNotSigned(VOTES),
    KeySuspended(VOTES, Height(7)),
    Unproven(VOTES, Flaw.SIGNATURE),
    OutOfRange(Height(7), Height(8), Height(10_008)),
    AlreadyReported(EvidenceKind.AMNESIA, VOTES, Height(7), View(2), ID),
    TooManyReports(Height(7), 16),
    AlreadyObserver(FOLLOWS, "Audit office", A, Height(7)),
    NotAnObserver(FOLLOWS),
    ObserverTaken("name", "Ministry 1", "validator", "Ministry 1"),
    ObserverIsKept(A),
    TooManyObservers(256),
    ConsentExpired(FOLLOWS, TimeMs(1), TimeMs(2)),
    ConsentNotSigned(FOLLOWS),
    *law_vectors.REFUSED,
    *golden_core.REFUSED,
    *golden_actors.REFUSED,
    *golden_motions.REFUSED,
    *golden_books.REFUSED,
    *golden_lots.REFUSED,
    *golden_consent.REFUSED,
    *golden_treasury_budget.REFUSED,
    *golden_treasury_awards.REFUSED,
    *golden_treasury_holdings.REFUSED,
    *golden_treasury_grants.REFUSED,
    *samples_cases.REFUSED,
]
HAPPENED: list[Event] = [
    Transferred(A, 0, B, GBP, 12_345, "INV-1", None, None),
    Transferred(A, 1, B, GBP, INTEGER_MAX, "INV-2", "2026-12-31", None),
    DocumentStamped(PAPER, A, StampAct.CERTIFY_COPY),
    AccountOpened(A, AccountKind.OFFICE, None, 0),
    AccountOpened(B, AccountKind.PERSON, A, None),
    RoleDefined("payer", "registrar"),
    RoleGranted("payer", B, A, None),
    RoleGranted("payer", None, A, None),
    RoleRevoked("payer", B, A),
    AssetDefined("EUR", 2, A, snapshots=True, earmarked=False, expires_ms=None),
    Issued(A, B, "EUR", INTEGER_MAX, "mint 1"),
    Retired(A, "EUR", 1, "burn 1"),
    ValidatorAdded(Height(9), "Ministry 4", VOTES, NodeKey(key("node 4").public), A),
    ValidatorRemoved(Height(9), "Ministry 1", VOTES, B),
    EquivocationProved(
        EvidenceKind.COMMIT_UNPREPARED, VOTES, Height(7), View(2), Suspension.MARKED
    ),
    ObserverAdmitted("Audit office", FOLLOWS, A),
    ObserverRevoked("Audit office", FOLLOWS, B),
    *law_vectors.HAPPENED,
    *golden_actors.HAPPENED,
    *golden_motions.HAPPENED,
    *golden_books.HAPPENED,
    *golden_lots.HAPPENED,
    *golden_consent.HAPPENED,
    *golden_treasury_budget.HAPPENED,
    *golden_treasury_awards.HAPPENED,
    *golden_treasury_holdings.HAPPENED,
    *golden_treasury_grants.HAPPENED,
    *samples_cases.HAPPENED,
]


def transactions() -> list[dict[str, Any]]:
    cases = []
    for name, (calls, signers) in TRANSACTIONS.items():
        body: Body[Any] = Body(
            chain=CHAIN,
            valid_until=TimeMs(1_780_000_060_000),
            salt=bytes(range(16)),
            calls=tuple(Call(account_id(actor), operation) for actor, operation in calls),
        )
        data = encode(body)
        whole = encode(sign_body(body, [key(signer) for signer in signers]))
        cases.append(
            {
                "name": name,
                "named": to_named(read_transaction(whole, TRANSACTION)),
                "body": data.hex(),
                "id": transaction_id(data).hex(),
                "signing_bytes": signing_bytes(data).hex(),
                "transaction": whole.hex(),
                "hash": transaction_hash(whole).hex(),
            }
        )
    return cases


def receipts() -> list[dict[str, Any]]:
    made: list[Receipt[Any, Any]] = [
        Receipt(ID, Outcome.APPLIED, None, ()),
        Receipt(ID, Outcome.APPLIED, None, tuple(HAPPENED)),
        *(Receipt(ID, Outcome.REFUSED, refusal, ()) for refusal in REFUSED),
    ]
    return [
        {
            "named": to_named(receipt),
            "receipt": encode(receipt).hex(),
            "hash": receipt_hash(encode(receipt)).hex(),
        }
        for receipt in made
    ]


def vectors() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(PATH.read_text(encoding="utf-8"))
    return found


def tagged(name: str, data: bytes) -> bytes:
    return hashlib.sha256(b"mithaq/1/" + name.encode() + b"\0" + data).digest()


def plain(value: Any) -> Any:  # noqa: ANN401
    """What msgpack decodes, as JSON can hold it."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, int) and abs(value) > 2**53:
        return str(value)
    return value


def taken_apart(raw: Any, said: Any) -> Any:  # noqa: ANN401
    """What msgpack decodes, with the calls that it keeps as bytes decoded where names show them."""
    if isinstance(raw, bytes) and isinstance(said, list):
        raw = msgpack.unpackb(raw)
    if isinstance(raw, list) and isinstance(said, list):
        return [taken_apart(each, shown) for each, shown in zip(raw, said, strict=True)]
    return raw


def fields(named: Any) -> Any:  # noqa: ANN401
    """The named form without its names: fields in order, tags first."""
    if isinstance(named, dict):
        return [fields(value) for value in named.values()]
    return [fields(item) for item in named] if isinstance(named, list) else named


def test_the_golden_file_says_what_the_code_says() -> None:
    """Byte for byte; every operation, refusal and event is in it."""
    compare_or_rewrite(PATH, {"transactions": transactions(), "receipts": receipts()})

    used = [operation for calls, _ in TRANSACTIONS.values() for _, operation in calls]
    assert {type(operation) for operation in used} == set(OPERATIONS)
    assert {type(refusal) for refusal in REFUSED} == set(REFUSALS)
    assert {type(event) for event in HAPPENED} == set(EVENTS)


@pytest.mark.parametrize("case", vectors()["transactions"], ids=lambda case: str(case["name"]))
def test_a_second_reader_understands_a_transaction(case: dict[str, Any]) -> None:
    """With hashlib, nacl and msgpack alone: the same fields, id, hash, and good signatures."""
    body, whole = bytes.fromhex(case["body"]), bytes.fromhex(case["transaction"])

    read_body, signatures = msgpack.unpackb(whole)

    assert msgpack.packb(read_body) == body == msgpack.packb(msgpack.unpackb(body))
    said = fields(case["named"])
    assert plain(taken_apart([read_body, signatures], said)) == said
    assert tagged("transaction-id", body).hex() == case["id"]
    assert tagged("transaction-hash", whole).hex() == case["hash"]
    signed = b"mithaq/1/transaction-signature\0" + body
    assert signed.hex() == case["signing_bytes"]
    assert [entry[0] for entry in signatures] == sorted(entry[0] for entry in signatures)
    for public, signature in signatures:
        VerifyKey(public).verify(signed, signature)


@pytest.mark.parametrize("case", vectors()["receipts"])
def test_a_second_reader_understands_a_receipt(case: dict[str, Any]) -> None:
    """The same fields and the same hash."""
    data = bytes.fromhex(case["receipt"])

    assert plain(msgpack.unpackb(data)) == fields(case["named"])
    assert tagged("receipt", data).hex() == case["hash"]


@pytest.mark.parametrize("case", vectors()["transactions"], ids=lambda case: str(case["name"]))
def test_we_read_the_golden_transactions(case: dict[str, Any]) -> None:
    """From their bytes and from their names."""
    whole = bytes.fromhex(case["transaction"])

    assert check_transaction(whole, CHAIN, TRANSACTION).id.hex() == case["id"]
    assert encode(from_named(case["named"], TRANSACTION)) == whole


@pytest.mark.parametrize("case", vectors()["receipts"])
def test_we_read_the_golden_receipts(case: dict[str, Any]) -> None:
    """From their bytes and from their names."""
    data = bytes.fromhex(case["receipt"])

    assert encode(read_receipt(data, RECEIPT)) == data
    assert encode(from_named(case["named"], RECEIPT)) == data
