"""bin/engine-args: SQLAlchemy's arguments for the database that the stack has."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from images.conftest import RUNTIME


@pytest.mark.parametrize(
    ("url", "more"),
    [
        ("postgresql+psycopg2://af:word@db/airflow", 3),
        ("mysql+pymysql://af:word@db/airflow", 0),
        ("sqlite:////tmp/airflow.db", 0),  # of `dags check`: it takes none of PostgreSQL's
    ],
)
def test_no_error_shows_the_values_of_its_statement(tmp_path: Path, url: str, more: int) -> None:
    """Rule: parameters are hidden with every dialect, and PostgreSQL keeps Airflow's own arguments beside."""
    (tmp_path / "sql_alchemy_conn").write_text(url)
    environment = os.environ | {"AIRFLOW_STACK_SECRETS_DIRECTORY": str(tmp_path)}
    program = subprocess.run(
        [str(RUNTIME / "bin" / "engine-args")], env=environment, capture_output=True, text=True, check=True
    )
    found = json.loads(program.stdout)
    assert found.pop("hide_parameters") is True
    assert len(found) == more
