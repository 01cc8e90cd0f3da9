"""`mithaq worklist`: what waits for somebody, on every desk where they would have to look."""

import time
from typing import Any

import click

from cli.completion import key_names
from cli.conventions import time_text
from cli.home import Home, client_of, home_of
from cli.query import names_of
from cli.session import Session, asking_command, program, table
from primitives.errors import OperatorFault

QUERY = "/v1/queries/casework.worklist"
ROWS_MAX = 10_000
"""Rows that a person is shown; whoever has more asks by program."""
_LAST = 2**63


@asking_command("worklist")
@click.argument("account", required=False, shell_complete=key_names)
def worklist(session: Session, account: str | None) -> None:
    """What waits for an ACCOUNT, the most urgent first.  [default: all accounts of the home's keys]

    Intents to approve, motions to vote on, cases to move, cases that others must move, recoveries
    to veto: on the account's own desk, and on those of the roles that it holds.
    """
    home = home_of(session)
    names = names_of(home, None)
    accounts = [names.account(account)] if account is not None else _own(home)
    rows: list[dict[str, Any]] = []
    height = 0
    with client_of(session) as client:
        for each in accounts:
            asking: dict[str, str] | None = {"account": each}
            while asking is not None and len(rows) < ROWS_MAX:
                answer = client.get(QUERY, asking)
                height = answer["height"]
                rows += [{"account": each, **row} for row in answer["rows"]]
                follows = answer["next"]
                asking = None if follows is None else {"account": each, "after": follows}
    rows.sort(key=_urgency)
    whose = names.by_account
    now_ms = int(time.time() * 1000)
    session.show(
        {"height": height, "rows": rows},
        table(
            ("due", "task", "what", "id", "account", "as"),
            [
                (
                    _due(row["due_ms"], now_ms),
                    row["task"],
                    _what(row),
                    row["id"],
                    whose.get(row["account"], row["account"]),
                    _role(row, whose),
                )
                for row in rows
            ],
        )
        if rows
        else "nothing waits",
    )
    case = next((row["id"] for row in rows if row["task"] == "case"), None)
    if case is not None and not session.machine:
        session.remark(f"what may be done: {program()} query casework.ways --case {case}")


def _own(home: Home) -> list[str]:
    """The accounts of the home's keys.

    Raises:
        OperatorFault: it has none.
    """
    found = list(dict.fromkeys(home.account(name).hex() for name in home.key_names()))
    if not found:
        raise OperatorFault(f"{home.keys} holds no key: name an account")
    return found


def _urgency(row: dict[str, Any]) -> tuple[int, str, str]:
    due_ms = row["due_ms"]
    return (_LAST if due_ms is None else int(due_ms), row["task"], row["id"])


def _due(due_ms: int | str | None, now_ms: int) -> str:
    if due_ms is None:
        return "-"
    said = time_text(int(due_ms))
    return f"{said} (past)" if int(due_ms) <= now_ms else said


def _what(row: dict[str, Any]) -> str:
    return "-" if row["flow"] is None else f"{row['flow']}: {row['state']}"


def _role(row: dict[str, Any], names: Any) -> str:  # noqa: ANN401 - a mapping of names
    if row["role"] is None:
        return "-"
    if row["scope"] is None:
        return str(row["role"])
    return f"{row['role']} of {names.get(row['scope'], row['scope'])}"
