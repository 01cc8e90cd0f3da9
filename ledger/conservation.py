"""Conservation: after every block the books balance (K5).

An assertion about what a block leaves behind, whatever its rules were: no rule may break it, so a
rule that does is our bug, and its block has no roots.
"""

from ledger.books import BALANCES, NOTHING, SUPPLIES
from ledger.holds import HOLDS
from ledger.state import Overlay


def check_books(overlay: Overlay) -> None:
    """What the block did to the balances of an asset, it did to its supply: else money was made.

    And what it did to the holds on a balance, it did to what of it is held: else somebody could
    spend what is promised, or not spend what is free.
    """
    drift: dict[bytes, int] = {}
    held: dict[bytes, int] = {}
    for key, row_before, row_now in overlay.changed(BALANCES):
        before, now = row_before or NOTHING, row_now or NOTHING
        asset = key[32:]
        drift[asset] = drift.get(asset, 0) + now.amount - before.amount
        if now.held != before.held:
            held[key] = now.held - before.held
    for key, was, is_now in overlay.changed(SUPPLIES):
        change = (is_now.amount if is_now else 0) - (was.amount if was else 0)
        drift[key] = drift.get(key, 0) - change
    for _, hold, left in overlay.changed(HOLDS):
        for row, sign in ((hold, 1), (left, -1)):
            if row is not None:
                key = row.account + row.asset.encode("ascii")
                held[key] = held.get(key, 0) + sign * row.amount
    broken = {asset.decode(): amount for asset, amount in drift.items() if amount}
    assert not broken, f"balances and supply of a block drift apart by {broken}"
    loose = {key.hex(): amount for key, amount in held.items() if amount}
    assert not loose, f"holds and what is held drift apart by {loose}"
