"""Which accounts a transaction touches: all that its calls and events name, and nobody else."""

from typing import Annotated, Any, Union

import pytest
from msgspec import Struct
from msgspec.structs import replace

from kit.actors import give
from kit.ledger import GBP, Chain, account_id, genesis_document, line, pay, running_account
from ledger.accounts import AccountKind
from ledger.act import Act
from ledger.operation import Event, Operation
from ledger.touched import accounts_touched
from ledger.transaction import CheckedTransaction, Transaction
from primitives.ids import AccountId, Digest, Sized32
from services.authority.accounts import OpenAccount
from services.money import DefineAsset, Issue, Transfer
from services.registry.stamps import StampAct, StampDocument
from services.table import EVENTS, OPERATIONS


class Party(Struct, array_like=True, frozen=True):
    account: Sized32[AccountId] | None
    document: Sized32[Digest]


class Meet(Operation, tag="test.meet", frozen=True):
    """Names accounts at every depth, and what only looks like one."""

    chair: Annotated[Sized32[AccountId] | None, "may be none"]
    guests: tuple[Sized32[AccountId], ...]
    pairs: tuple[tuple[Party, Party], ...]
    paper: Sized32[Digest]

    def apply(self, act: Act) -> None:
        act.emit(Met(account_id("clerk"), self.paper))


class Met(Event, tag="test.met", frozen=True):
    """They met."""

    clerk: Sized32[AccountId]
    paper: Sized32[Digest]


KIND: Any = Transaction[Union[Meet, Transfer]]  # noqa: UP007 # a value


@pytest.fixture
def chain() -> Chain:
    return Chain.begin(genesis_document(accounts=[running_account("vendor", "health")]))


def ids(*names: str) -> tuple[AccountId, ...]:
    return tuple(sorted(account_id(name) for name in names))


def touched(chain: Chain, *transactions: CheckedTransaction) -> tuple[tuple[AccountId, ...], ...]:
    run = chain.run()
    for tx in transactions:
        run.apply(tx)
    return run.finish().touched


def test_payer_and_payees_are_touched_once_each(chain: Chain) -> None:
    """Ascending, in the order of the block's transactions."""
    lines = (line("health", 1, "a"), line("works", 1, "b"), line("health", 1, "c"))

    found = touched(
        chain,
        chain.act("treasury", Transfer(GBP, lines)),
        chain.act("works", StampDocument(Digest(bytes(32)), StampAct.TIMESTAMP)),
    )

    assert found == (ids("treasury", "health", "works"), ids("works"))


def test_an_account_is_touched_by_what_is_refused(chain: Chain) -> None:
    """The receipt belongs to its statement, even if the account does not exist."""
    found = touched(chain, chain.act("health", pay("stranger", 1, "r")))

    assert found == (ids("health", "stranger"),)


def test_a_running_account_is_touched_and_its_keeper_only_if_named(chain: Chain) -> None:
    """The keeper signs for it, and that is all."""
    body = chain.body(("vendor", pay("works", 1, "r")))

    assert touched(chain, chain.check(body, "health")) == (ids("vendor", "works"),)


def test_every_call_counts(chain: Chain) -> None:
    """Opened accounts, keepers, holders and scopes of roles, payees of what is issued."""
    opened = OpenAccount(
        account=account_id("new"),
        kind=AccountKind.PERSON,
        threshold=0,
        signers=(),
        name="",
        keeper=account_id("works"),
        floor=None,
    )
    body = chain.body(
        ("registrar", opened),
        ("registrar", give("notary", account_id("health"), account_id("notary"))),
        ("treasury", DefineAsset("EUR", 2, snapshots=False, earmark=(), expires_ms=None)),
        ("treasury", Issue("EUR", account_id("vendor"), 1, "r")),
    )

    (found,) = touched(chain, chain.check(body, "registrar", "treasury"))

    names = ("registrar", "new", "works", "health", "notary", "treasury", "vendor")
    assert found == ids(*names)


def test_what_an_event_alone_names_is_touched(chain: Chain) -> None:
    """Such as the id that an account takes from its key; but no digest, wherever it stands."""
    chain.kind = KIND
    nobody = Party(None, Digest(b"d" * 32))
    meet = Meet(
        chair=account_id("chair"),
        guests=ids("x", "y"),
        pairs=((Party(account_id("p"), Digest(b"e" * 32)), nobody),),
        paper=Digest(b"f" * 32),
    )

    found = touched(
        chain,
        chain.act("treasury", meet),
        chain.act("treasury", replace(meet, chair=None, guests=(), pairs=())),
    )

    assert found == (
        ids("treasury", "chair", "x", "y", "p", "clerk"),
        ids("treasury", "clerk"),
    )


def test_a_refused_transaction_and_a_preview_touch_what_they_name_alone(chain: Chain) -> None:
    """A preview is no part of the block."""
    run = chain.run()
    run.preview(chain.act("treasury", pay("works", 1, "r")))
    run.apply(chain.act("treasury", pay("health", 1, "r")))

    assert run.finish().touched == (ids("treasury", "health"),)


def test_no_field_of_the_law_hides_an_account(chain: Chain) -> None:
    """A field with the name of an account has the type of one."""
    names = {"account", "to", "payer", "holder", "scope", "keeper", "issuer", "by"}
    tx = chain.act("treasury", pay("works", 1, "r"))
    found = account_id("found")

    members: tuple[Any, ...] = (*OPERATIONS, *EVENTS)
    for member in members:
        for field in names & set(member.__struct_fields__):
            fields: dict[str, Any] = dict.fromkeys(member.__struct_fields__)
            carrier = member(**{**fields, field: found})
            assert found in accounts_touched(tx.transaction, (carrier,)), (
                f"{member.__name__}.{field}"
            )
