"""In the image itself: each patch replaces what it declares, and nothing where it is switched off."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from e2e.session import Session
from e2e.stack import Stack, docker

pytestmark = pytest.mark.usefixtures("images")

IMAGE = """
from pathlib import Path
from airflow_stack.operations.dags.subject import subject
print("image:", subject(Path(), "{stack}", lambda _: None).image.tag)
"""
# With all of them switched off, so that nothing is replaced before it is looked at.
PROGRAM = """
import importlib, inspect, json, os
hooks = []
os.register_at_fork = lambda **given: hooks.append(given)
from airflow_stack_runtime.patches import loader
from airflow_stack_runtime.patches.registry import PATCHES
import airflow

def at(target):
    module, _, path = target.partition(":")
    *parents, name = path.split(".")
    holder = importlib.import_module(module)
    for parent in parents:
        holder = getattr(holder, parent)
    return inspect.getattr_static(holder, name, None)

def seen(patch):
    return [at(target) for target in patch.replaces] or [len(hooks)]

found = {}
for patch in PATCHES:
    before = seen(patch)
    loader.apply(patch.where)
    off = all(now is was for now, was in zip(seen(patch), before, strict=True))
    environment = {loader.OFF: ",".join(other.name for other in PATCHES if other is not patch)}
    other = airflow.__version__
    airflow.__version__ = "3.0.1"
    os.environ |= environment
    loader.apply(patch.where)
    another = all(now is was for now, was in zip(seen(patch), before, strict=True))
    airflow.__version__ = other
    loader.apply(patch.where)
    on = [now is not was for now, was in zip(seen(patch), before, strict=True)]
    os.environ[loader.OFF] = ",".join(each.name for each in PATCHES)
    found[patch.name] = {"off": off, "another version": another, "on": all(on)}
print("found:", json.dumps(found))
"""


def test_each_patch_does_what_it_declares_and_nothing_when_off(session: Session, tmp_path: Path) -> None:
    """Rule: all that it names is replaced; by its switch, and in another version, nothing is."""
    place = Stack(session, tmp_path)
    said = place.run([place.command()[0], "-c", IMAGE.format(stack=place.name)]).check().output
    tag = said.rpartition("image: ")[2].strip()
    names = json.loads(docker("run", "--rm", "--interactive", tag, "python", "-", given=(
        "import json\nfrom airflow_stack_runtime.patches.registry import PATCHES\n"
        "print(json.dumps([patch.name for patch in PATCHES]))\n"
    )).splitlines()[-1])  # fmt: skip
    environment = {
        "AIRFLOW_STACK_PATCHES_OFF": ",".join(names),
        # What some of them are for.
        "AIRFLOW_STACK_QUEUES": "",
        "AIRFLOW__METRICS__OTEL_ON": "True",
        "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
    }
    options = [option for name, value in environment.items() for option in ("--env", f"{name}={value}")]
    output = docker("run", "--rm", "--interactive", *options, tag, "python", "-", given=PROGRAM)
    found = json.loads(output.rpartition("found: ")[2].splitlines()[0])
    assert found == {name: {"off": True, "another version": True, "on": True} for name in names}
