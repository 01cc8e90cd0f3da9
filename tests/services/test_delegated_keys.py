"""Delegated keys: what they may do, spend, pay, and until when; everything else stands nowhere."""

from itertools import count
from typing import Any

import pytest
from msgspec.structs import replace

from kit.actors import fell_due, keys_of, moment
from kit.ledger import GBP, Chain, account_id, genesis_document, key, pay, running_account
from ledger.accounts import JustChanged, NoKeysToChange, UnknownAccount
from ledger.act import THRESHOLD_NOT_REACHED, Act
from ledger.delegations import (
    DELEGATIONS,
    NOT_DELEGATED,
    OVER_ALLOWANCE,
    PAYEE_NOT_ALLOWED,
    SPENT,
    Allowance,
    AllowedTwice,
    DelegationKey,
    KeyExpired,
    NotDelegated,
    OutOfTime,
    SpentKey,
)
from ledger.operation import Operation, OperationTag, Refusal
from ledger.receipt import Outcome
from ledger.state import Overlay
from primitives import kernel_limits
from primitives.errors import Malformed, Rejected
from primitives.ids import AccountId, Digest, Height, TimeMs
from primitives.named import from_named, to_named
from services.authority.accounts import RotateKeys
from services.authority.delegations import DelegateKey, KeyDelegated, KeyWithdrawn, WithdrawKey
from services.registry.stamps import StampAct, StampDocument
from services.table import OPERATIONS

TREASURY, HEALTH, WORKS = (account_id(name) for name in ("treasury", "health", "works"))
TILL = key("till").public
DAY = 86_400_000
ALLOWED = Allowance(GBP, per_act=50, per_period=120, period_ms=DAY)
NUMBERS = count()
PAPER = StampDocument(Digest(bytes(range(32))), StampAct.TIMESTAMP)


@pytest.fixture
def chain() -> Chain:
    return Chain.begin(genesis_document(accounts=[running_account("kept", "treasury")]))


def till(chain: Chain, **fields: Any) -> DelegateKey:  # noqa: ANN401
    """A key that pays 50 at a time and 120 a day, for a month."""
    given = DelegateKey(
        delegate=TILL,
        operations=("money.transfer", "registry.stamp_document"),
        allowances=(ALLOWED,),
        payees=None,
        until_ms=TimeMs(chain.time_ms + 30 * DAY),
    )
    return replace(given, **fields)


def done(chain: Chain, operation: Operation, *signers: str, by: str = "treasury") -> Any:  # noqa: ANN401
    (receipt,) = chain.block(chain.check(chain.body((by, operation)), *signers or (by,)))
    assert receipt.outcome is Outcome.APPLIED, receipt.refusal
    return receipt.events


def no(chain: Chain, operation: Operation) -> Refusal:
    (receipt,) = chain.block(chain.act("treasury", operation))
    assert isinstance(receipt.refusal, Refusal)
    return receipt.refusal


def kept_out(chain: Chain, operation: Operation, *signers: str, by: str = "treasury") -> str:
    """The code with which a transaction stands in no block."""
    with pytest.raises(Rejected) as rejected:
        chain.block(chain.check(chain.body((by, operation)), *signers))
    return rejected.value.code


def at_till(chain: Chain, state: Overlay | None = None, *, after_ms: int = 0) -> Act:
    """A call of the treasury, signed by the till's key alone."""
    act = moment(chain, "treasury", "till", state=state, after_ms=after_ms)
    act.perform(replace(PAPER, commitment=Digest(next(NUMBERS).to_bytes(32, "big"))))
    return act


def test_a_delegated_key_performs_what_it_may(chain: Chain) -> None:
    """For the account, which need not sign; its signature counts and is not superfluous."""
    assert done(chain, till(chain)) == (
        KeyDelegated(TREASURY, TILL, TimeMs(chain.time_ms - 1_000 + 30 * DAY)),
    )

    done(chain, PAPER, "till")


def test_it_performs_nothing_else(chain: Chain) -> None:
    """Not what it was not given, nor what no key is given; the transaction stands in no block."""
    done(chain, till(chain, operations=("money.transfer", "authority.rotate_keys")))

    assert kept_out(chain, PAPER, "till") == NOT_DELEGATED
    assert kept_out(chain, RotateKeys(1, keys_of("till")), "till") == NOT_DELEGATED
    assert kept_out(chain, PAPER, "stranger") == THRESHOLD_NOT_REACHED


def test_no_operation_that_gives_power_is_delegable() -> None:
    """Nothing of authority: whoever had such a key could give himself the rest."""
    delegable = {str(each.__struct_config__.tag) for each in OPERATIONS if each.delegable}

    assert {"money.transfer", "registry.stamp_document"} <= delegable
    assert not [tag for tag in delegable if tag.startswith("authority.")]


def test_it_speaks_for_no_other_account(chain: Chain) -> None:
    """Neither for what its account keeps, nor for anybody else."""
    done(chain, till(chain))

    assert kept_out(chain, PAPER, "till", by="kept") == THRESHOLD_NOT_REACHED
    assert kept_out(chain, PAPER, "till", by="health") == THRESHOLD_NOT_REACHED
    with pytest.raises(Rejected):
        at_till(chain).require_present(account_id("kept"))
    assert not at_till(chain).is_present(TREASURY)


def test_its_term_ends_to_the_millisecond(chain: Chain) -> None:
    """Whatever a duty has done by then."""
    done(chain, till(chain, until_ms=TimeMs(chain.time_ms + DAY)))
    chain.time_ms = TimeMs(chain.time_ms + DAY - 3_001)
    body = chain.body(("treasury", PAPER))

    assert chain.run().preview(chain.check(body, "till")).outcome is Outcome.APPLIED
    chain.time_ms = TimeMs(chain.time_ms + 1_001)
    assert kept_out(chain, PAPER, "till") == THRESHOLD_NOT_REACHED


def test_it_is_over_when_the_account_withdraws_it(chain: Chain) -> None:
    """At once, also within a block; what nobody delegated is not withdrawn."""
    done(chain, till(chain))
    assert done(chain, WithdrawKey(TILL)) == (KeyWithdrawn(TREASURY, TILL),)

    assert kept_out(chain, PAPER, "till") == THRESHOLD_NOT_REACHED
    assert no(chain, WithdrawKey(TILL)) == NotDelegated(TREASURY, TILL)


def test_it_is_over_when_the_account_changes_its_keys(chain: Chain) -> None:
    """Also what a thief delegated in the very block of the change, before it."""
    planted = chain.act("treasury", till(chain))
    rotated = RotateKeys(1, keys_of("new"))
    changed = chain.check(chain.body(("treasury", rotated)), "treasury", "new")
    again = chain.check(chain.body(("treasury", till(chain))), "new")

    receipts = chain.block(planted, changed, again)

    assert receipts[2].refusal == JustChanged(TREASURY, Height(1))
    assert kept_out(chain, PAPER, "till") == THRESHOLD_NOT_REACHED
    done(chain, till(chain), "new")
    done(chain, PAPER, "till")


def test_one_call_and_one_period_have_their_limits(chain: Chain) -> None:
    """At the limit it stands, one more is too much; a period after the first spending it begins
    anew.
    """
    done(chain, till(chain))
    first, second = at_till(chain), at_till(chain)
    first.spend(TREASURY, GBP, 30, HEALTH)
    first.spend(TREASURY, GBP, 20, WORKS)
    with pytest.raises(Rejected, match="may spend 0 of GBP") as over:
        first.spend(TREASURY, GBP, 1, WORKS)
    assert (over.value.code, over.value.facts["actual"]) == (OVER_ALLOWANCE, 1)
    with pytest.raises(Rejected, match="may spend 50 of GBP by this call, found 51"):
        second.spend(TREASURY, GBP, 51, WORKS)

    state = first.state
    at_till(chain, state).spend(TREASURY, GBP, 50, HEALTH)
    at_till(chain, state).spend(TREASURY, GBP, 20, HEALTH)
    with pytest.raises(Rejected, match="may spend 0 of GBP by this call, found 1"):
        at_till(chain, state, after_ms=DAY - 1).spend(TREASURY, GBP, 1, HEALTH)
    at_till(chain, state, after_ms=DAY).spend(TREASURY, GBP, 50, HEALTH)
    spent = state[SPENT].find(SpentKey(TREASURY, TILL, GBP))
    assert spent is not None
    assert (spent.begun_ms, spent.amount) == (chain.time_ms + DAY, 50)


def test_an_asset_without_an_allowance_is_not_spent(chain: Chain) -> None:
    """However little."""
    done(chain, till(chain))

    with pytest.raises(Rejected) as over:
        at_till(chain).spend(TREASURY, "EUR", 1, HEALTH)
    assert over.value.code == OVER_ALLOWANCE


def test_it_pays_whom_it_may(chain: Chain) -> None:
    """With payees named, nobody else and not nobody."""
    done(chain, till(chain, payees=(HEALTH,)))

    at_till(chain).spend(TREASURY, GBP, 50, HEALTH)
    for other in (WORKS, None):
        with pytest.raises(Rejected) as wrong:
            at_till(chain).spend(TREASURY, GBP, 1, other)
        assert wrong.value.code == PAYEE_NOT_ALLOWED


def test_the_accounts_own_keys_are_charged_nothing(chain: Chain) -> None:
    """Even if the delegated key belongs to them."""
    done(chain, till(chain, delegate=key("treasury").public))
    own = moment(chain, "treasury", "treasury")
    own.perform(pay("health", 1_000_000, "INV-1"))
    own.spend(TREASURY, GBP, 1_000_000, HEALTH)

    assert own.delegate is None
    assert own.state[SPENT].find(SpentKey(TREASURY, key("treasury").public, GBP)) is None


def test_delegating_again_forgets_nothing_that_was_spent(chain: Chain) -> None:
    """Of an asset that it may still spend; withdrawing forgets it all."""
    done(chain, till(chain, allowances=(ALLOWED, replace(ALLOWED, asset="EUR"))))
    act = at_till(chain)
    act.spend(TREASURY, GBP, 50, HEALTH)
    act.spend(TREASURY, "EUR", 50, HEALTH)
    keys = [SpentKey(TREASURY, TILL, asset) for asset in (GBP, "EUR")]

    till(chain).apply(act)
    assert [act.state[SPENT].find(each) is None for each in keys] == [False, True]
    WithdrawKey(TILL).apply(act)
    assert [act.state[SPENT].find(each) is None for each in keys] == [True, True]
    assert act.state[DELEGATIONS].find(DelegationKey(TREASURY, TILL)) is None


def test_of_several_delegated_keys_one_speaks(chain: Chain) -> None:
    """For what it may; the signature of the other is superfluous."""
    done(chain, till(chain, operations=("money.transfer",)))
    done(chain, till(chain, delegate=key("desk").public))

    done(chain, PAPER, "desk")
    other = replace(PAPER, commitment=chain.root)
    assert kept_out(chain, other, "desk", "till") == "transaction.superfluous_signature"


def test_what_could_not_be_delegated_is_refused(chain: Chain) -> None:
    """With what is wrong."""
    now = TimeMs(chain.time_ms + 1_000)
    latest = TimeMs(now + kernel_limits.DELEGATED_MS_MAX)
    stranger = AccountId(bytes(32))

    assert no(chain, till(chain, allowances=(ALLOWED, ALLOWED))) == AllowedTwice(TILL, GBP)
    assert no(chain, till(chain, payees=(stranger,))) == UnknownAccount(stranger)
    now = TimeMs(chain.time_ms + 1_000)
    latest = TimeMs(now + kernel_limits.DELEGATED_MS_MAX)
    assert no(chain, till(chain, until_ms=now)) == OutOfTime(now, latest)
    now, latest = TimeMs(now + 1_000), TimeMs(latest + 1_000)
    late = TimeMs(latest + 1)
    assert no(chain, till(chain, until_ms=late)) == OutOfTime(late, latest)
    done(chain, till(chain, until_ms=latest))
    kept = chain.body(("kept", till(chain)))
    assert chain.block(chain.check(kept, "treasury"))[0].refusal == NoKeysToChange(
        account_id("kept")
    )


def test_the_lists_of_a_delegation_have_bounds(chain: Chain) -> None:
    """DELEGATED_OPERATIONS_MAX, DELEGATED_ALLOWANCES_MAX, DELEGATED_PAYEES_MAX, TAG_LENGTH_MAX."""
    most = kernel_limits
    tags: list[OperationTag] = ["a." + "b" * (most.TAG_LENGTH_MAX - 2)]
    tags += [f"a.{'b' * n}" for n in range(1, most.DELEGATED_OPERATIONS_MAX)]
    allowances = [
        {**to_named(ALLOWED), "asset": f"AS{n:02}"} for n in range(most.DELEGATED_ALLOWANCES_MAX)
    ]
    payees = [account_id(f"payee {n}").hex() for n in range(most.DELEGATED_PAYEES_MAX)]
    named = {
        **to_named(till(chain)),
        "operations": tags,
        "allowances": allowances,
        "payees": payees,
    }

    assert len(from_named(named, DelegateKey).operations) == most.DELEGATED_OPERATIONS_MAX
    for field, beyond in (
        ("operations", [*tags, "a.c"]),
        ("operations", []),
        ("operations", [tags[0] + "b"]),
        ("operations", ["transfer"]),
        ("allowances", [*allowances, to_named(ALLOWED)]),
        ("payees", [*payees, WORKS.hex()]),
    ):
        with pytest.raises(Malformed):
            from_named({**named, field: beyond}, DelegateKey)


def test_its_rows_go_when_its_time_is_over(chain: Chain) -> None:
    """By a duty of the next block, exactly once; not if it was withdrawn or replaced before."""
    until = TimeMs(chain.time_ms + DAY)
    done(chain, till(chain, until_ms=until))
    done(chain, till(chain, delegate=key("desk").public, until_ms=until))
    done(chain, till(chain, until_ms=TimeMs(until + DAY)))
    done(chain, WithdrawKey(key("desk").public))
    slot = DelegationKey(TREASURY, TILL)

    chain.time_ms = TimeMs(until + DAY - 2_000)
    assert fell_due(chain) == []
    assert DELEGATIONS.read(chain.state, slot) is not None
    assert fell_due(chain) == [KeyExpired(TREASURY, TILL)]
    assert DELEGATIONS.read(chain.state, slot) is None
    assert fell_due(chain) == []
