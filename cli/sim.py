"""`mithaq sim`: try to break the protocol, under a seed that anybody can run again."""

import time
from collections import deque
from typing import Final

import click

from cli.faults import ExitCode
from cli.session import Session, command, facts, table
from sim.faults import Faults, documentation
from sim.profiles import PROFILES
from sim.report import Report
from sim.run import HEIGHTS, Outcome, Plan, run
from sim.sweep import cores, plan, sweep
from sim.trace import LEGEND

LAST_LINES: Final = 40
"""Lines of the trace that are printed when a law was broken."""
_EVERY_S: Final = 10.0


class SeedRange(click.ParamType[range]):
    """One seed, or A..B with both ends in it."""

    name = "A..B"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> range:
        """Read it."""
        if isinstance(value, range):
            return value
        first, dots, last = str(value).partition("..")
        if not first.isdecimal() or (dots and not last.isdecimal()):
            self.fail(f"{value!r} is not A..B, two seeds with A ≤ B", param, ctx)
        found = range(int(first), int(last if dots else first) + 1)
        if not found:
            self.fail(f"{value!r} holds no seed: A must not be above B", param, ctx)
        return found


@click.group("sim")
def sim() -> None:
    """Run the real node in a simulated world and try to break it.

    One seed decides everything that happens: network, clocks, disks, crashes and lies. The same
    seed gives the same trace on every machine.
    """


@command("run", group=sim)
@click.option("--seed", type=click.IntRange(min=0), help="One schedule.")
@click.option("--seeds", type=SeedRange(), help="A range of schedules, both ends included.")
@click.option(
    "--validators",
    type=click.IntRange(1, 32),
    help="Nodes that vote.  [default: 4 to 7, by the seed]",
)
@click.option(
    "--profile",
    type=click.Choice(list(PROFILES)),
    help="What may go wrong.  [default: by the seed; see `mithaq sim profiles`]",
)
@click.option(
    "--heights", type=click.IntRange(1, 10_000), default=HEIGHTS, show_default=True, help="Blocks."
)
@click.option("--processes", type=click.IntRange(1, 256), help="[default: one per core]")
@click.option("--trace", is_flag=True, help="Print every event of the one schedule.")
def run_(
    session: Session,
    seed: int | None,
    seeds: range | None,
    validators: int | None,
    profile: str | None,
    heights: int,
    processes: int | None,
    trace: bool,
) -> None:
    """Run one schedule, or a range of them.

    A schedule is a network in trouble, then healed: every law is checked after every delivery, and
    the healed network must go on. Ends with 1 if a law was broken, and prints what reproduces it.
    """
    if (seed is None) == (seeds is None):
        raise click.UsageError("give either --seed N or --seeds A..B")
    if seeds is None:
        assert seed is not None, "one of both is given"
        one = plan(seed, profile=profile, validators=validators, heights=heights)
        _run_one(session, one, trace=trace)
        return
    if trace:
        raise click.UsageError("--trace is for one schedule: give --seed N")
    plans = [plan(each, profile=profile, validators=validators, heights=heights) for each in seeds]
    _run_many(session, plans, processes if processes is not None else cores())


def _run_one(session: Session, one: Plan, *, trace: bool) -> None:
    last: deque[str] = deque(maxlen=LAST_LINES)

    def write(line: str) -> None:
        last.append(line)
        if trace and not session.machine:
            click.echo(line)

    outcome = run(one, write)
    if outcome.violation is not None and not trace and not session.machine:
        click.echo("\n".join(last))
    session.show(_facts(outcome), facts(_described(outcome)))
    if outcome.violation is not None:
        raise click.exceptions.Exit(ExitCode.REFUSED)


def _described(outcome: Outcome) -> list[tuple[str, object]]:
    found: list[tuple[str, object]] = [
        ("profile", outcome.plan.profile),
        ("validators", outcome.plan.validators),
        ("byzantine seats", ", ".join(outcome.kinds) or "none"),
        ("heights", outcome.heights),
        ("incidents", outcome.incidents),
        ("deliveries", outcome.deliveries),
        ("highest view", outcome.highest_view),
        ("simulated", f"{outcome.simulated_ms / 1000:.1f} s"),
        ("trace", outcome.trace),
    ]
    if outcome.recovery_ms is not None:
        found.append(("recovery", f"{outcome.recovery_ms} ms"))
    if outcome.violation is None:
        return [*found, ("laws", "all held")]
    return [
        *found,
        ("broken", f"{outcome.violation}: {outcome.message}"),
        ("again", outcome.plan.command()),
    ]


def _facts(outcome: Outcome) -> dict[str, object]:
    return {
        "seed": outcome.plan.seed,
        "profile": outcome.plan.profile,
        "validators": outcome.plan.validators,
        "byzantine": list(outcome.kinds),
        "heights": outcome.heights,
        "incidents": outcome.incidents,
        "deliveries": outcome.deliveries,
        "highest_view": outcome.highest_view,
        "simulated_ms": outcome.simulated_ms,
        "recovery_ms": outcome.recovery_ms,
        "trace": outcome.trace,
        "violation": outcome.violation,
        "message": outcome.message,
        "command": outcome.plan.command(),
    }


def _run_many(session: Session, plans: list[Plan], processes: int) -> None:
    report, began = Report(), time.monotonic()
    said = began
    for outcome, cpu_s in sweep(plans, processes=processes):
        report.add(outcome, cpu_s)
        if outcome.violation is not None:
            session.progress(f"{outcome.violation}: {outcome.message}\n  {outcome.plan.command()}")
        if time.monotonic() - said >= _EVERY_S:
            said = time.monotonic()
            session.progress(
                f"{report.schedules:,} of {len(plans):,} schedules, {len(report.failures)} failed"
            )
    elapsed_s = time.monotonic() - began
    missed = report.missed
    lines = [*report.lines(), f"took                 {elapsed_s:,.1f} s"]
    lines += [f"MISSED               {one}" for one in missed]
    session.show({**report.facts(), "missed": missed}, "\n".join(lines))
    if missed:
        raise click.exceptions.Exit(ExitCode.REFUSED)


@command("profiles", group=sim)
def profiles(session: Session) -> None:
    """List what may go wrong, by name."""
    session.show(
        {name: {"what": each.what, "share": each.share} for name, each in PROFILES.items()},
        table(
            ["profile", "of 100", "what"],
            [(name, each.share, each.what) for name, each in PROFILES.items()],
        ),
    )


@command("legend", group=sim)
def legend(session: Session) -> None:
    """Say what the signs of a trace mean, and what each fault is."""
    signs = [(sign, what) for sign, what in LEGEND.items()]
    calm, words = Faults(), documentation()
    named = [(name, getattr(calm, name), words[name]) for name in Faults.__struct_fields__]
    session.show(
        {"signs": dict(signs), "faults": words},
        "\n\n".join([table(["sign", "what"], signs), table(["fault", "default", "what"], named)]),
    )
