"""The tree of errors.

```
MithaqError
├── RemoteFault        another party's bytes are wrong; costs that party, never stops us
│   ├── Malformed      not the canonical encoding of what was asked for, or outside its limits
│   ├── BadSignature   a signature that does not verify, or a signer who is no member
│   └── BadBlock       a block that does not follow from its parent by the rules
├── Rejected           our answer "no" to a client, with a stable code and the facts
├── OperatorFault      this node's folder, configuration, port or key is wrong; said in one line
└── StorageFault       what is on disk cannot be trusted; nothing is repaired silently
```

Our own bugs are assertions: the process ends and the log replays. If ignoring a result would be
wrong, it is raised, never returned. Every message says what was expected and what was found.
"""

from collections.abc import Mapping
from typing import final


class MithaqError(Exception):
    """Everything this project raises on purpose."""


class RemoteFault(MithaqError):
    """Bytes from outside break a rule; the one who delivered them answers for it."""


@final
class Malformed(RemoteFault):
    """Not the canonical encoding of the expected type, or outside a limit."""


@final
class BadSignature(RemoteFault):
    """A signature does not verify under the key, domain and chain that it must."""


@final
class BadBlock(RemoteFault):
    """A block contradicts its header, its parent or the rules of the ledger."""


@final
class Rejected(MithaqError):
    """A client's request is refused: `code` is stable for programs, `facts` for people."""

    def __init__(self, code: str, message: str, facts: Mapping[str, object] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.facts = dict(facts or {})


class OperatorFault(MithaqError):
    """Something on this machine must be put right by its operator; one line says what."""


class StorageFault(MithaqError):
    """The database contradicts itself or this software; nothing was changed."""


def sole(error: BaseException) -> BaseException:
    """The one error in the nested groups that tasks end with, so that it can be caught by type."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error
