"""`mithaq keys`: the keys that sign transactions."""

import click

from cli.completion import key_names
from cli.home import KEY_NAME, home_of
from cli.session import Session, command, facts, table
from primitives.errors import OperatorFault


@click.group("keys")
def keys() -> None:
    """Make and list the keys that sign transactions; they lie in the home, in keys/NAME.key."""


@command("new", group=keys)
@click.argument("name")
def new(session: Session, name: str) -> None:
    """Make a key. The file belongs to you alone (mode 0600) and is never overwritten."""
    from node.keys import Purpose, create_key

    home = home_of(session)
    if not KEY_NAME.fullmatch(name):
        raise click.UsageError(
            f"NAME: expected small letters, digits, '.', '_' and '-', at most 64, found {name!r}"
        )
    home.keys.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = home.key_file(name)
    key = create_key(path, name=name, purpose=Purpose.ACCOUNT)
    result = {
        "name": name,
        "public": key.public.hex(),
        "account": home.account_of(key.public).hex(),
        "file": str(path),
    }
    session.show(result, facts(result.items()))


@command("list", group=keys)
def list_keys(session: Session) -> None:
    """List the keys of the home, with their accounts."""
    from node.keys import public_of

    home = home_of(session)
    found = []
    for name in home.key_names():
        try:
            public = public_of(home.key_file(name))
        except OperatorFault as fault:
            session.remark(f"mithaq: {fault}")
            continue
        account = home.account_of(public).hex()
        found.append({"name": name, "public": public.hex(), "account": account})
    rows = [(key["name"], key["account"]) for key in found]
    text = table(["KEY", "ACCOUNT"], rows) if rows else f"no keys in {home.keys}"
    session.show(found, text)


@command("show", group=keys)
@click.argument("name", shell_complete=key_names)
def show(session: Session, name: str) -> None:
    """Show the public half of a key and its account. The secret half is never shown."""
    home = home_of(session)
    key = home.key(name)
    result = {
        "name": name,
        "public": key.public.hex(),
        "account": home.account_of(key.public).hex(),
    }
    session.show(result, facts(result.items()))
