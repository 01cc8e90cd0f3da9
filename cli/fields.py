"""Options from fields: each field of an operation is one option of its command.

Nothing here knows an operation. The named form (`primitives.named`) says what a value must be and
complains with its path; what is added for people: accounts by the name of a key, amounts in whole
units where they name their asset (`1250.00GBP`), times from now on or as a day, and lists as
repeated options, each item as `name=value,name=value`. What has parts of its own, such as a policy,
is JSON on the line or in a file (`cli.nested`).
"""

import re
from collections.abc import Mapping
from typing import Any, Final, final

import click
from msgspec import Struct

from cli.amounts import MINOR_UNITS, Amounts, is_of_a_treasury
from cli.field_kinds import FieldKind, allows, fields_of, option_name, tag_of
from cli.home import Home
from cli.language import normalised
from cli.nested import is_json, read_calls, read_json
from cli.times import moment_ms, span_ms
from primitives.errors import OperatorFault
from primitives.ids import AccountId, PublicKey, TimeMs
from primitives.named import EXACT_MAX

_MONEY: Final = re.compile(r"(?P<whole>\d+)(?:\.(?P<part>\d+))? ?(?P<asset>[A-Z][A-Z0-9]{2,11})")
_WHOLE: Final = re.compile(r"-?\d{1,19}")


def options_of(operation: type[Struct]) -> list[click.Option]:
    """The options of an operation's command."""
    return [_option(name, kind, annotation) for name, kind, annotation in fields_of(operation)]


def _option(name: str, kind: FieldKind, annotation: Any) -> click.Option:  # noqa: ANN401 - a type
    if kind.item is not None:
        return click.Option(
            [f"--{option_name(name, kind)}", name],
            multiple=True,
            required=not allows((), annotation),
            metavar=_metavar(kind.item),
            help=f"{_capital(_help(kind.item) or kind.description)} May be given several times.",
        )
    empty = kind.core is str and not kind.optional and allows("", annotation)
    # A default of None would count as one: click would no longer miss what is required.
    default: dict[str, Any] = {"default": ""} if empty else {}
    choice = click.Choice([member.value for member in kind.core]) if kind.is_enum else click.STRING
    return click.Option(
        [f"--{option_name(name, kind)}", name],
        required=not (kind.optional or empty),
        type=choice,
        metavar=None if kind.is_enum else _metavar(kind),
        help=_capital(_help(kind)),
        **default,
    )


def _metavar(kind: FieldKind) -> str:
    if kind.is_flat:
        return ",".join(f"{name}=…" for name, _, _ in fields_of(kind.core))
    if kind.embeds:
        return "FILE"
    if not kind.is_word:
        return "JSON|FILE.json"
    if kind.core is AccountId:
        return "ACCOUNT"
    if kind.core is PublicKey:
        return "KEY"
    if kind.core is TimeMs:
        return "TIME"
    if kind.plain is int:
        return "NUMBER"
    if kind.core is bool:
        return "true|false"
    return "TEXT" if kind.plain is str else "HEX"


def _help(kind: FieldKind) -> str:
    if kind.embeds:
        return f"{kind.description or kind.embeds}; an unsigned transaction, as tx build writes it"
    if kind.is_word:
        return kind.description
    if not kind.is_flat:
        return f"{kind.description}; its form: mithaq tx form".removeprefix("; ")
    parts = [
        f"{name}: {field.description}"
        for name, field, _ in fields_of(kind.core)
        if field.description
    ]
    return "; ".join(parts)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:].rstrip(".") + "." if text else ""


@final
class Reader:
    """Turns the words of a command into the named form of one operation."""

    def __init__(self, home: Home, amounts: Amounts | None = None) -> None:
        """`amounts` knows of what asset a treasury's are; without it they are minor units."""
        self._home = home
        self._amounts = amounts
        self._money: list[tuple[str, str]] = []
        """(option, asset) of each amount that named its asset."""

    def operation(self, kind: type[Struct], given: Mapping[str, Any]) -> dict[str, Any]:
        """The named form of an operation.

        Raises:
            UsageError: an option says something that its field cannot be.
        """
        named: dict[str, Any] = {"operation": kind.__struct_config__.tag}
        for name, field, _ in fields_of(kind):
            where = f"--{option_name(name, field)}"
            if field.item is None:
                word = given[name]
                named[name] = None if word is None else self.value_of(name, field, word, where)
                continue
            named[name] = []
            for word in given[name]:
                found = self._value(field.item, word, where)
                named[name] += found if isinstance(found, list) else [found]
        self.check_assets(named.get("asset") or self._treasurys(kind))
        return named

    def _treasurys(self, kind: type[Struct]) -> str | None:
        if not self._money or self._amounts is None or not is_of_a_treasury(kind):
            return None
        return self._amounts.treasurys

    def inner(self) -> "Reader":
        """Another one, for an operation that is kept in a field."""
        return Reader(self._home, self._amounts)

    def check_assets(self, expected: str | None) -> None:
        """The amounts that named their asset named this one.

        Raises:
            UsageError: one did not.
        """
        expected = expected or "minor units"
        for where, asset in self._money:
            if asset != expected:
                raise click.UsageError(
                    f"{where}: expected an amount of {expected}, found one of {asset}"
                )

    def value_of(self, name: str, kind: FieldKind, word: str, where: str) -> Any:  # noqa: ANN401
        """The named form of one field, or of one item of a list.

        Raises:
            UsageError: it cannot be that.
        """
        if name in MINOR_UNITS and kind.plain is int:
            return self._amount(word, where)
        if _is_span(name, kind):
            return _span(word, where)
        return self._value(kind, word, where)

    def _value(self, kind: FieldKind, word: str, where: str) -> Any:  # noqa: ANN401
        if kind.embeds:
            return read_calls(word, where, self)
        if not kind.is_word:
            if kind.is_flat and not is_json(word):
                return self._struct(kind.core, word, where)
            return read_json(kind, word, where, self)
        if kind.core is AccountId:
            return self._home.account(word).hex()
        if kind.core is PublicKey:
            return self._home.public_key(word).hex()
        if kind.core is TimeMs:
            return _time(word, where)
        if kind.plain is int:
            return _integer(word, where)
        if kind.core is bool:
            if word not in ("true", "false"):
                raise click.UsageError(f"{where}: expected true or false, found {word!r}")
            return word == "true"
        return normalised(word)

    def named_word(self, name: str, kind: FieldKind, word: str, where: str) -> Any:  # noqa: ANN401
        """A word in JSON, where a number has another form than a text."""
        spoken = (
            kind.core in (AccountId, PublicKey, TimeMs)
            or name in MINOR_UNITS
            or _is_span(name, kind)
        )
        return self.value_of(name, kind, word, where) if spoken else normalised(word)

    def _struct(self, struct: type[Struct], word: str, where: str) -> dict[str, Any]:
        fields = {name: (kind, annotation) for name, kind, annotation in fields_of(struct)}
        given = _pairs(word, list(fields), where)
        named: dict[str, Any] = {**tag_of(struct)}
        for name, (kind, annotation) in fields.items():
            if name in given:
                named[name] = self.value_of(name, kind, given[name], f"{where} {name}")
            elif kind.optional:
                named[name] = None
            elif allows("", annotation):
                named[name] = ""
            else:
                raise click.UsageError(
                    f"{where}: expected {_metavar(FieldKind(struct, False, ''))}, "
                    f"found no {name} in {word!r}"
                )
        return named

    def _amount(self, word: str, where: str) -> int | str:
        if _WHOLE.fullmatch(word):
            return _integer(word, where)
        money = _MONEY.fullmatch(word)
        if money is None:
            raise click.UsageError(
                f"{where}: expected minor units (125000), or whole units with their asset "
                f"(1250.00GBP), found {word!r}"
            )
        asset, part = money["asset"], money["part"] or ""
        exponent = self._exponent(asset, where)
        if len(part) > exponent:
            raise click.UsageError(
                f"{where}: {asset} has {exponent} decimal places, found {len(part)} in {word!r}"
            )
        self._money.append((where, asset))
        return _integer(money["whole"] + part.ljust(exponent, "0"), where)

    def _exponent(self, asset: str, where: str) -> int:
        try:
            known = {each.code: each.exponent for each in self._home.document.assets}
        except OperatorFault as fault:
            raise click.UsageError(
                f"{where}: without a genesis nobody knows the decimal places of {asset}; give the "
                f"amount in minor units ({fault})"
            ) from fault
        if asset not in known:
            raise click.UsageError(
                f"{where}: expected an asset of genesis ({', '.join(known)}), found {asset}"
            )
        return known[asset]


def _is_span(name: str, kind: FieldKind) -> bool:
    """Whether a field counts the milliseconds of a span, not those since 1970."""
    return name.endswith("_ms") and kind.core is int


def _span(word: str, where: str) -> int | str:
    found = span_ms(word)
    if found is None:
        raise click.UsageError(
            f"{where}: expected a time such as 90s, 30m, 2h or 14d, found {word!r}"
        )
    return _exact(found)


def _time(word: str, where: str) -> int | str:
    found = moment_ms(word)
    if found is None:
        raise click.UsageError(
            f"{where}: expected +14d from now, 2027-01-31, 2027-01-31T12:00Z or milliseconds, "
            f"found {word!r}"
        )
    return _exact(found)


def _integer(word: str, where: str) -> int | str:
    if not _WHOLE.fullmatch(word):
        raise click.UsageError(f"{where}: expected a whole number, found {word!r}")
    return _exact(int(word))


def _exact(number: int) -> int | str:
    # As the named form has it: what a JavaScript number cannot hold is a string.
    return number if -EXACT_MAX <= number <= EXACT_MAX else str(number)


def _pairs(word: str, names: list[str], where: str) -> dict[str, str]:
    # A comma separates only where the name of a field follows, so that texts may hold commas.
    known = "|".join(map(re.escape, names))
    given: dict[str, str] = {}
    for part in re.split(rf",(?=(?:{known})=)", word):
        name, equals, value = part.partition("=")
        if not equals or name not in names:
            raise click.UsageError(
                f"{where}: expected {','.join(f'{name}=…' for name in names)}, found {part!r}"
            )
        if name in given:
            raise click.UsageError(f"{where}: {name} stands twice in {word!r}")
        given[name] = value
    return given
