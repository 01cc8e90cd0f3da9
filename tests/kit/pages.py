"""The repository's pages as a reader uses them: links to follow, commands to type, files to open.

Each function takes text and returns what it names and where there is none, so that a test can show
it a bad example as well.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import click

from cli.language import LANGUAGE_OPTION
from cli.main import root
from kit.tree import ROOT, files, packages, product_modules

FENCE: Final = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
LINK: Final = re.compile(r"\]\(([^)\s]+)\)")
HEADING: Final = re.compile(r"^#{1,6} +(.+?) *$", re.MULTILINE)
TYPED: Final = re.compile(
    r"(?:^[ \t]*(?:\$ )?|`)(?:[A-Z_]+=\S+ )*(?:\S*/bin/)?mithaq ([^`\n]+)", re.MULTILINE
)
"""A command in a block, behind a prompt or not, or between two backticks."""
ENDED: Final = re.compile(r" +# | \| |;| > |&&")
OPTION: Final = re.compile(r"(--?[a-z][a-z-]*)(?:=.*)?")
PLACE: Final = re.compile(r"…|[A-Z]+")
"""A word that stands for others, as NAME does."""
CODE: Final = re.compile(r"`([a-z]+)\.([a-z_]+)`")
"""A refusal, an event, an operation, a query, a line of the log."""
NAME: Final = re.compile(r"`([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+|test_\w+)`")
"""A limit, or a test."""
TARGET: Final = re.compile(r"^(\w+):", re.MULTILINE)


def pages() -> list[Path]:
    """Every Markdown page."""
    return [path for path in files() if path.suffix == ".md"]


def links(text: str) -> Iterator[tuple[str, str]]:
    """Path and anchor of every link to a place in the repository."""
    for link in LINK.findall(FENCE.sub("", text)):
        if not re.match(r"[a-z]+:", link):
            path, _, anchor = link.partition("#")
            yield path, anchor


def dead(text: str, *, folder: Path) -> list[str]:
    """The links that lead to no file."""
    return [path for path, _ in links(text) if path and not (folder / path).exists()]


def anchors(text: str) -> set[str]:
    """Where a link can lead within a page: its headings, as Git hosts name them."""
    found: set[str] = set()
    for heading in HEADING.findall(FENCE.sub("", text)):
        said = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        name = re.sub(r"[^\w\- ]", "", said).replace(" ", "-")
        same = sum(1 for each in found if re.fullmatch(rf"{re.escape(name)}(-\d+)?", each))
        found.add(f"{name}-{same}" if same else name)
    return found


def lost(text: str, *, page: Path) -> list[str]:
    """The anchors that a page leads to and that do not stand in the page they are sought in."""
    return [
        f"{path}#{anchor}"
        for path, anchor in links(text)
        if anchor
        and (path.endswith(".md") or not path)
        and anchor not in anchors((page.parent / path if path else page).read_text("utf-8"))
    ]


def reached(start: Path) -> set[Path]:
    """Every page that links lead to from one, the pages of linked folders among them."""
    seen: set[Path] = set()
    ahead = [start]
    while ahead:
        page = ahead.pop()
        if page in seen:
            continue
        seen.add(page)
        for path, _ in links(page.read_text("utf-8")):
            place = (page.parent / path).resolve()
            ahead += sorted(place.glob("*.md")) if place.is_dir() else []
            ahead += [place] if place.suffix == ".md" else []
    return seen


def commands(text: str) -> list[str]:
    """Each command line that a page gives, without `mithaq` and what a shell does with it."""
    whole = re.sub(r"\\\n\s*", " ", text)
    return [ENDED.split(line, maxsplit=1)[0].strip() for line in TYPED.findall(whole)]


def unknown(line: str) -> list[str]:
    """What in a command line is no command, or no option of the commands that it names."""
    at: list[click.Command] = [root]
    options = {"--help", LANGUAGE_OPTION, *_options(at)}
    for word in _words(line):
        if option := OPTION.fullmatch(word):
            if option[1] not in options:
                return [f"no option {option[1]}"]
        elif groups := [each for each in at if isinstance(each, click.Group)]:
            names = None if PLACE.fullmatch(word) else word.split("|")
            at = [child for group in groups for child in _children(group, names)]
            if len(at) < len(names or at[:1] or [word]):
                return [f"no command {word}"]
            options |= _options(at)
    return []


def _words(line: str) -> list[str]:
    try:
        words = shlex.split(line)
    except ValueError:  # an apostrophe of the sentence around it
        words = line.split()
    spoken = words.index(LANGUAGE_OPTION) if LANGUAGE_OPTION in words else len(words)
    return words[:spoken] + words[spoken + 2 :]


def _children(group: click.Group, names: list[str] | None) -> Iterator[click.Command]:
    context = click.Context(group)
    for name in group.list_commands(context) if names is None else names:
        if (child := group.get_command(context, name)) is not None:
            yield child


def _options(known: list[click.Command]) -> set[str]:
    return {
        word
        for command in known
        for parameter in command.params
        for word in (*parameter.opts, *parameter.secondary_opts)
    }


def absent(text: str) -> list[str]:
    """Files, modules and targets of make that a page names and nobody finds."""
    rooms = "|".join((*packages(), "configs", "docs", "locale", "portal", "tests"))
    named = re.findall(rf"`((?:{rooms})/[^`\s]+)`", text)
    modules = re.findall(r"python -m ([a-z_.]+[a-z_])", text)
    targets = re.findall(r"(?:`|^[$#] )(?:[A-Z]+=\S+ )*make ([a-z]+)", text, re.MULTILINE)
    made = TARGET.findall((ROOT / "Makefile").read_text("utf-8"))
    return [
        *(name for name in named if not _is_there(name)),
        *(name for name in modules if not _runs(name)),
        *(f"make {name}" for name in targets if name not in made),
    ]


def _is_there(name: str) -> bool:
    """As it stands, as a module, as a pattern of names, or as something in a module."""
    place, _, part = name.rstrip("/").rpartition(".")
    if list(ROOT.glob(name.rstrip("/"))) or (ROOT / f"{name}.py").exists():
        return True
    module = ROOT / f"{place}.py"
    return module.exists() and re.search(rf"\b{part}\b", module.read_text("utf-8")) is not None


def _runs(module: str) -> bool:
    path = module.replace(".", "/")
    if "/" not in path and find_spec(module) is not None:
        return True
    return any(
        (ROOT / folder / file).exists()
        for folder in ("", "tests")
        for file in (f"{path}.py", f"{path}/__main__.py")
    )


class Spoken:
    """The codes and names that code has, read once."""

    def __init__(self) -> None:
        sources = {path: path.read_text("utf-8") for path in product_modules()}
        tests = {path: path.read_text("utf-8") for path in (ROOT / "tests").rglob("*.py")}
        self._codes = {code for text in sources.values() for code in _codes(text, "")}
        self._parts = {
            code.partition(".")[0] for t in sources.values() for code in _codes(t, "tag=")
        }
        self._names = {path.stem for path in tests}
        for text in sources.values():
            self._names.update(re.findall(r"\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b", text))
        for text in tests.values():
            self._names.update(re.findall(r"^(?:async )?def (test_\w+)", text, re.MULTILINE))
            self._names.update(re.findall(r"^([A-Z][A-Z0-9_]+)(?::| =)", text, re.MULTILINE))
        self._modules = {path.stem: set(re.findall(r"\w+", sources[path])) for path in sources}

    def unsaid(self, text: str) -> list[str]:
        """Codes of our services, limits and tests that a page names and no code has."""
        codes = [(part, word) for part, word in CODE.findall(text) if part in self._parts]
        return [
            *(
                f"{part}.{word}"
                for part, word in codes
                if word != "py"
                and f"{part}.{word}" not in self._codes
                and word not in self._modules.get(part, ())
            ),
            *(name for name in NAME.findall(text) if name not in self._names),
        ]


def _codes(source: str, before: str) -> set[str]:
    return set(re.findall(rf'{before}"([a-z]+\.[a-z_]+)"', source))
