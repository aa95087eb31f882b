"""What every entry of the registry must hold."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from backends.aws.recorded import config
from pydantic import ValidationError

from airflow_stack.airflow.environment import environment
from airflow_stack.airflow.secrets import recipes
from airflow_stack.backends.aws.plan.environment import Facts
from airflow_stack.backends.aws.plan.environment import environment as aws_environment
from airflow_stack.config import LocalConfig
from airflow_stack.config.airflow import AirflowConfig
from airflow_stack.releases import DEFAULT, RELEASES, Release, RoleSpec, options

PROGRAM = Path(__file__).parents[2]
ROLES = [(release, role) for release in RELEASES.values() for role in (release.init, *release.roles)]
MOST = LocalConfig.model_validate({"flower": {"enabled": True}, "secrets_backend": {"class_name": "a.B"}})


@pytest.mark.parametrize("release", RELEASES.values(), ids=RELEASES)
def test_a_release_has_what_it_is_built_of(release: Release) -> None:
    """Rule: its lock file is there, made for its version."""
    lock = (PROGRAM / "images" / "airflow" / release.lock).read_text(encoding="utf-8")
    assert f"\napache-airflow=={release.version} " in lock
    assert release.python in release.upstream_image


@pytest.mark.parametrize("release", RELEASES.values(), ids=RELEASES)
def test_a_release_has_each_part_that_a_stack_stands_on(release: Release) -> None:
    """Rule: one role serves the UI, something schedules, imports DAGs, and runs tasks with workers and without."""
    assert len([role for role in release.roles if role.serves == "ui"]) == 1
    assert any(role.schedules for role in release.roles)
    assert any(role.parses for role in release.roles)
    assert {"always", "without_workers"} <= {role.tasks for role in release.roles}
    assert len({role.name for role in release.roles}) == len(release.roles)


@pytest.mark.parametrize(("release", "role"), ROLES, ids=[role.name for _, role in ROLES])
def test_every_key_of_a_role_is_one_of_config(release: Release, role: RoleSpec) -> None:
    """Rule: config has what a role takes its values from; a mistyped key would be no value at all."""
    keys = [role.when, role.count, role.slots, role.stop_timeout, role.published, role.path]
    keys += [*role.arguments.values(), *role.options.values(), *role.defaults.values()]
    for key in filter(None, keys):
        section, _, field = key.partition(".")
        holder = type(getattr(MOST, section)) if field else LocalConfig
        assert hasattr(holder, field or section) or (field or section) in holder.model_fields, key
    assert release.role(role.name) is role


@pytest.mark.parametrize(("release", "role"), ROLES, ids=[role.name for _, role in ROLES])
def test_every_secret_of_a_role_is_made(release: Release, role: RoleSpec) -> None:
    """Rule: a file that a role reads has a recipe in the stack that has everything."""
    assert set(role.secrets) <= recipes(MOST).keys()
    assert set(release.generated) <= release.secret_options.keys() <= recipes(MOST).keys()


def test_config_takes_each_release() -> None:
    """Rule: the versions that config knows are those of the registry, and what is new gets the default one."""
    assert [AirflowConfig(version=version).release for version in RELEASES] == list(RELEASES.values())
    assert AirflowConfig().version == DEFAULT


def test_the_image_of_the_default_release_is_what_the_dockerfile_names() -> None:
    """Rule: a build without arguments makes the image of the default release."""
    text = (PROGRAM / "images" / "airflow" / "Dockerfile").read_text(encoding="utf-8")
    assert f"ARG AIRFLOW_VERSION={DEFAULT}\n" in text


def test_options_have_the_names_of_their_release(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rule: what a release calls otherwise is set and refused by its name there; what is gone is not set."""
    monkeypatch.setitem(RELEASES, DEFAULT, replace(RELEASES[DEFAULT], options=options.of("3.3.2")))
    stack = config()
    shared, on_aws = environment(stack), aws_environment(stack, Facts("eu-central-1", "b", None, "https://a.example"))
    assert shared["AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL"] == "10"
    assert on_aws["AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL"] == "30"
    assert on_aws["AIRFLOW__API__BASE_URL"] == "https://a.example"
    assert shared["AIRFLOW__DATABASE__SQL_ALCHEMY_ENGINE_ARGS_CMD"]
    names = "|".join([*shared, *on_aws])
    assert "SCHEDULER__MIN_FILE" not in names
    assert "WEBSERVER__" not in names
    with pytest.raises(ValidationError, match="belongs to the stack on AWS"):
        config(airflow={"options": {"api": {"base_url": "https://mine"}}})
