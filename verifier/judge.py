"""From a file whose own chain of trust holds to a verdict for one reader, with their pins."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, final

from verifier.lineage import Anchor
from verifier.pins import AgeLimit, Pin, age_text, pin_that_counts
from verifier.verdict import Outcome, Verdict

_HOW_TO_PIN: Final = (
    "Anybody can start a chain of their own and prove anything under it. Compare this chain id\n"
    "with one from a source that you trust (a gazette, the ministry's page, a printed notice),\n"
    "then give it to the verifier: --chain {pin}"
)
_HOW_TO_PIN_HEIGHT: Final = (
    "Anybody can name validators of their own and prove anything under them. Compare this\n"
    "checkpoint with one from a source that you trust, then give it to the verifier:\n"
    "--chain {pin}"
)
_HOW_TO_BEGIN_THERE: Final = (
    "You trust the validators of height {height}, and no keys older than that. Ask for a file\n"
    "that begins there: mithaq proof get … --from {height}"
)


@final
@dataclass(frozen=True, slots=True)
class Finding:
    """What a file shows to everybody: it holds, from its anchor to its fact."""

    anchor: Anchor
    judged: tuple[tuple[bytes, int], ...]
    """By which sets of validators (their hashes) the headers of which heights were judged."""
    height: int
    time_ms: int | None
    """When; None where the fact has no time of its own."""
    sentence: str
    details: tuple[tuple[str, str], ...]

    def rests_on(self, pin: Pin) -> bool:
        """Whether nothing older than the pin is needed (rule R59).

        The chain's: the file begins with genesis. A checkpoint: the file begins with it, or on its
        way comes by the pinned set, with a header at or above the pinned height to judge.
        """
        if pin.validators_hash is None:
            return self.anchor.genesis is not None
        if (pin.height, pin.validators_hash) == (self.anchor.height, self.anchor.hash):
            return True
        return any(by == pin.validators_hash and height >= pin.height for by, height in self.judged)


def judge(finding: Finding, pins: Sequence[Pin], age: AgeLimit | None) -> Verdict:
    """What it is worth to a reader with these pins."""
    anchor = finding.anchor
    begins = Pin(anchor.chain, anchor.height, None if anchor.height == 0 else anchor.hash)
    counts = pin_that_counts(anchor.chain, finding.height, pins)
    if counts is None or not finding.rests_on(counts):
        return _not_pinned(finding, begins, counts)
    outcome, headline = Outcome.VALID, "VALID"
    if age is not None and finding.time_ms is not None and age.exceeded_by(finding.time_ms):
        outcome = Outcome.OLDER
        headline = f"VALID, BUT OLDER THAN {age_text(age.most_ms).upper()}"
    return Verdict(
        outcome, headline, finding.sentence, finding.details, anchor.chain, pin=str(counts)
    )


def _not_pinned(finding: Finding, begins: Pin, counts: Pin | None) -> Verdict:
    if counts is not None and counts.height > begins.height:
        start = "GENESIS" if begins.height == 0 else f"HEIGHT {begins.height}"
        headline = f"VALID FROM {start} ON, BUT YOU PINNED CHECKPOINT {counts}"
        return _unpinned(finding, headline, _HOW_TO_BEGIN_THERE.format(height=counts.height))
    if begins.height == 0:
        headline = f"VALID UNDER CHAIN {begins}, WHICH YOU HAVE NOT PINNED"
        return _unpinned(finding, headline, _HOW_TO_PIN.format(pin=begins))
    headline = f"VALID UNDER CHECKPOINT {begins}, WHICH YOU HAVE NOT PINNED"
    return _unpinned(finding, headline, _HOW_TO_PIN_HEIGHT.format(pin=begins))


def _unpinned(finding: Finding, headline: str, advice: str) -> Verdict:
    return Verdict(
        Outcome.NOT_PINNED,
        headline,
        finding.sentence,
        finding.details,
        finding.anchor.chain,
        advice=advice,
    )
