"""What Pulumi calls for a `Migration` and a `Rollout`, by reference from its pickle and in a process of its own.

Every preview starts that process: nothing that takes long to import is imported here, nor in a package above.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from pulumi.dynamic import CreateResult, DiffResult, ResourceProvider, UpdateResult

_PROVIDER = "__provider"


class TaskRun(ResourceProvider):
    """Calls a function once for each set of inputs. Creating and updating both call ``function``.

    Deleting calls the one that ``undo`` names, and does nothing where there is none.

    The state holds this class by its import path: who renames it makes old states unreadable.
    """

    # Nothing in it is secret, and a secret that differs by nothing but its salt is a change.
    serialize_as_secret_always = False

    def diff(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        """Changed where an input is. Another version of Pulumi, which pickles otherwise, is no reason to run."""
        return DiffResult(changes=_inputs(olds) != _inputs(news), replaces=[])

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Run the task. Raises what the function raises; then there is no resource, and the next update runs again."""
        return CreateResult(id_=str(props.get("task_definition", props["function"])), outs=self._run(props))

    def update(self, _id: str, _olds: dict[str, Any], news: dict[str, Any]) -> UpdateResult:
        """Run the task again. Where it fails, the state keeps the old inputs, and the next update runs again."""
        return UpdateResult(outs=self._run(news))

    def delete(self, _id: str, props: dict[str, Any]) -> None:
        """Call what undoes it, if there is anything to undo."""
        if "undo" in props:
            self._run(props, "undo")

    def _run(self, props: dict[str, Any], which: str = "function") -> dict[str, Any]:
        inputs = _inputs(props)
        module, _, function = str(inputs[which]).partition(":")
        getattr(importlib.import_module(module), function)(
            {key: value for key, value in inputs.items() if key not in ("function", "undo")}
        )
        return inputs


def _inputs(props: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in props.items() if key != _PROVIDER}
