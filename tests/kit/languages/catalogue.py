"""Catalogues as Babel has them: what the code says now, joined with what translators wrote."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from kit.languages import extract as found
from kit.tree import ROOT
from primitives.languages import COUNT, FIELD, LABEL, LOCALE, PART, WORD

EXTRACTION: Final = "kit.languages.extract:sentences"
BEGUN: Final = datetime(2026, 11, 22, tzinfo=UTC)
"""Dates in a catalogue would change with every run; git knows them better."""


def path(language: str, suffix: str) -> Path:
    """A catalogue's file."""
    return LOCALE / language / "LC_MESSAGES" / f"mithaq.{suffix}"


def wanted() -> Catalog:
    """Every sentence, label and word that a person may meet."""
    catalogue = Catalog(domain="mithaq", project="Mithaq", charset="utf-8", creation_date=BEGUN)
    for file, everything in found.files():
        options = {"everything": "yes"} if everything else {}
        with (ROOT / file).open("rb") as source:
            for _, said, _, _ in extract(EXTRACTION, source, options=options):
                _add(catalogue, str(said), file)
    for where, said in _told():
        _add(catalogue, said, where)
    for one, many in found.of_click():
        catalogue.add(one if many is None else (one, many), locations=[("click", 0)])
    for label in _labels():
        catalogue.add(label, context=LABEL)
    for part in found.parts():
        catalogue.add(part, context=PART)
    for word in found.words():
        catalogue.add(word, context=WORD)
    return catalogue


def _told() -> Iterator[tuple[str, str]]:
    yield from (("help", said) for said in found.helped())
    yield from (("structs", said) for said in found.structs())
    for said in found.catalogued():
        yield "catalogue", said


def _labels() -> Iterator[str]:
    for file, _ in found.files():
        if file.startswith("cli/"):
            yield from found.labels_of((ROOT / file).read_text(encoding="utf-8"))
    yield from found.field_labels()
    yield from ("description", "next", "payee", "year")


def _add(catalogue: Catalog, said: str, where: str) -> None:
    said = said.strip()  # as it is looked up
    plural = COUNT in FIELD.findall(said)
    catalogue.add((said, said) if plural else said, locations=[(where, 0)])


def written(language: str) -> Catalog:
    """The catalogue as it stands in its .po."""
    file = path(language, "po")
    with file.open("rb") as source:
        return read_po(source, locale=language, domain="mithaq", abort_invalid=True)


def joined(language: str) -> Catalog:
    """What is wanted now, with what is translated already; what nobody says any more is gone."""
    catalogue = wanted()
    catalogue.locale = language
    if path(language, "po").exists():
        before = written(language)
        for message in catalogue:
            known = before.get(message.id, message.context) if message.id else None
            if known is not None and known.id == message.id:
                message.string = known.string
    return catalogue


def po(catalogue: Catalog) -> bytes:
    """The bytes of a .po, the same for the same messages."""
    text = io.BytesIO()
    write_po(text, catalogue, width=100, sort_output=True, include_lineno=False, omit_header=False)
    return text.getvalue()


def mo(catalogue: Catalog) -> bytes:
    """The bytes of a .mo, the same for the same messages; without what is not translated."""
    for message in missing(catalogue):
        message.string = ""
    data = io.BytesIO()
    write_mo(data, catalogue)
    return data.getvalue()


def missing(catalogue: Catalog) -> list[Message]:
    """Messages that lack their translation, or one of its forms."""
    return [message for message in catalogue if message.id and not all(forms(message))]


def original(message: Message) -> str:
    """What is translated; of a plural, its first form."""
    return message.id if isinstance(message.id, str) else message.id[0]


def forms(message: Message) -> tuple[str, ...]:
    """A translation: one sentence, or one for each plural form."""
    said = message.string
    return (said or "",) if said is None or isinstance(said, str) else tuple(said)
