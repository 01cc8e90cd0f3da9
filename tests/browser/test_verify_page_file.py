"""portal/verify.html as a file: it names nothing outside, and its policy holds it to that."""

from __future__ import annotations

import base64
import hashlib
import os
import re
from html.parser import HTMLParser
from typing import Final

import pytest

from kit.browser import VERIFIER

_INLINE: Final = re.compile(r"<(script|style)>(.*?)</\1>", re.DOTALL)


def hashed(name: str, source: str) -> str:
    digest = base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()
    return f"{name}-src 'sha256-{digest}'"


def with_true_hashes(page: str) -> str:
    """The page whose policy names the style and the script that stand in it."""
    for name, source in _INLINE.findall(page):
        page = re.sub(rf"{name}-src 'sha256-[^']*'", hashed(name, source), page, count=1)
    return page


class Outside(HTMLParser):
    """Notes whatever leads out of a file, and whatever a policy of hashes does not cover."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("link", "base", "iframe", "img", "object", "embed"):
            self.found.append(tag)
        for name, value in attrs:
            if name.startswith("on") or name in ("style", "src", "action", "srcset"):
                self.found.append(f"{tag} {name}")
            if name == "href" and not (value or "").startswith("#"):
                self.found.append(f"{tag} {name}={value}")


def led_outside(page: str) -> list[str]:
    outside = Outside()
    outside.feed(page)
    words = re.findall(
        r"https?://|@import|url\(|\b(?:fetch|eval|import|importScripts|open)\(|XMLHttpRequest"
        r"|WebSocket|EventSource|sendBeacon|RTCPeer|innerHTML|outerHTML|document\.write"
        r"|new Function|setAttribute\(\"on",
        page,
    )
    return outside.found + words


def test_the_policy_names_what_stands_in_the_page() -> None:
    """`REWRITE=1` writes the hashes anew: a browser runs nothing else."""
    page = VERIFIER.read_text(encoding="utf-8")
    if os.environ.get("REWRITE"):
        VERIFIER.write_text(with_true_hashes(page), encoding="utf-8")
        page = VERIFIER.read_text(encoding="utf-8")

    assert [name for name, _ in _INLINE.findall(page)] == ["style", "script"]
    assert page == with_true_hashes(page), "write the hashes anew with REWRITE=1"
    assert "default-src 'none'" in page
    assert "unsafe" not in page


def test_the_page_leads_nowhere() -> None:
    """No address, nothing that is loaded, nothing that could connect or turn text into markup."""
    assert led_outside(VERIFIER.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "line",
    [
        '<script src="x.js"></script>',
        '<link rel="stylesheet" href="a.css">',
        '<a href="elsewhere.html">x</a>',
        '<p onclick="x">',
        "<style>@import 'x'</style>",
        "<script>fetch('x')</script>",
        "<p>https://example.org</p>",
    ],
)
def test_a_way_out_would_be_seen(line: str) -> None:
    """Each in its own manner."""
    assert led_outside(f"<body>{line}</body>") != []
