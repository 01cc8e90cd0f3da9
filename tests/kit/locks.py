"""The locks, read the way the tests need them: pins with their hashes and markers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from packaging.markers import Marker
from packaging.utils import canonicalize_name

from kit.tree import ROOT

RUNTIME: Final = ROOT / "requirements.lock"
EXCHANGE: Final = ROOT / "requirements-exchange.lock"
DEV: Final = ROOT / "requirements-dev.lock"

_PIN: Final = re.compile(r"^([A-Za-z0-9._-]+)==(\S+)(?: ; ([^\\]+?))? *\\?$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """One line of a lock: this version, these files, on machines where the marker holds."""

    name: str
    version: str
    marker: str | None
    hashes: frozenset[str]

    def applies_here(self) -> bool:
        return self.marker is None or Marker(self.marker).evaluate()


def read(lock: Path) -> dict[str, Pin]:
    """The pins of a lock by canonical name; what is neither pin, hash nor comment is refused."""
    pins: dict[str, Pin] = {}
    blocks = re.split(r"\n(?=[^\s#])", lock.read_text(encoding="utf-8").strip())
    for block in blocks:
        first, *rest = block.splitlines()
        if (match := _PIN.match(first)) is None:
            raise AssertionError(f"{lock.name}: not a pin: {first!r}")
        name, version, marker = match.groups()
        words = " ".join(line for line in rest if not line.strip().startswith("#"))
        hashes = frozenset(re.findall(r"--hash=sha256:([0-9a-f]{64})", words))
        pin = Pin(name=canonicalize_name(name), version=version, marker=marker, hashes=hashes)
        pins[pin.name] = pin
    return pins


def foreign_words(text: str) -> list[str]:
    """What does not belong into a lock: addresses, and options that name one."""
    return re.findall(r"\S*://\S*|--(?:extra-)?index-url|--find-links|--trusted-host| @ ", text)
