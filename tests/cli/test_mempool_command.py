"""`mithaq mempool`: what waits at a node, and an operator's word that an account's shall not."""

from __future__ import annotations

import time
from pathlib import Path

import trio

from cli.faults import ExitCode
from kit.api import ChainOfOne, administering
from kit.commandline import Done, mithaq
from kit.ledger import account_id, pay
from kit.nets import in_trio
from ledger.transaction import CheckedTransaction, check_transaction
from node.mempool import Mempool
from node.mempool_view import view
from node.shares import Source
from primitives import limits
from primitives.ids import AccountId, TimeMs
from services.table import TRANSACTION

TREASURY = account_id("treasury").hex()


def checked(chain: ChainOfOne, actor: str, number: int) -> CheckedTransaction:
    data = chain.signed(actor, pay("health", 1, f"{number}"))
    return check_transaction(data, chain.chain, TRANSACTION)


def held_at(chain: ChainOfOne, treasury: int, works: int) -> None:
    """So many of two accounts, of which a peer brought the second one's."""
    now_ms = TimeMs(time.time_ns() // 1_000_000)
    for number in range(treasury):
        chain.mempool.add(checked(chain, "treasury", number), now_ms=TimeMs(now_ms - 65_000))
    for number in range(works):
        source = Source("finance", votes=True)
        chain.mempool.add(checked(chain, "works", number), now_ms=now_ms, source=source)


async def asked(folder: Path, chain: ChainOfOne, *commands: str) -> list[Done]:
    """What these say, one after the other, about the node of a folder."""
    done = []
    async with administering(chain, folder / "admin.sock"):
        for one in commands:
            words = [str(folder) if word == "FOLDER" else word for word in one.split()]
            done.append(await trio.to_thread.run_sync(mithaq, "mempool", *words))
    return done


@in_trio
async def test_what_waits_is_listed_by_account(tmp_path: Path) -> None:
    """The one with the most first; how old the oldest is, and when the first and last expire."""
    chain = ChainOfOne()
    held_at(chain, 3, 1)

    (done,) = await asked(tmp_path, chain, "list FOLDER")

    assert done.code == ExitCode.OK
    lines = done.out.splitlines()
    assert lines[0].split() == ["transactions", "4"]
    assert lines[2].split() == ["accounts", "2"]
    assert lines[5].startswith(TREASURY)
    assert "1 min 5 s" in lines[5]
    assert lines[6].split()[1] == "1"


@in_trio
async def test_an_accounts_transactions_are_listed_one_by_one(tmp_path: Path) -> None:
    """With who brought each."""
    chain = ChainOfOne()
    held_at(chain, 1, 2)
    works = account_id("works").hex()

    done, machine, nobody = await asked(
        tmp_path,
        chain,
        f"list FOLDER --account {works}",
        f"list FOLDER --account {works} --json",
        f"list FOLDER --account {'00' * 32}",
    )

    assert done.out.count("finance") == 2
    assert [one["link"] for one in machine.result["of_account"]] == ["finance"] * 2
    assert machine.result["transactions"] == 3
    assert "nothing waiting" in nobody.out


@in_trio
async def test_an_accounts_transactions_are_dropped(tmp_path: Path) -> None:
    """Who says so goes along; the rest still waits."""
    chain = ChainOfOne()
    held_at(chain, 2, 1)

    drop = f"drop {TREASURY} FOLDER"
    done, again = await asked(tmp_path, chain, f"{drop} --by a.operator", drop)

    assert (done.code, done.out) == (ExitCode.OK, "2 transactions wait here no more\n")
    assert again.out == "0 transactions wait here no more\n"
    assert len(chain.mempool) == 1
    assert chain.dismissed_by is not None
    assert 0 < len(chain.dismissed_by) <= limits.OPERATOR_LENGTH_MAX


@in_trio
async def test_an_account_is_named_by_its_id(tmp_path: Path) -> None:
    """Anything else is refused before the node is asked, with what was expected."""
    chain = ChainOfOne()
    held_at(chain, 1, 0)

    shown, dropped = await asked(
        tmp_path, chain, "list FOLDER --account treasury", "drop treasury FOLDER"
    )

    assert shown.code == dropped.code == ExitCode.REFUSED
    assert "64 lower-case hexadecimal digits" in shown.err
    assert "expected 64 lower-case hexadecimal digits" in dropped.err
    assert len(chain.mempool) == 1


def test_a_node_that_does_not_run_is_said_so(tmp_path: Path) -> None:
    """Its mempool is nowhere but in its memory."""
    assert mithaq("mempool", "list", tmp_path).code == ExitCode.UNREACHABLE


def test_a_view_ends_at_its_limit() -> None:
    """Accounts, and transactions of one: the rest is counted."""
    chain, most = ChainOfOne(), limits.MEMPOOL_SHOWN_MAX
    mempool = Mempool()
    for number in range(most + 1):
        mempool.add(checked(chain, f"account {number}", number))
        mempool.add(checked(chain, "treasury", number))

    seen = view(mempool.held, AccountId(bytes.fromhex(TREASURY)))

    assert (seen.transactions, seen.accounts) == (2 * most + 2, most + 2)
    assert (len(seen.most), len(seen.of_account)) == (most, most)
    assert seen.most[0].account.hex() == TREASURY
    assert seen.most[0].transactions == most + 1


def test_what_is_dismissed_comes_back_from_clients_only() -> None:
    """Copies from peers are known until the transaction expires; there is no longer memory."""
    chain = ChainOfOne()
    mempool, tx = Mempool(), checked(chain, "treasury", 1)
    mempool.add(tx)

    assert mempool.dismiss(account_id("treasury")) == 1
    assert mempool.knows(tx.hash)
    mempool.expire(TimeMs(tx.valid_until - 1))
    assert mempool.knows(tx.hash)
    assert mempool.add(tx), "its client asked again"
    mempool.drop([tx.id])
    mempool.expire(tx.valid_until)
    assert not mempool.knows(tx.hash)
