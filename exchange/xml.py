"""XML: what others wrote is read with suspicion, what we write is plain.

A file from outside is untrusted. It has a bound; a document type, an entity of its own or a
reference to another resource is refused before it is looked at (they are how a few bytes become
gigabytes, and how a file reads other files); so is a namespace that is longer than any, which every
name would carry; and whoever reads it goes down paths that are known, so what else stands in it is
never touched.

What we write is UTF-8, indented, with one namespace; it depends on nothing but its content.
"""

import re
from collections.abc import Iterator
from typing import Final, TypeAlias
from xml.etree import ElementTree  # what we read goes through defusedxml; this is how we write

from exchange import limits
from primitives.errors import Malformed, OperatorFault

Element: TypeAlias = ElementTree.Element
_UNWRITABLE: Final = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""XML 1.0 (§2.2) has no place for these, escaped or not."""
_SHOWN_MAX: Final = 80
_PIECE_BYTES: Final = 16 * 1024
"""Read at a time: what is refused is not read to its end."""
_FAR_APART: Final = re.compile(rb"(?:\A|<)[^<]{%d}" % (limits.IMPORT_XML_TAG_BYTES_MAX + 1))


class _Tree(ElementTree.TreeBuilder):
    """Builds the elements of a document whose namespaces are short."""

    def start_ns(self, prefix: str, uri: str) -> None:
        """A namespace is declared."""
        del prefix
        if len(uri) > limits.IMPORT_XML_NAMESPACE_MAX:
            raise Malformed(
                f"expected a namespace of at most {limits.IMPORT_XML_NAMESPACE_MAX} characters, "
                f"found one of {len(uri)}"
            )


def read_xml(data: bytes) -> Element:
    """The root of a document that somebody else wrote.

    Raises:
        Malformed: too large, not well-formed, or it declares a document type, an entity or a
            namespace of a length that nobody has.
        OperatorFault: defusedxml is missing.
    """
    if len(data) > limits.IMPORT_XML_BYTES_MAX:
        raise Malformed(f"expected at most {limits.IMPORT_XML_BYTES_MAX} bytes of XML, found more")
    if _FAR_APART.search(data):
        most = limits.IMPORT_XML_TAG_BYTES_MAX
        raise Malformed(f"expected at most {most} bytes from one tag to the next, found more")
    try:
        from defusedxml.common import DefusedXmlException
        from defusedxml.ElementTree import XMLParser
    except ImportError as error:
        raise OperatorFault(
            "reading XML needs the package defusedxml: install requirements-exchange.lock"
        ) from error
    parser = XMLParser(target=_Tree(), forbid_dtd=True)
    try:
        for at in range(0, len(data), _PIECE_BYTES):
            parser.feed(data[at : at + _PIECE_BYTES])
        root: Element = parser.close()
    except DefusedXmlException as error:
        raise Malformed("expected XML without a document type and entities, found one") from error
    except ElementTree.ParseError as error:
        line, column = error.position
        said = str(error).partition(":")[0]
        raise Malformed(
            f"expected well-formed XML, found a fault at line {line}, column {column + 1}: {said}"
        ) from error
    except (LookupError, ValueError) as error:  # an encoding that nobody has
        raise Malformed(f"expected XML in UTF-8 or UTF-16: {error}") from error
    return root


def namespace_of(element: Element) -> str:
    """The namespace of an element, empty if it has none."""
    return element.tag[1:].partition("}")[0] if element.tag.startswith("{") else ""


def children(element: Element, path: str) -> Iterator[Element]:
    """All elements down a path such as `RmtInf/Strd`, in the namespace of the element."""
    space = namespace_of(element)
    yield from element.iterfind("/".join(f"{{{space}}}{step}" for step in path.split("/")))


def text_at(element: Element, path: str) -> str | None:
    """The text of the first element down a path, without space around it; None if there is none."""
    found = next(children(element, path), None)
    text = "" if found is None or found.text is None else found.text.strip()
    return text or None


def shown(text: str | None) -> str:
    """What stands there, for a message."""
    if text is None:
        return "nothing"
    return repr(text if len(text) <= _SHOWN_MAX else f"{text[:_SHOWN_MAX]}…")


def element(tag: str, *content: Element | str | None, **attributes: str) -> Element:
    """An element with texts or elements in it; None is left out."""
    made = ElementTree.Element(tag, {name: writable(text) for name, text in attributes.items()})
    for each in content:
        if isinstance(each, str):
            made.text = writable(each)
        elif each is not None:
            made.append(each)
    return made


def writable(text: str) -> str:
    """The text, with a mark in the place of what XML cannot say."""
    return _UNWRITABLE.sub("\ufffd", text)


def document(root: Element, namespace: str) -> bytes:
    """The file of a root whose elements are all of one namespace."""
    root.set("xmlns", namespace)
    ElementTree.indent(root, space="  ")
    text: bytes = ElementTree.tostring(root, encoding="UTF-8", xml_declaration=True)
    return text + b"\n"
