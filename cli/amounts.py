"""Amounts as people write them: 1,250.00 where the chain counts 125000 minor units of GBP.

Nothing here knows an operation. A field that counts minor units has one of a few names, and the
field `asset` stands beside it, or in the operation around it. The asset's decimal places are in
genesis, the home's or else the one that the node serves; where neither can be had, minor units are
shown and called so. Programs always get minor units.
"""

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, Final, final

from cli.faults import Unreachable
from cli.home import Home
from cli.remote import Nodes
from primitives.errors import OperatorFault, Rejected

MINOR_UNITS: Final = frozenset({"amount", "available"})
"""Names of fields that count minor units of an asset, wherever they stand."""


@final
class Amounts:
    """Writes amounts of the assets of one network."""

    def __init__(self, home: Home, nodes: Callable[[], Nodes]) -> None:
        self._home, self._nodes = home, nodes

    def number(self, minor_units: int, asset: str) -> str:
        """An amount without the name of its asset."""
        exponent = self._exponents.get(asset)
        if exponent is None:
            return f"{minor_units:,} (minor units)"
        return decimal(minor_units, exponent)

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
            listed = self._nodes().get("/v1/genesis")["assets"]
        except (OperatorFault, Rejected, Unreachable):
            return {}
        return {asset["code"]: int(asset["exponent"]) for asset in listed}


def decimal(minor_units: int, exponent: int) -> str:
    """Minor units as a number with its decimal places."""
    whole, part = divmod(minor_units, 10**exponent)
    return f"{whole:,}" + (f".{part:0{exponent}d}" if exponent else "")


def money(minor_units: int, exponent: int, asset: str) -> str:
    """An amount with its asset: 1,250.00 GBP."""
    return f"{decimal(minor_units, exponent)} {asset}"
