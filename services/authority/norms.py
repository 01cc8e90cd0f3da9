"""Norms: the governor enacts and repeals law by motion, and says what needs it."""

from typing import Annotated, final

from msgspec import Meta, Struct

from ledger import norms
from ledger.act import Act
from ledger.operation import Event, Operation
from ledger.parameters import require_governor
from ledger.query import After, Limit, Page, Query, Reading, entry_name
from primitives.ids import Digest, Height, Natural, Sized32, TimeMs


@final
class NormEnacted(Event, tag="authority.norm_enacted", frozen=True):
    """Version {version} of norm {norm} is in force from {from_ms}, before {until_ms}."""

    norm: norms.NormCode
    version: norms.NormVersionNumber
    commitment: Sized32[Digest]
    from_ms: Natural[TimeMs]
    until_ms: Natural[TimeMs] | None


@final
class NormRepealed(Event, tag="authority.norm_repealed", frozen=True):
    """Norm {norm} is repealed; its latest version is {version}."""

    norm: norms.NormCode
    version: norms.NormVersionNumber


@final
class OperationFreed(Event, tag="authority.operation_freed", frozen=True):
    """{operation} needs no norm any more."""

    operation: norms.Bindable


@final
class EnactNorm(Operation, tag="authority.enact_norm", frozen=True):
    """Enact a norm, or the next version of one, which ends the version before it.

    Only the governor may, so a motion of it was passed. From then on what the norm binds is done
    under a norm in force, or refused. Law is not made for the past: a time that is over means the
    enactment.
    """

    norm: Annotated[norms.NormCode, Meta(description="code of the norm, such as law/2026/12")]
    commitment: Annotated[
        Digest, Meta(min_length=32, max_length=32, description="SHA-256(domain ‖ salt ‖ text)")
    ]
    from_ms: Annotated[
        Natural[TimeMs] | None, Meta(description="in force from; none is from its enactment")
    ]
    until_ms: Annotated[
        Natural[TimeMs] | None, Meta(description="in force before; none is until it is repealed")
    ]
    binds: Annotated[norms.Binds, Meta(description="tags of operations, and parameters")]

    def apply(self, act: Act) -> None:
        """Write the version."""
        require_governor(act)
        draft = norms.Draft(self.norm, self.commitment, self.from_ms, self.until_ms, self.binds)
        number, version = norms.enact(act, draft)
        act.emit(NormEnacted(self.norm, number, self.commitment, version.from_ms, version.until_ms))


@final
class RepealNorm(Operation, tag="authority.repeal_norm", frozen=True):
    """Repeal a norm: it is in force no longer, and a version that waits never comes into force.

    Only the governor may, so a motion of it was passed. What the norm bound is refused from then
    on, unless another norm that binds it is in force, or the governor frees it.
    """

    norm: Annotated[norms.NormCode, Meta(description="code of the norm, such as law/2026/12")]

    def apply(self, act: Act) -> None:
        """End its versions."""
        require_governor(act)
        act.emit(NormRepealed(self.norm, norms.repeal(act, self.norm)))


@final
class FreeOperation(Operation, tag="authority.free_operation", frozen=True):
    """Let an operation be done, or a parameter be changed, without a norm again.

    Only the governor may, so a motion of it was passed. The norms that bound it stay as they are.
    """

    bound: Annotated[norms.Bindable, Meta(description="tag of the operation, or parameter")]

    def apply(self, act: Act) -> None:
        """Drop the binding."""
        require_governor(act)
        norms.free(act, self.bound)
        act.emit(OperationFreed(self.bound))


@final
class NormRow(Struct, frozen=True, kw_only=True):
    """A version of a norm: in force from `from_ms`, before `until_ms`."""

    norm: norms.NormCode
    version: norms.NormVersionNumber
    from_ms: Natural[TimeMs]
    until_ms: Natural[TimeMs] | None
    binds: tuple[str, ...]
    commitment: Sized32[Digest]
    enacted: Natural[Height]


def _row(key: bytes, version: norms.NormVersion) -> NormRow:
    code, number = norms.read_version_key(key)
    return NormRow(
        norm=code,
        version=number,
        from_ms=version.from_ms,
        until_ms=version.until_ms,
        binds=version.binds,
        commitment=version.commitment,
        enacted=version.enacted,
    )


@final
class NormsInForce(Query, tag="authority.norms", frozen=True, kw_only=True):
    """The norms in force, now or at another time, in the order of their codes.

    What was in force is never changed afterwards, so the answer for a time that is past is final.
    """

    at_ms: (
        Annotated[Natural[TimeMs], Meta(description="milliseconds since 1970; now if none")] | None
    )
    after: After | None
    limit: Limit | None

    def answer(self, reading: Reading) -> Page[NormRow]:
        """List."""
        at_ms = reading.time_ms if self.at_ms is None else self.at_ms
        return reading.list(
            norms.NORM_VERSIONS,
            lambda key, version: _row(key, version) if norms.is_in_force(version, at_ms) else None,
            after=self.after,
            limit=self.limit,
        )


@final
class NormVersions(Query, tag="authority.norm", frozen=True, kw_only=True):
    """All versions of a norm, oldest first; or that there is no such norm."""

    norm: Annotated[norms.NormCode, Meta(description="code of the norm, such as law/2026/12")]
    after: After | None
    limit: Limit | None

    def answer(self, reading: Reading) -> Page[NormRow]:
        """List."""
        if norms.NORMS.read(reading.state, self.norm) is None:
            return Page([], None, [entry_name(norms.NORMS, norms.NORMS.key(self.norm))])
        return reading.list(
            norms.NORM_VERSIONS,
            _row,
            prefix=norms.versions_of(self.norm),
            after=self.after,
            limit=self.limit,
        )


@final
class GroundRow(Struct, frozen=True, kw_only=True):
    """A version of a norm that binds what was asked about."""

    norm: norms.NormCode
    version: norms.NormVersionNumber
    from_ms: Natural[TimeMs]
    until_ms: Natural[TimeMs] | None
    in_force: bool


@final
class Grounds(Query, tag="authority.grounds", frozen=True, kw_only=True):
    """Under which norms an operation is done, or a parameter changed.

    Without rows either nothing binds it, or what is bound has no norm: the entry that the answer
    names is absent, or is there.
    """

    bound: Annotated[norms.Bindable, Meta(description="tag of the operation, or parameter")]

    def answer(self, reading: Reading) -> Page[GroundRow]:
        """Look up."""
        binding = norms.BINDINGS.read(reading.state, self.bound)
        grounds = () if binding is None else binding.grounds
        entry = entry_name(norms.BINDINGS, norms.BINDINGS.key(self.bound))
        rows = [
            GroundRow(
                norm=ground.norm,
                version=ground.version,
                from_ms=ground.from_ms,
                until_ms=ground.until_ms,
                in_force=norms.is_in_force(ground, reading.time_ms),
            )
            for ground in grounds
        ]
        return Page(rows, None, [entry] * max(1, len(rows)))
