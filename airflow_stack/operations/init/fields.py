"""The model's fields by key, as in ``worker.count``: what they may hold, and text turned into such a value."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args, get_origin

from airflow_stack.config.models import model_of
from airflow_stack.config.types import Section

# No default: the field is required, or there is no such field.
MISSING = object()


class FieldAt:
    """The field that a key names. Which one that is can depend on the ``kind`` that ``raw`` chooses above it."""

    def __init__(self, key: str, raw: Mapping[str, Any]) -> None:
        self.annotation: Any = model_of(raw)
        self.default: Any = MISSING
        self.description = ""
        self.exists = True
        self._siblings: list[type[Section]] = []
        node: Any = raw
        for part in key.split("."):
            self._descend(part, node)
            node = node.get(part) if isinstance(node, Mapping) else None

    def _descend(self, part: str, node: Any) -> None:
        self.default = MISSING
        if get_origin(self.annotation) is dict:  # free keys, such as Airflow's options
            self.annotation = get_args(self.annotation)[1]
            return
        self._siblings = sections(self.annotation)
        model = member(self.annotation, node)
        if model is None or part not in model.model_fields:
            self.exists = False
            self.annotation = Any
            return
        field = model.model_fields[part]
        self.annotation = field.annotation
        self.description = field.description or ""
        if not field.is_required():
            default = field.get_default(call_default_factory=True, validated_data={})
            self.default = default.model_dump(exclude_unset=True) if isinstance(default, Section) else default

    def choices(self) -> list[Any]:
        """The values of a field that has few; none where any text may be tried."""
        literals = [value for kind in _members(self.annotation) for value in get_args(kind)
                    if get_origin(kind) is Literal]  # fmt: skip
        kinds = [model.model_fields["kind"] for model in self._siblings if "kind" in model.model_fields]
        if any(field.annotation == self.annotation for field in kinds):
            return [value for field in kinds for value in get_args(field.annotation)]
        return ([False] if bool in _types(self.annotation) else []) + literals + (
            [True] if bool in _types(self.annotation) else []
        )  # fmt: skip

    def convert(self, text: str) -> Any:
        """The value that a text means here: JSON where the field takes it, else the text itself."""
        types = _types(self.annotation)
        if text == "" and type(None) in types:
            return None
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            return text
        return value if type(value) in types - {str} or (not self.exists and value is not None) else text


def sections(annotation: Any) -> list[type[Section]]:
    """The sections among the members of a type."""
    return [kind for kind in _members(annotation) if isinstance(kind, type) and issubclass(kind, Section)]


def member(annotation: Any, value: Any) -> type[Section] | None:
    """The section that a value is meant to be: the one of its ``kind``, else the first."""
    found = sections(annotation)
    kind = value.get("kind") if isinstance(value, Mapping) else None
    for model in found:
        field = model.model_fields.get("kind")
        if field is not None and kind in get_args(field.annotation):
            return model
    return found[0] if found else None


def _members(annotation: Any) -> list[Any]:
    """What a union or an annotated type is made of; the type itself where it is neither."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _members(get_args(annotation)[0])
    if origin in (None, Literal, list, dict):
        return [annotation]
    return [inner for part in get_args(annotation) for inner in _members(part)]


def _types(annotation: Any) -> set[type]:
    types: set[type] = set()
    for part in _members(annotation):
        if get_origin(part) is Literal:
            types |= {type(value) for value in get_args(part)}
        elif isinstance(part, type) and issubclass(part, Section):
            types.add(dict)
        else:
            types.add(get_origin(part) or part)
    return types
