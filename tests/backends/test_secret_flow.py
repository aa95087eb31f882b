"""Where secrets come from, where they go, and where they must not show."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from airflow_stack.airflow import describe
from airflow_stack.airflow.secrets import generated
from airflow_stack.backends import secret_files
from airflow_stack.backends.compose import compose, render
from airflow_stack.backends.containers import plan
from airflow_stack.config import LocalConfig
from backends.recorder import Deployed, deploy, generated_password, machine

EVERYTHING = {"flower": {"enabled": True}, "secrets_backend": {"class_name": "a.B"}}
FERNET = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
GIVEN = {
    "admin_password": "given-admin-password",
    "airflow_database_password": "given-database-password",
    "fernet_key": FERNET,
    "flower_password": "given-flower-password",
    "internal_api_secret_key": "given-internal-key",
    "postgres_password": "given-postgres-password",
    "redis_password": "given-redis-password",
    "secrets_backend_kwargs": '{"token": "given-token"}',
    "webserver_secret_key": "given-webserver-key",
}
AIRFLOW = {"init", "webserver", "scheduler", "triggerer", "worker-1", "worker-2", "flower"}


def marks(deployed: Deployed) -> dict[str, str | None]:
    """Fingerprints of the secrets that a container reads, by service; None is one that a preview can't know."""
    return {
        service: label.get("value")
        for service, container in deployed.containers.items()
        for label in container["labels"]
        if label["label"] == "airflow-stack.secrets"
    }


def contents(directory: Path) -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in directory.iterdir() if path.is_file()}


@pytest.mark.parametrize("given", [{}, GIVEN], ids=["generated", "given"])
@pytest.mark.parametrize("preview", [False, True], ids=["update", "preview"])
def test_no_secret_is_in_a_plain_input(tmp_path: Path, given: dict[str, str], preview: bool) -> None:
    """Environment, labels, commands, names: nothing that Docker shows holds a secret or a file made of one."""
    deployed = deploy(EVERYTHING, machine(tmp_path), given, preview=preview)
    on_disk = deployed if not preview else deploy(EVERYTHING, machine(tmp_path), given)
    written = secret_files.kept(on_disk.machine.secrets) | contents(on_disk.machine.secrets)
    secret = {value for value in written.values() if len(value) > 7}
    assert len(secret) > 8
    inputs = json.dumps([resource.inputs for resource in deployed.resources])
    assert not {value for value in secret if json.dumps(value)[1:-1] in inputs}


def test_no_secret_is_in_the_compose_file() -> None:
    """It names the files and, where their contents are known, fingerprints alone."""
    config = LocalConfig.model_validate(EVERYTHING)
    on = machine(Path("/srv"))
    planned = plan(config, describe(config), on)
    files = {name: f"content-of-{name}" for container in planned.containers for name in container.secrets}
    text = render(compose(planned, on, "local", files))
    assert "content-of-" not in text
    assert "airflow-stack.secrets" in text


def test_what_pulumi_generates_is_secret_in_its_state(tmp_path: Path) -> None:
    """Of every random resource, the value is a secret output; none is derived in plain."""
    deployed = deploy(EVERYTHING, machine(tmp_path), {"secrets_backend_kwargs": "{}"})
    made = [resource for resource in deployed.resources if resource.type.startswith("random:")]
    assert {name.removeprefix("airflow-").replace("-", "_") for name in (resource.name for resource in made)} == {
        secret.key for secret in generated(LocalConfig.model_validate(EVERYTHING))
    }
    for resource in made:
        assert resource.secret_outputs & {"result", "base64"}
        if resource.type.endswith("RandomPassword"):
            assert resource.inputs["special"] is False, "a password must need no escape in a URL or a file"
            assert resource.inputs["length"] >= 32


def test_a_stack_without_secrets_generates_its_own_once(tmp_path: Path) -> None:
    """The first run writes what pulumi-random made."""
    deployed = deploy({}, machine(tmp_path))
    kept = secret_files.kept(deployed.machine.secrets)
    assert kept["redis_password"] == generated_password("airflow-redis-password")
    assert deployed.resolved["admin_password"] == (generated_password("airflow-admin-password"), True)


def test_kept_secrets_win_over_generated_ones(tmp_path: Path) -> None:
    """A volume that outlived its stack opens with what it was made with: nothing is generated anew."""
    on = machine(tmp_path)
    secret_files.write(on.secrets, {"redis_password": "kept-from-before", "fernet_key": FERNET}, {})
    deployed = deploy({}, on)
    kept = secret_files.kept(on.secrets)
    assert kept["redis_password"] == "kept-from-before"
    assert kept["fernet_key"] == FERNET
    assert kept["webserver_secret_key"] == generated_password("airflow-webserver-secret-key")
    assert contents(on.secrets)["broker_url"] == "redis://:kept-from-before@af-redis:6379/0"
    assert deployed.of("random:index/randomPassword:RandomPassword").keys() >= {"airflow-redis-password"}


def test_given_secrets_win_over_kept_ones(tmp_path: Path) -> None:
    """Who sets a secret means it; the next run without it keeps it."""
    on = machine(tmp_path)
    secret_files.write(on.secrets, {"redis_password": "kept-from-before"}, {})
    deploy({}, on, {"redis_password": GIVEN["redis_password"]})
    assert secret_files.kept(on.secrets)["redis_password"] == GIVEN["redis_password"]
    deploy({}, on)
    assert secret_files.kept(on.secrets)["redis_password"] == GIVEN["redis_password"]


def test_a_second_run_changes_no_container(tmp_path: Path) -> None:
    """Same config, same secrets: the same inputs, to the byte."""
    on = machine(tmp_path)
    first, second = (json.dumps(deploy(EVERYTHING, on, GIVEN).containers, sort_keys=True) for _ in range(2))
    assert first == second


@pytest.mark.parametrize(
    ("key", "value", "readers"),
    [
        ("admin_password", "another-password", {"init"}),
        ("postgres_password", "another-password", {"postgres"}),
        ("airflow_database_password", "another-password", {"postgres"} | AIRFLOW),
        ("redis_password", "another-password", {"redis"} | AIRFLOW),
        ("flower_password", "another-password", {"flower"}),
        ("webserver_secret_key", "another-password", AIRFLOW),
        ("internal_api_secret_key", "another-password", AIRFLOW),
        ("secrets_backend_kwargs", "{}", AIRFLOW),
        ("fernet_key", FERNET.replace("MDEy", "MjIy"), {"postgres", "redis"} | AIRFLOW),
    ],
)
def test_a_changed_secret_replaces_just_its_readers(tmp_path: Path, key: str, value: str, readers: set[str]) -> None:
    """A container's label follows the secrets that it reads. The Fernet key is the fingerprints' own: all follow it."""
    on = machine(tmp_path)
    before, after = deploy(EVERYTHING, on, GIVEN), deploy(EVERYTHING, on, GIVEN | {key: value})
    assert {s for s in marks(before) if marks(before)[s] != marks(after)[s]} == readers
    for service in before.containers.keys() - readers:
        assert before.containers[service] == after.containers[service]


def test_a_new_secret_leaves_the_other_containers_known(tmp_path: Path) -> None:
    """Rule: a preview that can't know Flower's new password knows what the others read; the kept ones are unchanged."""
    on = machine(tmp_path)
    before = deploy({}, on)
    on_disk = secret_files.kept(on.secrets)
    with_flower = {"flower": {"enabled": True}}
    after = deploy(with_flower, on, preview=True, unmade={"airflow-flower-password"})
    assert marks(after) == marks(before) | {"flower": None}
    assert secret_files.kept(on.secrets) == on_disk
    deploy(with_flower, on)
    assert secret_files.kept(on.secrets) == on_disk | {"flower_password": generated_password("airflow-flower-password")}


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_nobody_else_can_reach_the_secret_files(tmp_path: Path) -> None:
    """Directories are the owner's alone; files are readable to any user that a container mounts them for."""
    deployed = deploy({}, machine(tmp_path / "stack"))
    directory = deployed.machine.secrets
    for folder in (directory, directory / secret_files.VALUES):
        assert mode(folder) == 0o700
    for path in directory.rglob("*"):
        if path.is_file():
            assert mode(path) == 0o444


def test_a_file_is_changed_in_place(tmp_path: Path) -> None:
    """A running container has this very inode mounted."""
    secret_files.write(tmp_path / "s", {}, {"a": "one"})
    inode = (tmp_path / "s" / "a").stat().st_ino
    secret_files.write(tmp_path / "s", {}, {"a": "two"})
    assert (tmp_path / "s" / "a").read_text() == "two"
    assert (tmp_path / "s" / "a").stat().st_ino == inode
    assert mode(tmp_path / "s" / "a") == 0o444


def test_a_file_that_is_right_is_left_alone(tmp_path: Path) -> None:
    """A second run touches nothing."""
    secret_files.write(tmp_path / "s", {"k": "v"}, {"a": "one"})
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "s").rglob("*") if path.is_file()}
    secret_files.write(tmp_path / "s", {"k": "v"}, {"a": "one"})
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_without_pulumi_secrets_are_as_strong() -> None:
    """Compose's stack generates 32 letters and digits, and a Fernet key of 32 bytes; never the same twice."""
    for secret in generated(LocalConfig.model_validate(EVERYTHING)):
        values = {secret_files.generate(secret) for _ in range(5)}
        assert len(values) == 5
        assert {len(value) for value in values} == ({44} if secret.key == "fernet_key" else {32})
