"""What DAGs are tried in, on either target."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from airflow_stack.errors import OperationError
from airflow_stack.operations import image_build
from airflow_stack.operations.dags import subject as module
from airflow_stack.operations.dags.subject import Subject, subject

ROOT = Path(__file__).parents[3]
AWS = "kind: aws\n    region: eu-central-1\n    load_balancer: {allowed_cidrs: [203.0.113.0/24], plain_http: true}"


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with images/ and a folder of DAGs, on a machine that has every image."""
    shutil.copytree(ROOT / "images", tmp_path / "images")
    (tmp_path / "dags").mkdir()
    (tmp_path / ".airflow-stack").mkdir()
    (tmp_path / ".airflow-stack" / "image-origin").write_text("debian\n")
    monkeypatch.setattr(module, "client", lambda: None)
    monkeypatch.setattr(image_build, "exists", lambda _: True)
    return tmp_path


def of(program: Path, target: str = "{}") -> Subject:
    options = "{core: {default_timezone: Europe/Berlin}, sentry: {sentry_on: true}}"
    executor = "CeleryExecutor" if target == AWS else "LocalExecutor"  # whose scheduler runs tasks, and reaches Docker
    text = (
        f"config:\n  airflow-stack:target:\n    {target}\n"
        f"  airflow-stack:airflow: {{executor: {executor}, options: {options}}}\n"
    )
    (program / "Pulumi.x.yaml").write_text(text)
    return subject(program, "x", print)


@pytest.mark.parametrize("target", ["{uid: 1234}", AWS])
def test_the_environment(program: Path, target: str) -> None:
    """Rule: the user's options are there; no Docker and no Sentry; connections and variables are in files."""
    found = of(program, target)
    assert found.environment["AIRFLOW__CORE__DEFAULT_TIMEZONE"] == "Europe/Berlin"
    assert found.environment["AIRFLOW__SENTRY__SENTRY_ON"] == "False"
    assert "DOCKER_HOST" not in found.environment
    files = json.loads(found.environment["AIRFLOW__SECRETS__BACKEND_KWARGS"])
    assert files["connections_file_path"] == "/run/given/connections.json"
    assert "fernet_key" in found.secrets
    assert found.image.name == "airflow"
    assert found.user == ("50000:0" if "aws" in target else "1234:0")


def test_the_folders(program: Path) -> None:
    """Rule: those of the project that are there, and never its logs."""
    (program / "plugins").mkdir()
    (program / "logs").mkdir()
    assert sorted(of(program).folders) == ["dags", "plugins"]


def test_no_folder_of_dags(program: Path) -> None:
    """Rule: a project without DAGs is told where they should be."""
    (program / "dags").rmdir()
    with pytest.raises(OperationError, match="there is no folder of DAGs"):
        of(program)
