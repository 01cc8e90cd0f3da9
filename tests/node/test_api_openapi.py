"""The OpenAPI document and its page: complete, and ours alone."""

from __future__ import annotations

import json
import re
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Final

import pytest

from kit.api import ChainOfOne, serving
from kit.nets import in_trio
from kit.programs import needs
from kit.schema import faults, references, resolved
from kit.tree import ROOT
from node.api.openapi import QUERY_PATH, document, endpoint_of
from node.api.pages import PORTAL
from node.api.public import PublicApi
from node.reports.table import QUERIES
from services.table import EVENTS, OPERATIONS, REFUSALS

METHODS: Final = {"get", "post"}


def api() -> Any:  # noqa: ANN401 - JSON
    return json.loads(document(PublicApi(ChainOfOne()).routes()))


def described(found: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    return {
        f"{method.upper()} {path}": operation
        for path, methods in found["paths"].items()
        for method, operation in methods.items()
    }


def test_every_route_is_in_the_document() -> None:
    """Each once, with a summary and its answers; a query stands there by its name."""
    found = described(api())
    served = {endpoint_of(route) for route in PublicApi(ChainOfOne()).routes()}
    queries = {QUERY_PATH.replace("{name}", name) for name in QUERIES}

    assert set(found) == served - {QUERY_PATH} | queries
    for endpoint, operation in found.items():
        assert operation["summary"].endswith("."), endpoint
        assert {"200", "default"} <= set(operation["responses"]), endpoint
        named = {one["name"] for one in operation["parameters"] if one["in"] == "path"}
        assert named == set(re.findall(r"\{(\w+)\}", endpoint)), endpoint


def test_the_document_has_the_form_of_openapi() -> None:
    """What the standard asks for, and every reference leads somewhere."""
    found = api()

    assert found["openapi"].startswith("3.1.")
    assert {"title", "version"} <= set(found["info"])
    assert references(found)
    for reference in references(found):
        assert isinstance(resolved(found, reference), dict)
    for path, methods in found["paths"].items():
        assert path.startswith("/")
        assert set(methods) <= METHODS
        for operation in methods.values():
            assert all(answer["description"] for answer in operation["responses"].values())
            places = [(one["name"], one["in"]) for one in operation["parameters"]]
            assert len(places) == len(set(places))
            assert all(one["required"] for one in operation["parameters"] if one["in"] == "path")
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+", name) for name in found["components"]["schemas"])


@pytest.mark.parametrize("kind", [*OPERATIONS, *REFUSALS, *EVENTS], ids=lambda kind: kind.__name__)
def test_every_operation_refusal_and_event_has_its_schema(kind: Any) -> None:  # noqa: ANN401
    """With its docstring, its tag and every field."""
    config = kind.__struct_config__
    # Classes of two parts may have one name; nothing has the tag of another of its sort.
    [schema] = [
        schema
        for schema in api()["components"]["schemas"].values()
        if schema.get("properties", {}).get(config.tag_field) == {"enum": [config.tag]}
    ]

    assert " ".join(schema["description"].split()) == " ".join(kind.__doc__.split())
    assert set(schema["properties"]) == {config.tag_field, *kind.__struct_fields__}
    assert set(schema["required"]) == set(schema["properties"])


def test_what_is_not_of_its_schema_would_be_seen() -> None:
    """The judge of the tests judges: a wrong type, a missing field, one too many, a bad pattern."""
    found = api()
    schema = {"$ref": "#/components/schemas/PendingTransaction"}
    good = {"status": "pending", "id": "ab" * 32}

    assert faults(good, schema, found) == []
    for bad in (
        {**good, "id": 1},
        {**good, "id": "AB" * 32},
        {**good, "id": "ab" * 31},
        {**good, "status": "final"},
        {**good, "more": 1},
        {"status": "pending"},
    ):
        assert faults(bad, schema, found) != []


class Loads(HTMLParser):
    """Notes what a page loads, and whether anything runs that is not a file of ours."""

    def __init__(self) -> None:
        super().__init__()
        self.loads: set[str] = set()
        self.inline: list[str] = []
        self._script = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self._script = tag in ("script", "style")
        for name in ("src", "href"):
            value = given.get(name)
            if value is not None and not value.startswith("#"):
                self.loads.add(value)
        self.inline += [name for name in given if name.startswith("on") or name == "style"]

    def handle_data(self, data: str) -> None:
        if self._script and data.strip():
            self.inline.append(data)


@in_trio
async def test_the_page_loads_nothing_from_elsewhere() -> None:
    """Every file it names is served, and the policy forbids the rest."""
    async with serving(ChainOfOne()) as client:
        page = await client.get("/docs")
        loads = Loads()
        loads.feed(page.text)
        files = {path: await client.get(path) for path in sorted(loads.loads)}

    assert loads.loads == {
        "/docs/docs.css",
        "/docs/docs.js",
        "/docs/verify.html",
        "/openapi.json",
    }
    assert loads.inline == []
    assert {answer.status_code for answer in files.values()} == {200}
    assert files["/docs/docs.js"].headers["content-type"].startswith("text/javascript")
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert page.headers["x-content-type-options"] == "nosniff"
    for source in (page.text, files["/docs/docs.css"].text, files["/docs/docs.js"].text):
        assert not re.search(r"https?://|//cdn|@import|innerHTML|eval\(", source)


@in_trio
async def test_only_the_files_of_the_portal_are_served() -> None:
    """By their exact names: a path out of the folder is a name that nobody has."""
    async with serving(ChainOfOne()) as client:
        answers = [
            await client.get(path)
            for path in ("/docs/nothing.js", "/docs/..%2fREADME.md", "/docs/%2e%2e", "/docs/?x=1")
        ]

    assert {answer.status_code for answer in answers} <= {400, 404}
    assert PORTAL == ROOT / "portal"
    assert {path.name for path in PORTAL.iterdir()} == {
        "docs.html",
        "docs.css",
        "docs.js",
        "verify.html",
    }


@in_trio
async def test_the_verifier_is_served_under_its_own_policy() -> None:
    """The very file, which may run its own script, named by its hash, and connect to nothing."""
    async with serving(ChainOfOne()) as client:
        answer = await client.get("/docs/verify.html")

    assert answer.content == (PORTAL / "verify.html").read_bytes()
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    policy = answer.headers["content-security-policy"].split("; ")
    assert [one for one in policy if not one.startswith(("script-src", "style-src"))] == [
        "default-src 'none'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ]
    assert re.search(r"script-src 'sha256-[A-Za-z0-9+/]{43}='", "; ".join(policy))
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"


@in_trio
async def test_the_document_is_served() -> None:
    """As JSON, and the same as is made from the routes."""
    async with serving(ChainOfOne()) as client:
        answer = await client.get("/openapi.json")

    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == api()


def test_the_page_draws_the_whole_document(tmp_path: Path) -> None:
    """Every endpoint and every schema; a link to a schema opens it, and no link leads nowhere."""
    needs("node")
    found = api()
    written = tmp_path / "openapi.json"
    written.write_text(json.dumps(found))
    browser, script = ROOT / "tests/kit/small_dom.js", PORTAL / "docs.js"
    words = [*map(str, (browser, script, written)), "#schema-Transfer"]

    done = subprocess.run(["node", *words], check=True, capture_output=True, text=True, timeout=30)
    page = json.loads(done.stdout)

    assert page["state"] == f"Mithaq {found['info']['version']}: {len(described(found))} endpoints."
    assert [endpoint for endpoint in described(found) if endpoint not in page["drawn"]] == []
    assert [name for name in found["components"]["schemas"] if name not in page["drawn"]] == []
    assert page["open"] == ["schema-Transfer"]
    assert page["dead"] == []
