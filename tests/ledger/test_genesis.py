"""The genesis document: block 0 is a function of its content, and what can be wrong with it."""

import json
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from kit.ledger import (
    GBP,
    GENESIS_TIME,
    NAMES,
    TREASURY_BALANCE,
    Chain,
    MemoryState,
    account_id,
    genesis_account,
    genesis_document,
    key,
    running_account,
    validator_record,
)
from ledger import views
from ledger.accounts import AccountKind, WeightedKey
from ledger.genesis import (
    GenesisAsset,
    GenesisBalance,
    GenesisDocument,
    GenesisRole,
    genesis_block,
    read_genesis,
)
from ledger.genesis_check import contradictions
from ledger.membership import (
    MEMBERSHIP,
    VALIDATORS,
    Membership,
    ValidatorsRow,
    validator_records,
    validators_at,
)
from ledger.parameters import DEFAULTS
from primitives import limits
from primitives.block import block_id
from primitives.codec import encode
from primitives.digest import list_root
from primitives.errors import OperatorFault
from primitives.ids import INTEGER_MAX, ZERO32, Height, NodeKey, TimeMs
from primitives.named import to_named

DOCUMENT = genesis_document()


def changed(**fields: Any) -> GenesisDocument:  # noqa: ANN401
    return msgspec.structs.replace(DOCUMENT, **fields)


def test_block_zero_is_made_of_the_document() -> None:
    """Zero where there is nobody, roots of nothing; its id is the chain id."""
    made = genesis_block(DOCUMENT)

    header = made.header
    assert (header.chain, header.parent, header.proposer) == (ZERO32, ZERO32, ZERO32)
    assert (header.height, header.time_ms) == (0, GENESIS_TIME)
    assert header.transactions_root == header.receipts_root == list_root(())
    assert header.state_root == made.execution.state_root
    assert header.validators_hash == header.next_validators_hash == made.validators.hash
    assert bytes(made.chain) == bytes(block_id(header))


def test_the_document_is_read_by_name() -> None:
    """What is written by hand comes back as the same document."""
    data = json.dumps(to_named(DOCUMENT), indent=2).encode()

    assert read_genesis(data) == DOCUMENT
    assert json.loads(data)["format"] == "mithaq.genesis"
    assert json.loads(data)["accounts"][0]["kind"] == "organisation"


def test_the_order_of_its_lists_does_not_matter() -> None:
    """Two people who write the same network down get the same chain."""
    other = changed(
        validators=DOCUMENT.validators[::-1],
        accounts=DOCUMENT.accounts[::-1],
        roles=DOCUMENT.roles[::-1],
    )

    assert genesis_block(other).chain == genesis_block(DOCUMENT).chain


@pytest.mark.parametrize(
    "fields",
    [
        {"network": "Another"},
        {"time_ms": TimeMs(GENESIS_TIME + 1)},
        {"parameters": msgspec.structs.replace(DEFAULTS, t0_ms=999)},
        {
            "validators": DOCUMENT.validators[:-1],
            "parameters": msgspec.structs.replace(DEFAULTS, minimum_validators=3),
        },
        {"roles": ()},
        {"balances": ()},
        {"accounts": (*DOCUMENT.accounts, genesis_account("new"))},
    ],
)
def test_anything_else_in_it_makes_another_chain(fields: dict[str, Any]) -> None:
    """Everything that is agreed is under the chain id."""
    assert genesis_block(changed(**fields)).chain != genesis_block(DOCUMENT).chain


def test_the_state_answers_about_what_genesis_said() -> None:
    """Accounts, assets, roles, parameters, validators, supply."""
    state = Chain.begin().state
    treasury = account_id("treasury")

    row = views.account(state, treasury)
    assert row is not None
    assert (row.kind, row.threshold, row.name) == (AccountKind.ORGANISATION, 1, "Treasury")
    assert row.keys == (WeightedKey(key("treasury").public, 1),)
    assert views.account(state, account_id("stranger")) is None
    asset = views.asset(state, GBP)
    assert asset is not None
    assert (asset.exponent, asset.issuer) == (2, treasury)
    assert views.supply(state, GBP) == TREASURY_BALANCE
    assert views.supply(state, "XAU") == 0
    assert views.balances(state, treasury, limit=9) == {GBP: TREASURY_BALANCE}
    assert views.has_role(state, "registrar", account_id("registrar"), None)
    assert not views.has_role(state, "registrar", treasury, None)
    assert views.parameters(state) == DEFAULTS
    assert views.network_name(state) == "Test network"


def test_balances_of_an_account_are_listed_by_asset() -> None:
    """Those of its neighbours are not."""
    document = changed(
        assets=(*DOCUMENT.assets, GenesisAsset("EUR", 2, account_id("treasury"))),
        balances=(
            *DOCUMENT.balances,
            GenesisBalance(account_id("health"), GBP, 5),
            GenesisBalance(account_id("health"), "EUR", 6),
        ),
    )
    state = MemoryState(genesis_block(document))

    assert views.balances(state, account_id("health"), limit=9) == {"EUR": 6, GBP: 5}
    assert views.balances(state, account_id("health"), limit=1) == {"EUR": 6}
    assert views.supply(state, GBP) == TREASURY_BALANCE + 5


def test_the_first_validators_govern_every_height_to_come() -> None:
    """In the order of their keys, which is the order of their seats."""
    state = Chain.begin().state

    records = validator_records(state, Height(2))

    assert [record.key for record in records] == sorted(v.key for v in DOCUMENT.validators)
    assert validators_at(state, Height(0)) == validators_at(state, Height(1))
    assert validators_at(state, Height(2)).hash == genesis_block(DOCUMENT).header.validators_hash
    with pytest.raises(AssertionError, match="state of height 0 asked about 3"):
        validator_records(state, Height(3))


def test_a_change_of_validators_governs_from_its_height_on() -> None:
    """A height reads the last row at or below it: membership is its function (R45)."""
    chain = Chain.begin()
    records = tuple(sorted(DOCUMENT.validators, key=lambda v: v.key))[:3]
    later = encode(ValidatorsRow(records, Height(0)))
    chain.state.rows[VALIDATORS.number, VALIDATORS.key(Height(2))] = later
    newest = encode(Membership(Height(2), 1, ()))
    chain.state.rows[MEMBERSHIP.number, MEMBERSHIP.key(None)] = newest

    sizes = [validators_at(chain.state, Height(height)).size for height in (0, 1, 2)]

    assert sizes == [4, 4, 3]


WRONG: list[tuple[str, dict[str, Any], str]] = [
    (
        "timeouts",
        {"parameters": msgspec.structs.replace(DEFAULTS, t0_ms=10_001)},
        "parameters: t0_ms is 10001, expected at most tmax_ms, 10000.",
    ),
    (
        "interval",
        {"parameters": msgspec.structs.replace(DEFAULTS, minimum_interval_ms=60_001)},
        "parameters: minimum_interval_ms is 60001, expected at most 60000.",
    ),
    (
        "too few",
        {"validators": DOCUMENT.validators[:3]},
        "parameters: There are 3 validators, expected at least minimum_validators, 4.",
    ),
    (
        "key twice",
        {
            "validators": (
                *DOCUMENT.validators,
                replace(validator_record(4), key=DOCUMENT.validators[0].key),
            )
        },
        (
            f"validators: The key {DOCUMENT.validators[0].key.hex()} is that of the validator "
            "Ministry 0 already."
        ),
    ),
    (
        "node key votes",
        {
            "validators": (
                *DOCUMENT.validators,
                replace(validator_record(4), node_key=NodeKey(DOCUMENT.validators[0].key)),
            )
        },
        (
            f"validators: The node_key {DOCUMENT.validators[0].key.hex()} is that of the validator "
            "Ministry 0 already."
        ),
    ),
    (
        "a body twice",
        {
            "validators": (
                *DOCUMENT.validators,
                replace(validator_record(4), account=account_id("body 0")),
            )
        },
        (
            f"validators: The account {account_id('body 0').hex()} is that of the validator "
            "Ministry 0 already."
        ),
    ),
    (
        "a body without an account",
        {"validators": (*DOCUMENT.validators, validator_record(4))},
        f"validator Ministry 4: There is no account {account_id('body 4').hex()}.",
    ),
    (
        "a body that another one signs for",
        {
            "validators": (*DOCUMENT.validators, validator_record(4)),
            "accounts": (*DOCUMENT.accounts, running_account("body 4", "treasury")),
        },
        f"validator Ministry 4: Account {account_id('body 4').hex()} has no keys itself",
    ),
    (
        "a body whose validator signs for it",
        {
            "validators": (*DOCUMENT.validators, validator_record(4)),
            "accounts": (
                *DOCUMENT.accounts,
                genesis_account("body 4", signers=[("validator 4", 1)]),
            ),
        },
        "so it must not sign for account",
    ),
    (
        "account twice",
        {"accounts": (*DOCUMENT.accounts, DOCUMENT.accounts[0])},
        f"accounts: the id {account_id('treasury').hex()} stands 2 times, expected once",
    ),
    (
        "threshold out of reach",
        {"accounts": (*DOCUMENT.accounts, genesis_account("x", threshold=2))},
        f"The keys of account {account_id('x').hex()} weigh 1, the threshold is 2.",
    ),
    (
        "key twice in an account",
        {
            "accounts": (
                *DOCUMENT.accounts,
                genesis_account("x", signers=(("a", 1), ("a", 1)), threshold=2),
            )
        },
        f"Account {account_id('x').hex()} has the key {key('a').public.hex()} twice.",
    ),
    (
        "a person's name",
        {
            "accounts": (
                *DOCUMENT.accounts,
                replace(genesis_account("x", kind=AccountKind.PERSON), name="Jane Roe"),
            )
        },
        f"Account {account_id('x').hex()} must have no name on chain",
    ),
    (
        "nobody signs",
        {"accounts": (*DOCUMENT.accounts, replace(genesis_account("x"), keys=()))},
        f"Account {account_id('x').hex()} must have keys or a keeper, one of the two.",
    ),
    (
        "two ways to sign",
        {
            "accounts": (
                *DOCUMENT.accounts,
                replace(genesis_account("x"), keeper=account_id("health")),
            )
        },
        f"Account {account_id('x').hex()} must have keys or a keeper, one of the two.",
    ),
    (
        "a threshold without keys",
        {"accounts": (*DOCUMENT.accounts, replace(running_account("x", "health"), threshold=1))},
        f"The keys of account {account_id('x').hex()} weigh 0, the threshold is 1.",
    ),
    (
        "a vendor's name",
        {"accounts": (*DOCUMENT.accounts, replace(running_account("x", "health"), name="Roe"))},
        f"Account {account_id('x').hex()} must have no name on chain",
    ),
    (
        "a floor of one's own",
        {"accounts": (*DOCUMENT.accounts, replace(genesis_account("x"), floor=None))},
        f"Account {account_id('x').hex()} has keys, so its floor must be 0.",
    ),
    (
        "a keeper that nobody knows",
        {"accounts": (*DOCUMENT.accounts, running_account("x", "stranger"))},
        f"There is no account {account_id('stranger').hex()}.",
    ),
    (
        "a keeper that is kept",
        {
            "accounts": (
                *DOCUMENT.accounts,
                running_account("x", "y"),
                running_account("y", "health"),
            )
        },
        f"The keeper {account_id('y').hex()} of account {account_id('x').hex()} has no keys",
    ),
    (
        "role without holder",
        {"roles": (GenesisRole("notary", None, account_id("x")),)},
        "role notary: no account has the id of its holder",
    ),
    (
        "role without scope",
        {"roles": (GenesisRole("notary", account_id("x"), account_id("health")),)},
        "role notary: no account has the id of its scope",
    ),
    ("role twice", {"roles": (DOCUMENT.roles[0],) * 2}, "roles: the grant ('registrar', None"),
    (
        "asset twice",
        {"assets": DOCUMENT.assets * 2},
        "assets: the code GBP stands 2 times, expected once",
    ),
    (
        "asset without issuer",
        {"assets": (GenesisAsset(GBP, 2, account_id("x")),)},
        "asset GBP: no account has the id of its issuer",
    ),
    (
        "balance of nobody",
        {"balances": (GenesisBalance(account_id("x"), GBP, 1),)},
        f"balances: no account has the id {account_id('x').hex()}",
    ),
    (
        "balance of nothing",
        {"balances": (GenesisBalance(account_id("health"), "XAU", 1),)},
        "balances: there is no asset XAU",
    ),
    (
        "balance twice",
        {"balances": (GenesisBalance(account_id("health"), GBP, 1),) * 2},
        f"balances: the pair ('{account_id('health').hex()}', 'GBP') stands 2 times",
    ),
    (
        "more than can exist",
        {
            "balances": (
                GenesisBalance(account_id("health"), GBP, INTEGER_MAX),
                GenesisBalance(account_id("works"), GBP, 1),
            )
        },
        f"balances: {INTEGER_MAX + 1} of GBP in all, at most {INTEGER_MAX} can exist",
    ),
]


@pytest.mark.parametrize(
    ("fields", "message"), [case[1:] for case in WRONG], ids=[case[0] for case in WRONG]
)
def test_a_contradiction_is_named(fields: dict[str, Any], message: str) -> None:
    """One line, with what was found and what was expected."""
    found = list(contradictions(changed(**fields)))

    assert any(message in line for line in found), found


def test_all_contradictions_are_named_at_once() -> None:
    """Nobody mends a file line by line."""
    wrong = changed(
        validators=DOCUMENT.validators[:1],
        roles=(GenesisRole("notary", None, account_id("x")),),
        balances=(GenesisBalance(account_id("x"), "XAU", 1),),
    )

    with pytest.raises(OperatorFault) as caught:
        genesis_block(wrong)

    assert str(caught.value).startswith(
        "the genesis document is wrong:\n- parameters: There are 1 validators,"
    )
    assert str(caught.value).count("\n- ") == 4


def test_the_sample_document_contradicts_nothing() -> None:
    """Nor does the smallest network there can be, if its parameters say so."""
    alone = msgspec.structs.replace(DEFAULTS, minimum_validators=1)

    assert list(contradictions(DOCUMENT)) == []
    assert list(contradictions(genesis_document(1, parameters=alone))) == []
    assert len(DOCUMENT.accounts) == len(NAMES) + 2 + len(DOCUMENT.validators)


def named_document(**fields: Any) -> bytes:  # noqa: ANN401
    return json.dumps({**to_named(DOCUMENT), **fields}).encode()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"format": "mithaq.proof"}, "$.format"),
        ({"version": 1}, "$.version"),
        ({"extra": 1}, "unknown field `extra`"),
        ({"network": "n" * (limits.NAME_LENGTH_MAX + 1)}, "length <= 128 - at `$.network`"),
        ({"network": ""}, "length >= 1 - at `$.network`"),
        ({"validators": []}, "length >= 1 - at `$.validators`"),
        (
            {"validators": [to_named(DOCUMENT.validators[0])] * (limits.VALIDATORS_MAX + 1)},
            "length <= 128 - at `$.validators`",
        ),
        (
            {"parameters": {**to_named(DEFAULTS), "window_ms": limits.WINDOW_MS_MAX + 1}},
            "<= 86400000 - at `$.parameters.window_ms`, found 86400001",
        ),
        (
            {"assets": [{"code": "GBP", "exponent": limits.EXPONENT_MAX + 1, "issuer": "00" * 32}]},
            "<= 8 - at `$.assets[0].exponent`, found 9",
        ),
        (
            {
                "roles": [
                    {"role": "r" * (limits.ROLE_LENGTH_MAX + 1), "scope": None, "holder": "00" * 32}
                ]
            },
            "length <= 32 - at `$.roles[0].role`",
        ),
        (
            {"roles": [{"role": "Notary", "scope": None, "holder": "00" * 32}]},
            "matching regex",
        ),
    ],
)
def test_a_file_of_another_form_is_an_operators_fault(fields: dict[str, Any], message: str) -> None:
    """With the place and what was expected there."""
    with pytest.raises(OperatorFault) as caught:
        read_genesis(named_document(**fields))

    assert message in str(caught.value)


def test_keys_of_an_account_and_their_weights_are_bounded() -> None:
    """ACCOUNT_KEYS_MAX keys of KEY_WEIGHT_MAX are fine; one more of either is not."""

    def account(keys: int, weight: int) -> dict[str, Any]:
        signers = [(f"signer {index}", 1) for index in range(keys)]
        named = to_named(genesis_account("x", signers=signers))
        for entry in named["keys"]:
            entry["weight"] = weight
        return {"accounts": [named]}

    read_genesis(named_document(**account(limits.ACCOUNT_KEYS_MAX, limits.KEY_WEIGHT_MAX)))
    for keys, weight in (
        (limits.ACCOUNT_KEYS_MAX + 1, 1),
        (1, limits.KEY_WEIGHT_MAX + 1),
        (1, 0),
    ):
        with pytest.raises(OperatorFault, match="keys"):
            read_genesis(named_document(**account(keys, weight)))


@pytest.mark.parametrize(
    ("floor", "message"),
    [
        (1, "from -9223372036854775807 to 0"),
        (str(-(2**63)), "from -9223372036854775807 to 0"),
        (str(-INTEGER_MAX), None),
        (None, None),
    ],
)
def test_a_floor_is_zero_or_below(floor: int | str | None, message: str | None) -> None:
    """As far down as an amount goes up."""
    named = to_named(running_account("x", "health"))
    data = named_document(accounts=[{**named, "floor": floor}])

    if message is None:
        read_genesis(data)
        return
    with pytest.raises(OperatorFault, match=r"accounts\[0\].floor"):
        read_genesis(data)


def test_a_running_account_may_be_there_from_the_start() -> None:
    """Its row names its keeper and floor."""
    document = changed(accounts=(*DOCUMENT.accounts, running_account("vendor", "health", floor=-5)))

    row = views.account(Chain.begin(document).state, account_id("vendor"))

    assert row is not None
    assert (row.threshold, row.keys, row.name) == (0, (), "")
    assert (row.keeper, row.floor, row.lowest) == (account_id("health"), -5, -5)
    assert replace(row, floor=None).lowest == -INTEGER_MAX


def test_a_file_beyond_its_limit_is_not_read() -> None:
    """GENESIS_BYTES_MAX is asked before anything is parsed."""
    with pytest.raises(OperatorFault, match=f"more than {limits.GENESIS_BYTES_MAX} bytes"):
        read_genesis(b" " * (limits.GENESIS_BYTES_MAX + 1))
    with pytest.raises(OperatorFault, match="not JSON"):
        read_genesis(b" " * 10)
