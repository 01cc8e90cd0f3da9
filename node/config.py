"""A node's own settings: one TOML file, few values, every fault of it reported at once.

What all validators must agree on stands in genesis and on chain; nothing here can contradict it,
and no rule of consensus reads a value from here. Where things lie in a node's folder is fixed:

    config.toml  genesis.json  validator.key  node.key  signer.state  data/  snapshots/
    admin.sock  node.log  node.pid

A folder without validator.key is an observer's. Who may connect stands on chain (node/admission);
here is only where this node is reached, and whom it dials first.
"""

import tomllib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from enum import Enum, unique
from pathlib import Path
from typing import Annotated, Any, Final, NewType, TypeVar, final, get_args, get_origin

import msgspec
from msgspec import NODEFAULT, Meta, Struct

from node.addresses import ReachableAddress
from node.retention import HistoryKept, Policy, StateKept
from p2p.peers import parse_address
from primitives import limits
from primitives.errors import OperatorFault
from primitives.ids import NodeKey

Address = NewType("Address", str)
"""`host:port`; where a port may be 0, the system chooses one."""

Name = Annotated[
    str, Meta(pattern=r"^[^\x00-\x1f\x7f]+$", max_length=limits.NAME_LENGTH_MAX, min_length=1)
]
HeightsApart = Annotated[int, Meta(ge=0, le=limits.SNAPSHOTS_APART_MAX)]
SnapshotsKept = Annotated[int, Meta(ge=1, le=limits.SNAPSHOTS_KEPT_MAX)]
NodeId = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]
OptionalName = Annotated[
    str, Meta(pattern=r"^[^\x00-\x1f\x7f]*$", max_length=limits.NAME_LENGTH_MAX)
]
_WILDCARDS: Final = ("0.0.0.0:", "[::]:")
_GONE: Final = {
    "p2p.peers": "there is no such setting any more: who may connect stands on chain "
    "(`mithaq observer`). Write [[p2p.bootstrap]] with node_id and address, for a few validators "
    "that this node dials first"
}
"""Settings of earlier versions, and what to write instead."""

_LEAST_KEPT: Final = {
    HistoryKept: limits.RETENTION_HEIGHTS_MIN,
    StateKept: limits.RETENTION_STATE_MIN,
}
_FILE_BYTES_MAX: Final = 1024 * 1024


@unique
class LogLevel(Enum):
    """From which level on events are written."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@final
class BootstrapConfig(Struct, frozen=True):
    """A node that this one dials before it knows anybody's address."""

    node_id: NodeId
    address: ReachableAddress
    name: OptionalName = ""
    """For the log, as long as the chain does not know the node."""

    @property
    def node_key(self) -> NodeKey:
        """Its public node key."""
        return NodeKey(bytes.fromhex(self.node_id))


@final
class P2pConfig(Struct, frozen=True):
    """Between nodes."""

    listen: Address
    advertise: tuple[ReachableAddress, ...] = ()
    """Where others reach this node; if not said, where it listens, unless that is everywhere."""
    bootstrap: tuple[BootstrapConfig, ...] = ()

    def advertised(self, bound: str) -> tuple[str, ...]:
        """What the others are told, of a node that listens there."""
        if self.advertise or bound.startswith(_WILDCARDS):
            return self.advertise
        return (bound,)


@final
class ApiConfig(Struct, frozen=True):
    """For people and their programs."""

    listen: Address


@final
class LogConfig(Struct, frozen=True):
    """What the node says about itself."""

    level: LogLevel = LogLevel.INFO


@final
class SnapshotsConfig(Struct, frozen=True):
    """Snapshots of the state that the node writes by itself."""

    every: HeightsApart = 0
    keep: SnapshotsKept = 2
    on_request: bool = True


@final
class Config(Struct, frozen=True):
    """A node's config.toml."""

    name: Name
    p2p: P2pConfig
    api: ApiConfig
    log: LogConfig = LogConfig()
    snapshots: SnapshotsConfig = SnapshotsConfig()
    retention: Policy = Policy()


@final
@dataclass(frozen=True, slots=True)
class NodeFolder:
    """Where a node's things lie."""

    path: Path

    @property
    def config(self) -> Path:
        """Its own settings."""
        return self.path / "config.toml"

    @property
    def genesis(self) -> Path:
        """The chain's definition, the same file in every folder."""
        return self.path / "genesis.json"

    @property
    def validator_key(self) -> Path:
        """The key that votes; an observer has none."""
        return self.path / "validator.key"

    @property
    def node_key(self) -> Path:
        """The key of the node's connections."""
        return self.path / "node.key"

    @property
    def signer_state(self) -> Path:
        """What the signer remembers having signed; never restored from a backup."""
        return self.path / "signer.state"

    @property
    def data(self) -> Path:
        """The database."""
        return self.path / "data"

    @property
    def snapshots(self) -> Path:
        """Snapshots of the state, a folder each."""
        return self.path / "snapshots"

    @property
    def joining(self) -> Path:
        """What a node that joins has fetched so far; gone when it has joined."""
        return self.path / "joining"

    @property
    def admin_socket(self) -> Path:
        """Where the operator of this folder speaks to the running node."""
        return self.path / "admin.sock"

    @property
    def log(self) -> Path:
        """What a node that was started in the background writes."""
        return self.path / "node.log"

    @property
    def pid(self) -> Path:
        """The running process."""
        return self.path / "node.pid"


@final
class ConfigFault(OperatorFault):
    """A configuration with faults; the message has one line for each."""

    def __init__(self, path: Path, faults: tuple[str, ...]) -> None:
        count = "one fault" if len(faults) == 1 else f"{len(faults)} faults"
        super().__init__("\n  ".join([f"{path} has {count}:", *faults]))
        self.faults = faults


def load_config(path: Path) -> Config:
    """Read a config.toml.

    Raises:
        ConfigFault: it has faults; all of them.
        OperatorFault: it cannot be read, or is not TOML.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_FILE_BYTES_MAX + 1)
    except FileNotFoundError as error:
        raise OperatorFault(f"{path} is missing: `mithaq init` makes a node's folder") from error
    except OSError as error:
        raise OperatorFault(f"{path} cannot be read: {error.strerror}") from error
    if len(data) > _FILE_BYTES_MAX:
        raise OperatorFault(f"{path} has more than {_FILE_BYTES_MAX} bytes")
    try:
        table = tomllib.loads(data.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise OperatorFault(f"{path} is not TOML: {error}") from error
    faults: list[str] = []
    config = _read_struct(Config, table, "", faults)
    if config is not None:
        faults += _contradictions(config)
    if config is None or faults:
        raise ConfigFault(path, tuple(faults))
    return config


_S = TypeVar("_S", bound=Struct)


def _read_struct(kind: type[_S], value: object, path: str, faults: list[str]) -> _S | None:
    """Field by field, because msgspec by itself stops at the first fault."""
    if not isinstance(value, Mapping):
        faults.append(f"{path}: expected a table, found {value!r}")
        return None
    fields = {field.name: field for field in msgspec.structs.fields(kind)}
    before = len(faults)
    for name in value.keys() - fields.keys():
        gone = _GONE.get(_join(path, name))
        if gone is not None:
            faults.append(f"{_join(path, name)}: {gone}")
            continue
        near = get_close_matches(name, fields, n=1)
        meant = f"; did you mean {near[0]}?" if near else ""
        faults.append(f"{_join(path, name)}: there is no such setting{meant}")
    read: dict[str, Any] = {}
    for name, field in fields.items():
        where = _join(path, name)
        if name in value:
            read[name] = _read_value(field.type, value[name], where, faults)
        elif field.default is NODEFAULT and field.default_factory is NODEFAULT:
            faults.append(f"{where}: expected {_expected(field.type)}, found nothing")
    return kind(**read) if len(faults) == before else None


def _read_value(kind: Any, value: object, path: str, faults: list[str]) -> object:  # noqa: ANN401 - any annotation
    if isinstance(kind, type) and issubclass(kind, Struct):
        return _read_struct(kind, value, path, faults)
    if get_origin(kind) is tuple:
        if not isinstance(value, list):
            faults.append(f"{path}: expected a list, found {value!r}")
            return None
        item = get_args(kind)[0]
        return tuple(
            _read_value(item, each, f"{path}[{index}]", faults) for index, each in enumerate(value)
        )
    try:
        read: object = msgspec.convert(value, kind)
        if kind is Address:
            parse_address(str(read))
    except (msgspec.ValidationError, OperatorFault):
        faults.append(f"{path}: expected {_expected(kind)}, found {value!r}")
        return None
    return read


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _expected(kind: Any) -> str:  # noqa: ANN401 - any annotation
    if kind is Address:
        return "host:port, such as 127.0.0.1:17000"
    if kind == ReachableAddress:
        return "host:port that can be dialled, such as 10.0.0.2:17000"
    if kind == NodeId:
        return "64 hexadecimal digits, the public half of the other node's node.key"
    if kind == Name:
        return f"a name of 1 to {limits.NAME_LENGTH_MAX} characters"
    if kind == OptionalName:
        return f"a name of at most {limits.NAME_LENGTH_MAX} characters"
    if kind == HeightsApart:
        return f"a number of heights up to {limits.SNAPSHOTS_APART_MAX}, 0 for no snapshots"
    if kind == SnapshotsKept:
        return f"a number from 1 to {limits.SNAPSHOTS_KEPT_MAX}"
    if kind in (HistoryKept, StateKept):
        return f"a number of heights, at least {_LEAST_KEPT[kind]}, or all"
    if kind is bool:
        return "true or false"
    if isinstance(kind, type) and issubclass(kind, Enum):
        return "one of " + ", ".join(member.value for member in kind)
    return "a table"


def _contradictions(config: Config) -> list[str]:
    p2p = config.p2p
    keys = Counter(entry.node_id for entry in p2p.bootstrap)
    faults = [
        f"p2p.bootstrap: {count} entries have the node id {key}"
        for key, count in keys.items()
        if count > 1
    ]
    faults += [
        f"p2p.{setting}: {found} entries, expected at most {most}"
        for setting, found, most in (
            ("bootstrap", len(p2p.bootstrap), limits.BOOTSTRAP_MAX),
            ("advertise", len(p2p.advertise), limits.ADDRESSES_PER_PEER_MAX),
        )
        if found > most
    ]
    if config.p2p.listen == config.api.listen and not config.p2p.listen.endswith(":0"):
        faults.append(f"api.listen: expected another port than p2p.listen, {config.p2p.listen}")
    return faults


def config_text(config: Config) -> str:
    """The file for a configuration, with its explanations; `load_config` reads it back."""
    p2p = config.p2p
    bootstrap = "".join(
        f"\n[[p2p.bootstrap]]\nname = {_quoted(entry.name)}\nnode_id = {_quoted(entry.node_id)}\n"
        f"address = {_quoted(entry.address)}\n"
        for entry in p2p.bootstrap
    )
    return _TEMPLATE.format(
        name=_quoted(config.name),
        p2p=_quoted(p2p.listen),
        advertise=", ".join(_quoted(address) for address in p2p.advertise),
        bootstrap=bootstrap,
        api=_quoted(config.api.listen),
        level=_quoted(config.log.level.value),
        every=config.snapshots.every,
        keep=config.snapshots.keep,
        on_request=str(config.snapshots.on_request).lower(),
        state=_kept(config.retention.state),
        bodies=_kept(config.retention.bodies),
        receipts=_kept(config.retention.receipts),
        index=_kept(config.retention.index),
    )


def _kept(heights: int | str) -> str:
    return _quoted(heights) if isinstance(heights, str) else str(heights)


def _quoted(text: str) -> str:
    # A basic string of TOML escapes as JSON does; a name cannot hold control characters.
    return msgspec.json.encode(text).decode()


_TEMPLATE: Final = """\
# This node only. What all validators agree on is in genesis.json and on chain.

# How this node is called in its own log and status.
name = {name}

[p2p]
# Where this node listens for others: host:port.
listen = {p2p}
# Where others reach it: up to 4 of host:port, which they are told in its name. With none, where it
# listens; a node that listens everywhere (0.0.0.0) has to say it, or nobody dials it.
advertise = [{advertise}]

# Whom it dials before it knows anybody's address: one that answers tells of all others. Who may
# connect is not said here: validators and approved observers stand on chain.
{bootstrap}
[api]
# Where people and programs reach this node. It reads and submits; whoever reaches it may do both.
listen = {api}

[log]
# debug, info, warning or error
level = {level}

[snapshots]
# Write a snapshot of the state at every height that this number divides; 0 for none.
every = {every}
# How many of them are kept; each takes the room of the state.
keep = {keep}
# Write one when a node that joins finds none that serves it: at most one in ten minutes, and none
# while the newest is less than an hour old.
on_request = {on_request}

[retention]
# How many of the newest heights are kept here, or "all"; what is dropped does not come back.
# Headers and certificates are kept always. state: reading and proving it as it was at a height.
state = {state}
# The blocks' transactions, what became of them, and the index that finds them.
bodies = {bodies}
receipts = {receipts}
index = {index}
"""
