"""Norms: the law under which an operation is done (lawful by construction).

A **norm** is a law, a decree, a regulation: a code such as `law/2026/12` and versions of it. Of the
text only a salted commitment stands on chain; each version says when it is in force and which
operations it **binds**, named by their tags. A parameter is bound as `parameters.heartbeat_ms`.

Once a norm binds an operation, the operation needs a law: while no version that binds it is in
force, every call of it is refused, whoever acts. Each call that is lawful leaves an event that
names the norm and the version, so the receipt alone proves under which law something was done.
Repeal takes the law away, not the need for one; only the governor frees an operation of it.

1. Law is not made for the past: a version is in force from its enactment at the earliest.
2. A new version ends the one before when it comes into force. One version waits at a time.
3. A repeal ends the version in force at once, and the one that waits never comes into force.
4. What makes law can not be bound, so that no law locks its makers out.

The check of a call reads one row, that of its operation.
"""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Annotated, Any, Final, final

from msgspec import Meta, Struct
from msgspec.structs import replace

from ledger.operation import Event, Operation, Refusal, Refused, code
from ledger.state import Table
from primitives import kernel_limits
from primitives.ids import Digest, Height, Natural, Sized32, TimeMs

if TYPE_CHECKING:
    from ledger.act import Act

NormCode = Annotated[
    str,
    Meta(pattern=r"^[a-z][a-z0-9]*(/[a-z0-9]+)*(?!\n)$", max_length=kernel_limits.NORM_LENGTH_MAX),
]
Bindable = Annotated[
    str,
    Meta(
        pattern=r"^[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*(?!\n)$",
        max_length=kernel_limits.TAG_LENGTH_MAX,
    ),
]
"""The tag of an operation, or a parameter: `parameters.` and its name."""
Binds = Annotated[tuple[Bindable, ...], Meta(max_length=kernel_limits.NORM_BINDS_MAX)]
NormVersionNumber = Annotated[int, Meta(ge=1, le=2**32 - 1)]

MAKES_LAW: Final = (
    "assembly.",
    "authority.enact_norm",
    "authority.free_operation",
    "authority.repeal_norm",
)
"""How the tags begin that no norm binds."""


@final
class Norm(Struct, array_like=True, frozen=True):
    """The row of a norm."""

    latest: NormVersionNumber
    """Of its versions, which are numbered from 1."""


@final
class NormVersion(Struct, array_like=True, frozen=True):
    """The row of a version: in force while from_ms ≤ block time < until_ms."""

    commitment: Sized32[Digest]
    """SHA-256(COMMITMENT ‖ salt ‖ text)."""
    from_ms: Natural[TimeMs]
    until_ms: Natural[TimeMs] | None
    binds: Binds
    enacted: Natural[Height]


@final
class Ground(Struct, array_like=True, frozen=True):
    """A version that binds an operation, and when it is in force."""

    norm: NormCode
    version: NormVersionNumber
    from_ms: Natural[TimeMs]
    until_ms: Natural[TimeMs] | None


@final
class Binding(Struct, array_like=True, frozen=True):
    """The row of a bound operation: the versions that are, or will be, a ground for it."""

    grounds: Annotated[tuple[Ground, ...], Meta(max_length=kernel_limits.BINDING_GROUNDS_MAX)]


@final
class Draft(Struct, array_like=True, frozen=True):
    """A version to be enacted."""

    norm: Annotated[NormCode, Meta(description="code of the norm, such as law/2026/12")]
    commitment: Annotated[
        Digest,
        Meta(min_length=32, max_length=32, description="SHA-256(domain ‖ salt ‖ text)"),
    ]
    from_ms: Annotated[
        Natural[TimeMs] | None,
        Meta(description="in force from; none, or a time past, is from its enactment"),
    ]
    until_ms: Annotated[
        Natural[TimeMs] | None, Meta(description="in force before; none is until it is repealed")
    ]
    binds: Annotated[Binds, Meta(description="tags of operations, and parameters")]


def _text(value: str) -> bytes:
    return value.encode("ascii")


def versions_of(norm: str) -> bytes:
    """How the keys of a norm's versions begin."""
    return norm.encode("ascii") + b"\0"


def _version_key(key: tuple[str, int]) -> bytes:
    norm, version = key
    return versions_of(norm) + version.to_bytes(4, "big")


def read_version_key(key: bytes) -> tuple[str, int]:
    """Of which norm, and which of its versions, an entry is."""
    return key[:-5].decode("ascii"), int.from_bytes(key[-4:], "big")


NORMS: Final = Table[str, Norm](47, "norms", _text, Norm)
NORM_VERSIONS: Final = Table[tuple[str, int], NormVersion](
    48, "norm_versions", _version_key, NormVersion
)
BINDINGS: Final = Table[str, Binding](49, "bindings", _text, Binding)


class NoNormInForce(Refusal, tag="norms.none_in_force", frozen=True):
    """No norm that binds {operation} is in force at {time_ms}: it cannot be done lawfully."""

    operation: Bindable
    time_ms: Natural[TimeMs]


class UnknownNorm(Refusal, tag="norms.unknown", frozen=True):
    """There is no norm {norm}."""

    norm: NormCode


class NormOver(Refusal, tag="norms.over", frozen=True):
    """Norm {norm} is not in force, nor will it be: version {version} ended at {until_ms}."""

    norm: NormCode
    version: NormVersionNumber
    until_ms: Natural[TimeMs]


class NeverInForce(Refusal, tag="norms.never_in_force", frozen=True):
    """Norm {norm} would be in force from {from_ms}, and end at {until_ms}."""

    norm: NormCode
    from_ms: Natural[TimeMs]
    until_ms: Natural[TimeMs]


class VersionWaits(Refusal, tag="norms.version_waits", frozen=True):
    """Version {version} of norm {norm} comes into force at {from_ms}: no other before."""

    norm: NormCode
    version: NormVersionNumber
    from_ms: Natural[TimeMs]


class BoundTwice(Refusal, tag="norms.bound_twice", frozen=True):
    """The norm {norm} binds {operation} twice."""

    norm: NormCode
    operation: Bindable


class NotBindable(Refusal, tag="norms.not_bindable", frozen=True):
    """The operation {operation} makes law, so no norm binds it."""

    operation: Bindable


class TooManyGrounds(Refusal, tag="norms.too_many_grounds", frozen=True):
    """{most} versions of norms bind {operation} already."""

    operation: Bindable
    most: Natural[int]


class NotBound(Refusal, tag="norms.not_bound", frozen=True):
    """No norm binds {operation}."""

    operation: Bindable


@final
class ActedUnder(Event, tag="norms.acted_under", frozen=True):
    """{operation} was done under version {version} of norm {norm}."""

    operation: Bindable
    norm: NormCode
    version: NormVersionNumber


def require_lawful(act: "Act", operation: Operation) -> None:
    """An operation is unbound, or a norm that binds it is in force; then say which.

    Raises:
        Refused: none is.
    """
    require_ground(act, code(operation))


def require_ground(act: "Act", bindable: str) -> None:
    """The same of whatever can be bound.

    Raises:
        Refused: no norm that binds it is in force.
    """
    binding = act.state[BINDINGS].find(bindable)
    if binding is None:
        return
    grounds = [ground for ground in binding.grounds if is_in_force(ground, act.time_ms)]
    if not grounds:
        raise Refused(NoNormInForce(bindable, act.time_ms))
    for ground in grounds:
        act.emit(ActedUnder(bindable, ground.norm, ground.version))


def is_in_force(version: Ground | NormVersion, time_ms: TimeMs) -> bool:
    """Whether a version is the law at this time."""
    return version.from_ms <= time_ms and not _is_over(version, time_ms)


def _is_over(version: Ground | NormVersion, time_ms: TimeMs) -> bool:
    return version.until_ms is not None and version.until_ms <= time_ms


def contradictions(draft: Draft, time_ms: TimeMs) -> Iterator[Refusal]:
    """What about a draft cannot be, if it is enacted at this time; genesis asks it too."""
    from_ms = TimeMs(max(draft.from_ms or 0, time_ms))
    if draft.until_ms is not None and draft.until_ms <= from_ms:
        yield NeverInForce(draft.norm, from_ms, draft.until_ms)
    for at, bindable in enumerate(draft.binds):
        if bindable in draft.binds[:at]:
            yield BoundTwice(draft.norm, bindable)
        if bindable.startswith(MAKES_LAW):
            yield NotBindable(bindable)


def enact(act: "Act", draft: Draft) -> tuple[int, NormVersion]:
    """Write a norm, or the next version of one. Whether the actor may is not asked.

    Raises:
        Refused: it would never be in force; another version waits; what it binds cannot be bound,
            or is bound by too many.
    """
    for refusal in contradictions(draft, act.time_ms):
        raise Refused(refusal)
    norm = act.state[NORMS].find(draft.norm)
    latest = 0 if norm is None else norm.latest
    if latest:
        last = _version(act, draft.norm, latest)
        if last.from_ms > act.time_ms and not _is_over(last, last.from_ms):
            raise Refused(VersionWaits(draft.norm, latest, last.from_ms))
    most = kernel_limits.BINDING_GROUNDS_MAX
    for bindable in draft.binds:
        if len(_grounds(act, bindable)) >= most:
            raise Refused(TooManyGrounds(bindable, most))

    from_ms = TimeMs(max(draft.from_ms or 0, act.time_ms))
    _end(act, draft.norm, latest, from_ms)
    number, version = latest + 1, _begun(draft, act.time_ms, act.height)
    act.state[NORMS][draft.norm] = Norm(number)
    act.state[NORM_VERSIONS][draft.norm, number] = version
    ground = Ground(draft.norm, number, version.from_ms, version.until_ms)
    for bindable in draft.binds:
        act.state[BINDINGS][bindable] = Binding((*_grounds(act, bindable), ground))
    return number, version


def rows_of_genesis(
    drafts: Iterable[Draft], time_ms: TimeMs
) -> Iterator[tuple[Table[Any, Any], object, Struct]]:
    """The rows of norms that a network begins with: each is its first version."""
    bound: dict[str, tuple[Ground, ...]] = {}
    for draft in drafts:
        version = _begun(draft, time_ms, Height(0))
        yield NORMS, draft.norm, Norm(1)
        yield NORM_VERSIONS, (draft.norm, 1), version
        ground = Ground(draft.norm, 1, version.from_ms, version.until_ms)
        for bindable in draft.binds:
            bound[bindable] = (*bound.get(bindable, ()), ground)
    for bindable, grounds in bound.items():
        yield BINDINGS, bindable, Binding(grounds)


def _begun(draft: Draft, time_ms: TimeMs, height: Height) -> NormVersion:
    from_ms = TimeMs(max(draft.from_ms or 0, time_ms))
    return NormVersion(draft.commitment, from_ms, draft.until_ms, draft.binds, height)


def repeal(act: "Act", norm: str) -> int:
    """End a norm at once, with the version that waits; its latest version.

    Whether the actor may is not asked.

    Raises:
        Refused: there is no such norm, or it is over.
    """
    latest = act.state[NORMS].need(norm, UnknownNorm(norm)).latest
    last = _version(act, norm, latest)
    if last.until_ms is not None and last.until_ms <= max(act.time_ms, last.from_ms):
        raise Refused(NormOver(norm, latest, last.until_ms))

    _end(act, norm, latest, act.time_ms)
    return latest


def free(act: "Act", bindable: str) -> None:
    """Let something be done without a norm again. Whether the actor may is not asked.

    Raises:
        Refused: it is not bound.
    """
    act.state[BINDINGS].need(bindable, NotBound(bindable))

    del act.state[BINDINGS][bindable]


def _version(act: "Act", norm: str, number: int) -> NormVersion:
    row = act.state[NORM_VERSIONS].find((norm, number))
    assert row is not None, f"norm {norm} has {number} versions"
    return row


def _grounds(act: "Act", bindable: str) -> tuple[Ground, ...]:
    """Those that are not over: block time never goes back, so nobody asks for the others."""
    binding = act.state[BINDINGS].find(bindable)
    if binding is None:
        return ()
    return tuple(ground for ground in binding.grounds if not _is_over(ground, act.time_ms))


def _end(act: "Act", norm: str, latest: int, at_ms: TimeMs) -> None:
    """No version is in force from a time on: the last two, for all before those are over."""
    for number in range(max(1, latest - 1), latest + 1):
        row = _version(act, norm, number)
        until_ms = TimeMs(max(row.from_ms, at_ms))
        if row.until_ms is not None and row.until_ms <= until_ms:
            continue
        act.state[NORM_VERSIONS][norm, number] = replace(row, until_ms=until_ms)
        for bindable in row.binds:
            if bindable not in act.state[BINDINGS]:
                continue  # it was freed
            grounds = (
                replace(each, until_ms=until_ms)
                if (each.norm, each.version) == (norm, number)
                else each
                for each in _grounds(act, bindable)
            )
            act.state[BINDINGS][bindable] = Binding(tuple(grounds))
