"""A validator's next key: made beside the one in use, then put in its place on the same node.

    FOLDER/next/validator.key, signer.state        until the change is in force
    FOLDER/retired/KEY/validator.key, signer.state what was in use before

The two files of a key belong together: a signer's memory is of one key, and is never made anew for
one that may have voted. Each step can be repeated after an interruption.
"""

from pathlib import Path

from cli.processes import running
from node.config import NodeFolder
from node.keys import Purpose, StoredKey, public_of, read_key
from primitives.errors import OperatorFault


def next_key(node: NodeFolder, name: str) -> StoredKey:
    """The key that a node is to vote with next; made if there is none.

    Raises:
        OperatorFault: the folder cannot be written, or the key cannot be used.
    """
    from cli.founding import create_validator_key

    beside = NodeFolder(node.path / "next")
    beside.path.mkdir(mode=0o700, exist_ok=True)
    if not beside.validator_key.exists():
        create_validator_key(beside, name)
    return read_key(beside.validator_key, Purpose.VALIDATOR)


def switch(node: NodeFolder) -> tuple[StoredKey, Path]:
    """Put the next key in the place of the one in use; returns it, and where that one lies now.

    Raises:
        OperatorFault: the node runs, or has no next key.
    """
    pid = running(node)
    if pid is not None:
        raise OperatorFault(f"{node.path}: its node runs, as process {pid}; stop it first")
    beside = NodeFolder(node.path / "next")
    if not beside.validator_key.exists():
        raise OperatorFault(
            f"{beside.path} holds no key: `mithaq validator ready --new-key` makes one"
        )
    retired = node.path / "retired"
    if node.validator_key.exists():
        retired /= public_of(node.validator_key).hex()[:16]
    retired.mkdir(mode=0o700, parents=True, exist_ok=True)
    # The key goes last: while it is not there, all of this can be said again.
    for new, used in (
        (beside.signer_state, node.signer_state),
        (beside.validator_key, node.validator_key),
    ):
        if new.exists():
            if used.exists():
                used.rename(retired / used.name)
            new.rename(used)
    beside.path.rmdir()
    return read_key(node.validator_key, Purpose.VALIDATOR), retired
