"""The index of accounts: which transactions touched one, written with the decision."""

import dataclasses

import pytest

from kit.certified import named_digest
from kit.stored import account, genesis, grow, new_store, next_decision
from primitives.ids import AccountId, Height
from storage import schema
from storage.chain import ChainStore, install_genesis
from storage.decision import TransactionPlace
from storage.keyvalue import KeyValue
from storage.memory import MemoryKeyValue

EVERYBODY = account("all")


def places(*pairs: tuple[int, int]) -> list[TransactionPlace]:
    return [TransactionPlace(Height(height), index) for height, index in pairs]


def test_what_was_moved_stands_with_the_place(database: KeyValue) -> None:
    """From behind a place on; with nothing where nothing was moved."""
    store = install_genesis(database, genesis())
    grow(store, 3)

    [begun, *rest] = places((1, 1), (2, 0), (2, 1), (3, 0), (3, 1))
    found = store.movements_of(EVERYBODY, after=begun, limit=3)
    assert found == [(place, b"moved %d/%d" % (place.height, place.index)) for place in rest[:3]]
    assert store.movements_of(account("at 1"), after=None, limit=1) == [(begun, b"")]


def test_an_accounts_transactions_are_found_oldest_first(database: KeyValue) -> None:
    """By height and place in the block, also by a store that is made anew."""
    store = install_genesis(database, genesis())
    grow(store, 3)

    for reader in (store, ChainStore(database)):
        assert reader.transactions_of(EVERYBODY, after=None, limit=9) == places(
            (1, 0), (1, 1), (2, 0), (2, 1), (3, 0), (3, 1)
        )
        assert reader.transactions_of(account("at 1"), after=None, limit=9) == places(
            (1, 1), (2, 1), (3, 1)
        )
        assert reader.transactions_of(account("2/0"), after=None, limit=9) == places((2, 0))


def test_an_account_that_nothing_touched_has_none(database: KeyValue) -> None:
    """Its neighbours' are not its own, at either end of all ids."""
    store = install_genesis(database, genesis())
    lowest, highest = AccountId(bytes(32)), AccountId(b"\xff" * 32)
    decision = next_decision(store.head(), store.chain, transactions=2)
    store.commit(dataclasses.replace(decision, touched=((lowest,), (highest,))))

    assert store.transactions_of(EVERYBODY, after=None, limit=9) == []
    assert store.transactions_of(AccountId(named_digest("x")), after=None, limit=9) == []
    assert store.transactions_of(lowest, after=None, limit=9) == places((1, 0))
    assert store.transactions_of(highest, after=None, limit=9) == places((1, 1))
    beyond = AccountId(b"\xff" * 31 + b"\xfe")
    assert store.transactions_of(beyond, after=None, limit=9) == []


def test_pages_end_at_their_limit_and_go_on_behind_a_place(database: KeyValue) -> None:
    """The place need not be one of the account's; nothing is left out or told twice."""
    store = install_genesis(database, genesis())
    grow(store, 5)

    found: list[TransactionPlace] = []
    while page := store.transactions_of(EVERYBODY, after=found[-1] if found else None, limit=3):
        assert len(page) <= 3
        found += page

    assert found == places(*((h, i) for h in range(1, 6) for i in (0, 1)))
    [between] = places((2, 7))
    assert store.transactions_of(EVERYBODY, after=between, limit=1) == places((3, 0))
    assert store.transactions_of(EVERYBODY, after=places((5, 1))[0], limit=1) == []
    assert store.transactions_of(EVERYBODY, after=None, limit=0) == []


def test_heights_are_in_the_order_of_numbers(database: KeyValue) -> None:
    """256 comes after 255, whatever their bytes end in."""
    store = install_genesis(database, genesis())
    grow(store, 257)

    found = store.transactions_of(account("at 0"), after=places((254, 0))[0], limit=9)

    assert found == places((255, 0), (256, 0), (257, 0))


def test_a_decision_names_the_accounts_of_each_transaction() -> None:
    """One list for each, or it is our bug and nothing is written."""
    store = new_store()
    decision = next_decision(store.head(), store.chain)

    with pytest.raises(AssertionError, match="accounts of 1 for 2"):
        store.commit(dataclasses.replace(decision, touched=decision.touched[:1]))

    assert store.head().height == 0
    assert store.transactions_of(EVERYBODY, after=None, limit=1) == []


def test_the_index_is_part_of_the_decisions_one_batch() -> None:
    """A key for each account of each transaction, with what was moved there if anything was."""
    database = MemoryKeyValue()
    store = install_genesis(database, genesis())
    before = set(database.contents())

    store.commit(next_decision(store.head(), store.chain, transactions=2))

    written = {k: v for k, v in database.contents().items() if k not in before}
    index = {key: value for key, value in written.items() if key[0] == schema.Region.ACCOUNT_TX}
    assert len(index) == 2 * 3
    assert sorted(index.values()) == [*[b""] * 4, b"moved 1/0", b"moved 1/1"]
    assert {schema.read_account_tx_key(key) for key in index} == {(1, 0), (1, 1)}
