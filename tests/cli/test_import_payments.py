"""`mithaq import payments` against the API's real server: rows become bookings, once each."""

from __future__ import annotations

import csv
import json
import shutil
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from cli.booking import VALID_STEP_MS, Booking, Signer
from cli.vendor_book import open_book
from exchange import limits
from exchange.payments import PRESETS, Payment, columns_of, lines_of, read_payments
from kit.commandline import Done
from kit.desk import Desk, desk
from kit.ledger import account_id, key
from kit.tree import ROOT
from primitives.domains import Domain
from primitives.ids import ChainId, Height
from services.money import Transfer

SAMPLE = ROOT / "configs/samples/payments-sample.csv"
HEADER = "Vendor,AccountDescription,Amount,Date,Source\n"


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Desk]:
    with desk(tmp_path / "home") as made:
        yield made


def imported(office: Desk, file: Path, *more: str | Path, agency: str = "treasury") -> Done:
    words: list[str | Path] = [
        "import",
        "payments",
        file,
        "--map",
        "gla",
        "--agency",
        agency,
    ]
    return office.asking(*words, "--rejects", office.home / "rejects.csv", "--quiet", *more)


def file_of(office: Desk, *rows: str, name: str = "payments.csv") -> Path:
    path = office.home / name
    path.write_text(HEADER + "".join(f"{row}\n" for row in rows))
    return path


def rejects(office: Desk) -> list[dict[str, str]]:
    with (office.home / "rejects.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def balances(office: Desk, agency: str = "treasury") -> dict[str, int]:
    """What the chain says of each vendor in the book."""
    with open_book(office.home / "keys" / f"{agency}.vendors.json") as book:
        found = {}
        for name, account in book.vendors.items():
            answer = office.asking("account", account.hex(), "--json").result
            found[name] = sum(int(held["amount"]) for held in answer["balances"])
        return found


def blocks(office: Desk) -> list[tuple[Sequence[bytes], Sequence[bytes]]]:
    """Transactions and receipts of each block after genesis."""
    store = office.chain.store
    heights = map(Height, range(1, store.head().height + 1))
    return [(store.block(height).transactions, store.receipts(height)) for height in heights]


def sample_totals() -> Counter[str]:
    totals: Counter[str] = Counter()
    with SAMPLE.open("rb") as file:
        for row in read_payments(lines_of(file), columns_of("gla"), exponent=2, file_id="x"):
            assert isinstance(row, Payment)
            totals[row.vendor] += row.amount
    return totals


def test_every_row_of_the_sample_is_booked_to_the_penny(office: Desk) -> None:
    """One transaction for each row; every vendor has what the file says, also below zero."""
    done = imported(office, SAMPLE, "--json")

    assert done.code == 0, done.err
    totals = sample_totals()
    assert (done.result["rows"], done.result["booked"], done.result["refused"]) == (200, 200, 0)
    assert done.result["net_minor"] == sum(totals.values())
    assert (done.result["vendors"], done.result["accounts_opened"]) == (len(totals), len(totals))
    assert balances(office) == totals
    assert min(totals.values()) < 0
    assert sum(len(data) for data, _ in blocks(office)) == 1 + 200


def test_the_chain_holds_no_name(office: Desk) -> None:
    """Neither a block nor a receipt, whatever the vendor is called."""
    file = file_of(office, "Jo Bloggs,Catering,12.50,2023-01-02,r-1")
    assert imported(office, file).code == 0

    for transactions, receipts in blocks(office):
        assert not [data for data in (*transactions, *receipts) if b"Bloggs" in data]


def test_a_second_import_books_nothing(office: Desk, tmp_path: Path) -> None:
    """Also on another machine, which has a copy of the keys and the book."""
    assert imported(office, SAMPLE).code == 0
    height = office.chain.store.head().height
    second = tmp_path / "second"
    shutil.copytree(office.home, second)

    for home in (office.home, second):
        done = imported(Desk(home, office.chain, office.url), SAMPLE, "--json")
        assert (done.code, done.result["booked"], done.result["already_booked"]) == (0, 0, 200)
    assert office.chain.store.head().height == height


def test_a_vendor_that_another_machine_opened_meanwhile_is_no_obstacle(
    office: Desk, tmp_path: Path
) -> None:
    """Both had the book before the vendor was in it."""
    assert imported(office, file_of(office, "Ash,Paper,1,2023-01-02,r-1")).code == 0
    second = tmp_path / "second"
    shutil.copytree(office.home, second)
    file = file_of(office, "Oak,Paper,10,2023-01-03,r-2", "Elm,Paper,10,2023-01-03,r-3")
    assert imported(office, file).code == 0
    other = file_of(office, "Oak,Paper,5,2023-01-04,r-4", "Fir,Paper,5,2023-01-04,r-5", name="o")

    assert imported(Desk(second, office.chain, office.url), other).code == 0

    assert balances(Desk(second, office.chain, office.url)) == {"Ash": 100, "Oak": 1500, "Fir": 500}


def test_a_row_that_is_signed_again_is_the_same_transaction(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What an interrupted import left waiting at a node is not handed over as another one."""
    chain, payer = ChainId(bytes(32)), account_id("treasury")
    signer = Signer(chain=chain, account=payer, key=key("treasury"))
    step = VALID_STEP_MS * 1_000_000
    parcels = []
    for now in (7 * step + 1_000_000, 8 * step, 8 * step + 1_000_000):
        monkeypatch.setattr(time, "time_ns", lambda now=now: now)
        parcels.append(signer.parcel(0, payer, bytes(16), Transfer("GBP", ())))

    assert parcels[0] == parcels[1]
    assert parcels[1].id != parcels[2].id


def test_a_longer_file_books_what_is_new(office: Desk) -> None:
    """Next month's file may begin with this month's rows."""
    first = ["Oak,Paper,10,2023-01-02,r-1", "Oak,Paper,-4,2023-01-03,r-2"]
    assert imported(office, file_of(office, *first)).code == 0

    longer = file_of(office, *first, "Ash,Paper,7,2023-02-01,r-3")
    done = imported(office, longer, "--json")

    assert (done.result["booked"], done.result["already_booked"]) == (1, 2)
    assert done.result["accounts_opened"] == 1
    assert balances(office) == {"Oak": 6_00, "Ash": 7_00}


def test_rows_that_are_alike_are_booked_each(office: Desk) -> None:
    """Each has a reference of its own."""
    rows = [f"Oak,Meal,5,2023-01-02,r-{number}" for number in range(3)]

    assert imported(office, file_of(office, *rows)).code == 0
    assert balances(office) == {"Oak": 15_00}


def test_without_a_reference_column_a_file_is_booked_once(office: Desk) -> None:
    """File and line are the reference; the file's name does not matter."""
    rows = ["Oak,Meal,5,2023-01-02,", "Oak,Meal,5,2023-01-02,"]
    mapping = ["--map", "vendor=Vendor,date=Date,amount=Amount"]
    assert imported(office, file_of(office, *rows), *mapping).code == 0

    done = imported(office, file_of(office, *rows, name="renamed.csv"), *mapping, "--json")

    assert (done.result["booked"], done.result["already_booked"]) == (0, 2)
    assert balances(office) == {"Oak": 10_00}


def test_a_malformed_row_is_refused_and_the_rest_is_booked(office: Desk) -> None:
    """The exit code says so, and the rejects file says why."""
    file = file_of(
        office,
        "Oak,Paper,10,2023-01-02,r-1",
        "Oak,Paper,ten,2023-01-02,r-2",
        "Oak,Paper,3,2023-01-02,r-1",
        "Ash,Paper,3,2023-01-02,r-4",
    )

    done = imported(office, file, "--json")

    assert done.code == 1
    assert (done.result["booked"], done.result["refused"]) == (2, 2)
    assert done.error["code"] == "import.rows_refused"
    assert "line 3, amount: expected a decimal number" in done.error["message"]
    assert rejects(office)[0] == {
        "line": "3",
        "field": "amount",
        "expected": "a decimal number with at most 2 places",
        "actual": "'ten'",
        "row": "Oak,Paper,ten,2023-01-02,r-2",
    }
    assert [reject["line"] for reject in rejects(office)] == ["3", "4"]
    assert (office.home / "rejects.csv").stat().st_mode & 0o777 == 0o600
    assert balances(office) == {"Oak": 10_00, "Ash": 3_00}


def test_rejects_of_an_earlier_run_do_not_stay(office: Desk) -> None:
    """Once the rows are mended there are none."""
    assert imported(office, file_of(office, "Oak,Paper,x,2023-01-02,r-1")).code == 1
    assert imported(office, file_of(office, "Oak,Paper,1,2023-01-02,r-1")).code == 0

    assert rejects(office) == []


@pytest.mark.parametrize(
    "row",
    ["Oak,Paper,11,2023-01-02,r-1", "Ash,Paper,10,2023-01-02,r-1", "Oak,Paper,10,2023-01-03,r-1"],
)
def test_a_reference_that_stands_for_another_payment_is_a_conflict(office: Desk, row: str) -> None:
    """Amount, payee or day differ from what the chain has: nobody knows which is right."""
    assert imported(office, file_of(office, "Oak,Paper,10,2023-01-02,r-1")).code == 0

    done = imported(office, file_of(office, row, "Oak,Paper,1,2023-01-05,r-2"), "--json")

    assert done.code == 1
    assert (done.result["booked"], done.result["already_booked"]) == (1, 0)
    [reject] = rejects(office)
    assert (reject["line"], reject["field"]) == ("2", "reference")
    assert "1000 minor units, 2023-01-02" in reject["actual"]


def test_a_reference_of_something_that_is_no_entry_is_refused_by_the_ledger(office: Desk) -> None:
    """The agency issued money with it: that is nobody's payment."""
    words = ["--asset", "GBP", "--to", "health", "--amount", "5", "--reference", "r-1"]
    assert (
        office.asking("tx", "send", "money.issue", "--key", "treasury", *words, "--wait").code == 0
    )

    assert imported(office, file_of(office, "Oak,Paper,10,2023-01-02,r-1")).code == 1
    assert rejects(office)[0]["field"] == "books.duplicate_reference"


def test_too_little_money_is_said_before_anything_is_booked(office: Desk) -> None:
    """What it holds, what it needs, and what is missing."""
    assert office.pay("--wait").code == 0
    height = office.chain.store.head().height

    done = imported(office, SAMPLE, "--json", agency="health")

    assert done.code == 1
    assert done.error["code"] == "import.insufficient_funds"
    assert done.error["facts"]["held"] == 100
    needed = int(done.error["facts"]["needed"])
    assert "Nothing was booked" in done.error["message"]
    assert office.chain.store.head().height == height

    assert office.pay("--wait", line=f"to=health,amount={needed - 100},reference=fund").code == 0
    assert imported(office, SAMPLE, agency="health").code == 0
    assert balances(office, "health") == sample_totals()


def test_what_becomes_final_meanwhile_is_not_paid_twice_in_the_reckoning(
    office: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A row that an interrupted run left waiting is paid after the entries were read."""
    assert office.pay("--wait", line="to=health,amount=3000,reference=fund").code == 0
    rows = ["Oak,Paper,10,2023-01-02,r-1", "Oak,Paper,20,2023-01-03,r-2"]
    assert imported(office, file_of(office, rows[0]), agency="health").code == 0
    office.chain.holding = True
    file = file_of(office, *rows)
    assert imported(office, file, "--patience", "1", agency="health").code == 5
    held = Booking.held

    def after_a_block(booking: Booking) -> int:
        if office.chain.holding:
            office.chain.holding = False
            assert office.pay("--wait", line="to=works,amount=1,reference=w").code == 0
        return held(booking)

    monkeypatch.setattr(Booking, "held", after_a_block)
    done = imported(office, file, "--json", agency="health")

    assert (done.code, done.result["already_booked"]) == (0, 2), done.err


def test_new_vendors_need_the_registrar(office: Desk) -> None:
    """An agency does not open accounts for itself."""
    (office.home / "keys" / "registrar.key").unlink()
    file = file_of(office, "Oak,Paper,10,2023-01-02,r-1")

    assert imported(office, file, "--json").code == 6
    done = imported(office, file, "--json", "--registrar", "works")
    assert (done.code, done.error["code"]) == (1, "roles.missing")


def test_vendors_that_have_accounts_need_no_registrar(office: Desk) -> None:
    """The registrar opens them once; then the agency pays by itself."""
    assert imported(office, file_of(office, "Oak,Paper,10,2023-01-02,r-1")).code == 0
    (office.home / "keys" / "registrar.key").unlink()

    assert imported(office, file_of(office, "Oak,Paper,10,2023-01-03,r-2")).code == 0


def test_the_summary_is_for_people(office: Desk) -> None:
    """Sums with their asset, and where the names are."""
    rows = ["Oak,Paper,1250,2023-01-02,r-1", "Oak,Paper,-50.5,2023-01-03,r-2"]

    said = imported(office, file_of(office, *rows)).out

    assert "payments        1,250.00 GBP\n" in said
    assert "credit notes    50.50 GBP\n" in said
    assert "net             1,199.50 GBP\n" in said
    assert "treasury.vendors.json" in said


def test_progress_goes_to_standard_error(office: Desk) -> None:
    """Unless nobody wants it."""
    file = file_of(office, "Oak,Paper,10,2023-01-02,r-1")

    words: list[str | Path] = ["import", "payments", file, "--map", "gla", "--agency", "treasury"]
    done = office.asking(*words)

    assert done.err == "opening 1 vendor accounts\nbooking 1 rows\n"
    assert "booking" not in done.out


def test_a_file_that_is_too_large_is_refused(office: Desk) -> None:
    """At limit + 1; it says what to do."""
    file = office.home / "large.csv"
    with file.open("wb") as large:
        large.truncate(limits.IMPORT_FILE_BYTES_MAX + 1)

    done = imported(office, file, "--json")

    assert done.code == 6
    assert "import it in parts" in done.error["message"]


@pytest.mark.parametrize(
    ("more", "code", "said"),
    [
        (["--map", "usa"], 2, "--map"),
        (["--asset", "EUR"], 2, "expected one of GBP"),
        (["--agency", "nobody"], 6, "is missing; keys of this home"),
        (["--patience", "0"], 2, "--patience"),
    ],
)
def test_what_cannot_be_is_said(office: Desk, more: list[str], code: int, said: str) -> None:
    """Before anything is asked of the network."""
    done = imported(office, SAMPLE, *more, "--json")

    assert (done.code, said in json.loads(done.err)["message"]) == (code, True), done.err


def test_a_file_without_the_columns_is_refused_whole(office: Desk) -> None:
    """Nothing of it can be understood."""
    file = office.home / "other.csv"
    file.write_text("a,b\n1,2\n")

    done = imported(office, file, "--json")

    assert (done.code, done.error["code"]) == (1, "malformed")


def test_a_file_that_is_not_there_is_said(office: Desk) -> None:
    """With its name."""
    done = imported(office, office.home / "no.csv", "--json")

    assert (done.code, "no.csv cannot be read" in done.error["message"]) == (6, True)


def test_the_page_shows_what_the_sample_gives(office: Desk) -> None:
    """docs/import.md, but for the time that it took and where the book lies."""
    page = (ROOT / "docs/import.md").read_text()
    said = imported(office, SAMPLE).out.splitlines()

    same = [line for line in said if not line.startswith(("vendors", "time"))]
    assert len(same) == 7
    assert [line for line in same if line not in page.splitlines()] == []
    assert f"`--map gla` is `{PRESETS['gla']}`" in page
    assert f'"{Domain.VENDOR.tag[:-1].decode()}" ‖ 00' in page
