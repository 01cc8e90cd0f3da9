"""Intents: calls that are held until the consent that they need is there, then run once (K2).

Whoever opens an intent says which calls, whose consent (a policy), and until when. Parties are the
accounts that the policy would count at the moment. A party has one answer, its latest: it approves,
or it refuses with a reason. As soon as the approvals suffice, the calls run with the authority of
those who gave them, all or nothing, and whatever comes of them the intent is over.

An intent is open until one of five ends: it ran; its calls were refused; so many parties refused
that no way is left; it was cancelled by its opener; its time is over. It never opens again.

An approval is judged when it would take effect, not when it was given: it counts while the account
has kept the keys that gave it and the policy still takes it (the role may have ended). Rows know
blocks, not the order in them: who changes keys approves in a later block, and an approval in the
block of a later change is void like every earlier one.
"""

from enum import Enum, unique
from typing import TYPE_CHECKING, Final, final

from msgspec import Struct
from msgspec.structs import replace

from ledger import policy, worklist
from ledger.accounts import ACCOUNTS, UnknownAccount
from ledger.agenda import AgendaKey
from ledger.calls import NestedTooDeep, TooMany
from ledger.operation import Duty, Event, Refusal, Refused
from ledger.policy import Holders, Policy, Signers
from ledger.state import Table
from ledger.worklist import Desk, Task
from primitives import kernel_limits
from primitives.domains import Domain
from primitives.ids import AccountId, Digest, Height, Natural, Sized32, TimeMs

if TYPE_CHECKING:
    from ledger.act import Act


@unique
class Stance(Enum):
    """What a party says."""

    APPROVED = "approved"
    REFUSED = "refused"


@unique
class IntentStatus(Enum):
    """Whether an intent waits for answers, or how it ended."""

    OPEN = "open"
    DONE = "done"
    """Its calls ran."""
    FAILED = "failed"
    """Its calls were refused."""
    REFUSED = "refused"
    """Too many parties refused."""
    CANCELLED = "cancelled"
    EXPIRED = "expired"


@final
class Answer(Struct, array_like=True, frozen=True):
    """What an account said, and in which block."""

    account: Sized32[AccountId]
    stance: Stance
    height: Natural[Height]


@final
class Intent(Struct, array_like=True, frozen=True):
    """The row of an intent: who opened it, how it stands, and each party's latest answer."""

    opener: Sized32[AccountId]
    opened: Natural[Height]
    expires_ms: Natural[TimeMs]
    status: IntentStatus
    answers: tuple[Answer, ...]
    expiry: AgendaKey


@final
class Terms(Struct, array_like=True, frozen=True):
    """The row of what an open intent would do, and with whose consent. It is written once."""

    calls: bytes
    policy: Policy


INTENTS: Final = Table[Digest, Intent](27, "intents", bytes, Intent)
TERMS: Final = Table[Digest, Terms](28, "intent_terms", bytes, Terms)
"""Of open intents only: the block that opened an intent keeps its terms for ever."""


class UnknownIntent(Refusal, tag="intents.unknown", frozen=True):
    """There is no intent {intent}."""

    intent: Sized32[Digest]


class IntentOver(Refusal, tag="intents.over", frozen=True):
    """Intent {intent} is over: {status}."""

    intent: Sized32[Digest]
    status: IntentStatus


class NotAParty(Refusal, tag="intents.not_a_party", frozen=True):
    """The policy of intent {intent} does not ask account {account}."""

    intent: Sized32[Digest]
    account: Sized32[AccountId]


class AlreadyAnswered(Refusal, tag="intents.already_answered", frozen=True):
    """Account {account} has {stance} intent {intent} since block {height}."""

    intent: Sized32[Digest]
    account: Sized32[AccountId]
    stance: Stance
    height: Natural[Height]


class TooManyAnswers(Refusal, tag="intents.too_many_answers", frozen=True):
    """Intent {intent} has {most} answers, which is all that it takes."""

    intent: Sized32[Digest]
    most: Natural[int]


class KeysJustChanged(Refusal, tag="intents.keys_just_changed", frozen=True):
    """The keys of account {account} changed in this block: it approves in a later one."""

    account: Sized32[AccountId]


class NotTheOpener(Refusal, tag="intents.not_the_opener", frozen=True):
    """Account {opener} opened intent {intent}, not {account}."""

    intent: Sized32[Digest]
    account: Sized32[AccountId]
    opener: Sized32[AccountId]


class IntentExpiryOutOfRange(Refusal, tag="intents.expiry_out_of_range", frozen=True):
    """An intent cannot expire at {expires_ms}, only after {after} and at {latest} at the latest."""

    expires_ms: Natural[TimeMs]
    after: Natural[TimeMs]
    latest: Natural[TimeMs]


@final
class IntentExpired(Event, tag="intents.expired", frozen=True):
    """The time to approve intent {intent} is over."""

    intent: Sized32[Digest]


@final
class ExpireIntent(Duty, tag="intents.expire", frozen=True):
    """End an intent that is still open when its time is over."""

    intent: Sized32[Digest]

    def fall_due(self, act: "Act") -> None:
        """End it."""
        intent = act.state[INTENTS].need(self.intent, UnknownIntent(self.intent))
        _end(act, self.intent, intent, IntentStatus.EXPIRED)
        act.emit(IntentExpired(self.intent))


def open_intent(act: "Act", *, calls: bytes, asks: Policy, expires_ms: TimeMs) -> Digest:
    """Hold calls until a policy is met. Anybody may; the actor has answered nothing yet.

    Raises:
        Refused: the calls cannot be calls, the policy cannot be met, or the time is out of range.
    """
    latest = TimeMs(act.time_ms + kernel_limits.INTENT_LIFETIME_MS_MAX)
    if not act.time_ms < expires_ms <= latest:
        raise Refused(IntentExpiryOutOfRange(expires_ms, act.time_ms, latest))
    act.read_calls(calls)
    policy.check(act, asks)

    name = act.fresh_id(Domain.INTENT)
    expiry = act.schedule(expires_ms, ExpireIntent(name))
    act.state[INTENTS][name] = Intent(
        opener=act.actor,
        opened=act.height,
        expires_ms=expires_ms,
        status=IntentStatus.OPEN,
        answers=(),
        expiry=expiry,
    )
    act.state[TERMS][name] = Terms(calls, asks)
    for desk in _desks(asks):
        worklist.put(act, desk, Task.INTENT, name, expires_ms)
    return name


def is_asked(act: "Act", name: Digest) -> bool:
    """Whether the actor's approval of an open intent would count."""
    _, terms = _open(act, name)
    return policy.is_party(act, terms.policy, act.actor)


def approve(act: "Act", name: Digest) -> None:
    """The actor approves; nothing runs yet.

    Raises:
        Refused: the intent is not open; the actor is no party, approved already with the keys
            that it has, or changed them in this block; or there are too many answers.
    """
    if _keys_since(act, act.actor) >= act.height:
        raise Refused(KeysJustChanged(act.actor))
    _answer(act, name, Stance.APPROVED)


def refuse(act: "Act", name: Digest) -> IntentStatus:
    """The actor refuses, also what it approved; whether the intent is still open.

    Raises:
        Refused: the intent is not open; the actor is no party or refused already; or there are
            too many answers.
    """
    intent = _answer(act, name, Stance.REFUSED)
    refusing = frozenset(
        answer.account for answer in intent.answers if answer.stance is Stance.REFUSED
    )
    if not policy.can_be_met(_terms(act, name).policy, refusing):
        intent = _end(act, name, intent, IntentStatus.REFUSED)
    return intent.status


def cancel(act: "Act", name: Digest) -> None:
    """The actor, who opened the intent, ends it.

    Raises:
        Refused: the intent is not open, or somebody else opened it.
    """
    intent, _ = _open(act, name)
    if act.actor != intent.opener:
        raise Refused(NotTheOpener(name, act.actor, intent.opener))
    _end(act, name, intent, IntentStatus.CANCELLED)


@final
class Run(Struct, frozen=True):
    """What came of the calls of an intent: whose authority they had, and why not if refused."""

    authority: tuple[AccountId, ...]
    refusal: Refusal | None


def run_if_met(act: "Act", name: Digest) -> Run | None:
    """Run the calls of an open intent and end it, if the approvals suffice now.

    The intent is over before its calls run: none of them finds it open.

    Raises:
        Refused: the intent is not open, or its calls are too many for this one transaction.
    """
    intent, terms = _open(act, name)
    standing = tuple(
        answer.account
        for answer in intent.answers
        if answer.stance is Stance.APPROVED
        and _stands(act, answer)
        and policy.is_party(act, terms.policy, answer.account)
    )
    if not policy.met(act, terms.policy, standing):
        return None

    ended = _end(act, name, intent, IntentStatus.DONE)
    refusal = act.attempt(terms.calls, authority=frozenset(standing))
    if isinstance(refusal, TooMany | NestedTooDeep):  # another transaction can do it
        raise Refused(refusal)
    if refusal is not None:
        act.state[INTENTS][name] = replace(ended, status=IntentStatus.FAILED)
    return Run(standing, refusal)


def _open(act: "Act", name: Digest) -> tuple[Intent, Terms]:
    intent = act.state[INTENTS].need(name, UnknownIntent(name))
    status = intent.status
    if status is IntentStatus.OPEN and act.time_ms >= intent.expires_ms:
        status = IntentStatus.EXPIRED  # as if its duty had run when it fell due
    if status is not IntentStatus.OPEN:
        raise Refused(IntentOver(name, status))
    return intent, _terms(act, name)


def _terms(act: "Act", name: Digest) -> Terms:
    terms = act.state[TERMS].find(name)
    assert terms is not None, f"the open intent {name.hex()} has no terms"
    return terms


def _answer(act: "Act", name: Digest, stance: Stance) -> Intent:
    intent, terms = _open(act, name)
    if not policy.is_party(act, terms.policy, act.actor):
        raise Refused(NotAParty(name, act.actor))
    others = tuple(answer for answer in intent.answers if answer.account != act.actor)
    for answer in intent.answers:
        if (answer.account, answer.stance) == (act.actor, stance) and _stands(act, answer):
            raise Refused(AlreadyAnswered(name, act.actor, stance, answer.height))
    if len(others) >= kernel_limits.INTENT_ANSWERS_MAX:
        raise Refused(TooManyAnswers(name, kernel_limits.INTENT_ANSWERS_MAX))

    answered = replace(intent, answers=(*others, Answer(act.actor, stance, act.height)))
    act.state[INTENTS][name] = answered
    worklist.drop(act, worklist.desk_of_account(act.actor), Task.INTENT, name)
    return answered


def _end(act: "Act", name: Digest, intent: Intent, status: IntentStatus) -> Intent:
    ended = replace(intent, status=status)
    for desk in _desks(_terms(act, name).policy):
        worklist.drop(act, desk, Task.INTENT, name)
    act.state[INTENTS][name] = ended
    del act.state[TERMS][name]
    act.unschedule(intent.expiry)
    return ended


def _stands(act: "Act", answer: Answer) -> bool:
    """Whether the keys that gave an answer still sign for the account; if not, it answers anew."""
    return _keys_since(act, answer.account) < answer.height


def _keys_since(act: "Act", account_id: AccountId) -> Height:
    """The block in which the keys that sign for an account changed last; its keeper's, too."""
    account = act.state[ACCOUNTS].need(account_id, UnknownAccount(account_id))
    if account.keeper is None:
        return account.changed
    return max(account.changed, _keys_since(act, account.keeper))


def _desks(asks: Policy) -> tuple[Desk, ...]:
    """The desks of accounts and roles that a policy names, none twice, in its order."""
    desks: dict[Desk, None] = {}
    for way in asks.ways:
        for condition in way.conditions:
            match condition:
                case Signers(accounts=accounts):
                    desks.update((worklist.desk_of_account(account), None) for account in accounts)
                case Holders(role=role, scope=scope):
                    desks[worklist.desk_of_role(role, scope)] = None
    return tuple(desks)
