"""Catalogues: what is compiled is what is written, and every translation keeps its fields."""

from __future__ import annotations

import re
from typing import Final

import pytest

from kit.languages.catalogue import forms, mo, original, path, written
from kit.tree import ROOT
from primitives.languages import AGREEMENT, COUNT, ENGLISH, LANGUAGES, Catalogue

OTHERS: Final = [language for language in LANGUAGES if language != ENGLISH]
FIELD: Final = re.compile(r"\{[a-z_][a-z0-9_]*(?:![rsa])?\}|%\([a-z]+\)s")
GRAMMATICAL: Final = re.compile(rf"\{{(?:{'|'.join(AGREEMENT)})(?:_\d)?\}}")
GLOSSARY: Final = re.compile(r"^\| ([a-z ]+) \| [^|]+ \| ([^|]+?) \|", re.MULTILINE)
TERM: Final = r"(?<![-\w./*=_]){0}s?(?![-\w./*=_:])"
CODE: Final = re.compile(r"`[^`]*`|\{[^}]*\}|\bmithaq [a-z ]+")


@pytest.mark.parametrize("language", OTHERS)
def test_what_is_compiled_is_what_is_written(language: str) -> None:
    """After a change: `PYTHONPATH=.:tests python -m kit.languages compile`."""
    assert path(language, "mo").read_bytes() == mo(written(language))


@pytest.mark.parametrize("language", OTHERS)
def test_every_translation_has_the_fields_of_its_original(language: str) -> None:
    """None lost, none invented, none twice.

    Only a number may be said by the plural form itself, as a dual is, and what English needs to
    agree in number may be left out.
    """
    wrong = []
    for message in written(language):
        wanted = FIELD.findall(original(message))
        fields = set(wanted)
        said_by_the_form = set() if isinstance(message.id, str) else {f"{{{COUNT}}}"}
        needed = {field for field in fields if not GRAMMATICAL.fullmatch(field)} - said_by_the_form
        for form in filter(None, forms(message) if message.id else ()):
            found = FIELD.findall(form)
            if not needed <= set(found) <= fields or len(found) > len(wanted):
                wrong.append((original(message), form))
    assert wrong == []


def test_a_number_takes_the_form_that_arabic_has_for_it() -> None:
    """None, one, two, a few, many, and hundreds."""
    said = Catalogue("ar").sentence
    english = "{count} transactions wait"

    forms_said = {count: said(english, count) for count in (0, 1, 2, 3, 10, 11, 99, 100, 101, 103)}

    assert forms_said[0] == "لا معاملات تنتظر"
    assert forms_said[1] == "معاملة واحدة تنتظر"
    assert forms_said[2] == "معاملتان تنتظران"
    assert forms_said[3] == forms_said[10] == forms_said[103] == "{count} معاملات تنتظر"
    assert forms_said[11] == forms_said[99] == "{count} معاملة تنتظر"
    assert forms_said[100] == forms_said[101] == "{count} معاملة تنتظر"


def test_terms_of_the_glossary_are_used() -> None:
    """A sentence with an English term has the Arabic one that docs/languages.md gives it."""
    page = (ROOT / "docs/languages.md").read_text(encoding="utf-8")
    glossary = {english: forms.split("، ") for english, forms in GLOSSARY.findall(page)}
    assert len(glossary) > 30

    strayed = [
        (english, original(message))
        for message in written("ar")
        if message.id and not message.context and all(forms(message))
        for english, expected in glossary.items()
        if re.search(TERM.format(english), CODE.sub("", original(message)))
        and not any(each in " ".join(forms(message)) for each in expected)
    ]

    assert strayed == []
