"""The environment: what is locked is what is installed, from wheels, and nobody takes our names."""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterable, Mapping
from importlib.metadata import distribution, packages_distributions
from typing import Final

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from kit import locks
from kit.tree import ROOT, packages

SOURCE_ONLY: Final = {"varint", "python-baseconv"}
SOURCE_ONLY_OF_JUDGES: Final = {"odfpy", "zc-zlibstorage"}
"""What a judge of our exports needs, which no node has."""
BUILDERS: Final = {"setuptools", "wheel"}


def strangers(names: Iterable[str], providers: Mapping[str, list[str]]) -> dict[str, list[str]]:
    found = {name: sorted(set(providers.get(name, [])) - {"mithaq"}) for name in names}
    return {name: others for name, others in found.items() if others}


def test_no_other_distribution_provides_one_of_our_packages() -> None:
    """A second `cli` or `node` in the environment would shadow ours, or be shadowed by it."""
    providers = packages_distributions()

    assert "nacl" in providers, "the environment's metadata can be read"
    assert strangers(packages(), providers) == {}
    assert strangers(["nacl"], providers) == {"nacl": ["PyNaCl"]}, "a stranger would be seen"


def test_no_package_of_ours_hides_the_standard_library() -> None:
    """Our names are common words; none may be a module of Python's."""
    assert set(packages()) & sys.stdlib_module_names == set()


def test_every_package_of_ours_is_installed() -> None:
    """pyproject.toml lists each package at the root and its subpackages, and the node's pages."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))

    listed = project["tool"]["setuptools"]["packages"]["find"]["include"]

    wanted = packages()
    pages = ["portal", "locale", "locale.*"]  # have no module: nothing is imported from them
    assert list((ROOT / "portal").glob("*.html"))
    assert sorted(listed) == sorted([*pages, *wanted, *(f"{package}.*" for package in wanted)])


def test_every_pin_has_hashes_and_no_lock_an_address() -> None:
    """A lock says what, never from where: each site installs from the registry it trusts."""
    for lock in (locks.RUNTIME, locks.EXCHANGE, locks.DEV):
        unhashed = [pin.name for pin in locks.read(lock).values() if not pin.hashes]
        assert unhashed == [], lock.name
        assert locks.foreign_words(lock.read_text(encoding="utf-8")) == [], lock.name


def test_an_address_in_a_lock_would_be_seen() -> None:
    """The search above finds what it is for."""
    text = "--index-url https://registry.example/simple\na @ file:///a.whl"

    assert locks.foreign_words(text) == [
        "--index-url",
        "https://registry.example/simple",
        " @ ",
        "file:///a.whl",
    ]


def test_the_locks_never_contradict_each_other() -> None:
    """What two locks name has one version and one set of files."""
    dev = locks.read(locks.DEV)
    for other in (locks.read(locks.RUNTIME), locks.read(locks.EXCHANGE)):
        shared = other.keys() & dev.keys()

        assert shared, "packaging at least, or defusedxml"
        assert {name: dev[name].version for name in shared} == {
            name: other[name].version for name in shared
        }
        assert {name for name in shared if dev[name].hashes != other[name].hashes} == set()


def test_what_is_locked_is_installed() -> None:
    """The tests judge exactly the versions that the locks name."""
    pins = {**locks.read(locks.DEV), **locks.read(locks.RUNTIME)}

    wanted = {name: pin.version for name, pin in pins.items() if pin.applies_here()}

    assert {name: distribution(name).version for name in wanted} == wanted


def test_every_pin_has_a_wheel_but_the_four_named() -> None:
    """The bootstrap installs locks from wheels only, so that a pin without one fails to install."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8").replace("\\\n", " ")

    [exceptions] = re.findall(r"--only-binary :all: --no-binary (\S+)", makefile)
    from_locks = re.findall(r"^\t@\$\((\w+)\).* -r ", makefile, flags=re.MULTILINE)

    assert set(exceptions.split(",")) == SOURCE_ONLY | SOURCE_ONLY_OF_JUDGES
    assert locks.read(locks.RUNTIME).keys() >= SOURCE_ONLY
    assert not SOURCE_ONLY_OF_JUDGES & locks.read(locks.RUNTIME).keys()
    assert locks.read(locks.DEV).keys() >= SOURCE_ONLY_OF_JUDGES
    assert not SOURCE_ONLY & locks.read(locks.DEV).keys()
    assert from_locks == ["LOCKED"] * 3, "the tools that build, the runtime lock, the dev lock"
    assert re.search(r"^LOCKED := .*--require-hashes --only-binary", makefile, flags=re.MULTILINE)


def test_what_builds_the_two_is_pinned_too() -> None:
    """Without build isolation pip fetches nothing that the lock does not name."""
    assert locks.read(locks.RUNTIME).keys() >= BUILDERS


def test_requirements_and_project_name_the_same_packages() -> None:
    """pyproject.toml says what the product imports; requirements.in adds what builds it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    lines = (ROOT / "requirements.in").read_text(encoding="utf-8").splitlines()

    wanted = {Requirement(line) for line in lines if line and not line.startswith("#")}
    declared = {Requirement(line) for line in project["project"]["dependencies"]}

    assert {r for r in wanted if canonicalize_name(r.name) not in BUILDERS} == declared
    extra = (ROOT / "requirements-exchange.in").read_text(encoding="utf-8").splitlines()
    named = {Requirement(line) for line in extra if line and not line.startswith(("#", "-c"))}
    assert named == {
        Requirement(line) for line in project["project"]["optional-dependencies"]["exchange"]
    }
