"""`--interactive`: asks for each field of an operation, and takes no answer that it cannot be.

Questions go to standard error, so that `tx build --interactive > payment.json` writes the
transaction and nothing else. What was given as an option is not asked.
"""

import sys
from collections.abc import Callable, Mapping
from itertools import chain
from typing import Any, Final, TypeVar, final

import click
from msgspec import Struct

from cli.field_kinds import FieldKind, allows, fields_of, one_of, option_name, tag_of
from cli.fields import Reader
from cli.home import Home
from cli.language import spoken
from primitives.errors import Malformed, MithaqError, OperatorFault, Rejected
from primitives.named import from_named

T = TypeVar("T")

_YES: Final = {"y", "yes", "ن", "نعم"}


@final
class Interview:
    """Asks a person for what was not given."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._asset: str | None = None
        """The operation's asset, once it is known: amounts are of this one."""

    def operation(self, kind: type[Struct], given: Mapping[str, Any]) -> dict[str, Any]:
        """The named form of an operation.

        Raises:
            UsageError: an option says something that its field cannot be; or nobody answers.
        """
        _say(f"{kind.__struct_config__.tag}: {(kind.__doc__ or '').strip().splitlines()[0]}")
        named: dict[str, Any] = {"operation": kind.__struct_config__.tag}
        for name, field, annotation in fields_of(kind):
            if given[name] in (None, (), ""):
                named[name] = self._asked(name, field, annotation)
            else:
                named[name] = self._given(name, field, given[name])
            if name == "asset":
                self._asset = named[name]
        return named

    def name_of(self, what: str, find: Callable[[str], T]) -> str:
        """A name that `find` finds; why not, and the question again, where it does not."""

        def found(word: str) -> str:
            find(word)
            return word

        return self._until_good(what, found)

    def confirmed(self, question: str) -> bool:
        """Whether a person says yes."""
        return _answer(f"{question} [y/N]").lower() in _YES

    def _given(self, name: str, field: FieldKind, word: Any) -> Any:  # noqa: ANN401 - an option's value
        where = f"--{option_name(name, field)}"
        words = word if field.item is not None else (word,)
        values = [self._read(name, field.item or field, each, where) for each in words]
        if field.item is None:
            return values[0]
        return list(chain.from_iterable(v if isinstance(v, list) else [v] for v in values))

    def _read(self, name: str, field: FieldKind, word: str, where: str) -> Any:  # noqa: ANN401 - named form
        reader = Reader(self._home)
        value = reader.value_of(name, field, word, where)
        if self._asset is not None:
            reader.check_assets(self._asset)
        return value

    def _asked(self, name: str, field: FieldKind, annotation: Any, of: str = "") -> Any:  # noqa: ANN401 - a type, named form
        if field.item is not None:
            return self._list(name, field.item, needed=not allows((), annotation))
        where = f"{of}{name.replace('_', ' ')}"
        if field.choices or field.is_struct:
            return self._parts(field, where)
        empty = field.core is str and allows("", annotation)
        note = " (empty for none)" if field.optional else " (may be empty)" if empty else ""
        choice = ", ".join(member.value for member in field.core) if field.is_enum else ""
        words = f" ({choice})" if choice else ""

        def read(word: str) -> Any:  # noqa: ANN401 - named form
            if not word and (field.optional or empty):
                return None if field.optional else ""
            if choice and word not in choice.split(", "):
                raise click.UsageError(f"expected {choice}, found {word!r}")
            value = self._read(name, field, word, where)
            from_named(value, annotation)
            return value

        about = f": {field.description}" if field.description else ""
        return self._until_good(f"{where}{about}{words}{note}", read)

    def _parts(self, field: FieldKind, where: str) -> dict[str, Any]:
        struct = self._chosen(field, where) if field.choices else field.core
        parts = {
            name: self._asked(name, inner, annotation, f"{where} ")
            for name, inner, annotation in fields_of(struct)
        }
        return {**tag_of(struct), **parts}

    def _chosen(self, field: FieldKind, where: str) -> type[Struct]:
        by_tag = {tag: struct for struct in field.choices for tag in tag_of(struct).values()}

        def struct_of(word: str) -> type[Struct]:
            if word not in by_tag:
                raise click.UsageError(f"expected {', '.join(by_tag)}, found {word!r}")
            return by_tag[word]

        return self._until_good(f"{where} ({', '.join(by_tag)})", struct_of)

    def _list(self, name: str, item: FieldKind, *, needed: bool) -> list[Any]:
        one = one_of(name).replace("_", " ")
        items: list[Any] = []
        if not needed and not self.confirmed(f"any {one}?"):
            return items
        while True:
            items.append(self._item(name, item, f"{one} {len(items) + 1}"))
            if not self.confirmed(f"another {one}?"):
                return items

    def _item(self, name: str, item: FieldKind, where: str) -> Any:  # noqa: ANN401 - named form
        if item.choices or item.is_struct:
            return self._parts(item, where)
        return self._until_good(where, lambda word: self._read(name, item, word, where))

    def _until_good(self, question: str, read: Callable[[str], T]) -> T:
        while True:
            word = _answer(question)
            try:
                return read(word)
            except click.UsageError as error:
                _say(f"  {error.format_message()}")
            except (Malformed, OperatorFault, Rejected) as error:
                _say(f"  {_message(error)}")


def _message(error: MithaqError) -> str:
    # One field was read by itself: the path to it says nothing.
    return str(error).replace(" - at `$`", "")


def _answer(question: str) -> str:
    _say(question)
    click.echo("> ", nl=False, err=True)
    line = sys.stdin.readline()
    if not line:
        raise click.UsageError(f"the answers ended before this one: {question}")
    return line.strip()


def _say(text: str) -> None:
    click.echo(spoken(text), err=True)
