"""Edit the text of a stack file without Pulumi: just the keys that change, so that every comment elsewhere stays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from airflow_stack.config.errors import NAMESPACE
from airflow_stack.operations.init.fields import MISSING

# First line, one past the last line, and what stands there afterwards.
_Edit = tuple[int, int, list[str]]


def edited(text: str, changes: Mapping[str, Any]) -> str:
    """The text with keys of the namespace set to new values, or removed where a value is MISSING.

    The text is a valid stack file. Mappings in block style are edited key by key; anything else is written anew.
    """
    full = {f"{NAMESPACE}:{key}": value for key, value in changes.items()}
    lines = text.splitlines()
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    if not isinstance(root, yaml.MappingNode):
        edits = [(len(lines), len(lines), dump({"config": _merged({}, full)}, 0))]
    elif root.flow_style:
        edits = [(0, len(lines), dump(_merged(plain(root), {"config": full}), 0))]
    else:
        edits = _change(root, {"config": full}, lines)
    for first, last, new in sorted(edits, reverse=True):
        lines[first:last] = new
    return "\n".join(lines) + "\n"


def _change(node: yaml.MappingNode, changes: Mapping[str, Any], lines: list[str]) -> list[_Edit]:
    """Edits that make the changes in a block mapping; a change that is a mapping goes into the one that is there."""
    edits: list[_Edit] = []
    found = set()
    column = node.start_mark.column
    for key, value in node.value:
        if key.value not in changes:
            continue
        found.add(key.value)
        change = changes[key.value]
        first, last = key.start_mark.line, last_line(value) + 1
        if change is MISSING:
            edits.append((first, last, []))
        elif isinstance(change, Mapping) and isinstance(value, yaml.MappingNode) and not value.flow_style:
            edits += _change(value, change, lines)
        else:
            new = dump({key.value: _merged(plain(value), change)}, column)
            if len(new) == 1 and isinstance(value, yaml.ScalarNode) and value.style not in ("|", ">"):
                new[0] += lines[last - 1][value.end_mark.column :]  # the comment behind it
            edits.append((first, last, new))
    added = _merged({}, {key: value for key, value in changes.items() if key not in found})
    if added:
        end = last_line(node) + 1
        edits.append((end, end, dump(added, column)))
    return edits


def _merged(old: Any, changes: Any) -> Any:
    """The old value with the changes made in it."""
    if not isinstance(changes, Mapping):
        return changes
    known = old if isinstance(old, Mapping) else {}
    new = {key: _merged(known.get(key), change) for key, change in changes.items() if change is not MISSING}
    return {key: value for key, value in {**known, **new}.items() if changes.get(key) is not MISSING}


def plain(node: yaml.Node) -> Any:
    """What the node holds."""
    return yaml.SafeLoader("").construct_document(node)


def last_line(node: yaml.Node) -> int:
    """The last line with something of the node. PyYAML ends a block on the line of what follows it."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return last_line(last[1] if isinstance(last, tuple) else last)
    after_it = node.end_mark.column == 0 and node.end_mark.line > node.start_mark.line  # a block of text
    return node.end_mark.line - after_it


def dump(value: Mapping[str, Any], column: int) -> list[str]:
    """Lines in block style."""
    text = yaml.safe_dump(dict(value), sort_keys=False, width=1000, allow_unicode=True)
    return [" " * column + line for line in text.splitlines()]
