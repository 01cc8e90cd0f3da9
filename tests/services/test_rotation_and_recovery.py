"""Keys of an account change: by its own act, or by its guardians' after a time to object."""

from typing import Any

import pytest

from kit.actors import keys_of
from kit.ledger import Chain, account_id, genesis_account, genesis_document, key, running_account
from ledger import views
from ledger.accounts import (
    Account,
    AccountKind,
    BodyHasNoKeys,
    Keys,
    KeyTwice,
    NoKeysToChange,
    ThresholdOutOfReach,
    UnknownAccount,
    contradictions,
)
from ledger.act import THRESHOLD_NOT_REACHED
from ledger.operation import Operation, Refusal
from ledger.receipt import Outcome, Receipt
from ledger.recoveries import (
    RECOVERIES,
    ApprovedAlready,
    GuardiansOutOfReach,
    Lapsed,
    MayNotEnd,
    NoGuardians,
    NotAGuardian,
    NotRipe,
    NotUnderWay,
    OtherKeys,
    RecoveryKey,
    UnfitGuardian,
)
from ledger.worklist import WORKLIST, Place, Task, Waiting, desk_of_account
from primitives import kernel_limits
from primitives.errors import Malformed, Rejected
from primitives.ids import AccountId, Height, TimeMs
from primitives.named import from_named, to_named
from services.authority.accounts import BodyIsFounded, KeysChanged, OpenAccount, RotateKeys
from services.authority.recoveries import (
    ApproveRecovery,
    EndRecovery,
    FinishRecovery,
    GuardiansNamed,
    NameGuardians,
    OpenRecovery,
    RecoveryApproved,
    RecoveryEnded,
    RecoveryOpened,
)
from services.registry.stamps import StampAct, StampDocument

ALICE, MUM, DAD, NOTARY = (account_id(name) for name in ("alice", "mum", "dad", "notary"))
DELAY = kernel_limits.RECOVERY_DELAY_MS_MIN
NEW = keys_of("phone")
PLAN = NameGuardians((MUM, DAD, NOTARY), 2, DELAY)


@pytest.fixture
def chain() -> Chain:
    """Alice has named her mother, her father and a notary; two of them are enough."""
    people = [genesis_account(name, kind=AccountKind.PERSON) for name in ("alice", "mum", "dad")]
    kept = running_account("kept", "works")
    chain = Chain.begin(genesis_document(accounts=[*people, kept]))
    done(chain, PLAN, by="alice")
    return chain


def done(chain: Chain, *operations: Operation, by: str, also: tuple[str, ...] = ()) -> Any:  # noqa: ANN401
    body = chain.body(*((by, operation) for operation in operations))
    (receipt,) = chain.block(chain.check(body, by, *also))
    assert receipt.outcome is Outcome.APPLIED, receipt.refusal
    return receipt.events


def no(chain: Chain, operation: Operation, *, by: str, also: tuple[str, ...] = ()) -> Refusal:
    receipts: list[Receipt[Any, Any]]
    receipts = chain.block(chain.check(chain.body((by, operation)), by, *also))
    assert isinstance(receipts[0].refusal, Refusal)
    return receipts[0].refusal


def of(chain: Chain, name: str = "alice") -> Account:
    account = views.account(chain.state, account_id(name))
    assert account is not None
    return account


def ripen(chain: Chain, keys: Keys = NEW) -> None:
    """A recovery that two guardians approved, and of which the delay is just over."""
    done(chain, OpenRecovery(ALICE, 1, keys), by="mum")
    done(chain, ApproveRecovery(ALICE, MUM, 1, keys), by="dad")
    chain.time_ms = TimeMs(chain.time_ms + DELAY - 1_000)


def test_an_account_changes_its_keys(chain: Chain) -> None:
    """From the next call on it acts with the new ones alone; its row says since when."""
    rotated = RotateKeys(2, keys_of("a", "b", "c"))

    assert done(chain, rotated, by="alice", also=("a", "c")) == (KeysChanged(ALICE),)

    assert (of(chain).keys, of(chain).threshold, of(chain).changed) == (
        rotated.signers, 2, Height(2)
    )  # fmt: skip
    stamp = StampDocument(chain.root, StampAct.TIMESTAMP)
    with pytest.raises(Rejected) as old:
        chain.block(chain.check(chain.body(("alice", stamp)), "alice"))
    assert old.value.code == THRESHOLD_NOT_REACHED
    (good,) = chain.block(chain.check(chain.body(("alice", stamp)), "a", "b"))
    assert good.outcome is Outcome.APPLIED


def test_nobody_locks_an_account_with_keys_that_he_does_not_have(chain: Chain) -> None:
    """The new keys sign up to the new threshold, or the transaction stands in no block."""
    rotated = RotateKeys(2, keys_of("a", "b", "c"))

    with pytest.raises(Rejected) as one_too_few:
        chain.block(chain.check(chain.body(("alice", rotated)), "alice", "a"))

    assert one_too_few.value.code == THRESHOLD_NOT_REACHED
    assert of(chain).changed == Height(0)


def test_keys_that_cannot_be_are_refused(chain: Chain) -> None:
    """As when an account is opened; who has none cannot change any."""
    twice = (*keys_of("a"), *keys_of("a"))

    assert no(chain, RotateKeys(1, twice), by="alice") == KeyTwice(ALICE, key("a").public)
    assert no(chain, RotateKeys(3, keys_of("a", "b")), by="alice") == ThresholdOutOfReach(
        ALICE, 2, 3
    )
    kept = chain.body(("kept", RotateKeys(1, NEW)))
    assert chain.block(chain.check(kept, "works"))[0].refusal == NoKeysToChange(account_id("kept"))


def test_a_body_has_no_keys_and_no_signature_speaks_for_it(chain: Chain) -> None:
    """Its threshold of 0 is not reached by nobody's signature; it is not simply opened."""
    body = Account(AccountKind.BODY, 0, (), "Assembly", None, 0, Height(1))
    opened = OpenAccount(ALICE, AccountKind.BODY, 0, (), "Assembly", None, 0)

    assert not list(contradictions(ALICE, body))
    signs = Account(AccountKind.BODY, 1, NEW, "", None, 0, Height(1))
    assert list(contradictions(ALICE, signs)) == [BodyHasNoKeys(ALICE)]
    assert no(chain, opened, by="registrar") == BodyIsFounded()


def test_guardians_give_an_account_new_keys_after_the_delay(chain: Chain) -> None:
    """Anybody finishes it, the new keys sign; one millisecond earlier it is refused."""
    opened = done(chain, OpenRecovery(ALICE, 1, NEW), by="mum")
    approved = done(chain, ApproveRecovery(ALICE, MUM, 1, NEW), by="dad")
    ripe_ms = TimeMs(chain.time_ms + DELAY)

    assert opened == (RecoveryOpened(ALICE, MUM), RecoveryApproved(ALICE, MUM, MUM, None))
    assert approved == (RecoveryApproved(ALICE, MUM, DAD, ripe_ms),)
    finish = FinishRecovery(ALICE, MUM)
    chain.time_ms = TimeMs(ripe_ms - 1_001)
    assert no(chain, finish, by="works", also=("phone",)) == NotRipe(
        ALICE, ripe_ms, TimeMs(ripe_ms - 1)
    )
    chain.time_ms = TimeMs(ripe_ms - 1_000)
    with pytest.raises(Rejected, match="the new keys that signed weigh 0"):
        chain.block(chain.check(chain.body(("works", finish)), "works"))
    assert done(chain, finish, by="works", also=("phone",)) == (KeysChanged(ALICE),)
    assert (of(chain).keys, of(chain).changed) == (NEW, chain.state.height)
    assert RECOVERIES.read(chain.state, RecoveryKey(ALICE, MUM)) is None


def test_too_few_guardians_give_nothing(chain: Chain) -> None:
    """However long one waits, and whoever approves twice."""
    done(chain, OpenRecovery(ALICE, 1, NEW), by="mum")
    chain.time_ms = TimeMs(chain.time_ms + 100 * DELAY)

    assert no(chain, ApproveRecovery(ALICE, MUM, 1, NEW), by="mum") == ApprovedAlready(ALICE, MUM)
    assert no(chain, FinishRecovery(ALICE, MUM), by="mum", also=("phone",)) == NotRipe(
        ALICE, None, TimeMs(chain.time_ms)
    )


def test_an_approval_is_for_keys_and_no_others(chain: Chain) -> None:
    """A guardian who replaces his recovery takes no approval over to it."""
    done(chain, OpenRecovery(ALICE, 1, NEW), by="mum")
    done(chain, OpenRecovery(ALICE, 1, keys_of("thief")), by="mum")

    approve = ApproveRecovery(ALICE, MUM, 1, NEW)
    assert no(chain, approve, by="dad") == OtherKeys(ALICE, MUM)
    assert no(chain, ApproveRecovery(ALICE, DAD, 1, NEW), by="dad") == NotUnderWay(ALICE, DAD)


@pytest.mark.parametrize("who", ["alice", "dad"])
def test_the_account_or_a_guardian_who_approved_ends_a_recovery(chain: Chain, who: str) -> None:
    """Until it is finished, also when it is ripe."""
    ripen(chain)

    assert no(chain, EndRecovery(ALICE, MUM), by="notary") == MayNotEnd(ALICE, NOTARY)
    assert done(chain, EndRecovery(ALICE, MUM), by=who) == (
        RecoveryEnded(ALICE, MUM, account_id(who)),
    )
    assert no(chain, FinishRecovery(ALICE, MUM), by="mum", also=("phone",)) == NotUnderWay(
        ALICE, MUM
    )


@pytest.mark.parametrize(
    "change", [RotateKeys(1, keys_of("alice", "tablet")), PLAN], ids=["keys", "guardians"]
)
def test_who_still_has_the_keys_ends_every_recovery_by_using_them(
    chain: Chain, change: Operation
) -> None:
    """New keys, or guardians named anew."""
    ripen(chain)
    done(chain, change, by="alice")

    assert no(chain, FinishRecovery(ALICE, MUM), by="mum", also=("phone",)) == NotUnderWay(
        ALICE, MUM
    )
    assert no(chain, EndRecovery(ALICE, MUM), by="alice") == NotUnderWay(ALICE, MUM)


def test_a_recovery_lies_on_the_desk_of_its_account(chain: Chain) -> None:
    """With the time at which it can be finished, for as long as it is under way."""
    place = Place(desk_of_account(ALICE), Task.RECOVERY, MUM)

    done(chain, OpenRecovery(ALICE, 1, NEW), by="mum")
    assert WORKLIST.read(chain.state, place) == Waiting(None)
    done(chain, ApproveRecovery(ALICE, MUM, 1, NEW), by="dad")
    assert WORKLIST.read(chain.state, place) == Waiting(TimeMs(chain.time_ms + DELAY))
    done(chain, EndRecovery(ALICE, MUM), by="alice")
    assert WORKLIST.read(chain.state, place) is None
    ripen(chain)
    done(chain, OpenRecovery(ALICE, 1, keys_of("other")), by="dad")
    done(chain, FinishRecovery(ALICE, MUM), by="works", also=("phone",))
    assert not list(WORKLIST.scan(chain.state, limit=1))
    assert not list(RECOVERIES.scan(chain.state, limit=1))


def test_an_old_recovery_surprises_nobody(chain: Chain) -> None:
    """It lapses RECOVERY_FINISH_MS after its delay; a millisecond earlier it can be finished."""
    ripen(chain)
    until = TimeMs(chain.time_ms + 1_000 + kernel_limits.RECOVERY_FINISH_MS)
    chain.time_ms = TimeMs(until - 1_000)
    finish = FinishRecovery(ALICE, MUM)

    assert no(chain, finish, by="mum", also=("phone",)) == Lapsed(ALICE, until)
    ripen(chain)
    chain.time_ms = TimeMs(chain.time_ms + kernel_limits.RECOVERY_FINISH_MS - 1)
    done(chain, finish, by="mum", also=("phone",))


def test_only_guardians_open_and_approve(chain: Chain) -> None:
    """Of an account that has any."""
    stranger = AccountId(bytes(32))

    assert no(chain, OpenRecovery(ALICE, 1, NEW), by="works") == NotAGuardian(
        ALICE, account_id("works")
    )
    assert no(chain, ApproveRecovery(ALICE, MUM, 1, NEW), by="works") == NotAGuardian(
        ALICE, account_id("works")
    )
    assert no(chain, OpenRecovery(MUM, 1, NEW), by="alice") == NoGuardians(MUM)
    assert no(chain, OpenRecovery(stranger, 1, NEW), by="alice") == NoGuardians(stranger)
    assert no(chain, OpenRecovery(ALICE, 2, NEW), by="mum") == ThresholdOutOfReach(ALICE, 1, 2)


UNFIT: dict[str, tuple[tuple[AccountId, ...], int, Refusal]] = {
    "twice": ((MUM, MUM), 1, UnfitGuardian(ALICE, MUM, "named_twice")),
    "itself": ((MUM, ALICE), 1, UnfitGuardian(ALICE, ALICE, "itself")),
    "kept": (
        (account_id("kept"),), 1, UnfitGuardian(ALICE, account_id("kept"), "kept")
    ),
    "unknown": ((AccountId(bytes(32)),), 1, UnknownAccount(AccountId(bytes(32)))),
    "more than there are": ((MUM,), 2, GuardiansOutOfReach(1, 2)),
    "none of some": ((MUM,), 0, GuardiansOutOfReach(1, 0)),
    "some of none": ((), 1, GuardiansOutOfReach(0, 1)),
}  # fmt: skip


@pytest.mark.parametrize(("guardians", "needed", "expected"), UNFIT.values(), ids=UNFIT)
def test_guardians_that_could_not_help_are_refused(
    chain: Chain, guardians: tuple[AccountId, ...], needed: int, expected: Refusal
) -> None:
    """And those named before stay."""
    assert no(chain, NameGuardians(guardians, needed, DELAY), by="alice") == expected
    done(chain, OpenRecovery(ALICE, 1, NEW), by="mum")


def test_who_has_no_keys_has_no_guardians(chain: Chain) -> None:
    """A keeper signs for a running account, and there is nothing to recover."""
    kept = chain.body(("kept", PLAN))

    assert chain.block(chain.check(kept, "works"))[0].refusal == NoKeysToChange(account_id("kept"))


def test_an_account_gives_up_its_guardians(chain: Chain) -> None:
    """Then nobody recovers it."""
    assert done(chain, NameGuardians((), 0, DELAY), by="alice") == (GuardiansNamed(ALICE, 0, 0),)

    assert no(chain, OpenRecovery(ALICE, 1, NEW), by="mum") == NoGuardians(ALICE)


def test_guardians_and_their_delay_have_bounds() -> None:
    """GUARDIANS_MAX; RECOVERY_DELAY_MS_MIN, 72 hours, to RECOVERY_DELAY_MS_MAX."""
    most = kernel_limits.GUARDIANS_MAX
    many = tuple(account_id(f"guardian {n}") for n in range(most + 1))
    named = to_named(NameGuardians(many[:most], most, kernel_limits.RECOVERY_DELAY_MS_MAX))

    assert kernel_limits.RECOVERY_DELAY_MS_MIN == 72 * 60 * 60 * 1000
    assert len(from_named(named, NameGuardians).guardians) == most
    for field, beyond in (
        ("guardians", [each.hex() for each in many]),
        ("needed", most + 1),
        ("delay_ms", kernel_limits.RECOVERY_DELAY_MS_MIN - 1),
        ("delay_ms", kernel_limits.RECOVERY_DELAY_MS_MAX + 1),
    ):
        with pytest.raises(Malformed):
            from_named({**named, field: beyond}, NameGuardians)
