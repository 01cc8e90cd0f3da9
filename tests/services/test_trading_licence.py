"""The example flow, configs/flows/trading_licence.json, played from end to end.

Works licenses trade in this town; ali applies, clara is a clerk, omar an officer, hala the head of
the office, and a tribunal hears appeals.
"""

from typing import Any

import pytest
from msgspec.structs import replace

from kit.flows import DAY, case_of, flow_of_file, moving, opening, paper, party
from kit.ledger import Chain, account_id, genesis_account, genesis_document
from kit.records import define
from ledger.cases import CaseMoved, OwnCause, SameHand
from ledger.flows import contradictions
from ledger.genesis import GenesisRole, GenesisRoleDefinition
from ledger.operation import Operation
from ledger.records import RECORDS, VERSIONS, RecordKey, RecordStatus, VersionKey
from ledger.roles import REGISTRAR
from ledger.worklist import WORKLIST, Task, Waiting, place_of
from primitives.ids import Digest, TimeMs
from services.casework.cases import CaseOpened, DefineFlow
from services.registry.records import RecordIssued

PEOPLE = ("ali", "clara", "omar", "hala", "tribunal")
FLOW = "trading_licence"
LICENCE = RecordKey(FLOW, account_id("ali"), 0)
APPLICATION = paper("application")


@pytest.fixture
def town() -> Chain:
    """The town, in which the flow is published."""
    document = genesis_document(accounts=[genesis_account(name) for name in PEOPLE])
    roles = (
        ("licence_clerk", "clara"),
        ("licence_head", "hala"),
        ("licence_tribunal", "tribunal"),
        ("licence_office", "works"),
    )
    defined = tuple(GenesisRoleDefinition(role, REGISTRAR, None, None, ()) for role, _ in roles)
    granted = (GenesisRole(role, None, account_id(name)) for role, name in roles)
    chain = Chain.begin(
        replace(document, role_definitions=defined, roles=(*document.roles, *granted))
    )
    kind = define(FLOW, issuer_role="licence_office", owner=account_id("works"))
    done(chain, "registrar", kind)
    done(chain, "works", DefineFlow(FLOW, flow_of_file(f"{FLOW}.json")))
    return chain


def done(chain: Chain, actor: str, operation: Operation) -> list[Any]:
    (receipt,) = chain.block(chain.act(actor, operation))
    assert receipt.refusal is None, receipt.refusal
    return list(receipt.events)


def refused(chain: Chain, actor: str, operation: Operation) -> Any:  # noqa: ANN401
    (receipt,) = chain.block(chain.act(actor, operation))
    return receipt.refusal


def days_pass(chain: Chain, days: int) -> list[Any]:
    """The events of what fell due meanwhile."""
    chain.time_ms = TimeMs(chain.time_ms + days * DAY)
    chain.block()
    return [event for receipt in chain.done for event in receipt.events]


def applied(chain: Chain, actor: str = "ali") -> Digest:
    """Somebody applies in ali's matter."""
    application = opening(flow=FLOW, parties=(party("applicant", "ali"),), document=APPLICATION)
    opened, moved = done(chain, actor, application)
    assert isinstance(opened, CaseOpened)
    assert isinstance(moved, CaseMoved)
    return opened.case


def under_review(chain: Chain) -> Digest:
    """Complete, and given to omar."""
    name = applied(chain)
    done(chain, "clara", moving(name, "find_complete"))
    done(chain, "hala", moving(name, "assign", assignee=account_id("omar")))
    return name


def worklist(chain: Chain, name: Digest) -> dict[tuple[bytes, Task], Waiting]:
    places = ((place_of(key), row) for key, row in WORKLIST.scan(chain.state, limit=100))
    return {(place.desk, place.task): row for place, row in places if place.id == name}


def licensed(chain: Chain) -> Digest | None:
    """The commitment of ali's valid licence."""
    row = RECORDS.read(chain.state, LICENCE)
    if row is None:
        return None
    assert row.status is RecordStatus.VALID
    version = VERSIONS.read(chain.state, VersionKey(LICENCE, row.version))
    assert version is not None
    assert version.issuer == account_id("works")
    return version.draft.commitment


def test_the_flow_of_the_example_contradicts_nothing() -> None:
    """As it stands in the file."""
    assert list(contradictions(flow_of_file(f"{FLOW}.json"))) == []


def test_a_licence_is_granted(town: Chain) -> None:
    """The officer's move issues the record in the office's name."""
    name = under_review(town)

    moved, issued = done(town, "omar", moving(name, "grant"))

    assert moved.state == "granted"
    assert isinstance(issued, RecordIssued)
    assert licensed(town) == APPLICATION
    assert worklist(town, name) == {}


def test_an_office_that_says_nothing_consents(town: Chain) -> None:
    """Forty days after the application: ten until it counts as complete, thirty to decide."""
    name = applied(town)

    (complete,) = days_pass(town, 10)
    assert (complete.transition, complete.mover) == ("deem_complete", None)
    assert days_pass(town, 29) == []
    assert licensed(town) is None
    granted, issued = days_pass(town, 1)

    assert (granted.transition, granted.state) == ("consent_by_silence", "granted")
    assert isinstance(issued, RecordIssued)
    assert licensed(town) == APPLICATION
    assert days_pass(town, 100) == []
    assert worklist(town, name) == {}


def test_an_incomplete_application_is_supplemented_or_lapses(town: Chain) -> None:
    """What is granted in the end is what was handed in last."""
    name = applied(town)
    done(town, "clara", moving(name, "return_as_incomplete"))
    done(town, "ali", moving(name, "supplement", document=paper("all of it")))
    days_pass(town, 10)
    days_pass(town, 30)
    assert licensed(town) == paper("all of it")

    other = applied(town)
    done(town, "clara", moving(other, "return_as_incomplete"))
    (lapsed,) = days_pass(town, 60)
    assert (lapsed.transition, lapsed.state) == ("lapse", "withdrawn")


def test_a_refusal_is_appealed(town: Chain) -> None:
    """The tribunal allows it: the licence rests on its judgement."""
    name = under_review(town)
    done(town, "omar", moving(name, "refuse", document=paper("reasons")))
    done(town, "ali", moving(name, "appeal", document=paper("appeal")))

    done(town, "tribunal", moving(name, "allow", document=paper("judgement")))

    assert licensed(town) == paper("judgement")


def test_a_refusal_becomes_final(town: Chain) -> None:
    """When nobody appeals within thirty days, or the appeal is dismissed."""
    name, other = under_review(town), under_review(town)
    done(town, "omar", moving(name, "refuse", document=paper("reasons")))
    done(town, "omar", moving(other, "refuse", document=paper("reasons")))
    done(town, "ali", moving(other, "appeal", document=paper("appeal")))
    done(town, "tribunal", moving(other, "dismiss", document=paper("judgement")))

    (final,) = days_pass(town, 30)

    assert final.case == name
    assert {case_of(town, each).state for each in (name, other)} == {"closed"}
    assert licensed(town) is None


def test_four_eyes_see_a_licence(town: Chain) -> None:
    """Who found it complete does not decide, and nobody handles what is his own."""
    name = applied(town)
    done(town, "clara", moving(name, "find_complete"))
    done(town, "hala", moving(name, "assign", assignee=account_id("clara")))
    own = opening(flow=FLOW, parties=(party("applicant", "clara"),), document=APPLICATION)
    opened, _ = done(town, "clara", own)

    assert refused(town, "clara", moving(name, "grant")) == SameHand(
        name, "grant", account_id("clara")
    )
    assert refused(town, "clara", moving(opened.case, "find_complete")) == OwnCause(
        opened.case, "find_complete", account_id("clara")
    )


def test_everybody_finds_the_case_where_he_looks(town: Chain) -> None:
    """The clerks on their desk, ali on his own, with the day on which silence speaks."""
    name = applied(town)
    due = Waiting(TimeMs(town.time_ms + 10 * DAY))

    assert worklist(town, name) == {
        (b"licence_clerk\0", Task.CASE): due,
        (b"\0" + account_id("ali"), Task.CASE): due,
    }
    done(town, "clara", moving(name, "find_complete"))
    due = Waiting(TimeMs(town.time_ms + 30 * DAY))
    done(town, "hala", moving(name, "assign", assignee=account_id("omar")))
    assert worklist(town, name) == {
        (b"licence_head\0", Task.CASE): due,
        (b"\0" + account_id("omar"), Task.CASE): due,
        (b"\0" + account_id("ali"), Task.CASE): due,
    }
