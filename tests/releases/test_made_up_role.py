"""A role is one entry: one that is made up in the registry appears wherever roles do, and nothing else knows of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from backends.aws.recorded import Recorded
from backends.aws.whole import containers, deploy, parsed
from backends.recorder import PROGRAM
from operations.diff.test_diff import PROD, stack
from operations.graph.variants import docker_plan
from operations.running.test_docker import Fake

from airflow_stack.airflow import describe
from airflow_stack.backends.aws.plan import aws_plan
from airflow_stack.backends.compose import compose
from airflow_stack.backends.containers import plan
from airflow_stack.backends.machine import Machine
from airflow_stack.cli.operate import _counts, _roles
from airflow_stack.config import AwsConfig, LocalConfig
from airflow_stack.config.aws.connections import Pool, connections
from airflow_stack.cost.estimate import estimate
from airflow_stack.operations.diff import diff
from airflow_stack.operations.doctor.roles import judge
from airflow_stack.operations.graph.docker import docker_topology
from airflow_stack.operations.running import docker_containers, docker_status
from airflow_stack.operations.running.docker_stack import DockerStack
from airflow_stack.operations.running.interface import RoleStatus
from airflow_stack.operations.target import target_of
from airflow_stack.rehearsal.scene import in_turn
from airflow_stack.releases import DEFAULT, RELEASES, RoleSpec, Share

MADE_UP = RoleSpec(
    "dag-counter",
    ("airflow", "dag-counter"),
    without="nobody counts the DAGs",
    memory=Share(320, 0.01, 640),
    column=4,
    secrets=("sql_alchemy_conn", "fernet_key"),
    defaults={("core", "parallelism"): "task_slots"},
    port=8801,
    log_port=8795,
    broker="sends",
    writes_task_logs=True,
    overlaps=False,
    job="DagCounterJob",
)
NAME = MADE_UP.name
# Its connections are more than the default class of the database has left.
ROOM = {"database": {"kind": "rds", "instance_class": "db.t4g.small"}}


def add(monkeypatch: pytest.MonkeyPatch) -> None:
    """One entry more, once."""
    release = RELEASES[DEFAULT]
    others = tuple(role for role in release.roles if role is not MADE_UP)
    monkeypatch.setitem(RELEASES, DEFAULT, replace(release, roles=(*others, MADE_UP)))


@pytest.fixture(autouse=True)
def made_up(monkeypatch: pytest.MonkeyPatch) -> None:
    add(monkeypatch)


def test_it_is_described() -> None:
    """Rule: command, secrets, environment and probe follow from the entry."""
    deployment = describe(LocalConfig())
    role = deployment.one(name=NAME)
    assert role.command == ("airflow", "dag-counter")
    assert role.secrets == ("sql_alchemy_conn", "fernet_key")
    assert role.environment == {
        "AIRFLOW__CORE__FERNET_KEY_CMD": "cat /run/secrets/fernet_key",
        "AIRFLOW__CORE__PARALLELISM": "8",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_CMD": "cat /run/secrets/sql_alchemy_conn",
    }
    # An option whose file it does not have would end it.
    assert not any("/run/secrets" in value for value in deployment.environment.values())
    assert role.probe is not None
    assert role.probe.test[-1] == NAME


def test_it_is_a_container_of_this_machine() -> None:
    """Rule: the plan, and so Pulumi and the Compose file, has it with the limit that the entry says."""
    _, planned = docker_plan({})
    (container,) = [one for one in planned.containers if one.service == NAME]
    assert (container.name, container.memory, container.secrets) == (
        "af-dag-counter", 320, ("sql_alchemy_conn", "fernet_key"),
    )  # fmt: skip
    machine = Machine(PROGRAM, PROGRAM, PROGRAM / "nowhere", 1000, 999, "registry")
    service = compose(planned, machine, "local")["services"]["af-dag-counter"]
    assert service["command"] == ["airflow", "dag-counter"]
    assert service["mem_limit"] == "320m"


def test_it_grows_with_the_engine() -> None:
    """Rule: a role without a section of config has its memory by its entry."""
    config = LocalConfig()
    machine = Machine(PROGRAM, PROGRAM, PROGRAM / "nowhere", 1000, 999, "registry", memory=16_384)
    (container,) = [one for one in plan(config, describe(config), machine).containers if one.service == NAME]
    assert 320 < container.memory <= 640


def test_it_is_in_the_picture_of_this_machine() -> None:
    """Rule: a node, with an edge to what the entry says that it talks to."""
    drawn = docker_topology(*docker_plan({}), "local")
    (node,) = [one for one in drawn.nodes if one.id == "dag_counter"]
    assert (node.tier, node.column, node.group) == (3, 4, "airflow")
    ends = {(edge.source, edge.target) for edge in drawn.edges if "dag_counter" in (edge.source, edge.target)}
    assert ("dag_counter", "redis") in ends


def test_it_is_compared(tmp_path: Path) -> None:
    """Rule: two stacks are compared by it; of another executor it reads another option."""
    (tmp_path / "images").symlink_to(PROGRAM / "images")
    stack(tmp_path, "left", {})
    stack(tmp_path, "right", {"worker": {"concurrency": 7}})
    found = [one for one in diff(tmp_path, "left", "right").differences if one.name == "core.parallelism"]
    assert NAME in str(found)


def test_its_status_is_shown() -> None:
    """Rule: desired as the plan has it, and called missing where it is not there, with what that costs."""
    _, planned = docker_plan({})
    found: list[Any] = [Fake(NAME)]
    by_role = {one.role: one for one in docker_status.status(found, planned, {})}
    assert (by_role[NAME].desired, by_role[NAME].healthy) == (1, 1)
    (finding,) = judge([RoleStatus(NAME, 1, 0, 0, "1", None)], RELEASES[DEFAULT], "local")
    assert finding.cost == "nobody counts the DAGs"


def test_its_logs_are_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Rule: `logs` takes its name, and reads its container alone."""
    config, planned = docker_plan({})
    running = DockerStack("local", tmp_path, config, planned)
    monkeypatch.setattr(docker_containers, "find", lambda *_, **__: [Fake("scheduler"), Fake(NAME)])
    read: list[str] = []

    def past(found: list[Any], *_: object) -> Iterator[str]:
        read.extend(docker_containers.role(one) for one in found)
        return iter(())

    monkeypatch.setattr("airflow_stack.operations.running.docker_logs.past", past)
    list(running.logs([NAME], None, 10, follow=False))
    assert read == [NAME]


def test_it_is_one_container(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rule: what has no key for its count is one of its kind, and `scale` says so."""
    config, planned = docker_plan({})
    running = DockerStack("local", tmp_path, config, planned)
    monkeypatch.setattr(docker_containers, "find", lambda *_, **__: [Fake(NAME)])
    running.check_scale(NAME, 0)
    with pytest.raises(Exception, match="can be 0 or 1"):
        running.check_scale(NAME, 2)


def test_a_shell_completes_it() -> None:
    """Rule: every role of every release, without asking Docker or AWS."""
    assert _roles("dag-") == [NAME]
    assert _counts("dag-") == [f"{NAME}="]


def on_aws() -> AwsConfig:
    config, _ = parsed(ROOM)
    return config


@pytest.fixture(scope="module")
def deployed() -> Iterator[Recorded]:
    """The whole stack on AWS, with the role."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        add(monkeypatch)
        yield deploy(ROOM)


def test_it_is_a_service_on_aws(deployed: Recorded) -> None:
    """Rule: a service of the size that is the default one, rolled as the entry says: never two of it."""
    service = deployed.of("aws:ecs/service:Service")[f"airflow-{NAME}"].inputs
    assert (service["name"], service["desiredCount"]) == (f"airflow-{NAME}", 1)
    assert (service["deploymentMinimumHealthyPercent"], service["deploymentMaximumPercent"]) == (0, 100)
    assert service["availabilityZoneRebalancing"] == "DISABLED"
    definition = deployed.of("aws:ecs/taskDefinition:TaskDefinition")[f"airflow-{NAME}"].inputs
    assert (definition["cpu"], definition["memory"]) == ("512", "1024")


def test_its_container_on_aws(deployed: Recorded) -> None:
    """Rule: command, ports and secrets are those of the entry, wherever it runs."""
    container = containers(deployed)[NAME][0]
    assert container["command"] == ["airflow", "dag-counter"]
    assert [port["containerPort"] for port in container["portMappings"]] == [8801, 8795]
    assert {one["name"] for one in container["secrets"]} == {
        "AIRFLOW_STACK_SECRET_FERNET_KEY", "AIRFLOW_STACK_SECRET_SQL_ALCHEMY_CONN",
    }  # fmt: skip


def test_its_log_group_on_aws(deployed: Recorded) -> None:
    """Rule: every role has one."""
    names = {one.inputs["name"] for one in deployed.of("aws:cloudwatch/logGroup:LogGroup").values()}
    assert f"/airflow-stack/airflow/{NAME}" in names


def test_its_security_group_on_aws(deployed: Recorded) -> None:
    """Rule: the UI reaches its live logs, and it reaches the database: by the entry's ports and needs."""
    assert f"airflow-{NAME}" in deployed.of("aws:ec2/securityGroup:SecurityGroup")
    rules = deployed.of("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule")
    assert rules[f"airflow-{NAME}-from-webserver"].inputs["fromPort"] == 8795
    assert rules[f"airflow-database-from-{NAME}"].inputs["fromPort"] == 5432


def test_its_rights_on_aws() -> None:
    """Rule: who sends tasks may send to the queue, and who writes task logs may write them."""
    rights = next(one for one in aws_plan(on_aws(), describe(on_aws())).rights if one.role == NAME)
    allowed = {one["Sid"]: one["Action"] for one in rights.task}
    assert "sqs:SendMessage" in allowed["Queue"]
    assert "s3:PutObject" in allowed["TaskLogs"]


def test_it_is_paid_for() -> None:
    """Rule: its tasks are on the bill."""
    lines = [
        item for item in estimate(aws_plan(on_aws(), describe(on_aws()))).items if item.what.startswith(f"{NAME}: ")
    ]
    assert {item.quantity for item in lines} == {365.0, 730.0}  # half a vCPU, one GB


def test_it_is_in_the_picture_of_aws() -> None:
    """Rule: a node of its size, with an edge to what the entry says that it talks to."""
    drawn = target_of(on_aws(), PROGRAM, "prod").topology()
    (node,) = [one for one in drawn.nodes if one.id == "dag_counter"]
    assert (node.tier, node.column, node.group) == (3, 4, "cluster")
    ends = {(edge.source, edge.target) for edge in drawn.edges}
    assert {("dag_counter", "broker"), ("webserver", "dag_counter")} <= ends


def test_it_is_compared_with_aws(tmp_path: Path) -> None:
    """Rule: it is a role of both targets."""
    (tmp_path / "images").symlink_to(PROGRAM / "images")
    stack(tmp_path, "local", {})
    stack(tmp_path, "prod", PROD | {"airflow-stack:database": ROOM["database"]})
    found = diff(tmp_path, "local", "prod")
    assert {one.verdict for one in found.differences if one.name == NAME} == set()
    assert NAME in str([one for one in found.differences if one.name == "memory"])


def test_the_rehearsal_starts_it() -> None:
    """Rule: who serves the UI first, who schedules last, and whatever else there is a fixed number of between them."""
    assert in_turn(describe(on_aws())) == ["webserver", "triggerer", NAME, "scheduler"]


def test_its_connections_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rule: the database of AWS has room for it: those of one process, and its probe's."""
    config = on_aws()
    with_it = connections(config, Pool(3, 2))
    release = RELEASES[DEFAULT]
    monkeypatch.setitem(RELEASES, DEFAULT, replace(release, roles=release.roles[:-1]))
    assert with_it - connections(config, Pool(3, 2)) == 3 + 2 + 1
