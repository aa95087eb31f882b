"""The migration as a Pulumi resource: what it runs, when it runs, and that a preview runs nothing."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dill
import pulumi
import pytest
from pulumi.dynamic.dynamic import serialize_provider

from airflow_stack.airflow import describe
from airflow_stack.backends.aws.migration import Migration
from airflow_stack.backends.task_provider import TaskRun
from airflow_stack.operations import run_task
from airflow_stack.operations.run_task import OneOff
from airflow_stack.operations.target.aws import RUN
from backends.aws.recorded import REGION, Recorded, config, record

MIGRATION = "pulumi-python:dynamic/airflow-stack:Migration"
ROOT = Path(__file__).parents[3]

calls: list[dict[str, Any]] = []


def spy(inputs: dict[str, Any]) -> None:
    """What the provider calls here instead of ECS."""
    calls.append(inputs)


SPY = f"{__name__}:spy"


def output(value: Any) -> pulumi.Output[Any]:
    return pulumi.Output.from_input(value)


class Part(pulumi.ComponentResource):
    """A part of the stack with one resource in it."""

    def __init__(self, name: str, **attributes: Any) -> None:
        super().__init__("test:index:Part", name)
        pulumi.CustomResource("test:index:Rule", f"{name}-rule", {}, pulumi.ResourceOptions(parent=self))
        vars(self).update(attributes)


def recorded(public: bool = False, **target: Any) -> Recorded:
    def build() -> Migration:
        asked = config(target)
        return Migration(
            "airflow-migration",
            asked.target.region,
            describe(asked).init.command,
            SimpleNamespace(arn=output("arn:cluster")),  # type: ignore[arg-type]
            SimpleNamespace(arns={"one-off": output("arn:definition/one-off:7")}),  # type: ignore[arg-type]
            Part("network", task_subnet_ids=[output("subnet-a")], assign_public_ip=public),  # type: ignore[arg-type]
            Part("groups", services={"one-off": output("sg-one-off")}),  # type: ignore[arg-type]
            function=RUN,
            depends_on=[pulumi.CustomResource("test:index:Database", "database", {})],
        )

    return record(build)


@pytest.mark.parametrize("public", [False, True])
def test_it_runs_the_init_role_where_the_one_off_tasks_run(public: bool) -> None:
    """Rule: the migration is RunTask of the one-off definition with the init role's command; no input is a secret."""
    inputs = recorded(public).one(MIGRATION).inputs
    inputs.pop("__provider")
    assert inputs == {
        "function": RUN,
        "region": REGION,
        "cluster": "arn:cluster",
        "task_definition": "arn:definition/one-off:7",
        "container": "one-off",
        "command": ["/opt/airflow-stack/bin/init"],
        "subnets": ["subnet-a"],
        "security_groups": ["sg-one-off"],
        "assign_public_ip": public,
        "platform_version": "1.4.0",
    }


def test_its_inputs_are_what_the_function_takes() -> None:
    """Rule: the function is found by its path, and every input but that path is a field of its one-off task."""
    inputs = recorded().one(MIGRATION).inputs
    assert OneOff(**{key: value for key, value in inputs.items() if key not in ("__provider", "function")})
    module, _, function = RUN.partition(":")
    assert module == run_task.__name__
    assert getattr(run_task, function) is run_task.run_or_fail


def test_it_waits_for_routes_rules_and_what_the_program_names() -> None:
    """Rule: a subnet's id says nothing of its route, nor a group's of its rules, nor a secret's of its value."""
    assert {"network-rule", "groups-rule", "database"} <= recorded().one(MIGRATION).depends_on


def test_the_provider_is_pickled_by_its_name() -> None:
    """Rule: the state holds the class's import path alone, the same bytes each time, and no secret."""
    pickled = serialize_provider(TaskRun())
    assert pickled == serialize_provider(TaskRun())
    assert len(base64.b64decode(pickled)) < 150
    assert isinstance(dill.loads(base64.b64decode(pickled)), TaskRun)  # noqa: S301 - as Pulumi does
    assert isinstance(recorded().one(MIGRATION).inputs["__provider"], str)


def test_the_providers_process_does_not_load_pulumi_aws() -> None:
    """Rule: unpickling costs what its module imports; all of pulumi_aws would be seconds in every preview."""
    code = (
        "import sys, airflow_stack.backends.task_provider; print('pulumi_aws' in sys.modules, 'boto3' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert found.stdout.split() == ["False", "False"]


def props(**inputs: Any) -> dict[str, Any]:
    return {"function": SPY, "task_definition": "one-off:1", "command": ["init"], "__provider": "pickled"} | inputs


def test_creating_runs_it_once() -> None:
    """Rule: the function gets the inputs, without what is Pulumi's; the state keeps them to compare with."""
    calls.clear()
    created = TaskRun().create(props())
    assert calls == [{"task_definition": "one-off:1", "command": ["init"]}]
    assert created.outs == {"function": SPY, "task_definition": "one-off:1", "command": ["init"]}


def test_an_update_runs_it_again() -> None:
    """Rule: the new inputs are what runs, and what is kept."""
    calls.clear()
    updated = TaskRun().update("id", props(), props(task_definition="one-off:2"))
    assert [call["task_definition"] for call in calls] == ["one-off:2"]
    assert updated.outs
    assert updated.outs["task_definition"] == "one-off:2"


def test_deleting_runs_nothing() -> None:
    """Rule: a destroy does not touch the database."""
    calls.clear()
    TaskRun().delete("id", props())
    assert not calls


def test_deleting_calls_what_undoes() -> None:
    """Rule: where there is something to undo, it gets the same inputs."""
    calls.clear()
    TaskRun().delete("id", props(function="nobody:calls", undo=SPY))
    assert calls == [{"task_definition": "one-off:1", "command": ["init"]}]


@pytest.mark.parametrize(
    ("change", "changed"),
    [
        ({}, False),
        ({"__provider": "pickled by another Pulumi"}, False),
        ({"task_definition": "one-off:2"}, True),
        ({"task_definition": pulumi.runtime.rpc.UNKNOWN}, True),
        ({"command": ["init", "--more"]}, True),
    ],
)
def test_only_a_changed_input_is_a_change(change: dict[str, Any], changed: bool) -> None:
    """Rule: an unchanged second update runs nothing; a changed one updates in place, and never deletes first."""
    calls.clear()
    found = TaskRun().diff("id", props(), props(**change))
    assert (found.changes, found.replaces) == (changed, [])
    assert not calls


PROGRAM = """
import json, pathlib, pulumi
from pulumi.dynamic import Resource
from airflow_stack.backends.task_provider import TaskRun

class Migration(Resource, module="airflow-stack", name="Migration"):
    pass

Migration(TaskRun(), "migration", {"function": "work:run"} | json.loads(pathlib.Path("inputs.json").read_text()))
"""

WORK = """
import pathlib
from airflow_stack.errors import OperationError

def run(inputs):
    with pathlib.Path(__file__).with_name("runs").open("a") as runs:
        runs.write(inputs["task_definition"] + "\\n")
    print("a line of the log", flush=True)
    if inputs["command"] == ["fail"]:
        raise OperationError("init ended with exit code 1.\\n  | no such table")
"""


class Engine:
    """Pulumi itself, on a program with the provider and a function that writes down that it was called."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        (directory / "state").mkdir()
        (directory / "Pulumi.yaml").write_text(
            f"name: migration\nruntime: {{name: python, options: {{virtualenv: {sys.prefix}}}}}\n"
        )
        (directory / "__main__.py").write_text(PROGRAM)
        (directory / "work.py").write_text(WORK)
        self.inputs()
        assert self("stack", "init", "prod").returncode == 0

    def inputs(self, revision: int = 1, command: str = "init") -> None:
        known = {"task_definition": f"one-off:{revision}", "command": [command]}
        (self.directory / "inputs.json").write_text(json.dumps(known))

    @property
    def runs(self) -> list[str]:
        runs = self.directory / "runs"
        return runs.read_text().split() if runs.exists() else []

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "PULUMI_"))}
        environment |= {
            "PULUMI_BACKEND_URL": f"file://{self.directory / 'state'}",
            "PULUMI_CONFIG_PASSPHRASE": "for a test",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            # As in the repository's root, where a program's own modules are on the path.
            "PYTHONPATH": f"{self.directory}:{ROOT}",
        }
        return subprocess.run(
            ["pulumi", *arguments, "--non-interactive", "--color=never"],
            cwd=self.directory, env=environment, capture_output=True, text=True, check=False, timeout=180,
        )  # fmt: skip

    def up(self) -> subprocess.CompletedProcess[str]:
        return self("up", "--yes", "--stack", "prod")


@pytest.mark.engine
@pytest.mark.skipif(shutil.which("pulumi") is None, reason="no Pulumi CLI on PATH")
def test_the_engine_runs_it_once_for_each_set_of_inputs(tmp_path: Path) -> None:
    """Rule: a preview runs nothing, an unchanged update neither; a change does; a failure is said and tried again."""
    engine = Engine(tmp_path)
    # Each update previews first: one run of it is the update's.
    first = engine.up()
    assert first.returncode == 0, first.stdout + first.stderr
    assert engine.runs == ["one-off:1"]
    assert "a line of the log" in first.stdout

    again = engine.up()
    assert "unchanged" in again.stdout
    assert engine.runs == ["one-off:1"]

    engine.inputs(2, "fail")
    failed = engine.up()
    assert failed.returncode != 0
    assert "init ended with exit code 1.\n" in failed.stdout
    assert "| no such table" in failed.stdout
    assert "OperationError" not in failed.stdout + failed.stderr  # as a traceback of the provider's would say
    assert engine.runs == ["one-off:1", "one-off:2"]

    engine.inputs(2)
    assert engine.up().returncode == 0
    assert engine.runs == ["one-off:1", "one-off:2", "one-off:2"]
