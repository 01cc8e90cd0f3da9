"""The catalogue of refusals: every code that a client can be told, with its status and its facts.

What a rule of the ledger refuses is a Struct: its tag is the code, its docstring the meaning, its
fields the facts, so a new rule is in the catalogue by itself. The other codes are given their
meaning here; a test compares with every place in the code that refuses.
"""

from collections.abc import Iterable
from http import HTTPStatus
from typing import Final, final

from msgspec import Struct, structs

from ledger import act, delegations
from ledger import transaction as transactions
from node import door, evidence_file, exporting, guard, lineage, mempool, proof, queries
from node.api import problems
from node.check import run as check_run
from primitives.ids import Natural
from primitives.languages import ENGLISH, catalogue_of
from services.table import REFUSALS
from storage import edges


@final
class RefusalEntry(Struct, frozen=True, kw_only=True):
    """One code: when it is given, with which HTTP status, and the names of its facts.

    Names in braces in the meaning are facts.
    """

    code: str
    status: Natural[int]
    meaning: str
    facts: tuple[str, ...]


@final
class RefusalCatalogue(Struct, frozen=True, kw_only=True):
    """Every code, by code."""

    refusals: tuple[RefusalEntry, ...]


_EXPECTED: Final = ("expected", "actual")

_OTHERS: Final[dict[str, tuple[str, tuple[str, ...]]]] = {
    problems.REQUEST_MALFORMED: (
        "The body is not JSON, or not the array that a batch is.",
        _EXPECTED,
    ),
    problems.REQUEST_PARAMETER: (
        "A part of the path or a parameter is not what it must be, or is unknown.",
        ("parameter", *_EXPECTED),
    ),
    problems.REQUEST_MEDIA_TYPE: (
        "The body is neither application/json nor application/msgpack.",
        _EXPECTED,
    ),
    problems.REQUEST_TOO_LARGE: (
        "The body has too many bytes, or the batch too many transactions.",
        _EXPECTED,
    ),
    problems.REQUEST_TIMEOUT: ("The body did not arrive in time.", _EXPECTED),
    problems.UNKNOWN_PATH: ("Nothing is served under this path.", ()),
    problems.WRONG_METHOD: ("Something is served there, but not by this method.", _EXPECTED),
    problems.WRONG_VERSION: ("The request is HTTP/2; this node speaks HTTP/1.1.", _EXPECTED),
    problems.UNKNOWN_TRANSACTION: (
        "The transaction is in no block, and does not wait at this node.",
        ("transaction",),
    ),
    problems.UNKNOWN_BLOCK: ("There is no block of this height yet.", _EXPECTED),
    problems.UNKNOWN_ACCOUNT: ("There is no account of this id.", ("account",)),
    problems.UNKNOWN_ASSET: (
        "There is no asset of this code, or none was named and there are several.",
        _EXPECTED,
    ),
    problems.UNKNOWN_QUERY: ("There is no query of this name.", _EXPECTED),
    problems.QUERY_TOO_WIDE: (
        "The query would go over more transactions or groups than it may; narrow it.",
        _EXPECTED,
    ),
    problems.UNKNOWN_TABLE: ("The state has no table of this name or number.", _EXPECTED),
    edges.HISTORY_PRUNED: (
        "The node no longer keeps this so far back; for a transaction, its id and index are facts.",
        ("part", *_EXPECTED),
    ),
    problems.ABSENT_ENTRY: (
        "The table has no such entry after that block.",
        ("table", "key", "height"),
    ),
    queries.NO_TRANSACTION: (
        "It fell due by itself: there is no transaction of which to give a proof.",
        _EXPECTED,
    ),
    queries.UNKNOWN_EVENT: ("The transaction has no event of this number.", _EXPECTED),
    lineage.UNKNOWN_CHECKPOINT: (
        "A proof begins at the height of its block or below it.",
        _EXPECTED,
    ),
    lineage.NO_LINEAGE: (
        "The node began from a snapshot and lacks the headers that lead from there; ask another.",
        ("from", "height"),
    ),
    problems.UNKNOWN_EVIDENCE: ("This node keeps no evidence of this case.", ("case",)),
    evidence_file.TOO_LARGE: (
        "The evidence file would have {bytes} bytes, more than anybody reads.",
        ("bytes", "limit"),
    ),
    problems.BUSY: (
        "Too many requests are in progress, waiting or streaming; see Retry-After.",
        _EXPECTED,
    ),
    check_run.HEIGHT_UNKNOWN: ("Heights to check that the chain has not reached.", _EXPECTED),
    exporting.NOT_THERE: ("Heights to export that the chain has not reached.", _EXPECTED),
    problems.AT_WORK: (
        "The node is at an operator's long work, and does one at a time.",
        _EXPECTED,
    ),
    problems.FILE_MALFORMED: (
        "To the operator only: a file is not what it should be; record and byte are named.",
        (),
    ),
    problems.LOCAL_FAULT: (
        "To the operator only: something on the node's machine must be put right.",
        (),
    ),
    problems.STORAGE_FAULT: (
        "To the operator only: what is on the node's disk contradicts itself.",
        (),
    ),
    problems.INTERNAL: (
        "The node's own fault; its log has more under {incident}.",
        ("incident",),
    ),
    proof.TOO_LARGE: ("The proof has {bytes} bytes and does not fit a file.", ("bytes", "limit")),
    mempool.FULL: (
        "The node has no room for more waiting transactions; Retry-After says when to come back.",
        ("waiting", "bytes"),
    ),
    mempool.QUOTA_EXCEEDED: (
        "The account {account} has too much waiting already; Retry-After says when to come back.",
        ("account", "waiting", "bytes", "expected"),
    ),
    door.CANNOT_BE_EXECUTED: (
        "The code of a rule failed at this transaction: a fault of the node's; its log has it.",
        ("transaction", "error"),
    ),
    guard.NOT_FENCED: ("The node is neither fenced nor cloned: there is nothing to lift.", ()),
    guard.HEIGHT_DECIDED: (
        "The height to sign from is decided already; this node may have voted there.",
        _EXPECTED,
    ),
    transactions.MALFORMED: (
        "Not a transaction: wrong form, unknown operation, too large, not canonical.",
        ("expected",),
    ),
    transactions.BAD_SIGNATURE: ("A signature does not verify.", ()),
    transactions.WRONG_CHAIN: ("The transaction is meant for another chain.", _EXPECTED),
    transactions.UNSIGNED: ("The transaction has no signature at all.", _EXPECTED),
    transactions.EXPIRED: ("valid_until lies before the next block.", _EXPECTED),
    act.BLOCK_FULL: (
        "The block performs as many kept calls as it may; a later one can take the transaction.",
        _EXPECTED,
    ),
    delegations.NOT_DELEGATED: (
        "The account has not delegated this operation to the key that signed.",
        ("account", "key", "operation"),
    ),
    delegations.OVER_ALLOWANCE: (
        "A delegated key may not spend so much of this asset, by one call or in its period.",
        ("key", "asset", "expected", "actual"),
    ),
    delegations.PAYEE_NOT_ALLOWED: (
        "A delegated key may not pay this account.",
        ("key", "payee"),
    ),
    transactions.TOO_FAR_AHEAD: (
        "valid_until lies further ahead than the chain allows.",
        _EXPECTED,
    ),
    transactions.ALREADY_COMMITTED: (
        "It stands in a block already; a client of the API gets that block's answer instead.",
        ("transaction",),
    ),
    transactions.SUPERFLUOUS_SIGNATURE: (
        "A key signed that speaks for no account in the transaction.",
        ("keys",),
    ),
    act.THRESHOLD_NOT_REACHED: (
        "The signatures do not weigh enough for {account}.",
        ("account", *_EXPECTED),
    ),
}


def catalogue(language: str = ENGLISH) -> tuple[RefusalEntry, ...]:
    """Every code that a client can be told, by code; what it means is said in this language."""
    listed = sorted((*_of_rules(), *_of_others()), key=lambda entry: entry.code)
    said = catalogue_of(language).sentence
    return tuple(structs.replace(entry, meaning=said(entry.meaning)) for entry in listed)


def _of_rules() -> Iterable[RefusalEntry]:
    for kind in REFUSALS:
        tag = kind.__struct_config__.tag
        assert isinstance(tag, str), f"{kind.__name__} has no tag of its own"
        facts = tuple(field.name for field in structs.fields(kind))
        yield _entry(tag, " ".join((kind.__doc__ or "").split()), facts)


def _of_others() -> Iterable[RefusalEntry]:
    for code, (meaning, facts) in _OTHERS.items():
        yield _entry(code, meaning, facts)


def _entry(code: str, meaning: str, facts: tuple[str, ...]) -> RefusalEntry:
    status = problems.STATUS_OF_CODE.get(code, HTTPStatus.UNPROCESSABLE_ENTITY)
    return RefusalEntry(code=code, status=status.value, meaning=meaning, facts=facts)
