"""One Airflow on both targets: the same roles, options, secrets and image, but for differences that have a reason.

The variables are compared by backends/aws/test_environment.py, with the table of their differences.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from airflow_stack.airflow import Role, describe
from airflow_stack.backends.aws.plan.container_definitions import START_PERIOD
from airflow_stack.backends.aws.plan.environment import roles as roles_on_aws
from airflow_stack.backends.containers import plan
from airflow_stack.backends.images import PROJECT_FOLDERS, image, project_image
from airflow_stack.config import LocalConfig
from airflow_stack.config.aws.services import LONGEST_STOP
from airflow_stack.operations.diff.reasons import ROLE
from airflow_stack.releases import DEFAULT, RELEASES
from backends.aws.recorded import config as config_on_aws
from backends.aws.whole import containers, deploy
from backends.recorder import PROGRAM, machine

# Sections that both targets have. Redis is the broker of both, so that SQS explains nothing.
SECTIONS: dict[str, dict[str, Any]] = {
    "default": {},
    "everything": {
        "airflow": {
            "extra_requirements": ["pandas"],
            "extra_apt_packages": ["git"],
            "expose_config": "non-sensitive-only",
            "options": {"core": {"default_timezone": "Europe/Berlin"}},
        },
        "admin": {"username": "ada"},
        "webserver": {"workers": 1},
        "triggerer": {"capacity": 500},
        "worker": {"concurrency": 3},
    },
    "hardened": {"hardened": True},
}
BROKER = {"broker": {"kind": "elasticache"}}


@pytest.fixture(params=SECTIONS, scope="module")
def sections(request: pytest.FixtureRequest) -> dict[str, Any]:
    return SECTIONS[request.param]


@pytest.fixture(scope="module")
def local(sections: dict[str, Any]) -> dict[str, Role]:
    """The roles of a local stack; its init runs as the one-off task on AWS."""
    described = describe(LocalConfig.model_validate(sections))
    return {role.name: role for role in described.roles} | {"one-off": described.init}


@pytest.fixture(scope="module")
def aws(sections: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Airflow's container of each task definition, as the whole stack deploys it."""
    return {role: found[0] for role, found in containers(deploy(sections | BROKER)).items()}


def test_the_roles_are_the_same(local: dict[str, Role], aws: dict[str, Any]) -> None:
    """None is missing on AWS, and none is there alone."""
    assert local.keys() == aws.keys()


def test_commands_are_the_same(local: dict[str, Role], aws: dict[str, Any]) -> None:
    """The migration's is said when it is run: a one-off task without a command must do no harm."""
    harmless = {"one-off": ["airflow", "version"]}
    expected = {role: list(one.command) for role, one in local.items()} | harmless
    assert {role: found["command"] for role, found in aws.items()} == expected


def test_the_migration_runs_what_init_runs(sections: dict[str, Any], local: dict[str, Role]) -> None:
    """Same command, in the task with init's environment and secrets."""
    made = deploy(sections | BROKER).one("pulumi-python:dynamic/airflow-stack:Migration").inputs
    assert made["command"] == list(local["one-off"].command)
    assert made["container"] == "one-off"


def test_secrets_are_the_same_files(local: dict[str, Role], aws: dict[str, Any]) -> None:
    """A role reads the same ones below /run/secrets, wherever the value comes from."""
    for role, container in aws.items():
        names = {one["name"].removeprefix("AIRFLOW_STACK_SECRET_").lower() for one in container["secrets"]}
        assert names == set(local[role].secrets), role


def test_probes_are_the_same(local: dict[str, Role], aws: dict[str, Any]) -> None:
    """What is asked, how often, how patiently; but for the time that a start takes."""
    for role, container in aws.items():
        probe, found = local[role].probe, container.get("healthCheck")
        assert (probe is None) == (found is None), role
        if probe and found:
            assert found == {
                "command": list(probe.test),
                "interval": probe.interval,
                "timeout": probe.timeout,
                "retries": probe.retries,
                "startPeriod": max(probe.start_period, START_PERIOD),
            }


def test_a_role_has_as_long_to_stop(local: dict[str, Role], aws: dict[str, Any]) -> None:
    """No role of ours asks for more than Fargate allows."""
    assert {role: found["stopTimeout"] for role, found in aws.items()} == {
        role: min(one.stop_timeout, LONGEST_STOP) for role, one in local.items()
    }


def test_a_role_listens_on_the_same_port(local: dict[str, Role], aws: dict[str, Any]) -> None:
    """ECS opens the ports of live logs too, which containers of one network need no leave for."""
    for role, container in aws.items():
        opened = {mapping["containerPort"] for mapping in container["portMappings"]}
        assert opened - {8793, 8794} == ({local[role].port} if local[role].port else set())


def test_every_role_that_airflow_has_is_on_both() -> None:
    """Flower is the one that AWS has not: SQS has no events for it to show."""
    known = {role.name for role in RELEASES[DEFAULT].roles}
    on_aws = roles_on_aws(describe(config_on_aws())).keys() - {"one-off"}
    on_this_machine = {role.name for role in describe(LocalConfig.model_validate({"flower": {"enabled": True}})).roles}
    assert on_this_machine == known
    assert on_aws == known - {"flower"}


@pytest.mark.parametrize("origin", ["registry", "debian"])
def test_the_image_is_the_same(sections: dict[str, Any], origin: Any) -> None:
    """On AWS it is the base of one that holds the project, and nothing else comes to it."""
    local = LocalConfig.model_validate({"target": {"image_origin": origin}} | sections)
    aws = config_on_aws({"image_origin": origin}, **sections)
    pushed = project_image(aws, PROGRAM)
    assert pushed.base == image("airflow", local, PROGRAM, origin)
    lines = (PROGRAM / "images" / "project" / "Dockerfile").read_text(encoding="utf-8").splitlines()
    instructions = [line.split()[0] for line in lines if re.match(r"[A-Z]+ ", line)]
    assert set(instructions) <= {"ARG", "FROM", "LABEL", "COPY", "USER"}, "the image does more than hold the project"


def test_the_projects_folders_are_the_same(tmp_path: Path) -> None:
    """Mounted here, part of the image there, at the same place: dags, config and plugins. Logs go to the bucket."""
    for folder in (*PROJECT_FOLDERS, "logs", "data"):
        (tmp_path / folder).mkdir()
    pushed = project_image(config_on_aws({"project_dir": str(tmp_path)}), PROGRAM)
    config = LocalConfig()
    planned = plan(config, describe(config), machine(tmp_path, project=tmp_path))
    scheduler = next(one for one in planned.containers if one.service == "scheduler")
    mounted = {mount.source: mount.target for mount in scheduler.binds if mount.source.parent == tmp_path}
    assert mounted.pop(tmp_path / "logs") == "/opt/airflow/logs"
    dockerfile = (PROGRAM / "images" / "project" / "Dockerfile").read_text(encoding="utf-8")
    assert "COPY --chown=50000:0 project/ /opt/airflow/\n" in dockerfile
    copied = {path: name.replace("project/", "/opt/airflow/") for name, path in pushed.folders.items()}
    assert mounted == copied


def test_each_explained_difference_is_of_a_role() -> None:
    """The table names fields that there are, each with a reason."""
    fields = Role.__dataclass_fields__.keys() | {"start_period", "cpu_shares", "port", "one_shot"}
    assert ROLE.keys() <= fields
    assert all(ROLE.values())
    compared = {"name", "command", "secrets", "probe", "environment", "port"}
    decided_by_the_roles = {"spec", "one_shot", "runs_tasks"}
    assert fields == ROLE.keys() | compared | decided_by_the_roles
