"""A grant in tokens: from a trust to its partners, back into money, and what lapses."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from kit.road.process import moment
from kit.road.stage import BUILDER, GRANT, PARTNERS, POUND, TRUST, Stage, paid, pounds
from ledger.assets import Purpose
from services.money import Spend
from services.treasury import awards, grants
from services.treasury.awards import AwardKind

TOKEN: Final = "GRANT1"
GRANT_AWARD: Final = "ACCESS-1"
SHARES: Final = (200_000 * POUND, 150_000 * POUND)
"""What the trust passes on to each partner."""
WORK: Final = "accessibility"
"""What the grant may be spent on."""


def the_grant_is_passed_on(stage: Stage) -> None:
    """A grant in earmarked tokens goes from the trust to two partners, in the open."""
    country = stage.country
    stage.teller.chapter("A grant that can be followed")
    country.does(
        "contractor",
        awards.MakeAward(
            award=GRANT_AWARD,
            line=stage.grant_line,
            kind=AwardKind.GRANT,
            recipient=country[TRUST],
            amount=GRANT,
            starts=stage.process.starts,
            ends=stage.process.ends,
            place=None,
            process=None,
            terms=None,
        ),
        grants.TokeniseAward(
            award=GRANT_AWARD,
            token=TOKEN,
            amount=GRANT,
            purposes=(Purpose(WORK, None, None),),
        ),
    )
    for partner, share in zip(PARTNERS, SHARES, strict=True):
        line = paid(country, partner, share, f"SHARE-{partner}")
        country.does(TRUST, Spend(TOKEN, WORK, (line,)))
    stage.teller.tell(
        "The same road gets ramps and signs for people who see or walk badly. That grant is made "
        "of tokens: claims on the award which can be spent on one purpose only. The trust "
        "that won it passes most of it on to two partners, and everybody can see that it did."
    )
    stage.teller.show((name, pounds(stage.holds(name, TOKEN))) for name in (TRUST, *PARTNERS))
    stage.attempt(
        "A partner spends its tokens on something else.",
        PARTNERS[0],
        Spend(TOKEN, "hospitality", (paid(country, BUILDER, POUND, "DINNER-1"),)),
    )


def partners_redeem_their_tokens(stage: Stage) -> None:
    """Tokens become claims, claims vouchers, vouchers payments: the chain is never broken."""
    country = stage.country
    stage.teller.chapter("The partners are paid")
    for number, (partner, share) in enumerate(zip(PARTNERS, SHARES, strict=True), 1):
        invoice = f"{partner.upper()}-1"
        stage.enter_payee(partner.capitalize(), f"{number:08}", partner)
        country.does("receiver", stage.delivery(GRANT_AWARD, share, number))
        claim = grants.Redeem(award=GRANT_AWARD, delivery=number, invoice=invoice, amount=share)
        country.does(partner, claim)
        certifying = grants.CertifyClaim(payee=country[partner], invoice=invoice, due=stage.due())
        country.does("certifier", certifying)
        country.does("payer", stage.payment(partner, invoice, "payer-2"), with_=("payer-2",))
    stage.teller.tell(
        "The ramps and the signs are there. Each partner gives its tokens up for a claim, and the "
        "claim is certified and paid like any invoice. What the trust kept is still a promise."
    )
    stage.teller.show(
        (name, f"{pounds(stage.holds(name))} and {stage.holds(name, TOKEN) // POUND:,} tokens")
        for name in (TRUST, *PARTNERS)
    )
    stage.attempt(
        "A partner redeems tokens that it no longer has.",
        PARTNERS[0],
        grants.Redeem(award=GRANT_AWARD, delivery=1, invoice="RAMPS-2", amount=POUND),
    )


def what_is_left_lapses(stage: Stage) -> None:
    """At the award's end unspent tokens are dead, and their obligation is free again."""
    stage.teller.chapter("What was not spent lapses")
    before = stage.line(stage.grant_line)
    kept = stage.holds(TRUST, TOKEN)
    stage.comes(moment(f"{stage.process.ends}T12:00:00Z") + timedelta(days=1))
    after = stage.line(stage.grant_line)
    stage.teller.tell(
        f"On {stage.process.ends} the works are over. The trust still has {kept // POUND:,} "
        "tokens, and nobody has to remember to take them back: they have lapsed, and what was "
        "set aside for them can be promised again."
    )
    stage.teller.show(
        [
            ("obligated before", pounds(before.obligated_minor)),
            ("obligated now", pounds(after.obligated_minor)),
        ]
    )
    stage.attempt(
        "The trust passes its dead tokens on.",
        TRUST,
        Spend(TOKEN, WORK, (paid(stage.country, PARTNERS[0], POUND, "TOO-LATE"),)),
    )
