"""Checkpoints: what accounts held of an asset, and what there was of it, after earlier blocks."""

from math import ceil, log2
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.ledger import GBP, TREASURY_BALANCE, Chain, account_id, line
from ledger import books
from ledger.assets import NoSnapshots, UnknownAsset
from ledger.checkpoints import CHECKPOINTS, SERIES
from ledger.operation import Refused
from ledger.state import Overlay
from primitives.ids import Height
from services.money import DefineAsset, Issue, Retire, Transfer

SHARE = "SHARE"


class Counting:
    """A state that counts its point reads."""

    def __init__(self, state: Any) -> None:  # noqa: ANN401 - a reader
        self.state, self.reads = state, 0

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever a reader has
        return getattr(self.state, name)

    def get(self, table: int, key: bytes) -> bytes | None:
        self.reads += 1
        found: bytes | None = self.state.get(table, key)
        return found


def begin() -> Chain:
    """A chain on which the treasury issues shares whose past is kept."""
    chain = Chain.begin()
    (receipt,) = chain.block(
        chain.act("treasury", DefineAsset(SHARE, 0, snapshots=True, earmark=(), expires_ms=None))
    )
    assert receipt.refusal is None
    return chain


def held(chain: Chain, name: str, height: int) -> int:
    return books.balance_at(Overlay(chain.state), account_id(name), SHARE, Height(height))


def share(to: str, amount: int, reference: str) -> Transfer:
    return Transfer(SHARE, (line(to, amount, reference),))


moves = st.lists(
    st.lists(
        st.tuples(
            st.sampled_from(("issue", "retire", "pay", "return")),
            st.sampled_from(("health", "works")),
            st.integers(1, 40),
        ),
        max_size=4,
    ),
    max_size=12,
)


@given(moves)
def test_what_was_held_after_each_block_is_known_for_ever(
    blocks: list[list[tuple[str, str, int]]],
) -> None:
    """However often an amount changed in a block, rose, fell to zero or stayed as it was."""
    chain, number = begin(), 0
    names = ("treasury", "health", "works")
    after: dict[int, tuple[dict[str, int], int]] = {}
    for height in (0, 1):
        after[height] = (dict.fromkeys(names, 0), 0)
    for block in blocks:
        txs = []
        for verb, name, amount in block:
            number += 1
            reference = f"{number}"
            match verb:
                case "issue":
                    tx = chain.act("treasury", Issue(SHARE, account_id(name), amount, reference))
                case "retire":
                    tx = chain.act("treasury", Retire(SHARE, amount, reference))
                case "pay":
                    tx = chain.act("treasury", share(name, amount, reference))
                case _:
                    tx = chain.act(name, share("treasury", amount, reference))
            txs.append(tx)
        chain.block(*txs)
        overlay = Overlay(chain.state)
        now = {name: books.balance_of(overlay, account_id(name), SHARE) for name in names}
        after[chain.state.height] = (now, sum(now.values()))

    overlay = Overlay(chain.state)
    for height, (balances, supply) in after.items():
        assert {name: held(chain, name, height) for name in names} == balances
        assert books.supply_at(overlay, SHARE, Height(height)) == supply


def test_the_past_is_found_in_few_reads() -> None:
    """After n changes, log2(n) checkpoints are looked at, whichever height is asked for."""
    chain, changes = begin(), 200
    for number in range(changes):
        chain.block(chain.act("treasury", Issue(SHARE, account_id("health"), 1, f"{number}")))
    series_and_rows = 3  # the asset, the balance and the series

    for height in range(chain.state.height + 1):
        state = Counting(chain.state)
        found = books.balance_at(Overlay(state), account_id("health"), SHARE, Height(height))
        assert found == max(0, height - 1)
        assert state.reads <= series_and_rows + ceil(log2(changes)) + 1


def test_a_block_writes_one_checkpoint_for_an_amount() -> None:
    """Of what was before its first change; a refused change writes none."""
    chain = begin()
    chain.block(
        *(chain.act("treasury", Issue(SHARE, account_id("health"), 5, f"{n}")) for n in range(3)),
        chain.act("health", share("works", 99, "too much")),
    )

    rows = [key for table, key in chain.state.rows if table == CHECKPOINTS.number]
    series = [key for table, key in chain.state.rows if table == SERIES.number]

    assert len(rows) == len(series) == 2, "the supply, and the balance of health"
    assert held(chain, "health", chain.state.height - 1) == 0
    assert held(chain, "health", chain.state.height) == 15


def test_an_asset_without_snapshots_writes_none_and_knows_no_past() -> None:
    """Nor does one that nobody defined."""
    chain = Chain.begin()
    chain.block(chain.act("treasury", Transfer(GBP, (line("health", 1, "r"),))))
    overlay = Overlay(chain.state)
    treasury = account_id("treasury")

    assert not [slot for slot in chain.state.rows if slot[0] in (SERIES.number, CHECKPOINTS.number)]
    assert books.balance_of(overlay, treasury, GBP) == TREASURY_BALANCE - 1
    with pytest.raises(Refused) as refused:
        books.balance_at(overlay, treasury, GBP, Height(0))
    assert refused.value.refusal == NoSnapshots(GBP)
    with pytest.raises(Refused) as refused:
        books.supply_at(overlay, "XAU", Height(0))
    assert refused.value.refusal == UnknownAsset("XAU")
