"""What may go wrong with a peer, for callers that must decide.

```
MithaqError
├── PeerUnavailable   no connection, no answer in time, or an answer that broke off
├── RequestRefused    the peer answered that it will not answer
└── PayloadTooLarge   our own payload is larger than its way allows; nothing was sent
```
"""

from typing import final

from primitives.errors import MithaqError


@final
class PeerUnavailable(MithaqError):
    """The peer cannot be reached, or did not answer in time. Another peer may."""


@final
class RequestRefused(MithaqError):
    """The peer was reached and refused the question."""


@final
class PayloadTooLarge(MithaqError):
    """The payload exceeds the limit of its way; the caller must cut it."""
