"""What botocore's descriptions of calls say of their values, and botocore does not enforce: patterns, enums, sizes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

# Properties of Unicode that patterns name between brackets, roughly in Python's words: none of them lets less through.
CLASSES = {
    r"\p{L}": "A-Za-z\u00c0-\U0010ffff", r"\p{N}": r"\d", r"\p{Z}": r"\s", r"\p{S}": "$+<=>^`|~",
    r"\p{P}": r"!-/:-@\\_{}",
}  # fmt: skip


def violations(shape: Any, value: Any, where: str) -> Iterator[str]:
    """Each constraint of the description that a value of a call breaks."""
    kind, limits = shape.type_name, shape.metadata
    if kind == "structure" and isinstance(value, Mapping):
        for key, inner in value.items():
            if key in shape.members:
                yield from violations(shape.members[key], inner, f"{where}.{key}")
    elif kind == "list" and isinstance(value, list):
        yield from _size(len(value), "entries", limits, where)
        for inner in value:
            yield from violations(shape.member, inner, where)
    elif kind == "map" and isinstance(value, Mapping):
        yield from _size(len(value), "entries", limits, where)
        for key, inner in value.items():
            yield from violations(shape.key, key, where)
            yield from violations(shape.value, inner, where)
    elif kind == "string" and isinstance(value, str):
        yield from _size(len(value), "characters", limits, where)
        if shape.enum and value not in shape.enum:
            yield f"{where}: {value!r} is none of {', '.join(shape.enum)}"
        pattern = _pattern(limits.get("pattern", ""))
        if pattern is not None and not pattern.fullmatch(value):
            yield f"{where}: {value!r} is not as {limits['pattern']}"
    elif kind in ("integer", "long", "float", "double") and isinstance(value, int | float):
        yield from _size(value, "", limits, where)


def _size(number: float, unit: str, limits: Mapping[str, Any], where: str) -> Iterator[str]:
    least, most = limits.get("min"), limits.get("max")
    if least is not None and number < float(least):
        yield f"{where}: {number} {unit} are less than {least}"
    if most is not None and number > float(most):
        yield f"{where}: {number} {unit} are more than {most}"


@cache
def _pattern(text: str) -> re.Pattern[str] | None:
    """None for one that Python can't say."""
    if not text:
        return None
    # A pair of surrogates is one character here, and what begins a range with one goes to Unicode's end.
    text = re.sub(r"\\uD800\\uDC00-\\uDBFF\\uDFFF|\\uD800-\\uDBFF\\uDC00-\\uDFFF", r"\\U00010000-\\U0010FFFF", text)
    for name, inside in CLASSES.items():
        text = text.replace(name, inside)
    try:
        return re.compile(text, re.DOTALL)
    except re.error:
        return None
