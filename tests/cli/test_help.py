"""The command line explains itself, and every command keeps the same manners."""

from __future__ import annotations

from collections.abc import Iterator

import click

from cli.faults import ExitCode
from cli.main import COMMANDS, root
from cli.session import SessionCommand
from kit.commandline import mithaq


def leaves(group: click.Group, path: str = "") -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None, name
        if isinstance(command, click.Group):
            yield from leaves(command, f"{path}{name} ")
        else:
            yield path + name, command


def test_every_command_takes_home_and_json() -> None:
    """Wherever a network lies, and for programs as well as for people."""
    for path, command in leaves(root):
        names = {parameter.name for parameter in command.params}
        assert isinstance(command, SessionCommand), path
        assert names >= {"home", "machine"}, path


def test_no_two_options_of_a_command_have_one_name() -> None:
    """A field of an operation must not be called like what every command has."""
    for path, command in leaves(root):
        words = [word for parameter in command.params for word in parameter.opts]
        assert len(set(words)) == len(words), path


def test_every_command_and_every_option_has_a_help_text() -> None:
    """The generated ones too."""
    silent = [
        f"{path} {parameter.name}"
        for path, command in leaves(root)
        for parameter in command.params
        if isinstance(parameter, click.Option) and not parameter.help
    ]

    assert silent == []
    assert [path for path, command in leaves(root) if not command.help] == []


def test_the_list_of_commands_says_what_the_commands_say() -> None:
    """It is kept beside them, so that listing them imports none."""
    context = click.Context(root)

    for name, (_, what) in COMMANDS.items():
        command = root.get_command(context, name)
        assert command is not None
        assert command.name == name
        assert what.endswith(".")
        assert what in mithaq("--help").out


def test_there_is_a_command_for_every_operation() -> None:
    """Adding an operation adds its commands."""
    from services.table import OPERATIONS

    paths = {path for path, _ in leaves(root)}

    for operation in OPERATIONS:
        tag = operation.__struct_config__.tag
        assert {f"tx build {tag}", f"tx send {tag}"} <= paths


def test_the_help_documents_every_exit_code() -> None:
    """With what it means."""
    text = mithaq("--help").out

    for code in ExitCode:
        assert f"\n    {code.value}  " in text


def test_a_command_that_does_not_exist_is_a_usage_error() -> None:
    """Two lines, no traceback."""
    done = mithaq("stat")

    assert done.code == ExitCode.USAGE
    assert done.err.splitlines() == ["mithaq: No such command 'stat'.", "Try `mithaq --help`."]


def test_no_command_at_all_prints_the_help() -> None:
    """As a usage error."""
    done = mithaq()

    assert done.code == ExitCode.USAGE
    assert "Commands:" in done.err + done.out


def test_a_usage_error_is_json_for_programs() -> None:
    """As every other error."""
    done = mithaq("keys", "show", "--json")

    assert done.code == ExitCode.USAGE
    assert done.error == {"code": "usage", "message": "Missing argument 'NAME'.", "facts": {}}
