"""`mithaq completion`: what a shell needs to complete commands, and the words it completes.

Each pressing of Tab runs `mithaq` once, so that a word costs no more than reading a folder.
"""

import click
from click import Context, Parameter

from cli.session import Session, command, home_folder

SHELLS = ("bash", "zsh", "fish")


@command("completion")
@click.argument("shell", type=click.Choice(SHELLS))
def completion(session: Session, shell: str) -> None:
    """Print the completion script of a SHELL: commands, options, operations, names of keys.

    \b
    bash: eval "$(mithaq completion bash)"     in ~/.bashrc
    zsh:  eval "$(mithaq completion zsh)"      in ~/.zshrc
    fish: mithaq completion fish | source      in ~/.config/fish/config.fish
    """
    from click.shell_completion import get_completion_class

    from cli.main import COMPLETE_VARIABLE, root

    kind = get_completion_class(shell)
    assert kind is not None, "click knows the three"
    script = kind(root, {}, "mithaq", COMPLETE_VARIABLE).source()
    session.show({"shell": shell, "script": script}, script)


def key_names(ctx: Context, parameter: Parameter, incomplete: str) -> list[str]:  # noqa: ARG001 - click's
    """Names of keys of the home; they also name accounts."""
    from cli.home import Home

    home = Home(home_folder(ctx.params.get("home")))
    return [name for name in home.key_names() if name.startswith(incomplete)]


def node_names(ctx: Context, parameter: Parameter, incomplete: str) -> list[str]:  # noqa: ARG001 - click's
    """Names of the nodes of a local network."""
    from cli.home import Home
    from primitives.errors import OperatorFault

    try:
        entries = Home(home_folder(ctx.params.get("home"))).localnet().nodes
    except OperatorFault:  # no network here: no names
        return []
    return [entry.name for entry in entries if entry.name.startswith(incomplete)]
