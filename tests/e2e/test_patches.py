"""In the image itself: each patch replaces what it declares, and nothing where it is switched off."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from airflow_stack.releases import RELEASES
from e2e.conftest import build
from e2e.session import Session
from e2e.stack import RELEASE, VERSION, Stack, docker

pytestmark = pytest.mark.usefixtures("images")
# Those of `make test-all` come one after the other.
VERSIONS = [VERSION] if RELEASE else list(RELEASES)

IMAGE = """
from pathlib import Path
from airflow_stack.operations.dags.subject import subject
print("image:", subject(Path(), "{stack}", lambda _: None).image.tag)
"""
NAMES = """
import json
import airflow
from airflow_stack_runtime.patches.registry import PATCHES
print(json.dumps({patch.name: patch.is_for(airflow.__version__) for patch in PATCHES}))
"""
# With all of them switched off, so that nothing is replaced before it is looked at.
PROGRAM = """
import importlib, inspect, json, os
hooks = []
os.register_at_fork = lambda **given: hooks.append(given)
from airflow_stack_runtime.patches import loader
from airflow_stack_runtime.patches.registry import PATCHES as ALL
import airflow

PATCHES = [patch for patch in ALL if patch.is_for(airflow.__version__)]

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
    environment = {loader.OFF: ",".join(other.name for other in ALL if other is not patch)}
    other = airflow.__version__
    airflow.__version__ = "3.0.1"
    os.environ |= environment
    loader.apply(patch.where)
    another = all(now is was for now, was in zip(seen(patch), before, strict=True))
    airflow.__version__ = other
    loader.apply(patch.where)
    on = [now is not was for now, was in zip(seen(patch), before, strict=True)]
    os.environ[loader.OFF] = ",".join(each.name for each in ALL)
    found[patch.name] = {"off": off, "another version": another, "on": all(on)}
print("found:", json.dumps(found))
"""


@pytest.mark.parametrize("version", VERSIONS)
def test_each_patch_does_what_it_declares_and_nothing_when_off(
    session: Session, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, version: str
) -> None:
    """Rule: in each release that it is for, all that it names is replaced; by its switch, and in others, nothing is."""
    place = Stack(session, tmp_path, {"airflow": {"version": version}})
    build(place, tmp_path_factory)
    said = place.run([place.command()[0], "-c", IMAGE.format(stack=place.name)]).check().output
    tag = said.rpartition("image: ")[2].strip()
    assert tag.startswith(f"airflow-stack/airflow:{version}-")
    names = json.loads(docker("run", "--rm", "--interactive", tag, "python", "-", given=NAMES).splitlines()[-1])
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
    of_release = [name for name, is_for_it in names.items() if is_for_it]
    assert found == {name: {"off": True, "another version": True, "on": True} for name in of_release}
