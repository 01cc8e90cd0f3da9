"""A manifest: one network, its load, what happens to it and what must still hold. TOML.

    title = "A validator is killed, and comes back"

    [network]
    validators = 4
    observers = 1                 # nodes are called node0 … and observer0 …
    far_ms = { node3 = 30 }       # on the wire of that host, either way

    [load]
    payments_per_s = 40           # or "most": as many as the network takes
    through = ["node1"]           # whom the clients ask; all nodes by default
    for_s = 60                    # at least; else until the last perturbation is over

    [expect]                      # in seconds; all have defaults
    block_s = 8                   # between two blocks, while a quorum can speak
    first_block_s = 5             # after there is a quorum again
    level_s = 10                  # after a perturbation: every node is where the others are

    [[perturbations]]
    kind = "kill"
    nodes = ["node0"]
    at_s = 5                      # after the load began
    for_s = 6
    why = { others = ["validator.missing"] }

Every fault of a manifest is told at once.
"""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

PRIMARY: Final = "primary"
"""In place of a node: whoever proposes next."""
OTHERS: Final = "others"
"""In `why`: every running node that is not perturbed."""
MOST: Final = "most"

_FIELD: Final = {
    "per_thousand": "how many of a thousand packets are lost, 1 to 1000",
    "kbit_s": "thousands of bits per second, 8 to 1000000",
    "seconds": "how far the clock is ahead, behind if negative, -86400 to 86400",
    "sides": "two or more lists of nodes, each node in one at most",
    "by": "blocks or snapshot",
}
KINDS: Final[Mapping[str, tuple[str, ...]]] = {
    "kill": (),
    "pause": (),
    "restart": (),
    "upgrade": (),
    "wipe": (),
    "disconnect": (),
    "partition": ("sides",),
    "cut": (),
    "lossy": ("per_thousand",),
    "slow": ("kbit_s",),
    "disk_full": (),
    "clock": ("seconds",),
    "flood": (),
    "join": (),
    "add_validator": (),
    "remove_validator": (),
}
"""What a kind needs beside nodes, at_s and for_s."""
LASTS: Final = frozenset(KINDS) - {"join", "wipe", "add_validator", "remove_validator"}
"""Kinds that end, after for_s."""
ENDS: Final = frozenset(
    {"kill", "restart", "upgrade", "disk_full", "wipe", "pause", "flood", "join"}
    | {"add_validator", "remove_validator"}
)
"""Kinds that end or hold a process: nothing of them happens to it twice at a time."""
NAMED: Final = frozenset({"disk_full", "clock", "flood", "join", "add_validator"})
"""Kinds that are prepared for, so that whoever is the primary by then cannot be meant."""
OF_OBSERVERS: Final = frozenset({"flood", "add_validator"})
_RANGES: Final = {"per_thousand": (1, 1000), "kbit_s": (8, 1_000_000), "seconds": (-86_400, 86_400)}
SECONDS_MAX: Final = 36_000
VALIDATORS_MAX: Final = 16
OBSERVERS_MAX: Final = 8
RATE_MAX: Final = 100_000


@dataclass(frozen=True, kw_only=True)
class Perturbation:
    """One thing that happens to some nodes, and is over after a while."""

    kind: str
    at_s: float
    for_s: float = 0.0
    nodes: tuple[str, ...] = ()
    sides: tuple[tuple[str, ...], ...] = ()
    per_thousand: int = 0
    kbit_s: int = 0
    seconds: int = 0
    by: str = "blocks"
    why: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Node, or `others` → codes that `GET /v1/why` of that node names before the end."""

    @property
    def until_s(self) -> float:
        """When it is over."""
        return self.at_s + self.for_s


@dataclass(frozen=True, kw_only=True)
class Expect:
    """Within how many seconds what must have happened."""

    block_s: float = 8.0
    first_block_s: float = 5.0
    level_s: float = 10.0


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """A network and its fate."""

    title: str
    validators: int = 4
    observers: int = 0
    far_ms: Mapping[str, int] = field(default_factory=dict)
    rate: int | None = 20
    """Payments per second; None: as many as the network takes."""
    through: tuple[str, ...] = ()
    pays_s: float = 0.0
    """At least so long."""
    expect: Expect = Expect()
    perturbations: tuple[Perturbation, ...] = ()

    @property
    def nodes(self) -> tuple[str, ...]:
        """All of them, validators first."""
        return node_names(self.validators, self.observers)

    @property
    def doors(self) -> tuple[str, ...]:
        """Whom the clients ask."""
        return self.through or self.nodes

    @property
    def late(self) -> frozenset[str]:
        """Nodes that are not there in the beginning."""
        return frozenset(
            name for one in self.perturbations if one.kind == "join" for name in one.nodes
        )


def node_names(validators: int, observers: int) -> tuple[str, ...]:
    """As the folders of `mithaq testnet` are called."""
    votes = [f"node{index}" for index in range(validators)]
    return (*votes, *(f"observer{index}" for index in range(observers)))


class ManifestFault(Exception):
    """What is wrong with a manifest: a line for each fault."""

    def __init__(self, name: str, faults: Sequence[str]) -> None:
        count = "one fault" if len(faults) == 1 else f"{len(faults)} faults"
        super().__init__("\n  ".join([f"{name} has {count}:", *faults]))
        self.faults = tuple(faults)


def load_manifest(path: Path) -> Manifest:
    """Read a manifest's file.

    Raises:
        ManifestFault: all that is wrong with it.
    """
    return read_manifest(path.read_text(encoding="utf-8"), str(path))


def read_manifest(text: str, name: str) -> Manifest:
    """Read a manifest.

    Raises:
        ManifestFault: all that is wrong with it.
    """
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ManifestFault(name, [f"it is not TOML: {error}"]) from error
    reader = _Reader()
    manifest = reader.manifest(table)
    if reader.faults:
        raise ManifestFault(name, reader.faults)
    return manifest


class _Reader:
    """Reads on after a fault; what it returns counts only where there was none."""

    def __init__(self) -> None:
        self.faults: list[str] = []
        self._nodes: tuple[str, ...] = ()

    def manifest(self, table: Mapping[str, Any]) -> Manifest:
        self._known(table, "", ("title", "network", "load", "expect", "perturbations"))
        network = self._table(table, "network", ("validators", "observers", "far_ms"))
        load = self._table(table, "load", ("payments_per_s", "through", "for_s"))
        expect = self._table(table, "expect", ("block_s", "first_block_s", "level_s"))
        title = table.get("title")
        if not isinstance(title, str) or not title:
            self._fault("title", "a sentence", title)
        validators = self._number(network, "network.validators", (1, VALIDATORS_MAX), 4)
        observers = self._number(network, "network.observers", (0, OBSERVERS_MAX), 0)
        self._nodes = node_names(int(validators), int(observers))
        found = table.get("perturbations", [])
        if not isinstance(found, list):
            self._fault("perturbations", "a list of tables", found)
            found = []
        made = [self._perturbation(one, f"perturbations[{i}]") for i, one in enumerate(found)]
        self._once_at_a_time(made)
        return Manifest(
            title=str(title),
            validators=int(validators),
            observers=int(observers),
            far_ms=self._far(network.get("far_ms", {})),
            rate=self._rate(load.get("payments_per_s", 20)),
            through=self._names(load.get("through", []), "load.through", ()),
            pays_s=self._number(load, "load.for_s", (0, SECONDS_MAX), 0),
            expect=Expect(
                **{
                    name: self._number(expect, f"expect.{name}", (0.1, SECONDS_MAX), default)
                    for name, default in (("block_s", 8), ("first_block_s", 5), ("level_s", 10))
                }
            ),
            perturbations=tuple(made),
        )

    def _perturbation(self, table: object, where: str) -> Perturbation:
        if not isinstance(table, Mapping):
            self._fault(where, "a table", table)
            return Perturbation(kind="", at_s=0)
        kind = str(table.get("kind"))
        if kind not in KINDS:
            self._fault(f"{where}.kind", f"one of {', '.join(KINDS)}", table.get("kind"))
            return Perturbation(kind="", at_s=0)
        own = ("sides",) if kind == "partition" else ("nodes", *KINDS[kind])
        lasts = ("for_s",) if kind in LASTS else ()
        optional = ("by",) if kind == "join" else ()
        self._known(table, where, ("kind", "at_s", *own, *lasts, *optional, "why"))
        read: dict[str, Any] = {"kind": kind}
        for name in ("at_s", *lasts):
            read[name] = self._number(table, f"{where}.{name}", (0, SECONDS_MAX), None)
        for name in own:
            if name in _RANGES:
                read[name] = int(self._number(table, f"{where}.{name}", _RANGES[name], None))
        if "nodes" in own:
            more = () if kind in NAMED else (PRIMARY,)
            read["nodes"] = self._names(table.get("nodes"), f"{where}.nodes", more)
            for name in read["nodes"]:
                if kind in OF_OBSERVERS and name in self._nodes and name.startswith("node"):
                    self._fault(f"{where}.nodes", "observers", name)
            if not read["nodes"]:
                self._fault(f"{where}.nodes", "at least one node", table.get("nodes"))
        if "sides" in own:
            read["sides"] = self._sides(table.get("sides"), f"{where}.sides")
        if "by" in table:
            read["by"] = table["by"]
            if table["by"] not in ("blocks", "snapshot"):
                self._fault(f"{where}.by", _FIELD["by"], table["by"])
        read["why"] = self._why(table.get("why", {}), f"{where}.why")
        return Perturbation(**read)

    def _once_at_a_time(self, made: Sequence[Perturbation]) -> None:
        """Who has been killed cannot be killed, nor paused."""
        for index, one in enumerate(made):
            for before, other in enumerate(made[:index]):
                meet = one.at_s < other.until_s and other.at_s < one.until_s
                same = sorted(set(one.nodes) & set(other.nodes))
                if meet and same and {one.kind, other.kind} <= ENDS:
                    said = f"nothing that befalls {same[0]} during perturbations[{before}]"
                    self._fault(f"perturbations[{index}]", said, one.kind)

    def _sides(self, found: object, where: str) -> tuple[tuple[str, ...], ...]:
        if not isinstance(found, list) or len(found) < 2:
            self._fault(where, _FIELD["sides"], found)
            return ()
        sides = tuple(self._names(side, f"{where}[{i}]", ()) for i, side in enumerate(found))
        everybody = [name for side in sides for name in side]
        if len(everybody) > len(set(everybody)) or not all(sides):
            self._fault(where, _FIELD["sides"], found)
        return sides

    def _why(self, found: object, where: str) -> Mapping[str, tuple[str, ...]]:
        if not isinstance(found, Mapping):
            self._fault(where, "a table of node and codes", found)
            return {}
        read = {}
        for name, codes in found.items():
            self._names([name], where, (OTHERS,))
            if not isinstance(codes, list) or not all(isinstance(code, str) for code in codes):
                self._fault(f"{where}.{name}", "a list of codes", codes)
                continue
            read[name] = tuple(codes)
        return read

    def _names(self, found: object, where: str, more: tuple[str, ...]) -> tuple[str, ...]:
        if not isinstance(found, list):
            self._fault(where, "a list of nodes", found)
            return ()
        for name in found:
            if name not in (*self._nodes, *more):
                self._fault(where, f"one of {', '.join((*self._nodes, *more))}", name)
        if len(found) > len({str(name) for name in found}):
            self._fault(where, "each node once", found)
        return tuple(str(name) for name in found)

    def _far(self, found: object) -> Mapping[str, int]:
        if not isinstance(found, Mapping):
            self._fault("network.far_ms", "a table of node and milliseconds", found)
            return {}
        self._names(list(found), "network.far_ms", ())
        return {
            name: int(self._number(found, f"network.far_ms.{name}", (0, 1000), None))
            for name in found
        }

    def _rate(self, found: object) -> int | None:
        if found == MOST:
            return None
        if isinstance(found, bool) or not isinstance(found, int) or not 0 <= found <= RATE_MAX:
            self._fault("load.payments_per_s", f"0 to {RATE_MAX}, or {MOST}", found)
            return 0
        return found

    def _number(
        self,
        table: Mapping[str, Any],
        where: str,
        bounds: tuple[float, float],
        default: float | None,
    ) -> float:
        found = table.get(where.rpartition(".")[2], default)
        least, most = bounds
        is_number = isinstance(found, int | float) and not isinstance(found, bool)
        if is_number and least <= found <= most:
            return float(found)
        self._fault(where, f"a number from {least:g} to {most:g}", found)
        return least

    def _table(
        self, table: Mapping[str, Any], name: str, known: Sequence[str]
    ) -> Mapping[str, Any]:
        found = table.get(name, {})
        if not isinstance(found, Mapping):
            self._fault(name, "a table", found)
            return {}
        self._known(found, name, known)
        return found

    def _known(self, table: Mapping[str, Any], where: str, known: Sequence[str]) -> None:
        for name in table:
            if name not in known:
                path = f"{where}.{name}" if where else name
                self.faults.append(f"{path}: unknown here, expected {', '.join(known)}")

    def _fault(self, where: str, expected: str, found: object) -> None:
        self.faults.append(f"{where}: expected {expected}, found {found!r}")


# --- as a file ------------------------------------------------------------------------------------


def manifest_text(manifest: Manifest) -> str:
    """The file of a manifest; `read_manifest` reads it back."""
    expect = manifest.expect
    lines = [
        f"title = {_quoted(manifest.title)}",
        "",
        "[network]",
        f"validators = {manifest.validators}",
        f"observers = {manifest.observers}",
        f"far_ms = {_inline({name: str(ms) for name, ms in manifest.far_ms.items()})}",
        "",
        "[load]",
        f"payments_per_s = {_quoted(MOST) if manifest.rate is None else manifest.rate}",
        f"through = {_list(manifest.through)}",
        f"for_s = {manifest.pays_s:g}",
        "",
        "[expect]",
        f"block_s = {expect.block_s:g}",
        f"first_block_s = {expect.first_block_s:g}",
        f"level_s = {expect.level_s:g}",
    ]
    for one in manifest.perturbations:
        lines += ["", "[[perturbations]]", *_perturbation_lines(one)]
    return "\n".join(lines) + "\n"


def _perturbation_lines(one: Perturbation) -> list[str]:
    lines = [f"kind = {_quoted(one.kind)}"]
    if one.kind == "partition":
        lines.append(f"sides = [{', '.join(map(_list, one.sides))}]")
    else:
        lines.append(f"nodes = {_list(one.nodes)}")
    lines.append(f"at_s = {one.at_s:g}")
    if one.kind in LASTS:
        lines.append(f"for_s = {one.for_s:g}")
    lines += [f"{name} = {getattr(one, name)}" for name in KINDS[one.kind] if name in _RANGES]
    if one.kind == "join":
        lines.append(f"by = {_quoted(one.by)}")
    if one.why:
        codes = {name: _list(found) for name, found in one.why.items()}
        lines.append(f"why = {_inline(codes)}")
    return lines


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _list(names: Sequence[str]) -> str:
    return f"[{', '.join(map(_quoted, names))}]"


def _inline(table: Mapping[str, str]) -> str:
    return "{ " + ", ".join(f"{name} = {value}" for name, value in table.items()) + " }"
