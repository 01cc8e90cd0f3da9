"""Groups of commands that import a command when it is asked for, and none for their help page."""

from collections.abc import Mapping
from importlib import import_module
from keyword import iskeyword
from typing import TYPE_CHECKING, Any, final

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


@final
class LazyGroup(click.Group):
    """Imports a command when it is asked for."""

    def __init__(self, *, members: Mapping[str, tuple[str, str]], **attributes: Any) -> None:  # noqa: ANN401 - click's own
        """`members`: name → the module that has it under that name, and what it is for."""
        super().__init__(**attributes)
        self.members = members

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's own
        """In the order in which people meet them."""
        return list(self.members)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The command of a name."""
        if cmd_name not in self.members:
            return None
        module, _ = self.members[cmd_name]
        # As the language has it: a name that it keeps for itself ends in an underscore.
        name = f"{cmd_name}_" if iskeyword(cmd_name) else cmd_name.replace("-", "_")
        found = getattr(import_module(module), name)
        assert isinstance(found, click.Command), f"{module} has the command {cmd_name}"
        return found

    def shell_complete(self, ctx: click.Context, incomplete: str) -> "list[CompletionItem]":
        """Without importing any command: a person waits for each Tab."""
        from click.shell_completion import CompletionItem

        options = click.Command.shell_complete(self, ctx, incomplete)
        named = [
            CompletionItem(name, help=what)
            for name, (_, what) in self.members.items()
            if name.startswith(incomplete)
        ]
        return [*named, *options]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, what) for name, (_, what) in self.members.items()])
