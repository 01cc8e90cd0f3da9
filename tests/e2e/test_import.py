"""An import that loses its client, a node, and then all nodes, and still ends equal to its file."""

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cli.vendor_book import open_book
from exchange.payments import Payment, columns_of, lines_of, read_payments
from kit.braked import Brake
from kit.localnet import START_S, Localnet
from kit.payments_sample import sample
from kit.tree import ROOT
from ledger.accounts import account_of_key
from node.keys import Purpose, read_key

ROWS = 4_500
"""More than are under way at a time, so that there is a middle to stop in."""
OBSERVER = 4
FUNDS = 100_000_000_00


@pytest.fixture
def network(tmp_path: Path) -> Iterator[Localnet]:
    made = Localnet.create(tmp_path / "home", validators=4, observers=1)
    made.start()
    try:
        made.wait(lambda: all(made.height(node) >= 0 for node in range(5)))
        yield made
    finally:
        made.stop()


class Import:
    """An agency's import in a process of its own, which hands over `let` rows until told more."""

    def __init__(self, network: Localnet, file: Path, *, let: int = ROWS) -> None:
        self.brake = Brake(network.home / "brake")
        self.brake.let(let)
        words = [sys.executable, "-P", "-m", "kit.braked", str(self.brake.file)]
        words += ["import", "payments", str(file), "--patience", str(round(START_S))]
        words += ["--map", "gla", "--agency", "agency-1", "--home", str(network.home)]
        words += ["--rejects", str(network.home / "rejects.csv"), "--quiet"]
        path = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
        self.process = subprocess.Popen(
            words,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": path},
        )

    def kill(self) -> None:
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.communicate(timeout=60)

    def end(self) -> str:
        out, err = self.process.communicate(timeout=300)
        assert self.process.returncode == 0, err
        return out


def fund(network: Localnet) -> None:
    words = ["tx", "send", "money.transfer", "--key", "treasury", "--asset", "GBP"]
    words += ["--line", f"to=agency-1,amount={FUNDS},reference=fund", "--wait"]
    words += ["--home", str(network.home)]
    done = subprocess.run(
        [sys.executable, "-P", "-m", "cli", *words], check=False, capture_output=True
    )
    assert done.returncode == 0, done.stderr


def agency(network: Localnet) -> str:
    key = read_key(network.home / "keys" / "agency-1.key", Purpose.ACCOUNT)
    return account_of_key(key.public).hex()


def totals(network: Localnet, node: int, by: str) -> dict[str, int]:
    """What a node says that the agency paid, net, by year or by payee."""
    path = f"/v1/queries/money.totals?account={agency(network)}&asset=GBP&by={by}"
    status, answer = network.get(node, path)
    assert status == 200, answer
    return {row["key"]: int(row["net_minor"]) for row in answer["rows"]}


def paid(network: Localnet) -> int:
    """What the agency has paid so far; cheap to ask for again and again."""
    status, answer = network.get(0, f"/v1/accounts/{agency(network)}")
    held: list[dict[str, Any]] = answer["balances"] if status == 200 else []
    return FUNDS - sum(int(each["amount"]) for each in held) if held else 0


def booked(network: Localnet, node: int) -> int:
    """How many rows stand in the books."""
    path = f"/v1/queries/money.totals?account={agency(network)}&asset=GBP&by=year"
    status, answer = network.get(node, path)
    return sum(row["count"] for row in answer["rows"]) if status == 200 else 0


def balances(network: Localnet, node: int, accounts: list[str]) -> dict[str, int]:
    def balance(account: str) -> int:
        status, answer = network.get(node, f"/v1/accounts/{account}")
        assert status == 200, answer
        held: list[dict[str, Any]] = answer["balances"]
        return sum(int(each["amount"]) for each in held)

    return {account: balance(account) for account in accounts}


def expected(network: Localnet, file: Path) -> tuple[Counter[str], Counter[str]]:
    """The file's own totals by year, and by the account of each vendor."""
    years: Counter[str] = Counter()
    vendors: Counter[str] = Counter()
    with file.open("rb") as rows, open_book(network.home / "keys/agency-1.vendors.json") as book:
        for row in read_payments(lines_of(rows), columns_of("gla"), exponent=2, file_id="x"):
            assert isinstance(row, Payment)
            years[row.value_date[:4]] += row.amount
            vendors[book.account(row.vendor).hex()] += row.amount
    return years, vendors


def payments_of(file: Path) -> int:
    """What the file pays in all."""
    with file.open("rb") as rows:
        read = read_payments(lines_of(rows), columns_of("gla"), exponent=2, file_id="x")
        return sum(row.amount for row in read if isinstance(row, Payment))


def test_an_import_survives_the_loss_of_client_node_and_network(
    network: Localnet, tmp_path: Path
) -> None:
    """Every total on every node equals the file's, to the penny, and no row was booked twice."""
    file = tmp_path / "payments.csv"
    file.write_bytes(sample(ROWS))
    fund(network)

    step = payments_of(file) // 20
    first = Import(network, file, let=ROWS // 3)
    network.wait(lambda: paid(network) >= step)
    first.kill()
    after_client = paid(network)

    second = Import(network, file, let=ROWS // 3)
    network.wait(lambda: paid(network) > after_client + step)
    network.kill(1)
    after_node = paid(network)
    second.brake.let(ROWS // 2)  # of two thirds, that the first left at least
    network.wait(lambda: paid(network) > after_node)
    network.kill()
    assert second.process.poll() is None, "it was still at work"
    network.start()
    second.brake.let(ROWS)
    assert f"{ROWS:,}" in second.end()

    years, vendors = expected(network, file)
    assert min(vendors.values()) < 0
    head = max(network.height(node) for node in range(4))
    network.wait(lambda: all(network.height(node) >= head for node in range(5)))
    for node in (*range(4), OBSERVER):
        assert booked(network, node) == ROWS
        assert totals(network, node, "year") == years
        assert totals(network, node, "payee") == vendors
        assert balances(network, node, list(vendors)) == vendors

    again = Import(network, file).end()
    assert f"already booked  {ROWS:,}" in again
    assert booked(network, 0) == ROWS
