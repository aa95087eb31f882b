"""The task definitions: sizes, platform, roles; what runs in them is container_definitions.py's."""

from __future__ import annotations

import json
from functools import partial
from types import SimpleNamespace
from typing import Any

import pulumi
import pytest

from airflow_stack.airflow import describe
from airflow_stack.backends.aws.plan.container_definitions import TaskFacts, container_definitions
from airflow_stack.backends.aws.task_definitions import TaskDefinitions
from backends.aws.recorded import REGION, Recorded, config, planned, record

DEFINITION = "aws:ecs/taskDefinition:TaskDefinition"
ROLES = ("webserver", "scheduler", "triggerer", "worker", "one-off")
IMAGE = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/airflow@sha256:" + "0" * 64
SECRETS = {
    name: f"arn:aws:secretsmanager:{REGION}:123456789012:secret:airflow/{name}-AbCdEf"
    for name in (
        "admin_password", "broker_url", "celery_result_backend", "fernet_key", "internal_api_secret_key",
        "sql_alchemy_conn", "webserver_secret_key",
    )
}  # fmt: skip
ENVIRONMENT = {"AIRFLOW__LOGGING__REMOTE_LOGGING": "True"}


def output(value: Any) -> pulumi.Output[Any]:
    return pulumi.Output.from_input(value)


def build(**target: Any) -> TaskDefinitions:
    """The definitions beside stand-ins for what the other parts make."""
    asked = config(target)
    return TaskDefinitions(
        "airflow",
        planned(asked),
        partial(container_definitions, asked, describe(asked)),
        output(IMAGE),
        SimpleNamespace(  # type: ignore[arg-type]
            execution_arns={role: output(f"arn:execution/{role}") for role in ROLES},
            task_arns={role: output(f"arn:task/{role}") for role in ROLES},
            policies=[pulumi.CustomResource("test:index:Policy", "policy", {})],
        ),
        environment=output(ENVIRONMENT),
        secret_arns={name: output(arn) for name, arn in SECRETS.items()},
        secret_versions={name: output(f"version-of-{name}") for name in SECRETS},
        logs=SimpleNamespace(  # type: ignore[arg-type]
            groups={role: output(f"/airflow-stack/airflow/{role}") for role in ROLES},
            firehose_name=output("stream") if asked.target.logs.firelens else None,
        ),
        cluster=SimpleNamespace(cluster_name=output("airflow")),  # type: ignore[arg-type]
    )


@pytest.fixture(scope="module")
def smallest() -> Recorded:
    """The smallest stack's definitions."""
    return record(build)


def definitions(recorded: Recorded) -> dict[str, dict[str, Any]]:
    return {name.removeprefix("airflow-"): found.inputs for name, found in recorded.of(DEFINITION).items()}


def test_there_is_a_definition_for_each_role(smallest: Recorded) -> None:
    """Rule: four services and the one-off task, each a family of its own, for Fargate alone."""
    found = definitions(smallest)
    assert set(found) == set(ROLES)
    for role, inputs in found.items():
        assert inputs["family"] == f"airflow-{role}"
        assert inputs["requiresCompatibilities"] == ["FARGATE"]
        assert inputs["networkMode"] == "awsvpc"
        # An unwaited worker may go back to an earlier revision, which has to be active then.
        assert inputs.get("skipDestroy", False) is (role == "worker")
        assert "volumes" not in inputs


def test_sizes_are_those_of_config() -> None:
    """Rule: CPU and memory of each task are its config's, as text, which is how AWS returns them."""
    sizes = {"webserver": (512, 2048), "scheduler": (1024, 2048), "triggerer": (256, 1024), "worker": (2048, 4096),
             "one_off": (1024, 3072)}  # fmt: skip
    found = definitions(record(lambda: build(**{key: {"cpu": c, "memory": m} for key, (c, m) in sizes.items()})))
    for key, (cpu, memory) in sizes.items():
        inputs = found[key.replace("_", "-")]
        assert (inputs["cpu"], inputs["memory"]) == (str(cpu), str(memory))


@pytest.mark.parametrize("architecture", ["ARM64", "X86_64"])
def test_the_architecture_is_the_images(architecture: str) -> None:
    """Rule: every task runs on the processor that the image is built for."""
    for inputs in definitions(record(lambda: build(architecture=architecture))).values():
        assert inputs["runtimePlatform"] == {"cpuArchitecture": architecture, "operatingSystemFamily": "LINUX"}


def test_only_workers_get_another_disk() -> None:
    """Rule: target.worker.ephemeral_storage is the workers' alone, and absent where nobody asks for it."""
    assert not any("ephemeralStorage" in inputs for inputs in definitions(record(build)).values())
    found = definitions(record(lambda: build(worker={"ephemeral_storage": 50})))
    assert {role: inputs.get("ephemeralStorage") for role, inputs in found.items() if "ephemeralStorage" in inputs} == {
        "worker": {"sizeInGib": 50}
    }


def test_each_role_has_its_own_execution_and_task_role(smallest: Recorded) -> None:
    """Rule: separate roles for each service; a task waits for their policies, and they outlive it."""
    for role, inputs in definitions(smallest).items():
        assert inputs["executionRoleArn"] == f"arn:execution/{role}"
        assert inputs["taskRoleArn"] == f"arn:task/{role}"
        assert "policy" in smallest.of(DEFINITION)[f"airflow-{role}"].depends_on


@pytest.mark.parametrize("firelens", [False, True])
def test_the_containers_are_the_renderers(firelens: bool) -> None:
    """Rule: the containers are rendered from what the resources are, byte for byte and each time the same."""
    target = {"logs": {"firelens": firelens}}
    asked = config(target)
    families = {one.role.name: one for one in planned(asked).families}
    found, again = (definitions(record(lambda: build(**target))) for _ in range(2))
    for role, inputs in found.items():
        facts = TaskFacts(
            image=IMAGE,
            region=REGION,
            cluster="airflow",
            log_group=f"/airflow-stack/airflow/{role}",
            environment=ENVIRONMENT,
            secret_arns={name: f"{arn}:::version-of-{name}" for name, arn in SECRETS.items()},
            firehose="stream" if firelens else None,
        )
        assert inputs["containerDefinitions"] == container_definitions(asked, describe(asked), families[role], facts)
        assert inputs["containerDefinitions"] == again[role]["containerDefinitions"]
        assert json.loads(inputs["containerDefinitions"])[0]["name"] == role


def test_secrets_are_pinned_to_their_version(smallest: Recorded) -> None:
    """Rule: a secret is a reference, never a value; another value is another version, and so another definition."""
    for inputs in definitions(smallest).values():
        [first, *_] = json.loads(inputs["containerDefinitions"])
        found = {one["name"]: one["valueFrom"] for one in first["secrets"]}
        assert found["AIRFLOW_STACK_SECRET_FERNET_KEY"] == f"{SECRETS['fernet_key']}:::version-of-fernet_key"
