"""authority: who opens accounts, who defines, grants and revokes roles, and how each says no."""

from typing import Any

import pytest
from msgspec.structs import replace

from kit.actors import give, new_role
from kit.ledger import Chain, account_id, genesis_document, key, running_account
from ledger import views
from ledger.accounts import (
    Account,
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
    account_of_key,
)
from ledger.charters import MEMBER
from ledger.genesis import GenesisRole, GenesisRoleDefinition
from ledger.operation import Operation, Refusal, sentence
from ledger.receipt import Outcome, Receipt
from ledger.roles import (
    KERNEL_ROLES,
    REGISTRAR,
    AlreadyGranted,
    MissingRole,
    NotGranted,
    OwnGrant,
    RoleInUse,
    UnknownRole,
)
from ledger.transaction import read_transaction
from primitives import limits
from primitives.codec import encode
from primitives.errors import Malformed
from primitives.ids import INTEGER_MAX, Height
from primitives.named import from_named, to_named
from services.authority.accounts import AccountOpened, IdMissing, OpenAccount
from services.authority.roles import (
    RevokeRole,
    RoleDefined,
    RoleGranted,
    RoleRevoked,
)
from services.table import TRANSACTION

HEALTH, WORKS = account_id("health"), account_id("works")
NEW = account_id("new")
KEYED = OpenAccount(
    account=NEW,
    kind=AccountKind.OFFICE,
    threshold=2,
    signers=(WeightedKey(key("a").public, 1), WeightedKey(key("b").public, 1)),
    name="Land registry",
    keeper=None,
    floor=0,
)
RUNNING = OpenAccount(
    account=account_id("vendor"),
    kind=AccountKind.PERSON,
    threshold=0,
    signers=(),
    name="",
    keeper=HEALTH,
    floor=None,
)


@pytest.fixture
def chain() -> Chain:
    return Chain.begin()


def applied(chain: Chain, operation: Operation, actor: str = "registrar") -> Receipt[Any, Any]:
    (receipt,) = chain.block(chain.act(actor, operation))
    assert receipt.outcome is Outcome.APPLIED, receipt.refusal
    return receipt


def refusal_of(chain: Chain, operation: Operation, actor: str = "registrar") -> Refusal:
    before = dict(chain.state.rows)
    (receipt,) = chain.block(chain.act(actor, operation))
    changed = {slot[0] for slot, _ in chain.state.rows.items() ^ before.items()}
    assert changed <= {10}, "only the window's entry of ids may change"
    assert receipt.events == ()
    assert isinstance(receipt.refusal, Refusal)
    return receipt.refusal


def test_a_registrar_opens_an_account_with_keys(chain: Chain) -> None:
    """It acts from then on, by its own threshold."""
    receipt = applied(chain, KEYED)

    assert receipt.events == (AccountOpened(NEW, AccountKind.OFFICE, None, 0),)
    assert views.account(chain.state, NEW) == Account(
        AccountKind.OFFICE, 2, KEYED.signers, "Land registry", None, 0, Height(1)
    )
    role = give("notary", None, NEW)
    both = chain.check(chain.body(("new", role)), "a", "b")
    assert chain.block(both)[0].refusal == MissingRole(NEW, REGISTRAR, None)


def test_an_account_without_an_id_takes_that_of_its_first_key(chain: Chain) -> None:
    """Its event tells which."""
    receipt = applied(chain, replace(KEYED, account=None))

    derived = account_of_key(key("a").public)
    assert receipt.events == (AccountOpened(derived, AccountKind.OFFICE, None, 0),)
    assert views.account(chain.state, derived) is not None


def test_a_registrar_opens_a_running_account(chain: Chain) -> None:
    """It has a keeper and the floor that it was granted."""
    receipt = applied(chain, RUNNING)

    vendor = account_id("vendor")
    assert receipt.events == (AccountOpened(vendor, AccountKind.PERSON, HEALTH, None),)
    assert views.account(chain.state, vendor) == Account(
        AccountKind.PERSON, 0, (), "", HEALTH, None, Height(1)
    )


def test_an_id_is_used_once(chain: Chain) -> None:
    """Whoever it belongs to, and however it was found."""
    applied(chain, KEYED)
    derived = replace(KEYED, account=None, signers=(WeightedKey(key("works").public, 2),))

    assert refusal_of(chain, KEYED) == AccountInUse(NEW)
    assert refusal_of(chain, replace(RUNNING, account=HEALTH)) == AccountInUse(HEALTH)
    assert refusal_of(chain, derived) == AccountInUse(WORKS)


WRONG: dict[str, tuple[OpenAccount, Refusal]] = {
    "neither keys nor a keeper": (replace(KEYED, signers=(), threshold=0), KeysOrKeeper(NEW)),
    "an escrow that nobody signs for": (
        replace(KEYED, kind=AccountKind.ESCROW, signers=(), threshold=0),
        KeysOrKeeper(NEW),
    ),
    "keys and a keeper": (replace(KEYED, keeper=HEALTH), KeysOrKeeper(NEW)),
    "no id to be made": (replace(RUNNING, account=None), IdMissing(HEALTH)),
    "nothing at all": (
        replace(KEYED, account=None, signers=(), threshold=0),
        IdMissing(None),
    ),
    "a key twice": (
        replace(KEYED, signers=(KEYED.signers[0], WeightedKey(key("a").public, 2))),
        KeyTwice(NEW, key("a").public),
    ),
    "a threshold out of reach": (replace(KEYED, threshold=3), ThresholdOutOfReach(NEW, 2, 3)),
    "a threshold that nobody must reach": (
        replace(KEYED, threshold=0),
        ThresholdOutOfReach(NEW, 2, 0),
    ),
    "a threshold without keys": (
        replace(RUNNING, account=NEW, threshold=1),
        ThresholdOutOfReach(NEW, 0, 1),
    ),
    "a person's name": (replace(KEYED, kind=AccountKind.PERSON), NameNotPublic(NEW)),
    "a device's name": (replace(KEYED, kind=AccountKind.DEVICE), NameNotPublic(NEW)),
    "a vendor's name": (
        replace(RUNNING, account=NEW, kind=AccountKind.ORGANISATION, name="Roe Ltd"),
        NameNotPublic(NEW),
    ),
    "no floor with keys": (replace(KEYED, floor=None), FloorWithoutKeeper(NEW)),
    "a lower floor with keys": (replace(KEYED, floor=-1), FloorWithoutKeeper(NEW)),
    "an unknown keeper": (
        replace(RUNNING, account=NEW, keeper=account_id("stranger")),
        UnknownAccount(account_id("stranger")),
    ),
    "a keeper that is kept": (
        replace(RUNNING, account=NEW, keeper=account_id("kept")),
        KeeperIsKept(NEW, account_id("kept")),
    ),
}


@pytest.mark.parametrize(("operation", "expected"), WRONG.values(), ids=WRONG)
def test_an_account_that_cannot_be_is_refused(operation: OpenAccount, expected: Refusal) -> None:
    """With the first thing that is wrong with it."""
    chain = Chain.begin(genesis_document(accounts=[running_account("kept", "works")]))

    refusal = refusal_of(chain, operation)

    assert refusal == expected
    assert "Roe" not in sentence(refusal)


def test_nobody_else_opens_accounts(chain: Chain) -> None:
    """For whichever keeper."""
    assert refusal_of(chain, KEYED, "health") == MissingRole(HEALTH, REGISTRAR, None)
    assert refusal_of(chain, RUNNING, "health") == MissingRole(HEALTH, REGISTRAR, None)


def test_a_registrar_of_one_body_opens_what_that_body_keeps() -> None:
    """With the floor 0 alone: below zero its keeper could pay out what nobody has."""
    document = genesis_document()
    scoped = GenesisRole(REGISTRAR, HEALTH, HEALTH)
    chain = Chain.begin(replace(document, roles=(*document.roles, scoped)))

    assert refusal_of(chain, RUNNING, "health") == MissingRole(HEALTH, REGISTRAR, None)
    assert refusal_of(chain, replace(RUNNING, floor=-1), "health") == MissingRole(
        HEALTH, REGISTRAR, None
    )
    assert refusal_of(chain, replace(RUNNING, floor=0, keeper=WORKS), "health") == MissingRole(
        HEALTH, REGISTRAR, WORKS
    )
    assert refusal_of(chain, KEYED, "health") == MissingRole(HEALTH, REGISTRAR, None)
    applied(chain, replace(RUNNING, floor=0), "health")


def open_with(**fields: Any) -> bytes:  # noqa: ANN401
    chain = Chain.begin()
    return encode(chain.act("registrar", replace(KEYED, **fields)).transaction)


def test_the_fields_of_an_account_are_bounded() -> None:
    """ACCOUNT_KEYS_MAX keys, NAME_LENGTH_MAX characters, a floor of an integer; no more."""
    signers = tuple(
        WeightedKey(key(f"signer {n}").public, limits.KEY_WEIGHT_MAX)
        for n in range(limits.ACCOUNT_KEYS_MAX + 1)
    )
    heaviest = limits.KEY_WEIGHT_MAX * limits.ACCOUNT_KEYS_MAX
    most = {"signers": signers[:-1], "threshold": heaviest, "name": "n" * limits.NAME_LENGTH_MAX}

    read_transaction(open_with(**most), TRANSACTION)
    read_transaction(open_with(floor=-INTEGER_MAX), TRANSACTION)

    for beyond in (
        {"signers": signers},
        {"threshold": heaviest + 1},
        {"threshold": -1},
        {"name": "n" * (limits.NAME_LENGTH_MAX + 1)},
        {"name": "two\nlines"},
        {"floor": -INTEGER_MAX - 1},
        {"floor": 1},
    ):
        with pytest.raises(Malformed):
            read_transaction(open_with(**beyond), TRANSACTION)


def test_the_largest_account_can_be_opened(chain: Chain) -> None:
    """With all its keys and the whole weight as its threshold."""
    signers = tuple(
        WeightedKey(key(f"signer {n}").public, limits.KEY_WEIGHT_MAX)
        for n in range(limits.ACCOUNT_KEYS_MAX)
    )
    whole = limits.KEY_WEIGHT_MAX * limits.ACCOUNT_KEYS_MAX

    applied(chain, replace(KEYED, signers=signers, threshold=whole))


def test_a_floor_below_what_javascript_counts_is_a_string_by_name() -> None:
    """And comes back from it."""
    named = to_named(replace(RUNNING, floor=-INTEGER_MAX))

    assert named["floor"] == "-9223372036854775807"
    assert from_named(named, OpenAccount) == replace(RUNNING, floor=-INTEGER_MAX)
    with pytest.raises(Malformed, match="from -9223372036854775807 to 0"):
        from_named({**named, "floor": "-9223372036854775808"}, OpenAccount)


def test_a_role_is_defined_granted_and_revoked(chain: Chain) -> None:
    """By the registrar, for one body; each tells what became true."""
    held = ("payer", HEALTH, WORKS)

    defined = applied(chain, new_role("payer", REGISTRAR))
    granted = applied(chain, give(*held))
    assert views.has_role(chain.state, "payer", WORKS, HEALTH)
    revoked = applied(chain, RevokeRole(*held))

    assert defined.events == (RoleDefined("payer", REGISTRAR),)
    assert granted.events == (RoleGranted(*held, None),)
    assert revoked.events == (RoleRevoked(*held),)
    assert not views.has_role(chain.state, "payer", WORKS, HEALTH)
    applied(chain, give(*held))


def test_a_granted_role_counts_from_the_next_call_on(chain: Chain) -> None:
    """Also within one transaction; a refused later call takes it back."""
    calls = (
        ("registrar", give(REGISTRAR, None, HEALTH)),
        ("health", replace(RUNNING, keeper=WORKS)),
    )

    good = chain.check(chain.body(*calls), "registrar", "health")
    bad = chain.check(
        chain.body(*calls[:1], ("health", replace(RUNNING, keeper=NEW))), "registrar", "health"
    )

    assert chain.block(bad)[0].refusal == UnknownAccount(NEW)
    assert not views.has_role(chain.state, REGISTRAR, HEALTH, None)
    assert chain.block(good)[0].outcome is Outcome.APPLIED


def test_the_kernels_roles_are_defined_from_the_start(chain: Chain) -> None:
    """The registrar grants each of them."""
    for role in (*KERNEL_ROLES, MEMBER):
        assert refusal_of(chain, new_role(role, role)) == RoleInUse(role, REGISTRAR)
        applied(chain, give(role, None, WORKS))


def test_a_role_that_genesis_defines_can_be_taken_away() -> None:
    """By whoever has the role that it names as its grantor."""
    document = genesis_document()
    auditor = GenesisRole("auditor", None, HEALTH)
    defined = GenesisRoleDefinition("auditor", REGISTRAR, None, None, ())
    roles = (*document.roles, auditor)
    chain = Chain.begin(replace(document, role_definitions=(defined,), roles=roles))

    applied(chain, RevokeRole("auditor", None, HEALTH))

    assert not views.has_role(chain.state, "auditor", HEALTH, None)


def test_a_grantor_grants_without_being_registrar(chain: Chain) -> None:
    """And the registrar no longer does, unless it is granted that role itself."""
    chain.block(
        chain.act("registrar", new_role("comptroller", REGISTRAR)),
        chain.act("registrar", new_role("payer", "comptroller")),
        chain.act("registrar", give("comptroller", HEALTH, HEALTH)),
    )

    applied(chain, give("payer", HEALTH, WORKS), "health")

    assert refusal_of(chain, give("payer", HEALTH, NEW)) == MissingRole(
        account_id("registrar"), "comptroller", HEALTH
    )
    assert refusal_of(chain, RevokeRole("payer", HEALTH, WORKS)) == MissingRole(
        account_id("registrar"), "comptroller", HEALTH
    )
    for scope in (None, WORKS):  # it grants for health alone
        assert refusal_of(chain, give("payer", scope, WORKS), "health") == MissingRole(
            HEALTH, "comptroller", scope
        )


def test_only_a_registrar_of_the_network_defines_roles() -> None:
    """One of a single body does not: a code is everybody's."""
    document = genesis_document()
    scoped = GenesisRole(REGISTRAR, HEALTH, HEALTH)
    chain = Chain.begin(replace(document, roles=(*document.roles, scoped)))

    assert refusal_of(chain, new_role("payer", REGISTRAR), "health") == MissingRole(
        HEALTH, REGISTRAR, None
    )


def test_a_role_is_defined_once_and_by_a_known_grantor(chain: Chain) -> None:
    """Which may be the role itself."""
    assert refusal_of(chain, new_role("payer", "nobody")) == UnknownRole("nobody")
    applied(chain, new_role("elder", "elder"))

    assert refusal_of(chain, new_role("elder", REGISTRAR)) == RoleInUse("elder", "elder")


def test_a_role_nobody_defined_is_neither_granted_nor_revoked(chain: Chain) -> None:
    """Whoever asks."""
    assert refusal_of(chain, give("payer", None, WORKS)) == UnknownRole("payer")
    assert refusal_of(chain, RevokeRole("payer", None, WORKS), "works") == UnknownRole("payer")


def test_a_role_is_granted_to_and_for_accounts_that_exist(chain: Chain) -> None:
    """An id that is opened later must not find a role waiting."""
    stranger = account_id("stranger")

    assert refusal_of(chain, give("notary", None, stranger)) == UnknownAccount(stranger)
    assert refusal_of(chain, give("notary", stranger, WORKS)) == UnknownAccount(stranger)


def test_a_grant_stands_once(chain: Chain) -> None:
    """The refusal names the block that made it; other scopes are other grants."""
    applied(chain, give("notary", HEALTH, WORKS))

    assert refusal_of(chain, give("notary", HEALTH, WORKS)) == AlreadyGranted(
        "notary", HEALTH, WORKS, Height(1)
    )
    applied(chain, give("notary", None, WORKS))
    applied(chain, RevokeRole("notary", HEALTH, WORKS))
    assert views.has_role(chain.state, "notary", WORKS, None)


def test_what_was_not_granted_is_not_revoked(chain: Chain) -> None:
    """Not even with a wider scope."""
    applied(chain, give("notary", None, WORKS))

    assert refusal_of(chain, RevokeRole("notary", HEALTH, WORKS)) == NotGranted(
        "notary", HEALTH, WORKS
    )


def test_the_last_registrar_cannot_resign(chain: Chain) -> None:
    """Another one must take the role away, so one is always left."""
    own = RevokeRole(REGISTRAR, None, account_id("registrar"))
    assert refusal_of(chain, own) == OwnGrant(REGISTRAR, account_id("registrar"))
    applied(chain, give(REGISTRAR, None, HEALTH))

    applied(chain, own, "health")

    assert refusal_of(chain, RevokeRole(REGISTRAR, None, HEALTH)) == MissingRole(
        account_id("registrar"), REGISTRAR, None
    )
    assert refusal_of(chain, RevokeRole(REGISTRAR, None, HEALTH), "health") == OwnGrant(
        REGISTRAR, HEALTH
    )


def test_a_registrar_gives_back_another_role_of_its_own(chain: Chain) -> None:
    """Only what lets it revoke is kept."""
    applied(chain, give("notary", None, account_id("registrar")))

    applied(chain, RevokeRole("notary", None, account_id("registrar")))
    assert not views.has_role(chain.state, "notary", account_id("registrar"), None)


@pytest.mark.parametrize("role", ["", "Payer", "1st", "pay er", "payer\n", "r" * 33])
def test_a_code_of_a_role_has_a_form(role: str) -> None:
    """ROLE_LENGTH_MAX lower-case letters, digits and underscores, a letter first."""
    assert limits.ROLE_LENGTH_MAX == 32
    chain = Chain.begin()

    for operation in (
        new_role(role, REGISTRAR),
        give(role, None, WORKS),
    ):
        with pytest.raises(Malformed):
            chain.act("registrar", operation)
    chain.act("registrar", new_role("r" * limits.ROLE_LENGTH_MAX, REGISTRAR))
