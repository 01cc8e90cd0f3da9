"""Who may act: weighted keys, thresholds, several signers, and signatures that count for nobody."""

from typing import Any, Union

import msgspec
import pytest

from kit.ledger import (
    NAMES,
    Chain,
    account_id,
    genesis_account,
    genesis_document,
    key,
    line,
    pay,
    running_account,
)
from ledger.accounts import UnknownAccount, account_of_key
from ledger.act import THRESHOLD_NOT_REACHED, Act
from ledger.genesis import GenesisRole
from ledger.operation import Operation, Refusal, Refused, code, sentence
from ledger.receipt import Outcome
from ledger.roles import ROLES, MissingRole, RoleKey
from ledger.transaction import SUPERFLUOUS_SIGNATURE, CheckedTransaction, Transaction
from primitives.errors import Rejected
from primitives.ids import AccountId, Sized32
from services.money import Transfer


class Countersign(Operation, tag="test.countersign", frozen=True):
    """Done in the presence of another account."""

    other: Sized32[AccountId]

    def apply(self, act: Act) -> None:
        act.require_present(self.other)


class Inspect(Operation, tag="test.inspect", frozen=True):
    """Needs a role for a body."""

    body: Sized32[AccountId]

    def apply(self, act: Act) -> None:
        act.require_role("registrar", self.body)


class Never(Refusal, tag="test.never", frozen=True):
    """It never is."""


class Odd(Operation, tag="test.odd", frozen=True):
    """Asks for the impossible."""

    def apply(self, act: Act) -> None:
        act.require(act.height > 0, Never())
        act.require(act.height < 0, Never())


KIND: Any = Transaction[Union[Transfer, Countersign, Inspect, Odd]]  # noqa: UP007 # a value


@pytest.fixture
def chain() -> Chain:
    board = genesis_account("board", signers=(("a", 1), ("b", 1), ("c", 2)), threshold=3)
    begun = Chain.begin(genesis_document(accounts=[board]))
    begun.kind = KIND
    begun.block(begun.act("treasury", pay("board", 100, "seed")))
    return begun


@pytest.mark.parametrize(
    ("signers", "weight"),
    [("a", 1), ("c", 2), ("ab", 2), ("ac", None), ("bc", None), ("abc", None)],
)
def test_an_account_acts_when_its_signers_reach_the_threshold(
    chain: Chain, signers: str, weight: int | None
) -> None:
    """Keys a and b weigh 1, c weighs 2, three are asked for."""
    body = chain.body(("board", pay("works", 1, "r")))

    tx = chain.check(body, *signers)

    if weight is None:
        assert chain.block(tx)[0].outcome is Outcome.APPLIED
        return
    with pytest.raises(Rejected, match=f"the signatures weigh {weight} .* asks for 3") as rejected:
        chain.block(tx)
    assert rejected.value.code == THRESHOLD_NOT_REACHED
    assert rejected.value.facts["actual"] == weight


def test_a_copy_that_lost_a_signature_does_not_use_up_the_act(chain: Chain) -> None:
    """Whoever relays a transaction could strip it: no block takes it, and any takes the whole."""
    body = chain.body(("treasury", pay("works", 1, "r")), ("board", pay("works", 1, "r")))
    stripped, whole = chain.check(body, "treasury", "a"), chain.check(body, "treasury", "a", "c")
    assert stripped.id == whole.id
    run = chain.run()
    run.admit(stripped)

    with pytest.raises(Rejected, match="the signatures weigh 1"):
        run.apply(stripped)

    run.admit(whole)
    assert run.apply(whole).outcome is Outcome.APPLIED
    assert len(run.finish().receipts) == 1


def test_a_key_of_another_account_does_not_count(chain: Chain) -> None:
    """Whoever signs for the works does not sign for the treasury."""
    body = chain.body(("treasury", pay("works", 1, "r")))

    with pytest.raises(Rejected, match="the signatures weigh 0"):
        chain.block(chain.check(body, "works"))


def test_an_unknown_actor_is_refused(chain: Chain) -> None:
    """An id that no account has."""
    (receipt,) = chain.block(chain.act("stranger", pay("works", 1, "r")))

    assert receipt.refusal == UnknownAccount(account_id("stranger"))


def test_several_actors_sign_one_transaction(chain: Chain) -> None:
    """Each call is authorised by its own actor's keys."""
    body = chain.body(("treasury", pay("works", 1, "r")), ("board", pay("works", 1, "r")))

    with pytest.raises(Rejected, match=f"weigh 0 for account {account_id('board').hex()}"):
        chain.block(chain.check(body, "treasury"))

    body = chain.body(("treasury", pay("works", 1, "r")), ("board", pay("works", 1, "r")))
    (whole,) = chain.block(chain.check(body, "treasury", "a", "c"))
    assert whole.outcome is Outcome.APPLIED


def test_another_party_can_be_required_present(chain: Chain) -> None:
    """Its keys sign the same transaction though it does not act."""
    operation = Countersign(account_id("board"))

    with pytest.raises(Rejected, match="the signatures weigh 0"):
        chain.block(chain.act("treasury", operation))
    present, nobody = chain.block(
        chain.check(chain.body(("treasury", operation)), "treasury", "b", "c"),
        chain.act("treasury", Countersign(account_id("stranger"))),
    )

    assert present.outcome is Outcome.APPLIED
    assert nobody.refusal == UnknownAccount(account_id("stranger"))


def test_a_keeper_is_present_for_the_account_that_it_keeps() -> None:
    """By its own threshold; its signatures count as used, and nobody else's do."""
    board = genesis_account("board", signers=(("a", 1), ("b", 1)), threshold=2)
    kept = running_account("kept", "board")
    chain = Chain.begin(genesis_document(accounts=[board, kept]))
    chain.kind = KIND

    def pays(reference: str, *signers: str) -> CheckedTransaction:
        return chain.check(chain.body(("kept", pay("works", 1, reference))), *signers)

    with pytest.raises(Rejected, match=f"weigh 1 for account {account_id('board').hex()}"):
        chain.block(pays("r", "a"))
    with pytest.raises(Rejected) as superfluous:
        chain.block(pays("r", "a", "b", "kept"))
    assert superfluous.value.code == SUPERFLUOUS_SIGNATURE
    operation = Countersign(account_id("kept"))
    witnessed = chain.check(chain.body(("treasury", operation)), "treasury", "a", "b")
    receipts = chain.block(pays("r", "a", "b"), witnessed)
    assert [receipt.outcome for receipt in receipts] == [Outcome.APPLIED] * 2


def test_a_superfluous_signature_is_in_no_block(chain: Chain) -> None:
    """It leaves nothing behind, and the same act without it is still free to be committed."""
    body = chain.body(("treasury", pay("works", 1, "r")))
    tx = chain.check(body, "treasury", "works")
    run = chain.run()
    run.admit(tx)

    with pytest.raises(Rejected) as caught:
        run.apply(tx)

    assert caught.value.code == SUPERFLUOUS_SIGNATURE
    assert caught.value.facts == {"keys": [key("works").public.hex()]}
    honest = chain.check(body, "treasury")
    run.admit(honest)
    assert run.apply(honest).outcome is Outcome.APPLIED
    alone = chain.run()
    alone.apply(honest)
    assert run.finish() == alone.finish()


def test_a_key_beyond_the_threshold_is_not_superfluous(chain: Chain) -> None:
    """It belongs to the actor: all three of the board may sign."""
    (receipt,) = chain.block(
        chain.check(chain.body(("board", pay("works", 1, "r"))), "a", "b", "c")
    )

    assert receipt.outcome is Outcome.APPLIED


def test_a_refused_transaction_may_carry_a_superfluous_signature(chain: Chain) -> None:
    """Refused for its own reason: whose signatures later calls needed is not known."""
    (receipt,) = chain.block(
        chain.check(chain.body(("treasury", pay("stranger", 1, "r"))), "treasury", "works")
    )

    assert receipt.refusal == UnknownAccount(account_id("stranger"))


def test_a_role_for_the_network_counts_for_every_scope(chain: Chain) -> None:
    """The registrar has it; the treasury has not."""
    granted, refused = chain.block(
        chain.act("registrar", Inspect(account_id("works"))),
        chain.act("treasury", Inspect(account_id("works"))),
    )

    assert granted.outcome is Outcome.APPLIED
    assert refused.refusal == MissingRole(account_id("treasury"), "registrar", account_id("works"))


def test_a_role_for_one_body_counts_for_that_body_alone() -> None:
    """Neither for another one nor for the network."""
    document = msgspec.structs.replace(
        genesis_document(),
        roles=(GenesisRole("registrar", account_id("works"), account_id("notary")),),
    )
    chain = Chain.begin(document)
    chain.kind = KIND

    own, other = chain.block(
        chain.act("notary", Inspect(account_id("works"))),
        chain.act("notary", Inspect(account_id("health"))),
    )

    assert own.outcome is Outcome.APPLIED
    assert other.refusal == MissingRole(account_id("notary"), "registrar", account_id("health"))


def test_a_role_for_the_account_of_zeros_is_none_for_the_network() -> None:
    """No key of one is a key of the other."""
    zeros, holder = AccountId(bytes(32)), account_id("notary")

    assert ROLES.key(RoleKey("notary", zeros, holder)) != ROLES.key(RoleKey("notary", None, holder))


def test_a_failed_requirement_is_the_refusal_it_names(chain: Chain) -> None:
    """The first condition holds, the second does not."""
    (receipt,) = chain.block(chain.act("treasury", Odd()))

    assert receipt.refusal == Never()


def test_an_operation_without_a_rule_is_a_bug() -> None:
    """It stops the node instead of passing."""
    with pytest.raises(NotImplementedError, match="Operation has no rule"):
        Operation().apply(None)  # type: ignore[arg-type]  # never looked at


def test_accounts_take_their_ids_from_their_first_key() -> None:
    """By a hash with a domain of its own."""
    ids = {account_of_key(key(name).public) for name in NAMES}

    assert len(ids) == len(NAMES)
    assert not ids & {bytes(key(name).public) for name in NAMES}


def test_a_refusal_reads_as_a_sentence() -> None:
    """Its docstring with its fields, bytes as hexadecimal; its tag is the code."""
    refusal = UnknownAccount(AccountId(b"\xab" * 32))

    assert code(refusal) == "accounts.unknown"
    assert sentence(refusal) == f"There is no account {'ab' * 32}."
    assert str(Refused(refusal)) == code(refusal)
    assert line("works", 1, "r").to == account_id("works")
