"""The entrypoint of PostgreSQL's image: a database keeps the names it was made with; another is told by its key."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

ENTRYPOINT = Path(__file__).parents[2] / "images/postgres/entrypoint"
NAMES = {"POSTGRES_USER": "postgres", "AIRFLOW_USER": "airflow", "AIRFLOW_DATABASE": "airflow"}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data directory that has been made, and the base image's entrypoint, which here only says that it is reached."""
    directory = tmp_path / "pgdata"
    directory.mkdir()
    (directory / "PG_VERSION").write_text("16\n")
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, script in {"docker-entrypoint.sh": 'echo "starts: $1"', "chown": ":"}.items():
        (programs / name).write_text(f"#!/bin/sh\n{script}\n")
        (programs / name).chmod(0o755)
    return directory


def start(data: Path, state: str, **names: str) -> subprocess.CompletedProcess[str]:
    """The container's start, with what the volume says of the database and what config says now."""
    (data.parent / "pgdata.state").write_text(f"{state}\n")
    environment = {
        "PATH": f"{data.parent}/bin:{os.environ['PATH']}",
        "PGDATA": str(data),
        "AIRFLOW_PASSWORD_FILE": "/run/secrets/airflow_database_password",
    }
    return subprocess.run(
        ["bash", str(ENTRYPOINT), "postgres"],
        env=environment | NAMES | names, capture_output=True, text=True, check=False,
    )  # fmt: skip


def noted(data: Path) -> str:
    return (data.parent / "pgdata.state").read_text().strip()


def test_a_database_with_its_own_names_starts(data: Path) -> None:
    """Rule: a second start changes nothing."""
    begun = start(data, "ready postgres airflow airflow")
    assert (begun.returncode, begun.stdout) == (0, "starts: postgres\n"), begun.stderr
    assert noted(data) == "ready postgres airflow airflow"


@pytest.mark.parametrize(
    ("variable", "key", "was"),
    [
        ("POSTGRES_USER", "database.superuser", "postgres"),
        ("AIRFLOW_USER", "database.user", "airflow"),
        ("AIRFLOW_DATABASE", "database.name", "airflow"),
    ],
)
def test_another_name_is_told_by_its_key_with_the_way_back(data: Path, variable: str, key: str, was: str) -> None:
    """Rule: nothing starts, and the volume stays as it was."""
    refused = start(data, "ready postgres airflow airflow", **{variable: "other"})
    assert refused.returncode == 1
    assert refused.stdout == ""
    assert f"airflow-stack:{key} is other, and this database was made with {was}." in refused.stderr
    assert f"airflow-stack:{key} {was}" in refused.stderr
    assert noted(data) == "ready postgres airflow airflow"


def test_a_database_of_before_notes_the_names_that_it_has_now(data: Path) -> None:
    """Rule: what was made before this file knew names is taken over as it is."""
    begun = start(data, "ready", AIRFLOW_USER="flow")
    assert (begun.returncode, begun.stdout) == (0, "starts: postgres\n"), begun.stderr
    assert noted(data) == "ready postgres flow airflow"


def test_a_hardened_stack_is_not_asked(data: Path) -> None:
    """It has no names in its environment any more."""
    begun = start(data, "ready postgres airflow airflow", AIRFLOW_PASSWORD_FILE="", AIRFLOW_USER="")
    assert begun.returncode == 0, begun.stderr
