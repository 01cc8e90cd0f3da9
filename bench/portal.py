"""How long a citizen waits for the page's verdict: portal/verify.html in headless Chromium.

From the moment at which the browser has the file's bytes to the verdict on the screen, for a
payment in a block of 5,000 that seven validators decided, of whom the reader's genesis knows five.
The page is opened anew for each run, as a reader has it: nothing is warm.
"""

import base64
import hashlib
import importlib.util
import os
import shutil
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from bench.report import Report
from ledger.books import Line
from ledger.receipt import Outcome, Receipt, receipts_root
from ledger.transaction import Body, Call, sign_body, transaction_id
from node.lineage import GenesisAnchor, Lineage, quorum_of
from node.proof import BlockLists, proof_file, receipt_subject, write_proof
from primitives.block import Header, block_id, transaction_hash, transactions_root
from primitives.certificate import Certificate, Seal
from primitives.codec import encode
from primitives.crypto import SigningKey
from primitives.digest import list_root
from primitives.domains import Domain
from primitives.ids import (
    ZERO32,
    AccountId,
    BlockId,
    ChainId,
    Digest,
    Height,
    Seat,
    Signature,
    TimeMs,
    ValidatorKey,
    View,
)
from primitives.statements import vote_bytes
from primitives.validators import ValidatorSet
from services.money import Transfer, Transferred

PAGE: Final = Path(__file__).resolve().parent.parent / "portal/verify.html"
RUNS: Final = 15
GOAL_MS: Final = 200.0
BLOCK: Final = 5_000
_TIME: Final = TimeMs(1_795_342_503_000)
_PROGRAMS: Final = ("chromium", "chromedriver")
_MEASURE: Final = """
const [text, pin, done] = arguments;
const data = Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
ready.then(async () => {
  element("pin").value = pin;
  const began = performance.now();
  await take("payment.proof", data.length, data);
  element("verdict").getBoundingClientRect();
  done([performance.now() - began, element("verdict").className]);
});
"""


def run(report: Report) -> None:
    """The verdict of the page, or one line that says what is missing."""
    missing = [program for program in _PROGRAMS if shutil.which(program) is None]
    if importlib.util.find_spec("selenium") is None:
        missing.append("selenium (make env)")
    if missing:
        sys.stdout.write(f"portal: not measured without {', '.join(missing)}\n")
        return
    data, pin = one_hop()
    report.fact("portal.proof_file", len(data), "bytes")
    with tempfile.TemporaryDirectory() as folder:
        times = verdicts(data, pin, Path(folder))
    report.goal("portal.verdict", statistics.median(times), "ms", at_most=GOAL_MS)
    report.fact("portal.verdict_worst", max(times), "ms")


def verdicts(data: bytes, pin: str, folder: Path) -> list[float]:
    """Milliseconds to the verdict, each time on a page just opened."""
    from selenium.webdriver import Chrome, ChromeOptions, ChromeService

    chromium, driver = (shutil.which(program) for program in _PROGRAMS)
    assert chromium is not None
    options = ChromeOptions()
    options.binary_location = chromium
    for switch in ("--headless=new", "--disable-dev-shm-usage", f"--user-data-dir={folder}"):
        options.add_argument(switch)
    if os.geteuid() == 0:
        options.add_argument("--no-sandbox")
    browser = Chrome(options=options, service=ChromeService(executable_path=driver))
    times = []
    try:
        for _ in range(RUNS):
            browser.get(PAGE.as_uri())
            took, said = browser.execute_async_script(
                _MEASURE, base64.b64encode(data).decode(), pin
            )
            assert said == "verdict good", said
            times.append(float(took))
    finally:
        browser.quit()
    return times


def one_hop() -> tuple[bytes, str]:
    """A payment's receipt under validators of whom genesis knows five of seven, and the pin."""
    old, new = _keys(range(7)), _keys(range(2, 9))
    genesis = _genesis(_members(old))
    chain = ChainId(block_id(genesis))
    transaction, receipt = _payment(chain)
    others = [hashlib.sha256(b"%d" % number).digest() for number in range(1, BLOCK)]
    lists = BlockLists.of([transaction, *others], [receipt, *others])
    header = Header(
        chain=chain,
        height=Height(12),
        parent=BlockId(genesis.state_root),
        time_ms=_TIME,
        proposer=ValidatorKey(new[0].public),
        transactions_root=transactions_root([transaction_hash(one) for one in lists.transactions]),
        state_root=genesis.state_root,
        receipts_root=receipts_root(lists.receipts),
        validators_hash=_members(new).hash,
        next_validators_hash=_members(new).hash,
    )
    certificate = quorum_of(_certificate(header, new), _members(new))
    anchor = GenesisAnchor(genesis, _members(old).keys)
    lineage = Lineage(anchor, (), header, certificate, _members(new).keys)
    return write_proof(proof_file(lineage, receipt_subject(lists, 0))), chain.hex()


def _keys(numbers: Sequence[int]) -> list[SigningKey]:
    keys = [SigningKey(hashlib.sha256(b"portal %d" % number).digest()) for number in numbers]
    return sorted(keys, key=lambda key: key.public)


def _members(keys: Sequence[SigningKey]) -> ValidatorSet:
    return ValidatorSet.of([ValidatorKey(key.public) for key in keys])


def _genesis(members: ValidatorSet) -> Header:
    return Header(
        chain=ChainId(ZERO32),
        height=Height(0),
        parent=BlockId(ZERO32),
        time_ms=_TIME,
        proposer=ValidatorKey(ZERO32),
        transactions_root=list_root(()),
        state_root=Digest(hashlib.sha256(b"state").digest()),
        receipts_root=list_root(()),
        validators_hash=members.hash,
        next_validators_hash=members.hash,
    )


def _payment(chain: ChainId) -> tuple[bytes, bytes]:
    payer, payee = (AccountId(hashlib.sha256(name).digest()) for name in (b"payer", b"payee"))
    line = Line(payee, 125_000, "INV-0001", "Road repair, March", None, None)
    body: Body[Any] = Body(
        chain=chain,
        valid_until=TimeMs(_TIME + 60_000),
        salt=bytes(16),
        calls=(Call(payer, Transfer("GBP", (line,))),),
    )
    event = Transferred(payer, 0, payee, "GBP", 125_000, "INV-0001", None, None)
    receipt: Receipt[Any, Transferred] = Receipt(
        transaction_id(encode(body)), Outcome.APPLIED, None, (event,)
    )
    return encode(sign_body(body, _keys([100]))), encode(receipt)


def _certificate(header: Header, keys: Sequence[SigningKey]) -> Certificate:
    block, view = block_id(header), View(0)
    message = vote_bytes(Domain.COMMIT, header.chain, header.height, view, block)
    seals = [Seal(Seat(n), Signature(key.sign(message))) for n, key in enumerate(keys)]
    return Certificate(header.height, view, block, seals=tuple(seals))
