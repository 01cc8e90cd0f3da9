"""Amounts as people write them: 1,250.00 where the chain counts 125000 minor units of GBP.

Nothing here knows an operation. A field that counts minor units has one of a few names, and the
field `asset` stands beside it, or in the operation around it. The asset's decimal places are in
genesis, the home's or else the one that the node serves; where neither can be had, minor units are
shown and called so. Programs always get minor units.
"""

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, final

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
        "floor",
        "held",
        "left",
        "most",
        "per_act",
        "per_period",
        "spent",
        "supply",
    }
)
"""Names of fields that count minor units of an asset, wherever they stand."""


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
        asset = fields.get("asset")
        return {
            name: self.number(int(value), asset)
            if name in MINOR_UNITS and value is not None and isinstance(asset, str)
            else value
            for name, value in fields.items()
        }

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
