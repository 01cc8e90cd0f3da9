"""The HTTP API: Litestar on Hypercorn's trio server, inside the node's loop (docs/api.md).

```
server       sockets, connections, deadlines, the end        Hypercorn's door
└ gate       how many requests at a time; bodies end
  └ application   routes, every error a problem              Litestar's door
    ├ public      read and submit
    └ admin       the operator's, on a Unix socket only
      intake, responses, problems; node.queries for what stands in the database
```
"""

from node.api.backend import AdminBackend, Backend
from node.api.server import serve, serve_admin

__all__ = ["AdminBackend", "Backend", "serve", "serve_admin"]
