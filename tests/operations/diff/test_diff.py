"""What differs between two stacks is listed whole, and what is not meant is called so."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from backends.recorder import PROGRAM

from airflow_stack.airflow import describe
from airflow_stack.config import LocalConfig
from airflow_stack.config.models import validated
from airflow_stack.operations.diff import Comparison, Difference, diff
from airflow_stack.operations.diff.compare import Verdict
from airflow_stack.operations.diff.facts import CAUSES, Area
from airflow_stack.operations.diff.reasons import REASONS, ROLE, VARIABLES
from airflow_stack.operations.diff.report import as_json, text

PROD = yaml.safe_load((PROGRAM / "Pulumi.prod.yaml").read_text(encoding="utf-8"))["config"]


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A project with the stacks local and prod as they are by default."""
    (tmp_path / "images").symlink_to(PROGRAM / "images")
    for folder in ("dags", "config", "plugins"):
        (tmp_path / folder).mkdir()
    stack(tmp_path, "local", {})
    stack(tmp_path, "prod", PROD)
    return tmp_path


def stack(directory: Path, name: str, config: dict[str, Any]) -> None:
    full = {key if ":" in key else f"airflow-stack:{key}": value for key, value in config.items()}
    (directory / f"Pulumi.{name}.yaml").write_text(yaml.safe_dump({"config": full}), encoding="utf-8")


def named(comparison: Comparison, name: str) -> Difference:
    found = [one for one in comparison.differences if one.name == name]
    assert len(found) == 1, [one.name for one in comparison.differences]
    return found[0]


def to_check(comparison: Comparison) -> set[str]:
    return {one.name for one in comparison.differences if one.to_check}


def test_the_stacks_of_the_repository_differ_in_what_is_meant_alone() -> None:
    """Rule: Pulumi.local.yaml and Pulumi.prod.yaml have no difference without a reason."""
    found = diff(PROGRAM, "local", "prod")
    assert {one.name: one.why for one in found.differences if one.verdict is not Verdict.MEANT} == {}
    assert named(found, "broker").right == "SQS"


def test_a_stack_does_not_differ_from_itself(here: Path) -> None:
    """Rule: no difference is made up, on either target."""
    stack(here, "same", {})
    assert diff(here, "local", "same").differences == ()
    assert diff(here, "prod", "prod").differences == ()
    assert text(diff(here, "local", "same")) == "local and same: no difference\n"


def test_each_difference_is_said_once_with_all_its_roles(here: Path) -> None:
    """Rule: the same difference of several roles is one."""
    found = diff(here, "local", "prod")
    broker = named(found, "celery.broker_url_cmd")
    assert (broker.left, broker.right) == ("cat /run/secrets/broker_url", None)
    assert set(broker.roles) == {"init", "webserver", "scheduler", "triggerer", "worker"}
    assert named(found, "core.parallelism").roles == ("scheduler",)
    assert [one for one in found.differences if one.name == "command"] == []


SET: dict[str, tuple[dict[str, Any], str, str | None, str]] = {
    "option-of-both": (
        {"airflow": {"options": {"core": {"parallelism": 5}}}},
        "core.parallelism",
        "5",
        "airflow.options.core.parallelism",
    ),
    "option-of-one": (
        {"airflow": {"options": {"core": {"default_timezone": "Europe/Berlin"}}}},
        "core.default_timezone",
        "Europe/Berlin",
        "airflow.options.core.default_timezone",
    ),
    "option-with-a-reason": (
        {"airflow": {"options": {"scheduler": {"task_queued_timeout": 60}}}},
        "scheduler.task_queued_timeout",
        "60",
        "airflow.options.scheduler.task_queued_timeout",
    ),
    "option-of-the-stack": ({"worker": {"concurrency": 8}}, "celery.worker_concurrency", "8", "worker.concurrency"),
    "memory": ({"webserver": {"memory": 2048}}, "memory", "2048 MiB", "webserver.memory"),
    "workers": ({"worker": {"count": 7}}, "count", "7", "worker.count"),
    "requirements": (
        {"airflow": {"extra_requirements": ["pandas"]}},
        "extra_requirements",
        "pandas",
        "airflow.extra_requirements",
    ),
    "external-broker": ({"broker": {"kind": "external"}}, "broker", "external server", "broker.kind"),
}


@pytest.mark.parametrize("name", SET)
def test_what_a_user_has_set_is_to_be_checked(here: Path, name: str) -> None:
    """Rule: a reason of ours explains our own values; a file's is named, with the key."""
    config, what, value, key = SET[name]
    if name == "external-broker":
        config = config | {"broker_url": {"secure": "v1:sealed"}}
    stack(here, "local", config)
    found = [one for one in diff(here, "local", "prod").differences if one.name == what and one.left == value]
    assert {(one.verdict, one.why) for one in found} == {(Verdict.SET, f"set: {key} in Pulumi.local.yaml")}


def test_what_stands_in_a_file_with_the_default_is_not_set(here: Path) -> None:
    """Rule: a key that changes nothing explains nothing."""
    stack(here, "local", {"worker": {"count": 2, "concurrency": 4}})
    assert to_check(diff(here, "local", "prod")) == set()


def test_what_one_target_has_not_is_meant_whatever_it_is_set_to(here: Path) -> None:
    """Rule: AWS has no Flower and no Docker, so there is nothing to make equal."""
    stack(here, "local", {"flower": {"enabled": True}, "docker_socket_proxy": {"enabled": False}})
    found = diff(here, "local", "prod")
    assert to_check(found) == set()
    assert named(found, "flower").why.startswith("SQS has no events")


def test_two_stacks_of_one_target_have_no_reason_but_their_files(here: Path) -> None:
    """Rule: between stacks of one target nothing is meant; what follows from a key is not to be checked twice."""
    stack(here, "other", {"docker_socket_proxy": {"enabled": False}, "worker": {"count": 4}})
    found = diff(here, "local", "other")
    assert to_check(found) == {"docker-socket-proxy", "count"}
    assert named(found, "docker-socket-proxy").why == "set: docker_socket_proxy.enabled in Pulumi.other.yaml"
    assert named(found, "DOCKER_HOST").verdict is Verdict.FOLLOWS
    parallelism = named(found, "core.parallelism")
    assert (parallelism.left, parallelism.right, parallelism.why) == (
        "8",
        "16",
        "follows from worker.count in Pulumi.other.yaml",
    )


def test_two_stacks_on_aws(here: Path) -> None:
    """Rule: the other broker and what follows from it, by the one key that says so."""
    stack(here, "other", PROD | {"broker": {"kind": "elasticache"}})
    found = diff(here, "prod", "other")
    assert to_check(found) == {"broker"}
    assert {one.why for one in found.differences} == {
        "set: broker.kind in Pulumi.other.yaml",
        "follows from broker.kind in Pulumi.other.yaml",
    }


def test_what_nothing_explains_is_said(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rule: a difference without a reason is never hidden."""
    monkeypatch.delitem(VARIABLES, "AIRFLOW__LOGGING__REMOTE_LOGGING")
    found = diff(here, "local", "prod")
    assert to_check(found) == {"logging.remote_logging"}
    printed = text(found)
    assert "1 to check" in printed.splitlines()[0]
    assert re.search(r"^! logging\.remote_logging: - \| True\n +not explained: check", printed, re.MULTILINE)


def test_secrets_are_named_and_never_shown(here: Path) -> None:
    """Rule: neither the sealed text nor a value of this machine is in the output."""
    values = here / ".airflow-stack" / "local" / "secrets" / "values"
    values.mkdir(parents=True)
    (values / "redis_password").write_text("redis-in-clear")
    stack(here, "local", {"admin_password": {"secure": "v1:sealed-text"}})
    found = diff(here, "local", "prod")
    for printed in (text(found), as_json(found)):
        assert "broker_url" in printed
        assert "sealed-text" not in printed
        assert "in-clear" not in printed


def test_json_holds_all_of_it(here: Path) -> None:
    """Rule: whole values, null for what a stack has not, and the verdict of each."""
    found = diff(here, "local", "prod")
    document = json.loads(as_json(found))
    assert (document["left"], document["right"]) == ("local", "prod")
    assert len(document["differences"]) == len(found.differences)
    lookup = next(one for one in document["differences"] if one["name"] == "secrets.backend_kwargs")
    assert lookup["left"] is None
    assert json.loads(lookup["right"])["connections_prefix"] == "airflow/connections"
    assert (lookup["area"], lookup["verdict"]) == ("option", "meant")


def test_every_reason_explains_something(here: Path) -> None:
    """Rule: a table of reasons holds none that is of nothing."""
    stack(here, "local", {"flower": {"enabled": True}})
    firelens = PROD["airflow-stack:target"] | {"logs": {"firelens": True}}
    stack(here, "prod", PROD | {"airflow-stack:target": firelens})
    found = {(one.area, one.name) for one in diff(here, "local", "prod").differences}
    # The origin is this machine's, the image the same where that is the same; the longest stop is our worker's own.
    machine = {(Area.IMAGE, "base"), (Area.IMAGE, "tag"), (Area.SIZE, "stop timeout")}
    assert REASONS.keys() - found - machine == set()
    assert all(REASONS.values())


def test_reasons_of_roles_are_of_fields_that_there_are() -> None:
    """Rule: the table names fields of a role, and its probe's start period."""
    assert all(hasattr(role, name) for name in ROLE.keys() - {"start_period"} for role in describe(LocalConfig()).roles)
    assert all(ROLE.values())


def test_every_cause_is_a_key() -> None:
    """Rule: what a difference is put down to can be found in a stack's file."""
    raws: list[dict[str, Any]] = [
        {"secrets_backend": {"class_name": "a.B"}},
        {key.partition(":")[2]: value for key, value in PROD.items()},
    ]
    configs = [validated(raw) for raw in raws]
    for key in {key for keys in CAUSES.values() for key in keys}:
        for config in configs:
            section: Any = config
            for name in key.split("."):
                section = getattr(section, name, KeyError)
            if section is not KeyError:
                break
        else:
            pytest.fail(f"no target has {key}")
    assert describe(configs[0]).version
