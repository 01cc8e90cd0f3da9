"""Amounts as people write them: 1,250.00 where the chain counts 125000 minor units of GBP.

Nothing here knows an operation. A field that counts minor units has one of a few names, and the
field `asset` stands beside it, or in the operation around it. What a treasury does names a fund, a
line or an invoice instead: then it is the asset that the chain's treasuries count in, if they all
count in one. The asset's decimal places are in genesis, the home's or else the one that the node
serves; where neither can be had, minor units are shown and called so. Programs always get minor
units.
"""

from collections.abc import Callable, Mapping, Set
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, final

from msgspec import Struct

from cli.conventions import conventions
from cli.home import Home
from client.faults import Unreachable
from primitives.errors import OperatorFault, Rejected

if TYPE_CHECKING:
    from client.client import Client

MINOR_UNITS: Final = frozenset(
    {
        "amount",
        "available",
        "balance",
        "change",
        "cost",
        "floor",
        "held",
        "left",
        "limit",
        "most",
        "payment_threshold",
        "per_act",
        "per_period",
        "proceeds",
        "spent",
        "supply",
    }
)
"""Names of fields that count minor units of an asset, wherever they stand."""

OF_A_TREASURY: Final = MINOR_UNITS | {
    "allotted",
    "apportioned",
    "appropriated",
    "budgetary",
    "carrying",
    "delivered",
    "freed",
    "interest",
    "more",
    "obligated",
    "outlaid",
    "paid",
    "proprietary",
    "room",
    "threshold",
    "tokens",
    "total",
    "vouchered",
    "withheld",
}
"""The same in what a treasury says."""

_TREASURY: Final = "treasury."


def is_of_a_treasury(kind: type[Struct]) -> bool:
    """Whether a treasury says or does this; its amounts may stand without their asset."""
    return str(kind.__struct_config__.tag).startswith(_TREASURY)


@final
class Amounts:
    """Writes amounts of the assets of one network."""

    def __init__(self, home: Home, client: "Callable[[], Client]") -> None:
        self._home, self._client = home, client

    def number(self, minor_units: int, asset: str) -> str:
        """An amount without the name of its asset."""
        exponent = self._exponents.get(asset)
        if exponent is None:
            return f"{conventions().number(minor_units)} (minor units)"
        return conventions().amount(minor_units, exponent)

    def written(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Fields in their named form, those that are amounts as people write them."""
        return self._written(fields, MINOR_UNITS, fields.get("asset"))

    def written_of_treasury(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """The same of what a treasury says."""
        return self._written(fields, OF_A_TREASURY, fields.get("asset") or self.treasurys)

    def _written(
        self, fields: Mapping[str, Any], names: Set[str], asset: str | None
    ) -> dict[str, Any]:
        return {
            name: self.number(int(value), asset)
            if name in names and value is not None and isinstance(asset, str)
            else value
            for name, value in fields.items()
        }

    @cached_property
    def treasurys(self) -> str | None:
        """The one asset that all treasuries of the chain count in; None where there is none."""
        try:
            with self._client() as client:
                found = {row.asset for row in client.rows("treasury.treasuries")}
        except (OperatorFault, Rejected, Unreachable):
            return None
        return found.pop() if len(found) == 1 else None

    @cached_property
    def _exponents(self) -> dict[str, int]:
        try:
            if self._home.genesis_file.exists():
                return {asset.code: asset.exponent for asset in self._home.document.assets}
            with self._client() as client:
                listed = client.get("/v1/genesis")["assets"]
        except (OperatorFault, Rejected, Unreachable):
            return {}
        return {asset["code"]: int(asset["exponent"]) for asset in listed}
