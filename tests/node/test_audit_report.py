"""Reports: what they say, whose word they are, and how two of them compare."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from kit.certified import named_digest, signing_key
from ledger.books import Balance
from node.audit_report import (
    AuditReport,
    Counts,
    Divergence,
    DivergenceKind,
    Entry,
    RootAt,
    SignedReport,
    compare,
    facts,
    read_report,
    sentences,
    sign_report,
)
from primitives import limits
from primitives.codec import decode, encode
from primitives.errors import Malformed
from primitives.ids import BlockId, ChainId, Digest, Height, TimeMs, TransactionId

AUDITOR = signing_key("auditor")


def root(height: int, word: str = "ours") -> RootAt:
    return RootAt(
        Height(height),
        BlockId(named_digest(f"block {height} {word}")),
        Digest(named_digest(f"state {height} {word}")),
    )


def report(height: int = 9, *, every: int = 2, word: str = "ours", **fields: Any) -> AuditReport:  # noqa: ANN401 - its own
    made = AuditReport(
        format="mithaq.audit",
        version=1,
        program="mithaq test",
        auditor="audit office",
        network="Test network",
        chain=ChainId(named_digest("chain")),
        start=root(0, "genesis"),
        last=root(height, word),
        time_ms=TimeMs(1_000),
        counts=Counts(height, 0, 0, 0, 0, 3 * height),
        assets=(),
        every=every,
        roots=tuple(root(at, word) for at in range(every, height + 1, every)),
        inputs=(),
        divergence=None,
    )
    return replace(made, **fields)


def divergence(height: int, **fields: Any) -> Divergence:  # noqa: ANN401 - its own
    made = Divergence(
        kind=DivergenceKind.STATE,
        height=Height(height),
        block_id=BlockId(named_digest("diverging")),
        index=None,
        transaction=None,
        expected="state root 01",
        actual="state root 02",
        tables=(),
        entries=(),
        compared_with="",
    )
    return replace(made, **fields)


def test_a_report_is_read_back_as_it_was_signed() -> None:
    """Signing the same twice gives the same bytes: no clock and no chance is in it."""
    data = sign_report(report(), AUDITOR)

    signed = read_report(data)
    assert (signed.report, signed.key) == (report(), AUDITOR.public)
    assert sign_report(report(), AUDITOR) == data


@given(place=st.integers(0, 10**6), bit=st.integers(0, 7))
def test_no_bit_of_a_report_can_be_turned(place: int, bit: int) -> None:
    """Whatever is changed, it is no report any more, or not its auditor's."""
    data = bytearray(sign_report(report(), AUDITOR))
    data[place % len(data)] ^= 1 << bit

    with pytest.raises(Malformed):
        read_report(bytes(data))


def test_another_key_cannot_be_put_under_a_report() -> None:
    """The signature is over the report; the key that is named must have made it."""
    signed = read_report(sign_report(report(), AUDITOR))
    stolen = SignedReport(signed.report, signing_key("somebody").public, signed.signature)

    with pytest.raises(Malformed, match="not signed by the key that it names"):
        read_report(encode(stolen))


def test_roots_stand_in_order() -> None:
    """Once each."""
    twice = report(roots=(root(2), root(2)))

    with pytest.raises(Malformed, match="strictly ascending"):
        read_report(sign_report(twice, AUDITOR))


def test_reports_that_list_the_same_agree() -> None:
    """At every height that both list, however often each lists one."""
    found = compare(report(9), report(12, every=3))

    assert found.agreed
    assert found.agree == (0, 6, 9)


def test_reports_that_differ_name_the_first_height() -> None:
    """Blocks or states of one height: one of the two executed another chain."""
    forked = report(roots=(root(2), root(4, "theirs"), root(6, "theirs")), last=root(9, "theirs"))
    found = compare(report(), forked)

    assert not found.agreed
    assert found.differ[0] == 4
    assert found.agree == (0, 2)


def test_a_divergence_that_the_other_did_not_see_is_a_difference() -> None:
    """If he executed that height; he may have stopped before, and have found the same."""
    diverged = report(4, divergence=divergence(5))

    assert not compare(diverged, report(9)).agreed
    assert not compare(report(9), diverged).agreed
    assert compare(diverged, report(4)).agreed
    assert compare(diverged, diverged).agreed
    other = report(4, divergence=divergence(5, block_id=BlockId(named_digest("another"))))
    assert not compare(diverged, other).agreed


def test_reports_of_two_chains_cannot_be_compared() -> None:
    """They have no height in common."""
    with pytest.raises(Malformed, match="one report is about chain"):
        compare(report(), report(chain=ChainId(named_digest("another"))))


def test_what_a_report_says_is_told_in_words() -> None:
    """Each fact with its label."""
    said = dict(facts(read_report(sign_report(report(), AUDITOR))))

    assert said["executed from"] == "genesis"
    assert said["blocks"] == "9, with 27 signatures of validators"
    assert said["auditor"].startswith("audit office, key ")
    assert dict(facts(read_report(sign_report(report(start=root(3)), AUDITOR))))[
        "executed from"
    ] == ("the snapshot of 3")


def test_an_entry_that_differs_is_told_with_both_values() -> None:
    """Table, key, the chain's value, ours, and who wrote it."""
    entry = Entry("balances", b"\x01\x02", None, b"\x93", 7)
    told = divergence(
        5,
        entries=(entry,),
        index=7,
        transaction=TransactionId(named_digest("seven")),
        compared_with="node http://127.0.0.1:1",
    )
    said = "\n".join(sentences(told))

    assert "table balances, key 0102" in said
    assert "the chain  no such entry" in said
    assert "execution  93" in said  # no row of that table
    known = replace(entry, expected=encode(Balance(-5, 0)))
    said = "\n".join(sentences(replace(told, entries=(known,))))
    assert 'the chain  {"amount": -5, "held": 0}' in said
    assert "written last by transaction 7" in said
    assert "compared with node http://127.0.0.1:1" in said
    assert "--node" not in said


@pytest.mark.parametrize(
    ("limit", "make"),
    [
        (limits.AUDIT_WORDS_MAX, lambda size: report(program="x" * size)),
        (
            limits.AUDIT_VALUE_BYTES_MAX,
            lambda size: report(
                divergence=divergence(5, entries=(Entry("t", bytes(size), None, None, None),))
            ),
        ),
        (
            limits.AUDIT_ENTRIES_MAX,
            lambda size: report(
                divergence=divergence(5, entries=(Entry("t", b"", None, None, None),) * size)
            ),
        ),
    ],
)
def test_a_report_stays_within_its_limits(limit: int, make: Any) -> None:  # noqa: ANN401 - a builder
    """At each limit it is read, one more is refused."""
    assert read_report(sign_report(make(limit), AUDITOR)).report == make(limit)
    with pytest.raises(Malformed):
        read_report(sign_report(make(limit + 1), AUDITOR))


def test_a_report_lists_so_many_roots_and_no_more() -> None:
    """AUDIT_ROOTS_MAX of them fit AUDIT_REPORT_BYTES_MAX; a longer file is not decoded."""
    roots = (root(1),)
    most = encode(report(roots=roots * limits.AUDIT_ROOTS_MAX))
    assert len(most) < limits.AUDIT_REPORT_BYTES_MAX
    assert len(decode(most, AuditReport, limit=len(most)).roots) == limits.AUDIT_ROOTS_MAX
    more = encode(report(roots=roots * (limits.AUDIT_ROOTS_MAX + 1)))
    with pytest.raises(Malformed):
        decode(more, AuditReport, limit=len(more))

    with pytest.raises(Malformed, match=f"at most {limits.AUDIT_REPORT_BYTES_MAX} are allowed"):
        read_report(bytes(limits.AUDIT_REPORT_BYTES_MAX + 1))
