"""Debian's Chromium without a window and without a network, for the tests of the one-page verifier.

The browser resolves no name, works offline, and keeps a record of every request that it makes or
refuses; `Page.requests` gives the record. The driver is the installed one, by its path: nothing is
ever downloaded.
"""

import base64
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from selenium.webdriver import Chrome, ChromeOptions, ChromeService
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.select import Select
from selenium.webdriver.support.wait import WebDriverWait

from kit.tree import ROOT

VERIFIER: Final = ROOT / "portal/verify.html"
PROGRAMS: Final = ("chromium", "chromedriver")
SCRIPT_S: Final = 120
WAIT_S: Final = 20
_SWITCHES: Final = (
    "--headless=new",
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--no-proxy-server",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--no-first-run",
    "--window-size=1000,1400",
    "--lang=en-US",
    "about:blank",
)
_ASK: Final = """
const [cases, done] = [arguments[0], arguments[1]];
const bytes = (text) => Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
const answer = async ([data, pin, age, now]) => {
  const verdict = await verify(
    bytes(data), pin === null ? null : readPin(pin),
    age === null ? null : BigInt(age), BigInt(now));
  const said = (language) => {
    const { sentence, facts } = told(verdict, language);
    return [plain(sentence), facts.map(([label, value]) => [label, plain(value)])];
  };
  const [[sentence, facts], [arabic, arabicFacts]] = [said(ENGLISH), said(ARABIC)];
  return { outcome: verdict.outcome, sentence, facts, arabic, arabicFacts };
};
(async () => {
  const answers = [];
  for (let at = 0; at < cases.length; at += 32) {
    answers.push(...await Promise.all(cases.slice(at, at + 32).map(answer)));
  }
  return answers;
})().then((answers) => done({ answers }), (error) => done({ error: String(error.stack) }));
"""


@dataclass(frozen=True)
class Case:
    """What both verifiers are asked: a file, a pin, the greatest age, and the time."""

    data: bytes
    pin: str | None = None
    max_age_ms: int | None = None
    now_ms: int = 0


@dataclass(frozen=True)
class Told:
    """What the page says of a case: the outcome, and the same in both languages."""

    outcome: str
    sentence: str
    facts: tuple[tuple[str, str], ...]
    arabic: str
    arabic_facts: tuple[tuple[str, str], ...]


class Page:
    """The verifier's page in a browser."""

    def __init__(self, driver: Chrome) -> None:
        self.driver = driver

    def open(self, path: Path = VERIFIER) -> None:
        """From disk, as a reader does; when it returns the page is ready."""
        self.driver.get(path.as_uri())
        self.run("ready.then(() => arguments[0](null))")

    def run(self, script: str, *arguments: object) -> Any:  # noqa: ANN401 - JSON
        """The outcome of a script whose last argument is called with it."""
        return self.driver.execute_async_script(script, *arguments)

    def value(self, expression: str) -> Any:  # noqa: ANN401 - JSON
        """The value of an expression."""
        return self.driver.execute_script(f"return {expression}")

    def judge(self, cases: Sequence[Case]) -> list[Told]:
        """What the page says of each."""
        asked = [
            [base64.b64encode(one.data).decode(), one.pin, _text(one.max_age_ms), str(one.now_ms)]
            for one in cases
        ]
        found = self.run(_ASK, asked)
        assert "error" not in found, found["error"]
        return [
            Told(
                one["outcome"],
                one["sentence"],
                tuple((label, fact) for label, fact in one["facts"]),
                one["arabic"],
                tuple((label, fact) for label, fact in one["arabicFacts"]),
            )
            for one in found["answers"]
        ]

    def element(self, name: str) -> WebElement:
        """By its id."""
        return self.driver.find_element(By.ID, name)

    def text(self, name: str) -> str:
        """What a reader sees of an element."""
        return self.element(name).text

    def wait_for(self, name: str, words: str) -> None:
        """Until an element says this."""
        WebDriverWait(self.driver, WAIT_S, poll_frequency=0.05).until(
            lambda _: words in self.text(name), f"{name} never said {words!r}"
        )

    def choose(self, name: str, option: str) -> None:
        """One option of a list, by what it says."""
        Select(self.element(name)).select_by_visible_text(option)

    def requests(self) -> list[str]:
        """The address of every request since this was last asked."""
        events = [json.loads(entry["message"])["message"] for entry in self._log("performance")]
        return [
            event["params"]["request"]["url"]
            for event in events
            if event["method"] == "Network.requestWillBeSent"
        ]

    def complaints(self) -> list[str]:
        """What the browser's console said since this was last asked."""
        return [entry["message"] for entry in self._log("browser")]

    def _log(self, kind: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.driver.get_log(kind)  # type: ignore[no-untyped-call]
        return found


def _text(number: int | None) -> str | None:
    return None if number is None else str(number)


@contextmanager
def offline_browser(folder: Path) -> Iterator[Page]:
    """One Chromium with a profile of its own, without a network."""
    chromium, driver = (shutil.which(program) for program in PROGRAMS)
    assert chromium is not None
    options = ChromeOptions()
    options.binary_location = chromium
    for switch in (*_SWITCHES, f"--user-data-dir={folder}"):
        options.add_argument(switch)
    if os.geteuid() == 0:
        options.add_argument("--no-sandbox")  # root has no sandbox; our own page is all it opens
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    browser = Chrome(options=options, service=ChromeService(executable_path=driver))
    try:
        browser.set_script_timeout(SCRIPT_S)
        browser.execute_cdp_cmd("Network.enable", {})
        browser.execute_cdp_cmd(
            "Network.emulateNetworkConditions",
            {"offline": True, "latency": 0, "downloadThroughput": 0, "uploadThroughput": 0},
        )
        yield Page(browser)
    finally:
        browser.quit()
