"""What a field's type says: the one place where types are taken apart for people.

A field is a word (an id, a number, a text, one of a few words), a list, a Struct with fields of its
own, or a **choice** of Structs that are told apart by their tags.
"""

import types
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Any, Union, final, get_args, get_origin

import msgspec
from msgspec import Meta, Struct

from primitives.named import EMBEDS


@final
@dataclass(frozen=True, slots=True)
class FieldKind:
    """What a field's type says, taken apart."""

    core: Any
    """The type without annotations and without `| None`."""
    optional: bool
    description: str
    item: "FieldKind | None" = None
    """What a list is of."""
    choices: tuple[type[Struct], ...] = ()
    """The Structs of which it is one."""
    embeds: str | None = None
    """The form of what its bytes embed, such as `calls`."""

    @property
    def plain(self) -> Any:  # noqa: ANN401 - a type
        """The core without its name: TimeMs is an integer, AccountId is bytes."""
        return getattr(self.core, "__supertype__", self.core)

    @property
    def is_struct(self) -> bool:
        """Whether it has fields of its own."""
        return isinstance(self.core, type) and issubclass(self.core, Struct)

    @property
    def is_enum(self) -> bool:
        """Whether it is one of a few words."""
        return isinstance(self.core, type) and issubclass(self.core, Enum)

    @property
    def is_word(self) -> bool:
        """Whether people can write it in one word."""
        return not (self.is_struct or self.choices or self.item is not None or self.embeds)

    @property
    def is_flat(self) -> bool:
        """Whether it is a Struct of words: `name=value,name=value`."""
        return self.is_struct and all(kind.is_word for _, kind, _ in fields_of(self.core))


def kind_of(annotation: Any) -> FieldKind:  # noqa: ANN401 - a type
    """Take a field's type apart."""
    description, optional, core, embeds = "", False, annotation, None
    while True:
        if get_origin(core) is Annotated:
            core, *notes = get_args(core)
            said = [note.description for note in notes if isinstance(note, Meta)]
            # The outermost description is the one that knows the field.
            description = description or next((text for text in said[::-1] if text), "")
            forms = [(note.extra or {}).get(EMBEDS) for note in notes if isinstance(note, Meta)]
            embeds = embeds or next((form for form in forms if form), None)
        elif get_origin(core) in (Union, types.UnionType):
            members = tuple(each for each in get_args(core) if each is not types.NoneType)
            optional = optional or len(members) < len(get_args(core))
            if len(members) > 1:
                return FieldKind(core, optional, description, choices=members)
            [core] = members
        else:
            break
    item = kind_of(get_args(core)[0]) if get_origin(core) is tuple else None
    return FieldKind(core, optional, description, item, embeds=embeds)


def fields_of(struct: type[Struct]) -> Iterator[tuple[str, FieldKind, Any]]:
    """Name, kind and type of each field."""
    for field in msgspec.structs.fields(struct):
        yield field.name, kind_of(field.type), field.type


def tag_of(struct: type[Struct]) -> dict[str, str]:
    """The name and the word by which a Struct is told apart in the named form; of most, none."""
    config = struct.__struct_config__
    return {} if config.tag is None else {str(config.tag_field): str(config.tag)}


def option_name(name: str, kind: FieldKind) -> str:
    """A list is filled item by item, so its option is called like one."""
    # A word that Python keeps for itself, such as `from`, is a field with an underscore behind it.
    return (one_of(name) if kind.item is not None else name.rstrip("_")).replace("_", "-")


def one_of(name: str) -> str:
    """One item of a list that is called so: a line of lines, a party of parties."""
    return f"{name[:-3]}y" if name.endswith("ies") else name.removesuffix("s")


def allows(value: str | int | tuple[()], annotation: Any) -> bool:  # noqa: ANN401 - a type
    """Whether a field may have a value."""
    try:
        msgspec.convert(value, annotation)
    except msgspec.ValidationError:
        return False
    return True
