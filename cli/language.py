"""Which language a person is spoken to in, and how what was said in English is said in it.

Code below the command line, and nodes, say everything in English; programs get codes and facts.
Here, at the one edge where a person reads, a sentence is recognised by its template in the
catalogue, and said again in the person's language with the same values in it. What is in no
catalogue, such as the words of an operating system, stays as it was. A sentence may hold another
one in a field, or several behind each other: each is recognised by itself.
"""

import gettext
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Final, final
from unicodedata import normalize

import click

from cli.right_to_left import CONTROLS, foreign_isolated, has_arabic, isolated, line
from primitives.languages import (
    AGREEMENT,
    COUNT,
    DOMAIN,
    ENGLISH,
    FIELD,
    LANGUAGES,
    LOCALE,
    Catalogue,
    catalogue_of,
    filled,
)

LANGUAGE_OPTION: Final = "--lang"
LANGUAGE_VARIABLE: Final = "MITHAQ_LANG"
_INHERITED: Final = ("LC_ALL", "LC_MESSAGES", "LANG")
_DEPTH_MAX: Final = 12
"""Sentences in fields of sentences; deeper is no sentence of ours."""
_JOINTS: Final = ("\n", "; ", ". ", ": ", ", ")
"""Between sentences that stand behind each other."""
_NAMES: Final = re.compile(
    r"(?:(?P<some>\d+) of )?(?P<names>[\w.-]+(?:, [\w.-]+)* (?P<last>and|or) [\w.-]+)"
)
"""`A, B and C`, as `node.plain_words.names` has it; perhaps so many of them."""
_STATE: Final = re.compile(r"\(([a-z ]+)\)")
_WITH_STATES: Final = re.compile(r"[\w.-]+ \([a-z ]+\)(?:, [\w.-]+ \([a-z ]+\))*")
"""`A (missing), B (behind)`."""
_OF_STATES: Final = frozenset(
    {"kind", "outcome", "role", "stance", "state", "status", "task", "verdict"}
)
"""Columns whose words are ours; in others they may be somebody's names."""
_ARABIC_JOINTS: Final = {"; ": "؛ ", ", ": "، "}

_spoken: ContextVar[str] = ContextVar("language", default=ENGLISH)


def without_language(arguments: Sequence[str]) -> tuple[list[str], str | None]:
    """The arguments without --lang, and what it said.

    It is read before anything is parsed, because help and errors are in the language too; so it
    may stand anywhere before `--`.
    """
    rest = list(arguments)
    end = rest.index("--") if "--" in rest else len(rest)
    for place, word in enumerate(rest[:end]):
        name, equals, value = word.partition("=")
        if name == LANGUAGE_OPTION and equals:
            del rest[place]
            return rest, value
        if name == LANGUAGE_OPTION and place + 1 < end:
            return rest[:place] + rest[place + 2 :], rest[place + 1]
    return rest, None


def language_of(asked: str | None, environment: Mapping[str, str]) -> str:
    """--lang, else MITHAQ_LANG, else what the system's locale is, as far as there is a catalogue.

    Raises:
        UsageError: a language was asked for by name that there is no catalogue of.
    """
    if asked is not None:
        return _known(asked, LANGUAGE_OPTION)
    if environment.get(LANGUAGE_VARIABLE):
        return _known(environment[LANGUAGE_VARIABLE], LANGUAGE_VARIABLE)
    inherited = next((environment[name] for name in _INHERITED if environment.get(name)), "")
    code = _code(inherited)
    return code if code in LANGUAGES else ENGLISH


def _known(word: str, where: str) -> str:
    code = _code(word)
    if code not in LANGUAGES:
        raise click.UsageError(f"{where}: expected one of {', '.join(LANGUAGES)}, found {word!r}")
    return code


def _code(word: str) -> str:
    return re.split(r"[_.@-]", word, maxsplit=1)[0].lower()


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """All that is said meanwhile is said in this language; what click says itself, too."""
    token = _spoken.set(language)
    before = os.environ.get("LANGUAGE")
    if language != ENGLISH:
        # click asks the standard library's gettext, which looks here first.
        os.environ["LANGUAGE"] = language
        gettext.bindtextdomain(DOMAIN, str(LOCALE))
        gettext.textdomain(DOMAIN)
    try:
        yield
    finally:
        _spoken.reset(token)
        if language != ENGLISH:
            if before is None:
                del os.environ["LANGUAGE"]
            else:
                os.environ["LANGUAGE"] = before


def normalised(text: str) -> str:
    """What a person typed, in Unicode's NFC: one text has one spelling everywhere."""
    return normalize("NFC", text)


def current() -> str:
    """The language that is spoken now."""
    return _spoken.get()


def is_right_to_left() -> bool:
    """Whether lines read from the right."""
    return current() != ENGLISH


def spoken(text: str) -> str:
    """What was said in English, in the language that is spoken; each line as it is to be shown."""
    return shown(phrase(text))


def shown(text: str) -> str:
    """What is in the language already, each line with its direction."""
    if not is_right_to_left():
        return text
    lines = text.split("\n")
    return "\n".join(line(foreign_isolated(each)) if has_arabic(each) else each for each in lines)


def phrase(text: str) -> str:
    """As `spoken`, of what stands in a line with other things."""
    return recogniser(current()).said(text) if is_right_to_left() and text else text


def label(english: str) -> str:
    """The title of a column or the name of a fact."""
    return recogniser(current()).label(english) if is_right_to_left() else english


def cell(english: str, column: str) -> str:
    """A value in a table: a word that stands for a state, a sentence, or what needs no language."""
    if not is_right_to_left():
        return english
    if column.lower() in _OF_STATES or english in {"yes", "no", "none"}:
        return recogniser(current()).word(english)
    return recogniser(current()).said(english)


def word(english: str) -> str:
    """A word that stands for a value."""
    return recogniser(current()).word(english) if is_right_to_left() else english


def is_known(text: str) -> bool:
    """Whether a text is a sentence of the catalogue as it stands."""
    return is_right_to_left() and text in catalogue_of(current())


def told(template: str, values: Mapping[str, object]) -> str:
    """A Struct's docstring with its fields filled in."""
    if not is_right_to_left():
        return filled(template, lambda name: str(values[name]))
    return recogniser(current()).told(" ".join(template.split()), values)


@final
@dataclass(frozen=True, slots=True)
class _Template:
    """A sentence of the catalogue that has fields."""

    english: str
    fields: tuple[str, ...]
    landmark: str
    """Its longest part without a field: what does not have it is not this sentence."""


@final
class Recogniser:
    """Finds the sentence that a text is, and says it in another language."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    @cached_property
    def _templates(self) -> tuple[_Template, ...]:
        found = [_template(each) for each in self._catalogue.originals if FIELD.search(each)]
        # The most specific first: the most of the text that stands still.
        return tuple(sorted(found, key=lambda each: (-_stands_still(each), each.english)))

    def label(self, english: str) -> str:
        """A label; what is none is perhaps a sentence."""
        bare = english.strip()
        plain = bare.lower().replace("_", " ")
        named = self._catalogue.label(plain)
        return self.said(english) if named == plain else english.replace(bare, named)

    def word(self, english: str) -> str:
        """A word, else a sentence, else the same."""
        named = self._catalogue.word(english)
        return named if named != english else self.said(english)

    def told(self, template: str, values: Mapping[str, object]) -> str:
        """A template whose values are known."""
        count = str(values.get(COUNT, ""))
        number = int(count) if count.isdecimal() else None
        said = foreign_isolated(self._catalogue.sentence(template, number))
        return filled(said, lambda name: isolated(str(values[name])))

    def said(self, text: str, depth: int = 0) -> str:
        """A text of sentences, each said again; what is not recognised stays."""
        if any(letter in CONTROLS for letter in text):  # said already, or some of its lines
            lines = text.split("\n")
            return text if len(lines) == 1 else "\n".join(self.said(each) for each in lines)
        if not _has_words(text):
            return text
        bare = text.strip()
        again = self._sentence(bare, depth)
        if again is not None:
            return text.replace(bare, again)
        if depth >= _DEPTH_MAX:
            return text
        if bare.endswith("."):  # set behind a part that is a sentence without it
            again = self._sentence(bare[:-1], depth)
            if again is not None:
                return text.replace(bare, f"{again}.")
        for joint in _JOINTS:
            first, found, rest = text.partition(joint)
            if found:
                parts = (self.said(first, depth + 1), self.said(rest, depth + 1))
                if parts != (first, rest):
                    return _ARABIC_JOINTS.get(joint, joint).join(parts)
        return text

    def _sentence(self, text: str, depth: int) -> str | None:
        if text in self._catalogue:
            return foreign_isolated(self._catalogue.sentence(text))
        whole = f"{text[:1].upper()}{text[1:]}."  # a field's description, which help makes whole
        if whole in self._catalogue:
            return foreign_isolated(self._catalogue.sentence(whole)).removesuffix(".")
        for template in self._templates:
            if template.landmark in text:
                found = _pattern(template.english).fullmatch(text)
                if found is not None:
                    return self._again(template, found.groups(), depth)
        return None

    def _again(self, template: _Template, groups: Sequence[str], depth: int) -> str:
        values = dict(zip(template.fields, groups, strict=True))
        digits = re.sub(r"\D", "", values.get(COUNT, ""))
        english = self._catalogue.sentence(template.english, int(digits) if digits else None)
        return filled(
            foreign_isolated(english), lambda name: isolated(self._value(values[name], depth + 1))
        )

    def _value(self, text: str, depth: int) -> str:
        """What stands in a field: a word of ours, names, sentences, or what stays."""
        part = self._catalogue.part(text)
        if part != text:
            return part
        if _WITH_STATES.fullmatch(text):
            return _STATE.sub(lambda found: f"({self._catalogue.word(found[1])})", text)
        listed = _NAMES.fullmatch(text)
        if listed is None:
            return self.said(text, depth)
        *names, last = [isolated(name) for name in re.split(r", | and | or ", listed["names"])]
        joint = "أو " if listed["last"] == "or" else "و"
        some = f"{listed['some']} من " if listed["some"] else ""
        return f"{some}{'، '.join(names)} {joint}{last}"


@lru_cache(maxsize=len(LANGUAGES))
def recogniser(language: str) -> Recogniser:
    """The recogniser of a language's catalogue."""
    return Recogniser(catalogue_of(language))


def _template(english: str) -> _Template:
    pieces = FIELD.split(english)  # text, field, text, field, …, text
    return _Template(english, tuple(pieces[1::2]), max(pieces[::2], key=len))


@lru_cache(maxsize=4096)
def _pattern(english: str) -> re.Pattern[str]:
    """Made for the few templates whose landmark a text has."""
    first, *others = FIELD.split(english)  # text, field, text, field, …, text
    pattern = re.escape(first)
    for name, still in zip(others[::2], others[1::2], strict=True):
        pattern += _pattern_of(name) + re.escape(still)
    return re.compile(pattern)


def _pattern_of(field: str) -> str:
    if field == COUNT:
        return r"(\d[\d,.]*)"
    return r"(\w*)" if re.sub(r"_\d$", "", field) in AGREEMENT else "(.*?)"


def _stands_still(template: _Template) -> int:
    return len(FIELD.sub("", template.english))


def _has_words(text: str) -> bool:
    return re.search(r"[A-Za-z]{2}", text) is not None
