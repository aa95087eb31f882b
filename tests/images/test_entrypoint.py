"""bin/entrypoint: secrets that come as variables become files, and no process has them in its environment."""

from __future__ import annotations

import stat
import subprocess
from pathlib import Path

import pytest

from images.conftest import RUNTIME

SCRIPTS = {
    "dumb-init": '#!/bin/sh\n[ "$1" = -- ] || exit 9\nshift\nexec "$@"\n',
    "python3": '#!/bin/sh\necho "python3 $*"\n',
    "airflow": '#!/bin/sh\necho "airflow $*"\n',
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A folder of commands that say how they were called."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, text in SCRIPTS.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    return folder


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    """The folder of the secret files."""
    folder = tmp_path / "secrets"
    folder.mkdir()
    return folder


def run(path: Path, secrets: Path, *command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": f"{path}:/usr/bin:/bin", "AIRFLOW_STACK_SECRETS_DIRECTORY": str(secrets), **variables}
    return subprocess.run(
        ["/bin/bash", str(RUNTIME / "bin" / "entrypoint"), *command], env=environment, capture_output=True, text=True
    )


def test_a_secret_becomes_a_file(path: Path, secrets: Path) -> None:
    """Named in lower case, readable by user and group alone, with exactly the value: quotes, lines and all."""
    value = "a b'\"$HOME`x`\\n\n second line %s"
    result = run(path, secrets, "true", AIRFLOW_STACK_SECRET_SQL_ALCHEMY_CONN=value, AIRFLOW_STACK_SECRET_EMPTY="")
    assert result.returncode == 0, result.stderr
    assert (secrets / "sql_alchemy_conn").read_text() == value
    assert (secrets / "empty").read_text() == ""
    assert stat.S_IMODE((secrets / "sql_alchemy_conn").stat().st_mode) == 0o440
    assert sorted(file.name for file in secrets.iterdir()) == ["empty", "sql_alchemy_conn"]


def test_no_process_has_it_in_its_environment(path: Path, secrets: Path) -> None:
    """Neither the command nor the first process of the container, which /proc/1 shows."""
    (path / "dumb-init").write_text("#!/bin/sh\nenv\n")
    result = run(path, secrets, "true", AIRFLOW_STACK_SECRET_FERNET_KEY="hidden", AIRFLOW_STACK_SQS_QUEUE_URL="shown")
    assert "AIRFLOW_STACK_SECRET_" not in result.stdout
    assert "hidden" not in result.stdout + result.stderr
    assert "AIRFLOW_STACK_SQS_QUEUE_URL=shown" in result.stdout


def test_a_restart_writes_it_anew(path: Path, secrets: Path) -> None:
    """ECS restarts a container with its files, which are read-only, and perhaps with a new value."""
    run(path, secrets, "true", AIRFLOW_STACK_SECRET_FERNET_KEY="old")
    # Only root, who runs some of these tests, could write to the old file: another name of it shows that nobody did.
    (secrets / "kept").hardlink_to(secrets / "fernet_key")
    assert run(path, secrets, "true", AIRFLOW_STACK_SECRET_FERNET_KEY="new").returncode == 0
    assert (secrets / "fernet_key").read_text() == "new"
    assert (secrets / "kept").read_text() == "old"


def test_without_such_variables_nothing_changes(path: Path, secrets: Path) -> None:
    """Locally the files are mounted: the folder is not touched, and need not be there."""
    (secrets / "fernet_key").write_text("mounted")
    (secrets / "fernet_key").chmod(0o400)
    assert run(path, secrets, "cat", str(secrets / "fernet_key")).stdout == "mounted"
    assert run(path, secrets / "missing", "echo", "works").stdout == "works\n"


def test_a_secret_that_cannot_be_written_stops_the_start(path: Path, secrets: Path) -> None:
    """A role without its secret would fail later, and less clearly."""
    result = run(path, secrets / "missing", "echo", "works", AIRFLOW_STACK_SECRET_FERNET_KEY="hidden")
    assert result.returncode != 0
    assert "works" not in result.stdout
    assert "hidden" not in result.stderr


@pytest.mark.parametrize(
    ("command", "runs"),
    [
        (["airflow", "scheduler"], "python3 -m airflow_stack_runtime.boot.launch scheduler"),
        (["airflow", "api-server"], "python3 -m airflow_stack_runtime.boot.launch api-server"),
        (["celery", "worker"], "python3 -m airflow_stack_runtime.boot.launch celery worker"),
        (["airflow", "celery", "flower"], "python3 -m airflow_stack_runtime.boot.flower celery flower"),
        (["celery", "stop"], "airflow celery stop"),
        (["airflow", "dags", "list"], "airflow dags list"),
        (["echo", "a b", "c"], "a b c"),
    ],
)
def test_roles_are_launched(path: Path, secrets: Path, command: list[str], runs: str) -> None:
    """The roles that need the database go through the launcher, any other command runs as it is."""
    assert run(path, secrets, *command).stdout == f"{runs}\n"
