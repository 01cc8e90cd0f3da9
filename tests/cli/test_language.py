"""The language that people are spoken to in, from the option to the last line."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from cli.language import (
    Recogniser,
    cell,
    current,
    label,
    language_of,
    phrase,
    recogniser,
    speaking,
    spoken,
    told,
    without_language,
)
from cli.main import main
from cli.right_to_left import CONTROLS, END, RIGHT_TO_LEFT
from kit.bidirectional import seen
from ledger.accounts import UnknownAccount
from primitives.languages import FIELD, catalogue_of


def plain(text: str) -> str:
    """Without what only a terminal needs."""
    return "".join(letter for letter in text if letter not in CONTROLS)


# --- which language -----------------------------------------------------------------------------


def test_the_option_counts_before_the_variable_and_the_variable_before_the_system() -> None:
    """Each is asked only where the one before it says nothing."""
    system = {"LANG": "ar_EG.UTF-8"}

    assert language_of("en", system | {"MITHAQ_LANG": "ar"}) == "en"
    assert language_of(None, system | {"MITHAQ_LANG": "en"}) == "en"
    assert language_of(None, system) == "ar"
    assert language_of(None, {"LC_ALL": "C", "LANG": "ar_EG.UTF-8"}) == "en"
    assert language_of(None, {"LANG": "de_DE.UTF-8"}) == "en"
    assert language_of(None, {}) == "en"


def test_the_option_may_stand_anywhere_before_the_end_of_options() -> None:
    """It is taken out: no command needs to know it."""
    assert without_language(["--lang", "ar", "tx", "show"]) == (["tx", "show"], "ar")
    assert without_language(["tx", "show", "--lang=ar"]) == (["tx", "show"], "ar")
    assert without_language(["tx", "--", "--lang", "ar"]) == (["tx", "--", "--lang", "ar"], None)
    assert without_language(["tx", "--lang"]) == (["tx", "--lang"], None)


def test_a_language_without_a_catalogue_is_refused_by_name(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Whoever asks for one by name must learn that it is not there."""
    assert main(["--lang", "tlh", "status"]) == 2
    assert capsys.readouterr().err.startswith("mithaq: --lang: expected one of en, ar, found 'tlh'")


def test_a_run_leaves_no_language_behind(capsys: pytest.CaptureFixture[str]) -> None:
    """Neither in the process nor in the environment of what it starts."""
    before = os.environ.get("LANGUAGE")

    assert main(["--lang", "ar", "--help"]) == 0

    assert "ميثاق" in capsys.readouterr().out
    assert current() == "en"
    assert os.environ.get("LANGUAGE") == before


# --- how it is said -----------------------------------------------------------------------------


def test_english_is_said_as_it_is_written() -> None:
    """Without a catalogue nothing is looked at."""
    with speaking("en"):
        assert spoken("There is no role payer.") == "There is no role payer."
        assert label("height") == "height"
        assert cell("applied", "outcome") == "applied"


def test_a_refusal_is_said_with_its_fields_in_place() -> None:
    """From the template of its Struct, which the client knows."""
    with speaking("ar"):
        said = told(UnknownAccount.__doc__ or "", {"account": "a1b2"})

    assert plain(said) == "لا يوجد حساب a1b2."


def test_a_sentence_of_a_node_is_recognised() -> None:
    """Nodes say English to everybody; its values come back in the other language's order."""
    with speaking("ar"):
        said = spoken("Line 2 takes 5 GBP from works: 3 left above floor 0.")

    assert plain(said) == "السطر 2 يأخذ 5 من GBP من الحساب works: المتبقي 3 فوق الحد الأدنى 0."
    assert said.startswith(RIGHT_TO_LEFT)
    assert said.endswith(END)


def test_sentences_behind_each_other_are_recognised_one_by_one() -> None:
    """With the joints of the language."""
    with speaking("ar"):
        assert plain(phrase("There is no role payer.\nThere is no asset GBP.")) == (
            "لا يوجد دور payer.\nلا يوجد أصل GBP."
        )


def test_a_question_says_what_a_field_is() -> None:
    """A description is a sentence of the help, without its capital and its full stop."""
    with speaking("ar"):
        said = plain(phrase("asset: what is paid, such as GBP"))

    assert said == "asset: ما يُدفع، مثل GBP"


def test_a_finding_is_said_with_all_its_parts() -> None:
    """Names, moments and causes that were put together when it was found."""
    finding = (
        "interior and finance are missing since 16:07:19 UTC (5.6 s ago); their machines answer, "
        "and no node runs there."
    )

    with speaking("ar"):
        said = plain(phrase(finding))

    assert said == (
        "interior وfinance من المفقودين منذ 16:07:19 UTC (قبل 5.6 s)؛ "
        "الجهاز يجيب، ولا تعمل عليه عقدة."
    )


def test_what_is_in_no_catalogue_stays() -> None:
    """The words of an operating system, a name, a number, JSON."""
    with speaking("ar"):
        for text in ("Zugriff verweigert", "node0", "12", '{"a": 1}', ""):
            assert spoken(text) == text


def test_each_line_reads_from_the_right() -> None:
    """Whatever its first letter is."""
    with speaking("ar"):
        shown = seen(spoken("There is no asset GBP."), "L")

    assert shown == ".GBP لصأ دجوي ال"


def test_words_of_states_are_said_where_they_stand_alone() -> None:
    """In a cell; inside a sentence they are somebody's names."""
    with speaking("ar"):
        assert cell("applied", "OUTCOME") == "نُفذت"
        assert cell("applied", "name") == "applied"
        assert plain(phrase("There is no role applied.")) == "لا يوجد دور applied."


def test_titles_are_found_in_any_case() -> None:
    """One column is called HEIGHT where another is called height."""
    with speaking("ar"):
        assert label("HEIGHT") == label("height") == "الارتفاع"
        assert label("state_root") == "جذر الحالة"


def test_every_template_is_recognised_as_itself() -> None:
    """Filled with values that are nothing else, each sentence is found again, and no other one.

    Two templates that differ in their fields' names alone are one: the same sentence.
    """
    found: Recogniser = recogniser("ar")
    mistaken = []
    for english in filter(lambda each: len(each) > 1, catalogue_of("ar").originals):
        fields = FIELD.findall(english)
        values = {name: f"{place + 2}{place + 2}" for place, name in enumerate(fields)}
        text = FIELD.sub(lambda match, known=values: known[match[1]], english)  # type: ignore[misc]
        expected = plain(found.told(english, values))
        if plain(found.said(text)) != expected:
            mistaken.append((english, plain(found.said(text)), expected))
    assert mistaken == []


# --- the whole program --------------------------------------------------------------------------


def test_help_errors_and_advice_are_in_the_language(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of our own code, and what click says itself."""
    assert main(["tx", "send", "money.issue", "--help", "--lang", "ar"]) == 0
    helped = plain(capsys.readouterr().out)
    assert "إصدار مال من أصل إلى رصيد حساب." in helped
    assert "الفاعل" in helped

    assert main(["--lang", "ar", "keys", "list", "--home", str(tmp_path)]) == 0
    assert "لا توجد مفاتيح" in plain(capsys.readouterr().out)

    assert main(["--lang", "ar", "tx", "nothing"]) == 2
    assert "لا يوجد أمر" in plain(capsys.readouterr().err)


def test_programs_get_codes_facts_and_english_keys(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Only the message is for people."""
    assert main(["--lang", "ar", "status", "--json", "--home", str(tmp_path / "none")]) == 6

    failure = json.loads(capsys.readouterr().err)
    assert failure["code"] == "local"
    assert set(failure) == {"code", "message", "facts"}
    assert "مجلدا" in plain(failure["message"])
