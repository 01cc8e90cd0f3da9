"""Who may connect: what follows from the state, height by height (rule R63)."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from kit.ledger import Chain, account_id, key
from kit.membership import change, decide, founded, ready_now, votes
from kit.observers import consent, node_key, observer
from ledger.membership import validator_records
from ledger.observers import Consent, ObserverRecord, consent_statement
from node.admission import Admission, Admitted, Bootstrap, admitted, neighbours
from primitives.ids import Height, NodeKey, TimeMs
from services.authority.observers import AdmitObserver, RevokeObserver

AUDIT, PRESS = observer("audit office"), observer("press", "works")
STRANGER = node_key("stranger")


def begun() -> Chain:
    chain = Chain.begin(replace(founded(5), observers=(AUDIT,)))
    chain.block()
    return chain


def node_of(index: int) -> NodeKey:
    return NodeKey(key(f"node {index}").public)


def voting(chain: Chain) -> set[NodeKey]:
    return {node for node, one in admitted(chain.state).items() if one.votes}


def test_validators_and_observers_are_admitted_and_nobody_else() -> None:
    """By the keys of their nodes, with their names and accounts."""
    chain = begun()

    found = admitted(chain.state)

    assert found.keys() == {*(node_of(index) for index in range(5)), AUDIT.node_key}
    assert found[AUDIT.node_key] == Admitted("audit office", account_id("health"), votes=False)
    assert found[node_of(1)] == Admitted("Ministry 1", account_id("body 1"), votes=True)


def test_an_observer_is_admitted_by_the_very_block_and_dropped_by_the_very_block() -> None:
    """Not one later."""
    chain = begun()
    good = consent(chain.id, PRESS, valid_until=TimeMs(chain.time_ms + 9_000))
    chain.block(chain.act("registrar", AdmitObserver(good)))
    assert PRESS.node_key in admitted(chain.state)
    chain.block(chain.act("registrar", RevokeObserver(PRESS.node_key)))
    assert PRESS.node_key not in admitted(chain.state)


def test_who_joins_is_linked_before_its_first_vote_and_who_leaves_after_its_last() -> None:
    """Decided at h: the new one from h on, the old one until h + 1 is decided."""
    chain = begun()
    joins = ready_now(chain, 5)
    assert decide(chain, change(replace=[(votes(0), joins)])).refusal is None
    since = chain.state.height + 2
    assert {node_of(0), node_of(5)} <= voting(chain)

    while chain.state.height < since - 1:
        assert node_of(0) in voting(chain)
        chain.block()
    assert node_of(0) in voting(chain)  # its last height is decided: now it hears of it
    chain.block()
    assert chain.state.height == since
    assert voting(chain) == {node_of(index) for index in (1, 2, 3, 4, 5)}


def test_a_validator_that_leaves_stays_linked_where_it_is_an_observer() -> None:
    """Of its own account; then it follows."""
    chain = begun()
    [record] = (r for r in validator_records(chain.state, Height(1)) if r.key == votes(0))
    own = ObserverRecord(record.name, record.node_key, record.account)
    until = TimeMs(chain.time_ms + 9_000)
    signature = key("node 0").sign(consent_statement(chain.id, own, until))
    chain.block(chain.act("registrar", AdmitObserver(Consent(own, until, signature))))
    assert admitted(chain.state)[node_of(0)].votes
    decide(chain, change(remove=[votes(0)]))
    chain.block()
    chain.block()

    assert admitted(chain.state)[node_of(0)] == Admitted("Ministry 0", record.account, votes=False)


def test_admission_says_when_anything_changed() -> None:
    """And nothing where a block only pays."""
    chain = begun()
    admission = Admission(chain.state)
    chain.block()
    assert not admission.read(chain.state)

    good = consent(chain.id, PRESS, valid_until=TimeMs(chain.time_ms + 9_000))
    chain.block(chain.act("registrar", AdmitObserver(good)))
    assert admission.read(chain.state)
    assert admission.admitted == admitted(chain.state)
    assert not admission.read(chain.state)

    again = replace(PRESS, account=account_id("health"))
    good = consent(chain.id, again, valid_until=TimeMs(chain.time_ms + 9_000))
    chain.block(chain.act("registrar", AdmitObserver(good)))
    assert admission.read(chain.state)  # bound anew: the same keys, another account


def test_dropped_is_who_was_known_once() -> None:
    """As an observer or as a validator, long ago or lately; a stranger never was."""
    chain = begun()
    admission = Admission(chain.state)
    everybody = [*(node_of(index) for index in range(6)), AUDIT.node_key, STRANGER]

    def gone() -> set[NodeKey]:
        admission.read(chain.state)
        return {node for node in everybody if admission.is_dropped(chain.state, node)}

    assert gone() == set()
    chain.block(chain.act("registrar", RevokeObserver(AUDIT.node_key)))
    assert gone() == {AUDIT.node_key}
    decide(chain, change(replace=[(votes(0), ready_now(chain, 5))]))
    assert gone() == {AUDIT.node_key}
    chain.block()
    chain.block()
    assert gone() == {AUDIT.node_key, node_of(0)}
    decide(chain, change(replace=[(votes(5), ready_now(chain, 0))]))
    chain.block()
    chain.block()
    assert gone() == {AUDIT.node_key, node_of(5)}
    assert {node for node in everybody if Admission(chain.state).is_dropped(chain.state, node)} == {
        AUDIT.node_key,
        node_of(5),
    }


KEYS = [NodeKey(bytes([index]) * 32) for index in range(8)]
keys = st.sampled_from(KEYS)
names = st.sampled_from(["finance", "interior", "press", ""])
ways = st.lists(st.sampled_from(["a:1", "b:2", "c:3", "d:4"]), max_size=4, unique=True).map(tuple)
admissions = st.dictionaries(
    keys, st.builds(Admitted, names, st.just(account_id("x")), votes=st.booleans())
)
bootstraps = st.lists(
    st.builds(Bootstrap, keys, st.sampled_from(["a:1", "e:5"]), names),
    max_size=4,
    unique_by=lambda entry: entry.node_key,
)


@settings(max_examples=300)
@given(keys, admissions, st.dictionaries(keys, ways), bootstraps, st.sets(keys))
def test_laws_of_neighbours(
    own: NodeKey,
    allowed: dict[NodeKey, Admitted],
    addresses: dict[NodeKey, tuple[str, ...]],
    bootstrap: list[Bootstrap],
    gone: set[NodeKey],
) -> None:
    """Whatever the chain, the operator and the others say."""
    dropped = gone - allowed.keys()
    listed = {entry.node_key: entry for entry in bootstrap}
    found = neighbours(own, allowed, addresses, bootstrap, dropped)
    by_key = {one.node_key: one for one in found}
    votes = own in allowed and allowed[own].votes
    admitted_others = allowed.keys() - {own}

    # Each node and each name once, and never this node itself.
    assert len(by_key) == len({one.name for one in found}) == len(found)
    assert own not in by_key
    # A validator has links with everybody who is admitted, an observer with the validators.
    wanted = {node for node in admitted_others if votes or allowed[node].votes}
    assert by_key.keys() & allowed.keys() == wanted
    # Beside them only whom the operator lists and the chain does not know.
    beside = by_key.keys() - allowed.keys()
    assert beside <= listed.keys()
    assert listed.keys() - allowed.keys() - dropped - {own} <= beside
    # Whom the chain has dropped is dialled by a lost node without a vote alone.
    has_a_way = any(addresses.get(node) or node in listed for node in wanted)
    assert not beside & dropped or not (votes or has_a_way)
    if not votes and not has_a_way:
        assert beside == listed.keys() - allowed.keys() - {own}
    for one in found:
        # Its own words first; the operator's address is never lost; never more than four.
        assert len(one.addresses) <= 4
        assert not one.addresses or one.addresses[0] in (
            *addresses.get(one.node_key, ()),
            *([listed[one.node_key].address] if one.node_key in listed else ()),
        )
        if one.node_key in listed:
            assert listed[one.node_key].address in one.addresses
        # Whom the chain does not know costs a validator no more than an observer may.
        known = allowed.get(one.node_key)
        assert one.votes == (not votes if known is None else known.votes)
