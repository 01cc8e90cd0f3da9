"""Consent: many parties agree, each in a transaction of its own, and then it happens.

The short form is one transaction that all sign. An intent is for those who do not sit at one table:
somebody writes down what shall be done and whose approval it takes, the parties find it on their
worklists, and with the last approval that is needed it is done, in the same block.
"""

from typing import Annotated, final

from msgspec import Meta, Struct

from ledger import intents
from ledger.act import Act
from ledger.calls import Calls
from ledger.intents import INTENTS, TERMS, Answer, Intent, IntentStatus
from ledger.operation import Event, Operation, OperationTag, code
from ledger.policy import Policy, ReasonCode
from ledger.query import After, Limit, Page, Query, Reading
from primitives.ids import AccountId, Digest, Height, Natural, Sized32, TimeMs

IntentId = Annotated[Digest, Meta(min_length=32, max_length=32, description="id of the intent")]


@final
class IntentOpened(Event, tag="consent.intent_opened", frozen=True):
    """Account {opener} opened intent {intent}; it expires at {expires_ms}."""

    intent: Sized32[Digest]
    opener: Sized32[AccountId]
    expires_ms: Natural[TimeMs]


@final
class IntentApproved(Event, tag="consent.intent_approved", frozen=True):
    """Account {account} approved intent {intent}."""

    intent: Sized32[Digest]
    account: Sized32[AccountId]


@final
class IntentRefused(Event, tag="consent.intent_refused", frozen=True):
    """Account {account} refused intent {intent}: {reason}. It is {status}."""

    intent: Sized32[Digest]
    account: Sized32[AccountId]
    reason: ReasonCode
    status: IntentStatus


@final
class IntentCancelled(Event, tag="consent.intent_cancelled", frozen=True):
    """Account {opener} cancelled its intent {intent}."""

    intent: Sized32[Digest]
    opener: Sized32[AccountId]


@final
class IntentDone(Event, tag="consent.intent_done", frozen=True):
    """The calls of intent {intent} ran, with the authority of {authority}."""

    intent: Sized32[Digest]
    authority: tuple[Sized32[AccountId], ...]


@final
class IntentFailed(Event, tag="consent.intent_failed", frozen=True):
    """The calls of intent {intent} were refused, with {refusal}, and nothing of them remains."""

    intent: Sized32[Digest]
    authority: tuple[Sized32[AccountId], ...]
    refusal: OperationTag


@final
class OpenIntent(Operation, tag="consent.open_intent", frozen=True):
    """Hold calls until those whose approval the policy asks for have approved.

    Anybody may. If the policy asks the actor, opening is its approval. The calls run once, with the
    authority of those who approved and whose approval counts at that moment; if they are refused
    then, the intent has failed.
    """

    calls: Annotated[Calls, Meta(description="what shall be done, all or nothing, in order")]
    policy: Annotated[Policy, Meta(description="whose approval it takes")]
    expires_ms: Annotated[
        Natural[TimeMs], Meta(description="time (ms) from which on nobody can approve any more")
    ]

    def apply(self, act: Act) -> None:
        """Write the intent."""
        intent = intents.open_intent(
            act, calls=self.calls, asks=self.policy, expires_ms=self.expires_ms
        )
        act.emit(IntentOpened(intent, act.actor, self.expires_ms))
        if intents.is_asked(act, intent):
            _approve(act, intent)


@final
class ApproveIntent(Operation, tag="consent.approve_intent", frozen=True):
    """Approve an intent: its calls run with the actor's authority, too, once the policy is met.

    Needs to be asked by its policy. The approval is void if the actor's keys change before then, or
    if the policy asks it no longer.
    """

    intent: Annotated[IntentId, Meta(description="intent that is approved")]

    def apply(self, act: Act) -> None:
        """Write the approval; run the calls if it was the last that was needed."""
        _approve(act, self.intent)


@final
class RefuseIntent(Operation, tag="consent.refuse_intent", frozen=True):
    """Refuse an intent, also one that the actor approved; it may approve again while it is open.

    Needs to be asked by its policy. As soon as those who refuse leave no way to meet the policy,
    the intent is over.
    """

    intent: Annotated[IntentId, Meta(description="intent that is refused")]
    reason: Annotated[ReasonCode, Meta(description="why, as a code")]

    def apply(self, act: Act) -> None:
        """Write the refusal; end the intent if no way is left."""
        status = intents.refuse(act, self.intent)
        act.emit(IntentRefused(self.intent, act.actor, self.reason, status))


@final
class CancelIntent(Operation, tag="consent.cancel_intent", frozen=True):
    """End an intent that is open. Only who opened it may."""

    intent: Annotated[IntentId, Meta(description="intent that is ended")]

    def apply(self, act: Act) -> None:
        """End it."""
        intents.cancel(act, self.intent)
        act.emit(IntentCancelled(self.intent, act.actor))


def _approve(act: Act, intent: Digest) -> None:
    intents.approve(act, intent)
    act.emit(IntentApproved(intent, act.actor))
    run = intents.run_if_met(act, intent)
    if run is None:
        return
    if run.refusal is None:
        act.emit(IntentDone(intent, run.authority))
    else:
        act.emit(IntentFailed(intent, run.authority, code(run.refusal)))


@final
class IntentRow(Struct, frozen=True, kw_only=True):
    """An intent: how it stands, and what its parties answered last."""

    intent: Sized32[Digest]
    status: IntentStatus
    opener: Sized32[AccountId]
    opened: Natural[Height]
    expires_ms: Natural[TimeMs]
    policy: Policy | None
    answers: tuple[Answer, ...]


@final
class IntentLookup(Query, tag="consent.intent", frozen=True, kw_only=True):
    """One intent. Its policy is shown while it is open; then the block that opened it has it."""

    intent: IntentId

    def answer(self, reading: Reading) -> Page[IntentRow]:
        """Look it up."""
        return reading.look_up(INTENTS, self.intent, lambda row: _row(reading, self.intent, row))


@final
class Intents(Query, tag="consent.intents", frozen=True, kw_only=True):
    """Intents, in the order of their ids; what waits for whom is on the worklist.

    A page may have fewer rows than it could while there are more: it ends after 20,000 intents.
    """

    opener: (
        Annotated[
            AccountId, Meta(min_length=32, max_length=32, description="only what this one opened")
        ]
        | None
    )
    status: Annotated[IntentStatus, Meta(description="only with this status")] | None
    after: After | None
    limit: Limit | None

    def answer(self, reading: Reading) -> Page[IntentRow]:
        """List."""

        def row(key: bytes, intent: Intent) -> IntentRow | None:
            if self.opener not in (None, intent.opener) or self.status not in (None, intent.status):
                return None
            return _row(reading, Digest(key), intent)

        return reading.list(INTENTS, row, after=self.after, limit=self.limit)


def _row(reading: Reading, name: Digest, intent: Intent) -> IntentRow:
    terms = TERMS.read(reading.state, name)
    return IntentRow(
        intent=name,
        status=intent.status,
        opener=intent.opener,
        opened=intent.opened,
        expires_ms=intent.expires_ms,
        policy=None if terms is None else terms.policy,
        answers=intent.answers,
    )
