"""Proposals of view 3 that break one clause of their justification, every signature in them good.

The clauses are those of rules R13 and R14. Four voices, of whom any may say anything; what a test
does with the messages is its own affair: the gate alone (Gate.pre_prepare), or a whole engine.
"""

from dataclasses import dataclass

from msgspec.structs import replace

from consensus.messages import PrePrepare, ViewChange
from kit.spoken import Voice, certificate_by
from primitives.certificate import Certificate
from primitives.domains import Domain
from primitives.ids import NO_VIEW, ZERO32, BlockId, Height, View

VIEW = 3


@dataclass(frozen=True)
class Crafter:
    """Four voices at one height, and two blocks: one that is proposed, and another."""

    voices: list[Voice]
    height: int
    block: BlockId
    other: BlockId

    def proof(self, view: int, block: BlockId | None = None, *, height: int = 0) -> Certificate:
        """A prepared certificate of a view, of the proposed block unless another is named."""
        named = self.block if block is None else block
        return certificate_by(self.voices[:3], Domain.PREPARE, height or self.height, view, named)

    def ask(
        self, seat: int, claim: Certificate | None = None, *, view: int = VIEW, height: int = 0
    ) -> ViewChange:
        """A view change as it stands in a proposal: signed by its seat, without certificate."""
        change = self.voices[seat].view_change(height or self.height, view, claim)
        return replace(change, prepared=None)

    def claim(self, seat: int, view: int, block: BlockId) -> ViewChange:
        """One that claims whatever it is told to, proved or not."""
        return self.ask(seat, Certificate(Height(self.height), View(view), block, ()))

    def propose(
        self,
        *changes: ViewChange,
        proof: Certificate | None = None,
        view: int = VIEW,
        block: BlockId | None = None,
    ) -> PrePrepare:
        """Signed by the primary of its view."""
        members = self.voices[0].validators
        primary = members.keys.index(members.primary(Height(self.height), View(view)))
        named = self.block if block is None else block
        return self.voices[primary].pre_prepare(self.height, view, named, changes, proof)

    def justified(self) -> dict[str, PrePrepare]:
        """What must pass: each way in which a proposal is justified."""
        nobody = [self.ask(seat) for seat in range(4)]
        low, high = self.proof(0), self.proof(2)
        other = self.proof(1, self.other)
        return {
            "view 0": self.propose(view=0),
            "a quorum that claims nothing": self.propose(*nobody[:3]),
            "everybody": self.propose(*nobody),
            "in any order": self.propose(nobody[3], nobody[0], nobody[2]),
            "one of them twice beside a quorum": self.propose(*nobody[:3], nobody[1]),
            "a claim of view 0": self.propose(self.ask(0, low), *nobody[1:3], proof=low),
            "a claim of the view below": self.propose(self.ask(2, high), *nobody[:2], proof=high),
            "the higher of two claims": self.propose(
                self.ask(0, other), self.ask(1, high), nobody[2], proof=high
            ),
            "the same claim of all": self.propose(
                *(self.ask(seat, high) for seat in range(3)), proof=high
            ),
        }

    def unjustified(self) -> dict[str, tuple[PrePrepare, str]]:
        """What must be refused, and what the refusal says."""
        return {
            **self._too_much_at_view_zero(),
            **self._wrong_view_changes(),
            **self._wrong_claims(),
            **self._wrong_proofs(),
        }

    def _too_much_at_view_zero(self) -> dict[str, tuple[PrePrepare, str]]:
        asked = [self.ask(seat, view=1) for seat in range(3)]
        why = "carries no view changes and no certificate"
        return {
            "view 0 with a view change": (self.propose(asked[0], view=0), why),
            "view 0 with a quorum of them": (self.propose(*asked, view=0), why),
            "view 0 with a certificate": (self.propose(view=0, proof=self.proof(0)), why),
        }

    def _wrong_view_changes(self) -> dict[str, tuple[PrePrepare, str]]:
        one, two, three, four = (self.ask(seat) for seat in range(4))
        below, above = self.ask(2, view=VIEW - 1), self.ask(2, view=VIEW + 1)
        elsewhere = self.ask(2, height=self.height + 1)
        where = f"in a proposal for {self.height}/{VIEW}"
        return {
            "none at all": (self.propose(), "0 view changes"),
            "one": (self.propose(one), "1 view changes"),
            "one fewer than a quorum": (self.propose(one, two), "2 view changes"),
            "a sender twice in the place of a third": (
                self.propose(one, two, one),
                "2 view changes",
            ),
            "a sender four times": (self.propose(one, one, one, one), "1 view changes"),
            "a lower view": (self.propose(one, two, below), where),
            "a higher view": (self.propose(one, two, above), where),
            "another height": (self.propose(one, two, elsewhere), where),
            "a lower view beside a quorum": (self.propose(one, two, four, below), where),
            "a higher view beside a quorum": (self.propose(one, two, four, above), where),
            "another height beside a quorum": (self.propose(one, two, four, elsewhere), where),
            "a certificate of its own": (
                self.propose(
                    *(
                        replace(self.ask(seat, self.proof(1)), prepared=self.proof(1))
                        for seat in range(3)
                    ),
                    proof=self.proof(1),
                ),
                "no certificate of its own",
            ),
            "a seat that nobody has": (
                self.propose(one, two, replace(three, seat=9)),
                "seat 9 of 4",
            ),
        }

    def _wrong_claims(self) -> dict[str, tuple[PrePrepare, str]]:
        one, two = self.ask(0), self.ask(1)
        return {
            "a claim of the view itself": (
                self.propose(one, two, self.claim(2, VIEW, self.block), proof=self.proof(VIEW)),
                f"a claim of view {VIEW} before {VIEW}",
            ),
            "a claim of a later view": (
                self.propose(one, two, self.claim(2, 7, self.block), proof=self.proof(7)),
                f"a claim of view 7 before {VIEW}",
            ),
            "a view without a block": (
                self.propose(
                    one,
                    two,
                    self.claim(2, 1, BlockId(ZERO32)),
                    proof=self.proof(1, BlockId(ZERO32)),
                    block=BlockId(ZERO32),
                ),
                "or neither",
            ),
            "a block without a view": (
                self.propose(one, two, self.claim(2, NO_VIEW, self.block)),
                "or neither",
            ),
        }

    def _wrong_proofs(self) -> dict[str, tuple[PrePrepare, str]]:
        one, two, nobody = self.ask(0), self.ask(1), self.ask(2)
        claim = self.ask(2, self.proof(1))
        higher = self.ask(1, self.proof(2, self.other))
        second = self.ask(0, self.proof(2))
        another, proves = "is for another block", "the certificate proves"
        return {
            "a certificate that nobody claims": (
                self.propose(one, two, nobody, proof=self.proof(1)),
                "nobody in the quorum prepared anything",
            ),
            "a claim without its certificate": (
                self.propose(one, two, claim),
                "no certificate for the highest claim",
            ),
            "a fresh block though somebody claims": (
                self.propose(one, two, claim, block=self.other),
                another,
            ),
            "another block with a certificate of its own": (
                self.propose(one, two, claim, block=self.other, proof=self.proof(1, self.other)),
                another,
            ),
            "the lower of two claims": (
                self.propose(one, higher, claim, proof=self.proof(1)),
                another,
            ),
            "a certificate of a lower view": (
                self.propose(one, two, claim, proof=self.proof(0)),
                proves,
            ),
            "a certificate of a higher view": (
                self.propose(one, two, claim, proof=self.proof(2)),
                proves,
            ),
            "a certificate of another block": (
                self.propose(one, two, claim, proof=self.proof(1, self.other)),
                proves,
            ),
            "a certificate of another height": (
                self.propose(one, two, claim, proof=self.proof(1, height=self.height + 1)),
                proves,
            ),
            "a second word of a sender that claims": (
                self.propose(one, two, nobody, second, proof=self.proof(2)),
                "nobody in the quorum prepared anything",
            ),
        }
