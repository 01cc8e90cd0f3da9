"""Observers: whom a registrar admits with its own consent, and what nobody may (rule R64)."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from kit.ledger import Chain, account_id, genesis_account, key, running_account
from kit.membership import change, decide, founded, ready_now, votes
from kit.observers import consent, node_key, observer
from ledger.accounts import UnknownAccount
from ledger.genesis import GenesisDocument, GenesisRole
from ledger.genesis_check import contradictions
from ledger.membership import validator_records
from ledger.observers import (
    OBSERVERS,
    AlreadyObserver,
    Consent,
    ConsentExpired,
    ConsentNotSigned,
    NotAnObserver,
    ObserverIsKept,
    ObserverRecord,
    ObserverRow,
    ObserverTaken,
    TooManyObservers,
    changed_at,
    consent_statement,
    observers_in_force,
)
from ledger.operation import Operation, Refusal
from ledger.receipt import Outcome
from ledger.roles import REGISTRAR, MissingRole
from primitives import limits
from primitives.ids import ChainId, Height, NodeKey, TimeMs
from services.authority.observers import (
    AdmitObserver,
    ObserverAdmitted,
    ObserverRevoked,
    RevokeObserver,
)

AUDIT = observer("audit office")


def document(*observers: ObserverRecord) -> GenesisDocument:
    """With bodies that have no vote yet, and a registrar for one body alone."""
    made = founded()
    scoped = GenesisRole(REGISTRAR, account_id("health"), account_id("works"))
    kept = running_account("vendor", "health")
    return replace(
        made,
        observers=observers,
        roles=(*made.roles, scoped),
        accounts=(*made.accounts, kept, genesis_account("press")),
    )


def begun(*observers: ObserverRecord) -> Chain:
    chain = Chain.begin(document(*observers))
    chain.block()
    return chain


def said(chain: Chain, record: ObserverRecord = AUDIT, *, by: str | None = None) -> AdmitObserver:
    valid_until = TimeMs(chain.time_ms + 60_000)
    return AdmitObserver(consent(chain.id, record, valid_until=valid_until, by=by))


def done(chain: Chain, operation: Operation, actor: str = "registrar") -> None:
    [receipt] = chain.block(chain.act(actor, operation))
    assert receipt.refusal is None, receipt.refusal


def refused(chain: Chain, operation: Operation, actor: str = "registrar") -> Refusal:
    """The refusal; nothing is changed by it."""
    before = observers_in_force(chain.state)
    [receipt] = chain.block(chain.act(actor, operation))
    assert receipt.outcome is Outcome.REFUSED
    refusal: Refusal | None = receipt.refusal
    assert refusal is not None
    assert observers_in_force(chain.state) == before
    return refusal


def test_an_observer_is_in_force_from_its_block_on_until_it_is_revoked() -> None:
    """And its row stays, with both blocks."""
    chain = begun()
    [admitted] = chain.block(chain.act("registrar", said(chain)))
    since = chain.state.height
    node = AUDIT.node_key

    assert admitted.events == (ObserverAdmitted("audit office", node, account_id("health")),)
    assert observers_in_force(chain.state) == {
        node: ObserverRow("audit office", account_id("health"), since, None)
    }
    assert changed_at(chain.state) == since

    chain.block()
    [revoked] = chain.block(chain.act("registrar", RevokeObserver(node)))
    until = chain.state.height

    assert revoked.events == (ObserverRevoked("audit office", node, account_id("health")),)
    assert observers_in_force(chain.state) == {}
    assert OBSERVERS.read(chain.state, node) == ObserverRow(
        "audit office", account_id("health"), since, until
    )
    assert changed_at(chain.state) == until


def test_who_was_revoked_may_be_admitted_again() -> None:
    """By a new consent, or the old one while it is good: it is the registrar who decides."""
    chain = begun(AUDIT)
    done(chain, RevokeObserver(AUDIT.node_key))

    done(chain, said(chain))

    row = observers_in_force(chain.state)[AUDIT.node_key]
    assert (row.since, row.until) == (chain.state.height, None)


def test_a_new_consent_binds_an_observer_in_force_anew() -> None:
    """To another account or under another name, without an interruption."""
    chain = begun(AUDIT)

    done(chain, said(chain, replace(AUDIT, account=account_id("works"))))

    assert observers_in_force(chain.state)[AUDIT.node_key].account == account_id("works")


@pytest.mark.parametrize("actor", ["health", "works", "treasury"])
def test_only_a_registrar_for_the_network_admits(actor: str) -> None:
    """Neither the account itself, nor a registrar for that account."""
    chain = begun()

    assert refused(chain, said(chain), actor) == MissingRole(account_id(actor), REGISTRAR, None)


def test_a_node_is_revoked_by_its_account_or_by_a_registrar_for_it() -> None:
    """A body ends its own node at once, and nobody else's."""
    for actor in ("health", "works", "registrar"):
        done(begun(AUDIT), RevokeObserver(AUDIT.node_key), actor)
    assert refused(begun(AUDIT), RevokeObserver(AUDIT.node_key), "treasury") == MissingRole(
        account_id("treasury"), REGISTRAR, account_id("health")
    )


def test_who_is_no_observer_cannot_be_revoked() -> None:
    """Never was, or no longer is."""
    chain = begun(AUDIT)
    done(chain, RevokeObserver(AUDIT.node_key))

    for node in (AUDIT.node_key, node_key("nobody")):
        assert refused(chain, RevokeObserver(node)) == NotAnObserver(node)


def test_a_node_consents_itself_for_this_chain_and_for_a_while() -> None:
    """Signed by another node, for another chain, about another record, or too long ago."""
    chain = begun()
    good = said(chain).consent
    strange = consent(ChainId(bytes(32)), AUDIT, valid_until=good.valid_until)
    another = replace(AUDIT, account=account_id("works"))

    for wrong in (
        said(chain, by="press").consent,
        strange,
        Consent(another, good.valid_until, good.signature),
        Consent(AUDIT, TimeMs(good.valid_until + 1), good.signature),
    ):
        assert refused(chain, AdmitObserver(wrong)) == ConsentNotSigned(AUDIT.node_key)
    late = consent(chain.id, AUDIT, valid_until=chain.time_ms)
    assert refused(chain, AdmitObserver(late)) == ConsentExpired(
        AUDIT.node_key, TimeMs(chain.time_ms - 1_000), chain.time_ms
    )
    last = consent(chain.id, AUDIT, valid_until=TimeMs(chain.time_ms + 1_000))
    done(chain, AdmitObserver(last))  # this block's time is its last moment


def test_an_account_with_keys_answers_for_a_node() -> None:
    """It exists, and signs for itself."""
    chain = begun()
    nobody = replace(AUDIT, account=account_id("x"))
    kept = replace(AUDIT, account=account_id("vendor"))

    assert refused(chain, said(chain, nobody)) == UnknownAccount(account_id("x"))
    assert refused(chain, said(chain, kept)) == ObserverIsKept(account_id("vendor"))


def test_no_name_and_no_key_is_used_twice() -> None:
    """Neither among observers nor between them and validators."""
    chain = begun(AUDIT, observer("press", "press"))
    [validator, *_] = validator_records(chain.state, chain.state.height)

    same = AUDIT
    assert refused(chain, said(chain, same)) == AlreadyObserver(
        AUDIT.node_key, "audit office", account_id("health"), Height(0)
    )
    named = ObserverRecord("press", node_key("audit office"), account_id("health"))
    assert refused(chain, said(chain, named, by="audit office")) == ObserverTaken(
        "name", "press", "observer", "press"
    )
    called = replace(observer("new"), name=validator.name)
    assert refused(chain, said(chain, called, by="new")) == ObserverTaken(
        "name", validator.name, "validator", validator.name
    )
    for node in (validator.node_key, NodeKey(bytes(validator.key))):
        taken = ObserverRecord("new", node, account_id("health"))
        assert refused(chain, said(chain, taken)) == ObserverTaken(
            "node_key", node.hex(), "validator", validator.name
        )


def test_a_validator_that_joins_takes_no_observers_name_or_key() -> None:
    """But its own account's observer may become a validator, and stays an observer."""
    own = observer("next", "body 4")
    chain = begun(AUDIT, own)

    for fields, refusal in (
        ({"name": "audit office"}, ("name", "audit office", "audit office")),
        ({"node_key": AUDIT.node_key}, ("node_key", AUDIT.node_key.hex(), "audit office")),
        ({"key": AUDIT.node_key}, ("key", AUDIT.node_key.hex(), "audit office")),
    ):
        field, value, holder = refusal
        joins = change(add=[ready_now(chain, 4, **fields)])
        assert decide(chain, joins).refusal == ObserverTaken(field, value, "observer", holder)  # type: ignore[arg-type]  # one of the literals
    joins = change(add=[ready_now(chain, 4, node_key=own.node_key)])
    assert decide(chain, joins).refusal is None
    assert own.node_key in observers_in_force(chain.state)


def test_a_validators_own_node_may_be_an_observer_of_its_own_account() -> None:
    """So its link lasts when it votes no longer."""
    chain = begun()
    [validator, *_] = validator_records(chain.state, chain.state.height)
    index = next(i for i in range(4) if votes(i) == validator.key)
    record = ObserverRecord(validator.name, validator.node_key, validator.account)
    until = TimeMs(chain.time_ms + 9_000)
    signature = key(f"node {index}").sign(consent_statement(chain.id, record, until))

    done(chain, AdmitObserver(Consent(record, until, signature)))

    assert observers_in_force(chain.state)[validator.node_key].name == validator.name


def test_no_more_observers_than_can_be_linked_are_in_force() -> None:
    """OBSERVERS_MAX; room is made by revoking one, and rebinding takes none."""
    many = [observer(f"o {index}") for index in range(limits.OBSERVERS_MAX)]
    chain = begun(*many)

    assert refused(chain, said(chain)) == TooManyObservers(limits.OBSERVERS_MAX)
    done(chain, said(chain, replace(many[0], account=account_id("works"))))
    done(chain, RevokeObserver(many[1].node_key))
    done(chain, said(chain))
    assert len(observers_in_force(chain.state)) == limits.OBSERVERS_MAX


@pytest.mark.parametrize(
    ("observers", "words"),
    [
        ((AUDIT, AUDIT), "the node key"),
        ((AUDIT, replace(observer("press"), name="audit office")), "The name audit office is that"),
        ((replace(AUDIT, name="Ministry 1"),), "of the validator Ministry 1"),
        ((replace(AUDIT, account=account_id("nobody")),), "There is no account"),
        ((replace(AUDIT, account=account_id("vendor")),), "has no keys itself"),
    ],
)
def test_a_genesis_with_impossible_observers_is_refused(
    observers: tuple[ObserverRecord, ...], words: str
) -> None:
    """Each is named."""
    assert any(words in error for error in contradictions(document(*observers)))


NAMES = ("audit office", "press", "court", "body 4")
ACCOUNTS = ("health", "works", "body 4")
STEPS = st.lists(
    st.tuples(st.booleans(), st.sampled_from(NAMES), st.sampled_from(ACCOUNTS)), max_size=12
)


@settings(max_examples=25)
@given(STEPS)
def test_the_list_in_force_is_that_of_the_rows_without_an_end(
    steps: list[tuple[bool, str, str]],
) -> None:
    """Whatever is admitted and revoked, and in which order: a dictionary says the same."""
    chain = begun()
    model: dict[NodeKey, tuple[str, str]] = {}
    for admits, name, account in steps:
        node = node_key(name)
        operation = said(chain, observer(name, account)) if admits else RevokeObserver(node)
        expected = model.get(node) != (name, account) if admits else node in model
        [receipt] = chain.block(chain.act("registrar", operation))
        assert (receipt.refusal is None) == expected
        if admits:
            model[node] = (name, account)
        else:
            model.pop(node, None)

    found = observers_in_force(chain.state)
    assert list(found) == sorted(model)
    assert {node: (row.name, row.account) for node, row in found.items()} == {
        node: (name, account_id(account)) for node, (name, account) in model.items()
    }
    ended = {NodeKey(node) for node, row in OBSERVERS.scan(chain.state, limit=99) if row.until}
    assert not ended & set(found)
