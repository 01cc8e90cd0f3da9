"""`mithaq query … --format xlsx`: what a spreadsheet opens."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

from openpyxl import load_workbook

from kit.vendors import ACME, DOE, booked


def test_a_workbook_has_names_and_amounts_that_can_be_summed(tmp_path: Path) -> None:
    """The same rows as the table, in whole units."""
    with booked(tmp_path) as at:
        words = ["query", "money.totals", "treasury", "--by", "payee", "--format", "xlsx"]
        run = subprocess.run(
            [sys.executable, "-m", "cli", *words, "--home", at.home, "--node", at.url],
            capture_output=True,
            check=True,
            timeout=60,
        )

    [sheet] = load_workbook(io.BytesIO(run.stdout)).worksheets
    titles = [each.value for each in sheet[1]]
    rows = [dict(zip(titles, [each.value for each in row], strict=True)) for row in sheet["2:3"]]
    assert sheet.title == "money.totals"
    assert [row["key name"] for row in rows] == [ACME, DOE]
    assert [(row["net"], row["asset"], row["count"]) for row in rows] == [
        (1250.5, "GBP", 2),
        (-20, "GBP", 2),
    ]
    assert sheet["B2"].value == ACME
    assert run.stderr.startswith(b"2 rows, read at height 4\n")


def test_json_and_a_workbook_are_two_things(tmp_path: Path) -> None:
    """One of them at a time."""
    with booked(tmp_path) as at:
        done = at.asking("query", "money.totals", "treasury", "--by", "payee", "--json",
                         "--format", "xlsx")  # fmt: skip

    assert (done.code, done.error["code"]) == (2, "usage")
