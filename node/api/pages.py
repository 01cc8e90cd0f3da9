"""Pages for people: our own files from `portal/`, served without a word from anywhere else.

The policy that goes with them lets a browser load from this node only, and run nothing inline, so
a page cannot be made to call another site. The proof verifier is one file that people save and
carry elsewhere: what it may do stands in the file itself, and the node repeats it.
"""

import re
from functools import lru_cache
from pathlib import Path
from typing import Final

from node.api.problems import UNKNOWN_PATH
from primitives.errors import Rejected

PORTAL: Final = Path(__file__).resolve().parent.parent.parent / "portal"
"""Beside `node`, in the repository as in an installation."""

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS: Final = {"x-content-type-options": "nosniff", "referrer-policy": "no-referrer"}
_OWN_POLICY: Final = re.compile(rb'<meta http-equiv="Content-Security-Policy" content="([^"]+)">')
_TYPES: Final = {  # the server adds the character set
    "docs.html": "text/html",
    "docs.css": "text/css",
    "docs.js": "text/javascript",
    "verify.html": "text/html",
}


def page(name: str) -> tuple[bytes, str, dict[str, str]]:
    """A file of the portal, its media type and the headers that go with it.

    Raises:
        Rejected: there is none of this name.
    """
    if name not in _TYPES:
        raise Rejected(UNKNOWN_PATH, "nothing is served under this path", {})
    return _read(name)


@lru_cache(maxsize=len(_TYPES))
def _read(name: str) -> tuple[bytes, str, dict[str, str]]:
    data = (PORTAL / name).read_bytes()
    own = _OWN_POLICY.search(data)
    policy = POLICY if own is None else f"{own[1].decode()}; frame-ancestors 'none'"
    return data, _TYPES[name], {**_HEADERS, "content-security-policy": policy}
