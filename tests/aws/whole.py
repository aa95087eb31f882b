"""The project's whole program on a stack file of a test, under the engine, with moto for AWS.

Two things of it are not AWS's and would take an hour: the image's build and push, and the migration. Pulumi runs both
by their dotted paths, in a process of its own (`airflow_stack.backends.push_provider`, `.task_provider`): the seam is
the copy of the project, in which the two modules are replaced by fakes that write down what they were asked.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from e2e.session import ROOT, copy_project

from aws.engine import STAND_IN, Engine

FAKES = {"registry_push": "push", "run_task": "run_or_fail"}
FAKE = '''"""A fake of the tests: it writes down what it was asked."""

import hashlib
import json
from pathlib import Path


def {name}(inputs, *_):
    done = dict(inputs)
    with (Path(__file__).parents[2] / ".done").open("a") as file:
        file.write(json.dumps(["{name}", done]) + "\\n")
    return "sha256:" + hashlib.sha256(str(done.get("tag")).encode()).hexdigest()
'''

Config = dict[str, Any]


class Whole(Engine):
    """A stack of the whole program."""

    def environment(self) -> dict[str, str]:
        # The editable installation would win over the copy elsewhere; the dynamic providers import from it too.
        return super().environment() | {"PYTHONPATH": str(self.program)}

    def describe(self, **sections: Any) -> None:
        """Write the stack file: sections of the config by name."""
        self.configure({f"airflow-stack:{key}": value for key, value in sections.items()})

    def done(self) -> list[tuple[str, dict[str, Any]]]:
        """What the fakes were asked since the last time."""
        file = self.program / ".done"
        lines = file.read_text().splitlines() if file.exists() else []
        file.unlink(missing_ok=True)
        return [tuple(json.loads(line)) for line in lines]


def whole(directory: Path, endpoint: str | None, credentials: Mapping[str, str], plugin: str = STAND_IN) -> Whole:
    """A copy of the project, with its fakes, and an empty stack in it."""
    copy = copy_project(directory / "project")
    for module, name in FAKES.items():
        (copy / "airflow_stack" / "operations" / f"{module}.py").write_text(FAKE.format(name=name))
    engine = Whole(copy, "prod", endpoint, credentials, plugin)
    engine.init()
    return engine


def prod() -> Config:
    """Sections of the stack file that the project comes with."""
    config = yaml.safe_load((ROOT / "Pulumi.prod.yaml").read_text())["config"]
    return {key.removeprefix("airflow-stack:"): value for key, value in config.items()}


def with_target(config: Config, **changes: Any) -> Config:
    """The same with other keys of its target."""
    return config | {"target": config["target"] | changes}


def short(touched: Mapping[str, str]) -> dict[str, str]:
    """The same by the last word of the type, without components and the prefix of all names."""
    parted = {key: key.partition(" ") for key in touched if not key.startswith("airflow-stack:")}
    return {
        f"{kind.rpartition(':')[2]} {name.removeprefix('airflow-')}": touched[key]
        for key, (kind, _, name) in parted.items()
    }
