"""The page as somebody uses it: a file chosen, dropped or pasted, a pin typed, a verdict read."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from kit.browser import VERIFIER, Page
from kit.proofs import TIME_MS, valid_files

VALID: Final = valid_files()
RECEIPT: Final = VALID["receipt of two calls"]
PIN: Final = str(RECEIPT.pin)
ARABIC: Final = re.compile(r"[\u0600-\u06ff]")
_PHONE: Final = {"width": 320, "height": 700, "deviceScaleFactor": 2, "mobile": True}


@pytest.fixture
def proof(tmp_path: Path) -> Path:
    """A proof file on the reader's disk."""
    path = tmp_path / "payment.proof"
    path.write_bytes(RECEIPT.data)
    return path


def choose_file(page: Page, path: Path) -> None:
    page.element("file").send_keys(str(path))


def type_pin(page: Page, text: str) -> None:
    page.element("pin").clear()
    page.element("pin").send_keys(text)


def speak(page: Page, code: str) -> None:
    page.driver.find_element(By.CSS_SELECTOR, f"[data-language={code}]").click()


def drop(page: Page, *files: bytes) -> None:
    """As if from the reader's desktop."""
    page.driver.execute_script(
        """
        const files = new DataTransfer();
        arguments[0].forEach((text, number) => files.items.add(new File(
          [Uint8Array.from(atob(text), (one) => one.charCodeAt(0))], `dropped-${number}.proof`)));
        document.body.dispatchEvent(new DragEvent(
          "drop", { dataTransfer: files, bubbles: true, cancelable: true }));
        """,
        [base64.b64encode(data).decode() for data in files],
    )


@contextmanager
def before_the_page(page: Page, script: str) -> Iterator[None]:
    """A browser in which this has run before anything of the page; the page opened in it."""
    made = page.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": script})
    try:
        page.open()
        yield
    finally:
        page.driver.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", made)


@contextmanager
def emulated(page: Page, command: str, settings: dict[str, Any]) -> Iterator[None]:
    """A setting of the browser's, taken back afterwards."""
    page.driver.execute_cdp_cmd(f"Emulation.set{command}", settings)
    try:
        yield
    finally:
        back = "clearDeviceMetricsOverride" if "width" in settings else f"set{command}"
        page.driver.execute_cdp_cmd(f"Emulation.{back}", {})


def named_nodes(page: Page) -> list[tuple[str, str]]:
    """Role and name of everything that a screen reader can reach by the keyboard."""
    tree = page.driver.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    return [
        (node["role"]["value"], node.get("name", {}).get("value", ""))
        for node in tree
        if any(
            one["name"] == "focusable" and one["value"]["value"]
            for one in node.get("properties", ())
        )
    ]


# the verdict


def test_a_file_and_a_pin_make_a_verdict(page: Page, proof: Path) -> None:
    """The sentence, the facts in full, and which file it was; nothing was asked of anybody."""
    page.requests()
    choose_file(page, proof)
    page.wait_for("headline", "Valid under a chain that you have not confirmed")
    assert PIN in page.text("advice")
    type_pin(page, PIN)
    page.wait_for("advice", "It is of the chain that you named.")

    assert page.text("headline").split() == ["✓", "Valid"]
    assert "was executed: registry.stamp_document by account" in page.text("sentence")
    facts = page.text("facts")
    assert PIN in facts
    assert f"payment.proof, {len(RECEIPT.data)} bytes" in facts
    assert page.requests() == []
    assert page.complaints() == []


def test_opening_the_page_asks_for_the_page_alone(browser: Page) -> None:
    """One file, from disk."""
    browser.requests()
    browser.open()

    assert browser.requests() == [VERIFIER.as_uri()]
    assert browser.text("headline") == "No file yet."
    assert browser.complaints() == []


def test_no_script_in_the_page_can_reach_anything(page: Page) -> None:
    """The browser refuses, by the page's own policy: not a site, not this machine, not a file."""
    tried = page.run(
        """
        const done = arguments[0];
        const refused = new Set();
        document.addEventListener("securitypolicyviolation", (event) => {
          refused.add(event.effectiveDirective);
          if (refused.size === 3) done([...refused]);
        });
        const image = new Image();
        image.src = "http://127.0.0.1:9/x.png";
        const script = document.createElement("script");
        script.textContent = "globalThis.intruded = true";
        document.body.append(script);
        fetch("http://127.0.0.1:9/").catch(() => null);
        """
    )

    assert set(tried) == {"connect-src", "img-src", "script-src-elem"}
    assert page.value("globalThis.intruded") is None
    page.complaints()


def test_a_pin_of_another_chain_is_invalid_and_says_why(page: Page, proof: Path) -> None:
    """Both ids in full."""
    choose_file(page, proof)
    type_pin(page, "ab" * 32)
    page.wait_for("headline", "Invalid: this file proves nothing")

    assert f"it is of chain {PIN}, you trust {'ab' * 32}" in page.text("sentence")
    assert page.element("verdict").get_attribute("class") == "verdict bad"


def test_a_pin_that_is_none_leaves_the_file_unchecked(page: Page, proof: Path) -> None:
    """Said beside the field, for screen readers too; never taken for «no pin»."""
    choose_file(page, proof)
    type_pin(page, PIN[:-1])
    page.wait_for("headline", "Not checked")

    assert "expected 64 hexadecimal digits" in page.text("pin-fault")
    assert page.element("pin").get_attribute("aria-invalid") == "true"
    type_pin(page, PIN)
    page.wait_for("headline", "✓")
    assert page.text("pin-fault") == ""
    assert page.element("pin").get_attribute("aria-invalid") == "false"


def test_a_proof_may_be_too_old(page: Page, proof: Path) -> None:
    """By the reader's clock, in the unit chosen; a bad number is said to be one."""
    with before_the_page(page, f"Date.now = () => {TIME_MS + 2 * 86_400_000 + 5}"):
        choose_file(page, proof)
        type_pin(page, PIN)
        page.element("age").send_keys("48")
        page.wait_for("headline", "Valid, but older than you allow")
        assert "2 days old" in page.text("advice")
        page.choose("unit", "days")
        page.wait_for("headline", "✓")
        page.element("age").clear()
        page.element("age").send_keys("١")
        page.wait_for("headline", "older than you allow")
        page.element("age").clear()
        page.element("age").send_keys("-1")
        page.wait_for("headline", "Not checked")
        assert "whole number of 0 or more" in page.text("age-fault")


def test_a_file_can_be_dropped_anywhere(page: Page) -> None:
    """One at a time; the second replaces the first."""
    drop(page, RECEIPT.data, RECEIPT.data)
    page.wait_for("sentence", "One file at a time, please: 2 were dropped.")
    drop(page, RECEIPT.data)
    page.wait_for("headline", "Valid under a chain")
    assert "dropped-0.proof" in page.text("chosen")
    drop(page, VALID["entry"].data[:-1])
    page.wait_for("headline", "Invalid")
    assert "it ends in the middle of a value" in page.text("sentence")


def test_a_file_can_be_pasted(page: Page) -> None:
    """In either alphabet of base64, with line breaks, with or without padding."""
    page.driver.find_element(By.TAG_NAME, "summary").click()
    text = base64.urlsafe_b64encode(RECEIPT.data).decode().rstrip("=")
    page.driver.execute_script(
        "element('text').value = arguments[0]; element('text').dispatchEvent(new Event('input'))",
        f"{text[:40]}\n {text[40:]}",
    )
    page.wait_for("headline", "Valid under a chain")
    assert "pasted text" in page.text("facts")
    page.element("text").send_keys("!")
    page.wait_for("text-fault", "This is not base64.")
    page.wait_for("headline", "Not checked")
    assert page.text("facts") == "", "the verdict of what was pasted before is gone"


def test_what_is_far_too_large_is_not_even_read(page: Page, tmp_path: Path) -> None:
    """One byte beyond the limit is enough to know."""
    large = tmp_path / "large.proof"
    large.write_bytes(bytes(1024 * 1024 + 1))
    choose_file(page, large)
    page.wait_for("sentence", "the file has more than 1048576 bytes")
    assert "✗" in page.text("headline")


# the languages


def test_arabic_turns_the_page(page: Page, proof: Path) -> None:
    """Language, direction, every text; identifiers and numbers keep running from left to right."""
    choose_file(page, proof)
    type_pin(page, PIN)
    page.wait_for("headline", "Valid")
    speak(page, "ar")
    page.wait_for("headline", "صحيح")

    root = page.driver.find_element(By.TAG_NAME, "html")
    assert (root.get_attribute("lang"), root.get_attribute("dir")) == ("ar", "rtl")
    assert page.driver.title == "فحص إثبات من ميثاق"
    assert "نُفِّذت المعاملة" in page.text("sentence")
    bare = page.run(
        """
        const walker = document.createTreeWalker(element("verdict"), NodeFilter.SHOW_TEXT);
        const bare = [];
        while (walker.nextNode()) {
          const { data, parentElement } = walker.currentNode;
          if (parentElement.closest("bdi") === null && /[A-Za-z0-9]/.test(data)) bare.push(data);
        }
        arguments[0](bare);
        """
    )
    assert bare == [], "Latin letters and digits are all isolated"
    speak(page, "en")
    page.wait_for("headline", "Valid")
    assert root.get_attribute("dir") == "ltr"


def test_whoever_reads_arabic_is_greeted_in_it(page: Page) -> None:
    """By the language of the browser."""
    with before_the_page(page, "Object.defineProperty(navigator, 'language', { value: 'ar-EG' })"):
        assert page.text("headline") == "لا يوجد ملف بعد."


def test_both_languages_say_the_same_things(page: Page) -> None:
    """The same keys with the same facts in them, and all Arabic texts in Arabic."""
    flat = """
      const flat = (value, path) => typeof value === "object"
        ? Object.entries(value).flatMap(([key, one]) => flat(one, [...path, key]))
        : [[path.join("/"), typeof value === "string" ? value : String(value(5))]];
      arguments[0]([flat(ENGLISH, []), flat(ARABIC, [])]);
    """
    english, arabic = (dict(pairs) for pairs in page.run(flat))

    assert english.keys() == arabic.keys()
    assert len(english) > 150
    facts = re.compile(r"\{(\w+)\}")
    for name, text in english.items():
        if name.startswith("ui/") and "CHAINID" in text:
            continue  # the form of a checkpoint, which Arabic gives as a fact
        assert set(facts.findall(text)) == set(facts.findall(arabic[name])), name
    letters = {name: facts.sub("", text) for name, text in arabic.items() if name != "direction"}
    assert [name for name, text in letters.items() if not ARABIC.search(text)] == []


@pytest.mark.parametrize(
    ("count", "form"),
    [
        (1, "بند واحد"),
        (2, "بندان"),
        (3, "3 بنود"),
        (10, "10 بنود"),
        (11, "11 بندًا"),
        (99, "99 بندًا"),
        (100, "100 بند"),
        (103, "103 بنود"),
        (111, "111 بندًا"),
        (200, "200 بند"),
    ],
)
def test_arabic_counts_as_arabic_does(page: Page, count: int, form: str) -> None:
    """One, two, three to ten, eleven to ninety-nine, hundreds."""
    assert page.value(f"plain(ARABIC.sentences.lines({count}))") == form


def test_every_reason_and_outcome_has_its_text(page: Page) -> None:
    """What the script can say is in both languages, and nothing is there that it never says."""
    script = VERIFIER.read_text(encoding="utf-8")
    spoken = re.findall(r"(?:ensure|new Invalid)\((.*?)\);\n", script, re.DOTALL)
    named = [re.findall(r'"((?!mithaq\.)[a-z]+\.[a-z]+)"', statement) for statement in spoken]
    reasons = {found[0] for found in named if found}

    assert reasons == set(page.value("Object.keys(ENGLISH.reasons)"))
    before, _, tables = script.partition(" 13. English")
    rest = before + tables.partition(" 15. Labelled facts")[2]
    composed = ("advice_", "unable_")
    texts = page.value("Object.keys({ ...ENGLISH.ui, ...ENGLISH.labels, ...ENGLISH.sentences })")
    assert [
        name
        for name in texts
        if not name.startswith(composed) and not re.search(rf"\b{name}\b", rest)
    ] == []


# everybody


def test_the_keyboard_is_enough(page: Page, proof: Path) -> None:
    """In the order of the page: skip link, languages, file, paste, pin, memory, age, unit."""
    order = []
    for _ in range(9):
        ActionChains(page.driver).send_keys(Keys.TAB).perform()
        active = page.driver.switch_to.active_element
        order.append(active.get_attribute("id") or active.text)
        if order[-1] == "pin":
            active.send_keys(PIN)

    assert order == [
        *("Skip to the verdict", "English", "العربية", "file", "Or paste it as text"),
        *("pin", "remember", "age", "unit"),
    ]
    choose_file(page, proof)
    page.wait_for("headline", "✓")
    button = page.driver.find_element(By.CSS_SELECTOR, "[data-language=ar]")
    button.send_keys(Keys.ENTER)
    page.wait_for("headline", "صحيح")
    assert button.get_attribute("aria-pressed") == "true"


@pytest.mark.parametrize("code", ["en", "ar"])
def test_whoever_listens_is_told_everything(page: Page, proof: Path, code: str) -> None:
    """Each control has a name, and the verdict is announced when it comes."""
    speak(page, code)
    choose_file(page, proof)
    page.wait_for("facts", PIN)

    nodes = named_nodes(page)
    assert [role for role, name in nodes if not name and role != "RootWebArea"] == []
    assert {"textbox", "button", "checkbox", "combobox"} <= {role for role, _ in nodes}
    status = page.driver.find_element(By.CSS_SELECTOR, "#verdict [role=status]")
    assert status.get_attribute("aria-live") == "polite"
    assert page.text("sentence") in status.text
    hidden = page.driver.find_element(By.CSS_SELECTOR, "#headline [aria-hidden=true]")
    assert hidden.text == "!", "the sign is for the eye"


@pytest.mark.parametrize("code", ["en", "ar"])
@pytest.mark.parametrize("name", ["receipt of two calls", "from checkpoint 3", "entry"])
def test_a_telephone_shows_it_without_scrolling_sideways(page: Page, name: str, code: str) -> None:
    """Also the longest identifiers, 320 pixels wide."""
    with emulated(page, "DeviceMetricsOverride", _PHONE):
        speak(page, code)
        drop(page, VALID[name].data)
        page.wait_for("facts", "SHA-256")
        assert page.value("document.documentElement.scrollWidth") <= _PHONE["width"]
        wide = page.value(
            "[...document.querySelectorAll('main *:not(.unseen)')].filter((one) => "
            "one.getBoundingClientRect().right > innerWidth + 1).map((one) => one.outerHTML)"
        )
        assert wide == []


def test_a_court_can_print_it(page: Page, proof: Path) -> None:
    """The verdict, the facts and what is still to be trusted; no fields, no buttons."""
    choose_file(page, proof)
    type_pin(page, PIN)
    page.wait_for("headline", "✓")
    with emulated(page, "EmulatedMedia", {"media": "print"}):
        assert not page.element("form").is_displayed()
        assert not page.element("print").is_displayed()
        for name in ("verdict", "details", "checks-title", "trust-title"):
            assert page.element(name).is_displayed(), name
        assert "checked on" in page.text("facts")


def test_a_pin_is_remembered_only_if_wished(page: Page) -> None:
    """In this browser, and forgotten as easily."""
    type_pin(page, PIN)
    page.open()
    assert page.element("pin").get_attribute("value") == ""
    page.element("remember").click()
    type_pin(page, PIN)
    page.open()
    assert page.element("pin").get_attribute("value") == PIN
    assert "Remembered from an earlier visit." in page.text("remember-note")
    page.element("remember").click()
    page.open()
    assert page.element("pin").get_attribute("value") == ""


def test_without_a_memory_the_page_works_all_the_same(page: Page, proof: Path) -> None:
    """Some browsers give pages from disk none: said when it is wished for."""
    refuse = "Object.defineProperty(window, 'localStorage', { get() { throw new Error('none'); } })"
    with before_the_page(page, refuse):
        choose_file(page, proof)
        page.wait_for("headline", "Valid")
        page.element("remember").click()
        page.wait_for("remember-note", "does not let the page remember")
        assert not page.element("remember").is_selected()


@pytest.mark.parametrize(
    ("lacking", "words"),
    [
        (
            "SubtleCrypto.prototype.importKey = () => Promise.reject(new TypeError('Ed25519?'))",
            "cannot check Ed25519 signatures",
        ),
        ("SubtleCrypto.prototype.verify = () => Promise.resolve(true)", "cannot check Ed25519"),
        (
            "Object.defineProperty(Crypto.prototype, 'subtle', { value: undefined })",
            "Save the page",
        ),
    ],
    ids=["no Ed25519", "a careless Ed25519", "no cryptography"],
)
def test_a_browser_that_cannot_check_says_so_and_judges_nothing(
    page: Page, proof: Path, lacking: str, words: str
) -> None:
    """Never «invalid»: that would be said of the file."""
    with before_the_page(page, lacking):
        choose_file(page, proof)
        page.wait_for("headline", "Not checked")
        assert words in page.text("unable")
        assert "This says nothing about any proof." in page.text("unable")
        assert page.element("verdict").get_attribute("class") == "verdict care"
        assert "valid" not in page.text("verdict").lower()


def test_its_colours_can_be_told_apart() -> None:
    """Contrast of at least 7:1 (WCAG AAA) for every text, by day and by night."""
    schemes = re.findall(r":root \{([^}]*)\}", VERIFIER.read_text(encoding="utf-8"))[:2]
    assert len(schemes) == 2
    for scheme in schemes:
        colour = dict(re.findall(r"--([\w-]+): (#[0-9a-f]+);", scheme))
        pairs = [("ink", "paper"), ("ink", "soft"), ("link", "paper"), ("bad", "paper")]
        pairs += [
            (text, f"{name}-paper") for name in ("good", "bad", "care") for text in (name, "ink")
        ]
        for text, ground in pairs:
            assert contrast(colour[text], colour[ground]) >= 7, (text, ground)


def contrast(one: str, other: str) -> float:
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(digit * 2 for digit in colour[1:])
    parts = [byte / 255 for byte in bytes.fromhex(digits)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
