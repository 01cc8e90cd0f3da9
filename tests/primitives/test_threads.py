"""Many threads may meet a type for the first time at once: a node's checkers and its API do."""

import subprocess
import sys

import pytest

MEET = """
import sys, threading
from kit.ledger import Chain, key, pay
from ledger.transaction import sign_body
from primitives.codec import decode, encode
from primitives.named import from_named, to_named
from services.table import TRANSACTION

sys.setswitchinterval(1e-6)
chain = Chain.begin()
body = chain.body(("treasury", pay("health", 1, "r")))
transaction = sign_body(body, [key("treasury")])
data, named = encode(transaction), to_named(transaction)
together, read = threading.Barrier(8), []

def meet(number):
    together.wait()
    if number % 2:
        read.append(decode(data, TRANSACTION, limit=10_000))
    else:
        read.append(from_named(named, TRANSACTION))

threads = [threading.Thread(target=meet, args=(number,)) for number in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert read == [transaction] * 8, read
"""


@pytest.mark.parametrize("attempt", range(3))
def test_threads_that_meet_a_type_together_all_read_it_right(attempt: int) -> None:
    """msgspec alone ends the process here, 39 times of 40."""
    done = subprocess.run(
        [sys.executable, "-c", MEET],
        check=False,
        env={"PYTHONPATH": "tests:.", "PYTHONHASHSEED": str(attempt)},
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert (done.returncode, done.stderr) == (0, "")
