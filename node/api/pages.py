"""Pages for people: our own files from `portal/`, served without a word from anywhere else.

The policy that goes with them lets a browser load from this node only, and run nothing inline, so
a page cannot be made to call another site.
"""

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
HEADERS: Final = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}
_TYPES: Final = {
    "docs.html": "text/html; charset=utf-8",
    "docs.css": "text/css; charset=utf-8",
    "docs.js": "text/javascript; charset=utf-8",
}


@lru_cache(maxsize=len(_TYPES))
def _content(name: str) -> bytes:
    return (PORTAL / name).read_bytes()


def page(name: str) -> tuple[bytes, str]:
    """A file of the portal and its media type.

    Raises:
        Rejected: there is none of this name.
    """
    if name not in _TYPES:
        raise Rejected(UNKNOWN_PATH, "nothing is served under this path", {})
    return _content(name), _TYPES[name]
