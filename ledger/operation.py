"""Operations, refusals, events, duties: the kinds of Struct that carry the law (ledger.md §1).

- An **operation** is one rule. Its fields are what the caller says, its docstring is the text of
  the law, `apply` is the rule itself: first judge, then change.
- A **refusal** is why a rule said no. Its tag is the stable code, its fields the facts, its
  docstring a template of its fields for people; no prose enters consensus.
- An **event** is what became true.
- A **duty** is what falls due by itself at a time that a rule set (ledger/agenda.py).

All are frozen and written as arrays that begin with their tag. Within one union tags are unique;
`module.verb_noun` for operations and duties, `module.what_is_wrong` and `module.what_happened` for
the others. Their named forms carry the tag as `operation`, `refusal`, `event` and `duty`.
"""

from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, final

from msgspec import Meta, Struct, structs

from primitives import kernel_limits

if TYPE_CHECKING:
    from ledger.act import Act
    from ledger.movements import Movement


OperationTag = Annotated[
    str, Meta(pattern=r"^[a-z]+\.[a-z_]+(?!\n)$", max_length=kernel_limits.TAG_LENGTH_MAX)
]
"""Names a kind of operation."""


class Operation(Struct, array_like=True, frozen=True, tag_field="operation"):
    """One rule with what its caller says."""

    delegable: ClassVar[bool] = False
    """Whether a delegated key may perform it, within its limits."""

    def apply(self, act: "Act") -> None:
        """The rule.

        Raises:
            Refused: a condition does not hold; nothing that was changed remains.
        """
        raise NotImplementedError(f"{type(self).__name__} has no rule")


class Duty(Struct, array_like=True, frozen=True, tag_field="duty"):
    """What falls due, and on which thing."""

    def fall_due(self, act: "Act") -> None:
        """Do it. Nobody acts: the actor is the zero account, and nobody is present.

        Raises:
            Refused: a condition does not hold; nothing that was changed remains.
        """
        raise NotImplementedError(f"{type(self).__name__} has no rule")


class Refusal(Struct, array_like=True, frozen=True, tag_field="refusal"):
    """Why a rule said no."""


class Event(Struct, array_like=True, frozen=True, tag_field="event"):
    """What became true."""

    def moves(self) -> "Movement | None":
        """The money that it says was moved; of most, none."""
        return None


@final
class Refused(Exception):
    """Carries a refusal out of a rule; `BlockRun` turns it into a receipt."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(code(refusal))
        self.refusal = refusal


def code(value: Operation | Refusal | Event | Duty) -> str:
    """The tag: stable, for programs."""
    tag = value.__struct_config__.tag
    assert isinstance(tag, str), f"{type(value).__name__} has no tag of its own"
    return tag


def sentence(said: Refusal | Event) -> str:
    """A refusal or an event in English: its docstring with its fields filled in."""
    facts = {name: _shown(value) for name, value in structs.asdict(said).items()}
    return (said.__doc__ or "").format(**facts)


def _shown(value: Any) -> str:  # noqa: ANN401 - a field of any type
    if value is None:
        return "none"
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, tuple):
        return ", ".join(map(_shown, value)) or "none"
    return str(value.value) if isinstance(value, Enum) else str(value)
