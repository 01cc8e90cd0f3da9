"""A licence that works publishes on a real desk, and a case of it that health opens."""

import json
from pathlib import Path
from typing import Any

from kit.desk import Desk
from kit.flows import DAY
from kit.ledger import account_id

FLOW: dict[str, Any] = {
    "parties": ["applicant"],
    "states": [
        {
            "state": "door",
            "transitions": [
                {
                    "transition": "apply",
                    "to": "open",
                    "who": {"who": "party", "party": "applicant"},
                    "rest_ms": 0,
                }
            ],
        },
        {
            "state": "open",
            "transitions": [
                {
                    "transition": "grant",
                    "to": "granted",
                    "who": {"who": "holder", "role": "notary", "scope": None},
                    "rest_ms": 0,
                    "needs": [{"need": "impartial"}],
                    "calls": [
                        {
                            "actor": "$OWNER",
                            "operation": {
                                "operation": "registry.stamp_document",
                                "commitment": "$DOCUMENT",
                                "act": "timestamp",
                            },
                        }
                    ],
                },
                {
                    "transition": "lapse",
                    "to": "lapsed",
                    "who": {"who": "silence", "after_ms": 10 * DAY},
                    "rest_ms": 0,
                    "calls": [],
                },
            ],
        },
        {"state": "granted", "transitions": []},
        {"state": "lapsed", "transitions": []},
    ],
}
FLOW["states"][0]["transitions"][0]["calls"] = []


def applied(at: Desk, folder: Path) -> str:
    """Works published a flow, and health applied; the id of the case."""
    file = folder / "licence.json"
    file.write_text(json.dumps(FLOW))
    sent = ("--wait", "--json")
    done = at.asking("tx", "send", "casework.define_flow", "--key", "works", "--flow", "licence",
                     "--definition", str(file), *sent)  # fmt: skip
    assert done.code == 0, done.err
    done = at.asking("tx", "send", "casework.open_case", "--key", "health", "--owner", "works",
                     "--flow", "licence", "--version", "1",
                     "--party", "party=applicant,account=health", "--transition", "apply",
                     "--document", "ab" * 32, *sent)  # fmt: skip
    assert done.code == 0, done.err
    (row,) = at.asking("query", "casework.cases", "--json").result["rows"]
    assert (row["state"], row["parties"]) == ("open", [f"applicant={account_id('health').hex()}"])
    name: str = row["case"]
    return name
