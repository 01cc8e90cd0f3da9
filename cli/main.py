"""The entry point: which commands there are, and how each run ends.

Commands are imported when they are asked for; their one-line descriptions stand here, so that
`mithaq --help` imports none of them.
"""

import json
import os
import sys
from collections.abc import Sequence
from typing import Final

import click

from cli.advice import NEXT
from cli.faults import EXPLAINED, ExitCode, Failure, failure_of
from cli.help_pages import HelpPage
from cli.language import (
    label,
    language_of,
    phrase,
    shown,
    speaking,
    spoken,
    without_language,
)
from cli.lazy import LazyGroup
from cli.session import wants_json
from primitives.errors import MithaqError

COMMANDS: Final = {
    "localnet": ("cli.localnet", "Run a network of validators on this machine."),
    "status": ("cli.status", "Ask all nodes of the home; say who is missing."),
    "why": ("cli.why", "Say why the chain is slow or halted, and what to do."),
    "tx": ("cli.tx", "Build, sign, submit and look up transactions."),
    "proof": ("cli.proof", "Fetch proofs, and check them without any node."),
    "trust": ("cli.trust", "Say which chains and checkpoints you trust."),
    "evidence": ("cli.evidence", "List, check and report validators that signed two things."),
    "account": ("cli.lookup", "Show an account, its roles and balances."),
    "worklist": ("cli.worklist", "List what waits for you, the most urgent first."),
    "query": ("cli.query", "Ask for totals, statements and lists."),
    "report": ("cli.report", "Print a report, with the proofs of its figures if asked for."),
    "events": ("cli.events", "Follow what becomes true, as it becomes final."),
    "state": ("cli.state", "Read entries of the state, also as they were."),
    "block": ("cli.lookup", "Show a block and its certificate."),
    "import": ("cli.import_files", "Bring in what the outside world has as files."),
    "export": ("cli.export", "Write what the chain holds in the outside world's formats."),
    "vendors": ("cli.vendors", "Keep payees' names and bank accounts, beside the agency's key."),
    "db": ("cli.db", "Look after a node's database."),
    "snapshot": ("cli.snapshot", "Write, list, check and restore snapshots of the state."),
    "audit": ("cli.audit", "Execute a chain again from its public files, and sign a report."),
    "validator": ("cli.validator", "List validators; propose who joins and who leaves."),
    "observer": ("cli.observer", "Admit, list and revoke nodes that follow without a vote."),
    "peers": ("cli.peers", "Show a node's links: roles, addresses, delays, penalties."),
    "keys": ("cli.keys", "Make and list the keys that sign transactions."),
    "testnet": ("cli.testnet", "Write the folders of a new network's nodes."),
    "bundle": ("cli.bundle", "Make the file with which new nodes join, and look into one."),
    "join": ("cli.join", "Make a node that follows a network, from a bundle; run it."),
    "init": ("cli.init", "Make one node's folder."),
    "mempool": ("cli.mempool", "Show what waits for a block at a node; drop an account's."),
    "unfence": ("cli.unfence", "Let a fenced or cloned validator sign again."),
    "start": ("cli.start", "Run a node in the foreground."),
    "sim": ("cli.sim", "Run the node in a simulated world and try to break it."),
    "completion": ("cli.completion", "Print the completion script of a shell."),
}
"""Name → the module that has it under that name, and what it is for."""

COMPLETE_VARIABLE: Final = "_MITHAQ_COMPLETE"
"""By this variable a shell that completes says so."""

# click asks the class of contexts for what writes its help.
click.Context.formatter_class = HelpPage

_EXIT_CODES: Final = "\b\nExit codes:\n" + "\n".join(
    f"  {code.value}  {meaning}" for code, meaning in EXPLAINED.items()
)


@click.group(
    cls=LazyGroup,
    members=COMMANDS,
    epilog=_EXIT_CODES,
    context_settings={"max_content_width": 100},
)
@click.version_option(package_name="mithaq", message="%(prog)s %(version)s")
def root() -> None:
    """Mithaq: a ledger that public bodies keep together, with proofs that anybody can check.

    Every command takes --home, --json and --lang. With --json, results are JSON on standard output
    and errors are {"code", "message", "facts"} on standard error. --lang ar speaks Arabic.
    """


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    given, asked = without_language(sys.argv[1:] if arguments is None else arguments)
    try:
        language = language_of(asked, os.environ)
    except click.UsageError as error:
        _print_usage(error, machine=wants_json(given))
        return ExitCode.USAGE
    with speaking(language):
        return _run(given)


def _run(given: list[str]) -> int:
    try:
        # click returns the code of an Exit, and whatever a command returns, which is nothing.
        ended = root.main(given, "mithaq", complete_var=COMPLETE_VARIABLE, standalone_mode=False)
        return ended or ExitCode.OK
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return ExitCode.USAGE
    except click.UsageError as error:
        _print_usage(error, machine=wants_json(given))
        return ExitCode.USAGE
    except click.ClickException as error:
        failure = Failure(ExitCode.LOCAL_FAULT, "local", error.format_message())
        return _fail(failure, machine=wants_json(given))
    except SystemExit:
        # click's answer to a reader that has enough, as `head` does; nothing went wrong.
        return ExitCode.OK
    except (MithaqError, OSError) as error:
        return _fail(failure_of(error), machine=wants_json(given))
    except (click.Abort, KeyboardInterrupt):
        click.echo(spoken("stopped"), err=True)
        return 130  # as shells report SIGINT


def _fail(failure: Failure, *, machine: bool) -> int:
    if machine:
        message = phrase(failure.message)
        error = {"code": failure.code, "message": message, "facts": dict(failure.facts)}
        click.echo(json.dumps(error, ensure_ascii=False, default=str), err=True)
    else:
        click.echo(shown(f"mithaq: {phrase(failure.message)}"), err=True)
        if failure.code in NEXT:
            click.echo(shown(f"{label('Next')}: {phrase(NEXT[failure.code])}"), err=True)
    return failure.exit_code


def _print_usage(error: click.UsageError, *, machine: bool) -> None:
    if machine:
        _fail(Failure(ExitCode.USAGE, "usage", error.format_message()), machine=True)
        return
    path = error.ctx.command_path if error.ctx is not None else "mithaq"
    click.echo(shown(f"{path}: {phrase(error.format_message())}"), err=True)
    click.echo(spoken(f"Try `{path} --help`."), err=True)
