"""`mithaq import pain001`: invoices of an agency's own system become vouchers, and get answers."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from exchange.xml import children, read_xml
from kit.commandline import Done
from kit.desk import Desk
from kit.initiations import BIC, IBAN, NEW, OLD, OTHER_IBAN, Invoice, initiation
from kit.iso_schemas import invalid
from kit.ledger import account_id
from kit.treasury import AWARD, a_payment
from kit.treasury_desk import Office, treasury_desk
from primitives.ids import Height
from services.treasury.vouchers import CancelVoucher
from services.treasury.withdrawals import WithdrawDelivery
from storage.edges import Part

ACME = "Acme Bridges Ltd"
DUE = "2027-01-31"


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with treasury_desk(tmp_path / "home") as made:
        words = ["vendors", "enter", ACME, "--agency", "health", "--account", IBAN, "--bic", BIC]
        done = made.desk.mithaq(*words, "--payee", account_id("vendor").hex())
        assert done.code == 0, done.err
        yield made


def imported(
    office: Office, data: bytes, *more: str, name: str = "run", certifier: str = "certifier"
) -> Done:
    home = office.desk.home
    file = home / f"{name}.xml"
    file.write_bytes(data)
    answer: list[str | Path] = ["--answer", answer_of(office, name)]
    words = ["--agency", "health", "--certifier", certifier, *answer, *more]
    return office.desk.asking("import", "pain001", file, *words)


def answer_of(office: Office, name: str = "run") -> Path:
    return office.desk.home / f"{name}.pain002.xml"


def answers(office: Office, path: str, name: str = "run") -> list[str | None]:
    """What stands at a place of the answer."""
    root = read_xml(answer_of(office, name).read_bytes())
    return [each.text for each in children(root, f"CstmrPmtStsRpt/{path}")]


def statuses(done: Done) -> list[tuple[str, str | None]]:
    return [(line["status"], line["reason"]) for line in done.result["lines"]]


def an_invoice(number: str = "INV-1", amount: str = "1250.00", **fields: str) -> Invoice:
    return Invoice(invoice=number, amount=amount, award=AWARD, end_to_end=number, **fields)


def certified(office: Office) -> dict[str, int]:
    """Invoices on the chain, and their amounts."""
    rows = office.client.rows("treasury.vouchers", treasury=account_id("treasury"))
    return {row.invoice: row.amount_minor for row in rows}


@pytest.mark.parametrize(
    ("version", "answered"), [(OLD, "pain.002.001.03"), (NEW, "pain.002.001.12")]
)
def test_invoices_are_certified_and_the_sender_is_told(
    office: Office, version: str, answered: str
) -> None:
    """Each is a voucher of the payee whose bank account it names."""
    message = initiation(an_invoice(), an_invoice("INV-2", "0.50"), version=version, due=DUE)

    done = imported(office, message, "--json")

    assert done.code == 0, done.err
    assert (done.result["certified"], done.result["rejected"]) == (2, 0)
    assert certified(office) == {"INV-1": 125_000, "INV-2": 50}
    [row] = office.client.rows("treasury.voucher", payee=account_id("vendor"), invoice="INV-1")
    assert (row.award, row.delivery, row.due) == (AWARD, 1, DUE)
    assert row.certifier == account_id("certifier")
    assert invalid(answer_of(office).read_bytes(), answered) == []
    assert answers(office, "OrgnlGrpInfAndSts/OrgnlMsgId") == ["MSG-1"]
    assert answers(office, "OrgnlPmtInfAndSts/TxInfAndSts/OrgnlEndToEndId") == ["INV-1", "INV-2"]
    assert answers(office, "OrgnlPmtInfAndSts/TxInfAndSts/TxSts") == ["ACCP", "ACCP"]
    assert answer_of(office).stat().st_mode & 0o777 == 0o600


def test_no_name_and_no_bank_account_enters_the_chain(office: Office) -> None:
    """Neither a block nor a receipt."""
    assert imported(office, initiation(an_invoice(), due=DUE)).code == 0

    store = office.desk.chain.store
    for height in map(Height, range(1, store.head().height + 1)):
        block = store.block(height)
        for data in (*block.transactions, *store.receipts(height)):
            assert b"Acme" not in data
            assert IBAN.encode() not in data


def test_a_message_that_is_imported_again_says_how_it_stands(
    office: Office, tmp_path: Path
) -> None:
    """Nothing is certified twice, here or on another machine with a copy of the home."""
    message = initiation(an_invoice(), an_invoice("INV-2", "0.50"), due=DUE)
    assert imported(office, message).code == 0
    office.does("payer", a_payment("INV-2"))
    height = office.desk.chain.store.head().height
    second = tmp_path / "second"
    shutil.copytree(office.desk.home, second)
    elsewhere = Office(Desk(second, office.desk.chain, office.desk.url), office.client)

    for each in (office, elsewhere):
        done = imported(each, message, "--json")
        assert (done.code, done.result["certified"]) == (0, 0)
        assert statuses(done) == [("ACCP", None), ("ACSC", None)]
    assert office.desk.chain.store.head().height == height


def test_the_same_invoice_in_another_message_is_a_duplicate(office: Office) -> None:
    """Whatever else is the same; and within one message too."""
    assert imported(office, initiation(an_invoice(), due=DUE)).code == 0

    done = imported(office, initiation(an_invoice(), message="MSG-2", due=DUE), "--json")
    twice = initiation(an_invoice("INV-9"), an_invoice("INV-9"), message="MSG-3", due=DUE)
    both = imported(office, twice, "--json", name="twice")

    assert (done.code, done.error["code"]) == (1, "import.payments_refused")
    assert statuses(done) == [("RJCT", "AM05")]
    assert "INV-1 is certified already, under award ROAD-7" in done.result["lines"][0]["said"]
    assert statuses(both) == [("ACCP", None), ("RJCT", "AM05")]
    assert certified(office) == {"INV-1": 125_000, "INV-9": 125_000}


def test_what_was_cancelled_is_not_certified_again_by_the_same_message(office: Office) -> None:
    """By another one it is."""
    message = initiation(an_invoice(), due=DUE)
    assert imported(office, message).code == 0
    cancel = CancelVoucher(payee=account_id("vendor"), invoice="INV-1", reason="wrong_price")
    office.does("certifier", cancel)

    assert statuses(imported(office, message, "--json")) == [("RJCT", "DS02")]
    anew = imported(office, initiation(an_invoice(), message="MSG-2", due=DUE), "--json")
    assert statuses(anew) == [("ACCP", None)]
    office.does("certifier", cancel)
    both = (message, initiation(an_invoice(), message="MSG-2", due=DUE))
    assert [statuses(imported(office, each, "--json")) for each in both] == [[("RJCT", "DS02")]] * 2


def test_a_node_that_forgot_does_not_say_how_a_payment_stands(office: Office) -> None:
    """A duplicate and a payment of this message cannot be told apart then."""
    message = initiation(an_invoice(), due=DUE)
    assert imported(office, message).code == 0
    answer_of(office).unlink()
    office.does("payer", a_payment("INV-1"))
    store = office.desk.chain.store
    store.retire(Part.BODIES, store.head().height, lambda _: b"a record")

    done = imported(office, message, "--json")

    assert done.code == 6
    assert "no longer has transaction" in done.error["message"]
    assert not answer_of(office).exists()


@pytest.mark.parametrize(
    ("wrong", "reason", "said"),
    [
        ({"iban": OTHER_IBAN}, "AC01", "is the account of no payee in the vendor book"),
        ({"creditor": "Acme Fridges"}, "BE01", "has 'Acme Bridges Ltd' at GB29"),
        ({"invoice": "Ré-7"}, "RR07", "expected 1 to 64 printable ASCII characters, found 'Ré-7'"),
        ({"award": "road 7"}, "RR07", "expected 1 to 50 capitals, digits and '-', found 'road 7'"),
        ({"award": "road 7", "delivery": ""}, "RR07", "found 'road 7'"),
        ({"delivery": "7"}, "RR07", "7"),
        ({"award": "NONE-1"}, "RR07", "NONE-1"),
        ({"amount": "60000.01"}, "AM02", "6000001"),
    ],
)
def test_what_does_not_match_is_refused_and_the_rest_is_certified(
    office: Office, wrong: dict[str, str], reason: str, said: str
) -> None:
    """With a code for the sender's program and a sentence for people."""
    fields = {"invoice": "INV-2", "award": AWARD, "end_to_end": "INV-2"} | wrong

    done = imported(office, initiation(Invoice(**fields), an_invoice(), due=DUE), "--json")

    assert done.code == 1
    assert statuses(done) == [("RJCT", reason), ("ACCP", None)]
    assert said in done.result["lines"][0]["said"]
    assert certified(office) == {"INV-1": 125_000}
    assert invalid(answer_of(office).read_bytes(), "pain.002.001.12") == []
    assert answers(office, "OrgnlPmtInfAndSts/TxInfAndSts/StsRsnInf/Rsn/Cd") == [reason]


def test_several_may_be_paid_at_one_bank_account(office: Office) -> None:
    """A bank that collects for them: the name says whose invoice it is."""
    words = ["vendors", "enter", "Oak Ltd", "--agency", "health", "--account", IBAN]
    payee = account_id("vendor-2").hex()
    assert office.desk.mithaq(*words, "--payee", payee).code == 0

    of_both = initiation(an_invoice(), an_invoice("INV-2", creditor="Oak Ltd"), due=DUE)
    done = imported(office, of_both, "--json")

    assert statuses(done) == [("ACCP", None), ("RJCT", "BE01")]
    assert payee in done.result["lines"][1]["said"], "the award is another's"


def test_a_payee_at_another_bank_is_refused(office: Office) -> None:
    """The book knows which bank it is."""
    data = initiation(an_invoice(), due=DUE).replace(BIC.encode(), b"MIDLGB22")

    assert statuses(imported(office, data, "--json")) == [("RJCT", "AGNT")]


def test_a_name_is_compared_without_cases_and_spaces(office: Office) -> None:
    """As people write it."""
    data = initiation(an_invoice(creditor="ACME  bridges ltd"), due=DUE)

    assert statuses(imported(office, data, "--json")) == [("ACCP", None)]


def test_the_one_delivery_that_is_not_invoiced_needs_no_number(office: Office) -> None:
    """Once there are none or several left, it must be said."""
    first = initiation(an_invoice(delivery="", amount="60000.00"), due=DUE)
    assert statuses(imported(office, first, "--json")) == [("ACCP", None)]

    second = initiation(an_invoice("INV-2", delivery=""), message="MSG-2", due=DUE)
    done = imported(office, second, "--json")

    assert statuses(done) == [("RJCT", "RR07")]
    assert "not one but: none" in done.result["lines"][0]["said"]


def test_a_delivery_that_was_withdrawn_is_not_the_one(office: Office) -> None:
    """Neither found by itself, nor by its number."""
    office.does("receiver", WithdrawDelivery(AWARD, 1, "not_there"))
    found = imported(office, initiation(an_invoice(delivery=""), due=DUE), "--json")
    named = imported(office, initiation(an_invoice(), message="MSG-2", due=DUE), "--json")

    assert "not one but: none" in found.result["lines"][0]["said"]
    assert statuses(found) == statuses(named) == [("RJCT", "RR07")]


def test_an_officer_without_the_office_certifies_nothing(office: Office) -> None:
    """Nor one who received the goods."""
    done = imported(office, initiation(an_invoice(), due=DUE), "--json", certifier="receiver")

    assert statuses(done) == [("RJCT", "AG01")]
    assert certified(office) == {}


def test_a_message_with_wrong_sums_is_refused_as_a_whole(office: Office) -> None:
    """The sender is told once why."""
    done = imported(office, initiation(an_invoice(), count="2", due=DUE), "--json")

    assert (done.code, done.error["code"]) == (1, "import.message_refused")
    assert "AM18: GrpHdr/NbOfTxs: expected 1" in done.error["message"]
    assert answers(office, "OrgnlGrpInfAndSts/GrpSts") == ["RJCT"]
    assert certified(office) == {}


def test_what_is_no_message_gets_no_answer(office: Office) -> None:
    """One sentence for whoever called."""
    done = imported(office, b"<a/>", "--json")

    assert done.code != 0
    assert "expected a Document of pain.001.001.03" in done.error["message"]
    assert not answer_of(office).exists()


def test_without_a_vendor_book_nobody_is_a_payee(office: Office) -> None:
    """And none is made by asking for it."""
    file = office.desk.home / "run.xml"
    file.write_bytes(initiation(an_invoice(), due=DUE))

    words = ["--agency", "works", "--certifier", "certifier", "--json"]
    done = office.desk.asking("import", "pain001", file, *words)

    assert done.code == 6
    assert "works.vendors.json is missing" in done.error["message"]
    assert not (office.desk.home / "keys/works.vendors.json").exists()


def test_people_read_how_each_payment_stands(office: Office) -> None:
    """And where the answer is."""
    done = imported(office, initiation(an_invoice(), an_invoice("INV-2", "0.001"), due=DUE))

    assert done.code == 1
    assert "ACCP" in done.out
    assert "AM12" in done.out
    assert "Acme Bridges Ltd  INV-1    ROAD-7  1,250.00 GBP  ACCP" in done.out
    assert "1 of 2 payments are rejected" in done.err


def test_an_officer_sees_what_would_be_certified(office: Office) -> None:
    """Before a key signs for it; a duplicate shows at once."""
    assert imported(office, initiation(an_invoice(), due=DUE)).code == 0
    answer_of(office).unlink()
    height = office.desk.chain.store.head().height
    second = initiation(an_invoice(), an_invoice("INV-2"), message="MSG-2", due=DUE)

    done = imported(office, second, "--check", "--json")

    assert statuses(done) == [("RJCT", "AM05"), ("PDNG", None)]
    assert [line["amount_minor"] for line in done.result["lines"]] == [125_000, 125_000]
    assert (done.result["certified"], done.result["answer"]) == (0, None)
    assert office.desk.chain.store.head().height == height
    assert not answer_of(office).exists()


def test_accounts_in_a_reason_have_their_names(office: Office) -> None:
    """For people; the answer has the ids, as the ledger says them."""
    words = ["vendors", "enter", "Oak Ltd", "--agency", "health", "--account", OTHER_IBAN]
    payee = account_id("vendor-2").hex()
    assert office.desk.mithaq(*words, "--payee", payee).code == 0
    other = an_invoice(creditor="Oak Ltd", iban=OTHER_IBAN)

    done = imported(office, initiation(other, due=DUE))

    assert "Award ROAD-7 pays Acme Bridges Ltd, not Oak Ltd." in done.out
    [said] = answers(office, "OrgnlPmtInfAndSts/TxInfAndSts/StsRsnInf/AddtlInf")[:1]
    assert account_id("vendor").hex() in str(said)
