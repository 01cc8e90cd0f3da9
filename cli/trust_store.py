"""The chains and checkpoints that this person trusts, in one small file of their own.

    {"format": "mithaq.trust", "version": 1, "pins": [{"pin": "CHAINID@HEIGHT:HASH", "name": …}]}

It is the person's, not a network's: `$MITHAQ_TRUST`, else mithaq/trust.json in the folder for
configuration ($XDG_CONFIG_HOME, else ~/.config). Whoever can write it decides what is believed, so
it is readable and writable by its owner alone, and replaced whole.

Two checkpoints of one chain and height cannot both be right: the second is refused.
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, final

from cli.files import replace_file
from primitives import limits
from primitives.errors import OperatorFault, Rejected
from verifier import Pin, read_pin

FORMAT: Final = "mithaq.trust"
VERSION: Final = 1
VARIABLE: Final = "MITHAQ_TRUST"
CONFLICT: Final = "trust.conflict"
UNKNOWN: Final = "trust.unknown"
FULL: Final = "trust.full"

_OWNER_ONLY: Final = 0o600


@final
@dataclass(frozen=True, slots=True)
class Trusted:
    """A pin, and what its owner calls it."""

    pin: Pin
    name: str


@final
@dataclass(frozen=True, slots=True)
class TrustStore:
    """What stands in the file; no two pins of one chain and height."""

    path: Path
    entries: tuple[Trusted, ...]

    def with_pin(self, pin: Pin, name: str) -> "TrustStore":
        """The store with one more pin; the same pin again changes its name at most.

        Raises:
            Rejected: it contradicts one that is there, the name is taken, or there is no room.
        """
        for entry in self.entries:
            if (entry.pin.chain, entry.pin.height) == (pin.chain, pin.height) and entry.pin != pin:
                raise Rejected(
                    CONFLICT,
                    f"THIS CONTRADICTS WHAT YOU TRUST. At height {pin.height} of chain "
                    f"{pin.chain.hex()} you pinned the validators {_hash(entry.pin)}, now "
                    f"{_hash(pin)} shall be pinned. One of the two is false, and whoever gave it "
                    "to you is mistaken or lies: find out before you go on. `mithaq trust remove` "
                    "removes the old one",
                    {"expected": str(entry.pin), "actual": str(pin)},
                )
            if name and entry.name == name and entry.pin != pin:
                raise Rejected(
                    CONFLICT,
                    f"the name {name!r} is that of {entry.pin} already",
                    {"expected": "a name that is free", "actual": name},
                )
        others = [entry for entry in self.entries if entry.pin != pin]
        if len(others) >= limits.TRUST_PINS_MAX:
            raise Rejected(
                FULL,
                f"{self.path} holds {len(others)} pins, at most {limits.TRUST_PINS_MAX} are kept",
                {"expected": f"fewer than {limits.TRUST_PINS_MAX}", "actual": len(others)},
            )
        old = next((entry.name for entry in self.entries if entry.pin == pin), "")
        entries = sorted(
            [*others, Trusted(pin, name or old)], key=lambda one: (one.pin.chain, one.pin.height)
        )
        return TrustStore(self.path, tuple(entries))

    def without(self, what: str) -> tuple["TrustStore", Trusted]:
        """The store without the pin of this name, or that is written so; and what is gone.

        Raises:
            Rejected: there is none.
        """
        for entry in self.entries:
            if what in {str(entry.pin), entry.name or str(entry.pin)}:
                left = tuple(one for one in self.entries if one != entry)
                return TrustStore(self.path, left), entry
        raise Rejected(
            UNKNOWN,
            f"{self.path} holds no pin {what!r}; `mithaq trust list` shows what it holds",
            {"expected": [str(entry.pin) for entry in self.entries], "actual": what},
        )

    def save(self) -> None:
        """Write it, whole.

        Raises:
            OperatorFault: it cannot be written.
        """
        listed = [
            {"pin": str(entry.pin), **({"name": entry.name} if entry.name else {})}
            for entry in self.entries
        ]
        text = json.dumps(
            {"format": FORMAT, "version": VERSION, "pins": listed}, indent=2, ensure_ascii=False
        )
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OperatorFault(f"{self.path.parent} cannot be made: {error.strerror}") from error
        replace_file(self.path, text.encode() + b"\n", mode=_OWNER_ONLY)


def trust_file() -> Path:
    """Where this person's trust is kept."""
    if given := os.environ.get(VARIABLE):
        return Path(given)
    folder = os.environ.get("XDG_CONFIG_HOME") or ""
    base = Path(folder) if os.path.isabs(folder) else Path.home() / ".config"
    return base / "mithaq" / "trust.json"


def load_trust() -> TrustStore:
    """What this person trusts; nothing where there is no file.

    Raises:
        OperatorFault: the file cannot be read, or holds something else.
    """
    path = trust_file()
    try:
        with path.open("rb") as file:
            data = file.read(limits.TRUST_BYTES_MAX + 1)
    except FileNotFoundError:
        return TrustStore(path, ())
    except OSError as error:
        raise OperatorFault(f"{path} cannot be read: {error.strerror}") from error
    if len(data) > limits.TRUST_BYTES_MAX:
        raise OperatorFault(f"{path}: more than {limits.TRUST_BYTES_MAX} bytes")
    try:
        return _read(path, json.loads(data))
    except (ValueError, RecursionError) as error:
        raise OperatorFault(f"{path} is no file of trusted chains: {error}") from error


def _read(path: Path, found: Any) -> TrustStore:  # noqa: ANN401 - JSON
    stated = (found.get("format"), found.get("version")) if isinstance(found, dict) else found
    if stated != (FORMAT, VERSION):
        raise ValueError(f"expected {FORMAT!r} version {VERSION}, found {stated!r:.80}")
    if found.keys() != {"format", "version", "pins"} or not isinstance(found["pins"], list):
        raise ValueError(f"expected format, version and pins, found {sorted(found)!r:.80}")
    store = TrustStore(path, ())
    for entry in found["pins"]:
        match entry:
            case {"pin": str(pin), **rest} if not rest:
                name = ""
            case {"pin": str(pin), "name": str(name), **rest} if not rest:
                check_name(name)
            case _:
                raise ValueError(f"expected a pin, and perhaps its name, found {entry!r:.80}")
        try:
            store = store.with_pin(read_pin(pin), name)
        except Rejected as error:
            raise ValueError(error.message) from error
    return store


def check_name(name: str) -> None:
    """Raises:
    ValueError: no name that a terminal shows as it is, or one that is too long.
    """
    if not 1 <= len(name) <= limits.NAME_LENGTH_MAX or not name.isprintable():
        raise ValueError(
            f"a name has 1 to {limits.NAME_LENGTH_MAX} printable characters, found {name!r:.80}"
        )


def _hash(pin: Pin) -> str:
    return "of genesis" if pin.validators_hash is None else pin.validators_hash.hex()
