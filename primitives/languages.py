"""The languages that people are answered in: English as the code says it, others from catalogues.

A sentence is written once, in English, where it is said. It is its own key: a catalogue of gettext
(`locale/LANGUAGE/LC_MESSAGES/mithaq.mo`) has the same sentence in another language, with the same
fields in braces. Labels, such as the title of a column, and words, such as the name of a state,
have contexts of their own there, because one English word is several words elsewhere. Nothing of
this is ever part of consensus, of a log, or of what programs read.
"""

import gettext
import re
import struct
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Final, final

LOCALE: Final = Path(__file__).resolve().parent.parent / "locale"
DOMAIN: Final = "mithaq"
ENGLISH: Final = "en"
ARABIC: Final = "ar"
LANGUAGES: Final = (ENGLISH, ARABIC)

LABEL: Final = "label"
"""The context of titles of columns and names of facts."""
WORD: Final = "word"
"""The context of words that stand for a value: states, roles, outcomes."""
PART: Final = "part"
"""The context of words that stand in a field of a sentence, not as somebody's name."""
COUNT: Final = "count"
"""The field by which a sentence takes its plural form."""

AGREEMENT: Final = frozenset({"are", "do", "form", "here", "its", "s", "verb"})
"""Fields that only make English agree in number: a translation may leave them out."""
FIELD: Final = re.compile(r"\{([a-z_][a-z0-9_]*)\}")
"""A field in braces. Other braces, as of JSON in a help text, are text."""
_CONTEXT_ENDS: Final = "\x04"
_PLURAL_BEGINS: Final = "\0"


@final
class Catalogue:
    """One language's sentences, by their English."""

    def __init__(self, language: str) -> None:
        self.language = language
        file = gettext.find(DOMAIN, LOCALE, [language])
        self._translations: gettext.NullTranslations = gettext.NullTranslations()
        self.originals: tuple[str, ...] = ()
        """The English of every sentence that this catalogue has; labels and words aside."""
        if file is not None:
            data = Path(file).read_bytes()
            self._translations = gettext.translation(DOMAIN, LOCALE, [language])
            self.originals = tuple(_originals(data))
        self._known = frozenset(self.originals)

    def __contains__(self, english: str) -> bool:
        return english in self._known

    def sentence(self, english: str, count: int | None = None) -> str:
        """A sentence, with its fields still in braces; in the form that a number asks for."""
        if COUNT in FIELD.findall(english):
            return self._translations.ngettext(english, english, 0 if count is None else count)
        return self._translations.gettext(english)

    def label(self, english: str) -> str:
        """The title of a column or the name of a fact."""
        return self._translations.pgettext(LABEL, english)

    def part(self, english: str) -> str:
        """A word in a field of a sentence."""
        return self._translations.pgettext(PART, english)

    def word(self, english: str) -> str:
        """A word that stands for a value."""
        return self._translations.pgettext(WORD, english)


@lru_cache(maxsize=len(LANGUAGES))
def catalogue_of(language: str) -> Catalogue:
    """The catalogue of a language; that of English is empty, and answers with what it is asked."""
    return Catalogue(language)


def filled(template: str, value: Callable[[str], str]) -> str:
    """A sentence with its fields filled in; braces around anything else are only braces."""
    return FIELD.sub(lambda found: value(found[1]), template)


def _originals(data: bytes) -> list[str]:
    """The keys of a catalogue's file, which the standard library reads and does not list."""
    order = "<" if data[:4] == b"\xde\x12\x04\x95" else ">"
    count, table = struct.unpack_from(f"{order}2I", data, 8)
    keys = []
    for each in range(count):
        length, start = struct.unpack_from(f"{order}2I", data, table + 8 * each)
        keys.append(data[start : start + length].decode().split(_PLURAL_BEGINS)[0])
    return [key for key in keys if key and _CONTEXT_ENDS not in key]
