"""A small judge of JSON against JSON Schema: just the words that our documents use.

An unknown word is an error, so nothing passes because it was not looked at.
"""

import re
from typing import Any, Final

Json = Any

_TYPES: Final[dict[str, tuple[type, ...]]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "object": (dict,),
    "array": (list,),
    "null": (type(None),),
}
_OF: Final[dict[str, type]] = {
    "pattern": str,
    "minLength": str,
    "maxLength": str,
    "minimum": int,
    "maximum": int,
    "minItems": list,
    "maxItems": list,
    "items": list,
    "prefixItems": list,
    "required": dict,
    "properties": dict,
    "additionalProperties": dict,
}
"""What a word speaks about; of anything else it says nothing, the type does."""
_TEXTS: Final = {"title", "description", "default"}


def resolved(document: Json, reference: str) -> Json:
    """What a `$ref` leads to."""
    assert reference.startswith("#/"), reference
    for part in reference[2:].split("/"):
        document = document[part]
    return document


def references(value: Json) -> set[str]:
    """Every `$ref` in a document."""
    if isinstance(value, list):
        return set().union(*map(references, value))
    if not isinstance(value, dict):
        return set()
    own = {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
    return own.union(*map(references, value.values()))


def faults(value: Json, schema: Json, document: Json, path: str = "$") -> list[str]:
    """Every place where a value is not of its schema."""
    found: list[str] = []
    for word, asked in schema.items():
        if word not in _TEXTS and isinstance(value, _OF.get(word, object)):
            found += _fault(word, asked, value, schema, document, path)
    return found


def _fault(
    word: str, asked: Json, value: Json, schema: Json, document: Json, path: str
) -> list[str]:
    said = [f"{path}: {value!r:.80} is not {word} {asked!r:.80}"]
    match word:
        case "$ref":
            return faults(value, resolved(document, asked), document, path)
        case "anyOf":
            each = [faults(value, one, document, path) for one in asked]
            return [] if any(not one for one in each) else said + min(each, key=len)
        case "discriminator":
            right = isinstance(value, dict) and asked["propertyName"] in value
        case "type":
            right = isinstance(value, _TYPES[asked]) and (asked == "boolean") == (
                isinstance(value, bool)
            )
        case "enum":
            right = value in asked
        case "const":
            right = value == asked
        case "pattern":
            right = re.search(asked, value) is not None
        case "minLength" | "minItems":
            right = len(value) >= asked
        case "maxLength" | "maxItems":
            right = len(value) <= asked
        case "minimum":
            right = value >= asked
        case "maximum":
            right = value <= asked
        case "required":
            right = set(asked) <= set(value)
        case "additionalProperties":
            extra = set(value) - set(schema.get("properties", {}))
            if asked is not False:
                return [f for k in extra for f in faults(value[k], asked, document, f"{path}.{k}")]
            right = not extra
        case "properties":
            shared = asked.keys() & value.keys()
            return [f for k in shared for f in faults(value[k], asked[k], document, f"{path}.{k}")]
        case "items":
            if asked is False:
                right = len(value) <= len(schema.get("prefixItems", []))
            else:
                rows = enumerate(value)
                return [f for i, v in rows for f in faults(v, asked, document, f"{path}[{i}]")]
        case "prefixItems":
            rows = enumerate(zip(value, asked, strict=False))
            return [f for i, (v, s) in rows for f in faults(v, s, document, f"{path}[{i}]")]
        case _:
            raise AssertionError(f"the judge does not know {word}")
    return [] if right else said
