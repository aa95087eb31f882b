"""Compares what the patches replace, and stand on, with what was read when they were written.

``python -m airflow_stack_runtime.patches.guard`` is a step of the image's build, and fails it where the two differ.
With ``record`` it prints ``as_read.json`` with the installed release in it: for whoever has read the changed code, and
has changed the patch if need be. It reads files, and imports none of them.
"""

from __future__ import annotations

import ast
import json
import sys
from hashlib import sha256
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from airflow_stack_runtime.patches.registry import EXTENSIONS, PATCHES

AS_READ = Path(__file__).with_name("as_read.json")
NOT_THERE = "not there"
"""In the place of a digest: what is replaced is an attribute that instances alone have, or one that is inherited."""


def names(release: str) -> list[str]:
    """Return what those that are for this release of Airflow replace and stand on, as ``module:Class.attribute``."""
    patches = (patch for patch in PATCHES if patch.is_for(release))
    found = {name for patch in patches for name in (*patch.replaces, *patch.reads)}
    return sorted(found.union(*(extension.reads for extension in EXTENSIONS if extension.is_for(release))))


def digest(name: str) -> str:
    """Return that of the installed source, with its decorators and comments.

    Raises:
        FileNotFoundError: the module is not installed.
    """
    module, _, path = name.partition(":")
    first, *rest = module.split(".")
    spec = find_spec(first)  # which imports nothing
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError(f"{first} is not installed")
    file = Path(spec.submodule_search_locations[0], *rest).with_suffix(".py")
    text = (file if file.exists() else file.with_suffix("") / "__init__.py").read_text(encoding="utf-8")
    node: Any = ast.parse(text)
    for part in path.split("."):
        node = next((one for one in getattr(node, "body", ()) if getattr(one, "name", None) == part), None)
    if node is None:
        return NOT_THERE
    first_line = min(one.lineno for one in (node, *node.decorator_list))
    return sha256("\n".join(text.splitlines()[first_line - 1 : node.end_lineno]).encode()).hexdigest()[:16]


def changed(release: str, as_read: dict[str, dict[str, str]]) -> dict[str, list[str]]:
    """Return by patch and extension what of this installed release is not as it was read."""
    read = as_read.get(release, {})
    wrong = {name for name in names(release) if read.get(name) != digest(name)}
    users = [(patch.name, (*patch.replaces, *patch.reads)) for patch in PATCHES if patch.is_for(release)]
    users += [(extension.name, extension.reads) for extension in EXTENSIONS if extension.is_for(release)]
    return {user: found for user, theirs in users if (found := [name for name in theirs if name in wrong])}


def main(arguments: list[str]) -> None:
    """Exit code 1 where something has changed."""
    release = version("apache-airflow")
    as_read: dict[str, dict[str, str]] = json.loads(AS_READ.read_text(encoding="utf-8")) if AS_READ.exists() else {}
    if arguments == ["record"]:
        print(json.dumps(as_read | {release: {name: digest(name) for name in names(release)}}, indent=1))
        return
    if not (found := changed(release, as_read)):
        print(f"What the patches replace in Airflow {release} is what was read.")
        return
    for user, wrong in found.items():
        print(f"{user}: not what was read: {', '.join(wrong)}", file=sys.stderr)
    sys.exit(
        f"Airflow {release} differs from what these patches were written for. Read each in the installed source, change"
        " or drop the patch, then record it: python -m airflow_stack_runtime.patches.guard record"
    )


if __name__ == "__main__":
    main(sys.argv[1:])
