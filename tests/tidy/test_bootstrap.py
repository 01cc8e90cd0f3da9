"""A machine that cannot build the environment is told so in one line that says what to install."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from kit.tree import ROOT


def pretend(folder: Path, circumstances: str) -> Path:
    """A Python that believes in the given circumstances."""
    script = folder / "pretender"
    script.write_text(f'#!/bin/sh\nexec {sys.executable} -c "{circumstances}\n$2"\n')
    script.chmod(0o755)
    return script


def complaint(python: Path) -> str:
    done = subprocess.run(
        [ROOT / ".ci/missing", python], capture_output=True, text=True, check=True, timeout=30
    )
    assert done.stderr == ""
    return done.stdout


@pytest.mark.parametrize(
    ("circumstances", "words"),
    [
        ("import sys; sys.version_info = (3, 9, 2)", ["3.9", "3.11 and 3.12", "install"]),
        ("import sys; sys.version_info = (3, 13, 0)", ["3.13", "3.11 and 3.12", "install"]),
        ("import sys; sys.modules['ensurepip'] = None", ["apt install python3-venv"]),
        ("import sys; sys.modules['venv'] = None", ["apt install python3-venv"]),
        ("import platform; platform.machine = lambda: 'riscv'", ["Linux riscv", "Linux x86_64"]),
        ("raise SystemExit(1)", ["of no version", "install"]),
    ],
)
def test_what_is_missing_is_said_in_one_line(
    tmp_path: Path, circumstances: str, words: list[str]
) -> None:
    """The line names what was found and what to install."""
    said = complaint(pretend(tmp_path, circumstances))

    assert len(said.splitlines()) == 1
    assert [word for word in words if word not in said] == []


def test_an_absent_python_is_missing(tmp_path: Path) -> None:
    """So is one that was misspelt."""
    assert "was not found: install Python 3.11" in complaint(tmp_path / "nowhere")


def test_a_sound_python_lacks_nothing() -> None:
    """This very Python made the environment."""
    assert complaint(Path(sys.executable)) == ""


def test_make_stops_with_that_one_line(tmp_path: Path) -> None:
    """Nothing is built, nothing else is printed."""
    for name in ("Makefile", "pyproject.toml", "requirements.lock", "requirements-dev.lock"):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(ROOT / ".ci", tmp_path / ".ci")
    python = pretend(tmp_path, "import sys; sys.modules['ensurepip'] = None")

    done = subprocess.run(
        ["make", "-C", tmp_path, "--no-print-directory", "localnet", f"PYTHON={python}"],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )

    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert "apt install python3-venv" in done.stderr
    assert not (tmp_path / ".venv").exists()
