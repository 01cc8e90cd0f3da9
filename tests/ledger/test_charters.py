"""Charters of bodies: by what a body decides, and what no charter can say."""

from typing import Any, Union

import pytest
from msgspec.structs import replace

from kit.ledger import GBP, Chain, account_id, genesis_document, running_account
from kit.motions import BODY, Found, charter_of, procedure
from ledger import charters
from ledger.accounts import AccountKind, UnknownAccount
from ledger.act import Act
from ledger.assets import NoSnapshots, UnknownAsset
from ledger.charters import (
    CHARTERS,
    AssetMisplaced,
    Charter,
    NoCharter,
    NoElectorate,
    NotABody,
    ProcedureTwice,
    UnknownProcedure,
    Weighing,
    contradictions,
)
from ledger.operation import Operation, Refusal, sentence
from ledger.roles import NOTARY, UnknownRole
from ledger.transaction import Transaction
from ledger.window import WINDOW_IDS
from primitives import kernel_limits
from primitives.codec import decode, encode
from primitives.errors import Malformed
from primitives.ids import AccountId, Sized32
from primitives.named import from_named, to_named

NOTARIES = procedure(electorate=NOTARY)


class Set(Operation, tag="test.set", frozen=True):
    """Set a charter, of whatever account."""

    body: Sized32[AccountId]
    charter: Charter

    def apply(self, act: Act) -> None:
        charters.set_charter(act, self.body, self.charter)


class Decide(Operation, tag="test.decide", frozen=True):
    """Look a procedure up."""

    procedure: str

    def apply(self, act: Act) -> None:
        charters.procedure_of(act, BODY, self.procedure)


KIND: Any = Transaction[Union[Found, Set, Decide]]  # noqa: UP007 # a value


@pytest.fixture
def chain() -> Chain:
    chain = Chain.begin(genesis_document(accounts=[running_account("vendor", "health")]))
    chain.kind = KIND
    return chain


def refused(chain: Chain, operation: Operation) -> Refusal | None:
    """Why nothing was done; then nothing but the block's own row is new."""
    before = dict(chain.state.rows)
    (receipt,) = chain.block(chain.act("health", operation))
    refusal: Refusal | None = receipt.refusal
    changed = {number for number, key in dict(before.items() ^ chain.state.rows.items())}
    assert refusal is None or changed == {WINDOW_IDS.number}
    return refusal


def test_a_body_has_the_charter_that_was_set_last(chain: Chain) -> None:
    """Its first, and then another in its place."""
    first, second = charter_of(NOTARIES), charter_of(replace(NOTARIES, quorum_bp=0))

    assert refused(chain, Found(BODY, first)) is None
    assert CHARTERS.read(chain.state, BODY) == first
    assert refused(chain, Set(BODY, second)) is None
    assert CHARTERS.read(chain.state, BODY) == second


def test_a_procedure_is_found_by_its_code(chain: Chain) -> None:
    """An account without a charter has none, a body those of its charter."""
    assert refused(chain, Decide("ordinary")) == NoCharter(BODY)
    refused(chain, Found(BODY, charter_of(replace(NOTARIES, code="other"), NOTARIES)))

    assert refused(chain, Decide("ordinary")) is None
    assert refused(chain, Decide("third")) == UnknownProcedure(BODY, "third")


@pytest.mark.parametrize("name", ["health", "vendor"])
def test_an_account_that_somebody_signs_for_is_no_body(chain: Chain, name: str) -> None:
    """With keys or with a keeper: two ways to act would be one too many."""
    refusal = NotABody(account_id(name), AccountKind.ORGANISATION)

    assert refused(chain, Set(account_id(name), charter_of(NOTARIES))) == refusal


def test_a_body_is_an_account(chain: Chain) -> None:
    """Else nothing could be done for it."""
    assert refused(chain, Set(BODY, charter_of(NOTARIES))) == UnknownAccount(BODY)


@pytest.mark.parametrize("field", ["opener", "electorate", "guardian"])
def test_a_charter_names_roles_that_are_defined(chain: Chain, field: str) -> None:
    """Else a body could lock itself out by a slip of the pen."""
    slip = replace(NOTARIES, **{field: "notarry"})

    assert refused(chain, Found(BODY, charter_of(slip))) == UnknownRole("notarry")


def test_a_charter_names_an_asset_that_is_defined(chain: Chain) -> None:
    """As its roles; and one of which is kept what was held, or no motion could be opened."""
    gold = procedure(electorate=None, weighing=Weighing.ASSET, asset="XAU")
    pounds = replace(gold, asset=GBP)

    assert refused(chain, Found(BODY, charter_of(gold))) == UnknownAsset("XAU")
    assert refused(chain, Found(BODY, charter_of(pounds))) == NoSnapshots(GBP)


@pytest.mark.parametrize(
    ("charter", "refusal"),
    [
        (charter_of(NOTARIES, NOTARIES), ProcedureTwice("ordinary")),
        (charter_of(procedure(asset=GBP)), AssetMisplaced("ordinary", Weighing.ONE, GBP)),
        (
            charter_of(procedure(weighing=Weighing.ASSET)),
            AssetMisplaced("ordinary", Weighing.ASSET, None),
        ),
        (
            charter_of(procedure(weighing=Weighing.QUADRATIC)),
            AssetMisplaced("ordinary", Weighing.QUADRATIC, None),
        ),
        (charter_of(procedure(electorate=None)), NoElectorate("ordinary", Weighing.ONE)),
        (
            charter_of(procedure(electorate=None, weighing=Weighing.QUADRATIC, asset=GBP)),
            NoElectorate("ordinary", Weighing.QUADRATIC),
        ),
    ],
)
def test_what_a_charter_cannot_be(chain: Chain, charter: Charter, refusal: Refusal) -> None:
    """Said of the charter alone, as for genesis, and by the rule that would write it."""
    assert list(contradictions(charter)) == [refusal]
    assert refused(chain, Found(BODY, charter)) == refusal
    assert sentence(refusal)


def test_holders_of_an_asset_need_no_role() -> None:
    """Shareholders are whoever has shares."""
    shares = procedure(electorate=None, weighing=Weighing.ASSET, asset=GBP)

    assert not list(contradictions(charter_of(shares)))


OPERATIONS = tuple(f"money.verb_{chr(97 + n // 26)}{chr(97 + n % 26)}" for n in range(65))


@pytest.mark.parametrize(
    ("inside", "outside"),
    [
        (
            charter_of(*(procedure(f"p{n}") for n in range(kernel_limits.PROCEDURES_MAX))),
            charter_of(*(procedure(f"p{n}") for n in range(kernel_limits.PROCEDURES_MAX + 1))),
        ),
        (
            charter_of(procedure("p" * kernel_limits.PROCEDURE_LENGTH_MAX)),
            charter_of(procedure("p" * (kernel_limits.PROCEDURE_LENGTH_MAX + 1))),
        ),
        (
            charter_of(procedure(operations=OPERATIONS[: kernel_limits.PROCEDURE_OPERATIONS_MAX])),
            charter_of(
                procedure(operations=OPERATIONS[: kernel_limits.PROCEDURE_OPERATIONS_MAX + 1])
            ),
        ),
        (
            charter_of(procedure(operations=("m." + "t" * (kernel_limits.TAG_LENGTH_MAX - 2),))),
            charter_of(procedure(operations=("m." + "t" * (kernel_limits.TAG_LENGTH_MAX - 1),))),
        ),
        (
            charter_of(procedure(least_ms=kernel_limits.VOTING_MS_MAX)),
            charter_of(procedure(least_ms=kernel_limits.VOTING_MS_MAX + 1)),
        ),
        (charter_of(procedure(least_ms=1)), charter_of(procedure(least_ms=0))),
        (
            charter_of(procedure(timelock_ms=kernel_limits.TIMELOCK_MS_MAX)),
            charter_of(procedure(timelock_ms=kernel_limits.TIMELOCK_MS_MAX + 1)),
        ),
        (charter_of(procedure(quorum_bp=10_000)), charter_of(procedure(quorum_bp=10_001))),
        (charter_of(procedure(pass_bp=9_999)), charter_of(procedure(pass_bp=10_000))),
        (charter_of(procedure(veto_bp=9_999)), charter_of(procedure(veto_bp=10_000))),
        (charter_of(), Charter(())),
    ],
)
def test_the_limits_of_a_charter(inside: Charter, outside: Charter) -> None:
    """One more than the limit is not read, in neither form."""
    assert decode(encode(inside), Charter, limit=100_000) == inside
    assert from_named(to_named(inside), Charter) == inside
    with pytest.raises(Malformed):
        decode(encode(outside), Charter, limit=100_000)
    with pytest.raises(Malformed):
        from_named(to_named(outside), Charter)
